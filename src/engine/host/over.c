/* composite, flatten, blend: one image over something; unmix: what came through is taken out again. */
#include "engine/host/host.h"

#include "effects.h"
#include "engine/ops/need.h"

static uint8_t *bytes(const struct trii_host_job *job, size_t i) {
    return job->stage->operands[i].region.bytes;
}

/* Pixel by pixel: rows are images of their own. */
static struct trii_size part_of(const struct trii_host_job *job, struct trii_rows rows) {
    return (struct trii_size){trii_host_size(&job->stage->operands[0]).width, rows.end - rows.begin};
}

static size_t first_of(const struct trii_host_job *job, struct trii_rows rows) {
    return (size_t)rows.begin * trii_host_size(&job->stage->operands[0]).width * 4;
}

static void run_composite(const struct trii_host_job *job, struct trii_rows rows, void *scratch) {
    const size_t first = first_of(job, rows);
    (void)scratch;
    trii_effects_best()->composite(bytes(job, 0) + first, bytes(job, 1) + first, part_of(job, rows),
                                   bytes(job, 2) + first);
}

static void run_flatten(const struct trii_host_job *job, struct trii_rows rows, void *scratch) {
    const struct trii_stage *stage = job->stage;
    const size_t first = first_of(job, rows);
    uint8_t colour[4] = {0};
    (void)scratch;
    (void)!trii_need_colour(stage->op, &stage->args, "colour", colour, NULL); /* infer has checked it */
    trii_effects_best()->flatten(bytes(job, 0) + first, colour, part_of(job, rows), bytes(job, 1) + first);
}

static size_t blend_scratch(const struct trii_stage *stage) {
    return trii_blend_scratch(trii_host_size(&stage->operands[0]), trii_host_size(&stage->operands[2]));
}

static void run_blend(const struct trii_host_job *job, struct trii_rows rows, void *scratch) {
    const uint32_t least = trii_args_is(job->stage->op, &job->stage->args, "opaque", "yes") ? 255 : 0;
    trii_effects_best()->blend(bytes(job, 0), bytes(job, 1), least, trii_host_size(&job->stage->operands[0]),
                               (const float *)(const void *)bytes(job, 2), trii_host_size(&job->stage->operands[2]),
                               bytes(job, 3), rows, scratch);
}

static size_t unmix_scratch(const struct trii_stage *stage) {
    return trii_blend_scratch(trii_host_size(&stage->operands[0]), trii_host_size(&stage->operands[3]));
}

static void run_unmix(const struct trii_host_job *job, struct trii_rows rows, void *scratch) {
    const struct trii_unmix from = {bytes(job, 0), bytes(job, 1), bytes(job, 2)};
    trii_effects_best()->unmix(&from, trii_host_size(&job->stage->operands[0]),
                               (const float *)(const void *)bytes(job, 3), trii_host_size(&job->stage->operands[3]),
                               bytes(job, 4), rows, scratch);
}

const struct trii_host_recipe trii_host_composite = {.rows = trii_host_rows, .run = run_composite};
const struct trii_host_recipe trii_host_flatten = {.rows = trii_host_rows, .run = run_flatten};
const struct trii_host_recipe trii_host_blend = {
    .scratch = blend_scratch, .rows = trii_host_rows, .run = run_blend};
const struct trii_host_recipe trii_host_unmix = {
    .scratch = unmix_scratch, .rows = trii_host_rows, .run = run_unmix};
