#include "engine/host/host.h"

#include "convert.h"

static struct trii_format format_of(const struct trii_operand *operand) {
    const enum tri_dtype dtype = operand->layout.dtype;
    return (struct trii_format){.element = dtype == TRI_DTYPE_U8    ? TRII_ELEMENT_U8
                                           : dtype == TRI_DTYPE_F16 ? TRII_ELEMENT_F16
                                                                    : TRII_ELEMENT_F32,
                                .channels = (size_t)operand->layout.shape[2]};
}

static size_t pixel_bytes(const struct trii_operand *operand) {
    const struct trii_format format = format_of(operand);
    return format.channels * (format.element == TRII_ELEMENT_U8 ? 1 : format.element == TRII_ELEMENT_F16 ? 2 : 4);
}

static void run(const struct trii_host_job *job, struct trii_rows rows, void *scratch) {
    const struct trii_operand *in = &job->stage->operands[0], *out = &job->stage->operands[1];
    const size_t width = (size_t)in->layout.shape[1], first = rows.begin * width;
    (void)scratch;
    trii_convert(trii_convert_best(), in->region.bytes + first * pixel_bytes(in), format_of(in),
                 out->region.bytes + first * pixel_bytes(out), format_of(out), (rows.end - rows.begin) * width);
}

const struct trii_host_recipe trii_host_convert = {.rows = trii_host_rows, .run = run};
