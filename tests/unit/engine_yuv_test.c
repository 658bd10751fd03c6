/* ops/host/yuv: the standards' own colours, there and back, and the fast kernels against their plain twins. */
#include "kit.h"
#include "random.h"

#include "yuv.h"

static const struct {
    double red, blue;
    bool full;
} matrices[] = {{0.299, 0.114, false}, {0.299, 0.114, true}, {0.2126, 0.0722, false}, {0.2126, 0.0722, true}};

static void assert_yuv(size_t matrix, uint8_t r, uint8_t g, uint8_t b, int y, int u, int v) {
    const struct trii_to_yuv to = trii_to_yuv_of(matrices[matrix].red, matrices[matrix].blue, matrices[matrix].full);
    uint8_t rgba[16], frame[6];
    const struct trii_planes planes = trii_planes_of(frame, (struct trii_size){2, 2}, true);
    for (size_t i = 0; i < 16; i += 4) {
        const uint8_t pixel[4] = {r, g, b, 7};
        memcpy(rgba + i, pixel, 4);
    }
    trii_yuv_plain.to(rgba, (struct trii_size){2, 2}, &planes, &to);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(frame[i], y);
    assert_int_equal(frame[4], u);
    assert_int_equal(frame[5], v);
}

/* Values as the recommendations' own tables of colour bars have them. */
static void colour_bars(void **state) {
    (void)state;
    for (size_t m = 0; m < 4; m++) {
        assert_yuv(m, 0, 0, 0, matrices[m].full ? 0 : 16, 128, 128);
        assert_yuv(m, 255, 255, 255, matrices[m].full ? 255 : 235, 128, 128);
    }
    assert_yuv(0, 255, 0, 0, 81, 90, 240);
    assert_yuv(0, 0, 255, 0, 145, 54, 34);
    assert_yuv(0, 0, 0, 255, 41, 240, 110);
    assert_yuv(2, 255, 0, 0, 63, 102, 240);
    assert_yuv(2, 0, 255, 0, 173, 42, 26);
    assert_yuv(2, 0, 0, 255, 32, 240, 118);
    assert_yuv(1, 0, 0, 255, 29, 255, 107);
}

/* Flat colours survive: chroma has fewer steps than the colours that it stands for. */
static void there_and_back(void **state) {
    (void)state;
    for (int i = 0; i < 4000; i++) {
        const size_t m = random_below(4);
        const struct trii_to_yuv to = trii_to_yuv_of(matrices[m].red, matrices[m].blue, matrices[m].full);
        const struct trii_from_yuv from = trii_from_yuv_of(matrices[m].red, matrices[m].blue, matrices[m].full);
        const struct trii_size size = {2, 2};
        const bool interleaved = random_below(2);
        uint8_t rgba[16], back[16], frame[6];
        const struct trii_planes planes = trii_planes_of(frame, size, interleaved);
        for (size_t k = 0; k < 16; k++)
            rgba[k] = k < 3 ? (uint8_t)random_below(256) : k % 4 == 3 ? 255 : rgba[k - 4];
        trii_yuv_best()->to(rgba, size, &planes, &to);
        trii_yuv_best()->from(&planes, size, back, &from);
        for (size_t k = 0; k < 16; k++)
            if (abs(back[k] - rgba[k]) > 3)
                fail_msg("matrix %zu: %d came back as %d", m, rgba[k], back[k]);
    }
}

static void twins_agree(void **state) {
    enum { GUARD = 64 };
    const struct trii_yuv_kernels *fast = trii_yuv_best();
    (void)state;
    if (fast == &trii_yuv_plain)
        skip_because("this processor has no AVX2");
    for (int i = 0; i < 300; i++) {
        const size_t m = random_below(4);
        const struct trii_to_yuv to = trii_to_yuv_of(matrices[m].red, matrices[m].blue, matrices[m].full);
        const struct trii_from_yuv from = trii_from_yuv_of(matrices[m].red, matrices[m].blue, matrices[m].full);
        const struct trii_size size = {2 * (1 + random_below(40)), 2 * (1 + random_below(6))};
        const size_t pixels = (size_t)size.width * size.height, frame = pixels / 2 * 3;
        const bool interleaved = random_below(2), extreme = random_below(4) == 0;
        uint8_t *src = malloc(pixels * 4), *one = malloc(pixels * 4 + GUARD), *two = malloc(pixels * 4 + GUARD);
        assert_non_null(src);
        assert_non_null(one);
        assert_non_null(two);
        for (size_t k = 0; k < pixels * 4; k++)
            src[k] = extreme ? (uint8_t)(random_below(2) * 255) : (uint8_t)random_below(256);
        memset(one, 0xA5, pixels * 4 + GUARD);
        memset(two, 0xA5, pixels * 4 + GUARD);
        const struct trii_planes ones = trii_planes_of(one, size, interleaved), twos = trii_planes_of(two, size, interleaved);
        trii_yuv_plain.to(src, size, &ones, &to);
        fast->to(src, size, &twos, &to);
        assert_memory_equal(one, two, frame + GUARD);
        const struct trii_planes planes = trii_planes_of(src, size, interleaved);
        trii_yuv_plain.from(&planes, size, one, &from);
        fast->from(&planes, size, two, &from);
        assert_memory_equal(one, two, pixels * 4 + GUARD);
        free(src);
        free(one);
        free(two);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(colour_bars),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(twins_agree),
    };
    return cmocka_run_group_tests_name("engine_yuv", tests, NULL, NULL);
}
