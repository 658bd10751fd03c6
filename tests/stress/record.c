/* Which changes of words and slots there were: see record.h. */
#include "record.h"

#include "recorded.h"
#include "sync/sync.h"

static struct recorded *recorded;
static const struct tri_sync *whose;
static uint32_t regions;

void record_begin(struct recorded *into, const struct tri_sync *sync, uint32_t region_count) {
    whose = sync;
    regions = region_count;
    recorded = into;
}

static void note(_Atomic uint64_t *row, uint64_t from, uint64_t to) {
    uint64_t bit = (uint64_t)1 << (from * 8 + to);
    if (!(trii_load_relaxed(row) & bit))
        (void)atomic_fetch_or_explicit(row, bit, memory_order_relaxed);
}

void record_change(const void *at, uint64_t from, uint64_t to) {
    if (!recorded)
        return;
    uintptr_t place = (uintptr_t)at, cells = (uintptr_t)trii_cell(whose, 0);
    uintptr_t colds = (uintptr_t)whose->colds;
    if (place - cells < regions * sizeof(struct trii_cell)) {
        if ((place - cells) % sizeof(struct trii_cell) == 0)
            note(&recorded->words, trii_word_state(from), trii_word_state(to));
        else
            note(&recorded->slots, trii_slot_state(from), trii_slot_state(to));
    } else if (place - colds < regions * sizeof(struct trii_cold)) {
        uintptr_t wide = (place - colds) % sizeof(struct trii_cold) - offsetof(struct trii_cold, wide);
        if (wide < sizeof whose->colds->wide)
            note(&recorded->slots, trii_slot_state(from), trii_slot_state(to));
    }
}

static void print_states(const char *what, uint64_t seen, const char *const names[8]) {
    for (uint64_t from = 0; from < 8; from++)
        for (uint64_t to = 0; to < 8; to++)
            if (from != to && (seen >> (from * 8 + to) & 1))
                printf("%s %s %s\n", what, names[from], names[to]);
}

void record_print(const struct recorded *from) {
    static const char *const words[8] = {[TRII_WORD_FREE] = "FREE",     [TRII_WORD_SHARED] = "SHARED",
                                         [TRII_WORD_WRITE] = "WRITE",   [TRII_WORD_DRAIN] = "DRAIN",
                                         [3] = "3", [5] = "5", [6] = "6", [7] = "7"};
    static const char *const slots[8] = {[TRII_SLOT_FREE] = "FREE",   [TRII_SLOT_TAKEN] = "TAKEN",
                                         [TRII_SLOT_READING] = "READING", [TRII_SLOT_RWAIT] = "RWAIT",
                                         [TRII_SLOT_WWAIT] = "WWAIT", [TRII_SLOT_DRAIN] = "DRAIN",
                                         [TRII_SLOT_LOOK] = "LOOK", [7] = "7"};
    print_states("word", trii_load_relaxed(&from->words), words);
    print_states("slot", trii_load_relaxed(&from->slots), slots);
}
