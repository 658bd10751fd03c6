/*
 * Keeps Dawn's warnings off the user's terminal while it looks for devices.
 *
 * Each start on the CPU driver prints two lines about limits that don't matter, and a machine without a GPU two more,
 * straight to stderr and past every callback that Dawn has. Where the caller lent us the process's environment, it
 * lends us stderr too for those milliseconds: warnings are kept for our own error messages, anything else is passed on.
 */
#include "engine/webgpu/webgpu.h"

#include "base/sys.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CAPTURE_BYTES 16384

void trii_gpu_quiet_begin(struct trii_gpu_quiet *quiet, bool allowed) {
    *quiet = (struct trii_gpu_quiet){.original = -1, .capture = -1};
    if (!allowed || trii_sys_memfd("tripoint-stderr", CAPTURE_BYTES, false, &quiet->capture) != 0)
        return;
    quiet->original = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (quiet->original >= 0 && dup2(quiet->capture, STDERR_FILENO) >= 0)
        return;
    trii_gpu_quiet_end(quiet, NULL, 0);
}

/* Lines that belong to a warning: its first, the place in Dawn's source, and the empty one after that. */
static bool is_warning(const char *line, size_t length, bool after_warning) {
    return strncmp(line, "Warning: ", length < 9 ? length : 9) == 0 ||
           (after_warning && (length <= 1 || strncmp(line, "    at ", length < 7 ? length : 7) == 0));
}

void trii_gpu_quiet_end(struct trii_gpu_quiet *quiet, char *warning, size_t warning_bytes) {
    char text[CAPTURE_BYTES];
    bool after = false;
    ssize_t got = 0;
    if (quiet->original >= 0) {
        (void)dup2(quiet->original, STDERR_FILENO);
        const off_t written = lseek(quiet->capture, 0, SEEK_CUR);
        got = pread(quiet->capture, text, written < CAPTURE_BYTES ? (size_t)written : CAPTURE_BYTES, 0);
        trii_sys_close(quiet->original);
    }
    if (quiet->capture >= 0)
        trii_sys_close(quiet->capture);
    for (ssize_t i = 0; i < got;) {
        const char *line = text + i, *end = memchr(line, '\n', (size_t)(got - i));
        const size_t length = end ? (size_t)(end - line) + 1 : (size_t)(got - i);
        const bool warned = is_warning(line, length, after);
        if (warned && !after && length > 9 && warning)
            snprintf(warning, warning_bytes, "%.*s", (int)length - 10, line + 9);
        if (!warned)
            (void)!write(STDERR_FILENO, line, length);
        after = warned;
        i += (ssize_t)length;
    }
}
