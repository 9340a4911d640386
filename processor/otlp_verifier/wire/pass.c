/* Pass: see pass.h. */

#include "pass.h"

OTLPV_COLD int otlpv_fail(otlpv_pass *pass, int status, otlpv_place place)
{
    if (pass->failed)
        return status;
    pass->failed = true;
    otlpv_reader reader = {place.start, pass->end};
    otlpv_tag tag = {0, 0, 0};
    pass->fault->offset = (uint64_t)(place.start - pass->base);
    pass->fault->message = place.message;
    pass->fault->field = otlpv_read_tag(&reader, &tag) == OTLPV_OK ? tag.number : 0;
    return status;
}

OTLPV_COLD int otlpv_full(otlpv_pass *pass, uint32_t limit, uint64_t allowed, otlpv_place place)
{
    if (pass->fill)
        return otlpv_fail(pass, OTLPV_CHANGED, place);
    pass->fault->limit = limit;
    pass->fault->allowed = allowed;
    pass->fault->value = allowed + 1;
    return otlpv_fail(pass, OTLPV_OVER_LIMIT, place);
}

OTLPV_COLD otlpv_skipped otlpv_skip_field(const uint8_t *end, otlpv_place place, uint32_t known, uint32_t level)
{
    otlpv_reader reader = {place.start, end};
    otlpv_skipped skipped = {NULL, 0, OTLPV_OK};
    otlpv_tag tag;
    skipped.status = otlpv_read_tag(&reader, &tag);
    if (skipped.status != OTLPV_OK)
        return skipped;
    skipped.status = otlpv_skip_value(&reader, &tag, level < OTLPV_MAX_LEVELS ? OTLPV_MAX_LEVELS - level : 0);
    skipped.at = reader.at;
    skipped.defects = tag.defects;
    skipped.defects |=
        tag.number < 32 && known >> tag.number & 1 ? OTLPV_DEFECT_WRONG_WIRE_TYPE : OTLPV_DEFECT_UNKNOWN_FIELD;
    return skipped;
}

OTLPV_COLD int otlpv_next_long_tag(otlpv_reader *reader, uint32_t *tag, uint32_t *defects)
{
    otlpv_tag read;
    const int status = otlpv_read_tag(reader, &read);
    if (status != OTLPV_OK)
        return status;
    *defects |= read.defects;
    *tag = read.number < 32 ? OTLPV_TAG(read.number, read.wire_type) : OTLPV_ODD_TAG;
    return OTLPV_OK;
}

OTLPV_COLD int otlpv_take_long_body(otlpv_reader *reader, const uint8_t **body, uint64_t *length)
{
    const int status = otlpv_read_length(reader, length);
    *body = reader->at;
    return status;
}

OTLPV_COLD int otlpv_take_long_uint32(otlpv_reader *reader, uint32_t *number)
{
    uint64_t value = 0;
    const int status = otlpv_read_varint(reader, &value);
    *number = (uint32_t)value; /* upb cuts off what is beyond 32 bits */
    return status;
}
