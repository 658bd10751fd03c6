/*
 * The main job on real engines: `cutout` (pixels on the GPU) against `cutout-host` (pixels on the CPU), bit for bit,
 * without a copy between stages and without an allocation of ours a run. Engines that are absent skip aloud.
 */
#include "kit.h"

#include "base/alloc.h"

static struct tri_runtime *runtime;
static struct tri_arena *arena;
static struct tri_error err;

static int begin(void **state) {
    (void)state;
    /* The environment is chosen here, before there are threads. */
    const struct tri_engine_params webgpu = {.struct_bytes = sizeof webgpu, .may_set_environment = true};
    const struct tri_runtime_params params = {.struct_bytes = sizeof params,
                                              .engines = {[TRI_TECHNOLOGY_WEBGPU] = &webgpu}};
    if (tri_runtime_create(&params, &runtime, &err) != TRI_OK)
        return -1;
    arena = tri_runtime_arena(runtime);
    return 0;
}

static int end(void **state) {
    (void)state;
    tri_runtime_destroy(&runtime);
    return 0;
}

static void need(enum tri_technology technology) {
    struct tri_engine *engine;
    if (tri_runtime_engine(runtime, technology, &engine, &err) != TRI_OK)
        skip_because("%s: %s", tri_technology_name(technology), err.message);
}

/* Plans a pipeline for pictures of a size and fills its input: noise that both pipelines get alike, over a gradient. */
static struct tri_pipeline *filled(const char *name, uint64_t width, uint64_t height) {
    const struct tri_layout layout = tri_layout_image(height, width, 4, TRI_DTYPE_U8);
    struct tri_pipeline *pipeline = NULL;
    struct tri_host_view view;
    tri_handle input;
    uint32_t seed = 1;
    assert_ok(tri_pipeline_load(runtime, name, &pipeline, &err));
    assert_ok(tri_pipeline_set_input(pipeline, "input", &layout, &err));
    assert_ok(tri_pipeline_plan(pipeline, &err));
    assert_ok(tri_pipeline_region(pipeline, "input", &input, NULL, &err));
    assert_ok(tri_host_view_begin(arena, input, TRI_ACCESS_WRITE, NULL, &view, &err));
    for (uint64_t i = 0; i < width * height * 4; i++) {
        seed = seed * 1664525u + 1013904223u;
        ((uint8_t *)view.write)[i] = (uint8_t)((i * 255 / (width * height * 4) + (seed >> 28)) & 0xff);
    }
    assert_ok(tri_host_view_end(arena, &view, &err));
    return pipeline;
}

static void run_without_copies(struct tri_pipeline *pipeline) {
    const struct tri_run_params strict = {.struct_bytes = sizeof strict, .require_zero_copy = true};
    assert_ok(tri_pipeline_run(pipeline, &strict, &err));
}

static void assert_same_output(struct tri_pipeline *a, struct tri_pipeline *b, uint64_t width, uint64_t height) {
    struct tri_host_view views[2];
    tri_handle outputs[2];
    struct tri_pipeline *const both[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        assert_ok(tri_pipeline_region(both[i], "output", &outputs[i], NULL, &err));
        assert_ok(tri_host_view_begin(arena, outputs[i], TRI_ACCESS_READ, NULL, &views[i], &err));
    }
    for (uint64_t i = 0; i < width * height * 4; i++)
        if (((const uint8_t *)views[0].read)[i] != ((const uint8_t *)views[1].read)[i])
            fail_msg("%llux%llu: byte %llu is %d and %d", (unsigned long long)width, (unsigned long long)height,
                     (unsigned long long)i, ((const uint8_t *)views[0].read)[i], ((const uint8_t *)views[1].read)[i]);
    for (int i = 0; i < 2; i++)
        assert_ok(tri_host_view_end(arena, &views[i], &err));
}

static void the_gpu_and_the_cpu_agree_bit_for_bit(void **state) {
    static const struct {
        uint64_t width, height;
    } sizes[] = {{640, 480}, {1, 1}, {1, 3000}, {3001, 1}, {333, 517}, {1920, 1080}};
    (void)state;
    need(TRI_TECHNOLOGY_WEBGPU);
    need(TRI_TECHNOLOGY_WEBNN);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct tri_pipeline *gpu = filled("cutout", sizes[i].width, sizes[i].height);
        struct tri_pipeline *cpu = filled("cutout-host", sizes[i].width, sizes[i].height);
        run_without_copies(gpu);
        run_without_copies(cpu);
        assert_same_output(gpu, cpu, sizes[i].width, sizes[i].height);
        tri_pipeline_destroy(&gpu);
        tri_pipeline_destroy(&cpu);
    }
    assert_int_equal(tri_ledger_copies(arena, TRI_LEDGER_BETWEEN), 0);
    assert_int_equal(tri_ledger_copies(arena, TRI_LEDGER_BORDER), 0);
}

static void count_allocations(const char *name) {
    struct tri_pipeline *pipeline = filled(name, 320, 240);
    run_without_copies(pipeline);
    uint64_t before = trii_alloc_count();
    for (int i = 0; i < 5; i++)
        run_without_copies(pipeline);
    assert_int_equal(trii_alloc_count() - before, 0);
    tri_pipeline_destroy(&pipeline);
}

static void a_run_allocates_nothing_of_ours(void **state) {
    (void)state;
    need(TRI_TECHNOLOGY_WEBNN);
    count_allocations("cutout-host");
    need(TRI_TECHNOLOGY_WEBGPU);
    count_allocations("cutout");
}

static void the_mask_has_the_models_own_layout_at_the_start_of_work(void **state) {
    (void)state;
    need(TRI_TECHNOLOGY_WEBNN);
    struct tri_pipeline *pipeline = filled("cutout-host", 64, 64);
    struct tri_stage_report report;
    struct tri_layout layout;
    tri_handle work;
    run_without_copies(pipeline);
    assert_true(tri_pipeline_report(pipeline, 1, &report));
    assert_string_equal(report.operation, "segment");
    assert_true(report.in_place);
    assert_ok(tri_pipeline_region(pipeline, "work", &work, NULL, &err));
    assert_ok(tri_region_layout(arena, work, &layout, &err));
    const struct tri_layout mask = tri_layout_mask(256, 256);
    assert_true(tri_layout_equal(&layout, &mask) && layout.kind == TRI_KIND_MASK);
    tri_pipeline_destroy(&pipeline);
}

static void pixels_in_and_out_are_the_only_copies(void **state) {
    (void)state;
    need(TRI_TECHNOLOGY_WEBGPU);
    need(TRI_TECHNOLOGY_WEBNN);
    static uint8_t pixels[120 * 90 * 4], once[sizeof pixels], twice[sizeof pixels];
    struct tri_image_pipeline *pipeline = NULL;
    memset(pixels, 180, sizeof pixels);
    tri_ledger_reset(arena);
    assert_ok(tri_image_pipeline_create(runtime, NULL, &pipeline, &err));
    assert_ok(tri_image_pipeline_process(pipeline, pixels, 120, 90, once, &err));
    assert_ok(tri_image_pipeline_process(pipeline, pixels, 120, 90, twice, &err));
    assert_memory_equal(once, twice, sizeof once);
    assert_int_equal(tri_ledger_copies(arena, TRI_LEDGER_BORDER), 4);
    assert_int_equal(tri_ledger_copies(arena, TRI_LEDGER_BETWEEN), 0);
    tri_image_pipeline_destroy(&pipeline);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_gpu_and_the_cpu_agree_bit_for_bit),
        cmocka_unit_test(a_run_allocates_nothing_of_ours),
        cmocka_unit_test(the_mask_has_the_models_own_layout_at_the_start_of_work),
        cmocka_unit_test(pixels_in_and_out_are_the_only_copies),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
