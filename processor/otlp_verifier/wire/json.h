/* OTLP/JSON to OTLP protobuf: one pass over the text, no recursion, no allocation.
 *
 * A document is one JSON object, an ExportTraceServiceRequest (or TracesData, which is the same). Its
 * meaning is that of the OTLP specification: keys in lowerCamelCase, ids in hex digits, 64-bit integers
 * as strings or numbers, enums as numbers; unknown keys are ignored, null is absent, of equal keys the
 * last one counts. What receivers would misunderstand is read where that can be done without a guess
 * (base64 ids of the right length, names of enums) and noted as an otlpv_json_defect either way.
 *
 * The grammar is that of Python's json module: NaN, Infinity and -Infinity are numbers. Bytes that are
 * not UTF-8 are kept, for the rules to find. Half of a surrogate pair becomes U+FFFD.
 *
 * Documents of metrics, logs and profiles are recognised and counted, of Jaeger and Zipkin recognised;
 * nothing is written for them.
 */

#define OTLPV_JSON_DEPTH_MAX 256 /* objects and arrays within each other that carry meaning */
#define OTLPV_JSON_SKIP_DEPTH_MAX 1024 /* the same in values that are skipped */

/* What is wrong with a document that cannot be read, at otlpv_json_document.fault. */
enum otlpv_json_status {
    OTLPV_JSON_OK,
    OTLPV_JSON_CUT, /* ends in the middle */
    OTLPV_JSON_WANT_OBJECT,
    OTLPV_JSON_WANT_KEY,
    OTLPV_JSON_WANT_KEY_OR_BRACE,
    OTLPV_JSON_WANT_COLON,
    OTLPV_JSON_WANT_VALUE,
    OTLPV_JSON_WANT_VALUE_OR_BRACKET,
    OTLPV_JSON_WANT_COMMA_OR_BRACE,
    OTLPV_JSON_WANT_COMMA_OR_BRACKET,
    OTLPV_JSON_WANT_END, /* something stands behind the document */
    OTLPV_JSON_BAD_ESCAPE,
    OTLPV_JSON_CONTROL_CHARACTER, /* unescaped, within a string */
    OTLPV_JSON_TOO_DEEP,
    OTLPV_JSON_TOO_MANY, /* more records or forged attributes than the tables hold */
    OTLPV_JSON_NO_ROOM   /* the output is too small: not with OTLPV_JSON_BOUND */
};

/* What a document's top level tells about its kind, as bits. */
enum otlpv_json_shape {
    OTLPV_JSON_TRACES = 1,
    OTLPV_JSON_METRICS = 2,
    OTLPV_JSON_LOGS = 4,
    OTLPV_JSON_PROFILES = 8,
    OTLPV_JSON_HAS_DATA = 16, /* Jaeger: {"data": [{"traceID": ..., "spans": [...], "processes": {...}}]} */
    OTLPV_JSON_HAS_PROCESSES = 32,
    OTLPV_JSON_HAS_TRACE_ID = 64, /* Zipkin: {"traceId": ..., "id": ...} */
    OTLPV_JSON_HAS_ID = 128,
    OTLPV_JSON_HAS_OPERATION = 256, /* Jaeger, a span by itself: {"traceID": ..., "operationName": ...} */
    OTLPV_JSON_EMPTY = 512          /* {} */
};

typedef struct {
    uint64_t start, end; /* its bytes in the input, without what stands around it */
    uint64_t line;       /* that it begins in */
    uint64_t fault;      /* offset in the input */
    uint64_t fault_line;
    uint32_t status;     /* otlpv_json_status */
    uint32_t shape;      /* otlpv_json_shape */
    uint32_t spans, metrics, logs;
    uint32_t defect_start, defect_count; /* of those that are kept; see otlpv_json_output */
} otlpv_json_document;

enum otlpv_json_code {
    OTLPV_JSON_DEFECT_TYPE,          /* a value of another type than its key takes: left out */
    OTLPV_JSON_DEFECT_NUMBER,        /* a number out of range or not whole: left out */
    OTLPV_JSON_DEFECT_ID,            /* neither hex digits nor base64 of the right length: left out */
    OTLPV_JSON_DEFECT_BASE64,        /* bytes that are not base64: left out */
    OTLPV_JSON_DEFECT_ENUM,          /* a name that the enum has not: left out */
    OTLPV_JSON_DEFECT_ENUM_NAME,     /* read as its number */
    OTLPV_JSON_DEFECT_ID_BASE64,     /* read as base64 */
    OTLPV_JSON_DEFECT_SURROGATE,     /* half of a pair: read as U+FFFD */
    OTLPV_JSON_DEFECT_KEY_CASE,      /* a known key in another spelling: ignored */
    OTLPV_JSON_DEFECT_KEY_UNKNOWN,   /* ignored */
    OTLPV_JSON_DEFECT_KEY_DUPLICATE, /* the last one counts */
    OTLPV_JSON_DEFECT_CODES
};

/* What a key's value has to be. */
enum otlpv_json_kind {
    OTLPV_JSON_STRING, OTLPV_JSON_BOOL, OTLPV_JSON_INT64, OTLPV_JSON_UINT32, OTLPV_JSON_FIXED32, OTLPV_JSON_FIXED64,
    OTLPV_JSON_DOUBLE, OTLPV_JSON_BYTES, OTLPV_JSON_TRACE_ID, OTLPV_JSON_SPAN_ID, OTLPV_JSON_SPAN_KIND,
    OTLPV_JSON_STATUS_CODE, OTLPV_JSON_MESSAGE, OTLPV_JSON_MESSAGES, OTLPV_JSON_STRINGS, OTLPV_JSON_COUNTED,
    OTLPV_JSON_IGNORED
};

typedef struct {
    uint64_t offset, line; /* of the key or value in question */
    uint32_t length;       /* of the key, with its quotes; 0 for a value */
    uint32_t code;         /* otlpv_json_code */
    uint32_t message, key; /* for otlpv_json_key_name; of a key that is unknown, only `message` */
    uint32_t kind;         /* otlpv_json_kind of the key */
} otlpv_json_defect;

/* Where in the file attributes of a record can be written: for the record in the same row of origins. */
typedef struct {
    uint64_t attributes; /* the bracket that closes its list of attributes; 0: there is none, or another value */
    uint64_t owner;      /* the brace that closes the Span, Resource or InstrumentationScope; 0: there is none */
    uint64_t container;  /* the brace that closes the Span, ResourceSpans or ScopeSpans */
} otlpv_json_place;

/* Where in the file an attribute stands whose key begins with `verifier.`: its object, braces included. */
typedef struct {
    uint64_t start, end;
} otlpv_json_forged;

/* What the documents of one call become. The caller owns all memory. A call adds to what is there. */
typedef struct {
    uint8_t *bytes; /* one OTLP request: requests can be put end to end */
    uint64_t capacity, used;
    otlpv_origin *resources, *scopes, *spans; /* in the order of the records in `bytes` */
    otlpv_json_place *resource_places, *scope_places, *span_places; /* or NULL, all of them */
    otlpv_json_forged *forged; /* in the order of the text, and only with places */
    uint32_t forged_capacity, forged_count;
    uint32_t resource_capacity, scope_capacity, span_capacity;
    uint32_t resource_count, scope_count, span_count;
    otlpv_json_defect *defects; /* the first ones; the others are counted only */
    uint32_t defect_capacity, defect_count;
    uint32_t defects_by_code[OTLPV_JSON_DEFECT_CODES];
} otlpv_json_output;

/* What goes on from call to call: where in the file the input begins, how much was read before it. */
typedef struct {
    uint64_t offset, line; /* of the first byte of the input; moved on behind what was read */
    uint32_t file;
    uint32_t request; /* of the next document */
} otlpv_json_position;

/* Enough output for any input of a length: text takes more room than what it means. */
#define OTLPV_JSON_BOUND_SHARE 8192 /* length + length / this + OTLPV_JSON_BOUND_REST */
#define OTLPV_JSON_BOUND_REST 64

/* Reads exactly one document, white space around it allowed. Returns document->status; what a document
 * that cannot be read had written is taken back. `position` moves on in either case. */
int otlpv_json_read(const uint8_t *bytes, uint64_t length, otlpv_json_position *position,
                    otlpv_json_output *output, otlpv_json_document *document);

/* Reads documents, one in each line, empty lines between them, until `capacity` documents are read or the
 * input ends. Each fills one of `documents`, whose offsets are in `bytes`. Returns how many;
 * position->offset tells how far. */
uint32_t otlpv_json_read_lines(const uint8_t *bytes, uint64_t length, otlpv_json_position *position,
                               otlpv_json_output *output, otlpv_json_document *documents, uint32_t capacity);

/* The key's name, or NULL. Messages and keys as in otlpv_json_defect. */
const char *otlpv_json_key_name(uint32_t message, uint32_t key);

/* The message's name in the protocol, or NULL. */
const char *otlpv_json_message_name(uint32_t message);

/* Finding where a document ends while its bytes are still coming in. All zero at first. */
typedef struct {
    uint64_t scanned;  /* how many bytes from the document's first on have been looked at */
    uint32_t depth;
    uint32_t in_string, escaped;
    uint32_t last;     /* the last byte that was not white space */
    uint32_t new_line; /* whether the byte before was a line feed */
    uint32_t lines;    /* line feeds so far */
} otlpv_json_scan;

enum otlpv_json_scanned {
    OTLPV_JSON_GOES_ON, /* more bytes are needed */
    OTLPV_JSON_ENDS,    /* at scan->scanned */
    OTLPV_JSON_BROKEN   /* at scan->scanned, where another document seems to begin, or a line within a string ends */
};

/* `bytes` begin with the document's opening brace, at every call. */
int otlpv_json_find_end(const uint8_t *bytes, uint64_t length, otlpv_json_scan *scan);
