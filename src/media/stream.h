/*
 * The inside of a stream: a source of frames, slots with a pipeline each, a sink.
 *
 *   stream.c         opening, the run, closing
 *   lane.c           pipelines, and the stages around them
 *   source_video.c   frames of a file, decoded into a pool of regions
 *   live.c           the newest frames of a source that does not wait
 *   source_images.c  pictures, decoded into a slot's own input
 *   sink_video.c     frames into a file
 *   sink_images.c    pictures, a file each
 */
#ifndef TRIPOINT_MEDIA_STREAM_H
#define TRIPOINT_MEDIA_STREAM_H

#include <tripoint/media.h>
#include <tripoint/video.h>

#include "media/video.h"

#include <stdatomic.h>

#define TRII_POOL_MAX 64

struct trii_stream;
struct trii_pool;
struct trii_live;

/* A pipeline, with the stages that bring frames into it. Each slot has one, or all share one whose stages remember. */
struct trii_lane {
    struct tri_pipeline *pipeline;
    tri_handle input, output;   /* RGBA */
    struct tri_layout layout;   /* of the output */
    struct tri_plan *in[TRII_POOL_MAX]; /* from a pool buffer into `input`; made when first needed */
};

/* A frame on its way. */
struct trii_slot {
    struct trii_lane *lane;
    struct tri_plan *out;       /* from the pipeline's output into `encoded`; NULL: none is needed */
    tri_handle own;             /* planes for the encoder; NONE: none are needed */
    tri_handle encoded;         /* what the sink takes: `own` or the lane's output */
    struct trii_video_frame frame; /* its times, and where it was decoded */
    uint32_t buffer;            /* of the pool; TRII_POOL_MAX: none */
};

/* Where frames come from. */
struct trii_source {
    struct trii_stream *stream;
    struct tri_layout layout;   /* of what the pipeline is given: RGBA */
    const char *codec;
    double frames_per_second;
    uint64_t expected;          /* 0: unknown */
    tri_status (*fill)(struct trii_source *source, struct trii_slot *slot, uint64_t frame, bool *end,
                       struct tri_error *err);
    void (*close)(struct trii_source *source);
};

struct trii_sink {
    struct trii_stream *stream;
    struct tri_layout layout;   /* of what it wants: RGBA or I420 */
    bool wants_opaque;
    tri_status (*drain)(struct trii_sink *sink, struct trii_slot *slot, uint64_t frame, struct tri_error *err);
    tri_status (*finish)(struct trii_sink *sink, uint64_t *bytes, struct tri_error *err);
    void (*close)(struct trii_sink *sink);
};

struct trii_stream {
    struct tri_runtime *runtime;
    struct tri_arena *arena;
    struct tri_video_params params;
    struct tri_video_report report;
    struct trii_source *source;
    struct trii_sink *sink;
    struct trii_slot *slots;
    uint32_t slot_count;
    struct trii_lane *lanes;
    uint32_t lane_count;
    bool in_order; /* a stage remembers the frames before */
    uint64_t began_ns, between_before, border_before;
    /* of a video source; shared with its sink for timestamps and sound */
    const struct trii_video_module *module;
    struct trii_video_reader *reader;
    struct trii_video_info info;
    struct trii_pool *pool;
};

/* ---- lane.c ---- */
tri_status trii_lane_open(struct trii_stream *stream, struct trii_lane *lane, struct tri_error *err);
void trii_lane_close(struct trii_lane *lane);
bool trii_lane_remembers(const struct trii_lane *lane);
/* What stands between a slot's lane and the sink. */
tri_status trii_slot_open(struct trii_stream *stream, struct trii_slot *slot, uint32_t index, struct tri_error *err);
void trii_slot_close(struct trii_stream *stream, struct trii_slot *slot);
/* Everything between filling and draining. */
tri_status trii_slot_work(struct trii_stream *stream, struct trii_slot *slot, struct tri_error *err);

tri_status trii_source_video(struct trii_stream *stream, struct trii_source **out, struct tri_error *err);
tri_status trii_source_images(struct trii_stream *stream, struct trii_source **out, struct tri_error *err);
/* `layout`: of the pipeline's output. */
tri_status trii_sink_video(struct trii_stream *stream, const struct tri_layout *layout, struct trii_sink **out,
                           struct tri_error *err);
tri_status trii_sink_images(struct trii_stream *stream, const struct tri_layout *layout, struct trii_sink **out,
                            struct tri_error *err);

/* ---- live.c ---- */
tri_status trii_live_start(struct trii_stream *stream, struct trii_live **out, struct tri_error *err);
/* Waits for the next of the newest frames. */
tri_status trii_live_next(struct trii_live *live, struct trii_video_frame *frame, bool *end, struct tri_error *err);
/* Waits for the source's end. */
void trii_live_stop(struct trii_live **live);

/* ---- the pool (pool.c): regions that a decoder writes and may keep looking at ---- */

tri_status trii_pool_create(struct tri_arena *arena, const struct tri_layout *layout, uint64_t bytes,
                            struct trii_pool **out, struct tri_error *err);
void trii_pool_destroy(struct trii_pool **pool);
/* Calls of struct trii_video_memory: the buffer is claimed for writing until it is given back or shown. */
uint8_t *trii_pool_take(void *user, uint64_t bytes);
void trii_pool_give(void *user, uint8_t *at);
/* The decoder has written the frame: others may read it beside the decoder. The buffer's number. */
uint32_t trii_pool_show(struct trii_pool *pool, const uint8_t *at);
tri_handle trii_pool_region(const struct trii_pool *pool, uint32_t buffer);

#endif
