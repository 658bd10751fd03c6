#include "convert.h"

#include "half.h"
#include "kernels.h"
#include "taps.h"

#include <string.h>

/* ---- the steps ---- */

static void from_u8(const uint8_t *src, float *dst, size_t n) {
    for (size_t i = 0; i < n; i++)
        dst[i] = (float)src[i] * (1.0f / 255.0f);
}

static void from_f16(const uint16_t *src, float *dst, size_t n) {
    for (size_t i = 0; i < n; i++)
        dst[i] = trii_float_of(src[i]);
}

static void to_u8(const float *src, uint8_t *dst, size_t n) {
    for (size_t i = 0; i < n; i++)
        dst[i] = (uint8_t)trii_minf(trii_maxf(src[i] * 255.0f + 0.5f, 0.0f), 255.0f);
}

static void to_f16(const float *src, uint16_t *dst, size_t n) {
    for (size_t i = 0; i < n; i++)
        dst[i] = trii_half_of(src[i]);
}

static void add_alpha(const uint8_t *src, uint8_t *dst, size_t n) {
    for (size_t i = 0; i < n; i++, src += 3, dst += 4) {
        const uint8_t pixel[4] = {src[0], src[1], src[2], 255};
        memcpy(dst, pixel, sizeof pixel); /* not payload: a pixel of the result */
    }
}

static void drop_alpha(const uint8_t *src, uint8_t *dst, size_t n) {
    for (size_t i = 0; i < n; i++, src += 4, dst += 3)
        for (size_t c = 0; c < 3; c++)
            dst[c] = src[c];
}

const struct trii_convert_kernels trii_convert_plain = {
    .name = "plain C",
    .from_u8 = from_u8,
    .from_f16 = from_f16,
    .to_u8 = to_u8,
    .to_f16 = to_f16,
    .add_alpha = add_alpha,
    .drop_alpha = drop_alpha,
};

const struct trii_convert_kernels *trii_convert_best(void) {
#if defined(__x86_64__)
    if (trii_kernels_fast())
        return &trii_convert_avx2;
#endif
    return &trii_convert_plain;
}

/* ---- all of it ---- */

static size_t bytes_of(enum trii_element element) {
    return element == TRII_ELEMENT_U8 ? 1 : element == TRII_ELEMENT_F16 ? 2 : 4;
}

static void load(const struct trii_convert_kernels *set, const void *src, enum trii_element element, float *to,
                 size_t n) {
    if (element == TRII_ELEMENT_U8)
        set->from_u8(src, to, n);
    else if (element == TRII_ELEMENT_F16)
        set->from_f16(src, to, n);
    else
        memcpy(to, src, n * sizeof *to); /* not payload: numbers on their way through a small table */
}

static void store(const struct trii_convert_kernels *set, const float *from, void *dst, enum trii_element element,
                  size_t n) {
    if (element == TRII_ELEMENT_U8)
        set->to_u8(from, dst, n);
    else if (element == TRII_ELEMENT_F16)
        set->to_f16(from, dst, n);
    else
        memcpy(dst, from, n * sizeof *from); /* not payload: a store of new values */
}

static void change_channels(const float *src, size_t from, float *dst, size_t to, size_t n) {
    for (size_t i = 0; i < n; i++, src += from, dst += to) {
        const float r = src[0], g = src[from > 1 ? 1 : 0], b = src[from > 1 ? 2 : 0];
        if (to == 1) {
            dst[0] = (r * 0.2126f + g * 0.7152f) + b * 0.0722f;
            continue;
        }
        dst[0] = r;
        dst[1] = g;
        dst[2] = b;
        if (to == 4)
            dst[3] = 1.0f;
    }
}

enum { CHUNK = 256 }; /* pixels that fit the first cache with their numbers */

void trii_convert(const struct trii_convert_kernels *set, const void *src, struct trii_format from, void *dst,
                  struct trii_format to, size_t pixels) {
    float numbers[CHUNK * 4], changed[CHUNK * 4];
    const uint8_t *in = src;
    uint8_t *out = dst;
    const bool bytes = from.element == TRII_ELEMENT_U8 && to.element == TRII_ELEMENT_U8;
    if (bytes && from.channels == 3 && to.channels == 4) {
        set->add_alpha(src, dst, pixels);
        return;
    }
    if (bytes && from.channels == 4 && to.channels == 3) {
        set->drop_alpha(src, dst, pixels);
        return;
    }
    for (size_t n; pixels > 0; pixels -= n) {
        const bool same = from.channels == to.channels;
        n = pixels < CHUNK ? pixels : CHUNK;
        if (same && to.element == TRII_ELEMENT_F32) {
            load(set, in, from.element, (float *)(void *)out, n * from.channels);
        } else if (same && from.element == TRII_ELEMENT_F32) {
            store(set, (const float *)(const void *)in, out, to.element, n * to.channels);
        } else {
            load(set, in, from.element, numbers, n * from.channels);
            if (!same)
                change_channels(numbers, from.channels, changed, to.channels, n);
            store(set, same ? numbers : changed, out, to.element, n * to.channels);
        }
        in += n * from.channels * bytes_of(from.element);
        out += n * to.channels * bytes_of(to.element);
    }
}
