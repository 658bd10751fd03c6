/* Two processes, one arena: bytes and claims go both ways, the dead leave nothing behind, and readers only read. */
#include "share_kit.h"

#include <pthread.h>

static const struct tri_wait long_wait = {.timeout_ns = 20000000000u};

static void write_bytes(struct tri_arena *arena, tri_handle region, uint8_t value) {
    struct tri_host_view view;
    struct tri_error err = {0};
    assert_ok(tri_host_view_begin(arena, region, TRI_ACCESS_WRITE, &long_wait, &view, &err));
    memset(view.write, value, view.size_bytes);
    assert_ok(tri_host_view_end(arena, &view, &err));
}

static uint8_t read_byte(struct tri_arena *arena, tri_handle region, uint64_t at) {
    struct tri_host_view view;
    struct tri_error err = {0};
    assert_ok(tri_host_view_begin(arena, region, TRI_ACCESS_READ, &long_wait, &view, &err));
    uint8_t value = ((const uint8_t *)view.read)[at];
    assert_ok(tri_host_view_end(arena, &view, &err));
    return value;
}

/* ---- what the other processes do ---- */

/* Adds one to each byte of "frame" and goes. */
static void role_add(const char *name) {
    struct tri_connect_params params = {.struct_bytes = sizeof params, .name = name, .writable = true};
    struct tri_peer *peer = NULL;
    struct tri_host_view view;
    struct tri_error err = {0};
    tri_handle frame;
    share_must(tri_peer_connect(&params, &peer, &err), &err);
    share_must(tri_peer_find(peer, "frame", &frame, &err), &err);
    share_must(tri_peer_view_begin(peer, frame, TRI_ACCESS_READ_WRITE, NULL, &view, &err), &err);
    for (uint64_t i = 0; i < view.size_bytes; i++)
        ((uint8_t *)view.write)[i]++;
    share_must(tri_peer_view_end(peer, &view, &err), &err);
    tri_peer_close(&peer);
}

/* Takes "frame" and keeps it until it is killed. */
static void role_hold(const char *name, bool write) {
    struct tri_connect_params params = {.struct_bytes = sizeof params, .name = name, .writable = write};
    struct tri_peer *peer = NULL;
    struct tri_host_view view;
    struct tri_error err = {0};
    tri_handle frame;
    share_must(tri_peer_connect(&params, &peer, &err), &err);
    share_must(tri_peer_find(peer, "frame", &frame, &err), &err);
    share_must(tri_peer_view_begin(peer, frame, write ? TRI_ACCESS_WRITE : TRI_ACCESS_READ, NULL, &view, &err), &err);
    share_say('h');
    for (;;)
        pause();
}

static int play(const char *role, const char *name) {
    if (strcmp(role, "add") == 0)
        role_add(name);
    else if (strcmp(role, "write") == 0 || strcmp(role, "read") == 0)
        role_hold(name, role[0] == 'w');
    return 0;
}

/* ---- trusted ---- */

static void bytes_go_both_ways(void **state) {
    (void)state;
    struct tri_arena *arena = share_arena(TRI_SHARING_TRUSTED);
    tri_handle frame = share_region(arena, "frame", 3 * TRI_PAGE_BYTES + 5);
    write_bytes(arena, frame, 41);
    share_serve(arena, "both");
    struct share_process peer = share_start("add", "both");
    assert_int_equal(share_wait(&peer), 0);
    assert_int_equal(read_byte(arena, frame, 0), 42);
    assert_int_equal(read_byte(arena, frame, 3 * TRI_PAGE_BYTES + 4), 42);
    tri_arena_destroy(&arena); /* and serves no more */
}

static void segments_that_came_later_are_mapped_when_needed(void **state) {
    (void)state;
    struct tri_arena *arena = share_arena(TRI_SHARING_TRUSTED);
    struct tri_host_view view;
    struct tri_error err = {0};
    share_serve(arena, "later");
    struct tri_peer *peer = share_connect("later", false);
    for (int i = 0; i < 3; i++) {
        char label[8];
        tri_handle found;
        snprintf(label, sizeof label, "big %d", i);
        tri_handle big = share_region(arena, label, (uint64_t)60 << 20);
        write_bytes(arena, big, (uint8_t)(i + 1));
        assert_ok(tri_peer_find(peer, label, &found, &err));
        assert_int_equal(found, big);
        assert_ok(tri_peer_view_begin(peer, big, TRI_ACCESS_READ, NULL, &view, &err));
        assert_int_equal(((const uint8_t *)view.read)[view.size_bytes - 1], i + 1);
        assert_null(view.write);
        assert_ok(tri_peer_view_end(peer, &view, &err));
        assert_status(tri_peer_view_end(peer, &view, &err), TRI_BAD_CLAIM);
    }
    assert_status(tri_peer_view_begin(peer, share_region(arena, "x", 1), TRI_ACCESS_WRITE, NULL, &view, &err),
                  TRI_PERMISSION);
    tri_peer_close(&peer);
    tri_arena_destroy(&arena);
}

static void a_freed_region_is_gone_for_peers_but_not_under_them(void **state) {
    (void)state;
    struct tri_arena *arena = share_arena(TRI_SHARING_TRUSTED);
    struct tri_arena_stats stats;
    struct tri_host_view view, other;
    struct tri_error err = {0};
    tri_handle frame = share_region(arena, "frame", 64);
    share_serve(arena, "freed");
    struct tri_peer *peer = share_connect("freed", true);
    assert_ok(tri_peer_view_begin(peer, frame, TRI_ACCESS_WRITE, NULL, &view, &err));
    assert_ok(tri_arena_free_shared(arena, frame, &err));
    tri_handle next = share_region(arena, "next", 64);
    ((uint8_t *)view.write)[0] = 9; /* still nobody else's */
    assert_int_equal(read_byte(arena, next, 0), 0);
    assert_status(tri_peer_view_begin(peer, frame, TRI_ACCESS_READ, NULL, &other, &err), TRI_BAD_HANDLE);
    assert_ok(tri_peer_view_end(peer, &view, &err));
    assert_status(tri_peer_view_begin(peer, frame, TRI_ACCESS_READ, NULL, &view, &err), TRI_BAD_HANDLE);
    assert_ok(tri_arena_drain(arena, long_wait.timeout_ns, &err));
    tri_arena_stats(arena, &stats);
    assert_int_equal(stats.doomed, 0);
    assert_status(tri_peer_view_begin(peer, 0x1234, TRI_ACCESS_READ, NULL, &view, &err), TRI_BAD_HANDLE);
    assert_status(tri_peer_view_begin(peer, TRI_HANDLE_NONE, TRI_ACCESS_READ, NULL, &view, &err), TRI_BAD_HANDLE);
    tri_peer_close(&peer);
    tri_arena_destroy(&arena);
}

static void a_writer_that_is_killed_leaves_poison_with_its_pid(void **state) {
    (void)state;
    struct tri_arena *arena = share_arena(TRI_SHARING_TRUSTED);
    struct tri_host_view view;
    struct tri_error err = {0};
    char pid[32];
    tri_handle frame = share_region(arena, "frame", 64);
    share_serve(arena, "killed");
    struct share_process peer = share_start("write", "killed");
    assert_int_equal(share_hear(&peer), 'h');
    assert_int_equal(tri_sync_state(tri_arena_sync(arena), 0), TRI_SYNC_HOST_WRITING);
    share_kill(&peer);
    assert_status(tri_host_view_begin(arena, frame, TRI_ACCESS_READ, &long_wait, &view, &err), TRI_POISONED);
    snprintf(pid, sizeof pid, "process %d died", (int)peer.pid);
    assert_non_null(strstr(err.message, pid));
    assert_ok(tri_sync_reset(tri_arena_sync(arena), 0, &err));
    write_bytes(arena, frame, 1);
    tri_arena_destroy(&arena);
}

static void a_peer_that_closes_holding_a_claim_is_like_one_that_died(void **state) {
    (void)state;
    struct tri_arena *arena = share_arena(TRI_SHARING_TRUSTED);
    struct tri_host_view view;
    struct tri_error err = {0};
    tri_handle frame = share_region(arena, "frame", 64);
    share_serve(arena, "closes");
    struct tri_peer *peer = share_connect("closes", true);
    assert_ok(tri_peer_view_begin(peer, frame, TRI_ACCESS_READ, NULL, &view, &err));
    tri_peer_close(&peer);
    write_bytes(arena, frame, 1);
    peer = share_connect("closes", true);
    assert_ok(tri_peer_view_begin(peer, frame, TRI_ACCESS_WRITE, NULL, &view, &err));
    tri_peer_close(&peer);
    assert_true(tri_sync_poison_cause(tri_arena_sync(arena), 0, NULL));
    tri_arena_destroy(&arena);
}

/* ---- readers ---- */

static void readers_read_and_the_owner_takes_their_claims(void **state) {
    (void)state;
    struct tri_arena *arena = share_arena(TRI_SHARING_READERS);
    struct tri_connect_params params = {.struct_bytes = sizeof params, .name = "readers", .writable = true};
    struct tri_host_view view, own;
    struct tri_error err = {0};
    tri_handle frame = share_region(arena, "frame", 64);
    write_bytes(arena, frame, 7);
    share_serve(arena, "readers");
    struct tri_peer *peer = NULL;
    struct tri_arena *imported = NULL;
    assert_status(tri_peer_connect(&params, &peer, &err), TRI_PERMISSION);
    assert_null(peer);
    peer = share_connect("readers", false);
    assert_status(tri_peer_arena(peer, &imported, &err), TRI_PERMISSION);
    assert_ok(tri_peer_view_begin(peer, frame, TRI_ACCESS_READ, NULL, &view, &err));
    assert_int_equal(*(const uint8_t *)view.read, 7);
    assert_status(tri_host_view_begin(arena, frame, TRI_ACCESS_WRITE, &(struct tri_wait){.timeout_ns = 0}, &own, &err),
                  TRI_BUSY);
    assert_status(tri_peer_view_begin(peer, frame, TRI_ACCESS_WRITE, NULL, &own, &err), TRI_PERMISSION);
    assert_ok(tri_peer_view_end(peer, &view, &err));
    assert_ok(tri_host_view_begin(arena, frame, TRI_ACCESS_WRITE, &(struct tri_wait){.timeout_ns = 0}, &own, &err));
    assert_status(tri_peer_view_begin(peer, frame, TRI_ACCESS_READ, &(struct tri_wait){.timeout_ns = 0}, &view, &err),
                  TRI_BUSY);
    assert_status(tri_peer_view_begin(peer, frame, TRI_ACCESS_READ, &(struct tri_wait){.timeout_ns = 1000000}, &view, &err),
                  TRI_TIMEOUT);
    assert_ok(tri_host_view_end(arena, &own, &err));
    assert_ok(tri_arena_free_shared(arena, frame, &err));
    assert_status(tri_peer_view_begin(peer, frame, TRI_ACCESS_READ, NULL, &view, &err), TRI_BAD_HANDLE);
    tri_peer_close(&peer);
    tri_arena_destroy(&arena);
}

static void what_readers_hold_is_bounded(void **state) {
    (void)state;
    struct tri_arena *arena = share_arena(TRI_SHARING_READERS);
    struct tri_host_view views[TRI_PEER_CLAIMS_MAX + 1];
    struct tri_error err = {0};
    tri_handle regions[TRI_PEER_CLAIMS_MAX];
    for (int i = 0; i < TRI_PEER_CLAIMS_MAX; i++)
        regions[i] = share_region(arena, NULL, 1);
    share_serve(arena, "bounded");
    struct tri_peer *peer = share_connect("bounded", false);
    for (int i = 0; i < TRI_PEER_CLAIMS_PER_REGION; i++)
        assert_ok(tri_peer_view_begin(peer, regions[0], TRI_ACCESS_READ, NULL, &views[i], &err));
    assert_status(tri_peer_view_begin(peer, regions[0], TRI_ACCESS_READ, NULL, &views[15], &err), TRI_LIMIT);
    for (int i = TRI_PEER_CLAIMS_PER_REGION; i < TRI_PEER_CLAIMS_MAX; i++)
        assert_ok(tri_peer_view_begin(peer, regions[i], TRI_ACCESS_READ, NULL, &views[i], &err));
    assert_status(tri_peer_view_begin(peer, regions[1], TRI_ACCESS_READ, NULL, &views[16], &err), TRI_LIMIT);
    tri_peer_close(&peer);
    assert_ok(tri_arena_drain(arena, long_wait.timeout_ns, &err)); /* its claims went with the connection */
    tri_arena_destroy(&arena);
}

static void a_reader_that_is_killed_or_hangs_stops_nobody(void **state) {
    (void)state;
    struct tri_arena *arena = share_arena(TRI_SHARING_READERS);
    struct tri_serve_params params = {.struct_bytes = sizeof params, .name = "hangs", .claim_limit_ns = TRI_FOREVER};
    struct tri_host_view view;
    struct tri_error err = {0};
    tri_handle frame = share_region(arena, "frame", 64);
    assert_ok(tri_arena_serve(arena, &params, &err));
    struct share_process peer = share_start("read", "hangs");
    assert_int_equal(share_hear(&peer), 'h');
    assert_int_equal(tri_sync_state(tri_arena_sync(arena), 0), TRI_SYNC_HOST_READING);
    share_kill(&peer);
    write_bytes(arena, frame, 1);
    tri_arena_unserve(arena);
    params.claim_limit_ns = 1;
    assert_ok(tri_arena_serve(arena, &params, &err));
    struct tri_peer *hanging = share_connect("hangs", false);
    assert_ok(tri_peer_view_begin(hanging, frame, TRI_ACCESS_READ, NULL, &view, &err));
    write_bytes(arena, frame, 2);
    assert_int_equal(*(const uint8_t *)view.read, 2);
    assert_status(tri_peer_view_end(hanging, &view, &err), TRI_BAD_CLAIM);
    assert_non_null(strstr(err.message, "held longer"));
    tri_peer_close(&hanging);
    tri_arena_destroy(&arena);
}

static void poison_reaches_readers_with_its_cause(void **state) {
    (void)state;
    struct tri_arena *arena = share_arena(TRI_SHARING_READERS);
    struct tri_host_view view;
    struct tri_error err = {0}, cause = {.status = TRI_TRAP, .message = "the guest trapped", .stage = "blur"};
    tri_handle frame = share_region(arena, "frame", 64);
    assert_ok(tri_host_view_begin(arena, frame, TRI_ACCESS_WRITE, NULL, &view, &err));
    assert_ok(tri_sync_poison(tri_arena_sync(arena), view.claim, &cause, &err));
    assert_ok(tri_host_view_end(arena, &view, &err));
    share_serve(arena, "poison");
    struct tri_peer *peer = share_connect("poison", false);
    assert_status(tri_peer_view_begin(peer, frame, TRI_ACCESS_READ, NULL, &view, &err), TRI_POISONED);
    assert_non_null(strstr(err.message, "the guest trapped"));
    assert_string_equal(err.stage, "blur");
    struct tri_error told = {0};
    assert_ok(tri_peer_poison_cause(peer, frame, &told, &err));
    assert_int_equal(told.status, TRI_TRAP);
    assert_string_equal(told.message, "the guest trapped");
    assert_string_equal(told.stage, "blur");
    assert_ok(tri_sync_reset(tri_arena_sync(arena), 0, &err));
    assert_status(tri_peer_poison_cause(peer, frame, &told, &err), TRI_NOT_FOUND);
    assert_status(tri_peer_poison_cause(peer, frame + 1, &told, &err), TRI_BAD_HANDLE);
    assert_status(tri_peer_poison_cause(peer, frame, NULL, &err), TRI_INVALID_ARGUMENT);
    tri_peer_close(&peer);
    tri_arena_destroy(&arena);
}

/* ---- looking ---- */

static void *wait_to_write(void *user) {
    struct tri_arena *arena = user;
    struct tri_error err = {0};
    tri_claim claim;
    if (tri_sync_acquire_write(tri_arena_sync(arena), 0, TRI_TECHNOLOGY_WEBNN, &long_wait, &claim, &err) != TRI_OK ||
        tri_sync_release(tri_arena_sync(arena), claim, &err) != TRI_OK)
        abort();
    return NULL;
}

static void who_waits_is_told(void **state) {
    (void)state;
    struct tri_arena *arena = share_arena(TRI_SHARING_TRUSTED);
    struct tri_shared_region region;
    struct tri_holder holders[TRI_HOLDERS_MAX];
    struct tri_error err = {0};
    tri_handle frame = share_region(arena, "frame", 128);
    pthread_t thread;
    tri_claim held;
    size_t count = 0;
    share_serve(arena, "waits");
    struct tri_peer *peer = share_connect("waits", false);
    assert_ok(tri_sync_acquire_read(tri_arena_sync(arena), 0, TRI_TECHNOLOGY_WEBGPU, NULL, &held, &err));
    assert_int_equal(pthread_create(&thread, NULL, wait_to_write, arena), 0);
    do
        assert_ok(tri_peer_region(peer, frame, &region, &err));
    while (region.sync.waiting_writers == 0);
    assert_ok(tri_peer_holders(peer, frame, holders, TRI_HOLDERS_MAX, &count, &err));
    assert_int_equal(count, 2);
    assert_int_equal(holders[1].technology, TRI_TECHNOLOGY_WEBNN);
    assert_true(holders[1].waits && holders[1].writes && !holders[0].waits);
    assert_int_equal(holders[1].pid, getpid());
    assert_ok(tri_sync_release(tri_arena_sync(arena), held, &err));
    pthread_join(thread, NULL);
    tri_peer_close(&peer);
    tri_arena_destroy(&arena);
}

static void regions_and_holders_are_told(void **state) {
    (void)state;
    struct tri_arena *arena = share_arena(TRI_SHARING_TRUSTED);
    struct tri_layout image = tri_layout_image(4, 8, 4, TRI_DTYPE_U8);
    struct tri_shared_region region;
    struct tri_holder holders[TRI_HOLDERS_MAX];
    struct tri_error err = {0};
    struct tri_peer_info info;
    struct tri_arena *imported = NULL;
    tri_claim claims[3];
    size_t count = 0;
    uint32_t cursor = 0;
    tri_handle frame = share_region(arena, "frame", 128), work = share_region(arena, "work", 5000), found;
    assert_ok(tri_region_set_layout(arena, frame, &image, &err));
    share_serve(arena, "told");
    struct tri_peer *peer = share_connect("told", true);
    tri_peer_info(peer, &info);
    assert_string_equal(info.arena, "shared");
    assert_int_equal(info.owner_pid, getpid());
    assert_int_equal(info.sharing, TRI_SHARING_TRUSTED);
    assert_true(info.writable);
    assert_ok(tri_peer_arena(peer, &imported, &err));
    assert_ok(tri_sync_acquire_read(tri_arena_sync(arena), 0, TRI_TECHNOLOGY_WEBGPU, NULL, &claims[0], &err));
    assert_ok(tri_sync_acquire_read(tri_arena_sync(imported), 0, TRI_TECHNOLOGY_HOST, NULL, &claims[1], &err));
    assert_ok(tri_sync_acquire_write(tri_arena_sync(imported), 1, TRI_TECHNOLOGY_WASM, NULL, &claims[2], &err));
    assert_ok(tri_peer_next(peer, &cursor, &region, &err));
    assert_int_equal(region.handle, frame);
    assert_string_equal(region.info.label, "frame");
    assert_int_equal(region.info.size_bytes, 128);
    assert_true(tri_layout_equal(&region.layout, &image));
    assert_int_equal(region.sync.state, TRI_SYNC_GPU_READING);
    assert_int_equal(region.sync.readers[TRI_TECHNOLOGY_HOST], 1);
    assert_ok(tri_peer_next(peer, &cursor, &region, &err));
    assert_int_equal(region.handle, work);
    assert_int_equal(region.info.mapped_bytes, 8192);
    assert_int_equal(region.sync.state, TRI_SYNC_WASM_WRITING);
    assert_status(tri_peer_next(peer, &cursor, &region, &err), TRI_NOT_FOUND);
    assert_ok(tri_peer_region(peer, work, &region, &err));
    assert_int_equal(region.info.index, 1);
    assert_ok(tri_peer_holders(peer, frame, holders, TRI_HOLDERS_MAX, &count, &err));
    assert_int_equal(count, 2);
    assert_int_equal(holders[0].pid, getpid());
    assert_int_equal(holders[0].technology, TRI_TECHNOLOGY_WEBGPU);
    assert_false(holders[0].writes || holders[0].waits);
    assert_ok(tri_peer_holders(peer, work, holders, 0, &count, &err));
    assert_int_equal(count, 1);
    assert_ok(tri_peer_holders(peer, work, holders, 1, &count, &err));
    assert_true(holders[0].writes);
    while (holders[0].age_ns == 0) /* the owner looks four times a second */
        assert_ok(tri_peer_holders(peer, work, holders, 1, &count, &err));
    assert_status(tri_peer_find(peer, "nothing", &found, &err), TRI_NOT_FOUND);
    share_region(arena, "work", 1);
    assert_status(tri_peer_find(peer, "work", &found, &err), TRI_INVALID_ARGUMENT);
    for (int i = 0; i < 3; i++)
        assert_ok(tri_sync_release(i ? tri_arena_sync(imported) : tri_arena_sync(arena), claims[i], &err));
    tri_peer_close(&peer);
    tri_arena_destroy(&arena);
}

/* ---- names ---- */

static void names_and_arenas_that_are_refused(void **state) {
    (void)state;
    struct tri_arena *arena = share_arena(TRI_SHARING_TRUSTED), *other = share_arena(TRI_SHARING_READERS), *none = NULL;
    struct tri_arena_params private = {
        .struct_bytes = sizeof private, .backing = TRI_BACKING_PRIVATE, .readers = true};
    struct tri_serve_params params = {.struct_bytes = sizeof params, .name = "one"};
    struct tri_connect_params to = {.struct_bytes = sizeof to};
    static const char *const bad[] = {NULL, "", ".hidden", "a/b", "../up", "space here",
                                      "0123456789012345678901234567890123456789012345678901234567890123"};
    struct tri_error err = {0};
    struct tri_peer *peer = NULL;
    assert_status(tri_arena_create(&private, &none, &err), TRI_UNSUPPORTED);
    private.readers = false;
    assert_ok(tri_arena_create(&private, &none, &err));
    assert_status(tri_arena_serve(none, &params, &err), TRI_PERMISSION);
    assert_non_null(strstr(err.message, "private pages"));
    tri_arena_destroy(&none);
    assert_ok(tri_arena_create(NULL, &none, &err));
    assert_status(tri_arena_serve(none, &params, &err), TRI_PERMISSION);
    tri_arena_destroy(&none);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        params.name = to.name = bad[i];
        assert_status(tri_arena_serve(arena, &params, &err), TRI_INVALID_ARGUMENT);
        assert_status(tri_peer_connect(&to, &peer, &err), TRI_INVALID_ARGUMENT);
    }
    params.name = to.name = "one";
    assert_status(tri_peer_connect(&to, &peer, &err), TRI_NOT_FOUND);
    assert_ok(tri_arena_serve(arena, &params, &err));
    assert_status(tri_arena_serve(other, &params, &err), TRI_BUSY);
    params.name = "two";
    assert_status(tri_arena_serve(arena, &params, &err), TRI_BUSY);
    tri_arena_unserve(arena);
    tri_arena_unserve(arena);
    tri_arena_unserve(NULL);
    assert_status(tri_peer_connect(&to, &peer, &err), TRI_NOT_FOUND);
    assert_status(tri_peer_connect(NULL, &peer, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_arena_serve(arena, NULL, &err), TRI_INVALID_ARGUMENT);
    params.name = "one";
    assert_ok(tri_arena_serve(other, &params, &err));
    tri_arena_destroy(&other);
    tri_arena_destroy(&arena);
}

static void a_socket_that_a_dead_owner_left_is_replaced(void **state) {
    (void)state;
    struct tri_arena *arena = share_arena(TRI_SHARING_TRUSTED);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/tripoint/left", share_folder);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
    share_serve(arena, "left");
    struct tri_peer *peer = share_connect("left", true);
    tri_peer_close(&peer);
    tri_arena_destroy(&arena);
    assert_int_equal(access(address.sun_path, F_OK), -1);
}

static void a_peer_outlives_its_owner(void **state) {
    (void)state;
    struct tri_arena *arena = share_arena(TRI_SHARING_TRUSTED);
    struct tri_host_view view;
    struct tri_error err = {0};
    tri_handle frame = share_region(arena, "frame", 64), found;
    write_bytes(arena, frame, 5);
    share_serve(arena, "outlives");
    struct tri_peer *peer = share_connect("outlives", false);
    assert_ok(tri_peer_view_begin(peer, frame, TRI_ACCESS_READ, NULL, &view, &err));
    tri_arena_destroy(&arena);
    assert_int_equal(*(const uint8_t *)view.read, 5);
    assert_ok(tri_peer_view_end(peer, &view, &err));
    assert_status(tri_peer_find(peer, "frame", &found, &err), TRI_IO);
    assert_status(tri_peer_find(peer, "frame", &found, &err), TRI_IO);
    tri_peer_close(&peer);
    tri_peer_close(&peer);
    tri_peer_close(NULL);
}

static void a_forked_child_has_no_part_in_it(void **state) {
    (void)state;
    struct tri_arena *arena = share_arena(TRI_SHARING_TRUSTED);
    struct tri_error err = {0};
    share_region(arena, "frame", 64);
    share_serve(arena, "forked");
    struct tri_peer *peer = share_connect("forked", true);
    pid_t child = fork();
    if (child == 0) {
        struct tri_serve_params params = {.struct_bytes = sizeof params, .name = "child"};
        tri_handle found;
        bool right = tri_peer_find(peer, "frame", &found, &err) == TRI_PERMISSION &&
                     tri_arena_serve(arena, &params, &err) == TRI_PERMISSION;
        tri_peer_close(&peer);
        tri_arena_destroy(&arena);
        _exit(right ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    tri_handle found;
    assert_ok(tri_peer_find(peer, "frame", &found, &err));
    tri_peer_close(&peer);
    peer = share_connect("forked", true);
    tri_peer_close(&peer);
    tri_arena_destroy(&arena);
}

int main(int argc, char **argv) {
    if (argc == 3)
        return play(argv[1], argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways),
        cmocka_unit_test(segments_that_came_later_are_mapped_when_needed),
        cmocka_unit_test(a_freed_region_is_gone_for_peers_but_not_under_them),
        cmocka_unit_test(a_writer_that_is_killed_leaves_poison_with_its_pid),
        cmocka_unit_test(a_peer_that_closes_holding_a_claim_is_like_one_that_died),
        cmocka_unit_test(readers_read_and_the_owner_takes_their_claims),
        cmocka_unit_test(what_readers_hold_is_bounded),
        cmocka_unit_test(a_reader_that_is_killed_or_hangs_stops_nobody),
        cmocka_unit_test(poison_reaches_readers_with_its_cause),
        cmocka_unit_test(who_waits_is_told),
        cmocka_unit_test(regions_and_holders_are_told),
        cmocka_unit_test(names_and_arenas_that_are_refused),
        cmocka_unit_test(a_socket_that_a_dead_owner_left_is_replaced),
        cmocka_unit_test(a_peer_outlives_its_owner),
        cmocka_unit_test(a_forked_child_has_no_part_in_it),
    };
    share_begin();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    share_end();
    return failed;
}
