/* What may be changed about a form after it was read: a parameter, an input's layout. */
#include "pipeline/form.h"

#include "base/status.h"
#include "pipeline/words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KNOWN_MAX 64

static bool parse_number(const char *text, double *out) {
    char *end;
    errno = 0;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && errno == 0;
}

/* By name, or by number from 0. */
static struct trii_flow_stage *find_stage(struct trii_flow *flow, const char *word) {
    char *end;
    for (size_t i = 0; i < flow->stage_count; i++)
        if (strcmp(flow->stages[i].name, word) == 0)
            return &flow->stages[i];
    if (word[0] < '0' || word[0] > '9')
        return NULL;
    errno = 0;
    unsigned long number = strtoul(word, &end, 10);
    return *end == '\0' && errno == 0 && number < flow->stage_count ? &flow->stages[number] : NULL;
}

static tri_status unknown_stage(const struct trii_form *form, const char *word, struct tri_error *err) {
    const char *known[KNOWN_MAX];
    char list[TRII_WORDS_BYTES];
    size_t count = 0;
    for (; count < form->flow.stage_count && count < KNOWN_MAX; count++)
        known[count] = form->flow.stages[count].name;
    return trii_fail(err, TRI_INVALID_ARGUMENT, "%s has no stage \"%s\"; %s", form->name, word,
                     trii_words_known(list, word, known, count));
}

static const struct tri_param_info *find_param(const struct trii_op *op, const char *key) {
    for (size_t i = 0; i < op->info.param_count; i++)
        if (strcmp(op->info.params[i].name, key) == 0)
            return &op->info.params[i];
    return NULL;
}

static tri_status unknown_param(const struct trii_flow_stage *stage, const char *key, struct tri_error *err) {
    const char *known[TRII_OP_PARAMS_MAX];
    char list[TRII_WORDS_BYTES];
    for (size_t i = 0; i < stage->op->info.param_count; i++)
        known[i] = stage->op->info.params[i].name;
    return trii_fail(err, TRI_INVALID_ARGUMENT, "stage \"%s\": %s has no parameter \"%s\"; %s", stage->name,
                     stage->op->info.name, key, trii_words_known(list, key, known, stage->op->info.param_count));
}

tri_status trii_form_set(struct trii_form *form, const char *assignment, struct tri_error *err) {
    char word[TRI_LABEL_BYTES], key[TRI_LABEL_BYTES];
    const char *equals = strchr(assignment, '=');
    const char *dot = equals ? memchr(assignment, '.', (size_t)(equals - assignment)) : NULL;
    if (!dot || dot == assignment || dot + 1 == equals || (size_t)(dot - assignment) >= sizeof word ||
        (size_t)(equals - dot) > sizeof key)
        return trii_fail(err, TRI_INVALID_ARGUMENT,
                         "\"%.80s\" is not an assignment: stage.key=value, such as resize.width=256", assignment);
    snprintf(word, sizeof word, "%.*s", (int)(dot - assignment), assignment);
    snprintf(key, sizeof key, "%.*s", (int)(equals - dot - 1), dot + 1);
    struct trii_flow_stage *stage = find_stage(&form->flow, word);
    if (!stage)
        return unknown_stage(form, word, err);
    const struct tri_param_info *info = find_param(stage->op, key);
    double number;
    if (!info && stage->custom)
        info = trii_custom_open_param(stage->custom, key, parse_number(equals + 1, &number));
    if (!info)
        return unknown_param(stage, key, err);
    struct tri_param param = {.name = key, .text = equals + 1};
    if (strcmp(info->type, "number") == 0 || strcmp(info->type, "integer") == 0) {
        if (!parse_number(equals + 1, &param.number))
            return trii_fail(err, TRI_INVALID_ARGUMENT, "stage \"%s\": %s is a number, \"%.80s\" is none", stage->name,
                             key, equals + 1);
        param.text = NULL;
    }
    return trii_flow_set_param(stage, &param, err);
}

static const struct trii_form_input *find_input(const struct trii_form *form, const char *name) {
    for (size_t i = 0; i < form->input_count; i++)
        if (strcmp(form->flow.regions[form->inputs[i].region].name, name) == 0)
            return &form->inputs[i];
    return NULL;
}

static tri_status unknown_input(const struct trii_form *form, const char *name, struct tri_error *err) {
    const char *known[KNOWN_MAX];
    char list[TRII_WORDS_BYTES];
    size_t count = 0;
    for (; count < form->input_count && count < KNOWN_MAX; count++)
        known[count] = form->flow.regions[form->inputs[count].region].name;
    return trii_fail(err, TRI_NOT_FOUND, "%s has no input \"%s\"; %s", form->name, name,
                     trii_words_known(list, name, known, count));
}

/* "image u8 with 4 channels" */
static char *wanted(const struct trii_form_input *input, char *text, size_t bytes) {
    int n = snprintf(text, bytes, "%s%s%s", tri_kind_name(input->kind), input->any_dtype ? "" : " ",
                     input->any_dtype ? "" : tri_dtype_name(input->dtype));
    if (input->channels && n > 0 && (size_t)n < bytes)
        snprintf(text + n, bytes - (size_t)n, " with %llu channels", (unsigned long long)input->channels);
    return text;
}

tri_status trii_form_set_input(struct trii_form *form, const char *name, const struct tri_layout *layout,
                               struct tri_error *err) {
    const struct trii_form_input *input = find_input(form, name);
    char given[96], want[96];
    uint64_t bytes;
    if (!input)
        return unknown_input(form, name, err);
    tri_status status = tri_layout_bytes_needed(layout, &bytes, err);
    if (status != TRI_OK)
        return trii_error_place(err, status, NULL, NULL, name);
    bool image = layout->kind == TRI_KIND_IMAGE;
    if (layout->kind != input->kind || (image && layout->rank != 3) ||
        (!input->any_dtype && layout->dtype != input->dtype) ||
        (image && input->channels && layout->shape[2] != input->channels))
        return trii_fail(err, TRI_BAD_PIPELINE, "%s: the input \"%s\" is %s, not %s", form->name, name,
                         wanted(input, want, sizeof want), tri_layout_format(layout, given, sizeof given));
    if (!tri_layout_is_tight(layout))
        return trii_fail(err, TRI_BAD_PIPELINE, "%s: the input \"%s\" must have tight rows", form->name, name);
    struct trii_flow_region *region = &form->flow.regions[input->region];
    region->layout = *layout;
    region->known = true;
    return TRI_OK;
}
