#include "pipeline/measure.h"

#include "base/alloc.h"
#include "base/atomic.h"
#include "base/status.h"
#include "base/sys.h"

#include <stdlib.h>
#include <string.h>

#define BURST_NS 30000000u                              /* frames of one assignment in a row take about so long */
#define FRAMES_MAX 9u
#define STAGE_TIMEOUT_NS (UINT64_C(10) * 1000000000u)   /* a candidate that takes longer is none */
#define SETTLE_TIMEOUT_NS (UINT64_C(20) * 1000000000u)  /* and then it gets so long to end */

/* Memory for one frame, and each stage prepared on it for each engine: plans[n] has the nth candidate of every stage. */
struct set {
    tri_handle *handles;
    bool own; /* handles were allocated for measuring */
    struct tri_plan *plans[TRII_CHOOSE_CANDIDATES];
    struct trii_plan_stage **order;
};

struct trii_measure {
    struct trii_measure_params params;
    size_t columns; /* the most candidates that a stage has */
    struct set *sets;
    uint32_t set_count, in_use;
};

/* ---- memory ---- */

static tri_status allocate(struct trii_measure *m, struct set *set, struct tri_error *err) {
    const struct trii_flow *flow = m->params.flow;
    struct tri_arena *arena = tri_runtime_arena(m->params.runtime);
    tri_status status = TRI_OK;
    set->own = true;
    set->handles = trii_calloc(flow->block_count, sizeof *set->handles);
    if (!set->handles)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for %zu handles", flow->block_count);
    for (uint32_t i = 0; status == TRI_OK && i < flow->block_count; i++) {
        const struct trii_flow_region *region = &flow->regions[flow->slots[flow->blocks[i].slot].region];
        const struct tri_region_params params = {
            .struct_bytes = sizeof params, .size_bytes = flow->blocks[i].bytes, .label = region->name};
        status = tri_region_allocate(arena, &params, &set->handles[i], err);
        if (status == TRI_OK && region->input)
            status = tri_region_set_layout(arena, set->handles[i], &region->layout, err);
    }
    return status;
}

static void free_set(struct trii_measure *m, struct set *set) {
    for (size_t c = 0; c < m->columns; c++) /* the first one waits for what still works, whosever stage it is */
        tri_plan_destroy(&set->plans[c]);
    for (size_t i = 0; set->own && set->handles && i < m->params.flow->block_count; i++)
        if (set->handles[i] != TRI_HANDLE_NONE)
            (void)!tri_arena_free_shared(tri_runtime_arena(m->params.runtime), set->handles[i], NULL);
    if (set->own)
        trii_free(set->handles);
    trii_free(set->order);
    *set = (struct set){0};
}

/* What a stage costs may depend on its bytes: noise is no special case for any. Zero when measuring is over. */
static void fill_inputs(struct trii_measure *m, const struct set *set, bool noise) {
    const struct trii_flow *flow = m->params.flow;
    struct tri_arena *arena = tri_runtime_arena(m->params.runtime);
    for (size_t i = 0; i < flow->block_count; i++) {
        const struct trii_flow_region *region = &flow->regions[flow->slots[flow->blocks[i].slot].region];
        struct tri_host_view view;
        struct trii_region where;
        uint64_t bytes;
        if (!region->input || tri_layout_bytes_needed(&region->layout, &bytes, NULL) != TRI_OK)
            continue;
        if (trii_arena_resolve(arena, set->handles[i], &where, NULL) == TRI_OK) /* a stage that failed on it in place */
            (void)!tri_sync_reset(tri_arena_sync(arena), where.index, NULL);
        (void)!tri_region_set_layout(arena, set->handles[i], &region->layout, NULL);
        if (tri_host_view_begin(arena, set->handles[i], TRI_ACCESS_WRITE, NULL, &view, NULL) != TRI_OK)
            continue;
        uint8_t *to = view.write;
        uint32_t state = 2463534242u;
        for (uint64_t b = 0; b < bytes && noise && region->layout.dtype == TRI_DTYPE_U8; b++) {
            state = state * 1664525u + 1013904223u;
            to[b] = (uint8_t)(state >> 24);
        }
        if (!noise)
            memset(to, 0, (size_t)bytes);
        (void)!tri_host_view_end(arena, &view, NULL);
    }
}

/* ---- plans ---- */

static void take_column(const struct trii_measure *m, size_t column) {
    for (size_t i = 0; i < m->params.choice->stage_count; i++) {
        const struct trii_choice_stage *stage = &m->params.choice->stages[i];
        m->params.flow->stages[i].technology = stage->list[column % stage->count].technology;
        m->params.flow->stages[i].streams = stage->list[column % stage->count].streams;
    }
}

static tri_status build_set(struct trii_measure *m, struct set *set, struct tri_error *err) {
    tri_status status = TRI_OK;
    set->order = trii_calloc(m->params.choice->stage_count, sizeof(struct trii_plan_stage *));
    if (!set->order)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to measure %zu stages", m->params.choice->stage_count);
    for (size_t c = 0; status == TRI_OK && c < m->columns; c++) {
        take_column(m, c);
        status = trii_plan_build(m->params.runtime, m->params.flow, set->handles, &set->plans[c], err);
        if (status == TRI_OK)
            set->plans[c]->prepared = true; /* stage by stage, when one is first needed */
    }
    if (status == TRI_OK)
        fill_inputs(m, set, true);
    return status;
}

tri_status trii_measure_open(const struct trii_measure_params *params, struct trii_measure **out, struct tri_error *err) {
    struct trii_measure *m = trii_calloc(1, sizeof *m);
    if (!m)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to measure placements");
    m->params = *params;
    for (size_t i = 0; i < params->choice->stage_count; i++)
        if (params->choice->stages[i].count > m->columns)
            m->columns = params->choice->stages[i].count;
    m->sets = trii_calloc(params->slots, sizeof *m->sets);
    tri_status status = m->sets ? TRI_OK : trii_fail(err, TRI_NO_MEMORY, "no memory to measure placements");
    for (uint32_t s = 0; status == TRI_OK && s < params->slots; s++) {
        if (s == 0)
            m->sets[s].handles = (tri_handle *)(uintptr_t)params->handles; /* read only */
        else
            status = allocate(m, &m->sets[s], err);
        if (status == TRI_OK)
            status = build_set(m, &m->sets[s], err);
        m->set_count = s + 1;
    }
    if (status != TRI_OK && m->set_count > 1) { /* fewer frames than asked for */
        free_set(m, &m->sets[--m->set_count]);
        status = TRI_OK;
    }
    if (status != TRI_OK) {
        trii_measure_close(&m);
        return status;
    }
    m->in_use = m->set_count;
    *out = m;
    return TRI_OK;
}

void trii_measure_close(struct trii_measure **measure) {
    if (!*measure)
        return;
    for (uint32_t s = 0; s < (*measure)->set_count; s++) {
        struct set *set = &(*measure)->sets[s];
        for (size_t c = 0; c < (*measure)->columns; c++)
            tri_plan_destroy(&set->plans[c]);
        if (set->handles && !set->own)
            fill_inputs(*measure, set, false);
        free_set(*measure, set);
    }
    trii_free((*measure)->sets);
    trii_free(*measure);
    *measure = NULL;
}

uint32_t trii_measure_slots(const struct trii_measure *measure) {
    return measure->set_count;
}

void trii_measure_use(struct trii_measure *measure, uint32_t slots) {
    measure->in_use = slots < measure->set_count ? slots : measure->set_count;
}

/* ---- an assignment ---- */

static tri_status prepare(struct trii_measure *m, struct set *set, const uint8_t *candidate, struct trii_cost *cost,
                          struct tri_error *err) {
    tri_status status = TRI_OK;
    for (size_t i = 0; status == TRI_OK && i < m->params.choice->stage_count; i++) {
        struct tri_plan *plan = set->plans[candidate[i]];
        status = trii_plan_prepare_stage(plan, i, err);
        cost->failed = status == TRI_OK ? SIZE_MAX : i;
        set->order[i] = &plan->stages[i];
    }
    set->plans[0]->order = set->order;
    return status;
}

/* Which stage an error is about: the one of that name. */
static size_t blamed(const struct trii_measure *m, const struct tri_error *err) {
    for (size_t i = 0; i < m->params.choice->stage_count; i++)
        if (strcmp(m->params.choice->stages[i].name, err->stage) == 0)
            return i;
    return SIZE_MAX;
}

static tri_status run_frame(struct trii_measure *m, struct set *set, struct tri_error *err) {
    const struct tri_run_params params = {.struct_bytes = sizeof params,
                                          .timeout_ns = STAGE_TIMEOUT_NS,
                                          .cancel = m->params.cancel,
                                          .require_zero_copy = m->params.require_zero_copy};
    return tri_plan_run(set->plans[0], &params, err);
}

/* A failure leaves poison, and perhaps an engine that still works. */
static tri_status recover(struct trii_measure *m, struct set *set, tri_status status, struct tri_error *err) {
    struct tri_error stuck = {0};
    if (trii_late_settle(&set->plans[0]->late, SETTLE_TIMEOUT_NS, &stuck) != TRI_OK) {
        trii_error_copy(err, &stuck);
        if (err)
            err->status = TRI_BUSY;
        return TRI_BUSY;
    }
    fill_inputs(m, set, true);
    return status;
}

static void note_stages(const struct trii_measure *m, const struct set *set, struct trii_cost *cost) {
    for (size_t i = 0; i < m->params.choice->stage_count; i++) {
        uint64_t took = set->order[i]->wait_ns + set->order[i]->run_ns;
        if (cost->stage_ns[i] == 0 || took < cost->stage_ns[i])
            cost->stage_ns[i] = took;
    }
}

static int by_time(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static uint32_t frames_in(uint64_t burst_ns, uint64_t frame_ns) {
    uint64_t frames = frame_ns ? burst_ns / frame_ns : FRAMES_MAX;
    return frames < 1 ? 1 : frames > FRAMES_MAX ? FRAMES_MAX : (uint32_t)frames;
}

/* One frame after the other, and the one in the middle; the first does not count. */
static tri_status latency(struct trii_measure *m, struct trii_cost *cost, struct tri_error *err) {
    uint64_t took[FRAMES_MAX], began = trii_sys_now_ns();
    struct set *set = &m->sets[0];
    tri_status status = run_frame(m, set, err);
    const uint32_t count = frames_in(BURST_NS, trii_sys_now_ns() - began);
    for (uint32_t f = 0; status == TRI_OK && f < count; f++) {
        began = trii_sys_now_ns();
        status = run_frame(m, set, err);
        took[f] = trii_sys_now_ns() - began;
        if (status == TRI_OK)
            note_stages(m, set, cost);
    }
    if (status != TRI_OK)
        return status;
    qsort(took, count, sizeof *took, by_time);
    cost->frame_ns = took[count / 2];
    return TRI_OK;
}

struct worker {
    struct trii_measure *m;
    struct set *set;
    uint32_t frames;
    struct trii_thread *thread;
    tri_status status;
    struct tri_error error;
};

static void work(void *user) {
    struct worker *w = user;
    for (uint32_t f = 0; w->status == TRI_OK && f < w->frames; f++)
        w->status = run_frame(w->m, w->set, &w->error);
}

/* `frames` on each set at once. */
static tri_status together(struct trii_measure *m, uint32_t frames, uint64_t *took, struct tri_error *err) {
    struct worker workers[TRI_FRAMES_SLOTS_MAX] = {0};
    tri_status status = TRI_OK;
    uint64_t began = trii_sys_now_ns();
    for (uint32_t s = 0; s < m->in_use; s++) {
        workers[s] = (struct worker){.m = m, .set = &m->sets[s], .frames = frames};
        if (s + 1 == m->in_use || trii_sys_thread_start(&workers[s].thread, "tri-measure", work, &workers[s]) != 0)
            work(&workers[s]);
    }
    for (uint32_t s = 0; s < m->in_use; s++)
        trii_sys_thread_join(&workers[s].thread);
    *took = trii_sys_now_ns() - began;
    for (uint32_t s = 0; s < m->in_use; s++)
        if (workers[s].status != TRI_OK && status == TRI_OK) {
            status = workers[s].status;
            trii_error_copy(err, &workers[s].error);
        }
    return status;
}

/* Several in flight: time a frame. */
static tri_status throughput(struct trii_measure *m, struct trii_cost *cost, struct tri_error *err) {
    uint64_t took;
    tri_status status = together(m, 1, &took, err);
    uint32_t frames = status == TRI_OK ? 1 + frames_in(2 * (uint64_t)BURST_NS, took) : 0;
    if (status == TRI_OK)
        status = together(m, frames, &took, err);
    if (status != TRI_OK)
        return status;
    for (uint32_t s = 0; s < m->in_use; s++)
        note_stages(m, &m->sets[s], cost);
    cost->frame_ns = took / ((uint64_t)frames * m->in_use);
    return TRI_OK;
}

tri_status trii_measure_assignment(void *user, const uint8_t *candidate, struct trii_cost *cost, struct tri_error *err) {
    struct trii_measure *m = user;
    struct tri_error why = {0};
    tri_status status = TRI_OK;
    cost->failed = SIZE_MAX;
    for (uint32_t s = 0; status == TRI_OK && s < m->in_use; s++)
        status = prepare(m, &m->sets[s], candidate, cost, &why);
    if (status == TRI_OK) {
        status = m->in_use > 1 ? throughput(m, cost, &why) : latency(m, cost, &why);
        cost->failed = status == TRI_OK ? SIZE_MAX : blamed(m, &why);
        for (uint32_t s = 0; status != TRI_OK && status != TRI_BUSY && s < m->in_use; s++)
            status = recover(m, &m->sets[s], status, &why);
    }
    if (status != TRI_OK)
        trii_error_copy(err, &why);
    return status;
}
