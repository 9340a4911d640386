/* What compiled kernels ask of numba's runtime: memory for arrays that they make for themselves. Such an array's
 * block begins with what compiled code reads of it, in numba's layout; it is never seen outside of its kernel. */

#include <stdlib.h>
#include <string.h>

#include "memory.h"

_Thread_local int otlpv_out_of_memory;

struct block {
    size_t references; /* counted by compiled code */
    void *destructor, *destructor_info;
    void *data; /* read by compiled code */
    size_t size;
    void *allocator;
};

void *NRT_MemInfo_alloc_aligned(size_t size, unsigned alignment) {
    const size_t step = alignment < sizeof(void *) ? sizeof(void *) : alignment;
    if (size > SIZE_MAX - sizeof(struct block) - step) {
        otlpv_out_of_memory = 1;
        return NULL;
    }
    struct block *block = malloc(sizeof *block + step + size);
    if (block == NULL) {
        otlpv_out_of_memory = 1;
        return NULL;
    }
    const uintptr_t after = (uintptr_t)(block + 1);
    *block = (struct block){.references = 1, .data = (void *)((after + step - 1) / step * step), .size = size};
    return block;
}

/* The last reference is gone. */
void NRT_MemInfo_call_dtor(void *block) { free(block); }
