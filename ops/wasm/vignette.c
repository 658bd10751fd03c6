/*
 * vignette as a guest: darkens an image towards its corners. The arithmetic is ops/host/plain.c's, step by step in
 * binary32, so both agree to the bit; four pixels at a time, the last one to three of a row one by one.
 */
#include "tripoint_guest.h"

#include <wasm_simd128.h>

TRIPOINT_GUEST

static int32_t factor(float k, float dx, float dy) {
    const float f = 256.0f - k * (dx * dx + dy * dy);
    return (int32_t)(f > 0.0f ? f : 0.0f);
}

/* 16 bytes, 4 pixels; q holds their factors, 0 ... 256. Alpha gets 256, which keeps it. */
static v128_t darken(v128_t pixels, v128_t q) {
    const v128_t one = wasm_i16x8_splat(256);
    v128_t low = wasm_i16x8_shuffle(q, one, 0, 0, 0, 8, 2, 2, 2, 8);
    v128_t high = wasm_i16x8_shuffle(q, one, 4, 4, 4, 8, 6, 6, 6, 8);
    low = wasm_u16x8_shr(wasm_i16x8_mul(wasm_u16x8_extend_low_u8x16(pixels), low), 8);
    high = wasm_u16x8_shr(wasm_i16x8_mul(wasm_u16x8_extend_high_u8x16(pixels), high), 8);
    return wasm_u8x16_narrow_i16x8(low, high);
}

static void row(const uint8_t *src, uint8_t *dst, int32_t width, float k, float dy) {
    const v128_t zero = wasm_f32x4_splat(0.0f), full = wasm_f32x4_splat(256.0f), eight = wasm_f32x4_splat(8.0f);
    const v128_t k4 = wasm_f32x4_splat(k), dy2 = wasm_f32x4_splat(dy * dy);
    v128_t dx = wasm_f32x4_add(wasm_f32x4_splat((float)(1 - width)), wasm_f32x4_make(0, 2, 4, 6));
    int32_t x = 0;
    /* Every turn of a loop looks at the clock that bounds guests: unrolled, that is 1 look in 16 pixels, not in 4. */
#pragma clang loop unroll_count(4)
    for (; x + 4 <= width; x += 4, src += 16, dst += 16) {
        const v128_t r2 = wasm_f32x4_add(wasm_f32x4_mul(dx, dx), dy2);
        const v128_t f = wasm_f32x4_sub(full, wasm_f32x4_mul(k4, r2));
        const v128_t q = wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_pmax(zero, f));
        wasm_v128_store(dst, darken(wasm_v128_load(src), q));
        dx = wasm_f32x4_add(dx, eight); /* exact: whole numbers below 2^24 */
    }
    for (; x < width; x++, src += 4, dst += 4) {
        const int32_t f = factor(k, (float)(2 * x + 1 - width), dy);
        for (int c = 0; c < 3; c++)
            dst[c] = (uint8_t)((src[c] * f) >> 8);
        dst[3] = src[3];
    }
}

TRIPOINT_OPERATION(vignette) {
    const struct tripoint_operand *image = &call->operands[0], *darkened = &call->operands[1];
    if (call->operand_count != 2 || call->param_count != 1 || image->rank != 3 || image->dtype != TRIPOINT_U8 ||
        image->shape[2] != 4 || darkened->bytes != image->bytes)
        return 1;
    const uint64_t height = image->shape[0], width = image->shape[1];
    const float k = (float)call->params[0] * 256.0f / (float)(width * width + height * height);
    const uint8_t *src = tripoint_bytes(image);
    uint8_t *dst = tripoint_bytes(darkened);
    for (uint64_t y = 0; y < height; y++, src += width * 4, dst += width * 4)
        row(src, dst, (int32_t)width, k, (float)(2 * (int64_t)y + 1 - (int64_t)height));
    return 0;
}
