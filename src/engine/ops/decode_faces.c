#include "effects.h"
#include "engine/ops/faces.h"
#include "engine/ops/need.h"

static const struct tri_operand_info operands[] = {
    {"raw", TRI_ACCESS_READ, TRI_KIND_TENSOR, "f32 [n,896,16], from detect_faces"},
    {"scores", TRI_ACCESS_READ, TRI_KIND_TENSOR, "f32 [n,896,1], from detect_faces"},
    {"image", TRI_ACCESS_READ, TRI_KIND_IMAGE, "what face_tiles was given: its size is needed, its pixels are not"},
    {"faces", TRI_ACCESS_WRITE, TRI_KIND_BOXES,
     "f32 [capacity,5]: x, y, width, height (0 to 1), score; the surest first; zeros after the last"},
};
static const struct tri_param_info params[] = {
    {"score", "number", 0.5, 0.01, 0.99, NULL, NULL, "what is less sure is no face"},
    {"capacity", "integer", 64, 1, 1024, NULL, NULL, "faces that are listed at most"},
};

/* As many squares as some number of levels of the image has. */
static bool is_of_image(uint64_t squares, struct trii_size size) {
    for (uint32_t levels = 1; levels <= TRII_FACES_LEVELS; levels++)
        if (trii_faces_tiles(size, levels) == squares)
            return true;
    return false;
}

static tri_status need_tensor(const struct trii_op *op, size_t i, const struct tri_layout *layout, uint64_t numbers,
                              struct tri_error *err) {
    char text[96];
    if (layout->dtype == TRI_DTYPE_F32 && layout->rank == 3 && layout->shape[1] == TRII_FACES_ANCHORS &&
        layout->shape[2] == numbers && tri_layout_is_tight(layout))
        return TRI_OK;
    return trii_fail(err, TRI_BAD_PIPELINE, "decode_faces: %s is %s; it must be f32 [squares,%d,%llu], from detect_faces",
                     op->info.operands[i].name, tri_layout_format(layout, text, sizeof text), TRII_FACES_ANCHORS,
                     (unsigned long long)numbers);
}

static tri_status infer(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                        struct tri_layout *out, struct tri_error *err) {
    const uint64_t squares = in[0].shape[0];
    tri_status status = need_tensor(op, 0, &in[0], TRII_FACES_RAW, err);
    if (status == TRI_OK)
        status = need_tensor(op, 1, &in[1], 1, err);
    if (status == TRI_OK)
        status = trii_need_rgba(op, &in[2], err);
    if (status == TRI_OK)
        status = trii_need_pixels(op, 2, in, err);
    if (status != TRI_OK)
        return status;
    const struct trii_size size = {(uint32_t)in[2].shape[1], (uint32_t)in[2].shape[0]};
    if (in[1].shape[0] != squares || !is_of_image(squares, size))
        return trii_fail(err, TRI_BAD_PIPELINE,
                         "decode_faces: raw has %llu squares and scores %llu; an image of %ux%u is shown in %u, %u, %u or %u: "
                         "name the image that face_tiles was given",
                         (unsigned long long)squares, (unsigned long long)in[1].shape[0], size.width, size.height,
                         trii_faces_tiles(size, 1), trii_faces_tiles(size, 2), trii_faces_tiles(size, 3),
                         trii_faces_tiles(size, 4));
    out[0] = (struct tri_layout){.dtype = TRI_DTYPE_F32,
                                 .kind = TRI_KIND_BOXES,
                                 .rank = 2,
                                 .shape = {(uint64_t)trii_args_number(op, args, "capacity"), TRII_FACES_BOX}};
    return TRI_OK;
}

const struct trii_op trii_decode_faces_op = {
    .id = TRII_OP_DECODE_FACES,
    .info = {.name = "decode_faces",
             .summary = "makes a list of faces of what a detector saw",
             .definition = "Anchors whose sigmoid is at least score become boxes in the image. The surest takes in all that are the "
                           "same face (3/10 of the union shared, or 6/10 of the smaller one inside) and becomes their mean, "
                           "weighted by score; and so on with what is left. The best 1024 boxes are looked at.",
             .technologies = TRII_ON(HOST) | TRII_ON(WASM),
             .operand_count = TRII_COUNT(operands),
             .operands = operands,
             .param_count = TRII_COUNT(params),
             .params = params},
    .infer = infer,
};
