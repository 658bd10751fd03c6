/* Atomics whose names carry the memory order. Only _Atomic objects are accepted. */
#ifndef TRIPOINT_BASE_ATOMIC_H
#define TRIPOINT_BASE_ATOMIC_H

#include <stdatomic.h>

#define trii_load_relaxed(p) atomic_load_explicit((p), memory_order_relaxed)
#define trii_load_acquire(p) atomic_load_explicit((p), memory_order_acquire)
#define trii_load_seq_cst(p) atomic_load_explicit((p), memory_order_seq_cst)
#define trii_store_relaxed(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define trii_store_release(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define trii_store_seq_cst(p, v) atomic_store_explicit((p), (v), memory_order_seq_cst)
#define trii_swap_acq_rel(p, v) atomic_exchange_explicit((p), (v), memory_order_acq_rel)
#define trii_add_relaxed(p, v) atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define trii_add_acq_rel(p, v) atomic_fetch_add_explicit((p), (v), memory_order_acq_rel)
#define trii_sub_relaxed(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_relaxed)
#define trii_sub_release(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_release)
#define trii_sub_acq_rel(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_acq_rel)
/* On failure *expected is loaded with the same order less the release. */
#define trii_cas_acquire(p, expected, v)                                                         \
    atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_acquire, memory_order_relaxed)
#define trii_cas_weak_acquire(p, expected, v)                                                    \
    atomic_compare_exchange_weak_explicit((p), (expected), (v), memory_order_acquire, memory_order_relaxed)
#define trii_cas_release(p, expected, v)                                                         \
    atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_release, memory_order_relaxed)
#define trii_cas_weak_release(p, expected, v)                                                    \
    atomic_compare_exchange_weak_explicit((p), (expected), (v), memory_order_release, memory_order_relaxed)
#define trii_cas_acq_rel(p, expected, v)                                                         \
    atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_acq_rel, memory_order_acquire)

/* Both sides of a "store mine, then look at yours" need the one order that all threads agree on. */
#define trii_cas_seq_cst(p, expected, v)                                                         \
    atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_seq_cst, memory_order_seq_cst)
#define trii_or_seq_cst(p, v) atomic_fetch_or_explicit((p), (v), memory_order_seq_cst)
#define trii_and_seq_cst(p, v) atomic_fetch_and_explicit((p), (v), memory_order_seq_cst)
#define trii_add_seq_cst(p, v) atomic_fetch_add_explicit((p), (v), memory_order_seq_cst)

static inline void trii_cpu_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

#endif
