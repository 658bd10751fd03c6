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

/* A relaxed load of a plain word that the compiler may fold into the instruction that uses it, as gcc does not with atomic
 * ones. For words that go from zero to their one value, written by trii_store_folded() after what they announce; what is
 * announced is read after trii_fence_folded(). */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TRII_ATOMIC_FOLDS 0
#endif
#endif
#if !defined(TRII_ATOMIC_FOLDS) && defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
#define trii_load_folded(p) (*(p))
#else
#define trii_load_folded(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#endif
#define trii_fence_folded() atomic_signal_fence(memory_order_acquire)
#define trii_store_folded(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

/* The same value, of which the compiler knows no more how it came to be. */
static inline unsigned long trii_opaque(unsigned long value) {
    __asm__("" : "+r"(value));
    return value;
}

static inline void trii_cpu_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

#endif
