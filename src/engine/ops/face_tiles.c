#include "effects.h"
#include "engine/ops/faces.h"
#include "engine/ops/need.h"

static const struct tri_operand_info operands[] = {
    {"image", TRI_ACCESS_READ, TRI_KIND_IMAGE, "where faces may be: u8 [height,width,4]"},
    {"tiles", TRI_ACCESS_WRITE, TRI_KIND_IMAGE, "u8 [128 * n,128,4]: n squares one below the other"},
};
static const struct tri_param_info params[] = {
    {"levels", "integer", 3, 1, TRII_FACES_LEVELS, NULL, NULL,
     "1: the whole image in one square; each more adds squares of half the side, for smaller faces: 1, 10, 59 or 284 in a "
     "square image"},
};

static tri_status infer(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                        struct tri_layout *out, struct tri_error *err) {
    tri_status status = trii_need_rgba(op, &in[0], err);
    if (status == TRI_OK)
        status = trii_need_pixels(op, 0, in, err);
    if (status != TRI_OK)
        return status;
    const struct trii_size size = {(uint32_t)in[0].shape[1], (uint32_t)in[0].shape[0]};
    const uint32_t tiles = trii_faces_tiles(size, (uint32_t)trii_args_number(op, args, "levels"));
    out[0] = tri_layout_image((uint64_t)TRII_FACES_SIDE * tiles, TRII_FACES_SIDE, 4, TRI_DTYPE_U8);
    return TRI_OK;
}

const struct trii_op trii_face_tiles_op = {
    .id = TRII_OP_FACE_TILES,
    .info = {.name = "face_tiles",
             .summary = "cuts an image into the squares that detect_faces looks at",
             .definition = "Level l has squares of side max(width, height) / 2^l, as many as half-overlapping cover the image, "
                           "evenly spread, row by row; where an axis is shorter than the side, one in its middle. Each is "
                           "scaled to 128 x 128: by the mean of what is covered where it shrinks, else bilinear; black "
                           "outside the image.",
             .technologies = TRII_ON(HOST) | TRII_ON(WEBGPU),
             .operand_count = TRII_COUNT(operands),
             .operands = operands,
             .param_count = TRII_COUNT(params),
             .params = params},
    .infer = infer,
};
