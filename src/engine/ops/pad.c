#include "engine/ops/need.h"

static const struct tri_operand_info operands[] = {
    {"image", TRI_ACCESS_READ, TRI_KIND_IMAGE, "u8, f16 or f32 [height,width,1, 3 or 4]"},
    {"padded", TRI_ACCESS_WRITE, TRI_KIND_IMAGE, "the image with a margin"},
};
static const struct tri_param_info params[] = {
    {"left", "integer", 0, 0, 32768, NULL, NULL, "columns before the first"},
    {"top", "integer", 0, 0, 32768, NULL, NULL, "rows above the first"},
    {"right", "integer", 0, 0, 32768, NULL, NULL, "columns after the last"},
    {"bottom", "integer", 0, 0, 32768, NULL, NULL, "rows below the last"},
    {"mode", "choice", 0, 0, 0, "colour", "colour|edge", "what the margin shows: a colour, or the edge's pixels"},
    {"colour", "text", 0, 0, 0, "#00000000", NULL,
     "#rrggbb or #rrggbbaa; red alone where there is one channel, divided by 255 in f16 and f32"},
};

static tri_status infer(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                        struct tri_layout *out, struct tri_error *err) {
    uint8_t colour[4];
    tri_status status = trii_need_any_image(op, &in[0], err);
    if (status == TRI_OK)
        status = trii_need_colour(op, args, "colour", colour, err);
    if (status == TRI_OK && (in[0].shape[0] == 0 || in[0].shape[1] == 0))
        return trii_fail(err, TRI_BAD_PIPELINE, "pad needs an image with at least one pixel");
    if (status == TRI_OK)
        out[0] = tri_layout_image(
            in[0].shape[0] + (uint64_t)(trii_args_number(op, args, "top") + trii_args_number(op, args, "bottom")),
            in[0].shape[1] + (uint64_t)(trii_args_number(op, args, "left") + trii_args_number(op, args, "right")),
            in[0].shape[2], in[0].dtype);
    return status;
}

const struct trii_op trii_pad_op = {
    .id = TRII_OP_PAD,
    .info = {.name = "pad",
             .summary = "puts a margin around an image",
             .definition = "Pixel (x, y) of the output is pixel (x - left, y - top) of the image, unchanged; outside, "
                           "the colour or, with edge, the pixel at the nearest coordinates within the image.",
             .technologies = TRII_ON(HOST) | TRII_ON(WEBGPU),
             .operand_count = TRII_COUNT(operands),
             .operands = operands,
             .param_count = TRII_COUNT(params),
             .params = params},
    .infer = infer,
};
