#include "engine/ops/faces.h"
#include "engine/ops/need.h"

static const struct trii_model model = {"faces", "models/face_detection_short_range.onnx",
                                        "90b543c93f18b0e9aa09cb2a6a7925a0c1435e1f03561165319d00d9c37781c5",
                                        TRII_FACES_SIDE, TRII_FACES_SIDE, 127.5f, 127.5f};

const struct trii_model *trii_model_of_faces(void) {
    return &model;
}

static const struct tri_operand_info operands[] = {
    {"tiles", TRI_ACCESS_READ, TRI_KIND_IMAGE, "what face_tiles makes: u8 [128 * n,128,4]"},
    {"raw", TRI_ACCESS_WRITE, TRI_KIND_TENSOR, "f32 [n,896,16]: box and six points of each anchor, for decode_faces"},
    {"scores", TRI_ACCESS_WRITE, TRI_KIND_TENSOR, "f32 [n,896,1]: before the sigmoid"},
};

static struct tri_layout tensor(uint64_t tiles, uint64_t numbers) {
    return (struct tri_layout){.dtype = TRI_DTYPE_F32,
                               .kind = TRI_KIND_TENSOR,
                               .rank = 3,
                               .shape = {tiles, TRII_FACES_ANCHORS, numbers}};
}

static tri_status infer(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                        struct tri_layout *out, struct tri_error *err) {
    char text[96];
    tri_status status = trii_need_rgba(op, &in[0], err);
    (void)args;
    if (status != TRI_OK)
        return status;
    if (in[0].shape[1] != TRII_FACES_SIDE || in[0].shape[0] == 0 || in[0].shape[0] % TRII_FACES_SIDE != 0)
        return trii_fail(err, TRI_BAD_PIPELINE,
                         "detect_faces needs squares of 128 x 128, one below the other (face_tiles makes them), not %s",
                         tri_layout_format(&in[0], text, sizeof text));
    out[0] = tensor(in[0].shape[0] / TRII_FACES_SIDE, TRII_FACES_RAW);
    out[1] = tensor(in[0].shape[0] / TRII_FACES_SIDE, 1);
    return TRI_OK;
}

const struct trii_op trii_detect_faces_op = {
    .id = TRII_OP_DETECT_FACES,
    .info = {.name = "detect_faces",
             .summary = "looks for faces in squares of an image",
             .definition = "(RGB - 127.5) / 127.5, through the model in f32, square by square; alpha is ignored.",
             .technologies = TRII_ON(WEBNN),
             .operand_count = TRII_COUNT(operands),
             .operands = operands},
    .infer = infer,
};
