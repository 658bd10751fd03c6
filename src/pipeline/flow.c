#include "pipeline/flow.h"

#include "base/alloc.h"
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void forget_params(struct tri_param *params, size_t count) {
    for (size_t i = 0; i < count; i++) {
        trii_free((char *)(uintptr_t)params[i].name); /* ours: the const is for readers */
        trii_free((char *)(uintptr_t)params[i].text);
    }
}

void trii_flow_finish(struct trii_flow *flow) {
    for (size_t i = 0; i < flow->stage_count; i++)
        forget_params(flow->stages[i].params, flow->stages[i].param_count);
    for (size_t i = 0; i < flow->stage_count; i++)
        trii_custom_close(&flow->stages[i].custom);
    trii_free((char *)(uintptr_t)flow->origin);
    trii_free(flow->regions);
    trii_free(flow->stages);
    trii_free(flow->values);
    trii_free(flow->slots);
    trii_free(flow->blocks);
    *flow = (struct trii_flow){0};
}

tri_status trii_flow_fail(const struct trii_flow *flow, const struct trii_flow_stage *stage, struct tri_error *err,
                          tri_status status, const char *format, ...) {
    char place[128] = "", sentence[TRI_ERROR_MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    if (flow->origin && stage && stage->spot.line)
        snprintf(place, sizeof place, "%.80s:%u:%u: ", flow->origin, stage->spot.line, stage->spot.column);
    else if (flow->origin)
        snprintf(place, sizeof place, "%.80s: ", flow->origin);
    if (!stage)
        return trii_fail(err, status, "%s%s", place, sentence);
    trii_fail(err, status, "%sstage \"%s\": %s", place, stage->name, sentence);
    return trii_error_place(err, status, tri_technology_name(stage->technology), stage->name, NULL);
}

uint32_t trii_flow_find(const struct trii_flow *flow, const char *name) {
    for (size_t i = 0; i < flow->region_count; i++)
        if (strcmp(flow->regions[i].name, name) == 0)
            return (uint32_t)i;
    return TRII_FLOW_NONE;
}

tri_status trii_flow_add_region(struct trii_flow *flow, const char *name, uint32_t *out, struct tri_error *err) {
    if (flow->region_count == TRII_FLOW_REGIONS_MAX)
        return trii_fail(err, TRI_LIMIT, "a pipeline has at most %u regions, \"%s\" would be one more",
                         TRII_FLOW_REGIONS_MAX, name);
    struct trii_flow_region *more = trii_realloc(flow->regions, flow->region_count + 1, sizeof *more);
    if (!more)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for the region \"%s\"", name);
    flow->regions = more;
    *out = (uint32_t)flow->region_count++;
    more[*out] = (struct trii_flow_region){.owned = true, .value = TRII_FLOW_NONE, .spare_slot = TRII_FLOW_NONE};
    trii_name_copy(more[*out].name, sizeof more[*out].name, name);
    return TRI_OK;
}

tri_status trii_flow_region(struct trii_flow *flow, const char *name, uint32_t *out, struct tri_error *err) {
    *out = trii_flow_find(flow, name);
    return *out == TRII_FLOW_NONE ? trii_flow_add_region(flow, name, out, err) : TRI_OK;
}

tri_status trii_flow_add_stage(struct trii_flow *flow, struct trii_flow_stage **out, struct tri_error *err) {
    if (flow->stage_count == TRI_STAGES_MAX)
        return trii_fail(err, TRI_LIMIT, "a pipeline has at most %d stages", TRI_STAGES_MAX);
    struct trii_flow_stage *more = trii_realloc(flow->stages, flow->stage_count + 1, sizeof *more);
    if (!more)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for stage %zu", flow->stage_count);
    flow->stages = more;
    *out = &more[flow->stage_count++];
    **out = (struct trii_flow_stage){0};
    return TRI_OK;
}

tri_status trii_flow_set_param(struct trii_flow_stage *stage, const struct tri_param *param, struct tri_error *err) {
    size_t at = 0, count = stage->param_count;
    while (at < count && strcmp(stage->params[at].name, param->name) != 0)
        at++;
    if (at == TRII_OP_PARAMS_MAX)
        return trii_fail(err, TRI_LIMIT, "more than %d parameters", TRII_OP_PARAMS_MAX);
    struct tri_param old = stage->params[at], fresh = {trii_strdup(param->name), param->number, trii_strdup(param->text)};
    tri_status status = TRI_OK;
    struct trii_args args;
    if (!fresh.name || (param->text && !fresh.text))
        status = trii_fail(err, TRI_NO_MEMORY, "no memory for the parameter \"%s\"", param->name);
    if (status == TRI_OK) {
        stage->params[at] = fresh;
        status = trii_args_resolve(stage->op, stage->params, at == count ? count + 1 : count, &args, err);
    }
    if (status != TRI_OK) {
        stage->params[at] = old;
        forget_params(&fresh, 1);
        return status;
    }
    if (at == count)
        stage->param_count++;
    else
        forget_params(&old, 1);
    stage->args = args;
    return TRI_OK;
}
