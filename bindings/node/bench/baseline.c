/* What bench.mjs compares with: the same work by the C library alone. Prints nanoseconds a call, medians:
 * "execute", "process" into memory that is used again, "process" into memory that is new, as the result is in JavaScript. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <tripoint/tripoint.h>

enum { WIDTH = 1920, HEIGHT = 1080, CALLS_MAX = 4000 };

static double times[CALLS_MAX];

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(size_t count) {
    qsort(times, count, sizeof *times, compare);
    return times[count / 2];
}

static void must(tri_status status, const struct tri_error *err) {
    if (status == TRI_OK)
        return;
    fprintf(stderr, "%s\n", err->message);
    exit(1);
}

static void execute(size_t calls) {
    struct tri_error err = {0};
    struct tri_runtime *runtime = NULL;
    tri_handle region;
    const struct tri_layout layout = tri_layout_image(8, 8, 4, TRI_DTYPE_U8);
    must(tri_runtime_create(NULL, &runtime, &err), &err);
    must(tri_arena_allocate_shared(tri_runtime_arena(runtime), 256, &region, &err), &err);
    must(tri_region_set_layout(tri_runtime_arena(runtime), region, &layout, &err), &err);
    const struct tri_stage stage = {.struct_bytes = sizeof stage,
                                    .technology = TRI_TECHNOLOGY_HOST,
                                    .operation = "vignette",
                                    .input = region,
                                    .output = region};
    for (size_t i = 0; i < calls; i++) {
        const double begin = now();
        must(tri_execute_zero_copy(runtime, &stage, 1, &err), &err);
        times[i] = now() - begin;
    }
    printf("execute %.0f\n", median(calls));
    tri_runtime_destroy(&runtime);
}

static void process(const char *pipeline, size_t calls) {
    struct tri_error err = {0};
    struct tri_image_pipeline *image = NULL;
    const size_t bytes = (size_t)WIDTH * HEIGHT * 4;
    uint8_t *pixels = malloc(bytes), *result = malloc(bytes);
    if (!pixels || !result)
        exit(1);
    for (size_t i = 0; i < bytes; i++)
        pixels[i] = (uint8_t)(i * 31 >> 3);
    must(tri_image_pipeline_create(NULL, pipeline, &image, &err), &err);
    for (size_t i = 0; i < calls + 5; i++) {
        const double begin = now();
        must(tri_image_pipeline_process(image, pixels, WIDTH, HEIGHT, result, &err), &err);
        times[i < 5 ? 0 : i - 5] = now() - begin;
    }
    printf("reused %.0f\n", median(calls));
    for (size_t i = 0; i < calls; i++) {
        const double begin = now();
        uint8_t *fresh = malloc(bytes);
        if (!fresh)
            exit(1);
        must(tri_image_pipeline_process(image, pixels, WIDTH, HEIGHT, fresh, &err), &err);
        times[i] = now() - begin;
        free(fresh);
    }
    printf("fresh %.0f\n", median(calls));
    tri_image_pipeline_destroy(&image);
    free(pixels);
    free(result);
}

int main(int argc, char **argv) {
    if (argc != 2)
        return 2;
    mallopt(M_MMAP_THRESHOLD, 1 << 20); /* what is new is new: the allocator keeps no pages of the last result */
    execute(3000);
    process(argv[1], 25);
    return 0;
}
