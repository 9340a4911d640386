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

/* What a seed stands for: each factor has a key of its own. */
typedef struct {
    uint64_t a, b, c, d;
} otlpv_secret;

static inline otlpv_secret otlpv_secret_of(uint64_t seed)
{
    return (otlpv_secret){seed ^ OTLPV_MIX_0, seed ^ OTLPV_MIX_1, seed ^ OTLPV_MIX_2, seed ^ OTLPV_MIX_3};
}

/* The words that a string's hash is made of. */
typedef struct {
    uint64_t a, b, c, d;
} otlpv_words;

static inline otlpv_words otlpv_short_words(const uint8_t *bytes, uint32_t length)
{
    otlpv_words w = {0, 0, 0, 0};
    if (length >= 4) {
        w.a = otlpv_load32(bytes);
        w.d = otlpv_load32(bytes + length - 4);
    } else if (length > 0) {
        w.a = (uint64_t)bytes[0] | (uint64_t)bytes[length / 2] << 8 | (uint64_t)bytes[length - 1] << 16;
    }
    return w;
}

/* 8 to 32 bytes. */
static inline otlpv_words otlpv_middle_words(const uint8_t *bytes, uint32_t length)
{
    const uint32_t inner = ((length - 1) & 16) >> 1; /* up to 16 bytes the outer words hold all there is */
    otlpv_words w;
    w.a = otlpv_load64(bytes);
    w.b = otlpv_load64(bytes + inner);
    w.c = otlpv_load64(bytes + length - 8 - inner);
    w.d = otlpv_load64(bytes + length - 8);
    return w;
}

/* More than 32 bytes: those before the last 32 are folded into one word. A word that makes one factor
 * zero would hide the other, so every factor is keyed. */
static inline otlpv_words otlpv_long_words(const uint8_t *bytes, uint32_t length, const otlpv_secret *secret)
{
    uint64_t rest = 0;
    for (; length > 32; bytes += 16, length -= 16) {
        const uint64_t a = otlpv_load64(bytes);
        const uint64_t b = otlpv_load64(bytes + 8);
        rest = otlpv_fold(a ^ rest ^ secret->a, b ^ secret->b);
    }
    otlpv_words w = otlpv_middle_words(bytes, length);
    w.c ^= rest;
    return w;
}

static inline otlpv_words otlpv_words_of(const uint8_t *bytes, uint32_t length, const otlpv_secret *secret)
{
    if (length < 8)
        return otlpv_short_words(bytes, length);
    return length <= 32 ? otlpv_middle_words(bytes, length) : otlpv_long_words(bytes, length, secret);
}

static inline uint64_t otlpv_hash_of_words(const otlpv_words *w, uint32_t length, const otlpv_secret *secret)
{
    return otlpv_fold(w->a ^ secret->a, w->d ^ secret->d ^ length) ^ otlpv_fold(w->b ^ secret->b, w->c ^ secret->c);
}

static inline uint64_t otlpv_hash_bytes(const uint8_t *bytes, uint32_t length, const otlpv_secret *secret)
{
    const otlpv_words w = otlpv_words_of(bytes, length, secret);
    return otlpv_hash_of_words(&w, length, secret);
}

#endif
