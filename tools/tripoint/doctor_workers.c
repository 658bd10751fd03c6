/* Trying whether a stranger's file runs in a worker process: a shader of one word, over the arena's pages. */
#include "doctor.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char shader[] = "@group(0) @binding(0) var<storage, read> a: array<u32>;\n"
                             "@group(0) @binding(1) var<storage, read_write> b: array<u32>;\n"
                             "@compute @workgroup_size(1) fn main() { b[0] = ~a[0]; }\n";
static const char text[] = "{\"inputs\": {\"a\": {\"kind\": \"tensor\"}}, \"outputs\": [\"b\"], \"stages\": [{\"technology\": "
                           "\"webgpu\", \"operation\": \"./doctor.wgsl\", \"input\": \"a\", \"output\": \"b\"}]}";

static tri_status refuse(struct tri_error *err, tri_status status, const char *message) {
    *err = (struct tri_error){.status = status};
    snprintf(err->message, sizeof err->message, "%s", message);
    return status;
}

static tri_status run_word(struct tri_runtime *runtime, struct tri_pipeline *pipeline, struct tri_error *err) {
    static const struct tri_layout word = {.dtype = TRI_DTYPE_U32, .rank = 1, .shape = {1}, .kind = TRI_KIND_TENSOR};
    struct tri_arena *arena = tri_runtime_arena(runtime);
    uint32_t a = 0x01020304, b = 0;
    tri_handle from, to;
    tri_status status = tri_pipeline_set_input(pipeline, "a", &word, err);
    if (status == TRI_OK)
        status = tri_pipeline_plan(pipeline, err);
    if (status == TRI_OK)
        status = tri_pipeline_region(pipeline, "a", &from, NULL, err);
    if (status == TRI_OK)
        status = tri_pipeline_region(pipeline, "b", &to, NULL, err);
    if (status == TRI_OK)
        status = tri_region_write(arena, from, 0, &a, sizeof a, NULL, NULL, err);
    if (status == TRI_OK)
        status = tri_pipeline_run(pipeline, NULL, err);
    if (status == TRI_OK && tri_ledger_bytes(arena, TRI_LEDGER_BETWEEN) > 0)
        return refuse(err, TRI_COPY_REFUSED, "the worker copies");
    if (status == TRI_OK)
        status = tri_region_read(arena, to, 0, &b, sizeof b, NULL, NULL, err);
    return status == TRI_OK && b != ~a ? refuse(err, TRI_ENGINE_FAILED, "what a worker wrote is not seen here") : status;
}

static tri_status try_file(const struct tri_engine_params params[TRI_TECHNOLOGY_COUNT], int file, struct tri_error *err) {
    struct tri_runtime_params with = {.struct_bytes = sizeof with, .isolate = true};
    struct tri_runtime *runtime = NULL;
    struct tri_pipeline *pipeline = NULL;
    char path[32];
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++)
        with.engines[t] = &params[t];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    const struct tri_file lent = {"./doctor.wgsl", path};
    const struct tri_pipeline_params what = {.struct_bytes = sizeof what, .text = text, .text_bytes = sizeof text - 1,
                                             .origin = "doctor", .files = &lent, .file_count = 1};
    tri_status status = tri_runtime_create(&with, &runtime, err);
    if (status == TRI_OK)
        status = tri_pipeline_open(runtime, &what, &pipeline, err);
    if (status == TRI_OK)
        status = run_word(runtime, pipeline, err);
    tri_pipeline_destroy(&pipeline);
    tri_runtime_destroy(&runtime);
    return status;
}

enum doctor_verdict doctor_try_workers(const struct tri_engine_params params[TRI_TECHNOLOGY_COUNT], struct tri_error *err) {
    int file = memfd_create("doctor", MFD_CLOEXEC);
    tri_status status = TRI_OK;
    if (file < 0 || write(file, shader, sizeof shader - 1) != (ssize_t)sizeof shader - 1)
        status = refuse(err, TRI_NO_MEMORY, "no memory for a shader");
    if (status == TRI_OK)
        status = try_file(params, file, err);
    if (file >= 0)
        close(file);
    return status == TRI_OK ? DOCTOR_ZERO_COPY : status == TRI_ENGINE_UNAVAILABLE ? DOCTOR_MISSING : DOCTOR_BROKEN;
}
