#include "media/input.h"

#include "base/status.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

tri_status trii_input_open(const char *path, struct trii_input *out, struct tri_error *err) {
    if (strcmp(path, "-") == 0) {
        *out = (struct trii_input){.fd = STDIN_FILENO, .name = "standard input"};
        return TRI_OK;
    }
    int fd, failed = trii_sys_open(AT_FDCWD, path, O_RDONLY, 0, &fd);
    if (failed == ENOENT)
        return trii_fail(err, TRI_NOT_FOUND, "there is no file %s", path[0] ? path : "\"\"");
    if (failed)
        return trii_fail_errno(err, TRI_IO, failed, "can't read %s", path);
    *out = (struct trii_input){.fd = fd, .name = path, .owned = true};
    return TRI_OK;
}

void trii_input_close(struct trii_input *input) {
    if (input->owned)
        trii_sys_close(input->fd);
    input->owned = false;
}
