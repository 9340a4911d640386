/* Hash: fast, keyed, not cryptographic; what OTLPV_ATTRIBUTE_KEY_HASH holds.
 *
 * Keys are 8 to 32 bytes long in nearly all telemetry: four overlapping words
 * cover that range without a branch on the length. Multiplying 64 x 64 bits and
 * folding the halves is the mixing step, as in the wyhash family.
 */
#ifndef OTLPV_HASH_H
#define OTLPV_HASH_H

#include "reader.h"

/* Odd 64-bit constants from the fractional part of the golden ratio and of square roots of primes. */
#define OTLPV_MIX_0 0x9E3779B97F4A7C15u
#define OTLPV_MIX_1 0x6A09E667F3BCC909u
#define OTLPV_MIX_2 0xBB67AE8584CAA73Bu
#define OTLPV_MIX_3 0x3C6EF372FE94F82Bu

static inline uint64_t otlpv_fold(uint64_t a, uint64_t b)
{
    const unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The hash of `length` bytes; `any` is set to the union of their words: a set top bit in one of its
 * bytes tells that they are not all ASCII, at no extra load. */
static inline uint64_t otlpv_hash_words(const uint8_t *bytes, uint32_t length, uint64_t seed, uint64_t *any)
{
    uint64_t a, b, c, d;
    uint64_t rest = seed ^ OTLPV_MIX_0;
    *any = 0;
    if (__builtin_expect(length < 8, 0)) {
        b = c = 0;
        if (length >= 4) {
            a = otlpv_load32(bytes);
            d = otlpv_load32(bytes + length - 4);
        } else if (length > 0) {
            a = (uint64_t)bytes[0] | (uint64_t)bytes[length / 2] << 8 | (uint64_t)bytes[length - 1] << 16;
            d = 0;
        } else {
            a = d = 0;
        }
    } else {
        uint32_t left = length;
        while (__builtin_expect(left > 32, 0)) {
            a = otlpv_load64(bytes);
            b = otlpv_load64(bytes + 8);
            *any |= a | b;
            rest = otlpv_fold(a ^ rest, b ^ OTLPV_MIX_1);
            bytes += 16;
            left -= 16;
        }
        const uint32_t second = left < 16 ? left - 8 : 8;
        const uint32_t third = left < 16 ? 0 : left - 16;
        a = otlpv_load64(bytes);
        b = otlpv_load64(bytes + second);
        c = otlpv_load64(bytes + third);
        d = otlpv_load64(bytes + left - 8);
    }
    *any |= a | b | c | d;
    const uint64_t outer = otlpv_fold(a ^ rest, d ^ OTLPV_MIX_2 ^ seed);
    const uint64_t inner = otlpv_fold(b ^ OTLPV_MIX_1 ^ seed, c ^ OTLPV_MIX_3 ^ rest);
    return otlpv_fold(outer ^ length, inner ^ OTLPV_MIX_0);
}

#endif
