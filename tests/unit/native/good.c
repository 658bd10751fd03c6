/* Operations of a shared object, for custom_native_test.c. */
#include <tripoint/native.h>

#include <stdio.h>

static int invert(const struct tri_native_call *call) {
    const uint8_t *from = call->operands[0].bytes;
    uint8_t *to = call->operands[1].bytes;
    if (call->params[1] == 1) {
        snprintf(call->message, call->message_bytes, "hard is not to be had");
        return 7;
    }
    for (uint64_t i = 0; i < call->operands[1].size_bytes; i++)
        to[i] = (uint8_t)((double)(uint8_t)~from[i] * call->params[0]);
    return call->operands[0].layout->rank == 3 ? 0 : 1;
}

/* Not described: as many operands as the stage names. */
static int sum(const struct tri_native_call *call) {
    uint32_t total = 0;
    for (size_t i = 0; i + 1 < call->operand_count; i++)
        total += *(const uint8_t *)call->operands[i].bytes;
    *(uint8_t *)call->operands[call->operand_count - 1].bytes = (uint8_t)total;
    return 0;
}

static const struct tri_native_operation operations[] = {
    {"invert", "- the negative; in image image u8; out inverted image; inplace; number gain 1 0 1; choice mode soft soft|hard",
     invert},
    {"sum", NULL, sum}};
TRI_NATIVE_MODULE(operations)
