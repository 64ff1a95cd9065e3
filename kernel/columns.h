/* Values to typed columns, a row after the other. A value that a conversion is not sure of is UNVERIFIED: null in its column,
   and its row is the engine's if that column matters for it. */
#ifndef FASTXFORM_COLUMNS_H
#define FASTXFORM_COLUMNS_H
#include "text.h"

typedef struct {
    u8 *values;      /* text: offsets of 4 bytes, one more than rows; else values of 1, 4, 8 or 16 bytes */
    u8 *kinds;       /* a `Kind` a row */
    Buffer data;     /* of text */
    u32 seen;        /* a bit for each kind */
} Column;

/* All columns have as many rows, and room for as many. */
typedef struct {
    Column *each;
    size_t row_count, row_capacity;
    u64 written; /* bytes of all text columns */
} Columns;

static const u8 WIDTH[CONVERSION_COUNT] = {
    [TO_TEXT] = 4, [TO_JSON] = 4, [TO_INT64] = 8, [TO_TIMESTAMP] = 8, [TO_DECIMAL] = 16, [TO_FLOAT_TEXT] = 4, [TO_BOOL] = 1, [TO_DATE] = 4, [TO_BINARY] = 4,
};
INLINE int is_text(Conversion conversion) { return conversion <= TO_JSON || conversion == TO_FLOAT_TEXT || conversion == TO_BINARY; }

#define TEXT_LIMIT 0x7fffffffu /* bytes of a text column */

/* ---- from text to numbers, days and times: 1, or 0 where it is not sure */

static int parse_int64(const u8 *p, const u8 *end, i64 *out) {
    const int is_negative = p < end && *p == '-';
    p += is_negative;
    if (p == end || end - p > 18 || (*p == '0' && end - p > 1)) return 0; /* -0 is 0 */
    i64 value = 0;
    for (; p < end; p++) {
        if (*p < '0' || *p > '9') return 0;
        value = value * 10 + (*p - '0');
    }
    *out = is_negative ? -value : value;
    return 1;
}

static int parse_decimal(const u8 *p, const u8 *end, int precision, int scale, __int128 *out) {
    const int is_negative = p < end && *p == '-';
    p += is_negative;
    const u8 *const whole = p;
    __int128 value = 0;
    int places = 0;
    if (p == end) return 0;
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        if (p - whole >= precision - scale && !(p == whole && *p == '0')) return 0;
        value = value * 10 + (*p - '0');
    }
    if (p == whole || (*whole == '0' && p - whole > 1)) return 0;
    if (p < end) {
        if (*p++ != '.' || p == end) return 0;
        for (; p < end; p++, places++) {
            if (*p < '0' || *p > '9' || places >= scale) return 0;
            value = value * 10 + (*p - '0');
        }
    }
    for (; places < scale; places++) value *= 10;
    *out = is_negative ? -value : value;
    return 1;
}

/* Numbers that Arrow's cast reads as Python does: up to 16 digits before the point and 17 behind it, an exponent of two. */
static int is_sure_float(const u8 *p, const u8 *end) {
    if (p < end && *p == '-') p++;
    const u8 *from = p;
    while (p < end && *p >= '0' && *p <= '9') p++;
    if (p == from || p - from > 16 || (*from == '0' && p - from > 1)) return 0;
    if (p < end && *p == '.') {
        from = ++p;
        while (p < end && *p >= '0' && *p <= '9') p++;
        if (p == from || p - from > 17) return 0;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-')) p++;
        from = p;
        while (p < end && *p >= '0' && *p <= '9') p++;
        if (p == from || p - from > 2) return 0;
    }
    return p == end;
}

/* A number of so many digits; -1 where others stand there. */
INLINE int parse_digits(const u8 *p, int count) {
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (p[i] < '0' || p[i] > '9') return -1;
        value = value * 10 + (p[i] - '0');
    }
    return value;
}

/* YYYY-MM-DD, years 1 to 9999, as days from 1970. */
static int parse_days(const u8 *p, i64 *out) {
    static const u8 DAYS[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    static const u16 BEFORE[13] = {0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    const int year = parse_digits(p, 4), month = parse_digits(p + 5, 2), day = parse_digits(p + 8, 2);
    if (p[4] != '-' || p[7] != '-' || year < 1 || month < 1 || month > 12 || day < 1) return 0;
    const int is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day > DAYS[month] + (month == 2 && is_leap)) return 0;
    const int before = year - 1;
    *out = before * 365LL + before / 4 - before / 100 + before / 400 + BEFORE[month] + (month > 2 && is_leap) + day - 1 - 719162;
    return 1;
}

#define FIRST_SECOND (-62135596800LL) /* 0001-01-01T00:00:00Z */
#define END_SECOND 253402300800LL     /* 10000-01-01T00:00:00Z */

/* RFC 3339 with `T`, `t` or a blank, up to nine digits of a second, and an offset, `Z`, `z` or nothing. */
static int parse_time(const u8 *p, const u8 *end, i64 per_second, i64 *out) {
    i64 days;
    if (end - p < 19 || !parse_days(p, &days) || (p[10] != 'T' && p[10] != 't' && p[10] != ' ') || p[13] != ':' || p[16] != ':') return 0;
    const int hour = parse_digits(p + 11, 2), minute = parse_digits(p + 14, 2), second = parse_digits(p + 17, 2);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return 0;
    i64 nanoseconds = 0, seconds = days * 86400 + hour * 3600 + minute * 60 + second;
    p += 19;
    if (p < end && *p == '.') {
        int digits = 0;
        for (p++; p < end && *p >= '0' && *p <= '9' && digits < 9; p++, digits++) nanoseconds = nanoseconds * 10 + (*p - '0');
        if (!digits) return 0;
        for (; digits < 9; digits++) nanoseconds *= 10;
    }
    if (end - p == 1 && (*p == 'Z' || *p == 'z')) p++;
    else if (end - p == 6 && (*p == '+' || *p == '-') && p[3] == ':') {
        const int offset_hour = parse_digits(p + 1, 2), offset_minute = parse_digits(p + 4, 2);
        if (offset_hour < 0 || offset_hour > 23 || offset_minute < 0 || offset_minute > 59) return 0;
        const int offset = offset_hour * 3600 + offset_minute * 60;
        seconds -= *p == '-' ? -offset : offset;
        p += 6;
    }
    if (p != end || seconds < FIRST_SECOND || seconds >= END_SECOND) return 0;
    *out = seconds * per_second + nanoseconds * per_second / 1000000000;
    return 1;
}

/* An epoch, in seconds, milliseconds or microseconds by its magnitude; nanoseconds, from 1e17 on, are the engine's. */
static int time_of_number(i64 number, i64 per_second, i64 *out) {
    if (number < 0 || number >= 100000000000000000LL) return 0;
    const i64 per = number < 100000000000LL ? 1 : number < 100000000000000LL ? 1000 : 1000000;
    if (number / per >= END_SECOND) return 0;
    *out = per_second >= per ? number * (per_second / per) : number / (per / per_second);
    return 1;
}

/* An epoch in seconds with up to nine digits of one behind a point. */
static int parse_seconds(const u8 *p, const u8 *end, i64 per_second, i64 *out) {
    const u8 *const point = memchr(p, '.', (size_t)(end - p));
    i64 seconds, nanoseconds = 0, power = 1000000000;
    if (!point || end - point < 2 || end - point > 10 || *p == '-' || !parse_int64(p, point, &seconds) || seconds >= 100000000000LL) return 0;
    for (p = point + 1; p < end; p++) {
        if (*p < '0' || *p > '9') return 0;
        nanoseconds += (*p - '0') * (power /= 10);
    }
    *out = seconds * per_second + nanoseconds * per_second / 1000000000;
    return 1;
}

/* ---- one value */

typedef struct {
    const u8 *start, *end;
    Kind kind;
} Value; /* a scalar: what stands between the quotes of a string, or a word */

INLINE void set_kind(Column *column, size_t row, Kind kind) {
    column->kinds[row] = (u8)kind;
    column->seen |= 1u << kind;
}

/* Ends the text of a row, which has been appended to `data`. */
INLINE Status end_text(Column *column, size_t row, Kind kind) {
    if (UNLIKELY(column->data.size > TEXT_LIMIT)) return FALLBACK;
    const i32 end = (i32)column->data.size;
    memcpy(column->values + (row + 1) * sizeof end, &end, sizeof end);
    set_kind(column, row, kind);
    return TAKEN;
}

INLINE Status set_typed(const ColumnPlan *plan, Column *column, size_t row, const void *value, Kind kind) {
    memcpy(column->values + row * WIDTH[plan->conversion], value, WIDTH[plan->conversion]);
    set_kind(column, row, kind);
    return TAKEN;
}

INLINE Status set_null(const ColumnPlan *plan, Column *column, size_t row, Kind kind) {
    static const u8 ZEROS[16] = {0};
    return is_text(plan->conversion) ? end_text(column, row, kind) : set_typed(plan, column, row, ZEROS, kind);
}

static int fits_pattern(const ColumnPlan *plan, const u8 *p, const u8 *end) {
    if (end - p < (i64)plan->least || end - p > (i64)plan->most) return 0;
    for (; p < end; p++)
        if (!plan->class_of[*p]) return 0;
    return 1;
}

/* Appends a scalar without escapes as a value that is no text. */
static Status append_scalar(const ColumnPlan *plan, Column *column, size_t row, Value value) {
    const u8 *start = value.start, *end = value.end;
    const int is_number = value.kind == NUMBER, is_string = value.kind == STRING;
    i64 number;
    int is_sure = 0;
    switch (plan->conversion) {
        case TO_INT64:
            if ((is_number || is_string) && parse_int64(start, end, &number)) return set_typed(plan, column, row, &number, value.kind);
            break;
        case TO_TIMESTAMP:
            if (is_number || is_string) is_sure = parse_int64(start, end, &number) ? time_of_number(number, plan->per_second, &number) : parse_seconds(start, end, plan->per_second, &number);
            if (is_string && !is_sure) is_sure = parse_time(start, end, plan->per_second, &number);
            if (is_sure) return set_typed(plan, column, row, &number, value.kind);
            break;
        case TO_DECIMAL: {
            __int128 decimal;
            if ((is_number || is_string) && parse_decimal(start, end, plan->precision, plan->scale, &decimal)) return set_typed(plan, column, row, &decimal, value.kind);
            break;
        }
        case TO_BOOL: {
            u8 is_true = value.kind == TRUE_WORD || (is_string && end - start == 4 && !memcmp(start, "true", 4));
            const int is_false = value.kind == FALSE_WORD || (is_string && end - start == 5 && !memcmp(start, "false", 5));
            if (is_true || is_false) return set_typed(plan, column, row, &is_true, value.kind);
            break;
        }
        case TO_DATE:
            if (is_string && end - start == 10 && parse_days(start, &number)) {
                const i32 days = (i32)number;
                return set_typed(plan, column, row, &days, value.kind);
            }
            break;
        case TO_FLOAT_TEXT:
            if (!(is_number || is_string) || !is_sure_float(start, end)) break;
            if (!append_padded(&column->data, start, (size_t)(end - start))) return OUT_OF_MEMORY;
            return end_text(column, row, value.kind);
        case TO_BINARY: {
            const size_t size = (size_t)(end - start);
            if (!is_string || !is_canonical_base64(start, size)) break;
            if (!buffer_reserve(&column->data, size + 8)) return OUT_OF_MEMORY;
            const u8 *rest = start;
            u8 *out = column->data.data + column->data.size;
            size_t done = base64_decode_groups(&rest, end, out, 0, size);
            if (rest < end) { /* the last group has padding */
                const u32 a = BASE64_VALUE[rest[0]] - 1u, b = BASE64_VALUE[rest[1]] - 1u;
                out[done++] = (u8)(a << 2 | b >> 4);
                if (rest[2] != '=') out[done++] = (u8)(b << 4 | (BASE64_VALUE[rest[2]] - 1u) >> 2);
            }
            column->data.size += done;
            return end_text(column, row, value.kind);
        }
        default: break;
    }
    return set_null(plan, column, row, UNVERIFIED);
}

/* Appends the default of a column, which is a scalar, and text of its column's own kind where that is text. */
static Status append_default(const ColumnPlan *plan, Column *column, size_t row) {
    if (!is_text(plan->conversion) || plan->conversion == TO_BINARY || plan->conversion == TO_FLOAT_TEXT) return append_scalar(plan, column, row, (Value){plan->default_text, plan->default_text + plan->default_size, (Kind)plan->default_kind});
    if (!buffer_append(&column->data, plan->default_text, plan->default_size)) return OUT_OF_MEMORY;
    return end_text(column, row, (Kind)plan->default_kind);
}

/* Whether a text is one of those that are null for a column. */
static int is_null_text(const ColumnPlan *plan, const u8 *p, size_t size) {
    for (int i = 0; i < plan->null_count; i++)
        if (plan->nulls[i].size == size && !memcmp(plan->nulls[i].text, p, size)) return 1;
    return 0;
}

/* Appends what a slot holds to a column. */
INLINE Status append_value(const ColumnPlan *plan, Column *column, size_t row, Document *d, const Slot *slot, int is_double, Buffer *scratch) {
    const u8 *start = d->text + slot->start, *end = d->text + slot->end;
    Kind kind = (Kind)slot->kind;
    if (UNLIKELY(plan->null_count) && kind == STRING) {
        if (has_backslash(d, slot->start, slot->end)) return set_null(plan, column, row, UNVERIFIED);
        if (is_null_text(plan, start, (size_t)(end - start))) kind = NULL_WORD;
    }
    if (LIKELY(kind == STRING && plan->conversion == TO_TEXT && !plan->has_pattern && !d->index.has_backslash)) {
        if (!append_padded(&column->data, start, (size_t)(end - start))) return OUT_OF_MEMORY;
        return end_text(column, row, kind);
    }
    if (kind == ABSENT || kind == NULL_WORD) {
        if (plan->default_kind) return append_default(plan, column, row);
        return set_null(plan, column, row, plan->is_required ? UNVERIFIED : NULL_WORD);
    }
    const int is_escaped = kind == STRING && has_backslash(d, slot->start, slot->end);
    const int is_container = kind >= CONTAINER;
    if (plan->has_pattern && (is_escaped || is_container || !fits_pattern(plan, start, end))) return set_null(plan, column, row, UNVERIFIED);
    if (plan->conversion > TO_JSON) {
        if (is_escaped || is_container) return set_null(plan, column, row, UNVERIFIED);
        return append_scalar(plan, column, row, (Value){start, end, kind});
    }
    int is_done = 1;
    if (kind == STRING && plan->conversion == TO_TEXT) {
        is_done = is_escaped ? append_unescaped(&column->data, start, end) : append_padded(&column->data, start, (size_t)(end - start));
    } else if (kind == STRING) {
        if (UNLIKELY(d->has_fields)) {
            is_done = append_json_string(&column->data, start, (size_t)(end - start));
        } else if (is_escaped) {
            scratch->size = 0;
            is_done = append_unescaped(scratch, start, end) && append_json_string(&column->data, scratch->data, scratch->size);
        } else {
            is_done = append_padded(&column->data, start - 1, (size_t)(end - start) + 2);
        }
    } else if (kind == PLAIN || kind == IMAGE) {
        const Status status = append_plain(&column->data, d, slot, is_double, scratch);
        if (status != TAKEN) return status;
    } else if (is_container) {
        const Status status = append_normalized(&column->data, d, slot, scratch);
        if (status != TAKEN) return status;
    } else {
        is_done = append_padded(&column->data, start, (size_t)(end - start));
    }
    if (!is_done) return OUT_OF_MEMORY;
    return end_text(column, row, is_container ? CONTAINER : kind);
}

INLINE int is_true(const Slot *slot) {
    switch (slot->kind) {
        case ABSENT: case NULL_WORD: case FALSE_WORD: case EMPTY: return 0;
        case STRING: return slot->end > slot->start;
        default: return 1;
    }
}

/* The slot that a value is taken from; an object without members is passed over, as one that is not there. */
INLINE const Slot *pick_slot(const Choice *choice, const Document *d) {
    const Alternative *const alternatives = choice->alternatives;
    const int last = choice->count - 1;
    if (choice->pick == PICK_FIRST_TRUE) {
        for (int i = 0; i < last; i++)
            if (is_true(&d->slots[alternatives[i].slot])) return &d->slots[alternatives[i].slot];
    } else if (choice->pick == PICK_FIRST_OBJECT) {
        for (int i = 0; i < last; i++) {
            if (d->slots[alternatives[i].object_slot].kind == CONTAINER) return &d->slots[alternatives[i].slot];
        }
    }
    return &d->slots[alternatives[last].slot];
}

/* ---- a row, and rows taken back */

static int grow_rows(const Plan *plan, Columns *columns, size_t capacity) {
    if (capacity > SIZE_MAX / 64) return 0;
    for (int i = 0; i < plan->column_count; i++) {
        Column *column = &columns->each[i];
        u8 *values = realloc(column->values, (capacity + 1) * WIDTH[plan->columns[i].conversion]);
        if (values) column->values = values;
        u8 *kinds = realloc(column->kinds, capacity + 64);
        if (kinds) column->kinds = kinds;
        if (!values || !kinds) return 0;
    }
    columns->row_capacity = capacity;
    return 1;
}

static void take_back(const Plan *plan, Columns *columns, size_t row_count) {
    for (int i = 0; i < plan->column_count; i++) {
        Column *column = &columns->each[i];
        if (!is_text(plan->columns[i].conversion)) continue;
        i32 end;
        memcpy(&end, column->values + row_count * sizeof end, sizeof end);
        column->data.size = (size_t)end;
    }
    columns->row_count = row_count;
}

static int begin_columns(const Plan *plan, Columns *columns, size_t rows_expected) {
    columns->each = calloc((size_t)plan->column_count + 1, sizeof(Column));
    if (!columns->each || !grow_rows(plan, columns, rows_expected)) return 0;
    for (int i = 0; i < plan->column_count; i++) {
        if (!is_text(plan->columns[i].conversion)) continue;
        memset(columns->each[i].values, 0, sizeof(i32));
        if (!buffer_reserve(&columns->each[i].data, rows_expected * 16)) return 0;
    }
    return 1;
}

static void free_columns(const Plan *plan, Columns *columns) {
    for (int i = 0; columns->each && i < plan->column_count; i++) {
        free(columns->each[i].kinds);
        free(columns->each[i].values);
        buffer_free(&columns->each[i].data);
    }
    free(columns->each);
}

static u64 written_bytes(const Plan *plan, const Columns *columns) {
    u64 size = 0;
    for (int i = 0; i < plan->column_count; i++) size += is_text(plan->columns[i].conversion) ? columns->each[i].data.size : 0;
    return size;
}
#endif
