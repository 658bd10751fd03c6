/* Strangers' files in a worker process: they work on the same pages, they can't harm this process, they are stopped. */
#include "isolate_kit.h"

#include "pipeline/plan.h"

#include <signal.h>

#define SIDE 64u
#define BYTES ((uint64_t)SIDE * SIDE * 4)

static const char invert_text[] =
    "@group(0) @binding(0) var<storage, read> image: array<u32>;\n"
    "@group(0) @binding(1) var<storage, read_write> result: array<u32>;\n"
    "@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {\n"
    "    if (id.x < 64u) { result[id.y * 64u + id.x] = ~image[id.y * 64u + id.x]; }\n"
    "}\n";
/* Never ends, in a way that no compiler can see through. */
static const char endless_text[] =
    "@group(0) @binding(0) var<storage, read> image: array<u32>;\n"
    "@group(0) @binding(1) var<storage, read_write> result: array<u32>;\n"
    "@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {\n"
    "    var i = id.x;\n"
    "    loop {\n"
    "        result[i % arrayLength(&result)] = i;\n"
    "        i = i + 1u;\n"
    "        if (image[0] == 12345u) { break; }\n"
    "    }\n"
    "}\n";

static struct tri_runtime *runtime;
static struct tri_arena *arena;
static struct tri_error err;
static tri_handle input, output;
static uint32_t output_index;
static char folder[64], invert[128], endless[128];

static void put(char path[128], const char *name, const char *text) {
    snprintf(path, 128, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int begin(void **state) {
    const struct tri_runtime_params params = {.struct_bytes = sizeof params, .isolate = true};
    const struct tri_layout layout = tri_layout_image(SIDE, SIDE, 4, TRI_DTYPE_U8);
    struct tri_region_info info;
    struct tri_host_view view;
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/tripoint-isolate-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    put(invert, "invert.wgsl", invert_text);
    put(endless, "endless.wgsl", endless_text);
    assert_ok(tri_runtime_create(&params, &runtime, &err));
    arena = tri_runtime_arena(runtime);
    assert_ok(tri_arena_allocate_shared(arena, BYTES, &input, &err));
    assert_ok(tri_arena_allocate_shared(arena, BYTES, &output, &err));
    assert_ok(tri_region_set_layout(arena, input, &layout, &err));
    assert_ok(tri_region_set_layout(arena, output, &layout, &err));
    assert_ok(tri_region_info(arena, output, &info, &err));
    output_index = info.index;
    assert_ok(tri_host_view_begin(arena, input, TRI_ACCESS_WRITE, NULL, &view, &err));
    for (uint64_t i = 0; i < BYTES; i++)
        ((uint8_t *)view.write)[i] = (uint8_t)(i * 3);
    assert_ok(tri_host_view_end(arena, &view, &err));
    return 0;
}

static int end(void **state) {
    (void)state;
    tri_runtime_destroy(&runtime);
    unlink(invert);
    unlink(endless);
    rmdir(folder);
    return 0;
}

static struct tri_plan *plan(const char *file) {
    const struct tri_stage stage = {.struct_bytes = sizeof stage,
                                    .technology = TRI_TECHNOLOGY_WEBGPU,
                                    .operation = file,
                                    .name = "stranger",
                                    .input = input,
                                    .output = output};
    struct tri_plan *made = NULL;
    tri_status status = tri_plan_create(runtime, &stage, 1, &made, &err);
    if (status == TRI_ENGINE_UNAVAILABLE)
        skip_because("webgpu in a worker: %s", err.message);
    assert_ok(status);
    return made;
}

static tri_status run(struct tri_plan *which, uint64_t seconds) {
    const struct tri_run_params params = {
        .struct_bytes = sizeof params, .timeout_ns = seconds * 1000000000u, .require_zero_copy = true};
    return tri_plan_run(which, &params, &err);
}

static void assert_inverted(void) {
    struct tri_host_view view;
    assert_ok(tri_host_view_begin(arena, output, TRI_ACCESS_READ, NULL, &view, &err));
    for (uint64_t i = 0; i < BYTES; i++)
        if (((const uint8_t *)view.read)[i] != (uint8_t)~(i * 3))
            fail_msg("byte %llu is %d", (unsigned long long)i, ((const uint8_t *)view.read)[i]);
    assert_ok(tri_host_view_end(arena, &view, &err));
}

static void reset(void) {
    assert_ok(tri_sync_reset(tri_arena_sync(arena), output_index, &err));
}

static void a_shader_works_on_the_same_pages_in_another_process(void **state) {
    (void)state;
    struct tri_plan *good = plan(invert);
    assert_ok(run(good, 100));
    assert_inverted();
    assert_true(isolate_worker() > 0);
    assert_int_equal(tri_ledger_copies(arena, TRI_LEDGER_BETWEEN) + tri_ledger_copies(arena, TRI_LEDGER_BORDER), 0);
    pid_t first = isolate_worker();
    assert_ok(run(good, 100));
    assert_int_equal(isolate_worker(), first);
    tri_plan_destroy(&good);
}

static void an_endless_shader_is_killed_and_the_next_frame_works(void **state) {
    struct tri_error cause;
    (void)state;
    struct tri_plan *good = plan(invert), *bad = plan(endless);
    pid_t first = isolate_worker();
    assert_true(first > 0);
    assert_status(run(bad, 1), TRI_TIMEOUT);
    if (!strstr(err.message, "was killed"))
        fail_msg("%s", err.message);
    assert_string_equal(err.stage, "stranger");
    assert_int_equal(kill(first, 0), -1); /* gone, not just asked to go */
    assert_true(tri_sync_poison_cause(tri_arena_sync(arena), output_index, &cause));
    assert_int_equal(cause.status, TRI_TIMEOUT);
    assert_status(run(good, 100), TRI_POISONED); /* a caller's region stays so until it is reset */
    reset();
    assert_ok(run(good, 100));
    assert_inverted();
    assert_true(isolate_worker() > 0 && isolate_worker() != first);
    tri_plan_destroy(&bad);
    tri_plan_destroy(&good);
}

static void a_crash_in_the_worker_is_told_and_the_next_frame_works(void **state) {
    (void)state;
    struct tri_plan *good = plan(invert);
    assert_ok(run(good, 100));
    assert_int_equal(kill(isolate_worker(), SIGSEGV), 0); /* between two frames */
    tri_status status = run(good, 100);
    if (status != TRI_OK) { /* noticed when it was asked; else it was asked after it had gone */
        assert_int_equal(status, TRI_ENGINE_FAILED);
        if (!strstr(err.message, "the worker process")) /* how it ended; a sanitizer catches the signal */
            fail_msg("%s", err.message);
        reset();
    }
    assert_ok(run(good, 100));
    assert_inverted();
    tri_plan_destroy(&good);
}

static void a_worker_that_ends_while_it_prepares_ends_what_it_ran(void **state) {
    struct trii_fence fence;
    char path[128];
    (void)state;
    struct tri_plan *running = plan(endless), *none = NULL;
    trii_fence_init(&fence);
    assert_ok(trii_task_submit(running->stages[0].task, &fence, &err));
    assert_int_equal(kill(isolate_worker(), SIGKILL), 0);
    put(path, "other.wgsl", invert_text);
    const struct tri_stage stage = {.struct_bytes = sizeof stage,
                                    .technology = TRI_TECHNOLOGY_WEBGPU,
                                    .operation = path,
                                    .input = input,
                                    .output = output};
    tri_status status = tri_plan_create(runtime, &stage, 1, &none, &err); /* who asks is the first to hear of it */
    unlink(path);
    assert_int_equal(status, TRI_ENGINE_FAILED);
    assert_status(trii_task_wait(running->stages[0].task, &fence, UINT64_C(20) * 1000000000u, &err), TRI_ENGINE_FAILED);
    if (!strstr(err.message, "the worker process of 'stranger'"))
        fail_msg("%s", err.message);
    tri_plan_destroy(&running);
}

static void bad_shaders_are_refused_in_the_workers_words(void **state) {
    char path[128];
    struct tri_plan *none = NULL;
    (void)state;
    put(path, "bad.wgsl",
        "@group(0) @binding(0) var<storage, read> image: array<u32>;\n"
        "@group(0) @binding(1) var<storage, read_write> result: array<u32>;\n"
        "@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {\n"
        "    result[id.x] = image[id.x] + nothing[id.x];\n"
        "}\n");
    const struct tri_stage stage = {.struct_bytes = sizeof stage,
                                    .technology = TRI_TECHNOLOGY_WEBGPU,
                                    .operation = path,
                                    .input = input,
                                    .output = output};
    tri_status status = tri_plan_create(runtime, &stage, 1, &none, &err);
    unlink(path);
    if (status == TRI_ENGINE_UNAVAILABLE)
        skip_because("webgpu in a worker: %s", err.message);
    if (status != TRI_BAD_SHADER || !strstr(err.message, "nothing"))
        fail_msg("%s: %s", tri_status_name(status), err.message);
}

static void a_worker_that_is_no_worker_is_an_error(void **state) {
    struct tri_plan *none = NULL;
    (void)state;
    char *kept = strdup(getenv("TRIPOINT_WORKER"));
    setenv("TRIPOINT_WORKER", "/bin/true", 1);
    const struct tri_stage stage = {.struct_bytes = sizeof stage,
                                    .technology = TRI_TECHNOLOGY_WEBGPU,
                                    .operation = invert,
                                    .input = input,
                                    .output = output};
    tri_status status = tri_plan_create(runtime, &stage, 1, &none, &err);
    setenv("TRIPOINT_WORKER", kept, 1);
    free(kept);
    assert_true(status == TRI_ENGINE_FAILED || status == TRI_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_shader_works_on_the_same_pages_in_another_process, begin, end),
        cmocka_unit_test_setup_teardown(an_endless_shader_is_killed_and_the_next_frame_works, begin, end),
        cmocka_unit_test_setup_teardown(a_crash_in_the_worker_is_told_and_the_next_frame_works, begin, end),
        cmocka_unit_test_setup_teardown(a_worker_that_ends_while_it_prepares_ends_what_it_ran, begin, end),
        cmocka_unit_test_setup_teardown(bad_shaders_are_refused_in_the_workers_words, begin, end),
        cmocka_unit_test_setup_teardown(a_worker_that_is_no_worker_is_an_error, begin, end),
    };
    if (!getenv("TRIPOINT_WORKER")) {
        print_message("TRIPOINT_WORKER must name the command tripoint\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
