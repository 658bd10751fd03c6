/* Making a synchronizer: where its parts lie in memory, and this process's membership. */
#include "base/alloc.h"
#include "base/checked.h"
#include "base/status.h"
#include "base/sys.h"
#include "sync/members.h"
#include "sync/sync.h"

#define MAGIC 0x5452495359304331u /* "TRISY0C1": the layout below */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "sleepers wait on the low half of a slot");
_Static_assert(sizeof(struct trii_cell) == 64, "a cell is one cache line");
_Static_assert(sizeof(struct trii_cold) % 64 == 0 && sizeof(struct trii_cause) % 64 == 0, "whole cache lines");

struct places {
    uint64_t cells, colds, causes, end;
};

static uint64_t pages(uint64_t bytes) {
    return (bytes + TRI_PAGE_BYTES - 1) & ~(uint64_t)(TRI_PAGE_BYTES - 1);
}

static struct places places_of(uint32_t regions) {
    struct places p;
    p.cells = pages(sizeof(struct trii_head));
    p.colds = p.cells + pages((uint64_t)regions * sizeof(struct trii_cell));
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
        trii_store_relaxed(&head->salt, trii_members_salt());
        trii_store_release(&head->magic, MAGIC);
        return TRI_OK;
    }
    if (trii_load_acquire(&head->magic) != MAGIC || trii_load_relaxed(&head->regions) != regions)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "the memory is not a synchronizer of %u regions of this version",
                         regions);
    return TRI_OK;
}

tri_status trii_sync_open_at(void *memory, uint32_t regions, bool shared, bool fresh, struct tri_sync **out,
                             struct tri_error *err) {
    struct places at = places_of(regions);
    char *base = memory;
    if (!memory || !out || trii_sync_bytes(regions) == 0)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "a synchronizer has 1 … %u regions, not %u", TRII_SYNC_REGIONS_MAX,
                         regions);
    struct trii_head *head = memory;
    tri_status status = check_head(head, regions, fresh, err);
    if (status != TRI_OK)
        return status;
    struct tri_sync *sync = trii_calloc(1, sizeof *sync);
    if (!sync)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for a synchronizer's handle (%zu bytes)", sizeof *sync);
    sync->head = head;
    sync->cells = (struct trii_cell *)(void *)(base + at.cells);
    sync->colds = (struct trii_cold *)(void *)(base + at.colds);
    sync->causes = (struct trii_cause *)(void *)(base + at.causes);
    sync->salt = trii_load_relaxed(&head->salt) & TRII_GENERATION_MASK;
    sync->regions = regions;
    sync->shared = shared;
    status = trii_members_join(sync, err);
    if (status != TRI_OK) {
        trii_free(sync);
        return status;
    }
    *out = sync;
    return TRI_OK;
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
    tri_status status = trii_sync_open_at(memory, regions, false, true, out, err);
    if (status == TRI_OK)
        (*out)->owned = memory;
    else
        (void)trii_sys_unmap(memory, bytes);
    return status;
}

void tri_sync_destroy(struct tri_sync **sync) {
    if (!sync || !*sync)
        return;
    trii_members_part(*sync);
    if ((*sync)->owned)
        (void)trii_sys_unmap((*sync)->owned, trii_sync_bytes((*sync)->regions));
    trii_free(*sync);
    *sync = NULL;
}
