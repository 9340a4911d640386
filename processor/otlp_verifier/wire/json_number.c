/* Numbers: see json_number.h. */

#include "json_number.h"

#include <stdlib.h>
#include <string.h>

#include "json_lexer.h"

#define EXPONENT_MAX 99999999 /* larger ones mean the same: zero or infinity */

/* The digits of a number, and the power of ten that they are to be multiplied with. */
typedef struct {
    const uint8_t *begin, *end; /* of digits with at most one point between them */
    int64_t exponent;           /* as written behind the e */
    bool negative;
} parts;

static parts take_apart(const uint8_t *text, uint64_t length)
{
    const uint8_t *end = text + length;
    parts of = {text, text, 0, false};
    if (text < end && *text == '-') {
        of.negative = true;
        of.begin++;
    }
    of.end = of.begin;
    while (of.end < end && (otlpv_json_is_digit(*of.end) || *of.end == '.'))
        of.end++;
    if (of.end == end)
        return of;
    const uint8_t *at = of.end + 1; /* behind the e */
    const bool down = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    for (; at < end; at++) {
        if (of.exponent < EXPONENT_MAX)
            of.exponent = of.exponent * 10 + (*at - '0');
    }
    if (down)
        of.exponent = -of.exponent;
    return of;
}

static bool times_ten_plus(uint64_t *value, uint64_t digit)
{
    return !__builtin_mul_overflow(*value, 10u, value) && !__builtin_add_overflow(*value, digit, value);
}

otlpv_json_whole otlpv_json_whole_number(const uint8_t *text, uint64_t length)
{
    const otlpv_json_whole no = {0, false, false};
    const parts of = take_apart(text, length);
    otlpv_json_whole result = {0, of.negative, true};
    int64_t exponent = of.exponent;
    int64_t zeros = 0; /* behind the digits taken so far: they may turn out to be mere fraction */
    bool fraction = false;
    for (const uint8_t *at = of.begin; at < of.end; at++) {
        if (*at == '.') {
            fraction = true;
            continue;
        }
        exponent -= fraction;
        if (*at == '0') {
            zeros += result.magnitude != 0;
            continue;
        }
        for (; zeros > 0; zeros--) {
            if (!times_ten_plus(&result.magnitude, 0))
                return no;
        }
        if (!times_ten_plus(&result.magnitude, (uint64_t)(*at - '0')))
            return no;
    }
    if (result.magnitude == 0)
        return result;
    exponent += zeros;
    if (exponent < 0)
        return no;
    for (; exponent > 0; exponent--) {
        if (!times_ten_plus(&result.magnitude, 0))
            return no;
    }
    return result;
}

#define DIGITS_MAX 800 /* a double is decided by at most 767 of them and by whether there are more */

/* strtod, on digits without a point: the point is what locales differ in. */
static double by_library(const parts *of)
{
    char text[DIGITS_MAX + 32];
    uint32_t used = 0;
    int64_t exponent = of->exponent;
    bool fraction = false, more = false;
    for (const uint8_t *at = of->begin; at < of->end; at++) {
        if (*at == '.') {
            fraction = true;
            continue;
        }
        if (used == 0 && *at == '0') {
            exponent -= fraction;
        } else if (used < DIGITS_MAX) {
            text[used++] = (char)*at;
            exponent -= fraction;
        } else {
            more |= *at != '0';
            exponent += !fraction;
        }
    }
    if (used == 0)
        return 0.0;
    if (more) {
        text[used++] = '1';
        exponent--;
    }
    if (exponent > 99999 || exponent < -99999)
        exponent = exponent > 0 ? 99999 : -99999;
    text[used++] = 'e';
    if (exponent < 0)
        text[used++] = '-';
    uint64_t rest = (uint64_t)(exponent < 0 ? -exponent : exponent);
    char digits[8];
    uint32_t count = 0;
    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    while (count > 0)
        text[used++] = digits[--count];
    text[used] = '\0';
    return strtod(text, NULL);
}

/* Up to 15 digits and a power of ten that is exact: one multiplication or division rounds correctly. */
static bool exactly(const parts *of, double *value)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (of->end - of->begin > 18)
        return false;
    uint64_t digits = 0;
    int64_t exponent = of->exponent;
    bool fraction = false;
    for (const uint8_t *at = of->begin; at < of->end; at++) {
        if (*at == '.') {
            fraction = true;
            continue;
        }
        digits = digits * 10 + (uint64_t)(*at - '0');
        exponent -= fraction;
    }
    if (digits >> 53 || exponent < -22 || exponent > 22)
        return false;
    *value = exponent < 0 ? (double)digits / powers[-exponent] : (double)digits * powers[exponent];
    return true;
}

double otlpv_json_double_number(const uint8_t *text, uint64_t length)
{
    if (*text == 'N')
        return __builtin_nan("");
    const parts of = take_apart(text, length);
    double value;
    if (*of.begin == 'I')
        value = __builtin_inf();
    else if (!exactly(&of, &value))
        value = by_library(&of);
    return of.negative ? -value : value;
}
