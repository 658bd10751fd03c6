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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trii_size {
    uint32_t width, height;
};

/* A part of the rows that a kernel writes: begin ... end - 1. Parts may be worked on side by side, each with a scratch
 * of its own, and give the bits that the whole would. */
struct trii_rows {
    uint32_t begin, end;
};
static inline struct trii_rows trii_all_rows(struct trii_size size) {
    return (struct trii_rows){0, size.height};
}

/* What a separable filter reads for each output position: spans has its first source position and their count, values
 * room for `taps` weights. */
struct trii_weights {
    uint32_t taps;
    const uint32_t *spans;
    const float *values;
};

/* Output rows of a resize stand `pitch` bytes apart; `dst` and `src` are the whole images' whatever the rows. */
struct trii_kernels {
    const char *name;
    /* Bilinear: an output pixel samples at (x + 0.5) * (in / out) - 0.5, clamped to [0, in - 1]; neighbours are lerped
     * with a + (b - a) * t, first along x, then along y; the result is v + 0.5, cut to an integer. */
    void (*resize_bilinear)(const uint8_t *src, struct trii_size in, uint8_t *dst, struct trii_size out, size_t pitch,
                            struct trii_rows rows, void *scratch);
    /* Area: the mean of the covered rectangle. Of each column of pixels that it touches the sum along y: the first row's
     * pixel times the part of it that is covered, plus the sum of those that are covered whole, plus the last row's like
     * the first's; of these sums, times the part of the column, the sum along x; times 1 / (sx * sy), + 0.5, cut, at most
     * 255. */
    void (*resize_area)(const uint8_t *src, struct trii_size in, uint8_t *dst, struct trii_size out, size_t pitch,
                        struct trii_rows rows, void *scratch);
    /* Nearest: the pixel that (x + 0.5) * (in / out) falls into. */
    void (*resize_nearest)(const uint8_t *src, struct trii_size in, uint8_t *dst, struct trii_size out, size_t pitch,
                           struct trii_rows rows, void *scratch);
    /* Sums of pixels times weights, along x and kept as float, then along y; + 0.5, held in 0 ... 255, cut. The scratch
     * is trii_kernels_weighted(). */
    void (*resize_weighted)(const uint8_t *src, struct trii_size in, uint8_t *dst, struct trii_size out, size_t pitch,
                            const struct trii_weights *across, const struct trii_weights *down, struct trii_rows rows,
                            float *scratch);
    /* RGB is kept; alpha becomes alpha * m + 0.5, cut, where m is the mask sampled bilinearly (first along y, then
     * along x) and clamped to 0 ... 1. src may be dst. */
    void (*apply_mask)(const uint8_t *src, struct trii_size image, const float *mask, struct trii_size size,
                       uint8_t *dst, struct trii_rows rows, void *scratch);
    /* RGB is multiplied by f / 256 (cut), f = 256 - k * (dx * dx + dy * dy), at least 0 and cut to an integer, with
     * dx = 2 x + 1 - width, dy = 2 y + 1 - height, k = strength * 256 / (width² + height²). Alpha is kept.
     * src may be dst. */
    void (*vignette)(const uint8_t *src, struct trii_size image, float strength, uint8_t *dst, struct trii_rows rows);
};

/* Bytes of scratch (64-byte aligned) that a call with these sizes needs: the tap tables of one row. `in` is the size
 * that is sampled (the image of a resize, the mask of apply_mask), `out` the size that is written. */
size_t trii_kernels_scratch(struct trii_size out, struct trii_size in);

/* Floats of scratch for resize_weighted; SIZE_MAX when there are too many to count. */
size_t trii_kernels_weighted(struct trii_size in, struct trii_size out, uint32_t taps_down);

/* Lanczos with three lobes, widened when shrinking: the source positions within 3 * max(in / out, 1) of an output's
 * centre, weights normalised to a sum of 1 in double precision. */
uint32_t trii_lanczos_taps(uint32_t in, uint32_t out);
/* spans: 2 * out numbers; values: out * taps. */
void trii_lanczos_fill(uint32_t in, uint32_t out, uint32_t *spans, float *values);

extern const struct trii_kernels trii_kernels_plain;
#if defined(__x86_64__)
extern const struct trii_kernels trii_kernels_avx2;
#endif
/* Whether this processor runs the fast sets, of this file and of the other families'. */
bool trii_kernels_fast(void);
/* The fastest set that this processor runs. */
const struct trii_kernels *trii_kernels_best(void);

#endif
