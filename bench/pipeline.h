/*
 * The stages of the cut-out as bare calls, for bench/pipeline: the same work on the same pages, but with no claim, no
 * fence, no front door and no pipeline; and the same stages as they look where every engine owns its memory.
 */
#ifndef TRIPOINT_BENCH_PIPELINE_H
#define TRIPOINT_BENCH_PIPELINE_H

#include "kernels.h"

#include <tripoint/pipeline.h>

enum { PHOTO_WIDTH = 1920, PHOTO_HEIGHT = 1080, WORK_SIDE = 512, MASK_SIDE = 256 };
#define PHOTO_BYTES ((size_t)PHOTO_WIDTH * PHOTO_HEIGHT * 4)
#define WORK_BYTES ((size_t)WORK_SIDE * WORK_SIDE * 4)
#define MASK_BYTES ((size_t)MASK_SIDE * MASK_SIDE * sizeof(float))

/* The regions of the job. `work` holds the mask after segment. */
struct bench_job {
    struct tri_arena *arena;
    tri_handle input, work, output;
    uint8_t *input_bytes, *work_bytes, *output_bytes;
};

/* ---- webgpu ---- */
struct bench_gpu;
struct bench_gpu *bench_gpu_open(struct tri_engine *engine, const struct bench_job *job);
void bench_gpu_close(struct bench_gpu **gpu);
/* Over the arena's pages: encode, submit, wait. */
void bench_gpu_resize(struct bench_gpu *gpu);
void bench_gpu_apply_mask(struct bench_gpu *gpu);
/* Over buffers of the device: upload (the image not again when `keep`), dispatch, read back. */
void bench_gpu_resize_copying(struct bench_gpu *gpu, const uint8_t *photo, uint8_t *work);
void bench_gpu_apply_mask_copying(struct bench_gpu *gpu, const uint8_t *photo, const float *mask, uint8_t *result,
                                  bool keep);

/* ---- webnn ---- */
struct bench_nn;
struct bench_nn *bench_nn_open(struct tri_engine *engine, const struct bench_job *job);
void bench_nn_close(struct bench_nn **nn);
/* The inference in place over the arena's pages. */
void bench_nn_segment(struct bench_nn *nn);
/* With tensors that OpenVINO owns. */
void bench_nn_segment_copying(struct bench_nn *nn, const uint8_t *work, float *mask);

#endif
