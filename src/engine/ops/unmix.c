#include "engine/ops/need.h"

static const struct tri_operand_info operands[] = {
    {"image", TRI_ACCESS_READ, TRI_KIND_IMAGE, "u8 [height,width,4]"},
    {"inner", TRI_ACCESS_READ, TRI_KIND_IMAGE, "as large: the subject's colours, spread (apply_mask, then blur)"},
    {"outer", TRI_ACCESS_READ, TRI_KIND_IMAGE, "as large: the background's (apply_mask with keep=outside, then blur)"},
    {"mask", TRI_ACCESS_READ, TRI_KIND_MASK, "how much of each pixel is the subject: f32 [height,width,1] of any size"},
    {"unmixed", TRI_ACCESS_WRITE, TRI_KIND_IMAGE, "the image, without the background's colour where it shows through"},
};

static tri_status infer(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                        struct tri_layout *out, struct tri_error *err) {
    tri_status status = TRI_OK;
    (void)args;
    for (size_t i = 0; i < 3 && status == TRI_OK; i++) {
        status = trii_need_rgba(op, &in[i], err);
        if (status == TRI_OK && i > 0)
            status = trii_need_same_size(op, 0, i, in, err);
    }
    if (status == TRI_OK)
        status = trii_need_mask(op, &in[3], err);
    if (status == TRI_OK)
        status = trii_need_pixels(op, 0, in, err);
    if (status == TRI_OK)
        status = trii_need_pixels(op, 3, in, err);
    if (status == TRI_OK)
        out[0] = tri_layout_image(in[0].shape[0], in[0].shape[1], 4, TRI_DTYPE_U8);
    return status;
}

const struct trii_op trii_unmix_op = {
    .id = TRII_OP_UNMIX,
    .info = {.name = "unmix",
             .summary = "takes the old background's colour out of a subject's soft edge",
             .definition = "The mask m as apply_mask samples it. Colours become f + m (i - m f - (1 - m) b), clamped to 0 ... 255, + "
                           "0.5, cut, with i of image, f of inner, b of outer; as they were where inner or outer is quite "
                           "transparent. Alpha stays. (Forte, Fast multi-level foreground estimation, 2021.)",
             .technologies = TRII_ON(HOST) | TRII_ON(WEBGPU),
             .in_place = true,
             .operand_count = TRII_COUNT(operands),
             .operands = operands},
    .infer = infer,
};
