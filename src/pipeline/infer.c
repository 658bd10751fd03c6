/* Second pass of the planner: layouts from stage to stage, and how large each slot must be. */
#include "pipeline/flow.h"

#include "base/checked.h"
#include "base/status.h"

#include <stdio.h>

static tri_status grow_slot(struct trii_flow *flow, const struct trii_flow_stage *stage, uint32_t value,
                            struct tri_error *err) {
    struct trii_flow_value *v = &flow->values[value];
    const struct trii_flow_region *region = &flow->regions[v->region];
    struct trii_flow_slot *slot = &flow->slots[v->slot];
    struct tri_error cause = {0};
    char text[96];
    uint64_t bytes;
    tri_status status = tri_layout_bytes_needed(&v->layout, &bytes, &cause);
    if (status != TRI_OK)
        trii_flow_fail(flow, stage, err, status, "region \"%s\": %s", region->name, cause.message);
    else if (!region->owned && bytes > region->capacity_bytes)
        status = trii_flow_fail(flow, stage, err, TRI_BAD_PIPELINE,
                                "region \"%s\" has %llu bytes, %s needs %llu: allocate a larger one", region->name,
                                (unsigned long long)region->capacity_bytes,
                                tri_layout_format(&v->layout, text, sizeof text), (unsigned long long)bytes);
    if (status != TRI_OK)
        return trii_error_place(err, status, NULL, NULL, region->name);
    v->bytes = bytes;
    slot->bytes = trii_max_u64(slot->bytes, bytes);
    return TRI_OK;
}

/* What the text states about a region is held against the first value that a stage puts there. */
static tri_status check_statement(const struct trii_flow *flow, const struct trii_flow_stage *stage, uint32_t value,
                                  bool *checked, struct tri_error *err) {
    const struct trii_flow_value *v = &flow->values[value];
    const struct trii_flow_region *region = &flow->regions[v->region];
    char made[96], stated[96];
    if (!region->stated || *checked)
        return TRI_OK;
    *checked = true;
    if (tri_layout_equal(&v->layout, &region->statement) && v->layout.kind == region->statement.kind)
        return TRI_OK;
    return trii_flow_fail(flow, stage, err, TRI_BAD_PIPELINE, "makes %s, but \"regions\" states that \"%s\" is %s",
                          tri_layout_format(&v->layout, made, sizeof made), region->name,
                          tri_layout_format(&region->statement, stated, sizeof stated));
}

static tri_status infer_stage(struct trii_flow *flow, struct trii_flow_stage *stage, bool *checked,
                              struct tri_error *err) {
    struct tri_layout in[TRII_OP_OPERANDS_MAX], out[TRII_OP_OPERANDS_MAX] = {{0}};
    struct tri_error cause = {0};
    char text[96];
    for (size_t i = 0; i < trii_op_inputs(stage->op); i++) {
        const struct trii_flow_value *v = &flow->values[stage->in[i]];
        in[i] = v->layout;
        if (!tri_layout_is_tight(&in[i]))
            return trii_flow_fail(flow, stage, err, TRI_BAD_PIPELINE,
                                  "region \"%s\" holds %s with gaps between its rows; operations want them tight",
                                  flow->regions[v->region].name, tri_layout_format(&in[i], text, sizeof text));
    }
    tri_status status = stage->op->infer(stage->op, &stage->args, in, out, &cause);
    if (status != TRI_OK)
        return trii_flow_fail(flow, stage, err, status == TRI_INVALID_ARGUMENT ? TRI_BAD_PIPELINE : status, "%s",
                              cause.message);
    for (size_t j = 0; status == TRI_OK && j < trii_op_outputs(stage->op); j++) {
        flow->values[stage->out[j]].layout = out[j];
        status = check_statement(flow, stage, stage->out[j], &checked[flow->values[stage->out[j]].region], err);
        if (status == TRI_OK)
            status = grow_slot(flow, stage, stage->out[j], err);
    }
    return status;
}

static tri_status infer_inputs(struct trii_flow *flow, struct tri_error *err) {
    for (size_t r = 0; r < flow->region_count; r++) {
        const struct trii_flow_region *region = &flow->regions[r];
        if (!region->input)
            continue;
        if (!region->known)
            return trii_flow_fail(flow, NULL, err, TRI_BAD_PIPELINE,
                                  "the input \"%s\" has no size yet; say what it will hold with "
                                  "tri_pipeline_set_input()",
                                  region->name);
        for (size_t v = 0; v < flow->value_count; v++)
            if (flow->values[v].stage == TRII_FLOW_NONE && flow->values[v].region == r) {
                flow->values[v].layout = region->layout;
                tri_status status = grow_slot(flow, NULL, (uint32_t)v, err);
                if (status != TRI_OK)
                    return status;
            }
    }
    return TRI_OK;
}

tri_status trii_flow_infer(struct trii_flow *flow, struct tri_error *err) {
    bool checked[TRII_FLOW_REGIONS_MAX] = {false};
    for (size_t s = 0; s < flow->slot_count; s++)
        flow->slots[s].bytes = 0;
    tri_status status = infer_inputs(flow, err);
    for (size_t s = 0; status == TRI_OK && s < flow->stage_count; s++)
        status = infer_stage(flow, &flow->stages[s], checked, err);
    return status == TRI_OK ? trii_flow_share(flow, err) : status;
}
