/*
 * A pipeline: a form (what the text says), regions for its slots, and a plan over them.
 *
 *   read --plan--> planned --prepare--> prepared --run--> prepared
 *     ^               |                    |
 *     +-- set_input with another layout, set: back to read, regions are freed
 */
#include "base/alloc.h"
#include "base/params.h"
#include "base/status.h"
#include "base/sys.h"
#include "pipeline/find.h"
#include "pipeline/form.h"
#include "pipeline/isolate.h"
#include "pipeline/place.h"
#include "pipeline/plan.h"
#include "pipeline/words.h"

#include <tripoint/frames.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

struct tri_pipeline {
    struct tri_runtime *runtime;
    struct trii_form form;
    struct tri_placement_params placing;
    struct trii_placement placement; /* empty until planned, and when no engine is left open */
    tri_handle *handles; /* one a block; NULL until planned */
    struct tri_plan *plan;
};

static void free_regions(struct tri_pipeline *pipeline) {
    struct tri_arena *arena = tri_runtime_arena(pipeline->runtime);
    for (size_t i = 0; pipeline->handles && i < pipeline->form.flow.block_count; i++)
        if (pipeline->handles[i] != TRI_HANDLE_NONE)
            (void)!tri_arena_free_shared(arena, pipeline->handles[i], NULL); /* gone already when the user freed it */
    trii_free(pipeline->handles);
    pipeline->handles = NULL;
}

static void unplan(struct tri_pipeline *pipeline) {
    tri_plan_destroy(&pipeline->plan);
    trii_placement_finish(&pipeline->placement);
    free_regions(pipeline);
}

/* ---- reading ---- */

/* TRIPOINT_WARM=0: engines are opened when they are needed, not while the input is still being read. The host engine
 * has nothing to bring up. `placed`: those of stages that leave their engine open, now that it is chosen. */
static void warm_engines(struct tri_pipeline *pipeline, bool placed) {
    const char *warm = getenv("TRIPOINT_WARM");
    if (warm && strcmp(warm, "0") == 0)
        return;
    for (size_t i = 0; i < pipeline->form.flow.stage_count; i++) {
        const struct trii_flow_stage *stage = &pipeline->form.flow.stages[i];
        bool chosen_later = stage->candidate_count > 1;
        if (stage->technology != TRI_TECHNOLOGY_HOST && chosen_later == placed && !stage->streams &&
            !stage->isolate)
            tri_runtime_warm(pipeline->runtime, stage->technology);
    }
}

/* A text, and which files it may name. */
static tri_status parse(struct tri_runtime *runtime, const char *text, size_t bytes, const char *origin,
                        const struct trii_custom_place *place, struct tri_pipeline **out, struct tri_error *err) {
    struct tri_pipeline *pipeline = trii_calloc(1, sizeof *pipeline);
    if (!pipeline)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for a pipeline");
    pipeline->runtime = runtime;
    tri_status status = trii_form_parse_at(text, bytes, origin ? origin : "pipeline", place, &pipeline->form, err);
    if (status != TRI_OK) {
        trii_free(pipeline);
        return status;
    }
    pipeline->placing.struct_bytes = sizeof pipeline->placing;
    warm_engines(pipeline, false);
    *out = pipeline;
    return TRI_OK;
}

tri_status tri_pipeline_parse(struct tri_runtime *runtime, const char *text, size_t bytes, const char *origin,
                              struct tri_pipeline **out, struct tri_error *err) {
    if (!runtime || !text || !out)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_pipeline_parse wants a runtime, a text and a place for the "
                                                    "pipeline");
    return parse(runtime, text, bytes, origin, NULL, out, err);
}

static tri_status open_text(struct tri_runtime *runtime, const struct tri_pipeline_params *params,
                            struct trii_custom_place *place, struct tri_pipeline **out, struct tri_error *err) {
    if (params->folder) {
        int failed = trii_sys_open(AT_FDCWD, params->folder, O_PATH | O_DIRECTORY, 0, &place->folder);
        if (failed)
            return trii_fail_errno(err, failed == ENOENT ? TRI_NOT_FOUND : TRI_IO, failed,
                                   "can't open the pipeline's folder %s", params->folder);
    }
    return parse(runtime, params->text, params->text_bytes, params->origin,
                 params->folder || params->file_count || params->isolate_count ? place : NULL, out, err);
}

static tri_status open_named(struct tri_runtime *runtime, const struct tri_pipeline_params *params,
                             struct trii_custom_place *place, struct tri_pipeline **out, struct tri_error *err) {
    char *text, *origin;
    size_t bytes;
    tri_status status = trii_find_pipeline(params->name_or_path, &text, &bytes, &origin, &place->folder, err);
    if (status != TRI_OK)
        return status;
    status = parse(runtime, text, bytes, origin, place, out, err);
    trii_free(text);
    trii_free(origin);
    return status;
}

tri_status tri_pipeline_open(struct tri_runtime *runtime, const struct tri_pipeline_params *given,
                             struct tri_pipeline **out, struct tri_error *err) {
    struct tri_pipeline_params params = {.struct_bytes = sizeof params};
    tri_status status = trii_params_read(&params, sizeof params, given, "tri_pipeline_params", err);
    if (status != TRI_OK)
        return status;
    if (!runtime || !out || (!params.name_or_path && !params.text) || (!params.files && params.file_count))
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_pipeline_open wants a runtime, a name or a text, as many files "
                                                    "as are announced, and a place for the pipeline");
    if (!params.isolate && params.isolate_count)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_pipeline_open: %zu stages are to be isolated and `isolate` is NULL",
                         params.isolate_count);
    for (size_t i = 0; i < params.file_count; i++)
        if (!params.files[i].name || !params.files[i].path)
            return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_pipeline_open: file %zu has no %s", i,
                             params.files[i].name ? "path" : "name");
    struct trii_custom_place place = {.folder = TRII_CUSTOM_NO_FOLDER,
                                      .allow_native = trii_runtime_allows_native(runtime),
                                      .files = params.files,
                                      .file_count = params.file_count,
                                      .isolated = params.isolate,
                                      .isolated_count = params.isolate_count};
    trii_isolate_place(runtime, &place);
    status = params.name_or_path ? open_named(runtime, &params, &place, out, err)
                                 : open_text(runtime, &params, &place, out, err);
    if (place.folder >= 0)
        trii_sys_close(place.folder);
    return status;
}

tri_status tri_pipeline_load(struct tri_runtime *runtime, const char *name_or_path, struct tri_pipeline **out,
                             struct tri_error *err) {
    const struct tri_pipeline_params params = {.struct_bytes = sizeof params, .name_or_path = name_or_path};
    if (!runtime || !name_or_path || !out)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_pipeline_load wants a runtime, a name and a place for the "
                                                    "pipeline");
    return tri_pipeline_open(runtime, &params, out, err);
}

void tri_pipeline_destroy(struct tri_pipeline **pipeline) {
    if (!pipeline || !*pipeline)
        return;
    unplan(*pipeline);
    trii_form_finish(&(*pipeline)->form);
    trii_free(*pipeline);
    *pipeline = NULL;
}

/* ---- what may be changed ---- */

tri_status tri_pipeline_set(struct tri_pipeline *pipeline, const char *assignment, struct tri_error *err) {
    if (!pipeline || !assignment)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_pipeline_set: %s is NULL",
                         pipeline ? "assignment" : "pipeline");
    if (pipeline->plan)
        return trii_fail(err, TRI_INVALID_ARGUMENT,
                         "%s: \"%.80s\" comes too late, the pipeline is planned already; set parameters before "
                         "tri_pipeline_plan()",
                         pipeline->form.name, assignment);
    return trii_form_set(&pipeline->form, assignment, err);
}

static bool holds_already(const struct tri_pipeline *pipeline, const char *region, const struct tri_layout *layout) {
    uint32_t r = trii_flow_find(&pipeline->form.flow, region);
    if (r == TRII_FLOW_NONE)
        return false;
    const struct trii_flow_region *known = &pipeline->form.flow.regions[r];
    return known->input && known->known && known->layout.kind == layout->kind &&
           tri_layout_equal(&known->layout, layout);
}

void tri_pipeline_set_alias(struct tri_pipeline *pipeline, bool alias) {
    if (!pipeline || pipeline->form.flow.apart == !alias)
        return;
    unplan(pipeline);
    pipeline->form.flow.apart = !alias;
}

tri_status tri_pipeline_set_placement(struct tri_pipeline *pipeline, const struct tri_placement_params *given,
                                      struct tri_error *err) {
    struct tri_placement_params params = {.struct_bytes = sizeof params};
    if (!pipeline)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_pipeline_set_placement: pipeline is NULL");
    tri_status status = trii_params_read(&params, sizeof params, given, "tri_placement_params", err);
    if (status != TRI_OK)
        return status;
    if (params.prefer != TRI_PREFER_LATENCY && params.prefer != TRI_PREFER_THROUGHPUT)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_pipeline_set_placement: %d is neither latency nor throughput",
                         (int)params.prefer);
    if (params.slots > TRI_FRAMES_SLOTS_MAX)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "%u slots are asked for; there may be 1 to %u", params.slots,
                         TRI_FRAMES_SLOTS_MAX);
    if (trii_place_is_open(&pipeline->form.flow))
        unplan(pipeline);
    pipeline->placing = params;
    return TRI_OK;
}

tri_status tri_pipeline_set_input(struct tri_pipeline *pipeline, const char *region, const struct tri_layout *layout,
                                  struct tri_error *err) {
    if (!pipeline || !region || !layout)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_pipeline_set_input wants a pipeline, a region's name and a "
                                                    "layout");
    if (holds_already(pipeline, region, layout))
        return TRI_OK;
    tri_status status = trii_form_set_input(&pipeline->form, region, layout, err);
    if (status == TRI_OK)
        unplan(pipeline);
    return status;
}

/* ---- planning ---- */

static tri_status allocate_regions(struct tri_pipeline *pipeline, struct tri_error *err) {
    const struct trii_flow *flow = &pipeline->form.flow;
    struct tri_arena *arena = tri_runtime_arena(pipeline->runtime);
    pipeline->handles = trii_calloc(flow->block_count, sizeof *pipeline->handles);
    if (!pipeline->handles)
        return trii_fail(err, TRI_NO_MEMORY, "%s: no memory for %zu handles", pipeline->form.name, flow->block_count);
    for (uint32_t i = 0; i < flow->block_count; i++) {
        const struct trii_flow_region *region = &flow->regions[flow->slots[flow->blocks[i].slot].region];
        char label[TRI_LABEL_BYTES];
        const struct tri_region_params params = {.struct_bytes = sizeof params,
                                                 .size_bytes = flow->blocks[i].bytes,
                                                 .label = trii_flow_label(flow, i, label, sizeof label)};
        tri_status status = tri_region_allocate(arena, &params, &pipeline->handles[i], err);
        if (status == TRI_OK && region->input)
            status = tri_region_set_layout(arena, pipeline->handles[i], &region->layout, err);
        if (status != TRI_OK)
            return trii_error_place(err, status, NULL, NULL, region->name);
    }
    return TRI_OK;
}

tri_status tri_pipeline_plan(struct tri_pipeline *pipeline, struct tri_error *err) {
    if (!pipeline)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_pipeline_plan: pipeline is NULL");
    if (pipeline->plan)
        return TRI_OK;
    const bool open = trii_place_is_open(&pipeline->form.flow);
    tri_status status = trii_plan_reflect(pipeline->runtime, &pipeline->form.flow, err);
    if (status == TRI_OK)
        status = trii_flow_infer(&pipeline->form.flow, err);
    if (status == TRI_OK)
        status = allocate_regions(pipeline, err);
    if (status == TRI_OK && open)
        status = trii_place(pipeline->runtime, &pipeline->form.flow, pipeline->handles, &pipeline->placing,
                            &pipeline->placement, err);
    if (status == TRI_OK)
        status = trii_plan_build(pipeline->runtime, &pipeline->form.flow, pipeline->handles, &pipeline->plan, err);
    if (status != TRI_OK) {
        trii_placement_finish(&pipeline->placement);
        free_regions(pipeline);
        return status;
    }
    if (open) {
        pipeline->plan->placement = &pipeline->placement;
        warm_engines(pipeline, true);
    }
    return TRI_OK;
}

tri_status tri_pipeline_prepare(struct tri_pipeline *pipeline, struct tri_error *err) {
    tri_status status = tri_pipeline_plan(pipeline, err);
    if (status == TRI_OK)
        status = trii_plan_prepare(pipeline->plan, err);
    if (status != TRI_OK && pipeline->plan)
        trii_place_forget(pipeline->runtime, &pipeline->placement);
    return status;
}

tri_status tri_pipeline_run(struct tri_pipeline *pipeline, const struct tri_run_params *params,
                            struct tri_error *err) {
    tri_status status = tri_pipeline_prepare(pipeline, err);
    return status == TRI_OK ? tri_plan_run(pipeline->plan, params, err) : status;
}

/* ---- looking ---- */

static tri_status unknown_region(const struct tri_pipeline *pipeline, const char *name, struct tri_error *err) {
    const char *known[TRII_FLOW_REGIONS_MAX];
    char list[TRII_WORDS_BYTES];
    const struct trii_flow *flow = &pipeline->form.flow;
    for (size_t i = 0; i < flow->region_count; i++)
        known[i] = flow->regions[i].name;
    return trii_fail(err, TRI_NOT_FOUND, "%s has no region \"%.64s\"; %s", pipeline->form.name, name,
                     trii_words_known(list, name, known, flow->region_count));
}

tri_status tri_pipeline_region(struct tri_pipeline *pipeline, const char *region, tri_handle *out,
                               struct tri_layout *layout, struct tri_error *err) {
    if (!pipeline || !region || !out)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_pipeline_region wants a pipeline, a region's name and a place "
                                                    "for the handle");
    uint32_t found = trii_flow_find(&pipeline->form.flow, region);
    if (found == TRII_FLOW_NONE)
        return unknown_region(pipeline, region, err);
    if (!pipeline->plan)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "%s: \"%s\" has no memory before tri_pipeline_plan()",
                         pipeline->form.name, region);
    const struct trii_flow *flow = &pipeline->form.flow;
    uint32_t value = flow->regions[found].value;
    if (!trii_flow_survives(flow, value)) {
        char label[TRI_LABEL_BYTES];
        return trii_fail(err, TRI_INVALID_ARGUMENT,
                         "%s: \"%s\" shares memory (%s) and is overwritten before the end; make it an output, or say "
                         "\"alias\": false",
                         pipeline->form.name, region,
                         trii_flow_label(flow, trii_flow_block_of(flow, value), label, sizeof label));
    }
    *out = pipeline->handles[trii_flow_block_of(flow, value)];
    if (layout)
        *layout = flow->values[value].layout;
    return TRI_OK;
}

const char *tri_pipeline_input(const struct tri_pipeline *pipeline) {
    return pipeline ? pipeline->form.flow.regions[pipeline->form.inputs[0].region].name : "";
}

const char *tri_pipeline_output(const struct tri_pipeline *pipeline) {
    return pipeline ? pipeline->form.flow.regions[pipeline->form.outputs[0]].name : "";
}

const char *tri_pipeline_name(const struct tri_pipeline *pipeline) {
    return pipeline ? pipeline->form.name : "";
}

const struct tri_plan *tri_pipeline_planned(const struct tri_pipeline *pipeline) {
    return pipeline ? pipeline->plan : NULL;
}

bool tri_pipeline_input_at(const struct tri_pipeline *pipeline, size_t index, struct tri_pipeline_input *out) {
    if (!pipeline || !out || index >= pipeline->form.input_count)
        return false;
    const struct trii_form_input *input = &pipeline->form.inputs[index];
    *out = (struct tri_pipeline_input){.region = pipeline->form.flow.regions[input->region].name,
                                       .kind = input->kind,
                                       .any_dtype = input->any_dtype,
                                       .dtype = input->dtype,
                                       .channels = input->channels};
    return true;
}

bool tri_pipeline_report(const struct tri_pipeline *pipeline, size_t index, struct tri_stage_report *out) {
    return pipeline && tri_plan_report(pipeline->plan, index, out);
}
