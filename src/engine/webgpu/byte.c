/*
 * One byte of a region as the GPU sees it: a dispatch over the region's own buffer. What was seen comes back through a
 * buffer of four bytes; no payload is copied.
 */
#include "engine/webgpu/webgpu.h"

#include "base/checked.h"
#include "base/status.h"

extern const char trii_wgsl_byte[];

static const struct trii_gpu_source peek = {"peek", trii_wgsl_byte, "peek", "uRx", {NULL}};
static const struct trii_gpu_source poke = {"poke", trii_wgsl_byte, "poke", "ux", {NULL}};

#define WINDOW_BYTES 256u /* of the region, around the byte: any device binds at that alignment */

static tri_status make_buffers(struct trii_gpu *gpu, struct tri_error *err) {
    const struct {
        WGPUBuffer *slot;
        WGPUBufferUsage usage;
    } buffers[] = {
        {&gpu->byte_job, WGPUBufferUsage_Uniform | WGPUBufferUsage_CopyDst},
        {&gpu->byte_seen, WGPUBufferUsage_Storage | WGPUBufferUsage_CopySrc},
        {&gpu->byte_readback, WGPUBufferUsage_MapRead | WGPUBufferUsage_CopyDst},
    };
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) {
        tri_status status = *buffers[i].slot ? TRI_OK
                                             : trii_gpu_buffer(gpu, "a small buffer", 16, buffers[i].usage,
                                                               buffers[i].slot, err);
        if (status != TRI_OK)
            return status;
    }
    return TRI_OK;
}

static void dispatch(struct trii_gpu *gpu, const struct trii_gpu_kernel *kernel, WGPUBuffer bytes, uint64_t window,
                     bool peeking) {
    const struct trii_dawn *dawn = &gpu->dawn;
    const WGPUBindGroupEntry entries[3] = {
        {.binding = 0, .buffer = gpu->byte_job, .size = 16},
        {.binding = 1, .buffer = bytes, .offset = window, .size = WINDOW_BYTES},
        {.binding = 2, .buffer = gpu->byte_seen, .size = 16},
    };
    const WGPUBindGroupDescriptor descriptor = {
        .layout = kernel->layout, .entryCount = peeking ? 3 : 2, .entries = entries};
    WGPUBindGroup group = dawn->DeviceCreateBindGroup(gpu->device, &descriptor);
    WGPUCommandEncoder encoder = dawn->DeviceCreateCommandEncoder(gpu->device, NULL);
    WGPUComputePassEncoder pass = dawn->CommandEncoderBeginComputePass(encoder, NULL);
    dawn->ComputePassEncoderSetPipeline(pass, kernel->pipeline);
    dawn->ComputePassEncoderSetBindGroup(pass, 0, group, 0, NULL);
    dawn->ComputePassEncoderDispatchWorkgroups(pass, 1, 1, 1);
    dawn->ComputePassEncoderEnd(pass);
    dawn->ComputePassEncoderRelease(pass);
    if (peeking)
        dawn->CommandEncoderCopyBufferToBuffer(encoder, gpu->byte_seen, 0, gpu->byte_readback, 0, 16);
    WGPUCommandBuffer commands = dawn->CommandEncoderFinish(encoder, NULL);
    dawn->CommandEncoderRelease(encoder);
    dawn->QueueSubmit(gpu->queue, 1, &commands);
    dawn->CommandBufferRelease(commands);
    dawn->BindGroupRelease(group);
}

static void on_mapped(WGPUMapAsyncStatus status, WGPUStringView message, void *userdata1, void *userdata2) {
    (void)message;
    (void)userdata2;
    *(bool *)userdata1 = status == WGPUMapAsyncStatus_Success;
}

static bool read_back(struct trii_gpu *gpu, uint8_t *out) {
    bool mapped = false;
    WGPUFuture future = gpu->dawn.BufferMapAsync(
        gpu->byte_readback, WGPUMapMode_Read, 0, 16,
        (WGPUBufferMapCallbackInfo){
            .mode = WGPUCallbackMode_AllowProcessEvents, .callback = on_mapped, .userdata1 = &mapped});
    (void)trii_gpu_await(gpu, future, TRI_FOREVER);
    if (!mapped)
        return false;
    const uint32_t *seen = gpu->dawn.BufferGetConstMappedRange(gpu->byte_readback, 0, 16);
    if (seen)
        *out = (uint8_t)*seen;
    gpu->dawn.BufferUnmap(gpu->byte_readback);
    return seen != NULL;
}

/* Peeks into *seen, or pokes `value` when `seen` is NULL. */
static tri_status touch(struct trii_gpu *gpu, const struct trii_region *region, uint64_t offset, uint8_t value,
                        uint8_t *seen, struct tri_error *err) {
    struct trii_gpu_view *view;
    const struct trii_gpu_kernel *kernel;
    const uint64_t window = offset & ~(uint64_t)(WINDOW_BYTES - 1);
    const uint32_t within = (uint32_t)(offset - window);
    const uint32_t job[4] = {within / 4, within % 4 * 8, value};
    uint8_t got = 0;
    bool read = true;
    tri_status status = trii_gpu_alive(gpu, err);
    if (status == TRI_OK)
        status = trii_gpu_view(gpu, region, &view, err);
    if (status != TRI_OK)
        return status;
    if (!view->imported)
        return trii_fail(err, TRI_UNSUPPORTED, "the GPU does not see this region's own pages: %s", gpu->sharing);
    status = make_buffers(gpu, err);
    if (status == TRI_OK)
        status = trii_gpu_kernel(gpu, seen ? &peek : &poke, 0, &kernel, err);
    if (status != TRI_OK)
        return status;
    trii_gpu_scope_begin(gpu);
    gpu->dawn.QueueWriteBuffer(gpu->queue, gpu->byte_job, 0, job, sizeof job);
    dispatch(gpu, kernel, view->buffer, window, seen != NULL);
    if (seen)
        read = read_back(gpu, &got);
    else
        (void)trii_gpu_idle(gpu, TRI_FOREVER);
    status = trii_gpu_scope_end(gpu, TRI_ENGINE_FAILED, "touching one byte", err);
    if (status == TRI_OK && !read)
        status = trii_fail(err, TRI_ENGINE_FAILED, "the byte that the GPU saw could not be read back");
    if (status == TRI_OK && seen)
        *seen = got;
    return status;
}

tri_status trii_gpu_peek(struct tri_engine *engine, const struct trii_region *region, uint64_t offset, uint8_t *out,
                         struct tri_error *err) {
    return touch(trii_gpu_of(engine), region, offset, 0, out, err);
}

tri_status trii_gpu_poke(struct tri_engine *engine, const struct trii_region *region, uint64_t offset, uint8_t value,
                         struct tri_error *err) {
    return touch(trii_gpu_of(engine), region, offset, value, NULL, err);
}
