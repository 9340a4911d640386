/* Splice: see splice.h.
 *
 * Measuring and writing are the same walk over the same fields: writing puts
 * the bytes into a sink, measuring only counts them. A walk trusts the columns
 * for which rows belong together and the bytes for where fields stand, checks
 * each against the other, and never leaves the input or the sink.
 */

#include <stdbool.h>

#include "reader.h"
#include "table.h"

/* Field numbers of trace.proto, resource.proto and common.proto. */
enum {
    REQUEST_RESOURCE_SPANS = 1,
    CONTAINER_MESSAGE = 1,  /* ResourceSpans.resource and ScopeSpans.scope */
    CONTAINER_CHILDREN = 2, /* ResourceSpans.scope_spans and ScopeSpans.spans */
    RESOURCE_ATTRIBUTES = 1,
    SCOPE_ATTRIBUTES = 3,
    SPAN_ATTRIBUTES = 9
};

/* In place of a body's new length. No body is that long: its own length prefix must fit in 2^32 - 1 bytes too. */
#define KEEP OTLPV_NO_ROW /* copied as it stands, prefix and all */
#define DROP (OTLPV_NO_ROW - 1)
#define BODY_MAX (OTLPV_NO_ROW - 2)

#define NO_PATCH UINT64_MAX

typedef struct {
    const uint8_t *bytes;
    uint64_t length;
    const otlpv_counts *counts;
    const otlpv_columns *columns;
    const otlpv_edits *edits;
    const otlpv_lengths *lengths;
    const uint64_t *keys; /* of all attributes */
} context;

/* Where the result goes; only counts when `at` is NULL. */
typedef struct {
    uint8_t *at;
    uint64_t room;
    uint64_t length;
    bool full; /* more was to be written than measured */
} sink;

static inline void put(sink *out, const uint8_t *bytes, uint64_t length)
{
    out->length += length;
    if (out->at != NULL && length > 0) {
        if (length > out->room) {
            out->full = true;
            return;
        }
        memcpy(out->at, bytes, length);
        out->at += length;
        out->room -= length;
    }
}

static inline void put_until(sink *out, const uint8_t *from, const uint8_t *end)
{
    put(out, from, (uint64_t)(end - from));
}

static inline void put_varint(sink *out, uint32_t value)
{
    uint8_t encoded[5];
    uint32_t length = 0;
    while (value >= 0x80) {
        encoded[length++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    encoded[length++] = (uint8_t)value;
    put(out, encoded, length);
}

static inline void put_tag(sink *out, uint32_t field)
{
    const uint8_t tag = (uint8_t)(field << 3 | OTLPV_WIRE_LENGTH); /* all our fields are below 16 */
    put(out, &tag, 1);
}

static int put_patch(const context *c, sink *out, uint64_t patch, uint32_t field)
{
    if (patch == NO_PATCH)
        return OTLPV_OK;
    const uint8_t *start = c->edits->patch_bytes + otlpv_text_offset(patch);
    otlpv_reader reader = {start, start + otlpv_text_length(patch)};
    while (reader.at < reader.end) {
        const uint8_t *prefix = reader.at;
        uint64_t length;
        const int status = otlpv_read_length(&reader, &length);
        if (status != OTLPV_OK)
            return status;
        reader.at += length;
        put_tag(out, field);
        put_until(out, prefix, reader.at);
    }
    return OTLPV_OK;
}

/* One owner's patch; an empty one is none. */
static inline uint64_t patch_of(const context *c, const uint32_t *patch_by_row, uint32_t row)
{
    if (patch_by_row == NULL || patch_by_row[row] >= c->edits->patch_count)
        return NO_PATCH;
    const uint64_t patch = c->edits->patches[patch_by_row[row]];
    return otlpv_text_length(patch) == 0 ? NO_PATCH : patch;
}

/* What is to become of the attributes of one owner. */
typedef struct {
    uint32_t field;     /* that holds the attributes */
    uint32_t row, last; /* attribute rows: the next one, and where they end */
    bool strip;
    uint64_t patch;
} owner;

_Static_assert(OTLPV_SPAN_ATTRIBUTE_COUNT == OTLPV_SPAN_ATTRIBUTE_START + 1 &&
                   OTLPV_SCOPE_ATTRIBUTE_COUNT == OTLPV_SCOPE_ATTRIBUTE_START + 1 &&
                   OTLPV_RESOURCE_ATTRIBUTE_COUNT == OTLPV_RESOURCE_ATTRIBUTE_START + 1,
               "owner_of takes the count from the column after the start");

static owner owner_of(uint32_t field, const otlpv_table *table, uint32_t start_column, uint32_t defects_column,
                      uint32_t row, uint64_t patch)
{
    owner result = {.field = field, .patch = patch};
    result.row = otlpv_narrow(table, start_column)[row];
    result.last = result.row + otlpv_narrow(table, start_column + 1)[row];
    result.strip = otlpv_narrow(table, defects_column)[row] & OTLPV_DEFECT_FORGED;
    return result;
}

static inline bool is_forged(const context *c, uint64_t key)
{
    static const char prefix[] = "verifier.";
    const uint32_t length = sizeof prefix - 1;
    return otlpv_text_length(key) >= length && otlpv_text_offset(key) + (uint64_t)length <= c->length &&
           memcmp(c->bytes + otlpv_text_offset(key), prefix, length) == 0;
}

/* The body of a message that has attributes: without the forged ones, with the patch at its end. */
static int copy_owner(const context *c, sink *out, otlpv_reader body, owner *what)
{
    const uint8_t *copied = body.at; /* what stands before this is in the sink */
    while (body.at < body.end) {
        const uint8_t *start = body.at;
        otlpv_tag tag;
        int status = otlpv_read_tag(&body, &tag);
        if (status != OTLPV_OK)
            return status;
        if (tag.wire_type != OTLPV_WIRE_LENGTH) {
            status = otlpv_skip_value(&body, &tag, OTLPV_MAX_LEVELS);
            if (status != OTLPV_OK)
                return status;
            if (tag.wire_type == OTLPV_WIRE_GROUP_START && body.at == body.end && what->patch != NO_PATCH) {
                /* The group may be one that the end of the body cuts off: behind it, the patch would be inside. */
                put_until(out, copied, start);
                status = put_patch(c, out, what->patch, what->field);
                if (status != OTLPV_OK)
                    return status;
                what->patch = NO_PATCH;
                copied = start;
            }
            continue;
        }
        uint64_t length;
        status = otlpv_read_length(&body, &length);
        if (status != OTLPV_OK)
            return status;
        body.at += length;
        if (tag.number == what->field) {
            if (what->row == what->last)
                return OTLPV_CHANGED;
            if (what->strip && is_forged(c, c->keys[what->row])) {
                put_until(out, copied, start);
                copied = body.at;
            }
            what->row++;
        }
    }
    put_until(out, copied, body.end);
    return put_patch(c, out, what->patch, what->field);
}

static otlpv_reader body_of(const context *c, uint64_t text)
{
    const uint8_t *start = c->bytes + otlpv_text_offset(text);
    return (otlpv_reader){start, start + otlpv_text_length(text)};
}

static int copy_span(const context *c, sink *out, uint32_t row)
{
    const otlpv_table *spans = &c->columns->spans;
    const otlpv_reader body = body_of(c, otlpv_wide(spans, OTLPV_SPAN_BYTES)[row]);
    const uint64_t patch = patch_of(c, c->edits->span_patch, row);
    const uint32_t defects = otlpv_narrow(spans, OTLPV_SPAN_DEFECTS)[row];
    if (!(defects & (OTLPV_DEFECT_FORGED | OTLPV_DEFECT_GROUP))) {
        put_until(out, body.at, body.end); /* by far the most common: nothing in it needs looking at */
        return put_patch(c, out, patch, SPAN_ATTRIBUTES);
    }
    owner span =
        owner_of(SPAN_ATTRIBUTES, spans, OTLPV_SPAN_ATTRIBUTE_START, OTLPV_SPAN_DEFECTS, row, patch);
    return copy_owner(c, out, body, &span);
}

/* A message whose content is one owner of attributes and a list of children: ResourceSpans and ScopeSpans.
 * The request itself has children only. */
typedef struct {
    otlpv_reader body;
    uint32_t child_field;
    const uint64_t *child_texts;   /* per child row */
    const uint32_t *child_lengths; /* per child row: KEEP, DROP or the new length */
    uint32_t child, last;          /* child rows: the next one, and where they end */
    int (*copy_child)(const context *c, sink *out, uint32_t row);
    bool edits_message;    /* the message has forged attributes or gets a patch */
    owner message;         /* the Resource or Scope; protobuf merges several of them into one */
    uint32_t last_message; /* offset of the body that gets the patch; OTLPV_NO_ROW if there is none yet */
} container;

/* Moves on to the next child that changes, or to the end of the body. Fields in between need no look. */
static void skip_kept(const context *c, container *what)
{
    const uint32_t first = what->child;
    while (what->child < what->last && what->child_lengths[what->child] == KEEP)
        what->child++;
    if (what->child == what->last)
        what->body.at = what->body.end;
    else if (what->child > first)
        what->body.at = body_of(c, what->child_texts[what->child - 1]).end;
}

/* One of the Resources or Scopes inside. Sets `copied` to its end if it was written anew. */
static int copy_message(const context *c, sink *out, container *what, const uint8_t **copied, const uint8_t *prefix,
                        otlpv_reader body)
{
    owner message = what->message;
    if ((uint32_t)(body.at - c->bytes) != what->last_message)
        message.patch = NO_PATCH;
    owner walk = message;
    sink measure = {0};
    int status = copy_owner(c, &measure, body, &walk);
    if (status != OTLPV_OK)
        return status;
    what->message.row = walk.row;
    if (message.patch == NO_PATCH && measure.length == (uint64_t)(body.end - body.at))
        return OTLPV_OK;
    if (measure.length > BODY_MAX)
        return OTLPV_OVER_LIMIT;
    put_until(out, *copied, prefix);
    put_varint(out, (uint32_t)measure.length);
    *copied = body.end;
    return copy_owner(c, out, body, &message);
}

static int copy_container(const context *c, sink *out, container what)
{
    if (what.message.patch != NO_PATCH && what.last_message == OTLPV_NO_ROW) {
        sink measure = {0};
        const int status = put_patch(c, &measure, what.message.patch, what.message.field);
        if (status != OTLPV_OK)
            return status;
        put_tag(out, CONTAINER_MESSAGE);
        put_varint(out, (uint32_t)measure.length);
        put_patch(c, out, what.message.patch, what.message.field);
    }
    const uint8_t *copied = what.body.at; /* what stands before this is in the sink */
    for (;;) {
        if (!what.edits_message)
            skip_kept(c, &what);
        if (what.body.at >= what.body.end)
            break;
        const uint8_t *start = what.body.at;
        otlpv_tag tag;
        int status = otlpv_read_tag(&what.body, &tag);
        if (status != OTLPV_OK)
            return status;
        if (tag.wire_type != OTLPV_WIRE_LENGTH) {
            status = otlpv_skip_value(&what.body, &tag, OTLPV_MAX_LEVELS);
            if (status != OTLPV_OK)
                return status;
            continue;
        }
        const uint8_t *prefix = what.body.at;
        uint64_t length;
        status = otlpv_read_length(&what.body, &length);
        if (status != OTLPV_OK)
            return status;
        const otlpv_reader inside = {what.body.at, what.body.at + length};
        what.body.at += length;
        if (tag.number == what.child_field) {
            const uint32_t row = what.child++;
            if (row >= what.last || what.child_texts[row] != otlpv_text(c->bytes, inside.at, length))
                return OTLPV_CHANGED;
            const uint32_t new_length = what.child_lengths[row];
            if (new_length == KEEP)
                continue;
            put_until(out, copied, new_length == DROP ? start : prefix);
            copied = inside.end;
            if (new_length == DROP)
                continue;
            put_varint(out, new_length);
            if (out->at == NULL)
                out->length += new_length; /* was measured before */
            else
                status = what.copy_child(c, out, row);
        } else if (tag.number == CONTAINER_MESSAGE && what.edits_message) {
            status = copy_message(c, out, &what, &copied, prefix, inside);
        }
        if (status != OTLPV_OK)
            return status;
    }
    put_until(out, copied, what.body.end);
    return what.child == what.last ? OTLPV_OK : OTLPV_CHANGED;
}

static container scope_container(const context *c, uint32_t row)
{
    const otlpv_table *scopes = &c->columns->scopes;
    const uint64_t patch = patch_of(c, c->edits->scope_patch, row);
    container what = {.child_field = CONTAINER_CHILDREN, .copy_child = copy_span};
    what.body = body_of(c, otlpv_wide(scopes, OTLPV_SCOPE_BYTES)[row]);
    what.child_texts = otlpv_wide(&c->columns->spans, OTLPV_SPAN_BYTES);
    what.child_lengths = c->lengths->spans;
    what.child = otlpv_narrow(scopes, OTLPV_SCOPE_SPAN_START)[row];
    what.last = what.child + otlpv_narrow(scopes, OTLPV_SCOPE_SPAN_COUNT)[row];
    what.message =
        owner_of(SCOPE_ATTRIBUTES, scopes, OTLPV_SCOPE_ATTRIBUTE_START, OTLPV_SCOPE_DEFECTS, row, patch);
    what.last_message = c->lengths->scope_messages[row];
    what.edits_message = what.message.strip || patch != NO_PATCH;
    return what;
}

static int copy_scope(const context *c, sink *out, uint32_t row)
{
    return copy_container(c, out, scope_container(c, row));
}

static container resource_container(const context *c, uint32_t row)
{
    const otlpv_table *resources = &c->columns->resources;
    const uint64_t patch = patch_of(c, c->edits->resource_patch, row);
    container what = {.child_field = CONTAINER_CHILDREN, .copy_child = copy_scope};
    what.body = body_of(c, otlpv_wide(resources, OTLPV_RESOURCE_BYTES)[row]);
    what.child_texts = otlpv_wide(&c->columns->scopes, OTLPV_SCOPE_BYTES);
    what.child_lengths = c->lengths->scopes;
    what.child = otlpv_narrow(resources, OTLPV_RESOURCE_SCOPE_START)[row];
    what.last = what.child + otlpv_narrow(resources, OTLPV_RESOURCE_SCOPE_COUNT)[row];
    what.message = owner_of(RESOURCE_ATTRIBUTES, resources, OTLPV_RESOURCE_ATTRIBUTE_START,
                            OTLPV_RESOURCE_DEFECTS, row, patch);
    what.last_message = c->lengths->resource_messages[row];
    what.edits_message = what.message.strip || patch != NO_PATCH;
    return what;
}

static int copy_resource(const context *c, sink *out, uint32_t row)
{
    return copy_container(c, out, resource_container(c, row));
}

static container request_container(const context *c)
{
    container what = {.child_field = REQUEST_RESOURCE_SPANS, .copy_child = copy_resource};
    what.body = (otlpv_reader){c->bytes, c->bytes + c->length};
    what.child_texts = otlpv_wide(&c->columns->resources, OTLPV_RESOURCE_BYTES);
    what.child_lengths = c->lengths->resources;
    what.last = c->counts->resources;
    what.message.patch = NO_PATCH;
    return what;
}

static context context_of(const uint8_t *bytes, uint64_t length, const otlpv_counts *counts,
                          const otlpv_columns *columns, const otlpv_edits *edits, const otlpv_lengths *lengths)
{
    context c = {bytes, length, counts, columns, edits, lengths, NULL};
    c.keys = otlpv_wide(&columns->attributes, OTLPV_ATTRIBUTE_KEY);
    return c;
}

/* Whether anything inside this span changes. */
static inline bool is_touched(const context *c, uint32_t row, uint32_t defects)
{
    return defects & OTLPV_DEFECT_FORGED || patch_of(c, c->edits->span_patch, row) != NO_PATCH;
}

static int measure_spans(const context *c)
{
    const uint32_t *defects = otlpv_narrow(&c->columns->spans, OTLPV_SPAN_DEFECTS);
    const uint8_t *drop = c->edits->span_drop;
    uint32_t *lengths = c->lengths->spans;
    const uint32_t spans = c->counts->spans;
    for (uint32_t row = 0; row < spans; row++) {
        if (drop != NULL && drop[row]) {
            lengths[row] = DROP;
        } else if (!is_touched(c, row, defects[row])) {
            lengths[row] = KEEP;
        } else {
            sink measure = {0};
            const int status = copy_span(c, &measure, row);
            if (status != OTLPV_OK)
                return status;
            if (measure.length > BODY_MAX)
                return OTLPV_OVER_LIMIT;
            lengths[row] = (uint32_t)measure.length;
        }
    }
    return OTLPV_OK;
}

/* Offset of the body of the last Resource or Scope inside, OTLPV_NO_ROW if there is none. */
static int find_last_message(const context *c, otlpv_reader body, uint32_t *offset)
{
    *offset = OTLPV_NO_ROW;
    while (body.at < body.end) {
        otlpv_tag tag;
        int status = otlpv_read_tag(&body, &tag);
        if (status != OTLPV_OK)
            return status;
        if (tag.number == CONTAINER_MESSAGE && tag.wire_type == OTLPV_WIRE_LENGTH) {
            uint64_t length;
            status = otlpv_read_length(&body, &length);
            if (status != OTLPV_OK)
                return status;
            *offset = (uint32_t)(body.at - c->bytes);
            body.at += length;
        } else {
            status = otlpv_skip_value(&body, &tag, OTLPV_MAX_LEVELS);
            if (status != OTLPV_OK)
                return status;
        }
    }
    return OTLPV_OK;
}

static bool all_are(const uint32_t *lengths, uint32_t from, uint32_t last, uint32_t value)
{
    while (from < last && lengths[from] == value)
        from++;
    return from == last;
}

/* The new length of a ResourceSpans or ScopeSpans whose children are measured and whose span rows are given. */
static int measure_container(const context *c, container what, uint32_t span, uint32_t span_count,
                             uint32_t *last_message, uint32_t *length)
{
    *last_message = OTLPV_NO_ROW;
    if (span_count > 0 && all_are(c->lengths->spans, span, span + span_count, DROP)) {
        *length = DROP; /* one that came without spans stays */
        return OTLPV_OK;
    }
    if (!what.edits_message && all_are(what.child_lengths, what.child, what.last, KEEP)) {
        *length = KEEP;
        return OTLPV_OK;
    }
    int status = OTLPV_OK;
    if (what.message.patch != NO_PATCH)
        status = find_last_message(c, what.body, last_message);
    if (status != OTLPV_OK)
        return status;
    what.last_message = *last_message;
    sink measure = {0};
    status = copy_container(c, &measure, what);
    if (status != OTLPV_OK)
        return status;
    if (measure.length > BODY_MAX)
        return OTLPV_OVER_LIMIT;
    *length = (uint32_t)measure.length;
    return OTLPV_OK;
}

int otlpv_splice_measure(const uint8_t *bytes, uint64_t length, const otlpv_counts *counts,
                         const otlpv_columns *columns, const otlpv_edits *edits,
                         const otlpv_lengths *lengths, uint64_t *result_length)
{
    const context c = context_of(bytes, length, counts, columns, edits, lengths);
    int status = measure_spans(&c);
    const otlpv_table *scopes = &columns->scopes;
    for (uint32_t row = 0; status == OTLPV_OK && row < counts->scopes; row++)
        status = measure_container(&c, scope_container(&c, row), otlpv_narrow(scopes, OTLPV_SCOPE_SPAN_START)[row],
                                   otlpv_narrow(scopes, OTLPV_SCOPE_SPAN_COUNT)[row],
                                   &lengths->scope_messages[row], &lengths->scopes[row]);
    const otlpv_table *resources = &columns->resources;
    for (uint32_t row = 0; status == OTLPV_OK && row < counts->resources; row++)
        status = measure_container(&c, resource_container(&c, row),
                                   otlpv_narrow(resources, OTLPV_RESOURCE_SPAN_START)[row],
                                   otlpv_narrow(resources, OTLPV_RESOURCE_SPAN_COUNT)[row],
                                   &lengths->resource_messages[row], &lengths->resources[row]);
    if (status != OTLPV_OK)
        return status;
    sink measure = {0};
    status = copy_container(&c, &measure, request_container(&c));
    if (status != OTLPV_OK)
        return status;
    *result_length = measure.length;
    return measure.length > UINT32_MAX ? OTLPV_OVER_LIMIT : OTLPV_OK;
}

int otlpv_splice_write(const uint8_t *bytes, uint64_t length, const otlpv_counts *counts,
                       const otlpv_columns *columns, const otlpv_edits *edits,
                       const otlpv_lengths *lengths, uint8_t *result, uint64_t result_length)
{
    const context c = context_of(bytes, length, counts, columns, edits, lengths);
    sink out = {.at = result, .room = result_length};
    const int status = copy_container(&c, &out, request_container(&c));
    if (status != OTLPV_OK)
        return status;
    return out.full || out.room > 0 ? OTLPV_CHANGED : OTLPV_OK;
}
