/*
 * What bench.mjs compares with: the same work by the C library alone, in a process that stays and is asked by lines:
 *
 *   execute N   executeZeroCopy of one small stage
 *   reused N    an image into memory that is used again
 *   fresh N     an image into memory that is new, as the result is in JavaScript
 *
 * Each is answered with nanoseconds: the median of N calls, after one that warms up.
 */
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

static struct tri_runtime *runtime;
static struct tri_stage stage = {.struct_bytes = sizeof stage, .technology = TRI_TECHNOLOGY_HOST, .operation = "vignette"};

static void execute_open(void) {
    struct tri_error err = {0};
    const struct tri_layout layout = tri_layout_image(8, 8, 4, TRI_DTYPE_U8);
    must(tri_runtime_create(NULL, &runtime, &err), &err);
    must(tri_arena_allocate_shared(tri_runtime_arena(runtime), 256, &stage.input, &err), &err);
    must(tri_region_set_layout(tri_runtime_arena(runtime), stage.input, &layout, &err), &err);
    stage.output = stage.input;
}

static double execute(void) {
    struct tri_error err = {0};
    const double begin = now();
    must(tri_execute_zero_copy(runtime, &stage, 1, &err), &err);
    return now() - begin;
}

static struct tri_image_pipeline *image;
static uint8_t *pixels, *result;

static void process_open(const char *pipeline) {
    struct tri_error err = {0};
    const size_t bytes = (size_t)WIDTH * HEIGHT * 4;
    pixels = malloc(bytes);
    result = malloc(bytes);
    if (!pixels || !result)
        exit(1);
    for (size_t i = 0; i < bytes; i++)
        pixels[i] = (uint8_t)(i * 31 >> 3);
    must(tri_image_pipeline_create(NULL, pipeline, &image, &err), &err);
}

static double process(bool fresh) {
    struct tri_error err = {0};
    const double begin = now();
    uint8_t *into = fresh ? malloc((size_t)WIDTH * HEIGHT * 4) : result;
    if (!into)
        exit(1);
    must(tri_image_pipeline_process(image, pixels, WIDTH, HEIGHT, into, &err), &err);
    const double took = now() - begin;
    if (fresh)
        free(into);
    return took;
}

int main(int argc, char **argv) {
    char line[64];
    size_t calls;
    if (argc != 2)
        return 2;
    mallopt(M_MMAP_THRESHOLD, 1 << 20); /* what is new is new: the allocator keeps no pages of the last result */
    execute_open();
    process_open(argv[1]);
    while (fgets(line, sizeof line, stdin) && sscanf(line, "%*s %zu", &calls) == 1 && calls >= 1 && calls <= CALLS_MAX) {
        for (size_t i = 0; i <= calls; i++) /* the second overwrites what the first took */
            times[i == 0 ? 0 : i - 1] = line[0] == 'e' ? execute() : process(line[0] == 'f');
        printf("%.0f\n", median(calls));
        fflush(stdout);
    }
    return 0;
}
