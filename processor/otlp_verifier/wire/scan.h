/* Scan: bytes of an ExportTraceServiceRequest to columns, in two passes.
 *
 * Neither function recurses, allocates, keeps state or touches Python. Input
 * may be hostile: nothing outside [bytes, bytes + length) is read and nothing
 * beyond the tables' capacities is written. It must not change during a call.
 */

typedef struct {
    uint64_t bytes;                 /* of the whole request; at most 2^32 - 1 whatever this says */
    uint32_t resources, scopes, spans, events, links;
    uint32_t attributes;            /* of the whole request, without nested elements */
    uint32_t nested;                /* elements of arrays and maps in the whole request */
    uint32_t attributes_per_record; /* of one span, event, link, resource or scope */
    uint32_t depth;                 /* levels of arrays and maps that are looked into; at most OTLPV_MAX_DEPTH */
    uint32_t memory_factor;         /* columns may take this times the request's bytes plus 1 MiB */
} otlpv_limits;

#define OTLPV_MAX_DEPTH 100

enum otlpv_status {
    OTLPV_OK = 0,
    OTLPV_TRUNCATED,     /* a varint, a fixed number or a length runs past the end of its message */
    OTLPV_BAD_VARINT,    /* longer than 10 bytes, or a length longer than 5 */
    OTLPV_BAD_TAG,       /* field number 0 */
    OTLPV_BAD_WIRE_TYPE, /* 6 or 7 */
    OTLPV_BAD_GROUP,     /* an end without a start, of another number, or groups nested too deeply */
    OTLPV_OVER_LIMIT,    /* fault.limit says which */
    OTLPV_CHANGED        /* the fill pass found other counts than it was given */
};

enum otlpv_limit {
    OTLPV_LIMIT_NONE, OTLPV_LIMIT_BYTES, OTLPV_LIMIT_RESOURCES, OTLPV_LIMIT_SCOPES, OTLPV_LIMIT_SPANS,
    OTLPV_LIMIT_EVENTS, OTLPV_LIMIT_LINKS, OTLPV_LIMIT_ATTRIBUTES, OTLPV_LIMIT_NESTED,
    OTLPV_LIMIT_ATTRIBUTES_PER_RECORD, OTLPV_LIMIT_MEMORY
};

/* The messages that a fault can be in. */
enum otlpv_message {
    OTLPV_MESSAGE_REQUEST, OTLPV_MESSAGE_RESOURCE_SPANS, OTLPV_MESSAGE_RESOURCE, OTLPV_MESSAGE_SCOPE_SPANS,
    OTLPV_MESSAGE_SCOPE, OTLPV_MESSAGE_SPAN, OTLPV_MESSAGE_STATUS, OTLPV_MESSAGE_EVENT, OTLPV_MESSAGE_LINK,
    OTLPV_MESSAGE_KEY_VALUE, OTLPV_MESSAGE_ANY_VALUE, OTLPV_MESSAGE_ENTITY_REF,
    OTLPV_MESSAGE_ENVELOPE /* VerifyRequest, around a request (envelope.h) */
};

typedef struct {
    uint64_t offset;  /* in the input, of the field that cannot be read */
    uint64_t value;   /* over a limit: how many there are (at least) */
    uint64_t allowed; /* over a limit: how many may be */
    uint32_t message; /* otlpv_message */
    uint32_t field;   /* field number, 0 where even the tag cannot be read */
    uint32_t limit;   /* otlpv_limit */
} otlpv_fault;

/* Checks structure and limits; fills `counts` or, when it returns a status other than OTLPV_OK, `fault`. */
int otlpv_count(const uint8_t *bytes, uint64_t length, const otlpv_limits *limits,
                otlpv_counts *counts, otlpv_fault *fault);

/* Fills columns of at least `counts` rows each. `seed` keys the hashes, `depth` is that of the limits. */
int otlpv_scan(const uint8_t *bytes, uint64_t length, uint32_t depth, uint64_t seed,
               const otlpv_counts *counts, const otlpv_columns *columns, otlpv_fault *fault);

/* Both passes in one, into tables that are perhaps large enough already, as those of an arena are after
 * the first batches: it saves the count pass, a third of the work. OTLPV_OK means the same as from both, and
 * that `counts` is filled. Any other status means only that it takes the two passes to know more: too little
 * room, a limit, or a fault. */
int otlpv_scan_at_once(const uint8_t *bytes, uint64_t length, const otlpv_limits *limits, uint64_t seed,
                       const otlpv_columns *columns, otlpv_counts *counts);

/* The hash of OTLPV_ATTRIBUTE_KEY_HASH: fast, keyed, not cryptographic. */
uint64_t otlpv_hash(const uint8_t *bytes, uint32_t length, uint64_t seed);
