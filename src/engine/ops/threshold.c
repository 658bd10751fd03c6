#include "engine/ops/colour.h"
#include "engine/ops/need.h"

static const struct tri_operand_info operands[] = {
    {"mask", TRI_ACCESS_READ, TRI_KIND_MASK, "f32 [height,width,1]; extract_mask makes one of an image"},
    {"decided", TRI_ACCESS_WRITE, TRI_KIND_MASK, "0 or 1, with a ramp between them where `soft` asks for one"},
};
static const struct tri_param_info params[] = {
    {"level", "number", 0.5, 0, 1, NULL, NULL, "what counts as inside"},
    {"soft", "number", 0, 0, 1, NULL, NULL, "width of the ramp around the level, in the mask's own values; 0: none"},
};

struct trii_ramp trii_ramp_of(const struct trii_stage *stage) {
    const double soft = trii_args_number(stage->op, &stage->args, "soft");
    return (struct trii_ramp){.level = (float)trii_args_number(stage->op, &stage->args, "level"),
                              .gain = soft > 0x1p-24 ? (float)(1 / soft) : 0};
}

static tri_status infer(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                        struct tri_layout *out, struct tri_error *err) {
    tri_status status = trii_need_mask(op, &in[0], err);
    (void)args;
    if (status == TRI_OK)
        out[0] = tri_layout_mask(in[0].shape[0], in[0].shape[1]);
    return status;
}

const struct trii_op trii_threshold_op = {
    .id = TRII_OP_THRESHOLD,
    .info = {.name = "threshold",
             .summary = "makes a mask decide: inside or outside",
             .definition = "m >= level ? 1 : 0; with soft: (m - level) * (1 / soft) + 0.5, held in 0 ... 1. What is not a "
                           "number is 0.",
             .technologies = TRII_ON(HOST) | TRII_ON(WEBGPU),
             .in_place = true,
             .operand_count = TRII_COUNT(operands),
             .operands = operands,
             .param_count = TRII_COUNT(params),
             .params = params},
    .infer = infer,
};
