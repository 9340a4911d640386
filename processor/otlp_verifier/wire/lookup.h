/* Lookup: which attribute row holds a key, and which code a string has.
 *
 * Tables are open addressing over a power of two of cells; the caller owns all
 * memory and hands it in with every call.
 */

#define OTLPV_FILTER_BITS 4096

/* The keys that the rules name, fixed when the rules are compiled. Each key is a slot, 0, 1, 2, ... */
typedef struct {
    uint64_t seed;          /* as given to otlpv_scan */
    const uint64_t *hashes; /* per cell: otlpv_hash of the key */
    const uint32_t *slots;  /* per cell: OTLPV_NO_ROW if free */
    const uint64_t *keys;   /* per slot: text into key_bytes */
    const uint8_t *key_bytes;
    const uint64_t *filter; /* OTLPV_FILTER_BITS bits: the low bits that the hash of some key ends in */
    uint32_t cells;         /* a power of two, at least twice the slots; 0 when there is no key */
    uint32_t slot_count;
} otlpv_key_table;

/* For each owner row, the attribute row of each slot: rows[slot * stride + owner]; OTLPV_NO_ROW where
 * the owner has no such key; the first one where it has several (as the collector's maps look them up).
 * Most keys are in few batches or none: ends[slot], one past the last owner that has the key, is kept from call to
 * call, and only rows before it are cleared. At first all rows are OTLPV_NO_ROW and all ends 0. */
void otlpv_find_keys(const uint8_t *bytes, const otlpv_table *attributes, const uint32_t *starts,
                     const uint32_t *counts, uint32_t owners, const otlpv_key_table *keys, uint32_t *rows,
                     uint32_t stride, uint32_t *ends);

/* Strings seen, each with a code 0, 1, 2, ... in the order of arrival. It lives across batches. */
typedef struct {
    uint64_t seed;
    uint64_t *cells;      /* the upper half of a hash | code + 1; 0 if free */
    uint64_t *entries;    /* per code: text into arena */
    uint8_t *arena;
    uint32_t cell_count;  /* a power of two, at least twice entry_capacity */
    uint32_t entry_count, entry_capacity;
    uint64_t arena_used, arena_capacity;
} otlpv_dictionary;

/* Where the texts of one column of codes are: in a column, or in the attributes with one key. */
#define OTLPV_NO_TEXT 0xFFFFFFFFFFFFFFFF
typedef struct {
    const uint64_t *texts; /* per row; OTLPV_NO_TEXT where there is none */
    const uint32_t *rows;  /* per owner, the row with its text, OTLPV_NO_ROW for none; NULL: an owner is a row itself */
    const uint32_t *types; /* with `rows`: only rows of type OTLPV_STRING have a text */
    uint8_t *seen;         /* per code, whether it is a code of these texts; NULL when nobody wants to know */
    uint32_t *codes;       /* per owner, the result; OTLPV_NO_ROW where there is no text, and at first */
    const uint32_t *end;   /* one past the last owner that has a row */
    uint32_t written;      /* kept from call to call: from here on all codes are OTLPV_NO_ROW */
    uint32_t wanted;       /* 0: nobody will read the codes of this batch; they stay what they are */
} otlpv_text_source;

/* The codes of all sources, new strings added. A code that a source with `seen` has for the first time is marked there
 * and listed in `news` as source << 32 | code; there must be room for one per owner of these sources.
 * Returns how many are listed, or OTLPV_NO_ROW when the dictionary is full: then the caller makes room, clears `seen`
 * and starts again. */
uint32_t otlpv_encode(const uint8_t *bytes, otlpv_text_source *sources, uint32_t source_count,
                      otlpv_dictionary *dictionary, uint64_t *news);

/* Where the values of one key are that are no strings, and where the texts go that stand for them. */
typedef struct {
    const uint64_t *values; /* per row, as in the attributes' columns; so are the types */
    const uint32_t *types;
    const uint32_t *rows;   /* per owner, OTLPV_NO_ROW for none */
    const uint32_t *end;    /* one past the last owner that has a row */
    uint64_t *texts;        /* per owner, the result: where in `packed`; OTLPV_NO_TEXT for strings and what is empty */
    uint32_t found_end;     /* the result: one past the last owner that has such a value, where `texts` end */
    uint32_t wanted;        /* 0: as if no owner had one */
} otlpv_value_source;

/* Packs values so that equal ones are equal bytes: the type, then 8 bytes of a scalar or the content of bytes, arrays
 * and maps. Returns how many bytes that takes. When those are more than `capacity`, what is written means nothing: the
 * caller makes room, for at most 2^32 - 1 of them, and starts again. */
uint64_t otlpv_pack(const uint8_t *bytes, otlpv_value_source *sources, uint32_t source_count, uint8_t *packed,
                    uint64_t capacity);
