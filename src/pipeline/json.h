/*
 * Reading a JSON text while knowing where one is: every complaint names line, column and path.
 */
#ifndef TRIPOINT_PIPELINE_JSON_H
#define TRIPOINT_PIPELINE_JSON_H

#include <tripoint/error.h>

#include "pipeline/locate.h"

#include <jansson.h>

#define TRII_JSON_DEPTH_MAX 8

/* The text and the path to the value that is being read. */
struct trii_json {
    const char *text;
    size_t bytes;
    const char *origin;
    struct tri_error *err;
    struct trii_step path[TRII_JSON_DEPTH_MAX];
    size_t depth;
};

/* Parses the whole text (an object or an array); duplicate keys are refused. The caller owns the result. */
tri_status trii_json_parse(struct trii_json *json, json_t **out);

void trii_json_enter(struct trii_json *json, const char *key);
void trii_json_enter_index(struct trii_json *json, size_t index);
void trii_json_leave(struct trii_json *json);

/* Complains about the value at the path, or about its key. */
tri_status trii_json_wrong(const struct trii_json *json, const char *format, ...) TRI_PRINTF(2, 3);
tri_status trii_json_wrong_key(const struct trii_json *json, const char *format, ...) TRI_PRINTF(2, 3);
struct trii_spot trii_json_spot(const struct trii_json *json);

/* "an object", "a number", ... for sentences. */
const char *trii_json_type(const json_t *value);

/* Refuses keys of `object` that are not among `known`. */
tri_status trii_json_keys(struct trii_json *json, const json_t *object, const char *const *known, size_t count);

/* The value of a key, at which the path then stands (the caller leaves); NULL, path unmoved, when it is not there. */
json_t *trii_json_enter_optional(struct trii_json *json, const json_t *object, const char *key);

/* Stores a text that is a name: a letter or _, then letters, digits, _ and -, at most 47 bytes. */
tri_status trii_json_name(const struct trii_json *json, const json_t *value, const char **out);
bool trii_json_is_name(const char *text);

#endif
