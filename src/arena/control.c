/* The control segment: making it, and the owner's side of the table. */
#include "arena/inside.h"
#include "arena/sync_place.h"

#include "base/status.h"
#include "base/sys.h"

#include <string.h>

uint64_t trii_control_bytes(void) {
    return trii_sync_bytes(TRI_REGION_MAX) + TRI_REGION_MAX * sizeof(struct trii_entry);
}

static tri_status map_control(struct tri_arena *arena, int fd, bool fresh, struct tri_error *err) {
    uint64_t bytes = trii_control_bytes();
    void *at = NULL;
    int failed = trii_sys_reserve(bytes, &at);
    if (!failed)
        failed = trii_sys_map_fd(at, bytes, fd, 0, TRII_PROT_READ_WRITE, false);
    tri_status status = TRI_OK;
    if (failed)
        status = trii_fail_errno(err, TRI_NO_MEMORY, failed, "arena \"%s\": can't map its control segment of %llu bytes",
                                 arena->label, (unsigned long long)bytes);
    else
        status = trii_sync_open_at(at, TRI_REGION_MAX, true, fresh, &arena->sync, err);
    if (status != TRI_OK) {
        if (at)
            trii_sys_unmap(at, bytes);
        return status;
    }
    arena->control = (struct trii_control){
        .fd = fd, .bytes = at, .entries = (struct trii_entry *)((uint8_t *)at + trii_sync_bytes(TRI_REGION_MAX))};
    return TRI_OK;
}

tri_status trii_control_create(struct tri_arena *arena, struct tri_error *err) {
    int fd = -1;
    int failed = trii_sys_memfd("tripoint-control", trii_control_bytes(), false, &fd);
    if (failed)
        return trii_fail_errno(err, TRI_NO_MEMORY, failed, "arena \"%s\": can't make its control segment",
                               arena->label);
    tri_status status = map_control(arena, fd, true, err);
    if (status != TRI_OK)
        trii_sys_close(fd);
    return status;
}

tri_status trii_control_adopt(struct tri_arena *arena, int fd, struct tri_error *err) {
    return map_control(arena, fd, false, err);
}

void trii_control_close(struct trii_control *control) {
    if (control->bytes)
        trii_sys_unmap(control->bytes, trii_control_bytes());
    trii_sys_close(control->fd);
    *control = (struct trii_control){.fd = -1};
}

static void store_words(_Atomic uint64_t *to, const void *from, size_t words) {
    for (size_t i = 0; i < words; i++) {
        uint64_t word;
        memcpy(&word, (const char *)from + i * sizeof word, sizeof word); /* not payload: a record */
        trii_store_release(&to[i], word);
    }
}

void trii_control_publish(struct tri_arena *arena, uint32_t index, uint32_t generation) {
    if (!arena->control.entries)
        return;
    struct trii_entry *entry = &arena->control.entries[index];
    const struct trii_slot *slot = &arena->slots[index];
    struct tri_layout layout = tri_layout_bytes(trii_load_relaxed(&slot->size_bytes));
    char label[TRI_LABEL_BYTES] = "";
    trii_name_copy(label, sizeof label, arena->told[index].label);
    trii_add_acq_rel(&entry->revision, 1); /* odd; the release stores below can't come before */
    trii_store_release(&entry->size_bytes, trii_load_relaxed(&slot->size_bytes));
    trii_store_release(&entry->extent, (uint64_t)trii_load_relaxed(&slot->first) << 32 | trii_load_relaxed(&slot->units));
    store_words(entry->label, label, TRII_ENTRY_LABEL_WORDS);
    store_words(entry->layout, &layout, TRII_ENTRY_LAYOUT_WORDS);
    trii_store_release(&entry->word, trii_word_make(generation, TRII_SLOT_LIVE));
    trii_add_acq_rel(&entry->revision, 1);
}

void trii_control_doom(struct tri_arena *arena, uint32_t index, uint32_t generation) {
    if (arena->control.entries)
        trii_store_release(&arena->control.entries[index].word, trii_word_make(generation, TRII_SLOT_DOOMED));
}

void trii_control_set_layout(struct tri_arena *arena, uint32_t index, const struct tri_layout *layout) {
    if (!arena->control.entries)
        return;
    struct trii_entry *entry = &arena->control.entries[index];
    trii_add_acq_rel(&entry->revision, 1);
    store_words(entry->layout, layout, TRII_ENTRY_LAYOUT_WORDS);
    trii_add_acq_rel(&entry->revision, 1);
}
