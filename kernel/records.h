/* Answers out of what Python has of them, and both ends of an event that the runtime has decoded: its records, which are dicts,
   in, and the entries of the response, which are dicts, out. Called by `module.c` alone. */
#ifndef FASTXFORM_RECORDS_H
#define FASTXFORM_RECORDS_H
#include "arrow.h"
#include "response.h"

/* (records, rows, metadata): metadata is None, JSON bytes for all, or a binary array of JSON, one for each row */
static int take_part(PyObject *object, Answer *answers, i64 count, View *views) {
    PyObject *records_object, *rows_object, *metadata;
    char *bytes = NULL;
    Py_ssize_t size = 0;
    View *records = &views[0], *given = &views[1], *each = &views[2];
    if (!PyArg_ParseTuple(object, "OOO", &records_object, &rows_object, &metadata)) return 0;
    if (!open_view_of(records_object, records, "i") || !open_view_of(rows_object, given, "z")) return 0;
    if (metadata != Py_None && PyBytes_AsStringAndSize(metadata, &bytes, &size) < 0) {
        PyErr_Clear();
        if (!open_view_of(metadata, each, "z")) return 0;
    }
    const i64 rows_count = given->array->length;
    if (records->array->length != rows_count || records->array->null_count || given->array->null_count || (each->capsules && (each->array->length != rows_count || each->array->null_count))) {
        set_error(PyExc_ValueError, "rows and their records differ");
        return 0;
    }
    if (!rows_count) return 1;
    const i32 *at = view_int32(records), *ends = view_int32(given), *each_ends = each->capsules ? view_int32(each) : NULL;
    for (i64 i = 0; i < rows_count; i++) {
        if (at[i] < 0 || at[i] >= count || answers[at[i]].result != DROPPED) {
            set_error(PyExc_IndexError, "a record that is not there, or is answered twice");
            return 0;
        }
        Answer *answer = &answers[at[i]];
        *answer = (Answer){view_data(given, 2) + ends[i], (const u8 *)bytes, (u32)(ends[i + 1] - ends[i]), (u32)size, OK};
        if (!each_ends) continue;
        answer->metadata = view_data(each, 2) + each_ends[i];
        answer->metadata_size = (u32)(each_ends[i + 1] - each_ends[i]);
    }
    return 1;
}

/* The answers to so many records out of parts and a list of those that failed; NULL with an exception set. There are three
   views for each part. */
static Answer *take_answers(PyObject *parts, PyObject *failed, i64 count, View *views) {
    const Py_ssize_t part_count = PyTuple_Size(parts), failed_count = PyList_Size(failed);
    if (part_count < 0 || failed_count < 0) return NULL;
    Answer *answers = calloc((size_t)count + 1, sizeof(Answer));
    if (!answers) {
        PyErr_NoMemory();
        return NULL;
    }
    for (Py_ssize_t i = 0; i < part_count; i++)
        if (!take_part(PyTuple_GetItem(parts, i), answers, count, &views[3 * i])) goto fail;
    for (Py_ssize_t i = 0; i < failed_count; i++) {
        const long record = PyLong_AsLong(PyList_GetItem(failed, i));
        if (record < 0 || record >= count || answers[record].result != DROPPED) {
            set_error(PyExc_IndexError, "a record that is not there, or is answered twice");
            goto fail;
        }
        answers[record].result = FAILED;
    }
    return answers;
fail:
    free(answers);
    return NULL;
}

/* ---- dicts */

typedef struct {
    PyObject *id, *data, *result, *words[3]; /* the words by what became of a record */
} RecordNames;

static void drop_names(RecordNames *names) {
    PyObject *all[] = {names->id, names->data, names->result, names->words[0], names->words[1], names->words[2]};
    for (int i = 0; i < 6; i++) drop(all[i]);
}

static int make_names(RecordNames *names) {
    *names = (RecordNames){
        PyUnicode_InternFromString("recordId"), PyUnicode_InternFromString("data"), PyUnicode_InternFromString("result"),
        {[DROPPED] = PyUnicode_InternFromString("Dropped"), [OK] = PyUnicode_InternFromString("Ok"), [FAILED] = PyUnicode_InternFromString("ProcessingFailed")},
    };
    if (names->id && names->data && names->result && names->words[0] && names->words[1] && names->words[2]) return 1;
    drop_names(names);
    return 0;
}

/* Fills the lists of ids and of data. 0: a record is no plain dict, or has no text as its id, or no data; -1: an exception. */
static int take_records(PyObject *records, Py_ssize_t count, const RecordNames *names, PyObject *ids, PyObject *data) {
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *record = PyList_GetItem(records, i);
        if (!record) return -1;
        if (record->ob_type != &PyDict_Type) return 0;
        PyObject *id = PyDict_GetItemWithError(record, names->id);
        if (!id || id->ob_type != &PyUnicode_Type) return PyErr_Occurred() ? -1 : 0;
        Py_IncRef(id);
        PyList_SetItem(ids, i, id);
        PyObject *value = PyDict_GetItemWithError(record, names->data);
        if (!value || value == Py_None) return PyErr_Occurred() ? -1 : 0;
        Py_IncRef(value);
        PyList_SetItem(data, i, value);
    }
    return 1;
}

/* Adds what the entries of a response take, `sizes` being those of empty ones. 0: an id is not written as it is, or there is
   metadata, which is written in more than one way. */
static int add_sizes(PyObject *ids, const Answer *answers, i64 count, const unsigned *sizes, u64 *size) {
    for (i64 i = 0; i < count; i++) {
        Py_ssize_t id_size;
        const char *id = PyUnicode_AsUTF8AndSize(PyList_GetItem(ids, i), &id_size);
        if (!id) {
            PyErr_Clear(); /* half a surrogate pair */
            return 0;
        }
        const u8 *const start = (const u8 *)id, *const end = start + id_size;
        if (plain_end(start, end, 1) != end || memchr(id, 0x7f, (size_t)id_size) || answers[i].metadata) return 0;
        *size += sizes[answers[i].result] + (u64)id_size + (answers[i].result == OK ? ((u64)answers[i].data_size + 2) / 3 * 4 : 0);
    }
    return 1;
}

/* An entry without its id and its data. */
static PyObject *new_entry(const RecordNames *names, int result) {
    PyObject *entry = PyDict_New();
    if (!entry) return NULL;
    const int is_whole = !PyDict_SetItem(entry, names->id, Py_None) && !PyDict_SetItem(entry, names->result, names->words[result]) && (result != OK || !PyDict_SetItem(entry, names->data, Py_None));
    if (is_whole) return entry;
    Py_DecRef(entry);
    return NULL;
}

/* The entries of a response: copies of three, which cost less than building each. NULL with an exception set. */
static PyObject *write_entries(const Simd *simd, PyObject *ids, const Answer *answers, i64 count, const RecordNames *names) {
    PyObject *models[3] = {new_entry(names, 0), new_entry(names, 1), new_entry(names, 2)};
    PyObject *entries = models[0] && models[1] && models[2] ? PyList_New(count) : NULL;
    Buffer text = {0};
    int is_good = entries != NULL;
    for (i64 i = 0; is_good && i < count; i++) {
        const Answer *answer = &answers[i];
        PyObject *entry = PyDict_Copy(models[answer->result]), *data = NULL;
        is_good = entry && !PyDict_SetItem(entry, names->id, PyList_GetItem(ids, i));
        if (is_good && answer->result == OK) {
            if (buffer_reserve(&text, ((size_t)answer->data_size + 2) / 3 * 4 + PADDING)) data = PyUnicode_FromStringAndSize((const char *)text.data, (Py_ssize_t)simd->base64_encode(answer->data, answer->data_size, text.data));
            else PyErr_NoMemory();
            is_good = data && !PyDict_SetItem(entry, names->data, data);
        }
        drop(data);
        if (is_good) PyList_SetItem(entries, i, entry);
        else drop(entry);
    }
    buffer_free(&text);
    for (int i = 0; i < 3; i++) drop(models[i]);
    if (is_good) return entries;
    drop(entries);
    return NULL;
}
#endif
