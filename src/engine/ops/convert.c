#include "engine/ops/need.h"

static const struct tri_operand_info operands[] = {
    {"image", TRI_ACCESS_READ, TRI_KIND_IMAGE, "u8, f16 or f32 [height,width,1, 3 or 4]"},
    {"converted", TRI_ACCESS_WRITE, TRI_KIND_IMAGE, "the same picture in other numbers or channels"},
};
static const struct tri_param_info params[] = {
    {"dtype", "choice", 0, 0, 0, "same", "same|u8|f16|f32", "of the output: u8 is 0 ... 255, f16 and f32 are 0 ... 1"},
    {"channels", "choice", 0, 0, 0, "same", "same|1|3|4", "of the output: grey, RGB, RGBA"},
};

static tri_status infer(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                        struct tri_layout *out, struct tri_error *err) {
    const char *channels = trii_args_text(op, args, "channels");
    enum tri_dtype dtype = in[0].dtype;
    tri_status status = trii_need_any_image(op, &in[0], err);
    (void)tri_dtype_from_name(trii_args_text(op, args, "dtype"), &dtype); /* "same" is none and leaves it */
    if (status == TRI_OK)
        out[0] = tri_layout_image(in[0].shape[0], in[0].shape[1],
                                  channels[0] == 's' ? in[0].shape[2] : (uint64_t)(channels[0] - '0'), dtype);
    return status;
}

const struct trii_op trii_convert_op = {
    .id = TRII_OP_CONVERT,
    .info = {.name = "convert",
             .summary = "changes an image's dtype and channels",
             .definition = "u8 is read as v * (1 / 255) in f32. Grey to colour: repeated. Colour to grey: (0.2126 R + 0.7152 G) "
                           "+ 0.0722 B. Alpha that was not there is 1. u8 is written as v * 255 + 0.5, held in 0 ... 255, "
                           "cut, what is not a number as 0; f16 to the nearest, ties to even.",
             .technologies = TRII_ON(HOST) | TRII_ON(WEBGPU),
             .operand_count = TRII_COUNT(operands),
             .operands = operands,
             .param_count = TRII_COUNT(params),
             .params = params},
    .infer = infer,
};
