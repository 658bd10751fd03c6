/*
 * Every system call and allocation of the arena fails once, the nth for every n, until the whole scenario survives
 * without the fault: each failure is one sentence with the right status, outputs are untouched, nothing leaks.
 */
#include "kit.h"

#include "arena/arena.h"
#include "base/fault.h"

#include <dirent.h>
#include <unistd.h>

struct scenario {
    struct tri_arena_params arena;
    tri_status status; /* of the first call that failed */
    struct tri_error err;
};

#define STEP(call)                                                                               \
    do {                                                                                         \
        s->status = (call);                                                                      \
        if (s->status != TRI_OK)                                                                 \
            goto out;                                                                            \
    } while (0)

/* A bit of everything that asks the system for something. */
static void play(struct scenario *s) {
    struct tri_arena *arena = NULL;
    struct tri_region_params params = {
        .struct_bytes = sizeof params, .size_bytes = 3 << 20, .label = "first", .prefault = true};
    struct tri_host_view view = {.read = NULL};
    tri_handle a = TRI_HANDLE_NONE, b = TRI_HANDLE_NONE, c = TRI_HANDLE_NONE;
    s->err = (struct tri_error){.status = TRI_OK};
    STEP(tri_arena_create(&s->arena, &arena, &s->err));
    STEP(tri_region_allocate(arena, &params, &a, &s->err));
    STEP(tri_arena_allocate_shared(arena, 100 << 20, &b, &s->err)); /* a second segment */
    STEP(tri_host_view_begin(arena, a, TRI_ACCESS_WRITE, NULL, &view, &s->err));
    ((uint8_t *)view.write)[0] = 1;
    STEP(tri_host_view_end(arena, &view, &s->err));
    STEP(tri_arena_free_shared(arena, a, &s->err));
    params.label = "again";
    STEP(tri_region_allocate(arena, &params, &c, &s->err));
    STEP(tri_host_view_begin(arena, c, TRI_ACCESS_READ, NULL, &view, &s->err));
    assert_int_equal(*(const uint8_t *)view.read, 0);
    STEP(tri_host_view_end(arena, &view, &s->err));
out:
    tri_arena_destroy(&arena);
}

static size_t open_files(void) {
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

/* Pages of address space. */
static long mapped_pages(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld", &pages), 1);
    fclose(file);
    return pages;
}

static const struct {
    enum trii_fault kind;
    const char *name;
} kinds[] = {{TRII_FAULT_ALLOC, "allocation"},   {TRII_FAULT_MMAP, "mmap"},         {TRII_FAULT_MEMFD, "memfd_create"},
             {TRII_FAULT_FTRUNCATE, "ftruncate"}, {TRII_FAULT_POPULATE, "populate"}, {TRII_FAULT_FUTEX, "futex"}};

static void every_call_fails_once(enum tri_backing backing, bool huge, bool shared) {
    struct scenario s = {
        .arena = {.struct_bytes = sizeof s.arena, .backing = backing, .huge_pages = huge, .shared = shared}};
    play(&s); /* whatever is made once in a process is there now */
    assert_int_equal(s.status, TRI_OK);
    size_t files = open_files();
    long pages = mapped_pages();
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        uint64_t nth = 0, failures = 0;
        for (bool fired = true; fired; nth++) {
            trii_fault_arm(kinds[k].kind, nth);
            play(&s);
            fired = trii_fault_disarm(kinds[k].kind);
            if (!fired)
                assert_int_equal(s.status, TRI_OK);
            if (s.status != TRI_OK) {
                failures++;
                assert_int_equal(s.status, TRI_NO_MEMORY);
                assert_int_equal(s.err.status, TRI_NO_MEMORY);
                assert_true(strlen(s.err.message) > 20);
            }
            assert_int_equal(open_files(), files);
            assert_true(mapped_pages() < pages + 4096); /* the arena alone is millions */
        }
        print_message("%s: %u made to fail, %u of them an error\n", kinds[k].name, (unsigned)nth - 1, (unsigned)failures);
    }
}

static void on_a_memfd_arena(void **state) {
    (void)state;
    every_call_fails_once(TRI_BACKING_MEMFD, false, false);
}

static void on_a_private_arena(void **state) {
    (void)state;
    every_call_fails_once(TRI_BACKING_PRIVATE, false, false);
}

static void when_huge_pages_are_asked_for(void **state) {
    (void)state;
    every_call_fails_once(TRI_BACKING_MEMFD, true, false);
}

static void on_a_shared_arena(void **state) {
    (void)state;
    every_call_fails_once(TRI_BACKING_MEMFD, false, true);
}

/* A segment that can't be had whole is had as small as it must be. */
static void a_refused_segment_is_tried_smaller(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *arena = NULL;
    struct tri_arena_stats stats;
    tri_handle a = TRI_HANDLE_NONE;
    assert_ok(tri_arena_create(NULL, &arena, &err));
    trii_fault_arm(TRII_FAULT_FTRUNCATE, 0);
    assert_ok(tri_arena_allocate_shared(arena, 1 << 20, &a, &err));
    assert_true(trii_fault_disarm(TRII_FAULT_FTRUNCATE));
    tri_arena_stats(arena, &stats);
    assert_int_equal(stats.segment_bytes, 1 << 20);
    tri_arena_destroy(&arena);
}

/* After a failed prefault the pages and the number are free again, and the next holder finds zeros. */
static void a_failed_prefault_takes_nothing(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *arena = NULL;
    struct tri_arena_stats stats;
    struct tri_region_params params = {.struct_bytes = sizeof params, .size_bytes = 1 << 20, .prefault = true};
    tri_handle a = 5;
    assert_ok(tri_arena_create(NULL, &arena, &err));
    trii_fault_arm(TRII_FAULT_POPULATE, 0);
    assert_status(tri_region_allocate(arena, &params, &a, &err), TRI_NO_MEMORY);
    assert_non_null(strstr(err.message, "can't prefault region \"region 0\""));
    assert_int_equal(a, 5);
    tri_arena_stats(arena, &stats);
    assert_int_equal(stats.used_bytes, 0);
    assert_int_equal(stats.regions + stats.doomed, 0);
    assert_ok(tri_region_allocate(arena, &params, &a, &err));
    tri_arena_destroy(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_a_memfd_arena),
        cmocka_unit_test(on_a_private_arena),
        cmocka_unit_test(when_huge_pages_are_asked_for),
        cmocka_unit_test(on_a_shared_arena),
        cmocka_unit_test(a_refused_segment_is_tried_smaller),
        cmocka_unit_test(a_failed_prefault_takes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
