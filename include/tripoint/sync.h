/*
 * tripoint/sync.h - one word a region says who may read or write it.
 *
 * A claim is the right to read or to write a region. Readers share, a writer is alone. Acquiring
 * gives a token that can be released exactly once, from any thread: a GPU or NN callback may
 * release what the submitting thread acquired. A holder is a process plus its token, never a thread.
 *
 * The states that tri_sync_state() reports, with the numbers of the asked interface (0 … 5) and
 * three that counting every technology needs:
 *
 *   IDLE 0 · WASM_WRITING 1 · GPU_READING 2 · GPU_WRITING 3 · NPU_READING 4 · NPU_WRITING 5
 *   WASM_READING 6 · HOST_READING 7 · HOST_WRITING 8
 *
 * Readers of several technologies may be present at once; all are counted, and the state reported
 * is that of the first present in the order GPU, NPU, Wasm, host. The word's real layout, every
 * transition and every memory order stand at the top of src/sync/word.h and in docs/sync.md.
 *
 * Rules:
 *   1. A reader enters when the region is idle or being read and no writer waits before it.
 *   2. A writer enters when the region is idle. Fairness is phase-fair: once a writer waits, later
 *      readers queue behind it; when it leaves, the readers that queued go first.
 *   3. Several regions are taken in one tri_sync_acquire_many(): all or none, nothing held while
 *      waiting. Who waits for more while holding may wait for ever, so give such a wait a timeout.
 *      TRI_WOULD_DEADLOCK answers what can be seen: a thread would wait for a region on which it has
 *      a claim itself, to write it, or to read it behind a writer that waits for that claim. Since
 *      another thread may release a claim, this is told to waits about which nothing was said (NULL):
 *      they are for threads that release what they take. A wait with a struct tri_wait, TRI_FOREVER
 *      included, is told so only in a process of one thread, where nobody else could.
 *   4. Entering acquires: everything the previous writer did is visible. Leaving releases.
 *   5. A writer that failed poisons the region; the first cause is kept, and every later acquire
 *      (but tri_sync_acquire_poisoned) answers TRI_POISONED with that cause until tri_sync_reset().
 *
 * Ownership: an arena owns its synchronizer (tri_arena_sync()); one made with tri_sync_create()
 *            belongs to the caller. Tokens are numbers.
 * Threads:   everything may be called from any thread and, in a shared arena, any process.
 * Errors:    misuse is answered in release builds too: TRI_BAD_CLAIM for a token not held,
 *            TRI_INVALID_ARGUMENT for a region out of range.
 *
 * Copyright the Tripoint authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef TRIPOINT_SYNC_H
#define TRIPOINT_SYNC_H

#include <tripoint/common.h>
#include <tripoint/error.h>

TRI_BEGIN_DECLS

struct tri_arena;
struct tri_sync;

enum tri_sync_state {
    TRI_SYNC_IDLE = 0,
    TRI_SYNC_WASM_WRITING = 1,
    TRI_SYNC_GPU_READING = 2,
    TRI_SYNC_GPU_WRITING = 3,
    TRI_SYNC_NPU_READING = 4,
    TRI_SYNC_NPU_WRITING = 5,
    TRI_SYNC_WASM_READING = 6,
    TRI_SYNC_HOST_READING = 7,
    TRI_SYNC_HOST_WRITING = 8
};

/** "IDLE", "GPU_READING", …; "?" for another number. */
TRI_API const char *tri_sync_state_name(enum tri_sync_state state);

/** A token: slot and generation. 0 is never a claim. */
typedef uint64_t tri_claim;
#define TRI_CLAIM_NONE ((tri_claim)0)

/** Cancels the waits that were given it: set once, from any thread or a signal handler. */
struct tri_cancel;
TRI_API TRI_MUST_USE tri_status tri_cancel_create(struct tri_cancel **out, struct tri_error *err);
TRI_API void tri_cancel_set(struct tri_cancel *cancel); /**< async-signal-safe */
TRI_API bool tri_cancel_is_set(const struct tri_cancel *cancel);
TRI_API void tri_cancel_destroy(struct tri_cancel **cancel);

/** How long to wait and what may end it. NULL means for ever, but not for oneself (rule 3). */
struct tri_wait {
    uint64_t timeout_ns;       /**< from now; 0 tries once; TRI_FOREVER has no end */
    struct tri_cancel *cancel; /**< may be NULL */
};

/** Readers and waiters that one region can have at once; one more is TRI_LIMIT. */
#define TRI_SYNC_CLAIMS_MAX 127

/** A synchronizer over `regions` words, 1 … 65536, in memory of this process. */
TRI_API TRI_MUST_USE tri_status tri_sync_create(uint32_t regions, struct tri_sync **out, struct tri_error *err);
TRI_API void tri_sync_destroy(struct tri_sync **sync);

/** The arena's own: region numbers are tri_region_info.index. */
TRI_API struct tri_sync *tri_arena_sync(struct tri_arena *arena);

TRI_API TRI_MUST_USE tri_status tri_sync_acquire_read(struct tri_sync *sync, uint32_t region,
                                                      enum tri_technology technology, const struct tri_wait *wait,
                                                      tri_claim *out, struct tri_error *err);
TRI_API TRI_MUST_USE tri_status tri_sync_acquire_write(struct tri_sync *sync, uint32_t region,
                                                       enum tri_technology technology, const struct tri_wait *wait,
                                                       tri_claim *out, struct tri_error *err);
/** As above, never waiting: TRI_BUSY when it would have to. */
TRI_API TRI_MUST_USE tri_status tri_sync_try_acquire_read(struct tri_sync *sync, uint32_t region,
                                                          enum tri_technology technology, tri_claim *out,
                                                          struct tri_error *err);
TRI_API TRI_MUST_USE tri_status tri_sync_try_acquire_write(struct tri_sync *sync, uint32_t region,
                                                           enum tri_technology technology, tri_claim *out,
                                                           struct tri_error *err);

/** One wish of tri_sync_acquire_many(). */
struct tri_claim_request {
    uint32_t region;
    enum tri_technology technology;
    enum tri_access access; /**< READ shares; WRITE and READ_WRITE are alone */
};
#define TRI_CLAIM_MANY_MAX 16

/** All or none, in region order, rolled back on timeout; a region named twice is TRI_INVALID_ARGUMENT.
 * claims[i] answers requests[i]. */
TRI_API TRI_MUST_USE tri_status tri_sync_acquire_many(struct tri_sync *sync, const struct tri_claim_request *requests,
                                                      size_t count, const struct tri_wait *wait, tri_claim *claims,
                                                      struct tri_error *err);

/** Gives a claim back. A second release of the same token is TRI_BAD_CLAIM, whoever holds the region now. */
TRI_API TRI_MUST_USE tri_status tri_sync_release(struct tri_sync *sync, tri_claim claim, struct tri_error *err);

/** Releases the only claim that this process holds on `region`; TRI_BAD_CLAIM when it holds none or several. Not beside
 * another thread of this process that acquires the same region: it could not know whose claim is meant. */
TRI_API TRI_MUST_USE tri_status tri_sync_release_region(struct tri_sync *sync, uint32_t region,
                                                        struct tri_error *err);

/** Turns a write claim into a read claim of the same technology without letting anyone in between. */
TRI_API TRI_MUST_USE tri_status tri_sync_downgrade(struct tri_sync *sync, tri_claim claim, struct tri_error *err);

/** Marks the region that `claim` writes as poisoned with `cause` (status and message are kept, the first one
 * wins); the claim itself still has to be released. */
TRI_API TRI_MUST_USE tri_status tri_sync_poison(struct tri_sync *sync, tri_claim claim, const struct tri_error *cause,
                                                struct tri_error *err);
/** The cause of the region's poison: false when it is not poisoned. */
TRI_API bool tri_sync_poison_cause(struct tri_sync *sync, uint32_t region, struct tri_error *out);

/** Acquires for writing even when the region is poisoned (to overwrite it whole). The poison goes when this claim
 * is released without a new one. */
TRI_API TRI_MUST_USE tri_status tri_sync_acquire_poisoned(struct tri_sync *sync, uint32_t region,
                                                          enum tri_technology technology, const struct tri_wait *wait,
                                                          tri_claim *out, struct tri_error *err);

/** Lifts the poison of an idle region; TRI_BUSY while it is claimed. */
TRI_API TRI_MUST_USE tri_status tri_sync_reset(struct tri_sync *sync, uint32_t region, struct tri_error *err);

/** The state as asked (see above); TRI_SYNC_IDLE for a region out of range. */
TRI_API enum tri_sync_state tri_sync_state(const struct tri_sync *sync, uint32_t region);

/** A snapshot for people and tools. */
struct tri_sync_info {
    enum tri_sync_state state;
    uint32_t readers[TRI_TECHNOLOGY_COUNT]; /**< by enum tri_technology */
    uint32_t waiting_readers;
    uint32_t waiting_writers;
    bool poisoned;
};
TRI_API TRI_MUST_USE tri_status tri_sync_inspect(const struct tri_sync *sync, uint32_t region,
                                                 struct tri_sync_info *out, struct tri_error *err);

TRI_END_DECLS

#endif
