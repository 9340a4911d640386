/* UTF-8: see utf8.h. */

#include "utf8.h"

static inline bool is_tail(uint8_t byte) { return (byte & 0xC0) == 0x80; }

bool otlpv_is_utf8_beyond_ascii(const uint8_t *bytes, uint64_t length)
{
    const uint8_t *at = bytes;
    const uint8_t *const end = bytes + length;
    while (at < end) {
        if (*at < 0x80) {
            while (end - at >= 8 && (otlpv_load64(at) & OTLPV_TOP_BITS) == 0)
                at += 8;
            while (at < end && *at < 0x80)
                at++;
            continue;
        }
        const uint8_t lead = at[0];
        const uint64_t left = (uint64_t)(end - at);
        if (lead < 0xE0) { /* 80..C1 lead nothing: a tail byte, or an overlong form of ASCII */
            if (lead < 0xC2 || left < 2 || !is_tail(at[1]))
                return false;
            at += 2;
        } else if (lead < 0xF0) {
            if (left < 3 || !is_tail(at[1]) || !is_tail(at[2]))
                return false;
            if ((lead == 0xE0 && at[1] < 0xA0) || (lead == 0xED && at[1] > 0x9F)) /* overlong, surrogate */
                return false;
            at += 3;
        } else {
            if (lead > 0xF4 || left < 4 || !is_tail(at[1]) || !is_tail(at[2]) || !is_tail(at[3]))
                return false;
            if ((lead == 0xF0 && at[1] < 0x90) || (lead == 0xF4 && at[1] > 0x8F)) /* overlong, > U+10FFFF */
                return false;
            at += 4;
        }
    }
    return true;
}
