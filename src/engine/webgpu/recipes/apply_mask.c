#include "engine/webgpu/recipe.h"

extern const char trii_wgsl_apply_mask[];

enum { HUGE = 1, NARROW4 = 2, NARROW8 = 4, OUTSIDE = 8 };
#define SECTIONS {"huge", "narrow4", "narrow8", "outside"}

/* By whether the width is a multiple of four, and whether it works in place. */
static const struct trii_gpu_source sources[2][2] = {
    {{"apply_mask", trii_wgsl_apply_mask, "singles", "uwWr", SECTIONS},
     {"apply_mask", trii_wgsl_apply_mask, "singles_in_place", "uwW", SECTIONS}},
    {{"apply_mask", trii_wgsl_apply_mask, "fours", "uwWr", SECTIONS},
     {"apply_mask", trii_wgsl_apply_mask, "fours_in_place", "uwW", SECTIONS}},
};

/* Neighbouring samples are `scale` columns apart: less than one from first to last, with room for rounding. */
static uint32_t narrow(float scale) {
    return 7 * scale < 0.99f ? NARROW8 : 3 * scale < 0.99f ? NARROW4 : 0;
}

tri_status trii_gpu_apply_mask(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    const struct trii_operand *image = &stage->operands[0], *mask = &stage->operands[1];
    const struct trii_gpu_sampling sampling = trii_gpu_sample(mask, image);
    const bool fours = trii_gpu_width(image) % 4 == 0;
    struct trii_gpu_pass *pass = trii_gpu_add_pass(work, &sources[fours][trii_gpu_in_place(stage)], image);
    (void)err;
    pass->variant = narrow(sampling.scale[0]) | (trii_gpu_is_huge(mask) ? HUGE : 0);
    if (trii_args_is(stage->op, &stage->args, "keep", "outside"))
        pass->variant |= OUTSIDE;
    pass->pixels = 8;
    pass->bound[0] = 2;
    pass->bound[1] = 1;
    pass->bound[2] = 0;
    trii_gpu_set_values(pass, &sampling, sizeof sampling);
    return TRI_OK;
}
