/* A plan as JSON: docs/pipelines.md lists the keys. */
#include "cli_json.h"
#include "cli_place.h"
#include "plan.h"

#include <jansson.h>

static json_t *stage_or_null(size_t stage) {
    return stage == TRI_STAGE_NONE ? json_null() : json_integer((json_int_t)stage);
}

static const char *access_name(enum tri_access access) {
    return access == TRI_ACCESS_READ ? "read" : access == TRI_ACCESS_WRITE ? "write" : "read-write";
}

static json_t *stage_json(const struct tri_plan_stage *stage) {
    json_t *operands = json_array(), *claims = json_array();
    for (size_t k = 0; k < stage->operand_count; k++)
        json_array_append_new(operands,
                              json_pack("{s:s,s:s,s:I,s:b}", "name", stage->operands[k].name, "access",
                                        access_name(stage->operands[k].access), "value",
                                        (json_int_t)stage->operands[k].value, "by_kind", (int)stage->operands[k].by_kind));
    for (size_t i = 0; i < stage->claim_count; i++)
        json_array_append_new(claims, json_pack("{s:I,s:s,s:b}", "block", (json_int_t)stage->claims[i].block, "access",
                                                access_name(stage->claims[i].access), "overwrites",
                                                (int)stage->claims[i].overwrites));
    return json_pack("{s:s,s:s,s:s,s:b,s:b,s:o,s:o}", "name", stage->name, "technology",
                     tri_technology_name(stage->technology), "operation", stage->operation, "in_place",
                     (int)stage->in_place, "isolated", (int)stage->isolated, "operands", operands, "claims", claims);
}

static json_t *value_json(const struct tri_plan_value *value) {
    json_t *object = json_pack("{s:s,s:I,s:s,s:s,s:o,s:I,s:o,s:o,s:b,s:b}", "region", value->region, "block",
                     (json_int_t)value->block, "kind", tri_kind_name(value->layout.kind), "dtype",
                     tri_dtype_name(value->layout.dtype), "shape", cli_shape_json(&value->layout), "bytes",
                     (json_int_t)value->size_bytes, "made_by", stage_or_null(value->made_by), "last_read_by",
                     stage_or_null(value->last_read_by), "input", (int)value->is_input, "result", (int)value->is_result);
    if (value->given_up)
        json_object_set_new(object, "given_up", json_true());
    return object;
}

int plan_print_json(const struct plan_view *view, FILE *to) {
    struct tri_plan_stage stage;
    struct tri_plan_value value;
    struct tri_plan_block block;
    json_t *stages = json_array(), *values = json_array(), *blocks = json_array();
    for (size_t i = 0; tri_plan_stage(view->plan, i, &stage); i++) {
        json_t *object = stage_json(&stage), *candidates = cli_candidates_json(view->plan, i);
        if (candidates)
            json_object_set_new(object, "candidates", candidates);
        json_array_append_new(stages, object);
    }
    for (size_t i = 0; tri_plan_value(view->plan, i, &value); i++)
        json_array_append_new(values, value_json(&value));
    for (size_t i = 0; tri_plan_block(view->plan, i, &block); i++)
        json_array_append_new(blocks, json_pack("{s:s,s:I}", "label", block.label, "bytes", (json_int_t)block.size_bytes));
    json_t *all = json_pack("{s:s,s:s,s:b,s:I,s:I,s:o,s:o,s:o}", "tripoint", tri_version(), "pipeline", view->name, "alias",
                            (int)view->info.alias, "bytes", (json_int_t)view->info.block_bytes, "bytes_apart",
                            (json_int_t)view->info.apart_bytes, "stages", stages, "values", values, "blocks", blocks);
    json_t *placement = cli_placement_json(view->plan);
    if (placement)
        json_object_set_new(all, "placement", placement);
    return cli_print_json(all, to);
}
