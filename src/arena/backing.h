/*
 * The pages under an arena: a reservation of address space, and segments mapped into it one behind the other.
 *
 * Segments only ever come; they go when the arena goes, so a region's address is good as long as its pages are. The
 * unit is a page, or a huge page where those were asked for and granted: then mappings, protections and holes are only
 * possible in steps of a huge page, and regions are rounded to it.
 *
 * Threads: growing under the caller's lock; everything else may run beside it for units that the caller has.
 */
#ifndef TRIPOINT_ARENA_BACKING_H
#define TRIPOINT_ARENA_BACKING_H

#include <tripoint/arena.h>

#define TRII_SEGMENTS_MAX 4096
/* Tags of free pages: whose bytes they hold. 1 … TRI_OWNER_MAX are owners. */
#define TRII_OWNER_ZERO 0u           /* nobody's: the page reads as zero */
#define TRII_OWNER_NOBODY UINT16_MAX /* somebody's who gave no number: never shown to anyone */

/* Zeroed memory that costs nothing until it is written, for tables. 0 or an errno value; unmap it. */
int trii_backing_table(uint64_t bytes, void **out);

struct trii_segment {
    int fd; /* -1: private pages */
    uint32_t first, units;
};

struct trii_backing {
    enum tri_backing kind;
    uint32_t unit_shift;
    bool want_huge;       /* asked for */
    bool huge_pool;       /* segments come from the system's pool of huge pages (the unit is one) */
    bool huge_refused;    /* some segment got no huge pages */
    bool sealed;          /* segments are sealed against writers, but for our own window */
    uint8_t *base;        /* of the arena, aligned to the unit */
    void *reserved;       /* what was reserved to find that alignment */
    uint64_t reserved_bytes;
    uint32_t units;       /* most units ever */
    uint32_t backed;      /* units in segments now */
    uint32_t segment_count;
    struct trii_segment *segments;
    char label[TRI_LABEL_BYTES];
};

/* Opens a reservation for `capacity_bytes` (rounded up to whole units); no segment yet. */
tri_status trii_backing_open(struct trii_backing *backing, const struct tri_arena_params *params,
                             uint64_t capacity_bytes, struct tri_error *err);
/* Maps segments that another process made; the descriptors are the backing's on success only. */
tri_status trii_backing_adopt(struct trii_backing *backing, const char *label, uint32_t unit_shift,
                              const uint32_t *units, const int *fds, uint32_t count, bool read_only,
                              struct tri_error *err);
/* In a forked child (`inherited`) the segments' addresses may have been given to something else: they are left alone. */
void trii_backing_close(struct trii_backing *backing, bool inherited);

/* Adds a segment in which `units` fit. TRI_LIMIT when the capacity is used up (no text: the caller knows who holds
 * what), TRI_NO_MEMORY with text when the system refuses. */
tri_status trii_backing_grow(struct trii_backing *backing, uint32_t units, struct tri_error *err);

/* Makes units of one segment read as zero. */
void trii_backing_clear(struct trii_backing *backing, const struct trii_segment *segment, uint32_t first,
                        uint32_t units);

/* Brings the pages in without changing them. 0 or an errno value. */
int trii_backing_prefault(struct trii_backing *backing, uint32_t first, uint32_t units);

static inline uint8_t *trii_backing_at(const struct trii_backing *backing, uint32_t unit) {
    return backing->base + ((uint64_t)unit << backing->unit_shift);
}

#endif
