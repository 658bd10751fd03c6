/*
 * The front door of every engine: it validates, pins and serialises, so that engines can trust what they are given.
 */
#include "engine/contract.h"

#include "base/alloc.h"
#include "base/atomic.h"
#include "base/params.h"
#include "base/status.h"

#include <pthread.h>

struct trii_engine_lock {
    pthread_mutex_t mutex;
};

struct trii_task {
    struct tri_engine *engine;
    struct trii_prepared *prepared;
    size_t pin_count;
    uint32_t pins[TRII_OP_OPERANDS_MAX]; /* region numbers, one an operand */
};

static _Atomic(const struct trii_engine_vtable *) replaced[TRI_TECHNOLOGY_COUNT];

void trii_engine_replace(enum tri_technology technology, const struct trii_engine_vtable *vtable) {
    trii_store_release(&replaced[technology], vtable);
}

static const struct trii_engine_vtable *vtable_of(enum tri_technology technology) {
    static const struct trii_engine_vtable *const vtables[TRI_TECHNOLOGY_COUNT] = {
        [TRI_TECHNOLOGY_HOST] = &trii_host_engine,
        [TRI_TECHNOLOGY_WASM] = &trii_wasm_engine,
        [TRI_TECHNOLOGY_WEBGPU] = &trii_webgpu_engine,
        [TRI_TECHNOLOGY_WEBNN] = &trii_webnn_engine,
    };
    if ((unsigned)technology >= TRI_TECHNOLOGY_COUNT)
        return NULL;
    const struct trii_engine_vtable *other = trii_load_acquire(&replaced[technology]);
    return other ? other : vtables[technology];
}

static void lock(struct tri_engine *engine) {
    pthread_mutex_lock(&engine->lock->mutex);
}

static void unlock(struct tri_engine *engine) {
    pthread_mutex_unlock(&engine->lock->mutex);
}

void trii_engine_lock(struct tri_engine *engine) {
    lock(engine);
}

void trii_engine_unlock(struct tri_engine *engine) {
    unlock(engine);
}

static tri_status place(const struct tri_engine *engine, tri_status status, struct tri_error *err) {
    return trii_error_place(err, status, engine->vtable->name, NULL, NULL);
}

/* ---- open and close ---- */

static void region_freed(void *user, uint32_t index, uint32_t generation) {
    struct tri_engine *engine = user;
    lock(engine);
    engine->vtable->forget(engine, index, generation);
    unlock(engine);
}

static void free_engine(struct tri_engine *engine) {
    if (engine->lock)
        pthread_mutex_destroy(&engine->lock->mutex);
    trii_free(engine->lock);
    trii_free(engine);
}

static struct tri_engine *new_engine(struct tri_arena *arena, const struct trii_engine_vtable *vtable) {
    struct tri_engine *engine = trii_calloc(1, vtable->engine_bytes);
    if (!engine)
        return NULL;
    engine->vtable = vtable;
    engine->arena = arena;
    engine->watch = (struct trii_region_watch){.freed = region_freed, .user = engine};
    engine->lock = trii_calloc(1, sizeof *engine->lock);
    if (!engine->lock) {
        trii_free(engine);
        return NULL;
    }
    pthread_mutex_init(&engine->lock->mutex, NULL);
    return engine;
}

tri_status trii_engine_open_as(struct tri_arena *arena, const struct trii_engine_vtable *vtable,
                               const struct tri_engine_params *params, struct tri_engine **out, struct tri_error *err) {
    struct tri_engine_params own = {.struct_bytes = sizeof own};
    tri_status status = trii_params_read(&own, sizeof own, params, "tri_engine_params", err);
    if (status != TRI_OK)
        return status;
    struct tri_engine *engine = new_engine(arena, vtable);
    if (!engine)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for the %s engine", vtable->name);
    status = vtable->open(engine, &own, err);
    if (status != TRI_OK) {
        place(engine, status, err);
        vtable->close(engine);
        free_engine(engine);
        return status;
    }
    trii_arena_watch(arena, &engine->watch);
    *out = engine;
    return TRI_OK;
}

tri_status tri_engine_open(struct tri_arena *arena, enum tri_technology technology,
                           const struct tri_engine_params *params, struct tri_engine **out, struct tri_error *err) {
    const struct trii_engine_vtable *vtable = vtable_of(technology);
    if (!arena || !out)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_engine_open: %s is NULL", arena ? "out" : "arena");
    if ((unsigned)technology >= TRI_TECHNOLOGY_COUNT)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_engine_open: %d is not a technology", (int)technology);
    if (!vtable)
        return trii_fail(err, TRI_ENGINE_UNAVAILABLE, "the %s engine is not built in",
                         tri_technology_name(technology));
    return trii_engine_open_as(arena, vtable, params, out, err);
}

void tri_engine_close(struct tri_engine **engine) {
    if (!engine || !*engine)
        return;
    trii_arena_unwatch((*engine)->arena, &(*engine)->watch);
    (*engine)->vtable->close(*engine);
    free_engine(*engine);
    *engine = NULL;
}

void tri_engine_info(const struct tri_engine *engine, struct tri_engine_info *out) {
    if (!engine || !out)
        return;
    engine->vtable->info(engine, out);
}

void trii_engine_settle(struct tri_engine *engine) {
    if (engine->vtable->settle)
        engine->vtable->settle(engine);
}

enum tri_technology trii_engine_technology(const struct tri_engine *engine) {
    return engine->vtable->technology;
}

bool trii_engine_has(const struct tri_engine *engine, const struct trii_op *op) {
    if (op->custom)
        return (op->info.technologies >> engine->vtable->technology) & 1;
    return engine->vtable->has(engine, op);
}

tri_status trii_engine_reflect(struct tri_engine *engine, struct trii_custom *custom, struct tri_error *err) {
    if (!engine->vtable->reflect)
        return TRI_OK;
    lock(engine);
    tri_status status = engine->vtable->reflect(engine, custom, err);
    unlock(engine);
    return place(engine, status, err);
}

/* ---- views ---- */

static tri_status need(const struct tri_engine *engine, enum tri_technology technology, const void *out,
                       const char *call, struct tri_error *err) {
    if (!engine || !out)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "%s: %s is NULL", call, engine ? "out" : "the engine");
    if (engine->vtable->technology != technology)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "%s needs a %s engine, not %s", call,
                         tri_technology_name(technology), engine->vtable->name);
    return TRI_OK;
}

static tri_status view(struct tri_engine *engine, tri_handle handle, void **out, struct tri_error *err) {
    struct trii_region region;
    struct tri_layout layout;
    tri_status status = trii_arena_pin(engine->arena, handle, &region, err);
    if (status != TRI_OK)
        return status;
    status = tri_region_layout(engine->arena, handle, &layout, err);
    if (status == TRI_OK) {
        lock(engine);
        status = engine->vtable->view(engine, &region, &layout, out, err);
        unlock(engine);
    }
    trii_error_place(err, status, engine->vtable->name, NULL, region.label);
    trii_arena_unpin(engine->arena, region.index);
    return status;
}

tri_status tri_gpu_view(struct tri_engine *webgpu, tri_handle region, void **out, struct tri_error *err) {
    tri_status status = need(webgpu, TRI_TECHNOLOGY_WEBGPU, out, "tri_gpu_view", err);
    return status == TRI_OK ? view(webgpu, region, out, err) : status;
}

tri_status tri_npu_view(struct tri_engine *webnn, tri_handle region, void **out, struct tri_error *err) {
    tri_status status = need(webnn, TRI_TECHNOLOGY_WEBNN, out, "tri_npu_view", err);
    return status == TRI_OK ? view(webnn, region, out, err) : status;
}

tri_status tri_wasm_view(struct tri_engine *wasm, tri_handle region, uint32_t *out, struct tri_error *err) {
    void *native = NULL;
    tri_status status = need(wasm, TRI_TECHNOLOGY_WASM, out, "tri_wasm_view", err);
    if (status == TRI_OK)
        status = view(wasm, region, &native, err);
    if (status == TRI_OK)
        *out = (uint32_t)(uintptr_t)native;
    return status;
}

/* ---- one byte, as the technology sees it ---- */

static tri_status begin_byte(struct tri_engine *engine, tri_handle handle, uint64_t offset, enum tri_access access,
                             struct trii_region *region, tri_claim *claim, struct tri_error *err) {
    if (!engine)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "the engine is NULL");
    tri_status status = trii_arena_pin(engine->arena, handle, region, err);
    if (status != TRI_OK)
        return status;
    if (offset >= region->size_bytes)
        status = trii_fail(err, TRI_INVALID_ARGUMENT, "offset %llu lies outside '%s', which has %llu bytes",
                           (unsigned long long)offset, region->label, (unsigned long long)region->size_bytes);
    else if (access == TRI_ACCESS_READ)
        status = tri_sync_acquire_read(tri_arena_sync(engine->arena), region->index, engine->vtable->technology, NULL,
                                       claim, err);
    else
        status = tri_sync_acquire_write(tri_arena_sync(engine->arena), region->index, engine->vtable->technology, NULL,
                                        claim, err);
    if (status != TRI_OK)
        trii_arena_unpin(engine->arena, region->index);
    return status;
}

static tri_status end_byte(struct tri_engine *engine, const struct trii_region *region, tri_claim claim,
                           tri_status status, struct tri_error *err) {
    trii_error_place(err, status, engine->vtable->name, NULL, region->label);
    tri_status released = tri_sync_release(tri_arena_sync(engine->arena), claim, status == TRI_OK ? err : NULL);
    trii_arena_unpin(engine->arena, region->index);
    return status == TRI_OK ? released : status;
}

tri_status tri_engine_peek(struct tri_engine *engine, tri_handle handle, uint64_t offset, uint8_t *out,
                           struct tri_error *err) {
    struct trii_region region;
    tri_claim claim;
    uint8_t value = 0;
    tri_status status = begin_byte(engine, handle, offset, TRI_ACCESS_READ, &region, &claim, err);
    if (status != TRI_OK)
        return status;
    lock(engine);
    status = engine->vtable->peek(engine, &region, offset, &value, err);
    unlock(engine);
    status = end_byte(engine, &region, claim, status, err);
    if (status == TRI_OK)
        *out = value;
    return status;
}

tri_status tri_engine_poke(struct tri_engine *engine, tri_handle handle, uint64_t offset, uint8_t value,
                           struct tri_error *err) {
    struct trii_region region;
    tri_claim claim;
    tri_status status = begin_byte(engine, handle, offset, TRI_ACCESS_WRITE, &region, &claim, err);
    if (status != TRI_OK)
        return status;
    lock(engine);
    status = engine->vtable->poke(engine, &region, offset, value, err);
    unlock(engine);
    return end_byte(engine, &region, claim, status, err);
}

/* ---- tasks ---- */

static tri_status check_operand(const struct trii_stage *stage, size_t i, struct tri_error *err) {
    const struct trii_operand *operand = &stage->operands[i];
    uint64_t bytes;
    char text[96];
    tri_status status = tri_layout_bytes_needed(&operand->layout, &bytes, err);
    if (status != TRI_OK)
        return trii_error_place(err, status, NULL, stage->name, operand->region.label);
    if (bytes > operand->region.size_bytes) {
        trii_fail(err, TRI_BAD_PIPELINE, "%s of %s is %s and needs %llu bytes, the region '%s' has %llu",
                  operand->info->name, stage->op->info.name, tri_layout_format(&operand->layout, text, sizeof text),
                  (unsigned long long)bytes, operand->region.label, (unsigned long long)operand->region.size_bytes);
        return trii_error_place(err, TRI_BAD_PIPELINE, NULL, stage->name, operand->region.label);
    }
    return TRI_OK;
}

/* An output may share a region with the first input only, and only where the operation works in place. */
static tri_status check_overlap(const struct trii_stage *stage, struct tri_error *err) {
    size_t first_output = trii_op_inputs(stage->op);
    for (size_t out = first_output; out < stage->operand_count; out++)
        for (size_t other = 0; other < out; other++) {
            bool same = stage->operands[out].region.index == stage->operands[other].region.index;
            bool in_place = out == first_output && other == 0 && stage->op->info.in_place && stage->in_place;
            if (same && !in_place)
                return trii_fail(err, TRI_BAD_PIPELINE, "%s: %s and %s are the same region '%s'%s",
                                 stage->op->info.name, stage->operands[other].info->name,
                                 stage->operands[out].info->name, stage->operands[out].region.label,
                                 stage->op->info.in_place ? "" : ", and it does not work in place");
        }
    return TRI_OK;
}

static tri_status check_stage(const struct tri_engine *engine, const struct trii_stage *stage, struct tri_error *err) {
    struct tri_layout in[TRII_OP_OPERANDS_MAX], out[TRII_OP_OPERANDS_MAX];
    size_t inputs = trii_op_inputs(stage->op), outputs = trii_op_outputs(stage->op);
    if (!trii_engine_has(engine, stage->op))
        return trii_fail(err, TRI_UNSUPPORTED, "%s does not have the operation %s", engine->vtable->name,
                         stage->op->info.name);
    if (stage->operand_count != inputs + outputs)
        return trii_fail(err, TRI_BAD_PIPELINE, "%s has %zu operands, %zu were given", stage->op->info.name,
                         inputs + outputs, stage->operand_count);
    for (size_t i = 0; i < stage->operand_count; i++) {
        tri_status status = check_operand(stage, i, err);
        if (status != TRI_OK)
            return status;
        if (i < inputs)
            in[i] = stage->operands[i].layout;
    }
    tri_status status = stage->op->infer(stage->op, &stage->args, in, out, err);
    if (status != TRI_OK)
        return status;
    for (size_t i = 0; i < outputs; i++)
        if (!tri_layout_equal(&out[i], &stage->operands[inputs + i].layout)) {
            char want[96], have[96];
            return trii_fail(err, TRI_BAD_PIPELINE, "%s makes %s, its output is declared %s", stage->op->info.name,
                             tri_layout_format(&out[i], want, sizeof want),
                             tri_layout_format(&stage->operands[inputs + i].layout, have, sizeof have));
        }
    return check_overlap(stage, err);
}

static void unpin_all(struct trii_task *task) {
    while (task->pin_count > 0)
        trii_arena_unpin(task->engine->arena, task->pins[--task->pin_count]);
}

static tri_status pin_all(struct trii_task *task, const struct trii_stage *stage, struct tri_error *err) {
    for (size_t i = 0; i < stage->operand_count; i++) {
        struct trii_region region;
        tri_status status = trii_arena_pin(task->engine->arena, stage->operands[i].region.handle, &region, err);
        if (status != TRI_OK) {
            unpin_all(task);
            return status;
        }
        task->pins[task->pin_count++] = region.index;
    }
    return TRI_OK;
}

tri_status trii_task_prepare(struct tri_engine *engine, const struct trii_stage *stage, struct trii_task **out,
                             struct tri_error *err) {
    tri_status status = check_stage(engine, stage, err);
    if (status != TRI_OK)
        return trii_error_place(err, status, engine->vtable->name, stage->name, NULL);
    struct trii_task *task = trii_calloc(1, sizeof *task);
    if (!task)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to prepare the stage %s", stage->name);
    task->engine = engine;
    status = pin_all(task, stage, err);
    if (status == TRI_OK) {
        lock(engine);
        status = engine->vtable->prepare(engine, stage, &task->prepared, err);
        unlock(engine);
    }
    if (status != TRI_OK) {
        trii_error_place(err, status, engine->vtable->name, stage->name, NULL);
        unpin_all(task);
        trii_free(task);
        return status;
    }
    *out = task;
    return TRI_OK;
}

tri_status trii_task_submit(struct trii_task *task, struct trii_fence *fence, struct tri_error *err) {
    struct tri_engine *engine = task->engine;
    const bool freely = engine->vtable->submits_freely;
    if (!freely)
        lock(engine);
    tri_status status = engine->vtable->submit(engine, task->prepared, fence, err);
    if (!freely)
        unlock(engine);
    return place(engine, status, err);
}

tri_status trii_task_wait(struct trii_task *task, struct trii_fence *fence, uint64_t timeout_ns,
                          struct tri_error *err) {
    struct tri_engine *engine = task->engine;
    tri_status status = trii_fence_is_done(fence) ? TRI_OK
                        : engine->vtable->wait    ? engine->vtable->wait(engine, fence, timeout_ns)
                                                  : trii_fence_wait(fence, timeout_ns);
    if (status != TRI_OK) {
        trii_fail(err, status, "%s did not finish within %.3g s", engine->vtable->name, (double)timeout_ns * 1e-9);
        return place(engine, status, err);
    }
    if (fence->status != TRI_OK)
        trii_error_copy(err, &fence->error);
    return place(engine, fence->status, err);
}

void trii_task_abandon(struct trii_task *task, struct trii_fence *fence) {
    if (task->engine->vtable->abandon)
        task->engine->vtable->abandon(task->engine, fence);
}

void trii_task_release(struct trii_task **task) {
    if (!task || !*task)
        return;
    struct tri_engine *engine = (*task)->engine;
    lock(engine);
    engine->vtable->release(engine, (*task)->prepared);
    unlock(engine);
    unpin_all(*task);
    trii_free(*task);
    *task = NULL;
}
