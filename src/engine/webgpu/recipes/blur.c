#include "engine/webgpu/recipe.h"

#include "effects.h"
#include "engine/ops/blur.h"

extern const char trii_wgsl_blur[];

#define HUGE 1u
#define KERNEL(name, entry) static const struct trii_gpu_source name = {"blur", trii_wgsl_blur, entry, "uwW", {"huge"}}
KERNEL(average, "average");
KERNEL(across, "across");
KERNEL(across_fine, "across_fine");
KERNEL(down, "down");
KERNEL(down_fine, "down_fine");
KERNEL(sample, "sample");

struct values { /* as in blur.wgsl, from byte 24 on */
    uint32_t size[2], cells[2];
    uint32_t cell, radius;
    float share;
    uint32_t padding[3];
    float weights[16];
};
_Static_assert(sizeof(struct values) == 104, "as WGSL lays it out");

static struct values values_of(const struct trii_blur *blur, struct trii_size size) {
    struct values values = {.size = {size.width, size.height},
                            .cells = {blur->small.width, blur->small.height},
                            .cell = blur->cell,
                            .radius = blur->radius,
                            .share = 1.0f / (float)blur->cell};
    for (uint32_t i = 0; i <= blur->radius; i++)
        values.weights[i] = blur->weight[i];
    return values;
}

/* A pass from one buffer to another: over cells, four words each, or over pixels. */
static void add(struct trii_gpu_work *work, const struct trii_gpu_source *source, const struct trii_operand *image,
                const struct values *values, size_t to, size_t from, bool cells) {
    struct trii_gpu_pass *pass = trii_gpu_add_pass(work, source, image);
    if (cells) {
        pass->width = values->cells[0];
        pass->height = values->cells[1];
        pass->words = 4;
    }
    pass->variant = trii_gpu_is_huge(image) ? HUGE : 0;
    pass->bound[0] = to;
    pass->bound[1] = from;
    trii_gpu_set_values(pass, values, sizeof *values);
}

tri_status trii_gpu_blur(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    const struct trii_operand *image = &stage->operands[0];
    const struct trii_size size = {(uint32_t)trii_gpu_width(image), (uint32_t)trii_gpu_height(image)};
    const struct trii_blur blur = trii_blur_plan(trii_blur_sigma(stage), size);
    const struct values values = values_of(&blur, size);
    const uint64_t bytes = (uint64_t)blur.small.width * blur.small.height * 16;
    const size_t first = trii_gpu_add_scratch(work, bytes, NULL);
    (void)err;
    if (blur.cell == 1) {
        add(work, &across_fine, image, &values, first, 0, true);
        add(work, &down_fine, image, &values, 1, first, false);
        return TRI_OK;
    }
    const size_t second = trii_gpu_add_scratch(work, bytes, NULL);
    add(work, &average, image, &values, first, 0, true);
    add(work, &across, image, &values, second, first, true);
    add(work, &down, image, &values, first, second, true);
    add(work, &sample, image, &values, 1, first, false);
    return TRI_OK;
}
