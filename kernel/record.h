/* The rows of a record: its documents or its texts, what is parsed out of them, and the lists whose elements are rows. What
   is unusual about a record makes all of it FALLBACK, and the rows that it has so far are taken back. */
#ifndef FASTXFORM_RECORD_H
#define FASTXFORM_RECORD_H
#include "columns.h"
#include "fields.h"

/* The engine refuses records of too many rows, and messages that are wide and would be written too often: what comes near
   its limits (RECORD_ROWS_LIMIT and RECORD_WRITTEN_LIMIT_BYTES of `limits`) is left to it. */
#define RECORD_ROWS_LIMIT 30000
#define RECORD_WRITTEN_LIMIT 3000000
#define RECORD_LIMIT 1000000 /* bytes of a record; what has more may hold more values than the engine takes */

/* What becomes of a row whose text is not of its format. */
INLINE Status refuse_text(const Parse *parse, int *is_dropped) {
    if (parse->invalid == INVALID_FAILS) return FALLBACK;
    *is_dropped |= parse->invalid == INVALID_DROPS;
    return TAKEN;
}

/* Reads the document in a text. */
static Status parse_document(const Plan *plan, const Parse *parse, Document *d, int *is_dropped) {
    const u8 *p = d->text, *end = p + d->size;
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')) p++;
    if (p == end || *p != '{') return refuse_text(parse, is_dropped); /* mostly plain lines among JSON */
    Status status = index_document(plan->simd, d);
    if (status != TAKEN) return status;
    d->next = 1;
    status = walk_members(d, &parse->root);
    if (status != TAKEN) return status;
    if (d->next != d->index.count) return FALLBACK;
    note_whole(d, &parse->root, 0);
    return TAKEN;
}

/* Reads texts of a row, by some of the parses. `is_dropped`: one of them is not of its format, for which the row is left out. */
static Status read_parses(const Plan *plan, Document *d, int first, int end_parse, int *is_dropped) {
    for (int i = first; i < end_parse; i++) {
        const Parse *parse = &plan->parses[i];
        const Slot *slot = pick_slot(&parse->text, d);
        const u8 document = plan->slot_documents[slot - d->slots];
        const Document *in = document ? &d->parsed[document - 1] : d;
        Document *parsed = &d->parsed[i];
        if (slot->kind == ABSENT || slot->kind == NULL_WORD) continue;
        if (slot->kind != STRING) return FALLBACK;
        const u8 *p = in->text + slot->start, *end = in->text + slot->end;
        parsed->own.size = 0;
        if (has_backslash(in, slot->start, slot->end) ? !append_unescaped(&parsed->own, p, end) : !buffer_append(&parsed->own, p, (size_t)(end - p))) return OUT_OF_MEMORY;
        if (!buffer_reserve(&parsed->own, PADDING)) return OUT_OF_MEMORY;
        memset(parsed->own.data + parsed->own.size, ' ', 64);
        parsed->text = parsed->own.data;
        parsed->size = parsed->own.size;
        parsed->slots = d->slots;
        Status status = TAKEN;
        if (parse->format == FORMAT_JSON) {
            status = parse_document(plan, parse, parsed, is_dropped);
        } else {
            const Fields fields = split_fields(parsed, parse);
            if (fields == UNSURE_FIELDS) return FALLBACK;
            if (fields == NOT_FIELDS) status = refuse_text(parse, is_dropped);
        }
        if (status != TAKEN) return status;
    }
    return TAKEN;
}

/* A record while its rows are appended. */
typedef struct {
    const Plan *plan;
    Columns *columns;
    Document *document;
    Buffer *scratch;
    u64 rows_seen;
    int is_double;       /* binary values of the change carry two layers of base64 */
} Record;

static Status append_row(const Record *record) {
    const Plan *plan = record->plan;
    Columns *columns = record->columns;
    Document *d = record->document;
    const size_t row = columns->row_count;
    if (UNLIKELY(row == columns->row_capacity) && !grow_rows(plan, columns, row * 2 + 64)) return OUT_OF_MEMORY;
    for (int i = 0; i < plan->column_count; i++) {
        const ColumnPlan *column = &plan->columns[i];
        const Slot *slot = pick_slot(&column->choice, d);
        const u8 document = plan->document_count ? plan->slot_documents[slot - d->slots] : 0;
        Document *in = UNLIKELY(document) ? &d->parsed[document - 1] : d;
        const Status status = append_value(column, &columns->each[i], row, in, slot, record->is_double, record->scratch);
        if (status != TAKEN) return status;
    }
    columns->row_count++;
    return TAKEN;
}

/* ---- lists whose elements are rows */

/* The bytes around a list that each of its rows repeats, once for each column of them. */
static u64 repeated_bytes(const Plan *plan, const Document *d, const RowList *list) {
    u64 size = list->beside_size;
    for (int i = 0; i < plan->column_count; i++) {
        const Slot *slot = pick_slot(&plan->columns[i].choice, d);
        if (slot - d->slots < list->first_slot && slot->kind != ABSENT) size += slot->end - slot->start;
    }
    return size;
}

static void forget_slots(const Plan *plan, Document *d, int first_slot) {
    for (int i = first_slot; i < plan->slot_count; i++) d->slots[i].kind = ABSENT;
}

/* Notes the number of an element, as a document of its own. */
static Status note_index(const Plan *plan, Document *d, int slot, u32 number) {
    Document *numbers = &d->parsed[plan->parse_count];
    u8 digits[10], *first = digits + sizeof digits;
    do *--first = (u8)('0' + number % 10); while (number /= 10);
    const u32 size = (u32)(digits + sizeof digits - first);
    numbers->own.size = 0;
    if (!buffer_reserve(&numbers->own, PADDING)) return OUT_OF_MEMORY;
    memset(numbers->own.data, ' ', 64);
    memcpy(numbers->own.data, first, size);
    numbers->text = numbers->own.data;
    d->slots[slot] = (Slot){0, size, 0, 0, NUMBER, 0};
    return TAKEN;
}

static Status take_rows(Record *record, int level);

/* Appends the row of a list without elements, if it has one. */
static Status take_empty(Record *record, int level, Kind kind) {
    const Plan *plan = record->plan;
    const RowList *list = &plan->lists[level];
    Document *d = record->document;
    int has_image = !plan->image_count || kind == EMPTY;
    for (int i = 0; i < plan->image_count; i++) has_image |= d->slots[plan->image_slots[i]].kind >= CONTAINER;
    if (list->if_empty == EMPTY_FAILS || !has_image) return FALLBACK;
    if (list->if_empty == EMPTY_DROPS) return TAKEN;
    if (++record->rows_seen > RECORD_ROWS_LIMIT) return FALLBACK;
    forget_slots(plan, d, list->first_slot);
    return take_rows(record, level + 1);
}

/* Appends the rows of the elements of a list. */
static Status take_elements(Record *record, int level) {
    const Plan *plan = record->plan;
    const RowList *list = &plan->lists[level];
    Document *d = record->document;
    const Slot *slot = pick_slot(&list->list, d);
    const u8 document = plan->slot_documents[slot - d->slots];
    Document *in = document ? &d->parsed[document - 1] : d;
    const u8 *text = in->text;
    const u32 *tokens = in->index.tokens;
    if (slot->kind == ABSENT || slot->kind == NULL_WORD || slot->kind == EMPTY) return take_empty(record, level, (Kind)slot->kind);
    u32 bracket = slot->token;
    if (slot->kind == PLAIN && text[tokens[bracket + 1] + 1] == 'L') bracket += 4;
    else if (slot->kind != CONTAINER || AT(bracket) != '[') return FALLBACK;
    const int is_of_events = plan->documents == LOG_MESSAGE && level == 0;
    const u64 repeated = repeated_bytes(plan, d, list);
    u32 next = bracket + 1;
    for (u32 element = 0;; element++) {
        if (++record->rows_seen > RECORD_ROWS_LIMIT || repeated * (element + 1) > RECORD_WRITTEN_LIMIT) return FALLBACK;
        if (!(record->rows_seen & 255) && written_bytes(plan, record->columns) - record->columns->written > RECORD_WRITTEN_LIMIT) return FALLBACK;
        forget_slots(plan, d, list->first_slot);
        in->next = next;
        if (is_of_events && AT(next) != '{') return FALLBACK;
        Status status = list->has_element ? walk_node(in, &list->element) : skip_value(in);
        next = in->next;
        if (status == TAKEN && list->index_slot >= 0) status = note_index(plan, d, list->index_slot, element);
        if (status == TAKEN) status = take_rows(record, level + 1);
        if (status != TAKEN) return status;
        if (AT(next++) == ']') return TAKEN; /* the list itself was judged when it was passed over */
    }
}

/* Appends the rows of what was noted last: one, or those of the list in it, or none where it is left out. */
static Status take_rows(Record *record, int level) {
    const Plan *plan = record->plan;
    const int first = level ? plan->lists[level - 1].first_parse : 0;
    const int end = level < plan->list_count ? plan->lists[level].first_parse : plan->parse_count;
    int is_dropped = 0;
    if (UNLIKELY(first < end)) {
        const Status status = read_parses(plan, record->document, first, end, &is_dropped);
        if (status != TAKEN) return status;
    }
    if (is_dropped) return plan->documents == LOG_MESSAGE && level == 0 ? FALLBACK : TAKEN; /* the events were not looked at */
    return LIKELY(level == plan->list_count) ? append_row(record) : take_elements(record, level);
}

/* Appends the rows of the document that comes next. */
static Status take_document(Record *record) {
    const Plan *plan = record->plan;
    Document *d = record->document;
    const u32 first = d->next;
    if (++record->rows_seen > RECORD_ROWS_LIMIT) return FALLBACK;
    forget_slots(plan, d, 0);
    Status status = walk_document(d, &plan->root);
    if (status != TAKEN) return status;
    note_whole(d, &plan->root, first);
    if (plan->event_version_slot >= 0) {
        record->is_double = d->slots[plan->event_version_slot].kind == ABSENT && d->slots[plan->event_source_slot].kind == ABSENT && d->slots[plan->change_slot].kind == CONTAINER;
        if (record->is_double && d->has_binary) return FALLBACK;
    }
    if (plan->documents == LOG_MESSAGE) {
        const Slot *type = &d->slots[plan->type_slot], *events = pick_slot(&plan->lists[0].list, d);
        const u32 size = type->end - type->start;
        if (d->next != d->index.count || type->kind != STRING) return FALLBACK;
        if (size == 15 && !memcmp(d->text + type->start, "CONTROL_MESSAGE", 15)) return TAKEN;
        if (size != 12 || memcmp(d->text + type->start, "DATA_MESSAGE", 12) || (events->kind != CONTAINER && events->kind != EMPTY) || d->text[events->start] != '[') return FALLBACK;
    }
    if (LIKELY(!plan->list_count && !plan->parse_count)) return append_row(record);
    const u32 end = d->next;
    status = take_rows(record, 0);
    d->next = end;
    return status;
}

/* Appends the row of a text of the record. */
static Status take_text_row(Record *record, size_t start, size_t end) {
    const Plan *plan = record->plan;
    Document *d = record->document;
    if (++record->rows_seen > RECORD_ROWS_LIMIT) return FALLBACK;
    forget_slots(plan, d, 0);
    if (plan->text_slot >= 0) d->slots[plan->text_slot] = (Slot){.start = (u32)start, .end = (u32)end, .kind = STRING};
    return take_rows(record, 0);
}

/* Appends the rows of a record that is one text, or lines of which those that are not empty are taken. */
static Status take_texts(Record *record) {
    Document *d = record->document;
    const u8 *text = d->text;
    size_t end = d->size, start = 0;
    d->has_fields = 1;
    while (start < end && (text[start] == '\r' || text[start] == '\n')) start++;
    if (start == end || (end >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) || !is_utf8(text, end)) return FALLBACK;
    if (record->plan->documents == ONE_TEXT) {
        if (text[end - 1] == '\n') end--;
        if (end && text[end - 1] == '\r') end--;
        return take_text_row(record, 0, end);
    }
    Status status = TAKEN;
    for (start = 0; status == TAKEN && start < d->size; start = end + 1) {
        const u8 *line_end = memchr(text + start, '\n', d->size - start);
        end = line_end ? (size_t)(line_end - text) : d->size;
        const size_t row_end = end > start && text[end - 1] == '\r' ? end - 1 : end;
        if (row_end == start) continue;
        status = take_text_row(record, start, row_end);
    }
    return status;
}

/* Appends the rows of a record that is one document, or several. */
static Status take_documents(Record *record) {
    Document *d = record->document;
    Status status = index_document(record->plan->simd, d);
    if (status != TAKEN) return status;
    do status = take_document(record);
    while (status == TAKEN && record->plan->documents == MANY_DOCUMENTS && d->next < d->index.count);
    return status == TAKEN && d->next != d->index.count ? FALLBACK : status;
}

/* Appends the rows of the record in `d`; none are left of one that is not TAKEN. */
static Status read_record(const Plan *plan, Columns *columns, Document *d, Buffer *scratch) {
    const size_t first_row = columns->row_count;
    const int is_text = plan->documents == ONE_TEXT || plan->documents == MANY_TEXTS;
    Record record = {plan, columns, d, scratch, 0, 0};
    if (d->size > RECORD_LIMIT) return FALLBACK;
    Status status = is_text ? take_texts(&record) : take_documents(&record);
    const u64 written = written_bytes(plan, columns);
    if (written - columns->written > RECORD_WRITTEN_LIMIT) status = status < 0 ? status : FALLBACK;
    if (status != TAKEN) take_back(plan, columns, first_row);
    else columns->written = written;
    return status;
}
#endif
