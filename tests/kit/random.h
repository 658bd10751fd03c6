/* Random numbers of a test program's own: Marsaglia's xorshift64. Tests must not depend on the clock. */
#ifndef TRIPOINT_TESTS_RANDOM_H
#define TRIPOINT_TESTS_RANDOM_H

#include <stdint.h>

static uint64_t seed = 88172645463325252u;

static inline uint32_t random_below(uint32_t n) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 33) % n;
}

#endif
