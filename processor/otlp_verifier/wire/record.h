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

/* A span is plain when it has the fields that nearly every span has, each once and of the usual length, in the order
 * in which the collector writes them or in that of SDKs, and no others. Then they have fixed places, and are checked
 * and written all at once. All others are read field by field. */
typedef struct {
    const uint8_t *trace_id, *span_id, *parent_id, *name, *start_time, *end_time;
    uint32_t parent_id_length, name_length, kind, flags;
} plain_span;

#define EMPTY_STATUS LENGTH(15)
#define EMPTY_PARENT_ID LENGTH(4)
#define PARENT_ID (LENGTH(4) | 8 << 8)
#define SPAN_ID (LENGTH(2) | 8 << 8)
#define TRACE_ID (LENGTH(1) | 16 << 8)
#define FLAGS 0x0185u /* FIXED32(16) as a varint */
/* Fields of fixed length, with their tags. */
#define TRACE_ID_SIZE 18
#define SPAN_ID_SIZE 10
#define FLAGS_SIZE 6
#define TIMES_SIZE (9 + 9 + 2) /* both times and kind */

/* What follows the attributes in the collector's order: all other fields, descending but for flags, which come before
 * the ids; of a root, the parent's id is there and empty. */
OTLPV_HOT bool take_plain_tail(const uint8_t *at, const uint8_t *end, plain_span *p)
{
    if (end - at < TIMES_SIZE + 2 + FLAGS_SIZE + 2 + SPAN_ID_SIZE + TRACE_ID_SIZE)
        return false;
    if (at[0] != FIXED64(8) || at[9] != FIXED64(7) || at[18] != VARINT(6) || at[20] != LENGTH(5) ||
        ((at[19] | at[21]) & 0x80) != 0)
        return false;
    p->end_time = at + 1;
    p->start_time = at + 10;
    p->kind = at[19];
    p->name = at + 22;
    p->name_length = at[21];
    const uint8_t *const flags = p->name + p->name_length;
    const uint8_t *const span_id = end - TRACE_ID_SIZE - SPAN_ID_SIZE;
    /* No branch on whether there is a parent, which nothing foretells. */
    const ptrdiff_t parent_id_length = span_id - flags - FLAGS_SIZE - 2;
    if ((parent_id_length & ~(ptrdiff_t)8) != 0 ||
        otlpv_load16(flags + FLAGS_SIZE) != (EMPTY_PARENT_ID | (uint32_t)parent_id_length << 8))
        return false;
    p->parent_id = flags + FLAGS_SIZE + 2;
    p->parent_id_length = (uint32_t)parent_id_length;
    if (otlpv_load16(flags) != FLAGS || otlpv_load16(span_id) != SPAN_ID ||
        otlpv_load16(end - TRACE_ID_SIZE) != TRACE_ID)
        return false;
    p->flags = otlpv_load32(flags + 2);
    p->span_id = span_id + 2;
    p->trace_id = end - 16;
    return true;
}

/* What precedes the attributes in the order of SDKs; where it ends, or NULL. */
OTLPV_HOT const uint8_t *take_plain_head(const uint8_t *at, const uint8_t *end, plain_span *p)
{
    if (end - at < TRACE_ID_SIZE + SPAN_ID_SIZE + SPAN_ID_SIZE + 2 || otlpv_load16(at) != TRACE_ID ||
        otlpv_load16(at + TRACE_ID_SIZE) != SPAN_ID)
        return NULL;
    p->trace_id = at + 2;
    p->span_id = at + TRACE_ID_SIZE + 2;
    at += TRACE_ID_SIZE + SPAN_ID_SIZE;
    const uint32_t has_parent = otlpv_load16(at) == PARENT_ID;
    p->parent_id = at + 2;
    p->parent_id_length = 8 * has_parent;
    at += SPAN_ID_SIZE * has_parent;
    if (at[0] != LENGTH(5) || at[1] >= 0x80 || end - at < 2 + at[1] + TIMES_SIZE)
        return NULL;
    p->name = at + 2;
    p->name_length = at[1];
    at += 2 + at[1];
    if (at[0] != VARINT(6) || at[1] >= 0x80 || at[2] != FIXED64(7) || at[11] != FIXED64(8))
        return NULL;
    p->kind = at[1];
    p->start_time = at + 3;
    p->end_time = at + 12;
    p->flags = 0;
    return at + TIMES_SIZE;
}

/* What follows the attributes in the order of SDKs: an empty status or none, flags or none, nothing else. */
OTLPV_HOT bool take_plain_end(const uint8_t *at, const uint8_t *end, plain_span *p)
{
    if (end - at >= 2 && otlpv_load16(at) == EMPTY_STATUS)
        at += 2;
    if (end - at == FLAGS_SIZE && otlpv_load16(at) == FLAGS) {
        p->flags = otlpv_load32(at + 2);
        return true;
    }
    return at == end;
}

/* The rows of others that a span has, besides what it says of itself. */
typedef struct {
    const uint8_t *at, *end; /* its bytes */
    uint32_t row, scope, resource, first_event, first_link;
    otlpv_owner owner;
} span_rows;

OTLPV_HOT void write_span(const otlpv_pass *pass, const span_rows *rows, uint64_t *wide, uint32_t *narrow,
                          uint32_t lengths, uint32_t defects)
{
    wide[OTLPV_SPAN_BYTES] = otlpv_text(pass->base, rows->at, (uint64_t)(rows->end - rows->at));
    narrow[OTLPV_SPAN_SCOPE] = rows->scope;
    narrow[OTLPV_SPAN_RESOURCE] = rows->resource;
    narrow[OTLPV_SPAN_ATTRIBUTE_START] = rows->owner.start;
    narrow[OTLPV_SPAN_ATTRIBUTE_COUNT] = rows->owner.row - rows->owner.start;
    narrow[OTLPV_SPAN_EVENT_START] = rows->first_event;
    narrow[OTLPV_SPAN_EVENT_COUNT] = pass->found.events - rows->first_event;
    narrow[OTLPV_SPAN_LINK_START] = rows->first_link;
    narrow[OTLPV_SPAN_LINK_COUNT] = pass->found.links - rows->first_link;
    narrow[OTLPV_SPAN_ID_LENGTHS] = lengths;
    narrow[OTLPV_SPAN_DEFECTS] = defects;
    otlpv_write_row(&pass->columns.spans, rows->row, wide, OTLPV_SPAN_WIDE, narrow, OTLPV_SPAN_NARROW);
}

OTLPV_HOT uint64_t load_id(const uint8_t *at) { return __builtin_bswap64(otlpv_load64(at)); }

/* The fields of a plain span; returns what is odd about them. */
OTLPV_HOT uint32_t use_plain_span(const otlpv_pass *pass, const plain_span *p, const uint8_t *end, uint64_t *wide,
                                  uint32_t *narrow)
{
    wide[OTLPV_SPAN_TRACE_ID_HIGH] = load_id(p->trace_id);
    wide[OTLPV_SPAN_TRACE_ID_LOW] = load_id(p->trace_id + 8);
    wide[OTLPV_SPAN_SPAN_ID] = load_id(p->span_id);
    wide[OTLPV_SPAN_PARENT_SPAN_ID] = load_id(p->parent_id) & (0 - (uint64_t)(p->parent_id_length / 8));
    wide[OTLPV_SPAN_START_TIME] = otlpv_load64(p->start_time);
    wide[OTLPV_SPAN_END_TIME] = otlpv_load64(p->end_time);
    wide[OTLPV_SPAN_NAME] = otlpv_text(pass->base, p->name, p->name_length);
    narrow[OTLPV_SPAN_KIND] = p->kind;
    narrow[OTLPV_SPAN_FLAGS] = p->flags;
    return otlpv_is_utf8_before(p->name, p->name_length, end) ? 0 : OTLPV_DEFECT_FIELD_UTF8;
}

/* What is known of a span besides its columns. */
typedef struct {
    uint32_t trace_id_length, span_id_length, parent_id_length;
    uint32_t defects;
    uint32_t seen;
} span_state;

/* A span of any form, or what is left of one from `at` on. `head` is what has been taken of it in the order of SDKs;
 * `seen` has a bit for each field. */
OTLPV_OWN int read_any_span(otlpv_pass *pass, span_rows *rows, const uint8_t *at, uint32_t seen, const plain_span *head,
                            const bool fill)
{
    uint64_t wide[OTLPV_SPAN_WIDE] = {0};
    uint32_t narrow[OTLPV_SPAN_NARROW] = {0};
    span_state span = {0, 0, 0, 0, seen};
    uint32_t tag;
    const uint8_t *body;
    uint64_t length;
    otlpv_reader reader = {at, rows->end};
    if (head != NULL) {
        span.defects = use_plain_span(pass, head, rows->end, wide, narrow);
        span.seen |= 1u << 1 | 1u << 2 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 8 |
                     (head->parent_id_length == 0 ? 0 : 1u << 4);
        span.trace_id_length = 16;
        span.span_id_length = 8;
        span.parent_id_length = head->parent_id_length;
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
                status = otlpv_take_attributes(pass, &reader, &place, LENGTH(9), SPAN + 1, &rows->owner, fill);
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
                    otlpv_pause_owner(pass, &rows->owner);
                    status = count_event(pass, (otlpv_reader){body, body + length});
                    otlpv_resume_owner(pass, &rows->owner);
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
                    otlpv_pause_owner(pass, &rows->owner);
                    status = count_link(pass, (otlpv_reader){body, body + length});
                    otlpv_resume_owner(pass, &rows->owner);
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
    span.defects |= otlpv_end_owner(pass, &rows->owner, fill);
    if (!fill)
        return OTLPV_OK;
    write_span(pass, rows, wide, narrow,
               span.trace_id_length | span.span_id_length << 8 | span.parent_id_length << 16, span.defects);
    for (uint32_t event = rows->first_event, end = pass->found.events; event < end; event++) {
        const int status = fill_event(pass, event, rows->row);
        if (status != OTLPV_OK)
            return status;
    }
    for (uint32_t link = rows->first_link, end = pass->found.links; link < end; link++) {
        const int status = fill_link(pass, link, rows->row);
        if (status != OTLPV_OK)
            return status;
    }
    return OTLPV_OK;
}

/* Has the cells of the next spans brought near: 26 columns are more than the hardware sees coming. Cells of one cache
 * line are asked for once. */
OTLPV_HOT void prefetch_spans(const otlpv_table *table, uint32_t row)
{
    const uint64_t stride = table->capacity;
    if (row % 8 != 0 || row + 24 >= stride)
        return;
    for (uint32_t i = 0; i < OTLPV_SPAN_WIDE; i++)
        __builtin_prefetch(table->wide + i * stride + row + 16, 1);
    if (row % 16 == 0)
        for (uint32_t i = 0; i < OTLPV_SPAN_NARROW; i++)
            __builtin_prefetch(table->narrow + i * stride + row + 24, 1);
}

OTLPV_HOT int read_span(otlpv_pass *pass, otlpv_reader reader, uint32_t row, uint32_t scope, uint32_t resource,
                        const bool fill)
{
    const uint8_t *const begin = reader.at;
    const uint8_t *const end = reader.end;
    const uint8_t *at = begin;
    const uint8_t *head = NULL; /* its end, if there is one */
    plain_span p = {0};
    otlpv_owner owner;
    if (fill)
        prefetch_spans(&pass->columns.spans, row);
    otlpv_begin_owner(pass, &owner);
    const bool descending = end - at >= 2 && otlpv_load16(at) == EMPTY_STATUS;
    if (descending)
        at += 2;
    else if ((head = take_plain_head(at, end, &p)) != NULL)
        at = head;
    if (__builtin_expect((descending || head != NULL) && at < end && *at == LENGTH(9), 1))
        at = fill ? otlpv_fill_plain(pass, at, end, LENGTH(9), &owner)
                  : otlpv_count_plain(pass, at, end, LENGTH(9), &owner);
    const bool plain = descending ? take_plain_tail(at, end, &p) : head != NULL && take_plain_end(at, end, &p);
    if (__builtin_expect(!plain, 0)) {
        /* Copies, so that the address of none of the variables above is given away. */
        span_rows rows = {begin, end, row, scope, resource, pass->found.events, pass->found.links, owner};
        const plain_span taken = p;
        return read_any_span(pass, &rows, at, descending ? 1u << 15 : 0, head == NULL ? NULL : &taken, fill);
    }
    if (fill) {
        const span_rows rows = {begin, end, row, scope, resource, pass->found.events, pass->found.links, owner};
        uint64_t wide[OTLPV_SPAN_WIDE] = {0};
        uint32_t narrow[OTLPV_SPAN_NARROW] = {0};
        const uint32_t defects = use_plain_span(pass, &p, end, wide, narrow);
        write_span(pass, &rows, wide, narrow, 16 | 8 << 8 | p.parent_id_length << 16, defects);
    }
    /* After all of the above, so that nothing has to outlive the call. */
    const uint32_t defects = otlpv_end_owner(pass, &owner, fill);
    if (__builtin_expect(defects != 0, 0)) {
        const otlpv_table *table = &pass->columns.spans;
        table->narrow[(uint64_t)OTLPV_SPAN_DEFECTS * table->capacity + row] |= defects;
    }
    return OTLPV_OK;
}

OTLPV_OWN int count_span(otlpv_pass *pass, otlpv_reader reader) { return read_span(pass, reader, 0, 0, 0, false); }
OTLPV_OWN int fill_span(otlpv_pass *pass, uint32_t row, uint32_t scope, uint32_t resource)
{
    return read_span(pass, reader_of(pass, &pass->columns.spans, OTLPV_SPAN_BYTES, row), row, scope, resource, true);
}

#endif
