/* WebP through libwebp: it writes RGBA straight to where it belongs. */
#include "media/exif.h"
#include "media/image.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/status.h"

#include <string.h>

#include <webp/decode.h>

static tri_status failed(const char *name, VP8StatusCode code, struct tri_error *err) {
    static const char *const words[] = {
        [VP8_STATUS_INVALID_PARAM] = "its parameters are wrong",
        [VP8_STATUS_BITSTREAM_ERROR] = "its data is damaged",
        [VP8_STATUS_UNSUPPORTED_FEATURE] = "it has a feature that libwebp does not know",
        [VP8_STATUS_SUSPENDED] = "it is cut short",
        [VP8_STATUS_USER_ABORT] = "decoding was given up",
        [VP8_STATUS_NOT_ENOUGH_DATA] = "it is cut short",
    };
    if (code == VP8_STATUS_OUT_OF_MEMORY)
        return trii_fail(err, TRI_NO_MEMORY, "out of memory while decoding %s", name);
    bool known = (size_t)code < sizeof words / sizeof *words && words[code];
    return trii_fail(err, TRI_BAD_IMAGE, "%s can't be decoded: %s", name, known ? words[code] : "it is no WebP image");
}

static uint32_t little_endian(const uint8_t *p) {
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* The EXIF chunk among RIFF's chunks; it holds the TIFF structure, with or without "Exif\0\0" before it. */
static uint32_t orientation_of(const struct tri_image *image) {
    enum { RIFF_BYTES = 12, HEAD_BYTES = 8 };
    static const uint8_t head[6] = "Exif\0";
    for (uint64_t at = RIFF_BYTES; trii_range_fits(at, HEAD_BYTES, image->size);) {
        const uint8_t *chunk = image->bytes + at;
        uint64_t size = little_endian(chunk + 4);
        if (!trii_range_fits(at + HEAD_BYTES, size, image->size))
            return 1;
        if (memcmp(chunk, "EXIF", 4) == 0)
            return size > sizeof head && memcmp(chunk + HEAD_BYTES, head, sizeof head) == 0
                       ? trii_exif_orientation(chunk + HEAD_BYTES, (size_t)size)
                       : trii_tiff_orientation(chunk + HEAD_BYTES, (size_t)size);
        at += HEAD_BYTES + size + (size & 1);
    }
    return 1;
}

tri_status trii_webp_open(struct tri_image *image, struct tri_error *err) {
    WebPBitstreamFeatures features;
    VP8StatusCode code = WebPGetFeatures(image->bytes, image->size, &features);
    if (code != VP8_STATUS_OK)
        return failed(image->name, code, err);
    if (features.has_animation)
        return trii_fail(err, TRI_BAD_IMAGE, "%s is an animation; still pictures are read", image->name);
    image->stored_width = (uint32_t)features.width;
    image->stored_height = (uint32_t)features.height;
    image->info.has_alpha = features.has_alpha;
    image->info.bit_depth = 8;
    image->info.orientation = orientation_of(image);
    return TRI_OK;
}

/* The whole picture to `to`, upside down when `flip`. */
static VP8StatusCode decode(const struct tri_image *image, uint8_t *to, bool flip) {
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return VP8_STATUS_INVALID_PARAM;
    size_t stride = (size_t)image->stored_width * 4;
    config.options.use_threads = 1;
    config.options.flip = flip;
    config.output.colorspace = MODE_RGBA;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = to;
    config.output.u.RGBA.stride = (int)stride;
    config.output.u.RGBA.size = stride * image->stored_height;
    VP8StatusCode code = WebPDecode(image->bytes, image->size, &config);
    WebPFreeDecBuffer(&config.output);
    return code;
}

tri_status trii_webp_decode(const struct tri_image *image, struct trii_turn *turn, struct tri_error *err) {
    uint8_t *apart = NULL, *to = (uint8_t *)turn->target;
    bool quarter = turn->orientation >= 5, flip = turn->orientation == 3 || turn->orientation == 4;
    if (quarter) {
        to = apart = trii_calloc((size_t)turn->width * turn->height, 4);
        if (!apart)
            return trii_fail(err, TRI_NO_MEMORY, "out of memory for the picture that is being turned");
    }
    VP8StatusCode code = decode(image, to, flip);
    if (code == VP8_STATUS_OK && quarter)
        trii_turn_whole(turn, (const uint32_t *)(const void *)apart);
    for (uint32_t y = 0; code == VP8_STATUS_OK && !quarter && y < turn->height; y++)
        trii_turn_done(turn, y);
    trii_free(apart);
    return code == VP8_STATUS_OK ? TRI_OK : failed(image->name, code, err);
}
