/* The Python face of the kernel: plans out of tuples, columns out as Arrow arrays, rows and the response. It is called by
   `fastxform.core.native` alone, which says what the tuples hold. */
#include "event.h"
#include "lookup.h"
#include "records.h"
#include "rows.h"

/* ---- plans */

static void destroy_plan(PyObject *capsule) { free_plan(PyCapsule_GetPointer(capsule, "fastxform.plan")); }

/* A copy of the bytes of an object with PADDING zeros behind it. */
static u8 *copy_bytes(PyObject *object, u32 *size) {
    char *bytes;
    Py_ssize_t length;
    if (PyBytes_AsStringAndSize(object, &bytes, &length) < 0) return NULL;
    if (length > 0xffff) {
        set_error(PyExc_ValueError, "a text of the plan is too long");
        return NULL;
    }
    u8 *copy = calloc(1, (size_t)length + PADDING);
    if (!copy) {
        PyErr_NoMemory();
        return NULL;
    }
    memcpy(copy, bytes, (size_t)length);
    *size = (u32)length;
    return copy;
}

static int slot_is_good(int slot, int slot_count) {
    if (slot >= -1 && slot < slot_count) return 1;
    set_error(PyExc_ValueError, "a slot that is not there");
    return 0;
}

/* (kind, name, slot, (node, ...), ((text, slot), ...), kind as a whole, slot as a whole) */
static int read_node(PyObject *object, Node *node, int slot_count, int depth) {
    int kind, whole_kind;
    PyObject *name, *children, *searches;
    if (!PyArg_ParseTuple(object, "iOiOOii", &kind, &name, &node->slot, &children, &searches, &whole_kind, &node->whole_slot)) return 0;
    const Py_ssize_t child_count = PyTuple_Size(children), search_count = PyTuple_Size(searches);
    const int has_value = is_leaf((NodeKind)kind);
    if (child_count < 0 || search_count < 0 || !slot_is_good(node->slot, slot_count) || !slot_is_good(node->whole_slot, slot_count)) return 0;
    const int is_whole = is_leaf((NodeKind)whole_kind);
    if (kind < 0 || kind >= NODE_KIND_COUNT || depth > NODE_DEPTH_LIMIT || child_count > MEMBERS_LIMIT || search_count > MEMBERS_LIMIT || (has_value && node->slot < 0) || (node->whole_slot >= 0 && (has_value || !is_whole))) {
        set_error(PyExc_ValueError, "a node that the kernel does not know");
        return 0;
    }
    node->kind = (NodeKind)kind;
    node->whole_kind = (NodeKind)whole_kind;
    node->name = copy_bytes(name, &node->name_size);
    node->children = calloc((size_t)child_count + 1, sizeof(Node));
    node->searches = calloc((size_t)search_count + 1, sizeof(Search));
    if (!node->name || !node->children || !node->searches) {
        if (!PyErr_Occurred()) PyErr_NoMemory();
        return 0;
    }
    node->name_head = head_of(node->name, node->name_size);
    for (Py_ssize_t i = 0; i < child_count; i++) {
        Node *child = &node->children[i];
        node->child_count = (int)i + 1;
        if (!read_node(PyTuple_GetItem(children, i), child, slot_count, depth + 1)) return 0;
        node->child_sizes |= 1ULL << (child->name_size < 63 ? child->name_size : 63);
        if (kind == NODE_ELEMENTS || kind == NODE_LIST) {
            const int is_from_end = child->name_size > 1 && child->name[0] == '-';
            for (u32 at = (u32)is_from_end; at < child->name_size; at++) {
                if (child->name[at] < '0' || child->name[at] > '9' || child->name_size > 6) {
                    set_error(PyExc_ValueError, "an element is told by its number");
                    return 0;
                }
                child->element = child->element * 10 + (child->name[at] - '0');
            }
            if (is_from_end) child->element = -child->element;
            node->counts |= (u8)is_from_end;
        }
        if ((kind == NODE_SEARCH || kind == NODE_HEADERS) && (child->kind != NODE_VALUE || child->slot > 1 || child->whole_slot >= 0)) {
            set_error(PyExc_ValueError, "an element is searched by plain members alone");
            return 0;
        }
    }
    for (Py_ssize_t i = 0; i < search_count; i++) {
        Search *search = &node->searches[i];
        PyObject *text;
        if (!PyArg_ParseTuple(PyTuple_GetItem(searches, i), "Oi", &text, &search->slot) || !slot_is_good(search->slot, slot_count)) return 0;
        if (search->slot < 0) {
            set_error(PyExc_ValueError, "a search without a slot");
            return 0;
        }
        search->text = copy_bytes(text, &search->size);
        if (!search->text) return 0;
        node->search_count = (int)i + 1;
    }
    return 1;
}

/* (pick, ((slot, object slot), ...)) */
static int read_choice(PyObject *object, Choice *choice, int slot_count) {
    int pick;
    PyObject *alternatives;
    if (!PyArg_ParseTuple(object, "iO", &pick, &alternatives)) return 0;
    const Py_ssize_t count = PyTuple_Size(alternatives);
    if (count < 0) return 0;
    if (pick < 0 || pick >= PICK_COUNT || count < 1 || count > MEMBERS_LIMIT) {
        set_error(PyExc_ValueError, "a choice that the kernel does not know");
        return 0;
    }
    choice->pick = (Pick)pick;
    choice->alternatives = calloc((size_t)count, sizeof(Alternative));
    if (!choice->alternatives) {
        PyErr_NoMemory();
        return 0;
    }
    choice->count = (int)count;
    for (Py_ssize_t i = 0; i < count; i++) {
        Alternative *alternative = &choice->alternatives[i];
        if (!PyArg_ParseTuple(PyTuple_GetItem(alternatives, i), "ii", &alternative->slot, &alternative->object_slot)) return 0;
        if (!slot_is_good(alternative->slot, slot_count) || !slot_is_good(alternative->object_slot, slot_count)) return 0;
        if (alternative->slot < 0 || (pick == PICK_FIRST_OBJECT && i + 1 < count && alternative->object_slot < 0)) {
            set_error(PyExc_ValueError, "an alternative without a slot");
            return 0;
        }
    }
    return 1;
}

/* (conversion, (per second, precision, scale), choice, is required, (class, least, most) or None, (kind, text) or None,
   (text that is null, ...)) */
static int read_column(PyObject *object, ColumnPlan *column, int slot_count) {
    int conversion, is_required;
    long long per_second;
    PyObject *numbers, *choice, *pattern, *value, *nulls;
    if (!PyArg_ParseTuple(object, "iOOpOOO", &conversion, &numbers, &choice, &is_required, &pattern, &value, &nulls)) return 0;
    if (!PyArg_ParseTuple(numbers, "Lii", &per_second, &column->precision, &column->scale)) return 0;
    const int is_time = conversion == TO_TIMESTAMP, is_decimal = conversion == TO_DECIMAL;
    if (conversion < 0 || conversion >= CONVERSION_COUNT || (is_time && per_second != 1 && per_second != 1000 && per_second != 1000000) || (is_decimal && (column->precision < 1 || column->precision > 38 || column->scale < 0 || column->scale > column->precision))) {
        set_error(PyExc_ValueError, "a column that the kernel does not know");
        return 0;
    }
    column->conversion = (Conversion)conversion;
    column->per_second = per_second;
    column->is_required = (u8)is_required;
    if (!read_choice(choice, &column->choice, slot_count)) return 0;
    if (pattern != Py_None) {
        PyObject *class_of;
        unsigned least, most;
        char *bytes;
        Py_ssize_t size;
        if (!PyArg_ParseTuple(pattern, "OII", &class_of, &least, &most) || PyBytes_AsStringAndSize(class_of, &bytes, &size) < 0) return 0;
        if (size != sizeof column->class_of) {
            set_error(PyExc_ValueError, "a class is 256 bytes");
            return 0;
        }
        memcpy(column->class_of, bytes, sizeof column->class_of);
        column->has_pattern = 1;
        column->least = least;
        column->most = most;
    }
    if (value != Py_None) {
        PyObject *text;
        int kind;
        if (!PyArg_ParseTuple(value, "iO", &kind, &text)) return 0;
        if (kind <= ABSENT || kind > CONTAINER || kind == NULL_WORD) {
            set_error(PyExc_ValueError, "a default that the kernel does not know");
            return 0;
        }
        column->default_text = copy_bytes(text, &column->default_size);
        if (!column->default_text) return 0;
        column->default_kind = (u8)kind;
    }
    const Py_ssize_t null_count = PyTuple_Size(nulls);
    if (null_count < 0) return 0;
    column->nulls = null_count <= MEMBERS_LIMIT ? calloc((size_t)null_count + 1, sizeof(Search)) : NULL;
    if (!column->nulls) {
        PyErr_NoMemory();
        return 0;
    }
    for (Py_ssize_t i = 0; i < null_count; i++) {
        column->nulls[i].text = copy_bytes(PyTuple_GetItem(nulls, i), &column->nulls[i].size);
        if (!column->nulls[i].text) return 0;
        column->null_count = (int)i + 1;
    }
    return 1;
}

/* A copy of a table of so many bytes an entry; NULL where it is none. */
static void *copy_table(PyObject *object, size_t width, Py_ssize_t *count) {
    char *bytes;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(object, &bytes, &size) < 0) return NULL;
    void *table = calloc((size_t)size / width + 1, width);
    if (!table) {
        PyErr_NoMemory();
        return NULL;
    }
    memcpy(table, bytes, (size_t)size / width * width);
    *count = size / (Py_ssize_t)width;
    return table;
}

/* (class of each byte, classes, transitions, accepting, ends of what is marked, marks), of which no number leads out of a table */
static int read_pattern(PyObject *object, Automaton *pattern, Py_ssize_t field_count) {
    PyObject *class_of, *transitions, *accepting, *mark_ends, *marks;
    Py_ssize_t class_size, cell_count, state_count, end_count, mark_count;
    char *bytes;
    if (!PyArg_ParseTuple(object, "OIOOOO", &class_of, &pattern->class_count, &transitions, &accepting, &mark_ends, &marks)) return 0;
    if (PyBytes_AsStringAndSize(class_of, &bytes, &class_size) < 0) return 0;
    if (!(pattern->transitions = copy_table(transitions, sizeof(u32), &cell_count))) return 0;
    if (!(pattern->accepting = copy_table(accepting, sizeof(u32), &state_count))) return 0;
    if (!(pattern->mark_ends = copy_table(mark_ends, sizeof(u32), &end_count))) return 0;
    if (!(pattern->marks = copy_table(marks, sizeof(u16), &mark_count))) return 0;
    int is_good = class_size == sizeof pattern->class_of && pattern->class_count > 0 && pattern->class_count <= 256 && state_count > 0 && state_count <= 0xffff && cell_count == state_count * (Py_ssize_t)pattern->class_count && end_count > 0 && field_count <= MEMBERS_LIMIT;
    for (Py_ssize_t i = 0; is_good && i < class_size; i++) is_good = (u8)bytes[i] < pattern->class_count;
    for (Py_ssize_t i = 0; is_good && i < cell_count; i++) {
        const u32 step = pattern->transitions[i], row = (step & 0xffff) - 1;
        is_good = !step || (row % pattern->class_count == 0 && row < cell_count && step >> 16 < end_count);
    }
    for (Py_ssize_t i = 0; is_good && i < state_count; i++) is_good = pattern->accepting[i] <= end_count;
    for (Py_ssize_t i = 0; is_good && i < end_count; i++) is_good = pattern->mark_ends[i] <= mark_count;
    for (Py_ssize_t i = 0; is_good && i < mark_count; i++) is_good = pattern->marks[i] < 2 * field_count;
    if (is_good) memcpy(pattern->class_of, bytes, sizeof pattern->class_of);
    else set_error(PyExc_ValueError, "an automaton that the kernel does not know");
    pattern->state_count = (u32)state_count;
    return is_good;
}

/* (format, ((name, slot), ...), needed, (is open, has nulls, has quote, has brackets), (delimiter, quote), automaton or None) */
static int read_fields(PyObject *object, Parse *parse, int slot_count) {
    int format, is_open, has_nulls, has_quote, has_brackets;
    PyObject *fields, *separators, *pattern;
    char *bytes;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(object, "iOi(pppp)OO", &format, &fields, &parse->needed, &is_open, &has_nulls, &has_quote, &has_brackets, &separators, &pattern)) return 0;
    const Py_ssize_t count = PyTuple_Size(fields);
    if (count < 0 || PyBytes_AsStringAndSize(separators, &bytes, &size) < 0) return 0;
    const int is_separated = format == FORMAT_SEPARATED;
    if (format <= FORMAT_JSON || format >= FORMAT_COUNT || count > FIELDS_LIMIT || size != 2 || (is_separated && (count < 1 || parse->needed < 1 || parse->needed > count || bytes[0] == bytes[1]))) {
        set_error(PyExc_ValueError, "a format that the kernel does not know");
        return 0;
    }
    parse->format = (Format)format;
    parse->is_open = (u8)is_open;
    parse->has_nulls = (u8)has_nulls;
    parse->has_quote = (u8)has_quote;
    parse->has_brackets = (u8)has_brackets;
    parse->delimiter = (u8)bytes[0];
    parse->quote = (u8)bytes[1];
    parse->fields = calloc((size_t)count + 1, sizeof(Search));
    if (!parse->fields) {
        PyErr_NoMemory();
        return 0;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        Search *field = &parse->fields[i];
        PyObject *name;
        if (!PyArg_ParseTuple(PyTuple_GetItem(fields, i), "Oi", &name, &field->slot) || !slot_is_good(field->slot, slot_count)) return 0;
        if (format == FORMAT_PAIRS && field->slot < 0) {
            set_error(PyExc_ValueError, "a pair without a slot");
            return 0;
        }
        field->text = copy_bytes(name, &field->size);
        if (!field->text) return 0;
        parse->field_count = (int)i + 1;
    }
    return format != FORMAT_PATTERN || read_pattern(pattern, &parse->pattern, count);
}

/* ((root, choice of the text, invalid, fields or None), ...), and for each slot a byte: the document that it is in */
static int read_parses_of(PyObject *parses, PyObject *documents, Plan *plan) {
    const Py_ssize_t count = PyTuple_Size(parses);
    char *bytes;
    Py_ssize_t size;
    if (count < 0 || PyBytes_AsStringAndSize(documents, &bytes, &size) < 0) return 0;
    if (count > PARSES_LIMIT || size != plan->slot_count) {
        set_error(PyExc_ValueError, "too many parses, or slots without a document");
        return 0;
    }
    plan->parses = calloc((size_t)count + 1, sizeof(Parse));
    plan->slot_documents = calloc((size_t)size + 1, 1);
    if (!plan->parses || !plan->slot_documents) {
        PyErr_NoMemory();
        return 0;
    }
    memcpy(plan->slot_documents, bytes, (size_t)size);
    plan->document_count = (int)count;
    for (int i = 0; i < plan->list_count; i++) {
        plan->document_count += plan->lists[i].index_slot >= 0;
        if (plan->lists[i].first_parse <= count) continue;
        set_error(PyExc_ValueError, "a list behind parses that are not there");
        return 0;
    }
    for (Py_ssize_t i = 0; i < size; i++)
        if (plan->slot_documents[i] > plan->document_count) {
            set_error(PyExc_ValueError, "a slot of a document that is not there");
            return 0;
        }
    for (Py_ssize_t i = 0; i < count; i++) {
        Parse *parse = &plan->parses[i];
        PyObject *root, *text, *fields;
        int invalid;
        plan->parse_count = (int)i + 1;
        if (!PyArg_ParseTuple(PyTuple_GetItem(parses, i), "OOiO", &root, &text, &invalid, &fields)) return 0;
        if (!read_choice(text, &parse->text, plan->slot_count)) return 0;
        int is_known = invalid >= 0 && invalid < INVALID_COUNT;
        for (int k = 0; k < parse->text.count; k++) is_known = is_known && plan->slot_documents[parse->text.alternatives[k].slot] <= i;
        if (!is_known) {
            set_error(PyExc_ValueError, "a parse that the kernel does not know");
            return 0;
        }
        parse->invalid = (Invalid)invalid;
        if (!read_node(root, &parse->root, plan->slot_count, 0)) return 0;
        if (fields != Py_None && !read_fields(fields, parse, plan->slot_count)) return 0;
    }
    return 1;
}

static int read_columns(PyObject *columns, Plan *plan) {
    const Py_ssize_t count = PyTuple_Size(columns);
    if (count < 0) return 0;
    if (count > COLUMNS_LIMIT) {
        set_error(PyExc_ValueError, "too many columns");
        return 0;
    }
    plan->columns = calloc((size_t)count + 1, sizeof(ColumnPlan));
    if (!plan->columns) {
        PyErr_NoMemory();
        return 0;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        plan->column_count = (int)i + 1;
        if (!read_column(PyTuple_GetItem(columns, i), &plan->columns[i], plan->slot_count)) return 0;
    }
    return 1;
}

/* (element or None, choice of the list, first slot, first parse, index slot, if empty, bytes beside) */
static int read_list(PyObject *object, RowList *list, const Plan *plan) {
    PyObject *element, *choice;
    int if_empty;
    unsigned beside_size;
    if (!PyArg_ParseTuple(object, "OOiiiiI", &element, &choice, &list->first_slot, &list->first_parse, &list->index_slot, &if_empty, &beside_size)) return 0;
    if (!read_choice(choice, &list->list, plan->slot_count) || !slot_is_good(list->index_slot, plan->slot_count)) return 0;
    const RowList *outer = plan->list_count > 1 ? list - 1 : NULL;
    int is_inside = !outer || (list->first_slot >= outer->first_slot && list->first_parse >= outer->first_parse);
    for (int i = 0; i < list->list.count; i++) is_inside = is_inside && list->list.alternatives[i].slot < list->first_slot;
    if (list->first_slot > plan->slot_count || list->first_parse < 0 || !is_inside || (list->index_slot >= 0 && (list->index_slot < list->first_slot || (outer && outer->index_slot >= 0))) || if_empty < 0 || if_empty >= EMPTY_COUNT) {
        set_error(PyExc_ValueError, "a list that the kernel does not know");
        return 0;
    }
    list->if_empty = (IfEmpty)if_empty;
    list->beside_size = beside_size;
    list->has_element = element != Py_None;
    return !list->has_element || read_node(element, &list->element, plan->slot_count, 0);
}

/* (list, ...), ordered from the outside, and the slots of images */
static int read_lists(PyObject *lists, PyObject *images, Plan *plan) {
    const Py_ssize_t count = PyTuple_Size(lists), image_count = PyTuple_Size(images);
    if (count < 0 || image_count < 0) return 0;
    if (count > LISTS_LIMIT || image_count > IMAGES_LIMIT || (plan->documents == LOG_MESSAGE && !count)) {
        set_error(PyExc_ValueError, "too many lists, or none");
        return 0;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        plan->list_count = (int)i + 1;
        if (!read_list(PyTuple_GetItem(lists, i), &plan->lists[i], plan)) return 0;
    }
    for (Py_ssize_t i = 0; i < image_count; i++) {
        const long slot = PyLong_AsLong(PyTuple_GetItem(images, i));
        if (slot < 0 || slot >= plan->slot_count) {
            set_error(PyExc_ValueError, "an image without a slot");
            return 0;
        }
        plan->image_slots[plan->image_count++] = (int)slot;
    }
    return 1;
}

static PyObject *compile_plan(PyObject *module, PyObject *arguments) {
    PyObject *root, *lists, *images, *columns, *parses, *slot_documents;
    int documents, wants_arrival, width;
    Plan *plan = calloc(1, sizeof *plan);
    (void)module;
    if (!plan) return PyErr_NoMemory();
    if (!PyArg_ParseTuple(arguments, "OOOOOO(iiiiiii)pi", &root, &lists, &images, &columns, &parses, &slot_documents, &documents, &plan->slot_count, &plan->event_version_slot, &plan->event_source_slot, &plan->change_slot, &plan->type_slot, &plan->text_slot, &wants_arrival, &width)) goto fail;
    if (documents < 0 || documents >= DOCUMENTS_COUNT || plan->slot_count < 0 || plan->slot_count > SLOTS_LIMIT) {
        set_error(PyExc_ValueError, "a plan that the kernel does not know");
        goto fail;
    }
    if (!slot_is_good(plan->event_version_slot, plan->slot_count) || !slot_is_good(plan->event_source_slot, plan->slot_count) || !slot_is_good(plan->change_slot, plan->slot_count) || !slot_is_good(plan->type_slot, plan->slot_count) || !slot_is_good(plan->text_slot, plan->slot_count)) goto fail;
    if ((plan->event_version_slot < 0) != (plan->event_source_slot < 0) || (plan->event_version_slot < 0) != (plan->change_slot < 0) || (documents == LOG_MESSAGE && plan->type_slot < 0)) {
        set_error(PyExc_ValueError, "a plan without the slots that it needs");
        goto fail;
    }
    plan->documents = (Documents)documents;
    plan->wants_arrival = (u8)wants_arrival;
    plan->simd = choose_simd(width < 0 ? 0 : width);
    if (!read_node(root, &plan->root, plan->slot_count, 0)) goto fail;
    if (!read_lists(lists, images, plan) || !read_parses_of(parses, slot_documents, plan) || !read_columns(columns, plan)) goto fail;
    PyObject *capsule = PyCapsule_New(plan, "fastxform.plan", destroy_plan);
    if (capsule) return capsule;
fail:
    free_plan(plan);
    return NULL;
}

/* ---- decoding */

/* Unpacks by a Python function: bytes to bytes, or to None where it cannot. */
static Status unpack_in_python(void *context, const Buffer *packed, Buffer *unpacked) {
    char *bytes;
    Py_ssize_t size;
    Status status = FALLBACK;
    PyObject *given = PyBytes_FromStringAndSize((const char *)packed->data, (Py_ssize_t)packed->size);
    PyObject *found = given ? PyObject_CallFunctionObjArgs(context, given, NULL) : NULL;
    drop(given);
    if (!found) return PYTHON_ERROR;
    if (found != Py_None) {
        unpacked->size = 0;
        if (PyBytes_AsStringAndSize(found, &bytes, &size) < 0) status = PYTHON_ERROR;
        else status = buffer_reserve(unpacked, (size_t)size + PADDING) && buffer_append(unpacked, bytes, (size_t)size) ? TAKEN : OUT_OF_MEMORY;
    }
    Py_DecRef(found);
    return status;
}

static const char *format_of(const ColumnPlan *plan, char *room) {
    switch (plan->conversion) {
        case TO_INT64: return "l";
        case TO_TIMESTAMP: return plan->per_second == 1 ? "tss:" : plan->per_second == 1000 ? "tsm:" : "tsu:";
        case TO_DECIMAL: snprintf(room, FORMAT_SIZE, "d:%d,%d", plan->precision, plan->scale); return room;
        case TO_BOOL: return "b";
        case TO_DATE: return "tdD";
        case TO_BINARY: return "z";
        default: return "u";
    }
}

/* Bits, one for each byte that is not 0. */
static u8 *bits_of(const u8 *bytes, size_t count) {
    u8 *bits = calloc(count / 8 + 64, 1);
    for (size_t i = 0; bits && i < count; i++) bits[i >> 3] |= (u8)((bytes[i] != 0) << (i & 7));
    return bits;
}

static u8 *validity_of(const u8 *kinds, size_t count, i64 *null_count) {
    u8 *bits = calloc(count / 8 + 64, 1);
    *null_count = 0;
    for (size_t i = 0; bits && i < count; i++) {
        const int is_null = kinds[i] == NULL_WORD || kinds[i] == UNVERIFIED;
        *null_count += is_null;
        bits[i >> 3] |= (u8)(!is_null << (i & 7));
    }
    return bits;
}

/* (array, kinds seen, kinds or None): kinds where rows differ in them otherwise than by being null. */
static PyObject *export_column(const ColumnPlan *plan, Column *column, size_t count) {
    char room[FORMAT_SIZE];
    const char *format = format_of(plan, room);
    const u32 seen = column->seen, values_seen = seen & ~(1u << NULL_WORD);
    u8 *validity = NULL, *first = NULL, *second = NULL;
    i64 null_count = 0;
    PyObject *kinds = NULL;
    if (seen & (1u << NULL_WORD | 1u << UNVERIFIED)) {
        validity = validity_of(column->kinds, count, &null_count);
        if (!validity) return PyErr_NoMemory();
    }
    if (plan->conversion == TO_BOOL) {
        first = bits_of(column->values, count);
    } else {
        first = column->values;
        column->values = NULL;
        if (is_text(plan->conversion)) second = buffer_release(&column->data);
    }
    if (!first || (is_text(plan->conversion) && !second)) {
        free(validity);
        free(first);
        free(second);
        return PyErr_NoMemory();
    }
    PyObject *array = export_array(format, (i64)count, null_count, validity, first, second);
    if (!array) return NULL;
    if (values_seen & (values_seen - 1) || seen >> UNVERIFIED & 1) {
        kinds = export_array("C", (i64)count, 0, NULL, column->kinds, NULL);
        column->kinds = NULL;
    } else {
        kinds = new_none();
    }
    return kinds ? Py_BuildValue("(NiN)", array, (int)seen, kinds) : (Py_DecRef(array), NULL);
}

static PyObject *export_columns(Call *call) {
    PyObject *found = PyTuple_New(call->plan->column_count);
    for (int i = 0; found && i < call->plan->column_count; i++) {
        PyObject *column = export_column(&call->plan->columns[i], &call->columns.each[i], call->columns.row_count);
        if (!column) {
            Py_DecRef(found);
            return NULL;
        }
        PyTuple_SetItem(found, i, column);
    }
    return found;
}

static PyObject *list_of_int32(const Buffer *buffer) {
    const size_t count = buffer->size / sizeof(i32);
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list && i < count; i++) {
        i32 value;
        memcpy(&value, buffer->data + i * sizeof value, sizeof value);
        PyObject *number = PyLong_FromLong(value);
        if (!number) {
            Py_DecRef(list);
            return NULL;
        }
        PyList_SetItem(list, (Py_ssize_t)i, number);
    }
    return list;
}

static PyObject *text_or_none(const Fact *fact) { return fact->text ? PyUnicode_FromStringAndSize((const char *)fact->text, (Py_ssize_t)fact->size) : new_none(); }

/* (ids, arrivals or None, data starts, data ends, stream or None, invocation or None) */
static PyObject *export_event(Call *call, const Fact *stream, const Fact *invocation) {
    PyObject *parts[7] = {
        export_text(&call->id_ends, &call->ids, "u"),
        call->plan->wants_arrival ? export_buffer(&call->arrivals, "l", 8) : new_none(),
        export_buffer(&call->data_starts, "i", 4),
        export_buffer(&call->data_ends, "i", 4),
        text_or_none(stream),
        text_or_none(invocation),
        PyBool_FromLong(call->kafka_count > 0),
    };
    PyObject *tuple = PyTuple_New(7);
    int is_whole = tuple != NULL;
    for (int i = 0; i < 7; i++) is_whole = is_whole && parts[i];
    if (!is_whole) {
        for (int i = 0; i < 7; i++) drop(parts[i]);
        drop(tuple);
        return NULL;
    }
    for (int i = 0; i < 7; i++) PyTuple_SetItem(tuple, i, parts[i]);
    return tuple;
}

/* (records, columns, record of each row, fallback, event or None); takes `event`. */
static PyObject *export_call(Call *call, PyObject *event) {
    if (!event) return NULL;
    PyObject *columns = export_columns(call);
    PyObject *row_records = columns ? export_buffer(&call->row_records, "i", 4) : NULL;
    PyObject *fallback = row_records ? list_of_int32(&call->fallback) : NULL;
    if (fallback) return Py_BuildValue("(iNNNN)", (int)call->record_count, columns, row_records, fallback, event);
    drop(columns);
    drop(row_records);
    Py_DecRef(event);
    return NULL;
}

static PyObject *finish_call(Call *call, Status status, PyObject *result) {
    end_call(call);
    if (status == OUT_OF_MEMORY) return PyErr_NoMemory();
    if (status == PYTHON_ERROR) return NULL;
    return result;
}

/* decode_event(plan, event, unpack, unpacked limit) -> what `export_call` returns; None where the event is unusual */
static PyObject *decode_event(PyObject *module, PyObject *arguments) {
    PyObject *capsule, *object, *unpack, *result = NULL;
    Py_ssize_t limit;
    Py_buffer event;
    Call call = {0};
    Fact stream = {0}, invocation = {0};
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOOn", &capsule, &object, &unpack, &limit)) return NULL;
    const Plan *plan = PyCapsule_GetPointer(capsule, "fastxform.plan");
    if (!plan || PyObject_GetBuffer(object, &event, PyBUF_SIMPLE) < 0) return NULL;
    call.unpack = unpack_in_python;
    call.unpack_context = unpack;
    call.unpacked_limit = limit > 0 ? (size_t)limit : 0;
    Status status = event.len > 0x40000000 ? FALLBACK : begin_call(&call, plan, (size_t)event.len / 512 + 64) ? TAKEN : OUT_OF_MEMORY;
    if (status == TAKEN) status = read_event(&call, event.buf, (size_t)event.len, &stream, &invocation);
    if (status == TAKEN) result = export_call(&call, export_event(&call, &stream, &invocation));
    else if (status == FALLBACK) result = new_none();
    PyBuffer_Release(&event);
    return finish_call(&call, status, result);
}

/* Reads one item of a list: base64 as text, bytes or a view, or a payload. */
static Status read_item(Call *call, PyObject *item, int is_base64) {
    Py_buffer view = {0};
    Py_ssize_t size;
    const u8 *bytes;
    Status status;
    if (!item) return PYTHON_ERROR; /* unpacking another runs Python code, which may have shortened the list */
    if (item == Py_None) return refuse_payload(call);
    const char *text = PyUnicode_AsUTF8AndSize(item, &size);
    if (text) {
        bytes = (const u8 *)text;
    } else {
        PyErr_Clear(); /* no text, or one with half a surrogate pair */
        if (PyObject_GetBuffer(item, &view, PyBUF_SIMPLE) < 0) {
            PyErr_Clear();
            return refuse_payload(call);
        }
        bytes = view.buf;
        size = view.len;
    }
    call->payload.size = 0;
    if (is_base64) {
        const u8 *p = bytes, *const end = bytes + size;
        status = decode_base64(call->plan->simd, &p, end, &call->payload);
        if (status == TAKEN && p != end) status = FALLBACK;
    } else {
        status = buffer_append(&call->payload, bytes, (size_t)size) ? TAKEN : OUT_OF_MEMORY;
    }
    if (view.obj) PyBuffer_Release(&view);
    if (status == FALLBACK) return refuse_payload(call);
    return status == TAKEN ? read_payload(call) : status;
}

/* decode_texts(plan, list, is_base64, unpack, unpacked limit) -> what `export_call` returns */
static PyObject *decode_texts(PyObject *module, PyObject *arguments) {
    PyObject *capsule, *list, *unpack, *result = NULL;
    int is_base64;
    Py_ssize_t limit;
    Call call = {0};
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOpOn", &capsule, &list, &is_base64, &unpack, &limit)) return NULL;
    const Plan *plan = PyCapsule_GetPointer(capsule, "fastxform.plan");
    const Py_ssize_t count = plan ? PyList_Size(list) : -1;
    if (count < 0) return NULL;
    call.unpack = unpack_in_python;
    call.unpack_context = unpack;
    call.unpacked_limit = limit > 0 ? (size_t)limit : 0;
    Status status = begin_call(&call, plan, (size_t)count + 16) ? TAKEN : OUT_OF_MEMORY;
    for (Py_ssize_t i = 0; status == TAKEN && i < count; i++) status = read_item(&call, PyList_GetItem(list, i), is_base64);
    if (status == TAKEN) result = export_call(&call, new_none());
    return finish_call(&call, status, result);
}

/* ---- rows */

/* The width of the formats that `rows` takes beside text, and how each of them may be written. */
static int open_field(PyObject *object, Field *field, View *view, View *kinds_view) {
    PyObject *array, *prefix, *kinds;
    int way, is_selected, separator;
    char *bytes;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(object, "iOOOpi", &way, &array, &prefix, &kinds, &is_selected, &separator)) return 0;
    field->separator = (u8)separator;
    if (PyBytes_AsStringAndSize(prefix, &bytes, &size) < 0 || !open_view(array, view)) return 0;
    if (kinds != Py_None && !open_view_of(kinds, kinds_view, "C")) return 0;
    const char *f = view->format;
    int fits = 0;
    switch (way) {
        case AS_TEXT: case AS_JSON: case AS_WORD: fits = !strcmp(f, "u"); break;
        case AS_BINARY: fits = !strcmp(f, "z"); break;
        case AS_INT64: fits = !strcmp(f, "l"); break;
        case AS_BOOL: fits = !strcmp(f, "b"); break;
        case AS_DATE: fits = !strcmp(f, "tdD"); break;
        case AS_TIMESTAMP: case AS_MICROSECONDS: case AS_EPOCH:
            fits = strlen(f) == 4 && f[0] == 't' && f[1] == 's' && f[3] == ':' && (f[2] == 's' || f[2] == 'm' || f[2] == 'u');
            field->per_second = f[2] == 's' ? 1 : f[2] == 'm' ? 1000 : 1000000;
            break;
        case AS_DECIMAL: {
            int precision;
            fits = sscanf(f, "d:%d,%d", &precision, &field->scale) == 2 && precision <= 38 && field->scale >= 0 && field->scale <= 38 && !strchr(strchr(f, ',') + 1, ',');
            break;
        }
        default: break;
    }
    if (!fits || (kinds_view->capsules && kinds_view->array->length != view->array->length)) {
        set_error(PyExc_TypeError, "a field that the kernel does not write");
        return 0;
    }
    const int is_of_text = way == AS_TEXT || way == AS_JSON || way == AS_BINARY || way == AS_WORD;
    field->way = (Way)way;
    field->prefix = (const u8 *)bytes;
    field->prefix_size = (size_t)size;
    field->is_selected = (u8)is_selected;
    field->validity = view_validity(view);
    field->offset = view->array->offset;
    field->length = view->array->length;
    field->data = view_data(view, is_of_text ? 2 : 1);
    static const i32 NOTHING[1] = {0};
    field->ends = !is_of_text ? NULL : view->array->buffers[1] ? view_int32(view) : NOTHING;
    field->kinds = kinds_view->capsules ? view_data(kinds_view, 1) + kinds_view->array->offset : NULL;
    return 1;
}

/* A text of a format, which its tuple keeps. */
static int read_text(PyObject *object, const u8 **text, size_t *size) {
    char *bytes;
    Py_ssize_t length;
    if (PyBytes_AsStringAndSize(object, &bytes, &length) < 0) return 0;
    *text = (const u8 *)bytes;
    *size = (size_t)length;
    return 1;
}

/* (is_json, delimiter, quoting, newlines, escape, flags, null, end, suffix, refused), as `fastxform.core.native.RowFormat` has them */
static int read_format(PyObject *object, RowFormat *format) {
    int is_json, delimiter, quoting, newlines, escape, flags;
    PyObject *null, *end, *suffix, *refused;
    if (!PyArg_ParseTuple(object, "piiiiiOOOO", &is_json, &delimiter, &quoting, &newlines, &escape, &flags, &null, &end, &suffix, &refused)) return 0;
    if (quoting < 0 || quoting >= QUOTING_COUNT || newlines < 0 || newlines >= NEWLINES_COUNT) {
        set_error(PyExc_ValueError, "a format that the kernel does not know");
        return 0;
    }
    *format = (RowFormat){.is_json = (u8)is_json, .delimiter = (u8)delimiter, .quoting = (Quoting)quoting, .newlines = (Newlines)newlines, .escape = (u8)escape};
    format->quotes_empty = flags & 1;
    format->is_strict = flags >> 1 & 1;
    format->marks_formulas = flags >> 2 & 1;
    format->has_reader = flags >> 3 & 1;
    format->nests_as_text = flags >> 4 & 1;
    format->drops_last_end = flags >> 5 & 1;
    if (!read_text(null, &format->null, &format->null_size) || !read_text(end, &format->end, &format->end_size)) return 0;
    if (!read_text(suffix, &format->suffix, &format->suffix_size) || !read_text(refused, &format->refused, &format->refused_size)) return 0;
    if (!(is_json ? format->suffix_size : format->end_size)) {
        set_error(PyExc_ValueError, "rows that do not end");
        return 0;
    }
    complete_format(format);
    return 1;
}

/* rows(plan, fields, selection or None, record of each row, format) -> (rows, the record of each, records that are refused);
   field = (way, array, prefix, kinds or None, is_selected, separator) */
static PyObject *rows(PyObject *module, PyObject *arguments) {
    PyObject *capsule, *fields_object, *selection_object, *records_object, *format_object, *result = NULL;
    View selection = {0}, records = {0}, *views = NULL;
    Field *fields = NULL;
    Buffer out = {0}, ends = {0}, written = {0}, refused = {0}, scratch = {0};
    RowFormat format;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOOOO", &capsule, &fields_object, &selection_object, &records_object, &format_object) || !read_format(format_object, &format)) return NULL;
    const Plan *plan = PyCapsule_GetPointer(capsule, "fastxform.plan");
    const Py_ssize_t field_count = plan ? PyTuple_Size(fields_object) : -1;
    if (field_count < 0) return NULL;
    views = calloc((size_t)field_count * 2 + 1, sizeof(View));
    fields = calloc((size_t)field_count + 1, sizeof(Field));
    if (!views || !fields) {
        PyErr_NoMemory();
        goto end;
    }
    if (!open_view_of(records_object, &records, "i") || (selection_object != Py_None && !open_view_of(selection_object, &selection, "i"))) goto end;
    const i64 row_count = records.array->length, count = selection.capsules ? selection.array->length : row_count;
    if (records.array->null_count || (selection.capsules && selection.array->null_count)) {
        set_error(PyExc_ValueError, "rows that are null");
        goto end;
    }
    const i32 *selected = selection.capsules ? view_int32(&selection) : NULL;
    for (i64 i = 0; selected && i < count; i++)
        if (selected[i] < 0 || selected[i] >= row_count) {
            set_error(PyExc_IndexError, "a row that is not there");
            goto end;
        }
    for (Py_ssize_t i = 0; i < field_count; i++) {
        if (!open_field(PyTuple_GetItem(fields_object, i), &fields[i], &views[2 * i], &views[2 * i + 1])) goto end;
        if (fields[i].length != (fields[i].is_selected ? count : row_count)) {
            set_error(PyExc_ValueError, "a field of another length");
            goto end;
        }
    }
    if (!write_rows(plan->simd, fields, (size_t)field_count, selected, count, view_int32(&records), &format, &out, &ends, &written, &refused, &scratch)) {
        PyErr_NoMemory();
        goto end;
    }
    PyObject *rows_pair = export_text(&ends, &out, "z");
    PyObject *records_pair = rows_pair ? export_buffer(&written, "i", 4) : NULL;
    PyObject *refused_list = records_pair ? list_of_int32(&refused) : NULL;
    if (refused_list) {
        result = Py_BuildValue("(NNN)", rows_pair, records_pair, refused_list);
    } else {
        drop(rows_pair);
        drop(records_pair);
    }
end:
    for (Py_ssize_t i = 0; views && i < 2 * field_count; i++) close_view(&views[i]);
    close_view(&selection);
    close_view(&records);
    free(views);
    free(fields);
    buffer_free(&out);
    buffer_free(&ends);
    buffer_free(&written);
    buffer_free(&refused);
    buffer_free(&scratch);
    return result;
}

/* ---- the response */

/* respond(plan, ids, is_kafka, parts, failed, limit) -> the response; its size where that is above the limit */
static PyObject *respond(PyObject *module, PyObject *arguments) {
    PyObject *capsule, *ids_object, *parts, *failed, *result = NULL;
    long long limit;
    int is_kafka;
    View ids = {0}, *views = NULL;
    Answer *answers = NULL;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOpOOL", &capsule, &ids_object, &is_kafka, &parts, &failed, &limit)) return NULL;
    const Plan *plan = PyCapsule_GetPointer(capsule, "fastxform.plan");
    const Py_ssize_t part_count = plan ? PyTuple_Size(parts) : -1;
    if (part_count < 0) return NULL;
    views = calloc((size_t)part_count * 3 + 1, sizeof(View));
    if (!views) {
        PyErr_NoMemory();
        goto end;
    }
    if (!open_view_of(ids_object, &ids, "u")) goto end;
    const i64 count = ids.array->length;
    answers = take_answers(parts, failed, count, views);
    if (!answers) goto end;
    static const i32 NOTHING[1] = {0};
    const i32 *id_ends = ids.array->buffers[1] ? view_int32(&ids) : NOTHING;
    const u64 size = response_size(answers, count, id_ends, is_kafka);
    if (size > (u64)limit) {
        result = PyLong_FromUnsignedLongLong(size);
        goto end;
    }
    result = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (!result) goto end;
    u8 *bytes = (u8 *)PyBytes_AsString(result);
    if (write_response(plan->simd, answers, count, view_data(&ids, 2), id_ends, is_kafka, bytes) != bytes + size) {
        Py_DecRef(result);
        result = NULL;
        set_error(PyExc_SystemError, "the response was counted wrongly");
    }
end:
    for (Py_ssize_t i = 0; views && i < 3 * part_count; i++) close_view(&views[i]);
    close_view(&ids);
    free(views);
    free(answers);
    return result;
}

/* read_records(list) -> (ids, data) of records that are dicts as a JSON decoder makes them; None where others are among them */
static PyObject *read_records(PyObject *module, PyObject *arguments) {
    PyObject *records, *ids = NULL, *data = NULL, *result = NULL;
    RecordNames names;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "O", &records)) return NULL;
    const Py_ssize_t count = PyList_Size(records);
    if (count < 0 || !make_names(&names)) return NULL;
    ids = PyList_New(count);
    data = ids ? PyList_New(count) : NULL;
    const int is_usual = data ? take_records(records, count, &names, ids, data) : -1;
    if (is_usual > 0) result = Py_BuildValue("(OO)", ids, data);
    else if (!is_usual) result = new_none();
    drop(ids);
    drop(data);
    drop_names(&names);
    return result;
}

/* respond_records(plan, ids, parts, failed, (bytes around entries, between them, of one that is ok, dropped, failed), limit)
   -> the entries of the response as dicts, and its bytes as the runtime writes it; None where it has more, an id is written
   with escapes, or there is metadata */
static PyObject *respond_records(PyObject *module, PyObject *arguments) {
    PyObject *capsule, *ids, *parts, *failed, *result = NULL;
    unsigned envelope_size, separator_size, sizes[3];
    long long limit;
    View *views = NULL;
    Answer *answers = NULL;
    RecordNames names = {0};
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOOO(IIIII)L", &capsule, &ids, &parts, &failed, &envelope_size, &separator_size, &sizes[OK], &sizes[DROPPED], &sizes[FAILED], &limit)) return NULL;
    const Plan *plan = PyCapsule_GetPointer(capsule, "fastxform.plan");
    const Py_ssize_t part_count = plan ? PyTuple_Size(parts) : -1, count = part_count < 0 ? -1 : PyList_Size(ids);
    if (count < 0 || !make_names(&names)) return NULL;
    views = calloc((size_t)part_count * 3 + 1, sizeof(View));
    if (views) answers = take_answers(parts, failed, count, views);
    else PyErr_NoMemory();
    if (answers) {
        u64 size = envelope_size + (count ? (u64)separator_size * (u64)(count - 1) : 0);
        const int is_plain = add_sizes(ids, answers, count, sizes, &size);
        if (is_plain && size <= (u64)limit) {
            PyObject *entries = write_entries(plan->simd, ids, answers, count, &names);
            if (entries) result = Py_BuildValue("(NK)", entries, (unsigned long long)size);
        } else {
            result = new_none();
        }
    }
    for (Py_ssize_t i = 0; views && i < 3 * part_count; i++) close_view(&views[i]);
    free(views);
    free(answers);
    drop_names(&names);
    return result;
}

static void destroy_key_table(PyObject *capsule) { free_key_table(PyCapsule_GetPointer(capsule, "fastxform.keys")); }

/* key_table(keys, seed) -> a table of texts */
static PyObject *key_table(PyObject *module, PyObject *arguments) {
    PyObject *keys;
    unsigned long long seed;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OK", &keys, &seed)) return NULL;
    KeyTable *table = calloc(1, sizeof *table);
    if (!table) return PyErr_NoMemory();
    table->seed = seed;
    PyObject *capsule = NULL;
    if (!open_view_of(keys, &table->keys, "u")) goto failed;
    if (table->keys.array->length > KEYS_LIMIT) {
        set_error(PyExc_ValueError, "too many keys");
        goto failed;
    }
    if (!fill_key_table(table)) PyErr_NoMemory();
    else capsule = PyCapsule_New(table, "fastxform.keys", destroy_key_table);
    if (capsule) return capsule;
failed:
    free_key_table(table);
    return NULL;
}

/* find_keys(table, texts) -> which key each text is, null where it is none */
static PyObject *find(PyObject *module, PyObject *arguments) {
    PyObject *capsule, *object, *result = NULL;
    View asked = {0};
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OO", &capsule, &object)) return NULL;
    const KeyTable *table = PyCapsule_GetPointer(capsule, "fastxform.keys");
    if (!table) return NULL;
    if (open_view_of(object, &asked, "u")) {
        const size_t count = (size_t)asked.array->length;
        i32 *found = malloc(count * sizeof(i32) + 64);
        u8 *is_found = calloc(count / 8 + 64, 1);
        if (found && is_found) {
            const i64 missing = find_keys(table, &asked, found, is_found);
            result = export_array("i", (i64)count, missing, is_found, (u8 *)found, NULL);
        } else {
            free(found);
            free(is_found);
            PyErr_NoMemory();
        }
    }
    close_view(&asked);
    return result;
}

/* simd() -> what this processor runs */
static PyObject *simd(PyObject *module, PyObject *arguments) {
    (void)module;
    if (!PyArg_ParseTuple(arguments, "")) return NULL;
    return PyUnicode_FromString(choose_simd(WIDEST)->name);
}

#ifndef FASTXFORM_SOURCES
#define FASTXFORM_SOURCES 0 /* built by something else than build_hook.py */
#endif

/* sources() -> a checksum of the files that it was built from, 0 where it is not known */
static PyObject *sources(PyObject *module, PyObject *arguments) {
    (void)module;
    if (!PyArg_ParseTuple(arguments, "")) return NULL;
    return PyLong_FromUnsignedLongLong(FASTXFORM_SOURCES);
}

static PyMethodDef METHODS[] = {
    {"compile", compile_plan, METH_VARARGS, NULL},
    {"decode_event", decode_event, METH_VARARGS, NULL},
    {"decode_texts", decode_texts, METH_VARARGS, NULL},
    {"rows", rows, METH_VARARGS, NULL},
    {"respond", respond, METH_VARARGS, NULL},
    {"read_records", read_records, METH_VARARGS, NULL},
    {"respond_records", respond_records, METH_VARARGS, NULL},
    {"key_table", key_table, METH_VARARGS, NULL},
    {"find_keys", find, METH_VARARGS, NULL},
    {"simd", simd, METH_VARARGS, NULL},
    {"sources", sources, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "_kernel", NULL, 0, METHODS, NULL, NULL, NULL, NULL};

__attribute__((visibility("default"))) PyObject *PyInit__kernel(void) { return PyModule_Create2(&MODULE, PYTHON_ABI_VERSION); }
