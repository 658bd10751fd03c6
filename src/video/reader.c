/*
 * Reading: demuxed, decoded into memory that is lent, converted there when the codec can't.
 *
 * What is stored is decided when the file is opened, from the first frames: planes of 4:2:0 as wide and high as this
 * codec wants its buffers, or RGBA. A frame that comes in another size or format later is scaled to that.
 */
#include "inside.h"

#include <tripoint/media.h>

#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#define PASSED_MAX 65536    /* packets of other streams that wait for a picture: beyond, the file is no video to us */
/* Formats of moving pictures. Playlists and the like would have libav open further files. */
#define FORMATS                                                                                                        \
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,yuv4mpegpipe,ivf,mpegts,mpeg,ogg,flv,h264,hevc,obu,m4v,mxf,nut,asf,gif,apng"

void video_planes(enum tri_kind kind, uint32_t stored_width, uint32_t stored_height, uint8_t *at, uint8_t *planes[4],
                  int strides[4]) {
    const size_t luma = (size_t)stored_width * stored_height;
    memset(planes, 0, 4 * sizeof *planes);
    memset(strides, 0, 4 * sizeof *strides);
    planes[0] = at;
    strides[0] = (int)(kind == TRI_KIND_I420 ? stored_width : 4 * stored_width);
    if (kind != TRI_KIND_I420)
        return;
    planes[1] = at + luma;
    planes[2] = at + luma + luma / 4;
    strides[1] = strides[2] = (int)(stored_width / 2);
}

/* ---- memory for the codec ---- */

static void return_buffer(void *user, uint8_t *at) {
    const struct trii_video_reader *reader = user;
    reader->memory.give(reader->memory.user, at);
}

static bool is_420(int format) {
    return format == AV_PIX_FMT_YUV420P || format == AV_PIX_FMT_YUVJ420P;
}

/* Called by the codec, from any of its threads. What does not fit our memory gets libav's. */
static int get_buffer(AVCodecContext *codec, AVFrame *frame, int flags) {
    struct trii_video_reader *reader = codec->opaque;
    int width = frame->width, height = frame->height, aligns[AV_NUM_DATA_POINTERS];
    avcodec_align_dimensions2(codec, &width, &height, aligns);
    if (reader->info.kind != TRI_KIND_I420 || !is_420(frame->format) || !(codec->codec->capabilities & AV_CODEC_CAP_DR1) ||
        width > (int)reader->info.stored_width || height > (int)reader->info.stored_height)
        return avcodec_default_get_buffer2(codec, frame, flags);
    const uint64_t bytes = TRII_VIDEO_STORED_BYTES(&reader->info);
    uint8_t *at = reader->memory.take(reader->memory.user, bytes), *planes[4];
    if (!at)
        return avcodec_default_get_buffer2(codec, frame, flags);
    frame->buf[0] = av_buffer_create(at, (size_t)bytes, return_buffer, reader, 0);
    if (!frame->buf[0]) {
        reader->memory.give(reader->memory.user, at);
        return AVERROR(ENOMEM);
    }
    int strides[4];
    video_planes(TRI_KIND_I420, reader->info.stored_width, reader->info.stored_height, at, planes, strides);
    for (int i = 0; i < 3; i++) {
        frame->data[i] = planes[i];
        frame->linesize[i] = strides[i];
    }
    frame->extended_data = frame->data;
    return 0;
}

/* ---- packets of the other streams ---- */

static int pass_on(struct trii_video_reader *reader, AVPacket *packet) {
    int code = 0;
    pthread_mutex_lock(&reader->lock);
    if (reader->passes && reader->passed_count == reader->passed_room) {
        size_t room = reader->passed_room ? 2 * reader->passed_room : 64;
        AVPacket **grown = room > PASSED_MAX ? NULL : av_realloc_array(reader->passed, room, sizeof *grown);
        if (grown) {
            reader->passed = grown;
            reader->passed_room = room;
        } else
            code = AVERROR(ENOMEM);
    }
    if (reader->passes && code == 0) {
        AVPacket *own = av_packet_alloc();
        if (own) {
            av_packet_move_ref(own, packet);
            reader->passed[reader->passed_count++] = own;
        } else
            code = AVERROR(ENOMEM);
    }
    pthread_mutex_unlock(&reader->lock);
    av_packet_unref(packet);
    return code;
}

AVPacket *video_take_passed(struct trii_video_reader *reader) {
    AVPacket *packet = NULL;
    pthread_mutex_lock(&reader->lock);
    if (reader->passed_count) {
        packet = reader->passed[0];
        reader->passed_count--;
        memmove(reader->passed, reader->passed + 1, reader->passed_count * sizeof *reader->passed); /* not payload: pointers */
    }
    pthread_mutex_unlock(&reader->lock);
    return packet;
}

/* ---- opening ---- */

static tri_status find_stream(struct trii_video_reader *reader, const AVCodec **codec, struct tri_error *err) {
    const char *name = reader->file.file.name;
    int found = av_find_best_stream(reader->format, AVMEDIA_TYPE_VIDEO, -1, -1, codec, 0);
    if (found == AVERROR_DECODER_NOT_FOUND)
        return video_fail(err, TRI_UNSUPPORTED, "%s: no decoder for its moving pictures is installed", name);
    if (found < 0 || reader->format->streams[found]->disposition & AV_DISPOSITION_ATTACHED_PIC)
        return video_fail(err, TRI_BAD_IMAGE, "%s has no moving pictures%s", name,
                          reader->format->nb_streams ? ": only sound or text" : "");
    reader->stream = reader->format->streams[found];
    return TRI_OK;
}

static tri_status open_format(struct trii_video_reader *reader, struct tri_error *err) {
    const char *name = reader->file.file.name;
    reader->format = avformat_alloc_context();
    if (!reader->format)
        return video_fail(err, TRI_NO_MEMORY, "no memory to open %s", name);
    reader->format->pb = reader->file.io;
    reader->format->flags |= AVFMT_FLAG_CUSTOM_IO;
    reader->format->format_whitelist = av_strdup(FORMATS);
    int code = avformat_open_input(&reader->format, NULL, NULL, NULL); /* frees the context when it fails */
    if (code < 0)
        return video_fail_code(err, video_io_status(&reader->file, TRI_BAD_IMAGE), code, "%s can't be read as a video",
                               name);
    code = avformat_find_stream_info(reader->format, NULL);
    if (code < 0)
        return video_fail_code(err, video_io_status(&reader->file, TRI_BAD_IMAGE), code, "%s can't be read as a video",
                               name);
    return TRI_OK;
}

static tri_status open_codec(struct trii_video_reader *reader, const AVCodec *codec, uint32_t threads,
                             struct tri_error *err) {
    const char *name = reader->file.file.name;
    reader->codec = avcodec_alloc_context3(codec);
    if (!reader->codec)
        return video_fail(err, TRI_NO_MEMORY, "no memory to decode %s", name);
    int code = avcodec_parameters_to_context(reader->codec, reader->stream->codecpar);
    reader->codec->pkt_timebase = reader->stream->time_base;
    reader->codec->thread_count = (int)threads;
    reader->codec->max_pixels = (int64_t)TRI_IMAGE_MAX_PIXELS;
    reader->codec->opaque = reader;
    reader->codec->get_buffer2 = get_buffer;
#if LIBAVCODEC_VERSION_MAJOR < 60 /* else a thread that decodes waits for ours to ask on its behalf */
    AV_NOWARN_DEPRECATED(reader->codec->thread_safe_callbacks = 1;)
#endif
    if (code >= 0)
        code = avcodec_open2(reader->codec, codec, NULL);
    return code < 0 ? video_fail_code(err, TRI_BAD_IMAGE, code, "%s can't be decoded", name) : TRI_OK;
}

/* By quarter turns; what is mirrored or askew is left to players. */
static int32_t rotation_of(const AVStream *stream) {
    size_t size = 0;
    const uint8_t *matrix = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
    if (!matrix || size < 9 * sizeof(int32_t))
        return 0;
    const int32_t *m = (const int32_t *)(const void *)matrix;
    const double degrees = -av_display_rotation_get(m); /* clockwise */
    const int32_t quarters = isnan(degrees) ? 0 : (int32_t)lround(degrees / 90);
    const bool mirrors = (double)m[0] * m[4] - (double)m[1] * m[3] < 0;
    if (mirrors || fabs(degrees - 90.0 * quarters) > 1)
        return 0;
    return ((quarters * 90) % 360 + 360) % 360;
}

static tri_status describe(struct trii_video_reader *reader, struct tri_error *err) {
    struct trii_video_info *info = &reader->info;
    const AVCodecContext *codec = reader->codec;
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(codec->pix_fmt);
    int width = codec->coded_width > codec->width ? codec->coded_width : codec->width;
    int height = codec->coded_height > codec->height ? codec->coded_height : codec->height;
    int aligns[AV_NUM_DATA_POINTERS];
    if (codec->width <= 0 || codec->height <= 0 || !format)
        return video_fail(err, TRI_BAD_IMAGE, "%s: the pictures' size or format can't be found out",
                          reader->file.file.name);
    if ((unsigned)width > TRI_IMAGE_MAX_SIDE || (unsigned)height > TRI_IMAGE_MAX_SIDE ||
        (uint64_t)width * (uint64_t)height > TRI_IMAGE_MAX_PIXELS)
        return video_fail(err, TRI_LIMIT, "%s is %d x %d: a side may have at most %u pixels, a picture %llu",
                          reader->file.file.name, width, height, TRI_IMAGE_MAX_SIDE,
                          (unsigned long long)TRI_IMAGE_MAX_PIXELS);
    info->width = (uint32_t)codec->width;
    info->height = (uint32_t)codec->height;
    info->has_alpha = (format->flags & AV_PIX_FMT_FLAG_ALPHA) != 0;
    info->kind = info->has_alpha || format->flags & AV_PIX_FMT_FLAG_RGB ? TRI_KIND_IMAGE : TRI_KIND_I420;
    info->stored_width = info->width;
    info->stored_height = info->height;
    if (info->kind == TRI_KIND_I420) {
        avcodec_align_dimensions2(reader->codec, &width, &height, aligns);
        info->stored_width = ((uint32_t)width + 127) & ~127u; /* rows of chroma begin at whole vectors too */
        info->stored_height = ((uint32_t)height + 1) & ~1u;
    }
    info->full_range = codec->color_range == AVCOL_RANGE_JPEG || codec->pix_fmt == AV_PIX_FMT_YUVJ420P;
    info->bt709 = codec->colorspace == AVCOL_SPC_BT709 ||
                  (codec->colorspace == AVCOL_SPC_UNSPECIFIED && info->height >= 720); /* what players assume */
    info->rotation = info->kind == TRI_KIND_I420 ? rotation_of(reader->stream) : 0;
    snprintf(info->codec, sizeof info->codec, "%s", avcodec_get_name(codec->codec_id));
    return TRI_OK;
}

static void describe_time(struct trii_video_reader *reader) {
    struct trii_video_info *info = &reader->info;
    AVRational rate = reader->stream->avg_frame_rate.num ? reader->stream->avg_frame_rate : reader->stream->r_frame_rate;
    info->frames_per_second = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0;
    if (reader->stream->duration > 0)
        info->seconds = (double)reader->stream->duration * av_q2d(reader->stream->time_base);
    else if (reader->format->duration > 0)
        info->seconds = (double)reader->format->duration / AV_TIME_BASE;
    info->frames = reader->stream->nb_frames > 0 ? (uint64_t)reader->stream->nb_frames
                                                 : (uint64_t)(info->seconds * info->frames_per_second + 0.5);
    info->other_streams = reader->format->nb_streams - 1;
}

/* Only this family of containers lists every packet in its head: what a truncated file lacks can be counted. */
static uint64_t promised_packets(const struct trii_video_reader *reader) {
    int entries = strncmp(reader->format->iformat->name, "mov", 3) == 0 ? avformat_index_get_entries_count(reader->stream) : 0;
    return entries > 0 ? (uint64_t)entries : 0;
}

static tri_status allocate(struct trii_video_reader *reader, struct tri_error *err) {
    bool whole = true;
    reader->packet = av_packet_alloc();
    reader->frame = av_frame_alloc();
    for (size_t i = 0; i < HELD_MAX; i++) {
        reader->held[i].frame = av_frame_alloc();
        whole = whole && reader->held[i].frame;
    }
    return whole && reader->packet && reader->frame
               ? TRI_OK
               : video_fail(err, TRI_NO_MEMORY, "no memory to decode %s", reader->file.file.name);
}

tri_status video_open(const struct trii_video_file *file, const struct trii_video_memory *memory, uint32_t threads,
                      struct trii_video_reader **out, struct trii_video_info *info, struct tri_error *err) {
    const AVCodec *codec = NULL;
    struct trii_video_reader *reader = av_mallocz(sizeof *reader);
    if (!reader)
        return video_fail(err, TRI_NO_MEMORY, "no memory to open %s", file->name);
    char before[8];
    reader->memory = *memory;
    video_last_words(before, sizeof before); /* of another file */
    pthread_mutex_init(&reader->lock, NULL);
    tri_status status = video_file_open(&reader->file, file, false) == 0
                            ? TRI_OK
                            : video_fail(err, TRI_NO_MEMORY, "no memory to open %s", file->name);
    if (status == TRI_OK)
        status = open_format(reader, err);
    if (status == TRI_OK)
        status = find_stream(reader, &codec, err);
    if (status == TRI_OK)
        status = open_codec(reader, codec, threads, err);
    if (status == TRI_OK)
        status = describe(reader, err);
    if (status == TRI_OK)
        status = allocate(reader, err);
    if (status != TRI_OK) {
        video_close(&reader);
        return status;
    }
    describe_time(reader);
    reader->promised = promised_packets(reader);
    *info = reader->info;
    *out = reader;
    return TRI_OK;
}

void video_close(struct trii_video_reader **out) {
    struct trii_video_reader *reader = *out;
    if (!reader)
        return;
    for (size_t i = 0; i < HELD_MAX; i++)
        av_frame_free(&reader->held[i].frame);
    av_frame_free(&reader->frame);
    av_packet_free(&reader->packet);
    avcodec_free_context(&reader->codec);
    avformat_close_input(&reader->format);
    video_file_close(&reader->file);
    sws_freeContext(reader->convert);
    for (size_t i = 0; i < reader->passed_count; i++)
        av_packet_free(&reader->passed[i]);
    av_freep(&reader->passed);
    pthread_mutex_destroy(&reader->lock);
    av_freep(out);
}

/* ---- frames ---- */

static struct held *hold(struct trii_video_reader *reader, uint8_t *at) {
    for (size_t i = 0; i < HELD_MAX; i++) {
        uint8_t *nobody = NULL;
        if (atomic_compare_exchange_strong(&reader->held[i].at, &nobody, at))
            return &reader->held[i];
    }
    return NULL;
}

void video_give(struct trii_video_reader *reader, const struct trii_video_frame *frame) {
    for (size_t i = 0; i < HELD_MAX; i++) {
        struct held *held = &reader->held[i];
        if (atomic_load(&held->at) != frame->at)
            continue;
        if (held->frame->buf[0])
            av_frame_unref(held->frame);
        else
            reader->memory.give(reader->memory.user, frame->at);
        atomic_store(&held->at, NULL);
        return;
    }
}

static bool is_ours(const struct trii_video_reader *reader, const AVFrame *frame) {
    return reader->info.kind == TRI_KIND_I420 && is_420(frame->format) && frame->buf[0] &&
           av_buffer_get_opaque(frame->buf[0]) == reader && frame->data[0] == frame->buf[0]->data && !frame->buf[1] &&
           frame->width == (int)reader->info.width && frame->height == (int)reader->info.height;
}

static tri_status hand_out(struct trii_video_reader *reader, struct trii_video_frame *out, struct tri_error *err) {
    struct held *held = hold(reader, reader->frame->data[0]);
    if (!held)
        return video_fail(err, TRI_LIMIT, "more than %d frames of %s are in use at once", HELD_MAX,
                          reader->file.file.name);
    out->at = reader->frame->data[0];
    av_frame_move_ref(held->frame, reader->frame);
    return TRI_OK;
}

static tri_status convert(struct trii_video_reader *reader, struct trii_video_frame *out, struct tri_error *err) {
    const struct trii_video_info *info = &reader->info;
    const AVFrame *frame = reader->frame;
    uint8_t *planes[4];
    int strides[4];
    reader->convert = sws_getCachedContext(
        reader->convert, frame->width, frame->height, frame->format, (int)info->width, (int)info->height,
        info->kind == TRI_KIND_I420 ? AV_PIX_FMT_YUV420P : AV_PIX_FMT_RGBA, SWS_BICUBIC, NULL, NULL, NULL);
    if (!reader->convert)
        return video_fail(err, TRI_UNSUPPORTED, "%s: pictures of format %s can't be converted", reader->file.file.name,
                          av_get_pix_fmt_name(frame->format));
    uint8_t *at = reader->memory.take(reader->memory.user, TRII_VIDEO_STORED_BYTES(info));
    struct held *held = at ? hold(reader, at) : NULL;
    if (!held) {
        if (at)
            reader->memory.give(reader->memory.user, at);
        return video_fail(err, TRI_NO_MEMORY, "no memory for another frame of %s", reader->file.file.name);
    }
    video_planes(info->kind, info->stored_width, info->stored_height, at, planes, strides);
    sws_scale(reader->convert, (const uint8_t *const *)frame->data, frame->linesize, 0, frame->height, planes, strides);
    out->at = at;
    return TRI_OK;
}

static tri_status take_frame(struct trii_video_reader *reader, struct trii_video_frame *out, struct tri_error *err) {
    AVFrame *frame = reader->frame;
    AVRational rate = reader->stream->avg_frame_rate;
    *out = (struct trii_video_frame){.pts = frame->best_effort_timestamp, .duration = frame->pkt_duration};
    if (out->pts == AV_NOPTS_VALUE)
        out->pts = reader->next_pts;
    if (out->duration <= 0 && rate.num > 0)
        out->duration = av_rescale_q(1, av_inv_q(rate), reader->stream->time_base);
    reader->next_pts = out->pts + (out->duration > 0 ? out->duration : 1);
    out->damaged = frame->flags & AV_FRAME_FLAG_CORRUPT || frame->decode_error_flags;
    out->rescaled = frame->width != (int)reader->info.width || frame->height != (int)reader->info.height;
    tri_status status = is_ours(reader, frame) ? hand_out(reader, out, err) : convert(reader, out, err);
    av_frame_unref(frame);
    return status;
}

/* One packet into the codec; at the end of the file the codec is drained. */
static int feed(struct trii_video_reader *reader) {
    int code;
    if (reader->draining)
        return AVERROR_EOF; /* it has been told, and wants more all the same */
    while ((code = av_read_frame(reader->format, reader->packet)) >= 0 &&
           reader->packet->stream_index != reader->stream->index) {
        code = pass_on(reader, reader->packet);
        if (code < 0)
            return code;
    }
    if (code >= 0) {
        reader->packets++;
        code = avcodec_send_packet(reader->codec, reader->packet);
        av_packet_unref(reader->packet);
        if (code < 0 && code != AVERROR(ENOMEM)) {
            atomic_fetch_add(&reader->lost, 1);
            code = 0;
        }
        return code;
    }
    if (reader->file.failed)
        return AVERROR(reader->file.failed); /* libav may have called it the end */
    if (reader->promised > reader->packets)
        atomic_fetch_add(&reader->lost, reader->promised - reader->packets);
    else if (code != AVERROR_EOF) /* damage where the container could not go on */
        atomic_fetch_add(&reader->lost, 1);
    reader->draining = true;
    code = avcodec_send_packet(reader->codec, NULL);
    if (code < 0 && code != AVERROR_EOF && code != AVERROR(ENOMEM)) { /* a thread's packet of before was damaged */
        atomic_fetch_add(&reader->lost, 1);
        code = 0;
    }
    return code == AVERROR_EOF ? 0 : code;
}

tri_status video_read(struct trii_video_reader *reader, struct trii_video_frame *out, bool *end, struct tri_error *err) {
    *end = false;
    for (;;) {
        int code = avcodec_receive_frame(reader->codec, reader->frame);
        if (code == 0)
            return take_frame(reader, out, err);
        if (code == AVERROR_EOF) {
            *end = true;
            return TRI_OK;
        }
        if (code != AVERROR(EAGAIN)) { /* a frame that can't be decoded; the next one may */
            if (code == AVERROR(ENOMEM))
                return video_fail(err, TRI_NO_MEMORY, "no memory to decode %s", reader->file.file.name);
            atomic_fetch_add(&reader->lost, 1);
            continue; /* at the end too: libav bounds how often a drained codec may fail */
        }
        code = feed(reader);
        *end = code == AVERROR_EOF;
        if (*end)
            return TRI_OK;
        if (code < 0)
            return video_fail_code(err, video_io_status(&reader->file, TRI_BAD_IMAGE), code, "can't read on in %s",
                                   reader->file.file.name);
    }
}

uint64_t video_lost(const struct trii_video_reader *reader) {
    return atomic_load(&reader->lost);
}
