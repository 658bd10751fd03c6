/*
 * A peer's borrow of a region. A trusted one is a host view of the imported arena. For a reader the owner takes the
 * claim, and so knows that the region lives; where it lies is asked once a handle, and checked against the segment as
 * the kernel tells its size, so that nothing the owner says leads outside.
 */
#include "share/peer.h"

#include "arena/handle.h"
#include "base/alloc.h"
#include "base/checked.h"
#include "base/atomic.h"
#include "base/status.h"
#include "base/sys.h"

#include <errno.h>

#define ASK_FIRST_NS 500000u /* a reader that has to wait asks again after this, then less and less often */
#define ASK_MOST_NS 4000000u

/* ---- pages ---- */

/* Takes `fd` over. */
static int map_segment(int fd, struct trii_peer_segment *out) {
    uint64_t bytes = 0;
    bool is_fixed = false;
    void *at = NULL;
    int failed = fd < 0 ? EBADF : trii_sys_memfd_inspect(fd, &bytes, &is_fixed);
    if (!failed && (!is_fixed || bytes == 0 || bytes > TRI_SEGMENT_MAX_BYTES || bytes % TRI_PAGE_BYTES != 0))
        failed = EINVAL;
    if (!failed)
        failed = trii_sys_reserve(bytes, &at);
    if (!failed)
        failed = trii_sys_map_fd(at, bytes, fd, 0, TRII_PROT_READ, false);
    if (failed && at)
        trii_sys_unmap(at, bytes);
    trii_sys_close(fd);
    if (!failed)
        *out = (struct trii_peer_segment){.at = at, .bytes = bytes};
    return failed;
}

static tri_status need_segment(struct tri_peer *peer, uint32_t number, struct tri_error *err) {
    int fd = -1;
    if (peer->segments[number].at)
        return TRI_OK;
    tri_status status = trii_peer_ask(peer, TRII_VERB_SEGMENT, number, NULL, &fd, err);
    if (status != TRI_OK)
        return status;
    int failed = map_segment(fd, &peer->segments[number]);
    if (failed)
        return trii_fail_errno(err, failed == ENOMEM ? TRI_NO_MEMORY : TRI_IO, failed,
                               "share \"%s\": can't map segment %u", peer->name, number);
    return TRI_OK;
}

static tri_status need_room(struct tri_peer *peer, uint32_t index, struct tri_error *err) {
    if (index < peer->place_count)
        return TRI_OK;
    uint32_t count = index < 64 ? 64 : index + index / 2 + 1;
    struct trii_peer_place *places = trii_realloc(peer->places, count, sizeof *places);
    if (!places)
        return trii_fail(err, TRI_NO_MEMORY, "share \"%s\": no memory for a table of %u regions", peer->name, count);
    for (uint32_t i = peer->place_count; i < count; i++)
        places[i] = (struct trii_peer_place){.handle = TRI_HANDLE_NONE};
    peer->places = places;
    peer->place_count = count;
    return TRI_OK;
}

/* Under the lock: where the region lies, from memory or from the owner, and its segment mapped. */
static tri_status find_place(struct tri_peer *peer, tri_handle handle, struct trii_peer_place *out,
                             struct tri_error *err) {
    struct tri_shared_region region;
    uint32_t index = trii_handle_index(handle);
    if (index < peer->place_count && peer->places[index].handle == handle && handle != TRI_HANDLE_NONE) {
        *out = peer->places[index];
        return TRI_OK;
    }
    tri_status status = need_room(peer, index, err);
    if (status == TRI_OK)
        status = trii_peer_ask(peer, TRII_VERB_REGION, handle, NULL, NULL, err);
    if (status != TRI_OK)
        return status;
    if (!trii_region_from_wire(&peer->answer.body.region, handle, &region))
        return trii_fail(err, TRI_IO, "share \"%s\": the owner answers of another region", peer->name);
    struct trii_peer_place place = {.handle = handle,
                                    .size_bytes = region.info.size_bytes,
                                    .mapped_bytes = region.info.mapped_bytes,
                                    .segment_offset_bytes = region.info.segment_offset_bytes,
                                    .segment = region.info.segment};
    status = need_segment(peer, place.segment, err);
    if (status != TRI_OK)
        return status;
    if (!trii_range_fits(place.segment_offset_bytes, place.mapped_bytes, peer->segments[place.segment].bytes))
        return trii_fail(err, TRI_IO, "share \"%s\": the owner tells of a region beyond its segment", peer->name);
    peer->places[index] = *out = place;
    return TRI_OK;
}

/* ---- claims ---- */

static tri_status ask_for_claim(struct tri_peer *peer, tri_handle handle, tri_claim *out, struct tri_error *err) {
    pthread_mutex_lock(&peer->lock);
    tri_status status = trii_peer_ask(peer, TRII_VERB_ACQUIRE, handle, NULL, NULL, err);
    if (status == TRI_OK)
        *out = peer->answer.body.claim;
    pthread_mutex_unlock(&peer->lock);
    return status;
}

static tri_status claim_by_owner(struct tri_peer *peer, tri_handle handle, const struct tri_wait *wait, tri_claim *out,
                                 struct tri_error *err) {
    uint64_t timeout = wait ? wait->timeout_ns : TRI_FOREVER;
    uint64_t deadline = trii_sys_deadline(timeout);
    for (uint64_t pause = ASK_FIRST_NS;; pause = trii_min_u64(2 * pause, ASK_MOST_NS)) {
        tri_status status = ask_for_claim(peer, handle, out, err);
        if (status != TRI_BUSY || timeout == 0)
            return status;
        if (wait && tri_cancel_is_set(wait->cancel))
            return trii_fail(err, TRI_CANCELLED, "share \"%s\": waiting to read a region was cancelled", peer->name);
        uint64_t now = trii_sys_now_ns();
        if (now >= deadline)
            return trii_fail(err, TRI_TIMEOUT, "share \"%s\": the region was not free for reading within %.3f ms",
                             peer->name, (double)timeout / 1e6);
        (void)trii_sys_poll(NULL, 0, trii_min_u64(pause, deadline - now));
    }
}

static tri_status check_view(const struct tri_peer *peer, enum tri_access access, const void *out,
                             struct tri_error *err) {
    if (!peer || !out)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "peer: %s must not be NULL", peer ? "the view" : "the peer");
    if (access < TRI_ACCESS_READ || access > TRI_ACCESS_READ_WRITE)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "peer: %d is not an access", (int)access);
    if (access != TRI_ACCESS_READ && !peer->info.writable)
        return trii_fail(err, TRI_PERMISSION, "share \"%s\" was connected to for reading only", peer->name);
    return TRI_OK;
}

static tri_status begin_reading(struct tri_peer *peer, tri_handle region, const struct tri_wait *wait,
                                struct tri_host_view *out, struct tri_error *err) {
    struct trii_peer_place place;
    tri_claim claim = TRI_CLAIM_NONE;
    pthread_mutex_lock(&peer->lock);
    tri_status status = find_place(peer, region, &place, err);
    pthread_mutex_unlock(&peer->lock);
    if (status == TRI_OK)
        status = claim_by_owner(peer, region, wait, &claim, err);
    if (status != TRI_OK)
        return status;
    *out = (struct tri_host_view){.read = peer->segments[place.segment].at + place.segment_offset_bytes,
                                  .size_bytes = place.size_bytes,
                                  .region = region,
                                  .claim = claim};
    return TRI_OK;
}

tri_status tri_peer_view_begin(struct tri_peer *peer, tri_handle region, enum tri_access access,
                               const struct tri_wait *wait, struct tri_host_view *out, struct tri_error *err) {
    struct tri_arena *arena = NULL;
    tri_status status = check_view(peer, access, out, err);
    if (status != TRI_OK)
        return status;
    if (peer->info.sharing == TRI_SHARING_READERS)
        return begin_reading(peer, region, wait, out, err);
    arena = trii_load_acquire(&peer->imported);
    if (!arena)
        status = tri_peer_arena(peer, &arena, err);
    return status == TRI_OK ? tri_host_view_begin(arena, region, access, wait, out, err) : status;
}

tri_status tri_peer_view_end(struct tri_peer *peer, struct tri_host_view *view, struct tri_error *err) {
    tri_status status = check_view(peer, TRI_ACCESS_READ, view, err);
    if (status != TRI_OK)
        return status;
    if (peer->info.sharing == TRI_SHARING_TRUSTED)
        return tri_host_view_end(trii_load_acquire(&peer->imported), view, err);
    if (view->claim == TRI_CLAIM_NONE)
        return trii_fail(err, TRI_BAD_CLAIM, "peer: the view was ended before, or never begun");
    pthread_mutex_lock(&peer->lock);
    status = trii_peer_ask(peer, TRII_VERB_RELEASE, view->claim, NULL, NULL, err);
    pthread_mutex_unlock(&peer->lock);
    *view = (struct tri_host_view){.claim = TRI_CLAIM_NONE};
    return status;
}
