/* Files that are read, named by people: "-" is standard input. */
#ifndef TRIPOINT_MEDIA_INPUT_H
#define TRIPOINT_MEDIA_INPUT_H

#include <tripoint/error.h>

struct trii_input {
    int fd;
    const char *name; /* for errors: the path, or "standard input" */
    bool owned;       /* the descriptor is to be closed */
};

/* TRI_NOT_FOUND or TRI_IO with the path. `path` must outlive it. */
tri_status trii_input_open(const char *path, struct trii_input *out, struct tri_error *err);
void trii_input_close(struct trii_input *input);

#endif
