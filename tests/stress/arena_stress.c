/*
 * Threads allocate, free, pin, read, write and describe the same regions at once.
 *
 *   arena_stress [OPERATIONS [THREADS [SEED]]]
 *
 * Every region starts with its own handle, written under a claim, so that these must hold at every moment:
 *   - a fresh region is zero, whoever had its pages;
 *   - whoever holds a region, pinned or claimed, reads its own handle or zero, also after others freed it;
 *   - a handle that was freed is refused, and nobody frees twice;
 *   - at the end nothing is held and every page is in one hole a segment.
 */
#include "arena/arena.h"
#include "base/atomic.h"
#include "base/sys.h"

#include <tripoint/tripoint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHARED 64u /* handles that all threads see */
#define THREADS_MAX 16u
#define CAPACITY ((uint64_t)64 << 20) /* small enough to run out */

static struct tri_arena *arena;
static _Atomic uint64_t shared[SHARED];
static _Atomic uint64_t freed_by_watch, freed_by_us, exhausted, refused;

struct worker {
    struct trii_thread *thread;
    uint64_t random;
    uint64_t operations;
};

static void must(bool ok, const char *what, const struct tri_error *err) {
    if (ok)
        return;
    fprintf(stderr, "arena_stress: %s: %s\n", what, err ? err->message : "");
    abort();
}

static uint32_t random_below(struct worker *worker, uint32_t below) {
    worker->random ^= worker->random << 13;
    worker->random ^= worker->random >> 7;
    worker->random ^= worker->random << 17;
    return (uint32_t)(worker->random >> 16) % below;
}

static void on_freed(void *user, uint32_t index, uint32_t generation) {
    (void)user;
    (void)index;
    (void)generation;
    trii_add_relaxed(&freed_by_watch, 1);
}

/* A handle that was swapped out of the table is this thread's to free. */
static void free_it(tri_handle handle) {
    struct tri_error err = {0};
    if (handle == TRI_HANDLE_NONE)
        return;
    must(tri_arena_free_shared(arena, handle, &err) == TRI_OK, "free", &err);
    must(tri_arena_free_shared(arena, handle, &err) == TRI_BAD_HANDLE, "a second free", &err);
    trii_add_relaxed(&freed_by_us, 1);
}

static void allocate(struct worker *worker) {
    struct tri_error err = {0};
    uint32_t pages = random_below(worker, 10) ? 1 + random_below(worker, 40) : 1 + random_below(worker, 2000);
    struct tri_region_params params = {.struct_bytes = sizeof params, .size_bytes = pages * (uint64_t)TRI_PAGE_BYTES};
    struct tri_host_view view;
    tri_handle handle;
    tri_status status = tri_region_allocate(arena, &params, &handle, &err);
    if (status == TRI_NO_MEMORY) {
        trii_add_relaxed(&exhausted, 1);
        return;
    }
    must(status == TRI_OK, "allocate", &err);
    must(tri_host_view_begin(arena, handle, TRI_ACCESS_WRITE, NULL, &view, &err) == TRI_OK, "a fresh view", &err);
    uint64_t *words = view.write;
    size_t last = view.size_bytes / sizeof *words - 1;
    must(words[0] == 0 && words[last / 2] == 0 && words[last] == 0, "a fresh region is not zero", NULL);
    words[0] = words[last / 2] = words[last] = handle;
    must(tri_host_view_end(arena, &view, &err) == TRI_OK, "end", &err);
    free_it(trii_swap_acq_rel(&shared[random_below(worker, SHARED)], handle));
}

static void look(struct worker *worker, enum tri_access access) {
    struct tri_error err = {0};
    struct tri_host_view view;
    tri_handle handle = trii_load_acquire(&shared[random_below(worker, SHARED)]);
    tri_status status = tri_host_view_begin(arena, handle, access, NULL, &view, &err);
    if (status == TRI_BAD_HANDLE) {
        trii_add_relaxed(&refused, 1);
        return;
    }
    must(status == TRI_OK, "begin", &err);
    const uint64_t *words = view.read;
    size_t last = view.size_bytes / sizeof *words - 1;
    must(words[0] == handle && words[last / 2] == handle && words[last] == handle, "another region's bytes", NULL);
    if (view.write)
        ((uint64_t *)view.write)[last] = handle;
    must(tri_host_view_end(arena, &view, &err) == TRI_OK, "end", &err);
}

static void describe(struct worker *worker) {
    struct tri_error err = {0};
    struct tri_region_info info;
    struct trii_region region;
    tri_handle handle = trii_load_acquire(&shared[random_below(worker, SHARED)]);
    struct tri_layout layout = tri_layout_image(1, 1 + random_below(worker, 1000), 4, TRI_DTYPE_U8), got;
    if (trii_arena_resolve(arena, handle, &region, NULL) == TRI_OK)
        must(region.handle == handle && region.mapped_bytes >= region.size_bytes, "a resolved region", NULL);
    if (trii_arena_pin(arena, handle, &region, NULL) != TRI_OK)
        return;
    bool described = tri_region_set_layout(arena, handle, &layout, NULL) == TRI_OK;
    if (described && tri_region_layout(arena, handle, &got, &err) == TRI_OK)
        must(got.rank == 3 && got.shape[0] == 1 && got.shape[1] <= 1000, "a torn layout", NULL);
    if (tri_region_info(arena, handle, &info, &err) == TRI_OK)
        must(info.index == region.index && info.size_bytes == region.size_bytes, "info", NULL);
    trii_arena_unpin(arena, region.index);
}

static void work(void *user) {
    struct worker *worker = user;
    for (uint64_t i = 0; i < worker->operations; i++)
        switch (random_below(worker, 8)) {
        case 0:
        case 1:
            allocate(worker);
            break;
        case 2:
            free_it(trii_swap_acq_rel(&shared[random_below(worker, SHARED)], TRI_HANDLE_NONE));
            break;
        case 3:
            look(worker, TRI_ACCESS_READ_WRITE);
            break;
        case 4:
            describe(worker);
            break;
        default:
            look(worker, TRI_ACCESS_READ);
            break;
        }
}

static void check_end(void) {
    struct tri_error err = {0};
    struct tri_arena_stats stats;
    for (uint32_t i = 0; i < SHARED; i++)
        free_it(trii_swap_acq_rel(&shared[i], TRI_HANDLE_NONE));
    must(tri_arena_drain(arena, 0, &err) == TRI_OK, "drain", &err);
    tri_arena_stats(arena, &stats);
    must(stats.regions == 0 && stats.doomed == 0 && stats.used_bytes == 0, "something is still held", NULL);
    must(stats.segments == 1 && stats.largest_free_bytes == stats.segment_bytes, "holes were not joined", NULL);
    must(trii_load_relaxed(&freed_by_watch) == trii_load_relaxed(&freed_by_us), "a watcher missed a free", NULL);
}

int main(int argc, char **argv) {
    uint64_t operations = argc > 1 ? strtoull(argv[1], NULL, 10) : 200000;
    uint32_t threads = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 4;
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    struct tri_arena_params params = {.struct_bytes = sizeof params, .capacity_bytes = CAPACITY, .label = "stress"};
    struct trii_region_watch watch = {.freed = on_freed};
    static struct worker workers[THREADS_MAX];
    struct tri_error err = {0};
    threads = threads < 1 ? 1 : threads > THREADS_MAX ? THREADS_MAX : threads;
    must(tri_arena_create(&params, &arena, &err) == TRI_OK, "create", &err);
    trii_arena_watch(arena, &watch);
    for (uint32_t i = 0; i < threads; i++) {
        workers[i] = (struct worker){.random = (seed + i) * UINT64_C(0x9E3779B97F4A7C15),
                                     .operations = operations / threads};
        must(trii_sys_thread_start(&workers[i].thread, "stress", work, &workers[i]) == 0, "thread", NULL);
    }
    for (uint32_t i = 0; i < threads; i++)
        trii_sys_thread_join(&workers[i].thread);
    check_end();
    trii_arena_unwatch(arena, &watch);
    tri_arena_destroy(&arena);
    printf("%llu operations in %u threads, seed %llu: %llu regions freed, %llu times no room, %llu handles refused\n",
           (unsigned long long)operations, threads, (unsigned long long)seed,
           (unsigned long long)trii_load_relaxed(&freed_by_us), (unsigned long long)trii_load_relaxed(&exhausted),
           (unsigned long long)trii_load_relaxed(&refused));
    return 0;
}
