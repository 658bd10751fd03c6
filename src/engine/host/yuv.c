/* to_nv12, to_i420, from_nv12, from_i420. */
#include "engine/host/host.h"
#include "engine/ops/colour.h"

static bool is_nv12(const struct trii_operand *operand) {
    return operand->layout.kind == TRI_KIND_NV12;
}

static void to(const struct trii_host_job *job) {
    const struct trii_operand *image = &job->stage->operands[0], *frame = &job->stage->operands[1];
    const struct trii_size size = trii_host_size(image);
    const struct trii_planes planes = trii_planes_of(frame->region.bytes, size, is_nv12(frame));
    const struct trii_to_yuv numbers = trii_stage_to_yuv(job->stage);
    trii_yuv_best()->to(image->region.bytes, size, &planes, &numbers);
}

static void from(const struct trii_host_job *job) {
    const struct trii_operand *frame = &job->stage->operands[0], *image = &job->stage->operands[1];
    const struct trii_size size = trii_host_size(image), stored = trii_yuv_stored(&frame->layout);
    const struct trii_planes planes = trii_planes_of(frame->region.bytes, stored, is_nv12(frame));
    const struct trii_from_yuv numbers = trii_stage_from_yuv(job->stage);
    trii_yuv_best()->from(&planes, size, image->region.bytes, &numbers);
}

const struct trii_host_recipe trii_host_to_nv12 = {.run = to}, trii_host_to_i420 = {.run = to};
const struct trii_host_recipe trii_host_from_nv12 = {.run = from}, trii_host_from_i420 = {.run = from};
