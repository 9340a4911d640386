/* Lookup: see lookup.h. */

#include <stdbool.h>

#include "texts.h"

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
            otlpv_same(bytes + otlpv_text_offset(text), keys->key_bytes + otlpv_text_offset(key), length))
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

#define BIT(type) (1u << (type))
#define SCALARS (BIT(OTLPV_BOOL) | BIT(OTLPV_INT) | BIT(OTLPV_DOUBLE))
#define CONTENTS (BIT(OTLPV_ARRAY) | BIT(OTLPV_MAP) | BIT(OTLPV_BYTES))

/* Which of some owners have such a value: their numbers from the first on, ascending; returns how many they are. */
static uint32_t owners_of_values(const otlpv_value_source *source, uint32_t first, uint32_t count, uint16_t *numbers)
{
    const uint32_t *rows = source->rows + first, *types = source->types;
    const uint32_t there = otlpv_rows_there(rows, count, numbers);
    uint32_t found = 0;
    for (uint32_t i = 0; i < there; i++) {
        const uint16_t number = numbers[i];
        numbers[found] = number;
        found += (SCALARS | CONTENTS) >> types[rows[number]] & 1;
    }
    return found;
}

/* Packs one value behind what is there, if there is room; where it ends. */
static uint64_t pack_value(const uint8_t *bytes, uint32_t type, uint64_t value, uint8_t *packed, uint64_t capacity,
                           uint64_t at, uint64_t *text)
{
    const bool is_scalar = SCALARS >> type & 1;
    const uint32_t length = is_scalar ? 8 : otlpv_text_length(value);
    const uint64_t end = at + 1 + (uint64_t)length;
    if (end > capacity)
        return end;
    packed[at] = (uint8_t)type;
    if (is_scalar) {
        for (uint32_t i = 0; i < 8; i++)
            packed[at + 1 + i] = (uint8_t)(value >> (8 * i));
    } else {
        memcpy(packed + at + 1, bytes + otlpv_text_offset(value), length);
    }
    *text = at << 32 | (length + 1);
    return end;
}

/* Packs one source behind what is there, as far as there is room; where it ends. */
static uint64_t pack(const uint8_t *bytes, otlpv_value_source *source, uint8_t *packed, uint64_t capacity,
                     uint64_t at)
{
    const uint32_t owners = source->wanted ? *source->end : 0;
    source->found_end = 0;
    for (uint32_t first = 0; first < owners; first += OTLPV_BLOCK) {
        uint16_t numbers[OTLPV_BLOCK];
        const uint32_t some = owners - first < OTLPV_BLOCK ? owners - first : OTLPV_BLOCK;
        const uint32_t count = owners_of_values(source, first, some, numbers);
        if (count == 0)
            continue;
        const uint32_t end = first + numbers[count - 1] + 1;
        memset(source->texts + source->found_end, 0xFF, (uint64_t)(end - source->found_end) * sizeof *source->texts);
        source->found_end = end;
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t owner = first + numbers[i], row = source->rows[owner];
            at = pack_value(bytes, source->types[row], source->values[row], packed, capacity, at,
                            &source->texts[owner]);
        }
    }
    return at;
}

uint64_t otlpv_pack(const uint8_t *bytes, otlpv_value_source *sources, uint32_t source_count, uint8_t *packed,
                    uint64_t capacity)
{
    uint64_t at = 0;
    for (otlpv_value_source *source = sources; source < sources + source_count; source++)
        at = pack(bytes, source, packed, capacity, at);
    return at;
}
