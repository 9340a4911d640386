/* Scan: see scan.h.
 *
 * At each level a message's own fields and attributes are read at once, while
 * its children only get a row with the bytes they lie in; they are read when
 * their parent is done. So the children and the attributes of every owner are
 * adjacent, whatever the order of the fields, and a Resource or Scope that is
 * sent in two parts merges by itself. The count pass has no rows to keep
 * children in and reads them at once; nothing it counts depends on the order.
 */

#include "record.h"

/* Known fields, bit per number; 1000 of ResourceSpans, long deprecated, is unknown to protobuf too. */
#define KNOWN_IN_REQUEST 0x2u
#define KNOWN_IN_RESOURCE_SPANS 0xEu
#define KNOWN_IN_RESOURCE 0xEu
#define KNOWN_IN_ENTITY_REF 0x1Eu
#define KNOWN_IN_SCOPE_SPANS 0xEu
#define KNOWN_IN_SCOPE 0x1Eu

#define MEMORY_FLOOR (1u << 20)

/* A Resource or InstrumentationScope as its parts are read. */
typedef struct {
    uint64_t name, version;
    uint32_t dropped_attributes, entity_refs;
    otlpv_owner owner;
} origin;

uint64_t otlpv_hash(const uint8_t *bytes, uint32_t length, uint64_t seed)
{
    const otlpv_secret secret = otlpv_secret_of(seed);
    return otlpv_hash_bytes(bytes, length, &secret);
}

/* Nothing of an EntityRef is kept, but protobuf checks it, and so do we. */
static int read_entity_ref(otlpv_pass *pass, otlpv_reader reader, uint32_t *defects)
{
    uint32_t seen = 0, tag;
    while (reader.at < reader.end) {
        otlpv_place place = {reader.at, OTLPV_MESSAGE_ENTITY_REF};
        uint64_t text;
        int status = otlpv_next_tag(&reader, &tag, defects);
        if (status == OTLPV_OK) {
            switch (tag) {
            case LENGTH(1): /* schema_url */
            case LENGTH(2): /* type */
                otlpv_once(tag >> 3, &seen, defects);
                status = otlpv_take_string(pass, &reader, &text, defects, pass->fill);
                break;
            case LENGTH(3): /* id_keys */
            case LENGTH(4): /* description_keys */
                status = otlpv_take_string(pass, &reader, &text, defects, pass->fill);
                break;
            default:
                status = otlpv_skip(&reader, place, KNOWN_IN_ENTITY_REF, ENTITY_REF, defects);
            }
        }
        if (status != OTLPV_OK)
            return otlpv_fail(pass, status, place);
    }
    return OTLPV_OK;
}

static int read_resource(otlpv_pass *pass, otlpv_reader reader, origin *resource, uint32_t *defects)
{
    uint32_t seen = 0, tag;
    while (reader.at < reader.end) {
        otlpv_place place = {reader.at, OTLPV_MESSAGE_RESOURCE};
        const uint8_t *body;
        uint64_t length;
        int status = otlpv_next_tag(&reader, &tag, defects);
        if (status == OTLPV_OK) {
            switch (tag) {
            case LENGTH(1):
                status = otlpv_take_attributes(pass, &reader, &place, LENGTH(1), RESOURCE + 1, &resource->owner,
                                               pass->fill);
                break;
            case VARINT(2):
                otlpv_once(2, &seen, defects);
                status = otlpv_take_uint32(&reader, &resource->dropped_attributes);
                break;
            case LENGTH(3):
                status = otlpv_take_body(&reader, &body, &length);
                if (status == OTLPV_OK)
                    status = read_entity_ref(pass, (otlpv_reader){body, body + length}, defects);
                resource->entity_refs++;
                break;
            default:
                status = otlpv_skip(&reader, place, KNOWN_IN_RESOURCE, RESOURCE, defects);
            }
        }
        if (status != OTLPV_OK)
            return otlpv_fail(pass, status, place);
    }
    return OTLPV_OK;
}

static int read_scope(otlpv_pass *pass, otlpv_reader reader, origin *scope, uint32_t *defects)
{
    uint32_t seen = 0, tag;
    while (reader.at < reader.end) {
        otlpv_place place = {reader.at, OTLPV_MESSAGE_SCOPE};
        int status = otlpv_next_tag(&reader, &tag, defects);
        if (status == OTLPV_OK) {
            switch (tag) {
            case LENGTH(1):
                otlpv_once(1, &seen, defects);
                status = otlpv_take_string(pass, &reader, &scope->name, defects, pass->fill);
                break;
            case LENGTH(2):
                otlpv_once(2, &seen, defects);
                status = otlpv_take_string(pass, &reader, &scope->version, defects, pass->fill);
                break;
            case LENGTH(3):
                status = otlpv_take_attributes(pass, &reader, &place, LENGTH(3), SCOPE + 1, &scope->owner, pass->fill);
                break;
            case VARINT(4):
                otlpv_once(4, &seen, defects);
                status = otlpv_take_uint32(&reader, &scope->dropped_attributes);
                break;
            default:
                status = otlpv_skip(&reader, place, KNOWN_IN_SCOPE, SCOPE, defects);
            }
        }
        if (status != OTLPV_OK)
            return otlpv_fail(pass, status, place);
    }
    return OTLPV_OK;
}

OTLPV_HOT int read_scope_spans(otlpv_pass *pass, otlpv_reader reader, uint32_t row, uint32_t resource, const bool fill)
{
    uint64_t wide[OTLPV_SCOPE_WIDE] = {0};
    uint32_t narrow[OTLPV_SCOPE_NARROW] = {0};
    uint32_t defects = 0, seen = 0, tag;
    const uint32_t first_span = pass->found.spans;
    origin scope = {0};
    otlpv_begin_owner(pass, &scope.owner);
    wide[OTLPV_SCOPE_BYTES] = otlpv_text(pass->base, reader.at, (uint64_t)(reader.end - reader.at));
    while (reader.at < reader.end) {
        otlpv_place place = {reader.at, OTLPV_MESSAGE_SCOPE_SPANS};
        const uint8_t *body;
        uint64_t length;
        int status = otlpv_next_tag(&reader, &tag, &defects);
        if (status == OTLPV_OK) {
            switch (tag) {
            case LENGTH(1):
                otlpv_once(1, &seen, &defects);
                status = otlpv_take_body(&reader, &body, &length);
                if (status == OTLPV_OK)
                    status = read_scope(pass, (otlpv_reader){body, body + length}, &scope, &defects);
                break;
            case LENGTH(2):
                status = otlpv_take_body(&reader, &body, &length);
                if (status == OTLPV_OK)
                    status = allot(pass, &pass->columns.spans, OTLPV_SPAN_BYTES, &pass->found.spans,
                                   pass->allowed.spans, OTLPV_LIMIT_SPANS, body, length, place, fill);
                if (status == OTLPV_OK && !fill) {
                    otlpv_pause_owner(pass, &scope.owner);
                    status = count_span(pass, (otlpv_reader){body, body + length});
                    otlpv_resume_owner(pass, &scope.owner);
                }
                break;
            case LENGTH(3):
                otlpv_once(3, &seen, &defects);
                status = otlpv_take_string(pass, &reader, &wide[OTLPV_SCOPE_SCHEMA_URL], &defects, fill);
                break;
            default:
                status = otlpv_skip(&reader, place, KNOWN_IN_SCOPE_SPANS, SCOPE_SPANS, &defects);
            }
        }
        if (status != OTLPV_OK)
            return otlpv_fail(pass, status, place);
    }
    defects |= otlpv_end_owner(pass, &scope.owner, fill);
    if (!fill)
        return OTLPV_OK;
    wide[OTLPV_SCOPE_NAME] = scope.name;
    wide[OTLPV_SCOPE_VERSION] = scope.version;
    narrow[OTLPV_SCOPE_RESOURCE] = resource;
    narrow[OTLPV_SCOPE_DROPPED_ATTRIBUTES] = scope.dropped_attributes;
    narrow[OTLPV_SCOPE_ATTRIBUTE_START] = scope.owner.start;
    narrow[OTLPV_SCOPE_ATTRIBUTE_COUNT] = scope.owner.row - scope.owner.start;
    narrow[OTLPV_SCOPE_SPAN_START] = first_span;
    narrow[OTLPV_SCOPE_SPAN_COUNT] = pass->found.spans - first_span;
    narrow[OTLPV_SCOPE_DEFECTS] = defects;
    otlpv_write_row(&pass->columns.scopes, row, wide, OTLPV_SCOPE_WIDE, narrow, OTLPV_SCOPE_NARROW);
    const uint32_t end = pass->found.spans;
    for (uint32_t span = first_span; span < end; span++) {
        const int status = fill_span(pass, span, row, resource);
        if (status != OTLPV_OK)
            return status;
    }
    return OTLPV_OK;
}

OTLPV_HOT int read_resource_spans(otlpv_pass *pass, otlpv_reader reader, uint32_t row, uint32_t defects,
                                  const bool fill)
{
    uint64_t wide[OTLPV_RESOURCE_WIDE] = {0};
    uint32_t narrow[OTLPV_RESOURCE_NARROW] = {0};
    uint32_t seen = 0, tag;
    const uint32_t first_scope = pass->found.scopes;
    const uint32_t first_span = pass->found.spans;
    origin resource = {0};
    otlpv_begin_owner(pass, &resource.owner);
    wide[OTLPV_RESOURCE_BYTES] = otlpv_text(pass->base, reader.at, (uint64_t)(reader.end - reader.at));
    while (reader.at < reader.end) {
        otlpv_place place = {reader.at, OTLPV_MESSAGE_RESOURCE_SPANS};
        const uint8_t *body;
        uint64_t length;
        int status = otlpv_next_tag(&reader, &tag, &defects);
        if (status == OTLPV_OK) {
            switch (tag) {
            case LENGTH(1):
                otlpv_once(1, &seen, &defects);
                status = otlpv_take_body(&reader, &body, &length);
                if (status == OTLPV_OK)
                    status = read_resource(pass, (otlpv_reader){body, body + length}, &resource, &defects);
                break;
            case LENGTH(2):
                status = otlpv_take_body(&reader, &body, &length);
                if (status == OTLPV_OK)
                    status = allot(pass, &pass->columns.scopes, OTLPV_SCOPE_BYTES, &pass->found.scopes,
                                   pass->allowed.scopes, OTLPV_LIMIT_SCOPES, body, length, place, fill);
                if (status == OTLPV_OK && !fill) {
                    otlpv_pause_owner(pass, &resource.owner);
                    status = read_scope_spans(pass, (otlpv_reader){body, body + length}, 0, 0, false);
                    otlpv_resume_owner(pass, &resource.owner);
                }
                break;
            case LENGTH(3):
                otlpv_once(3, &seen, &defects);
                status = otlpv_take_string(pass, &reader, &wide[OTLPV_RESOURCE_SCHEMA_URL], &defects, fill);
                break;
            default:
                status = otlpv_skip(&reader, place, KNOWN_IN_RESOURCE_SPANS, RESOURCE_SPANS, &defects);
            }
        }
        if (status != OTLPV_OK)
            return otlpv_fail(pass, status, place);
    }
    defects |= otlpv_end_owner(pass, &resource.owner, fill);
    if (!fill)
        return OTLPV_OK;
    const uint32_t end = pass->found.scopes;
    for (uint32_t scope = first_scope; scope < end; scope++) {
        const int status =
            read_scope_spans(pass, reader_of(pass, &pass->columns.scopes, OTLPV_SCOPE_BYTES, scope), scope, row, true);
        if (status != OTLPV_OK)
            return status;
    }
    narrow[OTLPV_RESOURCE_DROPPED_ATTRIBUTES] = resource.dropped_attributes;
    narrow[OTLPV_RESOURCE_ATTRIBUTE_START] = resource.owner.start;
    narrow[OTLPV_RESOURCE_ATTRIBUTE_COUNT] = resource.owner.row - resource.owner.start;
    narrow[OTLPV_RESOURCE_SCOPE_START] = first_scope;
    narrow[OTLPV_RESOURCE_SCOPE_COUNT] = end - first_scope;
    narrow[OTLPV_RESOURCE_SPAN_START] = first_span;
    narrow[OTLPV_RESOURCE_SPAN_COUNT] = pass->found.spans - first_span;
    narrow[OTLPV_RESOURCE_ENTITY_REFS] = resource.entity_refs;
    narrow[OTLPV_RESOURCE_DEFECTS] = defects;
    otlpv_write_row(&pass->columns.resources, row, wide, OTLPV_RESOURCE_WIDE, narrow, OTLPV_RESOURCE_NARROW);
    return OTLPV_OK;
}

OTLPV_HOT int read_request(otlpv_pass *pass, const bool fill)
{
    otlpv_reader reader = {pass->base, pass->end};
    uint32_t defects = 0, tag;
    while (reader.at < reader.end) {
        otlpv_place place = {reader.at, OTLPV_MESSAGE_REQUEST};
        const uint8_t *body;
        uint64_t length;
        int status = otlpv_next_tag(&reader, &tag, &defects);
        if (status == OTLPV_OK) {
            if (tag == LENGTH(1)) {
                status = otlpv_take_body(&reader, &body, &length);
                if (status == OTLPV_OK)
                    status = allot(pass, &pass->columns.resources, OTLPV_RESOURCE_BYTES, &pass->found.resources,
                                   pass->allowed.resources, OTLPV_LIMIT_RESOURCES, body, length, place, fill);
                if (status == OTLPV_OK && !fill)
                    status = read_resource_spans(pass, (otlpv_reader){body, body + length}, 0, 0, false);
            } else {
                status = otlpv_skip(&reader, place, KNOWN_IN_REQUEST, REQUEST, &defects);
            }
        }
        if (status != OTLPV_OK)
            return otlpv_fail(pass, status, place);
    }
    if (!fill)
        return OTLPV_OK;
    for (uint32_t row = 0; row < pass->found.resources; row++) {
        const int status =
            read_resource_spans(pass, reader_of(pass, &pass->columns.resources, OTLPV_RESOURCE_BYTES, row), row,
                                row == 0 ? defects : 0, true); /* the request has no row of its own */
        if (status != OTLPV_OK)
            return status;
    }
    return OTLPV_OK;
}

static uint64_t columns_size(const otlpv_counts *counts)
{
#define TABLE(rows, TYPE) (uint64_t)(rows) * (8 * OTLPV_##TYPE##_WIDE + 4 * OTLPV_##TYPE##_NARROW)
    return TABLE(counts->resources, RESOURCE) + TABLE(counts->scopes, SCOPE) + TABLE(counts->spans, SPAN) +
           TABLE(counts->events, EVENT) + TABLE(counts->links, LINK) + TABLE(counts->attributes, ATTRIBUTE) +
           TABLE(counts->nested, NESTED);
#undef TABLE
}

static int over(otlpv_fault *fault, uint32_t limit, uint64_t value, uint64_t allowed)
{
    fault->limit = limit;
    fault->value = value;
    fault->allowed = allowed;
    return OTLPV_OVER_LIMIT;
}

static int check_length(uint64_t length, uint64_t limit, otlpv_fault *fault)
{
    const uint64_t most = limit < UINT32_MAX ? limit : UINT32_MAX; /* what a text can point to */
    return length > most ? over(fault, OTLPV_LIMIT_BYTES, length, most) : OTLPV_OK;
}

static int check_memory(uint64_t length, uint32_t factor, const otlpv_counts *counts, otlpv_fault *fault)
{
    const uint64_t size = columns_size(counts);
    const uint64_t most = factor * length + MEMORY_FLOOR;
    return size > most ? over(fault, OTLPV_LIMIT_MEMORY, size, most) : OTLPV_OK;
}

static otlpv_counts counts_of(const otlpv_limits *limits)
{
    return (otlpv_counts){limits->resources, limits->scopes,     limits->spans, limits->events,
                          limits->links,     limits->attributes, limits->nested};
}

static void begin_pass(otlpv_pass *pass, const uint8_t *bytes, uint64_t length, uint32_t depth, otlpv_fault *fault)
{
    memset(pass, 0, offsetof(otlpv_pass, seen));
    pass->base = bytes;
    pass->end = bytes + length;
    pass->depth = depth < OTLPV_MAX_DEPTH ? depth : OTLPV_MAX_DEPTH;
    pass->attributes_per_record = UINT32_MAX;
    pass->fault = fault;
}

static void begin_fill(otlpv_pass *pass, uint64_t seed, const otlpv_columns *columns)
{
    const otlpv_table *attributes = &columns->attributes;
    const uint64_t stride = attributes->capacity;
    pass->fill = true;
    memset(pass->seen, 0, sizeof pass->seen);
    memset(pass->lists, 0, sizeof pass->lists);
    pass->secret = otlpv_secret_of(seed);
    pass->columns = *columns;
    pass->keys = attributes->wide + OTLPV_ATTRIBUTE_KEY * stride;
    pass->hashes = attributes->wide + OTLPV_ATTRIBUTE_KEY_HASH * stride;
    pass->values = attributes->wide + OTLPV_ATTRIBUTE_VALUE * stride;
    pass->types = attributes->narrow + OTLPV_ATTRIBUTE_TYPE * stride;
}

int otlpv_count(const uint8_t *bytes, uint64_t length, const otlpv_limits *limits, otlpv_counts *counts,
                otlpv_fault *fault)
{
    memset(fault, 0, sizeof *fault);
    memset(counts, 0, sizeof *counts);
    int status = check_length(length, limits->bytes, fault);
    if (status != OTLPV_OK)
        return status;
    otlpv_pass pass;
    begin_pass(&pass, bytes, length, limits->depth, fault);
    pass.allowed = counts_of(limits);
    pass.attributes_per_record = limits->attributes_per_record;
    status = read_request(&pass, false);
    if (status != OTLPV_OK)
        return status;
    *counts = pass.found;
    return check_memory(length, limits->memory_factor, counts, fault);
}

int otlpv_scan(const uint8_t *bytes, uint64_t length, uint32_t depth, uint64_t seed, const otlpv_counts *counts,
               const otlpv_columns *columns, otlpv_fault *fault)
{
    memset(fault, 0, sizeof *fault);
    int status = check_length(length, UINT32_MAX, fault);
    if (status != OTLPV_OK)
        return status;
    otlpv_pass pass;
    begin_pass(&pass, bytes, length, depth, fault);
    begin_fill(&pass, seed, columns);
    pass.allowed = *counts;
    status = read_request(&pass, true);
    if (status != OTLPV_OK)
        return status;
    return memcmp(&pass.found, counts, sizeof *counts) == 0 ? OTLPV_OK : OTLPV_CHANGED;
}

static uint32_t smaller(uint32_t a, uint32_t b) { return a < b ? a : b; }

int otlpv_scan_at_once(const uint8_t *bytes, uint64_t length, const otlpv_limits *limits, uint64_t seed,
                       const otlpv_columns *columns, otlpv_counts *counts)
{
    otlpv_fault fault;
    int status = check_length(length, limits->bytes, &fault);
    if (status != OTLPV_OK)
        return status;
    otlpv_pass pass;
    begin_pass(&pass, bytes, length, limits->depth, &fault);
    begin_fill(&pass, seed, columns);
    pass.attributes_per_record = limits->attributes_per_record;
    pass.allowed.resources = smaller(limits->resources, columns->resources.capacity);
    pass.allowed.scopes = smaller(limits->scopes, columns->scopes.capacity);
    pass.allowed.spans = smaller(limits->spans, columns->spans.capacity);
    pass.allowed.events = smaller(limits->events, columns->events.capacity);
    pass.allowed.links = smaller(limits->links, columns->links.capacity);
    pass.allowed.attributes = smaller(limits->attributes, columns->attributes.capacity);
    pass.allowed.nested = smaller(limits->nested, columns->nested.capacity);
    status = read_request(&pass, true);
    if (status != OTLPV_OK)
        return status;
    *counts = pass.found;
    return check_memory(length, limits->memory_factor, counts, &fault);
}
