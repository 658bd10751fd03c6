/* ops/host/convert and half.h: every half, the edges of rounding, known conversions, and fast against plain. */
#include "kit.h"
#include "random.h"

#include "convert.h"
#include "half.h"
#include "kernels.h"

#include <math.h>

static void every_half_there_and_back(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        const float f = trii_float_of((uint16_t)h);
        const bool nan = (h & 0x7c00) == 0x7c00 && (h & 0x3ff);
        assert_int_equal(trii_half_of(f), nan ? TRII_HALF_NAN : h);
        if (!nan && (h & 0x7c00) != 0x7c00) {
            const int exponent = (int)(h >> 10 & 31);
            const double size = exponent ? ldexp(1024 + (h & 0x3ff), exponent - 25) : ldexp(h & 0x3ff, -24);
            assert_true((double)f == (h & 0x8000 ? -size : size));
        }
    }
}

/* Halfway between two halves goes to the even one, anything beyond it to the nearer. */
static void halves_are_rounded_to_the_nearest(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 0x7c00; h++) {
        const float low = trii_float_of((uint16_t)h);
        const float high = h + 1 < 0x7c00 ? trii_float_of((uint16_t)(h + 1)) : 65536.0f;
        const float middle = (low + high) / 2;
        assert_int_equal(trii_half_of(middle), h & 1 ? h + 1 : h);
        assert_int_equal(trii_half_of(nextafterf(middle, 0)), h);
        assert_int_equal(trii_half_of(nextafterf(middle, INFINITY)), h + 1);
        assert_int_equal(trii_half_of(-nextafterf(middle, INFINITY)), 0x8000 | (h + 1));
    }
    assert_int_equal(trii_half_of(INFINITY), 0x7c00);
    assert_int_equal(trii_half_of(-1e30f), 0xfc00);
    assert_int_equal(trii_half_of(NAN), TRII_HALF_NAN);
    assert_int_equal(trii_half_of(-1e-20f), 0x8000);
}

static void bytes_come_back_from_floats_and_halves(void **state) {
    const struct trii_convert_kernels *const sets[] = {&trii_convert_plain, trii_convert_best()};
    (void)state;
    for (size_t s = 0; s < 2; s++)
        for (int e = TRII_ELEMENT_F16; e <= TRII_ELEMENT_F32; e++) {
            const struct trii_format bytes = {TRII_ELEMENT_U8, 4}, other = {(enum trii_element)e, 4};
            uint8_t all[256], back[256];
            float between[256];
            for (size_t i = 0; i < 256; i++)
                all[i] = (uint8_t)i;
            trii_convert(sets[s], all, bytes, between, other, 64);
            trii_convert(sets[s], between, other, back, bytes, 64);
            assert_memory_equal(all, back, 256);
        }
}

static void channels(void **state) {
    const struct trii_format grey = {TRII_ELEMENT_U8, 1}, rgb = {TRII_ELEMENT_U8, 3}, rgba = {TRII_ELEMENT_U8, 4};
    const uint8_t pixel[4] = {255, 0, 0, 9}, one = 77;
    uint8_t out[4];
    (void)state;
    trii_convert(&trii_convert_plain, pixel, rgba, out, grey, 1);
    assert_int_equal(out[0], 54); /* 0.2126 * 255 */
    trii_convert(&trii_convert_plain, pixel, rgb, out, rgba, 1);
    assert_true(out[0] == 255 && out[1] == 0 && out[2] == 0 && out[3] == 255);
    trii_convert(&trii_convert_plain, &one, grey, out, rgba, 1);
    assert_true(out[0] == 77 && out[1] == 77 && out[2] == 77 && out[3] == 255);
    trii_convert(&trii_convert_plain, pixel, rgba, out, rgba, 1);
    assert_int_equal(out[3], 9);
}

static size_t bytes_of(struct trii_format format, size_t pixels) {
    return pixels * format.channels * (format.element == TRII_ELEMENT_U8 ? 1 : format.element == TRII_ELEMENT_F16 ? 2 : 4);
}

static void twins_agree(void **state) {
    static const size_t counts[] = {1, 3, 4};
    enum { MOST = 600, GUARD = 32 };
    static uint32_t src[MOST * 4];
    static uint8_t one[MOST * 16 + GUARD], two[MOST * 16 + GUARD];
    (void)state;
    if (trii_convert_best() == &trii_convert_plain)
        skip_because("this processor has no AVX2");
    for (int round = 0; round < 600; round++) {
        const struct trii_format from = {(enum trii_element)random_below(3), counts[random_below(3)]};
        const struct trii_format to = {(enum trii_element)random_below(3), counts[random_below(3)]};
        const size_t n = random_below(MOST + 1);
        for (size_t i = 0; i < MOST * 4; i++) /* any bits: NaNs of every kind, subnormal numbers */
            src[i] = random_below(3) ? random_below(0x3f800000) : (uint32_t)seed;
        memset(one, 0xA5, sizeof one);
        memset(two, 0xA5, sizeof two);
        trii_convert(&trii_convert_plain, src, from, one, to, n);
        trii_convert(trii_convert_best(), src, from, two, to, n);
        for (size_t i = 0; i < sizeof one; i++)
            if (one[i] != two[i] && !(from.element == TRII_ELEMENT_F32 && to.element == TRII_ELEMENT_F32))
                fail_msg("%d x %zu to %d x %zu, %zu pixels: byte %zu is %d, the plain twin says %d", from.element,
                         from.channels, to.element, to.channels, n, i, two[i], one[i]);
        for (size_t i = bytes_of(to, n); i < sizeof two; i++)
            assert_int_equal(two[i], 0xA5);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_there_and_back),
        cmocka_unit_test(halves_are_rounded_to_the_nearest),
        cmocka_unit_test(bytes_come_back_from_floats_and_halves),
        cmocka_unit_test(channels),
        cmocka_unit_test(twins_agree),
    };
    return cmocka_run_group_tests_name("engine_convert", tests, NULL, NULL);
}
