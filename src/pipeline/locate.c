#include "pipeline/locate.h"

#include <jansson.h>
#include <string.h>

struct scan {
    const char *text;
    size_t bytes;
};

struct trii_spot trii_spot_at(const char *text, size_t bytes, size_t offset) {
    struct trii_spot spot = {1, 1};
    if (offset > bytes)
        offset = bytes;
    for (size_t i = 0; i < offset; i++) {
        if (text[i] == '\n') {
            spot.line++;
            spot.column = 1;
        } else if (((unsigned char)text[i] & 0xC0u) != 0x80u) {
            spot.column++;
        }
    }
    return spot;
}

static char at(const struct scan *s, size_t i) {
    return i < s->bytes ? s->text[i] : '\0';
}

static size_t past_space(const struct scan *s, size_t i) {
    while (i < s->bytes && strchr(" \t\r\n", s->text[i]) && s->text[i])
        i++;
    return i;
}

/* `i` is at the opening quote. */
static size_t past_string(const struct scan *s, size_t i) {
    for (i++; i < s->bytes && s->text[i] != '"'; i++)
        if (s->text[i] == '\\')
            i++;
    return i < s->bytes ? i + 1 : s->bytes;
}

/* Counts brackets rather than recurse: the nesting of a text is its author's choice. */
static size_t past_value(const struct scan *s, size_t i) {
    size_t depth = 0;
    while (i < s->bytes) {
        char c = s->text[i];
        if (c == '"') {
            i = past_string(s, i);
        } else if (c == '{' || c == '[') {
            depth++;
            i++;
        } else if (depth == 0 && (c == ',' || c == '}' || c == ']')) {
            break;
        } else if (c == '}' || c == ']') {
            depth--;
            i++;
        } else {
            i++;
            continue;
        }
        if (depth == 0)
            break;
    }
    return i;
}

/* Compares the string token at `i` with a key, escapes undone. */
static bool is_key(const struct scan *s, size_t i, const char *key) {
    size_t end = past_string(s, i), n = strlen(key);
    if (!memchr(s->text + i, '\\', end - i))
        return end - i == n + 2 && memcmp(s->text + i + 1, key, n) == 0;
    json_t *decoded = json_loadb(s->text + i, end - i, JSON_DECODE_ANY, NULL);
    bool same = decoded && json_is_string(decoded) && strcmp(json_string_value(decoded), key) == 0;
    json_decref(decoded);
    return same;
}

/* Steps into the array or object at *value; false leaves it. *key is where the key stands (the value in an array). */
static bool step_into(const struct scan *s, const struct trii_step *step, size_t *value, size_t *key) {
    bool object = at(s, *value) == '{';
    if (object != (step->key != NULL) || (!object && at(s, *value) != '['))
        return false;
    size_t i = past_space(s, *value + 1);
    for (size_t n = 0; i < s->bytes && at(s, i) != '}' && at(s, i) != ']'; n++) {
        size_t name = i;
        if (object) {
            if (at(s, i) != '"')
                return false;
            i = past_space(s, past_string(s, i));
            i = past_space(s, i + 1);
        }
        if (object ? is_key(s, name, step->key) : n == step->index) {
            *key = name;
            *value = i;
            return true;
        }
        i = past_space(s, past_value(s, i));
        if (at(s, i) != ',')
            return false;
        i = past_space(s, i + 1);
    }
    return false;
}

struct trii_spot trii_locate(const char *text, size_t bytes, const struct trii_step *path, size_t depth, bool of_key) {
    struct scan s = {text, bytes};
    size_t value = past_space(&s, 0), key = value;
    for (size_t i = 0; i < depth; i++)
        if (!step_into(&s, &path[i], &value, &key))
            return trii_spot_at(text, bytes, value);
    return trii_spot_at(text, bytes, of_key ? key : value);
}
