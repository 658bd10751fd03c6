/*
 * Where a synchronizer's words may lie. The synchronizer lies above this room and implements these; an arena that other
 * processes share puts the words into its control segment by them.
 */
#ifndef TRIPOINT_ARENA_SYNC_PLACE_H
#define TRIPOINT_ARENA_SYNC_PLACE_H

#include <tripoint/sync.h>

/* Bytes that a synchronizer of so many regions needs, whole pages; most are never touched. */
uint64_t trii_sync_bytes(uint32_t regions);

/* A handle on words in the caller's memory (page-aligned, trii_sync_bytes() long, outliving the handle). `fresh`
 * memory is all zero and becomes a synchronizer; otherwise it must be one of as many regions already. `shared` says that
 * other processes map it. The memory stays the caller's. */
tri_status trii_sync_open_at(void *memory, uint32_t regions, bool shared, bool fresh, struct tri_sync **out,
                             struct tri_error *err);

/* Takes away what dead processes left, where nobody waits who would notice; looks at most each few milliseconds. True
 * when there was one. */
bool trii_sync_look_for_dead(struct tri_sync *sync);

/* `tell` is called after each claim of this process that comes or goes (NULL: no more); the quick ways are not taken
 * then. Before the first claim, or after the last. */
void trii_sync_tell(struct tri_sync *sync, void (*tell)(void *user, uint32_t region), void *user);
/* What this process may do with a region now: 0 nothing, 1 read, 3 read and write. Async-signal-safe. */
unsigned trii_sync_own_access(const struct tri_sync *sync, uint32_t region);

#endif
