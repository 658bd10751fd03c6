/*
 * Images between dtypes and channel counts. Two sets of the steps with one meaning, as in kernels.h;
 * tests/unit/engine_convert_test.c holds them together. Numbers are 0 ... 1 between the steps.
 */
#ifndef TRIPOINT_OPS_HOST_CONVERT_H
#define TRIPOINT_OPS_HOST_CONVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `n` counts numbers, or pixels for the last two. */
struct trii_convert_kernels {
    const char *name;
    void (*from_u8)(const uint8_t *src, float *dst, size_t n);   /* times 1 / 255 in f32 */
    void (*from_f16)(const uint16_t *src, float *dst, size_t n);
    void (*to_u8)(const float *src, uint8_t *dst, size_t n);     /* times 255, + 0.5, held in 0 ... 255, cut; NaN is 0 */
    void (*to_f16)(const float *src, uint16_t *dst, size_t n);   /* to the nearest, ties to even */
    void (*add_alpha)(const uint8_t *src, uint8_t *dst, size_t n);  /* RGB to RGBA, 255 */
    void (*drop_alpha)(const uint8_t *src, uint8_t *dst, size_t n); /* RGBA to RGB */
};

extern const struct trii_convert_kernels trii_convert_plain;
#if defined(__x86_64__)
extern const struct trii_convert_kernels trii_convert_avx2;
#endif
const struct trii_convert_kernels *trii_convert_best(void);

enum trii_element { TRII_ELEMENT_U8, TRII_ELEMENT_F16, TRII_ELEMENT_F32 };
struct trii_format {
    enum trii_element element;
    size_t channels; /* 1, 3 or 4 */
};
/* One to three or four channels: repeated. To one: 0.2126 R + 0.7152 G + 0.0722 B, in that order. Alpha that was not
 * there is 1. */
void trii_convert(const struct trii_convert_kernels *set, const void *src, struct trii_format from, void *dst,
                  struct trii_format to, size_t pixels);

#endif
