/* Encoding from a region: claim, layout, format, and the file that appears whole or not at all. */
#include <tripoint/media.h>

#include "arena/arena.h"
#include "base/alloc.h"
#include "base/output.h"
#include "base/params.h"
#include "base/status.h"
#include "base/sys.h"
#include "base/trace.h"
#include "media/sink.h"

#include <string.h>
#include <strings.h>

#define DEFAULT_QUALITY 90u
#define DEFAULT_THREADS_MAX 4u

/* The parameters, complete. */
struct choice {
    enum tri_image_format format;
    uint32_t quality, threads;
    uint32_t png_depth;
    uint8_t background[3];
    bool no_overwrite, lossless;
};

static bool ends_with(const char *path, const char *ending) {
    size_t n = path ? strlen(path) : 0, m = strlen(ending);
    return n >= m && strcasecmp(path + n - m, ending) == 0;
}

enum tri_image_format tri_image_format_of_path(const char *path) {
    static const struct {
        const char *ending;
        enum tri_image_format format;
    } endings[] = {{".png", TRI_IMAGE_PNG}, {".jpg", TRI_IMAGE_JPEG}, {".jpeg", TRI_IMAGE_JPEG},
                   {".jpe", TRI_IMAGE_JPEG}, {".jfif", TRI_IMAGE_JPEG}, {".webp", TRI_IMAGE_WEBP}};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (ends_with(path, endings[i].ending))
            return endings[i].format;
    return path && strcmp(path, "-") == 0 ? TRI_IMAGE_PNG : TRI_IMAGE_UNKNOWN;
}

static tri_status choose(const struct tri_image_encode_params *params, const char *path, struct choice *out,
                         struct tri_error *err) {
    struct tri_image_encode_params own = {.struct_bytes = sizeof own};
    const struct tri_image_encode_params *p = &own;
    tri_status status = trii_params_read(&own, sizeof own, params, "tri_image_encode_params", err);
    if (status != TRI_OK)
        return status;
    *out = (struct choice){.format = p->format ? p->format : tri_image_format_of_path(path),
                           .quality = p->quality ? p->quality : DEFAULT_QUALITY, .threads = p->threads,
                           .background = {p->background[0], p->background[1], p->background[2]},
                           .png_depth = p->png_depth, .no_overwrite = p->no_overwrite, .lossless = p->lossless};
    if (out->format == TRI_IMAGE_UNKNOWN)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "can't tell the format of %s: end it in .png, .jpg or .webp", path);
    if (out->format == TRI_IMAGE_HEIF)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "AVIF and HEIC are read, not written");
    if (out->format != TRI_IMAGE_JPEG && out->format != TRI_IMAGE_PNG && out->format != TRI_IMAGE_WEBP)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "image format %d is unknown", (int)p->format);
    if (out->quality > 100)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "quality is 1 to 100, not %u", out->quality);
    if (out->png_depth != 0 && out->png_depth != 8 && out->png_depth != 16)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "a PNG has 8 or 16 bits a sample, not %u", out->png_depth);
    if (out->threads == 0) {
        uint32_t processors = trii_sys_processors();
        out->threads = processors < DEFAULT_THREADS_MAX ? processors : DEFAULT_THREADS_MAX;
    }
    if (out->threads > TRII_PNG_MAX_THREADS)
        out->threads = TRII_PNG_MAX_THREADS;
    return TRI_OK;
}

/* What a PNG can hold: [height, width, 1 … 4], or [height, width], of numbers that are levels. */
static bool is_levels(const struct tri_layout *layout) {
    bool dtype = layout->dtype == TRI_DTYPE_U8 || layout->dtype == TRI_DTYPE_U16 || layout->dtype == TRI_DTYPE_F16 ||
                 layout->dtype == TRI_DTYPE_F32;
    bool kind = layout->kind != TRI_KIND_NV12 && layout->kind != TRI_KIND_I420;
    return dtype && kind && (layout->rank == 2 || (layout->rank == 3 && layout->shape[2] >= 1 && layout->shape[2] <= 4));
}

/* Rows may be apart; a row's pixels are not. */
static tri_status pixels_of(const struct tri_host_view *view, const struct tri_layout *layout, const struct choice *choice,
                            struct trii_pixels *out, struct tri_error *err) {
    char text[128];
    uint64_t sample = tri_dtype_bytes(layout->dtype), channels = layout->rank == 3 ? layout->shape[2] : 1;
    bool tight = tri_layout_is_tight(layout), png = choice->format == TRI_IMAGE_PNG;
    bool rows = tight || (layout->rank == 3 && layout->strides_bytes[1] == sample * channels &&
                          layout->strides_bytes[2] == sample);
    bool rgba = layout->rank == 3 && layout->dtype == TRI_DTYPE_U8 && channels == 4;
    if (!rows || !(png ? is_levels(layout) : rgba) || layout->shape[0] == 0 || layout->shape[1] == 0)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "%s is made from %s; the region holds %s",
                         png ? "a PNG" : "an image file other than PNG",
                         png ? "[height,width,1 to 4] of u8, u16, f16 or f32" : "u8 [height,width,4]",
                         tri_layout_format(layout, text, sizeof text));
    if (layout->shape[0] > TRI_IMAGE_MAX_SIDE || layout->shape[1] > TRI_IMAGE_MAX_SIDE)
        return trii_fail(err, TRI_LIMIT, "the image is %s: a side may have at most %u pixels",
                         tri_layout_format(layout, text, sizeof text), TRI_IMAGE_MAX_SIDE);
    *out = (struct trii_pixels){.bytes = view->read,
                                .width = (uint32_t)layout->shape[1],
                                .height = (uint32_t)layout->shape[0],
                                .stride_bytes = tight ? layout->shape[1] * channels * sample : layout->strides_bytes[0],
                                .channels = (uint32_t)channels,
                                .dtype = layout->dtype,
                                .depth = choice->png_depth ? choice->png_depth : layout->dtype == TRI_DTYPE_U8 ? 8 : 16};
    return TRI_OK;
}

static tri_status encode_claimed(struct tri_arena *arena, const struct tri_host_view *view, const char *label,
                                 const struct choice *choice, const struct trii_sink *sink, struct tri_error *err) {
    struct tri_layout layout;
    struct trii_pixels pixels;
    tri_status status = tri_region_layout(arena, view->region, &layout, err);
    if (status == TRI_OK)
        status = pixels_of(view, &layout, choice, &pixels, err);
    if (status != TRI_OK)
        return status;
    if (choice->format == TRI_IMAGE_JPEG)
        return trii_jpeg_encode(&pixels, choice->quality, choice->background, sink, err);
    if (choice->format == TRI_IMAGE_WEBP)
        return trii_webp_encode(&pixels, choice->quality, choice->lossless, trii_arena_ledger(arena), label, sink, err);
    return trii_png_encode(&pixels, choice->threads, sink, err);
}

static tri_status encode(struct tri_arena *arena, tri_handle region, const struct choice *choice,
                         const struct trii_sink *sink, struct tri_error *err) {
    struct tri_host_view view;
    struct tri_region_info info;
    tri_status status = tri_region_info(arena, region, &info, err);
    if (status == TRI_OK)
        status = tri_host_view_begin(arena, region, TRI_ACCESS_READ, NULL, &view, err);
    if (status != TRI_OK)
        return status;
    uint64_t began = trii_trace_now();
    status = encode_claimed(arena, &view, info.label, choice, sink, err);
    if (began)
        trii_trace_add(&(struct trii_span){
            .track = TRII_TRACK_MEDIA, .access = TRI_ACCESS_READ, .name = "encode", .region = info.label, .begin_ns = began});
    tri_status ended = tri_host_view_end(arena, &view, status == TRI_OK ? err : NULL);
    return status == TRI_OK ? ended : status;
}

static tri_status write_output(void *user, const void *bytes, size_t size, struct tri_error *err) {
    return trii_output_write(user, bytes, size, err);
}

tri_status tri_image_encode_file(struct tri_arena *arena, tri_handle region, const char *path,
                                 const struct tri_image_encode_params *params, uint64_t *bytes_out,
                                 struct tri_error *err) {
    struct choice choice;
    struct trii_output *output = NULL;
    if (!arena || !path)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_image_encode_file needs an arena and a path");
    tri_status status = choose(params, path, &choice, err);
    if (status == TRI_OK)
        status = trii_output_create(path, choice.no_overwrite ? TRII_OUTPUT_KEEP : 0, &output, err);
    if (status != TRI_OK)
        return status;
    struct trii_sink sink = {.write = write_output, .user = output};
    status = encode(arena, region, &choice, &sink, err);
    uint64_t bytes = trii_output_bytes(output);
    if (status == TRI_OK)
        status = trii_output_commit(&output, err);
    else
        trii_output_abandon(&output);
    if (status == TRI_OK && bytes_out)
        *bytes_out = bytes;
    return status;
}

struct memory {
    uint8_t *bytes;
    size_t size, capacity;
};

static tri_status write_memory(void *user, const void *bytes, size_t size, struct tri_error *err) {
    struct memory *memory = user;
    if (size > memory->capacity - memory->size) {
        size_t capacity = memory->capacity * 2 > memory->size + size ? memory->capacity * 2 : memory->size + size;
        uint8_t *larger = trii_realloc(memory->bytes, capacity, 1);
        if (!larger)
            return trii_fail(err, TRI_NO_MEMORY, "out of memory for an encoded image of more than %zu bytes",
                             memory->size);
        memory->bytes = larger;
        memory->capacity = capacity;
    }
    memcpy(memory->bytes + memory->size, bytes, size); /* not payload: the encoded file, at the caller's wish */
    memory->size += size;
    return TRI_OK;
}

tri_status tri_image_encode_memory(struct tri_arena *arena, tri_handle region,
                                   const struct tri_image_encode_params *params, void **out, size_t *out_bytes,
                                   struct tri_error *err) {
    struct choice choice;
    struct memory memory = {0};
    struct trii_sink sink = {.write = write_memory, .user = &memory};
    if (!arena || !out || !out_bytes)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_image_encode_memory needs an arena and places for the result");
    tri_status status = choose(params, "-", &choice, err);
    if (status == TRI_OK)
        status = encode(arena, region, &choice, &sink, err);
    if (status != TRI_OK) {
        trii_free(memory.bytes);
        return status;
    }
    *out = memory.bytes;
    *out_bytes = memory.size;
    return TRI_OK;
}
