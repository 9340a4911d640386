/* Chains: steps that are called one after another, without the interpreter in between.
 *
 * A step is a kernel with its arguments, or a C function of another module that takes words as well. Arguments are
 * checked, and arrays held, when the chain is made; what differs from batch to batch is the bytes, and what stands in
 * the arrays. A step that gives anything but 0 asks for Python: the chain stops there, and is called again. */

#include "chain.h"

#include <string.h>

typedef int64_t native(const int64_t *words); /* see wire/steps.h */

enum { NO_BATCH = -1 };

struct step {
    const struct otlpv_kernel *kernel; /* or NULL: */
    native *function;
    int batch_at; /* the word for the address of the bytes; a kernel has their length in the next one */
    int64_t words[OTLPV_WORDS_MAX];
    struct otlpv_held held;
};

struct chain {
    int count, is_running;
    struct step steps[];
};

static void release(PyObject *capsule) {
    struct chain *chain = PyCapsule_GetPointer(capsule, NULL);
    for (int i = 0; i < chain->count; i++) {
        otlpv_release(&chain->steps[i].held);
    }
    PyMem_Free(chain);
}

/* The kernel of a step, `(name, type, arguments)`. */
static int make_kernel(struct step *step, PyObject *parts) {
    const char *name, *takes;
    PyObject *arguments;
    if (!PyArg_ParseTuple(parts, "ssO!", &name, &takes, &PyTuple_Type, &arguments)) {
        return -1;
    }
    step->kernel = otlpv_find(name, takes);
    if (step->kernel == NULL || takes[0] > '1') {
        PyErr_Format(PyExc_ValueError, "no kernel %s of type %s for a chain: it gives one number or none", name, takes);
        return -1;
    }
    PyObject *each[OTLPV_ARGUMENTS_MAX];
    const Py_ssize_t count = PyTuple_Size(arguments);
    for (Py_ssize_t i = 0; i < count && i < OTLPV_ARGUMENTS_MAX; i++) {
        each[i] = PyTuple_GetItem(arguments, i);
    }
    return otlpv_hold(step->kernel, each, count, step->words, &step->held, &step->batch_at);
}

/* The C function of a step, `(address, words)`; None among the words is the address of the bytes. */
static int make_native(struct step *step, PyObject *parts) {
    PyObject *address, *words;
    if (!PyArg_ParseTuple(parts, "OO!", &address, &PyTuple_Type, &words)) {
        return -1;
    }
    void *function = PyLong_AsVoidPtr(address);
    if (function == NULL) {
        if (PyErr_Occurred() == NULL) {
            PyErr_SetString(PyExc_ValueError, "a step without a function");
        }
        return -1;
    }
    memcpy(&step->function, &function, sizeof function); /* C has no conversion from objects to functions */
    const Py_ssize_t count = PyTuple_Size(words);
    if (count > OTLPV_WORDS_MAX) {
        PyErr_Format(PyExc_ValueError, "%zd words: a step has at most %d", count, OTLPV_WORDS_MAX);
        return -1;
    }
    for (int i = 0; i < count; i++) {
        PyObject *word = PyTuple_GetItem(words, i);
        if (word == Py_None) {
            if (step->batch_at != NO_BATCH) {
                PyErr_SetString(PyExc_ValueError, "a step is told of the bytes once");
                return -1;
            }
            step->batch_at = i;
        } else {
            step->words[i] = PyLong_AsLongLong(word);
            if (PyErr_Occurred() != NULL) {
                return -1;
            }
        }
    }
    return 0;
}

/* Run steps from `first` on; which one stopped, or how many there are. `result` is what that one gave. */
static int run(struct chain *chain, int first, const Py_buffer *bytes, int64_t *result, int32_t *status) {
    int at = first;
    *result = 0;
    *status = 0;
    for (; at < chain->count && *result == 0; at++) {
        struct step *step = chain->steps + at;
        if (step->kernel == NULL) {
            if (step->batch_at != NO_BATCH) {
                step->words[step->batch_at] = (int64_t)(intptr_t)bytes->buf;
            }
            *result = step->function(step->words);
            continue;
        }
        if (step->batch_at != NO_BATCH) {
            step->words[step->batch_at] = (int64_t)(intptr_t)bytes->buf;
            step->words[step->batch_at + 1] = bytes->len;
        }
        const int64_t before = step->words[0]; /* where a kernel puts what it gives */
        *status = step->kernel->codes[otlpv_kind](step->words);
        if (step->kernel->takes[0] == '1') {
            *result = step->words[0];
        }
        step->words[0] = before;
        if (*status != 0) {
            return at;
        }
    }
    return *result == 0 ? at : at - 1;
}

static PyObject *call(PyObject *self, PyObject *const *arguments, Py_ssize_t count) {
    struct chain *chain = PyCapsule_GetPointer(self, NULL);
    if (chain == NULL) {
        return NULL;
    }
    const long first = count == 2 ? PyLong_AsLong(arguments[1]) : -1;
    if (first < 0) {
        return PyErr_Occurred() != NULL ? NULL : PyErr_Format(PyExc_TypeError, "a chain takes bytes and a step");
    }
    if (chain->is_running) {
        return PyErr_Format(PyExc_RuntimeError, "a chain is used by two threads at once");
    }
    Py_buffer bytes;
    if (PyObject_GetBuffer(arguments[0], &bytes, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    int64_t result;
    int32_t status;
    int at = chain->count;
    chain->is_running = 1;
    Py_BEGIN_ALLOW_THREADS
    at = run(chain, first < chain->count ? (int)first : chain->count, &bytes, &result, &status);
    Py_END_ALLOW_THREADS
    chain->is_running = 0;
    PyBuffer_Release(&bytes);
    if (status != 0) {
        return otlpv_raise(chain->steps[at].kernel->name);
    }
    if (result == 0) {
        Py_RETURN_NONE;
    }
    return Py_BuildValue("iL", at, (long long)result);
}

static PyMethodDef CALL = {"chain", (PyCFunction)(void (*)(void))call, METH_FASTCALL, NULL};

PyObject *otlpv_chain(PyObject *module, PyObject *steps) {
    (void)module;
    const Py_ssize_t count = PyList_Size(steps);
    if (count < 0) {
        return NULL;
    }
    struct chain *chain = PyMem_Calloc(1, sizeof *chain + (size_t)count * sizeof *chain->steps);
    if (chain == NULL) {
        return PyErr_NoMemory();
    }
    PyObject *self = PyCapsule_New(chain, NULL, release);
    if (self == NULL) {
        PyMem_Free(chain);
        return NULL;
    }
    PyObject *made = NULL;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *parts = PyList_GetItem(steps, i);
        struct step *step = chain->steps + i;
        step->batch_at = NO_BATCH;
        chain->count = (int)i + 1;
        const int is_kernel = PyTuple_Check(parts) && PyTuple_Size(parts) == 3;
        if ((is_kernel ? make_kernel(step, parts) : make_native(step, parts)) < 0) {
            goto done;
        }
    }
    made = PyCFunction_NewEx(&CALL, self, NULL);
done:
    Py_DECREF(self);
    return made;
}
