/*
 * Native views: one WGPUBuffer a region, imported from its pages where the driver takes them, else staged.
 *
 *   made ──forget──> freed ──last user──> dying ──disposed──> gone (unpinned)
 *                                           └──device lost──> buried (unpinned; freed at close)
 *
 * Dawn frees an import's memory with the submit after its release, and then calls the dispose callback: only then may
 * the pages be reused. On a lost device that callback may never come.
 */
#include "engine/webgpu/webgpu.h"

#include "base/alloc.h"
#include "base/atomic.h"
#include "base/status.h"
#include "base/sys.h"

#include <stdio.h>

tri_status trii_gpu_import(struct trii_gpu *gpu, void *bytes, uint64_t size, void (*disposed)(void *), void *user,
                           WGPUBuffer *out, struct tri_error *err) {
    WGPUBufferHostMappedPointer host = {.chain = {.sType = WGPUSType_BufferHostMappedPointer},
                                        .pointer = bytes,
                                        .disposeCallback = disposed,
                                        .userdata = user};
    const WGPUBufferDescriptor descriptor = {.nextInChain = &host.chain, .usage = gpu->import_usage, .size = size};
    trii_gpu_scope_begin(gpu);
    WGPUBuffer buffer = gpu->dawn.DeviceCreateBuffer(gpu->device, &descriptor);
    tri_status status = trii_gpu_scope_end(gpu, TRI_UNSUPPORTED, "importing memory", err);
    if (status == TRI_OK && !buffer)
        status = trii_fail(err, TRI_NO_MEMORY, "Dawn imports no buffer of %llu bytes", (unsigned long long)size);
    if (status != TRI_OK) {
        if (buffer)
            gpu->dawn.BufferRelease(buffer);
        return status;
    }
    *out = buffer;
    return TRI_OK;
}

tri_status trii_gpu_buffer(struct trii_gpu *gpu, const char *what, uint64_t size, WGPUBufferUsage usage,
                           WGPUBuffer *out, struct tri_error *err) {
    const WGPUBufferDescriptor descriptor = {.usage = usage, .size = size};
    char doing[96];
    snprintf(doing, sizeof doing, "making %s of %llu bytes", what, (unsigned long long)size);
    trii_gpu_scope_begin(gpu);
    WGPUBuffer buffer = gpu->dawn.DeviceCreateBuffer(gpu->device, &descriptor);
    tri_status status = trii_gpu_scope_end(gpu, TRI_ENGINE_FAILED, doing, err);
    if (status == TRI_OK && !buffer)
        status = trii_fail(err, TRI_NO_MEMORY, "%s: Dawn gives no buffer", doing);
    if (status != TRI_OK) {
        if (buffer)
            gpu->dawn.BufferRelease(buffer);
        return status;
    }
    *out = buffer;
    return TRI_OK;
}

/* ---- making ---- */

static void on_disposed(void *user) {
    struct trii_gpu_view *view = user;
    trii_store_release(&view->disposed, 1); /* pairs with trii_gpu_sweep */
}

static tri_status fill(struct trii_gpu *gpu, struct trii_gpu_view *view, struct tri_error *err) {
    const struct trii_region *region = &view->region;
    if (gpu->imports) {
        tri_status status = trii_gpu_import(gpu, region->bytes, region->mapped_bytes, on_disposed, view, &view->buffer,
                                            err);
        view->imported = status == TRI_OK;
        if (status == TRI_OK || status == TRI_DEVICE_LOST)
            return status;
    }
    return trii_gpu_buffer(gpu, "a staging buffer", region->mapped_bytes,
                           WGPUBufferUsage_Storage | WGPUBufferUsage_CopySrc | WGPUBufferUsage_CopyDst, &view->buffer,
                           err);
}

tri_status trii_gpu_view(struct trii_gpu *gpu, const struct trii_region *region, struct trii_gpu_view **out,
                         struct tri_error *err) {
    struct trii_gpu_view *view = gpu->views[region->index];
    if (view && view->region.generation == region->generation) {
        *out = view;
        return TRI_OK;
    }
    tri_status status = trii_gpu_alive(gpu, err);
    if (status != TRI_OK)
        return status;
    view = trii_calloc(1, sizeof *view);
    if (!view)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for the GPU view of '%s'", region->label);
    status = trii_arena_pin(gpu->head.arena, region->handle, &view->region, err);
    if (status != TRI_OK) {
        trii_free(view);
        return status;
    }
    status = fill(gpu, view, err);
    if (status != TRI_OK) {
        trii_arena_unpin(gpu->head.arena, region->index);
        trii_free(view);
        return status;
    }
    gpu->views[region->index] = view;
    trii_arena_count_views(gpu->head.arena, 1);
    *out = view;
    return TRI_OK;
}

/* ---- letting go ---- */

static void give_back(struct trii_gpu *gpu, struct trii_gpu_view *view) {
    gpu->dawn.BufferDestroy(view->buffer);
    gpu->dawn.BufferRelease(view->buffer);
    view->buffer = NULL;
    if (!view->imported)
        trii_store_relaxed(&view->disposed, 1);
    view->next = gpu->dying;
    gpu->dying = view;
}

static void unpin(struct trii_gpu *gpu, struct trii_gpu_view *view) {
    trii_arena_count_views(gpu->head.arena, -1);
    trii_arena_unpin(gpu->head.arena, view->region.index);
}

/* Unpins what Dawn has let go of; true when nothing is left. */
static bool collect(struct trii_gpu *gpu) {
    for (struct trii_gpu_view **at = &gpu->dying; *at;) {
        struct trii_gpu_view *view = *at;
        const bool disposed = trii_load_acquire(&view->disposed);
        if (!disposed && !trii_load_acquire(&gpu->lost)) {
            at = &view->next;
            continue;
        }
        *at = view->next;
        unpin(gpu, view);
        if (disposed) {
            trii_free(view);
        } else {
            view->next = gpu->buried;
            gpu->buried = view;
        }
    }
    return gpu->dying == NULL;
}

void trii_gpu_sweep(struct trii_gpu *gpu, uint64_t timeout_ns) {
    if (!gpu->dying)
        return;
    trii_gpu_settle_loss(gpu);
    if (trii_load_acquire(&gpu->lost) && collect(gpu))
        return;
    const uint64_t deadline = trii_sys_deadline(timeout_ns);
    gpu->dawn.QueueSubmit(gpu->queue, 0, NULL);
    trii_gpu_pump(gpu);
    while (!collect(gpu) && trii_sys_now_ns() < deadline)
        trii_gpu_breathe(gpu);
}

/* How long freeing a region waits for work in flight to end. Later calls sweep again. */
#define FORGET_PATIENCE_NS 1000000000u

void trii_gpu_forget(struct trii_gpu *gpu, uint32_t index, uint32_t generation) {
    struct trii_gpu_view *view = gpu->views[index];
    if (!view || view->region.generation != generation)
        return;
    view->freed = true;
    if (view->users > 0)
        return;
    gpu->views[index] = NULL;
    give_back(gpu, view);
    trii_gpu_sweep(gpu, FORGET_PATIENCE_NS);
}

void trii_gpu_view_use(struct trii_gpu_view *view) {
    view->users++;
}

void trii_gpu_view_unuse(struct trii_gpu *gpu, struct trii_gpu_view *view) {
    if (--view->users == 0 && view->freed)
        trii_gpu_forget(gpu, view->region.index, view->region.generation);
}

void trii_gpu_drop_views(struct trii_gpu *gpu) {
    for (uint32_t i = 0; gpu->views && i < TRI_REGION_MAX; i++)
        if (gpu->views[i]) {
            give_back(gpu, gpu->views[i]);
            gpu->views[i] = NULL;
        }
}

void trii_gpu_unpin_views(struct trii_gpu *gpu) {
    while (gpu->dying) {
        struct trii_gpu_view *view = gpu->dying;
        gpu->dying = view->next;
        unpin(gpu, view);
        trii_free(view);
    }
    while (gpu->buried) {
        struct trii_gpu_view *view = gpu->buried;
        gpu->buried = view->next;
        trii_free(view);
    }
}
