/*
 * tripoint/media.h - images straight into a region, and straight out of one.
 *
 * A source is opened from a file, a descriptor or memory; its header is read and checked against
 * the limits before anything is allocated. Decoding writes RGBA u8 into a region of the arena;
 * encoding reads from one. No pixel passes through a buffer on the way, except when a photo's EXIF
 * orientation has to be applied by turning it, when libheif hands over a picture of its own, and
 * when WebP keeps alpha or lossless pixels apart: those copies are counted at the border.
 *
 * In:  JPEG (libjpeg-turbo; baseline and progressive, grey, YCbCr, CMYK; EXIF orientation),
 *      PNG (libspng; every colour type and bit depth, interlaced),
 *      WebP (libwebp; lossy and lossless, alpha, EXIF orientation; no animations),
 *      AVIF and HEIC (libheif, opened when the first such file comes; its own orientation).
 * Out: PNG (8 or 16 bits, grey to RGBA; our own container over ISA-L's deflate), JPEG (alpha
 *      flattened), WebP (lossy or lossless, with alpha).
 *
 * Ownership: a source owns the file's bytes (1 GiB at most); memory given to tri_image_open_memory() must
 *            outlive it.
 * Threads:   a source is used by one thread at a time; different sources are independent.
 * Errors:    TRI_BAD_IMAGE names the file and what is wrong with it, TRI_LIMIT which limit,
 *            TRI_IO the system's reason. Output files appear whole or not at all.
 *
 * Copyright the Tripoint authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef TRIPOINT_MEDIA_H
#define TRIPOINT_MEDIA_H

#include <tripoint/view.h>

TRI_BEGIN_DECLS

struct tri_image;

/** Largest width or height, and most pixels, that are decoded: 128 Mpixel is a region of 512 MiB. */
#define TRI_IMAGE_MAX_SIDE 32768u
#define TRI_IMAGE_MAX_PIXELS ((uint64_t)128 << 20)

enum tri_image_format {
    TRI_IMAGE_UNKNOWN = 0,
    TRI_IMAGE_JPEG = 1,
    TRI_IMAGE_PNG = 2,
    TRI_IMAGE_WEBP = 3,
    TRI_IMAGE_HEIF = 4 /**< AVIF and HEIC; read, not written */
};

struct tri_image_info {
    enum tri_image_format format;
    uint32_t width, height; /**< as seen: after the orientation is applied */
    uint32_t orientation;   /**< EXIF 1 … 8; 1 is upright */
    bool has_alpha;
    uint32_t bit_depth;
};

/** `path` "-" reads standard input whole. */
TRI_API TRI_MUST_USE tri_status tri_image_open_file(const char *path, struct tri_image **out, struct tri_error *err);
/** `name` is what errors call it. */
TRI_API TRI_MUST_USE tri_status tri_image_open_memory(const void *bytes, size_t size, const char *name,
                                                      struct tri_image **out, struct tri_error *err);
TRI_API void tri_image_info(const struct tri_image *image, struct tri_image_info *out);
/** Decodes into `region` as image u8 [height,width,4], tight, and sets the region's layout. Takes a host write claim;
 * a failure poisons the region. */
TRI_API TRI_MUST_USE tri_status tri_image_decode(struct tri_image *image, struct tri_arena *arena, tri_handle region,
                                                 struct tri_error *err);
TRI_API void tri_image_close(struct tri_image **image);

/** The format that a path's ending asks for (.png, .jpg, .jpeg, .webp); PNG for "-"; UNKNOWN for anything else. */
TRI_API enum tri_image_format tri_image_format_of_path(const char *path);

struct tri_image_encode_params {
    size_t struct_bytes;         /**< sizeof(struct tri_image_encode_params) */
    enum tri_image_format format; /**< UNKNOWN: by the path's ending, PNG for "-" */
    uint32_t quality;            /**< JPEG and lossy WebP 1 … 100; 0 means 90 */
    uint8_t background[3];       /**< RGB behind transparent pixels in JPEG; {0} is black */
    uint32_t threads;            /**< PNG: 0 means as many as there are processors, at most 4 */
    bool no_overwrite;           /**< an existing file is an error */
    bool lossless;               /**< WebP: every bit as it was; `quality` is not looked at */
    uint32_t png_depth;          /**< PNG: 8 or 16 bits a sample; 0: 8 for u8, 16 for the others */
};

/** Encodes the region's image u8 [height,width,4] into `path` ("-" is standard output): written beside it under another
 * name, synced, then renamed. A PNG can also be made of [height,width,1 … 4] of u8, u16, or f16 and f32 from 0 to 1 (a
 * mask, say): grey, grey with alpha, RGB, RGBA. Takes a host read claim. `params` may be NULL. `bytes_out` may be NULL. */
TRI_API TRI_MUST_USE tri_status tri_image_encode_file(struct tri_arena *arena, tri_handle region, const char *path,
                                                      const struct tri_image_encode_params *params,
                                                      uint64_t *bytes_out, struct tri_error *err);
/** The same into memory from malloc(), which the caller frees with free(). */
TRI_API TRI_MUST_USE tri_status tri_image_encode_memory(struct tri_arena *arena, tri_handle region,
                                                        const struct tri_image_encode_params *params,
                                                        void **out, size_t *out_bytes, struct tri_error *err);

TRI_END_DECLS

#endif
