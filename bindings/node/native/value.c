/* JavaScript's values, checked on the way in and made on the way out. */
#include "addon.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 2 << 20 }; /* more than the JSON of any pipeline */

static const napi_type_tag tags[] = {
    [BOX_RUNTIME] = {0x7472692d6e6f6465, 1},
    [BOX_REGION] = {0x7472692d6e6f6465, 2},
    [BOX_PLAN] = {0x7472692d6e6f6465, 3},
    [BOX_CANCEL] = {0x7472692d6e6f6465, 4},
    [BOX_PIPELINE] = {0x7472692d6e6f6465, 5},
};
static const char *const box_names[] = {
    [BOX_RUNTIME] = "an arena", [BOX_REGION] = "a region", [BOX_PLAN] = "a plan", [BOX_CANCEL] = "a cancellation",
    [BOX_PIPELINE] = "a pipeline"};

bool take_args(napi_env env, napi_callback_info info, size_t count, napi_value *args, struct addon **addon) {
    return napi_get_cb_info(env, info, &count, args, NULL, NULL) == napi_ok &&
           napi_get_instance_data(env, (void **)addon) == napi_ok && *addon;
}

napi_value undefined_value(napi_env env) {
    napi_value value = NULL;
    napi_get_undefined(env, &value);
    return value;
}

static napi_value text_value(napi_env env, const char *text) {
    napi_value value = NULL;
    napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value);
    return value;
}

napi_value make_error(struct addon *addon, const struct tri_error *err) {
    napi_env env = addon->env;
    napi_value make = NULL, made = NULL, args[7];
    args[0] = text_value(env, tri_status_name(err->status));
    args[2] = text_value(env, err->message);
    args[3] = text_value(env, err->engine);
    args[4] = text_value(env, err->stage);
    args[5] = text_value(env, err->region);
    if (napi_create_int32(env, err->status, &args[1]) == napi_ok &&
        napi_create_int32(env, err->engine_code, &args[6]) == napi_ok && addon->make_error &&
        napi_get_reference_value(env, addon->make_error, &make) == napi_ok && make &&
        napi_call_function(env, undefined_value(env), make, 7, args, &made) == napi_ok)
        return made;
    if (napi_create_error(env, args[0], args[2], &made) != napi_ok)
        return undefined_value(env);
    return made;
}

napi_value throw_error(struct addon *addon, const struct tri_error *err) {
    bool pending = false;
    if (napi_is_exception_pending(addon->env, &pending) == napi_ok && !pending)
        napi_throw(addon->env, make_error(addon, err));
    return NULL;
}

napi_value throw_text(struct addon *addon, tri_status status, const char *format, ...) {
    struct tri_error err = {.status = status};
    va_list list;
    va_start(list, format);
    vsnprintf(err.message, sizeof err.message, format, list);
    va_end(list);
    return throw_error(addon, &err);
}

static napi_valuetype type_of(napi_env env, napi_value value) {
    napi_valuetype type = napi_undefined;
    napi_typeof(env, value, &type);
    return type;
}

bool is_nothing(napi_env env, napi_value value) {
    const napi_valuetype type = type_of(env, value);
    return type == napi_undefined || type == napi_null;
}

bool get_integer(struct addon *addon, napi_value value, const char *what, uint64_t most, uint64_t *out) {
    double number = NAN;
    if (napi_get_value_double(addon->env, value, &number) != napi_ok || !(number >= 0) || number > (double)most ||
        number > 9007199254740991.0 || floor(number) != number) {
        throw_text(addon, TRI_INVALID_ARGUMENT, "%s wants a whole number from 0 to %llu", what,
                   (unsigned long long)most);
        return false;
    }
    *out = (uint64_t)number;
    return true;
}

bool get_claim(struct addon *addon, napi_value value, tri_claim *out) {
    bool lossless = false;
    if (napi_get_value_bigint_uint64(addon->env, value, out, &lossless) == napi_ok && lossless)
        return true;
    throw_text(addon, TRI_BAD_CLAIM, "a claim is a bigint that an acquire gave");
    return false;
}

bool get_text(struct addon *addon, napi_value value, const char *what, char **out) {
    size_t length = 0, got = 0;
    *out = NULL;
    if (is_nothing(addon->env, value))
        return true;
    if (napi_get_value_string_utf8(addon->env, value, NULL, 0, &length) != napi_ok || length > TEXT_MAX) {
        throw_text(addon, TRI_INVALID_ARGUMENT, "%s wants a string of at most %d bytes", what, TEXT_MAX);
        return false;
    }
    char *text = calloc(length + 1, 1);
    if (!text || napi_get_value_string_utf8(addon->env, value, text, length + 1, &got) != napi_ok) {
        free(text);
        throw_text(addon, TRI_NO_MEMORY, "no memory for %s", what);
        return false;
    }
    if (strlen(text) != got) {
        free(text);
        throw_text(addon, TRI_INVALID_ARGUMENT, "%s must not hold a NUL character", what);
        return false;
    }
    *out = text;
    return true;
}

bool get_flag(struct addon *addon, napi_value value, const char *what, bool *out) {
    *out = false;
    if (is_nothing(addon->env, value) || napi_get_value_bool(addon->env, value, out) == napi_ok)
        return true;
    throw_text(addon, TRI_INVALID_ARGUMENT, "%s wants true or false", what);
    return false;
}

bool get_property(struct addon *addon, napi_value object, const char *name, napi_value *out) {
    if (type_of(addon->env, object) == napi_object &&
        napi_get_named_property(addon->env, object, name, out) == napi_ok)
        return true;
    throw_text(addon, TRI_INVALID_ARGUMENT, "an object with \"%s\" was expected", name);
    return false;
}

bool get_array(struct addon *addon, napi_value value, const char *what, uint32_t most, uint32_t *out_length) {
    bool is = false;
    if (napi_is_array(addon->env, value, &is) == napi_ok && is &&
        napi_get_array_length(addon->env, value, out_length) == napi_ok && *out_length <= most)
        return true;
    throw_text(addon, TRI_INVALID_ARGUMENT, "%s wants an array of at most %u", what, most);
    return false;
}

bool get_layout(struct addon *addon, napi_value dtype, napi_value kind, napi_value shape, struct tri_layout *out) {
    uint64_t number, meaning;
    napi_value side;
    if (!get_integer(addon, dtype, "dtype", INT32_MAX, &number) ||
        !get_integer(addon, kind, "kind", INT32_MAX, &meaning))
        return false;
    *out = (struct tri_layout){.dtype = (enum tri_dtype)number, .kind = (enum tri_kind)meaning};
    if (!get_array(addon, shape, "a shape", TRI_LAYOUT_MAX_RANK, &out->rank))
        return false;
    for (uint32_t i = 0; i < out->rank; i++)
        if (napi_get_element(addon->env, shape, i, &side) != napi_ok ||
            !get_integer(addon, side, "a shape", UINT64_MAX, &out->shape[i]))
            return false;
    return true;
}

bool get_wait(struct addon *addon, napi_value value, uint64_t *out) {
    uint64_t ms = 0;
    *out = TRI_FOREVER;
    if (is_nothing(addon->env, value))
        return true;
    if (!get_integer(addon, value, "a timeout in milliseconds", UINT32_MAX, &ms))
        return false;
    *out = ms * 1000000;
    return true;
}

void *unbox(struct addon *addon, napi_value value, enum box_kind kind) {
    bool is = false;
    void *record = NULL;
    if (type_of(addon->env, value) == napi_object &&
        napi_check_object_type_tag(addon->env, value, &tags[kind], &is) == napi_ok && is &&
        napi_unwrap(addon->env, value, &record) == napi_ok && record)
        return record;
    return throw_text(addon, TRI_INVALID_ARGUMENT, "%s was expected", box_names[kind]);
}

napi_value box(struct addon *addon, void *record, enum box_kind kind, napi_finalize finalize) {
    napi_value object = NULL;
    if (napi_create_object(addon->env, &object) != napi_ok ||
        napi_type_tag_object(addon->env, object, &tags[kind]) != napi_ok ||
        napi_wrap(addon->env, object, record, finalize, NULL, NULL) != napi_ok)
        return throw_text(addon, TRI_NO_MEMORY, "no memory for %s", box_names[kind]);
    return object;
}

bool set_value(napi_env env, napi_value object, const char *name, napi_value value) {
    return value && napi_set_named_property(env, object, name, value) == napi_ok;
}

bool set_number(napi_env env, napi_value object, const char *name, double number) {
    napi_value value = NULL;
    return napi_create_double(env, number, &value) == napi_ok && set_value(env, object, name, value);
}

bool set_text(napi_env env, napi_value object, const char *name, const char *text) {
    return set_value(env, object, name, text_value(env, text ? text : ""));
}

bool set_flag(napi_env env, napi_value object, const char *name, bool flag) {
    napi_value value = NULL;
    return napi_get_boolean(env, flag, &value) == napi_ok && set_value(env, object, name, value);
}
