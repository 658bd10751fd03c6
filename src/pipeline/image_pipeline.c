/* ZeroCopyImagePipeline: pixels in, pixels out, over a pipeline of one image input and one image output. */
#include <tripoint/pipeline.h>

#include "arena/arena.h"
#include "base/alloc.h"
#include "base/ledger.h"
#include "base/status.h"

struct tri_image_pipeline {
    struct tri_runtime *runtime;
    bool owns_runtime;
    struct tri_pipeline *pipeline;
    uint32_t width, height; /* what is planned for; 0 before the first frame */
    tri_handle input, output;
    uint64_t bytes;
};

static tri_status fill(struct tri_image_pipeline *image, struct tri_runtime *runtime, const char *pipeline,
                       struct tri_error *err) {
    tri_status status = TRI_OK;
    image->runtime = runtime;
    if (!runtime) {
        status = tri_runtime_create(NULL, &image->runtime, err);
        image->owns_runtime = status == TRI_OK;
    }
    return status == TRI_OK ? tri_pipeline_load(image->runtime, pipeline ? pipeline : "cutout", &image->pipeline, err)
                            : status;
}

tri_status tri_image_pipeline_create(struct tri_runtime *runtime, const char *pipeline,
                                     struct tri_image_pipeline **out, struct tri_error *err) {
    if (!out)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_image_pipeline_create: out is NULL");
    struct tri_image_pipeline *image = trii_calloc(1, sizeof *image);
    if (!image)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for an image pipeline");
    tri_status status = fill(image, runtime, pipeline, err);
    if (status != TRI_OK) {
        tri_image_pipeline_destroy(&image);
        return status;
    }
    *out = image;
    return TRI_OK;
}

void tri_image_pipeline_destroy(struct tri_image_pipeline **image) {
    if (!image || !*image)
        return;
    tri_pipeline_destroy(&(*image)->pipeline);
    if ((*image)->owns_runtime)
        tri_runtime_destroy(&(*image)->runtime);
    trii_free(*image);
    *image = NULL;
}

struct tri_arena *tri_image_pipeline_arena(struct tri_image_pipeline *image) {
    return image ? tri_runtime_arena(image->runtime) : NULL;
}

/* Plans and prepares for a size. Nothing is kept of one that did not work out. */
static tri_status plan_for(struct tri_image_pipeline *image, uint32_t width, uint32_t height, struct tri_error *err) {
    const struct tri_layout layout = tri_layout_image(height, width, 4, TRI_DTYPE_U8);
    struct tri_pipeline *pipeline = image->pipeline;
    struct tri_layout made;
    image->width = image->height = 0;
    tri_status status = tri_layout_bytes_needed(&layout, &image->bytes, err);
    if (status == TRI_OK)
        status = tri_pipeline_set_input(pipeline, tri_pipeline_input(pipeline), &layout, err);
    if (status == TRI_OK)
        status = tri_pipeline_plan(pipeline, err);
    if (status == TRI_OK)
        status = tri_pipeline_region(pipeline, tri_pipeline_input(pipeline), &image->input, NULL, err);
    if (status == TRI_OK)
        status = tri_pipeline_region(pipeline, tri_pipeline_output(pipeline), &image->output, &made, err);
    if (status == TRI_OK && !tri_layout_equal(&made, &layout)) {
        char is[96], was[96];
        status = trii_fail(err, TRI_BAD_PIPELINE, "%s makes %s of %s; an image pipeline's result has its input's size",
                           tri_pipeline_name(pipeline), tri_layout_format(&made, is, sizeof is),
                           tri_layout_format(&layout, was, sizeof was));
    }
    if (status == TRI_OK)
        status = tri_pipeline_prepare(pipeline, err);
    if (status == TRI_OK) {
        image->width = width;
        image->height = height;
    }
    return status;
}

static tri_status pixels_in(struct tri_image_pipeline *image, const uint8_t *pixels, struct tri_error *err) {
    struct tri_arena *arena = tri_runtime_arena(image->runtime);
    const struct trii_copy copy = {.place = TRI_LEDGER_BORDER,
                                   .region = tri_pipeline_input(image->pipeline),
                                   .cause = "pixels in"};
    struct tri_host_view view;
    tri_status status = tri_host_view_begin(arena, image->input, TRI_ACCESS_WRITE, NULL, &view, err);
    if (status != TRI_OK)
        return trii_error_place(err, status, NULL, NULL, copy.region);
    trii_ledger_copy(trii_arena_ledger(arena), &copy, view.write, pixels, image->bytes);
    return tri_host_view_end(arena, &view, err);
}

static tri_status pixels_out(struct tri_image_pipeline *image, uint8_t *result, struct tri_error *err) {
    struct tri_arena *arena = tri_runtime_arena(image->runtime);
    const struct trii_copy copy = {.place = TRI_LEDGER_BORDER,
                                   .region = tri_pipeline_output(image->pipeline),
                                   .cause = "pixels out"};
    struct tri_host_view view;
    tri_status status = tri_host_view_begin(arena, image->output, TRI_ACCESS_READ, NULL, &view, err);
    if (status != TRI_OK)
        return trii_error_place(err, status, NULL, NULL, copy.region);
    trii_ledger_copy(trii_arena_ledger(arena), &copy, result, view.read, image->bytes);
    return tri_host_view_end(arena, &view, err);
}

/* An input that was given up may have been what a stage failed on: the next pixels replace all of it. */
static void forgive_input(const struct tri_image_pipeline *image) {
    struct tri_arena *arena = tri_runtime_arena(image->runtime);
    struct tri_region_info info;
    if (tri_region_info(arena, image->input, &info, NULL) == TRI_OK)
        (void)!tri_sync_reset(tri_arena_sync(arena), info.index, NULL);
}

tri_status tri_image_pipeline_process(struct tri_image_pipeline *image, const uint8_t *pixels, uint32_t width,
                                      uint32_t height, uint8_t *result, struct tri_error *err) {
    tri_status status = TRI_OK;
    if (!image || !pixels || !result)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_image_pipeline_process wants an image pipeline, pixels and a "
                                                    "place for the result");
    if (width == 0 || height == 0)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "an image of %u × %u pixels has none; both sides must be at least 1",
                         width, height);
    if (width != image->width || height != image->height)
        status = plan_for(image, width, height, err);
    if (status == TRI_OK)
        status = pixels_in(image, pixels, err);
    if (status == TRI_OK) {
        status = tri_pipeline_run(image->pipeline, NULL, err);
        if (status != TRI_OK)
            forgive_input(image);
    }
    return status == TRI_OK ? pixels_out(image, result, err) : status;
}
