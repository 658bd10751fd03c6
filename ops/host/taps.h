/* Where an output pixel samples: shared by the plain and the fast kernels, so that they can't disagree. */
#ifndef TRIPOINT_OPS_HOST_TAPS_H
#define TRIPOINT_OPS_HOST_TAPS_H

#include <stddef.h>
#include <stdint.h>

static inline float trii_minf(float a, float b) {
    return a < b ? a : b;
}

static inline float trii_maxf(float a, float b) {
    return a > b ? a : b;
}

static inline float trii_lerp(float a, float b, float t) {
    return a + (b - a) * t;
}

/* Bilinear: the lower neighbour, the upper one, and the weight of the upper. */
struct trii_tap {
    uint32_t lower, upper;
    float weight;
};

static inline struct trii_tap trii_tap_of(uint32_t i, uint32_t in, float scale) {
    const float f = trii_minf(trii_maxf(((float)i + 0.5f) * scale - 0.5f, 0.0f), (float)(in - 1));
    struct trii_tap t = {.lower = (uint32_t)f};
    t.upper = t.lower + 1 < in ? t.lower + 1 : in - 1;
    t.weight = f - (float)t.lower;
    return t;
}

/* Nearest: the pixel that the centre falls into. */
static inline uint32_t trii_nearest_of(uint32_t i, uint32_t in, float scale) {
    return (uint32_t)trii_minf(((float)i + 0.5f) * scale, (float)(in - 1));
}

/* Area: the pixels begin ... end - 1 that [from, to) touches. */
struct trii_span {
    uint32_t begin, end;
    float from, to;
};

static inline struct trii_span trii_span_of(uint32_t i, uint32_t in, float scale) {
    struct trii_span s = {.from = (float)i * scale};
    s.to = s.from + scale;
    s.begin = (uint32_t)s.from;
    s.end = (uint32_t)s.to;
    if ((float)s.end < s.to)
        s.end++;
    if (s.end > in)
        s.end = in;
    if (s.begin >= s.end) /* beyond the image, or narrower than a float tells */
        s.begin = s.end - (s.end > 0);
    if (s.end == 0)
        s.end = 1;
    return s;
}

static inline float trii_covered(const struct trii_span *s, uint32_t i) {
    return trii_minf((float)i + 1.0f, s->to) - trii_maxf((float)i, s->from);
}

/* Area: the sum along y of what a span covers of a column of bytes that stand `pitch` apart. */
static inline float trii_column(const uint8_t *top, size_t pitch, const struct trii_span *rows) {
    const uint32_t last = rows->end - 1;
    float whole = 0;
    for (uint32_t j = rows->begin + 1; j < last; j++)
        whole += (float)top[j * pitch];
    const float sum = (float)top[rows->begin * pitch] * trii_covered(rows, rows->begin) + whole;
    return last > rows->begin ? sum + (float)top[last * pitch] * trii_covered(rows, last) : sum;
}

#endif
