/* Stands in for vignette: halves the bytes, traps half-way when strength is 1. */
#include "tripoint_guest.h"

TRIPOINT_GUEST

TRIPOINT_OPERATION(vignette) {
    const uint8_t *src = tripoint_bytes(&call->operands[0]);
    uint8_t *dst = tripoint_bytes(&call->operands[1]);
    const uint64_t bytes = call->operands[0].bytes;
    for (uint64_t i = 0; i < bytes; i++) {
        if (i == bytes / 2 && call->params[0] == 1)
            __builtin_trap();
        dst[i] = src[i] / 2;
    }
    return 0;
}
