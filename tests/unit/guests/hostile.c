/* A stranger's guest, named by a pipeline. The first byte of its input says what it tries; 0 copies honestly. */
#include "tripoint_guest.h"

TRIPOINT_GUEST

typedef volatile uint8_t *bytes;

static bytes at(uint64_t address) {
    return (bytes)(uintptr_t)(uint32_t)address;
}

static uint32_t call_through(uint32_t index) {
    uint32_t (*volatile function)(void) = (uint32_t(*)(void))(uintptr_t)index;
    return function();
}

__attribute__((noinline)) static uint32_t deeper(volatile uint32_t *sum, uint32_t n) {
    *sum += n;
    return *sum == 1 ? 0 : deeper(sum, n + 1) + deeper(sum, n + 2);
}

/* Everything of its own memory, the call's description, the stack and the heap: nothing there is the host's. */
static void smash(void) {
    uint64_t end = (uint64_t)__builtin_wasm_memory_size(0) << 16;
    for (uint64_t a = 0; a < end; a++)
        *at(a) = 0xff;
}

TRIPOINT_DESCRIBE("op act - does what the first byte says;"
                  "in in image u8 * * 4;"
                  "out out image u8;"
                  "number where 0 0 4294967295 - an address")
TRIPOINT_OPERATION(act) {
    bytes in = at(call->operands[0].address), out = at(call->operands[1].address);
    const uint64_t size = call->operands[0].bytes, where = (uint64_t)call->params[0];
    volatile uint32_t sum = 2;
    switch (in[0]) {
    case 1: /* reads a neighbour: where it lies is known */
        out[1] = *at(where);
        return 0;
    case 2: /* looks for anything at all in the upper half */
        for (uint64_t a = 0xffffffff;; a -= 4096)
            out[1] = *at(a);
    case 3:
        *at(where) = 0xee; /* writes a neighbour */
        return 0;
    case 4:
        in[7] = 0xee; /* writes what it may only read */
        return 0;
    case 5:
        for (uint64_t i = 0;; i++) /* runs over the end of its output */
            out[i] = 0xee;
    case 6:
        for (uint64_t i = 1;; i++) /* and backwards */
            out[1] = *at(call->operands[0].address - i);
    case 7:
        for (;;) /* for ever */
            out[1]++;
    case 8:
        return deeper(&sum, 1); /* as deep as the stack goes */
    case 9:
        while (__builtin_wasm_memory_grow(0, 1) != (unsigned long)-1) /* all the memory that is to be had, touched */
            *at((uint64_t)(__builtin_wasm_memory_size(0) - 1) << 16) = 1;
        out[1] = 9;
        return 1;
    case 10:
        return __builtin_wasm_memory_grow(0, 65535) == (unsigned long)-1 ? 2 : 0; /* the window, by growing */
    case 11:
        smash();
        return 3;
    case 12:
        for (uint32_t i = 0; i < 4096; i++) /* the description, again and again, and what lies beside it */
            ((bytes)(uintptr_t)tripoint_call_buffer())[i] = 0xff;
        return 4;
    case 13:
        return call_through(99); /* a function that is none */
    case 14:
        return (uint32_t)(7 / (int32_t)(sum - 2));
    case 15:
        __builtin_trap();
    case 16:
        *at((uint64_t)__builtin_wasm_memory_size(0) << 16) = 1; /* just past its memory */
        return 0;
    default:
        for (uint64_t i = 0; i < size; i++)
            out[i] = in[i];
        return 0;
    }
}
