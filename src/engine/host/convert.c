#include "engine/host/host.h"

#include "convert.h"

static struct trii_format format_of(const struct trii_operand *operand) {
    const enum tri_dtype dtype = operand->layout.dtype;
    return (struct trii_format){.element = dtype == TRI_DTYPE_U8    ? TRII_ELEMENT_U8
                                           : dtype == TRI_DTYPE_F16 ? TRII_ELEMENT_F16
                                                                    : TRII_ELEMENT_F32,
                                .channels = (size_t)operand->layout.shape[2]};
}

static void run(const struct trii_host_job *job) {
    const struct trii_operand *in = &job->stage->operands[0], *out = &job->stage->operands[1];
    trii_convert(trii_convert_best(), in->region.bytes, format_of(in), out->region.bytes, format_of(out),
                 (size_t)(in->layout.shape[0] * in->layout.shape[1]));
}

const struct trii_host_recipe trii_host_convert = {.run = run};
