/* The peer's side, within the room. */
#ifndef TRIPOINT_SHARE_PEER_H
#define TRIPOINT_SHARE_PEER_H

#include "share/protocol.h"

#include <pthread.h>

struct trii_peer_segment {
    uint8_t *at; /* NULL: not mapped yet */
    uint64_t bytes;
};

/* Where a region lies, as the owner said when it was first asked. */
struct trii_peer_place {
    tri_handle handle; /* TRI_HANDLE_NONE: not asked yet */
    uint64_t size_bytes, mapped_bytes, segment_offset_bytes;
    uint32_t segment;
};

struct tri_peer {
    char name[TRI_SERVE_NAME_BYTES];
    struct tri_peer_info info;
    int32_t pid; /* of the process that imported */
    struct tri_arena *_Atomic imported; /* lock to change; NULL until needed, and on an arena for readers */

    pthread_mutex_t lock; /* all below; held while the owner answers */
    int fd;
    bool broken; /* the owner did not answer in time, or nonsense: what comes next can't be told apart */
    struct trii_answer answer;
    struct trii_peer_segment segments[TRII_SHARE_SEGMENTS];
    uint32_t place_count;
    struct trii_peer_place *places; /* by index */
};

/* Under the lock: asks and checks the answer, which is then in peer->answer. `passed` takes a descriptor, or -1; NULL
 * where none is expected. */
tri_status trii_peer_ask(struct tri_peer *peer, enum trii_verb verb, uint64_t value, const char *label, int *passed,
                         struct tri_error *err);
#endif
