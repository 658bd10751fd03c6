#include "engine/contract.h"

#include "base/atomic.h"
#include "base/status.h"
#include "base/sys.h"

/* Long enough to catch a callback that is about to come, short enough not to matter on a battery. */
#define SPIN_ROUNDS 200

void trii_fence_init(struct trii_fence *fence) {
    fence->status = TRI_OK;
    fence->error = (struct tri_error){0};
    trii_store_relaxed(&fence->state, 0);
}

void trii_fence_signal(struct trii_fence *fence, tri_status status, const struct tri_error *error) {
    fence->status = status;
    if (error)
        fence->error = *error;
    trii_store_release(&fence->state, 1); /* pairs with the acquire loads below: status and error are visible */
    trii_sys_futex_wake(&fence->state, INT32_MAX, false);
}

bool trii_fence_is_done(struct trii_fence *fence) {
    return trii_load_acquire(&fence->state) != 0;
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
        (void)trii_sys_futex_wait(&fence->state, 0, deadline == TRI_FOREVER ? TRI_FOREVER : deadline - now, false);
    }
    return TRI_OK;
}
