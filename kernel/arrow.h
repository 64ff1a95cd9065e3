/* Arrays out to Arrow and in from it, by the C data interface.

   Source: https://arrow.apache.org/docs/format/CDataInterface.html */
#ifndef FASTXFORM_ARROW_H
#define FASTXFORM_ARROW_H
#include "common.h"
#include "python_abi.h"
#include <stdio.h>

struct ArrowSchema {
    const char *format, *name, *metadata;
    i64 flags, n_children;
    struct ArrowSchema **children, *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};
struct ArrowArray {
    i64 length, null_count, offset, n_buffers, n_children;
    const void **buffers;
    struct ArrowArray **children, *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

#define ARROW_FLAG_NULLABLE 2
#define FORMAT_SIZE 32

/* ---- out */

static void release_schema(struct ArrowSchema *schema) {
    free(schema->private_data); /* the format */
    schema->release = NULL;
}

static void release_array(struct ArrowArray *array) {
    for (i64 i = 0; i < array->n_buffers; i++) free((void *)array->buffers[i]);
    free(array->buffers);
    array->release = NULL;
}

static void destroy_schema(PyObject *capsule) {
    struct ArrowSchema *schema = PyCapsule_GetPointer(capsule, "arrow_schema");
    if (schema && schema->release) schema->release(schema);
    free(schema);
}

static void destroy_array(PyObject *capsule) {
    struct ArrowArray *array = PyCapsule_GetPointer(capsule, "arrow_array");
    if (array && array->release) array->release(array);
    free(array);
}

/* Returns the capsules (schema, array) of an array of one to three buffers, which it takes: they are freed in any case. */
static PyObject *export_array(const char *format, i64 length, i64 null_count, u8 *validity, u8 *first, u8 *second) {
    struct ArrowSchema *schema = calloc(1, sizeof *schema);
    struct ArrowArray *array = calloc(1, sizeof *array);
    const void **buffers = calloc(3, sizeof *buffers);
    char *own_format = malloc(FORMAT_SIZE);
    if (!schema || !array || !buffers || !own_format) {
        free(schema);
        free(array);
        free(buffers);
        free(own_format);
        free(validity);
        free(first);
        free(second);
        return PyErr_NoMemory();
    }
    snprintf(own_format, FORMAT_SIZE, "%s", format);
    buffers[0] = validity;
    buffers[1] = first;
    buffers[2] = second;
    *schema = (struct ArrowSchema){.format = own_format, .name = "", .flags = ARROW_FLAG_NULLABLE, .release = release_schema, .private_data = own_format};
    *array = (struct ArrowArray){.length = length, .null_count = null_count, .n_buffers = second ? 3 : 2, .buffers = buffers, .release = release_array};
    PyObject *schema_capsule = PyCapsule_New(schema, "arrow_schema", destroy_schema);
    if (!schema_capsule) {
        release_schema(schema);
        free(schema);
    }
    PyObject *array_capsule = PyCapsule_New(array, "arrow_array", destroy_array);
    if (!array_capsule) {
        release_array(array);
        free(array);
    }
    PyObject *pair = schema_capsule && array_capsule ? PyTuple_New(2) : NULL;
    if (!pair) {
        if (schema_capsule) Py_DecRef(schema_capsule);
        if (array_capsule) Py_DecRef(array_capsule);
        return NULL;
    }
    PyTuple_SetItem(pair, 0, schema_capsule);
    PyTuple_SetItem(pair, 1, array_capsule);
    return pair;
}

/* Exports a buffer of values of one width. */
static PyObject *export_buffer(Buffer *buffer, const char *format, size_t width) {
    const i64 length = (i64)(buffer->size / width);
    u8 *data = buffer_release(buffer);
    return data ? export_array(format, length, 0, NULL, data, NULL) : PyErr_NoMemory();
}

/* Exports text, its ends in one buffer and its bytes in another. */
static PyObject *export_text(Buffer *ends, Buffer *text, const char *format) {
    const i64 length = (i64)(ends->size / sizeof(i32)) - 1;
    u8 *first = buffer_release(ends), *second = buffer_release(text);
    if (first && second) return export_array(format, length, 0, NULL, first, second);
    free(first);
    free(second);
    return PyErr_NoMemory();
}

/* ---- in */

typedef struct {
    PyObject *capsules;          /* keeps the array alive */
    const struct ArrowArray *array;
    const char *format;
} View;

/* Takes a look at an array of Python's; 0 with an exception set where it is none. */
static int open_view(PyObject *object, View *view) {
    view->capsules = PyObject_CallMethod(object, "__arrow_c_array__", NULL);
    if (!view->capsules) return 0;
    PyObject *schema_capsule = PyTuple_GetItem(view->capsules, 0), *array_capsule = PyTuple_GetItem(view->capsules, 1);
    const struct ArrowSchema *schema = schema_capsule ? PyCapsule_GetPointer(schema_capsule, "arrow_schema") : NULL;
    view->array = array_capsule ? PyCapsule_GetPointer(array_capsule, "arrow_array") : NULL;
    if (!schema || !view->array) return 0;
    view->format = schema->format;
    return 1;
}

/* The same, of one format only. */
static int open_view_of(PyObject *object, View *view, const char *format) {
    if (!open_view(object, view)) return 0;
    if (!strcmp(view->format, format)) return 1;
    PyErr_SetString(PyExc_TypeError, "the kernel was given an array of another type");
    return 0;
}

static void close_view(View *view) {
    if (view->capsules) Py_DecRef(view->capsules);
    view->capsules = NULL;
}

static const u8 *view_validity(const View *view) { return view->array->null_count ? view->array->buffers[0] : NULL; }
static const i32 *view_int32(const View *view) { return (const i32 *)view->array->buffers[1] + view->array->offset; }
static const u8 *view_data(const View *view, int buffer) { return view->array->buffers[buffer] ? view->array->buffers[buffer] : (const u8 *)""; }
#endif
