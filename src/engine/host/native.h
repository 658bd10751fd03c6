/* A stage that is an operation of a shared object. */
#ifndef TRIPOINT_ENGINE_HOST_NATIVE_H
#define TRIPOINT_ENGINE_HOST_NATIVE_H

#include "engine/contract.h"

#include <tripoint/native.h>

struct trii_host_native {
    int (*run)(const struct tri_native_call *call);
    struct tri_native_call call;
    struct tri_native_operand operands[TRII_OP_OPERANDS_MAX];
    double params[TRII_OP_PARAMS_MAX];
    const char *name;
    char message[160];
};

/* `stage` must stay. TRI_NO_MEMORY. */
tri_status trii_host_native_make(const struct trii_stage *stage, struct trii_host_native **out, struct tri_error *err);
tri_status trii_host_native_run(struct trii_host_native *native, struct tri_error *err);

#endif
