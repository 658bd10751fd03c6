#include "sync/number.h"

#include "base/sys.h"

#include <sys/random.h>

#define BLOCK_BITS 16u
#define BLOCK_SHIFT (TRII_NUMBER_SHIFT + BLOCK_BITS)

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
    trii_numbers.next = trii_numbers.end = 0;
}

void trii_numbers_refill(void) {
    uint64_t next;
    do
        next = trii_add_relaxed(&blocks, 1) << BLOCK_SHIFT;
    while (next == 0); /* a claim is never 0 */
    trii_numbers.next = next;
    trii_numbers.end = next + ((uint64_t)1 << BLOCK_SHIFT);
}
