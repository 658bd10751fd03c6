/* Bringing a plan's engines up and preparing its stages, one thread a technology: the slowest decides, not the sum. */
#include "pipeline/plan.h"

#include "base/status.h"
#include "base/sys.h"
#include "base/trace.h"

/* All stages of one technology, in order. */
struct team {
    struct tri_plan *plan;
    enum tri_technology technology;
    size_t first; /* its first stage */
    struct trii_thread *thread;
    tri_status status;
    size_t failed; /* the stage that failed */
    struct tri_error error;
};

tri_status trii_plan_reflect(struct tri_runtime *runtime, const struct trii_flow *flow, struct tri_error *err) {
    tri_status status = TRI_OK;
    for (size_t i = 0; status == TRI_OK && i < flow->stage_count; i++) {
        const struct trii_flow_stage *stage = &flow->stages[i];
        struct tri_engine *engine;
        if (!stage->custom || !trii_custom_needs_engine(stage->custom))
            continue;
        if (stage->isolate) { /* no engine of this process is to read a stranger's model */
            trii_fail(err, TRI_UNSUPPORTED,
                      "nothing says what %s makes, and an isolated model is not asked: state shape, dtype and kind of its "
                      "output", stage->custom->name);
            return trii_error_place(err, TRI_UNSUPPORTED, tri_technology_name(stage->technology), stage->name, NULL);
        }
        status = tri_runtime_engine(runtime, stage->technology, &engine, err);
        if (status == TRI_OK)
            status = trii_engine_reflect(engine, stage->custom, err);
        trii_error_place(err, status, tri_technology_name(stage->technology), stage->name, NULL);
    }
    return status;
}

static tri_status prepare_stage(struct tri_plan *plan, struct trii_plan_stage *stage, struct tri_error *err) {
    if (stage->task)
        return TRI_OK;
    tri_status status = stage->isolated
                            ? trii_runtime_isolated(plan->runtime, stage->technology, &stage->engine, err)
                        : stage->streams
                            ? trii_runtime_streams(plan->runtime, stage->streams, &stage->engine, err)
                            : tri_runtime_engine(plan->runtime, stage->technology, &stage->engine, err);
    uint64_t began = trii_trace_now(); /* that the engine opens is told by who opens it */
    if (status == TRI_OK)
        status = trii_task_prepare(stage->engine, &stage->stage, &stage->task, err);
    if (began)
        trii_trace_add(&(struct trii_span){.track = TRII_TRACK_PREPARE,
                                           .technology = stage->technology,
                                           .name = stage->stage.name,
                                           .begin_ns = began});
    return trii_error_place(err, status, tri_technology_name(stage->technology), stage->stage.name, NULL);
}

tri_status trii_plan_prepare_stage(struct tri_plan *plan, size_t index, struct tri_error *err) {
    return prepare_stage(plan, &plan->stages[index], err);
}

static void prepare_team(void *user) {
    struct team *team = user;
    for (size_t i = team->first; team->status == TRI_OK && i < team->plan->count; i++)
        if (team->plan->stages[i].technology == team->technology) {
            team->failed = i;
            team->status = prepare_stage(team->plan, &team->plan->stages[i], &team->error);
        }
}

static size_t form_teams(struct tri_plan *plan, struct team teams[TRI_TECHNOLOGY_COUNT]) {
    size_t count = 0;
    bool seen[TRI_TECHNOLOGY_COUNT] = {false};
    for (size_t i = 0; i < plan->count; i++) {
        enum tri_technology technology = plan->stages[i].technology;
        if (!plan->stages[i].task && !seen[technology]) {
            seen[technology] = true;
            teams[count++] = (struct team){.plan = plan, .technology = technology, .first = i};
        }
    }
    return count;
}

tri_status trii_plan_prepare(struct tri_plan *plan, struct tri_error *err) {
    struct team teams[TRI_TECHNOLOGY_COUNT];
    struct team *worst = NULL;
    if (plan->prepared)
        return TRI_OK;
    size_t count = form_teams(plan, teams);
    /* The last team is this thread's own; a team that gets no thread joins it. */
    for (size_t i = 0; i + 1 < count; i++)
        if (trii_sys_thread_start(&teams[i].thread, "tri-prepare", prepare_team, &teams[i]) != 0)
            teams[i].thread = NULL;
    for (size_t i = 0; i < count; i++)
        if (!teams[i].thread)
            prepare_team(&teams[i]);
    for (size_t i = 0; i < count; i++) {
        trii_sys_thread_join(&teams[i].thread);
        if (teams[i].status != TRI_OK && (!worst || teams[i].failed < worst->failed))
            worst = &teams[i];
    }
    if (worst) {
        trii_error_copy(err, &worst->error);
        return worst->status;
    }
    plan->prepared = true;
    return TRI_OK;
}
