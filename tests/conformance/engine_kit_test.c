/*
 * An engine against its contract (src/engine/contract.h): a case a promise. For those who write one: `scripts/new-engine NAME`
 * clones the skeleton, and `./check --engine NAME` tells which promises hold.
 *
 *   engine_kit_test NAME [PROMISE]     PROMISE: only those whose names match, such as 'fences*'
 *
 * The engine runs in its technology's place, through the front door and through pipelines, on every operation that it has
 * and whose inputs are pictures and masks. What it computes is compared with the host engine. An engine that can't be
 * opened here skips aloud.
 */
#include "kit.h"

#include "engine_kit_own.h" /* the engines named in src/engine/meson.build */
#include "engine_liars.h"

#include "base/alloc.h"
#include "base/atomic.h"
#include "base/fault.h"
#include "engine/contract.h"
#include "pipeline/plan.h"

#include <math.h>
#include <pthread.h>

#define OWN_VTABLE(name) extern const struct trii_engine_vtable trii_##name##_engine;
#define OWN_ENTRY(name) {#name, &trii_##name##_engine, true},
ENGINE_KIT_OWN(OWN_VTABLE)

static const struct {
    const char *name;
    const struct trii_engine_vtable *vtable;
    bool light; /* opens and prepares in no time: every nth failure is tried */
} engines[] = {
    ENGINE_KIT_OWN(OWN_ENTRY)
    {"host", &trii_host_engine, true},
    {"wasm", &trii_wasm_engine, false},
    {"webgpu", &trii_webgpu_engine, false},
    {"webnn", &trii_webnn_engine, false},
};

enum { HEIGHT = 29, WIDTH = 37, HEAVY_FAILURES = 2, RUNS = 20 };

static const struct trii_engine_vtable *vtable; /* of the engine under test */
static bool light;
static struct tri_error why; /* it can't be opened */
static struct tri_error err;

#define NEED()                                        \
    do {                                              \
        if (why.status != TRI_OK)                     \
            skip_because("%s", why.message);          \
    } while (0)

/* ---- runtimes and pipelines of one stage ---- */

static const struct tri_engine_params engine_params = {.struct_bytes = sizeof engine_params, .may_set_environment = true};

static struct tri_runtime *new_runtime(void) {
    struct tri_runtime_params params = {.struct_bytes = sizeof params};
    struct tri_runtime *runtime = NULL;
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++)
        params.engines[t] = &engine_params;
    assert_ok(tri_runtime_create(&params, &runtime, &err));
    return runtime;
}

static const struct tri_operand_info *input_at(const struct tri_operation_info *op, size_t i) {
    for (size_t k = 0; k < op->operand_count; k++)
        if (op->operands[k].access == TRI_ACCESS_READ && i-- == 0)
            return &op->operands[k];
    return NULL;
}

static size_t outputs_of(const struct tri_operation_info *op) {
    size_t count = 0;
    for (size_t k = 0; k < op->operand_count; k++)
        count += op->operands[k].access == TRI_ACCESS_WRITE;
    return count;
}

/* Inputs i0, i1, ...; outputs o0, ... */
static void stage_text(char *text, size_t bytes, enum tri_technology technology, const struct tri_operation_info *op) {
    char inputs[512] = "", names[128] = "", outputs[128] = "";
    const struct tri_operand_info *input;
    for (size_t i = 0; (input = input_at(op, i)) != NULL; i++) {
        size_t a = strlen(inputs), b = strlen(names);
        snprintf(inputs + a, sizeof inputs - a, "%s\"i%zu\": {\"kind\": \"%s\"}", i ? ", " : "", i, tri_kind_name(input->kind));
        snprintf(names + b, sizeof names - b, "%s\"i%zu\"", i ? ", " : "", i);
    }
    for (size_t j = 0; j < outputs_of(op); j++) {
        size_t a = strlen(outputs);
        snprintf(outputs + a, sizeof outputs - a, "%s\"o%zu\"", j ? ", " : "", j);
    }
    snprintf(text, bytes,
             "{\"inputs\": {%s}, \"outputs\": [%s], \"stages\": [{\"technology\": \"%s\", \"operation\": \"%s\", "
             "\"inputs\": [%s], \"outputs\": [%s]}]}",
             inputs, outputs, tri_technology_name(technology), op->name, names, outputs);
}

static tri_status plan(struct tri_runtime *runtime, enum tri_technology technology, const struct tri_operation_info *op,
                       struct tri_pipeline **out) {
    char text[2048];
    struct tri_pipeline_input input;
    stage_text(text, sizeof text, technology, op);
    tri_status status = tri_pipeline_parse(runtime, text, strlen(text), "kit.json", out, &err);
    for (size_t i = 0; status == TRI_OK && tri_pipeline_input_at(*out, i, &input); i++) {
        const struct tri_layout layout = input.kind == TRI_KIND_MASK ? tri_layout_mask(HEIGHT, WIDTH)
                                                                     : tri_layout_image(HEIGHT, WIDTH, 4, TRI_DTYPE_U8);
        status = tri_pipeline_set_input(*out, input.region, &layout, &err);
    }
    return status == TRI_OK ? tri_pipeline_plan(*out, &err) : status;
}

static tri_handle region(struct tri_pipeline *pipeline, const char *name, struct tri_layout *layout) {
    tri_handle handle = TRI_HANDLE_NONE;
    assert_ok(tri_pipeline_region(pipeline, name, &handle, layout, &err));
    return handle;
}

static void fill(struct tri_runtime *runtime, struct tri_pipeline *pipeline, uint32_t seed) {
    struct tri_pipeline_input input;
    struct tri_host_view view;
    for (size_t i = 0; tri_pipeline_input_at(pipeline, i, &input); i++) {
        tri_handle handle = region(pipeline, input.region, NULL);
        assert_ok(tri_host_view_begin(tri_runtime_arena(runtime), handle, TRI_ACCESS_WRITE, NULL, &view, &err));
        for (size_t k = 0; k < view.size_bytes / 4; k++) {
            seed = seed * 1664525u + 1013904223u;
            if (input.kind == TRI_KIND_MASK)
                ((float *)view.write)[k] = (float)(seed >> 8) / 16777216.0f;
            else
                ((uint32_t *)view.write)[k] = seed;
        }
        assert_ok(tri_host_view_end(tri_runtime_arena(runtime), &view, &err));
    }
}

/* A copy of an output's bytes; free(). */
static uint8_t *result(struct tri_runtime *runtime, struct tri_pipeline *pipeline, uint64_t *bytes) {
    struct tri_layout layout;
    tri_handle handle = region(pipeline, "o0", &layout);
    assert_ok(tri_layout_bytes_needed(&layout, bytes, &err));
    uint8_t *copy = malloc((size_t)*bytes);
    assert_ok(tri_region_read(tri_runtime_arena(runtime), handle, 0, copy, *bytes, "test", NULL, &err));
    return copy;
}

/* The operations that the kit can try; NULL past the last. */
static const struct tri_operation_info *usable(size_t index) {
    for (size_t i = 0; tri_operation_at(i); i++) {
        const struct tri_operation_info *op = tri_operation_at(i);
        bool fits = op->technologies >> vtable->technology & 1 && vtable->has(NULL, trii_op_find(op->name));
        const struct tri_operand_info *input;
        for (size_t k = 0; fits && (input = input_at(op, k)) != NULL; k++)
            fits = input->kind == TRI_KIND_IMAGE || input->kind == TRI_KIND_MASK;
        if (fits && index-- == 0)
            return op;
    }
    return NULL;
}

static struct tri_pipeline *prepared(struct tri_runtime *runtime) {
    struct tri_pipeline *pipeline = NULL;
    assert_ok(plan(runtime, vtable->technology, usable(0), &pipeline));
    fill(runtime, pipeline, 7);
    assert_ok(tri_pipeline_prepare(pipeline, &err));
    return pipeline;
}

static void assert_nothing_is_left(struct tri_arena *arena) {
    struct tri_arena_stats stats;
    tri_arena_stats(arena, &stats);
    assert_int_equal(stats.views, 0);
    assert_int_equal(stats.doomed, 0);
}

static int find_out(void **state) {
    (void)state;
    struct tri_arena *arena = NULL;
    struct tri_engine *engine = NULL;
    trii_engine_replace(vtable->technology, vtable);
    if (tri_arena_create(NULL, &arena, &why) == TRI_OK)
        (void)!tri_engine_open(arena, vtable->technology, &engine_params, &engine, &why);
    why.status = engine ? TRI_OK : TRI_ENGINE_UNAVAILABLE;
    tri_engine_close(&engine);
    tri_arena_destroy(&arena);
    return 0;
}

/* ---- life ---- */

static void it_says_what_it_is(void **state) {
    (void)state;
    NEED();
    struct tri_runtime *runtime = new_runtime();
    struct tri_engine *engine = NULL;
    struct tri_engine_info info = {.technology = TRI_TECHNOLOGY_COUNT};
    assert_int_equal(vtable->version, TRII_ENGINE_CONTRACT_VERSION);
    assert_ok(tri_runtime_engine(runtime, vtable->technology, &engine, &err));
    tri_engine_info(engine, &info);
    assert_int_equal(info.technology, vtable->technology);
    const char *const texts[] = {info.name,   info.library, info.version, info.library_path, info.device,
                                 info.driver, info.sharing, info.precision, info.permissions};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_non_null(texts[i]);
    assert_string_equal(info.name, vtable->name);
    tri_runtime_destroy(&runtime);
}

static void it_opens_and_closes_and_leaves_nothing(void **state) {
    (void)state;
    NEED();
    struct tri_arena *arena = NULL;
    tri_handle handle;
    assert_ok(tri_arena_create(NULL, &arena, &err));
    assert_ok(tri_arena_allocate_shared(arena, 5000, &handle, &err));
    for (int round = 0; round < (light ? 20 : 2); round++) {
        struct tri_engine *one = NULL, *two = NULL;
        uint8_t seen = 0;
        assert_ok(tri_engine_open(arena, vtable->technology, &engine_params, &one, &err));
        assert_ok(tri_engine_open(arena, vtable->technology, &engine_params, &two, &err)); /* side by side */
        assert_ok(tri_engine_poke(one, handle, 4999, (uint8_t)(round + 3), &err));
        assert_ok(tri_engine_peek(two, handle, 4999, &seen, &err));
        assert_int_equal(seen, round + 3);
        tri_engine_close(&one);
        tri_engine_close(&two);
        assert_nothing_is_left(arena);
    }
    tri_arena_destroy(&arena);
}

static void a_failed_opening_is_told_and_undone(void **state) {
    (void)state;
    NEED();
    static const enum trii_fault kinds[] = {TRII_FAULT_ALLOC, TRII_FAULT_THREAD, TRII_FAULT_MMAP, TRII_FAULT_DLOPEN,
                                            TRII_FAULT_DLSYM};
    struct tri_arena *arena = NULL;
    assert_ok(tri_arena_create(NULL, &arena, &err));
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        bool fired = true;
        for (uint64_t nth = 0; fired && (light || nth < HEAVY_FAILURES); nth++) {
            struct tri_engine *engine = NULL;
            memset(&err, 0, sizeof err);
            trii_fault_arm(kinds[k], nth);
            tri_status status = tri_engine_open(arena, vtable->technology, &engine_params, &engine, &err);
            fired = trii_fault_disarm(kinds[k]);
            if (status != TRI_OK) {
                assert_true(fired && err.message[0]);
                assert_null(engine);
            }
            tri_engine_close(&engine);
            assert_nothing_is_left(arena);
        }
    }
    tri_arena_destroy(&arena);
}

/* ---- views ---- */

static void a_view_is_the_regions_own_bytes(void **state) {
    (void)state;
    NEED();
    static const uint64_t sizes[] = {1, 4095, 4096, 4097, 100001};
    struct tri_runtime *runtime = new_runtime();
    struct tri_arena *arena = tri_runtime_arena(runtime);
    struct tri_engine *engine = NULL;
    struct tri_engine_info info;
    assert_ok(tri_runtime_engine(runtime, vtable->technology, &engine, &err));
    tri_engine_info(engine, &info);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        tri_handle handle;
        const uint64_t places[] = {0, sizes[s] / 2, sizes[s] - 1};
        assert_ok(tri_arena_allocate_shared(arena, sizes[s], &handle, &err));
        for (size_t p = 0; p < 3; p++) {
            uint8_t byte = (uint8_t)(s * 10 + p + 1), seen = 0;
            assert_ok(tri_engine_poke(engine, handle, places[p], byte, &err));
            assert_ok(tri_region_read(arena, handle, places[p], &seen, 1, "test", NULL, &err));
            assert_int_equal(seen, byte);
            byte ^= 0x80;
            assert_ok(tri_region_write(arena, handle, places[p], &byte, 1, "test", NULL, &err));
            assert_ok(tri_engine_peek(engine, handle, places[p], &seen, &err));
            assert_int_equal(seen, byte);
        }
        assert_ok(tri_arena_free_shared(arena, handle, &err));
        assert_status(tri_engine_poke(engine, handle, 0, 1, &err), TRI_BAD_HANDLE);
    }
    if (info.shares_memory)
        assert_int_equal(tri_ledger_copies(arena, TRI_LEDGER_BETWEEN), 0);
    tri_runtime_destroy(&runtime);
}

static void freed_regions_are_let_go(void **state) {
    (void)state;
    NEED();
    struct tri_arena *arena = NULL;
    struct tri_engine *engine = NULL;
    assert_ok(tri_arena_create(NULL, &arena, &err));
    assert_ok(tri_engine_open(arena, vtable->technology, &engine_params, &engine, &err));
    for (int round = 0; round < 50; round++) { /* numbers are used again, by other generations */
        tri_handle handle;
        uint8_t seen = 0;
        assert_ok(tri_arena_allocate_shared(arena, 3 * TRI_PAGE_BYTES, &handle, &err));
        assert_ok(tri_engine_peek(engine, handle, 0, &seen, &err));
        assert_int_equal(seen, 0); /* never an older region's bytes */
        assert_ok(tri_engine_poke(engine, handle, 0, 77, &err));
        assert_ok(tri_arena_free_shared(arena, handle, &err));
    }
    tri_engine_close(&engine);
    assert_nothing_is_left(arena);
    tri_arena_destroy(&arena);
}

/* ---- operations ---- */

static void assert_near(const uint8_t *got, const uint8_t *wanted, uint64_t bytes, const struct tri_layout *layout,
                        const struct tri_operation_info *op) {
    const double allowed = op->tolerance + (op->tolerance > 0 && layout->dtype == TRI_DTYPE_U8 ? 1 : 0);
    if (layout->dtype != TRI_DTYPE_U8 && layout->dtype != TRI_DTYPE_F32) {
        assert_memory_equal(got, wanted, (size_t)bytes);
        return;
    }
    for (uint64_t i = 0; i < bytes / tri_dtype_bytes(layout->dtype); i++) {
        double a = layout->dtype == TRI_DTYPE_U8 ? got[i] : ((const float *)(const void *)got)[i];
        double b = layout->dtype == TRI_DTYPE_U8 ? wanted[i] : ((const float *)(const void *)wanted)[i];
        if (fabs(a - b) > allowed)
            fail_msg("%s: number %llu is %g, the host makes %g; %g is allowed", op->name, (unsigned long long)i, a, b,
                     op->tolerance);
    }
}

static void operations_are_the_hosts(void **state) {
    (void)state;
    NEED();
    const struct tri_operation_info *op;
    size_t compared = 0;
    for (size_t i = 0; (op = usable(i)) != NULL; i++) {
        struct tri_runtime *runtime = new_runtime();
        struct tri_pipeline *ours = NULL, *host = NULL;
        struct tri_layout layout;
        uint64_t bytes;
        if (plan(runtime, vtable->technology, op, &ours) == TRI_OK) {
            fill(runtime, ours, 11);
            assert_ok(tri_pipeline_run(ours, NULL, &err));
            if (op->technologies & 1u << TRI_TECHNOLOGY_HOST) {
                assert_ok(plan(runtime, TRI_TECHNOLOGY_HOST, op, &host));
                fill(runtime, host, 11);
                assert_ok(tri_pipeline_run(host, NULL, &err));
                uint8_t *got = result(runtime, ours, &bytes), *wanted = result(runtime, host, &bytes);
                region(ours, "o0", &layout);
                assert_near(got, wanted, bytes, &layout, op);
                free(got);
                free(wanted);
                compared++;
            }
        }
        tri_pipeline_destroy(&ours);
        tri_pipeline_destroy(&host);
        tri_runtime_destroy(&runtime);
    }
    print_message("%zu operations compared with the host\n", compared);
}

static void a_run_allocates_nothing_and_repeats_itself(void **state) {
    (void)state;
    NEED();
    struct tri_runtime *runtime = new_runtime();
    struct tri_pipeline *pipeline = prepared(runtime);
    uint64_t bytes;
    assert_ok(tri_pipeline_run(pipeline, NULL, &err));
    uint8_t *first = result(runtime, pipeline, &bytes);
    uint64_t before = trii_alloc_count();
    for (int i = 0; i < RUNS; i++)
        assert_ok(tri_pipeline_run(pipeline, NULL, &err));
    assert_int_equal(trii_alloc_count(), before);
    uint8_t *last = result(runtime, pipeline, &bytes);
    assert_memory_equal(first, last, (size_t)bytes);
    free(first);
    free(last);
    tri_pipeline_destroy(&pipeline);
    tri_runtime_destroy(&runtime);
}

/* ---- fences ---- */

static struct trii_plan_stage *stage_of(struct tri_pipeline *pipeline) {
    return ((struct tri_plan *)(uintptr_t)tri_pipeline_planned(pipeline))->stages; /* ours: const is for the public */
}

static void fences_are_signalled_once(void **state) {
    (void)state;
    NEED();
    static struct trii_fence fence; /* outlives the engine */
    struct tri_runtime *runtime = new_runtime();
    struct tri_pipeline *pipeline = prepared(runtime);
    struct trii_task *task = stage_of(pipeline)->task;
    for (int i = 0; i < RUNS; i++) {
        trii_fence_init(&fence);
        assert_false(trii_fence_is_done(&fence));
        assert_ok(trii_task_submit(task, &fence, &err));
        assert_ok(trii_task_wait(task, &fence, UINT64_C(60) * 1000000000u, &err));
        assert_true(trii_fence_is_done(&fence));
        assert_int_equal(fence.status, TRI_OK);
    }
    trii_fence_init(&fence);
    tri_pipeline_destroy(&pipeline);
    tri_runtime_destroy(&runtime);
    assert_false(trii_fence_is_done(&fence)); /* nobody signals what was not submitted */
}

/* ---- claims: the executor's to take, the engine's to leave alone ---- */

static struct trii_engine_vtable spy;
static struct {
    struct tri_sync *sync;
    uint32_t in, out;
    _Atomic uint32_t submits;
    enum tri_sync_state in_state, out_state;
} seen;

static tri_status look_and_submit(struct tri_engine *engine, struct trii_prepared *p, struct trii_fence *fence,
                                  struct tri_error *cause) {
    seen.in_state = tri_sync_state(seen.sync, seen.in);
    seen.out_state = tri_sync_state(seen.sync, seen.out);
    trii_add_acq_rel(&seen.submits, 1);
    return vtable->submit(engine, p, fence, cause);
}

static void regions_are_claimed_while_it_works_and_only_then(void **state) {
    (void)state;
    NEED();
    static const enum tri_sync_state reading[] = {TRI_SYNC_HOST_READING, TRI_SYNC_WASM_READING, TRI_SYNC_GPU_READING,
                                                  TRI_SYNC_NPU_READING};
    static const enum tri_sync_state writing[] = {TRI_SYNC_HOST_WRITING, TRI_SYNC_WASM_WRITING, TRI_SYNC_GPU_WRITING,
                                                  TRI_SYNC_NPU_WRITING};
    spy = *vtable;
    spy.submit = look_and_submit;
    trii_engine_replace(vtable->technology, &spy);
    struct tri_runtime *runtime = new_runtime();
    struct tri_arena *arena = tri_runtime_arena(runtime);
    struct tri_pipeline *pipeline = prepared(runtime);
    struct tri_region_info in, out;
    assert_ok(tri_region_info(arena, region(pipeline, "i0", NULL), &in, &err));
    assert_ok(tri_region_info(arena, region(pipeline, "o0", NULL), &out, &err));
    seen.sync = tri_arena_sync(arena);
    seen.in = in.index;
    seen.out = out.index;
    assert_ok(tri_pipeline_run(pipeline, NULL, &err));
    assert_int_equal(seen.in_state, reading[vtable->technology]);
    assert_int_equal(seen.out_state, writing[vtable->technology]);
    assert_int_equal(tri_sync_state(seen.sync, in.index), TRI_SYNC_IDLE);
    assert_int_equal(tri_sync_state(seen.sync, out.index), TRI_SYNC_IDLE);
    /* a region that somebody else writes is not touched */
    const struct tri_run_params impatient = {.struct_bytes = sizeof impatient, .timeout_ns = 1000000};
    uint32_t submits = trii_load_acquire(&seen.submits);
    tri_claim foreign;
    assert_ok(tri_sync_acquire_write(seen.sync, in.index, TRI_TECHNOLOGY_HOST, NULL, &foreign, &err));
    assert_status(tri_pipeline_run(pipeline, &impatient, &err), TRI_TIMEOUT);
    assert_int_equal(trii_load_acquire(&seen.submits), submits);
    assert_ok(tri_sync_release(seen.sync, foreign, &err));
    assert_ok(tri_pipeline_run(pipeline, NULL, &err));
    tri_pipeline_destroy(&pipeline);
    tri_runtime_destroy(&runtime);
    trii_engine_replace(vtable->technology, vtable);
}

/* ---- failure and cancellation ---- */

static void a_failed_preparation_is_told_and_can_be_repeated(void **state) {
    (void)state;
    NEED();
    static const enum trii_fault kinds[] = {TRII_FAULT_ALLOC, TRII_FAULT_MMAP, TRII_FAULT_THREAD};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        bool fired = true;
        for (uint64_t nth = 0; fired && (light || nth < HEAVY_FAILURES); nth++) {
            struct tri_runtime *runtime = new_runtime();
            struct tri_pipeline *pipeline = NULL;
            struct tri_engine *engine = NULL;
            assert_ok(tri_runtime_engine(runtime, vtable->technology, &engine, &err));
            assert_ok(plan(runtime, vtable->technology, usable(0), &pipeline));
            fill(runtime, pipeline, 7);
            memset(&err, 0, sizeof err);
            trii_fault_arm(kinds[k], nth);
            tri_status status = tri_pipeline_prepare(pipeline, &err);
            fired = trii_fault_disarm(kinds[k]);
            if (status != TRI_OK) {
                assert_true(fired && err.message[0]);
                assert_true(err.engine[0]);
                assert_non_null(strstr(err.stage, usable(0)->name));
            }
            assert_ok(tri_pipeline_run(pipeline, NULL, &err));
            tri_pipeline_destroy(&pipeline);
            tri_runtime_destroy(&runtime);
        }
    }
}

static tri_status refuse_to_submit(struct tri_engine *engine, struct trii_prepared *p, struct trii_fence *fence,
                                   struct tri_error *cause) {
    (void)engine, (void)p, (void)fence;
    if (cause)
        snprintf(cause->message, sizeof cause->message, "refused by the kit");
    return TRI_ENGINE_FAILED;
}

static void a_frame_after_a_failure_is_whole(void **state) {
    (void)state;
    NEED();
    spy = *vtable;
    trii_engine_replace(vtable->technology, &spy);
    struct tri_runtime *runtime = new_runtime();
    struct tri_pipeline *pipeline = prepared(runtime);
    struct tri_region_info out;
    uint64_t bytes;
    assert_ok(tri_pipeline_run(pipeline, NULL, &err));
    uint8_t *good = result(runtime, pipeline, &bytes);
    assert_ok(tri_region_info(tri_runtime_arena(runtime), region(pipeline, "o0", NULL), &out, &err));
    spy.submit = refuse_to_submit;
    assert_status(tri_pipeline_run(pipeline, NULL, &err), TRI_ENGINE_FAILED);
    assert_true(tri_sync_poison_cause(tri_arena_sync(tri_runtime_arena(runtime)), out.index, &err));
    spy.submit = vtable->submit;
    assert_ok(tri_pipeline_run(pipeline, NULL, &err));
    uint8_t *again = result(runtime, pipeline, &bytes);
    assert_memory_equal(good, again, (size_t)bytes);
    free(good);
    free(again);
    tri_pipeline_destroy(&pipeline);
    tri_runtime_destroy(&runtime);
    trii_engine_replace(vtable->technology, vtable);
}

static void a_cancelled_run_touches_nothing_and_a_given_up_one_ends(void **state) {
    (void)state;
    NEED();
    struct tri_cancel *cancel = NULL;
    assert_ok(tri_cancel_create(&cancel, &err));
    tri_cancel_set(cancel);
    struct tri_runtime *runtime = new_runtime();
    struct tri_pipeline *pipeline = prepared(runtime);
    const struct tri_run_params cancelled = {.struct_bytes = sizeof cancelled, .cancel = cancel};
    const struct tri_run_params hurried = {.struct_bytes = sizeof hurried, .timeout_ns = 1};
    assert_status(tri_pipeline_run(pipeline, &cancelled, &err), TRI_CANCELLED);
    for (int i = 0; i < RUNS; i++) { /* given up while it works, mostly */
        tri_status status = tri_pipeline_run(pipeline, &hurried, &err);
        assert_true(status == TRI_OK || status == TRI_TIMEOUT);
    }
    assert_ok(tri_pipeline_run(pipeline, NULL, &err));
    (void)!tri_pipeline_run(pipeline, &hurried, &err);
    tri_pipeline_destroy(&pipeline); /* waits for the engine */
    tri_runtime_destroy(&runtime);
    tri_cancel_destroy(&cancel);
}

/* ---- order, threads, ledger ---- */

static void stages_are_released_in_any_order(void **state) {
    (void)state;
    NEED();
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (int o = 0; o < (light ? 6 : 2); o++) {
        struct tri_runtime *runtime = new_runtime();
        struct tri_pipeline *pipelines[3];
        for (int i = 0; i < 3; i++)
            pipelines[i] = prepared(runtime);
        /* the handle goes before the stage: what the stage pinned stays until it is released */
        assert_ok(tri_arena_free_shared(tri_runtime_arena(runtime), region(pipelines[0], "o0", NULL), &err));
        assert_status(tri_pipeline_run(pipelines[0], NULL, &err), TRI_BAD_HANDLE);
        for (int i = 0; i < 3; i++) {
            int which = orders[light ? o : 5 * o][i];
            if (which != 0)
                assert_ok(tri_pipeline_run(pipelines[which], NULL, &err));
            tri_pipeline_destroy(&pipelines[which]);
        }
        tri_runtime_destroy(&runtime);
    }
}

struct runner {
    struct tri_pipeline *pipeline;
    tri_status status;
    struct tri_error error;
};

static void *run_often(void *user) {
    struct runner *runner = user;
    for (int i = 0; i < RUNS && runner->status == TRI_OK; i++)
        runner->status = tri_pipeline_run(runner->pipeline, NULL, &runner->error);
    return NULL;
}

static void two_plans_run_at_once(void **state) {
    (void)state;
    NEED();
    struct tri_runtime *runtime = new_runtime();
    struct runner runners[2] = {{.pipeline = prepared(runtime)}, {.pipeline = prepared(runtime)}};
    pthread_t threads[2];
    uint64_t bytes;
    uint8_t *results[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_often, &runners[i]), 0);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        if (runners[i].status != TRI_OK)
            fail_msg("%s", runners[i].error.message);
        results[i] = result(runtime, runners[i].pipeline, &bytes);
    }
    assert_memory_equal(results[0], results[1], (size_t)bytes);
    for (int i = 0; i < 2; i++) {
        free(results[i]);
        tri_pipeline_destroy(&runners[i].pipeline);
    }
    tri_runtime_destroy(&runtime);
}

static void copies_are_in_the_ledger_or_there_are_none(void **state) {
    (void)state;
    NEED();
    struct tri_runtime *runtime = new_runtime();
    struct tri_engine *engine = NULL;
    struct tri_engine_info info;
    struct tri_pipeline *pipeline = prepared(runtime);
    struct tri_ledger_line lines[16];
    const struct tri_run_params strict = {.struct_bytes = sizeof strict, .require_zero_copy = true};
    assert_ok(tri_runtime_engine(runtime, vtable->technology, &engine, &err));
    tri_engine_info(engine, &info);
    tri_ledger_reset(tri_runtime_arena(runtime));
    tri_status status = tri_pipeline_run(pipeline, &strict, &err);
    size_t count = tri_ledger_lines(tri_runtime_arena(runtime), lines, 16);
    assert_int_equal(status, info.shares_memory ? TRI_OK : TRI_COPY_REFUSED);
    if (info.shares_memory)
        assert_int_equal(tri_ledger_copies(tri_runtime_arena(runtime), TRI_LEDGER_BETWEEN), 0);
    for (size_t i = 0; !info.shares_memory && i < count; i++)
        assert_true(lines[i].stage[0] && lines[i].region[0] && lines[i].cause[0] && lines[i].bytes);
    tri_pipeline_destroy(&pipeline);
    tri_runtime_destroy(&runtime);
}

int main(int argc, char **argv) {
    const struct CMUnitTest promises[] = {
        cmocka_unit_test(it_says_what_it_is),
        cmocka_unit_test(it_opens_and_closes_and_leaves_nothing),
        cmocka_unit_test(a_failed_opening_is_told_and_undone),
        cmocka_unit_test(a_view_is_the_regions_own_bytes),
        cmocka_unit_test(freed_regions_are_let_go),
        cmocka_unit_test(operations_are_the_hosts),
        cmocka_unit_test(a_run_allocates_nothing_and_repeats_itself),
        cmocka_unit_test(fences_are_signalled_once),
        cmocka_unit_test(regions_are_claimed_while_it_works_and_only_then),
        cmocka_unit_test(a_failed_preparation_is_told_and_can_be_repeated),
        cmocka_unit_test(a_frame_after_a_failure_is_whole),
        cmocka_unit_test(a_cancelled_run_touches_nothing_and_a_given_up_one_ends),
        cmocka_unit_test(stages_are_released_in_any_order),
        cmocka_unit_test(two_plans_run_at_once),
        cmocka_unit_test(copies_are_in_the_ledger_or_there_are_none),
    };
    for (size_t i = 0; i < sizeof engines / sizeof *engines; i++)
        if (argc >= 2 && strcmp(argv[1], engines[i].name) == 0) {
            vtable = engines[i].vtable;
            light = engines[i].light;
        }
    static struct trii_engine_vtable lying;
    if (argc >= 2 && liar(argv[1], &lying)) {
        vtable = &lying;
        light = true;
    }
    if (!vtable) {
        fprintf(stderr, "usage: engine_kit_test NAME [PROMISE]; known:");
        for (size_t i = 0; i < sizeof engines / sizeof *engines; i++)
            fprintf(stderr, " %s", engines[i].name);
        fprintf(stderr, "\n");
        return 2;
    }
    if (argc > 2)
        cmocka_set_test_filter(argv[2]);
    return cmocka_run_group_tests_name(argv[1], promises, find_out, NULL);
}
