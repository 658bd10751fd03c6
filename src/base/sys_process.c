/* System calls about processes: what a forked child may not inherit, and who lives. */
#include "base/fault.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int trii_sys_forkless_page(void **out) {
    if (trii_fault_now(TRII_FAULT_MMAP))
        return ENOMEM;
    void *page = mmap(NULL, TRI_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return errno;
    if (madvise(page, TRI_PAGE_BYTES, MADV_WIPEONFORK) != 0) {
        int failed = errno;
        munmap(page, TRI_PAGE_BYTES);
        return failed;
    }
    *out = page;
    return 0;
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
