#include "engine/host/host.h"

#include "effects.h"
#include "engine/ops/blur.h"

static struct trii_blur plan(const struct trii_stage *stage) {
    return trii_blur_plan(trii_blur_sigma(stage), trii_host_size(&stage->operands[0]));
}

/* The plan lies before the kernel's own scratch. */
#define PLAN_BYTES 128
_Static_assert(sizeof(struct trii_blur) <= PLAN_BYTES, "the plan has room");

static size_t scratch(const struct trii_stage *stage) {
    const struct trii_blur blur = plan(stage);
    return PLAN_BYTES + trii_blur_scratch(&blur, trii_host_size(&stage->operands[0]));
}

static tri_status prepare(struct trii_host_job *job, struct tri_error *err) {
    (void)err;
    *(struct trii_blur *)job->scratch = plan(job->stage);
    return TRI_OK;
}

static void run(const struct trii_host_job *job) {
    const struct trii_operand *in = &job->stage->operands[0], *out = &job->stage->operands[1];
    trii_effects_best()->blur(in->region.bytes, trii_host_size(in), job->scratch, out->region.bytes,
                              (uint8_t *)job->scratch + PLAN_BYTES);
}

const struct trii_host_recipe trii_host_blur = {.scratch = scratch, .prepare = prepare, .run = run};
