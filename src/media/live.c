/*
 * Live frames: a thread takes what a source gives, as it comes, and keeps the newest. Whoever is slower than the source
 * gets the newest frames and not a growing delay; the oldest that nobody has asked for are given back and counted.
 *
 * Threads: the module's read() is called by the thread alone; next() by one caller at a time.
 */
#include "media/stream.h"

#include "base/alloc.h"
#include "base/status.h"
#include "base/sys.h"

#include <pthread.h>

#define KEPT 2u /* one would be the least delay; two ride out a frame that takes a little longer */

struct trii_live {
    struct trii_stream *stream;
    struct trii_thread *thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t came;
    struct trii_video_frame kept[KEPT];
    size_t first, count;
    uint64_t dropped;
    bool ended;
    tri_status status; /* why it ended */
    struct tri_error error;
};

static void keep(struct trii_live *live, const struct trii_video_frame *frame) {
    pthread_mutex_lock(&live->lock);
    const bool full = live->count == KEPT;
    const struct trii_video_frame oldest = live->kept[live->first];
    if (full) {
        live->first = (live->first + 1) % KEPT;
        live->dropped++;
    } else {
        live->count++;
    }
    live->kept[(live->first + live->count - 1) % KEPT] = *frame;
    pthread_cond_signal(&live->came);
    pthread_mutex_unlock(&live->lock);
    if (full)
        live->stream->module->give(live->stream->reader, &oldest);
}

static void take_frames(void *user) {
    struct trii_live *live = user;
    struct trii_stream *stream = live->stream;
    struct tri_error error = {0};
    tri_status status = TRI_OK;
    for (bool end = false; !end && status == TRI_OK;) {
        struct trii_video_frame frame = {0};
        status = stream->module->read(stream->reader, &frame, &end, &error);
        if (status == TRI_OK && !end)
            keep(live, &frame);
    }
    pthread_mutex_lock(&live->lock);
    live->ended = true;
    live->status = status;
    live->error = error;
    pthread_cond_signal(&live->came);
    pthread_mutex_unlock(&live->lock);
}

tri_status trii_live_start(struct trii_stream *stream, struct trii_live **out, struct tri_error *err) {
    struct trii_live *live = trii_calloc(1, sizeof *live);
    if (!live)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for a live source");
    live->stream = stream;
    pthread_mutex_init(&live->lock, NULL);
    pthread_cond_init(&live->came, NULL);
    int failed = trii_sys_thread_start(&live->thread, "tri-live", take_frames, live);
    if (failed) {
        pthread_cond_destroy(&live->came);
        pthread_mutex_destroy(&live->lock);
        trii_free(live);
        return trii_fail_errno(err, TRI_NO_MEMORY, failed, "no thread to take live frames can be started");
    }
    *out = live;
    return TRI_OK;
}

tri_status trii_live_next(struct trii_live *live, struct trii_video_frame *frame, bool *end, struct tri_error *err) {
    pthread_mutex_lock(&live->lock);
    while (!live->count && !live->ended)
        pthread_cond_wait(&live->came, &live->lock);
    tri_status status = TRI_OK;
    if (live->count) {
        *frame = live->kept[live->first];
        live->first = (live->first + 1) % KEPT;
        live->count--;
    } else {
        status = live->status;
        *end = true;
    }
    live->stream->report.dropped = live->dropped;
    pthread_mutex_unlock(&live->lock);
    if (status != TRI_OK)
        trii_error_copy(err, &live->error);
    return status;
}

/* The source must end by itself: its reads are told to. */
void trii_live_stop(struct trii_live **out) {
    struct trii_live *live = *out;
    if (!live)
        return;
    trii_sys_thread_join(&live->thread);
    for (; live->count; live->count--, live->first = (live->first + 1) % KEPT)
        live->stream->module->give(live->stream->reader, &live->kept[live->first]);
    pthread_cond_destroy(&live->came);
    pthread_mutex_destroy(&live->lock);
    trii_free(live);
    *out = NULL;
}
