/* What differs between processors: 64 bytes of JSON classified, the end of a string, base64 both ways.

   Classification may read up to 63 bytes behind a text (PADDING); everything else stays within the bounds it is given.
   Which code runs is a `const Simd *` that a plan carries: nothing here is written at run time. */
#ifndef FASTXFORM_SIMD_H
#define FASTXFORM_SIMD_H
#include "common.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#define HAS_X86 1
#elif defined(__aarch64__)
#include <arm_neon.h>
#define HAS_NEON 1
#else
#error "the kernel is for x86_64 and aarch64"
#endif

/* One block of 64 bytes, a bit a byte. `operator` may also hold control characters, which the walker tells from brackets. */
typedef struct {
    u64 quote, backslash, control, operator, space, high;
} Classes;

/* What the first pass over a text leaves for the walker. */
typedef struct {
    u32 *tokens;        /* offsets of brackets, colons, commas, both quotes of strings, first bytes of other scalars */
    u32 count;
    u8 has_space;       /* white space between tokens */
    u8 has_backslash;
    u8 is_bad;          /* not UTF-8, a bad escape, a control character in a string, or a string without end */
} Index;

#define WIDEST 2

typedef struct {
    const char *name;
    void (*index)(const u8 *text, size_t size, Index *found);
    size_t (*base64_decode)(const u8 **text, const u8 *end, u8 *out, size_t capacity);
    size_t (*base64_encode)(const u8 *bytes, size_t size, u8 *out);
} Simd;

/* ---- what every processor shares: escapes and UTF-8, looked at where a block has some */

INLINE int hex_digit(u8 c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The 16 bits of four hexadecimal digits; -1 where they are none. */
INLINE int hex_unit(const u8 *p) {
    int a = hex_digit(p[0]), b = hex_digit(p[1]), c = hex_digit(p[2]), d = hex_digit(p[3]);
    return (a | b | c | d) < 0 ? -1 : a << 12 | b << 8 | c << 4 | d;
}

/* What stands for a character behind a backslash; 0: it is no escape of one character. */
static const u8 ESCAPED[256] = {
    ['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = 8, ['f'] = 12, ['n'] = 10, ['r'] = 13, ['t'] = 9,
};

/* Checks the escapes that begin in a block; `low` is the offset of the low surrogate that a high one promised. */
static int escapes_are_good(const u8 *text, size_t block, u64 starts, size_t *low) {
    for (; starts; starts &= starts - 1) {
        size_t offset = block + (size_t)__builtin_ctzll(starts);
        const u8 *p = text + offset + 1;
        if (ESCAPED[*p]) continue;
        int unit = *p == 'u' ? hex_unit(p + 1) : -1;
        if (unit < 0) return 0;
        if (unit >= 0xdc00 && unit <= 0xdfff) {
            if (offset != *low) return 0;
        } else if (unit >= 0xd800 && unit <= 0xdbff) {
            if (p[5] != '\\' || p[6] != 'u') return 0;
            int next = hex_unit(p + 7);
            if (next < 0xdc00 || next > 0xdfff) return 0;
            *low = offset + 6;
        }
    }
    return 1;
}

/* Checks the sequences that begin in a block; `next` is the first byte that no sequence has taken yet. A sequence that the
   end of the text cuts off meets white space. */
static int utf8_is_good(const u8 *text, size_t block, u64 high, size_t *next) {
    size_t i = *next;
    if (i > block) {
        if (i - block >= 64) return 1;
        high &= ~0ULL << (i - block);
    }
    while (high) {
        i = block + (size_t)__builtin_ctzll(high);
        const u8 *p = text + i;
        u32 c = p[0];
        size_t length;
        if (c < 0xc2 || c > 0xf4) return 0;
        if ((p[1] & 0xc0) != 0x80) return 0;
        if (c < 0xe0) length = 2;
        else {
            u32 second = p[1];
            if ((p[2] & 0xc0) != 0x80) return 0;
            if (c < 0xf0) {
                if ((c == 0xe0 && second < 0xa0) || (c == 0xed && second > 0x9f)) return 0;
                length = 3;
            } else {
                if ((p[3] & 0xc0) != 0x80 || (c == 0xf0 && second < 0x90) || (c == 0xf4 && second > 0x8f)) return 0;
                length = 4;
            }
        }
        *next = i + length;
        size_t passed = i + length - block;
        if (passed >= 64) break;
        high &= ~0ULL << passed;
    }
    return 1;
}

/* ---- 64 bytes classified */

#if HAS_X86
#define SSE2_BITS(mask) ((u64)(u32)_mm_movemask_epi8(mask) << (16 * i))
INLINE Classes classify_sse2(const u8 *p) {
    Classes c = {0, 0, 0, 0, 0, 0};
    for (int i = 0; i < 4; i++) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(p + 16 * i));
        /* the square brackets become the curly ones */
        const __m128i folded = _mm_or_si128(v, _mm_set1_epi8(0x20));
        const __m128i bracket = _mm_or_si128(_mm_cmpeq_epi8(folded, _mm_set1_epi8('{')), _mm_cmpeq_epi8(folded, _mm_set1_epi8('}')));
        const __m128i between = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(',')), _mm_cmpeq_epi8(v, _mm_set1_epi8(':')));
        const __m128i line = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\n')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\r')));
        const __m128i blank = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(' ')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\t')));
        c.quote |= SSE2_BITS(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')));
        c.backslash |= SSE2_BITS(_mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
        c.control |= SSE2_BITS(_mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v));
        c.operator |= SSE2_BITS(_mm_or_si128(bracket, between));
        c.space |= SSE2_BITS(_mm_or_si128(line, blank));
        c.high |= SSE2_BITS(v);
    }
    return c;
}
#undef SSE2_BITS

#define AVX2 __attribute__((target("avx2,bmi,bmi2,pclmul,popcnt,lzcnt")))

/* A byte is looked up by its low nibble and compared with itself. Operators: ':' 3a, '{' 7b, ',' 2c, '}' 7d have four low
   nibbles, a to d; folded as above, '[' and ']' are among them. White space: ' ' 20, tab 09, line feed 0a, return 0d; where
   no character belongs to a nibble stands a byte of another nibble. */
AVX2 static inline Classes classify_avx2(const u8 *p) {
    const __m256i operators = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0));
    const __m256i spaces = _mm256_broadcastsi128_si256(_mm_setr_epi8(' ', 0, 0, 0, 0, 0, 0, 0, 0, '\t', '\n', 0, 0, '\r', 0, 0));
    const __m256i quote = _mm256_set1_epi8('"'), backslash = _mm256_set1_epi8('\\'), fold = _mm256_set1_epi8(0x20), last_control = _mm256_set1_epi8(0x1f);
    const __m256i a = _mm256_loadu_si256((const __m256i *)p), b = _mm256_loadu_si256((const __m256i *)(p + 32));
#define BITS(of_a, of_b) ((u64)(u32)_mm256_movemask_epi8(of_a) | (u64)(u32)_mm256_movemask_epi8(of_b) << 32)
    Classes c;
    c.quote = BITS(_mm256_cmpeq_epi8(a, quote), _mm256_cmpeq_epi8(b, quote));
    c.backslash = BITS(_mm256_cmpeq_epi8(a, backslash), _mm256_cmpeq_epi8(b, backslash));
    c.control = BITS(_mm256_cmpeq_epi8(_mm256_min_epu8(a, last_control), a), _mm256_cmpeq_epi8(_mm256_min_epu8(b, last_control), b));
    c.operator = BITS(_mm256_cmpeq_epi8(_mm256_shuffle_epi8(operators, a), _mm256_or_si256(a, fold)),
                      _mm256_cmpeq_epi8(_mm256_shuffle_epi8(operators, b), _mm256_or_si256(b, fold)));
    c.space = BITS(_mm256_cmpeq_epi8(_mm256_shuffle_epi8(spaces, a), a), _mm256_cmpeq_epi8(_mm256_shuffle_epi8(spaces, b), b));
    c.high = BITS(a, b);
#undef BITS
    return c;
}
#endif

#if HAS_X86
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,avx2,bmi,bmi2,pclmul,popcnt,lzcnt")))

/* As above, 64 bytes at once. */
AVX512 static inline Classes classify_avx512(const u8 *p) {
    const __m512i operators = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0));
    const __m512i spaces = _mm512_broadcast_i32x4(_mm_setr_epi8(' ', 0, 0, 0, 0, 0, 0, 0, 0, '\t', '\n', 0, 0, '\r', 0, 0));
    const __m512i v = _mm512_loadu_si512(p), folded = _mm512_or_si512(v, _mm512_set1_epi8(0x20));
    Classes c;
    c.quote = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('"'));
    c.backslash = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\\'));
    c.control = _mm512_cmplt_epu8_mask(v, _mm512_set1_epi8(0x20));
    c.operator = _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(operators, v), folded);
    c.space = _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(spaces, v), v);
    c.high = _mm512_movepi8_mask(v);
    return c;
}
#endif

#if HAS_NEON
/* A bit a byte of four masks of 16: each byte keeps the bit of its place, neighbours are added up. */
INLINE u64 neon_bits(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d) {
    const uint8x16_t place = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t low = vpaddq_u8(vandq_u8(a, place), vandq_u8(b, place)), high = vpaddq_u8(vandq_u8(c, place), vandq_u8(d, place));
    const uint8x16_t all = vpaddq_u8(low, high);
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(all, all)), 0);
}
INLINE Classes classify_neon(const u8 *p) {
    uint8x16_t quote[4], backslash[4], control[4], operator[4], space[4], high[4];
    for (int i = 0; i < 4; i++) {
        const uint8x16_t v = vld1q_u8(p + 16 * i), folded = vorrq_u8(v, vdupq_n_u8(0x20));
        const uint8x16_t bracket = vorrq_u8(vceqq_u8(folded, vdupq_n_u8('{')), vceqq_u8(folded, vdupq_n_u8('}')));
        const uint8x16_t between = vorrq_u8(vceqq_u8(v, vdupq_n_u8(',')), vceqq_u8(v, vdupq_n_u8(':')));
        const uint8x16_t line = vorrq_u8(vceqq_u8(v, vdupq_n_u8('\n')), vceqq_u8(v, vdupq_n_u8('\r')));
        const uint8x16_t blank = vorrq_u8(vceqq_u8(v, vdupq_n_u8(' ')), vceqq_u8(v, vdupq_n_u8('\t')));
        quote[i] = vceqq_u8(v, vdupq_n_u8('"'));
        backslash[i] = vceqq_u8(v, vdupq_n_u8('\\'));
        control[i] = vcleq_u8(v, vdupq_n_u8(0x1f));
        operator[i] = vorrq_u8(bracket, between);
        space[i] = vorrq_u8(line, blank);
        high[i] = vcgeq_u8(v, vdupq_n_u8(0x80));
    }
#define BITS(x) neon_bits(x[0], x[1], x[2], x[3])
    return (Classes){BITS(quote), BITS(backslash), BITS(control), BITS(operator), BITS(space), BITS(high)};
#undef BITS
}
#endif

/* ---- the first pass, once for each way to classify */

/* A bit is set where an odd number of bits is set at or below it: inside of quotes. */
INLINE u64 prefix_xor(u64 bits) {
    for (int shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
    return bits;
}

/* The lowest bit of a word; 63 where it has none. */
INLINE u32 lowest_bit(u64 bits) { return (u32)__builtin_ctzll(bits | 1ULL << 63); }

/* Writes the offsets of bits, and up to seven more. Mostly fewer than 16 of 64: in steps of 8, without a branch for each. */
#define WRITE_OFFSETS(name, attributes, lowest) \
    attributes void name(u32 *out, u32 block, u64 bits) { \
        do { \
            for (int i = 0; i < 8; i++) { \
                out[i] = block + (u32)lowest(bits); \
                bits &= bits - 1; \
            } \
            out += 8; \
        } while (UNLIKELY(bits)); \
    }
WRITE_OFFSETS(write_offsets, INLINE, lowest_bit)

#if HAS_X86
AVX2 static inline u64 prefix_xor_avx2(u64 bits) {
    return (u64)_mm_cvtsi128_si64(_mm_clmulepi64_si128(_mm_set_epi64x(0, (i64)bits), _mm_set1_epi8((char)0xff), 0));
}
WRITE_OFFSETS(write_offsets_avx2, AVX2 static inline, _tzcnt_u64)

/* As above: 16 offsets at once, and up to 15 more. */
AVX512 static inline void write_offsets_avx512(u32 *out, u32 block, u64 bits) {
    const __m512i places = _mm512_setr_epi64(0x0706050403020100, 0x0f0e0d0c0b0a0908, 0x1716151413121110, 0x1f1e1d1c1b1a1918, 0x2726252423222120, 0x2f2e2d2c2b2a2928, 0x3736353433323130, 0x3f3e3d3c3b3a3938);
    const __m512i start = _mm512_set1_epi32((int)block), found = _mm512_maskz_compress_epi8(bits, places);
    _mm512_storeu_si512(out, _mm512_add_epi32(start, _mm512_cvtepu8_epi32(_mm512_castsi512_si128(found))));
    const int count = __builtin_popcountll(bits);
    if (LIKELY(count <= 16)) return;
    _mm512_storeu_si512(out + 16, _mm512_add_epi32(start, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(found, 1))));
    if (LIKELY(count <= 32)) return;
    _mm512_storeu_si512(out + 32, _mm512_add_epi32(start, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(found, 2))));
    _mm512_storeu_si512(out + 48, _mm512_add_epi32(start, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(found, 3))));
}
#define INDEX_NAME index_sse2
#define INDEX_ATTRIBUTES
#define INDEX_CLASSIFY classify_sse2
#define INDEX_PREFIX_XOR prefix_xor
#define INDEX_WRITE write_offsets
#include "index_template.h"
#define INDEX_NAME index_avx2
#define INDEX_ATTRIBUTES AVX2
#define INDEX_CLASSIFY classify_avx2
#define INDEX_PREFIX_XOR prefix_xor_avx2
#define INDEX_WRITE write_offsets_avx2
#include "index_template.h"
#define INDEX_NAME index_avx512
#define INDEX_ATTRIBUTES AVX512
#define INDEX_CLASSIFY classify_avx512
#define INDEX_PREFIX_XOR prefix_xor_avx2
#define INDEX_WRITE write_offsets_avx512
#include "index_template.h"
#else
#define INDEX_NAME index_neon
#define INDEX_ATTRIBUTES
#define INDEX_CLASSIFY classify_neon
#define INDEX_PREFIX_XOR prefix_xor
#define INDEX_WRITE write_offsets
#include "index_template.h"
#endif

/* ---- strings: where the plain run that begins at `p` ends */

/* Up to the first quote, backslash or control character before `end`, and, with `stops_at_high`, byte from 0x80 on. */
INLINE const u8 *plain_end(const u8 *p, const u8 *end, int stops_at_high) {
#if HAS_X86
    for (; end - p >= 16; p += 16) {
        const __m128i v = _mm_loadu_si128((const __m128i *)p);
        const __m128i marked = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
        /* signed, bytes from 0x80 on are below 0x20 */
        const __m128i low = stops_at_high ? _mm_cmplt_epi8(v, _mm_set1_epi8(0x20)) : _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
        const int bits = _mm_movemask_epi8(_mm_or_si128(marked, low));
        if (bits) return p + __builtin_ctz((unsigned)bits);
    }
#else
    for (; end - p >= 16; p += 16) {
        const uint8x16_t v = vld1q_u8(p);
        const uint8x16_t marked = vorrq_u8(vceqq_u8(v, vdupq_n_u8('"')), vceqq_u8(v, vdupq_n_u8('\\')));
        const uint8x16_t low = stops_at_high ? vcltq_s8(vreinterpretq_s8_u8(v), vdupq_n_s8(0x20)) : vcltq_u8(v, vdupq_n_u8(0x20));
        const u64 bits = vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(vorrq_u8(marked, low)), 4)), 0);
        if (bits) return p + (__builtin_ctzll(bits) >> 2);
    }
#endif
    while (p < end && *p >= 0x20 && *p != '"' && *p != '\\' && !(stops_at_high && *p >= 0x80)) p++;
    return p;
}

/* ---- where a byte stands among 64, which may lie behind a text: a bit each */

INLINE u64 equal_bits(const u8 *p, u8 byte) {
#if HAS_X86
    u64 bits = 0;
    for (int i = 0; i < 4; i++) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(p + 16 * i));
        bits |= (u64)(u32)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8((char)byte))) << (16 * i);
    }
    return bits;
#else
    const uint8x16_t wanted = vdupq_n_u8(byte);
    return neon_bits(vceqq_u8(vld1q_u8(p), wanted), vceqq_u8(vld1q_u8(p + 16), wanted), vceqq_u8(vld1q_u8(p + 32), wanted), vceqq_u8(vld1q_u8(p + 48), wanted));
#endif
}

/* ---- base64 */

static const u8 BASE64[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The six bits of a character, and one more, so that 0 says that it is none. */
static const u8 BASE64_VALUE[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,  ['I'] = 9,  ['J'] = 10, ['K'] = 11,
    ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22,
    ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33,
    ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44,
    ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55,
    ['3'] = 56, ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

/* Decodes whole groups of four characters, as long as there are some and `capacity` bytes take them; moves `text` on. */
INLINE size_t base64_decode_groups(const u8 **text, const u8 *end, u8 *out, size_t done, size_t capacity) {
    const u8 *p = *text;
    for (; end - p >= 4 && capacity - done >= 3; p += 4, done += 3) {
        u32 a = BASE64_VALUE[p[0]], b = BASE64_VALUE[p[1]], c = BASE64_VALUE[p[2]], d = BASE64_VALUE[p[3]];
        if (!a || !b || !c || !d) break;
        u32 group = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);
        out[done] = (u8)(group >> 16);
        out[done + 1] = (u8)(group >> 8);
        out[done + 2] = (u8)group;
    }
    *text = p;
    return done;
}

INLINE size_t base64_encode_groups(const u8 *p, size_t size, u8 *out, size_t done) {
    for (; size >= 3; p += 3, size -= 3, done += 4) {
        out[done] = BASE64[p[0] >> 2];
        out[done + 1] = BASE64[(p[0] & 3) << 4 | p[1] >> 4];
        out[done + 2] = BASE64[(p[1] & 15) << 2 | p[2] >> 6];
        out[done + 3] = BASE64[p[2] & 63];
    }
    if (!size) return done;
    out[done] = BASE64[p[0] >> 2];
    out[done + 1] = BASE64[(p[0] & 3) << 4 | (size == 2 ? p[1] >> 4 : 0)];
    out[done + 2] = size == 2 ? BASE64[(p[1] & 15) << 2] : '=';
    out[done + 3] = '=';
    return done + 4;
}

/* Tables for 16 characters at once. Which are base64 is told by both nibbles: the high one names a group, a bit each (2x: 1,
   3x: 2, 4x and 6x: 4, 5x and 7x: 8, others: 16), the low one the groups in which it is no character: all but b and f of 2x,
   a to f of 3x, 0 of 4x and 6x, b to f of 5x and 7x, all of others. To the value leads a sum by the high nibble, less one for
   '/': '/' +16, '+' +19, digits +4, capitals -65, small letters -71. */
#define GROUPS 16, 16, 1, 2, 4, 8, 4, 8, 16, 16, 16, 16, 16, 16, 16, 16
#define NOT_IN_GROUPS 0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1a, 0x1b, 0x1b, 0x1b, 0x1a
#define TO_VALUE 0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0

#if HAS_X86
static size_t base64_decode_sse2(const u8 **text, const u8 *end, u8 *out, size_t capacity) {
    return base64_decode_groups(text, end, out, 0, capacity);
}
static size_t base64_encode_sse2(const u8 *bytes, size_t size, u8 *out) { return base64_encode_groups(bytes, size, out, 0); }

AVX2 static size_t base64_decode_avx2(const u8 **text, const u8 *end, u8 *out, size_t capacity) {
    const __m256i groups = _mm256_broadcastsi128_si256(_mm_setr_epi8(GROUPS));
    const __m256i not_in = _mm256_broadcastsi128_si256(_mm_setr_epi8(NOT_IN_GROUPS));
    const __m256i to_value = _mm256_broadcastsi128_si256(_mm_setr_epi8(TO_VALUE));
    const __m256i nibble = _mm256_set1_epi8(15), slash = _mm256_set1_epi8('/');
    /* the three bytes of each 32 bits, the last first; then the six groups of four bytes without their gaps */
    const __m256i bytes = _mm256_broadcastsi128_si256(_mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1));
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 7, 7);
    const u8 *p = *text;
    size_t done = 0;
    for (; end - p >= 32 && capacity - done >= 32; p += 32, done += 24) {
        __m256i v = _mm256_loadu_si256((const __m256i *)p);
        const __m256i high = _mm256_and_si256(_mm256_srli_epi32(v, 4), nibble), low = _mm256_and_si256(v, nibble);
        if (!_mm256_testz_si256(_mm256_shuffle_epi8(groups, high), _mm256_shuffle_epi8(not_in, low))) break;
        v = _mm256_add_epi8(v, _mm256_shuffle_epi8(to_value, _mm256_add_epi8(high, _mm256_cmpeq_epi8(v, slash))));
        /* two by two: first * 64 + second, then first * 4096 + second */
        v = _mm256_madd_epi16(_mm256_maddubs_epi16(v, _mm256_set1_epi32(0x01400140)), _mm256_set1_epi32(0x00011000));
        v = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(v, bytes), lanes);
        _mm256_storeu_si256((__m256i *)(out + done), v);
    }
    *text = p;
    return base64_decode_groups(text, end, out, done, capacity);
}

/* Twelve bytes of each half to sixteen characters. Of three bytes two words are made, b0b1 and b1b2, out of which a product
   with a power of two moves each group of six bits to its byte. To the character leads a sum: 0 to 25 +65, to 51 +71, digits
   -4, '+' -19, '/' -16; which of them is counted by what a value is above 51, and one more where it is above 25. */
#define TO_CHARACTER 65, 71, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -19, -16, 0, 0
AVX2 static size_t base64_encode_avx2(const u8 *bytes, size_t size, u8 *out) {
    const __m256i spread = _mm256_broadcastsi128_si256(_mm_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10));
    const __m256i to_character = _mm256_broadcastsi128_si256(_mm_setr_epi8(TO_CHARACTER));
    size_t done = 0;
    for (; size >= 16; ) {
        const int is_wide = size >= 28;
        const __m128i first = _mm_loadu_si128((const __m128i *)bytes);
        const __m128i second = is_wide ? _mm_loadu_si128((const __m128i *)(bytes + 12)) : first;
        __m256i v = _mm256_shuffle_epi8(_mm256_inserti128_si256(_mm256_castsi128_si256(first), second, 1), spread);
        const __m256i odd = _mm256_mulhi_epu16(_mm256_and_si256(v, _mm256_set1_epi32(0x0fc0fc00)), _mm256_set1_epi32(0x04000040));
        const __m256i even = _mm256_mullo_epi16(_mm256_and_si256(v, _mm256_set1_epi32(0x003f03f0)), _mm256_set1_epi32(0x01000010));
        v = _mm256_or_si256(odd, even);
        const __m256i which = _mm256_sub_epi8(_mm256_subs_epu8(v, _mm256_set1_epi8(51)), _mm256_cmpgt_epi8(v, _mm256_set1_epi8(25)));
        v = _mm256_add_epi8(v, _mm256_shuffle_epi8(to_character, which));
        if (is_wide) {
            _mm256_storeu_si256((__m256i *)(out + done), v);
            bytes += 24; size -= 24; done += 32;
        } else {
            _mm_storeu_si128((__m128i *)(out + done), _mm256_castsi256_si128(v));
            bytes += 12; size -= 12; done += 16;
        }
    }
    return base64_encode_groups(bytes, size, out, done);
}

/* 64 characters at once: a table of 128 bytes gives the value of each, with the highest bit where it is none. */
#define NONE 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80
#define CHARACTER_VALUES \
    NONE, NONE, NONE, NONE, NONE, 0x80, 0x80, 0x80, 62, 0x80, 0x80, 0x80, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, \
    0x80, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 0x80, 0x80, 0x80, 0x80, 0x80, \
    0x80, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 0x80, 0x80, 0x80, 0x80, 0x80
static const u8 VALUES_512[128] = {CHARACTER_VALUES};

/* Which bytes of 64 make the 48 of as many characters: three of four, the last first. */
#define THREE(i) 4 * (i) + 2, 4 * (i) + 1, 4 * (i)
#define TWELVE(i) THREE(i), THREE(i + 1), THREE(i + 2), THREE(i + 3)
static const u8 PACKED_512[64] = {TWELVE(0), TWELVE(4), TWELVE(8), TWELVE(12)};

AVX512 static size_t base64_decode_avx512(const u8 **text, const u8 *end, u8 *out, size_t capacity) {
    const __m512i low = _mm512_loadu_si512(VALUES_512), high = _mm512_loadu_si512(VALUES_512 + 64), packed = _mm512_loadu_si512(PACKED_512);
    const u8 *p = *text;
    size_t done = 0;
    for (; end - p >= 64 && capacity - done >= 64; p += 64, done += 48) {
        __m512i v = _mm512_loadu_si512(p);
        const __m512i values = _mm512_permutex2var_epi8(low, v, high);
        if (_mm512_movepi8_mask(_mm512_or_si512(values, v))) break;
        v = _mm512_madd_epi16(_mm512_maddubs_epi16(values, _mm512_set1_epi32(0x01400140)), _mm512_set1_epi32(0x00011000));
        _mm512_storeu_si512(out + done, _mm512_permutexvar_epi8(packed, v));
    }
    /* what is left is mostly shorter than 64: whole groups of four before the first byte that is none */
    const size_t left = (size_t)(end - p);
    if (left >= 4 && capacity - done >= 64) {
        const __mmask64 there = left >= 64 ? ~0ULL : (1ULL << left) - 1;
        const __m512i v = _mm512_maskz_loadu_epi8(there, p), values = _mm512_permutex2var_epi8(low, v, high);
        const u64 bad = _mm512_movepi8_mask(_mm512_or_si512(values, v)) | ~there;
        const size_t good = bad ? (size_t)__builtin_ctzll(bad) & ~(size_t)3 : 64;
        const __m512i words = _mm512_madd_epi16(_mm512_maddubs_epi16(values, _mm512_set1_epi32(0x01400140)), _mm512_set1_epi32(0x00011000));
        _mm512_storeu_si512(out + done, _mm512_permutexvar_epi8(packed, words));
        p += good;
        done += good / 4 * 3;
    }
    *text = p;
    return base64_decode_groups(text, end, out, done, capacity);
}

/* Which bytes of 48 make each four characters: the second, the first, the third, the second. */
#define FOUR(i) 3 * (i) + 1, 3 * (i), 3 * (i) + 2, 3 * (i) + 1
#define SIXTEEN(i) FOUR(i), FOUR(i + 1), FOUR(i + 2), FOUR(i + 3)
static const u8 SPREAD_512[64] = {SIXTEEN(0), SIXTEEN(4), SIXTEEN(8), SIXTEEN(12)};

AVX512 static size_t base64_encode_avx512(const u8 *bytes, size_t size, u8 *out) {
    const __m512i spread = _mm512_loadu_si512(SPREAD_512), alphabet = _mm512_loadu_si512(BASE64);
    const __m512i shifts = _mm512_set1_epi64(0x3036242a1016040a); /* of each eight bytes: 10, 4, 22, 16, and 32 more */
    size_t done = 0;
#define ENCODED(v) _mm512_permutexvar_epi8(_mm512_multishift_epi64_epi8(shifts, _mm512_permutexvar_epi8(spread, v)), alphabet)
    for (; size >= 64; bytes += 48, size -= 48, done += 64) _mm512_storeu_si512(out + done, ENCODED(_mm512_loadu_si512(bytes)));
    while (size >= 3) {
        const size_t groups = size >= 48 ? 16 : size / 3;
        const __m512i characters = ENCODED(_mm512_maskz_loadu_epi8((1ULL << groups * 3) - 1, bytes));
        _mm512_mask_storeu_epi8(out + done, groups == 16 ? ~0ULL : (1ULL << groups * 4) - 1, characters);
        bytes += groups * 3;
        size -= groups * 3;
        done += groups * 4;
    }
#undef ENCODED
    return base64_encode_groups(bytes, size, out, done);
}

static const Simd SIMD_SSE2 = {"sse2", index_sse2, base64_decode_sse2, base64_encode_sse2};
static const Simd SIMD_AVX2 = {"avx2", index_avx2, base64_decode_avx2, base64_encode_avx2};
static const Simd SIMD_AVX512 = {"avx512", index_avx512, base64_decode_avx512, base64_encode_avx512};

/* 0: SSE2; 1: AVX2 and what comes with it; 2: AVX-512 with its permutations of bytes. */
static int widest(void) {
    u32 a, b, c, d, low, high;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
    const u32 wanted = 1u << 1 | 1u << 23 | 1u << 27 | 1u << 28; /* pclmul, popcnt, osxsave, avx */
    if ((c & wanted) != wanted) return 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & 6) != 6 || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    const u32 wide = 1u << 3 | 1u << 5 | 1u << 8; /* bmi1, avx2, bmi2 */
    const u32 wider = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31, bytes = 1u << 1 | 1u << 6; /* avx512: f, dq, bw, vl; vbmi, vbmi2 */
    const int is_wider = (low & 0xe0) == 0xe0 && (b & wider) == wider && (c & bytes) == bytes;
    if ((b & wide) != wide || !__get_cpuid(0x80000001, &a, &b, &c, &d) || !(c >> 5 & 1)) return 0; /* lzcnt */
    return is_wider ? 2 : 1;
}

/* The widest code that this processor runs, up to `width`: 0 is the plain one. */
static const Simd *choose_simd(int width) {
    static const Simd *const all[] = {&SIMD_SSE2, &SIMD_AVX2, &SIMD_AVX512};
    const int own = widest();
    return all[width < own ? width : own];
}
#else

static size_t base64_decode_neon(const u8 **text, const u8 *end, u8 *out, size_t capacity) {
    const uint8x16_t groups = {GROUPS}, not_in = {NOT_IN_GROUPS};
    const int8x16_t to_value = {TO_VALUE};
    const u8 *p = *text;
    size_t done = 0;
    for (; end - p >= 64 && capacity - done >= 48; p += 64, done += 48) {
        uint8x16x4_t v = vld4q_u8(p);
        uint8x16_t wrong = vdupq_n_u8(0);
        for (int i = 0; i < 4; i++) {
            const uint8x16_t high = vshrq_n_u8(v.val[i], 4), low = vandq_u8(v.val[i], vdupq_n_u8(15));
            wrong = vorrq_u8(wrong, vandq_u8(vqtbl1q_u8(groups, high), vqtbl1q_u8(not_in, low)));
            const uint8x16_t slash = vceqq_u8(v.val[i], vdupq_n_u8('/'));
            v.val[i] = vaddq_u8(v.val[i], vqtbl1q_u8(vreinterpretq_u8_s8(to_value), vaddq_u8(high, slash)));
        }
        if (vmaxvq_u8(wrong)) break;
        uint8x16x3_t bytes;
        bytes.val[0] = vorrq_u8(vshlq_n_u8(v.val[0], 2), vshrq_n_u8(v.val[1], 4));
        bytes.val[1] = vorrq_u8(vshlq_n_u8(v.val[1], 4), vshrq_n_u8(v.val[2], 2));
        bytes.val[2] = vorrq_u8(vshlq_n_u8(v.val[2], 6), v.val[3]);
        vst3q_u8(out + done, bytes);
    }
    *text = p;
    return base64_decode_groups(text, end, out, done, capacity);
}

static size_t base64_encode_neon(const u8 *bytes, size_t size, u8 *out) {
    const uint8x16x4_t alphabet = {{vld1q_u8(BASE64), vld1q_u8(BASE64 + 16), vld1q_u8(BASE64 + 32), vld1q_u8(BASE64 + 48)}};
    size_t done = 0;
    for (; size >= 48; bytes += 48, size -= 48, done += 64) {
        const uint8x16x3_t v = vld3q_u8(bytes);
        const uint8x16_t mask = vdupq_n_u8(63);
        uint8x16x4_t characters;
        characters.val[0] = vqtbl4q_u8(alphabet, vshrq_n_u8(v.val[0], 2));
        characters.val[1] = vqtbl4q_u8(alphabet, vandq_u8(vorrq_u8(vshlq_n_u8(v.val[0], 4), vshrq_n_u8(v.val[1], 4)), mask));
        characters.val[2] = vqtbl4q_u8(alphabet, vandq_u8(vorrq_u8(vshlq_n_u8(v.val[1], 2), vshrq_n_u8(v.val[2], 6)), mask));
        characters.val[3] = vqtbl4q_u8(alphabet, vandq_u8(v.val[2], mask));
        vst4q_u8(out + done, characters);
    }
    return base64_encode_groups(bytes, size, out, done);
}

static const Simd SIMD_NEON = {"neon", index_neon, base64_decode_neon, base64_encode_neon};
static const Simd *choose_simd(int width) {
    (void)width;
    return &SIMD_NEON;
}
#endif
#endif
