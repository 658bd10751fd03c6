#include "engine/ops/need.h"

static const struct tri_operand_info operands[] = {
    {"mask", TRI_ACCESS_READ, TRI_KIND_MASK, "f32 [height,width,1] of this frame"},
    {"steadied", TRI_ACCESS_WRITE, TRI_KIND_MASK, "as large; follows what moves, and does not flicker where nothing does"},
};
static const struct tri_param_info params[] = {
    {"strength", "number", 0.8, 0, 0.99, NULL, NULL, "how much of the frames before stays where nothing changes"},
    {"motion", "number", 0.4, 0.01, 1, NULL, NULL, "a change of this much is taken over at once"},
};

static tri_status infer(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                        struct tri_layout *out, struct tri_error *err) {
    tri_status status = trii_need_mask(op, &in[0], err);
    (void)args;
    if (status == TRI_OK)
        out[0] = tri_layout_mask(in[0].shape[0], in[0].shape[1]);
    return status;
}

const struct trii_op trii_steady_op = {
    .id = TRII_OP_STEADY,
    .info = {.name = "steady",
             .summary = "keeps a mask from flickering from frame to frame",
             .definition = "p is what this stage gave for the frame before; the first frame passes as it is. Each value, "
                           "clamped to 0 ... 1, becomes p + (m - p) * r, r = b + (1 - b) * min(|m - p| / motion, 1), b = 1 - strength. What was "
                           "given last is kept with the prepared stage; planning again begins anew.",
             .technologies = TRII_ON(HOST) | TRII_ON(WEBGPU),
             .remembers = true,
             .in_place = true,
             .operand_count = TRII_COUNT(operands),
             .operands = operands,
             .param_count = TRII_COUNT(params),
             .params = params,
             .tolerance = 0.000001},
    .infer = infer,
};
