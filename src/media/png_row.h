/*
 * Rows as a PNG has them: 8 or 16 bits a sample, high byte first. RGBA 8 (and grey, RGB) are lent from where they lie;
 * anything else is worked out, a row at a time, into two rows that take turns, since a filter looks at the row above.
 */
#ifndef TRIPOINT_MEDIA_PNG_ROW_H
#define TRIPOINT_MEDIA_PNG_ROW_H

#include "media/sink.h"

static inline size_t trii_png_pixel_bytes(const struct trii_pixels *pixels) {
    return (size_t)(pixels->channels ? pixels->channels : 4) * (pixels->depth == 16 ? 2 : 1);
}
static inline size_t trii_png_row_bytes(const struct trii_pixels *pixels) {
    return trii_png_pixel_bytes(pixels) * pixels->width;
}

/* One thread's rows. */
struct trii_png_rows {
    const struct trii_pixels *pixels;
    uint8_t *made[2];   /* NULL where rows are lent; row y is in made[y % 2] */
    uint32_t which[2];  /* y + 1; 0 for none */
};
/* False when memory is out; end it all the same. */
bool trii_png_rows_begin(struct trii_png_rows *rows, const struct trii_pixels *pixels);
/* Valid until a row two further up or down is asked for. */
const uint8_t *trii_png_row(struct trii_png_rows *rows, uint32_t y);
void trii_png_rows_end(struct trii_png_rows *rows);

/* IEEE half precision. */
float trii_half_to_float(uint16_t half);

#endif
