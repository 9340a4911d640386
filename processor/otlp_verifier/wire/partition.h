/* Partition: the spans of requests apart, and put together again trace by trace.
 *
 * `index` finds the spans of requests and what stands around them, without looking into attributes. `group`
 * gives every trace a number, `pack` puts traces into chunks, and `gather` copies the spans of one chunk
 * into a request: each span as it stands, inside a copy of its own ScopeSpans and ResourceSpans. Nothing
 * is decoded; other fields, known or not, go with the envelope. Nothing here allocates or recurses.
 *
 * A ResourceSpans that cannot be read is left out and noted as a fault; the others are not affected.
 */

/* A request among other bytes, and where it stands in its file. */
typedef struct {
    uint64_t offset; /* of its first byte among the bytes */
    uint64_t length;
    uint64_t place;  /* of its first byte in the file */
    uint32_t number; /* which request of the file, from 1 */
} otlpv_part_request;

/* Requests with their lengths in front, 4 bytes in big-endian order, as the collector's file exporter writes them: those
 * that `bytes` begin with, up to one that is not plain. Plain is a request that is there as a whole, not packed, with
 * nothing but ResourceSpans at its top, and with a first record that can only be a span, as those of all SDKs and
 * collectors. `place` and `number` are those of the first length and of the first request. Returns how many, at most
 * `capacity`; one longer than `longest` is not plain either. */
uint32_t otlpv_part_plain(const uint8_t *bytes, uint64_t length, uint64_t longest, uint64_t place, uint32_t number,
                          otlpv_part_request *requests, uint32_t capacity);

/* A maximal run of fields in an envelope that are not its children: a text. In front of the last child
 * pieces can be moved together; the part behind it (`tail`) stays behind, because it may end in a group
 * that only the end of the message closes. */
typedef struct {
    uint64_t body; /* text of the ResourceSpans */
    uint64_t tail; /* text */
    uint32_t piece_start, piece_count;
    uint32_t scope_start, scope_count;
    uint32_t span_count; /* of all its scopes */
} otlpv_part_resource;

typedef struct {
    uint64_t body; /* text of the ScopeSpans */
    uint64_t tail; /* text */
    uint32_t piece_start, piece_count;
    uint32_t span_start, span_count;
    uint32_t resource; /* row */
} otlpv_part_scope;

typedef struct {
    uint64_t trace_high, trace_low; /* as OTLPV_SPAN_TRACE_ID_HIGH and _LOW; both 0: a trace of its own */
    uint64_t field;                 /* text of the span with its tag and length */
    uint32_t scope;                 /* row */
} otlpv_part_span;

typedef struct {
    uint64_t offset; /* of the field that cannot be read */
    uint64_t start;  /* of the ResourceSpans that it is in, or of the field itself */
    uint32_t status; /* otlpv_status */
} otlpv_part_fault;

typedef struct {
    otlpv_part_resource *resources;
    otlpv_part_scope *scopes;
    otlpv_part_span *spans;
    uint64_t *pieces;
    otlpv_part_fault *faults;
    uint32_t resource_count, scope_count, span_count, piece_count; /* how many there are */
    uint32_t resource_capacity, scope_capacity, span_capacity, piece_capacity;
    uint32_t fault_count;    /* how many there are */
    uint32_t fault_capacity; /* how many are written */
} otlpv_part_index;

/* Indexes requests, which stand in ascending order below 2^32. Where a count is above its capacity the tables have no
 * meaning, and the counts are those that are needed at most: again with as many. */
void otlpv_part_find(const uint8_t *bytes, const otlpv_part_request *requests, uint32_t request_count,
                     otlpv_part_index *index);

/* Origins of records that stand in a protobuf file, for the rows of `index`, which was made of these requests. */
void otlpv_part_origins(const otlpv_part_index *index, const otlpv_part_request *requests, uint32_t request_count,
                        uint32_t file, otlpv_origin *resources, otlpv_origin *scopes, otlpv_origin *spans);

typedef struct {
    uint64_t high, low;
    uint64_t bytes; /* of its spans, with tags and lengths */
    uint64_t first; /* number of its first span, counted over all calls of otlpv_part_group */
    uint32_t spans;
    uint32_t chunk;
} otlpv_part_trace;

/* Open addressing over a power of two of cells, at least twice the traces; cells are all ones at first. */
typedef struct {
    uint32_t *cells;
    otlpv_part_trace *traces;
    uint64_t seed;
    uint64_t span_count;
    uint32_t cell_count;
    uint32_t trace_count, trace_capacity;
} otlpv_part_traces;

/* numbers[i] = the number of the trace of spans[i]. Returns how many spans it has done: fewer than `count` when no
 * further trace has room. */
uint32_t otlpv_part_group(const otlpv_part_span *spans, uint32_t count, otlpv_part_traces *traces, uint32_t *numbers);

/* Fills cells that are all ones with the traces that there are: after the cells have become more. */
void otlpv_part_fill_cells(otlpv_part_traces *traces);

/* Puts traces into chunks in the order of their numbers, each chunk full when it has reached one of the two
 * limits. A trace whose `chunk` is OTLPV_NO_ROW beforehand is left out. Returns how many chunks. */
uint32_t otlpv_part_pack(otlpv_part_traces *traces, uint64_t bytes, uint32_t spans);

/* rows = the span rows of chunk 0, then of chunk 1...; starts[c] = where those of chunk c begin, and
 * starts[chunk_count] where the last ones end. Spans of traces that are left out are in none. */
void otlpv_part_sort(const otlpv_part_traces *traces, const uint32_t *numbers, uint32_t count,
                     uint32_t chunk_count, uint32_t *starts, uint32_t *rows);

/* rows and starts as otlpv_part_sort makes them, with the bucket of a span decided by its trace id alone:
 * the same for all requests with the same `salt`. A span without one goes by its offset. */
void otlpv_part_scatter(const otlpv_part_span *spans, uint32_t count, uint64_t salt, uint32_t bucket_count,
                        uint32_t *starts, uint32_t *rows);

typedef struct {
    const uint8_t *bytes;
    const otlpv_part_index *index;
    const otlpv_origin *resources, *scopes, *spans; /* of the request's records */
    uint8_t *resource_taken, *scope_taken; /* by row, 0 at first: 1 once it stands in some gathered request */
} otlpv_part_source;

typedef struct {
    uint8_t *bytes; /* NULL: only measure */
    uint64_t used;
    otlpv_origin *resources, *scopes, *spans;
    uint32_t resource_count, scope_count, span_count;
} otlpv_part_result;

/* Adds the given spans (ascending rows) to a request. Resources and scopes that have no spans come with the
 * first gathering that takes anything of their surroundings; with `rest`, all such resources come too.
 * The caller measures first; `used` and the counts are added to. When measuring, nothing is marked taken. */
void otlpv_part_gather(const otlpv_part_source *source, const uint32_t *rows, uint32_t count, int rest,
                       otlpv_part_result *result);
