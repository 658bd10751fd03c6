/*
 * The debug layer that TRIPOINT_VALIDATE asks for: pages that this process has not claimed are closed to it.
 *
 * A region's pages, as this process maps them, are closed while it holds no claim on it, readable under a claim to read,
 * and open under a claim to write; pages of no region are closed as well. Whoever touches them otherwise is reported on
 * stderr (what, which region, its state, a backtrace); then the pages are opened until the next claim on the region
 * comes or goes, so that the program goes on. With TRIPOINT_VALIDATE=abort it ends there.
 *
 * What it does not see: other mappings (a guest's window is guarded by its grants), real devices, and system calls,
 * which fail with EFAULT. Imported arenas are not guarded.
 *
 * Ownership: a validator is its arena's.
 * Threads:   any.
 * Errors:    none once it is open: pages that can't be closed stay open.
 */
#ifndef TRIPOINT_ARENA_VALIDATE_H
#define TRIPOINT_ARENA_VALIDATE_H

#include <tripoint/arena.h>

struct trii_validator;

/* arena->validator, where the environment asks for one; else it stays NULL and costs nothing. */
tri_status trii_validate_open(struct tri_arena *arena, struct tri_error *err);
/* Before the pages go; of a half-made arena, too. A claim that outlives the arena may still be told of: then the record
 * stays, as its synchronizer does (registry.c). */
void trii_validate_close(struct tri_arena *arena, bool may_be_told);
/* Units of a segment that has just come: closed. */
void trii_validate_segment(struct tri_arena *arena, uint32_t first, uint32_t units);
/* The arena itself prepares pages that nobody has yet: open before, closed after. */
void trii_validate_prepare(struct tri_arena *arena, uint32_t first, uint32_t units, bool begins);

#endif
