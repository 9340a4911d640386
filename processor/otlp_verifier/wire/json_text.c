/* Text: see json_text.h. */

#include "json_text.h"

#include <string.h>

#define BAD 0xFFu

/* Values of hex digits by byte; 0xFF where it is none. */
static uint8_t hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return (uint8_t)(c - '0');
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? (uint8_t)(c - 'a' + 10) : BAD;
}

static uint32_t code_unit(const uint8_t *digits)
{
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++)
        unit = unit << 4 | hex_value(digits[i]);
    return unit;
}

static uint8_t *put_code_point(uint32_t point, uint8_t *output)
{
    if (point < 0x80) {
        *output++ = (uint8_t)point;
    } else if (point < 0x800) {
        *output++ = (uint8_t)(0xC0 | point >> 6);
        *output++ = (uint8_t)(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        *output++ = (uint8_t)(0xE0 | point >> 12);
        *output++ = (uint8_t)(0x80 | (point >> 6 & 0x3F));
        *output++ = (uint8_t)(0x80 | (point & 0x3F));
    } else {
        *output++ = (uint8_t)(0xF0 | point >> 18);
        *output++ = (uint8_t)(0x80 | (point >> 12 & 0x3F));
        *output++ = (uint8_t)(0x80 | (point >> 6 & 0x3F));
        *output++ = (uint8_t)(0x80 | (point & 0x3F));
    }
    return output;
}

static uint8_t unescaped(uint8_t c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c;
    }
}

otlpv_json_unescaped otlpv_json_unescape(const uint8_t *text, uint64_t length, uint8_t *output)
{
    const uint8_t *end = text + length;
    uint8_t *at = output;
    uint32_t surrogates = 0;
    while (text < end) {
        const uint8_t *backslash = memchr(text, '\\', (uint64_t)(end - text));
        const uint64_t plain = (uint64_t)((backslash == NULL ? end : backslash) - text);
        memmove(at, text, plain);
        at += plain;
        text += plain;
        if (text == end)
            break;
        if (text[1] != 'u') {
            *at++ = unescaped(text[1]);
            text += 2;
            continue;
        }
        uint32_t point = code_unit(text + 2);
        text += 6;
        if (point >> 11 == 0xD800 >> 11) {
            const bool high = point < 0xDC00;
            const uint32_t low = high && end - text >= 6 && text[0] == '\\' && text[1] == 'u' ? code_unit(text + 2) : 0;
            if (low >> 10 == 0xDC00 >> 10) {
                point = 0x10000 + ((point & 0x3FF) << 10) + (low & 0x3FF);
                text += 6;
            } else {
                point = 0xFFFD;
                surrogates++;
            }
        }
        at = put_code_point(point, at);
    }
    return (otlpv_json_unescaped){(uint64_t)(at - output), surrogates};
}

uint64_t otlpv_json_from_hex(const uint8_t *text, uint64_t length, uint8_t *output)
{
    if (length % 2 != 0)
        return OTLPV_JSON_NOT_DECODED;
    uint32_t bad = 0;
    for (uint64_t i = 0; i < length / 2; i++) {
        const uint8_t high = hex_value(text[2 * i]);
        const uint8_t low = hex_value(text[2 * i + 1]);
        bad |= high | low;
        output[i] = (uint8_t)(high << 4 | low);
    }
    return bad > 0xF ? OTLPV_JSON_NOT_DECODED : length / 2;
}

static uint8_t base64_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint8_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint8_t)(c - 'a' + 26);
    if (c >= '0' && c <= '9')
        return (uint8_t)(c - '0' + 52);
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : BAD;
}

uint64_t otlpv_json_from_base64(const uint8_t *text, uint64_t length, uint8_t *output)
{
    uint64_t padding = 0;
    if (length % 4 == 0) {
        while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
            padding++;
    }
    length -= padding;
    if (length % 4 == 1)
        return OTLPV_JSON_NOT_DECODED;
    uint8_t *at = output;
    uint32_t bits = 0, held = 0;
    for (uint64_t i = 0; i < length; i++) {
        const uint8_t value = base64_value(text[i]);
        if (value == BAD)
            return OTLPV_JSON_NOT_DECODED;
        bits = (bits & 0xFFFF) << 6 | value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            *at++ = (uint8_t)(bits >> held);
        }
    }
    return (uint64_t)(at - output);
}
