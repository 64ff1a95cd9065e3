/* What a transform reads: a tree of wanted members, and the columns that are made of their values. A plan is never written
   after it was compiled: what belongs to a call is in `Columns` and `Document`. */
#ifndef FASTXFORM_PLAN_H
#define FASTXFORM_PLAN_H
#include "simd.h"

/* Deeper than this below a member is judged by the engine, whose limit for a document is 512 levels. */
#define DEPTH_LIMIT 256
#define NODE_DEPTH_LIMIT 64
#define MEMBERS_LIMIT 64 /* of one object, so that those that came fit one word */
#define COLUMNS_LIMIT 1024
#define SLOTS_LIMIT 4096

typedef enum {
    NODE_OBJECT,    /* members of a plain object */
    NODE_VALUE,     /* a plain value */
    NODE_MAP,       /* a DynamoDB attribute of type M, whose members are attributes */
    NODE_ATTRIBUTE, /* the value of a DynamoDB attribute */
    NODE_IMAGE,     /* a whole map of DynamoDB attributes as one value */
    NODE_SEARCH,    /* a list: the first value of the elements whose key is a text */
    NODE_JUDGED,    /* as NODE_ATTRIBUTE, where all of the attributes in it are judged, too */
    NODE_ELEMENTS,  /* a plain list, whose children are elements, each at its `element` */
    NODE_LIST,      /* a DynamoDB attribute of type L, whose children are elements, each at its `element` */
    NODE_HEADERS,   /* as NODE_SEARCH, the key in letters of any case; the texts are in small ones */
    NODE_KIND_COUNT
} NodeKind;

typedef struct {
    u8 *text;
    u32 size;
    int slot;
} Search;

typedef struct Node {
    NodeKind kind;
    int slot;            /* where the value, or that the object is there, is noted; -1: nowhere */
    NodeKind whole_kind; /* of an object, a map or a list that is wanted as one value, too */
    int whole_slot;      /* of that value; -1: it is not wanted */
    int child_count, search_count;
    u8 *name;
    u32 name_size;
    int element;         /* of a child of a list: which of its elements it is, from the end where it is negative */
    u8 counts;           /* of a list: some child is told from the end */
    u64 name_head;       /* the first eight bytes, zeros behind a shorter name */
    u64 child_sizes;     /* a bit for each size that the name of a child has, the last for all of 63 and more */
    struct Node *children;
    Search *searches;
} Node;

INLINE int is_leaf(NodeKind kind) {
    return kind == NODE_VALUE || kind == NODE_ATTRIBUTE || kind == NODE_IMAGE || kind == NODE_JUDGED;
}

typedef enum {
    ABSENT,
    STRING,
    NUMBER,
    TRUE_WORD,
    FALSE_WORD,
    NULL_WORD,
    CONTAINER,
    EMPTY,       /* an object or a list without members */
    PLAIN,       /* a DynamoDB attribute that holds others, or base64 */
    IMAGE,       /* a map of DynamoDB attributes */
    UNVERIFIED,  /* in a column: the engine decides whether the value fits */
} Kind;

typedef struct {
    u32 start, end;      /* of a string without its quotes */
    u32 token, token_end;
    u8 kind;
    u8 is_attribute;
} Slot;

typedef enum { TO_TEXT, TO_JSON, TO_INT64, TO_TIMESTAMP, TO_DECIMAL, TO_FLOAT_TEXT, TO_BOOL, TO_DATE, TO_BINARY, CONVERSION_COUNT } Conversion;

typedef enum {
    PICK_ONLY,           /* the value of the one alternative */
    PICK_FIRST_TRUE,     /* `a || b` */
    PICK_FIRST_OBJECT,   /* `(a || b).c` */
    PICK_COUNT
} Pick;

typedef struct {
    int slot;
    int object_slot;     /* of PICK_FIRST_OBJECT: whether the object that the value is in is there */
} Alternative;

/* The members that a value may be taken from. */
typedef struct {
    Pick pick;
    int count;
    Alternative *alternatives;
} Choice;

typedef struct {
    Conversion conversion;
    i64 per_second;      /* of timestamps */
    int precision, scale; /* of decimals */
    Choice choice;
    u8 is_required;
    u8 has_pattern;      /* so many characters, all of one class */
    u8 class_of[256];
    u32 least, most;
    u8 default_kind;     /* ABSENT: none */
    u8 *default_text;
    u32 default_size;
    int null_count;
    Search *nulls;       /* texts that are null, before anything else */
} ColumnPlan;

typedef enum { INVALID_FAILS, INVALID_IS_NULL, INVALID_DROPS, INVALID_COUNT } Invalid;

typedef enum {
    FORMAT_JSON,
    FORMAT_SEPARATED,    /* fields between a delimiter */
    FORMAT_PAIRS,        /* logfmt */
    FORMAT_PATTERN,      /* the groups of a regular expression */
    FORMAT_COUNT
} Format;

/* A regular expression each of whose states goes one way with a byte. Of what is marked on a way the first is nothing; a mark is
   twice the number of a field, and one more where it ends. */
typedef struct {
    u8 class_of[256];
    u32 class_count, state_count;
    u32 *transitions;    /* a row of all classes for each state: 65536 times what is marked, and 1 and where the next row is; 0: none */
    u32 *accepting;      /* of a state: 1 and what is marked at the end of a text; 0: it does not end here */
    u32 *mark_ends;      /* where each of what is marked ends among `marks` */
    u16 *marks;
} Automaton;

/* A text that holds values of its own: a JSON document, or fields. */
typedef struct {
    Format format;
    Node root;           /* of a document */
    Choice text;
    Invalid invalid;     /* what becomes of a row whose text is not of the format */
    int field_count;
    Search *fields;      /* separated: each in its place, its slot -1 where it is not wanted; others: those that are wanted */
    Automaton pattern;
    int needed;          /* so many fields has a text at least */
    u8 is_open;          /* it may have more of them than are known */
    u8 has_nulls;        /* `-` and nothing are null */
    u8 has_quote, has_brackets; /* what a field may stand in that holds the delimiter */
    u8 delimiter, quote;
} Parse;

#define PARSES_LIMIT 8
#define FIELDS_LIMIT 1024

typedef enum { EMPTY_DROPS, EMPTY_IS_NULL, EMPTY_FAILS, EMPTY_COUNT } IfEmpty;

/* A list each of whose elements is a row, beside what stands around the list. */
typedef struct {
    Node element;
    u8 has_element;      /* something of an element is wanted */
    Choice list;
    int first_slot;      /* from here on all slots are of an element, or of what was parsed out of it */
    int first_parse;     /* so are the parses from here on */
    int index_slot;      /* of the number of an element; -1: it is not wanted */
    IfEmpty if_empty;    /* what becomes of a list that is null, not there or without elements */
    u32 beside_size;     /* bytes that each row repeats and no slot holds, at most */
} RowList;

#define LISTS_LIMIT 2
#define IMAGES_LIMIT 8

typedef enum { ONE_DOCUMENT, MANY_DOCUMENTS, LOG_MESSAGE, ONE_TEXT, MANY_TEXTS, DOCUMENTS_COUNT } Documents;

typedef struct {
    const Simd *simd;
    Documents documents;
    Node root;
    int list_count;
    RowList lists[LISTS_LIMIT];        /* of a log message the first is that of its events; an element may hold the second */
    int slot_count;
    int image_count;
    int image_slots[IMAGES_LIMIT];     /* whether an image is there: a change without its list must have one of them */
    int event_version_slot, event_source_slot; /* of a DynamoDB change: either there says one layer of base64 */
    int change_slot;                   /* of the object in which else there are two */
    int type_slot;                     /* of a log message */
    int text_slot;                     /* of a text, or a line of it; -1: it is not wanted */
    int column_count;
    ColumnPlan *columns;
    int parse_count;
    Parse *parses;                     /* each after that which its text is in */
    u8 *slot_documents;                /* of each slot: 0, or 1 and the parse whose document its value is in; behind these, of the index */
    int document_count;                /* of those */
    u8 wants_arrival;
} Plan;

/* The first eight bytes of a text that has PADDING bytes behind it, zeros in the place of what is not its own. */
INLINE u64 head_of(const u8 *text, u32 size) {
    u64 head;
    memcpy(&head, text, 8);
    return size >= 8 ? head : head & ((1ULL << (8 * size)) - 1);
}

static void free_node(Node *node) {
    for (int i = 0; i < node->child_count; i++) free_node(&node->children[i]);
    for (int i = 0; i < node->search_count; i++) free(node->searches[i].text);
    free(node->children);
    free(node->searches);
    free(node->name);
}

static void free_plan(Plan *plan) {
    free_node(&plan->root);
    for (int i = 0; i < plan->list_count; i++) {
        free_node(&plan->lists[i].element);
        free(plan->lists[i].list.alternatives);
    }
    for (int i = 0; i < plan->column_count; i++) {
        free(plan->columns[i].choice.alternatives);
        free(plan->columns[i].default_text);
        for (int k = 0; k < plan->columns[i].null_count; k++) free(plan->columns[i].nulls[k].text);
        free(plan->columns[i].nulls);
    }
    for (int i = 0; i < plan->parse_count; i++) {
        free_node(&plan->parses[i].root);
        free(plan->parses[i].text.alternatives);
        for (int k = 0; k < plan->parses[i].field_count; k++) free(plan->parses[i].fields[k].text);
        free(plan->parses[i].fields);
        free(plan->parses[i].pattern.transitions);
        free(plan->parses[i].pattern.accepting);
        free(plan->parses[i].pattern.mark_ends);
        free(plan->parses[i].pattern.marks);
    }
    free(plan->columns);
    free(plan->parses);
    free(plan->slot_documents);
    free(plan);
}
#endif
