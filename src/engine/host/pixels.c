/* Operations that do one pixel at a time: premultiply, unpremultiply, threshold, extract_mask, colour_matrix. */
#include "engine/host/host.h"
#include "engine/ops/colour.h"

#include "pixels.h"

static size_t count(const struct trii_host_job *job) {
    const struct tri_layout *in = &job->stage->operands[0].layout;
    return (size_t)(in->shape[0] * in->shape[1]);
}

static const uint8_t *from(const struct trii_host_job *job) {
    return job->stage->operands[0].region.bytes;
}

static uint8_t *to(const struct trii_host_job *job) {
    return job->stage->operands[1].region.bytes;
}

static bool is_float(const struct trii_host_job *job) {
    return job->stage->operands[0].layout.dtype == TRI_DTYPE_F32;
}

static const float *floats_from(const struct trii_host_job *job) {
    return (const float *)(const void *)from(job);
}

static float *floats_to(const struct trii_host_job *job) {
    return (float *)(void *)to(job);
}

static void premultiply(const struct trii_host_job *job) {
    if (is_float(job))
        trii_pixels_best()->premultiply_f32(floats_from(job), floats_to(job), count(job));
    else
        trii_pixels_best()->premultiply(from(job), to(job), count(job));
}

static void unpremultiply(const struct trii_host_job *job) {
    if (is_float(job))
        trii_pixels_best()->unpremultiply_f32(floats_from(job), floats_to(job), count(job));
    else
        trii_pixels_best()->unpremultiply(from(job), to(job), count(job));
}

static void threshold(const struct trii_host_job *job) {
    const struct trii_ramp ramp = trii_ramp_of(job->stage);
    trii_pixels_best()->threshold(floats_from(job), floats_to(job), count(job), ramp.level, ramp.gain);
}

static void extract_mask(const struct trii_host_job *job) {
    float weights[4];
    trii_channel_weights(job->stage, weights);
    trii_pixels_best()->extract(from(job), floats_to(job), count(job), weights);
}

static void colour_matrix(const struct trii_host_job *job) {
    float matrix[20];
    trii_colour_matrix(job->stage, matrix);
    trii_pixels_best()->colour_matrix(from(job), to(job), count(job), matrix);
}

const struct trii_host_recipe trii_host_premultiply = {.run = premultiply};
const struct trii_host_recipe trii_host_unpremultiply = {.run = unpremultiply};
const struct trii_host_recipe trii_host_threshold = {.run = threshold};
const struct trii_host_recipe trii_host_extract_mask = {.run = extract_mask};
const struct trii_host_recipe trii_host_colour_matrix = {.run = colour_matrix};
