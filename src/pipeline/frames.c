/*
 * Frames in flight (tripoint/frames.h): a thread a slot, and two turns.
 *
 * A frame belongs to the slot that took its number. Turns pass from frame to frame: `filling` is the frame that may be
 * filled, `draining` the one that may be drained, and `working`, where work is to be in order, the one in the middle. Whoever takes a turn passes it on whatever happens, so nobody waits
 * for one that was given up: after the end, numbers that were taken in vain pass both turns on at once.
 */
#include <tripoint/frames.h>

#include "base/alloc.h"
#include "base/atomic.h"
#include "base/params.h"
#include "base/status.h"
#include "base/sys.h"

#include <pthread.h>

#define SPINS 200 /* a turn that comes within a microsecond is not worth a sleep */

/* The low 32 bits of a frame's number are enough: fewer than 2^31 frames are in flight. */
struct turn {
    _Alignas(64) _Atomic uint32_t frame;
};

struct frames {
    struct tri_frames_params params;
    struct tri_frames_calls calls;
    void *user;
    struct turn filling, working, draining;
    _Alignas(64) _Atomic uint64_t next; /* the number that the next free slot takes */
    _Atomic uint32_t stopping;          /* no frame is filled any more */
    /* Guarded by the turn in which they are changed: filling, filling, draining, draining. */
    uint64_t frames, fill_ns;
    uint64_t drained, drain_ns;
    _Atomic uint64_t failed, work_ns;
    pthread_mutex_t lock; /* for the first failure: never taken by a stream that goes well */
    bool has_failed;
    struct tri_error error;
};

struct slot {
    struct frames *all;
    uint32_t index;
    struct trii_thread *thread;
};

static void wait_for_turn(struct turn *turn, uint64_t frame) {
    const uint32_t mine = (uint32_t)frame;
    for (unsigned i = 0;; i++) {
        uint32_t now = trii_load_acquire(&turn->frame); /* pairs with pass(): what was done in the turn before is seen */
        if (now == mine)
            return;
        if (i < SPINS)
            trii_cpu_relax();
        else
            (void)trii_sys_futex_wait(&turn->frame, now, TRI_FOREVER, false);
    }
}

static void pass(struct turn *turn, uint64_t frame) {
    trii_store_release(&turn->frame, (uint32_t)frame + 1);
    trii_sys_futex_wake(&turn->frame, INT32_MAX, false); /* all: only one of them is next, and it may be any */
}

static void fail(struct frames *all, tri_status status, const struct tri_error *error) {
    pthread_mutex_lock(&all->lock);
    if (!all->has_failed) {
        all->has_failed = true;
        all->error = *error;
        all->error.status = status;
    }
    pthread_mutex_unlock(&all->lock);
    trii_store_release(&all->stopping, 1);
}

static void look_for_cancel(struct frames *all) {
    if (!all->params.cancel || !tri_cancel_is_set(all->params.cancel))
        return;
    struct tri_error error = {0};
    tri_status status = trii_fail(&error, TRI_CANCELLED, "the stream was cancelled");
    fail(all, status, &error);
}

/* In its turn. False: there is no such frame. */
static bool fill(struct slot *slot, uint64_t frame) {
    struct frames *all = slot->all;
    struct tri_error error = {0};
    bool end = false;
    look_for_cancel(all);
    if (trii_load_acquire(&all->stopping))
        return false;
    uint64_t began = trii_sys_now_ns();
    tri_status status = all->calls.fill(all->user, slot->index, frame, &end, &error);
    all->fill_ns += trii_sys_now_ns() - began;
    if (status != TRI_OK)
        fail(all, status, &error);
    else if (end)
        trii_store_release(&all->stopping, 1);
    else
        all->frames++;
    return status == TRI_OK && !end;
}

static tri_status work(struct slot *slot, uint64_t frame, struct tri_error *err) {
    struct frames *all = slot->all;
    if (!all->calls.work)
        return TRI_OK;
    uint64_t began = trii_sys_now_ns();
    tri_status status = all->calls.work(all->user, slot->index, frame, err);
    (void)trii_add_relaxed(&all->work_ns, trii_sys_now_ns() - began);
    if (status != TRI_OK)
        (void)trii_add_relaxed(&all->failed, 1);
    return status;
}

/* In its turn. Frames after a fatal failure are not drained: those before it all were. */
static void drain(struct slot *slot, uint64_t frame, tri_status worked, const struct tri_error *why) {
    struct frames *all = slot->all;
    struct tri_error error = {0};
    if (worked != TRI_OK && !all->params.skip_failed)
        fail(all, worked, why);
    if (all->drained != frame || (worked != TRI_OK && !all->params.skip_failed))
        return;
    uint64_t began = trii_sys_now_ns();
    tri_status status = all->calls.drain(all->user, slot->index, frame, worked == TRI_OK ? NULL : why, &error);
    all->drain_ns += trii_sys_now_ns() - began;
    if (status == TRI_OK)
        all->drained++;
    else
        fail(all, status, &error);
}

static void run_slot(void *user) {
    struct slot *slot = user;
    struct frames *all = slot->all;
    for (bool filled = true; filled;) {
        struct tri_error error = {0};
        tri_status status = TRI_OK;
        uint64_t frame = trii_add_relaxed(&all->next, 1);
        wait_for_turn(&all->filling, frame);
        filled = fill(slot, frame);
        pass(&all->filling, frame);
        if (all->params.in_order)
            wait_for_turn(&all->working, frame);
        if (filled)
            status = work(slot, frame, &error);
        if (all->params.in_order)
            pass(&all->working, frame);
        wait_for_turn(&all->draining, frame);
        if (filled)
            drain(slot, frame, status, &error);
        pass(&all->draining, frame);
    }
}

static tri_status start(struct slot *slots, uint32_t count, struct tri_error *err) {
    for (uint32_t i = 0; i < count; i++) {
        int failed = trii_sys_thread_start(&slots[i].thread, "tri-frame", run_slot, &slots[i]);
        if (failed && i == 0)
            return trii_fail_errno(err, TRI_NO_MEMORY, failed, "no thread to work on frames can be started");
        if (failed)
            return TRI_OK; /* fewer frames in flight */
    }
    return TRI_OK;
}

static tri_status read_arguments(struct frames *all, const struct tri_frames_params *params,
                                 const struct tri_frames_calls *calls, struct tri_error *err) {
    all->params.struct_bytes = sizeof all->params;
    all->calls.struct_bytes = sizeof all->calls;
    tri_status status = trii_params_read(&all->params, sizeof all->params, params, "tri_frames_params", err);
    if (status == TRI_OK)
        status = trii_params_read(&all->calls, sizeof all->calls, calls, "tri_frames_calls", err);
    if (status == TRI_OK && (!all->calls.fill || !all->calls.drain))
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_frames_run needs calls that fill and that drain");
    if (status == TRI_OK && all->params.slots > TRI_FRAMES_SLOTS_MAX)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "%u slots are asked for; there may be 1 to %u", all->params.slots,
                         TRI_FRAMES_SLOTS_MAX);
    return status;
}

uint32_t tri_frames_slots(const struct tri_frames_params *params) {
    uint32_t processors = trii_sys_processors();
    if (params && params->slots)
        return params->slots;
    return processors < 3 ? processors + 1 : 4;
}

static void tell(const struct frames *all, struct tri_frames_report *report) {
    if (report)
        *report = (struct tri_frames_report){.frames = all->frames,
                                             .failed = trii_load_relaxed(&all->failed),
                                             .drained = all->drained,
                                             .fill_ns = all->fill_ns,
                                             .work_ns = trii_load_relaxed(&all->work_ns),
                                             .drain_ns = all->drain_ns};
}

tri_status tri_frames_run(const struct tri_frames_params *params, const struct tri_frames_calls *calls, void *user,
                          struct tri_frames_report *report, struct tri_error *err) {
    struct slot slots[TRI_FRAMES_SLOTS_MAX] = {0};
    struct frames all = {.user = user};
    if (!calls)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_frames_run: calls is NULL");
    tri_status status = read_arguments(&all, params, calls, err);
    if (status != TRI_OK)
        return status;
    pthread_mutex_init(&all.lock, NULL);
    const uint32_t count = tri_frames_slots(&all.params);
    for (uint32_t i = 0; i < count; i++)
        slots[i] = (struct slot){.all = &all, .index = i};
    status = start(slots, count, err);
    for (uint32_t i = 0; i < count; i++)
        trii_sys_thread_join(&slots[i].thread);
    tell(&all, report);
    if (all.has_failed) {
        status = all.error.status;
        trii_error_copy(err, &all.error);
    }
    pthread_mutex_destroy(&all.lock);
    return status;
}
