/* Lookup: see lookup.h. */

#include <stdbool.h>

#include "hash.h"
#include "reader.h"
#include "table.h"

/* Keys are short: overlapping loads in place make otlpv_find_keys twice as fast as calls of memcmp do. */
static inline bool same(const uint8_t *a, const uint8_t *b, uint32_t length)
{
    if (length > 32)
        return memcmp(a, b, length) == 0;
    if (length >= 8) {
        for (uint32_t at = 0; at + 8 < length; at += 8) {
            if (otlpv_load64(a + at) != otlpv_load64(b + at))
                return false;
        }
        return otlpv_load64(a + length - 8) == otlpv_load64(b + length - 8);
    }
    if (length >= 4)
        return otlpv_load32(a) == otlpv_load32(b) && otlpv_load32(a + length - 4) == otlpv_load32(b + length - 4);
    for (uint32_t at = 0; at < length; at++) {
        if (a[at] != b[at])
            return false;
    }
    return true;
}

static uint32_t find_key(const uint8_t *bytes, uint64_t text, uint64_t hash, const otlpv_key_table *keys)
{
    const uint32_t mask = keys->cells - 1;
    for (uint32_t cell = (uint32_t)hash & mask;; cell = (cell + 1) & mask) {
        const uint32_t slot = keys->slots[cell];
        if (slot == OTLPV_NO_ROW)
            return OTLPV_NO_ROW;
        if (keys->hashes[cell] != hash)
            continue;
        const uint64_t key = keys->keys[slot];
        const uint32_t length = otlpv_text_length(text);
        if (otlpv_text_length(key) == length &&
            same(bytes + otlpv_text_offset(text), keys->key_bytes + otlpv_text_offset(key), length))
            return slot;
    }
}

void otlpv_find_keys(const uint8_t *bytes, const otlpv_table *attributes, const uint32_t *starts,
                     const uint32_t *counts, uint32_t owners, const otlpv_key_table *keys, uint32_t *rows,
                     uint32_t stride, uint32_t *ends)
{
    for (uint32_t slot = 0; slot < keys->slot_count; slot++) {
        if (ends[slot] > 0)
            memset(rows + (uint64_t)slot * stride, 0xFF, (uint64_t)ends[slot] * sizeof *rows); /* OTLPV_NO_ROW */
        ends[slot] = 0;
    }
    if (keys->cells == 0)
        return;
    const uint64_t *texts = otlpv_wide(attributes, OTLPV_ATTRIBUTE_KEY);
    const uint64_t *hashes = otlpv_wide(attributes, OTLPV_ATTRIBUTE_KEY_HASH);
    const uint64_t *filter = keys->filter;
    for (uint32_t owner = 0; owner < owners; owner++) {
        const uint32_t end = starts[owner] + counts[owner];
        for (uint32_t row = starts[owner]; row < end; row++) {
            const uint32_t low = (uint32_t)hashes[row] % OTLPV_FILTER_BITS;
            if (!(filter[low / 64] >> (low % 64) & 1)) /* nearly all that no rule names: one branch, well predicted */
                continue;
            const uint32_t slot = find_key(bytes, texts[row], hashes[row], keys);
            if (slot == OTLPV_NO_ROW)
                continue;
            uint32_t *found = rows + (uint64_t)slot * stride + owner;
            if (*found == OTLPV_NO_ROW)
                *found = row;
            ends[slot] = owner + 1;
        }
    }
}

/* The code of a string. OTLPV_NO_ROW if it is new: then `cell` is the free one where it belongs. */
static uint32_t find_code(const otlpv_dictionary *dictionary, const uint8_t *string, uint32_t length, uint64_t hash,
                          uint32_t *cell)
{
    const uint32_t mask = dictionary->cells - 1;
    for (uint32_t at = (uint32_t)hash & mask;; at = (at + 1) & mask) {
        const uint32_t code = dictionary->codes[at];
        *cell = at;
        if (code == OTLPV_NO_ROW)
            return OTLPV_NO_ROW;
        if (dictionary->hashes[at] != hash)
            continue;
        const uint64_t entry = dictionary->entries[code];
        if (otlpv_text_length(entry) == length &&
            same(string, dictionary->arena + otlpv_text_offset(entry), length))
            return code;
    }
}

static bool add(otlpv_dictionary *dictionary, uint32_t cell, uint64_t hash, const uint8_t *string, uint32_t length)
{
    if (dictionary->entry_count >= dictionary->entry_capacity ||
        length > dictionary->arena_capacity - dictionary->arena_used)
        return false;
    memcpy(dictionary->arena + dictionary->arena_used, string, length);
    dictionary->entries[dictionary->entry_count] = dictionary->arena_used << 32 | length;
    dictionary->hashes[cell] = hash;
    dictionary->codes[cell] = dictionary->entry_count;
    dictionary->arena_used += length;
    dictionary->entry_count++;
    return true;
}

static uint64_t text_of(const otlpv_text_source *source, uint32_t owner)
{
    if (source->rows == NULL)
        return source->texts[owner];
    const uint32_t row = source->rows[owner];
    return row != OTLPV_NO_ROW && source->types[row] == OTLPV_STRING ? source->texts[row] : OTLPV_NO_TEXT;
}

static uint32_t encode(const uint8_t *bytes, uint64_t text, const otlpv_secret *secret, otlpv_dictionary *dictionary)
{
    const uint8_t *string = bytes + otlpv_text_offset(text);
    const uint32_t length = otlpv_text_length(text);
    const uint64_t hash = otlpv_hash_bytes(string, length, secret);
    uint32_t cell;
    const uint32_t code = find_code(dictionary, string, length, hash, &cell);
    if (code != OTLPV_NO_ROW)
        return code;
    return add(dictionary, cell, hash, string, length) ? dictionary->entry_count - 1 : OTLPV_NO_ROW;
}

uint32_t otlpv_encode(const uint8_t *bytes, otlpv_text_source *sources, uint32_t source_count,
                      otlpv_dictionary *dictionary, uint64_t *news)
{
    const otlpv_secret secret = otlpv_secret_of(dictionary->seed);
    uint32_t new_count = 0;
    for (uint32_t number = 0; number < source_count; number++) {
        otlpv_text_source *source = &sources[number];
        if (!source->wanted)
            continue;
        const uint32_t owners = source->end == NULL ? source->owners : *source->end;
        if (source->written < owners)
            source->written = owners; /* before they are: the dictionary may be full amid them */
        uint64_t last = OTLPV_NO_TEXT; /* fields that are absent are one text, and often they all are */
        uint32_t code = OTLPV_NO_ROW;
        for (uint32_t owner = 0; owner < owners; owner++) {
            const uint64_t text = text_of(source, owner);
            if (text != last) {
                last = text;
                code = OTLPV_NO_ROW;
                if (text != OTLPV_NO_TEXT) {
                    code = encode(bytes, text, &secret, dictionary);
                    if (code == OTLPV_NO_ROW)
                        return OTLPV_NO_ROW;
                    if (source->seen != NULL && !source->seen[code]) {
                        source->seen[code] = 1;
                        news[new_count++] = (uint64_t)number << 32 | code;
                    }
                }
            }
            source->codes[owner] = code;
        }
        if (source->written > owners) { /* what a longer batch left */
            memset(source->codes + owners, 0xFF, (uint64_t)(source->written - owners) * sizeof *source->codes);
            source->written = owners;
        }
    }
    return new_count;
}

#define BIT(type) (1u << (type))
#define SCALARS (BIT(OTLPV_BOOL) | BIT(OTLPV_INT) | BIT(OTLPV_DOUBLE))
#define CONTENTS (BIT(OTLPV_ARRAY) | BIT(OTLPV_MAP) | BIT(OTLPV_BYTES))

static uint32_t type_of(const otlpv_value_source *source, uint32_t owner)
{
    const uint32_t row = source->rows[owner];
    return row == OTLPV_NO_ROW ? OTLPV_EMPTY : source->types[row];
}

/* One past the last owner that has such a value; 0 when there is none. */
static uint32_t end_of_values(const otlpv_value_source *source)
{
    uint32_t end = source->wanted ? *source->end : 0;
    while (end > 0 && !((SCALARS | CONTENTS) >> type_of(source, end - 1) & 1))
        end--;
    return end;
}

/* Packs one source behind what is there, as far as there is room; where it ends. */
static uint64_t pack(const uint8_t *bytes, const otlpv_value_source *source, uint8_t *packed, uint64_t capacity,
                     uint64_t at)
{
    for (uint32_t owner = 0; owner < source->found_end; owner++) {
        const uint32_t type = type_of(source, owner);
        source->texts[owner] = OTLPV_NO_TEXT;
        if (!((SCALARS | CONTENTS) >> type & 1))
            continue;
        const uint64_t value = source->values[source->rows[owner]];
        const bool is_scalar = SCALARS >> type & 1;
        const uint32_t length = is_scalar ? 8 : otlpv_text_length(value);
        const uint64_t begin = at;
        at += 1 + (uint64_t)length;
        if (at > capacity)
            continue;
        packed[begin] = (uint8_t)type;
        if (is_scalar) {
            for (uint32_t i = 0; i < 8; i++)
                packed[begin + 1 + i] = (uint8_t)(value >> (8 * i));
        } else {
            memcpy(packed + begin + 1, bytes + otlpv_text_offset(value), length);
        }
        source->texts[owner] = begin << 32 | (length + 1);
    }
    return at;
}

uint64_t otlpv_pack(const uint8_t *bytes, otlpv_value_source *sources, uint32_t source_count, uint8_t *packed,
                    uint64_t capacity)
{
    uint64_t at = 0;
    for (otlpv_value_source *source = sources; source < sources + source_count; source++) {
        source->found_end = end_of_values(source);
        at = pack(bytes, source, packed, capacity, at);
    }
    return at;
}
