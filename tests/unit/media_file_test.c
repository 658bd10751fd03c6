/* tri_image_*: files to regions and back, with claims, layouts and poison; what can't be read or written is said. */
#include "kit.h"

#include "images.h"

#include "base/fault.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64], path[96];
static struct tri_arena *arena;

static int begin(void **state) {
    (void)state;
    snprintf(root, sizeof root, "/tmp/tripoint-media-XXXXXX");
    if (!mkdtemp(root))
        return -1;
    snprintf(path, sizeof path, "%s/image.png", root);
    return tri_arena_create(NULL, &arena, NULL);
}

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *where) {
    (void)st, (void)type, (void)where;
    return remove(name);
}

static int end(void **state) {
    (void)state;
    tri_arena_destroy(&arena);
    return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void put_file(const char *name, const void *bytes, size_t size) {
    FILE *file = fopen(name, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static struct kit_bytes get_file(const char *name) {
    struct stat st;
    FILE *file = fopen(name, "rb");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &st), 0);
    struct kit_bytes got = {.bytes = malloc((size_t)st.st_size), .size = (size_t)st.st_size};
    assert_int_equal(fread(got.bytes, 1, got.size, file), got.size);
    fclose(file);
    return got;
}

static tri_handle region_of(uint64_t bytes) {
    tri_handle region;
    struct tri_error err = {0};
    assert_ok(tri_arena_allocate_shared(arena, bytes, &region, &err));
    return region;
}

/* Puts a picture into a fresh region by way of a PNG file. */
static tri_handle load(const uint8_t **pixels, uint32_t width, uint32_t height) {
    struct kit_png_options o = {.width = width, .height = height, .colour_type = 6, .bit_depth = 8, .seed = 5};
    struct kit_bytes file = kit_png_write(&o);
    struct tri_image *image;
    struct tri_error err = {0};
    uint32_t w, h;
    put_file(path, file.bytes, file.size);
    *pixels = kit_png_read(&file, &w, &h);
    free(file.bytes);
    tri_handle region = region_of((uint64_t)width * height * 4);
    assert_ok(tri_image_open_file(path, &image, &err));
    assert_ok(tri_image_decode(image, arena, region, &err));
    tri_image_close(&image);
    return region;
}

static void check_file(const char *name, const uint8_t *pixels, uint32_t width, uint32_t height) {
    struct kit_bytes file = get_file(name);
    uint32_t w, h;
    uint8_t *back = kit_png_read(&file, &w, &h);
    assert_non_null(back);
    assert_true(w == width && h == height);
    assert_int_equal(memcmp(back, pixels, (size_t)w * h * 4), 0);
    free(back);
    free(file.bytes);
}

static void an_image_goes_through_a_region_with_an_empty_ledger(void **state) {
    (void)state;
    const uint8_t *pixels;
    struct tri_error err = {0};
    struct tri_layout layout, wanted = tri_layout_image(91, 123, 4, TRI_DTYPE_U8);
    char out[128];
    uint64_t bytes = 0;
    struct stat st;
    tri_handle region = load(&pixels, 123, 91);
    assert_ok(tri_region_layout(arena, region, &layout, &err));
    assert_true(tri_layout_equal(&layout, &wanted) && layout.kind == TRI_KIND_IMAGE);
    snprintf(out, sizeof out, "%s/out.png", root);
    assert_ok(tri_image_encode_file(arena, region, out, NULL, &bytes, &err));
    check_file(out, pixels, 123, 91);
    assert_int_equal(stat(out, &st), 0);
    assert_int_equal(st.st_size, bytes);
    void *memory;
    size_t size;
    assert_ok(tri_image_encode_memory(arena, region, NULL, &memory, &size, &err));
    struct kit_bytes file = get_file(out);
    assert_int_equal(size, file.size);
    assert_memory_equal(memory, file.bytes, size);
    free(memory);
    free(file.bytes);
    assert_int_equal(tri_ledger_copies(arena, TRI_LEDGER_BORDER), 0);
    assert_int_equal(tri_ledger_copies(arena, TRI_LEDGER_BETWEEN), 0);
    free((void *)(uintptr_t)pixels);
}

static void a_turned_photo_is_one_line_in_the_ledger(void **state) {
    (void)state;
    struct kit_jpeg_options o = {.width = 70, .height = 50, .orientation = 6};
    struct kit_bytes file = kit_jpeg_write(&o);
    struct tri_image *image;
    struct tri_image_info info;
    struct tri_error err = {0};
    struct tri_ledger_line line;
    struct tri_region_info region_info;
    tri_handle region = region_of(70 * 50 * 4);
    assert_ok(tri_image_open_memory(file.bytes, file.size, "phone.jpg", &image, &err));
    tri_image_info(image, &info);
    assert_true(info.width == 50 && info.height == 70);
    assert_ok(tri_image_decode(image, arena, region, &err));
    assert_ok(tri_region_info(arena, region, &region_info, &err));
    assert_int_equal(tri_ledger_lines(arena, &line, 1), 1);
    assert_int_equal(line.place, TRI_LEDGER_BORDER);
    assert_int_equal(line.bytes, 70 * 50 * 4);
    assert_int_equal(line.copies, 1);
    assert_string_equal(line.cause, "EXIF orientation");
    assert_string_equal(line.region, region_info.label);
    tri_image_close(&image);
    free(file.bytes);
}

static void a_cut_file_poisons_the_region_until_it_is_written_anew(void **state) {
    (void)state;
    struct kit_png_options o = {.width = 60, .height = 50, .colour_type = 2, .bit_depth = 8};
    struct kit_bytes file = kit_png_write(&o);
    struct tri_image *image;
    struct tri_region_info info;
    struct tri_error err = {0}, cause = {0};
    tri_handle region = region_of(60 * 50 * 4);
    assert_ok(tri_image_open_memory(file.bytes, file.size / 2, "cut.png", &image, &err));
    assert_status(tri_image_decode(image, arena, region, &err), TRI_BAD_IMAGE);
    assert_ok(tri_region_info(arena, region, &info, &err));
    assert_true(tri_sync_poison_cause(tri_arena_sync(arena), info.index, &cause));
    assert_int_equal(cause.status, TRI_BAD_IMAGE);
    assert_non_null(strstr(cause.message, "cut.png"));
    assert_status(tri_image_encode_file(arena, region, path, NULL, NULL, &err), TRI_POISONED);
    assert_int_equal(access(path, F_OK), -1);
    assert_status(tri_image_decode(image, arena, region, NULL), TRI_POISONED);
    tri_image_close(&image);
    assert_ok(tri_sync_reset(tri_arena_sync(arena), info.index, &err));
    assert_ok(tri_image_open_memory(file.bytes, file.size, "whole.png", &image, &err));
    assert_ok(tri_image_decode(image, arena, region, &err));
    tri_image_close(&image);
    free(file.bytes);
}

static void misuse_is_answered(void **state) {
    (void)state;
    const uint8_t *pixels;
    struct tri_error err = {0};
    struct tri_image *image;
    struct tri_image_encode_params params = {.struct_bytes = sizeof params};
    tri_handle region = load(&pixels, 30, 20), small = region_of(30 * 20 * 4 - 1), bytes = region_of(4096);
    free((void *)(uintptr_t)pixels);
    assert_ok(tri_image_open_file(path, &image, &err));
    assert_status(tri_image_decode(image, arena, small, &err), TRI_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "needs 2400 bytes; the region has 2399"));
    assert_status(tri_image_decode(image, arena, region + 1, &err), TRI_BAD_HANDLE);
    assert_status(tri_image_decode(NULL, arena, region, &err), TRI_INVALID_ARGUMENT);
    tri_image_close(&image);
    tri_image_close(&image);
    tri_image_close(NULL);
    assert_status(tri_image_encode_file(arena, bytes, "x.png", NULL, NULL, &err), TRI_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "u8 [4096]"));
    assert_status(tri_image_encode_file(arena, region, "x.gif", NULL, NULL, &err), TRI_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "can't tell the format of x.gif"));
    params.quality = 101;
    assert_status(tri_image_encode_file(arena, region, "x.jpg", &params, NULL, &err), TRI_INVALID_ARGUMENT);
    params.struct_bytes = 3;
    assert_status(tri_image_encode_file(arena, region, "x.jpg", &params, NULL, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_image_open_file(NULL, &image, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_image_open_memory(NULL, 3, "x", &image, &err), TRI_INVALID_ARGUMENT);
}

/* A mask is a grey picture: 16 bits unless told otherwise. Only a PNG can hold one. */
static void a_mask_becomes_a_grey_png(void **state) {
    (void)state;
    const struct tri_layout layout = tri_layout_mask(9, 7);
    struct tri_image_encode_params params = {.struct_bytes = sizeof params};
    struct tri_host_view view;
    struct tri_image_info info;
    struct tri_image *image = NULL;
    struct tri_error err = {0};
    tri_handle region = region_of(9 * 7 * 4);
    assert_ok(tri_region_set_layout(arena, region, &layout, &err));
    assert_ok(tri_host_view_begin(arena, region, TRI_ACCESS_WRITE, NULL, &view, &err));
    for (size_t i = 0; i < 9 * 7; i++)
        ((float *)view.write)[i] = (float)i / 62.0f;
    assert_ok(tri_host_view_end(arena, &view, &err));
    for (uint32_t depth = 0; depth <= 16; depth += 8) {
        params.png_depth = depth;
        assert_ok(tri_image_encode_file(arena, region, path, &params, NULL, &err));
        assert_ok(tri_image_open_file(path, &image, &err));
        tri_image_info(image, &info);
        assert_true(info.width == 7 && info.height == 9 && info.bit_depth == (depth ? depth : 16) && !info.has_alpha);
        tri_image_close(&image);
    }
    params.png_depth = 12;
    assert_status(tri_image_encode_file(arena, region, path, &params, NULL, &err), TRI_INVALID_ARGUMENT);
    params.png_depth = 0;
    for (int format = TRI_IMAGE_JPEG; format <= TRI_IMAGE_HEIF; format++) {
        if (format == TRI_IMAGE_PNG)
            continue;
        params.format = (enum tri_image_format)format;
        assert_status(tri_image_encode_file(arena, region, path, &params, NULL, &err), TRI_INVALID_ARGUMENT);
        assert_non_null(strstr(err.message, format == TRI_IMAGE_HEIF ? "read, not written" : "u8 [height,width,4]"));
    }
    assert_int_equal(tri_ledger_copies(arena, TRI_LEDGER_BORDER), 0);
}

static void what_can_not_be_read_is_said(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_image *image = NULL;
    char name[128];
    snprintf(name, sizeof name, "%s/none.png", root);
    assert_status(tri_image_open_file(name, &image, &err), TRI_NOT_FOUND);
    assert_non_null(strstr(err.message, "there is no file"));
    assert_status(tri_image_open_file(root, &image, &err), TRI_IO);
    assert_non_null(strstr(err.message, "is a folder"));
    put_file(path, "", 0);
    assert_status(tri_image_open_file(path, &image, &err), TRI_BAD_IMAGE);
    assert_non_null(strstr(err.message, "is empty"));
    assert_int_equal(chmod(path, 0), 0);
    bool root_user = geteuid() == 0;
    if (root_user)
        assert_int_equal(seteuid(12345), 0);
    tri_status status = tri_image_open_file(path, &image, &err);
    if (root_user)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(status, TRI_IO);
    assert_non_null(strstr(err.message, "Permission denied"));
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(truncate(path, ((off_t)1 << 30) + 1), 0);
    assert_status(tri_image_open_file(path, &image, &err), TRI_LIMIT);
    assert_non_null(strstr(err.message, "1024 MiB"));
    assert_null(image);
}

static void dash_is_standard_input(void **state) {
    (void)state;
    struct kit_jpeg_options o = {.width = 300, .height = 400};
    struct kit_bytes file = kit_jpeg_write(&o);
    struct tri_image *image = NULL;
    struct tri_error err = {0};
    int ends[2], kept = dup(STDIN_FILENO);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork(); /* more than a pipe holds: somebody has to write while we read */
    if (child == 0) {
        close(ends[0]);
        for (size_t at = 0; at < file.size;) {
            ssize_t n = write(ends[1], file.bytes + at, file.size - at);
            if (n <= 0)
                _exit(1);
            at += (size_t)n;
        }
        _exit(0);
    }
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    tri_status status = tri_image_open_file("-", &image, &err);
    dup2(kept, STDIN_FILENO);
    close(kept);
    assert_int_equal(status, TRI_OK);
    tri_handle region = region_of(300 * 400 * 4);
    assert_ok(tri_image_decode(image, arena, region, &err));
    tri_image_close(&image);
    free(file.bytes);
}

static void no_overwrite_keeps_the_old_file(void **state) {
    (void)state;
    const uint8_t *pixels;
    struct tri_error err = {0};
    struct tri_image_encode_params params = {.struct_bytes = sizeof params, .no_overwrite = true};
    tri_handle region = load(&pixels, 30, 20);
    assert_status(tri_image_encode_file(arena, region, path, &params, NULL, &err), TRI_IO);
    check_file(path, pixels, 30, 20);
    free((void *)(uintptr_t)pixels);
}

/* From file to file, each failure of each kind in turn: an error that names it, and the old file as it was. */
static void every_failure_leaves_no_partial_output(void **state) {
    (void)state;
    static const enum trii_fault kinds[] = {TRII_FAULT_ALLOC, TRII_FAULT_OPEN, TRII_FAULT_WRITE, TRII_FAULT_THREAD};
    const uint8_t *pixels;
    char out[128];
    tri_handle region = load(&pixels, 300, 400);
    snprintf(out, sizeof out, "%s/out.png", root);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        bool fired = true;
        for (uint64_t nth = 0; fired; nth++) {
            struct tri_error err = {0};
            struct tri_image *image = NULL;
            struct tri_region_info info;
            put_file(out, "old", 3);
            trii_fault_arm(kinds[k], nth);
            tri_status status = tri_image_open_file(path, &image, &err);
            if (status == TRI_OK)
                status = tri_image_decode(image, arena, region, &err);
            if (status == TRI_OK)
                status = tri_image_encode_file(arena, region, out, NULL, NULL, &err);
            fired = trii_fault_disarm(kinds[k]);
            tri_image_close(&image);
            assert_ok(tri_region_info(arena, region, &info, &err));
            assert_ok(tri_sync_reset(tri_arena_sync(arena), info.index, &err));
            if (status == TRI_OK)
                check_file(out, pixels, 300, 400);
            else {
                struct kit_bytes old = get_file(out);
                assert_int_equal(old.size, 3);
                free(old.bytes);
                assert_true(fired && status == (kinds[k] == TRII_FAULT_ALLOC ? TRI_NO_MEMORY : TRI_IO));
            }
        }
    }
    free((void *)(uintptr_t)pixels);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(an_image_goes_through_a_region_with_an_empty_ledger),
        CASE(a_turned_photo_is_one_line_in_the_ledger),
        CASE(a_cut_file_poisons_the_region_until_it_is_written_anew),
        CASE(misuse_is_answered),
        CASE(a_mask_becomes_a_grey_png),
        CASE(what_can_not_be_read_is_said),
        CASE(dash_is_standard_input),
        CASE(no_overwrite_keeps_the_old_file),
        CASE(every_failure_leaves_no_partial_output),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
