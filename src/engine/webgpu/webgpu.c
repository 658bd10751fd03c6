/* The webgpu engine: Dawn on Vulkan, over the arena's own pages. See README.md and webgpu.h. */
#include "engine/webgpu/webgpu.h"

#include "base/alloc.h"
#include "base/status.h"

#include <stdio.h>

/* Trying an import may cost the device on a driver that refuses it late: then once more, without importing. */
static tri_status open_device(struct trii_gpu *gpu, const struct tri_engine_params *params, struct tri_error *err) {
    struct tri_error lost = {0};
    tri_status status = trii_gpu_open_device(gpu, params, err);
    if (status == TRI_OK)
        status = trii_gpu_probe(gpu, &lost);
    if (status != TRI_DEVICE_LOST || gpu->foreign) {
        if (lost.status != TRI_OK)
            trii_error_copy(err, &lost);
        return status;
    }
    trii_gpu_close_device(gpu);
    trii_gpu_probe_finish(gpu);
    status = trii_gpu_open_device(gpu, params, err);
    if (status == TRI_OK)
        trii_gpu_stage_copies(gpu, "the driver lost the device when it was given the arena's pages");
    return status;
}

static tri_status gpu_open(struct tri_engine *engine, const struct tri_engine_params *params, struct tri_error *err) {
    struct trii_gpu *gpu = trii_gpu_of(engine);
    pthread_mutex_init(&gpu->callback_lock, NULL);
    gpu->views = trii_calloc(TRI_REGION_MAX, sizeof *gpu->views); /* touched only where regions are */
    if (!gpu->views)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for the table of GPU views");
    tri_status status = trii_gpu_load(gpu, params->library_path, err);
    if (status != TRI_OK)
        return status;
    if (params->device && !params->library_path)
        return trii_fail(err, TRI_INVALID_ARGUMENT,
                         "a device of yours comes with the library that made it: give library_path too");
    status = open_device(gpu, params, err);
    if (status == TRI_OK && gpu->foreign && !gpu->imports)
        return trii_fail(err, TRI_ENGINE_UNAVAILABLE, "the given device does not share the arena's pages: %s",
                         gpu->sharing);
    return status;
}

#define CLOSE_PATIENCE_NS 2000000000u

static void gpu_close(struct tri_engine *engine) {
    struct trii_gpu *gpu = trii_gpu_of(engine);
    if (gpu->queue) {
        trii_gpu_drop_kernels(gpu);
        trii_gpu_drop_views(gpu);
        trii_gpu_sweep(gpu, CLOSE_PATIENCE_NS);
    }
    trii_gpu_close_device(gpu);
    trii_gpu_unpin_views(gpu); /* what Dawn gave back with the device */
    trii_gpu_probe_finish(gpu);
    trii_free(gpu->views);
    trii_free(gpu->library_path);
    pthread_mutex_destroy(&gpu->callback_lock);
}

static void gpu_info(const struct tri_engine *engine, struct tri_engine_info *out) {
    const struct trii_gpu *gpu = (const struct trii_gpu *)engine;
    *out = (struct tri_engine_info){
        .technology = TRI_TECHNOLOGY_WEBGPU,
        .name = "webgpu",
        .library = "Dawn",
        .version = gpu->version,
        .library_path = gpu->library_path,
        .device = gpu->device_name,
        .driver = gpu->driver_name,
        .shares_memory = gpu->imports,
        .sharing = gpu->sharing,
        .precision = "f32 as WGSL defines it: a driver may fuse a multiplication with an addition",
        .permissions = "Dawn's checks: a shader reaches the buffers that it is bound to, and no endless one is stopped",
    };
}

static bool gpu_has(const struct tri_engine *engine, const struct trii_op *op) {
    (void)engine;
    return trii_gpu_recipe_of(op) != NULL;
}

static tri_status gpu_view(struct tri_engine *engine, const struct trii_region *region, const struct tri_layout *layout,
                           void **native, struct tri_error *err) {
    struct trii_gpu *gpu = trii_gpu_of(engine);
    struct trii_gpu_view *view;
    (void)layout;
    tri_status status = trii_gpu_alive(gpu, err);
    if (status == TRI_OK)
        status = trii_gpu_view(gpu, region, &view, err);
    if (status != TRI_OK)
        return status;
    if (!view->imported)
        return trii_fail(err, TRI_UNSUPPORTED, "there is no GPU view of this region's own pages: the engine %s",
                         gpu->sharing);
    *native = view->buffer;
    return TRI_OK;
}

static void gpu_forget(struct tri_engine *engine, uint32_t index, uint32_t generation) {
    trii_gpu_forget(trii_gpu_of(engine), index, generation);
}

const struct trii_engine_vtable trii_webgpu_engine = {
    .version = TRII_ENGINE_CONTRACT_VERSION,
    .technology = TRI_TECHNOLOGY_WEBGPU,
    .name = "webgpu",
    .engine_bytes = sizeof(struct trii_gpu),
    .open = gpu_open,
    .close = gpu_close,
    .info = gpu_info,
    .has = gpu_has,
    .view = gpu_view,
    .forget = gpu_forget,
    .prepare = trii_gpu_prepare,
    .submit = trii_gpu_submit,
    .wait = trii_gpu_wait,
    .release = trii_gpu_release,
    .peek = trii_gpu_peek,
    .poke = trii_gpu_poke,
};
