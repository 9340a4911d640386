/* Fuzz target: any bytes are taken apart and put together again by traces. Nothing of what can be read may get lost, and
 * what comes out of a request that the scanner reads has to be requests that it reads. The bytes are also read as a file
 * of requests with their lengths in front.
 */

#include "target.h"

#define FAULTS 4
#define BUCKETS 3

static bool counted(const uint8_t *bytes, uint64_t size, otlpv_counts *counts)
{
    const uint32_t many = UINT32_MAX;
    const otlpv_limits limits = {many, many, many, many, many, many, many, many, many, 32, many};
    otlpv_fault fault;
    return otlpv_count(bytes, size, &limits, counts, &fault) == OTLPV_OK;
}

typedef struct {
    otlpv_part_source source;
    otlpv_origin *resources, *scopes, *spans;
} origins;

static origins origins_of(const uint8_t *bytes, const otlpv_part_index *index)
{
    const otlpv_part_request whole = {0, 0, 100, 1};
    origins of;
    of.resources = block(index->resource_count * sizeof(otlpv_origin));
    of.scopes = block(index->scope_count * sizeof(otlpv_origin));
    of.spans = block(index->span_count * sizeof(otlpv_origin));
    otlpv_part_origins(index, &whole, 1, 1, of.resources, of.scopes, of.spans);
    of.source = (otlpv_part_source){bytes, index, of.resources, of.scopes, of.spans, block(index->resource_count),
                                    block(index->scope_count)};
    memset(of.source.resource_taken, 0, index->resource_count);
    memset(of.source.scope_taken, 0, index->scope_count);
    return of;
}

static void release_origins(origins *of)
{
    free(of->resources);
    free(of->scopes);
    free(of->spans);
    free(of->source.resource_taken);
    free(of->source.scope_taken);
}

static uint32_t first_ones(const otlpv_origin *rows, uint32_t count)
{
    uint32_t first = 0;
    for (uint32_t i = 0; i < count; i++)
        first += !(rows[i].request & OTLPV_ORIGIN_COPY);
    return first;
}

/* Gathers every bucket and checks that all records come out: spans once, envelopes once without the mark of a copy. */
static void gather_all(const uint8_t *bytes, const otlpv_part_index *index, uint32_t buckets, const uint32_t *starts,
                       const uint32_t *rows, bool sound)
{
    origins of = origins_of(bytes, index);
    uint32_t spans = 0, scopes = 0, resources = 0;
    for (uint32_t b = 0; b < buckets; b++) {
        const uint32_t count = starts[b + 1] - starts[b];
        otlpv_part_result measured, result;
        memset(&measured, 0, sizeof measured);
        otlpv_part_gather(&of.source, rows + starts[b], count, b == 0, &measured);
        memset(&result, 0, sizeof result);
        result.bytes = block(measured.used);
        result.resources = block(measured.resource_count * sizeof(otlpv_origin));
        result.scopes = block(measured.scope_count * sizeof(otlpv_origin));
        result.spans = block(measured.span_count * sizeof(otlpv_origin));
        otlpv_part_gather(&of.source, rows + starts[b], count, b == 0, &result);
        REQUIRE(result.used == measured.used);
        REQUIRE(result.resource_count == measured.resource_count);
        REQUIRE(result.scope_count == measured.scope_count);
        REQUIRE(result.span_count == count);
        if (sound) {
            otlpv_counts counts;
            REQUIRE(counted(result.bytes, result.used, &counts));
            REQUIRE(counts.resources == result.resource_count && counts.scopes == result.scope_count);
            REQUIRE(counts.spans == count);
        }
        for (uint32_t i = 0; i < count; i++)
            REQUIRE(result.spans[i].offset == 100 + (index->spans[rows[starts[b] + i]].field >> 32));
        spans += count;
        scopes += first_ones(result.scopes, result.scope_count);
        resources += first_ones(result.resources, result.resource_count);
        free(result.bytes);
        free(result.resources);
        free(result.scopes);
        free(result.spans);
    }
    REQUIRE(spans == index->span_count && scopes == index->scope_count && resources == index->resource_count);
    release_origins(&of);
}

static void by_traces(const uint8_t *bytes, const otlpv_part_index *index, uint32_t spans_most, bool sound)
{
    const uint32_t count = index->span_count;
    otlpv_part_traces traces = {NULL, block(count * sizeof(otlpv_part_trace)), 9, 0, 2, 0, 1};
    uint32_t *numbers = block(count * 4), *rows = block(count * 4);
    traces.cells = block(2 * 4);
    memset(traces.cells, 0xFF, 2 * 4);
    /* The table of cells is too small whenever it can be, and becomes larger with what it has. */
    for (uint32_t done = 0;;) {
        done += otlpv_part_group(index->spans + done, count - done, &traces, numbers + done);
        if (done == count)
            break;
        REQUIRE(traces.trace_count == traces.trace_capacity && done < count);
        free(traces.cells);
        traces.cell_count *= 2;
        traces.cells = block(traces.cell_count * 4);
        memset(traces.cells, 0xFF, traces.cell_count * 4);
        traces.trace_capacity = traces.cell_count / 2 < count ? traces.cell_count / 2 : count;
        otlpv_part_fill_cells(&traces);
    }
    for (uint32_t i = 0; i < count; i++) {
        REQUIRE(traces.traces[numbers[i]].high == index->spans[i].trace_high);
        REQUIRE(traces.traces[numbers[i]].low == index->spans[i].trace_low);
    }
    const uint32_t chunks = otlpv_part_pack(&traces, 1000, spans_most);
    REQUIRE((chunks == 0) == (count == 0));
    uint32_t *starts = block((chunks + 1) * 4);
    otlpv_part_sort(&traces, numbers, count, chunks, starts, rows);
    gather_all(bytes, index, chunks, starts, rows, sound && chunks > 0);
    free(traces.cells);
    free(traces.traces);
    free(numbers);
    free(rows);
    free(starts);
}

/* Requests that are called plain are whole, next to each other, and nothing but ResourceSpans. */
static void by_requests(const uint8_t *bytes, uint64_t size)
{
    enum { MOST = 8 };
    otlpv_part_request requests[MOST];
    const uint32_t count = otlpv_part_plain(bytes, size, 1 << 12, 7, 1, requests, MOST);
    uint64_t end = 0;
    for (uint32_t i = 0; i < count; i++) {
        REQUIRE(requests[i].offset == end + 4 && requests[i].place == end + 11 && requests[i].number == i + 1);
        end = requests[i].offset + requests[i].length;
        REQUIRE(requests[i].length <= 1 << 12 && end <= size && bytes[requests[i].offset] == 0x0A);
    }
    otlpv_part_index index;
    memset(&index, 0, sizeof index);
    otlpv_part_find(bytes, requests, count, &index);
    REQUIRE(index.fault_count <= index.resource_count && index.resource_count >= count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 1 << 16)
        return 0;
    const uint8_t mode = data[0];
    data++;
    size--;
    uint8_t *bytes = block(size);
    memcpy(bytes, data, size);
    otlpv_counts counts;
    const bool sound = counted(bytes, size, &counts);

    by_requests(bytes, size);
    const otlpv_part_request whole = {0, size, 0, 1};
    otlpv_part_index index;
    memset(&index, 0, sizeof index);
    otlpv_part_find(bytes, &whole, 1, &index);
    index.resource_capacity = index.resource_count;
    index.scope_capacity = index.scope_count;
    index.span_capacity = index.span_count;
    index.piece_capacity = index.piece_count;
    index.resources = block(index.resource_count * sizeof *index.resources);
    index.scopes = block(index.scope_count * sizeof *index.scopes);
    index.spans = block(index.span_count * sizeof *index.spans);
    index.pieces = block(index.piece_count * sizeof *index.pieces);
    index.faults = block(FAULTS * sizeof *index.faults);
    index.fault_capacity = FAULTS;
    otlpv_part_find(bytes, &whole, 1, &index);
    REQUIRE(index.resource_count <= index.resource_capacity && index.scope_count <= index.scope_capacity);
    REQUIRE(index.span_count <= index.span_capacity && index.piece_count <= index.piece_capacity);
    if (sound) {
        REQUIRE(index.fault_count == 0);
        REQUIRE(index.resource_count == counts.resources && index.scope_count == counts.scopes);
        REQUIRE(index.span_count == counts.spans);
    }
    uint32_t starts[BUCKETS + 1];
    uint32_t *rows = block(index.span_count * 4);
    otlpv_part_scatter(index.spans, index.span_count, mode, BUCKETS, starts, rows);
    gather_all(bytes, &index, BUCKETS, starts, rows, sound);
    if (index.span_count > 0)
        by_traces(bytes, &index, 1 + mode % 5, sound);
    free(rows);
    free(index.resources);
    free(index.scopes);
    free(index.spans);
    free(index.pieces);
    free(index.faults);
    free(bytes);
    return 0;
}
