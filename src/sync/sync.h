/*
 * The synchronizer's inside: where its words live, and what the files of this room share.
 *
 * The words lie in memory that is private to the process (tri_sync_create) or a control segment that others map too
 * (trii_sync_open_at). A `struct tri_sync` is one process's handle: it lies in the first page of that memory, which each
 * process covers with a private page of its own, so that a cell's address is the handle's plus a constant. The kernel
 * zeroes that page in a forked child, whose first call then finds no regions and makes itself a member of its own.
 *
 *   page 0   this process's handle, private, zeroed in a forked child
 *   page 1   what a forked child rebuilds it from, private
 *   page 2 … head (who uses it), cells, cold cells, causes: shared, all zero is a good beginning
 *
 * Every value read from the shared part is copied once and masked to its width before it is used as a number of
 * something.
 */
#ifndef TRIPOINT_SYNC_SYNC_H
#define TRIPOINT_SYNC_SYNC_H

#include "arena/sync_place.h" /* trii_sync_bytes(), trii_sync_open_at() */
#include "sync/number.h"
#include "sync/word.h"

#define TRII_SYNC_REGIONS_MAX 65536u

/* tri_sync_acquire_many() for a stage that overwrites some of its regions whole: request i is let in to write in spite
 * of poison where bit i of `overwrite` is set, as tri_sync_acquire_poisoned() would. Its claims are released by whoever
 * finishes the stage: a thread that waits is never told TRI_WOULD_DEADLOCK because of them. */
tri_status trii_sync_acquire_many(struct tri_sync *sync, const struct tri_claim_request *requests, size_t count,
                                  uint32_t overwrite, const struct tri_wait *wait, tri_claim *claims,
                                  struct tri_error *err);

/* ---- within the room ---- */

/* Why a region is poisoned. Words, so that a torn copy is a wrong sentence and not undefined. */
#define TRII_CAUSE_WORDS (sizeof(struct tri_error) / sizeof(uint64_t))
struct trii_cause {
    _Alignas(64) _Atomic uint64_t writing; /* member bits of who writes it now, or 0 */
    _Atomic uint64_t noted;                /* trii_claim_bits() of the writer that noted its stage */
    _Atomic uint64_t stage[TRI_ERROR_NAME_BYTES / sizeof(uint64_t)];
    _Atomic uint64_t words[TRII_CAUSE_WORDS];
};
_Static_assert(sizeof(struct tri_error) % sizeof(uint64_t) == 0, "an error is whole words");

struct trii_head {
    _Atomic uint64_t magic;
    _Atomic uint64_t regions;
    _Atomic uint64_t members[TRII_MEMBERS]; /* pid and start time; 0 is nobody */
    _Atomic uint64_t touched[TRII_SYNC_REGIONS_MAX / 64]; /* regions whose wide slots or cause were ever used */
};

#define TRII_HEAD_OFFSET ((uint64_t)2 * TRI_PAGE_BYTES)
#define TRII_CELLS_OFFSET ((uint64_t)7 * TRI_PAGE_BYTES)
_Static_assert(sizeof(struct trii_head) <= TRII_CELLS_OFFSET - TRII_HEAD_OFFSET, "the head fits before the cells");

struct tri_sync {
    /* What the quick ways need: all 0 in a child that has not called yet, then written once, `mine` before the others. */
    _Alignas(64) uint64_t mine; /* what a claim of this process has in its low bits: member and state */
    uint32_t regions;
    uint32_t places; /* words and near slots: 8 a region */
    _Atomic uint64_t me; /* this process's member number, shifted as in words */
    bool shared;
    bool owned; /* the memory is this handle's */
    struct trii_cold *colds;
    struct trii_cause *causes;
    struct trii_head *head;
    _Atomic uint64_t look_ns;        /* when a failing try may look for the dead again */
    _Atomic uint64_t look_at_all_ns; /* when all members may be looked at again */
    /* trii_sync_tell(): `regions` and `places` are 0 then, so that nobody takes the quick ways. */
    void (*_Atomic tell)(void *user, uint32_t region);
    void *tell_user;
};

struct tri_cancel {
    _Atomic uint32_t set; /* waiters sleep on it as well as on their slot */
};

/* One wait: what is wanted and what may end it. */
struct trii_want {
    uint32_t region;
    enum tri_technology technology;
    bool write;
    bool poisoned;       /* enter a poisoned region, to overwrite it */
    bool handed;         /* others will release the claim */
    bool plain;          /* no word was said about the wait: the caller releases what it takes */
    uint64_t timeout_ns; /* 0 looks once */
    struct tri_cancel *cancel;
};

static inline struct trii_cell *trii_cell(const struct tri_sync *sync, uint32_t region) {
    return (struct trii_cell *)((uintptr_t)sync + TRII_CELLS_OFFSET) + region;
}

static inline _Atomic uint64_t *trii_slot_at(const struct tri_sync *sync, uint32_t region, uint32_t slot) {
    return slot <= TRII_NEAR_SLOTS ? &trii_cell(sync, region)->near[slot - 1]
                                   : &sync->colds[region].wide[slot - 1 - TRII_NEAR_SLOTS];
}

static inline uint32_t trii_sync_regions(const struct tri_sync *sync) {
    uint32_t regions = __atomic_load_n(&sync->regions, __ATOMIC_ACQUIRE);
    if (regions || !trii_load_acquire(&sync->tell))
        return regions;
    return ((const struct tri_sync *)((uintptr_t)sync + TRI_PAGE_BYTES))->regions;
}

/* A claim of this process on `region` has come or gone. */
static inline void trii_sync_told(const struct tri_sync *sync, uint32_t region) {
    void (*tell)(void *, uint32_t) = trii_load_acquire(&sync->tell);
    if (tell)
        tell(sync->tell_user, region);
}

/*
 * A token is what the word or slot holds, less what the process knows of itself, with the place above it:
 *
 *   63 … 61 | 60 … 45 | 44 … 42 | 41 … 4 | 3 | 2         | 1 0
 *   slot>>3 | region  | slot    | number | 0 | slot >> 6 | technology
 *
 * So release finds the place of a word or near slot by one shift, refuses wide slots by comparing it with the number of
 * places, and finds what the place must hold by another shift.
 */
#define TRII_TOKEN_PLACE_SHIFT 42
#define TRII_TOKEN_SLOT_HIGH ((uint64_t)1 << 2)

static inline tri_claim trii_token(uint32_t region, uint32_t slot, uint64_t value) {
    return trii_claim_bits(value & ~((uint64_t)3 << 24)) >> TRII_TECH_SHIFT | (uint64_t)(slot >> 6) << 2 |
           (uint64_t)((slot >> 3 & 7) << 19 | region << 3 | (slot & 7)) << TRII_TOKEN_PLACE_SHIFT;
}

struct trii_token_parts {
    uint32_t region;
    uint32_t slot;
    uint64_t bits; /* trii_claim_bits() of what the slot holds */
};

static inline struct trii_token_parts trii_token_parts(tri_claim claim) {
    uint32_t place = (uint32_t)(claim >> TRII_TOKEN_PLACE_SHIFT);
    return (struct trii_token_parts){.region = place >> 3 & 0xffffu,
                                     .slot = (place & 7) | place >> 19 << 3 |
                                             (uint32_t)((claim & TRII_TOKEN_SLOT_HIGH) != 0) << 6,
                                     .bits = (claim & ~TRII_TOKEN_SLOT_HIGH) << TRII_TECH_SHIFT};
}

/* The slow ways in: queue, sleep, time out. */
tri_status trii_sync_wait(struct tri_sync *sync, const struct trii_want *want, tri_claim *out, struct tri_error *err);
/* Looks once and queues for nothing: TRI_OK, TRI_BUSY, TRI_POISONED or TRI_LIMIT, without words. */
tri_status trii_sync_try(struct tri_sync *sync, const struct trii_want *want, uint64_t me, tri_claim *out);
/* The sentence for a status that trii_sync_try() gave. */
tri_status trii_sync_explain(struct tri_sync *sync, const struct trii_want *want, tri_status status,
                             struct tri_error *err);

/* Gives back a claim of this process under which nothing was done: a poison that it was to overwrite stays. */
bool trii_sync_roll_back(struct tri_sync *sync, tri_claim claim);

/* Tells whoever may go now, and takes flags down that no waiter stands behind. Called after every change that lets somebody
 * go. */
void trii_sync_settle(struct tri_sync *sync, uint32_t region);
/* A writer that found readers inside leaves the word again as if it had never been. */
void trii_sync_leave_word(struct tri_sync *sync, uint32_t region, uint64_t mine);
/* A reader has left: settles when it was the last one and somebody waits. */
void trii_sync_reader_left(struct tri_sync *sync, uint32_t region);

/* Notes that the region's wide slots or its cause are about to be used: the dead are looked for there then. */
void trii_sync_touch(struct tri_sync *sync, uint32_t region);
/* True where they ever were. */
bool trii_sync_touched(const struct tri_sync *sync, uint32_t region);

/* This process's member bits; a forked child becomes a member of its own. 0 and an error when the table is full. */
uint64_t trii_sync_me(struct tri_sync *sync, struct tri_error *err);

/* Checks arguments, after giving a forked child's handle back its contents. */
tri_status trii_sync_check(const struct tri_sync *sync, uint32_t region, enum tri_technology technology,
                           const tri_claim *out, struct tri_error *err);
/* Looks whether those who hold or queue for `region` live, and recovers what the dead left, everywhere. True when the
 * region may have changed. */
bool trii_sync_recover(struct tri_sync *sync, uint32_t region);
/* The same, but at most each few milliseconds. */
bool trii_sync_recover_sometimes(struct tri_sync *sync, uint32_t region);

/* Becomes the one who tells why `region` is poisoned, until it stores 0 into `writing`; a teller who died is replaced. */
bool trii_sync_begin_telling(struct tri_sync *sync, uint32_t region, uint64_t me);

/* The stage that a claim works for: named in the poison if its process dies while writing. Any text, cut. */
void trii_sync_note_stage(struct tri_sync *sync, tri_claim claim, const char *stage);
void trii_sync_write_cause(struct tri_sync *sync, uint32_t region, const struct tri_error *cause);

#endif
