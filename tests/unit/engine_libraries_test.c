/* Closing an engine unloads nothing: threads which its libraries started may still be running in their code. */
#include "kit.h"

#include "engine/contract.h"

#include <link.h>
#include <string.h>

#define LIBRARIES_MAX 512

struct libraries {
    size_t count;
    char *path[LIBRARIES_MAX];
};

static int add(struct dl_phdr_info *info, size_t bytes, void *user) {
    struct libraries *libraries = user;
    (void)bytes;
    assert_true(libraries->count < LIBRARIES_MAX);
    libraries->path[libraries->count++] = strdup(info->dlpi_name);
    return 0;
}

static bool holds(const struct libraries *libraries, const char *path) {
    for (size_t i = 0; i < libraries->count; i++)
        if (strcmp(libraries->path[i], path) == 0)
            return true;
    return false;
}

static void forget(struct libraries *libraries) {
    for (size_t i = 0; i < libraries->count; i++)
        free(libraries->path[i]);
}

static void closing_keeps_all_libraries(enum tri_technology technology, const char *known) {
    const struct tri_engine_params params = {
        .struct_bytes = sizeof params, .cache_dir = "", .may_set_environment = true};
    struct libraries before = {0}, after = {0};
    struct tri_arena *arena = NULL;
    struct tri_engine *engine = NULL;
    struct tri_error err = {0};
    uint8_t byte = 0;
    assert_ok(tri_arena_create(NULL, &arena, &err));
    if (tri_engine_open(arena, technology, &params, &engine, &err) == TRI_ENGINE_UNAVAILABLE) {
        tri_arena_destroy(&arena);
        skip_because("%s", err.message);
    }
    tri_handle region = TRI_HANDLE_NONE;
    assert_ok(tri_arena_allocate_shared(arena, 4096, &region, &err));
    assert_ok(tri_engine_peek(engine, region, 0, &byte, &err)); /* whatever is loaded late is loaded now */
    dl_iterate_phdr(add, &before);
    tri_engine_close(&engine);
    tri_arena_destroy(&arena);
    dl_iterate_phdr(add, &after);
    bool found = false;
    for (size_t i = 0; i < before.count; i++) {
        found = found || strstr(before.path[i], known);
        if (!holds(&after, before.path[i]))
            fail_msg("%s was unloaded", before.path[i]);
    }
    assert_true(found); /* the walk sees what it should */
    forget(&before);
    forget(&after);
}

static void webgpu_keeps_its_libraries(void **state) {
    (void)state;
    closing_keeps_all_libraries(TRI_TECHNOLOGY_WEBGPU, "libvulkan");
}

static void webnn_keeps_its_libraries(void **state) {
    (void)state;
    closing_keeps_all_libraries(TRI_TECHNOLOGY_WEBNN, "libtbb");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(webgpu_keeps_its_libraries),
        cmocka_unit_test(webnn_keeps_its_libraries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
