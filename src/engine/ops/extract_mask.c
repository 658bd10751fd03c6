#include "engine/ops/colour.h"
#include "engine/ops/need.h"

static const struct tri_operand_info operands[] = {
    {"image", TRI_ACCESS_READ, TRI_KIND_IMAGE, "u8 [height,width,4]"},
    {"mask", TRI_ACCESS_WRITE, TRI_KIND_MASK, "f32 of the image's size"},
};
static const struct tri_param_info params[] = {
    {"channel", "choice", 0, 0, 0, "alpha", "red|green|blue|alpha|luma", "what of a pixel becomes the mask"},
};

void trii_channel_weights(const struct trii_stage *stage, float weights[4]) {
    static const char *const names[] = {"red", "green", "blue", "alpha"};
    static const double luma[4] = {0.2126, 0.7152, 0.0722, 0};
    const bool mixed = trii_args_is(stage->op, &stage->args, "channel", "luma");
    for (size_t c = 0; c < 4; c++)
        weights[c] = (float)((mixed ? luma[c] : trii_args_is(stage->op, &stage->args, "channel", names[c])) / 255.0);
}

static tri_status infer(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                        struct tri_layout *out, struct tri_error *err) {
    tri_status status = trii_need_rgba(op, &in[0], err);
    (void)args;
    if (status == TRI_OK)
        out[0] = tri_layout_mask(in[0].shape[0], in[0].shape[1]);
    return status;
}

const struct trii_op trii_extract_mask_op = {
    .id = TRII_OP_EXTRACT_MASK,
    .info = {.name = "extract_mask",
             .summary = "takes a channel of an image as a mask",
             .definition = "((R r + G g) + B b) + A a, at most 1; the channel's weight is 1 / 255 in f32, the others' 0; "
                           "luma: 0.2126 / 255, 0.7152 / 255, 0.0722 / 255, 0.",
             .technologies = TRII_ON(HOST) | TRII_ON(WEBGPU),
             .operand_count = TRII_COUNT(operands),
             .operands = operands,
             .param_count = TRII_COUNT(params),
             .params = params},
    .infer = infer,
};
