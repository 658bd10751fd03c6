#include "engine/host/host.h"

static void run(const struct trii_host_job *job, struct trii_rows rows, void *scratch) {
    const struct trii_stage *stage = job->stage;
    (void)scratch;
    const struct trii_operand *image = &stage->operands[0];
    job->kernels->vignette(image->region.bytes, trii_host_size(image),
                           (float)trii_args_number(stage->op, &stage->args, "strength"),
                           stage->operands[1].region.bytes, rows);
}

const struct trii_host_recipe trii_host_vignette = {.rows = trii_host_rows, .run = run};
