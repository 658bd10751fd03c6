#include "engine/ops/need.h"

static const struct tri_operand_info operands[] = {
    {"front", TRI_ACCESS_READ, TRI_KIND_IMAGE, "u8 [height,width,4]"},
    {"flat", TRI_ACCESS_WRITE, TRI_KIND_IMAGE, "the same over one colour: opaque"},
};
static const struct tri_param_info params[] = {
    {"colour", "text", 0, 0, 0, "#ffffff", NULL, "#rrggbb"},
};

static tri_status infer(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                        struct tri_layout *out, struct tri_error *err) {
    uint8_t colour[4];
    tri_status status = trii_need_rgba(op, &in[0], err);
    if (status == TRI_OK)
        status = trii_need_colour(op, args, "colour", colour, err);
    if (status == TRI_OK)
        out[0] = tri_layout_image(in[0].shape[0], in[0].shape[1], 4, TRI_DTYPE_U8);
    return status;
}

const struct trii_op trii_flatten_op = {
    .id = TRII_OP_FLATTEN,
    .info = {.name = "flatten",
             .summary = "lays an image over a colour",
             .definition = "composite, with the colour, opaque, behind.",
             .technologies = TRII_ON(HOST) | TRII_ON(WEBGPU),
             .in_place = true,
             .operand_count = TRII_COUNT(operands),
             .operands = operands,
             .param_count = TRII_COUNT(params),
             .params = params},
    .infer = infer,
};
