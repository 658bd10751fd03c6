/*
 * The probe: mappings of arena pages, kept closed; what is seen when they are touched.
 *
 * Page states, one byte a page of a mapping:
 *
 *   CLOSED ──load──> READ ──store──> WRITTEN        a store to a closed page goes straight to WRITTEN
 *
 * A transition is made by one thread, by a compare-and-swap, and that thread notes it; then the page is opened so far.
 * A page may be opened together with its neighbours (see budget); theirs is marked UNSEEN.
 *
 * The kernel splits a mapping wherever two neighbouring pages are open differently, and limits how many there may be.
 * `budget` is how many more such borders are allowed. The more of it is used, the larger the runs that are opened at
 * once: 1 page until half is used, then 2, then 4, and in the end whole mappings.
 *
 * Threads: `begin`, `close_all`, `scan`, `end` by one thread while nothing works on the arena; everything else by any.
 * Whatever runs in the signal handler takes no lock and no memory.
 */
#ifndef TRIPOINT_PROOF_PROBE_H
#define TRIPOINT_PROOF_PROBE_H

#include "arena/arena.h"
#include "base/guard.h"
#include "base/maps.h"
#include "base/sys.h"

#include <stdatomic.h>

#define TRII_PROBE_SPANS_MAX 4096

enum { TRII_PAGE_CLOSED = 0, TRII_PAGE_READ = 1, TRII_PAGE_WRITTEN = 2, TRII_PAGE_STATE = 3, TRII_PAGE_UNSEEN = 0x80 };

/* One mapping of arena pages. */
struct trii_closed {
    _Atomic uintptr_t begin; /* 0: it is gone */
    uint64_t pages;
    uint64_t first;              /* the number of its first page in the arena */
    _Atomic uint32_t allowed;    /* enum trii_protection: never opened beyond it */
    _Atomic unsigned char *states;
};

/* One first touch, in the order in which they were seen. */
struct trii_seen {
    uintptr_t code;
    uintptr_t caller; /* what lay on top of the stack: the caller, where a function of libc has no frame */
    uint64_t page;    /* of the arena */
    uint32_t call;    /* the number of the system call, plus one; 0: an instruction */
    bool writes;
};

struct trii_probe {
    struct trii_guard guard;
    struct tri_arena *arena;
    struct trii_closed *spans; /* SPANS_MAX */
    _Atomic uint32_t span_count;
    struct trii_seen *seen; /* `seen_max`, in memory that costs only what is used */
    uint64_t seen_max, seen_bytes;
    _Atomic uint64_t seen_count; /* may exceed seen_max: what is beyond was lost */
    _Atomic int64_t borders;     /* between pages that are open differently */
    int64_t budget;
    uint64_t mappings_max;
    bool armed; /* the guard is in place */
};

tri_status trii_probe_begin(struct trii_probe *probe, struct tri_arena *arena, uint64_t mappings_max,
                            struct tri_error *err);
/* Opens everything and gives it back; also a probe that was begun half. */
void trii_probe_end(struct trii_probe *probe);
/* Looks for mappings of the arena that it does not know yet, closes every page and forgets what was seen. */
tri_status trii_probe_close_all(struct trii_probe *probe, struct tri_error *err);
/* Every page that was opened with a neighbour since, once for each mapping of it. */
void trii_probe_unseen(struct trii_probe *probe, void (*tell)(void *user, uint64_t page), void *user);

/* What a technology's own mapping allows from now on; false for one that the probe does not know. */
bool trii_probe_allow(struct trii_probe *probe, void *at, uint64_t bytes, enum trii_protection allowed, int *failed);
/* Mappings that are about to go. */
void trii_probe_forget(struct trii_probe *probe, void *at, uint64_t bytes);

/* In a signal handler: notes and opens what an instruction or a system call is about to touch. False when some of it
 * lies in no span, or beyond what is allowed. */
bool trii_probe_touch(struct trii_probe *probe, uintptr_t at, uint64_t bytes, const struct trii_seen *how);
/* The same for pages by number, without opening anything: a system call that goes through the file. */
void trii_probe_note(struct trii_probe *probe, uint64_t page, uint64_t pages, const struct trii_seen *how);

#endif
