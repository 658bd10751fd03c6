/* Memory behind a flow, and engines behind its stages. */
#include "pipeline/plan.h"

#include "base/alloc.h"
#include "base/ledger.h"
#include "base/status.h"
#include "base/sys.h"

/* Adds a region to those the stage claims; one that is read and written is claimed once, for writing. */
static void touch(struct trii_plan_stage *stage, const struct trii_region *region, enum tri_access access, bool owned) {
    for (size_t i = 0; i < stage->touch_count; i++)
        if (stage->touches[i].handle == region->handle) {
            stage->touches[i].access |= access;
            stage->requests[i].access = stage->touches[i].access;
            stage->touches[i].overwritten = stage->touches[i].overwritten && access == TRI_ACCESS_WRITE;
            return;
        }
    size_t n = stage->touch_count++;
    stage->touches[n] = (struct trii_plan_touch){.handle = region->handle,
                                                 .label = region->label,
                                                 .access = access,
                                                 .overwritten = owned && access == TRI_ACCESS_WRITE};
    stage->requests[n] = (struct tri_claim_request){region->index, stage->technology, access};
}

static tri_status build_stage(struct tri_plan *plan, const struct trii_flow *flow, const tri_handle *handles,
                              size_t index, struct tri_error *err) {
    const struct trii_flow_stage *from = &flow->stages[index];
    struct trii_plan_stage *to = &plan->stages[index];
    size_t inputs = 0, outputs = 0;
    to->technology = from->technology;
    to->streams = from->streams;
    to->stage.name = from->name;
    to->stage.op = from->op;
    to->stage.args = from->args;
    to->stage.in_place = from->in_place;
    to->isolated = from->isolate;
    to->stage.operand_count = from->op->info.operand_count;
    for (size_t k = 0; k < to->stage.operand_count; k++) {
        const struct tri_operand_info *info = &from->op->info.operands[k];
        const struct trii_flow_value *value =
            &flow->values[info->access == TRI_ACCESS_WRITE ? from->out[outputs++] : from->in[inputs++]];
        struct trii_operand *operand = &to->stage.operands[k];
        operand->info = info;
        operand->layout = value->layout;
        tri_status status = trii_arena_resolve(plan->arena, handles[flow->slots[value->slot].block], &operand->region, err);
        if (status != TRI_OK)
            return trii_error_place(err, status, NULL, from->name, flow->regions[value->region].name);
        operand->region.label = flow->regions[value->region].name; /* lives as long as the plan */
        to->external[k] = info->access == TRI_ACCESS_READ && value->stage == TRII_FLOW_NONE;
        touch(to, &operand->region, info->access, flow->regions[value->region].owned);
    }
    return TRI_OK;
}

tri_status trii_plan_build(struct tri_runtime *runtime, const struct trii_flow *flow, const tri_handle *handles,
                           struct tri_plan **out, struct tri_error *err) {
    struct tri_plan *plan = trii_calloc(1, sizeof *plan);
    tri_status status = TRI_OK;
    if (!plan)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for a plan");
    plan->runtime = runtime;
    plan->arena = tri_runtime_arena(runtime);
    plan->flow = flow;
    plan->handles = handles;
    plan->count = flow->stage_count;
    plan->stages = trii_calloc(plan->count, sizeof *plan->stages);
    plan->lines = trii_calloc(2 * (size_t)TRII_LEDGER_LINES, sizeof *plan->lines);
    if (!plan->stages || !plan->lines)
        status = trii_fail(err, TRI_NO_MEMORY, "no memory for a plan of %zu stages", plan->count);
    for (size_t i = 0; status == TRI_OK && i < plan->count; i++)
        status = build_stage(plan, flow, handles, i, err);
    if (status != TRI_OK) {
        tri_plan_destroy(&plan);
        return status;
    }
    *out = plan;
    return TRI_OK;
}

void tri_plan_destroy(struct tri_plan **plan) {
    if (!plan || !*plan)
        return;
    struct tri_plan *p = *plan;
    /* Memory that an engine still works on is not given back: this waits for the engine. */
    (void)!trii_late_settle(&p->late, TRI_FOREVER, NULL);
    for (size_t i = 0; p->stages && i < p->count; i++)
        trii_task_release(&p->stages[i].task);
    if (p->own_flow)
        trii_flow_finish(p->own_flow);
    trii_free(p->own_flow);
    trii_free(p->own_handles);
    trii_free(p->stages);
    trii_free(p->lines);
    trii_free(p);
    *plan = NULL;
}

bool tri_plan_report(const struct tri_plan *plan, size_t index, struct tri_stage_report *out) {
    if (!plan || !out || index >= plan->count)
        return false;
    const struct trii_plan_stage *stage = &plan->stages[index];
    *out = (struct tri_stage_report){.name = stage->stage.name,
                                     .operation = stage->stage.op->info.name,
                                     .technology = stage->technology,
                                     .in_place = stage->stage.in_place,
                                     .isolated = stage->isolated,
                                     .wait_ns = stage->wait_ns,
                                     .run_ns = stage->run_ns};
    return true;
}
