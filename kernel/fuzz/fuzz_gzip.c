/* libFuzzer: the input as the DEFLATE of a gzip payload, with a trailer that is right for what a slow judge makes of it, as far as it
   comes. The plain and the wider code must take what the judge takes, with the same bytes, and nothing else. */
#undef NDEBUG
#include "../event.h"
#include <assert.h>

#define JUDGED_LIMIT (1u << 17)

/* ---- the judge: bit by bit, with the rules of zlib, and nothing of the kernel's */

typedef struct {
    const u8 *p;
    size_t bit, bits;     /* how many bits were read, how many there are */
    u8 out[JUDGED_LIMIT];
    size_t size;
    int is_broken;
} Unpacked;

static u32 judged_bits(Unpacked *j, int count) {
    u32 value = 0;
    for (int i = 0; i < count; i++) {
        if (j->bit >= j->bits) {
            j->is_broken = 1;
            return 0;
        }
        value |= (u32)(j->p[j->bit >> 3] >> (j->bit & 7) & 1) << i;
        j->bit++;
    }
    return value;
}

typedef struct {
    int counts[16], symbols[320], unused; /* `unused`: codes of the longest length that mean nothing */
} Code;

/* Makes a code; 0 where more codes are wanted than there are. */
static int make_code(Code *code, const u8 *bits_of, int count) {
    int at = 0;
    memset(code, 0, sizeof *code);
    for (int bits = 1; bits < 16; bits++)
        for (int symbol = 0; symbol < count; symbol++)
            if (bits_of[symbol] == bits) {
                code->symbols[at++] = symbol;
                code->counts[bits]++;
            }
    int left = 1;
    for (int bits = 1; bits < 16; bits++) {
        left = left * 2 - code->counts[bits];
        if (left < 0) return 0;
    }
    code->unused = left;
    return 1;
}

/* The next symbol; -1 where there is none. */
static int judged_symbol(Unpacked *j, const Code *code) {
    int value = 0, first = 0, at = 0;
    for (int bits = 1; bits < 16; bits++) {
        value |= (int)judged_bits(j, 1);
        if (j->is_broken) return -1;
        if (value - first < code->counts[bits]) return code->symbols[at + value - first];
        at += code->counts[bits];
        first = (first + code->counts[bits]) * 2;
        value *= 2;
    }
    j->is_broken = 1;
    return -1;
}

static int is_single(const Code *code) {
    int all = 0;
    for (int bits = 2; bits < 16; bits++) all += code->counts[bits];
    return !all && code->counts[1] < 2;
}

static void judge_codes(Unpacked *j, Code *literals, Code *distances) {
    static const u8 order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    const int literal_count = 257 + (int)judged_bits(j, 5), distance_count = 1 + (int)judged_bits(j, 5), count = 4 + (int)judged_bits(j, 4);
    u8 bits_of[320] = {0};
    Code lengths;
    for (int i = 0; i < count; i++) bits_of[order[i]] = (u8)judged_bits(j, 3);
    if (j->is_broken || literal_count > 286 || distance_count > 30 || !make_code(&lengths, bits_of, 19) || lengths.unused) {
        j->is_broken = 1;
        return;
    }
    memset(bits_of, 0, sizeof bits_of);
    for (int i = 0; i < literal_count + distance_count;) {
        const int symbol = judged_symbol(j, &lengths);
        if (j->is_broken) return;
        if (symbol < 16) {
            bits_of[i++] = (u8)symbol;
            continue;
        }
        const int times = symbol == 16 ? 3 + (int)judged_bits(j, 2) : symbol == 17 ? 3 + (int)judged_bits(j, 3) : 11 + (int)judged_bits(j, 7);
        if ((symbol == 16 && !i) || i + times > literal_count + distance_count) {
            j->is_broken = 1;
            return;
        }
        const u8 value = symbol == 16 ? bits_of[i - 1] : 0;
        for (int n = 0; n < times; n++) bits_of[i++] = value;
    }
    /* a literal code of a single bit would be zlib's too; the kernel leaves it alone, as nothing but an empty block has it */
    j->is_broken |= !bits_of[256] || !make_code(literals, bits_of, literal_count) || literals->unused;
    j->is_broken |= !make_code(distances, bits_of + literal_count, distance_count) || (distances->unused && !is_single(distances));
}

static void judge_block(Unpacked *j, const Code *literals, const Code *distances) {
    static const int bases[29] = {3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
    static const int extra[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
    static const int far_bases[30] = {1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
    static const int far_extra[30] = {0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13};
    for (;;) {
        const int symbol = judged_symbol(j, literals);
        if (j->is_broken || symbol == 256) return;
        int length = 1;
        size_t distance = 0;
        if (symbol > 256) {
            if (symbol > 285) break;
            length = bases[symbol - 257] + (int)judged_bits(j, extra[symbol - 257]);
            const int far = judged_symbol(j, distances);
            if (far < 0 || far > 29) break;
            distance = (size_t)(far_bases[far] + (int)judged_bits(j, far_extra[far]));
            if (j->is_broken || distance > j->size) break;
        }
        if (j->size + (size_t)length > JUDGED_LIMIT) break;
        for (; length; length--, j->size++) j->out[j->size] = symbol < 256 ? (u8)symbol : j->out[j->size - distance];
    }
    j->is_broken = 1;
}

static void judge_stream(Unpacked *j) {
    u8 fixed[288], far[32];
    int is_last = 0;
    for (int i = 0; i < 288; i++) fixed[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    memset(far, 5, sizeof far);
    while (!is_last && !j->is_broken) {
        Code literals, distances;
        is_last = (int)judged_bits(j, 1);
        const u32 kind = judged_bits(j, 2);
        if (j->is_broken) return;
        if (kind == 0) {
            j->bit = (j->bit + 7) & ~(size_t)7;
            const u32 size = judged_bits(j, 16), inverted = judged_bits(j, 16);
            if (j->is_broken || (size ^ inverted) != 0xffff || j->bits - j->bit < size * 8 || j->size + size > JUDGED_LIMIT) {
                j->is_broken = 1;
                return;
            }
            memcpy(j->out + j->size, j->p + (j->bit >> 3), size);
            j->size += size;
            j->bit += size * 8;
        } else if (kind == 3) {
            j->is_broken = 1;
        } else {
            if (kind == 2) judge_codes(j, &literals, &distances);
            else j->is_broken = !make_code(&literals, fixed, 288) || !make_code(&distances, far, 32);
            if (!j->is_broken) judge_block(j, &literals, &distances);
        }
    }
}

static u32 judged_crc(const u8 *p, size_t size) {
    u32 crc = ~0u;
    for (size_t i = 0; i < size; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

/* ---- the target */

int LLVMFuzzerTestOneInput(const u8 *data, size_t size) {
    Unpacked *judged = malloc(sizeof *judged);
    Inflater *inflater = new_inflater();
    assert(judged && inflater);
    judged->p = data;
    judged->bit = judged->size = 0;
    judged->bits = size * 8;
    judged->is_broken = 0;
    judge_stream(judged);
    const int is_whole = !judged->is_broken && (judged->bit + 7) / 8 == size;
    const u32 crc = judged_crc(judged->out, judged->size), count = (u32)judged->size;
    for (int width = 0; width <= WIDEST; width++) {
        Buffer packed = {0}, out = {0};
        assert(buffer_append(&packed, "\x1f\x8b\x08\0\0\0\0\0\0\xff", 10) && buffer_append(&packed, data, size) && buffer_append(&packed, &crc, 4) && buffer_append(&packed, &count, 4));
        const Status status = gunzip(choose_simd(width), inflater, &packed, &out, JUDGED_LIMIT);
        assert((status == TAKEN) == is_whole);
        if (is_whole) assert(out.size == judged->size && !memcmp(out.data, judged->out, out.size));
        if (is_whole && count) { /* less than there is, by the trailer or by the limit */
            assert(gunzip(choose_simd(width), inflater, &packed, &out, count - 1) == FALLBACK);
            packed.data[packed.size - 4] ^= 1;
            assert(gunzip(choose_simd(width), inflater, &packed, &out, JUDGED_LIMIT) == FALLBACK);
        }
        buffer_free(&packed);
        buffer_free(&out);
    }
    free(judged);
    free(inflater);
    return 0;
}
