/*
 * A plan: a bound and inferred flow with memory behind its slots, ready to be prepared and run.
 *
 * Ownership: a plan points into its flow, which must outlive it (tri_plan_create() keeps one inside the plan). It does
 *            not own the regions. Prepared stages belong to it.
 * Threads:   one at a time; a second run meanwhile is TRI_BUSY.
 */
#ifndef TRIPOINT_PIPELINE_PLAN_H
#define TRIPOINT_PIPELINE_PLAN_H

#include "engine/contract.h"
#include "pipeline/flow.h"

#include <tripoint/ledger.h>

#include <stdatomic.h>

struct trii_thread;

/* One distinct region of a stage, and how the stage touches it. */
struct trii_plan_touch {
    tri_handle handle;
    const char *label;
    enum tri_access access;
    bool overwritten; /* the planner's own and only written here: what poison it had does not matter */
};

struct trii_plan_stage {
    struct trii_stage stage; /* what the engine sees */
    enum tri_technology technology;
    bool isolated;                   /* in a worker process */
    uint32_t streams;                /* an engine of its own kind; 0: the one for all */
    struct tri_engine *engine;       /* NULL until prepared */
    struct trii_task *task;          /* NULL until prepared */
    bool external[TRII_OP_OPERANDS_MAX]; /* this operand was in its region before the first stage */
    struct trii_plan_touch touches[TRII_OP_OPERANDS_MAX];
    struct tri_claim_request requests[TRII_OP_OPERANDS_MAX]; /* one a touch */
    tri_claim claims[TRII_OP_OPERANDS_MAX];
    size_t touch_count;
    struct trii_fence fence; /* must stay where it is while the engine works */
    uint64_t wait_ns, run_ns;
    uint64_t claimed_ns; /* when its claims were taken; 0 while no trace is on */
};

/* A stage that was given up while its engine still worked: its claims stay held until the engine has ended. */
struct trii_late {
    struct trii_plan_stage *stage; /* NULL: none */
    struct trii_thread *thread;    /* waits for the engine; NULL when none could be started */
    struct tri_sync *sync;
    _Atomic uint32_t done; /* a futex word: the claims are released */
};

struct tri_plan {
    struct tri_runtime *runtime;
    struct tri_arena *arena;
    struct trii_plan_stage *stages;
    size_t count;
    bool prepared;
    _Atomic uint32_t running;
    struct trii_late late;
    struct tri_ledger_line *lines; /* the ledger before a stage and after it, for require_zero_copy */
    const struct trii_flow *flow;
    const struct trii_placement *placement; /* how its engines were chosen; NULL: the text says it */
    struct trii_plan_stage **order; /* while placement is measured: stages of several plans, in place of its own */
    const tri_handle *handles;     /* borrowed with the flow, or `own_handles` */
    struct trii_flow *own_flow;    /* of tri_plan_create() only, else NULL */
    tri_handle *own_handles;
};

/* `handles[i]` is the region behind block i of the flow; the array lives as long as the flow does. */
tri_status trii_plan_build(struct tri_runtime *runtime, const struct trii_flow *flow, const tri_handle *handles,
                           struct tri_plan **out, struct tri_error *err);
bool trii_runtime_allows_native(const struct tri_runtime *runtime);
/* Whether all stages that name files run in worker processes, whether any may, and the engine that has them do so. */
bool trii_runtime_isolates(const struct tri_runtime *runtime);
bool trii_runtime_has_workers(const struct tri_runtime *runtime);
/* webnn with so many inferences at once, opened by the first call. */
tri_status trii_runtime_streams(struct tri_runtime *runtime, uint32_t streams, struct tri_engine **out,
                                struct tri_error *err);
tri_status trii_runtime_isolated(struct tri_runtime *runtime, enum tri_technology technology, struct tri_engine **out,
                                 struct tri_error *err);
/* What the outputs of files hold can be told afterwards: engines look at the files that need it. */
tri_status trii_plan_reflect(struct tri_runtime *runtime, const struct trii_flow *flow, struct tri_error *err);
/* One stage, in this thread. */
tri_status trii_plan_prepare_stage(struct tri_plan *plan, size_t index, struct tri_error *err);
/* Opens the engines that are needed and prepares every stage, technologies side by side. Does nothing when done. */
tri_status trii_plan_prepare(struct tri_plan *plan, struct tri_error *err);

/* Waits until nothing of an earlier run is in an engine. TRI_TIMEOUT says which stage still works. */
tri_status trii_late_settle(struct trii_late *late, uint64_t timeout_ns, struct tri_error *err);
/* Gives a stage up whose engine still works, with its claims. */
void trii_late_begin(struct trii_late *late, struct tri_sync *sync, struct trii_plan_stage *stage);

/* Takes all the claims of a stage, holding none while it waits. A region that the stage overwrites whole is taken even
 * when it is poisoned. */
tri_status trii_plan_acquire_claims(struct tri_sync *sync, struct trii_plan_stage *stage, const struct tri_wait *wait,
                                    struct tri_error *err);
void trii_plan_release_claims(struct tri_sync *sync, struct trii_plan_stage *stage);

#endif
