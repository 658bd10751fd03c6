#include "engine/ops/blur.h"

#include "engine/ops/need.h"

static const struct tri_operand_info operands[] = {
    {"image", TRI_ACCESS_READ, TRI_KIND_IMAGE, "u8 [height,width,4]; what is transparent does not show"},
    {"blurred", TRI_ACCESS_WRITE, TRI_KIND_IMAGE, "as large"},
};
static const struct tri_param_info params[] = {
    {"sigma", "number", 8, 0, 1024, NULL, NULL, "standard deviation of the Gaussian; 0 changes nothing"},
    {"unit", "choice", 0, 0, 0, "pixels", "pixels|percent", "percent: of the image's longer side, so that large and small "
                                                            "photos look alike"},
};

double trii_blur_sigma(const struct trii_stage *stage) {
    const uint64_t *shape = stage->operands[0].layout.shape;
    const double sigma = trii_args_number(stage->op, &stage->args, "sigma");
    if (!trii_args_is(stage->op, &stage->args, "unit", "percent"))
        return sigma;
    const double pixels = sigma / 100 * (double)(shape[0] > shape[1] ? shape[0] : shape[1]);
    return pixels < TRII_BLUR_SIGMA_MAX ? pixels : TRII_BLUR_SIGMA_MAX;
}

static tri_status infer(const struct trii_op *op, const struct trii_args *args, const struct tri_layout *in,
                        struct tri_layout *out, struct tri_error *err) {
    tri_status status = trii_need_rgba(op, &in[0], err);
    (void)args;
    if (status == TRI_OK)
        status = trii_need_pixels(op, 0, in, err);
    if (status == TRI_OK)
        out[0] = tri_layout_image(in[0].shape[0], in[0].shape[1], 4, TRI_DTYPE_U8);
    return status;
}

const struct trii_op trii_blur_op = {
    .id = TRII_OP_BLUR,
    .info = {.name = "blur",
             .summary = "blurs an image, at a cost that does not grow with the blur",
             .definition = "A Gaussian of deviation sigma (at most 1024 pixels) over premultiplied colours, edges going on outside; the sum "
                           "divided by its alpha; + 0.5, cut. Cells of k x k pixels are averaged (k = 2^n with 2 <= sigma "
                           "/ k < 4, or 1), convolved with the Gaussian's samples (cut at 3 deviations, of variance "
                           "sigma^2 / k^2 - 1/4, or sigma^2 where k = 1) along x, then y, and sampled bilinearly along y, "
                           "then x. Within 3 steps of a true Gaussian from sigma 1 up, 3 sigma away from the edges.",
             .technologies = TRII_ON(HOST) | TRII_ON(WEBGPU),
             .in_place = true,
             .operand_count = TRII_COUNT(operands),
             .operands = operands,
             .param_count = TRII_COUNT(params),
             .params = params},
    .infer = infer,
};
