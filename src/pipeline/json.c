#include "pipeline/json.h"

#include "base/status.h"
#include "pipeline/words.h"

#include <tripoint/arena.h>

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

tri_status trii_json_parse(struct trii_json *json, json_t **out) {
    json_error_t why;
    json_t *root = json_loadb(json->text, json->bytes, JSON_REJECT_DUPLICATES, &why);
    if (!root) {
        size_t offset = why.position > 0 ? (size_t)why.position : 0;
        struct trii_spot spot = trii_spot_at(json->text, json->bytes, offset);
        tri_status status = json_error_code(&why) == json_error_out_of_memory ? TRI_NO_MEMORY : TRI_PARSE;
        return trii_fail(json->err, status, "%.120s:%u:%u: %s", json->origin, spot.line, spot.column, why.text);
    }
    *out = root;
    return TRI_OK;
}

void trii_json_enter(struct trii_json *json, const char *key) {
    if (json->depth < TRII_JSON_DEPTH_MAX)
        json->path[json->depth] = (struct trii_step){.key = key};
    json->depth++;
}

void trii_json_enter_index(struct trii_json *json, size_t index) {
    if (json->depth < TRII_JSON_DEPTH_MAX)
        json->path[json->depth] = (struct trii_step){.index = index};
    json->depth++;
}

void trii_json_leave(struct trii_json *json) {
    json->depth--;
}

static size_t depth(const struct trii_json *json) {
    return json->depth < TRII_JSON_DEPTH_MAX ? json->depth : TRII_JSON_DEPTH_MAX;
}

/* "stages[1].params.width: " */
static void path_text(const struct trii_json *json, char *text, size_t bytes) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < depth(json) && used < bytes; i++) {
        const struct trii_step *step = &json->path[i];
        char key[TRI_LABEL_BYTES]; /* keys are the author's: shown cut, between characters */
        trii_name_copy(key, sizeof key, step->key ? step->key : "");
        int n = step->key ? snprintf(text + used, bytes - used, "%s%s", i ? "." : "", key)
                          : snprintf(text + used, bytes - used, "[%zu]", step->index);
        used += n > 0 ? (size_t)n : 0;
    }
    if (used > 0 && used < bytes)
        snprintf(text + used, bytes - used, ": ");
}

TRI_PRINTF(3, 0)
static tri_status complain(const struct trii_json *json, bool of_key, const char *format, va_list args) {
    char path[160], sentence[TRI_ERROR_MESSAGE_BYTES];
    struct trii_spot spot = trii_locate(json->text, json->bytes, json->path, depth(json), of_key);
    path_text(json, path, sizeof path);
    vsnprintf(sentence, sizeof sentence, format, args);
    return trii_fail(json->err, TRI_PARSE, "%.120s:%u:%u: %s%s", json->origin, spot.line, spot.column, path, sentence);
}

tri_status trii_json_wrong(const struct trii_json *json, const char *format, ...) {
    va_list args;
    va_start(args, format);
    tri_status status = complain(json, false, format, args);
    va_end(args);
    return status;
}

tri_status trii_json_wrong_key(const struct trii_json *json, const char *format, ...) {
    va_list args;
    va_start(args, format);
    tri_status status = complain(json, true, format, args);
    va_end(args);
    return status;
}

struct trii_spot trii_json_spot(const struct trii_json *json) {
    return trii_locate(json->text, json->bytes, json->path, depth(json), false);
}

const char *trii_json_type(const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        break;
    }
    return "null";
}

tri_status trii_json_keys(struct trii_json *json, const json_t *object, const char *const *known, size_t count) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        size_t i = 0;
        while (i < count && strcmp(known[i], key) != 0)
            i++;
        if (i == count) {
            char list[TRII_WORDS_BYTES];
            trii_json_enter(json, key);
            tri_status status =
                trii_json_wrong_key(json, "unknown key; %s", trii_words_known(list, key, known, count));
            trii_json_leave(json);
            return status;
        }
    }
    return TRI_OK;
}

json_t *trii_json_enter_optional(struct trii_json *json, const json_t *object, const char *key) {
    json_t *value = json_object_get(object, key);
    if (value)
        trii_json_enter(json, key);
    return value;
}

bool trii_json_is_name(const char *text) {
    if (!isascii((unsigned char)text[0]) || !(isalpha((unsigned char)text[0]) || text[0] == '_'))
        return false;
    for (const char *c = text; *c; c++)
        if (!isascii((unsigned char)*c) || !(isalnum((unsigned char)*c) || *c == '_' || *c == '-'))
            return false;
    return strlen(text) < TRI_LABEL_BYTES;
}

tri_status trii_json_name(const struct trii_json *json, const json_t *value, const char **out) {
    if (!json_is_string(value))
        return trii_json_wrong(json, "expected a name, not %s", trii_json_type(value));
    if (!trii_json_is_name(json_string_value(value))) {
        char shown[TRI_LABEL_BYTES];
        trii_name_copy(shown, sizeof shown, json_string_value(value));
        return trii_json_wrong(json,
                               "\"%s\" is not a name: a letter or _, then letters, digits, _ and -, at most %d bytes",
                               shown, TRI_LABEL_BYTES - 1);
    }
    *out = json_string_value(value);
    return TRI_OK;
}
