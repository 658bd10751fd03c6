/* Pins, dooms, watchers, drain, and destroying an arena in use. */
#include "kit.h"

#include "arena/arena.h"
#include "base/sys.h"

static struct tri_arena *make(uint64_t capacity) {
    struct tri_arena_params params = {.struct_bytes = sizeof params, .capacity_bytes = capacity};
    struct tri_arena *arena = NULL;
    struct tri_error err = {0};
    assert_ok(tri_arena_create(&params, &arena, &err));
    return arena;
}

static tri_handle allocate(struct tri_arena *arena, uint64_t bytes) {
    struct tri_error err = {0};
    tri_handle handle = TRI_HANDLE_NONE;
    assert_ok(tri_arena_allocate_shared(arena, bytes, &handle, &err));
    return handle;
}

static struct tri_arena_stats stats_of(const struct tri_arena *arena) {
    struct tri_arena_stats stats;
    tri_arena_stats(arena, &stats);
    return stats;
}

static void a_pinned_region_is_doomed_not_reused(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *arena = make(4 * TRI_PAGE_BYTES);
    struct trii_region pinned, again;
    tri_handle a = allocate(arena, 4 * TRI_PAGE_BYTES), b = TRI_HANDLE_NONE;
    assert_ok(trii_arena_pin(arena, a, &pinned, &err));
    assert_ok(trii_arena_pin(arena, a, &again, &err));
    pinned.bytes[0] = 42;
    assert_ok(tri_arena_free_shared(arena, a, &err));
    assert_status(trii_arena_pin(arena, a, &again, &err), TRI_BAD_HANDLE);
    assert_non_null(strstr(err.message, "wait for claims or views"));
    assert_false(trii_arena_is_live(arena, a));
    assert_status(tri_arena_allocate_shared(arena, 1, &b, &err), TRI_NO_MEMORY);
    trii_arena_unpin(arena, pinned.index);
    assert_status(tri_arena_allocate_shared(arena, 1, &b, &err), TRI_NO_MEMORY);
    assert_int_equal(pinned.bytes[0], 42);
    assert_string_equal(pinned.label, "region 0");
    trii_arena_unpin(arena, pinned.index);
    assert_int_equal(stats_of(arena).doomed, 0);
    assert_int_equal(stats_of(arena).used_bytes, 0);
    b = allocate(arena, 1);
    assert_int_equal(b >> 32, a >> 32); /* the same number, the next generation */
    assert_true(b != a);
    tri_arena_destroy(&arena);
}

static void a_claimed_region_is_doomed_not_reused(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *arena = make(4 * TRI_PAGE_BYTES);
    struct tri_region_info info;
    tri_claim claim = TRI_CLAIM_NONE;
    tri_handle a = allocate(arena, 3 * TRI_PAGE_BYTES), b = TRI_HANDLE_NONE;
    assert_ok(tri_region_info(arena, a, &info, &err));
    assert_ok(tri_sync_acquire_write(tri_arena_sync(arena), info.index, TRI_TECHNOLOGY_WEBGPU, NULL, &claim, &err));
    assert_ok(tri_arena_free_shared(arena, a, &err)); /* nobody has pinned it, but somebody writes */
    assert_int_equal(stats_of(arena).doomed, 1);
    assert_status(tri_arena_allocate_shared(arena, 2 * TRI_PAGE_BYTES, &b, &err), TRI_NO_MEMORY);
    b = allocate(arena, 1); /* another number */
    assert_true(b >> 32 != a >> 32);
    assert_ok(tri_sync_release(tri_arena_sync(arena), claim, &err));
    tri_handle c = allocate(arena, 3 * TRI_PAGE_BYTES);
    assert_int_equal(c >> 32, a >> 32);
    assert_int_equal(stats_of(arena).doomed, 0);
    tri_arena_destroy(&arena);
}

static void poison_goes_with_the_region(void **state) {
    (void)state;
    struct tri_error err = {0};
    const struct tri_error cause = {.status = TRI_TRAP, .message = "the guest trapped"};
    struct tri_arena *arena = make(0);
    struct tri_host_view view = {.read = NULL};
    tri_handle a = allocate(arena, 1);
    assert_ok(tri_host_view_begin(arena, a, TRI_ACCESS_WRITE, NULL, &view, &err));
    assert_ok(tri_sync_poison(tri_arena_sync(arena), view.claim, &cause, &err));
    assert_ok(tri_host_view_end(arena, &view, &err));
    assert_status(tri_host_view_begin(arena, a, TRI_ACCESS_READ, NULL, &view, &err), TRI_POISONED);
    assert_string_equal(err.region, "region 0");
    assert_ok(tri_arena_free_shared(arena, a, &err));
    tri_handle b = allocate(arena, 1);
    assert_int_equal(b >> 32, a >> 32); /* the same word */
    assert_ok(tri_host_view_begin(arena, b, TRI_ACCESS_READ, NULL, &view, &err));
    assert_ok(tri_host_view_end(arena, &view, &err));
    tri_arena_destroy(&arena);
}

/* ---- watchers ---- */

struct watcher {
    struct trii_region_watch watch;
    struct tri_arena *arena;
    uint32_t freed, last_index, last_generation;
    bool unpins; /* an engine with a cached view lets go of it */
};

static void on_freed(void *user, uint32_t index, uint32_t generation) {
    struct watcher *watcher = user;
    watcher->freed++;
    watcher->last_index = index;
    watcher->last_generation = generation;
    if (watcher->unpins)
        trii_arena_unpin(watcher->arena, index);
}

static void watchers_are_told_and_may_let_go(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *arena = make(0);
    struct watcher view = {.arena = arena, .unpins = true}, log = {.arena = arena};
    struct trii_region region;
    view.watch = (struct trii_region_watch){.freed = on_freed, .user = &view};
    log.watch = (struct trii_region_watch){.freed = on_freed, .user = &log};
    trii_arena_watch(arena, &view.watch);
    trii_arena_watch(arena, &log.watch);
    tri_handle a = allocate(arena, 1);
    assert_ok(trii_arena_pin(arena, a, &region, &err));
    trii_arena_count_views(arena, 1);
    assert_int_equal(stats_of(arena).views, 1);
    assert_ok(tri_arena_free_shared(arena, a, &err));
    trii_arena_count_views(arena, -1);
    assert_int_equal(view.freed, 1);
    assert_int_equal(log.freed, 1);
    assert_int_equal(log.last_index, region.index);
    assert_int_equal(log.last_generation, region.generation);
    assert_int_equal(stats_of(arena).doomed, 0);
    assert_int_equal(stats_of(arena).views, 0);
    trii_arena_unwatch(arena, &view.watch); /* the older one: it is not the head of the list */
    trii_arena_unwatch(arena, &view.watch); /* not there any more: nothing happens */
    assert_ok(tri_arena_free_shared(arena, allocate(arena, 1), &err));
    assert_int_equal(view.freed, 1);
    assert_int_equal(log.freed, 2);
    trii_arena_unwatch(arena, &log.watch);
    tri_arena_destroy(&arena);
}

/* ---- drain ---- */

static void drain_is_immediate_when_nothing_is_in_flight(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *arena = make(0);
    struct trii_region region;
    tri_handle a = allocate(arena, 1);
    assert_ok(trii_arena_pin(arena, a, &region, &err)); /* a cached view of a live region is not in flight */
    assert_ok(tri_arena_drain(arena, 0, &err));
    trii_arena_unpin(arena, region.index);
    tri_arena_destroy(&arena);
}

static void drain_says_what_it_waits_for(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *arena = make(0);
    struct trii_region region;
    tri_claim claim = TRI_CLAIM_NONE;
    tri_handle a = allocate(arena, 1);
    assert_ok(trii_arena_pin(arena, a, &region, &err));
    assert_ok(tri_sync_acquire_write(tri_arena_sync(arena), region.index, TRI_TECHNOLOGY_HOST, NULL, &claim, &err));
    assert_status(tri_arena_drain(arena, 0, &err), TRI_TIMEOUT);
    assert_non_null(strstr(err.message, "HOST_WRITING"));
    assert_string_equal(err.region, "region 0");
    assert_ok(tri_sync_release(tri_arena_sync(arena), claim, &err));
    assert_ok(tri_arena_free_shared(arena, a, &err));
    assert_status(tri_arena_drain(arena, 2000000, &err), TRI_TIMEOUT);
    assert_non_null(strstr(err.message, "freed but still in use"));
    trii_arena_unpin(arena, region.index);
    assert_ok(tri_arena_drain(arena, 0, &err));
    tri_arena_destroy(&arena);
}

struct holder {
    struct tri_arena *arena;
    uint32_t pinned;
    tri_claim claim;
};

static void let_go(void *user) {
    struct holder *holder = user;
    struct tri_error err = {0};
    if (tri_sync_release(tri_arena_sync(holder->arena), holder->claim, &err) == TRI_OK)
        trii_arena_unpin(holder->arena, holder->pinned);
}

static void drain_waits_for_another_thread(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *arena = make(0);
    struct trii_region doomed, claimed;
    struct trii_thread *thread = NULL;
    tri_handle a = allocate(arena, 1), b = allocate(arena, 1);
    struct holder holder = {.arena = arena};
    assert_ok(trii_arena_pin(arena, a, &doomed, &err));
    assert_ok(trii_arena_resolve(arena, b, &claimed, &err));
    assert_ok(tri_sync_acquire_read(tri_arena_sync(arena), claimed.index, TRI_TECHNOLOGY_WEBNN, NULL, &holder.claim,
                                    &err));
    assert_ok(tri_arena_free_shared(arena, a, &err));
    holder.pinned = doomed.index;
    assert_int_equal(trii_sys_thread_start(&thread, "let go", let_go, &holder), 0);
    assert_ok(tri_arena_drain(arena, TRI_FOREVER, &err));
    assert_int_equal(stats_of(arena).doomed, 0);
    trii_sys_thread_join(&thread);
    tri_arena_destroy(&arena);
}

/* ---- destroy ---- */

static void destroying_an_arena_in_use_keeps_the_pages_until_the_last_unpin(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *arena = make(0), *kept = arena;
    struct trii_region a, b;
    assert_ok(trii_arena_pin(arena, allocate(arena, 1), &a, &err));
    assert_ok(trii_arena_pin(arena, allocate(arena, 1), &b, &err));
    allocate(arena, 1 << 20);
    tri_arena_destroy(&arena);
    assert_null(arena);
    memset(a.bytes, 1, a.mapped_bytes);
    trii_arena_unpin(kept, a.index);
    memset(b.bytes, 1, b.mapped_bytes);
    trii_arena_unpin(kept, b.index); /* LeakSanitizer would miss the arena if this did not give it back */
}

static void an_arena_outlived_by_a_claim_is_swept_later(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *arena = make(0);
    struct tri_sync *sync = tri_arena_sync(arena);
    struct trii_region region;
    tri_claim claim = TRI_CLAIM_NONE;
    assert_ok(trii_arena_resolve(arena, allocate(arena, 1), &region, &err));
    assert_ok(tri_sync_acquire_write(sync, region.index, TRI_TECHNOLOGY_WEBGPU, NULL, &claim, &err));
    tri_arena_destroy(&arena);
    memset(region.bytes, 1, region.mapped_bytes); /* the pages are there as long as the claim */
    assert_ok(tri_sync_release(sync, claim, &err));
    assert_status(tri_sync_release(sync, claim, &err), TRI_BAD_CLAIM); /* and the synchronizer even longer */
    arena = make(0);
    tri_arena_destroy(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pinned_region_is_doomed_not_reused),
        cmocka_unit_test(a_claimed_region_is_doomed_not_reused),
        cmocka_unit_test(poison_goes_with_the_region),
        cmocka_unit_test(watchers_are_told_and_may_let_go),
        cmocka_unit_test(drain_is_immediate_when_nothing_is_in_flight),
        cmocka_unit_test(drain_says_what_it_waits_for),
        cmocka_unit_test(drain_waits_for_another_thread),
        cmocka_unit_test(destroying_an_arena_in_use_keeps_the_pages_until_the_last_unpin),
        cmocka_unit_test(an_arena_outlived_by_a_claim_is_swept_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
