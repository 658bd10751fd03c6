/* What record.c notes: 8 by 8 bits, from which state to which, of words and of slots. */
#ifndef TRIPOINT_TESTS_RECORDED_H
#define TRIPOINT_TESTS_RECORDED_H

#include <stdint.h>
#include <stdio.h>

struct tri_sync;
struct recorded {
    _Atomic uint64_t words, slots;
};

/* From now on, in this process and those that it forks: `into` is shared by them. */
void record_begin(struct recorded *into, const struct tri_sync *sync, uint32_t regions);
/* One line each: "word FREE WRITE". */
void record_print(const struct recorded *from);

#endif
