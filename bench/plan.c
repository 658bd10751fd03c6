/*
 * How long planning takes: reading a pipeline's text, binding, layouts, memory. No engine is opened.
 *
 *   bench/plan [ROUNDS]
 *
 * One line of JSON a measurement: 50 stages of built-in operations, 50 that name a shader, and 256, the most there may be.
 * The target is 50 ms for 50 stages.
 */
#include <tripoint/tripoint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_ROUNDS = 1001, TEXT = 1 << 17 };

static const char shader[] =
    "override width: u32; override height: u32; override gain: f32 = 1;\n"
    "@group(0) @binding(0) var<storage, read> a: array<u32>;\n"
    "@group(0) @binding(1) var<storage, read_write> b: array<u32>;\n"
    "@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) at: vec3u) {\n"
    "  if (at.x < width && at.y < height) { b[at.y * width + at.x] = u32(f32(a[at.y * width + at.x]) * gain); } }\n";

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void need(tri_status status, const struct tri_error *err) {
    if (status == TRI_OK)
        return;
    fprintf(stderr, "bench/plan: %s\n", err->message);
    exit(1);
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void write_text(char *text, size_t stages, const char *technology, const char *operation) {
    size_t used = (size_t)snprintf(text, TEXT, "{\"inputs\": {\"r0\": {\"kind\": \"image\"}}, \"outputs\": [\"r%zu\"], "
                                               "\"stages\": [", stages);
    for (size_t i = 0; i < stages; i++)
        used += (size_t)snprintf(text + used, TEXT - used,
                                 "%s{\"technology\": \"%s\", \"operation\": \"%s\", \"input\": \"r%zu\", \"output\": \"r%zu\"}",
                                 i ? ", " : "", technology, operation, i, i + 1);
    snprintf(text + used, TEXT - used, "]}");
}

static void measure(struct tri_runtime *runtime, const char *folder, size_t stages, const char *technology,
                    const char *operation, size_t rounds) {
    static char text[TEXT];
    static double ms[MAX_ROUNDS];
    const struct tri_layout photo = tri_layout_image(64, 64, 4, TRI_DTYPE_U8);
    struct tri_error err = {0};
    write_text(text, stages, technology, operation);
    const struct tri_pipeline_params params = {
        .struct_bytes = sizeof params, .text = text, .text_bytes = strlen(text), .origin = "bench", .folder = folder};
    for (size_t i = 0; i < rounds; i++) {
        struct tri_pipeline *pipeline = NULL;
        const double begin = now_ms();
        need(tri_pipeline_open(runtime, &params, &pipeline, &err), &err);
        need(tri_pipeline_set_input(pipeline, "r0", &photo, &err), &err);
        need(tri_pipeline_plan(pipeline, &err), &err);
        ms[i] = now_ms() - begin;
        tri_pipeline_destroy(&pipeline);
    }
    qsort(ms, rounds, sizeof *ms, by_value);
    printf("{\"what\": \"plan %zu stages of %s\", \"median_ms\": %.3f, \"min_ms\": %.3f, \"rounds\": %zu}\n", stages,
           operation, ms[rounds / 2], ms[0], rounds);
}

int main(int argc, char **argv) {
    const size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 101;
    char folder[] = "/tmp/tripoint-bench-XXXXXX", path[64];
    struct tri_runtime *runtime = NULL;
    struct tri_error err = {0};
    if (rounds == 0 || rounds > MAX_ROUNDS || !mkdtemp(folder)) {
        fprintf(stderr, "bench/plan: 1 ... %d rounds\n", MAX_ROUNDS);
        return 2;
    }
    snprintf(path, sizeof path, "%s/s.wgsl", folder);
    FILE *file = fopen(path, "w");
    if (!file || fputs(shader, file) < 0 || fclose(file) != 0) {
        fprintf(stderr, "bench/plan: can't write %s\n", path);
        return 1;
    }
    setenv("TRIPOINT_WARM", "0", 1); /* no engine: nothing else runs yet */
    need(tri_runtime_create(NULL, &runtime, &err), &err);
    measure(runtime, folder, 50, "host", "resize", rounds);
    measure(runtime, folder, 50, "webgpu", "./s.wgsl", rounds);
    measure(runtime, folder, 256, "host", "resize", rounds);
    tri_runtime_destroy(&runtime);
    unlink(path);
    return rmdir(folder) == 0 ? 0 : 1;
}
