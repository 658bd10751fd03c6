#include "engine/host/host.h"

#include "effects.h"

static void run(const struct trii_host_job *job, struct trii_rows rows, void *scratch) {
    (void)scratch;
    const struct trii_operand *in = &job->stage->operands[0], *out = &job->stage->operands[2];
    trii_effects_best()->cover(in->region.bytes, trii_host_size(in), out->region.bytes, trii_host_size(out),
                               rows);
}

const struct trii_host_recipe trii_host_cover = {.rows = trii_host_rows, .run = run};
