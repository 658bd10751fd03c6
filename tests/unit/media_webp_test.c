/* WebP in and out: as libwebp reads it, every orientation, what is counted, what is refused, and every failure. */
#include "memory_sink.h"

#include "base/fault.h"
#include "media/image.h"

#include <webp/decode.h>
#include <webp/encode.h>

static struct trii_ledger ledger;
static struct tri_error err;

static int begin(void **state) {
    (void)state;
    trii_ledger_init(&ledger);
    memset(&err, 0, sizeof err);
    return 0;
}

static int end(void **state) {
    (void)state;
    trii_ledger_finish(&ledger);
    return 0;
}

/* ---- files ---- */

static struct kit_bytes write_webp(const uint8_t *pixels, uint32_t width, uint32_t height, bool lossless) {
    struct trii_pixels image = {.bytes = pixels, .stride_bytes = (uint64_t)width * 4, .width = width, .height = height};
    struct target target = {.fail_at = UINT64_MAX};
    struct trii_sink sink = {.write = collect, .user = &target};
    assert_ok(trii_webp_encode(&image, 90, lossless, &ledger, "r", &sink, &err));
    return target.file;
}

static void put_le32(uint8_t *to, size_t value) {
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> 8 * i);
}

/* The extended form around a simple file, with an EXIF chunk that has (or lacks) its own head. */
static struct kit_bytes with_exif(const struct kit_bytes *simple, uint32_t width, uint32_t height, int orientation,
                                  bool big_endian, bool head) {
    uint8_t exif[64];
    size_t all = kit_exif(exif, orientation, big_endian), skip = head ? 0 : 6, size = all - skip;
    size_t body = simple->size - 12;
    struct kit_bytes file = {.size = 12 + 18 + body + 8 + size, .bytes = calloc(1, 12 + 18 + body + 8 + size + 1)};
    file.size += size & 1;
    memcpy(file.bytes, "RIFF", 4);
    put_le32(file.bytes + 4, file.size - 8);
    memcpy(file.bytes + 8, "WEBPVP8X", 8);
    put_le32(file.bytes + 16, 10);
    file.bytes[20] = 0x08 | 0x10; /* EXIF, alpha */
    put_le32(file.bytes + 24, width - 1);
    put_le32(file.bytes + 27, height - 1);
    memcpy(file.bytes + 30, simple->bytes + 12, body);
    memcpy(file.bytes + 30 + body, "EXIF", 4);
    put_le32(file.bytes + 34 + body, size);
    memcpy(file.bytes + 38 + body, exif + skip, size);
    return file;
}

static uint8_t *read_webp(const struct kit_bytes *file, struct tri_image_info *info) {
    struct tri_image *image = NULL;
    uint8_t *exact = malloc(file->size);
    memcpy(exact, file->bytes, file->size); /* a sanitizer sees a read past the end */
    assert_ok(tri_image_open_memory(exact, file->size, "test.webp", &image, &err));
    tri_image_info(image, info);
    uint8_t *pixels = malloc((size_t)info->width * info->height * 4);
    assert_ok(trii_image_decode_to(image, pixels, &ledger, "r", &err));
    tri_image_close(&image);
    free(exact);
    return pixels;
}

/* ---- reading ---- */

static void every_kind_is_as_libwebp_reads_it(void **state) {
    (void)state;
    static const uint32_t sizes[][2] = {{1, 1}, {2, 3}, {17, 5}, {64, 64}, {131, 77}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int lossless = 0; lossless < 2; lossless++)
            for (int opaque = 0; opaque < 2; opaque++) {
                uint32_t w = sizes[s][0], h = sizes[s][1];
                int gw, gh;
                struct tri_image_info info;
                uint8_t *pixels = kit_pixels(w, h, (uint32_t)s);
                for (size_t i = 3; opaque && i < (size_t)w * h * 4; i += 4)
                    pixels[i] = 255;
                struct kit_bytes file = write_webp(pixels, w, h, lossless);
                uint8_t *wanted = WebPDecodeRGBA(file.bytes, file.size, &gw, &gh), *got = read_webp(&file, &info);
                assert_true(info.format == TRI_IMAGE_WEBP && info.width == w && info.height == h && info.orientation == 1);
                assert_int_equal(info.has_alpha, !opaque);
                assert_memory_equal(got, wanted, (size_t)w * h * 4);
                if (lossless)
                    assert_memory_equal(got, pixels, (size_t)w * h * 4); /* under alpha 0 too */
                WebPFree(wanted);
                free(got);
                free(file.bytes);
                free(pixels);
            }
}

static void every_orientation_is_applied_and_counted_once(void **state) {
    (void)state;
    enum { W = 23, H = 41 };
    uint8_t *pixels = kit_pixels(W, H, 3);
    struct kit_bytes simple = write_webp(pixels, W, H, true);
    for (int orientation = 1; orientation <= 8; orientation++)
        for (int variant = 0; variant < 4; variant++) {
            struct kit_bytes file = with_exif(&simple, W, H, orientation, variant & 1, variant & 2);
            struct tri_image_info info;
            end(NULL);
            begin(NULL);
            uint8_t *got = read_webp(&file, &info);
            assert_int_equal(info.orientation, orientation);
            assert_int_equal(info.width, orientation >= 5 ? H : W);
            for (uint32_t y = 0; y < H; y++)
                for (uint32_t x = 0; x < W; x++)
                    assert_memory_equal(got + kit_shown_at(orientation, x, y, W, H),
                                        pixels + ((size_t)y * W + x) * 4, 4);
            bool moved = orientation != 1 && orientation != 4;
            assert_int_equal(ledger.copies[TRI_LEDGER_BORDER], moved);
            assert_int_equal(ledger.bytes[TRI_LEDGER_BORDER], moved ? W * H * 4 : 0);
            free(got);
            free(file.bytes);
        }
    free(simple.bytes);
    free(pixels);
}

static tri_status open_and_decode(const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    struct tri_image *image = NULL;
    struct tri_image_info info;
    memcpy(copy, bytes, size);
    tri_status status = tri_image_open_memory(copy, size, "x.webp", &image, &err);
    if (status == TRI_OK) {
        tri_image_info(image, &info);
        uint8_t *pixels = malloc((size_t)info.width * info.height * 4);
        status = trii_image_decode_to(image, pixels, &ledger, "r", &err);
        free(pixels);
    }
    tri_image_close(&image);
    free(copy);
    return status;
}

static void a_file_cut_anywhere_is_an_error(void **state) {
    (void)state;
    uint8_t *pixels = kit_pixels(40, 30, 2);
    for (int lossless = 0; lossless < 2; lossless++) {
        struct kit_bytes file = write_webp(pixels, 40, 30, lossless);
        for (size_t cut = 0; cut < file.size - 1; cut++) /* the last byte may be padding */
            if (open_and_decode(file.bytes, cut) != TRI_BAD_IMAGE || strncmp(err.message, "x.webp", 6) != 0)
                fail_msg("%zu of %zu bytes: %s", cut, file.size, err.message);
        free(file.bytes);
    }
    free(pixels);
}

static void animations_and_huge_pictures_are_refused(void **state) {
    (void)state;
    uint8_t *pixels = kit_pixels(8, 8, 2);
    struct kit_bytes simple = write_webp(pixels, 8, 8, true), file = with_exif(&simple, 8, 8, 1, false, true);
    file.bytes[20] |= 0x02;
    assert_status(open_and_decode(file.bytes, file.size), TRI_BAD_IMAGE);
    assert_non_null(strstr(err.message, "is an animation"));
    file.bytes[20] &= (uint8_t)~0x02;
    memcpy(file.bytes + 24, "\xff\x3f\0\xff\x3f\0", 6); /* 16384 x 16384, says the head; nothing was allocated */
    assert_int_not_equal(open_and_decode(file.bytes, file.size), TRI_OK);
    free(file.bytes);
    free(simple.bytes);
    free(pixels);
}

/* ---- writing ---- */

static void what_libwebp_moves_is_counted(void **state) {
    (void)state;
    struct tri_ledger_line line;
    uint8_t *pixels = kit_pixels(40, 30, 2);
    struct kit_bytes file = write_webp(pixels, 40, 30, true);
    line = ledger.lines[0];
    assert_string_equal(line.cause, "WebP: pixels repacked");
    assert_int_equal(line.bytes, 40 * 30 * 4);
    free(file.bytes);
    file = write_webp(pixels, 40, 30, false);
    line = ledger.lines[1];
    assert_string_equal(line.cause, "WebP: alpha apart");
    assert_int_equal(line.bytes, 40 * 30);
    assert_int_equal(line.place, TRI_LEDGER_BORDER);
    free(file.bytes);
    for (size_t i = 3; i < 40 * 30 * 4; i += 4)
        pixels[i] = 255;
    uint64_t before = ledger.bytes[TRI_LEDGER_BORDER];
    file = write_webp(pixels, 40, 30, false);
    assert_int_equal(ledger.bytes[TRI_LEDGER_BORDER], before); /* opaque and lossy: all values are new */
    free(file.bytes);
    free(pixels);
}

static void a_failed_write_ends_the_encoder_with_that_error(void **state) {
    (void)state;
    uint8_t *pixels = kit_pixels(60, 70, 5);
    struct trii_pixels image = {.bytes = pixels, .stride_bytes = 240, .width = 60, .height = 70};
    for (int lossless = 0; lossless < 2; lossless++) {
        tri_status status = TRI_IO;
        for (uint64_t nth = 0; status != TRI_OK; nth++) {
            struct target target = {.fail_at = nth};
            struct trii_sink sink = {.write = collect, .user = &target};
            status = trii_webp_encode(&image, 80, lossless, &ledger, "r", &sink, &err);
            if (status != TRI_OK) {
                assert_int_equal(status, TRI_IO);
                assert_string_equal(err.message, "the disk is full");
            }
            free(target.file.bytes);
        }
    }
    free(pixels);
    image = (struct trii_pixels){.bytes = NULL, .stride_bytes = 80000, .width = 20000, .height = 1};
    struct trii_sink none = {.write = collect};
    assert_status(trii_webp_encode(&image, 80, false, &ledger, "r", &none, &err), TRI_LIMIT);
    assert_non_null(strstr(err.message, "at most 16383 pixels a side, this is 20000 x 1"));
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    uint8_t *pixels = kit_pixels(23, 11, 5), out[23 * 11 * 4];
    struct kit_bytes simple = write_webp(pixels, 23, 11, true), file = with_exif(&simple, 23, 11, 6, false, true);
    bool fired = true;
    for (uint64_t nth = 0; fired; nth++) {
        struct tri_image *image = NULL;
        trii_fault_arm(TRII_FAULT_ALLOC, nth);
        tri_status status = tri_image_open_memory(file.bytes, file.size, "x", &image, &err);
        if (status == TRI_OK)
            status = trii_image_decode_to(image, out, &ledger, "r", &err);
        fired = trii_fault_disarm(TRII_FAULT_ALLOC);
        assert_int_equal(status, fired ? TRI_NO_MEMORY : TRI_OK);
        tri_image_close(&image);
    }
    free(file.bytes);
    free(simple.bytes);
    free(pixels);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(every_kind_is_as_libwebp_reads_it),
        CASE(every_orientation_is_applied_and_counted_once),
        CASE(a_file_cut_anywhere_is_an_error),
        CASE(animations_and_huge_pictures_are_refused),
        CASE(what_libwebp_moves_is_counted),
        CASE(a_failed_write_ends_the_encoder_with_that_error),
        CASE(every_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("media_webp", tests, NULL, NULL);
}
