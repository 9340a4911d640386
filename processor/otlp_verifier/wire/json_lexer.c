/* Lexer: see json_lexer.h. */

#include "json_lexer.h"

static bool is_hex(uint8_t c)
{
    return otlpv_json_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Behind the escape whose backslash is at `at`. */
static otlpv_json_skipped skip_escape(const uint8_t *at, const uint8_t *end)
{
    if (end - at < 2)
        return (otlpv_json_skipped){end, 0, OTLPV_JSON_CUT};
    switch (at[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return (otlpv_json_skipped){at + 2, 0, OTLPV_JSON_OK};
    case 'u':
        for (int i = 2; i < 6; i++) {
            if (at + i == end)
                return (otlpv_json_skipped){end, 0, OTLPV_JSON_CUT};
            if (!is_hex(at[i]))
                return (otlpv_json_skipped){at, 0, OTLPV_JSON_BAD_ESCAPE};
        }
        return (otlpv_json_skipped){at + 6, 0, OTLPV_JSON_OK};
    default:
        return (otlpv_json_skipped){at, 0, OTLPV_JSON_BAD_ESCAPE};
    }
}

otlpv_json_skipped otlpv_json_skip_string(const uint8_t *at, const uint8_t *end, bool *escaped)
{
    *escaped = false;
    for (at++;;) {
        at = otlpv_json_plain_end(at, end);
        if (at == end)
            return (otlpv_json_skipped){at, 0, OTLPV_JSON_CUT};
        if (*at == '"')
            return (otlpv_json_skipped){at + 1, 0, OTLPV_JSON_OK};
        if (*at != '\\')
            return (otlpv_json_skipped){at, 0, OTLPV_JSON_CONTROL_CHARACTER};
        *escaped = true;
        const otlpv_json_skipped escape = skip_escape(at, end);
        if (escape.status != OTLPV_JSON_OK)
            return escape;
        at = escape.at;
    }
}

static const uint8_t *digits_end(const uint8_t *at, const uint8_t *end)
{
    while (at < end && otlpv_json_is_digit(*at))
        at++;
    return at;
}

static const uint8_t *word_end(const uint8_t *at, const uint8_t *end, const char *word)
{
    const uint64_t length = strlen(word);
    return (uint64_t)(end - at) >= length && memcmp(at, word, length) == 0 ? at + length : NULL;
}

const uint8_t *otlpv_json_number_end(const uint8_t *at, const uint8_t *end)
{
    if (at < end && *at == 'N')
        return word_end(at, end, "NaN");
    if (at < end && *at == '-')
        at++;
    if (at == end)
        return NULL;
    if (*at == 'I')
        return word_end(at, end, "Infinity");
    if (!otlpv_json_is_digit(*at))
        return NULL;
    at = *at == '0' ? at + 1 : digits_end(at, end);
    if (end - at >= 2 && *at == '.' && otlpv_json_is_digit(at[1]))
        at = digits_end(at + 1, end);
    if (end - at >= 2 && (*at == 'e' || *at == 'E')) {
        const uint8_t *digits = at + 1 + (at[1] == '+' || at[1] == '-');
        if (digits < end && otlpv_json_is_digit(*digits))
            at = digits_end(digits, end);
    }
    return at; /* what follows a broken fraction or exponent is for the caller to refuse */
}

static const uint8_t *skip_scalar(const uint8_t *at, const uint8_t *end)
{
    switch (*at) {
    case 't':
        return word_end(at, end, "true");
    case 'f':
        return word_end(at, end, "false");
    case 'n':
        return word_end(at, end, "null");
    default:
        return otlpv_json_number_end(at, end);
    }
}

/* Whether `at` to `end` is the beginning of a value that was cut off. */
static bool is_cut_scalar(const uint8_t *at, const uint8_t *end)
{
    static const char *const words[] = {"true", "false", "null", "NaN", "Infinity", "-Infinity"};
    const uint64_t length = (uint64_t)(end - at);
    for (uint32_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (length < strlen(words[i]) && memcmp(at, words[i], length) == 0)
            return true;
    }
    return false;
}

/* The containers that a skipped value is in: a bit per level, set for objects. */
typedef struct {
    uint64_t is_object[OTLPV_JSON_SKIP_DEPTH_MAX / 64];
    uint32_t depth;
} nesting;

static bool enter(nesting *in, bool is_object)
{
    if (in->depth == OTLPV_JSON_SKIP_DEPTH_MAX)
        return false;
    const uint64_t bit = 1ull << in->depth % 64;
    uint64_t *word = &in->is_object[in->depth / 64];
    *word = is_object ? *word | bit : *word & ~bit;
    in->depth++;
    return true;
}

static bool in_object(const nesting *in)
{
    return in->is_object[(in->depth - 1) / 64] >> (in->depth - 1) % 64 & 1;
}

/* The key and colon of a member, from its quote on; moves to the value. */
static int skip_key(otlpv_json_lexer *lexer)
{
    bool escaped;
    const otlpv_json_skipped key = otlpv_json_skip_string(lexer->at, lexer->end, &escaped);
    lexer->at = key.at;
    if (key.status != OTLPV_JSON_OK)
        return key.status;
    if (!otlpv_json_next(lexer))
        return OTLPV_JSON_CUT;
    if (*lexer->at != ':')
        return OTLPV_JSON_WANT_COLON;
    lexer->at++;
    return otlpv_json_next(lexer) ? OTLPV_JSON_OK : OTLPV_JSON_CUT;
}

/* A scalar, or the opening of a container that is not empty, in which case `in` is one deeper. An object's
 * first key is skipped as well. Moves behind it, so that the next thing is a value if `in` is deeper. */
static int skip_one(otlpv_json_lexer *lexer, nesting *in)
{
    const uint8_t c = *lexer->at;
    if (c == '"') {
        bool escaped;
        const otlpv_json_skipped string = otlpv_json_skip_string(lexer->at, lexer->end, &escaped);
        lexer->at = string.at;
        return string.status;
    }
    if (c != '{' && c != '[') {
        const uint8_t *behind = skip_scalar(lexer->at, lexer->end);
        if (behind == NULL)
            return is_cut_scalar(lexer->at, lexer->end) ? OTLPV_JSON_CUT : OTLPV_JSON_WANT_VALUE;
        lexer->at = behind;
        return OTLPV_JSON_OK;
    }
    lexer->at++;
    if (!otlpv_json_next(lexer))
        return OTLPV_JSON_CUT;
    if (*lexer->at == (c == '{' ? '}' : ']')) {
        lexer->at++;
        return OTLPV_JSON_OK;
    }
    if (!enter(in, c == '{'))
        return OTLPV_JSON_TOO_DEEP;
    if (c == '[')
        return OTLPV_JSON_OK;
    return *lexer->at == '"' ? skip_key(lexer) : OTLPV_JSON_WANT_KEY_OR_BRACE;
}

/* What stands behind a value: closed containers, and the comma (and key) before the next value. */
static int skip_behind(otlpv_json_lexer *lexer, nesting *in)
{
    while (in->depth > 0) {
        if (!otlpv_json_next(lexer))
            return OTLPV_JSON_CUT;
        const bool object = in_object(in);
        if (*lexer->at == (object ? '}' : ']')) {
            lexer->at++;
            in->depth--;
            continue;
        }
        if (*lexer->at != ',')
            return object ? OTLPV_JSON_WANT_COMMA_OR_BRACE : OTLPV_JSON_WANT_COMMA_OR_BRACKET;
        lexer->at++;
        if (!otlpv_json_next(lexer))
            return OTLPV_JSON_CUT;
        if (!object)
            return OTLPV_JSON_OK;
        return *lexer->at == '"' ? skip_key(lexer) : OTLPV_JSON_WANT_KEY;
    }
    return OTLPV_JSON_OK;
}

otlpv_json_skipped otlpv_json_skip_value(const uint8_t *at, const uint8_t *end, uint64_t line)
{
    otlpv_json_lexer lexer = {at, end, line};
    nesting in = {{0}, 0};
    int status;
    do {
        const uint32_t depth = in.depth;
        status = skip_one(&lexer, &in);
        if (status == OTLPV_JSON_OK && in.depth <= depth)
            status = skip_behind(&lexer, &in);
    } while (status == OTLPV_JSON_OK && in.depth > 0);
    return (otlpv_json_skipped){lexer.at, lexer.line, status};
}
