/* System calls about processes: what a forked child may not inherit, and who lives. */
#include "base/fault.h"
#include "base/sys.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int32_t trii_sys_pid(void) {
    return (int32_t)getpid();
}

uint32_t trii_sys_uid(void) {
    return (uint32_t)geteuid();
}

int trii_sys_wipe_on_fork(void *at, uint64_t bytes) {
    if (trii_fault_now(TRII_FAULT_MMAP))
        return ENOMEM;
    return madvise(at, (size_t)bytes, MADV_WIPEONFORK) == 0 ? 0 : errno;
}

/* The name in field 2 may hold anything, so fields are counted from the last parenthesis. */
static const char *field_of_stat(const char *text, int field) {
    const char *at = strrchr(text, ')');
    for (int i = 2; at && i < field; i++)
        at = strchr(at + 1, ' ');
    return at ? at + 1 : NULL;
}

uint64_t trii_sys_process_start(int32_t pid) {
    char path[32];
    char text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    const char *start = field_of_stat(text, 22);
    return start ? strtoull(start, NULL, 10) : 0;
}

/* A pidfd is readable once the whole process has ended, even before its parent has waited for it. It is opened first,
 * so that the start time read after it is that of the process behind it or of a later one. */
bool trii_sys_process_lives(int32_t pid, uint64_t start) {
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return errno != ESRCH;
    struct pollfd ended = {.fd = fd, .events = POLLIN};
    bool lives = poll(&ended, 1, 0) == 0;
    uint64_t began = trii_sys_process_start(pid);
    if (lives && start != 0 && began != 0 && began != start)
        lives = false;
    close(fd);
    return lives;
}

void trii_sys_backtrace(int fd, uintptr_t code) {
    void *frames[64];
    int count = backtrace(frames, sizeof frames / sizeof *frames), first = 0;
    for (int i = 0; i < count && code; i++)
        if ((uintptr_t)frames[i] == code)
            first = i;
    if (fd >= 0)
        backtrace_symbols_fd(frames + first, count - first, fd);
}

/* ---- worker processes ---- */

int trii_sys_socket_pair(int fds[2]) {
    if (trii_fault_now(TRII_FAULT_SOCKET))
        return EMFILE;
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0 ? 0 : errno;
}

int trii_sys_spawn(const char *program, char *const arguments[], int fd, int as, int32_t *pid) {
    posix_spawn_file_actions_t actions;
    pid_t child = 0;
    if (trii_fault_now(TRII_FAULT_THREAD))
        return EAGAIN;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed)
        return failed;
    failed = posix_spawn_file_actions_adddup2(&actions, fd, as); /* also where they are equal: then the flag is cleared */
    if (!failed)
        failed = posix_spawn(&child, program, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (!failed)
        *pid = (int32_t)child;
    return failed;
}

void trii_sys_end_process(int32_t pid, char *how, size_t how_bytes) {
    int status = 0;
    pid_t got;
    /* One that ended by itself is a zombie still, and is not harmed by the signal. */
    kill((pid_t)pid, SIGKILL);
    do
        got = waitpid((pid_t)pid, &status, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        snprintf(how, how_bytes, "is gone");
    else if (WIFSIGNALED(status))
        snprintf(how, how_bytes, "was killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(how, how_bytes, "ended with status %d", WEXITSTATUS(status));
}

void trii_sys_wait_for_hangup(int socket) {
    struct pollfd end = {.fd = socket, .events = POLLRDHUP};
    while (poll(&end, 1, -1) < 0 && errno == EINTR)
        ;
}
