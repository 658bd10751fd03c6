/* JPEG through libjpeg-turbo's scanline interface: rows go straight to where they belong, see docs/decisions/0030. */
#include "media/exif.h"
#include "media/image.h"

#include "base/status.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

/* A progressive file may repeat scans for ever; encoders write about ten. */
#define MAX_SCANS 500

struct reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    const char *name;
    bool too_many_scans;
};

static struct reader *reader_of(j_common_ptr common) {
    return (struct reader *)(void *)common; /* jpeg is its first member */
}

static void escape(j_common_ptr common) {
    longjmp(reader_of(common)->escape, 1);
}

/* libjpeg calls a damaged file a warning and goes on with grey: here it is the end, unless no pixel depends on it. */
static void on_message(j_common_ptr common, int level) {
    int code = common->err->msg_code;
    if (level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_ADOBE_XFORM && code != JWRN_JFIF_MAJOR &&
        code != JWRN_BOGUS_ICC)
        escape(common);
}

static void stay_silent(j_common_ptr common) {
    (void)common;
}

static void on_progress(j_common_ptr common) {
    struct reader *reader = reader_of(common);
    if (reader->jpeg.input_scan_number > MAX_SCANS) {
        reader->too_many_scans = true;
        escape(common);
    }
}

static void begin(struct reader *reader, const struct tri_image *image) {
    reader->name = image->name;
    reader->too_many_scans = false;
    reader->jpeg.err = jpeg_std_error(&reader->errors);
    reader->errors.error_exit = escape;
    reader->errors.emit_message = on_message;
    reader->errors.output_message = stay_silent;
    reader->progress.progress_monitor = on_progress;
}

/* After an escape: what happened, and how far it got. */
static tri_status failed(struct reader *reader, struct tri_error *err) {
    char words[JMSG_LENGTH_MAX], where[64] = "";
    const struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    if (reader->too_many_scans)
        return trii_fail(err, TRI_LIMIT, "%s has more than %d scans", reader->name, MAX_SCANS);
    reader->errors.format_message((j_common_ptr)&reader->jpeg, words);
    if (reader->errors.msg_code == JERR_OUT_OF_MEMORY)
        return trii_fail(err, TRI_NO_MEMORY, "out of memory while decoding %s", reader->name);
    if (jpeg->output_scanline > 0)
        snprintf(where, sizeof where, " after row %u of %u", jpeg->output_scanline, jpeg->image_height);
    else if (jpeg->input_scan_number > 1)
        snprintf(where, sizeof where, " in scan %d", jpeg->input_scan_number);
    return trii_fail(err, TRI_BAD_IMAGE, "%s can't be decoded%s: %s", reader->name, where, words);
}

static void read_header(struct reader *reader, const struct tri_image *image) {
    jpeg_create_decompress(&reader->jpeg);
    reader->jpeg.progress = &reader->progress;
    jpeg_save_markers(&reader->jpeg, JPEG_APP0 + 1, 0xffff);
    jpeg_mem_src(&reader->jpeg, image->bytes, image->size);
    jpeg_read_header(&reader->jpeg, TRUE);
}

static uint32_t orientation(const struct jpeg_decompress_struct *jpeg) {
    for (jpeg_saved_marker_ptr marker = jpeg->marker_list; marker; marker = marker->next) {
        uint32_t value = trii_exif_orientation(marker->data, marker->data_length);
        if (value != 1)
            return value;
    }
    return 1;
}

tri_status trii_jpeg_open(struct tri_image *image, struct tri_error *err) {
    struct reader reader = {.name = NULL};
    begin(&reader, image);
    if (setjmp(reader.escape)) {
        tri_status status = failed(&reader, err);
        jpeg_destroy_decompress(&reader.jpeg);
        return status;
    }
    read_header(&reader, image);
    image->stored_width = reader.jpeg.image_width;
    image->stored_height = reader.jpeg.image_height;
    image->info.orientation = orientation(&reader.jpeg);
    image->info.bit_depth = (uint32_t)reader.jpeg.data_precision;
    jpeg_destroy_decompress(&reader.jpeg);
    return TRI_OK;
}

/* The coefficients of a file with several scans are kept until the last one: 128 bytes a block. */
static tri_status check_coefficients(struct reader *reader, struct tri_error *err) {
    uint64_t bytes = 0;
    if (!jpeg_has_multiple_scans(&reader->jpeg))
        return TRI_OK;
    for (int i = 0; i < reader->jpeg.num_components; i++)
        bytes += (uint64_t)reader->jpeg.comp_info[i].width_in_blocks * reader->jpeg.comp_info[i].height_in_blocks * 128;
    if (bytes > TRII_JPEG_MAX_COEFFICIENT_BYTES)
        return trii_fail(err, TRI_LIMIT, "%s is a progressive JPEG that takes %llu MiB to decode, more than %llu",
                         reader->name, (unsigned long long)(bytes >> 20),
                         (unsigned long long)(TRII_JPEG_MAX_COEFFICIENT_BYTES >> 20));
    return TRI_OK;
}

/* CMYK to RGBA, in place. Adobe's files store the inks inverted. */
static void cmyk_row(uint8_t *row, uint32_t width, bool inverted) {
    uint8_t flip = inverted ? 0 : 255;
    for (uint32_t x = 0; x < width; x++, row += 4) {
        unsigned k = row[3] ^ flip;
        for (int i = 0; i < 3; i++)
            row[i] = (uint8_t)(((row[i] ^ flip) * k + 127) / 255);
        row[3] = 255;
    }
}

static void decode_rows(struct reader *reader, struct trii_turn *turn) {
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    bool cmyk = jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK;
    jpeg->out_color_space = cmyk ? JCS_CMYK : JCS_EXT_RGBA;
    jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW rows[TRII_TURN_STRIP_ROWS];
        uint32_t first = jpeg->output_scanline;
        uint32_t wanted = TRII_TURN_STRIP_ROWS - first % TRII_TURN_STRIP_ROWS;
        if (wanted > jpeg->output_height - first)
            wanted = jpeg->output_height - first;
        for (uint32_t i = 0; i < wanted; i++)
            rows[i] = trii_turn_row(turn, first + i);
        uint32_t got = jpeg_read_scanlines(jpeg, rows, wanted);
        for (uint32_t i = 0; i < got; i++) {
            if (cmyk)
                cmyk_row(rows[i], jpeg->output_width, jpeg->saw_Adobe_marker);
            trii_turn_done(turn, first + i);
        }
    }
    jpeg_finish_decompress(jpeg); /* reads on to the end marker: a file without one was cut short */
}

tri_status trii_jpeg_decode(const struct tri_image *image, struct trii_turn *turn, struct tri_error *err) {
    struct reader reader = {.name = NULL};
    tri_status status;
    begin(&reader, image);
    if (setjmp(reader.escape)) {
        status = failed(&reader, err);
        jpeg_destroy_decompress(&reader.jpeg);
        return status;
    }
    read_header(&reader, image);
    status = check_coefficients(&reader, err);
    if (status == TRI_OK)
        decode_rows(&reader, turn);
    jpeg_destroy_decompress(&reader.jpeg);
    return status;
}
