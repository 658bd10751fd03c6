/* Image files made for tests by the reference libraries, and their pixels as those libraries read them. */
#ifndef TRIPOINT_TESTS_IMAGES_H
#define TRIPOINT_TESTS_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kit_bytes {
    uint8_t *bytes; /* free() */
    size_t size;
};

/* Photo-like: gradients and noise, alpha from 0 to 255. Depends on the seed alone. */
uint8_t *kit_pixels(uint32_t width, uint32_t height, uint32_t seed);

/* By libpng. Samples are random bits; palettes have all entries; `transparent` adds a tRNS chunk. */
struct kit_png_options {
    uint32_t width, height;
    int colour_type; /* PNG_COLOR_TYPE_* */
    int bit_depth;
    bool interlaced, transparent;
    uint32_t seed;
};
struct kit_bytes kit_png_write(const struct kit_png_options *options);
/* Any PNG as RGBA 8 by libpng; NULL when it refuses. */
uint8_t *kit_png_read(const struct kit_bytes *file, uint32_t *width, uint32_t *height);
/* The same by libspng. */
uint8_t *kit_spng_read(const struct kit_bytes *file, uint32_t *width, uint32_t *height);

/* By libjpeg-turbo, from kit_pixels(). */
struct kit_jpeg_options {
    uint32_t width, height;
    bool grey, cmyk, progressive, arithmetic;
    bool no_adobe;            /* CMYK without the marker that tells inverted inks */
    int orientation;          /* 0: no EXIF */
    bool big_endian;          /* EXIF's byte order */
    int restart_rows;
    uint32_t seed;
};
struct kit_bytes kit_jpeg_write(const struct kit_jpeg_options *options);
/* Any JPEG by libjpeg-turbo: RGBA 8, or CMYK as stored. */
uint8_t *kit_jpeg_read(const struct kit_bytes *file, uint32_t *width, uint32_t *height, bool *cmyk);

/* An APP1 payload: "Exif", one directory, one orientation. Returns its size, at most 64. */
size_t kit_exif(uint8_t out[64], int orientation, bool big_endian);
/* Where pixel (x, y) of the stored w x h image is shown, as the EXIF standard words it: bytes from the first pixel. */
size_t kit_shown_at(int orientation, uint32_t x, uint32_t y, uint32_t w, uint32_t h);

#endif
