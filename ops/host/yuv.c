#include "yuv.h"

#include "taps.h"

struct trii_planes trii_planes_of(uint8_t *bytes, struct trii_size size, bool interleaved) {
    const size_t luma = (size_t)size.width * size.height;
    if (interleaved)
        return (struct trii_planes){bytes, bytes + luma, bytes + luma + 1, 2, size.width};
    return (struct trii_planes){bytes, bytes + luma, bytes + luma + luma / 4, 1, size.width};
}

/* ---- numbers ---- */

struct trii_to_yuv trii_to_yuv_of(double red, double blue, bool full) {
    const double green = 1 - red - blue, luma = full ? 1 : 219.0 / 255, chroma = full ? 1 : 224.0 / 255;
    const double u = chroma / (2 * (1 - blue)), v = chroma / (2 * (1 - red));
    return (struct trii_to_yuv){
        .y = {(float)(red * luma), (float)(green * luma), (float)(blue * luma), full ? 0.5f : 16.5f},
        .u = {(float)(-red * u), (float)(-green * u), (float)((1 - blue) * u), 128.5f},
        .v = {(float)((1 - red) * v), (float)(-green * v), (float)(-blue * v), 128.5f}};
}

struct trii_from_yuv trii_from_yuv_of(double red, double blue, bool full) {
    const double green = 1 - red - blue, chroma = full ? 1 : 255.0 / 224;
    const double v = 2 * (1 - red) * chroma, u = 2 * (1 - blue) * chroma;
    return (struct trii_from_yuv){.offset = full ? 0 : 16,
                                  .gain = (float)(full ? 1 : 255.0 / 219),
                                  .red_v = (float)v,
                                  .green_u = (float)(-u * blue / green),
                                  .green_v = (float)(-v * red / green),
                                  .blue_u = (float)u};
}

/* ---- RGBA to planes ---- */

static uint8_t mixed(float r, float g, float b, const float m[4]) {
    return (uint8_t)trii_minf(((r * m[0] + g * m[1]) + b * m[2]) + m[3], 255.0f);
}

static uint8_t luma(const uint8_t *p, const float m[4]) {
    return mixed((float)p[0], (float)p[1], (float)p[2], m);
}

/* A channel's mean over two by two pixels. */
static float mean(const uint8_t *above, const uint8_t *below) {
    return (float)(above[0] + above[4] + below[0] + below[4]) * 0.25f;
}

void trii_yuv_to_rows(const uint8_t *rgba, size_t width, size_t begin, const struct trii_planes *rows,
                      const struct trii_to_yuv *numbers) {
    for (size_t x = begin; x < width; x += 2) {
        const uint8_t *above = rgba + x * 4, *below = above + width * 4;
        const float r = mean(above, below), g = mean(above + 1, below + 1), b = mean(above + 2, below + 2);
        for (size_t i = 0; i < 2; i++) {
            rows->y[x + i] = luma(above + 4 * i, numbers->y);
            rows->y[width + x + i] = luma(below + 4 * i, numbers->y);
        }
        rows->u[x / 2 * rows->step] = mixed(r, g, b, numbers->u);
        rows->v[x / 2 * rows->step] = mixed(r, g, b, numbers->v);
    }
}

static void to(const uint8_t *rgba, struct trii_size size, const struct trii_planes *planes,
               const struct trii_to_yuv *numbers) {
    for (size_t pair = 0; pair < size.height / 2; pair++) {
        const struct trii_planes rows = trii_planes_at(planes, pair);
        trii_yuv_to_rows(rgba + pair * 2 * size.width * 4, size.width, 0, &rows, numbers);
    }
}

/* ---- planes to RGBA ---- */

static uint8_t held(float v) {
    return (uint8_t)trii_minf(trii_maxf(v + 0.5f, 0.0f), 255.0f);
}

void trii_yuv_from_rows(const struct trii_planes *rows, size_t width, size_t count, size_t begin, uint8_t *rgba,
                        const struct trii_from_yuv *numbers) {
    for (size_t i = 0; i < count; i++)
        for (size_t x = begin; x < width; x++) {
            const float y = ((float)rows->y[i * rows->width + x] - numbers->offset) * numbers->gain;
            const float u = (float)rows->u[x / 2 * rows->step] - 128.0f, v = (float)rows->v[x / 2 * rows->step] - 128.0f;
            uint8_t *pixel = rgba + (i * width + x) * 4;
            pixel[0] = held(y + numbers->red_v * v);
            pixel[1] = held((y + numbers->green_u * u) + numbers->green_v * v);
            pixel[2] = held(y + numbers->blue_u * u);
            pixel[3] = 255;
        }
}

static void from(const struct trii_planes *planes, struct trii_size size, uint8_t *rgba,
                 const struct trii_from_yuv *numbers) {
    for (size_t pair = 0; pair * 2 < size.height; pair++) {
        const struct trii_planes rows = trii_planes_at(planes, pair);
        trii_yuv_from_rows(&rows, size.width, trii_rows_of(size, pair), 0, rgba + pair * 2 * size.width * 4, numbers);
    }
}

const struct trii_yuv_kernels trii_yuv_plain = {.name = "plain C", .to = to, .from = from};

const struct trii_yuv_kernels *trii_yuv_best(void) {
#if defined(__x86_64__)
    if (trii_kernels_fast())
        return &trii_yuv_avx2;
#endif
    return &trii_yuv_plain;
}
