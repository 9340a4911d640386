/* Lookup: which attribute row holds a key, and which code a string has.
 *
 * Tables are open addressing over a power of two of cells; the caller owns all
 * memory and hands it in with every call.
 */

/* The keys that the rules name, fixed when the rules are compiled. Each key is a slot, 0, 1, 2, ... */
typedef struct {
    uint64_t seed;          /* as given to otlpv_scan */
    const uint64_t *hashes; /* per cell: otlpv_hash of the key */
    const uint32_t *slots;  /* per cell: OTLPV_NO_ROW if free */
    const uint64_t *keys;   /* per slot: text into key_bytes */
    const uint8_t *key_bytes;
    uint32_t cells;         /* a power of two, at least twice the slots; 0 when there is no key */
    uint32_t slot_count;
} otlpv_key_table;

/* For each owner row, the attribute row of each slot: rows[slot * stride + owner]; OTLPV_NO_ROW where
 * the owner has no such key; the first one where it has several (as the collector's maps look them up). */
void otlpv_find_keys(const uint8_t *bytes, const otlpv_table *attributes, const uint32_t *starts,
                     const uint32_t *counts, uint32_t owners, const otlpv_key_table *keys, uint32_t *rows,
                     uint32_t stride);

/* Strings seen, each with a code 0, 1, 2, ... in the order of arrival. It lives across batches. */
typedef struct {
    uint64_t seed;
    uint64_t *hashes;     /* per cell */
    uint32_t *codes;      /* per cell: OTLPV_NO_ROW if free */
    uint64_t *entries;    /* per code: text into arena */
    uint8_t *arena;
    uint32_t cells;       /* a power of two, at least twice entry_capacity */
    uint32_t entry_count, entry_capacity;
    uint64_t arena_used, arena_capacity;
} otlpv_dictionary;

/* codes[i] = the code of texts[i], new strings added. Returns how many were done: fewer than `count`
 * when the dictionary is full (the caller makes room and starts again). A text of OTLPV_NO_TEXT has
 * the code OTLPV_NO_ROW. */
#define OTLPV_NO_TEXT 0xFFFFFFFFFFFFFFFF
uint32_t otlpv_intern(const uint8_t *bytes, const uint64_t *texts, uint32_t count,
                      otlpv_dictionary *dictionary, uint32_t *codes);
