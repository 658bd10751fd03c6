/*
 * The arena's inside, for the rooms above: resolved regions, pins, and who is told when a region is freed.
 */
#ifndef TRIPOINT_ARENA_ARENA_H
#define TRIPOINT_ARENA_ARENA_H

#include <tripoint/arena.h>

struct trii_ledger;

/* A region as engines see it: checked once, plain numbers. `label` lives as long as the region is pinned. */
struct trii_region {
    struct tri_arena *arena;
    tri_handle handle;
    uint32_t index;        /* below TRI_REGION_MAX; the synchronizer's word, and a key for engines' tables */
    uint32_t generation;   /* differs between two regions that had the same index */
    uint8_t *bytes;        /* page-aligned, read and write for this process */
    uint64_t size_bytes;   /* as asked */
    uint64_t mapped_bytes; /* whole pages */
    int fd;                /* the segment's memfd, or -1 on a private arena */
    uint64_t fd_offset;
    const char *label;
};

/* Checks a handle. The result is only as good as the handle: use a pin to keep pages. */
tri_status trii_arena_resolve(const struct tri_arena *arena, tri_handle handle, struct trii_region *out,
                              struct tri_error *err);

/* Resolves and keeps the region's pages and label until trii_arena_unpin(): a region that is freed while pinned is
 * doomed, not reused. Every native view, prepared stage and host borrow holds a pin. */
tri_status trii_arena_pin(struct tri_arena *arena, tri_handle handle, struct trii_region *out, struct tri_error *err);
void trii_arena_unpin(struct tri_arena *arena, uint32_t index);

/* On an imported arena a pin keeps nothing: it is a look, and the owner keeps pages only as long as a claim of the peer's is
 * held. An engine's native view there outlives its region, but nothing runs on it without a claim. On one that was
 * imported read-only, trii_arena_pin() is TRI_PERMISSION, and a host borrow is a look alone. */
tri_status trii_arena_borrow(struct tri_arena *arena, tri_handle handle, struct trii_region *out,
                             struct tri_error *err);
void trii_arena_give_back(struct tri_arena *arena, uint32_t index);
/* Imported without the right to write. */
bool trii_arena_is_read_only(const struct tri_arena *arena);

/* True while the handle's region has not been freed. */
bool trii_arena_is_live(const struct tri_arena *arena, tri_handle handle);
/* The index in a handle that this arena gave out and that is live or doomed; false for any other. */
bool trii_arena_index_of(const struct tri_arena *arena, tri_handle handle, uint32_t *index);

/* Told when a region is freed (its handle is stale already, its pages still there): let go of native views, now or
 * later, and unpin. Called from the freeing thread without the arena's lock; may not allocate regions, watch or unwatch. Unwatch
 * waits for calls in progress: whoever calls it must not hold a lock that `freed` takes. */
struct trii_region_watch {
    void (*freed)(void *user, uint32_t index, uint32_t generation);
    void *user;
    struct trii_region_watch *next; /* private to the arena */
};
void trii_arena_watch(struct tri_arena *arena, struct trii_region_watch *watch);
void trii_arena_unwatch(struct tri_arena *arena, struct trii_region_watch *watch);

/* Engines tell how many native views they hold (statistics). */
void trii_arena_count_views(struct tri_arena *arena, int32_t change);

/* Segment `number` as this process has it; false when there is no such segment yet. */
struct trii_arena_segment {
    uint8_t *bytes;
    uint64_t size_bytes;
    uint64_t first_page; /* the arena's pages are numbered through */
    int fd;              /* -1: private pages */
};
bool trii_arena_segment_at(struct tri_arena *arena, uint32_t number, struct trii_arena_segment *out);
/* Mappings of it can be closed in steps of huge pages only. */
bool trii_arena_has_huge_units(const struct tri_arena *arena);
bool trii_arena_is_imported(const struct tri_arena *arena);

/* ---- for serving ---- */

/* The first live region whose index is at least *index; false when there is none. */
bool trii_arena_next(struct tri_arena *arena, uint32_t *index, tri_handle *out);
/* The memfd of segment `number`, which lives as long as the arena; false when there is no such segment yet. */
bool trii_arena_segment(struct tri_arena *arena, uint32_t number, int *fd);
bool trii_arena_is_shared(const struct tri_arena *arena);      /* trusted peers can import it */
bool trii_arena_is_for_readers(const struct tri_arena *arena); /* peers can only read it */
const char *trii_arena_label(const struct tri_arena *arena);
/* True in a forked child, whose copy of the arena can only be destroyed. */
bool trii_arena_is_copy(const struct tri_arena *arena);
/* What serves the arena: `stop` is called when the arena is destroyed. False when something does already. */
bool trii_arena_set_served(struct tri_arena *arena, void *served, void (*stop)(struct tri_arena *arena));
/* Takes it back: NULL when there is none. */
void *trii_arena_take_served(struct tri_arena *arena);

struct trii_ledger *trii_arena_ledger(const struct tri_arena *arena);
enum tri_backing trii_arena_backing(const struct tri_arena *arena);

#endif
