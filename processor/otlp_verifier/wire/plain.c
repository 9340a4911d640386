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

/* Where the parts of a KeyValue are, if it is plain as far as tags and lengths tell. All are 64 bits wide although
 * most are small, and places are offsets from the input's begin: so that nothing is to be widened before it is used. */
typedef struct {
    int64_t key;
    int64_t key_length;
    int64_t value;      /* the AnyValue */
    int64_t value_size;
    int64_t next;       /* the next field */
    uint32_t head;      /* tag of the AnyValue's content, its length where it has one, other bytes */
} parts;

/* By the length of a varint, up to 8 bytes: the top bit of each of its bytes, all but the last of which have it set,
 * and the bits that are its number. */
#define EACH_BYTE(length) (length == 0 ? 0 : UINT64_MAX >> (64 - 8 * (length | !length)))
#define FOR_LENGTHS(X) {X(0), X(1), X(2), X(3), X(4), X(5), X(6), X(7), X(8)}
#define TOPS(length) (EACH_BYTE(length) & OTLPV_TOP_BITS)
#define NUMBERS(length) (EACH_BYTE(length) & ~OTLPV_TOP_BITS)
static const uint64_t TOP_BITS_OF[] = FOR_LENGTHS(TOPS);
static const uint64_t NUMBER_OF[] = FOR_LENGTHS(NUMBERS);

/* Whether there is a varint of exactly `length` bytes, 1 to 8. */
OTLPV_HOT bool is_varint(uint64_t word, uint32_t length)
{
    return (word & TOP_BITS_OF[length]) == TOP_BITS_OF[length - 1];
}

/* Its number: groups of 7 bits in 8 are pushed together pairwise. */
OTLPV_HOT uint64_t varint_value(uint64_t word, uint32_t length)
{
    word &= NUMBER_OF[length];
    word -= (word & 0x7F007F007F007F00u) >> 1;
    word = (word & 0x00003FFF00003FFFu) | (word & 0x3FFF00003FFF0000u) >> 2;
    return (word & 0x000000000FFFFFFFu) | (word & 0x0FFFFFFF00000000u) >> 4;
}

/* The same of at most 4 bytes. */
OTLPV_HOT uint32_t short_varint_value(uint32_t word, uint32_t length)
{
    word &= (uint32_t)NUMBER_OF[length];
    word -= (word & 0x7F007F00u) >> 1;
    return (word & 0x00003FFFu) | (word & 0x3FFF0000u) >> 2;
}

#define KEY_TAG OTLPV_TAG(1, OTLPV_WIRE_LENGTH)
#define VALUE_TAG OTLPV_TAG(2, OTLPV_WIRE_LENGTH)
#define INT_TAG OTLPV_TAG(OTLPV_INT, OTLPV_WIRE_VARINT)
#define BOOL_TAG OTLPV_TAG(OTLPV_BOOL, OTLPV_WIRE_VARINT)
#define DOUBLE_TAG OTLPV_TAG(OTLPV_DOUBLE, OTLPV_WIRE_FIXED64)
#define STRING_TAG OTLPV_TAG(OTLPV_STRING, OTLPV_WIRE_LENGTH)

/* Takes the field at `at`, of which at least 8 bytes are there, in one of the two orders, apart. */
OTLPV_HOT bool split(const uint8_t *base, int64_t at, int64_t end, uint32_t tag, parts *p, const bool value_first)
{
    const uint64_t head = otlpv_load64(base + at); /* the field's tag and length, those of the first part, ... */
    if (((uint32_t)head & 0x80FF80FF) != (tag | (value_first ? VALUE_TAG : KEY_TAG) << 16))
        return false;
    const int64_t first = (uint32_t)head >> 24;
    const int64_t next = at + 2 + (uint8_t)(head >> 8);
    const int64_t second = at + 6 + first; /* the second part's content */
    const int64_t left = next - second;
    p->next = next;
    if (next > end || left < 0)
        return false;
    if (value_first) {
        if (otlpv_load16(base + second - 2) != ((uint32_t)left << 8 | KEY_TAG))
            return false;
        p->key = second;
        p->key_length = left;
        p->value = at + 4;
        p->value_size = first;
        p->head = (uint32_t)(head >> 32);
    } else {
        if (left < 2) /* an AnyValue that is empty, which is rare enough; there may not be 4 bytes to load */
            return false;
        const uint32_t heads = otlpv_load32(base + second - 2);
        if ((uint16_t)heads != (VALUE_TAG | (uint32_t)left << 8))
            return false;
        p->key = at + 4;
        p->key_length = first;
        p->value = second;
        p->value_size = left;
        p->head = heads >> 16;
    }
    return true;
}

OTLPV_HOT bool is_string(const parts *p)
{
    return ((p->head - ((uint32_t)p->value_size << 8)) & 0xFFFF) == 0x10000u + STRING_TAG - 0x200u;
}

/* Takes a value that is a number. At least 8 bytes must lie behind its tag, so that they may be loaded. */
OTLPV_HOT bool take_number(const uint8_t *base, int64_t end_of_input, const parts *p, uint64_t *number)
{
    const uint8_t tag = (uint8_t)p->head;
    const uint32_t length = (uint32_t)p->value_size - 1;
    if (p->value + 9 > end_of_input)
        return false;
    const uint64_t word = otlpv_load64(base + p->value + 1);
    if (tag != INT_TAG && tag != BOOL_TAG) {
        *number = word;
        return tag == DOUBLE_TAG && length == 8;
    }
    if (length - 1 < 4) { /* most of them */
        if (!is_varint(word, length))
            return false;
        *number = short_varint_value((uint32_t)word, length);
    } else {
        if (length - 1 >= 8 || !is_varint(word, length))
            return false;
        *number = varint_value(word, length);
    }
    if (tag == BOOL_TAG)
        *number = *number != 0;
    return true;
}

OTLPV_HOT uint64_t text(int64_t offset, int64_t length) { return (uint64_t)offset << 32 | (uint64_t)length; }

OTLPV_HOT const uint8_t *count_in_order(const otlpv_pass *pass, const uint8_t *from, const uint8_t *to, uint32_t tag,
                                        otlpv_owner *owner, const bool value_first)
{
    const uint8_t *const base = pass->base;
    const int64_t end_of_input = pass->end - base;
    const int64_t end = to - base;
    const uint32_t last = owner->end;
    int64_t at = from - base;
    uint32_t row = owner->row;
    uint64_t number;
    parts p;
    while (at + 8 <= end && row != last && split(base, at, end, tag, &p, value_first) &&
           (is_string(&p) || take_number(base, end_of_input, &p, &number))) {
        row++;
        at = p.next;
    }
    owner->row = row;
    return base + at;
}

const uint8_t *otlpv_count_plain(const otlpv_pass *pass, const uint8_t *at, const uint8_t *end, uint32_t tag,
                                 otlpv_owner *owner)
{
    return end - at >= 8 && at[2] == VALUE_TAG ? count_in_order(pass, at, end, tag, owner, true)
                                               : count_in_order(pass, at, end, tag, owner, false);
}

#define CLEARED_ROWS 1024

void otlpv_clear_more_lists(otlpv_pass *pass)
{
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

/* Tags and lengths are ASCII too, so all of a KeyValue with a string is looked at: 20 to 60 bytes are easier to predict
 * than values of 0 to 50. */
OTLPV_OWN bool is_ascii(const uint8_t *begin, const uint8_t *end)
{
    return otlpv_is_ascii(begin, (uint64_t)(end - begin));
}

/* Attributes that begin at or before `stop`, which is at most 8 bytes before the end. There must be rows for them. */
OTLPV_HOT const uint8_t *fill_in_order(const otlpv_pass *pass, const uint8_t *from, const uint8_t *to, uint32_t tag,
                                       otlpv_owner *owner, const uint8_t *last, const bool value_first)
{
    const uint8_t *const base = pass->base;
    const int64_t end = to - base;
    const int64_t stop = last - base;
    uint64_t *const keys = pass->keys;
    uint64_t *const values = pass->values;
    uint32_t *const types = pass->types;
    int64_t at = from - base;
    uint64_t row = owner->row;
    otlpv_pair any = {0, 0};
    do {
        parts p;
        if (__builtin_expect(!split(base, at, end, tag, &p, value_first), 0))
            break;
        keys[row] = text(p.key, p.key_length);
        if (__builtin_expect(is_string(&p), 1)) {
            values[row] = text(p.value + 2, p.value_size - 2);
            types[row] = OTLPV_STRING;
            const uint64_t size = (uint64_t)(p.next - at - 2);
            if (__builtin_expect(size - 16 <= 48, 1))
                any |= otlpv_union_of_16_to_64(base + at + 2, size);
            else if (!is_ascii(base + at, base + p.next))
                owner->ascii = false;
        } else {
            uint64_t number;
            if (!take_number(base, pass->end - base, &p, &number))
                break;
            values[row] = number;
            types[row] = (uint8_t)p.head >> 3;
        }
        row++;
        at = p.next;
    } while (at <= stop);
    owner->row = (uint32_t)row;
    owner->ascii &= !otlpv_any_top_bit(any);
    return base + at;
}

/* Not one function: the loops would have to share the registers. */
OTLPV_OWN const uint8_t *fill_key_first(const otlpv_pass *pass, const uint8_t *from, const uint8_t *to, uint32_t tag,
                                        otlpv_owner *owner, const uint8_t *last)
{
    return fill_in_order(pass, from, to, tag, owner, last, false);
}

OTLPV_OWN const uint8_t *fill_value_first(const otlpv_pass *pass, const uint8_t *from, const uint8_t *to, uint32_t tag,
                                          otlpv_owner *owner, const uint8_t *last)
{
    return fill_in_order(pass, from, to, tag, owner, last, true);
}

/* The least that a plain attribute takes. */
#define LEAST 8

/* Where rows are scarce or not cleared yet. */
static OTLPV_COLD const uint8_t *fill_room(otlpv_pass *pass, const uint8_t *at, const uint8_t *end, uint32_t tag,
                                           otlpv_owner *owner)
{
    const bool value_first = at[2] == VALUE_TAG;
    while (end - at >= LEAST && owner->row < owner->end) {
        otlpv_clear_lists(pass, owner->row);
        const uint32_t until = pass->cleared < owner->end ? pass->cleared : owner->end;
        const ptrdiff_t room = LEAST * (ptrdiff_t)(until - owner->row);
        const uint8_t *const last = (end - at < room ? end : at + room) - LEAST;
        at = value_first ? fill_value_first(pass, at, end, tag, owner, last)
                         : fill_key_first(pass, at, end, tag, owner, last);
        if (at <= last) /* it is not plain */
            break;
    }
    return at;
}

const uint8_t *otlpv_fill_plain(otlpv_pass *pass, const uint8_t *at, const uint8_t *end, uint32_t tag,
                                otlpv_owner *owner)
{
    const uint64_t most = owner->row + (uint64_t)(end - at) / LEAST; /* the row behind the last that they can take */
    if (__builtin_expect(end - at < LEAST || most > owner->end || most > pass->cleared, 0))
        return end - at < LEAST ? at : fill_room(pass, at, end, tag, owner);
    return at[2] == VALUE_TAG ? fill_value_first(pass, at, end, tag, owner, end - LEAST)
                              : fill_key_first(pass, at, end, tag, owner, end - LEAST);
}
