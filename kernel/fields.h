/* Texts that are fields: values between a delimiter, `key=value` pairs, or groups of a regular expression. They become slots in the text's own buffer, plain,
   without the quotes and escapes that they were written with. A text is of its format, or not, or not surely either. */
#ifndef FASTXFORM_FIELDS_H
#define FASTXFORM_FIELDS_H
#include "text.h"

typedef enum { NOT_FIELDS, ARE_FIELDS, UNSURE_FIELDS } Fields;

/* Whether a text with PADDING behind it is UTF-8. */
static int is_utf8(const u8 *text, size_t size) {
    size_t next = 0;
    for (size_t block = 0; block < size; block += 64) {
        u64 words[8], any = 0;
        memcpy(words, text + block, sizeof words);
        for (int i = 0; i < 8; i++) any |= words[i];
        if (LIKELY(!(any & 0x8080808080808080ULL))) continue;
        u64 high = 0; /* the highest bits of eight bytes, which a product moves into one */
        for (int i = 0; i < 8; i++) high |= ((words[i] >> 7 & 0x0101010101010101ULL) * 0x0102040810204080ULL) >> 56 << (8 * i);
        if (!utf8_is_good(text, block, high, &next)) return 0;
    }
    return 1;
}

/* Notes a field: `-` and nothing are null in the formats where they are. */
INLINE void note_field(Document *d, const Parse *parse, int slot, u32 start, u32 end) {
    const u32 size = end - start;
    const int is_null = parse->has_nulls && size <= 1 && (!size || d->text[start] == '-');
    d->slots[slot] = (Slot){.start = start, .end = end, .kind = is_null ? NULL_WORD : STRING};
}

/* ---- values between a delimiter */

/* Of a text without quotes and brackets. */
static Fields split_plain(Document *d, const Parse *parse) {
    const u32 size = (u32)d->size;
    u32 start = 0;
    int count = 0;
    for (u32 block = 0; block < size; block += 64) {
        u64 ends = equal_bits(d->text + block, parse->delimiter);
        if (size - block < 64) ends &= (1ULL << (size - block)) - 1;
        for (; ends; ends &= ends - 1) {
            const u32 end = block + (u32)__builtin_ctzll(ends);
            if (count == parse->field_count) return parse->is_open ? ARE_FIELDS : NOT_FIELDS;
            if (parse->fields[count].slot >= 0) note_field(d, parse, parse->fields[count].slot, start, end);
            count++;
            start = end + 1;
        }
    }
    if (count == parse->field_count) return parse->is_open ? ARE_FIELDS : NOT_FIELDS;
    if (parse->fields[count].slot >= 0) note_field(d, parse, parse->fields[count].slot, start, size);
    return count + 1 >= parse->needed ? ARE_FIELDS : NOT_FIELDS;
}

/* Takes the doubled quotes out of a field; returns its new end. */
static u32 undouble(u8 *text, u32 start, u32 end, u8 quote) {
    u32 to = start;
    for (u32 from = start; from < end; from++, to++) {
        text[to] = text[from];
        if (text[from] == quote) from++;
    }
    return to;
}

/* Of any text. A field that begins with the quote ends with it, and one that begins with a bracket with the next that closes,
   if the delimiter or the end of the text is there; else the bracket is one of its characters. */
static Fields split_quoted(Document *d, const Parse *parse) {
    u8 *text = d->own.data;
    const u32 size = (u32)d->size;
    const u8 delimiter = parse->delimiter, quote = parse->quote;
    u32 at = 0, next_close = 0; /* where the next bracket closes, searched for again once it is passed */
    for (int count = 0;; count++) {
        u32 start = at, end = at, is_doubled = 0;
        if (parse->has_quote && at < size && text[at] == quote) {
            for (start = end = at + 1; end < size; end++) {
                if (text[end] != quote) continue;
                if (end + 1 == size || text[end + 1] != quote) break;
                is_doubled = 1;
                end++;
            }
            if (end >= size) return NOT_FIELDS;
            at = end + 1;
            if (at < size && text[at] != delimiter) return NOT_FIELDS;
        } else {
            const int is_bracket = parse->has_brackets && at < size && text[at] == '[';
            if (is_bracket && next_close <= at) {
                const u8 *close = memchr(text + at, ']', size - at);
                next_close = close ? (u32)(close - text) : size;
            }
            if (is_bracket && next_close < size && (next_close + 1 == size || text[next_close + 1] == delimiter)) {
                start++;
                end = next_close;
                at = end + 1;
            } else {
                const u8 *next = memchr(text + at, delimiter, size - at);
                end = at = next ? (u32)(next - text) : size;
            }
        }
        if (count >= parse->field_count) {
            if (!parse->is_open) return NOT_FIELDS;
        } else if (parse->fields[count].slot >= 0) {
            if (is_doubled) end = undouble(text, start, end, quote);
            note_field(d, parse, parse->fields[count].slot, start, end);
        }
        if (at == size) return count + 1 >= parse->needed ? ARE_FIELDS : NOT_FIELDS;
        at++;
    }
}

static Fields split_separated(Document *d, const Parse *parse) {
    const int is_plain = !(parse->has_quote && memchr(d->text, parse->quote, d->size)) && !(parse->has_brackets && memchr(d->text, '[', d->size));
    return is_plain ? split_plain(d, parse) : split_quoted(d, parse);
}

/* ---- pairs */

/* Bytes of a name and, with `=`, of a value without quotes: what is neither white space nor a quote. */
static const u8 IS_NO_WORD[256] = {
    ['\t'] = 1, ['\n'] = 1, ['\v'] = 1, ['\f'] = 1, ['\r'] = 1, [0x1c] = 1, [0x1d] = 1, [0x1e] = 1, [0x1f] = 1, [' '] = 1, ['"'] = 1,
};

/* Whether a character beyond ASCII is, or may be, white space. */
INLINE int is_wide_space(const u8 *p) {
    switch (*p) {
        case 0xc2: return p[1] == 0x85 || p[1] == 0xa0;
        case 0xe1: return p[1] == 0x9a || p[1] == 0xa0;
        case 0xe2: return p[1] <= 0x81;
        case 0xe3: return p[1] == 0x80;
        default: return 0;
    }
}

/* `key=value key="a \"quoted\" value" key`: of equal keys the last, and one alone is true. */
static Fields split_pairs(Document *d, const Parse *parse) {
    u8 *text = d->own.data;
    u32 size = (u32)d->size, at = 0;
    memcpy(text + size, "true", 4); /* what a key alone points at */
    while (size && (text[size - 1] == ' ' || (text[size - 1] >= '\t' && text[size - 1] <= '\r' && text[size - 1] != '\v' && text[size - 1] != '\f'))) size--;
    if (!size) return NOT_FIELDS;
    while (at < size) {
        while (text[at] == ' ' || text[at] == '\t') at++;
        const u32 name = at;
        for (; at < size && text[at] != '=' && !IS_NO_WORD[text[at]]; at++)
            if (UNLIKELY(text[at] >= 0x80) && is_wide_space(text + at)) return UNSURE_FIELDS;
        const u32 name_size = at - name;
        if (!name_size) return NOT_FIELDS;
        Slot value = {.start = (u32)d->size, .end = (u32)d->size + 4, .kind = TRUE_WORD};
        if (at < size && text[at] == '=') {
            value = (Slot){.start = ++at, .kind = STRING};
            if (at < size && text[at] == '"') {
                u32 to = ++value.start;
                for (at++; at < size && text[at] != '"'; at++, to++) {
                    if (text[at] != '\\') {
                        text[to] = text[at];
                        continue;
                    }
                    if (++at == size) return NOT_FIELDS;
                    text[to] = text[at] == 'n' ? '\n' : text[at] == 't' ? '\t' : text[at] == 'r' ? '\r' : text[at];
                }
                if (at++ >= size) return NOT_FIELDS;
                value.end = to;
            } else {
                for (; at < size && !IS_NO_WORD[text[at]]; at++)
                    if (UNLIKELY(text[at] >= 0x80) && is_wide_space(text + at)) return UNSURE_FIELDS;
                value.end = at;
            }
        }
        if (at < size && text[at] != ' ' && text[at] != '\t') return NOT_FIELDS;
        for (int i = 0; i < parse->field_count; i++) {
            const Search *field = &parse->fields[i];
            if (field->size == name_size && !memcmp(field->text, text + name, name_size)) d->slots[field->slot] = value;
        }
    }
    return ARE_FIELDS;
}

/* ---- groups of a regular expression */

/* Matches the whole text; a group that no part of it is of is empty. */
static Fields match_pattern(Document *d, const Parse *parse) {
    const Automaton *pattern = &parse->pattern;
    const u8 *text = d->text;
    const u32 size = (u32)d->size;
    u32 places[2 * MEMBERS_LIMIT] = {0}, row = 0, at = 0, marked;
    for (;; at++) {
        const u32 step = at < size ? pattern->transitions[row + pattern->class_of[text[at]]] : pattern->accepting[row / pattern->class_count];
        if (!step) return NOT_FIELDS;
        marked = at < size ? step >> 16 : step - 1;
        for (u32 i = marked ? pattern->mark_ends[marked - 1] : 0; UNLIKELY(marked) && i < pattern->mark_ends[marked]; i++) places[pattern->marks[i]] = at;
        if (at == size) break;
        row = (step & 0xffff) - 1;
    }
    for (int i = 0; i < parse->field_count; i++)
        if (parse->fields[i].slot >= 0) note_field(d, parse, parse->fields[i].slot, places[2 * i], places[2 * i + 1]);
    return ARE_FIELDS;
}

/* Splits the text of a document into the slots of a parse; they are as they were before where it is not of the format. */
static Fields split_fields(Document *d, const Parse *parse) {
    d->has_fields = 1;
    const Fields fields = parse->format == FORMAT_PAIRS ? split_pairs(d, parse) : parse->format == FORMAT_PATTERN ? match_pattern(d, parse) : split_separated(d, parse);
    for (int i = 0; fields == NOT_FIELDS && i < parse->field_count; i++)
        if (parse->fields[i].slot >= 0) d->slots[parse->fields[i].slot].kind = ABSENT;
    return fields;
}
#endif
