/*
 * The arenas of this process: numbers for handles, names for errors, and the graveyard of those that were destroyed
 * while a claim or a view was still held. The last unpin of such an arena gives its memory back; an arena whose last
 * holder was a claim without a pin is found by the sweep that every create and destroy makes. Its pages go, but its
 * synchronizer stays (reachable, never reused): the holder may be inside tri_sync_release() at this very moment.
 */
#include "arena/inside.h"

#include "base/status.h"
#include "base/sys.h"

#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tri_arena *arenas[UINT16_MAX + 1]; /* by number; 0 is never used */
static uint16_t last_id;
static struct tri_arena *buried;

tri_status trii_registry_add(struct tri_arena *arena, struct tri_error *err) {
    pthread_mutex_lock(&lock);
    if (last_id == 0) /* imports keep their owner's number: processes should not all begin with the same */
        last_id = (uint16_t)(trii_sys_now_ns() * UINT64_C(0x9E3779B97F4A7C15) >> 48);
    for (uint32_t tries = 0; tries <= UINT16_MAX; tries++) {
        last_id++;
        if (last_id != 0 && !arenas[last_id]) {
            arenas[last_id] = arena;
            arena->id = last_id;
            pthread_mutex_unlock(&lock);
            return TRI_OK;
        }
    }
    pthread_mutex_unlock(&lock);
    return trii_fail(err, TRI_LIMIT, "arena \"%s\": %u arenas live in this process, no more are possible",
                     arena->label, (unsigned)UINT16_MAX);
}

static void unlink_buried(struct tri_arena *arena) {
    for (struct tri_arena **at = &buried; *at; at = &(*at)->next_buried)
        if (*at == arena) {
            *at = arena->next_buried;
            return;
        }
}

void trii_registry_remove(struct tri_arena *arena) {
    pthread_mutex_lock(&lock);
    if (arenas[arena->id] == arena) /* an import has its owner's number, and no place here */
        arenas[arena->id] = NULL;
    unlink_buried(arena);
    pthread_mutex_unlock(&lock);
}

bool trii_registry_label(uint16_t id, char label[TRI_LABEL_BYTES]) {
    pthread_mutex_lock(&lock);
    const struct tri_arena *arena = arenas[id];
    if (arena)
        trii_name_copy(label, TRI_LABEL_BYTES, arena->label);
    pthread_mutex_unlock(&lock);
    return arena != NULL;
}

void trii_registry_bury(struct tri_arena *arena) {
    pthread_mutex_lock(&lock);
    arena->next_buried = buried;
    buried = arena;
    pthread_mutex_unlock(&lock);
}

/* The first buried arena that nobody uses any more; it is the caller's to finish. */
static struct tri_arena *find_unused(void) {
    struct tri_arena *found = NULL;
    pthread_mutex_lock(&lock);
    for (struct tri_arena *arena = buried; arena && !found; arena = arena->next_buried) {
        if (trii_arena_is_inherited(arena)) /* or only its synchronizer is left */
            continue;
        pthread_mutex_lock(&arena->lock);
        trii_region_reap(arena);
        if (trii_arena_is_last(arena))
            found = arena;
        pthread_mutex_unlock(&arena->lock);
    }
    pthread_mutex_unlock(&lock);
    return found;
}

void trii_registry_sweep(void) {
    for (struct tri_arena *arena = find_unused(); arena; arena = find_unused())
        trii_arena_finish(arena);
}
