/* Memory that regions share: never two values that are needed at once, never an input's or a caller's, and the bytes of
 * a pipeline are the same with it and without. */
#include "fake_runtime.h"

static struct tri_pipeline *planned(const char *text, bool alias) {
    struct tri_pipeline *pipeline = NULL;
    struct tri_pipeline_input input;
    assert_ok(tri_pipeline_parse(runtime, text, strlen(text), "test.json", &pipeline, &err));
    for (size_t i = 0; tri_pipeline_input_at(pipeline, i, &input); i++) {
        const struct tri_layout layout =
            input.kind == TRI_KIND_MASK ? tri_layout_mask(19, 23) : tri_layout_image(31, 37, 4, TRI_DTYPE_U8);
        assert_ok(tri_pipeline_set_input(pipeline, input.region, &layout, &err));
    }
    if (!alias)
        tri_pipeline_set_alias(pipeline, false);
    assert_ok(tri_pipeline_plan(pipeline, &err));
    return pipeline;
}

static struct tri_plan_info info_of(const struct tri_pipeline *pipeline) {
    struct tri_plan_info info;
    assert_true(tri_plan_info(tri_pipeline_planned(pipeline), &info));
    return info;
}

static tri_handle region(struct tri_pipeline *pipeline, const char *name) {
    tri_handle handle = TRI_HANDLE_NONE;
    assert_ok(tri_pipeline_region(pipeline, name, &handle, NULL, &err));
    return handle;
}

static void fill(tri_handle handle, uint32_t seed, bool numbers) {
    struct tri_host_view view;
    assert_ok(tri_host_view_begin(arena, handle, TRI_ACCESS_WRITE, NULL, &view, &err));
    for (size_t i = 0; i < view.size_bytes / 4; i++) {
        seed = seed * 1664525u + 1013904223u;
        if (numbers)
            ((float *)view.write)[i] = (float)(seed >> 8) / 16777216.0f;
        else
            ((uint32_t *)view.write)[i] = seed;
    }
    assert_ok(tri_host_view_end(arena, &view, &err));
}

#define STAGE(engine, op, in, out, size) \
    "{\"technology\": \"" engine "\", \"operation\": \"" op "\", \"input\": \"" in "\", \"output\": \"" out "\"" size "}"
#define TO(w, h) ", \"params\": {\"width\": " #w ", \"height\": " #h "}"

static const char chain[] =
    "{\"inputs\": {\"photo\": {\"kind\": \"image\"}}, \"outputs\": [\"out\"], \"stages\": ["
    STAGE("host", "resize", "photo", "a", TO(64, 64)) ", " STAGE("host", "resize", "a", "b", TO(48, 48)) ", "
    STAGE("host", "resize", "b", "c", TO(40, 40)) ", " STAGE("host", "vignette", "c", "c", "") ", "
    STAGE("host", "resize", "c", "d", TO(50, 20)) ", " STAGE("host", "resize", "d", "out", TO(30, 30)) "]}";

/* ---- what shares ---- */

static void regions_that_are_not_needed_at_once_take_turns(void **state) {
    (void)state;
    struct tri_pipeline *pipeline = planned(chain, true);
    const struct tri_plan *plan = tri_pipeline_planned(pipeline);
    struct tri_plan_info info = info_of(pipeline);
    struct tri_plan_block block;
    struct tri_arena_stats stats;
    assert_int_equal(info.value_count, 7);
    assert_int_equal(info.block_count, 3); /* photo; a, c, out; b, d */
    assert_int_equal(info.block_bytes, 31 * 37 * 4 + 64 * 64 * 4 + 48 * 48 * 4);
    assert_true(tri_plan_block(plan, 1, &block));
    assert_string_equal(block.label, "a+c+out");
    assert_true(tri_plan_block(plan, 2, &block));
    assert_string_equal(block.label, "b+d");
    assert_false(tri_plan_block(plan, 3, &block));
    tri_arena_stats(arena, &stats);
    assert_int_equal(stats.regions, 3);
    uint64_t shared = stats.used_bytes;
    /* switched off: each has its own */
    tri_pipeline_set_alias(pipeline, false);
    assert_null(tri_pipeline_planned(pipeline));
    assert_ok(tri_pipeline_plan(pipeline, &err));
    info = info_of(pipeline);
    assert_int_equal(info.block_count, 6);
    assert_int_equal(info.block_bytes, info.apart_bytes);
    tri_arena_stats(arena, &stats);
    assert_true(stats.used_bytes > shared);
    tri_pipeline_destroy(&pipeline);
}

static void the_text_can_switch_it_off(void **state) {
    (void)state;
    char text[2048];
    struct tri_pipeline *pipeline = NULL;
    snprintf(text, sizeof text, "{\"alias\": false, %s", chain + 1);
    pipeline = planned(text, true);
    assert_false(info_of(pipeline).alias);
    assert_int_equal(info_of(pipeline).block_count, 6);
    tri_pipeline_destroy(&pipeline);
    snprintf(text, sizeof text, "{\"alias\": 1, %s", chain + 1);
    assert_status(tri_pipeline_parse(runtime, text, strlen(text), "test.json", &pipeline, &err), TRI_PARSE);
    assert_non_null(strstr(err.message, "expected true or false, not a number"));
}

static void a_name_whose_bytes_are_gone_is_not_handed_out(void **state) {
    (void)state;
    struct tri_pipeline *pipeline = planned(chain, true);
    tri_handle handle = 7;
    assert_status(tri_pipeline_region(pipeline, "a", &handle, NULL, &err), TRI_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "\"a\" shares memory (a+c+out)"));
    assert_int_equal(handle, 7);
    region(pipeline, "out");
    region(pipeline, "d"); /* the last in its block */
    tri_pipeline_set_alias(pipeline, false);
    assert_ok(tri_pipeline_plan(pipeline, &err));
    region(pipeline, "a");
    tri_pipeline_destroy(&pipeline);
}

static void handles_of_a_caller_are_never_shared(void **state) {
    (void)state;
    const struct tri_layout layout = tri_layout_image(8, 8, 4, TRI_DTYPE_U8);
    const struct tri_param params[] = {{"width", 8, NULL}, {"height", 8, NULL}};
    tri_handle handles[5];
    struct tri_stage stages[4];
    struct tri_plan *plan;
    struct tri_plan_info info;
    struct tri_plan_block block;
    for (size_t i = 0; i < 5; i++) {
        assert_ok(tri_arena_allocate_shared(arena, 256, &handles[i], &err));
        assert_ok(tri_region_set_layout(arena, handles[i], &layout, &err));
    }
    for (size_t i = 0; i < 4; i++)
        stages[i] = (struct tri_stage){.struct_bytes = sizeof *stages,
                                       .technology = TRI_TECHNOLOGY_HOST,
                                       .operation = "resize",
                                       .input = handles[i],
                                       .output = handles[i + 1],
                                       .params = params,
                                       .param_count = 2};
    assert_ok(tri_plan_create(runtime, stages, 4, &plan, &err));
    assert_true(tri_plan_info(plan, &info));
    assert_int_equal(info.block_count, 5);
    for (size_t b = 0; tri_plan_block(plan, b, &block); b++) {
        assert_true(block.callers);
        assert_int_equal(block.handle, handles[b]);
    }
    tri_plan_destroy(&plan);
}

static void a_plan_tells_operands_claims_and_lives(void **state) {
    (void)state;
    struct tri_pipeline *pipeline =
        planned("{\"inputs\": {\"photo\": {\"kind\": \"image\"}, \"matte\": {\"kind\": \"mask\", \"dtype\": \"f32\"}}, "
                "\"outputs\": [\"out\"], \"stages\": [" STAGE("host", "resize", "photo", "w", TO(8, 6)) ", "
                STAGE("host", "vignette", "w", "w", "") ", " STAGE("host", "apply_mask", "w", "out", "") "]}", true);
    const struct tri_plan *plan = tri_pipeline_planned(pipeline);
    struct tri_plan_stage stage;
    struct tri_plan_value value;
    struct tri_pipeline_input input;
    assert_true(tri_plan_stage(plan, 1, &stage));
    assert_string_equal(stage.name, "vignette");
    assert_true(stage.in_place);
    assert_int_equal(stage.claim_count, 1);
    assert_true(stage.claims[0].access == TRI_ACCESS_READ_WRITE && !stage.claims[0].overwrites);
    assert_true(tri_plan_stage(plan, 2, &stage));
    assert_int_equal(stage.operand_count, 3);
    assert_true(!stage.operands[0].by_kind && stage.operands[1].by_kind);
    assert_string_equal(stage.operands[1].name, "mask");
    assert_int_equal(stage.claim_count, 3);
    assert_true(stage.claims[2].access == TRI_ACCESS_WRITE && stage.claims[2].overwrites);
    assert_true(tri_plan_value(plan, stage.operands[0].value, &value)); /* w as vignette left it */
    assert_string_equal(value.region, "w");
    assert_true(value.made_by == 1 && value.last_read_by == 2 && !value.is_input && !value.is_result);
    assert_int_equal(value.size_bytes, 8 * 6 * 4);
    assert_true(tri_plan_value(plan, stage.operands[1].value, &value));
    assert_true(value.is_input && value.made_by == TRI_STAGE_NONE);
    assert_true(tri_plan_value(plan, stage.operands[2].value, &value));
    assert_true(value.is_result && value.last_read_by == TRI_STAGE_NONE);
    assert_false(tri_plan_stage(plan, 3, &stage) || tri_plan_value(plan, 5, &value) || tri_plan_info(NULL, NULL));
    assert_true(tri_pipeline_input_at(pipeline, 1, &input));
    assert_true(input.kind == TRI_KIND_MASK && !input.any_dtype && input.dtype == TRI_DTYPE_F32);
    assert_false(tri_pipeline_input_at(pipeline, 2, &input));
    tri_pipeline_destroy(&pipeline);
}

/* ---- failures ---- */

static void poison_in_shared_memory_ends_with_the_next_frame(void **state) {
    (void)state;
    static const char text[] =
        "{\"inputs\": {\"photo\": {\"kind\": \"image\"}}, \"outputs\": [\"out\"], \"stages\": ["
        STAGE("host", "resize", "photo", "a", TO(16, 16)) ", " STAGE("host", "resize", "a", "b", TO(8, 8)) ", "
        STAGE("wasm", "vignette", "b", "c", "") ", " STAGE("host", "resize", "c", "out", TO(8, 8)) "]}";
    struct tri_pipeline *pipeline = planned(text, true);
    struct tri_region_info info;
    assert_int_equal(info_of(pipeline).block_count, 3); /* photo; a, c; b, out */
    tri_handle c = region(pipeline, "c");
    fill(region(pipeline, "photo"), 1, false);
    fake.submit = TRI_ENGINE_FAILED;
    assert_status(tri_pipeline_run(pipeline, NULL, &err), TRI_ENGINE_FAILED);
    assert_string_equal(err.region, "c"); /* the name, not the block's */
    assert_ok(tri_region_info(arena, c, &info, &err));
    assert_true(tri_sync_poison_cause(tri_arena_sync(arena), info.index, &err));
    fake.submit = TRI_OK;
    assert_ok(tri_pipeline_run(pipeline, NULL, &err));
    assert_false(tri_sync_poison_cause(tri_arena_sync(arena), info.index, &err));
    tri_pipeline_destroy(&pipeline);
}

/* ---- random pipelines ---- */

#define NAMES 6u

struct dice {
    uint64_t state;
};
static uint32_t roll(struct dice *dice, uint32_t sides) {
    dice->state = dice->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(dice->state >> 33) % sides;
}

/* Stages over `photo`, `matte` and r0..r5; a bit in *written for each of those that holds something in the end. */
static void random_text(struct dice *dice, char *text, size_t bytes, unsigned *written) {
    unsigned holds = 0;
    size_t stages = 3 + roll(dice, 12);
    char list[2048] = "", outputs[128] = "";
    bool matte = false;
    for (size_t s = 0; s < stages; s++) {
        char in[8] = "photo", size[64] = "", names[64];
        uint32_t from = roll(dice, NAMES), to = roll(dice, NAMES), op = roll(dice, 4);
        if (s > 0 && (holds >> from & 1u))
            snprintf(in, sizeof in, "r%u", from);
        if (op < 2)
            snprintf(size, sizeof size, ", \"params\": {\"width\": %u, \"height\": %u}", 1 + roll(dice, 40),
                     1 + roll(dice, 40));
        matte = matte || op == 3;
        snprintf(names, sizeof names, op == 3 ? "[\"%s\", \"matte\"]" : "[\"%s\"]", in);
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used,
                 "%s{\"technology\": \"host\", \"operation\": \"%s\", \"inputs\": %s, \"output\": \"r%u\"%s}",
                 s ? ", " : "", op < 2 ? "resize" : op == 2 ? "vignette" : "apply_mask", names, to, size);
        holds |= 1u << to;
    }
    for (unsigned r = 0; r < NAMES; r++)
        if ((holds >> r & 1u) && (!outputs[0] || roll(dice, 3) == 0)) {
            size_t used = strlen(outputs);
            snprintf(outputs + used, sizeof outputs - used, "%s\"r%u\"", used ? ", " : "", r);
        }
    snprintf(text, bytes, "{\"inputs\": {\"photo\": {\"kind\": \"image\"}%s}, \"outputs\": [%s], \"stages\": [%s]}",
             matte ? ", \"matte\": {\"kind\": \"mask\"}" : "", outputs, list);
    *written = holds;
}

static size_t last_need(const struct tri_plan_value *value, size_t stages) {
    if (value->is_input || value->is_result)
        return stages;
    return value->last_read_by == TRI_STAGE_NONE ? value->made_by : value->last_read_by;
}

/* In one block, whatever is needed while another value is written was replaced in place by it. */
static void assert_nothing_is_lost(const struct tri_pipeline *pipeline) {
    const struct tri_plan *plan = tri_pipeline_planned(pipeline);
    size_t stages = info_of(pipeline).stage_count;
    struct tri_plan_value a, b;
    struct tri_plan_stage stage;
    for (size_t i = 0; tri_plan_value(plan, i, &a); i++)
        for (size_t k = i + 1; tri_plan_value(plan, k, &b); k++) {
            if (a.block != b.block)
                continue;
            assert_false(a.is_input || b.is_input);
            assert_true(tri_plan_stage(plan, b.made_by, &stage));
            size_t needed = last_need(&a, stages);
            assert_true(needed < b.made_by || (needed == b.made_by && stage.in_place && strcmp(a.region, b.region) == 0));
        }
}

static void assert_same_bytes(struct tri_pipeline *a, struct tri_pipeline *b, const char *name, const char *text) {
    struct tri_host_view x, y;
    struct tri_layout la, lb;
    uint64_t bytes = 0;
    tri_handle ha, hb;
    if (tri_pipeline_region(a, name, &ha, &la, &err) != TRI_OK)
        return; /* overwritten, and said so */
    assert_ok(tri_pipeline_region(b, name, &hb, &lb, &err));
    assert_true(tri_layout_equal(&la, &lb));
    assert_ok(tri_layout_bytes_needed(&la, &bytes, &err));
    assert_ok(tri_host_view_begin(arena, ha, TRI_ACCESS_READ, NULL, &x, &err));
    assert_ok(tri_host_view_begin(arena, hb, TRI_ACCESS_READ, NULL, &y, &err));
    if (memcmp(x.read, y.read, (size_t)bytes) != 0)
        fail_msg("%s differs: %s", name, text);
    assert_ok(tri_host_view_end(arena, &x, &err));
    assert_ok(tri_host_view_end(arena, &y, &err));
}

static void random_pipelines_give_the_same_bytes_in_less_memory(void **state) {
    (void)state;
    uint64_t shared = 0, apart = 0;
    for (uint64_t seed = 0; seed < 150; seed++) {
        struct dice dice = {seed};
        char text[4096];
        unsigned written;
        struct tri_pipeline_input input;
        do {
            random_text(&dice, text, sizeof text, &written);
        } while (!strstr(text, "\"photo\"]") || strlen(text) >= sizeof text - 1); /* an input that nobody reads is refused */
        struct tri_pipeline *with = planned(text, true), *without = planned(text, false);
        for (size_t i = 0; tri_pipeline_input_at(with, i, &input); i++) {
            fill(region(with, input.region), (uint32_t)seed, input.kind == TRI_KIND_MASK);
            fill(region(without, input.region), (uint32_t)seed, input.kind == TRI_KIND_MASK);
        }
        assert_nothing_is_lost(with);
        for (int frame = 0; frame < 2; frame++) {
            assert_ok(tri_pipeline_run(with, NULL, &err));
            assert_ok(tri_pipeline_run(without, NULL, &err));
            for (unsigned r = 0; r < NAMES; r++) {
                char name[8];
                snprintf(name, sizeof name, "r%u", r);
                if (written >> r & 1u)
                    assert_same_bytes(with, without, name, text);
            }
        }
        assert_true(info_of(with).block_bytes <= info_of(without).block_bytes);
        assert_int_equal(info_of(with).apart_bytes, info_of(without).block_bytes);
        shared += info_of(with).block_bytes;
        apart += info_of(without).block_bytes;
        tri_pipeline_destroy(&with);
        tri_pipeline_destroy(&without);
    }
    print_message("together %llu bytes, apart %llu\n", (unsigned long long)shared, (unsigned long long)apart);
    assert_true(shared < apart - apart / 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(regions_that_are_not_needed_at_once_take_turns, begin, end),
        cmocka_unit_test_setup_teardown(the_text_can_switch_it_off, begin, end),
        cmocka_unit_test_setup_teardown(a_name_whose_bytes_are_gone_is_not_handed_out, begin, end),
        cmocka_unit_test_setup_teardown(handles_of_a_caller_are_never_shared, begin, end),
        cmocka_unit_test_setup_teardown(a_plan_tells_operands_claims_and_lives, begin, end),
        cmocka_unit_test_setup_teardown(poison_in_shared_memory_ends_with_the_next_frame, begin, end),
        cmocka_unit_test_setup_teardown(random_pipelines_give_the_same_bytes_in_less_memory, begin, end),
    };
    return cmocka_run_group_tests_name("pipeline_alias", tests, NULL, NULL);
}
