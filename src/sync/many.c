/*
 * Several regions at once. Each is tried in region order; where one is busy, all are given back, that one is waited for
 * in its queue, and the others are tried again while it is held. So nothing is held during a wait.
 */
#include "base/status.h"
#include "base/sys.h"
#include "sync/sync.h"

struct batch {
    struct tri_sync *sync;
    const struct tri_claim_request *requests;
    size_t count;
    bool handed, plain;  /* as in struct trii_want */
    uint32_t overwrite; /* bit i: request i enters in spite of poison */
    uint8_t order[TRI_CLAIM_MANY_MAX]; /* requests by rising region */
    tri_claim claims[TRI_CLAIM_MANY_MAX];
};

static struct trii_want want_at(const struct batch *batch, size_t i, uint64_t timeout_ns,
                                struct tri_cancel *cancel) {
    const struct tri_claim_request *request = &batch->requests[i];
    return (struct trii_want){.region = request->region,
                              .technology = request->technology,
                              .write = request->access != TRI_ACCESS_READ,
                              .poisoned = batch->overwrite >> i & 1u,
                              .handed = batch->handed,
                              .plain = batch->plain,
                              .timeout_ns = timeout_ns,
                              .cancel = cancel};
}

static tri_status sort_requests(struct batch *batch, struct tri_error *err) {
    for (size_t i = 0; i < batch->count; i++) {
        const struct tri_claim_request *request = &batch->requests[i];
        tri_status status =
            trii_sync_check(batch->sync, request->region, request->technology, batch->claims, err);
        if (status != TRI_OK)
            return status;
        if (request->access < TRI_ACCESS_READ || request->access > TRI_ACCESS_READ_WRITE)
            return trii_fail(err, TRI_INVALID_ARGUMENT, "%d is no access (read 1, write 2, both 3)",
                             (int)request->access);
        size_t at = i;
        while (at > 0 && batch->requests[batch->order[at - 1]].region > request->region) {
            batch->order[at] = batch->order[at - 1];
            at--;
        }
        if (at > 0 && batch->requests[batch->order[at - 1]].region == request->region)
            return trii_fail(err, TRI_INVALID_ARGUMENT,
                             "region %u is named twice: one claim for reading and writing is access 3",
                             request->region);
        batch->order[at] = (uint8_t)i;
    }
    return TRI_OK;
}

static void give_back(struct batch *batch) {
    for (size_t i = 0; i < batch->count; i++)
        if (batch->claims[i] != TRI_CLAIM_NONE && trii_sync_roll_back(batch->sync, batch->claims[i]))
            batch->claims[i] = TRI_CLAIM_NONE;
}

/* Takes all that are not held yet; on failure gives everything back and says which one it was. */
static tri_status try_all(struct batch *batch, uint64_t me, size_t *failed) {
    for (size_t k = 0; k < batch->count; k++) {
        size_t i = batch->order[k];
        if (batch->claims[i] != TRI_CLAIM_NONE)
            continue;
        struct trii_want want = want_at(batch, i, 0, NULL);
        tri_status status = trii_sync_try(batch->sync, &want, me, &batch->claims[i]);
        if (status != TRI_OK) {
            batch->claims[i] = TRI_CLAIM_NONE;
            give_back(batch);
            *failed = i;
            return status;
        }
    }
    return TRI_OK;
}

static uint64_t left_until(uint64_t deadline) {
    uint64_t now = trii_sys_now_ns();
    return deadline == TRI_FOREVER ? TRI_FOREVER : deadline > now ? deadline - now : 0;
}

static tri_status acquire_all(struct batch *batch, uint64_t me, const struct tri_wait *wait, struct tri_error *err) {
    uint64_t timeout = wait ? wait->timeout_ns : TRI_FOREVER;
    uint64_t deadline = timeout == 0 ? 0 : trii_sys_deadline(timeout);
    struct tri_cancel *cancel = wait ? wait->cancel : NULL;
    for (;;) {
        size_t at = 0;
        tri_status status = try_all(batch, me, &at);
        if (status == TRI_BUSY && timeout == 0 &&
            trii_sync_recover_sometimes(batch->sync, batch->requests[at].region)) /* who waits looks there */
            status = try_all(batch, me, &at);
        if (status == TRI_OK)
            return TRI_OK;
        struct trii_want want = want_at(batch, at, timeout, cancel);
        if (status != TRI_BUSY || timeout == 0)
            return trii_sync_explain(batch->sync, &want, status, err);
        want.timeout_ns = left_until(deadline);
        if (want.timeout_ns == 0) {
            want.timeout_ns = timeout;
            return trii_sync_explain(batch->sync, &want, TRI_TIMEOUT, err);
        }
        status = trii_sync_wait(batch->sync, &want, &batch->claims[at], err);
        if (status != TRI_OK)
            return status;
    }
}

static tri_status acquire_batch(struct batch *batch, const struct tri_wait *wait, tri_claim *claims,
                                struct tri_error *err) {
    if (!batch->sync || !batch->requests || !claims || batch->count == 0 || batch->count > TRI_CLAIM_MANY_MAX)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "%zu claims at once: 1 … %d, and no pointer may be NULL",
                         batch->count, TRI_CLAIM_MANY_MAX);
    tri_status status = sort_requests(batch, err);
    if (status != TRI_OK)
        return status;
    uint64_t me = trii_sync_me(batch->sync, err);
    if (!me)
        return TRI_LIMIT;
    status = acquire_all(batch, me, wait, err);
    for (size_t i = 0; status == TRI_OK && i < batch->count; i++)
        claims[i] = batch->claims[i];
    return status;
}

tri_status trii_sync_acquire_many(struct tri_sync *sync, const struct tri_claim_request *requests, size_t count,
                                  uint32_t overwrite, const struct tri_wait *wait, tri_claim *claims,
                                  struct tri_error *err) {
    struct batch batch = {
        .sync = sync, .requests = requests, .count = count, .overwrite = overwrite, .handed = true};
    return acquire_batch(&batch, wait, claims, err);
}

tri_status tri_sync_acquire_many(struct tri_sync *sync, const struct tri_claim_request *requests, size_t count,
                                 const struct tri_wait *wait, tri_claim *claims, struct tri_error *err) {
    struct batch batch = {.sync = sync, .requests = requests, .count = count, .plain = !wait};
    return acquire_batch(&batch, wait, claims, err);
}
