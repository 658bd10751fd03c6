/*
 * Any bytes as an image: opened and decoded, or refused with a sentence; never a crash, never a byte past the pixels.
 *
 * Built with -DTRIPOINT_LIBFUZZER and -fsanitize=fuzzer it is driven by libFuzzer. As a test it replays the files that
 * it is given: whole, cut at many places, and with seeded changes. The corpus is made by image_corpus.c.
 */
#include "media/image.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Larger pictures are within the library's limits but not within a fuzzer's patience. */
#define MOST_PIXELS ((uint64_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void fail(const char *what, const char *message) {
    fprintf(stderr, "%s: %s\n", what, message);
    abort();
}

static void check_refusal(tri_status status, const struct tri_error *err) {
    if (status == TRI_UNSUPPORTED)
        return; /* no libheif here */
    if (status != TRI_BAD_IMAGE && status != TRI_LIMIT)
        fail(tri_status_name(status), err->message);
    if (strncmp(err->message, "fuzz", 4) != 0)
        fail("the sentence does not say which image", err->message);
}

static void decode(const struct tri_image *image) {
    struct tri_image_info info;
    struct trii_ledger ledger;
    struct tri_error err = {0};
    tri_image_info(image, &info);
    if (info.orientation < 1 || info.orientation > 8 || info.width == 0 || info.height == 0)
        fail("info", "out of range");
    if ((uint64_t)info.width * info.height > MOST_PIXELS)
        return;
    uint8_t *pixels = malloc((size_t)info.width * info.height * 4); /* exactly: a sanitizer sees the first byte too far */
    if (!pixels)
        fail("malloc", "no memory");
    trii_ledger_init(&ledger);
    tri_status status = trii_image_decode_to(image, pixels, &ledger, "fuzz", &err);
    if (status != TRI_OK)
        check_refusal(status, &err);
    trii_ledger_finish(&ledger);
    free(pixels);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct tri_error err = {0};
    struct tri_image *image = NULL;
    tri_status status = tri_image_open_memory(bytes, size, "fuzz", &image, &err);
    if (status == TRI_OK)
        decode(image);
    else
        check_refusal(status, &err);
    tri_image_close(&image);
    return 0;
}

#ifndef TRIPOINT_LIBFUZZER
/* libheif starts threads for each picture: fewer of those. */
enum { CUTS = 400, CHANGES = 2000, HEIF_CUTS = 60, HEIF_CHANGES = 250 };

/* A fresh block of exactly the size, for the same reason as above. */
static void one(const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        fail("malloc", "no memory");
    memcpy(copy, bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static uint32_t next(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void replay(uint8_t *bytes, size_t size) {
    uint32_t seed = 1;
    bool heif = size > 12 && memcmp(bytes + 4, "ftyp", 4) == 0;
    const size_t cuts = heif ? HEIF_CUTS : CUTS;
    const int changes = heif ? HEIF_CHANGES : CHANGES;
    one(bytes, size);
    for (size_t i = 0; i < cuts; i++)
        one(bytes, size * i / cuts);
    for (int i = 0; i < changes && size > 0; i++) {
        size_t at = next(&seed) % size;
        uint8_t kept = bytes[at];
        bytes[at] = (uint8_t)(next(&seed) >> 4);
        one(bytes, size);
        bytes[at] = kept;
    }
}

int main(int argc, char **argv) {
    static uint8_t bytes[1 << 16];
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (!file)
            fail(argv[i], "can't be opened");
        size_t size = fread(bytes, 1, sizeof bytes, file);
        fclose(file);
        replay(bytes, size);
        printf("%s: %zu bytes\n", argv[i], size);
    }
    return 0;
}
#endif
