#include "engine/contract.h"

#include "base/atomic.h"
#include "base/status.h"
#include "base/sys.h"

/* A wake is a system call, so somebody must have gone to sleep for it to be made. */
enum { IN_FLIGHT, DONE, SLEPT_ON };

/* Long enough to catch a callback that is about to come, short enough not to matter on a battery. */
#define SPIN_ROUNDS 200

void trii_fence_init(struct trii_fence *fence) {
    fence->status = TRI_OK;
    fence->error = (struct tri_error){0};
    trii_store_relaxed(&fence->state, IN_FLIGHT);
}

void trii_fence_signal(struct trii_fence *fence, tri_status status, const struct tri_error *error) {
    fence->status = status;
    if (error && status != TRI_OK)
        fence->error = *error;
    /* Release pairs with the acquire loads below: status and error are visible. */
    if (trii_swap_acq_rel(&fence->state, (uint32_t)DONE) == SLEPT_ON)
        trii_sys_futex_wake(&fence->state, INT32_MAX, false);
}

bool trii_fence_is_done(struct trii_fence *fence) {
    return trii_load_acquire(&fence->state) == DONE;
}

tri_status trii_fence_wait(struct trii_fence *fence, uint64_t timeout_ns) {
    for (int i = 0; i < SPIN_ROUNDS; i++) {
        if (trii_fence_is_done(fence))
            return TRI_OK;
        trii_cpu_relax();
    }
    uint64_t deadline = trii_sys_deadline(timeout_ns);
    while (!trii_fence_is_done(fence)) {
        uint64_t now = trii_sys_now_ns();
        if (now >= deadline)
            return TRI_TIMEOUT;
        uint32_t state = IN_FLIGHT;
        if (trii_cas_acquire(&fence->state, &state, (uint32_t)SLEPT_ON) || state == SLEPT_ON)
            (void)trii_sys_futex_wait(&fence->state, SLEPT_ON, deadline == TRI_FOREVER ? TRI_FOREVER : deadline - now,
                                      false);
    }
    return TRI_OK;
}
