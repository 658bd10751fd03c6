/*
 * tripoint/frames.h - frames in flight: several frames of a stream are worked on at once, in order.
 *
 * A *slot* is room for one frame: a thread here, and whatever the caller keeps for it (regions, a
 * pipeline). A frame is *filled* (decoded), *worked* on (a pipeline runs) and *drained* (encoded):
 *
 *   slot 0   fill 0 | work 0 ....... | drain 0 | fill 3 | ...
 *   slot 1          | fill 1 | work 1 ....... | drain 1 | ...
 *   slot 2                   | fill 2 | work 2 ....... | drain 2
 *
 * Frames are filled one at a time and in order, and drained one at a time and in order; between
 * the two, frames of different slots overlap freely. A slot takes its next frame when it has
 * drained the one before: nothing is queued, so a slow sink holds the source back, and memory is
 * what the slots hold.
 *
 * Ownership: nothing is kept after the call returns.
 * Threads:   the calls come from threads of tri_frames_run(), one a slot, which end before it
 *            returns. Steady state allocates nothing and takes no lock: two words say whose turn it
 *            is, and who is not next sleeps on a futex.
 * Errors:    the first fatal one ends the stream and is returned; frames before it are drained.
 *
 * Copyright the Tripoint authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef TRIPOINT_FRAMES_H
#define TRIPOINT_FRAMES_H

#include <tripoint/sync.h>

TRI_BEGIN_DECLS

#define TRI_FRAMES_SLOTS_MAX 64u

/** What is done with a frame. `slot` counts from 0, `frame` from 0 without gaps. */
struct tri_frames_calls {
    size_t struct_bytes; /**< sizeof(struct tri_frames_calls) */
    /** Brings frame `frame` into `slot`, or sets *end: then there is no such frame, and no later one. In order. */
    tri_status (*fill)(void *user, uint32_t slot, uint64_t frame, bool *end, struct tri_error *err);
    /** Beside other slots. A failure is the frame's own: see tri_frames_params.skip_failed. NULL: nothing to do. */
    tri_status (*work)(void *user, uint32_t slot, uint64_t frame, struct tri_error *err);
    /** Takes the result away, in order. `failed` is NULL, or why `work` failed: then there is no result. */
    tri_status (*drain)(void *user, uint32_t slot, uint64_t frame, const struct tri_error *failed,
                        struct tri_error *err);
};

struct tri_frames_params {
    size_t struct_bytes;       /**< sizeof(struct tri_frames_params) */
    uint32_t slots;            /**< 1 … TRI_FRAMES_SLOTS_MAX; 0: one more than there are processors, at most 4 */
    bool skip_failed;          /**< a frame whose work fails is handed to `drain` as failed, and the stream goes on */
    bool in_order;             /**< work is done one frame at a time and in order too; filling and draining go on beside it */
    struct tri_cancel *cancel; /**< may be NULL; ends the stream as if the source had ended, with TRI_CANCELLED */
};

struct tri_frames_report {
    uint64_t frames;   /**< filled */
    uint64_t failed;   /**< of these, whose work failed */
    uint64_t drained;  /**< handed to `drain`, failed ones included */
    uint64_t fill_ns, work_ns, drain_ns; /**< the sum over all frames, each in its thread */
};

/** Runs until the source ends, a call fails or `cancel` is set. `params` and `report` may be NULL; the report is filled
 * on failure too. */
TRI_API TRI_MUST_USE tri_status tri_frames_run(const struct tri_frames_params *params,
                                               const struct tri_frames_calls *calls, void *user,
                                               struct tri_frames_report *report, struct tri_error *err);

/** How many slots `params` (NULL: the defaults) means on this machine. */
TRI_API uint32_t tri_frames_slots(const struct tri_frames_params *params);

TRI_END_DECLS

#endif
