/*
 * Bytes over the border: into regions from JavaScript's memory, and out.
 *
 * On the environment's thread nothing can take the memory away, so `write` and `read` copy there; whoever calls them
 * keeps the pieces small. `fill` and `empty` copy on a thread of the pool, where nothing keeps JavaScript from
 * detaching a buffer: their callers give memory that can't be detached (a SharedArrayBuffer) or that only they know.
 */
#include "addon.h"

struct bytes {
    uint8_t *data;
    size_t length;
};

static bool get_bytes(struct addon *addon, napi_value value, struct bytes *out) {
    napi_env env = addon->env;
    napi_typedarray_type type;
    napi_value buffer;
    size_t start;
    void *data = NULL;
    bool is = false;
    if (napi_is_typedarray(env, value, &is) == napi_ok && is &&
        napi_get_typedarray_info(env, value, &type, &out->length, &data, &buffer, &start) == napi_ok &&
        (type == napi_uint8_array || type == napi_uint8_clamped_array)) {
        out->data = data;
        return true;
    }
    throw_text(addon, TRI_INVALID_ARGUMENT, "a Uint8Array or Uint8ClampedArray was expected");
    return false;
}

static tri_status copy(struct region *region, bool inward, uint64_t offset, uint8_t *memory, uint64_t length,
                       struct tri_error *err) {
    struct tri_arena *arena = arena_of(region->runtime);
    return inward ? tri_region_write(arena, region->handle, offset, memory, length, "pixels in", NULL, err)
                  : tri_region_read(arena, region->handle, offset, memory, length, "pixels out", NULL, err);
}

/* A part of the region from the same part of the bytes, or into it. */
static napi_value cross(napi_env env, napi_callback_info info, bool inward) {
    struct addon *addon;
    napi_value args[4];
    struct region *region;
    struct bytes bytes;
    uint64_t offset, length;
    struct tri_error err = {0};
    if (!take_args(env, info, 4, args, &addon) || !(region = any_region_of(addon, args[0])) ||
        !get_bytes(addon, args[1], &bytes) || !get_integer(addon, args[2], "offset", region->size, &offset) ||
        !get_integer(addon, args[3], "length", region->size - offset, &length))
        return NULL;
    if (bytes.length != region->size)
        return throw_text(addon, TRI_INVALID_ARGUMENT, "the region has %llu bytes, not %llu; was the buffer detached?",
                          (unsigned long long)region->size, (unsigned long long)bytes.length);
    if (copy(region, inward, offset, bytes.data + offset, length, &err) != TRI_OK)
        return throw_error(addon, &err);
    return undefined_value(env);
}

/* write(region, bytes, offset, length) */
static napi_value write_part(napi_env env, napi_callback_info info) {
    return cross(env, info, true);
}

/* read(region, bytes, offset, length) */
static napi_value read_part(napi_env env, napi_callback_info info) {
    return cross(env, info, false);
}

/* The job's region and the memory for all of it. */
bool take_memory(struct job *job, napi_value value, napi_value memory) {
    struct addon *addon = job->addon;
    struct region *region = any_region_of(addon, value);
    struct bytes bytes;
    if (!region || !get_bytes(addon, memory, &bytes))
        return false;
    if (bytes.length != region->size || region->runtime != job->runtime) {
        throw_text(addon, TRI_INVALID_ARGUMENT, "memory of %llu bytes was given for a region of %llu",
                   (unsigned long long)bytes.length, (unsigned long long)region->size);
        return false;
    }
    if (napi_create_reference(addon->env, memory, 1, &job->kept) != napi_ok) {
        throw_text(addon, TRI_NO_MEMORY, "no memory for a copy");
        return false;
    }
    job->region = region;
    region->refs++;
    job->memory = bytes.data;
    job->bytes = bytes.length;
    return true;
}

static void work_fill(struct job *job) {
    job->status = copy(job->region, true, 0, job->memory, job->bytes, &job->err);
}

void work_empty(struct job *job) {
    job->status = copy(job->region, false, 0, job->memory, job->bytes, &job->err);
}

static napi_value cross_beside(napi_env env, napi_callback_info info, bool inward) {
    struct addon *addon;
    napi_value args[2];
    struct region *region;
    struct job *job;
    if (!take_args(env, info, 2, args, &addon) || !(region = any_region_of(addon, args[0])))
        return NULL;
    if (!(job = job_create(addon, region->runtime, inward ? work_fill : work_empty)))
        return NULL;
    return begin_or_drop(job, take_memory(job, args[0], args[1]));
}

/* fill(region, bytes): the whole region */
static napi_value fill(napi_env env, napi_callback_info info) {
    return cross_beside(env, info, true);
}

/* empty(region, bytes): the whole region */
static napi_value empty(napi_env env, napi_callback_info info) {
    return cross_beside(env, info, false);
}

/* size(region): of what it holds */
static napi_value size_of(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value arg, number = NULL;
    struct region *region;
    if (!take_args(env, info, 1, &arg, &addon) || !(region = any_region_of(addon, arg)))
        return NULL;
    return napi_create_double(env, (double)region->size, &number) == napi_ok ? number : NULL;
}

bool export_border(napi_env env, napi_value exports) {
    const napi_property_descriptor functions[] = {
        FUNCTION("write", write_part), FUNCTION("read", read_part), FUNCTION("fill", fill), FUNCTION("empty", empty),
        FUNCTION("size", size_of)};
    return export_functions(env, exports, functions, sizeof functions / sizeof *functions);
}
