/*
 * A stage that was given up (timeout, cancellation) while its engine still worked. Its pages may still be read and
 * written, so its claims stay held until the fence is signalled; a thread waits for that and releases them. Where no
 * thread could be started, the next run of the plan, or its destruction, does the waiting.
 */
#include "pipeline/plan.h"

#include "base/atomic.h"
#include "base/status.h"
#include "base/sys.h"

static void finish(struct trii_late *late) {
    trii_plan_release_claims(late->sync, late->stage);
    trii_store_release(&late->done, 1); /* pairs with the acquire in settle: the stage may be used again */
    trii_sys_futex_wake(&late->done, INT32_MAX, false);
}

static void wait_and_finish(void *user) {
    struct trii_late *late = user;
    while (!trii_fence_is_done(&late->stage->fence))
        (void)!trii_task_wait(late->stage->task, &late->stage->fence, TRI_FOREVER, NULL);
    finish(late);
}

void trii_late_begin(struct trii_late *late, struct tri_sync *sync, struct trii_plan_stage *stage) {
    late->stage = stage;
    late->sync = sync;
    trii_store_relaxed(&late->done, 0); /* the thread's start orders it */
    if (trii_sys_thread_start(&late->thread, "tri-late", wait_and_finish, late) != 0)
        late->thread = NULL;
}

static bool wait_for_thread(struct trii_late *late, uint64_t timeout_ns) {
    uint64_t deadline = trii_sys_deadline(timeout_ns);
    while (!trii_load_acquire(&late->done)) { /* pairs with finish() */
        uint64_t now = trii_sys_now_ns();
        if (now >= deadline)
            return false;
        trii_sys_futex_wait(&late->done, 0, deadline == TRI_FOREVER ? TRI_FOREVER : deadline - now, false);
    }
    trii_sys_thread_join(&late->thread);
    return true;
}

static bool wait_here(struct trii_late *late, uint64_t timeout_ns) {
    (void)!trii_task_wait(late->stage->task, &late->stage->fence, timeout_ns, NULL);
    if (!trii_fence_is_done(&late->stage->fence))
        return false;
    finish(late);
    return true;
}

tri_status trii_late_settle(struct trii_late *late, uint64_t timeout_ns, struct tri_error *err) {
    if (!late->stage)
        return TRI_OK;
    if (!(late->thread ? wait_for_thread(late, timeout_ns) : wait_here(late, timeout_ns))) {
        trii_fail(err, TRI_TIMEOUT, "the stage was given up in an earlier run and its engine still works on it");
        return trii_error_place(err, TRI_TIMEOUT, tri_technology_name(late->stage->technology),
                                late->stage->stage.name, NULL);
    }
    late->stage = NULL;
    return TRI_OK;
}
