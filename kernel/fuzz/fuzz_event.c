/* libFuzzer: an event through every plan, its columns to JSON and to CSV rows, the rows to the response. The plain and the wider
   code must come to the same; the response must be as long as it was counted. */
#undef NDEBUG
#include "plans.h"
#include "../response.h"
#include "../rows.h"

static Way way_of(Conversion conversion) {
    switch (conversion) {
        case TO_JSON: case TO_FLOAT_TEXT: return AS_JSON;
        case TO_INT64: return AS_INT64;
        case TO_TIMESTAMP: return AS_TIMESTAMP;
        case TO_DECIMAL: return AS_DECIMAL;
        case TO_DATE: return AS_DATE;
        case TO_BINARY: return AS_BINARY;
        default: return AS_TEXT;
    }
}

/* Writes the rows of a call and the response to it; `out` gets both. */
static void write_all(const Call *call, int is_json, Buffer *out) {
    const Plan *plan = call->plan;
    const i64 rows_count = (i64)call->columns.row_count;
    Field *fields = calloc((size_t)plan->column_count + 1, sizeof(Field));
    u8 **validity = calloc((size_t)plan->column_count + 1, sizeof(u8 *));
    size_t field_count = 0;
    for (int i = 0; i < plan->column_count; i++) {
        const Column *column = &call->columns.each[i];
        if (plan->columns[i].conversion == TO_BOOL) continue; /* bits, which the module makes */
        validity[i] = calloc(call->columns.row_count / 8 + 1, 1);
        for (size_t row = 0; row < call->columns.row_count; row++) validity[i][row >> 3] |= (u8)((column->kinds[row] != NULL_WORD && column->kinds[row] != UNVERIFIED) << (row & 7));
        const int has_text = is_text(plan->columns[i].conversion);
        const char *prefix = field_count ? ",\"f\":" : "{\"f\":";
        fields[field_count++] = (Field){
            .way = way_of(plan->columns[i].conversion), .validity = validity[i], .ends = (const i32 *)column->values, .data = has_text ? column->data.data ? column->data.data : (const u8 *)"" : column->values, .length = rows_count,
            .kinds = column->kinds, .per_second = plan->columns[i].per_second, .scale = plan->columns[i].scale, .prefix = (const u8 *)prefix, .prefix_size = 5,
        };
    }
    RowFormat format = {.is_json = (u8)is_json, .delimiter = ',', .null = (const u8 *)"", .end = (const u8 *)"\n", .end_size = 1, .suffix = (const u8 *)"}\n", .suffix_size = 2, .refused = (const u8 *)""};
    if (rows_count & 1) { /* the dialect of another reader */
        format.quoting = (Quoting)(rows_count >> 1 & 3);
        format.newlines = (Newlines)(rows_count >> 3 & 3);
        format.escape = rows_count & 2 ? '\\' : 0;
        format.quotes_empty = format.marks_formulas = 1;
        format.nests_as_text = (u8)is_json;
    }
    complete_format(&format);
    Buffer rows = {0}, ends = {0}, written = {0}, refused = {0}, scratch = {0};
    if (write_rows(plan->simd, fields, field_count, NULL, rows_count, (const i32 *)call->row_records.data, &format, &rows, &ends, &written, &refused, &scratch)) {
        Answer *answers = calloc((size_t)call->record_count + 1, sizeof(Answer));
        for (size_t i = 0; i < written.size / 4; i++) {
            i32 record, start, end;
            memcpy(&record, written.data + i * 4, 4);
            memcpy(&start, ends.data + i * 4, 4);
            memcpy(&end, ends.data + i * 4 + 4, 4);
            assert(record >= 0 && record < call->record_count && end >= start && (size_t)end <= rows.size);
            answers[record] = (Answer){rows.data + start, i % 2 ? (const u8 *)"{\"k\":1}" : NULL, (u32)(end - start), 7, OK};
        }
        for (size_t i = 0; i < call->fallback.size / 4; i++) {
            i32 record;
            memcpy(&record, call->fallback.data + i * 4, 4);
            answers[record].result = FAILED;
        }
        const i32 *id_ends = (const i32 *)call->id_ends.data;
        const u64 size = response_size(answers, call->record_count, id_ends, call->kafka_count > 0);
        assert(buffer_append(out, rows.data, rows.size) && buffer_reserve(out, size));
        u8 *start = out->data + out->size;
        assert(write_response(plan->simd, answers, call->record_count, call->ids.data ? call->ids.data : (const u8 *)"", id_ends, call->kafka_count > 0, start) == start + size);
        out->size += size;
        free(answers);
    }
    for (int i = 0; i < plan->column_count; i++) free(validity[i]);
    free(validity);
    free(fields);
    buffer_free(&refused);
    buffer_free(&scratch);
    buffer_free(&rows);
    buffer_free(&ends);
    buffer_free(&written);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size) {
    u8 *event = malloc(size ? size : 1); /* of exactly its size: nothing behind it may be read */
    if (size) memcpy(event, data, size);
    for (int which = 0; which < PLAN_COUNT; which++) {
        Call calls[WIDEST + 1] = {{0}};
        Status status[WIDEST + 1];
        Buffer out[WIDEST + 1] = {{0}};
        for (int width = 0; width <= WIDEST; width++) {
            const Plan *plan = fuzz_plan(which, width);
            Fact stream = {0}, invocation = {0};
            status[width] = begin_call(&calls[width], plan, 4) ? read_event(&calls[width], event, size, &stream, &invocation) : OUT_OF_MEMORY;
            if (status[width] != TAKEN) continue;
            for (int is_json = 0; is_json < 2; is_json++) write_all(&calls[width], is_json, &out[width]);
        }
        for (int i = 1; i <= WIDEST; i++) {
            assert(status[0] == status[i]);
            if (status[0] == TAKEN) check_columns(calls[0].plan, calls[0].columns.each, calls[i].columns.each, calls[0].columns.row_count);
            assert(out[0].size == out[i].size && (!out[0].size || !memcmp(out[0].data, out[i].data, out[0].size)));
        }
        for (int i = 0; i <= WIDEST; i++) {
            end_call(&calls[i]);
            buffer_free(&out[i]);
        }
    }
    free(event);
    return 0;
}
