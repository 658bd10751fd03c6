/*
 * A region's life: allocate, free, reclaim. The states and their transitions stand in inside.h.
 */
#include "arena/inside.h"

#include "arena/validate.h"
#include "base/checked.h"
#include "base/params.h"
#include "base/status.h"
#include "base/sys.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

/* "region 17", without the cost of printf: every unnamed allocation makes one. */
static void number_label(char label[TRI_LABEL_BYTES], uint32_t number) {
    char digits[10];
    size_t count = 0, at = sizeof "region " - 1;
    memcpy(label, "region ", at); /* not payload: a name */
    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    while (count > 0)
        label[at++] = digits[--count];
    label[at] = '\0';
}

/* ---- allocate ---- */

struct wish {
    struct tri_region_params params;
    uint32_t units;
    uint16_t owner;
};

static tri_status read_wish(const struct tri_arena *arena, const struct tri_region_params *params, struct wish *out,
                            struct tri_error *err) {
    struct wish wish = {.units = 0};
    if (!params)
        return trii_report_null("the region's parameters", err);
    tri_status status = trii_params_read(&wish.params, sizeof wish.params, params, "tri_region_params", err);
    if (status != TRI_OK)
        return status;
    if (wish.params.size_bytes == 0)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "arena \"%s\": a region of 0 bytes was asked for, at least 1 must be",
                         arena->label);
    if (wish.params.size_bytes > TRI_SEGMENT_MAX_BYTES)
        return trii_fail(err, TRI_LIMIT, "arena \"%s\": a region of %llu bytes was asked for, the most is %llu",
                         arena->label, (unsigned long long)wish.params.size_bytes,
                         (unsigned long long)TRI_SEGMENT_MAX_BYTES);
    if (wish.params.owner > TRI_OWNER_MAX)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "arena \"%s\": owner %u was given, the most is %u", arena->label,
                         wish.params.owner, TRI_OWNER_MAX);
    uint64_t unit = (uint64_t)1 << arena->backing.unit_shift;
    wish.units = (uint32_t)((wish.params.size_bytes + unit - 1) >> arena->backing.unit_shift);
    wish.owner = (uint16_t)wish.params.owner;
    *out = wish;
    return TRI_OK;
}

/* Under the lock: pages, from what is there or from a new segment. */
static tri_status take_pages(struct tri_arena *arena, const struct wish *wish, uint32_t index, uint32_t *first,
                             struct tri_error *err) {
    struct trii_backing *backing = &arena->backing;
    if (trii_space_take(&arena->space, wish->units, first))
        return TRI_OK;
    uint32_t before = backing->backed;
    tri_status status = trii_backing_grow(backing, wish->units, err);
    if (status == TRI_OK) {
        trii_space_add(&arena->space, before, backing->backed - before);
        trii_validate_segment(arena, before, backing->backed - before);
        if (trii_space_take(&arena->space, wish->units, first))
            return TRI_OK;
        status = TRI_LIMIT;
    }
    if (status != TRI_LIMIT)
        return status;
    char numbered[TRI_LABEL_BYTES];
    number_label(numbered, index);
    return trii_report_exhausted(arena, wish->params.size_bytes, wish->params.label ? wish->params.label : numbered,
                                 err);
}

/* Segments lie one behind the other: the last one that starts at or before the unit. */
static uint32_t segment_of(const struct trii_backing *backing, uint32_t unit) {
    uint32_t low = 0, high = backing->segment_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (backing->segments[middle].first <= unit)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void set_label(struct tri_arena *arena, uint32_t index, const char *label) {
    struct trii_slot *slot = &arena->slots[index];
    bool named = label && label[0];
    if (named)
        trii_name_copy(arena->told[index].label, TRI_LABEL_BYTES, label);
    else if (!slot->numbered)
        number_label(arena->told[index].label, index);
    slot->numbered = !named;
}

/* Under the lock: a slot with pages, not published yet. */
static tri_status take_slot(struct tri_arena *arena, const struct wish *wish, uint32_t *out, struct tri_error *err) {
    uint32_t first;
    if (arena->lingering != TRII_SLOT_NONE)
        trii_region_reap(arena);
    uint32_t index = arena->free_slots;
    if (index == TRII_SLOT_NONE)
        index = arena->slot_count;
    if (index == TRI_REGION_MAX)
        return trii_fail(err, TRI_LIMIT, "arena \"%s\": %u regions are held, no more are possible", arena->label,
                         TRI_REGION_MAX);
    tri_status status = take_pages(arena, wish, index, &first, err);
    if (status != TRI_OK)
        return status;
    struct trii_slot *slot = &arena->slots[index];
    if (index == arena->slot_count)
        arena->slot_count++;
    else
        arena->free_slots = slot->next;
    /* release: a reader who sees one of these sees the FREE word before it, and finds its generation gone */
    trii_store_release(&slot->size_bytes, wish->params.size_bytes);
    trii_store_release(&slot->first, first);
    trii_store_release(&slot->units, wish->units);
    trii_store_release(&slot->segment, segment_of(&arena->backing, first));
    slot->owner = wish->owner ? wish->owner : TRII_OWNER_NOBODY;
    slot->has_layout = false;
    set_label(arena, index, wish->params.label);
    arena->occupied++;
    arena->used_units += wish->units;
    arena->high_water_units = trii_max_u64(arena->high_water_units, arena->used_units);
    *out = index;
    return TRI_OK;
}

/* Under the lock: pages and slot are free again. The word must not be LIVE. */
static void put_slot(struct tri_arena *arena, uint32_t index) {
    struct trii_slot *slot = &arena->slots[index];
    uint32_t first = trii_load_relaxed(&slot->first), units = trii_load_relaxed(&slot->units);
    const struct trii_segment *segment = &arena->backing.segments[trii_load_relaxed(&slot->segment)];
    trii_space_give(&arena->space, first, segment->first, segment->first + segment->units, slot->owner);
    uint32_t generation = trii_word_generation(trii_load_relaxed(&slot->word));
    trii_store_release(&slot->word, trii_word_make(generation, TRII_SLOT_FREE));
    if (generation < UINT32_MAX) { /* a number whose generations are used up rests for ever */
        slot->next = arena->free_slots;
        arena->free_slots = index;
    }
    arena->occupied--;
    arena->used_units -= units;
}

/* Zeroes the pages of a taken slot that hold bytes of somebody else than `owner`. */
static void scrub(struct tri_arena *arena, uint32_t index, uint16_t owner) {
    const struct trii_slot *slot = &arena->slots[index];
    const struct trii_segment *segment = &arena->backing.segments[trii_load_relaxed(&slot->segment)];
    uint32_t at = trii_load_relaxed(&slot->first), end = at + trii_load_relaxed(&slot->units);
    for (const struct trii_unit *run; at < end; at += (uint32_t)run->run) {
        run = &arena->space.table[at];
        if (run->tag != TRII_OWNER_ZERO && run->tag != owner)
            trii_backing_clear(&arena->backing, segment, at, run->run);
    }
}

tri_status tri_region_allocate(struct tri_arena *arena, const struct tri_region_params *params, tri_handle *out,
                               struct tri_error *err) {
    struct wish wish = {.units = 0};
    uint32_t index = TRII_SLOT_NONE;
    if (!arena || !out)
        return trii_report_null(arena ? "the place for the handle" : "the arena", err);
    tri_status status = read_wish(arena, params, &wish, err);
    if (status != TRI_OK)
        return status;
    if (arena->imported)
        return trii_peer_refuse(arena, "allocating", err);
    if (trii_arena_is_inherited(arena))
        return trii_fail(err, TRI_PERMISSION,
                         "arena \"%s\" belongs to the process that made it: a forked child needs an arena of its own",
                         arena->label);
    pthread_mutex_lock(&arena->lock);
    status = take_slot(arena, &wish, &index, err);
    pthread_mutex_unlock(&arena->lock);
    if (status != TRI_OK)
        return status;

    struct trii_slot *slot = &arena->slots[index];
    uint32_t first = trii_load_relaxed(&slot->first);
    trii_validate_prepare(arena, first, wish.units, true);
    scrub(arena, index, wish.owner);
    int failed = wish.params.prefault ? trii_backing_prefault(&arena->backing, first, wish.units) : 0;
    trii_validate_prepare(arena, first, wish.units, false);
    if (failed) {
        status = trii_fail_errno(err, TRI_NO_MEMORY, failed, "arena \"%s\": can't prefault region \"%s\" of %llu bytes",
                                 arena->label, arena->told[index].label, (unsigned long long)wish.params.size_bytes);
        pthread_mutex_lock(&arena->lock);
        put_slot(arena, index);
        pthread_mutex_unlock(&arena->lock);
        return status;
    }
    uint32_t generation = trii_word_generation(trii_load_relaxed(&slot->word)) + 1;
    trii_add_relaxed(&arena->live, 1);
    trii_control_publish(arena, index, generation);
    trii_store_release(&slot->word, trii_word_make(generation, TRII_SLOT_LIVE));
    *out = trii_handle_make(arena->id, index, generation);
    return TRI_OK;
}

tri_status tri_arena_allocate_shared(struct tri_arena *arena, uint64_t size_bytes, tri_handle *out,
                                     struct tri_error *err) {
    struct tri_region_params params = {.struct_bytes = sizeof params, .size_bytes = size_bytes};
    return tri_region_allocate(arena, &params, out, err);
}

/* ---- free and reclaim ---- */

/* Under the lock, for a DOOMED slot without pins. */
static void reclaim(struct tri_arena *arena, uint32_t index) {
    struct trii_slot *slot = &arena->slots[index];
    if (tri_sync_reset(arena->sync, index, NULL) != TRI_OK) { /* a claim without a pin */
        slot->next = arena->lingering;
        arena->lingering = index;
        arena->outlived = arena->outlived || arena->dying;
        return;
    }
    put_slot(arena, index);
    trii_sub_relaxed(&arena->doomed, 1);
    trii_add_acq_rel(&arena->reclaimed, 1);
    if (arena->drainers > 0)
        trii_sys_futex_wake(&arena->reclaimed, INT_MAX, false);
}

void trii_region_reap(struct tri_arena *arena) {
    uint32_t index = arena->lingering;
    arena->lingering = TRII_SLOT_NONE;
    while (index != TRII_SLOT_NONE) {
        uint32_t next = arena->slots[index].next;
        reclaim(arena, index);
        index = next;
    }
}

void trii_arena_unpin(struct tri_arena *arena, uint32_t index) {
    if (trii_arena_is_inherited(arena) || arena->imported)
        return;
    uint64_t word = trii_sub_acq_rel(&arena->slots[index].word, 1); /* acquire: the other holders are done, too */
    assert(trii_word_pins(word) > 0);
    if (trii_word_state(word) != TRII_SLOT_DOOMED || trii_word_pins(word) != 1)
        return;
    pthread_mutex_lock(&arena->lock);
    reclaim(arena, index);
    bool last = trii_arena_is_last(arena);
    pthread_mutex_unlock(&arena->lock);
    if (last)
        trii_arena_finish(arena);
}

static void tell_watchers(struct tri_arena *arena, uint32_t index, uint32_t generation) {
    if (!trii_load_acquire(&arena->watches))
        return;
    pthread_rwlock_rdlock(&arena->watch_lock);
    for (struct trii_region_watch *watch = trii_load_acquire(&arena->watches); watch; watch = watch->next)
        watch->freed(watch->user, index, generation);
    pthread_rwlock_unlock(&arena->watch_lock);
}

bool trii_region_doom(struct tri_arena *arena, uint32_t index, uint32_t generation) {
    struct trii_slot *slot = &arena->slots[index];
    uint64_t word = trii_load_acquire(&slot->word), doomed;
    do {
        if (trii_word_state(word) != TRII_SLOT_LIVE || (generation && trii_word_generation(word) != generation))
            return false;
        doomed = trii_word_make(trii_word_generation(word), TRII_SLOT_DOOMED) | (trii_word_pins(word) + 1u);
    } while (!trii_cas_acq_rel(&slot->word, &word, doomed));
    trii_control_doom(arena, index, trii_word_generation(word));
    trii_sub_relaxed(&arena->live, 1);
    trii_add_relaxed(&arena->doomed, 1);
    tell_watchers(arena, index, trii_word_generation(word));
    trii_arena_unpin(arena, index);
    return true;
}

tri_status tri_arena_free_shared(struct tri_arena *arena, tri_handle region, struct tri_error *err) {
    if (!arena)
        return trii_report_null("the arena", err);
    if (arena->imported)
        return trii_peer_refuse(arena, "freeing", err);
    if (trii_handle_arena(region) != arena->id || trii_handle_generation(region) == 0 ||
        !trii_region_doom(arena, trii_handle_index(region), trii_handle_generation(region)))
        return trii_report_handle(arena, region, err);
    return TRI_OK;
}
