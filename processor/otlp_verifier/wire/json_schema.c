/* Schema: see json_schema.h. */

#include "json_schema.h"

#include <stddef.h>
#include <string.h>

#define KEY(text, kind_, number_) {text, sizeof text - 1, OTLPV_JSON_##kind_, number_, 0, 0}
#define ONE(text, message_, number_) {text, sizeof text - 1, OTLPV_JSON_MESSAGE, number_, OTLPV_JSON_##message_, 0}
#define MANY(text, message_, number_) {text, sizeof text - 1, OTLPV_JSON_MESSAGES, number_, OTLPV_JSON_##message_, 0}
#define TOP(text, kind_, message_, number_, shape_) \
    {text, sizeof text - 1, OTLPV_JSON_##kind_, number_, OTLPV_JSON_##message_, OTLPV_JSON_##shape_}
#define HINT(text, shape_) {text, sizeof text - 1, OTLPV_JSON_IGNORED, 0, 0, OTLPV_JSON_##shape_}

static const otlpv_json_key request[] = {
    TOP("resourceSpans", MESSAGES, RESOURCE_SPANS, 1, TRACES),
    TOP("resourceMetrics", MESSAGES, RESOURCE_METRICS, 0, METRICS),
    TOP("resourceLogs", MESSAGES, RESOURCE_LOGS, 0, LOGS),
    TOP("resourceProfiles", IGNORED, REQUEST, 0, PROFILES),
    HINT("data", HAS_DATA),
    HINT("processes", HAS_PROCESSES),
    HINT("traceId", HAS_TRACE_ID),
    HINT("id", HAS_ID),
    HINT("operationName", HAS_OPERATION),
};
static const otlpv_json_key resource_spans[] = {
    ONE("resource", RESOURCE, 1),
    MANY("scopeSpans", SCOPE_SPANS, 2),
    KEY("schemaUrl", STRING, 3),
};
static const otlpv_json_key resource[] = {
    MANY("attributes", KEY_VALUE, 1),
    KEY("droppedAttributesCount", UINT32, 2),
    MANY("entityRefs", ENTITY_REF, 3),
};
static const otlpv_json_key entity_ref[] = {
    KEY("schemaUrl", STRING, 1),
    KEY("type", STRING, 2),
    KEY("idKeys", STRINGS, 3),
    KEY("descriptionKeys", STRINGS, 4),
};
static const otlpv_json_key scope_spans[] = {
    ONE("scope", SCOPE, 1),
    MANY("spans", SPAN, 2),
    KEY("schemaUrl", STRING, 3),
};
static const otlpv_json_key scope[] = {
    KEY("name", STRING, 1),
    KEY("version", STRING, 2),
    MANY("attributes", KEY_VALUE, 3),
    KEY("droppedAttributesCount", UINT32, 4),
};
static const otlpv_json_key span[] = {
    KEY("traceId", TRACE_ID, 1),
    KEY("spanId", SPAN_ID, 2),
    KEY("traceState", STRING, 3),
    KEY("parentSpanId", SPAN_ID, 4),
    KEY("flags", FIXED32, 16),
    KEY("name", STRING, 5),
    KEY("kind", SPAN_KIND, 6),
    KEY("startTimeUnixNano", FIXED64, 7),
    KEY("endTimeUnixNano", FIXED64, 8),
    MANY("attributes", KEY_VALUE, 9),
    KEY("droppedAttributesCount", UINT32, 10),
    MANY("events", EVENT, 11),
    KEY("droppedEventsCount", UINT32, 12),
    MANY("links", LINK, 13),
    KEY("droppedLinksCount", UINT32, 14),
    ONE("status", STATUS_MESSAGE, 15),
};
static const otlpv_json_key event[] = {
    KEY("timeUnixNano", FIXED64, 1),
    KEY("name", STRING, 2),
    MANY("attributes", KEY_VALUE, 3),
    KEY("droppedAttributesCount", UINT32, 4),
};
static const otlpv_json_key link_[] = {
    KEY("traceId", TRACE_ID, 1),
    KEY("spanId", SPAN_ID, 2),
    KEY("traceState", STRING, 3),
    MANY("attributes", KEY_VALUE, 4),
    KEY("droppedAttributesCount", UINT32, 5),
    KEY("flags", FIXED32, 6),
};
static const otlpv_json_key status[] = {
    KEY("message", STRING, 2),
    KEY("code", STATUS_CODE, 3),
};
static const otlpv_json_key key_value[] = {
    KEY("key", STRING, 1),
    ONE("value", ANY_VALUE, 2),
};
static const otlpv_json_key any_value[] = {
    KEY("stringValue", STRING, 1),
    KEY("intValue", INT64, 3),
    KEY("boolValue", BOOL, 2),
    KEY("doubleValue", DOUBLE, 4),
    ONE("arrayValue", ARRAY_VALUE, 5),
    ONE("kvlistValue", KEY_VALUE_LIST, 6),
    KEY("bytesValue", BYTES, 7),
};
static const otlpv_json_key array_value[] = {MANY("values", ANY_VALUE, 1)};
static const otlpv_json_key key_value_list[] = {MANY("values", KEY_VALUE, 1)};
static const otlpv_json_key resource_metrics[] = {
    KEY("resource", IGNORED, 0),
    MANY("scopeMetrics", SCOPE_METRICS, 0),
    KEY("schemaUrl", IGNORED, 0),
};
static const otlpv_json_key scope_metrics[] = {
    KEY("scope", IGNORED, 0),
    KEY("metrics", COUNTED, 0),
    KEY("schemaUrl", IGNORED, 0),
};
static const otlpv_json_key resource_logs[] = {
    KEY("resource", IGNORED, 0),
    MANY("scopeLogs", SCOPE_LOGS, 0),
    KEY("schemaUrl", IGNORED, 0),
};
static const otlpv_json_key scope_logs[] = {
    KEY("scope", IGNORED, 0),
    KEY("logRecords", COUNTED, 0),
    KEY("schemaUrl", IGNORED, 0),
};

#define SCHEMA(name_, keys_, reserve_) {name_, keys_, sizeof keys_ / sizeof keys_[0], reserve_, true}
#define UNWRITTEN(name_, keys_) {name_, keys_, sizeof keys_ / sizeof keys_[0], 0, false}

const otlpv_json_schema otlpv_json_schemas[OTLPV_JSON_MESSAGES_COUNT] = {
    [OTLPV_JSON_REQUEST] = SCHEMA("ExportTraceServiceRequest", request, 0),
    [OTLPV_JSON_RESOURCE_SPANS] = SCHEMA("ResourceSpans", resource_spans, 2),
    [OTLPV_JSON_RESOURCE] = SCHEMA("Resource", resource, 2),
    [OTLPV_JSON_ENTITY_REF] = SCHEMA("EntityRef", entity_ref, 1),
    [OTLPV_JSON_SCOPE_SPANS] = SCHEMA("ScopeSpans", scope_spans, 2),
    [OTLPV_JSON_SCOPE] = SCHEMA("InstrumentationScope", scope, 1),
    [OTLPV_JSON_SPAN] = SCHEMA("Span", span, 2),
    [OTLPV_JSON_EVENT] = SCHEMA("Span.Event", event, 1),
    [OTLPV_JSON_LINK] = SCHEMA("Span.Link", link_, 1),
    [OTLPV_JSON_STATUS_MESSAGE] = SCHEMA("Status", status, 1),
    [OTLPV_JSON_KEY_VALUE] = SCHEMA("KeyValue", key_value, 1),
    [OTLPV_JSON_ANY_VALUE] = SCHEMA("AnyValue", any_value, 1),
    [OTLPV_JSON_ARRAY_VALUE] = SCHEMA("ArrayValue", array_value, 1),
    [OTLPV_JSON_KEY_VALUE_LIST] = SCHEMA("KeyValueList", key_value_list, 1),
    [OTLPV_JSON_RESOURCE_METRICS] = UNWRITTEN("ResourceMetrics", resource_metrics),
    [OTLPV_JSON_SCOPE_METRICS] = UNWRITTEN("ScopeMetrics", scope_metrics),
    [OTLPV_JSON_RESOURCE_LOGS] = UNWRITTEN("ResourceLogs", resource_logs),
    [OTLPV_JSON_SCOPE_LOGS] = UNWRITTEN("ScopeLogs", scope_logs),
};

_Static_assert(sizeof span / sizeof span[0] <= OTLPV_JSON_KEYS_MAX, "frames have room for that many keys");

const char *otlpv_json_key_name(uint32_t message, uint32_t key)
{
    if (message >= OTLPV_JSON_MESSAGES_COUNT || key >= otlpv_json_schemas[message].key_count)
        return NULL;
    return otlpv_json_schemas[message].keys[key].name;
}

const char *otlpv_json_message_name(uint32_t message)
{
    return message < OTLPV_JSON_MESSAGES_COUNT ? otlpv_json_schemas[message].name : NULL;
}

static uint32_t folded(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? byte | 0x20u : byte;
}

static bool alike(const char *name, const uint8_t *text, uint64_t length)
{
    for (uint64_t i = 0; i < length; i++) {
        if (text[i] == '_')
            continue;
        if (*name == '\0' || folded(text[i]) != folded((uint8_t)*name))
            return false;
        name++;
    }
    return *name == '\0';
}

uint32_t otlpv_json_find_alike(const otlpv_json_schema *schema, const uint8_t *name, uint64_t length)
{
    for (uint32_t i = 0; i < schema->key_count; i++) {
        if (alike(schema->keys[i].name, name, length))
            return i;
    }
    return OTLPV_JSON_NO_KEY;
}

int otlpv_json_enum_value(uint32_t kind, const uint8_t *name, uint64_t length)
{
    static const char *const kinds[] = {"SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER",
                                        "SPAN_KIND_CLIENT",      "SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER"};
    static const char *const codes[] = {"STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"};
    const char *const *names = kind == OTLPV_JSON_SPAN_KIND ? kinds : codes;
    const int count = kind == OTLPV_JSON_SPAN_KIND ? 6 : 3;
    for (int i = 0; i < count; i++) {
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0)
            return i;
    }
    return -1;
}
