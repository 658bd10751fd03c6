/*
 * tripoint/native.h - an operation of your own as a shared object. Native ABI 1.
 *
 * A shared object that a stage names (`"technology": "host", "operation": "./blur.so"`) exports one function,
 * `tripoint_native`, which gives a table of operations. Its code is not sandboxed: it runs with all rights of the process,
 * and is loaded only when the caller allows it (`--allow-native`, `allow_native` in struct tri_runtime_params), never
 * because a pipeline asks.
 *
 *   #include <tripoint/native.h>
 *
 *   static int invert(const struct tri_native_call *call) {
 *       const uint8_t *from = call->operands[0].bytes;
 *       uint8_t *to = call->operands[1].bytes;
 *       for (uint64_t i = 0; i < call->operands[1].size_bytes; i++)
 *           to[i] = (uint8_t)~from[i];
 *       return 0;
 *   }
 *
 *   static const struct tri_native_operation operations[] = {
 *       {"invert", "- the negative of an image; in image image u8; out inverted image", invert}};
 *   TRI_NATIVE_MODULE(operations)
 *
 *   cc -O2 -shared -fPIC -o invert.so invert.c
 *
 * The description says what the operation takes (docs/your-operations.md), in the statements that guests use, without the
 * leading `op NAME`; NULL: operands as the stage names them, no parameters.
 *
 * Ownership: the table is the module's and must stay; a call's operands are lent until it returns.
 * Threads:   calls of one engine come one at a time; engines may call side by side.
 * Errors:    an operation returns 0, or any other number for a refusal, and may say why in call->message.
 *
 * Copyright the Tripoint authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef TRIPOINT_NATIVE_H
#define TRIPOINT_NATIVE_H

#include <tripoint/view.h>

TRI_BEGIN_DECLS

#define TRI_NATIVE_ABI 1

struct tri_native_operand {
    void *bytes;                /**< an input must not be written: its region is somebody else's to read */
    uint64_t size_bytes;        /**< of the elements; rows are tight */
    enum tri_access access;     /**< TRI_ACCESS_READ or TRI_ACCESS_WRITE */
    const struct tri_layout *layout;
};

struct tri_native_call {
    size_t struct_bytes;        /**< sizeof(struct tri_native_call) on the caller's side */
    size_t operand_count;
    const struct tri_native_operand *operands; /**< inputs, then outputs; in place two have the same bytes */
    size_t param_count;
    const double *params;       /**< in the description's order; a choice is its position, from 0 */
    char *message;              /**< room for one sentence, told when the operation refuses */
    size_t message_bytes;
};

struct tri_native_operation {
    const char *name;
    const char *description;
    int (*run)(const struct tri_native_call *call);
};

struct tri_native_module {
    uint32_t abi;               /**< TRI_NATIVE_ABI */
    uint32_t operation_bytes;   /**< sizeof(struct tri_native_operation) */
    size_t operation_count;
    const struct tri_native_operation *operations;
};

/** What the shared object exports as "tripoint_native". */
typedef const struct tri_native_module *(*tri_native_entry)(void);

#ifdef __cplusplus
#define TRI_NATIVE_EXPORT_ extern "C" __attribute__((visibility("default")))
#else
#define TRI_NATIVE_EXPORT_ __attribute__((visibility("default")))
#endif

/** Once in every module; `table` is an array of struct tri_native_operation. */
#define TRI_NATIVE_MODULE(table)                                                                 \
    TRI_NATIVE_EXPORT_ const struct tri_native_module *tripoint_native(void);                    \
    TRI_NATIVE_EXPORT_ const struct tri_native_module *tripoint_native(void) {                   \
        static const struct tri_native_module module = {TRI_NATIVE_ABI, sizeof(table)[0],        \
                                                        sizeof(table) / sizeof(table)[0], table}; \
        return &module;                                                                          \
    }

TRI_END_DECLS

#endif
