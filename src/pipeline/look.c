/* What a plan looks like from outside: copies of its numbers, names that live as long as it does. */
#include "pipeline/place.h"
#include "pipeline/plan.h"

#include "base/status.h"

bool tri_plan_info(const struct tri_plan *plan, struct tri_plan_info *out) {
    if (!plan || !out)
        return false;
    const struct trii_flow *flow = plan->flow;
    struct tri_plan_info info = {.stage_count = plan->count,
                                 .value_count = flow->value_count,
                                 .block_count = flow->block_count,
                                 .alias = !flow->apart};
    for (size_t b = 0; b < flow->block_count; b++)
        info.block_bytes += flow->blocks[b].bytes;
    for (size_t s = 0; s < flow->slot_count; s++)
        info.apart_bytes += flow->slots[s].bytes;
    *out = info;
    return true;
}

static void add_operands(const struct trii_flow_stage *stage, struct tri_plan_stage *out) {
    size_t inputs = 0, outputs = 0;
    for (size_t k = 0; k < stage->op->info.operand_count; k++) {
        const struct tri_operand_info *info = &stage->op->info.operands[k];
        bool output = info->access == TRI_ACCESS_WRITE;
        struct tri_plan_operand *operand = &out->operands[out->operand_count++];
        *operand = (struct tri_plan_operand){.name = info->name, .access = info->access};
        operand->by_kind =
            !output && (inputs >= stage->given_in_count || stage->given_in[inputs] == TRII_FLOW_NONE);
        operand->value = output ? stage->out[outputs++] : stage->in[inputs++];
    }
}

static size_t block_with(const struct tri_plan *plan, tri_handle handle) {
    size_t b = 0;
    while (b + 1 < plan->flow->block_count && plan->handles[b] != handle)
        b++;
    return b;
}

bool tri_plan_stage(const struct tri_plan *plan, size_t index, struct tri_plan_stage *out) {
    if (!plan || !out || index >= plan->count)
        return false;
    const struct trii_flow_stage *from = &plan->flow->stages[index];
    const struct trii_plan_stage *stage = &plan->stages[index];
    *out = (struct tri_plan_stage){.name = from->name,
                                   .operation = from->op->info.name,
                                   .technology = from->technology,
                                   .in_place = from->in_place,
                                   .isolated = from->isolate,
                                   .claim_count = stage->touch_count};
    add_operands(from, out);
    for (size_t i = 0; i < stage->touch_count; i++)
        out->claims[i] = (struct tri_plan_claim){.block = block_with(plan, stage->touches[i].handle),
                                                 .access = stage->touches[i].access,
                                                 .overwrites = stage->touches[i].overwritten};
    return true;
}

static size_t number(uint32_t stage) {
    return stage == TRII_FLOW_NONE ? TRI_STAGE_NONE : stage;
}

bool tri_plan_value(const struct tri_plan *plan, size_t index, struct tri_plan_value *out) {
    if (!plan || !out || index >= plan->flow->value_count)
        return false;
    const struct trii_flow *flow = plan->flow;
    const struct trii_flow_value *value = &flow->values[index];
    const struct trii_flow_region *region = &flow->regions[value->region];
    *out = (struct tri_plan_value){.region = region->name,
                                   .block = trii_flow_block_of(flow, (uint32_t)index),
                                   .layout = value->layout,
                                   .size_bytes = value->bytes,
                                   .made_by = number(value->stage),
                                   .last_read_by = number(value->last),
                                   .is_input = value->stage == TRII_FLOW_NONE,
                                   .given_up = value->stage == TRII_FLOW_NONE && region->given_up,
                                   .is_result = region->output && region->value == index};
    return true;
}

bool tri_plan_block(const struct tri_plan *plan, size_t index, struct tri_plan_block *out) {
    if (!plan || !out || index >= plan->flow->block_count)
        return false;
    const struct trii_flow *flow = plan->flow;
    const struct trii_flow_region *region = &flow->regions[flow->slots[flow->blocks[index].slot].region];
    *out = (struct tri_plan_block){.handle = plan->handles[index],
                                   .size_bytes = flow->blocks[index].bytes,
                                   .callers = !region->owned};
    trii_flow_label(flow, (uint32_t)index, out->label, sizeof out->label);
    return true;
}

bool tri_plan_placement(const struct tri_plan *plan, struct tri_plan_placement *out) {
    if (!plan || !out || !plan->placement)
        return false;
    *out = plan->placement->info;
    return true;
}

bool tri_plan_candidate(const struct tri_plan *plan, size_t stage, size_t index, struct tri_plan_candidate *out) {
    if (!plan || !out || !plan->placement || stage >= plan->count || (!plan->flow->stages[stage].candidate_count && plan->placement->choice.stages[stage].count < 2) ||
        index >= plan->placement->choice.stages[stage].count)
        return false;
    const struct trii_choice_stage *from = &plan->placement->choice.stages[stage];
    const struct trii_candidate *candidate = &from->list[index];
    *out = (struct tri_plan_candidate){.technology = candidate->technology,
                                       .streams = candidate->streams,
                                       .chosen = from->chosen == index,
                                       .frame_ns = candidate->frame_ns,
                                       .stage_ns = candidate->stage_ns,
                                       .dropped = candidate->dropped == TRI_OK ? NULL : candidate->why};
    return true;
}
