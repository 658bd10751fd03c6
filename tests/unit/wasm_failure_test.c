/* Every system call and allocation of the wasm engine fails once, the nth for every n: one sentence, nothing left. */
#include "wasm_kit.h"

#include "base/fault.h"

#include <dirent.h>

#define WIDTH 31u
#define HEIGHT 17u

/* Opens, looks at a byte, runs the guest twice, closes. Whatever fails is answered. */
static tri_status live(struct tri_arena *arena, struct trii_region *image, const char *cache, struct tri_error *err) {
    struct tri_engine_params params = {.struct_bytes = sizeof params, .cache_dir = cache};
    const struct trii_op *op = trii_op_get(TRII_OP_VIGNETTE);
    struct trii_stage stage = {.name = "darken", .op = op, .operand_count = 2, .in_place = true};
    struct trii_prepared *prepared = NULL;
    struct tri_engine *engine = NULL;
    uint8_t byte;
    stage.args.value[0].number = 0.6;
    for (int i = 0; i < 2; i++)
        stage.operands[i] = (struct trii_operand){
            &op->info.operands[i], *image, tri_layout_image(HEIGHT, WIDTH, 4, TRI_DTYPE_U8)};
    tri_status status = tri_engine_open(arena, TRI_TECHNOLOGY_WASM, &params, &engine, err);
    if (status != TRI_OK)
        return status;
    status = tri_engine_peek(engine, image->handle, 100, &byte, err);
    if (status == TRI_OK)
        status = engine->vtable->prepare(engine, &stage, &prepared, err);
    for (int i = 0; i < 2 && status == TRI_OK; i++) {
        struct trii_fence fence;
        trii_fence_init(&fence);
        status = engine->vtable->submit(engine, prepared, &fence, err);
        if (status == TRI_OK && fence.status != TRI_OK) {
            *err = fence.error;
            status = fence.status;
        }
    }
    if (prepared)
        engine->vtable->release(engine, prepared);
    tri_engine_close(&engine);
    return status;
}

static size_t threads(void) {
    size_t n = 0;
    DIR *folder = opendir("/proc/self/task");
    while (folder && readdir(folder))
        n++;
    if (folder)
        closedir(folder);
    return n;
}

static void fail_each(enum trii_fault kind, const char *name, const char *cache) {
    struct tri_arena_params arena_params = {.struct_bytes = sizeof arena_params};
    struct tri_error err = {0};
    struct tri_arena *arena;
    struct tri_arena_stats stats;
    struct trii_region image;
    tri_handle handle;
    char *path = NULL;
    if (trii_path_data("wasm/vignette.wasm", &path, NULL) != TRI_OK)
        skip_because("the vignette guest was not built");
    trii_free(path);
    wasm_need_library();
    assert_ok(tri_arena_create(&arena_params, &arena, &err));
    assert_ok(tri_arena_allocate_shared(arena, WIDTH * HEIGHT * 4, &handle, &err));
    assert_ok(trii_arena_resolve(arena, handle, &image, &err));
    assert_ok(live(arena, &image, cache, &err)); /* once in peace: the library's own one-time work */
    size_t before = threads(), failures = 0;
    for (uint64_t n = 0;; n++) {
        err = (struct tri_error){0};
        trii_fault_arm(kind, n);
        tri_status status = live(arena, &image, cache, &err);
        bool fired = trii_fault_disarm(kind);
        if (status != TRI_OK) {
            assert_true(fired);
            assert_true(err.message[0] != '\0');
            assert_int_equal(err.status, status);
            failures++;
        }
        tri_arena_stats(arena, &stats);
        assert_int_equal(stats.views, 0);
        assert_int_equal(threads(), before);
        if (!fired) {
            assert_int_equal(status, TRI_OK);
            print_message("%s: survived when the %llu failed one by one, %zu were told\n", name,
                          (unsigned long long)n, failures);
            break;
        }
    }
    tri_arena_destroy(&arena);
}

/* A cache with the compiled guest in it: other code runs, and losing the cache is never a failure. */
static void with_a_cache(enum trii_fault kind, const char *name) {
    char root[] = "/tmp/tripoint-wasm-failure-XXXXXX", command[64];
    assert_non_null(mkdtemp(root));
    fail_each(kind, name, root);
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    assert_int_equal(system(command), 0);
}

#define FAILS(kind)                                                                              \
    static void every_##kind##_fails_once(void **state) {                                        \
        (void)state;                                                                             \
        fail_each(TRII_FAULT_##kind, #kind, "");                                                 \
        with_a_cache(TRII_FAULT_##kind, #kind " with a cache");                                  \
    }
FAILS(ALLOC)
FAILS(MMAP)
FAILS(MPROTECT)
FAILS(DLOPEN)
FAILS(DLSYM)
FAILS(THREAD)
FAILS(OPEN)
FAILS(FUTEX)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_ALLOC_fails_once),  cmocka_unit_test(every_MMAP_fails_once),
        cmocka_unit_test(every_MPROTECT_fails_once), cmocka_unit_test(every_DLOPEN_fails_once),
        cmocka_unit_test(every_DLSYM_fails_once),  cmocka_unit_test(every_THREAD_fails_once),
        cmocka_unit_test(every_OPEN_fails_once),   cmocka_unit_test(every_FUTEX_fails_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
