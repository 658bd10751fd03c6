#include "engine/ops/need.h"

static const struct tri_operand_info operands[] = {
    {"image", TRI_ACCESS_READ, TRI_KIND_IMAGE, "u8 [height,width,4]"},
    {"darkened", TRI_ACCESS_WRITE, TRI_KIND_IMAGE, "the same image, darker towards the corners"},
};
static const struct tri_param_info params[] = {
    {"strength", "number", 0.6, 0, 1, NULL, NULL, "0 changes nothing, 1 makes the corners black"},
};

static tri_status infer(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                        struct tri_layout *out, struct tri_error *err) {
    tri_status status = trii_need_rgba(op, &in[0], err);
    (void)args;
    if (status == TRI_OK)
        out[0] = tri_layout_image(in[0].shape[0], in[0].shape[1], 4, TRI_DTYPE_U8);
    return status;
}

const struct trii_op trii_vignette_op = {
    .id = TRII_OP_VIGNETTE,
    .info = {.name = "vignette",
             .summary = "darkens an image towards its corners",
             .definition = "RGB * f / 256, cut; f = 256 - k (dx² + dy²), at least 0, cut; dx = 2 x + 1 - width, "
                           "dy = 2 y + 1 - height, k = strength * 256 / (width² + height²).",
             .technologies = TRII_ON(HOST) | TRII_ON(WASM),
             .in_place = true,
             .operand_count = TRII_COUNT(operands),
             .operands = operands,
             .param_count = TRII_COUNT(params),
             .params = params},
    .infer = infer,
};
