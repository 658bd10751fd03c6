/*
 * TRIPOINT_VALIDATE: pages that nobody claimed are closed, who touches them is told of, and the program goes on. Each case
 * is a child whose stderr is read: the environment is looked at when an arena is made.
 */
#include "kit.h"

#include "arena/arena.h"
#include "base/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static struct tri_error err;

static void must(bool holds, int code) {
    if (!holds)
        _exit(code);
}

/* Runs `play` in a child with the variable set; gives its wait status and what it wrote to stderr. */
static int run_child(const char *value, void (*play)(void), char *said, size_t said_bytes) {
    int ends[2], status = 0;
    size_t length = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        must(value ? setenv("TRIPOINT_VALIDATE", value, 1) == 0 : unsetenv("TRIPOINT_VALIDATE") == 0, 90);
        play();
        _exit(0);
    }
    close(ends[1]);
    for (ssize_t n; length < said_bytes - 1 && (n = read(ends[0], said + length, said_bytes - 1 - length)) > 0;)
        length += (size_t)n;
    said[length] = '\0';
    close(ends[0]);
    waitpid(pid, &status, 0);
    return status;
}

static size_t count_of(const char *text, const char *word) {
    size_t count = 0;
    for (; (text = strstr(text, word)) != NULL; text++)
        count++;
    return count;
}

/* ---- what the children do ---- */

static struct tri_arena *arena;
static tri_handle mask;
static volatile uint8_t *bytes;

static void make(bool shared, enum tri_backing backing) {
    struct tri_arena_params params = {
        .struct_bytes = sizeof params, .backing = backing, .shared = shared, .capacity_bytes = 64 << 20, .label = "main"};
    struct tri_region_params region = {.struct_bytes = sizeof region, .size_bytes = 10000, .label = "mask"};
    struct trii_region found;
    must(tri_arena_create(&params, &arena, &err) == TRI_OK, 91);
    must(tri_region_allocate(arena, &region, &mask, &err) == TRI_OK, 92);
    must(trii_arena_resolve(arena, mask, &found, &err) == TRI_OK, 93);
    bytes = found.bytes;
}

static void borrow(enum tri_access access, struct tri_host_view *view) {
    must(tri_host_view_begin(arena, mask, access, NULL, view, &err) == TRI_OK, 94);
}

static void give_back(struct tri_host_view *view) {
    must(tri_host_view_end(arena, view, &err) == TRI_OK, 95);
}

/* Everything as it should be: claims of all kinds, several threads, regions that come and go. */
static void *use(void *user) {
    const struct tri_wait at_once = {.timeout_ns = 0}; /* a writer may be waiting */
    struct tri_error ignored;
    (void)user;
    for (int i = 0; i < 200; i++) {
        struct tri_host_view view, other;
        borrow(TRI_ACCESS_WRITE, &view);
        ((volatile uint8_t *)view.write)[i] = (uint8_t)i;
        must(((volatile uint8_t *)view.write)[i] == (uint8_t)i, 96);
        give_back(&view);
        borrow(TRI_ACCESS_READ, &view);
        bool twice = tri_host_view_begin(arena, mask, TRI_ACCESS_READ, &at_once, &other, &ignored) == TRI_OK;
        must(((const volatile uint8_t *)view.read)[9999] == 0, 96);
        give_back(&view);
        if (twice) {
            must(((const volatile uint8_t *)other.read)[9998] == 0, 96);
            give_back(&other);
        }
    }
    return NULL;
}

static void behave(void) {
    for (int kind = 0; kind < 3; kind++) {
        pthread_t threads[3];
        make(kind == 1, kind == 2 ? TRI_BACKING_PRIVATE : TRI_BACKING_MEMFD);
        for (int i = 0; i < 3; i++)
            must(pthread_create(&threads[i], NULL, use, NULL) == 0, 97);
        for (int i = 0; i < 100; i++) {
            struct tri_region_params params = {
                .struct_bytes = sizeof params, .size_bytes = 300000, .prefault = i % 2 == 0};
            tri_handle handle;
            struct tri_host_view view;
            must(tri_region_allocate(arena, &params, &handle, &err) == TRI_OK, 98);
            must(tri_host_view_begin(arena, handle, TRI_ACCESS_READ_WRITE, NULL, &view, &err) == TRI_OK, 98);
            ((volatile uint8_t *)view.write)[200000] = 1;
            must(tri_host_view_end(arena, &view, &err) == TRI_OK, 98);
            must(tri_arena_free_shared(arena, handle, &err) == TRI_OK, 98);
        }
        (void)tri_arena_trim(arena);
        for (int i = 0; i < 3; i++)
            pthread_join(threads[i], NULL);
        tri_arena_destroy(&arena);
    }
}

static void read_unclaimed(void) {
    make(false, TRI_BACKING_MEMFD);
    must(bytes[4097] == 0, 99);
    must(bytes[1] == 0, 99); /* open until the next claim: told once */
    tri_arena_destroy(&arena);
}

static void write_under_a_read_claim(void) {
    struct tri_host_view view;
    make(false, TRI_BACKING_PRIVATE);
    borrow(TRI_ACCESS_READ, &view);
    bytes[5] = 1;
    give_back(&view);
    bytes[6] = 1;
    tri_arena_destroy(&arena);
}

static void write_after_freeing(void) {
    struct tri_host_view view;
    make(false, TRI_BACKING_MEMFD);
    borrow(TRI_ACCESS_WRITE, &view);
    give_back(&view);
    must(tri_arena_free_shared(arena, mask, &err) == TRI_OK, 99);
    bytes[0] = 1;
    tri_arena_destroy(&arena);
}

static void downgrade_and_write(void) {
    struct tri_sync *sync;
    tri_claim claim;
    make(true, TRI_BACKING_MEMFD);
    sync = tri_arena_sync(arena);
    must(tri_sync_acquire_write(sync, 0, TRI_TECHNOLOGY_WASM, NULL, &claim, &err) == TRI_OK, 99);
    bytes[0] = 1;
    must(tri_sync_downgrade(sync, claim, &err) == TRI_OK, 99);
    must(bytes[0] == 1, 99);
    bytes[0] = 2;
    must(tri_sync_release(sync, claim, &err) == TRI_OK, 99);
    tri_arena_destroy(&arena);
}

static void touch_again_and_again(void) {
    make(false, TRI_BACKING_MEMFD);
    for (int i = 0; i < 300; i++) {
        struct tri_host_view view;
        bytes[0] = 1;
        borrow(TRI_ACCESS_READ, &view);
        give_back(&view);
    }
    tri_arena_destroy(&arena);
}

static void fault_elsewhere(void) {
    make(false, TRI_BACKING_MEMFD);
    volatile uint8_t *closed = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    closed[8] = 1;
}

/* ---- the cases ---- */

static char said[1 << 20];

static bool is_supported(void) {
    struct trii_guard guard = {.touched = NULL};
    int failed = trii_guard_add(&guard);
    if (failed == 0)
        trii_guard_remove(&guard);
    return failed != ENOTSUP;
}

#define SKIP_UNLESS_SUPPORTED()                                                                                        \
    if (!is_supported())                                                                                               \
    skip_because("faults of this processor can't be read")

static void who_claims_is_not_told_of(void **state) {
    (void)state;
    SKIP_UNLESS_SUPPORTED();
    assert_int_equal(run_child("1", behave, said, sizeof said), 0);
    assert_string_equal(said, "");
}

static void a_touch_without_a_claim_is_told_with_who_it_was(void **state) {
    (void)state;
    SKIP_UNLESS_SUPPORTED();
    assert_int_equal(run_child("1", read_unclaimed, said, sizeof said), 0);
    assert_int_equal(count_of(said, "tripoint: validate:"), 1);
    assert_non_null(strstr(said, "a read of region \"mask\" (number 0), offset 0x1001, which is IDLE: not claimed by this "
                                 "process, of arena \"main\", by\n"));
    assert_non_null(strstr(said, "arena_validate_test"));
}

static void a_claim_to_read_is_none_to_write(void **state) {
    (void)state;
    SKIP_UNLESS_SUPPORTED();
    assert_int_equal(run_child("1", write_under_a_read_claim, said, sizeof said), 0);
    assert_int_equal(count_of(said, "tripoint: validate:"), 2);
    assert_non_null(strstr(said, "a write to region \"mask\" (number 0), offset 0x5, which is HOST_READING: claimed here "
                                 "for reading only"));
    assert_non_null(strstr(said, "offset 0x6, which is IDLE: not claimed"));
    assert_int_equal(run_child("1", downgrade_and_write, said, sizeof said), 0);
    assert_int_equal(count_of(said, "tripoint: validate:"), 1);
    assert_non_null(strstr(said, "which is WASM_READING: claimed here for reading only"));
}

static void pages_of_no_region_are_closed(void **state) {
    (void)state;
    SKIP_UNLESS_SUPPORTED();
    assert_int_equal(run_child("1", write_after_freeing, said, sizeof said), 0);
    assert_int_equal(count_of(said, "a write to pages of no region"), 1);
}

static void it_can_end_the_program(void **state) {
    (void)state;
    SKIP_UNLESS_SUPPORTED();
    int status = run_child("abort", read_unclaimed, said, sizeof said);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_int_equal(count_of(said, "tripoint: validate:"), 1);
}

static void it_falls_silent_in_the_end(void **state) {
    (void)state;
    SKIP_UNLESS_SUPPORTED();
    assert_int_equal(run_child("1", touch_again_and_again, said, sizeof said), 0);
    assert_int_equal(count_of(said, "tripoint: validate:"), 101);
    assert_int_equal(count_of(said, "not reported"), 1);
}

static void other_faults_are_not_its_business(void **state) {
    (void)state;
    SKIP_UNLESS_SUPPORTED();
    int status = run_child("1", fault_elsewhere, said, sizeof said);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_null(strstr(said, "tripoint: validate"));
}

static void without_the_variable_nothing_is_closed(void **state) {
    (void)state;
    assert_int_equal(run_child(NULL, read_unclaimed, said, sizeof said), 0);
    assert_string_equal(said, "");
    assert_int_equal(run_child("0", read_unclaimed, said, sizeof said), 0);
    assert_string_equal(said, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_claims_is_not_told_of),
        cmocka_unit_test(a_touch_without_a_claim_is_told_with_who_it_was),
        cmocka_unit_test(a_claim_to_read_is_none_to_write),
        cmocka_unit_test(pages_of_no_region_are_closed),
        cmocka_unit_test(it_can_end_the_program),
        cmocka_unit_test(it_falls_silent_in_the_end),
        cmocka_unit_test(other_faults_are_not_its_business),
        cmocka_unit_test(without_the_variable_nothing_is_closed),
    };
    return cmocka_run_group_tests_name("arena_validate", tests, NULL, NULL);
}
