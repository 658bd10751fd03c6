/* tri_arena_export and import: a second process reads, writes and claims; what it may not; what a hostile one can't. */
#include "kit.h"

#include "arena/arena.h"
#include "arena/inside.h"
#include "base/fault.h"
#include "base/sys.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB ((uint64_t)1 << 20)

static const struct tri_wait at_once = {.timeout_ns = 0};

static struct tri_arena *make_shared(uint64_t capacity) {
    struct tri_arena_params params = {
        .struct_bytes = sizeof params, .capacity_bytes = capacity, .label = "shared", .shared = true};
    struct tri_arena *arena = NULL;
    struct tri_error err = {0};
    assert_ok(tri_arena_create(&params, &arena, &err));
    return arena;
}

static tri_handle allocate(struct tri_arena *arena, uint64_t bytes, const char *label) {
    struct tri_region_params params = {.struct_bytes = sizeof params, .size_bytes = bytes, .label = label};
    struct tri_error err = {0};
    tri_handle handle = TRI_HANDLE_NONE;
    assert_ok(tri_region_allocate(arena, &params, &handle, &err));
    return handle;
}

/* The same arena once more, in this process: what one process sees, another would. */
static struct tri_arena *import_here(struct tri_arena *owner, bool read_only) {
    struct tri_import_params params = {.struct_bytes = sizeof params, .read_only = read_only};
    struct tri_arena *peer = NULL;
    struct tri_error err = {0};
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_ok(tri_arena_export(owner, ends[0], &err));
    assert_ok(tri_arena_import(ends[1], &params, &peer, &err));
    close(ends[0]);
    close(ends[1]);
    return peer;
}

static void a_peer_sees_the_same_regions(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *owner = make_shared(0);
    tri_handle a = allocate(owner, 5000, "input"), listed[4] = {0};
    struct tri_arena *peer = import_here(owner, false);
    tri_handle b = allocate(owner, 3 * MIB, "later"); /* after the import */
    struct tri_layout image = tri_layout_image(10, 100, 4, TRI_DTYPE_U8), layout;
    struct tri_host_view view, other;
    struct tri_region_info info, own;
    struct tri_arena_stats stats;
    assert_int_equal(tri_arena_regions(peer, listed, 4), 2);
    assert_true(listed[0] == a && listed[1] == b);
    assert_int_equal(tri_arena_regions(owner, NULL, 0), 2);
    assert_ok(tri_region_info(peer, b, &info, &err));
    assert_ok(tri_region_info(owner, b, &own, &err));
    assert_memory_equal(&info, &own, sizeof own);
    assert_ok(tri_region_set_layout(owner, a, &image, &err));
    assert_ok(tri_region_layout(peer, a, &layout, &err));
    assert_memory_equal(&layout, &image, sizeof image);

    assert_ok(tri_host_view_begin(peer, a, TRI_ACCESS_WRITE, NULL, &view, &err));
    assert_int_equal(tri_host_view_begin(owner, a, TRI_ACCESS_READ, &at_once, &other, &err), TRI_BUSY);
    memset(view.write, 0x5A, view.size_bytes);
    assert_ok(tri_host_view_end(peer, &view, &err));
    assert_ok(tri_host_view_begin(owner, a, TRI_ACCESS_READ, NULL, &view, &err));
    assert_int_equal(((const uint8_t *)view.read)[4999], 0x5A);
    assert_ok(tri_host_view_end(owner, &view, &err));
    tri_arena_stats(peer, &stats);
    assert_int_equal(stats.regions, 2);
    assert_int_equal(tri_ledger_bytes(owner, TRI_LEDGER_BETWEEN) + tri_ledger_bytes(peer, TRI_LEDGER_BETWEEN), 0);
    tri_arena_destroy(&peer);
    tri_arena_destroy(&owner);
}

static void a_peer_may_not_what_is_the_owners(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *owner = make_shared(4 * MIB);
    tri_handle a = allocate(owner, 1, "a"), b = TRI_HANDLE_NONE;
    struct tri_arena *peer = import_here(owner, true);
    struct tri_layout layout = tri_layout_bytes(1);
    struct trii_region region;
    struct tri_host_view view;
    assert_status(tri_arena_allocate_shared(peer, 1, &b, &err), TRI_PERMISSION);
    assert_status(tri_arena_free_shared(peer, a, &err), TRI_PERMISSION);
    assert_status(tri_region_set_layout(peer, a, &layout, &err), TRI_PERMISSION);
    assert_status(trii_arena_pin(peer, a, &region, &err), TRI_PERMISSION);
    assert_status(tri_host_view_begin(peer, a, TRI_ACCESS_WRITE, NULL, &view, &err), TRI_PERMISSION);
    assert_ok(tri_host_view_begin(peer, a, TRI_ACCESS_READ, NULL, &view, &err));
    assert_ok(tri_host_view_end(peer, &view, &err));
    assert_status(tri_host_view_end(peer, &view, &err), TRI_BAD_CLAIM);
    assert_status(tri_region_info(peer, a + 1, &(struct tri_region_info){0}, &err), TRI_BAD_HANDLE);
    assert_status(tri_region_info(peer, a ^ UINT64_C(1) << 50, &(struct tri_region_info){0}, &err), TRI_BAD_HANDLE);
    assert_status(tri_arena_export(peer, 0, &err), TRI_UNSUPPORTED);
    tri_arena_destroy(&peer);
    tri_arena_destroy(&owner);
}

static void a_region_that_a_peer_has_claimed_is_doomed(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *owner = make_shared(4 * MIB);
    struct tri_arena *peer = import_here(owner, false);
    tri_handle a = allocate(owner, 4 * MIB, "all of it"), b = TRI_HANDLE_NONE;
    struct tri_host_view view;
    assert_ok(tri_host_view_begin(peer, a, TRI_ACCESS_READ, NULL, &view, &err));
    assert_ok(tri_arena_free_shared(owner, a, &err));
    assert_status(tri_arena_allocate_shared(owner, 1, &b, &err), TRI_NO_MEMORY);
    assert_ok(tri_host_view_end(peer, &view, &err));
    assert_status(tri_host_view_begin(peer, a, TRI_ACCESS_READ, NULL, &view, &err), TRI_BAD_HANDLE);
    b = allocate(owner, 1, "after");
    assert_ok(tri_host_view_begin(peer, b, TRI_ACCESS_READ, NULL, &view, &err));
    assert_ok(tri_host_view_end(peer, &view, &err));
    tri_arena_destroy(&peer);
    tri_arena_destroy(&owner);
}

static void only_shared_arenas_and_unix_sockets(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena_params params = {.struct_bytes = sizeof params, .shared = true, .backing = TRI_BACKING_PRIVATE};
    struct tri_arena *arena = NULL, *none = NULL;
    int ends[2], pipes[2];
    assert_status(tri_arena_create(&params, &none, &err), TRI_UNSUPPORTED);
    params = (struct tri_arena_params){
        .struct_bytes = sizeof params, .shared = true, .capacity_bytes = TRI_SHARED_MAX_BYTES + 1};
    assert_status(tri_arena_create(&params, &none, &err), TRI_LIMIT);
    assert_ok(tri_arena_create(NULL, &arena, &err));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_status(tri_arena_export(arena, ends[0], &err), TRI_UNSUPPORTED);
    tri_arena_destroy(&arena);
    arena = make_shared(MIB);
    assert_int_equal(pipe(pipes), 0);
    assert_status(tri_arena_export(arena, pipes[1], &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_arena_import(pipes[0], NULL, &none, &err), TRI_INVALID_ARGUMENT);
    close(ends[1]);
    assert_status(tri_arena_export(arena, ends[0], &err), TRI_IO);
    assert_status(tri_arena_import(ends[0], NULL, &none, &err), TRI_IO);
    close(ends[0]);
    close(pipes[0]);
    close(pipes[1]);
    assert_null(none);
    tri_arena_destroy(&arena);
}

/* The message as it is sent, so that it can be sent damaged: catches it between export and import. */
struct message {
    uint8_t bytes[4096];
    size_t size;
    int fds[TRII_SOCKET_FDS_MAX];
    size_t count;
};

static void catch_message(struct tri_arena *owner, struct message *m) {
    struct tri_error err = {0};
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    assert_ok(tri_arena_export(owner, ends[0], &err));
    uint8_t peeked[4096];
    ssize_t size = recv(ends[1], peeked, sizeof peeked, MSG_PEEK);
    assert_true(size > 0);
    m->size = (size_t)size;
    assert_int_equal(trii_sys_socket_receive(ends[1], m->bytes, m->size, m->fds, &m->count), 0);
    close(ends[0]);
    close(ends[1]);
}

static tri_status import_message(const struct message *m, struct tri_arena **out) {
    struct tri_error err = {0};
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    assert_int_equal(trii_sys_socket_send(ends[0], m->bytes, m->size, m->fds, m->count), 0);
    close(ends[0]);
    tri_status status = tri_arena_import(ends[1], NULL, out, &err);
    close(ends[1]);
    return status;
}

static void no_damaged_message_is_mapped(void **state) {
    (void)state;
    static struct message good, bad;
    struct tri_arena *owner = make_shared(4 * MIB), *none = NULL;
    catch_message(owner, &good);
    for (size_t byte = 0; byte < 44; byte++) /* the numbers; behind them lies the label */
        for (int bit = 0; bit < 8; bit++) {
            bad = good;
            bad.bytes[byte] ^= (uint8_t)(1 << bit);
            tri_status status = import_message(&bad, &none);
            if (status == TRI_OK) { /* another arena number, or the sizes of segments that are not there */
                assert_true((byte >= 12 && byte < 14) || byte >= 28);
                tri_arena_destroy(&none);
            }
        }
    for (size_t size = 0; size < good.size; size += 97) {
        bad = good;
        bad.size = size ? size : 1;
        assert_int_not_equal(import_message(&bad, &none), TRI_OK);
    }
    for (size_t count = 0; count < good.count; count++) {
        bad = good;
        bad.count = count;
        assert_int_not_equal(import_message(&bad, &none), TRI_OK);
    }
    bad = good; /* unsealed memory of the right size could be shrunk under us */
    bad.fds[1] = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(bad.fds[1] >= 0 && ftruncate(bad.fds[1], 4 * (off_t)MIB) == 0);
    assert_int_equal(import_message(&bad, &none), TRI_PARSE);
    close(bad.fds[1]);
    bad = good; /* payload in place of control */
    bad.fds[0] = good.fds[1];
    assert_int_equal(import_message(&bad, &none), TRI_PARSE);
    assert_null(none);
    for (size_t i = 0; i < good.count; i++)
        close(good.fds[i]);
    tri_arena_destroy(&owner);
}

/* Runs `child` in another process, which imports the arena first. Gives its wait status. */
static int in_another_process(struct tri_arena *owner, int (*child)(struct tri_arena *peer, tri_handle region),
                              tri_handle region) {
    struct tri_error err = {0};
    int ends[2], result = -1;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct tri_arena *peer = NULL;
        int code = tri_arena_import(ends[1], NULL, &peer, &err) == TRI_OK ? child(peer, region) : 99;
        tri_arena_destroy(&peer);
        _exit(code);
    }
    assert_ok(tri_arena_export(owner, ends[0], &err));
    assert_int_equal(waitpid(pid, &result, 0), pid);
    close(ends[0]);
    close(ends[1]);
    return result;
}

static int write_seven(struct tri_arena *peer, tri_handle region) {
    struct tri_error err = {0};
    struct tri_host_view view;
    if (tri_host_view_begin(peer, region, TRI_ACCESS_WRITE, NULL, &view, &err) != TRI_OK)
        return 1;
    memset(view.write, 7, view.size_bytes);
    return tri_host_view_end(peer, &view, &err) == TRI_OK ? 0 : 2;
}

static int die_writing(struct tri_arena *peer, tri_handle region) {
    struct tri_error err = {0};
    struct tri_host_view view;
    if (tri_host_view_begin(peer, region, TRI_ACCESS_WRITE, NULL, &view, &err) != TRI_OK)
        return 1;
    raise(SIGKILL);
    return 2;
}

static void another_process_writes_and_one_dies_writing(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *owner = make_shared(4 * MIB);
    tri_handle a = allocate(owner, 9000, "work");
    struct tri_host_view view;
    int result = in_another_process(owner, write_seven, a);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
    assert_ok(tri_host_view_begin(owner, a, TRI_ACCESS_READ, NULL, &view, &err));
    assert_int_equal(((const uint8_t *)view.read)[8999], 7);
    assert_ok(tri_host_view_end(owner, &view, &err));
    result = in_another_process(owner, die_writing, a);
    assert_true(WIFSIGNALED(result));
    assert_status(tri_host_view_begin(owner, a, TRI_ACCESS_READ, NULL, &view, &err), TRI_POISONED);
    assert_ok(tri_arena_free_shared(owner, a, &err));
    assert_ok(tri_arena_drain(owner, 0, &err));
    tri_arena_destroy(&owner);
}

/* A thread is still zeroing the pages of the first number, or failed to: the second lives all the same. */
static void regions_behind_one_in_the_making_are_listed(void **state) {
    (void)state;
    struct tri_arena *owner = make_shared(4 * MIB);
    tri_handle a = allocate(owner, 1, "a"), b = allocate(owner, 1, "b"), listed[2] = {0};
    _Atomic uint64_t *word = &owner->slots[(uint32_t)(a >> 32) & 0xFFFFu].word;
    uint64_t live = trii_load_relaxed(word);
    trii_store_relaxed(word, 0);
    assert_int_equal(tri_arena_regions(owner, listed, 2), 1);
    assert_true(listed[0] == b);
    trii_store_relaxed(word, live);
    assert_int_equal(tri_arena_regions(owner, NULL, 0), 2);
    tri_arena_destroy(&owner);
}

static int die_reading(struct tri_arena *peer, tri_handle region) {
    struct tri_error err = {0};
    struct tri_host_view view;
    if (tri_host_view_begin(peer, region, TRI_ACCESS_READ, NULL, &view, &err) != TRI_OK)
        return 1;
    raise(SIGKILL);
    return 2;
}

/* Nobody waits for what the dead held but the owner, who drains, or wants the pages back. */
static void what_the_dead_held_is_drained_and_reused(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *owner = make_shared(4 * MIB);
    tri_handle a = allocate(owner, 4 * MIB, "all of it"), b = TRI_HANDLE_NONE;
    assert_true(WIFSIGNALED(in_another_process(owner, die_reading, a)));
    assert_ok(tri_arena_drain(owner, 2000000000u, &err));
    assert_true(WIFSIGNALED(in_another_process(owner, die_reading, a)));
    assert_ok(tri_arena_free_shared(owner, a, &err));
    tri_status status = TRI_NO_MEMORY;
    for (uint32_t i = 0; i < 2000000u && status == TRI_NO_MEMORY; i++)
        status = tri_arena_allocate_shared(owner, 4 * MIB, &b, &err);
    assert_int_equal(status, TRI_OK);
    tri_arena_destroy(&owner);
}

/* Writes random bytes over everything that it got: payload, table and synchronizer. */
static int scribble(struct tri_arena *peer, tri_handle region) {
    uint64_t random = 99, *control = (uint64_t *)(void *)peer->control.bytes + 1024;
    size_t words = (size_t)trii_control_bytes() / sizeof(uint64_t) - 1024;
    uint8_t *payload = peer->backing.base;
    (void)region;
    for (int i = 0; i < 3000000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        control[i % 4 ? random % 8192 : random % words] = random; /* more often where the first regions lie */
        payload[random % (4 * MIB)] = (uint8_t)random;
        if (i % 4096 == 0) { /* its own looks must not stray, either */
            tri_handle handles[16];
            size_t count = tri_arena_regions(peer, handles, 16);
            for (size_t h = 0; h < 16 && h < count; h++) {
                struct trii_region r;
                if (trii_arena_resolve(peer, handles[h], &r, NULL) == TRI_OK &&
                    (r.bytes < payload || r.bytes + r.mapped_bytes > payload + 4 * MIB))
                    return 3;
            }
        }
    }
    return ftruncate(peer->backing.segments[0].fd, 0) != 0 && fcntl(peer->backing.segments[0].fd, F_ADD_SEALS,
                                                                     F_SEAL_WRITE) != 0 ? 0 : 4;
}

/* Everything may fail meanwhile, and nothing may crash, hang or hand out pages twice. */
static void a_hostile_peer_spoils_bytes_and_no_more(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *owner = make_shared(4 * MIB);
    int ends[2], result = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct tri_arena *peer = NULL;
        _exit(tri_arena_import(ends[1], NULL, &peer, &err) == TRI_OK ? scribble(peer, 0) : 99);
    }
    assert_ok(tri_arena_export(owner, ends[0], &err));
    while (waitpid(pid, &result, WNOHANG) == 0) {
        struct trii_region a, b;
        tri_handle ha, hb;
        struct tri_host_view view;
        if (tri_arena_allocate_shared(owner, 5000, &ha, &err) != TRI_OK)
            continue;
        assert_ok(trii_arena_resolve(owner, ha, &a, &err));
        assert_int_equal(a.mapped_bytes, 8192);
        if (tri_arena_allocate_shared(owner, 20000, &hb, &err) == TRI_OK) {
            assert_ok(trii_arena_resolve(owner, hb, &b, &err));
            assert_true(a.bytes + a.mapped_bytes <= b.bytes || b.bytes + b.mapped_bytes <= a.bytes);
            assert_ok(tri_arena_free_shared(owner, hb, &err));
        }
        if (tri_host_view_begin(owner, ha, TRI_ACCESS_WRITE, &at_once, &view, &err) == TRI_OK) {
            memset(view.write, 1, view.size_bytes);
            (void)!tri_host_view_end(owner, &view, &err);
        }
        assert_ok(tri_arena_free_shared(owner, ha, &err));
    }
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
    close(ends[0]);
    close(ends[1]);
    tri_arena_destroy(&owner);
}

/* An import that fails half-way leaves no descriptor behind. */
static void a_failed_import_leaves_nothing(void **state) {
    (void)state;
    static const enum trii_fault kinds[] = {TRII_FAULT_ALLOC, TRII_FAULT_MMAP};
    struct tri_arena *owner = make_shared(4 * MIB);
    int before = dup(0), after;
    close(before);
    for (size_t k = 0; k < 2; k++) {
        uint64_t nth = 0;
        for (bool fired = true; fired; nth++) {
            static struct message m;
            struct tri_arena *peer = NULL;
            catch_message(owner, &m);
            trii_fault_arm(kinds[k], nth);
            tri_status status = import_message(&m, &peer);
            fired = trii_fault_disarm(kinds[k]);
            assert_true(status == TRI_OK || (fired && status == TRI_NO_MEMORY));
            tri_arena_destroy(&peer);
            for (size_t i = 0; i < m.count; i++)
                close(m.fds[i]);
        }
        assert_true(nth > 1);
    }
    after = dup(0);
    close(after);
    assert_int_equal(after, before); /* the lowest free descriptor is the same */
    tri_arena_destroy(&owner);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_sees_the_same_regions),
        cmocka_unit_test(a_peer_may_not_what_is_the_owners),
        cmocka_unit_test(a_region_that_a_peer_has_claimed_is_doomed),
        cmocka_unit_test(only_shared_arenas_and_unix_sockets),
        cmocka_unit_test(no_damaged_message_is_mapped),
        cmocka_unit_test(a_failed_import_leaves_nothing),
        cmocka_unit_test(another_process_writes_and_one_dies_writing),
        cmocka_unit_test(regions_behind_one_in_the_making_are_listed),
        cmocka_unit_test(what_the_dead_held_is_drained_and_reused),
        cmocka_unit_test(a_hostile_peer_spoils_bytes_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
