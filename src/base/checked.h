/* Arithmetic that can't overflow unseen, and the one bounds check. */
#ifndef TRIPOINT_BASE_CHECKED_H
#define TRIPOINT_BASE_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

static inline bool trii_mul_u64(uint64_t a, uint64_t b, uint64_t *out) {
    return !__builtin_mul_overflow(a, b, out);
}

static inline bool trii_add_u64(uint64_t a, uint64_t b, uint64_t *out) {
    return !__builtin_add_overflow(a, b, out);
}

/* True when [offset, offset + length) lies within [0, limit). Never `offset + length <= limit`. */
static inline bool trii_range_fits(uint64_t offset, uint64_t length, uint64_t limit) {
    return length <= limit && offset <= limit - length;
}

/* `alignment` is a power of two; false when the result would not fit 64 bits. */
static inline bool trii_align_up(uint64_t value, uint64_t alignment, uint64_t *out) {
    uint64_t sum;
    if (__builtin_add_overflow(value, alignment - 1, &sum))
        return false;
    *out = sum & ~(alignment - 1);
    return true;
}

static inline uint64_t trii_min_u64(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static inline uint64_t trii_max_u64(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

#endif
