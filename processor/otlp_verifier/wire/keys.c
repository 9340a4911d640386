/* Keys: what is done with the attributes of an owner when all are there. Their keys are hashed, and what
 * is odd about keys and values is found: see attribute.h.
 *
 * Instrumentation writes the same keys in the same order again and again. So what is odd about a list of keys is looked
 * for once: lists without fault are remembered by a hash of their keys' hashes. Two lists count as one, then, if these
 * 64 bits are equal; they are keyed. */

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

/* Whether two of these rows' keys may be the same: hashes that meet in no cell are of keys that differ. */
static bool may_repeat(otlpv_pass *pass, uint32_t start, uint32_t end)
{
    bool repeats = false;
    for (uint32_t row = start; row < end;) {
        uint32_t *const seen = &pass->seen[pass->hashes[row++] % OTLPV_SEEN];
        repeats |= *seen > start;
        *seen = row;
    }
    return repeats;
}

/* What is odd about a list of keys that is none of those remembered; `list` is its hash. */
OTLPV_OWN uint32_t new_list_defects(otlpv_pass *pass, uint32_t start, uint32_t end, uint64_t list)
{
    uint32_t defects = 0;
    bool ascii = true;
    for (uint32_t row = start; row < end; row++) {
        const uint8_t *const key = pass->base + (pass->keys[row] >> 32);
        const uint32_t length = (uint32_t)pass->keys[row];
        defects |= key_defects(key, length);
        ascii &= otlpv_is_ascii(key, length);
    }
    if (may_repeat(pass, start, end) && otlpv_has_duplicate_key(pass, start, end - start))
        defects |= OTLPV_DEFECT_DUPLICATE_KEY;
    if (!ascii && !is_utf8(pass, start, end))
        defects |= OTLPV_DEFECT_ATTRIBUTE_UTF8;
    if (ascii && defects == 0)
        pass->lists[list % OTLPV_LISTS] = list;
    return defects;
}

uint32_t otlpv_finish_keys(otlpv_pass *pass, uint32_t start, uint32_t end, bool ascii_values)
{
    const uint8_t *const base = pass->base;
    const uint64_t *const keys = pass->keys;
    uint64_t *const hashes = pass->hashes;
    uint32_t defects = 0;
    uint64_t list = 0;
    for (uint64_t row = start; row < end; row++) {
        const uint64_t text = keys[row];
        const uint8_t *key = base + (text >> 32);
        const uint32_t length = (uint32_t)text;
        const otlpv_words words = __builtin_expect(length - 8 <= 24, 1) ? otlpv_middle_words(key, length)
                                                                         : otlpv_words_of(key, length, &pass->secret);
        const uint64_t hash = otlpv_hash_of_words(&words, length, &pass->secret);
        hashes[row] = hash;
        list = list * OTLPV_MIX_0 + hash;
    }
    list ^= list >> 32; /* its low bits are of the low bits of the hashes alone */
    if (__builtin_expect(!ascii_values, 0) && !is_utf8(pass, start, end))
        defects |= OTLPV_DEFECT_ATTRIBUTE_UTF8;
    if (__builtin_expect(pass->lists[list % OTLPV_LISTS] != list, 0))
        defects |= new_list_defects(pass, start, end, list);
    return defects;
}
