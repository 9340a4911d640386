/* Attributes: see attribute.h. */

#include "attribute.h"

/* A container holds at most: the list, the KeyValue in it, the AnyValue in that. */
#define FRAMES (3 * OTLPV_MAX_DEPTH + 2)

enum frame_kind {
    KEY_VALUE, /* an attribute or a map's element */
    VALUE,     /* the AnyValue of a KeyValue; several of them merge */
    ELEMENT,   /* an array's element, an AnyValue */
    ARRAY,
    MAP
};

/* Known fields by kind, bit per number. */
static const uint32_t KNOWN[] = {0xE, 0x1FE, 0x1FE, 0x2, 0x2};

/* A message being read. A KEY_VALUE or ELEMENT owns a value: what its fragments have said so far. */
typedef struct {
    const uint8_t *end;
    uint64_t key;
    uint64_t value;
    uint32_t kind;
    uint32_t owner;  /* frame that owns the value this message belongs to */
    uint32_t row;    /* in nested; OTLPV_NO_ROW: the attribute itself */
    uint32_t parent; /* row in nested */
    uint32_t depth;  /* containers around it */
    uint32_t first;  /* row in nested that its first element has */
    uint32_t type;
    uint32_t elements;
    uint32_t element_type; /* of an array: that of its elements, as far as they have one */
    uint32_t seen;         /* fields of a KeyValue, bit per number */
    uint32_t key_index;    /* of a KeyValue: where its key is in a table of strings; 0: nowhere */
    bool mixed;
} frame;

typedef struct {
    otlpv_pass *pass;
    otlpv_reader reader;
    uint32_t top;
    uint32_t level;
    uint32_t defects;
    bool maps; /* a map with two elements was seen */
    frame frames[FRAMES];
} machine;

static frame *push(machine *m, uint32_t kind, const uint8_t *end)
{
    frame *f = &m->frames[++m->top];
    f->end = end;
    f->kind = kind;
    m->reader.end = end;
    return f;
}

static void begin_owner(const machine *m, frame *f, uint32_t row, uint32_t parent, uint32_t depth)
{
    f->owner = m->top;
    f->row = row;
    f->parent = parent;
    f->depth = depth;
    f->first = m->pass->found.nested;
    f->key = 0;
    f->value = 0;
    f->type = OTLPV_EMPTY;
    f->elements = 0;
    f->element_type = OTLPV_EMPTY;
    f->seen = 0;
    f->key_index = 0;
    f->mixed = false;
}

/* The oneof of `owner` becomes `type`. Another member than before throws the old one's elements away;
 * the same list again goes on with them, as protobuf merges messages. */
static void set_type(machine *m, frame *owner, uint32_t type)
{
    if (owner->type != OTLPV_EMPTY)
        m->defects |= OTLPV_DEFECT_REPEATED_FIELD;
    if (owner->type != type) {
        m->pass->found.nested = owner->first;
        owner->elements = 0;
        owner->element_type = OTLPV_EMPTY;
        owner->mixed = false;
    }
    owner->type = type;
}

static void check_utf8(machine *m, const uint8_t *body, uint64_t length)
{
    if (m->pass->fill && !otlpv_is_utf8(body, length))
        m->defects |= OTLPV_DEFECT_ATTRIBUTE_UTF8;
}

static int read_list(machine *m, frame *owner, uint32_t type)
{
    const uint8_t *body;
    uint64_t length;
    const int status = otlpv_take_body(&m->reader, &body, &length);
    if (status != OTLPV_OK)
        return status;
    set_type(m, owner, type);
    owner->value = otlpv_text(m->pass->base, body, length);
    if (owner->depth >= m->pass->depth) {
        m->defects |= OTLPV_DEFECT_TOO_DEEP;
        return OTLPV_OK;
    }
    m->reader.at = body;
    const uint32_t of = owner->owner;
    push(m, type == OTLPV_ARRAY ? ARRAY : MAP, body + length)->owner = of;
    return OTLPV_OK;
}

static int read_element(machine *m, frame *list, otlpv_place place)
{
    otlpv_pass *pass = m->pass;
    frame *owner = &m->frames[list->owner];
    const uint8_t *body;
    uint64_t length;
    const int status = otlpv_take_body(&m->reader, &body, &length);
    if (status != OTLPV_OK)
        return status;
    /* Filling, rows that a later member throws away may pass what the count pass found: they are
     * counted here and not written, see finish_owner. */
    if (!pass->fill && pass->found.nested == pass->allowed.nested)
        return otlpv_full(pass, OTLPV_LIMIT_NESTED, pass->allowed.nested, place);
    const uint32_t row = pass->found.nested++;
    m->reader.at = body;
    owner->elements++;
    m->maps |= list->kind == MAP && owner->elements > 1;
    frame *element = push(m, list->kind == MAP ? KEY_VALUE : ELEMENT, body + length);
    begin_owner(m, element, row, owner->row, owner->depth + 1);
    return OTLPV_OK;
}

static int read_key_value_field(machine *m, frame *f, uint32_t tag, otlpv_place place)
{
    const uint8_t *body;
    uint64_t length;
    int status;
    switch (tag) {
    case OTLPV_TAG(1, OTLPV_WIRE_LENGTH):
        otlpv_once(1, &f->seen, &m->defects);
        status = otlpv_take_body(&m->reader, &body, &length);
        if (status == OTLPV_OK) {
            f->key = otlpv_text(m->pass->base, body, length);
            check_utf8(m, body, length);
        }
        return status;
    case OTLPV_TAG(2, OTLPV_WIRE_LENGTH):
        otlpv_once(2, &f->seen, &m->defects);
        status = otlpv_take_body(&m->reader, &body, &length);
        if (status == OTLPV_OK) {
            const uint32_t owner = m->top;
            m->reader.at = body;
            push(m, VALUE, body + length)->owner = owner;
        }
        return status;
    case OTLPV_TAG(3, OTLPV_WIRE_VARINT): /* key_strindex: only profiles use it */
        otlpv_once(3, &f->seen, &m->defects);
        status = otlpv_read_varint(&m->reader, &length);
        if (status == OTLPV_OK)
            f->key_index = (uint32_t)length;
        return status;
    default:
        return otlpv_skip(&m->reader, place, KNOWN[KEY_VALUE], m->level + m->top, &m->defects);
    }
}

static int read_any_value_field(machine *m, frame *f, uint32_t tag, otlpv_place place)
{
    frame *owner = &m->frames[f->owner];
    const uint8_t *body;
    uint64_t number;
    int status;
    switch (tag) {
    case OTLPV_TAG(OTLPV_STRING, OTLPV_WIRE_LENGTH):
    case OTLPV_TAG(OTLPV_BYTES, OTLPV_WIRE_LENGTH):
        status = otlpv_take_body(&m->reader, &body, &number);
        if (status != OTLPV_OK)
            return status;
        set_type(m, owner, tag >> 3);
        owner->value = otlpv_text(m->pass->base, body, number);
        if (owner->type == OTLPV_STRING)
            check_utf8(m, body, number);
        return OTLPV_OK;
    case OTLPV_TAG(OTLPV_BOOL, OTLPV_WIRE_VARINT):
    case OTLPV_TAG(OTLPV_INT, OTLPV_WIRE_VARINT):
    case OTLPV_TAG(OTLPV_STRING_INDEX, OTLPV_WIRE_VARINT):
        status = otlpv_read_varint(&m->reader, &number);
        if (status != OTLPV_OK)
            return status;
        set_type(m, owner, tag >> 3);
        if (owner->type == OTLPV_BOOL)
            number = number != 0;
        else if (owner->type == OTLPV_STRING_INDEX)
            number = (uint64_t)(int32_t)(uint32_t)number;
        owner->value = number;
        return OTLPV_OK;
    case OTLPV_TAG(OTLPV_DOUBLE, OTLPV_WIRE_FIXED64):
        status = otlpv_take_fixed64(&m->reader, &number);
        if (status != OTLPV_OK)
            return status;
        set_type(m, owner, OTLPV_DOUBLE);
        owner->value = number;
        return OTLPV_OK;
    case OTLPV_TAG(OTLPV_ARRAY, OTLPV_WIRE_LENGTH):
    case OTLPV_TAG(OTLPV_MAP, OTLPV_WIRE_LENGTH):
        return read_list(m, owner, tag >> 3);
    default:
        return otlpv_skip(&m->reader, place, KNOWN[VALUE], m->level + m->top, &m->defects);
    }
}

/* A key with its value, or an element, is complete: whether it points into a table of strings. */
static void find_index(machine *m, const frame *f)
{
    if (f->key_index != 0 || f->type == OTLPV_STRING_INDEX)
        m->defects |= OTLPV_DEFECT_STRING_INDEX;
    if (f->key_index != 0 && (uint32_t)f->key != 0)
        m->defects |= OTLPV_DEFECT_KEY_AND_INDEX;
}

/* An element of a list is complete: its row is written and its list hears of its type. */
static void finish_element(machine *m, const frame *f)
{
    frame *list = &m->frames[m->frames[m->top - 1].owner];
    if (list->element_type == OTLPV_EMPTY)
        list->element_type = f->type;
    else if (f->type != OTLPV_EMPTY && f->type != list->element_type)
        list->mixed = true;
    const otlpv_pass *pass = m->pass;
    if (!pass->fill || f->row >= pass->allowed.nested)
        return;
    const uint8_t *key = pass->base + (f->key >> 32);
    uint64_t wide[OTLPV_NESTED_WIDE];
    uint32_t narrow[OTLPV_NESTED_NARROW];
    wide[OTLPV_NESTED_KEY] = f->key;
    wide[OTLPV_NESTED_KEY_HASH] =
        f->kind == KEY_VALUE ? otlpv_hash_bytes(key, (uint32_t)f->key, &pass->secret) : 0;
    wide[OTLPV_NESTED_VALUE] = f->value;
    narrow[OTLPV_NESTED_TYPE] = f->type;
    narrow[OTLPV_NESTED_PARENT] = f->parent;
    narrow[OTLPV_NESTED_ELEMENTS] = f->elements;
    otlpv_write_row(&pass->columns.nested, f->row, wide, OTLPV_NESTED_WIDE, narrow, OTLPV_NESTED_NARROW);
}

static void finish_attribute(machine *m, const otlpv_owner *owner)
{
    otlpv_pass *pass = m->pass;
    const frame *f = &m->frames[0];
    otlpv_clear_lists(pass, owner->row);
    const bool list = f->type == OTLPV_ARRAY || f->type == OTLPV_MAP;
    const uint32_t nested = pass->found.nested - f->first;
    uint64_t wide[OTLPV_ATTRIBUTE_WIDE];
    uint32_t narrow[OTLPV_ATTRIBUTE_NARROW];
    wide[OTLPV_ATTRIBUTE_KEY] = f->key;
    wide[OTLPV_ATTRIBUTE_KEY_HASH] = 0; /* see keys.c */
    wide[OTLPV_ATTRIBUTE_VALUE] = f->value;
    narrow[OTLPV_ATTRIBUTE_TYPE] = f->type;
    narrow[OTLPV_ATTRIBUTE_ELEMENTS] = f->elements;
    narrow[OTLPV_ATTRIBUTE_NESTED_START] = list ? f->first : 0;
    narrow[OTLPV_ATTRIBUTE_NESTED_COUNT] = nested;
    otlpv_write_row(&pass->columns.attributes, owner->row, wide, OTLPV_ATTRIBUTE_WIDE, narrow,
                    OTLPV_ATTRIBUTE_NARROW);
    if (f->type == OTLPV_EMPTY)
        m->defects |= OTLPV_DEFECT_EMPTY_VALUE;
    if (f->type == OTLPV_ARRAY && f->mixed)
        m->defects |= OTLPV_DEFECT_MIXED_ARRAY;
    if (m->maps && otlpv_has_nested_duplicate_key(pass, f->first, nested, f->type))
        m->defects |= OTLPV_DEFECT_NESTED_DUPLICATE_KEY;
}

static int read_field(machine *m)
{
    static const uint8_t MESSAGES[] = {OTLPV_MESSAGE_KEY_VALUE, OTLPV_MESSAGE_ANY_VALUE, OTLPV_MESSAGE_ANY_VALUE,
                                       OTLPV_MESSAGE_ANY_VALUE, OTLPV_MESSAGE_ANY_VALUE};
    frame *f = &m->frames[m->top];
    const otlpv_place place = {m->reader.at, MESSAGES[f->kind]};
    uint32_t tag;
    int status = otlpv_next_tag(&m->reader, &tag, &m->defects);
    if (status == OTLPV_OK) {
        switch (f->kind) {
        case KEY_VALUE:
            status = read_key_value_field(m, f, tag, place);
            break;
        case VALUE:
        case ELEMENT:
            status = read_any_value_field(m, f, tag, place);
            break;
        default:
            status = tag == OTLPV_TAG(1, OTLPV_WIRE_LENGTH)
                         ? read_element(m, f, place)
                         : otlpv_skip(&m->reader, place, KNOWN[f->kind], m->level + m->top, &m->defects);
        }
    }
    return status == OTLPV_OK ? OTLPV_OK : otlpv_fail(m->pass, status, place);
}

static int read_attribute(otlpv_pass *pass, const uint8_t *body, const uint8_t *end, uint32_t level,
                          otlpv_owner *owner)
{
    machine m;
    m.pass = pass;
    m.reader.at = body;
    m.reader.end = end;
    m.top = 0;
    m.level = level;
    m.defects = 0;
    m.maps = false;
    m.frames[0].end = end;
    m.frames[0].kind = KEY_VALUE;
    begin_owner(&m, &m.frames[0], OTLPV_NO_ROW, OTLPV_NO_ROW, 0);
    for (;;) {
        const frame *f = &m.frames[m.top];
        if (m.reader.at < f->end) {
            const int status = read_field(&m);
            if (status != OTLPV_OK)
                return status;
            continue;
        }
        if (f->kind == KEY_VALUE || f->kind == ELEMENT)
            find_index(&m, f);
        if (m.top == 0)
            break;
        if (f->kind == KEY_VALUE || f->kind == ELEMENT)
            finish_element(&m, f);
        m.top--;
        m.reader.end = m.frames[m.top].end;
    }
    if (pass->fill) {
        if (pass->found.nested > pass->allowed.nested)
            return OTLPV_CHANGED;
        finish_attribute(&m, owner);
    }
    owner->defects |= m.defects;
    return OTLPV_OK;
}

static int full(otlpv_pass *pass, const otlpv_owner *owner, otlpv_place place)
{
    if (owner->row - owner->start == pass->attributes_per_record)
        return otlpv_full(pass, OTLPV_LIMIT_ATTRIBUTES_PER_RECORD, pass->attributes_per_record, place);
    return otlpv_full(pass, OTLPV_LIMIT_ATTRIBUTES, pass->allowed.attributes, place);
}

int otlpv_take_odd_attribute(otlpv_pass *pass, otlpv_reader *reader, otlpv_place place, uint32_t level,
                             otlpv_owner *owner)
{
    const uint8_t *body;
    uint64_t length;
    int status = otlpv_take_body(reader, &body, &length);
    if (status != OTLPV_OK)
        return status;
    if (owner->row == owner->end)
        return full(pass, owner, place);
    status = read_attribute(pass, body, body + length, level, owner);
    owner->row++;
    return status;
}
