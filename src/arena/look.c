/*
 * Looking at regions: checking a handle, pinning it, what a region is and holds. No lock on the way of a good handle.
 */
#include "arena/inside.h"

#include "base/status.h"
#include "base/sys.h"

static bool is_live(const struct tri_arena *arena, tri_handle handle, uint64_t word) {
    return trii_handle_arena(handle) == arena->id && trii_word_state(word) == TRII_SLOT_LIVE &&
           trii_word_generation(word) == trii_handle_generation(handle);
}

/* What a slot says about its pages, before it is known to be about one region. */
struct place {
    uint64_t size_bytes;
    uint32_t first, units, segment;
};

/* Acquire loads: the look at the word that follows them can't come before. */
static struct place read_place(const struct trii_slot *slot) {
    return (struct place){
        .size_bytes = trii_load_acquire(&slot->size_bytes),
        .first = trii_load_acquire(&slot->first),
        .units = trii_load_acquire(&slot->units),
        .segment = trii_load_acquire(&slot->segment),
    };
}

static void fill(const struct tri_arena *arena, tri_handle handle, struct place place, struct trii_region *out) {
    const struct trii_backing *backing = &arena->backing;
    const struct trii_segment *segment = &backing->segments[place.segment];
    out->arena = (struct tri_arena *)arena;
    out->handle = handle;
    out->index = trii_handle_index(handle);
    out->generation = trii_handle_generation(handle);
    out->bytes = trii_backing_at(backing, place.first);
    out->size_bytes = place.size_bytes;
    out->mapped_bytes = (uint64_t)place.units << backing->unit_shift;
    out->fd = backing->sealed ? -1 : segment->fd; /* there our window is the only writable one */
    out->fd_offset = (uint64_t)(place.first - segment->first) << backing->unit_shift;
    out->label = arena->told[trii_handle_index(handle)].label;
}

tri_status trii_arena_resolve(const struct tri_arena *arena, tri_handle handle, struct trii_region *out,
                              struct tri_error *err) {
    const struct trii_slot *slot = &arena->slots[trii_handle_index(handle)];
    if (is_live(arena, handle, trii_load_acquire(&slot->word))) {
        struct place place = read_place(slot);
        if (is_live(arena, handle, trii_load_acquire(&slot->word))) {
            fill(arena, handle, place, out);
            return TRI_OK;
        }
    }
    if (arena->imported)
        return trii_peer_resolve(arena, handle, out, err);
    return trii_report_handle(arena, handle, err);
}

static tri_status pin(const struct tri_arena *arena, tri_handle handle, struct tri_error *err) {
    struct trii_slot *slot = &arena->slots[trii_handle_index(handle)];
    uint64_t word = trii_load_acquire(&slot->word);
    do {
        if (!is_live(arena, handle, word))
            return arena->imported ? trii_peer_refuse(arena, "an engine", err) : trii_report_handle(arena, handle, err);
        if (trii_word_pins(word) >= TRII_WORD_PINS_MAX - 1)
            return trii_fail(err, TRI_LIMIT, "arena \"%s\": region \"%s\" is pinned %u times, no more are possible",
                             arena->label, arena->told[trii_handle_index(handle)].label, trii_word_pins(word));
    } while (!trii_cas_acq_rel(&slot->word, &word, word + 1));
    return TRI_OK;
}

tri_status trii_arena_pin(struct tri_arena *arena, tri_handle handle, struct trii_region *out, struct tri_error *err) {
    if (arena->imported && !arena->read_only) /* the owner keeps the pages as long as a claim is held: peer.c */
        return trii_peer_resolve(arena, handle, out, err);
    tri_status status = pin(arena, handle, err);
    if (status == TRI_OK)
        fill(arena, handle, read_place(&arena->slots[trii_handle_index(handle)]), out);
    return status;
}

tri_status trii_arena_borrow(struct tri_arena *arena, tri_handle handle, struct trii_region *out,
                             struct tri_error *err) {
    return arena->imported ? trii_peer_resolve(arena, handle, out, err) : trii_arena_pin(arena, handle, out, err);
}

void trii_arena_give_back(struct tri_arena *arena, uint32_t index) {
    if (!arena->imported)
        trii_arena_unpin(arena, index);
}

bool trii_arena_is_read_only(const struct tri_arena *arena) {
    return arena->read_only;
}

bool trii_arena_is_live(const struct tri_arena *arena, tri_handle handle) {
    if (arena->imported)
        return trii_peer_is_live(arena, handle);
    return is_live(arena, handle, trii_load_acquire(&arena->slots[trii_handle_index(handle)].word));
}

bool trii_arena_index_of(const struct tri_arena *arena, tri_handle handle, uint32_t *index) {
    uint32_t at = trii_handle_index(handle);
    uint64_t word = trii_load_acquire(&arena->slots[at].word);
    if (arena->imported && trii_handle_arena(handle) == arena->id) {
        *index = at;
        return true;
    }
    if (trii_handle_arena(handle) != arena->id || trii_word_state(word) == TRII_SLOT_FREE ||
        trii_word_generation(word) != trii_handle_generation(handle))
        return false;
    *index = at;
    return true;
}

/* ---- what a region is and holds ---- */

/* The public functions that look take a const arena; a pin, and the reclaim that may follow it, is not a change that
 * their caller could see. */
static struct tri_arena *unconst(const struct tri_arena *arena) {
    return (struct tri_arena *)arena;
}

tri_status tri_region_info(const struct tri_arena *arena, tri_handle region, struct tri_region_info *out,
                           struct tri_error *err) {
    struct trii_region r;
    if (!arena || !out)
        return trii_report_null(arena ? "the place for the answer" : "the arena", err);
    if (arena->imported)
        return trii_peer_info(arena, region, out, err);
    tri_status status = trii_arena_pin(unconst(arena), region, &r, err);
    if (status != TRI_OK)
        return status;
    *out = (struct tri_region_info){
        .size_bytes = r.size_bytes,
        .mapped_bytes = r.mapped_bytes,
        .offset_bytes = (uint64_t)(r.bytes - arena->backing.base),
        .index = r.index,
        .segment = trii_load_relaxed(&arena->slots[r.index].segment),
        .segment_offset_bytes = r.fd_offset,
    };
    trii_name_copy(out->label, sizeof out->label, r.label);
    trii_arena_unpin(unconst(arena), r.index);
    return TRI_OK;
}

tri_status tri_region_set_layout(struct tri_arena *arena, tri_handle region, const struct tri_layout *layout,
                                 struct tri_error *err) {
    struct trii_region r;
    uint64_t needed;
    if (!arena || !layout)
        return trii_report_null(arena ? "the layout" : "the arena", err);
    if (arena->imported)
        return trii_peer_refuse(arena, "describing", err);
    tri_status status = trii_arena_pin(arena, region, &r, err);
    if (status != TRI_OK)
        return status;
    status = tri_layout_bytes_needed(layout, &needed, err);
    if (status == TRI_OK && needed > r.size_bytes) {
        char text[96];
        status = trii_fail(err, TRI_INVALID_ARGUMENT, "region \"%s\": %s needs %llu bytes, the region has %llu",
                           r.label, tri_layout_format(layout, text, sizeof text), (unsigned long long)needed,
                           (unsigned long long)r.size_bytes);
    }
    if (status == TRI_OK) {
        struct trii_slot *slot = &arena->slots[r.index];
        pthread_mutex_lock(&arena->lock);
        arena->told[r.index].layout = *layout;
        slot->has_layout = true;
        trii_control_set_layout(arena, r.index, layout);
        pthread_mutex_unlock(&arena->lock);
    }
    trii_error_place(err, status, NULL, NULL, r.label);
    trii_arena_unpin(arena, r.index);
    return status;
}

tri_status tri_region_layout(const struct tri_arena *arena, tri_handle region, struct tri_layout *out,
                             struct tri_error *err) {
    struct tri_arena *own = unconst(arena);
    struct trii_region r;
    if (!arena || !out)
        return trii_report_null(arena ? "the place for the layout" : "the arena", err);
    if (arena->imported)
        return trii_peer_layout(arena, region, out, err);
    tri_status status = trii_arena_pin(own, region, &r, err);
    if (status != TRI_OK)
        return status;
    const struct trii_slot *slot = &arena->slots[r.index];
    pthread_mutex_lock(&own->lock);
    *out = slot->has_layout ? arena->told[r.index].layout : tri_layout_bytes(r.size_bytes);
    pthread_mutex_unlock(&own->lock);
    trii_arena_unpin(own, r.index);
    return TRI_OK;
}

void tri_region_prefault(struct tri_arena *arena, tri_handle handle) {
    struct trii_region region;
    if (!arena || arena->imported || trii_arena_pin(arena, handle, &region, NULL) != TRI_OK)
        return;
    (void)trii_sys_populate(region.bytes, region.mapped_bytes); /* a hint */
    trii_arena_unpin(arena, region.index);
}
