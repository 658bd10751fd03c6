#include "engine/ops/need.h"

static const struct tri_operand_info operands[] = {
    {"image", TRI_ACCESS_READ, TRI_KIND_IMAGE, "whose edges the mask shall follow: u8 [height,width,4]"},
    {"mask", TRI_ACCESS_READ, TRI_KIND_MASK, "f32 [height,width,1] of any size, often much smaller"},
    {"refined", TRI_ACCESS_WRITE, TRI_KIND_MASK, "as large as the image"},
};
static const struct tri_param_info params[] = {
    {"radius", "integer", 4, 1, 16, NULL, NULL, "how far from the mask's edge the image's may lie, in cells of the mask"},
    {"edge", "number", 0.02, 0.02, 1, NULL, NULL,
     "differences of colour (0 to 1) well below this are no edge: larger is softer"},
    {"low", "number", 0.25, 0, 0.99, NULL, NULL, "what is below becomes 0"},
    {"high", "number", 0.95, 0.01, 1, NULL, NULL, "what is above becomes 1"},
};

static tri_status infer(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                        struct tri_layout *out, struct tri_error *err) {
    const double low = trii_args_number(op, args, "low"), high = trii_args_number(op, args, "high");
    tri_status status = trii_need_rgba(op, &in[0], err);
    if (status == TRI_OK)
        status = trii_need_mask(op, &in[1], err);
    if (status == TRI_OK && !(low < high))
        return trii_fail(err, TRI_INVALID_ARGUMENT, "refine: low is %g and high is %g; low must be less", low, high);
    if (status == TRI_OK)
        status = trii_need_pixels(op, 0, in, err);
    if (status == TRI_OK)
        status = trii_need_pixels(op, 1, in, err);
    if (status == TRI_OK)
        out[0] = tri_layout_mask(in[0].shape[0], in[0].shape[1]);
    return status;
}

const struct trii_op trii_refine_op = {
    .id = TRII_OP_REFINE,
    .info = {.name = "refine",
             .summary = "makes a mask as large as its image and lays its edges on the image's edges",
             .definition = "Guided filter over the mask, clamped to 0 ... 1: the image's mean colours at the mask's cells; a, b that fit a * colour + b to the "
                           "mask best in each window of 2 radius + 1 cells, edge^2 added to the variances; their means over "
                           "the window, sampled bilinearly (along y, then x); q = a * colour + b at each pixel; "
                           "(q - low) / (high - low), clamped to 0 ... 1.",
             .technologies = TRII_ON(HOST) | TRII_ON(WEBGPU),
             .operand_count = TRII_COUNT(operands),
             .operands = operands,
             .param_count = TRII_COUNT(params),
             .params = params,
             .tolerance = 0.002},
    .infer = infer,
};
