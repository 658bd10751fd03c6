/* Blur, row by row: see effects.h. */
#include "effects_inside.h"

struct rows {
    float *average;  /* a row of cells, with room for the taps on both sides */
    float *ring;     /* 2 radius + 1 rows, convolved along x */
    float *done[2];  /* convolved along both: the last two */
    float *between;  /* of two of them */
    size_t floats;   /* of a row */
    struct trii_columns columns; /* of the image, in cells */
};

static struct rows rows_in(float *scratch, const struct trii_blur *blur, uint32_t width) {
    const size_t floats = (size_t)blur->small.width * 4, padded = floats + 8 * (size_t)blur->radius;
    struct rows r = {.average = scratch, .ring = scratch + padded, .floats = floats};
    r.done[0] = r.ring + (2 * (size_t)blur->radius + 1) * floats;
    r.done[1] = r.done[0] + floats;
    r.between = r.done[1] + floats;
    r.columns = trii_columns_in(r.between + floats, width, blur->small.width, 1.0f / (float)blur->cell);
    return r;
}

static inline void add_pixel(float sum[4], const uint8_t *p) {
    const float a = (float)p[3];
    for (size_t c = 0; c < 3; c++)
        sum[c] += (float)p[c] * a;
    sum[3] += a;
}

/* k pixels of a row, the last one standing for those beyond. */
static void average_edge(const uint8_t *row, uint32_t width, uint32_t k, uint32_t i, float share, float *out) {
    float sum[4] = {0};
    for (uint32_t dx = 0; dx < k; dx++) {
        const uint64_t x = (uint64_t)i * k + dx;
        add_pixel(sum, row + (size_t)(x < width ? x : width - 1) * 4);
    }
    for (size_t c = 0; c < 4; c++)
        out[c] += sum[c] * share;
}

/* Row j of the cells: of each of its k rows the sum of k pixels, times 1 / k; of these the sum, times 1 / k. */
static void average_row(const uint8_t *src, struct trii_size size, uint32_t k, uint32_t j, float *out, uint32_t cells) {
    const float share = 1.0f / (float)k;
    for (size_t i = 0; i < (size_t)cells * 4; i++)
        out[i] = 0;
    for (uint32_t dy = 0; dy < k; dy++) {
        const uint64_t down = (uint64_t)j * k + dy;
        const uint8_t *row = src + (size_t)(down < size.height ? down : size.height - 1) * size.width * 4, *p = row;
        const uint32_t whole = size.width / k;
        for (uint32_t i = 0; i < whole; i++) {
            float sum[4] = {0};
            for (uint32_t dx = 0; dx < k; dx++, p += 4)
                add_pixel(sum, p);
            for (size_t c = 0; c < 4; c++)
                out[(size_t)i * 4 + c] += sum[c] * share;
        }
        if (whole < cells)
            average_edge(row, size.width, k, whole, share, out + (size_t)whole * 4);
    }
    for (size_t i = 0; i < (size_t)cells * 4; i++)
        out[i] *= share;
}

/* The outermost cells go on outside. */
static void pad(float *row, size_t floats, uint32_t radius) {
    float *first = row + 4 * (size_t)radius, *last = first + floats - 4;
    for (size_t i = 0; i < 4 * (size_t)radius; i++) {
        row[i] = first[i % 4];
        last[4 + i] = last[i % 4];
    }
}

static void along_x(const struct trii_blur *blur, const float *row, float *restrict out, size_t floats) {
    const float *middle = row + 4 * (size_t)blur->radius;
    for (size_t x = 0; x < floats; x++)
        out[x] = blur->weight[0] * middle[x];
    for (size_t i = 1; i <= blur->radius; i++) {
        const float w = blur->weight[i], *before = middle - 4 * i, *after = middle + 4 * i;
        for (size_t x = 0; x < floats; x++)
            out[x] += w * (before[x] + after[x]);
    }
}

static const float *ring_row(const struct rows *r, const struct trii_blur *blur, int64_t j) {
    const int64_t last = (int64_t)blur->small.height - 1;
    const int64_t row = j < 0 ? 0 : j > last ? last : j;
    return r->ring + (size_t)(row % (2 * blur->radius + 1)) * r->floats;
}

static void along_y(const struct trii_blur *blur, const struct rows *r, uint32_t j, float *restrict out) {
    const float *middle = ring_row(r, blur, j);
    for (size_t x = 0; x < r->floats; x++)
        out[x] = blur->weight[0] * middle[x];
    for (uint32_t i = 1; i <= blur->radius; i++) {
        const float w = blur->weight[i];
        const float *above = ring_row(r, blur, (int64_t)j - i), *below = ring_row(r, blur, (int64_t)j + i);
        for (size_t x = 0; x < r->floats; x++)
            out[x] += w * (above[x] + below[x]);
    }
}

/* Premultiplied 0 ... 255² to a pixel. */
static inline void put(uint8_t *dst, const float v[4]) {
    const float inverse = v[3] > 0.0f ? 1.0f / v[3] : 0.0f;
    for (size_t c = 0; c < 3; c++)
        dst[c] = (uint8_t)trii_minf(v[c] * inverse + 0.5f, 255.0f);
    dst[3] = (uint8_t)trii_minf(v[3] + 0.5f, 255.0f);
}

/* A row of the image out of a row of cells. */
static void sample_row(const float *row, const struct trii_columns *columns, uint32_t width, uint8_t *dst) {
    for (uint32_t x = 0; x < width; x++, dst += 4) {
        const float *left = row + (size_t)columns->lower[x] * 4, *right = row + (size_t)columns->upper[x] * 4;
        float v[4];
        for (size_t c = 0; c < 4; c++)
            v[c] = trii_lerp(left[c], right[c], columns->weight[x]);
        put(dst, v);
    }
}

/* Image rows, from y on, that lie between rows of cells up to j. Returns the first that does not, at most `end`. */
static uint32_t write_rows(const struct trii_blur *blur, const struct rows *r, uint32_t width, uint32_t j, uint32_t y,
                           uint32_t end, uint8_t *dst) {
    const float share = 1.0f / (float)blur->cell;
    for (; y < end; y++) {
        const struct trii_tap t = trii_tap_of(y, blur->small.height, share);
        const float *above = r->done[t.lower & 1], *below = r->done[t.upper & 1];
        if (t.upper > j)
            break;
        for (size_t x = 0; x < r->floats; x++)
            r->between[x] = trii_lerp(above[x], below[x], t.weight);
        sample_row(r->between, &r->columns, width, dst + (size_t)y * width * 4);
    }
    return y;
}

void TRII_EFFECT(blur)(const uint8_t *src, struct trii_size size, const struct trii_blur *blur, uint8_t *dst,
                       struct trii_rows rows, void *scratch) {
    const struct rows r = rows_in(scratch, blur, size.width);
    const uint32_t cells = blur->small.height, radius = blur->radius;
    const uint32_t first = trii_tap_of(rows.begin, cells, 1.0f / (float)blur->cell).lower;
    uint32_t next = first > radius ? first - radius : 0, y = rows.begin; /* of cells to read; of the image to write */
    for (uint32_t j = first; y < rows.end; j++) {
        const uint32_t needed = cells - j > radius ? j + radius + 1 : cells;
        for (; next < needed; next++) {
            average_row(src, size, blur->cell, next, r.average + 4 * (size_t)blur->radius, blur->small.width);
            pad(r.average, r.floats, blur->radius);
            along_x(blur, r.average, r.ring + (size_t)(next % (2 * blur->radius + 1)) * r.floats, r.floats);
        }
        along_y(blur, &r, j, r.done[j & 1]);
        y = write_rows(blur, &r, size.width, j, y, rows.end, dst);
    }
}
