/*
 * A strip of rows, filtered and deflated on its own: what PNG encoding does in parallel.
 *
 * Strips are joined at byte borders (each but the last ends in a sync flush) into one deflate stream. A strip may refer
 * to the 32 KiB before it, which it filters once more: what one thread makes does not depend on another.
 */
#ifndef TRIPOINT_MEDIA_PNG_STRIP_H
#define TRIPOINT_MEDIA_PNG_STRIP_H

#include "media/sink.h"

/* Room before and after the compressed bytes for what makes them a chunk. */
#define TRII_STRIP_HEAD 16u
#define TRII_STRIP_TAIL 16u

/* One thread's tools. */
struct trii_deflater;
struct trii_deflater *trii_deflater_create(const struct trii_pixels *pixels, uint32_t strip_rows);
void trii_deflater_destroy(struct trii_deflater **deflater);

/* A buffer that is used again for strip after strip; it grows to the largest. */
struct trii_strip {
    uint8_t *buffer;
    size_t capacity; /* without head and tail */
    size_t size;     /* compressed bytes, at buffer + TRII_STRIP_HEAD */
    uint32_t adler;  /* of the filtered bytes */
    uint64_t raw_bytes;
};
/* Rows first … first + rows - 1. False when memory is out. */
bool trii_strip_deflate(struct trii_strip *strip, struct trii_deflater *deflater, const struct trii_pixels *pixels,
                        uint32_t first, uint32_t rows, bool last);
void trii_strip_finish(struct trii_strip *strip);

/* Adler-32 of a followed by b, from theirs and b's length. */
uint32_t trii_adler32_combine(uint32_t a, uint32_t b, uint64_t b_bytes);

#endif
