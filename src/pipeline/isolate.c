#include "pipeline/isolate.h"

#include "base/alloc.h"
#include "base/params.h"
#include "base/status.h"
#include "base/sys.h"
#include "engine/isolated/isolated.h"
#include "pipeline/find.h"
#include "pipeline/plan.h"
#include "pipeline/words.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define KNOWN_MAX 64

static tri_status describe(void *user, struct trii_custom *custom, struct tri_error *err) {
    struct tri_engine *engine;
    tri_status status = trii_runtime_isolated(user, TRI_TECHNOLOGY_HOST, &engine, err);
    return status == TRI_OK ? trii_isolated_describe(engine, custom, err) : status;
}

void trii_isolate_place(struct tri_runtime *runtime, struct trii_custom_place *place) {
    place->isolate = trii_runtime_isolates(runtime);
    place->describe = trii_runtime_has_workers(runtime) ? describe : NULL;
    place->user = runtime;
}

static bool names(const char *word, const char *name, size_t index) {
    char number[32];
    snprintf(number, sizeof number, "%zu", index);
    return strcmp(word, name) == 0 || strcmp(word, number) == 0;
}

static bool is_named(const struct trii_custom_place *place, const struct trii_flow_stage *stage, size_t index) {
    for (size_t i = 0; i < place->isolated_count; i++)
        if (place->isolated[i] && names(place->isolated[i], stage->name, index))
            return true;
    return false;
}

tri_status trii_isolate_stage(const struct trii_custom_place *place, struct trii_flow_stage *stage, size_t index, bool asked,
                              struct tri_error *err) {
    asked = asked || is_named(place, stage, index);
    if (!stage->custom)
        return asked ? trii_fail(err, TRI_BAD_PIPELINE, "%s is built in; only a stage that names a file runs in a worker "
                                 "process", stage->op->info.name)
                     : TRI_OK;
    stage->isolate = stage->custom->isolated = asked || place->isolate;
    if (!stage->isolate)
        return TRI_OK;
    if (!place->describe)
        return trii_fail(err, TRI_UNSUPPORTED, "%s is to run in a worker process, and this runtime has none: make it with "
                         "`workers` (struct tri_runtime_params)", stage->custom->name);
    return stage->custom->format == TRII_CUSTOM_NATIVE ? place->describe(place->user, stage->custom, err) : TRI_OK;
}

tri_status trii_isolate_known(const struct trii_custom_place *place, const struct trii_form *form, struct tri_error *err) {
    const char *known[KNOWN_MAX];
    char list[TRII_WORDS_BYTES];
    for (size_t i = 0; i < place->isolated_count; i++) {
        const char *word = place->isolated[i] ? place->isolated[i] : "";
        size_t count = 0;
        bool found = false;
        for (size_t s = 0; s < form->flow.stage_count && !found; s++) {
            found = names(word, form->flow.stages[s].name, s);
            if (form->flow.stages[s].custom && count < KNOWN_MAX)
                known[count++] = form->flow.stages[s].name;
        }
        if (!found)
            return trii_fail(err, TRI_INVALID_ARGUMENT, "%s has no stage \"%.80s\" to isolate; %s", form->name, word,
                             count ? trii_words_known(list, word, known, count) : "none of its stages names a file");
    }
    return TRI_OK;
}

static bool says_isolate(const char *text, size_t bytes) {
    json_t *root = json_loadb(text, bytes, 0, NULL);
    const json_t *stages = json_object_get(root, "stages");
    bool found = false;
    for (size_t i = 0; i < json_array_size(stages) && !found; i++)
        found = json_is_true(json_object_get(json_array_get(stages, i), "isolate"));
    json_decref(root);
    return found;
}

bool tri_pipeline_wants_workers(const struct tri_pipeline_params *given) {
    struct tri_pipeline_params params = {.struct_bytes = sizeof params};
    char *text, *origin;
    size_t bytes;
    int folder;
    if (trii_params_read(&params, sizeof params, given, "tri_pipeline_params", NULL) != TRI_OK)
        return false;
    if (params.isolate_count > 0)
        return true;
    if (!params.name_or_path)
        return params.text && says_isolate(params.text, params.text_bytes);
    if (trii_find_pipeline(params.name_or_path, &text, &bytes, &origin, &folder, NULL) != TRI_OK)
        return false;
    bool found = says_isolate(text, bytes);
    trii_free(text);
    trii_free(origin);
    trii_sys_close(folder);
    return found;
}
