/* Opening what lies below a folder, and nothing else, whatever the path and the links on the way say; names for open files. */
#include "base/fault.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/openat2.h, which clashes with older fcntl.h. */
struct how {
    uint64_t flags, mode, resolve;
};
#define RESOLVE_NO_MAGICLINKS 0x02
#define RESOLVE_BENEATH 0x08

/* One name after the other; a link is not followed at all here. */
static int walk(int folder, const char *path, int flags, int *out) {
    char name[256];
    int at = dup(folder), failed = at < 0 ? errno : 0;
    if (path[0] == '/')
        failed = failed ? failed : EXDEV;
    while (!failed) {
        size_t n = strcspn(path, "/");
        bool last = path[n + strspn(path + n, "/")] == '\0';
        if (n >= sizeof name)
            failed = ENAMETOOLONG;
        if (n == 2 && path[0] == '.' && path[1] == '.')
            failed = EXDEV;
        if (failed)
            break;
        memcpy(name, path, n); /* not payload: a name */
        name[n] = '\0';
        int next = openat(at, n ? name : ".", last ? flags | O_NOFOLLOW : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        failed = next < 0 ? (errno == ELOOP || errno == ENOTDIR ? EXDEV : errno) : 0;
        if (!failed && last) {
            *out = next;
            break;
        }
        if (!failed) {
            close(at);
            at = next;
        }
        path += n + strspn(path + n, "/");
    }
    if (at >= 0)
        close(at);
    return failed;
}

int trii_sys_open_beneath(int folder, const char *path, int flags, int *fd) {
    const struct how how = {.flags = (uint64_t)(flags | O_CLOEXEC | O_NOCTTY),
                            .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    if (trii_fault_now(TRII_FAULT_OPEN))
        return EMFILE;
    long opened = -1;
    int failed = ENOSYS;
    if (!trii_fault_now(TRII_FAULT_OPENAT2))
        for (int tries = 0; tries < 100 && (failed == ENOSYS || failed == EINTR || failed == EAGAIN); tries++) {
            opened = syscall(SYS_openat2, folder, path, &how, sizeof how); /* EAGAIN: somebody renamed on the way */
            failed = opened < 0 ? errno : 0;
            if (failed == ENOSYS || failed == EPERM)
                break;
        }
    if (failed == ENOSYS || failed == EPERM) /* an older kernel, or a sandbox that does not know the call */
        return walk(folder, path, flags | O_CLOEXEC | O_NOCTTY, fd);
    if (!failed)
        *fd = (int)opened;
    return failed;
}

int trii_sys_path_of(int fd, char *out, size_t bytes) {
    char link[48];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, out, bytes);
    if (n < 0)
        return errno;
    if ((size_t)n >= bytes)
        return ENAMETOOLONG;
    out[n] = '\0';
    return 0;
}

int trii_sys_name_file(int fd, const char *name, char *path, size_t bytes) {
    const char *place = getenv("TMPDIR");
    char target[32];
    if (trii_fault_now(TRII_FAULT_OPEN))
        return EMFILE;
    int n = snprintf(path, bytes, "%s/tripoint-XXXXXX", place && place[0] == '/' ? place : "/tmp");
    if (n < 0 || (size_t)n + 1 + strlen(name) >= bytes)
        return ENAMETOOLONG;
    if (!mkdtemp(path)) /* mode 0700: nobody else can put a file of that name there */
        return errno;
    snprintf(path + n, bytes - (size_t)n, "/%s", name);
    snprintf(target, sizeof target, "/proc/self/fd/%d", fd);
    if (symlink(target, path) == 0)
        return 0;
    int failed = errno;
    path[n] = '\0';
    (void)rmdir(path);
    return failed;
}

void trii_sys_unname_file(char *path) {
    (void)unlink(path);
    *strrchr(path, '/') = '\0';
    (void)rmdir(path);
}
