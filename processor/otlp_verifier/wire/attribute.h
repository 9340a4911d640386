/* Attributes: KeyValue messages, one row each, and the elements of array and map values. */
#ifndef OTLPV_ATTRIBUTE_H
#define OTLPV_ATTRIBUTE_H

#include <stddef.h>

#include "hash.h"
#include "pass.h"

/* The attributes of one owner while it is read: rows [start, row) are there, row `end` is one too many. */
typedef struct {
    uint32_t start, row, end;
    uint32_t defects; /* of attributes that are not plain */
    bool ascii;       /* fill: all string values of plain attributes are */
} otlpv_owner;

/* Plain KeyValue fields from `at` on, each introduced by the one byte `tag`, go into the owner's next rows
 * (counting, they are only counted). Returns where they stop: at the first field of another kind, at a
 * KeyValue that is not plain, at a full owner, or at the end. See plain.c for what is plain. */
const uint8_t *otlpv_count_plain(const otlpv_pass *pass, const uint8_t *at, const uint8_t *end, uint32_t tag,
                                 otlpv_owner *owner);
const uint8_t *otlpv_fill_plain(otlpv_pass *pass, const uint8_t *at, const uint8_t *end, uint32_t tag,
                                otlpv_owner *owner);

/* Attribute rows from `pass->cleared` on get zeros in the columns that only lists have: many at once are cheaper than
 * one by one. */
void otlpv_clear_more_lists(otlpv_pass *pass);

/* The same if need be. It must be called for a row before anything is written there. */
OTLPV_HOT void otlpv_clear_lists(otlpv_pass *pass, uint32_t row)
{
    if (row >= pass->cleared)
        otlpv_clear_more_lists(pass);
}

/* A field that holds a KeyValue of any form; its tag has been read. `level` is the KeyValue's. */
int otlpv_take_odd_attribute(otlpv_pass *pass, otlpv_reader *reader, otlpv_place place, uint32_t level,
                             otlpv_owner *owner);

/* Hashes the keys of attribute rows [start, end), those of one owner; returns what is odd about the keys, and
 * about the encoding of string values unless it is known to be ASCII. */
uint32_t otlpv_finish_keys(otlpv_pass *pass, uint32_t start, uint32_t end, bool ascii_values);

/* Whether two attributes of rows [start, start + count) have one key. */
bool otlpv_has_duplicate_key(const otlpv_pass *pass, uint32_t start, uint32_t count);

/* Whether a map among rows [start, start + count) of nested, or the attribute that they belong to,
 * whose type is `type`, has two elements with one key. */
bool otlpv_has_nested_duplicate_key(const otlpv_pass *pass, uint32_t start, uint32_t count, uint32_t type);

OTLPV_HOT void otlpv_set_rows(const otlpv_pass *pass, otlpv_owner *owner, uint32_t count)
{
    const uint32_t row = pass->found.attributes;
    const uint32_t start = row - count;
    const uint32_t room = pass->allowed.attributes - start;
    const uint32_t most = pass->attributes_per_record;
    owner->start = start;
    owner->row = row;
    owner->end = start + (room < most ? room : most);
}

OTLPV_HOT void otlpv_begin_owner(const otlpv_pass *pass, otlpv_owner *owner)
{
    otlpv_set_rows(pass, owner, 0);
    owner->defects = 0;
    owner->ascii = true;
}

/* Counting, an owner's children are read amid its own fields, and their attributes come before the rest of its own. */
OTLPV_HOT void otlpv_pause_owner(otlpv_pass *pass, const otlpv_owner *owner)
{
    pass->found.attributes = owner->row;
}

OTLPV_HOT void otlpv_resume_owner(const otlpv_pass *pass, otlpv_owner *owner)
{
    otlpv_set_rows(pass, owner, owner->row - owner->start);
}

/* All attributes of the owner are there; returns what is odd about them. */
OTLPV_HOT uint32_t otlpv_end_owner(otlpv_pass *pass, const otlpv_owner *owner, const bool fill)
{
    pass->found.attributes = owner->row;
    if (!fill || owner->row == owner->start)
        return 0;
    return owner->defects | otlpv_finish_keys(pass, owner->start, owner->row, owner->ascii);
}

/* Fields that hold a KeyValue each, one after the other: the tag of the first has been read and is `tag`.
 * `place` follows the field being read. */
OTLPV_HOT int otlpv_take_attributes(otlpv_pass *pass, otlpv_reader *reader, otlpv_place *place, uint32_t tag,
                                    uint32_t level, otlpv_owner *owner, const bool fill)
{
    const uint8_t *at = place->start;
    bool odd = *at != tag; /* the same tag in more bytes than needed */
    for (;;) {
        if (!odd) {
            at = fill ? otlpv_fill_plain(pass, at, reader->end, tag, owner)
                      : otlpv_count_plain(pass, at, reader->end, tag, owner);
            reader->at = at;
            if (at == reader->end || *at != tag)
                return OTLPV_OK;
            place->start = at;
            reader->at++;
        }
        otlpv_reader copy = *reader; /* the reader itself stays in registers */
        const int status = otlpv_take_odd_attribute(pass, &copy, *place, level, owner);
        if (status != OTLPV_OK)
            return status;
        reader->at = at = copy.at;
        odd = false;
    }
}

#endif
