#include "window.h"

#include <string.h>

static int64_t held(int64_t v, int64_t least, int64_t most) {
    return v < least ? least : v > most ? most : v;
}

static void repeat(uint8_t *to, const uint8_t *pixel, size_t bytes, int64_t count) {
    for (int64_t i = 0; i < count; i++, to += bytes)
        memcpy(to, pixel, bytes); /* not payload: a pixel of the result */
}

void trii_window_plain(const struct trii_window_job *job) {
    const size_t bytes = job->pixel_bytes;
    const int64_t width = job->out.width;
    const int64_t begin = held(-job->left, 0, width), end = held((int64_t)job->in.width - job->left, begin, width);
    for (int64_t y = 0; y < job->out.height; y++) {
        const int64_t from = y + job->top, row = held(from, 0, (int64_t)job->in.height - 1);
        const uint8_t *src = job->src + (size_t)row * job->in.width * bytes;
        const uint8_t *left = job->fill ? job->fill : src, *right = job->fill ? job->fill : src + (job->in.width - 1) * bytes;
        uint8_t *to = job->dst + (size_t)y * job->out.width * bytes;
        if (job->fill && from != row) {
            repeat(to, job->fill, bytes, width);
            continue;
        }
        repeat(to, left, bytes, begin);
        /* not payload: rows of the result, which is what crop and pad make */
        memcpy(to + (size_t)begin * bytes, src + (size_t)(begin + job->left) * bytes, (size_t)(end - begin) * bytes);
        repeat(to + (size_t)end * bytes, right, bytes, width - end);
    }
}
