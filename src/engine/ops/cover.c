#include "engine/ops/need.h"

static const struct tri_operand_info operands[] = {
    {"image", TRI_ACCESS_READ, TRI_KIND_IMAGE, "what to scale: u8 [height,width,4]"},
    {"like", TRI_ACCESS_READ, TRI_KIND_IMAGE, "the image whose size is wanted; its pixels are not looked at"},
    {"covering", TRI_ACCESS_WRITE, TRI_KIND_IMAGE, "as large as that"},
};

static tri_status infer(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                        struct tri_layout *out, struct tri_error *err) {
    tri_status status = trii_need_rgba(op, &in[0], err);
    (void)args;
    if (status == TRI_OK)
        status = trii_need_rgba(op, &in[1], err);
    if (status == TRI_OK)
        status = trii_need_pixels(op, 0, in, err);
    if (status == TRI_OK)
        out[0] = tri_layout_image(in[1].shape[0], in[1].shape[1], 4, TRI_DTYPE_U8);
    return status;
}

const struct trii_op trii_cover_op = {
    .id = TRII_OP_COVER,
    .info = {.name = "cover",
             .summary = "scales an image until it covers another one, and cuts off what stands out",
             .definition = "s = the lesser of in / out across and down; the window of out * s pixels in the middle. s > 1: "
                           "the mean of the covered square, + 0.5, cut. Else bilinear as in resize, at s (x + 0.5).",
             .technologies = TRII_ON(HOST) | TRII_ON(WEBGPU),
             .operand_count = TRII_COUNT(operands),
             .operands = operands},
    .infer = infer,
};
