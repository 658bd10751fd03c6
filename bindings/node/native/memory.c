/*
 * Arenas, regions and the ArrayBuffers over them.
 *
 * An ArrayBuffer is made over the arena's own pages. It must never outlive them: freeing a region detaches every
 * ArrayBuffer over it first. One that was moved away (ArrayBuffer.prototype.transfer of newer Nodes gives the pages to
 * another object, which nobody tells us of) can't be detached; then the arena is told that the region is free only when
 * V8 has let go of the pages, which it tells by the finalizer. The same holds for regions that were forgotten.
 */
#include "addon.h"

#include <stdio.h>
#include <stdlib.h>

struct buffer {
    struct region *region;
    struct buffer *next;
    napi_ref object; /* weak */
    bool detached;   /* by us */
};

struct tri_arena *arena_of(const struct runtime *runtime) {
    return tri_runtime_arena(runtime->it);
}

static void work_destroy(struct job *job) {
    tri_runtime_destroy(&job->doomed);
}

/* Closing engines takes milliseconds: elsewhere, when it can be. */
static void runtime_destroy(struct runtime *runtime) {
    struct addon *addon = runtime->addon;
    struct job *job = runtime->it && !addon->ending ? calloc(1, sizeof *job) : NULL;
    if (job) {
        *job = (struct job){.addon = addon, .work = work_destroy, .doomed = runtime->it};
        if (job_begin_alone(job))
            runtime->it = NULL;
        else
            free(job);
    }
    tri_runtime_destroy(&runtime->it);
}

static void runtime_drop(struct runtime *runtime) {
    struct addon *addon = runtime->addon;
    if (--runtime->refs > 0)
        return;
    for (struct runtime **link = &addon->runtimes; *link; link = &(*link)->next)
        if (*link == runtime) {
            *link = runtime->next;
            break;
        }
    free(runtime);
    if (addon->forgotten && !addon->runtimes)
        free(addon);
}

void runtime_use(struct runtime *runtime) {
    runtime->uses++;
    runtime->refs++;
}

void runtime_unuse(struct runtime *runtime) {
    if (--runtime->uses == 0)
        runtime_destroy(runtime);
    runtime_drop(runtime);
}

/* Tells the arena, if nothing of JavaScript can reach the pages any more. */
static void region_return(struct region *region) {
    struct runtime *runtime = region->runtime;
    if (!region->freed || region->returned)
        return;
    for (const struct buffer *buffer = region->buffers; runtime->it && buffer; buffer = buffer->next)
        if (!buffer->detached)
            return;
    region->returned = true;
    if (runtime->it && !region->lent) {
        struct tri_error err;
        int64_t now;
        if (region->mapped != TRI_CLAIM_NONE)
            (void)!tri_sync_release(tri_arena_sync(arena_of(runtime)), region->mapped, &err);
        (void)!tri_arena_free_shared(arena_of(runtime), region->handle, &err);
        napi_adjust_external_memory(runtime->addon->env, -(int64_t)region->size, &now);
    }
    runtime_unuse(runtime);
}

void region_drop(struct region *region) {
    if (--region->refs > 0)
        return;
    struct runtime *runtime = region->runtime;
    region->freed = true;
    region_return(region);
    for (struct region **link = &runtime->regions; *link; link = &(*link)->next)
        if (*link == region) {
            *link = region->next;
            break;
        }
    free(region);
    runtime_drop(runtime);
}

static void region_forgotten(napi_env env, void *data, void *hint) {
    struct region *region = data;
    (void)env;
    (void)hint;
    if (!region->freed && !region->lent && region->runtime->addon->says && !region->runtime->addon->ending) {
        struct tri_region_info info = {.label = ""};
        struct tri_error err;
        (void)!tri_region_info(arena_of(region->runtime), region->handle, &info, &err);
        fprintf(stderr, "TRIPOINT: region \"%s\" of %llu bytes was forgotten; garbage collection frees it\n", info.label,
                (unsigned long long)region->size);
    }
    region->freed = true;
    region_return(region);
    region_drop(region);
}

static void buffer_gone(napi_env env, void *data, void *hint) {
    struct buffer *buffer = hint;
    struct region *region = buffer->region;
    (void)data;
    for (struct buffer **link = &region->buffers; *link; link = &(*link)->next)
        if (*link == buffer) {
            *link = buffer->next;
            break;
        }
    if (buffer->object)
        napi_delete_reference(env, buffer->object);
    free(buffer);
    region_return(region);
    region_drop(region);
}

static void buffer_detach(napi_env env, struct buffer *buffer) {
    napi_value object = NULL;
    bool is_detached = true;
    if (!buffer->detached && buffer->object &&
        napi_get_reference_value(env, buffer->object, &object) == napi_ok && object &&
        napi_is_detached_arraybuffer(env, object, &is_detached) == napi_ok && !is_detached)
        buffer->detached = napi_detach_arraybuffer(env, object) == napi_ok;
}

static void region_free(napi_env env, struct region *region) {
    region->freed = true;
    for (struct buffer *buffer = region->buffers; buffer; buffer = buffer->next)
        buffer_detach(env, buffer);
    region_return(region);
}

static void runtime_close(napi_env env, struct runtime *runtime) {
    if (runtime->closed)
        return;
    runtime->closed = true;
    for (struct region *region = runtime->regions; region; region = region->next)
        region_free(env, region);
    runtime_unuse(runtime);
}

static void runtime_forgotten(napi_env env, void *data, void *hint) {
    struct runtime *runtime = data;
    (void)env;
    (void)hint;
    if (!runtime->closed) { /* no region that JavaScript holds is left: they hold the arena */
        runtime->closed = true;
        runtime_unuse(runtime);
    }
    runtime_drop(runtime);
}

void memory_end(struct addon *addon) {
    for (struct runtime *runtime = addon->runtimes; runtime; runtime = runtime->next) {
        for (struct region *region = runtime->regions; region; region = region->next)
            for (struct buffer *buffer = region->buffers; buffer; buffer = buffer->next)
                buffer_detach(addon->env, buffer);
        for (struct plan *plan = runtime->plans; plan; plan = plan->next)
            tri_plan_destroy(&plan->it);
        for (struct pipeline *pipeline = runtime->pipelines; pipeline; pipeline = pipeline->next)
            tri_pipeline_destroy(&pipeline->it);
        tri_runtime_destroy(&runtime->it);
    }
}

struct runtime *runtime_of(struct addon *addon, napi_value value) {
    struct runtime *runtime = unbox(addon, value, BOX_RUNTIME);
    if (runtime && (runtime->closed || !runtime->it)) {
        throw_text(addon, TRI_BAD_HANDLE, "the arena was destroyed");
        return NULL;
    }
    return runtime;
}

struct region *any_region_of(struct addon *addon, napi_value value) {
    struct region *region = unbox(addon, value, BOX_REGION);
    if (region && (region->freed || !region->runtime->it)) {
        throw_text(addon, TRI_BAD_HANDLE, "the region was freed already");
        return NULL;
    }
    return region;
}

struct region *region_of(struct addon *addon, napi_value value) {
    struct region *region = any_region_of(addon, value);
    if (region && region->lent) {
        throw_text(addon, TRI_BAD_HANDLE, "the region belongs to a pipeline");
        return NULL;
    }
    return region;
}

/* create(capacityBytes, private, hugePages, label, cpuDriver, threads) */
static napi_value create_runtime(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value args[6];
    uint64_t capacity, threads;
    bool private, huge, cpu;
    char *label = NULL;
    struct tri_error err = {0};
    if (!take_args(env, info, 6, args, &addon) || !get_integer(addon, args[0], "capacity", UINT64_MAX, &capacity) ||
        !get_flag(addon, args[1], "private", &private) || !get_flag(addon, args[2], "hugePages", &huge) ||
        !get_flag(addon, args[4], "cpuDriver", &cpu) || !get_integer(addon, args[5], "threads", 1024, &threads) ||
        !get_text(addon, args[3], "label", &label))
        return NULL;
    const struct tri_arena_params arena = {.struct_bytes = sizeof arena,
                                           .capacity_bytes = capacity,
                                           .backing = private ? TRI_BACKING_PRIVATE : TRI_BACKING_MEMFD,
                                           .huge_pages = huge,
                                           .label = label};
    const struct tri_engine_params gpu = {.struct_bytes = sizeof gpu, .cpu_driver = cpu};
    const struct tri_engine_params nn = {.struct_bytes = sizeof nn, .threads = (uint32_t)threads};
    const struct tri_runtime_params params = {
        .struct_bytes = sizeof params,
        .arena = &arena,
        .engines = {[TRI_TECHNOLOGY_WEBGPU] = &gpu, [TRI_TECHNOLOGY_WEBNN] = &nn}};
    struct runtime *runtime = calloc(1, sizeof *runtime);
    if (!runtime)
        err = (struct tri_error){.status = TRI_NO_MEMORY, .message = "no memory for an arena"};
    const bool made = runtime && tri_runtime_create(&params, &runtime->it, &err) == TRI_OK;
    free(label);
    if (!made) {
        free(runtime);
        return throw_error(addon, &err);
    }
    runtime->addon = addon;
    runtime->refs = 1;
    runtime_use(runtime);
    runtime->next = addon->runtimes;
    addon->runtimes = runtime;
    napi_value object = box(addon, runtime, BOX_RUNTIME, runtime_forgotten);
    if (!object)
        runtime_forgotten(env, runtime, NULL);
    return object;
}

static napi_value close_runtime(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value arg;
    struct runtime *runtime;
    if (!take_args(env, info, 1, &arg, &addon) || !(runtime = unbox(addon, arg, BOX_RUNTIME)))
        return NULL;
    runtime_close(env, runtime);
    return undefined_value(env);
}

/* The pages, asked for while nobody can hold a claim on them: a region never moves. */
static tri_status find_bytes(struct region *region, struct tri_error *err) {
    const struct tri_wait at_once = {.timeout_ns = 0};
    struct tri_arena *arena = arena_of(region->runtime);
    struct tri_host_view view;
    struct tri_region_info info;
    tri_status status = tri_region_info(arena, region->handle, &info, err);
    if (status == TRI_OK)
        status = tri_host_view_begin(arena, region->handle, TRI_ACCESS_WRITE, &at_once, &view, err);
    if (status != TRI_OK)
        return status;
    region->bytes = view.write;
    region->index = info.index;
    return tri_host_view_end(arena, &view, err);
}

/* allocate(runtime, size, label, prefault, owner) */
static napi_value allocate(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value args[5], object = NULL;
    struct runtime *runtime;
    uint64_t size, owner;
    bool prefault;
    char *label = NULL;
    int64_t now;
    struct tri_error err = {0};
    if (!take_args(env, info, 5, args, &addon) || !(runtime = runtime_of(addon, args[0])) ||
        !get_integer(addon, args[1], "size", UINT64_MAX, &size) || !get_flag(addon, args[3], "prefault", &prefault) ||
        !get_integer(addon, args[4], "owner", TRI_OWNER_MAX, &owner) || !get_text(addon, args[2], "label", &label))
        return NULL;
    const struct tri_region_params params = {.struct_bytes = sizeof params,
                                             .size_bytes = size,
                                             .label = label,
                                             .prefault = prefault,
                                             .owner = (uint32_t)owner};
    struct region *region = calloc(1, sizeof *region);
    if (!region)
        err = (struct tri_error){.status = TRI_NO_MEMORY, .message = "no memory for a region"};
    const bool made = region && tri_region_allocate(arena_of(runtime), &params, &region->handle, &err) == TRI_OK;
    free(label);
    if (!made) {
        free(region);
        return throw_error(addon, &err);
    }
    region->runtime = runtime;
    region->size = size;
    region->refs = 1;
    region->next = runtime->regions;
    runtime->regions = region;
    runtime->refs++;
    runtime_use(runtime);
    napi_adjust_external_memory(env, (int64_t)size, &now);
    if (find_bytes(region, &err) != TRI_OK)
        throw_error(addon, &err);
    else
        object = box(addon, region, BOX_REGION, region_forgotten);
    if (!object)
        region_drop(region);
    return object;
}

/* A record of a region that stays the pipeline's: a handle that is stale once the pipeline has let go of it. */
napi_value lend_region(struct addon *addon, struct runtime *runtime, tri_handle handle, uint64_t size) {
    struct region *region = calloc(1, sizeof *region);
    if (!region)
        return throw_text(addon, TRI_NO_MEMORY, "no memory for a region");
    *region = (struct region){
        .runtime = runtime, .handle = handle, .size = size, .refs = 1, .lent = true, .next = runtime->regions};
    runtime->regions = region;
    runtime->refs++;
    runtime_use(runtime);
    napi_value object = box(addon, region, BOX_REGION, region_forgotten);
    if (!object)
        region_drop(region);
    return object;
}

static napi_value free_region(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value arg;
    struct region *region;
    if (!take_args(env, info, 1, &arg, &addon) || !(region = region_of(addon, arg)))
        return NULL;
    region_free(env, region);
    return undefined_value(env);
}

/* buffer(region, offset, length): a new ArrayBuffer over the region's pages, or some of their bytes */
static napi_value buffer_over(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value args[3], object = NULL;
    struct region *region;
    uint64_t offset, length;
    if (!take_args(env, info, 3, args, &addon) || !(region = region_of(addon, args[0])) ||
        !get_integer(addon, args[1], "offset", region->size - 1, &offset) ||
        !get_integer(addon, args[2], "length", region->size - offset, &length))
        return NULL;
    struct buffer *buffer = calloc(1, sizeof *buffer);
    if (!buffer)
        return throw_text(addon, TRI_NO_MEMORY, "no memory for a view");
    buffer->region = region;
    const napi_status status =
        napi_create_external_arraybuffer(env, region->bytes + offset, (size_t)length, buffer_gone, buffer, &object);
    if (status != napi_ok) {
        free(buffer);
        if (status == napi_no_external_buffers_allowed)
            return throw_text(addon, TRI_UNSUPPORTED, "this runtime allows no ArrayBuffer over memory that is not its own");
        return throw_text(addon, TRI_NO_MEMORY, "the runtime made no ArrayBuffer of %llu bytes",
                          (unsigned long long)length);
    }
    region->refs++;
    buffer->next = region->buffers;
    region->buffers = buffer;
    if (napi_create_reference(env, object, 0, &buffer->object) != napi_ok)
        return throw_text(addon, TRI_NO_MEMORY, "no memory for a view");
    return object;
}

/* detach(region, arrayBuffer): the end of one view */
static napi_value detach(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value args[2];
    struct region *region;
    if (!take_args(env, info, 2, args, &addon) || !(region = unbox(addon, args[0], BOX_REGION)))
        return NULL;
    for (struct buffer *buffer = region->buffers; buffer; buffer = buffer->next) {
        napi_value object = NULL;
        bool same = false;
        if (buffer->object && napi_get_reference_value(env, buffer->object, &object) == napi_ok && object &&
            napi_strict_equals(env, object, args[1], &same) == napi_ok && same)
            buffer_detach(env, buffer);
    }
    return undefined_value(env);
}

bool export_memory(napi_env env, napi_value exports) {
    const napi_property_descriptor functions[] = {
        FUNCTION("create", create_runtime), FUNCTION("close", close_runtime), FUNCTION("allocate", allocate),
        FUNCTION("free", free_region),      FUNCTION("buffer", buffer_over),  FUNCTION("detach", detach),
    };
    return export_functions(env, exports, functions, sizeof functions / sizeof *functions);
}
