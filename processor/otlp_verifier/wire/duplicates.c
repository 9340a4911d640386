/* Duplicate keys: whether two attributes of a record, or two elements of a map, have one key.
 *
 * Hostile records decide how this is written: it must not be quadratic, and it
 * may not allocate. Up to SMALL keys go through a hash table on the stack and
 * are compared byte by byte. More are found by sorting the column of their
 * hashes in place and putting it back: the hashes can be made again from the
 * keys. There, two equal 64-bit hashes count as two equal keys.
 */

#include "attribute.h"

#define SMALL 1024
#define CELLS (2 * SMALL)

/* The keys of one question, by number. */
typedef struct {
    const uint8_t *base;
    const uint64_t *texts;
    uint64_t *hashes;
    const uint32_t *parents; /* maps: same key, same parent; NULL for attributes */
    uint32_t count;
} keys;

static bool same_key(const keys *k, uint32_t a, uint32_t b)
{
    const uint64_t length = k->texts[a] & UINT32_MAX;
    return k->hashes[a] == k->hashes[b] && length == (k->texts[b] & UINT32_MAX) &&
           (k->parents == NULL || k->parents[a] == k->parents[b]) &&
           memcmp(k->base + (k->texts[a] >> 32), k->base + (k->texts[b] >> 32), length) == 0;
}

static uint64_t mix_parent(uint64_t hash, uint32_t parent)
{
    return otlpv_fold(hash ^ OTLPV_MIX_2, (uint64_t)parent * 2 + 1);
}

/* Adds key `i` to the table unless it is there. */
static bool is_in_table(const keys *k, uint32_t i, uint16_t *table, uint32_t mask)
{
    const uint64_t hash = k->parents == NULL ? k->hashes[i] : mix_parent(k->hashes[i], k->parents[i]);
    uint32_t cell = (uint32_t)hash & mask;
    for (; table[cell] != 0; cell = (cell + 1) & mask)
        if (same_key(k, table[cell] - 1u, i))
            return true;
    table[cell] = (uint16_t)(i + 1);
    return false;
}

static uint32_t begin_table(uint16_t *table, uint32_t count)
{
    uint32_t cells = 16;
    while (cells < 2 * count)
        cells *= 2;
    memset(table, 0, cells * sizeof *table);
    return cells - 1;
}

static void sift_down(uint64_t *values, uint32_t root, uint32_t count)
{
    const uint64_t value = values[root];
    for (uint64_t child; (child = 2 * (uint64_t)root + 1) < count; root = (uint32_t)child) {
        if (child + 1 < count && values[child + 1] > values[child])
            child++;
        if (values[child] <= value)
            break;
        values[root] = values[child];
    }
    values[root] = value;
}

static bool has_equal_sorted(uint64_t *values, uint32_t count)
{
    for (uint32_t i = count / 2; i-- > 0;)
        sift_down(values, i, count);
    for (uint32_t i = count; i-- > 1;) {
        const uint64_t largest = values[0];
        values[0] = values[i];
        values[i] = largest;
        sift_down(values, 0, i);
        if (i + 1 < count && values[i + 1] == largest)
            return true;
    }
    return count > 1 && values[0] == values[1];
}

/* Whether two of the values are equal; their order is lost. Sorted by the top byte first, in place, so
 * that the heaps, 256 times smaller, stay in the cache. */
static bool has_equal(uint64_t *values, uint32_t count)
{
    uint32_t next[256], end[256];
    uint32_t sum = 0;
    memset(end, 0, sizeof end);
    for (uint32_t i = 0; i < count; i++)
        end[values[i] >> 56]++;
    for (uint32_t b = 0; b < 256; b++) {
        next[b] = sum;
        sum += end[b];
        end[b] = sum;
    }
    for (uint32_t b = 0; b < 256; b++) {
        while (next[b] < end[b]) {
            uint64_t value = values[next[b]];
            for (uint32_t home; (home = (uint32_t)(value >> 56)) != b;) {
                const uint64_t other = values[next[home]];
                values[next[home]++] = value;
                value = other;
            }
            values[next[b]++] = value;
        }
    }
    for (uint32_t b = 0; b < 256; b++) {
        const uint32_t start = b == 0 ? 0 : end[b - 1];
        if (has_equal_sorted(values + start, end[b] - start))
            return true;
    }
    return false;
}

static void restore_hashes(const keys *k, const otlpv_secret *secret)
{
    for (uint32_t i = 0; i < k->count; i++)
        k->hashes[i] = otlpv_hash_bytes(k->base + (k->texts[i] >> 32), (uint32_t)k->texts[i], secret);
}

bool otlpv_has_duplicate_key(const otlpv_pass *pass, uint32_t start, uint32_t count)
{
    const otlpv_table *table = &pass->columns.attributes;
    const keys k = {pass->base, table->wide + (uint64_t)OTLPV_ATTRIBUTE_KEY * table->capacity + start,
                    table->wide + (uint64_t)OTLPV_ATTRIBUTE_KEY_HASH * table->capacity + start, NULL, count};
    if (count > SMALL) {
        const bool found = has_equal(k.hashes, count);
        restore_hashes(&k, &pass->secret);
        return found;
    }
    uint16_t cells[CELLS];
    const uint32_t mask = begin_table(cells, count);
    for (uint32_t i = 0; i < count; i++)
        if (is_in_table(&k, i, cells, mask))
            return true;
    return false;
}

bool otlpv_has_nested_duplicate_key(const otlpv_pass *pass, uint32_t start, uint32_t count, uint32_t type)
{
    const otlpv_table *table = &pass->columns.nested;
    const uint32_t *types = table->narrow + (uint64_t)OTLPV_NESTED_TYPE * table->capacity;
    const keys k = {pass->base, table->wide + (uint64_t)OTLPV_NESTED_KEY * table->capacity + start,
                    table->wide + (uint64_t)OTLPV_NESTED_KEY_HASH * table->capacity + start,
                    table->narrow + (uint64_t)OTLPV_NESTED_PARENT * table->capacity + start, count};
    uint16_t cells[CELLS];
    const bool small = count <= SMALL;
    const uint32_t mask = begin_table(cells, small ? count : 0);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t list = k.parents[i] == OTLPV_NO_ROW ? type : types[k.parents[i]];
        if (list != OTLPV_MAP) {
            if (!small) /* an array's element is unlike every other */
                k.hashes[i] = mix_parent(OTLPV_MIX_3, i);
        } else if (!small) {
            k.hashes[i] = mix_parent(k.hashes[i], k.parents[i]);
        } else if (is_in_table(&k, i, cells, mask)) {
            return true;
        }
    }
    if (small)
        return false;
    const bool found = has_equal(k.hashes, count);
    restore_hashes(&k, &pass->secret);
    for (uint32_t i = 0; i < count; i++)
        if ((k.parents[i] == OTLPV_NO_ROW ? type : types[k.parents[i]]) != OTLPV_MAP)
            k.hashes[i] = 0;
    return found;
}
