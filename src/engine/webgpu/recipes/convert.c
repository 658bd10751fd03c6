#include "engine/webgpu/recipe.h"

extern const char trii_wgsl_convert[];

enum { IN_F16 = 1, IN_F32 = 2, IN_1 = 4, IN_3 = 8, OUT_F16 = 16, OUT_F32 = 32, OUT_1 = 64, OUT_3 = 128 };

static const struct trii_gpu_source convert = {
    "convert", trii_wgsl_convert, "convert", "uwW",
    {"in_f16", "in_f32", "in_1", "in_3", "out_f16", "out_f32", "out_1", "out_3"}};

/* The sections for an operand, as those of the input. */
static uint32_t sections(const struct tri_layout *layout) {
    return (layout->dtype == TRI_DTYPE_F16 ? IN_F16 : layout->dtype == TRI_DTYPE_F32 ? IN_F32 : 0u) |
           (layout->shape[2] == 1 ? IN_1 : layout->shape[2] == 3 ? IN_3 : 0u);
}

tri_status trii_gpu_convert(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    const struct tri_layout *in = &stage->operands[0].layout, *out = &stage->operands[1].layout;
    const uint64_t elements = out->shape[0] * out->shape[1] * out->shape[2];
    const struct { /* as in ops/wgsl/convert.wgsl */
        uint32_t elements; /* a region has at most 2^29 bytes */
        float share;
        float luma[4];
    } values = {(uint32_t)elements, 1.0f / 255.0f, {0.2126f, 0.7152f, 0.0722f}};
    struct trii_gpu_pass *pass = trii_gpu_add_pass(work, &convert, &stage->operands[1]);
    (void)err;
    pass->variant = sections(in) | sections(out) * (OUT_F16 / IN_F16);
    pass->width = (elements * tri_dtype_bytes(out->dtype) + 3) / 4; /* one row of words */
    pass->height = pass->width ? 1 : 0;
    pass->bound[0] = 1;
    pass->bound[1] = 0;
    trii_gpu_set_values(pass, &values, sizeof values);
    return TRI_OK;
}
