/* What tests of sharing begin with: a folder of sockets of their own, and peers that are processes of their own. */
#ifndef TRIPOINT_TESTS_SHARE_KIT_H
#define TRIPOINT_TESTS_SHARE_KIT_H

#include "kit.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char share_folder[64];

/* For main(): the folder's path is inherited by the peers. */
static inline void share_begin(void) {
    snprintf(share_folder, sizeof share_folder, "/tmp/tripoint-share-XXXXXX");
    if (!mkdtemp(share_folder) || setenv("XDG_RUNTIME_DIR", share_folder, 1) != 0)
        abort();
}

static inline void share_end(void) {
    char path[96];
    snprintf(path, sizeof path, "%s/tripoint", share_folder);
    rmdir(path);
    rmdir(share_folder); /* fails, and the test with it, when a socket was left */
}

static inline struct tri_arena *share_arena(enum tri_sharing sharing) {
    struct tri_arena_params params = {.struct_bytes = sizeof params,
                                      .capacity_bytes = (uint64_t)1 << 30,
                                      .shared = sharing == TRI_SHARING_TRUSTED,
                                      .readers = sharing == TRI_SHARING_READERS,
                                      .label = "shared"};
    struct tri_arena *arena = NULL;
    struct tri_error err = {0};
    assert_ok(tri_arena_create(&params, &arena, &err));
    return arena;
}

static inline void share_serve(struct tri_arena *arena, const char *name) {
    struct tri_serve_params params = {.struct_bytes = sizeof params, .name = name};
    struct tri_error err = {0};
    assert_ok(tri_arena_serve(arena, &params, &err));
}

static inline struct tri_peer *share_connect(const char *name, bool writable) {
    struct tri_connect_params params = {.struct_bytes = sizeof params, .name = name, .writable = writable};
    struct tri_peer *peer = NULL;
    struct tri_error err = {0};
    assert_ok(tri_peer_connect(&params, &peer, &err));
    return peer;
}

static inline tri_handle share_region(struct tri_arena *arena, const char *label, uint64_t bytes) {
    struct tri_region_params params = {.struct_bytes = sizeof params, .size_bytes = bytes, .label = label};
    tri_handle handle = TRI_HANDLE_NONE;
    struct tri_error err = {0};
    assert_ok(tri_region_allocate(arena, &params, &handle, &err));
    return handle;
}

/* Another process: this program again, in a role. It says one byte when it is where the test wants it. */
struct share_process {
    pid_t pid;
    int says;
};

static inline struct share_process share_start(const char *role, const char *name) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
        dup2(ends[1], STDOUT_FILENO);
        execl("/proc/self/exe", "peer", role, name, (char *)NULL);
        _exit(99);
    }
    close(ends[1]);
    return (struct share_process){.pid = pid, .says = ends[0]};
}

static inline char share_hear(struct share_process *process) {
    char said = '-';
    ssize_t n = read(process->says, &said, 1);
    return n == 1 ? said : '-';
}

static inline int share_wait(struct share_process *process) {
    int status = 0;
    assert_int_equal(waitpid(process->pid, &status, 0), process->pid);
    close(process->says);
    return status;
}

static inline int share_kill(struct share_process *process) {
    kill(process->pid, SIGKILL);
    return share_wait(process);
}

/* In a role. */
static inline void share_say(char what) {
    if (write(STDOUT_FILENO, &what, 1) != 1)
        _exit(98);
}

static inline void share_must(tri_status status, const struct tri_error *err) {
    if (status == TRI_OK)
        return;
    fprintf(stderr, "peer: %s: %s\n", tri_status_name(status), err->message);
    _exit(97);
}

#endif
