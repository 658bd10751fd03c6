/*
 * The arithmetic of the operations that make effects of images, masks and boxes: the definition in C, as kernels.h is
 * for the basic ones.
 *
 * IEEE binary32 without contraction, each step in the order written: a shader that follows the same steps agrees to the
 * bit where its divisions are exact. Each file is compiled twice, for any processor and for AVX2: loops run over
 * independent elements, so the compiler widens them without changing a result.
 *
 * Pixels are RGBA u8, alpha not premultiplied, rows tight. Masks are f32. Boxes are rows of five f32: x, y, width,
 * height as parts of the image's size, and a score; a score of zero ends the list.
 */
#ifndef TRIPOINT_OPS_HOST_EFFECTS_H
#define TRIPOINT_OPS_HOST_EFFECTS_H

#include "kernels.h"

/*
 * A Gaussian of standard deviation `sigma` pixels at a cost that does not grow with it. Pixels are averaged in cells of
 * k x k (k = 2^n such that 2 <= sigma / k < 4, or 1), the small image is convolved with at most 25 taps along x and then
 * along y, and sampled bilinearly. Averaging, sampling and taps have the variance sigma² together: averaging and
 * sampling add k² / 4, so the taps have sigma² / k² - 1/4 (their width is chosen such that, cut off at three deviations,
 * they have just that).
 */
#define TRII_BLUR_TAPS 13 /* the middle one and those of one side */
struct trii_blur {
    uint32_t cell;   /* k */
    uint32_t radius; /* taps of one side */
    float weight[TRII_BLUR_TAPS];
    struct trii_size small; /* cells across and down: the image's size / k, rounded up */
};
struct trii_blur trii_blur_plan(double sigma, struct trii_size size);
size_t trii_blur_scratch(const struct trii_blur *blur, struct trii_size size);

/* Guided filter: the mask becomes a linear function of the colours around. */
struct trii_refine {
    uint32_t radius; /* of the window, in cells of the mask */
    float softness;  /* added to the variances: differences of colour well below its root are no edge */
    float low, range; /* the result is (q - low) * range, clamped to 0 ... 1 */
};
struct trii_refine trii_refine_plan(double radius, double edge, double low, double high);
size_t trii_refine_scratch(struct trii_size image, struct trii_size mask, uint32_t radius);

/* A square piece of an image: where it begins and how long its side is, in pixels; parts may lie outside. */
#define TRII_TILE_SIDE 128u
struct trii_tile {
    float x, y, side;
};

/* The pieces that the face detector is shown, and the faces out of what it says (ops/wasm/faces.h, compiled here). */
uint32_t trii_faces_tiles(struct trii_size size, uint32_t levels);
struct trii_tile trii_faces_tile(struct trii_size size, uint32_t i);
void trii_faces_find(const float *raw, const float *scores, uint32_t tiles, struct trii_size size, float least,
                     uint32_t capacity, float *boxes, void *scratch);
size_t trii_faces_scratch(void);

struct trii_hide {
    uint32_t boxes; /* rows of the list */
    uint32_t cells; /* across and down a box */
    float grow;     /* of a box's size, on each side */
    uint32_t smooth;  /* 1: blurred; 0: in blocks */
    uint32_t ellipse; /* 1: the ellipse in the box; 0: the box */
};
size_t trii_hide_scratch(const struct trii_hide *hide);

/* What unmix looks at: the image, and the colours of the subject and of the background, spread. */
struct trii_unmix {
    const uint8_t *image, *inner, *outer;
};

/* The window of an image that covers `out`: `side` is its scale, in / out. */
struct trii_tile trii_cover_window(struct trii_size in, struct trii_size out);

/* Where `rows` are asked for, those of the output: trii_rows in kernels.h. */
struct trii_effects {
    /* Colours count by their alpha: what is transparent does not show. src may be dst. */
    void (*blur)(const uint8_t *src, struct trii_size size, const struct trii_blur *blur, uint8_t *dst,
                 struct trii_rows rows, void *scratch);
    /* Source over: n = af * 255 + ab * (255 - af); alpha (n + 127) / 255, colour (cf * af * 255 + cb * ab * (255 - af)
     * + n / 2) / n, whole numbers. dst may be either image. */
    void (*composite)(const uint8_t *front, const uint8_t *behind, struct trii_size size, uint8_t *dst);
    /* The same over one colour. */
    void (*flatten)(const uint8_t *front, const uint8_t rgb[3], struct trii_size size, uint8_t *dst);
    /* The same after front's alpha has become alpha * m + 0.5, cut, m being the mask sampled as apply_mask does.
     * `least` is 0, or 255 when what is behind counts as opaque. */
    void (*blend)(const uint8_t *front, const uint8_t *behind, uint32_t least, struct trii_size size, const float *mask,
                  struct trii_size mask_size, uint8_t *dst, struct trii_rows rows, void *scratch);
    /* apply_mask (kernels.h) with 1 - m for m. src may be dst. */
    void (*apply_outside)(const uint8_t *src, struct trii_size size, const float *mask, struct trii_size mask_size,
                          uint8_t *dst, struct trii_rows rows, void *scratch);
    /* With m as above: f + m (i - m f - (1 - m) b), clamped to 0 ... 255, + 0.5, cut; i where inner or outer has no
     * alpha. dst may be the image. */
    void (*unmix)(const struct trii_unmix *from, struct trii_size size, const float *mask, struct trii_size mask_size,
                  uint8_t *dst, struct trii_rows rows, void *scratch);
    /* Scaled by s = min(in / out) of both axes and cut at both sides alike: area mean when s > 1, else bilinear. */
    void (*cover)(const uint8_t *src, struct trii_size in, uint8_t *dst, struct trii_size out, struct trii_rows rows);
    void (*refine)(const uint8_t *image, struct trii_size size, const float *mask, struct trii_size mask_size,
                   const struct trii_refine *refine, float *dst, void *scratch);
    /* `state` holds 0 where nothing was seen yet, else 1 + what was written last. The new value is p + (m - p) * r with
     * r = base + (1 - base) * min(|m - p| * motion, 1). dst may be mask. */
    void (*steady)(const float *mask, size_t count, float base, float motion, float *dst, float *state);
    /* `count` pieces, each 128 x 128, one below the other: area mean where they shrink, else bilinear; black outside. */
    void (*tiles)(const uint8_t *src, struct trii_size size, const struct trii_tile *tiles, size_t count, uint8_t *dst);
    /* dst may be src. */
    void (*hide)(const uint8_t *src, struct trii_size size, const float *boxes, const struct trii_hide *hide,
                 uint8_t *dst, void *scratch);
};
/* Of blend, apply_outside and unmix. */
size_t trii_blend_scratch(struct trii_size size, struct trii_size mask_size);

extern const struct trii_effects trii_effects_plain;
#if defined(__x86_64__)
extern const struct trii_effects trii_effects_avx2;
#endif
const struct trii_effects *trii_effects_best(void);

#endif
