/* One engine from several threads: stages in flight beside each other, views made and dropped meanwhile. */
#include "kit.h"

#include "engine/contract.h"
#include "kernels.h"

#include <pthread.h>

enum { THREADS = 4, ROUNDS = 40, WIDTH = 203, HEIGHT = 61, SIDE = 32 };

static struct tri_arena *arena;
static struct tri_engine *engine;
static struct tri_error why;

static int begin(void **state) {
    const struct tri_engine_params params = {.struct_bytes = sizeof params, .may_set_environment = true};
    struct tri_error err = {0};
    (void)state;
    assert_ok(tri_arena_create(NULL, &arena, &err));
    (void)!tri_engine_open(arena, TRI_TECHNOLOGY_WEBGPU, &params, &engine, &why);
    return 0;
}

static int end(void **state) {
    (void)state;
    tri_engine_close(&engine);
    tri_arena_destroy(&arena);
    return 0;
}

/* cmocka's assertions belong to the main thread: a worker keeps its first failure. */
struct worker {
    pthread_t thread;
    unsigned number;
    struct tri_error err;
    const char *failed;
};

static bool good(struct worker *worker, tri_status status, const char *doing) {
    if (status != TRI_OK && !worker->failed)
        worker->failed = doing;
    return status == TRI_OK;
}

static bool operand(struct worker *worker, struct trii_stage *stage, size_t i, struct tri_layout layout) {
    tri_handle handle;
    uint64_t bytes;
    stage->operands[i] = (struct trii_operand){.info = &stage->op->info.operands[i], .layout = layout};
    if (!good(worker, tri_layout_bytes_needed(&layout, &bytes, &worker->err), "layout") ||
        !good(worker, tri_arena_allocate_shared(arena, bytes, &handle, &worker->err), "allocate") ||
        !good(worker, trii_arena_resolve(arena, handle, &stage->operands[i].region, &worker->err), "resolve"))
        return false;
    for (uint64_t b = 0; b < bytes; b++)
        stage->operands[i].region.bytes[b] = (uint8_t)(b * 31 + worker->number);
    return true;
}

static bool one_round(struct worker *worker) {
    static const struct trii_size image = {WIDTH, HEIGHT}, small = {SIDE, SIDE};
    struct trii_stage stage = {.name = "parallel", .op = trii_op_get(TRII_OP_RESIZE), .operand_count = 2};
    const struct tri_param params[] = {{"width", SIDE, NULL}, {"height", SIDE, NULL}};
    struct trii_task *task = NULL;
    struct trii_fence fence;
    uint8_t wanted[SIDE * SIDE * 4];
    if (!good(worker, trii_args_resolve(stage.op, params, 2, &stage.args, &worker->err), "arguments") ||
        !operand(worker, &stage, 0, tri_layout_image(HEIGHT, WIDTH, 4, TRI_DTYPE_U8)) ||
        !operand(worker, &stage, 1, tri_layout_image(SIDE, SIDE, 4, TRI_DTYPE_U8)))
        return false;
    trii_kernels_plain.resize_bilinear(stage.operands[0].region.bytes, image, wanted, small, (size_t)small.width * 4,
                                       trii_all_rows(small), NULL);
    trii_fence_init(&fence);
    if (!good(worker, trii_task_prepare(engine, &stage, &task, &worker->err), "prepare") ||
        !good(worker, trii_task_submit(task, &fence, &worker->err), "submit") ||
        !good(worker, trii_task_wait(task, &fence, TRI_FOREVER, &worker->err), "wait"))
        return false;
    if (memcmp(stage.operands[1].region.bytes, wanted, sizeof wanted) != 0)
        worker->failed = "the result differs";
    trii_task_release(&task);
    for (size_t i = 0; i < 2; i++)
        (void)good(worker, tri_arena_free_shared(arena, stage.operands[i].region.handle, &worker->err), "free");
    return !worker->failed;
}

static void *work(void *user) {
    struct worker *worker = user;
    for (int i = 0; i < ROUNDS && one_round(worker); i++)
        ;
    return NULL;
}

static void stages_run_beside_each_other(void **state) {
    static struct worker workers[THREADS];
    struct tri_arena_stats stats;
    (void)state;
    if (!engine)
        skip_because("webgpu: %s", why.message);
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i].number = i;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    for (unsigned i = 0; i < THREADS; i++)
        if (workers[i].failed)
            fail_msg("thread %u: %s: %s", i, workers[i].failed, workers[i].err.message);
    tri_arena_stats(arena, &stats);
    assert_int_equal(stats.views, 0);
    assert_int_equal(stats.doomed, 0);
    assert_int_equal(stats.regions, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(stages_run_beside_each_other)};
    return cmocka_run_group_tests_name("webgpu_threads", tests, begin, end);
}
