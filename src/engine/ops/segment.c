#include "engine/ops/need.h"

#include <string.h>

static const struct trii_model models[] = {
    {"selfie", "models/selfie_segmentation.onnx",
     "725686af4bd3e05229d4909a3b5b292e648ba09101253e1544aa8ea540da232a", 256, 256, 0, 255},
    {"selfie-landscape", "models/selfie_segmentation_landscape.onnx",
     "ab95eed7c8024a44d382b68fba1f13c01ae192e890436a55c55377faa3a74afa", 144, 256, 0, 255},
};

const struct trii_model *trii_model_find(const char *name) {
    for (size_t i = 0; i < TRII_COUNT(models); i++)
        if (strcmp(models[i].name, name) == 0)
            return &models[i];
    return NULL;
}

static const struct tri_operand_info operands[] = {
    {"image", TRI_ACCESS_READ, TRI_KIND_IMAGE, "what to look at: u8 [height,width,4], any size"},
    {"mask", TRI_ACCESS_WRITE, TRI_KIND_MASK, "how much each place belongs to the person, f32 of the model's own size"},
};
static const struct tri_param_info params[] = {
    {"model", "choice", 0, 0, 0, "selfie", "selfie|selfie-landscape",
     "selfie: 256x256, for portraits; selfie-landscape: 256x144, for wide pictures"},
};

static tri_status infer(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                        struct tri_layout *out, struct tri_error *err) {
    tri_status status = trii_need_rgba(op, &in[0], err);
    const struct trii_model *model = trii_model_find(trii_args_text(op, args, "model"));
    if (status == TRI_OK && !model)
        return trii_fail(err, TRI_INTERNAL, "segment: the model's name is not in its table");
    if (status == TRI_OK)
        out[0] = tri_layout_mask(model->height, model->width);
    return status;
}

const struct trii_op trii_segment_op = {
    .id = TRII_OP_SEGMENT,
    .info = {.name = "segment",
             .summary = "finds the person in an image",
             .definition = "RGB / 255, resized linearly to the model's input inside the graph, through the model in f32; "
                           "alpha is ignored. The mask has the model's own size.",
             .technologies = TRII_ON(WEBNN),
             .in_place = true,
             .operand_count = TRII_COUNT(operands),
             .operands = operands,
             .param_count = TRII_COUNT(params),
             .params = params},
    .infer = infer,
};
