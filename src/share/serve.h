/*
 * The owner's side, within the room: a server's state. All of it belongs to the server thread once that runs; the
 * arena's records are read through the arena's own functions, and nothing is ever read from memory that a peer can
 * write, but for the synchronizer's words, which mask what they read.
 */
#ifndef TRIPOINT_SHARE_SERVE_H
#define TRIPOINT_SHARE_SERVE_H

#include "arena/arena.h"
#include "share/meeting.h"
#include "share/protocol.h"
#include "sync/holders.h"

/* A claim taken for a peer. One whose limit was reached stays here, released, until the peer gives it back. */
struct trii_lent {
    tri_claim claim; /* TRI_CLAIM_NONE: no claim */
    uint32_t region;
    bool revoked;
    uint64_t since_ns;
};

struct trii_client {
    int fd;
    int32_t pid;
    bool greeted;
    uint64_t since_ns;
    struct trii_lent lent[TRI_PEER_CLAIMS_MAX];
};

#define TRII_AGES_MAX 1024u
/* When the server first saw a claim; in the order in which regions are looked at. */
struct trii_age {
    tri_claim claim;
    uint64_t since_ns;
};
struct trii_ages {
    uint32_t count;
    struct trii_age seen[TRII_AGES_MAX];
};

struct trii_server {
    struct tri_arena *arena;
    struct trii_meeting meeting;
    uint64_t claim_limit_ns;
    int bell;
    _Atomic bool stop;
    struct trii_thread *thread;
    uint32_t client_count;
    struct trii_client clients[TRI_SERVE_PEERS_MAX];
    struct trii_ages ages[2]; /* the last look and the one before */
    uint32_t last_look;
    struct trii_answer answer;
};

/* Answers one request in server->answer; `pass` is a descriptor to send along, or -1. */
void trii_serve_request(struct trii_server *server, struct trii_client *client, const struct trii_request *request,
                        int *pass);
/* Releases what was lent to a client that has gone. */
void trii_serve_end(struct trii_server *server, struct trii_client *client);
/* Four times a second: takes back what was lent for too long, and looks who holds what. */
void trii_serve_tick(struct trii_server *server, uint64_t now_ns);

#endif
