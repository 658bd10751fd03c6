/* What the tests of sync between processes share: a synchronizer in shared memory, and children that hold claims of it. */
#ifndef TRIPOINT_TESTS_SYNC_KIT_H
#define TRIPOINT_TESTS_SYNC_KIT_H

#include "kit.h"

#include "sync/sync.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOST TRI_TECHNOLOGY_HOST
#define GPU TRI_TECHNOLOGY_WEBGPU
#define REGIONS 8u

static struct tri_error err;

static int make(void **state) {
    struct tri_sync *sync = NULL;
    void *memory = mmap(NULL, trii_sync_bytes(REGIONS), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    assert_ok(trii_sync_open_at(memory, REGIONS, true, true, &sync, &err));
    *state = sync;
    return 0;
}

static int unmake(void **state) {
    struct tri_sync *sync = *state;
    void *memory = sync;
    tri_sync_destroy(&sync);
    munmap(memory, trii_sync_bytes(REGIONS));
    return 0;
}

/* A child that does `act` and then tells and waits to be killed. */
struct child {
    pid_t pid;
    int told;
};

static inline struct child begin_child(struct tri_sync *sync, bool (*act)(struct tri_sync *sync, uint32_t region),
                                       uint32_t region) {
    int pipes[2];
    struct child child;
    char told = 0;
    assert_int_equal(pipe(pipes), 0);
    child.pid = fork();
    assert_true(child.pid >= 0);
    if (child.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
        told = act(sync, region) ? 'y' : 'n';
        if (write(pipes[1], &told, 1) == 1)
            pause();
        _exit(1);
    }
    close(pipes[1]);
    assert_int_equal(read(pipes[0], &told, 1), 1);
    assert_int_equal(told, 'y');
    child.told = pipes[0];
    return child;
}

/* Dead, but its parent has not waited for it yet: a zombie is dead too. */
static inline void kill_child(struct child *child) {
    kill(child->pid, SIGKILL);
    siginfo_t info;
    waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOWAIT);
    close(child->told);
}

static inline void bury(struct child *child) {
    waitpid(child->pid, NULL, 0);
}

#endif
