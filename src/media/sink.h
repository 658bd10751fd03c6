/* Where an encoder's bytes go: a file, or memory. Called from one thread, in order. */
#ifndef TRIPOINT_MEDIA_SINK_H
#define TRIPOINT_MEDIA_SINK_H

#include <tripoint/view.h>

struct trii_sink {
    tri_status (*write)(void *user, const void *bytes, size_t size, struct tri_error *err);
    void *user;
};

/* Rows of pixels, borrowed. What is 0 is that of RGBA 8, the one kind that JPEG and WebP take. */
struct trii_pixels {
    const uint8_t *bytes;
    uint64_t stride_bytes;
    uint32_t width, height;
    uint32_t channels;    /* 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA; 0 is 4 */
    uint32_t depth;       /* bits a sample in the file: 8 or 16; 0 is 8 */
    enum tri_dtype dtype; /* as it lies there: u8, u16, or f16 and f32 from 0 to 1 */
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

/* With alpha. Sides beyond libwebp's 16383 pixels: TRI_LIMIT. What it moves is counted under the name `region`. */
struct trii_ledger;
tri_status trii_webp_encode(const struct trii_pixels *pixels, uint32_t quality, bool lossless,
                            struct trii_ledger *ledger, const char *region, const struct trii_sink *sink,
                            struct tri_error *err);

#endif
