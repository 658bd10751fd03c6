/* Numbers that operations on pixels compute with, worked out once from the parameters for every engine. */
#ifndef TRIPOINT_ENGINE_OPS_COLOUR_H
#define TRIPOINT_ENGINE_OPS_COLOUR_H

#include "engine/contract.h"

#include "yuv.h"

/* threshold: gain is 0 for a hard edge, else 1 / soft. */
struct trii_ramp {
    float level, gain;
};
struct trii_ramp trii_ramp_of(const struct trii_stage *stage);

/* extract_mask: what R, G, B and A in 0 ... 255 are multiplied by. */
void trii_channel_weights(const struct trii_stage *stage, float weights[4]);

/* colour_matrix: four rows of five; the fifth is scaled to 0 ... 255. */
void trii_colour_matrix(const struct trii_stage *stage, float matrix[20]);

/* to_nv12 and the other three: by the parameters matrix and range. */
struct trii_to_yuv trii_stage_to_yuv(const struct trii_stage *stage);
struct trii_from_yuv trii_stage_from_yuv(const struct trii_stage *stage);
/* from_nv12 and from_i420: quarter turns clockwise, 0 to 3. */
uint32_t trii_stage_turn(const struct trii_stage *stage);
/* Of the picture that a frame's layout stores. */
static inline struct trii_size trii_yuv_stored(const struct tri_layout *frame) {
    return (struct trii_size){.width = (uint32_t)frame->shape[1], .height = (uint32_t)(frame->shape[0] / 3 * 2)};
}

#endif
