/* Scalars of OTLP/JSON, each from its text to its field in protobuf. */

#include "json_number.h"
#include "json_parser.h"
#include "json_text.h"

OTLPV_JSON_COLD void otlpv_json_note(otlpv_json_parser *p, uint32_t code, const uint8_t *at, uint64_t length,
                                     const otlpv_json_frame *in, uint32_t key)
{
    otlpv_json_output *output = p->output;
    output->defects_by_code[code]++;
    if (output->defect_count == output->defect_capacity)
        return;
    otlpv_json_defect *defect = &output->defects[output->defect_count++];
    defect->offset = (uint64_t)(at - p->base);
    defect->line = p->lexer.line;
    defect->length = length > UINT32_MAX ? UINT32_MAX : (uint32_t)length;
    defect->code = code;
    defect->message = in->message;
    defect->key = key;
    defect->kind = key < in->schema->key_count ? in->schema->keys[key].kind : OTLPV_JSON_IGNORED;
}

int otlpv_json_skip(otlpv_json_parser *p)
{
    const otlpv_json_skipped skipped = otlpv_json_skip_value(p->lexer.at, p->lexer.end, p->lexer.line);
    p->lexer.at = skipped.at;
    p->lexer.line = skipped.line;
    return skipped.status;
}

OTLPV_JSON_COLD int otlpv_json_misfit(otlpv_json_parser *p)
{
    otlpv_json_note(p, OTLPV_JSON_DEFECT_TYPE, p->lexer.at, 0, p->top, p->top->current);
    return otlpv_json_skip(p);
}

static OTLPV_JSON_COLD void put_unescaped(otlpv_json_parser *p, const otlpv_json_quoted *string)
{
    uint8_t *length_at = p->out;
    const uint32_t reserve = otlpv_json_varint_length(string->length);
    const otlpv_json_unescaped result = otlpv_json_unescape(string->text, string->length, length_at + reserve);
    const uint32_t needed = otlpv_json_varint_length(result.length);
    if (needed != reserve)
        memmove(length_at + needed, length_at + reserve, result.length);
    otlpv_json_put_varint(length_at, result.length);
    p->out = length_at + needed + result.length;
    if (result.surrogates > 0)
        otlpv_json_note(p, OTLPV_JSON_DEFECT_SURROGATE, string->text - 1, 0, p->top, p->top->current);
}

/* Attributes that only a verifier may write begin like this. */
static bool is_forged(const otlpv_json_parser *p, const uint8_t *content)
{
    static const char prefix[] = "verifier.";
    return (uint64_t)(p->out - content) >= sizeof prefix - 1 && memcmp(content, prefix, sizeof prefix - 1) == 0;
}

int otlpv_json_put_string(otlpv_json_parser *p, uint32_t number)
{
    otlpv_json_quoted string;
    const int status = otlpv_json_take_string(p, &string);
    if (status != OTLPV_JSON_OK)
        return status;
    if (!otlpv_json_has_room(p, string.length))
        return OTLPV_JSON_NO_ROOM;
    otlpv_json_put_tag(p, number, OTLPV_WIRE_LENGTH);
    if (__builtin_expect(string.escaped, 0)) {
        put_unescaped(p, &string);
        return OTLPV_JSON_OK;
    }
    p->out = otlpv_json_put_varint(p->out, string.length);
    memcpy(p->out, string.text, string.length);
    p->out += string.length;
    return OTLPV_JSON_OK;
}

/* The content of a string, at `scratch` if it has escapes. */
static const uint8_t *plain_text(const otlpv_json_quoted *string, uint8_t *scratch, uint64_t *length)
{
    *length = string->length;
    if (!string->escaped)
        return string->text;
    *length = otlpv_json_unescape(string->text, string->length, scratch).length;
    return scratch;
}

static OTLPV_JSON_COLD int put_strange_id(otlpv_json_parser *p, const uint8_t *quote, uint32_t number,
                                          uint64_t expected, const otlpv_json_quoted *string)
{
    uint8_t *content = p->out + OTLPV_JSON_FIELD_BYTES_MAX / 2; /* behind the tag and the length */
    uint64_t length;
    const uint8_t *text = plain_text(string, content, &length);
    length = otlpv_json_from_hex(text, length, content); /* in place: never ahead of what it reads, as below */
    if (length == OTLPV_JSON_NOT_DECODED) {
        text = plain_text(string, content, &length);
        length = otlpv_json_from_base64(text, length, content);
        if (length == expected)
            otlpv_json_note(p, OTLPV_JSON_DEFECT_ID_BASE64, quote, 0, p->top, p->top->current);
        else
            length = OTLPV_JSON_NOT_DECODED;
    }
    if (length == OTLPV_JSON_NOT_DECODED) {
        otlpv_json_note(p, OTLPV_JSON_DEFECT_ID, quote, 0, p->top, p->top->current);
        return OTLPV_JSON_OK;
    }
    otlpv_json_put_tag(p, number, OTLPV_WIRE_LENGTH);
    p->out = otlpv_json_put_varint(p->out, length);
    memmove(p->out, content, length);
    p->out += length;
    return OTLPV_JSON_OK;
}

/* An id of so many bytes; one of another length in hex digits is written as it is. */
OTLPV_JSON_HOT int put_id(otlpv_json_parser *p, uint32_t number, uint64_t expected)
{
    const uint8_t *quote = p->lexer.at;
    otlpv_json_quoted string;
    const int status = otlpv_json_take_string(p, &string);
    if (status != OTLPV_JSON_OK || string.length == 0)
        return status;
    if (!otlpv_json_has_room(p, string.length))
        return OTLPV_JSON_NO_ROOM;
    if (string.length == 2 * expected && !string.escaped &&
        otlpv_json_from_hex(string.text, string.length, p->out + 2) == expected) {
        p->out[0] = (uint8_t)(number << 3 | OTLPV_WIRE_LENGTH); /* all ids have numbers below 16 */
        p->out[1] = (uint8_t)expected;
        p->out += 2 + expected;
        return OTLPV_JSON_OK;
    }
    return put_strange_id(p, quote, number, expected, &string);
}

static OTLPV_JSON_COLD int put_bytes(otlpv_json_parser *p, uint32_t number)
{
    const uint8_t *quote = p->lexer.at;
    otlpv_json_quoted string;
    const int status = otlpv_json_take_string(p, &string);
    if (status != OTLPV_JSON_OK)
        return status;
    if (!otlpv_json_has_room(p, string.length))
        return OTLPV_JSON_NO_ROOM;
    uint8_t *content = p->out + OTLPV_JSON_FIELD_BYTES_MAX / 2;
    uint64_t length;
    const uint8_t *text = plain_text(&string, content, &length);
    length = otlpv_json_from_base64(text, length, content);
    if (length == OTLPV_JSON_NOT_DECODED) {
        otlpv_json_note(p, OTLPV_JSON_DEFECT_BASE64, quote, 0, p->top, p->top->current);
        return OTLPV_JSON_OK;
    }
    otlpv_json_put_tag(p, number, OTLPV_WIRE_LENGTH);
    p->out = otlpv_json_put_varint(p->out, length);
    memmove(p->out, content, length);
    p->out += length;
    return OTLPV_JSON_OK;
}

/* The text of a number, which may stand in a string. An empty `text` means that it is none. */
static int take_number(otlpv_json_parser *p, const uint8_t **text, uint64_t *length)
{
    *length = 0;
    if (*p->lexer.at == '"') {
        otlpv_json_quoted string;
        const int status = otlpv_json_take_string(p, &string);
        if (status != OTLPV_JSON_OK)
            return status;
        if (!otlpv_json_has_room(p, string.length))
            return OTLPV_JSON_NO_ROOM;
        *text = plain_text(&string, p->out + OTLPV_JSON_FIELD_BYTES_MAX, length);
        if (*length == 0 || otlpv_json_number_end(*text, *text + *length) != *text + *length)
            *length = 0;
        return OTLPV_JSON_OK;
    }
    *text = p->lexer.at;
    const uint8_t *end = otlpv_json_number_end(p->lexer.at, p->lexer.end);
    if (end != NULL) {
        *length = (uint64_t)(end - p->lexer.at);
        p->lexer.at = end;
    }
    return OTLPV_JSON_OK;
}

static bool is_word_number(const uint8_t *text)
{
    return *text == 'N' || *text == 'I' || (*text == '-' && text[1] == 'I');
}

static bool fits(otlpv_json_whole number, uint32_t kind)
{
    if (!number.whole)
        return false;
    const bool negative = number.negative && number.magnitude != 0;
    switch (kind) {
    case OTLPV_JSON_INT64:
        return number.magnitude <= (uint64_t)INT64_MAX + negative;
    case OTLPV_JSON_FIXED64:
        return !negative;
    case OTLPV_JSON_UINT32:
    case OTLPV_JSON_FIXED32:
        return !negative && number.magnitude <= UINT32_MAX;
    default: /* enums */
        return number.magnitude <= (uint64_t)INT32_MAX + negative;
    }
}

OTLPV_JSON_HOT void put_fixed64(otlpv_json_parser *p, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        p->out[i] = (uint8_t)(value >> 8 * i);
    p->out += 8;
}

static void put_whole(otlpv_json_parser *p, uint32_t number, uint32_t kind, uint64_t value)
{
    switch (kind) {
    case OTLPV_JSON_FIXED64:
        otlpv_json_put_tag(p, number, OTLPV_WIRE_FIXED64);
        put_fixed64(p, value);
        break;
    case OTLPV_JSON_FIXED32:
        otlpv_json_put_tag(p, number, OTLPV_WIRE_FIXED32);
        for (int i = 0; i < 4; i++)
            *p->out++ = (uint8_t)(value >> 8 * i);
        break;
    case OTLPV_JSON_INT64:
        otlpv_json_put_tag(p, number, OTLPV_WIRE_VARINT);
        p->out = otlpv_json_put_varint(p->out, value);
        break;
    default:
        /* Readers cut an enum off at 32 bits; five bytes say as much as the usual ten of a negative one. */
        otlpv_json_put_tag(p, number, OTLPV_WIRE_VARINT);
        p->out = otlpv_json_put_varint(p->out, (uint32_t)value);
        break;
    }
}

/* Digits alone, as nearly all are: fewer than 20 cannot overflow. False: leave it to the thorough way. */
OTLPV_JSON_HOT bool plain_digits(const uint8_t *text, uint64_t length, uint64_t *value)
{
    uint64_t result = 0;
    if (length == 0 || length > 19)
        return false;
    for (uint64_t i = 0; i < length; i++) {
        const uint32_t digit = (uint32_t)text[i] - '0';
        if (digit > 9)
            return false;
        result = result * 10 + digit;
    }
    *value = result;
    return true;
}

static int put_number(otlpv_json_parser *p, const otlpv_json_key *key)
{
    const uint8_t *start = p->lexer.at;
    const uint8_t *text;
    uint64_t length;
    const int status = take_number(p, &text, &length);
    if (status != OTLPV_JSON_OK)
        return status;
    if (length == 0 || (key->kind != OTLPV_JSON_DOUBLE && is_word_number(text))) {
        if (p->lexer.at == start)
            return otlpv_json_misfit(p);
        otlpv_json_note(p, OTLPV_JSON_DEFECT_TYPE, start, 0, p->top, p->top->current);
        return OTLPV_JSON_OK;
    }
    if (!otlpv_json_has_room(p, 0))
        return OTLPV_JSON_NO_ROOM;
    if (key->kind == OTLPV_JSON_DOUBLE) {
        const double value = otlpv_json_double_number(text, length);
        uint64_t bits;
        memcpy(&bits, &value, sizeof bits);
        otlpv_json_put_tag(p, key->number, OTLPV_WIRE_FIXED64);
        put_fixed64(p, bits);
        return OTLPV_JSON_OK;
    }
    otlpv_json_whole number = {0, false, true};
    if (!plain_digits(text, length, &number.magnitude))
        number = otlpv_json_whole_number(text, length);
    if (!fits(number, key->kind)) {
        otlpv_json_note(p, OTLPV_JSON_DEFECT_NUMBER, start, 0, p->top, p->top->current);
        return OTLPV_JSON_OK;
    }
    put_whole(p, key->number, key->kind, number.negative ? 0 - number.magnitude : number.magnitude);
    return OTLPV_JSON_OK;
}

static OTLPV_JSON_COLD int put_enum_name(otlpv_json_parser *p, const otlpv_json_key *key)
{
    const uint8_t *quote = p->lexer.at;
    otlpv_json_quoted string;
    const int status = otlpv_json_take_string(p, &string);
    if (status != OTLPV_JSON_OK)
        return status;
    if (!otlpv_json_has_room(p, string.length))
        return OTLPV_JSON_NO_ROOM;
    uint64_t length;
    const uint8_t *name = plain_text(&string, p->out, &length);
    const int value = otlpv_json_enum_value(key->kind, name, length);
    otlpv_json_note(p, value < 0 ? OTLPV_JSON_DEFECT_ENUM : OTLPV_JSON_DEFECT_ENUM_NAME, quote, 0, p->top, p->top->current);
    if (value < 0)
        return OTLPV_JSON_OK;
    put_whole(p, key->number, key->kind, (uint64_t)value);
    return OTLPV_JSON_OK;
}

static int put_bool(otlpv_json_parser *p, const otlpv_json_key *key)
{
    const bool truth = otlpv_json_take_word(p, "true", 4);
    if (!truth && !otlpv_json_take_word(p, "false", 5))
        return otlpv_json_misfit(p);
    if (!otlpv_json_has_room(p, 0))
        return OTLPV_JSON_NO_ROOM;
    otlpv_json_put_tag(p, key->number, OTLPV_WIRE_VARINT);
    *p->out++ = truth;
    return OTLPV_JSON_OK;
}

int otlpv_json_put_scalar(otlpv_json_parser *p, const otlpv_json_key *key)
{
    const bool is_string = *p->lexer.at == '"';
    switch (key->kind) {
    case OTLPV_JSON_STRING: {
        if (!is_string)
            return otlpv_json_misfit(p);
        const int status = otlpv_json_put_string(p, key->number);
        if (status == OTLPV_JSON_OK && p->top->message == OTLPV_JSON_KEY_VALUE) {
            const uint8_t *field = p->out_base + p->top->starts[p->top->current] + 1;
            while (*field++ >= 0x80) {
            }
            p->top->forged = is_forged(p, field);
        }
        return status;
    }
    case OTLPV_JSON_TRACE_ID:
        return is_string ? put_id(p, key->number, 16) : otlpv_json_misfit(p);
    case OTLPV_JSON_SPAN_ID:
        return is_string ? put_id(p, key->number, 8) : otlpv_json_misfit(p);
    case OTLPV_JSON_BYTES:
        return is_string ? put_bytes(p, key->number) : otlpv_json_misfit(p);
    case OTLPV_JSON_BOOL:
        return put_bool(p, key);
    case OTLPV_JSON_SPAN_KIND:
    case OTLPV_JSON_STATUS_CODE:
        return is_string ? put_enum_name(p, key) : put_number(p, key);
    case OTLPV_JSON_IGNORED:
        return otlpv_json_skip(p);
    default:
        return put_number(p, key);
    }
}

