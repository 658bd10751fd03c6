/*
 * A placement as JSON, for the cache. Reading trusts nothing: every stage and every candidate must be the one that is
 * asked about, in order, and one that was dropped can't have been chosen.
 */
#include "pipeline/place.h"

#include "base/alloc.h"
#include "base/status.h"

#include <tripoint/frames.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define MEASURING_MAX_NS (INT64_MAX / 2)

static json_t *candidate_json(const struct trii_candidate *candidate) {
    return json_pack("{s:s,s:I,s:I,s:I,s:i,s:s}", "technology", tri_technology_name(candidate->technology), "streams",
                     (json_int_t)candidate->streams, "frame_ns", (json_int_t)candidate->frame_ns, "stage_ns",
                     (json_int_t)candidate->stage_ns, "dropped", (int)candidate->dropped, "why", candidate->why);
}

char *trii_place_write(const struct trii_placement *placement) {
    json_t *stages = json_array();
    for (size_t i = 0; i < placement->choice.stage_count; i++) {
        const struct trii_choice_stage *stage = &placement->choice.stages[i];
        json_t *list = json_array();
        for (size_t c = 0; c < stage->count; c++)
            json_array_append_new(list, candidate_json(&stage->list[c]));
        json_array_append_new(stages, json_pack("{s:s,s:I,s:o}", "operation", stage->operation, "chosen",
                                                (json_int_t)stage->chosen, "candidates", list));
    }
    const struct tri_plan_placement *info = &placement->info;
    json_t *all = json_pack("{s:I,s:I,s:I,s:I,s:I,s:o}", "slots", (json_int_t)info->slots, "frame_ns",
                            (json_int_t)info->frame_ns, "measured", (json_int_t)info->measured, "possible",
                            (json_int_t)info->possible, "measuring_ns", (json_int_t)info->measuring_ns, "stages", stages);
    char *text = all ? json_dumps(all, JSON_COMPACT) : NULL;
    char *copy = text ? trii_strdup(text) : NULL;
    free(text);
    json_decref(all);
    return copy;
}

/* A whole number from 0 to `most` under a key. */
static bool number(const json_t *object, const char *key, int64_t most, uint64_t *out) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > most)
        return false;
    *out = (uint64_t)json_integer_value(value);
    return true;
}

static bool read_candidate(const json_t *object, struct trii_candidate *candidate) {
    const json_t *name = json_object_get(object, "technology"), *why = json_object_get(object, "why"),
                 *dropped = json_object_get(object, "dropped");
    enum tri_technology technology;
    uint64_t streams;
    if (!json_is_string(name) || !tri_technology_from_name(json_string_value(name), &technology) ||
        technology != candidate->technology || !number(object, "streams", 1024, &streams) ||
        streams != candidate->streams || !number(object, "frame_ns", MEASURING_MAX_NS, &candidate->frame_ns) ||
        !number(object, "stage_ns", MEASURING_MAX_NS, &candidate->stage_ns) || !json_is_integer(dropped) ||
        json_integer_value(dropped) > 0 || json_integer_value(dropped) < -1000 || !json_is_string(why))
        return false;
    candidate->dropped = (tri_status)json_integer_value(dropped);
    trii_name_copy(candidate->why, sizeof candidate->why, json_string_value(why));
    return true;
}

static bool read_stage(const json_t *object, struct trii_choice_stage *stage) {
    const json_t *operation = json_object_get(object, "operation"), *list = json_object_get(object, "candidates");
    uint64_t chosen;
    if (!json_is_string(operation) || strcmp(json_string_value(operation), stage->operation) != 0 ||
        !json_is_array(list) || json_array_size(list) != stage->count ||
        !number(object, "chosen", (int64_t)stage->count - 1, &chosen))
        return false;
    for (size_t c = 0; c < stage->count; c++)
        if (!read_candidate(json_array_get(list, c), &stage->list[c]))
            return false;
    stage->chosen = (size_t)chosen;
    return stage->list[chosen].dropped == TRI_OK;
}

static bool read_info(const json_t *root, struct tri_plan_placement *info) {
    uint64_t slots, measured, possible;
    if (!number(root, "slots", TRI_FRAMES_SLOTS_MAX, &slots) || slots < 1 ||
        !number(root, "frame_ns", MEASURING_MAX_NS, &info->frame_ns) || !number(root, "measured", UINT32_MAX, &measured) ||
        !number(root, "possible", UINT32_MAX, &possible) ||
        !number(root, "measuring_ns", MEASURING_MAX_NS, &info->measuring_ns))
        return false;
    info->slots = (uint32_t)slots;
    info->measured = (uint32_t)measured;
    info->possible = (uint32_t)possible;
    return true;
}

bool trii_place_read(const char *text, size_t bytes, struct trii_placement *placement) {
    const size_t count = placement->choice.stage_count;
    struct tri_plan_placement info = placement->info;
    struct trii_choice_stage *stages = trii_calloc(count, sizeof *stages);
    json_t *root = stages ? json_loadb(text, bytes, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const json_t *list = json_object_get(root, "stages");
    bool good = root && read_info(root, &info) && json_is_array(list) && json_array_size(list) == count;
    for (size_t i = 0; good && i < count; i++) {
        stages[i] = placement->choice.stages[i];
        good = read_stage(json_array_get(list, i), &stages[i]);
    }
    json_decref(root);
    if (good) {
        trii_free(placement->choice.stages);
        placement->choice.stages = stages;
        placement->choice.frame_ns = info.frame_ns;
        placement->choice.measured = info.measured;
        placement->choice.possible = info.possible;
        placement->info = info;
    } else {
        trii_free(stages);
    }
    return good;
}
