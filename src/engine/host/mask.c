/* refine and steady: what happens to masks. */
#include "engine/host/host.h"

#include "effects.h"

static float number(const struct trii_stage *stage, const char *name) {
    return (float)trii_args_number(stage->op, &stage->args, name);
}

static size_t refine_scratch(const struct trii_stage *stage) {
    return trii_refine_scratch(trii_host_size(&stage->operands[0]), trii_host_size(&stage->operands[1]),
                               (uint32_t)number(stage, "radius"));
}

static void run_refine(const struct trii_host_job *job) {
    const struct trii_stage *stage = job->stage;
    const struct trii_operand *image = &stage->operands[0], *mask = &stage->operands[1];
    const struct trii_refine refine =
        trii_refine_plan(trii_args_number(stage->op, &stage->args, "radius"),
                         trii_args_number(stage->op, &stage->args, "edge"),
                         trii_args_number(stage->op, &stage->args, "low"),
                         trii_args_number(stage->op, &stage->args, "high"));
    trii_effects_best()->refine(image->region.bytes, trii_host_size(image), (const float *)(const void *)mask->region.bytes,
                                trii_host_size(mask), &refine, (float *)(void *)stage->operands[2].region.bytes,
                                job->scratch);
}

/* The scratch, zeroed when prepared, is what the stage remembers. */
static size_t steady_scratch(const struct trii_stage *stage) {
    const struct trii_size size = trii_host_size(&stage->operands[0]);
    return (size_t)size.width * size.height * sizeof(float);
}

static void run_steady(const struct trii_host_job *job) {
    const struct trii_stage *stage = job->stage;
    const struct trii_size size = trii_host_size(&stage->operands[0]);
    trii_effects_best()->steady((const float *)(const void *)stage->operands[0].region.bytes,
                                (size_t)size.width * size.height, 1.0f - number(stage, "strength"),
                                1.0f / number(stage, "motion"), (float *)(void *)stage->operands[1].region.bytes,
                                job->scratch);
}

const struct trii_host_recipe trii_host_refine = {.scratch = refine_scratch, .run = run_refine};
const struct trii_host_recipe trii_host_steady = {.scratch = steady_scratch, .run = run_steady};
