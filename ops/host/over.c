/* One image over another, over a colour, and through a mask: see effects.h. */
#include "effects_inside.h"

/* A colour of front over one of behind, whose weights have the sum n. A quotient of whole numbers below 2^24 by at most
 * 255² is never rounded up to the next whole number, so cutting it is dividing whole numbers. */
static inline uint32_t mixed(uint32_t front, uint32_t wf, uint32_t behind, uint32_t wb, uint32_t half, float divisor) {
    const uint32_t sum = (front & 255) * wf + (behind & 255) * wb + half;
    return (uint32_t)(int32_t)((float)(int32_t)sum / divisor);
}

/* front over behind, their alphas being af and ab. */
static inline uint32_t over(uint32_t front, uint32_t af, uint32_t behind, uint32_t ab) {
    const uint32_t wf = af * 255, wb = ab * (255 - af), n = wf + wb, half = n >> 1;
    const float divisor = (float)(int32_t)(n | (n == 0));
    const uint32_t alpha = (n + 128 + ((n + 128) >> 8)) >> 8; /* (n + 127) / 255 */
    return alpha << 24 | mixed(front >> 16, wf, behind >> 16, wb, half, divisor) << 16 |
           mixed(front >> 8, wf, behind >> 8, wb, half, divisor) << 8 | mixed(front, wf, behind, wb, half, divisor);
}

#define BLOCK 16u /* pixels that are read before any of them is written: dst may be what is read */

static inline void read_block(uint32_t block[BLOCK], const uint8_t *from, size_t count) {
    for (size_t i = 0; i < count; i++)
        block[i] = ((const uint32_t *)(const void *)from)[i];
}

static inline void write_block(uint8_t *to, const uint32_t block[BLOCK], size_t count) {
    for (size_t i = 0; i < count; i++)
        ((uint32_t *)(void *)to)[i] = block[i];
}

static inline void over_block(const uint8_t *front, const uint8_t *behind, size_t count, uint8_t *dst) {
    uint32_t f[BLOCK] = {0}, b[BLOCK] = {0}, out[BLOCK];
    read_block(f, front, count);
    read_block(b, behind, count);
    for (size_t i = 0; i < BLOCK; i++)
        out[i] = over(f[i], f[i] >> 24, b[i], b[i] >> 24);
    write_block(dst, out, count);
}

void TRII_EFFECT(composite)(const uint8_t *front, const uint8_t *behind, struct trii_size size, uint8_t *dst) {
    const size_t count = (size_t)size.width * size.height, whole = count - count % BLOCK;
    for (size_t i = 0; i < whole; i += BLOCK)
        over_block(front + i * 4, behind + i * 4, BLOCK, dst + i * 4);
    over_block(front + whole * 4, behind + whole * 4, count - whole, dst + whole * 4);
}

static inline void flatten_block(const uint8_t *front, uint32_t behind, size_t count, uint8_t *dst) {
    uint32_t f[BLOCK] = {0}, out[BLOCK];
    read_block(f, front, count);
    for (size_t i = 0; i < BLOCK; i++)
        out[i] = over(f[i], f[i] >> 24, behind, 255);
    write_block(dst, out, count);
}

void TRII_EFFECT(flatten)(const uint8_t *front, const uint8_t rgb[3], struct trii_size size, uint8_t *dst) {
    const size_t count = (size_t)size.width * size.height, whole = count - count % BLOCK;
    const uint32_t behind = rgb[0] | (uint32_t)rgb[1] << 8 | (uint32_t)rgb[2] << 16;
    for (size_t i = 0; i < whole; i += BLOCK)
        flatten_block(front + i * 4, behind, BLOCK, dst + i * 4);
    flatten_block(front + whole * 4, behind, count - whole, dst + whole * 4);
}

/* The mask along a row of the image: between two of its rows first, then between columns. */
static void mask_row(const float *mask, struct trii_size size, struct trii_tap v, const struct trii_columns *columns,
                     uint32_t width, float *between, float *restrict out) {
    const float *above = mask + (size_t)v.lower * size.width, *below = mask + (size_t)v.upper * size.width;
    for (uint32_t i = 0; i < size.width; i++)
        between[i] = trii_lerp(above[i], below[i], v.weight);
    for (uint32_t x = 0; x < width; x++) {
        const float m = trii_lerp(between[columns->lower[x]], between[columns->upper[x]], columns->weight[x]);
        out[x] = trii_minf(trii_maxf(m, 0.0f), 1.0f);
    }
}

/* What a row of the image needs of the mask. */
struct masking {
    struct trii_size size, image;
    float scale;
    struct trii_columns columns;
    float *between, *row;
};

static struct masking masking_in(float *scratch, struct trii_size image, struct trii_size mask) {
    float *row = scratch + mask.width;
    return (struct masking){
        .size = mask,
        .image = image,
        .scale = (float)mask.height / (float)image.height,
        .columns = trii_columns_in(row + image.width, image.width, mask.width, (float)mask.width / (float)image.width),
        .between = scratch,
        .row = row};
}

static const float *mask_of(const struct masking *m, const float *mask, uint32_t y) {
    mask_row(mask, m->size, trii_tap_of(y, m->size.height, m->scale), &m->columns, m->image.width, m->between, m->row);
    return m->row;
}

static inline void blend_block(const uint8_t *front, const uint8_t *behind, uint32_t least, const float *mask,
                               size_t count, uint8_t *dst) {
    uint32_t f[BLOCK] = {0}, b[BLOCK] = {0}, out[BLOCK];
    float m[BLOCK] = {0};
    read_block(f, front, count);
    read_block(b, behind, count);
    for (size_t i = 0; i < count; i++)
        m[i] = mask[i];
    for (size_t i = 0; i < BLOCK; i++) {
        const uint32_t af = (uint32_t)(int32_t)((float)(int32_t)(f[i] >> 24) * m[i] + 0.5f);
        out[i] = over(f[i], af, b[i], b[i] >> 24 | least);
    }
    write_block(dst, out, count);
}

void TRII_EFFECT(blend)(const uint8_t *front, const uint8_t *behind, uint32_t least, struct trii_size size,
                        const float *mask, struct trii_size mask_size, uint8_t *dst, struct trii_rows rows, void *scratch) {
    const struct masking m = masking_in(scratch, size, mask_size);
    for (uint32_t y = rows.begin; y < rows.end; y++) {
        const size_t first = (size_t)y * size.width * 4, whole = size.width - size.width % BLOCK;
        const float *row = mask_of(&m, mask, y);
        for (size_t x = 0; x < whole; x += BLOCK)
            blend_block(front + first + x * 4, behind + first + x * 4, least, row + x, BLOCK, dst + first + x * 4);
        blend_block(front + first + whole * 4, behind + first + whole * 4, least, row + whole, size.width - whole,
                    dst + first + whole * 4);
    }
}

static inline void outside_block(const uint8_t *src, const float *mask, size_t count, uint8_t *dst) {
    uint32_t p[BLOCK] = {0}, out[BLOCK];
    float m[BLOCK] = {0};
    read_block(p, src, count);
    for (size_t i = 0; i < count; i++)
        m[i] = mask[i];
    for (size_t i = 0; i < BLOCK; i++) {
        const float alpha = (float)(int32_t)(p[i] >> 24) * (1.0f - m[i]) + 0.5f;
        out[i] = (p[i] & 0xffffff) | (uint32_t)(int32_t)alpha << 24;
    }
    write_block(dst, out, count);
}

void TRII_EFFECT(apply_outside)(const uint8_t *src, struct trii_size size, const float *mask, struct trii_size mask_size,
                                uint8_t *dst, struct trii_rows rows, void *scratch) {
    const struct masking m = masking_in(scratch, size, mask_size);
    for (uint32_t y = rows.begin; y < rows.end; y++) {
        const size_t first = (size_t)y * size.width * 4, whole = size.width - size.width % BLOCK;
        const float *row = mask_of(&m, mask, y);
        for (size_t x = 0; x < whole; x += BLOCK)
            outside_block(src + first + x * 4, row + x, BLOCK, dst + first + x * 4);
        outside_block(src + first + whole * 4, row + whole, size.width - whole, dst + first + whole * 4);
    }
}

static inline uint32_t channel_of(uint32_t pixel, uint32_t shift) {
    return (pixel >> shift) & 255;
}

static inline uint32_t unmixed(uint32_t image, uint32_t inner, uint32_t outer, float m) {
    uint32_t out = image & 0xff000000u;
    for (uint32_t shift = 0; shift < 24; shift += 8) {
        const float i = (float)(int32_t)channel_of(image, shift), f = (float)(int32_t)channel_of(inner, shift);
        const float b = (float)(int32_t)channel_of(outer, shift);
        const float colour = f + (i - f * m - b * (1.0f - m)) * m;
        out |= (uint32_t)(int32_t)(trii_minf(trii_maxf(colour, 0.0f), 255.0f) + 0.5f) << shift;
    }
    return ((inner >> 24 == 0) | (outer >> 24 == 0)) ? image : out;
}

static inline void unmix_block(const struct trii_unmix *from, size_t at, const float *mask, size_t count, uint8_t *dst) {
    uint32_t image[BLOCK] = {0}, inner[BLOCK] = {0}, outer[BLOCK] = {0}, out[BLOCK];
    float m[BLOCK] = {0};
    read_block(image, from->image + at, count);
    read_block(inner, from->inner + at, count);
    read_block(outer, from->outer + at, count);
    for (size_t i = 0; i < count; i++)
        m[i] = mask[i];
    for (size_t i = 0; i < BLOCK; i++)
        out[i] = unmixed(image[i], inner[i], outer[i], m[i]);
    write_block(dst + at, out, count);
}

void TRII_EFFECT(unmix)(const struct trii_unmix *from, struct trii_size size, const float *mask, struct trii_size mask_size,
                        uint8_t *dst, struct trii_rows rows, void *scratch) {
    const struct masking m = masking_in(scratch, size, mask_size);
    for (uint32_t y = rows.begin; y < rows.end; y++) {
        const size_t first = (size_t)y * size.width * 4, whole = size.width - size.width % BLOCK;
        const float *row = mask_of(&m, mask, y);
        for (size_t x = 0; x < whole; x += BLOCK)
            unmix_block(from, first + x * 4, row + x, BLOCK, dst);
        unmix_block(from, first + whole * 4, row + whole, size.width - whole, dst);
    }
}
