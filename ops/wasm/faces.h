/*
 * Faces out of a detector's raw numbers: the arithmetic that the guest decode_faces and the host share, so that both
 * agree to the bit. Plain C17 in f32, without a library.
 *
 * The detector (MediaPipe's short-range model) looks at squares of 128 x 128. An image is shown to it in levels: level 0
 * is the whole image in one square, level l squares of half the side of those of level l - 1, half overlapping, so that
 * small faces are seen as large ones. Each square has 896 anchors: 2 a place of a grid of 16 x 16, then 6 a place of a
 * grid of 8 x 8.
 */
#ifndef TRIPOINT_OPS_WASM_FACES_H
#define TRIPOINT_OPS_WASM_FACES_H

#include <stdint.h>

#define FACES_SIDE 128u
#define FACES_ANCHORS 896u
#define FACES_RAW 16u        /* numbers an anchor: x, y, width, height of the box, six points of the face */
#define FACES_LEVELS_MAX 4u
#define FACES_KEPT_MAX 1024u /* candidates: the best ones are kept */
#define FACES_BOX 5u         /* x, y, width, height, score */

/* ---- squares ---- */

/* Squares of one level: where they stand along an axis of n pixels. */
struct faces_axis {
    uint32_t count;
    float first, step;
};

static inline float faces_ceil(float f) {
    const float whole = (float)(int32_t)f; /* f is small and not negative */
    return whole < f ? whole + 1.0f : whole;
}

static inline struct faces_axis faces_axis_of(float n, float side) {
    if (n <= side)
        return (struct faces_axis){1, (n - side) * 0.5f, 0};
    const float steps = faces_ceil((n - side) / (side * 0.5f));
    return (struct faces_axis){(uint32_t)steps + 1, 0, (n - side) / steps};
}

static inline float faces_side(uint32_t width, uint32_t height, uint32_t level) {
    return (float)(width > height ? width : height) / (float)(1u << level);
}

static inline uint32_t faces_squares(uint32_t width, uint32_t height, uint32_t levels) {
    uint32_t count = 0;
    for (uint32_t l = 0; l < levels; l++) {
        const float side = faces_side(width, height, l);
        count += faces_axis_of((float)width, side).count * faces_axis_of((float)height, side).count;
    }
    return count;
}

struct faces_square {
    float x, y, side; /* in pixels of the image; x and y may be negative */
};

/* Square i: level by level, row by row. */
static inline struct faces_square faces_square_at(uint32_t width, uint32_t height, uint32_t i) {
    for (uint32_t l = 0;; l++) {
        const float side = faces_side(width, height, l);
        const struct faces_axis across = faces_axis_of((float)width, side), down = faces_axis_of((float)height, side);
        if (i < across.count * down.count)
            return (struct faces_square){across.first + across.step * (float)(i % across.count),
                                         down.first + down.step * (float)(i / across.count), side};
        i -= across.count * down.count;
    }
}

/* ---- scores ---- */

/* e to the power x for x between -60 and 60, to a few units in the last place. */
static inline float faces_exp(float x) {
    const float n = (float)(int32_t)(x * 1.44269504f + (x < 0.0f ? -0.5f : 0.5f));
    const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    float p = 1.98756915e-4f;
    p = p * r + 1.39819995e-3f;
    p = p * r + 8.33345205e-3f;
    p = p * r + 4.16657962e-2f;
    p = p * r + 1.66666655e-1f;
    p = p * r + 5.00000012e-1f;
    union {
        uint32_t bits;
        float value;
    } scale = {(uint32_t)((int32_t)n + 127) << 23};
    return (p * r * r + r + 1.0f) * scale.value;
}

/* 0 ... 1 from a raw score. */
static inline float faces_score(float raw) {
    const float bounded = raw < -50.0f ? -50.0f : raw > 50.0f ? 50.0f : raw;
    return 1.0f / (1.0f + faces_exp(-bounded));
}

/* The least raw score that makes at least `score`. */
static inline float faces_raw(float score) {
    float low = -50.0f, high = 50.0f;
    for (int i = 0; i < 60; i++) {
        const float middle = (low + high) * 0.5f;
        if (faces_score(middle) < score)
            low = middle;
        else
            high = middle;
    }
    return high;
}

/* The first of scores[from ... count - 1] that is at least `least`, else count. Whoever includes this says how. */
static uint32_t faces_next(const float *scores, uint32_t from, uint32_t count, float least);

/* ---- candidates ---- */

struct faces_work {
    float box[FACES_KEPT_MAX][FACES_BOX]; /* by falling score; equal ones in the order in which they were seen */
    uint32_t count;
    uint8_t taken[FACES_KEPT_MAX];
};

static inline void faces_keep(struct faces_work *work, const float box[FACES_BOX]) {
    uint32_t at = work->count;
    if (at == FACES_KEPT_MAX && !(box[4] > work->box[at - 1][4]))
        return;
    if (at == FACES_KEPT_MAX)
        at--;
    else
        work->count++;
    for (; at > 0 && work->box[at - 1][4] < box[4]; at--)
        for (uint32_t k = 0; k < FACES_BOX; k++)
            work->box[at][k] = work->box[at - 1][k];
    for (uint32_t k = 0; k < FACES_BOX; k++)
        work->box[at][k] = box[k];
}

/* The box of one anchor of one square, in pixels of the image. */
static inline void faces_decode(struct faces_work *work, const float *raw, float raw_score, uint32_t anchor,
                                const struct faces_square *square) {
    const uint32_t fine = anchor < 512, place = fine ? anchor / 2 : (anchor - 512) / 6, grid = fine ? 16 : 8;
    const float ax = ((float)(place % grid) + 0.5f) / (float)grid, ay = ((float)(place / grid) + 0.5f) / (float)grid;
    const float share = 1.0f / (float)FACES_SIDE, w = raw[2] * share, h = raw[3] * share;
    const float box[FACES_BOX] = {square->x + (raw[0] * share + ax - w * 0.5f) * square->side,
                                  square->y + (raw[1] * share + ay - h * 0.5f) * square->side, w * square->side,
                                  h * square->side, faces_score(raw_score)};
    if (w > 0.0f && h > 0.0f) /* and both are numbers */
        faces_keep(work, box);
}

static inline float faces_least(float a, float b) {
    return a < b ? a : b;
}

static inline float faces_most(float a, float b) {
    return a > b ? a : b;
}

/* Whether two boxes are one face: they share 3/10 of what they cover together, or one lies by 6/10 in the other (a face
 * that the edge of a square cut off). */
static inline int faces_same(const float *a, const float *b) {
    const float wide = faces_least(a[0] + a[2], b[0] + b[2]) - faces_most(a[0], b[0]);
    const float high = faces_least(a[1] + a[3], b[1] + b[3]) - faces_most(a[1], b[1]);
    if (!(wide > 0.0f && high > 0.0f))
        return 0;
    const float both = wide * high, size_a = a[2] * a[3], size_b = b[2] * b[3];
    return both > 0.3f * (size_a + size_b - both) || both > 0.6f * faces_least(size_a, size_b);
}

/* The face whose best candidate is `first`: the mean of all that are the same one, weighted by score. */
static inline void faces_merge(struct faces_work *work, uint32_t first, float out[FACES_BOX]) {
    float sum[4] = {0}, weight = 0;
    for (uint32_t i = first; i < work->count; i++) {
        const float *box = work->box[i];
        if (work->taken[i] || !faces_same(work->box[first], box))
            continue;
        work->taken[i] = 1;
        weight += box[4];
        for (uint32_t k = 0; k < 4; k++)
            sum[k] += box[k] * box[4];
    }
    for (uint32_t k = 0; k < 4; k++)
        out[k] = sum[k] / weight;
    out[4] = work->box[first][4];
}

/* Raw numbers of all squares of an image to at most `capacity` rows of x, y, width, height (parts of the image's size)
 * and score, the surest first; the rows that are left are zero. */
static inline void faces_find(struct faces_work *work, const float *raw, const float *scores, uint32_t squares,
                              uint32_t width, uint32_t height, float least_score, uint32_t capacity, float *out) {
    const float least = faces_raw(least_score), across = 1.0f / (float)width, down = 1.0f / (float)height;
    uint32_t found = 0;
    work->count = 0;
    for (uint32_t s = 0; s < squares; s++) {
        const struct faces_square square = faces_square_at(width, height, s);
        const float *of_square = scores + s * FACES_ANCHORS;
        for (uint32_t i = 0; (i = faces_next(of_square, i, FACES_ANCHORS, least)) < FACES_ANCHORS; i++)
            faces_decode(work, raw + (s * FACES_ANCHORS + i) * FACES_RAW, of_square[i], i, &square);
    }
    for (uint32_t i = 0; i < work->count; i++)
        work->taken[i] = 0;
    for (uint32_t i = 0; i < work->count && found < capacity; i++)
        if (!work->taken[i]) {
            float *row = out + found++ * FACES_BOX;
            faces_merge(work, i, row);
            row[0] *= across;
            row[1] *= down;
            row[2] *= across;
            row[3] *= down;
        }
    for (uint32_t i = found * FACES_BOX; i < capacity * FACES_BOX; i++)
        out[i] = 0;
}

#endif
