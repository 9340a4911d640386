/* Partition, finding: see partition.h. */

#include <stdbool.h>
#include <stddef.h>

#include "hash.h"
#include "reader.h"
#include "table.h"

enum { CHILDREN = 2, TRACE_ID = 1, REQUEST_CHILDREN = 1 };
enum { FLAGS_FIRST = 0x85, FLAGS_SECOND = 0x01 }; /* the tag of a span's flags, field 16 */
enum { AHEAD = 4096 };                            /* bytes: some spans */

/* How many messages are around one: bounds the groups that may stand in it, as the scanner does. */
enum { IN_REQUEST = 0, IN_RESOURCE_SPANS = 1, IN_SCOPE_SPANS = 2, IN_SPAN = 3 };

typedef struct {
    const uint8_t *base;
    otlpv_part_index *index;
    const uint8_t *fault; /* the field that could not be read */
} walk;

/* A field of a message: its tag, and where its body is, of one that has a length. */
typedef struct {
    const uint8_t *start, *body, *end;
    uint32_t number, wire_type;
} field;

/* Reads the field at the reader and moves behind it. */
static inline int next_field(walk *w, otlpv_reader *reader, uint32_t level, field *f)
{
    otlpv_tag tag;
    uint64_t length;
    f->start = f->body = reader->at;
    int status = otlpv_read_tag(reader, &tag);
    if (status == OTLPV_OK) {
        f->number = tag.number;
        f->wire_type = tag.wire_type;
        if (tag.wire_type == OTLPV_WIRE_LENGTH) {
            status = otlpv_read_length(reader, &length);
            f->body = reader->at;
            if (status == OTLPV_OK)
                reader->at += length;
        } else {
            status = otlpv_skip_value(reader, &tag, OTLPV_MAX_LEVELS - level);
        }
    }
    f->end = reader->at;
    if (status != OTLPV_OK)
        w->fault = f->start;
    return status;
}

static bool is_child(const field *f)
{
    return f->number == CHILDREN && f->wire_type == OTLPV_WIRE_LENGTH;
}

/* Big-endian, short ids padded with zero bytes at the end, long ones cut. */
static void read_trace_id(const uint8_t *id, uint64_t length, otlpv_part_span *span)
{
    uint8_t whole[16] = {0};
    memcpy(whole, id, length < sizeof whole ? length : sizeof whole);
    span->trace_high = __builtin_bswap64(otlpv_load64(whole));
    span->trace_low = __builtin_bswap64(otlpv_load64(whole + 8));
}

/* The size of a field whose tag and length, or number, take one byte each, or two for the length, and of the flags: nearly
 * all of a span's are like that. 0: it is another one, or does not end in the message. */
static inline uint64_t size_of_plain_field(const uint8_t *at, const uint8_t *end)
{
    const uint64_t left = (uint64_t)(end - at);
    uint64_t size;
    if (left < 3 || at[0] < 0x08)
        return 0;
    if (at[0] >= 0x80)
        size = at[0] == FLAGS_FIRST && at[1] == FLAGS_SECOND ? 6 : 0;
    else if ((at[0] & 7) == OTLPV_WIRE_LENGTH)
        size = at[1] < 0x80 ? 2u + at[1] : at[2] < 0x80 ? 3u + (at[1] & 0x7Fu) + ((uint64_t)at[2] << 7) : 0;
    else if ((at[0] & 7) == OTLPV_WIRE_FIXED64)
        size = 9;
    else
        size = (at[0] & 7) == OTLPV_WIRE_VARINT && at[1] < 0x80 ? 2 : 0;
    return size <= left ? size : 0;
}

/* Any field of a span. */
static int read_field(walk *w, otlpv_reader *reader, otlpv_part_span *span)
{
    field f;
    const int status = next_field(w, reader, IN_SPAN, &f);
    if (status == OTLPV_OK && f.number == TRACE_ID && f.wire_type == OTLPV_WIRE_LENGTH)
        read_trace_id(f.body, (uint64_t)(f.end - f.body), span);
    return status;
}

static int read_span(walk *w, const field *f, uint32_t scope)
{
    const uint32_t row = w->index->span_count++;
    if (row >= w->index->span_capacity)
        return OTLPV_OK;
    otlpv_reader reader = {f->body, f->end};
    otlpv_part_span span = {0, 0, otlpv_text(w->base, f->start, (uint64_t)(f->end - f->start)), scope};
    while (reader.at < reader.end) {
        const uint8_t *at = reader.at;
        /* Where a field ends is known when it is reached, too late to ask for bytes that nobody has looked at yet. */
        __builtin_prefetch((const void *)((uintptr_t)at + AHEAD));
        const uint64_t size = size_of_plain_field(at, reader.end);
        const bool is_trace_id = at[0] == (TRACE_ID << 3 | OTLPV_WIRE_LENGTH);
        if (size == 0 || (is_trace_id && at[1] != 16)) {
            const int status = read_field(w, &reader, &span);
            if (status != OTLPV_OK)
                return status;
            continue;
        }
        if (is_trace_id) {
            span.trace_high = __builtin_bswap64(otlpv_load64(at + 2));
            span.trace_low = __builtin_bswap64(otlpv_load64(at + 10));
        }
        reader.at = at + size;
    }
    w->index->spans[row] = span;
    return OTLPV_OK;
}

/* The run of other fields that has come to its end, if there is one. */
static void end_piece(walk *w, const uint8_t *start, const uint8_t *end)
{
    if (start == end)
        return;
    const uint32_t piece = w->index->piece_count++;
    if (piece < w->index->piece_capacity)
        w->index->pieces[piece] = otlpv_text(w->base, start, (uint64_t)(end - start));
}

static int read_scope(walk *w, uint32_t row, otlpv_reader reader, uint32_t resource)
{
    const uint8_t *run = reader.at; /* where the run of other fields began */
    otlpv_part_scope scope = {otlpv_text(w->base, reader.at, (uint64_t)(reader.end - reader.at)), 0,
                              w->index->piece_count, 0, w->index->span_count, 0, resource};
    while (reader.at < reader.end) {
        field f;
        int status = next_field(w, &reader, IN_SCOPE_SPANS, &f);
        if (status == OTLPV_OK && is_child(&f)) {
            end_piece(w, run, f.start);
            run = f.end;
            status = read_span(w, &f, row);
        }
        if (status != OTLPV_OK)
            return status;
    }
    scope.tail = otlpv_text(w->base, run, (uint64_t)(reader.end - run));
    scope.piece_count = w->index->piece_count - scope.piece_start;
    scope.span_count = w->index->span_count - scope.span_start;
    if (row < w->index->scope_capacity)
        w->index->scopes[row] = scope;
    return OTLPV_OK;
}

/* The scopes are read when all of the envelope is known, so that its pieces are adjacent. */
static int read_scopes(walk *w, otlpv_reader reader, uint32_t row, uint32_t resource)
{
    while (reader.at < reader.end) {
        field f;
        int status = next_field(w, &reader, IN_RESOURCE_SPANS, &f);
        if (status == OTLPV_OK && is_child(&f))
            status = read_scope(w, row++, (otlpv_reader){f.body, f.end}, resource);
        if (status != OTLPV_OK)
            return status;
    }
    return OTLPV_OK;
}

static int read_resource(walk *w, otlpv_reader reader)
{
    otlpv_part_index *index = w->index;
    const otlpv_reader whole = reader;
    const uint32_t row = index->resource_count++, first_span = index->span_count;
    const uint8_t *run = reader.at;
    otlpv_part_resource resource = {otlpv_text(w->base, reader.at, (uint64_t)(reader.end - reader.at)), 0,
                                    index->piece_count, 0, index->scope_count, 0, 0};
    while (reader.at < reader.end) {
        field f;
        const int status = next_field(w, &reader, IN_RESOURCE_SPANS, &f);
        if (status != OTLPV_OK)
            return status;
        if (is_child(&f)) {
            end_piece(w, run, f.start);
            run = f.end;
            index->scope_count++;
        }
    }
    resource.tail = otlpv_text(w->base, run, (uint64_t)(reader.end - run));
    resource.piece_count = index->piece_count - resource.piece_start;
    resource.scope_count = index->scope_count - resource.scope_start;
    const int status = read_scopes(w, whole, resource.scope_start, row);
    if (status != OTLPV_OK)
        return status;
    resource.span_count = index->span_count - first_span;
    if (row < index->resource_capacity)
        index->resources[row] = resource;
    return OTLPV_OK;
}

static void note_fault(const walk *w, int status, const uint8_t *start)
{
    otlpv_part_index *index = w->index;
    const uint32_t number = index->fault_count++;
    if (number < index->fault_capacity)
        index->faults[number] =
            (otlpv_part_fault){(uint64_t)(w->fault - w->base), (uint64_t)(start - w->base), (uint32_t)status};
}

static bool has_room(const otlpv_part_index *index)
{
    return index->resource_count <= index->resource_capacity && index->scope_count <= index->scope_capacity &&
           index->span_count <= index->span_capacity && index->piece_count <= index->piece_capacity;
}

static void find_in_request(walk *w, otlpv_reader reader)
{
    otlpv_part_index *index = w->index;
    while (reader.at < reader.end) {
        field f;
        int status = next_field(w, &reader, IN_REQUEST, &f);
        if (status != OTLPV_OK) {
            note_fault(w, status, f.start);
            return;
        }
        if (f.number != REQUEST_CHILDREN || f.wire_type != OTLPV_WIRE_LENGTH)
            continue;
        const otlpv_part_index before = *index;
        status = read_resource(w, (otlpv_reader){f.body, f.end});
        if (status == OTLPV_OK)
            continue;
        note_fault(w, status, f.start);
        if (has_room(index)) { /* what is left out needs room until it turns out to be unreadable */
            index->resource_count = before.resource_count;
            index->scope_count = before.scope_count;
            index->span_count = before.span_count;
            index->piece_count = before.piece_count;
        }
    }
}

void otlpv_part_find(const uint8_t *bytes, const otlpv_part_request *requests, uint32_t request_count,
                     otlpv_part_index *index)
{
    walk w = {bytes, index, NULL};
    index->resource_count = index->scope_count = index->span_count = index->piece_count = index->fault_count = 0;
    for (uint32_t i = 0; i < request_count; i++) {
        const uint8_t *at = bytes + requests[i].offset;
        find_in_request(&w, (otlpv_reader){at, at + requests[i].length});
    }
}

typedef struct {
    const otlpv_part_request *at, *last;
    uint32_t file;
} places;

/* The origin of a record; those of a kind are asked for in ascending order. */
static inline otlpv_origin place_of(places *in, uint64_t text)
{
    const uint64_t offset = otlpv_text_offset(text);
    while (in->at < in->last && offset >= in->at[1].offset)
        in->at++;
    return (otlpv_origin){in->at->place + (offset - in->at->offset), 0, in->file, in->at->number};
}

void otlpv_part_origins(const otlpv_part_index *index, const otlpv_part_request *requests, uint32_t request_count,
                        uint32_t file, otlpv_origin *resources, otlpv_origin *scopes, otlpv_origin *spans)
{
    if (request_count == 0)
        return;
    const places first = {requests, requests + request_count - 1, file};
    places in = first;
    for (uint32_t row = 0; row < index->resource_count; row++)
        resources[row] = place_of(&in, index->resources[row].body);
    in = first;
    for (uint32_t row = 0; row < index->scope_count; row++)
        scopes[row] = place_of(&in, index->scopes[row].body);
    in = first;
    for (uint32_t row = 0; row < index->span_count; row++)
        spans[row] = place_of(&in, index->spans[row].field);
}
