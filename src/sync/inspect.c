/* What a region's word and slots say, for people and tools: a look, not a lock. */
#include "base/status.h"
#include "base/sys.h"
#include "sync/holders.h"
#include "sync/members.h"

const char *tri_sync_state_name(enum tri_sync_state state) {
    static const char *const names[] = {"IDLE",        "WASM_WRITING", "GPU_READING",  "GPU_WRITING", "NPU_READING",
                                        "NPU_WRITING", "WASM_READING", "HOST_READING", "HOST_WRITING"};
    return (unsigned)state < sizeof names / sizeof *names ? names[state] : "?";
}

static enum tri_sync_state writing_state(enum tri_technology technology) {
    static const enum tri_sync_state states[TRI_TECHNOLOGY_COUNT] = {TRI_SYNC_HOST_WRITING, TRI_SYNC_WASM_WRITING,
                                                                     TRI_SYNC_GPU_WRITING, TRI_SYNC_NPU_WRITING};
    return states[technology];
}

static enum tri_sync_state reading_state(const uint32_t readers[TRI_TECHNOLOGY_COUNT]) {
    if (readers[TRI_TECHNOLOGY_WEBGPU])
        return TRI_SYNC_GPU_READING;
    if (readers[TRI_TECHNOLOGY_WEBNN])
        return TRI_SYNC_NPU_READING;
    if (readers[TRI_TECHNOLOGY_WASM])
        return TRI_SYNC_WASM_READING;
    return readers[TRI_TECHNOLOGY_HOST] ? TRI_SYNC_HOST_READING : TRI_SYNC_IDLE;
}

static void count_slots(const struct tri_sync *sync, uint32_t region, uint64_t word, struct tri_sync_info *info) {
    for (uint32_t slot = 1; slot <= trii_slots_used(word); slot++) {
        uint64_t seen = trii_load_acquire(trii_slot_at(sync, region, slot));
        switch (trii_slot_state(seen)) {
        case TRII_SLOT_READING:
            info->readers[trii_tech(seen)]++;
            break;
        case TRII_SLOT_RWAIT:
        case TRII_SLOT_LOOK:
            info->waiting_readers++;
            break;
        case TRII_SLOT_WWAIT:
        case TRII_SLOT_DRAIN:
            info->waiting_writers++;
            break;
        case TRII_SLOT_FREE:
        case TRII_SLOT_TAKEN:
            break;
        }
    }
}

tri_status tri_sync_inspect(const struct tri_sync *sync, uint32_t region, struct tri_sync_info *out,
                            struct tri_error *err) {
    struct tri_sync_info info = {0};
    tri_claim unused = TRI_CLAIM_NONE;
    tri_status status = trii_sync_check(sync, region, TRI_TECHNOLOGY_HOST, out ? &unused : NULL, err);
    if (status != TRI_OK)
        return status;
    uint64_t word = trii_load_acquire(&trii_cell(sync, region)->word);
    count_slots(sync, region, word, &info);
    if (trii_word_state(word) == TRII_WORD_SHARED)
        info.readers[trii_tech(word)]++;
    info.state =
        trii_word_state(word) == TRII_WORD_WRITE ? writing_state(trii_tech(word)) : reading_state(info.readers);
    info.poisoned = (word & TRII_WORD_POISON) != 0;
    *out = info;
    return TRI_OK;
}

enum tri_sync_state tri_sync_state(const struct tri_sync *sync, uint32_t region) {
    struct tri_sync_info info;
    return tri_sync_inspect(sync, region, &info, NULL) == TRI_OK ? info.state : TRI_SYNC_IDLE;
}

static struct trii_holder holder_of(const struct tri_sync *sync, tri_claim claim, uint64_t value,
                                    enum tri_technology technology, bool writes, bool waits) {
    uint32_t member = trii_member_of(value);
    int32_t pid = sync->shared ? trii_members_pid(trii_load_acquire(&sync->head->members[member])) : trii_sys_pid();
    return (struct trii_holder){
        .claim = claim, .pid = pid, .technology = technology, .writes = writes, .waits = waits};
}

uint32_t trii_sync_holders(struct tri_sync *sync, uint32_t region, struct trii_holder out[TRII_HOLDERS_MAX]) {
    tri_claim unused = TRI_CLAIM_NONE;
    uint32_t count = 0;
    if (trii_sync_check(sync, region, TRI_TECHNOLOGY_HOST, &unused, NULL) != TRI_OK)
        return 0;
    if (sync->shared)
        (void)trii_sync_recover_sometimes(sync, region);
    uint64_t word = trii_load_acquire(&trii_cell(sync, region)->word);
    enum trii_word_state state = trii_word_state(word);
    if (state == TRII_WORD_WRITE || state == TRII_WORD_SHARED)
        out[count++] = holder_of(
            sync, trii_token(region, TRII_WRITER_SLOT, word), word,
            trii_tech(word), state == TRII_WORD_WRITE, false);
    for (uint32_t slot = 1; slot <= trii_slots_used(word); slot++) {
        uint64_t seen = trii_load_acquire(trii_slot_at(sync, region, slot));
        enum trii_slot_state is = trii_slot_state(seen);
        bool writes = is == TRII_SLOT_WWAIT || is == TRII_SLOT_DRAIN;
        if (is == TRII_SLOT_READING || is == TRII_SLOT_RWAIT || is == TRII_SLOT_LOOK || writes)
            out[count++] =
                holder_of(sync, trii_token(region, slot, seen), seen,
                          trii_tech(seen), writes, is != TRII_SLOT_READING);
    }
    return count;
}

unsigned trii_sync_own_access(const struct tri_sync *sync, uint32_t region) {
    uint64_t me = trii_load_relaxed(&sync->me);
    if (region >= trii_sync_regions(sync) || me == 0)
        return 0;
    uint64_t word = trii_load_seq_cst(&trii_cell(sync, region)->word);
    enum trii_word_state state = trii_word_state(word);
    if (trii_member_bits(word) == me && (state == TRII_WORD_WRITE || state == TRII_WORD_SHARED))
        return state == TRII_WORD_WRITE ? 3 : 1;
    for (uint32_t slot = 1; slot <= trii_slots_used(word); slot++) {
        uint64_t seen = trii_load_seq_cst(trii_slot_at(sync, region, slot));
        if (trii_slot_state(seen) == TRII_SLOT_READING && trii_member_bits(seen) == me)
            return 1;
    }
    return 0;
}
