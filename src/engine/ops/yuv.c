/* to_nv12, to_i420, from_nv12, from_i420: four operations, because what a stage's operand is stands in its kind. */
#include "engine/ops/colour.h"
#include "engine/ops/need.h"

static const struct tri_param_info params[] = {
    {"matrix", "choice", 0, 0, 0, "bt709", "bt601|bt709", "bt709: HD and what has no mark; bt601: SD, JPEG, most webcams"},
    {"range", "choice", 0, 0, 0, "limited", "limited|full", "limited: Y 16 ... 235, chroma 16 ... 240; full: 0 ... 255"},
};

static const struct tri_param_info from_params[] = {
    {"matrix", "choice", 0, 0, 0, "bt709", "bt601|bt709", "bt709: HD and what has no mark; bt601: SD, JPEG, most webcams"},
    {"range", "choice", 0, 0, 0, "limited", "limited|full", "limited: Y 16 ... 235, chroma 16 ... 240; full: 0 ... 255"},
    {"width", "integer", 0, 0, 32768, NULL, NULL, "pixels across that are wanted, from the left; 0: all"},
    {"height", "integer", 0, 0, 32768, NULL, NULL, "pixels down that are wanted, from the top; 0: all"},
    {"turn", "choice", 0, 0, 0, "0", "0|90|180|270", "degrees clockwise by which the image is turned, as phones ask for"},
};

uint32_t trii_stage_turn(const struct trii_stage *stage) {
    static const char *const turns[] = {"90", "180", "270"};
    for (uint32_t i = 0; i < TRII_COUNT(turns); i++)
        if (trii_args_is(stage->op, &stage->args, "turn", turns[i]))
            return i + 1;
    return 0;
}

static bool is_full(const struct trii_stage *stage) {
    return trii_args_is(stage->op, &stage->args, "range", "full");
}

static double red_of(const struct trii_stage *stage) {
    return trii_args_is(stage->op, &stage->args, "matrix", "bt601") ? 0.299 : 0.2126;
}

static double blue_of(const struct trii_stage *stage) {
    return trii_args_is(stage->op, &stage->args, "matrix", "bt601") ? 0.114 : 0.0722;
}

struct trii_to_yuv trii_stage_to_yuv(const struct trii_stage *stage) {
    return trii_to_yuv_of(red_of(stage), blue_of(stage), is_full(stage));
}

struct trii_from_yuv trii_stage_from_yuv(const struct trii_stage *stage) {
    return trii_from_yuv_of(red_of(stage), blue_of(stage), is_full(stage));
}

static tri_status infer_to(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                           struct tri_layout *out, struct tri_error *err) {
    tri_status status = trii_need_rgba(op, &in[0], err);
    (void)args;
    if (status == TRI_OK && (in[0].shape[0] % 2 || in[0].shape[1] % 2))
        return trii_fail(err, TRI_BAD_PIPELINE, "%s needs an image of even sides, not %llux%llu: crop or pad it first",
                         op->info.name, (unsigned long long)in[0].shape[1], (unsigned long long)in[0].shape[0]);
    if (status == TRI_OK)
        out[0] = trii_layout_yuv420(op->info.operands[1].kind, in[0].shape[0], in[0].shape[1]);
    return status;
}

static tri_status infer_from(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                             struct tri_layout *out, struct tri_error *err) {
    uint64_t height, width;
    tri_status status = trii_need_yuv420(op, &in[0], op->info.operands[0].kind, &height, &width, err);
    if (status != TRI_OK)
        return status;
    const uint64_t seen_width = (uint64_t)trii_args_number(op, args, "width");
    const uint64_t seen_height = (uint64_t)trii_args_number(op, args, "height");
    if (seen_width > width || seen_height > height)
        return trii_fail(err, TRI_BAD_PIPELINE, "%s: %llux%llu are wanted of a frame of %llux%llu", op->info.name,
                         (unsigned long long)seen_width, (unsigned long long)seen_height, (unsigned long long)width,
                         (unsigned long long)height);
    height = seen_height ? seen_height : height;
    width = seen_width ? seen_width : width;
    const bool lies = trii_args_is(op, args, "turn", "90") || trii_args_is(op, args, "turn", "270");
    out[0] = tri_layout_image(lies ? width : height, lies ? height : width, 4, TRI_DTYPE_U8);
    return status;
}

#define TO_DEFINITION                                                                                                 \
    "With the matrix' luma weights r, g, b: Y' = rR + gG + bB; limited: 16 + Y' 219 / 255; full: Y'. Cb = 128 + "     \
    "(B - Y') / (2 - 2b), Cr = 128 + (R - Y') / (2 - 2r), limited: these differences times 224 / 255; of the mean of two "  \
    "by two pixels. In f32, factors from double: ((R m0 + G m1) + B m2) + (m3 + 0.5), at most 255, cut. Alpha is left out."
#define FROM_DEFINITION                                                                                               \
    "Y = (y - 16) 255 / 219, limited, or y, full; U = u - 128, V = v - 128. Y + (2 - 2r) V, (Y - (2 - 2b) b / g U) - "   \
    "(2 - 2r) r / g V, Y + (2 - 2b) U with the matrix' luma weights, chroma factors times 255 / 224 if limited, in f32, "   \
    "factors from double; + 0.5, held in 0 ... 255, cut. A chroma sample serves its two by two pixels. Alpha is 255. Codecs " \
    "store more than is seen: width and height say how much of it is wanted, before it is turned."

static const struct tri_operand_info to_nv12[] = {
    {"image", TRI_ACCESS_READ, TRI_KIND_IMAGE, "u8 [height,width,4], sides even"},
    {"nv12", TRI_ACCESS_WRITE, TRI_KIND_NV12, "u8 [height*3/2,width,1]: rows of Y', then rows of Cb Cr pairs"},
};
static const struct tri_operand_info to_i420[] = {
    {"image", TRI_ACCESS_READ, TRI_KIND_IMAGE, "u8 [height,width,4], sides even"},
    {"i420", TRI_ACCESS_WRITE, TRI_KIND_I420, "u8 [height*3/2,width,1]: rows of Y', then Cb, then Cr"},
};
static const struct tri_operand_info from_nv12[] = {
    {"nv12", TRI_ACCESS_READ, TRI_KIND_NV12, "u8 [height*3/2,width,1]: rows of Y', then rows of Cb Cr pairs"},
    {"image", TRI_ACCESS_WRITE, TRI_KIND_IMAGE, "u8 [height,width,4]"},
};
static const struct tri_operand_info from_i420[] = {
    {"i420", TRI_ACCESS_READ, TRI_KIND_I420, "u8 [height*3/2,width,1]: rows of Y', then Cb, then Cr"},
    {"image", TRI_ACCESS_WRITE, TRI_KIND_IMAGE, "u8 [height,width,4]"},
};

#define OPERATION(NAME, lower, what, definition_, rule, params_)                                          \
    const struct trii_op trii_##lower##_op = {.id = TRII_OP_##NAME,                              \
                                              .info = {.name = #lower,                           \
                                                       .summary = what,                          \
                                                       .definition = definition_,                \
                                                       .technologies = TRII_ON(HOST) | TRII_ON(WEBGPU), \
                                                       .operand_count = TRII_COUNT(lower),       \
                                                       .operands = lower,                        \
                                                       .param_count = TRII_COUNT(params_),        \
                                                       .params = params_},                        \
                                              .infer = rule}

OPERATION(TO_NV12, to_nv12, "turns an image into a video frame, NV12", TO_DEFINITION, infer_to, params);
OPERATION(TO_I420, to_i420, "turns an image into a video frame, I420", TO_DEFINITION, infer_to, params);
OPERATION(FROM_NV12, from_nv12, "turns a video frame, NV12, into an image", FROM_DEFINITION, infer_from, from_params);
OPERATION(FROM_I420, from_i420, "turns a video frame, I420, into an image", FROM_DEFINITION, infer_from, from_params);
