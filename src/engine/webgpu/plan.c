/*
 * How an output is cut into tiles: whole rows, as many as one binding shows and one dispatch counts; or, where a single
 * row is too large for that, pieces of it. Pure arithmetic.
 */
#include "engine/webgpu/webgpu.h"

#include "base/checked.h"

/* An offset into a buffer is rounded down to this: the largest alignment that WebGPU allows a device to ask for. */
#define OFFSET_ALIGNMENT 256u
#define WORD_BYTES 4u
#define WHOLE 64u /* pixels: so many keep that alignment, and vectors of four whole */
#define GROUP 256u /* invocations a workgroup, as in ops/wgsl */

void trii_gpu_cut(uint64_t binding_bytes, uint32_t groups_max, const struct trii_gpu_pass *pass,
                  struct trii_gpu_cut *out) {
    const uint64_t width = pass->width, height = pass->height;
    /* Aligned down at both ends: the offset's rounding fits, and pieces of a row keep vectors of four whole. */
    const uint64_t binding_pixels =
        (binding_bytes - OFFSET_ALIGNMENT) / ((uint64_t)WORD_BYTES * pass->words) / WHOLE * WHOLE;
    const uint64_t row_pixels = trii_min_u64(binding_pixels, (uint64_t)groups_max * GROUP * pass->pixels);
    *out = (struct trii_gpu_cut){.width = width,
                                 .height = height,
                                 .pixels = pass->pixels,
                                 .words = pass->words,
                                 .columns = width,
                                 .rows = 1};
    if (width == 0 || height == 0)
        return;
    if (width <= row_pixels)
        out->rows = trii_min_u64(trii_min_u64(binding_pixels / width, groups_max), height);
    else
        out->columns = row_pixels;
    out->across = (width + out->columns - 1) / out->columns;
    out->down = (height + out->rows - 1) / out->rows;
}

void trii_gpu_tile(const struct trii_gpu_cut *cut, uint64_t i, struct trii_gpu_tile *out) {
    const uint64_t x = i % cut->across * cut->columns, y = i / cut->across * cut->rows;
    const uint64_t columns = trii_min_u64(cut->columns, cut->width - x);
    const uint64_t rows = trii_min_u64(cut->rows, cut->height - y);
    const uint64_t pixel_bytes = (uint64_t)WORD_BYTES * cut->words;
    const uint64_t first = (y * cut->width + x) * pixel_bytes;
    const uint64_t end = first + ((rows - 1) * cut->width + columns) * pixel_bytes;
    const uint64_t a_group = (uint64_t)GROUP * cut->pixels;
    out->offset = first & ~(uint64_t)(OFFSET_ALIGNMENT - 1);
    out->bytes = end - out->offset;
    out->job.origin[0] = (uint32_t)x;
    out->job.origin[1] = (uint32_t)y;
    out->job.extent[0] = (uint32_t)columns;
    out->job.extent[1] = (uint32_t)rows;
    out->job.base = (uint32_t)((first - out->offset) / WORD_BYTES);
    out->job.pitch = (uint32_t)cut->width;
    out->groups[0] = (uint32_t)((columns + a_group - 1) / a_group);
    out->groups[1] = (uint32_t)rows;
}
