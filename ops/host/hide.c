/*
 * Hide: what is inside boxes becomes unrecognisable.
 *
 * Each box, grown on all sides, is divided into cells; of each the mean colour is taken, all from the image as it came.
 * Inside, a pixel gets the colour of its cell, or a smooth surface through all of them (a cubic B-spline: a blur as wide
 * as a cell). Where boxes overlap the later one is laid over the earlier. Alpha is kept.
 */
#include "effects_inside.h"

#include <math.h>
#include <stdbool.h>

/* A grown box in pixels; it may reach beyond the image. */
struct area {
    int32_t x, y, width, height;
};

/* A million pixels to each side is enough, and what is no number is somewhere too. */
static int32_t nearest(float f) {
    return (int32_t)floorf(trii_minf(trii_maxf(f + 0.5f, -1048576.0f), 1048576.0f));
}

/* False: the list ends here. */
static bool area_of(const float *boxes, uint32_t i, const struct trii_hide *hide, struct trii_size size, struct area *out) {
    const float *box = boxes + (size_t)i * 5;
    const float w = (float)size.width, h = (float)size.height;
    if (!(box[4] > 0.0f))
        return false;
    const float left = (box[0] - box[2] * hide->grow) * w, right = (box[0] + box[2] + box[2] * hide->grow) * w;
    const float top = (box[1] - box[3] * hide->grow) * h, bottom = (box[1] + box[3] + box[3] * hide->grow) * h;
    out->x = nearest(left);
    out->y = nearest(top);
    out->width = nearest(right) - out->x;
    out->height = nearest(bottom) - out->y;
    if (out->width < 1)
        out->width = 1;
    if (out->height < 1)
        out->height = 1;
    return true;
}

/* Pixels begin ... end - 1 of cell i of `cells`, inside the image: at least one. */
struct run {
    int32_t begin, end;
};
static struct run cell_run(int32_t from, int32_t length, int32_t i, int32_t cells, int32_t size) {
    struct run r = {from + i * length / cells, from + (i + 1) * length / cells};
    if (r.begin > size - 1)
        r.begin = size - 1;
    if (r.begin < 0)
        r.begin = 0;
    if (r.end > size)
        r.end = size;
    if (r.end < r.begin + 1)
        r.end = r.begin + 1;
    return r;
}

/* Sums of a row are whole numbers below 2^24. */
static void cell_mean(const uint8_t *src, struct trii_size size, struct run rows, struct run columns, float out[4]) {
    float sum[3] = {0};
    for (int32_t y = rows.begin; y < rows.end; y++) {
        const uint8_t *row = src + (size_t)y * size.width * 4;
        uint32_t line[3] = {0};
        for (int32_t x = columns.begin; x < columns.end; x++)
            for (size_t c = 0; c < 3; c++)
                line[c] += row[(size_t)x * 4 + c];
        for (size_t c = 0; c < 3; c++)
            sum[c] += (float)line[c];
    }
    const float share = 1.0f / ((float)(rows.end - rows.begin) * (float)(columns.end - columns.begin));
    for (size_t c = 0; c < 3; c++)
        out[c] = sum[c] * share;
    out[3] = 0;
}

/* The four cells around and their weights. */
struct spline {
    int32_t at[4];
    float weight[4];
};
static struct spline spline_of(int32_t pixel, int32_t length, int32_t cells) {
    const float f = ((float)pixel + 0.5f) * ((float)cells / (float)length) - 0.5f, whole = floorf(f);
    const float t = f - whole, t2 = t * t, t3 = t2 * t, u = 1.0f - t;
    struct spline s = {.weight = {u * u * u * (1.0f / 6.0f), (3.0f * t3 - 6.0f * t2 + 4.0f) * (1.0f / 6.0f),
                                  (3.0f * (t2 - t3) + 3.0f * t + 1.0f) * (1.0f / 6.0f), t3 * (1.0f / 6.0f)}};
    for (int32_t k = 0; k < 4; k++) {
        const int32_t cell = (int32_t)whole - 1 + k;
        s.at[k] = cell < 0 ? 0 : cell > cells - 1 ? cells - 1 : cell;
    }
    return s;
}

static void smooth(const float *means, int32_t cells, const struct spline *across, const struct spline *down, float out[3]) {
    out[0] = out[1] = out[2] = 0;
    for (size_t j = 0; j < 4; j++) {
        float line[3] = {0};
        for (size_t i = 0; i < 4; i++)
            for (size_t c = 0; c < 3; c++)
                line[c] += means[((size_t)down->at[j] * (size_t)cells + (size_t)across->at[i]) * 4 + c] * across->weight[i];
        for (size_t c = 0; c < 3; c++)
            out[c] += line[c] * down->weight[j];
    }
}

/* How much of the pixel is hidden, 0 ... 1: all inside; an ellipse of the smooth kind fades out over its last tenth. */
static float covering(const struct area *a, const struct trii_hide *hide, int32_t x, int32_t y) {
    if (!hide->ellipse)
        return 1.0f;
    const float dx = ((float)x + 0.5f) * (2.0f / (float)a->width) - 1.0f;
    const float dy = ((float)y + 0.5f) * (2.0f / (float)a->height) - 1.0f;
    const float inside = (1.0f - (dx * dx + dy * dy)) * (hide->smooth ? 5.0f : 65536.0f);
    return trii_minf(trii_maxf(inside, 0.0f), 1.0f);
}

static void hide_row(const struct area *a, const struct trii_hide *hide, const float *means, int32_t y,
                     struct trii_size size, uint8_t *row) {
    const int32_t cells = (int32_t)hide->cells, begin = a->x < 0 ? 0 : a->x;
    const int32_t end = a->x + a->width < (int32_t)size.width ? a->x + a->width : (int32_t)size.width;
    const struct spline down = spline_of(y, a->height, cells);
    for (int32_t x = begin; x < end; x++) {
        const float m = covering(a, hide, x - a->x, y);
        uint8_t *pixel = row + (size_t)x * 4;
        float colour[3];
        if (hide->smooth) {
            const struct spline across = spline_of(x - a->x, a->width, cells);
            smooth(means, cells, &across, &down, colour);
        } else {
            const int32_t i = ((x - a->x) * cells + cells - 1) / a->width, j = (y * cells + cells - 1) / a->height;
            for (size_t c = 0; c < 3; c++)
                colour[c] = means[(size_t)(j * cells + i) * 4 + c];
        }
        for (size_t c = 0; c < 3; c++)
            pixel[c] = (uint8_t)trii_minf(trii_lerp((float)pixel[c], colour[c], m) + 0.5f, 255.0f);
    }
}

void TRII_EFFECT(hide)(const uint8_t *src, struct trii_size size, const float *boxes, const struct trii_hide *hide,
                       uint8_t *dst, void *scratch) {
    const int32_t cells = (int32_t)hide->cells;
    const size_t each = (size_t)hide->cells * hide->cells * 4;
    float *means = scratch;
    struct area a;
    for (uint32_t i = 0; i < hide->boxes && area_of(boxes, i, hide, size, &a); i++)
        for (int32_t j = 0; j < cells; j++)
            for (int32_t k = 0; k < cells; k++)
                cell_mean(src, size, cell_run(a.y, a.height, j, cells, (int32_t)size.height),
                          cell_run(a.x, a.width, k, cells, (int32_t)size.width), means + i * each + (size_t)(j * cells + k) * 4);
    if (dst != src)
        for (size_t i = 0; i < (size_t)size.width * size.height * 4; i++)
            dst[i] = src[i];
    for (uint32_t i = 0; i < hide->boxes && area_of(boxes, i, hide, size, &a); i++)
        for (int32_t y = a.y < 0 ? 0 : a.y; y < a.y + a.height && y < (int32_t)size.height; y++)
            hide_row(&a, hide, means + i * each, y - a.y, size, dst + (size_t)y * size.width * 4);
}
