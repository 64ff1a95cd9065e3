/* Integer types, hints for the compiler, and memory that grows. */
#ifndef FASTXFORM_COMMON_H
#define FASTXFORM_COMMON_H
#define _GNU_SOURCE /* memmem, memrchr */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t i32;
typedef int64_t i64;

#define INLINE static inline __attribute__((always_inline))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* So many bytes behind every text may be read; the first 64 of them are white space. */
#define PADDING 128

/* What reading a record came to; what is below 0 ends the whole call. */
typedef enum {
    PYTHON_ERROR = -2,  /* a Python exception is set */
    OUT_OF_MEMORY = -1,
    FALLBACK = 0,       /* unusual: the engine answers the record */
    TAKEN = 1,
} Status;

typedef struct {
    u8 *data;
    size_t size, capacity;
} Buffer;

static int buffer_grow(Buffer *buffer, size_t more) {
    if (more > SIZE_MAX / 4 - buffer->size) return 0;
    size_t needed = buffer->size + more, capacity = buffer->capacity < 512 ? 1024 : buffer->capacity * 2;
    if (capacity < needed) capacity = needed;
    u8 *data = realloc(buffer->data, capacity);
    if (!data) return 0;
    buffer->data = data;
    buffer->capacity = capacity;
    return 1;
}

/* Makes room for `more` bytes behind those that are there; 0 where there is no memory. */
INLINE int buffer_reserve(Buffer *buffer, size_t more) {
    return LIKELY(buffer->capacity - buffer->size >= more) || buffer_grow(buffer, more);
}

INLINE int buffer_append(Buffer *buffer, const void *bytes, size_t count) {
    if (!buffer_reserve(buffer, count)) return 0;
    if (count) memcpy(buffer->data + buffer->size, bytes, count);
    buffer->size += count;
    return 1;
}

INLINE int buffer_append_i32(Buffer *buffer, i32 value) { return buffer_append(buffer, &value, sizeof value); }
INLINE int buffer_append_i64(Buffer *buffer, i64 value) { return buffer_append(buffer, &value, sizeof value); }

static void buffer_free(Buffer *buffer) {
    free(buffer->data);
    *buffer = (Buffer){NULL, 0, 0};
}

/* Takes the memory out of a buffer; NULL only where there is none to be had. */
static u8 *buffer_release(Buffer *buffer) {
    u8 *data = buffer->data ? buffer->data : malloc(64);
    *buffer = (Buffer){NULL, 0, 0};
    return data;
}
#endif
