/*
 * The region word, the claim slots and the rules by which they change.
 *
 * A region has one word (the gate, and the writer's claim) and 127 slots (one for each reader and each waiter). A
 * reader's slot *is* its record: one compare-and-swap makes claim, owner and count in one step, so a process that dies
 * between two instructions leaves either nothing or a claim that says whose it was. Readers are counted by looking.
 *
 *   word   63 … 26 | 25 24 | 23 22 | 19 … 10 | 9    | 8       | 7      | 6     | 5     | 4     | 2 1 0
 *          number  | 0     | tech  | member  | wide | cleanse | poison | rwait | wwait | crowd | state
 *   slot   63 … 26 | 25 24 | 23 22 | 19 … 10 |                                  | 5     |       | 2 1 0
 *          number  | 0     | tech  | member  |                                  | nudge |       | state
 *
 * A free slot is 0, and so is a free word without flags: who comes expects 0 and need not look before it swaps. A free
 * word with flags may have a mark: number, technology and member of somebody who is looking at the slots (F2). A held
 * word and a held slot differ in nothing but their place: release need not ask which of them it gives back.
 *
 *   number      of the claim: no two claims of a process have the same (number.h), so a word or slot that was given
 *               back never looks again as it did. A token is region, slot, technology and number: it names one claim
 *               for ever, and tells what the word or slot holds now, so that release is one swap as well.
 *   member      which process, an index into the table of members (members.h); never a pid, so a reused pid inherits
 *               nothing.
 *   crowd       slots beyond the first two may be in use: look at those of the word's cache line.
 *   wide        slots beyond that line may be in use: look at all.
 *   wwait/rwait a writer/reader waits: later readers queue; whoever leaves must look for whom to wake.
 *   cleanse     the writer holds a poisoned region to overwrite it.
 *   nudge       the waiter was told to look again. It sleeps on the slot's low half, so the nudge is also what makes
 *               its futex refuse to sleep.
 *
 * Who goes first is told by tickets (struct trii_cold). A writer that queues has one of its own, higher than all before
 * it. A reader that queues notes the lowest of those that wait then, 0 where none does or a writer has its turn: it waits
 * out those with this ticket or a lower one, and nobody else; the writers after them wait for it. So nobody who comes
 * after a waiter goes before it, but for this: a writer that waits for another is passed by later readers when that one
 * has had its turn.
 *
 * Every change of the word's state. All swaps, and the loads that a decision hangs on, are seq_cst: "show mine, then
 * look at yours" needs one order for both sides (W1, W2 against S1, S6; F1 against every release). That includes the
 * acquire of entering and the release of leaving: what a writer did before W4 is seen after W1, W3, S1 or S6, and what
 * a reader did before S2 is seen by the writer that finds the slot free.
 *
 *   W1 FREE → WRITE     a writer enters: no flags, no reader seen before; none seen after, or back by W4
 *   W2 FREE → DRAIN     the first of the waiting writers, when nobody reads and no reader is to go first
 *   W3 DRAIN → WRITE    no reader is left: it is in
 *   W4 WRITE → FREE     release, or it met a reader; a writer's death poisons at the same step
 *   W5 DRAIN → FREE     it gave up, or died
 *   W6 WRITE → SHARED   downgrade
 *   W7 SHARED → FREE    release, or death
 *
 * Every change of a slot. Waiting states are left by the waiter itself, or by whoever finds it dead.
 *
 *   S1 FREE → READING   a reader enters if the word it sees after is open, else S2
 *   S2 READING → FREE   release, death, or it met a writer; the last one wakes the queue
 *   S3 FREE → TAKEN     somebody will wait; writes its ticket: its own (writers), or that which it waits out (readers)
 *   S4 TAKEN → RWAIT    a reader waits; then F1
 *   S5 TAKEN → WWAIT    a writer waits; then F1
 *   S6 RWAIT → LOOK     its turn, it seems; it looks once more. To writers it reads already, to flags it still waits
 *   S7 LOOK → RWAIT     not yet after all
 *   S8 RWAIT → FREE     it gave up, or died
 *   S9 WWAIT → DRAIN    after W2
 *   S10 WWAIT → FREE    it gave up, or died
 *   S11 DRAIN → FREE    it is in (after W3), gave up (before W5), or died
 *   S12 TAKEN → FREE    it died
 *   S13 LOOK → READING  the word it saw agrees: it is in
 *   S14 LOOK → FREE     it died
 *
 * Flags: F1 raise wwait, rwait, crowd or wide, always after the slot shows what for; of a free word the mark goes with the
 * same swap. F2 takes wwait or rwait down, of a free word only: mark it, look at all slots, and swap if the mark is still
 * there: whoever came meanwhile has taken it away. So a flag is up from the moment it was raised until nobody waits, and
 * who comes the quick way passes no waiter, wherever others were stopped or died. Flags that nobody stands behind hold
 * nobody up who queues: whom it waits for it sees by their slots. Crowd and wide are taken down by the writer inside. Poison is
 * raised by the writer or with W4, and taken down by the release of a claim that overwrote the region.
 *
 * tests/model/sync.pml is this table as a model that spin checks exhaustively; tests/model/check-model compares them.
 */
#ifndef TRIPOINT_SYNC_WORD_H
#define TRIPOINT_SYNC_WORD_H

#include "base/atomic.h"

#include <tripoint/sync.h>

#define TRII_QUICK_SLOTS 2u  /* all that a writer looks at while no flag says more */
#define TRII_NEAR_SLOTS 7u   /* share the word's cache line */
#define TRII_SLOTS ((uint32_t)TRI_SYNC_CLAIMS_MAX) /* numbers 1 … 127 */
#define TRII_WRITER_SLOT 0u  /* in tokens: the word itself, which lies before the near slots */

#define TRII_NUMBER_SHIFT 26
#define TRII_NUMBER_BITS 38
#define TRII_NUMBER_STEP ((uint64_t)1 << TRII_NUMBER_SHIFT)
#define TRII_TECH_SHIFT 22
#define TRII_MEMBER_SHIFT 10
#define TRII_MEMBER_MASK ((uint64_t)0x3ff)
#define TRII_MEMBERS 1024u /* member 0 is nobody */

enum trii_word_state {
    TRII_WORD_FREE = 0,   /* no writer; readers may be in */
    TRII_WORD_SHARED = 1, /* a writer that downgraded reads; other readers may be in */
    TRII_WORD_WRITE = 2,  /* a writer is in */
    TRII_WORD_DRAIN = 4   /* a writer has its turn and waits for the readers to leave */
};
#define TRII_WORD_STATE ((uint64_t)7)
#define TRII_WORD_CLOSED ((uint64_t)(TRII_WORD_WRITE | TRII_WORD_DRAIN)) /* to readers */
#define TRII_WORD_CROWD ((uint64_t)1 << 4)
#define TRII_WORD_WWAIT ((uint64_t)1 << 5)
#define TRII_WORD_RWAIT ((uint64_t)1 << 6)
#define TRII_WORD_POISON ((uint64_t)1 << 7)
#define TRII_WORD_CLEANSE ((uint64_t)1 << 8)
#define TRII_WORD_WIDE ((uint64_t)1 << 9)
#define TRII_WORD_FLAGS                                                                                                \
    (TRII_WORD_CROWD | TRII_WORD_WWAIT | TRII_WORD_RWAIT | TRII_WORD_POISON | TRII_WORD_CLEANSE | TRII_WORD_WIDE)

enum trii_slot_state {
    TRII_SLOT_FREE = 0,
    TRII_SLOT_TAKEN = 1,   /* about to wait: the ticket is being written */
    TRII_SLOT_READING = 2, /* a reader is in, or came just now and looks once more whether it may be */
    TRII_SLOT_RWAIT = 3,   /* a reader waits */
    TRII_SLOT_WWAIT = 4,   /* a writer waits for its turn */
    TRII_SLOT_DRAIN = 5,   /* this writer owns the word and waits for the readers */
    TRII_SLOT_LOOK = 6     /* a reader that waited looks whether it may be in */
};
#define TRII_SLOT_STATE ((uint64_t)7)
#define TRII_SLOT_NUDGE ((uint64_t)1 << 5)

/* What every claim touches: one cache line. */
struct trii_cell {
    _Alignas(64) _Atomic uint64_t word;
    _Atomic uint64_t near[TRII_NEAR_SLOTS];
};

/* What only waiting, crowds and failure touch. */
struct trii_cold {
    _Alignas(64) _Atomic uint64_t arrivals; /* tickets given to writers so far */
    _Atomic uint64_t wide[TRII_SLOTS - TRII_NEAR_SLOTS];
    /* By slot - 1. Of a waiting writer: its own, from 1. Of a waiting reader: the one it waits out, or 0. */
    _Atomic uint64_t ticket[TRII_SLOTS];
};

/* Number and technology: what tells one claim of a member from all others. */
static inline uint64_t trii_claim_bits(uint64_t value) {
    return value >> TRII_TECH_SHIFT << TRII_TECH_SHIFT;
}

static inline uint32_t trii_member_of(uint64_t value) {
    return (uint32_t)(value >> TRII_MEMBER_SHIFT & TRII_MEMBER_MASK);
}

static inline uint64_t trii_member_bits(uint64_t value) {
    return value & TRII_MEMBER_MASK << TRII_MEMBER_SHIFT;
}

_Static_assert((int)TRII_WORD_WRITE == (int)TRII_SLOT_READING, "a held word and a held slot look alike");

/* What a claim of this member and technology makes of the word or of a slot, but for its number and the flags. */
static inline uint64_t trii_slot_bits(uint64_t me, unsigned state, uint64_t technology) {
    return me | state | technology << TRII_TECH_SHIFT;
}

/* The flag in the word that makes others look at `slot`. */
static inline uint64_t trii_slot_flag(uint32_t slot) {
    return slot <= TRII_QUICK_SLOTS ? 0 : slot <= TRII_NEAR_SLOTS ? TRII_WORD_CROWD : TRII_WORD_WIDE;
}

/* The last slot number in use perhaps, by that flag. */
static inline uint32_t trii_slots_used(uint64_t word) {
    return word & TRII_WORD_WIDE ? TRII_SLOTS : word & TRII_WORD_CROWD ? TRII_NEAR_SLOTS : TRII_QUICK_SLOTS;
}

static inline enum trii_word_state trii_word_state(uint64_t word) {
    return (enum trii_word_state)(word & TRII_WORD_STATE);
}

static inline enum tri_technology trii_tech(uint64_t value) {
    return (enum tri_technology)(value >> TRII_TECH_SHIFT & 3);
}

static inline enum trii_slot_state trii_slot_state(uint64_t slot) {
    return (enum trii_slot_state)(slot & TRII_SLOT_STATE);
}

/* Writers can't be where the slot says this. */
static inline bool trii_slot_reads(uint64_t slot) {
    return trii_slot_state(slot) == TRII_SLOT_READING || trii_slot_state(slot) == TRII_SLOT_LOOK;
}

#endif
