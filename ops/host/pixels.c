#include "pixels.h"

#include "kernels.h"
#include "taps.h"

static void premultiply(const uint8_t *src, uint8_t *dst, size_t n) {
    for (size_t i = 0; i < n; i++, src += 4, dst += 4) {
        const uint32_t a = src[3];
        for (size_t c = 0; c < 3; c++) {
            const uint32_t t = src[c] * a + 128;
            dst[c] = (uint8_t)((t + (t >> 8)) >> 8);
        }
        dst[3] = (uint8_t)a;
    }
}

static void unpremultiply(const uint8_t *src, uint8_t *dst, size_t n) {
    for (size_t i = 0; i < n; i++, src += 4, dst += 4) {
        const uint32_t a = src[3];
        for (size_t c = 0; c < 3; c++) {
            const uint32_t v = a ? (src[c] * 255u + a / 2) / a : 0;
            dst[c] = (uint8_t)(v < 255 ? v : 255);
        }
        dst[3] = (uint8_t)a;
    }
}

static void premultiply_f32(const float *src, float *dst, size_t n) {
    for (size_t i = 0; i < n; i++, src += 4, dst += 4) {
        const float a = src[3];
        for (size_t c = 0; c < 3; c++)
            dst[c] = src[c] * a;
        dst[3] = a;
    }
}

static void unpremultiply_f32(const float *src, float *dst, size_t n) {
    for (size_t i = 0; i < n; i++, src += 4, dst += 4) {
        const float a = src[3];
        for (size_t c = 0; c < 3; c++)
            dst[c] = a > 0x1p-16f ? src[c] / a : 0;
        dst[3] = a;
    }
}

static void threshold(const float *src, float *dst, size_t n, float level, float gain) {
    for (size_t i = 0; i < n; i++) {
        if (gain == 0)
            dst[i] = src[i] >= level ? 1.0f : 0.0f;
        else
            dst[i] = trii_minf(trii_maxf((src[i] - level) * gain + 0.5f, 0.0f), 1.0f);
    }
}

static void extract(const uint8_t *src, float *dst, size_t n, const float weights[4]) {
    for (size_t i = 0; i < n; i++, src += 4) {
        float sum = (float)src[0] * weights[0];
        for (size_t c = 1; c < 4; c++)
            sum += (float)src[c] * weights[c];
        dst[i] = trii_minf(sum, 1.0f);
    }
}

static void colour_matrix(const uint8_t *src, uint8_t *dst, size_t n, const float m[20]) {
    for (size_t i = 0; i < n; i++, src += 4, dst += 4) {
        const uint8_t pixel[4] = {src[0], src[1], src[2], src[3]};
        for (size_t row = 0; row < 4; row++) {
            float sum = (float)pixel[0] * m[5 * row];
            for (size_t c = 1; c < 4; c++)
                sum += (float)pixel[c] * m[5 * row + c];
            dst[row] = (uint8_t)trii_minf(trii_maxf(sum + m[5 * row + 4] + 0.5f, 0.0f), 255.0f);
        }
    }
}

const struct trii_pixel_kernels trii_pixels_plain = {
    .name = "plain C",
    .premultiply = premultiply,
    .unpremultiply = unpremultiply,
    .premultiply_f32 = premultiply_f32,
    .unpremultiply_f32 = unpremultiply_f32,
    .threshold = threshold,
    .extract = extract,
    .colour_matrix = colour_matrix,
};

const struct trii_pixel_kernels *trii_pixels_best(void) {
#if defined(__x86_64__)
    if (trii_kernels_fast())
        return &trii_pixels_avx2;
#endif
    return &trii_pixels_plain;
}
