/* Keys: what is done with the attributes of an owner when all are there. Their keys are hashed, and what
 * is odd about keys and values is found: see attribute.h. */

#include "attribute.h"

/* "verifier", the first word of a forged key; then comes a dot. */
#define FORGED_WORD 0x7265696669726576u

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

uint32_t otlpv_finish_keys(otlpv_pass *pass, uint32_t start, uint32_t end, bool ascii_values)
{
    const uint8_t *const base = pass->base;
    const uint64_t *const keys = pass->keys;
    uint64_t *const hashes = pass->hashes;
    uint32_t defects = 0;
    uint64_t any = 0; /* union of the keys */
    bool repeats = false;
    for (uint64_t row = start; row < end;) {
        const uint64_t text = keys[row];
        const uint8_t *key = base + (text >> 32);
        const uint32_t length = (uint32_t)text;
        otlpv_words words;
        if (__builtin_expect(length - 8 <= 24, 1)) {
            words = otlpv_middle_words(key, length);
            if (__builtin_expect(words.a == FORGED_WORD, 0))
                defects |= key_defects(key, length);
        } else {
            words = otlpv_words_of(key, length, &pass->secret);
            defects |= key_defects(key, length);
        }
        any |= words.any;
        const uint64_t hash = otlpv_hash_of_words(&words, length, &pass->secret);
        hashes[row++] = hash;
        uint32_t *const seen = &pass->seen[hash % OTLPV_SEEN];
        repeats |= *seen > start;
        *seen = (uint32_t)row;
    }
    if (__builtin_expect(!ascii_values || (any & OTLPV_TOP_BITS) != 0, 0) && !is_utf8(pass, start, end))
        defects |= OTLPV_DEFECT_ATTRIBUTE_UTF8;
    /* Hashes that met in no cell are of keys that differ. */
    if (__builtin_expect(repeats, 0) && otlpv_has_duplicate_key(pass, start, (uint32_t)(end - start)))
        defects |= OTLPV_DEFECT_DUPLICATE_KEY;
    return defects;
}
