/* CRC-32 as gzip counts it: by carry-less multiplication where the processor has it, by its own
   instruction on arm64, else by eight tables.

   Source: Intel, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", 2009; RFC 1952, section 8. */
#ifndef FASTXFORM_CRC32_H
#define FASTXFORM_CRC32_H
#include "simd.h"

#if HAS_NEON
#include <arm_acle.h>
#include <sys/auxv.h>
#endif

typedef struct {
    u32 of_byte[8][256]; /* the CRC of a byte behind which so many zeros stand */
} CrcTables;

static void make_crc_tables(CrcTables *tables) {
    for (u32 i = 0; i < 256; i++) {
        u32 crc = i;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
        tables->of_byte[0][i] = crc;
    }
    for (int zeros = 1; zeros < 8; zeros++)
        for (u32 i = 0; i < 256; i++) {
            const u32 before = tables->of_byte[zeros - 1][i];
            tables->of_byte[zeros][i] = before >> 8 ^ tables->of_byte[0][before & 255];
        }
}

/* The CRC register after some bytes more. */
static u32 crc32_by_tables(const CrcTables *tables, u32 crc, const u8 *p, size_t size) {
    const u32(*t)[256] = tables->of_byte;
    for (; size >= 8; p += 8, size -= 8) {
        u64 eight;
        memcpy(&eight, p, 8);
        eight ^= crc;
        crc = 0;
        for (int i = 0; i < 8; i++) crc ^= t[7 - i][eight >> 8 * i & 255];
    }
    for (; size; size--) crc = crc >> 8 ^ t[0][(crc ^ *p++) & 255];
    return crc;
}

#if HAS_X86
/* x^(512 + 64), x^512 and so on modulo the polynomial, reflected: what moves a half of 16 bytes behind 64, or 16, more. */
#define FOLD_64 0x1c6e41596, 0x154442bd4
#define FOLD_16 0x0ccaa009e, 0x1751997d0

AVX2 static inline __m128i fold(__m128i sum, __m128i by, __m128i next) {
    const __m128i halves = _mm_xor_si128(_mm_clmulepi64_si128(sum, by, 0x00), _mm_clmulepi64_si128(sum, by, 0x11));
    return _mm_xor_si128(halves, next);
}

AVX2 static u32 crc32_avx2(const CrcTables *tables, u32 crc, const u8 *p, size_t size) {
    if (size < 64) return crc32_by_tables(tables, crc, p, size);
    const __m128i by_64 = _mm_set_epi64x(FOLD_64), by_16 = _mm_set_epi64x(FOLD_16);
    const __m128i *v = (const __m128i *)p;
    __m128i a = _mm_xor_si128(_mm_loadu_si128(v), _mm_cvtsi32_si128((int)crc)), b = _mm_loadu_si128(v + 1), c = _mm_loadu_si128(v + 2), d = _mm_loadu_si128(v + 3);
    for (v += 4, size -= 64; size >= 64; v += 4, size -= 64) {
        a = fold(a, by_64, _mm_loadu_si128(v));
        b = fold(b, by_64, _mm_loadu_si128(v + 1));
        c = fold(c, by_64, _mm_loadu_si128(v + 2));
        d = fold(d, by_64, _mm_loadu_si128(v + 3));
    }
    a = fold(fold(fold(a, by_16, b), by_16, c), by_16, d);
    for (; size >= 16; v++, size -= 16) a = fold(a, by_16, _mm_loadu_si128(v));
    u8 folded[16];
    _mm_storeu_si128((__m128i *)folded, a);
    return crc32_by_tables(tables, crc32_by_tables(tables, 0, folded, 16), (const u8 *)v, size);
}
#endif

#if HAS_NEON
__attribute__((target("+crc"))) static u32 crc32_instruction(u32 crc, const u8 *p, size_t size) {
    for (; size >= 8; p += 8, size -= 8) {
        u64 eight;
        memcpy(&eight, p, 8);
        crc = __crc32d(crc, eight);
    }
    for (; size; size--) crc = __crc32b(crc, *p++);
    return crc;
}
#endif

/* The CRC-32 of bytes. */
static u32 crc32_of(const Simd *simd, const CrcTables *tables, const u8 *bytes, size_t size) {
#if HAS_X86
    if (simd != &SIMD_SSE2) return ~crc32_avx2(tables, ~0u, bytes, size);
#else
    (void)simd;
    if (getauxval(AT_HWCAP) & 1u << 7) return ~crc32_instruction(~0u, bytes, size); /* HWCAP_CRC32 */
#endif
    return ~crc32_by_tables(tables, ~0u, bytes, size);
}
#endif
