/*
 * tripoint/video.h - a pipeline over a stream of pictures: video files and image sequences, from file to file.
 *
 * Frames are decoded into regions, and encoded out of regions; several are in flight at once
 * (tripoint/frames.h). Colours are converted by stages. Sound, subtitles, metadata and timestamps
 * pass through unchanged; the quarter turns that phones ask for are made, as with pictures.
 *
 * In:  what Debian's libav reads: MP4, MOV, Matroska, WebM, AVI, MPEG-TS, Ogg, Y4M, … A name with a number
 *      in it ("frame-%04d.png") or a pattern (with a star) is a sequence of images.
 * Out: MP4, MOV, Matroska (H.264 unless told otherwise), WebM (VP9), Y4M, or numbered images.
 *
 * Video needs the module tripoint-video.so, which links libav; sequences of images do not.
 *
 * Ownership: nothing is kept after the call.
 * Threads:   a runtime may run several streams at once.
 * Errors:    TRI_BAD_IMAGE for what libav can't make sense of, TRI_UNSUPPORTED when the module or a codec is
 *            missing, TRI_IO. The output appears whole or not at all; images of a sequence one by one.
 *
 * Copyright the Tripoint authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef TRIPOINT_VIDEO_H
#define TRIPOINT_VIDEO_H

#include <tripoint/frames.h>
#include <tripoint/pipeline.h>

TRI_BEGIN_DECLS

/** What a running stream tells now and then. */
struct tri_video_progress {
    uint64_t frames;        /**< written so far */
    uint64_t expected;      /**< 0: unknown */
    double seconds;         /**< since the stream began */
    uint64_t bytes_between; /**< copied between stages so far */
};

struct tri_video_params {
    size_t struct_bytes;            /**< sizeof(struct tri_video_params) */
    const char *pipeline;           /**< as for tri_pipeline_load(), unless `open` is given */
    /** Opens one pipeline, of which each frame in flight gets its own, all alike. NULL: tri_pipeline_load(). */
    tri_status (*open)(void *user, struct tri_runtime *runtime, struct tri_pipeline **out, struct tri_error *err);
    /** Called with each of them once its regions are there: puts something into inputs other than the first. May be NULL. */
    tri_status (*planned)(void *user, struct tri_pipeline *pipeline, struct tri_error *err);
    const char *input, *output;     /**< files, "-" for pipes, or image sequences */
    uint32_t slots;                 /**< frames in flight; 0: as tri_frames_slots() says */
    uint64_t frame_limit;           /**< stop after so many frames; 0: all */
    double frames_per_second;       /**< of an image sequence; 0: 25 */
    bool skip_failed;               /**< a frame whose stages fail is left out, and the stream goes on */
    bool live;                      /**< the input, a pipe, does not wait: keep its newest frames, drop the oldest */
    bool refuse_damaged;            /**< a frame that the decoder saw errors in ends the stream */
    bool alpha;                     /**< keep the result's alpha, in a codec that can; else it is flattened */
    uint8_t background[3];          /**< what shows through when it is flattened */
    const char *format;             /**< "y4m", "raw" or a format of libav ("matroska"); NULL: by the output's ending */
    const char *codec;              /**< an encoder of libav ("libx265"); NULL: by the output's ending */
    const char *const *codec_options; /**< "crf=20": the encoder's own, `codec_option_count` of them */
    size_t codec_option_count;
    bool no_overwrite, require_zero_copy;
    struct tri_cancel *cancel;      /**< ends the stream; what was encoded by then becomes a whole file */
    void (*progress)(void *user, const struct tri_video_progress *progress); /**< from any thread, one call at a time */
    void *user;                     /**< of the three calls */
};

struct tri_video_report {
    struct tri_frames_report frames;
    uint32_t slots;
    uint32_t width, height;             /**< as the pipeline gets them */
    uint32_t output_width, output_height;
    char input_codec[32], output_codec[32];
    double input_frames_per_second;
    bool bt709;                         /**< how YUV is meant: BT.709, else BT.601 */
    int32_t rotation;                   /**< degrees clockwise by which frames were turned, as the file asks (phones) */
    uint64_t written;                   /**< frames in the output */
    uint64_t dropped;                   /**< of a live source: frames that came faster than they were taken */
    uint64_t damaged;                   /**< frames that the decoder saw errors in */
    uint64_t rescaled;                  /**< frames of another size or format than the first */
    uint64_t lost;                      /**< packets that gave no frame, and those that a truncated file lacks */
    char complaint[160];                /**< what libav complained of last; "" when of nothing */
    uint64_t bytes_written;
    uint64_t bytes_between, bytes_border; /**< copied, of the runtime's ledger, meanwhile */
    bool cancelled;                     /**< ended early, and cleanly */
};

/** Whether a name is a stream and not a picture: by its ending or by the pattern in it. */
TRI_API bool tri_video_is_stream(const char *path);

/** Runs the stream to its end. `report` may be NULL; it is filled on failure too, as far as things went. */
TRI_API TRI_MUST_USE tri_status tri_video_run(struct tri_runtime *runtime, const struct tri_video_params *params,
                                              struct tri_video_report *report, struct tri_error *err);

TRI_END_DECLS

#endif
