/* ops/host: the fast kernels agree with their plain twins to the bit, on random shapes and contents. */
#include "kit.h"
#include "random.h"

#include "kernels.h"

static void fill(uint8_t *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)random_below(256);
}

static size_t bytes_of(struct trii_size size) {
    return (size_t)size.width * size.height * 4;
}

/* Buffers of exactly the needed size, so that the sanitizers see a step too far; a guard pattern catches it elsewhere. */
struct buffers {
    uint8_t *src, *one, *two;
    void *scratch;
};

static struct buffers make(struct trii_size in, struct trii_size out, struct trii_size sampled) {
    struct buffers b = {malloc(bytes_of(in)), malloc(bytes_of(out) + 64), malloc(bytes_of(out) + 64), NULL};
    size_t n = (trii_kernels_scratch(out, sampled) + 63) & ~(size_t)63;
    b.scratch = aligned_alloc(64, n);
    assert_non_null(b.src);
    assert_non_null(b.one);
    assert_non_null(b.two);
    assert_non_null(b.scratch);
    fill(b.src, bytes_of(in));
    memset(b.one, 0xA5, bytes_of(out) + 64);
    memset(b.two, 0xA5, bytes_of(out) + 64);
    return b;
}

static void drop(struct buffers *b) {
    free(b->src);
    free(b->one);
    free(b->two);
    free(b->scratch);
}

/* Rows cut somewhere, in an order of no meaning; a part may be empty. */
enum { PARTS = 3 };
static void cut_in_parts(uint32_t rows, struct trii_rows part[PARTS]) {
    const uint32_t a = random_below(rows + 1), b = a + random_below(rows - a + 1);
    part[0] = (struct trii_rows){b, rows};
    part[1] = (struct trii_rows){0, a};
    part[2] = (struct trii_rows){a, b};
}

static struct trii_size random_size(void) {
    static const uint32_t special[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 255, 256, 257};
    struct trii_size s = {1 + random_below(90), 1 + random_below(60)};
    if (random_below(3) == 0)
        s.width = special[random_below(12)];
    if (random_below(3) == 0)
        s.height = special[random_below(6)];
    return s;
}

#if defined(__x86_64__)
#define FAST (&trii_kernels_avx2)

static bool have_fast(void) {
    return __builtin_cpu_supports("avx2") != 0;
}

static void compare(const struct buffers *b, struct trii_size in, struct trii_size out, const char *what) {
    size_t n = bytes_of(out) + 64;
    for (size_t i = 0; i < n; i++)
        if (b->one[i] != b->two[i])
            fail_msg("%s %ux%u -> %ux%u: byte %zu is %u, the plain twin says %u", what, in.width, in.height, out.width,
                     out.height, i, b->two[i], b->one[i]);
}

static void resizes_agree(void **state) {
    (void)state;
    if (!have_fast())
        skip_because("this processor has no AVX2");
    for (int i = 0; i < 400; i++) {
        struct trii_size in = random_size(), out = random_size();
        struct buffers b = make(in, out, in);
        struct trii_rows part[PARTS];
        cut_in_parts(out.height, part);
        trii_kernels_plain.resize_bilinear(b.src, in, b.one, out, (size_t)out.width * 4, trii_all_rows(out), b.scratch);
        for (size_t k = 0; k < PARTS; k++)
            FAST->resize_bilinear(b.src, in, b.two, out, (size_t)out.width * 4, part[k], b.scratch);
        compare(&b, in, out, "bilinear");
        trii_kernels_plain.resize_area(b.src, in, b.one, out, (size_t)out.width * 4, trii_all_rows(out), b.scratch);
        for (size_t k = 0; k < PARTS; k++)
            FAST->resize_area(b.src, in, b.two, out, (size_t)out.width * 4, part[k], b.scratch);
        compare(&b, in, out, "area");
        trii_kernels_plain.resize_nearest(b.src, in, b.one, out, (size_t)out.width * 4, trii_all_rows(out), b.scratch);
        for (size_t k = 0; k < PARTS; k++)
            FAST->resize_nearest(b.src, in, b.two, out, (size_t)out.width * 4, part[k], b.scratch);
        compare(&b, in, out, "nearest");
        drop(&b);
    }
}

static struct trii_weights weights_of(uint32_t in, uint32_t out) {
    const uint32_t taps = trii_lanczos_taps(in, out);
    uint32_t *spans = malloc((size_t)out * 2 * sizeof *spans);
    float *values = malloc((size_t)out * taps * sizeof *values);
    assert_non_null(spans);
    assert_non_null(values);
    trii_lanczos_fill(in, out, spans, values);
    return (struct trii_weights){taps, spans, values};
}

static void weighted_resizes_agree(void **state) {
    (void)state;
    if (!have_fast())
        skip_because("this processor has no AVX2");
    for (int i = 0; i < 300; i++) {
        struct trii_size in = random_size(), out = random_size();
        struct buffers b = make(in, out, in);
        const struct trii_weights across = weights_of(in.width, out.width), down = weights_of(in.height, out.height);
        float *scratch = malloc(trii_kernels_weighted(in, out, down.taps) * sizeof *scratch);
        assert_non_null(scratch);
        struct trii_rows part[PARTS];
        cut_in_parts(out.height, part);
        trii_kernels_plain.resize_weighted(b.src, in, b.one, out, (size_t)out.width * 4, &across, &down,
                                           trii_all_rows(out), scratch);
        for (size_t k = 0; k < PARTS; k++)
            FAST->resize_weighted(b.src, in, b.two, out, (size_t)out.width * 4, &across, &down, part[k], scratch);
        compare(&b, in, out, "weighted");
        free((void *)(uintptr_t)across.spans);
        free((void *)(uintptr_t)across.values);
        free((void *)(uintptr_t)down.spans);
        free((void *)(uintptr_t)down.values);
        free(scratch);
        drop(&b);
    }
}

/* Output rows that stand apart: what lies between them stays. */
static void resizes_into_a_box_leave_the_margin(void **state) {
    const struct trii_kernels *const sets[] = {&trii_kernels_plain, trii_kernels_best()};
    (void)state;
    for (int i = 0; i < 200; i++) {
        const struct trii_size in = random_size(), out = random_size();
        const struct trii_size whole = {out.width + 3, out.height};
        const size_t pitch = (size_t)whole.width * 4;
        struct buffers tight = make(in, out, in), wide = make(in, whole, in);
        const struct trii_kernels *k = sets[i % 2];
        (i % 3 == 0   ? k->resize_bilinear
         : i % 3 == 1 ? k->resize_area
                      : k->resize_nearest)(wide.src, in, tight.one, out, (size_t)out.width * 4, trii_all_rows(out),
                                           wide.scratch);
        (i % 3 == 0   ? k->resize_bilinear
         : i % 3 == 1 ? k->resize_area
                      : k->resize_nearest)(wide.src, in, wide.one, out, pitch, trii_all_rows(out), wide.scratch);
        for (uint32_t y = 0; y < out.height; y++) {
            assert_memory_equal(wide.one + y * pitch, tight.one + (size_t)y * out.width * 4, (size_t)out.width * 4);
            for (size_t x = (size_t)out.width * 4; x < pitch; x++)
                assert_int_equal(wide.one[y * pitch + x], 0xA5);
        }
        drop(&tight);
        drop(&wide);
    }
}

static void masks_agree_also_in_place(void **state) {
    (void)state;
    if (!have_fast())
        skip_because("this processor has no AVX2");
    for (int i = 0; i < 400; i++) {
        struct trii_size image = random_size(), size = random_size();
        struct buffers b = make(image, image, size);
        size_t n = (size_t)size.width * size.height;
        float *mask = malloc(n * sizeof *mask);
        assert_non_null(mask);
        for (size_t k = 0; k < n; k++) /* a little outside 0 ... 1 too: it is clamped */
            mask[k] = (float)random_below(1200) / 1000.0f - 0.1f;
        struct trii_rows part[PARTS];
        cut_in_parts(image.height, part);
        trii_kernels_plain.apply_mask(b.src, image, mask, size, b.one, trii_all_rows(image), b.scratch);
        for (size_t k = 0; k < PARTS; k++)
            FAST->apply_mask(b.src, image, mask, size, b.two, part[k], b.scratch);
        compare(&b, image, image, "apply_mask");
        memcpy(b.two, b.src, bytes_of(image));
        FAST->apply_mask(b.two, image, mask, size, b.two, trii_all_rows(image), b.scratch);
        compare(&b, image, image, "apply_mask in place");
        free(mask);
        drop(&b);
    }
}

static void vignettes_agree(void **state) {
    (void)state;
    if (!have_fast())
        skip_because("this processor has no AVX2");
    for (int i = 0; i < 200; i++) {
        struct trii_size image = random_size();
        struct buffers b = make(image, image, image);
        float strength = (float)random_below(1001) / 1000.0f;
        struct trii_rows part[PARTS];
        cut_in_parts(image.height, part);
        trii_kernels_plain.vignette(b.src, image, strength, b.one, trii_all_rows(image));
        for (size_t k = 0; k < PARTS; k++)
            FAST->vignette(b.src, image, strength, b.two, part[k]);
        compare(&b, image, image, "vignette");
        drop(&b);
    }
}
#else
static void resizes_agree(void **state) {
    (void)state;
    skip_because("the fast kernels are for x86-64");
}
#define masks_agree_also_in_place resizes_agree
#define weighted_resizes_agree resizes_agree
#define resizes_into_a_box_leave_the_margin resizes_agree
#define vignettes_agree resizes_agree
#endif

/* Known answers, worked out by hand from the definitions. */
static void plain_kernels_follow_the_definitions(void **state) {
    (void)state;
    const uint8_t two[8] = {0, 10, 200, 255, 100, 20, 100, 255}; /* two pixels side by side */
    const struct trii_rows one_row = {0, 1};
    uint8_t out[16];
    trii_kernels_plain.resize_bilinear(two, (struct trii_size){2, 1}, out, (struct trii_size){4, 1}, 16, one_row, NULL);
    /* weights of the right pixel: 0, 0.25, 0.75, 1 */
    assert_int_equal(out[0], 0);
    assert_int_equal(out[4], 25);
    assert_int_equal(out[8], 75);
    assert_int_equal(out[12], 100);
    assert_int_equal(out[6], 175);
    trii_kernels_plain.resize_nearest(two, (struct trii_size){2, 1}, out, (struct trii_size){4, 1}, 16, one_row, NULL);
    assert_int_equal(out[4], 0);
    assert_int_equal(out[8], 100);
    trii_kernels_plain.resize_area(two, (struct trii_size){2, 1}, out, (struct trii_size){1, 1}, 4, one_row, NULL);
    assert_int_equal(out[0], 50);
    assert_int_equal(out[1], 15);
    assert_int_equal(out[2], 150);
    const float mask[2] = {0.0f, 1.0f};
    trii_kernels_plain.apply_mask(two, (struct trii_size){2, 1}, mask, (struct trii_size){2, 1}, out, one_row, NULL);
    assert_int_equal(out[3], 0);
    assert_int_equal(out[7], 255);
    assert_int_equal(out[4], 100);
    /* 2x2 at full strength: dx² + dy² = 2, w² + h² = 8, so f = 256 - 256 * 2 / 8 = 192 */
    uint8_t square[16];
    memset(square, 200, sizeof square);
    trii_kernels_plain.vignette(square, (struct trii_size){2, 2}, 1.0f, square, (struct trii_rows){0, 2});
    assert_int_equal(square[0], 200 * 192 / 256);
    assert_int_equal(square[3], 200);
}

/* The filter keeps what is flat, and to the same size it keeps everything. */
static void lanczos_weights_sum_to_one(void **state) {
    static const uint32_t sides[][2] = {{1, 1}, {1, 9}, {9, 1}, {100, 37}, {37, 100}, {64, 64}, {4000, 3}, {2, 3}};
    (void)state;
    for (size_t s = 0; s < sizeof sides / sizeof *sides; s++) {
        const uint32_t in = sides[s][0], out = sides[s][1], taps = trii_lanczos_taps(in, out);
        uint32_t *spans = malloc((size_t)out * 2 * sizeof *spans);
        float *values = malloc((size_t)out * taps * sizeof *values);
        assert_non_null(spans);
        assert_non_null(values);
        trii_lanczos_fill(in, out, spans, values);
        for (uint32_t i = 0; i < out; i++) {
            double sum = 0;
            assert_in_range(spans[2 * i + 1], 1, taps);
            assert_true(spans[2 * i] + spans[2 * i + 1] <= in);
            for (uint32_t k = 0; k < spans[2 * i + 1]; k++) {
                sum += (double)values[(size_t)i * taps + k];
                if (in == out && spans[2 * i] + k != i)
                    assert_true(values[(size_t)i * taps + k] < 1e-6f && values[(size_t)i * taps + k] > -1e-6f);
            }
            assert_true(sum > 0.99999 && sum < 1.00001);
        }
        free(spans);
        free(values);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_kernels_follow_the_definitions),
        cmocka_unit_test(lanczos_weights_sum_to_one),
        cmocka_unit_test(resizes_agree),
        cmocka_unit_test(weighted_resizes_agree),
        cmocka_unit_test(resizes_into_a_box_leave_the_margin),
        cmocka_unit_test(masks_agree_also_in_place),
        cmocka_unit_test(vignettes_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
