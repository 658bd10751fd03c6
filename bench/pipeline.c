/*
 * The cut-out at 1080p, sequence of the three stages, against the sum of the bare engine calls and against twins that
 * copy. All of them take turns in one loop, so that what slows the machine slows each; ratios are medians of the
 * rounds' quotients.
 *
 *   bench/pipeline [--rounds N] [--input FILE] [--json]
 *
 *   job       tri_pipeline_run(): claims, checks, front door, fences
 *   bare      the same kernels, inferences and dispatches called directly on the same pages
 *   copying   every engine owns its memory: each stage copies its operands in and its result out
 *   thrifty   the same, but the engine that ran resize keeps the photo for apply_mask
 */
#include "pipeline.h"

#include "arena/arena.h"
#include "base/alloc.h"
#include "measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const struct trii_size photo_size = {PHOTO_WIDTH, PHOTO_HEIGHT}, work_size = {WORK_SIDE, WORK_SIDE},
                              mask_size = {MASK_SIDE, MASK_SIDE};

/* What a program without an arena has: its own memory a stage, and the host engine's own copies. */
struct outside {
    uint8_t *photo, *work, *result;
    float *mask;
    uint8_t *engine_photo, *engine_work, *engine_result; /* the host engine's */
    void *scratch;
};

struct bench {
    const char *name;
    struct tri_runtime *runtime;
    struct tri_pipeline *pipeline;
    struct bench_job job;
    struct bench_gpu *gpu; /* NULL: pixels on the CPU */
    struct bench_nn *nn;
    const struct trii_kernels *kernels;
    struct outside outside;
    uint8_t *expected; /* what the job made */
};

static void *memory(size_t bytes) {
    void *out = aligned_alloc(4096, (bytes + 4095) & ~(size_t)4095);
    if (!out)
        bench_die("pipeline", "out of memory");
    memset(out, 0, bytes);
    return out;
}

/* ---- setting up ---- */

static tri_handle region(struct bench *b, const char *name, uint8_t **bytes) {
    struct tri_error err = {0};
    struct trii_region resolved;
    tri_handle handle;
    bench_check(tri_pipeline_region(b->pipeline, name, &handle, NULL, &err), &err);
    bench_check(trii_arena_resolve(b->job.arena, handle, &resolved, &err), &err);
    *bytes = resolved.bytes;
    return handle;
}

static void open_job(struct bench *b, const uint8_t *photo) {
    struct tri_error err = {0};
    struct tri_engine_params engine = {.struct_bytes = sizeof engine, .may_set_environment = true};
    struct tri_runtime_params params = {.struct_bytes = sizeof params};
    const struct tri_layout layout = tri_layout_image(PHOTO_HEIGHT, PHOTO_WIDTH, 4, TRI_DTYPE_U8);
    for (size_t i = 0; i < TRI_TECHNOLOGY_COUNT; i++)
        params.engines[i] = &engine;
    bench_check(tri_runtime_create(&params, &b->runtime, &err), &err);
    b->job.arena = tri_runtime_arena(b->runtime);
    bench_check(tri_pipeline_load(b->runtime, b->name, &b->pipeline, &err), &err);
    bench_check(tri_pipeline_set_input(b->pipeline, "input", &layout, &err), &err);
    bench_check(tri_pipeline_prepare(b->pipeline, &err), &err);
    b->job.input = region(b, "input", &b->job.input_bytes);
    b->job.work = region(b, "work", &b->job.work_bytes);
    b->job.output = region(b, "output", &b->job.output_bytes);
    memcpy(b->job.input_bytes, photo, PHOTO_BYTES);
}

static bool uses(const struct bench *b, enum tri_technology technology) {
    struct tri_stage_report report;
    for (size_t i = 0; tri_pipeline_report(b->pipeline, i, &report); i++)
        if (report.technology == technology)
            return true;
    return false;
}

static struct tri_engine *engine(struct bench *b, enum tri_technology technology) {
    struct tri_error err = {0};
    struct tri_engine *out;
    bench_check(tri_runtime_engine(b->runtime, technology, &out, &err), &err);
    return out;
}

static void open_outside(struct bench *b, const uint8_t *photo) {
    const size_t scratch = trii_kernels_scratch(photo_size, mask_size) + trii_kernels_scratch(work_size, photo_size);
    b->outside = (struct outside){memory(PHOTO_BYTES), memory(WORK_BYTES), memory(PHOTO_BYTES), memory(MASK_BYTES),
                                  memory(PHOTO_BYTES), memory(WORK_BYTES), memory(PHOTO_BYTES), memory(scratch)};
    memcpy(b->outside.photo, photo, PHOTO_BYTES);
}

static void open_bench(struct bench *b, const char *name, const uint8_t *photo) {
    *b = (struct bench){.name = name, .kernels = trii_kernels_best(), .expected = memory(PHOTO_BYTES)};
    open_job(b, photo);
    if (uses(b, TRI_TECHNOLOGY_WEBGPU))
        b->gpu = bench_gpu_open(engine(b, TRI_TECHNOLOGY_WEBGPU), &b->job);
    b->nn = bench_nn_open(engine(b, TRI_TECHNOLOGY_WEBNN), &b->job);
    open_outside(b, photo);
}

static void close_bench(struct bench *b) {
    void *const memories[] = {b->outside.photo,        b->outside.work,        b->outside.result,
                              b->outside.mask,         b->outside.engine_photo, b->outside.engine_work,
                              b->outside.engine_result, b->outside.scratch,     b->expected};
    bench_gpu_close(&b->gpu);
    bench_nn_close(&b->nn);
    tri_pipeline_destroy(&b->pipeline);
    tri_runtime_destroy(&b->runtime);
    for (size_t i = 0; i < sizeof memories / sizeof *memories; i++)
        free(memories[i]);
}

/* ---- the contestants ---- */

static void job(struct bench *b) {
    struct tri_error err = {0};
    bench_check(tri_pipeline_run(b->pipeline, NULL, &err), &err);
}

static void bare_resize(struct bench *b) {
    if (b->gpu)
        bench_gpu_resize(b->gpu);
    else
        b->kernels->resize_bilinear(b->job.input_bytes, photo_size, b->job.work_bytes, work_size, (size_t)WORK_SIDE * 4,
                                    trii_all_rows(work_size), b->outside.scratch);
}

static void bare_segment(struct bench *b) {
    bench_nn_segment(b->nn);
}

static void bare_apply_mask(struct bench *b) {
    if (b->gpu)
        bench_gpu_apply_mask(b->gpu);
    else
        b->kernels->apply_mask(b->job.input_bytes, photo_size, (const float *)(const void *)b->job.work_bytes,
                               mask_size, b->job.output_bytes, trii_all_rows(photo_size), b->outside.scratch);
}

/* The host engine as one that owns its memory. */
static void host_resize_copying(struct bench *b) {
    struct outside *o = &b->outside;
    memcpy(o->engine_photo, o->photo, PHOTO_BYTES);
    b->kernels->resize_bilinear(o->engine_photo, photo_size, o->engine_work, work_size, (size_t)WORK_SIDE * 4,
                                trii_all_rows(work_size), o->scratch);
    memcpy(o->work, o->engine_work, WORK_BYTES);
}

static void host_apply_mask_copying(struct bench *b, bool keep) {
    struct outside *o = &b->outside;
    if (!keep)
        memcpy(o->engine_photo, o->photo, PHOTO_BYTES);
    memcpy(o->engine_work, o->mask, MASK_BYTES);
    b->kernels->apply_mask(o->engine_photo, photo_size, (const float *)(const void *)o->engine_work, mask_size,
                           o->engine_result, trii_all_rows(photo_size), o->scratch);
    memcpy(o->result, o->engine_result, PHOTO_BYTES);
}

static void copying_job(struct bench *b, bool keep) {
    struct outside *o = &b->outside;
    if (b->gpu)
        bench_gpu_resize_copying(b->gpu, o->photo, o->work);
    else
        host_resize_copying(b);
    bench_nn_segment_copying(b->nn, o->work, o->mask);
    if (b->gpu)
        bench_gpu_apply_mask_copying(b->gpu, o->photo, o->mask, o->result, keep);
    else
        host_apply_mask_copying(b, keep);
}

static void copying(struct bench *b) {
    copying_job(b, false);
}

static void thrifty(struct bench *b) {
    copying_job(b, true);
}

/* ---- measuring ---- */

enum { JOB, RESIZE, SEGMENT, APPLY, COPYING, THRIFTY, BARE, CONTESTANTS };
static struct bench_series series[CONTESTANTS];

static const char *const names[CONTESTANTS] = {"job",           "  bare resize",  "  bare segment", "  bare apply_mask",
                                               "copying twin", "thrifty twin", "sum of bare calls"};

static double timed(struct bench *b, void (*contestant)(struct bench *)) {
    const double begin = bench_now_ms();
    contestant(b);
    return bench_now_ms() - begin;
}

static void compare(const struct bench *b, const uint8_t *made, const char *who) {
    if (memcmp(b->expected, made, PHOTO_BYTES) != 0)
        bench_die(who, "its result differs from the job's");
}

/* The order turns: nobody always runs on what the same other one left in the caches. */
static void play(struct bench *b, size_t round, bool count) {
    static void (*const contestants[BARE])(struct bench *) = {job,     bare_resize, bare_segment, bare_apply_mask,
                                                              copying, thrifty};
    static const int orders[2][BARE] = {{JOB, RESIZE, SEGMENT, APPLY, COPYING, THRIFTY},
                                        {THRIFTY, RESIZE, SEGMENT, APPLY, JOB, COPYING}};
    double ms[CONTESTANTS];
    for (size_t i = 0; i < BARE; i++) {
        const int who = orders[round % 2][i];
        ms[who] = timed(b, contestants[who]);
    }
    ms[BARE] = ms[RESIZE] + ms[SEGMENT] + ms[APPLY];
    for (size_t i = 0; count && i < CONTESTANTS; i++)
        bench_add(&series[i], ms[i]);
}

static void check_results(struct bench *b) {
    job(b);
    memcpy(b->expected, b->job.output_bytes, PHOTO_BYTES);
    memset(b->job.output_bytes, 0, PHOTO_BYTES);
    bare_resize(b);
    bare_segment(b);
    bare_apply_mask(b);
    compare(b, b->job.output_bytes, "the bare calls");
    copying(b);
    compare(b, b->outside.result, "the copying twin");
    memset(b->outside.result, 0, PHOTO_BYTES);
    thrifty(b);
    compare(b, b->outside.result, "the thrifty twin");
}

/* What a run costs besides time. */
static void count(struct bench *b, size_t runs) {
    struct rusage before, after;
    tri_ledger_reset(b->job.arena);
    const uint64_t allocations = trii_alloc_count();
    getrusage(RUSAGE_SELF, &before);
    for (size_t i = 0; i < runs; i++)
        job(b);
    getrusage(RUSAGE_SELF, &after);
    const double n = (double)runs;
    bench_report_value(b->name, "allocations of ours a run", (double)(trii_alloc_count() - allocations) / n, "", "0");
    bench_report_value(b->name, "bytes copied between stages a run",
                       (double)tri_ledger_bytes(b->job.arena, TRI_LEDGER_BETWEEN) / n, "", "0");
    bench_report_value(b->name, "page faults a run", (double)(after.ru_minflt - before.ru_minflt) / n, "", NULL);
    bench_report_value(b->name, "voluntary context switches a run", (double)(after.ru_nvcsw - before.ru_nvcsw) / n, "",
                       NULL);
}

static void measure(const char *name, const uint8_t *photo, size_t rounds) {
    struct bench bench;
    open_bench(&bench, name, photo);
    check_results(&bench);
    memset(series, 0, sizeof series);
    for (size_t i = 0; i < rounds + 10; i++) /* the first ten warm up */
        play(&bench, i, i >= 10);
    static const int order[] = {JOB, BARE, RESIZE, SEGMENT, APPLY, COPYING, THRIFTY};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        bench_report_times(name, names[order[i]], &series[order[i]]);
    bench_report_value(name, "job / bare", bench_ratio(&series[JOB], &series[BARE]), "times",
                       bench.gpu ? NULL : "at most 1.10");
    bench_report_value(name, "copying twin / job", bench_ratio(&series[COPYING], &series[JOB]), "times",
                       "at least 1.30");
    bench_report_value(name, "thrifty twin / job", bench_ratio(&series[THRIFTY], &series[JOB]), "times", NULL);
    count(&bench, 50);
    close_bench(&bench);
}

int main(int argc, char **argv) {
    const struct bench_options options =
        bench_options(argc, argv, 200, "bench/pipeline [--rounds N] [--input FILE] [--json]");
    uint8_t *photo = bench_photo(options.input, PHOTO_WIDTH, PHOTO_HEIGHT);
    bench_report_begin(options.json, "pipeline", argc, argv);
    measure("cutout-host", photo, options.rounds);
    measure("cutout", photo, options.rounds);
    bench_report_end();
    free(photo);
    return 0;
}
