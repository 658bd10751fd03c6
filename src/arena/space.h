/*
 * Who has which pages: an allocator of number ranges that never touches what the numbers stand for.
 *
 * Units are pages (or huge pages) counted from the arena's base. A span is a run of units that is free or taken as a
 * whole. Free spans hang in bins of two levels, found through bitmaps (after TLSF, Masmano et al. 2004): taking and
 * giving cost the same with ten regions or sixty thousand. Neighbours are found by unit number in a side table that
 * has one record a unit, of which only a span's first and last are ever looked at; the table is address space until
 * it is written, and no byte of it lies in memory that guests, shaders or other processes can reach.
 *
 * Each free unit carries a tag (whose bytes its page still holds; the space does not know what tags mean). Units that
 * lie together with one tag are a run, with a record at its first and last unit as well: giving a region back costs
 * the same whatever its size, and who takes a span walks over a few runs and not over pages. Each give makes one run,
 * each run is walked over once before it is gone.
 *
 * Threads: the caller's lock. Errors: false; nothing is allocated after opening.
 */
#ifndef TRIPOINT_ARENA_SPACE_H
#define TRIPOINT_ARENA_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#define TRII_SPACE_ROWS 18
#define TRII_SPACE_COLUMNS 16
#define TRII_SPAN_NONE UINT32_MAX

/* One unit's record; four of them share a cache line, since random frees are cache misses and little else. */
struct trii_unit {
    uint64_t span : 20; /* at the first and the last unit of a span: how long it is */
    uint64_t run : 20;  /* at the first and the last unit of a run: how long it is */
    uint64_t tag : 16;  /* likewise; of free units, and of taken ones until they are given back */
    uint64_t free : 1;  /* at the first and the last unit of a span */
    uint32_t next;      /* at the first unit of a free span: its neighbours in the bin */
    uint32_t prev;
};
#define TRII_SPAN_MAX_UNITS ((1u << 20) - 1)

struct trii_space {
    struct trii_unit *table;
    uint32_t rows; /* bit i: row i has a bin that is not empty */
    uint32_t columns[TRII_SPACE_ROWS];
    uint32_t heads[TRII_SPACE_ROWS][TRII_SPACE_COLUMNS];
    uint64_t free_units;
    uint32_t free_spans;
};

/* `table` is zeroed memory for one record a unit; it stays the caller's. */
void trii_space_init(struct trii_space *space, struct trii_unit *table);
/* Adds at most TRII_SPAN_MAX_UNITS fresh units, tag 0, as one free span; they are never joined with units outside [first, first + units). */
void trii_space_add(struct trii_space *space, uint32_t first, uint32_t units);
/* Takes `units` adjacent ones. False when no hole is large enough. The runs from *first on end exactly where the span
 * does, and belong to the taker: they may be walked over without the lock. */
bool trii_space_take(struct trii_space *space, uint32_t units, uint32_t *first);
/* Gives a taken span back with a tag and joins it with free neighbours inside its segment [low, high). */
void trii_space_give(struct trii_space *space, uint32_t first, uint32_t low, uint32_t high, uint16_t tag);
/* Of the free span at `first`: units whose tag is not 0; and making all tags 0. */
uint32_t trii_space_tagged(const struct trii_space *space, uint32_t first);
void trii_space_clear_tags(struct trii_space *space, uint32_t first);
/* Units in the largest hole. */
uint32_t trii_space_largest(const struct trii_space *space);

#endif
