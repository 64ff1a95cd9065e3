/* The part of CPython's stable ABI (3.11) that the kernel calls, declared here so that a C compiler is all that building it
   takes: neither a fresh Debian nor Lambda's images have Python's headers.

   Source: https://docs.python.org/3.11/c-api/stable.html; Misc/stable_abi.toml lists every name since 3.11 or before. */
#ifndef FASTXFORM_PYTHON_ABI_H
#define FASTXFORM_PYTHON_ABI_H
#include <stddef.h>

typedef ptrdiff_t Py_ssize_t;
typedef struct {
    Py_ssize_t ob_refcnt;
    void *ob_type;
} PyObject;
typedef PyObject *(*PyCFunction)(PyObject *, PyObject *);
typedef struct {
    const char *ml_name;
    PyCFunction ml_meth;
    int ml_flags;
    const char *ml_doc;
} PyMethodDef;
typedef struct {
    PyObject ob_base;
    PyObject *(*m_init)(void);
    Py_ssize_t m_index;
    PyObject *m_copy;
} PyModuleDef_Base;
typedef struct {
    PyModuleDef_Base m_base;
    const char *m_name, *m_doc;
    Py_ssize_t m_size;
    PyMethodDef *m_methods;
    void *m_slots, *m_traverse, *m_clear, *m_free;
} PyModuleDef;
typedef struct {
    void *buf;
    PyObject *obj;
    Py_ssize_t len, itemsize;
    int readonly, ndim;
    char *format;
    Py_ssize_t *shape, *strides, *suboffsets;
    void *internal;
} Py_buffer;

#define PyModuleDef_HEAD_INIT {{1, NULL}, NULL, 0, NULL}
#define PYTHON_ABI_VERSION 3
#define METH_VARARGS 1
#define PyBUF_SIMPLE 0

extern PyObject _Py_NoneStruct, PyDict_Type, PyUnicode_Type;
extern PyObject *PyExc_IndexError, *PyExc_TypeError, *PyExc_ValueError, *PyExc_SystemError;

void Py_IncRef(PyObject *);
void Py_DecRef(PyObject *);
int PyArg_ParseTuple(PyObject *, const char *, ...);
PyObject *Py_BuildValue(const char *, ...);
PyObject *PyObject_CallMethod(PyObject *, const char *, const char *, ...);
PyObject *PyObject_CallFunctionObjArgs(PyObject *, ...);
int PyObject_GetBuffer(PyObject *, Py_buffer *, int);
void PyBuffer_Release(Py_buffer *);
PyObject *PyBytes_FromStringAndSize(const char *, Py_ssize_t);
char *PyBytes_AsString(PyObject *);
int PyBytes_AsStringAndSize(PyObject *, char **, Py_ssize_t *);
PyObject *PyUnicode_FromStringAndSize(const char *, Py_ssize_t);
PyObject *PyUnicode_FromString(const char *);
PyObject *PyUnicode_InternFromString(const char *);
const char *PyUnicode_AsUTF8AndSize(PyObject *, Py_ssize_t *);
PyObject *PyBool_FromLong(long);
PyObject *PyLong_FromLong(long);
PyObject *PyLong_FromUnsignedLongLong(unsigned long long);
long PyLong_AsLong(PyObject *);
PyObject *PyTuple_New(Py_ssize_t);
int PyTuple_SetItem(PyObject *, Py_ssize_t, PyObject *);
PyObject *PyTuple_GetItem(PyObject *, Py_ssize_t);
Py_ssize_t PyTuple_Size(PyObject *);
PyObject *PyList_New(Py_ssize_t);
int PyList_SetItem(PyObject *, Py_ssize_t, PyObject *);
PyObject *PyList_GetItem(PyObject *, Py_ssize_t);
Py_ssize_t PyList_Size(PyObject *);
PyObject *PyDict_New(void);
PyObject *PyDict_Copy(PyObject *);
PyObject *PyDict_GetItemWithError(PyObject *, PyObject *);
int PyDict_SetItem(PyObject *, PyObject *, PyObject *);
PyObject *PyCapsule_New(void *, const char *, void (*)(PyObject *));
void *PyCapsule_GetPointer(PyObject *, const char *);
PyObject *PyErr_NoMemory(void);
PyObject *PyErr_Occurred(void);
void PyErr_SetString(PyObject *, const char *);
void PyErr_Clear(void);
PyObject *PyModule_Create2(PyModuleDef *, int);

#define Py_None (&_Py_NoneStruct)

/* ---- what is left out of it */

static void set_error(PyObject *type, const char *message) {
    if (!PyErr_Occurred()) PyErr_SetString(type, message);
}

static PyObject *new_none(void) {
    Py_IncRef(Py_None);
    return Py_None;
}

static void drop(PyObject *object) {
    if (object) Py_DecRef(object);
}
#endif
