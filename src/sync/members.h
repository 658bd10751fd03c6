/*
 * Members: the processes that take claims in a synchronizer. A member is pid and start time in one word of the shared
 * table, so that a reused pid is a different member; claims name the member by its place in that table.
 */
#ifndef TRIPOINT_SYNC_MEMBERS_H
#define TRIPOINT_SYNC_MEMBERS_H

#include "sync/sync.h"

/* Enters this process into the table and gives sync->me its number. */
tri_status trii_members_join(struct tri_sync *sync, struct tri_error *err);
/* Leaves the table. Claims still held stay, and are recovered as those of a dead process. */
void trii_members_part(struct tri_sync *sync);
/* A number that two synchronizers hardly share. */
uint64_t trii_members_salt(void);

#endif
