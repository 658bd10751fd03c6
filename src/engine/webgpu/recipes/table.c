/* Recipes by operation, and what they share. */
#include "engine/webgpu/recipe.h"

#include <string.h>

static const trii_gpu_recipe recipes[TRII_OP_COUNT] = {
#define ENTRY(NAME, name) [TRII_OP_##NAME] = trii_gpu_##name,
    TRII_GPU_LIST(ENTRY)
#undef ENTRY
};

trii_gpu_recipe trii_gpu_recipe_of(const struct trii_op *op) {
    return op->id < TRII_OP_COUNT ? recipes[op->id] : NULL;
}

struct trii_gpu_pass *trii_gpu_add_pass(struct trii_gpu_work *work, const struct trii_gpu_source *source,
                                        const struct trii_operand *written) {
    struct trii_gpu_pass *pass = &work->passes[work->pass_count++];
    *pass = (struct trii_gpu_pass){.source = source,
                                   .width = trii_gpu_width(written),
                                   .height = trii_gpu_height(written),
                                   .pixels = 1,
                                   .words = 1};
    return pass;
}

void trii_gpu_set_values(struct trii_gpu_pass *pass, const void *values, size_t bytes) {
    memcpy(pass->job.values, values, bytes); /* not payload: parameters of a shader */
}

size_t trii_gpu_add_scratch(struct trii_gpu_work *work, uint64_t bytes, void *data) {
    work->scratch[work->scratch_count] = (struct trii_gpu_scratch){.bytes = (bytes + 3) & ~(uint64_t)3, .data = data};
    return TRII_GPU_SCRATCH(work->scratch_count++);
}

bool trii_gpu_in_place(const struct trii_stage *stage) {
    return stage->operands[trii_op_inputs(stage->op)].region.handle == stage->operands[0].region.handle;
}

struct trii_gpu_sampling trii_gpu_sample(const struct trii_operand *from, const struct trii_operand *to) {
    struct trii_gpu_sampling s = {
        .source = {(uint32_t)trii_gpu_width(from), (uint32_t)trii_gpu_height(from)},
        .scale = {(float)trii_gpu_width(from) / (float)trii_gpu_width(to),
                  (float)trii_gpu_height(from) / (float)trii_gpu_height(to)},
    };
    s.share = 1.0f / (s.scale[0] * s.scale[1]);
    return s;
}

#define HUGE_PIXELS ((uint64_t)1 << 23)

bool trii_gpu_is_huge(const struct trii_operand *operand) {
    return trii_gpu_width(operand) >= HUGE_PIXELS || trii_gpu_height(operand) >= HUGE_PIXELS;
}
