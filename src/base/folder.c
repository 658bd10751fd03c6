#include "base/folder.h"

#include "base/alloc.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* mkdir -p, each folder 0700. What fails shows when the folder is opened. */
static void make_folders(const char *path) {
    char *part = trii_strdup(path);
    if (!part)
        return;
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(part, 0700);
        *slash = '/';
    }
    mkdir(part, 0700);
    trii_free(part);
}

/* Judged by its descriptor: whatever the path names later, this folder is the one that was looked at. */
int trii_folder_open(const char *path, bool make, int *out, char *reason, size_t reason_bytes) {
    struct stat st;
    int fd;
    if (make)
        make_folders(path);
    int failed = trii_sys_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &fd);
    if (failed) {
        char words[128];
        bool link = failed == ELOOP || (failed == ENOTDIR && lstat(path, &st) == 0 && S_ISLNK(st.st_mode));
        snprintf(reason, reason_bytes, "%s", link ? "it is a link" : strerror_r(failed, words, sizeof words));
        return link ? EPERM : failed;
    }
    if (fstat(fd, &st) != 0 || st.st_uid != geteuid())
        snprintf(reason, reason_bytes, "it belongs to another user");
    else if ((st.st_mode & 07777) != 0700)
        snprintf(reason, reason_bytes, "its mode is not 0700");
    else {
        *out = fd;
        return 0;
    }
    trii_sys_close(fd);
    return EPERM;
}
