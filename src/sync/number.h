/*
 * The numbers of claims: 38 bits, no two claims of a process alike. A thread takes them from a block of its own, so
 * that a claim needs no atomic operation and no look at what a slot held before; blocks come from one counter of the
 * process, which begins anywhere. After 2^38 claims, or 2^22 threads, they come again: a token would have to be
 * released a second time just when its own slot holds its own number once more.
 */
#ifndef TRIPOINT_SYNC_NUMBER_H
#define TRIPOINT_SYNC_NUMBER_H

#include "sync/word.h"

#define TRII_BLOCKS_KEPT 8u

/* Numbers stand where words and slots have them, the other bits are 0. `next` == `end`: no block. */
struct trii_numbers {
    uint64_t next, end;
    uint64_t handed_next, handed_end; /* for claims that others will release */
    uint64_t taken[TRII_BLOCKS_KEPT]; /* the last blocks of the first kind: by them a thread knows its claims again */
    uint32_t count;
};

/* Initial-exec: reached without a call. 104 bytes of the space that the loader keeps for libraries opened later. */
extern __thread struct trii_numbers trii_numbers __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* Takes a block for this thread. */
void trii_numbers_refill(void);
/* A number of a claim that the thread takes for others, who will release it: not known again as its own. */
uint64_t trii_number_handed(void);
/* Whether this thread took the claim that `value` holds, for itself, within its last half million. */
bool trii_number_is_own(uint64_t value);
/* This is a new process, perhaps a forked one: its numbers begin elsewhere. */
void trii_numbers_begin(void);

static inline uint64_t trii_number(void) {
    if (trii_numbers.next == trii_numbers.end)
        trii_numbers_refill();
    uint64_t number = trii_numbers.next;
    trii_numbers.next = number + TRII_NUMBER_STEP;
    return number;
}

#endif
