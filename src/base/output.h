/*
 * Output files that appear whole or not at all: written aside in the same folder, synced, then put in place.
 *
 * Where the file system can, the file has no name until it is complete (O_TMPFILE): whatever kills the process leaves
 * nothing behind. Elsewhere, and for the instant of replacing an existing file, it has a name of the form
 * ".NAME.PID-N.part"; trii_output_abort_all() removes those, from a signal handler if need be.
 *
 * A new file has mode 0666 less the umask; one that replaces another keeps that one's permission bits. A link is
 * followed: its target is replaced. What is not a regular file (a pipe, /dev/null) is written as it is, and so is
 * standard output, "-".
 *
 * Ownership: an output is committed or abandoned, either way it is gone and *out is NULL.
 * Threads:   an output is used by one thread at a time.
 * Errors:    TRI_IO with the path, what stood in the way, and the system's reason.
 */
#ifndef TRIPOINT_BASE_OUTPUT_H
#define TRIPOINT_BASE_OUTPUT_H

#include <tripoint/error.h>

struct trii_output;

enum {
    TRII_OUTPUT_KEEP = 1,     /* an existing file is an error */
    TRII_OUTPUT_UNSYNCED = 2, /* for what can be made again */
    TRII_OUTPUT_PRIVATE = 4   /* mode 0600 */
};

tri_status trii_output_create(const char *path, unsigned flags, struct trii_output **out, struct tri_error *err);
/* `name`, without a slash, in a folder that stays open until the output is gone; links are not followed. */
tri_status trii_output_create_at(int dir_fd, const char *name, unsigned flags, struct trii_output **out,
                                 struct tri_error *err);
tri_status trii_output_write(struct trii_output *output, const void *bytes, size_t size, struct tri_error *err);
/* At a place in the file, for formats that come back to their beginning; 0 or an errno value. ESPIPE for what is written
 * in order only, unless `at` is where the last write ended. */
int trii_output_write_at(struct trii_output *output, uint64_t at, const void *bytes, size_t size);
bool trii_output_seeks(const struct trii_output *output);
uint64_t trii_output_bytes(const struct trii_output *output); /* written so far: where the last one ends */
/* On failure too the output is gone, and the file is as it was before. */
tri_status trii_output_commit(struct trii_output **output, struct tri_error *err);
void trii_output_abandon(struct trii_output **output);

/* Removes the unfinished files of this process (of the first 16 at once). Async-signal-safe; for handlers that end
 * the process. */
void trii_output_abort_all(void);

#endif
