/*
 * Serving: one thread that answers peers, a packet at a time.
 *
 * What a peer can make it do is bounded: TRI_SERVE_PEERS_MAX connections, of these TRI_SERVE_PEERS_PER_PROCESS of one
 * process; one request of each connection a round; an answer that the peer does not read, a packet that is no request
 * and a connection that says nothing for HELLO_NS end the connection. Nothing is allocated for a peer.
 */
#include "share/serve.h"

#include "base/alloc.h"
#include "base/atomic.h"
#include "base/params.h"
#include "base/status.h"
#include "base/sys.h"

#include <errno.h>
#include <poll.h>

#define CLAIM_LIMIT_NS UINT64_C(10000000000)
#define TICK_NS 250000000u
#define HELLO_NS 2000000000u
#define PAUSE_NS 50000000u /* when a connection can't be accepted: out of descriptors */

/* ---- connections ---- */

static void drop(struct trii_server *server, uint32_t at) {
    trii_serve_end(server, &server->clients[at]);
    trii_sys_close(server->clients[at].fd);
    server->clients[at] = server->clients[--server->client_count];
}

static uint32_t count_of(const struct trii_server *server, int32_t pid) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < server->client_count; i++)
        count += server->clients[i].pid == pid;
    return count;
}

/* Says why and hangs up; whether it is heard does not matter. */
static void refuse(struct trii_server *server, int fd, tri_status status, const char *why) {
    struct trii_answer *out = &server->answer;
    *out = (struct trii_answer){.magic = TRII_SHARE_MAGIC, .verb = TRII_VERB_HELLO};
    out->status = trii_fail(&out->body.error, status, "arena \"%s\": %s", trii_arena_label(server->arena), why);
    out->body_bytes = sizeof out->body.error;
    (void)trii_sys_send(fd, out, TRII_ANSWER_HEAD_BYTES + out->body_bytes, -1);
    trii_sys_close(fd);
}

static void accept_one(struct trii_server *server, uint64_t now_ns) {
    int fd;
    int32_t pid;
    uint32_t uid;
    int failed = trii_sys_accept(server->meeting.listening, &fd);
    if (failed) {
        if (failed == EMFILE || failed == ENFILE || failed == ENOMEM) /* the caller stays in the queue: don't spin */
            (void)trii_sys_poll(NULL, 0, PAUSE_NS);
        return;
    }
    if (trii_sys_socket_peer(fd, &pid, &uid) != 0 || uid != trii_sys_uid())
        refuse(server, fd, TRI_PERMISSION, "it is shared with processes of its own user only");
    else if (server->client_count == TRI_SERVE_PEERS_MAX || count_of(server, pid) >= TRI_SERVE_PEERS_PER_PROCESS)
        refuse(server, fd, TRI_LIMIT, "it has as many connections as it takes");
    else
        server->clients[server->client_count++] = (struct trii_client){.fd = fd, .pid = pid, .since_ns = now_ns};
}

/* False when the connection is over. */
static bool serve_one(struct trii_server *server, struct trii_client *client) {
    uint8_t packet[sizeof(struct trii_request) + 1];
    struct trii_request request;
    size_t size;
    int pass;
    int failed = trii_sys_receive(client->fd, packet, sizeof packet, &size, NULL);
    if (failed == EAGAIN)
        return true;
    if (failed || !trii_request_read(packet, size, &request))
        return false;
    trii_serve_request(server, client, &request, &pass);
    if (trii_sys_send(client->fd, &server->answer, TRII_ANSWER_HEAD_BYTES + server->answer.body_bytes, pass) != 0)
        return false;
    return request.verb != TRII_VERB_ARENA || server->answer.status != TRI_OK ||
           tri_arena_export(server->arena, client->fd, NULL) == TRI_OK;
}

/* ---- the thread ---- */

struct watched {
    struct pollfd bell, listening, clients[TRI_SERVE_PEERS_MAX];
};

static void wait_for_something(const struct trii_server *server, struct watched *out, uint64_t timeout_ns) {
    *out = (struct watched){.bell = {.fd = server->bell, .events = POLLIN},
                            .listening = {.fd = server->meeting.listening, .events = POLLIN}};
    for (uint32_t i = 0; i < server->client_count; i++)
        out->clients[i] = (struct pollfd){.fd = server->clients[i].fd, .events = POLLIN};
    if (trii_sys_poll(&out->bell, 2 + server->client_count, timeout_ns) != 0)
        for (uint32_t i = 0; i < 2 + server->client_count; i++)
            (&out->bell)[i].revents = 0;
}

static bool is_silent(const struct trii_client *client, uint64_t now_ns) {
    return !client->greeted && now_ns - client->since_ns > HELLO_NS;
}

static void serve(void *user) {
    struct trii_server *server = user;
    struct watched watched;
    uint64_t next_tick = trii_sys_now_ns() + TICK_NS;
    while (!trii_load_acquire(&server->stop)) {
        uint64_t now = trii_sys_now_ns();
        wait_for_something(server, &watched, next_tick > now ? next_tick - now : 0);
        now = trii_sys_now_ns();
        for (uint32_t i = server->client_count; i-- > 0;) /* backwards: the last takes a dropped one's place */
            if (watched.clients[i].revents ? !serve_one(server, &server->clients[i])
                                           : is_silent(&server->clients[i], now))
                drop(server, i);
        if (watched.listening.revents)
            accept_one(server, now);
        if (now >= next_tick) {
            trii_serve_tick(server, now);
            next_tick = now + TICK_NS;
        }
    }
}

/* ---- begin and end ---- */

/* Of one that never ran, too. */
static void discard(struct trii_server *server, bool inherited) {
    while (server->client_count > 0)
        if (inherited) /* the claims are the parent's */
            trii_sys_close(server->clients[--server->client_count].fd);
        else
            drop(server, server->client_count - 1);
    if (server->meeting.folder >= 0)
        trii_meeting_close(&server->meeting, inherited);
    trii_sys_close(server->bell);
    trii_free(server->thread); /* of a forked child, where it does not run */
    trii_free(server);
}

void tri_arena_unserve(struct tri_arena *arena) {
    struct trii_server *server = arena ? trii_arena_take_served(arena) : NULL;
    if (!server)
        return;
    if (!trii_arena_is_copy(arena)) {
        trii_store_release(&server->stop, true);
        trii_sys_ring(server->bell);
        trii_sys_thread_join(&server->thread);
    }
    discard(server, trii_arena_is_copy(arena));
}

static tri_status read_params(const struct tri_arena *arena, const struct tri_serve_params *given,
                              struct tri_serve_params *out, struct tri_error *err) {
    *out = (struct tri_serve_params){.name = NULL};
    if (!arena || !given)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "serve: %s must not be NULL",
                         arena ? "the parameters" : "the arena");
    tri_status status = trii_params_read(out, sizeof *out, given, "tri_serve_params", err);
    if (status != TRI_OK)
        return status;
    if (trii_arena_is_copy(arena))
        return trii_fail(err, TRI_PERMISSION,
                         "serve: the arena belongs to the process that made it, not to a forked child");
    if (trii_arena_backing(arena) == TRI_BACKING_PRIVATE)
        return trii_fail(err, TRI_PERMISSION,
                         "arena \"%s\" has private pages, which no other process can map: make it with "
                         "TRI_BACKING_MEMFD, and `shared` or for `readers`",
                         trii_arena_label(arena));
    if (!trii_arena_is_shared(arena) && !trii_arena_is_for_readers(arena))
        return trii_fail(err, TRI_PERMISSION,
                         "arena \"%s\" is this process's alone: one that is served is made `shared` or for `readers`",
                         trii_arena_label(arena));
    if (out->claim_limit_ns == 0)
        out->claim_limit_ns = CLAIM_LIMIT_NS;
    return TRI_OK;
}

tri_status tri_arena_serve(struct tri_arena *arena, const struct tri_serve_params *given, struct tri_error *err) {
    struct tri_serve_params params;
    tri_status status = read_params(arena, given, &params, err);
    if (status != TRI_OK)
        return status;
    struct trii_server *server = trii_calloc(1, sizeof *server);
    if (!server)
        return trii_fail(err, TRI_NO_MEMORY, "arena \"%s\": no memory to serve it", trii_arena_label(arena));
    *server = (struct trii_server){
        .arena = arena,
        .meeting = {.folder = -1, .listening = -1},
        .bell = -1,
        .claim_limit_ns = params.claim_limit_ns};
    int failed = trii_sys_bell(&server->bell);
    if (failed)
        status = trii_fail_errno(err, TRI_IO, failed, "arena \"%s\": can't serve it", trii_arena_label(arena));
    if (status == TRI_OK)
        status = trii_meeting_open(params.name, &server->meeting, err);
    if (status == TRI_OK && !trii_arena_set_served(arena, server, tri_arena_unserve))
        status = trii_fail(err, TRI_BUSY, "arena \"%s\" is served already", trii_arena_label(arena));
    else if (status == TRI_OK && (failed = trii_sys_thread_start(&server->thread, "tri-share", serve, server)) != 0) {
        (void)trii_arena_take_served(arena);
        status = trii_fail_errno(err, TRI_NO_MEMORY, failed, "arena \"%s\": no thread to answer its peers",
                                 trii_arena_label(arena));
    }
    if (status != TRI_OK)
        discard(server, false);
    return status;
}
