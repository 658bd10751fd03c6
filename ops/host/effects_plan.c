/* What the effects work out once: weights, sizes, places. */
#include "effects.h"
#include "taps.h"

#include <math.h>

/* The variance of taps exp(-i² / (2 s²)), i = -radius ... radius. */
static double variance(double s, uint32_t radius) {
    double sum = 1, square = 0;
    for (uint32_t i = 1; i <= radius; i++) {
        const double w = 2 * exp(-(double)i * i / (2 * s * s));
        sum += w;
        square += w * i * i;
    }
    return square / sum;
}

/* The width whose cut and sampled bell has the variance that is wanted. It grows with s, so halving finds it. */
static double widen(double wanted, uint32_t radius) {
    double low = 0.05, high = 16;
    for (int i = 0; i < 60; i++) {
        const double middle = (low + high) / 2;
        if (variance(middle, radius) < wanted)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

struct trii_blur trii_blur_plan(double sigma, struct trii_size size) {
    struct trii_blur blur = {.cell = 1};
    double weight[TRII_BLUR_TAPS] = {1}, sum = 1;
    while (sigma >= 4.0 * blur.cell)
        blur.cell *= 2;
    const double cells = sigma / blur.cell, wanted = cells * cells - (blur.cell > 1 ? 0.25 : 0);
    blur.radius = (uint32_t)ceil(3 * sqrt(wanted));
    if (blur.radius > TRII_BLUR_TAPS - 1)
        blur.radius = TRII_BLUR_TAPS - 1;
    const double s = widen(wanted, blur.radius);
    for (uint32_t i = 1; i <= blur.radius; i++) {
        weight[i] = exp(-(double)i * i / (2 * s * s));
        sum += 2 * weight[i];
    }
    for (uint32_t i = 0; i <= blur.radius; i++)
        blur.weight[i] = (float)(weight[i] / sum);
    blur.small.width = size.width / blur.cell + (size.width % blur.cell != 0);
    blur.small.height = size.height / blur.cell + (size.height % blur.cell != 0);
    return blur;
}

#define COLUMN_WORDS 3 /* struct trii_columns */

/* As blur.c lays it out: a row with room for the taps on both sides, the ring, two rows and one between them. */
size_t trii_blur_scratch(const struct trii_blur *blur, struct trii_size size) {
    const size_t row = (size_t)blur->small.width * 4, ring = 2 * (size_t)blur->radius + 1;
    return ((ring + 4) * row + 8 * (size_t)blur->radius + COLUMN_WORDS * (size_t)size.width) * sizeof(float);
}

struct trii_refine trii_refine_plan(double radius, double edge, double low, double high) {
    return (struct trii_refine){.radius = (uint32_t)radius,
                                .softness = (float)(edge * edge),
                                .low = (float)low,
                                .range = (float)(1 / (high - low))};
}

/* As refine.c lays it out: rows that are summed (17, with zeros on both sides), rings of sums, sums, rows between two,
 * planes of means. */
size_t trii_refine_scratch(struct trii_size image, struct trii_size mask, uint32_t radius) {
    const size_t wide = mask.width + 2 * (size_t)radius, ring = 2 * (size_t)radius + 1;
    return (17 * wide + (17 * ring + 13 + 4 + 4 * (size_t)mask.height) * mask.width + COLUMN_WORDS * image.width) *
           sizeof(float);
}

size_t trii_blend_scratch(struct trii_size size, struct trii_size mask_size) {
    return (mask_size.width + (1 + COLUMN_WORDS) * (size_t)size.width) * sizeof(float);
}

struct trii_tile trii_cover_window(struct trii_size in, struct trii_size out) {
    const float scale = trii_minf((float)in.width / (float)out.width, (float)in.height / (float)out.height);
    return (struct trii_tile){.x = trii_maxf(((float)in.width - (float)out.width * scale) * 0.5f, 0.0f),
                              .y = trii_maxf(((float)in.height - (float)out.height * scale) * 0.5f, 0.0f),
                              .side = scale};
}

size_t trii_hide_scratch(const struct trii_hide *hide) {
    return (size_t)hide->boxes * hide->cells * hide->cells * 4 * sizeof(float);
}

const struct trii_effects *trii_effects_best(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return &trii_effects_avx2;
#endif
    return &trii_effects_plain;
}
