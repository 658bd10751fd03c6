/*
 * Recovery: what a dead process left is taken away by whoever waits for it.
 *
 * Claims are single words, so there is nothing half done to repair: each word or slot either names a dead member or
 * does not. A value that names member m, read before m's place in the table still said `identity`, belongs to the dead;
 * it can't come again (numbers), so swapping it away can't hit anybody alive. Only after everything is away is the
 * place in the table given free. However many are dead, one walk over the regions takes them all: a scribbler may make
 * a thousand look dead, and must not make us walk a thousand times.
 */
#include "base/checked.h"
#include "base/status.h"
#include "base/sys.h"
#include "sync/members.h"

#include <string.h>

#define LOOK_AGAIN_NS 10000000u /* failing tries look for the dead at most so often */
#define REST_TIMES 4u            /* and not for so many times as long as the last look took, */
#define REST_MOST_NS 1000000000u /* at most: the process may have been stopped meanwhile */

void trii_dead_begin(struct trii_dead *dead, struct tri_sync *sync) {
    *dead = (struct trii_dead){.sync = sync};
}

void trii_dead_add(struct trii_dead *dead, uint32_t index, uint64_t identity) {
    dead->identity[index] = identity;
    dead->any = dead->any || identity != 0;
}

static bool is_theirs(const struct trii_dead *dead, uint64_t value) {
    uint32_t index = trii_member_of(value);
    uint64_t identity = dead->identity[index];
    return (identity != 0 || dead->of_nobody) && trii_load_seq_cst(&dead->sync->head->members[index]) == identity;
}

static void take_slots(struct trii_dead *dead, uint32_t region, uint32_t last) {
    for (uint32_t slot = 1; slot <= last; slot++) {
        _Atomic uint64_t *at = trii_slot_at(dead->sync, region, slot);
        uint64_t seen = trii_load_seq_cst(at);
        while (trii_slot_state(seen) != TRII_SLOT_FREE && is_theirs(dead, seen))
            if (trii_cas_seq_cst(at, &seen, 0)) {
                dead->changed = true;
                break;
            }
    }
}

static void tell_cause(const struct trii_dead *dead, uint32_t region, uint64_t word) {
    struct trii_cause *cause = &dead->sync->causes[region];
    struct tri_error told;
    uint64_t stage[TRI_ERROR_NAME_BYTES / sizeof(uint64_t)] = {0};
    char name[TRI_ERROR_NAME_BYTES] = "";
    if (trii_load_acquire(&cause->noted) == trii_claim_bits(word))
        for (size_t i = 0; i < sizeof stage / sizeof *stage; i++)
            stage[i] = trii_load_relaxed(&cause->stage[i]);
    memcpy(name, stage, sizeof name); /* not payload: a name */
    name[sizeof name - 1] = '\0';
    (void)trii_fail(&told, TRI_POISONED, "process %d died while %s was writing region %u%s%s",
                    trii_members_pid(dead->identity[trii_member_of(word)]), tri_technology_name(trii_tech(word)), region,
                    name[0] ? ", stage " : "", name);
    (void)trii_error_place(&told, TRI_POISONED, tri_technology_name(trii_tech(word)), name, NULL);
    trii_sync_write_cause(dead->sync, region, &told);
}

/* The word of a dead writer becomes free and poisoned. Who tells the cause is settled by cause->writing; a teller who
 * died himself is replaced. */
static void take_written(struct trii_dead *dead, uint32_t region, uint64_t seen) {
    struct tri_sync *sync = dead->sync;
    _Atomic uint64_t *word = &trii_cell(sync, region)->word;
    _Atomic uint64_t *writing = &sync->causes[region].writing;
    uint64_t me = trii_load_relaxed(&sync->me);
    if (!trii_sync_begin_telling(sync, region, me ? me : TRII_MEMBER_MASK << TRII_MEMBER_SHIFT)) {
        dead->unfinished[trii_member_of(seen)] = true;
        return;
    }
    uint64_t still = trii_load_seq_cst(word);
    if (trii_claim_bits(still) == trii_claim_bits(seen) && trii_word_state(still) == TRII_WORD_WRITE) {
        if (!(still & TRII_WORD_POISON) || (still & TRII_WORD_CLEANSE))
            tell_cause(dead, region, still);
        while (trii_word_state(still) == TRII_WORD_WRITE && is_theirs(dead, still)) {
            uint64_t flags = (still & TRII_WORD_FLAGS & ~TRII_WORD_CLEANSE) | TRII_WORD_POISON;
            if (trii_cas_seq_cst(word, &still, flags)) {
                dead->changed = true;
                break;
            }
        }
    }
    trii_store_release(writing, 0);
}

static void take_word(struct trii_dead *dead, uint32_t region) {
    _Atomic uint64_t *word = &trii_cell(dead->sync, region)->word;
    uint64_t seen = trii_load_seq_cst(word);
    while (trii_word_state(seen) != TRII_WORD_FREE && is_theirs(dead, seen)) {
        if (trii_word_state(seen) == TRII_WORD_WRITE) {
            take_written(dead, region, seen);
            return;
        }
        uint64_t flags = seen & TRII_WORD_FLAGS & ~TRII_WORD_CLEANSE;
        if (trii_cas_seq_cst(word, &seen, flags)) {
            dead->changed = true;
            return;
        }
    }
}

/* He died telling a cause: who gets his place must not seem to be at it. */
static void take_telling(struct trii_dead *dead, uint32_t region) {
    _Atomic uint64_t *writing = &dead->sync->causes[region].writing;
    uint64_t teller = trii_load_seq_cst(writing);
    if (teller && is_theirs(dead, teller))
        (void)trii_cas_seq_cst(writing, &teller, 0);
}

void trii_sync_touch(struct tri_sync *sync, uint32_t region) {
    _Atomic uint64_t *word = &sync->head->touched[region / 64];
    uint64_t bit = (uint64_t)1 << region % 64;
    if (!(trii_load_seq_cst(word) & bit))
        trii_or_seq_cst(word, bit);
}

bool trii_sync_touched(const struct tri_sync *sync, uint32_t region) {
    return trii_load_seq_cst(&sync->head->touched[region / 64]) >> region % 64 & 1;
}

static void sweep_region(struct trii_dead *dead, uint32_t region) {
    const struct trii_cell *cell = trii_cell(dead->sync, region);
    uint64_t word = trii_load_seq_cst(&cell->word);
    dead->changed = false;
    /* He may have died in a slot just when a writer had taken `wide` or `crowd` down, so they do not count here. */
    bool touched = trii_sync_touched(dead->sync, region);
    take_slots(dead, region, touched ? TRII_SLOTS : TRII_NEAR_SLOTS);
    take_word(dead, region);
    if (touched)
        take_telling(dead, region);
    if (dead->changed || (word & (TRII_WORD_WWAIT | TRII_WORD_RWAIT)))
        trii_sync_settle(dead->sync, region);
}

bool trii_dead_sweep(struct trii_dead *dead) {
    struct tri_sync *sync = dead->sync;
    uint32_t regions = ((const struct tri_sync *)((uintptr_t)sync + TRI_PAGE_BYTES))->regions;
    bool made = false;
    for (uint32_t region = 0; region < regions && dead->any; region++)
        sweep_region(dead, region);
    for (uint32_t i = 1; i < TRII_MEMBERS && dead->any; i++) {
        uint64_t identity = dead->identity[i];
        if (identity && !dead->unfinished[i])
            made |= trii_cas_seq_cst(&sync->head->members[i], &identity, 0);
    }
    return made;
}

/* Notes whom `value` names, if that one is dead: then his traces are taken away everywhere; or here only, where the
 * table knows nobody of that number: then it is a scribbler's. */
static void look_at(struct trii_dead *dead, uint64_t value, uint32_t *living) {
    struct tri_sync *sync = dead->sync;
    uint32_t index = trii_member_of(value);
    if (index == *living || dead->identity[index] || trii_member_bits(value) == trii_load_relaxed(&sync->me))
        return;
    uint64_t identity = trii_load_seq_cst(&sync->head->members[index]);
    if (identity == 0)
        dead->of_nobody = true;
    else if (trii_members_dead(sync, index, identity))
        trii_dead_add(dead, index, identity);
    else
        *living = index;
}

bool trii_sync_recover(struct tri_sync *sync, uint32_t region) {
    struct trii_dead dead;
    uint32_t living = 0;
    uint64_t word = trii_load_seq_cst(&trii_cell(sync, region)->word);
    trii_dead_begin(&dead, sync);
    if (trii_word_state(word) != TRII_WORD_FREE)
        look_at(&dead, word, &living);
    for (uint32_t slot = 1; slot <= trii_slots_used(word); slot++) {
        uint64_t seen = trii_load_seq_cst(trii_slot_at(sync, region, slot));
        if (trii_slot_state(seen) != TRII_SLOT_FREE)
            look_at(&dead, seen, &living);
    }
    if (dead.of_nobody)
        sweep_region(&dead, region);
    bool found = dead.any || dead.of_nobody;
    dead.of_nobody = false;
    (void)trii_dead_sweep(&dead);
    /* Somebody may have died between leaving and taking its flag down or telling the next. */
    if (word & (TRII_WORD_WWAIT | TRII_WORD_RWAIT))
        trii_sync_settle(sync, region);
    return found || trii_load_seq_cst(&trii_cell(sync, region)->word) != word;
}

static bool may_look(_Atomic uint64_t *next_ns, uint64_t now) {
    uint64_t next = trii_load_relaxed(next_ns);
    return now >= next && trii_cas_seq_cst(next_ns, &next, now + LOOK_AGAIN_NS);
}

/* A look that was long, because a scribbler made all regions seem touched by the dead, must not follow on itself. */
static void rest_after(_Atomic uint64_t *next_ns, uint64_t began) {
    uint64_t now = trii_sys_now_ns();
    trii_store_relaxed(next_ns, now + LOOK_AGAIN_NS + trii_min_u64(REST_TIMES * (now - began), REST_MOST_NS));
}

bool trii_sync_recover_sometimes(struct tri_sync *sync, uint32_t region) {
    uint64_t now = trii_sys_now_ns();
    if (!may_look(&sync->look_ns, now))
        return false;
    bool found = trii_sync_recover(sync, region);
    if (found)
        rest_after(&sync->look_ns, now);
    return found;
}

bool trii_sync_look_for_dead(struct tri_sync *sync) {
    uint64_t now = trii_sys_now_ns();
    if (!may_look(&sync->look_at_all_ns, now))
        return false;
    bool made = trii_members_bury_dead(sync);
    rest_after(&sync->look_at_all_ns, now);
    return made;
}

void trii_sync_note_stage(struct tri_sync *sync, tri_claim claim, const char *name) {
    struct trii_token_parts parts = trii_token_parts(claim);
    if (parts.region >= trii_sync_regions(sync) || parts.slot != TRII_WRITER_SLOT || !name)
        return;
    struct trii_cause *cause = &sync->causes[parts.region];
    uint64_t words[TRI_ERROR_NAME_BYTES / sizeof(uint64_t)] = {0};
    char text[TRI_ERROR_NAME_BYTES] = "";
    trii_name_copy(text, sizeof text, name);
    memcpy(words, text, sizeof words); /* not payload: a name */
    trii_store_release(&cause->noted, 0);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        trii_store_relaxed(&cause->stage[i], words[i]);
    trii_store_release(&cause->noted, parts.bits);
}
