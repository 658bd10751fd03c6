#include "media/png_filter.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static int paeth(int left, int up, int corner) {
    int toward_left = abs(up - corner), toward_up = abs(left - corner), toward_corner = abs(left + up - 2 * corner);
    if (toward_left <= toward_up && toward_left <= toward_corner)
        return left;
    return toward_up <= toward_corner ? up : corner;
}

static inline uint8_t filtered(enum trii_filter filter, const uint8_t *row, const uint8_t *above, size_t i,
                               size_t distance) {
    bool inside = i >= distance;
    int left = inside ? row[i - distance] : 0, up = above ? above[i] : 0;
    int corner = above && inside ? above[i - distance] : 0;
    int guess = 0;
    switch (filter) {
    case TRII_FILTER_NONE:
        break;
    case TRII_FILTER_SUB:
        guess = left;
        break;
    case TRII_FILTER_UP:
        guess = up;
        break;
    case TRII_FILTER_AVERAGE:
        guess = (left + up) / 2;
        break;
    case TRII_FILTER_PAETH:
        guess = paeth(left, up, corner);
        break;
    }
    return (uint8_t)(row[i] - guess);
}

static void filter_from(enum trii_filter filter, uint8_t *out, const uint8_t *row, const uint8_t *above, size_t first,
                        size_t bytes, size_t distance) {
    for (size_t i = first; i < bytes; i++)
        out[i] = filtered(filter, row, above, i, distance);
}

static void add_costs(uint64_t costs[TRII_FILTER_COUNT], const uint8_t *row, const uint8_t *above, size_t first,
                      size_t bytes, size_t distance) {
    for (size_t i = first; i < bytes; i++)
        for (int f = TRII_FILTER_SUB; f < TRII_FILTER_COUNT; f++)
            costs[f] += (uint64_t)abs((int8_t)filtered((enum trii_filter)f, row, above, i, distance));
}

void trii_filter_row_plain(enum trii_filter filter, uint8_t *out, const uint8_t *row, const uint8_t *above, size_t bytes,
                           size_t distance) {
    filter_from(filter, out, row, above, 0, bytes, distance);
}

void trii_filter_costs_plain(uint64_t costs[TRII_FILTER_COUNT], const uint8_t *row, const uint8_t *above, size_t bytes,
                             size_t distance) {
    memset(costs, 0, TRII_FILTER_COUNT * sizeof *costs);
    add_costs(costs, row, above, 0, bytes, distance);
}

#ifdef __SSE2__
/* 16 bytes of a row and of their neighbours; only from the second pixel on, so that `left` exists. */
struct block {
    __m128i here, left, up, corner;
};

static inline __m128i load(const uint8_t *p) {
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline struct block load_block(const uint8_t *row, const uint8_t *above, size_t i, size_t distance) {
    __m128i none = _mm_setzero_si128();
    return (struct block){.here = load(row + i), .left = load(row + i - distance), .up = above ? load(above + i) : none,
                          .corner = above ? load(above + i - distance) : none};
}

/* (a + b) / 2 rounded down: avg_epu8 rounds up, the lost bit is a xor b. */
static inline __m128i average(__m128i a, __m128i b) {
    __m128i odd = _mm_and_si128(_mm_xor_si128(a, b), _mm_set1_epi8(1));
    return _mm_sub_epi8(_mm_avg_epu8(a, b), odd);
}

static inline __m128i distance(__m128i a, __m128i b) {
    return _mm_or_si128(_mm_subs_epu8(a, b), _mm_subs_epu8(b, a));
}

/*
 * With a = left, b = up, c = corner: |b - c|, |a - c| and |a + b - 2c| decide. The last is the sum of the first two
 * when a and b lie on the same side of c, and their difference otherwise, so bytes suffice: the sum saturates, and a
 * saturated distance loses against the other two either way, since it is no smaller than both.
 */
static inline __m128i paeth_block(const struct block *p) {
    __m128i to_left = distance(p->up, p->corner), to_up = distance(p->left, p->corner);
    __m128i zero = _mm_setzero_si128();
    __m128i left_above = _mm_cmpeq_epi8(_mm_subs_epu8(p->corner, p->left), zero); /* a >= c */
    __m128i up_above = _mm_cmpeq_epi8(_mm_subs_epu8(p->corner, p->up), zero);     /* b >= c */
    __m128i opposite = _mm_xor_si128(left_above, up_above);
    __m128i sum = _mm_adds_epu8(to_left, to_up), difference = distance(to_left, to_up);
    __m128i to_corner = _mm_or_si128(_mm_and_si128(opposite, difference), _mm_andnot_si128(opposite, sum));
    /* x <= y is min(x, y) == x */
    __m128i up_first = _mm_cmpeq_epi8(_mm_min_epu8(to_up, to_corner), to_up);
    __m128i left_first = _mm_and_si128(_mm_cmpeq_epi8(_mm_min_epu8(to_left, to_up), to_left),
                                       _mm_cmpeq_epi8(_mm_min_epu8(to_left, to_corner), to_left));
    __m128i other = _mm_or_si128(_mm_and_si128(up_first, p->up), _mm_andnot_si128(up_first, p->corner));
    return _mm_or_si128(_mm_and_si128(left_first, p->left), _mm_andnot_si128(left_first, other));
}

static inline __m128i guess_block(enum trii_filter filter, const struct block *p) {
    switch (filter) {
    case TRII_FILTER_SUB:
        return p->left;
    case TRII_FILTER_UP:
        return p->up;
    case TRII_FILTER_AVERAGE:
        return average(p->left, p->up);
    case TRII_FILTER_PAETH:
        return paeth_block(p);
    case TRII_FILTER_NONE:
        break;
    }
    return _mm_setzero_si128();
}

static inline size_t filter_blocks(enum trii_filter filter, uint8_t *out, const uint8_t *row, const uint8_t *above,
                                   size_t bytes, size_t distance) {
    size_t i = distance;
    for (; i + 16 <= bytes; i += 16) {
        struct block p = load_block(row, above, i, distance);
        _mm_storeu_si128((__m128i *)(void *)(out + i), _mm_sub_epi8(p.here, guess_block(filter, &p)));
    }
    return i;
}

void trii_filter_row(enum trii_filter filter, uint8_t *out, const uint8_t *row, const uint8_t *above, size_t bytes,
                     size_t distance) {
    size_t done = distance < bytes ? distance : bytes;
    filter_from(filter, out, row, above, 0, done, distance);
    switch (filter) { /* a constant in each call lets the compiler make one loop a filter */
    case TRII_FILTER_NONE:
        done = filter_blocks(TRII_FILTER_NONE, out, row, above, bytes, distance);
        break;
    case TRII_FILTER_SUB:
        done = filter_blocks(TRII_FILTER_SUB, out, row, above, bytes, distance);
        break;
    case TRII_FILTER_UP:
        done = filter_blocks(TRII_FILTER_UP, out, row, above, bytes, distance);
        break;
    case TRII_FILTER_AVERAGE:
        done = filter_blocks(TRII_FILTER_AVERAGE, out, row, above, bytes, distance);
        break;
    case TRII_FILTER_PAETH:
        done = filter_blocks(TRII_FILTER_PAETH, out, row, above, bytes, distance);
        break;
    }
    filter_from(filter, out, row, above, done, bytes, distance);
}

/* Adds the magnitudes of 16 signed bytes to two 64-bit sums. */
static inline __m128i add_magnitudes(__m128i sums, __m128i difference) {
    __m128i zero = _mm_setzero_si128();
    __m128i magnitude = _mm_min_epu8(difference, _mm_sub_epi8(zero, difference));
    return _mm_add_epi64(sums, _mm_sad_epu8(magnitude, zero));
}

static inline uint64_t total(__m128i sums) {
    return (uint64_t)_mm_cvtsi128_si64(sums) + (uint64_t)_mm_cvtsi128_si64(_mm_srli_si128(sums, 8));
}

void trii_filter_costs(uint64_t costs[TRII_FILTER_COUNT], const uint8_t *row, const uint8_t *above, size_t bytes,
                       size_t distance) {
    size_t first = distance < bytes ? distance : bytes, i = distance;
    __m128i sub = _mm_setzero_si128(), up = sub, mean = sub, best = sub;
    for (; i + 16 <= bytes; i += 16) {
        struct block p = load_block(row, above, i, distance);
        sub = add_magnitudes(sub, _mm_sub_epi8(p.here, p.left));
        up = add_magnitudes(up, _mm_sub_epi8(p.here, p.up));
        mean = add_magnitudes(mean, _mm_sub_epi8(p.here, average(p.left, p.up)));
        best = add_magnitudes(best, _mm_sub_epi8(p.here, paeth_block(&p)));
    }
    costs[TRII_FILTER_NONE] = 0;
    costs[TRII_FILTER_SUB] = total(sub);
    costs[TRII_FILTER_UP] = total(up);
    costs[TRII_FILTER_AVERAGE] = total(mean);
    costs[TRII_FILTER_PAETH] = total(best);
    add_costs(costs, row, above, 0, first, distance);
    add_costs(costs, row, above, i, bytes, distance);
}
#else
void trii_filter_row(enum trii_filter filter, uint8_t *out, const uint8_t *row, const uint8_t *above, size_t bytes,
                     size_t distance) {
    trii_filter_row_plain(filter, out, row, above, bytes, distance);
}

void trii_filter_costs(uint64_t costs[TRII_FILTER_COUNT], const uint8_t *row, const uint8_t *above, size_t bytes,
                       size_t distance) {
    trii_filter_costs_plain(costs, row, above, bytes, distance);
}
#endif
