/* The operations that the GPU does: X(NAME, name) has the recipe trii_gpu_name() in recipes/name.c. */
#ifndef TRIPOINT_ENGINE_WEBGPU_RECIPES_LIST_H
#define TRIPOINT_ENGINE_WEBGPU_RECIPES_LIST_H

#define TRII_GPU_LIST(X)            \
    X(RESIZE, resize)               \
    X(APPLY_MASK, apply_mask)       \
    X(LETTERBOX, letterbox)         \
    X(CROP, crop)                   \
    X(PAD, pad)                     \
    X(BLUR, blur)                   \
    X(COMPOSITE, composite)         \
    X(FLATTEN, flatten)             \
    X(BLEND, blend)                 \
    X(UNMIX, unmix)                 \
    X(COVER, cover)                 \
    X(REFINE, refine)               \
    X(STEADY, steady)               \
    X(FACE_TILES, face_tiles)       \
    X(HIDE_BOXES, hide_boxes)       \
    X(PREMULTIPLY, premultiply)     \
    X(UNPREMULTIPLY, unpremultiply) \
    X(THRESHOLD, threshold)         \
    X(EXTRACT_MASK, extract_mask)   \
    X(COLOUR_MATRIX, colour_matrix) \
    X(TO_NV12, to_nv12)             \
    X(FROM_NV12, from_nv12)         \
    X(TO_I420, to_i420)             \
    X(FROM_I420, from_i420)         \
    X(CONVERT, convert)

#endif
