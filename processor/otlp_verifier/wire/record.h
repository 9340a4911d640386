/* Records: spans, their status, events and links, each read into its row.
 *
 * Included by scan.c alone: it is compiled once for each pass.
 */
#ifndef OTLPV_RECORD_H
#define OTLPV_RECORD_H

#include "attribute.h"

/* Known fields, bit per number (opentelemetry-proto 1.x). */
#define KNOWN_IN_SPAN 0x1FFFEu
#define KNOWN_IN_STATUS 0xCu
#define KNOWN_IN_EVENT 0x1Eu
#define KNOWN_IN_LINK 0x7Eu

/* How many messages are around each; the request is 0. */
enum level {
    REQUEST = 0,
    RESOURCE_SPANS = 1,
    RESOURCE = 2,
    SCOPE_SPANS = 2,
    ENTITY_REF = 3,
    SCOPE = 3,
    SPAN = 3,
    STATUS = 4,
    EVENT = 4,
    LINK = 4
};

#define LENGTH(number) OTLPV_TAG(number, OTLPV_WIRE_LENGTH)
#define VARINT(number) OTLPV_TAG(number, OTLPV_WIRE_VARINT)
#define FIXED64(number) OTLPV_TAG(number, OTLPV_WIRE_FIXED64)
#define FIXED32(number) OTLPV_TAG(number, OTLPV_WIRE_FIXED32)

/* Bytes as a big-endian number of `size` bytes, 8 at most, zero bytes after the end of a short one. */
static uint64_t read_short_id(const uint8_t *body, uint64_t length, uint64_t size)
{
    uint64_t id = 0;
    for (uint64_t i = 0; i < size; i++)
        id = id << 8 | (i < length ? body[i] : 0);
    return id;
}

OTLPV_HOT int take_trace_id(otlpv_reader *reader, uint64_t *high, uint64_t *low, uint32_t *length_in_bytes)
{
    const uint8_t *body;
    uint64_t length;
    const int status = otlpv_take_body(reader, &body, &length);
    if (status != OTLPV_OK)
        return status;
    if (__builtin_expect(length == 16, 1)) {
        *high = __builtin_bswap64(otlpv_load64(body));
        *low = __builtin_bswap64(otlpv_load64(body + 8));
    } else {
        *high = read_short_id(body, length, 8);
        *low = length > 8 ? read_short_id(body + 8, length - 8, 8) : 0;
    }
    *length_in_bytes = length < 255 ? (uint32_t)length : 255;
    return OTLPV_OK;
}

OTLPV_HOT int take_span_id(otlpv_reader *reader, uint64_t *id, uint32_t *length_in_bytes)
{
    const uint8_t *body;
    uint64_t length;
    const int status = otlpv_take_body(reader, &body, &length);
    if (status != OTLPV_OK)
        return status;
    *id = __builtin_expect(length == 8, 1) ? __builtin_bswap64(otlpv_load64(body)) : read_short_id(body, length, 8);
    *length_in_bytes = length < 255 ? (uint32_t)length : 255;
    return OTLPV_OK;
}

/* A child gets a row and its bytes are noted there. */
OTLPV_HOT int allot(otlpv_pass *pass, const otlpv_table *table, uint32_t bytes_column, uint32_t *found,
                    uint32_t allowed, uint32_t limit, const uint8_t *body, uint64_t length, otlpv_place place,
                    const bool fill)
{
    if (__builtin_expect(*found == allowed, 0))
        return otlpv_full(pass, limit, allowed, place);
    if (fill)
        table->wide[(uint64_t)bytes_column * table->capacity + *found] = otlpv_text(pass->base, body, length);
    ++*found;
    return OTLPV_OK;
}

/* The reader for row `row`, whose bytes `allot` has noted. */
OTLPV_HOT otlpv_reader reader_of(const otlpv_pass *pass, const otlpv_table *table, uint32_t bytes_column, uint32_t row)
{
    const uint64_t text = table->wide[(uint64_t)bytes_column * table->capacity + row];
    const uint8_t *body = pass->base + (text >> 32);
    const otlpv_reader reader = {body, body + (text & UINT32_MAX)};
    return reader;
}

OTLPV_HOT int read_event(otlpv_pass *pass, otlpv_reader reader, uint32_t row, uint32_t span, const bool fill)
{
    uint64_t wide[OTLPV_EVENT_WIDE] = {0};
    uint32_t narrow[OTLPV_EVENT_NARROW] = {0};
    uint32_t defects = 0, seen = 0, tag;
    otlpv_owner owner;
    otlpv_begin_owner(pass, &owner);
    wide[OTLPV_EVENT_BYTES] = otlpv_text(pass->base, reader.at, (uint64_t)(reader.end - reader.at));
    while (reader.at < reader.end) {
        otlpv_place place = {reader.at, OTLPV_MESSAGE_EVENT};
        int status = otlpv_next_tag(&reader, &tag, &defects);
        if (status == OTLPV_OK) {
            switch (tag) {
            case FIXED64(1):
                otlpv_once(1, &seen, &defects);
                status = otlpv_take_fixed64(&reader, &wide[OTLPV_EVENT_TIME]);
                break;
            case LENGTH(2):
                otlpv_once(2, &seen, &defects);
                status = otlpv_take_string(pass, &reader, &wide[OTLPV_EVENT_NAME], &defects, fill);
                break;
            case LENGTH(3):
                status = otlpv_take_attributes(pass, &reader, &place, LENGTH(3), EVENT + 1, &owner, fill);
                break;
            case VARINT(4):
                otlpv_once(4, &seen, &defects);
                status = otlpv_take_uint32(&reader, &narrow[OTLPV_EVENT_DROPPED_ATTRIBUTES]);
                break;
            default:
                status = otlpv_skip(&reader, place, KNOWN_IN_EVENT, EVENT, &defects);
            }
        }
        if (__builtin_expect(status != OTLPV_OK, 0))
            return otlpv_fail(pass, status, place);
    }
    defects |= otlpv_end_owner(pass, &owner, fill);
    if (fill) {
        narrow[OTLPV_EVENT_SPAN] = span;
        narrow[OTLPV_EVENT_ATTRIBUTE_START] = owner.start;
        narrow[OTLPV_EVENT_ATTRIBUTE_COUNT] = owner.row - owner.start;
        narrow[OTLPV_EVENT_DEFECTS] = defects;
        otlpv_write_row(&pass->columns.events, row, wide, OTLPV_EVENT_WIDE, narrow, OTLPV_EVENT_NARROW);
    }
    return OTLPV_OK;
}

OTLPV_HOT int read_link(otlpv_pass *pass, otlpv_reader reader, uint32_t row, uint32_t span, const bool fill)
{
    uint64_t wide[OTLPV_LINK_WIDE] = {0};
    uint32_t narrow[OTLPV_LINK_NARROW] = {0};
    uint32_t defects = 0, seen = 0, tag, trace_id_length = 0, span_id_length = 0;
    otlpv_owner owner;
    otlpv_begin_owner(pass, &owner);
    wide[OTLPV_LINK_BYTES] = otlpv_text(pass->base, reader.at, (uint64_t)(reader.end - reader.at));
    while (reader.at < reader.end) {
        otlpv_place place = {reader.at, OTLPV_MESSAGE_LINK};
        int status = otlpv_next_tag(&reader, &tag, &defects);
        if (status == OTLPV_OK) {
            switch (tag) {
            case LENGTH(1):
                otlpv_once(1, &seen, &defects);
                status = take_trace_id(&reader, &wide[OTLPV_LINK_TRACE_ID_HIGH], &wide[OTLPV_LINK_TRACE_ID_LOW],
                                       &trace_id_length);
                break;
            case LENGTH(2):
                otlpv_once(2, &seen, &defects);
                status = take_span_id(&reader, &wide[OTLPV_LINK_SPAN_ID], &span_id_length);
                break;
            case LENGTH(3):
                otlpv_once(3, &seen, &defects);
                status = otlpv_take_string(pass, &reader, &wide[OTLPV_LINK_TRACE_STATE], &defects, fill);
                break;
            case LENGTH(4):
                status = otlpv_take_attributes(pass, &reader, &place, LENGTH(4), LINK + 1, &owner, fill);
                break;
            case VARINT(5):
                otlpv_once(5, &seen, &defects);
                status = otlpv_take_uint32(&reader, &narrow[OTLPV_LINK_DROPPED_ATTRIBUTES]);
                break;
            case FIXED32(6):
                otlpv_once(6, &seen, &defects);
                status = otlpv_take_fixed32(&reader, &narrow[OTLPV_LINK_FLAGS]);
                break;
            default:
                status = otlpv_skip(&reader, place, KNOWN_IN_LINK, LINK, &defects);
            }
        }
        if (__builtin_expect(status != OTLPV_OK, 0))
            return otlpv_fail(pass, status, place);
    }
    defects |= otlpv_end_owner(pass, &owner, fill);
    if (fill) {
        narrow[OTLPV_LINK_SPAN] = span;
        narrow[OTLPV_LINK_ATTRIBUTE_START] = owner.start;
        narrow[OTLPV_LINK_ATTRIBUTE_COUNT] = owner.row - owner.start;
        narrow[OTLPV_LINK_ID_LENGTHS] = trace_id_length | span_id_length << 8;
        narrow[OTLPV_LINK_DEFECTS] = defects;
        otlpv_write_row(&pass->columns.links, row, wide, OTLPV_LINK_WIDE, narrow, OTLPV_LINK_NARROW);
    }
    return OTLPV_OK;
}

OTLPV_HOT int read_status(otlpv_pass *pass, otlpv_reader reader, uint64_t *message, uint32_t *code, uint32_t *defects,
                          const bool fill)
{
    uint32_t seen = 0, tag;
    while (reader.at < reader.end) {
        otlpv_place place = {reader.at, OTLPV_MESSAGE_STATUS};
        int status = otlpv_next_tag(&reader, &tag, defects);
        if (status == OTLPV_OK) {
            switch (tag) {
            case LENGTH(2):
                otlpv_once(2, &seen, defects);
                status = otlpv_take_string(pass, &reader, message, defects, fill);
                break;
            case VARINT(3):
                otlpv_once(3, &seen, defects);
                status = otlpv_take_uint32(&reader, code);
                break;
            default:
                status = otlpv_skip(&reader, place, KNOWN_IN_STATUS, STATUS, defects);
            }
        }
        if (__builtin_expect(status != OTLPV_OK, 0))
            return otlpv_fail(pass, status, place);
    }
    return OTLPV_OK;
}

/* Each pass has its own, and each is a function of its own: together they would not fit in the registers. */
OTLPV_OWN int count_event(otlpv_pass *pass, otlpv_reader reader) { return read_event(pass, reader, 0, 0, false); }
OTLPV_OWN int fill_event(otlpv_pass *pass, uint32_t row, uint32_t span)
{
    return read_event(pass, reader_of(pass, &pass->columns.events, OTLPV_EVENT_BYTES, row), row, span, true);
}
OTLPV_OWN int count_link(otlpv_pass *pass, otlpv_reader reader) { return read_link(pass, reader, 0, 0, false); }
OTLPV_OWN int fill_link(otlpv_pass *pass, uint32_t row, uint32_t span)
{
    return read_link(pass, reader_of(pass, &pass->columns.links, OTLPV_LINK_BYTES, row), row, span, true);
}

/* What is known of a span besides its columns. */
typedef struct {
    uint32_t trace_id_length, span_id_length, parent_id_length;
    uint32_t defects;
    uint32_t seen;
} span_state;

#define FLAGS_TAG 0x0185 /* FIXED32(16) as a varint */
#define NAME_LENGTH_MAX 0x7F
/* Both times and kind, with their tags. */
#define TIMES_SIZE (9 + 9 + 2)
/* The ids with their tags. */
#define TRACE_ID_SIZE 18
#define SPAN_ID_SIZE 10

OTLPV_HOT bool is_trace_id(const uint8_t *at) { return otlpv_load16(at) == (LENGTH(1) | 16 << 8); }
OTLPV_HOT bool is_span_id(const uint8_t *at) { return otlpv_load16(at) == (LENGTH(2) | 8 << 8); }
OTLPV_HOT bool is_parent_id(const uint8_t *at) { return otlpv_load16(at) == (LENGTH(4) | 8 << 8); }
OTLPV_HOT bool is_short_name(const uint8_t *at) { return at[0] == LENGTH(5) && at[1] <= NAME_LENGTH_MAX; }

OTLPV_HOT const uint8_t *take_plain_trace_id(const uint8_t *at, uint64_t *wide, span_state *span)
{
    wide[OTLPV_SPAN_TRACE_ID_HIGH] = __builtin_bswap64(otlpv_load64(at + 2));
    wide[OTLPV_SPAN_TRACE_ID_LOW] = __builtin_bswap64(otlpv_load64(at + 10));
    span->trace_id_length = 16;
    span->seen |= 1u << 1;
    return at + TRACE_ID_SIZE;
}

OTLPV_HOT const uint8_t *take_plain_span_id(const uint8_t *at, uint64_t *wide, span_state *span)
{
    wide[OTLPV_SPAN_SPAN_ID] = __builtin_bswap64(otlpv_load64(at + 2));
    span->span_id_length = 8;
    span->seen |= 1u << 2;
    return at + SPAN_ID_SIZE;
}

OTLPV_HOT const uint8_t *take_plain_parent_id(const uint8_t *at, uint64_t *wide, span_state *span)
{
    wide[OTLPV_SPAN_PARENT_SPAN_ID] = __builtin_bswap64(otlpv_load64(at + 2));
    span->parent_id_length = 8;
    span->seen |= 1u << 4;
    return at + SPAN_ID_SIZE;
}

OTLPV_HOT const uint8_t *take_short_name(const otlpv_pass *pass, const uint8_t *at, uint64_t *wide, span_state *span,
                                         const bool fill)
{
    const uint32_t length = at[1];
    if (fill) {
        wide[OTLPV_SPAN_NAME] = otlpv_text(pass->base, at + 2, length);
        if (__builtin_expect(!otlpv_is_utf8(at + 2, length), 0))
            span->defects |= OTLPV_DEFECT_FIELD_UTF8;
    }
    span->seen |= 1u << 5;
    return at + 2 + length;
}

/* The fields before the attributes as SDKs send them: in order, each once, of the usual lengths. Reads as many as
 * are so, from the first on; the loop over any fields does the rest. */
OTLPV_HOT void read_ascending_fields(const otlpv_pass *pass, otlpv_reader *reader, uint64_t *wide, uint32_t *narrow,
                                     span_state *span, const bool fill)
{
    const uint8_t *at = reader->at;
    if (reader->end - at < TRACE_ID_SIZE + SPAN_ID_SIZE + SPAN_ID_SIZE + 2 || !is_trace_id(at))
        return;
    reader->at = at = take_plain_trace_id(at, wide, span);
    if (!is_span_id(at))
        return;
    reader->at = at = take_plain_span_id(at, wide, span);
    if (is_parent_id(at))
        reader->at = at = take_plain_parent_id(at, wide, span);
    if (!is_short_name(at) || reader->end - at < 2 + at[1] + TIMES_SIZE)
        return;
    reader->at = at = take_short_name(pass, at, wide, span, fill);
    if (at[0] != VARINT(6) || at[1] >= 0x80 || at[2] != FIXED64(7) || at[11] != FIXED64(8))
        return;
    narrow[OTLPV_SPAN_KIND] = at[1];
    wide[OTLPV_SPAN_START_TIME] = otlpv_load64(at + 3);
    wide[OTLPV_SPAN_END_TIME] = otlpv_load64(at + 12);
    span->seen |= 1u << 6 | 1u << 7 | 1u << 8;
    reader->at = at + TIMES_SIZE;
}

/* The same for the fields behind the attributes: flags alone as SDKs send them, or everything else in
 * descending order, but flags before the ids and ids even when they are empty, as the collector does. */
OTLPV_HOT void read_descending_fields(const otlpv_pass *pass, otlpv_reader *reader, uint64_t *wide, uint32_t *narrow,
                                      span_state *span, const bool fill)
{
    const uint8_t *at = reader->at;
    const uint8_t *const end = reader->end;
    if (end - at >= TIMES_SIZE + 2 && at[0] == FIXED64(8) && at[9] == FIXED64(7) && at[18] == VARINT(6) &&
        at[19] < 0x80 && (span->seen & (1u << 5 | 1u << 6 | 1u << 7 | 1u << 8)) == 0) {
        wide[OTLPV_SPAN_END_TIME] = otlpv_load64(at + 1);
        wide[OTLPV_SPAN_START_TIME] = otlpv_load64(at + 10);
        narrow[OTLPV_SPAN_KIND] = at[19];
        span->seen |= 1u << 6 | 1u << 7 | 1u << 8;
        reader->at = at += TIMES_SIZE;
        if (!is_short_name(at) || end - at < 2 + at[1] + 6)
            return;
        reader->at = at = take_short_name(pass, at, wide, span, fill);
    }
    if (end - at >= 6 && otlpv_load16(at) == FLAGS_TAG && (span->seen & 1u << 16) == 0) {
        narrow[OTLPV_SPAN_FLAGS] = otlpv_load32(at + 2);
        span->seen |= 1u << 16;
        reader->at = at += 6;
    }
    if (end - at < 2 + SPAN_ID_SIZE + TRACE_ID_SIZE || (span->seen & (1u << 1 | 1u << 2 | 1u << 4)) != 0)
        return;
    if (is_parent_id(at)) {
        reader->at = at = take_plain_parent_id(at, wide, span);
    } else if (otlpv_load16(at) == LENGTH(4)) { /* of length 0 */
        span->seen |= 1u << 4;
        reader->at = at += 2;
    }
    if (end - at == SPAN_ID_SIZE + TRACE_ID_SIZE && is_span_id(at) && is_trace_id(at + SPAN_ID_SIZE))
        reader->at = take_plain_trace_id(take_plain_span_id(at, wide, span), wide, span);
}

OTLPV_HOT int read_span(otlpv_pass *pass, otlpv_reader reader, uint32_t row, uint32_t scope, uint32_t resource,
                        const bool fill)
{
    uint64_t wide[OTLPV_SPAN_WIDE] = {0};
    uint32_t narrow[OTLPV_SPAN_NARROW] = {0};
    span_state span = {0, 0, 0, 0, 0};
    uint32_t tag;
    const uint32_t first_event = pass->found.events;
    const uint32_t first_link = pass->found.links;
    const uint8_t *body;
    uint64_t length;
    otlpv_owner owner;
    otlpv_begin_owner(pass, &owner);
    wide[OTLPV_SPAN_BYTES] = otlpv_text(pass->base, reader.at, (uint64_t)(reader.end - reader.at));
    if (reader.end - reader.at >= 2 && otlpv_load16(reader.at) == LENGTH(15)) { /* an empty status: the collector */
        span.seen = 1u << 15;
        reader.at += 2;
    } else {
        read_ascending_fields(pass, &reader, wide, narrow, &span, fill);
    }
    while (reader.at < reader.end) {
        otlpv_place place = {reader.at, OTLPV_MESSAGE_SPAN};
        int status = otlpv_next_tag(&reader, &tag, &span.defects);
        if (status == OTLPV_OK) {
            switch (tag) {
            case LENGTH(1):
                otlpv_once(1, &span.seen, &span.defects);
                status = take_trace_id(&reader, &wide[OTLPV_SPAN_TRACE_ID_HIGH], &wide[OTLPV_SPAN_TRACE_ID_LOW],
                                       &span.trace_id_length);
                break;
            case LENGTH(2):
                otlpv_once(2, &span.seen, &span.defects);
                status = take_span_id(&reader, &wide[OTLPV_SPAN_SPAN_ID], &span.span_id_length);
                break;
            case LENGTH(3):
                otlpv_once(3, &span.seen, &span.defects);
                status = otlpv_take_string(pass, &reader, &wide[OTLPV_SPAN_TRACE_STATE], &span.defects, fill);
                break;
            case LENGTH(4):
                otlpv_once(4, &span.seen, &span.defects);
                status = take_span_id(&reader, &wide[OTLPV_SPAN_PARENT_SPAN_ID], &span.parent_id_length);
                break;
            case LENGTH(5):
                otlpv_once(5, &span.seen, &span.defects);
                status = otlpv_take_string(pass, &reader, &wide[OTLPV_SPAN_NAME], &span.defects, fill);
                break;
            case VARINT(6):
                otlpv_once(6, &span.seen, &span.defects);
                status = otlpv_take_uint32(&reader, &narrow[OTLPV_SPAN_KIND]);
                break;
            case FIXED64(7):
                otlpv_once(7, &span.seen, &span.defects);
                status = otlpv_take_fixed64(&reader, &wide[OTLPV_SPAN_START_TIME]);
                break;
            case FIXED64(8):
                otlpv_once(8, &span.seen, &span.defects);
                status = otlpv_take_fixed64(&reader, &wide[OTLPV_SPAN_END_TIME]);
                break;
            case LENGTH(9):
                status = otlpv_take_attributes(pass, &reader, &place, LENGTH(9), SPAN + 1, &owner, fill);
                if (status == OTLPV_OK)
                    read_descending_fields(pass, &reader, wide, narrow, &span, fill);
                break;
            case VARINT(10):
                otlpv_once(10, &span.seen, &span.defects);
                status = otlpv_take_uint32(&reader, &narrow[OTLPV_SPAN_DROPPED_ATTRIBUTES]);
                break;
            case LENGTH(11):
                status = otlpv_take_body(&reader, &body, &length);
                if (status == OTLPV_OK)
                    status = allot(pass, &pass->columns.events, OTLPV_EVENT_BYTES, &pass->found.events,
                                   pass->allowed.events, OTLPV_LIMIT_EVENTS, body, length, place, fill);
                if (status == OTLPV_OK && !fill) {
                    otlpv_pause_owner(pass, &owner);
                    status = count_event(pass, (otlpv_reader){body, body + length});
                    otlpv_resume_owner(pass, &owner);
                }
                break;
            case VARINT(12):
                otlpv_once(12, &span.seen, &span.defects);
                status = otlpv_take_uint32(&reader, &narrow[OTLPV_SPAN_DROPPED_EVENTS]);
                break;
            case LENGTH(13):
                status = otlpv_take_body(&reader, &body, &length);
                if (status == OTLPV_OK)
                    status = allot(pass, &pass->columns.links, OTLPV_LINK_BYTES, &pass->found.links,
                                   pass->allowed.links, OTLPV_LIMIT_LINKS, body, length, place, fill);
                if (status == OTLPV_OK && !fill) {
                    otlpv_pause_owner(pass, &owner);
                    status = count_link(pass, (otlpv_reader){body, body + length});
                    otlpv_resume_owner(pass, &owner);
                }
                break;
            case VARINT(14):
                otlpv_once(14, &span.seen, &span.defects);
                status = otlpv_take_uint32(&reader, &narrow[OTLPV_SPAN_DROPPED_LINKS]);
                break;
            case LENGTH(15):
                otlpv_once(15, &span.seen, &span.defects);
                status = otlpv_take_body(&reader, &body, &length);
                if (status == OTLPV_OK)
                    status = read_status(pass, (otlpv_reader){body, body + length}, &wide[OTLPV_SPAN_STATUS_MESSAGE],
                                         &narrow[OTLPV_SPAN_STATUS_CODE], &span.defects, fill);
                break;
            case FIXED32(16):
                otlpv_once(16, &span.seen, &span.defects);
                status = otlpv_take_fixed32(&reader, &narrow[OTLPV_SPAN_FLAGS]);
                break;
            default:
                status = otlpv_skip(&reader, place, KNOWN_IN_SPAN, SPAN, &span.defects);
            }
        }
        if (__builtin_expect(status != OTLPV_OK, 0))
            return otlpv_fail(pass, status, place);
    }
    span.defects |= otlpv_end_owner(pass, &owner, fill);
    if (fill) {
        narrow[OTLPV_SPAN_SCOPE] = scope;
        narrow[OTLPV_SPAN_RESOURCE] = resource;
        narrow[OTLPV_SPAN_ATTRIBUTE_START] = owner.start;
        narrow[OTLPV_SPAN_ATTRIBUTE_COUNT] = owner.row - owner.start;
        narrow[OTLPV_SPAN_EVENT_START] = first_event;
        narrow[OTLPV_SPAN_EVENT_COUNT] = pass->found.events - first_event;
        narrow[OTLPV_SPAN_LINK_START] = first_link;
        narrow[OTLPV_SPAN_LINK_COUNT] = pass->found.links - first_link;
        narrow[OTLPV_SPAN_ID_LENGTHS] =
            span.trace_id_length | span.span_id_length << 8 | span.parent_id_length << 16;
        narrow[OTLPV_SPAN_DEFECTS] = span.defects;
        otlpv_write_row(&pass->columns.spans, row, wide, OTLPV_SPAN_WIDE, narrow, OTLPV_SPAN_NARROW);
        for (uint32_t event = first_event, end = pass->found.events; event < end; event++) {
            const int status = fill_event(pass, event, row);
            if (status != OTLPV_OK)
                return status;
        }
        for (uint32_t link = first_link, end = pass->found.links; link < end; link++) {
            const int status = fill_link(pass, link, row);
            if (status != OTLPV_OK)
                return status;
        }
    }
    return OTLPV_OK;
}

OTLPV_OWN int count_span(otlpv_pass *pass, otlpv_reader reader) { return read_span(pass, reader, 0, 0, 0, false); }
OTLPV_OWN int fill_span(otlpv_pass *pass, uint32_t row, uint32_t scope, uint32_t resource)
{
    return read_span(pass, reader_of(pass, &pass->columns.spans, OTLPV_SPAN_BYTES, row), row, scope, resource, true);
}

#endif
