/* Bulk instructions on operands: built with -mbulk-memory, as guests should not be. */
#include "tripoint_guest.h"

TRIPOINT_GUEST

static uint8_t mine[256];

TRIPOINT_OPERATION(fill) {
    __builtin_memset(tripoint_bytes(&call->operands[1]), 0xee, (unsigned long)call->operands[1].bytes);
    return 0;
}

TRIPOINT_OPERATION(copy_in) {
    __builtin_memcpy(mine, tripoint_bytes(&call->operands[0]), call->operands[0].bytes & 255);
    return mine[0];
}

TRIPOINT_OPERATION(copy_constant) { /* into the input; small constant copies may become plain stores */
    __builtin_memcpy(tripoint_bytes(&call->operands[0]), mine, 64);
    return 0;
}

TRIPOINT_OPERATION(fill_own) {
    __builtin_memset(mine, 7, call->operands[1].bytes & 255);
    *(uint8_t *)tripoint_bytes(&call->operands[1]) = mine[3];
    return 0;
}
