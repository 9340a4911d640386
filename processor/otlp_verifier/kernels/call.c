/* The module `otlp_verifier.kernels._library`: kernels as functions of Python.
 *
 * A call checks each array's type, layout and number of dimensions, writes addresses and numbers into words, and runs
 * the kernel without the interpreter's lock. Arrays are held through the buffer protocol meanwhile. */

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string.h>

#include "call.h"
#include "memory.h"

enum { ARGUMENTS_MAX = 32, WORDS_MAX = 3 * ARGUMENTS_MAX };

static int kind; /* which code is called; written when the module is made, and by tests */

static const struct otlpv_kernel *find(const char *name) {
    const struct otlpv_kernel *kernel = otlpv_kernels;
    while (kernel->name != NULL && strcmp(kernel->name, name) != 0) {
        kernel++;
    }
    return kernel;
}

/* Whether `format`, of the struct module, is the element `wanted`: long is long long here, whichever numpy names. */
static int is_element(char wanted, const char *format) {
    if (format == NULL || format[0] == '\0' || format[1] != '\0') {
        return 0;
    }
    char found = format[0];
    if (sizeof(long) == sizeof(long long) && (found == 'l' || found == 'L')) {
        found = found == 'l' ? 'q' : 'Q';
    }
    return found == wanted;
}

/* Write an array's address and shape; how many words, or -1 with an exception set. */
static int put_array(PyObject *argument, const char *takes, Py_buffer *view, int64_t *words, const char *name,
                     Py_ssize_t number) {
    const int is_read = takes[1] == 'r', dimensions = is_read ? 1 : takes[1] - '0';
    if (PyObject_GetBuffer(argument, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (is_read ? 0 : PyBUF_WRITABLE)) < 0) {
        return -1;
    }
    if (view->ndim != dimensions || !is_element(takes[0], view->format)) {
        PyErr_Format(PyExc_TypeError, "%s: argument %zd has to be an array of %c in %d dimensions, not of %s in %d",
                     name, number, takes[0], dimensions, view->format == NULL ? "?" : view->format, view->ndim);
        PyBuffer_Release(view);
        return -1;
    }
    words[0] = (int64_t)(intptr_t)view->buf;
    for (int i = 0; i < dimensions; i++) {
        words[1 + i] = view->shape[i];
    }
    return 1 + dimensions;
}

/* Write a number; 0, or -1 with an exception set. */
static int put_number(PyObject *argument, char element, int64_t *word) {
    if (element == '?') {
        const int truth = PyObject_IsTrue(argument);
        *word = truth;
        return truth < 0 ? -1 : 0;
    }
    PyObject *number = PyNumber_Index(argument);
    if (number == NULL) {
        return -1;
    }
    *word = element == 'Q' ? (int64_t)PyLong_AsUnsignedLongLong(number) : PyLong_AsLongLong(number);
    Py_DECREF(number);
    return *word == -1 && PyErr_Occurred() != NULL ? -1 : 0;
}

static PyObject *results(const char *name, int gives, const int64_t *words, int32_t status) {
    if (status != 0) {
        if (otlpv_out_of_memory) {
            otlpv_out_of_memory = 0;
            return PyErr_NoMemory();
        }
        return PyErr_Format(PyExc_RuntimeError,
                            "%s raised an exception; OTLP_VERIFIER_UNCOMPILED=1 shows which and where", name);
    }
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
    const char *takes = kernel->takes + 1;
    if ((size_t)count * 2 != strlen(takes)) {
        return PyErr_Format(PyExc_TypeError, "%s takes %zd arguments, not %zd", kernel->name,
                            (Py_ssize_t)strlen(takes) / 2, count);
    }
    Py_buffer views[ARGUMENTS_MAX];
    int64_t words[WORDS_MAX];
    int held = 0, at = 0;
    PyObject *result = NULL;
    for (Py_ssize_t i = 0; i < count; i++, takes += 2) {
        if (takes[1] == '0') {
            if (put_number(arguments[i], takes[0], words + at) < 0) {
                goto release;
            }
            at++;
        } else {
            const int more = put_array(arguments[i], takes, views + held, words + at, kernel->name, i);
            if (more < 0) {
                goto release;
            }
            held++;
            at += more;
        }
    }
    int32_t status;
    Py_BEGIN_ALLOW_THREADS
    status = kernel->codes[kind](words);
    Py_END_ALLOW_THREADS
    result = results(kernel->name, kernel->takes[0] - '0', words, status);
release:
    while (held > 0) {
        PyBuffer_Release(views + --held);
    }
    return result;
}

static PyMethodDef CALL = {"kernel", (PyCFunction)(void (*)(void))call, METH_FASTCALL, NULL};

static PyObject *kernel(PyObject *module, PyObject *arguments) {
    const char *name, *takes;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "ss", &name, &takes)) {
        return NULL;
    }
    const struct otlpv_kernel *found = find(name);
    if (found->name == NULL || strcmp(found->takes, takes) != 0) {
        Py_RETURN_NONE;
    }
    if (strlen(takes) > 1 + 2 * ARGUMENTS_MAX) {
        return PyErr_Format(PyExc_ValueError, "%s takes more than %d arguments", name, ARGUMENTS_MAX);
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
            kind = i;
            Py_RETURN_NONE;
        }
    }
    return PyErr_Format(PyExc_ValueError, "this processor is no %s", wanted);
}

static PyMethodDef FUNCTIONS[] = {
    {"kernel", kernel, METH_VARARGS, "The kernel of a name and type, to be called; None where there is none."},
    {"digests", digests, METH_NOARGS, "By name, what each kernel was made of."},
    {"kinds", kinds, METH_NOARGS, "The kinds of processors that this one is, the best last, which is used at first."},
    {"use", use, METH_O, "Call what was made for another kind of processor; while no kernel runs."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "_library", NULL, -1, FUNCTIONS, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__library(void) {
    for (int i = 0; otlpv_kinds[i] != NULL; i++) {
        if (otlpv_runs_here(i)) {
            kind = i;
        }
    }
    return PyModule_Create(&MODULE);
}
