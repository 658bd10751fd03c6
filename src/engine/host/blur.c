#include "engine/host/host.h"

#include "effects.h"
#include "engine/ops/blur.h"

static struct trii_blur plan(const struct trii_stage *stage) {
    return trii_blur_plan(trii_blur_sigma(stage), trii_host_size(&stage->operands[0]));
}

static size_t shared(const struct trii_stage *stage) {
    (void)stage;
    return sizeof(struct trii_blur);
}

static size_t scratch_bytes(const struct trii_stage *stage) {
    const struct trii_blur blur = plan(stage);
    return trii_blur_scratch(&blur, trii_host_size(&stage->operands[0]));
}

static tri_status prepare(struct trii_host_job *job, struct tri_error *err) {
    (void)err;
    *(struct trii_blur *)job->shared = plan(job->stage);
    return TRI_OK;
}

static void run(const struct trii_host_job *job, struct trii_rows rows, void *scratch) {
    const struct trii_operand *in = &job->stage->operands[0], *out = &job->stage->operands[1];
    trii_effects_best()->blur(in->region.bytes, trii_host_size(in), job->shared, out->region.bytes, rows, scratch);
}

const struct trii_host_recipe trii_host_blur = {.shared = shared,
                                               .scratch = scratch_bytes,
                                               .prepare = prepare,
                                               .rows = trii_host_rows,
                                               .has_margins = true,
                                               .run = run};
