/* Opens the video module when it is first asked for. It stays: libav's threads and tables do too. */
#include "media/video.h"

#include "base/alloc.h"
#include "base/paths.h"
#include "base/status.h"
#include "base/sys.h"

#include <pthread.h>

#define MODULE "tripoint-video.so"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const struct trii_video_module *opened;

static tri_status load(struct tri_error *err) {
    const struct trii_video_module *(*get)(void) = NULL;
    char why[256], *path;
    tri_status status = trii_path_module(MODULE, &path, err);
    if (status != TRI_OK)
        return status;
    void *library = trii_sys_library(path, why, sizeof why);
    if (!library)
        status = trii_fail(err, TRI_UNSUPPORTED, "the video module can't be loaded: %s", why);
    else if (!trii_sys_symbol(library, TRII_VIDEO_SYMBOL, &get) || !get() || get()->version != TRII_VIDEO_VERSION)
        status = trii_fail(err, TRI_UNSUPPORTED, "%s belongs to another version of Tripoint or of libav; build it again",
                           path);
    else
        opened = get();
    trii_free(path);
    return status;
}

tri_status trii_video_module(const struct trii_video_module **out, struct tri_error *err) {
    pthread_mutex_lock(&lock);
    tri_status status = opened ? TRI_OK : load(err);
    *out = opened;
    pthread_mutex_unlock(&lock);
    return status;
}
