/* ops/host/pixels: known answers, and the fast kernels against their plain twins, to the bit. */
#include "kit.h"
#include "random.h"

#include "kernels.h"
#include "pixels.h"

#include <math.h>

static void multiplying_and_dividing_by_alpha(void **state) {
    const struct trii_pixel_kernels *const sets[] = {&trii_pixels_plain, trii_pixels_best()};
    static uint8_t all[256 * 256 * 4], got[sizeof all];
    (void)state;
    for (size_t i = 0; i < 65536; i++) {
        all[4 * i] = (uint8_t)(i & 255);
        all[4 * i + 1] = (uint8_t)(255 - (i & 255));
        all[4 * i + 2] = (uint8_t)(i * 7);
        all[4 * i + 3] = (uint8_t)(i >> 8);
    }
    for (size_t s = 0; s < 2; s++) {
        sets[s]->premultiply(all, got, 65536);
        for (size_t i = 0; i < sizeof all; i++) {
            const unsigned a = all[i | 3];
            assert_int_equal(got[i], i % 4 == 3 ? a : (all[i] * a + 127) / 255);
        }
        sets[s]->unpremultiply(all, got, 65536);
        for (size_t i = 0; i < sizeof all; i++) {
            const unsigned a = all[i | 3], v = a ? (all[i] * 255u + a / 2) / a : 0;
            assert_int_equal(got[i], i % 4 == 3 ? a : v > 255 ? 255 : v);
        }
    }
}

static void known_answers(void **state) {
    const float mask[5] = {0.25f, 0.5f, 0.75f, NAN, INFINITY};
    const uint8_t pixel[4] = {10, 20, 30, 200};
    const float grey[20] = {0.5f, 0.5f, 0, 0, 0, 0.5f, 0.5f, 0, 0, 0, 0, 0, -1, 0, 255, 0, 0, 0, 2, 0};
    const float alpha[4] = {0, 0, 0, 1 / 255.0f};
    const float straight[8] = {0.25f, 0.5f, 0.125f, 0.5f, 1, 1, 1, 0};
    float out[8];
    uint8_t mixed[4];
    (void)state;
    trii_pixels_plain.threshold(mask, out, 5, 0.5f, 0);
    assert_true(out[0] == 0 && out[1] == 1 && out[2] == 1 && out[3] == 0 && out[4] == 1);
    trii_pixels_plain.threshold(mask, out, 5, 0.5f, 2);
    assert_true(out[0] == 0 && out[1] == 0.5f && out[2] == 1 && out[3] == 0 && out[4] == 1);
    trii_pixels_plain.extract(pixel, out, 1, alpha);
    assert_true(out[0] == 200 * (1 / 255.0f));
    trii_pixels_plain.colour_matrix(pixel, mixed, 1, grey);
    assert_true(mixed[0] == 15 && mixed[1] == 15 && mixed[2] == 225 && mixed[3] == 255);
    trii_pixels_plain.premultiply_f32(straight, out, 2);
    assert_true(out[0] == 0.125f && out[3] == 0.5f && out[4] == 0);
    trii_pixels_plain.unpremultiply_f32(straight, out, 2);
    assert_true(out[0] == 0.5f && out[1] == 1 && out[3] == 0.5f && out[4] == 0 && out[7] == 0);
}

static void fill(uint8_t *bytes, float *numbers, size_t n) {
    static const float odd[] = {0, 1, -1, 2, NAN, INFINITY, -INFINITY, 1e-40f, 3e38f, -0.0f};
    for (size_t i = 0; i < 4 * n; i++) {
        bytes[i] = (uint8_t)random_below(256);
        numbers[i] = random_below(4) ? (float)random_below(1u << 24) / (float)(1u << 24) : odd[random_below(10)];
    }
}

static void assert_same_numbers(const float *a, const float *b, size_t n, const char *what) {
    for (size_t i = 0; i < n; i++)
        if (memcmp(&a[i], &b[i], sizeof a[i]) != 0 && !(isnan(a[i]) && isnan(b[i])))
            fail_msg("%s: %zu of %zu is %.9g, the plain twin says %.9g", what, i, n, (double)b[i], (double)a[i]);
}

/* `one` and `two` are larger than needed by a guard that nobody may touch. */
static void twins_agree(void **state) {
    enum { MOST = 100, GUARD = 32 };
    const struct trii_pixel_kernels *fast = trii_pixels_best();
    (void)state;
    if (fast == &trii_pixels_plain)
        skip_because("this processor has no AVX2");
    for (int round = 0; round < 400; round++) {
        const size_t n = random_below(MOST + 1);
        uint8_t bytes[4 * MOST], one[4 * MOST + GUARD], two[4 * MOST + GUARD];
        float numbers[4 * MOST], real[4 * MOST + GUARD], twin[4 * MOST + GUARD], m[20];
        const float level = (float)random_below(1000) / 1000, gain = random_below(2) ? 0 : (float)random_below(50);
        fill(bytes, numbers, MOST);
        for (size_t i = 0; i < 20; i++)
            m[i] = (float)random_below(4001) / 1000 - 2;
#define BYTES(name, plain_args, fast_args)                                                       \
    memset(one, 0xA5, sizeof one), memset(two, 0xA5, sizeof two);                                \
    trii_pixels_plain.name plain_args;                                                           \
    fast->name fast_args;                                                                        \
    assert_memory_equal(one, two, sizeof one)
#define FLOATS(name, plain_args, fast_args)                                                      \
    memset(real, 0xA5, sizeof real), memset(twin, 0xA5, sizeof twin);                            \
    trii_pixels_plain.name plain_args;                                                           \
    fast->name fast_args;                                                                        \
    assert_same_numbers(real, twin, 4 * MOST + GUARD, #name)
        BYTES(premultiply, (bytes, one, n), (bytes, two, n));
        BYTES(unpremultiply, (bytes, one, n), (bytes, two, n));
        BYTES(colour_matrix, (bytes, one, n, m), (bytes, two, n, m));
        FLOATS(premultiply_f32, (numbers, real, n), (numbers, twin, n));
        FLOATS(unpremultiply_f32, (numbers, real, n), (numbers, twin, n));
        FLOATS(threshold, (numbers, real, n, level, gain), (numbers, twin, n, level, gain));
        FLOATS(extract, (bytes, real, n, m), (bytes, twin, n, m));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multiplying_and_dividing_by_alpha),
        cmocka_unit_test(known_answers),
        cmocka_unit_test(twins_agree),
    };
    return cmocka_run_group_tests_name("engine_pixels", tests, NULL, NULL);
}
