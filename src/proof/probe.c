#include "proof/probe.h"

#include "base/alloc.h"
#include "base/atomic.h"
#include "base/checked.h"
#include "base/status.h"

#include <errno.h>

#define PAGE ((uint64_t)TRI_PAGE_BYTES)
#define RUN_MAX 512u /* pages that are opened at once at most, before whole mappings are */

/* ---- spans ---- */

static uint64_t bytes_of(const struct trii_closed *span) {
    return span->pages * PAGE;
}

static struct trii_closed *find(struct trii_probe *probe, uintptr_t at) {
    uint32_t count = trii_load_acquire(&probe->span_count);
    for (uint32_t i = 0; i < count; i++) {
        uintptr_t begin = trii_load_acquire(&probe->spans[i].begin);
        if (begin && at - begin < bytes_of(&probe->spans[i]))
            return &probe->spans[i];
    }
    return NULL;
}

/* A place in the table: one whose mapping is gone, or the next. */
static struct trii_closed *vacant(struct trii_probe *probe) {
    uint32_t count = trii_load_relaxed(&probe->span_count);
    for (uint32_t i = 0; i < count; i++)
        if (!trii_load_relaxed(&probe->spans[i].begin))
            return &probe->spans[i];
    return count < TRII_PROBE_SPANS_MAX ? &probe->spans[count] : NULL;
}

static int add(struct trii_probe *probe, uintptr_t begin, uint64_t bytes, uint64_t first, enum trii_protection allowed) {
    struct trii_closed *span = vacant(probe);
    if (!span)
        return EMFILE;
    _Atomic unsigned char *states = trii_calloc(bytes / PAGE, 1);
    if (!states)
        return ENOMEM;
    trii_free((void *)span->states);
    span->states = states;
    span->pages = bytes / PAGE;
    span->first = first;
    trii_store_relaxed(&span->allowed, (uint32_t)allowed);
    trii_store_release(&span->begin, begin); /* the handler reads it first */
    if (span == &probe->spans[trii_load_relaxed(&probe->span_count)])
        trii_add_acq_rel(&probe->span_count, 1u);
    return 0;
}

/* What of a mapping no span covers yet becomes one. */
static int add_rest(struct trii_probe *probe, const struct trii_mapping *mapping, uint64_t first) {
    enum trii_protection allowed = mapping->writes  ? TRII_PROT_READ_WRITE
                                   : mapping->reads ? TRII_PROT_READ
                                                    : TRII_PROT_NONE;
    int failed = 0;
    for (uintptr_t at = mapping->begin, end; at < mapping->end && !failed; at = end) {
        struct trii_closed *known = find(probe, at);
        if (known) {
            end = trii_load_relaxed(&known->begin) + bytes_of(known);
            continue;
        }
        for (end = at + PAGE; end < mapping->end && !find(probe, end); end += PAGE)
            ;
        failed = add(probe, at, end - at, first + (at - mapping->begin) / PAGE, allowed);
    }
    return failed;
}

/* A segment where the arena has it, and wherever else /proc says that it is mapped. */
static int scan_segment(struct trii_probe *probe, const struct trii_maps *maps,
                        const struct trii_arena_segment *segment) {
    uint64_t device, inode;
    int failed = 0;
    if (!find(probe, (uintptr_t)segment->bytes))
        failed = add(probe, (uintptr_t)segment->bytes, segment->size_bytes, segment->first_page, TRII_PROT_READ_WRITE);
    if (failed || segment->fd < 0)
        return failed;
    failed = trii_sys_file_identity(segment->fd, &device, &inode);
    for (size_t i = 0; i < maps->count && !failed; i++)
        if (maps->item[i].shared && maps->item[i].inode == inode && maps->item[i].device == device)
            failed = add_rest(probe, &maps->item[i], segment->first_page + maps->item[i].offset / PAGE);
    return failed;
}

static int scan(struct trii_probe *probe, const struct trii_maps *maps) {
    struct trii_arena_segment segment;
    int failed = 0;
    for (uint32_t i = 0; !failed && trii_arena_segment_at(probe->arena, i, &segment); i++)
        failed = scan_segment(probe, maps, &segment);
    return failed;
}

/* ---- what is open ---- */

static uint32_t state_of(const struct trii_closed *span, uint64_t page) {
    return trii_load_relaxed(&span->states[page]) & TRII_PAGE_STATE;
}

/* How many more borders there are when a page goes from one state to another. */
static int borders_with(const struct trii_closed *span, uint64_t page, uint32_t before, uint32_t after) {
    int change = 0;
    if (page > 0)
        change += (state_of(span, page - 1) != after) - (state_of(span, page - 1) != before);
    if (page + 1 < span->pages)
        change += (state_of(span, page + 1) != after) - (state_of(span, page + 1) != before);
    return change;
}

/* True for the thread that took the page to `state`. */
static bool advance(struct trii_probe *probe, struct trii_closed *span, uint64_t page, uint32_t state, uint32_t mark) {
    unsigned char old = trii_load_relaxed(&span->states[page]);
    do {
        if ((old & TRII_PAGE_STATE) >= state)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&span->states[page], &old,
                                                    (unsigned char)(state | mark | (old & TRII_PAGE_UNSEEN)),
                                                    memory_order_acq_rel, memory_order_relaxed));
    trii_add_relaxed(&probe->borders, borders_with(span, page, old & TRII_PAGE_STATE, state));
    return true;
}

/* How many pages are opened at once: see the head of probe.h. 0: the whole mapping. */
static uint64_t run_length(const struct trii_probe *probe) {
    int64_t left = probe->budget - trii_load_relaxed(&probe->borders);
    uint64_t length = 1;
    if (left < 8)
        return 0;
    while (length < RUN_MAX && left <= probe->budget / 2) {
        left *= 2;
        length *= 2;
    }
    return length;
}

static int open_run(struct trii_probe *probe, struct trii_closed *span, uint64_t begin, uint64_t end, uint32_t state) {
    for (uint64_t i = begin; i < end; i++)
        if (state_of(span, i) > state)
            state = state_of(span, i);
    for (uint64_t i = begin; end - begin > 1 && i < end; i++)
        (void)advance(probe, span, i, state, TRII_PAGE_UNSEEN);
    return trii_sys_protect((void *)(trii_load_relaxed(&span->begin) + begin * PAGE), (end - begin) * PAGE,
                            state == TRII_PAGE_WRITTEN ? TRII_PROT_READ_WRITE : TRII_PROT_READ);
}

/* A page that has its state, and so many neighbours as there is no budget for. */
static bool open_page(struct trii_probe *probe, struct trii_closed *span, uint64_t page) {
    uint64_t length = run_length(probe);
    uint64_t begin = length ? page / length * length : 0;
    uint64_t end = length ? trii_min_u64(begin + length, span->pages) : span->pages;
    uint32_t state = state_of(span, page);
    return open_run(probe, span, begin, end, state) == 0 || open_run(probe, span, 0, span->pages, state) == 0;
}

/* ---- touches ---- */

static void note(struct trii_probe *probe, uint64_t page, const struct trii_seen *how) {
    uint64_t at = trii_add_relaxed(&probe->seen_count, 1u);
    if (at >= probe->seen_max)
        return;
    probe->seen[at] = *how;
    probe->seen[at].page = page;
}

static uint32_t state_for(bool writes) {
    return writes ? TRII_PAGE_WRITTEN : TRII_PAGE_READ;
}

static bool is_allowed(const struct trii_closed *span, bool writes) {
    uint32_t allowed = trii_load_acquire(&span->allowed);
    return allowed == TRII_PROT_READ_WRITE || (allowed == TRII_PROT_READ && !writes);
}

bool trii_probe_touch(struct trii_probe *probe, uintptr_t at, uint64_t bytes, const struct trii_seen *how) {
    const uintptr_t end = at + (bytes ? bytes : 1);
    for (uintptr_t address = at & ~(uintptr_t)(PAGE - 1); address < end; address += PAGE) {
        struct trii_closed *span = find(probe, address);
        if (!span || !is_allowed(span, how->writes))
            return false;
        uint64_t page = (address - trii_load_relaxed(&span->begin)) / PAGE;
        if (advance(probe, span, page, state_for(how->writes), 0))
            note(probe, span->first + page, how);
        if (!open_page(probe, span, page))
            return false;
    }
    return true;
}

void trii_probe_note(struct trii_probe *probe, uint64_t page, uint64_t pages, const struct trii_seen *how) {
    for (uint64_t i = 0; i < pages; i++)
        note(probe, page + i, how);
}

/* A function of libc without a frame has its caller's address on top of the stack, or in the link register. Whether it
 * is one is found out later. The word may lie in what a sanitizer has marked as nobody's. */
__attribute__((no_sanitize("address", "thread"))) static uintptr_t caller_of(const struct trii_touch *touch) {
    return touch->link || touch->stack % sizeof(uintptr_t) != 0 ? touch->link : *(const volatile uintptr_t *)touch->stack;
}

static bool touched(void *user, const struct trii_touch *touch) {
    struct trii_probe *probe = user;
    if (!find(probe, touch->address))
        return false;
    const struct trii_seen how = {.code = touch->code, .caller = caller_of(touch), .writes = touch->writes};
    return trii_probe_touch(probe, touch->address, 1, &how);
}

/* ---- closing ---- */

static int close_span(struct trii_probe *probe, struct trii_closed *span) {
    int64_t borders = 0;
    uintptr_t begin = trii_load_relaxed(&span->begin);
    if (!begin)
        return 0;
    for (uint64_t i = 0; i < span->pages; i++) {
        borders += i > 0 && state_of(span, i) != state_of(span, i - 1);
    }
    for (uint64_t i = 0; i < span->pages; i++)
        trii_store_relaxed(&span->states[i], TRII_PAGE_CLOSED);
    trii_sub_relaxed(&probe->borders, borders);
    return trii_sys_protect((void *)begin, bytes_of(span), TRII_PROT_NONE);
}

static int close_spans(struct trii_probe *probe) {
    int failed = 0;
    for (uint32_t i = 0; i < trii_load_relaxed(&probe->span_count) && !failed; i++)
        failed = close_span(probe, &probe->spans[i]);
    return failed;
}

/* Known mappings are closed before /proc is read: closed ones are one line each there. */
static int close_all(struct trii_probe *probe) {
    struct trii_maps maps = {0};
    int failed = close_spans(probe);
    if (!failed)
        failed = trii_maps_read(&maps);
    if (!failed)
        failed = scan(probe, &maps);
    if (!failed)
        failed = close_spans(probe);
    int64_t most = (int64_t)trii_min_u64(probe->mappings_max, INT32_MAX), left = most - (int64_t)maps.count;
    trii_maps_free(&maps);
    probe->budget = left - (most / 16 < 1024 ? most / 16 : 1024); /* others map things meanwhile */
    trii_store_relaxed(&probe->borders, 0);
    trii_store_relaxed(&probe->seen_count, 0u);
    return failed;
}

static tri_status fail(const struct trii_probe *probe, int failed, struct tri_error *err) {
    return trii_fail_errno(err, TRI_NO_MEMORY, failed, "proof: the pages of arena \"%s\" can't be closed",
                           trii_arena_label(probe->arena));
}

tri_status trii_probe_close_all(struct trii_probe *probe, struct tri_error *err) {
    int failed = trii_guard_to_front();
    if (!failed)
        failed = close_all(probe);
    return failed ? fail(probe, failed, err) : TRI_OK;
}

void trii_probe_unseen(struct trii_probe *probe, void (*tell)(void *user, uint64_t page), void *user) {
    for (uint32_t i = 0; i < trii_load_relaxed(&probe->span_count); i++) {
        const struct trii_closed *span = &probe->spans[i];
        for (uint64_t page = 0; trii_load_relaxed(&span->begin) && page < span->pages; page++)
            if (trii_load_relaxed(&span->states[page]) & TRII_PAGE_UNSEEN)
                tell(user, span->first + page);
    }
}

/* ---- mappings of a technology's own ---- */

bool trii_probe_allow(struct trii_probe *probe, void *at, uint64_t bytes, enum trii_protection allowed, int *failed) {
    struct trii_closed *span = find(probe, (uintptr_t)at);
    *failed = 0;
    if (!span || trii_load_relaxed(&span->begin) != (uintptr_t)at || bytes_of(span) != bytes)
        return false;
    trii_store_release(&span->allowed, (uint32_t)allowed);
    *failed = close_span(probe, span);
    return true;
}

void trii_probe_forget(struct trii_probe *probe, void *at, uint64_t bytes) {
    uint32_t count = trii_load_relaxed(&probe->span_count);
    for (uint32_t i = 0; i < count; i++) {
        uintptr_t begin = trii_load_relaxed(&probe->spans[i].begin);
        if (begin && begin - (uintptr_t)at < bytes)
            trii_store_release(&probe->spans[i].begin, (uintptr_t)0);
    }
}

/* ---- beginning and ending ---- */

static uint64_t arena_pages(struct tri_arena *arena) {
    struct trii_arena_segment segment;
    uint64_t pages = 0;
    for (uint32_t i = 0; trii_arena_segment_at(arena, i, &segment); i++)
        pages += segment.size_bytes / PAGE;
    return pages;
}

static tri_status take_memory(struct trii_probe *probe, struct tri_error *err) {
    void *seen = NULL;
    probe->spans = trii_calloc(TRII_PROBE_SPANS_MAX, sizeof *probe->spans);
    probe->seen_max = 4 * arena_pages(probe->arena) + 65536; /* two a page and mapping: the usual are the host's and one more */
    probe->seen_bytes = (probe->seen_max * sizeof *probe->seen + PAGE - 1) & ~(PAGE - 1);
    int failed = probe->spans ? trii_sys_reserve(probe->seen_bytes, &seen) : ENOMEM;
    probe->seen = seen;
    if (!failed)
        failed = trii_sys_map_private(seen, probe->seen_bytes, TRII_PROT_READ_WRITE);
    return failed ? fail(probe, failed, err) : TRI_OK;
}

tri_status trii_probe_begin(struct trii_probe *probe, struct tri_arena *arena, uint64_t mappings_max,
                            struct tri_error *err) {
    *probe = (struct trii_probe){.guard = {.touched = touched, .user = probe},
                                 .arena = arena,
                                 .mappings_max = mappings_max ? mappings_max : trii_maps_limit()};
    tri_status status = take_memory(probe, err);
    if (status != TRI_OK)
        return status;
    int failed = trii_guard_add(&probe->guard);
    if (failed == ENOTSUP)
        return trii_fail(err, TRI_UNSUPPORTED, "proof: this processor's faults can't be read: x86-64 and arm64 can");
    if (failed)
        return fail(probe, failed, err);
    probe->armed = true;
    return trii_probe_close_all(probe, err);
}

static void open_all(struct trii_probe *probe) {
    for (uint32_t i = 0; i < trii_load_relaxed(&probe->span_count); i++) {
        struct trii_closed *span = &probe->spans[i];
        uintptr_t begin = trii_load_relaxed(&span->begin);
        if (begin) /* back to the one mapping that it was: needs no more of them */
            (void)trii_sys_protect((void *)begin, bytes_of(span), (enum trii_protection)trii_load_relaxed(&span->allowed));
    }
}

void trii_probe_end(struct trii_probe *probe) {
    if (probe->spans)
        open_all(probe);
    if (probe->armed)
        trii_guard_remove(&probe->guard);
    for (uint32_t i = 0; probe->spans && i < trii_load_relaxed(&probe->span_count); i++)
        trii_free((void *)probe->spans[i].states);
    trii_free(probe->spans);
    if (probe->seen)
        trii_sys_unmap(probe->seen, probe->seen_bytes);
    probe->spans = NULL;
    probe->seen = NULL;
    probe->armed = false;
    trii_store_relaxed(&probe->span_count, 0u);
}
