/* Control characters in string values. */

/* found[row] = `bit` where the row's value is a string that holds a control character other than tab, line feed and
 * carriage return (U+0000 to U+001F, U+007F), else 0; for all rows of a table of values. */
void otlpv_find_control(const uint8_t *bytes, const uint64_t *values, const uint32_t *types, uint32_t rows,
                        uint32_t bit, uint32_t *found);
