/*
 * A stream: a source of frames, slots with a pipeline each, a sink (media/stream.h), run by tri_frames_run().
 */
#include "media/stream.h"

#include "base/alloc.h"
#include "base/params.h"
#include "base/status.h"
#include "base/sys.h"
#include "base/text.h"
#include "media/sequence.h"

#include <stdio.h>
#include <string.h>

/* ---- frames ---- */

static tri_status fill(void *user, uint32_t slot, uint64_t frame, bool *end, struct tri_error *err) {
    struct trii_stream *stream = user;
    if (stream->params.frame_limit && frame >= stream->params.frame_limit) {
        *end = true;
        return TRI_OK;
    }
    return stream->source->fill(stream->source, &stream->slots[slot], frame, end, err);
}

static tri_status work(void *user, uint32_t slot, uint64_t frame, struct tri_error *err) {
    struct trii_stream *stream = user;
    (void)frame;
    return trii_slot_work(stream, &stream->slots[slot], err);
}

static void tell(struct trii_stream *stream) {
    const struct tri_video_progress progress = {
        .frames = stream->report.written,
        .expected = stream->source->expected,
        .seconds = (double)(trii_sys_now_ns() - stream->began_ns) * 1e-9,
        .bytes_between = tri_ledger_bytes(stream->arena, TRI_LEDGER_BETWEEN) - stream->between_before,
    };
    if (stream->params.progress)
        stream->params.progress(stream->params.user, &progress);
}

static tri_status drain(void *user, uint32_t slot, uint64_t frame, const struct tri_error *failed, struct tri_error *err) {
    struct trii_stream *stream = user;
    (void)frame;
    tri_status status = TRI_OK;
    if (!failed)
        status = stream->sink->drain(stream->sink, &stream->slots[slot], stream->report.written, err);
    if (!failed && status == TRI_OK)
        stream->report.written++;
    tell(stream);
    return status;
}

/* ---- the run ---- */

static tri_status count_slots(struct trii_stream *stream, struct tri_error *err) {
    const struct tri_frames_params frames = {.struct_bytes = sizeof frames, .slots = stream->params.slots};
    const uint32_t count = tri_frames_slots(&frames);
    if (count > TRI_FRAMES_SLOTS_MAX)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "%u slots are asked for; there may be 1 to %u", count,
                         TRI_FRAMES_SLOTS_MAX);
    stream->slots = trii_calloc(count, sizeof *stream->slots);
    stream->lanes = trii_calloc(count, sizeof *stream->lanes);
    if (!stream->slots || !stream->lanes)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for %u frames in flight", count);
    stream->slot_count = count;
    return TRI_OK;
}

/* The first lane tells what the sink gets, and whether the others may be. Slots that share a lane need memory of their
 * own to be drained from, and none to be filled into. */
static tri_status open_first_lane(struct trii_stream *stream, struct tri_error *err) {
    tri_status status = trii_lane_open(stream, &stream->lanes[0], err);
    stream->lane_count = 1;
    if (status == TRI_OK)
        status = (trii_sequence_is(stream->params.output) ? trii_sink_images
                                                          : trii_sink_video)(stream, &stream->lanes[0].layout,
                                                                             &stream->sink, err);
    if (status != TRI_OK)
        return status;
    stream->in_order = trii_lane_remembers(&stream->lanes[0]);
    if (stream->in_order && (!stream->pool || stream->sink->layout.kind != TRI_KIND_I420))
        stream->slot_count = 1;
    return TRI_OK;
}

static tri_status open_slots(struct trii_stream *stream, struct tri_error *err) {
    tri_status status = count_slots(stream, err);
    if (status == TRI_OK)
        status = open_first_lane(stream, err);
    for (uint32_t i = 0; status == TRI_OK && i < stream->slot_count; i++) {
        struct trii_slot *slot = &stream->slots[i];
        slot->buffer = TRII_POOL_MAX;
        slot->lane = &stream->lanes[stream->in_order ? 0 : i];
        if (!stream->in_order && i > 0) {
            stream->lane_count++;
            status = trii_lane_open(stream, slot->lane, err);
        }
        if (status == TRI_OK)
            status = trii_slot_open(stream, slot, i, err);
        if (status == TRI_OK)
            status = tri_pipeline_prepare(slot->lane->pipeline, err);
    }
    stream->report.output_width = (uint32_t)stream->lanes[0].layout.shape[1];
    stream->report.output_height = (uint32_t)stream->lanes[0].layout.shape[0];
    return status;
}

static void note_input(struct trii_stream *stream) {
    struct tri_video_report *report = &stream->report;
    report->width = (uint32_t)stream->source->layout.shape[1];
    report->height = (uint32_t)stream->source->layout.shape[0];
    report->input_frames_per_second = stream->source->frames_per_second;
    report->rotation = stream->info.rotation;
    report->bt709 = stream->reader ? stream->info.bt709 : report->height >= 720;
    snprintf(report->input_codec, sizeof report->input_codec, "%s", stream->source->codec);
}

static tri_status run(struct trii_stream *stream, struct tri_error *err) {
    static const struct tri_frames_calls calls = {
        .struct_bytes = sizeof calls, .fill = fill, .work = work, .drain = drain};
    const struct tri_frames_params params = {.struct_bytes = sizeof params,
                                             .slots = stream->slot_count,
                                             .skip_failed = stream->params.skip_failed,
                                             .in_order = stream->in_order,
                                             .cancel = stream->params.cancel};
    struct tri_error error = {0};
    stream->began_ns = trii_sys_now_ns();
    tri_status status = tri_frames_run(&params, &calls, stream, &stream->report.frames, &error);
    if (status == TRI_CANCELLED && stream->report.written > 0) {
        stream->report.cancelled = true; /* what is there becomes a whole file */
        status = TRI_OK;
    }
    if (status == TRI_OK && stream->report.written == 0)
        return trii_fail(err, TRI_BAD_IMAGE, "%s has no frames%s", stream->params.input,
                         stream->report.frames.failed ? " whose stages did not fail" : "");
    if (status == TRI_OK)
        status = stream->sink->finish(stream->sink, &stream->report.bytes_written, &error);
    if (status != TRI_OK)
        trii_error_copy(err, &error);
    return status;
}

static void close_all(struct trii_stream *stream) {
    if (stream->sink)
        stream->sink->close(stream->sink);
    for (uint32_t i = 0; i < stream->slot_count; i++)
        trii_slot_close(stream, &stream->slots[i]);
    for (uint32_t i = 0; i < stream->lane_count; i++)
        trii_lane_close(&stream->lanes[i]);
    trii_free(stream->slots);
    trii_free(stream->lanes);
    if (stream->source)
        stream->source->close(stream->source);
}

bool tri_video_is_stream(const char *path) {
    static const char *const endings[] = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".y4m", ".ts", ".mts", ".mpg",
                                          ".mpeg", ".ogv", ".flv", ".ivf", ".3gp", ".mxf", ".wmv", ".gif", ".apng"};
    const char *dot = path ? strrchr(path, '.') : NULL;
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(dot, endings[i]) == 0)
            return true;
    return path && trii_sequence_is(path);
}

tri_status tri_video_run(struct tri_runtime *runtime, const struct tri_video_params *given,
                         struct tri_video_report *report, struct tri_error *err) {
    struct trii_stream stream = {.runtime = runtime, .params = {.struct_bytes = sizeof stream.params}};
    tri_status status = trii_params_read(&stream.params, sizeof stream.params, given, "tri_video_params", err);
    if (status != TRI_OK)
        return status;
    if (!runtime || (!stream.params.pipeline && !stream.params.open) || !stream.params.input || !stream.params.output)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_video_run needs a runtime, a pipeline, an input and an output");
    if (stream.params.live && trii_sequence_is(stream.params.input))
        return trii_fail(err, TRI_INVALID_ARGUMENT, "%s is a sequence of images: only what comes through a pipe can be live",
                         stream.params.input);
    stream.arena = tri_runtime_arena(runtime);
    stream.between_before = tri_ledger_bytes(stream.arena, TRI_LEDGER_BETWEEN);
    stream.border_before = tri_ledger_bytes(stream.arena, TRI_LEDGER_BORDER);
    status = (trii_sequence_is(stream.params.input) ? trii_source_images : trii_source_video)(&stream, &stream.source, err);
    if (status == TRI_OK) {
        note_input(&stream);
        status = open_slots(&stream, err);
    }
    stream.report.slots = stream.slot_count;
    if (status == TRI_OK)
        status = run(&stream, err);
    if (stream.reader) {
        stream.report.lost = stream.module->lost(stream.reader);
        stream.module->complaint(stream.report.complaint, sizeof stream.report.complaint);
        trii_text_clean(stream.report.complaint); /* it quotes what stands in files */
    }
    stream.report.bytes_between = tri_ledger_bytes(stream.arena, TRI_LEDGER_BETWEEN) - stream.between_before;
    stream.report.bytes_border = tri_ledger_bytes(stream.arena, TRI_LEDGER_BORDER) - stream.border_before;
    if (report)
        *report = stream.report;
    close_all(&stream);
    return status;
}
