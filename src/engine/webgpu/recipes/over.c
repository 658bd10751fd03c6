/* composite, flatten, blend: one image over something; unmix: what came through is taken out again. */
#include "engine/webgpu/recipe.h"

#include "engine/ops/need.h"

extern const char trii_wgsl_over[], trii_wgsl_blend[], trii_wgsl_unmix[];

enum { IN_PLACE = 1, COLOUR = 2, HUGE = 2, OPAQUE = 4 };
#define OVER(name, bindings) {name, trii_wgsl_over, "over", bindings, {"in_place", "colour"}}
#define BLEND(bindings) {"blend", trii_wgsl_blend, "blend", bindings, {"in_place", "huge", "opaque"}}

/* By whether front is what is written. */
static const struct trii_gpu_source composite[2] = {OVER("composite", "uwrr"), OVER("composite", "uwr")};
static const struct trii_gpu_source flatten[2] = {OVER("flatten", "uwr"), OVER("flatten", "uw")};
#define UNMIX(bindings) {"unmix", trii_wgsl_unmix, "unmix", bindings, {"in_place", "huge"}}
static const struct trii_gpu_source unmix[2] = {UNMIX("uwWrrr"), UNMIX("uwWrr")};
static const struct trii_gpu_source blend[2] = {BLEND("uwWrr"), BLEND("uwWr")};

tri_status trii_gpu_composite(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    const bool in_place = trii_gpu_in_place(stage);
    struct trii_gpu_pass *pass = trii_gpu_add_pass(work, &composite[in_place], &stage->operands[2]);
    (void)err;
    pass->variant = in_place ? IN_PLACE : 0;
    pass->pixels = 8;
    pass->bound[0] = 2;
    pass->bound[1] = 1;
    pass->bound[2] = 0;
    return TRI_OK;
}

tri_status trii_gpu_flatten(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    const bool in_place = trii_gpu_in_place(stage);
    uint8_t rgba[4] = {0};
    (void)!trii_need_colour(stage->op, &stage->args, "colour", rgba, NULL); /* infer has checked it */
    const uint32_t colour = rgba[0] | (uint32_t)rgba[1] << 8 | (uint32_t)rgba[2] << 16 | 0xff000000u;
    struct trii_gpu_pass *pass = trii_gpu_add_pass(work, &flatten[in_place], &stage->operands[1]);
    (void)err;
    pass->variant = COLOUR | (in_place ? IN_PLACE : 0);
    pass->pixels = 8;
    pass->bound[0] = 1;
    pass->bound[1] = 0;
    trii_gpu_set_values(pass, &colour, sizeof colour);
    return TRI_OK;
}

tri_status trii_gpu_blend(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    const struct trii_operand *mask = &stage->operands[2];
    const struct trii_gpu_sampling sampling = trii_gpu_sample(mask, &stage->operands[0]);
    const bool in_place = trii_gpu_in_place(stage);
    struct trii_gpu_pass *pass = trii_gpu_add_pass(work, &blend[in_place], &stage->operands[3]);
    (void)err;
    pass->variant = (in_place ? IN_PLACE : 0) | (trii_gpu_is_huge(mask) ? HUGE : 0);
    if (trii_args_is(stage->op, &stage->args, "opaque", "yes"))
        pass->variant |= OPAQUE;
    pass->bound[0] = 3;
    pass->bound[1] = 2;
    pass->bound[2] = 1;
    pass->bound[3] = 0;
    trii_gpu_set_values(pass, &sampling, sizeof sampling);
    return TRI_OK;
}

tri_status trii_gpu_unmix(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    const struct trii_operand *mask = &stage->operands[3];
    const struct trii_gpu_sampling sampling = trii_gpu_sample(mask, &stage->operands[0]);
    const bool in_place = trii_gpu_in_place(stage);
    struct trii_gpu_pass *pass = trii_gpu_add_pass(work, &unmix[in_place], &stage->operands[4]);
    (void)err;
    pass->variant = (in_place ? IN_PLACE : 0) | (trii_gpu_is_huge(mask) ? HUGE : 0);
    pass->bound[0] = 4;
    pass->bound[1] = 3;
    pass->bound[2] = 1;
    pass->bound[3] = 2;
    pass->bound[4] = 0;
    trii_gpu_set_values(pass, &sampling, sizeof sampling);
    return TRI_OK;
}
