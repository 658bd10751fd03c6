/*
 * Every system call and allocation of serving and of a peer fails once, the nth for every n, on either side of the
 * socket, until the whole scenario survives without the fault: a failure is one sentence, and no descriptor and no
 * mapping is left.
 */
#include "share_kit.h"

#include "base/fault.h"

#include <dirent.h>

struct scenario {
    enum tri_sharing sharing;
    tri_status status; /* of the first call that failed */
    struct tri_error err;
};

#define STEP(call)                                                                               \
    do {                                                                                         \
        s->status = (call);                                                                      \
        if (s->status != TRI_OK)                                                                 \
            goto out;                                                                            \
    } while (0)

static void play(struct scenario *s) {
    struct tri_arena_params params = {.struct_bytes = sizeof params,
                                      .capacity_bytes = 200 << 20,
                                      .shared = s->sharing == TRI_SHARING_TRUSTED,
                                      .readers = s->sharing == TRI_SHARING_READERS};
    struct tri_region_params first = {.struct_bytes = sizeof first, .size_bytes = 5000, .label = "first"};
    struct tri_serve_params serve = {.struct_bytes = sizeof serve, .name = "faults"};
    struct tri_connect_params to = {.struct_bytes = sizeof to, .name = "faults"};
    struct tri_arena *arena = NULL;
    struct tri_peer *peer = NULL;
    struct tri_shared_region region;
    struct tri_host_view view = {.read = NULL};
    struct tri_holder holders[4];
    tri_handle a, b, found;
    uint32_t cursor = 0;
    size_t count;
    s->err = (struct tri_error){.status = TRI_OK};
    STEP(tri_arena_create(&params, &arena, &s->err));
    STEP(tri_region_allocate(arena, &first, &a, &s->err));
    STEP(tri_arena_serve(arena, &serve, &s->err));
    STEP(tri_arena_allocate_shared(arena, 100 << 20, &b, &s->err)); /* for readers, a second segment */
    STEP(tri_peer_connect(&to, &peer, &s->err));
    STEP(tri_peer_next(peer, &cursor, &region, &s->err));
    STEP(tri_peer_find(peer, "first", &found, &s->err));
    STEP(tri_peer_view_begin(peer, found, TRI_ACCESS_READ, NULL, &view, &s->err));
    STEP(tri_peer_holders(peer, found, holders, 4, &count, &s->err));
    assert_int_equal(count, 1);
    STEP(tri_peer_view_end(peer, &view, &s->err));
    STEP(tri_peer_view_begin(peer, b, TRI_ACCESS_READ, NULL, &view, &s->err));
    assert_int_equal(((const uint8_t *)view.read)[view.size_bytes - 1], 0);
    STEP(tri_peer_view_end(peer, &view, &s->err));
out:
    tri_peer_close(&peer);
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

/* Mappings of memfds: segments and control segments, whatever else a sanitizer maps. */
static size_t mappings(void) {
    char line[512];
    size_t count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps))
        count += strstr(line, "/memfd:") != NULL;
    fclose(maps);
    return count;
}

static const struct {
    enum trii_fault kind;
    const char *name;
} kinds[] = {{TRII_FAULT_ALLOC, "allocation"}, {TRII_FAULT_MMAP, "mmap"},     {TRII_FAULT_MEMFD, "memfd_create"},
             {TRII_FAULT_FTRUNCATE, "ftruncate"}, {TRII_FAULT_SEAL, "seal"},  {TRII_FAULT_THREAD, "thread"},
             {TRII_FAULT_OPEN, "open"},         {TRII_FAULT_SOCKET, "socket"}, {TRII_FAULT_SEND, "send"}};

static void every_call_fails_once(enum tri_sharing sharing) {
    struct scenario s = {.sharing = sharing};
    play(&s); /* whatever is made once in a process is there now */
    if (s.status != TRI_OK)
        fail_msg("%s", s.err.message);
    size_t files = open_files(), maps = mappings();
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        uint64_t nth = 0, failures = 0;
        for (bool fired = true; fired; nth++) {
            trii_fault_arm(kinds[k].kind, nth);
            play(&s);
            fired = trii_fault_disarm(kinds[k].kind);
            if (!fired && s.status != TRI_OK)
                fail_msg("%s %u: %s", kinds[k].name, (unsigned)nth, s.err.message);
            if (s.status != TRI_OK) {
                failures++;
                assert_true(s.status == TRI_NO_MEMORY || s.status == TRI_IO);
                assert_int_equal(s.err.status, s.status);
                assert_true(strlen(s.err.message) > 20);
            }
            assert_int_equal(open_files(), files);
            assert_int_equal(mappings(), maps);
        }
        print_message("%s: %u made to fail, %u of them an error\n", kinds[k].name, (unsigned)nth - 1, (unsigned)failures);
    }
}

static void with_a_trusted_peer(void **state) {
    (void)state;
    every_call_fails_once(TRI_SHARING_TRUSTED);
}

static void with_a_reader(void **state) {
    (void)state;
    every_call_fails_once(TRI_SHARING_READERS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_a_trusted_peer),
        cmocka_unit_test(with_a_reader),
    };
    share_begin();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    share_end();
    return failed;
}
