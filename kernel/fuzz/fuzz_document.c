/* libFuzzer: one document through every plan, by the plain and by the wider code, whose columns must be the same; what is taken
   must be JSON to a judge that is slow and has nothing of the kernel's. */
#undef NDEBUG
#include "plans.h"

typedef struct {
    const u8 *p, *end;
} Judge;

static void pass_space(Judge *j) {
    while (j->p < j->end && strchr(" \t\r\n", *j->p) && *j->p) j->p++;
}

static int hex4(const u8 *p) {
    int value = 0;
    for (int i = 0; i < 4; i++) {
        const int is_digit = p[i] >= '0' && p[i] <= '9', is_letter = (p[i] | 32) >= 'a' && (p[i] | 32) <= 'f';
        if (!is_digit && !is_letter) return -1;
        value = value * 16 + (is_digit ? p[i] - '0' : (p[i] | 32) - 'a' + 10);
    }
    return value;
}

static int judge_character(Judge *j) {
    const u8 c = *j->p;
    const int more = c < 0x80 ? 0 : c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
    if (c < 0x20 || (c >= 0x80 && (c < 0xc2 || c > 0xf4)) || j->end - j->p <= more) return 0;
    u32 value = more ? c & (0x3fu >> more) : c;
    for (int i = 1; i <= more; i++) {
        if ((j->p[i] & 0xc0) != 0x80) return 0;
        value = value << 6 | (j->p[i] & 0x3f);
    }
    if ((more == 2 && (value < 0x800 || (value >= 0xd800 && value < 0xe000))) || (more == 3 && (value < 0x10000 || value > 0x10ffff))) return 0;
    j->p += more + 1;
    return 1;
}

static int judge_string(Judge *j) {
    if (j->p >= j->end || *j->p++ != '"') return 0;
    while (j->p < j->end) {
        if (*j->p == '"') {
            j->p++;
            return 1;
        }
        if (*j->p != '\\') {
            if (!judge_character(j)) return 0;
            continue;
        }
        if (j->end - j->p < 2) return 0;
        if (j->p[1] != 'u') {
            if (!j->p[1] || !strchr("\"\\/bfnrt", j->p[1])) return 0;
            j->p += 2;
            continue;
        }
        const int unit = j->end - j->p < 6 ? -1 : hex4(j->p + 2);
        if (unit < 0 || (unit >= 0xdc00 && unit < 0xe000)) return 0;
        j->p += 6;
        if (unit < 0xd800 || unit >= 0xdc00) continue;
        if (j->end - j->p < 6 || j->p[0] != '\\' || j->p[1] != 'u') return 0;
        const int low = hex4(j->p + 2);
        if (low < 0xdc00 || low >= 0xe000) return 0;
        j->p += 6;
    }
    return 0;
}

static int digits(Judge *j) {
    const u8 *start = j->p;
    while (j->p < j->end && *j->p >= '0' && *j->p <= '9') j->p++;
    return j->p > start;
}

static int judge_value(Judge *j, int depth) {
    pass_space(j);
    if (depth > 512 || j->p >= j->end) return 0;
    const u8 open = *j->p;
    if (open == '"') return judge_string(j);
    if (open == '{' || open == '[') {
        const u8 close = open == '{' ? '}' : ']';
        j->p++;
        pass_space(j);
        if (j->p < j->end && *j->p == close) {
            j->p++;
            return 1;
        }
        for (;;) {
            if (open == '{') {
                pass_space(j);
                if (!judge_string(j)) return 0;
                pass_space(j);
                if (j->p >= j->end || *j->p++ != ':') return 0;
            }
            if (!judge_value(j, depth + 1)) return 0;
            pass_space(j);
            if (j->p >= j->end) return 0;
            if (*j->p == ',') {
                j->p++;
                continue;
            }
            return *j->p++ == close;
        }
    }
    static const char *words[] = {"true", "false", "null"};
    for (int i = 0; i < 3; i++) {
        const size_t size = strlen(words[i]);
        if ((size_t)(j->end - j->p) < size || memcmp(j->p, words[i], size)) continue;
        j->p += size;
        return 1;
    }
    if (*j->p == '-') j->p++;
    if (j->p < j->end && *j->p == '0') j->p++;
    else if (!digits(j)) return 0;
    if (j->p < j->end && *j->p == '.') {
        j->p++;
        if (!digits(j)) return 0;
    }
    if (j->p < j->end && (*j->p == 'e' || *j->p == 'E')) {
        j->p++;
        if (j->p < j->end && (*j->p == '+' || *j->p == '-')) j->p++;
        if (!digits(j)) return 0;
    }
    return 1;
}

/* Whether a text is objects, one or with `is_many` several, and white space. */
static int are_objects(const u8 *text, size_t size, int is_many) {
    Judge j = {text, text + size};
    int count = 0;
    for (pass_space(&j); j.p < j.end; pass_space(&j), count++)
        if (*j.p != '{' || (count && !is_many) || !judge_value(&j, 1)) return 0;
    return count > 0;
}

static Status read_once(Call *call, const Plan *plan, const u8 *text, size_t size) {
    if (!begin_call(call, plan, 4)) return OUT_OF_MEMORY;
    call->document.text = text;
    call->document.size = size;
    return read_record(plan, &call->columns, &call->document, &call->scratch);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size) {
    u8 *copy = malloc(size + PADDING);
    if (size) memcpy(copy, data, size);
    memset(copy + size, 'x', PADDING);
    memset(copy + size, ' ', 64);
    for (int which = 0; which < PLAN_COUNT; which++) {
        Call calls[WIDEST + 1] = {{0}};
        Status status[WIDEST + 1];
        const Plan *plan = NULL;
        for (int width = 0; width <= WIDEST; width++) {
            plan = fuzz_plan(which, width);
            status[width] = read_once(&calls[width], plan, copy, size);
        }
        for (int i = 1; i <= WIDEST; i++) {
            assert(status[0] == status[i] && calls[0].columns.row_count == calls[i].columns.row_count);
            check_columns(plan, calls[0].columns.each, calls[i].columns.each, calls[0].columns.row_count);
        }
        if (status[0] == TAKEN) assert(plan->text_slot >= 0 || are_objects(data, size, plan->documents == MANY_DOCUMENTS));
        else assert(calls[0].columns.row_count == 0);
        for (int i = 0; i <= WIDEST; i++) end_call(&calls[i]);
    }
    free(copy);
    return 0;
}
