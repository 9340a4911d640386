/* The module `otlp_verifier.kernels._library`: kernels as functions of Python.
 *
 * A call checks each array's type, layout and number of dimensions, writes addresses and numbers into words, and runs
 * the kernel without the interpreter's lock. Arrays are held through the buffer protocol meanwhile. */

#include "arguments.h"
#include "call.h"
#include "chain.h"

#include <string.h>

#include "memory.h"

int otlpv_kind;

const struct otlpv_kernel *otlpv_find(const char *name, const char *takes) {
    const struct otlpv_kernel *kernel = otlpv_kernels;
    while (kernel->name != NULL && strcmp(kernel->name, name) != 0) {
        kernel++;
    }
    return kernel->name != NULL && strcmp(kernel->takes, takes) == 0 ? kernel : NULL;
}

PyObject *otlpv_raise(const char *name) {
    if (otlpv_out_of_memory) {
        otlpv_out_of_memory = 0;
        return PyErr_NoMemory();
    }
    return PyErr_Format(PyExc_RuntimeError, "%s raised an exception; OTLP_VERIFIER_UNCOMPILED=1 shows which and where",
                        name);
}

static PyObject *results(int gives, const int64_t *words) {
    if (gives == 0) {
        Py_RETURN_NONE;
    }
    if (gives == 1) {
        return PyLong_FromLongLong(words[0]);
    }
    PyObject *all = PyTuple_New(gives);
    for (int i = 0; all != NULL && i < gives; i++) {
        PyObject *one = PyLong_FromLongLong(words[i]);
        if (one == NULL || PyTuple_SetItem(all, i, one) < 0) { /* which takes the reference, even when it fails */
            Py_CLEAR(all);
        }
    }
    return all;
}

static PyObject *call(PyObject *self, PyObject *const *arguments, Py_ssize_t count) {
    const struct otlpv_kernel *kernel = PyCapsule_GetPointer(self, NULL);
    if (kernel == NULL) {
        return NULL;
    }
    struct otlpv_held held = {.count = 0};
    int64_t words[OTLPV_WORDS_MAX];
    PyObject *result = NULL;
    if (otlpv_hold(kernel, arguments, count, words, &held, NULL) == 0) {
        int32_t status;
        Py_BEGIN_ALLOW_THREADS
        status = kernel->codes[otlpv_kind](words);
        Py_END_ALLOW_THREADS
        result = status != 0 ? otlpv_raise(kernel->name) : results(kernel->takes[0] - '0', words);
    }
    otlpv_release(&held);
    return result;
}

static PyMethodDef CALL = {"kernel", (PyCFunction)(void (*)(void))call, METH_FASTCALL, NULL};

static PyObject *kernel(PyObject *module, PyObject *arguments) {
    const char *name, *takes;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "ss", &name, &takes)) {
        return NULL;
    }
    const struct otlpv_kernel *found = otlpv_find(name, takes);
    if (found == NULL) {
        Py_RETURN_NONE;
    }
    if (strlen(takes) > 1 + 2 * OTLPV_ARGUMENTS_MAX) {
        return PyErr_Format(PyExc_ValueError, "%s takes more than %d arguments", name, OTLPV_ARGUMENTS_MAX);
    }
    PyObject *self = PyCapsule_New((void *)(uintptr_t)found, NULL, NULL);
    if (self == NULL) {
        return NULL;
    }
    PyObject *made = PyCFunction_NewEx(&CALL, self, NULL);
    Py_DECREF(self);
    return made;
}

static PyObject *digests(PyObject *module, PyObject *nothing) {
    (void)module;
    (void)nothing;
    PyObject *all = PyDict_New();
    for (const struct otlpv_kernel *each = otlpv_kernels; all != NULL && each->name != NULL; each++) {
        PyObject *digest = PyUnicode_FromString(each->digest);
        if (digest == NULL || PyDict_SetItemString(all, each->name, digest) < 0) {
            Py_CLEAR(all);
        }
        Py_XDECREF(digest);
    }
    return all;
}

static PyObject *kinds(PyObject *module, PyObject *nothing) {
    (void)module;
    (void)nothing;
    PyObject *all = PyList_New(0);
    for (int i = 0; all != NULL && otlpv_kinds[i] != NULL; i++) {
        if (!otlpv_runs_here(i)) {
            continue;
        }
        PyObject *name = PyUnicode_FromString(otlpv_kinds[i]);
        if (name == NULL || PyList_Append(all, name) < 0) {
            Py_CLEAR(all);
        }
        Py_XDECREF(name);
    }
    return all;
}

static PyObject *use(PyObject *module, PyObject *name) {
    (void)module;
    Py_ssize_t length;
    const char *wanted = PyUnicode_AsUTF8AndSize(name, &length);
    if (wanted == NULL) {
        return NULL;
    }
    for (int i = 0; otlpv_kinds[i] != NULL; i++) {
        if (otlpv_runs_here(i) && strcmp(otlpv_kinds[i], wanted) == 0) {
            otlpv_kind = i;
            Py_RETURN_NONE;
        }
    }
    return PyErr_Format(PyExc_ValueError, "this processor is no %s", wanted);
}

static PyMethodDef FUNCTIONS[] = {
    {"kernel", kernel, METH_VARARGS, "The kernel of a name and type, to be called; None where there is none."},
    {"chain", otlpv_chain, METH_O, "Kernels and C functions with their arguments, to be called in one; see chain.c."},
    {"digests", digests, METH_NOARGS, "By name, what each kernel was made of."},
    {"kinds", kinds, METH_NOARGS, "The kinds of processors that this one is, the best last, which is used at first."},
    {"use", use, METH_O, "Call what was made for another kind of processor; while no kernel runs."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "_library", NULL, -1, FUNCTIONS, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__library(void) {
    for (int i = 0; otlpv_kinds[i] != NULL; i++) {
        if (otlpv_runs_here(i)) {
            otlpv_kind = i;
        }
    }
    return PyModule_Create(&MODULE);
}
