/*
 * Prepared stages at work: submit encodes and starts them.
 *
 * WebGPU's command buffers are used once, so Dawn allocates a little at every submit; we don't. The fence is signalled
 * by Dawn's callback, on whichever thread waits. A staged region is written before and read back after the work; both
 * are lines in the ledger.
 */
#include "engine/webgpu/webgpu.h"

#include "base/ledger.h"
#include "base/status.h"


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
    for (size_t i = 0; i < p->dispatch_count; i++) {
        const struct trii_gpu_dispatch *d = &p->dispatches[i];
        if (i == 0 || d->pipeline != p->dispatches[i - 1].pipeline)
            dawn->ComputePassEncoderSetPipeline(pass, d->pipeline);
        dawn->ComputePassEncoderSetBindGroup(pass, 0, d->group, 0, NULL);
        dawn->ComputePassEncoderDispatchWorkgroups(pass, d->groups[0], d->groups[1], d->groups[2]);
    }
    dawn->ComputePassEncoderEnd(pass);
    dawn->ComputePassEncoderRelease(pass);
    for (size_t i = 0; i < p->result_count; i++)
        dawn->CommandEncoderCopyBufferToBuffer(encoder, p->results[i].view->buffer, 0, p->readback,
                                               p->results[i].offset, p->results[i].bytes);
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
        const uint8_t *from = dawn->BufferGetConstMappedRange(p->readback, 0, (size_t)p->readback_bytes);
        succeeded = from != NULL;
        for (size_t i = 0; from && i < p->result_count; i++) {
            const struct trii_gpu_result *result = &p->results[i];
            const struct trii_copy copy = copy_of(p, result->view);
            trii_ledger_copy(trii_arena_ledger(p->gpu->head.arena), &copy, result->view->region.bytes,
                             from + result->offset, result->payload);
        }
        dawn->BufferUnmap(p->readback);
    }
    land(p, succeeded, words);
}

static WGPUFuture watch(struct trii_prepared *p) {
    const struct trii_dawn *dawn = &p->gpu->dawn;
    if (p->readback)
        return dawn->BufferMapAsync(p->readback, WGPUMapMode_Read, 0, (size_t)p->readback_bytes,
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
