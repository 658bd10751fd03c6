/* The same arithmetic eight numbers at a time; the last few go through the plain twin. */
#include "convert.h"

#if defined(__x86_64__)

#include "half.h"

#include <immintrin.h>

static void from_u8(const uint8_t *src, float *dst, size_t n) {
    const __m256 share = _mm256_set1_ps(1.0f / 255.0f);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)(src + i));
        _mm256_storeu_ps(dst + i, _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)), share));
    }
    trii_convert_plain.from_u8(src + i, dst + i, n - i);
}

/* What is not a number becomes the one that the plain twin makes of it. */
static inline __m256 one_nan(__m256 v) {
    const __m256 nan = _mm256_castsi256_ps(_mm256_set1_epi32((int)TRII_FLOAT_NAN));
    return _mm256_blendv_ps(v, nan, _mm256_cmp_ps(v, v, _CMP_UNORD_Q));
}

static void from_f16(const uint16_t *src, float *dst, size_t n) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(dst + i, one_nan(_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(src + i)))));
    trii_convert_plain.from_f16(src + i, dst + i, n - i);
}

static void to_u8(const float *src, uint8_t *dst, size_t n) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const __m256 v = _mm256_add_ps(_mm256_mul_ps(_mm256_loadu_ps(src + i), _mm256_set1_ps(255)), _mm256_set1_ps(0.5f));
        const __m256i ints =
            _mm256_cvttps_epi32(_mm256_min_ps(_mm256_max_ps(v, _mm256_setzero_ps()), _mm256_set1_ps(255)));
        const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(ints), _mm256_extracti128_si256(ints, 1));
        _mm_storel_epi64((__m128i *)(void *)(dst + i), _mm_packus_epi16(words, words));
    }
    trii_convert_plain.to_u8(src + i, dst + i, n - i);
}

static void to_f16(const float *src, uint16_t *dst, size_t n) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((__m128i *)(void *)(dst + i),
                         _mm256_cvtps_ph(one_nan(_mm256_loadu_ps(src + i)), _MM_FROUND_TO_NEAREST_INT));
    trii_convert_plain.to_f16(src + i, dst + i, n - i);
}

/* Four pixels of 12 bytes from a load of 16: the last pixels are left to the plain twin. */
static void add_alpha(const uint8_t *src, uint8_t *dst, size_t n) {
    const __m128i spread = _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1);
    const __m128i alpha = _mm_set1_epi32((int)0xff000000u);
    size_t i = 0;
    for (; i + 6 <= n; i += 4) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(src + i * 3));
        _mm_storeu_si128((__m128i *)(void *)(dst + i * 4), _mm_or_si128(_mm_shuffle_epi8(v, spread), alpha));
    }
    trii_convert_plain.add_alpha(src + i * 3, dst + i * 4, n - i);
}

/* A store of 16 bytes of which 12 are meant: the next one writes over the rest. */
static void drop_alpha(const uint8_t *src, uint8_t *dst, size_t n) {
    const __m128i joined = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
    size_t i = 0;
    for (; i + 6 <= n; i += 4) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(src + i * 4));
        _mm_storeu_si128((__m128i *)(void *)(dst + i * 3), _mm_shuffle_epi8(v, joined));
    }
    trii_convert_plain.drop_alpha(src + i * 4, dst + i * 3, n - i);
}

const struct trii_convert_kernels trii_convert_avx2 = {
    .name = "AVX2",
    .from_u8 = from_u8,
    .from_f16 = from_f16,
    .to_u8 = to_u8,
    .to_f16 = to_f16,
    .add_alpha = add_alpha,
    .drop_alpha = drop_alpha,
};

#endif
