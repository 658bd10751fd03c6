/*
 * Lanes: a pipeline and the stages around it. Each slot has a lane of its own over the same engines, so that stages of
 * different frames overlap; a pipeline with a stage that remembers frames is one lane for all of them, in order.
 *
 * Around the pipeline stand stages that convert colours: one for each place where the decoder may have put a frame, made
 * when it first does, and those in front of the encoder.
 */
#include "media/stream.h"

#include "base/status.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- lanes ---- */

static tri_status open_pipeline(struct trii_stream *stream, struct trii_lane *lane, struct tri_error *err) {
    const struct tri_video_params *params = &stream->params;
    tri_status status = params->open ? params->open(params->user, stream->runtime, &lane->pipeline, err)
                                     : tri_pipeline_load(stream->runtime, params->pipeline, &lane->pipeline, err);
    if (status == TRI_OK)
        status = tri_pipeline_set_input(lane->pipeline, tri_pipeline_input(lane->pipeline), &stream->source->layout, err);
    if (status == TRI_OK)
        status = tri_pipeline_plan(lane->pipeline, err);
    if (status == TRI_OK && params->planned)
        status = params->planned(params->user, lane->pipeline, err);
    return status;
}

tri_status trii_lane_open(struct trii_stream *stream, struct trii_lane *lane, struct tri_error *err) {
    char text[96];
    tri_status status = open_pipeline(stream, lane, err);
    if (status == TRI_OK)
        status = tri_pipeline_region(lane->pipeline, tri_pipeline_input(lane->pipeline), &lane->input, NULL, err);
    if (status == TRI_OK)
        status = tri_pipeline_region(lane->pipeline, tri_pipeline_output(lane->pipeline), &lane->output, &lane->layout,
                                     err);
    if (status != TRI_OK || (lane->layout.kind == TRI_KIND_IMAGE && lane->layout.dtype == TRI_DTYPE_U8 &&
                             lane->layout.rank == 3 && lane->layout.shape[2] == 4))
        return status;
    return trii_fail(err, TRI_BAD_PIPELINE, "the pipeline's output is %s; a stream needs an image u8 [height,width,4]",
                     tri_layout_format(&lane->layout, text, sizeof text));
}

void trii_lane_close(struct trii_lane *lane) {
    for (size_t i = 0; i < TRII_POOL_MAX; i++)
        tri_plan_destroy(&lane->in[i]);
    tri_pipeline_destroy(&lane->pipeline);
}

bool trii_lane_remembers(const struct trii_lane *lane) {
    struct tri_stage_report stage;
    for (size_t i = 0; tri_pipeline_report(lane->pipeline, i, &stage); i++) {
        const struct tri_operation_info *operation = tri_operation_find(stage.operation);
        if (operation && operation->remembers)
            return true;
    }
    return false;
}

/* ---- the stages around it ---- */

static struct tri_param matrix(const struct trii_stream *stream) {
    return (struct tri_param){.name = "matrix", .text = stream->report.bt709 ? "bt709" : "bt601"};
}

static struct tri_param range(const struct trii_stream *stream) {
    return (struct tri_param){.name = "range", .text = stream->info.full_range ? "full" : "limited"};
}

/* From where the decoder put the frame into the lane's input: only what is seen of it, turned
 * as players would. */
static tri_status make_in(struct trii_stream *stream, struct trii_lane *lane, uint32_t buffer, struct tri_error *err) {
    static const char *const turns[] = {"0", "90", "180", "270"};
    const struct tri_param params[] = {matrix(stream),
                                       range(stream),
                                       {.name = "width", .number = stream->info.width},
                                       {.name = "height", .number = stream->info.height},
                                       {.name = "turn", .text = turns[stream->info.rotation / 90 % 4]}};
    const struct tri_stage stage = {.struct_bytes = sizeof stage,
                                    .technology = TRI_TECHNOLOGY_HOST,
                                    .operation = "from_i420",
                                    .name = "from decoder",
                                    .input = trii_pool_region(stream->pool, buffer),
                                    .output = lane->input,
                                    .params = params,
                                    .param_count = COUNT(params)};
    return tri_plan_create(stream->runtime, &stage, 1, &lane->in[buffer], err);
}

/* From the lane's output to what the sink wants: flattened unless alpha is kept, and in its colours. */
static tri_status make_out(struct trii_stream *stream, struct trii_slot *slot, struct tri_error *err) {
    char colour[8];
    const uint8_t *rgb = stream->params.background;
    const struct tri_param background = {.name = "colour", .text = colour};
    const struct tri_param params[] = {matrix(stream), range(stream)};
    struct tri_stage stages[2];
    size_t count = 0;
    snprintf(colour, sizeof colour, "#%02x%02x%02x", rgb[0], rgb[1], rgb[2]);
    if (stream->sink->wants_opaque)
        stages[count++] = (struct tri_stage){.struct_bytes = sizeof *stages,
                                             .technology = TRI_TECHNOLOGY_HOST,
                                             .operation = "flatten",
                                             .name = "flatten",
                                             .input = slot->lane->output,
                                             .output = slot->lane->output,
                                             .params = &background,
                                             .param_count = 1};
    if (slot->encoded != slot->lane->output)
        stages[count++] = (struct tri_stage){.struct_bytes = sizeof *stages,
                                             .technology = TRI_TECHNOLOGY_HOST,
                                             .operation = "to_i420",
                                             .name = "to encoder",
                                             .input = slot->lane->output,
                                             .output = slot->encoded,
                                             .params = params,
                                             .param_count = COUNT(params)};
    return count ? tri_plan_create(stream->runtime, stages, count, &slot->out, err) : TRI_OK;
}

tri_status trii_slot_open(struct trii_stream *stream, struct trii_slot *slot, uint32_t index, struct tri_error *err) {
    const struct tri_layout *wanted = &stream->sink->layout;
    char label[32];
    uint64_t bytes = 0;
    tri_status status = tri_region_set_layout(stream->arena, slot->lane->output, &slot->lane->layout, err);
    if (status == TRI_OK && wanted->kind == TRI_KIND_I420) {
        snprintf(label, sizeof label, "encoded %u", index);
        status = tri_layout_bytes_needed(wanted, &bytes, err);
        const struct tri_region_params region = {
            .struct_bytes = sizeof region, .size_bytes = bytes, .label = label, .owner = 1};
        if (status == TRI_OK)
            status = tri_region_allocate(stream->arena, &region, &slot->own, err);
    }
    slot->encoded = slot->own != TRI_HANDLE_NONE ? slot->own : slot->lane->output;
    return status == TRI_OK ? make_out(stream, slot, err) : status;
}

void trii_slot_close(struct trii_stream *stream, struct trii_slot *slot) {
    tri_plan_destroy(&slot->out);
    if (slot->own != TRI_HANDLE_NONE)
        (void)!tri_arena_free_shared(stream->arena, slot->own, NULL);
}

/* ---- a frame ---- */

/* The decoder's memory is given back as soon as the frame's colours have been converted. */
static tri_status bring_in(struct trii_stream *stream, struct trii_slot *slot, const struct tri_run_params *run,
                           struct tri_error *err) {
    struct trii_lane *lane = slot->lane;
    if (!stream->pool)
        return TRI_OK;
    tri_status status = lane->in[slot->buffer] ? TRI_OK : make_in(stream, lane, slot->buffer, err);
    if (status == TRI_OK)
        status = tri_plan_run(lane->in[slot->buffer], run, err);
    stream->module->give(stream->reader, &slot->frame);
    return status;
}

/* An input that was given up may have been what a stage failed on: the next frame replaces all of it. */
static void forgive_input(struct trii_stream *stream, const struct trii_lane *lane) {
    struct tri_region_info info;
    if (tri_region_info(stream->arena, lane->input, &info, NULL) == TRI_OK)
        (void)!tri_sync_reset(tri_arena_sync(stream->arena), info.index, NULL);
}

tri_status trii_slot_work(struct trii_stream *stream, struct trii_slot *slot, struct tri_error *err) {
    const struct tri_run_params run = {.struct_bytes = sizeof run,
                                       .require_zero_copy = stream->params.require_zero_copy};
    tri_status status = bring_in(stream, slot, &run, err);
    if (status == TRI_OK)
        status = tri_pipeline_run(slot->lane->pipeline, &run, err);
    if (status == TRI_OK && slot->out)
        status = tri_plan_run(slot->out, &run, err);
    if (status != TRI_OK)
        forgive_input(stream, slot->lane);
    return status;
}
