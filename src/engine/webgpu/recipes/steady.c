#include "engine/webgpu/recipe.h"

extern const char trii_wgsl_steady[];

#define IN_PLACE 1u
static const struct trii_gpu_source steady[2] = {{"steady", trii_wgsl_steady, "steady", "uwwr", {"in_place"}},
                                                 {"steady", trii_wgsl_steady, "steady", "uww", {"in_place"}}};

tri_status trii_gpu_steady(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    const struct trii_operand *mask = &stage->operands[0];
    const float values[2] = {1.0f - (float)trii_args_number(stage->op, &stage->args, "strength"),
                             1.0f / (float)trii_args_number(stage->op, &stage->args, "motion")};
    const bool in_place = trii_gpu_in_place(stage);
    struct trii_gpu_pass *pass = trii_gpu_add_pass(work, &steady[in_place], mask);
    (void)err;
    pass->variant = in_place ? IN_PLACE : 0;
    pass->bound[0] = 1;
    pass->bound[1] = trii_gpu_add_scratch(work, trii_gpu_width(mask) * trii_gpu_height(mask) * 4, NULL);
    pass->bound[2] = 0;
    trii_gpu_set_values(pass, values, sizeof values);
    return TRI_OK;
}
