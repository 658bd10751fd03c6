/*
 * AVIF and HEIC through libheif, which is opened when it is first needed. It decodes into a picture of its own, turned
 * as the file says; the rows are moved from there, which is counted at the border.
 */
#include "media/heif.h"
#include "media/image.h"

#include "base/alloc.h"
#include "base/status.h"
#include "base/sys.h"

#include <pthread.h>

#define LIBRARY "libheif.so.1"
#define OLDEST 0x010d0000u /* 1.13: strict decoding, premultiplied alpha */

static struct {
#define FIELD(result, name, parameters) result(*name) parameters;
    TRII_HEIF_FUNCTIONS(FIELD)
#undef FIELD
} heif;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool loaded;

static const char *find_symbols(void *library) {
    const char *absent = NULL;
#define FIND(result, name, parameters)                       \
    if (!absent && !trii_sys_symbol(library, #name, &heif.name)) \
        absent = #name;
    TRII_HEIF_FUNCTIONS(FIND)
#undef FIND
    return absent;
}

static tri_status load_once(struct tri_error *err) {
    char why[256];
    void *library = trii_sys_library(LIBRARY, why, sizeof why);
    if (!library)
        return trii_fail(err, TRI_UNSUPPORTED, "AVIF and HEIC are read by libheif, which can't be opened (Debian's package "
                                               "libheif1): %s", why);
    const char *absent = find_symbols(library);
    if (absent)
        return trii_fail(err, TRI_UNSUPPORTED, "%s has no %s: it is not the libheif that is needed, 1.13 or newer", LIBRARY,
                         absent);
    uint32_t version = heif.heif_get_version_number();
    if (version < OLDEST)
        return trii_fail(err, TRI_UNSUPPORTED, "libheif is version %u.%u; 1.13 or newer is needed", version >> 24,
                         version >> 16 & 255);
    loaded = true;
    return TRI_OK;
}

static tri_status load(struct tri_error *err) {
    pthread_mutex_lock(&lock);
    tri_status status = loaded ? TRI_OK : load_once(err);
    pthread_mutex_unlock(&lock);
    return status;
}

/* A file and its main picture. */
struct reader {
    struct heif_context *context;
    struct heif_image_handle *picture;
};

static tri_status failed(const char *name, struct heif_error error, struct tri_error *err) {
    if (error.subcode == HEIF_SUBERROR_LIMIT)
        return trii_fail(err, TRI_LIMIT, "%s is beyond libheif's limits: %s", name, error.message ? error.message : "");
    if (error.code == HEIF_ERROR_MEMORY)
        return trii_fail(err, TRI_NO_MEMORY, "out of memory while decoding %s", name);
    return trii_fail(err, TRI_BAD_IMAGE, "%s can't be decoded: %s", name, error.message ? error.message : "damaged");
}

static void end(struct reader *reader) {
    if (reader->picture)
        heif.heif_image_handle_release(reader->picture);
    if (reader->context)
        heif.heif_context_free(reader->context);
}

static tri_status begin(const struct tri_image *image, struct reader *reader, struct tri_error *err) {
    *reader = (struct reader){.context = heif.heif_context_alloc()};
    if (!reader->context)
        return trii_fail(err, TRI_NO_MEMORY, "out of memory while opening %s", image->name);
    heif.heif_context_set_maximum_image_size_limit(reader->context, (int)TRI_IMAGE_MAX_SIDE);
    struct heif_error error =
        heif.heif_context_read_from_memory_without_copy(reader->context, image->bytes, image->size, NULL);
    if (error.code == HEIF_ERROR_OK)
        error = heif.heif_context_get_primary_image_handle(reader->context, &reader->picture);
    if (error.code == HEIF_ERROR_OK)
        return TRI_OK;
    tri_status status = failed(image->name, error, err); /* its words go with the context */
    end(reader);
    return status;
}

tri_status trii_heif_open(struct tri_image *image, struct tri_error *err) {
    struct reader reader;
    tri_status status = load(err);
    if (status == TRI_OK)
        status = begin(image, &reader, err);
    if (status != TRI_OK)
        return status;
    int width = heif.heif_image_handle_get_width(reader.picture), height = heif.heif_image_handle_get_height(reader.picture);
    int bits = heif.heif_image_handle_get_luma_bits_per_pixel(reader.picture);
    image->stored_width = width > 0 ? (uint32_t)width : 0;
    image->stored_height = height > 0 ? (uint32_t)height : 0;
    image->info.has_alpha = heif.heif_image_handle_has_alpha_channel(reader.picture) != 0;
    image->info.bit_depth = bits > 0 ? (uint32_t)bits : 8;
    image->info.orientation = 1; /* libheif turns as `irot` and `imir` say, which EXIF only repeats */
    end(&reader);
    return TRI_OK;
}

/* Colour over alpha, rounded: new values. */
static void divide_by_alpha(uint8_t *pixels, uint32_t width) {
    for (uint8_t *p = pixels; width > 0; width--, p += 4)
        for (int c = 0; c < 3 && p[3] > 0; c++) {
            unsigned value = (p[c] * 255u + p[3] / 2u) / p[3];
            p[c] = (uint8_t)(value < 255 ? value : 255);
        }
}

static tri_status take_rows(const struct tri_image *image, const struct heif_image *decoded, bool premultiplied,
                            struct trii_turn *turn, struct tri_error *err) {
    int stride = 0;
    const uint8_t *plane = heif.heif_image_get_plane_readonly(decoded, HEIF_CHANNEL_INTERLEAVED, &stride);
    int width = heif.heif_image_get_width(decoded, HEIF_CHANNEL_INTERLEAVED);
    int height = heif.heif_image_get_height(decoded, HEIF_CHANNEL_INTERLEAVED);
    if (!plane || width < 0 || height < 0 || (uint32_t)width != turn->width || (uint32_t)height != turn->height)
        return trii_fail(err, TRI_BAD_IMAGE, "%s says that it is %u x %u and holds %d x %d pixels", image->name, turn->width,
                         turn->height, width, height);
    struct trii_move move;
    const struct trii_copy copy = {TRI_LEDGER_BORDER, NULL, turn->move.copy.region, "libheif's own picture"};
    trii_move_begin(&move, turn->move.ledger, &copy);
    for (uint32_t y = 0; y < turn->height; y++) {
        uint8_t *row = trii_turn_row(turn, y);
        trii_move_row(&move, row, plane + (size_t)y * (size_t)stride, turn->width);
        if (premultiplied)
            divide_by_alpha(row, turn->width);
        trii_turn_done(turn, y);
    }
    trii_move_end(&move);
    return TRI_OK;
}

tri_status trii_heif_decode(const struct tri_image *image, struct trii_turn *turn, struct tri_error *err) {
    struct reader reader;
    struct heif_image *decoded = NULL;
    tri_status status = begin(image, &reader, err);
    if (status != TRI_OK)
        return status;
    struct heif_decoding_options *options = heif.heif_decoding_options_alloc();
    if (options && options->version >= 3)
        options->strict_decoding = 1;
    struct heif_error error = heif.heif_decode_image(reader.picture, &decoded, HEIF_COLORSPACE_RGB,
                                                     HEIF_CHROMA_INTERLEAVED_RGBA, options);
    if (error.code == HEIF_ERROR_OK)
        status = take_rows(image, decoded, heif.heif_image_handle_is_premultiplied_alpha(reader.picture) != 0, turn, err);
    else
        status = failed(image->name, error, err);
    if (decoded)
        heif.heif_image_release(decoded);
    if (options)
        heif.heif_decoding_options_free(options);
    end(&reader);
    return status;
}
