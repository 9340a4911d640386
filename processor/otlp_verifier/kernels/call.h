/* What the table of kernels, which objects.py writes, has in common with call.c. */

#ifndef OTLPV_CALL_H
#define OTLPV_CALL_H

#include <stdint.h>

enum { OTLPV_KINDS_MAX = 4 };

/* A kernel: gets its arguments as words, puts what it gives in their place; not 0 where it raised an exception. An
 * array is its address, then its shape. */
typedef int32_t otlpv_code(int64_t *words);

struct otlpv_kernel {
    const char *name;
    const char *takes;  /* how many int64 it gives, 0 to 9; then two characters an argument (types.py) */
    const char *digest; /* of its sources */
    otlpv_code *codes[OTLPV_KINDS_MAX]; /* by kind of processor */
};

extern struct otlpv_kernel otlpv_kernels[]; /* the last one has no name */
extern const char *const otlpv_kinds[];     /* ends with 0; any processor runs the first, the last are the best */
int otlpv_runs_here(int kind);

extern int otlpv_kind; /* which code is called; written when the module is made, and by tests */
const struct otlpv_kernel *otlpv_find(const char *name, const char *takes); /* NULL where there is none */

#endif
