#include "sync/members.h"

#include "base/status.h"
#include "base/sys.h"

#include <unistd.h>

#define PID_BITS 22 /* the kernel's own limit */
#define PID_MASK (((uint64_t)1 << PID_BITS) - 1)

int32_t trii_members_pid(uint64_t identity) {
    return (int32_t)(identity & PID_MASK);
}

/* In memory of this process alone, everybody else is a parent of which this is a forked copy: never to come back. */
bool trii_members_dead(const struct tri_sync *sync, uint32_t index, uint64_t identity) {
    if ((uint64_t)index << TRII_MEMBER_SHIFT == trii_load_relaxed(&sync->me))
        return false;
    if (!sync->shared || identity == 0)
        return true;
    return !trii_sys_process_lives(trii_members_pid(identity), identity >> PID_BITS);
}

bool trii_members_bury_dead(struct tri_sync *sync) {
    struct trii_dead dead;
    trii_dead_begin(&dead, sync);
    for (uint32_t i = 1; i < TRII_MEMBERS; i++) {
        uint64_t identity = trii_load_acquire(&sync->head->members[i]);
        if (identity && trii_members_dead(sync, i, identity))
            trii_dead_add(&dead, i, identity);
    }
    return trii_dead_sweep(&dead);
}

static uint32_t enter(struct tri_sync *sync) {
    uint64_t self = (uint64_t)getpid() | trii_sys_process_start((int32_t)getpid()) << PID_BITS;
    do {
        for (uint32_t i = 1; i < TRII_MEMBERS; i++) {
            uint64_t nobody = 0;
            if (trii_load_relaxed(&sync->head->members[i]) == 0 &&
                trii_cas_seq_cst(&sync->head->members[i], &nobody, self))
                return i;
        }
    } while (trii_members_bury_dead(sync)); /* places of the dead are taken back when the table is full */
    return 0;
}

void trii_members_part(struct tri_sync *sync) {
    uint32_t index = trii_member_of(trii_load_relaxed(&sync->me));
    struct trii_dead self;
    trii_store_seq_cst(&sync->me, 0);
    trii_store_folded(&sync->mine, 0);
    trii_dead_begin(&self, sync);
    trii_dead_add(&self, index, trii_load_acquire(&sync->head->members[index]));
    (void)trii_dead_sweep(&self);
}

/* First use in this process, or in a forked child: it owns nothing and gets a number of its own. Threads may meet here;
 * all write the same values, but for the number. */
static uint64_t begin(struct tri_sync *sync, struct tri_error *err) {
    const struct tri_sync *kept = (const struct tri_sync *)((uintptr_t)sync + TRI_PAGE_BYTES);
    sync->head = kept->head;
    sync->colds = kept->colds;
    sync->causes = kept->causes;
    sync->shared = kept->shared;
    sync->owned = kept->owned;
    trii_numbers_begin();
    uint32_t index = enter(sync);
    if (!index) {
        (void)trii_fail(err, TRI_LIMIT, "%u processes use the synchronizer already, the most it keeps apart",
                        TRII_MEMBERS - 1);
        return 0;
    }
    uint64_t none = 0;
    uint64_t mine = (uint64_t)index << TRII_MEMBER_SHIFT;
    if (!trii_cas_seq_cst(&sync->me, &none, mine)) {
        trii_store_release(&sync->head->members[index], 0); /* another thread was first */
        mine = none;
    }
    trii_store_folded(&sync->mine, mine | TRII_SLOT_READING);
    trii_store_folded(&sync->places, kept->regions * (1 + TRII_NEAR_SLOTS));
    trii_store_folded(&sync->regions, kept->regions);
    return mine;
}

uint64_t trii_sync_me(struct tri_sync *sync, struct tri_error *err) {
    return trii_sync_regions(sync) ? trii_load_relaxed(&sync->me) : begin(sync, err);
}
