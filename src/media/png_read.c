/* PNG through libspng, row by row into the target. */
#include "media/image.h"

#include "base/alloc.h"
#include "base/status.h"

#include <spng.h>

/* The library gives its allocators no context, and calls zlib's failed allocation a damaged stream: it is noted here,
 * from begin() to the end of the same call. */
static _Thread_local bool memory_is_out;

static void *noted(void *memory) {
    memory_is_out |= !memory;
    return memory;
}

static void *allocate(size_t size) {
    return noted(trii_calloc(size, 1));
}

static void *allocate_many(size_t count, size_t size) {
    return noted(trii_calloc(count, size));
}

static void *reallocate(void *old, size_t size) {
    return noted(trii_realloc(old, size, 1));
}

static tri_status failed(const char *name, int code, const struct spng_row_info *at, uint32_t height,
                         struct tri_error *err) {
    if (memory_is_out)
        return trii_fail(err, TRI_NO_MEMORY, "out of memory while decoding %s", name);
    if (code == SPNG_ECHUNK_LIMITS)
        return trii_fail(err, TRI_LIMIT, "%s has chunks beside its pixels of more than %zu MiB", name,
                         TRII_PNG_MAX_CHUNKS_BYTES >> 20);
    if (at)
        return trii_fail(err, TRI_BAD_IMAGE, "%s can't be decoded: in row %u of %u: %s", name, at->row_num + 1, height,
                         spng_strerror(code));
    return trii_fail(err, TRI_BAD_IMAGE, "%s can't be decoded: %s", name, spng_strerror(code));
}

static spng_ctx *begin(const struct tri_image *image) {
    struct spng_alloc functions = {.malloc_fn = allocate, .realloc_fn = reallocate, .calloc_fn = allocate_many,
                                   .free_fn = trii_free};
    memory_is_out = false;
    spng_ctx *png = spng_ctx_new2(&functions, 0);
    if (!png)
        return NULL;
    /* These fail for arguments out of range only. */
    spng_set_chunk_limits(png, TRII_PNG_MAX_CHUNK_BYTES, TRII_PNG_MAX_CHUNKS_BYTES);
    spng_set_png_buffer(png, image->bytes, image->size);
    return png;
}

static uint32_t big_endian(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The size is looked at before the library allocates by it: after signature, length and "IHDR". */
static tri_status peek_size(struct tri_image *image, struct tri_error *err) {
    if (image->size < 33)
        return trii_fail(err, TRI_BAD_IMAGE, "%s is cut short: %zu bytes hold no PNG header", image->name, image->size);
    image->stored_width = big_endian(image->bytes + 16);
    image->stored_height = big_endian(image->bytes + 20);
    return trii_image_check_size(image->name, image->stored_width, image->stored_height, err);
}

tri_status trii_png_open(struct tri_image *image, struct tri_error *err) {
    struct spng_ihdr header;
    struct spng_trns transparent;
    tri_status status = peek_size(image, err);
    if (status != TRI_OK)
        return status;
    spng_ctx *png = begin(image);
    if (!png)
        return failed(image->name, SPNG_EMEM, NULL, 0, err);
    int code = spng_get_ihdr(png, &header);
    if (!code)
        code = spng_get_trns(png, &transparent); /* reads up to the pixels */
    if (code && code != SPNG_ECHUNKAVAIL)
        status = failed(image->name, code, NULL, 0, err);
    else {
        image->info.bit_depth = header.bit_depth;
        image->info.has_alpha = !code || header.color_type & 4;
        image->info.orientation = 1;
    }
    spng_ctx_free(png);
    return status;
}

static int decode_rows(spng_ctx *png, struct trii_turn *turn, struct spng_row_info *at) {
    size_t row_bytes = (size_t)turn->width * 4;
    int code = spng_decode_image(png, NULL, 0, SPNG_FMT_RGBA8, SPNG_DECODE_TRNS | SPNG_DECODE_PROGRESSIVE);
    if (code)
        return code;
    do {
        code = spng_get_row_info(png, at);
        if (!code)
            code = spng_decode_row(png, trii_turn_row(turn, at->row_num), row_bytes);
    } while (!code);
    return code == SPNG_EOI ? 0 : code;
}

tri_status trii_png_decode(const struct tri_image *image, struct trii_turn *turn, struct tri_error *err) {
    struct spng_row_info at = {0};
    tri_status status = TRI_OK;
    spng_ctx *png = begin(image);
    if (!png)
        return failed(image->name, SPNG_EMEM, NULL, 0, err);
    int code = decode_rows(png, turn, &at);
    if (code)
        status = failed(image->name, code, &at, image->stored_height, err);
    else if ((code = spng_decode_chunks(png)) != 0) /* up to the end: a file without one was cut short */
        status = failed(image->name, code, NULL, 0, err);
    spng_ctx_free(png);
    return status;
}
