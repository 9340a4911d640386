/* Fuzz target: any texts get the codes that a slow search gives them, and the marks that a look at each byte does.
 *
 * Each text's first byte says how long it is and what has it. All blocks are exactly as large as the contract asks, so
 * that the address sanitizer sees one byte too many.
 */

#include "target.h"

#define ROWS_MAX 700 /* some blocks, the last not full */
#define CONTROL_BIT 4

typedef struct {
    uint8_t *bytes;
    uint64_t *values;
    uint32_t *types, *rows;
    uint32_t count, end;
} texts;

/* Cuts the bytes into texts whose lengths follow from a byte each; each owner has the attribute of its own number. */
static texts cut(const uint8_t *data, size_t size)
{
    texts t = {block(size), block(ROWS_MAX * 8), block(ROWS_MAX * 4), block(ROWS_MAX * 4), 0, 0};
    memcpy(t.bytes, data, size);
    uint64_t at = 0;
    while (t.count < ROWS_MAX && at < size) {
        const uint64_t wish = data[at] & 0x80 ? data[at] : data[at] % 48; /* mostly as long as attributes are */
        const uint64_t length = wish <= size - at ? wish : size - at;
        const bool again = t.count > 0 && data[at] % 5 == 0;
        t.values[t.count] = again ? t.values[data[size - at - 1] % t.count] : at << 32 | length;
        t.types[t.count] = data[at] % 7 == 1 ? OTLPV_INT : OTLPV_STRING;
        t.rows[t.count] = data[at] % 7 == 2 ? OTLPV_NO_ROW : t.count;
        t.count++;
        at += length + (length == 0);
    }
    t.end = t.count;
    return t;
}

static bool are_equal(const uint8_t *bytes, uint64_t a, const uint8_t *others, uint64_t b)
{
    return (uint32_t)a == (uint32_t)b && memcmp(bytes + (a >> 32), others + (b >> 32), (uint32_t)a) == 0;
}

/* The code that the text must have when `dictionary` holds it. */
static uint32_t slow_code(const texts *t, uint64_t text, const otlpv_dictionary *dictionary)
{
    for (uint32_t code = 0; code < dictionary->entry_count; code++)
        if (are_equal(t->bytes, text, dictionary->arena, dictionary->entries[code]))
            return code;
    return OTLPV_NO_ROW;
}

static void require_codes(const texts *t, const otlpv_text_source *column, const otlpv_text_source *attributes,
                          const otlpv_dictionary *dictionary)
{
    for (uint32_t i = 0; i < t->count; i++) {
        const bool has_text = t->rows[i] != OTLPV_NO_ROW && t->types[i] == OTLPV_STRING;
        REQUIRE(column->codes[i] == slow_code(t, t->values[i], dictionary));
        REQUIRE(attributes->codes[i] == (has_text ? column->codes[i] : OTLPV_NO_ROW));
    }
    for (uint32_t code = 0; code < dictionary->entry_count; code++) /* no text twice */
        for (uint32_t other = 0; other < code; other++)
            REQUIRE(!are_equal(dictionary->arena, dictionary->entries[code], dictionary->arena,
                               dictionary->entries[other]));
}

/* Texts are cut from `size` bytes, so an arena of that size holds them all. */
static void encode(const texts *t, size_t size, size_t arena_size)
{
    uint32_t cells = 2;
    while (cells < 2 * t->count)
        cells *= 2;
    otlpv_dictionary dictionary = {
        1, block(cells * 8), block(t->count * 8), block(arena_size), cells, 0, t->count, 0, arena_size,
    };
    memset(dictionary.cells, 0, cells * 8);
    otlpv_text_source sources[] = {
        {t->values, NULL, NULL, block(t->count), block(t->count * 4), &t->end, 0, 1},
        {t->values, t->rows, t->types, block(t->count), block(t->count * 4), &t->end, 0, 1},
    };
    uint64_t *news = block(t->count * 2 * 8);
    for (uint32_t i = 0; i < 2; i++)
        memset(sources[i].seen, 0, t->count);
    const uint32_t found = otlpv_encode(t->bytes, sources, 2, &dictionary, news);
    if (found != OTLPV_NO_ROW) {
        require_codes(t, &sources[0], &sources[1], &dictionary);
        REQUIRE(found >= dictionary.entry_count && found <= 2 * dictionary.entry_count);
        REQUIRE(otlpv_encode(t->bytes, sources, 2, &dictionary, news) == 0);
        require_codes(t, &sources[0], &sources[1], &dictionary);
    } else {
        REQUIRE(arena_size < size && dictionary.arena_used <= arena_size);
    }
    for (uint32_t i = 0; i < 2; i++) {
        free(sources[i].seen);
        free(sources[i].codes);
    }
    free(news);
    free(dictionary.cells);
    free(dictionary.entries);
    free(dictionary.arena);
}

static bool slow_control(const uint8_t *bytes, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++)
        if (bytes[i] == 0x7F || (bytes[i] < 0x20 && bytes[i] != 9 && bytes[i] != 10 && bytes[i] != 13))
            return true;
    return false;
}

static void find_control(const texts *t)
{
    uint32_t *found = block(t->count * 4);
    otlpv_find_control(t->bytes, t->values, t->types, t->count, CONTROL_BIT, found);
    for (uint32_t i = 0; i < t->count; i++) {
        const bool has = t->types[i] == OTLPV_STRING &&
                         slow_control(t->bytes + (t->values[i] >> 32), (uint32_t)t->values[i]);
        REQUIRE(found[i] == (has ? CONTROL_BIT : 0));
    }
    free(found);
}

static void pack(texts *t)
{
    uint64_t *where = block(t->count * 8);
    for (uint32_t i = 0; i < t->count; i++)
        t->types[i] = t->types[i] == OTLPV_STRING && i % 3 == 0 ? OTLPV_BYTES : t->types[i];
    otlpv_value_source source = {t->values, t->types, t->rows, &t->end, where, 0, 1};
    const uint64_t needed = otlpv_pack(t->bytes, &source, 1, NULL, 0);
    uint8_t *packed = block(needed);
    REQUIRE(otlpv_pack(t->bytes, &source, 1, packed, needed) == needed);
    uint64_t at = 0;
    uint32_t end = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        const bool is_there = t->rows[i] != OTLPV_NO_ROW && t->types[i] != OTLPV_STRING;
        if (!is_there) {
            REQUIRE(i >= source.found_end || where[i] == OTLPV_NO_TEXT);
            continue;
        }
        const uint64_t length = t->types[i] == OTLPV_BYTES ? (uint32_t)t->values[i] : 8;
        REQUIRE(where[i] == (at << 32 | (length + 1)) && packed[at] == t->types[i]);
        if (t->types[i] == OTLPV_BYTES)
            REQUIRE(memcmp(packed + at + 1, t->bytes + (t->values[i] >> 32), length) == 0);
        at += length + 1;
        end = i + 1;
    }
    REQUIRE(at == needed && end == source.found_end);
    free(packed);
    free(where);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 1 << 16)
        return 0;
    texts t = cut(data, size);
    encode(&t, size, size);
    encode(&t, size, size / 2);
    find_control(&t);
    pack(&t);
    free(t.bytes);
    free(t.values);
    free(t.types);
    free(t.rows);
    return 0;
}
