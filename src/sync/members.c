#include "sync/members.h"

#include "base/status.h"
#include "base/sys.h"

#include <sys/random.h>
#include <unistd.h>

#define PID_BITS 22 /* the kernel's own limit */

uint64_t trii_members_salt(void) {
    uint64_t salt = 0;
    if (getrandom(&salt, sizeof salt, GRND_NONBLOCK) != (ssize_t)sizeof salt)
        salt = trii_sys_now_ns() * 0x9e3779b97f4a7c15u;
    return salt & TRII_GENERATION_MASK;
}

/* This process as one word. */
static uint64_t identity(void) {
    return (uint64_t)getpid() | trii_sys_process_start((int32_t)getpid()) << PID_BITS;
}

static uint32_t enter(struct tri_sync *sync) {
    uint64_t self = identity();
    for (uint32_t i = 1; i < TRII_MEMBERS; i++) {
        uint64_t nobody = 0;
        if (trii_load_relaxed(&sync->head->members[i]) == 0 &&
            trii_cas_seq_cst(&sync->head->members[i], &nobody, self))
            return i;
    }
    return 0;
}

tri_status trii_members_join(struct tri_sync *sync, struct tri_error *err) {
    void *page = NULL;
    int failed = trii_sys_forkless_page(&page);
    if (failed)
        return trii_fail_errno(err, TRI_NO_MEMORY, failed, "no page for the synchronizer's membership");
    sync->me = page;
    if (!trii_sync_me(sync, err)) {
        (void)trii_sys_unmap(page, TRI_PAGE_BYTES);
        return TRI_LIMIT;
    }
    return TRI_OK;
}

void trii_members_part(struct tri_sync *sync) {
    (void)trii_sys_unmap(sync->me, TRI_PAGE_BYTES);
}

uint64_t trii_sync_me(struct tri_sync *sync, struct tri_error *err) {
    uint64_t me = trii_load_acquire(sync->me);
    if (me)
        return me;
    /* First use in this process, or in a forked child: it owns nothing and gets a number of its own. */
    uint32_t index = enter(sync);
    if (!index) {
        (void)trii_fail(err, TRI_LIMIT, "%u processes use the synchronizer already, the most it keeps apart",
                        TRII_MEMBERS - 1);
        return 0;
    }
    uint64_t mine = (uint64_t)index << TRII_MEMBER_SHIFT;
    if (!trii_cas_seq_cst(sync->me, &me, mine)) {
        trii_store_release(&sync->head->members[index], 0); /* another thread of this process was first */
        return me;
    }
    return mine;
}
