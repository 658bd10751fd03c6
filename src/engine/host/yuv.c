/* to_nv12, to_i420, from_nv12, from_i420. */
#include "engine/host/host.h"
#include "engine/ops/colour.h"

#define STRIP_ROWS 16u /* a cache line of a turned row */

static bool is_nv12(const struct trii_operand *operand) {
    return operand->layout.kind == TRI_KIND_NV12;
}

/* Rows are divided in pairs, which share their chroma. */
static uint32_t pairs_to(const struct trii_stage *stage) {
    return trii_host_size(&stage->operands[0]).height / 2;
}

/* Of the picture before it is turned. */
static struct trii_size seen_size(const struct trii_stage *stage) {
    const struct trii_size made = trii_host_size(&stage->operands[1]);
    return trii_stage_turn(stage) % 2 ? (struct trii_size){.width = made.height, .height = made.width} : made;
}

static uint32_t pairs_from(const struct trii_stage *stage) {
    return (seen_size(stage).height + 1) / 2;
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

/* A picture that is turned is made in strips, which are still in the cache when they are put where they belong. */
static size_t from_scratch(const struct trii_stage *stage) {
    return trii_stage_turn(stage) ? (size_t)seen_size(stage).width * STRIP_ROWS * 4 : 0;
}

/* Rows `first` ... of a picture of `size` into the turned one. Down the columns: what lies together there is written together. */
static void turn_strip(const uint32_t *strip, struct trii_size size, uint32_t first, uint32_t rows, uint32_t turn,
                       uint32_t *made) {
    const size_t width = size.width, height = size.height;
    for (size_t x = 0; x < width; x++)
        for (size_t y = 0; y < rows; y++) {
            const size_t row = first + y;
            const size_t at = turn == 1   ? x * height + (height - 1 - row)
                              : turn == 2 ? (height - 1 - row) * width + (width - 1 - x)
                                          : (width - 1 - x) * height + row;
            made[at] = strip[y * width + x];
        }
}

static void from(const struct trii_host_job *job, struct trii_rows pairs, void *scratch) {
    const struct trii_operand *frame = &job->stage->operands[0], *image = &job->stage->operands[1];
    const struct trii_size size = seen_size(job->stage), stored = trii_yuv_stored(&frame->layout);
    const struct trii_planes planes = trii_planes_of(frame->region.bytes, stored, is_nv12(frame));
    const struct trii_from_yuv numbers = trii_stage_from_yuv(job->stage);
    const uint32_t turn = trii_stage_turn(job->stage), end = pairs.end * 2 < size.height ? pairs.end * 2 : size.height;
    for (uint32_t begin = pairs.begin * 2, rows; begin < end; begin += rows) {
        const struct trii_planes part = trii_planes_at(&planes, begin / 2);
        rows = turn && end - begin > STRIP_ROWS ? STRIP_ROWS : end - begin;
        trii_yuv_best()->from(&part, (struct trii_size){size.width, rows},
                              turn ? scratch : image->region.bytes + (size_t)begin * size.width * 4, &numbers);
        if (turn)
            turn_strip(scratch, size, begin, rows, turn, (uint32_t *)(void *)image->region.bytes);
    }
}

const struct trii_host_recipe trii_host_to_nv12 = {.rows = pairs_to, .run = to};
const struct trii_host_recipe trii_host_to_i420 = {.rows = pairs_to, .run = to};
const struct trii_host_recipe trii_host_from_nv12 = {.scratch = from_scratch, .rows = pairs_from, .run = from};
const struct trii_host_recipe trii_host_from_i420 = {.scratch = from_scratch, .rows = pairs_from, .run = from};
