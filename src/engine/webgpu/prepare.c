/*
 * Stages made ready: views of the operands, the recipe's passes cut into tiles, and for each tile a uniform and a bind
 * group. A dispatch a tile; submit encodes them in order.
 */
#include "engine/webgpu/webgpu.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/status.h"

#include <string.h>

_Static_assert(sizeof(struct trii_gpu_job) == TRII_GPU_JOB_STRIDE, "a uniform is bound whole");

/* ---- buffers ---- */

static tri_status find_views(struct trii_prepared *p, struct tri_error *err) {
    for (size_t i = 0; i < p->stage->operand_count; i++) {
        const struct trii_operand *operand = &p->stage->operands[i];
        uint64_t bytes;
        tri_status status = tri_layout_bytes_needed(&operand->layout, &bytes, err);
        if (status == TRI_OK)
            status = trii_gpu_view(p->gpu, &operand->region, &p->views[i], err);
        if (status != TRI_OK)
            return trii_error_place(err, status, NULL, NULL, operand->region.label);
        p->bytes[i] = (bytes + 3) & ~(uint64_t)3;
        trii_gpu_view_use(p->views[i]);
    }
    return TRI_OK;
}

/* Staged outputs need a buffer that the CPU can read; one serves all of them. */
static tri_status make_readback(struct trii_prepared *p, struct tri_error *err) {
    for (size_t i = 0; i < p->stage->operand_count; i++) {
        uint64_t payload;
        if (p->views[i]->imported || p->stage->operands[i].info->access == TRI_ACCESS_READ)
            continue;
        tri_status status = tri_layout_bytes_needed(&p->stage->operands[i].layout, &payload, err);
        if (status != TRI_OK)
            return status;
        p->results[p->result_count++] = (struct trii_gpu_result){
            .view = p->views[i], .offset = p->readback_bytes, .bytes = p->bytes[i], .payload = payload};
        p->readback_bytes += (p->bytes[i] + 7) & ~(uint64_t)7;
    }
    if (p->result_count == 0)
        return TRI_OK;
    return trii_gpu_buffer(p->gpu, "a readback buffer", p->readback_bytes,
                           WGPUBufferUsage_MapRead | WGPUBufferUsage_CopyDst, &p->readback, err);
}

static tri_status make_scratch(struct trii_prepared *p, const struct trii_gpu_work *work, struct tri_error *err) {
    tri_status status = TRI_OK;
    for (size_t i = 0; i < work->scratch_count && status == TRI_OK; i++) {
        const struct trii_gpu_scratch *scratch = &work->scratch[i];
        if (scratch->bytes > TRII_GPU_WINDOWS * TRII_GPU_WINDOW_BYTES)
            return trii_fail(err, TRI_LIMIT, "%s on a GPU: what lies between passes has %llu bytes, it may have %llu",
                             p->stage->op->info.name, (unsigned long long)scratch->bytes,
                             (unsigned long long)(TRII_GPU_WINDOWS * TRII_GPU_WINDOW_BYTES));
        p->scratch_bytes[i] = trii_max_u64(scratch->bytes, 4);
        status = trii_gpu_buffer(p->gpu, "a scratch buffer", p->scratch_bytes[i],
                                 WGPUBufferUsage_Storage | WGPUBufferUsage_CopyDst, &p->scratch[i], err);
        if (status == TRI_OK && scratch->data) {
            trii_gpu_scope_begin(p->gpu);
            p->gpu->dawn.QueueWriteBuffer(p->gpu->queue, p->scratch[i], 0, scratch->data, (size_t)scratch->bytes);
            status = trii_gpu_scope_end(p->gpu, TRI_ENGINE_FAILED, "filling a scratch buffer", err);
        }
    }
    return status;
}

static WGPUBuffer buffer_of(const struct trii_prepared *p, size_t bound) {
    return bound < TRII_OP_OPERANDS_MAX ? p->views[bound]->buffer : p->scratch[bound - TRII_OP_OPERANDS_MAX];
}

static uint64_t bytes_of(const struct trii_prepared *p, size_t bound) {
    return bound < TRII_OP_OPERANDS_MAX ? p->bytes[bound] : p->scratch_bytes[bound - TRII_OP_OPERANDS_MAX];
}

/* ---- passes ---- */

static tri_status too_large(const struct trii_prepared *p, size_t bound, struct tri_error *err) {
    const struct tri_operation_info *info = &p->stage->op->info;
    return trii_fail(err, TRI_LIMIT, "%s on this device: %s has %llu bytes, the largest that it reads at one go is %llu",
                     info->name, bound < TRII_OP_OPERANDS_MAX ? info->operands[bound].name : "what lies between passes",
                     (unsigned long long)bytes_of(p, bound), (unsigned long long)p->gpu->binding_bytes);
}

/* Chooses windows where a sampled operand needs them, and refuses what can't be bound. */
static tri_status check_pass(const struct trii_prepared *p, struct trii_gpu_pass *pass, struct tri_error *err) {
    const char *letters = pass->source->bindings + 1;
    uint32_t storage = 0;
    for (size_t i = 0; letters[i]; i++) {
        const uint64_t bytes = bytes_of(p, pass->bound[i]);
        if ((letters[i] == 'R' || letters[i] == 'x') && bytes > p->gpu->binding_bytes)
            return too_large(p, pass->bound[i], err);
        if (letters[i] == 'W' && bytes > TRII_GPU_WINDOW_BYTES)
            pass->variant |= TRII_GPU_SPLIT;
    }
    for (size_t i = 0; letters[i]; i++)
        storage += letters[i] == 'W' && (pass->variant & TRII_GPU_SPLIT) ? TRII_GPU_WINDOWS : 1;
    if (storage <= TRII_GPU_STORAGE)
        return TRI_OK;
    for (size_t i = 0; letters[i]; i++)
        if (letters[i] == 'W' && bytes_of(p, pass->bound[i]) > TRII_GPU_WINDOW_BYTES)
            return trii_fail(err, TRI_LIMIT, "%s on a GPU: %s has %llu bytes, it may have %llu",
                             p->stage->op->info.name,
                             pass->bound[i] < TRII_OP_OPERANDS_MAX
                                 ? p->stage->op->info.operands[pass->bound[i]].name
                                 : "what lies between passes",
                             (unsigned long long)bytes_of(p, pass->bound[i]), (unsigned long long)TRII_GPU_WINDOW_BYTES);
    return trii_fail(err, TRI_INTERNAL, "%s binds %u buffers in one pass", p->stage->op->info.name, storage);
}

static WGPUBindGroupEntry window(const struct trii_prepared *p, size_t bound, uint32_t binding, uint64_t start) {
    const uint64_t bytes = bytes_of(p, bound), offset = start < bytes ? start : 0; /* past the end: any, it is not read */
    return (WGPUBindGroupEntry){.binding = binding,
                                .buffer = buffer_of(p, bound),
                                .offset = offset,
                                .size = trii_min_u64(bytes - offset, TRII_GPU_WINDOW_BYTES)};
}

/* The entries of one tile; returns how many. See recipe.h for the letters. */
static size_t bind(const struct trii_prepared *p, const struct trii_gpu_pass *pass, const struct trii_gpu_tile *tile,
                   size_t number, WGPUBindGroupEntry entries[TRII_GPU_ENTRIES]) {
    const char *letters = pass->source->bindings + 1;
    const uint32_t windows = pass->variant & TRII_GPU_SPLIT ? TRII_GPU_WINDOWS : 1;
    size_t count = 0;
    uint32_t binding = 1;
    entries[count++] = (WGPUBindGroupEntry){
        .buffer = p->uniforms, .offset = number * TRII_GPU_JOB_STRIDE, .size = TRII_GPU_JOB_STRIDE};
    for (size_t i = 0; letters[i]; i++) {
        const size_t bound = pass->bound[i];
        if (letters[i] == 'W') {
            for (uint32_t w = 0; w < windows; w++)
                entries[count++] = window(p, bound, binding + w, w * TRII_GPU_WINDOW_BYTES);
            binding += TRII_GPU_WINDOWS;
            continue;
        }
        const bool whole = letters[i] == 'R' || letters[i] == 'x';
        entries[count++] = (WGPUBindGroupEntry){.binding = binding++,
                                                .buffer = buffer_of(p, bound),
                                                .offset = whole ? 0 : tile->offset,
                                                .size = whole ? bytes_of(p, bound) : trii_min_u64(tile->bytes, bytes_of(p, bound) - tile->offset)};
    }
    return count;
}

static tri_status add_tile(struct trii_prepared *p, const struct trii_gpu_pass *pass,
                           const struct trii_gpu_kernel *kernel, const struct trii_gpu_tile *tile,
                           struct tri_error *err) {
    struct trii_gpu_dispatch *dispatch = &p->dispatches[p->dispatch_count];
    WGPUBindGroupEntry entries[TRII_GPU_ENTRIES];
    const WGPUBindGroupDescriptor descriptor = {.layout = kernel->layout,
                                                .entryCount = bind(p, pass, tile, p->dispatch_count, entries),
                                                .entries = entries};
    trii_gpu_scope_begin(p->gpu);
    p->gpu->dawn.QueueWriteBuffer(p->gpu->queue, p->uniforms, p->dispatch_count * TRII_GPU_JOB_STRIDE, &tile->job,
                                  sizeof tile->job);
    *dispatch = (struct trii_gpu_dispatch){
        .pipeline = kernel->pipeline,
        .group = p->gpu->dawn.DeviceCreateBindGroup(p->gpu->device, &descriptor),
        .groups = {tile->groups[0], tile->groups[1], 1}};
    p->dispatch_count++;
    return trii_gpu_scope_end(p->gpu, TRI_ENGINE_FAILED, "binding the operands", err);
}

/* Nothing of a binding limits a pass that writes its output whole. */
static void cut_pass(const struct trii_prepared *p, const struct trii_gpu_pass *pass, struct trii_gpu_cut *cut) {
    const bool tiled = strchr(pass->source->bindings, 'w') != NULL;
    trii_gpu_cut(tiled ? p->gpu->binding_bytes : UINT64_MAX, p->gpu->groups_max, pass, cut);
}

static tri_status add_pass(struct trii_prepared *p, const struct trii_gpu_pass *pass, struct tri_error *err) {
    const struct trii_gpu_kernel *kernel;
    struct trii_gpu_tile tile = {.job = pass->job};
    struct trii_gpu_cut cut;
    tri_status status = trii_gpu_kernel(p->gpu, pass->source, pass->variant, &kernel, err);
    cut_pass(p, pass, &cut);
    for (uint64_t i = 0; i < cut.across * cut.down && status == TRI_OK; i++) {
        trii_gpu_tile(&cut, i, &tile);
        status = add_tile(p, pass, kernel, &tile, err);
    }
    return status;
}

static tri_status add_passes(struct trii_prepared *p, struct trii_gpu_work *work, struct tri_error *err) {
    size_t count = 0;
    for (size_t i = 0; i < work->pass_count; i++) {
        struct trii_gpu_cut cut;
        tri_status status = check_pass(p, &work->passes[i], err);
        if (status != TRI_OK)
            return status;
        cut_pass(p, &work->passes[i], &cut);
        count += (size_t)(cut.across * cut.down);
    }
    p->dispatches = trii_calloc(count ? count : 1, sizeof *p->dispatches);
    if (!p->dispatches)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for the %zu dispatches of %s", count, p->stage->op->info.name);
    tri_status status = trii_gpu_buffer(p->gpu, "uniforms", (count ? count : 1) * (uint64_t)TRII_GPU_JOB_STRIDE,
                                        WGPUBufferUsage_Uniform | WGPUBufferUsage_CopyDst, &p->uniforms, err);
    for (size_t i = 0; i < work->pass_count && status == TRI_OK; i++)
        status = add_pass(p, &work->passes[i], err);
    return status;
}

/* ---- stages ---- */

/* A WGSL file: one dispatch, with a pipeline of its own. */
static tri_status add_shader(struct trii_prepared *p, struct tri_error *err) {
    p->dispatches = trii_calloc(1, sizeof *p->dispatches);
    if (!p->dispatches)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for the dispatch of %s", p->stage->op->info.name);
    tri_status status = trii_gpu_shader_make(p->gpu, p->stage, p->views, p->bytes, &p->shader, err);
    if (status != TRI_OK)
        return status;
    p->dispatches[0] = (struct trii_gpu_dispatch){
        .pipeline = p->shader.pipeline,
        .group = p->shader.group,
        .groups = {p->shader.groups[0], p->shader.groups[1], p->shader.groups[2]}};
    p->shader.group = NULL; /* it is released with the dispatch */
    p->dispatch_count = 1;
    return TRI_OK;
}

static tri_status prepare(struct trii_prepared *p, struct trii_gpu_work *work, struct tri_error *err) {
    tri_status status = trii_gpu_alive(p->gpu, err);
    if (status == TRI_OK)
        status = find_views(p, err);
    if (status == TRI_OK)
        status = make_readback(p, err);
    if (p->stage->op->custom)
        return status == TRI_OK ? add_shader(p, err) : status;
    if (status == TRI_OK)
        status = trii_gpu_recipe_of(p->stage->op)(p->stage, work, err);
    if (status == TRI_OK)
        status = make_scratch(p, work, err);
    if (status == TRI_OK)
        status = add_passes(p, work, err);
    return status;
}

tri_status trii_gpu_prepare(struct tri_engine *engine, const struct trii_stage *stage, struct trii_prepared **out,
                            struct tri_error *err) {
    struct trii_prepared *p = trii_calloc(1, sizeof *p);
    struct trii_gpu_work *work = trii_calloc(1, sizeof *work);
    if (!p || !work) {
        trii_free(p);
        trii_free(work);
        return trii_fail(err, TRI_NO_MEMORY, "no memory to prepare %s", stage->op->info.name);
    }
    p->gpu = trii_gpu_of(engine);
    p->stage = stage;
    tri_status status = prepare(p, work, err);
    for (size_t i = 0; i < work->scratch_count; i++)
        trii_free(work->scratch[i].data);
    trii_free(work);
    if (status != TRI_OK) {
        trii_gpu_release(engine, p);
        return status;
    }
    *out = p;
    return TRI_OK;
}

void trii_gpu_release(struct tri_engine *engine, struct trii_prepared *p) {
    struct trii_gpu *gpu = trii_gpu_of(engine);
    for (size_t i = 0; i < p->dispatch_count; i++)
        if (p->dispatches[i].group)
            gpu->dawn.BindGroupRelease(p->dispatches[i].group);
    for (size_t i = 0; i < TRII_GPU_SCRATCHES; i++)
        if (p->scratch[i])
            gpu->dawn.BufferRelease(p->scratch[i]);
    if (p->uniforms)
        gpu->dawn.BufferRelease(p->uniforms);
    if (p->readback)
        gpu->dawn.BufferRelease(p->readback);
    for (size_t i = 0; i < TRII_OP_OPERANDS_MAX && p->views[i]; i++)
        trii_gpu_view_unuse(gpu, p->views[i]);
    trii_gpu_shader_drop(gpu, &p->shader);
    trii_free(p->dispatches);
    trii_free(p);
    trii_gpu_sweep(gpu, 0);
}
