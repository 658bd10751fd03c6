/*
 * Pixels that move as they are: crop and pad. A pixel is any number of bytes; what lies outside of the input is the nearest
 * pixel of its edge, or one given pixel. One set: it fills rows and moves them whole.
 */
#ifndef TRIPOINT_OPS_HOST_WINDOW_H
#define TRIPOINT_OPS_HOST_WINDOW_H

#include "kernels.h"

/* Output pixel (x, y) is input pixel (x + left, y + top). */
struct trii_window_job {
    const uint8_t *src;
    struct trii_size in;
    uint8_t *dst;
    struct trii_size out;
    int64_t left, top;
    size_t pixel_bytes;
    const uint8_t *fill; /* NULL: the edge */
};
void trii_window_plain(const struct trii_window_job *job);

#endif
