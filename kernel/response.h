/* The response of an invocation: its exact size first, and then its bytes. */
#ifndef FASTXFORM_RESPONSE_H
#define FASTXFORM_RESPONSE_H
#include "simd.h"

enum { DROPPED = 0, OK = 1, FAILED = 2 };

typedef struct {
    const u8 *data;      /* of OK: the row, not yet base64 */
    const u8 *metadata;  /* JSON, or NULL */
    u32 data_size, metadata_size;
    u8 result;
} Answer;

#define HEAD "{\"records\":["
#define TAIL "]}"
#define ENTRY_HEAD "{\"recordId\":\""
#define ENTRY_OK "\",\"result\":\"Ok\",\"data\":\""
#define ENTRY_OK_KAFKA "\",\"result\":\"Ok\",\"kafkaRecordValue\":\""
#define ENTRY_METADATA "\",\"metadata\":"
#define ENTRY_TAIL "\"}"
#define ENTRY_DROPPED "\",\"result\":\"Dropped\"}"
#define ENTRY_FAILED "\",\"result\":\"ProcessingFailed\"}"
#define SIZE_OF(literal) (sizeof(literal) - 1)

/* The bytes of the response: compact JSON; `is_kafka` says what data is called. */
static u64 response_size(const Answer *answers, i64 count, const i32 *id_ends, int is_kafka) {
    const size_t ok_size = is_kafka ? SIZE_OF(ENTRY_OK_KAFKA) : SIZE_OF(ENTRY_OK);
    u64 size = SIZE_OF(HEAD) + SIZE_OF(TAIL) + (count ? (u64)count - 1 : 0);
    for (i64 i = 0; i < count; i++) {
        const Answer *answer = &answers[i];
        size += SIZE_OF(ENTRY_HEAD) + (u64)(id_ends[i + 1] - id_ends[i]);
        if (answer->result == DROPPED) size += SIZE_OF(ENTRY_DROPPED);
        else if (answer->result == FAILED) size += SIZE_OF(ENTRY_FAILED);
        else size += ok_size + ((u64)answer->data_size + 2) / 3 * 4 + (answer->metadata ? SIZE_OF(ENTRY_METADATA) + answer->metadata_size + 1 : SIZE_OF(ENTRY_TAIL));
    }
    return size;
}

INLINE u8 *put(u8 *w, const void *bytes, size_t size) {
    memcpy(w, bytes, size);
    return w + size;
}
#define PUT(w, literal) put(w, literal, SIZE_OF(literal))

/* Writes the response into as many bytes as `response_size` counted; returns where it ends. */
static u8 *write_response(const Simd *simd, const Answer *answers, i64 count, const u8 *ids, const i32 *id_ends, int is_kafka, u8 *w) {
    w = PUT(w, HEAD);
    for (i64 i = 0; i < count; i++) {
        const Answer *answer = &answers[i];
        if (i) *w++ = ',';
        w = PUT(w, ENTRY_HEAD);
        w = put(w, ids + id_ends[i], (size_t)(id_ends[i + 1] - id_ends[i]));
        if (answer->result == DROPPED) {
            w = PUT(w, ENTRY_DROPPED);
            continue;
        }
        if (answer->result == FAILED) {
            w = PUT(w, ENTRY_FAILED);
            continue;
        }
        w = is_kafka ? PUT(w, ENTRY_OK_KAFKA) : PUT(w, ENTRY_OK);
        w += simd->base64_encode(answer->data, answer->data_size, w);
        if (!answer->metadata) {
            w = PUT(w, ENTRY_TAIL);
            continue;
        }
        w = PUT(w, ENTRY_METADATA);
        w = put(w, answer->metadata, answer->metadata_size);
        *w++ = '}';
    }
    return PUT(w, TAIL);
}
#endif
