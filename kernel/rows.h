/* Columns to rows: CSV as Python's `csv.writer` writes it and in the dialects of other readers, and JSON objects. Rows of one
   record that stand next to each other become one value; a record with a row that a dialect cannot hold is the engine's. */
#ifndef FASTXFORM_ROWS_H
#define FASTXFORM_ROWS_H
#include "columns.h"

typedef enum { AS_TEXT, AS_JSON, AS_INT64, AS_BOOL, AS_TIMESTAMP, AS_MICROSECONDS, AS_DATE, AS_DECIMAL, AS_BINARY, AS_WORD, AS_EPOCH, WAY_COUNT } Way;

typedef struct {
    Way way;
    const u8 *validity;   /* a bit a row; NULL: all are there */
    const i32 *ends;      /* of text: where row i ends, and before it where it starts */
    const u8 *data;       /* the text of all rows, or values of a width of their own */
    i64 offset;           /* the first row of `validity`, and of `data` that is no text */
    i64 length;
    const u8 *kinds;      /* a `Kind` a row: strings of an AS_JSON column are text all the same */
    i64 per_second;       /* of times */
    int scale;            /* of decimals */
    u8 is_selected;       /* rows are those of the selection, not those of the batch */
    u8 separator;         /* of times: what stands between date and time; `T` has a `Z` behind it */
    const u8 *prefix;     /* of JSON: what stands before the value */
    size_t prefix_size;
} Field;

typedef enum { QUOTE_MINIMAL, QUOTE_ALL, QUOTE_STRINGS, QUOTE_NONE, QUOTING_COUNT } Quoting;
typedef enum { KEEP_NEWLINES, SPACE_FOR_NEWLINES, ESCAPE_NEWLINES, REFUSE_NEWLINES, NEWLINES_COUNT } Newlines;

typedef struct {
    u8 is_json;
    u8 delimiter;
    Quoting quoting;
    Newlines newlines;
    u8 escape;            /* 0: a quote is doubled */
    u8 quotes_empty;      /* an empty text, or the word for null as a text, is quoted */
    u8 is_strict;         /* a text that is the word for null is refused */
    u8 marks_formulas;    /* an apostrophe before what a spreadsheet would compute */
    u8 has_reader;
    u8 nests_as_text;     /* of JSON: objects and lists as strings that hold their text */
    u8 drops_last_end;    /* no line end behind the last row of a record */
    const u8 *null, *end, *suffix, *refused; /* the suffix ends a row of JSON; a line end of CSV; characters that are refused */
    size_t null_size, end_size, suffix_size, refused_size;
    u8 quotes_texts;      /* all of them */
    u8 careful[256];      /* characters of a text that need more than to be copied */
    u8 special[256];      /* characters that are quoted */
} RowFormat;

/* What writing a row came to, beside 0 for want of memory. */
#define ROW_WRITTEN 1
#define ROW_REFUSED 2

INLINE int is_there(const Field *field, i64 row) {
    row += field->offset;
    return !field->validity || (field->validity[row >> 3] >> (row & 7) & 1);
}

static const u8 TWO_DIGITS[201] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263"
    "646566676869707172737475767778798081828384858687888990919293949596979899";

/* Writes digits backwards from `end`; returns where they begin. */
INLINE u8 *digits_before(u8 *end, u64 value) {
    while (value >= 100) {
        end -= 2;
        memcpy(end, TWO_DIGITS + value % 100 * 2, 2);
        value /= 100;
    }
    if (value < 10) *--end = (u8)('0' + value);
    else memcpy(end -= 2, TWO_DIGITS + value * 2, 2);
    return end;
}

#define VALUE_ROOM 64 /* bytes that any value but a text takes at most */

static u8 *write_int64(u8 *w, i64 value) {
    u8 digits[24], *const end = digits + sizeof digits, *start = digits_before(end, value < 0 ? 0 - (u64)value : (u64)value);
    if (value < 0) *w++ = '-';
    memcpy(w, start, (size_t)(end - start));
    return w + (end - start);
}

/* Writes an integer with a point before its last digits. */
static u8 *write_decimal(u8 *w, const u8 *bytes, int scale) {
    __int128 value;
    memcpy(&value, bytes, sizeof value);
    unsigned __int128 rest = value < 0 ? 0 - (unsigned __int128)value : (unsigned __int128)value;
    u8 digits[48];
    int count = 0;
    do {
        digits[count++] = (u8)('0' + (int)(rest % 10));
        rest /= 10;
    } while (rest || count <= scale);
    if (value < 0) *w++ = '-';
    while (count) {
        if (count == scale) *w++ = '.';
        *w++ = digits[--count];
    }
    return w;
}

INLINE u8 *write_two(u8 *w, int value) {
    memcpy(w, TWO_DIGITS + value * 2, 2);
    return w + 2;
}

/* YYYY-MM-DD of a day from 1970; years are 1 to 9999. */
static u8 *write_date(u8 *w, i64 days) {
    /* years from March, eras of 400 years: the leap day is the last of its year */
    days += 719468;
    const i64 era = (days >= 0 ? days : days - 146096) / 146097;
    const int of_era = (int)(days - era * 146097), year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100), shifted = (5 * of_year + 2) / 153;
    const int day = of_year - (153 * shifted + 2) / 5 + 1, month = shifted < 10 ? shifted + 3 : shifted - 9;
    const int year = (int)(year_of_era + era * 400) + (month <= 2);
    w = write_two(w, year / 100);
    w = write_two(w, year % 100);
    *w++ = '-';
    w = write_two(w, month);
    *w++ = '-';
    return write_two(w, day);
}

/* Writes a time with all digits of its unit, `separator` between date and time. */
static u8 *write_time(u8 *w, i64 ticks, i64 per_second, u8 separator) {
    i64 seconds = ticks / per_second, fraction = ticks % per_second;
    if (fraction < 0) {
        fraction += per_second;
        seconds--;
    }
    i64 days = seconds / 86400;
    int of_day = (int)(seconds % 86400);
    if (of_day < 0) {
        of_day += 86400;
        days--;
    }
    w = write_date(w, days);
    *w++ = separator;
    w = write_two(w, of_day / 3600);
    *w++ = ':';
    w = write_two(w, of_day / 60 % 60);
    *w++ = ':';
    w = write_two(w, of_day % 60);
    if (per_second > 1) {
        *w++ = '.';
        for (i64 place = per_second / 10; place; place /= 10) *w++ = (u8)('0' + fraction / place % 10);
    }
    return w;
}

INLINE i64 int64_at(const u8 *data, i64 row) {
    i64 value;
    memcpy(&value, data + row * 8, 8);
    return value;
}

/* Writes a value that is no text, in at most VALUE_ROOM bytes. */
static u8 *write_value(u8 *w, const Field *field, i64 row, int is_json) {
    row += field->offset;
    switch (field->way) {
        case AS_INT64: return write_int64(w, int64_at(field->data, row));
        case AS_MICROSECONDS: return write_int64(w, int64_at(field->data, row) * (1000000 / field->per_second));
        case AS_EPOCH: { /* milliseconds, rounded down */
            const i64 ticks = int64_at(field->data, row), per = field->per_second / 1000;
            return write_int64(w, per <= 1 ? ticks * (1000 / field->per_second) : ticks / per - (ticks % per < 0));
        }
        case AS_DECIMAL: return write_decimal(w, field->data + row * 16, field->scale);
        case AS_BOOL: {
            const int is_true = field->data[row >> 3] >> (row & 7) & 1;
            memcpy(w, is_true ? "true" : "false", 5);
            return w + (is_true ? 4 : 5);
        }
        case AS_TIMESTAMP:
            if (is_json) *w++ = '"';
            w = write_time(w, int64_at(field->data, row), field->per_second, field->separator);
            if (field->separator == 'T') *w++ = 'Z';
            if (is_json) *w++ = '"';
            return w;
        case AS_DATE: {
            i32 days;
            memcpy(&days, field->data + row * 4, 4);
            if (is_json) *w++ = '"';
            w = write_date(w, days);
            if (is_json) *w++ = '"';
            return w;
        }
        default: return w;
    }
}

static int append_base64(Buffer *out, const Simd *simd, const u8 *bytes, size_t size, int is_json) {
    if (!buffer_reserve(out, (size + 2) / 3 * 4 + 16)) return 0;
    if (is_json) out->data[out->size++] = '"';
    out->size += simd->base64_encode(bytes, size, out->data + out->size);
    if (is_json) out->data[out->size++] = '"';
    return 1;
}

/* Appends a row; every way of it leaves 8 bytes free behind it. */
static int append_json_row(Buffer *out, const Simd *simd, const Field *fields, size_t count, i64 row, i64 selected, const RowFormat *format) {
    for (size_t i = 0; i < count; i++) {
        const Field *field = &fields[i];
        const i64 at = field->is_selected ? selected : row;
        if (!buffer_reserve(out, field->prefix_size + VALUE_ROOM + 16)) return 0;
        u8 *w = out->data + out->size;
        memcpy(w, field->prefix, field->prefix_size);
        w += field->prefix_size;
        if (!is_there(field, at)) {
            memcpy(w, "null", 4);
            out->size = (size_t)(w + 4 - out->data);
            continue;
        }
        if (field->way > AS_JSON && field->way != AS_BINARY && field->way != AS_WORD) {
            out->size = (size_t)(write_value(w, field, at, 1) - out->data);
            continue;
        }
        out->size = (size_t)(w - out->data);
        const u8 *start = field->data + field->ends[at];
        const size_t size = (size_t)(field->ends[at + 1] - field->ends[at]);
        int is_done;
        if (field->way == AS_BINARY) is_done = append_base64(out, simd, start, size, 1);
        else if (field->way == AS_TEXT || (field->kinds && field->kinds[at] == STRING) || (UNLIKELY(format->nests_as_text) && (*start == '{' || *start == '['))) is_done = append_json_string(out, start, size);
        else is_done = buffer_append(out, start, size);
        if (!is_done) return 0;
    }
    return buffer_append(out, format->suffix, format->suffix_size) && buffer_reserve(out, 8);
}

/* What a text that a spreadsheet computes may begin with; of the last one only full-width signs. */
static const u8 FORMULA_STARTS[256] = {['='] = 1, ['+'] = 1, ['-'] = 1, ['@'] = 1, ['\t'] = 1, ['\r'] = 1, ['\n'] = 1, [0] = 1, [0xef] = 1};

/* Whether a spreadsheet would compute a text, behind which stands no digit: it begins with a sign for it and is no number. */
static int is_formula(const u8 *p, size_t size) {
    if (!size || !FORMULA_STARTS[*p]) return 0;
    if (*p == 0xef) return size >= 3 && p[1] == 0xbc && (p[2] == 0x9d || p[2] == 0x8b || p[2] == 0x8d || p[2] == 0xa0);
    return *p != '-' || number_end(p) != p + size;
}

/* Appends a text as it stands in a field of its dialect, without quotes; what stands in the way of quotes comes later. */
static int append_prepared(Buffer *out, const u8 *p, size_t size, const RowFormat *format) {
    if (size > SIZE_MAX / 4 || !buffer_reserve(out, 2 * size + 8)) return 0;
    u8 *const start = out->data + out->size, *w = start;
    for (size_t i = 0; i < size; i++) {
        const u8 c = p[i];
        const int is_break = c == '\r' || c == '\n';
        if (is_break && format->newlines == SPACE_FOR_NEWLINES) {
            if (c == '\r' && i + 1 < size && p[i + 1] == '\n') i++;
            *w++ = ' ';
        } else if (is_break && format->newlines == ESCAPE_NEWLINES) {
            *w++ = '\\';
            *w++ = c == '\n' ? 'n' : 'r';
        } else {
            if (format->quoting == QUOTE_NONE && format->escape && (c == format->escape || c == format->delimiter)) *w++ = format->escape;
            *w++ = c;
        }
    }
    *w = 0;
    if (format->marks_formulas && is_formula(start, (size_t)(w - start))) {
        memmove(start + 1, start, (size_t)(w - start));
        *start = '\'';
        w++;
    }
    out->size = (size_t)(w - out->data);
    return 1;
}

INLINE int is_null_word(const RowFormat *format, const u8 *p, size_t size) { return size == format->null_size && !memcmp(p, format->null, size); }

/* Puts quotes around what stands in `out` from `start` on. */
static int quote_from(Buffer *out, size_t start, const RowFormat *format) {
    const size_t size = out->size - start;
    size_t more = 2;
    for (size_t i = start; i < out->size; i++) more += out->data[i] == '"' || (format->escape && out->data[i] == format->escape);
    if (!buffer_reserve(out, more + 40)) return 0;
    u8 *const p = out->data + start, *w = p + size + more;
    *--w = '"';
    for (size_t i = size; i--;) {
        *--w = p[i];
        if (p[i] == '"' || (format->escape && p[i] == format->escape)) *--w = format->escape ? format->escape : '"';
    }
    *--w = '"';
    out->size += more;
    return 1;
}

/* Appends one CSV field of text; `is_alone`: it is the only one of its row. */
static int append_careful_text(Buffer *out, const u8 *p, size_t size, const RowFormat *format, int is_alone, int is_prepared) {
    const size_t start = out->size;
    if (is_prepared ? !buffer_append(out, p, size) : !append_prepared(out, p, size, format)) return 0;
    const u8 *text = out->data + start;
    size = out->size - start;
    const int is_none = format->quoting == QUOTE_NONE;
    for (size_t i = 0; i < size; i++) {
        const u8 c = text[i];
        if ((c == '\r' || c == '\n') && (is_none || format->newlines == REFUSE_NEWLINES)) return ROW_REFUSED;
        if (is_none && !format->escape && c == format->delimiter) return ROW_REFUSED;
        if (format->refused_size && memchr(format->refused, c, format->refused_size)) return ROW_REFUSED;
    }
    if (format->is_strict && is_null_word(format, text, size)) return ROW_REFUSED;
    if (is_none) return is_alone && !size && !format->has_reader ? ROW_REFUSED : buffer_reserve(out, 40);
    int is_quoted = format->quoting != QUOTE_MINIMAL || (format->quotes_empty && (!size || is_null_word(format, text, size)));
    for (size_t i = 0; !is_quoted && i < size; i++) is_quoted = format->special[text[i]] || (format->escape && text[i] == format->escape);
    return is_quoted ? quote_from(out, start, format) : buffer_reserve(out, 40);
}

INLINE int append_csv_text(Buffer *out, const u8 *p, size_t size, const RowFormat *format, int is_alone) {
    if (!buffer_reserve(out, size + 40)) return 0;
    u8 *w = out->data + out->size;
    u8 careful = format->quotes_texts || (format->marks_formulas && size && FORMULA_STARTS[*p]);
    if (format->quotes_empty || format->is_strict) careful |= !size || is_null_word(format, p, size);
    if (format->quoting == QUOTE_NONE) careful |= is_alone && !size;
    for (size_t i = 0; i < size; i++) careful |= format->careful[p[i]];
    if (UNLIKELY(careful)) return append_careful_text(out, p, size, format, is_alone, 0);
    memcpy(w, p, size);
    out->size += size;
    return 1;
}

/* Appends the word for null. */
static int append_null(Buffer *out, const RowFormat *format, int is_alone) {
    const size_t start = out->size;
    if (format->quoting == QUOTE_NONE && is_alone && !format->null_size && !format->has_reader) return ROW_REFUSED;
    if (!buffer_append(out, format->null, format->null_size) || !buffer_reserve(out, 40)) return 0;
    int is_quoted = format->quoting == QUOTE_ALL && !format->quotes_empty;
    if (format->quoting == QUOTE_MINIMAL)
        for (size_t i = 0; i < format->null_size; i++) is_quoted |= format->special[format->null[i]];
    return is_quoted ? quote_from(out, start, format) : 1;
}

static int append_csv_row(Buffer *out, Buffer *scratch, const Simd *simd, const Field *fields, size_t count, i64 row, i64 selected, const RowFormat *format) {
    if (!buffer_reserve(out, VALUE_ROOM + 16)) return 0;
    const size_t start = out->size;
    const int is_alone = count == 1;
    for (size_t i = 0; i < count; i++) {
        const Field *field = &fields[i];
        const i64 at = field->is_selected ? selected : row;
        int is_written = 1;
        if (i) out->data[out->size++] = format->delimiter;
        if (!is_there(field, at)) {
            is_written = append_null(out, format, is_alone);
        } else if (field->way <= AS_JSON) {
            is_written = append_csv_text(out, field->data + field->ends[at], (size_t)(field->ends[at + 1] - field->ends[at]), format, is_alone);
        } else if (field->way == AS_BINARY) {
            scratch->size = 0;
            if (!append_base64(scratch, simd, field->data + field->ends[at], (size_t)(field->ends[at + 1] - field->ends[at]), 0)) return 0;
            is_written = append_careful_text(out, scratch->data, scratch->size, format, is_alone, 1);
        } else {
            const size_t field_start = out->size;
            if (field->way == AS_WORD) {
                if (!buffer_append(out, field->data + field->ends[at], (size_t)(field->ends[at + 1] - field->ends[at]))) return 0;
            } else {
                out->size = (size_t)(write_value(out->data + out->size, field, at, 0) - out->data);
            }
            if (format->quoting == QUOTE_ALL) is_written = quote_from(out, field_start, format);
        }
        if (is_written != 1) return is_written;
        if (!buffer_reserve(out, VALUE_ROOM + 16)) return 0;
    }
    if (out->size == start && format->quoting != QUOTE_NONE) { /* a single field that is empty would be no row */
        out->data[out->size++] = '"';
        out->data[out->size++] = '"';
    }
    return buffer_append(out, format->end, format->end_size);
}

/* Completes a format whose members were read. */
static void complete_format(RowFormat *format) {
    const u8 specials[4] = {'"', '\r', '\n', format->delimiter};
    for (int i = 0; i < 4; i++) format->careful[specials[i]] = format->special[specials[i]] = 1;
    if (format->escape) format->careful[format->escape] = 1;
    for (size_t i = 0; i < format->refused_size; i++) format->careful[format->refused[i]] = 1;
    format->quotes_texts = format->quoting == QUOTE_ALL || format->quoting == QUOTE_STRINGS;
}

/* Writes rows. `selection`: which rows of the batch, NULL for all `count` of them; `records`: the record of each row of the
   batch. What rows of one record come to ends at an offset in `ends`, its record is in `written`, or in `refused` where one of
   them cannot be written. 0: no memory, or over 2 GB. */
static int write_rows(const Simd *simd, const Field *fields, size_t field_count, const i32 *selection, i64 count, const i32 *records, const RowFormat *format, Buffer *out, Buffer *ends, Buffer *written, Buffer *refused, Buffer *scratch) {
    if (!buffer_reserve(out, (size_t)count * 32 + 64) || !buffer_reserve(ends, ((size_t)count + 1) * 4) || !buffer_reserve(written, (size_t)count * 4 + 4) || !buffer_append_i32(ends, 0)) return 0;
    size_t start = 0;
    int is_refused = 0;
    for (i64 i = 0; i < count; i++) {
        const i64 row = selection ? selection[i] : i;
        const int found = format->is_json ? append_json_row(out, simd, fields, field_count, row, i, format) : append_csv_row(out, scratch, simd, fields, field_count, row, i, format);
        if (!found || out->size > TEXT_LIMIT) return 0;
        is_refused |= found == ROW_REFUSED;
        const i64 next = i + 1 == count ? -1 : selection ? selection[i + 1] : i + 1;
        if (next >= 0 && records[next] == records[row]) continue;
        if (is_refused) {
            out->size = start;
            is_refused = 0;
            if (!buffer_append_i32(refused, records[row])) return 0;
            continue;
        }
        if (format->drops_last_end) out->size--;
        start = out->size;
        if (!buffer_append_i32(ends, (i32)out->size) || !buffer_append_i32(written, records[row])) return 0;
    }
    return 1;
}
#endif
