#include "engine/host/host.h"

static size_t scratch(const struct trii_stage *stage) {
    return trii_kernels_scratch(trii_host_size(&stage->operands[1]), trii_host_size(&stage->operands[0]));
}

static void run(const struct trii_host_job *job) {
    const struct trii_stage *stage = job->stage;
    const struct trii_operand *in = &stage->operands[0], *out = &stage->operands[1];
    const bool area = trii_args_is(stage->op, &stage->args, "filter", "area");
    (area ? job->kernels->resize_area : job->kernels->resize_bilinear)(
        in->region.bytes, trii_host_size(in), out->region.bytes, trii_host_size(out), job->scratch);
}

const struct trii_host_recipe trii_host_resize = {.scratch = scratch, .run = run};
