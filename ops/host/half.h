/* binary16 and binary32, by their bits: rounded to the nearest, ties to even; one quiet NaN on either side. */
#ifndef TRIPOINT_OPS_HOST_HALF_H
#define TRIPOINT_OPS_HOST_HALF_H

#include <stdint.h>

union trii_float_bits {
    float number;
    uint32_t bits;
};

static inline uint32_t trii_bits_of(float number) {
    return (union trii_float_bits){.number = number}.bits;
}

static inline float trii_float_with(uint32_t bits) {
    return (union trii_float_bits){.bits = bits}.number;
}

#define TRII_HALF_NAN 0x7e00u
#define TRII_FLOAT_NAN 0x7fc00000u

static inline uint16_t trii_half_of(float number) {
    const uint32_t bits = trii_bits_of(number), sign = bits >> 16 & 0x8000u, size = bits & 0x7fffffffu;
    if (size > 0x7f800000u)
        return TRII_HALF_NAN;
    if (size >= 0x477ff000u) /* 65520 and more */
        return (uint16_t)(sign | 0x7c00u);
    if (size >= 0x38800000u) /* normal: 13 bits of the fraction go */
        return (uint16_t)(sign | ((size - 0x38000000u + 0xfffu + (size >> 13 & 1u)) >> 13));
    if (size < 0x33000000u) /* less than half of the smallest */
        return (uint16_t)sign;
    const uint32_t fraction = (size & 0x7fffffu) | 0x800000u, shift = 126u - (size >> 23);
    const uint32_t cut = fraction >> shift, rest = fraction & ((1u << shift) - 1u), half = 1u << (shift - 1u);
    return (uint16_t)(sign | (cut + (rest > half || (rest == half && (cut & 1u)))));
}

static inline float trii_float_of(uint16_t half) {
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16, exponent = half >> 10 & 31u, fraction = half & 0x3ffu;
    if (exponent == 31)
        return trii_float_with(fraction ? TRII_FLOAT_NAN : sign | 0x7f800000u);
    if (exponent != 0)
        return trii_float_with(sign | (exponent + 112u) << 23 | fraction << 13);
    const float small = (float)fraction * 5.9604644775390625e-8f; /* 2^-24: exact */
    return sign ? -small : small;
}

#endif
