/* Reader: tags, varints, lengths and unknown fields of the protobuf wire format.
 *
 * Every function returns an otlpv_status and reads nothing at or beyond `end`.
 * After a status other than OTLPV_OK the reader's position has no meaning:
 * keep the position of the tag if the fault is to name it.
 *
 *     otlpv_reader reader = {body, body + length};
 *     while (reader.at < reader.end) {
 *         const uint8_t *start = reader.at;
 *         otlpv_tag tag;
 *         uint64_t length;
 *         if ((status = otlpv_read_tag(&reader, &tag)) != OTLPV_OK) ...
 *         if (tag.number == 1 && tag.wire_type == OTLPV_WIRE_LENGTH)
 *             status = otlpv_read_length(&reader, &length);   // body: [reader.at, reader.at + length)
 *         else
 *             status = otlpv_skip_value(&reader, &tag, OTLPV_MAX_LEVELS - level);
 *     }
 *
 * What is read follows protobuf's upb, except for tags, where the collector
 * accepts more and we must not lose what it accepts: a tag may have up to 10
 * bytes, and the field number is bits 3 to 34 of it, as in the collector's
 * decoder. Such tags are marked OTLPV_DEFECT_ODD_TAG.
 */
#ifndef OTLPV_READER_H
#define OTLPV_READER_H

#include <stdbool.h>
#include <string.h>

#include "wire.h"

enum otlpv_wire_type {
    OTLPV_WIRE_VARINT = 0,
    OTLPV_WIRE_FIXED64 = 1,
    OTLPV_WIRE_LENGTH = 2,
    OTLPV_WIRE_GROUP_START = 3,
    OTLPV_WIRE_GROUP_END = 4,
    OTLPV_WIRE_FIXED32 = 5
};

/* Messages and groups within each other that upb follows; the request is level 0. */
#define OTLPV_MAX_LEVELS 100
/* Groups that the end of one message may cut off: to see that it does, each is read to that end first. The
 * collector has no limit, but then no encoder makes even one. */
#define OTLPV_MAX_CUT_GROUPS 8
#define OTLPV_VARINT_BYTES 10
#define OTLPV_LENGTH_BYTES 5 /* upb's limit for a length, however small its value */

typedef struct {
    const uint8_t *at;
    const uint8_t *end;
} otlpv_reader;

typedef struct {
    uint32_t number;    /* 1 to 2^31 - 1 */
    uint32_t wire_type; /* otlpv_wire_type, never 6 or 7 */
    uint32_t defects;   /* OTLPV_DEFECT_ODD_TAG or 0; otlpv_skip_value adds to it */
} otlpv_tag;

static inline uint64_t otlpv_load64(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

static inline uint32_t otlpv_load32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap32(value);
#endif
    return value;
}

static inline uint32_t otlpv_load16(const uint8_t *bytes)
{
    uint16_t value;
    memcpy(&value, bytes, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap16(value);
#endif
    return value;
}

/* Text of [bytes, bytes + length) in an input that begins at `base` (columns.h). */
static inline uint64_t otlpv_text(const uint8_t *base, const uint8_t *bytes, uint64_t length)
{
    return (uint64_t)(bytes - base) << 32 | length;
}

/* A varint of at most `most` bytes; what does not fit in 64 bits is cut off, as upb does. */
static inline int otlpv_read_long_varint(otlpv_reader *reader, uint32_t most, uint64_t *value)
{
    uint64_t result = 0;
    for (uint32_t i = 0; i < most; i++) {
        if (reader->at == reader->end)
            return OTLPV_TRUNCATED;
        uint64_t byte = *reader->at++;
        result |= (byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *value = result;
            return OTLPV_OK;
        }
    }
    return OTLPV_BAD_VARINT;
}

static inline int otlpv_read_varint(otlpv_reader *reader, uint64_t *value)
{
    if (reader->at < reader->end && *reader->at < 0x80) {
        *value = *reader->at++;
        return OTLPV_OK;
    }
    return otlpv_read_long_varint(reader, OTLPV_VARINT_BYTES, value);
}

/* A length, checked: the body is [reader->at, reader->at + *length), which does not pass `end`. */
static inline int otlpv_read_length(otlpv_reader *reader, uint64_t *length)
{
    if (reader->at < reader->end && *reader->at < 0x80) {
        *length = *reader->at++;
    } else {
        int status = otlpv_read_long_varint(reader, OTLPV_LENGTH_BYTES, length);
        if (status != OTLPV_OK)
            return status;
    }
    return *length <= (uint64_t)(reader->end - reader->at) ? OTLPV_OK : OTLPV_TRUNCATED;
}

/* A tag within a group, where 0 is a number like others, as it is to upb and to the collector: all of it is skipped. */
static inline int otlpv_read_inner_tag(otlpv_reader *reader, otlpv_tag *tag)
{
    const uint8_t *start = reader->at;
    uint64_t value;
    int status = otlpv_read_varint(reader, &value);
    if (status != OTLPV_OK)
        return status;
    tag->number = (uint32_t)(value >> 3);
    tag->wire_type = (uint32_t)value & 7;
    tag->defects = reader->at - start > 5 || value >> 32 || tag->number == 0 ? OTLPV_DEFECT_ODD_TAG : 0;
    if (tag->number >> 31)
        return OTLPV_BAD_TAG;
    return tag->wire_type <= OTLPV_WIRE_FIXED32 ? OTLPV_OK : OTLPV_BAD_WIRE_TYPE;
}

static inline int otlpv_read_tag(otlpv_reader *reader, otlpv_tag *tag)
{
    const int status = otlpv_read_inner_tag(reader, tag);
    const bool is_read = status == OTLPV_OK || status == OTLPV_BAD_WIRE_TYPE;
    return is_read && tag->number == 0 ? OTLPV_BAD_TAG : status;
}

static inline int otlpv_skip_bytes(otlpv_reader *reader, uint64_t count)
{
    if (count > (uint64_t)(reader->end - reader->at))
        return OTLPV_TRUNCATED;
    reader->at += count;
    return OTLPV_OK;
}

/* Skips the value of a field that is neither a group's start nor its end. */
static inline int otlpv_skip_scalar(otlpv_reader *reader, uint32_t wire_type)
{
    uint64_t value;
    switch (wire_type) {
    case OTLPV_WIRE_VARINT:
        return otlpv_read_varint(reader, &value);
    case OTLPV_WIRE_FIXED64:
        return otlpv_skip_bytes(reader, 8);
    case OTLPV_WIRE_FIXED32:
        return otlpv_skip_bytes(reader, 4);
    case OTLPV_WIRE_LENGTH: {
        int status = otlpv_read_length(reader, &value);
        if (status == OTLPV_OK)
            reader->at += value;
        return status;
    }
    default:
        return OTLPV_BAD_GROUP;
    }
}

/* Skips what follows `tag`, whatever it is; `levels` is how many groups may stand within each other
 * here. Adds OTLPV_DEFECT_GROUP, and OTLPV_DEFECT_ODD_TAG for tags inside a group, to tag->defects.
 *
 * A group that the end of its message cuts off is accepted, as the collector does, and ends where it does
 * there: behind the first field inside that is no group itself. What follows it are fields of the message. */
static inline int otlpv_skip_value(otlpv_reader *reader, otlpv_tag *tag, uint32_t levels)
{
    uint32_t open[OTLPV_MAX_LEVELS]; /* field numbers of the groups we are in */
    uint32_t depth = 0;
    const uint8_t *resume = NULL; /* behind the first field inside */
    if (tag->wire_type != OTLPV_WIRE_GROUP_START)
        return otlpv_skip_scalar(reader, tag->wire_type);
    if (levels > OTLPV_MAX_LEVELS)
        levels = OTLPV_MAX_LEVELS;
    if (levels == 0)
        return OTLPV_BAD_GROUP;
    tag->defects |= OTLPV_DEFECT_GROUP;
    open[depth++] = tag->number;
    while (depth > 0 && reader->at < reader->end) {
        otlpv_tag inner;
        int status = otlpv_read_inner_tag(reader, &inner);
        if (status != OTLPV_OK)
            return status;
        tag->defects |= inner.defects;
        if (inner.wire_type == OTLPV_WIRE_GROUP_START) {
            if (depth == levels)
                return OTLPV_BAD_GROUP;
            open[depth++] = inner.number;
        } else if (inner.wire_type == OTLPV_WIRE_GROUP_END) {
            if (inner.number != open[--depth])
                return OTLPV_BAD_GROUP;
        } else {
            if ((status = otlpv_skip_scalar(reader, inner.wire_type)) != OTLPV_OK)
                return status;
            if (resume == NULL)
                resume = reader->at;
        }
    }
    if (depth > OTLPV_MAX_CUT_GROUPS)
        return OTLPV_BAD_GROUP;
    if (depth > 0 && resume != NULL)
        reader->at = resume;
    return OTLPV_OK;
}

#endif
