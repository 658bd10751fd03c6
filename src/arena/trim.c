/*
 * Giving memory back. Scrubbing leaves pages where they are, because zeroing them is far cheaper than punching holes
 * and bringing pages in again; so an arena keeps what its busiest moment needed until somebody calls tri_arena_trim().
 */
#include "arena/inside.h"

#include "base/sys.h"

/* Under the lock: one free span. Gives how many units no longer hold anybody's bytes. */
static uint32_t trim_span(struct tri_arena *arena, const struct trii_segment *segment, uint32_t first) {
    struct trii_backing *backing = &arena->backing;
    uint32_t units = (uint32_t)arena->space.table[first].span;
    uint32_t dirty = trii_space_tagged(&arena->space, first);
    if (dirty == 0)
        return 0;
    uint64_t bytes = (uint64_t)units << backing->unit_shift;
    int failed = segment->fd >= 0
                     ? trii_sys_punch(segment->fd, (uint64_t)(first - segment->first) << backing->unit_shift, bytes)
                     : trii_sys_discard(trii_backing_at(backing, first), bytes);
    if (failed)
        return 0;
    trii_space_clear_tags(&arena->space, first);
    return dirty;
}

static uint64_t trim_segment(struct tri_arena *arena, const struct trii_segment *segment) {
    uint64_t units = 0;
    uint32_t at = segment->first, end = at + segment->units;
    for (; at < end; at += (uint32_t)arena->space.table[at].span)
        if (arena->space.table[at].free)
            units += trim_span(arena, segment, at);
    return units;
}

uint64_t tri_arena_trim(struct tri_arena *arena) {
    uint64_t units = 0;
    if (!arena || arena->imported || trii_arena_is_inherited(arena))
        return 0;
    pthread_mutex_lock(&arena->lock);
    trii_region_reap(arena);
    for (uint32_t i = 0; i < arena->backing.segment_count; i++) {
        units += trim_segment(arena, &arena->backing.segments[i]);
        pthread_mutex_unlock(&arena->lock); /* let others in between segments: a large one takes tens of milliseconds */
        pthread_mutex_lock(&arena->lock);
    }
    pthread_mutex_unlock(&arena->lock);
    return units << arena->backing.unit_shift;
}
