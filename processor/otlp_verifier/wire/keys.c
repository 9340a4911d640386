/* Keys: what is done with the attributes of an owner when all are there. Their keys are hashed, and what
 * is odd about keys and values is found: see attribute.h. */

#include "attribute.h"

/* "verifier", the first word of a forged key; then comes a dot. */
#define FORGED_WORD 0x7265696669726576u
#define FILTER_WORDS 8

static uint32_t key_defects(const uint8_t *key, uint32_t length)
{
    if (length == 0)
        return OTLPV_DEFECT_EMPTY_KEY;
    return length >= 9 && otlpv_load64(key) == FORGED_WORD && key[8] == '.' ? OTLPV_DEFECT_FORGED : 0;
}

/* Whether every key and string value of these rows is UTF-8. */
static OTLPV_COLD bool is_utf8(const otlpv_pass *pass, uint32_t row, uint32_t end)
{
    for (; row < end; row++) {
        if (!otlpv_is_utf8(pass->base + (pass->keys[row] >> 32), pass->keys[row] & UINT32_MAX))
            return false;
        if (pass->types[row] == OTLPV_STRING &&
            !otlpv_is_utf8(pass->base + (pass->values[row] >> 32), pass->values[row] & UINT32_MAX))
            return false;
    }
    return true;
}

uint32_t otlpv_finish_keys(const otlpv_pass *pass, uint32_t start, uint32_t end)
{
    const uint8_t *const base = pass->base;
    const uint64_t *const keys = pass->keys;
    const uint64_t *const values = pass->values;
    const uint32_t *const types = pass->types;
    uint64_t *const hashes = pass->hashes;
    const otlpv_secret secret = pass->secret;
    uint32_t defects = 0;
    uint64_t filter[FILTER_WORDS] = {0}; /* bits of hashes */
    uint64_t hit = 0;                    /* two keys share a bit and are perhaps equal */
    uint64_t any_word = 0;               /* union of keys */
    otlpv_pair any = {0, 0};             /* union of string attributes */
    bool ascii = true;
    for (uint64_t row = start; row < end; row++) {
        const uint64_t text = keys[row];
        const uint8_t *key = base + (text >> 32);
        const uint32_t length = (uint32_t)text;
        otlpv_words words;
        if (__builtin_expect(length - 8 <= 24, 1)) {
            words = otlpv_middle_words(key, length);
            if (__builtin_expect(words.a == FORGED_WORD, 0))
                defects |= key_defects(key, length);
        } else {
            words = otlpv_words_of(key, length, &secret);
            defects |= key_defects(key, length);
        }
        any_word |= words.any;
        const uint64_t hash = otlpv_hash_of_words(&words, length, &secret);
        hashes[row] = hash;
        uint64_t *word = &filter[hash >> 6 & (FILTER_WORDS - 1)];
        const uint64_t bit = (uint64_t)1 << (hash & 63);
        hit |= *word & bit;
        *word |= bit;
        if (types[row] == OTLPV_STRING) {
            /* The value mostly follows its key after 4 bytes of tags and lengths, which are ASCII too: one look at
             * 20 to 60 bytes instead of two at shorter pieces, whose lengths are harder to predict. */
            const uint64_t value = values[row];
            const uint64_t size = (value >> 32) + (value & UINT32_MAX) - (text >> 32);
            if (__builtin_expect(size - 16 <= 48, 1))
                any |= otlpv_union_of_16_to_64(key, size);
            else
                ascii &= otlpv_is_ascii(base + (value >> 32), value & UINT32_MAX);
        }
    }
    if (__builtin_expect(!ascii || (any_word & OTLPV_TOP_BITS) != 0 || otlpv_any_top_bit(any), 0) &&
        !is_utf8(pass, start, end))
        defects |= OTLPV_DEFECT_ATTRIBUTE_UTF8;
    if (__builtin_expect(hit != 0, 0) && otlpv_has_duplicate_key(pass, start, end - start))
        defects |= OTLPV_DEFECT_DUPLICATE_KEY;
    return defects;
}
