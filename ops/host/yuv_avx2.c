/* The same arithmetic eight pixels at a time, two rows together; the last few columns go through the plain twin. */
#include "yuv.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

static inline __m256 channel(__m256i pixels, int shift) {
    return _mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srli_epi32(pixels, shift), _mm256_set1_epi32(255)));
}

/* The low bytes of eight 32-bit lanes. */
static inline __m128i bytes_of(__m256i v) {
    const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    return _mm_packus_epi16(words, words);
}

static inline void store_8(uint8_t *to, __m128i bytes) {
    _mm_storel_epi64((__m128i *)(void *)to, bytes);
}

static inline void store_4(uint8_t *to, __m128i bytes) {
    const int32_t word = _mm_cvtsi128_si32(bytes);
    memcpy(to, &word, sizeof word); /* not payload: a store of new values */
}

/* ---- RGBA to planes ---- */

static inline void luma(__m256i pixels, const float m[4], uint8_t *to) {
    const __m256 r = _mm256_mul_ps(channel(pixels, 0), _mm256_set1_ps(m[0]));
    const __m256 g = _mm256_mul_ps(channel(pixels, 8), _mm256_set1_ps(m[1]));
    const __m256 b = _mm256_mul_ps(channel(pixels, 16), _mm256_set1_ps(m[2]));
    const __m256 sum = _mm256_add_ps(_mm256_add_ps(_mm256_add_ps(r, g), b), _mm256_set1_ps(m[3]));
    store_8(to, bytes_of(_mm256_cvttps_epi32(_mm256_min_ps(sum, _mm256_set1_ps(255)))));
}

/* Sums of two by two pixels, each channel in 16 bits, a pixel in each 64-bit lane. */
static inline __m256i sums(__m256i above, __m256i below) {
    const __m256i zero = _mm256_setzero_si256();
    const __m256i low = _mm256_add_epi16(_mm256_unpacklo_epi8(above, zero), _mm256_unpacklo_epi8(below, zero));
    const __m256i high = _mm256_add_epi16(_mm256_unpackhi_epi8(above, zero), _mm256_unpackhi_epi8(below, zero));
    return _mm256_add_epi16(_mm256_unpacklo_epi64(low, high), _mm256_unpackhi_epi64(low, high));
}

static inline __m128i mixed(const __m128 rgb[3], const float m[4]) {
    const __m128 r = _mm_mul_ps(rgb[0], _mm_set1_ps(m[0])), g = _mm_mul_ps(rgb[1], _mm_set1_ps(m[1]));
    const __m128 sum = _mm_add_ps(_mm_add_ps(_mm_add_ps(r, g), _mm_mul_ps(rgb[2], _mm_set1_ps(m[2]))), _mm_set1_ps(m[3]));
    const __m128i words = _mm_cvttps_epi32(_mm_min_ps(sum, _mm_set1_ps(255)));
    return _mm_packus_epi16(_mm_packus_epi32(words, words), words);
}

static inline void chroma(__m256i above, __m256i below, const struct trii_to_yuv *n, uint8_t *u, uint8_t *v, size_t step) {
    const __m256i apart = _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7);
    const __m256i s = _mm256_permutevar8x32_epi32(sums(above, below), apart);
    const __m128i rg = _mm256_castsi256_si128(s), ba = _mm256_extracti128_si256(s, 1), low = _mm_set1_epi32(0xffff);
    const __m128 quarter = _mm_set1_ps(0.25f);
    const __m128 rgb[3] = {_mm_mul_ps(_mm_cvtepi32_ps(_mm_and_si128(rg, low)), quarter),
                           _mm_mul_ps(_mm_cvtepi32_ps(_mm_srli_epi32(rg, 16)), quarter),
                           _mm_mul_ps(_mm_cvtepi32_ps(_mm_and_si128(ba, low)), quarter)};
    const __m128i us = mixed(rgb, n->u), vs = mixed(rgb, n->v);
    if (step == 2) {
        store_8(u, _mm_unpacklo_epi8(us, vs));
        return;
    }
    store_4(u, us);
    store_4(v, vs);
}

static void to(const uint8_t *rgba, struct trii_size size, const struct trii_planes *planes,
               const struct trii_to_yuv *numbers) {
    const size_t width = size.width, fast = width / 8 * 8;
    for (size_t pair = 0; pair < size.height / 2; pair++) {
        const struct trii_planes rows = trii_planes_at(planes, pair);
        const uint8_t *src = rgba + pair * 2 * width * 4;
        for (size_t x = 0; x < fast; x += 8) {
            const __m256i above = _mm256_loadu_si256((const __m256i *)(const void *)(src + x * 4));
            const __m256i below = _mm256_loadu_si256((const __m256i *)(const void *)(src + (width + x) * 4));
            luma(above, numbers->y, rows.y + x);
            luma(below, numbers->y, rows.y + width + x);
            chroma(above, below, numbers, rows.u + x / 2 * rows.step, rows.v + x / 2 * rows.step, rows.step);
        }
        trii_yuv_to_rows(src, width, fast, &rows, numbers);
    }
}

/* ---- planes to RGBA ---- */

/* u v u v u v u v of four chroma samples, as bytes. */
static inline __m128i pairs(const uint8_t *u, const uint8_t *v, size_t step) {
    int32_t us, vs;
    if (step == 2)
        return _mm_loadl_epi64((const __m128i *)(const void *)u);
    memcpy(&us, u, sizeof us); /* not payload: an unaligned load */
    memcpy(&vs, v, sizeof vs); /* not payload: an unaligned load */
    return _mm_unpacklo_epi8(_mm_cvtsi32_si128(us), _mm_cvtsi32_si128(vs));
}

static inline __m256i held(__m256 v) {
    const __m256 rounded = _mm256_add_ps(v, _mm256_set1_ps(0.5f));
    return _mm256_cvttps_epi32(_mm256_min_ps(_mm256_max_ps(rounded, _mm256_setzero_ps()), _mm256_set1_ps(255)));
}

/* What chroma adds to eight pixels of either row. */
struct tint {
    __m256 red, green_u, green_v, blue;
};

static inline struct tint tint_of(__m128i uv, const struct trii_from_yuv *n) {
    const __m256 both = _mm256_sub_ps(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(uv)), _mm256_set1_ps(128));
    const __m256 u = _mm256_permute_ps(both, 0xa0), v = _mm256_permute_ps(both, 0xf5);
    return (struct tint){_mm256_mul_ps(_mm256_set1_ps(n->red_v), v), _mm256_mul_ps(_mm256_set1_ps(n->green_u), u),
                         _mm256_mul_ps(_mm256_set1_ps(n->green_v), v), _mm256_mul_ps(_mm256_set1_ps(n->blue_u), u)};
}

static inline void row(const uint8_t *luma, const struct tint *t, const struct trii_from_yuv *n, uint8_t *rgba) {
    const __m256i bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)luma));
    const __m256 y = _mm256_mul_ps(_mm256_sub_ps(_mm256_cvtepi32_ps(bytes), _mm256_set1_ps(n->offset)),
                                   _mm256_set1_ps(n->gain));
    const __m256i r = held(_mm256_add_ps(y, t->red));
    const __m256i g = held(_mm256_add_ps(_mm256_add_ps(y, t->green_u), t->green_v));
    const __m256i b = held(_mm256_add_ps(y, t->blue));
    const __m256i rg = _mm256_or_si256(r, _mm256_slli_epi32(g, 8));
    const __m256i ba = _mm256_or_si256(_mm256_slli_epi32(b, 16), _mm256_set1_epi32((int)0xff000000u));
    _mm256_storeu_si256((__m256i *)(void *)rgba, _mm256_or_si256(rg, ba));
}

static void from(const struct trii_planes *planes, struct trii_size size, uint8_t *rgba,
                 const struct trii_from_yuv *numbers) {
    const size_t width = size.width, fast = width / 8 * 8;
    for (size_t pair = 0; pair * 2 < size.height; pair++) {
        const size_t count = trii_rows_of(size, pair);
        const struct trii_planes rows = trii_planes_at(planes, pair);
        uint8_t *dst = rgba + pair * 2 * width * 4;
        for (size_t x = 0; x < fast; x += 8) {
            const struct tint t =
                tint_of(pairs(rows.u + x / 2 * rows.step, rows.v + x / 2 * rows.step, rows.step), numbers);
            row(rows.y + x, &t, numbers, dst + x * 4);
            if (count == 2)
                row(rows.y + rows.width + x, &t, numbers, dst + (width + x) * 4);
        }
        trii_yuv_from_rows(&rows, width, count, fast, dst, numbers);
    }
}

const struct trii_yuv_kernels trii_yuv_avx2 = {.name = "AVX2", .to = to, .from = from};

#endif
