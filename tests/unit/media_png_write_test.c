/* The PNG encoder: what it writes, libpng and libspng read back bit for bit; failures leave nothing. */
#include "memory_sink.h"

#include "base/fault.h"

#include <spng.h>

static struct kit_bytes encode(const uint8_t *pixels, uint32_t width, uint32_t height, uint64_t stride,
                               uint32_t threads) {
    struct trii_pixels image = {.bytes = pixels, .stride_bytes = stride, .width = width, .height = height};
    struct target target = {.fail_at = UINT64_MAX};
    struct trii_sink sink = {.write = collect, .user = &target};
    struct tri_error err = {0};
    assert_ok(trii_png_encode(&image, threads, &sink, &err));
    return target.file;
}

static void check_reads(const struct kit_bytes *file, const uint8_t *pixels, uint32_t width, uint32_t height,
                        uint8_t *(*read)(const struct kit_bytes *, uint32_t *, uint32_t *)) {
    uint32_t w = 0, h = 0;
    uint8_t *back = read(file, &w, &h);
    assert_non_null(back);
    assert_int_equal(w, width);
    assert_int_equal(h, height);
    assert_int_equal(memcmp(back, pixels, (size_t)width * height * 4), 0);
    free(back);
}

static void round_trip(const uint8_t *pixels, uint32_t width, uint32_t height, uint32_t threads) {
    struct kit_bytes file = encode(pixels, width, height, (uint64_t)width * 4, threads);
    check_reads(&file, pixels, width, height, kit_png_read);
    check_reads(&file, pixels, width, height, kit_spng_read);
    free(file.bytes);
}

static void every_shape_comes_back_bit_for_bit(void **state) {
    (void)state;
    static const uint32_t sizes[][2] = {{1, 1}, {1, 8000}, {8000, 1}, {2, 2}, {3, 5}, {5, 3}, {7, 640}, {641, 359},
                                        {1023, 257}, {32768, 5}, {1, 32768}, {1920, 1080}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t *pixels = kit_pixels(sizes[i][0], sizes[i][1], (uint32_t)i);
        round_trip(pixels, sizes[i][0], sizes[i][1], 1 + (uint32_t)i % 4);
        free(pixels);
    }
}

static void every_width_has_its_tail(void **state) {
    (void)state;
    for (uint32_t width = 1; width <= 40; width++) {
        uint8_t *pixels = kit_pixels(width, 9, width);
        round_trip(pixels, width, 9, 2);
        free(pixels);
    }
}

/* Incompressible, constant, and fully transparent pictures: the deflate blocks' three kinds. */
static void extremes_of_compressibility_come_back(void **state) {
    (void)state;
    enum { SIDE = 700 };
    uint8_t *pixels = malloc(SIDE * SIDE * 4);
    uint32_t seed = 1;
    for (size_t i = 0; i < SIDE * SIDE * 4; i++) {
        seed = seed * 1664525u + 1013904223u;
        pixels[i] = (uint8_t)(seed >> 24);
    }
    round_trip(pixels, SIDE, SIDE, 2);
    for (size_t i = 3; i < SIDE * SIDE * 4; i += 4)
        pixels[i] = 0; /* colours under alpha 0 are kept */
    round_trip(pixels, SIDE, SIDE, 2);
    memset(pixels, 0, SIDE * SIDE * 4);
    round_trip(pixels, SIDE, SIDE, 2);
    memset(pixels, 255, SIDE * SIDE * 4);
    round_trip(pixels, SIDE, SIDE, 2);
    free(pixels);
}

static void a_4k_image_comes_back(void **state) {
    (void)state;
    uint8_t *pixels = kit_pixels(3840, 2160, 3);
    round_trip(pixels, 3840, 2160, 4);
    free(pixels);
}

static void the_file_does_not_depend_on_the_threads(void **state) {
    (void)state;
    uint8_t *pixels = kit_pixels(800, 900, 5);
    struct kit_bytes one = encode(pixels, 800, 900, 3200, 1);
    for (uint32_t threads = 2; threads <= TRII_PNG_MAX_THREADS; threads++) {
        struct kit_bytes many = encode(pixels, 800, 900, 3200, threads);
        assert_int_equal(many.size, one.size);
        assert_memory_equal(many.bytes, one.bytes, one.size);
        free(many.bytes);
    }
    free(one.bytes);
    free(pixels);
}

static void rows_may_lie_apart(void **state) {
    (void)state;
    uint8_t *pixels = kit_pixels(101, 77, 9), *apart = calloc(77, 512);
    for (int y = 0; y < 77; y++)
        memcpy(apart + y * 512, pixels + y * 404, 404);
    struct kit_bytes tight = encode(pixels, 101, 77, 404, 2), loose = encode(apart, 101, 77, 512, 2);
    assert_int_equal(tight.size, loose.size);
    assert_memory_equal(tight.bytes, loose.bytes, tight.size);
    free(tight.bytes);
    free(loose.bytes);
    free(apart);
    free(pixels);
}

/* ---- other pixels than RGBA 8 ---- */

/* Rows of any kind as a PNG, read back by libspng as the file has them. */
static void check_levels(const void *pixels, enum tri_dtype dtype, uint32_t channels, uint32_t depth,
                         const uint16_t *wanted, uint32_t width, uint32_t height) {
    struct trii_pixels image = {.bytes = pixels, .stride_bytes = (uint64_t)width * channels * tri_dtype_bytes(dtype),
                                .width = width, .height = height, .channels = channels, .dtype = dtype, .depth = depth};
    struct target target = {.fail_at = UINT64_MAX};
    struct trii_sink sink = {.write = collect, .user = &target};
    struct tri_error err = {0};
    struct spng_ihdr header;
    size_t size;
    assert_ok(trii_png_encode(&image, 3, &sink, &err));
    spng_ctx *png = spng_ctx_new(0);
    spng_set_png_buffer(png, target.file.bytes, target.file.size);
    assert_int_equal(spng_get_ihdr(png, &header), 0);
    assert_true(header.width == width && header.height == height && header.bit_depth == depth);
    assert_int_equal(spng_decoded_image_size(png, SPNG_FMT_PNG, &size), 0);
    assert_int_equal(size, (size_t)width * height * channels * depth / 8);
    uint8_t *back = malloc(size);
    assert_int_equal(spng_decode_image(png, back, size, SPNG_FMT_PNG, 0), 0); /* 16 bits in the machine's order */
    for (size_t i = 0; i < (size_t)width * height * channels; i++) {
        uint16_t got = back[i];
        if (depth == 16)
            memcpy(&got, back + 2 * i, 2);
        if (got != wanted[i])
            fail_msg("%s, %u channels, %u bits: sample %zu is %u, not %u", tri_dtype_name(dtype), channels, depth, i, got,
                     wanted[i]);
    }
    spng_ctx_free(png);
    free(back);
    free(target.file.bytes);
}

enum { ODD_W = 37, ODD_H = 900, SAMPLES = ODD_W * ODD_H * 4 };

static void every_depth_and_number_of_channels_comes_back(void **state) {
    (void)state;
    static uint16_t words[SAMPLES], halves[SAMPLES], as16[SAMPLES], as8[SAMPLES], f16[SAMPLES], f8[SAMPLES], b16[SAMPLES],
        b8[SAMPLES];
    static float numbers[SAMPLES];
    static uint8_t bytes[SAMPLES];
    uint32_t seed = 3;
    for (size_t i = 0; i < SAMPLES; i++) {
        seed = seed * 1664525u + 1013904223u;
        words[i] = as16[i] = (uint16_t)(seed >> 16);
        as8[i] = (uint16_t)((words[i] * 255u + 32767u) / 65535u);
        bytes[i] = (uint8_t)(seed >> 24);
        b8[i] = bytes[i];
        b16[i] = (uint16_t)(bytes[i] * 257u);
        unsigned k = seed >> 20 & 1023; /* k / 1024 is exact in half precision: 2^-10 * k */
        numbers[i] = (float)k / 1024.0f;
        unsigned shift = 0, fraction = k;
        while (k && !(fraction & 1024)) {
            fraction <<= 1;
            shift++;
        }
        halves[i] = k ? (uint16_t)((15 - shift) << 10 | (fraction & 1023)) : 0;
        f16[i] = (uint16_t)(numbers[i] * 65535.0f + 0.5f);
        f8[i] = (uint16_t)(numbers[i] * 255.0f + 0.5f);
    }
    for (uint32_t channels = 1; channels <= 4; channels++) {
        check_levels(bytes, TRI_DTYPE_U8, channels, 8, b8, ODD_W, ODD_H);
        check_levels(bytes, TRI_DTYPE_U8, channels, 16, b16, ODD_W, ODD_H);
        check_levels(words, TRI_DTYPE_U16, channels, 8, as8, ODD_W, ODD_H);
        check_levels(words, TRI_DTYPE_U16, channels, 16, as16, ODD_W, ODD_H);
        check_levels(halves, TRI_DTYPE_F16, channels, 8, f8, ODD_W, ODD_H);
        check_levels(halves, TRI_DTYPE_F16, channels, 16, f16, ODD_W, ODD_H);
        check_levels(numbers, TRI_DTYPE_F32, channels, 8, f8, ODD_W, ODD_H);
        check_levels(numbers, TRI_DTYPE_F32, channels, 16, f16, ODD_W, ODD_H);
        check_levels(numbers, TRI_DTYPE_F32, channels, 16, f16, 1, 1);
    }
}

static void numbers_beyond_the_levels_go_to_the_nearer_end(void **state) {
    (void)state;
    static const float numbers[] = {-1, 0, -0.0f, 1, 2, 1e30f, 0x1p-20f, 0.5f};
    static const uint16_t wanted[] = {0, 0, 0, 65535, 65535, 65535, 0, 32768};
    static const uint16_t halves[] = {0xbc00, 0x0001, 0x8001, 0x3c00, 0x7c00, 0xfc00, 0x7e00, 0x3800}; /* inf, nan */
    static const uint16_t wanted_halves[] = {0, 0, 0, 65535, 65535, 0, 0, 32768};
    check_levels(numbers, TRI_DTYPE_F32, 1, 16, wanted, 8, 1);
    check_levels(halves, TRI_DTYPE_F16, 1, 16, wanted_halves, 8, 1);
}

typedef tri_status encoder(const struct trii_pixels *image, const struct trii_sink *sink, struct tri_error *err);

static tri_status as_png(const struct trii_pixels *image, const struct trii_sink *sink, struct tri_error *err) {
    return trii_png_encode(image, 3, sink, err);
}

static tri_status as_jpeg(const struct trii_pixels *image, const struct trii_sink *sink, struct tri_error *err) {
    static const uint8_t white[3] = {255, 255, 255};
    return trii_jpeg_encode(image, 90, white, sink, err);
}

static void a_failed_write_ends_the_encoder_with_that_error(void **state) {
    (void)state;
    static encoder *const encoders[] = {as_png, as_jpeg};
    uint8_t *pixels = kit_pixels(600, 700, 5);
    struct trii_pixels image = {.bytes = pixels, .stride_bytes = 2400, .width = 600, .height = 700};
    for (size_t e = 0; e < sizeof encoders / sizeof *encoders; e++) {
        tri_status status = TRI_IO;
        for (uint64_t nth = 0; status != TRI_OK; nth++) {
            struct target target = {.fail_at = nth};
            struct trii_sink sink = {.write = collect, .user = &target};
            struct tri_error err = {0};
            status = encoders[e](&image, &sink, &err);
            if (status != TRI_OK) {
                assert_int_equal(status, TRI_IO);
                assert_string_equal(err.message, "the disk is full");
                assert_int_equal(target.writes, nth + 1);
            }
            free(target.file.bytes);
        }
    }
    free(pixels);
}

static void every_allocation_and_thread_may_fail(void **state) {
    (void)state;
    static encoder *const encoders[] = {as_png, as_jpeg};
    static const enum trii_fault kinds[] = {TRII_FAULT_ALLOC, TRII_FAULT_THREAD};
    uint8_t *pixels = kit_pixels(600, 700, 5);
    struct trii_pixels image = {.bytes = pixels, .stride_bytes = 2400, .width = 600, .height = 700};
    for (size_t e = 0; e < sizeof encoders / sizeof *encoders; e++)
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            bool fired = true;
            for (uint64_t nth = 0; fired; nth++) {
                struct target target = {.fail_at = UINT64_MAX};
                struct trii_sink sink = {.write = collect, .user = &target};
                struct tri_error err = {0};
                trii_fault_arm(kinds[k], nth);
                tri_status status = encoders[e](&image, &sink, &err);
                fired = trii_fault_disarm(kinds[k]);
                if (status != TRI_OK) {
                    assert_true(fired);
                    assert_int_equal(status, TRI_NO_MEMORY);
                    assert_non_null(strstr(err.message, "out of memory"));
                    assert_int_equal(kinds[k], TRII_FAULT_ALLOC);
                } else if (encoders[e] == as_png) {
                    check_reads(&target.file, pixels, 600, 700, kit_png_read);
                }
                free(target.file.bytes);
            }
        }
    free(pixels);
}

/* ---- JPEG ---- */
static uint8_t *jpeg_round_trip(const uint8_t *pixels, uint32_t width, uint32_t height, uint32_t quality,
                                const uint8_t background[3], size_t *size) {
    struct trii_pixels image = {.bytes = pixels, .stride_bytes = (uint64_t)width * 4, .width = width, .height = height};
    struct target target = {.fail_at = UINT64_MAX};
    struct trii_sink sink = {.write = collect, .user = &target};
    struct tri_error err = {0};
    uint32_t w, h;
    bool cmyk;
    assert_ok(trii_jpeg_encode(&image, quality, background, &sink, &err));
    uint8_t *back = kit_jpeg_read(&target.file, &w, &h, &cmyk);
    assert_true(w == width && h == height && !cmyk);
    if (size)
        *size = target.file.size;
    free(target.file.bytes);
    return back;
}

static void jpeg_lays_transparent_pixels_on_the_background(void **state) {
    (void)state;
    enum { SIDE = 48 };
    static const uint8_t background[3] = {200, 100, 50};
    uint8_t pixels[SIDE * SIDE * 4];
    for (size_t i = 0; i < SIDE * SIDE; i++) { /* three bands: hidden, half, shown; 16 pixels each are whole blocks */
        static const uint8_t alphas[3] = {0, 128, 255};
        uint8_t *p = pixels + 4 * i;
        p[0] = 20, p[1] = 240, p[2] = 130;
        p[3] = alphas[i % SIDE / 16];
    }
    uint8_t *back = jpeg_round_trip(pixels, SIDE, SIDE, 100, background, NULL);
    for (size_t i = 0; i < SIDE * SIDE; i++)
        for (int c = 0; c < 3; c++) {
            int alpha = pixels[4 * i + 3];
            int wanted = (pixels[4 * i + (size_t)c] * alpha + background[c] * (255 - alpha) + 127) / 255;
            assert_true(abs(back[4 * i + (size_t)c] - wanted) <= 2);
        }
    free(back);
}

static void jpeg_takes_every_shape_and_quality_orders_sizes(void **state) {
    (void)state;
    static const uint32_t sizes[][2] = {{1, 1}, {1, 8000}, {8000, 1}, {17, 33}, {641, 359}};
    static const uint8_t black[3] = {0};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t *pixels = kit_pixels(sizes[i][0], sizes[i][1], 4);
        size_t low, high;
        free(jpeg_round_trip(pixels, sizes[i][0], sizes[i][1], 20, black, &low));
        free(jpeg_round_trip(pixels, sizes[i][0], sizes[i][1], 95, black, &high));
        assert_true(high > low || sizes[i][0] < 600 || sizes[i][1] < 300); /* narrow ones are mostly padding */
        free(pixels);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shape_comes_back_bit_for_bit),
        cmocka_unit_test(every_width_has_its_tail),
        cmocka_unit_test(extremes_of_compressibility_come_back),
        cmocka_unit_test(a_4k_image_comes_back),
        cmocka_unit_test(the_file_does_not_depend_on_the_threads),
        cmocka_unit_test(every_depth_and_number_of_channels_comes_back),
        cmocka_unit_test(numbers_beyond_the_levels_go_to_the_nearer_end),
        cmocka_unit_test(rows_may_lie_apart),
        cmocka_unit_test(a_failed_write_ends_the_encoder_with_that_error),
        cmocka_unit_test(every_allocation_and_thread_may_fail),
        cmocka_unit_test(jpeg_lays_transparent_pixels_on_the_background),
        cmocka_unit_test(jpeg_takes_every_shape_and_quality_orders_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
