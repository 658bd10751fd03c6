#include "engine/host/native.h"

#include "base/alloc.h"
#include "base/status.h"
#include "engine/custom/native.h"

#include <string.h>

tri_status trii_host_native_make(const struct trii_stage *stage, struct trii_host_native **out, struct tri_error *err) {
    const struct tri_operation_info *info = &stage->op->info;
    struct trii_host_native *n = trii_calloc(1, sizeof *n);
    if (!n)
        return trii_fail(err, TRI_NO_MEMORY, "host: no memory for a call of %s", info->name);
    n->run = ((const struct trii_native *)stage->op->custom->inside)->run;
    n->name = info->name;
    for (size_t i = 0; i < stage->operand_count; i++) {
        const struct trii_operand *operand = &stage->operands[i];
        uint64_t bytes = 0;
        tri_status status = tri_layout_bytes_needed(&operand->layout, &bytes, err);
        if (status != TRI_OK) {
            trii_free(n);
            return status;
        }
        n->operands[i] = (struct tri_native_operand){.bytes = operand->region.bytes,
                                                     .size_bytes = bytes,
                                                     .access = operand->info->access,
                                                     .layout = &operand->layout};
    }
    for (size_t i = 0; i < info->param_count; i++)
        n->params[i] = trii_custom_param_number(stage->op->custom, &stage->args, i);
    n->call = (struct tri_native_call){.struct_bytes = sizeof n->call,
                                       .operand_count = stage->operand_count,
                                       .operands = n->operands,
                                       .param_count = info->param_count,
                                       .params = n->params,
                                       .message = n->message,
                                       .message_bytes = sizeof n->message};
    *out = n;
    return TRI_OK;
}

tri_status trii_host_native_run(struct trii_host_native *n, struct tri_error *err) {
    n->message[0] = '\0';
    const int refused = n->run(&n->call);
    if (refused == 0)
        return TRI_OK;
    n->message[sizeof n->message - 1] = '\0';
    tri_status status = trii_fail(err, TRI_ENGINE_FAILED, "%s refused with the number %d%s%s", n->name, refused,
                                  n->message[0] ? ": " : "", n->message);
    if (err)
        err->engine_code = refused;
    return status;
}
