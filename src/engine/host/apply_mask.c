#include "engine/host/host.h"

#include "effects.h"

static bool is_outside(const struct trii_stage *stage) {
    return trii_args_is(stage->op, &stage->args, "keep", "outside");
}

static size_t scratch_bytes(const struct trii_stage *stage) {
    const struct trii_size mask = trii_host_size(&stage->operands[1]), image = trii_host_size(&stage->operands[2]);
    return is_outside(stage) ? trii_blend_scratch(image, mask) : trii_kernels_scratch(image, mask);
}

static void run(const struct trii_host_job *job, struct trii_rows rows, void *scratch) {
    const struct trii_operand *image = &job->stage->operands[0], *mask = &job->stage->operands[1];
    (is_outside(job->stage) ? trii_effects_best()->apply_outside : job->kernels->apply_mask)(
        image->region.bytes, trii_host_size(image), (const float *)(const void *)mask->region.bytes,
        trii_host_size(mask), job->stage->operands[2].region.bytes, rows, scratch);
}

const struct trii_host_recipe trii_host_apply_mask = {.scratch = scratch_bytes, .rows = trii_host_rows, .run = run};
