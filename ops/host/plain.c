/* The definition, as code. Nothing here is clever; see kernels.h. */
#include "kernels.h"

#include "taps.h"

static void resize_bilinear(const uint8_t *src, struct trii_size in, uint8_t *dst, struct trii_size out,
                            size_t pitch, struct trii_rows rows, void *scratch) {
    const float sx = (float)in.width / (float)out.width, sy = (float)in.height / (float)out.height;
    (void)scratch;
    dst += rows.begin * pitch;
    for (uint32_t y = rows.begin; y < rows.end; y++, dst += pitch - (size_t)out.width * 4) {
        const struct trii_tap v = trii_tap_of(y, in.height, sy);
        const uint8_t *above = src + (size_t)v.lower * in.width * 4, *below = src + (size_t)v.upper * in.width * 4;
        for (uint32_t x = 0; x < out.width; x++, dst += 4) {
            const struct trii_tap h = trii_tap_of(x, in.width, sx);
            for (size_t c = 0; c < 4; c++) {
                const size_t l = (size_t)h.lower * 4 + c, u = (size_t)h.upper * 4 + c;
                const float top = trii_lerp((float)above[l], (float)above[u], h.weight);
                const float bottom = trii_lerp((float)below[l], (float)below[u], h.weight);
                dst[c] = (uint8_t)(trii_lerp(top, bottom, v.weight) + 0.5f);
            }
        }
    }
}

static void resize_area(const uint8_t *src, struct trii_size in, uint8_t *dst, struct trii_size out, size_t pitch,
                        struct trii_rows rows, void *scratch) {
    const float sx = (float)in.width / (float)out.width, sy = (float)in.height / (float)out.height;
    const float share = 1.0f / (sx * sy);
    (void)scratch;
    dst += rows.begin * pitch;
    for (uint32_t y = rows.begin; y < rows.end; y++, dst += pitch - (size_t)out.width * 4) {
        const struct trii_span down = trii_span_of(y, in.height, sy);
        for (uint32_t x = 0; x < out.width; x++, dst += 4) {
            const struct trii_span columns = trii_span_of(x, in.width, sx);
            float sum[4] = {0};
            for (uint32_t i = columns.begin; i < columns.end; i++) {
                const float w = trii_covered(&columns, i);
                for (size_t c = 0; c < 4; c++)
                    sum[c] += trii_column(src + (size_t)i * 4 + c, (size_t)in.width * 4, &down) * w;
            }
            for (size_t c = 0; c < 4; c++)
                dst[c] = (uint8_t)trii_minf(sum[c] * share + 0.5f, 255.0f);
        }
    }
}

static void resize_nearest(const uint8_t *src, struct trii_size in, uint8_t *dst, struct trii_size out, size_t pitch,
                           struct trii_rows rows, void *scratch) {
    const float sx = (float)in.width / (float)out.width, sy = (float)in.height / (float)out.height;
    (void)scratch;
    dst += rows.begin * pitch;
    for (uint32_t y = rows.begin; y < rows.end; y++, dst += pitch - (size_t)out.width * 4) {
        const uint8_t *row = src + (size_t)trii_nearest_of(y, in.height, sy) * in.width * 4;
        for (uint32_t x = 0; x < out.width; x++, dst += 4) {
            const uint8_t *p = row + (size_t)trii_nearest_of(x, in.width, sx) * 4;
            for (size_t c = 0; c < 4; c++)
                dst[c] = p[c];
        }
    }
}

static void weigh_row(const uint8_t *row, uint32_t width, const struct trii_weights *w, float *to) {
    for (uint32_t x = 0; x < width; x++, to += 4) {
        const uint8_t *p = row + (size_t)w->spans[2 * (size_t)x] * 4;
        const float *weights = w->values + (size_t)x * w->taps;
        for (size_t c = 0; c < 4; c++) {
            float sum = 0;
            for (uint32_t k = 0; k < w->spans[2 * (size_t)x + 1]; k++)
                sum += (float)p[(size_t)k * 4 + c] * weights[k];
            to[c] = sum;
        }
    }
}

/* Rows that are summed along x stand in a ring of as many as a column reads. */
static void resize_weighted(const uint8_t *src, struct trii_size in, uint8_t *dst, struct trii_size out, size_t pitch,
                            const struct trii_weights *across, const struct trii_weights *down, struct trii_rows rows,
                            float *scratch) {
    const size_t row = (size_t)out.width * 4;
    uint32_t ready = 0;
    dst += rows.begin * pitch;
    for (uint32_t y = rows.begin; y < rows.end; y++, dst += pitch) {
        const uint32_t begin = down->spans[2 * (size_t)y], count = down->spans[2 * (size_t)y + 1];
        const float *weights = down->values + (size_t)y * down->taps;
        for (ready = ready < begin ? begin : ready; ready < begin + count; ready++)
            weigh_row(src + (size_t)ready * in.width * 4, out.width, across, scratch + ready % down->taps * row);
        for (size_t i = 0; i < row; i++) {
            float sum = 0;
            for (uint32_t k = 0; k < count; k++)
                sum += scratch[(begin + k) % down->taps * row + i] * weights[k];
            dst[i] = (uint8_t)trii_minf(trii_maxf(sum + 0.5f, 0.0f), 255.0f);
        }
    }
}

static void apply_mask(const uint8_t *src, struct trii_size image, const float *mask, struct trii_size size,
                       uint8_t *dst, struct trii_rows rows, void *scratch) {
    const float sx = (float)size.width / (float)image.width, sy = (float)size.height / (float)image.height;
    (void)scratch;
    src += (size_t)rows.begin * image.width * 4;
    dst += (size_t)rows.begin * image.width * 4;
    for (uint32_t y = rows.begin; y < rows.end; y++) {
        const struct trii_tap v = trii_tap_of(y, size.height, sy);
        const float *above = mask + (size_t)v.lower * size.width, *below = mask + (size_t)v.upper * size.width;
        for (uint32_t x = 0; x < image.width; x++, src += 4, dst += 4) {
            const struct trii_tap h = trii_tap_of(x, size.width, sx);
            const float left = trii_lerp(above[h.lower], below[h.lower], v.weight);
            const float right = trii_lerp(above[h.upper], below[h.upper], v.weight);
            const float m = trii_minf(trii_maxf(trii_lerp(left, right, h.weight), 0.0f), 1.0f);
            const uint8_t alpha = (uint8_t)((float)src[3] * m + 0.5f);
            for (size_t c = 0; c < 3; c++)
                dst[c] = src[c];
            dst[3] = alpha;
        }
    }
}

static void vignette(const uint8_t *src, struct trii_size image, float strength, uint8_t *dst,
                     struct trii_rows rows) {
    const uint64_t corner = (uint64_t)image.width * image.width + (uint64_t)image.height * image.height;
    const float k = strength * 256.0f / (float)corner;
    src += (size_t)rows.begin * image.width * 4;
    dst += (size_t)rows.begin * image.width * 4;
    for (uint32_t y = rows.begin; y < rows.end; y++) {
        const float dy = (float)(2 * (int64_t)y + 1 - (int64_t)image.height);
        for (uint32_t x = 0; x < image.width; x++, src += 4, dst += 4) {
            const float dx = (float)(2 * (int64_t)x + 1 - (int64_t)image.width);
            const int32_t f = (int32_t)trii_maxf(256.0f - k * (dx * dx + dy * dy), 0.0f);
            for (size_t c = 0; c < 3; c++)
                dst[c] = (uint8_t)((src[c] * f) >> 8);
            dst[3] = src[3];
        }
    }
}

const struct trii_kernels trii_kernels_plain = {
    .name = "plain C",
    .resize_bilinear = resize_bilinear,
    .resize_area = resize_area,
    .resize_nearest = resize_nearest,
    .resize_weighted = resize_weighted,
    .apply_mask = apply_mask,
    .vignette = vignette,
};
