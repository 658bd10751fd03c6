/* JPEG through libjpeg-turbo: rows go in from the region as they are, or flattened one at a time. */
#include "media/sink.h"

#include "base/alloc.h"
#include "base/status.h"

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

#include <jerror.h>

#define BLOCK_BYTES 65536u
/* From this quality on colour keeps its full resolution: a cut-out's edge against a flat background shows the smear of
 * halved colour, and who asks for less quality asks for smaller files. */
#define FULL_COLOUR_QUALITY 90u

struct writer {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_destination_mgr destination;
    jmp_buf escape;
    const struct trii_sink *sink;
    struct tri_error *err;
    tri_status sink_status;
    uint8_t *block; /* BLOCK_BYTES */
    uint8_t *row;   /* a flattened one */
};

static void escape(j_common_ptr common) {
    struct writer *writer = (struct writer *)(void *)common; /* jpeg is its first member */
    longjmp(writer->escape, 1);
}

static void stay_silent(j_common_ptr common) {
    (void)common;
}

static void restart_block(j_compress_ptr jpeg) {
    struct writer *writer = (struct writer *)(void *)jpeg;
    writer->destination.next_output_byte = writer->block;
    writer->destination.free_in_buffer = BLOCK_BYTES;
}

static void write_block(struct writer *writer, size_t size) {
    writer->sink_status = writer->sink->write(writer->sink->user, writer->block, size, writer->err);
    if (writer->sink_status != TRI_OK)
        longjmp(writer->escape, 1);
}

/* The whole block counts, whatever free_in_buffer says. */
static boolean on_full(j_compress_ptr jpeg) {
    write_block((struct writer *)(void *)jpeg, BLOCK_BYTES);
    restart_block(jpeg);
    return TRUE;
}

static void on_end(j_compress_ptr jpeg) {
    struct writer *writer = (struct writer *)(void *)jpeg;
    write_block(writer, BLOCK_BYTES - writer->destination.free_in_buffer);
}

static void begin(struct writer *writer) {
    writer->jpeg.err = jpeg_std_error(&writer->errors);
    writer->errors.error_exit = escape;
    writer->errors.output_message = stay_silent;
    writer->destination = (struct jpeg_destination_mgr){.init_destination = restart_block,
                                                        .empty_output_buffer = on_full, .term_destination = on_end};
}

static bool is_opaque(const uint8_t *row, uint32_t width) {
    uint8_t all = 255;
    for (uint32_t x = 0; x < width; x++)
        all &= row[4 * (size_t)x + 3];
    return all == 255;
}

/* x / 255, rounded, for x up to 255 * 255. */
static inline unsigned by_255(unsigned x) {
    x += 128;
    return (x + (x >> 8)) >> 8;
}

/* New values: colour over background. Most pixels of a cut-out are hidden or shown whole; the encoder does not look at
 * the fourth byte. */
static void flatten(uint8_t *out, const uint8_t *row, uint32_t width, const uint8_t background[3]) {
    for (uint32_t x = 0; x < width; x++, row += 4, out += 4) {
        unsigned alpha = row[3];
        const uint8_t *whole = alpha == 255 ? row : background;
        if (alpha == 255 || alpha == 0) {
            out[0] = whole[0];
            out[1] = whole[1];
            out[2] = whole[2];
            continue;
        }
        for (int i = 0; i < 3; i++)
            out[i] = (uint8_t)by_255(row[i] * alpha + background[i] * (255 - alpha));
    }
}

static void compress(struct writer *writer, const struct trii_pixels *pixels, uint32_t quality,
                     const uint8_t background[3]) {
    struct jpeg_compress_struct *jpeg = &writer->jpeg;
    jpeg_create_compress(jpeg);
    jpeg->dest = &writer->destination;
    jpeg->image_width = pixels->width;
    jpeg->image_height = pixels->height;
    jpeg->input_components = 4;
    jpeg->in_color_space = JCS_EXT_RGBX;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, (int)quality, TRUE);
    int halved = quality >= FULL_COLOUR_QUALITY ? 1 : 2;
    jpeg->comp_info[0].h_samp_factor = jpeg->comp_info[0].v_samp_factor = halved;
    jpeg_start_compress(jpeg, TRUE);
    for (uint32_t y = 0; y < pixels->height; y++) {
        const uint8_t *row = trii_pixels_row(pixels, y);
        if (!is_opaque(row, pixels->width)) {
            flatten(writer->row, row, pixels->width, background);
            row = writer->row;
        }
        JSAMPROW rows[1] = {(JSAMPROW)(uintptr_t)row}; /* the library only reads it */
        jpeg_write_scanlines(jpeg, rows, 1);
    }
    jpeg_finish_compress(jpeg);
}

static tri_status failed(struct writer *writer) {
    char words[JMSG_LENGTH_MAX];
    if (writer->sink_status != TRI_OK)
        return writer->sink_status;
    if (writer->errors.msg_code == JERR_OUT_OF_MEMORY)
        return trii_fail(writer->err, TRI_NO_MEMORY, "out of memory while encoding the JPEG");
    writer->errors.format_message((j_common_ptr)&writer->jpeg, words);
    return trii_fail(writer->err, TRI_INTERNAL, "the JPEG can't be encoded: %s", words);
}

static tri_status encode(struct writer *writer, const struct trii_pixels *pixels, uint32_t quality,
                         const uint8_t background[3]) {
    begin(writer);
    if (setjmp(writer->escape)) {
        tri_status status = failed(writer);
        jpeg_destroy_compress(&writer->jpeg);
        return status;
    }
    compress(writer, pixels, quality, background);
    jpeg_destroy_compress(&writer->jpeg);
    return TRI_OK;
}

tri_status trii_jpeg_encode(const struct trii_pixels *pixels, uint32_t quality, const uint8_t background[3],
                            const struct trii_sink *sink, struct tri_error *err) {
    struct writer writer = {.sink = sink, .err = err, .sink_status = TRI_OK};
    tri_status status;
    writer.block = trii_calloc(BLOCK_BYTES, 1);
    writer.row = trii_calloc(pixels->width, 4);
    if (writer.block && writer.row)
        status = encode(&writer, pixels, quality, background);
    else
        status = trii_fail(err, TRI_NO_MEMORY, "out of memory while encoding the JPEG");
    trii_free(writer.block);
    trii_free(writer.row);
    return status;
}
