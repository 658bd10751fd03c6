#include "engine/webgpu/recipe.h"

extern const char trii_wgsl_hide[];

enum { IN_PLACE = 1, SMOOTH = 2, ELLIPSE = 4 };
#define SECTIONS {"in_place", "smooth", "ellipse"}
static const struct trii_gpu_source find = {"hide_boxes", trii_wgsl_hide, "find", "uxR", SECTIONS};
static const struct trii_gpu_source average = {"hide_boxes", trii_wgsl_hide, "average", "uwRW", SECTIONS};
static const struct trii_gpu_source hide[2] = {{"hide_boxes", trii_wgsl_hide, "hide", "uwRRr", SECTIONS},
                                               {"hide_boxes", trii_wgsl_hide, "hide", "uwRR", SECTIONS}};

struct values { /* as in hide.wgsl, from byte 24 on */
    uint32_t size[2];
    uint32_t boxes, cells;
    float grow;
};

#define AREA_BYTES 32 /* struct Area of hide.wgsl */

tri_status trii_gpu_hide_boxes(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    const struct trii_operand *image = &stage->operands[0];
    const struct values values = {.size = {(uint32_t)trii_gpu_width(image), (uint32_t)trii_gpu_height(image)},
                                  .boxes = (uint32_t)stage->operands[1].layout.shape[0],
                                  .cells = (uint32_t)trii_args_number(stage->op, &stage->args, "cells"),
                                  .grow = (float)trii_args_number(stage->op, &stage->args, "grow")};
    const bool in_place = trii_gpu_in_place(stage);
    const uint32_t style = (trii_args_is(stage->op, &stage->args, "style", "blur") ? SMOOTH : 0) |
                           (trii_args_is(stage->op, &stage->args, "shape", "ellipse") ? ELLIPSE : 0);
    const size_t areas = trii_gpu_add_scratch(work, (uint64_t)values.boxes * AREA_BYTES, NULL);
    const size_t means =
        trii_gpu_add_scratch(work, (uint64_t)values.boxes * values.cells * values.cells * 16, NULL);
    (void)err;
    struct trii_gpu_pass *pass = trii_gpu_add_pass(work, &find, image);
    pass->width = values.boxes;
    pass->height = 1;
    pass->bound[0] = areas;
    pass->bound[1] = 1;
    trii_gpu_set_values(pass, &values, sizeof values);
    pass = trii_gpu_add_pass(work, &average, image);
    pass->width = (uint64_t)values.cells * values.cells;
    pass->height = values.boxes;
    pass->words = 4;
    pass->bound[0] = means;
    pass->bound[1] = areas;
    pass->bound[2] = 0;
    trii_gpu_set_values(pass, &values, sizeof values);
    pass = trii_gpu_add_pass(work, &hide[in_place], image);
    pass->variant = style | (in_place ? IN_PLACE : 0);
    pass->pixels = 8;
    pass->bound[0] = 2;
    pass->bound[1] = areas;
    pass->bound[2] = means;
    pass->bound[3] = 0;
    trii_gpu_set_values(pass, &values, sizeof values);
    return TRI_OK;
}
