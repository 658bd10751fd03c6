#include "engine/ops/need.h"

static const struct tri_operand_info operands[] = {
    {"image", TRI_ACCESS_READ, TRI_KIND_IMAGE, "what to scale: u8 [height,width,4]"},
    {"resized", TRI_ACCESS_WRITE, TRI_KIND_IMAGE, "u8 [height,width,4] of the asked size"},
};
static const struct tri_param_info params[] = {
    {"width", "integer", 512, 1, 32768, NULL, NULL, "pixels across"},
    {"height", "integer", 512, 1, 32768, NULL, NULL, "pixels down"},
    {"filter", "choice", 0, 0, 0, "bilinear", "nearest|bilinear|area|lanczos",
     "nearest: hard edges; bilinear: four neighbours, fast; area: the mean of all covered pixels, no aliasing when "
     "shrinking; lanczos: sharp, for looking at"},
};

static tri_status infer(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                        struct tri_layout *out, struct tri_error *err) {
    tri_status status = trii_need_rgba(op, &in[0], err);
    if (status == TRI_OK)
        out[0] = tri_layout_image((uint64_t)trii_args_number(op, args, "height"),
                                  (uint64_t)trii_args_number(op, args, "width"), 4, TRI_DTYPE_U8);
    return status;
}

const struct trii_op trii_resize_op = {
    .id = TRII_OP_RESIZE,
    .info = {.name = "resize",
             .summary = "scales an image to a fixed size",
             .definition = "Pixel centres, edges clamped. nearest: the pixel that (x + 0.5) * (in / out) falls into. "
                           "bilinear: p = (x + 0.5) * (in / out) - 0.5; neighbours lerped along x, then y; + 0.5, cut. "
                           "area: the mean of the covered rectangle, + 0.5, cut. lanczos: three lobes, widened by "
                           "in / out when shrinking; weighted sums along x, kept in f32, then along y; + 0.5, held in "
                           "0 ... 255, cut.",
             .technologies = TRII_ON(HOST) | TRII_ON(WEBGPU),
             .operand_count = TRII_COUNT(operands),
             .operands = operands,
             .param_count = TRII_COUNT(params),
             .params = params},
    .infer = infer,
};
