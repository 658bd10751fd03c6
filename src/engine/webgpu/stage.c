/*
 * Stages: prepare makes pipelines, uniforms and bind groups; submit encodes and starts them.
 *
 * WebGPU's command buffers are used once, so Dawn allocates a little at every submit; we don't. The fence is signalled
 * by Dawn's callback, on whichever thread waits. A staged region is written before and read back after the work; both
 * are lines in the ledger.
 */
#include "engine/webgpu/webgpu.h"

#include "base/alloc.h"
#include "base/atomic.h"
#include "base/checked.h"
#include "base/ledger.h"
#include "base/status.h"

#include <string.h>

struct tile {
    WGPUBindGroup group;
    uint32_t groups[2];
};

struct trii_prepared {
    struct trii_gpu *gpu;
    const struct trii_stage *stage;
    WGPUComputePipeline pipeline; /* the engine's */
    struct trii_gpu_view *views[TRII_OP_OPERANDS_MAX];
    uint64_t bytes[TRII_OP_OPERANDS_MAX]; /* of the operand's layout, in whole words */
    WGPUBuffer uniforms;
    struct tile *tiles;
    size_t tile_count;
    struct trii_gpu_view *result; /* staged output: read back after the work */
    uint64_t result_bytes;

    struct trii_fence *fence; /* of the submission in flight */
    WGPUFuture future;
    struct trii_prepared *next; /* in gpu->flying */
};

/* ---- what a stage asks of the GPU ---- */

/* Operands of the built-in operations: what is sampled, what is read pixel by pixel, what is written. */
struct recipe {
    enum trii_gpu_kernel_id kernel;
    uint32_t variant;
    uint32_t pixels;     /* of one invocation */
    size_t sampled, output;
    size_t image;        /* SIZE_MAX: none */
    struct trii_gpu_job job;
};

static uint64_t width_of(const struct trii_operand *operand) {
    return operand->layout.shape[1];
}

static uint64_t height_of(const struct trii_operand *operand) {
    return operand->layout.shape[0];
}

/* Above this the shaders' quick way from f32 to u32 ends (ops/wgsl). */
#define HUGE_PIXELS ((uint64_t)1 << 23)

static void sample(struct recipe *recipe, const struct trii_stage *stage) {
    const struct trii_operand *from = &stage->operands[recipe->sampled], *to = &stage->operands[recipe->output];
    recipe->job.source[0] = (uint32_t)width_of(from);
    recipe->job.source[1] = (uint32_t)height_of(from);
    recipe->job.scale[0] = (float)width_of(from) / (float)width_of(to);
    recipe->job.scale[1] = (float)height_of(from) / (float)height_of(to);
    if (width_of(from) >= HUGE_PIXELS || height_of(from) >= HUGE_PIXELS)
        recipe->variant |= TRII_GPU_HUGE;
    recipe->job.share = 1.0f / (recipe->job.scale[0] * recipe->job.scale[1]);
}

static struct recipe resize_recipe(const struct trii_stage *stage) {
    const bool area = strcmp(trii_args_text(stage->op, &stage->args, "filter"), "area") == 0;
    struct recipe recipe = {
        .kernel = area ? TRII_GPU_AREA : TRII_GPU_BILINEAR, .pixels = 1, .sampled = 0, .output = 1, .image = SIZE_MAX};
    sample(&recipe, stage);
    return recipe;
}

static struct recipe apply_mask_recipe(const struct trii_stage *stage) {
    const struct trii_operand *image = &stage->operands[0];
    const bool in_place = stage->operands[2].region.handle == image->region.handle;
    const bool fours = width_of(image) % 4 == 0;
    struct recipe recipe = {.pixels = 8, .sampled = 1, .output = 2, .image = in_place ? SIZE_MAX : 0};
    if (fours)
        recipe.kernel = in_place ? TRII_GPU_MASK_FOURS_IN_PLACE : TRII_GPU_MASK_FOURS;
    else
        recipe.kernel = in_place ? TRII_GPU_MASK_SINGLES_IN_PLACE : TRII_GPU_MASK_SINGLES;
    sample(&recipe, stage);
    /* Neighbouring samples are `scale` columns apart: less than one from first to last, with room for rounding. */
    if (7 * recipe.job.scale[0] < 0.99f)
        recipe.variant |= TRII_GPU_NARROW8;
    else if (3 * recipe.job.scale[0] < 0.99f)
        recipe.variant |= TRII_GPU_NARROW4;
    return recipe;
}

static tri_status recipe_of(struct trii_prepared *p, struct recipe *out, struct tri_error *err) {
    switch (p->stage->op->id) {
    case TRII_OP_RESIZE:
        *out = resize_recipe(p->stage);
        break;
    case TRII_OP_APPLY_MASK:
        *out = apply_mask_recipe(p->stage);
        break;
    default:
        return trii_fail(err, TRI_UNSUPPORTED, "webgpu has no operation %s", p->stage->op->info.name);
    }
    if (p->bytes[out->sampled] > TRII_GPU_WINDOW_BYTES)
        out->variant |= TRII_GPU_SPLIT;
    return TRI_OK;
}

/* ---- prepare ---- */

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

/* A staged output needs a buffer that the CPU can read. */
static tri_status make_readback(struct trii_prepared *p, size_t output, struct tri_error *err) {
    struct trii_gpu_view *view = p->views[output];
    if (view->imported)
        return TRI_OK;
    p->result = view;
    p->result_bytes = p->bytes[output];
    if (view->readback)
        return TRI_OK;
    return trii_gpu_buffer(p->gpu, "a readback buffer", view->region.mapped_bytes,
                           WGPUBufferUsage_MapRead | WGPUBufferUsage_CopyDst, &view->readback, err);
}

/* Binding 0 is the tile's uniform, 1 what is written, 2 to 5 the windows of what is sampled, 6 what is read pixel by
 * pixel (ops/wgsl). An operand that one binding shows has one window. */
static size_t bind(const struct trii_prepared *p, const struct recipe *recipe, const struct trii_gpu_tile *tile,
                   size_t i, WGPUBindGroupEntry entries[7]) {
    const uint64_t sampled = p->bytes[recipe->sampled];
    const uint32_t windows = recipe->variant & TRII_GPU_SPLIT ? TRII_GPU_WINDOWS : 1;
    size_t count = 0;
    entries[count++] = (WGPUBindGroupEntry){
        .buffer = p->uniforms, .offset = i * TRII_GPU_JOB_STRIDE, .size = sizeof tile->job};
    entries[count++] = (WGPUBindGroupEntry){
        .binding = 1, .buffer = p->views[recipe->output]->buffer, .offset = tile->offset, .size = tile->bytes};
    for (uint32_t w = 0; w < windows; w++) {
        const uint64_t start = w * TRII_GPU_WINDOW_BYTES;
        const uint64_t offset = start < sampled ? start : 0; /* past the end: any, it is not read */
        entries[count++] = (WGPUBindGroupEntry){.binding = 2 + w,
                                                .buffer = p->views[recipe->sampled]->buffer,
                                                .offset = offset,
                                                .size = trii_min_u64(sampled - offset, TRII_GPU_WINDOW_BYTES)};
    }
    if (recipe->image != SIZE_MAX)
        entries[count++] = (WGPUBindGroupEntry){
            .binding = 6, .buffer = p->views[recipe->image]->buffer, .offset = tile->offset, .size = tile->bytes};
    return count;
}

static tri_status make_tile(struct trii_prepared *p, const struct recipe *recipe, const struct trii_gpu_kernel *kernel,
                            const struct trii_gpu_tile *tile, size_t i, struct tri_error *err) {
    WGPUBindGroupEntry entries[7];
    const WGPUBindGroupDescriptor descriptor = {
        .layout = kernel->layout, .entryCount = bind(p, recipe, tile, i, entries), .entries = entries};
    trii_gpu_scope_begin(p->gpu);
    p->gpu->dawn.QueueWriteBuffer(p->gpu->queue, p->uniforms, i * TRII_GPU_JOB_STRIDE, &tile->job, sizeof tile->job);
    p->tiles[i].group = p->gpu->dawn.DeviceCreateBindGroup(p->gpu->device, &descriptor);
    p->tiles[i].groups[0] = tile->groups[0];
    p->tiles[i].groups[1] = tile->groups[1];
    return trii_gpu_scope_end(p->gpu, TRI_ENGINE_FAILED, "binding the operands", err);
}

static tri_status make_tiles(struct trii_prepared *p, const struct recipe *recipe, const struct trii_gpu_kernel *kernel,
                             struct tri_error *err) {
    const struct trii_operand *output = &p->stage->operands[recipe->output];
    struct trii_gpu_tile tile = {.job = recipe->job};
    struct trii_gpu_cut cut;
    trii_gpu_cut(p->gpu->binding_bytes, p->gpu->groups_max, recipe->pixels, width_of(output), height_of(output), &cut);
    const size_t count = (size_t)(cut.across * cut.down);
    p->tiles = trii_calloc(count, sizeof *p->tiles);
    if (!p->tiles)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for the %zu tiles of %s", count, p->stage->op->info.name);
    p->tile_count = count;
    tri_status status = trii_gpu_buffer(p->gpu, "uniforms", (count ? count : 1) * (uint64_t)TRII_GPU_JOB_STRIDE,
                                        WGPUBufferUsage_Uniform | WGPUBufferUsage_CopyDst, &p->uniforms, err);
    for (size_t i = 0; i < count && status == TRI_OK; i++) {
        trii_gpu_tile(&cut, recipe->pixels, i, &tile);
        status = make_tile(p, recipe, kernel, &tile, i, err);
    }
    return status;
}

static tri_status prepare(struct trii_prepared *p, struct tri_error *err) {
    struct recipe recipe = {0};
    const struct trii_gpu_kernel *kernel;
    tri_status status = trii_gpu_alive(p->gpu, err);
    if (status == TRI_OK)
        status = find_views(p, err);
    if (status == TRI_OK)
        status = recipe_of(p, &recipe, err);
    if (status == TRI_OK)
        status = make_readback(p, recipe.output, err);
    if (status == TRI_OK)
        status = trii_gpu_kernel(p->gpu, recipe.kernel, recipe.variant, &kernel, err);
    if (status == TRI_OK)
        status = make_tiles(p, &recipe, kernel, err);
    if (status == TRI_OK)
        p->pipeline = kernel->pipeline;
    return status;
}

tri_status trii_gpu_prepare(struct tri_engine *engine, const struct trii_stage *stage, struct trii_prepared **out,
                            struct tri_error *err) {
    struct trii_prepared *p = trii_calloc(1, sizeof *p);
    if (!p)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to prepare %s", stage->op->info.name);
    p->gpu = trii_gpu_of(engine);
    p->stage = stage;
    tri_status status = prepare(p, err);
    if (status != TRI_OK) {
        trii_gpu_release(engine, p);
        return status;
    }
    *out = p;
    return TRI_OK;
}

void trii_gpu_release(struct tri_engine *engine, struct trii_prepared *p) {
    struct trii_gpu *gpu = trii_gpu_of(engine);
    for (size_t i = 0; i < p->tile_count; i++)
        if (p->tiles[i].group)
            gpu->dawn.BindGroupRelease(p->tiles[i].group);
    if (p->uniforms)
        gpu->dawn.BufferRelease(p->uniforms);
    for (size_t i = 0; i < TRII_OP_OPERANDS_MAX && p->views[i]; i++)
        trii_gpu_view_unuse(gpu, p->views[i]);
    trii_free(p->tiles);
    trii_free(p);
    trii_gpu_sweep(gpu, 0);
}

/* ---- submit ---- */

static struct trii_copy copy_of(const struct trii_prepared *p, const struct trii_gpu_view *view) {
    return (struct trii_copy){.place = TRI_LEDGER_BETWEEN,
                              .stage = p->stage->name,
                              .region = view->region.label,
                              .cause = p->gpu->imports ? "staging: the driver refused this region"
                                                       : p->gpu->staging_cause};
}

/* Staged inputs: Dawn copies the region's bytes into the buffer, in order before the work. */
static void upload(struct trii_prepared *p) {
    for (size_t i = 0; i < p->stage->operand_count; i++) {
        const struct trii_gpu_view *view = p->views[i];
        if (view->imported || p->stage->operands[i].info->access == TRI_ACCESS_WRITE)
            continue;
        const struct trii_copy copy = copy_of(p, view);
        p->gpu->dawn.QueueWriteBuffer(p->gpu->queue, view->buffer, 0, view->region.bytes, (size_t)p->bytes[i]);
        trii_ledger_count(trii_arena_ledger(p->gpu->head.arena), &copy, p->bytes[i]);
    }
}

static void encode_and_submit(struct trii_prepared *p) {
    const struct trii_dawn *dawn = &p->gpu->dawn;
    WGPUCommandEncoder encoder = dawn->DeviceCreateCommandEncoder(p->gpu->device, NULL);
    WGPUComputePassEncoder pass = dawn->CommandEncoderBeginComputePass(encoder, NULL);
    dawn->ComputePassEncoderSetPipeline(pass, p->pipeline);
    for (size_t i = 0; i < p->tile_count; i++) {
        dawn->ComputePassEncoderSetBindGroup(pass, 0, p->tiles[i].group, 0, NULL);
        dawn->ComputePassEncoderDispatchWorkgroups(pass, p->tiles[i].groups[0], p->tiles[i].groups[1], 1);
    }
    dawn->ComputePassEncoderEnd(pass);
    dawn->ComputePassEncoderRelease(pass);
    if (p->result)
        dawn->CommandEncoderCopyBufferToBuffer(encoder, p->result->buffer, 0, p->result->readback, 0, p->result_bytes);
    WGPUCommandBuffer commands = dawn->CommandEncoderFinish(encoder, NULL);
    dawn->CommandEncoderRelease(encoder);
    dawn->QueueSubmit(p->gpu->queue, 1, &commands);
    dawn->CommandBufferRelease(commands);
}

/* Takes the stage out of the list of those in flight and tells the fence. Nothing of `p` is touched after that. */
static void land(struct trii_prepared *p, bool succeeded, const char *words) {
    struct trii_gpu *gpu = p->gpu;
    struct trii_fence *fence = p->fence;
    struct tri_error error = {0};
    char failure[TRII_GPU_TEXT_BYTES];
    tri_status status = trii_gpu_alive(gpu, &error);
    if (trii_gpu_take_failure(gpu, failure, sizeof failure) && status == TRI_OK)
        status = trii_fail(&error, TRI_ENGINE_FAILED, "the GPU refused the work: %s", failure);
    if (status == TRI_OK && !succeeded)
        status = trii_fail(&error, TRI_ENGINE_FAILED, "the GPU did not finish the work: %s", words);
    pthread_mutex_lock(&gpu->callback_lock);
    for (struct trii_prepared **at = &gpu->flying; *at; at = &(*at)->next)
        if (*at == p) {
            *at = p->next;
            break;
        }
    p->fence = NULL;
    pthread_mutex_unlock(&gpu->callback_lock);
    trii_fence_signal(fence, status, status == TRI_OK ? NULL : &error);
}

static void on_done(WGPUQueueWorkDoneStatus status, WGPUStringView message, void *userdata1, void *userdata2) {
    char words[TRII_GPU_TEXT_BYTES];
    (void)userdata2;
    trii_gpu_words(message, words, sizeof words);
    land(userdata1, status == WGPUQueueWorkDoneStatus_Success, words);
}

/* Staged outputs: what the GPU wrote goes into the region's pages. */
static void on_mapped(WGPUMapAsyncStatus status, WGPUStringView message, void *userdata1, void *userdata2) {
    struct trii_prepared *p = userdata1;
    const struct trii_dawn *dawn = &p->gpu->dawn;
    char words[TRII_GPU_TEXT_BYTES];
    bool succeeded = status == WGPUMapAsyncStatus_Success;
    (void)userdata2;
    trii_gpu_words(message, words, sizeof words);
    if (succeeded) {
        const struct trii_copy copy = copy_of(p, p->result);
        const void *from = dawn->BufferGetConstMappedRange(p->result->readback, 0, (size_t)p->result_bytes);
        succeeded = from != NULL;
        if (from)
            trii_ledger_copy(trii_arena_ledger(p->gpu->head.arena), &copy, p->result->region.bytes, from,
                             p->result_bytes);
        dawn->BufferUnmap(p->result->readback);
    }
    land(p, succeeded, words);
}

static WGPUFuture watch(struct trii_prepared *p) {
    const struct trii_dawn *dawn = &p->gpu->dawn;
    if (p->result)
        return dawn->BufferMapAsync(p->result->readback, WGPUMapMode_Read, 0, (size_t)p->result_bytes,
                                    (WGPUBufferMapCallbackInfo){.mode = WGPUCallbackMode_AllowProcessEvents,
                                                                .callback = on_mapped,
                                                                .userdata1 = p});
    return dawn->QueueOnSubmittedWorkDone(
        p->gpu->queue, (WGPUQueueWorkDoneCallbackInfo){
                           .mode = WGPUCallbackMode_AllowProcessEvents, .callback = on_done, .userdata1 = p});
}

tri_status trii_gpu_submit(struct tri_engine *engine, struct trii_prepared *p, struct trii_fence *fence,
                           struct tri_error *err) {
    struct trii_gpu *gpu = trii_gpu_of(engine);
    tri_status status = trii_gpu_alive(gpu, err);
    if (status != TRI_OK)
        return status;
    trii_gpu_sweep(gpu, 0);
    upload(p);
    encode_and_submit(p);
    pthread_mutex_lock(&gpu->callback_lock);
    p->fence = fence;
    p->next = gpu->flying;
    gpu->flying = p;
    pthread_mutex_unlock(&gpu->callback_lock);
    WGPUFuture future = watch(p); /* the callback may come before this returns */
    pthread_mutex_lock(&gpu->callback_lock);
    for (struct trii_prepared *at = gpu->flying; at; at = at->next)
        if (at == p)
            p->future = future;
    pthread_mutex_unlock(&gpu->callback_lock);
    return TRI_OK;
}

static bool future_of(struct trii_gpu *gpu, const struct trii_fence *fence, WGPUFuture *out) {
    bool found = false;
    pthread_mutex_lock(&gpu->callback_lock);
    for (const struct trii_prepared *p = gpu->flying; p && !found; p = p->next)
        if (p->fence == fence) {
            *out = p->future;
            found = true;
        }
    pthread_mutex_unlock(&gpu->callback_lock);
    return found;
}

tri_status trii_gpu_wait(struct tri_engine *engine, struct trii_fence *fence, uint64_t timeout_ns) {
    struct trii_gpu *gpu = trii_gpu_of(engine);
    WGPUFuture future;
    if (future_of(gpu, fence, &future) && !trii_gpu_await(gpu, future, timeout_ns))
        return TRI_TIMEOUT;
    return trii_fence_wait(fence, timeout_ns); /* another thread may still be inside the callback */
}
