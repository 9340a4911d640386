/* Lexer: the grammar of JSON text, as Python's json module reads it. Nothing at or beyond `end` is read. */
#ifndef OTLPV_JSON_LEXER_H
#define OTLPV_JSON_LEXER_H

#include <stdbool.h>

#include "reader.h"

typedef struct {
    const uint8_t *at;
    const uint8_t *end;
    uint64_t line;
} otlpv_json_lexer;

/* Moves to the next byte that is not white space; false at the end. */
static inline bool otlpv_json_next(otlpv_json_lexer *lexer)
{
    for (; lexer->at < lexer->end; lexer->at++) {
        const uint8_t c = *lexer->at;
        if (__builtin_expect(c > ' ', 1))
            return true;
        if (c == '\n')
            lexer->line++;
        else if (c != ' ' && c != '\t' && c != '\r')
            return true; /* no token begins with it */
    }
    return false;
}

typedef uint8_t otlpv_json_block __attribute__((vector_size(16)));

/* The first byte from `at` on that is a quote, a backslash or a control character; `end` if there is none. */
static inline const uint8_t *otlpv_json_plain_end(const uint8_t *at, const uint8_t *end)
{
    for (; end - at >= 16; at += 16) {
        otlpv_json_block block;
        memcpy(&block, at, sizeof block);
        const otlpv_json_block special =
            (otlpv_json_block)((block == '"') | (block == '\\') | (block < (uint8_t)' '));
#ifdef __SSE2__
        typedef char bytes16 __attribute__((vector_size(16)));
        const uint32_t mask = (uint32_t)__builtin_ia32_pmovmskb128((bytes16)special);
        if (mask != 0)
            return at + __builtin_ctz(mask);
#else
        uint64_t halves[2];
        memcpy(halves, &special, sizeof halves);
        if ((halves[0] | halves[1]) != 0)
            break; /* the loop below finds it */
#endif
    }
    while (at < end && *at != '"' && *at != '\\' && *at >= ' ')
        at++;
    return at;
}

static inline bool otlpv_json_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* What skipping has met. */
typedef struct {
    const uint8_t *at; /* behind the value, or where the fault is */
    uint64_t line;
    int status; /* otlpv_json_status */
} otlpv_json_skipped;

/* Behind the string whose opening quote is at `at`; `escaped` tells whether there is a backslash in it. */
otlpv_json_skipped otlpv_json_skip_string(const uint8_t *at, const uint8_t *end, bool *escaped);

/* Behind a number, literal, string, object or array, checked. `at` is its first byte, which is there. */
otlpv_json_skipped otlpv_json_skip_value(const uint8_t *at, const uint8_t *end, uint64_t line);

/* Behind the number or NaN, Infinity, -Infinity at `at`; NULL if there is none. A number that the end cuts
 * off is none either. */
const uint8_t *otlpv_json_number_end(const uint8_t *at, const uint8_t *end);

#endif
