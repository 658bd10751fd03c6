#include "engine/ops/need.h"

static const struct tri_operand_info operands[] = {
    {"image", TRI_ACCESS_READ, TRI_KIND_IMAGE, "whose alpha is changed: u8 [height,width,4]"},
    {"mask", TRI_ACCESS_READ, TRI_KIND_MASK, "f32 [height,width,1] of any size; scaled to the image's"},
    {"masked", TRI_ACCESS_WRITE, TRI_KIND_IMAGE, "the image with alpha multiplied by the mask"},
};

static const struct tri_param_info params[] = {
    {"keep", "choice", 0, 0, 0, "inside", "inside|outside", "outside: alpha is multiplied by 1 - mask instead"},
};

static tri_status infer(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                        struct tri_layout *out, struct tri_error *err) {
    tri_status status = trii_need_rgba(op, &in[0], err);
    (void)args;
    if (status == TRI_OK)
        status = trii_need_mask(op, &in[1], err);
    if (status == TRI_OK)
        status = trii_need_pixels(op, 1, in, err);
    if (status == TRI_OK)
        out[0] = tri_layout_image(in[0].shape[0], in[0].shape[1], 4, TRI_DTYPE_U8);
    return status;
}

const struct trii_op trii_apply_mask_op = {
    .id = TRII_OP_APPLY_MASK,
    .info = {.name = "apply_mask",
             .summary = "makes everything outside a mask transparent, or everything inside",
             .definition = "RGB is kept. The mask is sampled bilinearly at pixel centres (along y, then x), clamped to "
                           "0 ... 1; alpha becomes alpha * m + 0.5, cut; outside, m is 1 - m.",
             .technologies = TRII_ON(HOST) | TRII_ON(WEBGPU),
             .in_place = true,
             .operand_count = TRII_COUNT(operands),
             .operands = operands,
             .param_count = TRII_COUNT(params),
             .params = params},
    .infer = infer,
};
