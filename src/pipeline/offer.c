/*
 * In place on an input that was given up ("keep": false): a stage that can replace the bytes of its first input, and is
 * the last to read them, does so although its output has another name. The pixels then never move: a mask that is
 * multiplied into the alpha of a decoded photo touches one byte in four.
 *
 * Only where what replaces the input has its layout, so that the pipeline can be given its next input.
 */
#include "pipeline/flow.h"

static bool reads_again(const struct trii_flow_stage *stage, uint32_t value) {
    for (size_t i = 1; i < trii_op_inputs(stage->op); i++)
        if (stage->in[i] == value)
            return true;
    return false;
}

/* All values of the slot are like this one, and `first` is the first of them. */
static bool fits(const struct trii_flow *flow, uint32_t slot, uint32_t first, const struct tri_layout *layout) {
    for (uint32_t v = 0; v < flow->value_count; v++) {
        const struct trii_flow_value *value = &flow->values[v];
        if (value->slot == slot && (v < first || value->layout.kind != layout->kind || !tri_layout_equal(&value->layout, layout)))
            return false;
    }
    return true;
}

static bool may(const struct trii_flow *flow, uint32_t index) {
    const struct trii_flow_stage *stage = &flow->stages[index];
    const struct trii_flow_value *from = &flow->values[stage->in[0]], *to = &flow->values[stage->out[0]];
    const struct trii_flow_region *input = &flow->regions[from->region], *output = &flow->regions[to->region];
    if (!stage->op->info.in_place || stage->in_place || stage->op->custom)
        return false;
    return input->input && input->given_up && input->owned && from->stage == TRII_FLOW_NONE && from->last == index &&
           !reads_again(stage, stage->in[0]) && output->owned && !output->input &&
           fits(flow, to->slot, stage->out[0], &from->layout);
}

void trii_flow_offer(struct trii_flow *flow) {
    for (size_t s = 0; s < flow->slot_count; s++)
        flow->slots[s].over = TRII_FLOW_NONE;
    for (uint32_t i = 0; i < flow->stage_count; i++) {
        struct trii_flow_stage *stage = &flow->stages[i];
        if (stage->offered)
            stage->in_place = stage->offered = false;
        if (flow->apart || trii_op_inputs(stage->op) == 0 || !may(flow, i))
            continue;
        flow->slots[flow->values[stage->out[0]].slot].over = flow->values[stage->in[0]].slot;
        stage->in_place = stage->offered = true;
    }
}
