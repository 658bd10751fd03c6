/*
 * The built-in operations, in the order in which `tripoint ops` shows them. X(NAME, name) makes TRII_OP_NAME and expects
 * `const struct trii_op trii_name_op`, defined in ops/name.c. Adding an operation: see the README of the room.
 */
#ifndef TRIPOINT_ENGINE_OPS_LIST_H
#define TRIPOINT_ENGINE_OPS_LIST_H

#define TRII_OP_LIST(X)             \
    X(RESIZE, resize)               \
    X(SEGMENT, segment)             \
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
    X(DETECT_FACES, detect_faces)   \
    X(TO_NV12, to_nv12)             \
    X(FROM_NV12, from_nv12)         \
    X(TO_I420, to_i420)             \
    X(FROM_I420, from_i420)         \
    X(CONVERT, convert)

#endif
