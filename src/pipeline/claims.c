/* The claims of a stage: all at once, one a region, none held while waiting. */
#include "pipeline/plan.h"

#include "base/status.h"
#include "base/trace.h"
#include "sync/sync.h"

void trii_plan_release_claims(struct tri_sync *sync, struct trii_plan_stage *stage) {
    uint64_t held = stage->claimed_ns, now = held ? trii_trace_now() : 0;
    stage->claimed_ns = 0;
    for (size_t i = 0; i < stage->touch_count; i++) {
        if (now && stage->claims[i] != TRI_CLAIM_NONE)
            trii_trace_add(&(struct trii_span){.track = TRII_TRACK_CLAIM,
                                               .technology = stage->technology,
                                               .access = stage->touches[i].access,
                                               .name = stage->stage.name,
                                               .region = stage->touches[i].label,
                                               .begin_ns = held,
                                               .end_ns = now});
        if (stage->claims[i] != TRI_CLAIM_NONE)
            (void)!tri_sync_release(sync, stage->claims[i], NULL); /* ours since acquire: can't fail */
        stage->claims[i] = TRI_CLAIM_NONE;
    }
}

static uint32_t overwritten(const struct trii_plan_stage *stage) {
    uint32_t bits = 0;
    for (size_t i = 0; i < stage->touch_count; i++)
        if (stage->touches[i].overwritten)
            bits |= 1u << i;
    return bits;
}

/* The synchronizer knows numbers only: the name of what was waited for, which is the region that others hold now. */
static const char *busy_region(struct tri_sync *sync, const struct trii_plan_stage *stage) {
    for (size_t i = 0; i < stage->touch_count; i++) {
        struct tri_sync_info info;
        if (tri_sync_inspect(sync, stage->requests[i].region, &info, NULL) != TRI_OK)
            continue;
        bool read = false;
        for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++)
            read = read || info.readers[t] > 0;
        if (info.state != TRI_SYNC_IDLE && (!read || stage->requests[i].access != TRI_ACCESS_READ))
            return stage->touches[i].label;
    }
    return stage->touch_count == 1 ? stage->touches[0].label : NULL;
}

tri_status trii_plan_acquire_claims(struct tri_sync *sync, struct trii_plan_stage *stage, const struct tri_wait *wait,
                                    struct tri_error *err) {
    struct tri_error cause;
    tri_status status = trii_sync_acquire_many(sync, stage->requests, stage->touch_count, overwritten(stage), wait,
                                               stage->claims, err);
    if (status == TRI_OK)
        stage->claimed_ns = trii_trace_now();
    for (size_t i = 0; status == TRI_POISONED && i < stage->touch_count; i++)
        if (!stage->touches[i].overwritten && tri_sync_poison_cause(sync, stage->requests[i].region, &cause))
            return trii_error_place(err, status, NULL, NULL, stage->touches[i].label);
    return status == TRI_TIMEOUT ? trii_error_place(err, status, NULL, NULL, busy_region(sync, stage)) : status;
}
