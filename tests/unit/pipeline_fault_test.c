/* Every allocation, thread, mapping fails once: the scenario fails with a sentence or survives, and nothing is left. */
#include "fake_engine.h"

#include "base/fault.h"

#include <unistd.h>

static const char text[] =
    "{\"inputs\": {\"in\": {\"kind\": \"image\"}, \"m\": {\"kind\": \"mask\"}}, \"outputs\": [\"out\"],\n"
    " \"regions\": {\"work\": {\"shape\": [4, 4, 4], \"dtype\": \"u8\", \"kind\": \"image\"}}, \"stages\": [\n"
    " {\"technology\": \"host\", \"operation\": \"resize\", \"input\": \"in\", \"output\": \"work\",\n"
    "  \"params\": {\"width\": 4, \"height\": 4, \"filter\": \"area\"}},\n"
    " {\"technology\": \"host\", \"operation\": \"resize\", \"input\": \"work\", \"output\": \"work\"},\n"
    " {\"technology\": \"wasm\", \"operation\": \"vignette\", \"input\": \"work\", \"output\": \"work\"},\n"
    " {\"technology\": \"host\", \"operation\": \"apply_mask\", \"input\": \"work\", \"output\": \"out\"}]}";

static char path[] = "/tmp/tripoint-XXXXXX.json"; /* the image pipeline's text */
static const char image_text[] =
    "{\"inputs\": {\"in\": {\"kind\": \"image\"}}, \"outputs\": [\"out\"], \"stages\": [\n"
    " {\"technology\": \"wasm\", \"operation\": \"vignette\", \"input\": \"in\", \"output\": \"work\"},\n"
    " {\"technology\": \"host\", \"operation\": \"vignette\", \"input\": \"work\", \"output\": \"out\"}]}";

static int write_path(void **state) {
    (void)state;
    int fd = mkstemps(path, 5);
    if (fd < 0)
        return -1;
    bool whole = write(fd, image_text, sizeof image_text - 1) == (ssize_t)sizeof image_text - 1;
    return close(fd) == 0 && whole ? 0 : -1;
}

static int remove_path(void **state) {
    (void)state;
    return remove(path);
}

static tri_status use_pipeline(struct tri_runtime *runtime, struct tri_error *err) {
    const struct tri_layout image = tri_layout_image(9, 7, 4, TRI_DTYPE_U8), mask = tri_layout_mask(2, 2);
    struct tri_pipeline *pipeline = NULL;
    tri_status status = tri_pipeline_parse(runtime, text, sizeof text - 1, "text", &pipeline, err);
    if (status == TRI_OK)
        status = tri_pipeline_set(pipeline, "resize-2.filter=area", err);
    if (status == TRI_OK)
        status = tri_pipeline_set_input(pipeline, "in", &image, err);
    if (status == TRI_OK)
        status = tri_pipeline_set_input(pipeline, "m", &mask, err);
    if (status == TRI_OK)
        status = tri_pipeline_run(pipeline, NULL, err);
    tri_pipeline_destroy(&pipeline);
    return status;
}

static tri_status use_handles(struct tri_runtime *runtime, struct tri_error *err) {
    struct tri_arena *arena = tri_runtime_arena(runtime);
    const struct tri_layout layout = tri_layout_image(4, 4, 4, TRI_DTYPE_U8);
    const struct tri_param strength = {"strength", 0.5, NULL};
    tri_handle region;
    tri_status status = tri_arena_allocate_shared(arena, 64, &region, err);
    if (status == TRI_OK)
        status = tri_region_set_layout(arena, region, &layout, err);
    const struct tri_stage stage = {.struct_bytes = sizeof stage,
                                    .technology = TRI_TECHNOLOGY_HOST,
                                    .operation = "vignette",
                                    .input = region,
                                    .output = region,
                                    .params = &strength,
                                    .param_count = 1};
    return status == TRI_OK ? tri_execute_zero_copy(runtime, &stage, 1, err) : status;
}

static tri_status use_image_pipeline(struct tri_runtime *runtime, struct tri_error *err) {
    struct tri_image_pipeline *pipeline = NULL;
    uint8_t pixels[3 * 2 * 4] = {0};
    tri_status status = tri_image_pipeline_create(runtime, path, &pipeline, err);
    if (status == TRI_OK)
        status = tri_image_pipeline_process(pipeline, pixels, 3, 2, pixels, err);
    if (status == TRI_OK)
        status = tri_image_pipeline_process(pipeline, pixels, 2, 3, pixels, err);
    tri_image_pipeline_destroy(&pipeline);
    return status;
}

static tri_status scenario(struct tri_error *err) {
    const struct tri_engine_params host = {.struct_bytes = sizeof host, .library_path = "no", .cache_dir = "no"};
    const struct tri_runtime_params params = {.struct_bytes = sizeof params, .engines = {&host}};
    struct tri_runtime *runtime = NULL;
    tri_status status = tri_runtime_create(&params, &runtime, err);
    if (status == TRI_OK)
        status = use_pipeline(runtime, err);
    if (status == TRI_OK)
        status = use_handles(runtime, err);
    if (status == TRI_OK)
        status = use_image_pipeline(runtime, err);
    if (status != TRI_OK && runtime) { /* a runtime that saw a failure still works */
        struct tri_error again = {0};
        tri_status second = use_handles(runtime, &again);
        if (second != TRI_OK)
            fail_msg("after \"%s\": %s", err->message, again.message);
    }
    tri_runtime_destroy(&runtime);
    return status;
}

static void every_call_fails_once(enum trii_fault kind, tri_status wanted, unsigned at_least) {
    for (uint64_t n = 0;; n++) {
        struct tri_error err = {0};
        trii_fault_arm(kind, n);
        tri_status status = scenario(&err);
        bool fired = trii_fault_disarm(kind);
        if (!fired) {
            assert_ok(status);
            if (n < at_least)
                fail_msg("only %llu calls could fail", (unsigned long long)n);
            return;
        }
        if (status == TRI_OK)
            continue; /* survived: a thread that could not be started, say */
        if (status != wanted || err.message[0] == '\0')
            fail_msg("call %llu: got %s \"%s\", wanted %s", (unsigned long long)n, tri_status_name(status), err.message,
                     tri_status_name(wanted));
    }
}

static void every_allocation(void **state) {
    (void)state;
    every_call_fails_once(TRII_FAULT_ALLOC, TRI_NO_MEMORY, 40);
}

static void every_thread(void **state) {
    (void)state;
    every_call_fails_once(TRII_FAULT_THREAD, TRI_OK, 1);
}

static void every_mapping(void **state) {
    (void)state;
    every_call_fails_once(TRII_FAULT_MMAP, TRI_NO_MEMORY, 2);
}

static void every_open(void **state) {
    (void)state;
    every_call_fails_once(TRII_FAULT_OPEN, TRI_IO, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation),
        cmocka_unit_test(every_thread),
        cmocka_unit_test(every_mapping),
        cmocka_unit_test(every_open),
    };
    return cmocka_run_group_tests(tests, write_path, remove_path);
}
