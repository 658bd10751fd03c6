#include "engine/ops/colour.h"
#include "engine/ops/need.h"

static const struct tri_operand_info operands[] = {
    {"image", TRI_ACCESS_READ, TRI_KIND_IMAGE, "u8 [height,width,4]"},
    {"mixed", TRI_ACCESS_WRITE, TRI_KIND_IMAGE, "the image with its channels mixed anew"},
};
static const struct tri_param_info params[] = {
    {"red", "text", 0, 0, 0, "1 0 0 0 0", NULL, "five numbers: shares of red, green, blue and alpha, and what is added"},
    {"green", "text", 0, 0, 0, "0 1 0 0 0", NULL, "the same for the new green"},
    {"blue", "text", 0, 0, 0, "0 0 1 0 0", NULL, "the same for the new blue"},
    {"alpha", "text", 0, 0, 0, "0 0 0 1 0", NULL, "the same for the new alpha"},
};

static tri_status read_matrix(const struct trii_op *op, const struct trii_args *args, float matrix[20],
                              struct tri_error *err) {
    tri_status status = TRI_OK;
    for (size_t row = 0; row < 4 && status == TRI_OK; row++) {
        status = trii_need_numbers(op, args, params[row].name, 5, matrix + 5 * row, err);
        matrix[5 * row + 4] *= 255.0f;
    }
    return status;
}

void trii_colour_matrix(const struct trii_stage *stage, float matrix[20]) {
    (void)!read_matrix(stage->op, &stage->args, matrix, NULL); /* infer has checked it */
}

static tri_status infer(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                        struct tri_layout *out, struct tri_error *err) {
    float matrix[20] = {0};
    tri_status status = trii_need_rgba(op, &in[0], err);
    if (status == TRI_OK)
        status = read_matrix(op, args, matrix, err);
    if (status == TRI_OK)
        out[0] = tri_layout_image(in[0].shape[0], in[0].shape[1], 4, TRI_DTYPE_U8);
    return status;
}

const struct trii_op trii_colour_matrix_op = {
    .id = TRII_OP_COLOUR_MATRIX,
    .info = {.name = "colour_matrix",
             .summary = "mixes an image's channels: grey, sepia, brightness, contrast, swapped channels",
             .definition = "new = (((R m0 + G m1) + B m2) + A m3) + m4 * 255 with that channel's five numbers, + 0.5, held "
                           "in 0 ... 255, cut.",
             .technologies = TRII_ON(HOST) | TRII_ON(WEBGPU),
             .in_place = true,
             .operand_count = TRII_COUNT(operands),
             .operands = operands,
             .param_count = TRII_COUNT(params),
             .params = params},
    .infer = infer,
};
