/* Poison: a failed writer's region says so, with the first cause, until it is overwritten or reset. */
#include "base/status.h"
#include "sync/members.h"

#include <string.h>

void trii_sync_write_cause(struct tri_sync *sync, uint32_t region, const struct tri_error *cause) {
    uint64_t words[TRII_CAUSE_WORDS];
    memcpy(words, cause, sizeof words); /* not payload: an error */
    for (size_t i = 0; i < TRII_CAUSE_WORDS; i++)
        trii_store_relaxed(&sync->causes[region].words[i], words[i]);
}

bool trii_sync_begin_telling(struct tri_sync *sync, uint32_t region, uint64_t me) {
    _Atomic uint64_t *writing = &sync->causes[region].writing;
    uint64_t teller = 0;
    trii_sync_touch(sync, region);
    if (trii_cas_seq_cst(writing, &teller, me))
        return true;
    uint32_t index = trii_member_of(teller);
    return trii_members_dead(sync, index, trii_load_seq_cst(&sync->head->members[index])) &&
           trii_cas_seq_cst(writing, &teller, me);
}

static void terminate(char *text, size_t bytes) {
    text[bytes - 1] = '\0';
}

bool tri_sync_poison_cause(struct tri_sync *sync, uint32_t region, struct tri_error *out) {
    uint64_t words[TRII_CAUSE_WORDS];
    struct tri_error cause;
    if (!sync || !trii_sync_me(sync, NULL) || region >= trii_sync_regions(sync) ||
        !(trii_load_acquire(&trii_cell(sync, region)->word) & TRII_WORD_POISON))
        return false;
    for (size_t i = 0; i < TRII_CAUSE_WORDS; i++)
        words[i] = trii_load_relaxed(&sync->causes[region].words[i]);
    memcpy(&cause, words, sizeof cause); /* not payload: an error */
    terminate(cause.message, sizeof cause.message);
    terminate(cause.engine, sizeof cause.engine);
    terminate(cause.stage, sizeof cause.stage);
    terminate(cause.region, sizeof cause.region);
    if (out)
        *out = cause;
    return true;
}

/* True while `claim` writes `region`; the word as it is then. */
static bool writes(struct tri_sync *sync, struct trii_token_parts parts, uint64_t *word) {
    if (parts.region >= trii_sync_regions(sync) || parts.slot != TRII_WRITER_SLOT)
        return false;
    *word = trii_load_acquire(&trii_cell(sync, parts.region)->word);
    return trii_claim_bits(*word) == parts.bits && trii_word_state(*word) == TRII_WORD_WRITE &&
           trii_member_bits(*word) == trii_load_relaxed(&sync->me);
}

tri_status tri_sync_poison(struct tri_sync *sync, tri_claim claim, const struct tri_error *cause,
                           struct tri_error *err) {
    uint64_t word;
    if (!sync || !cause)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "the synchronizer or the cause is NULL");
    struct trii_token_parts parts = trii_token_parts(claim);
    if (!writes(sync, parts, &word))
        return trii_fail(err, TRI_BAD_CLAIM, "claim %#llx does not write a region, so it can't poison one",
                         (unsigned long long)claim);
    _Atomic uint64_t *at = &trii_cell(sync, parts.region)->word;
    /* Somebody else may be telling: another thread of this holder, whose cause is the first, or one who has not yet
     * finished with the writer before. The region is poisoned all the same. */
    bool tells = trii_sync_begin_telling(sync, parts.region, trii_member_bits(word));
    if (!(word & TRII_WORD_POISON) || (word & TRII_WORD_CLEANSE)) {
        if (tells)
            trii_sync_write_cause(sync, parts.region, cause);
        /* In one step, while the claim is still there: poisoned, and not to be lifted by its release. */
        while (writes(sync, parts, &word) &&
               !trii_cas_seq_cst(at, &word, (word | TRII_WORD_POISON) & ~TRII_WORD_CLEANSE))
            ;
    }
    if (tells)
        trii_store_release(&sync->causes[parts.region].writing, 0);
    return TRI_OK;
}

tri_status tri_sync_reset(struct tri_sync *sync, uint32_t region, struct tri_error *err) {
    tri_claim claim = TRI_CLAIM_NONE;
    tri_status status = trii_sync_check(sync, region, TRI_TECHNOLOGY_HOST, &claim, err);
    if (status != TRI_OK)
        return status;
    uint64_t me = trii_sync_me(sync, err);
    if (!me)
        return TRI_LIMIT;
    /* The shortest of writers: its release lifts the poison and wakes whoever waits. */
    struct trii_want want = {.region = region, .technology = TRI_TECHNOLOGY_HOST, .write = true, .poisoned = true};
    status = trii_sync_try(sync, &want, me, &claim);
    if (status == TRI_BUSY && trii_sync_look_for_dead(sync))
        status = trii_sync_try(sync, &want, me, &claim);
    if (status != TRI_OK)
        return trii_fail(err, status, "region %u can't be reset while it is claimed (%s)", region,
                         tri_sync_state_name(tri_sync_state(sync, region)));
    return tri_sync_release(sync, claim, err);
}
