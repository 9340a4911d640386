/* Parser: what the reading of a document goes by. A frame per open object says which message it is. Its body
 * is written where it will stay; the length in front of it is patched when the object closes, and the body
 * moved when the length takes more or fewer bytes than were kept free. What every key has written is
 * remembered by the frame, so that a key that comes again can take it back.
 */
#ifndef OTLPV_JSON_PARSER_H
#define OTLPV_JSON_PARSER_H

#include "json_lexer.h"
#include "json_schema.h"

#define OTLPV_JSON_COLD __attribute__((noinline, cold))
#define OTLPV_JSON_HOT static inline __attribute__((always_inline))

#define OTLPV_JSON_FIELD_BYTES_MAX 16 /* of a field's tag and length, or of its tag and number */

typedef struct {
    const otlpv_json_schema *schema;
    uint32_t message;
    uint32_t expected; /* the key that comes next, most likely */
    uint32_t seen;     /* bit per key */
    uint32_t current;  /* the key whose value is being read */
    bool in_array;     /* of that key */
    bool fresh;        /* only the opening brace has been read */
    bool forged;       /* an attribute that only a verifier may write */
    const uint8_t *opened; /* its opening brace in the text */
    uint32_t body;     /* where the body begins; all positions are counted from the document's output on */
    uint32_t row_counts[3]; /* resources, scopes, spans when the object opened: see take_back */
    uint32_t starts[OTLPV_JSON_KEYS_MAX], ends[OTLPV_JSON_KEYS_MAX]; /* by key: what it has written */
} otlpv_json_frame;

typedef struct {
    otlpv_json_lexer lexer;
    const uint8_t *base;
    uint8_t *out;      /* where the next byte goes */
    uint8_t *out_base; /* of this document */
    uint8_t *out_end;
    const otlpv_json_position *position;
    otlpv_json_output *output;
    otlpv_json_document *document;
    otlpv_json_frame *top;    /* of the innermost open object; below `bottom` when there is none */
    otlpv_json_frame *bottom;
} otlpv_json_parser;

static inline uint32_t otlpv_json_written(const otlpv_json_parser *p)
{
    return (uint32_t)(p->out - p->out_base);
}

static inline bool otlpv_json_has_room(const otlpv_json_parser *p, uint64_t bytes)
{
    return (uint64_t)(p->out_end - p->out) >= bytes + OTLPV_JSON_FIELD_BYTES_MAX;
}

OTLPV_JSON_HOT uint8_t *otlpv_json_put_varint(uint8_t *out, uint64_t value)
{
    while (value >= 0x80) {
        *out++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *out++ = (uint8_t)value;
    return out;
}

static inline uint32_t otlpv_json_varint_length(uint64_t value)
{
    return 1 + (uint32_t)(63 - __builtin_clzll(value | 1)) / 7;
}

OTLPV_JSON_HOT void otlpv_json_put_tag(otlpv_json_parser *p, uint32_t number, uint32_t wire_type)
{
    p->out = otlpv_json_put_varint(p->out, number << 3 | wire_type);
}

/* Notes something odd about the bytes from `at` on; `key` is one of `in`. */
void otlpv_json_note(otlpv_json_parser *p, uint32_t code, const uint8_t *at, uint64_t length,
                     const otlpv_json_frame *in, uint32_t key);

/* Skips a value, whatever it is. */
int otlpv_json_skip(otlpv_json_parser *p);

/* Skips a value that is not what its key takes, and says so. */
int otlpv_json_misfit(otlpv_json_parser *p);

/* A string between quotes: where its content is. */
typedef struct {
    const uint8_t *text;
    uint64_t length;
    bool escaped;
} otlpv_json_quoted;

/* Takes the string whose opening quote is at the lexer. */
OTLPV_JSON_HOT int otlpv_json_take_string(otlpv_json_parser *p, otlpv_json_quoted *string)
{
    const uint8_t *begin = p->lexer.at + 1;
    const uint8_t *end = otlpv_json_plain_end(begin, p->lexer.end);
    string->text = begin;
    string->escaped = false;
    if (__builtin_expect(end < p->lexer.end && *end == '"', 1)) {
        p->lexer.at = end + 1;
    } else {
        const otlpv_json_skipped skipped = otlpv_json_skip_string(p->lexer.at, p->lexer.end, &string->escaped);
        p->lexer.at = skipped.at;
        if (skipped.status != OTLPV_JSON_OK)
            return skipped.status;
    }
    string->length = (uint64_t)(p->lexer.at - begin) - 1;
    return OTLPV_JSON_OK;
}

/* Takes a literal, if it is there. */
static inline bool otlpv_json_take_word(otlpv_json_parser *p, const char *word, uint64_t length)
{
    if ((uint64_t)(p->lexer.end - p->lexer.at) < length || memcmp(p->lexer.at, word, length) != 0)
        return false;
    p->lexer.at += length;
    return true;
}

/* Writes the string at the lexer. */
int otlpv_json_put_string(otlpv_json_parser *p, uint32_t number);

/* Writes the value of a key that is neither a message nor an array, at the lexer. */
int otlpv_json_put_scalar(otlpv_json_parser *p, const otlpv_json_key *key);

#endif
