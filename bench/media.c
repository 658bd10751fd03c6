/*
 * Decoding and encoding at 1080p beside libspng and libpng, in the same run: medians, spread, sizes.
 *
 *   bench/media [IMAGE] [ROUNDS]     IMAGE is enlarged to 1920 x 1080 (samples/astronaut.png by default)
 *
 * Two pictures: the photo, and a cut-out of it (alpha an ellipse with a soft edge, colours kept below). Enlarging
 * makes a photo smoother than a camera's, so noise of a few levels is added back. One line of JSON a measurement.
 */
#include <tripoint/media.h>

#include "base/ledger.h"
#include "base/sys.h"
#include "media/image.h"
#include "media/sink.h"

#include <png.h>
#include <spng.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 1920, HEIGHT = 1080, BYTES = WIDTH * HEIGHT * 4, MAX_ROUNDS = 101 };

static void die(const char *what) {
    fprintf(stderr, "bench/media: %s\n", what);
    exit(1);
}

struct memory {
    uint8_t *bytes;
    size_t size, capacity;
};

static tri_status remember(void *user, const void *bytes, size_t size, struct tri_error *err) {
    struct memory *memory = user;
    (void)err;
    if (memory->size + size > memory->capacity)
        die("an encoder wrote more than twice the pixels");
    memcpy(memory->bytes + memory->size, bytes, size);
    memory->size += size;
    return TRI_OK;
}

/* ---- the contestants: each encodes, or decodes, once ---- */
struct job {
    const uint8_t *pixels;
    uint8_t *target;
    struct memory file;
    struct trii_ledger *ledger;
    uint32_t threads;
    int level;   /* zlib's; below 0: the library's default */
    int filters; /* the library's flags; below 0: default */
};

static void ours_png(struct job *job) {
    struct trii_pixels pixels = {job->pixels, WIDTH * 4, WIDTH, HEIGHT};
    struct trii_sink sink = {remember, &job->file};
    struct tri_error err;
    job->file.size = 0;
    if (trii_png_encode(&pixels, job->threads, &sink, &err) != TRI_OK)
        die(err.message);
}

static void ours_jpeg(struct job *job) {
    static const uint8_t white[3] = {255, 255, 255};
    struct trii_pixels pixels = {job->pixels, WIDTH * 4, WIDTH, HEIGHT};
    struct trii_sink sink = {remember, &job->file};
    struct tri_error err;
    job->file.size = 0;
    if (trii_jpeg_encode(&pixels, (uint32_t)job->level, white, &sink, &err) != TRI_OK)
        die(err.message);
}

static void spng(struct job *job) {
    struct spng_ihdr header = {.width = WIDTH, .height = HEIGHT, .bit_depth = 8, .color_type = 6};
    spng_ctx *png = spng_ctx_new(SPNG_CTX_ENCODER);
    int code;
    spng_set_option(png, SPNG_ENCODE_TO_BUFFER, 1);
    spng_set_ihdr(png, &header);
    if (job->level >= 0)
        spng_set_option(png, SPNG_IMG_COMPRESSION_LEVEL, job->level);
    if (job->filters >= 0)
        spng_set_option(png, SPNG_FILTER_CHOICE, job->filters);
    if (spng_encode_image(png, job->pixels, BYTES, SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE))
        die("libspng can't encode");
    free(spng_get_png_buffer(png, &job->file.size, &code));
    spng_ctx_free(png);
}

static void libpng_write(png_structp png, png_bytep bytes, size_t size) {
    remember(png_get_io_ptr(png), bytes, size, NULL);
}

static void libpng(struct job *job) {
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    job->file.size = 0;
    if (setjmp(png_jmpbuf(png)))
        die("libpng can't encode");
    png_set_write_fn(png, &job->file, libpng_write, NULL);
    png_set_IHDR(png, info, WIDTH, HEIGHT, 8, PNG_COLOR_TYPE_RGBA, 0, 0, 0);
    if (job->level >= 0)
        png_set_compression_level(png, job->level);
    png_write_info(png, info);
    for (int y = 0; y < HEIGHT; y++)
        png_write_row(png, job->pixels + (size_t)y * WIDTH * 4);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
}

static void ours_decode(struct job *job) {
    struct tri_image *image;
    struct tri_error err;
    if (tri_image_open_memory(job->file.bytes, job->file.size, "memory", &image, &err) != TRI_OK ||
        trii_image_decode_to(image, job->target, job->ledger, "target", &err) != TRI_OK)
        die(err.message);
    tri_image_close(&image);
}

static void spng_decode(struct job *job) {
    spng_ctx *png = spng_ctx_new(0);
    spng_set_png_buffer(png, job->file.bytes, job->file.size);
    if (spng_decode_image(png, job->target, BYTES, SPNG_FMT_RGBA8, 0))
        die("libspng can't decode");
    spng_ctx_free(png);
}

/* ---- measuring ---- */
static int rounds = 11;

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* One line: median, least and most of the rounds; size against `reference` bytes when not 0. */
static double measure(const char *picture, const char *what, void (*run)(struct job *), struct job *job,
                      size_t reference) {
    double ms[MAX_ROUNDS];
    run(job); /* warm-up */
    for (int i = 0; i < rounds; i++) {
        uint64_t start = trii_sys_now_ns();
        run(job);
        ms[i] = (double)(trii_sys_now_ns() - start) / 1e6;
    }
    qsort(ms, (size_t)rounds, sizeof *ms, by_value);
    printf("{\"picture\": \"%s\", \"what\": \"%s\", \"median_ms\": %.2f, \"least_ms\": %.2f, \"most_ms\": %.2f", picture,
           what, ms[rounds / 2], ms[0], ms[rounds - 1]);
    if (job->file.size)
        printf(", \"bytes\": %zu", job->file.size);
    if (reference)
        printf(", \"size_ratio\": %.3f", (double)job->file.size / (double)reference);
    puts("}");
    fflush(stdout);
    return ms[rounds / 2];
}

static void measure_picture(const char *picture, const uint8_t *pixels, uint8_t *target, struct trii_ledger *ledger) {
    struct job job = {.pixels = pixels, .target = target, .ledger = ledger, .level = -1, .filters = -1, .threads = 1,
                      .file = {.bytes = malloc(2 * BYTES), .capacity = 2 * BYTES}};
    if (!job.file.bytes)
        die("out of memory");
    int kept = rounds;
    rounds = rounds < 3 ? rounds : 3; /* the slow ones */
    double slow = measure(picture, "libspng default", spng, &job, 0);
    size_t reference = job.file.size;
    measure(picture, "libpng default", libpng, &job, reference);
    rounds = kept;
    job.level = 1;
    measure(picture, "libspng level 1", spng, &job, reference);
    job.filters = SPNG_FILTER_CHOICE_SUB;
    measure(picture, "libspng level 1 sub", spng, &job, reference);
    measure(picture, "tripoint png 1 thread", ours_png, &job, reference);
    job.threads = 2;
    double fast = measure(picture, "tripoint png 2 threads", ours_png, &job, reference);
    printf("{\"picture\": \"%s\", \"what\": \"libspng default / tripoint png\", \"ratio\": %.1f}\n", picture, slow / fast);
    measure(picture, "libspng decodes that png", spng_decode, &job, 0);
    measure(picture, "tripoint decodes that png", ours_decode, &job, 0);
    job.level = 90;
    measure(picture, "tripoint jpeg 90", ours_jpeg, &job, 0);
    measure(picture, "tripoint decodes that jpeg", ours_decode, &job, 0);
    job.level = 85;
    measure(picture, "tripoint jpeg 85", ours_jpeg, &job, 0);
    measure(picture, "tripoint decodes that jpeg", ours_decode, &job, 0);
    free(job.file.bytes);
}

/* Bilinear, with noise of about two levels. */
static void enlarge(uint8_t *to, const uint8_t *from, uint32_t width, uint32_t height) {
    uint32_t seed = 1;
    for (uint32_t y = 0; y < HEIGHT; y++)
        for (uint32_t x = 0; x < WIDTH; x++) {
            double fx = (double)x * (width - 1) / (WIDTH - 1), fy = (double)y * (height - 1) / (HEIGHT - 1);
            uint32_t x0 = (uint32_t)fx, y0 = (uint32_t)fy;
            uint32_t x1 = x0 + 1 < width ? x0 + 1 : x0, y1 = y0 + 1 < height ? y0 + 1 : y0;
            for (uint32_t c = 0; c < 4; c++) {
                double top = from[(y0 * width + x0) * 4 + c] * (x0 + 1 - fx) + from[(y0 * width + x1) * 4 + c] * (fx - x0);
                double low = from[(y1 * width + x0) * 4 + c] * (x0 + 1 - fx) + from[(y1 * width + x1) * 4 + c] * (fx - x0);
                seed = seed * 1664525 + 1013904223;
                double noise = (double)(seed >> 24) / 64.0 - 2.0;
                double value = top * (y0 + 1 - fy) + low * (fy - y0) + noise + 0.5;
                to[((size_t)y * WIDTH + x) * 4 + c] = c == 3 ? 255 : (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
            }
        }
}

static void cut_out(uint8_t *pixels) {
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            double dx = (x - WIDTH / 2) / 500.0, dy = (y - HEIGHT * 0.6) / 600.0;
            double inside = (1.0 - dx * dx - dy * dy) * 20.0 + 0.5;
            pixels[((size_t)y * WIDTH + (size_t)x) * 4 + 3] =
                (uint8_t)(inside <= 0 ? 0 : inside >= 1 ? 255 : inside * 255);
        }
}

int main(int argc, char **argv) {
    struct tri_image *image;
    struct tri_image_info info;
    struct tri_error err;
    struct trii_ledger ledger;
    trii_ledger_init(&ledger);
    if (argc > 2 && atoi(argv[2]) > 0 && atoi(argv[2]) <= MAX_ROUNDS)
        rounds = atoi(argv[2]);
    if (tri_image_open_file(argc > 1 ? argv[1] : "samples/astronaut.png", &image, &err) != TRI_OK)
        die(err.message);
    tri_image_info(image, &info);
    uint8_t *small = malloc((size_t)info.width * info.height * 4), *photo = malloc(BYTES), *target = malloc(BYTES);
    if (!small || !photo || !target)
        die("out of memory");
    if (trii_image_decode_to(image, small, &ledger, "small", &err) != TRI_OK)
        die(err.message);
    tri_image_close(&image);
    enlarge(photo, small, info.width, info.height);
    measure_picture("photo", photo, target, &ledger);
    cut_out(photo);
    measure_picture("cut-out", photo, target, &ledger);
    trii_ledger_finish(&ledger);
    free(small);
    free(photo);
    free(target);
    return 0;
}
