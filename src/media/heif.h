/*
 * The part of libheif's C interface that is used (1.13 on, libheif.so.1), declared by hand: the library is rare, large,
 * and brings two video codecs, so it is opened when the first AVIF or HEIC file comes (docs/decisions/0132).
 * Names and numbers are libheif's own.
 */
#ifndef TRIPOINT_MEDIA_HEIF_H
#define TRIPOINT_MEDIA_HEIF_H

#include <stddef.h>
#include <stdint.h>

struct heif_error {
    int code; /* enum heif_error_code */
    int subcode;
    const char *message;
};

enum { HEIF_ERROR_OK = 0, HEIF_ERROR_MEMORY = 6, HEIF_SUBERROR_LIMIT = 1000 };
enum { HEIF_COLORSPACE_RGB = 1, HEIF_CHROMA_INTERLEAVED_RGBA = 11, HEIF_CHANNEL_INTERLEAVED = 10 };

struct heif_context;
struct heif_image_handle;
struct heif_image;

/* Its beginning: what version 3 of it has. */
struct heif_decoding_options {
    uint8_t version;
    uint8_t ignore_transformations;
    void (*start_progress)(int step, int most, void *user);
    void (*on_progress)(int step, int progress, void *user);
    void (*end_progress)(int step, void *user);
    void *progress_user_data;
    uint8_t convert_hdr_to_8bit;
    uint8_t strict_decoding;
};

/* X(result, name, parameters) */
#define TRII_HEIF_FUNCTIONS(X)                                                                                       \
    X(uint32_t, heif_get_version_number, (void))                                                                     \
    X(struct heif_context *, heif_context_alloc, (void))                                                             \
    X(void, heif_context_free, (struct heif_context *))                                                              \
    X(void, heif_context_set_maximum_image_size_limit, (struct heif_context *, int))                                 \
    X(struct heif_error, heif_context_read_from_memory_without_copy,                                                 \
      (struct heif_context *, const void *, size_t, const void *))                                                   \
    X(struct heif_error, heif_context_get_primary_image_handle,                                                      \
      (struct heif_context *, struct heif_image_handle **))                                                          \
    X(void, heif_image_handle_release, (const struct heif_image_handle *))                                           \
    X(int, heif_image_handle_get_width, (const struct heif_image_handle *))                                          \
    X(int, heif_image_handle_get_height, (const struct heif_image_handle *))                                         \
    X(int, heif_image_handle_has_alpha_channel, (const struct heif_image_handle *))                                  \
    X(int, heif_image_handle_get_luma_bits_per_pixel, (const struct heif_image_handle *))                            \
    X(int, heif_image_handle_is_premultiplied_alpha, (const struct heif_image_handle *))                             \
    X(struct heif_decoding_options *, heif_decoding_options_alloc, (void))                                           \
    X(void, heif_decoding_options_free, (struct heif_decoding_options *))                                            \
    X(struct heif_error, heif_decode_image,                                                                          \
      (const struct heif_image_handle *, struct heif_image **, int, int, const struct heif_decoding_options *))      \
    X(int, heif_image_get_width, (const struct heif_image *, int))                                                   \
    X(int, heif_image_get_height, (const struct heif_image *, int))                                                  \
    X(const uint8_t *, heif_image_get_plane_readonly, (const struct heif_image *, int, int *))                       \
    X(void, heif_image_release, (const struct heif_image *))

#endif
