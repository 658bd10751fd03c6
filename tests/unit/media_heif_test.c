/*
 * AVIF and HEIC in, through the libheif that is installed. The files are tests/fuzz/image/heif*: made once by avifenc and
 * heif-enc from kit_pixels(), the lossless ones to be read back bit for bit.
 */
#include "kit.h"

#include "images.h"

#include "base/fault.h"
#include "media/image.h"

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

static struct kit_bytes load(const char *name) {
    char path[512];
    struct kit_bytes file = {.bytes = malloc(1 << 16)};
    snprintf(path, sizeof path, "%s/%s", TEST_IMAGES, name);
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    file.size = fread(file.bytes, 1, 1 << 16, in);
    fclose(in);
    file.bytes = realloc(file.bytes, file.size); /* exactly: a sanitizer sees a read past the end */
    return file;
}

static tri_status decode(const struct kit_bytes *file, struct tri_image_info *info, uint8_t **pixels) {
    struct tri_image *image = NULL;
    tri_status status = tri_image_open_memory(file->bytes, file->size, "x.avif", &image, &err);
    *pixels = NULL;
    if (status == TRI_OK) {
        tri_image_info(image, info);
        *pixels = malloc((size_t)info->width * info->height * 4);
        status = trii_image_decode_to(image, *pixels, &ledger, "r", &err);
    }
    tri_image_close(&image);
    return status;
}

/* First: what comes later opens the library for good. */
static void a_missing_library_is_told_with_its_package(void **state) {
    (void)state;
    struct kit_bytes file = load("heif01.avif");
    struct tri_image *image = NULL;
    for (int kind = 0; kind < 2; kind++) {
        trii_fault_arm(kind ? TRII_FAULT_DLSYM : TRII_FAULT_DLOPEN, 0);
        tri_status status = tri_image_open_memory(file.bytes, file.size, "x.avif", &image, &err);
        if (!trii_fault_disarm(kind ? TRII_FAULT_DLSYM : TRII_FAULT_DLOPEN) && status == TRI_UNSUPPORTED)
            break; /* it is not there: said so below */
        assert_int_equal(status, TRI_UNSUPPORTED);
        assert_non_null(strstr(err.message, kind ? "heif_get_version_number" : "Debian's package libheif1"));
        assert_null(image);
    }
    free(file.bytes);
}

#define NEED_LIBRARY()                                                                            \
    do {                                                                                          \
        struct kit_bytes probe_ = load("heif01.avif");                                            \
        struct tri_image *image_ = NULL;                                                          \
        tri_status status_ = tri_image_open_memory(probe_.bytes, probe_.size, "x", &image_, &err); \
        tri_image_close(&image_);                                                                 \
        free(probe_.bytes);                                                                       \
        if (status_ == TRI_UNSUPPORTED)                                                           \
            skip_because("%s", err.message);                                                      \
    } while (0)

static void lossless_files_come_back_bit_for_bit(void **state) {
    (void)state;
    NEED_LIBRARY();
    struct kit_bytes file = load("heif01.avif");
    struct tri_image_info info;
    uint8_t *got, *wanted = kit_pixels(33, 21, 4);
    assert_ok(decode(&file, &info, &got));
    assert_true(info.format == TRI_IMAGE_HEIF && info.width == 33 && info.height == 21 && info.has_alpha);
    assert_true(info.bit_depth == 8 && info.orientation == 1);
    for (size_t i = 0; i < 33 * 21; i++)
        assert_memory_equal(got + 4 * i, wanted + 4 * i, wanted[4 * i + 3] ? 4 : 0);
    assert_int_equal(ledger.bytes[TRI_LEDGER_BORDER], 33 * 21 * 4);
    assert_string_equal(ledger.lines[0].cause, "libheif's own picture");
    assert_string_equal(ledger.lines[0].region, "r");
    free(got);
    free(wanted);
    free(file.bytes);
}

/* `irot` 1 is a quarter to the left; heif04 is `irot` 3 and mirrored left to right after that (`imir` 1). */
static void turns_and_mirrors_are_applied(void **state) {
    (void)state;
    NEED_LIBRARY();
    static const char *const names[] = {"heif02.avif", "heif04.avif"};
    for (int which = 0; which < 2; which++) {
        struct kit_bytes file = load(names[which]);
        struct tri_image_info info;
        uint8_t *got, *stored = kit_pixels(33, 21, 4);
        assert_ok(decode(&file, &info, &got));
        assert_true(info.width == 21 && info.height == 33 && !info.has_alpha);
        for (uint32_t y = 0; y < 21; y++)
            for (uint32_t x = 0; x < 33; x++) {
                uint32_t row = which ? x : 32 - x, column = y;
                assert_memory_equal(got + ((size_t)row * 21 + column) * 4, stored + ((size_t)y * 33 + x) * 4, 3);
            }
        free(got);
        free(stored);
        free(file.bytes);
    }
}

static void hevc_and_ten_bits_are_read(void **state) {
    (void)state;
    NEED_LIBRARY();
    static const char *const names[] = {"heif00.heic", "heif03.avif"};
    for (int which = 0; which < 2; which++) {
        struct kit_bytes file = load(names[which]);
        struct tri_image_info info;
        uint8_t *got, *wanted = kit_pixels(64, 48, 5);
        uint64_t difference = 0;
        assert_ok(decode(&file, &info, &got));
        assert_true(info.width == 64 && info.height == 48 && info.bit_depth == (which ? 10 : 8));
        for (size_t i = 0; i < 64 * 48 * 4; i++)
            difference += i % 4 == 3 ? 0 : (uint64_t)abs(got[i] - wanted[i]);
        assert_true(difference / (64 * 48 * 3) < 32); /* lossy, and the noise went first */
        for (size_t i = 3; i < 64 * 48 * 4; i += 4)
            assert_int_equal(got[i], 255);
        free(got);
        free(wanted);
        free(file.bytes);
    }
}

static void a_file_cut_anywhere_is_an_error(void **state) {
    (void)state;
    NEED_LIBRARY();
    static const char *const names[] = {"heif00.heic", "heif01.avif"};
    for (int which = 0; which < 2; which++) {
        struct kit_bytes file = load(names[which]);
        for (size_t cut = 1; cut < file.size; cut += 7) {
            struct kit_bytes part = {.bytes = malloc(cut), .size = cut};
            struct tri_image_info info;
            uint8_t *pixels;
            memcpy(part.bytes, file.bytes, cut);
            tri_status status = decode(&part, &info, &pixels);
            if (status != TRI_BAD_IMAGE || strncmp(err.message, "x.avif", 6) != 0)
                fail_msg("%zu bytes of %s: %s: %s", cut, names[which], tri_status_name(status), err.message);
            free(pixels);
            free(part.bytes);
        }
        free(file.bytes);
    }
}

static void every_allocation_of_ours_may_fail(void **state) {
    (void)state;
    NEED_LIBRARY();
    struct kit_bytes file = load("heif02.avif");
    bool fired = true;
    for (uint64_t nth = 0; fired; nth++) {
        struct tri_image_info info;
        uint8_t *pixels;
        trii_fault_arm(TRII_FAULT_ALLOC, nth);
        tri_status status = decode(&file, &info, &pixels);
        fired = trii_fault_disarm(TRII_FAULT_ALLOC);
        assert_int_equal(status, fired ? TRI_NO_MEMORY : TRI_OK);
        free(pixels);
    }
    free(file.bytes);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(a_missing_library_is_told_with_its_package),
        CASE(lossless_files_come_back_bit_for_bit),
        CASE(turns_and_mirrors_are_applied),
        CASE(hevc_and_ten_bits_are_read),
        CASE(a_file_cut_anywhere_is_an_error),
        CASE(every_allocation_of_ours_may_fail),
    };
    return cmocka_run_group_tests_name("media_heif", tests, NULL, NULL);
}
