/* Plans for the fuzzers: one of each shape, every conversion among their columns. */
#ifndef FASTXFORM_FUZZ_PLANS_H
#define FASTXFORM_FUZZ_PLANS_H
#include "../event.h"
#include <assert.h>
#include <stdio.h>

#define PLAN_COUNT 12

static Node make_node(NodeKind kind, const char *name, int slot) {
    Node node = {.kind = kind, .slot = slot, .whole_slot = -1, .name_size = (u32)strlen(name)};
    node.name = calloc(1, node.name_size + PADDING);
    memcpy(node.name, name, node.name_size);
    node.name_head = head_of(node.name, node.name_size);
    return node;
}

static Node *add(Node *parent, NodeKind kind, const char *name, int slot) {
    parent->children = realloc(parent->children, (size_t)(parent->child_count + 1) * sizeof(Node));
    Node *child = &parent->children[parent->child_count++];
    *child = make_node(kind, name, slot);
    parent->child_sizes |= 1ULL << (child->name_size < 63 ? child->name_size : 63);
    return child;
}

static void add_search(Node *list, const char *text, int slot) {
    list->searches = realloc(list->searches, (size_t)(list->search_count + 1) * sizeof(Search));
    list->searches[list->search_count++] = (Search){(u8 *)strdup(text), (u32)strlen(text), slot};
}

static Choice choice_of(Pick pick, int count, const Alternative *alternatives) {
    Choice choice = {pick, count, malloc((size_t)count * sizeof(Alternative))};
    memcpy(choice.alternatives, alternatives, (size_t)count * sizeof(Alternative));
    return choice;
}

static Choice only(int slot) { return choice_of(PICK_ONLY, 1, &(Alternative){slot, -1}); }

static ColumnPlan *add_column(Plan *plan, Conversion conversion, Pick pick, int count, const Alternative *alternatives) {
    plan->columns = realloc(plan->columns, (size_t)(plan->column_count + 1) * sizeof(ColumnPlan));
    ColumnPlan *column = &plan->columns[plan->column_count++];
    *column = (ColumnPlan){.conversion = conversion, .choice = choice_of(pick, count, alternatives), .per_second = 1000, .precision = 12, .scale = 2};
    return column;
}

static ColumnPlan *add_plain(Plan *plan, Conversion conversion, int slot) { return add_column(plan, conversion, PICK_ONLY, 1, &(Alternative){slot, -1}); }

static Plan *new_plan(Documents documents, int slot_count) {
    Plan *plan = calloc(1, sizeof *plan);
    plan->documents = documents;
    plan->slot_count = slot_count;
    plan->slot_documents = calloc((size_t)slot_count + 1, 1);
    plan->event_version_slot = plan->event_source_slot = plan->change_slot = plan->type_slot = plan->text_slot = -1;
    plan->root = make_node(NODE_OBJECT, "", -1);
    return plan;
}

/* Makes the elements of a list rows; their slots begin behind those that there are. */
static RowList *add_list(Plan *plan, NodeKind kind, int slot, int first_slot) {
    RowList *list = &plan->lists[plan->list_count++];
    *list = (RowList){make_node(kind, "", -1), 1, only(slot), first_slot, plan->parse_count, -1, EMPTY_DROPS, 0};
    return list;
}

static Plan *changes_plan(void) {
    Plan *plan = new_plan(ONE_DOCUMENT, 16);
    Node *change = add(&plan->root, NODE_OBJECT, "dynamodb", 14);
    add(&plan->root, NODE_VALUE, "eventVersion", 0);
    add(&plan->root, NODE_VALUE, "eventSourceARN", 1);
    plan->event_version_slot = 0;
    plan->event_source_slot = 1;
    plan->change_slot = 14;
    change = &plan->root.children[0];
    Node *keys = add(change, NODE_OBJECT, "Keys", -1);
    add(keys, NODE_ATTRIBUTE, "id", 2);
    add(keys, NODE_ATTRIBUTE, "n", 3);
    Node *new_image = add(change, NODE_OBJECT, "NewImage", 4);
    new_image->whole_kind = NODE_IMAGE;
    new_image->whole_slot = 5;
    add(new_image, NODE_ATTRIBUTE, "amount", 6);
    Node *map = add(new_image, NODE_MAP, "m", 7);
    map->whole_kind = NODE_ATTRIBUTE;
    map->whole_slot = 8;
    add(map, NODE_ATTRIBUTE, "deep", 9);
    Node *old_image = add(change, NODE_OBJECT, "OldImage", 10);
    add(old_image, NODE_ATTRIBUTE, "amount", 11);
    add(change, NODE_VALUE, "ApproximateCreationDateTime", 12);
    add(change, NODE_VALUE, "SizeBytes", 13);
    add_plain(plan, TO_TEXT, 2);
    add_plain(plan, TO_INT64, 3);
    add_plain(plan, TO_JSON, 5);
    add_plain(plan, TO_JSON, 8);
    add_plain(plan, TO_BINARY, 9);
    add_plain(plan, TO_TEXT, 9);
    add_plain(plan, TO_TIMESTAMP, 12);
    add_plain(plan, TO_INT64, 13)->is_required = 1;
    add_column(plan, TO_DECIMAL, PICK_FIRST_OBJECT, 2, (Alternative[]){{6, 4}, {11, 10}});
    add_column(plan, TO_TEXT, PICK_FIRST_TRUE, 2, (Alternative[]){{6, -1}, {11, -1}});
    return plan;
}

/* An item that is the record itself, as a whole and in part. */
static Plan *item_plan(void) {
    Plan *plan = new_plan(ONE_DOCUMENT, 4);
    plan->root.whole_slot = 0;
    plan->root.whole_kind = NODE_IMAGE;
    add(&plan->root, NODE_ATTRIBUTE, "id", 1);
    add(add(&plan->root, NODE_MAP, "m", 2), NODE_ATTRIBUTE, "deep", 3);
    add_plain(plan, TO_JSON, 0);
    add_plain(plan, TO_TEXT, 1);
    add_plain(plan, TO_JSON, 3);
    return plan;
}

static Plan *mail_plan(Documents documents) {
    Plan *plan = new_plan(documents, 12);
    Node *mail = add(&plan->root, NODE_OBJECT, "mail", -1);
    Node *headers = add(mail, NODE_SEARCH, "headers", -1);
    headers->whole_kind = NODE_VALUE;
    headers->whole_slot = 0;
    add(headers, NODE_VALUE, "name", 0);
    add(headers, NODE_VALUE, "value", 1);
    add_search(headers, "From", 1);
    add_search(headers, "To", 2);
    add(mail, NODE_VALUE, "timestamp", 3);
    add(mail, NODE_VALUE, "headersTruncated", 4);
    const char *names[] = {"n", "a", "d", "b", "j", "aNameOfMoreThanEightBytes"};
    for (int i = 0; i < 6; i++) add(&plan->root, NODE_VALUE, names[i], 5 + i);
    add_plain(plan, TO_TEXT, 0);
    add_plain(plan, TO_TEXT, 1);
    add_plain(plan, TO_JSON, 2);
    add_plain(plan, TO_TIMESTAMP, 3)->per_second = 1000000;
    ColumnPlan *flag = add_plain(plan, TO_BOOL, 4);
    flag->default_kind = TRUE_WORD;
    flag->default_text = calloc(1, 4 + PADDING);
    memcpy(flag->default_text, "true", flag->default_size = 4);
    add_plain(plan, TO_FLOAT_TEXT, 5);
    ColumnPlan *word = add_plain(plan, TO_TEXT, 6);
    word->has_pattern = 1;
    word->most = 8;
    for (int c = 'a'; c <= 'z'; c++) word->class_of[c] = 1;
    add_plain(plan, TO_DATE, 7);
    add_plain(plan, TO_BINARY, 8);
    add_plain(plan, TO_JSON, 9);
    add_plain(plan, TO_TEXT, 10);
    plan->wants_arrival = documents == ONE_DOCUMENT;
    return plan;
}

static Plan *logs_plan(void) {
    Plan *plan = new_plan(LOG_MESSAGE, 9);
    plan->type_slot = 0;
    add(&plan->root, NODE_VALUE, "messageType", 0);
    add(&plan->root, NODE_VALUE, "logEvents", 5);
    add(&plan->root, NODE_VALUE, "logGroup", 1);
    Node *event = &add_list(plan, NODE_OBJECT, 5, 6)->element;
    add(event, NODE_VALUE, "id", 6);
    add(event, NODE_VALUE, "timestamp", 7);
    add(event, NODE_VALUE, "message", 8);
    add_plain(plan, TO_TEXT, 1);
    add_plain(plan, TO_TEXT, 6);
    add_plain(plan, TO_TIMESTAMP, 7);
    add_plain(plan, TO_TEXT, 8);
    return plan;
}

/* Lines of an order: a list of attributes in a change. */
static Plan *lines_plan(void) {
    Plan *plan = new_plan(MANY_DOCUMENTS, 13);
    add(&plan->root, NODE_VALUE, "eventVersion", plan->event_version_slot = 0);
    add(&plan->root, NODE_VALUE, "eventSourceARN", plan->event_source_slot = 1);
    Node *change = add(&plan->root, NODE_OBJECT, "dynamodb", plan->change_slot = 12);
    Node *keys = add(change, NODE_OBJECT, "Keys", 2);
    add(keys, NODE_ATTRIBUTE, "id", 3);
    Node *image = add(change, NODE_OBJECT, "NewImage", 4);
    add(image, NODE_JUDGED, "items", 5);
    plan->image_count = 2;
    plan->image_slots[0] = 2;
    plan->image_slots[1] = 4;
    RowList *list = add_list(plan, NODE_MAP, 5, 6);
    list->if_empty = EMPTY_IS_NULL;
    list->index_slot = 6;
    list->element.whole_kind = NODE_ATTRIBUTE;
    list->element.whole_slot = 7;
    add(&list->element, NODE_ATTRIBUTE, "sku", 8);
    add(&list->element, NODE_ATTRIBUTE, "qty", 9);
    Node *map = add(&list->element, NODE_MAP, "m", 10);
    add(map, NODE_ATTRIBUTE, "deep", 11);
    plan->document_count = 1;
    plan->slot_documents[6] = 1;
    for (int slot = 3; slot < 12; slot += slot == 3 ? 2 : 1) add_plain(plan, slot == 6 || slot == 9 ? TO_INT64 : slot % 2 ? TO_JSON : TO_TEXT, slot);
    add_column(plan, TO_BINARY, PICK_FIRST_TRUE, 2, (Alternative[]){{8, -1}, {11, -1}});
    return plan;
}

/* A list in the text `t` of a document, or of an event of a log message; the text `u` of an element is a document, too. */
static Plan *lists_plan(Documents documents) {
    Plan *plan = new_plan(documents, 16);
    const int is_logs = documents == LOG_MESSAGE;
    Node *row = &plan->root;
    if (is_logs) {
        add(&plan->root, NODE_VALUE, "messageType", plan->type_slot = 0);
        add(&plan->root, NODE_VALUE, "logEvents", 1);
        row = &add_list(plan, NODE_OBJECT, 1, 2)->element;
    }
    add(row, NODE_VALUE, "id", 2);
    add(row, NODE_VALUE, is_logs ? "message" : "t", 3);
    plan->parse_count = 1;
    RowList *list = add_list(plan, NODE_OBJECT, 4, 6);
    list->index_slot = 6;
    list->if_empty = is_logs ? EMPTY_DROPS : EMPTY_IS_NULL;
    list->element.whole_kind = NODE_VALUE;
    list->element.whole_slot = 7;
    add(&list->element, NODE_VALUE, "n", 8);
    add(&list->element, NODE_VALUE, "u", 9);
    plan->parse_count = 2;
    plan->document_count = 3;
    plan->parses = calloc(2, sizeof(Parse));
    for (int i = 0; i < 2; i++) plan->parses[i] = (Parse){.root = make_node(NODE_OBJECT, "", -1), .text = only(i ? 9 : 3), .invalid = i ? INVALID_DROPS : INVALID_IS_NULL};
    add(&plan->parses[0].root, NODE_VALUE, "l", 4);
    add(&plan->parses[0].root, NODE_VALUE, "x", 5);
    add(&plan->parses[1].root, NODE_VALUE, "y", 10);
    for (int slot = 4; slot < 10; slot++) plan->slot_documents[slot] = 1;
    plan->slot_documents[6] = 3;
    plan->slot_documents[10] = 2;
    for (int slot = 2; slot < 11; slot++) add_plain(plan, slot == 8 ? TO_DECIMAL : slot % 2 ? TO_JSON : TO_TEXT, slot);
    return plan;
}

/* A document whose text `t` is one, in whose text `u` is another; elements of a list, and the document as a whole. */
static Plan *texts_plan(void) {
    Plan *plan = new_plan(MANY_DOCUMENTS, 10);
    plan->root.whole_slot = 0;
    plan->root.whole_kind = NODE_VALUE;
    add(&plan->root, NODE_VALUE, "t", 1);
    Node *list = add(&plan->root, NODE_ELEMENTS, "list", -1);
    add(list, NODE_VALUE, "0", 2)->element = 0;
    Node *second = add(list, NODE_OBJECT, "2", -1);
    second->element = 2;
    add(second, NODE_VALUE, "a", 3);
    Node *last = add(list, NODE_ELEMENTS, "-1", -1);
    last->element = -1;
    last->counts = list->counts = 1;
    add(last, NODE_VALUE, "-2", 9)->element = -2;
    plan->parse_count = 2;
    plan->parses = calloc(2, sizeof(Parse));
    plan->document_count = 2;
    for (int i = 0; i < 2; i++) plan->parses[i] = (Parse){.root = make_node(NODE_OBJECT, "", -1), .text = only(i ? 5 : 1), .invalid = i ? INVALID_DROPS : INVALID_IS_NULL};
    Node *outer = &plan->parses[0].root, *inner = &plan->parses[1].root;
    outer->whole_slot = 4;
    add(outer, NODE_VALUE, "u", 5);
    add(outer, NODE_VALUE, "n", 6);
    inner->whole_slot = 7;
    add(inner, NODE_VALUE, "v", 8);
    plan->slot_documents[4] = plan->slot_documents[5] = plan->slot_documents[6] = 1;
    plan->slot_documents[7] = plan->slot_documents[8] = 2;
    for (int slot = 0; slot < 10; slot++) add_plain(plan, slot == 3 || slot == 6 ? TO_INT64 : slot % 2 ? TO_TEXT : TO_JSON, slot);
    ColumnPlan *column = &plan->columns[1];
    column->null_count = 1;
    column->nulls = calloc(1, sizeof(Search));
    column->nulls[0] = (Search){(u8 *)strdup("-"), 1, 0};
    return plan;
}

static void add_fields(Parse *parse, int count, const char **names, const int *slots) {
    parse->fields = calloc((size_t)count, sizeof(Search));
    parse->field_count = count;
    for (int i = 0; i < count; i++) parse->fields[i] = (Search){(u8 *)strdup(names[i]), (u32)strlen(names[i]), slots[i]};
}

/* Texts, or their lines: fields in quotes and brackets, in them pairs and a document; fields of the same text between tabs, and by
   `(?P<a>[^ ]*) (?P<b>(?s:.*))`. */
static Plan *fields_plan(Documents documents) {
    Plan *plan = new_plan(documents, 12);
    const char *none[] = {"", "", "", ""};
    plan->text_slot = 0;
    plan->parse_count = 5;
    plan->parses = calloc(5, sizeof(Parse));
    plan->document_count = 5;
    const int slot_of_text[] = {0, 1, 2, 0, 0};
    for (int i = 0; i < 5; i++) plan->parses[i] = (Parse){.root = make_node(NODE_OBJECT, "", -1), .text = only(slot_of_text[i]), .invalid = i == 1 ? INVALID_DROPS : INVALID_IS_NULL};
    Parse *const parses = plan->parses;
    parses[0].format = parses[3].format = FORMAT_SEPARATED;
    parses[0].needed = parses[3].needed = 3;
    parses[0].delimiter = ' ';
    parses[0].quote = '"';
    parses[0].has_quote = parses[0].has_brackets = parses[0].has_nulls = parses[0].is_open = 1;
    add_fields(&parses[0], 4, none, (int[]){1, 2, -1, 3});
    parses[1].format = FORMAT_PAIRS;
    add_fields(&parses[1], 2, (const char *[]){"a", "\xc3\xa9"}, (int[]){4, 5});
    add(&parses[2].root, NODE_VALUE, "v", 6);
    parses[3].delimiter = '\t';
    parses[3].quote = '\'';
    parses[3].has_quote = documents == ONE_TEXT;
    add_fields(&parses[3], 3, none, (int[]){7, 8, 9});
    parses[4].format = FORMAT_PATTERN;
    add_fields(&parses[4], 2, none, (int[]){10, 11});
    Automaton *pattern = &parses[4].pattern;
    pattern->class_of[' '] = 1;
    pattern->class_count = pattern->state_count = 2;
    const u32 transitions[] = {1, 1u << 16 | 3, 3, 3}, accepting[] = {0, 3}, mark_ends[] = {0, 1, 2};
    const u16 marks[] = {1, 3};
    pattern->transitions = memcpy(malloc(sizeof transitions), transitions, sizeof transitions);
    pattern->accepting = memcpy(malloc(sizeof accepting), accepting, sizeof accepting);
    pattern->mark_ends = memcpy(malloc(sizeof mark_ends), mark_ends, sizeof mark_ends);
    pattern->marks = memcpy(malloc(sizeof marks), marks, sizeof marks);
    for (int slot = 1; slot < 12; slot++) plan->slot_documents[slot] = slot < 4 ? 1 : slot < 6 ? 2 : slot < 7 ? 3 : slot < 10 ? 4 : 5;
    for (int slot = 0; slot < 12; slot++) {
        add_plain(plan, slot == 3 ? TO_INT64 : slot == 9 ? TO_TIMESTAMP : TO_TEXT, slot);
        add_plain(plan, slot == 5 ? TO_BOOL : TO_JSON, slot);
    }
    return plan;
}

/* The plans, made once; `width` says which code they run. */
static Plan *fuzz_plan(int which, int width) {
    static Plan *plans[PLAN_COUNT];
    if (!plans[0]) {
        plans[0] = changes_plan();
        plans[1] = mail_plan(ONE_DOCUMENT);
        plans[2] = mail_plan(MANY_DOCUMENTS);
        plans[3] = logs_plan();
        plans[4] = new_plan(ONE_DOCUMENT, 2);
        plans[5] = texts_plan();
        plans[6] = lines_plan();
        plans[7] = lists_plan(ONE_DOCUMENT);
        plans[8] = lists_plan(LOG_MESSAGE);
        plans[9] = item_plan();
        plans[10] = fields_plan(ONE_TEXT);
        plans[11] = fields_plan(MANY_TEXTS);
    }
    plans[which]->simd = choose_simd(width);
    return plans[which];
}

/* Stops where two columns are not the same bytes, or text is not what Arrow may be given. */
static void check_columns(const Plan *plan, const Column *a, const Column *b, size_t row_count) {
    for (int i = 0; i < plan->column_count; i++) {
        const int has_text = is_text(plan->columns[i].conversion);
        assert(!memcmp(a[i].values, b[i].values, (row_count + (size_t)has_text) * WIDTH[plan->columns[i].conversion]));
        assert(a[i].data.size == b[i].data.size && (!a[i].data.size || !memcmp(a[i].data.data, b[i].data.data, a[i].data.size)));
        assert(!row_count || !memcmp(a[i].kinds, b[i].kinds, row_count));
        if (!has_text) continue;
        i32 before = 0, end;
        for (size_t row = 0; row <= row_count; row++) {
            memcpy(&end, a[i].values + row * 4, 4);
            assert(end >= before && (size_t)end <= a[i].data.size);
            before = end;
        }
        assert((size_t)before == a[i].data.size);
        if (plan->columns[i].conversion == TO_BINARY) continue;
        /* UTF-8, judged by the first pass in blocks that end in white space */
        u8 *copy = malloc(a[i].data.size + PADDING);
        memset(copy, ' ', a[i].data.size + PADDING);
        if (a[i].data.size) memcpy(copy, a[i].data.data, a[i].data.size);
        size_t next = 0;
        for (size_t block = 0; block < a[i].data.size; block += 64) {
            u64 high = 0;
            for (int bit = 0; bit < 64; bit++) high |= (u64)(copy[block + (size_t)bit] >> 7) << bit;
            assert(!high || utf8_is_good(copy, block, high, &next));
        }
        free(copy);
    }
}
#endif
