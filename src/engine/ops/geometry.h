/*
 * Where the pixels of an output come from, worked out once for every engine.
 */
#ifndef TRIPOINT_ENGINE_OPS_GEOMETRY_H
#define TRIPOINT_ENGINE_OPS_GEOMETRY_H

#include "engine/contract.h"

/* The part of the output that shows the scaled image: the whole of it for resize, centred for letterbox. Outside is
 * `colour`. */
struct trii_box {
    uint32_t left, top, width, height;
    uint8_t colour[4];
};
struct trii_box trii_box_of(const struct trii_stage *stage);

/* The output of crop and pad as a window over the input: output pixel (x, y) is input pixel (x + left, y + top). What
 * lies outside is the nearest pixel of the edge, or `fill`: one pixel in the input's own dtype and channels. */
struct trii_window {
    int32_t left, top;
    bool edge;
    uint8_t fill[16];
    uint32_t pixel_bytes;
};
struct trii_window trii_window_of(const struct trii_stage *stage);

#endif
