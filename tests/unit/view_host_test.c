/* tri_host_view_begin and _end: a claim and a pin, borrowed and given back once. */
#include "kit.h"

#include <tripoint/ledger.h>

#include "arena/arena.h"
#include "base/sys.h"

static struct tri_arena *make(tri_handle *region) {
    struct tri_arena *arena = NULL;
    struct tri_error err = {0};
    assert_ok(tri_arena_create(NULL, &arena, &err));
    assert_ok(tri_arena_allocate_shared(arena, 100, region, &err));
    return arena;
}

static const struct tri_wait at_once = {.timeout_ns = 0};

static void what_is_written_is_read(void **state) {
    (void)state;
    struct tri_error err = {0};
    tri_handle region;
    struct tri_arena *arena = make(&region);
    struct tri_host_view view = {.read = NULL}, second = {.read = NULL};
    assert_ok(tri_host_view_begin(arena, region, TRI_ACCESS_WRITE, NULL, &view, &err));
    assert_int_equal(view.size_bytes, 100);
    assert_ptr_equal(view.write, view.read);
    assert_int_equal(tri_sync_state(tri_arena_sync(arena), 0), TRI_SYNC_HOST_WRITING);
    memset(view.write, 9, view.size_bytes);
    assert_int_not_equal(tri_host_view_begin(arena, region, TRI_ACCESS_READ, &at_once, &second, &err), TRI_OK);
    assert_null(second.read);
    assert_ok(tri_host_view_end(arena, &view, &err));
    assert_null(view.write);
    assert_ok(tri_host_view_begin(arena, region, TRI_ACCESS_READ, NULL, &view, &err));
    assert_ok(tri_host_view_begin(arena, region, TRI_ACCESS_READ, NULL, &second, &err));
    assert_null(view.write);
    assert_int_equal(((const uint8_t *)view.read)[99], 9);
    assert_ok(tri_host_view_end(arena, &view, &err));
    assert_ok(tri_host_view_end(arena, &second, &err));
    assert_int_equal(tri_sync_state(tri_arena_sync(arena), 0), TRI_SYNC_IDLE);
    tri_arena_destroy(&arena);
}

static void a_second_end_is_answered(void **state) {
    (void)state;
    struct tri_error err = {0};
    tri_handle region;
    struct tri_arena *arena = make(&region), *other = NULL;
    struct tri_host_view view = {.read = NULL}, copy;
    assert_status(tri_host_view_end(arena, &view, &err), TRI_BAD_CLAIM);
    assert_ok(tri_host_view_begin(arena, region, TRI_ACCESS_READ_WRITE, NULL, &view, &err));
    copy = view;
    assert_ok(tri_arena_create(NULL, &other, &err));
    assert_status(tri_host_view_end(other, &copy, &err), TRI_BAD_CLAIM);
    tri_arena_destroy(&other);
    assert_ok(tri_host_view_end(arena, &view, &err));
    assert_status(tri_host_view_end(arena, &view, &err), TRI_BAD_CLAIM);
    assert_status(tri_host_view_end(arena, &copy, &err), TRI_BAD_CLAIM);
    assert_ok(tri_arena_free_shared(arena, region, &err)); /* the pin was dropped once: the pages are back at once */
    struct tri_arena_stats stats;
    tri_arena_stats(arena, &stats);
    assert_int_equal(stats.doomed, 0);
    tri_arena_destroy(&arena);
}

static void bad_handles_and_accesses_are_refused(void **state) {
    (void)state;
    struct tri_error err = {0};
    tri_handle region;
    struct tri_arena *arena = make(&region);
    struct tri_host_view view = {.read = NULL};
    assert_status(tri_host_view_begin(arena, region, (enum tri_access)0, NULL, &view, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_host_view_begin(arena, region + 1, TRI_ACCESS_READ, NULL, &view, &err), TRI_BAD_HANDLE);
    assert_null(view.read);
    tri_arena_destroy(&arena);
}

static void a_region_freed_under_a_view_stays_until_its_end(void **state) {
    (void)state;
    struct tri_error err = {0};
    tri_handle region;
    struct tri_arena *arena = make(&region);
    struct tri_host_view view = {.read = NULL}, second = {.read = NULL};
    struct tri_arena_stats stats;
    assert_ok(tri_host_view_begin(arena, region, TRI_ACCESS_WRITE, NULL, &view, &err));
    assert_ok(tri_arena_free_shared(arena, region, &err));
    assert_status(tri_host_view_begin(arena, region, TRI_ACCESS_READ, &at_once, &second, &err), TRI_BAD_HANDLE);
    memset(view.write, 3, view.size_bytes);
    tri_arena_stats(arena, &stats);
    assert_int_equal(stats.doomed, 1);
    assert_ok(tri_host_view_end(arena, &view, &err));
    tri_arena_stats(arena, &stats);
    assert_int_equal(stats.doomed, 0);
    tri_arena_destroy(&arena);
}

static void a_view_may_outlive_its_arena(void **state) {
    (void)state;
    struct tri_error err = {0};
    tri_handle region;
    struct tri_arena *arena = make(&region), *kept = arena;
    struct tri_host_view view = {.read = NULL};
    assert_ok(tri_host_view_begin(arena, region, TRI_ACCESS_WRITE, NULL, &view, &err));
    tri_arena_destroy(&arena);
    memset(view.write, 3, view.size_bytes);
    assert_ok(tri_host_view_end(kept, &view, &err)); /* gives the arena's memory back */
}

struct waiter {
    struct tri_arena *arena;
    tri_handle region;
    tri_status status;
};

static void wait_for_reading(void *user) {
    struct waiter *waiter = user;
    struct tri_host_view view;
    struct tri_error err = {0};
    waiter->status = tri_host_view_begin(waiter->arena, waiter->region, TRI_ACCESS_READ, NULL, &view, &err);
}

static void a_waiter_for_a_freed_region_gets_an_error(void **state) {
    (void)state;
    struct tri_error err = {0};
    tri_handle region;
    struct tri_arena *arena = make(&region);
    struct tri_host_view view = {.read = NULL};
    struct waiter waiter = {.arena = arena, .region = region};
    struct trii_thread *thread = NULL;
    assert_ok(tri_host_view_begin(arena, region, TRI_ACCESS_WRITE, NULL, &view, &err));
    assert_int_equal(trii_sys_thread_start(&thread, "waiter", wait_for_reading, &waiter), 0);
    struct tri_sync_info info = {.waiting_readers = 0};
    while (info.waiting_readers == 0)
        assert_ok(tri_sync_inspect(tri_arena_sync(arena), 0, &info, &err));
    assert_ok(tri_arena_free_shared(arena, region, &err));
    assert_ok(tri_host_view_end(arena, &view, &err));
    trii_sys_thread_join(&thread);
    assert_int_equal(waiter.status, TRI_BAD_HANDLE);
    assert_ok(tri_arena_drain(arena, TRI_FOREVER, &err));
    tri_arena_destroy(&arena);
}

static void bytes_over_the_border_are_counted(void **state) {
    (void)state;
    struct tri_error err = {0};
    tri_handle region;
    struct tri_arena *arena = make(&region);
    const uint8_t in[4] = {1, 2, 3, 4};
    uint8_t out[4] = {0};
    struct tri_ledger_line line;
    assert_ok(tri_region_write(arena, region, 96, in, 4, "four in", NULL, &err));
    assert_ok(tri_region_read(arena, region, 96, out, 4, NULL, NULL, &err));
    assert_memory_equal(in, out, 4);
    assert_int_equal(tri_ledger_bytes(arena, TRI_LEDGER_BORDER), 8);
    assert_int_equal(tri_ledger_copies(arena, TRI_LEDGER_BETWEEN), 0);
    assert_int_equal(tri_ledger_lines(arena, &line, 1), 2);
    assert_string_equal(line.cause, "four in");
    assert_status(tri_region_write(arena, region, 97, in, 4, NULL, NULL, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_region_read(arena, region, UINT64_MAX, out, 4, NULL, NULL, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_region_write(arena, region, 0, NULL, 4, NULL, NULL, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_region_read(NULL, region, 0, out, 4, NULL, NULL, &err), TRI_INVALID_ARGUMENT);
    struct tri_host_view view;
    assert_ok(tri_host_view_begin(arena, region, TRI_ACCESS_READ, NULL, &view, &err));
    assert_int_not_equal(tri_region_write(arena, region, 0, in, 4, NULL, &at_once, &err), TRI_OK);
    assert_ok(tri_host_view_end(arena, &view, &err));
    assert_int_equal(tri_ledger_bytes(arena, TRI_LEDGER_BORDER), 8);
    tri_arena_destroy(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(a_second_end_is_answered),
        cmocka_unit_test(bad_handles_and_accesses_are_refused),
        cmocka_unit_test(a_region_freed_under_a_view_stays_until_its_end),
        cmocka_unit_test(a_view_may_outlive_its_arena),
        cmocka_unit_test(a_waiter_for_a_freed_region_gets_an_error),
        cmocka_unit_test(bytes_over_the_border_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
