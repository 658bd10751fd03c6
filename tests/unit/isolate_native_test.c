/* One stage of several in a worker process, and shared objects there: they are never loaded here, and can do no harm. */
#include "isolate_kit.h"

#include "engine/isolated/isolated.h"
#include "pipeline/plan.h"

#define BYTES 24u

static struct tri_error err;
static struct tri_runtime *runtime;
static struct tri_pipeline *pipeline;

static int begin(void **state) {
    const struct tri_runtime_params params = {.struct_bytes = sizeof params, .allow_native = true, .workers = true};
    (void)state;
    pipeline = NULL;
    return tri_runtime_create(&params, &runtime, &err) == TRI_OK ? 0 : -1;
}

static int end(void **state) {
    (void)state;
    tri_pipeline_destroy(&pipeline);
    tri_runtime_destroy(&runtime);
    return 0;
}

/* photo -> stage "one" -> middle -> stage "two" -> out: `one` and `two` are operations with what else a stage says. */
static tri_status load(const char *one, const char *two, const char *const *isolate, size_t isolate_count) {
    const struct tri_layout frame = tri_layout_image(2, 3, 4, TRI_DTYPE_U8);
    uint8_t bytes[BYTES];
    tri_handle photo;
    char text[1024];
    snprintf(text, sizeof text,
             "{\"inputs\": {\"photo\": {\"kind\": \"image\"}}, \"outputs\": [\"out\"], \"stages\": ["
             "{\"technology\": \"host\", \"name\": \"one\", \"input\": \"photo\", \"output\": \"middle\", \"operation\": %s}, "
             "{\"technology\": \"host\", \"name\": \"two\", \"input\": \"middle\", \"output\": \"out\", \"operation\": %s}]}",
             one, two);
    const struct tri_pipeline_params what = {.struct_bytes = sizeof what, .text = text, .text_bytes = strlen(text),
                                             .origin = "n.json", .folder = TEST_NATIVES, .isolate = isolate,
                                             .isolate_count = isolate_count};
    tri_pipeline_destroy(&pipeline);
    tri_status status = tri_pipeline_open(runtime, &what, &pipeline, &err);
    if (status == TRI_OK)
        status = tri_pipeline_set_input(pipeline, "photo", &frame, &err);
    if (status == TRI_OK)
        status = tri_pipeline_plan(pipeline, &err);
    if (status != TRI_OK)
        return status;
    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = (uint8_t)(10 * i);
    assert_ok(tri_pipeline_region(pipeline, "photo", &photo, NULL, &err));
    assert_ok(tri_region_write(tri_runtime_arena(runtime), photo, 0, bytes, sizeof bytes, NULL, NULL, &err));
    return TRI_OK;
}

static void assert_bytes(uint8_t (*wanted)(size_t i)) {
    uint8_t bytes[BYTES];
    tri_handle out;
    assert_ok(tri_pipeline_region(pipeline, "out", &out, NULL, &err));
    assert_ok(tri_region_read(tri_runtime_arena(runtime), out, 0, bytes, sizeof bytes, NULL, NULL, &err));
    for (size_t i = 0; i < BYTES; i++)
        assert_int_equal(bytes[i], wanted(i));
    assert_int_equal(tri_ledger_bytes(tri_runtime_arena(runtime), TRI_LEDGER_BETWEEN), 0);
}

static uint8_t same(size_t i) {
    return (uint8_t)(10 * i);
}

static uint8_t half(size_t i) {
    return (uint8_t)((double)(uint8_t)~same(i) * 0.5);
}

static bool is_loaded_here(const char *name) {
    char line[512];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (!found && fgets(line, sizeof line, maps))
        found = strstr(line, name) != NULL;
    fclose(maps);
    return found;
}

#define GOOD "\"native_good.so#invert\""
#define HALF GOOD ", \"params\": {\"gain\": 0.5}"
#define ISOLATE ", \"isolate\": true"
#define HOSTILE(operation) "\"./native_hostile.so#" operation "\"" ISOLATE

/* First, while nothing else has loaded it. */
static void a_shared_object_runs_in_the_worker_alone(void **state) {
    struct tri_stage_report report;
    struct tri_plan_stage planned;
    (void)state;
    assert_ok(load(HALF ISOLATE, "\"convert\"", NULL, 0));
    assert_true(isolate_worker() > 0);
    assert_ok(tri_pipeline_run(pipeline, NULL, &err));
    assert_bytes(half);
    assert_false(is_loaded_here("native_good.so"));
    assert_true(tri_plan_stage(tri_pipeline_planned(pipeline), 0, &planned) && planned.isolated);
    assert_true(tri_plan_stage(tri_pipeline_planned(pipeline), 1, &planned) && !planned.isolated);
    assert_true(tri_pipeline_report(pipeline, 0, &report) && report.isolated);
    assert_true(tri_pipeline_report(pipeline, 1, &report) && !report.isolated);
}

/* A worker tells what it offers: parameters and their limits are known here as if it had been loaded. */
static void what_it_says_of_itself_is_known_here(void **state) {
    (void)state;
    assert_status(load(GOOD ISOLATE ", \"params\": {\"gain\": 2}", "\"convert\"", NULL, 0), TRI_PARSE);
    assert_non_null(strstr(err.message, "from 0 to 1"));
    assert_status(load(GOOD ISOLATE ", \"params\": {\"loudness\": 2}", "\"convert\"", NULL, 0), TRI_PARSE);
    assert_non_null(strstr(err.message, "known: gain, mode"));
    assert_status(load("\"native_good.so\"" ISOLATE, "\"convert\"", NULL, 0), TRI_BAD_MODULE);
    assert_non_null(strstr(err.message, "several operations: invert, sum"));
    assert_status(load("\"native_none.so\"" ISOLATE, "\"convert\"", NULL, 0), TRI_BAD_MODULE);
    assert_ok(load(GOOD ISOLATE ", \"params\": {\"mode\": \"hard\"}", "\"convert\"", NULL, 0));
    assert_status(tri_pipeline_run(pipeline, NULL, &err), TRI_ENGINE_FAILED);
    assert_non_null(strstr(err.message, "hard is not to be had"));
    assert_false(is_loaded_here("native_good.so"));
    assert_false(is_loaded_here("native_none.so"));
}

static void a_crash_and_an_exit_end_the_worker_only(void **state) {
    (void)state;
    static const char *const bad[] = {HOSTILE("crash"), HOSTILE("leave")};
    for (size_t i = 0; i < 2; i++) {
        assert_ok(load(bad[i], "\"convert\"", NULL, 0));
        assert_status(tri_pipeline_run(pipeline, NULL, &err), TRI_ENGINE_FAILED);
        if (!strstr(err.message, "the worker process of 'one'"))
            fail_msg("%s", err.message);
        assert_string_equal(err.stage, "one");
        assert_ok(load(HOSTILE("invert"), HOSTILE("invert"), NULL, 0)); /* and the next frame works */
        assert_ok(tri_pipeline_run(pipeline, NULL, &err));
        assert_bytes(same);
    }
    assert_false(is_loaded_here("native_hostile.so"));
}

static void limit(uint64_t limit_ns) {
    struct tri_engine *engine;
    assert_ok(trii_runtime_isolated(runtime, TRI_TECHNOLOGY_HOST, &engine, &err));
    trii_isolated_limit(engine, limit_ns);
}

static void what_never_ends_is_killed(void **state) {
    const uint64_t soon = UINT64_C(300) * 1000000u;
    (void)state;
    assert_ok(load(HOSTILE("wait"), "\"convert\"", NULL, 0));
    assert_ok(tri_pipeline_prepare(pipeline, &err));
    pid_t first = isolate_worker();
    limit(soon);
    assert_status(tri_pipeline_run(pipeline, NULL, &err), TRI_TIMEOUT);
    assert_non_null(strstr(err.message, "the worker process of 'one' was killed: it did not end within 0.3 s"));
    assert_int_equal(kill(first, 0), -1);
    limit(0);
    assert_ok(load(HOSTILE("invert"), HOSTILE("invert"), NULL, 0));
    limit(soon); /* loading it never ends */
    assert_status(load("\"native_stuck.so\"" ISOLATE, "\"convert\"", NULL, 0), TRI_TIMEOUT);
    assert_non_null(strstr(err.message, "did not become ready within 0.3 s"));
    limit(0);
    assert_ok(load(HOSTILE("invert"), HOSTILE("invert"), NULL, 0));
    assert_ok(tri_pipeline_run(pipeline, NULL, &err));
    assert_bytes(same);
}

static void a_runtime_has_a_limit_of_its_own(void **state) {
    const struct tri_runtime_params params = {.struct_bytes = sizeof params, .allow_native = true, .workers = true,
                                              .isolate_timeout_ns = 1};
    (void)state;
    tri_runtime_destroy(&runtime);
    assert_ok(tri_runtime_create(&params, &runtime, &err));
    assert_status(load(HOSTILE("invert"), "\"convert\"", NULL, 0), TRI_TIMEOUT);
}

/* Several at once in one worker: none is the other, though both come as bytes without a path. */
static void shared_objects_are_not_taken_for_each_other(void **state) {
    (void)state;
    assert_ok(load(HALF ISOLATE, HOSTILE("invert"), NULL, 0));
    assert_ok(tri_pipeline_run(pipeline, NULL, &err));
    uint8_t bytes[BYTES];
    tri_handle out;
    assert_ok(tri_pipeline_region(pipeline, "out", &out, NULL, &err));
    assert_ok(tri_region_read(tri_runtime_arena(runtime), out, 0, bytes, sizeof bytes, NULL, NULL, &err));
    for (size_t i = 0; i < BYTES; i++)
        assert_int_equal(bytes[i], (uint8_t)~half(i));
}

static void the_caller_says_which(void **state) {
    struct tri_plan_stage planned;
    (void)state;
    static const char *const second[] = {"two"}, *const number[] = {"1"}, *const none[] = {"tow"}, *const built_in[] = {"one"};
    assert_ok(load("\"convert\"", GOOD, second, 1));
    assert_true(tri_plan_stage(tri_pipeline_planned(pipeline), 1, &planned) && planned.isolated);
    assert_ok(tri_pipeline_run(pipeline, NULL, &err));
    assert_ok(load("\"convert\"", GOOD, number, 1));
    assert_true(tri_plan_stage(tri_pipeline_planned(pipeline), 1, &planned) && planned.isolated);
    assert_status(load("\"convert\"", GOOD, none, 1), TRI_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "no stage \"tow\" to isolate; known: two"));
    assert_status(load("\"convert\"", GOOD, built_in, 1), TRI_BAD_PIPELINE);
    assert_non_null(strstr(err.message, "convert is built in"));
    assert_status(load("\"convert\", \"isolate\": true", GOOD, NULL, 0), TRI_BAD_PIPELINE);
    assert_status(load(GOOD ", \"isolate\": 1", "\"convert\"", NULL, 0), TRI_PARSE);
}

static void no_runtime_without_workers_runs_it(void **state) {
    const struct tri_runtime_params params = {.struct_bytes = sizeof params, .allow_native = true};
    tri_handle a, b;
    struct tri_plan *plan = NULL;
    (void)state;
    tri_runtime_destroy(&runtime);
    assert_ok(tri_runtime_create(&params, &runtime, &err));
    assert_status(load(GOOD ISOLATE, "\"convert\"", NULL, 0), TRI_UNSUPPORTED);
    assert_non_null(strstr(err.message, "`workers`"));
    assert_ok(tri_arena_allocate_shared(tri_runtime_arena(runtime), 1, &a, &err));
    assert_ok(tri_arena_allocate_shared(tri_runtime_arena(runtime), 1, &b, &err));
    const struct tri_stage stage = {.struct_bytes = sizeof stage, .technology = TRI_TECHNOLOGY_HOST,
                                    .operation = TEST_NATIVES "/native_good.so#sum", .input = a, .output = b,
                                    .isolate = true};
    assert_status(tri_plan_create(runtime, &stage, 1, &plan, &err), TRI_UNSUPPORTED);
}

static void a_plan_over_handles_isolates_one_stage(void **state) {
    struct tri_arena *arena = tri_runtime_arena(runtime);
    struct tri_plan *plan = NULL;
    tri_handle in, middle, out;
    uint8_t byte = 5;
    (void)state;
    assert_ok(tri_arena_allocate_shared(arena, 1, &in, &err));
    assert_ok(tri_arena_allocate_shared(arena, 1, &middle, &err));
    assert_ok(tri_arena_allocate_shared(arena, 1, &out, &err));
    assert_ok(tri_region_write(arena, in, 0, &byte, 1, NULL, NULL, &err));
    const struct tri_stage stages[] = {
        {.struct_bytes = sizeof *stages, .technology = TRI_TECHNOLOGY_HOST, .operation = TEST_NATIVES "/native_hostile.so#invert",
         .input = in, .output = middle, .isolate = true},
        {.struct_bytes = sizeof *stages, .technology = TRI_TECHNOLOGY_HOST, .operation = TEST_NATIVES "/native_good.so#sum",
         .input = middle, .output = out}};
    assert_ok(tri_plan_create(runtime, stages, 2, &plan, &err));
    assert_ok(tri_plan_run(plan, NULL, &err));
    assert_ok(tri_region_read(arena, out, 0, &byte, 1, NULL, NULL, &err));
    assert_int_equal(byte, 250);
    assert_true(plan->stages[0].isolated && !plan->stages[1].isolated);
    assert_false(is_loaded_here("native_hostile.so"));
    assert_true(is_loaded_here("native_good.so"));
    tri_plan_destroy(&plan);
}

static void who_asks_is_told_that_workers_are_needed(void **state) {
    static const char text[] = "{\"stages\": [{\"operation\": \"a.so\"}, {\"operation\": \"b.so\", \"isolate\": true}]}";
    static const char *const names[] = {"x"};
    struct tri_pipeline_params what = {.struct_bytes = sizeof what, .text = text, .text_bytes = sizeof text - 1};
    (void)state;
    assert_true(tri_pipeline_wants_workers(&what));
    what.text_bytes = 20; /* no JSON */
    assert_false(tri_pipeline_wants_workers(&what));
    what = (struct tri_pipeline_params){.struct_bytes = sizeof what, .name_or_path = "cutout"};
    assert_false(tri_pipeline_wants_workers(&what));
    what.isolate = names;
    what.isolate_count = 1;
    assert_true(tri_pipeline_wants_workers(&what));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_shared_object_runs_in_the_worker_alone, begin, end),
        cmocka_unit_test_setup_teardown(what_it_says_of_itself_is_known_here, begin, end),
        cmocka_unit_test_setup_teardown(a_crash_and_an_exit_end_the_worker_only, begin, end),
        cmocka_unit_test_setup_teardown(what_never_ends_is_killed, begin, end),
        cmocka_unit_test_setup_teardown(a_runtime_has_a_limit_of_its_own, begin, end),
        cmocka_unit_test_setup_teardown(shared_objects_are_not_taken_for_each_other, begin, end),
        cmocka_unit_test_setup_teardown(the_caller_says_which, begin, end),
        cmocka_unit_test_setup_teardown(no_runtime_without_workers_runs_it, begin, end),
        cmocka_unit_test_setup_teardown(a_plan_over_handles_isolates_one_stage, begin, end),
        cmocka_unit_test_setup_teardown(who_asks_is_told_that_workers_are_needed, begin, end),
    };
    if (!getenv("TRIPOINT_WORKER")) {
        print_message("TRIPOINT_WORKER must name the command tripoint\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
