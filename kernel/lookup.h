/* Keys of a look-up: a hash table of texts that is made once, and rows asked of it.

   The hash is seeded, so that texts that meet in one place cannot be known beforehand; what a text finds is told by its
   bytes alone. */
#ifndef FASTXFORM_LOOKUP_H
#define FASTXFORM_LOOKUP_H
#include "arrow.h"

#define KEYS_LIMIT (1u << 28)

typedef struct {
    View keys;
    const i32 *ends;
    const u8 *text;
    u64 seed;
    u64 mask;
    u64 *slots; /* a part of the hash, and behind it the key, its first being 1; 0 where there is none */
} KeyTable;

INLINE u64 mixed(u64 one, u64 other) {
    const unsigned __int128 product = (unsigned __int128)one * other;
    return (u64)product ^ (u64)(product >> 64);
}

INLINE u64 bytes_of_8(const u8 *p) {
    u64 value;
    memcpy(&value, p, 8);
    return value;
}

INLINE u64 bytes_of_4(const u8 *p) {
    u32 value;
    memcpy(&value, p, 4);
    return value;
}

/* The hash of a text, of which no byte behind it is read. */
INLINE u64 hash_of(const u8 *p, u32 size, u64 seed) {
    u64 hash = seed ^ (size * 0x9e3779b97f4a7c15ULL), last = 0;
    for (; size > 8; p += 8, size -= 8) hash = mixed(hash ^ bytes_of_8(p), 0xd6e8feb86659fd93ULL);
    if (size >= 4) last = bytes_of_4(p) << 32 | bytes_of_4(p + size - 4);
    else if (size) last = (u64)p[0] << 16 | (u64)p[size / 2] << 8 | p[size - 1];
    return mixed(hash ^ last, 0xa0761d6478bd642fULL);
}

INLINE int is_valid_at(const u8 *validity, i64 at) { return !validity || validity[at >> 3] >> (at & 7) & 1; }

/* The place of a text: that of its key, or the empty one where its key would be. */
INLINE u64 *slot_of(const KeyTable *table, const u8 *p, u32 size) {
    const u64 hash = hash_of(p, size, table->seed), part = hash & 0xffffffff00000000ULL;
    for (u64 at = hash & table->mask;; at = (at + 1) & table->mask) {
        u64 *slot = &table->slots[at];
        if (!*slot) return slot;
        if ((*slot & 0xffffffff00000000ULL) != part) continue;
        const i32 *ends = table->ends + ((*slot & 0xffffffff) - 1);
        if ((u32)(ends[1] - ends[0]) == size && !memcmp(table->text + ends[0], p, size)) return slot;
    }
}

static void free_key_table(KeyTable *table) {
    if (!table) return;
    close_view(&table->keys);
    free(table->slots);
    free(table);
}

/* Makes the table of the keys that its view is of; 0 where there is no memory. A text that comes again is its first. */
static int fill_key_table(KeyTable *table) {
    const struct ArrowArray *array = table->keys.array;
    u64 size = 16;
    while (size < 2 * (u64)array->length) size *= 2; /* half of them are empty, so that every search ends */
    table->mask = size - 1;
    table->slots = calloc(size, sizeof(u64));
    if (!table->slots) return 0;
    if (!array->length) return 1;
    table->ends = view_int32(&table->keys);
    table->text = view_data(&table->keys, 2);
    const u8 *validity = view_validity(&table->keys);
    for (i64 i = 0; i < array->length; i++) {
        if (!is_valid_at(validity, array->offset + i)) continue;
        const u8 *p = table->text + table->ends[i];
        const u32 length = (u32)(table->ends[i + 1] - table->ends[i]);
        u64 *slot = slot_of(table, p, length);
        if (!*slot) *slot = (hash_of(p, length, table->seed) & 0xffffffff00000000ULL) | (u64)(i + 1);
    }
    return 1;
}

/* Notes the key of each text, and where there is one; returns how many have none. */
static i64 find_keys(const KeyTable *table, const View *asked, i32 *found, u8 *is_found) {
    const struct ArrowArray *array = asked->array;
    const u8 *validity = view_validity(asked), *text = view_data(asked, 2);
    i64 missing = 0;
    for (i64 i = 0; i < array->length; i++) {
        const i32 *ends = view_int32(asked) + i;
        u64 slot = 0;
        if (is_valid_at(validity, array->offset + i)) slot = *slot_of(table, text + ends[0], (u32)(ends[1] - ends[0]));
        found[i] = slot ? (i32)((slot & 0xffffffff) - 1) : 0;
        is_found[i >> 3] |= (u8)((slot != 0) << (i & 7));
        missing += !slot;
    }
    return missing;
}
#endif
