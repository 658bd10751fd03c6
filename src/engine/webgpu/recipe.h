/*
 * What a stage asks of the GPU: passes over its operands and over scratch buffers of its own, in order. An operation's
 * recipe (recipes/<operation>.c, listed in recipes/list.h) writes them down when the stage is prepared; the engine
 * compiles, binds and cuts into tiles.
 *
 * A pass is one kernel: a shader's entry point, the buffers it binds, and the pixels it writes. One invocation does
 * `pixels` pixels of a row; workgroups are 256 x 1. Its uniform is a struct trii_gpu_job: the tile, then the recipe's
 * own values. Passes see what earlier ones wrote.
 *
 * Bindings are numbered from 0 in the order of the letters; W takes four numbers:
 *   u  the uniform
 *   w  written (read_write in WGSL), pixel by pixel: the tile's part is bound, job.base words before its first pixel
 *   r  read pixel by pixel: the same part of a buffer that is shaped like what is written
 *   W  sampled anywhere: whole, or where it is larger than one binding as four windows (section `split`)
 *   R  read anywhere, whole: an operand that is larger than one binding is refused
 *   x  written anywhere (read_write), whole; likewise
 * A buffer is bound once in a pass, for reading or for writing: in place, a kernel reads what it writes.
 */
#ifndef TRIPOINT_ENGINE_WEBGPU_RECIPE_H
#define TRIPOINT_ENGINE_WEBGPU_RECIPE_H

#include "engine/contract.h"
#include "engine/webgpu/recipes/list.h"

/* What every WebGPU device binds at least, and the size of a window of a larger operand (ops/wgsl). Four of them are
 * the largest region. */
#define TRII_GPU_WINDOW_BYTES ((uint64_t)128 << 20)
#define TRII_GPU_WINDOWS 4

/* A kernel. The sections of its text (//if NAME ... //end) that are kept are a variant: bit i keeps sections[i]. */
#define TRII_GPU_SECTIONS 8
#define TRII_GPU_SPLIT (1u << 31) /* the section `split`; set by the engine */

struct trii_gpu_source {
    const char *name;     /* of the operation, for messages */
    const char *wgsl;     /* trii_wgsl_<file>, made by scripts/embed */
    const char *entry;
    const char *bindings; /* letters, see above */
    const char *sections[TRII_GPU_SECTIONS];
};

/* The uniform, as WGSL lays it out: vec2u at 0 and 8, u32 at 16 and 20, the recipe's own from 24 on. */
#define TRII_GPU_VALUES_BYTES 232
struct trii_gpu_job {
    uint32_t origin[2]; /* first pixel of this tile */
    uint32_t extent[2]; /* pixels of this tile; 0 when a pipeline is warmed: do nothing */
    uint32_t base;      /* word of the tile's first pixel in what is bound as w and r */
    uint32_t pitch;     /* pixels from one row to the next */
    uint8_t values[TRII_GPU_VALUES_BYTES];
};

#define TRII_GPU_BINDINGS 8   /* letters of a kernel */
#define TRII_GPU_STORAGE 8    /* buffers beside the uniform that every device binds */
#define TRII_GPU_ENTRIES (TRII_GPU_BINDINGS * TRII_GPU_WINDOWS)
#define TRII_GPU_PASSES 16
#define TRII_GPU_SCRATCHES 8
#define TRII_GPU_SCRATCH(i) (TRII_OP_OPERANDS_MAX + (i)) /* scratch buffer i, in `bound` */

struct trii_gpu_pass {
    const struct trii_gpu_source *source;
    uint32_t variant;
    size_t bound[TRII_GPU_BINDINGS]; /* one a letter, without the u: an operand's index or TRII_GPU_SCRATCH(i) */
    uint64_t width, height;          /* pixels that are written */
    uint32_t pixels;                 /* of a row, done by one invocation */
    uint32_t words;                  /* 32-bit words a pixel of what is bound as w and r */
    struct trii_gpu_job job;         /* the values; the tile is the engine's */
};

/* Kept as long as the stage, so also from one run to the next. */
struct trii_gpu_scratch {
    uint64_t bytes;
    void *data; /* what it holds at first (trii_alloc; the engine frees it); NULL: zeros */
};

struct trii_gpu_work {
    struct trii_gpu_pass passes[TRII_GPU_PASSES];
    size_t pass_count;
    struct trii_gpu_scratch scratch[TRII_GPU_SCRATCHES];
    size_t scratch_count;
};

/* Fills `work`, zeroed before. An error says what the GPU can't do with this stage. */
typedef tri_status (*trii_gpu_recipe)(const struct trii_stage *stage, struct trii_gpu_work *work,
                                      struct tri_error *err);

#define TRII_GPU_DECLARE(NAME, name)                                                             \
    tri_status trii_gpu_##name(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err);
TRII_GPU_LIST(TRII_GPU_DECLARE)
#undef TRII_GPU_DECLARE

/* NULL: the GPU does not do it. */
trii_gpu_recipe trii_gpu_recipe_of(const struct trii_op *op);

/* The next pass of `work`: one pixel an invocation, one word a pixel, as large as `written` says. */
struct trii_gpu_pass *trii_gpu_add_pass(struct trii_gpu_work *work, const struct trii_gpu_source *source,
                                        const struct trii_operand *written);
/* The recipe's own part of the uniform. */
void trii_gpu_set_values(struct trii_gpu_pass *pass, const void *values, size_t bytes);
/* A scratch buffer; returns its number for `bound`. Takes `data` over. */
size_t trii_gpu_add_scratch(struct trii_gpu_work *work, uint64_t bytes, void *data);
bool trii_gpu_in_place(const struct trii_stage *stage);

static inline uint64_t trii_gpu_width(const struct trii_operand *operand) {
    return operand->layout.shape[1];
}
static inline uint64_t trii_gpu_height(const struct trii_operand *operand) {
    return operand->layout.shape[0];
}

/* How `to` samples `from`: the uniform of resize and apply_mask, and the sections for it. */
struct trii_gpu_sampling {
    uint32_t source[2]; /* width, height of what is sampled */
    float scale[2];     /* source / output */
    float share;        /* 1 / (scale[0] * scale[1]) */
};
struct trii_gpu_sampling trii_gpu_sample(const struct trii_operand *from, const struct trii_operand *to);
/* Above 2^23 the shaders' quick way from f32 to u32 ends. */
bool trii_gpu_is_huge(const struct trii_operand *operand);

#endif
