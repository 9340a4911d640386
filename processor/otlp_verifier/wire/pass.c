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

OTLPV_COLD int otlpv_skip_field(otlpv_reader *reader, otlpv_place place, uint32_t known,
                                uint32_t level, uint32_t *defects)
{
    otlpv_tag tag;
    reader->at = place.start;
    int status = otlpv_read_tag(reader, &tag);
    if (status != OTLPV_OK)
        return status;
    status = otlpv_skip_value(reader, &tag, level < OTLPV_MAX_LEVELS ? OTLPV_MAX_LEVELS - level : 0);
    *defects |= tag.defects;
    *defects |= tag.number < 32 && known >> tag.number & 1 ? OTLPV_DEFECT_WRONG_WIRE_TYPE : OTLPV_DEFECT_UNKNOWN_FIELD;
    return status;
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
