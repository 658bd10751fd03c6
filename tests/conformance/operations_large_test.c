/*
 * Images and masks larger than one GPU binding (128 MiB): 8192 x 8192 RGBA is 256 MiB. webgpu against the definition in
 * plain C, to the bit. Takes about 1.5 GiB of memory and some seconds.
 */
#include "kit.h"

#include "engine/contract.h"
#include "kernels.h"

#define SIDE 8192u

static struct tri_arena *arena;
static struct tri_engine *engine;
static struct tri_error why;

static int open_webgpu(void **state) {
    const struct tri_engine_params params = {.struct_bytes = sizeof params, .may_set_environment = true};
    struct tri_error err = {0};
    (void)state;
    assert_ok(tri_arena_create(NULL, &arena, &err));
    (void)!tri_engine_open(arena, TRI_TECHNOLOGY_WEBGPU, &params, &engine, &why);
    return 0;
}

static int close_webgpu(void **state) {
    (void)state;
    tri_engine_close(&engine);
    tri_arena_destroy(&arena);
    return 0;
}

static struct trii_operand operand(const struct trii_op *op, size_t i, struct tri_layout layout) {
    struct tri_error err = {0};
    struct trii_operand out = {.info = &op->info.operands[i], .layout = layout};
    tri_handle handle;
    uint64_t bytes;
    assert_ok(tri_layout_bytes_needed(&layout, &bytes, &err));
    assert_ok(tri_arena_allocate_shared(arena, bytes, &handle, &err));
    assert_ok(trii_arena_resolve(arena, handle, &out.region, &err));
    return out;
}

static void fill_pixels(const struct trii_region *region) {
    uint64_t *words = (uint64_t *)(void *)region->bytes, x = 88172645463325252u;
    for (uint64_t i = 0; i < region->mapped_bytes / 8; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        words[i] = x;
    }
}

static void run(const struct trii_stage *stage) {
    struct tri_error err = {0};
    struct trii_task *task = NULL;
    struct trii_fence fence;
    assert_ok(trii_task_prepare(engine, stage, &task, &err));
    trii_fence_init(&fence);
    assert_ok(trii_task_submit(task, &fence, &err));
    assert_ok(trii_task_wait(task, &fence, (uint64_t)100 * 1000000000u, &err));
    trii_task_release(&task);
}

static void free_operands(const struct trii_stage *stage) {
    struct tri_error err = {0};
    for (size_t i = 0; i < stage->operand_count; i++)
        if (!stage->in_place || i + 1 < stage->operand_count)
            assert_ok(tri_arena_free_shared(arena, stage->operands[i].region.handle, &err));
}

static void compare(const uint8_t *got, const uint8_t *wanted, size_t bytes) {
    struct tri_engine_info info;
    tri_engine_info(engine, &info);
    const int tolerance = strstr(info.device, "llvmpipe") ? 0 : 1;
    for (size_t i = 0; i < bytes; i++)
        if (abs(got[i] - wanted[i]) > tolerance)
            fail_msg("byte %zu is %d, wanted %d", i, got[i], wanted[i]);
}

static void resize(const char *filter, uint32_t width, uint32_t height) {
    const struct trii_op *op = trii_op_get(TRII_OP_RESIZE);
    const struct trii_size in = {SIDE, SIDE}, out = {width, height};
    const size_t bytes = (size_t)width * height * 4;
    const struct tri_param params[] = {{"width", width, NULL}, {"height", height, NULL}, {"filter", 0, filter}};
    struct trii_stage stage = {.name = "large", .op = op, .operand_count = 2};
    struct tri_error err = {0};
    uint8_t *wanted = malloc(bytes);
    assert_non_null(wanted);
    if (!engine)
        skip_because("webgpu: %s", why.message);
    assert_ok(trii_args_resolve(op, params, 3, &stage.args, &err));
    stage.operands[0] = operand(op, 0, tri_layout_image(SIDE, SIDE, 4, TRI_DTYPE_U8));
    stage.operands[1] = operand(op, 1, tri_layout_image(height, width, 4, TRI_DTYPE_U8));
    fill_pixels(&stage.operands[0].region);
    run(&stage);
    (strcmp(filter, "area") == 0 ? trii_kernels_plain.resize_area : trii_kernels_plain.resize_bilinear)(
        stage.operands[0].region.bytes, in, wanted, out, (size_t)width * 4, trii_all_rows(out), NULL);
    compare(stage.operands[1].region.bytes, wanted, bytes);
    free_operands(&stage);
    free(wanted);
}

static void bilinear_reads_across_bindings(void **state) {
    (void)state;
    resize("bilinear", 512, 512);
}

static void area_reads_across_bindings(void **state) {
    (void)state;
    resize("area", 3, 2); /* each pixel covers more than one binding */
}

static void a_large_image_is_written_in_tiles(void **state) {
    (void)state;
    resize("bilinear", SIDE, SIDE - 1);
}

static void apply_mask(uint32_t width, uint32_t height, uint32_t mask_side, bool in_place) {
    const struct trii_op *op = trii_op_get(TRII_OP_APPLY_MASK);
    const struct trii_size image = {width, height}, mask = {mask_side, mask_side};
    const struct tri_layout layout = tri_layout_image(height, width, 4, TRI_DTYPE_U8);
    const size_t bytes = (size_t)width * height * 4;
    struct trii_stage stage = {.name = "large", .op = op, .operand_count = 3, .in_place = in_place};
    struct tri_error err = {0};
    uint8_t *wanted = malloc(bytes);
    assert_non_null(wanted);
    assert_ok(trii_args_resolve(op, NULL, 0, &stage.args, &err));
    if (!engine)
        skip_because("webgpu: %s", why.message);
    stage.operands[0] = operand(op, 0, layout);
    stage.operands[1] = operand(op, 1, tri_layout_mask(mask_side, mask_side));
    if (in_place)
        stage.operands[2] = (struct trii_operand){
            .info = &op->info.operands[2], .region = stage.operands[0].region, .layout = layout};
    else
        stage.operands[2] = operand(op, 2, layout);
    fill_pixels(&stage.operands[0].region);
    float *values = (float *)(void *)stage.operands[1].region.bytes;
    for (size_t i = 0; i < (size_t)mask_side * mask_side; i++)
        values[i] = (float)(i * 2654435761u % 65536) / 65535.0f;
    trii_kernels_plain.apply_mask(stage.operands[0].region.bytes, image, values, mask, wanted,
                                  trii_all_rows(image), NULL);
    run(&stage);
    compare(stage.operands[2].region.bytes, wanted, bytes);
    free_operands(&stage);
    free(wanted);
}

static void a_large_image_takes_a_small_mask(void **state) {
    (void)state;
    apply_mask(SIDE, SIDE, 256, false);
}

static void in_place_too(void **state) {
    (void)state;
    apply_mask(SIDE - 1, SIDE, 256, true);
}

static void a_large_mask_is_read_across_bindings(void **state) {
    (void)state;
    apply_mask(1001, 999, SIDE, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bilinear_reads_across_bindings),    cmocka_unit_test(area_reads_across_bindings),
        cmocka_unit_test(a_large_image_is_written_in_tiles), cmocka_unit_test(a_large_image_takes_a_small_mask),
        cmocka_unit_test(in_place_too),                      cmocka_unit_test(a_large_mask_is_read_across_bindings),
    };
    return cmocka_run_group_tests_name("operations_large", tests, open_webgpu, close_webgpu);
}
