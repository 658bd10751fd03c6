/* to_nv12, to_i420, from_nv12, from_i420. */
#include "engine/host/host.h"
#include "engine/ops/colour.h"

static bool is_nv12(const struct trii_operand *operand) {
    return operand->layout.kind == TRI_KIND_NV12;
}

/* Rows are divided in pairs, which share their chroma. */
static uint32_t pairs_to(const struct trii_stage *stage) {
    return trii_host_size(&stage->operands[0]).height / 2;
}

static uint32_t pairs_from(const struct trii_stage *stage) {
    return (trii_host_size(&stage->operands[1]).height + 1) / 2;
}

static void to(const struct trii_host_job *job, struct trii_rows pairs, void *scratch) {
    const struct trii_operand *image = &job->stage->operands[0], *frame = &job->stage->operands[1];
    const struct trii_size size = trii_host_size(image);
    const struct trii_planes planes = trii_planes_of(frame->region.bytes, size, is_nv12(frame));
    const struct trii_to_yuv numbers = trii_stage_to_yuv(job->stage);
    const struct trii_planes part = trii_planes_at(&planes, pairs.begin);
    (void)scratch;
    trii_yuv_best()->to(image->region.bytes + (size_t)pairs.begin * 2 * size.width * 4,
                        (struct trii_size){size.width, (pairs.end - pairs.begin) * 2}, &part, &numbers);
}

static void from(const struct trii_host_job *job, struct trii_rows pairs, void *scratch) {
    const struct trii_operand *frame = &job->stage->operands[0], *image = &job->stage->operands[1];
    const struct trii_size size = trii_host_size(image), stored = trii_yuv_stored(&frame->layout);
    const struct trii_planes planes = trii_planes_of(frame->region.bytes, stored, is_nv12(frame));
    const struct trii_from_yuv numbers = trii_stage_from_yuv(job->stage);
    const struct trii_planes part = trii_planes_at(&planes, pairs.begin);
    const uint32_t begin = pairs.begin * 2, end = pairs.end * 2 < size.height ? pairs.end * 2 : size.height;
    (void)scratch;
    trii_yuv_best()->from(&part, (struct trii_size){size.width, end - begin},
                          image->region.bytes + (size_t)begin * size.width * 4, &numbers);
}

const struct trii_host_recipe trii_host_to_nv12 = {.rows = pairs_to, .run = to};
const struct trii_host_recipe trii_host_to_i420 = {.rows = pairs_to, .run = to};
const struct trii_host_recipe trii_host_from_nv12 = {.rows = pairs_from, .run = from};
const struct trii_host_recipe trii_host_from_i420 = {.rows = pairs_from, .run = from};
