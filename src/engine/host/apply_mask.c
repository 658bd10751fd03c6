#include "engine/host/host.h"

static size_t scratch(const struct trii_stage *stage) {
    return trii_kernels_scratch(trii_host_size(&stage->operands[2]), trii_host_size(&stage->operands[1]));
}

static void run(const struct trii_host_job *job) {
    const struct trii_operand *image = &job->stage->operands[0], *mask = &job->stage->operands[1];
    job->kernels->apply_mask(image->region.bytes, trii_host_size(image),
                             (const float *)(const void *)mask->region.bytes, trii_host_size(mask),
                             job->stage->operands[2].region.bytes, job->scratch);
}

const struct trii_host_recipe trii_host_apply_mask = {.scratch = scratch, .run = run};
