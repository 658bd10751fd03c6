/*
 * Every operation of the table on every engine that has it, against the host's: random shapes (thin ones, odd ones, one
 * pixel), dtypes and channels, parameters and contents, within the tolerance that the operation states. Nothing here
 * knows an operation by name: what fits is asked of its shape rule, so a new one is tested by being in the table.
 *
 *   every_operation_test [trials [seed [operation]]]     trials an operation and engine; one operation alone
 *
 * Each trial also checks that inputs and what lies behind the output stay as they were. An engine that is absent skips
 * aloud. webgpu runs twice: over the arena's own pages, and with regions staged. Host kernels are compared with their
 * plain twins in tests/unit. Known gap: `segment` and other operations without a host reference are only named.
 */
#include "kit.h"
#include "random.h"

#include "engine/contract.h"
#include "half.h"

#include <math.h>

enum { HOST, WASM, WEBGPU, WEBGPU_STAGED, ENGINES };
static const char *const engine_names[ENGINES] = {"host, in place", "wasm", "webgpu", "webgpu, staged"};
static const enum tri_technology technologies[ENGINES] = {TRI_TECHNOLOGY_HOST, TRI_TECHNOLOGY_WASM,
                                                          TRI_TECHNOLOGY_WEBGPU, TRI_TECHNOLOGY_WEBGPU};
#define MOST_BYTES ((uint64_t)1 << 20) /* of an operand */
#define GUARD 0xA5

static struct {
    struct tri_arena *arena;
    struct tri_engine *engine[ENGINES];
    struct tri_error why[ENGINES];
    bool fuses[ENGINES]; /* a real GPU, whose compiler may contract */
} machine;

static unsigned trials = 12;
static const char *only; /* NULL: every operation */
static uint64_t first_seed = 88172645463325252u;

static bool chance(uint32_t percent) {
    return random_below(100) < percent;
}

static int open_all(void **state) {
    struct tri_error err = {0};
    const struct tri_engine_params params = {.struct_bytes = sizeof params, .may_set_environment = true};
    (void)state;
    assert_ok(tri_arena_create(NULL, &machine.arena, &err));
    for (int e = 0; e < ENGINES; e++) {
        struct tri_engine_info info;
        if (e == WEBGPU_STAGED)
            setenv("TRIPOINT_WEBGPU_STAGING", "1", 1);
        tri_status status =
            tri_engine_open(machine.arena, technologies[e], &params, &machine.engine[e], &machine.why[e]);
        unsetenv("TRIPOINT_WEBGPU_STAGING");
        if (status != TRI_OK)
            continue;
        tri_engine_info(machine.engine[e], &info);
        machine.fuses[e] = technologies[e] == TRI_TECHNOLOGY_WEBGPU && !strstr(info.device, "llvmpipe");
        print_message("%s: %s, %s, %s\n", engine_names[e], info.device, info.driver, info.sharing);
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

/* ---- parameters ---- */

struct trial {
    const struct trii_op *op;
    struct trii_args args;
    char texts[TRII_OP_PARAMS_MAX][64];
    struct tri_layout layouts[TRII_OP_OPERANDS_MAX];
    uint8_t *inputs[TRII_OP_OPERANDS_MAX];
    char what[400];
};

static double random_number(const struct tri_param_info *info) {
    const bool whole = strcmp(info->type, "integer") == 0;
    const double most = whole ? fmin(info->maximum, info->minimum + 48) : info->maximum;
    switch (random_below(4)) {
    case 0:
        return info->minimum;
    case 1:
        return whole ? most : info->maximum;
    default: {
        const double at = info->minimum + (most - info->minimum) * random_below(1u << 20) / ((1u << 20) - 1);
        return whole ? floor(at) : fmin(fmax((double)(float)at, info->minimum), info->maximum);
    }
    }
}

static void random_choice(const char *choices, char text[64]) {
    size_t count = 1;
    for (const char *c = choices; *c; c++)
        count += *c == '|';
    for (size_t i = random_below((uint32_t)count); i > 0; i--)
        choices = strchr(choices, '|') + 1;
    snprintf(text, 64, "%.*s", (int)strcspn(choices, "|"), choices);
}

/* A text like its default: a colour, or as many numbers. */
static void random_text(const char *like, char text[64]) {
    size_t used = 0;
    if (like[0] == '#') {
        snprintf(text, 64, "#%02x%02x%02x%02x", random_below(256), random_below(256), random_below(256),
                 random_below(256));
        return;
    }
    for (const char *c = like; *c; c += strspn(c, " "), c += strcspn(c, " "))
        if (used < 56)
            used += (size_t)snprintf(text + used, 64 - used, "%s%.3f", used ? " " : "",
                                     (random_below(4001) - 2000.0) / 1000);
}

static void random_args(struct trial *t) {
    const struct tri_operation_info *info = &t->op->info;
    struct tri_param params[TRII_OP_PARAMS_MAX];
    struct tri_error err = {0};
    size_t count = 0;
    for (size_t i = 0; i < info->param_count; i++) {
        const struct tri_param_info *p = &info->params[i];
        struct tri_param *to = &params[count];
        /* Sizes in pixels have large defaults: they are always chosen here. */
        if (chance(30) && !(strcmp(p->type, "integer") == 0 && p->default_number > 64))
            continue;
        *to = (struct tri_param){.name = p->name};
        if (p->choices)
            random_choice(p->choices, t->texts[i]);
        else if (p->default_text)
            random_text(p->default_text, t->texts[i]);
        else
            to->number = random_number(p);
        if (p->default_text)
            to->text = t->texts[i];
        count++;
    }
    assert_ok(trii_args_resolve(t->op, params, count, &t->args, &err));
}

/* ---- layouts and contents ---- */

static uint64_t random_side(void) {
    static const uint64_t sides[] = {1, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 64, 65, 100};
    return sides[random_below(sizeof sides / sizeof *sides)];
}

static struct tri_layout random_layout(enum tri_kind kind, const struct tri_layout *like) {
    static const enum tri_dtype dtypes[] = {TRI_DTYPE_U8, TRI_DTYPE_U8, TRI_DTYPE_F16, TRI_DTYPE_F32};
    static const uint64_t channels[] = {4, 4, 1, 3};
    const bool same = like && chance(70);
    uint64_t height = same ? like->shape[0] : random_side(), width = same ? like->shape[1] : random_side();
    struct tri_layout layout = tri_layout_mask(height, width);
    switch (kind) {
    case TRI_KIND_IMAGE:
        if (chance(50))
            return tri_layout_image(height, width, 4, TRI_DTYPE_U8);
        return tri_layout_image(height, width, channels[random_below(4)], dtypes[random_below(4)]);
    case TRI_KIND_NV12:
    case TRI_KIND_I420:
        layout = tri_layout_image((height + 1) / 2 * 3, (width + 1) / 2 * 2, 1, TRI_DTYPE_U8);
        layout.kind = kind;
        return layout;
    case TRI_KIND_BOXES:
        return (struct tri_layout){.dtype = TRI_DTYPE_F32,
                                   .kind = kind,
                                   .rank = 2,
                                   .shape = {1 + random_below(9), 4 + random_below(14)}};
    case TRI_KIND_BYTES:
        return tri_layout_bytes(height * width);
    default:
        layout.kind = kind;
        return layout;
    }
}

static uint64_t bytes_of(const struct tri_layout *layout) {
    struct tri_error err = {0};
    uint64_t bytes = 0;
    assert_ok(tri_layout_bytes_needed(layout, &bytes, &err));
    return bytes;
}

/* Layouts and parameters that the operation takes; false when none was found. */
static bool find_trial(struct trial *t) {
    const size_t inputs = trii_op_inputs(t->op);
    for (int attempt = 0; attempt < 400; attempt++) {
        struct tri_error err = {0};
        bool fits = true;
        random_args(t);
        for (size_t i = 0; i < inputs; i++)
            t->layouts[i] = random_layout(t->op->info.operands[i].kind, i ? &t->layouts[0] : NULL);
        if (t->op->infer(t->op, &t->args, t->layouts, t->layouts + inputs, &err) != TRI_OK)
            continue;
        for (size_t i = 0; i < t->op->info.operand_count; i++)
            fits = fits && bytes_of(&t->layouts[i]) > 0 && bytes_of(&t->layouts[i]) <= MOST_BYTES;
        if (fits)
            return true;
    }
    return false;
}

enum contents { RANDOM, EXTREMES, FULL, CONTENTS };

static float random_float(enum contents contents) {
    static const float odd[] = {0.0f, 1.0f,  -0.0f,   -1.0f, 2.0f,     1e-40f,  6e-8f,    3e38f,
                                -3e38f, 0.5f, 65519.0f, 1.0f / 510, NAN, INFINITY, -INFINITY, 0.99999994f};
    return contents == RANDOM     ? (float)random_below(1u << 24) / (float)((1u << 24) - 1)
           : contents == EXTREMES ? odd[random_below(sizeof odd / sizeof *odd)]
                                  : 1.0f;
}

static void fill(uint8_t *bytes, const struct tri_layout *layout, enum contents contents) {
    const size_t n = (size_t)bytes_of(layout) / tri_dtype_bytes(layout->dtype);
    for (size_t i = 0; i < n; i++)
        switch (layout->dtype) {
        case TRI_DTYPE_F32:
            ((float *)(void *)bytes)[i] = random_float(contents);
            break;
        case TRI_DTYPE_F16:
            ((uint16_t *)(void *)bytes)[i] = trii_half_of(random_float(contents));
            break;
        default:
            bytes[i] = contents == RANDOM     ? (uint8_t)random_below(256)
                       : contents == EXTREMES ? (uint8_t)(random_below(2) * 255)
                                              : 255;
        }
}

static void describe(struct trial *t, enum contents contents) {
    static const char *const names[CONTENTS] = {"random", "extreme", "full"};
    char text[96];
    size_t used = (size_t)snprintf(t->what, sizeof t->what, "%s, %s:", t->op->info.name, names[contents]);
    for (size_t i = 0; i < t->op->info.operand_count && used < sizeof t->what; i++)
        used += (size_t)snprintf(t->what + used, sizeof t->what - used, "%s %s",
                                 i == trii_op_inputs(t->op) ? " ->" : "",
                                 tri_layout_format(&t->layouts[i], text, sizeof text));
    for (size_t i = 0; i < t->op->info.param_count && used < sizeof t->what; i++)
        used += t->args.value[i].text
                    ? (size_t)snprintf(t->what + used, sizeof t->what - used, ", %s %s", t->op->info.params[i].name,
                                       t->args.value[i].text)
                    : (size_t)snprintf(t->what + used, sizeof t->what - used, ", %s %g", t->op->info.params[i].name,
                                       t->args.value[i].number);
}

/* ---- one stage on one engine ---- */

/* False: the operation comes in a file that this build has not got (a guest, without a compiler for it). */
static bool run_stage(struct tri_engine *engine, const struct trial *t, const struct trii_stage *stage) {
    struct tri_error err = {0};
    struct trii_task *task = NULL;
    struct trii_fence fence;
    const tri_status status = trii_task_prepare(engine, stage, &task, &err);
    if (status == TRI_NOT_FOUND) {
        print_message("skipped because %s\n", err.message);
        return false;
    }
    if (status != TRI_OK)
        fail_msg("%s: %s", t->what, err.message);
    for (int again = 0; again < 1 + !stage->in_place; again++) { /* in place the caller would have to refill */
        trii_fence_init(&fence);
        assert_ok(trii_task_submit(task, &fence, &err));
        if (trii_task_wait(task, &fence, (uint64_t)100 * 1000000000u, &err) != TRI_OK)
            fail_msg("%s: %s", t->what, err.message);
    }
    trii_task_release(&task);
    return true;
}

static void assert_guarded(const struct trial *t, const struct trii_operand *operand, uint64_t from) {
    for (uint64_t i = from; i < operand->region.mapped_bytes; i++)
        if (operand->region.bytes[i] != GUARD)
            fail_msg("%s: byte %llu, past the end of %s, was written", t->what, (unsigned long long)i,
                     operand->info->name);
}

static uint64_t larger(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

/* Runs the trial; outputs[i] receives output i, in memory of its own. False: it can't be run in this build. */
static bool run(struct tri_engine *engine, const struct trial *t, bool in_place, uint8_t **outputs) {
    struct tri_error err = {0};
    struct trii_stage stage = {
        .name = "tested", .op = t->op, .args = t->args, .operand_count = t->op->info.operand_count, .in_place = in_place};
    const size_t inputs = trii_op_inputs(t->op);
    for (size_t i = 0; i < stage.operand_count; i++) {
        struct trii_operand *operand = &stage.operands[i];
        uint64_t bytes = bytes_of(&t->layouts[i]);
        tri_handle handle;
        operand->info = &t->op->info.operands[i];
        operand->layout = t->layouts[i];
        if (i == inputs && in_place) {
            operand->region = stage.operands[0].region;
            continue;
        }
        if (i == 0 && in_place)
            bytes = larger(bytes, bytes_of(&t->layouts[inputs]));
        assert_ok(tri_arena_allocate_shared(machine.arena, bytes, &handle, &err));
        assert_ok(trii_arena_resolve(machine.arena, handle, &operand->region, &err));
        memset(operand->region.bytes, GUARD, (size_t)operand->region.mapped_bytes);
        if (i < inputs)
            memcpy(operand->region.bytes, t->inputs[i], (size_t)bytes_of(&t->layouts[i]));
    }
    const bool ran = run_stage(engine, t, &stage);
    for (size_t i = 0; i < stage.operand_count; i++) {
        const struct trii_operand *operand = &stage.operands[i];
        const uint64_t bytes = bytes_of(&t->layouts[i]);
        if (i < inputs && !(in_place && i == 0)) {
            if (memcmp(operand->region.bytes, t->inputs[i], (size_t)bytes) != 0)
                fail_msg("%s: the input %s was written", t->what, operand->info->name);
            assert_guarded(t, operand, bytes);
        }
        if (i < inputs)
            continue;
        outputs[i - inputs] = malloc((size_t)bytes);
        assert_non_null(outputs[i - inputs]);
        memcpy(outputs[i - inputs], operand->region.bytes, (size_t)bytes);
        assert_guarded(t, operand, in_place && i == inputs ? larger(bytes, bytes_of(&t->layouts[0])) : bytes);
    }
    for (size_t i = 0; i < stage.operand_count; i++)
        if (!(in_place && i == inputs))
            assert_ok(tri_arena_free_shared(machine.arena, stage.operands[i].region.handle, &err));
    return ran;
}

/* ---- comparing ---- */

static double element(const uint8_t *bytes, enum tri_dtype dtype, size_t i) {
    switch (dtype) {
    case TRI_DTYPE_F32:
        return (double)((const float *)(const void *)bytes)[i];
    case TRI_DTYPE_F16:
        return (double)trii_float_of(((const uint16_t *)(const void *)bytes)[i]);
    default:
        return bytes[i];
    }
}

static bool is_near(double got, double wanted, double tolerance) {
    if (isnan(got) || isnan(wanted))
        return isnan(got) && isnan(wanted);
    if (fabs(got) < 0x1p-126 && fabs(wanted) < 0x1p-126)
        return true; /* a GPU may take what is below f32's normal numbers for 0 */
    return got == wanted || fabs(got - wanted) <= tolerance;
}

static void compare(int e, const struct trial *t, size_t output, const uint8_t *got, const uint8_t *wanted) {
    const struct tri_layout *layout = &t->layouts[trii_op_inputs(t->op) + output];
    const size_t n = (size_t)bytes_of(layout) / tri_dtype_bytes(layout->dtype);
    const bool whole = layout->dtype != TRI_DTYPE_F32 && layout->dtype != TRI_DTYPE_F16;
    for (size_t i = 0; i < n; i++) {
        const double a = element(got, layout->dtype, i), b = element(wanted, layout->dtype, i);
        /* What a fused multiplication may add, on a GPU that does it. */
        const double fused = !machine.fuses[e] ? 0 : whole ? 1 : fmax(fabs(b), 1) * 0x1p-10;
        if (!is_near(a, b, t->op->info.tolerance + fused))
            fail_msg("%s: %s: element %zu of %zu is %.9g, the host says %.9g; the tolerance is %g", engine_names[e],
                     t->what, i, n, a, b, t->op->info.tolerance);
    }
}

/* ---- all of them ---- */

/* Numbers that only their producer and consumer understand have shapes that nobody guesses. */
static bool takes_a_tensor(const struct trii_op *op) {
    for (size_t i = 0; i < trii_op_inputs(op); i++)
        if (op->info.operands[i].kind == TRI_KIND_TENSOR)
            return true;
    return false;
}

/* False: there is no use in trying again. */
static bool try_one(int e, const struct trii_op *op) {
    struct trial t = {.op = op};
    uint8_t *got[TRII_OP_OPERANDS_MAX], *wanted[TRII_OP_OPERANDS_MAX];
    const enum contents contents = (enum contents)random_below(CONTENTS);
    const bool in_place = op->info.in_place && (e == HOST || chance(50));
    if (!find_trial(&t)) {
        if (!takes_a_tensor(op))
            fail_msg("%s takes none of the layouts that this test knows", op->info.name);
        print_message("%s: %s takes what another operation makes; see effects_test.c\n", engine_names[e], op->info.name);
        return false;
    }
    describe(&t, contents);
    for (size_t i = 0; i < trii_op_inputs(op); i++) {
        t.inputs[i] = malloc((size_t)bytes_of(&t.layouts[i]));
        assert_non_null(t.inputs[i]);
        fill(t.inputs[i], &t.layouts[i], contents);
    }
    assert_true(run(machine.engine[HOST], &t, false, wanted));
    const bool ran = run(machine.engine[e], &t, in_place, got);
    for (size_t i = 0; i < trii_op_outputs(op); i++) {
        if (ran)
            compare(e, &t, i, got[i], wanted[i]);
        free(got[i]);
        free(wanted[i]);
    }
    for (size_t i = 0; i < trii_op_inputs(op); i++)
        free(t.inputs[i]);
    return ran;
}

/* An operation's trials are its own: another one in the table does not change them. */
static void seed_for(const char *name) {
    seed = first_seed;
    for (const char *c = name; *c; c++)
        seed = (seed ^ (uint8_t)*c) * 1099511628211u;
    seed |= 1;
}

/* The host is its own reference: in place against out of place. */
static void on(int e) {
    if (!machine.engine[e])
        skip_because("%s: %s", engine_names[e], machine.why[e].message);
    for (int id = 0; id < TRII_OP_COUNT; id++) {
        const struct trii_op *op = trii_op_get((enum trii_op_id)id);
        const unsigned count = e == WEBGPU_STAGED ? (trials + 3) / 4 : trials;
        if (!trii_engine_has(machine.engine[e], op) || (e == HOST && !op->info.in_place) ||
            (only && strcmp(only, op->info.name) != 0))
            continue;
        if (!trii_engine_has(machine.engine[HOST], op)) {
            print_message("%s: %s has no reference on the host\n", engine_names[e], op->info.name);
            continue;
        }
        seed_for(op->info.name);
        unsigned done = 0;
        while (done < count && try_one(e, op))
            done++;
        print_message("%s: %s, %u trials\n", engine_names[e], op->info.name, done);
    }
}

static void host_in_place(void **state) {
    (void)state;
    on(HOST);
}
static void wasm(void **state) {
    (void)state;
    on(WASM);
}
static void webgpu(void **state) {
    (void)state;
    on(WEBGPU);
}
static void webgpu_staged(void **state) {
    (void)state;
    on(WEBGPU_STAGED);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_in_place),
        cmocka_unit_test(wasm),
        cmocka_unit_test(webgpu),
        cmocka_unit_test(webgpu_staged),
    };
    if (argc > 1)
        trials = (unsigned)strtoul(argv[1], NULL, 10);
    if (argc > 2)
        first_seed = strtoull(argv[2], NULL, 10);
    only = argc > 3 ? argv[3] : NULL;
    return cmocka_run_group_tests_name("every_operation", tests, open_all, close_all);
}
