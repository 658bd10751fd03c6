#include "media/image.h"

#include "base/alloc.h"
#include "base/status.h"
#include "base/sys.h"
#include "media/input.h"
#include "media/sniff.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

tri_status trii_image_check_size(const char *name, uint64_t width, uint64_t height, struct tri_error *err) {
    if (width == 0 || height == 0)
        return trii_fail(err, TRI_BAD_IMAGE, "%s has no pixels: %llu x %llu", name, (unsigned long long)width,
                         (unsigned long long)height);
    if (width > TRI_IMAGE_MAX_SIDE || height > TRI_IMAGE_MAX_SIDE)
        return trii_fail(err, TRI_LIMIT, "%s is %llu x %llu: a side may have at most %u pixels", name,
                         (unsigned long long)width, (unsigned long long)height, TRI_IMAGE_MAX_SIDE);
    if (width * height > TRI_IMAGE_MAX_PIXELS)
        return trii_fail(err, TRI_LIMIT, "%s is %llu x %llu: an image may have at most %llu pixels", name,
                         (unsigned long long)width, (unsigned long long)height,
                         (unsigned long long)TRI_IMAGE_MAX_PIXELS);
    return TRI_OK;
}

static const struct {
    tri_status (*open)(struct tri_image *image, struct tri_error *err);
    tri_status (*decode)(const struct tri_image *image, struct trii_turn *turn, struct tri_error *err);
} decoders[] = {[TRI_IMAGE_JPEG] = {trii_jpeg_open, trii_jpeg_decode},
                [TRI_IMAGE_PNG] = {trii_png_open, trii_png_decode},
                [TRI_IMAGE_WEBP] = {trii_webp_open, trii_webp_decode},
                [TRI_IMAGE_HEIF] = {trii_heif_open, trii_heif_decode}};

static tri_status read_header(struct tri_image *image, struct tri_error *err) {
    const char *what;
    if (image->size == 0)
        return trii_fail(err, TRI_BAD_IMAGE, "%s is empty", image->name);
    image->info.format = trii_image_sniff(image->bytes, image->size, &what);
    if (image->info.format == TRI_IMAGE_UNKNOWN) {
        if (what)
            return trii_fail(err, TRI_BAD_IMAGE, "%s is %s; " TRII_IMAGE_READ, image->name, what);
        return trii_fail(err, TRI_BAD_IMAGE, "%s is no image that is known; " TRII_IMAGE_READ, image->name);
    }
    tri_status status = decoders[image->info.format].open(image, err);
    if (status == TRI_OK)
        status = trii_image_check_size(image->name, image->stored_width, image->stored_height, err);
    bool quarter = image->info.orientation >= 5;
    image->info.width = quarter ? image->stored_height : image->stored_width;
    image->info.height = quarter ? image->stored_width : image->stored_height;
    return status;
}

/* Takes `owned` over, also when it fails. */
static tri_status open_bytes(const uint8_t *bytes, size_t size, uint8_t *owned, const char *name,
                             struct tri_image **out, struct tri_error *err) {
    struct tri_image *image = trii_calloc(1, sizeof *image);
    if (image)
        image->name = trii_strdup(name);
    if (!image || !image->name) {
        trii_free(image);
        trii_free(owned);
        return trii_fail(err, TRI_NO_MEMORY, "out of memory while opening %s", name);
    }
    image->bytes = bytes;
    image->size = size;
    image->owned = owned;
    tri_status status = read_header(image, err);
    if (status != TRI_OK) {
        tri_image_close(&image);
        return status;
    }
    *out = image;
    return TRI_OK;
}

tri_status tri_image_open_memory(const void *bytes, size_t size, const char *name, struct tri_image **out,
                                 struct tri_error *err) {
    if (!out || (!bytes && size > 0))
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_image_open_memory needs the bytes and a place for the result");
    return open_bytes(bytes, size, NULL, name ? name : "the image", out, err);
}

static tri_status too_long(const char *name, struct tri_error *err) {
    return trii_fail(err, TRI_LIMIT, "%s is larger than %llu MiB, the most that is read as an image", name,
                     (unsigned long long)(TRII_IMAGE_MAX_FILE_BYTES >> 20));
}

/* Reads to the end. `expected` is the file's size, or 0 for what has none; a file that grows meanwhile is read whole.
 * Not mapped: a mapped file that somebody truncates kills its reader. */
static tri_status read_whole(int fd, size_t expected, const char *name, uint8_t **bytes, size_t *size,
                             struct tri_error *err) {
    size_t capacity = expected + 1 > 65536 ? expected + 1 : 65536, used = 0; /* one more: the end is seen in one call */
    uint8_t *buffer = trii_calloc(capacity, 1);
    while (buffer) {
        size_t got;
        if (used == capacity) {
            uint8_t *larger = trii_realloc(buffer, 2, capacity);
            if (!larger)
                break;
            buffer = larger;
            capacity *= 2;
        }
        int failed = trii_sys_read(fd, buffer + used, capacity - used, &got);
        used += failed ? 0 : got;
        if (!failed && got > 0 && used <= TRII_IMAGE_MAX_FILE_BYTES)
            continue;
        if (!failed && got == 0) {
            *bytes = buffer;
            *size = used;
            return TRI_OK;
        }
        trii_free(buffer);
        return failed ? trii_fail_errno(err, TRI_IO, failed, "can't read %s", name) : too_long(name, err);
    }
    trii_free(buffer);
    return trii_fail(err, TRI_NO_MEMORY, "out of memory while reading %s", name);
}

static tri_status open_fd(int fd, const char *name, struct tri_image **out, struct tri_error *err) {
    struct stat st;
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (fstat(fd, &st) != 0)
        return trii_fail_errno(err, TRI_IO, errno, "can't read %s", name);
    if (S_ISDIR(st.st_mode))
        return trii_fail(err, TRI_IO, "%s is a folder; name an image in it", name);
    if (S_ISREG(st.st_mode) && (uint64_t)st.st_size > TRII_IMAGE_MAX_FILE_BYTES)
        return too_long(name, err);
    tri_status status = read_whole(fd, S_ISREG(st.st_mode) ? (size_t)st.st_size : 0, name, &bytes, &size, err);
    return status == TRI_OK ? open_bytes(bytes, size, bytes, name, out, err) : status;
}

tri_status tri_image_open_file(const char *path, struct tri_image **out, struct tri_error *err) {
    struct trii_input input;
    if (!path || !out)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_image_open_file needs a path and a place for the result");
    tri_status status = trii_input_open(path, &input, err);
    if (status != TRI_OK)
        return status;
    status = open_fd(input.fd, input.name, out, err);
    trii_input_close(&input);
    return status;
}

void tri_image_info(const struct tri_image *image, struct tri_image_info *out) {
    if (!image || !out)
        return;
    *out = image->info;
}

void tri_image_close(struct tri_image **image) {
    if (!image || !*image)
        return;
    trii_free((*image)->owned);
    trii_free((*image)->name);
    trii_free(*image);
    *image = NULL;
}

tri_status trii_image_decode_to(const struct tri_image *image, uint8_t *rgba, struct trii_ledger *ledger,
                                const char *region, struct tri_error *err) {
    struct trii_turn turn;
    tri_status status = trii_turn_begin(&turn, rgba, image->stored_width, image->stored_height,
                                        image->info.orientation, ledger, region, err);
    if (status == TRI_OK)
        status = decoders[image->info.format].decode(image, &turn, err);
    trii_turn_end(&turn);
    return status;
}
