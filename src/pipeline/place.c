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
#define SLOT_ROUNDS 3u

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

/* Several frames in flight: the network may work on as many at once, each with one thread, instead of one after the other with
 * all of them. Not where the caller has said how many threads there are to be. */
static uint32_t streams_for(const struct tri_runtime *runtime, uint32_t slots) {
    const struct tri_engine_params *params = trii_runtime_engine_params(runtime, TRI_TECHNOLOGY_WEBNN);
    uint32_t processors = trii_sys_processors(), streams = processors < slots ? processors : slots;
    return params->threads || streams < 2 ? 0 : streams;
}

static void add_streams(struct trii_choice_stage *stage, uint32_t streams) {
    const size_t count = stage->count;
    for (size_t c = 0; c < count; c++)
        if (stage->list[c].technology == TRI_TECHNOLOGY_WEBNN)
            stage->list[stage->count++] = (struct trii_candidate){.technology = TRI_TECHNOLOGY_WEBNN, .streams = streams};
}

static tri_status list_candidates(const struct trii_flow *flow, uint32_t streams, struct trii_choice *choice,
                                  struct tri_error *err) {
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
        if (streams && !from->isolate)
            add_streams(to, streams);
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

/* As few frames in flight as are as fast as the most: each is a set of regions. Rounds, as for assignments. */
static void tune_slots(struct trii_measure *measure, struct trii_placement *placement, uint64_t deadline) {
    uint8_t candidate[TRI_STAGES_MAX];
    uint64_t frame_ns[TRI_FRAMES_SLOTS_MAX + 1] = {0};
    const uint32_t most = trii_measure_slots(measure);
    if (most < 3) /* there was no memory for more */
        return;
    for (size_t i = 0; i < placement->choice.stage_count; i++)
        candidate[i] = (uint8_t)placement->choice.stages[i].chosen;
    for (uint32_t round = 0; round < SLOT_ROUNDS && (round == 0 || trii_sys_now_ns() < deadline); round++)
        for (uint32_t slots = 2; slots <= most; slots++) {
            struct trii_cost cost = {.failed = SIZE_MAX};
            trii_measure_use(measure, slots);
            if (trii_measure_assignment(measure, candidate, &cost, NULL) != TRI_OK)
                return; /* it worked with all of them */
            if (round == 0 || cost.frame_ns < frame_ns[slots])
                frame_ns[slots] = cost.frame_ns;
        }
    uint64_t best = frame_ns[most];
    for (uint32_t slots = 2; slots < most; slots++)
        best = frame_ns[slots] < best ? frame_ns[slots] : best;
    uint32_t slots = 2;
    while (slots < most && (double)frame_ns[slots] > (double)best * TRII_CHOOSE_TIE)
        slots++;
    placement->info.slots = slots;
    placement->choice.frame_ns = frame_ns[slots];
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
    if (status == TRI_OK && !params->slots && placement->info.slots > 2)
        tune_slots(measuring.measure, placement, trii_sys_now_ns() + calls.budget_ns / 2);
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

static void take(struct trii_flow_stage *stage, const struct trii_candidate *candidate) {
    stage->technology = candidate->technology;
    stage->streams = candidate->streams;
}

static void apply(struct trii_flow *flow, const struct trii_choice *choice) {
    for (size_t i = 0; i < flow->stage_count; i++)
        take(&flow->stages[i], &choice->stages[i].list[choice->stages[i].chosen]);
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
    tri_status status = list_candidates(flow, streams_for(runtime, placement.info.slots), &placement.choice, err);
    placement.info.possible = status == TRI_OK ? trii_choice_possible(&placement.choice) : 0;
    if (status == TRI_OK && is_a_question(&placement.choice))
        status = answer(runtime, flow, handles, params, &placement, err);
    for (size_t i = 0; status != TRI_OK && placement.choice.stages && i < flow->stage_count; i++) /* as before */
        take(&flow->stages[i], &placement.choice.stages[i].list[0]);
    if (status != TRI_OK) {
        trii_placement_finish(&placement);
        return status;
    }
    apply(flow, &placement.choice);
    trii_placement_finish(out);
    *out = placement;
    return TRI_OK;
}
