#include "engine/op.h"

#include "base/status.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define BIT(technology) (1u << (technology))
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- what operands may be ---- */

static tri_status need_rgba(const char *op, const struct tri_layout *layout, struct tri_error *err) {
    char text[96];
    if (layout->kind == TRI_KIND_IMAGE && layout->dtype == TRI_DTYPE_U8 && layout->rank == 3 &&
        layout->shape[2] == 4 && tri_layout_is_tight(layout))
        return TRI_OK;
    tri_layout_format(layout, text, sizeof text);
    if (layout->kind == TRI_KIND_BYTES)
        return trii_fail(err, TRI_BAD_PIPELINE,
                         "%s needs an image u8 [height,width,4], and the region is %s: state its shape first "
                         "(tri_region_set_layout)",
                         op, text);
    return trii_fail(err, TRI_BAD_PIPELINE, "%s needs an image u8 [height,width,4] with tight rows, not %s", op, text);
}

static tri_status need_mask(const char *op, const struct tri_layout *layout, struct tri_error *err) {
    char text[96];
    if (layout->kind == TRI_KIND_MASK && layout->dtype == TRI_DTYPE_F32 && layout->rank == 3 && layout->shape[2] == 1 &&
        tri_layout_is_tight(layout))
        return TRI_OK;
    return trii_fail(err, TRI_BAD_PIPELINE, "%s needs a mask f32 [height,width,1] with tight rows, not %s", op,
                     tri_layout_format(layout, text, sizeof text));
}

/* ---- resize ---- */

static const struct tri_operand_info resize_operands[] = {
    {"image", TRI_ACCESS_READ, TRI_KIND_IMAGE, "what to scale: u8 [height,width,4]"},
    {"resized", TRI_ACCESS_WRITE, TRI_KIND_IMAGE, "u8 [height,width,4] of the asked size"},
};
static const struct tri_param_info resize_params[] = {
    {"width", "integer", 512, 1, 32768, NULL, NULL, "pixels across"},
    {"height", "integer", 512, 1, 32768, NULL, NULL, "pixels down"},
    {"filter", "choice", 0, 0, 0, "bilinear", "bilinear|area",
     "bilinear: four neighbours, fast; area: the mean of all covered pixels, no aliasing when shrinking"},
};

static const struct trii_op resize;

static tri_status infer_resize(const struct trii_args *args, const struct tri_layout *in, struct tri_layout *out,
                               struct tri_error *err) {
    tri_status status = need_rgba("resize", &in[0], err);
    if (status == TRI_OK)
        out[0] = tri_layout_image((uint64_t)trii_args_number(&resize, args, "height"),
                                  (uint64_t)trii_args_number(&resize, args, "width"), 4, TRI_DTYPE_U8);
    return status;
}

static const struct trii_op resize = {
    .id = TRII_OP_RESIZE,
    .info = {.name = "resize",
             .summary = "scales an image to a fixed size",
             .definition = "Pixel centres, edges clamped. bilinear: p = (x + 0.5) * (in / out) - 0.5; neighbours lerped "
                           "along x, then y; + 0.5, cut. area: the mean of the covered rectangle, + 0.5, cut.",
             .technologies = BIT(TRI_TECHNOLOGY_HOST) | BIT(TRI_TECHNOLOGY_WEBGPU),
             .operand_count = COUNT(resize_operands),
             .operands = resize_operands,
             .param_count = COUNT(resize_params),
             .params = resize_params},
    .infer = infer_resize,
};

/* ---- segment ---- */

static const struct trii_model models[] = {
    {"selfie", "models/selfie_segmentation.onnx",
     "725686af4bd3e05229d4909a3b5b292e648ba09101253e1544aa8ea540da232a", 256, 256},
    {"selfie-landscape", "models/selfie_segmentation_landscape.onnx",
     "ab95eed7c8024a44d382b68fba1f13c01ae192e890436a55c55377faa3a74afa", 144, 256},
};

const struct trii_model *trii_model_find(const char *name) {
    for (size_t i = 0; i < COUNT(models); i++)
        if (strcmp(models[i].name, name) == 0)
            return &models[i];
    return NULL;
}

static const struct tri_operand_info segment_operands[] = {
    {"image", TRI_ACCESS_READ, TRI_KIND_IMAGE, "what to look at: u8 [height,width,4], any size"},
    {"mask", TRI_ACCESS_WRITE, TRI_KIND_MASK, "how much each place belongs to the person, f32 of the model's own size"},
};
static const struct tri_param_info segment_params[] = {
    {"model", "choice", 0, 0, 0, "selfie", "selfie|selfie-landscape",
     "selfie: 256x256, for portraits; selfie-landscape: 256x144, for wide pictures"},
};

static const struct trii_op segment;

static tri_status infer_segment(const struct trii_args *args, const struct tri_layout *in, struct tri_layout *out,
                                struct tri_error *err) {
    tri_status status = need_rgba("segment", &in[0], err);
    const struct trii_model *model = trii_model_find(trii_args_text(&segment, args, "model"));
    if (status == TRI_OK && !model)
        return trii_fail(err, TRI_INTERNAL, "segment: the model's name is not in its table");
    if (status == TRI_OK)
        out[0] = tri_layout_mask(model->height, model->width);
    return status;
}

static const struct trii_op segment = {
    .id = TRII_OP_SEGMENT,
    .info = {.name = "segment",
             .summary = "finds the person in an image",
             .definition = "RGB / 255, resized linearly to the model's input inside the graph, through the model in f32; "
                           "alpha is ignored. The mask has the model's own size.",
             .technologies = BIT(TRI_TECHNOLOGY_WEBNN),
             .in_place = true,
             .operand_count = COUNT(segment_operands),
             .operands = segment_operands,
             .param_count = COUNT(segment_params),
             .params = segment_params},
    .infer = infer_segment,
};

/* ---- apply_mask ---- */

static const struct tri_operand_info apply_mask_operands[] = {
    {"image", TRI_ACCESS_READ, TRI_KIND_IMAGE, "whose alpha is changed: u8 [height,width,4]"},
    {"mask", TRI_ACCESS_READ, TRI_KIND_MASK, "f32 [height,width,1] of any size; scaled to the image's"},
    {"masked", TRI_ACCESS_WRITE, TRI_KIND_IMAGE, "the image with alpha multiplied by the mask"},
};

static tri_status infer_apply_mask(const struct trii_args *args, const struct tri_layout *in, struct tri_layout *out,
                                   struct tri_error *err) {
    tri_status status = need_rgba("apply_mask", &in[0], err);
    (void)args;
    if (status == TRI_OK)
        status = need_mask("apply_mask", &in[1], err);
    if (status == TRI_OK)
        out[0] = tri_layout_image(in[0].shape[0], in[0].shape[1], 4, TRI_DTYPE_U8);
    return status;
}

static const struct trii_op apply_mask = {
    .id = TRII_OP_APPLY_MASK,
    .info = {.name = "apply_mask",
             .summary = "makes everything outside a mask transparent",
             .definition = "RGB is kept. The mask is sampled bilinearly at pixel centres (along y, then x), clamped to "
                           "0 ... 1; alpha becomes alpha * m + 0.5, cut.",
             .technologies = BIT(TRI_TECHNOLOGY_HOST) | BIT(TRI_TECHNOLOGY_WEBGPU),
             .in_place = true,
             .operand_count = COUNT(apply_mask_operands),
             .operands = apply_mask_operands,
             .param_count = 0,
             .params = NULL},
    .infer = infer_apply_mask,
};

/* ---- vignette ---- */

static const struct tri_operand_info vignette_operands[] = {
    {"image", TRI_ACCESS_READ, TRI_KIND_IMAGE, "u8 [height,width,4]"},
    {"darkened", TRI_ACCESS_WRITE, TRI_KIND_IMAGE, "the same image, darker towards the corners"},
};
static const struct tri_param_info vignette_params[] = {
    {"strength", "number", 0.6, 0, 1, NULL, NULL, "0 changes nothing, 1 makes the corners black"},
};

static tri_status infer_vignette(const struct trii_args *args, const struct tri_layout *in, struct tri_layout *out,
                                 struct tri_error *err) {
    tri_status status = need_rgba("vignette", &in[0], err);
    (void)args;
    if (status == TRI_OK)
        out[0] = tri_layout_image(in[0].shape[0], in[0].shape[1], 4, TRI_DTYPE_U8);
    return status;
}

static const struct trii_op vignette = {
    .id = TRII_OP_VIGNETTE,
    .info = {.name = "vignette",
             .summary = "darkens an image towards its corners",
             .definition = "RGB * f / 256, cut; f = 256 - k (dx² + dy²), at least 0, cut; dx = 2 x + 1 - width, "
                           "dy = 2 y + 1 - height, k = strength * 256 / (width² + height²).",
             .technologies = BIT(TRI_TECHNOLOGY_HOST) | BIT(TRI_TECHNOLOGY_WASM),
             .in_place = true,
             .operand_count = COUNT(vignette_operands),
             .operands = vignette_operands,
             .param_count = COUNT(vignette_params),
             .params = vignette_params},
    .infer = infer_vignette,
};

/* ---- the table ---- */

static const struct trii_op *const ops[TRII_OP_COUNT] = {
    [TRII_OP_RESIZE] = &resize,
    [TRII_OP_SEGMENT] = &segment,
    [TRII_OP_APPLY_MASK] = &apply_mask,
    [TRII_OP_VIGNETTE] = &vignette,
};

const struct trii_op *trii_op_get(enum trii_op_id id) {
    return (unsigned)id < TRII_OP_COUNT ? ops[id] : NULL;
}

const struct trii_op *trii_op_find(const char *name) {
    for (size_t i = 0; name && i < TRII_OP_COUNT; i++)
        if (strcmp(ops[i]->info.name, name) == 0)
            return ops[i];
    return NULL;
}

const struct tri_operation_info *tri_operation_at(size_t index) {
    return index < TRII_OP_COUNT ? &ops[index]->info : NULL;
}

const struct tri_operation_info *tri_operation_find(const char *name) {
    const struct trii_op *op = trii_op_find(name);
    return op ? &op->info : NULL;
}

static size_t count_access(const struct trii_op *op, enum tri_access access) {
    size_t n = 0;
    for (size_t i = 0; i < op->info.operand_count; i++)
        n += op->info.operands[i].access == access;
    return n;
}

size_t trii_op_inputs(const struct trii_op *op) {
    return count_access(op, TRI_ACCESS_READ);
}

size_t trii_op_outputs(const struct trii_op *op) {
    return count_access(op, TRI_ACCESS_WRITE);
}

/* ---- parameters ---- */

static size_t param_index(const struct trii_op *op, const char *name) {
    for (size_t i = 0; i < op->info.param_count; i++)
        if (strcmp(op->info.params[i].name, name) == 0)
            return i;
    return SIZE_MAX;
}

double trii_args_number(const struct trii_op *op, const struct trii_args *args, const char *name) {
    return args->value[param_index(op, name)].number;
}

const char *trii_args_text(const struct trii_op *op, const struct trii_args *args, const char *name) {
    return args->value[param_index(op, name)].text;
}

static tri_status unknown_param(const struct trii_op *op, const char *name, struct tri_error *err) {
    char known[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < op->info.param_count && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", op->info.params[i].name);
    if (op->info.param_count == 0)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "%s has no parameters, so not '%s' either", op->info.name, name);
    return trii_fail(err, TRI_INVALID_ARGUMENT, "%s has no parameter '%s'; it has: %s", op->info.name, name, known);
}

/* Whether `text` is one of "a|b|c". */
static bool is_choice(const char *choices, const char *text) {
    size_t n = strlen(text);
    for (const char *c = choices; c && n; c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL)
        if (strncmp(c, text, n) == 0 && (c[n] == '|' || c[n] == '\0'))
            return true;
    return false;
}

static tri_status take_number(const struct trii_op *op, const struct tri_param_info *info, double number, double *out,
                              struct tri_error *err) {
    const bool whole = strcmp(info->type, "integer") == 0;
    if (!(number >= info->minimum && number <= info->maximum) || (whole && number != floor(number)))
        return trii_fail(err, TRI_INVALID_ARGUMENT, "%s: %s is %g, it must be %s from %g to %g", op->info.name,
                         info->name, number, whole ? "a whole number" : "a number", info->minimum, info->maximum);
    *out = number;
    return TRI_OK;
}

static tri_status take(const struct trii_op *op, size_t i, const struct tri_param *param, struct trii_args *out,
                       struct tri_error *err) {
    const struct tri_param_info *info = &op->info.params[i];
    const bool numeric = strcmp(info->type, "integer") == 0 || strcmp(info->type, "number") == 0;
    if (numeric && param->text)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "%s: %s is the text '%s', it must be a number from %g to %g",
                         op->info.name, info->name, param->text, info->minimum, info->maximum);
    if (numeric)
        return take_number(op, info, param->number, &out->value[i].number, err);
    if (!param->text)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "%s: %s is a number, it must be a text%s%s", op->info.name,
                         info->name, info->choices ? ": " : "", info->choices ? info->choices : "");
    if (info->choices && !is_choice(info->choices, param->text))
        return trii_fail(err, TRI_INVALID_ARGUMENT, "%s: %s is '%s', it must be one of %s", op->info.name, info->name,
                         param->text, info->choices);
    out->value[i].text = param->text;
    return TRI_OK;
}

tri_status trii_args_resolve(const struct trii_op *op, const struct tri_param *params, size_t count,
                             struct trii_args *out, struct tri_error *err) {
    struct trii_args args = {0};
    bool given[TRII_OP_PARAMS_MAX] = {false};
    for (size_t i = 0; i < op->info.param_count; i++) {
        args.value[i].number = op->info.params[i].default_number;
        args.value[i].text = op->info.params[i].default_text;
    }
    for (size_t i = 0; i < count; i++) {
        if (!params[i].name)
            return trii_fail(err, TRI_INVALID_ARGUMENT, "%s: parameter %zu has no name", op->info.name, i);
        size_t at = param_index(op, params[i].name);
        if (at == SIZE_MAX)
            return unknown_param(op, params[i].name, err);
        if (given[at])
            return trii_fail(err, TRI_INVALID_ARGUMENT, "%s: %s is given twice", op->info.name, params[i].name);
        given[at] = true;
        tri_status status = take(op, at, &params[i], &args, err);
        if (status != TRI_OK)
            return status;
    }
    *out = args;
    return TRI_OK;
}
