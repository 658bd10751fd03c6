/* First pass of the planner: operands to values, values to slots. docs/pipelines.md tells the rules to users. */
#include "pipeline/flow.h"

#include "base/alloc.h"
#include "base/status.h"
#include "pipeline/words.h"

#include <stdio.h>

/* Operand i of the inputs (or of the outputs). */
static const struct tri_operand_info *operand(const struct trii_op *op, bool output, size_t i) {
    for (size_t k = 0; k < op->info.operand_count; k++)
        if ((op->info.operands[k].access == TRI_ACCESS_WRITE) == output && i-- == 0)
            return &op->info.operands[k];
    return NULL;
}

static char *operand_names(const struct trii_op *op, bool output, char *text, size_t bytes) {
    size_t used = 0;
    const struct tri_operand_info *info;
    text[0] = '\0';
    for (size_t i = 0; (info = operand(op, output, i)) != NULL && used < bytes; i++)
        used += (size_t)snprintf(text + used, bytes - used, "%s%s", i ? ", " : "", info->name);
    return text;
}

/* "the input "photo"" or ""work", written by stage "segment"". */
static char *describe(const struct trii_flow *flow, uint32_t value, char *text, size_t bytes) {
    const struct trii_flow_value *v = &flow->values[value];
    const char *region = flow->regions[v->region].name;
    if (v->stage == TRII_FLOW_NONE)
        snprintf(text, bytes, "the input \"%s\"", region);
    else
        snprintf(text, bytes, "\"%s\" (written by stage \"%s\")", region, flow->stages[v->stage].name);
    return text;
}

static uint32_t add_slot(struct trii_flow *flow, uint32_t region) {
    flow->slots[flow->slot_count] = (struct trii_flow_slot){.region = region};
    return (uint32_t)flow->slot_count++;
}

static uint32_t add_value(struct trii_flow *flow, uint32_t region, uint32_t slot, uint32_t stage, enum tri_kind kind) {
    flow->values[flow->value_count] =
        (struct trii_flow_value){.region = region, .slot = slot, .stage = stage, .kind = kind};
    flow->regions[region].value = (uint32_t)flow->value_count;
    return (uint32_t)flow->value_count++;
}

static bool holds(const uint32_t *list, size_t count, uint32_t what) {
    for (size_t i = 0; i < count; i++)
        if (list[i] == what)
            return true;
    return false;
}

/* May the operand be bound to this value: the one its region holds now, of the kind, not an operand already? */
static bool is_candidate(const struct trii_flow *flow, const struct trii_flow_stage *stage, enum tri_kind kind,
                         bool inputs, uint32_t value) {
    const struct trii_flow_value *v = &flow->values[value];
    const struct trii_flow_region *region = &flow->regions[v->region];
    return v->kind == kind && region->value == value && !holds(stage->in, trii_op_inputs(stage->op), value) &&
           (inputs ? v->stage == TRII_FLOW_NONE && region->bindable : v->stage != TRII_FLOW_NONE);
}

/* The latest candidate: one from which no other was computed. One sweep from the newest value to the oldest marks
 * everything that a candidate was computed from; what stays unmarked is latest. Two of them are an ambiguity: returns
 * how many there are, the first two in best[]. */
static size_t latest(struct trii_flow *flow, const struct trii_flow_stage *stage, enum tri_kind kind, bool inputs,
                     uint32_t best[2]) {
    size_t count = 0;
    for (size_t v = 0; v < flow->value_count; v++)
        flow->values[v].mark = false;
    for (size_t v = flow->value_count; v-- > 0;) {
        const struct trii_flow_value *value = &flow->values[v];
        bool candidate = is_candidate(flow, stage, kind, inputs, (uint32_t)v);
        if (candidate && !value->mark) {
            if (count < 2)
                best[count] = (uint32_t)v;
            count++;
        }
        if ((candidate || value->mark) && value->stage != TRII_FLOW_NONE)
            for (size_t i = 0; i < trii_op_inputs(flow->stages[value->stage].op); i++)
                flow->values[flow->stages[value->stage].in[i]].mark = true;
    }
    return count;
}

static tri_status bind_by_kind(struct trii_flow *flow, struct trii_flow_stage *stage, size_t i, struct tri_error *err) {
    const struct tri_operand_info *info = operand(stage->op, false, i);
    const char *kind = tri_kind_name(info->kind), *op = stage->op->info.name;
    uint32_t best[2];
    for (size_t k = 0; k < trii_op_inputs(stage->op); k++)
        if (k != i && stage->in[k] == TRII_FLOW_NONE && operand(stage->op, false, k)->kind == info->kind)
            return trii_flow_fail(flow, stage, err, TRI_BAD_PIPELINE,
                                  "%s needs two operands of kind %s, \"%s\" and \"%s\", and is given neither; name them "
                                  "in \"inputs\"",
                                  op, kind, info->name, operand(stage->op, false, k)->name);
    size_t found = info->kind == TRI_KIND_BYTES ? 0 : latest(flow, stage, info->kind, false, best);
    if (found == 0 && info->kind != TRI_KIND_BYTES)
        found = latest(flow, stage, info->kind, true, best);
    if (found == 1) {
        stage->in[i] = best[0];
        return TRI_OK;
    }
    char inputs[96];
    operand_names(stage->op, false, inputs, sizeof inputs);
    if (found == 0)
        return trii_flow_fail(flow, stage, err, TRI_BAD_PIPELINE,
                              "the operand \"%s\" of %s is not given and no earlier stage makes a value of kind %s; add a stage that "
                              "makes one, or name a region in \"inputs\" (%s)",
                              info->name, op, kind, inputs);
    char a[128], b[128];
    return trii_flow_fail(flow, stage, err, TRI_BAD_PIPELINE,
                          "the operand \"%s\" of %s is not given and two values of kind %s could be meant: %s and %s; "
                          "name one in \"inputs\" (%s)",
                          info->name, op, kind, describe(flow, best[1], a, sizeof a),
                          describe(flow, best[0], b, sizeof b), inputs);
}

static tri_status bind_given(struct trii_flow *flow, struct trii_flow_stage *stage, size_t i, struct tri_error *err) {
    const struct tri_operand_info *info = operand(stage->op, false, i);
    const struct trii_flow_region *region = &flow->regions[stage->given_in[i]];
    if (region->value == TRII_FLOW_NONE) {
        const char *known[64];
        size_t count = 0;
        char list[TRII_WORDS_BYTES];
        for (size_t r = 0; r < flow->region_count && count < 64; r++)
            if (flow->regions[r].value != TRII_FLOW_NONE)
                known[count++] = flow->regions[r].name;
        return trii_flow_fail(flow, stage, err, TRI_BAD_PIPELINE,
                              "reads the region \"%s\", which is no input and which no earlier stage writes; %s",
                              region->name, trii_words_known(list, region->name, known, count));
    }
    enum tri_kind kind = flow->values[region->value].kind;
    if (info->kind != TRI_KIND_BYTES && kind != info->kind) {
        char layout[96];
        if (kind == TRI_KIND_BYTES && !region->owned)
            return trii_flow_fail(flow, stage, err, TRI_BAD_PIPELINE,
                                  "region \"%s\" holds %s, but the operand \"%s\" of %s is of kind %s; say what it "
                                  "holds with tri_region_set_layout()",
                                  region->name, tri_layout_format(&region->layout, layout, sizeof layout), info->name,
                                  stage->op->info.name, tri_kind_name(info->kind));
        return trii_flow_fail(flow, stage, err, TRI_BAD_PIPELINE,
                              "region \"%s\" holds a value of kind %s here, but the operand \"%s\" of %s is of kind %s",
                              region->name, tri_kind_name(kind), info->name, stage->op->info.name,
                              tri_kind_name(info->kind));
    }
    stage->in[i] = region->value;
    return TRI_OK;
}

static tri_status bind_inputs(struct trii_flow *flow, struct trii_flow_stage *stage, struct tri_error *err) {
    size_t wanted = trii_op_inputs(stage->op);
    tri_status status = TRI_OK;
    if (stage->given_in_count > wanted) {
        char names[96];
        return trii_flow_fail(flow, stage, err, TRI_BAD_PIPELINE, "%s takes %zu input%s (%s), %zu are given",
                              stage->op->info.name, wanted, wanted == 1 ? "" : "s",
                              operand_names(stage->op, false, names, sizeof names), stage->given_in_count);
    }
    for (size_t i = 0; i < wanted; i++)
        stage->in[i] = TRII_FLOW_NONE;
    for (size_t i = 0; status == TRI_OK && i < stage->given_in_count; i++)
        if (stage->given_in[i] != TRII_FLOW_NONE)
            status = bind_given(flow, stage, i, err);
    for (size_t i = 0; status == TRI_OK && i < wanted; i++)
        if (stage->in[i] == TRII_FLOW_NONE)
            status = bind_by_kind(flow, stage, i, err);
    return status;
}

/* Where output j may be written: over what its region holds, in place, or behind the same name elsewhere. */
static tri_status place_output(struct trii_flow *flow, struct trii_flow_stage *stage, size_t j, uint32_t *slot,
                               struct tri_error *err) {
    uint32_t r = stage->given_out[j];
    struct trii_flow_region *region = &flow->regions[r];
    size_t inputs = trii_op_inputs(stage->op);
    if (region->value == TRII_FLOW_NONE) {
        *slot = add_slot(flow, r);
        return TRI_OK;
    }
    uint32_t old = flow->values[region->value].slot;
    if (region->owned && region->input)
        return trii_flow_fail(flow, stage, err, TRI_BAD_PIPELINE,
                              "writes \"%s\", an input of the pipeline; inputs are only read, so that a pipeline can "
                              "run again: name another output",
                              region->name);
    if (!holds(stage->in, inputs, region->value)) {
        *slot = old;
        return TRI_OK;
    }
    if (j == 0 && stage->in[0] == region->value && !holds(stage->in + 1, inputs - 1, region->value) &&
        stage->op->info.in_place) {
        stage->in_place = true;
        *slot = old;
        return TRI_OK;
    }
    if (!region->owned)
        return trii_flow_fail(flow, stage, err, TRI_BAD_PIPELINE,
                              "region \"%s\" is an input and an output of %s, which does not work in place%s; give "
                              "another region as output",
                              region->name, stage->op->info.name,
                              stage->op->info.in_place ? " on these operands" : "");
    *slot = region->spare_slot != TRII_FLOW_NONE ? region->spare_slot : add_slot(flow, r);
    region->spare_slot = old;
    return TRI_OK;
}

/* A file may leave its output's kind to its inputs. */
static enum tri_kind output_kind(const struct trii_flow *flow, const struct trii_flow_stage *stage, size_t j) {
    enum tri_kind in[TRII_OP_OPERANDS_MAX];
    if (!stage->custom)
        return operand(stage->op, true, j)->kind;
    for (size_t i = 0; i < trii_op_inputs(stage->op); i++)
        in[i] = flow->values[stage->in[i]].kind;
    return trii_custom_output_kind(stage->custom, j, in);
}

static tri_status bind_outputs(struct trii_flow *flow, uint32_t index, struct tri_error *err) {
    struct trii_flow_stage *stage = &flow->stages[index];
    size_t wanted = trii_op_outputs(stage->op);
    uint32_t slots[TRII_OP_OPERANDS_MAX];
    if (stage->given_out_count != wanted) {
        char names[96];
        return trii_flow_fail(flow, stage, err, TRI_BAD_PIPELINE, "%s has %zu output%s (%s), %zu %s given",
                              stage->op->info.name, wanted, wanted == 1 ? "" : "s",
                              operand_names(stage->op, true, names, sizeof names), stage->given_out_count,
                              stage->given_out_count == 1 ? "is" : "are");
    }
    stage->in_place = false;
    for (size_t j = 0; j < wanted; j++) {
        if (holds(stage->given_out, j, stage->given_out[j]))
            return trii_flow_fail(flow, stage, err, TRI_BAD_PIPELINE, "names the region \"%s\" as output twice",
                                  flow->regions[stage->given_out[j]].name);
        tri_status status = place_output(flow, stage, j, &slots[j], err);
        if (status != TRI_OK)
            return status;
    }
    if (stage->custom && stage->custom->only_in_place && !stage->in_place)
        return trii_flow_fail(flow, stage, err, TRI_BAD_PIPELINE,
                              "%s works on \"%s\" in place, as it is given one input more than it only reads: its first "
                              "output must be the region of its first input, \"%s\", not \"%s\"",
                              stage->op->info.name, stage->op->info.operands[0].name,
                              flow->regions[flow->values[stage->in[0]].region].name,
                              flow->regions[stage->given_out[0]].name);
    for (size_t j = 0; j < wanted; j++)
        stage->out[j] = add_value(flow, stage->given_out[j], slots[j], index, output_kind(flow, stage, j));
    return TRI_OK;
}

static tri_status check_technology(const struct trii_flow *flow, const struct trii_flow_stage *stage,
                                   enum tri_technology technology, struct tri_error *err) {
    const struct tri_operation_info *info = &stage->op->info;
    const char *known[TRI_TECHNOLOGY_COUNT];
    size_t count = 0;
    char list[TRII_WORDS_BYTES];
    for (unsigned t = 0; t < TRI_TECHNOLOGY_COUNT; t++)
        if (info->technologies & (1u << t))
            known[count++] = tri_technology_name((enum tri_technology)t);
    if ((unsigned)technology < TRI_TECHNOLOGY_COUNT && (info->technologies & (1u << technology)))
        return TRI_OK;
    return trii_flow_fail(flow, stage, err, TRI_BAD_PIPELINE, "%s does not have the operation %s; technologies that do: %s",
                          tri_technology_name(technology), info->name,
                          trii_words_known(list, NULL, known, count) + sizeof "known: " - 1);
}

static tri_status check_operation(const struct trii_flow *flow, const struct trii_flow_stage *stage,
                                  struct tri_error *err) {
    tri_status status = check_technology(flow, stage, stage->technology, err);
    for (size_t c = 0; status == TRI_OK && c < stage->candidate_count; c++)
        status = check_technology(flow, stage, stage->candidates[c], err);
    return status;
}

tri_status trii_flow_bind(struct trii_flow *flow, struct tri_error *err) {
    size_t most = flow->region_count;
    for (size_t s = 0; s < flow->stage_count; s++)
        most += flow->stages[s].given_out_count;
    trii_free(flow->values);
    trii_free(flow->slots);
    flow->value_count = flow->slot_count = 0;
    flow->values = trii_calloc(most, sizeof *flow->values);
    flow->slots = trii_calloc(most, sizeof *flow->slots);
    if (!flow->values || !flow->slots)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to plan %zu stages", flow->stage_count);
    for (size_t r = 0; r < flow->region_count; r++) {
        struct trii_flow_region *region = &flow->regions[r];
        region->value = region->spare_slot = TRII_FLOW_NONE;
        if (region->input)
            add_value(flow, (uint32_t)r, add_slot(flow, (uint32_t)r), TRII_FLOW_NONE, region->layout.kind);
    }
    for (size_t s = 0; s < flow->stage_count; s++) {
        tri_status status = check_operation(flow, &flow->stages[s], err);
        if (status == TRI_OK)
            status = bind_inputs(flow, &flow->stages[s], err);
        if (status == TRI_OK)
            status = bind_outputs(flow, (uint32_t)s, err);
        if (status != TRI_OK)
            return status;
    }
    return TRI_OK;
}
