/*
 * What the video module offers: files of moving pictures, through Debian's libav.
 *
 * The module is a shared object of its own, opened when video is first asked for (media/video.c): libav is large, and as
 * Debian builds it under the GPL; the library neither links nor needs it. It knows nothing of arenas: memory for frames
 * and the bytes of files go through the calls below.
 *
 * Reading: a frame is decoded into memory that `memory` lends, as the codec asks for it, and may stay referenced by the
 * codec while later frames are predicted from it; it is given back when nobody needs it any more. Formats that are not
 * 4:2:0 with eight bits are converted into such memory.
 * Writing: a frame is encoded from the caller's memory before write() returns.
 *
 * Threads: a reader's calls come one at a time, a writer's too, and the two may run beside each other. memory.take and
 * memory.give are called from the codec's threads.
 * Errors: a tri_status, and a sentence in struct tri_error.
 */
#ifndef TRIPOINT_MEDIA_VIDEO_H
#define TRIPOINT_MEDIA_VIDEO_H

#include <tripoint/view.h>

#define TRII_VIDEO_VERSION 3
#define TRII_VIDEO_OPTIONS_MAX 32

struct trii_video_memory {
    void *user;
    /* A buffer of at least `bytes`, aligned to 64; NULL when there is none to be had. */
    uint8_t *(*take)(void *user, uint64_t bytes);
    void (*give)(void *user, uint8_t *at);
};

/* Where a file's bytes come from or go. Numbers are bytes, or negative errno. */
struct trii_video_file {
    void *user;
    const char *name; /* for errors; its ending tells the format of an output */
    int64_t (*read)(void *user, uint64_t at, void *bytes, size_t size);        /* 0 is the end */
    int64_t (*write)(void *user, uint64_t at, const void *bytes, size_t size);
    int64_t size;                                                               /* -1: a pipe, read and written in order */
};

struct trii_video_info {
    uint32_t width, height;             /* what is seen */
    enum tri_kind kind;                 /* TRI_KIND_I420, or TRI_KIND_IMAGE: RGBA */
    uint32_t stored_width, stored_height; /* of a frame in memory: even, at least what is seen */
    bool bt709, full_range;             /* how YUV is meant */
    bool has_alpha;
    int32_t rotation;                   /* degrees clockwise by which the caller is to turn the picture: 0, 90, 180, 270;
                                         * planes only. Other turns are handed on to write(), for players */
    double frames_per_second, seconds;  /* 0: unknown */
    uint64_t frames;                    /* expected; 0: unknown */
    uint32_t other_streams;             /* audio and subtitles */
    char codec[32];
};

/* What memory.take() is asked for: codecs write a few vectors past the end, the scaler a pixel when rows are odd. */
#define TRII_VIDEO_SLACK_BYTES 4096u
#define TRII_VIDEO_STORED_BYTES(info)                                                                                  \
    ((info)->kind == TRI_KIND_I420                                                                                     \
         ? (uint64_t)(info)->stored_width * (info)->stored_height * 3 / 2 + TRII_VIDEO_SLACK_BYTES                     \
         : ((uint64_t)(info)->stored_width * (info)->stored_height + (info)->stored_width % 2) * 4)

struct trii_video_frame {
    uint8_t *at;           /* of memory.take() */
    int64_t pts, duration; /* in the stream's own unit: handed on to write() */
    bool damaged;          /* the codec saw errors */
    bool rescaled;         /* the stream changed its size or format here: converted to the first one's */
};

struct trii_video_encode {
    const char *format;      /* the container, in libav's words or "y4m" or "raw"; NULL: by the ending */
    const char *codec;       /* NULL: by the container */
    bool alpha;              /* keep it: RGBA frames, in a format that has it */
    uint32_t width, height;  /* of the frames; codecs that want even sides get them without the last column or row */
    double frames_per_second; /* without a reader */
    bool bt709, full_range;
    uint32_t threads; /* 0: as many as the codec likes here */
    const char *const *options; /* "crf=20", the codec's own */
    size_t option_count;
    bool passes_other_streams;
};

struct trii_video_reader;
struct trii_video_writer;

struct trii_video_module {
    uint32_t version; /* TRII_VIDEO_VERSION */
    const char *library; /* "libavcodec 59.37.100" */

    tri_status (*open)(const struct trii_video_file *file, const struct trii_video_memory *memory, uint32_t threads,
                       struct trii_video_reader **out, struct trii_video_info *info, struct tri_error *err);
    /* *end: the stream is over. A damaged packet that gives no frame is counted, and the next one is tried. */
    tri_status (*read)(struct trii_video_reader *reader, struct trii_video_frame *out, bool *end, struct tri_error *err);
    /* The caller has done with a frame. From any thread. */
    void (*give)(struct trii_video_reader *reader, const struct trii_video_frame *frame);
    /* Packets that gave no frame, and those that the file told of and that were not there. */
    uint64_t (*lost)(const struct trii_video_reader *reader);
    void (*complaint)(char *text, size_t text_bytes); /* the last of libav's that no error has quoted; "" when none */
    void (*close)(struct trii_video_reader **reader);

    /* `reader` gives timestamps, metadata and the other streams; NULL: none. *kind tells what write() wants:
     * TRI_KIND_I420 or TRI_KIND_IMAGE (RGBA). */
    tri_status (*create)(const struct trii_video_file *file, struct trii_video_reader *reader,
                         const struct trii_video_encode *encode, struct trii_video_writer **out, enum tri_kind *kind,
                         struct tri_error *err);
    tri_status (*write)(struct trii_video_writer *writer, const uint8_t *frame, int64_t pts, int64_t duration,
                        struct tri_error *err);
    tri_status (*finish)(struct trii_video_writer *writer, struct tri_error *err); /* flushes; still to be destroyed */
    void (*destroy)(struct trii_video_writer **writer);
};

/* The module's only symbol. */
#define TRII_VIDEO_SYMBOL "tripoint_video_module"

/* Opens the module, once a process. TRI_UNSUPPORTED with where it was sought and what to install. */
tri_status trii_video_module(const struct trii_video_module **out, struct tri_error *err);

#endif
