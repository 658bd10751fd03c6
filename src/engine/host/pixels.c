/* Operations that do one pixel at a time: premultiply, unpremultiply, threshold, extract_mask, colour_matrix. */
#include "engine/host/host.h"
#include "engine/ops/colour.h"

#include "pixels.h"

/* A part of the rows: pixels. */
static size_t first(const struct trii_host_job *job, struct trii_rows rows) {
    return (size_t)rows.begin * (size_t)job->stage->operands[0].layout.shape[1];
}

static size_t count(const struct trii_host_job *job, struct trii_rows rows) {
    return (size_t)(rows.end - rows.begin) * (size_t)job->stage->operands[0].layout.shape[1];
}

static size_t pixel_bytes(const struct trii_operand *operand) {
    const struct tri_layout *layout = &operand->layout;
    return (size_t)layout->shape[2] * (layout->dtype == TRI_DTYPE_F32 ? sizeof(float) : 1);
}

static uint8_t *part(const struct trii_host_job *job, size_t operand, struct trii_rows rows) {
    const struct trii_operand *of = &job->stage->operands[operand];
    return of->region.bytes + first(job, rows) * pixel_bytes(of);
}

static const uint8_t *from(const struct trii_host_job *job, struct trii_rows rows) {
    return part(job, 0, rows);
}

static uint8_t *to(const struct trii_host_job *job, struct trii_rows rows) {
    return part(job, 1, rows);
}

static bool is_float(const struct trii_host_job *job) {
    return job->stage->operands[0].layout.dtype == TRI_DTYPE_F32;
}

static const float *floats_from(const struct trii_host_job *job, struct trii_rows rows) {
    return (const float *)(const void *)from(job, rows);
}

static float *floats_to(const struct trii_host_job *job, struct trii_rows rows) {
    return (float *)(void *)to(job, rows);
}

static void premultiply(const struct trii_host_job *job, struct trii_rows rows, void *scratch) {
    (void)scratch;
    if (is_float(job))
        trii_pixels_best()->premultiply_f32(floats_from(job, rows), floats_to(job, rows), count(job, rows));
    else
        trii_pixels_best()->premultiply(from(job, rows), to(job, rows), count(job, rows));
}

static void unpremultiply(const struct trii_host_job *job, struct trii_rows rows, void *scratch) {
    (void)scratch;
    if (is_float(job))
        trii_pixels_best()->unpremultiply_f32(floats_from(job, rows), floats_to(job, rows), count(job, rows));
    else
        trii_pixels_best()->unpremultiply(from(job, rows), to(job, rows), count(job, rows));
}

static void threshold(const struct trii_host_job *job, struct trii_rows rows, void *scratch) {
    (void)scratch;
    const struct trii_ramp ramp = trii_ramp_of(job->stage);
    trii_pixels_best()->threshold(floats_from(job, rows), floats_to(job, rows), count(job, rows), ramp.level, ramp.gain);
}

static void extract_mask(const struct trii_host_job *job, struct trii_rows rows, void *scratch) {
    (void)scratch;
    float weights[4];
    trii_channel_weights(job->stage, weights);
    trii_pixels_best()->extract(from(job, rows), floats_to(job, rows), count(job, rows), weights);
}

static void colour_matrix(const struct trii_host_job *job, struct trii_rows rows, void *scratch) {
    (void)scratch;
    float matrix[20];
    trii_colour_matrix(job->stage, matrix);
    trii_pixels_best()->colour_matrix(from(job, rows), to(job, rows), count(job, rows), matrix);
}

const struct trii_host_recipe trii_host_premultiply = {.rows = trii_host_rows, .run = premultiply};
const struct trii_host_recipe trii_host_unpremultiply = {.rows = trii_host_rows, .run = unpremultiply};
const struct trii_host_recipe trii_host_threshold = {.rows = trii_host_rows, .run = threshold};
const struct trii_host_recipe trii_host_extract_mask = {.rows = trii_host_rows, .run = extract_mask};
const struct trii_host_recipe trii_host_colour_matrix = {.rows = trii_host_rows, .run = colour_matrix};
