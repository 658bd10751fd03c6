/*
 * The operations on pictures, masks and boxes, on every engine that has them, against the host: what every_operation does
 * not get at. Each stage runs some times on changing inputs, with the parameters that change its way, in place and apart.
 * What may differ is what the operation's `tolerance` says; on a real GPU, whose
 * compiler may fuse a multiplication with an addition, one step of 255 more.
 *
 * That the host's own two sets of kernels agree, and that they do what they should, is tests/unit/engine_effects_test.c.
 */
#include "kit.h"
#include "random.h"

#include "base/alloc.h"
#include "base/paths.h"
#include "effects.h"
#include "engine/contract.h"

#include <math.h>

enum { WASM, WEBGPU, ENGINES };
static const char *const engine_names[ENGINES] = {"wasm", "webgpu"};
static const enum tri_technology technologies[ENGINES] = {TRI_TECHNOLOGY_WASM, TRI_TECHNOLOGY_WEBGPU};
#define RUNS 2

static struct {
    struct tri_arena *arena;
    struct tri_engine *host, *engine[ENGINES];
    struct tri_error why[ENGINES];
    bool fuses[ENGINES];
} machine;

static int open_all(void **state) {
    struct tri_error err = {0};
    const struct tri_engine_params params = {.struct_bytes = sizeof params, .may_set_environment = true};
    (void)state;
    assert_ok(tri_arena_create(NULL, &machine.arena, &err));
    assert_ok(tri_engine_open(machine.arena, TRI_TECHNOLOGY_HOST, &params, &machine.host, &err));
    for (int e = 0; e < ENGINES; e++) {
        struct tri_engine_info info;
        tri_status status =
            tri_engine_open(machine.arena, technologies[e], &params, &machine.engine[e], &machine.why[e]);
        if (status != TRI_OK)
            continue;
        tri_engine_info(machine.engine[e], &info);
        machine.fuses[e] = technologies[e] == TRI_TECHNOLOGY_WEBGPU && !strstr(info.device, "llvmpipe");
    }
    return 0;
}

static int close_all(void **state) {
    (void)state;
    for (int e = 0; e < ENGINES; e++)
        tri_engine_close(&machine.engine[e]);
    tri_engine_close(&machine.host);
    tri_arena_destroy(&machine.arena);
    return 0;
}

/* ---- contents ---- */

enum contents { RANDOM, EXTREMES, CONTENTS };

static float fraction(void) {
    return (float)random_below(1u << 24) / (float)((1u << 24) - 1);
}

static void fill_box(float *box, enum contents contents, bool last) {
    static const float odd[] = {0.0f, 1.0f, -1.0f, 3e38f, -3e38f, NAN, INFINITY, 0.5f, -0.25f, 1e-30f};
    for (int k = 0; k < 4; k++)
        box[k] = contents == EXTREMES ? odd[random_below(sizeof odd / sizeof *odd)]
                                      : fraction() * (k < 2 ? 1.1f : 0.4f) - (k < 2 ? 0.1f : 0.0f);
    box[4] = last ? 0.0f : 0.5f + 0.5f * fraction();
}

/* By kind: noise over a gradient, a mask 0 ... 1, boxes that lie anywhere, detections here and there. */
static void fill(const struct tri_layout *layout, void *bytes, uint64_t size, enum contents contents) {
    float *numbers = bytes;
    switch (layout->kind) {
    case TRI_KIND_MASK:
        for (uint64_t i = 0; i < size / 4; i++)
            numbers[i] = contents == EXTREMES ? (float)random_below(2) : fraction();
        break;
    case TRI_KIND_BOXES:
        for (uint64_t i = 0; i < layout->shape[0]; i++)
            fill_box(numbers + i * 5, contents, i + 3 > layout->shape[0]);
        break;
    case TRI_KIND_TENSOR:
        for (uint64_t i = 0; i < size / 4; i++)
            numbers[i] = layout->shape[2] == 1 ? (random_below(40) ? -3.0f : 4.0f * fraction()) : 60.0f * fraction() - 5;
        break;
    default:
        for (uint64_t i = 0; i < size; i++)
            ((uint8_t *)bytes)[i] = (uint8_t)(contents == EXTREMES ? random_below(2) * 255
                                                                   : (uint32_t)(i * 200 / size) + random_below(56));
    }
}

/* ---- one stage on one engine ---- */

struct job {
    const char *op;
    struct tri_param params[4];
    size_t param_count;
    struct tri_layout in[3];
};

static uint64_t bytes_of(const struct tri_layout *layout) {
    struct tri_error err = {0};
    uint64_t bytes = 0;
    assert_ok(tri_layout_bytes_needed(layout, &bytes, &err));
    return bytes;
}

static struct trii_region allocate(const struct tri_layout *layout) {
    struct tri_error err = {0};
    struct trii_region region;
    tri_handle handle;
    assert_ok(tri_arena_allocate_shared(machine.arena, bytes_of(layout), &handle, &err));
    assert_ok(trii_arena_resolve(machine.arena, handle, &region, &err));
    memset(region.bytes, 0xA5, (size_t)region.mapped_bytes);
    return region;
}

static void make_stage(const struct job *job, bool in_place, struct trii_stage *stage) {
    struct tri_error err = {0};
    struct tri_layout out[TRII_OP_OPERANDS_MAX];
    const struct trii_op *op = trii_op_find(job->op);
    const size_t inputs = trii_op_inputs(op);
    *stage = (struct trii_stage){
        .name = "tested", .op = op, .operand_count = op->info.operand_count, .in_place = in_place};
    assert_ok(trii_args_resolve(op, job->params, job->param_count, &stage->args, &err));
    assert_ok(op->infer(op, &stage->args, job->in, out, &err));
    for (size_t i = 0; i < stage->operand_count; i++) {
        struct trii_operand *operand = &stage->operands[i];
        operand->info = &op->info.operands[i];
        operand->layout = i < inputs ? job->in[i] : out[i - inputs];
        operand->region = i == inputs && in_place ? stage->operands[0].region : allocate(&operand->layout);
    }
}

static void free_stage(const struct trii_stage *stage) {
    struct tri_error err = {0};
    for (size_t i = 0; i < stage->operand_count; i++)
        if (!(stage->in_place && i == trii_op_inputs(stage->op)))
            assert_ok(tri_arena_free_shared(machine.arena, stage->operands[i].region.handle, &err));
}

/* Runs it some times on changing inputs; the last output's bytes go to `out`. */
static void run(struct tri_engine *engine, const struct job *job, bool in_place, enum contents contents, uint8_t *out) {
    struct tri_error err = {0};
    struct trii_stage stage;
    struct trii_task *task = NULL;
    make_stage(job, in_place, &stage);
    const size_t inputs = trii_op_inputs(stage.op);
    const struct trii_operand *output = &stage.operands[inputs];
    const uint64_t bytes = bytes_of(&output->layout);
    seed = 88172645463325252u;
    assert_ok(trii_task_prepare(engine, &stage, &task, &err));
    for (int i = 0; i < RUNS; i++) {
        struct trii_fence fence;
        for (size_t k = 0; k < inputs; k++)
            fill(&stage.operands[k].layout, stage.operands[k].region.bytes, bytes_of(&stage.operands[k].layout), contents);
        trii_fence_init(&fence);
        assert_ok(trii_task_submit(task, &fence, &err));
        assert_ok(trii_task_wait(task, &fence, (uint64_t)100 * 1000000000u, &err));
    }
    trii_task_release(&task);
    memcpy(out, output->region.bytes, (size_t)bytes);
    if (!in_place)
        for (uint64_t i = bytes; i < output->region.mapped_bytes; i++)
            if (output->region.bytes[i] != 0xA5)
                fail_msg("byte %llu, past the end of %s's output, was written", (unsigned long long)i, job->op);
    free_stage(&stage);
}

static void compare(const struct job *job, int e, const struct tri_layout *layout, const uint8_t *got,
                    const uint8_t *wanted) {
    const struct trii_op *op = trii_op_find(job->op);
    const bool floats = layout->dtype == TRI_DTYPE_F32;
    const uint64_t count = bytes_of(layout) / (floats ? 4 : 1);
    const double allowed = op->info.tolerance + (machine.fuses[e] ? (floats ? 1e-4 : 1) : 0);
    for (uint64_t i = 0; i < count; i++) {
        const double a = floats ? (double)((const float *)(const void *)got)[i] : got[i];
        const double b = floats ? (double)((const float *)(const void *)wanted)[i] : wanted[i];
        if (!(fabs(a - b) <= allowed))
            fail_msg("%s on %s, [%llu,%llu]: value %llu is %.9g, wanted %.9g", job->op, engine_names[e],
                     (unsigned long long)job->in[0].shape[0], (unsigned long long)job->in[0].shape[1],
                     (unsigned long long)i, a, b);
    }
}

static void check(int e, const struct job *job, bool in_place, enum contents contents) {
    struct trii_stage stage;
    make_stage(job, false, &stage);
    const struct tri_layout layout = stage.operands[trii_op_inputs(stage.op)].layout;
    free_stage(&stage);
    uint8_t *wanted = malloc((size_t)bytes_of(&layout)), *got = malloc((size_t)bytes_of(&layout));
    run(machine.host, job, in_place, contents, wanted);
    run(machine.engine[e], job, in_place, contents, got);
    compare(job, e, &layout, got, wanted);
    free(wanted);
    free(got);
}

static void need(int e, const char *op) {
    struct tri_error err = {0};
    char *guest = NULL;
    if (!machine.engine[e])
        skip_because("%s: %s", engine_names[e], machine.why[e].message);
    assert_true(trii_engine_has(machine.engine[e], trii_op_find(op)));
    if (e == WASM && trii_path_data("wasm/decode_faces.wasm", &guest, &err) != TRI_OK)
        skip_because("the guest was not built: %s", err.message);
    trii_free(guest);
}

static void check_all(int e, const struct job *job) {
    const bool in_place = trii_op_find(job->op)->info.in_place;
    for (int contents = 0; contents < CONTENTS; contents++)
        for (int place = 0; place <= in_place; place++)
            check(e, job, place, (enum contents)contents);
}

/* ---- the operations ---- */

#define IMAGE(width, height) tri_layout_image(height, width, 4, TRI_DTYPE_U8)
static const struct trii_size sizes[] = {{1, 1}, {1, 300}, {300, 1}, {3, 5}, {64, 64}, {257, 129}, {333, 217}};
#define SIZES (sizeof sizes / sizeof *sizes)

static void blur(int e) {
    static const double sigmas[] = {0, 0.7, 3.9, 4, 13, 200};
    need(e, "blur");
    for (size_t i = 0; i < SIZES; i++)
        for (size_t s = 0; s < sizeof sigmas / sizeof *sigmas; s++)
            check_all(e, &(struct job){.op = "blur",
                                       .params = {{"sigma", sigmas[s], NULL}},
                                       .param_count = 1,
                                       .in = {IMAGE(sizes[i].width, sizes[i].height)}});
}

/* What would lie between the passes does not fit four bindings: told, not done wrong. */
static void a_fine_blur_of_a_huge_image_is_refused_on_WEBGPU(void **state) {
    const struct job job = {
        .op = "blur", .params = {{"sigma", 1, NULL}}, .param_count = 1, .in = {IMAGE(1 << 13, (1 << 12) + 1)}};
    struct tri_error err = {0};
    struct trii_stage stage;
    struct trii_task *task = NULL;
    (void)state;
    need(WEBGPU, "blur");
    make_stage(&job, true, &stage);
    assert_status(trii_task_prepare(machine.engine[WEBGPU], &stage, &task, &err), TRI_LIMIT);
    assert_non_null(strstr(err.message, "blur on a GPU"));
    free_stage(&stage);
}

static void a_blur_in_percent_is_the_same_on_WEBGPU(void **state) {
    (void)state;
    need(WEBGPU, "blur");
    check_all(WEBGPU, &(struct job){.op = "blur",
                                    .params = {{"sigma", 5, NULL}, {"unit", 0, "percent"}},
                                    .param_count = 2,
                                    .in = {IMAGE(140, 333)}});
}

static void composite(int e) {
    need(e, "composite");
    for (size_t i = 0; i < SIZES; i++) {
        const struct tri_layout image = IMAGE(sizes[i].width, sizes[i].height);
        check_all(e, &(struct job){.op = "composite", .in = {image, image}});
        check_all(e, &(struct job){.op = "flatten", .params = {{"colour", 0, "#12a0ff"}}, .param_count = 1, .in = {image}});
    }
}

static void blend(int e) {
    need(e, "blend");
    for (size_t i = 0; i < SIZES; i++)
        for (size_t m = 0; m < SIZES; m += 2) {
            const struct tri_layout image = IMAGE(sizes[i].width, sizes[i].height);
            check_all(e, &(struct job){.op = "blend",
                                       .in = {image, image, tri_layout_mask(sizes[m].height, sizes[m].width)}});
        }
}

static void cover(int e) {
    need(e, "cover");
    for (size_t i = 0; i < SIZES; i++)
        for (size_t m = i % 2; m < SIZES; m += 2)
            check_all(e, &(struct job){.op = "cover",
                                       .in = {IMAGE(sizes[i].width, sizes[i].height),
                                              IMAGE(sizes[m].width, sizes[m].height)}});
}

static void refine(int e) {
    need(e, "refine");
    for (size_t i = 0; i < SIZES; i++)
        for (size_t m = i % 2; m < SIZES; m += 2)
            check_all(e, &(struct job){.op = "refine",
                                       .params = {{"radius", (double)(1 + (i + m) % 5), NULL}, {"edge", 0.05, NULL}},
                                       .param_count = 2,
                                       .in = {IMAGE(sizes[i].width, sizes[i].height),
                                              tri_layout_mask(sizes[m].height, sizes[m].width)}});
}

static void steady(int e) {
    need(e, "steady");
    for (size_t i = 0; i < SIZES; i++)
        check_all(e, &(struct job){.op = "steady", .in = {tri_layout_mask(sizes[i].height, sizes[i].width)}});
}

static void face_tiles(int e) {
    need(e, "face_tiles");
    for (size_t i = 0; i < SIZES; i++)
        check_all(e, &(struct job){.op = "face_tiles",
                                   .params = {{"levels", sizes[i].width % 2 ? 2 : 1, NULL}},
                                   .param_count = 1,
                                   .in = {IMAGE(sizes[i].width, sizes[i].height)}});
}

static void hide_boxes(int e) {
    need(e, "hide_boxes");
    for (size_t i = 0; i < SIZES; i++)
        for (int style = 0; style < 4; style++)
            check_all(e, &(struct job){.op = "hide_boxes",
                                       .params = {{"style", 0, style & 1 ? "blur" : "pixelate"},
                                                  {"shape", 0, style & 2 ? "ellipse" : "box"},
                                                  {"cells", (double)(1 + i * 2), NULL}},
                                       .param_count = 3,
                                       .in = {IMAGE(sizes[i].width, sizes[i].height),
                                              {.dtype = TRI_DTYPE_F32, .kind = TRI_KIND_BOXES, .rank = 2, .shape = {7, 5}}}});
}

static struct tri_layout tensor(uint64_t squares, uint64_t numbers) {
    return (struct tri_layout){
        .dtype = TRI_DTYPE_F32, .kind = TRI_KIND_TENSOR, .rank = 3, .shape = {squares, 896, numbers}};
}

static void decode_faces(int e) {
    need(e, "decode_faces");
    for (size_t i = 0; i < SIZES; i++) {
        const uint32_t levels = sizes[i].width % 2 ? 3 : 2, squares = trii_faces_tiles(sizes[i], levels);
        check_all(e, &(struct job){.op = "decode_faces",
                                   .params = {{"score", 0.6, NULL}},
                                   .param_count = 1,
                                   .in = {tensor(squares, 16), tensor(squares, 1), IMAGE(sizes[i].width, sizes[i].height)}});
    }
}

#define ON(engine, operation)                                                                    \
    static void operation##_on_##engine(void **state) {                                          \
        (void)state;                                                                             \
        operation(engine);                                                                       \
    }
ON(WEBGPU, blur)
ON(WEBGPU, composite)
ON(WEBGPU, blend)
ON(WEBGPU, cover)
ON(WEBGPU, refine)
ON(WEBGPU, steady)
ON(WEBGPU, face_tiles)
ON(WEBGPU, hide_boxes)
ON(WASM, decode_faces)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blur_on_WEBGPU),       cmocka_unit_test(composite_on_WEBGPU),
        cmocka_unit_test(blend_on_WEBGPU),      cmocka_unit_test(cover_on_WEBGPU),
        cmocka_unit_test(refine_on_WEBGPU),     cmocka_unit_test(steady_on_WEBGPU),
        cmocka_unit_test(face_tiles_on_WEBGPU), cmocka_unit_test(hide_boxes_on_WEBGPU),
        cmocka_unit_test(a_blur_in_percent_is_the_same_on_WEBGPU), cmocka_unit_test(decode_faces_on_WASM), cmocka_unit_test(a_fine_blur_of_a_huge_image_is_refused_on_WEBGPU),
    };
    return cmocka_run_group_tests_name("effects", tests, open_all, close_all);
}
