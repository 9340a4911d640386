/* Arguments of kernels: what Python hands over, as words. See arguments.h. */

#include "arguments.h"

#include <string.h>

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

int otlpv_hold(const struct otlpv_kernel *kernel, PyObject *const *arguments, Py_ssize_t count, int64_t *words,
               struct otlpv_held *held, int *batch_at) {
    const char *takes = kernel->takes + 1;
    if ((size_t)count * 2 != strlen(takes)) {
        PyErr_Format(PyExc_TypeError, "%s takes %zd arguments, not %zd", kernel->name, (Py_ssize_t)strlen(takes) / 2,
                     count);
        return -1;
    }
    int at = 0;
    for (Py_ssize_t i = 0; i < count; i++, takes += 2) {
        if (takes[1] == '0') {
            if (put_number(arguments[i], takes[0], words + at) < 0) {
                return -1;
            }
            at++;
        } else if (takes[1] == 'r' && batch_at != NULL && arguments[i] == Py_None) {
            if (*batch_at >= 0) {
                PyErr_SetString(PyExc_ValueError, "a step is told of the bytes once");
                return -1;
            }
            *batch_at = at;
            at += 2;
        } else {
            const int more = put_array(arguments[i], takes, held->views + held->count, words + at, kernel->name, i);
            if (more < 0) {
                return -1;
            }
            held->count++;
            at += more;
        }
    }
    return 0;
}

void otlpv_release(struct otlpv_held *held) {
    while (held->count > 0) {
        PyBuffer_Release(held->views + --held->count);
    }
}
