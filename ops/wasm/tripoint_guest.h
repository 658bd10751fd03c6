/*
 * tripoint_guest.h - everything a Wasm guest needs to be an operation of Tripoint. ABI 1.
 *
 * A guest is a wasm32 module without imports that exports its memory and these functions:
 *
 *   tripoint_abi()          -> i32   the ABI it was written for: 1
 *   tripoint_call_buffer()  -> i32   the address of a struct tripoint_call in its own memory, 8-byte aligned
 *   op_NAME(i32)            -> i32   an operation: takes that address; 0 is success, another number a refusal
 *   _initialize()                    optional; called once before anything else
 *
 * Before each call the host writes the description of this call into the buffer: where the operands are, what they
 * hold, the parameters. Operands lie beyond the guest's own memory (beyond memory.size). They are open only during the
 * call and only with the access that is described: loading from an input and storing to an output is fine, storing to
 * an input, touching another region or running past the end traps, and the frame fails. Pixels are never copied in or
 * out. Bulk instructions (memory.copy, memory.fill) trap on operands: build with -mno-bulk-memory. A call that lasts
 * longer than its limit (10 s) is ended; every turn of a loop looks at that clock, so unroll short ones. After a trap
 * the instance is thrown away, and its state with it.
 *
 *   #include "tripoint_guest.h"
 *   TRIPOINT_GUEST
 *
 *   TRIPOINT_OPERATION(invert) {
 *       const uint8_t *from = tripoint_bytes(&call->operands[0]);
 *       uint8_t *to = tripoint_bytes(&call->operands[1]);
 *       for (uint64_t i = 0; i < call->operands[1].bytes; i++)
 *           to[i] = (uint8_t)~from[i];
 *       return 0;
 *   }
 *
 * Before it may stand what the operation takes and can be told: `tripoint ops FILE` shows it, a stage's regions are held
 * against it, parameters get names, ranges and defaults. Statements end with ';' (docs/your-operations.md):
 *
 *   TRIPOINT_DESCRIBE("op invert - the negative of an image;"
 *                     "in image image u8 * * 4 - what is inverted;"
 *                     "out inverted image;"
 *                     "number strength 1 0 1 - how much of it")
 *
 * Without a description a stage's operands are what it names, each output is like the first input, and there are no
 * parameters. Descriptions lie in a custom section "tripoint", which any language can write.
 *
 *   clang --target=wasm32 -std=c17 -O3 -msimd128 -mno-bulk-memory -nostdlib -Wl,--no-entry -o invert.wasm invert.c
 *
 * The structs are also what the host writes, so they are made of fixed-size little-endian numbers only and have no
 * padding. An operand named twice (in place) has one address.
 *
 * Copyright the Tripoint authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef TRIPOINT_GUEST_H
#define TRIPOINT_GUEST_H

#include <stdint.h>

#define TRIPOINT_GUEST_ABI 1
#define TRIPOINT_OPERANDS_MAX 8
#define TRIPOINT_PARAMS_MAX 12
#define TRIPOINT_RANK_MAX 6

/* Element types (the numbers of enum tri_dtype). */
enum {
    TRIPOINT_U8 = 0, TRIPOINT_I8 = 1, TRIPOINT_U16 = 2, TRIPOINT_I16 = 3, TRIPOINT_F16 = 4, TRIPOINT_U32 = 5,
    TRIPOINT_I32 = 6, TRIPOINT_F32 = 7, TRIPOINT_U64 = 8, TRIPOINT_I64 = 9, TRIPOINT_F64 = 10
};
/* What an operand is to the call (the numbers of enum tri_access). */
enum { TRIPOINT_READ = 1, TRIPOINT_WRITE = 2 };

struct tripoint_operand {
    uint32_t address;
    uint32_t access;
    uint64_t bytes; /* of the elements; rows are tight */
    uint32_t dtype;
    uint32_t kind; /* 0 bytes, 1 image, 2 mask, 3 tensor, 4 boxes, 5 NV12, 6 I420 */
    uint32_t rank;
    uint32_t reserved;
    uint64_t shape[TRIPOINT_RANK_MAX]; /* an image is height, width, channels */
};

struct tripoint_call {
    uint32_t abi;
    uint32_t call_bytes; /* sizeof(struct tripoint_call) on the host */
    uint32_t operand_count;
    uint32_t param_count;
    struct tripoint_operand operands[TRIPOINT_OPERANDS_MAX]; /* inputs and outputs in the operation's order */
    double params[TRIPOINT_PARAMS_MAX]; /* in the operation's order; a choice is its position in the list, from 0 */
};

#ifdef __wasm__

/* Once in every guest. */
#define TRIPOINT_GUEST                                                                                              \
    __attribute__((export_name("tripoint_abi"))) uint32_t tripoint_abi(void) { return TRIPOINT_GUEST_ABI; }         \
    __attribute__((export_name("tripoint_call_buffer"))) struct tripoint_call *tripoint_call_buffer(void) {         \
        static struct tripoint_call buffer;                                                                         \
        return &buffer;                                                                                             \
    }

/* What the operation that follows takes: once for each; literal text without '"'. */
#define TRIPOINT_DESCRIBE(text) __asm__(".section .custom_section.tripoint,\"\",@\n.ascii \"" text "\\n\"\n.text\n");

/* An operation: TRIPOINT_OPERATION(name) { ... `call` ...; return 0; } */
#define TRIPOINT_OPERATION(name)                                                                                    \
    __attribute__((export_name("op_" #name))) uint32_t name(const struct tripoint_call *call)

static inline void *tripoint_bytes(const struct tripoint_operand *operand) {
    return (void *)(uintptr_t)operand->address;
}

#endif
#endif
