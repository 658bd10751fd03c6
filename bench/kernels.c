/*
 * The host's kernels at 1080p: the plain set and the fast one beside memcpy of the same buffers, turn by turn.
 *
 *   bench/kernels [--rounds N] [--input FILE] [--json]
 *
 * GB/s counts each pixel read and each pixel written once; what a kernel skips (bilinear reads a part of its rows) or
 * reads twice (taps that overlap) is not corrected for. memcpy moves the image once: that many bytes in and out.
 */
#include "measure.h"

#include "convert.h"
#include "kernels.h"
#include "pixels.h"
#include "window.h"
#include "yuv.h"

#include <stdlib.h>
#include <string.h>

enum { WIDTH = 1920, HEIGHT = 1080, WORK = 512, MASK = 256, PIXELS = WIDTH * HEIGHT, SETS = 2 };

static const struct trii_size image_size = {WIDTH, HEIGHT}, work_size = {WORK, WORK}, mask_size = {MASK, MASK};

#define IMAGE_BYTES ((size_t)PIXELS * 4)
#define FLOAT_BYTES ((size_t)PIXELS * 16)
#define FRAME_BYTES ((size_t)PIXELS * 3 / 2)
#define WORK_BYTES ((size_t)WORK * WORK * 4)
#define MASK_BYTES ((size_t)MASK * MASK * sizeof(float))

/* The sets of every family, plain and fast. */
static const struct trii_kernels *kernels_of[SETS];
static const struct trii_pixel_kernels *pixels_of[SETS];
static const struct trii_convert_kernels *convert_of[SETS];
static const struct trii_yuv_kernels *yuv_of[SETS];

struct buffers {
    uint8_t *image, *work, *output, *frame;
    float *mask, *floats, *cells;
    void *scratch;
    struct trii_weights across, down;
};

static void bilinear(size_t set, struct buffers *b) {
    kernels_of[set]->resize_bilinear(b->image, image_size, b->work, work_size, (size_t)WORK * 4,
                                  trii_all_rows(work_size), b->scratch);
}

static void area(size_t set, struct buffers *b) {
    kernels_of[set]->resize_area(b->image, image_size, b->work, work_size, (size_t)WORK * 4,
                                  trii_all_rows(work_size), b->scratch);
}

/* To the network's own size. */
static void bilinear_256(size_t set, struct buffers *b) {
    kernels_of[set]->resize_bilinear(b->image, image_size, b->work, mask_size, (size_t)MASK * 4,
                                     trii_all_rows(mask_size), b->scratch);
}

static void area_256(size_t set, struct buffers *b) {
    kernels_of[set]->resize_area(b->image, image_size, b->work, mask_size, (size_t)MASK * 4, trii_all_rows(mask_size),
                                 b->scratch);
}

static void nearest(size_t set, struct buffers *b) {
    kernels_of[set]->resize_nearest(b->image, image_size, b->work, work_size, (size_t)WORK * 4,
                                  trii_all_rows(work_size), b->scratch);
}

static void lanczos(size_t set, struct buffers *b) {
    kernels_of[set]->resize_weighted(b->image, image_size, b->work, work_size, (size_t)WORK * 4, &b->across, &b->down,
                                     trii_all_rows(work_size), b->scratch);
}

static void apply_mask(size_t set, struct buffers *b) {
    kernels_of[set]->apply_mask(b->image, image_size, b->mask, mask_size, b->output, trii_all_rows(image_size),
                                b->scratch);
}

static void apply_mask_in_place(size_t set, struct buffers *b) {
    kernels_of[set]->apply_mask(b->output, image_size, b->mask, mask_size, b->output, trii_all_rows(image_size),
                                b->scratch);
}

static void vignette(size_t set, struct buffers *b) {
    kernels_of[set]->vignette(b->image, image_size, 0.5f, b->output, trii_all_rows(image_size));
}

/* One set: rows are moved whole. */
static void pad(size_t set, struct buffers *b) {
    const uint8_t colour[4] = {0};
    const struct trii_window_job job = {.src = b->image,
                                        .in = {WIDTH - 64, HEIGHT - 64},
                                        .dst = b->output,
                                        .out = image_size,
                                        .left = -32,
                                        .top = -32,
                                        .pixel_bytes = 4,
                                        .fill = colour};
    (void)set;
    trii_window_plain(&job);
}

static void premultiply(size_t set, struct buffers *b) {
    pixels_of[set]->premultiply(b->image, b->output, PIXELS);
}

static void unpremultiply(size_t set, struct buffers *b) {
    pixels_of[set]->unpremultiply(b->image, b->output, PIXELS);
}

static void colour_matrix(size_t set, struct buffers *b) {
    static const float sepia[20] = {0.393f, 0.769f, 0.189f, 0, 0, 0.349f, 0.686f, 0.168f, 0, 0,
                                    0.272f, 0.534f, 0.131f, 0, 0, 0,      0,      0,      1, 0};
    pixels_of[set]->colour_matrix(b->image, b->output, PIXELS, sepia);
}

static void extract(size_t set, struct buffers *b) {
    static const float alpha[4] = {0, 0, 0, 1 / 255.0f};
    pixels_of[set]->extract(b->image, b->cells, PIXELS, alpha);
}

static void threshold(size_t set, struct buffers *b) {
    pixels_of[set]->threshold(b->cells, (float *)(void *)b->output, PIXELS, 0.5f, 4);
}

static void convert(size_t set, const void *src, struct trii_format from, void *dst, struct trii_format to) {
    trii_convert(convert_of[set], src, from, dst, to, PIXELS);
}

static const struct trii_format rgba = {TRII_ELEMENT_U8, 4}, rgb = {TRII_ELEMENT_U8, 3},
                                rgba_f16 = {TRII_ELEMENT_F16, 4}, rgba_f32 = {TRII_ELEMENT_F32, 4};

static void to_f32(size_t set, struct buffers *b) {
    convert(set, b->image, rgba, b->floats, rgba_f32);
}

static void from_f32(size_t set, struct buffers *b) {
    convert(set, b->floats, rgba_f32, b->output, rgba);
}

static void to_f16(size_t set, struct buffers *b) {
    convert(set, b->image, rgba, b->floats, rgba_f16);
}

static void to_rgb(size_t set, struct buffers *b) {
    convert(set, b->image, rgba, b->output, rgb);
}

static void to_rgba(size_t set, struct buffers *b) {
    convert(set, b->image, rgb, b->output, rgba);
}

static void to_nv12(size_t set, struct buffers *b) {
    const struct trii_planes planes = trii_planes_of(b->frame, image_size, true);
    const struct trii_to_yuv numbers = trii_to_yuv_of(0.2126, 0.0722, false);
    yuv_of[set]->to(b->image, image_size, &planes, &numbers);
}

static void from_nv12(size_t set, struct buffers *b) {
    const struct trii_planes planes = trii_planes_of(b->frame, image_size, true);
    const struct trii_from_yuv numbers = trii_from_yuv_of(0.2126, 0.0722, false);
    yuv_of[set]->from(&planes, image_size, b->output, &numbers);
}

static const struct {
    const char *name;
    void (*run)(size_t set, struct buffers *buffers);
    size_t moved;
} kernels[] = {
    {"resize nearest 1080p -> 512", nearest, IMAGE_BYTES + WORK_BYTES},
    {"resize bilinear 1080p -> 512", bilinear, IMAGE_BYTES + WORK_BYTES},
    {"resize area 1080p -> 512", area, IMAGE_BYTES + WORK_BYTES},
    {"resize lanczos 1080p -> 512", lanczos, IMAGE_BYTES + WORK_BYTES},
    {"resize bilinear 1080p -> 256", bilinear_256, IMAGE_BYTES + WORK_BYTES / 4},
    {"resize area 1080p -> 256", area_256, IMAGE_BYTES + WORK_BYTES / 4},
    {"apply_mask 1080p, mask 256", apply_mask, 2 * IMAGE_BYTES + MASK_BYTES},
    {"apply_mask in place", apply_mask_in_place, 2 * IMAGE_BYTES + MASK_BYTES},
    {"vignette 1080p", vignette, 2 * IMAGE_BYTES},
    {"pad to 1080p", pad, 2 * IMAGE_BYTES},
    {"premultiply 1080p", premultiply, 2 * IMAGE_BYTES},
    {"unpremultiply 1080p", unpremultiply, 2 * IMAGE_BYTES},
    {"colour_matrix 1080p", colour_matrix, 2 * IMAGE_BYTES},
    {"extract_mask 1080p", extract, 2 * IMAGE_BYTES},
    {"threshold 1080p", threshold, 2 * IMAGE_BYTES},
    {"convert u8 -> f32 1080p", to_f32, IMAGE_BYTES + FLOAT_BYTES},
    {"convert f32 -> u8 1080p", from_f32, IMAGE_BYTES + FLOAT_BYTES},
    {"convert u8 -> f16 1080p", to_f16, IMAGE_BYTES + FLOAT_BYTES / 2},
    {"convert RGBA -> RGB 1080p", to_rgb, IMAGE_BYTES / 4 * 7},
    {"convert RGB -> RGBA 1080p", to_rgba, IMAGE_BYTES / 4 * 7},
    {"to_nv12 1080p", to_nv12, IMAGE_BYTES + FRAME_BYTES},
    {"from_nv12 1080p", from_nv12, IMAGE_BYTES + FRAME_BYTES},
};
enum { KERNELS = sizeof kernels / sizeof *kernels };

static size_t largest(size_t a, size_t b) {
    return a > b ? a : b;
}

static struct trii_weights weights_of(uint32_t in, uint32_t out) {
    const uint32_t taps = trii_lanczos_taps(in, out);
    uint32_t *spans = malloc((size_t)out * 2 * sizeof *spans);
    float *values = malloc((size_t)out * taps * sizeof *values);
    if (!spans || !values)
        bench_die("kernels", "out of memory");
    trii_lanczos_fill(in, out, spans, values);
    return (struct trii_weights){taps, spans, values};
}

static struct buffers make_buffers(const char *input) {
    const struct trii_weights across = weights_of(WIDTH, WORK), down = weights_of(HEIGHT, WORK);
    const size_t taps =
        largest(trii_kernels_scratch(work_size, image_size), trii_kernels_scratch(image_size, mask_size));
    const size_t scratch = largest(taps, trii_kernels_weighted(image_size, work_size, down.taps) * sizeof(float));
    struct buffers b = {.image = bench_photo(input, WIDTH, HEIGHT),
                        .work = malloc(WORK_BYTES),
                        .output = malloc(IMAGE_BYTES),
                        .frame = malloc(FRAME_BYTES),
                        .mask = malloc(MASK_BYTES),
                        .floats = malloc(FLOAT_BYTES),
                        .cells = malloc(IMAGE_BYTES),
                        .scratch = aligned_alloc(64, (scratch + 63) & ~(size_t)63),
                        .across = across,
                        .down = down};
    if (!b.work || !b.output || !b.frame || !b.mask || !b.floats || !b.cells || !b.scratch)
        bench_die("kernels", "out of memory");
    for (size_t i = 0; i < (size_t)MASK * MASK; i++)
        b.mask[i] = (float)((i * 2654435761u) >> 8 & 0xffff) / 65535.0f;
    return b;
}

static double timed(size_t set, size_t k, struct buffers *buffers) {
    const double begin = bench_now_ms();
    kernels[k].run(set, buffers);
    return bench_now_ms() - begin;
}

static double timed_memcpy(struct buffers *buffers) {
    const double begin = bench_now_ms();
    memcpy(buffers->output, buffers->image, IMAGE_BYTES);
    __asm__ volatile("" : : "r"(buffers->output) : "memory"); /* what was copied counts as used */
    return bench_now_ms() - begin;
}

static void choose_sets(void) {
    kernels_of[0] = &trii_kernels_plain;
    kernels_of[1] = trii_kernels_best();
    pixels_of[0] = &trii_pixels_plain;
    pixels_of[1] = trii_pixels_best();
    convert_of[0] = &trii_convert_plain;
    convert_of[1] = trii_convert_best();
    yuv_of[0] = &trii_yuv_plain;
    yuv_of[1] = trii_yuv_best();
}

int main(int argc, char **argv) {
    static struct bench_series times[SETS][KERNELS], copies;
    const struct bench_options options =
        bench_options(argc, argv, 101, "bench/kernels [--rounds N] [--input FILE] [--json]");
    struct buffers buffers = make_buffers(options.input);
    choose_sets();
    for (size_t round = 0; round < options.rounds + 3; round++) /* the first three warm up */
        for (size_t k = 0; k < KERNELS; k++) {
            const double ms[SETS] = {timed(0, k, &buffers), timed(1, k, &buffers)};
            const double copy = timed_memcpy(&buffers);
            if (round < 3)
                continue;
            bench_add(&times[0][k], ms[0]);
            bench_add(&times[1][k], ms[1]);
            bench_add(&copies, copy);
        }
    bench_report_begin(options.json, "kernels", argc, argv);
    for (size_t k = 0; k < KERNELS; k++)
        for (size_t s = 0; s < SETS; s++) {
            if (s == 1 && kernels[k].run == pad)
                continue; /* one set */
            bench_report_times(kernels_of[s]->name, kernels[k].name, &times[s][k]);
            bench_report_value(kernels_of[s]->name, "  moves",
                               (double)kernels[k].moved * 1e-6 / bench_summarise(&times[s][k]).median, "GB/s", NULL);
        }
    bench_report_times("libc", "memcpy 1080p", &copies);
    bench_report_value("libc", "  moves", 2.0 * (double)IMAGE_BYTES * 1e-6 / bench_summarise(&copies).median, "GB/s",
                       NULL);
    bench_report_end();
    free(buffers.image);
    free(buffers.work);
    free(buffers.output);
    free(buffers.mask);
    free(buffers.scratch);
    free(buffers.frame);
    free(buffers.floats);
    free(buffers.cells);
    free((void *)(uintptr_t)buffers.across.spans);
    free((void *)(uintptr_t)buffers.across.values);
    free((void *)(uintptr_t)buffers.down.spans);
    free((void *)(uintptr_t)buffers.down.values);
    return 0;
}
