/* One call: records out of an event, or of a list of texts, through their documents to columns.

   An event that is not plainly Firehose's own spelling (an escape in a member that matters, a member twice, another shape) is
   refused as a whole, and the engine reads it. A record that is unusual is noted as a fallback. */
#ifndef FASTXFORM_EVENT_H
#define FASTXFORM_EVENT_H
#include "inflate.h"
#include "record.h"

#define EVENT_DEPTH_LIMIT 64

/* Of one call: what comes after so many rows, or bytes unpacked or in columns, is the engine's, which works a batch in parts. */
#define CALL_ROWS_LIMIT 200000
#define CALL_UNPACKED_LIMIT (32u << 20)
#define CALL_WRITTEN_LIMIT (48u << 20)

/* What stands in a log message around its events, and is written with each of them, is mostly shorter. */
#define BESIDE_EVENTS_LIMIT 1024

/* Unpacks what `gunzip` does not, `packed` into `unpacked` (PADDING included): TAKEN, FALLBACK where it is broken or too large,
   or an error. */
typedef Status (*Unpack)(void *context, const Buffer *packed, Buffer *unpacked);

typedef struct {
    const Plan *plan;
    Unpack unpack;
    void *unpack_context;
    size_t unpacked_limit;       /* the most bytes that a record may unpack to */
    Inflater *inflater;          /* once there was gzip */
    Document document;
    Slot *slots;
    Buffer payload, packed, scratch;
    Columns columns;
    size_t unpacked_bytes;
    i32 record_count;
    i32 kafka_count;             /* of an event: records whose data is called `kafkaRecordValue` */
    Buffer row_records;          /* i32 a row: its record */
    Buffer fallback;             /* i32 each: a record that is the engine's */
    Buffer ids, id_ends;         /* of an event: the ids one after the other */
    Buffer data_starts, data_ends; /* of an event: i32 each, where the JSON string of the data stands, with its quotes */
    Buffer arrivals;             /* i64 each */
} Call;

static int begin_call(Call *call, const Plan *plan, size_t rows_expected) {
    call->plan = plan;
    call->slots = calloc((size_t)plan->slot_count + 1, sizeof(Slot));
    call->document.slots = call->slots;
    call->document.parsed = calloc((size_t)plan->document_count + 1, sizeof(Document));
    for (int i = 0; call->document.parsed && i < plan->document_count; i++) call->document.parsed[i].text = (const u8 *)"";
    return call->slots && call->document.parsed && begin_columns(plan, &call->columns, rows_expected) && buffer_reserve(&call->payload, 4096) && buffer_append_i32(&call->id_ends, 0);
}

static void end_call(Call *call) {
    if (call->plan) free_columns(call->plan, &call->columns);
    for (int i = 0; call->document.parsed && i < call->plan->document_count; i++) free_document(&call->document.parsed[i]);
    free(call->document.parsed);
    free(call->inflater);
    free(call->slots);
    free_document(&call->document);
    Buffer *buffers[] = {&call->payload, &call->packed, &call->scratch, &call->row_records, &call->fallback, &call->ids, &call->id_ends, &call->data_starts, &call->data_ends, &call->arrivals};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) buffer_free(buffers[i]);
}

/* ---- one payload */

/* Decodes base64 into `payload`, up to the first byte that is none; TAKEN where `text` was then moved to `end`, or to a quote. */
static Status decode_base64(const Simd *simd, const u8 **text, const u8 *end, Buffer *out) {
    /* whole groups first, as many as there is room for */
    const u8 *p = *text;
    out->size = 0;
    for (;;) {
        if (out->capacity - out->size < PADDING + 4096 && !buffer_grow(out, PADDING + 32768)) return OUT_OF_MEMORY;
        const size_t room = out->capacity - out->size - PADDING;
        out->size += simd->base64_decode(&p, end, out->data + out->size, room);
        /* it stops for want of room, or at what is no group of four */
        if (out->capacity - out->size - PADDING >= 32) break;
    }
    if (p < end && *p != '"') {
        if (end - p < 4 || p[3] != '=') return FALLBACK;
        const u32 a = BASE64_VALUE[p[0]] - 1u, b = BASE64_VALUE[p[1]] - 1u, c = BASE64_VALUE[p[2]] - 1u;
        if (a > 63 || b > 63) return FALLBACK;
        out->data[out->size++] = (u8)(a << 2 | b >> 4);
        if (p[2] == '=') {
            if (b & 15) return FALLBACK;
        } else {
            if (c > 63 || c & 3) return FALLBACK;
            out->data[out->size++] = (u8)(b << 4 | c >> 2);
        }
        p += 4;
    }
    *text = p;
    return p == end || *p == '"' ? TAKEN : FALLBACK;
}

/* Whether what stands beside the events of a log message is short, or there are none. */
static int beside_events_is_short(const Buffer *message) {
    static const char name[] = "\"logEvents\"";
    const u8 *const text = message->data, *const end = text + message->size;
    const u8 *const events = memmem(text, message->size, name, sizeof name - 1);
    if (!events) return 1;
    const u8 *const close = memrchr(text, ']', message->size);
    return events - text <= BESIDE_EVENTS_LIMIT && close && end - close <= BESIDE_EVENTS_LIMIT;
}

/* Puts what the payload unpacks to in its place. */
static Status unpack_payload(Call *call, int is_gzip) {
    Buffer *payload = &call->payload;
    const Buffer other = call->packed;
    Status status = FALLBACK;
    call->packed = *payload;
    *payload = other;
    if (is_gzip) {
        if (!call->inflater) call->inflater = new_inflater();
        if (!call->inflater) return OUT_OF_MEMORY;
        status = gunzip(call->plan->simd, call->inflater, &call->packed, payload, call->unpacked_limit);
    }
    if (status == FALLBACK && call->unpack) status = call->unpack(call->unpack_context, &call->packed, payload);
    if (status != TAKEN) return status;
    call->unpacked_bytes += payload->size;
    return payload->size <= call->unpacked_limit && beside_events_is_short(payload) ? TAKEN : FALLBACK;
}

/* Reads the payload of the record that comes next: its rows, or a note that it is the engine's. */
static Status read_payload(Call *call) {
    Buffer *payload = &call->payload;
    Status status = call->columns.row_count < CALL_ROWS_LIMIT && call->unpacked_bytes < CALL_UNPACKED_LIMIT && call->columns.written < CALL_WRITTEN_LIMIT ? TAKEN : FALLBACK;
    const u8 *p = payload->data;
    const int is_gzip = payload->size >= 2 && p[0] == 0x1f && p[1] == 0x8b;
    if (status == TAKEN && (is_gzip || (payload->size >= 4 && !memcmp(p, "\x28\xb5\x2f\xfd", 4)))) status = unpack_payload(call, is_gzip);
    const size_t first_row = call->columns.row_count;
    if (status == TAKEN) {
        if (!buffer_reserve(payload, PADDING)) return OUT_OF_MEMORY;
        memset(payload->data + payload->size, ' ', 64);
        call->document.text = payload->data;
        call->document.size = payload->size;
        status = read_record(call->plan, &call->columns, &call->document, &call->scratch);
    }
    if (status < 0) return status;
    const i32 record = call->record_count++;
    if (status == FALLBACK) return buffer_append_i32(&call->fallback, record) ? TAKEN : OUT_OF_MEMORY;
    if (!buffer_reserve(&call->row_records, (call->columns.row_count - first_row) * sizeof(i32))) return OUT_OF_MEMORY;
    for (size_t row = first_row; row < call->columns.row_count; row++) buffer_append_i32(&call->row_records, record);
    return TAKEN;
}

/* Notes a record without a payload that can be read here. */
static Status refuse_payload(Call *call) {
    return buffer_append_i32(&call->fallback, call->record_count++) ? TAKEN : OUT_OF_MEMORY;
}

/* ---- the event: one pass, without an index */

typedef struct {
    const u8 *p, *end;
} Reader;

INLINE void skip_space(Reader *in) {
    while (in->p < in->end && (*in->p == ' ' || *in->p == '\n' || *in->p == '\t' || *in->p == '\r')) in->p++;
}

INLINE int take(Reader *in, u8 c) {
    if (LIKELY(in->p < in->end && *in->p == c)) {
        in->p++;
        return 1;
    }
    skip_space(in);
    if (in->p >= in->end || *in->p != c) return 0;
    in->p++;
    return 1;
}

/* A string of ASCII without escapes. */
INLINE int take_text(Reader *in, const u8 **start, size_t *size) {
    if (!take(in, '"')) return 0;
    *start = in->p;
    in->p = plain_end(in->p, in->end, 1);
    if (in->p >= in->end || *in->p != '"') return 0;
    *size = (size_t)(in->p - *start);
    in->p++;
    return 1;
}

/* Passes over a value; a number is told by its first and judged by all of its characters. */
static int pass_value(Reader *in, int depth) {
    const u8 *start, *end;
    size_t size;
    skip_space(in);
    if (in->p >= in->end || depth > EVENT_DEPTH_LIMIT) return 0;
    switch (*in->p) {
        case '"': return take_text(in, &start, &size);
        case '{':
            in->p++;
            if (take(in, '}')) return 1;
            do {
                if (!take_text(in, &start, &size) || !take(in, ':') || !pass_value(in, depth + 1)) return 0;
            } while (take(in, ','));
            return take(in, '}');
        case '[':
            in->p++;
            if (take(in, ']')) return 1;
            do {
                if (!pass_value(in, depth + 1)) return 0;
            } while (take(in, ','));
            return take(in, ']');
        default: { /* a copy that ends in white space, for it is read up to a delimiter */
            u8 copy[48];
            memset(copy, ' ', sizeof copy);
            for (size = 0; size < 40 && in->p + size < in->end && !IS_DELIMITER[in->p[size]]; size++) copy[size] = in->p[size];
            if (size == 40 || !read_scalar(copy, &end) || end != copy + size) return 0;
            in->p += size;
            return 1;
        }
    }
}

#define IS(text, size, literal) ((size) == sizeof(literal) - 1 && !memcmp(text, literal, sizeof(literal) - 1))

/* Reads the data of a record, from before its quote. FALLBACK: the event is unusual. */
static Status read_data(Call *call, Reader *in, const u8 *event) {
    const u8 *start;
    size_t size;
    if (!take(in, '"')) return FALLBACK;
    const i32 data_start = (i32)(in->p - 1 - event);
    const u8 *p = in->p;
    Status status = decode_base64(call->plan->simd, &p, in->end, &call->payload);
    if (status < 0) return status;
    if (status == TAKEN && p < in->end) {
        in->p = p + 1;
        status = read_payload(call);
    } else {
        in->p--;
        if (!take_text(in, &start, &size)) return FALLBACK;
        status = refuse_payload(call);
    }
    if (status != TAKEN) return status;
    if (!buffer_append_i32(&call->data_starts, data_start) || !buffer_append_i32(&call->data_ends, (i32)(in->p - event))) return OUT_OF_MEMORY;
    return TAKEN;
}

/* Reads a record whose bracket is passed. FALLBACK: the event is unusual. */
static Status read_event_record(Call *call, Reader *in, const u8 *event) {
    int id_count = 0, data_count = 0, arrival_count = 0;
    const u8 *name, *text;
    size_t name_size, size;
    do {
        if (!take_text(in, &name, &name_size) || !take(in, ':')) return FALLBACK;
        if (IS(name, name_size, "recordId")) {
            if (id_count++ || !take_text(in, &text, &size)) return FALLBACK;
            if (!buffer_append(&call->ids, text, size) || !buffer_append_i32(&call->id_ends, (i32)call->ids.size)) return OUT_OF_MEMORY;
        } else if (IS(name, name_size, "data") || IS(name, name_size, "kafkaRecordValue")) {
            if (data_count++) return FALLBACK;
            call->kafka_count += *name == 'k';
            const Status status = read_data(call, in, event);
            if (status != TAKEN) return status;
        } else if (call->plan->wants_arrival && IS(name, name_size, "approximateArrivalTimestamp")) {
            i64 arrival;
            skip_space(in);
            text = in->p;
            if (arrival_count++ || !pass_value(in, 2) || !parse_int64(text, in->p, &arrival)) return FALLBACK;
            if (!buffer_append_i64(&call->arrivals, arrival)) return OUT_OF_MEMORY;
        } else if (!pass_value(in, 2)) {
            return FALLBACK;
        }
    } while (take(in, ','));
    if (!take(in, '}') || !id_count || !data_count || arrival_count != call->plan->wants_arrival) return FALLBACK;
    return TAKEN;
}

typedef struct {
    const u8 *text;
    size_t size;
} Fact; /* a text of the event; NULL where there is none */

/* Reads an event of at most 2^30 bytes. FALLBACK: it is unusual. */
static Status read_event(Call *call, const u8 *event, size_t size, Fact *stream, Fact *invocation) {
    Reader in = {event, event + size};
    int records_count = 0, stream_count = 0, invocation_count = 0, is_of_msk = 0;
    const u8 *name;
    size_t name_size;
    if (!take(&in, '{')) return FALLBACK;
    do {
        if (!take_text(&in, &name, &name_size) || !take(&in, ':')) return FALLBACK;
        if (IS(name, name_size, "records")) {
            if (records_count++ || !take(&in, '[')) return FALLBACK;
            if (take(&in, ']')) continue;
            do {
                if (!take(&in, '{')) return FALLBACK;
                const Status status = read_event_record(call, &in, event);
                if (status != TAKEN) return status;
            } while (take(&in, ','));
            if (!take(&in, ']')) return FALLBACK;
        } else if (IS(name, name_size, "deliveryStreamArn")) {
            if (stream_count++ || !take_text(&in, &stream->text, &stream->size)) return FALLBACK;
        } else if (IS(name, name_size, "invocationId")) {
            if (invocation_count++ || !take_text(&in, &invocation->text, &invocation->size)) return FALLBACK;
        } else {
            is_of_msk |= IS(name, name_size, "sourceMSKArn");
            if (!pass_value(&in, 1)) return FALLBACK;
        }
    } while (take(&in, ','));
    if (!take(&in, '}') || !records_count) return FALLBACK;
    if (call->kafka_count ? call->kafka_count != call->record_count : is_of_msk) return FALLBACK; /* some called so, some not */
    skip_space(&in);
    return in.p == in.end ? TAKEN : FALLBACK;
}
#endif
