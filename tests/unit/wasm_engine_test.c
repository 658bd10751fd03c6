/* The wasm engine from outside: opening, views, one byte, the vignette guest against its host twin, staging, cache. */
#include "wasm_kit.h"

#include "kernels.h"

#include <dirent.h>

/* ---- opening ---- */

static void it_says_what_it_is(void **state) {
    struct wasm_world world;
    struct tri_engine_info info;
    (void)state;
    wasm_open(&world);
    tri_engine_info(world.engine, &info);
    assert_string_equal(info.name, "wasm");
    assert_string_equal(info.library, "Wasmtime");
    assert_int_equal(atoi(info.version), TRII_WASMTIME_RELEASE);
    assert_true(info.shares_memory);
    wasm_close(&world);
}

static void a_wrong_library_is_refused(void **state) {
    struct tri_error err = {0};
    struct tri_arena_params arena_params = {.struct_bytes = sizeof arena_params};
    struct tri_arena *arena;
    struct tri_engine *engine = NULL;
    static const struct {
        const char *path, *words;
    } cases[] = {
        {"/nonexistent/libwasmtime.so", "can't be loaded"},
        {"/dev/null", "can't be loaded"},
        {"libm.so.6", "libm.so.6 has no function wasm_config_new"},
    };
    (void)state;
    assert_ok(tri_arena_create(&arena_params, &arena, &err));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tri_engine_params params = {.struct_bytes = sizeof params, .library_path = cases[i].path};
        assert_status(tri_engine_open(arena, TRI_TECHNOLOGY_WASM, &params, &engine, &err), TRI_ENGINE_UNAVAILABLE);
        assert_says(cases[i].words);
        assert_string_equal(err.engine, "wasm");
        assert_null(engine);
    }
    tri_arena_destroy(&arena);
}

static void a_missing_library_is_told_with_the_places_searched(void **state) {
    struct tri_error err = {0};
    struct tri_arena_params arena_params = {.struct_bytes = sizeof arena_params};
    struct tri_arena *arena;
    struct tri_engine *engine = NULL;
    char *kept = trii_strdup(getenv("TRIPOINT_ENGINES"));
    (void)state;
    setenv("TRIPOINT_ENGINES", "/nonexistent/engines", 1);
    assert_ok(tri_arena_create(&arena_params, &arena, &err));
    assert_status(tri_engine_open(arena, TRI_TECHNOLOGY_WASM, NULL, &engine, &err), TRI_ENGINE_UNAVAILABLE);
    assert_says("/nonexistent/engines");
    assert_int_equal(err.status, TRI_ENGINE_UNAVAILABLE);
    tri_arena_destroy(&arena);
    if (kept)
        setenv("TRIPOINT_ENGINES", kept, 1);
    else
        unsetenv("TRIPOINT_ENGINES");
    trii_free(kept);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTED "memfd:" /* a sanitizer's own memory grows as it pleases: only the arena's mappings are counted */
#else
#define COUNTED ""
#endif

static size_t mappings(void) {
    size_t lines = 0;
    char line[512];
    FILE *file = fopen("/proc/self/maps", "r");
    while (file && fgets(line, sizeof line, file))
        lines += strstr(line, COUNTED) != NULL;
    if (file)
        fclose(file);
    return lines;
}

static size_t entries_of(const char *path) {
    size_t n = 0;
    DIR *folder = opendir(path);
    while (folder && readdir(folder))
        n++;
    if (folder)
        closedir(folder);
    return n;
}

static void opening_thirty_times_leaves_nothing(void **state) {
    size_t maps = 0, files = 0, threads = 0;
    (void)state;
    for (int i = 0; i < 30; i++) {
        struct wasm_world world;
        struct tri_error err = {0};
        uint8_t byte = 0;
        wasm_open(&world);
        assert_ok(tri_engine_poke(world.engine, world.in.handle, 8999, 7, &err));
        assert_ok(tri_engine_peek(world.engine, world.in.handle, 8999, &byte, &err));
        assert_int_equal(byte, 7);
        wasm_close(&world);
        if (i == 9) { /* malloc's and the libraries' own pools are filled by now */
            maps = mappings();
            files = entries_of("/proc/self/fd");
            threads = entries_of("/proc/self/task");
        }
    }
    assert_in_range(mappings(), 0, maps + 4);
    assert_int_equal(entries_of("/proc/self/fd"), files);
    assert_int_equal(entries_of("/proc/self/task"), threads);
}

/* ---- views ---- */

static void a_view_is_an_address_beyond_the_guests_memory(void **state) {
    struct wasm_world world;
    struct tri_error err = {0};
    uint32_t in, again, out;
    (void)state;
    wasm_open(&world);
    assert_ok(tri_wasm_view(world.engine, world.in.handle, &in, &err));
    assert_ok(tri_wasm_view(world.engine, world.in.handle, &again, &err));
    assert_ok(tri_wasm_view(world.engine, world.out.handle, &out, &err));
    assert_int_equal(in, again);
    assert_true(in >= TRII_WASM_WINDOW && out >= TRII_WASM_WINDOW);
    assert_true(out >= in + world.in.mapped_bytes + TRI_PAGE_BYTES || in >= out + world.out.mapped_bytes + TRI_PAGE_BYTES);
    assert_ok(tri_arena_free_shared(world.arena, world.in.handle, &err));
    assert_status(tri_wasm_view(world.engine, world.in.handle, &in, &err), TRI_BAD_HANDLE);
    wasm_close(&world);
}

static void bytes_are_the_same_ones(void **state) {
    struct wasm_world world;
    struct tri_error err = {0};
    uint8_t byte = 0;
    (void)state;
    wasm_open(&world);
    world.in.bytes[4097] = 200;
    assert_ok(tri_engine_peek(world.engine, world.in.handle, 4097, &byte, &err));
    assert_int_equal(byte, 200);
    assert_ok(tri_engine_poke(world.engine, world.in.handle, 4098, 201, &err));
    assert_int_equal(world.in.bytes[4098], 201);
    assert_status(tri_engine_peek(world.engine, world.in.handle, 9000, &byte, &err), TRI_INVALID_ARGUMENT);
    assert_int_equal(tri_ledger_copies(world.arena, TRI_LEDGER_BETWEEN), 0);
    wasm_close(&world);
}

/* ---- vignette ---- */

static tri_status prepare_vignette(struct wasm_world *world, struct trii_region *in, struct trii_region *out,
                                   uint64_t height, uint64_t width, double strength, struct tri_error *err) {
    const struct trii_op *op = trii_op_get(TRII_OP_VIGNETTE);
    const struct tri_param param = {.name = "strength", .number = strength};
    wasm_unprepare(world);
    world->stage = (struct trii_stage){
        .name = "darken", .op = op, .operand_count = 2, .in_place = in->handle == out->handle};
    assert_int_equal(trii_args_resolve(op, &param, 1, &world->stage.args, err), TRI_OK);
    world->stage.operands[0] = (struct trii_operand){
        &op->info.operands[0], *in, tri_layout_image(height, width, 4, TRI_DTYPE_U8)};
    world->stage.operands[1] = (struct trii_operand){
        &op->info.operands[1], *out, tri_layout_image(height, width, 4, TRI_DTYPE_U8)};
    return world->engine->vtable->prepare(world->engine, &world->stage, &world->prepared, err);
}

static void fill(uint8_t *bytes, size_t n) {
    uint32_t x = 2463534242u; /* Marsaglia's xorshift32 */
    for (size_t i = 0; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        bytes[i] = (uint8_t)x;
    }
}

static void expect_vignette(struct wasm_world *world, uint64_t height, uint64_t width, double strength) {
    struct tri_error err = {0};
    const size_t bytes = (size_t)(height * width * 4);
    const struct trii_size size = {(uint32_t)width, (uint32_t)height};
    struct trii_region in = wasm_region(world, bytes, "photo"), out = wasm_region(world, bytes, "darker");
    uint8_t *wanted = malloc(bytes);
    assert_non_null(wanted);
    fill(in.bytes, bytes);
    trii_kernels_plain.vignette(in.bytes, size, (float)strength, wanted, trii_all_rows(size));
    assert_ok(prepare_vignette(world, &in, &out, height, width, strength, &err));
    assert_ok(wasm_run(world, &err));
    assert_memory_equal(out.bytes, wanted, bytes);
    assert_ok(prepare_vignette(world, &in, &in, height, width, strength, &err));
    assert_ok(wasm_run(world, &err));
    assert_memory_equal(in.bytes, wanted, bytes);
    wasm_unprepare(world);
    for (uint64_t i = bytes; i < out.mapped_bytes; i++)
        assert_int_equal(out.bytes[i], 0);
    free(wanted);
    assert_ok(tri_arena_free_shared(world->arena, in.handle, &err));
    assert_ok(tri_arena_free_shared(world->arena, out.handle, &err));
}

static void need_guest(void) {
    char *path = NULL;
    if (trii_path_data("wasm/vignette.wasm", &path, NULL) != TRI_OK)
        skip_because("the vignette guest was not built");
    trii_free(path);
}

static void vignette_agrees_with_the_host_to_the_bit(void **state) {
    struct wasm_world world;
    (void)state;
    need_guest();
    wasm_open(&world);
    for (uint64_t width = 1; width <= 33; width++)
        expect_vignette(&world, 1 + width % 7, width, (double)(width % 5) / 4);
    expect_vignette(&world, 1, 8000, 0.6);
    expect_vignette(&world, 8000, 1, 0.6);
    expect_vignette(&world, 479, 641, 1);
    expect_vignette(&world, 1080, 1920, 0.6);
    assert_int_equal(tri_ledger_copies(world.arena, TRI_LEDGER_BETWEEN), 0);
    wasm_close(&world);
}

static void a_run_allocates_nothing(void **state) {
    struct wasm_world world;
    struct tri_error err = {0};
    (void)state;
    need_guest();
    wasm_open(&world);
    struct trii_region image = wasm_region(&world, 64 * 64 * 4, "photo");
    assert_ok(prepare_vignette(&world, &image, &image, 64, 64, 0.6, &err));
    uint64_t before = trii_alloc_count();
    for (int i = 0; i < 10; i++)
        assert_ok(wasm_run(&world, &err));
    assert_int_equal(trii_alloc_count(), before);
    wasm_close(&world);
}

static void a_missing_guest_file_is_told(void **state) {
    struct wasm_world world;
    struct tri_error err = {0};
    char *kept = trii_strdup(getenv("TRIPOINT_DATA"));
    (void)state;
    wasm_open(&world);
    setenv("TRIPOINT_DATA", "/nonexistent/data", 1);
    struct trii_region image = wasm_region(&world, 64, "photo");
    assert_status(prepare_vignette(&world, &image, &image, 4, 4, 0.6, &err), TRI_NOT_FOUND);
    assert_says("wasm/vignette.wasm");
    if (kept)
        setenv("TRIPOINT_DATA", kept, 1);
    else
        unsetenv("TRIPOINT_DATA");
    trii_free(kept);
    wasm_close(&world);
}

/* ---- threads ---- */

struct worker {
    struct wasm_world *world;
    struct trii_thread *thread;
    uint32_t number;
    bool fine;
};

/* Each thread prepares and runs vignette on its own image, and looks at single bytes between. */
static void work(void *user) {
    struct worker *worker = user;
    struct wasm_world *world = worker->world;
    struct tri_error err = {0};
    const uint64_t width = 20 + worker->number, height = 11, bytes = width * height * 4;
    const struct trii_size size = {(uint32_t)width, (uint32_t)height};
    const struct trii_op *op = trii_op_get(TRII_OP_VIGNETTE);
    static _Thread_local uint8_t image[64 * 11 * 4], wanted[64 * 11 * 4];
    fill(image, bytes);
    trii_kernels_plain.vignette(image, size, 0.6f, wanted, trii_all_rows(size));
    for (int frame = 0; frame < 40; frame++) {
        struct trii_stage stage = {.name = "darken", .op = op, .operand_count = 2, .in_place = true};
        struct trii_region region;
        struct trii_task *task = NULL;
        struct trii_fence fence;
        tri_handle handle;
        uint8_t byte = 0;
        stage.args.value[0].number = 0.6;
        if (tri_arena_allocate_shared(world->arena, bytes, &handle, &err) != TRI_OK ||
            trii_arena_resolve(world->arena, handle, &region, &err) != TRI_OK)
            return;
        memcpy(region.bytes, image, bytes);
        for (size_t i = 0; i < 2; i++)
            stage.operands[i] = (struct trii_operand){
                &op->info.operands[i], region, tri_layout_image(height, width, 4, TRI_DTYPE_U8)};
        trii_fence_init(&fence);
        if (trii_task_prepare(world->engine, &stage, &task, &err) != TRI_OK ||
            trii_task_submit(task, &fence, &err) != TRI_OK ||
            trii_task_wait(task, &fence, TRI_FOREVER, &err) != TRI_OK ||
            memcmp(region.bytes, wanted, bytes) != 0 ||
            tri_engine_poke(world->engine, handle, bytes - 1, 77, &err) != TRI_OK ||
            tri_engine_peek(world->engine, handle, bytes - 1, &byte, &err) != TRI_OK || byte != 77)
            return;
        trii_task_release(&task);
        if (tri_arena_free_shared(world->arena, handle, &err) != TRI_OK)
            return;
    }
    worker->fine = true;
}

static void threads_share_an_engine(void **state) {
    struct wasm_world world;
    struct worker workers[4];
    (void)state;
    need_guest();
    wasm_open(&world);
    for (uint32_t i = 0; i < 4; i++) {
        workers[i] = (struct worker){.world = &world, .number = i};
        assert_int_equal(trii_sys_thread_start(&workers[i].thread, "worker", work, &workers[i]), 0);
    }
    for (uint32_t i = 0; i < 4; i++)
        trii_sys_thread_join(&workers[i].thread);
    for (uint32_t i = 0; i < 4; i++)
        assert_true(workers[i].fine);
    wasm_close(&world);
}

/* ---- other backings ---- */

/* Where the system has a pool of huge pages, mappings are possible at multiples of one only; else this is as above. */
static void huge_pages_reach_the_window_too(void **state) {
    struct wasm_world world = {0};
    struct tri_error err = {0};
    struct tri_arena_params arena = {.struct_bytes = sizeof arena, .huge_pages = true};
    struct tri_engine_params params = {.struct_bytes = sizeof params, .cache_dir = ""};
    uint8_t byte = 0;
    (void)state;
    need_guest();
    wasm_need_library();
    assert_ok(tri_arena_create(&arena, &world.arena, &err));
    assert_ok(tri_engine_open(world.arena, TRI_TECHNOLOGY_WASM, &params, &world.engine, &err));
    world.wasm = (struct trii_wasm *)world.engine;
    world.in = wasm_region(&world, 9000, "huge");
    assert_ok(tri_engine_poke(world.engine, world.in.handle, 8999, 7, &err));
    assert_ok(tri_engine_peek(world.engine, world.in.handle, 8999, &byte, &err));
    assert_int_equal(byte, 7);
    expect_vignette(&world, 33, 47, 0.6);
    wasm_close(&world);
}

static void a_private_arena_is_staged_and_the_ledger_says_so(void **state) {
    struct wasm_world world;
    struct tri_error err = {0};
    struct tri_engine_info info;
    struct tri_ledger_line line;
    uint8_t byte = 0;
    (void)state;
    need_guest();
    wasm_open_with(&world, TRI_BACKING_PRIVATE, 9000);
    tri_engine_info(world.engine, &info);
    assert_false(info.shares_memory);
    assert_ok(tri_engine_poke(world.engine, world.in.handle, 5000, 9, &err));
    assert_int_equal(world.in.bytes[5000], 9);
    assert_int_equal(world.in.bytes[4999], 0);
    assert_ok(tri_engine_peek(world.engine, world.in.handle, 5000, &byte, &err));
    assert_int_equal(byte, 9);
    assert_int_equal(tri_ledger_bytes(world.arena, TRI_LEDGER_BETWEEN), 2);
    tri_ledger_reset(world.arena);
    expect_vignette(&world, 33, 47, 0.6);
    assert_int_equal(tri_ledger_bytes(world.arena, TRI_LEDGER_BETWEEN), 4 * 33 * 47 * 4);
    assert_int_equal(tri_ledger_lines(world.arena, &line, 1), 2);
    assert_string_equal(line.stage, "darken");
    assert_string_equal(line.region, "photo");
    assert_string_equal(line.cause, "staging: no second mapping can be written");
    wasm_close(&world);
}

/* The kernel refuses a guest's window there (EPERM): the engine must not try. */
static void an_arena_for_readers_is_staged_too(void **state) {
    struct tri_arena_params arena = {.struct_bytes = sizeof arena, .readers = true};
    struct tri_engine_params params = {.struct_bytes = sizeof params, .cache_dir = ""};
    struct wasm_world world = {0};
    struct tri_error err = {0};
    uint8_t byte = 0;
    (void)state;
    need_guest();
    wasm_need_library();
    assert_ok(tri_arena_create(&arena, &world.arena, &err));
    assert_ok(tri_engine_open(world.arena, TRI_TECHNOLOGY_WASM, &params, &world.engine, &err));
    world.wasm = (struct trii_wasm *)world.engine;
    world.in = wasm_region(&world, 9000, "the input");
    assert_ok(tri_engine_poke(world.engine, world.in.handle, 5000, 9, &err));
    assert_int_equal(world.in.bytes[5000], 9);
    assert_ok(tri_engine_peek(world.engine, world.in.handle, 5000, &byte, &err));
    assert_int_equal(byte, 9);
    assert_int_equal(tri_ledger_bytes(world.arena, TRI_LEDGER_BETWEEN), 2);
    expect_vignette(&world, 33, 47, 0.6);
    wasm_close(&world);
}

/* ---- the cache of compiled guests ---- */

static void compiled_guests_are_cached_and_damage_is_noticed(void **state) {
    char root[] = "/tmp/tripoint-wasm-cache-XXXXXX", path[512], text[1024];
    struct tri_arena_params arena_params = {.struct_bytes = sizeof arena_params};
    (void)state;
    need_guest();
    wasm_need_library();
    assert_non_null(mkdtemp(root));
    for (int round = 0; round < 4; round++) {
        struct wasm_world world = {0};
        struct tri_error err = {0};
        struct tri_engine_params params = {.struct_bytes = sizeof params, .cache_dir = root};
        assert_ok(tri_arena_create(&arena_params, &world.arena, &err));
        assert_ok(tri_engine_open(world.arena, TRI_TECHNOLOGY_WASM, &params, &world.engine, &err));
        world.wasm = (struct trii_wasm *)world.engine;
        expect_vignette(&world, 9, 9, 0.6);
        assert_int_equal(world.wasm->guests[TRII_OP_VIGNETTE].from_cache, round == 1 || round == 3);
        wasm_close(&world);
        if (round == 1) { /* a flipped byte in the native code */
            snprintf(path, sizeof path, "%s/wasm", root);
            DIR *folder = opendir(path);
            assert_non_null(folder);
            for (struct dirent *entry; (entry = readdir(folder));) {
                if (entry->d_name[0] == '.')
                    continue;
                snprintf(text, sizeof text, "%s/%s", path, entry->d_name);
                FILE *file = fopen(text, "r+b");
                assert_non_null(file);
                assert_int_equal(fseek(file, -100, SEEK_END), 0);
                int c = fgetc(file);
                assert_int_equal(fseek(file, -100, SEEK_END), 0);
                fputc(c ^ 1, file);
                fclose(file);
            }
            closedir(folder);
        }
    }
    snprintf(text, sizeof text, "rm -rf '%s'", root);
    assert_int_equal(system(text), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_what_it_is),
        cmocka_unit_test(a_wrong_library_is_refused),
        cmocka_unit_test(a_missing_library_is_told_with_the_places_searched),
        cmocka_unit_test(opening_thirty_times_leaves_nothing),
        cmocka_unit_test(a_view_is_an_address_beyond_the_guests_memory),
        cmocka_unit_test(bytes_are_the_same_ones),
        cmocka_unit_test(vignette_agrees_with_the_host_to_the_bit),
        cmocka_unit_test(a_run_allocates_nothing),
        cmocka_unit_test(a_missing_guest_file_is_told),
        cmocka_unit_test(threads_share_an_engine),
        cmocka_unit_test(huge_pages_reach_the_window_too),
        cmocka_unit_test(a_private_arena_is_staged_and_the_ledger_says_so),
        cmocka_unit_test(an_arena_for_readers_is_staged_too),
        cmocka_unit_test(compiled_guests_are_cached_and_damage_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
