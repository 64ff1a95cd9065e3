/* Text in its two spellings: as JSON has it, with escapes, and plain. */
#ifndef FASTXFORM_TEXT_H
#define FASTXFORM_TEXT_H
#include "document.h"

/* Appends a short text as 32 bytes: behind `text` stand PADDING bytes that may be read. */
INLINE int append_padded(Buffer *out, const u8 *text, size_t size) {
    if (!buffer_reserve(out, size + 32)) return 0;
    if (LIKELY(size <= 32)) memcpy(out->data + out->size, text, 32);
    else memcpy(out->data + out->size, text, size);
    out->size += size;
    return 1;
}

/* Appends the text of a JSON string, its escapes replaced; they were checked when the document was indexed. */
static int append_unescaped(Buffer *out, const u8 *p, const u8 *end) {
    if (!buffer_reserve(out, (size_t)(end - p) + 8)) return 0;
    u8 *w = out->data + out->size;
    while (p < end) {
        const u8 *escape = memchr(p, '\\', (size_t)(end - p));
        const size_t plain = (size_t)((escape ? escape : end) - p);
        memcpy(w, p, plain);
        w += plain;
        p += plain;
        if (!escape) break;
        if (p[1] != 'u') {
            *w++ = ESCAPED[p[1]];
            p += 2;
            continue;
        }
        u32 c = (u32)hex_unit(p + 2);
        p += 6;
        if (c >= 0xd800 && c < 0xdc00) {
            c = 0x10000 + ((c - 0xd800) << 10) + ((u32)hex_unit(p + 2) - 0xdc00);
            p += 6;
        }
        if (c < 0x80) *w++ = (u8)c;
        else if (c < 0x800) {
            *w++ = (u8)(0xc0 | c >> 6);
            *w++ = (u8)(0x80 | (c & 63));
        } else if (c < 0x10000) {
            *w++ = (u8)(0xe0 | c >> 12);
            *w++ = (u8)(0x80 | (c >> 6 & 63));
            *w++ = (u8)(0x80 | (c & 63));
        } else {
            *w++ = (u8)(0xf0 | c >> 18);
            *w++ = (u8)(0x80 | (c >> 12 & 63));
            *w++ = (u8)(0x80 | (c >> 6 & 63));
            *w++ = (u8)(0x80 | (c & 63));
        }
    }
    out->size = (size_t)(w - out->data);
    return 1;
}

/* Appends a plain text as a JSON string with its quotes, as `json.dumps(ensure_ascii=False)` spells it. */
static int append_json_string(Buffer *out, const u8 *p, size_t size) {
    static const u8 SHORT[0x20] = {[8] = 'b', [9] = 't', [10] = 'n', [12] = 'f', [13] = 'r'};
    static const u8 HEX[17] = "0123456789abcdef";
    const u8 *const end = p + size;
    if (!buffer_reserve(out, size + 8)) return 0;
    out->data[out->size++] = '"';
    for (;;) {
        const u8 *stop = plain_end(p, end, 0);
        const size_t plain = (size_t)(stop - p);
        if (!buffer_reserve(out, (size_t)(end - p) + 8)) return 0;
        u8 *w = out->data + out->size;
        memcpy(w, p, plain);
        w += plain;
        out->size += plain;
        if (stop == end) break;
        const u8 c = *stop;
        p = stop + 1;
        *w++ = '\\';
        if (c >= 0x20) *w++ = c;
        else if (SHORT[c]) *w++ = SHORT[c];
        else {
            memcpy(w, "u00", 3);
            w[3] = HEX[c >> 4];
            w[4] = HEX[c & 15];
            w += 5;
        }
        out->size = (size_t)(w - out->data);
    }
    out->data[out->size++] = '"';
    return buffer_reserve(out, 8);
}

/* ---- objects and lists of plain documents */

/* Appends the string whose first quote is a token, spelt as JSON is written here. */
static int append_respelt(Buffer *out, const Document *d, u32 token, Buffer *scratch) {
    const u8 *start = d->text + d->index.tokens[token], *end = d->text + d->index.tokens[token + 1];
    if (!has_backslash(d, d->index.tokens[token], d->index.tokens[token + 1])) return append_padded(out, start, (size_t)(end - start) + 1);
    scratch->size = 0;
    return append_unescaped(scratch, start + 1, end) && append_json_string(out, scratch->data, scratch->size);
}

INLINE u64 hash_name(const u8 *text, u32 size, u64 hash) {
    for (; size > 8; size -= 8, text += 8) {
        hash = (hash ^ head_of(text, 8)) * 0x9e3779b97f4a7c15ULL;
        hash ^= hash >> 29;
    }
    hash = (hash ^ head_of(text, size)) * 0x9e3779b97f4a7c15ULL;
    return hash ^ hash >> 32;
}

/* Makes room for names in the table, in which nothing of this generation is then. */
static int begin_names(NameTable *table, size_t capacity) {
    if (table->capacity < capacity || table->generation == 0xffffffffu) {
        free(table->entries);
        table->entries = calloc(capacity, sizeof(u64));
        table->capacity = table->entries ? capacity : 0;
        table->generation = 0;
    }
    table->generation++;
    return table->capacity > 0;
}

/* Names that were chosen to meet in one place of the table would cost the square of their number. */
#define NAME_STEPS_LIMIT 256

/* Whether each object of a value has each of its members once. Two names of one hash are taken for the same, and one that is
   spelt with escapes for any. */
static Status check_names(Document *d, const Slot *slot) {
    const u8 *text = d->text;
    const u32 *tokens = d->index.tokens, end = slot->token_end;
    u64 objects[2 * DEPTH_LIMIT];
    size_t capacity = 16;
    u32 depth = 0, object_count = 0;
    while (capacity < (end - slot->token) / 2) capacity *= 2; /* a member has four tokens or more */
    if (!begin_names(&d->table, capacity)) return OUT_OF_MEMORY;
    u64 *const entries = d->table.entries;
    const u64 generation = (u64)d->table.generation << 32, mask = capacity - 1;
    for (u32 k = slot->token; k < end;) {
        const u8 c = AT(k);
        if (c == '"') {
            if (AT(k + 2) == ':') {
                const u32 start = tokens[k] + 1, size = tokens[k + 1] - start;
                if (has_backslash(d, start, start + size)) return FALLBACK;
                const u64 entry = generation | (u32)hash_name(text + start, size, objects[depth - 1] + size);
                u64 at = entry & mask;
                for (u32 steps = 0; entries[at] >> 32 == d->table.generation; steps++) {
                    if (entries[at] == entry || steps == NAME_STEPS_LIMIT) return FALLBACK;
                    at = (at + 1) & mask;
                }
                entries[at] = entry;
                k++;
            }
            k += 2;
        } else {
            if (c == '{') {
                if (depth == 2 * DEPTH_LIMIT) return FALLBACK;
                objects[depth++] = (u64)++object_count << 32;
            }
            depth -= c == '}';
            k++;
        }
    }
    return TAKEN;
}

/* Appends an object or a list in the form in which values are written: no white space, each member once, strings spelt anew. */
static Status append_normalized(Buffer *out, Document *d, const Slot *slot, Buffer *scratch) {
    const u8 *text = d->text, *end = NULL;
    const u32 *tokens = d->index.tokens;
    const Status status = check_names(d, slot);
    if (status != TAKEN) return status;
    const int is_escaped = has_backslash(d, slot->start, slot->end);
    if (!d->index.has_space && !is_escaped) return append_padded(out, text + slot->start, slot->end - slot->start) ? TAKEN : OUT_OF_MEMORY;
    if (!buffer_reserve(out, slot->end - slot->start + 32)) return OUT_OF_MEMORY;
    for (u32 k = slot->token; k < slot->token_end; k++) {
        const u32 start = tokens[k];
        u32 size = 1;
        switch (text[start]) {
            case '"':
                k++;
                if (is_escaped) {
                    if (!append_respelt(out, d, k - 1, scratch)) return OUT_OF_MEMORY;
                    continue;
                }
                size = tokens[k] + 1 - start;
                break;
            case '{': case '}': case '[': case ']': case ',': case ':': break;
            default: read_scalar(text + start, &end); size = (u32)(end - text) - start;
        }
        if (is_escaped && !buffer_reserve(out, size)) return OUT_OF_MEMORY; /* a string may have grown */
        memcpy(out->data + out->size, text + start, size);
        out->size += size;
    }
    return TAKEN;
}

/* ---- DynamoDB attributes as plain JSON */

typedef struct {
    Buffer *out;
    Document *d;
    Buffer *scratch;
    u8 is_double;      /* binary values carry two layers of base64 */
    u32 next;
} PlainWriter;

static Status write_attributes(PlainWriter *writer);

INLINE Status write_byte(PlainWriter *writer, u8 c) {
    if (!buffer_reserve(writer->out, 8)) return OUT_OF_MEMORY;
    writer->out->data[writer->out->size++] = c;
    return TAKEN;
}

/* Writes the scalar of an attribute, or an element of a set, of one type. */
static Status write_typed(PlainWriter *writer, u8 type) {
    const Document *d = writer->d;
    const u8 *text = d->text;
    const u32 *tokens = d->index.tokens, k = writer->next;
    if (AT(k) != '"') return FALLBACK;
    const u8 *start = text + tokens[k] + 1, *end = text + tokens[k + 1];
    writer->next = k + 2;
    if (type == 'N') {
        if (number_end(start) != end) return FALLBACK;
        return append_padded(writer->out, start, (size_t)(end - start)) ? TAKEN : OUT_OF_MEMORY;
    }
    if (type == 'B' && (writer->is_double || !is_canonical_base64(start, (size_t)(end - start)))) return FALLBACK;
    return append_respelt(writer->out, d, k, writer->scratch) ? TAKEN : OUT_OF_MEMORY;
}

#define SET_LIMIT 64

/* A number without an exponent, as numbers are sorted: zero has no digits. */
typedef struct {
    const u8 *whole, *fraction;
    u32 whole_size, fraction_size;
    int sign;
} Digits;

static int read_digits(const u8 *p, const u8 *end, Digits *digits) {
    digits->sign = *p == '-' ? -1 : 1;
    p += *p == '-';
    digits->whole = p;
    while (p < end && *p >= '0' && *p <= '9') p++;
    digits->whole_size = *digits->whole == '0' ? 0 : (u32)(p - digits->whole);
    digits->fraction = p + 1;
    if (p < end && *p == '.') p++;
    const u8 *last = p;
    for (; p < end && *p >= '0' && *p <= '9'; p++)
        if (*p != '0') last = p + 1;
    digits->fraction_size = last > digits->fraction ? (u32)(last - digits->fraction) : 0;
    if (!digits->whole_size && !digits->fraction_size) digits->sign = 0;
    return p == end;
}

static int compare_bytes(const u8 *one, u32 one_size, const u8 *other, u32 other_size) {
    const int order = memcmp(one, other, one_size < other_size ? one_size : other_size);
    return order ? order : (one_size > other_size) - (one_size < other_size);
}

static int compare_digits(const Digits *one, const Digits *other) {
    if (one->sign != other->sign) return one->sign - other->sign;
    int order = (one->whole_size > other->whole_size) - (one->whole_size < other->whole_size);
    if (!order) order = compare_bytes(one->whole, one->whole_size, other->whole, other->whole_size);
    if (!order) order = compare_bytes(one->fraction, one->fraction_size, other->fraction, other->fraction_size);
    return one->sign * order;
}

/* Whether the element of a set at one token stands behind that at another; -1 where it is not sure. */
static int is_behind(const Document *d, u32 one, u32 other, u8 type) {
    const u8 *text = d->text;
    const u32 *tokens = d->index.tokens;
    const u8 *start = text + tokens[one] + 1, *end = text + tokens[one + 1];
    const u8 *other_start = text + tokens[other] + 1, *other_end = text + tokens[other + 1];
    if (type != 'N') {
        if (has_backslash(d, tokens[one], tokens[one + 1]) || has_backslash(d, tokens[other], tokens[other + 1])) return -1;
        return compare_bytes(start, (u32)(end - start), other_start, (u32)(other_end - other_start)) > 0;
    }
    Digits digits, other_digits;
    if (!read_digits(start, end, &digits) || !read_digits(other_start, other_end, &other_digits)) return -1;
    return compare_digits(&digits, &other_digits) > 0;
}

/* Writes a set, whose elements come in the order of their values. */
static Status write_set(PlainWriter *writer, u8 type) {
    const Document *d = writer->d;
    const u8 *text = d->text;
    const u32 *tokens = d->index.tokens;
    u32 elements[SET_LIMIT], count = 0, k = writer->next;
    if (AT(k) != '[') return FALLBACK;
    k++;
    if (AT(k) == ']') k++;
    else for (;;) {
        if (AT(k) != '"' || count == SET_LIMIT) return FALLBACK;
        if (type == 'N' && number_end(text + tokens[k] + 1) != text + tokens[k + 1]) return FALLBACK;
        u32 at = count++;
        for (; at > 0; at--) {
            const int behind = is_behind(d, elements[at - 1], k, type);
            if (behind < 0) return FALLBACK;
            if (!behind) break;
            elements[at] = elements[at - 1];
        }
        elements[at] = k;
        const u8 c = AT(k + 2);
        k += 3;
        if (c == ']') break;
        if (c != ',') return FALLBACK;
    }
    Status status = write_byte(writer, '[');
    for (u32 i = 0; status == TAKEN && i < count; i++) {
        writer->next = elements[i];
        if (i) status = write_byte(writer, ',');
        if (status == TAKEN) status = write_typed(writer, type);
    }
    writer->next = k;
    return status == TAKEN ? write_byte(writer, ']') : status;
}

/* Writes the list of an attribute of type L. */
static Status write_attribute(PlainWriter *writer);
static Status write_list(PlainWriter *writer) {
    const Document *d = writer->d;
    const u8 *text = d->text;
    const u32 *tokens = d->index.tokens;
    if (AT(writer->next) != '[') return FALLBACK;
    writer->next++;
    Status status = write_byte(writer, '[');
    if (AT(writer->next) == ']') {
        writer->next++;
        return status == TAKEN ? write_byte(writer, ']') : status;
    }
    while (status == TAKEN) {
        status = write_attribute(writer);
        if (status != TAKEN) break;
        const u8 c = AT(writer->next);
        writer->next++;
        status = write_byte(writer, c);
        if (c == ']') break;
    }
    return status;
}

/* Writes the attribute that comes next. */
static Status write_attribute(PlainWriter *writer) {
    const Document *d = writer->d;
    const u8 *text = d->text, *end;
    const u32 *tokens = d->index.tokens, k = writer->next;
    if (AT(k) != '{' || AT(k + 1) != '"') return FALLBACK;
    const u8 *type = text + tokens[k + 1] + 1;
    const u32 size = tokens[k + 2] - tokens[k + 1] - 1;
    writer->next = k + 4;
    Status status = FALLBACK;
    if (size == 1) {
        switch (*type) {
            case 'S': case 'N': case 'B': status = write_typed(writer, *type); break;
            case 'L': status = write_list(writer); break;
            case 'M': status = write_attributes(writer); break;
            default: break;
        }
    } else if (size == 2 && type[1] == 'S' && (*type == 'S' || *type == 'N' || *type == 'B')) {
        status = write_set(writer, *type);
    } else if (size == 4 && (!memcmp(type, "BOOL", 4) || !memcmp(type, "NULL", 4))) {
        const Kind kind = read_scalar(text + tokens[k + 4], &end);
        const int is_null = *type == 'N';
        if (kind != TRUE_WORD && (is_null || kind != FALSE_WORD)) return FALLBACK;
        const char *word = is_null ? "null" : kind == TRUE_WORD ? "true" : "false";
        writer->next = k + 5;
        status = buffer_append(writer->out, word, kind == FALSE_WORD ? 5 : 4) ? TAKEN : OUT_OF_MEMORY;
    }
    if (status != TAKEN) return status;
    if (AT(writer->next) != '}') return FALLBACK;
    writer->next++;
    return TAKEN;
}

/* Writes a map of attributes; a name that comes twice is unusual. */
static Status write_attributes(PlainWriter *writer) {
    Document *d = writer->d;
    const u8 *text = d->text;
    const u32 *tokens = d->index.tokens;
    Buffer *names = &d->names;
    const size_t first_name = names->size;
    if (AT(writer->next) != '{') return FALLBACK;
    writer->next++;
    Status status = write_byte(writer, '{');
    if (AT(writer->next) == '}') {
        writer->next++;
        return status == TAKEN ? write_byte(writer, '}') : status;
    }
    while (status == TAKEN) {
        const u32 k = writer->next, start = tokens[k] + 1, size = tokens[k + 1] - start;
        if (has_backslash(d, start, start + size) || names->size - first_name >= 256 * sizeof(u32)) return FALLBACK;
        for (size_t i = first_name; i < names->size; i += sizeof(u32)) {
            u32 other;
            memcpy(&other, names->data + i, sizeof other);
            if (tokens[other + 1] - tokens[other] - 1 == size && !memcmp(text + tokens[other] + 1, text + start, size)) return FALLBACK;
        }
        if (!buffer_append(names, &k, sizeof k) || !append_padded(writer->out, text + tokens[k], size + 2)) return OUT_OF_MEMORY;
        status = write_byte(writer, ':');
        writer->next = k + 3;
        if (status == TAKEN) status = write_attribute(writer);
        if (status != TAKEN) break;
        const u8 c = AT(writer->next);
        writer->next++;
        status = write_byte(writer, c);
        if (c == '}') break;
    }
    names->size = first_name;
    return status;
}

/* Appends an attribute, or a whole map of them, as plain JSON. */
static Status append_plain(Buffer *out, Document *d, const Slot *slot, int is_double, Buffer *scratch) {
    PlainWriter writer = {out, d, scratch, (u8)is_double, slot->token};
    d->names.size = 0;
    return slot->kind == IMAGE ? write_attributes(&writer) : write_attribute(&writer);
}
#endif
