/* Everything that a guest must not do, one operation each. Operands: [0] an input, [1] an output; parameters: [0] an
 * address or a number. */
#include "tripoint_guest.h"

TRIPOINT_GUEST

static uint8_t *in(const struct tripoint_call *call) {
    return tripoint_bytes(&call->operands[0]);
}

static uint8_t *out(const struct tripoint_call *call) {
    return tripoint_bytes(&call->operands[1]);
}

/* ---- what is right ---- */

TRIPOINT_OPERATION(copy) {
    for (uint64_t i = 0; i < call->operands[0].bytes; i++)
        out(call)[i] = in(call)[i];
    return 0;
}

static uint32_t calls;
TRIPOINT_OPERATION(count) {
    out(call)[0] = (uint8_t)++calls;
    return 0;
}

/* The address is one constant away from the pointer: a big immediate offset, which the compiler must not check against
 * memory.size. */
TRIPOINT_OPERATION(far) {
    out(call)[48 * 1024 * 1024 + 3] = in(call)[40 * 1024 * 1024 + 1];
    return 0;
}

TRIPOINT_OPERATION(refuse) {
    return (uint32_t)call->params[0];
}

/* Spoils the host's description; the next call must find a fresh one. */
TRIPOINT_OPERATION(scribble) {
    struct tripoint_call *mine = tripoint_call_buffer();
    out(call)[0] = call->operand_count == 2 && call->operands[1].bytes > 0 ? 1 : 0;
    mine->operands[1].address = 16;
    mine->operands[1].bytes = 0;
    mine->operand_count = 99;
    return 0;
}

/* Grows as far as it may and says how many pages it got, in units of 16 (1 MiB). */
TRIPOINT_OPERATION(grow) {
    uint32_t megabytes = 0;
    while (__builtin_wasm_memory_grow(0, 16) != (unsigned long)-1)
        megabytes++;
    ((uint32_t *)(void *)out(call))[0] = megabytes;
    return 0;
}

/* ---- what is wrong ---- */

TRIPOINT_OPERATION(load) { /* from the address in the parameter */
    out(call)[0] = *(volatile uint8_t *)(uintptr_t)(uint32_t)call->params[0];
    return 0;
}

TRIPOINT_OPERATION(store) {
    *(volatile uint8_t *)(uintptr_t)(uint32_t)call->params[0] = 0xee;
    return 0;
}

TRIPOINT_OPERATION(store_input) {
    out(call)[0] = 1;
    ((volatile uint8_t *)in(call))[5] = 0xee;
    return 0;
}

TRIPOINT_OPERATION(store_past_end) { /* the first page after the output's pages */
    volatile uint8_t *end = out(call) + ((call->operands[1].bytes + 4095) & ~(uint64_t)4095);
    *end = 0xee;
    return 0;
}

TRIPOINT_OPERATION(load_before) {
    out(call)[0] = ((volatile uint8_t *)in(call))[-1];
    return 0;
}

TRIPOINT_OPERATION(unreachable) {
    out(call)[0] = 1;
    __builtin_trap();
}

TRIPOINT_OPERATION(divide) {
    volatile int32_t zero = 0;
    out(call)[0] = (uint8_t)(7 / zero);
    return 0;
}

__attribute__((noinline)) static uint32_t deeper(uint32_t n, const struct tripoint_call *call) {
    if (n == (uint32_t)call->params[0])
        return n;
    return deeper(n + 1, call) + deeper(n + 2, call) + 1;
}

TRIPOINT_OPERATION(recurse) {
    return deeper(1, call) == 0;
}

TRIPOINT_OPERATION(forever) {
    for (volatile uint32_t i = 0;; i++)
        out(call)[0] = (uint8_t)i;
}
