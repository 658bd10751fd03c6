/* The same arithmetic eight lanes at a time; the last few pixels go through the plain twin. */
#include "pixels.h"

#if defined(__x86_64__)

#include <immintrin.h>

static inline __m256i load(const void *p) {
    return _mm256_loadu_si256(p);
}

static inline void store(void *p, __m256i v) {
    _mm256_storeu_si256(p, v);
}

/* The alpha of two times two pixels in 16-bit lanes, in all four of their lanes. */
static inline __m256i alpha_of(__m256i words) {
    return _mm256_shufflehi_epi16(_mm256_shufflelo_epi16(words, 0xff), 0xff);
}

/* c * a / 255, rounded; alpha itself times 255 / 255. */
static inline __m256i times_alpha(__m256i words) {
    const __m256i a = _mm256_blend_epi16(alpha_of(words), _mm256_set1_epi16(255), 0x88);
    const __m256i t = _mm256_add_epi16(_mm256_mullo_epi16(words, a), _mm256_set1_epi16(128));
    return _mm256_srli_epi16(_mm256_add_epi16(t, _mm256_srli_epi16(t, 8)), 8);
}

static void premultiply(const uint8_t *src, uint8_t *dst, size_t n) {
    const __m256i zero = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const __m256i v = load(src + i * 4);
        store(dst + i * 4, _mm256_packus_epi16(times_alpha(_mm256_unpacklo_epi8(v, zero)),
                                               times_alpha(_mm256_unpackhi_epi8(v, zero))));
    }
    trii_pixels_plain.premultiply(src + i * 4, dst + i * 4, n - i);
}

/* Two pixels as floats that hold whole numbers. Quotients up to 256 lie further from the next whole number than a
 * division rounds, so cutting gives what whole numbers give; those above are 255 anyway. */
static inline __m256i over_alpha(__m256i ints) {
    const __m256i a = _mm256_shuffle_epi32(ints, 0xff);
    const __m256i numerator = _mm256_add_epi32(_mm256_mullo_epi32(ints, _mm256_set1_epi32(255)), _mm256_srli_epi32(a, 1));
    const __m256i quotient = _mm256_cvttps_epi32(_mm256_div_ps(_mm256_cvtepi32_ps(numerator), _mm256_cvtepi32_ps(a)));
    const __m256i held = _mm256_min_epi32(quotient, _mm256_set1_epi32(255));
    const __m256i is_zero = _mm256_cmpeq_epi32(a, _mm256_setzero_si256());
    return _mm256_blend_epi32(_mm256_andnot_si256(is_zero, held), a, 0x88);
}

static void unpremultiply(const uint8_t *src, uint8_t *dst, size_t n) {
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(src + i * 4));
        const __m256i low = over_alpha(_mm256_cvtepu8_epi32(v));
        const __m256i high = over_alpha(_mm256_cvtepu8_epi32(_mm_srli_si128(v, 8)));
        const __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(low, high), 0xd8);
        _mm_storeu_si128((__m128i *)(void *)(dst + i * 4),
                         _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
    }
    trii_pixels_plain.unpremultiply(src + i * 4, dst + i * 4, n - i);
}

static void premultiply_f32(const float *src, float *dst, size_t n) {
    size_t i = 0;
    for (; i + 2 <= n; i += 2) {
        const __m256 v = _mm256_loadu_ps(src + i * 4), a = _mm256_permute_ps(v, 0xff);
        _mm256_storeu_ps(dst + i * 4, _mm256_blend_ps(_mm256_mul_ps(v, a), v, 0x88));
    }
    trii_pixels_plain.premultiply_f32(src + i * 4, dst + i * 4, n - i);
}

static void unpremultiply_f32(const float *src, float *dst, size_t n) {
    size_t i = 0;
    for (; i + 2 <= n; i += 2) {
        const __m256 v = _mm256_loadu_ps(src + i * 4), a = _mm256_permute_ps(v, 0xff);
        const __m256 counts = _mm256_cmp_ps(a, _mm256_set1_ps(0x1p-16f), _CMP_GT_OQ);
        _mm256_storeu_ps(dst + i * 4, _mm256_blend_ps(_mm256_and_ps(_mm256_div_ps(v, a), counts), v, 0x88));
    }
    trii_pixels_plain.unpremultiply_f32(src + i * 4, dst + i * 4, n - i);
}

static void threshold(const float *src, float *dst, size_t n, float level, float gain) {
    const __m256 one = _mm256_set1_ps(1), at = _mm256_set1_ps(level);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const __m256 m = _mm256_loadu_ps(src + i);
        const __m256 ramp = _mm256_add_ps(_mm256_mul_ps(_mm256_sub_ps(m, at), _mm256_set1_ps(gain)), _mm256_set1_ps(0.5f));
        _mm256_storeu_ps(dst + i, gain == 0 ? _mm256_and_ps(_mm256_cmp_ps(m, at, _CMP_GE_OQ), one)
                                            : _mm256_min_ps(_mm256_max_ps(ramp, _mm256_setzero_ps()), one));
    }
    trii_pixels_plain.threshold(src + i, dst + i, n - i, level, gain);
}

/* Channel `shift / 8` of eight pixels. */
static inline __m256 channel(__m256i pixels, int shift) {
    return _mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srli_epi32(pixels, shift), _mm256_set1_epi32(255)));
}

static void extract(const uint8_t *src, float *dst, size_t n, const float weights[4]) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const __m256i v = load(src + i * 4);
        __m256 sum = _mm256_mul_ps(channel(v, 0), _mm256_set1_ps(weights[0]));
        for (int c = 1; c < 4; c++)
            sum = _mm256_add_ps(sum, _mm256_mul_ps(channel(v, 8 * c), _mm256_set1_ps(weights[c])));
        _mm256_storeu_ps(dst + i, _mm256_min_ps(sum, _mm256_set1_ps(1)));
    }
    trii_pixels_plain.extract(src + i * 4, dst + i, n - i, weights);
}

static inline __m256i row_of(const __m256 rgba[4], const float m[5]) {
    __m256 sum = _mm256_mul_ps(rgba[0], _mm256_set1_ps(m[0]));
    for (int c = 1; c < 4; c++)
        sum = _mm256_add_ps(sum, _mm256_mul_ps(rgba[c], _mm256_set1_ps(m[c])));
    sum = _mm256_add_ps(_mm256_add_ps(sum, _mm256_set1_ps(m[4])), _mm256_set1_ps(0.5f));
    return _mm256_cvttps_epi32(_mm256_min_ps(_mm256_max_ps(sum, _mm256_setzero_ps()), _mm256_set1_ps(255)));
}

static void colour_matrix(const uint8_t *src, uint8_t *dst, size_t n, const float m[20]) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const __m256i v = load(src + i * 4);
        const __m256 rgba[4] = {channel(v, 0), channel(v, 8), channel(v, 16), channel(v, 24)};
        const __m256i rg = _mm256_or_si256(row_of(rgba, m), _mm256_slli_epi32(row_of(rgba, m + 5), 8));
        const __m256i ba =
            _mm256_or_si256(_mm256_slli_epi32(row_of(rgba, m + 10), 16), _mm256_slli_epi32(row_of(rgba, m + 15), 24));
        store(dst + i * 4, _mm256_or_si256(rg, ba));
    }
    trii_pixels_plain.colour_matrix(src + i * 4, dst + i * 4, n - i, m);
}

const struct trii_pixel_kernels trii_pixels_avx2 = {
    .name = "AVX2",
    .premultiply = premultiply,
    .unpremultiply = unpremultiply,
    .premultiply_f32 = premultiply_f32,
    .unpremultiply_f32 = unpremultiply_f32,
    .threshold = threshold,
    .extract = extract,
    .colour_matrix = colour_matrix,
};

#endif
