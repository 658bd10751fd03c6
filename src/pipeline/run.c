/*
 * One run of a plan: for each stage take its claims, let the engine work, release. Nothing is allocated, and no lock
 * is held but the claims.
 */
#include "pipeline/plan.h"

#include "base/atomic.h"
#include "base/ledger.h"
#include "base/params.h"
#include "base/status.h"
#include "base/sys.h"
#include "base/trace.h"
#include "proof/proof.h"

#include <string.h>

#define DEFAULT_TIMEOUT_NS (UINT64_C(30) * 1000000000u)
#define TOLD_WAIT_NS 10000u /* a trace shows no shorter ones: taking free claims takes about one µs */
#define CANCEL_LOOK_NS (UINT64_C(5) * 1000000u) /* how often a working engine's waiter looks at `cancel` */

struct run {
    struct tri_plan *plan;
    struct tri_sync *sync;
    uint64_t timeout_ns;
    struct tri_cancel *cancel;
    bool zero_copy;
};

static bool is_cancelled(const struct run *run) {
    return run->cancel && tri_cancel_is_set(run->cancel);
}

/* Every handle must still live; a region that was filled before the first stage must hold what the plan was made for. */
static tri_status check_regions(const struct run *run, const struct trii_plan_stage *stage, struct tri_error *err) {
    for (size_t k = 0; k < stage->stage.operand_count; k++) {
        const struct trii_operand *operand = &stage->stage.operands[k];
        struct tri_layout now;
        char is[96], was[96];
        tri_status status = tri_region_layout(run->plan->arena, operand->region.handle, &now, err);
        if (status != TRI_OK)
            return trii_error_place(err, status, NULL, NULL, operand->region.label);
        if (!stage->external[k] || (tri_layout_equal(&now, &operand->layout) && now.kind == operand->layout.kind))
            continue;
        trii_fail(err, TRI_BAD_PIPELINE, "region \"%s\" holds %s now, but the plan was made for %s: plan again",
                  operand->region.label, tri_layout_format(&now, is, sizeof is),
                  tri_layout_format(&operand->layout, was, sizeof was));
        return trii_error_place(err, TRI_BAD_PIPELINE, NULL, NULL, operand->region.label);
    }
    return TRI_OK;
}

/* Waits for the fence; looks at `cancel` now and then. TRI_TIMEOUT or TRI_CANCELLED while the engine still works. */
static tri_status wait_for_engine(const struct run *run, struct trii_plan_stage *stage, uint64_t deadline,
                                  struct tri_error *err) {
    for (;;) {
        uint64_t now = trii_sys_now_ns();
        uint64_t left = deadline == TRI_FOREVER ? TRI_FOREVER : deadline > now ? deadline - now : 0;
        uint64_t slice = run->cancel && left > CANCEL_LOOK_NS ? CANCEL_LOOK_NS : left;
        tri_status status = trii_task_wait(stage->task, &stage->fence, slice, err);
        if (trii_fence_is_done(&stage->fence))
            return status == TRI_TIMEOUT ? trii_task_wait(stage->task, &stage->fence, 0, err) : status;
        if (is_cancelled(run)) {
            trii_task_abandon(stage->task, &stage->fence);
            return trii_fail(err, TRI_CANCELLED, "cancelled while the engine worked");
        }
        if (slice != left)
            continue;
        trii_task_abandon(stage->task, &stage->fence);
        if (trii_fence_is_done(&stage->fence)) /* by force: it says so */
            return trii_task_wait(stage->task, &stage->fence, 0, err);
        return trii_fail(err, TRI_TIMEOUT, "the engine did not end within %llu ms",
                         (unsigned long long)(run->timeout_ns / 1000000u));
    }
}

static void poison_outputs(const struct run *run, struct trii_plan_stage *stage, const struct tri_error *cause) {
    for (size_t i = 0; i < stage->touch_count; i++)
        if (stage->touches[i].access != TRI_ACCESS_READ)
            (void)!tri_sync_poison(run->sync, stage->claims[i], cause, NULL);
}

static const char *first_output(const struct trii_plan_stage *stage) {
    for (size_t i = 0; i < stage->touch_count; i++)
        if (stage->touches[i].access != TRI_ACCESS_READ)
            return stage->touches[i].label;
    return NULL;
}

static tri_status set_layouts(const struct run *run, const struct trii_plan_stage *stage, struct tri_error *err) {
    for (size_t k = 0; k < stage->stage.operand_count; k++) {
        const struct trii_operand *operand = &stage->stage.operands[k];
        if (operand->info->access == TRI_ACCESS_READ)
            continue;
        tri_status status = tri_region_set_layout(run->plan->arena, operand->region.handle, &operand->layout, err);
        if (status != TRI_OK)
            return trii_error_place(err, status, NULL, NULL, operand->region.label);
    }
    return TRI_OK;
}

static void trace(enum trii_track track, const struct trii_plan_stage *stage, uint64_t began, uint64_t took,
                  tri_status status) {
    if (trii_trace_is_on())
        trii_trace_add(&(struct trii_span){.track = track,
                                           .technology = stage->technology,
                                           .name = stage->stage.name,
                                           .cause = status == TRI_OK ? NULL : tri_status_name(status),
                                           .begin_ns = began,
                                           .end_ns = began + took});
}

/* The claims are held and nothing has been started. On return the engine is done, except after TRI_TIMEOUT and
 * TRI_CANCELLED with *working. */
static tri_status work(const struct run *run, struct trii_plan_stage *stage, uint64_t deadline, bool *working,
                       struct tri_error *err) {
    *working = false;
    trii_fence_init(&stage->fence);
    tri_status status = trii_proof_stage_begins(run->plan->arena, stage->stage.name, stage->technology, err);
    uint64_t started = trii_sys_now_ns();
    if (status == TRI_OK)
        status = trii_task_submit(stage->task, &stage->fence, err);
    if (status == TRI_OK) {
        status = wait_for_engine(run, stage, deadline, err);
        *working = !trii_fence_is_done(&stage->fence);
    }
    stage->run_ns = trii_sys_now_ns() - started;
    trace(TRII_TRACK_ENGINE, stage, started, stage->run_ns, status);
    if (status == TRI_OK)
        status = trii_proof_stage_ended(run->plan->arena, err);
    return status == TRI_OK ? set_layouts(run, stage, err) : status;
}

static uint64_t copied(const struct run *run) {
    return tri_ledger_copies(run->plan->arena, TRI_LEDGER_BETWEEN);
}

static bool same_line(const struct tri_ledger_line *a, const struct tri_ledger_line *b) {
    return a->place == b->place && strcmp(a->stage, b->stage) == 0 && strcmp(a->region, b->region) == 0 &&
           strcmp(a->cause, b->cause) == 0;
}

/* Did a line of this stage grow? Lines of other stages may belong to a plan that runs beside this one. */
static tri_status refuse_copies(const struct run *run, const struct trii_plan_stage *stage, size_t before,
                                struct tri_error *err) {
    const struct tri_ledger_line *old = run->plan->lines;
    struct tri_ledger_line *now = run->plan->lines + TRII_LEDGER_LINES;
    size_t count = tri_ledger_lines(run->plan->arena, now, TRII_LEDGER_LINES);
    for (size_t i = 0; i < count && i < TRII_LEDGER_LINES; i++) {
        uint64_t bytes = now[i].bytes;
        bool ours = strcmp(now[i].stage, stage->stage.name) == 0 || now[i].stage[0] == '\0';
        if (now[i].place != TRI_LEDGER_BETWEEN || !ours)
            continue;
        for (size_t k = 0; k < before; k++)
            if (same_line(&old[k], &now[i]))
                bytes -= old[k].bytes;
        if (bytes == 0)
            continue;
        trii_fail(err, TRI_COPY_REFUSED, "%llu bytes of region \"%s\" were copied (%s) and zero-copy is required",
                  (unsigned long long)bytes, now[i].region, now[i].cause);
        return trii_error_place(err, TRI_COPY_REFUSED, NULL, NULL, now[i].region);
    }
    return TRI_OK;
}

static tri_status work_without_copies(const struct run *run, struct trii_plan_stage *stage, uint64_t deadline,
                                      bool *working, struct tri_error *err) {
    uint64_t copies = copied(run);
    size_t lines = tri_ledger_lines(run->plan->arena, run->plan->lines, TRII_LEDGER_LINES);
    tri_status status = work(run, stage, deadline, working, err);
    if (status != TRI_OK || copied(run) == copies)
        return status;
    return refuse_copies(run, stage, lines < TRII_LEDGER_LINES ? lines : TRII_LEDGER_LINES, err);
}

static tri_status run_stage(const struct run *run, struct trii_plan_stage *stage, struct tri_error *err) {
    uint64_t started = trii_sys_now_ns();
    uint64_t deadline = trii_sys_deadline(run->timeout_ns);
    const struct tri_wait wait = {.timeout_ns = run->timeout_ns, .cancel = run->cancel};
    const char *engine = tri_technology_name(stage->technology), *name = stage->stage.name;
    struct tri_error cause = {0};
    bool working = false;
    stage->wait_ns = stage->run_ns = 0;
    tri_status status = is_cancelled(run) ? trii_fail(err, TRI_CANCELLED, "cancelled before the stage began") : TRI_OK;
    if (status == TRI_OK)
        status = trii_plan_acquire_claims(run->sync, stage, &wait, err);
    stage->wait_ns = trii_sys_now_ns() - started;
    if (stage->wait_ns >= TOLD_WAIT_NS)
        trace(TRII_TRACK_WAIT, stage, started, stage->wait_ns, status);
    if (status != TRI_OK)
        return trii_error_place(err, status, engine, name, NULL);
    status = check_regions(run, stage, &cause);
    if (status == TRI_OK) {
        status = run->zero_copy ? work_without_copies(run, stage, deadline, &working, &cause)
                                : work(run, stage, deadline, &working, &cause);
        trii_error_place(&cause, status, engine, name, first_output(stage));
        /* A refused copy did no harm to the bytes. */
        if (status != TRI_OK && status != TRI_COPY_REFUSED)
            poison_outputs(run, stage, &cause);
    }
    if (working)
        trii_late_begin(&run->plan->late, run->sync, stage);
    else
        trii_plan_release_claims(run->sync, stage);
    if (trii_trace_is_on())
        trace(TRII_TRACK_STAGE, stage, started, trii_sys_now_ns() - started, status);
    if (status != TRI_OK) {
        trii_error_place(&cause, status, engine, name, NULL);
        trii_error_copy(err, &cause);
    }
    return status;
}

static tri_status run_all(const struct run *run, struct tri_error *err) {
    struct tri_plan *plan = run->plan;
    tri_status status = trii_plan_prepare(plan, err);
    if (status == TRI_OK)
        status = trii_late_settle(&plan->late, run->timeout_ns, err);
    for (size_t i = 0; status == TRI_OK && i < plan->count; i++)
        status = run_stage(run, plan->order ? plan->order[i] : &plan->stages[i], err);
    return status;
}

tri_status tri_plan_run(struct tri_plan *plan, const struct tri_run_params *given, struct tri_error *err) {
    uint32_t idle = 0;
    if (!plan)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_plan_run: plan is NULL");
    struct tri_run_params params = {.struct_bytes = sizeof params};
    tri_status status = trii_params_read(&params, sizeof params, given, "tri_run_params", err);
    if (status != TRI_OK)
        return status;
    const struct run run = {
        .plan = plan,
        .sync = tri_arena_sync(plan->arena),
        .timeout_ns = params.timeout_ns ? params.timeout_ns : DEFAULT_TIMEOUT_NS,
        .cancel = params.cancel,
        .zero_copy = params.require_zero_copy,
    };
    if (!trii_cas_acquire(&plan->running, &idle, 1)) /* pairs with the release below */
        return trii_fail(err, TRI_BUSY, "the plan is running already; it runs one frame at a time");
    uint64_t began = trii_trace_now();
    status = run_all(&run, err);
    if (began)
        trii_trace_add(&(struct trii_span){
            .track = TRII_TRACK_RUN, .name = plan->flow->origin ? plan->flow->origin : "plan", .begin_ns = began});
    trii_store_release(&plan->running, 0);
    return status;
}
