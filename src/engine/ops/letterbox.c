#include "engine/ops/geometry.h"
#include "engine/ops/need.h"

static const struct tri_operand_info operands[] = {
    {"image", TRI_ACCESS_READ, TRI_KIND_IMAGE, "what to fit: u8 [height,width,4]"},
    {"boxed", TRI_ACCESS_WRITE, TRI_KIND_IMAGE, "u8 [height,width,4] of the asked size, the whole image centred in it"},
};
static const struct tri_param_info params[] = {
    {"width", "integer", 512, 1, 32768, NULL, NULL, "pixels across"},
    {"height", "integer", 512, 1, 32768, NULL, NULL, "pixels down"},
    {"filter", "choice", 0, 0, 0, "bilinear", "nearest|bilinear|area|lanczos", "as in resize"},
    {"colour", "text", 0, 0, 0, "#000000ff", NULL, "of what the image does not cover: #rrggbb or #rrggbbaa"},
};

static tri_status infer(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                        struct tri_layout *out, struct tri_error *err) {
    uint8_t colour[4];
    tri_status status = trii_need_rgba(op, &in[0], err);
    if (status == TRI_OK)
        status = trii_need_colour(op, args, "colour", colour, err);
    if (status == TRI_OK)
        out[0] = tri_layout_image((uint64_t)trii_args_number(op, args, "height"),
                                  (uint64_t)trii_args_number(op, args, "width"), 4, TRI_DTYPE_U8);
    return status;
}

const struct trii_op trii_letterbox_op = {
    .id = TRII_OP_LETTERBOX,
    .info = {.name = "letterbox",
             .summary = "fits a whole image into a fixed size, the rest in a colour",
             .definition = "scale = min(out width / in width, out height / in height); the image becomes in * scale, "
                           "+ 0.5, cut, at least 1 and at most the output; left = (out width - width) / 2, cut, top alike. "
                           "Inside, what resize to that size makes; so a point p of the output is (p - left) / scale "
                           "in the image, and to go back is p * scale + left.",
             .technologies = TRII_ON(HOST) | TRII_ON(WEBGPU),
             .operand_count = TRII_COUNT(operands),
             .operands = operands,
             .param_count = TRII_COUNT(params),
             .params = params},
    .infer = infer,
};
