/* Control characters: see control.h. */

#include <stdbool.h>

#include "texts.h"
#include "utf8.h"

typedef uint8_t bytes16 __attribute__((vector_size(16)));

/* A byte of ones for each that is a control character; unless `is_exact`, also for tabs and ends of lines. */
static inline otlpv_pair controls(otlpv_pair pair, bool is_exact)
{
    const bytes16 bytes = (bytes16)pair;
    const bytes16 lines = is_exact ? (bytes16)((bytes == '\t') | (bytes == '\n') | (bytes == '\r')) : (bytes16){0};
    return (otlpv_pair)(((bytes < 0x20) & ~lines) | (bytes == 0x7F));
}

static inline otlpv_pair controls_at(const uint8_t *bytes, bool is_exact)
{
    return controls(otlpv_load_pair(bytes), is_exact);
}

/* Loads that overlap cover the string, as in utf8.h. */
static inline otlpv_pair controls_in(otlpv_length kind, const uint8_t *bytes, uint32_t length, bool is_exact)
{
    if (kind == OTLPV_SHORT) {
        const otlpv_words words = otlpv_short_words(bytes, length);
        const uint64_t blanks = length >= 4 ? 0 : length > 0 ? 0x2020202020000000u : 0x2020202020202020u;
        const uint64_t all = words.a | words.d << 32 | blanks;
        return controls((otlpv_pair){all, all}, is_exact);
    }
    if (kind == OTLPV_MIDDLE) {
        const otlpv_words words = otlpv_middle_words(bytes, length);
        return controls((otlpv_pair){words.a, words.b}, is_exact) | controls((otlpv_pair){words.c, words.d}, is_exact);
    }
    otlpv_pair any = {0, 0};
    for (; length > 64; bytes += 32, length -= 32)
        any |= controls_at(bytes, is_exact) | controls_at(bytes + 16, is_exact);
    const uint8_t *last = bytes + length - 32;
    return any | controls_at(bytes, is_exact) | controls_at(bytes + 16, is_exact) | controls_at(last, is_exact) |
           controls_at(last + 16, is_exact);
}

/* Few texts have tabs or lines: it is a fifth faster to look for these only where there is something. */
static inline bool has_control(otlpv_length kind, const uint8_t *bytes, uint32_t length)
{
    return otlpv_any_top_bit(controls_in(kind, bytes, length, false)) &&
           otlpv_any_top_bit(controls_in(kind, bytes, length, true));
}

/* The string values among at most OTLPV_BLOCK, and their numbers; returns how many they are. */
static uint32_t strings_of(const uint64_t *values, const uint32_t *types, uint32_t count, uint64_t *strings,
                           uint16_t *numbers)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        strings[found] = values[i];
        numbers[found] = (uint16_t)i;
        found += types[i] == OTLPV_STRING;
    }
    return found;
}

void otlpv_find_control(const uint8_t *bytes, const uint64_t *values, const uint32_t *types, uint32_t rows,
                        uint32_t bit, uint32_t *found)
{
    memset(found, 0, (uint64_t)rows * sizeof *found);
    for (uint32_t first = 0; first < rows; first += OTLPV_BLOCK) {
        const uint32_t some = rows - first < OTLPV_BLOCK ? rows - first : OTLPV_BLOCK;
        uint64_t strings[OTLPV_BLOCK];
        uint16_t numbers[OTLPV_BLOCK];
        otlpv_by_length sorted;
        otlpv_sort_by_length(strings, strings_of(values + first, types + first, some, strings, numbers), &sorted);
#define FIND_IN(kind) \
    for (uint32_t i = 0; i < sorted.counts[kind]; i++) { \
        const uint32_t number = sorted.numbers[kind][i]; \
        if (has_control(kind, bytes + otlpv_text_offset(strings[number]), otlpv_text_length(strings[number]))) \
            found[first + numbers[number]] = bit; \
    }
        FIND_IN(OTLPV_SHORT)
        FIND_IN(OTLPV_MIDDLE)
        FIND_IN(OTLPV_LONG)
    }
}
