/* OTLP/JSON to protobuf: see json.h, and json_parser.h for the way it goes. */

#include "json_parser.h"
#include "json_text.h"

/* Opens an object of a message whose opening brace is at the lexer. */
static int open_object(otlpv_json_parser *p, uint32_t message, uint32_t number)
{
    otlpv_json_frame *in = p->top + 1;
    if (in == p->bottom + OTLPV_JSON_DEPTH_MAX)
        return OTLPV_JSON_TOO_DEEP;
    if (!otlpv_json_has_room(p, 0))
        return OTLPV_JSON_NO_ROOM;
    const otlpv_json_schema *schema = &otlpv_json_schemas[message];
    in->schema = schema;
    in->message = message;
    in->expected = in->seen = in->current = 0;
    in->in_array = false;
    in->fresh = true;
    in->forged = false;
    in->opened = p->lexer.at;
    if (number != 0) {
        otlpv_json_put_tag(p, number, OTLPV_WIRE_LENGTH);
        p->out += schema->reserve;
    }
    in->body = otlpv_json_written(p);
    in->row_counts[0] = p->output->resource_count;
    in->row_counts[1] = p->output->scope_count;
    in->row_counts[2] = p->output->span_count;
    p->top = in;
    return OTLPV_JSON_OK;
}

/* Where in the file the lexer is. */
static uint64_t offset_of(const otlpv_json_parser *p)
{
    return p->position->offset + (uint64_t)(p->lexer.at - p->base);
}

/* Notes where a record stands. */
OTLPV_JSON_HOT int add_row(otlpv_json_parser *p, otlpv_origin *rows, otlpv_json_place *places, uint32_t capacity,
                           uint32_t *count)
{
    if (*count == capacity)
        return OTLPV_JSON_TOO_MANY;
    const uint64_t offset = offset_of(p);
    rows[*count] = (otlpv_origin){offset, p->lexer.line, p->position->file, p->position->request};
    if (places != NULL)
        places[*count] = (otlpv_json_place){0, 0, 0};
    ++*count;
    return OTLPV_JSON_OK;
}

static int add_record(otlpv_json_parser *p, uint32_t message)
{
    otlpv_json_output *to = p->output;
    switch (message) {
    case OTLPV_JSON_SPAN:
        return add_row(p, to->spans, to->span_places, to->span_capacity, &to->span_count);
    case OTLPV_JSON_SCOPE_SPANS:
        return add_row(p, to->scopes, to->scope_places, to->scope_capacity, &to->scope_count);
    case OTLPV_JSON_RESOURCE_SPANS:
        return add_row(p, to->resources, to->resource_places, to->resource_capacity, &to->resource_count);
    default:
        return OTLPV_JSON_OK;
    }
}

/* The place of the record that an object of this message is, or is a part of; NULL where nobody asks. */
static otlpv_json_place *place_of(const otlpv_json_parser *p, uint32_t message)
{
    const otlpv_json_output *to = p->output;
    if (to->span_places == NULL)
        return NULL;
    switch (message) {
    case OTLPV_JSON_SPAN:
        return &to->span_places[to->span_count - 1];
    case OTLPV_JSON_SCOPE:
    case OTLPV_JSON_SCOPE_SPANS:
        return &to->scope_places[to->scope_count - 1];
    case OTLPV_JSON_RESOURCE:
    case OTLPV_JSON_RESOURCE_SPANS:
        return &to->resource_places[to->resource_count - 1];
    default:
        return NULL;
    }
}

/* Notes where an object ends, whose closing brace is in front of the lexer. */
static void note_end(const otlpv_json_parser *p, uint32_t message)
{
    otlpv_json_place *place = place_of(p, message);
    if (place == NULL)
        return;
    if (message != OTLPV_JSON_RESOURCE_SPANS && message != OTLPV_JSON_SCOPE_SPANS)
        place->owner = offset_of(p) - 1;
    if (message != OTLPV_JSON_RESOURCE && message != OTLPV_JSON_SCOPE)
        place->container = offset_of(p) - 1;
}

static void note_attributes(const otlpv_json_parser *p)
{
    const otlpv_json_key *key = &p->top->schema->keys[p->top->current];
    otlpv_json_place *place = key->message == OTLPV_JSON_KEY_VALUE ? place_of(p, p->top->message) : NULL;
    if (place != NULL)
        place->attributes = offset_of(p);
}

/* Notes a forged attribute of a record, whose closing brace has been read. */
static OTLPV_JSON_COLD int note_forged(const otlpv_json_parser *p, const otlpv_json_frame *in)
{
    otlpv_json_output *to = p->output;
    if (to->forged == NULL || in[-1].message == OTLPV_JSON_KEY_VALUE_LIST)
        return OTLPV_JSON_OK;
    if (to->forged_count == to->forged_capacity)
        return OTLPV_JSON_TOO_MANY;
    to->forged[to->forged_count++] =
        (otlpv_json_forged){p->position->offset + (uint64_t)(in->opened - p->base), offset_of(p)};
    return OTLPV_JSON_OK;
}

/* Closes the innermost object: writes its length. */
static int close_object(otlpv_json_parser *p)
{
    const otlpv_json_frame *in = p->top--;
    note_end(p, in->message);
    if (__builtin_expect(in->forged, 0)) {
        const int status = note_forged(p, in);
        if (status != OTLPV_JSON_OK)
            return status;
    }
    const uint32_t reserve = in->schema->reserve;
    if (reserve == 0)
        return OTLPV_JSON_OK;
    const uint32_t length = otlpv_json_written(p) - in->body;
    const uint32_t needed = otlpv_json_varint_length(length);
    uint8_t *body = p->out_base + in->body;
    if (__builtin_expect(needed != reserve, 0)) {
        if (!otlpv_json_has_room(p, needed))
            return OTLPV_JSON_NO_ROOM;
        memmove(body - reserve + needed, body, length);
        p->out = p->out - reserve + needed;
    }
    otlpv_json_put_varint(body - reserve, length);
    return OTLPV_JSON_OK;
}

/* Takes back what a key that comes a second time has written, and the records in it: those are the last ones. */
static OTLPV_JSON_COLD void take_back(otlpv_json_parser *p, otlpv_json_frame *in, uint32_t key, const uint8_t *at)
{
    otlpv_json_note(p, OTLPV_JSON_DEFECT_KEY_DUPLICATE, at, (uint64_t)(p->lexer.at - at), in, key);
    const uint32_t start = in->starts[key], end = in->ends[key];
    memmove(p->out_base + start, p->out_base + end, otlpv_json_written(p) - end);
    p->out -= end - start;
    for (uint32_t i = 0; i < in->schema->key_count; i++) {
        if (in->seen >> i & 1 && i != key && in->starts[i] >= end) {
            in->starts[i] -= end - start;
            in->ends[i] -= end - start;
        }
    }
    const uint32_t message = in->schema->keys[key].message;
    if (message == OTLPV_JSON_RESOURCE_SPANS || message == OTLPV_JSON_SCOPE_SPANS || message == OTLPV_JSON_SPAN) {
        if (message == OTLPV_JSON_RESOURCE_SPANS)
            p->output->resource_count = in->row_counts[0];
        if (message != OTLPV_JSON_SPAN)
            p->output->scope_count = in->row_counts[1];
        p->output->span_count = in->row_counts[2];
    }
    otlpv_json_place *place = place_of(p, message == OTLPV_JSON_KEY_VALUE ? in->message : message);
    if (place != NULL && (message == OTLPV_JSON_KEY_VALUE || message == OTLPV_JSON_RESOURCE || message == OTLPV_JSON_SCOPE))
        *place = (otlpv_json_place){0, 0, 0}; /* until the new value has been read */
}

/* One element of an array, at the lexer. */
static int array_element(otlpv_json_parser *p)
{
    const otlpv_json_key *key = &p->top->schema->keys[p->top->current];
    if (key->kind == OTLPV_JSON_MESSAGES) {
        if (*p->lexer.at != '{')
            return otlpv_json_misfit(p);
        int status = add_record(p, key->message);
        if (status == OTLPV_JSON_OK)
            status = open_object(p, key->message, key->number);
        p->lexer.at += status == OTLPV_JSON_OK;
        return status;
    }
    if (key->kind == OTLPV_JSON_STRINGS)
        return *p->lexer.at == '"' ? otlpv_json_put_string(p, key->number) : otlpv_json_misfit(p);
    if (p->top->message == OTLPV_JSON_SCOPE_METRICS)
        p->document->metrics++;
    else
        p->document->logs++;
    return otlpv_json_skip(p);
}

/* The value of the current key, at the lexer: all of a scalar, or the opening of an object or array. */
static int value(otlpv_json_parser *p)
{
    otlpv_json_frame *in = p->top;
    const otlpv_json_key *key = &in->schema->keys[in->current];
    if (*p->lexer.at == 'n')
        return otlpv_json_take_word(p, "null", 4) ? OTLPV_JSON_OK : otlpv_json_skip(p);
    if (key->kind < OTLPV_JSON_MESSAGE || key->kind == OTLPV_JSON_IGNORED)
        return otlpv_json_put_scalar(p, key);
    if (key->kind == OTLPV_JSON_MESSAGE) {
        if (*p->lexer.at != '{')
            return otlpv_json_misfit(p);
        const int status = open_object(p, key->message, key->number);
        p->lexer.at += status == OTLPV_JSON_OK;
        return status;
    }
    if (*p->lexer.at != '[')
        return otlpv_json_misfit(p);
    in->in_array = true;
    p->lexer.at++;
    if (!otlpv_json_next(&p->lexer))
        return OTLPV_JSON_CUT;
    if (*p->lexer.at == ']') {
        note_attributes(p);
        in->in_array = false;
        p->lexer.at++;
        return OTLPV_JSON_OK;
    }
    return array_element(p);
}

/* A key that no table has, or one with escapes: the string has been taken. */
static OTLPV_JSON_COLD uint32_t strange_key(otlpv_json_parser *p, const otlpv_json_quoted *string, const uint8_t *quote)
{
    uint8_t name[64]; /* longer ones are none of ours, nor are those that escapes make as long */
    const otlpv_json_schema *schema = p->top->schema;
    const uint8_t *text = string->text;
    uint64_t length = string->length;
    if (string->escaped && length <= sizeof name) {
        length = otlpv_json_unescape(text, length, name).length;
        text = name;
    }
    uint32_t key = length <= sizeof name ? otlpv_json_find_key(schema, text, length, 0) : OTLPV_JSON_NO_KEY;
    if (key != OTLPV_JSON_NO_KEY)
        return key;
    key = length <= sizeof name ? otlpv_json_find_alike(schema, text, length) : OTLPV_JSON_NO_KEY;
    otlpv_json_note(p, key == OTLPV_JSON_NO_KEY ? OTLPV_JSON_DEFECT_KEY_UNKNOWN : OTLPV_JSON_DEFECT_KEY_CASE, quote,
         string->length + 2, p->top, key);
    return OTLPV_JSON_NO_KEY;
}

/* The key whose quote is at the lexer; moves behind its closing quote. */
OTLPV_JSON_HOT int take_key(otlpv_json_parser *p, uint32_t *key)
{
    otlpv_json_frame *in = p->top;
    const uint8_t *quote = p->lexer.at;
    const otlpv_json_key *expected = &in->schema->keys[in->expected];
    if ((uint64_t)(p->lexer.end - quote) > expected->length + 1u && quote[1 + expected->length] == '"' &&
        memcmp(quote + 1, expected->name, expected->length) == 0) {
        p->lexer.at = quote + 2 + expected->length;
        *key = in->expected;
    } else {
        otlpv_json_quoted string;
        const int status = otlpv_json_take_string(p, &string);
        if (status != OTLPV_JSON_OK)
            return status;
        *key = string.escaped ? OTLPV_JSON_NO_KEY
                              : otlpv_json_find_key(in->schema, string.text, string.length, in->expected);
        if (*key == OTLPV_JSON_NO_KEY)
            *key = strange_key(p, &string, quote);
        if (*key == OTLPV_JSON_NO_KEY)
            return OTLPV_JSON_OK;
    }
    in->expected = *key + 1 < in->schema->key_count ? *key + 1 : 0;
    if (__builtin_expect(in->seen >> *key & 1, 0))
        take_back(p, in, *key, quote);
    in->seen |= 1u << *key;
    in->current = *key;
    in->starts[*key] = in->ends[*key] = otlpv_json_written(p);
    p->document->shape |= in->schema->keys[*key].shape;
    return OTLPV_JSON_OK;
}

/* A key, from its quote on, its colon and its value, or the opening of that. */
OTLPV_JSON_HOT int member(otlpv_json_parser *p)
{
    uint32_t key;
    const int status = take_key(p, &key);
    if (status != OTLPV_JSON_OK)
        return status;
    if (!otlpv_json_next(&p->lexer))
        return OTLPV_JSON_CUT;
    if (*p->lexer.at != ':')
        return OTLPV_JSON_WANT_COLON;
    p->lexer.at++;
    if (!otlpv_json_next(&p->lexer))
        return OTLPV_JSON_CUT;
    return key == OTLPV_JSON_NO_KEY ? otlpv_json_skip(p) : value(p);
}

/* What stands behind the opening brace of an object. */
OTLPV_JSON_HOT int first_member(otlpv_json_parser *p)
{
    p->top->fresh = false;
    if (*p->lexer.at == '"')
        return member(p);
    if (*p->lexer.at != '}')
        return OTLPV_JSON_WANT_KEY_OR_BRACE;
    p->lexer.at++;
    return close_object(p);
}

/* What stands behind an element of an array. */
OTLPV_JSON_HOT int next_element(otlpv_json_parser *p)
{
    if (*p->lexer.at == ']') {
        note_attributes(p);
        p->top->in_array = false;
        p->top->ends[p->top->current] = otlpv_json_written(p);
        p->lexer.at++;
        return OTLPV_JSON_OK;
    }
    if (*p->lexer.at != ',')
        return OTLPV_JSON_WANT_COMMA_OR_BRACKET;
    p->lexer.at++;
    return otlpv_json_next(&p->lexer) ? array_element(p) : OTLPV_JSON_CUT;
}

/* What stands behind a member of an object. */
OTLPV_JSON_HOT int next_member(otlpv_json_parser *p)
{
    if (*p->lexer.at == '}') {
        p->lexer.at++;
        return close_object(p);
    }
    if (*p->lexer.at != ',')
        return OTLPV_JSON_WANT_COMMA_OR_BRACE;
    p->lexer.at++;
    if (!otlpv_json_next(&p->lexer))
        return OTLPV_JSON_CUT;
    return *p->lexer.at == '"' ? member(p) : OTLPV_JSON_WANT_KEY;
}

/* From the opening brace of the document to its closing one. */
static int read_members(otlpv_json_parser *p)
{
    p->top = p->bottom - 1; /* no object is open */
    int status = open_object(p, OTLPV_JSON_REQUEST, 0);
    p->lexer.at++;
    while (status == OTLPV_JSON_OK && p->top >= p->bottom) {
        otlpv_json_frame *in = p->top;
        if (!otlpv_json_next(&p->lexer))
            return OTLPV_JSON_CUT;
        if (in->in_array) {
            status = next_element(p);
        } else if (in->fresh) {
            status = first_member(p);
        } else {
            in->ends[in->current] = otlpv_json_written(p);
            status = next_member(p);
        }
    }
    return status;
}

static int read_document(otlpv_json_parser *p)
{
    otlpv_json_document *document = p->document;
    if (!otlpv_json_next(&p->lexer))
        return OTLPV_JSON_CUT;
    document->start = (uint64_t)(p->lexer.at - p->base);
    document->line = p->lexer.line;
    if (*p->lexer.at != '{')
        return OTLPV_JSON_WANT_OBJECT;
    int status = read_members(p);
    if (status != OTLPV_JSON_OK)
        return status;
    document->end = (uint64_t)(p->lexer.at - p->base);
    return otlpv_json_next(&p->lexer) ? OTLPV_JSON_WANT_END : OTLPV_JSON_OK;
}

int otlpv_json_read(const uint8_t *bytes, uint64_t length, otlpv_json_position *position,
                    otlpv_json_output *output, otlpv_json_document *document)
{
    const otlpv_json_output before = *output;
    otlpv_json_frame frames[1 + OTLPV_JSON_DEPTH_MAX]; /* the first is never open: it is what `top` points to at the end */
    uint8_t *out = output->bytes + output->used;
    otlpv_json_parser p = {{bytes, bytes + length, position->line}, bytes,    out,    out, output->bytes + output->capacity,
                position, output, document, frames, frames + 1};
    memset(document, 0, sizeof *document);
    document->line = position->line;
    document->defect_start = output->defect_count;
    const int status = read_document(&p);
    document->status = (uint32_t)status;
    if (status == OTLPV_JSON_OK) {
        output->used += otlpv_json_written(&p);
        document->spans = output->span_count - before.span_count;
        document->defect_count = output->defect_count - before.defect_count;
        if (document->shape == 0 && output->defect_count == before.defect_count)
            document->shape = OTLPV_JSON_EMPTY;
    } else {
        *output = before;
        document->end = length;
        document->fault = (uint64_t)(p.lexer.at - bytes);
        document->fault_line = p.lexer.line;
    }
    position->offset += length;
    position->line = p.lexer.line;
    for (const uint8_t *at = p.lexer.at; at < p.lexer.end; at++) /* only behind a fault is there something left */
        position->line += *at == '\n';
    position->request++;
    return status;
}

static const uint8_t *not_blank(const uint8_t *at, const uint8_t *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r'))
        at++;
    return at;
}

uint32_t otlpv_json_read_lines(const uint8_t *bytes, uint64_t length, otlpv_json_position *position,
                               otlpv_json_output *output, otlpv_json_document *documents, uint32_t capacity)
{
    const uint8_t *at = bytes, *end = bytes + length;
    uint32_t count = 0;
    while (at < end && count < capacity) {
        const uint8_t *line_end = memchr(at, '\n', (uint64_t)(end - at));
        const uint8_t *next = line_end == NULL ? end : line_end + 1;
        if (line_end == NULL)
            line_end = end;
        if (not_blank(at, line_end) < line_end) {
            otlpv_json_document *document = &documents[count++];
            const uint64_t offset = (uint64_t)(at - bytes);
            (void)otlpv_json_read(at, (uint64_t)(line_end - at), position, output, document);
            document->start += offset;
            document->end += offset;
            document->fault += offset;
            for (uint32_t i = 0; i < document->defect_count; i++)
                output->defects[document->defect_start + i].offset += offset;
        } else {
            position->offset += (uint64_t)(line_end - at);
        }
        if (next > line_end) {
            position->offset++;
            position->line++;
        }
        at = next;
    }
    return count;
}
