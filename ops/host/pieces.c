/* Pieces of an image at another scale: cover and tiles, see effects.h. */
#include "effects_inside.h"

/* The window of an image that is scaled by `scale`: it begins at (x, y), perhaps outside. */
struct window {
    float x, y, scale;
};

/* The pixels that [from, from + scale) touches, nothing beyond the image; begin = end when there are none. */
static struct trii_span span_of(float from, float scale, uint32_t in) {
    struct trii_span s = {.from = trii_maxf(from, 0.0f), .to = trii_minf(from + scale, (float)in)};
    if (!(s.from < s.to))
        return (struct trii_span){0};
    s.begin = (uint32_t)s.from;
    s.end = (uint32_t)s.to;
    if ((float)s.end < s.to)
        s.end++;
    return s;
}

static void mean(const uint8_t *src, struct trii_size in, const struct trii_span *rows, const struct trii_span *columns,
                 float share, float out[4]) {
    float sum[4] = {0};
    for (uint32_t j = rows->begin; j < rows->end; j++) {
        const float wy = trii_covered(rows, j);
        const uint8_t *row = src + (size_t)j * in.width * 4;
        for (uint32_t i = columns->begin; i < columns->end; i++) {
            const float w = wy * trii_covered(columns, i);
            for (size_t c = 0; c < 4; c++)
                sum[c] += (float)row[(size_t)i * 4 + c] * w;
        }
    }
    for (size_t c = 0; c < 4; c++)
        out[c] = sum[c] * share;
}

/* The tap at `at`, a place in pixels (their centres are at .5). */
static struct trii_tap tap_at(float at, uint32_t in) {
    const float f = trii_minf(trii_maxf(at - 0.5f, 0.0f), (float)(in - 1));
    struct trii_tap t = {.lower = (uint32_t)f};
    t.upper = t.lower + 1 < in ? t.lower + 1 : in - 1;
    t.weight = f - (float)t.lower;
    return t;
}

static void between(const uint8_t *src, struct trii_size in, float x, float y, float out[4]) {
    const struct trii_tap v = tap_at(y, in.height), h = tap_at(x, in.width);
    const uint8_t *above = src + (size_t)v.lower * in.width * 4, *below = src + (size_t)v.upper * in.width * 4;
    for (size_t c = 0; c < 4; c++) {
        const size_t l = (size_t)h.lower * 4 + c, u = (size_t)h.upper * 4 + c;
        out[c] = trii_lerp(trii_lerp((float)above[l], (float)above[u], h.weight),
                           trii_lerp((float)below[l], (float)below[u], h.weight), v.weight);
    }
}

/* Pixel (x, y) of the window. */
static void sample(const uint8_t *src, struct trii_size in, const struct window *w, uint32_t x, uint32_t y,
                   uint8_t *dst) {
    float v[4] = {0};
    if (w->scale > 1.0f) {
        const struct trii_span columns = span_of(w->x + (float)x * w->scale, w->scale, in.width);
        const struct trii_span rows = span_of(w->y + (float)y * w->scale, w->scale, in.height);
        mean(src, in, &rows, &columns, 1.0f / (w->scale * w->scale), v);
    } else {
        const float px = w->x + ((float)x + 0.5f) * w->scale, py = w->y + ((float)y + 0.5f) * w->scale;
        if (px >= 0.0f && px < (float)in.width && py >= 0.0f && py < (float)in.height)
            between(src, in, px, py, v);
    }
    for (size_t c = 0; c < 4; c++)
        dst[c] = (uint8_t)trii_minf(v[c] + 0.5f, 255.0f);
}

void TRII_EFFECT(cover)(const uint8_t *src, struct trii_size in, uint8_t *dst, struct trii_size out,
                        struct trii_rows rows) {
    const struct trii_tile cut = trii_cover_window(in, out);
    const struct window w = {cut.x, cut.y, cut.side};
    dst += (size_t)rows.begin * out.width * 4;
    for (uint32_t y = rows.begin; y < rows.end; y++)
        for (uint32_t x = 0; x < out.width; x++, dst += 4)
            sample(src, in, &w, x, y, dst);
}

void TRII_EFFECT(tiles)(const uint8_t *src, struct trii_size size, const struct trii_tile *tiles, size_t count,
                        uint8_t *dst) {
    for (size_t t = 0; t < count; t++) {
        const struct window w = {tiles[t].x, tiles[t].y, tiles[t].side / (float)TRII_TILE_SIDE};
        for (uint32_t y = 0; y < TRII_TILE_SIDE; y++)
            for (uint32_t x = 0; x < TRII_TILE_SIDE; x++, dst += 4)
                sample(src, size, &w, x, y, dst);
    }
}
