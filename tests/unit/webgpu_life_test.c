/* Views, stages and devices through their lives: freed early, lost half-way, closed in any state. */
#include "kit.h"

#include "base/fault.h"
#include "engine/webgpu/webgpu.h"
#include "kernels.h"

enum { WIDTH = 301, HEIGHT = 203, SIDE = 64 };
#define IMAGE_BYTES ((size_t)WIDTH * HEIGHT * 4)

struct life {
    struct tri_arena *arena;
    struct tri_engine *engine;
};

static tri_status open_engine(struct life *life, struct tri_error *err) {
    const struct tri_engine_params params = {.struct_bytes = sizeof params, .may_set_environment = true};
    return tri_engine_open(life->arena, TRI_TECHNOLOGY_WEBGPU, &params, &life->engine, err);
}

static int begin(void **state) {
    struct life *life = calloc(1, sizeof *life);
    struct tri_error err = {0};
    assert_non_null(life);
    assert_ok(tri_arena_create(NULL, &life->arena, &err));
    if (open_engine(life, &err) != TRI_OK)
        print_message("webgpu: %s\n", err.message);
    *state = life;
    return 0;
}

static int end(void **state) {
    struct life *life = *state;
    tri_engine_close(&life->engine);
    tri_arena_destroy(&life->arena);
    free(life);
    return 0;
}

#define NEED(life)                                                                               \
    do {                                                                                         \
        if (!(life)->engine)                                                                     \
            skip_because("webgpu can't be opened here");                                         \
    } while (0)

static tri_handle allocate(struct life *life, uint64_t bytes) {
    struct tri_error err = {0};
    tri_handle region;
    assert_ok(tri_arena_allocate_shared(life->arena, bytes, &region, &err));
    return region;
}

static void release_region(struct life *life, tri_handle region) {
    struct tri_error err = {0};
    assert_ok(tri_arena_free_shared(life->arena, region, &err));
}

static struct tri_arena_stats stats_of(const struct life *life) {
    struct tri_arena_stats stats;
    tri_arena_stats(life->arena, &stats);
    return stats;
}

/* ---- a stage to live with: apply_mask with a mask of any values, or a resize ---- */

static struct trii_operand operand(struct life *life, const struct trii_op *op, size_t i, struct tri_layout layout) {
    struct tri_error err = {0};
    struct trii_operand out = {.info = &op->info.operands[i], .layout = layout};
    uint64_t bytes;
    assert_ok(tri_layout_bytes_needed(&layout, &bytes, &err));
    assert_ok(trii_arena_resolve(life->arena, allocate(life, bytes), &out.region, &err));
    for (uint64_t b = 0; b < bytes; b++)
        out.region.bytes[b] = (uint8_t)((b * 2654435761u) >> 11);
    return out;
}

static void make_mask_stage(struct life *life, struct trii_stage *stage) {
    const struct trii_op *op = trii_op_get(TRII_OP_APPLY_MASK);
    const struct tri_layout image = tri_layout_image(HEIGHT, WIDTH, 4, TRI_DTYPE_U8);
    struct tri_error err = {0};
    *stage = (struct trii_stage){.name = "mask", .op = op, .operand_count = 3};
    assert_ok(trii_args_resolve(op, NULL, 0, &stage->args, &err));
    stage->operands[0] = operand(life, op, 0, image);
    stage->operands[1] = operand(life, op, 1, tri_layout_mask(SIDE, SIDE));
    stage->operands[2] = operand(life, op, 2, image);
    float *mask = (float *)(void *)stage->operands[1].region.bytes;
    for (size_t i = 0; i < (size_t)SIDE * SIDE; i++)
        mask[i] = (float)(i % 97) / 96.0f;
}

static void make_resize_stage(struct life *life, struct trii_stage *stage, const char *filter) {
    const struct trii_op *op = trii_op_get(TRII_OP_RESIZE);
    struct tri_error err = {0};
    const struct tri_param params[] = {{"width", SIDE, NULL}, {"height", SIDE, NULL}, {"filter", 0, filter}};
    *stage = (struct trii_stage){.name = "small", .op = op, .operand_count = 2};
    assert_ok(trii_args_resolve(op, params, 3, &stage->args, &err));
    stage->operands[0] = operand(life, op, 0, tri_layout_image(HEIGHT, WIDTH, 4, TRI_DTYPE_U8));
    stage->operands[1] = operand(life, op, 1, tri_layout_image(SIDE, SIDE, 4, TRI_DTYPE_U8));
}

static void free_operands(struct life *life, const struct trii_stage *stage) {
    for (size_t i = 0; i < stage->operand_count; i++)
        release_region(life, stage->operands[i].region.handle);
}

static void check_mask_result(const struct trii_stage *stage) {
    const struct trii_size image = {WIDTH, HEIGHT}, mask = {SIDE, SIDE};
    uint8_t *wanted = malloc(IMAGE_BYTES);
    assert_non_null(wanted);
    trii_kernels_plain.apply_mask(stage->operands[0].region.bytes, image,
                                  (const float *)(const void *)stage->operands[1].region.bytes, mask, wanted,
                                  trii_all_rows(image), NULL);
    assert_memory_equal(stage->operands[2].region.bytes, wanted, IMAGE_BYTES);
    free(wanted);
}

static void run(struct trii_task *task) {
    struct tri_error err = {0};
    struct trii_fence fence;
    trii_fence_init(&fence);
    assert_ok(trii_task_submit(task, &fence, &err));
    assert_ok(trii_task_wait(task, &fence, TRI_FOREVER, &err));
}

/* ---- views ---- */

static void a_view_is_made_once_and_goes_with_its_region(void **state) {
    struct life *life = *state;
    struct tri_error err = {0};
    void *first, *second;
    NEED(life);
    if (!trii_gpu_of(life->engine)->imports)
        skip_because("this driver does not import the arena's pages");
    const uint32_t before = stats_of(life).views;
    for (int i = 0; i < 50; i++) {
        tri_handle region = allocate(life, 100000);
        assert_ok(tri_gpu_view(life->engine, region, &first, &err));
        assert_ok(tri_gpu_view(life->engine, region, &second, &err));
        assert_ptr_equal(first, second);
        assert_int_equal(stats_of(life).views, before + 1);
        release_region(life, region);
        assert_int_equal(stats_of(life).views, before);
        assert_int_equal(stats_of(life).doomed, 0);
        assert_status(tri_gpu_view(life->engine, region, &first, &err), TRI_BAD_HANDLE);
    }
    assert_int_equal(tri_ledger_copies(life->arena, TRI_LEDGER_BETWEEN), 0);
}

static void a_region_that_a_stage_uses_stays_until_the_stage_ends(void **state) {
    struct life *life = *state;
    struct tri_error err = {0};
    struct trii_stage stage;
    struct trii_task *task = NULL;
    NEED(life);
    make_mask_stage(life, &stage);
    assert_ok(trii_task_prepare(life->engine, &stage, &task, &err));
    free_operands(life, &stage);
    assert_int_equal(stats_of(life).doomed, 3);
    run(task);
    check_mask_result(&stage); /* the pages are still there */
    trii_task_release(&task);
    assert_int_equal(stats_of(life).doomed, 0);
    assert_int_equal(stats_of(life).views, 0);
}

static void prepared_stages_share_views(void **state) {
    struct life *life = *state;
    struct tri_error err = {0};
    struct trii_stage stage;
    struct trii_task *one = NULL, *two = NULL;
    NEED(life);
    make_mask_stage(life, &stage);
    assert_ok(trii_task_prepare(life->engine, &stage, &one, &err));
    assert_ok(trii_task_prepare(life->engine, &stage, &two, &err));
    assert_int_equal(stats_of(life).views, 3);
    trii_task_release(&one);
    run(two);
    check_mask_result(&stage);
    trii_task_release(&two);
    free_operands(life, &stage);
    assert_int_equal(stats_of(life).views, 0);
}

/* ---- waiting ---- */

static void a_wait_may_end_before_the_work(void **state) {
    struct life *life = *state;
    struct tri_error err = {0};
    struct trii_stage stage;
    struct trii_task *task = NULL;
    struct trii_fence fence;
    NEED(life);
    make_mask_stage(life, &stage);
    assert_ok(trii_task_prepare(life->engine, &stage, &task, &err));
    for (int i = 0; i < 20; i++) {
        trii_fence_init(&fence);
        assert_ok(trii_task_submit(task, &fence, &err));
        tri_status status = trii_task_wait(task, &fence, 0, &err);
        assert_true(status == TRI_OK || status == TRI_TIMEOUT);
        assert_ok(trii_task_wait(task, &fence, TRI_FOREVER, &err));
    }
    trii_task_release(&task);
    free_operands(life, &stage);
}

/* ---- small bindings: many tiles ---- */

static void tiles_make_the_same_image(void **state) {
    static const struct {
        uint64_t binding_bytes;
        uint32_t groups_max;
    } limits[] = {{16384, 65535}, {16384, 2}, {1024, 65535}, {(uint64_t)1 << 20, 1}};
    struct life *life = *state;
    struct tri_error err = {0};
    struct trii_stage stage;
    NEED(life);
    const uint64_t binding_bytes = trii_gpu_of(life->engine)->binding_bytes;
    const uint32_t groups_max = trii_gpu_of(life->engine)->groups_max;
    make_mask_stage(life, &stage);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct trii_task *task = NULL;
        trii_gpu_of(life->engine)->binding_bytes = limits[i].binding_bytes;
        trii_gpu_of(life->engine)->groups_max = limits[i].groups_max;
        memset(stage.operands[2].region.bytes, 0, IMAGE_BYTES);
        assert_ok(trii_task_prepare(life->engine, &stage, &task, &err));
        run(task);
        check_mask_result(&stage);
        trii_task_release(&task);
    }
    trii_gpu_of(life->engine)->binding_bytes = binding_bytes;
    trii_gpu_of(life->engine)->groups_max = groups_max;
    free_operands(life, &stage);
}

/* ---- shaders ---- */

static void a_bad_shader_is_told_in_dawns_words(void **state) {
    struct life *life = *state;
    struct tri_error err = {0};
    struct trii_gpu_kernel kernel = {0};
    NEED(life);
    assert_status(trii_gpu_compile(trii_gpu_of(life->engine), "mine", "@compute fn x( {", "x", &kernel, &err),
                  TRI_BAD_SHADER);
    assert_null(kernel.pipeline);
    assert_non_null(strstr(err.message, "mine"));
    assert_non_null(strstr(err.message, "error"));
    assert_null(strchr(err.message, '\n'));
    assert_status(trii_gpu_compile(trii_gpu_of(life->engine), "mine",
                                   "@compute @workgroup_size(1) fn x() { }", "other", &kernel, &err),
                  TRI_BAD_SHADER);
    assert_ok(trii_gpu_alive(trii_gpu_of(life->engine), &err));
}

/* ---- loss ---- */

static void a_lost_device_is_told_and_a_new_one_works(void **state) {
    struct life *life = *state;
    struct tri_error err = {0};
    struct trii_stage stage;
    struct trii_task *task = NULL;
    struct trii_fence fence;
    void *view;
    uint8_t seen;
    NEED(life);
    make_mask_stage(life, &stage);
    assert_ok(trii_task_prepare(life->engine, &stage, &task, &err));
    run(task);
    trii_webgpu_lose(life->engine);
    trii_fence_init(&fence);
    assert_status(trii_task_submit(task, &fence, &err), TRI_DEVICE_LOST);
    assert_non_null(strstr(err.message, "asked for by a test"));
    tri_handle other = allocate(life, 1);
    assert_status(tri_gpu_view(life->engine, other, &view, &err), TRI_DEVICE_LOST);
    assert_status(tri_engine_peek(life->engine, other, 0, &seen, &err), TRI_DEVICE_LOST);
    assert_status(tri_engine_poke(life->engine, other, 0, 1, &err), TRI_DEVICE_LOST);
    free_operands(life, &stage);
    trii_task_release(&task);
    assert_int_equal(stats_of(life).doomed, 0); /* nobody waits for a driver that is gone */
    tri_engine_close(&life->engine);

    assert_ok(open_engine(life, &err));
    make_mask_stage(life, &stage);
    assert_ok(trii_task_prepare(life->engine, &stage, &task, &err));
    run(task);
    check_mask_result(&stage);
    trii_task_release(&task);
    free_operands(life, &stage);
}

static void a_device_lost_in_flight_fails_the_fence(void **state) {
    struct life *life = *state;
    struct tri_error err = {0};
    struct trii_stage stage;
    struct trii_task *task = NULL;
    struct trii_fence fence;
    NEED(life);
    make_mask_stage(life, &stage);
    assert_ok(trii_task_prepare(life->engine, &stage, &task, &err));
    trii_fence_init(&fence);
    assert_ok(trii_task_submit(task, &fence, &err));
    struct trii_gpu *gpu = trii_gpu_of(life->engine);
    gpu->dawn.DeviceForceLoss(gpu->device, WGPUDeviceLostReason_Unknown, trii_gpu_text("asked for by a test"));
    assert_status(trii_task_wait(task, &fence, (uint64_t)10 * 1000000000u, &err), TRI_DEVICE_LOST);
    trii_task_release(&task);
    free_operands(life, &stage);
}

/* ---- closing ---- */

static void closing_gives_everything_back_in_any_state(void **state) {
    struct life *life = *state;
    struct tri_error err = {0};
    void *view;
    NEED(life);
    for (int how = 0; how < 4; how++) {
        tri_handle kept = allocate(life, 10000);
        uint8_t seen;
        if (how >= 1 && trii_gpu_of(life->engine)->imports)
            assert_ok(tri_gpu_view(life->engine, kept, &view, &err));
        if (how >= 2 && trii_gpu_of(life->engine)->imports)
            assert_ok(tri_engine_peek(life->engine, kept, 0, &seen, &err));
        if (how >= 3)
            trii_webgpu_lose(life->engine);
        tri_engine_close(&life->engine);
        assert_int_equal(stats_of(life).views, 0);
        release_region(life, kept);
        assert_int_equal(stats_of(life).doomed, 0);
        assert_ok(open_engine(life, &err));
    }
}

static void every_allocation_of_a_stage_may_fail(void **state) {
    struct life *life = *state;
    struct trii_stage stage;
    struct tri_error err = {0};
    NEED(life);
    make_mask_stage(life, &stage);
    for (uint64_t n = 0;; n++) {
        struct trii_task *task = NULL;
        trii_fault_arm(TRII_FAULT_ALLOC, n);
        tri_status status = trii_task_prepare(life->engine, &stage, &task, &err);
        if (!trii_fault_disarm(TRII_FAULT_ALLOC)) {
            assert_int_equal(status, TRI_OK);
            run(task);
            check_mask_result(&stage);
            trii_task_release(&task);
            break;
        }
        assert_int_equal(status, TRI_NO_MEMORY);
        assert_null(task);
        assert_true(n < 100);
    }
    free_operands(life, &stage);
    assert_int_equal(stats_of(life).views, 0);
}

/* ---- staging ---- */

static void staged_regions_are_counted_to_the_byte(void **state) {
    struct life *life = *state;
    struct tri_error err = {0};
    struct tri_engine_info info;
    struct trii_stage stage, copy;
    struct trii_task *task = NULL;
    struct tri_ledger_line lines[4];
    void *view;
    uint8_t *wanted = malloc((size_t)SIDE * SIDE * 4);
    NEED(life);
    assert_non_null(wanted);
    make_resize_stage(life, &stage, "area");
    assert_ok(trii_task_prepare(life->engine, &stage, &task, &err));
    run(task);
    trii_task_release(&task);
    memcpy(wanted, stage.operands[1].region.bytes, (size_t)SIDE * SIDE * 4);
    tri_engine_close(&life->engine);

    setenv("TRIPOINT_WEBGPU_STAGING", "1", 1);
    tri_status status = open_engine(life, &err);
    unsetenv("TRIPOINT_WEBGPU_STAGING");
    assert_int_equal(status, TRI_OK);
    tri_engine_info(life->engine, &info);
    assert_false(info.shares_memory);
    assert_non_null(strstr(info.sharing, "TRIPOINT_WEBGPU_STAGING=1"));
    assert_status(tri_gpu_view(life->engine, stage.operands[0].region.handle, &view, &err), TRI_UNSUPPORTED);
    assert_status(tri_engine_poke(life->engine, stage.operands[0].region.handle, 0, 1, &err), TRI_UNSUPPORTED);

    copy = stage;
    memset(copy.operands[1].region.bytes, 0, (size_t)SIDE * SIDE * 4);
    assert_ok(trii_task_prepare(life->engine, &copy, &task, &err));
    tri_ledger_reset(life->arena);
    run(task);
    run(task);
    assert_memory_equal(copy.operands[1].region.bytes, wanted, (size_t)SIDE * SIDE * 4);
    assert_int_equal(tri_ledger_lines(life->arena, lines, 4), 2);
    assert_int_equal(lines[0].bytes, 2 * IMAGE_BYTES);
    assert_int_equal(lines[1].bytes, 2 * (size_t)SIDE * SIDE * 4);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(lines[i].place, TRI_LEDGER_BETWEEN);
        assert_int_equal(lines[i].copies, 2);
        assert_string_equal(lines[i].stage, "small");
        assert_non_null(strstr(lines[i].cause, "staging"));
    }
    trii_task_release(&task);
    free_operands(life, &stage);
    assert_int_equal(stats_of(life).views, 0);
    free(wanted);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(a_view_is_made_once_and_goes_with_its_region),
        CASE(a_region_that_a_stage_uses_stays_until_the_stage_ends),
        CASE(prepared_stages_share_views),
        CASE(a_wait_may_end_before_the_work),
        CASE(tiles_make_the_same_image),
        CASE(a_bad_shader_is_told_in_dawns_words),
        CASE(a_lost_device_is_told_and_a_new_one_works),
        CASE(a_device_lost_in_flight_fails_the_fence),
        CASE(closing_gives_everything_back_in_any_state),
        CASE(every_allocation_of_a_stage_may_fail),
        CASE(staged_regions_are_counted_to_the_byte),
    };
    return cmocka_run_group_tests_name("webgpu_life", tests, NULL, NULL);
}
