/* Envelope: see envelope.h. */

#include "reader.h"

/* Field numbers of VerifyRequest in bridge/proto/verifier.proto. */
enum {
    REQUEST_ID = 1,
    REQUEST_SIGNAL = 2,
    REQUEST_COMPLETENESS = 3,
    REQUEST_HELLO = 4,
    REQUEST_PARTS = 5,
    REQUEST_OTLP = 15
};

static int read_bytes(otlpv_reader *reader, const uint8_t *base, uint64_t *offset, uint64_t *length, uint32_t *has)
{
    const int status = otlpv_read_length(reader, length);
    if (status != OTLPV_OK)
        return status;
    *offset = (uint64_t)(reader->at - base);
    *has = 1;
    reader->at += *length;
    return OTLPV_OK;
}

static int read_field(otlpv_reader *reader, const uint8_t *base, otlpv_tag *tag, otlpv_envelope *envelope)
{
    int status;
    uint64_t value;
    if (tag->wire_type == OTLPV_WIRE_VARINT && tag->number <= REQUEST_COMPLETENESS) {
        status = otlpv_read_varint(reader, &value);
        if (status != OTLPV_OK)
            return status;
        if (tag->number == REQUEST_ID)
            envelope->id = value;
        else if (tag->number == REQUEST_SIGNAL)
            envelope->signal = (uint32_t)value; /* enums keep their low 32 bits */
        else
            envelope->completeness = (uint32_t)value;
        return OTLPV_OK;
    }
    if (tag->wire_type == OTLPV_WIRE_LENGTH && tag->number == REQUEST_HELLO)
        return read_bytes(reader, base, &envelope->hello_offset, &envelope->hello_length, &envelope->has_hello);
    if (tag->wire_type == OTLPV_WIRE_LENGTH && tag->number == REQUEST_PARTS)
        return read_bytes(reader, base, &envelope->parts_offset, &envelope->parts_length, &envelope->has_parts);
    if (tag->wire_type == OTLPV_WIRE_LENGTH && tag->number == REQUEST_OTLP)
        return read_bytes(reader, base, &envelope->otlp_offset, &envelope->otlp_length, &envelope->has_otlp);
    return otlpv_skip_value(reader, tag, OTLPV_MAX_LEVELS);
}

int otlpv_open_envelope(const uint8_t *bytes, uint64_t length, otlpv_envelope *envelope, otlpv_fault *fault)
{
    *envelope = (otlpv_envelope){0};
    otlpv_reader reader = {bytes, bytes + length};
    while (reader.at < reader.end) {
        const uint64_t offset = (uint64_t)(reader.at - bytes);
        otlpv_tag tag = {0};
        int status = otlpv_read_tag(&reader, &tag);
        if (status == OTLPV_OK)
            status = read_field(&reader, bytes, &tag, envelope);
        if (status != OTLPV_OK) {
            *fault = (otlpv_fault){.offset = offset, .message = OTLPV_MESSAGE_ENVELOPE, .field = tag.number};
            return status;
        }
    }
    return OTLPV_OK;
}
