/* Attributes: KeyValue messages, one row each, and the elements of array and map values. */
#ifndef OTLPV_ATTRIBUTE_H
#define OTLPV_ATTRIBUTE_H

#include "hash.h"
#include "pass.h"

/* The attributes of one owner while it is read: rows [start, row) are there, row `end` is one too many. */
typedef struct {
    uint32_t start, row, end;
} otlpv_owner;

/* A KeyValue as nearly all of them are: a key, then a value, each once, of less than 128 bytes, and the
 * value empty or a string, bool, double or int of at most 8 bytes. */
typedef struct {
    const uint8_t *key;
    uint32_t key_length;
    uint32_t type;
    uint64_t value;
} otlpv_plain;

/* Reads any KeyValue into attribute row `row`, nested elements included; `level` is the KeyValue's. */
int otlpv_read_odd_attribute(otlpv_pass *pass, const uint8_t *body, const uint8_t *end, uint32_t row, uint32_t level,
                             uint32_t *defects);

/* Which limit the owner's next attribute passes. */
int otlpv_full_attributes(otlpv_pass *pass, const otlpv_owner *owner, otlpv_place place);

/* Whether two attributes of rows [start, start + count) have one key. */
bool otlpv_has_duplicate_key(const otlpv_pass *pass, uint32_t start, uint32_t count);

/* Whether a map among rows [start, start + count) of nested, or the attribute that they belong to,
 * whose type is `type`, has two elements with one key. */
bool otlpv_has_nested_duplicate_key(const otlpv_pass *pass, uint32_t start, uint32_t count, uint32_t type);

/* An owner of which `count` attributes, the last ones so far, have been read. */
OTLPV_HOT otlpv_owner otlpv_owner_of(const otlpv_pass *pass, uint32_t count)
{
    const uint32_t row = pass->found.attributes;
    const uint32_t start = row - count;
    const uint32_t room = pass->allowed.attributes - start;
    const uint32_t most = pass->attributes_per_record;
    return (otlpv_owner){start, row, start + (room < most ? room : most)};
}

/* Counting, an owner's children are read amid its own fields, and their attributes come before the rest of its own. */
OTLPV_HOT void otlpv_pause_owner(otlpv_pass *pass, const otlpv_owner *owner)
{
    pass->found.attributes = owner->row;
}

OTLPV_HOT void otlpv_resume_owner(const otlpv_pass *pass, otlpv_owner *owner)
{
    *owner = otlpv_owner_of(pass, owner->row - owner->start);
}

OTLPV_HOT void otlpv_end_owner(otlpv_pass *pass, const otlpv_owner *owner, uint32_t *defects, const bool fill)
{
    pass->found.attributes = owner->row;
    if (fill && owner->row - owner->start > 1 &&
        otlpv_has_duplicate_key(pass, owner->start, owner->row - owner->start))
        *defects |= OTLPV_DEFECT_DUPLICATE_KEY;
}

/* The varint that fills exactly `count` bytes, 1 to 8, of a loaded word; false when it does not. */
OTLPV_HOT bool otlpv_unpack_varint(uint64_t word, uint32_t count, uint64_t *value)
{
    const uint64_t bytes = UINT64_MAX >> (64 - 8 * count);
    if ((word & bytes & OTLPV_TOP_BITS) != ((bytes >> 8) & OTLPV_TOP_BITS))
        return false;
    word &= bytes & ~OTLPV_TOP_BITS; /* groups of 7 bits in 8, which are pushed together pairwise */
    word = (word & 0x007F007F007F007Fu) | (word & 0x7F007F007F007F00u) >> 1;
    word = (word & 0x00003FFF00003FFFu) | (word & 0x3FFF00003FFF0000u) >> 2;
    *value = (word & 0x000000000FFFFFFFu) | (word & 0x0FFFFFFF00000000u) >> 4;
    return true;
}

OTLPV_HOT bool otlpv_read_plain(const otlpv_pass *pass, const uint8_t *body, const uint8_t *end, otlpv_plain *plain)
{
    const uint64_t size = (uint64_t)(end - body);
    if (size < 4 || body[0] != OTLPV_TAG(1, OTLPV_WIRE_LENGTH))
        return false;
    const uint64_t key_length = body[1];
    if (key_length >= 0x80 || key_length + 4 > size)
        return false;
    const uint8_t *value = body + 2 + key_length;
    const uint64_t value_length = size - 4 - key_length;
    if (value[0] != OTLPV_TAG(2, OTLPV_WIRE_LENGTH) || value[1] != value_length || value_length >= 0x80)
        return false;
    plain->key = body + 2;
    plain->key_length = (uint32_t)key_length;
    if (value_length < 2) {
        plain->type = OTLPV_EMPTY;
        plain->value = 0;
        return value_length == 0;
    }
    const uint8_t *content = value + 3;
    const uint32_t content_length = (uint32_t)value_length - 1;
    switch (value[2]) {
    case OTLPV_TAG(OTLPV_STRING, OTLPV_WIRE_LENGTH):
        plain->type = OTLPV_STRING;
        plain->value = otlpv_text(pass->base, content + 1, content_length - 1);
        return content[0] == content_length - 1;
    case OTLPV_TAG(OTLPV_INT, OTLPV_WIRE_VARINT):
        plain->type = OTLPV_INT;
        return content_length <= 8 && pass->end - content >= 8 &&
               otlpv_unpack_varint(otlpv_load64(content), content_length, &plain->value);
    case OTLPV_TAG(OTLPV_BOOL, OTLPV_WIRE_VARINT):
        plain->type = OTLPV_BOOL;
        plain->value = content[0] != 0;
        return content_length == 1 && content[0] < 0x80;
    case OTLPV_TAG(OTLPV_DOUBLE, OTLPV_WIRE_FIXED64):
        plain->type = OTLPV_DOUBLE;
        if (content_length != 8)
            return false;
        plain->value = otlpv_load64(content);
        return true;
    default:
        return false;
    }
}

OTLPV_HOT uint32_t otlpv_key_defects(const uint8_t *key, uint32_t length)
{
    if (length == 0)
        return OTLPV_DEFECT_EMPTY_KEY;
    return length >= 9 && memcmp(key, "verifier.", 9) == 0 ? OTLPV_DEFECT_FORGED : 0;
}

OTLPV_HOT void otlpv_write_plain(const otlpv_pass *pass, const otlpv_plain *plain, uint32_t row, uint32_t *defects)
{
    const otlpv_table *table = &pass->columns.attributes;
    const uint64_t stride = table->capacity;
    uint64_t any;
    uint64_t *wide = table->wide + row;
    uint32_t *narrow = table->narrow + row;
    wide[OTLPV_ATTRIBUTE_KEY * stride] = otlpv_text(pass->base, plain->key, plain->key_length);
    wide[OTLPV_ATTRIBUTE_KEY_HASH * stride] = otlpv_hash_words(plain->key, plain->key_length, pass->seed, &any);
    wide[OTLPV_ATTRIBUTE_VALUE * stride] = plain->value;
    narrow[OTLPV_ATTRIBUTE_TYPE * stride] = plain->type;
    narrow[OTLPV_ATTRIBUTE_ELEMENTS * stride] = 0;
    narrow[OTLPV_ATTRIBUTE_NESTED_START * stride] = 0;
    narrow[OTLPV_ATTRIBUTE_NESTED_COUNT * stride] = 0;
    bool utf8 = (any & OTLPV_TOP_BITS) == 0 || otlpv_is_utf8_beyond_ascii(plain->key, plain->key_length);
    if (plain->type == OTLPV_STRING)
        utf8 &= otlpv_is_utf8(pass->base + (plain->value >> 32), plain->value & UINT32_MAX);
    else if (plain->type == OTLPV_EMPTY)
        *defects |= OTLPV_DEFECT_EMPTY_VALUE;
    if (__builtin_expect(!utf8, 0))
        *defects |= OTLPV_DEFECT_ATTRIBUTE_UTF8;
    *defects |= otlpv_key_defects(plain->key, plain->key_length);
}

/* One field that holds a KeyValue: its length is next. `level` is the KeyValue's. */
OTLPV_HOT int otlpv_take_attribute(otlpv_pass *pass, otlpv_reader *reader, otlpv_place place, uint32_t level,
                                   otlpv_owner *owner, uint32_t *defects, const bool fill)
{
    const uint8_t *body;
    uint64_t length;
    otlpv_plain plain;
    int status = otlpv_take_body(reader, &body, &length);
    if (__builtin_expect(status != OTLPV_OK, 0))
        return status;
    if (__builtin_expect(owner->row == owner->end, 0))
        return otlpv_full_attributes(pass, owner, place);
    if (__builtin_expect(otlpv_read_plain(pass, body, body + length, &plain), 1)) {
        if (fill)
            otlpv_write_plain(pass, &plain, owner->row, defects);
    } else if ((status = otlpv_read_odd_attribute(pass, body, body + length, owner->row, level, defects)) != OTLPV_OK) {
        return status;
    }
    owner->row++;
    return OTLPV_OK;
}

#endif
