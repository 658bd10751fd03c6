/* webnn: what is missing, foreign, damaged or fails gives one sentence, and leaves nothing behind. */
#include "webnn_kit.h"

#include "base/alloc.h"
#include "base/fault.h"
#include "base/paths.h"

#include <dirent.h>
#include <unistd.h>

static char *set_environment(const char *name, const char *value) {
    const char *before = getenv(name);
    char *kept = before ? strdup(before) : NULL;
    assert_int_equal(setenv(name, value, 1), 0);
    return kept;
}

static void put_environment_back(const char *name, char *kept) {
    if (kept)
        setenv(name, kept, 1);
    else
        unsetenv(name);
    free(kept);
}

static tri_status open_library(const char *path, struct tri_error *err) {
    const struct tri_engine_params params = {.struct_bytes = sizeof params, .library_path = path, .cache_dir = ""};
    struct tri_arena *arena = NULL;
    struct tri_engine *engine = NULL;
    assert_int_equal(tri_arena_create(NULL, &arena, err), TRI_OK);
    tri_status status = tri_engine_open(arena, TRI_TECHNOLOGY_WEBNN, &params, &engine, err);
    tri_engine_close(&engine);
    tri_arena_destroy(&arena);
    return status;
}

static void a_missing_or_foreign_library_is_named(void **state) {
    (void)state;
    struct tri_error err = {0};
    assert_int_equal(open_library("/nowhere/libopenvino_c.so", &err), TRI_ENGINE_UNAVAILABLE);
    assert_non_null(strstr(err.message, "/nowhere/libopenvino_c.so"));
    assert_string_equal(err.engine, "webnn");
    assert_int_equal(open_library("libm.so.6", &err), TRI_ENGINE_UNAVAILABLE);
    assert_non_null(strstr(err.message, "libm.so.6 has no function ov_"));
}

static void an_engine_that_is_not_installed_says_where_it_was_sought(void **state) {
    (void)state;
    struct tri_error err = {0};
    char *kept = set_environment("TRIPOINT_ENGINES", "/nowhere");
    assert_int_equal(open_library(NULL, &err), TRI_ENGINE_UNAVAILABLE);
    assert_non_null(strstr(err.message, "/nowhere"));
    put_environment_back("TRIPOINT_ENGINES", kept);
}

/* ---- models ---- */

static uint8_t *read_model(size_t *size) {
    struct tri_error err = {0};
    char *path;
    assert_ok(trii_path_data(trii_model_find("selfie")->file, &path, &err));
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    uint8_t *bytes = malloc(1u << 20);
    assert_non_null(bytes);
    *size = fread(bytes, 1, 1u << 20, file);
    fclose(file);
    trii_free(path);
    return bytes;
}

/* Puts a model file into a data folder of this test's own and says how preparing `segment` fails. */
static void prepare_with(struct nn *nn, const uint8_t *bytes, size_t size, struct tri_error *err) {
    char path[160];
    struct nn_stage s;
    snprintf(path, sizeof path, "mkdir -p '%s/models'", nn_cache());
    assert_int_equal(system(path), 0);
    snprintf(path, sizeof path, "%s/%s", nn_cache(), trii_model_find("selfie")->file);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
    nn_stage_init(&s, nn, "selfie", 32, 32, false);
    char *kept = set_environment("TRIPOINT_DATA", nn_cache());
    assert_int_equal(trii_task_prepare(nn->engine, &s.stage, &s.task, err), TRI_BAD_MODEL);
    put_environment_back("TRIPOINT_DATA", kept);
    assert_null(s.task);
    nn_stage_finish(&s);
}

static void a_file_that_is_not_the_shipped_model_is_refused(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct nn nn = nn_open(1, nn_cache());
    size_t size;
    uint8_t *bytes = read_model(&size);
    prepare_with(&nn, bytes, 0, &err);
    assert_non_null(strstr(err.message, "empty"));
    prepare_with(&nn, bytes, size / 2, &err);
    assert_non_null(strstr(err.message, "725686af4bd3"));
    assert_non_null(strstr(err.message, nn_cache()));
    assert_string_equal(err.engine, "webnn");
    assert_string_equal(err.stage, "find");
    bytes[size / 2] ^= 1; /* one bit of a weight: OpenVINO would load it in silence */
    prepare_with(&nn, bytes, size, &err);
    assert_non_null(strstr(err.message, "SHA-256"));
    free(bytes);
    nn_close(&nn);
}

/* Behind the hash: OpenVINO gets what is damaged, as it may for a model of the user's own, and nothing crashes. */
static void damaged_models_are_errors_and_no_crashes(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct nn nn = nn_open(1, "");
    struct trii_nn *inside = (struct trii_nn *)nn.engine;
    const struct trii_model *info = trii_model_find("selfie");
    size_t size, refused = 0;
    uint8_t *bytes = read_model(&size), *copy = malloc(size);
    assert_non_null(copy);
    for (size_t i = 0; i < 24; i++) {
        struct ov_compiled_model *compiled = NULL;
        size_t cut = i % 2 ? size : size * i / 24;
        memcpy(copy, bytes, size);
        for (size_t k = 0; i % 2 && k < i; k++)
            copy[(k * 40503u + i * 977u) % (k % 2 ? size : 4096)] ^= (uint8_t)(1u << (k % 8));
        tri_status status = trii_nn_compile(inside, info, copy, cut, 64, 64, &compiled, &err);
        assert_true(status == TRI_OK || status == TRI_BAD_MODEL || status == TRI_ENGINE_FAILED);
        if (status == TRI_OK)
            inside->ov.compiled_model_free(compiled);
        else {
            refused++;
            assert_null(compiled);
            assert_null(strchr(err.message, '\n'));
        }
    }
    assert_true(refused >= 12);
    free(copy);
    free(bytes);
    nn_close(&nn);
}

static void a_tensor_with_gaps_is_refused(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct nn nn = nn_open(1, "");
    const struct tri_layout gaps = {.dtype = TRI_DTYPE_U8, .kind = TRI_KIND_IMAGE, .rank = 3, .shape = {4, 4, 4},
                                    .strides_bytes = {64, 4, 1}};
    tri_handle region;
    void *tensor = NULL;
    assert_ok(tri_arena_allocate_shared(nn.arena, 4096, &region, &err));
    assert_ok(tri_region_set_layout(nn.arena, region, &gaps, &err));
    assert_int_equal(tri_npu_view(nn.engine, region, &tensor, &err), TRI_UNSUPPORTED);
    assert_null(tensor);
    nn_close(&nn);
}

/* ---- every call fails once ---- */

static int open_descriptors(void) {
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

/* Everything that an engine does, from open to close; the first thing that fails ends it. */
static tri_status whole_life(const char *cache, struct tri_error *err) {
    struct nn nn = {0};
    struct trii_task *task = NULL;
    struct nn_stage s;
    void *tensor;
    uint8_t byte = 0;
    tri_status status = nn_try_open(&nn, 1, cache, err);
    if (status != TRI_OK)
        return status;
    const struct trii_op *op = trii_op_find("segment");
    s = (struct nn_stage){.nn = &nn, .stage = {.name = "find", .op = op, .operand_count = 2, .in_place = true}};
    status = trii_args_resolve(op, NULL, 0, &s.stage.args, err);
    if (status == TRI_OK)
        status = tri_arena_allocate_shared(nn.arena, 256 * 256 * 4, &s.image, err);
    const struct tri_layout layouts[] = {tri_layout_image(32, 32, 4, TRI_DTYPE_U8), tri_layout_mask(256, 256)};
    for (size_t i = 0; i < 2 && status == TRI_OK; i++) {
        s.stage.operands[i].info = &op->info.operands[i];
        s.stage.operands[i].layout = layouts[i];
        status = trii_arena_resolve(nn.arena, s.image, &s.stage.operands[i].region, err);
    }
    if (status == TRI_OK)
        status = trii_task_prepare(nn.engine, &s.stage, &task, err);
    if (status == TRI_OK) {
        struct trii_fence fence;
        trii_fence_init(&fence);
        status = trii_task_submit(task, &fence, err);
        if (status == TRI_OK)
            status = trii_task_wait(task, &fence, TRI_FOREVER, err);
    }
    if (status == TRI_OK)
        status = tri_npu_view(nn.engine, s.image, &tensor, err);
    if (status == TRI_OK)
        status = tri_engine_poke(nn.engine, s.image, 77, 200, err);
    if (status == TRI_OK)
        status = tri_engine_peek(nn.engine, s.image, 77, &byte, err);
    if (status == TRI_OK)
        assert_int_equal(byte, 200);
    trii_task_release(&task);
    nn_close(&nn);
    return status;
}

/* `optional`: a failure that may be survived, because a cache is no obligation. */
static void every_call_fails_once(enum trii_fault kind, bool optional, unsigned at_least) {
    struct tri_error err = {0};
    struct nn probe = nn_open(1, "");
    nn_close(&probe);
    assert_ok(whole_life(nn_cache(), &err));
    int before = open_descriptors();
    for (unsigned n = 0;; n++) {
        assert_true(n < 2000);
        err = (struct tri_error){0};
        trii_fault_arm(kind, n);
        tri_status status = whole_life(nn_cache(), &err);
        bool fired = trii_fault_disarm(kind);
        if (!fired) {
            assert_ok(status);
            assert_true(n >= at_least);
            break;
        }
        assert_true(status != TRI_OK || optional);
        if (status != TRI_OK)
            assert_true(strlen(err.message) > 10);
        assert_int_equal(open_descriptors(), before);
    }
}

static void every_allocation_fails_once(void **state) {
    (void)state;
    every_call_fails_once(TRII_FAULT_ALLOC, true, 10);
}
static void every_dlopen_fails_once(void **state) {
    (void)state;
    every_call_fails_once(TRII_FAULT_DLOPEN, false, 1);
}
static void every_dlsym_fails_once(void **state) {
    (void)state;
    every_call_fails_once(TRII_FAULT_DLSYM, false, 40);
}
static void every_open_fails_once(void **state) {
    (void)state;
    every_call_fails_once(TRII_FAULT_OPEN, true, 2);
}
static void every_thread_fails_once(void **state) {
    (void)state;
    every_call_fails_once(TRII_FAULT_THREAD, false, 1);
}
static void every_mapping_fails_once(void **state) {
    (void)state;
    every_call_fails_once(TRII_FAULT_MMAP, true, 2);
}
static void every_write_fails_once(void **state) {
    struct tri_error err = {0};
    (void)state;
    struct nn probe = nn_open(1, "");
    nn_close(&probe);
    for (unsigned n = 0;; n++) { /* a cache that can't be written each time: the life goes on without it */
        char clear[96];
        snprintf(clear, sizeof clear, "rm -rf '%s/openvino'", nn_cache());
        assert_int_equal(system(clear), 0);
        trii_fault_arm(TRII_FAULT_WRITE, n);
        assert_ok(whole_life(nn_cache(), &err));
        if (!trii_fault_disarm(TRII_FAULT_WRITE)) {
            assert_true(n >= 2);
            break;
        }
    }
}

/* ---- nothing grows ---- */

static long resident_kib(void) {
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &pages, &resident), 2);
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void opening_and_closing_again_and_again_does_not_grow(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct nn probe = nn_open(1, "");
    nn_close(&probe);
    for (int i = 0; i < 8; i++) /* the allocators settle */
        assert_ok(whole_life(nn_cache(), &err));
    long resident = resident_kib();
    int descriptors = open_descriptors();
    for (int i = 0; i < 20; i++)
        assert_ok(whole_life(nn_cache(), &err));
    assert_int_equal(open_descriptors(), descriptors);
    print_message("20 times open, segment, close: %+ld KiB resident\n", resident_kib() - resident);
#ifndef __SANITIZE_ADDRESS__
    assert_true(resident_kib() - resident < 20 * 1024); /* one compiled model alone is 5 MiB */
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_or_foreign_library_is_named),
        cmocka_unit_test(an_engine_that_is_not_installed_says_where_it_was_sought),
        cmocka_unit_test(a_file_that_is_not_the_shipped_model_is_refused),
        cmocka_unit_test(damaged_models_are_errors_and_no_crashes),
        cmocka_unit_test(a_tensor_with_gaps_is_refused),
        cmocka_unit_test(every_allocation_fails_once),
        cmocka_unit_test(every_dlopen_fails_once),
        cmocka_unit_test(every_dlsym_fails_once),
        cmocka_unit_test(every_open_fails_once),
        cmocka_unit_test(every_thread_fails_once),
        cmocka_unit_test(every_mapping_fails_once),
        cmocka_unit_test(every_write_fails_once),
        cmocka_unit_test(opening_and_closing_again_and_again_does_not_grow),
    };
    (void)nn_cache();
    return cmocka_run_group_tests(tests, NULL, nn_remove_cache);
}
