/*
 * decode_faces as a guest: a face detector's raw boxes and scores become a list of faces. Most anchors see none: sixteen
 * scores are passed over at a time. What is done with the others is in faces.h.
 */
#include "tripoint_guest.h"

#include "faces.h"

#include <wasm_simd128.h>

TRIPOINT_GUEST

static uint32_t faces_next(const float *scores, uint32_t from, uint32_t count, float least) {
    const v128_t limit = wasm_f32x4_splat(least);
    for (; from < count && from % 16 != 0; from++)
        if (scores[from] >= least)
            return from;
    for (; from + 16 <= count; from += 16) {
        const v128_t a = wasm_v128_or(wasm_f32x4_ge(wasm_v128_load(scores + from), limit),
                                      wasm_f32x4_ge(wasm_v128_load(scores + from + 4), limit));
        const v128_t b = wasm_v128_or(wasm_f32x4_ge(wasm_v128_load(scores + from + 8), limit),
                                      wasm_f32x4_ge(wasm_v128_load(scores + from + 12), limit));
        if (wasm_v128_any_true(wasm_v128_or(a, b)))
            break;
    }
    for (; from < count; from++)
        if (scores[from] >= least)
            return from;
    return count;
}

TRIPOINT_OPERATION(decode_faces) {
    static struct faces_work work;
    const struct tripoint_operand *raw = &call->operands[0], *scores = &call->operands[1];
    const struct tripoint_operand *image = &call->operands[2], *boxes = &call->operands[3];
    if (call->operand_count != 4 || call->param_count != 2 || raw->rank != 3 || scores->rank != 3 || image->rank != 3 ||
        boxes->rank != 2 || raw->dtype != TRIPOINT_F32 || scores->dtype != TRIPOINT_F32 ||
        raw->shape[1] != FACES_ANCHORS || raw->shape[2] != FACES_RAW || boxes->shape[1] != FACES_BOX)
        return 1;
    const uint32_t squares = (uint32_t)scores->shape[0];
    const uint32_t height = (uint32_t)image->shape[0], width = (uint32_t)image->shape[1];
    faces_find(&work, tripoint_bytes(raw), tripoint_bytes(scores), squares, width, height, (float)call->params[0],
               (uint32_t)boxes->shape[0], tripoint_bytes(boxes));
    return 0;
}
