/* Schema: which keys each message of OTLP/JSON has, and what their values become in protobuf.
 *
 * Sources: opentelemetry/proto/{collector/trace/v1/trace_service,trace/v1/trace,common/v1/common,
 * resource/v1/resource}.proto.
 */
#ifndef OTLPV_JSON_SCHEMA_H
#define OTLPV_JSON_SCHEMA_H

#include <stdbool.h>

#include "wire.h"

enum otlpv_json_message {
    OTLPV_JSON_REQUEST,
    OTLPV_JSON_RESOURCE_SPANS,
    OTLPV_JSON_RESOURCE,
    OTLPV_JSON_ENTITY_REF,
    OTLPV_JSON_SCOPE_SPANS,
    OTLPV_JSON_SCOPE,
    OTLPV_JSON_SPAN,
    OTLPV_JSON_EVENT,
    OTLPV_JSON_LINK,
    OTLPV_JSON_STATUS_MESSAGE,
    OTLPV_JSON_KEY_VALUE,
    OTLPV_JSON_ANY_VALUE,
    OTLPV_JSON_ARRAY_VALUE,
    OTLPV_JSON_KEY_VALUE_LIST,
    OTLPV_JSON_RESOURCE_METRICS,
    OTLPV_JSON_SCOPE_METRICS,
    OTLPV_JSON_RESOURCE_LOGS,
    OTLPV_JSON_SCOPE_LOGS,
    OTLPV_JSON_MESSAGES_COUNT
};

#define OTLPV_JSON_KEYS_MAX 16 /* of one message */

typedef struct {
    const char *name;
    uint8_t length; /* of the name */
    uint8_t kind;   /* otlpv_json_kind */
    uint8_t number; /* of the field in protobuf */
    uint8_t message; /* of MESSAGE and MESSAGES: which */
    uint16_t shape; /* otlpv_json_shape that the key tells */
} otlpv_json_key;

typedef struct {
    const char *name;
    const otlpv_json_key *keys; /* in the order in which encoders write them */
    uint8_t key_count;
    uint8_t reserve;  /* bytes kept free for the length of its body: what is most likely right */
    bool written;     /* false: nothing of it goes to the output */
} otlpv_json_schema;

extern const otlpv_json_schema otlpv_json_schemas[OTLPV_JSON_MESSAGES_COUNT];

#define OTLPV_JSON_NO_KEY 0xFFu

/* The number of a key by its name; `expected` is where the search begins. */
static inline uint32_t otlpv_json_find_key(const otlpv_json_schema *schema, const uint8_t *name, uint64_t length,
                                           uint32_t expected)
{
    const uint32_t count = schema->key_count;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t at = expected + i < count ? expected + i : expected + i - count;
        const otlpv_json_key *key = &schema->keys[at];
        if (key->length == length && __builtin_memcmp(key->name, name, length) == 0)
            return at;
    }
    return OTLPV_JSON_NO_KEY;
}

/* The same without regard to case and underscores. */
uint32_t otlpv_json_find_alike(const otlpv_json_schema *schema, const uint8_t *name, uint64_t length);

/* The number of an enum's value by its name; -1 if there is none. */
int otlpv_json_enum_value(uint32_t kind, const uint8_t *name, uint64_t length);

#endif
