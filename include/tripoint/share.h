/*
 * tripoint/share.h - an arena that other processes of the same user find by name.
 *
 * The process that made an arena serves it under a name; another connects to the name and becomes a *peer*: it asks
 * which regions there are and who holds them, and borrows their bytes under claims, like any technology of the
 * owner's. The arena's records stay with the owner. How far a peer is trusted was decided when the arena was made:
 *
 *   tri_arena_params.shared    trusted peers map the pages, to read or to write, and a control segment with the
 *                              synchronizer's words: tri_peer_arena() is an imported arena (arena.h). A peer that dies
 *                              while writing leaves the region poisoned with its pid.
 *   tri_arena_params.readers   untrusted peers map the pages and can only read: the kernel refuses anything else,
 *                              however they open them. Segments are mapped when they are needed. The owner takes their
 *                              claims, for at most tri_serve_params.claim_limit_ns each.
 *
 * Either way a peer sees whole segments: every region's bytes, claimed or not. What one peer must not see belongs into
 * another arena. No value that a peer writes makes the owner, or another peer, read or write outside the arena.
 *
 * The socket is $XDG_RUNTIME_DIR/tripoint/NAME; without that variable /run/user/UID/tripoint/NAME, else run/NAME in the
 * cache. Its folder is owned by the user and has mode 0700, and the kernel tells who connects.
 *
 * Ownership: serving belongs to the arena and ends with it. A peer belongs to the caller, and its imported arena to the
 *            peer; both keep the pages they have mapped when the owner goes, and then answer TRI_IO to what would have
 *            to be asked.
 * Threads:   everything may be called from any thread, except that tri_arena_unserve() and tri_peer_close() must not
 *            run beside another call on the same server or peer. Serving has one thread of its own. A forked child has
 *            no part in it; it may only close.
 * Errors:    TRI_NOT_FOUND when nobody serves the name; TRI_PERMISSION when somebody does, but not for you.
 *
 * Copyright the Tripoint authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef TRIPOINT_SHARE_H
#define TRIPOINT_SHARE_H

#include <tripoint/view.h>

TRI_BEGIN_DECLS

/** The name of a served arena is 1 … 63 letters, digits, '.', '-' or '_', not beginning with '.'. */
#define TRI_SERVE_NAME_BYTES 64
/** Peers connected at once; one process has at most TRI_SERVE_PEERS_PER_PROCESS of them. */
#define TRI_SERVE_PEERS_MAX 32
#define TRI_SERVE_PEERS_PER_PROCESS 8
/** How far peers are trusted. */
enum tri_sharing {
    TRI_SHARING_TRUSTED = 1,
    TRI_SHARING_READERS = 2
};

/** Claims that one connection of an arena for readers holds at once, and of these on one region. */
#define TRI_PEER_CLAIMS_MAX 16
#define TRI_PEER_CLAIMS_PER_REGION 3

/** Parameters of tri_arena_serve(): set struct_bytes and name, zero means default. */
struct tri_serve_params {
    size_t struct_bytes; /**< sizeof(struct tri_serve_params) */
    const char *name;    /**< copied */
    /** An arena for readers: a peer's claim is taken away after this long, so that a peer that hangs doesn't stop the
     * owner; its tri_peer_view_end() then says so. Default 10 s; TRI_FOREVER for no limit. */
    uint64_t claim_limit_ns;
};

/** Begins to answer peers. TRI_BUSY when the name is being served, TRI_PERMISSION for an arena made neither `shared`
 * nor for `readers`. */
TRI_API TRI_MUST_USE tri_status tri_arena_serve(struct tri_arena *arena, const struct tri_serve_params *params,
                                                 struct tri_error *err);
/** Ends the server, if there is one: connections are closed and claims taken for them released. Peers keep what they
 * have mapped. tri_arena_destroy() does it, too. */
TRI_API void tri_arena_unserve(struct tri_arena *arena);

struct tri_peer;

/** Parameters of tri_peer_connect(): set struct_bytes and name. */
struct tri_connect_params {
    size_t struct_bytes; /**< sizeof(struct tri_connect_params) */
    const char *name;
    bool writable; /**< map the pages for writing, too: TRI_PERMISSION on an arena for readers */
};

TRI_API TRI_MUST_USE tri_status tri_peer_connect(const struct tri_connect_params *params, struct tri_peer **out,
                                                 struct tri_error *err);
/** Unmaps everything and sets *peer to NULL; NULL and pointer to NULL are accepted. Claims still held end as those of a
 * process that died. */
TRI_API void tri_peer_close(struct tri_peer **peer);

struct tri_peer_info {
    char arena[TRI_LABEL_BYTES]; /**< the arena's label */
    int32_t owner_pid;
    enum tri_sharing sharing;
    bool writable;
};
TRI_API void tri_peer_info(const struct tri_peer *peer, struct tri_peer_info *out);

/** A region as its owner tells of it: true when it was asked. */
struct tri_shared_region {
    tri_handle handle; /**< of the owner's arena: the number that the owner knows it by */
    struct tri_region_info info;
    struct tri_layout layout;
    struct tri_sync_info sync;
};

/** Walks the live regions in the order of their index: begin with *cursor 0, until TRI_NOT_FOUND. */
TRI_API TRI_MUST_USE tri_status tri_peer_next(struct tri_peer *peer, uint32_t *cursor, struct tri_shared_region *out,
                                              struct tri_error *err);
TRI_API TRI_MUST_USE tri_status tri_peer_region(struct tri_peer *peer, tri_handle region, struct tri_shared_region *out,
                                                struct tri_error *err);
/** By label: TRI_NOT_FOUND when no region has it, TRI_INVALID_ARGUMENT when several do. */
TRI_API TRI_MUST_USE tri_status tri_peer_find(struct tri_peer *peer, const char *label, tri_handle *out,
                                              struct tri_error *err);

/** Somebody who holds a region, or waits for it. */
struct tri_holder {
    int32_t pid; /**< 0 when not known */
    enum tri_technology technology;
    bool writes;
    bool waits;
    /** Since when: exact for claims that the owner took for a peer; else from when the owner, who looks four times a
     * second, first saw it; 0 when it has not yet. */
    uint64_t age_ns;
};
#define TRI_HOLDERS_MAX 128
/** The holders and waiters of a region: at most `capacity` are stored, *count says how many there are. */
TRI_API TRI_MUST_USE tri_status tri_peer_holders(struct tri_peer *peer, tri_handle region, struct tri_holder *out,
                                                 size_t capacity, size_t *count, struct tri_error *err);

/** Why a region is poisoned, as its owner sees it: TRI_NOT_FOUND when it is not. */
TRI_API TRI_MUST_USE tri_status tri_peer_poison_cause(struct tri_peer *peer, tri_handle region, struct tri_error *out,
                                                      struct tri_error *err);

/** Takes a claim (as host) and lends the region's bytes, as tri_host_view_begin() does for the owner. On an arena for
 * readers only TRI_ACCESS_READ is possible, and waiting asks again each few milliseconds: it doesn't queue. */
TRI_API TRI_MUST_USE tri_status tri_peer_view_begin(struct tri_peer *peer, tri_handle region, enum tri_access access,
                                                    const struct tri_wait *wait, struct tri_host_view *out,
                                                    struct tri_error *err);
/** Gives them back. TRI_BAD_CLAIM on an arena for readers may mean that the limit on claims was reached: what was read
 * may have been overwritten meanwhile. The view is over in either case. */
TRI_API TRI_MUST_USE tri_status tri_peer_view_end(struct tri_peer *peer, struct tri_host_view *view,
                                                  struct tri_error *err);

/** The arena as this peer sees it (arena.h: "imported"), made when it is first asked for and gone with the peer: for
 * native claims of other technologies, several regions at once, poisoning. TRI_PERMISSION on an arena for readers. */
TRI_API TRI_MUST_USE tri_status tri_peer_arena(struct tri_peer *peer, struct tri_arena **out, struct tri_error *err);

TRI_END_DECLS

#endif
