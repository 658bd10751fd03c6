#include "engine/ops/need.h"

static const struct tri_operand_info operands[] = {
    {"image", TRI_ACCESS_READ, TRI_KIND_IMAGE, "u8 [height,width,4]"},
    {"boxes", TRI_ACCESS_READ, TRI_KIND_BOXES,
     "f32 [count,5]: x, y, width, height as parts of the image's size, score; a score of 0 ends the list"},
    {"hidden", TRI_ACCESS_WRITE, TRI_KIND_IMAGE, "the same, unrecognisable inside the boxes"},
};
static const struct tri_param_info params[] = {
    {"style", "choice", 0, 0, 0, "blur", "blur|pixelate", "how"},
    {"cells", "integer", 8, 1, 32, NULL, NULL, "details that are left across and down a box"},
    {"grow", "number", 0.3, 0, 2, NULL, NULL, "of a box's size is added on each side"},
    {"shape", "choice", 0, 0, 0, "ellipse", "ellipse|box", "what is hidden of the box"},
};

static tri_status infer(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                        struct tri_layout *out, struct tri_error *err) {
    char text[96];
    tri_status status = trii_need_rgba(op, &in[0], err);
    (void)args;
    if (status == TRI_OK)
        status = trii_need_boxes(op, &in[1], 5, err);
    if (status == TRI_OK && (in[1].shape[1] != 5 || in[1].shape[0] > 1024))
        return trii_fail(err, TRI_BAD_PIPELINE, "hide_boxes needs boxes f32 [count,5], at most 1024, not %s",
                         tri_layout_format(&in[1], text, sizeof text));
    if (status == TRI_OK)
        status = trii_need_pixels(op, 0, in, err);
    if (status == TRI_OK)
        out[0] = tri_layout_image(in[0].shape[0], in[0].shape[1], 4, TRI_DTYPE_U8);
    return status;
}

const struct trii_op trii_hide_boxes_op = {
    .id = TRII_OP_HIDE_BOXES,
    .info = {.name = "hide_boxes",
             .summary = "makes what is inside boxes unrecognisable",
             .definition = "Each box, grown, has cells x cells cells; of each the mean colour is taken, from the image as it came. "
                           "Inside, a pixel becomes its cell's colour (pixelate) or a cubic B-spline through the cells (blur); "
                           "an ellipse that blurs fades out over its last tenth. Later boxes lie over earlier ones. Alpha stays.",
             .technologies = TRII_ON(HOST) | TRII_ON(WEBGPU),
             .in_place = true,
             .operand_count = TRII_COUNT(operands),
             .operands = operands,
             .param_count = TRII_COUNT(params),
             .params = params,
             .tolerance = 1},
    .infer = infer,
};
