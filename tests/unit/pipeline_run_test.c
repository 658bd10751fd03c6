/* Plans and pipelines over the host engine, and over an engine of the test's own that fails, stalls and copies. */
#include "fake_runtime.h"

static tri_handle image(uint64_t height, uint64_t width, const char *label) {
    const struct tri_region_params params = {
        .struct_bytes = sizeof params, .size_bytes = height * width * 4, .label = label};
    const struct tri_layout layout = tri_layout_image(height, width, 4, TRI_DTYPE_U8);
    tri_handle handle = TRI_HANDLE_NONE;
    assert_ok(tri_region_allocate(arena, &params, &handle, &err));
    assert_ok(tri_region_set_layout(arena, handle, &layout, &err));
    return handle;
}

static void fill(tri_handle handle, int value) {
    struct tri_host_view view;
    assert_ok(tri_host_view_begin(arena, handle, TRI_ACCESS_WRITE, NULL, &view, &err));
    memset(view.write, value, (size_t)view.size_bytes);
    assert_ok(tri_host_view_end(arena, &view, &err));
}

static uint8_t byte_of(tri_handle handle, uint64_t offset) {
    struct tri_host_view view;
    assert_ok(tri_host_view_begin(arena, handle, TRI_ACCESS_READ, NULL, &view, &err));
    uint8_t byte = ((const uint8_t *)view.read)[offset];
    assert_ok(tri_host_view_end(arena, &view, &err));
    return byte;
}

static struct tri_pipeline *parse(const char *text) {
    struct tri_pipeline *pipeline = NULL;
    assert_ok(tri_pipeline_parse(runtime, text, strlen(text), "test.json", &pipeline, &err));
    return pipeline;
}

static void set_image(struct tri_pipeline *pipeline, const char *name, uint64_t height, uint64_t width) {
    const struct tri_layout layout = tri_layout_image(height, width, 4, TRI_DTYPE_U8);
    assert_ok(tri_pipeline_set_input(pipeline, name, &layout, &err));
}

static tri_handle region(struct tri_pipeline *pipeline, const char *name) {
    tri_handle handle = TRI_HANDLE_NONE;
    assert_ok(tri_pipeline_region(pipeline, name, &handle, NULL, &err));
    return handle;
}

static enum tri_sync_state state_of(tri_handle handle) {
    struct tri_region_info info;
    assert_ok(tri_region_info(arena, handle, &info, &err));
    return tri_sync_state(tri_arena_sync(arena), info.index);
}

/* ---- pipelines on the host ---- */

static const char matte[] =
    "{\"name\": \"matte\", \"inputs\": {\"photo\": {\"kind\": \"image\", \"dtype\": \"u8\", \"channels\": 4},\n"
    " \"matte\": {\"kind\": \"mask\"}}, \"outputs\": [\"out\"], \"stages\": [\n"
    " {\"technology\": \"host\", \"operation\": \"resize\", \"input\": \"photo\", \"output\": \"work\",\n"
    "  \"params\": {\"width\": 8, \"height\": 6}},\n"
    " {\"technology\": \"host\", \"operation\": \"apply_mask\", \"input\": \"work\", \"output\": \"out\"}]}";

static struct tri_pipeline *matte_pipeline(void) {
    struct tri_pipeline *pipeline = parse(matte);
    const struct tri_layout mask = tri_layout_mask(3, 4);
    set_image(pipeline, "photo", 13, 17);
    assert_ok(tri_pipeline_set_input(pipeline, "matte", &mask, &err));
    assert_ok(tri_pipeline_plan(pipeline, &err));
    return pipeline;
}

static void fill_matte(struct tri_pipeline *pipeline, float value) {
    struct tri_host_view view;
    assert_ok(tri_host_view_begin(arena, region(pipeline, "matte"), TRI_ACCESS_WRITE, NULL, &view, &err));
    for (size_t i = 0; i < 12; i++)
        ((float *)view.write)[i] = value;
    assert_ok(tri_host_view_end(arena, &view, &err));
}

static void a_pipeline_runs_and_binds_the_mask(void **state) {
    (void)state;
    struct tri_pipeline *pipeline = matte_pipeline();
    struct tri_layout layout;
    struct tri_stage_report report;
    tri_handle out;
    fill(region(pipeline, "photo"), 200);
    fill_matte(pipeline, 0.5f);
    assert_ok(tri_pipeline_run(pipeline, NULL, &err));
    assert_ok(tri_pipeline_region(pipeline, "out", &out, &layout, &err));
    assert_true(layout.shape[0] == 6 && layout.shape[1] == 8);
    assert_int_equal(byte_of(out, 0), 200);
    assert_int_equal(byte_of(out, 3), 100);
    assert_ok(tri_region_layout(arena, out, &layout, &err)); /* the arena knows it too */
    assert_true(layout.shape[0] == 6 && layout.shape[1] == 8 && layout.kind == TRI_KIND_IMAGE);
    assert_true(tri_pipeline_report(pipeline, 1, &report));
    assert_string_equal(report.name, "apply_mask");
    assert_true(report.run_ns > 0 && !report.in_place);
    assert_false(tri_pipeline_report(pipeline, 2, &report));
    assert_string_equal(tri_pipeline_input(pipeline), "photo");
    assert_string_equal(tri_pipeline_output(pipeline), "out");
    assert_int_equal(tri_ledger_bytes(arena, TRI_LEDGER_BETWEEN), 0);
    assert_status(tri_pipeline_region(pipeline, "wrok", &out, NULL, &err), TRI_NOT_FOUND);
    assert_non_null(strstr(err.message, "did you mean \"work\"?"));
    assert_status(tri_pipeline_set(pipeline, "resize.width=9", &err), TRI_INVALID_ARGUMENT); /* too late */
    tri_pipeline_destroy(&pipeline);
    struct tri_arena_stats stats;
    tri_arena_stats(arena, &stats);
    assert_int_equal(stats.regions, 0);
    assert_int_equal(stats.doomed, 0);
}

static void a_run_allocates_nothing(void **state) {
    (void)state;
    struct tri_pipeline *pipeline = matte_pipeline();
    const struct tri_run_params strict = {.struct_bytes = sizeof strict, .require_zero_copy = true};
    assert_ok(tri_pipeline_run(pipeline, NULL, &err));
    uint64_t before = trii_alloc_count();
    for (int i = 0; i < 10; i++)
        assert_ok(tri_pipeline_run(pipeline, i % 2 ? &strict : NULL, &err));
    assert_int_equal(trii_alloc_count() - before, 0);
    tri_pipeline_destroy(&pipeline);
}

static void another_size_is_planned_anew_and_the_same_is_kept(void **state) {
    (void)state;
    struct tri_pipeline *pipeline = matte_pipeline();
    tri_handle first = region(pipeline, "photo"), none;
    set_image(pipeline, "photo", 13, 17);
    assert_int_equal(region(pipeline, "photo"), first);
    set_image(pipeline, "photo", 20, 10);
    assert_status(tri_pipeline_region(pipeline, "photo", &none, NULL, &err), TRI_INVALID_ARGUMENT);
    struct tri_region_info info;
    assert_status(tri_region_info(arena, first, &info, &err), TRI_BAD_HANDLE);
    assert_ok(tri_pipeline_run(pipeline, NULL, &err)); /* plans and prepares by itself */
    assert_ok(tri_region_info(arena, region(pipeline, "photo"), &info, &err));
    assert_int_equal(info.size_bytes, 800);
    assert_string_equal(info.label, "photo");
    tri_pipeline_destroy(&pipeline);
}

static void an_input_that_changed_its_shape_is_noticed(void **state) {
    (void)state;
    struct tri_pipeline *pipeline = matte_pipeline();
    const struct tri_layout other = tri_layout_image(17, 13, 4, TRI_DTYPE_U8);
    assert_ok(tri_pipeline_run(pipeline, NULL, &err));
    assert_ok(tri_region_set_layout(arena, region(pipeline, "photo"), &other, &err));
    assert_status(tri_pipeline_run(pipeline, NULL, &err), TRI_BAD_PIPELINE);
    assert_non_null(strstr(err.message, "image u8 [17,13,4]"));
    assert_string_equal(err.region, "photo");
    assert_int_equal(state_of(region(pipeline, "photo")), TRI_SYNC_IDLE);
    tri_pipeline_destroy(&pipeline);
}

static void shapes_that_do_not_fit_name_stage_and_both_sides(void **state) {
    (void)state;
    struct tri_pipeline *pipeline = parse(
        "{\"inputs\": {\"a\": {\"kind\": \"image\"}}, \"outputs\": [\"b\"],\n"
        " \"regions\": {\"b\": {\"shape\": [4, 4, 4], \"dtype\": \"u8\", \"kind\": \"image\"}}, \"stages\": [\n"
        "  {\"technology\": \"host\", \"operation\": \"resize\", \"input\": \"a\", \"output\": \"b\"}]}");
    assert_status(tri_pipeline_plan(pipeline, &err), TRI_BAD_PIPELINE);
    assert_non_null(strstr(err.message, "tri_pipeline_set_input"));
    set_image(pipeline, "a", 5, 5);
    assert_status(tri_pipeline_plan(pipeline, &err), TRI_BAD_PIPELINE);
    assert_non_null(strstr(err.message, "test.json:3:3: stage \"resize\": makes image u8 [512,512,4], but"));
    assert_non_null(strstr(err.message, "\"b\" is image u8 [4,4,4]"));
    assert_ok(tri_pipeline_set(pipeline, "resize.width=4", &err));
    assert_ok(tri_pipeline_set(pipeline, "0.height=4", &err));
    assert_ok(tri_pipeline_plan(pipeline, &err));
    tri_pipeline_destroy(&pipeline);
}

static void shipped_pipelines_are_found_by_name(void **state) {
    (void)state;
    struct tri_pipeline *pipeline = NULL;
    assert_ok(tri_pipeline_load(runtime, "cutout-host", &pipeline, &err));
    assert_string_equal(tri_pipeline_name(pipeline), "cutout-host");
    tri_pipeline_destroy(&pipeline);
    assert_status(tri_pipeline_load(runtime, "cutuot", &pipeline, &err), TRI_NOT_FOUND);
    assert_non_null(strstr(err.message, "known: anonymize, anonymize-host, "));
    assert_non_null(strstr(err.message, "(did you mean \"cutout\"?)"));
    assert_status(tri_pipeline_load(runtime, "./none.json", &pipeline, &err), TRI_NOT_FOUND);
    assert_non_null(strstr(err.message, "./none.json"));
    assert_status(tri_pipeline_load(runtime, "/", &pipeline, &err), TRI_IO);
}

/* ---- plans over a caller's handles ---- */

static struct tri_stage stage(enum tri_technology technology, const char *operation, tri_handle in, tri_handle out) {
    return (struct tri_stage){.struct_bytes = sizeof(struct tri_stage),
                              .technology = technology,
                              .operation = operation,
                              .input = in,
                              .output = out};
}

static void handles_are_planned_and_run(void **state) {
    (void)state;
    tri_handle a = image(4, 4, "a"), b = image(2, 2, "b");
    const struct tri_param params[] = {{"width", 2, NULL}, {"height", 2, NULL}, {"filter", 0, "area"}};
    struct tri_stage one = stage(TRI_TECHNOLOGY_HOST, "resize", a, b);
    one.params = params;
    one.param_count = 3;
    fill(a, 77);
    assert_ok(tri_execute_zero_copy(runtime, &one, 1, &err));
    assert_int_equal(byte_of(b, 15), 77);
    /* in place on a caller's handle, named once as input and once as output: one claim */
    struct tri_stage dark = stage(TRI_TECHNOLOGY_HOST, "vignette", a, a);
    assert_ok(tri_execute_zero_copy(runtime, &dark, 1, &err));
    assert_true(byte_of(a, 0) < 77);
}

static void what_is_wrong_with_handles_is_said(void **state) {
    (void)state;
    struct tri_plan *plan = NULL;
    tri_handle a = image(4, 4, "a"), b = image(2, 2, "b"), flat;
    assert_ok(tri_arena_allocate_shared(arena, 4096, &flat, &err));
    const struct {
        struct tri_stage stage;
        tri_status status;
        const char *words;
    } wrong[] = {
        {stage(TRI_TECHNOLOGY_HOST, "resize", a, a), TRI_BAD_PIPELINE, "does not work in place"},
        {stage(TRI_TECHNOLOGY_HOST, "resize", a, b), TRI_BAD_PIPELINE, "has 16 bytes, image u8 [512,512,4] needs"},
        {stage(TRI_TECHNOLOGY_HOST, "resize", flat, b), TRI_BAD_PIPELINE, "tri_region_set_layout"},
        {stage(TRI_TECHNOLOGY_HOST, "resise", a, b), TRI_NOT_FOUND, "did you mean \"resize\"?"},
        {stage(TRI_TECHNOLOGY_HOST, NULL, a, b), TRI_NOT_FOUND, "known: "},
        {stage(TRI_TECHNOLOGY_HOST, "segment", a, b), TRI_BAD_PIPELINE, "technologies that do: webnn"},
        {stage((enum tri_technology)9, "resize", a, b), TRI_BAD_PIPELINE, "does not have the operation"},
        {stage(TRI_TECHNOLOGY_HOST, "resize", a, TRI_HANDLE_NONE), TRI_BAD_PIPELINE, "1 output (resized), 0 are given"},
        {stage(TRI_TECHNOLOGY_HOST, "resize", 12345, b), TRI_BAD_HANDLE, ""},
        {stage(TRI_TECHNOLOGY_HOST, "apply_mask", a, b), TRI_BAD_PIPELINE, "no earlier stage makes a value of kind mask"},
        {stage(TRI_TECHNOLOGY_HOST, "resize", TRI_HANDLE_NONE, b), TRI_BAD_PIPELINE, "no earlier stage makes a value of kind image"},
        {{.struct_bytes = 1}, TRI_INVALID_ARGUMENT, "struct_bytes"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_status(tri_plan_create(runtime, &wrong[i].stage, 1, &plan, &err), wrong[i].status);
        if (!strstr(err.message, wrong[i].words))
            fail_msg("case %zu: wanted \"%s\" in: %s", i, wrong[i].words, err.message);
        assert_null(plan);
    }
}

/* ---- failure, poison, recovery ---- */

/* work is written by the host, then darkened in place by the test's engine, then scaled by the host. */
static const char failing[] =
    "{\"inputs\": {\"in\": {\"kind\": \"image\"}}, \"outputs\": [\"out\"], \"stages\": [\n"
    " {\"technology\": \"host\", \"operation\": \"resize\", \"input\": \"in\", \"output\": \"work\",\n"
    "  \"params\": {\"width\": 4, \"height\": 4}},\n"
    " {\"technology\": \"wasm\", \"operation\": \"vignette\", \"input\": \"work\", \"output\": \"work\", \"name\": \"dim\"},\n"
    " {\"technology\": \"host\", \"operation\": \"resize\", \"input\": \"work\", \"output\": \"out\",\n"
    "  \"params\": {\"width\": 4, \"height\": 4}}]}";

static struct tri_pipeline *failing_pipeline(void) {
    struct tri_pipeline *pipeline = parse(failing);
    set_image(pipeline, "in", 4, 4);
    assert_ok(tri_pipeline_plan(pipeline, &err));
    fill(region(pipeline, "in"), 9);
    assert_ok(tri_pipeline_prepare(pipeline, &err));
    return pipeline;
}

static void a_failed_stage_poisons_what_it_wrote_and_the_next_frame_recovers(void **state) {
    (void)state;
    struct tri_pipeline *pipeline = failing_pipeline();
    struct tri_host_view view;
    for (int how = 0; how < 2; how++) {
        fake.submit = how == 0 ? TRI_ENGINE_FAILED : TRI_OK;
        fake.fence = how == 1 ? TRI_TRAP : TRI_OK;
        assert_status(tri_pipeline_run(pipeline, NULL, &err), how == 0 ? TRI_ENGINE_FAILED : TRI_TRAP);
        assert_string_equal(err.engine, "wasm");
        assert_string_equal(err.stage, "dim");
        assert_string_equal(err.region, "work");
        assert_string_equal(err.message, how == 0 ? "submit fails by order of the test" : "trapped at 42");
        assert_int_equal(state_of(region(pipeline, "work")), TRI_SYNC_IDLE);
        assert_status(tri_host_view_begin(arena, region(pipeline, "work"), TRI_ACCESS_READ, NULL, &view, &err),
                      TRI_POISONED);
        fake.submit = fake.fence = TRI_OK;
        assert_ok(tri_pipeline_run(pipeline, NULL, &err));
        assert_int_equal(byte_of(region(pipeline, "work"), 0), 0xaa);
        assert_int_equal(byte_of(region(pipeline, "out"), 0), 0xaa);
    }
    tri_pipeline_destroy(&pipeline);
}

static void a_callers_poisoned_region_stays_poisoned(void **state) {
    (void)state;
    tri_handle a = image(4, 4, "a"), b = image(4, 4, "b");
    struct tri_stage first = stage(TRI_TECHNOLOGY_WASM, "vignette", a, b), second = first;
    second.technology = TRI_TECHNOLOGY_HOST;
    second.input = b;
    second.output = a;
    fake.submit = TRI_ENGINE_FAILED;
    assert_status(tri_execute_zero_copy(runtime, &first, 1, &err), TRI_ENGINE_FAILED);
    fake.submit = TRI_OK;
    assert_status(tri_execute_zero_copy(runtime, &second, 1, &err), TRI_POISONED);
    assert_string_equal(err.region, "b");
    assert_string_equal(err.stage, "vignette");
    assert_status(tri_execute_zero_copy(runtime, &first, 1, &err), TRI_POISONED);
    struct tri_region_info info;
    assert_ok(tri_region_info(arena, b, &info, &err));
    assert_ok(tri_sync_reset(tri_arena_sync(arena), info.index, &err));
    assert_ok(tri_execute_zero_copy(runtime, &first, 1, &err));
}

static void an_engine_that_does_not_end_keeps_its_claim(void **state) {
    (void)state;
    struct tri_pipeline *pipeline = failing_pipeline();
    const struct tri_run_params soon = {.struct_bytes = sizeof soon, .timeout_ns = 20 * 1000 * 1000};
    fake.stall = true;
    assert_status(tri_pipeline_run(pipeline, &soon, &err), TRI_TIMEOUT);
    assert_string_equal(err.stage, "dim");
    assert_string_equal(err.region, "work");
    assert_int_equal(state_of(region(pipeline, "work")), TRI_SYNC_WASM_WRITING);
    /* nobody may run it before the engine has ended */
    assert_status(tri_pipeline_run(pipeline, &soon, &err), TRI_TIMEOUT);
    assert_non_null(strstr(err.message, "given up in an earlier run"));
    fake.stall = false;
    fake_end_stalled();
    assert_ok(tri_pipeline_run(pipeline, NULL, &err)); /* waits for the late release, overwrites the poison */
    assert_int_equal(state_of(region(pipeline, "work")), TRI_SYNC_IDLE);
    /* destroyed while the engine works: waits for it */
    fake.stall = true;
    assert_status(tri_pipeline_run(pipeline, &soon, &err), TRI_TIMEOUT);
    fake_end_stalled();
    tri_pipeline_destroy(&pipeline);
}

struct second_thread {
    struct tri_cancel *cancel;
    uint32_t seen;
};

static void cancel_once_submitted(void *user) {
    const struct second_thread *second = user;
    while (trii_load_acquire(&fake.submitted) == second->seen)
        trii_sys_futex_wait(&fake.submitted, second->seen, TRI_FOREVER, false);
    tri_cancel_set(second->cancel);
}

static void a_run_is_cancelled_before_and_while_an_engine_works(void **state) {
    (void)state;
    struct tri_pipeline *pipeline = failing_pipeline();
    struct second_thread second = {.cancel = NULL};
    struct trii_thread *thread;
    assert_ok(tri_cancel_create(&second.cancel, &err));
    second.seen = trii_load_acquire(&fake.submitted);
    const struct tri_run_params params = {.struct_bytes = sizeof params, .cancel = second.cancel};
    fake.stall = true;
    assert_int_equal(trii_sys_thread_start(&thread, "test", cancel_once_submitted, &second), 0);
    assert_status(tri_pipeline_run(pipeline, &params, &err), TRI_CANCELLED);
    trii_sys_thread_join(&thread);
    assert_string_equal(err.stage, "dim");
    fake.stall = false;
    fake_end_stalled();
    assert_status(tri_pipeline_run(pipeline, &params, &err), TRI_CANCELLED); /* it is still set */
    assert_string_equal(err.stage, "resize");
    assert_ok(tri_pipeline_run(pipeline, NULL, &err));
    tri_cancel_destroy(&second.cancel);
    tri_pipeline_destroy(&pipeline);
}

static void a_claimed_region_times_out_and_nothing_is_poisoned(void **state) {
    (void)state;
    struct tri_pipeline *pipeline = failing_pipeline();
    const struct tri_run_params soon = {.struct_bytes = sizeof soon, .timeout_ns = 1000 * 1000};
    struct tri_host_view view;
    assert_ok(tri_host_view_begin(arena, region(pipeline, "out"), TRI_ACCESS_READ, NULL, &view, &err));
    assert_status(tri_pipeline_run(pipeline, &soon, &err), TRI_TIMEOUT);
    assert_string_equal(err.stage, "resize-2");
    assert_int_equal(state_of(region(pipeline, "work")), TRI_SYNC_IDLE); /* rolled back */
    assert_ok(tri_host_view_end(arena, &view, &err));
    assert_ok(tri_pipeline_run(pipeline, NULL, &err));
    tri_pipeline_destroy(&pipeline);
}

static void a_copy_is_refused_when_zero_copy_is_required(void **state) {
    (void)state;
    struct tri_pipeline *pipeline = failing_pipeline();
    const struct tri_run_params strict = {.struct_bytes = sizeof strict, .require_zero_copy = true};
    fake.copy = true;
    assert_ok(tri_pipeline_run(pipeline, NULL, &err));
    for (int i = 0; i < 2; i++) { /* also when the ledger's line is there already */
        assert_status(tri_pipeline_run(pipeline, &strict, &err), TRI_COPY_REFUSED);
        assert_string_equal(err.stage, "dim");
        assert_string_equal(err.region, "work");
        assert_non_null(strstr(err.message, "64 bytes of region \"work\" were copied (staging)"));
    }
    fake.copy = false;
    assert_ok(tri_pipeline_run(pipeline, &strict, &err));
    tri_pipeline_destroy(&pipeline);
}

static void an_engine_that_can_not_be_opened_is_told_and_tried_again(void **state) {
    (void)state;
    struct tri_engine *engine = NULL, *again = NULL;
    fake.open = TRI_ENGINE_UNAVAILABLE;
    tri_runtime_warm(runtime, TRI_TECHNOLOGY_WASM);
    assert_status(tri_runtime_engine(runtime, TRI_TECHNOLOGY_WASM, &engine, &err), TRI_ENGINE_UNAVAILABLE);
    assert_string_equal(err.engine, "wasm");
    assert_string_equal(err.message, "the test said so");
    fake.open = TRI_OK;
    assert_ok(tri_runtime_engine(runtime, TRI_TECHNOLOGY_WASM, &engine, &err));
    assert_ok(tri_runtime_engine(runtime, TRI_TECHNOLOGY_WASM, &again, &err));
    assert_ptr_equal(engine, again);
    assert_status(tri_runtime_engine(runtime, (enum tri_technology)7, &again, &err), TRI_INVALID_ARGUMENT);
}

static void a_region_freed_under_a_plan_is_an_error_and_its_pages_come_back_clean(void **state) {
    (void)state;
    struct tri_plan *plan = NULL;
    struct tri_arena_stats stats;
    tri_handle a = image(4, 4, "a"), b = image(4, 4, "b"), fresh[4];
    struct tri_stage one = stage(TRI_TECHNOLOGY_HOST, "vignette", a, b);
    assert_ok(tri_plan_create(runtime, &one, 1, &plan, &err));
    assert_ok(tri_plan_run(plan, NULL, &err));
    assert_ok(tri_arena_free_shared(arena, b, &err));
    assert_status(tri_plan_run(plan, NULL, &err), TRI_BAD_HANDLE);
    assert_string_equal(err.region, "b");
    assert_string_equal(err.stage, "vignette");
    assert_int_equal(state_of(a), TRI_SYNC_IDLE);
    assert_ok(tri_arena_free_shared(arena, a, &err));
    assert_status(tri_plan_run(plan, NULL, &err), TRI_BAD_HANDLE);
    tri_arena_stats(arena, &stats);
    assert_int_equal(stats.doomed, 2); /* the plan's pins hold the pages */
    tri_plan_destroy(&plan);
    tri_arena_stats(arena, &stats);
    assert_int_equal(stats.doomed, 0);
    for (int i = 0; i < 4; i++) { /* neither poison nor bytes are inherited */
        fresh[i] = image(4, 4, "fresh");
        assert_int_equal(byte_of(fresh[i], 0), 0);
    }
}

struct second_run {
    struct tri_plan *plan;
    tri_status status;
    struct tri_error error;
};

static void run_once(void *user) {
    struct second_run *second = user;
    second->status = tri_plan_run(second->plan, NULL, &second->error);
}

static void a_plan_that_runs_is_busy(void **state) {
    (void)state;
    tri_handle a = image(4, 4, "a"), b = image(4, 4, "b");
    struct tri_stage one = stage(TRI_TECHNOLOGY_WASM, "vignette", a, b);
    struct second_run second = {.status = TRI_OK};
    struct trii_thread *thread;
    uint32_t seen = trii_load_acquire(&fake.submitted);
    assert_ok(tri_plan_create(runtime, &one, 1, &second.plan, &err));
    fake.stall = true;
    assert_int_equal(trii_sys_thread_start(&thread, "test", run_once, &second), 0);
    while (trii_load_acquire(&fake.submitted) == seen)
        trii_sys_futex_wait(&fake.submitted, seen, TRI_FOREVER, false);
    assert_status(tri_plan_run(second.plan, NULL, &err), TRI_BUSY);
    fake_end_stalled();
    trii_sys_thread_join(&thread);
    err = second.error;
    assert_ok(second.status);
    tri_plan_destroy(&second.plan);
}

/* ---- two plans at once ---- */

struct loop {
    struct tri_plan *plan;
    tri_status status;
    struct tri_error error;
};

static void run_often(void *user) {
    struct loop *loop = user;
    for (int i = 0; i < 200 && loop->status == TRI_OK; i++)
        loop->status = tri_plan_run(loop->plan, NULL, &loop->error);
}

static void two_plans_run_side_by_side(void **state) {
    (void)state;
    struct loop loops[2] = {{.status = TRI_OK}, {.status = TRI_OK}};
    struct trii_thread *threads[2];
    for (int i = 0; i < 2; i++) {
        tri_handle a = image(8, 8, i ? "a1" : "a0"), b = image(8, 8, i ? "b1" : "b0");
        struct tri_stage stages[2] = {stage(TRI_TECHNOLOGY_HOST, "vignette", a, b),
                                      stage(TRI_TECHNOLOGY_HOST, "vignette", b, b)};
        assert_ok(tri_plan_create(runtime, stages, 2, &loops[i].plan, &err));
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(trii_sys_thread_start(&threads[i], "test", run_often, &loops[i]), 0);
    for (int i = 0; i < 2; i++) {
        trii_sys_thread_join(&threads[i]);
        err = loops[i].error;
        assert_ok(loops[i].status);
        tri_plan_destroy(&loops[i].plan);
    }
}

/* ---- ZeroCopyImagePipeline ---- */

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void an_image_pipeline_copies_at_the_border_only(void **state) {
    (void)state;
    char path[] = "/tmp/tripoint-XXXXXX/dim.json", *slash = strrchr(path, '/');
    *slash = '\0';
    assert_non_null(mkdtemp(path));
    char folder[sizeof path];
    snprintf(folder, sizeof folder, "%s", path);
    *slash = '/';
    write_file(path, "{\"inputs\": {\"in\": {\"kind\": \"image\"}}, \"outputs\": [\"out\"], \"stages\": [\n"
                     "{\"technology\": \"host\", \"operation\": \"vignette\", \"input\": \"in\", \"output\": \"out\"}]}");
    struct tri_image_pipeline *pipeline = NULL;
    struct tri_ledger_line lines[4];
    uint8_t pixels[5 * 3 * 4], result[5 * 3 * 4] = {0};
    memset(pixels, 100, sizeof pixels);
    assert_ok(tri_image_pipeline_create(runtime, path, &pipeline, &err));
    assert_ptr_equal(tri_image_pipeline_arena(pipeline), arena);
    for (int i = 0; i < 3; i++)
        assert_ok(tri_image_pipeline_process(pipeline, pixels, 5, 3, result, &err));
    assert_true(result[0] < 100 && result[3] == 100); /* darker, alpha as it was */
    assert_int_equal(tri_ledger_copies(arena, TRI_LEDGER_BORDER), 6);
    assert_int_equal(tri_ledger_bytes(arena, TRI_LEDGER_BORDER), 6 * sizeof pixels);
    assert_int_equal(tri_ledger_copies(arena, TRI_LEDGER_BETWEEN), 0);
    assert_int_equal(tri_ledger_lines(arena, lines, 4), 2);
    assert_string_equal(lines[0].cause, "pixels in");
    assert_string_equal(lines[1].cause, "pixels out");
    uint64_t before = trii_alloc_count();
    assert_ok(tri_image_pipeline_process(pipeline, pixels, 5, 3, pixels, &err)); /* over itself */
    assert_int_equal(trii_alloc_count() - before, 0);
    assert_memory_equal(pixels, result, sizeof pixels);
    assert_ok(tri_image_pipeline_process(pipeline, pixels, 3, 5, result, &err)); /* another size */
    assert_status(tri_image_pipeline_process(pipeline, pixels, 0, 5, result, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_image_pipeline_process(pipeline, pixels, 5, 0, result, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_image_pipeline_process(pipeline, pixels, 40000, 40000, result, &err), TRI_LIMIT);
    assert_ok(tri_image_pipeline_process(pipeline, pixels, 3, 5, result, &err));
    tri_image_pipeline_destroy(&pipeline);
    assert_int_equal(remove(path), 0);
    assert_int_equal(remove(folder), 0);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(a_pipeline_runs_and_binds_the_mask),
        CASE(a_run_allocates_nothing),
        CASE(another_size_is_planned_anew_and_the_same_is_kept),
        CASE(an_input_that_changed_its_shape_is_noticed),
        CASE(shapes_that_do_not_fit_name_stage_and_both_sides),
        CASE(shipped_pipelines_are_found_by_name),
        CASE(handles_are_planned_and_run),
        CASE(what_is_wrong_with_handles_is_said),
        CASE(a_failed_stage_poisons_what_it_wrote_and_the_next_frame_recovers),
        CASE(a_callers_poisoned_region_stays_poisoned),
        CASE(an_engine_that_does_not_end_keeps_its_claim),
        CASE(a_run_is_cancelled_before_and_while_an_engine_works),
        CASE(a_claimed_region_times_out_and_nothing_is_poisoned),
        CASE(a_copy_is_refused_when_zero_copy_is_required),
        CASE(an_engine_that_can_not_be_opened_is_told_and_tried_again),
        CASE(a_region_freed_under_a_plan_is_an_error_and_its_pages_come_back_clean),
        CASE(a_plan_that_runs_is_busy),
        CASE(two_plans_run_side_by_side),
        CASE(an_image_pipeline_copies_at_the_border_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
