#include "engine/ops/need.h"

static const struct tri_operand_info operands[] = {
    {"front", TRI_ACCESS_READ, TRI_KIND_IMAGE, "u8 [height,width,4]"},
    {"behind", TRI_ACCESS_READ, TRI_KIND_IMAGE, "as large"},
    {"mask", TRI_ACCESS_READ, TRI_KIND_MASK, "where the first one shows: f32 [height,width,1] of any size"},
    {"blended", TRI_ACCESS_WRITE, TRI_KIND_IMAGE, "the first, through the mask, over the second"},
};

static const struct tri_param_info params[] = {
    {"opaque", "choice", 0, 0, 0, "no", "no|yes", "yes: what is behind counts as opaque, whatever its alpha"},
};

static tri_status infer(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                        struct tri_layout *out, struct tri_error *err) {
    tri_status status = trii_need_rgba(op, &in[0], err);
    (void)args;
    if (status == TRI_OK)
        status = trii_need_rgba(op, &in[1], err);
    if (status == TRI_OK)
        status = trii_need_same_size(op, 0, 1, in, err);
    if (status == TRI_OK)
        status = trii_need_mask(op, &in[2], err);
    if (status == TRI_OK)
        status = trii_need_pixels(op, 0, in, err);
    if (status == TRI_OK)
        status = trii_need_pixels(op, 2, in, err);
    if (status == TRI_OK)
        out[0] = tri_layout_image(in[0].shape[0], in[0].shape[1], 4, TRI_DTYPE_U8);
    return status;
}

const struct trii_op trii_blend_op = {
    .id = TRII_OP_BLEND,
    .info = {.name = "blend",
             .summary = "lays an image over another one, through a mask",
             .definition = "apply_mask to front, then composite over behind (with opaque, its alpha taken for 255), in one step.",
             .technologies = TRII_ON(HOST) | TRII_ON(WEBGPU),
             .in_place = true,
             .operand_count = TRII_COUNT(operands),
             .operands = operands,
             .param_count = TRII_COUNT(params),
             .params = params},
    .infer = infer,
};
