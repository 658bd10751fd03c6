/* The decoders against the reference libraries: every kind of PNG and JPEG, every orientation, every cut. */
#include "kit.h"

#include "images.h"

#include "base/alloc.h"
#include "base/fault.h"
#include "media/exif.h"
#include "media/image.h"

#include <isa-l/crc.h>
#include <png.h>

static struct trii_ledger ledger;

static int fresh_ledger(void **state) {
    (void)state;
    trii_ledger_init(&ledger);
    return 0;
}

static int finish_ledger(void **state) {
    (void)state;
    trii_ledger_finish(&ledger);
    return 0;
}

static struct tri_image *open_kit(const struct kit_bytes *file) {
    struct tri_image *image = NULL;
    struct tri_error err = {0};
    assert_ok(tri_image_open_memory(file->bytes, file->size, "test image", &image, &err));
    return image;
}

/* Decodes and checks that nothing is written past the end. */
static uint8_t *decode(const struct kit_bytes *file, struct tri_image_info *info) {
    struct tri_error err = {0};
    struct tri_image *image = open_kit(file);
    tri_image_info(image, info);
    size_t bytes = (size_t)info->width * info->height * 4;
    uint8_t *pixels = malloc(bytes + 64);
    memset(pixels, 0x5a, bytes + 64);
    assert_ok(trii_image_decode_to(image, pixels, &ledger, "r", &err));
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(pixels[bytes + i], 0x5a);
    tri_image_close(&image);
    assert_null(image);
    return pixels;
}

/* ---- PNG ---- */
static void check_png(const struct kit_png_options *o) {
    struct kit_bytes file = kit_png_write(o);
    struct tri_image_info info;
    uint32_t w, h;
    uint8_t *wanted = kit_png_read(&file, &w, &h), *got = decode(&file, &info);
    assert_non_null(wanted);
    assert_true(info.format == TRI_IMAGE_PNG && info.width == w && info.height == h && info.orientation == 1);
    assert_int_equal(info.bit_depth, o->bit_depth);
    assert_int_equal(info.has_alpha, o->transparent || o->colour_type & PNG_COLOR_MASK_ALPHA);
    if (memcmp(got, wanted, (size_t)w * h * 4) != 0)
        fail_msg("%ux%u colour type %d depth %d interlaced %d transparent %d differs", o->width, o->height,
                 o->colour_type, o->bit_depth, o->interlaced, o->transparent);
    free(wanted);
    free(got);
    free(file.bytes);
}

static void every_kind_of_png_is_as_libpng_reads_it(void **state) {
    (void)state;
    static const struct {
        int colour_type, depths[6];
        bool may_be_transparent;
    } kinds[] = {
        {PNG_COLOR_TYPE_GRAY, {1, 2, 4, 8, 16}, true}, {PNG_COLOR_TYPE_RGB, {8, 16}, true},
        {PNG_COLOR_TYPE_PALETTE, {1, 2, 4, 8}, true},  {PNG_COLOR_TYPE_GRAY_ALPHA, {8, 16}, false},
        {PNG_COLOR_TYPE_RGB_ALPHA, {8, 16}, false},
    };
    static const uint32_t sizes[][2] = {{1, 1}, {3, 2}, {9, 9}, {33, 17}, {64, 5}, {1, 40}, {101, 1}};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (const int *depth = kinds[k].depths; *depth; depth++)
            for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
                for (int variant = 0; variant < 4; variant++) {
                    struct kit_png_options o = {.width = sizes[s][0], .height = sizes[s][1], .bit_depth = *depth,
                                                .colour_type = kinds[k].colour_type, .interlaced = variant & 1,
                                                .transparent = variant & 2, .seed = (uint32_t)(s + k)};
                    if (!o.transparent || kinds[k].may_be_transparent)
                        check_png(&o);
                }
    assert_int_equal(ledger.copies[TRI_LEDGER_BORDER], 0);
}

/* ---- JPEG ---- */
static void check_jpeg(const struct kit_jpeg_options *o) {
    struct kit_bytes file = kit_jpeg_write(o);
    struct tri_image_info info;
    uint32_t w, h;
    bool cmyk;
    uint8_t *wanted = kit_jpeg_read(&file, &w, &h, &cmyk), *got = decode(&file, &info);
    assert_true(info.format == TRI_IMAGE_JPEG && info.width == w && info.height == h && !info.has_alpha);
    assert_int_equal(cmyk, o->cmyk);
    for (size_t i = 0; i < (size_t)w * h; i++) {
        uint8_t *p = wanted + 4 * i;
        unsigned flip = o->no_adobe ? 255 : 0, k = p[3] ^ flip;
        for (int c = 0; cmyk && c < 3; c++)
            p[c] = (uint8_t)(((p[c] ^ flip) * k + 127) / 255);
        p[3] = 255;
    }
    assert_int_equal(memcmp(got, wanted, (size_t)w * h * 4), 0);
    free(wanted);
    free(got);
    free(file.bytes);
}

static void every_kind_of_jpeg_is_as_libjpeg_reads_it(void **state) {
    (void)state;
    static const uint32_t sizes[][2] = {{1, 1}, {17, 33}, {1, 300}, {300, 1}, {97, 61}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int variant = 0; variant < 16; variant++) {
            struct kit_jpeg_options o = {.width = sizes[s][0], .height = sizes[s][1], .progressive = variant & 1,
                                         .arithmetic = variant & 2, .restart_rows = variant & 4 ? 1 : 0, .seed = 3};
            o.grey = (variant & 8) != 0;
            check_jpeg(&o);
            o.grey = false;
            o.cmyk = true;
            o.no_adobe = (variant & 8) != 0;
            check_jpeg(&o);
        }
    assert_int_equal(ledger.copies[TRI_LEDGER_BORDER], 0);
}

static void every_orientation_is_applied_and_counted_once(void **state) {
    (void)state;
    static const uint32_t sizes[][2] = {{1, 1}, {5, 3}, {16, 16}, {33, 50}, {1, 37}, {37, 1}, {40, 47}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int orientation = 1; orientation <= 8; orientation++)
            for (int progressive = 0; progressive < 2; progressive++) {
                uint32_t w = sizes[s][0], h = sizes[s][1], rw, rh;
                bool cmyk;
                struct kit_jpeg_options o = {.width = w, .height = h, .orientation = orientation,
                                             .progressive = progressive, .big_endian = orientation % 2, .seed = 11};
                struct kit_bytes file = kit_jpeg_write(&o);
                struct tri_image_info info;
                trii_ledger_finish(&ledger);
                trii_ledger_init(&ledger);
                uint8_t *stored = kit_jpeg_read(&file, &rw, &rh, &cmyk), *got = decode(&file, &info);
                assert_int_equal(info.orientation, orientation);
                assert_int_equal(info.width, orientation >= 5 ? h : w);
                assert_int_equal(info.height, orientation >= 5 ? w : h);
                for (uint32_t y = 0; y < h; y++)
                    for (uint32_t x = 0; x < w; x++)
                        assert_memory_equal(got + kit_shown_at(orientation, x, y, w, h),
                                            stored + ((size_t)y * w + x) * 4, 4);
                bool moved = orientation != 1 && orientation != 4;
                assert_int_equal(ledger.copies[TRI_LEDGER_BORDER], moved);
                assert_int_equal(ledger.bytes[TRI_LEDGER_BORDER], moved ? (uint64_t)w * h * 4 : 0);
                assert_int_equal(ledger.copies[TRI_LEDGER_BETWEEN], 0);
                free(stored);
                free(got);
                free(file.bytes);
            }
}

static void exif_is_read_within_its_bounds(void **state) {
    (void)state;
    uint8_t exif[64];
    for (int orientation = 0; orientation < 12; orientation++)
        for (int big = 0; big < 2; big++) {
            size_t size = kit_exif(exif, orientation, big);
            uint32_t wanted = orientation >= 1 && orientation <= 8 ? (uint32_t)orientation : 1;
            assert_int_equal(trii_exif_orientation(exif, size), wanted);
            for (size_t cut = 0; cut < size; cut++) { /* a fresh allocation each: ASan sees one byte too many */
                uint8_t *part = malloc(cut ? cut : 1);
                memcpy(part, exif, cut);
                uint32_t got = trii_exif_orientation(part, cut);
                assert_true(got == 1 || got == wanted);
                free(part);
            }
            for (size_t at = 0; at < size; at++)
                for (int value = 0; value < 256; value += 5) {
                    uint8_t *spoilt = malloc(size);
                    memcpy(spoilt, exif, size);
                    spoilt[at] = (uint8_t)value;
                    uint32_t got = trii_exif_orientation(spoilt, size);
                    assert_true(got >= 1 && got <= 8);
                    free(spoilt);
                }
        }
}

/* ---- what is refused ---- */
static void refused(const void *bytes, size_t size, tri_status wanted, const char *words) {
    struct tri_image *image = NULL;
    struct tri_error err = {0};
    uint8_t *copy = malloc(size ? size : 1); /* exactly as large: ASan sees a read past the end */
    memcpy(copy, bytes, size);
    assert_status(tri_image_open_memory(copy, size, "x.bin", &image, &err), wanted);
    assert_null(image);
    if (!strstr(err.message, words) || strncmp(err.message, "x.bin", 5) != 0)
        fail_msg("'%s' does not say '%s' of x.bin", err.message, words);
    free(copy);
}
#define REFUSED(bytes, words) refused((bytes), sizeof(bytes) - 1, TRI_BAD_IMAGE, (words))

static void other_formats_are_named(void **state) {
    (void)state;
    REFUSED("GIF89a\1\0\1\0", "is a GIF image; JPEG, PNG, WebP, AVIF and HEIC are read");
    REFUSED("GIF87a", "is a GIF image");
    REFUSED("RIFF\1\2\3\4WEBPVP8 ", "can't be decoded");
    REFUSED("\0\0\0\x1c" "ftypavis\0\0\0\0", "is a sequence of AVIF images");
    REFUSED("\0\0\0\x18" "ftyphevc", "is a sequence of HEIC images");
    REFUSED("\0\0\0\x18" "ftypmsf1", "is a sequence of HEIF images");
    REFUSED("\0\0\0\x18" "ftypisom", "video");
    REFUSED("BM12345678", "is a BMP image");
    REFUSED("II*\0\1\2", "is a TIFF image");
    REFUSED("MM\0*\1\2", "is a TIFF image");
    REFUSED("%PDF-1.7", "is a PDF document");
    REFUSED("<svg xmlns='x'>", "is an SVG drawing");
    REFUSED("\xef\xbb\xbf <?xml version='1.0'?>\n<!-- x -->\n<svg>", "is an SVG drawing");
    REFUSED("<!DOCTYPE html><title>404", "is an HTML page");
    REFUSED("\x89PNG\n\x1a\n....", "damaged by a conversion of line ends");
    REFUSED("P6\n1 1\n255\n", "is a PNM image");
    REFUSED("hello", "is no image that is known");
    REFUSED("\x89", "is no image that is known");
    REFUSED("", "is empty");
}

static void put_be32(uint8_t *to, uint32_t value) {
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void sizes_out_of_bounds_are_refused_before_anything_is_allocated(void **state) {
    (void)state;
    static const struct {
        uint32_t width, height;
        tri_status status;
        const char *words;
    } cases[] = {
        {0, 5, TRI_BAD_IMAGE, "no pixels: 0 x 5"},           {5, 0, TRI_BAD_IMAGE, "no pixels: 5 x 0"},
        {32769, 1, TRI_LIMIT, "at most 32768 pixels"},       {1, 32769, TRI_LIMIT, "at most 32768 pixels"},
        {0xffffffff, 0xffffffff, TRI_LIMIT, "at most 32768"}, {32768, 32768, TRI_LIMIT, "at most 134217728 pixels"},
    };
    struct kit_png_options png = {.width = 4, .height = 4, .colour_type = PNG_COLOR_TYPE_RGB, .bit_depth = 8};
    struct kit_bytes file = kit_png_write(&png);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_be32(file.bytes + 16, cases[i].width);
        put_be32(file.bytes + 20, cases[i].height);
        uint64_t before = trii_alloc_count();
        refused(file.bytes, file.size, cases[i].status, cases[i].words);
        assert_int_equal(trii_alloc_count() - before, 2); /* the image and its name */
    }
    free(file.bytes);
    struct kit_jpeg_options jpeg = {.width = 4, .height = 4};
    file = kit_jpeg_write(&jpeg);
    uint8_t *frame = memmem(file.bytes, file.size, "\xff\xc0\0\x11\x08", 5);
    assert_non_null(frame);
    memcpy(frame + 5, "\x80\1\0\4", 4);
    refused(file.bytes, file.size, TRI_LIMIT, "is 4 x 32769: a side may have at most 32768 pixels");
    memcpy(frame + 5, "\x80\0\x80\0", 4);
    refused(file.bytes, file.size, TRI_LIMIT, "at most 134217728 pixels");
    memcpy(frame + 5, "\0\4\0\0", 4);
    refused(file.bytes, file.size, TRI_BAD_IMAGE, "can't be decoded");
    free(file.bytes);
}

static void a_progressive_jpeg_that_takes_too_much_memory_is_refused(void **state) {
    (void)state;
    struct kit_jpeg_options o = {.width = 8, .height = 8, .progressive = true};
    struct kit_bytes file = kit_jpeg_write(&o);
    struct tri_error err = {0};
    uint8_t *frame = memmem(file.bytes, file.size, "\xff\xc2\0\x11\x08", 5), none[4];
    assert_non_null(frame);
    memcpy(frame + 5, "\x20\0\x40\0", 4); /* 8192 x 16384 */
    memcpy(frame + 11, "\x11", 1);        /* no subsampling: 6 bytes a pixel */
    struct tri_image *image = open_kit(&file);
    assert_status(trii_image_decode_to(image, none, &ledger, "r", &err), TRI_LIMIT);
    assert_non_null(strstr(err.message, "768 MiB"));
    tri_image_close(&image);
    free(file.bytes);
}

/* Opens and decodes; never succeeds, always says which file. */
static void decode_fails(const uint8_t *bytes, size_t size, size_t pixel_bytes) {
    uint8_t *copy = malloc(size ? size : 1), *pixels = malloc(pixel_bytes);
    struct tri_image *image = NULL;
    struct tri_error err = {0};
    memcpy(copy, bytes, size);
    tri_status status = tri_image_open_memory(copy, size, "cut.bin", &image, &err);
    if (status == TRI_OK)
        status = trii_image_decode_to(image, pixels, &ledger, "r", &err);
    if (status != TRI_BAD_IMAGE || strncmp(err.message, "cut.bin", 7) != 0)
        fail_msg("%zu bytes: %s: %s", size, tri_status_name(status), err.message);
    tri_image_close(&image);
    free(pixels);
    free(copy);
}

static void a_file_cut_anywhere_is_an_error(void **state) {
    (void)state;
    for (int variant = 0; variant < 3; variant++) {
        struct kit_jpeg_options jpeg = {.width = 40, .height = 30, .progressive = variant == 1,
                                        .arithmetic = variant == 2};
        struct kit_png_options png = {.width = 20, .height = 15, .colour_type = PNG_COLOR_TYPE_RGB_ALPHA,
                                      .bit_depth = 8, .interlaced = variant == 1};
        struct kit_bytes files[2] = {kit_jpeg_write(&jpeg), kit_png_write(&png)};
        for (int f = 0; f < 2; f++) {
            /* libspng stops at the name of PNG's last chunk and does not ask for its checksum. */
            for (size_t cut = 0; cut < files[f].size - (f ? 4 : 0); cut++)
                decode_fails(files[f].bytes, cut, 40 * 30 * 4);
            free(files[f].bytes);
        }
    }
}

static void the_error_of_a_cut_file_tells_how_far_it_got(void **state) {
    (void)state;
    struct kit_jpeg_options o = {.width = 64, .height = 200, .seed = 1};
    struct kit_png_options p = {.width = 64, .height = 200, .colour_type = PNG_COLOR_TYPE_RGB, .bit_depth = 8};
    struct kit_bytes files[2] = {kit_jpeg_write(&o), kit_png_write(&p)};
    static const char *const words[2] = {" of 200: Premature end of JPEG file", " of 200: "};
    uint8_t *pixels = malloc(64 * 200 * 4);
    for (int f = 0; f < 2; f++) {
        struct tri_error err = {0};
        files[f].size /= 2;
        struct tri_image *image = open_kit(&files[f]);
        assert_status(trii_image_decode_to(image, pixels, &ledger, "r", &err), TRI_BAD_IMAGE);
        assert_non_null(strstr(err.message, words[f]));
        assert_non_null(strstr(err.message, " row "));
        tri_image_close(&image);
        free(files[f].bytes);
    }
    free(pixels);
}

static void spoilt_bytes_are_answered_one_way_or_the_other(void **state) {
    (void)state;
    for (int variant = 0; variant < 2; variant++) {
        struct kit_jpeg_options jpeg = {.width = 40, .height = 30, .progressive = variant, .orientation = 6};
        struct kit_png_options png = {.width = 20, .height = 15, .colour_type = variant ? PNG_COLOR_TYPE_PALETTE : 2,
                                      .bit_depth = 8, .interlaced = variant, .transparent = true};
        struct kit_bytes files[2] = {kit_jpeg_write(&jpeg), kit_png_write(&png)};
        for (int f = 0; f < 2; f++) {
            for (size_t at = 0; at < files[f].size; at++) {
                struct tri_image *image = NULL;
                struct tri_image_info info;
                files[f].bytes[at] ^= 0x15;
                if (tri_image_open_memory(files[f].bytes, files[f].size, "x", &image, NULL) == TRI_OK) {
                    tri_image_info(image, &info);
                    if ((uint64_t)info.width * info.height <= 1 << 20) {
                        uint8_t *pixels = malloc((size_t)info.width * info.height * 4);
                        (void)!trii_image_decode_to(image, pixels, &ledger, "r", NULL);
                        free(pixels);
                    }
                }
                tri_image_close(&image);
                files[f].bytes[at] ^= 0x15;
            }
            free(files[f].bytes);
        }
    }
}

static void a_large_single_idat_is_no_chunk_bomb(void **state) {
    (void)state;
    struct kit_png_options o = {.width = 2000, .height = 1500, .colour_type = PNG_COLOR_TYPE_RGB, .bit_depth = 8};
    struct kit_bytes many = kit_png_write(&o), one = {.bytes = calloc(many.size, 1)};
    /* All IDAT chunks (libpng writes 8 KiB each) as one. */
    uint8_t *length = NULL;
    for (size_t at = 8; at + 12 <= many.size;) {
        uint32_t bytes = (uint32_t)many.bytes[at] << 24 | (uint32_t)many.bytes[at + 1] << 16 |
                         (uint32_t)many.bytes[at + 2] << 8 | many.bytes[at + 3];
        bool idat = memcmp(many.bytes + at + 4, "IDAT", 4) == 0;
        if (at == 8)
            memcpy(one.bytes, many.bytes, one.size = 8);
        if (idat && !length) {
            length = one.bytes + one.size;
            memcpy(one.bytes + one.size, many.bytes + at, 8);
            one.size += 8;
        }
        size_t skip = idat ? 8 : 0, kept = idat ? bytes : bytes + 12;
        if (!idat && length) { /* the first chunk after them: close the big one */
            put_be32(length, (uint32_t)(one.bytes + one.size - length - 8));
            put_be32(one.bytes + one.size, crc32_gzip_refl(0, length + 4, (uint64_t)(one.bytes + one.size - length - 4)));
            one.size += 4;
            length = NULL;
        }
        memcpy(one.bytes + one.size, many.bytes + at + skip, kept);
        one.size += kept;
        at += bytes + 12;
    }
    struct tri_image_info info;
    uint8_t *a = decode(&many, &info), *b = decode(&one, &info);
    assert_true(one.size > TRII_PNG_MAX_CHUNK_BYTES);
    assert_int_equal(memcmp(a, b, 2000 * 1500 * 4), 0);
    free(a);
    free(b);
    free(many.bytes);
    free(one.bytes);
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    struct kit_jpeg_options jpeg = {.width = 40, .height = 30, .orientation = 6};
    struct kit_png_options png = {.width = 20, .height = 15, .colour_type = 2, .bit_depth = 8, .interlaced = true};
    struct kit_bytes files[2] = {kit_jpeg_write(&jpeg), kit_png_write(&png)};
    for (int f = 0; f < 2; f++) {
        bool fired = true;
        for (uint64_t nth = 0; fired; nth++) {
            uint8_t pixels[40 * 30 * 4];
            struct tri_image *image = NULL;
            struct tri_error err = {0};
            trii_fault_arm(TRII_FAULT_ALLOC, nth);
            tri_status status = tri_image_open_memory(files[f].bytes, files[f].size, "x", &image, &err);
            if (status == TRI_OK)
                status = trii_image_decode_to(image, pixels, &ledger, "r", &err);
            fired = trii_fault_disarm(TRII_FAULT_ALLOC);
            assert_int_equal(status, fired ? TRI_NO_MEMORY : TRI_OK);
            if (fired)
                assert_non_null(strstr(err.message, "out of memory"));
            tri_image_close(&image);
        }
        free(files[f].bytes);
    }
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh_ledger, finish_ledger)
    const struct CMUnitTest tests[] = {
        CASE(every_kind_of_png_is_as_libpng_reads_it),
        CASE(every_kind_of_jpeg_is_as_libjpeg_reads_it),
        CASE(every_orientation_is_applied_and_counted_once),
        CASE(exif_is_read_within_its_bounds),
        CASE(other_formats_are_named),
        CASE(sizes_out_of_bounds_are_refused_before_anything_is_allocated),
        CASE(a_progressive_jpeg_that_takes_too_much_memory_is_refused),
        CASE(a_file_cut_anywhere_is_an_error),
        CASE(the_error_of_a_cut_file_tells_how_far_it_got),
        CASE(spoilt_bytes_are_answered_one_way_or_the_other),
        CASE(a_large_single_idat_is_no_chunk_bomb),
        CASE(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
