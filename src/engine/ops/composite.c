#include "engine/ops/need.h"

static const struct tri_operand_info operands[] = {
    {"front", TRI_ACCESS_READ, TRI_KIND_IMAGE, "u8 [height,width,4]"},
    {"behind", TRI_ACCESS_READ, TRI_KIND_IMAGE, "as large"},
    {"composed", TRI_ACCESS_WRITE, TRI_KIND_IMAGE, "the first over the second"},
};

static tri_status infer(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                        struct tri_layout *out, struct tri_error *err) {
    tri_status status = trii_need_rgba(op, &in[0], err);
    (void)args;
    if (status == TRI_OK)
        status = trii_need_rgba(op, &in[1], err);
    if (status == TRI_OK)
        status = trii_need_same_size(op, 0, 1, in, err);
    if (status == TRI_OK)
        out[0] = tri_layout_image(in[0].shape[0], in[0].shape[1], 4, TRI_DTYPE_U8);
    return status;
}

const struct trii_op trii_composite_op = {
    .id = TRII_OP_COMPOSITE,
    .info = {.name = "composite",
             .summary = "lays an image over another one",
             .definition = "Whole numbers, cut: wf = af * 255, wb = ab * (255 - af), n = wf + wb; alpha (n + 127) / 255, "
                           "colours (cf * wf + cb * wb + n / 2) / n, or 0 where n is.",
             .technologies = TRII_ON(HOST) | TRII_ON(WEBGPU),
             .in_place = true,
             .operand_count = TRII_COUNT(operands),
             .operands = operands},
    .infer = infer,
};
