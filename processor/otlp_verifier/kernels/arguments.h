/* Arguments of kernels: checked, held, and laid out as words. */

#ifndef OTLPV_ARGUMENTS_H
#define OTLPV_ARGUMENTS_H

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "call.h"

enum { OTLPV_ARGUMENTS_MAX = 32, OTLPV_WORDS_MAX = 3 * OTLPV_ARGUMENTS_MAX };

struct otlpv_held {
    Py_buffer views[OTLPV_ARGUMENTS_MAX];
    int count;
};

/* Write the words of a call; 0, or -1 with an exception set. Either way the arrays in `held`, empty before, are the
 * caller's to release. With `batch_at`, below 0 before, None may stand for bytes that are only read: it is set to
 * where their address and length go. */
int otlpv_hold(const struct otlpv_kernel *kernel, PyObject *const *arguments, Py_ssize_t count, int64_t *words,
               struct otlpv_held *held, int *batch_at);
void otlpv_release(struct otlpv_held *held);

#endif
