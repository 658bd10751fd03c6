/*
 * Recovery: what a dead process left is taken away by whoever waits for it.
 *
 * Claims are single words, so there is nothing half done to repair: each word or slot either names the dead member or
 * does not. A value that names member m, read before m's place in the table still said `identity`, belongs to the dead;
 * it can't come again (generations), so swapping it away can't hit anybody alive. Only after everything is away is the
 * place in the table given free.
 */
#include "base/status.h"
#include "base/sys.h"
#include "sync/members.h"

#include <string.h>

#define LOOK_AGAIN_NS 10000000u /* failing tries look for the dead at most so often */
#define SWEEPS_A_LOOK 4u         /* a scribbler may make many look dead: their turn comes at the next look */

struct dead {
    struct tri_sync *sync;
    uint32_t index;
    uint64_t identity;
    bool changed; /* in the region at hand */
    bool all;     /* nothing was left for another to finish */
};

static bool is_his(const struct dead *dead, uint64_t value) {
    return trii_member_of(value) == dead->index &&
           trii_load_seq_cst(&dead->sync->head->members[dead->index]) == dead->identity;
}

static void take_slots(struct dead *dead, uint32_t region, uint32_t last) {
    for (uint32_t slot = 1; slot <= last; slot++) {
        _Atomic uint64_t *at = trii_slot_at(dead->sync, region, slot);
        uint64_t seen = trii_load_seq_cst(at);
        while (trii_slot_state(seen) != TRII_SLOT_FREE && is_his(dead, seen))
            if (trii_cas_seq_cst(at, &seen, seen & ~TRII_LOW_BITS)) {
                dead->changed = true;
                break;
            }
    }
}

static void tell_cause(const struct dead *dead, uint32_t region, uint64_t word) {
    struct trii_cause *cause = &dead->sync->causes[region];
    struct tri_error told;
    uint64_t stage[TRI_ERROR_NAME_BYTES / sizeof(uint64_t)] = {0};
    char name[TRI_ERROR_NAME_BYTES] = "";
    if (trii_load_acquire(&cause->noted) == trii_generation(word) + 1)
        for (size_t i = 0; i < sizeof stage / sizeof *stage; i++)
            stage[i] = trii_load_relaxed(&cause->stage[i]);
    memcpy(name, stage, sizeof name); /* not payload: a name */
    name[sizeof name - 1] = '\0';
    (void)trii_fail(&told, TRI_POISONED, "process %d died while %s was writing region %u%s%s",
                    trii_members_pid(dead->identity), tri_technology_name(trii_word_tech(word)), region,
                    name[0] ? ", stage " : "", name);
    (void)trii_error_place(&told, TRI_POISONED, tri_technology_name(trii_word_tech(word)), name, NULL);
    trii_sync_write_cause(dead->sync, region, &told);
}

/* The word of a dead writer becomes free and poisoned. Who tells the cause is settled by cause->writing; a teller who
 * died himself is replaced. */
static void take_written(struct dead *dead, uint32_t region, uint64_t seen) {
    struct tri_sync *sync = dead->sync;
    _Atomic uint64_t *word = &trii_cell(sync, region)->word;
    _Atomic uint64_t *writing = &sync->causes[region].writing;
    uint64_t me = trii_load_relaxed(&sync->me);
    if (!trii_sync_begin_telling(sync, region, me ? me : TRII_MEMBER_MASK << TRII_MEMBER_SHIFT)) {
        dead->all = false;
        return;
    }
    uint64_t still = trii_load_seq_cst(word);
    if (trii_generation(still) == trii_generation(seen) && trii_word_state(still) == TRII_WORD_WRITE) {
        if (!(still & TRII_WORD_POISON) || (still & TRII_WORD_CLEANSE))
            tell_cause(dead, region, still);
        while (trii_word_state(still) == TRII_WORD_WRITE && is_his(dead, still)) {
            uint64_t flags = (still & TRII_WORD_FLAGS & ~TRII_WORD_CLEANSE) | TRII_WORD_POISON;
            if (trii_cas_seq_cst(word, &still, (still & ~TRII_LOW_BITS) | flags)) {
                dead->changed = true;
                break;
            }
        }
    }
    trii_store_release(writing, 0);
}

static void take_word(struct dead *dead, uint32_t region) {
    _Atomic uint64_t *word = &trii_cell(dead->sync, region)->word;
    uint64_t seen = trii_load_seq_cst(word);
    while (trii_word_state(seen) != TRII_WORD_FREE && is_his(dead, seen)) {
        if (trii_word_state(seen) == TRII_WORD_WRITE) {
            take_written(dead, region, seen);
            return;
        }
        uint64_t flags = seen & TRII_WORD_FLAGS & ~TRII_WORD_CLEANSE;
        if (trii_cas_seq_cst(word, &seen, (seen & ~TRII_LOW_BITS) | flags)) {
            dead->changed = true;
            return;
        }
    }
}

/* He died telling a cause: who gets his place must not seem to be at it. */
static void take_telling(struct dead *dead, uint32_t region) {
    _Atomic uint64_t *writing = &dead->sync->causes[region].writing;
    uint64_t teller = trii_load_seq_cst(writing);
    if (teller && is_his(dead, teller))
        (void)trii_cas_seq_cst(writing, &teller, 0);
}

/* Slots that he may be in. He may have died in a wide one just when a writer had taken `wide` down, so it does not
 * count here; but before the first wide slot is taken, the last near one is. */
static uint32_t slots_ever_used(const struct trii_cell *cell) {
    return trii_generation(trii_load_seq_cst(&cell->near[TRII_NEAR_SLOTS - 1])) ? TRII_SLOTS : TRII_NEAR_SLOTS;
}

static void sweep_region(struct dead *dead, uint32_t region) {
    const struct trii_cell *cell = trii_cell(dead->sync, region);
    uint64_t word = trii_load_seq_cst(&cell->word);
    dead->changed = false;
    take_slots(dead, region, slots_ever_used(cell));
    take_word(dead, region);
    if (trii_generation(word) != 0) /* a cause was never told where nobody ever wrote */
        take_telling(dead, region);
    if (dead->changed || (word & (TRII_WORD_WWAIT | TRII_WORD_RWAIT))) {
        trii_sync_lower_flags(dead->sync, region);
        trii_sync_settle(dead->sync, region);
    }
}

bool trii_sync_sweep(struct tri_sync *sync, uint32_t index, uint64_t identity) {
    struct dead dead = {.sync = sync, .index = index, .identity = identity, .all = true};
    uint32_t regions = trii_load_relaxed(&((struct tri_sync *)((uintptr_t)sync + TRI_PAGE_BYTES))->regions);
    for (uint32_t region = 0; region < regions; region++)
        sweep_region(&dead, region);
    if (dead.all && identity)
        (void)trii_cas_seq_cst(&sync->head->members[index], &identity, 0);
    return dead.all;
}

/* One look for the dead: `region` is what is waited for. */
struct look {
    struct tri_sync *sync;
    uint32_t region;
    uint32_t living; /* the last one found alive */
    uint32_t sweeps;
    bool found;
};

/* If `value` names somebody dead, takes his traces away: everywhere, for a few of them a look (others' come with the
 * next), and here only, where the table knows nobody of that number: then it is a scribbler's. */
static void look_at(struct look *look, uint64_t value) {
    struct tri_sync *sync = look->sync;
    uint32_t index = trii_member_of(value);
    if (index == look->living || trii_member_bits(value) == trii_load_relaxed(&sync->me))
        return;
    uint64_t identity = trii_load_seq_cst(&sync->head->members[index]);
    if (identity == 0) {
        struct dead nobody = {.sync = sync, .index = index};
        sweep_region(&nobody, look->region);
        look->found = true;
    } else if (!trii_members_dead(sync, index, identity)) {
        look->living = index;
    } else if (look->sweeps < SWEEPS_A_LOOK) {
        look->sweeps++;
        look->found = true;
        (void)trii_sync_sweep(sync, index, identity);
    }
}

bool trii_sync_recover(struct tri_sync *sync, uint32_t region) {
    struct look look = {.sync = sync, .region = region};
    uint64_t word = trii_load_seq_cst(&trii_cell(sync, region)->word);
    if (trii_word_state(word) != TRII_WORD_FREE)
        look_at(&look, word);
    for (uint32_t slot = 1; slot <= trii_slots_used(word); slot++) {
        uint64_t seen = trii_load_seq_cst(trii_slot_at(sync, region, slot));
        if (trii_slot_state(seen) != TRII_SLOT_FREE)
            look_at(&look, seen);
    }
    /* Somebody may have died between leaving and taking its flag down or telling the next. */
    if (word & (TRII_WORD_WWAIT | TRII_WORD_RWAIT)) {
        trii_sync_lower_flags(sync, region);
        trii_sync_settle(sync, region);
    }
    return look.found || trii_load_seq_cst(&trii_cell(sync, region)->word) != word;
}

static bool may_look(_Atomic uint64_t *looked_ns) {
    uint64_t now = trii_sys_now_ns();
    uint64_t looked = trii_load_relaxed(looked_ns);
    return now - looked >= LOOK_AGAIN_NS && trii_cas_seq_cst(looked_ns, &looked, now);
}

bool trii_sync_recover_sometimes(struct tri_sync *sync, uint32_t region) {
    return may_look(&sync->looked_ns) && trii_sync_recover(sync, region);
}

bool trii_sync_look_for_dead(struct tri_sync *sync) {
    return may_look(&sync->looked_at_all_ns) && trii_members_bury_dead(sync);
}

void trii_sync_note_stage(struct tri_sync *sync, tri_claim claim, const char *name) {
    struct trii_token_parts parts = trii_token_parts(sync, claim);
    if (parts.region >= trii_load_acquire(&sync->regions) || parts.slot != TRII_WRITER_SLOT || !name)
        return;
    struct trii_cause *cause = &sync->causes[parts.region];
    uint64_t words[TRI_ERROR_NAME_BYTES / sizeof(uint64_t)] = {0};
    char text[TRI_ERROR_NAME_BYTES] = "";
    trii_name_copy(text, sizeof text, name);
    memcpy(words, text, sizeof words); /* not payload: a name */
    trii_store_release(&cause->noted, 0);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        trii_store_relaxed(&cause->stage[i], words[i]);
    trii_store_release(&cause->noted, parts.generation + 1);
}
