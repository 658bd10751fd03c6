/* cover and face_tiles: windows of an image at another scale. */
#include "engine/webgpu/recipe.h"

#include "base/alloc.h"
#include "base/status.h"

#include "effects.h"

extern const char trii_wgsl_piece[];

#define HUGE 1u
static const struct trii_gpu_source cover = {"cover", trii_wgsl_piece, "cover", "uwW", {"huge"}};
static const struct trii_gpu_source tiles = {"face_tiles", trii_wgsl_piece, "tiles", "uwWR", {"huge"}};

struct window {
    float x, y, scale, share;
};

struct values { /* as in piece.wgsl, from byte 24 on */
    uint32_t source[2];
    struct window window;
};

static struct window window_of(float x, float y, float scale) {
    return (struct window){x, y, scale, 1.0f / (scale * scale)};
}

static struct trii_size size_of(const struct trii_operand *operand) {
    return (struct trii_size){(uint32_t)trii_gpu_width(operand), (uint32_t)trii_gpu_height(operand)};
}

tri_status trii_gpu_cover(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    const struct trii_operand *image = &stage->operands[0];
    const struct trii_size in = size_of(image);
    const struct trii_tile tile = trii_cover_window(in, size_of(&stage->operands[2]));
    const struct values values = {.source = {in.width, in.height}, .window = window_of(tile.x, tile.y, tile.side)};
    struct trii_gpu_pass *pass = trii_gpu_add_pass(work, &cover, &stage->operands[2]);
    (void)err;
    pass->variant = trii_gpu_is_huge(image) ? HUGE : 0;
    pass->bound[0] = 2;
    pass->bound[1] = 0;
    trii_gpu_set_values(pass, &values, sizeof values);
    return TRI_OK;
}

tri_status trii_gpu_face_tiles(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    const struct trii_operand *image = &stage->operands[0];
    const struct trii_size in = size_of(image);
    const uint32_t count = (uint32_t)trii_gpu_height(&stage->operands[1]) / TRII_TILE_SIDE;
    const struct values values = {.source = {in.width, in.height}};
    struct window *windows = trii_calloc(count, sizeof *windows);
    if (!windows)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for the %u tiles of face_tiles", count);
    for (uint32_t i = 0; i < count; i++) {
        const struct trii_tile tile = trii_faces_tile(in, i);
        windows[i] = window_of(tile.x, tile.y, tile.side / (float)TRII_TILE_SIDE);
    }
    struct trii_gpu_pass *pass = trii_gpu_add_pass(work, &tiles, &stage->operands[1]);
    pass->variant = trii_gpu_is_huge(image) ? HUGE : 0;
    pass->bound[0] = 1;
    pass->bound[1] = 0;
    pass->bound[2] = trii_gpu_add_scratch(work, count * sizeof *windows, windows);
    trii_gpu_set_values(pass, &values, sizeof values);
    return TRI_OK;
}
