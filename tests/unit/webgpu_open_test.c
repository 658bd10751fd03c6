/*
 * Bring-up: what is missing is named, and nothing is left behind. The tests of this file change the environment that
 * the Vulkan loader reads, so each starts by clearing it.
 */
#include "kit.h"

#include "base/alloc.h"
#include "base/fault.h"
#include "base/paths.h"
#include "engine/webgpu/webgpu.h"

#include "engines_lock.h"

#include <dirent.h>
#include <unistd.h>

static struct tri_engine_params params_of(bool may_set_environment) {
    return (struct tri_engine_params){.struct_bytes = sizeof(struct tri_engine_params),
                                      .may_set_environment = may_set_environment};
}

static int fresh_arena(void **state) {
    struct tri_error err = {0};
    struct tri_arena *arena = NULL;
    unsetenv("VK_ICD_FILENAMES");
    unsetenv("VK_DRIVER_FILES");
    assert_ok(tri_arena_create(NULL, &arena, &err));
    *state = arena;
    return 0;
}

static int drop_arena(void **state) {
    struct tri_arena *arena = *state;
    tri_arena_destroy(&arena);
    return 0;
}

static tri_status open_webgpu(struct tri_arena *arena, const struct tri_engine_params *params,
                              struct tri_engine **engine, struct tri_error *err) {
    *engine = NULL;
    return tri_engine_open(arena, TRI_TECHNOLOGY_WEBGPU, params, engine, err);
}

/* Opens with the defaults or skips the test aloud. */
static struct tri_engine *open_or_skip(struct tri_arena *arena) {
    const struct tri_engine_params params = params_of(true);
    struct tri_error err = {0};
    struct tri_engine *engine;
    if (open_webgpu(arena, &params, &engine, &err) != TRI_OK)
        skip_because("webgpu: %s", err.message);
    return engine;
}

static void refused(struct tri_arena *arena, const struct tri_engine_params *params, tri_status wanted,
                    const char *words) {
    struct tri_error err = {0};
    struct tri_engine *engine;
    assert_status(open_webgpu(arena, params, &engine, &err), wanted);
    assert_null(engine);
    assert_string_equal(err.engine, "webgpu");
    if (!strstr(err.message, words))
        fail_msg("'%s' does not say '%s'", err.message, words);
}

static void a_missing_library_is_named(void **state) {
    struct tri_engine_params params = params_of(true);
    params.library_path = "/nonexistent/libwebgpu_dawn.so";
    refused(*state, &params, TRI_ENGINE_UNAVAILABLE, "/nonexistent/libwebgpu_dawn.so");
}

static void another_library_is_refused(void **state) {
    struct tri_engine_params params = params_of(true);
    params.library_path = "libm.so.6";
    refused(*state, &params, TRI_ENGINE_UNAVAILABLE, "libm.so.6 has no function wgpu");
}

static void engines_that_are_not_installed_are_named(void **state) {
    const struct tri_engine_params params = params_of(true);
    const char *kept = getenv("TRIPOINT_ENGINES");
    char *own = trii_strdup(kept);
    setenv("TRIPOINT_ENGINES", "/nonexistent", 1);
    refused(*state, &params, TRI_ENGINE_UNAVAILABLE, "libwebgpu_dawn.so is not installed");
    if (own)
        setenv("TRIPOINT_ENGINES", own, 1);
    else
        unsetenv("TRIPOINT_ENGINES");
    trii_free(own);
}

static bool have_dawn(void) {
    char *path = NULL;
    bool have = trii_path_engine(TRII_DAWN_FOLDER "/libwebgpu_dawn.so", &path, NULL) == TRI_OK;
    trii_free(path);
    return have;
}

static void a_driver_that_is_not_there_is_named(void **state) {
    const struct tri_engine_params params = params_of(true);
    if (!have_dawn())
        skip_because("Dawn is not installed");
    setenv("VK_ICD_FILENAMES", "/nonexistent.json", 1);
    refused(*state, &params, TRI_ENGINE_UNAVAILABLE, "VK_ICD_FILENAMES=/nonexistent.json");
}

static void without_leave_the_environment_stays(void **state) {
    const struct tri_engine_params params = params_of(false);
    struct tri_error err = {0};
    struct tri_engine *engine;
    if (!have_dawn())
        skip_because("Dawn is not installed");
    if (open_webgpu(*state, &params, &engine, &err) == TRI_OK) {
        tri_engine_close(&engine);
        print_message("a driver of this machine answers\n");
    } else {
        assert_non_null(strstr(err.message, "VK_ICD_FILENAMES="));
        assert_non_null(strstr(err.message, "may_set_environment"));
    }
    assert_null(getenv("VK_ICD_FILENAMES"));
}

static void info_tells_what_was_opened(void **state) {
    struct tri_engine *engine = open_or_skip(*state);
    struct tri_engine_info info;
    tri_engine_info(engine, &info);
    assert_int_equal(info.technology, TRI_TECHNOLOGY_WEBGPU);
    assert_string_equal(info.name, "webgpu");
    assert_string_equal(info.library, "Dawn");
    assert_string_equal(info.version, TRII_DAWN_VERSION);
    assert_non_null(strstr(info.library_path, "libwebgpu_dawn.so"));
    assert_true(strlen(info.device) > 0 && strlen(info.driver) > 0 && strlen(info.sharing) > 0);
    tri_engine_close(&engine);
    assert_null(engine);
}

/* ---- bring your own device ---- */

static void works(struct tri_arena *arena, struct tri_engine *engine) {
    struct tri_error err = {0};
    tri_handle region;
    uint8_t seen = 0;
    assert_ok(tri_arena_allocate_shared(arena, 5000, &region, &err));
    assert_ok(tri_engine_poke(engine, region, 4999, 77, &err));
    assert_ok(tri_engine_peek(engine, region, 4999, &seen, &err));
    assert_int_equal(seen, 77);
    assert_ok(tri_arena_free_shared(arena, region, &err));
}

static void a_device_of_yours_is_used_and_kept(void **state) {
    struct tri_engine *owner = open_or_skip(*state), *guest;
    struct tri_engine_params params = params_of(false);
    struct tri_error err = {0};
    params.library_path = trii_gpu_of(owner)->library_path;
    params.device = trii_gpu_of(owner)->device;
    if (!trii_gpu_of(owner)->imports) {
        tri_engine_close(&owner);
        skip_because("this driver does not import the arena's pages");
    }
    for (int i = 0; i < 3; i++) {
        assert_ok(open_webgpu(*state, &params, &guest, &err));
        works(*state, guest);
        tri_engine_close(&guest);
    }
    works(*state, owner);
    assert_ok(open_webgpu(*state, &params, &guest, &err));
    trii_webgpu_lose(owner); /* under the guest's feet */
    tri_handle region;
    uint8_t seen;
    assert_ok(tri_arena_allocate_shared(*state, 1, &region, &err));
    assert_status(tri_engine_peek(guest, region, 0, &seen, &err), TRI_DEVICE_LOST);
    tri_engine_close(&guest);
    tri_engine_close(&owner);
}

struct made {
    WGPUAdapter adapter;
    WGPUDevice device;
};

static void on_found(WGPURequestAdapterStatus status, WGPUAdapter adapter, WGPUStringView message, void *userdata1,
                     void *userdata2) {
    (void)message;
    (void)userdata2;
    ((struct made *)userdata1)->adapter = status == WGPURequestAdapterStatus_Success ? adapter : NULL;
}

static void on_made(WGPURequestDeviceStatus status, WGPUDevice device, WGPUStringView message, void *userdata1,
                    void *userdata2) {
    (void)message;
    (void)userdata2;
    ((struct made *)userdata1)->device = status == WGPURequestDeviceStatus_Success ? device : NULL;
}

static void a_device_without_host_memory_is_refused(void **state) {
    struct tri_engine *owner = open_or_skip(*state);
    struct trii_gpu *gpu = trii_gpu_of(owner);
    struct tri_engine_params params = params_of(false);
    struct made made = {NULL, NULL};
    const WGPUDeviceDescriptor bare = {.nextInChain = NULL};
    const WGPURequestAdapterOptions options = {.featureLevel = WGPUFeatureLevel_Core,
                                               .backendType = WGPUBackendType_Vulkan};
    WGPUFuture future = gpu->dawn.InstanceRequestAdapter(
        gpu->instance, &options,
        (WGPURequestAdapterCallbackInfo){
            .mode = WGPUCallbackMode_AllowProcessEvents, .callback = on_found, .userdata1 = &made});
    assert_true(trii_gpu_await(gpu, future, TRI_FOREVER));
    assert_non_null(made.adapter);
    future = gpu->dawn.AdapterRequestDevice(
        made.adapter, &bare,
        (WGPURequestDeviceCallbackInfo){
            .mode = WGPUCallbackMode_AllowProcessEvents, .callback = on_made, .userdata1 = &made});
    assert_true(trii_gpu_await(gpu, future, TRI_FOREVER));
    assert_non_null(made.device);
    params.library_path = gpu->library_path;
    params.device = made.device;
    refused(*state, &params, TRI_ENGINE_UNAVAILABLE, "HostMappedPointer");
    gpu->dawn.DeviceRelease(made.device);
    gpu->dawn.AdapterRelease(made.adapter);
    tri_engine_close(&owner);
}

static void a_device_needs_its_library(void **state) {
    struct tri_engine_params params = params_of(false);
    int some;
    if (!have_dawn())
        skip_because("Dawn is not installed");
    params.device = &some;
    refused(*state, &params, TRI_INVALID_ARGUMENT, "library_path");
}

/* ---- every failure once, and nothing grows ---- */

static size_t descriptors(void) {
    size_t n = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder))
        n++;
    closedir(folder);
    return n;
}

static void every_failure_is_survived(void **state) {
    static const enum trii_fault kinds[] = {TRII_FAULT_ALLOC, TRII_FAULT_MMAP, TRII_FAULT_MEMFD, TRII_FAULT_DLOPEN};
    const struct tri_engine_params params = params_of(true);
    struct tri_engine *engine = open_or_skip(*state);
    works(*state, engine); /* the arena has its segment now */
    tri_engine_close(&engine);
    const size_t before = descriptors();
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (uint64_t n = 0;; n++) {
            struct tri_error err = {0};
            trii_fault_arm(kinds[k], n);
            tri_status status = open_webgpu(*state, &params, &engine, &err);
            const bool fired = trii_fault_disarm(kinds[k]);
            if (status != TRI_OK)
                assert_true(err.message[0] != '\0');
            else
                works(*state, engine);
            tri_engine_close(&engine);
            if (!fired) {
                assert_int_equal(status, TRI_OK);
                break;
            }
            assert_true(n < 200);
        }
    assert_int_equal(descriptors(), before);
}

static void a_missing_function_is_named(void **state) {
    const struct tri_engine_params params = params_of(true);
    if (!have_dawn())
        skip_because("Dawn is not installed");
    trii_fault_arm(TRII_FAULT_DLSYM, 3);
    refused(*state, &params, TRI_ENGINE_UNAVAILABLE, "has no function wgpu");
    assert_true(trii_fault_disarm(TRII_FAULT_DLSYM));
}

static long resident_pages(void) {
    long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &total, &resident), 2);
    fclose(file);
    return resident;
}

/* A device that stayed would hold megabytes. Sanitizers keep freed memory, so there only descriptors are counted. */
static void thirty_times_leaves_nothing(void **state) {
    struct tri_engine *engine = open_or_skip(*state);
    size_t before = 0;
    long pages = 0;
    tri_engine_close(&engine);
    for (int i = 0; i < 30; i++) {
        engine = open_or_skip(*state);
        works(*state, engine);
        tri_engine_close(&engine);
        if (i == 4) {
            before = descriptors();
            pages = resident_pages();
        }
    }
    assert_int_equal(descriptors(), before);
    print_message("25 more engines: %ld KiB more resident\n", (resident_pages() - pages) * 4);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(resident_pages() - pages < 25 * 64); /* 256 KiB an engine */
#endif
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh_arena, drop_arena)
    const struct CMUnitTest tests[] = {
        CASE(a_missing_library_is_named),
        CASE(another_library_is_refused),
        CASE(engines_that_are_not_installed_are_named),
        CASE(a_driver_that_is_not_there_is_named),
        CASE(without_leave_the_environment_stays),
        CASE(info_tells_what_was_opened),
        CASE(a_device_of_yours_is_used_and_kept),
        CASE(a_device_without_host_memory_is_refused),
        CASE(a_device_needs_its_library),
        CASE(a_missing_function_is_named),
        CASE(every_failure_is_survived),
        CASE(thirty_times_leaves_nothing),
    };
    return cmocka_run_group_tests_name("webgpu_open", tests, NULL, NULL);
}
