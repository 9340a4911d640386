/* Partition, grouping and gathering: see partition.h. */

#include <stdbool.h>
#include <stddef.h>

#include "hash.h"
#include "table.h"

static bool has_trace(const otlpv_part_span *span)
{
    return (span->trace_high | span->trace_low) != 0;
}

static uint32_t add_trace(otlpv_part_traces *traces, const otlpv_part_span *span)
{
    otlpv_part_trace *trace = &traces->traces[traces->trace_count];
    *trace = (otlpv_part_trace){span->trace_high, span->trace_low, 0, traces->span_count, 0, 0};
    return traces->trace_count++;
}

/* The cell of a trace id, or the one where it would be. */
static uint32_t cell_of(const otlpv_part_traces *traces, uint64_t high, uint64_t low, const otlpv_secret *secret)
{
    const uint32_t mask = traces->cell_count - 1;
    uint32_t cell = (uint32_t)otlpv_fold(high ^ secret->a, low ^ secret->b) & mask;
    for (; traces->cells[cell] != OTLPV_NO_ROW; cell = (cell + 1) & mask) {
        const otlpv_part_trace *trace = &traces->traces[traces->cells[cell]];
        if (trace->high == high && trace->low == low)
            break;
    }
    return cell;
}

static uint32_t number_of(otlpv_part_traces *traces, const otlpv_part_span *span, const otlpv_secret *secret)
{
    if (!has_trace(span))
        return add_trace(traces, span);
    uint32_t *cell = &traces->cells[cell_of(traces, span->trace_high, span->trace_low, secret)];
    if (*cell == OTLPV_NO_ROW)
        *cell = add_trace(traces, span);
    return *cell;
}

uint32_t otlpv_part_group(const otlpv_part_span *spans, uint32_t count, otlpv_part_traces *traces, uint32_t *numbers)
{
    const otlpv_secret secret = otlpv_secret_of(traces->seed);
    uint32_t i = 0;
    for (; i < count && traces->trace_count < traces->trace_capacity; i++) {
        const uint32_t number = number_of(traces, &spans[i], &secret);
        traces->traces[number].bytes += otlpv_text_length(spans[i].field);
        traces->traces[number].spans++;
        traces->span_count++;
        numbers[i] = number;
    }
    return i;
}

void otlpv_part_fill_cells(otlpv_part_traces *traces)
{
    const otlpv_secret secret = otlpv_secret_of(traces->seed);
    for (uint32_t number = 0; number < traces->trace_count; number++) {
        const otlpv_part_trace *trace = &traces->traces[number];
        if (trace->high | trace->low)
            traces->cells[cell_of(traces, trace->high, trace->low, &secret)] = number;
    }
}

uint32_t otlpv_part_pack(otlpv_part_traces *traces, uint64_t bytes, uint32_t spans)
{
    uint64_t bytes_now = 0, spans_now = 0;
    uint32_t chunk = 0;
    bool open = false; /* whether the chunk has a trace */
    for (uint32_t i = 0; i < traces->trace_count; i++) {
        otlpv_part_trace *trace = &traces->traces[i];
        if (trace->chunk == OTLPV_NO_ROW)
            continue;
        if (open && (bytes_now + trace->bytes > bytes || spans_now + trace->spans > spans)) {
            chunk++;
            bytes_now = spans_now = 0;
        }
        trace->chunk = chunk;
        bytes_now += trace->bytes;
        spans_now += trace->spans;
        open = true;
    }
    return open ? chunk + 1 : 0;
}

/* Counting sort: `starts` has counted the rows of bucket b in starts[b + 1]. */
static void add_up(uint32_t *starts, uint32_t buckets)
{
    for (uint32_t b = 0; b < buckets; b++)
        starts[b + 1] += starts[b];
}

/* Placing the rows moves every start to where the next bucket begins: back again. */
static void step_back(uint32_t *starts, uint32_t buckets)
{
    for (uint32_t b = buckets; b > 0; b--)
        starts[b] = starts[b - 1];
    starts[0] = 0;
}

void otlpv_part_sort(const otlpv_part_traces *traces, const uint32_t *numbers, uint32_t count,
                     uint32_t chunk_count, uint32_t *starts, uint32_t *rows)
{
    memset(starts, 0, (chunk_count + 1) * sizeof *starts);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t chunk = traces->traces[numbers[i]].chunk;
        if (chunk < chunk_count)
            starts[chunk + 1]++;
    }
    add_up(starts, chunk_count);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t chunk = traces->traces[numbers[i]].chunk;
        if (chunk < chunk_count)
            rows[starts[chunk]++] = i;
    }
    step_back(starts, chunk_count);
}

static uint32_t bucket_of(const otlpv_part_span *span, const otlpv_secret *secret, uint32_t buckets)
{
    const uint64_t id = has_trace(span) ? span->trace_high : otlpv_text_offset(span->field);
    const uint64_t hash = otlpv_fold(id ^ secret->a, span->trace_low ^ secret->b);
    return (uint32_t)((hash & UINT32_MAX) * buckets >> 32);
}

void otlpv_part_scatter(const otlpv_part_span *spans, uint32_t count, uint64_t salt, uint32_t bucket_count,
                        uint32_t *starts, uint32_t *rows)
{
    const otlpv_secret secret = otlpv_secret_of(salt);
    memset(starts, 0, (bucket_count + 1) * sizeof *starts);
    for (uint32_t i = 0; i < count; i++)
        starts[bucket_of(&spans[i], &secret, bucket_count) + 1]++;
    add_up(starts, bucket_count);
    for (uint32_t i = 0; i < count; i++)
        rows[starts[bucket_of(&spans[i], &secret, bucket_count)]++] = i;
    step_back(starts, bucket_count);
}

#define TAG_RESOURCE_SPANS 0x0A /* field 1 of the request */
#define TAG_SCOPE_SPANS 0x12    /* field 2 of ResourceSpans */

typedef struct {
    const otlpv_part_source *source;
    otlpv_part_result *to;
} gathering;

static uint32_t varint_length(uint64_t value)
{
    return 1 + (uint32_t)(63 - __builtin_clzll(value | 1)) / 7;
}

static uint64_t message_length(uint64_t body)
{
    return 1 + varint_length(body) + body;
}

static void put(otlpv_part_result *to, const uint8_t *bytes, uint64_t length)
{
    memcpy(to->bytes + to->used, bytes, length);
    to->used += length;
}

static void put_text(gathering *g, uint64_t text)
{
    put(g->to, g->source->bytes + otlpv_text_offset(text), otlpv_text_length(text));
}

/* Straight to where it belongs: bytes that are written one by one and read again as a word would have to wait until all
 * that was copied before has left the processor. */
static void put_head(otlpv_part_result *to, uint8_t tag, uint64_t body)
{
    uint8_t *at = to->bytes + to->used;
    *at++ = tag;
    for (; body >= 0x80; body >>= 7)
        *at++ = (uint8_t)(body | 0x80);
    *at++ = (uint8_t)body;
    to->used = (uint64_t)(at - to->bytes);
}

static uint64_t pieces_length(const gathering *g, uint32_t start, uint32_t count, uint64_t tail)
{
    uint64_t length = otlpv_text_length(tail);
    for (uint32_t i = 0; i < count; i++)
        length += otlpv_text_length(g->source->index->pieces[start + i]);
    return length;
}

static void put_pieces(gathering *g, uint32_t start, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        put_text(g, g->source->index->pieces[start + i]);
}

/* Whether the rows, all of which are `start` or above, begin with `spans` adjacent ones from there on. */
static bool has_all(const uint32_t *rows, uint32_t count, uint32_t start, uint32_t spans)
{
    return count >= spans && (spans == 0 || rows[spans - 1] == start + (spans - 1));
}

/* Which of the rows, from the first on, are in the scope: how many. */
static uint32_t rows_in(const otlpv_part_scope *scope, const uint32_t *rows, uint32_t count)
{
    uint32_t in = 0;
    if (has_all(rows, count, scope->span_start, scope->span_count))
        return scope->span_count;
    while (in < count && rows[in] < scope->span_start + scope->span_count)
        in++;
    return in;
}

static uint64_t scope_length(const gathering *g, const otlpv_part_scope *scope, const uint32_t *rows, uint32_t count)
{
    if (count == scope->span_count)
        return otlpv_text_length(scope->body);
    uint64_t length = pieces_length(g, scope->piece_start, scope->piece_count, scope->tail);
    for (uint32_t i = 0; i < count; i++)
        length += otlpv_text_length(g->source->index->spans[rows[i]].field);
    return length;
}

/* Spans, those that stand next to each other at once. */
static void put_spans(gathering *g, const uint32_t *rows, uint32_t count)
{
    const otlpv_part_span *spans = g->source->index->spans;
    for (uint32_t i = 0; i < count;) {
        const uint64_t start = otlpv_text_offset(spans[rows[i]].field);
        uint64_t end = start;
        for (; i < count && otlpv_text_offset(spans[rows[i]].field) == end; i++)
            end += otlpv_text_length(spans[rows[i]].field);
        put(g->to, g->source->bytes + start, end - start);
    }
}

/* The origin of an envelope, marked when another request has it already. */
static otlpv_origin envelope_origin(const otlpv_origin *origin, uint8_t *taken)
{
    otlpv_origin result = *origin;
    if (*taken)
        result.request |= OTLPV_ORIGIN_COPY;
    *taken = 1;
    return result;
}

static void put_scope(gathering *g, uint32_t row, const uint32_t *rows, uint32_t count, uint64_t length)
{
    const otlpv_part_source *source = g->source;
    const otlpv_part_scope *scope = &source->index->scopes[row];
    otlpv_part_result *to = g->to;
    put_head(to, TAG_SCOPE_SPANS, length);
    if (count == scope->span_count) {
        put_text(g, scope->body);
    } else {
        put_pieces(g, scope->piece_start, scope->piece_count);
        put_spans(g, rows, count);
        put_text(g, scope->tail);
    }
    for (uint32_t i = 0; i < count; i++)
        to->spans[to->span_count++] = source->spans[rows[i]];
    to->scopes[to->scope_count++] = envelope_origin(&source->scopes[row], &source->scope_taken[row]);
}

/* Writes or measures a resource with all of its spans, as it stands: most are like that where traces come together. */
static void gather_whole(gathering *g, uint32_t resource, const uint32_t *rows)
{
    const otlpv_part_source *source = g->source;
    const otlpv_part_resource *of = &source->index->resources[resource];
    const uint64_t length = otlpv_text_length(of->body);
    otlpv_part_result *to = g->to;
    if (to->bytes == NULL) {
        to->used += message_length(length);
        to->resource_count++;
        to->scope_count += of->scope_count;
        to->span_count += of->span_count;
        return;
    }
    put_head(to, TAG_RESOURCE_SPANS, length);
    put_text(g, of->body);
    if (of->span_count > 0)
        memcpy(to->spans + to->span_count, source->spans + rows[0], of->span_count * sizeof *to->spans);
    to->span_count += of->span_count;
    for (uint32_t row = of->scope_start; row < of->scope_start + of->scope_count; row++)
        to->scopes[to->scope_count++] = envelope_origin(&source->scopes[row], &source->scope_taken[row]);
    to->resources[to->resource_count++] =
        envelope_origin(&source->resources[resource], &source->resource_taken[resource]);
}

/* The next scope of a resource from `row` on that has some of the rows, or none at all while its resource is
 * gathered for the first time; the row behind the last when there is none. */
static uint32_t next_scope(const otlpv_part_index *index, uint32_t row, uint32_t end, const uint32_t *rows,
                           uint32_t count, bool first)
{
    while (row < end && !(first && index->scopes[row].span_count == 0) &&
           rows_in(&index->scopes[row], rows, count) == 0) {
        if (!first && count > 0) { /* straight to where the next row is */
            const uint32_t next = index->spans[rows[0]].scope;
            row = next > row ? next : row + 1;
        } else if (!first) {
            return end;
        } else {
            row++;
        }
    }
    return row;
}

/* Writes or measures a resource with the given rows, all of which are its own. */
static void gather_resource(gathering *g, uint32_t resource, const uint32_t *rows, uint32_t count)
{
    const otlpv_part_index *index = g->source->index;
    const otlpv_part_resource *of = &index->resources[resource];
    const uint32_t end = of->scope_start + of->scope_count;
    const bool first = !g->source->resource_taken[resource];
    if (first && count == of->span_count) {
        gather_whole(g, resource, rows);
        return;
    }
    uint64_t length = pieces_length(g, of->piece_start, of->piece_count, of->tail);
    uint32_t done = 0;
    uint32_t scopes = 0;
    for (uint32_t row = of->scope_start;; row++) {
        row = next_scope(index, row, end, rows + done, count - done, first);
        if (row >= end)
            break;
        const uint32_t in = rows_in(&index->scopes[row], rows + done, count - done);
        length += message_length(scope_length(g, &index->scopes[row], rows + done, in));
        done += in;
        scopes++;
    }
    otlpv_part_result *to = g->to;
    if (to->bytes == NULL) {
        to->used += message_length(length);
        to->resource_count++;
        to->scope_count += scopes;
        to->span_count += count;
        return;
    }
    put_head(to, TAG_RESOURCE_SPANS, length);
    put_pieces(g, of->piece_start, of->piece_count);
    done = 0;
    for (uint32_t row = of->scope_start;; row++) {
        row = next_scope(index, row, end, rows + done, count - done, first);
        if (row >= end)
            break;
        const uint32_t in = rows_in(&index->scopes[row], rows + done, count - done);
        put_scope(g, row, rows + done, in, scope_length(g, &index->scopes[row], rows + done, in));
        done += in;
    }
    put_text(g, of->tail);
    to->resources[to->resource_count++] =
        envelope_origin(&g->source->resources[resource], &g->source->resource_taken[resource]);
}

/* The resource that a span is in: often `guess`, the one behind the last, whose rows are near. */
static uint32_t resource_of(const otlpv_part_index *index, uint32_t span, uint32_t guess)
{
    if (guess < index->resource_count && index->resources[guess].span_count > 0) {
        const otlpv_part_resource *of = &index->resources[guess];
        const uint32_t start = index->scopes[of->scope_start].span_start;
        if (span >= start && span - start < of->span_count)
            return guess;
    }
    return index->scopes[index->spans[span].scope].resource;
}

void otlpv_part_gather(const otlpv_part_source *source, const uint32_t *rows, uint32_t count, int rest,
                       otlpv_part_result *result)
{
    const otlpv_part_index *index = source->index;
    gathering g = {source, result};
    uint32_t guess = 0;
    for (uint32_t done = 0; done < count;) {
        const uint32_t resource = resource_of(index, rows[done], guess);
        const otlpv_part_resource *of = &index->resources[resource];
        const uint32_t start = index->scopes[of->scope_start].span_start;
        uint32_t in = of->span_count;
        if (!has_all(rows + done, count - done, start, of->span_count))
            for (in = 0; done + in < count && rows[done + in] - start < of->span_count;)
                in++;
        gather_resource(&g, resource, rows + done, in);
        done += in;
        guess = resource + 1;
    }
    for (uint32_t resource = 0; rest && resource < index->resource_count; resource++) {
        if (index->resources[resource].span_count == 0)
            gather_resource(&g, resource, rows, 0);
    }
}
