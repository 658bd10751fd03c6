#include "base/fault.h"

#include "base/atomic.h"

/* Remaining calls until the fault, plus one; 0 is disarmed. `fired` tells a test that it happened. */
static _Atomic uint64_t countdown[TRII_FAULT_COUNT];
static _Atomic bool fired[TRII_FAULT_COUNT];

void trii_fault_arm(enum trii_fault kind, uint64_t nth) {
    trii_store_relaxed(&fired[kind], false);
    trii_store_seq_cst(&countdown[kind], nth + 1);
}

bool trii_fault_disarm(enum trii_fault kind) {
    trii_store_seq_cst(&countdown[kind], 0);
    return trii_load_relaxed(&fired[kind]);
}

bool trii_fault_now(enum trii_fault kind) {
    uint64_t left = trii_load_relaxed(&countdown[kind]);
    while (left != 0) {
        if (!trii_cas_acq_rel(&countdown[kind], &left, left - 1))
            continue;
        if (left == 1)
            trii_store_relaxed(&fired[kind], true);
        return left == 1;
    }
    return false;
}
