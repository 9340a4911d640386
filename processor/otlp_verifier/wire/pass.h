/* Pass: what the count pass and the fill pass share while they walk a request.
 *
 * Both passes are the same code: the functions on the hot path take `fill` as
 * a constant and are compiled twice, so the two cannot disagree about what a
 * request holds.
 */
#ifndef OTLPV_PASS_H
#define OTLPV_PASS_H

#include <stdbool.h>

#include "reader.h"
#include "utf8.h"

typedef struct {
    const uint8_t *base; /* the request */
    const uint8_t *end;
    uint64_t seed;
    uint32_t depth;
    uint32_t attributes_per_record;
    bool fill;
    bool failed; /* the innermost message has said where; the ones around it only pass the status on */
    otlpv_counts allowed; /* count: the limits; fill: what the count pass found */
    otlpv_counts found;
    otlpv_columns columns; /* fill only */
    otlpv_fault *fault;
} otlpv_pass;

/* Where a fault is, should there be one: the field being read. */
typedef struct {
    const uint8_t *start; /* its tag */
    uint32_t message;     /* otlpv_message that it stands in */
} otlpv_place;

/* Field numbers and wire types as they are in a canonical one or two byte tag. */
#define OTLPV_TAG(number, wire_type) ((number) << 3 | (wire_type))
#define OTLPV_ODD_TAG 0xFFFFFFFFu /* stands for a field number that fits no such tag: never a known field */

#define OTLPV_COLD __attribute__((noinline, cold))
#define OTLPV_HOT static inline __attribute__((always_inline))

/* Records where reading stopped, unless a message further in has, and returns `status`. */
int otlpv_fail(otlpv_pass *pass, int status, otlpv_place place);

/* One row too many: over a limit when counting, changed bytes when filling. */
int otlpv_full(otlpv_pass *pass, uint32_t limit, uint64_t allowed, otlpv_place place);

/* Skips the field at place.start, which is none of the `known` ones (bit per field number) with its
 * proper wire type, and adds what is odd about it to `defects`. `level`: how many messages deep we are. */
int otlpv_skip_field(otlpv_reader *reader, otlpv_place place, uint32_t known, uint32_t level,
                     uint32_t *defects);

/* A tag of two bytes or more, normalised. */
int otlpv_next_long_tag(otlpv_reader *reader, uint32_t *tag, uint32_t *defects);

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
    return otlpv_next_long_tag(reader, tag, defects);
}

OTLPV_HOT int otlpv_take_body(otlpv_reader *reader, const uint8_t **body, uint64_t *length)
{
    const int status = otlpv_read_length(reader, length);
    *body = reader->at;
    if (status == OTLPV_OK)
        reader->at += *length;
    return status;
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
    uint64_t value = 0;
    const int status = otlpv_read_varint(reader, &value);
    *number = (uint32_t)value; /* upb cuts off what is beyond 32 bits */
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
