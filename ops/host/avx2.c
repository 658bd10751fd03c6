/*
 * The same arithmetic eight lanes at a time. Built with -mavx2 (not FMA: contraction would change
 * results) and entered only where the processor has it. Each function keeps the order of steps of
 * its plain twin, so both agree to the bit.
 */
#include "kernels.h"

#if defined(__x86_64__)

#include "taps.h"

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

/* Scratch of a resize: one entry an output column. */
struct column {
    uint32_t lower, upper; /* byte offsets in a row */
    float weight;
    uint32_t unused;
};

static void columns_of(struct column *columns, uint32_t in, uint32_t out) {
    const float scale = (float)in / (float)out;
    for (uint32_t x = 0; x < out; x++) {
        const struct trii_tap t = trii_tap_of(x, in, scale);
        columns[x] = (struct column){.lower = t.lower * 4, .upper = t.upper * 4, .weight = t.weight};
    }
}

/* The pixels at two byte offsets, as eight floats. */
static inline __m256 two_pixels(const uint8_t *row, uint32_t first, uint32_t second) {
    int32_t a, b;
    memcpy(&a, row + first, sizeof a);  /* not payload: an unaligned load */
    memcpy(&b, row + second, sizeof b); /* not payload: an unaligned load */
    const __m128i bytes = _mm_unpacklo_epi32(_mm_cvtsi32_si128(a), _mm_cvtsi32_si128(b));
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
}

static inline __m256 lerp8(__m256 a, __m256 b, __m256 t) {
    return _mm256_add_ps(a, _mm256_mul_ps(_mm256_sub_ps(b, a), t));
}

static inline uint64_t to_bytes(__m256 v) {
    const __m256i i = _mm256_cvttps_epi32(v);
    const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(i), _mm256_extracti128_si256(i, 1));
    return (uint64_t)_mm_cvtsi128_si64(_mm_packus_epi16(words, words));
}

static void resize_bilinear(const uint8_t *src, struct trii_size in, uint8_t *dst, struct trii_size out,
                            size_t pitch, struct trii_rows rows, void *scratch) {
    struct column *columns = scratch;
    const float sy = (float)in.height / (float)out.height;
    columns_of(columns, in.width, out.width);
    columns[out.width] = columns[out.width - 1]; /* an odd width computes one pixel that is not stored */
    dst += rows.begin * pitch;
    for (uint32_t y = rows.begin; y < rows.end; y++, dst += pitch - (size_t)out.width * 4) {
        const struct trii_tap v = trii_tap_of(y, in.height, sy);
        const uint8_t *above = src + (size_t)v.lower * in.width * 4, *below = src + (size_t)v.upper * in.width * 4;
        const __m256 ty = _mm256_set1_ps(v.weight), half = _mm256_set1_ps(0.5f);
        for (uint32_t x = 0; x < out.width; x += 2, dst += 8) {
            const struct column *p = &columns[x], *q = p + 1;
            const __m256 tx = _mm256_set_m128(_mm_set1_ps(q->weight), _mm_set1_ps(p->weight));
            const __m256 top = lerp8(two_pixels(above, p->lower, q->lower), two_pixels(above, p->upper, q->upper), tx);
            const __m256 bottom =
                lerp8(two_pixels(below, p->lower, q->lower), two_pixels(below, p->upper, q->upper), tx);
            const uint64_t pixels = to_bytes(_mm256_add_ps(lerp8(top, bottom, ty), half));
            memcpy(dst, &pixels, x + 1 < out.width ? 8 : 4); /* not payload: a store of new values */
        }
        if (out.width & 1)
            dst -= 4;
    }
}

static inline __m128 pixel_of(const uint8_t *p) {
    int32_t word;
    memcpy(&word, p, sizeof word); /* not payload: an unaligned load */
    return _mm_cvtepi32_ps(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(word)));
}

/*
 * Area. Scratch: the sums along y of a row of the source, four floats a pixel, then what each output column takes of them.
 * Rows that are covered whole are added as 16-bit numbers, which is exact; a span of more rows than that holds goes to the
 * plain twin.
 */
#define WHOLE_ROWS 256u

struct stretch {
    uint32_t begin, end; /* pixels */
    float first, last;   /* what is covered of them; those between are covered whole */
};

static inline __m256 eight_bytes(const uint8_t *p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p)));
}

/* Bytes x ... x + 15 of the rows of a span. */
static inline void sum_sixteen(const uint8_t *src, size_t pitch, const struct trii_span *rows, __m256 first, __m256 last,
                               float *to) {
    const uint8_t *top = src + rows->begin * pitch, *bottom = src + (rows->end - 1) * pitch;
    __m256i whole = _mm256_setzero_si256();
    for (const uint8_t *p = top + pitch; p < bottom; p += pitch)
        whole = _mm256_add_epi16(whole, _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)p)));
    __m256 low = _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(_mm256_castsi256_si128(whole)));
    __m256 high = _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(_mm256_extracti128_si256(whole, 1)));
    low = _mm256_add_ps(_mm256_mul_ps(eight_bytes(top), first), low);
    high = _mm256_add_ps(_mm256_mul_ps(eight_bytes(top + 8), first), high);
    if (bottom != top) {
        low = _mm256_add_ps(low, _mm256_mul_ps(eight_bytes(bottom), last));
        high = _mm256_add_ps(high, _mm256_mul_ps(eight_bytes(bottom + 8), last));
    }
    _mm256_storeu_ps(to, low);
    _mm256_storeu_ps(to + 8, high);
}

static void sum_rows(const uint8_t *src, size_t pitch, const struct trii_span *rows, float *to) {
    const __m256 first = _mm256_set1_ps(trii_covered(rows, rows->begin));
    const __m256 last = _mm256_set1_ps(trii_covered(rows, rows->end - 1));
    size_t x = 0;
    for (; x + 16 <= pitch; x += 16)
        sum_sixteen(src + x, pitch, rows, first, last, to + x);
    for (; x < pitch; x++)
        to[x] = trii_column(src + x, pitch, rows);
}

static inline int32_t mean_of(const float *sums, const struct stretch *s, __m128 share) {
    const float *p = sums + (size_t)s->begin * 4, *last = sums + ((size_t)s->end - 1) * 4;
    __m128 sum = _mm_mul_ps(_mm_loadu_ps(p), _mm_set1_ps(s->first));
    for (const float *q = p + 4; q < last; q += 4)
        sum = _mm_add_ps(sum, _mm_loadu_ps(q));
    if (last != p)
        sum = _mm_add_ps(sum, _mm_mul_ps(_mm_loadu_ps(last), _mm_set1_ps(s->last)));
    const __m128 mean = _mm_add_ps(_mm_mul_ps(sum, share), _mm_set1_ps(0.5f));
    const __m128i v = _mm_cvttps_epi32(_mm_min_ps(mean, _mm_set1_ps(255.0f))), words = _mm_packus_epi32(v, v);
    return _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
}

static void resize_area(const uint8_t *src, struct trii_size in, uint8_t *dst, struct trii_size out, size_t pitch,
                        struct trii_rows rows, void *scratch) {
    const float sx = (float)in.width / (float)out.width, sy = (float)in.height / (float)out.height;
    const __m128 share = _mm_set1_ps(1.0f / (sx * sy));
    float *sums = scratch;
    struct stretch *columns = (struct stretch *)(void *)(sums + (size_t)in.width * 4);
    for (uint32_t x = 0; x < out.width; x++) {
        const struct trii_span s = trii_span_of(x, in.width, sx);
        columns[x] = (struct stretch){s.begin, s.end, trii_covered(&s, s.begin), trii_covered(&s, s.end - 1)};
    }
    for (uint32_t y = rows.begin; y < rows.end; y++) {
        const struct trii_span down = trii_span_of(y, in.height, sy);
        if (down.end - down.begin > WHOLE_ROWS) {
            trii_kernels_plain.resize_area(src, in, dst, out, pitch, (struct trii_rows){y, y + 1}, scratch);
            continue;
        }
        sum_rows(src, (size_t)in.width * 4, &down, sums);
        for (uint32_t x = 0; x < out.width; x++) {
            const int32_t pixel = mean_of(sums, &columns[x], share);
            memcpy(dst + y * pitch + (size_t)x * 4, &pixel, sizeof pixel); /* not payload: a store of new values */
        }
    }
}

static void resize_nearest(const uint8_t *src, struct trii_size in, uint8_t *dst, struct trii_size out, size_t pitch,
                           struct trii_rows rows, void *scratch) {
    uint32_t *columns = scratch; /* bytes from the row's start */
    const float sx = (float)in.width / (float)out.width, sy = (float)in.height / (float)out.height;
    for (uint32_t x = 0; x < out.width; x++)
        columns[x] = trii_nearest_of(x, in.width, sx) * 4;
    dst += rows.begin * pitch;
    for (uint32_t y = rows.begin; y < rows.end; y++, dst += pitch) {
        const uint8_t *row = src + (size_t)trii_nearest_of(y, in.height, sy) * in.width * 4;
        uint32_t x = 0;
        for (; x + 8 <= out.width; x += 8)
            _mm256_storeu_si256((__m256i *)(void *)(dst + (size_t)x * 4),
                                _mm256_i32gather_epi32((const int *)(const void *)row,
                                                       _mm256_loadu_si256((const __m256i *)(const void *)(columns + x)), 1));
        for (; x < out.width; x++)
            memcpy(dst + (size_t)x * 4, row + columns[x], 4); /* not payload: a pixel of the result */
    }
}

/* `floats` has the row's pixels as four floats each. */
static void weigh_row(const uint8_t *row, uint32_t in, uint32_t out, const struct trii_weights *w, float *floats,
                      float *to) {
    for (uint32_t x = 0; x < in; x++)
        _mm_storeu_ps(floats + (size_t)x * 4, pixel_of(row + (size_t)x * 4));
    for (uint32_t x = 0; x < out; x++) {
        const float *p = floats + (size_t)w->spans[2 * (size_t)x] * 4, *weights = w->values + (size_t)x * w->taps;
        __m128 sum = _mm_setzero_ps();
        for (uint32_t k = 0; k < w->spans[2 * (size_t)x + 1]; k++)
            sum = _mm_add_ps(sum, _mm_mul_ps(_mm_loadu_ps(p + (size_t)k * 4), _mm_set1_ps(weights[k])));
        _mm_storeu_ps(to + (size_t)x * 4, sum);
    }
}

static void resize_weighted(const uint8_t *src, struct trii_size in, uint8_t *dst, struct trii_size out, size_t pitch,
                            const struct trii_weights *across, const struct trii_weights *down, struct trii_rows rows,
                            float *scratch) {
    const size_t row = (size_t)out.width * 4;
    float *floats = scratch + down->taps * row;
    uint32_t ready = 0;
    dst += rows.begin * pitch;
    for (uint32_t y = rows.begin; y < rows.end; y++, dst += pitch) {
        const uint32_t begin = down->spans[2 * (size_t)y], count = down->spans[2 * (size_t)y + 1];
        const float *weights = down->values + (size_t)y * down->taps;
        for (ready = ready < begin ? begin : ready; ready < begin + count; ready++)
            weigh_row(src + (size_t)ready * in.width * 4, in.width, out.width, across, floats,
                      scratch + ready % down->taps * row);
        for (size_t i = 0; i < row; i += 8) { /* rows are whole pixels: the last four may stand alone */
            const bool alone = i + 8 > row;
            __m256 sum = _mm256_setzero_ps();
            for (uint32_t k = 0; k < count; k++) {
                const float *p = scratch + (begin + k) % down->taps * row + i;
                const __m256 v = alone ? _mm256_castps128_ps256(_mm_loadu_ps(p)) : _mm256_loadu_ps(p);
                sum = _mm256_add_ps(sum, _mm256_mul_ps(v, _mm256_set1_ps(weights[k])));
            }
            const __m256 rounded = _mm256_add_ps(sum, _mm256_set1_ps(0.5f));
            const uint64_t pixels = to_bytes(
                _mm256_min_ps(_mm256_max_ps(rounded, _mm256_setzero_ps()), _mm256_set1_ps(255.0f)));
            memcpy(dst + i, &pixels, alone ? 4 : 8); /* not payload: a store of new values */
        }
    }
}

/*
 * Scratch of apply_mask: a vertically blended mask row (two floats longer than the mask, the last value repeated, so
 * that "upper neighbour" is always the next one), then for each block of eight pixels where its texels begin, and for
 * each pixel its texel within the block and its weight. Enlarging, eight pixels span at most nine texels: two unaligned
 * loads and two permutations instead of gathers.
 */
struct mask_tables {
    float *row;       /* size.width + 16 */
    uint32_t *begin;  /* a block */
    int32_t *texel;   /* a pixel */
    float *weight;    /* a pixel */
};

static size_t round_up_8(size_t n) {
    return (n + 7) & ~(size_t)7;
}

static struct mask_tables tables_in(void *scratch, struct trii_size image, struct trii_size size) {
    struct mask_tables t;
    t.row = scratch;
    t.weight = t.row + round_up_8(size.width) + 16;
    t.texel = (int32_t *)(void *)(t.weight + round_up_8(image.width));
    t.begin = (uint32_t *)(void *)(t.texel + round_up_8(image.width));
    return t;
}

/* False when eight pixels span more than eight texels: when the mask is wider than the image, or by rounding when both
 * are very wide. */
static bool fill_tables(struct mask_tables t, struct trii_size image, struct trii_size size) {
    const float scale = (float)size.width / (float)image.width;
    const uint32_t padded = (uint32_t)round_up_8(image.width);
    for (uint32_t x = 0; x < padded; x++) {
        const struct trii_tap tap = trii_tap_of(x < image.width ? x : image.width - 1, size.width, scale);
        if (x % 8 == 0)
            t.begin[x / 8] = tap.lower;
        t.texel[x] = (int32_t)(tap.lower - t.begin[x / 8]);
        t.weight[x] = tap.weight;
        if (t.texel[x] > 7)
            return false;
    }
    return true;
}

static void blend_rows(float *row, const float *mask, struct trii_size size, const struct trii_tap *v) {
    const float *above = mask + (size_t)v->lower * size.width, *below = mask + (size_t)v->upper * size.width;
    for (uint32_t x = 0; x < size.width; x++)
        row[x] = trii_lerp(above[x], below[x], v->weight);
    for (uint32_t x = size.width; x < size.width + 16; x++)
        row[x] = row[size.width - 1];
}

/* Eight pixels with their alpha multiplied by the mask. */
static inline __m256i mask_eight(__m256i pixels, struct mask_tables t, uint32_t x) {
    const float *texels = t.row + t.begin[x / 8];
    const __m256i index = _mm256_loadu_si256((const __m256i *)(const void *)(t.texel + x));
    const __m256 left = _mm256_permutevar8x32_ps(_mm256_loadu_ps(texels), index);
    const __m256 right = _mm256_permutevar8x32_ps(_mm256_loadu_ps(texels + 1), index);
    __m256 m = lerp8(left, right, _mm256_loadu_ps(t.weight + x));
    m = _mm256_min_ps(_mm256_max_ps(m, _mm256_setzero_ps()), _mm256_set1_ps(1.0f));
    const __m256 alpha = _mm256_cvtepi32_ps(_mm256_srli_epi32(pixels, 24));
    const __m256i a = _mm256_cvttps_epi32(_mm256_add_ps(_mm256_mul_ps(alpha, m), _mm256_set1_ps(0.5f)));
    return _mm256_or_si256(_mm256_and_si256(pixels, _mm256_set1_epi32(0xffffff)), _mm256_slli_epi32(a, 24));
}

static void apply_mask(const uint8_t *src, struct trii_size image, const float *mask, struct trii_size size,
                       uint8_t *dst, struct trii_rows rows, void *scratch) {
    const struct mask_tables t = tables_in(scratch, image, size); /* no pointer to it escapes: it stays in registers */
    const float sy = (float)size.height / (float)image.height;
    if (!fill_tables(t, image, size)) {
        trii_kernels_plain.apply_mask(src, image, mask, size, dst, rows, scratch);
        return;
    }
    for (uint32_t y = rows.begin; y < rows.end; y++) {
        const struct trii_tap v = trii_tap_of(y, size.height, sy);
        const uint8_t *from = src + (size_t)y * image.width * 4;
        uint8_t *to = dst + (size_t)y * image.width * 4;
        uint32_t x = 0;
        blend_rows(t.row, mask, size, &v);
        for (; x + 8 <= image.width; x += 8)
            _mm256_storeu_si256((__m256i *)(void *)(to + (size_t)x * 4),
                                mask_eight(_mm256_loadu_si256((const __m256i *)(const void *)(from + (size_t)x * 4)), t, x));
        if (x < image.width) {
            uint32_t tail[8] = {0};
            const size_t bytes = (size_t)(image.width - x) * 4;
            memcpy(tail, from + (size_t)x * 4, bytes); /* not payload: the last few pixels pass through a register */
            const __m256i done = mask_eight(_mm256_loadu_si256((const __m256i *)(const void *)tail), t, x);
            _mm256_storeu_si256((__m256i *)(void *)tail, done);
            memcpy(to + (size_t)x * 4, tail, bytes); /* not payload: a store of new values */
        }
    }
}

/* Eight factors 0 ... 256, one a pixel. */
static inline __m256i factors(__m256 dx, __m256 dy2, __m256 k) {
    const __m256 r2 = _mm256_add_ps(_mm256_mul_ps(dx, dx), dy2);
    const __m256 f = _mm256_sub_ps(_mm256_set1_ps(256.0f), _mm256_mul_ps(k, r2));
    return _mm256_cvttps_epi32(_mm256_max_ps(f, _mm256_setzero_ps()));
}

/* Eight pixels times their factors; alpha times 256 / 256. A product of at most 255 * 256 fits 16 bits. */
static inline __m256i darken(__m256i pixels, __m256i f) {
    const __m256i zero = _mm256_setzero_si256(), one = _mm256_set1_epi16(256);
    const __m256i first = _mm256_setr_epi8(0, 1, 0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3, 2, 3, /* pixels 0, 1 of a lane */
                                           0, 1, 0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3, 2, 3);
    const __m256i second = _mm256_add_epi8(first, _mm256_set1_epi8(4)); /* pixels 2, 3 */
    const __m256i words = _mm256_packus_epi32(f, f);
    const __m256i low = _mm256_blend_epi16(_mm256_shuffle_epi8(words, first), one, 0x88);
    const __m256i high = _mm256_blend_epi16(_mm256_shuffle_epi8(words, second), one, 0x88);
    return _mm256_packus_epi16(_mm256_srli_epi16(_mm256_mullo_epi16(_mm256_unpacklo_epi8(pixels, zero), low), 8),
                               _mm256_srli_epi16(_mm256_mullo_epi16(_mm256_unpackhi_epi8(pixels, zero), high), 8));
}

static void vignette(const uint8_t *src, struct trii_size image, float strength, uint8_t *dst,
                     struct trii_rows rows) {
    const uint64_t corner = (uint64_t)image.width * image.width + (uint64_t)image.height * image.height;
    const __m256 k = _mm256_set1_ps(strength * 256.0f / (float)corner);
    const __m256i step = _mm256_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14);
    const int32_t left = 1 - (int32_t)image.width;
    src += (size_t)rows.begin * image.width * 4;
    dst += (size_t)rows.begin * image.width * 4;
    for (uint32_t y = rows.begin; y < rows.end; y++) {
        const float dy = (float)(2 * (int64_t)y + 1 - (int64_t)image.height);
        const __m256 dy2 = _mm256_set1_ps(dy * dy);
        for (uint32_t x = 0; x < image.width; x += 8, src += 32, dst += 32) {
            const __m256 dx = _mm256_cvtepi32_ps(_mm256_add_epi32(_mm256_set1_epi32(left + 2 * (int32_t)x), step));
            const __m256i f = factors(dx, dy2, k);
            if (x + 8 <= image.width) {
                const __m256i pixels = _mm256_loadu_si256((const __m256i *)(const void *)src);
                _mm256_storeu_si256((__m256i *)(void *)dst, darken(pixels, f));
                continue;
            }
            uint32_t tail[8] = {0};
            const size_t bytes = (size_t)(image.width - x) * 4;
            memcpy(tail, src, bytes); /* not payload: the last few pixels pass through a register */
            const __m256i done = darken(_mm256_loadu_si256((const __m256i *)(const void *)tail), f);
            _mm256_storeu_si256((__m256i *)(void *)tail, done);
            memcpy(dst, tail, bytes); /* not payload: a store of new values */
            src += bytes;
            dst += bytes;
            break;
        }
    }
}

const struct trii_kernels trii_kernels_avx2 = {
    .name = "AVX2",
    .resize_bilinear = resize_bilinear,
    .resize_area = resize_area,
    .resize_nearest = resize_nearest,
    .resize_weighted = resize_weighted,
    .apply_mask = apply_mask,
    .vignette = vignette,
};

#endif
