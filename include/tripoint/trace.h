/*
 * tripoint/trace.h - what happened when, as a file that Perfetto (ui.perfetto.dev) and Chrome's
 * about:tracing open: tracks for runs, stages, engines, claims, waits, copies, and for what happens
 * around them (engines opening, stages being prepared, pictures being decoded and encoded).
 *
 * A trace belongs to the process. While none is on, each place that could tell something costs one
 * relaxed load. While one is on, telling takes no lock and allocates nothing: events go into a ring
 * that was allocated when the trace began; when it is full the oldest are lost, and the file says
 * how many. TRIPOINT_TRACE=FILE in the environment does the same for a program that knows nothing
 * of traces: its first runtime begins one, and each runtime that is destroyed writes FILE.
 *
 * Ownership: nothing of the caller's is kept.
 * Threads:   any function from any thread.
 * Errors:    TRI_BUSY when a trace is on already, TRI_IO with the path and the system's reason.
 *
 * Copyright the Tripoint authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef TRIPOINT_TRACE_H
#define TRIPOINT_TRACE_H

#include <tripoint/common.h>
#include <tripoint/error.h>

TRI_BEGIN_DECLS

struct tri_trace_params {
    size_t struct_bytes;  /**< sizeof(struct tri_trace_params) */
    uint32_t event_count; /**< how many the ring holds; 0: 32768, enough for some thousand frames of three stages */
};

/** Begins to record; `params` may be NULL. */
TRI_API TRI_MUST_USE tri_status tri_trace_begin(const struct tri_trace_params *params, struct tri_error *err);
/** Writes what has been recorded so far to `path` ("-" is standard output), whole or not at all; recording goes on, what
 * happens during the writing is not recorded. TRI_INVALID_ARGUMENT when no trace is on. */
TRI_API TRI_MUST_USE tri_status tri_trace_write(const char *path, struct tri_error *err);
/** Ends recording and forgets. Does nothing when no trace is on. */
TRI_API void tri_trace_end(void);
TRI_API bool tri_trace_is_on(void);

TRI_END_DECLS

#endif
