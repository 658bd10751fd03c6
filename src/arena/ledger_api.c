/* <tripoint/ledger.h>: the account that lives in an arena, as its users see it. */
#include "arena/inside.h"

static bool is_place(enum tri_ledger_place place) {
    return place == TRI_LEDGER_BORDER || place == TRI_LEDGER_BETWEEN;
}

uint64_t tri_ledger_bytes(const struct tri_arena *arena, enum tri_ledger_place place) {
    return arena && is_place(place) ? trii_load_relaxed(&trii_arena_ledger(arena)->bytes[place]) : 0;
}

uint64_t tri_ledger_copies(const struct tri_arena *arena, enum tri_ledger_place place) {
    return arena && is_place(place) ? trii_load_relaxed(&trii_arena_ledger(arena)->copies[place]) : 0;
}

size_t tri_ledger_lines(const struct tri_arena *arena, struct tri_ledger_line *lines, size_t capacity) {
    if (!arena)
        return 0;
    struct trii_ledger *ledger = trii_arena_ledger(arena);
    pthread_mutex_lock(&ledger->lock);
    size_t count = ledger->line_count;
    for (size_t i = 0; i < count && i < capacity; i++)
        lines[i] = ledger->lines[i];
    pthread_mutex_unlock(&ledger->lock);
    return count;
}

void tri_ledger_reset(struct tri_arena *arena) {
    if (!arena)
        return;
    struct trii_ledger *ledger = trii_arena_ledger(arena);
    pthread_mutex_lock(&ledger->lock);
    for (int place = TRI_LEDGER_BORDER; place <= TRI_LEDGER_BETWEEN; place++) {
        trii_store_relaxed(&ledger->bytes[place], 0);
        trii_store_relaxed(&ledger->copies[place], 0);
    }
    ledger->line_count = 0;
    pthread_mutex_unlock(&ledger->lock);
}
