/*
 * The webnn engine, step by step: medians of rounds.
 *
 *   bench/webnn [ROUNDS]
 *
 * bring-up: opening the engine, preparing segment for 512x512 with nothing cached, and from the cache with its parts
 * (hashing the model's file, finding and hashing the compiled one, OpenVINO's import); the first inference after that.
 * Then an inference on 1 and 2 threads for several sizes of image: bare (OpenVINO's own call, in this thread) and as a
 * stage (submitted, inferred on the engine's thread, waited for), interleaved. One line of JSON a measurement.
 */
#include "engine/webnn/webnn.h"

#include "base/sys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROUNDS = 1001, SIDE = 512 };

static void need(bool fine, const char *what, const struct tri_error *err) {
    if (fine)
        return;
    fprintf(stderr, "bench/webnn: %s: %s\n", what, err ? err->message : "");
    exit(1);
}

struct series {
    double ms[MAX_ROUNDS];
    size_t count;
};

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void add(struct series *s, uint64_t since) {
    if (s->count < MAX_ROUNDS)
        s->ms[s->count++] = (double)(trii_sys_now_ns() - since) * 1e-6;
}

static void tell(const char *what, uint32_t threads, struct series *s) {
    qsort(s->ms, s->count, sizeof *s->ms, by_value);
    printf("{\"what\": \"%s\", \"threads\": %u, \"median_ms\": %.3f, \"min_ms\": %.3f, \"rounds\": %zu}\n", what,
           threads, s->ms[s->count / 2], s->ms[0], s->count);
    s->count = 0;
}

/* An engine over an arena, and segment prepared in place on an image. */
struct world {
    struct tri_arena *arena;
    struct tri_engine *engine;
    struct trii_nn *nn;
    struct trii_stage stage;
    struct trii_task *task;
};

static void world_open(struct world *w, uint32_t threads, const char *cache, struct series *opening) {
    struct tri_error err = {0};
    const struct tri_engine_params params = {.struct_bytes = sizeof params, .threads = threads, .cache_dir = cache};
    *w = (struct world){0};
    need(tri_arena_create(NULL, &w->arena, &err) == TRI_OK, "arena", &err);
    uint64_t since = trii_sys_now_ns();
    need(tri_engine_open(w->arena, TRI_TECHNOLOGY_WEBNN, &params, &w->engine, &err) == TRI_OK, "open", &err);
    add(opening, since);
    w->nn = (struct trii_nn *)w->engine;
}

static void world_prepare(struct world *w, uint64_t height, uint64_t width, struct series *preparing) {
    struct tri_error err = {0};
    struct trii_region region;
    const struct trii_op *op = trii_op_get(TRII_OP_SEGMENT);
    tri_handle handle;
    need(tri_arena_allocate_shared(w->arena, height * width * 4, &handle, &err) == TRI_OK, "region", &err);
    need(trii_arena_resolve(w->arena, handle, &region, &err) == TRI_OK, "region", &err);
    memset(region.bytes, 120, height * width * 4);
    w->stage = (struct trii_stage){.name = "segment", .op = op, .operand_count = 2, .in_place = true};
    need(trii_args_resolve(op, NULL, 0, &w->stage.args, &err) == TRI_OK, "parameters", &err);
    w->stage.operands[0] =
        (struct trii_operand){&op->info.operands[0], region, tri_layout_image(height, width, 4, TRI_DTYPE_U8)};
    w->stage.operands[1] = (struct trii_operand){&op->info.operands[1], region, tri_layout_mask(256, 256)};
    uint64_t since = trii_sys_now_ns();
    need(trii_task_prepare(w->engine, &w->stage, &w->task, &err) == TRI_OK, "prepare", &err);
    add(preparing, since);
}

static void run(struct world *w, struct series *running) {
    struct tri_error err = {0};
    struct trii_fence fence;
    trii_fence_init(&fence);
    uint64_t since = trii_sys_now_ns();
    need(trii_task_submit(w->task, &fence, &err) == TRI_OK &&
             trii_task_wait(w->task, &fence, TRI_FOREVER, &err) == TRI_OK, "run", &err);
    add(running, since);
}

static void world_close(struct world *w) {
    trii_task_release(&w->task);
    tri_engine_close(&w->engine);
    tri_arena_destroy(&w->arena);
}

static void time_parts(struct world *w, struct series *file, struct series *found, struct series *import) {
    struct trii_nn_model *model = w->nn->models;
    struct trii_cached again;
    struct ov_compiled_model *compiled = NULL;
    char hash[65];
    uint64_t since = trii_sys_now_ns();
    trii_sha256_hex(model->blob.bytes, 437682, hash); /* as long as the model's file */
    add(file, since);
    since = trii_sys_now_ns();
    need(trii_cache_find(w->nn->cache, model->key, &again), "find", NULL);
    add(found, since);
    since = trii_sys_now_ns();
    need(w->nn->ov.core_import_model(w->nn->core, again.bytes, again.size, "CPU", &compiled) == TRII_OV_OK, "import",
         NULL);
    add(import, since);
    w->nn->ov.compiled_model_free(compiled);
    trii_cached_release(&again);
}

static void bring_up(size_t rounds, uint32_t threads, const char *cache) {
    static struct series opening, cold, warm, first, file, found, import;
    struct world w;
    for (size_t i = 0; i < rounds; i++) {
        world_open(&w, threads, "", &opening);
        world_prepare(&w, SIDE, SIDE, &cold);
        world_close(&w);
    }
    for (size_t i = 0; i < rounds + 1; i++) {
        world_open(&w, threads, cache, &opening);
        if (i == 0) /* fills the cache */
            warm.count = first.count = 0;
        world_prepare(&w, SIDE, SIDE, &warm);
        run(&w, &first);
        if (w.nn->models->blob.bytes)
            time_parts(&w, &file, &found, &import);
        else
            warm.count = first.count = 0;
        world_close(&w);
    }
    tell("open", threads, &opening);
    tell("prepare 512x512, nothing cached", threads, &cold);
    tell("prepare 512x512, cached", threads, &warm);
    tell("  of which hashing the model's file", threads, &file);
    tell("  of which finding and hashing the compiled one", threads, &found);
    tell("  of which OpenVINO's import (here the second of a process)", threads, &import);
    tell("the first inference", threads, &first);
}

static void infer(size_t rounds, uint32_t threads, uint64_t height, uint64_t width) {
    static struct series unused, bare, stage;
    struct tri_error err = {0};
    struct world w;
    struct ov_infer_request *request = NULL;
    char what[64];
    world_open(&w, threads, "", &unused);
    world_prepare(&w, height, width, &unused);
    uint8_t *bytes = w.stage.operands[0].region.bytes;
    need(trii_nn_request(w.nn, w.nn->models, bytes, bytes, &request, &err) == TRI_OK, "request", &err);
    for (size_t i = 0; i < rounds; i++) {
        uint64_t since = trii_sys_now_ns();
        need(w.nn->ov.infer_request_infer(request) == TRII_OV_OK, "infer", NULL);
        add(&bare, since);
        run(&w, &stage);
    }
    w.nn->ov.infer_request_free(request);
    world_close(&w);
    unused.count = 0;
    snprintf(what, sizeof what, "infer %ux%u, bare", (unsigned)width, (unsigned)height);
    tell(what, threads, &bare);
    snprintf(what, sizeof what, "infer %ux%u, as a stage", (unsigned)width, (unsigned)height);
    tell(what, threads, &stage);
}

int main(int argc, char **argv) {
    static const uint64_t sizes[][2] = {{256, 256}, {512, 512}, {1080, 1920}};
    size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 101;
    char cache[] = "/tmp/tripoint-bench-XXXXXX", command[64];
    need(rounds > 0 && rounds < MAX_ROUNDS && mkdtemp(cache), "usage: bench/webnn [ROUNDS]", NULL);
    bring_up(rounds / 10 + 1, 2, cache);
    for (uint32_t threads = 1; threads <= 2; threads++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            infer(rounds, threads, sizes[i][0], sizes[i][1]);
    snprintf(command, sizeof command, "rm -rf %s", cache);
    return system(command) == 0 ? 0 : 1;
}
