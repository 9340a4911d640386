/* Texts by length: what is done to many strings is done to all short ones, then to all of 8 to 32 bytes, then to the
 * rest. Lengths vary too much to be predicted, and a branch on each costs more than sorting them does, which has none.
 */
#ifndef OTLPV_TEXTS_H
#define OTLPV_TEXTS_H

#include "hash.h"
#include "table.h"

/* So many texts are taken at a time: their numbers and hashes stay in the nearest cache. */
#define OTLPV_BLOCK 256

typedef enum {
    OTLPV_SHORT,  /* less than 8 bytes */
    OTLPV_MIDDLE, /* 8 to 32: otlpv_middle_words are all there is of it */
    OTLPV_LONG,
    OTLPV_LENGTHS
} otlpv_length;

typedef struct {
    uint16_t numbers[OTLPV_LENGTHS][OTLPV_BLOCK]; /* of texts, ascending */
    uint32_t counts[OTLPV_LENGTHS];
} otlpv_by_length;

/* At most OTLPV_BLOCK texts. */
static inline void otlpv_sort_by_length(const uint64_t *texts, uint32_t count, otlpv_by_length *sorted)
{
    uint32_t shorts = 0, middles = 0, longs = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t length = otlpv_text_length(texts[i]);
        sorted->numbers[OTLPV_SHORT][shorts] = (uint16_t)i;
        sorted->numbers[OTLPV_MIDDLE][middles] = (uint16_t)i;
        sorted->numbers[OTLPV_LONG][longs] = (uint16_t)i;
        shorts += length < 8;
        middles += length - 8 <= 24;
        longs += length > 32;
    }
    sorted->counts[OTLPV_SHORT] = shorts;
    sorted->counts[OTLPV_MIDDLE] = middles;
    sorted->counts[OTLPV_LONG] = longs;
}

/* The numbers of those rows, at most OTLPV_BLOCK, that are not OTLPV_NO_ROW, ascending; returns how many they are. */
static inline uint32_t otlpv_rows_there(const uint32_t *rows, uint32_t count, uint16_t *numbers)
{
    uint32_t there = 0;
    for (uint32_t i = 0; i < count; i++) {
        numbers[there] = (uint16_t)i;
        there += rows[i] != OTLPV_NO_ROW;
    }
    return there;
}

/* Whether strings of the same length, which is one of `kind`, are equal. */
static inline bool otlpv_same_of(otlpv_length kind, const uint8_t *a, const uint8_t *b, uint32_t length)
{
    if (kind == OTLPV_SHORT) {
        const otlpv_words x = otlpv_short_words(a, length), y = otlpv_short_words(b, length);
        return ((x.a ^ y.a) | (x.d ^ y.d)) == 0;
    }
    uint64_t differ = 0;
    if (kind == OTLPV_LONG) {
        for (; length > 32; a += 16, b += 16, length -= 16)
            differ |= (otlpv_load64(a) ^ otlpv_load64(b)) | (otlpv_load64(a + 8) ^ otlpv_load64(b + 8));
    }
    const otlpv_words x = otlpv_middle_words(a, length), y = otlpv_middle_words(b, length);
    return (differ | (x.a ^ y.a) | (x.b ^ y.b) | (x.c ^ y.c) | (x.d ^ y.d)) == 0;
}

static inline bool otlpv_same(const uint8_t *a, const uint8_t *b, uint32_t length)
{
    if (length < 8)
        return otlpv_same_of(OTLPV_SHORT, a, b, length);
    return otlpv_same_of(length <= 32 ? OTLPV_MIDDLE : OTLPV_LONG, a, b, length);
}

#endif
