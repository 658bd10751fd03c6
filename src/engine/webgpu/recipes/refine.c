#include "engine/webgpu/recipe.h"

#include "effects.h"

extern const char trii_wgsl_refine[];

#define HUGE 1u
#define KERNEL(name, entry, bindings)                                                                                  \
    static const struct trii_gpu_source name = {"refine", trii_wgsl_refine, entry, bindings, {"huge"}}
KERNEL(guide, "guide", "uwWR");
KERNEL(fit, "fit", "uwW");
KERNEL(mean, "mean", "uwW");
KERNEL(apply, "apply", "uwWr");

struct values { /* as in refine.wgsl, from byte 24 on */
    uint32_t size[2], mask[2];
    uint32_t radius, padding;
    float scale[2], inverse[2];
    float share, softness, low, range;
};

static double number(const struct trii_stage *stage, const char *name) {
    return trii_args_number(stage->op, &stage->args, name);
}

static struct values values_of(const struct trii_stage *stage) {
    const struct trii_operand *image = &stage->operands[0], *mask = &stage->operands[1];
    const struct trii_gpu_sampling down = trii_gpu_sample(image, mask), up = trii_gpu_sample(mask, image);
    const struct trii_refine refine = trii_refine_plan(number(stage, "radius"), number(stage, "edge"),
                                                       number(stage, "low"), number(stage, "high"));
    return (struct values){.size = {down.source[0], down.source[1]},
                           .mask = {up.source[0], up.source[1]},
                           .radius = refine.radius,
                           .scale = {down.scale[0], down.scale[1]},
                           .inverse = {up.scale[0], up.scale[1]},
                           .share = 1.0f / (down.scale[0] * down.scale[1] * 255.0f),
                           .softness = refine.softness,
                           .low = refine.low,
                           .range = refine.range};
}

static struct trii_gpu_pass *add(struct trii_gpu_work *work, const struct trii_gpu_source *source,
                                 const struct trii_stage *stage, const struct trii_operand *shape,
                                 const struct values *values, size_t to, size_t from) {
    struct trii_gpu_pass *pass = trii_gpu_add_pass(work, source, shape);
    pass->variant = trii_gpu_is_huge(&stage->operands[0]) || trii_gpu_is_huge(&stage->operands[1]) ? HUGE : 0;
    pass->bound[0] = to;
    pass->bound[1] = from;
    trii_gpu_set_values(pass, values, sizeof *values);
    return pass;
}

tri_status trii_gpu_refine(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    const struct trii_operand *mask = &stage->operands[1];
    const struct values values = values_of(stage);
    const uint64_t bytes = trii_gpu_width(mask) * trii_gpu_height(mask) * 16;
    const size_t first = trii_gpu_add_scratch(work, bytes, NULL), second = trii_gpu_add_scratch(work, bytes, NULL);
    struct trii_gpu_pass *pass = add(work, &guide, stage, mask, &values, first, 0);
    (void)err;
    pass->bound[2] = 1;
    pass->words = 4;
    add(work, &fit, stage, mask, &values, second, first)->words = 4;
    add(work, &mean, stage, mask, &values, first, second)->words = 4;
    add(work, &apply, stage, &stage->operands[2], &values, 2, first)->bound[2] = 0;
    return TRI_OK;
}
