/* See memory.c. The names are numba's. */

#ifndef OTLPV_MEMORY_H
#define OTLPV_MEMORY_H

#include <stddef.h>
#include <stdint.h>

extern _Thread_local int otlpv_out_of_memory; /* set when there was no memory for an array */

/* NULL where there is none: the kernel raises MemoryError then, and its caller in call.c too. */
void *NRT_MemInfo_alloc_aligned(size_t size, unsigned alignment);
void NRT_MemInfo_call_dtor(void *block);

#endif
