/* Numbers: JSON text to binary ones, without regard to the process's locale. */
#ifndef OTLPV_JSON_NUMBER_H
#define OTLPV_JSON_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint64_t magnitude;
    bool negative;
    bool whole; /* false: not a whole number, or beyond 64 bits; the others mean nothing then */
} otlpv_json_whole;

/* A number in JSON's grammar as a whole one: 12, -3, 1.0, 25e-1e... `text` has been found to be one. */
otlpv_json_whole otlpv_json_whole_number(const uint8_t *text, uint64_t length);

/* The nearest double; infinite beyond their range. `text` has been found to be a number in JSON's grammar. */
double otlpv_json_double_number(const uint8_t *text, uint64_t length);

#endif
