/* The answers. */
#include "share/serve.h"

#include "base/checked.h"
#include "base/status.h"
#include "base/sys.h"

#include <string.h>

/* ---- who holds what, and since when ---- */

static uint64_t since_of(const struct trii_ages *ages, tri_claim claim) {
    for (uint32_t i = 0; i < ages->count; i++)
        if (ages->seen[i].claim == claim)
            return ages->seen[i].since_ns;
    return 0;
}

static void look_at_region(struct trii_server *server, uint32_t region, struct trii_ages *now, uint64_t now_ns) {
    struct trii_holder holders[TRII_HOLDERS_MAX];
    uint32_t count = trii_sync_holders(tri_arena_sync(server->arena), region, holders);
    for (uint32_t i = 0; i < count && now->count < TRII_AGES_MAX; i++) {
        uint64_t since = since_of(&server->ages[server->last_look], holders[i].claim);
        now->seen[now->count++] =
            (struct trii_age){.claim = holders[i].claim, .since_ns = since ? since : now_ns};
    }
}

static void look_around(struct trii_server *server, uint64_t now_ns) {
    struct trii_ages *now = &server->ages[1 - server->last_look];
    tri_handle handle;
    now->count = 0;
    for (uint32_t i = 0; trii_arena_next(server->arena, &i, &handle); i++)
        look_at_region(server, i, now, now_ns);
    server->last_look = 1 - server->last_look;
}

/* The claim that the server holds for somebody, or NULL. */
static const struct trii_lent *find_lent(const struct trii_server *server, tri_claim claim, int32_t *pid) {
    for (uint32_t i = 0; i < server->client_count; i++)
        for (uint32_t k = 0; k < TRI_PEER_CLAIMS_MAX; k++) {
            const struct trii_lent *lent = &server->clients[i].lent[k];
            if (lent->claim == claim && !lent->revoked) {
                *pid = server->clients[i].pid;
                return lent;
            }
        }
    return NULL;
}

static void fill_holder(const struct trii_server *server, const struct trii_holder *holder, uint64_t now_ns,
                        struct trii_wire_holder *out) {
    int32_t pid = holder->pid;
    const struct trii_lent *lent = find_lent(server, holder->claim, &pid);
    uint64_t since = lent ? lent->since_ns : since_of(&server->ages[server->last_look], holder->claim);
    *out = (struct trii_wire_holder){.age_ns = since && now_ns > since ? now_ns - since : 0,
                                     .pid = pid,
                                     .technology = (uint16_t)holder->technology,
                                     .writes = holder->writes,
                                     .waits = holder->waits};
}

static tri_status answer_holders(struct trii_server *server, tri_handle handle, struct tri_error *err) {
    struct trii_holder holders[TRII_HOLDERS_MAX];
    struct trii_wire_holders *out = &server->answer.body.holders;
    struct trii_region region;
    tri_status status = trii_arena_resolve(server->arena, handle, &region, err);
    if (status != TRI_OK)
        return status;
    _Static_assert(TRII_HOLDERS_MAX <= TRI_HOLDERS_MAX, "all of them go into one answer");
    out->count = trii_sync_holders(tri_arena_sync(server->arena), region.index, holders);
    uint64_t now = trii_sys_now_ns();
    for (uint64_t i = 0; i < out->count; i++)
        fill_holder(server, &holders[i], now, &out->holders[i]);
    return TRI_OK;
}

/* A trusted peer may write what it likes where causes are kept: what is told on is an error, with an end. */
static tri_status answer_cause(struct trii_server *server, tri_handle handle, struct tri_error *err) {
    struct tri_error cause, *out = &server->answer.body.cause;
    struct trii_region region;
    tri_status status = trii_arena_resolve(server->arena, handle, &region, err);
    if (status != TRI_OK)
        return status;
    if (!tri_sync_poison_cause(tri_arena_sync(server->arena), region.index, &cause))
        return trii_fail(err, TRI_NOT_FOUND, "arena \"%s\": region \"%s\" is not poisoned",
                         trii_arena_label(server->arena), region.label);
    if (cause.status == TRI_OK || strcmp(tri_status_name(cause.status), "UNKNOWN") == 0)
        cause.status = TRI_POISONED;
    (void)trii_fail(out, cause.status, "%s", cause.message[0] ? cause.message : "nobody said why");
    (void)trii_error_place(out, cause.status, cause.engine, cause.stage, cause.region);
    return TRI_OK;
}

/* ---- regions ---- */

static tri_status describe(struct trii_server *server, tri_handle handle, struct tri_error *err) {
    struct tri_shared_region region = {.handle = handle};
    tri_status status = tri_region_info(server->arena, handle, &region.info, err);
    if (status == TRI_OK)
        status = tri_region_layout(server->arena, handle, &region.layout, err);
    if (status == TRI_OK)
        status = tri_sync_inspect(tri_arena_sync(server->arena), region.info.index, &region.sync, err);
    if (status == TRI_OK)
        trii_region_to_wire(&region, &server->answer.body.region);
    return status;
}

static tri_status answer_next(struct trii_server *server, uint64_t value, struct tri_error *err) {
    tri_handle handle;
    uint32_t index = (uint32_t)trii_min_u64(value, TRI_REGION_MAX);
    for (; trii_arena_next(server->arena, &index, &handle); index++)
        if (describe(server, handle, err) == TRI_OK) /* else freed meanwhile */
            return TRI_OK;
    return trii_fail(err, TRI_NOT_FOUND, "arena \"%s\": no more regions", trii_arena_label(server->arena));
}

static bool has_label(struct trii_server *server, tri_handle handle, const char *label) {
    struct tri_region_info info;
    return tri_region_info(server->arena, handle, &info, NULL) == TRI_OK && strcmp(info.label, label) == 0;
}

static tri_status answer_find(struct trii_server *server, const char *label, struct tri_error *err) {
    tri_handle handle, found = TRI_HANDLE_NONE;
    uint32_t matches = 0;
    for (uint32_t i = 0; trii_arena_next(server->arena, &i, &handle); i++)
        if (has_label(server, handle, label)) {
            found = handle;
            matches++;
        }
    if (matches == 0)
        return trii_fail(err, TRI_NOT_FOUND, "arena \"%s\": no region is called \"%s\"",
                         trii_arena_label(server->arena), label);
    if (matches > 1)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "arena \"%s\": %u regions are called \"%s\"; ask by handle",
                         trii_arena_label(server->arena), matches, label);
    return describe(server, found, err);
}

/* ---- segments ---- */

static bool is_for_readers(const struct trii_server *server) {
    return trii_arena_is_for_readers(server->arena);
}

static tri_status answer_hello(struct trii_server *server, struct trii_client *client) {
    struct trii_wire_hello *hello = &server->answer.body.hello;
    *hello = (struct trii_wire_hello){
        .pid = trii_sys_pid(), .sharing = is_for_readers(server) ? TRI_SHARING_READERS : TRI_SHARING_TRUSTED};
    trii_name_copy(hello->label, sizeof hello->label, trii_arena_label(server->arena));
    client->greeted = true;
    return TRI_OK;
}

/* Two kinds of requests are for two kinds of arenas. */
static tri_status refuse_verb(struct trii_server *server, struct tri_error *err) {
    return trii_fail(err, TRI_PERMISSION,
                     is_for_readers(server) ? "arena \"%s\" lets its peers read only"
                                            : "arena \"%s\": its peers import it and take claims themselves",
                     trii_arena_label(server->arena));
}

static tri_status answer_segment(struct trii_server *server, uint64_t number, int *pass, struct tri_error *err) {
    int fd = -1;
    bool is_fixed;
    if (!is_for_readers(server))
        return refuse_verb(server, err);
    if (number >= TRII_SHARE_SEGMENTS || !trii_arena_segment(server->arena, (uint32_t)number, &fd))
        return trii_fail(err, TRI_INVALID_ARGUMENT, "arena \"%s\": it has no segment %llu",
                         trii_arena_label(server->arena), (unsigned long long)number);
    int failed = trii_sys_memfd_inspect(fd, &server->answer.body.segment.bytes, &is_fixed);
    if (failed)
        return trii_fail_errno(err, TRI_IO, failed, "arena \"%s\": segment %llu", trii_arena_label(server->arena),
                               (unsigned long long)number);
    *pass = fd;
    return TRI_OK;
}

/* ---- claims for those who can't take them ---- */

static struct trii_lent *free_place(struct trii_client *client, uint32_t region) {
    struct trii_lent *place = NULL;
    uint32_t same = 0;
    for (uint32_t k = 0; k < TRI_PEER_CLAIMS_MAX; k++) {
        struct trii_lent *lent = &client->lent[k];
        if (lent->claim == TRI_CLAIM_NONE)
            place = place ? place : lent;
        else if (lent->region == region && ++same == TRI_PEER_CLAIMS_PER_REGION)
            return NULL;
    }
    return place;
}

static tri_status answer_acquire(struct trii_server *server, struct trii_client *client, tri_handle handle,
                                 struct tri_error *err) {
    struct tri_sync *sync = tri_arena_sync(server->arena);
    struct trii_region region;
    tri_claim claim;
    if (!is_for_readers(server))
        return refuse_verb(server, err);
    tri_status status = trii_arena_resolve(server->arena, handle, &region, err);
    if (status != TRI_OK)
        return status;
    struct trii_lent *place = free_place(client, region.index);
    if (!place)
        return trii_fail(err, TRI_LIMIT,
                         "arena \"%s\": a peer holds at most %d claims, and %d on one region: release one first",
                         trii_arena_label(server->arena), TRI_PEER_CLAIMS_MAX, TRI_PEER_CLAIMS_PER_REGION);
    status = tri_sync_try_acquire_read(sync, region.index, TRI_TECHNOLOGY_HOST, &claim, err);
    if (status != TRI_OK)
        return status;
    if (!trii_arena_is_live(server->arena, handle)) { /* freed meanwhile */
        status = tri_sync_release(sync, claim, err);
        return status == TRI_OK ? trii_arena_resolve(server->arena, handle, &region, err) : status;
    }
    *place = (struct trii_lent){.claim = claim, .region = region.index, .since_ns = trii_sys_now_ns()};
    server->answer.body.claim = claim;
    return TRI_OK;
}

static tri_status answer_release(struct trii_server *server, struct trii_client *client, tri_claim claim,
                                 struct tri_error *err) {
    for (uint32_t k = 0; k < TRI_PEER_CLAIMS_MAX && claim != TRI_CLAIM_NONE; k++) {
        struct trii_lent lent = client->lent[k];
        if (lent.claim != claim)
            continue;
        client->lent[k] = (struct trii_lent){.claim = TRI_CLAIM_NONE};
        if (!lent.revoked)
            return tri_sync_release(tri_arena_sync(server->arena), claim, err);
        return trii_fail(err, TRI_BAD_CLAIM,
                         "arena \"%s\": the claim was held longer than %.3f s and taken back: what was read since may "
                         "have been overwritten",
                         trii_arena_label(server->arena), (double)server->claim_limit_ns / 1e9);
    }
    return trii_fail(err, TRI_BAD_CLAIM, "arena \"%s\": this connection holds no claim %#llx",
                     trii_arena_label(server->arena), (unsigned long long)claim);
}

static void take_back(struct trii_server *server, struct trii_lent *lent) {
    if (lent->claim == TRI_CLAIM_NONE || lent->revoked)
        return;
    bool released = tri_sync_release(tri_arena_sync(server->arena), lent->claim, NULL) == TRI_OK;
    (void)released; /* nobody else could have */
    lent->revoked = true;
}

void trii_serve_end(struct trii_server *server, struct trii_client *client) {
    for (uint32_t k = 0; k < TRI_PEER_CLAIMS_MAX; k++)
        take_back(server, &client->lent[k]);
}

void trii_serve_tick(struct trii_server *server, uint64_t now_ns) {
    for (uint32_t i = 0; i < server->client_count; i++)
        for (uint32_t k = 0; k < TRI_PEER_CLAIMS_MAX; k++) {
            struct trii_lent *lent = &server->clients[i].lent[k];
            if (lent->claim != TRI_CLAIM_NONE && now_ns - lent->since_ns >= server->claim_limit_ns)
                take_back(server, lent);
        }
    look_around(server, now_ns);
}

/* ---- */

static tri_status answer(struct trii_server *server, struct trii_client *client, const struct trii_request *request,
                         int *pass, struct tri_error *err) {
    if (!client->greeted && request->verb != TRII_VERB_HELLO)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "arena \"%s\": a peer says HELLO first",
                         trii_arena_label(server->arena));
    switch ((enum trii_verb)request->verb) {
    case TRII_VERB_HELLO:
        return answer_hello(server, client);
    case TRII_VERB_SEGMENT:
        return answer_segment(server, request->value, pass, err);
    case TRII_VERB_NEXT:
        return answer_next(server, request->value, err);
    case TRII_VERB_FIND:
        return answer_find(server, request->label, err);
    case TRII_VERB_REGION:
        return describe(server, request->value, err);
    case TRII_VERB_HOLDERS:
        return answer_holders(server, request->value, err);
    case TRII_VERB_ACQUIRE:
        return answer_acquire(server, client, request->value, err);
    case TRII_VERB_RELEASE:
        return answer_release(server, client, request->value, err);
    case TRII_VERB_CAUSE:
        return answer_cause(server, request->value, err);
    case TRII_VERB_ARENA:
        return is_for_readers(server) ? refuse_verb(server, err) : TRI_OK;
    }
    return trii_fail(err, TRI_INTERNAL, "arena \"%s\": a request that was not checked",
                     trii_arena_label(server->arena));
}

void trii_serve_request(struct trii_server *server, struct trii_client *client, const struct trii_request *request,
                        int *pass) {
    struct tri_error err = {.status = TRI_OK};
    struct trii_answer *out = &server->answer;
    *pass = -1;
    *out = (struct trii_answer){.magic = TRII_SHARE_MAGIC, .verb = request->verb};
    out->status = answer(server, client, request, pass, &err);
    if (out->status != TRI_OK) {
        *pass = -1;
        err.status = out->status;
        out->body.error = err;
        out->body_bytes = sizeof err;
        return;
    }
    uint64_t holders = request->verb == TRII_VERB_HOLDERS ? out->body.holders.count : 0;
    out->body_bytes = trii_answer_bytes((enum trii_verb)request->verb, holders);
}
