/*
 * The host's borrow of a region: a claim and a pin from begin to end. The claim keeps others out, the pin keeps the
 * pages when somebody frees the region meanwhile. The claim is given back first: whoever ends a copy of a view that
 * was ended before is stopped there, and the pin is dropped once.
 */
#include <tripoint/view.h>

#include "arena/arena.h"
#include "base/status.h"

static tri_status claim(struct tri_arena *arena, const struct trii_region *region, enum tri_access access,
                        const struct tri_wait *wait, tri_claim *out, struct tri_error *err) {
    struct tri_sync *sync = tri_arena_sync(arena);
    tri_status status = access == TRI_ACCESS_READ
                            ? tri_sync_acquire_read(sync, region->index, TRI_TECHNOLOGY_HOST, wait, out, err)
                            : tri_sync_acquire_write(sync, region->index, TRI_TECHNOLOGY_HOST, wait, out, err);
    if (status != TRI_OK || trii_arena_is_live(arena, region->handle))
        return trii_error_place(err, status, "host", NULL, region->label);
    /* Freed while we waited: what we got is a claim on pages that are going away. */
    tri_status released = tri_sync_release(sync, *out, err);
    if (released != TRI_OK)
        return released;
    return trii_fail(err, TRI_BAD_HANDLE, "region \"%s\" was freed while a host view waited for it", region->label);
}

tri_status tri_host_view_begin(struct tri_arena *arena, tri_handle region, enum tri_access access,
                               const struct tri_wait *wait, struct tri_host_view *out, struct tri_error *err) {
    struct trii_region r;
    tri_claim held = TRI_CLAIM_NONE;
    if (!arena || !out)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "host view: %s must not be NULL", arena ? "the view" : "the arena");
    if (access != TRI_ACCESS_READ && access != TRI_ACCESS_WRITE && access != TRI_ACCESS_READ_WRITE)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "host view: %d is not an access", (int)access);
    if (access != TRI_ACCESS_READ && trii_arena_is_read_only(arena))
        return trii_fail(err, TRI_PERMISSION, "host view: the arena was imported for reading only");
    tri_status status = trii_arena_borrow(arena, region, &r, err);
    if (status != TRI_OK)
        return status;
    status = claim(arena, &r, access, wait, &held, err);
    if (status != TRI_OK) {
        trii_arena_give_back(arena, r.index);
        return status;
    }
    *out = (struct tri_host_view){
        .read = r.bytes,
        .write = access == TRI_ACCESS_READ ? NULL : r.bytes,
        .size_bytes = r.size_bytes,
        .region = region,
        .claim = held,
    };
    return TRI_OK;
}

tri_status tri_host_view_end(struct tri_arena *arena, struct tri_host_view *view, struct tri_error *err) {
    uint32_t index;
    if (!arena || !view)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "host view: %s must not be NULL", arena ? "the view" : "the arena");
    if (view->claim == TRI_CLAIM_NONE)
        return trii_fail(err, TRI_BAD_CLAIM, "host view: it was ended before, or never begun");
    if (!trii_arena_index_of(arena, view->region, &index))
        return trii_fail(err, TRI_BAD_CLAIM, "host view: it belongs to another arena");
    tri_status status = tri_sync_release(tri_arena_sync(arena), view->claim, err);
    if (status != TRI_OK)
        return status;
    *view = (struct tri_host_view){.claim = TRI_CLAIM_NONE};
    trii_arena_give_back(arena, index);
    return TRI_OK;
}
