#include "inside.h"

#include <libavutil/avutil.h>

static const struct trii_video_module module = {
    .version = TRII_VIDEO_VERSION,
    .library = LIBAVCODEC_IDENT,
    .open = video_open,
    .read = video_read,
    .give = video_give,
    .lost = video_lost,
    .complaint = video_last_words,
    .close = video_close,
    .create = video_create,
    .write = video_write,
    .finish = video_finish,
    .destroy = video_destroy,
};

__attribute__((visibility("default"))) const struct trii_video_module *tripoint_video_module(void);

/* NULL when another generation of libav than the one this was compiled for is loaded. */
const struct trii_video_module *tripoint_video_module(void) {
    if (avcodec_version() >> 16 != LIBAVCODEC_VERSION_MAJOR || avformat_version() >> 16 != LIBAVFORMAT_VERSION_MAJOR)
        return NULL;
    video_listen();
    return &module;
}
