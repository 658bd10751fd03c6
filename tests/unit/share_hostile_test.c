/*
 * Peers that mean harm: readers that try to write in every way there is, packets that are no requests, floods, wrong
 * descriptors, other users, and control memory full of nonsense. The owner goes on, and nothing of it leaks.
 */
#include "share_kit.h"

#include "share/protocol.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <time.h>

#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_SEAL_WRITE 0x0008
#endif

static const struct tri_wait long_wait = {.timeout_ns = 20000000000u};

static size_t open_files(void) {
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

/* The owner's thread closes its ends when it gets to it. */
static void open_files_become(size_t count) {
    const struct timespec pause = {.tv_nsec = 1000000};
    for (int i = 0; i < 20000 && open_files() != count; i++)
        nanosleep(&pause, NULL);
    assert_int_equal(open_files(), count);
}

/* A connection without the library. */
static int dial(const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/tripoint/%s", share_folder, name);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

static bool say(int fd, const void *bytes, size_t size) {
    return send(fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static struct trii_request request_of(enum trii_verb verb, uint64_t value) {
    return (struct trii_request){.magic = TRII_SHARE_MAGIC, .verb = (uint32_t)verb, .value = value};
}

/* Asks and gives the answer's status; `passed` takes a descriptor. */
static int32_t ask(int fd, enum trii_verb verb, uint64_t value, int *passed) {
    struct trii_request request = request_of(verb, value);
    struct trii_answer answer;
    union {
        char room[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {.room = {0}};
    struct iovec part = {.iov_base = &answer, .iov_len = sizeof answer};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
    assert_true(say(fd, &request, sizeof request));
    ssize_t n = recvmsg(fd, &message, 0);
    assert_true(n >= (ssize_t)TRII_ANSWER_HEAD_BYTES);
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (head && passed)
        memcpy(passed, CMSG_DATA(head), sizeof *passed);
    return answer.status;
}

/* True when the owner has hung up. */
static bool is_over(int fd) {
    char packet[sizeof(struct trii_answer)];
    ssize_t n;
    do
        n = recv(fd, packet, sizeof packet, 0);
    while (n > 0);
    return n == 0 || errno == ECONNRESET;
}

static void still_serves(const char *name, tri_handle frame) {
    struct tri_peer *peer = share_connect(name, false);
    struct tri_host_view view;
    struct tri_error err = {0};
    tri_handle found;
    assert_ok(tri_peer_find(peer, "frame", &found, &err));
    assert_int_equal(found, frame);
    assert_ok(tri_peer_view_begin(peer, frame, TRI_ACCESS_READ, &long_wait, &view, &err));
    assert_int_equal(((const uint8_t *)view.read)[0], 0);
    assert_ok(tri_peer_view_end(peer, &view, &err));
    tri_peer_close(&peer);
}

/* ---- readers that want to write ---- */

static void a_reader_can_not_write_whatever_it_does(void **state) {
    (void)state;
    struct tri_arena *arena = share_arena(TRI_SHARING_READERS);
    tri_handle frame = share_region(arena, "frame", 64);
    int fd = -1, again;
    char path[64], byte = 1;
    share_serve(arena, "sealed");
    int line = dial("sealed");
    assert_int_equal(ask(line, TRII_VERB_SEGMENT, 0, &fd), TRI_INVALID_ARGUMENT); /* no HELLO yet */
    assert_int_equal(ask(line, TRII_VERB_HELLO, 0, NULL), TRI_OK);
    assert_int_equal(ask(line, TRII_VERB_SEGMENT, 0, &fd), TRI_OK);
    assert_true(fd >= 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    again = open(path, O_RDWR | O_CLOEXEC);
    for (int i = 0; i < 2; i++) {
        int own = i ? again : fd;
        if (own < 0)
            continue;
        assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0), MAP_FAILED);
        void *at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, own, 0);
        assert_ptr_not_equal(at, MAP_FAILED);
        assert_int_equal(mprotect(at, 4096, PROT_READ | PROT_WRITE), -1);
        munmap(at, 4096);
        assert_int_equal(pwrite(own, &byte, 1, 0), -1);
        assert_int_equal(ftruncate(own, 0), -1);
        assert_int_equal(ftruncate(own, (off_t)1 << 30), -1);
        assert_int_equal(fallocate(own, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
        assert_int_equal(fcntl(own, F_ADD_SEALS, F_SEAL_WRITE), -1);
        assert_int_equal(errno, EPERM);
    }
    assert_int_equal(ask(line, TRII_VERB_ARENA, 0, NULL), TRI_PERMISSION);
    assert_int_equal(ask(line, TRII_VERB_SEGMENT, 1, NULL), TRI_INVALID_ARGUMENT);
    assert_int_equal(ask(line, TRII_VERB_SEGMENT, UINT64_MAX, NULL), TRI_INVALID_ARGUMENT);
    close(fd);
    if (again >= 0)
        close(again);
    close(line);
    still_serves("sealed", frame);
    tri_arena_destroy(&arena);
}

/* The owner goes on writing, and trimming what it may. */
static void the_owner_of_a_sealed_arena_works_as_ever(void **state) {
    (void)state;
    struct tri_arena *arena = share_arena(TRI_SHARING_READERS);
    struct tri_host_view view;
    struct tri_error err = {0};
    tri_handle frame = share_region(arena, "frame", 300000);
    assert_ok(tri_host_view_begin(arena, frame, TRI_ACCESS_WRITE, NULL, &view, &err));
    memset(view.write, 3, view.size_bytes);
    assert_ok(tri_host_view_end(arena, &view, &err));
    assert_ok(tri_arena_free_shared(arena, frame, &err));
    (void)tri_arena_trim(arena);
    frame = share_region(arena, "frame", 300000);
    assert_ok(tri_host_view_begin(arena, frame, TRI_ACCESS_READ, NULL, &view, &err));
    for (uint64_t i = 0; i < view.size_bytes; i++)
        assert_int_equal(((const uint8_t *)view.read)[i], 0);
    assert_ok(tri_host_view_end(arena, &view, &err));
    tri_arena_destroy(&arena);
}

/* ---- packets that are none ---- */

static void a_packet_that_is_no_request_ends_the_connection(void **state) {
    (void)state;
    struct tri_arena *arena = share_arena(TRI_SHARING_READERS);
    tri_handle frame = share_region(arena, "frame", 64);
    struct trii_request good = request_of(TRII_VERB_HELLO, 0), bad;
    char large[60000] = {0};
    share_serve(arena, "packets");
    size_t before = open_files();
    for (size_t size = 0; size <= sizeof good + 1; size++) {
        int line = dial("packets");
        char packet[sizeof good + 1] = {0};
        memcpy(packet, &good, sizeof good);
        if (size != sizeof good) {
            assert_true(say(line, packet, size));
            assert_true(is_over(line));
        }
        close(line);
    }
    for (int i = 0; i < 5; i++) {
        int line = dial("packets");
        bad = good;
        if (i == 0)
            bad.magic++;
        else if (i == 1)
            bad.verb = 0;
        else if (i == 2)
            bad.verb = TRII_VERB_CAUSE + 1;
        else
            memset(bad.label, 'x', sizeof bad.label);
        assert_true(i < 4 ? say(line, &bad, sizeof bad) : say(line, large, sizeof large));
        assert_true(is_over(line));
        close(line);
    }
    still_serves("packets", frame);
    open_files_become(before);
    tri_arena_destroy(&arena);
}

static void any_value_of_any_verb_is_answered(void **state) {
    (void)state;
    static const uint64_t values[] = {0, 1, 0xffff, 0x10000, UINT32_MAX, (uint64_t)1 << 32, (uint64_t)1 << 48,
                                      (uint64_t)1 << 63, UINT64_MAX, 0x0001000000000001, 0x00ff000100000001};
    for (int kind = TRI_SHARING_TRUSTED; kind <= TRI_SHARING_READERS; kind++) {
        struct tri_arena *arena = share_arena((enum tri_sharing)kind);
        tri_handle frame = share_region(arena, "frame", 64);
        share_serve(arena, "values");
        int line = dial("values");
        assert_int_equal(ask(line, TRII_VERB_HELLO, 0, NULL), TRI_OK);
        for (int verb = TRII_VERB_SEGMENT; verb <= TRII_VERB_RELEASE; verb++)
            for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
                int fd = -1;
                int32_t status = ask(line, (enum trii_verb)verb, values[i], &fd);
                assert_string_not_equal(tri_status_name(status), "UNKNOWN");
                assert_int_not_equal(status, TRI_INTERNAL);
                if (fd >= 0)
                    close(fd);
            }
        close(line);
        still_serves("values", frame);
        tri_arena_destroy(&arena);
    }
}

/* ---- floods ---- */

static void who_does_not_read_its_answers_is_dropped(void **state) {
    (void)state;
    struct tri_arena *arena = share_arena(TRI_SHARING_TRUSTED);
    tri_handle frame = share_region(arena, "frame", 64);
    share_serve(arena, "flood");
    int lines[3];
    static const enum trii_verb verbs[3] = {TRII_VERB_NEXT, TRII_VERB_ARENA, TRII_VERB_HELLO};
    for (int i = 0; i < 3; i++) {
        struct trii_request hello = request_of(TRII_VERB_HELLO, 0), flood = request_of(verbs[i], 0);
        lines[i] = dial("flood");
        assert_true(say(lines[i], &hello, sizeof hello));
        while (say(lines[i], &flood, sizeof flood)) /* until the owner hangs up */
            ;
        assert_true(errno == EPIPE || errno == ECONNRESET);
        still_serves("flood", frame);
    }
    for (int i = 0; i < 3; i++)
        close(lines[i]);
    still_serves("flood", frame);
    tri_arena_destroy(&arena);
}

static void one_process_can_not_take_all_connections(void **state) {
    (void)state;
    struct tri_arena *arena = share_arena(TRI_SHARING_READERS);
    tri_handle frame = share_region(arena, "frame", 64);
    share_serve(arena, "many");
    struct share_process flooder = share_start("crowd", "many");
    assert_int_equal(share_hear(&flooder), 'f'); /* it was refused, and holds what it got */
    still_serves("many", frame);
    struct tri_peer *peers[TRI_SERVE_PEERS_PER_PROCESS + 1] = {NULL};
    struct tri_connect_params params = {.struct_bytes = sizeof params, .name = "many"};
    struct tri_error err = {0};
    for (int i = 0; i < TRI_SERVE_PEERS_PER_PROCESS; i++)
        assert_ok(tri_peer_connect(&params, &peers[i], &err));
    assert_status(tri_peer_connect(&params, &peers[TRI_SERVE_PEERS_PER_PROCESS], &err), TRI_LIMIT);
    for (int i = 0; i < TRI_SERVE_PEERS_PER_PROCESS; i++)
        tri_peer_close(&peers[i]);
    share_kill(&flooder);
    tri_arena_destroy(&arena);
}

static void role_crowd(const char *name) {
    struct trii_request hello = request_of(TRII_VERB_HELLO, 0);
    snprintf(share_folder, sizeof share_folder, "%s", getenv("XDG_RUNTIME_DIR"));
    for (int i = 0; i <= TRI_SERVE_PEERS_PER_PROCESS; i++) {
        struct trii_answer answer;
        int line = dial(name);
        (void)say(line, &hello, sizeof hello);
        ssize_t n = recv(line, &answer, sizeof answer, 0);
        if (n < 0 && errno == ECONNRESET) /* told before the packet that was sent before it */
            n = recv(line, &answer, sizeof answer, 0);
        if (n < (ssize_t)TRII_ANSWER_HEAD_BYTES ||
            (answer.status == TRI_OK) != (i < TRI_SERVE_PEERS_PER_PROCESS))
            _exit(96);
    }
    share_say('f');
    for (;;)
        pause();
}

static void descriptors_that_a_peer_sends_are_closed(void **state) {
    (void)state;
    struct tri_arena *arena = share_arena(TRI_SHARING_READERS);
    tri_handle frame = share_region(arena, "frame", 64);
    share_serve(arena, "descriptors");
    int line = dial("descriptors"), sent[64];
    assert_int_equal(ask(line, TRII_VERB_HELLO, 0, NULL), TRI_OK);
    size_t before = open_files();
    struct trii_request request = request_of(TRII_VERB_NEXT, 0);
    union {
        char room[CMSG_SPACE(sizeof sent)];
        struct cmsghdr align;
    } control = {.room = {0}};
    struct iovec part = {.iov_base = &request, .iov_len = sizeof request};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof sent);
    for (size_t i = 0; i < sizeof sent / sizeof *sent; i++)
        sent[i] = line;
    memcpy(CMSG_DATA(head), sent, sizeof sent);
    for (int i = 0; i < 100; i++) {
        struct trii_answer answer;
        assert_int_equal(sendmsg(line, &message, MSG_NOSIGNAL), sizeof request);
        assert_true(recv(line, &answer, sizeof answer, 0) > 0);
        assert_int_equal(answer.status, TRI_OK);
    }
    open_files_become(before);
    still_serves("descriptors", frame);
    close(line);
    tri_arena_destroy(&arena);
}

/* ---- other users ---- */

static void another_user_is_refused(void **state) {
    (void)state;
    if (getuid() != 0)
        skip_because("only root can become another user");
    struct tri_arena *arena = share_arena(TRI_SHARING_TRUSTED);
    char path[128];
    share_region(arena, "frame", 64);
    share_serve(arena, "mine");
    for (int open = 0; open < 2; open++) {
        /* The second time with every door open: then it is the kernel's word on who connects. */
        if (open) {
            assert_int_equal(chmod(share_folder, 0777), 0);
            snprintf(path, sizeof path, "%s/tripoint", share_folder);
            assert_int_equal(chmod(path, 0777), 0);
            snprintf(path, sizeof path, "%s/tripoint/mine", share_folder);
            assert_int_equal(chmod(path, 0777), 0);
        }
        pid_t child = fork();
        if (child == 0) {
            if (setgid(65534) != 0 || setuid(65534) != 0)
                _exit(90);
            int line = dial("mine");
            if (!open)
                _exit(line < 0 && errno == EACCES ? 0 : 91);
            struct trii_answer answer = {.status = TRI_OK};
            if (line < 0 || recv(line, &answer, sizeof answer, 0) < (ssize_t)TRII_ANSWER_HEAD_BYTES)
                _exit(92);
            _exit(answer.status == TRI_PERMISSION && is_over(line) ? 0 : 93);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    snprintf(path, sizeof path, "%s/tripoint", share_folder);
    assert_int_equal(chmod(path, 0700), 0);
    tri_arena_destroy(&arena);
}

/* ---- owners that mean harm ---- */

/* Serves one connection: answers HELLO, and everything else with `body`. */
static void role_lie(const char *name) {
    struct trii_answer answer = {.magic = TRII_SHARE_MAGIC};
    struct trii_request request;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/tripoint/%s", getenv("XDG_RUNTIME_DIR"), name);
    int listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (bind(listening, (struct sockaddr *)&address, sizeof address) != 0 || listen(listening, 4) != 0)
        _exit(95);
    share_say('l');
    int line = accept(listening, NULL, NULL);
    while (recv(line, &request, sizeof request, 0) == (ssize_t)sizeof request) {
        answer.verb = request.verb;
        answer.body_bytes = trii_answer_bytes((enum trii_verb)request.verb, 0);
        memset(&answer.body, 0, sizeof answer.body);
        if (request.verb == TRII_VERB_HELLO) {
            answer.body.hello = (struct trii_wire_hello){.pid = 1, .sharing = TRI_SHARING_READERS, .label = "lies"};
        } else if (request.verb == TRII_VERB_REGION) { /* beyond the segment that comes */
            answer.body.region = (struct trii_wire_region){.handle = request.value,
                                                           .size_bytes = 4096,
                                                           .mapped_bytes = 4096,
                                                           .segment_offset_bytes = 8192,
                                                           .rank = 1,
                                                           .shape = {4096},
                                                           .label = "lie"};
        } else if (request.verb == TRII_VERB_SEGMENT) {
            answer.body.segment.bytes = 1 << 20; /* no descriptor with it */
        }
        (void)say(line, &answer, TRII_ANSWER_HEAD_BYTES + answer.body_bytes);
    }
    unlink(address.sun_path);
}

static void an_owner_that_lies_is_not_believed(void **state) {
    (void)state;
    struct tri_host_view view;
    struct tri_error err = {0};
    size_t before = open_files();
    struct share_process owner = share_start("lie", "lies");
    assert_int_equal(share_hear(&owner), 'l');
    struct tri_peer *peer = share_connect("lies", false);
    assert_status(tri_peer_view_begin(peer, 0x0001000000000001, TRI_ACCESS_READ, NULL, &view, &err), TRI_IO);
    tri_peer_close(&peer);
    assert_int_equal(share_wait(&owner), 0);
    open_files_become(before);
}

/* ---- a trusted peer that scribbles ---- */

static uint64_t next(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    return *seed ^= *seed << 17;
}

/* Over all that it has mapped for writing and shared: payload and control segment alike. */
static void role_scribble(const char *name) {
    struct tri_connect_params params = {.struct_bytes = sizeof params, .name = name, .writable = true};
    struct tri_peer *peer = NULL;
    struct tri_arena *arena;
    struct tri_error err = {0};
    char line[512];
    uint64_t seed = 88172645463325252u;
    share_must(tri_peer_connect(&params, &peer, &err), &err);
    share_must(tri_peer_arena(peer, &arena, &err), &err);
    for (int round = 0; round < 2; round++) {
        FILE *maps = fopen("/proc/self/maps", "r");
        if (!maps)
            _exit(95);
        while (fgets(line, sizeof line, maps)) {
            unsigned long from, to;
            char mode[5];
            if (!strstr(line, "/memfd:") || sscanf(line, "%lx-%lx %4s", &from, &to, mode) != 3 || mode[1] != 'w' ||
                mode[3] != 's')
                continue;
            unsigned long end = to - from > (8u << 20) ? from + (8u << 20) : to; /* the rest is holes */
            for (unsigned long at = from; at < end; at += 8)
                *(volatile uint64_t *)at = round ? UINT64_MAX : next(&seed);
        }
        fclose(maps);
        share_say('s');
    }
    for (;;)
        pause();
}

static void an_owner_survives_a_peer_that_scribbles(void **state) {
    (void)state;
    struct tri_arena *arena = share_arena(TRI_SHARING_TRUSTED);
    struct tri_error err = {0};
    tri_handle regions[40];
    for (int i = 0; i < 40; i++)
        regions[i] = share_region(arena, i ? NULL : "frame", 5000);
    share_serve(arena, "scribble");
    struct share_process peer = share_start("scribble", "scribble");
    for (int round = 0; round < 2; round++) {
        assert_int_equal(share_hear(&peer), 's');
        for (int i = 0; i < 40; i++) { /* whatever comes of it is an answer */
            struct tri_host_view view;
            struct tri_wait brief = {.timeout_ns = 1000000};
            struct tri_sync_info info;
            if (tri_host_view_begin(arena, regions[i], i % 2 ? TRI_ACCESS_WRITE : TRI_ACCESS_READ, &brief, &view,
                                    &err) == TRI_OK)
                (void)!tri_host_view_end(arena, &view, &err);
            assert_ok(tri_sync_inspect(tri_arena_sync(arena), (uint32_t)i, &info, &err));
            struct tri_region_info told;
            assert_ok(tri_region_info(arena, regions[i], &told, &err));
            assert_int_equal(told.size_bytes, 5000);
        }
        struct tri_peer *other = share_connect("scribble", false);
        struct tri_shared_region region;
        struct tri_holder holders[TRI_HOLDERS_MAX];
        uint32_t cursor = 0, count = 0;
        size_t held;
        while (tri_peer_next(other, &cursor, &region, &err) == TRI_OK) {
            assert_ok(tri_peer_holders(other, region.handle, holders, TRI_HOLDERS_MAX, &held, &err));
            assert_true(held <= TRI_HOLDERS_MAX);
            count++;
        }
        assert_int_equal(err.status, TRI_NOT_FOUND);
        assert_int_equal(count, 40);
        tri_peer_close(&other);
    }
    share_kill(&peer);
    tri_handle more = share_region(arena, "more", 100 << 20);
    assert_ok(tri_arena_free_shared(arena, more, &err));
    tri_arena_destroy(&arena);
}

int main(int argc, char **argv) {
    if (argc == 3) {
        if (strcmp(argv[1], "crowd") == 0)
            role_crowd(argv[2]);
        else if (strcmp(argv[1], "lie") == 0)
            role_lie(argv[2]);
        else
            role_scribble(argv[2]);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_can_not_write_whatever_it_does),
        cmocka_unit_test(the_owner_of_a_sealed_arena_works_as_ever),
        cmocka_unit_test(a_packet_that_is_no_request_ends_the_connection),
        cmocka_unit_test(any_value_of_any_verb_is_answered),
        cmocka_unit_test(who_does_not_read_its_answers_is_dropped),
        cmocka_unit_test(one_process_can_not_take_all_connections),
        cmocka_unit_test(descriptors_that_a_peer_sends_are_closed),
        cmocka_unit_test(another_user_is_refused),
        cmocka_unit_test(an_owner_that_lies_is_not_believed),
        cmocka_unit_test(an_owner_survives_a_peer_that_scribbles),
    };
    share_begin();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    share_end();
    return failed;
}
