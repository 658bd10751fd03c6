/*
 * An arena's life: create, drain, destroy, statistics, watchers. Locks and states: inside.h.
 */
#include "arena/inside.h"
#include "arena/sync_place.h"
#include "arena/validate.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/params.h"
#include "base/status.h"
#include "base/sys.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define CAPACITY_DEFAULT ((uint64_t)8 << 30)
#define CAPACITY_MAX ((uint64_t)1 << 40)
/* A claim that ends without a pin wakes nobody here: drain looks again after this long. */
#define DRAIN_LOOK_NS 1000000u

static uint64_t units_bytes(const struct tri_arena *arena) {
    return arena->backing.units * sizeof(struct trii_unit);
}

static uint64_t slots_bytes(void) {
    return (TRI_REGION_MAX + 1) * sizeof(struct trii_slot) + TRI_REGION_MAX * sizeof(struct trii_told);
}

/* The tables of regions and of pages: address space that costs memory only where it is used. */
tri_status trii_arena_open_tables(struct tri_arena *arena, struct tri_error *err) {
    void *slots = NULL, *table = NULL;
    int failed = trii_backing_table(slots_bytes(), &slots);
    arena->slots = slots;
    arena->told = slots ? (struct trii_told *)(arena->slots + TRI_REGION_MAX + 1) : NULL;
    if (!failed)
        failed = trii_sys_zero_in_child(slots, slots_bytes());
    if (!failed)
        trii_store_relaxed(&arena->slots[TRI_REGION_MAX].word, 1);
    if (!failed)
        failed = trii_backing_table(units_bytes(arena), &table);
    trii_space_init(&arena->space, table);
    if (failed)
        return trii_fail_errno(err, TRI_NO_MEMORY, failed, "arena \"%s\": no memory for its tables", arena->label);
    return TRI_OK;
}

/* Everything but the synchronizer and the struct itself; also of a half-made arena. */
static void close_payload(struct tri_arena *arena) {
    bool inherited = arena->slots && trii_arena_is_inherited(arena);
    if (arena->space.table)
        trii_sys_unmap(arena->space.table, units_bytes(arena));
    if (arena->slots)
        trii_sys_unmap(arena->slots, slots_bytes());
    arena->space.table = NULL;
    arena->slots = NULL;
    arena->told = NULL;
    trii_backing_close(&arena->backing, inherited);
}

void trii_arena_discard(struct tri_arena *arena) {
    trii_validate_close(arena, false);
    close_payload(arena);
    tri_sync_destroy(&arena->sync);
    trii_control_close(&arena->control);
    trii_ledger_finish(&arena->ledger);
    pthread_rwlock_destroy(&arena->watch_lock);
    pthread_mutex_destroy(&arena->lock);
    trii_free(arena);
}

static tri_status read_params(const struct tri_arena_params *given, struct tri_arena_params *out,
                              struct tri_error *err) {
    struct tri_arena_params params = {.struct_bytes = sizeof params};
    tri_status status = trii_params_read(&params, sizeof params, given, "tri_arena_params", err);
    if (status != TRI_OK)
        return status;
    if (params.backing != TRI_BACKING_MEMFD && params.backing != TRI_BACKING_PRIVATE)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "arena: %d is not a backing", (int)params.backing);
    if (params.shared && params.backing != TRI_BACKING_MEMFD)
        return trii_fail(err, TRI_UNSUPPORTED, "arena: a shared arena needs the memfd backing: private pages have no "
                         "second mapping");
    if (params.readers && (params.shared || params.backing != TRI_BACKING_MEMFD))
        return trii_fail(err, TRI_UNSUPPORTED, "arena: one for readers has the memfd backing and is not shared with "
                         "writers");
    if (params.shared && params.capacity_bytes > TRI_SHARED_MAX_BYTES)
        return trii_fail(err, TRI_LIMIT, "arena: a shared capacity of %" PRIu64 " bytes was asked for, the most is "
                         "%" PRIu64,
                         params.capacity_bytes, TRI_SHARED_MAX_BYTES);
    if (params.capacity_bytes == 0)
        params.capacity_bytes = CAPACITY_DEFAULT;
    if (params.capacity_bytes > CAPACITY_MAX)
        return trii_fail(err, TRI_LIMIT, "arena: a capacity of %" PRIu64 " bytes was asked for, the most is %" PRIu64,
                         params.capacity_bytes, CAPACITY_MAX);
    *out = params;
    return TRI_OK;
}

/* Every segment that the capacity allows: peers learn of them once. */
static tri_status grow_whole(struct tri_arena *arena, struct tri_error *err) {
    struct trii_backing *backing = &arena->backing;
    uint32_t most = (uint32_t)(TRI_SEGMENT_MAX_BYTES >> backing->unit_shift);
    while (backing->backed < backing->units) {
        uint32_t before = backing->backed, left = backing->units - before;
        tri_status status = trii_backing_grow(backing, left < most ? left : most, err);
        if (status != TRI_OK)
            return status;
        trii_space_add(&arena->space, before, backing->backed - before);
        trii_validate_segment(arena, before, backing->backed - before);
    }
    return TRI_OK;
}

static tri_status open_parts(struct tri_arena *arena, const struct tri_arena_params *params, struct tri_error *err) {
    tri_status status = trii_backing_open(&arena->backing, params, params->capacity_bytes, err);
    if (status != TRI_OK)
        return status;
    trii_name_copy(arena->label, sizeof arena->label, arena->backing.label);
    arena->capacity_bytes = (uint64_t)arena->backing.units << arena->backing.unit_shift;
    status = trii_arena_open_tables(arena, err);
    if (status == TRI_OK)
        status = params->shared ? trii_control_create(arena, err)
                                : tri_sync_create(TRI_REGION_MAX, &arena->sync, err);
    if (status == TRI_OK)
        status = trii_validate_open(arena, err);
    if (status == TRI_OK && params->shared)
        status = grow_whole(arena, err);
    if (status == TRI_OK)
        status = trii_registry_add(arena, err);
    return status;
}

tri_status trii_arena_new(struct tri_arena **out, struct tri_error *err) {
    struct tri_arena *arena = trii_calloc(1, sizeof *arena);
    if (!arena)
        return trii_fail(err, TRI_NO_MEMORY, "arena: no memory for its record of %zu bytes", sizeof *arena);
    trii_ledger_init(&arena->ledger);
    pthread_mutex_init(&arena->lock, NULL);
    pthread_rwlock_init(&arena->watch_lock, NULL);
    arena->control.fd = -1;
    arena->free_slots = arena->lingering = TRII_SLOT_NONE;
    arena->occupied = 1; /* the caller's hold, dropped by tri_arena_destroy() */
    *out = arena;
    return TRI_OK;
}

tri_status tri_arena_create(const struct tri_arena_params *given, struct tri_arena **out, struct tri_error *err) {
    struct tri_arena_params params;
    if (!out)
        return trii_report_null("the place for the arena", err);
    tri_status status = read_params(given, &params, err);
    if (status != TRI_OK)
        return status;
    trii_registry_sweep();
    struct tri_arena *arena = NULL;
    status = trii_arena_new(&arena, err);
    if (status != TRI_OK)
        return status;
    status = open_parts(arena, &params, err);
    if (status != TRI_OK) {
        trii_arena_discard(arena);
        return status;
    }
    *out = arena;
    return TRI_OK;
}

bool trii_arena_is_last(struct tri_arena *arena) {
    if (!arena->dying || arena->occupied > 0 || arena->finished)
        return false;
    arena->finished = true;
    return true;
}

void trii_arena_finish(struct tri_arena *arena) {
    if (arena->outlived) { /* only the pages go, see registry.c */
        trii_validate_close(arena, true);
        close_payload(arena);
        return;
    }
    trii_registry_remove(arena);
    trii_arena_discard(arena);
}

void tri_arena_destroy(struct tri_arena **handle) {
    if (!handle || !*handle)
        return;
    struct tri_arena *arena = *handle;
    *handle = NULL;
    if (arena->served)
        arena->stop_serving(arena);
    /* A forked child's copy: its lock may be held by a thread that is not here. An import has nothing to wait for. */
    if (trii_arena_is_inherited(arena) || arena->imported) {
        trii_registry_remove(arena);
        trii_arena_discard(arena);
        return;
    }
    for (uint32_t i = 0; i < arena->slot_count; i++) /* nobody allocates beside us */
        trii_region_doom(arena, i, 0);
    trii_registry_bury(arena); /* before anybody else could finish it */
    pthread_mutex_lock(&arena->lock);
    arena->dying = true;
    arena->occupied--;
    trii_region_reap(arena);
    bool last = trii_arena_is_last(arena);
    pthread_mutex_unlock(&arena->lock);
    if (last)
        trii_arena_finish(arena);
    trii_registry_sweep();
}

/* ---- drain ---- */

/* The first live region that somebody has claimed, or TRII_SLOT_NONE. Under the lock. */
static uint32_t find_claimed(const struct tri_arena *arena) {
    for (uint32_t i = 0; i < arena->slot_count; i++)
        if (trii_word_state(trii_load_acquire(&arena->slots[i].word)) == TRII_SLOT_LIVE &&
            tri_sync_state(arena->sync, i) != TRI_SYNC_IDLE)
            return i;
    return TRII_SLOT_NONE;
}

static uint32_t find_doomed(const struct tri_arena *arena) {
    for (uint32_t i = 0; i < arena->slot_count; i++)
        if (trii_word_state(trii_load_acquire(&arena->slots[i].word)) == TRII_SLOT_DOOMED)
            return i;
    return TRII_SLOT_NONE;
}

static tri_status drain_timeout(const struct tri_arena *arena, uint32_t claimed, uint32_t doomed,
                                struct tri_error *err) {
    bool is_claim = claimed != TRII_SLOT_NONE;
    uint32_t index = is_claim ? claimed : doomed;
    const char *label = arena->told[index].label;
    trii_fail(err, TRI_TIMEOUT, "arena \"%s\": not drained in time: region \"%s\" is %s%s", arena->label, label,
              is_claim ? "claimed, state " : "freed but still in use by a claim or a view",
              is_claim ? tri_sync_state_name(tri_sync_state(arena->sync, index)) : "");
    return trii_error_place(err, TRI_TIMEOUT, NULL, NULL, label);
}

tri_status tri_arena_drain(struct tri_arena *arena, uint64_t timeout_ns, struct tri_error *err) {
    uint64_t deadline = trii_sys_deadline(timeout_ns);
    tri_status status = TRI_OK;
    if (!arena)
        return trii_report_null("the arena", err);
    if (trii_arena_is_inherited(arena) || arena->imported)
        return TRI_OK; /* nothing in flight is this process's */
    pthread_mutex_lock(&arena->lock);
    arena->drainers++;
    for (;;) {
        if (arena->control.entries)
            (void)trii_sync_look_for_dead(arena->sync); /* nobody else may be waiting for them */
        trii_region_reap(arena);
        uint32_t claimed = find_claimed(arena), doomed = find_doomed(arena);
        if (claimed == TRII_SLOT_NONE && doomed == TRII_SLOT_NONE)
            break;
        uint64_t now = trii_sys_now_ns();
        if (now >= deadline) {
            status = drain_timeout(arena, claimed, doomed, err);
            break;
        }
        bool must_look = claimed != TRII_SLOT_NONE || arena->lingering != TRII_SLOT_NONE;
        uint64_t left = deadline == TRI_FOREVER ? TRI_FOREVER : deadline - now;
        uint32_t seen = trii_load_acquire(&arena->reclaimed);
        pthread_mutex_unlock(&arena->lock);
        trii_sys_futex_wait(&arena->reclaimed, seen, must_look ? trii_min_u64(left, DRAIN_LOOK_NS) : left, false);
        pthread_mutex_lock(&arena->lock);
    }
    arena->drainers--;
    pthread_mutex_unlock(&arena->lock);
    return status;
}

/* ---- what it is ---- */

void tri_arena_stats(const struct tri_arena *arena, struct tri_arena_stats *out) {
    if (!out)
        return;
    *out = (struct tri_arena_stats){.capacity_bytes = 0};
    if (!arena)
        return;
    const struct trii_backing *backing = &arena->backing;
    pthread_mutex_t *lock = (pthread_mutex_t *)&arena->lock;
    if (trii_arena_is_inherited(arena)) {
        out->capacity_bytes = arena->capacity_bytes;
        return;
    }
    if (arena->imported) {
        out->regions = (uint32_t)tri_arena_regions(arena, NULL, 0);
        out->capacity_bytes = out->segment_bytes = arena->capacity_bytes;
        out->segments = backing->segment_count;
        return;
    }
    pthread_mutex_lock(lock);
    int64_t views = trii_load_relaxed(&arena->views);
    *out = (struct tri_arena_stats){
        .capacity_bytes = arena->capacity_bytes,
        .segment_bytes = (uint64_t)backing->backed << backing->unit_shift,
        .used_bytes = arena->used_units << backing->unit_shift,
        .high_water_bytes = arena->high_water_units << backing->unit_shift,
        .largest_free_bytes = (uint64_t)trii_space_largest(&arena->space) << backing->unit_shift,
        .regions = trii_load_relaxed(&arena->live),
        .doomed = trii_load_relaxed(&arena->doomed),
        .segments = backing->segment_count,
        .views = views > 0 ? (uint32_t)views : 0,
        .huge_pages = backing->want_huge && !backing->huge_refused,
    };
    pthread_mutex_unlock(lock);
}

struct tri_sync *tri_arena_sync(struct tri_arena *arena) {
    return arena ? arena->sync : NULL;
}

struct trii_ledger *trii_arena_ledger(const struct tri_arena *arena) {
    return (struct trii_ledger *)&arena->ledger;
}

enum tri_backing trii_arena_backing(const struct tri_arena *arena) {
    return arena->backing.kind;
}

void trii_arena_count_views(struct tri_arena *arena, int32_t change) {
    trii_add_relaxed(&arena->views, change);
}

void trii_arena_watch(struct tri_arena *arena, struct trii_region_watch *watch) {
    pthread_rwlock_wrlock(&arena->watch_lock);
    watch->next = trii_load_relaxed(&arena->watches);
    trii_store_release(&arena->watches, watch);
    pthread_rwlock_unlock(&arena->watch_lock);
}

void trii_arena_unwatch(struct tri_arena *arena, struct trii_region_watch *watch) {
    pthread_rwlock_wrlock(&arena->watch_lock);
    struct trii_region_watch *before = NULL, *at = trii_load_relaxed(&arena->watches);
    for (; at && at != watch; at = at->next)
        before = at;
    if (at && before)
        before->next = at->next;
    else if (at)
        trii_store_release(&arena->watches, at->next);
    pthread_rwlock_unlock(&arena->watch_lock);
}
