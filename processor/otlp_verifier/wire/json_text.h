/* Text: what JSON strings hold. All outputs are the caller's and as long as the input at most. */
#ifndef OTLPV_JSON_TEXT_H
#define OTLPV_JSON_TEXT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint64_t length;     /* written */
    uint32_t surrogates; /* halves of pairs, replaced by U+FFFD */
} otlpv_json_unescaped;

/* The content of a string (between its quotes) whose escapes have been found to be right. */
otlpv_json_unescaped otlpv_json_unescape(const uint8_t *text, uint64_t length, uint8_t *output);

#define OTLPV_JSON_NOT_DECODED UINT64_MAX

/* Hex digits of either case, an even number of them; the length of the result or OTLPV_JSON_NOT_DECODED. */
uint64_t otlpv_json_from_hex(const uint8_t *text, uint64_t length, uint8_t *output);

/* Base64 in either alphabet, with or without padding; the length of the result or OTLPV_JSON_NOT_DECODED. */
uint64_t otlpv_json_from_base64(const uint8_t *text, uint64_t length, uint8_t *output);

#endif
