/* A peer's looks at the regions of an imported arena. Nothing that is read from the table is believed: see control.h. */
#include "arena/inside.h"

#include "base/checked.h"
#include "base/status.h"

#include <inttypes.h>
#include <string.h>

/* An owner that dies in the middle of writing leaves an odd revision for ever. */
#define TRIES 10000

/* An entry, copied once and checked. */
struct looked {
    uint64_t size_bytes;
    uint32_t first, units, segment;
    char label[TRI_LABEL_BYTES];
    struct tri_layout layout;
};

static void load_words(void *to, const _Atomic uint64_t *from, size_t words) {
    for (size_t i = 0; i < words; i++) {
        uint64_t word = trii_load_acquire(&from[i]);
        memcpy((char *)to + i * sizeof word, &word, sizeof word); /* not payload: a record */
    }
}

static bool is_live_word(uint64_t word, tri_handle handle) {
    return trii_word_state(word) == TRII_SLOT_LIVE && trii_word_generation(word) == trii_handle_generation(handle);
}

bool trii_peer_is_live(const struct tri_arena *arena, tri_handle handle) {
    return trii_handle_arena(handle) == arena->id && trii_handle_generation(handle) != 0 &&
           is_live_word(trii_load_acquire(&arena->control.entries[trii_handle_index(handle)].word), handle);
}

/* False when the entry changed meanwhile, again and again. */
static bool copy_entry(const struct trii_entry *entry, struct looked *out, uint64_t *word) {
    for (int i = 0; i < TRIES; i++) {
        uint64_t before = trii_load_acquire(&entry->revision);
        *word = trii_load_acquire(&entry->word);
        uint64_t extent = trii_load_acquire(&entry->extent);
        out->size_bytes = trii_load_acquire(&entry->size_bytes);
        out->first = (uint32_t)(extent >> 32);
        out->units = (uint32_t)extent;
        load_words(out->label, entry->label, TRII_ENTRY_LABEL_WORDS);
        load_words(&out->layout, entry->layout, TRII_ENTRY_LAYOUT_WORDS);
        if (before % 2 == 0 && trii_load_acquire(&entry->revision) == before)
            return true;
        trii_cpu_relax();
    }
    return false;
}

/* The pages must lie in one segment, the bytes in the pages, the layout in the bytes. */
static bool is_sound(const struct trii_backing *backing, struct looked *looked) {
    uint64_t needed;
    if (looked->units == 0 || looked->size_bytes == 0 ||
        looked->size_bytes > (uint64_t)looked->units << backing->unit_shift ||
        looked->size_bytes > TRI_SEGMENT_MAX_BYTES)
        return false;
    looked->label[sizeof looked->label - 1] = '\0';
    if (tri_layout_bytes_needed(&looked->layout, &needed, NULL) != TRI_OK || needed > looked->size_bytes)
        return false;
    for (uint32_t i = 0; i < backing->segment_count; i++) {
        const struct trii_segment *segment = &backing->segments[i];
        if (looked->first < segment->first || looked->first - segment->first >= segment->units)
            continue;
        looked->segment = i;
        return trii_range_fits(looked->first - segment->first, looked->units, segment->units);
    }
    return false;
}

static tri_status look(const struct tri_arena *arena, tri_handle handle, struct looked *out, struct tri_error *err) {
    struct looked looked = {.size_bytes = 0};
    uint64_t word;
    if (trii_arena_is_inherited(arena))
        return trii_report_handle(arena, handle, err);
    if (handle == TRI_HANDLE_NONE || trii_handle_arena(handle) != arena->id)
        return trii_fail(err, TRI_BAD_HANDLE, "imported arena \"%s\": handle 0x%016" PRIx64 " is of another arena",
                         arena->label, handle);
    if (!copy_entry(&arena->control.entries[trii_handle_index(handle)], &looked, &word))
        return trii_fail(err, TRI_BAD_HANDLE,
                         "imported arena \"%s\": the entry of handle 0x%016" PRIx64 " is never whole: its owner died "
                         "while writing it",
                         arena->label, handle);
    if (!is_live_word(word, handle) || trii_handle_generation(handle) == 0)
        return trii_fail(err, TRI_BAD_HANDLE,
                         "imported arena \"%s\": handle 0x%016" PRIx64 " is of no region that lives: freed, or made up",
                         arena->label, handle);
    if (!is_sound(&arena->backing, &looked))
        return trii_fail(err, TRI_BAD_HANDLE,
                         "imported arena \"%s\": the entry of handle 0x%016" PRIx64 " is damaged: it does not fit the "
                         "arena's segments",
                         arena->label, handle);
    *out = looked;
    return TRI_OK;
}

tri_status trii_peer_resolve(const struct tri_arena *arena, tri_handle handle, struct trii_region *out,
                             struct tri_error *err) {
    struct looked looked;
    tri_status status = look(arena, handle, &looked, err);
    if (status != TRI_OK)
        return status;
    const struct trii_backing *backing = &arena->backing;
    const struct trii_segment *segment = &backing->segments[looked.segment];
    *out = (struct trii_region){
        .arena = (struct tri_arena *)arena,
        .handle = handle,
        .index = trii_handle_index(handle),
        .generation = trii_handle_generation(handle),
        .bytes = trii_backing_at(backing, looked.first),
        .size_bytes = looked.size_bytes,
        .mapped_bytes = (uint64_t)looked.units << backing->unit_shift,
        .fd = segment->fd,
        .fd_offset = (uint64_t)(looked.first - segment->first) << backing->unit_shift,
        .label = "an imported region", /* the owner may write its own at any time */
    };
    return TRI_OK;
}

tri_status trii_peer_info(const struct tri_arena *arena, tri_handle handle, struct tri_region_info *out,
                          struct tri_error *err) {
    struct looked looked;
    tri_status status = look(arena, handle, &looked, err);
    if (status != TRI_OK)
        return status;
    const struct trii_backing *backing = &arena->backing;
    *out = (struct tri_region_info){
        .size_bytes = looked.size_bytes,
        .mapped_bytes = (uint64_t)looked.units << backing->unit_shift,
        .offset_bytes = (uint64_t)looked.first << backing->unit_shift,
        .index = trii_handle_index(handle),
        .segment = looked.segment,
        .segment_offset_bytes = (uint64_t)(looked.first - backing->segments[looked.segment].first)
                                << backing->unit_shift,
    };
    trii_name_copy(out->label, sizeof out->label, looked.label);
    return TRI_OK;
}

tri_status trii_peer_layout(const struct tri_arena *arena, tri_handle handle, struct tri_layout *out,
                            struct tri_error *err) {
    struct looked looked;
    tri_status status = look(arena, handle, &looked, err);
    if (status == TRI_OK)
        *out = looked.layout;
    return status;
}

tri_status trii_peer_refuse(const struct tri_arena *arena, const char *what, struct tri_error *err) {
    return trii_fail(err, TRI_PERMISSION, "arena \"%s\" was imported: %s is for the process that made it", arena->label,
                     what);
}
