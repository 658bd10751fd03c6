#include "base/busy.h"

#include "base/atomic.h"

static _Alignas(64) _Atomic uint32_t busy;

void trii_busy_add(uint32_t threads) {
    (void)trii_add_relaxed(&busy, threads);
}

void trii_busy_sub(uint32_t threads) {
    (void)trii_sub_relaxed(&busy, threads);
}

uint32_t trii_busy(void) {
    return trii_load_relaxed(&busy);
}
