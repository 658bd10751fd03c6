/*
 * The window: where regions lie in the guests' addresses, and their pages behind those addresses.
 *
 * A region has one address for all guests of an engine, given at its first use and kept: the view. Its pages are
 * mapped into a guest's memory at the first call that needs them there, once, closed. Before a call the views that it was
 * granted are opened with the access of its stage, and all others of that guest are closed; what one call has left open and
 * the next one has too stays as it is (docs/decisions/0166-closed-before-the-next-call.md). Nothing runs in a guest between
 * its calls. Views lie apart by at least one page that is never open, so that running over the end of one region never reaches
 * the next.
 *
 * The window is as large as the addresses from WINDOW to SPACE (2 GiB, less than four of the largest regions). When it
 * is full, the views that were used longest ago give way: those that no prepared stage holds and that were never
 * handed out as tri_wasm_view(), whose address is promised for the life of the region.
 *
 * Arenas without a memfd have no second mapping. Their views are fresh pages (staged), and stage.c copies.
 *
 * Ownership: the engine's; every view holds a pin on its region. Threads: under the front door's lock.
 */
#ifndef TRIPOINT_ENGINE_WASM_WINDOW_H
#define TRIPOINT_ENGINE_WASM_WINDOW_H

#include "arena/arena.h"
#include "base/sys.h"

/* Guests of one engine that can see regions; each has a bit. */
#define TRII_WASM_GUESTS_MAX 64
/* Views that are open for a guest at once: those of one call. */
#define TRII_WASM_OPEN_MAX 8

struct trii_wasm_view {
    struct trii_region region; /* pinned */
    uint64_t address;          /* in the guests' space */
    uint64_t mapped;           /* the guests that have the pages, a bit each; likewise */
    uint64_t readable, writable; /* for whom they are open (maybe, where the kernel has refused to close them) */
    uint64_t used_at;          /* the window's clock */
    uint32_t uses;             /* prepared stages, and a peek or poke under way */
    bool promised;             /* its address was handed out */
    bool freed;                /* the region is gone; so is the view after its last use */
};

/* What a call may touch. */
struct trii_grants {
    size_t count;
    struct {
        struct trii_wasm_view *view;
        enum trii_protection protection;
    } item[TRII_WASM_OPEN_MAX];
};

/* The views that are open for one guest. */
struct trii_window_open {
    struct trii_wasm_view *view[TRII_WASM_OPEN_MAX];
    uint32_t count;
};

struct trii_window {
    struct tri_arena *arena;
    bool staged;
    struct trii_wasm_view **by_index; /* TRI_REGION_MAX entries: the view of the region with that number, or NULL */
    struct trii_wasm_view **order;    /* every view by address, lowest first */
    size_t count, capacity;
    uint64_t clock;
    uint64_t attached;                   /* the guests, a bit each */
    uint8_t *bases[TRII_WASM_GUESTS_MAX]; /* their memories */
    struct trii_window_open open[TRII_WASM_GUESTS_MAX];
};

tri_status trii_window_open(struct trii_window *window, struct tri_arena *arena, struct tri_error *err);
/* Unpins everything; guests must be detached before. {0} may be closed. */
void trii_window_close(struct trii_window *window);

/* Lets a guest's memory take part: false when 64 do already. */
bool trii_window_attach(struct trii_window *window, uint8_t *base, uint32_t *guest);
/* The memory goes away, and its mappings with it. */
void trii_window_detach(struct trii_window *window, uint32_t guest);

/* The region's view, made when it has none. */
tri_status trii_window_view(struct trii_window *window, const struct trii_region *region, struct trii_wasm_view **out,
                            struct tri_error *err);
void trii_window_forget(struct trii_window *window, uint32_t index, uint32_t generation);

/* Keeps a view from giving way. */
void trii_window_hold(struct trii_wasm_view *view);
void trii_window_let_go(struct trii_window *window, struct trii_wasm_view *view);

/* Puts the pages behind the address in one guest, closed. */
tri_status trii_window_map(struct trii_window *window, struct trii_wasm_view *view, uint32_t guest,
                           struct tri_error *err);
/* Closes what is open for the guest and not among the grants (NULL: all of it). When that fails something may be open: the
 * guest must not be called any more. */
tri_status trii_window_close_others(struct trii_window *window, uint32_t guest, const struct trii_grants *grants,
                                    struct tri_error *err);
/* Opens and closes them; they must be mapped there. TRI_LIMIT when as many as one call can have are open. */
tri_status trii_window_protect(struct trii_window *window, struct trii_wasm_view *view, uint32_t guest,
                               enum trii_protection protection, struct tri_error *err);
/* Where the host sees that guest's pages of the view. */
uint8_t *trii_window_bytes(const struct trii_window *window, const struct trii_wasm_view *view, uint32_t guest);

/* The view that covers a guest address, or NULL. */
const struct trii_wasm_view *trii_window_at(const struct trii_window *window, uint64_t address);

#endif
