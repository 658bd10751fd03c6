/*
 * struct tri_arena, shared by the files of this room.
 *
 * A region's slot goes through these states; the word holds generation, state and pins, so that checking a handle and
 * pinning it are one atomic step:
 *
 *   FREE ---allocate (arena lock)---> LIVE ---free (one CAS, whoever comes first)---> DOOMED
 *    ^                                                                                  |
 *    '--- reclaim (arena lock): the last pin has gone and no claim is held -------------'
 *
 *  1. allocate: the slot and its pages are taken under the lock, scrubbed without it, then published LIVE with the
 *     next generation. Until then the old generation answers as freed.
 *  2. free: LIVE -> DOOMED takes a pin of its own, tells the watchers, and drops it.
 *  3. reclaim: who drops the last pin of a DOOMED slot resets its synchronizer word. When that answers BUSY a claim is
 *     still held without a pin: the slot *lingers* in a list that every allocation, drain and destroy tries again.
 *
 * Locks, outermost first: registry, watch_lock, lock. Fields say which one guards them; words and what resolve() reads
 * are atomics, written so that a reader who sees the same word before and after has read one region's fields.
 */
#ifndef TRIPOINT_ARENA_INSIDE_H
#define TRIPOINT_ARENA_INSIDE_H

#include "arena/arena.h"
#include "arena/backing.h"
#include "arena/control.h"
#include "arena/handle.h"
#include "arena/space.h"
#include "base/atomic.h"
#include "base/ledger.h"

#include <tripoint/sync.h>
#include <tripoint/view.h>

#include <pthread.h>

#define TRII_SLOT_NONE UINT32_MAX

enum trii_slot_state { TRII_SLOT_FREE = 0, TRII_SLOT_LIVE = 1, TRII_SLOT_DOOMED = 2 };

/* | generation 32 | state 2 | pins 30 | */
#define TRII_WORD_PINS_MAX ((UINT64_C(1) << 30) - 1)

static inline uint64_t trii_word_make(uint32_t generation, enum trii_slot_state state) {
    return (uint64_t)generation << 32 | (uint64_t)state << 30;
}

static inline uint32_t trii_word_generation(uint64_t word) {
    return (uint32_t)(word >> 32);
}

static inline enum trii_slot_state trii_word_state(uint64_t word) {
    return (enum trii_slot_state)(word >> 30 & 3u);
}

static inline uint32_t trii_word_pins(uint64_t word) {
    return (uint32_t)(word & TRII_WORD_PINS_MAX);
}

/* One cache line: all that allocating, checking, pinning and freeing touch. */
struct trii_slot {
    _Alignas(64) _Atomic uint64_t word;
    _Atomic uint64_t size_bytes;
    _Atomic uint32_t first, units; /* of the backing */
    _Atomic uint32_t segment;
    uint32_t next;   /* lock: in the free or the lingering list */
    uint16_t owner;  /* lock: whose bytes the pages hold once freed (backing.h) */
    bool has_layout; /* lock */
    bool numbered;   /* lock: the label is "region N", and need not be written again */
};
_Static_assert(sizeof(struct trii_slot) == 64, "a random free is cache misses and little else");

/* The rest of a slot. */
struct trii_told {
    char label[TRI_LABEL_BYTES]; /* written under the lock while FREE, constant until reclaimed */
    struct tri_layout layout;    /* lock */
};

struct tri_arena {
    uint16_t id;
    char label[TRI_LABEL_BYTES];
    uint64_t capacity_bytes;
    struct tri_sync *sync;
    struct trii_control control; /* of a shared arena */
    bool imported;               /* another process made it: slots stay empty, control.h is asked */
    bool read_only;              /* imported without the right to write */
    void *served;                /* lock: the room above's (trii_arena_set_served) */
    void (*stop_serving)(struct tri_arena *arena);
    struct trii_validator *validator; /* NULL but under TRIPOINT_VALIDATE */
    struct trii_ledger ledger;
    _Atomic int64_t views;
    _Atomic uint32_t live, doomed;

    pthread_mutex_t lock;
    struct trii_backing backing; /* lock, but see backing.h */
    struct trii_space space;     /* lock */
    uint64_t used_units, high_water_units; /* lock */
    uint32_t slot_count;         /* lock: slots that were ever used */
    uint32_t free_slots;         /* lock: head of a list */
    uint32_t lingering;          /* lock: head of a list */
    uint32_t occupied;           /* lock: slots not FREE or being filled, plus one for the arena's owner */
    bool dying;                  /* lock: destroyed, waiting for the last slot */
    bool finished;               /* lock: somebody gives the memory back */
    bool outlived;               /* lock: a claim was held after tri_arena_destroy() */
    uint32_t drainers;           /* lock */
    _Atomic uint32_t reclaimed;  /* lock to write; the word that drainers sleep on */
    struct trii_slot *slots;     /* TRI_REGION_MAX of them, and one that marks the process (below) */
    struct trii_told *told;      /* TRI_REGION_MAX, behind the slots */

    pthread_rwlock_t watch_lock;
    struct trii_region_watch *_Atomic watches; /* watch_lock to change or walk */
    struct tri_arena *next_buried;             /* registry */
};

/*
 * Fork: parent and child would hand out the same pages of a memfd, each by its own records. So the segments are not
 * mapped in the child, and the slots read as zero there: every handle is refused without a look at the process number.
 * The record behind the last slot holds a 1 in the process that made the arena.
 */
static inline bool trii_arena_is_inherited(const struct tri_arena *arena) {
    return !arena->slots || trii_load_relaxed(&arena->slots[TRI_REGION_MAX].word) == 0;
}

/* region.c. Under the lock: reclaims lingering slots whose claims have ended. */
void trii_region_reap(struct tri_arena *arena);
/* Dooms a slot if it is LIVE with `generation` (any, when 0), tells the watchers, drops the pin that kept it. */
bool trii_region_doom(struct tri_arena *arena, uint32_t index, uint32_t generation);

/* ---- arena.c ---- */
/* An arena without pages and tables, and the end of one in whatever state. */
tri_status trii_arena_new(struct tri_arena **out, struct tri_error *err);
tri_status trii_arena_open_tables(struct tri_arena *arena, struct tri_error *err);
void trii_arena_discard(struct tri_arena *arena);
/* Under the lock: true for the one caller who is to call trii_arena_finish() after unlocking. */
bool trii_arena_is_last(struct tri_arena *arena);
void trii_arena_finish(struct tri_arena *arena);

/* report.c: the sentences. */
/* A pointer that must not be NULL was: `what` says which. */
tri_status trii_report_null(const char *what, struct tri_error *err);
tri_status trii_report_handle(const struct tri_arena *arena, tri_handle handle, struct tri_error *err);
/* Under the lock. */
tri_status trii_report_exhausted(const struct tri_arena *arena, uint64_t bytes, const char *label,
                                 struct tri_error *err);

/* registry.c: the arenas of this process. */
tri_status trii_registry_add(struct tri_arena *arena, struct tri_error *err);
void trii_registry_remove(struct tri_arena *arena);
/* The label of a living arena; false when there is none of that number. */
bool trii_registry_label(uint16_t id, char label[TRI_LABEL_BYTES]);
/* A destroyed arena waits here until nobody uses it. */
void trii_registry_bury(struct tri_arena *arena);
/* Gives back the memory of those that nobody uses any more. */
void trii_registry_sweep(void);

#endif
