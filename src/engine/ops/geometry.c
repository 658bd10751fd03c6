#include "engine/ops/geometry.h"

#include "engine/ops/need.h"
#include "half.h"

#include <string.h>

static uint32_t side_of(uint64_t in, double scale, uint64_t out) {
    const double side = (double)in * scale + 0.5;
    return side < 1 ? 1 : side >= (double)out ? (uint32_t)out : (uint32_t)side;
}

struct trii_box trii_box_of(const struct trii_stage *stage) {
    const uint64_t *in = stage->operands[0].layout.shape, *out = stage->operands[1].layout.shape;
    struct trii_box box = {.width = (uint32_t)out[1], .height = (uint32_t)out[0]};
    if (stage->op->id != TRII_OP_LETTERBOX || in[0] == 0 || in[1] == 0)
        return box;
    const double across = (double)out[1] / (double)in[1], down = (double)out[0] / (double)in[0];
    const double scale = across < down ? across : down;
    (void)!trii_need_colour(stage->op, &stage->args, "colour", box.colour, NULL); /* infer has checked it */
    box.width = side_of(in[1], scale, out[1]);
    box.height = side_of(in[0], scale, out[0]);
    box.left = ((uint32_t)out[1] - box.width) / 2;
    box.top = ((uint32_t)out[0] - box.height) / 2;
    return box;
}

static int32_t number(const struct trii_stage *stage, const char *name) {
    return (int32_t)trii_args_number(stage->op, &stage->args, name);
}

static void store(uint8_t *to, enum tri_dtype dtype, uint8_t value) {
    const float scaled = (float)value / 255.0f;
    const uint16_t half = trii_half_of(scaled);
    if (dtype == TRI_DTYPE_U8)
        *to = value;
    else if (dtype == TRI_DTYPE_F16)
        memcpy(to, &half, sizeof half); /* not payload: a colour */
    else
        memcpy(to, &scaled, sizeof scaled); /* not payload: a colour */
}

struct trii_window trii_window_of(const struct trii_stage *stage) {
    const struct tri_layout *in = &stage->operands[0].layout;
    const size_t bytes = tri_dtype_bytes(in->dtype);
    struct trii_window window = {.pixel_bytes = (uint32_t)(in->shape[2] * bytes)};
    uint8_t colour[4] = {0};
    if (stage->op->id == TRII_OP_CROP) {
        window.left = number(stage, "x");
        window.top = number(stage, "y");
        return window;
    }
    window.left = -number(stage, "left");
    window.top = -number(stage, "top");
    window.edge = trii_args_is(stage->op, &stage->args, "mode", "edge");
    (void)!trii_need_colour(stage->op, &stage->args, "colour", colour, NULL); /* infer has checked it */
    for (size_t c = 0; c < in->shape[2]; c++)
        store(window.fill + c * bytes, in->dtype, colour[c]);
    return window;
}
