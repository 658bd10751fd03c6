/* The operations that the host does: X(NAME, name) has the recipe trii_host_name, in a file of this folder. */
#ifndef TRIPOINT_ENGINE_HOST_LIST_H
#define TRIPOINT_ENGINE_HOST_LIST_H

#define TRII_HOST_LIST(X)           \
    X(RESIZE, resize)               \
    X(APPLY_MASK, apply_mask)       \
    X(VIGNETTE, vignette)           \
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
    X(DECODE_FACES, decode_faces)   \
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
