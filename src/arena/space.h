/*
 * Who has which pages: an allocator of number ranges that never touches what the numbers stand for.
 *
 * Units are pages (or huge pages) counted from the arena's base. A span is a run of units that is free or taken as a
 * whole. Free spans hang in bins of two levels, found through bitmaps (after TLSF, Masmano et al. 2004): taking and
 * giving cost the same with ten regions or sixty thousand. Neighbours are found by unit number in a side table that
 * has one record a unit, of which only a span's first and last are ever looked at; the table is address space until
 * it is written, and no byte of it lies in memory that guests, shaders or other processes can reach.
 *
 * Threads: the caller's lock. Errors: false; nothing is allocated after opening.
 */
#ifndef TRIPOINT_ARENA_SPACE_H
#define TRIPOINT_ARENA_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#define TRII_SPACE_ROWS 29
#define TRII_SPACE_COLUMNS 16
#define TRII_SPAN_NONE UINT32_MAX

struct trii_span {
    uint32_t units; /* at the first and the last unit of every span */
    uint32_t free;  /* likewise: 1 or 0 */
    uint32_t next;  /* at the first unit of a free span: its neighbours in the bin */
    uint32_t prev;
};

struct trii_space {
    struct trii_span *spans; /* one a unit */
    uint32_t units;          /* length of the table */
    uint32_t rows;           /* bit i: row i has a bin that is not empty */
    uint32_t columns[TRII_SPACE_ROWS];
    uint32_t heads[TRII_SPACE_ROWS][TRII_SPACE_COLUMNS];
    uint64_t free_units;
    uint32_t free_spans;
};

/* `spans` is zeroed memory for `units` records; it stays the caller's. */
void trii_space_init(struct trii_space *space, struct trii_span *spans, uint32_t units);
/* Adds fresh units as one free span; they are never joined with units outside [first, first + units). */
void trii_space_add(struct trii_space *space, uint32_t first, uint32_t units);
/* Takes `units` adjacent ones. False when no hole is large enough. */
bool trii_space_take(struct trii_space *space, uint32_t units, uint32_t *first);
/* Gives a taken span back and joins it with free neighbours inside its segment [low, high). */
void trii_space_give(struct trii_space *space, uint32_t first, uint32_t low, uint32_t high);
/* Units in the largest hole. */
uint32_t trii_space_largest(const struct trii_space *space);

#endif
