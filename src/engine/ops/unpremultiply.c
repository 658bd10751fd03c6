#include "engine/ops/need.h"

static const struct tri_operand_info operands[] = {
    {"image", TRI_ACCESS_READ, TRI_KIND_IMAGE, "u8 or f32 [height,width,4], premultiplied"},
    {"straight", TRI_ACCESS_WRITE, TRI_KIND_IMAGE, "the image with its colours divided by alpha"},
};

static tri_status infer(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                        struct tri_layout *out, struct tri_error *err) {
    tri_status status = trii_need_image(op, &in[0], TRII_DTYPE(U8) | TRII_DTYPE(F32), TRII_CHANNELS(4), err);
    (void)args;
    if (status == TRI_OK)
        out[0] = tri_layout_image(in[0].shape[0], in[0].shape[1], 4, in[0].dtype);
    return status;
}

const struct trii_op trii_unpremultiply_op = {
    .id = TRII_OP_UNPREMULTIPLY,
    .info = {.name = "unpremultiply",
             .summary = "divides an image's colours by its alpha",
             .definition = "u8: (c * 255 + a / 2) / a in whole numbers, at most 255; 0 where a is 0. f32: c / a; 0 where "
                           "a is not above 2^-16. Alpha is kept.",
             .technologies = TRII_ON(HOST) | TRII_ON(WEBGPU),
             .in_place = true,
             .operand_count = TRII_COUNT(operands),
             .operands = operands},
    .infer = infer,
};
