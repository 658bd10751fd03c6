/*
 * The host's kernels at 1080p: the plain set and the fast one beside memcpy of the same buffers, turn by turn.
 *
 *   bench/kernels [--rounds N] [--input FILE] [--json]
 *
 * GB/s counts each pixel read and each pixel written once; what a kernel skips (bilinear reads a part of its rows) or
 * reads twice (taps that overlap) is not corrected for. memcpy moves the image once: that many bytes in and out.
 */
#include "measure.h"

#include "kernels.h"

#include <stdlib.h>
#include <string.h>

enum { WIDTH = 1920, HEIGHT = 1080, WORK = 512, MASK = 256, KERNELS = 4, SETS = 2 };

static const struct trii_size image_size = {WIDTH, HEIGHT}, work_size = {WORK, WORK}, mask_size = {MASK, MASK};

struct buffers {
    uint8_t *image, *work, *output;
    float *mask;
    void *scratch;
};

static void bilinear(const struct trii_kernels *k, struct buffers *b) {
    k->resize_bilinear(b->image, image_size, b->work, work_size, (size_t)WORK * 4, b->scratch);
}

static void area(const struct trii_kernels *k, struct buffers *b) {
    k->resize_area(b->image, image_size, b->work, work_size, (size_t)WORK * 4, b->scratch);
}

static void apply_mask(const struct trii_kernels *k, struct buffers *b) {
    k->apply_mask(b->image, image_size, b->mask, mask_size, b->output, b->scratch);
}

static void vignette(const struct trii_kernels *k, struct buffers *b) {
    k->vignette(b->image, image_size, 0.5f, b->output);
}

#define IMAGE_BYTES ((size_t)WIDTH * HEIGHT * 4)
#define WORK_BYTES ((size_t)WORK * WORK * 4)
#define MASK_BYTES ((size_t)MASK * MASK * sizeof(float))

static const struct {
    const char *name;
    void (*run)(const struct trii_kernels *kernels, struct buffers *buffers);
    size_t moved;
} kernels[KERNELS] = {
    {"resize bilinear 1080p -> 512", bilinear, IMAGE_BYTES + WORK_BYTES},
    {"resize area 1080p -> 512", area, IMAGE_BYTES + WORK_BYTES},
    {"apply_mask 1080p, mask 256", apply_mask, 2 * IMAGE_BYTES + MASK_BYTES},
    {"vignette 1080p", vignette, 2 * IMAGE_BYTES},
};

static size_t largest(size_t a, size_t b) {
    return a > b ? a : b;
}

static struct buffers make_buffers(const char *input) {
    const size_t scratch =
        largest(trii_kernels_scratch(work_size, image_size), trii_kernels_scratch(image_size, mask_size));
    struct buffers b = {.image = bench_photo(input, WIDTH, HEIGHT),
                        .work = malloc(WORK_BYTES),
                        .output = malloc(IMAGE_BYTES),
                        .mask = malloc(MASK_BYTES),
                        .scratch = aligned_alloc(64, (scratch + 63) & ~(size_t)63)};
    if (!b.work || !b.output || !b.mask || !b.scratch)
        bench_die("kernels", "out of memory");
    for (size_t i = 0; i < (size_t)MASK * MASK; i++)
        b.mask[i] = (float)((i * 2654435761u) >> 8 & 0xffff) / 65535.0f;
    return b;
}

static double timed(const struct trii_kernels *set, size_t k, struct buffers *buffers) {
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

int main(int argc, char **argv) {
    static struct bench_series times[SETS][KERNELS], copies;
    const struct trii_kernels *const sets[SETS] = {&trii_kernels_plain, trii_kernels_best()};
    const struct bench_options options =
        bench_options(argc, argv, 101, "bench/kernels [--rounds N] [--input FILE] [--json]");
    struct buffers buffers = make_buffers(options.input);
    for (size_t round = 0; round < options.rounds + 3; round++) /* the first three warm up */
        for (size_t k = 0; k < KERNELS; k++) {
            const double ms[SETS] = {timed(sets[0], k, &buffers), timed(sets[1], k, &buffers)};
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
            bench_report_times(sets[s]->name, kernels[k].name, &times[s][k]);
            bench_report_value(sets[s]->name, "  moves",
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
    return 0;
}
