/*
 * Kernels that do one pixel at a time. Two sets with one meaning, as in kernels.h; tests/unit/engine_pixels_test.c holds
 * them together. `n` counts pixels; dst may be src where both have the same type.
 */
#ifndef TRIPOINT_OPS_HOST_PIXELS_H
#define TRIPOINT_OPS_HOST_PIXELS_H

#include <stddef.h>
#include <stdint.h>

struct trii_pixel_kernels {
    const char *name;
    /* R, G and B become c * a / 255, rounded to the nearest. */
    void (*premultiply)(const uint8_t *src, uint8_t *dst, size_t n);
    /* (c * 255 + a / 2) / a in whole numbers, at most 255; 0 where a is 0. */
    void (*unpremultiply)(const uint8_t *src, uint8_t *dst, size_t n);
    /* c * a. */
    void (*premultiply_f32)(const float *src, float *dst, size_t n);
    /* c / a; 0 where a is not above 2^-16. */
    void (*unpremultiply_f32)(const float *src, float *dst, size_t n);
    /* gain 0: 1 where m >= level, else 0. Else (m - level) * gain + 0.5, held in 0 ... 1. What is not a number is 0. */
    void (*threshold)(const float *src, float *dst, size_t n, float level, float gain);
    /* ((R w0 + G w1) + B w2) + A w3, at most 1. */
    void (*extract)(const uint8_t *src, float *dst, size_t n, const float weights[4]);
    /* Each of the four channels from its row of m: (((R m0 + G m1) + B m2) + A m3) + m4, + 0.5, held in 0 ... 255, cut. */
    void (*colour_matrix)(const uint8_t *src, uint8_t *dst, size_t n, const float m[20]);
};

extern const struct trii_pixel_kernels trii_pixels_plain;
#if defined(__x86_64__)
extern const struct trii_pixel_kernels trii_pixels_avx2;
#endif
const struct trii_pixel_kernels *trii_pixels_best(void);

#endif
