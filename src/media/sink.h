/* Where an encoder's bytes go: a file, or memory. Called from one thread, in order. */
#ifndef TRIPOINT_MEDIA_SINK_H
#define TRIPOINT_MEDIA_SINK_H

#include <tripoint/error.h>

struct trii_sink {
    tri_status (*write)(void *user, const void *bytes, size_t size, struct tri_error *err);
    void *user;
};

/* Rows of RGBA 8, borrowed. */
struct trii_pixels {
    const uint8_t *bytes;
    uint64_t stride_bytes;
    uint32_t width, height;
};

static inline const uint8_t *trii_pixels_row(const struct trii_pixels *pixels, uint32_t y) {
    return pixels->bytes + (size_t)y * pixels->stride_bytes;
}

/* `threads` is 1 … TRII_PNG_MAX_THREADS; fewer are used when that many can't be had. */
#define TRII_PNG_MAX_THREADS 16u
tri_status trii_png_encode(const struct trii_pixels *pixels, uint32_t threads, const struct trii_sink *sink,
                           struct tri_error *err);
/* `background` lies behind transparent pixels. */
tri_status trii_jpeg_encode(const struct trii_pixels *pixels, uint32_t quality, const uint8_t background[3],
                            const struct trii_sink *sink, struct tri_error *err);

#endif
