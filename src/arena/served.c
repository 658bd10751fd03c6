/* What serves an arena to other processes, and what that needs to know of it. */
#include "arena/inside.h"

bool trii_arena_next(struct tri_arena *arena, uint32_t *index, tri_handle *out) {
    pthread_mutex_lock(&arena->lock);
    uint32_t count = arena->slot_count;
    pthread_mutex_unlock(&arena->lock);
    for (uint32_t i = *index; i < count; i++) {
        uint64_t word = trii_load_acquire(&arena->slots[i].word);
        if (trii_word_state(word) == TRII_SLOT_LIVE) {
            *index = i;
            *out = trii_handle_make(arena->id, i, trii_word_generation(word));
            return true;
        }
    }
    return false;
}

bool trii_arena_segment(struct tri_arena *arena, uint32_t number, int *fd) {
    pthread_mutex_lock(&arena->lock);
    bool there = number < arena->backing.segment_count;
    if (there)
        *fd = arena->backing.segments[number].fd;
    pthread_mutex_unlock(&arena->lock);
    return there;
}

bool trii_arena_segment_at(struct tri_arena *arena, uint32_t number, struct trii_arena_segment *out) {
    pthread_mutex_lock(&arena->lock);
    const struct trii_backing *backing = &arena->backing;
    bool there = number < backing->segment_count;
    if (there) {
        const struct trii_segment *segment = &backing->segments[number];
        *out = (struct trii_arena_segment){.bytes = trii_backing_at(backing, segment->first),
                                           .size_bytes = (uint64_t)segment->units << backing->unit_shift,
                                           .first_page = ((uint64_t)segment->first << backing->unit_shift) /
                                                         TRI_PAGE_BYTES,
                                           .fd = segment->fd};
    }
    pthread_mutex_unlock(&arena->lock);
    return there;
}

bool trii_arena_has_huge_units(const struct tri_arena *arena) {
    return arena->backing.huge_pool;
}

bool trii_arena_is_imported(const struct tri_arena *arena) {
    return arena->imported;
}

bool trii_arena_is_shared(const struct tri_arena *arena) {
    return arena->control.entries && !arena->imported;
}

bool trii_arena_is_for_readers(const struct tri_arena *arena) {
    return arena->backing.sealed;
}

const char *trii_arena_label(const struct tri_arena *arena) {
    return arena->label;
}

bool trii_arena_is_copy(const struct tri_arena *arena) {
    return trii_arena_is_inherited(arena);
}

bool trii_arena_set_served(struct tri_arena *arena, void *served, void (*stop)(struct tri_arena *arena)) {
    pthread_mutex_lock(&arena->lock);
    bool first = !arena->served;
    if (first) {
        arena->served = served;
        arena->stop_serving = stop;
    }
    pthread_mutex_unlock(&arena->lock);
    return first;
}

void *trii_arena_take_served(struct tri_arena *arena) {
    bool locked = !trii_arena_is_inherited(arena); /* a forked child's lock may be held by a thread that is not there */
    if (locked)
        pthread_mutex_lock(&arena->lock);
    void *served = arena->served;
    arena->served = NULL;
    if (locked)
        pthread_mutex_unlock(&arena->lock);
    return served;
}
