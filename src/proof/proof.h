/*
 * Hooks of a proof for the rooms above that run stages or map arena pages of their own.
 *
 * There is at most one proof in a process, since there is one handler of faults. The hooks below cost one load of an
 * atomic when there is none.
 */
#ifndef TRIPOINT_PROOF_PROOF_H
#define TRIPOINT_PROOF_PROOF_H

#include <tripoint/proof.h>

#include "base/sys.h"

/* A stage is about to begin, its claims held; it has ended. Nothing when no proof goes on for the arena. */
tri_status trii_proof_stage_begins(struct tri_arena *arena, const char *name, enum tri_technology technology,
                                   struct tri_error *err);
tri_status trii_proof_stage_ended(struct tri_arena *arena, struct tri_error *err);

/* trii_sys_protect() for a mapping of arena pages that belongs to a technology: during a proof the pages stay closed and
 * open one by one, never beyond `protection`. */
int trii_proof_protect(struct tri_arena *arena, void *at, uint64_t bytes, enum trii_protection protection);
/* Such mappings in this range are about to go. */
void trii_proof_unmaps(struct tri_arena *arena, void *at, uint64_t bytes);

#endif
