/* What a trace tells of a run: stages, engines, claims, copies and failures, and that telling allocates nothing. */
#include "fake_runtime.h"

#include "base/trace.h"

#include <jansson.h>
#include <unistd.h>

static char path[64];

static int begin_traced(void **state) {
    snprintf(path, sizeof path, "pipeline-trace-%d.json", (int)getpid());
    return begin(state);
}
static int end_traced(void **state) {
    end(state);
    tri_trace_end();
    unlink(path);
    unsetenv("TRIPOINT_TRACE");
    return 0;
}

static const char text[] =
    "{\"inputs\": {\"photo\": {\"kind\": \"image\"}}, \"outputs\": [\"out\"], \"stages\": ["
    "{\"technology\": \"host\", \"operation\": \"resize\", \"input\": \"photo\", \"output\": \"work\","
    " \"params\": {\"width\": 9, \"height\": 7}},"
    "{\"technology\": \"wasm\", \"operation\": \"vignette\", \"input\": \"work\", \"output\": \"out\"}]}";

static struct tri_pipeline *prepared(void) {
    struct tri_pipeline *pipeline = NULL;
    const struct tri_layout layout = tri_layout_image(8, 8, 4, TRI_DTYPE_U8);
    assert_ok(tri_pipeline_parse(runtime, text, strlen(text), "two.json", &pipeline, &err));
    assert_ok(tri_pipeline_set_input(pipeline, "photo", &layout, &err));
    assert_ok(tri_pipeline_prepare(pipeline, &err));
    return pipeline;
}

/* "category name region access cause" of every event that is not about preparing or waiting, one a line. */
static void told(char *lines, size_t bytes) {
    json_t *root = json_load_file(path, 0, NULL), *event;
    size_t i, used = 0;
    assert_non_null(root);
    lines[0] = '\0';
    json_array_foreach(json_object_get(root, "traceEvents"), i, event) {
        const char *category = json_string_value(json_object_get(event, "cat"));
        const json_t *args = json_object_get(event, "args");
        static const char *const keys[] = {"region", "access", "cause"};
        if (!category || strcmp(category, "prepare") == 0 || strcmp(category, "wait") == 0)
            continue;
        used += (size_t)snprintf(lines + used, bytes - used, "%s %s", category,
                                 json_string_value(json_object_get(event, "name")));
        for (size_t k = 0; k < 3; k++)
            if (json_object_get(args, keys[k]))
                used += (size_t)snprintf(lines + used, bytes - used, " %s",
                                         json_string_value(json_object_get(args, keys[k])));
        used += (size_t)snprintf(lines + used, bytes - used, "\n");
    }
    json_decref(root);
}

static void assert_told(const char *lines, const char *line) {
    if (!strstr(lines, line))
        fail_msg("no \"%s\" in:\n%s", line, lines);
}

static void a_run_is_told_and_allocates_nothing(void **state) {
    (void)state;
    char lines[4096];
    struct tri_pipeline *pipeline = prepared();
    assert_ok(tri_trace_begin(NULL, &err));
    fake.copy = true;
    uint64_t before = trii_alloc_count();
    assert_ok(tri_pipeline_run(pipeline, NULL, &err));
    assert_int_equal(trii_alloc_count(), before);
    assert_ok(tri_trace_write(path, &err));
    told(lines, sizeof lines);
    static const char *const expected[] = {
        "run two.json\n", "stage resize\n", "stage vignette\n", "engine resize\n", "engine vignette\n",
        "claim resize photo read\n", "claim resize work write\n", "claim vignette work read\n",
        "claim vignette out write\n", "copy vignette out staging\n"};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_told(lines, expected[i]);
    tri_pipeline_destroy(&pipeline);
}

static void a_failure_is_told_with_its_stage(void **state) {
    (void)state;
    char lines[4096];
    struct tri_pipeline *pipeline = prepared();
    assert_ok(tri_trace_begin(NULL, &err));
    fake.fence = TRI_TRAP;
    assert_status(tri_pipeline_run(pipeline, NULL, &err), TRI_TRAP);
    assert_ok(tri_trace_write(path, &err));
    told(lines, sizeof lines);
    assert_told(lines, "stage resize\n");
    assert_told(lines, "engine vignette TRAP\n");
    assert_told(lines, "stage vignette TRAP\n");
    tri_pipeline_destroy(&pipeline);
}

static void the_environment_asks_for_one(void **state) {
    (void)state;
    char lines[4096];
    struct tri_runtime *other = NULL;
    setenv("TRIPOINT_TRACE", path, 1);
    assert_ok(tri_runtime_create(NULL, &other, &err));
    assert_true(tri_trace_is_on());
    struct tri_pipeline *pipeline = prepared();
    assert_ok(tri_pipeline_run(pipeline, NULL, &err));
    tri_pipeline_destroy(&pipeline);
    assert_int_equal(access(path, F_OK), -1);
    tri_runtime_destroy(&other);
    told(lines, sizeof lines);
    assert_told(lines, "stage vignette\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_run_is_told_and_allocates_nothing, begin_traced, end_traced),
        cmocka_unit_test_setup_teardown(a_failure_is_told_with_its_stage, begin_traced, end_traced),
        cmocka_unit_test_setup_teardown(the_environment_asks_for_one, begin_traced, end_traced),
    };
    return cmocka_run_group_tests_name("pipeline_trace", tests, NULL, NULL);
}
