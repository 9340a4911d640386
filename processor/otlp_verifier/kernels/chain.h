/* Kernels and C functions one after another. */

#ifndef OTLPV_CHAIN_H
#define OTLPV_CHAIN_H

#include "arguments.h"

/* NULL, with the exception set that a kernel raised; of call.c. */
PyObject *otlpv_raise(const char *name);

/* Python's `chain(steps)`: what is called with bytes and the number of a step, and runs the steps from there on. */
PyObject *otlpv_chain(PyObject *module, PyObject *steps);

#endif
