/* Control characters: see control.h. */

#include <stdbool.h>

#include "reader.h"
#include "table.h"

#define EACH(byte) (0x0101010101010101u * (uint64_t)(byte))

/* Bytes of which some is below 0x20 or 0x7F have a top bit set; others, beyond ASCII apart, have none. */
static inline uint64_t suspects(uint64_t word)
{
    const uint64_t deleted = word ^ EACH(0x7F);
    return (((word - EACH(0x20)) & ~word) | ((deleted - EACH(1)) & ~deleted)) & EACH(0x80);
}

static bool is_control(uint8_t byte)
{
    return (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7F;
}

static bool any_control(const uint8_t *bytes, uint32_t length)
{
    for (uint32_t at = 0; at < length; at++)
        if (is_control(bytes[at]))
            return true;
    return false;
}

static bool has_control(const uint8_t *bytes, uint32_t length)
{
    if (length < 8)
        return any_control(bytes, length);
    uint64_t found = suspects(otlpv_load64(bytes + length - 8));
    for (uint32_t at = 0; at + 8 < length; at += 8)
        found |= suspects(otlpv_load64(bytes + at));
    return found != 0 && any_control(bytes, length);
}

void otlpv_find_control(const uint8_t *bytes, const uint64_t *values, const uint32_t *types, uint32_t rows,
                        uint32_t bit, uint32_t *found)
{
    for (uint32_t row = 0; row < rows; row++)
        found[row] = types[row] == OTLPV_STRING &&
                             has_control(bytes + otlpv_text_offset(values[row]), otlpv_text_length(values[row]))
                         ? bit
                         : 0;
}
