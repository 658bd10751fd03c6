/* Has an _initialize, which runs once before anything else. */
#include "tripoint_guest.h"

TRIPOINT_GUEST

static uint32_t ready;

__attribute__((export_name("_initialize"))) void initialize(void) {
    ready++;
}

TRIPOINT_OPERATION(tell) {
    *(uint8_t *)tripoint_bytes(&call->operands[1]) = (uint8_t)ready;
    return 0;
}
