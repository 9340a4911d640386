/* Pass: what the count pass and the fill pass share while they walk a request.
 *
 * Both passes are the same code: the functions on the hot path take `fill` as
 * a constant and are compiled twice, so the two cannot disagree about what a
 * request holds.
 */
#ifndef OTLPV_PASS_H
#define OTLPV_PASS_H

#include <stdbool.h>
#include <stddef.h>

#include "hash.h"
#include "reader.h"
#include "utf8.h"

/* Cells that tell of most keys that their owner has no second one; more than a record has attributes, so that few
 * keys meet in one by chance. */
#define OTLPV_SEEN 1024

/* Lists of keys that are remembered: a batch has some dozens. */
#define OTLPV_LISTS 256

typedef struct {
    const uint8_t *base; /* the request */
    const uint8_t *end;
    otlpv_secret secret;
    uint32_t depth;
    uint32_t attributes_per_record;
    bool fill;
    bool failed; /* the innermost message has said where; the ones around it only pass the status on */
    otlpv_counts allowed; /* count: the limits; fill: what the count pass found */
    otlpv_counts found;
    otlpv_columns columns; /* fill only */
    uint64_t *keys, *hashes, *values; /* columns of attributes, at hand because they are written most */
    uint32_t *types;
    uint32_t cleared; /* attribute rows whose list columns have been set to 0 */
    otlpv_fault *fault;
    uint32_t seen[OTLPV_SEEN]; /* fill: by a key's hash, the row behind the last one that had it */
    uint64_t lists[OTLPV_LISTS]; /* fill: by their hash, lists of keys with which nothing is odd, and all ASCII */
} otlpv_pass;

/* Where a fault is, should there be one: the field being read. */
typedef struct {
    const uint8_t *start; /* its tag */
    uint32_t message;     /* otlpv_message that it stands in */
} otlpv_place;

/* Field numbers and wire types as they are in a canonical one or two byte tag. */
#define OTLPV_TAG(number, wire_type) ((uint32_t)(number) << 3 | (uint32_t)(wire_type))
#define OTLPV_ODD_TAG 0xFFFFFFFFu /* stands for a field number that fits no such tag: never a known field */

#define OTLPV_COLD __attribute__((noinline, cold))
#define OTLPV_OWN static __attribute__((noinline))
#define OTLPV_HOT static inline __attribute__((always_inline))

/* Records where reading stopped, unless a message further in has, and returns `status`. */
int otlpv_fail(otlpv_pass *pass, int status, otlpv_place place);

/* One row too many: over a limit when counting, changed bytes when filling. */
int otlpv_full(otlpv_pass *pass, uint32_t limit, uint64_t allowed, otlpv_place place);

/* What otlpv_skip_field has done. By value, like all that the functions below exchange with cold ones: a
 * variable whose address is given away does not stay in a register. */
typedef struct {
    const uint8_t *at; /* where the next field is */
    uint32_t defects;
    int status;
} otlpv_skipped;

/* Skips the field at place.start, which is none of the `known` ones (bit per field number) with its
 * proper wire type. `level`: how many messages are around the one that it stands in. */
otlpv_skipped otlpv_skip_field(const uint8_t *end, otlpv_place place, uint32_t known, uint32_t level);

OTLPV_HOT int otlpv_skip(otlpv_reader *reader, otlpv_place place, uint32_t known, uint32_t level, uint32_t *defects)
{
    const otlpv_skipped skipped = otlpv_skip_field(reader->end, place, known, level);
    reader->at = skipped.at;
    *defects |= skipped.defects;
    return skipped.status;
}

/* A tag, normalised; a body; a varint: each of three bytes or more, or broken. */
int otlpv_next_long_tag(otlpv_reader *reader, uint32_t *tag, uint32_t *defects);
int otlpv_take_long_body(otlpv_reader *reader, const uint8_t **body, uint64_t *length);
int otlpv_take_long_uint32(otlpv_reader *reader, uint32_t *number);

OTLPV_HOT int otlpv_next_tag(otlpv_reader *reader, uint32_t *tag, uint32_t *defects)
{
    const uint32_t first = reader->at[0];
    if (first < 0x80) { /* an illegal one is no known field, so otlpv_skip_field finds it */
        reader->at++;
        *tag = first;
        return OTLPV_OK;
    }
    if (reader->end - reader->at >= 2 && reader->at[1] < 0x80) {
        *tag = (first & 0x7F) | (uint32_t)reader->at[1] << 7;
        reader->at += 2;
        return OTLPV_OK;
    }
    otlpv_reader copy = *reader;
    uint32_t long_tag = 0, odd = 0;
    const int status = otlpv_next_long_tag(&copy, &long_tag, &odd);
    reader->at = copy.at;
    *tag = long_tag;
    *defects |= odd;
    return status;
}

OTLPV_HOT int otlpv_take_body(otlpv_reader *reader, const uint8_t **body, uint64_t *length)
{
    const uint8_t *at = reader->at;
    const ptrdiff_t left = reader->end - at;
    if (__builtin_expect(left >= 2, 1) && at[0] < 0x80) {
        *length = at[0];
        *body = at + 1;
    } else if (left >= 2 && at[1] < 0x80) {
        *length = (at[0] & 0x7Fu) | (uint64_t)at[1] << 7;
        *body = at + 2;
    } else {
        otlpv_reader copy = *reader;
        const uint8_t *long_body;
        uint64_t long_length;
        const int status = otlpv_take_long_body(&copy, &long_body, &long_length);
        if (status != OTLPV_OK)
            return status;
        *body = long_body;
        *length = long_length;
    }
    if (__builtin_expect(*length > (uint64_t)(reader->end - *body), 0))
        return OTLPV_TRUNCATED;
    reader->at = *body + *length;
    return OTLPV_OK;
}

/* A string field, as a text; bad UTF-8 is a defect, not an error. */
OTLPV_HOT int otlpv_take_string(const otlpv_pass *pass, otlpv_reader *reader, uint64_t *text, uint32_t *defects,
                                const bool fill)
{
    const uint8_t *body;
    uint64_t length;
    const int status = otlpv_take_body(reader, &body, &length);
    if (status != OTLPV_OK || !fill)
        return status;
    *text = otlpv_text(pass->base, body, length);
    if (__builtin_expect(!otlpv_is_utf8(body, length), 0))
        *defects |= OTLPV_DEFECT_FIELD_UTF8;
    return OTLPV_OK;
}

OTLPV_HOT int otlpv_take_uint32(otlpv_reader *reader, uint32_t *number)
{
    if (reader->at < reader->end && *reader->at < 0x80) {
        *number = *reader->at++;
        return OTLPV_OK;
    }
    otlpv_reader copy = *reader;
    uint32_t long_number = 0;
    const int status = otlpv_take_long_uint32(&copy, &long_number);
    reader->at = copy.at;
    *number = long_number;
    return status;
}

OTLPV_HOT int otlpv_take_fixed64(otlpv_reader *reader, uint64_t *number)
{
    if (reader->end - reader->at < 8)
        return OTLPV_TRUNCATED;
    *number = otlpv_load64(reader->at);
    reader->at += 8;
    return OTLPV_OK;
}

OTLPV_HOT int otlpv_take_fixed32(otlpv_reader *reader, uint32_t *number)
{
    if (reader->end - reader->at < 4)
        return OTLPV_TRUNCATED;
    *number = otlpv_load32(reader->at);
    reader->at += 4;
    return OTLPV_OK;
}

/* Notes that a singular field was sent; a second time is a defect. */
OTLPV_HOT void otlpv_once(uint32_t number, uint32_t *seen, uint32_t *defects)
{
    if (__builtin_expect(*seen >> number & 1, 0))
        *defects |= OTLPV_DEFECT_REPEATED_FIELD;
    *seen |= 1u << number;
}

OTLPV_HOT void otlpv_write_row(const otlpv_table *table, uint32_t row, const uint64_t *wide, uint32_t wide_columns,
                               const uint32_t *narrow, uint32_t narrow_columns)
{
    const uint64_t stride = table->capacity;
    uint64_t *wide_cell = table->wide + row;
    for (uint32_t i = 0; i < wide_columns; i++, wide_cell += stride)
        *wide_cell = wide[i];
    uint32_t *narrow_cell = table->narrow + row;
    for (uint32_t i = 0; i < narrow_columns; i++, narrow_cell += stride)
        *narrow_cell = narrow[i];
}

#endif
