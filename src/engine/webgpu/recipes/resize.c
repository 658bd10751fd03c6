#include "engine/webgpu/recipe.h"

extern const char trii_wgsl_resize[];

#define HUGE 1u

static const struct trii_gpu_source bilinear = {"resize", trii_wgsl_resize, "bilinear", "uwW", {"huge"}};
static const struct trii_gpu_source area = {"resize", trii_wgsl_resize, "area", "uwW", {"huge"}};

tri_status trii_gpu_resize(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    const struct trii_operand *from = &stage->operands[0], *to = &stage->operands[1];
    const struct trii_gpu_sampling sampling = trii_gpu_sample(from, to);
    const bool by_area = trii_args_is(stage->op, &stage->args, "filter", "area");
    struct trii_gpu_pass *pass = trii_gpu_add_pass(work, by_area ? &area : &bilinear, to);
    (void)err;
    pass->variant = trii_gpu_is_huge(from) ? HUGE : 0;
    pass->bound[0] = 1;
    pass->bound[1] = 0;
    trii_gpu_set_values(pass, &sampling, sizeof sampling);
    return TRI_OK;
}
