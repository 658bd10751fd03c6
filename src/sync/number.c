#include "sync/number.h"

#include "base/sys.h"

#include <sys/random.h>

#define BLOCK_BITS 16u
#define BLOCK_SHIFT (TRII_NUMBER_SHIFT + BLOCK_BITS)
#define BLOCK ((uint64_t)1 << BLOCK_SHIFT)

__thread struct trii_numbers trii_numbers;

static _Atomic uint64_t blocks;
static _Atomic int32_t whose; /* the process that `blocks` was begun for */

static uint64_t anywhere(void) {
    uint64_t number = 0;
    if (getrandom(&number, sizeof number, GRND_NONBLOCK) != (ssize_t)sizeof number)
        number = trii_sys_now_ns() * 0x9e3779b97f4a7c15u >> 20;
    return number;
}

void trii_numbers_begin(void) {
    int32_t self = trii_sys_pid();
    int32_t was = trii_load_acquire(&whose);
    if (was == self || !trii_cas_acq_rel(&whose, &was, self))
        return;
    trii_store_relaxed(&blocks, anywhere());
    trii_numbers = (struct trii_numbers){0};
}

static uint64_t take_block(void) {
    uint64_t first;
    do
        first = trii_add_relaxed(&blocks, 1) << BLOCK_SHIFT;
    while (first == 0); /* a claim is never 0 */
    return first;
}

void trii_numbers_refill(void) {
    trii_numbers.next = take_block();
    trii_numbers.end = trii_numbers.next + BLOCK;
    trii_numbers.taken[trii_numbers.count++ % TRII_BLOCKS_KEPT] = trii_numbers.next;
}

uint64_t trii_number_handed(void) {
    if (trii_numbers.handed_next == trii_numbers.handed_end) {
        trii_numbers.handed_next = take_block();
        trii_numbers.handed_end = trii_numbers.handed_next + BLOCK;
    }
    uint64_t number = trii_numbers.handed_next;
    trii_numbers.handed_next = number + TRII_NUMBER_STEP;
    return number;
}

bool trii_number_is_own(uint64_t value) {
    uint64_t block = value & ~(BLOCK - 1);
    for (uint32_t i = 0; i < TRII_BLOCKS_KEPT; i++)
        if (block != 0 && trii_numbers.taken[i] == block)
            return true;
    return false;
}
