/* The short ways in and out: one compare-and-swap each, everything else only looks. */
#include "base/status.h"
#include "sync/sync.h"

#define likely(x) __builtin_expect((x), 1)
#define unlikely(x) __builtin_expect((x), 0)

static __attribute__((noinline, cold)) tri_status bad_claim(tri_claim claim, struct tri_error *err) {
    return trii_fail(err, TRI_BAD_CLAIM,
                     "claim %#llx is not held by this process: it was released before, lost with a process that died, or "
                     "never given by this synchronizer",
                     (unsigned long long)claim);
}

tri_status trii_sync_check(const struct tri_sync *sync, uint32_t region, enum tri_technology technology,
                           const tri_claim *out, struct tri_error *err) {
    if (!sync || !out)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "the synchronizer or the place for the claim is NULL");
    if (!trii_sync_me((struct tri_sync *)(uintptr_t)sync, err))
        return TRI_LIMIT;
    if (region >= trii_sync_regions(sync))
        return trii_fail(err, TRI_INVALID_ARGUMENT, "region %u is out of range: the synchronizer has %u", region,
                         trii_sync_regions(sync));
    if ((unsigned)technology >= TRI_TECHNOLOGY_COUNT)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "%d is not a technology (0 … %d)", (int)technology,
                         TRI_TECHNOLOGY_COUNT - 1);
    return TRI_OK;
}

/* What the quick ways refuse. */
#define misused(sync, region, technology, out)                                                                         \
    unlikely(!(sync) || !(out) || (region) >= trii_load_folded(&(sync)->regions) ||                                    \
             (unsigned)(technology) >= TRI_TECHNOLOGY_COUNT)

static struct trii_want want_of(uint32_t region, enum tri_technology technology, bool write,
                                const struct tri_wait *wait) {
    return (struct trii_want){.region = region,
                              .technology = technology,
                              .write = write,
                              .plain = !wait,
                              .timeout_ns = wait ? wait->timeout_ns : TRI_FOREVER,
                              .cancel = wait ? wait->cancel : NULL};
}

static __attribute__((noinline)) tri_status read_slowly(struct tri_sync *sync, uint32_t region,
                                                        enum tri_technology technology, const struct tri_wait *wait,
                                                        tri_claim *out, struct tri_error *err) {
    struct trii_want want = want_of(region, technology, false, wait);
    tri_status status = trii_sync_check(sync, region, technology, out, err);
    return status == TRI_OK ? trii_sync_wait(sync, &want, out, err) : status;
}

/* The quick way found a writer only after it had shown a reader in the first slot. */
static __attribute__((noinline)) tri_status read_backed_out(struct tri_sync *sync, uint32_t region,
                                                            enum tri_technology technology,
                                                            const struct tri_wait *wait, tri_claim *out,
                                                            struct tri_error *err) {
    trii_and_seq_cst(&trii_cell(sync, region)->near[0], 0);
    trii_sync_reader_left(sync, region);
    return read_slowly(sync, region, technology, wait, out, err);
}

static __attribute__((noinline)) tri_status write_slowly(struct tri_sync *sync, uint32_t region,
                                                         enum tri_technology technology, const struct tri_wait *wait,
                                                         tri_claim *out, struct tri_error *err) {
    struct trii_want want = want_of(region, technology, true, wait);
    tri_status status = trii_sync_check(sync, region, technology, out, err);
    return status == TRI_OK ? trii_sync_wait(sync, &want, out, err) : status;
}

/* The quick way found a reader only after it had taken the word. */
static __attribute__((noinline)) tri_status write_backed_out(struct tri_sync *sync, uint32_t region,
                                                             enum tri_technology technology,
                                                             const struct tri_wait *wait, tri_claim *out,
                                                             struct tri_error *err) {
    trii_sync_leave_word(sync, region, trii_load_relaxed(&trii_cell(sync, region)->word));
    return write_slowly(sync, region, technology, wait, out, err);
}

/*
 * The quick ways keep to registers and one cache line: everything else is a jump to a function of the same arguments. A
 * free word or slot is 0 and the number is the thread's own, so the swap waits for no load. What is left is counted in
 * single instructions: bench/sync tells when one is too many.
 *
 * Readers: the slot first, then a look at the word (both seq_cst). Writers: the word first, then a look at the slots.
 * So at least one of two that meet sees the other, and goes the slow way.
 */
static inline uint64_t quick_at(uint32_t region) {
    return region * (uint32_t)sizeof(struct trii_cell); /* where its cell is, from the first */
}

static inline struct trii_cell *quick_cell(const struct tri_sync *sync, uint64_t at) {
    return (struct trii_cell *)((uintptr_t)sync + TRII_CELLS_OFFSET + at);
}

static inline uint64_t quick_claim(uint64_t number, enum tri_technology technology) {
    return number | (uint32_t)technology << TRII_TECH_SHIFT;
}

static inline tri_claim quick_token(uint64_t claim, uint64_t at, uint64_t slot) {
    return claim >> TRII_TECH_SHIFT | at << (TRII_TOKEN_PLACE_SHIFT - 3) | slot << TRII_TOKEN_PLACE_SHIFT;
}

/* What was asked for, from what is at hand anyway: kept beside it, it would cost a register, so a store, each time. */
#define REGION ((uint32_t)(trii_opaque(at) / sizeof(struct trii_cell)))
#define TECHNOLOGY trii_tech(trii_opaque(claim))

tri_status tri_sync_acquire_read(struct tri_sync *sync, uint32_t region, enum tri_technology technology,
                                 const struct tri_wait *wait, tri_claim *out, struct tri_error *err) {
    const uint64_t closed = TRII_WORD_WWAIT | TRII_WORD_POISON | TRII_WORD_STATE;
    uint64_t number = trii_numbers.next;
    if (misused(sync, region, technology, out) || unlikely(number == trii_numbers.end))
        return read_slowly(sync, region, technology, wait, out, err);
    trii_fence_folded();
    trii_numbers.next = number + TRII_NUMBER_STEP;
    uint64_t at = quick_at(region), claim = quick_claim(number, technology), free = 0;
    struct trii_cell *cell = quick_cell(sync, at);
    if (unlikely((trii_load_relaxed(&cell->word) & closed) != 0 ||
                 !trii_cas_seq_cst(&cell->near[0], &free, claim | sync->mine)))
        return read_slowly(sync, REGION, TECHNOLOGY, wait, out, err);
    if (unlikely((trii_load_seq_cst(&cell->word) & closed) != 0))
        return read_backed_out(sync, REGION, TECHNOLOGY, wait, out, err);
    *out = quick_token(claim, at, 1);
    return TRI_OK;
}

tri_status tri_sync_acquire_write(struct tri_sync *sync, uint32_t region, enum tri_technology technology,
                                  const struct tri_wait *wait, tri_claim *out, struct tri_error *err) {
    uint64_t number = trii_numbers.next;
    if (misused(sync, region, technology, out) || unlikely(number == trii_numbers.end))
        return write_slowly(sync, region, technology, wait, out, err);
    trii_fence_folded();
    trii_numbers.next = number + TRII_NUMBER_STEP;
    uint64_t at = quick_at(region), claim = quick_claim(number, technology), free = 0;
    struct trii_cell *cell = quick_cell(sync, at);
    if (unlikely(trii_load_relaxed(&cell->near[0]) != 0 || !trii_cas_seq_cst(&cell->word, &free, claim | sync->mine)))
        return write_slowly(sync, REGION, TECHNOLOGY, wait, out, err);
    uint64_t readers = trii_load_seq_cst(&cell->near[0]);
    for (uint32_t i = 1; i < TRII_QUICK_SLOTS; i++)
        readers |= trii_load_seq_cst(&cell->near[i]);
    if (unlikely((readers & TRII_SLOT_STATE) != 0))
        return write_backed_out(sync, REGION, TECHNOLOGY, wait, out, err);
    *out = quick_token(claim, at, TRII_WRITER_SLOT);
    return TRI_OK;
}

#undef REGION
#undef TECHNOLOGY

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
    tri_status status = trii_sync_check(sync, region, technology, out, err);
    return status == TRI_OK ? trii_sync_wait(sync, &want, out, err) : status;
}

/* The word while `parts` of this process is held there, downgraded or not. */
static bool holds_word(const struct tri_sync *sync, struct trii_token_parts parts, uint64_t word) {
    enum trii_word_state state = trii_word_state(word);
    return trii_claim_bits(word) == parts.bits && trii_member_bits(word) == trii_load_relaxed(&sync->me) &&
           (state == TRII_WORD_WRITE || state == TRII_WORD_SHARED);
}

/* The release of a word that has flags, or of a claim that was downgraded, or of none. `overwrote`: what a claim for
 * overwriting a poisoned region was taken for has been done. */
static __attribute__((noinline)) bool release_word_slowly(struct tri_sync *sync, struct trii_token_parts parts,
                                                          bool overwrote) {
    struct trii_cell *cell = trii_cell(sync, parts.region);
    uint64_t seen = trii_load_relaxed(&cell->word);
    uint64_t made;
    do {
        if (!holds_word(sync, parts, seen))
            return false;
        made = seen & TRII_WORD_FLAGS & ~TRII_WORD_CLEANSE;
        if ((seen & TRII_WORD_CLEANSE) && overwrote)
            made &= ~TRII_WORD_POISON;
    } while (!trii_cas_seq_cst(&cell->word, &seen, made));
    if (seen & (TRII_WORD_WWAIT | TRII_WORD_RWAIT))
        trii_sync_settle(sync, parts.region);
    trii_sync_told(sync, parts.region);
    return true;
}

/* The release of a slot beyond the first line, or of none. */
static bool release_slot_slowly(struct tri_sync *sync, struct trii_token_parts parts) {
    uint64_t held = parts.bits | trii_load_relaxed(&sync->me) | TRII_SLOT_READING;
    if (!trii_cas_seq_cst(trii_slot_at(sync, parts.region, parts.slot), &held, 0))
        return false;
    uint64_t word = trii_load_seq_cst(&trii_cell(sync, parts.region)->word);
    if (word & (TRII_WORD_WWAIT | TRII_WORD_DRAIN))
        trii_sync_reader_left(sync, parts.region);
    trii_sync_told(sync, parts.region);
    return true;
}

static __attribute__((noinline)) tri_status release_slowly(struct tri_sync *sync, tri_claim claim,
                                                           struct tri_error *err) {
    if (!sync)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "the synchronizer is NULL");
    struct trii_token_parts parts = trii_token_parts(claim);
    bool done = false;
    if (parts.region < trii_sync_regions(sync) && parts.slot <= TRII_SLOTS)
        done = parts.slot == TRII_WRITER_SLOT ? release_word_slowly(sync, parts, true) : release_slot_slowly(sync, parts);
    return done ? TRI_OK : bad_claim(claim, err);
}

static __attribute__((noinline)) tri_status left(struct tri_sync *sync, tri_claim claim, struct tri_error *err) {
    (void)err;
    trii_sync_reader_left(sync, trii_token_parts(claim).region);
    return TRI_OK;
}

/* The token and this process's number say what the word or slot must be now: a swap that finds anything else releases
 * nothing. Its release order publishes what was done to the region; entering is the acquire that pairs with it. */
__attribute__((aligned(64))) tri_status tri_sync_release(struct tri_sync *sync, tri_claim claim, struct tri_error *err) {
    uint32_t place = (uint32_t)(claim >> TRII_TOKEN_PLACE_SHIFT);
    if (unlikely(!sync || place >= trii_load_folded(&sync->places)))
        return release_slowly(sync, claim, err);
    trii_fence_folded();
    _Atomic uint64_t *first = &trii_cell(sync, 0)->word;
    uint64_t held = claim << TRII_TECH_SHIFT | sync->mine;
    if (unlikely(!trii_cas_seq_cst(first + place, &held, 0)))
        return release_slowly(sync, claim, err);
    uint64_t word = trii_load_seq_cst(first + (place & ~TRII_NEAR_SLOTS));
    if (unlikely((word & (TRII_WORD_WWAIT | TRII_WORD_DRAIN)) != 0))
        return left(sync, claim, err);
    return TRI_OK;
}

bool trii_sync_roll_back(struct tri_sync *sync, tri_claim claim) {
    struct trii_token_parts parts = trii_token_parts(claim);
    return parts.slot == TRII_WRITER_SLOT ? release_word_slowly(sync, parts, false)
                                          : tri_sync_release(sync, claim, NULL) == TRI_OK;
}

tri_status tri_sync_release_region(struct tri_sync *sync, uint32_t region, struct tri_error *err) {
    tri_claim found = TRI_CLAIM_NONE;
    tri_status status = trii_sync_check(sync, region, TRI_TECHNOLOGY_HOST, &found, err);
    if (status != TRI_OK)
        return status;
    uint64_t me = trii_load_relaxed(&sync->me);
    uint64_t word = trii_load_acquire(&trii_cell(sync, region)->word);
    uint32_t claims = 0;
    if ((trii_word_state(word) == TRII_WORD_WRITE || trii_word_state(word) == TRII_WORD_SHARED) &&
        trii_member_bits(word) == me) {
        found = trii_token(region, TRII_WRITER_SLOT, word);
        claims++;
    }
    for (uint32_t slot = 1; slot <= trii_slots_used(word); slot++) {
        uint64_t seen = trii_load_acquire(trii_slot_at(sync, region, slot));
        if (trii_slot_state(seen) == TRII_SLOT_READING && trii_member_bits(seen) == me) {
            found = trii_token(region, slot, seen);
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
    struct trii_token_parts parts = trii_token_parts(claim);
    if (parts.region >= trii_sync_regions(sync) || parts.slot != TRII_WRITER_SLOT)
        return bad_claim(claim, err);
    struct trii_cell *cell = trii_cell(sync, parts.region);
    uint64_t seen = trii_load_relaxed(&cell->word);
    uint64_t made;
    do {
        if (!holds_word(sync, parts, seen) || trii_word_state(seen) != TRII_WORD_WRITE)
            return bad_claim(claim, err);
        made = (seen & ~(TRII_WORD_STATE | TRII_WORD_CLEANSE)) | TRII_WORD_SHARED;
        if (seen & TRII_WORD_CLEANSE)
            made &= ~TRII_WORD_POISON;
    } while (!trii_cas_seq_cst(&cell->word, &seen, made));
    if (seen & (TRII_WORD_WWAIT | TRII_WORD_RWAIT))
        trii_sync_settle(sync, parts.region);
    trii_sync_told(sync, parts.region);
    return TRI_OK;
}
