/*
 * Bytes over the border: into a region from a caller's memory, and out of it. A host view is held for as long as the
 * copy takes, and the ledger tells of it.
 */
#include <tripoint/view.h>

#include "arena/arena.h"
#include "base/ledger.h"
#include "base/status.h"

static tri_status cross(struct tri_arena *arena, tri_handle region, enum tri_access access, uint64_t offset,
                        const void *from, void *to, uint64_t bytes, const char *cause, const struct tri_wait *wait,
                        struct tri_error *err) {
    struct tri_host_view view;
    struct tri_region_info info;
    tri_status status = tri_region_info(arena, region, &info, err);
    if (status != TRI_OK)
        return status;
    if (offset > info.size_bytes || bytes > info.size_bytes - offset) {
        status = trii_fail(err, TRI_INVALID_ARGUMENT,
                           "%llu bytes at %llu do not lie in region \"%s\", which has %llu", (unsigned long long)bytes,
                           (unsigned long long)offset, info.label, (unsigned long long)info.size_bytes);
        return trii_error_place(err, status, NULL, NULL, info.label);
    }
    status = tri_host_view_begin(arena, region, access, wait, &view, err);
    if (status != TRI_OK)
        return status;
    const struct trii_copy copy = {.place = TRI_LEDGER_BORDER, .region = info.label, .cause = cause};
    if (access == TRI_ACCESS_READ)
        trii_ledger_copy(trii_arena_ledger(arena), &copy, to, (const uint8_t *)view.read + offset, bytes);
    else
        trii_ledger_copy(trii_arena_ledger(arena), &copy, (uint8_t *)view.write + offset, from, bytes);
    return tri_host_view_end(arena, &view, err);
}

tri_status tri_region_write(struct tri_arena *arena, tri_handle region, uint64_t offset, const void *from,
                            uint64_t bytes, const char *cause, const struct tri_wait *wait, struct tri_error *err) {
    if (!arena || (!from && bytes))
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_region_write: %s is NULL", arena ? "from" : "the arena");
    return cross(arena, region, TRI_ACCESS_WRITE, offset, from, NULL, bytes, cause ? cause : "bytes in", wait, err);
}

tri_status tri_region_read(struct tri_arena *arena, tri_handle region, uint64_t offset, void *to, uint64_t bytes,
                           const char *cause, const struct tri_wait *wait, struct tri_error *err) {
    if (!arena || (!to && bytes))
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_region_read: %s is NULL", arena ? "to" : "the arena");
    return cross(arena, region, TRI_ACCESS_READ, offset, NULL, to, bytes, cause ? cause : "bytes out", wait, err);
}
