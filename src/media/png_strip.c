#include "media/png_strip.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "media/png_filter.h"
#include "media/png_row.h"

#include <string.h>

#include <isa-l/igzip_lib.h>

#define LEVEL 1
#define LEVEL_BYTES ISAL_DEF_LVL1_DEFAULT
#define WINDOW_BYTES 32768u
#define CHOICE_ROWS 8u

struct trii_deflater {
    struct isal_zstream stream;
    uint8_t *level_buffer;
    uint8_t *filtered; /* rows of the window, then rows of the strip */
    struct trii_png_rows rows;
};

static size_t line_bytes(const struct trii_pixels *pixels) {
    return trii_png_row_bytes(pixels) + 1;
}

static uint32_t window_rows(const struct trii_pixels *pixels) {
    return (uint32_t)((WINDOW_BYTES + line_bytes(pixels) - 1) / line_bytes(pixels));
}

struct trii_deflater *trii_deflater_create(const struct trii_pixels *pixels, uint32_t strip_rows) {
    struct trii_deflater *deflater = trii_calloc(1, sizeof *deflater);
    if (!deflater)
        return NULL;
    deflater->level_buffer = trii_calloc(LEVEL_BYTES, 1);
    deflater->filtered = trii_calloc((size_t)window_rows(pixels) + strip_rows, line_bytes(pixels));
    bool rows = trii_png_rows_begin(&deflater->rows, pixels);
    if (!deflater->level_buffer || !deflater->filtered || !rows)
        trii_deflater_destroy(&deflater);
    return deflater;
}

void trii_deflater_destroy(struct trii_deflater **deflater) {
    if (!deflater || !*deflater)
        return;
    trii_free((*deflater)->level_buffer);
    trii_free((*deflater)->filtered);
    trii_png_rows_end(&(*deflater)->rows);
    trii_free(*deflater);
    *deflater = NULL;
}

/* Rows above one another are alike: the choice is made at every CHOICE_ROWS-th row, for those up to the next. */
static enum trii_filter choose(struct trii_png_rows *rows, uint32_t y) {
    uint64_t costs[TRII_FILTER_COUNT];
    enum trii_filter best = TRII_FILTER_SUB;
    uint32_t judged = y - y % CHOICE_ROWS;
    trii_filter_costs(costs, trii_png_row(rows, judged), judged ? trii_png_row(rows, judged - 1) : NULL,
                      trii_png_row_bytes(rows->pixels), trii_png_pixel_bytes(rows->pixels));
    for (int f = TRII_FILTER_UP; f < TRII_FILTER_COUNT; f++)
        if (costs[f] < costs[best])
            best = (enum trii_filter)f;
    return best;
}

/* Depends on the rows' numbers and the pixels alone, so a window filtered again is the same. */
static void filter_rows(uint8_t *out, struct trii_png_rows *rows, uint32_t first, uint32_t count) {
    enum trii_filter filter = TRII_FILTER_SUB;
    const size_t bytes = trii_png_row_bytes(rows->pixels), distance = trii_png_pixel_bytes(rows->pixels);
    for (uint32_t y = first; y < first + count; y++, out += bytes + 1) {
        if (y == first || y % CHOICE_ROWS == 0)
            filter = choose(rows, y);
        out[0] = (uint8_t)filter;
        trii_filter_row(filter, out + 1, trii_png_row(rows, y), y ? trii_png_row(rows, y - 1) : NULL, bytes, distance);
    }
}

static bool grow(struct trii_strip *strip, size_t capacity) {
    uint8_t *buffer = trii_realloc(strip->buffer, capacity + TRII_STRIP_HEAD + TRII_STRIP_TAIL, 1);
    if (!buffer)
        return false;
    strip->buffer = buffer;
    strip->capacity = capacity;
    return true;
}

/* Runs the stream until its input and its flush are through; the buffer grows as needed. */
static bool run(struct trii_strip *strip, struct isal_zstream *stream) {
    do {
        if (strip->capacity - stream->total_out < 1024 && !grow(strip, strip->capacity * 2))
            return false;
        stream->next_out = strip->buffer + TRII_STRIP_HEAD + stream->total_out;
        stream->avail_out = (uint32_t)(strip->capacity - stream->total_out);
        if (isal_deflate(stream) != COMP_OK)
            return false;
    } while (stream->avail_in > 0 || stream->avail_out < 64); /* it keeps a few bytes back when room is short */
    strip->size = stream->total_out;
    return true;
}

bool trii_strip_deflate(struct trii_strip *strip, struct trii_deflater *deflater, const struct trii_pixels *pixels,
                        uint32_t first, uint32_t rows, bool last) {
    struct isal_zstream *stream = &deflater->stream;
    uint32_t before = window_rows(pixels) < first ? window_rows(pixels) : first;
    size_t window = before * line_bytes(pixels), raw = rows * line_bytes(pixels);
    uint8_t *start = deflater->filtered + window;
    filter_rows(deflater->filtered, &deflater->rows, first - before, before + rows);
    strip->raw_bytes = raw;
    strip->adler = isal_adler32(1, start, raw);
    if (strip->capacity == 0 && !grow(strip, raw / 2 + 4096))
        return false;
    isal_deflate_init(stream);
    stream->level = LEVEL;
    stream->level_buf = deflater->level_buffer;
    stream->level_buf_size = LEVEL_BYTES;
    size_t seen = window < WINDOW_BYTES ? window : WINDOW_BYTES;
    if (seen && isal_deflate_set_dict(stream, start - seen, (uint32_t)seen) != COMP_OK)
        return false;
    stream->next_in = start;
    stream->avail_in = (uint32_t)raw;
    stream->end_of_stream = last;
    stream->flush = last ? NO_FLUSH : SYNC_FLUSH;
    return run(strip, stream);
}

void trii_strip_finish(struct trii_strip *strip) {
    trii_free(strip->buffer);
    *strip = (struct trii_strip){0};
}

/* s1 = 1 + sum of bytes, s2 = sum of all s1, both modulo 65521: for a then b, b's s2 gains (s1(a) - 1) for each of
 * its bytes. */
uint32_t trii_adler32_combine(uint32_t a, uint32_t b, uint64_t b_bytes) {
    const uint64_t prime = 65521;
    uint64_t a1 = a & 0xffff, a2 = a >> 16, b1 = b & 0xffff, b2 = b >> 16;
    uint64_t s1 = (a1 + b1 + prime - 1) % prime;
    uint64_t s2 = (a2 + b2 + (b_bytes % prime) * (a1 + prime - 1)) % prime;
    return (uint32_t)(s2 << 16 | s1);
}
