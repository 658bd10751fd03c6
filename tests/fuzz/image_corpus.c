/*
 * Makes the images that image_fuzz starts from, small ones of every kind: image_corpus FOLDER. Those of libheif are made by
 * its tools instead (avifenc -l, heif-enc), see tests/unit/media_heif_test.c.
 */
#include "images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <webp/encode.h>

static const char *folder;

static void put(const char *kind, int number, struct kit_bytes file, const char *ending) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s%02d.%s", folder, kind, number, ending);
    FILE *out = fopen(path, "wb");
    if (!out || fwrite(file.bytes, 1, file.size, out) != file.size || fclose(out) != 0) {
        perror(path);
        exit(1);
    }
    free(file.bytes);
}

static void put_pngs(void) {
    static const int kinds[][2] = {{0, 1}, {0, 16}, {2, 8}, {3, 2}, {3, 8}, {4, 8}, {6, 8}, {6, 16}}; /* type, depth */
    for (int i = 0; i < (int)(sizeof kinds / sizeof *kinds); i++) {
        struct kit_png_options o = {.width = 11, .height = 9, .colour_type = kinds[i][0], .bit_depth = kinds[i][1],
                                    .interlaced = i % 2, .transparent = kinds[i][0] < 4, .seed = (uint32_t)i};
        put("png", i, kit_png_write(&o), "png");
    }
}

static void put_webps(void) {
    for (int i = 0; i < 4; i++) {
        uint8_t *pixels = kit_pixels(13, 10, (uint32_t)i), *bytes = NULL;
        for (size_t k = 3; i % 2 && k < 13 * 10 * 4; k += 4)
            pixels[k] = 255;
        size_t size = i < 2 ? WebPEncodeRGBA(pixels, 13, 10, 52, 80, &bytes) : WebPEncodeLosslessRGBA(pixels, 13, 10, 52, &bytes);
        struct kit_bytes file = {malloc(size), size};
        memcpy(file.bytes, bytes, size);
        WebPFree(bytes);
        free(pixels);
        put("webp", i, file, "webp");
    }
}

static void put_jpegs(void) {
    for (int i = 0; i < 8; i++) {
        struct kit_jpeg_options o = {.width = 21, .height = 19, .progressive = i & 1, .arithmetic = i == 6,
                                     .grey = i == 4, .cmyk = i == 5, .orientation = i + 1, .big_endian = i & 2,
                                     .restart_rows = i == 7, .seed = (uint32_t)i};
        put("jpeg", i, kit_jpeg_write(&o), "jpg");
    }
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: image_corpus FOLDER\n");
        return 2;
    }
    folder = argv[1];
    put_pngs();
    put_webps();
    put_jpegs();
    return 0;
}
