/*
 * The wasm engine at 1080p beside the same arithmetic in C, in the same run: medians of interleaved rounds.
 *
 *   bench/wasm [ROUNDS]
 *
 * bring-up: opening the engine (first and again), preparing vignette with nothing cached and with the compiled guest
 * cached. vignette: the guest through the window, the guest on a private arena (staged), the host's plain and fastest
 * kernels. grant: opening and closing the window over the image. call: a guest's function that loads one byte, and a
 * whole stage over one pixel - with the permissions of the last call, and with others - beside the bare system calls of its
 * permissions. One line of JSON a measurement.
 */
#include "engine/wasm/wasm.h"
#include "kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WIDTH = 1920, HEIGHT = 1080, MAX_ROUNDS = 1001 };

static void need(bool fine, const char *what, const struct tri_error *err) {
    if (fine)
        return;
    fprintf(stderr, "bench/wasm: %s: %s\n", what, err ? err->message : "");
    exit(1);
}

struct series {
    const char *name;
    double ms[MAX_ROUNDS];
    size_t count;
};

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void tell(struct series *s) {
    qsort(s->ms, s->count, sizeof *s->ms, by_value);
    printf("{\"what\": \"%s\", \"median_ms\": %.5f, \"min_ms\": %.5f, \"rounds\": %zu}\n", s->name,
           s->ms[s->count / 2], s->ms[0], s->count);
}

static void add(struct series *s, uint64_t since) {
    s->ms[s->count++] = (double)(trii_sys_now_ns() - since) * 1e-6;
}

/* An engine over an arena with one image, and vignette prepared in place on it. */
struct world {
    struct tri_arena *arena;
    struct tri_engine *engine;
    struct trii_wasm *wasm;
    struct trii_region image;
    struct trii_stage stage;
    struct trii_task *task;
};

static void world_open(struct world *w, enum tri_backing backing, const char *cache, struct series *opening) {
    struct tri_error err = {0};
    struct tri_arena_params arena = {.struct_bytes = sizeof arena, .backing = backing};
    struct tri_engine_params params = {.struct_bytes = sizeof params, .cache_dir = cache};
    *w = (struct world){0};
    need(tri_arena_create(&arena, &w->arena, &err) == TRI_OK, "arena", &err);
    uint64_t since = trii_sys_now_ns();
    need(tri_engine_open(w->arena, TRI_TECHNOLOGY_WASM, &params, &w->engine, &err) == TRI_OK, "open", &err);
    add(opening, since);
    w->wasm = (struct trii_wasm *)w->engine;
}

static void world_prepare(struct world *w, uint64_t height, uint64_t width, struct series *preparing) {
    struct tri_error err = {0};
    const struct trii_op *op = trii_op_get(TRII_OP_VIGNETTE);
    tri_handle handle;
    need(tri_arena_allocate_shared(w->arena, height * width * 4, &handle, &err) == TRI_OK, "region", &err);
    need(trii_arena_resolve(w->arena, handle, &w->image, &err) == TRI_OK, "region", &err);
    memset(w->image.bytes, 200, height * width * 4);
    w->stage = (struct trii_stage){.name = "vignette", .op = op, .operand_count = 2, .in_place = true};
    need(trii_args_resolve(op, NULL, 0, &w->stage.args, &err) == TRI_OK, "parameters", &err);
    for (size_t i = 0; i < 2; i++)
        w->stage.operands[i] = (struct trii_operand){
            &op->info.operands[i], w->image, tri_layout_image(height, width, 4, TRI_DTYPE_U8)};
    uint64_t since = trii_sys_now_ns();
    need(trii_task_prepare(w->engine, &w->stage, &w->task, &err) == TRI_OK, "prepare", &err);
    add(preparing, since);
}

static void world_close(struct world *w) {
    trii_task_release(&w->task);
    tri_engine_close(&w->engine);
    tri_arena_destroy(&w->arena);
}

static void run(struct world *w, struct series *s) {
    struct trii_fence fence;
    struct tri_error err = {0};
    trii_fence_init(&fence);
    uint64_t since = trii_sys_now_ns();
    need(trii_task_submit(w->task, &fence, &err) == TRI_OK, "submit", &err);
    need(trii_task_wait(w->task, &fence, TRI_FOREVER, &err) == TRI_OK, "run", &err);
    add(s, since);
}

static void kernel(const struct trii_kernels *kernels, uint8_t *bytes, struct series *s) {
    uint64_t since = trii_sys_now_ns();
    kernels->vignette(bytes, (struct trii_size){WIDTH, HEIGHT}, 0.6f, bytes, (struct trii_rows){0, HEIGHT});
    add(s, since);
}

static void close_all(struct world *w) {
    struct tri_error err = {0};
    need(trii_window_close_others(&w->wasm->host.window, w->wasm->guests[TRII_OP_VIGNETTE].number, NULL, &err) == TRI_OK,
         "close", &err);
}

static void grant(struct world *w, struct series *s) {
    struct tri_error err = {0};
    struct trii_window *window = &w->wasm->host.window;
    struct trii_wasm_view *view;
    const uint32_t guest = w->wasm->guests[TRII_OP_VIGNETTE].number;
    close_all(w);
    need(trii_window_view(window, &w->image, &view, &err) == TRI_OK, "view", &err);
    uint64_t since = trii_sys_now_ns();
    need(trii_window_protect(window, view, guest, TRII_PROT_READ_WRITE, &err) == TRI_OK &&
             trii_window_protect(window, view, guest, TRII_PROT_NONE, &err) == TRI_OK, "grant", &err);
    add(s, since);
}

/* A stage over other regions than the one before it: what that one had open is closed, what this one needs is opened. */
static void run_in_turn(struct world *w, struct series *s) {
    struct tri_error err = {0};
    struct trii_fence fence;
    trii_fence_init(&fence);
    uint64_t since = trii_sys_now_ns();
    close_all(w);
    need(trii_task_submit(w->task, &fence, &err) == TRI_OK, "submit", &err);
    need(trii_task_wait(w->task, &fence, TRI_FOREVER, &err) == TRI_OK, "run", &err);
    add(s, since);
}

/* What a stage's permissions cost at least: the two system calls on the same mapping, and the fault in between. */
static void bare_grant(struct world *w, struct series *s) {
    struct tri_error err = {0};
    struct trii_window *window = &w->wasm->host.window;
    struct trii_wasm_view *view;
    const uint32_t guest = w->wasm->guests[TRII_OP_VIGNETTE].number;
    close_all(w);
    need(trii_window_view(window, &w->image, &view, &err) == TRI_OK, "view", &err);
    volatile uint8_t *bytes = trii_window_bytes(window, view, guest);
    uint64_t since = trii_sys_now_ns();
    need(trii_sys_protect((void *)(uintptr_t)bytes, view->region.mapped_bytes, TRII_PROT_READ_WRITE) == 0, "open", NULL);
    bytes[0] = bytes[0];
    need(trii_sys_protect((void *)(uintptr_t)bytes, view->region.mapped_bytes, TRII_PROT_NONE) == 0, "close", NULL);
    add(s, since);
}

static void one_call(struct world *w, struct series *s) {
    struct tri_error err = {0};
    wasmtime_func_t function;
    wasmtime_val_raw_t value = {0};
    struct trii_wasm_guest *probe = &w->wasm->probe;
    need(trii_guest_function(probe, "peek", 1, 1, &function, &err) == TRI_OK, "peek", &err);
    uint64_t since = trii_sys_now_ns();
    for (int i = 0; i < 1000; i++) {
        value.i32 = 64;
        need(trii_guest_call(probe, "peek", &function, &value, 1, NULL, &err) == TRI_OK, "peek", &err);
    }
    add(s, since);
    s->ms[s->count - 1] /= 1000;
}

static void bring_up(const char *cache, const char *first, const char *prepared) {
    struct world w;
    static struct series opening, preparing;
    opening = (struct series){.name = first};
    preparing = (struct series){.name = prepared};
    world_open(&w, TRI_BACKING_MEMFD, cache, &opening);
    world_prepare(&w, HEIGHT, WIDTH, &preparing);
    tell(&opening);
    tell(&preparing);
    world_close(&w);
}

static struct series opens, prepares, opened = {.name = "vignette 1080p, guest through the window, opened for it"},
                     through_window = {.name = "vignette 1080p, guest through the window"},
                     staged = {.name = "vignette 1080p, guest on staged copies"},
                     plain = {.name = "vignette 1080p, plain C"}, best = {.name = "vignette 1080p, fastest C"},
                     grants = {.name = "grant and revoke 1080p RGBA"}, stages = {.name = "whole stage, one pixel, the regions of the last"},
                     turns = {.name = "whole stage, one pixel, other regions than the last"},
                     calls = {.name = "call of a guest's function"},
                     first_stages = {.name = "whole stage, one pixel, caches cold"}, first_bare, first_turns,
                     bare = {.name = "bare mprotect: open, touch, close, one page"};

int main(int argc, char **argv) {
    size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 101;
    char cache[] = "/tmp/tripoint-bench-XXXXXX", remove[64];
    struct world window, copies, pixel;
    need(rounds > 0 && rounds <= MAX_ROUNDS && mkdtemp(cache), "1 ... 1001 rounds", NULL);
    bring_up(cache, "open, first in the process", "prepare, nothing cached");
    bring_up(cache, "open, again", "prepare, guest cached");

    world_open(&window, TRI_BACKING_MEMFD, cache, &opens);
    world_prepare(&window, HEIGHT, WIDTH, &prepares);
    world_open(&copies, TRI_BACKING_PRIVATE, cache, &opens);
    world_prepare(&copies, HEIGHT, WIDTH, &prepares);
    world_open(&pixel, TRI_BACKING_MEMFD, cache, &opens);
    world_prepare(&pixel, 1, 1, &prepares);
    for (size_t i = 0; i < rounds; i++) {
        run(&window, &opened);
        run(&window, &through_window);
        kernel(&trii_kernels_plain, window.image.bytes, &plain);
        kernel(trii_kernels_best(), window.image.bytes, &best);
        run(&copies, &staged);
        grant(&window, &grants);
        run(&pixel, &first_stages); /* brings back what the large images drove out of the caches */
        run(&pixel, &stages);
        run_in_turn(&pixel, &first_turns);
        run_in_turn(&pixel, &turns);
        bare_grant(&pixel, &first_bare);
        bare_grant(&pixel, &bare);
        one_call(&pixel, &calls);
    }
    struct series *all[] = {&opened, &through_window, &staged, &plain, &best, &grants, &first_stages, &stages, &turns, &bare, &calls};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        tell(all[i]);
    world_close(&pixel);
    world_close(&copies);
    world_close(&window);
    snprintf(remove, sizeof remove, "rm -rf '%s'", cache);
    return system(remove) == 0 ? 0 : 1;
}
