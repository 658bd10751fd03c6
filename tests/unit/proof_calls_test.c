/* Planted system calls: they don't fault, so they are trapped. A program of its own, since the filter stays. */
#include "kit.h"

#include "arena/arena.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGES 6u
#define BYTES (PAGES * (uint64_t)TRI_PAGE_BYTES)

static struct tri_arena *arena;
static struct trii_region region;
static struct tri_proof *proof;
static struct tri_error err;
static uint8_t private_bytes[BYTES];
static int file;

static int begin(void **state) {
    const struct tri_proof_params params = {.struct_bytes = sizeof params, .watch_system_calls = true};
    struct tri_proof_counts counts;
    tri_handle handle;
    (void)state;
    file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (file < 0 || tri_arena_create(NULL, &arena, &err) != TRI_OK ||
        tri_arena_allocate_shared(arena, BYTES, &handle, &err) != TRI_OK ||
        trii_arena_resolve(arena, handle, &region, &err) != TRI_OK ||
        tri_proof_begin(arena, &params, &proof, &err) != TRI_OK ||
        tri_proof_step(proof, "planted", TRI_PROOF_BETWEEN, &err) != TRI_OK)
        return -1;
    tri_proof_counts(proof, &counts);
    if (!counts.system_calls_watched)
        print_message("skipped because system calls are not watched: %s\n", counts.system_calls_why);
    return 0;
}

static int end(void **state) {
    (void)state;
    tri_proof_destroy(&proof);
    tri_arena_destroy(&arena);
    return close(file);
}

static void need_watch(void) {
    struct tri_proof_counts counts;
    tri_proof_counts(proof, &counts);
    if (!counts.system_calls_watched)
        skip();
}

/* Ends the proof: the whole region was touched first by the call, and that is a copy. */
static void assert_seen(enum tri_access access, const char *call) {
    struct tri_proof_line line;
    assert_ok(tri_proof_end(proof, &err));
    assert_true(tri_proof_line(proof, 0, &line));
    assert_int_equal(line.toucher, TRI_TOUCHER_SYSTEM);
    assert_int_equal(line.access, access);
    assert_int_equal(line.pages, PAGES);
    if (!strstr(line.who, call))
        fail_msg("'%s' is not in '%s'", call, line.who);
    assert_status(tri_proof_verdict(proof, &err), TRI_COPY_REFUSED);
}

static void pread_into_a_region_works_and_is_caught(void **state) {
    (void)state;
    need_watch();
    assert_int_equal(pread(file, region.bytes, BYTES, 0), BYTES);
    assert_memory_equal(region.bytes + 1, "ELF", 3);
    assert_seen(TRI_ACCESS_WRITE, "pread(2)");
}

static void pread_of_the_arenas_own_file_is_caught(void **state) {
    (void)state;
    need_watch();
    assert_int_equal(pread(region.fd, private_bytes, BYTES, (off_t)region.fd_offset), BYTES);
    assert_seen(TRI_ACCESS_READ, "pread(2)");
}

static void write_from_a_region_is_caught(void **state) {
    (void)state;
    need_watch();
    int to = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(to, region.bytes, BYTES), BYTES);
    close(to);
    assert_seen(TRI_ACCESS_READ, "write(2)");
}

static void vectors_are_caught(void **state) {
    (void)state;
    need_watch();
    const struct iovec parts[2] = {{region.bytes, BYTES / 2}, {region.bytes + BYTES / 2, BYTES / 2}};
    assert_int_equal(readv(file, parts, 2), BYTES);
    assert_seen(TRI_ACCESS_WRITE, "readv(2)");
}

static void reading_ones_own_memory_by_call_is_caught(void **state) {
    (void)state;
    need_watch();
    const struct iovec to = {private_bytes, BYTES}, from = {region.bytes, BYTES};
    if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) != (ssize_t)BYTES)
        skip_because("process_vm_readv is not allowed here");
    assert_seen(TRI_ACCESS_READ, "process_vm_readv(2)");
}

static void calls_elsewhere_are_left_alone(void **state) {
    struct tri_proof_line line;
    (void)state;
    need_watch();
    assert_int_equal(pread(file, private_bytes, BYTES, 0), BYTES);
    assert_int_equal(pread(-1, private_bytes, BYTES, 0), -1);
    assert_ok(tri_proof_end(proof, &err));
    assert_false(tri_proof_line(proof, 0, &line));
    assert_ok(tri_proof_verdict(proof, &err));
    assert_int_equal(pread(file, region.bytes, BYTES, 0), BYTES); /* after it, too */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pread_into_a_region_works_and_is_caught, begin, end),
        cmocka_unit_test_setup_teardown(pread_of_the_arenas_own_file_is_caught, begin, end),
        cmocka_unit_test_setup_teardown(write_from_a_region_is_caught, begin, end),
        cmocka_unit_test_setup_teardown(vectors_are_caught, begin, end),
        cmocka_unit_test_setup_teardown(reading_ones_own_memory_by_call_is_caught, begin, end),
        cmocka_unit_test_setup_teardown(calls_elsewhere_are_left_alone, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
