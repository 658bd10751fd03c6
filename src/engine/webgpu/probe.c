/*
 * Whether this device takes pages like the arena's: two pages of the same backing are imported and the GPU copies one
 * into the other. Tried rather than asked, because drivers that offer host memory may still refuse memory that has a
 * file behind it (amdgpu), or take it and not share it.
 */
#include "engine/webgpu/webgpu.h"

#include "base/atomic.h"
#include "base/status.h"
#include "base/sys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBE_BYTES (2 * (uint64_t)TRI_PAGE_BYTES)
#define PATIENCE_NS 2000000000u

static void on_disposed(void *user) {
    struct trii_gpu *gpu = user;
    trii_add_acq_rel(&gpu->probe.disposed, 1);
}

static int map_pages(struct trii_gpu *gpu) {
    void *at;
    int fd, failed = trii_sys_reserve(PROBE_BYTES, &at);
    if (failed)
        return failed;
    gpu->probe.pages = at;
    if (trii_arena_backing(gpu->head.arena) == TRI_BACKING_PRIVATE)
        return trii_sys_map_private(at, PROBE_BYTES, TRII_PROT_READ_WRITE);
    failed = trii_sys_memfd("tripoint-probe", PROBE_BYTES, false, &fd);
    if (failed)
        return failed;
    failed = trii_sys_map_fd(at, PROBE_BYTES, fd, 0, TRII_PROT_READ_WRITE, false);
    trii_sys_close(fd);
    return failed;
}

static tri_status copy_page(struct trii_gpu *gpu, const WGPUBuffer buffers[2], struct tri_error *err) {
    trii_gpu_scope_begin(gpu);
    WGPUCommandEncoder encoder = gpu->dawn.DeviceCreateCommandEncoder(gpu->device, NULL);
    gpu->dawn.CommandEncoderCopyBufferToBuffer(encoder, buffers[0], 0, buffers[1], 0, TRI_PAGE_BYTES);
    WGPUCommandBuffer commands = gpu->dawn.CommandEncoderFinish(encoder, NULL);
    gpu->dawn.CommandEncoderRelease(encoder);
    gpu->dawn.QueueSubmit(gpu->queue, 1, &commands);
    gpu->dawn.CommandBufferRelease(commands);
    bool ended = trii_gpu_idle(gpu, PATIENCE_NS);
    tri_status status = trii_gpu_scope_end(gpu, TRI_UNSUPPORTED, "using them", err);
    if (status == TRI_OK && !ended)
        status = trii_fail(err, TRI_UNSUPPORTED, "a copy of one page did not end in %u s", PATIENCE_NS / 1000000000u);
    return status;
}

static tri_status try_pages(struct trii_gpu *gpu, WGPUBuffer buffers[2], struct tri_error *err) {
    tri_status status = TRI_OK;
    int failed = map_pages(gpu);
    if (failed)
        return trii_fail_errno(err, TRI_NO_MEMORY, failed, "no pages to try the GPU's imports on");
    uint8_t *pages = gpu->probe.pages;
    for (size_t i = 0; i < TRI_PAGE_BYTES; i++)
        pages[i] = (uint8_t)(i * 7 + 1);
    for (size_t i = 0; i < 2 && status == TRI_OK; i++) {
        status = trii_gpu_import(gpu, pages + i * TRI_PAGE_BYTES, TRI_PAGE_BYTES, on_disposed, gpu, &buffers[i], err);
        gpu->probe.imported += status == TRI_OK;
    }
    if (status == TRI_OK)
        status = copy_page(gpu, buffers, err);
    if (status == TRI_OK && memcmp(pages, pages + TRI_PAGE_BYTES, TRI_PAGE_BYTES) != 0)
        status = trii_fail(err, TRI_UNSUPPORTED, "it takes the pages but does not share them");
    return status;
}

void trii_gpu_probe_finish(struct trii_gpu *gpu) {
    if (gpu->probe.pages)
        (void)trii_sys_unmap(gpu->probe.pages, PROBE_BYTES);
    gpu->probe.pages = NULL;
    gpu->probe.imported = 0;
    trii_store_relaxed(&gpu->probe.disposed, 0);
}

/* The pages go back to the system when the driver has let go of them: now, or after the device is closed. */
static void give_pages_back(struct trii_gpu *gpu, const WGPUBuffer buffers[2]) {
    const uint64_t deadline = trii_sys_deadline(PATIENCE_NS);
    for (size_t i = 0; i < 2; i++)
        if (buffers[i]) {
            gpu->dawn.BufferDestroy(buffers[i]);
            gpu->dawn.BufferRelease(buffers[i]);
        }
    if (!trii_load_acquire(&gpu->lost))
        gpu->dawn.QueueSubmit(gpu->queue, 0, NULL);
    while (trii_load_acquire(&gpu->probe.disposed) < gpu->probe.imported && !trii_load_acquire(&gpu->lost) &&
           trii_sys_now_ns() < deadline)
        trii_gpu_breathe(gpu);
    if (trii_load_acquire(&gpu->probe.disposed) == gpu->probe.imported)
        trii_gpu_probe_finish(gpu);
}

void trii_gpu_stage_copies(struct trii_gpu *gpu, const char *why) {
    gpu->imports = false;
    snprintf(gpu->sharing, sizeof gpu->sharing, "copies through staging buffers: %.280s", why);
    snprintf(gpu->staging_cause, sizeof gpu->staging_cause, "staging: %.38s", why);
}

tri_status trii_gpu_probe(struct trii_gpu *gpu, struct tri_error *err) {
    WGPUBuffer buffers[2] = {NULL, NULL};
    struct tri_error why = {0};
    const char *forced = getenv("TRIPOINT_WEBGPU_STAGING");
    const char *kind = trii_arena_backing(gpu->head.arena) == TRI_BACKING_PRIVATE ? "private memory" : "memfd pages";
    char text[TRII_GPU_TEXT_BYTES];
    if (forced && strcmp(forced, "1") == 0) {
        trii_gpu_stage_copies(gpu, "TRIPOINT_WEBGPU_STAGING=1");
        return TRI_OK;
    }
    if (!gpu->dawn.DeviceHasFeature(gpu->device, WGPUFeatureName_HostMappedPointer)) {
        trii_gpu_stage_copies(gpu, "the driver imports no host memory");
        return TRI_OK;
    }
    tri_status status = try_pages(gpu, buffers, &why);
    give_pages_back(gpu, buffers);
    if (status == TRI_OK) {
        gpu->imports = true;
        snprintf(gpu->sharing, sizeof gpu->sharing, "imports the arena's %s (tried)", kind);
    } else if (status == TRI_NO_MEMORY || status == TRI_DEVICE_LOST) {
        trii_error_copy(err, &why);
        return status;
    } else {
        snprintf(text, sizeof text, "the driver refuses %s: %.200s", kind, why.message);
        trii_gpu_stage_copies(gpu, text);
    }
    return TRI_OK;
}
