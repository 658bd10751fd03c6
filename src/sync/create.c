/* Making a synchronizer: where its parts lie in memory, and this process's handle in front of them. */
#include "base/checked.h"
#include "base/status.h"
#include "base/sys.h"
#include "sync/members.h"

#define MAGIC 0x5452495359304333u /* "TRISY0C3": the layout below */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "sleepers wait on the low half of a slot");
_Static_assert(sizeof(struct trii_cell) == 64, "a cell is one cache line");
_Static_assert(sizeof(struct trii_cold) % 64 == 0 && sizeof(struct trii_cause) % 64 == 0, "whole cache lines");
_Static_assert(sizeof(struct tri_sync) <= TRI_PAGE_BYTES, "a handle is a page");

struct places {
    uint64_t colds, causes, end;
};

static uint64_t pages(uint64_t bytes) {
    return (bytes + TRI_PAGE_BYTES - 1) & ~(uint64_t)(TRI_PAGE_BYTES - 1);
}

static struct places places_of(uint32_t regions) {
    struct places p;
    p.colds = TRII_CELLS_OFFSET + pages((uint64_t)regions * sizeof(struct trii_cell));
    p.causes = p.colds + pages((uint64_t)regions * sizeof(struct trii_cold));
    p.end = p.causes + pages((uint64_t)regions * sizeof(struct trii_cause));
    return p;
}

uint64_t trii_sync_bytes(uint32_t regions) {
    return regions == 0 || regions > TRII_SYNC_REGIONS_MAX ? 0 : places_of(regions).end;
}

static tri_status check_head(struct trii_head *head, uint32_t regions, bool fresh, struct tri_error *err) {
    if (fresh) {
        trii_store_relaxed(&head->regions, regions);
        trii_store_release(&head->magic, MAGIC);
        return TRI_OK;
    }
    if (trii_load_acquire(&head->magic) != MAGIC || trii_load_relaxed(&head->regions) != regions)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "the memory is not a synchronizer of %u regions of this version",
                         regions);
    return TRI_OK;
}

/* The second page keeps what a forked child's zeroed first page is made from again. */
static void write_handle(char *base, uint32_t regions, bool shared, bool owned) {
    struct places at = places_of(regions);
    struct tri_sync *kept = (struct tri_sync *)(void *)(base + TRI_PAGE_BYTES);
    kept->head = (struct trii_head *)(void *)(base + TRII_HEAD_OFFSET);
    kept->colds = (struct trii_cold *)(void *)(base + at.colds);
    kept->causes = (struct trii_cause *)(void *)(base + at.causes);
    kept->shared = shared;
    kept->owned = owned;
    kept->regions = regions;
}

static tri_status open_at(void *memory, uint32_t regions, bool shared, bool fresh, bool owned, struct tri_sync **out,
                          struct tri_error *err) {
    int failed = trii_sys_map_private(memory, TRII_HEAD_OFFSET, TRII_PROT_READ_WRITE);
    if (!failed)
        failed = trii_sys_wipe_on_fork(memory, TRI_PAGE_BYTES);
    if (failed)
        return trii_fail_errno(err, TRI_NO_MEMORY, failed, "no pages for a synchronizer's handle");
    struct trii_head *head = (struct trii_head *)((uintptr_t)memory + TRII_HEAD_OFFSET);
    tri_status status = check_head(head, regions, fresh, err);
    if (status != TRI_OK)
        return status;
    write_handle(memory, regions, shared, owned);
    struct tri_sync *sync = memory;
    if (!trii_sync_me(sync, err))
        return TRI_LIMIT;
    *out = sync;
    return TRI_OK;
}

tri_status trii_sync_open_at(void *memory, uint32_t regions, bool shared, bool fresh, struct tri_sync **out,
                             struct tri_error *err) {
    if (!memory || !out || trii_sync_bytes(regions) == 0 || (uintptr_t)memory % TRI_PAGE_BYTES != 0)
        return trii_fail(err, TRI_INVALID_ARGUMENT,
                         "a synchronizer has 1 … %u regions (not %u) and begins at a page of memory",
                         TRII_SYNC_REGIONS_MAX, regions);
    return open_at(memory, regions, shared, fresh, false, out, err);
}

tri_status tri_sync_create(uint32_t regions, struct tri_sync **out, struct tri_error *err) {
    uint64_t bytes = trii_sync_bytes(regions);
    void *memory = NULL;
    if (!out || bytes == 0)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "a synchronizer has 1 … %u regions, not %u", TRII_SYNC_REGIONS_MAX,
                         regions);
    int failed = trii_sys_reserve(bytes, &memory);
    if (!failed && (failed = trii_sys_map_private(memory, bytes, TRII_PROT_READ_WRITE)) != 0)
        (void)trii_sys_unmap(memory, bytes);
    if (failed)
        return trii_fail_errno(err, TRI_NO_MEMORY, failed, "no address space for a synchronizer of %u regions",
                               regions);
    tri_status status = open_at(memory, regions, false, true, true, out, err);
    if (status != TRI_OK)
        (void)trii_sys_unmap(memory, bytes);
    return status;
}

void trii_sync_tell(struct tri_sync *sync, void (*tell)(void *user, uint32_t region), void *user) {
    uint32_t regions = trii_sync_regions(sync);
    sync->tell_user = user;
    trii_store_release(&sync->tell, tell);
    trii_store_folded(&sync->places, tell ? 0 : regions * (1 + TRII_NEAR_SLOTS));
    trii_store_folded(&sync->regions, tell ? 0 : regions);
}

void tri_sync_destroy(struct tri_sync **handle) {
    if (!handle || !*handle)
        return;
    struct tri_sync *sync = *handle;
    *handle = NULL;
    if (trii_sync_me(sync, NULL) && sync->shared)
        trii_members_part(sync);
    if (sync->owned)
        (void)trii_sys_unmap(sync, trii_sync_bytes(trii_sync_regions(sync)));
}
