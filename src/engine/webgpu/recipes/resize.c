/* resize and letterbox. */
#include "engine/ops/geometry.h"
#include "engine/webgpu/recipe.h"

#include "base/alloc.h"
#include "base/status.h"

#include "kernels.h"

extern const char trii_wgsl_resize[];

enum { HUGE = 1, BOXED = 2 };

static const struct trii_gpu_source nearest = {"resize", trii_wgsl_resize, "nearest", "uwW", {"huge", "boxed"}};
static const struct trii_gpu_source bilinear = {"resize", trii_wgsl_resize, "bilinear", "uwW", {"huge", "boxed"}};
static const struct trii_gpu_source area = {"resize", trii_wgsl_resize, "area", "uwW", {"huge", "boxed"}};
static const struct trii_gpu_source across = {"resize", trii_wgsl_resize, "across", "uwWR", {"huge", "boxed"}};
static const struct trii_gpu_source down = {"resize", trii_wgsl_resize, "down", "uwWR", {"huge", "boxed"}};

/* As in ops/wgsl/resize.wgsl. */
struct values {
    uint32_t source[2];
    float scale[2];
    float share;
    uint32_t taps;
    uint32_t corner[2], box[2];
    uint32_t colour;
};

static struct values values_of(const struct trii_stage *stage, const struct trii_box *box) {
    struct values v = {.source = {(uint32_t)trii_gpu_width(&stage->operands[0]),
                                  (uint32_t)trii_gpu_height(&stage->operands[0])},
                       .corner = {box->left, box->top},
                       .box = {box->width, box->height}};
    v.scale[0] = (float)v.source[0] / (float)box->width;
    v.scale[1] = (float)v.source[1] / (float)box->height;
    v.share = 1.0f / (v.scale[0] * v.scale[1]);
    for (uint32_t c = 0; c < 4; c++)
        v.colour |= (uint32_t)box->colour[c] << (8 * c);
    return v;
}

/* A table of weights in a scratch buffer; SIZE_MAX: no memory. */
static size_t add_table(struct trii_gpu_work *work, uint32_t in, uint32_t out) {
    const uint64_t words = (uint64_t)out * (2 + trii_lanczos_taps(in, out));
    uint32_t *table = trii_calloc((size_t)words, sizeof *table);
    if (!table)
        return SIZE_MAX;
    trii_lanczos_fill(in, out, table, (float *)(void *)(table + 2 * (size_t)out));
    return trii_gpu_add_scratch(work, words * 4, table);
}

static tri_status lanczos(const struct trii_stage *stage, const struct trii_box *box, struct values v, uint32_t variant,
                          struct trii_gpu_work *work, struct tri_error *err) {
    const uint32_t rows = v.source[1];
    const size_t columns = add_table(work, v.source[0], box->width), lines = add_table(work, rows, box->height);
    if (columns == SIZE_MAX || lines == SIZE_MAX)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for the weights of %s", stage->op->info.name);
    const size_t sums = trii_gpu_add_scratch(work, (uint64_t)box->width * rows * 16, NULL);
    struct trii_gpu_pass *pass = trii_gpu_add_pass(work, &across, &stage->operands[1]);
    pass->width = box->width;
    pass->height = rows;
    pass->words = 4;
    pass->bound[0] = sums;
    pass->bound[2] = columns;
    v.taps = trii_lanczos_taps(v.source[0], box->width);
    trii_gpu_set_values(pass, &v, sizeof v);
    pass = trii_gpu_add_pass(work, &down, &stage->operands[1]);
    pass->variant = variant;
    pass->bound[0] = 1;
    pass->bound[1] = sums;
    pass->bound[2] = lines;
    v.taps = trii_lanczos_taps(rows, box->height);
    trii_gpu_set_values(pass, &v, sizeof v);
    return TRI_OK;
}

tri_status trii_gpu_resize(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    const struct trii_box box = trii_box_of(stage);
    const struct values v = values_of(stage, &box);
    const bool boxed = box.width != trii_gpu_width(&stage->operands[1]) ||
                       box.height != trii_gpu_height(&stage->operands[1]);
    const uint32_t variant = (trii_gpu_is_huge(&stage->operands[0]) ? HUGE : 0u) | (boxed ? BOXED : 0u);
    if (trii_args_is(stage->op, &stage->args, "filter", "lanczos"))
        return lanczos(stage, &box, v, variant & BOXED, work, err);
    const struct trii_gpu_source *source = trii_args_is(stage->op, &stage->args, "filter", "area")      ? &area
                                           : trii_args_is(stage->op, &stage->args, "filter", "nearest") ? &nearest
                                                                                                        : &bilinear;
    struct trii_gpu_pass *pass = trii_gpu_add_pass(work, source, &stage->operands[1]);
    pass->variant = variant;
    pass->bound[0] = 1;
    pass->bound[1] = 0;
    trii_gpu_set_values(pass, &v, sizeof v);
    return TRI_OK;
}

tri_status trii_gpu_letterbox(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    return trii_gpu_resize(stage, work, err);
}
