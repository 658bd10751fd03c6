/*
 * An opened image: its bytes, what its header says, and the two decoders that write it somewhere.
 *
 * The decoders write RGBA rows through a trii_turn, which knows where a row belongs once the orientation is applied.
 * Nothing here knows arenas except decode.c, so that tests and fuzzers reach the decoders over plain memory.
 */
#ifndef TRIPOINT_MEDIA_IMAGE_H
#define TRIPOINT_MEDIA_IMAGE_H

#include <tripoint/media.h>

#include "base/ledger.h"
#include "media/turn.h"

/* A file larger than this is no photo: nothing more is read. */
#define TRII_IMAGE_MAX_FILE_BYTES ((uint64_t)1 << 30)
/* What a progressive JPEG's coefficients may take while it is decoded (6 bytes a pixel at most). */
#define TRII_JPEG_MAX_COEFFICIENT_BYTES ((uint64_t)512 << 20)
/* Ancillary PNG chunks: one, and all together. */
#define TRII_PNG_MAX_CHUNK_BYTES ((size_t)8 << 20)
#define TRII_PNG_MAX_CHUNKS_BYTES ((size_t)32 << 20)

/* What formats are read, for sentences. */
#define TRII_IMAGE_READ "JPEG, PNG, WebP, AVIF and HEIC are read"

struct tri_image {
    char *name;  /* for errors */
    const uint8_t *bytes;
    size_t size;
    uint8_t *owned; /* bytes, when they are ours; else NULL */
    uint32_t stored_width, stored_height; /* before the orientation */
    struct tri_image_info info;
};

/* Reads the header: fills stored size, orientation, has_alpha and bit_depth. The limits are the caller's. */
tri_status trii_jpeg_open(struct tri_image *image, struct tri_error *err);
tri_status trii_png_open(struct tri_image *image, struct tri_error *err);
tri_status trii_webp_open(struct tri_image *image, struct tri_error *err);
tri_status trii_heif_open(struct tri_image *image, struct tri_error *err);

/* Writes every row. */
tri_status trii_jpeg_decode(const struct tri_image *image, struct trii_turn *turn, struct tri_error *err);
tri_status trii_png_decode(const struct tri_image *image, struct trii_turn *turn, struct tri_error *err);
tri_status trii_webp_decode(const struct tri_image *image, struct trii_turn *turn, struct tri_error *err);
tri_status trii_heif_decode(const struct tri_image *image, struct trii_turn *turn, struct tri_error *err);

/* Decodes into width * height * 4 bytes at `rgba`, 4-byte aligned; turned pixels are counted in `ledger` under the
 * name `region`. On failure the bytes are undefined. */
tri_status trii_image_decode_to(const struct tri_image *image, uint8_t *rgba, struct trii_ledger *ledger,
                                const char *region, struct tri_error *err);

/* "a width or height of 0", "more than ...": TRI_BAD_IMAGE or TRI_LIMIT, before anything is allocated. */
tri_status trii_image_check_size(const char *name, uint64_t width, uint64_t height, struct tri_error *err);

#endif
