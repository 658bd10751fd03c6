/* Shaders of a user's, through pipelines and through plans over handles, on the real device. */
#include "kit.h"

#include <stdlib.h>
#include <unistd.h>

static char folder[64];
static struct tri_runtime *runtime;
static struct tri_error err;

static void put(const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* Two inputs of different types, two outputs, constants, a uniform, sizes that are no multiple of the workgroup. */
static const char split[] =
    "override gain: f32 = 1;\n"
    "override width: u32; override height: u32; override mask_count: u32;\n"
    "struct Settings { bias: vec2f, step: i32, made_width: u32 }\n"
    "@group(0) @binding(4) var<storage, read_write> made: array<f32>;\n"
    "@group(0) @binding(7) var<storage, read_write> words: array<u32>;\n"
    "@group(0) @binding(1) var<storage, read> image: array<u32>;\n"
    "@group(0) @binding(2) var<storage, read> mask: array<f32>;\n"
    "@group(0) @binding(0) var<uniform> settings: Settings;\n"
    "@compute @workgroup_size(8, 8) fn main(@builtin(global_invocation_id) at: vec3u) {\n"
    "  if (at.x >= width || at.y >= height) { return; }\n"
    "  let i = at.y * width + at.x;\n"
    "  made[i] = mask[i] * gain + settings.bias.y + f32(settings.step);\n"
    "  words[i] = (image[i] & 0xffu) + settings.made_width + mask_count;\n"
    "}\n";
static const char pipeline[] =
    "{\"inputs\": {\"photo\": {\"kind\": \"image\"}, \"mask\": {\"kind\": \"mask\"}}, \"outputs\": [\"made\", \"words\"],\n"
    "\"regions\": {\"words\": {\"shape\": [5, 7], \"dtype\": \"u32\", \"kind\": \"tensor\"}},\n"
    "\"stages\": [{\"technology\": \"webgpu\", \"operation\": \"split.wgsl\", \"inputs\": [\"photo\", \"mask\"],\n"
    "  \"outputs\": [{\"region\": \"made\", \"like\": \"mask\"}, \"words\"],\n"
    "  \"params\": {\"gain\": 2, \"bias\": [9, 0.5], \"step\": -3}}]}\n";

static int setup(void **state) {
    (void)state;
    (void)!tri_engine_choose_driver(NULL, NULL); /* before there are threads */
    snprintf(folder, sizeof folder, "/tmp/tripoint-shader-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    put("split.wgsl", split);
    put("p.json", pipeline);
    put("invert.wgsl", "@group(0) @binding(0) var<storage, read_write> pixels: array<u32>;\n"
                       "@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) at: vec3u) {\n"
                       "  if (at.x < arrayLength(&pixels)) { pixels[at.x] = ~pixels[at.x]; } }\n");
    put("bad.wgsl", "@group(0) @binding(0) var<storage, read_write> pixels: array<u32>;\n"
                    "@compute @workgroup_size(64) fn main() {\n  pixels[0] = nothing; }\n");
    return 0;
}

static int teardown(void **state) {
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static int open_runtime(void **state) {
    struct tri_engine *engine;
    (void)state;
    runtime = NULL;
    if (tri_runtime_create(NULL, &runtime, &err) != TRI_OK)
        return -1;
    if (tri_runtime_engine(runtime, TRI_TECHNOLOGY_WEBGPU, &engine, &err) != TRI_OK)
        tri_runtime_destroy(&runtime);
    return 0;
}

static int close_runtime(void **state) {
    (void)state;
    tri_runtime_destroy(&runtime);
    return 0;
}

#define NEEDS_DEVICE                                                                                                   \
    if (!runtime)                                                                                                      \
    skip_because("%s", err.message)

static void fill(tri_handle region, const void *from, size_t bytes) {
    assert_ok(tri_region_write(tri_runtime_arena(runtime), region, 0, from, bytes, NULL, NULL, &err));
}

static void run_split(void) {
    char path[96];
    uint32_t photo[35], words[35];
    float mask[35], made[35];
    struct tri_pipeline *p = NULL;
    struct tri_layout layout, image = tri_layout_image(5, 7, 4, TRI_DTYPE_U8), grey = tri_layout_mask(5, 7);
    tri_handle region;
    for (uint32_t i = 0; i < 35; i++) {
        photo[i] = 0x01020300u + i;
        mask[i] = (float)i;
    }
    snprintf(path, sizeof path, "%s/p.json", folder);
    assert_ok(tri_pipeline_load(runtime, path, &p, &err));
    assert_ok(tri_pipeline_set_input(p, "photo", &image, &err));
    assert_ok(tri_pipeline_set_input(p, "mask", &grey, &err));
    assert_ok(tri_pipeline_prepare(p, &err));
    assert_ok(tri_pipeline_region(p, "photo", &region, NULL, &err));
    fill(region, photo, sizeof photo);
    assert_ok(tri_pipeline_region(p, "mask", &region, NULL, &err));
    fill(region, mask, sizeof mask);
    assert_ok(tri_pipeline_run(p, NULL, &err));
    assert_ok(tri_pipeline_region(p, "made", &region, &layout, &err));
    assert_int_equal(layout.kind, TRI_KIND_MASK);
    assert_ok(tri_region_read(tri_runtime_arena(runtime), region, 0, made, sizeof made, NULL, NULL, &err));
    assert_ok(tri_pipeline_region(p, "words", &region, &layout, &err));
    assert_int_equal(layout.dtype, TRI_DTYPE_U32);
    assert_ok(tri_region_read(tri_runtime_arena(runtime), region, 0, words, sizeof words, NULL, NULL, &err));
    for (uint32_t i = 0; i < 35; i++) {
        assert_true(made[i] == (float)i * 2 + 0.5f - 3);
        assert_int_equal(words[i], i + 7 + 35);
    }
    tri_pipeline_destroy(&p);
}

static void a_pipeline_binds_and_sets(void **state) {
    (void)state;
    NEEDS_DEVICE;
    run_split();
    assert_int_equal(tri_ledger_bytes(tri_runtime_arena(runtime), TRI_LEDGER_BETWEEN), 0);
}

/* On a device that takes no memory of ours both outputs come back, and are counted. */
static void staged(void **state) {
    (void)state;
    NEEDS_DEVICE;
    tri_runtime_destroy(&runtime);
    setenv("TRIPOINT_WEBGPU_STAGING", "1", 1);
    assert_ok(tri_runtime_create(NULL, &runtime, &err));
    run_split();
    unsetenv("TRIPOINT_WEBGPU_STAGING");
    assert_true(tri_ledger_bytes(tri_runtime_arena(runtime), TRI_LEDGER_BETWEEN) >= 4 * 140);
}

/* Inverted once: the warm-up of a shader, at prepare, runs nothing of it. */
static void handles_in_place(void **state) {
    const char text[] = "some bytes of a frame, a multiple of four...";
    char back[sizeof text], path[96];
    tri_handle frame, other;
    struct tri_plan *plan = NULL;
    (void)state;
    NEEDS_DEVICE;
    struct tri_arena *arena = tri_runtime_arena(runtime);
    snprintf(path, sizeof path, "%s/invert.wgsl", folder);
    assert_ok(tri_arena_allocate_shared(arena, sizeof text - 1, &frame, &err));
    assert_ok(tri_arena_allocate_shared(arena, sizeof text - 1, &other, &err));
    fill(frame, text, sizeof text - 1);
    struct tri_stage stage = {.struct_bytes = sizeof stage, .technology = TRI_TECHNOLOGY_WEBGPU, .operation = path,
                              .name = "invert", .input = frame, .output = frame};
    assert_ok(tri_plan_create(runtime, &stage, 1, &plan, &err));
    assert_ok(tri_plan_run(plan, NULL, &err));
    assert_ok(tri_region_read(arena, frame, 0, back, sizeof text - 1, NULL, NULL, &err));
    for (size_t i = 0; i + 1 < sizeof text; i++)
        assert_int_equal((uint8_t)back[i], (uint8_t)~text[i]);
    tri_plan_destroy(&plan);
    stage.output = other;
    assert_status(tri_plan_create(runtime, &stage, 1, &plan, &err), TRI_BAD_PIPELINE);
    assert_non_null(strstr(err.message, "works on \"pixels\" in place"));
    assert_ok(tri_arena_free_shared(arena, frame, &err));
    assert_ok(tri_arena_free_shared(arena, other, &err));
}

static void dawns_words_point_into_the_file(void **state) {
    char path[96];
    tri_handle frame;
    struct tri_plan *plan = NULL;
    (void)state;
    NEEDS_DEVICE;
    struct tri_arena *arena = tri_runtime_arena(runtime);
    snprintf(path, sizeof path, "%s/bad.wgsl", folder);
    assert_ok(tri_arena_allocate_shared(arena, 64, &frame, &err));
    const struct tri_stage stage = {.struct_bytes = sizeof stage, .technology = TRI_TECHNOLOGY_WEBGPU,
                                    .operation = path, .input = frame, .output = frame};
    assert_status(tri_plan_create(runtime, &stage, 1, &plan, &err), TRI_BAD_SHADER);
    assert_string_equal(err.message, "bad.wgsl:3:15: unresolved value 'nothing'");
    assert_string_equal(err.stage, "bad.wgsl");
    assert_ok(tri_arena_free_shared(arena, frame, &err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_pipeline_binds_and_sets, open_runtime, close_runtime),
        cmocka_unit_test_setup_teardown(staged, open_runtime, close_runtime),
        cmocka_unit_test_setup_teardown(handles_in_place, open_runtime, close_runtime),
        cmocka_unit_test_setup_teardown(dawns_words_point_into_the_file, open_runtime, close_runtime),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
