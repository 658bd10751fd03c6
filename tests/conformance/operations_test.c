/*
 * Every operation on every engine that has it, against the definition in plain C (ops/host/plain.c), to the bit.
 *
 * An engine that is absent is skipped aloud. webgpu runs twice: over the arena's own pages, and with regions staged. On
 * a real GPU, whose compiler may fuse a multiplication with an addition, one step of 255 is allowed and said.
 *
 * Known gap: `segment` has no definition in plain C; tests/unit/webnn_segment_test.c compares it with stored results.
 */
#include "kit.h"
#include "random.h"

#include "base/alloc.h"
#include "base/paths.h"
#include "engine/contract.h"
#include "kernels.h"

#include <math.h>

enum { HOST, WASM, WEBGPU, WEBGPU_STAGED, ENGINES };
static const char *const engine_names[ENGINES] = {"host", "wasm", "webgpu", "webgpu, staged"};
static const enum tri_technology technologies[ENGINES] = {TRI_TECHNOLOGY_HOST, TRI_TECHNOLOGY_WASM,
                                                          TRI_TECHNOLOGY_WEBGPU, TRI_TECHNOLOGY_WEBGPU};

static struct {
    struct tri_arena *arena;
    struct tri_engine *engine[ENGINES];
    struct tri_error why[ENGINES];
    int tolerance[ENGINES];
} machine;

static int open_all(void **state) {
    struct tri_error err = {0};
    const struct tri_engine_params params = {.struct_bytes = sizeof params, .may_set_environment = true};
    (void)state;
    assert_ok(tri_arena_create(NULL, &machine.arena, &err));
    for (int e = 0; e < ENGINES; e++) {
        struct tri_engine_info info;
        if (e == WEBGPU_STAGED)
            setenv("TRIPOINT_WEBGPU_STAGING", "1", 1);
        tri_status status = tri_engine_open(machine.arena, technologies[e], &params, &machine.engine[e],
                                            &machine.why[e]);
        unsetenv("TRIPOINT_WEBGPU_STAGING");
        if (status != TRI_OK)
            continue;
        tri_engine_info(machine.engine[e], &info);
        machine.tolerance[e] = technologies[e] == TRI_TECHNOLOGY_WEBGPU && !strstr(info.device, "llvmpipe");
        print_message("%s: %s, %s, %s%s\n", engine_names[e], info.device, info.driver, info.sharing,
                      machine.tolerance[e] ? "; one step of 255 is allowed" : "");
    }
    return 0;
}

static int close_all(void **state) {
    (void)state;
    for (int e = 0; e < ENGINES; e++)
        tri_engine_close(&machine.engine[e]);
    tri_arena_destroy(&machine.arena);
    return 0;
}

/* ---- contents ---- */

enum contents { RANDOM, EXTREMES, WHITE, CONTENTS };

static void fill_pixels(uint8_t *bytes, size_t n, enum contents contents) {
    for (size_t i = 0; i < n; i++)
        bytes[i] = contents == RANDOM     ? (uint8_t)random_below(256)
                   : contents == EXTREMES ? (uint8_t)(random_below(2) * 255)
                                          : 255;
}

/* A mask should be 0 ... 1; a model that misbehaves gives anything. */
static void fill_mask(float *mask, size_t n, enum contents contents) {
    static const float odd[] = {0.0f, 1.0f, -0.0f, -1.0f, 2.0f, 1e-40f, 3e38f, -3e38f, 0.5f, 1.0f / 510, NAN, INFINITY,
                                -INFINITY};
    for (size_t i = 0; i < n; i++)
        mask[i] = contents == RANDOM     ? (float)random_below(1u << 24) / (float)((1u << 24) - 1)
                  : contents == EXTREMES ? odd[random_below(sizeof odd / sizeof *odd)]
                                         : 1.0f;
}

/* ---- one stage on one engine ---- */

struct job {
    const struct trii_op *op;
    struct tri_param params[3];
    size_t param_count;
    struct tri_layout layouts[3]; /* of the operands */
    const void *inputs[2];
    bool in_place;
};

static uint64_t bytes_of(const struct tri_layout *layout) {
    struct tri_error err = {0};
    uint64_t bytes = 0;
    assert_ok(tri_layout_bytes_needed(layout, &bytes, &err));
    return bytes;
}

static void run_stage(struct tri_engine *engine, const struct trii_stage *stage) {
    struct tri_error err = {0};
    struct trii_task *task = NULL;
    struct trii_fence fence;
    assert_ok(trii_task_prepare(engine, stage, &task, &err));
    for (int again = 0; again < 2; again++) { /* a prepared stage runs more than once; in place the caller refills */
        if (again && stage->in_place)
            break;
        trii_fence_init(&fence);
        assert_ok(trii_task_submit(task, &fence, &err));
        assert_ok(trii_task_wait(task, &fence, (uint64_t)30 * 1000000000u, &err));
    }
    trii_task_release(&task);
}

/* Runs `job` and leaves the output's bytes in `out`, which has a guard page's worth of 0xA5 after it in the region. */
static void run(struct tri_engine *engine, const struct job *job, uint8_t *out) {
    struct tri_error err = {0};
    struct trii_stage stage = {.name = "tested", .op = job->op, .operand_count = job->op->info.operand_count};
    const size_t inputs = trii_op_inputs(job->op), last = stage.operand_count - 1;
    const uint64_t bytes = bytes_of(&job->layouts[last]);
    stage.in_place = job->in_place;
    assert_ok(trii_args_resolve(job->op, job->params, job->param_count, &stage.args, &err));
    for (size_t i = 0; i <= last; i++) {
        struct trii_operand *operand = &stage.operands[i];
        tri_handle handle;
        operand->info = &job->op->info.operands[i];
        operand->layout = job->layouts[i];
        if (i == last && job->in_place) {
            operand->region = stage.operands[0].region;
            break;
        }
        assert_ok(tri_arena_allocate_shared(machine.arena, bytes_of(&operand->layout), &handle, &err));
        assert_ok(trii_arena_resolve(machine.arena, handle, &operand->region, &err));
        memset(operand->region.bytes, 0xA5, (size_t)operand->region.mapped_bytes);
        if (i < inputs)
            memcpy(operand->region.bytes, job->inputs[i], (size_t)bytes_of(&operand->layout));
    }
    run_stage(engine, &stage);
    const struct trii_region *output = &stage.operands[last].region;
    memcpy(out, output->bytes, (size_t)bytes);
    for (uint64_t i = bytes; i < output->mapped_bytes; i++)
        if (output->bytes[i] != 0xA5)
            fail_msg("byte %llu, past the end of %s's output, was written", (unsigned long long)i, job->op->info.name);
    for (size_t i = 0; i <= last && !(i == last && job->in_place); i++)
        assert_ok(tri_arena_free_shared(machine.arena, stage.operands[i].region.handle, &err));
}

static void compare(const uint8_t *got, const uint8_t *wanted, size_t bytes, int tolerance, const char *what) {
    size_t different = 0;
    for (size_t i = 0; i < bytes; i++) {
        const int step = abs(got[i] - wanted[i]);
        different += step != 0;
        if (step > tolerance)
            fail_msg("%s: byte %zu of %zu is %d, wanted %d (%zu differ up to there)", what, i, bytes, got[i], wanted[i],
                     different);
    }
    if (different)
        print_message("%s: %zu of %zu bytes differ by one\n", what, different, bytes);
}

static bool absent(int e, enum trii_op_id id) {
    if (machine.engine[e])
        return !trii_engine_has(machine.engine[e], trii_op_get(id));
    print_message("skipped because %s: %s\n", engine_names[e], machine.why[e].message);
    return true;
}

/* ---- resize ---- */

struct shapes {
    struct trii_size in, out;
};

static void resize_one(int e, const struct shapes *shapes, const char *filter, enum contents contents) {
    char what[160];
    const struct tri_layout in = tri_layout_image(shapes->in.height, shapes->in.width, 4, TRI_DTYPE_U8);
    const struct tri_layout out = tri_layout_image(shapes->out.height, shapes->out.width, 4, TRI_DTYPE_U8);
    const size_t bytes = (size_t)bytes_of(&out);
    uint8_t *pixels = malloc((size_t)bytes_of(&in)), *wanted = malloc(bytes), *got = malloc(bytes);
    const struct job job = {.op = trii_op_get(TRII_OP_RESIZE),
                            .params = {{"width", shapes->out.width, NULL},
                                       {"height", shapes->out.height, NULL},
                                       {"filter", 0, filter}},
                            .param_count = 3,
                            .layouts = {in, out},
                            .inputs = {pixels}};
    snprintf(what, sizeof what, "%s: resize %s %ux%u to %ux%u", engine_names[e], filter, shapes->in.width,
             shapes->in.height, shapes->out.width, shapes->out.height);
    fill_pixels(pixels, (size_t)bytes_of(&in), contents);
    (strcmp(filter, "area") == 0 ? trii_kernels_plain.resize_area : trii_kernels_plain.resize_bilinear)(
        pixels, shapes->in, wanted, shapes->out, (size_t)shapes->out.width * 4, trii_all_rows(shapes->out), NULL);
    run(machine.engine[e], &job, got);
    compare(got, wanted, bytes, machine.tolerance[e], what);
    free(pixels);
    free(wanted);
    free(got);
}

static void resize(int e) {
    static const struct shapes shapes[] = {
        {{1, 1}, {1, 1}},       {{1, 1}, {7, 5}},         {{5, 7}, {1, 1}},           {{1, 8000}, {3, 512}},
        {{8000, 1}, {512, 3}},  {{3, 2}, {300, 200}},     {{257, 129}, {129, 257}},   {{255, 3}, {256, 256}},
        {{640, 480}, {256, 256}}, {{1920, 1080}, {512, 512}}, {{333, 517}, {1025, 33}}, {{64, 64}, {64, 64}},
        {{1920, 1080}, {256, 144}},
    };
    if (absent(e, TRII_OP_RESIZE))
        skip();
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int contents = 0; contents < CONTENTS; contents++) {
            resize_one(e, &shapes[i], "bilinear", (enum contents)contents);
            resize_one(e, &shapes[i], "area", (enum contents)contents);
        }
}

/* ---- apply_mask ---- */

static void apply_mask_one(int e, const struct shapes *shapes, bool in_place, enum contents contents) {
    char what[160];
    const struct tri_layout image = tri_layout_image(shapes->in.height, shapes->in.width, 4, TRI_DTYPE_U8);
    const struct tri_layout mask = tri_layout_mask(shapes->out.height, shapes->out.width);
    const size_t bytes = (size_t)bytes_of(&image), cells = (size_t)shapes->out.width * shapes->out.height;
    uint8_t *pixels = malloc(bytes), *wanted = malloc(bytes), *got = malloc(bytes);
    float *values = malloc(cells * sizeof *values);
    const struct job job = {.op = trii_op_get(TRII_OP_APPLY_MASK),
                            .layouts = {image, mask, image},
                            .inputs = {pixels, values},
                            .in_place = in_place};
    snprintf(what, sizeof what, "%s: apply_mask%s %ux%u with %ux%u", engine_names[e], in_place ? " in place" : "",
             shapes->in.width, shapes->in.height, shapes->out.width, shapes->out.height);
    fill_pixels(pixels, bytes, contents == WHITE ? RANDOM : contents);
    fill_mask(values, cells, contents);
    trii_kernels_plain.apply_mask(pixels, shapes->in, values, shapes->out, wanted, trii_all_rows(shapes->in), NULL);
    run(machine.engine[e], &job, got);
    compare(got, wanted, bytes, machine.tolerance[e], what);
    free(pixels);
    free(wanted);
    free(got);
    free(values);
}

static void apply_mask(int e) {
    static const struct shapes shapes[] = {
        {{1, 1}, {1, 1}},         {{1, 1}, {256, 256}},       {{1, 8000}, {256, 256}}, {{8000, 1}, {256, 144}},
        {{5, 3}, {2, 2}},         {{6, 3}, {144, 256}},       {{7, 3}, {1, 1}},        {{4, 3}, {1, 7}},
        {{255, 257}, {256, 256}}, {{1023, 77}, {256, 144}},   {{1024, 77}, {256, 144}}, {{1025, 77}, {256, 144}},
        {{640, 480}, {256, 256}}, {{1920, 1080}, {256, 256}}, {{1919, 1079}, {256, 144}}, {{640, 480}, {1300, 900}},
    };
    if (absent(e, TRII_OP_APPLY_MASK))
        skip();
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int contents = 0; contents < CONTENTS; contents++) {
            apply_mask_one(e, &shapes[i], false, (enum contents)contents);
            apply_mask_one(e, &shapes[i], true, (enum contents)contents);
        }
}

/* ---- vignette ---- */

static void vignette_one(int e, struct trii_size size, double strength) {
    char what[160];
    const struct tri_layout image = tri_layout_image(size.height, size.width, 4, TRI_DTYPE_U8);
    const size_t bytes = (size_t)bytes_of(&image);
    uint8_t *pixels = malloc(bytes), *wanted = malloc(bytes), *got = malloc(bytes);
    const struct job job = {.op = trii_op_get(TRII_OP_VIGNETTE),
                            .params = {{"strength", strength, NULL}},
                            .param_count = 1,
                            .layouts = {image, image},
                            .inputs = {pixels},
                            .in_place = true};
    snprintf(what, sizeof what, "%s: vignette %ux%u by %g", engine_names[e], size.width, size.height, strength);
    fill_pixels(pixels, bytes, RANDOM);
    trii_kernels_plain.vignette(pixels, size, (float)strength, wanted, trii_all_rows(size));
    run(machine.engine[e], &job, got);
    compare(got, wanted, bytes, machine.tolerance[e], what);
    free(pixels);
    free(wanted);
    free(got);
}

static void vignette(int e) {
    static const struct trii_size sizes[] = {{1, 1}, {1, 800}, {800, 1}, {255, 33}, {640, 480}, {1921, 1079}};
    struct tri_error err = {0};
    char *guest = NULL;
    if (absent(e, TRII_OP_VIGNETTE))
        skip();
    if (e == WASM && trii_path_data("wasm/vignette.wasm", &guest, &err) != TRI_OK)
        skip_because("the guest was not built: %s", err.message);
    trii_free(guest);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        vignette_one(e, sizes[i], 0.6);
        vignette_one(e, sizes[i], 0);
        vignette_one(e, sizes[i], 1);
    }
}

#define ON(engine, operation)                                                                    \
    static void operation##_on_##engine(void **state) {                                          \
        (void)state;                                                                             \
        operation(engine);                                                                       \
    }
ON(HOST, resize)
ON(WEBGPU, resize)
ON(WEBGPU_STAGED, resize)
ON(HOST, apply_mask)
ON(WEBGPU, apply_mask)
ON(WEBGPU_STAGED, apply_mask)
ON(HOST, vignette)
ON(WASM, vignette)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resize_on_HOST),          cmocka_unit_test(resize_on_WEBGPU),
        cmocka_unit_test(resize_on_WEBGPU_STAGED), cmocka_unit_test(apply_mask_on_HOST),
        cmocka_unit_test(apply_mask_on_WEBGPU),    cmocka_unit_test(apply_mask_on_WEBGPU_STAGED),
        cmocka_unit_test(vignette_on_HOST),        cmocka_unit_test(vignette_on_WASM),
    };
    return cmocka_run_group_tests_name("operations", tests, open_all, close_all);
}
