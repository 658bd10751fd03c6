/*
 * Members: the processes that take claims in a synchronizer. A member is pid and start time in one word of the shared
 * table, so that a reused pid is a different member; claims name the member by its place in that table. A place is given
 * to somebody else only after everything that its last owner left has been recovered.
 */
#ifndef TRIPOINT_SYNC_MEMBERS_H
#define TRIPOINT_SYNC_MEMBERS_H

#include "sync/sync.h"

/* Leaves the table; claims still held are recovered as those of a dead process. */
void trii_members_part(struct tri_sync *sync);
/* True when member `index`, known as `identity`, can't come back. */
bool trii_members_dead(const struct tri_sync *sync, uint32_t index, uint64_t identity);
/* Takes away all that dead members left, and their places; true when a place became free. */
bool trii_members_bury_dead(struct tri_sync *sync);

/* Members known to be dead, or leaving, by number: all that they left is taken away in one walk (recover.c). */
struct trii_dead {
    struct tri_sync *sync;
    uint64_t identity[TRII_MEMBERS]; /* 0: not one of them */
    bool unfinished[TRII_MEMBERS];   /* some of what he left is for another to finish */
    bool any;
    bool of_nobody; /* what names a member that the table does not know is taken away, too */
    bool changed;   /* in the region at hand */
};
void trii_dead_begin(struct trii_dead *dead, struct tri_sync *sync);
void trii_dead_add(struct trii_dead *dead, uint32_t index, uint64_t identity);
/* True when a place in the table became free. */
bool trii_dead_sweep(struct trii_dead *dead);
/* The pid within an identity. */
int32_t trii_members_pid(uint64_t identity);

#endif
