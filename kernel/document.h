/* One document: its tokens, and the walk over them that notes the values of wanted members. All of it is judged, skipped
   members too: what the walk takes is a JSON object. Whatever is not plainly what the plan expects is FALLBACK.

   Behind the last token stand eight more, on white space, so that the walk may look a few tokens ahead: every comparison
   with one of them fails. Quotes come in pairs, which the first pass has seen to. */
#ifndef FASTXFORM_DOCUMENT_H
#define FASTXFORM_DOCUMENT_H
#include "plan.h"

#define SENTINELS 8

/* The names of the objects of one value: a hash each, in the entries of one generation. */
typedef struct {
    u64 *entries;
    size_t capacity;
    u32 generation;
} NameTable;

typedef struct Document {
    const u8 *text;
    size_t size;
    Index index;
    size_t token_capacity;
    u32 next;          /* the token that comes next */
    Slot *slots;
    u8 has_binary;     /* a wanted attribute is of type B */
    u8 has_fields;     /* the values are plain texts, without quotes and escapes */
    Buffer names;      /* for `append_plain` */
    NameTable table;   /* for `append_normalized` */
    Buffer own;        /* of a text that was parsed: the text */
    struct Document *parsed; /* of a record: the documents in its texts, one for each parse of the plan */
} Document;

static void free_document(Document *d) {
    free(d->index.tokens);
    free(d->table.entries);
    buffer_free(&d->names);
    buffer_free(&d->own);
}

static const u8 IS_DELIMITER[256] = {[' '] = 1, ['\t'] = 1, ['\n'] = 1, ['\r'] = 1, [','] = 1, ['}'] = 1, [']'] = 1};

/* The end of a number that begins at `p`, NULL where none does. */
INLINE const u8 *number_end(const u8 *p) {
    if (*p == '-') p++;
    if (*p == '0') p++;
    else if (*p >= '1' && *p <= '9') do p++; while (*p >= '0' && *p <= '9');
    else return NULL;
    if (*p == '.') {
        p++;
        if (*p < '0' || *p > '9') return NULL;
        do p++; while (*p >= '0' && *p <= '9');
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        if (*p == '+' || *p == '-') p++;
        if (*p < '0' || *p > '9') return NULL;
        do p++; while (*p >= '0' && *p <= '9');
    }
    return p;
}

/* The kind of a value that is neither string nor container, and where it ends; ABSENT where it is none. */
INLINE Kind read_scalar(const u8 *p, const u8 **end) {
    Kind kind;
    switch (*p) {
        case 't': if (memcmp(p, "true", 4)) return ABSENT; *end = p + 4; kind = TRUE_WORD; break;
        case 'f': if (memcmp(p, "false", 5)) return ABSENT; *end = p + 5; kind = FALSE_WORD; break;
        case 'n': if (memcmp(p, "null", 4)) return ABSENT; *end = p + 4; kind = NULL_WORD; break;
        default: *end = number_end(p); if (!*end) return ABSENT; kind = NUMBER;
    }
    return IS_DELIMITER[**end] ? kind : ABSENT;
}

#define AT(token) (text[tokens[token]])

/* Finds the tokens of a text. */
static Status index_document(const Simd *simd, Document *d) {
    if (d->size > 0x7fffff00u) return FALLBACK;
    if (d->token_capacity < d->size + 64 + SENTINELS) {
        const size_t capacity = d->size + d->size / 2 + 4096;
        free(d->index.tokens);
        d->index.tokens = malloc(capacity * sizeof(u32));
        d->token_capacity = d->index.tokens ? capacity : 0;
        if (!d->index.tokens) return OUT_OF_MEMORY;
    }
    simd->index(d->text, d->size, &d->index);
    if (d->index.is_bad || !d->index.count) return FALLBACK;
    for (u32 i = 0; i < SENTINELS; i++) d->index.tokens[d->index.count + i] = (u32)d->size;
    d->next = 0;
    d->has_binary = 0;
    return TAKEN;
}

/* Whether a text is base64 as an encoder writes it: whole groups, right padding, no bits left over. */
static int is_canonical_base64(const u8 *p, size_t size) {
    if (size % 4) return 0;
    if (!size) return 1;
    const size_t padding = p[size - 1] != '=' ? 0 : p[size - 2] != '=' ? 1 : 2;
    for (size_t i = 0; i < size - padding; i++)
        if (!BASE64_VALUE[p[i]]) return 0;
    const u32 last = BASE64_VALUE[p[size - padding - 1]] - 1u;
    return padding == 0 || (padding == 1 ? !(last & 3) : !(last & 15));
}

/* Passes over the next value. */
static Status skip_value(Document *d) {
    const u8 *text = d->text, *end;
    const u32 *tokens = d->index.tokens;
    u32 k = d->next;
    if (AT(k) == '"') {
        d->next = k + 2;
        return TAKEN;
    }
    u64 is_object[DEPTH_LIMIT / 64 + 1]; /* of each level that was entered */
    int depth = 0;
    goto value;

value: /* of a member or an element, or the one to pass over */
    switch (AT(k)) {
        case '"': k += 2; break;
        case '{':
            if (++depth > DEPTH_LIMIT) return FALLBACK;
            if (AT(k + 1) == '"' && AT(k + 3) == ':' && AT(k + 4) == '"' && AT(k + 6) == '}') { /* as most attributes are */
                k += 7;
                depth--;
                break;
            }
            is_object[depth >> 6] |= 1ULL << (depth & 63);
            k++;
            if (AT(k) == '}') goto close;
            goto name;
        case '[':
            if (++depth > DEPTH_LIMIT) return FALLBACK;
            is_object[depth >> 6] &= ~(1ULL << (depth & 63));
            k++;
            if (AT(k) == ']') goto close;
            goto value;
        default:
            if (!read_scalar(text + tokens[k], &end)) return FALLBACK;
            k++;
    }
    goto after;

name:
    if (AT(k) != '"' || AT(k + 2) != ':') return FALLBACK;
    k += 3;
    goto value;

close:
    k++;
    depth--;
    goto after;

after:
    if (!depth) {
        d->next = k;
        return TAKEN;
    }
    if (is_object[depth >> 6] >> (depth & 63) & 1) {
        if (AT(k) == ',') { k++; goto name; }
        if (AT(k) == '}') goto close;
    } else {
        if (AT(k) == ',') { k++; goto value; }
        if (AT(k) == ']') goto close;
    }
    return FALLBACK;
}

#define ATTRIBUTE_DEPTH_LIMIT (DEPTH_LIMIT / 2)

/* Passes over the next value, a DynamoDB attribute, and judges it and all that are in it. */
static Status pass_attribute(Document *d, int depth) {
    const u8 *text = d->text, *end;
    const u32 *tokens = d->index.tokens, k = d->next;
    if (depth > ATTRIBUTE_DEPTH_LIMIT || AT(k) != '{' || AT(k + 1) != '"' || AT(k + 3) != ':') return FALLBACK;
    const u8 *type = text + tokens[k + 1] + 1;
    const u32 type_size = tokens[k + 2] - tokens[k + 1] - 1;
    const int is_set = type_size == 2 && type[1] == 'S' && (*type == 'S' || *type == 'N' || *type == 'B');
    d->next = k + 4;
    if (type_size == 4 && (!memcmp(type, "BOOL", 4) || !memcmp(type, "NULL", 4))) {
        const Kind kind = read_scalar(text + tokens[k + 4], &end);
        if (kind != TRUE_WORD && (kind != FALSE_WORD || *type == 'N')) return FALLBACK;
        d->next = k + 5;
    } else if (is_set || (type_size == 1 && (*type == 'S' || *type == 'N' || *type == 'B'))) {
        if (is_set && AT(d->next++) != '[') return FALLBACK;
        for (int is_last = is_set && AT(d->next) == ']'; !is_last;) {
            const u8 *start = text + tokens[d->next] + 1;
            if (AT(d->next) != '"') return FALLBACK;
            end = text + tokens[d->next + 1];
            if (*type == 'N' && number_end(start) != end) return FALLBACK;
            if (*type == 'B' && !is_canonical_base64(start, (size_t)(end - start))) return FALLBACK;
            d->next += 2;
            is_last = !is_set || AT(d->next) == ']';
            if (!is_last && AT(d->next++) != ',') return FALLBACK;
        }
        d->next += (u32)is_set;
        d->has_binary |= *type == 'B';
    } else if (type_size == 1 && (*type == 'M' || *type == 'L')) {
        const u8 close = *type == 'M' ? '}' : ']';
        if (AT(d->next++) != (*type == 'M' ? '{' : '[')) return FALLBACK;
        for (int is_last = AT(d->next) == close; !is_last;) {
            if (*type == 'M') {
                if (AT(d->next) != '"' || AT(d->next + 2) != ':') return FALLBACK;
                d->next += 3;
            }
            if (pass_attribute(d, depth + 1) != TAKEN) return FALLBACK;
            is_last = AT(d->next) == close;
            if (!is_last && AT(d->next++) != ',') return FALLBACK;
        }
        d->next++;
    } else {
        return FALLBACK;
    }
    return AT(d->next++) == '}' ? TAKEN : FALLBACK;
}

static Status walk_members(Document *d, const Node *node);

INLINE int has_backslash(const Document *d, u32 start, u32 end) {
    return UNLIKELY(d->index.has_backslash) && memchr(d->text + start, '\\', end - start) != NULL;
}

/* Notes the next value, a plain one. */
INLINE Status walk_value(Document *d, Slot *slot) {
    const u8 *text = d->text, *end;
    const u32 *tokens = d->index.tokens, k = d->next;
    slot->is_attribute = 0;
    slot->token = k;
    switch (AT(k)) {
        case '"':
            slot->kind = STRING;
            slot->start = tokens[k] + 1;
            slot->end = tokens[k + 1];
            d->next = k + 2;
            return TAKEN;
        case '{': case '[':
            if (skip_value(d) != TAKEN) return FALLBACK;
            slot->kind = d->next == k + 2 ? EMPTY : CONTAINER;
            slot->start = tokens[k];
            slot->end = tokens[d->next - 1] + 1;
            slot->token_end = d->next;
            return TAKEN;
        default:
            slot->kind = (u8)read_scalar(text + tokens[k], &end);
            if (!slot->kind) return FALLBACK;
            slot->start = tokens[k];
            slot->end = (u32)(end - text);
            d->next = k + 1;
            return TAKEN;
    }
}

/* Notes the next value, a DynamoDB attribute: an object of one member, whose name is the type of what it holds. What is in it
   is judged here, or else where it is written out. */
static Status walk_attribute(Document *d, Slot *slot, int is_judged) {
    const u8 *text = d->text, *end = NULL;
    const u32 *tokens = d->index.tokens, k = d->next;
    if (AT(k) != '{' || AT(k + 1) != '"' || AT(k + 3) != ':') return FALLBACK;
    const u8 *type = text + tokens[k + 1] + 1;
    const u32 type_size = tokens[k + 2] - tokens[k + 1] - 1;
    slot->is_attribute = 1;
    slot->token = k;
    if (type_size == 1 && (*type == 'S' || *type == 'N' || *type == 'B')) {
        if (AT(k + 4) != '"' || AT(k + 6) != '}') return FALLBACK;
        slot->start = tokens[k + 4] + 1;
        slot->end = tokens[k + 5];
        slot->kind = STRING;
        if (*type == 'N') {
            if (number_end(text + slot->start) != text + slot->end) return FALLBACK;
            slot->kind = NUMBER;
        } else if (*type == 'B') {
            if (!is_canonical_base64(text + slot->start, slot->end - slot->start)) return FALLBACK;
            d->has_binary = 1;
        }
        d->next = k + 7;
        return TAKEN;
    }
    if (type_size == 4 && (!memcmp(type, "BOOL", 4) || !memcmp(type, "NULL", 4))) {
        if (AT(k + 5) != '}') return FALLBACK;
        const Kind kind = read_scalar(text + tokens[k + 4], &end);
        if (kind != TRUE_WORD && (kind != FALSE_WORD || *type == 'N')) return FALLBACK;
        slot->kind = *type == 'N' ? NULL_WORD : (u8)kind;
        slot->start = tokens[k + 4];
        slot->end = (u32)(end - text);
        d->next = k + 6;
        return TAKEN;
    }
    const int is_map = type_size == 1 && *type == 'M', is_list = type_size == 1 && *type == 'L';
    const int is_set = type_size == 2 && type[1] == 'S' && (*type == 'S' || *type == 'N' || *type == 'B');
    if (!is_map && !is_list && !is_set) return FALLBACK;
    if (AT(k + 4) != (is_map ? '{' : '[')) return FALLBACK;
    if (AT(k + 5) == (is_map ? '}' : ']')) {
        if (AT(k + 6) != '}') return FALLBACK;
        *slot = (Slot){tokens[k + 4], tokens[k + 5] + 1, k + 4, k + 6, EMPTY, 1};
        d->next = k + 7;
        return TAKEN;
    }
    if ((is_judged ? pass_attribute(d, 0) : skip_value(d)) != TAKEN) return FALLBACK;
    slot->kind = PLAIN;
    slot->start = tokens[k];
    slot->end = tokens[d->next - 1] + 1;
    slot->token_end = d->next;
    return TAKEN;
}

/* Whether a text in ASCII, its letters small ones, is another one but for the case of letters. */
static int is_in_small_letters(const u8 *small, const u8 *p, u32 size) {
    for (u32 i = 0; i < size; i++)
        if (small[i] != (p[i] >= 'A' && p[i] <= 'Z' ? p[i] | 0x20 : p[i])) return 0;
    return 1;
}

/* Looks for the first value of the elements of a list whose key is one of some texts. */
static Status walk_search(Document *d, const Node *node) {
    const u8 *text = d->text, *end;
    const u32 *tokens = d->index.tokens;
    Slot pair[2], *const slots = d->slots;
    if (AT(d->next) != '[') {
        const Kind kind = read_scalar(text + tokens[d->next], &end);
        d->next++;
        return kind == NULL_WORD ? TAKEN : FALLBACK;
    }
    d->next++;
    if (AT(d->next) == ']') {
        d->next++;
        return TAKEN;
    }
    for (;;) {
        if (AT(d->next) != '{') return FALLBACK;
        d->next++;
        pair[0].kind = pair[1].kind = ABSENT;
        d->slots = pair;
        const Status status = walk_members(d, node);
        d->slots = slots;
        if (status != TAKEN) return status;
        if (pair[0].kind == STRING && pair[1].kind != ABSENT && pair[1].kind != NULL_WORD) {
            if (has_backslash(d, pair[0].start, pair[0].end)) return FALLBACK;
            const u32 size = pair[0].end - pair[0].start;
            for (int i = 0; i < node->search_count; i++) {
                const Search *search = &node->searches[i];
                if (search->size != size || slots[search->slot].kind != ABSENT) continue;
                if (node->kind == NODE_SEARCH ? !memcmp(search->text, text + pair[0].start, size) : is_in_small_letters(search->text, text + pair[0].start, size)) slots[search->slot] = pair[1];
            }
        }
        const u8 c = AT(d->next);
        d->next++;
        if (c == ']') return TAKEN;
        if (c != ',') return FALLBACK;
    }
}

/* Notes the value that comes next as one. */
INLINE Status walk_leaf(Document *d, NodeKind kind, Slot *slot) {
    const u8 *text = d->text;
    const u32 *tokens = d->index.tokens, k = d->next;
    if (kind == NODE_VALUE) return walk_value(d, slot);
    if (kind == NODE_ATTRIBUTE || kind == NODE_JUDGED) return walk_attribute(d, slot, kind == NODE_JUDGED);
    if (AT(k) != '{' || skip_value(d) != TAKEN) return FALLBACK;
    *slot = (Slot){tokens[k], tokens[d->next - 1] + 1, k, d->next, d->next == k + 2 ? EMPTY : IMAGE, 1};
    return TAKEN;
}

static Status walk_node(Document *d, const Node *node);

/* Walks the wanted elements of a list whose bracket is passed. One that is told from its end is counted first. */
static Status walk_elements(Document *d, const Node *node) {
    const u8 *text = d->text;
    const u32 *tokens = d->index.tokens, first = d->next;
    int count = 0;
    if (AT(first) == ']') {
        d->next++;
        return TAKEN;
    }
    if (node->counts) {
        u8 c;
        do {
            if (skip_value(d) != TAKEN) return FALLBACK;
            count++;
            c = AT(d->next);
            d->next++;
        } while (c == ',');
        if (c != ']') return FALLBACK;
        d->next = first;
    }
    for (int element = 0;; element++) {
        const u32 k = d->next;
        int is_wanted = 0;
        for (int i = 0; i < node->child_count; i++) {
            const Node *child = &node->children[i];
            if (child->element != element && (child->element >= 0 || child->element != element - count)) continue;
            d->next = k;
            const Status status = walk_node(d, child);
            if (status != TAKEN) return status;
            is_wanted = 1;
        }
        if (!is_wanted && skip_value(d) != TAKEN) return FALLBACK;
        const u8 c = AT(d->next);
        d->next++;
        if (c == ']') return TAKEN;
        if (c != ',') return FALLBACK;
    }
}

static Status walk_node(Document *d, const Node *node) {
    const u8 *text = d->text, *end;
    const u32 *tokens = d->index.tokens, k = d->next;
    if (node->whole_slot >= 0) { /* once as a whole, and then what is in it */
        if (walk_leaf(d, node->whole_kind, &d->slots[node->whole_slot]) != TAKEN) return FALLBACK;
        d->next = k;
    }
    switch (node->kind) {
        case NODE_VALUE: case NODE_ATTRIBUTE: case NODE_JUDGED: case NODE_IMAGE: return walk_leaf(d, node->kind, &d->slots[node->slot]);
        case NODE_ELEMENTS:
            d->next = k + 1;
            if (AT(k) == '[') return walk_elements(d, node);
            return read_scalar(text + tokens[k], &end) == NULL_WORD ? TAKEN : FALLBACK;
        case NODE_LIST: {
            Slot null;
            if (AT(k + 4) == 't') return walk_attribute(d, &null, 0) == TAKEN && null.kind == NULL_WORD ? TAKEN : FALLBACK;
            if (AT(k) != '{' || AT(k + 1) != '"' || text[tokens[k + 1] + 1] != 'L' || tokens[k + 2] != tokens[k + 1] + 2 || AT(k + 3) != ':' || AT(k + 4) != '[') return FALLBACK;
            d->next = k + 5;
            const Status status = walk_elements(d, node);
            if (status != TAKEN || AT(d->next) != '}') return FALLBACK;
            d->next++;
            return TAKEN;
        }
        case NODE_OBJECT:
            d->next = k + 1;
            if (AT(k) == '{') {
                if (node->slot >= 0) d->slots[node->slot].kind = AT(k + 1) == '}' ? EMPTY : CONTAINER;
                return walk_members(d, node);
            }
            if (read_scalar(text + tokens[k], &end) != NULL_WORD) return FALLBACK;
            if (node->slot >= 0) d->slots[node->slot].kind = NULL_WORD;
            return TAKEN;
        case NODE_MAP: {
            if (AT(k) != '{' || AT(k + 1) != '"' || text[tokens[k + 1] + 1] != 'M' || tokens[k + 2] != tokens[k + 1] + 2 || AT(k + 3) != ':' || AT(k + 4) != '{') return FALLBACK;
            d->next = k + 5;
            if (node->slot >= 0) d->slots[node->slot].kind = AT(k + 5) == '}' ? EMPTY : CONTAINER;
            const Status status = walk_members(d, node);
            if (status != TAKEN || AT(d->next) != '}') return FALLBACK;
            d->next++;
            return TAKEN;
        }
        case NODE_SEARCH: case NODE_HEADERS: return walk_search(d, node);
        default: return FALLBACK;
    }
}

/* Walks the members of an object whose bracket is passed. A name that is spelt with escapes is unusual, and so is a wanted
   member that comes twice. */
static Status walk_members(Document *d, const Node *node) {
    const u8 *text = d->text;
    const u32 *tokens = d->index.tokens;
    u64 seen = 0;
    if (AT(d->next) == '}') {
        d->next++;
        return TAKEN;
    }
    for (;;) {
        const u32 k = d->next;
        if (AT(k) != '"' || AT(k + 2) != ':') return FALLBACK;
        const u32 start = tokens[k] + 1, size = tokens[k + 1] - start;
        const Node *child = NULL;
        d->next = k + 3;
        if (node->child_sizes >> (size < 63 ? size : 63) & 1) {
            const u64 head = head_of(text + start, size);
            for (int i = 0; i < node->child_count; i++) {
                const Node *c = &node->children[i];
                if (c->name_head == head && c->name_size == size && (size <= 8 || !memcmp(c->name + 8, text + start + 8, size - 8))) {
                    if (seen >> i & 1) return FALLBACK;
                    seen |= 1ULL << i;
                    child = c;
                    break;
                }
            }
        }
        if (!child && has_backslash(d, start, start + size)) return FALLBACK;
        const Status status = child ? walk_node(d, child) : skip_value(d);
        if (status != TAKEN) return status;
        const u8 c = AT(d->next);
        d->next++;
        if (c == '}') return TAKEN;
        if (c != ',') return FALLBACK;
    }
}

/* Walks the document that comes next. */
static Status walk_document(Document *d, const Node *node) {
    if (d->text[d->index.tokens[d->next]] != '{') return FALLBACK;
    d->next++;
    return walk_members(d, node);
}

/* Notes a document that was walked from a token on, where it is wanted as one value. */
INLINE void note_whole(Document *d, const Node *root, u32 first) {
    if (root->whole_slot < 0) return;
    const u32 *tokens = d->index.tokens;
    const int is_image = root->whole_kind == NODE_IMAGE;
    const u8 kind = d->next == first + 2 ? EMPTY : is_image ? IMAGE : CONTAINER;
    d->slots[root->whole_slot] = (Slot){tokens[first], tokens[d->next - 1] + 1, first, d->next, kind, (u8)is_image};
}
#endif
