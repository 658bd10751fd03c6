#include "engine/ops/need.h"

static const struct tri_operand_info operands[] = {
    {"image", TRI_ACCESS_READ, TRI_KIND_IMAGE, "u8, f16 or f32 [height,width,1, 3 or 4]"},
    {"cropped", TRI_ACCESS_WRITE, TRI_KIND_IMAGE, "a rectangle of it"},
};
static const struct tri_param_info params[] = {
    {"x", "integer", 0, 0, 1000000, NULL, NULL, "the rectangle's first column"},
    {"y", "integer", 0, 0, 1000000, NULL, NULL, "the rectangle's first row"},
    {"width", "integer", 0, 0, 1000000, NULL, NULL, "its pixels across; 0: up to the right edge"},
    {"height", "integer", 0, 0, 1000000, NULL, NULL, "its pixels down; 0: up to the lower edge"},
};

/* Where a side starts and how long it is, in a side of `all` pixels. */
static tri_status take_side(const struct trii_op *op, const struct trii_args *args, const char *from,
                            const char *length, uint64_t all, uint64_t *out, struct tri_error *err) {
    const uint64_t first = (uint64_t)trii_args_number(op, args, from);
    const uint64_t asked = (uint64_t)trii_args_number(op, args, length);
    if (first >= all || asked > all - first)
        return trii_fail(err, TRI_BAD_PIPELINE, "crop: %s %llu and %s %llu reach beyond the image, whose %s is %llu",
                         from, (unsigned long long)first, length, (unsigned long long)asked, length,
                         (unsigned long long)all);
    *out = asked ? asked : all - first;
    return TRI_OK;
}

static tri_status infer(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                        struct tri_layout *out, struct tri_error *err) {
    uint64_t width, height;
    tri_status status = trii_need_any_image(op, &in[0], err);
    if (status == TRI_OK)
        status = take_side(op, args, "x", "width", in[0].shape[1], &width, err);
    if (status == TRI_OK)
        status = take_side(op, args, "y", "height", in[0].shape[0], &height, err);
    if (status == TRI_OK)
        out[0] = tri_layout_image(height, width, in[0].shape[2], in[0].dtype);
    return status;
}

const struct trii_op trii_crop_op = {
    .id = TRII_OP_CROP,
    .info = {.name = "crop",
             .summary = "takes a rectangle out of an image",
             .definition = "Pixel (i, j) of the output is pixel (i + x, j + y) of the image, unchanged.",
             .technologies = TRII_ON(HOST) | TRII_ON(WEBGPU),
             .operand_count = TRII_COUNT(operands),
             .operands = operands,
             .param_count = TRII_COUNT(params),
             .params = params},
    .infer = infer,
};
