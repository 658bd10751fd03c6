/*
 * Writing: encoded from the caller's memory, muxed beside the other streams of what was read.
 *
 * Planes of 4:2:0 go to the encoder as they are; RGBA, for formats with alpha or without chroma planes, is converted
 * into frames of the encoder's format.
 */
#include "inside.h"

#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>

#include <stdio.h>
#include <string.h>

static bool ends_in(const char *name, const char *ending) {
    size_t n = strlen(name), e = strlen(ending);
    return n >= e && strcasecmp(name + n - e, ending) == 0;
}

static const AVCodec *find_codec(const struct trii_video_writer *writer, const struct trii_video_encode *encode) {
    const char *name = writer->file.file.name;
    if (encode->codec)
        return avcodec_find_encoder_by_name(encode->codec);
    if (ends_in(name, ".webm"))
        return avcodec_find_encoder_by_name("libvpx-vp9");
    if (ends_in(name, ".mov") && encode->alpha)
        return avcodec_find_encoder_by_name("prores_ks");
    if (ends_in(name, ".mp4") || ends_in(name, ".mov") || ends_in(name, ".mkv") || ends_in(name, ".m4v"))
        return avcodec_find_encoder_by_name("libx264");
    if (strcmp(writer->format->oformat->name, "yuv4mpegpipe") == 0)
        return avcodec_find_encoder(AV_CODEC_ID_WRAPPED_AVFRAME);
    return avcodec_find_encoder(writer->format->oformat->video_codec);
}

static bool has_alpha(enum AVPixelFormat format) {
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(format);
    return d && d->flags & AV_PIX_FMT_FLAG_ALPHA;
}

/* 4:2:0 where the codec has it and alpha is not wanted; else the first format that will do. */
static enum AVPixelFormat find_format(const AVCodec *codec, bool alpha) {
    if (!codec->pix_fmts)
        return alpha ? AV_PIX_FMT_RGBA : AV_PIX_FMT_YUV420P;
    for (const enum AVPixelFormat *f = codec->pix_fmts; *f != AV_PIX_FMT_NONE; f++)
        if (alpha ? has_alpha(*f) : *f == AV_PIX_FMT_YUV420P)
            return *f;
    return alpha ? AV_PIX_FMT_NONE : codec->pix_fmts[0];
}

/* Encoders that are done with the caller's memory when they return. Others keep a reference to predict from: they get
 * frames of their own, converted from RGBA. */
static bool copies_planes(const AVCodec *codec) {
    static const char *const names[] = {"libx264", "libx265", "libvpx", "libvpx-vp9", "libaom-av1", "libsvtav1",
                                        "wrapped_avframe"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(codec->name, names[i]) == 0)
            return true;
    return false;
}

static tri_status set_options(AVDictionary **options, const AVCodec *codec, const struct trii_video_encode *encode,
                              struct tri_error *err) {
    int code = 0;
    if (strcmp(codec->name, "libx264") == 0 || strcmp(codec->name, "libx265") == 0)
        code = av_dict_set(options, "preset", "veryfast", 0);
    if (code >= 0 && strcmp(codec->name, "libx265") == 0) /* it would talk past libav, on stderr */
        code = av_dict_set(options, "x265-params", "log-level=error", 0);
    if (strcmp(codec->name, "libvpx-vp9") == 0) { /* its own default takes seconds a frame */
        code = av_dict_set(options, "deadline", "realtime", 0);
        code = code < 0 ? code : av_dict_set(options, "cpu-used", "6", 0);
        code = code < 0 ? code : av_dict_set(options, "row-mt", "1", 0);
        code = code < 0 ? code : av_dict_set(options, "crf", "31", 0);
    }
    for (size_t i = 0; i < encode->option_count && code >= 0; i++) {
        const char *option = encode->options[i], *equals = strchr(option, '=');
        char key[64];
        if (!equals || equals == option || (size_t)(equals - option) >= sizeof key)
            return video_fail(err, TRI_INVALID_ARGUMENT, "the codec option '%s' must be KEY=VALUE", option);
        snprintf(key, sizeof key, "%.*s", (int)(equals - option), option);
        code = av_dict_set(options, key, equals + 1, 0);
    }
    return code < 0 ? video_fail(err, TRI_NO_MEMORY, "no memory for the codec's options") : TRI_OK;
}

static AVRational rate_of(const struct trii_video_reader *reader, const struct trii_video_encode *encode) {
    if (reader && reader->stream->avg_frame_rate.num > 0 && reader->stream->avg_frame_rate.den > 0)
        return reader->stream->avg_frame_rate;
    return encode->frames_per_second > 0 ? av_d2q(encode->frames_per_second, 60000) : (AVRational){25, 1};
}

/* Chroma planes of half the size: encoders want even sides. */
static bool is_halved(enum AVPixelFormat format) {
    int x = 0, y = 0;
    return av_pix_fmt_get_chroma_sub_sample(format, &x, &y) == 0 && (x || y);
}

static void set_colours(AVCodecContext *codec, const struct trii_video_encode *encode) {
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(codec->pix_fmt);
    if (format && format->flags & AV_PIX_FMT_FLAG_RGB)
        return;
    codec->colorspace = encode->bt709 ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
    codec->color_primaries = encode->bt709 ? AVCOL_PRI_BT709 : AVCOL_PRI_SMPTE170M;
    codec->color_trc = encode->bt709 ? AVCOL_TRC_BT709 : AVCOL_TRC_SMPTE170M;
    codec->color_range = encode->full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
}

static tri_status open_codec(struct trii_video_writer *writer, const AVCodec *codec,
                             const struct trii_video_encode *encode, struct tri_error *err) {
    AVDictionary *options = NULL;
    AVCodecContext *c = writer->codec = avcodec_alloc_context3(codec);
    if (!c)
        return video_fail(err, TRI_NO_MEMORY, "no memory to encode %s", writer->file.file.name);
    c->pix_fmt = find_format(codec, encode->alpha);
    const int even = is_halved(c->pix_fmt) && encode->width > 1 && encode->height > 1 ? ~1 : ~0;
    c->width = (int)encode->width & even;
    c->height = (int)encode->height & even;
    c->framerate = rate_of(writer->reader, encode);
    writer->row_pixels = encode->width;
    const char *container = writer->format->oformat->name;
    const bool constant = strcmp(container, "yuv4mpegpipe") == 0 || strcmp(container, "rawvideo") == 0; /* no times */
    c->time_base = constant || !writer->reader ? av_inv_q(c->framerate) : writer->reader->stream->time_base;
    c->thread_count = (int)encode->threads;
    if (codec->id == AV_CODEC_ID_MJPEG)
        c->strict_std_compliance = FF_COMPLIANCE_UNOFFICIAL; /* limited range: what decoders read, and say */
    if (!copies_planes(codec))
        c->thread_type = FF_THREAD_SLICE; /* libav's own threads of frames would keep the caller's memory */
    if (writer->format->oformat->flags & AVFMT_GLOBALHEADER)
        c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    if (c->pix_fmt == AV_PIX_FMT_NONE)
        return video_fail(err, TRI_UNSUPPORTED, "%s keeps no alpha; choose another --codec (libvpx-vp9, prores_ks), or "
                                                "leave --alpha out", codec->name);
    set_colours(c, encode);
    tri_status status = set_options(&options, codec, encode, err);
    int code = status == TRI_OK ? avcodec_open2(c, codec, &options) : 0;
    const AVDictionaryEntry *left = av_dict_get(options, "", NULL, AV_DICT_IGNORE_SUFFIX);
    if (code < 0)
        status = video_fail_code(err, TRI_INVALID_ARGUMENT, code, "%s can't encode %ux%u for %s", codec->name,
                                 encode->width, encode->height, writer->file.file.name);
    else if (status == TRI_OK && left && encode->option_count)
        status = video_fail(err, TRI_INVALID_ARGUMENT, "%s has no option '%s'", codec->name, left->key);
    av_dict_free(&options);
    return status;
}

/* ---- streams ---- */

static tri_status add_video(struct trii_video_writer *writer, struct tri_error *err) {
    AVStream *stream = writer->stream = avformat_new_stream(writer->format, NULL);
    int code = stream ? avcodec_parameters_from_context(stream->codecpar, writer->codec) : AVERROR(ENOMEM);
    if (code < 0)
        return video_fail_code(err, TRI_NO_MEMORY, code, "can't prepare %s", writer->file.file.name);
    stream->time_base = writer->codec->time_base;
    stream->avg_frame_rate = writer->codec->framerate;
    if (!writer->reader)
        return TRI_OK;
    size_t size = 0;
    const uint8_t *matrix = writer->reader->info.rotation /* applied: the caller's frames stand upright */
                                ? NULL
                                : av_stream_get_side_data(writer->reader->stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
    uint8_t *copy = matrix ? av_stream_new_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, size) : NULL;
    if (copy)
        memcpy(copy, matrix, size); /* not payload: how a player turns the picture */
    av_dict_copy(&stream->metadata, writer->reader->stream->metadata, 0);
    av_dict_set(&stream->metadata, "rotate", NULL, 0); /* some containers keep it there too */
    stream->disposition = writer->reader->stream->disposition;
    return TRI_OK;
}

/* Sound and text pass through unchanged where the container can hold them. */
static tri_status add_others(struct trii_video_writer *writer, struct tri_error *err) {
    AVFormatContext *from = writer->reader->format;
    writer->map = av_malloc_array(from->nb_streams, sizeof *writer->map);
    if (!writer->map)
        return video_fail(err, TRI_NO_MEMORY, "no memory to prepare %s", writer->file.file.name);
    writer->map_count = from->nb_streams;
    for (unsigned i = 0; i < from->nb_streams; i++) {
        const AVStream *in = from->streams[i];
        writer->map[i] = -1;
        if (in == writer->reader->stream ||
            (in->codecpar->codec_type != AVMEDIA_TYPE_AUDIO && in->codecpar->codec_type != AVMEDIA_TYPE_SUBTITLE) ||
            avformat_query_codec(writer->format->oformat, in->codecpar->codec_id, FF_COMPLIANCE_NORMAL) != 1)
            continue;
        AVStream *out = avformat_new_stream(writer->format, NULL);
        if (!out || avcodec_parameters_copy(out->codecpar, in->codecpar) < 0)
            return video_fail(err, TRI_NO_MEMORY, "no memory to prepare %s", writer->file.file.name);
        out->codecpar->codec_tag = 0; /* another container has other tags */
        out->time_base = in->time_base;
        out->disposition = in->disposition;
        av_dict_copy(&out->metadata, in->metadata, 0);
        writer->map[i] = out->index;
    }
    pthread_mutex_lock(&writer->reader->lock);
    writer->reader->passes = true;
    pthread_mutex_unlock(&writer->reader->lock);
    return TRI_OK;
}

static tri_status open_format(struct trii_video_writer *writer, const char *format, struct tri_error *err) {
    const char *name = writer->file.file.name;
    if (format)
        format = strcmp(format, "y4m") == 0 ? "yuv4mpegpipe" : strcmp(format, "raw") == 0 ? "rawvideo" : format;
    int code = avformat_alloc_output_context2(&writer->format, NULL, format, name);
    if (code < 0 && format)
        return video_fail(err, TRI_INVALID_ARGUMENT, "libav can't write the format '%s'", format);
    if (code >= 0 && writer->format->oformat->flags & AVFMT_NOFILE)
        return video_fail(err, TRI_INVALID_ARGUMENT, "the format '%s' is not one of files", writer->format->oformat->name);
    if (code < 0)
        return video_fail(err, TRI_INVALID_ARGUMENT,
                          "can't tell the format of '%s': end it in .mp4, .mov, .mkv, .webm or .y4m", name);
    writer->format->pb = writer->file.io;
    writer->format->flags |= AVFMT_FLAG_CUSTOM_IO;
    if (writer->reader)
        av_dict_copy(&writer->format->metadata, writer->reader->format->metadata, 0);
    return TRI_OK;
}

static tri_status begin(struct trii_video_writer *writer, struct tri_error *err) {
    int code = avformat_write_header(writer->format, NULL);
    if (code < 0)
        return video_fail_code(err, video_io_status(&writer->file, TRI_INVALID_ARGUMENT), code, "can't begin %s",
                               writer->file.file.name);
    writer->has_header = true;
    writer->unit = writer->reader ? writer->reader->stream->time_base : writer->codec->time_base;
    writer->last_pts = INT64_MIN;
    writer->frame = av_frame_alloc();
    writer->packet = av_packet_alloc();
    return writer->frame && writer->packet ? TRI_OK
                                           : video_fail(err, TRI_NO_MEMORY, "no memory to encode %s",
                                                        writer->file.file.name);
}

tri_status video_create(const struct trii_video_file *file, struct trii_video_reader *reader,
                        const struct trii_video_encode *encode, struct trii_video_writer **out, enum tri_kind *kind,
                        struct tri_error *err) {
    struct trii_video_writer *writer = av_mallocz(sizeof *writer);
    if (!writer)
        return video_fail(err, TRI_NO_MEMORY, "no memory to write %s", file->name);
    writer->reader = reader;
    tri_status status = video_file_open(&writer->file, file, true) == 0
                            ? open_format(writer, encode->format, err)
                            : video_fail(err, TRI_NO_MEMORY, "no memory to write %s", file->name);
    const AVCodec *codec = status == TRI_OK ? find_codec(writer, encode) : NULL;
    if (status == TRI_OK && !codec)
        status = video_fail(err, TRI_UNSUPPORTED, "there is no encoder '%s' here", encode->codec ? encode->codec : "");
    if (status == TRI_OK)
        status = open_codec(writer, codec, encode, err);
    if (status == TRI_OK)
        status = add_video(writer, err);
    if (status == TRI_OK && reader && encode->passes_other_streams)
        status = add_others(writer, err);
    if (status == TRI_OK)
        status = begin(writer, err);
    if (status != TRI_OK) {
        video_destroy(&writer);
        return status;
    }
    writer->takes_planes = copies_planes(codec) && writer->codec->pix_fmt == AV_PIX_FMT_YUV420P && (encode->width | encode->height) % 2 == 0;
    *kind = writer->takes_planes ? TRI_KIND_I420 : TRI_KIND_IMAGE;
    *out = writer;
    return TRI_OK;
}

void video_destroy(struct trii_video_writer **out) {
    struct trii_video_writer *writer = *out;
    if (!writer)
        return;
    av_frame_free(&writer->frame);
    av_packet_free(&writer->packet);
    avcodec_free_context(&writer->codec);
    avformat_free_context(writer->format);
    video_file_close(&writer->file);
    sws_freeContext(writer->convert);
    av_freep(&writer->map);
    av_freep(out);
}

/* ---- frames ---- */

static int write_packets(struct trii_video_writer *writer) {
    int code;
    while ((code = avcodec_receive_packet(writer->codec, writer->packet)) == 0) {
        av_packet_rescale_ts(writer->packet, writer->codec->time_base, writer->stream->time_base);
        writer->packet->stream_index = writer->stream->index;
        code = av_interleaved_write_frame(writer->format, writer->packet);
        if (code < 0)
            return code;
    }
    return code == AVERROR(EAGAIN) || code == AVERROR_EOF ? 0 : code;
}

static int write_passed(struct trii_video_writer *writer) {
    int code = 0;
    for (AVPacket *packet; writer->map && code >= 0 && (packet = video_take_passed(writer->reader)) != NULL;) {
        int in = packet->stream_index;
        int to = in >= 0 && (unsigned)in < writer->map_count ? writer->map[in] : -1;
        if (to >= 0) {
            av_packet_rescale_ts(packet, writer->reader->format->streams[in]->time_base,
                                 writer->format->streams[to]->time_base);
            packet->stream_index = to;
            packet->pos = -1;
            code = av_interleaved_write_frame(writer->format, packet);
        }
        av_packet_free(&packet);
    }
    return code;
}

static void keep_memory(void *user, uint8_t *bytes) {
    (void)user;
    (void)bytes; /* it is the caller's */
}

static int lend(struct trii_video_writer *writer, const uint8_t *bytes) {
    AVFrame *frame = writer->frame;
    uint8_t *planes[4], *at = (uint8_t *)(uintptr_t)bytes;
    int strides[4];
    const size_t size = (size_t)frame->width * (size_t)frame->height * 3 / 2;
    frame->buf[0] = av_buffer_create(at, size, keep_memory, NULL, AV_BUFFER_FLAG_READONLY);
    if (!frame->buf[0])
        return AVERROR(ENOMEM);
    video_planes(TRI_KIND_I420, (uint32_t)frame->width, (uint32_t)frame->height, at, planes, strides);
    for (int i = 0; i < 3; i++) {
        frame->data[i] = planes[i];
        frame->linesize[i] = strides[i];
    }
    return 0;
}

static int convert(struct trii_video_writer *writer, const uint8_t *bytes) {
    AVFrame *frame = writer->frame;
    const uint8_t *planes[4] = {bytes};
    const int strides[4] = {4 * (int)writer->row_pixels};
    if (!writer->convert) {
        writer->convert = sws_getContext(frame->width, frame->height, AV_PIX_FMT_RGBA, frame->width, frame->height,
                                         frame->format, SWS_BICUBIC, NULL, NULL, NULL);
        int matrix = writer->codec->colorspace == AVCOL_SPC_BT709 ? SWS_CS_ITU709 : SWS_CS_ITU601;
        if (writer->convert)
            sws_setColorspaceDetails(writer->convert, sws_getCoefficients(SWS_CS_DEFAULT), 1,
                                     sws_getCoefficients(matrix), writer->codec->color_range == AVCOL_RANGE_JPEG, 0,
                                     1 << 16, 1 << 16);
    }
    int code = writer->convert ? av_frame_get_buffer(frame, 0) : AVERROR(ENOSYS);
    if (code >= 0)
        code = sws_scale(writer->convert, planes, strides, 0, frame->height, frame->data, frame->linesize);
    return code < 0 ? code : 0;
}

tri_status video_write(struct trii_video_writer *writer, const uint8_t *bytes, int64_t pts, int64_t duration,
                       struct tri_error *err) {
    AVFrame *frame = writer->frame;
    frame->format = writer->codec->pix_fmt;
    frame->width = writer->codec->width;
    frame->height = writer->codec->height;
    frame->pts = av_rescale_q(pts, writer->unit, writer->codec->time_base);
    frame->pkt_duration = av_rescale_q(duration, writer->unit, writer->codec->time_base);
    if (frame->pts <= writer->last_pts) /* what comes out of order or twice in the source would be refused */
        frame->pts = writer->last_pts + 1;
    writer->last_pts = frame->pts;
    int code = writer->takes_planes ? lend(writer, bytes) : convert(writer, bytes);
    AVBufferRef *lent = code == 0 && writer->takes_planes ? av_buffer_ref(frame->buf[0]) : NULL;
    if (code == 0)
        code = avcodec_send_frame(writer->codec, frame);
    av_frame_unref(frame);
    if (code == 0)
        code = write_packets(writer);
    bool kept = lent && av_buffer_get_ref_count(lent) > 1;
    av_buffer_unref(&lent);
    if (code == 0)
        code = write_passed(writer);
    if (code < 0)
        return video_fail_code(err, video_io_status(&writer->file, TRI_BAD_IMAGE), code, "can't write on in %s",
                               writer->file.file.name);
    return kept ? video_fail(err, TRI_UNSUPPORTED, "%s keeps frames while it encodes later ones; choose another --codec",
                             writer->codec->codec->name)
                : TRI_OK;
}

tri_status video_finish(struct trii_video_writer *writer, struct tri_error *err) {
    int code = avcodec_send_frame(writer->codec, NULL);
    if (code == 0 || code == AVERROR_EOF)
        code = write_packets(writer);
    if (code == 0)
        code = write_passed(writer);
    if (code >= 0)
        code = av_write_trailer(writer->format);
    avio_flush(writer->file.io);
    if (code >= 0 && writer->file.failed)
        code = AVERROR(writer->file.failed);
    return code < 0 ? video_fail_code(err, video_io_status(&writer->file, TRI_BAD_IMAGE), code, "can't finish %s",
                                      writer->file.file.name)
                    : TRI_OK;
}
