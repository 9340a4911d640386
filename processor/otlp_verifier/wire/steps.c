/* Steps: see steps.h. */

#include <stdint.h>

#include "wire.h"

/* A word as the pointer that it was. */
static inline void *at(int64_t word) { return (void *)(intptr_t)word; }

static inline uint32_t count_at(int64_t word) { return *(const uint32_t *)at(word); }

int64_t otlpv_step_encode(const int64_t *words)
{
    return otlpv_encode(at(words[0]), at(words[1]), (uint32_t)words[2], at(words[3]), at(words[4]));
}

int64_t otlpv_step_count_codes(const int64_t *words)
{
    const otlpv_dictionary *dictionary = at(words[0]);
    return dictionary->entry_count > count_at(words[1]) ? dictionary->entry_count : 0;
}

int64_t otlpv_step_pack(const int64_t *words)
{
    const uint64_t capacity = (uint64_t)words[4];
    const uint64_t used = otlpv_pack(at(words[0]), at(words[1]), (uint32_t)words[2], at(words[3]), capacity);
    return used > capacity ? (int64_t)used : 0;
}

int64_t otlpv_step_find_keys(const int64_t *words)
{
    otlpv_find_keys(at(words[0]), at(words[1]), at(words[2]), at(words[3]), count_at(words[4]), at(words[5]),
                    at(words[6]), (uint32_t)words[7], at(words[8]));
    return 0;
}

int64_t otlpv_step_find_control(const int64_t *words)
{
    otlpv_find_control(at(words[0]), at(words[1]), at(words[2]), count_at(words[3]), (uint32_t)words[4], at(words[5]));
    return 0;
}
