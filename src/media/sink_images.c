/* Pictures, a file each, which appears whole or not at all. */
#include "media/sequence.h"
#include "media/stream.h"

#include "base/alloc.h"
#include "base/status.h"

struct images {
    struct trii_sink head;
    struct trii_sequence *names;
    struct tri_image_encode_params encode;
    uint64_t bytes;
};

static tri_status drain(struct trii_sink *sink, struct trii_slot *slot, uint64_t frame, struct tri_error *err) {
    struct images *images = (struct images *)sink;
    uint64_t bytes = 0;
    tri_status status = tri_image_encode_file(sink->stream->arena, slot->encoded, trii_sequence_name(images->names, frame),
                                              &images->encode, &bytes, err);
    images->bytes += bytes;
    return status;
}

static tri_status finish(struct trii_sink *sink, uint64_t *bytes, struct tri_error *err) {
    (void)err;
    *bytes = ((struct images *)sink)->bytes;
    return TRI_OK;
}

static void close(struct trii_sink *sink) {
    struct images *images = (struct images *)sink;
    trii_sequence_close(&images->names);
    trii_free(images);
}

tri_status trii_sink_images(struct trii_stream *stream, const struct tri_layout *layout, struct trii_sink **out,
                            struct tri_error *err) {
    const struct tri_video_params *params = &stream->params;
    if (tri_image_format_of_path(params->output) == TRI_IMAGE_UNKNOWN)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "can't tell the format of the images '%s': end it in .png or .jpg",
                         params->output);
    struct images *images = trii_calloc(1, sizeof *images);
    if (!images)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to write %s", params->output);
    images->head = (struct trii_sink){
        .stream = stream, .layout = *layout, .drain = drain, .finish = finish, .close = close};
    images->encode = (struct tri_image_encode_params){.struct_bytes = sizeof images->encode,
                                                      .background = {params->background[0], params->background[1],
                                                                     params->background[2]},
                                                      .threads = 1, /* frames are what runs side by side */
                                                      .no_overwrite = params->no_overwrite};
    tri_status status = trii_sequence_create(params->output, &images->names, err);
    if (status != TRI_OK) {
        close(&images->head);
        return status;
    }
    *out = &images->head;
    return TRI_OK;
}
