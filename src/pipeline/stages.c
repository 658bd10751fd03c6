/* A plan over a caller's handles: the regions are what the caller says they are, and stay where they are. */
#include "pipeline/plan.h"

#include "base/alloc.h"
#include "base/status.h"
#include "pipeline/isolate.h"
#include "pipeline/words.h"

#include <stdio.h>

/* The flow's region for a handle, made with what the arena knows of it. */
static tri_status region_of(struct tri_arena *arena, struct trii_flow *flow, tri_handle handle, uint32_t *out,
                            struct tri_error *err) {
    struct tri_region_info info;
    struct tri_layout layout;
    for (size_t i = 0; i < flow->region_count; i++)
        if (flow->regions[i].handle == handle) {
            *out = (uint32_t)i;
            return TRI_OK;
        }
    tri_status status = tri_region_info(arena, handle, &info, err);
    if (status == TRI_OK)
        status = tri_region_layout(arena, handle, &layout, err);
    if (status == TRI_OK)
        status = trii_flow_add_region(flow, info.label, out, err);
    if (status != TRI_OK)
        return status;
    struct trii_flow_region *region = &flow->regions[*out];
    region->handle = handle;
    region->owned = false;
    region->input = region->known = true;
    region->layout = layout;
    region->capacity_bytes = info.size_bytes;
    return TRI_OK;
}

/* `one`, unless `many` lists them. A handle that is none leaves an input to be bound by kind. */
static tri_status operands(struct tri_arena *arena, struct trii_flow *flow, tri_handle one, const tri_handle *many,
                           size_t many_count, bool output, uint32_t *regions, size_t *count, struct tri_error *err) {
    const tri_handle *list = many ? many : &one;
    size_t n = many ? many_count : one == TRI_HANDLE_NONE ? 0 : 1;
    const char *what = output ? "output" : "input";
    if (n > TRI_STAGE_OPERANDS_MAX)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "%zu %ss, a stage has at most %d", n, what, TRI_STAGE_OPERANDS_MAX);
    for (size_t i = 0; i < n; i++) {
        regions[i] = TRII_FLOW_NONE;
        if (list[i] == TRI_HANDLE_NONE && !output)
            continue;
        tri_status status = region_of(arena, flow, list[i], &regions[i], err);
        if (status != TRI_OK)
            return status;
    }
    *count = n;
    return TRI_OK;
}

static tri_status unknown_operation(const char *name, struct tri_error *err) {
    const char *known[64];
    char list[TRII_WORDS_BYTES];
    size_t count = 0;
    const struct tri_operation_info *info;
    while (count < 64 && (info = tri_operation_at(count)) != NULL)
        known[count++] = info->name;
    return trii_fail(err, TRI_NOT_FOUND, "\"%.64s\" is not an operation; %s", name ? name : "",
                     trii_words_known(list, name, known, count));
}

static tri_status add_params(struct trii_flow_stage *to, const struct tri_stage *from, struct tri_error *err) {
    if (!from->params && from->param_count > 0)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "%zu parameters are announced and `params` is NULL",
                         from->param_count);
    tri_status status = trii_args_resolve(to->op, from->params, from->param_count, &to->args, err);
    if (status == TRI_OK) /* the whole list was checked; now it is copied */
        status = trii_args_resolve(to->op, NULL, 0, &to->args, err);
    for (size_t i = 0; status == TRI_OK && i < from->param_count; i++)
        status = trii_flow_set_param(to, &from->params[i], err);
    return status;
}

/* A built-in operation, or a file: the caller's own, wherever it lies. */
static tri_status find_operation(struct tri_runtime *runtime, struct trii_flow_stage *to, const struct tri_stage *from,
                                 size_t index, struct tri_error *err) {
    const char *name = from->operation;
    tri_status status = TRI_OK;
    struct trii_custom_place place = {.folder = TRII_CUSTOM_ANYWHERE, .allow_native = trii_runtime_allows_native(runtime)};
    trii_isolate_place(runtime, &place);
    if (name && trii_custom_is_file(name)) {
        status = trii_custom_open(&place, name, &to->custom, err);
        to->op = status == TRI_OK ? &to->custom->op : NULL;
    } else {
        to->op = name ? trii_op_find(name) : NULL;
        status = to->op ? TRI_OK : unknown_operation(name, err);
    }
    return status == TRI_OK ? trii_isolate_stage(&place, to, index, from->isolate, err) : status;
}

/* What a caller's region is said to hold is what a file puts there. */
static tri_status complete(struct trii_flow *flow, struct trii_flow_stage *to, struct tri_error *err) {
    for (size_t j = 0; to->custom && j < to->given_out_count; j++) {
        const struct tri_layout *layout = &flow->regions[to->given_out[j]].layout;
        if (layout->kind != TRI_KIND_BYTES) {
            to->custom->outputs[j].rule = TRII_OUTPUT_STATED;
            to->custom->outputs[j].layout = *layout;
        }
    }
    return to->custom ? trii_custom_given(to->custom, to->given_in_count, to->given_out_count, err) : TRI_OK;
}

static tri_status add_stage(struct tri_runtime *runtime, struct trii_flow *flow, const struct tri_stage *from,
                            size_t index, struct tri_error *err) {
    struct tri_arena *arena = tri_runtime_arena(runtime);
    struct trii_flow_stage *to;
    char number[32];
    snprintf(number, sizeof number, "stage %zu", index);
    if (from->struct_bytes != sizeof *from) {
        trii_fail(err, TRI_INVALID_ARGUMENT, "tri_stage.struct_bytes is %zu, this version wants %zu",
                  from->struct_bytes, sizeof *from);
        return trii_error_place(err, TRI_INVALID_ARGUMENT, NULL, number, NULL);
    }
    tri_status status = trii_flow_add_stage(flow, &to, err);
    if (status != TRI_OK)
        return status;
    to->technology = from->technology;
    status = find_operation(runtime, to, from, index, err);
    trii_name_copy(to->name, sizeof to->name, from->name ? from->name : to->op ? to->op->info.name : number);
    if (status == TRI_OK)
        status = operands(arena, flow, from->input, from->inputs, from->input_count, false, to->given_in,
                          &to->given_in_count, err);
    if (status == TRI_OK)
        status = operands(arena, flow, from->output, from->outputs, from->output_count, true, to->given_out,
                          &to->given_out_count, err);
    if (status == TRI_OK)
        status = complete(flow, to, err);
    if (status == TRI_OK)
        status = add_params(to, from, err);
    return trii_error_place(err, status, tri_technology_name(to->technology), to->name, NULL);
}

static tri_status fill_flow(struct tri_runtime *runtime, struct trii_flow *flow, const struct tri_stage *stages,
                            size_t count, struct tri_error *err) {
    tri_status status = TRI_OK;
    for (size_t i = 0; status == TRI_OK && i < count; i++)
        status = add_stage(runtime, flow, &stages[i], i, err);
    if (status == TRI_OK)
        status = trii_flow_bind(flow, err);
    if (status == TRI_OK)
        status = trii_plan_reflect(runtime, flow, err);
    if (status == TRI_OK)
        status = trii_flow_infer(flow, err);
    return status;
}

static tri_status build(struct tri_runtime *runtime, const struct trii_flow *flow, struct tri_plan **out,
                        struct tri_error *err) {
    tri_handle *handles = trii_calloc(flow->block_count, sizeof *handles);
    if (!handles)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for a plan of %zu regions", flow->block_count);
    for (size_t i = 0; i < flow->block_count; i++)
        handles[i] = flow->regions[flow->slots[flow->blocks[i].slot].region].handle;
    tri_status status = trii_plan_build(runtime, flow, handles, out, err);
    if (status == TRI_OK)
        (*out)->own_handles = handles;
    else
        trii_free(handles);
    return status;
}

tri_status tri_plan_create(struct tri_runtime *runtime, const struct tri_stage *stages, size_t count,
                           struct tri_plan **out, struct tri_error *err) {
    struct tri_plan *plan = NULL;
    if (!runtime || !stages || !out || count == 0)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_plan_create wants a runtime, at least one stage and a place "
                                                    "for the plan");
    struct trii_flow *flow = trii_calloc(1, sizeof *flow);
    if (!flow)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for a plan");
    tri_status status = fill_flow(runtime, flow, stages, count, err);
    if (status == TRI_OK)
        status = build(runtime, flow, &plan, err);
    if (status != TRI_OK) {
        trii_flow_finish(flow);
        trii_free(flow);
        return status;
    }
    plan->own_flow = flow;
    status = trii_plan_prepare(plan, err);
    if (status != TRI_OK) {
        tri_plan_destroy(&plan);
        return status;
    }
    *out = plan;
    return TRI_OK;
}

tri_status tri_execute_zero_copy(struct tri_runtime *runtime, const struct tri_stage *stages, size_t count,
                                 struct tri_error *err) {
    const struct tri_run_params params = {.struct_bytes = sizeof params, .require_zero_copy = true};
    struct tri_plan *plan;
    tri_status status = tri_plan_create(runtime, stages, count, &plan, err);
    if (status != TRI_OK)
        return status;
    status = tri_plan_run(plan, &params, err);
    tri_plan_destroy(&plan);
    return status;
}
