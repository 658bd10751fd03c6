/* The video module's inside: libav behind the calls of media/video.h. It links libav and nothing of ours. */
#ifndef TRIPOINT_VIDEO_INSIDE_H
#define TRIPOINT_VIDEO_INSIDE_H

#include "media/video.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswscale/swscale.h>
#include <pthread.h>
#include <stdatomic.h>

#define HELD_MAX 64

/* A file of ours as libav wants it. */
struct stream_file {
    struct trii_video_file file;
    uint64_t at;
    AVIOContext *io;
    int failed; /* errno of the first failure: libav forgets it */
};

/* A frame that the caller has: still referenced, or (frame without buffers) converted into memory of its own. */
struct held {
    _Atomic(uint8_t *) at; /* NULL: free */
    AVFrame *frame;
};

struct trii_video_reader {
    struct stream_file file;
    struct trii_video_memory memory;
    struct trii_video_info info;
    AVFormatContext *format;
    AVCodecContext *codec;
    struct SwsContext *convert;
    AVStream *stream;
    AVPacket *packet;
    AVFrame *frame;
    struct held held[HELD_MAX];
    int64_t next_pts;
    bool draining;
    uint64_t promised, packets; /* of this stream: what the file's index lists, what came */
    _Atomic uint64_t lost;

    pthread_mutex_t lock; /* for the packets of other streams: put by read(), taken by write() */
    bool passes;
    AVPacket **passed;
    size_t passed_count, passed_room;
};

struct trii_video_writer {
    struct stream_file file;
    struct trii_video_reader *reader;
    AVFormatContext *format;
    AVCodecContext *codec;
    AVStream *stream;
    AVFrame *frame;
    AVPacket *packet;
    struct SwsContext *convert;
    uint32_t row_pixels; /* of the caller's RGBA */
    bool takes_planes;   /* of 4:2:0 from the caller's memory, else RGBA */
    AVRational unit; /* of the caller's timestamps */
    int64_t last_pts;
    int *map; /* stream of the reader -> ours, or -1 */
    unsigned map_count;
    bool has_header;
};

/* Fills the error like trii_fail(); `code` is libav's, told in its words. */
tri_status video_fail(struct tri_error *err, tri_status status, const char *format, ...) TRI_PRINTF(3, 4);
tri_status video_fail_code(struct tri_error *err, tri_status status, int code, const char *format, ...)
    TRI_PRINTF(4, 5);
/* The last thing that libav complained of on this thread's behalf or another's; "" when nothing. Clears it. */
void video_last_words(char *text, size_t text_bytes);
void video_listen(void); /* from then on libav's complaints are kept instead of printed */

/* The status that a failed call of libav means when the file itself failed first. */
tri_status video_io_status(const struct stream_file *file, tri_status otherwise);
int video_file_open(struct stream_file *file, const struct trii_video_file *from, bool writes);
void video_file_close(struct stream_file *file);

/* Planes of a frame in memory. */
void video_planes(enum tri_kind kind, uint32_t stored_width, uint32_t stored_height, uint8_t *at, uint8_t *planes[4],
                  int strides[4]);

/* The next packet of another stream, or NULL. The caller frees it. */
AVPacket *video_take_passed(struct trii_video_reader *reader);

tri_status video_open(const struct trii_video_file *file, const struct trii_video_memory *memory, uint32_t threads,
                      struct trii_video_reader **out, struct trii_video_info *info, struct tri_error *err);
tri_status video_read(struct trii_video_reader *reader, struct trii_video_frame *out, bool *end, struct tri_error *err);
void video_give(struct trii_video_reader *reader, const struct trii_video_frame *frame);
uint64_t video_lost(const struct trii_video_reader *reader);
void video_close(struct trii_video_reader **reader);
tri_status video_create(const struct trii_video_file *file, struct trii_video_reader *reader,
                        const struct trii_video_encode *encode, struct trii_video_writer **out, enum tri_kind *kind,
                        struct tri_error *err);
tri_status video_write(struct trii_video_writer *writer, const uint8_t *frame, int64_t pts, int64_t duration,
                       struct tri_error *err);
tri_status video_finish(struct trii_video_writer *writer, struct tri_error *err);
void video_destroy(struct trii_video_writer **writer);

#endif
