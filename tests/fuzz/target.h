/* What all fuzz targets share: the entry that libFuzzer and driver.c call, and blocks of exactly their size. */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort(); \
        } \
    } while (0)

static void *block(size_t size)
{
    void *memory = malloc(size + (size == 0)); /* malloc(0) may be NULL */
    REQUIRE(memory != NULL);
    memset(memory, 0xAA, size);
    return memory;
}
