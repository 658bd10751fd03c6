/*
 * The operations' arithmetic in plain C: the reference that every engine is compared with.
 *
 * All of it is IEEE binary32 without contraction (the files are built with -ffp-contract=off), each
 * step in the order written, so that a shader or guest that follows the same steps agrees to the
 * bit. Two sets with one meaning: `plain` reads like the definition, `avx2` is fast.
 * tests/unit/engine_kernels_test.c compares them on random shapes; bench/kernels times both.
 *
 * Pixels are RGBA u8, rows tight. Sampling takes pixel centres and clamps at the edges.
 */
#ifndef TRIPOINT_OPS_HOST_KERNELS_H
#define TRIPOINT_OPS_HOST_KERNELS_H

#include <stddef.h>
#include <stdint.h>

struct trii_size {
    uint32_t width, height;
};

struct trii_kernels {
    const char *name;
    /* Bilinear: an output pixel samples at (x + 0.5) * (in / out) - 0.5, clamped to [0, in - 1]; neighbours are lerped
     * with a + (b - a) * t, first along x, then along y; the result is v + 0.5, cut to an integer. */
    void (*resize_bilinear)(const uint8_t *src, struct trii_size in, uint8_t *dst, struct trii_size out, void *scratch);
    /* Area: the mean of the covered rectangle, fractions of pixels weighted by their area; + 0.5, cut, at most 255. */
    void (*resize_area)(const uint8_t *src, struct trii_size in, uint8_t *dst, struct trii_size out, void *scratch);
    /* RGB is kept; alpha becomes alpha * m + 0.5, cut, where m is the mask sampled bilinearly (first along y, then
     * along x) and clamped to 0 ... 1. src may be dst. */
    void (*apply_mask)(const uint8_t *src, struct trii_size image, const float *mask, struct trii_size size,
                       uint8_t *dst, void *scratch);
    /* RGB is multiplied by f / 256 (cut), f = 256 - k * (dx * dx + dy * dy), at least 0 and cut to an integer, with
     * dx = 2 x + 1 - width, dy = 2 y + 1 - height, k = strength * 256 / (width² + height²). Alpha is kept.
     * src may be dst. */
    void (*vignette)(const uint8_t *src, struct trii_size image, float strength, uint8_t *dst);
};

/* Bytes of scratch (64-byte aligned) that a call with these sizes needs: the tap tables of one row. `in` is the size
 * that is sampled (the image of a resize, the mask of apply_mask), `out` the size that is written. */
size_t trii_kernels_scratch(struct trii_size out, struct trii_size in);

extern const struct trii_kernels trii_kernels_plain;
#if defined(__x86_64__)
extern const struct trii_kernels trii_kernels_avx2;
#endif
/* The fastest set that this processor runs. */
const struct trii_kernels *trii_kernels_best(void);

#endif
