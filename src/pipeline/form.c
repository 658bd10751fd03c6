#include "pipeline/form.h"

#include "base/alloc.h"
#include "base/status.h"
#include "pipeline/isolate.h"
#include "pipeline/json.h"
#include "pipeline/words.h"

#include <stdio.h>
#include <string.h>

#define COUNT(list) (sizeof(list) / sizeof *(list))
#define KNOWN_MAX 64

void trii_form_finish(struct trii_form *form) {
    trii_flow_finish(&form->flow);
    trii_free(form->inputs);
    trii_free(form->outputs);
    *form = (struct trii_form){.name = ""};
}

/* An error from below, told with the place in the text. */
static tri_status at_place(const struct trii_json *json, tri_status status, const struct tri_error *cause) {
    if (status == TRI_NO_MEMORY || status == TRI_LIMIT)
        return trii_fail(json->err, status, "%.120s: %s", json->origin, cause->message);
    return trii_json_wrong(json, "%s", cause->message);
}

/* The same where what is wrong is not the text. */
static tri_status told(const struct trii_json *json, tri_status status, const struct tri_error *cause) {
    (void)trii_json_wrong(json, "%s", cause->message);
    if (json->err)
        json->err->status = status;
    return status;
}

static tri_status no_memory(const struct trii_json *json) {
    return trii_fail(json->err, TRI_NO_MEMORY, "%.120s: no memory for the pipeline", json->origin);
}

/* Finds or makes the region that a name in the text names. */
static tri_status read_region(struct trii_json *json, struct trii_form *form, const json_t *value, uint32_t *out) {
    const char *name;
    struct tri_error cause = {0};
    tri_status status = trii_json_name(json, value, &name);
    if (status != TRI_OK)
        return status;
    status = trii_flow_region(&form->flow, name, out, &cause);
    if (status != TRI_OK)
        return at_place(json, status, &cause);
    if (form->flow.regions[*out].spot.line == 0)
        form->flow.regions[*out].spot = trii_json_spot(json);
    return TRI_OK;
}

/* ---- words of the vocabulary ---- */

static tri_status read_kind(struct trii_json *json, const json_t *value, enum tri_kind *out) {
    static const char *const known[] = {"bytes", "image", "mask", "tensor", "boxes", "nv12", "i420"};
    char list[TRII_WORDS_BYTES];
    const char *name = json_is_string(value) ? json_string_value(value) : NULL;
    if (!name)
        return trii_json_wrong(json, "expected a kind, not %s; %s", trii_json_type(value),
                               trii_words_known(list, NULL, known, COUNT(known)));
    if (!tri_kind_from_name(name, out))
        return trii_json_wrong(json, "not a kind; %s", trii_words_known(list, name, known, COUNT(known)));
    return TRI_OK;
}

static tri_status read_dtype(struct trii_json *json, const json_t *value, enum tri_dtype *out) {
#define DTYPE_NAME(name, value, bytes, text) text,
    static const char *const known[] = {TRI_DTYPE_LIST(DTYPE_NAME)};
#undef DTYPE_NAME
    char list[TRII_WORDS_BYTES];
    const char *name = json_is_string(value) ? json_string_value(value) : NULL;
    if (!name)
        return trii_json_wrong(json, "expected an element type, not %s; %s", trii_json_type(value),
                               trii_words_known(list, NULL, known, COUNT(known)));
    if (!tri_dtype_from_name(name, out))
        return trii_json_wrong(json, "not an element type; %s", trii_words_known(list, name, known, COUNT(known)));
    return TRI_OK;
}

static tri_status read_count(struct trii_json *json, const json_t *value, uint64_t *out) {
    if (!json_is_integer(value) || json_integer_value(value) < 1)
        return trii_json_wrong(json, "expected a whole number of at least 1");
    *out = (uint64_t)json_integer_value(value);
    return TRI_OK;
}

/* ---- inputs, regions, outputs ---- */

static tri_status read_input(struct trii_json *json, struct trii_form *form, const char *name, const json_t *object) {
    static const char *const keys[] = {"kind", "dtype", "channels", "keep"};
    struct trii_form_input *input = &form->inputs[form->input_count];
    const json_t *value;
    uint32_t region;
    json_t *text = json_string(name);
    if (!text)
        return no_memory(json);
    tri_status status = read_region(json, form, text, &region);
    json_decref(text);
    if (status != TRI_OK)
        return status;
    if (!json_is_object(object))
        return trii_json_wrong(json, "expected an object such as {\"kind\": \"image\"}, not %s", trii_json_type(object));
    status = trii_json_keys(json, object, keys, COUNT(keys));
    *input = (struct trii_form_input){.region = region, .any_dtype = true};
    if (status != TRI_OK)
        return status;
    value = trii_json_enter_optional(json, object, "kind");
    if (!value)
        return trii_json_wrong(json, "the key \"kind\" is missing: image, mask, tensor, boxes, nv12, i420 or bytes");
    status = read_kind(json, value, &input->kind);
    trii_json_leave(json);
    if (status == TRI_OK && (value = trii_json_enter_optional(json, object, "dtype")) != NULL) {
        status = read_dtype(json, value, &input->dtype);
        input->any_dtype = false;
        trii_json_leave(json);
    }
    if (status == TRI_OK && (value = trii_json_enter_optional(json, object, "channels")) != NULL) {
        status = input->kind == TRI_KIND_IMAGE ? read_count(json, value, &input->channels)
                                               : trii_json_wrong_key(json, "only an image has channels");
        trii_json_leave(json);
    }
    struct trii_flow_region *r = &form->flow.regions[region];
    if (status == TRI_OK && (value = trii_json_enter_optional(json, object, "keep")) != NULL) {
        if (!json_is_boolean(value))
            status = trii_json_wrong(json, "expected true or false, not %s", trii_json_type(value));
        r->given_up = json_is_false(value);
        trii_json_leave(json);
    }
    r->input = r->bindable = true;
    r->layout.kind = input->kind;
    form->input_count++;
    return status;
}

static tri_status read_inputs(struct trii_json *json, struct trii_form *form, const json_t *object) {
    const char *name;
    json_t *value;
    tri_status status = TRI_OK;
    if (!json_is_object(object) || json_object_size(object) == 0)
        return trii_json_wrong(json, "expected an object with at least one input, such as {\"input\": {\"kind\": "
                                     "\"image\"}}");
    form->inputs = trii_calloc(json_object_size(object), sizeof *form->inputs);
    if (!form->inputs)
        return no_memory(json);
    json_object_foreach((json_t *)(uintptr_t)object, name, value) {
        trii_json_enter(json, name);
        status = read_input(json, form, name, value);
        trii_json_leave(json);
        if (status != TRI_OK)
            break;
    }
    return status;
}

static tri_status read_shape(struct trii_json *json, const json_t *array, struct tri_layout *layout) {
    if (!json_is_array(array) || json_array_size(array) > TRI_LAYOUT_MAX_RANK)
        return trii_json_wrong(json, "expected an array of at most %d numbers, such as [512, 512, 4]",
                               TRI_LAYOUT_MAX_RANK);
    layout->rank = (uint32_t)json_array_size(array);
    for (size_t i = 0; i < layout->rank; i++) {
        trii_json_enter_index(json, i);
        tri_status status = read_count(json, json_array_get(array, i), &layout->shape[i]);
        trii_json_leave(json);
        if (status != TRI_OK)
            return status;
    }
    return TRI_OK;
}

static tri_status read_layout(struct trii_json *json, const json_t *object, struct tri_layout *out) {
    static const char *const keys[] = {"shape", "dtype", "kind"};
    tri_status status;
    if (!json_is_object(object))
        return trii_json_wrong(json, "expected an object with shape, dtype and kind, not %s", trii_json_type(object));
    status = trii_json_keys(json, object, keys, COUNT(keys));
    for (size_t i = 0; status == TRI_OK && i < COUNT(keys); i++) {
        const json_t *value = trii_json_enter_optional(json, object, keys[i]);
        if (!value)
            return trii_json_wrong(json, "the key \"%s\" is missing", keys[i]);
        status = i == 0 ? read_shape(json, value, out)
                        : i == 1 ? read_dtype(json, value, &out->dtype) : read_kind(json, value, &out->kind);
        trii_json_leave(json);
    }
    uint64_t bytes;
    struct tri_error cause = {0};
    if (status == TRI_OK && tri_layout_bytes_needed(out, &bytes, &cause) != TRI_OK)
        return trii_json_wrong(json, "%s", cause.message);
    return status;
}

/* What is stated about a region tells a file what its output holds. */
static void state_output(struct trii_flow *flow, uint32_t region) {
    for (size_t s = 0; s < flow->stage_count; s++)
        for (size_t j = 0; j < flow->stages[s].given_out_count; j++) {
            struct trii_custom *custom = flow->stages[s].custom;
            if (flow->stages[s].given_out[j] != region)
                continue;
            if (custom && custom->outputs[j].rule == TRII_OUTPUT_OWN) {
                custom->outputs[j].rule = TRII_OUTPUT_STATED;
                custom->outputs[j].layout = flow->regions[region].statement;
            }
            return; /* only the first value was stated */
        }
}

/* After the stages: a region that nothing else names is a slip of the pen. */
static tri_status read_regions(struct trii_json *json, struct trii_form *form, const json_t *object) {
    const char *name, *known[KNOWN_MAX];
    json_t *value;
    tri_status status = TRI_OK;
    if (!json_is_object(object))
        return trii_json_wrong(json, "expected an object of regions, not %s", trii_json_type(object));
    json_object_foreach((json_t *)(uintptr_t)object, name, value) {
        char list[TRII_WORDS_BYTES];
        size_t count = 0;
        uint32_t region = trii_flow_find(&form->flow, name);
        trii_json_enter(json, name);
        for (size_t i = 0; i < form->flow.region_count && count < KNOWN_MAX; i++)
            if (!form->flow.regions[i].input)
                known[count++] = form->flow.regions[i].name;
        if (region == TRII_FLOW_NONE || form->flow.regions[region].input)
            status = trii_json_wrong_key(json, "no stage writes a region of this name; %s",
                                         trii_words_known(list, name, known, count));
        else
            status = read_layout(json, value, &form->flow.regions[region].statement);
        trii_json_leave(json);
        if (status != TRI_OK)
            break;
        form->flow.regions[region].stated = true;
        state_output(&form->flow, region);
    }
    return status;
}

static bool is_written(const struct trii_flow *flow, uint32_t region) {
    for (size_t s = 0; s < flow->stage_count; s++)
        for (size_t j = 0; j < flow->stages[s].given_out_count; j++)
            if (flow->stages[s].given_out[j] == region)
                return true;
    return false;
}

static tri_status read_outputs(struct trii_json *json, struct trii_form *form, const json_t *array) {
    if (!json_is_array(array) || json_array_size(array) == 0)
        return trii_json_wrong(json, "expected an array with at least one region's name, such as [\"output\"]");
    form->outputs = trii_calloc(json_array_size(array), sizeof *form->outputs);
    if (!form->outputs)
        return no_memory(json);
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *name, *known[KNOWN_MAX];
        char list[TRII_WORDS_BYTES];
        size_t count = 0;
        trii_json_enter_index(json, i);
        tri_status status = trii_json_name(json, json_array_get(array, i), &name);
        if (status != TRI_OK)
            return status;
        uint32_t region = trii_flow_find(&form->flow, name);
        for (size_t r = 0; r < form->flow.region_count && count < KNOWN_MAX; r++)
            if (is_written(&form->flow, (uint32_t)r))
                known[count++] = form->flow.regions[r].name;
        if (region == TRII_FLOW_NONE || !is_written(&form->flow, region))
            return trii_json_wrong(json, "no stage writes the region \"%s\"; %s", name,
                                   trii_words_known(list, name, known, count));
        form->outputs[form->output_count++] = region;
        form->flow.regions[region].output = true;
        trii_json_leave(json);
    }
    return TRI_OK;
}

/* ---- stages ---- */

static const char automatic[] = "auto";

static tri_status read_one_technology(struct trii_json *json, const json_t *value, bool in_list,
                                      enum tri_technology *out) {
    const char *known[TRI_TECHNOLOGY_COUNT + 1];
    char list[TRII_WORDS_BYTES];
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++)
        known[t] = tri_technology_name((enum tri_technology)t);
    known[TRI_TECHNOLOGY_COUNT] = automatic;
    const char *name = json_is_string(value) ? json_string_value(value) : NULL;
    if (!name || !tri_technology_from_name(name, out))
        return trii_json_wrong(json, "not a technology; %s",
                               trii_words_known(list, name, known, COUNT(known) - (in_list ? 1 : 0)));
    return TRI_OK;
}

/* A list of candidates. */
static tri_status read_candidates(struct trii_json *json, const json_t *array, struct trii_flow_stage *stage) {
    if (json_array_size(array) == 0)
        return trii_json_wrong(json, "an empty list; name the engines that may run the stage, or say \"auto\"");
    for (size_t i = 0; i < json_array_size(array); i++) {
        enum tri_technology technology;
        trii_json_enter_index(json, i);
        tri_status status = read_one_technology(json, json_array_get(array, i), true, &technology);
        for (size_t c = 0; status == TRI_OK && c < stage->candidate_count; c++)
            if (stage->candidates[c] == technology)
                status = trii_json_wrong(json, "\"%s\" is there twice", tri_technology_name(technology));
        if (status != TRI_OK)
            return status;
        trii_json_leave(json);
        stage->candidates[stage->candidate_count++] = technology;
    }
    stage->technology = stage->candidates[0];
    return TRI_OK;
}

static bool is_automatic(const json_t *value) {
    return json_is_string(value) && strcmp(json_string_value(value), automatic) == 0;
}

static tri_status read_technology(struct trii_json *json, const json_t *value, struct trii_flow_stage *stage) {
    if (json_is_array(value))
        return read_candidates(json, value, stage);
    return is_automatic(value) ? TRI_OK : read_one_technology(json, value, false, &stage->technology);
}

/* Every engine that has the operation. */
static void add_all_candidates(struct trii_flow_stage *stage) {
    for (unsigned t = 0; t < TRI_TECHNOLOGY_COUNT; t++)
        if (stage->op->info.technologies & (1u << t))
            stage->candidates[stage->candidate_count++] = (enum tri_technology)t;
    if (stage->candidate_count)
        stage->technology = stage->candidates[0];
}

/* An operation that is a file beside the pipeline. */
static tri_status open_file(struct trii_json *json, const struct trii_form *form, const char *name,
                            struct trii_flow_stage *stage) {
    struct tri_error cause = {0};
    if (!form->place)
        return trii_json_wrong(json, "\"%.80s\" is a file, and a text that has no folder can't name one: load the pipeline "
                                     "from its own file, or open it with a folder (tri_pipeline_open)", name);
    tri_status status = trii_custom_open(form->place, name, &stage->custom, &cause);
    if (status != TRI_OK)
        return told(json, status, &cause);
    stage->op = &stage->custom->op;
    return TRI_OK;
}

static tri_status read_operation(struct trii_json *json, const struct trii_form *form, const json_t *value,
                                 struct trii_flow_stage *stage) {
    const char *known[KNOWN_MAX];
    char list[TRII_WORDS_BYTES];
    size_t count = 0;
    const struct tri_operation_info *info;
    while (count < KNOWN_MAX && (info = tri_operation_at(count)) != NULL)
        known[count++] = info->name;
    const char *name = json_is_string(value) ? json_string_value(value) : NULL;
    if (name && trii_custom_is_file(name))
        return open_file(json, form, name, stage);
    stage->op = name ? trii_op_find(name) : NULL;
    if (!stage->op)
        return trii_json_wrong(json, "not an operation; %s", trii_words_known(list, name, known, count));
    return TRI_OK;
}

static bool has_stage(const struct trii_flow *flow, const char *name, size_t but) {
    for (size_t i = 0; i < flow->stage_count; i++)
        if (i != but && strcmp(flow->stages[i].name, name) == 0)
            return true;
    return false;
}

/* A stage without a name is called by its operation: "resize", then "resize-2", ... */
static void name_stage(const struct trii_flow *flow, size_t index) {
    struct trii_flow_stage *stage = &flow->stages[index];
    const char *operation = stage->custom ? stage->custom->stem : stage->op->info.name;
    trii_name_copy(stage->name, sizeof stage->name, operation);
    for (unsigned n = 2; has_stage(flow, stage->name, index); n++)
        snprintf(stage->name, sizeof stage->name, "%.40s-%u", operation, n);
}

static const struct tri_param_info *find_param(const struct trii_op *op, const char *name) {
    for (size_t i = 0; i < op->info.param_count; i++)
        if (strcmp(op->info.params[i].name, name) == 0)
            return &op->info.params[i];
    return NULL;
}

static bool is_number(const struct tri_param_info *info) {
    return strcmp(info->type, "number") == 0 || strcmp(info->type, "integer") == 0;
}

static char *known_params(char *list, const struct trii_op *op, const char *key) {
    const char *known[TRII_OP_PARAMS_MAX];
    for (size_t i = 0; i < op->info.param_count; i++)
        known[i] = op->info.params[i].name;
    return trii_words_known(list, key, known, op->info.param_count);
}

/* [1, 0.5, 0] -> "1 0.5 0": the parameters of files that are vectors. */
static bool join_numbers(const json_t *array, char *text, size_t bytes) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        if (!json_is_number(item))
            return false;
        used += (size_t)snprintf(text + used, bytes - used, "%s%.17g", i ? " " : "", json_number_value(item));
        if (used >= bytes)
            return false;
    }
    return used > 0;
}

static tri_status read_param(struct trii_json *json, struct trii_flow_stage *stage, const char *key,
                             const json_t *value) {
    const struct tri_param_info *info = find_param(stage->op, key);
    struct tri_error cause = {0};
    char list[TRII_WORDS_BYTES], numbers[256];
    if (!info && stage->custom)
        info = trii_custom_open_param(stage->custom, key, json_is_number(value) || json_is_boolean(value));
    if (!info)
        return trii_json_wrong_key(json, "%s has no such parameter; %s", stage->op->info.name,
                                   known_params(list, stage->op, key));
    const bool vector = stage->custom && !is_number(info) && json_is_array(value);
    const bool flag = stage->custom && is_number(info) && json_is_boolean(value);
    if (vector && !join_numbers(value, numbers, sizeof numbers))
        return trii_json_wrong(json, "expected a text, or an array of a few numbers such as [1, 0.5, 0]");
    if (!vector && !flag && (is_number(info) ? !json_is_number(value) : !json_is_string(value)))
        return trii_json_wrong(json, "expected %s, not %s", is_number(info) ? "a number" : "a text",
                               trii_json_type(value));
    struct tri_param param = {key, flag ? json_is_true(value) : json_number_value(value),
                              vector ? numbers : json_string_value(value)};
    tri_status status = trii_flow_set_param(stage, &param, &cause);
    return status == TRI_OK ? TRI_OK : at_place(json, status, &cause);
}

static tri_status read_params(struct trii_json *json, struct trii_flow_stage *stage, const json_t *object) {
    const char *key;
    json_t *value;
    tri_status status = TRI_OK;
    if (!json_is_object(object))
        return trii_json_wrong(json, "expected an object of parameters, not %s", trii_json_type(object));
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        trii_json_enter(json, key);
        status = read_param(json, stage, key, value);
        trii_json_leave(json);
        if (status != TRI_OK)
            break;
    }
    return status;
}

/* ---- what a file's output holds ---- */

/* "like": the name of a region that the stage reads. */
static tri_status read_like(struct trii_json *json, const struct trii_form *form, const struct trii_flow_stage *stage,
                            const json_t *value, struct trii_custom_output *out) {
    const char *name, *known[TRII_OP_OPERANDS_MAX];
    char list[TRII_WORDS_BYTES];
    size_t count = 0;
    tri_status status = trii_json_name(json, value, &name);
    if (status != TRI_OK)
        return status;
    out->rule = TRII_OUTPUT_LIKE;
    for (uint32_t i = 0; i < stage->given_in_count; i++) {
        if (stage->given_in[i] == TRII_FLOW_NONE)
            continue;
        known[count++] = form->flow.regions[stage->given_in[i]].name;
        if (strcmp(known[count - 1], name) == 0) {
            out->like = i;
            return TRI_OK;
        }
    }
    return trii_json_wrong(json, "an output can be like a region that the stage names as input; %s",
                           trii_words_known(list, name, known, count));
}

/* {"region": "mask", "like": "input", "dtype": "f32"} or {"region": "boxes", "shape": [16, 5], "dtype": "f32", "kind": "boxes"} */
static tri_status read_rule(struct trii_json *json, const struct trii_form *form, const struct trii_flow_stage *stage,
                            const json_t *object, struct trii_custom_output *out) {
    static const char *const keys[] = {"region", "like", "shape", "dtype", "kind", "channels"};
    bool shaped = false, like = false;
    uint64_t bytes;
    struct tri_error cause = {0};
    tri_status status = trii_json_keys(json, object, keys, COUNT(keys));
    for (size_t k = 1; status == TRI_OK && k < COUNT(keys); k++) {
        const json_t *value = trii_json_enter_optional(json, object, keys[k]);
        if (!value)
            continue;
        switch (k) {
        case 1:
            status = read_like(json, form, stage, value, out);
            like = true;
            break;
        case 2:
            status = like ? trii_json_wrong_key(json, "give \"like\" or \"shape\", not both")
                          : read_shape(json, value, &out->layout);
            out->rule = TRII_OUTPUT_STATED;
            shaped = true;
            break;
        case 3:
            status = read_dtype(json, value, &out->layout.dtype);
            out->has_dtype = true;
            break;
        case 4:
            status = read_kind(json, value, &out->layout.kind);
            out->has_kind = true;
            break;
        default:
            status = like ? read_count(json, value, &out->channels)
                          : trii_json_wrong_key(json, "\"channels\" goes with \"like\"");
        }
        if (status == TRI_OK)
            trii_json_leave(json);
    }
    if (status == TRI_OK && shaped && (!out->has_dtype || !out->has_kind))
        return trii_json_wrong(json, "\"shape\" needs \"dtype\" and \"kind\" beside it");
    if (status == TRI_OK && shaped && tri_layout_bytes_needed(&out->layout, &bytes, &cause) != TRI_OK)
        return trii_json_wrong(json, "%s", cause.message);
    return status;
}

/* An output of a file may be an object, which says what it holds; all others are names. */
static tri_status read_operand(struct trii_json *json, struct trii_form *form, struct trii_flow_stage *stage,
                               const json_t *value, bool output, size_t i, uint32_t *region) {
    if (!output || !json_is_object(value))
        return read_region(json, form, value, region);
    if (!stage->custom)
        return trii_json_wrong(json, "expected a name: %s says itself what its outputs hold", stage->op->info.name);
    const json_t *name = trii_json_enter_optional(json, value, "region");
    if (!name)
        return trii_json_wrong(json, "the key \"region\" is missing: the region that is written");
    tri_status status = read_region(json, form, name, region);
    if (status != TRI_OK)
        return status;
    trii_json_leave(json);
    return read_rule(json, form, stage, value, &stage->custom->outputs[i]);
}

/* `one` (a name) or `many` (an array; null in it leaves an input to be bound by kind), not both. */
static tri_status read_operands(struct trii_json *json, struct trii_form *form, struct trii_flow_stage *stage,
                                const json_t *object, const char *one, const char *many, bool may_be_null,
                                uint32_t *regions, size_t *count) {
    const json_t *value = trii_json_enter_optional(json, object, one);
    tri_status status;
    *count = 0;
    if (value) {
        status = json_object_get(object, many) ? trii_json_wrong_key(json, "give \"%s\" or \"%s\", not both", one, many)
                                               : read_operand(json, form, stage, value, !may_be_null, 0, &regions[0]);
        *count = 1;
        trii_json_leave(json);
        return status;
    }
    value = trii_json_enter_optional(json, object, many);
    if (!value)
        return TRI_OK;
    if (!json_is_array(value))
        return trii_json_wrong(json, "expected an array of names, not %s", trii_json_type(value));
    if (json_array_size(value) > TRII_OP_OPERANDS_MAX)
        return trii_json_wrong(json, "a stage has at most %d of them, not %zu", TRII_OP_OPERANDS_MAX,
                               json_array_size(value));
    status = TRI_OK;
    for (size_t i = 0; status == TRI_OK && i < json_array_size(value); i++) {
        const json_t *item = json_array_get(value, i);
        regions[i] = TRII_FLOW_NONE;
        trii_json_enter_index(json, i);
        if (!may_be_null || !json_is_null(item))
            status = read_operand(json, form, stage, item, !may_be_null, i, &regions[i]);
        trii_json_leave(json);
    }
    *count = json_array_size(value);
    trii_json_leave(json);
    return status;
}

static tri_status read_head(struct trii_json *json, struct trii_form *form, const json_t *object, size_t index) {
    struct trii_flow_stage *stage = &form->flow.stages[index];
    tri_status status;
    const json_t *value = trii_json_enter_optional(json, object, "technology");
    if (!value)
        return trii_json_wrong(json, "the key \"technology\" is missing: host, wasm, webgpu, webnn or auto");
    const bool all = is_automatic(value);
    status = read_technology(json, value, stage);
    trii_json_leave(json);
    if (status != TRI_OK)
        return status;
    value = trii_json_enter_optional(json, object, "operation");
    if (!value)
        return trii_json_wrong(json, "the key \"operation\" is missing, such as \"resize\"");
    status = read_operation(json, form, value, stage);
    trii_json_leave(json);
    if (status != TRI_OK)
        return status;
    if (all)
        add_all_candidates(stage);
    value = trii_json_enter_optional(json, object, "name");
    if (value) {
        const char *name = "";
        status = trii_json_name(json, value, &name);
        if (status == TRI_OK && has_stage(&form->flow, name, index))
            status = trii_json_wrong(json, "another stage is called \"%s\" already", name);
        trii_name_copy(stage->name, sizeof stage->name, name);
        trii_json_leave(json);
    } else {
        name_stage(&form->flow, index);
    }
    return status;
}

/* "isolate": the text may ask for more than the caller does, never for less. */
static tri_status read_isolate(struct trii_json *json, const struct trii_form *form, const json_t *object, size_t index) {
    static const struct trii_custom_place nowhere = {.folder = TRII_CUSTOM_NO_FOLDER};
    struct tri_error cause = {0};
    const json_t *value = trii_json_enter_optional(json, object, "isolate");
    if (value && !json_is_boolean(value))
        return trii_json_wrong(json, "expected true or false, not %s", trii_json_type(value));
    tri_status status = trii_isolate_stage(form->place ? form->place : &nowhere, &form->flow.stages[index], index,
                                           json_is_true(value), &cause);
    if (status != TRI_OK)
        return told(json, status, &cause);
    if (value)
        trii_json_leave(json);
    return TRI_OK;
}

static tri_status read_stage(struct trii_json *json, struct trii_form *form, const json_t *object) {
    static const char *const keys[] = {"name",   "technology", "operation", "input",
                                       "inputs", "output",     "outputs",   "params", "isolate"};
    struct trii_flow_stage *stage;
    struct tri_error cause = {0};
    if (!json_is_object(object))
        return trii_json_wrong(json, "expected a stage, an object, not %s", trii_json_type(object));
    tri_status status = trii_json_keys(json, object, keys, COUNT(keys));
    if (status != TRI_OK)
        return status;
    status = trii_flow_add_stage(&form->flow, &stage, &cause);
    if (status != TRI_OK)
        return at_place(json, status, &cause);
    stage->spot = trii_json_spot(json);
    status = read_head(json, form, object, form->flow.stage_count - 1);
    if (status == TRI_OK)
        status = read_isolate(json, form, object, form->flow.stage_count - 1);
    if (status == TRI_OK)
        status = read_operands(json, form, stage, object, "input", "inputs", true, stage->given_in, &stage->given_in_count);
    if (status == TRI_OK)
        status = read_operands(json, form, stage, object, "output", "outputs", false, stage->given_out,
                               &stage->given_out_count);
    if (status == TRI_OK && stage->given_out_count == 0)
        return trii_json_wrong(json, "the key \"output\" is missing: the region that %s writes", stage->op->info.name);
    if (status == TRI_OK && stage->custom)
        status = trii_custom_given(stage->custom, stage->given_in_count, stage->given_out_count, &cause);
    if (status == TRI_OK)
        status = trii_args_resolve(stage->op, NULL, 0, &stage->args, &cause);
    if (status != TRI_OK && cause.status != TRI_OK)
        return told(json, status, &cause);
    const json_t *params = status == TRI_OK ? trii_json_enter_optional(json, object, "params") : NULL;
    if (params) {
        status = read_params(json, stage, params);
        trii_json_leave(json);
    }
    return status;
}

static tri_status read_stages(struct trii_json *json, struct trii_form *form, const json_t *array) {
    tri_status status = TRI_OK;
    if (!json_is_array(array) || json_array_size(array) == 0)
        return trii_json_wrong(json, "expected an array with at least one stage");
    for (size_t i = 0; status == TRI_OK && i < json_array_size(array); i++) {
        trii_json_enter_index(json, i);
        status = read_stage(json, form, json_array_get(array, i));
        trii_json_leave(json);
    }
    return status;
}

/* ---- the whole ---- */

static tri_status read_titles(struct trii_json *json, struct trii_form *form, const json_t *root) {
    tri_status status = TRI_OK;
    const char *name = "pipeline";
    const json_t *value = trii_json_enter_optional(json, root, "name");
    if (value) {
        status = trii_json_name(json, value, &name);
        trii_json_leave(json);
    }
    trii_name_copy(form->name, sizeof form->name, name);
    value = status == TRI_OK ? trii_json_enter_optional(json, root, "summary") : NULL;
    if (value) {
        if (!json_is_string(value))
            status = trii_json_wrong(json, "expected a text, not %s", trii_json_type(value));
        trii_json_leave(json);
    }
    value = status == TRI_OK ? trii_json_enter_optional(json, root, "alias") : NULL;
    if (value) {
        if (!json_is_boolean(value))
            status = trii_json_wrong(json, "expected true or false, not %s", trii_json_type(value));
        form->flow.apart = json_is_false(value);
        trii_json_leave(json);
    }
    return status;
}

/* In the order in which one part refers to another: what inputs and stages name exists before the rest is read. */
static tri_status read_parts(struct trii_json *json, struct trii_form *form, const json_t *root) {
    static const struct {
        const char *key;
        bool required;
        tri_status (*read)(struct trii_json *json, struct trii_form *form, const json_t *value);
    } parts[] = {{"inputs", true, read_inputs},
                 {"stages", true, read_stages},
                 {"outputs", true, read_outputs},
                 {"regions", false, read_regions}};
    for (size_t i = 0; i < COUNT(parts); i++) {
        const json_t *value = trii_json_enter_optional(json, root, parts[i].key);
        if (!value && parts[i].required)
            return trii_json_wrong(json, "the key \"%s\" is missing", parts[i].key);
        if (!value)
            continue;
        tri_status status = parts[i].read(json, form, value);
        if (status != TRI_OK)
            return status;
        trii_json_leave(json);
    }
    return TRI_OK;
}

static tri_status check_inputs_are_read(struct trii_json *json, const struct trii_form *form) {
    for (size_t i = 0; i < form->input_count; i++) {
        const struct trii_flow *flow = &form->flow;
        bool read = false;
        for (size_t s = 0; s < flow->stage_count && !read; s++)
            for (size_t k = 0; k < trii_op_inputs(flow->stages[s].op) && !read; k++)
                read = flow->values[flow->stages[s].in[k]].region == form->inputs[i].region;
        if (!read) {
            trii_json_enter(json, "inputs");
            trii_json_enter(json, flow->regions[form->inputs[i].region].name);
            return trii_json_wrong_key(json, "no stage reads this input");
        }
    }
    return TRI_OK;
}

static tri_status read_root(struct trii_json *json, struct trii_form *form, const json_t *root) {
    static const char *const keys[] = {"name", "summary", "alias", "inputs", "outputs", "regions", "stages"};
    if (!json_is_object(root))
        return trii_json_wrong(json, "expected a pipeline, an object, not %s", trii_json_type(root));
    tri_status status = trii_json_keys(json, root, keys, COUNT(keys));
    if (status == TRI_OK)
        status = read_titles(json, form, root);
    if (status == TRI_OK)
        status = read_parts(json, form, root);
    if (status == TRI_OK && form->place)
        status = trii_isolate_known(form->place, form, json->err);
    if (status == TRI_OK)
        status = trii_flow_bind(&form->flow, json->err);
    if (status == TRI_OK)
        status = check_inputs_are_read(json, form);
    return status;
}

tri_status trii_form_parse(const char *text, size_t bytes, const char *origin, struct trii_form *out,
                           struct tri_error *err) {
    return trii_form_parse_at(text, bytes, origin, NULL, out, err);
}

tri_status trii_form_parse_at(const char *text, size_t bytes, const char *origin, const struct trii_custom_place *place,
                              struct trii_form *out, struct tri_error *err) {
    struct trii_form form = {.place = place};
    struct trii_json json = {.text = text, .bytes = bytes, .origin = origin, .err = err};
    json_t *root;
    if (bytes > TRII_FORM_BYTES_MAX)
        return trii_fail(err, TRI_LIMIT, "%.120s: %zu bytes, a pipeline has at most %zu", origin, bytes,
                         TRII_FORM_BYTES_MAX);
    form.flow.origin = trii_strdup(origin);
    tri_status status = form.flow.origin ? trii_json_parse(&json, &root) : no_memory(&json);
    if (status == TRI_OK) {
        status = read_root(&json, &form, root);
        json_decref(root);
    }
    if (status != TRI_OK) {
        trii_form_finish(&form);
        return status;
    }
    form.place = NULL;
    *out = form;
    return TRI_OK;
}
