/* Where a document ends while its bytes are still coming in: see json.h. */

#include "json_lexer.h"

/* Whether an object or array can begin behind this byte, inside of another one. */
static bool may_precede_value(uint32_t byte)
{
    return byte == '[' || byte == ',' || byte == ':';
}

/* The rest of a string; returns the position behind what could be read, with in_string cleared if it has ended. */
static const uint8_t *in_string(const uint8_t *at, const uint8_t *end, otlpv_json_scan *scan)
{
    if (scan->escaped && at < end) {
        scan->escaped = 0;
        at += *at != '\n';
    }
    while (at < end) {
        at = otlpv_json_plain_end(at, end);
        if (at == end || *at == '\n')
            break;
        if (*at == '"') {
            scan->in_string = 0;
            return at + 1;
        }
        if (*at < ' ') { /* other control characters: for the reader to refuse */
            while (at < end && *at < ' ' && *at != '\n')
                at++;
            continue;
        }
        if (at + 1 == end) {
            scan->escaped = 1;
            return end;
        }
        at += at[1] == '\n' ? 1 : 2;
    }
    return at;
}

int otlpv_json_find_end(const uint8_t *bytes, uint64_t length, otlpv_json_scan *scan)
{
    const uint8_t *at = bytes + scan->scanned, *end = bytes + length;
    int result = OTLPV_JSON_GOES_ON;
    while (at < end && result == OTLPV_JSON_GOES_ON) {
        if (scan->in_string) {
            at = in_string(at, end, scan);
            if (scan->in_string && at < end)
                result = OTLPV_JSON_BROKEN; /* at the line feed */
            continue;
        }
        const uint8_t c = *at;
        const bool opens = c == '{' || c == '[';
        if (opens && scan->new_line && scan->depth > 0 && !may_precede_value(scan->last)) {
            result = OTLPV_JSON_BROKEN;
            continue;
        }
        at++;
        scan->new_line = c == '\n';
        scan->lines += c == '\n';
        if (c > ' ')
            scan->last = c;
        if (c == '"')
            scan->in_string = 1;
        else if (opens)
            scan->depth++;
        else if ((c == '}' || c == ']') && --scan->depth == 0)
            result = OTLPV_JSON_ENDS;
    }
    scan->scanned = (uint64_t)(at - bytes);
    return result;
}
