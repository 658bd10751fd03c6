/* The short ways in and out: one compare-and-swap each, everything else only looks. */
#include "base/status.h"
#include "sync/sync.h"

static tri_status bad_claim(tri_claim claim, struct tri_error *err) {
    return trii_fail(err, TRI_BAD_CLAIM,
                     "claim %#llx is not held by this process: it was released before, lost with a process that died, or "
                     "never given by this synchronizer",
                     (unsigned long long)claim);
}

tri_status trii_sync_check(const struct tri_sync *sync, uint32_t region, enum tri_technology technology,
                           const tri_claim *out, struct tri_error *err) {
    if (!sync || !out)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "the synchronizer or the place for the claim is NULL");
    if (region >= sync->regions)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "region %u is out of range: the synchronizer has %u", region,
                         sync->regions);
    if ((unsigned)technology >= TRI_TECHNOLOGY_COUNT)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "%d is not a technology (0 … %d)", (int)technology,
                         TRI_TECHNOLOGY_COUNT - 1);
    return TRI_OK;
}

static bool arguments_fit(const struct tri_sync *sync, uint32_t region, enum tri_technology technology,
                          const tri_claim *out) {
    return sync && out && region < sync->regions && (unsigned)technology < TRI_TECHNOLOGY_COUNT;
}

static __attribute__((noinline)) tri_status acquire_slowly(struct tri_sync *sync, const struct trii_want *want,
                                                           tri_claim *out, struct tri_error *err) {
    tri_status status = trii_sync_check(sync, want->region, want->technology, out, err);
    return status == TRI_OK ? trii_sync_wait(sync, want, out, err) : status;
}

static struct trii_want want_of(uint32_t region, enum tri_technology technology, bool write,
                                const struct tri_wait *wait) {
    return (struct trii_want){.region = region,
                              .technology = technology,
                              .write = write,
                              .timeout_ns = wait ? wait->timeout_ns : TRI_FOREVER,
                              .cancel = wait ? wait->cancel : NULL};
}

/* Readers: the slot first, then a look at the word (both seq_cst). A writer does it the other way round, so at least
 * one of two that meet sees the other. */
static inline bool read_quickly(struct tri_sync *sync, uint32_t region, enum tri_technology technology,
                                tri_claim *out) {
    struct trii_cell *cell = &sync->cells[region];
    uint64_t me = trii_load_relaxed(sync->me);
    if (!me || (trii_load_relaxed(&cell->word) & (TRII_WORD_FLAGS | TRII_WORD_STATE)) != 0)
        return false;
    uint64_t bits = me | TRII_SLOT_READING | (uint64_t)technology << TRII_SLOT_TECH_SHIFT;
    for (uint32_t i = 0; i < TRII_NEAR_SLOTS; i++) {
        uint64_t seen = trii_load_relaxed(&cell->near[i]);
        if ((seen & TRII_SLOT_STATE) != TRII_SLOT_FREE)
            continue;
        uint64_t mine = trii_next_generation(seen) | bits;
        if (!trii_cas_seq_cst(&cell->near[i], &seen, mine))
            continue;
        if (__builtin_expect((trii_load_seq_cst(&cell->word) & (TRII_WORD_WWAIT | TRII_WORD_POISON | TRII_WORD_STATE)) != 0,
                             0)) {
            trii_store_seq_cst(&cell->near[i], mine & ~(uint64_t)0xffffff);
            trii_sync_reader_left(sync, region);
            return false;
        }
        *out = trii_token(sync, region, i + 1, trii_generation(mine));
        return true;
    }
    return false;
}

/* Writers: the word first, then a look at the slots. A reader that is seen there may be leaving again because it saw
 * us; that is for the slow way to find out. */
static inline bool write_quickly(struct tri_sync *sync, uint32_t region, enum tri_technology technology,
                                 tri_claim *out) {
    struct trii_cell *cell = &sync->cells[region];
    uint64_t me = trii_load_relaxed(sync->me);
    uint64_t seen = trii_load_relaxed(&cell->word);
    if (!me || (seen & (TRII_WORD_FLAGS | TRII_WORD_STATE)) != 0)
        return false;
    uint64_t mine = trii_next_generation(seen) | me | TRII_WORD_WRITE | (uint64_t)technology << TRII_WORD_TECH_SHIFT;
    uint64_t readers = 0;
    for (uint32_t i = 0; i < TRII_NEAR_SLOTS; i++)
        readers |= trii_load_relaxed(&cell->near[i]);
    if ((readers & TRII_SLOT_STATE) != 0 || !trii_cas_seq_cst(&cell->word, &seen, mine))
        return false;
    for (uint32_t i = 0; i < TRII_NEAR_SLOTS; i++)
        readers |= trii_load_seq_cst(&cell->near[i]);
    if (__builtin_expect((readers & TRII_SLOT_STATE) != 0, 0)) {
        trii_sync_leave_word(sync, region, mine);
        return false;
    }
    *out = trii_token(sync, region, TRII_WRITER_SLOT, trii_generation(mine));
    return true;
}

tri_status tri_sync_acquire_read(struct tri_sync *sync, uint32_t region, enum tri_technology technology,
                                 const struct tri_wait *wait, tri_claim *out, struct tri_error *err) {
    if (__builtin_expect(arguments_fit(sync, region, technology, out) && read_quickly(sync, region, technology, out), 1))
        return TRI_OK;
    struct trii_want want = want_of(region, technology, false, wait);
    return acquire_slowly(sync, &want, out, err);
}

tri_status tri_sync_acquire_write(struct tri_sync *sync, uint32_t region, enum tri_technology technology,
                                  const struct tri_wait *wait, tri_claim *out, struct tri_error *err) {
    if (__builtin_expect(arguments_fit(sync, region, technology, out) && write_quickly(sync, region, technology, out), 1))
        return TRI_OK;
    struct trii_want want = want_of(region, technology, true, wait);
    return acquire_slowly(sync, &want, out, err);
}

static const struct tri_wait no_wait;

tri_status tri_sync_try_acquire_read(struct tri_sync *sync, uint32_t region, enum tri_technology technology,
                                     tri_claim *out, struct tri_error *err) {
    return tri_sync_acquire_read(sync, region, technology, &no_wait, out, err);
}

tri_status tri_sync_try_acquire_write(struct tri_sync *sync, uint32_t region, enum tri_technology technology,
                                      tri_claim *out, struct tri_error *err) {
    return tri_sync_acquire_write(sync, region, technology, &no_wait, out, err);
}

tri_status tri_sync_acquire_poisoned(struct tri_sync *sync, uint32_t region, enum tri_technology technology,
                                     const struct tri_wait *wait, tri_claim *out, struct tri_error *err) {
    struct trii_want want = want_of(region, technology, true, wait);
    want.poisoned = true;
    return acquire_slowly(sync, &want, out, err);
}

/* Gives the word back if it still is what `claim` made of it. */
static bool release_word(struct tri_sync *sync, uint32_t region, uint64_t generation) {
    struct trii_cell *cell = &sync->cells[region];
    uint64_t me = trii_load_relaxed(sync->me);
    uint64_t seen = trii_load_relaxed(&cell->word);
    for (;;) {
        enum trii_word_state state = trii_word_state(seen);
        if (trii_generation(seen) != generation || (state != TRII_WORD_WRITE && state != TRII_WORD_SHARED) ||
            (uint64_t)trii_member_of(seen) << TRII_MEMBER_SHIFT != me)
            return false;
        uint64_t keep = seen & TRII_WORD_FLAGS & ~TRII_WORD_CLEANSE;
        if (seen & TRII_WORD_CLEANSE)
            keep &= ~TRII_WORD_POISON;
        if (trii_cas_seq_cst(&cell->word, &seen, (seen & ~(uint64_t)0xffffff) | keep)) {
            if (__builtin_expect((seen & (TRII_WORD_WWAIT | TRII_WORD_RWAIT)) != 0, 0))
                trii_sync_settle(sync, region);
            return true;
        }
    }
}

static bool release_slot(struct tri_sync *sync, uint32_t region, uint32_t slot, uint64_t generation) {
    _Atomic uint64_t *at = trii_slot_at(sync, region, slot);
    uint64_t me = trii_load_relaxed(sync->me);
    uint64_t seen = trii_load_relaxed(at);
    if (trii_generation(seen) != generation || trii_slot_state(seen) != TRII_SLOT_READING ||
        (uint64_t)trii_member_of(seen) << TRII_MEMBER_SHIFT != me ||
        !trii_cas_seq_cst(at, &seen, seen & ~(uint64_t)0xffffff))
        return false;
    uint64_t word = trii_load_seq_cst(&sync->cells[region].word);
    if (__builtin_expect((word & TRII_WORD_WWAIT) != 0 || trii_word_state(word) == TRII_WORD_DRAIN, 0))
        trii_sync_reader_left(sync, region);
    return true;
}

tri_status tri_sync_release(struct tri_sync *sync, tri_claim claim, struct tri_error *err) {
    if (__builtin_expect(!sync, 0))
        return trii_fail(err, TRI_INVALID_ARGUMENT, "the synchronizer is NULL");
    struct trii_token_parts parts = trii_token_parts(sync, claim);
    if (__builtin_expect(parts.region >= sync->regions || parts.slot == 0 || parts.slot > TRII_WRITER_SLOT, 0))
        return bad_claim(claim, err);
    bool done = parts.slot == TRII_WRITER_SLOT ? release_word(sync, parts.region, parts.generation)
                                               : release_slot(sync, parts.region, parts.slot, parts.generation);
    return done ? TRI_OK : bad_claim(claim, err);
}

tri_status tri_sync_release_region(struct tri_sync *sync, uint32_t region, struct tri_error *err) {
    tri_claim found = TRI_CLAIM_NONE;
    tri_status status = trii_sync_check(sync, region, TRI_TECHNOLOGY_HOST, &found, err);
    if (status != TRI_OK)
        return status;
    uint64_t me = trii_load_relaxed(sync->me);
    uint64_t word = trii_load_acquire(&sync->cells[region].word);
    uint32_t claims = 0;
    if ((trii_word_state(word) == TRII_WORD_WRITE || trii_word_state(word) == TRII_WORD_SHARED) &&
        (uint64_t)trii_member_of(word) << TRII_MEMBER_SHIFT == me) {
        found = trii_token(sync, region, TRII_WRITER_SLOT, trii_generation(word));
        claims++;
    }
    for (uint32_t slot = 1; slot <= trii_slots_used(word); slot++) {
        uint64_t seen = trii_load_acquire(trii_slot_at(sync, region, slot));
        if (trii_slot_state(seen) == TRII_SLOT_READING && (uint64_t)trii_member_of(seen) << TRII_MEMBER_SHIFT == me) {
            found = trii_token(sync, region, slot, trii_generation(seen));
            claims++;
        }
    }
    if (claims != 1)
        return trii_fail(err, TRI_BAD_CLAIM,
                         "this process holds %u claims on region %u; release(region) needs exactly one, else name the "
                         "claim",
                         claims, region);
    return tri_sync_release(sync, found, err);
}

tri_status tri_sync_downgrade(struct tri_sync *sync, tri_claim claim, struct tri_error *err) {
    if (!sync)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "the synchronizer is NULL");
    struct trii_token_parts parts = trii_token_parts(sync, claim);
    if (parts.region >= sync->regions || parts.slot != TRII_WRITER_SLOT)
        return bad_claim(claim, err);
    struct trii_cell *cell = &sync->cells[parts.region];
    uint64_t me = trii_load_relaxed(sync->me);
    uint64_t seen = trii_load_relaxed(&cell->word);
    uint64_t made;
    do {
        if (trii_generation(seen) != parts.generation || trii_word_state(seen) != TRII_WORD_WRITE ||
            (uint64_t)trii_member_of(seen) << TRII_MEMBER_SHIFT != me)
            return bad_claim(claim, err);
        made = (seen & ~(TRII_WORD_STATE | TRII_WORD_CLEANSE)) | TRII_WORD_SHARED;
        if (seen & TRII_WORD_CLEANSE)
            made &= ~TRII_WORD_POISON;
    } while (!trii_cas_seq_cst(&cell->word, &seen, made));
    if (seen & (TRII_WORD_WWAIT | TRII_WORD_RWAIT))
        trii_sync_settle(sync, parts.region);
    return TRI_OK;
}
