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

static void run_refine(const struct trii_host_job *job, struct trii_rows rows, void *scratch) {
    (void)rows;
    const struct trii_stage *stage = job->stage;
    const struct trii_operand *image = &stage->operands[0], *mask = &stage->operands[1];
    const struct trii_refine refine =
        trii_refine_plan(trii_args_number(stage->op, &stage->args, "radius"),
                         trii_args_number(stage->op, &stage->args, "edge"),
                         trii_args_number(stage->op, &stage->args, "low"),
                         trii_args_number(stage->op, &stage->args, "high"));
    trii_effects_best()->refine(image->region.bytes, trii_host_size(image), (const float *)(const void *)mask->region.bytes,
                                trii_host_size(mask), &refine, (float *)(void *)stage->operands[2].region.bytes,
                                scratch);
}

/* Zeroed when prepared: what the stage remembers. */
static size_t steady_shared(const struct trii_stage *stage) {
    const struct trii_size size = trii_host_size(&stage->operands[0]);
    return (size_t)size.width * size.height * sizeof(float);
}

static void run_steady(const struct trii_host_job *job, struct trii_rows rows, void *scratch) {
    const struct trii_stage *stage = job->stage;
    const size_t width = trii_host_size(&stage->operands[0]).width, first = rows.begin * width;
    (void)scratch;
    trii_effects_best()->steady((const float *)(const void *)stage->operands[0].region.bytes + first,
                                (rows.end - rows.begin) * width, 1.0f - number(stage, "strength"),
                                1.0f / number(stage, "motion"),
                                (float *)(void *)stage->operands[1].region.bytes + first, (float *)job->shared + first);
}

const struct trii_host_recipe trii_host_refine = {.scratch = refine_scratch, .run = run_refine};
const struct trii_host_recipe trii_host_steady = {.shared = steady_shared, .rows = trii_host_rows, .run = run_steady};
