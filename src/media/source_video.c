/* Frames of a video file. Planes of 4:2:0 lie in the pool, where the decoder wrote them; RGBA, which the module had to
 * convert, lies in the input of its slot. */
#include "media/stream.h"

#include "base/alloc.h"
#include "base/atomic.h"
#include "base/status.h"
#include "base/sys.h"
#include "media/input.h"

#include <errno.h>
#include <poll.h>

#define LOOK_NS (UINT64_C(50) * 1000000u) /* how often who waits for a pipe looks whether it is still wanted */

struct video {
    struct trii_source head;
    struct trii_video_file file;
    struct trii_input input;
    bool is_pipe;
    struct trii_live *live;    /* NULL: frames are read when they are asked for */
    _Atomic uint32_t stopping; /* whoever waits for a pipe's bytes is to wait no longer */
    struct tri_host_view into; /* RGBA: the input of the slot that is being filled */
    uint64_t into_bytes;       /* with what fills its last page */
};

/* Until a pipe has bytes, or has none to come. False: nobody wants them any more. */
static bool wait_for_bytes(struct video *video) {
    const struct tri_cancel *cancel = video->head.stream->params.cancel;
    struct pollfd pipe = {.fd = video->input.fd, .events = POLLIN};
    for (int failed = ETIMEDOUT; failed == ETIMEDOUT || failed == EINTR;) {
        if (trii_load_acquire(&video->stopping) || (cancel && tri_cancel_is_set(cancel)))
            return false;
        failed = trii_sys_poll(&pipe, 1, LOOK_NS);
    }
    return true;
}

static int64_t read_at(void *user, uint64_t at, void *bytes, size_t size) {
    struct video *video = user;
    size_t got = 0;
    if (video->is_pipe && !wait_for_bytes(video))
        return 0;
    int failed = video->is_pipe ? trii_sys_read(video->input.fd, bytes, size, &got)
                                : trii_sys_read_at(video->input.fd, at, bytes, size, &got);
    return failed ? -failed : (int64_t)got;
}

static tri_status open_file(struct video *video, const char *path, struct tri_error *err) {
    uint64_t bytes = 0;
    tri_status status = trii_input_open(path, &video->input, err);
    if (status != TRI_OK)
        return status;
    video->is_pipe = trii_sys_file_size(video->input.fd, &bytes) != 0;
    video->file = (struct trii_video_file){
        .user = video, .name = video->input.name, .read = read_at, .size = video->is_pipe ? -1 : (int64_t)bytes};
    return TRI_OK;
}

/* ---- frames ---- */

static uint8_t *take(void *user, uint64_t bytes) {
    struct video *video = user;
    if (video->head.stream->pool)
        return trii_pool_take(video->head.stream->pool, bytes);
    return video->into_bytes >= bytes ? video->into.write : NULL;
}

static void give(void *user, uint8_t *at) {
    struct video *video = user;
    if (video->head.stream->pool)
        trii_pool_give(video->head.stream->pool, at);
}

static tri_status take_note(struct trii_stream *stream, const struct trii_video_frame *frame, struct tri_error *err) {
    stream->report.damaged += frame->damaged;
    stream->report.rescaled += frame->rescaled;
    if (frame->damaged && stream->params.refuse_damaged)
        return trii_fail(err, TRI_BAD_IMAGE, "frame %llu of %s is damaged",
                         (unsigned long long)stream->report.written, stream->params.input);
    return TRI_OK;
}

static tri_status fill_pool(struct video *video, struct trii_slot *slot, bool *end, struct tri_error *err) {
    struct trii_stream *stream = video->head.stream;
    tri_status status = video->live ? trii_live_next(video->live, &slot->frame, end, err)
                                    : stream->module->read(stream->reader, &slot->frame, end, err);
    if (status != TRI_OK || *end)
        return status;
    slot->buffer = trii_pool_show(stream->pool, slot->frame.at);
    return take_note(stream, &slot->frame, err);
}

static tri_status fill_input(struct video *video, struct trii_slot *slot, bool *end, struct tri_error *err) {
    struct trii_stream *stream = video->head.stream;
    struct tri_region_info region = {0};
    tri_status status = tri_region_info(stream->arena, slot->lane->input, &region, err);
    if (status == TRI_OK)
        status = tri_host_view_begin(stream->arena, slot->lane->input, TRI_ACCESS_WRITE, NULL, &video->into, err);
    if (status != TRI_OK)
        return status;
    video->into_bytes = region.mapped_bytes;
    status = stream->module->read(stream->reader, &slot->frame, end, err);
    if (status == TRI_OK && !*end) {
        stream->module->give(stream->reader, &slot->frame);
        status = take_note(stream, &slot->frame, err);
    }
    tri_status ended = tri_host_view_end(stream->arena, &video->into, status == TRI_OK ? err : NULL);
    return status == TRI_OK ? ended : status;
}

/* A pipe's reader that was told to wait no longer takes it for the end. */
static tri_status check_cancelled(const struct trii_stream *stream, struct tri_error *err) {
    return stream->params.cancel && tri_cancel_is_set(stream->params.cancel)
               ? trii_fail(err, TRI_CANCELLED, "the stream was cancelled")
               : TRI_OK;
}

static tri_status fill(struct trii_source *source, struct trii_slot *slot, uint64_t frame, bool *end,
                       struct tri_error *err) {
    struct video *video = (struct video *)source;
    (void)frame;
    slot->buffer = TRII_POOL_MAX;
    tri_status status = source->stream->pool ? fill_pool(video, slot, end, err) : fill_input(video, slot, end, err);
    return status == TRI_OK && *end ? check_cancelled(source->stream, err) : status;
}

static void close_source(struct trii_source *source) {
    struct video *video = (struct video *)source;
    struct trii_stream *stream = source->stream;
    trii_store_release(&video->stopping, 1);
    trii_live_stop(&video->live);
    if (stream->reader)
        stream->module->close(&stream->reader);
    trii_pool_destroy(&stream->pool);
    trii_input_close(&video->input);
    trii_free(video);
}

/* ---- opening ---- */

static tri_status make_pool(struct trii_stream *stream, struct tri_error *err) {
    const struct trii_video_info *info = &stream->info;
    if (info->kind != TRI_KIND_I420)
        return TRI_OK;
    struct tri_layout layout = tri_layout_image((uint64_t)info->stored_height * 3 / 2, info->stored_width, 1, TRI_DTYPE_U8);
    layout.kind = TRI_KIND_I420;
    return trii_pool_create(stream->arena, &layout, TRII_VIDEO_STORED_BYTES(info), &stream->pool, err);
}

static tri_status make_live(struct video *video, struct tri_error *err) {
    struct trii_stream *stream = video->head.stream;
    if (!stream->pool)
        return trii_fail(err, TRI_UNSUPPORTED, "%s has pictures of RGB or with alpha; a live source needs planes of Y, Cb and Cr",
                         video->input.name);
    if (!video->is_pipe)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "%s is a file: only what comes through a pipe can be live", video->input.name);
    return trii_live_start(stream, &video->live, err);
}

tri_status trii_source_video(struct trii_stream *stream, struct trii_source **out, struct tri_error *err) {
    struct video *video = trii_calloc(1, sizeof *video);
    if (!video)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to read %s", stream->params.input);
    const struct trii_video_memory memory = {.user = video, .take = take, .give = give};
    video->head = (struct trii_source){.stream = stream, .fill = fill, .close = close_source};
    tri_status status = trii_video_module(&stream->module, err);
    if (status == TRI_OK)
        status = open_file(video, stream->params.input, err);
    if (status == TRI_OK)
        status = stream->module->open(&video->file, &memory, 0, &stream->reader, &stream->info, err);
    if (status != TRI_OK && check_cancelled(stream, NULL) != TRI_OK) /* a pipe that said nothing is no bad video */
        status = check_cancelled(stream, err);
    if (status == TRI_OK)
        status = make_pool(stream, err);
    if (status == TRI_OK && stream->params.live)
        status = make_live(video, err);
    if (status != TRI_OK) {
        close_source(&video->head);
        return status;
    }
    const bool lies = stream->info.rotation % 180 != 0;
    const struct trii_video_info *info = &stream->info;
    video->head.layout =
        tri_layout_image(lies ? info->width : info->height, lies ? info->height : info->width, 4, TRI_DTYPE_U8);
    video->head.codec = stream->info.codec;
    video->head.frames_per_second = stream->info.frames_per_second;
    video->head.expected = stream->info.frames;
    *out = &video->head;
    return TRI_OK;
}
