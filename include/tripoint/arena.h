/*
 * tripoint/arena.h - one block of memory, divided into regions that never move.
 *
 * An arena is a reservation of address space backed by segments of at most 512 MiB that are
 * added as they are needed. A region is a page-aligned, page-padded range of one segment. It has
 * a handle, a label, a word in the arena's synchronizer (sync.h) and, once somebody asks, one
 * native view for each technology (view.h). Regions never move while a handle to them lives.
 *
 * Backing decides who can see the pages without a copy:
 *   memfd    - the default: sealed against shrinking, growing and further seals. Wasm guests,
 *              GPU drivers that take shared memory, and other processes see the same pages.
 *   private  - anonymous memory, for GPU drivers that refuse fd-backed memory (amdgpu). Has no
 *              second mapping: a Wasm view is then a counted staging copy, export is refused.
 *
 * Ownership: tri_arena_create() gives the arena to the caller; regions belong to the arena.
 *            Freeing a region while claims or engine views live dooms it: its handle is stale at
 *            once, its pages are reused only after the last of them has ended. A region's pages
 *            are zero when it is allocated (but see tri_region_params.owner).
 * Threads:   every function may be called from any thread at any time, except that
 *            tri_arena_destroy() must not run beside another call on the same arena.
 *            A forked child has no part in the arena: it finds no pages at the addresses, its
 *            handles are answered TRI_BAD_HANDLE, allocations TRI_PERMISSION; it may only destroy.
 * Errors:    TRI_BAD_HANDLE for a handle that is stale, foreign, freed twice or made up;
 *            TRI_NO_MEMORY names what holds the memory.
 *
 * Copyright the Tripoint authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef TRIPOINT_ARENA_H
#define TRIPOINT_ARENA_H

#include <tripoint/common.h>
#include <tripoint/error.h>

TRI_BEGIN_DECLS

struct tri_arena;
struct tri_layout;

/** Where an arena's pages come from. */
enum tri_backing {
    TRI_BACKING_MEMFD = 0,
    TRI_BACKING_PRIVATE = 1
};

/** A segment is never larger: larger imports lose the device on some drivers (docs/engines.md). */
#define TRI_SEGMENT_MAX_BYTES ((uint64_t)512 << 20)
/** The largest capacity of a shared arena. */
#define TRI_SHARED_MAX_BYTES ((uint64_t)64 << 30)
/** Regions an arena can hold at once. */
#define TRI_REGION_MAX 65536u
#define TRI_LABEL_BYTES 48
/** The largest tri_region_params.owner. */
#define TRI_OWNER_MAX 65534u

/** Parameters of tri_arena_create(): set struct_bytes, leave the rest zero for the defaults. */
struct tri_arena_params {
    size_t struct_bytes;     /**< sizeof(struct tri_arena_params) */
    uint64_t capacity_bytes; /**< most bytes of regions at once; default 8 GiB of address space */
    enum tri_backing backing;
    bool huge_pages;         /**< ask for huge pages; tri_arena_stats says what came of it */
    const char *label;       /**< shown in errors and traces; copied; default "arena" */
    /** Other processes may import it: TRI_BACKING_MEMFD and at most TRI_SHARED_MAX_BYTES. Segments for the whole
     * capacity are made at once (memory still comes only where it is touched), and claims cost a little more. */
    bool shared;
    /** Other processes may read it, and nobody but this process can write it (share.h): TRI_BACKING_MEMFD, and not
     * `shared`. The kernel then allows no second writable mapping, so a Wasm view is a counted staging copy, as on a
     * private arena, and trimming gives nothing back. */
    bool readers;
};

/** Parameters of tri_region_allocate(): set struct_bytes and size_bytes, zero means default. */
struct tri_region_params {
    size_t struct_bytes; /**< sizeof(struct tri_region_params) */
    uint64_t size_bytes; /**< 1 … TRI_SEGMENT_MAX_BYTES; padded to whole pages */
    const char *label;   /**< copied, cut at TRI_LABEL_BYTES - 1; default "region N" */
    bool prefault;       /**< touch the pages now rather than at first use */
    /** 0: the pages are zero. 1 … TRI_OWNER_MAX: pages that were freed by the same owner may come with the
     * bytes it left, which saves zeroing them; all others are zero. Give every guest that does not trust
     * another a number of its own. */
    uint32_t owner;
};

/** What a region is. Numbers, no pointers: it stays true as long as the handle lives. */
struct tri_region_info {
    uint64_t size_bytes;   /**< as asked */
    uint64_t mapped_bytes; /**< in whole pages */
    uint64_t offset_bytes; /**< from the arena's base address */
    uint32_t index;        /**< its number in the synchronizer: 0 … TRI_REGION_MAX - 1 */
    uint32_t segment;      /**< which segment */
    uint64_t segment_offset_bytes;
    char label[TRI_LABEL_BYTES];
};

struct tri_arena_stats {
    uint64_t capacity_bytes;   /**< the limit */
    uint64_t segment_bytes;    /**< backed by segments now */
    uint64_t used_bytes;       /**< in live or doomed regions, page padding included */
    uint64_t high_water_bytes; /**< the most used_bytes has been */
    uint64_t largest_free_bytes; /**< the largest hole in the present segments */
    uint32_t regions;          /**< live */
    uint32_t doomed;           /**< freed, still held by a claim or a view */
    uint32_t segments;
    uint32_t views;            /**< native views alive: GPU imports, tensors, guest windows */
    bool huge_pages;           /**< asked for and granted */
};

TRI_API TRI_MUST_USE tri_status tri_arena_create(const struct tri_arena_params *params, struct tri_arena **out,
                                                 struct tri_error *err);

/** Destroys the arena and sets *arena to NULL. NULL and pointer to NULL are accepted. With work in
 * flight the arena is doomed and its memory is given back when the last claim or view ends. */
TRI_API void tri_arena_destroy(struct tri_arena **arena);

/**
 * Sends a shared arena over a connected Unix socket, to a process of the same user that calls tri_arena_import(). May
 * be called any number of times. Whoever receives it can read and write every region and stall every claim, so give it
 * to programs you trust; what they can't do is make this process read or write outside the arena.
 */
TRI_API TRI_MUST_USE tri_status tri_arena_export(struct tri_arena *arena, int socket, struct tri_error *err);

/** Parameters of tri_arena_import(): set struct_bytes. */
struct tri_import_params {
    size_t struct_bytes; /**< sizeof(struct tri_import_params) */
    bool read_only;      /**< map the pages without the right to write: host views for writing are TRI_PERMISSION */
};

/**
 * Waits on the socket for an arena and maps it. The owner's handles name the same regions here; host views work, and
 * claims exclude each other across the processes. Allocating, freeing, describing and engines are the owner's: they
 * are answered TRI_PERMISSION. When this process dies its claims are recovered; when the owner dies the pages stay.
 * NULL for params means defaults.
 */
TRI_API TRI_MUST_USE tri_status tri_arena_import(int socket, const struct tri_import_params *params,
                                                 struct tri_arena **out, struct tri_error *err);

/** Fills `handles` with up to `capacity` handles of live regions, and returns how many there are. */
TRI_API size_t tri_arena_regions(const struct tri_arena *arena, tri_handle *handles, size_t capacity);

/** Waits until nothing is in flight: no claim is held and no freed region is still in use. */
TRI_API TRI_MUST_USE tri_status tri_arena_drain(struct tri_arena *arena, uint64_t timeout_ns, struct tri_error *err);

/** Allocates a region of `size_bytes` (the `allocateShared` of the asked interface). */
TRI_API TRI_MUST_USE tri_status tri_arena_allocate_shared(struct tri_arena *arena, uint64_t size_bytes,
                                                          tri_handle *out, struct tri_error *err);

/** Frees it (the `freeShared` of the asked interface). A second free is TRI_BAD_HANDLE. */
TRI_API TRI_MUST_USE tri_status tri_arena_free_shared(struct tri_arena *arena, tri_handle region,
                                                      struct tri_error *err);

/** tri_arena_allocate_shared() with a label and options. */
TRI_API TRI_MUST_USE tri_status tri_region_allocate(struct tri_arena *arena, const struct tri_region_params *params,
                                                    tri_handle *out, struct tri_error *err);

/** Touches the region's pages now, so that later first accesses take no page faults; contents stay. A hint: it needs no
 * claim and a kernel that can't do it is no failure. */
TRI_API void tri_region_prefault(struct tri_arena *arena, tri_handle region);

TRI_API TRI_MUST_USE tri_status tri_region_info(const struct tri_arena *arena, tri_handle region,
                                                struct tri_region_info *out, struct tri_error *err);

/**
 * States what the region holds now (see view.h). A layout that does not fit into the region's
 * size is TRI_INVALID_ARGUMENT. A fresh region is a flat array of bytes.
 */
TRI_API TRI_MUST_USE tri_status tri_region_set_layout(struct tri_arena *arena, tri_handle region,
                                                      const struct tri_layout *layout, struct tri_error *err);
TRI_API TRI_MUST_USE tri_status tri_region_layout(const struct tri_arena *arena, tri_handle region,
                                                  struct tri_layout *out, struct tri_error *err);

/** Gives the memory of free pages back to the system, and says how many bytes of pages that had been used that was.
 * An arena keeps them otherwise, ready for the next region. Allocations wait meanwhile: call it when idle. */
TRI_API uint64_t tri_arena_trim(struct tri_arena *arena);

TRI_API void tri_arena_stats(const struct tri_arena *arena, struct tri_arena_stats *out);

TRI_END_DECLS

#endif
