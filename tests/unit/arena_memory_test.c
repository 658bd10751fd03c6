/* Which pages there are: scrubbing brings none in, trimming gives them back, a forked child finds none. */
#include "kit.h"

#include "arena/arena.h"
#include "base/sys.h"

#include <sys/wait.h>
#include <unistd.h>

#define MIB ((uint64_t)1 << 20)

static struct tri_arena *make(enum tri_backing backing) {
    struct tri_arena_params params = {
        .struct_bytes = sizeof params, .capacity_bytes = 64 * MIB, .backing = backing, .label = "memory"};
    struct tri_arena *arena = NULL;
    struct tri_error err = {0};
    assert_ok(tri_arena_create(&params, &arena, &err));
    return arena;
}

static struct trii_region allocate(struct tri_arena *arena, uint64_t bytes) {
    struct tri_error err = {0};
    struct trii_region region = {.arena = NULL};
    tri_handle handle = TRI_HANDLE_NONE;
    assert_ok(tri_arena_allocate_shared(arena, bytes, &handle, &err));
    assert_ok(trii_arena_resolve(arena, handle, &region, &err));
    return region;
}

static void release(const struct trii_region *region) {
    struct tri_error err = {0};
    assert_ok(tri_arena_free_shared(region->arena, region->handle, &err));
}

static size_t pages_present(const struct trii_region *region) {
    static unsigned char present[64 * MIB / TRI_PAGE_BYTES];
    size_t count = 0;
    assert_int_equal(trii_sys_present(region->bytes, region->mapped_bytes, present), 0);
    for (size_t i = 0; i < region->mapped_bytes / TRI_PAGE_BYTES; i++)
        count += present[i] & 1;
    return count;
}

static void touch(const struct trii_region *region, uint64_t page) {
    region->bytes[page * TRI_PAGE_BYTES] = 0xEE;
}

static void scrubbing_zeroes_what_was_touched_and_brings_nothing_in(void **state) {
    (void)state;
    struct tri_arena *arena = make(TRI_BACKING_MEMFD);
    struct trii_region region = allocate(arena, 32 * MIB);
    const uint64_t touched[] = {0, 1, 511, 512, 513, 4000, 8191};
    const size_t count = sizeof touched / sizeof *touched;
    assert_int_equal(pages_present(&region), 0);
    for (size_t i = 0; i < count; i++)
        touch(&region, touched[i]);
    assert_int_equal(pages_present(&region), count);
    release(&region);
    struct trii_region again = allocate(arena, 32 * MIB);
    assert_ptr_equal(again.bytes, region.bytes);
    assert_int_equal(pages_present(&again), count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(again.bytes[touched[i] * TRI_PAGE_BYTES], 0);
    tri_arena_destroy(&arena);
}

/* Holes between live regions, each with its own history: what is reused in part must be scrubbed in part. */
static void pages_of_many_histories_are_all_zero(void **state) {
    (void)state;
    for (int backing = TRI_BACKING_MEMFD; backing <= TRI_BACKING_PRIVATE; backing++) {
        struct tri_arena *arena = make((enum tri_backing)backing);
        struct trii_region small[64];
        for (int round = 0; round < 3; round++) {
            for (size_t i = 0; i < 64; i++) {
                small[i] = allocate(arena, (1 + i % 7) * TRI_PAGE_BYTES);
                memset(small[i].bytes, 0x11 * (int)(1 + i % 14), small[i].mapped_bytes);
            }
            for (size_t i = 0; i < 64; i += 2)
                release(&small[i]);
            struct trii_region one = allocate(arena, 3 * TRI_PAGE_BYTES);
            for (size_t i = 1; i < 64; i += 2)
                release(&small[i]);
            struct trii_region rest = allocate(arena, 200 * TRI_PAGE_BYTES);
            for (uint64_t i = 0; i < rest.mapped_bytes; i++)
                assert_int_equal(rest.bytes[i], 0);
            for (uint64_t i = 0; i < one.mapped_bytes; i++)
                assert_int_equal(one.bytes[i], 0);
            memset(rest.bytes, 0x77, rest.mapped_bytes);
            release(&one);
            release(&rest);
        }
        tri_arena_destroy(&arena);
    }
}

static void trimming_gives_free_pages_back(void **state) {
    (void)state;
    for (int backing = TRI_BACKING_MEMFD; backing <= TRI_BACKING_PRIVATE; backing++) {
        struct tri_arena *arena = make((enum tri_backing)backing);
        struct trii_region kept = allocate(arena, MIB), gone = allocate(arena, 8 * MIB);
        memset(kept.bytes, 1, kept.mapped_bytes);
        memset(gone.bytes, 1, gone.mapped_bytes);
        assert_int_equal(tri_arena_trim(arena), 0); /* nothing is free that was used */
        release(&gone);
        assert_int_equal(pages_present(&gone), gone.mapped_bytes / TRI_PAGE_BYTES);
        assert_int_equal(tri_arena_trim(arena), gone.mapped_bytes);
        assert_int_equal(pages_present(&gone), 0);
        assert_int_equal(tri_arena_trim(arena), 0);
        assert_int_equal(kept.bytes[MIB - 1], 1);
        gone = allocate(arena, 8 * MIB);
        assert_int_equal(gone.bytes[0], 0);
        tri_arena_destroy(&arena);
    }
}

static void trimming_leaves_pages_that_an_engine_still_has(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *arena = make(TRI_BACKING_MEMFD);
    struct trii_region region = allocate(arena, MIB);
    assert_ok(trii_arena_pin(arena, region.handle, &region, &err));
    memset(region.bytes, 1, region.mapped_bytes);
    release(&region);
    assert_int_equal(tri_arena_trim(arena), 0);
    assert_int_equal(region.bytes[0], 1);
    trii_arena_unpin(arena, region.index);
    assert_int_equal(tri_arena_trim(arena), MIB);
    tri_arena_destroy(&arena);
}

static void prefaulting_a_live_region_keeps_its_bytes(void **state) {
    (void)state;
    struct tri_arena *arena = make(TRI_BACKING_MEMFD);
    struct trii_region region = allocate(arena, MIB);
    touch(&region, 7);
    tri_region_prefault(arena, region.handle);
    tri_region_prefault(arena, region.handle + 1); /* a hint: a bad handle is no event */
    assert_int_equal(region.bytes[(size_t)7 * TRI_PAGE_BYTES], 0xEE);
    tri_arena_destroy(&arena);
}

/* Runs in the child; its exit code is the number of the first thing that is wrong. */
static int use_inherited(struct tri_arena *arena, const struct trii_region *region) {
    struct tri_error err = {0};
    struct tri_arena *own = NULL;
    struct tri_arena_stats stats;
    struct tri_host_view view;
    struct tri_region_info info;
    struct trii_region pinned;
    tri_handle handle = TRI_HANDLE_NONE;
    unsigned char present[1];
    if (trii_sys_present(region->bytes, TRI_PAGE_BYTES, present) == 0)
        return 1; /* something is mapped there */
    if (tri_arena_allocate_shared(arena, 1, &handle, &err) != TRI_PERMISSION)
        return 2;
    if (tri_region_info(arena, region->handle, &info, &err) != TRI_BAD_HANDLE || !strstr(err.message, "forked child"))
        return 3;
    if (tri_host_view_begin(arena, region->handle, TRI_ACCESS_READ, NULL, &view, &err) != TRI_BAD_HANDLE)
        return 4;
    if (trii_arena_pin(arena, region->handle, &pinned, &err) == TRI_OK ||
        tri_arena_free_shared(arena, region->handle, &err) == TRI_OK)
        return 5;
    trii_arena_unpin(arena, region->index); /* the parent's pin */
    tri_arena_stats(arena, &stats);
    if (stats.regions != 0 || tri_arena_trim(arena) != 0 || tri_arena_drain(arena, 0, &err) != TRI_OK)
        return 6;
    tri_arena_destroy(&arena);
    if (tri_arena_create(NULL, &own, &err) != TRI_OK || tri_arena_allocate_shared(own, 1, &handle, &err) != TRI_OK)
        return 7;
    tri_arena_destroy(&own);
    return 0;
}

static void a_forked_child_has_no_part_in_it(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *arena = make(TRI_BACKING_MEMFD);
    struct trii_region region = allocate(arena, 1);
    int result = -1;
    assert_ok(trii_arena_pin(arena, region.handle, &region, &err));
    touch(&region, 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(use_inherited(arena, &region));
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
    assert_int_equal(region.bytes[0], 0xEE);
    trii_arena_unpin(arena, region.index);
    release(&region);
    tri_arena_destroy(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scrubbing_zeroes_what_was_touched_and_brings_nothing_in),
        cmocka_unit_test(pages_of_many_histories_are_all_zero),
        cmocka_unit_test(trimming_gives_free_pages_back),
        cmocka_unit_test(trimming_leaves_pages_that_an_engine_still_has),
        cmocka_unit_test(prefaulting_a_live_region_keeps_its_bytes),
        cmocka_unit_test(a_forked_child_has_no_part_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
