/* Operations of a shared object that do what a worker process must survive: its owner, that is. */
#include <tripoint/native.h>

#include <stdlib.h>
#include <unistd.h>

static int invert(const struct tri_native_call *call) {
    const uint8_t *from = call->operands[0].bytes;
    uint8_t *to = call->operands[1].bytes;
    for (uint64_t i = 0; i < call->operands[1].size_bytes; i++)
        to[i] = (uint8_t)~from[i];
    return 0;
}

static int crash(const struct tri_native_call *call) {
    volatile int *nowhere = (volatile int *)(uintptr_t)(call->operand_count - 1); /* no compiler sees that it is none */
    *nowhere = 1;
    return 0;
}

static int leave(const struct tri_native_call *call) {
    (void)call;
    _exit(3);
}

static int wait(const struct tri_native_call *call) {
    while (call->operand_count > 0)
        pause();
    return 0;
}

static const struct tri_native_operation operations[] = {
    {"invert", NULL, invert}, {"crash", NULL, crash}, {"leave", NULL, leave}, {"wait", NULL, wait}};
TRI_NATIVE_MODULE(operations)
