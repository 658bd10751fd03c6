#include "images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h> /* wants stdio.h first */
#include <png.h>
#include <spng.h>

static uint32_t next(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 16; /* the low bits repeat soon */
}

static void *need(size_t bytes) {
    void *memory = calloc(bytes ? bytes : 1, 1);
    if (!memory)
        abort();
    return memory;
}

uint8_t *kit_pixels(uint32_t width, uint32_t height, uint32_t seed) {
    uint8_t *pixels = need((size_t)width * height * 4), *p = pixels;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++, p += 4) {
            uint32_t noise = next(&seed);
            p[0] = (uint8_t)(x * 255 / width + (noise & 3));
            p[1] = (uint8_t)(y * 255 / height + (noise >> 2 & 3));
            p[2] = (uint8_t)((x + y) * 127 / (width + height) + (noise >> 4 & 7));
            p[3] = (uint8_t)(x * 3 < width ? 0 : x * 3 < 2 * width ? 255 : noise >> 8);
        }
    return pixels;
}

/* ---- PNG ---- */
static void png_out(png_structp png, png_bytep bytes, size_t size) {
    struct kit_bytes *file = png_get_io_ptr(png);
    file->bytes = realloc(file->bytes, file->size + size);
    if (!file->bytes)
        abort();
    memcpy(file->bytes + file->size, bytes, size);
    file->size += size;
}

static void png_flush_nothing(png_structp png) {
    (void)png;
}

static void set_palette(png_structp png, png_infop info, const struct kit_png_options *o) {
    png_color colours[256];
    png_byte alphas[256];
    int count = 1 << o->bit_depth;
    for (int i = 0; i < count; i++) {
        colours[i] = (png_color){(png_byte)(i * 7), (png_byte)(255 - i), (png_byte)(i * 31)};
        alphas[i] = (png_byte)(i * 5);
    }
    png_set_PLTE(png, info, colours, count);
    if (o->transparent)
        png_set_tRNS(png, info, alphas, count > 3 ? count - 1 : count, NULL);
}

static png_bytepp random_rows(const struct kit_png_options *o, size_t line) {
    png_bytepp rows = need(o->height * sizeof *rows);
    uint32_t seed = o->seed;
    for (uint32_t y = 0; y < o->height; y++) {
        rows[y] = need(line);
        for (size_t i = 0; i < line; i++)
            rows[y][i] = (png_byte)next(&seed);
        /* Some pixels have the transparent colour. */
        if (o->transparent && o->bit_depth >= 8 && line >= 6 && y % 2)
            for (size_t i = 0; i < 6; i++)
                rows[y][i] = o->bit_depth == 16 && i % 2 ? 0xff : 0x7f;
    }
    return rows;
}

struct kit_bytes kit_png_write(const struct kit_png_options *o) {
    struct kit_bytes file = {0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    if (setjmp(png_jmpbuf(png)))
        abort();
    png_set_write_fn(png, &file, png_out, png_flush_nothing);
    png_set_IHDR(png, info, o->width, o->height, o->bit_depth, o->colour_type,
                 o->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, 0, 0);
    if (o->colour_type == PNG_COLOR_TYPE_PALETTE)
        set_palette(png, info, o);
    else if (o->transparent) {
        png_uint_16 half = (png_uint_16)(((1u << o->bit_depth) - 1) / 2);
        png_color_16 colour = {.red = half, .green = half, .blue = half, .gray = half};
        png_set_tRNS(png, info, NULL, 0, &colour);
    }
    png_write_info(png, info);
    png_bytepp rows = random_rows(o, png_get_rowbytes(png, info));
    png_write_image(png, rows);
    png_write_end(png, info);
    for (uint32_t y = 0; y < o->height; y++)
        free(rows[y]);
    free(rows);
    png_destroy_write_struct(&png, &info);
    return file;
}

struct png_source {
    const struct kit_bytes *file;
    size_t at;
};

static void png_in(png_structp png, png_bytep bytes, size_t size) {
    struct png_source *source = png_get_io_ptr(png);
    if (size > source->file->size - source->at)
        png_error(png, "short");
    memcpy(bytes, source->file->bytes + source->at, size);
    source->at += size;
}

static void png_stay_silent(png_structp png, png_const_charp words) {
    (void)png, (void)words;
}

static void png_give_up(png_structp png, png_const_charp words) {
    (void)words;
    png_longjmp(png, 1);
}

uint8_t *kit_png_read(const struct kit_bytes *file, uint32_t *width, uint32_t *height) {
    struct png_source source = {.file = file};
    uint8_t *volatile pixels = NULL;
    png_bytepp volatile rows = NULL;
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, png_give_up, png_stay_silent);
    png_infop info = png_create_info_struct(png);
    if (setjmp(png_jmpbuf(png))) {
        png_destroy_read_struct(&png, &info, NULL);
        free(pixels);
        free(rows);
        return NULL;
    }
    png_set_read_fn(png, &source, png_in);
    png_read_info(png, info);
    *width = png_get_image_width(png, info);
    *height = png_get_image_height(png, info);
    png_set_expand(png);
    png_set_strip_16(png);
    png_set_gray_to_rgb(png);
    png_set_add_alpha(png, 255, PNG_FILLER_AFTER);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    pixels = need((size_t)*width * *height * 4);
    rows = need(*height * sizeof *rows);
    for (uint32_t y = 0; y < *height; y++)
        rows[y] = pixels + (size_t)y * *width * 4;
    png_read_image(png, rows);
    png_read_end(png, NULL);
    png_destroy_read_struct(&png, &info, NULL);
    free(rows);
    return pixels;
}

uint8_t *kit_spng_read(const struct kit_bytes *file, uint32_t *width, uint32_t *height) {
    struct spng_ihdr header;
    spng_ctx *png = spng_ctx_new(0);
    uint8_t *pixels = NULL;
    spng_set_png_buffer(png, file->bytes, file->size);
    if (spng_get_ihdr(png, &header) == 0) {
        size_t bytes = (size_t)header.width * header.height * 4;
        *width = header.width;
        *height = header.height;
        pixels = need(bytes);
        if (spng_decode_image(png, pixels, bytes, SPNG_FMT_RGBA8, SPNG_DECODE_TRNS) || spng_decode_chunks(png)) {
            free(pixels);
            pixels = NULL;
        }
    }
    spng_ctx_free(png);
    return pixels;
}

/* ---- JPEG ---- */
size_t kit_exif(uint8_t out[64], int orientation, bool big_endian) {
    static const uint8_t little[] = {'E', 'x', 'i', 'f', 0, 0, 'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0,
                                     0x12, 1, 3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t big[] = {'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1,
                                  1, 0x12, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0};
    memcpy(out, big_endian ? big : little, sizeof big);
    out[big_endian ? 25 : 24] = (uint8_t)orientation;
    return sizeof big;
}

struct kit_bytes kit_jpeg_write(const struct kit_jpeg_options *o) {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *bytes = NULL;
    unsigned long size = 0;
    uint8_t *pixels = kit_pixels(o->width, o->height, o->seed), exif[64];
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &bytes, &size);
    jpeg.image_width = o->width;
    jpeg.image_height = o->height;
    jpeg.input_components = 4;
    jpeg.in_color_space = o->cmyk ? JCS_CMYK : JCS_EXT_RGBX;
    jpeg_set_defaults(&jpeg);
    if (o->grey)
        jpeg_set_colorspace(&jpeg, JCS_GRAYSCALE);
    jpeg_set_quality(&jpeg, 90, TRUE);
    if (o->progressive)
        jpeg_simple_progression(&jpeg);
    jpeg.arith_code = o->arithmetic;
    jpeg.restart_in_rows = o->restart_rows;
    if (o->no_adobe)
        jpeg.write_Adobe_marker = FALSE;
    jpeg_start_compress(&jpeg, TRUE);
    if (o->orientation)
        jpeg_write_marker(&jpeg, JPEG_APP0 + 1, exif, (unsigned)kit_exif(exif, o->orientation, o->big_endian));
    for (uint32_t y = 0; y < o->height; y++) {
        JSAMPROW row = pixels + (size_t)y * o->width * 4;
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    free(pixels);
    return (struct kit_bytes){.bytes = bytes, .size = size};
}

uint8_t *kit_jpeg_read(const struct kit_bytes *file, uint32_t *width, uint32_t *height, bool *cmyk) {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&jpeg);
    jpeg_mem_src(&jpeg, file->bytes, file->size);
    jpeg_read_header(&jpeg, TRUE);
    *width = jpeg.image_width;
    *height = jpeg.image_height;
    *cmyk = jpeg.num_components == 4;
    jpeg.out_color_space = *cmyk ? JCS_CMYK : JCS_EXT_RGBA;
    jpeg_start_decompress(&jpeg);
    uint8_t *pixels = need((size_t)*width * *height * 4);
    while (jpeg.output_scanline < jpeg.output_height) {
        JSAMPROW row = pixels + (size_t)jpeg.output_scanline * *width * 4;
        jpeg_read_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_decompress(&jpeg);
    jpeg_destroy_decompress(&jpeg);
    return pixels;
}

size_t kit_shown_at(int orientation, uint32_t x, uint32_t y, uint32_t w, uint32_t h) {
    uint32_t row = 0, column = 0, width = orientation >= 5 ? h : w;
    switch (orientation) {
    case 1: row = y, column = x; break;                 /* 0th row at the top, 0th column at the left */
    case 2: row = y, column = w - 1 - x; break;         /* top, right */
    case 3: row = h - 1 - y, column = w - 1 - x; break; /* bottom, right */
    case 4: row = h - 1 - y, column = x; break;         /* bottom, left */
    case 5: row = x, column = y; break;                 /* 0th row at the left, 0th column at the top */
    case 6: row = x, column = h - 1 - y; break;         /* right, top */
    case 7: row = w - 1 - x, column = h - 1 - y; break; /* right, bottom */
    case 8: row = w - 1 - x, column = y; break;         /* left, bottom */
    }
    return ((size_t)row * width + column) * 4;
}
