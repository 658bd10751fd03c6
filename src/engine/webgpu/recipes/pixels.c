/* Operations that do one pixel at a time: premultiply, unpremultiply, threshold, extract_mask, colour_matrix. */
#include "engine/ops/colour.h"
#include "engine/webgpu/recipe.h"

extern const char trii_wgsl_premultiply[], trii_wgsl_threshold[], trii_wgsl_extract_mask[], trii_wgsl_colour_matrix[];

#define IN_PLACE 1u

/* Out of place, and in place. */
struct pair {
    struct trii_gpu_source apart, in_place;
};
#define PAIR(name, wgsl, entry) {{name, wgsl, entry, "uwr", {"in_place"}}, {name, wgsl, entry, "uw", {"in_place"}}}

static const struct pair premultiply = PAIR("premultiply", trii_wgsl_premultiply, "premultiply");
static const struct pair premultiply_f32 = PAIR("premultiply", trii_wgsl_premultiply, "premultiply_f32");
static const struct pair unpremultiply = PAIR("unpremultiply", trii_wgsl_premultiply, "unpremultiply");
static const struct pair unpremultiply_f32 = PAIR("unpremultiply", trii_wgsl_premultiply, "unpremultiply_f32");
static const struct pair threshold = PAIR("threshold", trii_wgsl_threshold, "threshold");
static const struct pair colour_matrix = PAIR("colour_matrix", trii_wgsl_colour_matrix, "colour_matrix");
static const struct trii_gpu_source extract = {"extract_mask", trii_wgsl_extract_mask, "extract", "uwr", {NULL}};

static struct trii_gpu_pass *add(const struct trii_stage *stage, struct trii_gpu_work *work, const struct pair *pair) {
    const bool in_place = trii_gpu_in_place(stage);
    struct trii_gpu_pass *pass = trii_gpu_add_pass(work, in_place ? &pair->in_place : &pair->apart, &stage->operands[1]);
    pass->variant = in_place ? IN_PLACE : 0;
    pass->bound[0] = 1;
    pass->bound[1] = 0;
    if (stage->operands[0].layout.shape[2] == 4 && stage->operands[0].layout.dtype == TRI_DTYPE_F32)
        pass->words = 4;
    return pass;
}

static bool is_float(const struct trii_stage *stage) {
    return stage->operands[0].layout.dtype == TRI_DTYPE_F32;
}

tri_status trii_gpu_premultiply(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    (void)err;
    add(stage, work, is_float(stage) ? &premultiply_f32 : &premultiply);
    return TRI_OK;
}

tri_status trii_gpu_unpremultiply(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    (void)err;
    add(stage, work, is_float(stage) ? &unpremultiply_f32 : &unpremultiply);
    return TRI_OK;
}

tri_status trii_gpu_threshold(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    const struct trii_ramp ramp = trii_ramp_of(stage);
    (void)err;
    trii_gpu_set_values(add(stage, work, &threshold), &ramp, sizeof ramp);
    return TRI_OK;
}

tri_status trii_gpu_extract_mask(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    struct {
        uint32_t padding[2];
        float weights[4];
    } values = {0};
    struct trii_gpu_pass *pass = trii_gpu_add_pass(work, &extract, &stage->operands[1]);
    (void)err;
    pass->bound[0] = 1;
    pass->bound[1] = 0;
    trii_channel_weights(stage, values.weights);
    trii_gpu_set_values(pass, &values, sizeof values);
    return TRI_OK;
}

tri_status trii_gpu_colour_matrix(const struct trii_stage *stage, struct trii_gpu_work *work, struct tri_error *err) {
    struct {
        uint32_t padding[2];
        float columns[5][4];
    } values = {0};
    float matrix[20];
    (void)err;
    trii_colour_matrix(stage, matrix);
    for (size_t row = 0; row < 4; row++)
        for (size_t column = 0; column < 5; column++)
            values.columns[column][row] = matrix[5 * row + column];
    trii_gpu_set_values(add(stage, work, &colour_matrix), &values, sizeof values);
    return TRI_OK;
}
