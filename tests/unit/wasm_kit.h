/* What the tests of the wasm engine share: an arena, the engine, guests of tests/unit/guests, and calls of them. */
#ifndef TRIPOINT_TESTS_WASM_KIT_H
#define TRIPOINT_TESTS_WASM_KIT_H

#include "kit.h"

#include "base/alloc.h"
#include "base/paths.h"
#include "engine/wasm/memory.h"
#include "engine/wasm/wasm.h"
#include "engines_lock.h"

struct wasm_world {
    struct tri_arena *arena;
    struct tri_engine *engine;
    struct trii_wasm *wasm;
    struct trii_wasm_guest guest;
    struct trii_region in, out; /* 9000 bytes each by default: a part of the last page is padding */
    struct trii_prepared *prepared;
    struct trii_stage stage;
};

static const struct tri_operand_info wasm_kit_operands[] = {
    {"in", TRI_ACCESS_READ, TRI_KIND_BYTES, ""}, {"out", TRI_ACCESS_WRITE, TRI_KIND_BYTES, ""}};
static const struct tri_param_info wasm_kit_params[] = {{"number", "number", 0, 0, 4294967295.0, NULL, NULL, ""}};
static const struct trii_op wasm_kit_op = {.info = {.name = "mischief",
                                                    .operand_count = 2,
                                                    .operands = wasm_kit_operands,
                                                    .param_count = 1,
                                                    .params = wasm_kit_params}};

static inline struct trii_region wasm_region(struct wasm_world *world, uint64_t bytes, const char *label) {
    struct tri_error err = {0};
    struct tri_region_params params = {.struct_bytes = sizeof params, .size_bytes = bytes, .label = label};
    struct trii_region region;
    tri_handle handle;
    assert_ok(tri_region_allocate(world->arena, &params, &handle, &err));
    assert_ok(trii_arena_resolve(world->arena, handle, &region, &err));
    return region;
}

/* Only an absent library is a reason to skip; one that is there and refused is a failure. */
static inline void wasm_need_library(void) {
    struct tri_error err = {0};
    char *library = NULL;
    if (trii_path_engine(TRII_WASMTIME_FOLDER "/_libwasmtime.so", &library, &err) != TRI_OK)
        skip_because("%s", err.message);
    trii_free(library);
}

static inline void wasm_open_with(struct wasm_world *world, enum tri_backing backing, uint64_t bytes) {
    struct tri_error err = {0};
    struct tri_arena_params arena = {.struct_bytes = sizeof arena, .backing = backing};
    struct tri_engine_params params = {.struct_bytes = sizeof params, .cache_dir = ""};
    wasm_need_library();
    *world = (struct wasm_world){0};
    assert_ok(tri_arena_create(&arena, &world->arena, &err));
    assert_ok(tri_engine_open(world->arena, TRI_TECHNOLOGY_WASM, &params, &world->engine, &err));
    world->wasm = (struct trii_wasm *)world->engine;
    world->in = wasm_region(world, bytes, "the input");
    world->out = wasm_region(world, bytes, "the output");
}

static inline void wasm_open(struct wasm_world *world) {
    wasm_open_with(world, TRI_BACKING_MEMFD, 9000);
}

static inline void wasm_unprepare(struct wasm_world *world) {
    if (world->prepared)
        world->engine->vtable->release(world->engine, world->prepared);
    world->prepared = NULL;
}

static inline void wasm_close(struct wasm_world *world) {
    struct tri_arena_stats stats;
    wasm_unprepare(world);
    trii_guest_close(&world->guest);
    tri_engine_close(&world->engine);
    tri_arena_stats(world->arena, &stats);
    assert_int_equal(stats.views, 0);
    tri_arena_destroy(&world->arena);
}

static inline tri_status wasm_load(struct wasm_world *world, const char *name, struct tri_error *err) {
    char path[512];
    if (!TEST_GUESTS[0])
        skip_because("clang can't build Wasm guests here");
    snprintf(path, sizeof path, "%s/%s.wasm", TEST_GUESTS, name);
    return trii_guest_load_file(&world->guest, &world->wasm->host, name, path, err);
}

/* Prepares op_`function` of the loaded guest over the two regions. */
static inline tri_status wasm_prepare(struct wasm_world *world, const char *function, double number,
                                      struct tri_error *err) {
    char name[64];
    snprintf(name, sizeof name, "op_%s", function);
    wasm_unprepare(world);
    world->stage = (struct trii_stage){.name = function, .op = &wasm_kit_op, .operand_count = 2};
    world->stage.args.value[0].number = number;
    world->stage.operands[0] = (struct trii_operand){&wasm_kit_operands[0], world->in,
                                                     tri_layout_bytes(world->in.size_bytes)};
    world->stage.operands[1] = (struct trii_operand){&wasm_kit_operands[1], world->out,
                                                     tri_layout_bytes(world->out.size_bytes)};
    return trii_wasm_prepare(world->wasm, &world->guest, name, &world->stage, &world->prepared, err);
}

/* Runs what is prepared. */
static inline tri_status wasm_run(struct wasm_world *world, struct tri_error *err) {
    struct trii_fence fence;
    trii_fence_init(&fence);
    assert_int_equal(world->engine->vtable->submit(world->engine, world->prepared, &fence, err), TRI_OK);
    assert_true(trii_fence_is_done(&fence));
    if (fence.status != TRI_OK)
        *err = fence.error;
    return fence.status;
}

static inline tri_status wasm_call(struct wasm_world *world, const char *function, double number,
                                   struct tri_error *err) {
    tri_status status = wasm_prepare(world, function, number, err);
    return status == TRI_OK ? wasm_run(world, err) : status;
}

/* Passes when the message contains the words. */
#define assert_says(words)                                                                       \
    do {                                                                                         \
        if (!strstr(err.message, (words)))                                                       \
            fail_msg("\"%s\" does not say \"%s\"", err.message, (words));                        \
    } while (0)

#endif
