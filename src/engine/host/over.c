/* composite, flatten, blend: one image over something; unmix: what came through is taken out again. */
#include "engine/host/host.h"

#include "effects.h"
#include "engine/ops/need.h"

static uint8_t *bytes(const struct trii_host_job *job, size_t i) {
    return job->stage->operands[i].region.bytes;
}

static void run_composite(const struct trii_host_job *job) {
    trii_effects_best()->composite(bytes(job, 0), bytes(job, 1), trii_host_size(&job->stage->operands[0]),
                                   bytes(job, 2));
}

static void run_flatten(const struct trii_host_job *job) {
    const struct trii_stage *stage = job->stage;
    uint8_t colour[4] = {0};
    (void)!trii_need_colour(stage->op, &stage->args, "colour", colour, NULL); /* infer has checked it */
    trii_effects_best()->flatten(bytes(job, 0), colour, trii_host_size(&stage->operands[0]), bytes(job, 1));
}

static size_t blend_scratch(const struct trii_stage *stage) {
    return trii_blend_scratch(trii_host_size(&stage->operands[0]), trii_host_size(&stage->operands[2]));
}

static void run_blend(const struct trii_host_job *job) {
    const uint32_t least = trii_args_is(job->stage->op, &job->stage->args, "opaque", "yes") ? 255 : 0;
    trii_effects_best()->blend(bytes(job, 0), bytes(job, 1), least, trii_host_size(&job->stage->operands[0]),
                               (const float *)(const void *)bytes(job, 2), trii_host_size(&job->stage->operands[2]),
                               bytes(job, 3), job->scratch);
}

static size_t unmix_scratch(const struct trii_stage *stage) {
    return trii_blend_scratch(trii_host_size(&stage->operands[0]), trii_host_size(&stage->operands[3]));
}

static void run_unmix(const struct trii_host_job *job) {
    const struct trii_unmix from = {bytes(job, 0), bytes(job, 1), bytes(job, 2)};
    trii_effects_best()->unmix(&from, trii_host_size(&job->stage->operands[0]),
                               (const float *)(const void *)bytes(job, 3), trii_host_size(&job->stage->operands[3]),
                               bytes(job, 4), job->scratch);
}

const struct trii_host_recipe trii_host_composite = {.run = run_composite};
const struct trii_host_recipe trii_host_flatten = {.run = run_flatten};
const struct trii_host_recipe trii_host_blend = {.scratch = blend_scratch, .run = run_blend};
const struct trii_host_recipe trii_host_unmix = {.scratch = unmix_scratch, .run = run_unmix};
