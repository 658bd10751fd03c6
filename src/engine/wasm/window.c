#include "engine/wasm/window.h"

#include "base/alloc.h"
#include "base/status.h"
#include "engine/wasm/memory.h"
#include "proof/proof.h"

#define PAGE ((uint64_t)TRI_PAGE_BYTES)
#define MIB(bytes) ((double)(bytes) / 1048576.0)

tri_status trii_window_open(struct trii_window *window, struct tri_arena *arena, struct tri_error *err) {
    bool staged = trii_arena_backing(arena) != TRI_BACKING_MEMFD || trii_arena_is_for_readers(arena);
    *window = (struct trii_window){.arena = arena, .staged = staged};
    window->by_index = trii_calloc(TRI_REGION_MAX, sizeof(struct trii_wasm_view *));
    if (!window->by_index)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for the table of guest views");
    return TRI_OK;
}

static void count_views(struct trii_window *window, int32_t change) {
    trii_arena_count_views(window->arena, change);
}

void trii_window_close(struct trii_window *window) {
    for (size_t i = 0; i < window->count; i++) {
        trii_arena_unpin(window->arena, window->order[i]->region.index);
        count_views(window, -1);
        trii_free(window->order[i]);
    }
    trii_free(window->order);
    trii_free(window->by_index);
    *window = (struct trii_window){0};
}

/* ---- what is open ---- */

static enum trii_protection open_for(const struct trii_wasm_view *view, uint32_t guest) {
    const uint64_t bit = (uint64_t)1 << guest;
    return view->writable & bit ? TRII_PROT_READ_WRITE : view->readable & bit ? TRII_PROT_READ : TRII_PROT_NONE;
}

static void mark(struct trii_window *window, struct trii_wasm_view *view, uint32_t guest, enum trii_protection now) {
    const uint64_t bit = (uint64_t)1 << guest;
    struct trii_window_open *open = &window->open[guest];
    uint32_t at = 0;
    while (at < open->count && open->view[at] != view)
        at++;
    if (now == TRII_PROT_NONE && at < open->count)
        open->view[at] = open->view[--open->count];
    else if (now != TRII_PROT_NONE && at == open->count)
        open->view[open->count++] = view;
    view->readable = now == TRII_PROT_NONE ? view->readable & ~bit : view->readable | bit;
    view->writable = now == TRII_PROT_READ_WRITE ? view->writable | bit : view->writable & ~bit;
}

/* ---- guests ---- */

bool trii_window_attach(struct trii_window *window, uint8_t *base, uint32_t *guest) {
    for (uint32_t g = 0; g < TRII_WASM_GUESTS_MAX; g++) {
        if (window->attached & (uint64_t)1 << g)
            continue;
        window->attached |= (uint64_t)1 << g;
        window->bases[g] = base;
        *guest = g;
        return true;
    }
    return false;
}

void trii_window_detach(struct trii_window *window, uint32_t guest) {
    const uint64_t bit = (uint64_t)1 << guest;
    for (size_t i = 0; i < window->count; i++) {
        struct trii_wasm_view *view = window->order[i];
        if (view->mapped & bit)
            trii_proof_unmaps(window->arena, trii_window_bytes(window, view, guest), view->region.mapped_bytes);
        view->mapped &= ~bit;
        view->readable &= ~bit;
        view->writable &= ~bit;
    }
    window->open[guest].count = 0;
    window->attached &= ~bit;
    window->bases[guest] = NULL;
}

/* ---- addresses ---- */

static uint64_t end_of(const struct trii_wasm_view *view) {
    return view->address + view->region.mapped_bytes;
}

/* Pages from a pool of huge pages can be mapped at multiples of a huge page only. Regions of such arenas are made of
 * whole ones, and where another region looks the same, nothing is lost by treating it so. */
static uint64_t alignment_of(const struct trii_region *region) {
    return region->mapped_bytes % TRII_WASM_ALIGN == 0 && region->fd_offset % TRII_WASM_ALIGN == 0 ? TRII_WASM_ALIGN
                                                                                                  : PAGE;
}

static uint64_t align_up(uint64_t address, uint64_t alignment) {
    return (address + alignment - 1) & ~(alignment - 1); /* addresses lie below SPACE + a region: no overflow */
}

/* The lowest hole that leaves a closed page on either side: its address and where in the order it belongs. */
static bool find_hole(const struct trii_window *window, const struct trii_region *region, uint64_t *address,
                      size_t *position) {
    const uint64_t bytes = region->mapped_bytes, alignment = alignment_of(region);
    uint64_t begin = align_up(TRII_WASM_WINDOW + PAGE, alignment);
    for (size_t i = 0; i <= window->count; i++) {
        uint64_t end = i < window->count ? window->order[i]->address : TRII_WASM_SPACE;
        if (end >= begin + PAGE && bytes <= end - PAGE - begin) {
            *address = begin;
            *position = i;
            return true;
        }
        if (i < window->count)
            begin = align_up(end_of(window->order[i]) + PAGE, alignment);
    }
    return false;
}

static bool make_room(struct trii_window *window) {
    if (window->count < window->capacity)
        return true;
    size_t capacity = window->capacity ? window->capacity * 2 : 16;
    struct trii_wasm_view **order = trii_realloc(window->order, capacity, sizeof *order);
    if (!order)
        return false;
    window->order = order;
    window->capacity = capacity;
    return true;
}

static size_t position_of(const struct trii_window *window, const struct trii_wasm_view *view) {
    size_t i = 0;
    while (window->order[i] != view)
        i++;
    return i;
}

/* Takes the pages out of every guest and gives the pin back. Where the kernel refuses (the process has too many
 * mappings) the pages stay behind, and their addresses are never used again: a view that nobody finds, but for those who
 * close what is open before a guest is called. */
static void drop(struct trii_window *window, struct trii_wasm_view *view) {
    bool gone = true;
    for (uint32_t g = 0; g < TRII_WASM_GUESTS_MAX; g++)
        if (view->mapped & (uint64_t)1 << g) {
            trii_proof_unmaps(window->arena, trii_window_bytes(window, view, g), view->region.mapped_bytes);
            if (trii_sys_unreserve(trii_window_bytes(window, view, g), view->region.mapped_bytes) == 0)
                mark(window, view, g, TRII_PROT_NONE);
            else
                gone = false;
        }
    if (window->by_index[view->region.index] == view)
        window->by_index[view->region.index] = NULL;
    if (!gone) {
        view->freed = true;
        view->uses = 1;
        return;
    }
    size_t at = position_of(window, view);
    window->count--;
    for (size_t i = at; i < window->count; i++)
        window->order[i] = window->order[i + 1];
    trii_arena_unpin(window->arena, view->region.index);
    count_views(window, -1);
    trii_free(view);
}

/* Lets the view that was used longest ago give way; false when all are needed. */
static bool evict(struct trii_window *window) {
    struct trii_wasm_view *oldest = NULL;
    for (size_t i = 0; i < window->count; i++) {
        struct trii_wasm_view *view = window->order[i];
        if (view->uses == 0 && !view->promised && (!oldest || view->used_at < oldest->used_at))
            oldest = view;
    }
    size_t before = window->count;
    if (oldest)
        drop(window, oldest);
    return window->count < before;
}

static tri_status full(const struct trii_window *window, const struct trii_region *region, struct tri_error *err) {
    uint64_t held = 0;
    for (size_t i = 0; i < window->count; i++)
        held += window->order[i]->region.mapped_bytes;
    return trii_fail(err, TRI_LIMIT,
                     "the window through which Wasm guests see regions has no room for the %.1f MiB of '%s': %zu views "
                     "that are in use hold %.1f of its 2048 MiB; destroy plans or free regions",
                     MIB(region->mapped_bytes), region->label, window->count, MIB(held));
}

/* ---- views ---- */

tri_status trii_window_view(struct trii_window *window, const struct trii_region *region, struct trii_wasm_view **out,
                            struct tri_error *err) {
    struct trii_wasm_view *view = window->by_index[region->index];
    if (view && view->region.generation == region->generation) {
        view->used_at = ++window->clock;
        *out = view;
        return TRI_OK;
    }
    uint64_t address;
    size_t at;
    while (!find_hole(window, region, &address, &at))
        if (!evict(window))
            return full(window, region, err);
    if (!make_room(window) || !(view = trii_calloc(1, sizeof *view)))
        return trii_fail(err, TRI_NO_MEMORY, "no memory for the guest view of '%s'", region->label);
    tri_status status = trii_arena_pin(window->arena, region->handle, &view->region, err);
    if (status != TRI_OK) {
        trii_free(view);
        return status;
    }
    view->address = address;
    view->used_at = ++window->clock;
    for (size_t i = window->count; i > at; i--)
        window->order[i] = window->order[i - 1];
    window->order[at] = view;
    window->count++;
    window->by_index[region->index] = view;
    count_views(window, 1);
    *out = view;
    return TRI_OK;
}

void trii_window_forget(struct trii_window *window, uint32_t index, uint32_t generation) {
    struct trii_wasm_view *view = window->by_index[index];
    if (!view || view->region.generation != generation)
        return;
    view->freed = true;
    if (view->uses == 0)
        drop(window, view);
    else
        window->by_index[index] = NULL;
}

void trii_window_hold(struct trii_wasm_view *view) {
    view->uses++;
}

void trii_window_let_go(struct trii_window *window, struct trii_wasm_view *view) {
    if (--view->uses == 0 && view->freed)
        drop(window, view);
}

/* ---- pages ---- */

uint8_t *trii_window_bytes(const struct trii_window *window, const struct trii_wasm_view *view, uint32_t guest) {
    return window->bases[guest] + view->address;
}

tri_status trii_window_map(struct trii_window *window, struct trii_wasm_view *view, uint32_t guest,
                           struct tri_error *err) {
    const uint64_t bit = (uint64_t)1 << guest;
    const struct trii_region *region = &view->region;
    if (view->mapped & bit)
        return TRI_OK;
    uint8_t *at = trii_window_bytes(window, view, guest);
    int failed = window->staged ? trii_sys_map_private(at, region->mapped_bytes, TRII_PROT_NONE)
                                : trii_sys_map_fd(at, region->mapped_bytes, region->fd, region->fd_offset,
                                                  TRII_PROT_NONE, false);
    if (failed)
        return trii_fail_errno(err, TRI_ENGINE_FAILED, failed, "'%s' can't be mapped into the guest's window",
                               region->label);
    view->mapped |= bit;
    return TRI_OK;
}

static bool is_granted(const struct trii_grants *grants, const struct trii_wasm_view *view) {
    for (size_t g = 0; grants && g < grants->count; g++)
        if (grants->item[g].view == view)
            return true;
    return false;
}

tri_status trii_window_close_others(struct trii_window *window, uint32_t guest, const struct trii_grants *grants,
                                    struct tri_error *err) {
    struct trii_window_open *open = &window->open[guest];
    tri_status status = TRI_OK;
    for (uint32_t i = open->count; i-- > 0 && status == TRI_OK;) /* closing moves the last one into the place of this one */
        if (!is_granted(grants, open->view[i]))
            status = trii_window_protect(window, open->view[i], guest, TRII_PROT_NONE, err);
    return status;
}

tri_status trii_window_protect(struct trii_window *window, struct trii_wasm_view *view, uint32_t guest,
                               enum trii_protection protection, struct tri_error *err) {
    const enum trii_protection before = open_for(view, guest);
    uint8_t *at = trii_window_bytes(window, view, guest);
    if (protection == before)
        return TRI_OK;
    if (before == TRII_PROT_NONE && window->open[guest].count == TRII_WASM_OPEN_MAX)
        return trii_fail(err, TRI_LIMIT, "%d regions are open for the guest, and '%s' is one more", TRII_WASM_OPEN_MAX,
                         view->region.label);
    mark(window, view, guest, TRII_PROT_READ_WRITE); /* what is true after a failure is not known */
    int failed = window->staged ? trii_sys_protect(at, view->region.mapped_bytes, protection)
                                : trii_proof_protect(window->arena, at, view->region.mapped_bytes, protection);
    if (failed)
        return trii_fail_errno(err, TRI_ENGINE_FAILED, failed, "'%s' can't be %s in the guest's window",
                               view->region.label, protection == TRII_PROT_NONE ? "closed" : "opened");
    mark(window, view, guest, protection);
    return TRI_OK;
}

const struct trii_wasm_view *trii_window_at(const struct trii_window *window, uint64_t address) {
    for (size_t i = 0; i < window->count; i++)
        if (address >= window->order[i]->address && address < end_of(window->order[i]))
            return window->order[i];
    return NULL;
}
