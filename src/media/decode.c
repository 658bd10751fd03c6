/* Decoding into a region: claim, layout, poison. */
#include "media/image.h"

#include "arena/arena.h"
#include "base/status.h"
#include "base/trace.h"

static tri_status check_fits(const struct tri_image *image, const struct tri_region_info *region,
                             struct tri_error *err) {
    uint64_t needed = (uint64_t)image->info.width * image->info.height * 4;
    if (needed <= region->size_bytes)
        return TRI_OK;
    return trii_fail(err, TRI_INVALID_ARGUMENT, "%s is %u x %u and needs %llu bytes; the region has %llu", image->name,
                     image->info.width, image->info.height, (unsigned long long)needed,
                     (unsigned long long)region->size_bytes);
}

static tri_status decode_claimed(const struct tri_image *image, struct tri_arena *arena, struct tri_host_view *view,
                                 const char *label, struct tri_error *err) {
    struct tri_layout layout = tri_layout_image(image->info.height, image->info.width, 4, TRI_DTYPE_U8);
    uint64_t began = trii_trace_now();
    tri_status status = trii_image_decode_to(image, view->write, trii_arena_ledger(arena), label, err);
    if (began)
        trii_trace_add(&(struct trii_span){.track = TRII_TRACK_MEDIA,
                                           .access = TRI_ACCESS_WRITE,
                                           .name = "decode",
                                           .region = label,
                                           .cause = image->name,
                                           .bytes = image->size,
                                           .begin_ns = began});
    if (status == TRI_OK)
        status = tri_region_set_layout(arena, view->region, &layout, err);
    return status;
}

tri_status tri_image_decode(struct tri_image *image, struct tri_arena *arena, tri_handle region,
                            struct tri_error *err) {
    struct tri_region_info info;
    struct tri_host_view view;
    struct tri_error own, *cause = err ? err : &own; /* the poison needs the words, whoever else does */
    if (!image || !arena)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_image_decode needs an image and an arena");
    tri_status status = tri_region_info(arena, region, &info, err);
    if (status == TRI_OK)
        status = check_fits(image, &info, err);
    if (status == TRI_OK)
        status = tri_host_view_begin(arena, region, TRI_ACCESS_WRITE, NULL, &view, err);
    if (status != TRI_OK)
        return status;
    status = decode_claimed(image, arena, &view, info.label, cause);
    if (status != TRI_OK) {
        trii_error_place(cause, status, NULL, NULL, info.label);
        (void)!tri_sync_poison(tri_arena_sync(arena), view.claim, cause, NULL);
    }
    tri_status ended = tri_host_view_end(arena, &view, status == TRI_OK ? err : NULL);
    return status == TRI_OK ? ended : status;
}
