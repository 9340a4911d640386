/* Dictionary: see lookup.h.
 *
 * Texts are looked up by the block: all are hashed and their cells fetched, then all cells are looked at and the
 * strings behind them fetched, then all strings are compared. The memory answers for many at a time, and what is done
 * to texts of one kind of length has no branch that depends on the text, other than whether it is known.
 */

#include <stdbool.h>

#include "texts.h"

#define INLINED static inline __attribute__((always_inline)) /* `kind` is a constant in each copy */

typedef struct {
    const uint8_t *bytes;
    uint64_t texts[OTLPV_BLOCK];
    uint64_t hashes[OTLPV_BLOCK];
    uint32_t codes[OTLPV_BLOCK + 1]; /* of the text before; the first is of none */
    uint16_t owners[OTLPV_BLOCK];    /* of attributes: of each text, from the block's first owner on */
    uint16_t numbers[OTLPV_BLOCK];   /* of a column: of each owner, where its code is in `codes` */
    uint32_t count;                  /* of texts */
    otlpv_by_length by_length;
} block;

/* A cell is the upper half of a hash, and above zero, if it is not free, a code and 1. */
static inline uint64_t cell_of(uint64_t hash, uint32_t code)
{
    return (hash >> 32 << 32) | (uint64_t)(code + 1);
}

/* A code; OTLPV_NO_ROW if the cell is free. */
static inline uint32_t code_in(uint64_t cell)
{
    return (uint32_t)cell - 1;
}

/* The first cell that is free or may be of the text. */
static inline uint32_t next_cell(const uint64_t *cells, uint32_t mask, uint64_t hash, uint32_t at)
{
    while ((cells[at] ^ hash) >> 32 && (uint32_t)cells[at])
        at = (at + 1) & mask;
    return at;
}

/* The code of a text that may be new, with nothing taken for granted; OTLPV_NO_ROW if there is no room. */
static uint32_t find_or_add(otlpv_dictionary *dictionary, const uint8_t *string, uint32_t length, uint64_t hash)
{
    const uint32_t mask = dictionary->cell_count - 1;
    uint32_t at = (uint32_t)hash & mask;
    for (;; at = (at + 1) & mask) {
        at = next_cell(dictionary->cells, mask, hash, at);
        const uint32_t code = code_in(dictionary->cells[at]);
        if (code == OTLPV_NO_ROW)
            break;
        const uint64_t entry = dictionary->entries[code];
        if (otlpv_text_length(entry) == length &&
            otlpv_same(string, dictionary->arena + otlpv_text_offset(entry), length))
            return code;
    }
    if (dictionary->entry_count >= dictionary->entry_capacity ||
        length > dictionary->arena_capacity - dictionary->arena_used)
        return OTLPV_NO_ROW;
    const uint32_t code = dictionary->entry_count++;
    memcpy(dictionary->arena + dictionary->arena_used, string, length);
    dictionary->entries[code] = dictionary->arena_used << 32 | length;
    dictionary->cells[at] = cell_of(hash, code);
    dictionary->arena_used += length;
    return code;
}

INLINED void hash_texts(block *b, otlpv_length kind, const otlpv_secret *secret, const otlpv_dictionary *dictionary)
{
    const uint64_t *cells = dictionary->cells;
    const uint32_t mask = dictionary->cell_count - 1, count = b->by_length.counts[kind];
    const uint8_t *bytes = b->bytes;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t number = b->by_length.numbers[kind][i], length = otlpv_text_length(b->texts[number]);
        const uint8_t *string = bytes + otlpv_text_offset(b->texts[number]);
        const otlpv_words words = kind == OTLPV_SHORT    ? otlpv_short_words(string, length)
                                  : kind == OTLPV_MIDDLE ? otlpv_middle_words(string, length)
                                                         : otlpv_long_words(string, length, secret);
        const uint64_t hash = otlpv_hash_of_words(&words, length, secret);
        b->hashes[number] = hash;
        __builtin_prefetch(&cells[(uint32_t)hash & mask]);
    }
}

/* For each text the code whose hash begins alike, or OTLPV_NO_ROW; returns how many have none. */
static inline uint32_t guess_codes(block *b, const otlpv_dictionary *dictionary)
{
    const uint64_t *cells = dictionary->cells, *entries = dictionary->entries;
    const uint8_t *arena = dictionary->arena;
    const uint32_t mask = dictionary->cell_count - 1, count = b->count;
    uint32_t unknown = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t hash = b->hashes[i];
        const uint32_t code = code_in(cells[next_cell(cells, mask, hash, (uint32_t)hash & mask)]);
        b->codes[i + 1] = code;
        if (code == OTLPV_NO_ROW)
            unknown++;
        else
            __builtin_prefetch(arena + otlpv_text_offset(entries[code]));
    }
    return unknown;
}

/* Takes back what was guessed wrong; returns how often. */
INLINED uint32_t check_codes(block *b, otlpv_length kind, const otlpv_dictionary *dictionary)
{
    const uint64_t *entries = dictionary->entries;
    const uint8_t *arena = dictionary->arena, *bytes = b->bytes;
    const uint32_t count = b->by_length.counts[kind];
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t number = b->by_length.numbers[kind][i], code = b->codes[number + 1];
        if (code == OTLPV_NO_ROW)
            continue;
        const uint64_t text = b->texts[number], entry = entries[code];
        if (otlpv_text_length(entry) != otlpv_text_length(text) ||
            !otlpv_same_of(kind, bytes + otlpv_text_offset(text), arena + otlpv_text_offset(entry),
                           otlpv_text_length(text))) {
            b->codes[number + 1] = OTLPV_NO_ROW;
            wrong++;
        }
    }
    return wrong;
}

/* The codes of the block's texts; false when the dictionary is full. */
static bool find_codes(block *b, const otlpv_secret *secret, otlpv_dictionary *dictionary)
{
    otlpv_sort_by_length(b->texts, b->count, &b->by_length);
    hash_texts(b, OTLPV_SHORT, secret, dictionary);
    hash_texts(b, OTLPV_MIDDLE, secret, dictionary);
    hash_texts(b, OTLPV_LONG, secret, dictionary);
    uint32_t left = guess_codes(b, dictionary);
    left += check_codes(b, OTLPV_SHORT, dictionary);
    left += check_codes(b, OTLPV_MIDDLE, dictionary);
    left += check_codes(b, OTLPV_LONG, dictionary);
    for (uint32_t i = 0; left > 0; i++) { /* in the order in which they came */
        if (b->codes[i + 1] != OTLPV_NO_ROW)
            continue;
        const uint64_t text = b->texts[i];
        b->codes[i + 1] = find_or_add(dictionary, b->bytes + otlpv_text_offset(text), otlpv_text_length(text),
                                      b->hashes[i]);
        if (b->codes[i + 1] == OTLPV_NO_ROW)
            return false;
        left--;
    }
    return true;
}

/* The texts of some owners of a column, each that repeats the one before only once. */
static void take_column(block *b, const uint64_t *texts, uint32_t owners)
{
    uint64_t last = OTLPV_NO_TEXT; /* fields that are absent are one text, and often they all are */
    uint32_t count = 0;
    for (uint32_t i = 0; i < owners; i++) {
        const uint64_t text = texts[i];
        b->texts[count] = text;
        count += (text != last) & (text != OTLPV_NO_TEXT);
        b->numbers[i] = text == OTLPV_NO_TEXT ? 0 : (uint16_t)count;
        last = text;
    }
    b->count = count;
}

/* The texts of those of some owners that have a string. */
static void take_attributes(block *b, const otlpv_text_source *source, const uint32_t *rows, uint32_t owners)
{
    const uint64_t *texts = source->texts;
    const uint32_t *types = source->types;
    const uint32_t there = otlpv_rows_there(rows, owners, b->owners);
    uint32_t count = 0;
    for (uint32_t i = 0; i < there; i++) {
        const uint32_t owner = b->owners[i], row = rows[owner];
        b->owners[count] = (uint16_t)owner;
        b->texts[count] = texts[row];
        count += (types[row] == OTLPV_STRING) & (texts[row] != OTLPV_NO_TEXT);
    }
    b->count = count;
}

/* Lists those codes of the block that the source has not had. */
static uint32_t list_news(const block *b, uint32_t number, uint8_t *seen, uint64_t *news, uint32_t new_count)
{
    for (uint32_t i = 0; i < b->count; i++) {
        const uint32_t code = b->codes[i + 1];
        if (seen[code])
            continue;
        seen[code] = 1;
        news[new_count++] = (uint64_t)number << 32 | code;
    }
    return new_count;
}

uint32_t otlpv_encode(const uint8_t *bytes, otlpv_text_source *sources, uint32_t source_count,
                      otlpv_dictionary *dictionary, uint64_t *news)
{
    const otlpv_secret secret = otlpv_secret_of(dictionary->seed);
    uint32_t new_count = 0;
    block b;
    b.bytes = bytes;
    b.codes[0] = OTLPV_NO_ROW;
    for (uint32_t number = 0; number < source_count; number++) {
        otlpv_text_source *source = &sources[number];
        if (!source->wanted)
            continue;
        const uint32_t owners = *source->end;
        if (source->written < owners)
            source->written = owners; /* before they are: the dictionary may be full amid them */
        const uint32_t kept = source->rows == NULL ? owners : 0; /* a column's codes are all written below */
        memset(source->codes + kept, 0xFF, (uint64_t)(source->written - kept) * sizeof *source->codes);
        for (uint32_t first = 0; first < owners; first += OTLPV_BLOCK) {
            const uint32_t some = owners - first < OTLPV_BLOCK ? owners - first : OTLPV_BLOCK;
            uint32_t *codes = source->codes + first;
            if (source->rows == NULL)
                take_column(&b, source->texts + first, some);
            else
                take_attributes(&b, source, source->rows + first, some);
            if (!find_codes(&b, &secret, dictionary))
                return OTLPV_NO_ROW;
            if (source->rows == NULL) {
                for (uint32_t i = 0; i < some; i++)
                    codes[i] = b.codes[b.numbers[i]];
            } else {
                for (uint32_t i = 0; i < b.count; i++)
                    codes[b.owners[i]] = b.codes[i + 1];
            }
            if (source->seen != NULL)
                new_count = list_news(&b, number, source->seen, news, new_count);
        }
        source->written = owners;
    }
    return new_count;
}
