/* Partition, plain requests of a file: see partition.h. What is not plain is told apart elsewhere, at leisure. */

#include <stdbool.h>

#include "reader.h"
#include "table.h"

enum { HEAD_BYTES = 4, RESOURCE_SPANS = 1 << 3 | OTLPV_WIRE_LENGTH, FIELDS_MOST = 64 };
/* Of a span: its times, and its kind. Of a log record: its times; a metric has no field of these wire types. */
enum { START_TIME = 7, END_TIME = 8, KIND = 6, LOG_TIME = 1, LOG_OBSERVED_TIME = 11 };

/* White space and then a bracket, as JSON begins: a line feed is the tag of ResourceSpans, too. */
static bool may_be_json(const uint8_t *at, const uint8_t *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
        at++;
    return at < end && (*at == '{' || *at == '[');
}

/* Moves behind the field at the reader and tells its tag; `body` is that of one with a length. */
static bool next(otlpv_reader *reader, otlpv_tag *tag, otlpv_reader *body)
{
    uint64_t length;
    if (otlpv_read_tag(reader, tag) != OTLPV_OK)
        return false;
    if (tag->wire_type != OTLPV_WIRE_LENGTH)
        return otlpv_skip_value(reader, tag, 1) == OTLPV_OK;
    if (otlpv_read_length(reader, &length) != OTLPV_OK)
        return false;
    *body = (otlpv_reader){reader->at, reader->at + length};
    reader->at += length;
    return true;
}

/* Steps into the first message with that number that holds something. */
static bool enter(otlpv_reader *message, uint32_t number)
{
    otlpv_reader reader = *message, body = {NULL, NULL};
    otlpv_tag tag;
    while (reader.at < reader.end && next(&reader, &tag, &body)) {
        if (tag.number == number && tag.wire_type == OTLPV_WIRE_LENGTH && body.at < body.end) {
            *message = body;
            return true;
        }
    }
    return false;
}

static bool is_span(otlpv_reader record)
{
    otlpv_reader body;
    otlpv_tag tag;
    bool may_be = false;
    for (int i = 0; i < FIELDS_MOST && record.at < record.end; i++) {
        if (!next(&record, &tag, &body))
            return false;
        const bool is_time = tag.wire_type == OTLPV_WIRE_FIXED64;
        if (is_time && (tag.number == LOG_TIME || tag.number == LOG_OBSERVED_TIME))
            return false;
        may_be = may_be || (is_time && (tag.number == START_TIME || tag.number == END_TIME)) ||
                 (tag.number == KIND && tag.wire_type == OTLPV_WIRE_VARINT);
    }
    return may_be;
}

static bool is_plain(otlpv_reader request)
{
    uint64_t length;
    otlpv_reader record = request;
    if (may_be_json(request.at, request.end))
        return false;
    while (request.at < request.end) {
        if (*request.at++ != RESOURCE_SPANS || otlpv_read_length(&request, &length) != OTLPV_OK)
            return false;
        request.at += length;
    }
    return enter(&record, 1) && enter(&record, 2) && enter(&record, 2) && is_span(record);
}

uint32_t otlpv_part_plain(const uint8_t *bytes, uint64_t length, uint64_t longest, uint64_t place, uint32_t number,
                          otlpv_part_request *requests, uint32_t capacity)
{
    uint64_t at = 0;
    uint32_t count = 0;
    while (count < capacity && length - at >= HEAD_BYTES) {
        const uint64_t begin = at + HEAD_BYTES, size = __builtin_bswap32(otlpv_load32(bytes + at));
        if (size > length - begin || size > longest ||
            !is_plain((otlpv_reader){bytes + begin, bytes + begin + size}))
            break;
        requests[count] = (otlpv_part_request){begin, size, place + begin, number + count};
        count++;
        at = begin + size;
    }
    return count;
}
