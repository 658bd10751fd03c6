/*
 * Refine: the fast guided filter (He and Sun, 2015) with a guide in colour.
 *
 * In a window around each cell of the mask the mask is taken for a linear function of the colour there: the a and b that
 * fit best. Their means over the window are sampled bilinearly at the image's pixels, whose own colour then says what
 * the mask is there: its edges come to lie on the image's edges. All sums run along rows first, then over rows, each in
 * ascending order; windows end at the mask's edges.
 */
#include "effects_inside.h"

enum { R, G, B, P, RP, GP, BP, RR, RG, RB, GG, GB, BB, MOMENTS };
enum { AR, AG, AB, OFFSET, COEFFICIENTS };

struct work {
    struct trii_size image, mask;
    uint32_t radius, ring; /* rows that are kept: 2 radius + 1 */
    size_t wide;           /* floats of a row with zeros on both sides */
    float *moments, *coefficients; /* rows with zeros on both sides: what is summed */
    float *moment_sums, *coefficient_sums; /* rings: row j of sum s at (j % ring) */
    float *sums;                           /* rows of sums over the window */
    float *means;                          /* planes: the mean coefficients */
    float *between;                        /* rows of them, between two */
    struct trii_columns columns;           /* of the image, in cells of the mask */
};

static struct work work_in(float *at, struct trii_size image, struct trii_size mask, uint32_t radius) {
    struct work w = {.image = image, .mask = mask, .radius = radius, .ring = 2 * radius + 1,
                     .wide = mask.width + 2 * (size_t)radius};
    w.moments = at;
    w.coefficients = w.moments + MOMENTS * w.wide;
    w.moment_sums = w.coefficients + COEFFICIENTS * w.wide;
    w.coefficient_sums = w.moment_sums + MOMENTS * (size_t)w.ring * mask.width;
    w.sums = w.coefficient_sums + COEFFICIENTS * (size_t)w.ring * mask.width;
    w.between = w.sums + MOMENTS * (size_t)mask.width;
    w.means = w.between + COEFFICIENTS * (size_t)mask.width;
    w.columns = trii_columns_in(w.means + COEFFICIENTS * (size_t)mask.width * mask.height, image.width, mask.width,
                                (float)mask.width / (float)image.width);
    return w;
}

/* The image's mean colour, 0 ... 1, where row y of the mask lies. */
static void guide_row(const struct work *w, const uint8_t *image, uint32_t y, float *r, float *g, float *b) {
    const float sx = (float)w->image.width / (float)w->mask.width, sy = (float)w->image.height / (float)w->mask.height;
    const float share = 1.0f / (sx * sy * 255.0f);
    const struct trii_span rows = trii_span_of(y, w->image.height, sy);
    for (uint32_t x = 0; x < w->mask.width; x++) {
        const struct trii_span columns = trii_span_of(x, w->image.width, sx);
        float sum[3] = {0};
        for (uint32_t j = rows.begin; j < rows.end; j++) {
            const float wy = trii_covered(&rows, j);
            const uint8_t *row = image + (size_t)j * w->image.width * 4;
            for (uint32_t i = columns.begin; i < columns.end; i++) {
                const float weight = wy * trii_covered(&columns, i);
                for (size_t c = 0; c < 3; c++)
                    sum[c] += (float)row[(size_t)i * 4 + c] * weight;
            }
        }
        r[x] = sum[0] * share;
        g[x] = sum[1] * share;
        b[x] = sum[2] * share;
    }
}

static float *row_of(float *rows, size_t wide, uint32_t radius, size_t which) {
    return rows + which * wide + radius;
}

static void product(float *restrict out, const float *a, const float *b, size_t count) {
    for (size_t x = 0; x < count; x++)
        out[x] = a[x] * b[x];
}

static void fill_moments(const struct work *w, const uint8_t *image, const float *mask, uint32_t y) {
    static const uint8_t factors[MOMENTS][2] = {[RP] = {R, P}, [GP] = {G, P}, [BP] = {B, P}, [RR] = {R, R}, [RG] = {R, G},
                                                [RB] = {R, B}, [GG] = {G, G}, [GB] = {G, B}, [BB] = {B, B}};
    float *row[MOMENTS];
    for (size_t m = 0; m < MOMENTS; m++)
        row[m] = row_of(w->moments, w->wide, w->radius, m);
    guide_row(w, image, y, row[R], row[G], row[B]);
    for (uint32_t x = 0; x < w->mask.width; x++)
        row[P][x] = trii_minf(trii_maxf(mask[(size_t)y * w->mask.width + x], 0.0f), 1.0f);
    for (size_t m = RP; m < MOMENTS; m++)
        product(row[m], row[factors[m][0]], row[factors[m][1]], w->mask.width);
}

/* Row y of each ring: the sums along the row, of what stands in `rows`. Zeros beyond the ends add nothing. */
static void sum_along(const struct work *w, const float *rows, size_t count, uint32_t y, float *ring) {
    for (size_t s = 0; s < count; s++) {
        const float *from = rows + s * w->wide;
        float *restrict out = ring + ((y % w->ring) * count + s) * w->mask.width;
        for (uint32_t x = 0; x < w->mask.width; x++)
            out[x] = from[x];
        for (uint32_t i = 1; i < w->ring; i++)
            for (uint32_t x = 0; x < w->mask.width; x++)
                out[x] += from[x + i];
    }
}

/* The rows of the window around row y. */
struct range {
    uint32_t begin, end;
};
static struct range window(uint32_t at, uint32_t radius, uint32_t size) {
    return (struct range){at > radius ? at - radius : 0, size - at > radius ? at + radius + 1 : size};
}

static void sum_across(const struct work *w, const float *ring, size_t count, uint32_t y, float *sums, size_t pitch) {
    const struct range rows = window(y, w->radius, w->mask.height);
    for (size_t s = 0; s < count; s++) {
        float *restrict out = sums + s * pitch;
        for (uint32_t x = 0; x < w->mask.width; x++)
            out[x] = 0;
        for (uint32_t j = rows.begin; j < rows.end; j++) {
            const float *row = ring + ((j % w->ring) * count + s) * w->mask.width;
            for (uint32_t x = 0; x < w->mask.width; x++)
                out[x] += row[x];
        }
    }
}

/* 1 / cells of the window of column x, row y. */
static float share_of(const struct work *w, uint32_t x, uint32_t y) {
    const struct range rows = window(y, w->radius, w->mask.height), columns = window(x, w->radius, w->mask.width);
    return 1.0f / (float)((rows.end - rows.begin) * (columns.end - columns.begin));
}

/* The best a and b for one window's means; `softness` is added to the variances. */
static inline void fit(const float m[MOMENTS], float softness, float out[COEFFICIENTS]) {
    const float rr = m[RR] - m[R] * m[R] + softness, rg = m[RG] - m[R] * m[G], rb = m[RB] - m[R] * m[B];
    const float gg = m[GG] - m[G] * m[G] + softness, gb = m[GB] - m[G] * m[B];
    const float bb = m[BB] - m[B] * m[B] + softness;
    const float pr = m[RP] - m[R] * m[P], pg = m[GP] - m[G] * m[P], pb = m[BP] - m[B] * m[P];
    const float c00 = gg * bb - gb * gb, c01 = gb * rb - rg * bb, c02 = rg * gb - gg * rb;
    const float c11 = rr * bb - rb * rb, c12 = rb * rg - rr * gb, c22 = rr * gg - rg * rg;
    const float scale = 1.0f / (rr * c00 + rg * c01 + rb * c02);
    out[AR] = (c00 * pr + c01 * pg + c02 * pb) * scale;
    out[AG] = (c01 * pr + c11 * pg + c12 * pb) * scale;
    out[AB] = (c02 * pr + c12 * pg + c22 * pb) * scale;
    out[OFFSET] = m[P] - (out[AR] * m[R] + out[AG] * m[G] + out[AB] * m[B]);
}

static void fill_coefficients(const struct work *w, uint32_t y, float softness) {
    for (uint32_t x = 0; x < w->mask.width; x++) {
        const float share = share_of(w, x, y);
        float means[MOMENTS], found[COEFFICIENTS];
        for (size_t s = 0; s < MOMENTS; s++)
            means[s] = w->sums[s * w->mask.width + x] * share;
        fit(means, softness, found);
        for (size_t c = 0; c < COEFFICIENTS; c++)
            row_of(w->coefficients, w->wide, w->radius, c)[x] = found[c];
    }
}

static void mean_row(const struct work *w, uint32_t y) {
    const size_t plane = (size_t)w->mask.width * w->mask.height;
    float *to = w->means + (size_t)y * w->mask.width;
    sum_across(w, w->coefficient_sums, COEFFICIENTS, y, to, plane);
    for (uint32_t x = 0; x < w->mask.width; x++) {
        const float share = share_of(w, x, y);
        for (size_t c = 0; c < COEFFICIENTS; c++)
            to[c * plane + x] *= share;
    }
}

static void apply_row(const struct work *w, const uint8_t *pixels, const struct trii_refine *refine, uint32_t y,
                      float *dst) {
    const float sy = (float)w->mask.height / (float)w->image.height;
    const size_t plane = (size_t)w->mask.width * w->mask.height;
    const struct trii_tap v = trii_tap_of(y, w->mask.height, sy);
    for (size_t c = 0; c < COEFFICIENTS; c++) {
        const float *above = w->means + c * plane + (size_t)v.lower * w->mask.width;
        const float *below = w->means + c * plane + (size_t)v.upper * w->mask.width;
        for (uint32_t i = 0; i < w->mask.width; i++)
            w->between[c * w->mask.width + i] = trii_lerp(above[i], below[i], v.weight);
    }
    for (uint32_t x = 0; x < w->image.width; x++, pixels += 4) {
        float a[COEFFICIENTS];
        for (size_t c = 0; c < COEFFICIENTS; c++) {
            const float *row = w->between + c * w->mask.width;
            a[c] = trii_lerp(row[w->columns.lower[x]], row[w->columns.upper[x]], w->columns.weight[x]);
        }
        const float q = (a[AR] * (float)pixels[0] + a[AG] * (float)pixels[1] + a[AB] * (float)pixels[2]) * (1.0f / 255.0f) +
                        a[OFFSET];
        dst[x] = trii_minf(trii_maxf((q - refine->low) * refine->range, 0.0f), 1.0f);
    }
}

void TRII_EFFECT(refine)(const uint8_t *image, struct trii_size size, const float *mask, struct trii_size mask_size,
                         const struct trii_refine *refine, float *dst, void *scratch) {
    const struct work w = work_in(scratch, size, mask_size, refine->radius);
    uint32_t next = 0, fitted = 0; /* rows of moments; of coefficients */
    for (size_t i = 0; i < (MOMENTS + COEFFICIENTS) * w.wide; i++)
        w.moments[i] = 0;
    for (uint32_t y = 0; y < mask_size.height; y++) {
        const uint32_t fit_end = window(y, w.radius, mask_size.height).end;
        for (; fitted < fit_end; fitted++) {
            for (const uint32_t end = window(fitted, w.radius, mask_size.height).end; next < end; next++) {
                fill_moments(&w, image, mask, next);
                sum_along(&w, w.moments, MOMENTS, next, w.moment_sums);
            }
            sum_across(&w, w.moment_sums, MOMENTS, fitted, w.sums, mask_size.width);
            fill_coefficients(&w, fitted, refine->softness);
            sum_along(&w, w.coefficients, COEFFICIENTS, fitted, w.coefficient_sums);
        }
        mean_row(&w, y);
    }
    for (uint32_t y = 0; y < size.height; y++)
        apply_row(&w, image + (size_t)y * size.width * 4, refine, y, dst + (size_t)y * size.width);
}
