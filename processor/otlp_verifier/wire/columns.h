/* Columns: what the scanner writes and everything behind it reads.
 *
 * This header is the contract between C and Python: it is compiled into the
 * native module and read by cffi as it stands, so it holds declarations only
 * (cffi knows enums, structs and `#define NAME number`, no other macros).
 *
 * Every table is two blocks that the caller allocates: `wide` (64-bit columns)
 * and `narrow` (32-bit columns). Column c of row r is block[c * capacity + r].
 * A *text* is a 64-bit value: offset into the input << 32 | length in bytes.
 * Row numbers are in document order. Absent scalar fields are 0, as in proto3.
 */

#define OTLPV_NO_ROW 0xFFFFFFFF

typedef struct {
    uint64_t *wide;
    uint32_t *narrow;
    uint32_t capacity; /* rows that fit; also the stride between columns */
} otlpv_table;

/* Source: opentelemetry/proto/trace/v1/trace.proto, message Span */
enum otlpv_span_wide {
    OTLPV_SPAN_TRACE_ID_HIGH, /* ids are read big-endian, so the number prints as the hex id; */
    OTLPV_SPAN_TRACE_ID_LOW,  /* short ones are padded with zero bytes at the end, long ones cut */
    OTLPV_SPAN_SPAN_ID,
    OTLPV_SPAN_PARENT_SPAN_ID,
    OTLPV_SPAN_START_TIME, /* Unix nanoseconds */
    OTLPV_SPAN_END_TIME,
    OTLPV_SPAN_NAME,           /* text */
    OTLPV_SPAN_STATUS_MESSAGE, /* text */
    OTLPV_SPAN_TRACE_STATE,    /* text */
    OTLPV_SPAN_BYTES,          /* text: the body of this Span message */
    OTLPV_SPAN_WIDE
};
enum otlpv_span_narrow {
    OTLPV_SPAN_KIND, /* as sent, so perhaps outside the enum */
    OTLPV_SPAN_STATUS_CODE,
    OTLPV_SPAN_FLAGS,
    OTLPV_SPAN_DROPPED_ATTRIBUTES,
    OTLPV_SPAN_DROPPED_EVENTS,
    OTLPV_SPAN_DROPPED_LINKS,
    OTLPV_SPAN_SCOPE,    /* row in scopes */
    OTLPV_SPAN_RESOURCE, /* row in resources */
    OTLPV_SPAN_ATTRIBUTE_START,
    OTLPV_SPAN_ATTRIBUTE_COUNT,
    OTLPV_SPAN_EVENT_START,
    OTLPV_SPAN_EVENT_COUNT,
    OTLPV_SPAN_LINK_START,
    OTLPV_SPAN_LINK_COUNT,
    OTLPV_SPAN_ID_LENGTHS, /* trace | span << 8 | parent << 16, in bytes, each at most 255 */
    OTLPV_SPAN_DEFECTS,    /* bits, see otlpv_defect; includes those of its Status */
    OTLPV_SPAN_NARROW
};

enum otlpv_event_wide { OTLPV_EVENT_TIME, OTLPV_EVENT_NAME, OTLPV_EVENT_BYTES, OTLPV_EVENT_WIDE };
enum otlpv_event_narrow {
    OTLPV_EVENT_SPAN, /* row in spans */
    OTLPV_EVENT_DROPPED_ATTRIBUTES,
    OTLPV_EVENT_ATTRIBUTE_START,
    OTLPV_EVENT_ATTRIBUTE_COUNT,
    OTLPV_EVENT_DEFECTS,
    OTLPV_EVENT_NARROW
};

enum otlpv_link_wide {
    OTLPV_LINK_TRACE_ID_HIGH,
    OTLPV_LINK_TRACE_ID_LOW,
    OTLPV_LINK_SPAN_ID,
    OTLPV_LINK_TRACE_STATE, /* text */
    OTLPV_LINK_BYTES,
    OTLPV_LINK_WIDE
};
enum otlpv_link_narrow {
    OTLPV_LINK_SPAN, /* row in spans */
    OTLPV_LINK_FLAGS,
    OTLPV_LINK_DROPPED_ATTRIBUTES,
    OTLPV_LINK_ATTRIBUTE_START,
    OTLPV_LINK_ATTRIBUTE_COUNT,
    OTLPV_LINK_ID_LENGTHS, /* trace | span << 8 */
    OTLPV_LINK_DEFECTS,
    OTLPV_LINK_NARROW
};

enum otlpv_resource_wide {
    OTLPV_RESOURCE_SCHEMA_URL, /* text, of the ResourceSpans */
    OTLPV_RESOURCE_BYTES,      /* text: the body of the ResourceSpans message */
    OTLPV_RESOURCE_WIDE
};
enum otlpv_resource_narrow {
    OTLPV_RESOURCE_DROPPED_ATTRIBUTES,
    OTLPV_RESOURCE_ATTRIBUTE_START,
    OTLPV_RESOURCE_ATTRIBUTE_COUNT,
    OTLPV_RESOURCE_SCOPE_START,
    OTLPV_RESOURCE_SCOPE_COUNT,
    OTLPV_RESOURCE_SPAN_START,
    OTLPV_RESOURCE_SPAN_COUNT,
    OTLPV_RESOURCE_ENTITY_REFS, /* how many */
    OTLPV_RESOURCE_DEFECTS, /* includes those of its ResourceSpans; the first row's, those of the request too */
    OTLPV_RESOURCE_NARROW
};

enum otlpv_scope_wide {
    OTLPV_SCOPE_NAME,       /* text */
    OTLPV_SCOPE_VERSION,    /* text */
    OTLPV_SCOPE_SCHEMA_URL, /* text, of the ScopeSpans */
    OTLPV_SCOPE_BYTES,      /* text: the body of the ScopeSpans message */
    OTLPV_SCOPE_WIDE
};
enum otlpv_scope_narrow {
    OTLPV_SCOPE_RESOURCE, /* row in resources */
    OTLPV_SCOPE_DROPPED_ATTRIBUTES,
    OTLPV_SCOPE_ATTRIBUTE_START,
    OTLPV_SCOPE_ATTRIBUTE_COUNT,
    OTLPV_SCOPE_SPAN_START,
    OTLPV_SCOPE_SPAN_COUNT,
    OTLPV_SCOPE_DEFECTS, /* includes those of its ScopeSpans */
    OTLPV_SCOPE_NARROW
};

/* Attributes of all owners stand in one table; those of one owner are adjacent,
 * in document order, and the owner has their start and count. */
enum otlpv_attribute_wide {
    OTLPV_ATTRIBUTE_KEY,      /* text */
    OTLPV_ATTRIBUTE_KEY_HASH, /* otlpv_hash of the key */
    OTLPV_ATTRIBUTE_VALUE,    /* by type: text; 0 or 1; two's complement; IEEE bits */
    OTLPV_ATTRIBUTE_WIDE
};
enum otlpv_attribute_narrow {
    OTLPV_ATTRIBUTE_TYPE,         /* otlpv_type */
    OTLPV_ATTRIBUTE_ELEMENTS,     /* of an array or map: how many direct elements; of others 0 */
    OTLPV_ATTRIBUTE_NESTED_START, /* of an array or map: its rows in nested (all levels); of others 0 */
    OTLPV_ATTRIBUTE_NESTED_COUNT,
    OTLPV_ATTRIBUTE_NARROW
};

/* Elements of arrays and maps, all levels, depth first. */
enum otlpv_nested_wide {
    OTLPV_NESTED_KEY,      /* text; 0 in an array */
    OTLPV_NESTED_KEY_HASH, /* otlpv_hash of the key; 0 in an array */
    OTLPV_NESTED_VALUE,    /* as OTLPV_ATTRIBUTE_VALUE */
    OTLPV_NESTED_WIDE
};
enum otlpv_nested_narrow {
    OTLPV_NESTED_TYPE,     /* otlpv_type */
    OTLPV_NESTED_PARENT,   /* row in nested of the array or map that holds it; OTLPV_NO_ROW: the attribute */
    OTLPV_NESTED_ELEMENTS, /* of an array or map: how many direct elements */
    OTLPV_NESTED_NARROW
};

/* The numbers of AnyValue's oneof fields (common.proto); 0 is "no value". */
enum otlpv_type {
    OTLPV_EMPTY = 0,
    OTLPV_STRING = 1,
    OTLPV_BOOL = 2,
    OTLPV_INT = 3,
    OTLPV_DOUBLE = 4,
    OTLPV_ARRAY = 5, /* value: text of the last fragment's bytes */
    OTLPV_MAP = 6,
    OTLPV_BYTES = 7,
    OTLPV_STRING_INDEX = 8
};

/* What is odd about a record although it can be read. A record's bits cover its
 * own fields, its attributes and their values, not its children. */
enum otlpv_defect {
    OTLPV_DEFECT_FIELD_UTF8 = 1,        /* a string field is not UTF-8 */
    OTLPV_DEFECT_ATTRIBUTE_UTF8 = 2,    /* a key or a string value, at any level, is not UTF-8 */
    OTLPV_DEFECT_DUPLICATE_KEY = 4,     /* two attributes of the record have one key (see keys.c) */
    OTLPV_DEFECT_EMPTY_KEY = 8,         /* an attribute's key is empty */
    OTLPV_DEFECT_EMPTY_VALUE = 16,      /* an attribute has no value */
    OTLPV_DEFECT_REPEATED_FIELD = 32,   /* a singular field or oneof was sent more than once */
    OTLPV_DEFECT_ODD_TAG = 64,          /* tag longer than 5 bytes, beyond 32 bits, a number >= 2^29, or 0 in a group */
    OTLPV_DEFECT_WRONG_WIRE_TYPE = 128, /* a known field with another wire type: unknown to protobuf */
    OTLPV_DEFECT_UNKNOWN_FIELD = 256,
    OTLPV_DEFECT_TOO_DEEP = 512,        /* values nested deeper than max_depth: kept, not looked into */
    OTLPV_DEFECT_FORGED = 1024,         /* an attribute key begins with `verifier.` */
    OTLPV_DEFECT_MIXED_ARRAY = 2048,    /* an array attribute holds values of unlike types; empty ones are like all */
    OTLPV_DEFECT_NESTED_DUPLICATE_KEY = 4096, /* a map value has one key twice */
    OTLPV_DEFECT_GROUP = 8192,          /* a protobuf group, balanced or cut off by the end of its message */
    OTLPV_DEFECT_STRING_INDEX = 16384,  /* a key or value is given by its place in a table that only profiles have */
    OTLPV_DEFECT_KEY_AND_INDEX = 32768  /* a key is given both ways */
};

/* Rows per table. Also what the count pass finds and the fill pass must find again. */
typedef struct {
    uint32_t resources, scopes, spans, events, links, attributes, nested;
} otlpv_counts;

typedef struct {
    otlpv_table resources, scopes, spans, events, links, attributes, nested;
} otlpv_columns;
