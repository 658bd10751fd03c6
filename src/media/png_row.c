#include "media/png_row.h"

#include "base/alloc.h"

#include <string.h>

bool trii_png_rows_begin(struct trii_png_rows *rows, const struct trii_pixels *pixels) {
    *rows = (struct trii_png_rows){.pixels = pixels};
    if (pixels->dtype == TRI_DTYPE_U8 && pixels->depth != 16)
        return true;
    for (int i = 0; i < 2; i++)
        rows->made[i] = trii_calloc(trii_png_row_bytes(pixels), 1);
    return rows->made[0] && rows->made[1];
}

void trii_png_rows_end(struct trii_png_rows *rows) {
    for (int i = 0; i < 2; i++)
        trii_free(rows->made[i]);
    *rows = (struct trii_png_rows){0};
}

float trii_half_to_float(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16, exponent = half >> 10 & 31u, fraction = half & 0x3ffu, bits;
    float value;
    if (exponent == 31)
        bits = sign | 0x7f800000u | fraction << 13;
    else if (exponent > 0)
        bits = sign | (exponent + 112) << 23 | fraction << 13;
    else { /* below the smallest normal one: a multiple of 2^-24 */
        value = (float)fraction * 0x1p-24f;
        return sign ? -value : value;
    }
    memcpy(&value, &bits, sizeof value); /* not payload: one number */
    return value;
}

/* 0 … 1 to 0 … most, rounded; what is outside, or no number, goes to the nearer end. */
static uint32_t level(float value, uint32_t most) {
    if (!(value > 0))
        return 0;
    return value >= 1 ? most : (uint32_t)(value * (float)most + 0.5f);
}

/* Sample i of a row, as 16 bits or as 8. */
static uint32_t sample(const uint8_t *row, enum tri_dtype dtype, size_t i, uint32_t most) {
    uint16_t whole;
    float number;
    switch (dtype) {
    case TRI_DTYPE_U16:
        memcpy(&whole, row + i * sizeof whole, sizeof whole); /* not payload: one number, any alignment */
        return most == 65535 ? whole : (whole * 255u + 32767u) / 65535u;
    case TRI_DTYPE_F16:
        memcpy(&whole, row + i * sizeof whole, sizeof whole); /* not payload: one number, any alignment */
        return level(trii_half_to_float(whole), most);
    case TRI_DTYPE_F32:
        memcpy(&number, row + i * sizeof number, sizeof number); /* not payload: one number, any alignment */
        return level(number, most);
    default: /* u8 */
        return most == 65535 ? row[i] * 257u : row[i];
    }
}

static void make(const struct trii_pixels *pixels, uint32_t y, uint8_t *out) {
    const uint8_t *row = trii_pixels_row(pixels, y);
    const size_t samples = trii_png_row_bytes(pixels) / (pixels->depth == 16 ? 2 : 1);
    if (pixels->depth == 16)
        for (size_t i = 0; i < samples; i++) {
            uint32_t value = sample(row, pixels->dtype, i, 65535);
            out[2 * i] = (uint8_t)(value >> 8);
            out[2 * i + 1] = (uint8_t)value;
        }
    else
        for (size_t i = 0; i < samples; i++)
            out[i] = (uint8_t)sample(row, pixels->dtype, i, 255);
}

const uint8_t *trii_png_row(struct trii_png_rows *rows, uint32_t y) {
    uint8_t *made = rows->made[y % 2];
    if (!made)
        return trii_pixels_row(rows->pixels, y);
    if (rows->which[y % 2] != y + 1) {
        make(rows->pixels, y, made);
        rows->which[y % 2] = y + 1;
    }
    return made;
}
