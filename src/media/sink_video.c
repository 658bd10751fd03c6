/* Frames into a video file, which appears whole or not at all. */
#include "media/stream.h"

#include "base/alloc.h"
#include "base/output.h"
#include "base/status.h"

#include <stdio.h>
#include <string.h>

struct video {
    struct trii_sink head;
    struct trii_output *output;
    struct trii_video_file file;
    struct trii_video_writer *writer;
};

static int64_t write_at(void *user, uint64_t at, const void *bytes, size_t size) {
    struct video *video = user;
    int failed = trii_output_write_at(video->output, at, bytes, size);
    return failed ? -failed : (int64_t)size;
}

/* Without a reader a frame's time is its number: the writer's unit is then a frame. */
static tri_status drain(struct trii_sink *sink, struct trii_slot *slot, uint64_t frame, struct tri_error *err) {
    struct video *video = (struct video *)sink;
    struct trii_stream *stream = sink->stream;
    struct tri_host_view view;
    (void)frame;
    tri_status status = tri_host_view_begin(stream->arena, slot->encoded, TRI_ACCESS_READ, NULL, &view, err);
    if (status != TRI_OK)
        return status;
    status = stream->module->write(video->writer, view.read, slot->frame.pts, slot->frame.duration, err);
    tri_status ended = tri_host_view_end(stream->arena, &view, status == TRI_OK ? err : NULL);
    return status == TRI_OK ? ended : status;
}

static tri_status finish(struct trii_sink *sink, uint64_t *bytes, struct tri_error *err) {
    struct video *video = (struct video *)sink;
    tri_status status = sink->stream->module->finish(video->writer, err);
    if (status != TRI_OK)
        return status;
    *bytes = trii_output_bytes(video->output);
    return trii_output_commit(&video->output, err);
}

static void close(struct trii_sink *sink) {
    struct video *video = (struct video *)sink;
    if (video->writer)
        sink->stream->module->destroy(&video->writer);
    if (video->output)
        trii_output_abandon(&video->output);
    trii_free(video);
}

static tri_status create_writer(struct video *video, const struct tri_layout *layout, struct tri_error *err) {
    struct trii_stream *stream = video->head.stream;
    const struct tri_video_params *params = &stream->params;
    enum tri_kind kind;
    const struct trii_video_encode encode = {
        .format = params->format,
        .codec = params->codec,
        .alpha = params->alpha,
        .width = (uint32_t)layout->shape[1],
        .height = (uint32_t)layout->shape[0],
        .frames_per_second = stream->source->frames_per_second,
        .bt709 = stream->report.bt709,
        .full_range = stream->reader && stream->info.full_range,
        .options = params->codec_options,
        .option_count = params->codec_option_count,
        .passes_other_streams = true,
    };
    tri_status status =
        stream->module->create(&video->file, stream->reader, &encode, &video->writer, &kind, err);
    if (status != TRI_OK)
        return status;
    video->head.layout = *layout;
    video->head.wants_opaque = !params->alpha;
    if (kind == TRI_KIND_I420) {
        video->head.layout = tri_layout_image(layout->shape[0] * 3 / 2, layout->shape[1], 1, TRI_DTYPE_U8);
        video->head.layout.kind = TRI_KIND_I420;
    }
    return TRI_OK;
}

tri_status trii_sink_video(struct trii_stream *stream, const struct tri_layout *layout, struct trii_sink **out,
                           struct tri_error *err) {
    const struct tri_video_params *params = &stream->params;
    struct video *video = trii_calloc(1, sizeof *video);
    if (!video)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to write %s", params->output);
    video->head = (struct trii_sink){.stream = stream, .drain = drain, .finish = finish, .close = close};
    tri_status status = trii_video_module(&stream->module, err);
    if (status == TRI_OK)
        status = trii_output_create(params->output, params->no_overwrite ? TRII_OUTPUT_KEEP : 0, &video->output, err);
    if (status == TRI_OK) {
        video->file = (struct trii_video_file){.user = video,
                                               .name = params->output,
                                               .write = write_at,
                                               .size = trii_output_seeks(video->output) ? 0 : -1};
        status = create_writer(video, layout, err);
    }
    if (status != TRI_OK) {
        close(&video->head);
        return status;
    }
    *out = &video->head;
    return TRI_OK;
}
