/* A connection to the owner, and what it tells of its regions. */
#include "share/peer.h"

#include "base/alloc.h"
#include "base/atomic.h"
#include "base/params.h"
#include "base/status.h"
#include "base/sys.h"
#include "share/meeting.h"

#include <errno.h>
#include <poll.h>

#define ANSWER_NS UINT64_C(5000000000) /* how long an owner may take */

/* ---- asking ---- */

static tri_status gone(struct tri_peer *peer, int failed, struct tri_error *err) {
    peer->broken = true;
    if (failed)
        return trii_fail_errno(err, TRI_IO, failed, "share \"%s\": the owner, process %d, does not answer", peer->name,
                               peer->info.owner_pid);
    return trii_fail(err, TRI_IO, "share \"%s\": the owner, process %d, has gone or hung up", peer->name,
                     peer->info.owner_pid);
}

/* Until a packet is there. */
static tri_status await(struct tri_peer *peer, struct tri_error *err) {
    struct pollfd ready = {.fd = peer->fd, .events = POLLIN};
    uint64_t deadline = trii_sys_deadline(ANSWER_NS), now;
    int failed;
    do {
        now = trii_sys_now_ns();
        failed = trii_sys_poll(&ready, 1, now < deadline ? deadline - now : 0);
    } while (failed == EINTR);
    return failed ? gone(peer, failed, err) : TRI_OK;
}

static tri_status take_answer(struct tri_peer *peer, enum trii_verb verb, int *passed, struct tri_error *err) {
    uint8_t packet[sizeof(struct trii_answer)];
    size_t size = 0;
    int fd = -1;
    tri_status status = await(peer, err);
    if (status != TRI_OK)
        return status;
    int failed = trii_sys_receive(peer->fd, packet, sizeof packet, &size, passed ? &fd : NULL);
    if (failed || size == 0) {
        trii_sys_close(fd);
        return gone(peer, failed, err);
    }
    if (!trii_answer_read(packet, size, verb, &peer->answer)) {
        trii_sys_close(fd);
        peer->broken = true;
        return trii_fail(err, TRI_IO, "share \"%s\": the owner, process %d, answers what is no answer", peer->name,
                         peer->info.owner_pid);
    }
    if (peer->answer.status != TRI_OK) {
        trii_sys_close(fd);
        trii_error_copy(err, &peer->answer.body.error);
        return peer->answer.status;
    }
    if (passed)
        *passed = fd;
    return TRI_OK;
}

tri_status trii_peer_ask(struct tri_peer *peer, enum trii_verb verb, uint64_t value, const char *label, int *passed,
                         struct tri_error *err) {
    struct trii_request request = {.magic = TRII_SHARE_MAGIC, .verb = (uint32_t)verb, .value = value};
    if (peer->pid != trii_sys_pid())
        return trii_fail(err, TRI_PERMISSION, "share \"%s\": a forked child must connect itself", peer->name);
    if (peer->broken)
        return gone(peer, 0, err);
    if (label)
        trii_name_copy(request.label, sizeof request.label, label);
    int failed = trii_sys_send(peer->fd, &request, sizeof request, -1);
    if (failed && failed != EPIPE && failed != ECONNRESET) /* with those the owner may have said why */
        return gone(peer, failed, err);
    return take_answer(peer, verb, passed, err);
}

/* ---- connecting ---- */

static tri_status greet(struct tri_peer *peer, struct tri_error *err) {
    tri_status status = trii_peer_ask(peer, TRII_VERB_HELLO, 0, NULL, NULL, err);
    if (status != TRI_OK)
        return status;
    const struct trii_wire_hello *hello = &peer->answer.body.hello;
    peer->info.owner_pid = hello->pid;
    peer->info.sharing = (enum tri_sharing)hello->sharing;
    trii_name_copy(peer->info.arena, sizeof peer->info.arena, hello->label);
    if (peer->info.sharing == TRI_SHARING_READERS && peer->info.writable)
        return trii_fail(err, TRI_PERMISSION, "share \"%s\": arena \"%s\" lets its peers read only", peer->name,
                         peer->info.arena);
    return TRI_OK;
}

tri_status tri_peer_connect(const struct tri_connect_params *given, struct tri_peer **out, struct tri_error *err) {
    struct tri_connect_params params = {.name = NULL};
    if (!given || !out)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "peer: %s must not be NULL",
                         given ? "the place for the peer" : "the parameters");
    tri_status status = trii_params_read(&params, sizeof params, given, "tri_connect_params", err);
    if (status != TRI_OK)
        return status;
    struct tri_peer *peer = trii_calloc(1, sizeof *peer);
    if (!peer)
        return trii_fail(err, TRI_NO_MEMORY, "peer: no memory for a peer of %zu bytes", sizeof *peer);
    pthread_mutex_init(&peer->lock, NULL);
    peer->fd = -1;
    peer->pid = trii_sys_pid();
    peer->info.writable = params.writable;
    status = trii_meeting_join(params.name, &peer->fd, err);
    if (status == TRI_OK) {
        trii_name_copy(peer->name, sizeof peer->name, params.name);
        status = greet(peer, err);
    }
    if (status != TRI_OK) {
        tri_peer_close(&peer);
        return status;
    }
    *out = peer;
    return TRI_OK;
}

void tri_peer_close(struct tri_peer **handle) {
    if (!handle || !*handle)
        return;
    struct tri_peer *peer = *handle;
    *handle = NULL;
    struct tri_arena *imported = trii_load_relaxed(&peer->imported);
    tri_arena_destroy(&imported);
    for (uint32_t i = 0; i < TRII_SHARE_SEGMENTS; i++)
        if (peer->segments[i].at)
            trii_sys_unmap(peer->segments[i].at, peer->segments[i].bytes);
    trii_sys_close(peer->fd);
    trii_free(peer->places);
    pthread_mutex_destroy(&peer->lock);
    trii_free(peer);
}

void tri_peer_info(const struct tri_peer *peer, struct tri_peer_info *out) {
    if (out)
        *out = peer ? peer->info : (struct tri_peer_info){.owner_pid = 0};
}

/* Under the lock. */
static tri_status import(struct tri_peer *peer, struct tri_error *err) {
    struct tri_import_params params = {.struct_bytes = sizeof params, .read_only = !peer->info.writable};
    struct tri_arena *arena = NULL;
    tri_status status = trii_peer_ask(peer, TRII_VERB_ARENA, 0, NULL, NULL, err);
    if (status == TRI_OK)
        status = await(peer, err);
    if (status != TRI_OK)
        return status;
    status = tri_arena_import(peer->fd, &params, &arena, err);
    if (status == TRI_OK)
        trii_store_release(&peer->imported, arena);
    return status;
}

tri_status tri_peer_arena(struct tri_peer *peer, struct tri_arena **out, struct tri_error *err) {
    tri_status status = TRI_OK;
    if (!peer || !out)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "peer: %s must not be NULL",
                         peer ? "the place for the arena" : "the peer");
    pthread_mutex_lock(&peer->lock);
    if (!trii_load_relaxed(&peer->imported))
        status = import(peer, err);
    if (status == TRI_OK)
        *out = trii_load_relaxed(&peer->imported);
    pthread_mutex_unlock(&peer->lock);
    return status;
}

/* ---- what the owner tells ---- */

static tri_status ask_region(struct tri_peer *peer, enum trii_verb verb, uint64_t value, const char *label,
                             struct tri_shared_region *out, struct tri_error *err) {
    if (!peer || !out)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "peer: %s must not be NULL",
                         peer ? "the place for the answer" : "the peer");
    pthread_mutex_lock(&peer->lock);
    tri_status status = trii_peer_ask(peer, verb, value, label, NULL, err);
    if (status == TRI_OK &&
        !trii_region_from_wire(&peer->answer.body.region, verb == TRII_VERB_REGION ? value : TRI_HANDLE_NONE, out))
        status = trii_fail(err, TRI_IO, "share \"%s\": the owner answers of another region", peer->name);
    pthread_mutex_unlock(&peer->lock);
    return status;
}

tri_status tri_peer_next(struct tri_peer *peer, uint32_t *cursor, struct tri_shared_region *out,
                         struct tri_error *err) {
    struct tri_shared_region region;
    if (!cursor || !out)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "peer: %s must not be NULL",
                         cursor ? "the place for the answer" : "the cursor");
    tri_status status = ask_region(peer, TRII_VERB_NEXT, *cursor, NULL, &region, err);
    if (status != TRI_OK)
        return status;
    if (region.info.index < *cursor) /* else a walk might not end */
        return trii_fail(err, TRI_IO, "share \"%s\": the owner answers of another region", peer->name);
    *cursor = region.info.index + 1;
    *out = region;
    return TRI_OK;
}

tri_status tri_peer_region(struct tri_peer *peer, tri_handle handle, struct tri_shared_region *out,
                           struct tri_error *err) {
    return ask_region(peer, TRII_VERB_REGION, handle, NULL, out, err);
}

tri_status tri_peer_find(struct tri_peer *peer, const char *label, tri_handle *out, struct tri_error *err) {
    struct tri_shared_region region;
    if (!label || !out)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "peer: %s must not be NULL",
                         label ? "the place for the handle" : "the label");
    tri_status status = ask_region(peer, TRII_VERB_FIND, 0, label, &region, err);
    if (status == TRI_OK)
        *out = region.handle;
    return status;
}

static void fill_holders(const struct trii_wire_holders *from, struct tri_holder *out, size_t capacity) {
    for (size_t i = 0; i < from->count && i < capacity; i++)
        out[i] = (struct tri_holder){.pid = from->holders[i].pid,
                                     .technology = (enum tri_technology)from->holders[i].technology,
                                     .writes = from->holders[i].writes != 0,
                                     .waits = from->holders[i].waits != 0,
                                     .age_ns = from->holders[i].age_ns};
}

tri_status tri_peer_holders(struct tri_peer *peer, tri_handle region, struct tri_holder *out, size_t capacity,
                            size_t *count, struct tri_error *err) {
    if (!peer || !count || (!out && capacity > 0))
        return trii_fail(err, TRI_INVALID_ARGUMENT, "peer: %s must not be NULL",
                         peer ? "a place for the answer" : "the peer");
    pthread_mutex_lock(&peer->lock);
    tri_status status = trii_peer_ask(peer, TRII_VERB_HOLDERS, region, NULL, NULL, err);
    if (status == TRI_OK) {
        fill_holders(&peer->answer.body.holders, out, capacity);
        *count = (size_t)peer->answer.body.holders.count;
    }
    pthread_mutex_unlock(&peer->lock);
    return status;
}

tri_status tri_peer_poison_cause(struct tri_peer *peer, tri_handle region, struct tri_error *out,
                                 struct tri_error *err) {
    if (!peer || !out)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "peer: %s must not be NULL",
                         peer ? "the place for the cause" : "the peer");
    pthread_mutex_lock(&peer->lock);
    tri_status status = trii_peer_ask(peer, TRII_VERB_CAUSE, region, NULL, NULL, err);
    if (status == TRI_OK)
        *out = peer->answer.body.cause;
    pthread_mutex_unlock(&peer->lock);
    return status;
}
