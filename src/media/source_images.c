/* A sequence of pictures: each is decoded into the input of its slot. */
#include "media/sequence.h"
#include "media/stream.h"

#include "base/alloc.h"
#include "base/status.h"

#include <stdio.h>

struct images {
    struct trii_source head;
    struct trii_sequence *names;
};

static tri_status check_size(const struct images *images, const struct tri_image *image, const char *name,
                             struct tri_error *err) {
    struct tri_image_info info;
    const uint64_t *shape = images->head.layout.shape;
    tri_image_info(image, &info);
    if (info.height == shape[0] && info.width == shape[1])
        return TRI_OK;
    return trii_fail(err, TRI_BAD_IMAGE, "%s is %ux%u, the first image of the sequence was %llux%llu: all must be alike",
                     name, info.width, info.height, (unsigned long long)shape[1], (unsigned long long)shape[0]);
}

static tri_status fill(struct trii_source *source, struct trii_slot *slot, uint64_t frame, bool *end,
                       struct tri_error *err) {
    struct images *images = (struct images *)source;
    const char *name = trii_sequence_name(images->names, frame);
    struct tri_image *image = NULL;
    if (!name) {
        *end = true;
        return TRI_OK;
    }
    tri_status status = tri_image_open_file(name, &image, err);
    if (status == TRI_OK)
        status = check_size(images, image, name, err);
    if (status == TRI_OK)
        status = tri_image_decode(image, source->stream->arena, slot->lane->input, err);
    tri_image_close(&image);
    slot->frame = (struct trii_video_frame){.pts = (int64_t)frame, .duration = 1};
    return status;
}

static void close(struct trii_source *source) {
    struct images *images = (struct images *)source;
    trii_sequence_close(&images->names);
    trii_free(images);
}

static tri_status look_at_first(struct images *images, struct tri_error *err) {
    struct tri_image *image = NULL;
    struct tri_image_info info;
    tri_status status = tri_image_open_file(trii_sequence_name(images->names, 0), &image, err);
    if (status != TRI_OK)
        return status;
    tri_image_info(image, &info);
    images->head.layout = tri_layout_image(info.height, info.width, 4, TRI_DTYPE_U8);
    images->head.codec = info.format == TRI_IMAGE_JPEG ? "jpeg" : "image";
    tri_image_close(&image);
    return TRI_OK;
}

tri_status trii_source_images(struct trii_stream *stream, struct trii_source **out, struct tri_error *err) {
    struct images *images = trii_calloc(1, sizeof *images);
    if (!images)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to read %s", stream->params.input);
    double rate = stream->params.frames_per_second;
    images->head =
        (struct trii_source){.stream = stream, .frames_per_second = rate > 0 ? rate : 25, .fill = fill, .close = close};
    tri_status status = trii_sequence_open(stream->params.input, &images->names, err);
    if (status == TRI_OK)
        status = look_at_first(images, err);
    if (status != TRI_OK) {
        close(&images->head);
        return status;
    }
    images->head.expected = trii_sequence_count(images->names);
    *out = &images->head;
    return TRI_OK;
}
