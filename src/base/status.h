/* Filling struct tri_error: the only way an error gets its text. */
#ifndef TRIPOINT_BASE_STATUS_H
#define TRIPOINT_BASE_STATUS_H

#include <tripoint/error.h>

/* Writes the sentence and returns `status`, so that `return trii_fail(err, ...)` is the habit.
 * Clears engine, stage and region: the layers above add those with trii_error_place(). */
tri_status trii_fail(struct tri_error *err, tri_status status, const char *format, ...) TRI_PRINTF(3, 4);

/* The same with the system's reason: "...: No space left on device", errno kept in engine_code. */
tri_status trii_fail_errno(struct tri_error *err, tri_status status, int error_number, const char *format, ...)
    TRI_PRINTF(4, 5);

/* Adds where it happened; NULL leaves a field as it is, and so does a field that is filled already:
 * the innermost place wins. Returns err->status (TRI_INTERNAL when err is NULL is never wanted, so
 * the caller passes the status through). */
tri_status trii_error_place(struct tri_error *err, tri_status status, const char *engine, const char *stage,
                            const char *region);

/* Copies an error to a caller who may not want it. */
void trii_error_copy(struct tri_error *to, const struct tri_error *from);

/* Copies a NUL-terminated name into a fixed field, cut if long; never splits a UTF-8 sequence. */
void trii_name_copy(char *to, size_t to_bytes, const char *from);

#endif
