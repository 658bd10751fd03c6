/*
 * RGBA and Y'CbCr with one chroma sample for two by two pixels (NV12, I420). Two sets with one meaning, as in kernels.h;
 * tests/unit/engine_yuv_test.c holds them together. Sides are even.
 */
#ifndef TRIPOINT_OPS_HOST_YUV_H
#define TRIPOINT_OPS_HOST_YUV_H

#include "kernels.h"

/* Where the planes are: chroma samples stand `step` bytes apart (2: NV12, where v is u + 1; 1: I420). */
struct trii_planes {
    uint8_t *y, *u, *v;
    size_t step;
    size_t width; /* of a row of Y' as stored */
};
/* The planes of a picture that stand one after another. */
struct trii_planes trii_planes_of(uint8_t *bytes, struct trii_size size, bool interleaved);

/* Rows of r, g, b and what is added (with 0.5 for rounding): of Y', Cb, Cr. */
struct trii_to_yuv {
    float y[4], u[4], v[4];
};
/* Luma: (y - offset) * gain; then what Cb and Cr, less 128, add to each channel. */
struct trii_from_yuv {
    float offset, gain;
    float red_v, green_u, green_v, blue_u;
};
/* By the luma weights of red and blue (BT.601: 0.299, 0.114; BT.709: 0.2126, 0.0722), in double precision. */
struct trii_to_yuv trii_to_yuv_of(double red, double blue, bool full);
struct trii_from_yuv trii_from_yuv_of(double red, double blue, bool full);

struct trii_yuv_kernels {
    const char *name;
    /* ((R r + G g) + B b) + k, at most 255, cut; chroma from the mean of its four pixels. Alpha is left out. */
    void (*to)(const uint8_t *rgba, struct trii_size size, const struct trii_planes *planes,
               const struct trii_to_yuv *numbers);
    /* Y = (y - offset) * gain, U = u - 128, V = v - 128: Y + red_v V, (Y + green_u U) + green_v V, Y + blue_u U; + 0.5,
     * held in 0 ... 255, cut. Alpha is 255. A chroma sample serves its four pixels. `size`: what is made, at most what the
     * planes hold; its sides may be odd. */
    void (*from)(const struct trii_planes *planes, struct trii_size size, uint8_t *rgba,
                 const struct trii_from_yuv *numbers);
};

extern const struct trii_yuv_kernels trii_yuv_plain;
#if defined(__x86_64__)
extern const struct trii_yuv_kernels trii_yuv_avx2;
#endif
const struct trii_yuv_kernels *trii_yuv_best(void);

/* One pair of rows, from column `begin` on: what the fast set leaves over. `count`: 1 for the last row of an odd height. */
void trii_yuv_to_rows(const uint8_t *rgba, size_t width, size_t begin, const struct trii_planes *rows,
                      const struct trii_to_yuv *numbers);
void trii_yuv_from_rows(const struct trii_planes *rows, size_t width, size_t count, size_t begin, uint8_t *rgba,
                        const struct trii_from_yuv *numbers);
static inline size_t trii_rows_of(struct trii_size size, size_t pair) {
    return size.height - 2 * pair < 2 ? 1 : 2;
}
/* The planes' part for rows 2 * pair and 2 * pair + 1. */
static inline struct trii_planes trii_planes_at(const struct trii_planes *p, size_t pair) {
    const size_t chroma = pair * (p->width / 2) * p->step;
    return (struct trii_planes){p->y + pair * 2 * p->width, p->u + chroma, p->v + chroma, p->step, p->width};
}

#endif
