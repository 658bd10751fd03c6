/*
 * The mappings of this process as /proc tells them: a snapshot.
 *
 * Ownership: the snapshot is the caller's. Threads: none. Errors: 0 or an errno value.
 */
#ifndef TRIPOINT_BASE_MAPS_H
#define TRIPOINT_BASE_MAPS_H

#include <tripoint/common.h>

struct trii_mapping {
    uintptr_t begin, end;
    bool reads, writes, executes, shared;
    uint64_t offset;
    uint64_t device, inode; /* 0 0: no file */
    char path[96];          /* its end, where it is longer; "" for anonymous memory */
};

struct trii_maps {
    struct trii_mapping *item; /* by address */
    size_t count;
};

int trii_maps_read(struct trii_maps *out);
void trii_maps_free(struct trii_maps *maps); /* {0} may be freed */
/* The mapping that covers an address, or NULL. */
const struct trii_mapping *trii_maps_find(const struct trii_maps *maps, uintptr_t address);
/* vm.max_map_count; 65530, the kernel's default, where it is not told. */
uint64_t trii_maps_limit(void);

#endif
