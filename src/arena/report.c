/* The arena's long sentences: what a bad handle was, and who holds the memory. */
#include "arena/inside.h"

#include "base/checked.h"
#include "base/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAMED_MAX 3 /* holders named in an error */

tri_status trii_report_null(const char *what, struct tri_error *err) {
    return trii_fail(err, TRI_INVALID_ARGUMENT, "arena: %s must not be NULL", what);
}

static tri_status report_foreign(const struct tri_arena *arena, tri_handle handle, struct tri_error *err) {
    char other[TRI_LABEL_BYTES];
    if (trii_registry_label(trii_handle_arena(handle), other))
        return trii_fail(err, TRI_BAD_HANDLE, "arena \"%s\": handle 0x%016" PRIx64 " names a region of arena \"%s\"",
                         arena->label, handle, other);
    return trii_fail(err, TRI_BAD_HANDLE,
                     "arena \"%s\": handle 0x%016" PRIx64 " is of no arena that lives: made up, or its arena was "
                     "destroyed",
                     arena->label, handle);
}

/* Under the lock. */
static tri_status report_own(const struct tri_arena *arena, tri_handle handle, struct tri_error *err) {
    uint32_t index = trii_handle_index(handle), generation = trii_handle_generation(handle);
    const struct trii_slot *slot = &arena->slots[index];
    uint64_t word = trii_load_acquire(&slot->word);
    if (index >= arena->slot_count || generation == 0 || generation > trii_word_generation(word))
        return trii_fail(err, TRI_BAD_HANDLE,
                         "arena \"%s\": handle 0x%016" PRIx64 " was never given out: made up or damaged",
                         arena->label, handle);
    if (generation == trii_word_generation(word) && trii_word_state(word) == TRII_SLOT_DOOMED)
        return trii_fail(err, TRI_BAD_HANDLE,
                         "arena \"%s\": region \"%s\" was freed already (its pages wait for claims or views to end)",
                         arena->label, arena->told[index].label);
    if (generation == trii_word_generation(word))
        return trii_fail(err, TRI_BAD_HANDLE, "arena \"%s\": region \"%s\" was freed already", arena->label,
                         arena->told[index].label);
    return trii_fail(err, TRI_BAD_HANDLE,
                     "arena \"%s\": handle 0x%016" PRIx64 " is stale: its region was freed, and number %u was given "
                     "out anew",
                     arena->label, handle, index);
}

tri_status trii_report_handle(const struct tri_arena *arena, tri_handle handle, struct tri_error *err) {
    if (!err)
        return TRI_BAD_HANDLE;
    if (handle == TRI_HANDLE_NONE)
        return trii_fail(err, TRI_BAD_HANDLE, "arena \"%s\": TRI_HANDLE_NONE (0) names no region", arena->label);
    if (trii_arena_is_inherited(arena))
        return trii_fail(err, TRI_BAD_HANDLE,
                         "arena \"%s\" belongs to the process that made it: a forked child can't use its regions",
                         arena->label);
    if (trii_handle_arena(handle) != arena->id)
        return report_foreign(arena, handle, err);
    pthread_mutex_t *lock = (pthread_mutex_t *)&arena->lock;
    pthread_mutex_lock(lock);
    report_own(arena, handle, err);
    pthread_mutex_unlock(lock);
    return TRI_BAD_HANDLE;
}

static char *size_text(uint64_t bytes, char text[24]) {
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    double value = (double)bytes;
    for (; value >= 1024.0 && unit + 1 < sizeof units / sizeof *units; unit++)
        value /= 1024.0;
    snprintf(text, 24, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return text;
}

/* The largest holders, largest first. Gives how many there are, at most NAMED_MAX. */
static size_t largest_holders(const struct tri_arena *arena, const struct trii_slot *out[NAMED_MAX]) {
    size_t count = 0;
    for (uint32_t i = 0; i < arena->slot_count; i++) {
        const struct trii_slot *slot = &arena->slots[i];
        if (trii_word_state(trii_load_acquire(&slot->word)) == TRII_SLOT_FREE)
            continue;
        size_t at = count < NAMED_MAX ? count++ : NAMED_MAX;
        for (; at > 0 && trii_load_relaxed(&slot->units) > trii_load_relaxed(&out[at - 1]->units); at--)
            if (at < NAMED_MAX)
                out[at] = out[at - 1];
        if (at < NAMED_MAX)
            out[at] = slot;
    }
    return count;
}

tri_status trii_report_exhausted(const struct tri_arena *arena, uint64_t bytes, const char *label,
                                 struct tri_error *err) {
    const struct trii_slot *holders[NAMED_MAX] = {NULL};
    char names[NAMED_MAX * (TRI_LABEL_BYTES + 40)] = "", a[24], b[24], c[24], d[24];
    if (!err)
        return TRI_NO_MEMORY;
    size_t count = largest_holders(arena, holders), used = 0;
    for (size_t i = 0; i < count; i++) {
        bool doomed = trii_word_state(trii_load_acquire(&holders[i]->word)) == TRII_SLOT_DOOMED;
        uint64_t size = (uint64_t)trii_load_relaxed(&holders[i]->units) << arena->backing.unit_shift;
        used += (size_t)snprintf(names + used, sizeof names - used, "%s\"%s\" %s%s", i ? ", " : "; the largest: ",
                                 arena->told[holders[i] - arena->slots].label, size_text(size, a), doomed ? " (freed, still in use)" : "");
    }
    uint64_t in_use = arena->used_units << arena->backing.unit_shift;
    uint32_t unbacked = arena->backing.units - arena->backing.backed;
    uint64_t hole = trii_max_u64(trii_space_largest(&arena->space), unbacked) << arena->backing.unit_shift;
    return trii_fail(err, TRI_NO_MEMORY,
                     "arena \"%s\": no room for region \"%s\" of %s: %s of %s are held by %u regions, the largest hole "
                     "is %s%s",
                     arena->label, label, size_text(bytes, a), size_text(in_use, b),
                     size_text(arena->capacity_bytes, c), arena->occupied - 1, size_text(hole, d), names);
}
