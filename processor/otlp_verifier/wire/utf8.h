/* UTF-8: whether bytes are well-formed, by the rules that protobuf applies (Unicode table 3-7: no
 * surrogates, no overlong forms, nothing beyond U+10FFFF). */
#ifndef OTLPV_UTF8_H
#define OTLPV_UTF8_H

#include <stdbool.h>

#include "reader.h"

#define OTLPV_TOP_BITS 0x8080808080808080u

/* Two words side by side; the compiler makes SSE2 or NEON of it, both of which are always there. */
typedef uint64_t otlpv_pair __attribute__((vector_size(16)));

static inline otlpv_pair otlpv_load_pair(const uint8_t *bytes)
{
    otlpv_pair pair;
    memcpy(&pair, bytes, sizeof pair);
    return pair;
}

static inline bool otlpv_any_top_bit(otlpv_pair pair)
{
#ifdef __SSE2__
    typedef char bytes16 __attribute__((vector_size(16)));
    return __builtin_ia32_pmovmskb128((bytes16)pair) != 0;
#else
    return ((pair[0] | pair[1]) & OTLPV_TOP_BITS) != 0;
#endif
}

/* The union of 16 to 64 bytes. Four loads, a third of the way apart from each other, cover them without a branch on
 * the length, which varies too much to be predicted. */
static inline otlpv_pair otlpv_union_of_16_to_64(const uint8_t *bytes, uint64_t length)
{
    const uint64_t last = length - 16;
    const uint64_t third = (last * 11 + 10) >> 5; /* rounded so that no load passes the end and no byte is left out */
    return otlpv_load_pair(bytes) | otlpv_load_pair(bytes + third) | otlpv_load_pair(bytes + 2 * third) |
           otlpv_load_pair(bytes + last);
}

/* Whether all bytes are below 0x80. */
static inline bool otlpv_is_ascii(const uint8_t *bytes, uint64_t length)
{
    if (length >= 16) {
        otlpv_pair any = {0, 0};
        for (; __builtin_expect(length > 64, 0); bytes += 48, length -= 48) /* 17 or more are left */
            any |= otlpv_union_of_16_to_64(bytes, 64);
        return !otlpv_any_top_bit(any | otlpv_union_of_16_to_64(bytes, length));
    }
    if (length >= 8)
        return ((otlpv_load64(bytes) | otlpv_load64(bytes + length - 8)) & OTLPV_TOP_BITS) == 0;
    if (length >= 4)
        return ((otlpv_load32(bytes) | otlpv_load32(bytes + length - 4)) & (uint32_t)OTLPV_TOP_BITS) == 0;
    uint8_t any = 0;
    for (uint64_t i = 0; i < length; i++)
        any |= bytes[i];
    return any < 0x80;
}

/* The whole answer, for text that is not all ASCII. */
bool otlpv_is_utf8_beyond_ascii(const uint8_t *bytes, uint64_t length);

static inline bool otlpv_is_utf8(const uint8_t *bytes, uint64_t length)
{
    return __builtin_expect(otlpv_is_ascii(bytes, length), 1) || otlpv_is_utf8_beyond_ascii(bytes, length);
}

/* The same for text that mostly is short, of a length that nobody can foresee; `end` is where what may be read ends. */
static inline bool otlpv_is_utf8_before(const uint8_t *bytes, uint32_t length, const uint8_t *end)
{
#ifdef __SSE2__
    typedef char bytes16 __attribute__((vector_size(16)));
    if (__builtin_expect(length <= 32 && end - bytes >= 32, 1)) {
        const uint64_t low = (uint32_t)__builtin_ia32_pmovmskb128((bytes16)otlpv_load_pair(bytes));
        const uint64_t high = (uint32_t)__builtin_ia32_pmovmskb128((bytes16)otlpv_load_pair(bytes + 16));
        const uint64_t beyond = (uint64_t)-1 << length; /* a bit for each byte that is none of the text's */
        return __builtin_expect(((low | high << 16) & ~beyond) == 0, 1) ||
               otlpv_is_utf8_beyond_ascii(bytes, length);
    }
#else
    (void)end;
#endif
    return otlpv_is_utf8(bytes, length);
}

#endif
