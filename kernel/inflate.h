/* gzip of one member, unpacked only where nothing about it is in doubt: its bytes were counted and their CRC-32 is that of its
   trailer. A payload of several members, with a CRC of its header, broken or too large is left to zlib, which has the last word.

   A table is asked with the next bits of the input and says what they are: its entries hold how many bits a code and what
   follows it take (bits 0 to 7), those of the code alone (8 to 11), flags, and a literal, or the least length or distance (16
   to 30). Longer codes lead to a second table. Invariant: nothing is read beyond PADDING behind the input, nothing written
   beyond INFLATE_SLACK behind the size that the trailer promises, and that is at most the limit.

   Source: RFC 1951, RFC 1952; the layout of entries and three literals a turn are those of libdeflate. */
#ifndef FASTXFORM_INFLATE_H
#define FASTXFORM_INFLATE_H
#include "crc32.h"

#define LITERAL_BITS 10
#define LITERAL_ENTRIES 1334 /* `enough 288 10 15`, of zlib's examples */
#define DISTANCE_BITS 8
#define DISTANCE_ENTRIES 402 /* `enough 32 8 15` */
#define LENGTH_CODE_BITS 7
#define CODE_BITS_LIMIT 15
#define LITERAL_SYMBOLS 286
#define DISTANCE_SYMBOLS 30
#define INFLATE_SLACK 512    /* three literals, 258 bytes of a match, 32 of its last copy */
#define INFLATE_RATIO 1032   /* a byte of DEFLATE holds no more */

#define IS_LITERAL 0x80000000u
#define IS_UNUSUAL 0x8000u   /* one of the following */
#define IS_SECOND 0x4000u    /* bits 16 to 30 are the place of a second table, 8 to 11 its bits */
#define IS_END 0x2000u
#define IS_NO_CODE 0x1000u   /* with IS_SECOND off: no code of the block begins so */

typedef struct {
    u32 literals[LITERAL_ENTRIES], distances[DISTANCE_ENTRIES], lengths[1 << LENGTH_CODE_BITS];
    int literal_bits;            /* of the first table: no more than the longest code has */
    u8 has_fixed;                /* the tables are those of the fixed codes */
    u16 used[2][LITERAL_SYMBOLS + 2], sorted[LITERAL_SYMBOLS + 2]; /* symbols that have a code: literals, distances */
    u8 used_bits[2][LITERAL_SYMBOLS + 2];
    CrcTables crc;
} Inflater;

static Inflater *new_inflater(void) {
    Inflater *inflater = malloc(sizeof *inflater);
    if (!inflater) return NULL;
    inflater->has_fixed = 0;
    make_crc_tables(&inflater->crc);
    return inflater;
}

/* ---- the entries of symbols, without their codes */

static const u16 LENGTH_BASES[29] = {3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
static const u8 LENGTH_EXTRA[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};

INLINE u32 literal_entry(u32 symbol) {
    if (symbol < 256) return IS_LITERAL | symbol << 16;
    if (symbol == 256) return IS_UNUSUAL | IS_END;
    return symbol < LITERAL_SYMBOLS ? (u32)LENGTH_BASES[symbol - 257] << 16 | LENGTH_EXTRA[symbol - 257] : IS_UNUSUAL | IS_NO_CODE;
}

INLINE u32 distance_entry(u32 symbol) {
    if (symbol < 2) return (symbol + 1) << 16;
    const u32 extra = symbol / 2 - 1;
    return symbol < DISTANCE_SYMBOLS ? (((2 | (symbol & 1)) << extra) + 1) << 16 | extra : IS_UNUSUAL | IS_NO_CODE;
}

typedef enum { LITERAL_CODE, DISTANCE_CODE, LENGTH_CODE } CodeKind;

INLINE u32 entry_of(CodeKind kind, u32 symbol, u32 bits) {
    return (kind == LITERAL_CODE ? literal_entry(symbol) : kind == DISTANCE_CODE ? distance_entry(symbol) : symbol << 16) + (bits << 8) + bits;
}

/* Moves a code, whose first bit is its lowest, on to the next one of so many bits; it is not the last of them. */
INLINE u32 next_code(u32 code, u32 bits) {
    const u32 bit = 1u << (31 - __builtin_clz(code ^ ((1u << bits) - 1)));
    return (code & (bit - 1)) | bit;
}

/* Fills a table for the codes of symbols in ascending order, `counts` of which have so many bits; `table_bits` becomes those of
   the first table. 0: they are not a whole code, or zlib would refuse it. */
INLINE int build_table(u32 *table, u32 *table_bits, u32 first_bits, CodeKind kind, const u16 *symbols, const u8 *bits_of, u32 symbol_count, const u16 counts[CODE_BITS_LIMIT + 1], u16 *sorted) {
    u32 longest = CODE_BITS_LIMIT, space = 0, places[CODE_BITS_LIMIT + 2], bits = 1;
    while (longest && !counts[longest]) longest--;
    places[1] = 0;
    for (u32 i = 1; i <= longest; i++) {
        places[i + 1] = places[i] + counts[i];
        space = space * 2 + counts[i];
    }
    if (kind != LITERAL_CODE || longest > first_bits) *table_bits = first_bits;
    else *table_bits = longest;
    if (space != 1u << longest || !longest) {
        /* one code of one bit, or none: some compressors write it so where there is one distance, or none */
        if (kind != DISTANCE_CODE || symbol_count > 1 || longest > 1) return 0;
        const u32 only = symbol_count ? entry_of(kind, symbols[0], 1) : IS_UNUSUAL | IS_NO_CODE;
        for (u32 i = 0; i < 1u << first_bits; i++) table[i] = i & 1 ? IS_UNUSUAL | IS_NO_CODE : only;
        return 1;
    }
    for (u32 i = 0; i < symbol_count; i++) sorted[places[bits_of[i]]++] = symbols[i];
    u32 code = 0, count, end = 1; /* `end`: entries so far, which the longer codes find twice, four times and so on */
    for (;;) {
        if (bits > *table_bits) break;
        memcpy(table + end, table, end * sizeof *table);
        end *= 2;
        for (count = counts[bits]; count; count--) {
            table[code] = entry_of(kind, *sorted++, bits);
            if (code == end - 1) {
                for (; bits < *table_bits; bits++, end *= 2) memcpy(table + end, table, end * sizeof *table);
                return 1;
            }
            code = next_code(code, bits);
        }
        bits++;
    }
    const u32 mask = (1u << first_bits) - 1;
    u32 prefix = ~0u, start = 0;
    for (;; bits++)
        for (count = counts[bits]; count; count--) {
            if ((code & mask) != prefix) {
                prefix = code & mask;
                start = end;
                u32 second_bits = bits - first_bits, taken = count;
                while (taken < 1u << second_bits) taken = taken * 2 + counts[first_bits + ++second_bits];
                end = start + (1u << second_bits);
                table[prefix] = start << 16 | IS_UNUSUAL | IS_SECOND | second_bits << 8 | first_bits;
            }
            const u32 entry = entry_of(kind, *sorted++, bits - first_bits);
            for (u32 i = start + (code >> first_bits); i < end; i += 1u << (bits - first_bits)) table[i] = entry;
            if (code == (1u << bits) - 1) return 1;
            code = next_code(code, bits);
        }
}

/* ---- bits of the input, the lowest first */

typedef struct {
    const u8 *p;   /* what is not among `bits` yet */
    u64 bits;
    u32 count;     /* how many bits there are for certain */
} Bits;

/* At least 56 bits; what lies above `count` is the same as in the bytes that follow. */
INLINE void refill(Bits *in) {
    u64 more;
    memcpy(&more, in->p, 8);
    in->bits |= more << in->count;
    in->p += (63 - in->count) >> 3;
    in->count |= 56;
}

INLINE void skip(Bits *in, u32 count) {
    in->bits >>= count;
    in->count -= count;
}

INLINE u32 take_bits(Bits *in, u32 count) {
    const u32 value = (u32)in->bits & ((1u << count) - 1);
    skip(in, count);
    return value;
}

/* The value of an entry, with the bits that follow its code; `bits` begins with the code. */
INLINE u32 value_of(u32 entry, u64 bits) { return (entry >> 16) + (u32)((bits & ((1ULL << (entry & 63)) - 1)) >> (entry >> 8 & 15)); }

static const u8 LENGTH_CODE_ORDER[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};

/* Reads the codes of a block, behind its three bits. 0: it is broken. */
INLINE int read_codes(Inflater *t, Bits *in, const u8 *input_end) {
    refill(in);
    const u32 literal_count = 257 + take_bits(in, 5), distance_count = 1 + take_bits(in, 5), length_count = 4 + take_bits(in, 4);
    u16 counts[2][CODE_BITS_LIMIT + 1] = {{0}}, used[2] = {0};
    u8 bits_of[19] = {0}, used_bits[19];
    u32 table_bits;
    if (literal_count > LITERAL_SYMBOLS || distance_count > DISTANCE_SYMBOLS) return 0;
    for (u32 i = 0; i < length_count; i++) {
        if (in->count < 3) refill(in);
        bits_of[LENGTH_CODE_ORDER[i]] = (u8)take_bits(in, 3);
    }
    for (u16 i = 0; i < 19; i++) {
        if (!bits_of[i]) continue;
        counts[0][bits_of[i]]++;
        used_bits[used[0]] = bits_of[i];
        t->used[0][used[0]++] = i;
    }
    if (!build_table(t->lengths, &table_bits, LENGTH_CODE_BITS, LENGTH_CODE, t->used[0], used_bits, used[0], counts[0], t->sorted)) return 0;
    memset(counts[0], 0, sizeof counts[0]);
    used[0] = 0;
    const u32 all = literal_count + distance_count;
    u32 last = 16; /* no length yet */
    int has_end = 0;
    for (u32 i = 0; i < all;) {
        if (in->count < LENGTH_CODE_BITS + 7) {
            if (in->p > input_end + 8) return 0;
            refill(in);
        }
        const u32 entry = t->lengths[in->bits & ((1 << LENGTH_CODE_BITS) - 1)], symbol = entry >> 16;
        skip(in, entry & 255);
        u32 times = 1;
        if (symbol < 16) last = symbol;
        else if (symbol == 16) times = 3 + take_bits(in, 2);
        else if (symbol == 17) last = 0, times = 3 + take_bits(in, 3);
        else last = 0, times = 11 + take_bits(in, 7);
        if (last > 15 || times > all - i) return 0;
        if (!last) {
            i += times;
            continue;
        }
        for (; times; times--, i++) {
            const int is_distance = i >= literal_count;
            const u32 at = used[is_distance]++;
            t->used[is_distance][at] = (u16)(is_distance ? i - literal_count : i);
            t->used_bits[is_distance][at] = (u8)last;
            counts[is_distance][last]++;
            has_end |= i == 256;
        }
    }
    t->has_fixed = 0;
    u32 literal_bits;
    if (!has_end || !build_table(t->distances, &table_bits, DISTANCE_BITS, DISTANCE_CODE, t->used[1], t->used_bits[1], used[1], counts[1], t->sorted)) return 0;
    if (!build_table(t->literals, &literal_bits, LITERAL_BITS, LITERAL_CODE, t->used[0], t->used_bits[0], used[0], counts[0], t->sorted)) return 0;
    t->literal_bits = (int)literal_bits;
    return 1;
}

/* Makes the tables of the fixed codes. */
static int set_fixed_codes(Inflater *t) {
    u16 counts[2][CODE_BITS_LIMIT + 1] = {{[7] = 24, [8] = 152, [9] = 112}, {[5] = 32}};
    u32 literal_bits, distance_bits;
    if (t->has_fixed) return 1;
    for (u16 i = 0; i < 288; i++) {
        t->used[0][i] = t->used[1][i] = i;
        t->used_bits[0][i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
        t->used_bits[1][i] = 5;
    }
    t->has_fixed = build_table(t->literals, &literal_bits, LITERAL_BITS, LITERAL_CODE, t->used[0], t->used_bits[0], 288, counts[0], t->sorted)
        && build_table(t->distances, &distance_bits, DISTANCE_BITS, DISTANCE_CODE, t->used[1], t->used_bits[1], 32, counts[1], t->sorted);
    t->literal_bits = (int)literal_bits;
    return t->has_fixed;
}

/* Copies a match of 3 to 258 bytes, and up to 32 more. */
INLINE void copy_match(u8 *w, u32 distance, u32 length) {
    const u8 *from = w - distance, *const end = w + length;
    if (LIKELY(distance >= 16)) {
        do {
            u8 some[16];
            memcpy(some, from, 16);
            memcpy(w, some, 16);
            memcpy(some, from + 16, 16);
            memcpy(w + 16, some, 16);
            from += 32;
            w += 32;
        } while (w < end);
    } else if (distance == 1) {
        memset(w, *from, 16);
        if (length > 16) memset(w + 16, *from, length - 16);
    } else if (distance >= 8) {
        do {
            u64 some;
            memcpy(&some, from, 8);
            memcpy(w, &some, 8);
            from += 8;
            w += 8;
        } while (w < end);
    } else {
        do {
            u64 some;
            memcpy(&some, from, 8);
            memcpy(w, &some, 8);
            from += distance;
            w += distance;
        } while (w < end);
    }
}

/* Decodes a block whose codes are in the tables. NULL: it is broken, or too long; else where its output ends. */
INLINE u8 *inflate_codes(const Inflater *t, Bits *input, const u8 *input_end, const u8 *out, u8 *w, const u8 *out_end) {
    Bits in = *input;
    const u64 mask = (1ULL << t->literal_bits) - 1;
    const u32 *const literals = t->literals, *const distances = t->distances;
    refill(&in);
    u32 entry = literals[in.bits & mask];
    for (;;) {
        if (UNLIKELY(in.p > input_end + 8 || w > out_end)) return NULL;
        /* 56 bits: three literals, or two and a length; a distance may have to wait for more */
        u64 bits = in.bits;
        skip(&in, entry & 63);
        if (entry & IS_LITERAL) {
            *w++ = (u8)(entry >> 16);
            entry = literals[in.bits & mask];
            bits = in.bits;
            skip(&in, entry & 63);
            if (entry & IS_LITERAL) {
                *w++ = (u8)(entry >> 16);
                entry = literals[in.bits & mask];
                bits = in.bits;
                skip(&in, entry & 63);
                if (entry & IS_LITERAL) {
                    *w++ = (u8)(entry >> 16);
                    entry = literals[in.bits & mask];
                    refill(&in);
                    continue;
                }
            }
        }
        if (UNLIKELY(entry & IS_UNUSUAL)) {
            if (entry & IS_END) break;
            if (!(entry & IS_SECOND)) return NULL;
            entry = literals[(entry >> 16) + (in.bits & ((1u << (entry >> 8 & 15)) - 1))];
            bits = in.bits;
            skip(&in, entry & 63);
            if (entry & IS_LITERAL) {
                *w++ = (u8)(entry >> 16);
                entry = literals[in.bits & mask];
                refill(&in);
                continue;
            }
            if (UNLIKELY(entry & IS_UNUSUAL)) {
                if (entry & IS_END) break;
                return NULL;
            }
        }
        const u32 length = value_of(entry, bits);
        entry = distances[in.bits & ((1 << DISTANCE_BITS) - 1)];
        if (in.count < 40) refill(&in);
        if (UNLIKELY(entry & IS_UNUSUAL)) {
            if (!(entry & IS_SECOND)) return NULL;
            skip(&in, DISTANCE_BITS);
            entry = distances[(entry >> 16) + (in.bits & ((1u << (entry >> 8 & 15)) - 1))];
            if (UNLIKELY(entry & IS_UNUSUAL)) return NULL;
        }
        const u32 distance = value_of(entry, in.bits);
        skip(&in, entry & 63);
        if (UNLIKELY(distance > (size_t)(w - out))) return NULL;
        entry = literals[in.bits & mask];
        refill(&in);
        copy_match(w, distance, length);
        w += length;
    }
    *input = in;
    return w;
}

/* Unpacks blocks up to the last. 0: they are broken, or do not come to `size` bytes; else `input` is moved behind them. */
INLINE int inflate_blocks(Inflater *t, const u8 **input, const u8 *input_end, u8 *out, size_t size) {
    Bits in = {*input, 0, 0};
    u8 *w = out, *const out_end = out + size;
    u32 is_last;
    do {
        if (in.p > input_end + 8) return 0;
        refill(&in);
        is_last = take_bits(&in, 1);
        const u32 kind = take_bits(&in, 2);
        if (kind == 0) {
            u16 count, inverted;
            const u8 *p = in.p - (in.count >> 3);
            if (input_end - p < 4) return 0;
            memcpy(&count, p, 2);
            memcpy(&inverted, p + 2, 2);
            p += 4;
            if ((count ^ inverted) != 0xffff || input_end - p < count || out_end - w < count) return 0;
            memcpy(w, p, count);
            w += count;
            in = (Bits){p + count, 0, 0};
            continue;
        }
        if (kind == 3 || !(kind == 1 ? set_fixed_codes(t) : read_codes(t, &in, input_end))) return 0;
        w = inflate_codes(t, &in, input_end, out, w, out_end);
        if (!w || w > out_end) return 0;
    } while (!is_last);
    *input = in.p - (in.count >> 3);
    return w == out_end && *input <= input_end;
}

static int inflate_plain(Inflater *t, const u8 **input, const u8 *input_end, u8 *out, size_t size) { return inflate_blocks(t, input, input_end, out, size); }
#if HAS_X86
AVX2 static int inflate_avx2(Inflater *t, const u8 **input, const u8 *input_end, u8 *out, size_t size) { return inflate_blocks(t, input, input_end, out, size); }
#endif

/* ---- gzip */

/* Where the header of a member ends; NULL where it is broken, has a CRC of its own or is longer than the member. */
static const u8 *gzip_header_end(const u8 *p, const u8 *end) {
    if (end - p < 18 || p[0] != 0x1f || p[1] != 0x8b || p[2] != 8 || p[3] & 0xe2) return NULL;
    const int flags = p[3];
    p += 10;
    if (flags & 4) { /* extra members */
        if (end - p < 2) return NULL;
        const size_t size = p[0] | (size_t)p[1] << 8;
        if ((size_t)(end - p) < 2 + size) return NULL;
        p += 2 + size;
    }
    for (int flag = 8; flag <= 16; flag *= 2) { /* a name, a comment */
        if (!(flags & flag)) continue;
        p = memchr(p, 0, (size_t)(end - p));
        if (!p) return NULL;
        p++;
    }
    return p;
}

/* Unpacks a payload of one member into `out`, PADDING included; FALLBACK where it is not certain what zlib would say. */
static Status gunzip(const Simd *simd, Inflater *t, Buffer *packed, Buffer *out, size_t limit) {
    if (!buffer_reserve(packed, PADDING)) return OUT_OF_MEMORY;
    const u8 *const end = packed->data + packed->size, *p = gzip_header_end(packed->data, end);
    u32 crc, size;
    if (!p || end - p < 8) return FALLBACK;
    memset(packed->data + packed->size, 0, PADDING);
    memcpy(&crc, end - 8, 4);
    memcpy(&size, end - 4, 4);
    if (size > limit || size / INFLATE_RATIO > packed->size) return FALLBACK;
    out->size = 0;
    if (!buffer_reserve(out, size + INFLATE_SLACK + PADDING)) return OUT_OF_MEMORY;
    int is_good;
#if HAS_X86
    is_good = simd != &SIMD_SSE2 ? inflate_avx2(t, &p, end - 8, out->data, size) : inflate_plain(t, &p, end - 8, out->data, size);
#else
    is_good = inflate_plain(t, &p, end - 8, out->data, size);
#endif
    if (!is_good || p != end - 8 || crc32_of(simd, &t->crc, out->data, size) != crc) return FALLBACK;
    out->size = size;
    return TAKEN;
}
#endif
