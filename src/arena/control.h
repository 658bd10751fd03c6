/*
 * What a shared arena tells other processes: its synchronizer, and a table of its regions, in a memfd apart from the
 * payload.
 *
 * Its owner writes the table and never reads it. A peer reads it and believes nothing: an entry is copied, its numbers
 * are checked against the segments that the peer has mapped, its texts are ended. An entry is written between two
 * odd-even steps of its revision, so that a copy made meanwhile is noticed; its word alone says whether the region is
 * live, and changes on its own when it is freed.
 *
 * A peer has no pins. It claims first and looks at the word then: the owner changes the word first and resets the claim
 * then. Both are read-modify-writes of the claim, so one of them sees the other, and pages that a peer has claimed are
 * not given to anybody else.
 */
#ifndef TRIPOINT_ARENA_CONTROL_H
#define TRIPOINT_ARENA_CONTROL_H

#include "arena/arena.h"

#include <tripoint/view.h>

#define TRII_ENTRY_LABEL_WORDS (TRI_LABEL_BYTES / sizeof(uint64_t))
#define TRII_ENTRY_LAYOUT_WORDS (sizeof(struct tri_layout) / sizeof(uint64_t))
_Static_assert(TRI_LABEL_BYTES % sizeof(uint64_t) == 0, "a label is whole words");
_Static_assert(sizeof(struct tri_layout) % sizeof(uint64_t) == 0, "a layout is whole words");

struct trii_entry {
    _Alignas(64) _Atomic uint64_t revision; /* odd while the rest is written */
    _Atomic uint64_t word;                  /* as in a slot (inside.h), without pins */
    _Atomic uint64_t size_bytes;
    _Atomic uint64_t extent; /* | first unit 32 | units 32 | */
    _Atomic uint64_t label[TRII_ENTRY_LABEL_WORDS];
    _Atomic uint64_t layout[TRII_ENTRY_LAYOUT_WORDS];
};

struct trii_control {
    int fd; /* -1: the arena is not shared */
    uint8_t *bytes;
    struct trii_entry *entries; /* TRI_REGION_MAX, behind the synchronizer */
};

uint64_t trii_control_bytes(void);
/* Makes one for a new arena, or maps one that was received (`fd` stays the caller's until success); opens the
 * arena's synchronizer in it. */
tri_status trii_control_create(struct tri_arena *arena, struct tri_error *err);
tri_status trii_control_adopt(struct tri_arena *arena, int fd, struct tri_error *err);
void trii_control_close(struct trii_control *control);

/* ---- the owner's: nothing happens on an arena that is not shared ---- */
void trii_control_publish(struct tri_arena *arena, uint32_t index, uint32_t generation);
void trii_control_doom(struct tri_arena *arena, uint32_t index, uint32_t generation);
void trii_control_set_layout(struct tri_arena *arena, uint32_t index, const struct tri_layout *layout);

/* ---- a peer's ---- */
tri_status trii_peer_resolve(const struct tri_arena *arena, tri_handle handle, struct trii_region *out,
                             struct tri_error *err);
bool trii_peer_is_live(const struct tri_arena *arena, tri_handle handle);
tri_status trii_peer_info(const struct tri_arena *arena, tri_handle handle, struct tri_region_info *out,
                          struct tri_error *err);
tri_status trii_peer_layout(const struct tri_arena *arena, tri_handle handle, struct tri_layout *out,
                            struct tri_error *err);
tri_status trii_peer_refuse(const struct tri_arena *arena, const char *what, struct tri_error *err);

#endif
