/*
 * `detect_faces`: one inference a square of the image. The squares stand one below the other in one region, and so do the
 * results in theirs: each has tensors over its own part of the pages, made at prepare; a run binds them to the request in
 * turn. One compiled model serves images of every size that way, where a batch would be compiled for each number.
 */
#include "engine/webnn/webnn.h"

#include "base/alloc.h"
#include "base/status.h"

enum { RAW, SCORES }; /* the model's outputs, in its order */

static void free_square(const struct trii_openvino *ov, const struct trii_nn_square *square) {
    struct ov_tensor *const tensors[] = {square->image, square->raw, square->scores};
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
        if (tensors[i])
            ov->tensor_free(tensors[i]);
}

/* Part `i` of an operand that is `count` equal parts along its first dimension. */
static int part(const struct trii_openvino *ov, const struct trii_operand *operand, size_t i, size_t count,
                struct ov_tensor **out) {
    struct tri_layout layout = operand->layout;
    uint64_t bytes = tri_dtype_bytes(layout.dtype);
    layout.shape[0] /= count;
    for (uint32_t d = 0; d < layout.rank; d++)
        bytes *= layout.shape[d];
    const bool batch = layout.shape[0] != 1; /* the tensors have their 1 already */
    return trii_openvino_tensor(ov, &layout, batch, operand->region.bytes + i * bytes, out);
}

static int bind(const struct trii_openvino *ov, struct ov_infer_request *request, const struct trii_nn_square *square) {
    int code = ov->infer_request_set_input_tensor(request, square->image);
    if (code == TRII_OV_OK)
        code = ov->infer_request_set_output_tensor_by_index(request, RAW, square->raw);
    if (code == TRII_OV_OK)
        code = ov->infer_request_set_output_tensor_by_index(request, SCORES, square->scores);
    return code;
}

static int make_squares(const struct trii_openvino *ov, const struct trii_stage *stage, struct trii_prepared *prepared) {
    int code = TRII_OV_OK;
    for (size_t i = 0; i < prepared->square_count && code == TRII_OV_OK; i++) {
        struct trii_nn_square *square = &prepared->squares[i];
        code = part(ov, &stage->operands[0], i, prepared->square_count, &square->image);
        if (code == TRII_OV_OK)
            code = part(ov, &stage->operands[1], i, prepared->square_count, &square->raw);
        if (code == TRII_OV_OK)
            code = part(ov, &stage->operands[2], i, prepared->square_count, &square->scores);
    }
    return code;
}

tri_status trii_nn_prepare_faces(struct trii_nn *nn, const struct trii_stage *stage, struct trii_prepared *prepared,
                                 struct tri_error *err) {
    const struct trii_model *info = trii_model_of_faces();
    const size_t count = (size_t)(stage->operands[0].layout.shape[0] / info->height);
    tri_status status = trii_nn_model_get(nn, info, info->height, info->width, &prepared->model, err);
    if (status != TRI_OK)
        return status;
    prepared->squares = trii_calloc(count, sizeof *prepared->squares);
    if (!prepared->squares)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for the tensors of %zu squares", count);
    prepared->square_count = count;
    int code = nn->ov.compiled_model_create_infer_request(prepared->model->compiled, &prepared->request);
    if (code == TRII_OV_OK)
        code = make_squares(&nn->ov, stage, prepared);
    if (code == TRII_OV_OK)
        code = bind(&nn->ov, prepared->request, &prepared->squares[0]);
    if (code != TRII_OV_OK)
        return trii_openvino_fail(&nn->ov, code, err, TRI_BAD_MODEL, "the model does not fit its operands");
    return TRI_OK;
}

int trii_nn_infer_faces(struct trii_nn *nn, const struct trii_prepared *prepared) {
    int code = TRII_OV_OK;
    for (size_t i = 0; i < prepared->square_count && code == TRII_OV_OK; i++) {
        code = bind(&nn->ov, prepared->request, &prepared->squares[i]);
        if (code == TRII_OV_OK)
            code = nn->ov.infer_request_infer(prepared->request);
    }
    return code;
}

void trii_nn_release_faces(struct trii_nn *nn, struct trii_prepared *prepared) {
    for (size_t i = 0; i < prepared->square_count; i++)
        free_square(&nn->ov, &prepared->squares[i]);
    trii_free(prepared->squares);
}
