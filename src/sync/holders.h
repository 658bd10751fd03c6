/* Who holds a synchronizer's regions: for those who show it to people. Nothing of the words' layout. */
#ifndef TRIPOINT_SYNC_HOLDERS_H
#define TRIPOINT_SYNC_HOLDERS_H

#include <tripoint/sync.h>

struct trii_holder {
    tri_claim claim; /* of a waiter too: differs between any two of them */
    int32_t pid;     /* 0 when nobody is known by that number; of shared memory, so only for people */
    enum tri_technology technology;
    bool writes;
    bool waits;
};
#define TRII_HOLDERS_MAX (TRI_SYNC_CLAIMS_MAX + 1)

/* Who holds `region` and who waits for it; now and then the dead are taken away before. Gives how many; 0 for a region out of range. */
uint32_t trii_sync_holders(struct tri_sync *sync, uint32_t region, struct trii_holder out[TRII_HOLDERS_MAX]);

#endif
