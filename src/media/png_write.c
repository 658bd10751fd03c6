/*
 * PNG: our container over ISA-L's deflate.
 *
 * The image is cut into strips of about STRIP_BYTES; threads filter and deflate them (png_strip.h), the calling thread
 * helps and writes them in order, each as one IDAT chunk. A strip's slot goes through
 *
 *   FREE -> WORKING (a thread took the next strip) -> DONE -> FREE (it was written)
 *
 * and there are two slots a thread, so memory is bounded: about 0.9 MiB a thread for narrow images, and a few rows more
 * for wide ones (3 MiB a thread at 32768 pixels).
 */
#include "media/png_row.h"
#include "media/png_strip.h"

#include "base/alloc.h"
#include "base/status.h"
#include "base/sys.h"

#include <isa-l/crc.h>
#include <pthread.h>
#include <string.h>

#define STRIP_BYTES (256u << 10)

enum slot_state { FREE, WORKING, DONE };

struct slot {
    enum slot_state state;
    struct trii_strip strip;
};

struct encoder {
    const struct trii_pixels *pixels;
    uint32_t strip_rows, strips;
    uint32_t slot_count;
    struct slot slots[2 * TRII_PNG_MAX_THREADS];

    pthread_mutex_t lock; /* guards what follows, and the slots' states */
    pthread_cond_t changed;
    uint32_t taken;   /* strips given to threads */
    uint32_t written; /* strips written: the next one to write */
    bool stop;        /* no more strips are given out */
    bool out_of_memory;
};

/* ---- chunks ---- */
static void put_u32(uint8_t *to, uint32_t value) {
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Makes a chunk around `size` bytes at data: 8 bytes before and 4 after them are overwritten. */
static void wrap(uint8_t *data, size_t size, const char type[4]) {
    put_u32(data - 8, (uint32_t)size);
    for (int i = 0; i < 4; i++)
        data[i - 4] = (uint8_t)type[i];
    put_u32(data + size, crc32_gzip_refl(0, data - 4, size + 4));
}

static tri_status write_small_chunk(const struct trii_sink *sink, const char type[4], const uint8_t *data, size_t size,
                                    struct tri_error *err) {
    uint8_t chunk[8 + 16 + 4];
    for (size_t i = 0; i < size; i++)
        chunk[8 + i] = data[i];
    wrap(chunk + 8, size, type);
    return sink->write(sink->user, chunk, size + 12, err);
}

static tri_status write_header(const struct encoder *encoder, const struct trii_sink *sink, struct tri_error *err) {
    static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    uint8_t header[13] = {0};
    put_u32(header, encoder->pixels->width);
    put_u32(header + 4, encoder->pixels->height);
    static const uint8_t colour_types[5] = {6, 0, 4, 2, 6}; /* by channels; 0 is 4 */
    header[8] = (uint8_t)(encoder->pixels->depth ? encoder->pixels->depth : 8);
    header[9] = colour_types[encoder->pixels->channels];
    tri_status status = sink->write(sink->user, signature, sizeof signature, err);
    return status == TRI_OK ? write_small_chunk(sink, "IHDR", header, sizeof header, err) : status;
}

/* ---- the threads' side ---- */
static uint32_t rows_of(const struct encoder *encoder, uint32_t strip) {
    uint32_t first = strip * encoder->strip_rows, left = encoder->pixels->height - first;
    return left < encoder->strip_rows ? left : encoder->strip_rows;
}

/* Deflates one strip into its slot and makes it a chunk; the first one also holds the zlib header. */
static bool make_strip(struct encoder *encoder, struct trii_deflater *deflater, uint32_t strip) {
    struct trii_strip *out = &encoder->slots[strip % encoder->slot_count].strip;
    if (!trii_strip_deflate(out, deflater, encoder->pixels, strip * encoder->strip_rows, rows_of(encoder, strip),
                            strip == encoder->strips - 1))
        return false;
    uint8_t *data = out->buffer + TRII_STRIP_HEAD;
    size_t size = out->size;
    if (strip == 0) {
        data -= 2;
        size += 2;
        data[0] = 0x78; /* deflate with a window of 32 KiB */
        data[1] = 0x01; /* made by a fast compressor; completes the check */
    }
    wrap(data, size, "IDAT");
    return true;
}

/* With the lock held: is there a strip to take, and a free slot for it? */
static bool can_take(const struct encoder *encoder) {
    return !encoder->stop && encoder->taken < encoder->strips &&
           encoder->slots[encoder->taken % encoder->slot_count].state == FREE;
}

/* With the lock held, which is released meanwhile. */
static void take_one(struct encoder *encoder, struct trii_deflater *deflater) {
    uint32_t strip = encoder->taken++;
    struct slot *slot = &encoder->slots[strip % encoder->slot_count];
    slot->state = WORKING;
    pthread_mutex_unlock(&encoder->lock);
    bool made = make_strip(encoder, deflater, strip);
    pthread_mutex_lock(&encoder->lock);
    slot->state = DONE;
    if (!made)
        encoder->stop = encoder->out_of_memory = true;
    pthread_cond_broadcast(&encoder->changed);
}

static void work(void *user) {
    struct encoder *encoder = user;
    struct trii_deflater *deflater = trii_deflater_create(encoder->pixels, encoder->strip_rows);
    if (!deflater)
        return; /* the others do it */
    pthread_mutex_lock(&encoder->lock);
    while (!encoder->stop && encoder->taken < encoder->strips) {
        if (can_take(encoder))
            take_one(encoder, deflater);
        else
            pthread_cond_wait(&encoder->changed, &encoder->lock);
    }
    pthread_mutex_unlock(&encoder->lock);
    trii_deflater_destroy(&deflater);
}

/* ---- the caller's side ---- */
static tri_status write_strip(struct encoder *encoder, const struct trii_sink *sink, uint32_t *adler,
                              struct tri_error *err) {
    const struct trii_strip *strip = &encoder->slots[encoder->written % encoder->slot_count].strip;
    size_t head = 8 + (encoder->written == 0 ? 2 : 0);
    *adler = encoder->written ? trii_adler32_combine(*adler, strip->adler, strip->raw_bytes) : strip->adler;
    return sink->write(sink->user, strip->buffer + TRII_STRIP_HEAD - head, strip->size + head + 4, err);
}

static tri_status write_strips(struct encoder *encoder, struct trii_deflater *deflater, const struct trii_sink *sink,
                               uint32_t *adler, struct tri_error *err) {
    tri_status status = TRI_OK;
    pthread_mutex_lock(&encoder->lock);
    while (status == TRI_OK && !encoder->out_of_memory && encoder->written < encoder->strips) {
        struct slot *next = &encoder->slots[encoder->written % encoder->slot_count];
        if (next->state == DONE) {
            pthread_mutex_unlock(&encoder->lock);
            status = write_strip(encoder, sink, adler, err);
            pthread_mutex_lock(&encoder->lock);
            next->state = FREE;
            encoder->written++;
            pthread_cond_broadcast(&encoder->changed);
        } else if (can_take(encoder))
            take_one(encoder, deflater);
        else
            pthread_cond_wait(&encoder->changed, &encoder->lock);
    }
    if (status == TRI_OK && encoder->out_of_memory)
        status = trii_fail(err, TRI_NO_MEMORY, "out of memory while encoding the PNG");
    encoder->stop = true;
    pthread_cond_broadcast(&encoder->changed);
    pthread_mutex_unlock(&encoder->lock);
    return status;
}

static tri_status write_body(struct encoder *encoder, uint32_t threads, const struct trii_sink *sink,
                             struct tri_error *err) {
    struct trii_thread *helpers[TRII_PNG_MAX_THREADS] = {0};
    struct trii_deflater *deflater = trii_deflater_create(encoder->pixels, encoder->strip_rows);
    uint8_t trailer[4];
    uint32_t adler = 1;
    if (!deflater)
        return trii_fail(err, TRI_NO_MEMORY, "out of memory while encoding the PNG");
    for (uint32_t i = 1; i < threads; i++)
        if (trii_sys_thread_start(&helpers[i], "tri-png", work, encoder) != 0)
            break; /* fewer do it too */
    tri_status status = write_strips(encoder, deflater, sink, &adler, err);
    for (uint32_t i = 1; i < threads; i++)
        trii_sys_thread_join(&helpers[i]);
    trii_deflater_destroy(&deflater);
    put_u32(trailer, adler);
    if (status == TRI_OK)
        status = write_small_chunk(sink, "IDAT", trailer, sizeof trailer, err);
    return status == TRI_OK ? write_small_chunk(sink, "IEND", NULL, 0, err) : status;
}

tri_status trii_png_encode(const struct trii_pixels *pixels, uint32_t threads, const struct trii_sink *sink,
                           struct tri_error *err) {
    size_t line = trii_png_row_bytes(pixels) + 1;
    struct encoder *encoder = trii_calloc(1, sizeof *encoder);
    if (!encoder)
        return trii_fail(err, TRI_NO_MEMORY, "out of memory while encoding the PNG");
    encoder->pixels = pixels;
    encoder->strip_rows = (uint32_t)(STRIP_BYTES / line);
    if (encoder->strip_rows == 0)
        encoder->strip_rows = 1;
    encoder->strips = (pixels->height + encoder->strip_rows - 1) / encoder->strip_rows;
    if (threads > encoder->strips)
        threads = encoder->strips;
    encoder->slot_count = 2 * threads;
    pthread_mutex_init(&encoder->lock, NULL);
    pthread_cond_init(&encoder->changed, NULL);
    tri_status status = write_header(encoder, sink, err);
    if (status == TRI_OK)
        status = write_body(encoder, threads, sink, err);
    pthread_cond_destroy(&encoder->changed);
    pthread_mutex_destroy(&encoder->lock);
    for (uint32_t i = 0; i < encoder->slot_count; i++)
        trii_strip_finish(&encoder->slots[i].strip);
    trii_free(encoder);
    return status;
}
