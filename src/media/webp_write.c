/*
 * WebP through libwebp, with alpha. It works on planes of its own: lossy ones are computed (YCbCr), but alpha is moved
 * into one, and lossless pixels are moved as a whole; both are counted at the border.
 */
#include "media/sink.h"

#include "base/ledger.h"
#include "base/status.h"

#include <webp/encode.h>

struct writer {
    const struct trii_sink *sink;
    struct tri_error *err;
    tri_status status;
};

static int write_bytes(const uint8_t *bytes, size_t size, const WebPPicture *picture) {
    struct writer *writer = picture->custom_ptr;
    writer->status = writer->sink->write(writer->sink->user, bytes, size, writer->err);
    return writer->status == TRI_OK;
}

static tri_status failed(const struct writer *writer, WebPEncodingError code) {
    if (writer->status != TRI_OK)
        return writer->status;
    switch (code) {
    case VP8_ENC_ERROR_OUT_OF_MEMORY:
    case VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY:
        return trii_fail(writer->err, TRI_NO_MEMORY, "out of memory while encoding the WebP");
    case VP8_ENC_ERROR_BAD_DIMENSION:
    case VP8_ENC_ERROR_PARTITION0_OVERFLOW:
    case VP8_ENC_ERROR_PARTITION_OVERFLOW:
    case VP8_ENC_ERROR_FILE_TOO_BIG:
        return trii_fail(writer->err, TRI_LIMIT, "the picture is too large for a WebP; write it as .png");
    default:
        return trii_fail(writer->err, TRI_INTERNAL, "the WebP can't be encoded: libwebp's error %d", (int)code);
    }
}

static void count_moves(const WebPPicture *picture, struct trii_ledger *ledger, const char *region) {
    const uint64_t pixels = (uint64_t)picture->width * (uint64_t)picture->height;
    if (picture->use_argb)
        trii_ledger_count(ledger, &(struct trii_copy){TRI_LEDGER_BORDER, NULL, region, "WebP: pixels repacked"}, pixels * 4);
    else if (picture->a)
        trii_ledger_count(ledger, &(struct trii_copy){TRI_LEDGER_BORDER, NULL, region, "WebP: alpha apart"}, pixels);
}

tri_status trii_webp_encode(const struct trii_pixels *pixels, uint32_t quality, bool lossless,
                            struct trii_ledger *ledger, const char *region, const struct trii_sink *sink,
                            struct tri_error *err) {
    struct writer writer = {.sink = sink, .err = err};
    WebPConfig config;
    WebPPicture picture;
    if (pixels->width > WEBP_MAX_DIMENSION || pixels->height > WEBP_MAX_DIMENSION)
        return trii_fail(err, TRI_LIMIT, "a WebP has at most %d pixels a side, this is %u x %u; write it as .png",
                         WEBP_MAX_DIMENSION, pixels->width, pixels->height);
    if (!WebPConfigPreset(&config, WEBP_PRESET_PHOTO, (float)quality) || !WebPPictureInit(&picture))
        return trii_fail(err, TRI_UNSUPPORTED, "the libwebp that is installed is not the one this was built for");
    config.thread_level = 1;
    config.lossless = lossless;
    if (lossless) {
        config.exact = 1; /* colour under transparent pixels too */
        config.quality = 50; /* effort, here */
    }
    picture.use_argb = lossless;
    picture.width = (int)pixels->width;
    picture.height = (int)pixels->height;
    picture.writer = write_bytes;
    picture.custom_ptr = &writer;
    bool done = WebPPictureImportRGBA(&picture, pixels->bytes, (int)pixels->stride_bytes);
    if (done) {
        count_moves(&picture, ledger, region);
        done = WebPEncode(&config, &picture);
    }
    tri_status status = done ? TRI_OK : failed(&writer, picture.error_code);
    WebPPictureFree(&picture);
    return status;
}
