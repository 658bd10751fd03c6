/*
 * What the definitions of operations share: checks of what an operand holds, each with a sentence that says what would
 * be right, and the layouts that they make. Pure functions.
 */
#ifndef TRIPOINT_ENGINE_OPS_NEED_H
#define TRIPOINT_ENGINE_OPS_NEED_H

#include "engine/op.h"

#include "base/status.h"

#define TRII_ON(technology) (1u << TRI_TECHNOLOGY_##technology)
#define TRII_COUNT(array) (sizeof(array) / sizeof *(array))

/* Sets of dtypes and of channel counts: TRII_DTYPE(U8) | TRII_DTYPE(F32), TRII_CHANNELS(3) | TRII_CHANNELS(4). */
#define TRII_DTYPE(name) (1u << TRI_DTYPE_##name)
#define TRII_CHANNELS(n) (1u << (n))

/* An image [height,width,channels] of one of these dtypes and channel counts, rows tight. */
tri_status trii_need_image(const struct trii_op *op, const struct tri_layout *layout, uint32_t dtypes,
                           uint32_t channels, struct tri_error *err);
/* u8, f16 or f32 of 1, 3 or 4 channels. */
tri_status trii_need_any_image(const struct trii_op *op, const struct tri_layout *layout, struct tri_error *err);
/* The usual one: u8 [height,width,4]. */
tri_status trii_need_rgba(const struct trii_op *op, const struct tri_layout *layout, struct tri_error *err);
/* f32 [height,width,1]. */
tri_status trii_need_mask(const struct trii_op *op, const struct tri_layout *layout, struct tri_error *err);
/* f32 [count,values]: at least `values` numbers a box. */
tri_status trii_need_boxes(const struct trii_op *op, const struct tri_layout *layout, uint64_t values,
                           struct tri_error *err);
/* TRI_KIND_NV12 or TRI_KIND_I420 (see tripoint/view.h), and the size of the picture in it. */
tri_status trii_need_yuv420(const struct trii_op *op, const struct tri_layout *layout, enum tri_kind kind,
                            uint64_t *height, uint64_t *width, struct tri_error *err);
/* Such a picture; the sides are even. */
struct tri_layout trii_layout_yuv420(enum tri_kind kind, uint64_t height, uint64_t width);
/* A text parameter "#rrggbb" (opaque) or "#rrggbbaa". */
tri_status trii_need_colour(const struct trii_op *op, const struct trii_args *args, const char *name, uint8_t rgba[4],
                            struct tri_error *err);
/* A text parameter of exactly `count` numbers with spaces between them. */
tri_status trii_need_numbers(const struct trii_op *op, const struct trii_args *args, const char *name, size_t count,
                             float *out, struct tri_error *err);
/* The image or mask that operand i holds has at least one pixel: what is sampled must. */
tri_status trii_need_pixels(const struct trii_op *op, size_t i, const struct tri_layout *in, struct tri_error *err);
/* Two operands of one height and width. */
tri_status trii_need_same_size(const struct trii_op *op, size_t a, size_t b, const struct tri_layout *in,
                               struct tri_error *err);

#endif
