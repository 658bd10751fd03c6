#include "pipeline/place.h"

#include "base/alloc.h"
#include "base/cache.h"
#include "base/status.h"
#include "base/sys.h"
#include "engine/contract.h"
#include "pipeline/measure.h"

#include <tripoint/frames.h>

#include <string.h>

#define DEFAULT_BUDGET_NS UINT64_C(1000000000)

bool trii_place_is_open(const struct trii_flow *flow) {
    for (size_t i = 0; i < flow->stage_count; i++)
        if (flow->stages[i].candidate_count)
            return true;
    return false;
}

void trii_placement_finish(struct trii_placement *placement) {
    trii_free(placement->choice.stages);
    trii_free(placement->key);
    *placement = (struct trii_placement){0};
}

/* ---- candidates ---- */

static tri_status list_candidates(const struct trii_flow *flow, struct trii_choice *choice, struct tri_error *err) {
    choice->stages = trii_calloc(flow->stage_count, sizeof *choice->stages);
    if (!choice->stages)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to place %zu stages", flow->stage_count);
    choice->stage_count = flow->stage_count;
    for (size_t i = 0; i < flow->stage_count; i++) {
        const struct trii_flow_stage *from = &flow->stages[i];
        struct trii_choice_stage *to = &choice->stages[i];
        to->name = from->name;
        to->operation = from->op->info.name;
        to->count = from->candidate_count ? from->candidate_count : 1;
        for (size_t c = 0; c < to->count; c++)
            to->list[c].technology = from->candidate_count ? from->candidates[c] : from->technology;
    }
    return TRI_OK;
}

/* Something to compare: else no engine is opened for it. */
static bool is_a_question(const struct trii_choice *choice) {
    return trii_choice_possible(choice) > 1;
}

static void drop_everywhere(const struct trii_flow *flow, struct trii_choice *choice, enum tri_technology technology,
                            const struct tri_engine *engine, const struct tri_error *why) {
    for (size_t i = 0; i < choice->stage_count; i++)
        for (size_t c = 0; flow->stages[i].candidate_count && c < choice->stages[i].count; c++) {
            struct trii_candidate *candidate = &choice->stages[i].list[c];
            if (candidate->technology != technology || candidate->dropped != TRI_OK)
                continue;
            if (!engine) {
                candidate->dropped = why->status == TRI_OK ? TRI_ENGINE_UNAVAILABLE : why->status;
                trii_name_copy(candidate->why, sizeof candidate->why, why->message);
            } else if (!trii_engine_has(engine, flow->stages[i].op)) {
                candidate->dropped = TRI_UNSUPPORTED;
                trii_name_copy(candidate->why, sizeof candidate->why, "the engine does not have the operation here");
            }
        }
}

/* Engines that are not here are no candidates. All of them come up side by side. */
static void open_engines(struct tri_runtime *runtime, const struct trii_flow *flow, struct trii_choice *choice) {
    bool wanted[TRI_TECHNOLOGY_COUNT] = {false};
    for (size_t i = 0; i < flow->stage_count; i++)
        for (size_t c = 0; c < choice->stages[i].count; c++)
            wanted[choice->stages[i].list[c].technology] =
                wanted[choice->stages[i].list[c].technology] || flow->stages[i].candidate_count > 0;
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++)
        if (wanted[t])
            tri_runtime_warm(runtime, (enum tri_technology)t);
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++) {
        struct tri_engine *engine = NULL;
        struct tri_error why = {0};
        if (!wanted[t])
            continue;
        if (tri_runtime_engine(runtime, (enum tri_technology)t, &engine, &why) != TRI_OK)
            engine = NULL;
        drop_everywhere(flow, choice, (enum tri_technology)t, engine, &why);
    }
}

/* ---- measuring ---- */

struct measuring {
    struct trii_measure *measure;
    const struct tri_placement_params *params;
    uint64_t began_ns;
};

static tri_status measure(void *user, const uint8_t *candidate, struct trii_cost *cost, struct tri_error *err) {
    const struct measuring *measuring = user;
    if (measuring->params->cancel && tri_cancel_is_set(measuring->params->cancel))
        return trii_fail(err, TRI_CANCELLED, "cancelled while it was measured where the stages run");
    return trii_measure_assignment(measuring->measure, candidate, cost, err);
}

static uint64_t now(void *user) {
    (void)user;
    return trii_sys_now_ns();
}

static void progress(void *user, uint32_t done, uint32_t of) {
    const struct measuring *measuring = user;
    const struct tri_placement_progress told = {
        .done = done, .of = of, .seconds = (double)(trii_sys_now_ns() - measuring->began_ns) * 1e-9};
    if (measuring->params->progress)
        measuring->params->progress(measuring->params->user, &told);
}

/* Stages that remember frames are one lane: a frame at a time, whatever is preferred. */
static bool remembers(const struct trii_flow *flow) {
    for (size_t i = 0; i < flow->stage_count; i++)
        if (flow->stages[i].op->info.remembers)
            return true;
    return false;
}

static uint32_t slots_for(const struct trii_flow *flow, const struct tri_placement_params *params) {
    const struct tri_frames_params frames = {.struct_bytes = sizeof frames, .slots = params->slots};
    if (params->prefer != TRI_PREFER_THROUGHPUT || remembers(flow))
        return 1;
    uint32_t slots = tri_frames_slots(&frames);
    return slots > TRI_FRAMES_SLOTS_MAX ? TRI_FRAMES_SLOTS_MAX : slots;
}

static tri_status choose(struct tri_runtime *runtime, struct trii_flow *flow, const tri_handle *handles,
                         const struct tri_placement_params *params, struct trii_placement *placement,
                         struct tri_error *err) {
    struct measuring measuring = {.params = params, .began_ns = trii_sys_now_ns()};
    const struct trii_choose_calls calls = {.user = &measuring,
                                            .measure = measure,
                                            .now = now,
                                            .progress = progress,
                                            .budget_ns = params->budget_ns ? params->budget_ns : DEFAULT_BUDGET_NS};
    const struct trii_measure_params what = {.runtime = runtime,
                                             .flow = flow,
                                             .handles = handles,
                                             .choice = &placement->choice,
                                             .slots = placement->info.slots,
                                             .require_zero_copy = params->require_zero_copy,
                                             .cancel = params->cancel};
    tri_status status = TRI_OK;
    open_engines(runtime, flow, &placement->choice);
    if (is_a_question(&placement->choice)) {
        status = trii_measure_open(&what, &measuring.measure, err);
        if (status == TRI_OK)
            placement->info.slots = trii_measure_slots(measuring.measure);
    }
    if (status == TRI_OK)
        status = trii_choose(&placement->choice, &calls, err);
    trii_measure_close(&measuring.measure);
    placement->info.frame_ns = placement->choice.frame_ns;
    placement->info.measured = placement->choice.measured;
    placement->info.possible = placement->choice.possible;
    placement->info.measuring_ns = trii_sys_now_ns() - measuring.began_ns;
    placement->info.cached = false;
    return status;
}

/* ---- what is known ---- */

static struct trii_cache *open_cache(const struct tri_runtime *runtime) {
    return trii_cache_open(trii_runtime_engine_params(runtime, TRI_TECHNOLOGY_HOST)->cache_dir, "placement", NULL, 0);
}

static bool look_up(struct tri_runtime *runtime, bool cache_too, struct trii_placement *placement) {
    struct trii_cached cached;
    const char *record = trii_runtime_placed(runtime, placement->key);
    if (record && trii_place_read(record, strlen(record), placement))
        return true;
    if (!cache_too)
        return false;
    struct trii_cache *cache = open_cache(runtime);
    bool found = trii_cache_find(cache, placement->key, &cached);
    if (found) {
        found = trii_place_read(cached.bytes, cached.size, placement);
        trii_cached_release(&cached);
    }
    trii_cache_close(&cache);
    placement->info.cached = found;
    return found;
}

/* What may be otherwise the next time is not kept for it. */
static bool is_lasting(const struct trii_choice *choice) {
    for (size_t i = 0; i < choice->stage_count; i++)
        for (size_t c = 0; c < choice->stages[i].count; c++) {
            tri_status dropped = choice->stages[i].list[c].dropped;
            if (dropped == TRI_NO_MEMORY || dropped == TRI_TIMEOUT || dropped == TRI_LIMIT)
                return false;
        }
    return true;
}

static void keep(struct tri_runtime *runtime, const struct trii_placement *placement) {
    char *record = trii_place_write(placement);
    if (!record)
        return;
    trii_runtime_place(runtime, placement->key, record);
    if (is_lasting(&placement->choice)) {
        struct trii_cache *cache = open_cache(runtime);
        (void)trii_cache_store(cache, placement->key, record, strlen(record));
        trii_cache_close(&cache);
    }
    trii_free(record);
}

void trii_place_forget(struct tri_runtime *runtime, const struct trii_placement *placement) {
    static const char nothing[] = "{}";
    if (!placement->key || !placement->info.cached)
        return;
    struct trii_cache *cache = open_cache(runtime);
    (void)trii_cache_store(cache, placement->key, nothing, sizeof nothing - 1);
    trii_cache_close(&cache);
}

/* ---- the whole ---- */

static void apply(struct trii_flow *flow, const struct trii_choice *choice) {
    for (size_t i = 0; i < flow->stage_count; i++)
        flow->stages[i].technology = choice->stages[i].list[choice->stages[i].chosen].technology;
}

static tri_status answer(struct tri_runtime *runtime, struct trii_flow *flow, const tri_handle *handles,
                         const struct tri_placement_params *params, struct trii_placement *placement,
                         struct tri_error *err) {
    tri_status status = TRI_OK;
    placement->key = trii_place_key(runtime, flow, params, placement->info.slots);
    if (!placement->key)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to place %zu stages", flow->stage_count);
    trii_runtime_lock_placing(runtime);
    if (!look_up(runtime, !params->measure, placement)) {
        status = choose(runtime, flow, handles, params, placement, err);
        if (status == TRI_OK)
            keep(runtime, placement);
    }
    trii_runtime_unlock_placing(runtime);
    return status;
}

tri_status trii_place(struct tri_runtime *runtime, struct trii_flow *flow, const tri_handle *handles,
                      const struct tri_placement_params *params, struct trii_placement *out, struct tri_error *err) {
    struct trii_placement placement = {.info = {.prefer = params->prefer, .slots = slots_for(flow, params)}};
    tri_status status = list_candidates(flow, &placement.choice, err);
    placement.info.possible = status == TRI_OK ? trii_choice_possible(&placement.choice) : 0;
    if (status == TRI_OK && is_a_question(&placement.choice))
        status = answer(runtime, flow, handles, params, &placement, err);
    for (size_t i = 0; status != TRI_OK && i < flow->stage_count; i++) /* as before */
        if (flow->stages[i].candidate_count)
            flow->stages[i].technology = flow->stages[i].candidates[0];
    if (status != TRI_OK) {
        trii_placement_finish(&placement);
        return status;
    }
    apply(flow, &placement.choice);
    trii_placement_finish(out);
    *out = placement;
    return TRI_OK;
}
