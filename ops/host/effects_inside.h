/* What the files of the effects share. Each is compiled twice; TRII_EFFECT(name) is the name of this time. */
#ifndef TRIPOINT_OPS_HOST_EFFECTS_INSIDE_H
#define TRIPOINT_OPS_HOST_EFFECTS_INSIDE_H

#include "effects.h"
#include "taps.h"

#define TRII_PASTE(name, set) trii_##name##_##set
#define TRII_NAMED(name, set) TRII_PASTE(name, set)
#define TRII_EFFECT(name) TRII_NAMED(name, TRII_EFFECT_SET)

/* Where the columns of a row sample: worked out once an image, 3 words a column. */
struct trii_columns {
    uint32_t *lower, *upper;
    float *weight;
};
#define TRII_COLUMN_WORDS 3u

static inline struct trii_columns trii_columns_in(void *at, uint32_t width, uint32_t in, float scale) {
    uint32_t *words = at;
    const struct trii_columns c = {words, words + width, (float *)(void *)(words + 2 * (size_t)width)};
    for (uint32_t x = 0; x < width; x++) {
        const struct trii_tap t = trii_tap_of(x, in, scale);
        c.lower[x] = t.lower;
        c.upper[x] = t.upper;
        c.weight[x] = t.weight;
    }
    return c;
}

void TRII_EFFECT(blur)(const uint8_t *src, struct trii_size size, const struct trii_blur *blur, uint8_t *dst,
                       struct trii_rows rows, void *scratch);
void TRII_EFFECT(composite)(const uint8_t *front, const uint8_t *behind, struct trii_size size, uint8_t *dst);
void TRII_EFFECT(flatten)(const uint8_t *front, const uint8_t rgb[3], struct trii_size size, uint8_t *dst);
void TRII_EFFECT(blend)(const uint8_t *front, const uint8_t *behind, uint32_t least, struct trii_size size,
                        const float *mask, struct trii_size mask_size, uint8_t *dst, struct trii_rows rows, void *scratch);
void TRII_EFFECT(apply_outside)(const uint8_t *src, struct trii_size size, const float *mask, struct trii_size mask_size,
                                uint8_t *dst, struct trii_rows rows, void *scratch);
void TRII_EFFECT(unmix)(const struct trii_unmix *from, struct trii_size size, const float *mask, struct trii_size mask_size,
                        uint8_t *dst, struct trii_rows rows, void *scratch);
void TRII_EFFECT(cover)(const uint8_t *src, struct trii_size in, uint8_t *dst, struct trii_size out,
                        struct trii_rows rows);
void TRII_EFFECT(refine)(const uint8_t *image, struct trii_size size, const float *mask, struct trii_size mask_size,
                         const struct trii_refine *refine, float *dst, void *scratch);
void TRII_EFFECT(steady)(const float *mask, size_t count, float base, float motion, float *dst, float *state);
void TRII_EFFECT(tiles)(const uint8_t *src, struct trii_size size, const struct trii_tile *tiles, size_t count,
                        uint8_t *dst);
void TRII_EFFECT(hide)(const uint8_t *src, struct trii_size size, const float *boxes, const struct trii_hide *hide,
                       uint8_t *dst, void *scratch);

#endif
