/* Operations of shared objects: loaded only when the program says so, and then like any other. The host engine runs them. */
#include "kit.h"

static struct tri_error err;

static struct tri_runtime *runtime_of(bool allow_native) {
    const struct tri_runtime_params params = {.struct_bytes = sizeof params, .allow_native = allow_native};
    struct tri_runtime *runtime = NULL;
    assert_ok(tri_runtime_create(&params, &runtime, &err));
    return runtime;
}

static tri_status load(struct tri_runtime *runtime, const char *operation, const char *params, bool folder,
                       struct tri_pipeline **out) {
    char text[512];
    const struct tri_layout frame = tri_layout_image(2, 3, 4, TRI_DTYPE_U8);
    snprintf(text, sizeof text,
             "{\"inputs\": {\"photo\": {\"kind\": \"image\"}}, \"outputs\": [\"out\"], \"stages\": [{\"technology\": "
             "\"host\", \"operation\": \"%s\", \"input\": \"photo\", \"output\": \"out\"%s}]}",
             operation, params);
    const struct tri_pipeline_params what = {.struct_bytes = sizeof what, .text = text, .text_bytes = strlen(text),
                                             .origin = "n.json", .folder = folder ? TEST_NATIVES : NULL};
    tri_status status = tri_pipeline_open(runtime, &what, out, &err);
    return status == TRI_OK ? tri_pipeline_set_input(*out, "photo", &frame, &err) : status;
}

static void fill(struct tri_runtime *runtime, struct tri_pipeline *pipeline, uint8_t value) {
    uint8_t bytes[24];
    tri_handle in;
    memset(bytes, value, sizeof bytes);
    assert_ok(tri_pipeline_plan(pipeline, &err));
    assert_ok(tri_pipeline_region(pipeline, "photo", &in, NULL, &err));
    assert_ok(tri_region_write(tri_runtime_arena(runtime), in, 0, bytes, sizeof bytes, NULL, NULL, &err));
}

static void only_when_allowed(void **state) {
    struct tri_runtime *runtime = runtime_of(false);
    struct tri_pipeline *pipeline = NULL;
    (void)state;
    assert_status(load(runtime, "native_good.so#invert", "", true, &pipeline), TRI_PERMISSION);
    assert_non_null(strstr(err.message, "loaded only with --allow-native"));
    assert_null(pipeline);
    tri_handle a, b;
    assert_ok(tri_arena_allocate_shared(tri_runtime_arena(runtime), 24, &a, &err));
    assert_ok(tri_arena_allocate_shared(tri_runtime_arena(runtime), 24, &b, &err));
    const struct tri_stage stage = {.struct_bytes = sizeof stage, .technology = TRI_TECHNOLOGY_HOST,
                                    .operation = TEST_NATIVES "/native_good.so#sum", .input = a, .output = b};
    struct tri_plan *plan = NULL;
    assert_status(tri_plan_create(runtime, &stage, 1, &plan, &err), TRI_PERMISSION);
    assert_ok(tri_arena_free_shared(tri_runtime_arena(runtime), a, &err));
    assert_ok(tri_arena_free_shared(tri_runtime_arena(runtime), b, &err));
    tri_runtime_destroy(&runtime);
}

static void runs(void **state) {
    struct tri_runtime *runtime = runtime_of(true);
    struct tri_pipeline *pipeline = NULL;
    tri_handle out;
    uint8_t bytes[24];
    (void)state;
    assert_ok(load(runtime, "./native_good.so#invert", ", \"params\": {\"gain\": 0.5}", true, &pipeline));
    fill(runtime, pipeline, 15);
    assert_ok(tri_pipeline_run(pipeline, NULL, &err));
    assert_ok(tri_pipeline_region(pipeline, "out", &out, NULL, &err));
    assert_ok(tri_region_read(tri_runtime_arena(runtime), out, 0, bytes, sizeof bytes, NULL, NULL, &err));
    for (size_t i = 0; i < sizeof bytes; i++)
        assert_int_equal(bytes[i], 120);
    assert_int_equal(tri_ledger_bytes(tri_runtime_arena(runtime), TRI_LEDGER_BETWEEN), 0);
    tri_pipeline_destroy(&pipeline);
    tri_runtime_destroy(&runtime);
}

static void a_refusal_is_told(void **state) {
    struct tri_runtime *runtime = runtime_of(true);
    struct tri_pipeline *pipeline = NULL;
    tri_handle out;
    uint8_t byte;
    (void)state;
    assert_ok(load(runtime, "native_good.so#invert", ", \"params\": {\"mode\": \"hard\"}", true, &pipeline));
    fill(runtime, pipeline, 15);
    assert_status(tri_pipeline_run(pipeline, NULL, &err), TRI_ENGINE_FAILED);
    assert_non_null(strstr(err.message, "native_good.so#invert refused with the number 7: hard is not to be had"));
    assert_ok(tri_pipeline_region(pipeline, "out", &out, NULL, &err));
    assert_status(tri_region_read(tri_runtime_arena(runtime), out, 0, &byte, 1, NULL, NULL, &err), TRI_POISONED);
    tri_pipeline_destroy(&pipeline);
    tri_runtime_destroy(&runtime);
}

static void handles_and_no_description(void **state) {
    struct tri_runtime *runtime = runtime_of(true);
    struct tri_arena *arena = tri_runtime_arena(runtime);
    tri_handle in[3], out;
    uint8_t byte;
    (void)state;
    for (uint8_t i = 0; i < 3; i++) {
        byte = (uint8_t)(10 + i);
        assert_ok(tri_arena_allocate_shared(arena, 1, &in[i], &err));
        assert_ok(tri_region_write(arena, in[i], 0, &byte, 1, NULL, NULL, &err));
    }
    assert_ok(tri_arena_allocate_shared(arena, 1, &out, &err));
    const struct tri_stage stage = {.struct_bytes = sizeof stage, .technology = TRI_TECHNOLOGY_HOST,
                                    .operation = TEST_NATIVES "/native_good.so#sum", .inputs = in, .input_count = 3,
                                    .output = out};
    assert_ok(tri_execute_zero_copy(runtime, &stage, 1, &err));
    assert_ok(tri_region_read(arena, out, 0, &byte, 1, NULL, NULL, &err));
    assert_int_equal(byte, 33);
    for (size_t i = 0; i < 3; i++)
        assert_ok(tri_arena_free_shared(arena, in[i], &err));
    assert_ok(tri_arena_free_shared(arena, out, &err));
    tri_runtime_destroy(&runtime);
}

static void what_is_refused(void **state) {
    static const struct {
        const char *operation, *params, *says;
        bool folder;
        tri_status status;
    } cases[] = {
        {"native_good.so", "", "several operations: invert, sum", true, TRI_BAD_MODULE},
        {"native_good.so#blur", "", "no operation 'blur'; it has: invert, sum", true, TRI_BAD_MODULE},
        {"native_other_abi.so", "", "built for native ABI 99, this Tripoint speaks 1", true, TRI_BAD_MODULE},
        {"native_none.so", "", "exports no function 'tripoint_native'", true, TRI_BAD_MODULE},
        {"meson.so", "", "can't open the operation's file", true, TRI_NOT_FOUND},
        {"../../../build.ninja/x.so", "", "leads out", true, TRI_PERMISSION},
        {"native_good.so#invert", "", "has no folder", false, TRI_PARSE},
        {"native_good.so#invert", ", \"params\": {\"gain\": 2}", "from 0 to 1", true, TRI_PARSE},
        {"native_good.so#invert", ", \"params\": {\"mode\": \"odd\"}", "one of soft|hard", true, TRI_PARSE},
    };
    struct tri_runtime *runtime = runtime_of(true);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tri_pipeline *pipeline = NULL;
        tri_status status = load(runtime, cases[i].operation, cases[i].params, cases[i].folder, &pipeline);
        if (status != cases[i].status || !strstr(err.message, cases[i].says))
            fail_msg("%s: %s: %s", cases[i].operation, tri_status_name(status), err.message);
    }
    tri_runtime_destroy(&runtime);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_when_allowed), cmocka_unit_test(runs),
        cmocka_unit_test(a_refusal_is_told), cmocka_unit_test(handles_and_no_description),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
