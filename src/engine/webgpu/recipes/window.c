/* crop and pad. */
#include "engine/ops/geometry.h"
#include "engine/webgpu/recipe.h"

#include <string.h>

extern const char trii_wgsl_window[];

static const struct trii_gpu_source words = {"crop and pad", trii_wgsl_window, "words", "uwW", {NULL}};
static const struct trii_gpu_source bytes = {"crop and pad", trii_wgsl_window, "bytes", "uwW", {NULL}};

/* As in ops/wgsl/window.wgsl. */
struct values {
    uint32_t source[2];
    int32_t corner[2];
    uint32_t size[2];
    uint32_t unit, edge, padding[2];
    uint32_t fill[4];
};

static tri_status window(const struct trii_stage *stage, struct trii_gpu_work *work) {
    const struct trii_operand *in = &stage->operands[0], *out = &stage->operands[1];
    const struct trii_window w = trii_window_of(stage);
    const bool whole = w.pixel_bytes % 4 == 0;
    struct values v = {.source = {(uint32_t)trii_gpu_width(in), (uint32_t)trii_gpu_height(in)},
                       .corner = {w.left, w.top},
                       .size = {(uint32_t)trii_gpu_width(out), (uint32_t)trii_gpu_height(out)},
                       .unit = whole ? w.pixel_bytes / 4 : w.pixel_bytes,
                       .edge = w.edge};
    struct trii_gpu_pass *pass = trii_gpu_add_pass(work, whole ? &words : &bytes, out);
    memcpy(v.fill, w.fill, sizeof v.fill); /* not payload: a colour */
    pass->width *= v.unit;
    if (!whole) { /* one row of words */
        pass->width = (pass->width * pass->height + 3) / 4;
        pass->height = pass->width ? 1 : 0;
    }
    pass->bound[0] = 1;
    pass->bound[1] = 0;
    trii_gpu_set_values(pass, &v, sizeof v);
    return TRI_OK;
}

tri_status trii_gpu_crop(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    (void)err;
    return window(stage, work);
}

tri_status trii_gpu_pad(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    (void)err;
    return window(stage, work);
}
