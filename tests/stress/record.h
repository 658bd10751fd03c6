/*
 * The synchronizer with every change of a word or slot noted: forced in front of src/sync's files (-include), it puts
 * itself between them and base/atomic.h. What is noted is from which state to which; in memory that processes share.
 */
#ifndef TRIPOINT_TESTS_RECORD_H
#define TRIPOINT_TESTS_RECORD_H

#include "base/atomic.h"

#include <stdbool.h>
#include <stdint.h>

/* record.c: notes a change that has just happened at `at`, if there is a word or slot. */
void record_change(const void *at, uint64_t from, uint64_t to);

static inline bool record_cas(_Atomic uint64_t *at, uint64_t *expected, uint64_t made) {
    bool done = trii_cas_seq_cst(at, expected, made);
    if (done)
        record_change((const void *)at, *expected, made);
    return done;
}

static inline uint64_t record_or(_Atomic uint64_t *at, uint64_t bits) {
    uint64_t was = trii_or_seq_cst(at, bits);
    record_change((const void *)at, was, was | bits);
    return was;
}

static inline uint64_t record_and(_Atomic uint64_t *at, uint64_t bits) {
    uint64_t was = trii_and_seq_cst(at, bits);
    record_change((const void *)at, was, was & bits);
    return was;
}

#undef trii_cas_seq_cst
#define trii_cas_seq_cst(p, expected, v) record_cas((p), (expected), (v))
#undef trii_or_seq_cst
#define trii_or_seq_cst(p, v) record_or((p), (v))
#undef trii_and_seq_cst
#define trii_and_seq_cst(p, v) record_and((p), (v))

#endif
