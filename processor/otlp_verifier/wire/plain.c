/* Plain attributes: see attribute.h.
 *
 * A KeyValue is plain when it looks as nearly every encoder writes it, with a
 * key and a value, each once, all lengths below 128, and a value that is a
 * string, a double, or a bool or int of at most 8 bytes. The key comes first as
 * SDKs write it, the value as the collector does, whose marshaller fills its
 * buffer from the end. Then tags and lengths have fixed places and are checked
 * several at a time. All others go to attribute.c.
 *
 * These two loops are most of what reading costs; they are functions of their
 * own so that their variables get the registers.
 */

#include <stddef.h>

#include "attribute.h"

typedef struct {
    const uint8_t *key;
    const uint8_t *value; /* its content, after all tags and lengths */
    uint32_t key_length;
    uint32_t value_length;
    uint32_t size; /* of the KeyValue */
    uint32_t type;
} plain;

/* The bytes of a varint of `length` bytes, 1 to 8, whatever they say. */
OTLPV_HOT uint64_t varint_mask(uint32_t length) { return UINT64_MAX >> (64 - 8 * length); }

/* Whether there is a varint of exactly `length` bytes. */
OTLPV_HOT bool is_varint(uint64_t word, uint32_t length)
{
    const uint64_t mask = varint_mask(length);
    return (word & mask & OTLPV_TOP_BITS) == ((mask >> 8) & OTLPV_TOP_BITS);
}

/* Its number: groups of 7 bits in 8 are pushed together pairwise. */
OTLPV_HOT uint64_t varint_value(uint64_t word, uint32_t length)
{
    word &= varint_mask(length) & ~OTLPV_TOP_BITS;
    word = (word & 0x007F007F007F007Fu) | (word & 0x7F007F007F007F00u) >> 1;
    word = (word & 0x00003FFF00003FFFu) | (word & 0x3FFF00003FFF0000u) >> 2;
    return (word & 0x000000000FFFFFFFu) | (word & 0x0FFFFFFF00000000u) >> 4;
}

#define KEY_TAG OTLPV_TAG(1, OTLPV_WIRE_LENGTH)
#define VALUE_TAG OTLPV_TAG(2, OTLPV_WIRE_LENGTH)
#define INT_TAG OTLPV_TAG(OTLPV_INT, OTLPV_WIRE_VARINT)
#define BOOL_TAG OTLPV_TAG(OTLPV_BOOL, OTLPV_WIRE_VARINT)
#define DOUBLE_TAG OTLPV_TAG(OTLPV_DOUBLE, OTLPV_WIRE_FIXED64)
#define STRING_HEAD (VALUE_TAG | OTLPV_TAG(OTLPV_STRING, OTLPV_WIRE_LENGTH) << 16)

/* Recognises a plain field at `at`, of which at least 8 bytes are there, in one of the two orders. */
OTLPV_HOT bool recognise(const otlpv_pass *pass, const uint8_t *at, const uint8_t *end, uint32_t tag, plain *p,
                         const bool value_first)
{
    const uint64_t head = otlpv_load64(at); /* the field's tag and length, the first part's tag and length, ... */
    if (((uint32_t)head & 0x80FF80FF) != (tag | (value_first ? VALUE_TAG : KEY_TAG) << 16))
        return false;
    const uint32_t size = (uint32_t)head >> 8 & 0x7F;
    const uint32_t first = (uint32_t)head >> 24;
    const uint32_t second = size - 4 - first;
    const uint8_t *middle = at + 4 + first;
    if (second > 0x7F || end - at < (ptrdiff_t)(2 + size)) /* a negative size has become huge */
        return false;
    uint32_t value_head, value_size; /* tag, length, tag of the content, its first byte */
    if (value_first) {
        if (otlpv_load16(middle) != (KEY_TAG | second << 8))
            return false;
        p->key = middle + 2;
        p->key_length = second;
        p->value = at + 6;
        value_size = first;
        value_head = (uint32_t)(head >> 16);
    } else {
        if (second < 2) /* an AnyValue that is empty, which is rare enough; there may not be 4 bytes to load */
            return false;
        p->key = at + 4;
        p->key_length = first;
        p->value = middle + 4;
        value_size = second;
        value_head = otlpv_load32(middle);
    }
    p->size = size;
    p->value_length = value_size - 2;
    p->type = OTLPV_STRING;
    if (value_head == STRING_HEAD + value_size * 0x01000100u - 0x02000000u)
        return true;
    if ((value_head & 0xFFFF) != (VALUE_TAG | value_size << 8))
        return false;
    p->value--;
    p->value_length++;
    const uint32_t content_tag = value_head >> 16 & 0xFF;
    p->type = content_tag >> 3;
    if (content_tag == INT_TAG || content_tag == BOOL_TAG)
        return p->value_length - 1 < 8 && pass->end - p->value >= 8 &&
               is_varint(otlpv_load64(p->value), p->value_length);
    return content_tag == DOUBLE_TAG && p->value_length == 8;
}

OTLPV_HOT const uint8_t *count_in_order(const otlpv_pass *pass, const uint8_t *at, const uint8_t *end, uint32_t tag,
                                        otlpv_owner *owner, const bool value_first)
{
    const uint32_t last = owner->end;
    uint32_t row = owner->row;
    plain p;
    while (end - at >= 8 && row != last && recognise(pass, at, end, tag, &p, value_first)) {
        row++;
        at += 2 + p.size;
    }
    owner->row = row;
    return at;
}

const uint8_t *otlpv_count_plain(const otlpv_pass *pass, const uint8_t *at, const uint8_t *end, uint32_t tag,
                                 otlpv_owner *owner)
{
    return end - at >= 8 && at[2] == VALUE_TAG ? count_in_order(pass, at, end, tag, owner, true)
                                               : count_in_order(pass, at, end, tag, owner, false);
}

#define CLEARED_ROWS 1024

void otlpv_clear_lists(otlpv_pass *pass, uint32_t row)
{
    if (row < pass->cleared)
        return;
    const otlpv_table *table = &pass->columns.attributes;
    const uint32_t left = table->capacity - pass->cleared;
    const uint32_t rows = left < CLEARED_ROWS ? left : CLEARED_ROWS;
    uint32_t *const cells = table->narrow + pass->cleared;
    const uint64_t stride = table->capacity;
    memset(cells + OTLPV_ATTRIBUTE_ELEMENTS * stride, 0, rows * sizeof *cells);
    memset(cells + OTLPV_ATTRIBUTE_NESTED_START * stride, 0, rows * sizeof *cells);
    memset(cells + OTLPV_ATTRIBUTE_NESTED_COUNT * stride, 0, rows * sizeof *cells);
    pass->cleared += rows;
}

OTLPV_HOT const uint8_t *fill_in_order(otlpv_pass *pass, const uint8_t *at, const uint8_t *end, uint32_t tag,
                                       otlpv_owner *owner, const bool value_first)
{
    const uint8_t *const base = pass->base;
    uint64_t row = owner->row;
    uint64_t last = row;
    otlpv_pair any = {0, 0};
    bool ascii = true;
    plain p;
    while (end - at >= 8) {
        if (__builtin_expect(row == last, 0)) {
            if (row == owner->end)
                break;
            otlpv_clear_lists(pass, (uint32_t)row);
            last = pass->cleared < owner->end ? pass->cleared : owner->end;
        }
        if (!recognise(pass, at, end, tag, &p, value_first))
            break;
        uint64_t value;
        if (p.type == OTLPV_STRING) {
            value = otlpv_text(base, p.value, p.value_length);
            /* Tags and lengths are ASCII too, so the whole is looked at once: 20 to 60 bytes are easier to predict
             * than values of 0 to 50. */
            if (__builtin_expect(p.size - 16 <= 48, 1))
                any |= otlpv_union_of_16_to_64(at + 2, p.size);
            else
                ascii &= otlpv_is_ascii(at + 2, p.size);
        } else if (p.type != OTLPV_DOUBLE) {
            const uint64_t number = varint_value(otlpv_load64(p.value), p.value_length);
            value = p.type == OTLPV_BOOL ? number != 0 : number;
        } else {
            value = otlpv_load64(p.value);
        }
        pass->keys[row] = otlpv_text(base, p.key, p.key_length);
        pass->values[row] = value;
        pass->types[row] = p.type;
        row++;
        at += 2 + p.size;
    }
    owner->row = (uint32_t)row;
    owner->ascii &= ascii & !otlpv_any_top_bit(any);
    return at;
}

/* Not one function: the loops would have to share the registers. */
OTLPV_OWN const uint8_t *fill_key_first(otlpv_pass *pass, const uint8_t *at, const uint8_t *end, uint32_t tag,
                                        otlpv_owner *owner)
{
    return fill_in_order(pass, at, end, tag, owner, false);
}

OTLPV_OWN const uint8_t *fill_value_first(otlpv_pass *pass, const uint8_t *at, const uint8_t *end, uint32_t tag,
                                          otlpv_owner *owner)
{
    return fill_in_order(pass, at, end, tag, owner, true);
}

const uint8_t *otlpv_fill_plain(otlpv_pass *pass, const uint8_t *at, const uint8_t *end, uint32_t tag,
                                otlpv_owner *owner)
{
    return end - at >= 8 && at[2] == VALUE_TAG ? fill_value_first(pass, at, end, tag, owner)
                                               : fill_key_first(pass, at, end, tag, owner);
}
