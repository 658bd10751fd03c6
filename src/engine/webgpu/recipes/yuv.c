/* to_nv12, to_i420, from_nv12, from_i420. */
#include "engine/ops/colour.h"
#include "engine/webgpu/recipe.h"

extern const char trii_wgsl_yuv[];

static const struct trii_gpu_source to = {"to_nv12 and to_i420", trii_wgsl_yuv, "to", "uwW", {NULL}};
static const struct trii_gpu_source from = {"from_nv12 and from_i420", trii_wgsl_yuv, "from_frame", "uwW", {NULL}};

/* As in ops/wgsl/yuv.wgsl. */
struct values {
    uint32_t size[2];
    uint32_t planar, turn, seen[2];
    float numbers[3][4];
};

static tri_status to_frame(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    const struct trii_operand *image = &stage->operands[0], *frame = &stage->operands[1];
    const struct trii_to_yuv n = trii_stage_to_yuv(stage);
    struct values v = {.size = {(uint32_t)trii_gpu_width(image), (uint32_t)trii_gpu_height(image)},
                       .planar = frame->layout.kind == TRI_KIND_I420,
                       .numbers = {{n.y[0], n.y[1], n.y[2], n.y[3]},
                                   {n.u[0], n.u[1], n.u[2], n.u[3]},
                                   {n.v[0], n.v[1], n.v[2], n.v[3]}}};
    struct trii_gpu_pass *pass = trii_gpu_add_pass(work, &to, frame);
    (void)err;
    pass->width = (pass->width * pass->height + 3) / 4; /* one row of words */
    pass->height = pass->width ? 1 : 0;
    pass->bound[0] = 1;
    pass->bound[1] = 0;
    trii_gpu_set_values(pass, &v, sizeof v);
    return TRI_OK;
}

static tri_status from_frame(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    const struct trii_operand *frame = &stage->operands[0], *image = &stage->operands[1];
    const struct trii_from_yuv n = trii_stage_from_yuv(stage);
    const struct trii_size stored = trii_yuv_stored(&frame->layout); /* the image may be less of it */
    const uint32_t turn = trii_stage_turn(stage), width = (uint32_t)trii_gpu_width(image),
                   height = (uint32_t)trii_gpu_height(image);
    const struct values v = {.size = {stored.width, stored.height},
                             .planar = frame->layout.kind == TRI_KIND_I420,
                             .turn = turn,
                             .seen = {turn % 2 ? height : width, turn % 2 ? width : height},
                             .numbers = {{n.offset, n.gain}, {n.red_v, n.green_u, n.green_v, n.blue_u}}};
    struct trii_gpu_pass *pass = trii_gpu_add_pass(work, &from, image);
    (void)err;
    pass->bound[0] = 1;
    pass->bound[1] = 0;
    trii_gpu_set_values(pass, &v, sizeof v);
    return TRI_OK;
}

tri_status trii_gpu_to_nv12(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    return to_frame(stage, work, err);
}

tri_status trii_gpu_to_i420(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    return to_frame(stage, work, err);
}

tri_status trii_gpu_from_nv12(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    return from_frame(stage, work, err);
}

tri_status trii_gpu_from_i420(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    return from_frame(stage, work, err);
}
