/*
 * Instance, adapter and device; what the library says about itself; errors and loss.
 *
 * A lost device stays lost: Dawn reports success for work submitted after a loss, so the flag here decides.
 */
#include "engine/webgpu/webgpu.h"

#include "base/alloc.h"
#include "base/atomic.h"
#include "base/status.h"
#include "base/sys.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* ---- callbacks ---- */

static void note_loss(struct trii_gpu *gpu, const char *words) {
    pthread_mutex_lock(&gpu->callback_lock);
    if (!trii_load_relaxed(&gpu->lost)) {
        snprintf(gpu->lost_text, sizeof gpu->lost_text, "%s", words);
        trii_store_release(&gpu->lost, 1); /* pairs with trii_gpu_alive */
    }
    pthread_mutex_unlock(&gpu->callback_lock);
}

static void on_lost(const WGPUDevice *device, WGPUDeviceLostReason reason, WGPUStringView message, void *userdata1,
                    void *userdata2) {
    char words[TRII_GPU_TEXT_BYTES];
    (void)device;
    (void)userdata2;
    if (reason != WGPUDeviceLostReason_Unknown)
        return; /* destroyed by us, or never made: check_numbers */
    trii_gpu_words(message, words, sizeof words);
    note_loss(userdata1, words);
}

static void on_error(const WGPUDevice *device, WGPUErrorType type, WGPUStringView message, void *userdata1,
                     void *userdata2) {
    struct trii_gpu *gpu = userdata1;
    (void)device;
    (void)type;
    (void)userdata2;
    pthread_mutex_lock(&gpu->callback_lock);
    if (!gpu->failed)
        trii_gpu_words(message, gpu->failed_text, sizeof gpu->failed_text);
    gpu->failed = true;
    pthread_mutex_unlock(&gpu->callback_lock);
}

bool trii_gpu_take_failure(struct trii_gpu *gpu, char *text, size_t text_bytes) {
    pthread_mutex_lock(&gpu->callback_lock);
    bool failed = gpu->failed;
    if (failed)
        snprintf(text, text_bytes, "%s", gpu->failed_text);
    gpu->failed = false;
    pthread_mutex_unlock(&gpu->callback_lock);
    return failed;
}

tri_status trii_gpu_alive(struct trii_gpu *gpu, struct tri_error *err) {
    if (gpu->foreign && !trii_load_acquire(&gpu->lost)) {
        WGPUFutureWaitInfo info = {.future = gpu->foreign_lost};
        if (gpu->dawn.InstanceWaitAny(gpu->instance, 1, &info, 0) == WGPUWaitStatus_Success && info.completed)
            note_loss(gpu, "the application's device was destroyed or lost");
    }
    if (!trii_load_acquire(&gpu->lost))
        return TRI_OK;
    return trii_fail(err, TRI_DEVICE_LOST, "the GPU device was lost (%s); close the engine and open it again",
                     gpu->lost_text);
}

/* Dawn leaves tasks on the queue of a lost device when it looks at its events before the device is destroyed, and then
 * aborts the process when the queue goes. */
void trii_gpu_settle_loss(struct trii_gpu *gpu) {
    if (trii_load_acquire(&gpu->lost) && !gpu->foreign && gpu->device && !trii_swap_acq_rel(&gpu->settled, 1))
        gpu->dawn.DeviceDestroy(gpu->device);
}

void trii_webgpu_lose(struct tri_engine *engine) {
    struct trii_gpu *gpu = trii_gpu_of(engine);
    gpu->dawn.DeviceForceLoss(gpu->device, WGPUDeviceLostReason_Unknown, trii_gpu_text("asked for by a test"));
    trii_gpu_pump(gpu);
}

/* ---- bring-up ---- */

struct got {
    void *object;
    char words[TRII_GPU_TEXT_BYTES];
};

static void on_adapter(WGPURequestAdapterStatus status, WGPUAdapter adapter, WGPUStringView message, void *userdata1,
                       void *userdata2) {
    struct got *got = userdata1;
    (void)userdata2;
    got->object = status == WGPURequestAdapterStatus_Success ? adapter : NULL;
    trii_gpu_words(message, got->words, sizeof got->words);
}

static void on_device(WGPURequestDeviceStatus status, WGPUDevice device, WGPUStringView message, void *userdata1,
                      void *userdata2) {
    struct got *got = userdata1;
    (void)userdata2;
    got->object = status == WGPURequestDeviceStatus_Success ? device : NULL;
    trii_gpu_words(message, got->words, sizeof got->words);
}

static tri_status make_instance(struct trii_gpu *gpu, struct tri_error *err) {
    static const char *const toggles[] = {"allow_unsafe_apis"}; /* HostMappedPointer is behind it */
    static const WGPUInstanceFeatureName features[] = {WGPUInstanceFeatureName_TimedWaitAny};
    WGPUDawnTogglesDescriptor toggle = {
        .chain = {.sType = WGPUSType_DawnTogglesDescriptor}, .enabledToggleCount = 1, .enabledToggles = toggles};
    const WGPUInstanceDescriptor descriptor = {
        .nextInChain = &toggle.chain, .requiredFeatureCount = 1, .requiredFeatures = features};
    if (!gpu->dawn.HasInstanceFeature(WGPUInstanceFeatureName_TimedWaitAny))
        return trii_fail(err, TRI_ENGINE_UNAVAILABLE, "%s cannot wait with a timeout: it is not a Dawn that Tripoint "
                                                      "can use; scripts/setup installs one", gpu->library_path);
    gpu->instance = gpu->dawn.CreateInstance(&descriptor);
    return gpu->instance ? TRI_OK : trii_fail(err, TRI_ENGINE_UNAVAILABLE, "Dawn makes no WebGPU instance");
}

/* Dawn's forceFallbackAdapter means SwiftShader alone, so the kind is looked at afterwards. */
static bool request_adapter(struct trii_gpu *gpu, bool may_hush) {
    struct got got = {0};
    struct trii_gpu_quiet quiet;
    const WGPURequestAdapterOptions options = {.featureLevel = WGPUFeatureLevel_Core,
                                               .powerPreference = WGPUPowerPreference_HighPerformance,
                                               .backendType = WGPUBackendType_Vulkan};
    trii_gpu_quiet_begin(&quiet, may_hush);
    WGPUFuture future = gpu->dawn.InstanceRequestAdapter(
        gpu->instance, &options,
        (WGPURequestAdapterCallbackInfo){
            .mode = WGPUCallbackMode_AllowProcessEvents, .callback = on_adapter, .userdata1 = &got});
    (void)trii_gpu_await(gpu, future, TRI_FOREVER);
    trii_gpu_quiet_end(&quiet, gpu->warning, sizeof gpu->warning);
    gpu->adapter = got.object;
    return gpu->adapter != NULL;
}

static WGPUDevice request_device(struct trii_gpu *gpu, const WGPUFeatureName *features, size_t count,
                                 const WGPULimits *limits, struct got *got) {
    const WGPUDeviceDescriptor descriptor = {
        .requiredFeatureCount = count,
        .requiredFeatures = features,
        .requiredLimits = limits,
        .deviceLostCallbackInfo = {.mode = WGPUCallbackMode_AllowSpontaneous, .callback = on_lost, .userdata1 = gpu},
        .uncapturedErrorCallbackInfo = {.callback = on_error, .userdata1 = gpu}};
    WGPUFuture future = gpu->dawn.AdapterRequestDevice(
        gpu->adapter, &descriptor,
        (WGPURequestDeviceCallbackInfo){
            .mode = WGPUCallbackMode_AllowProcessEvents, .callback = on_device, .userdata1 = got});
    (void)trii_gpu_await(gpu, future, TRI_FOREVER);
    return got->object;
}

/* A library of another generation numbers its features differently, and would silently switch on another one. Dawn
 * prints the name of a feature that it refuses: three that Linux never has stand for all. */
static tri_status check_numbers(struct trii_gpu *gpu, struct tri_error *err) {
    static const struct {
        WGPUFeatureName value;
        const char *name;
    } checks[] = {
        {WGPUFeatureName_D3D11MultithreadProtected, "FeatureName::D3D11MultithreadProtected"},
        {WGPUFeatureName_AdapterPropertiesD3D, "FeatureName::AdapterPropertiesD3D"},
        {WGPUFeatureName_SharedTextureMemoryIOSurface, "FeatureName::SharedTextureMemoryIOSurface"},
    };
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        struct got got = {0};
        WGPUDevice device = request_device(gpu, &checks[i].value, 1, NULL, &got);
        if (device)
            gpu->dawn.DeviceRelease(device);
        if (device || !strstr(got.words, checks[i].name))
            return trii_fail(err, TRI_ENGINE_UNAVAILABLE,
                             "%s numbers its features differently from the Dawn that Tripoint speaks (0x%x is not %s); "
                             "scripts/setup installs one that fits",
                             gpu->library_path, (unsigned)checks[i].value, checks[i].name);
    }
    return TRI_OK;
}

/* Limits out of their possible range mean that the struct is laid out differently. */
static tri_status check_limits(struct trii_gpu *gpu, const WGPULimits *limits, struct tri_error *err) {
    const uint32_t alignment = limits->minStorageBufferOffsetAlignment;
    if (limits->maxStorageBufferBindingSize < TRII_GPU_WINDOW_BYTES || alignment == 0 || alignment > 256 ||
        (alignment & (alignment - 1)) || limits->maxComputeInvocationsPerWorkgroup < 256 ||
        limits->maxStorageBuffersPerShaderStage < 8 || limits->maxComputeWorkgroupsPerDimension < 65535 ||
        limits->maxBufferSize < TRII_GPU_WINDOW_BYTES)
        return trii_fail(err, TRI_ENGINE_UNAVAILABLE,
                         "the device '%s' reports limits below WebGPU's least (bindings of %llu bytes), so %s is not a "
                         "Dawn that Tripoint can use with it",
                         gpu->device_name, (unsigned long long)limits->maxStorageBufferBindingSize, gpu->library_path);
    gpu->binding_bytes = limits->maxStorageBufferBindingSize;
    gpu->groups_max = limits->maxComputeWorkgroupsPerDimension;
    return TRI_OK;
}

static WGPUAdapterType learn_names(struct trii_gpu *gpu, bool from_setup) {
    WGPUAdapterInfo info = {0};
    char words[TRII_GPU_TEXT_BYTES - 48];
    if (gpu->dawn.AdapterGetInfo(gpu->adapter, &info) != WGPUStatus_Success)
        return WGPUAdapterType_CPU;
    trii_gpu_words(info.device, gpu->device_name, sizeof gpu->device_name);
    trii_gpu_words(info.description, words, sizeof words);
    snprintf(gpu->driver_name, sizeof gpu->driver_name, "%s%s",
             from_setup ? "lavapipe, the CPU driver of the set-up; " : "", words);
    WGPUAdapterType type = info.adapterType;
    gpu->dawn.AdapterInfoFreeMembers(info);
    return type;
}

static tri_status make_device(struct trii_gpu *gpu, struct tri_error *err) {
    static const WGPUFeatureName wanted[] = {WGPUFeatureName_HostMappedPointer, WGPUFeatureName_BufferMapExtendedUsages,
                                             WGPUFeatureName_ImplicitDeviceSynchronization};
    WGPUFeatureName features[3];
    size_t count = 0;
    struct got got = {0};
    WGPULimits limits = {0};
    if (gpu->dawn.AdapterGetLimits(gpu->adapter, &limits) != WGPUStatus_Success)
        return trii_fail(err, TRI_ENGINE_UNAVAILABLE, "the device '%s' does not tell its limits", gpu->device_name);
    tri_status status = check_limits(gpu, &limits, err);
    if (status != TRI_OK)
        return status;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (gpu->dawn.AdapterHasFeature(gpu->adapter, wanted[i]))
            features[count++] = wanted[i];
    limits.nextInChain = NULL;
    gpu->device = request_device(gpu, features, count, &limits, &got);
    if (!gpu->device)
        return trii_fail(err, TRI_ENGINE_UNAVAILABLE, "the device '%s' cannot be opened: %s", gpu->device_name,
                         got.words);
    return TRI_OK;
}

/* An adapter of the kind that is looked for, and its device. TRI_NOT_FOUND: none answers. */
static tri_status attempt(struct trii_gpu *gpu, const struct trii_gpu_driver *driver, struct tri_error *err) {
    tri_status status = make_instance(gpu, err);
    if (status != TRI_OK)
        return status;
    if (!request_adapter(gpu, driver->may_hush))
        return TRI_NOT_FOUND;
    const bool cpu = learn_names(gpu, driver->from_setup) == WGPUAdapterType_CPU;
    if (cpu ? driver->gpu_only : driver->cpu_only)
        return TRI_NOT_FOUND;
    status = check_numbers(gpu, err);
    return status == TRI_OK ? make_device(gpu, err) : status;
}

/* The application's device: what is missing can't be added, so it is refused. */
static tri_status adopt(struct trii_gpu *gpu, WGPUDevice device, struct tri_error *err) {
    WGPULimits limits = {0};
    gpu->foreign = true;
    gpu->dawn.DeviceAddRef(device);
    gpu->device = device;
    gpu->adapter = gpu->dawn.DeviceGetAdapter(device);
    gpu->instance = gpu->adapter ? gpu->dawn.AdapterGetInstance(gpu->adapter) : NULL;
    if (!gpu->instance)
        return trii_fail(err, TRI_ENGINE_UNAVAILABLE, "the given device has no instance: was it made by %s?",
                         gpu->library_path);
    (void)learn_names(gpu, false);
    gpu->foreign_lost = gpu->dawn.DeviceGetLostFuture(device);
    if (!gpu->dawn.DeviceHasFeature(device, WGPUFeatureName_HostMappedPointer))
        return trii_fail(err, TRI_ENGINE_UNAVAILABLE,
                         "the given device was made without the feature HostMappedPointer, so it cannot see the arena's pages: "
                         "request that feature (instance toggle allow_unsafe_apis), or let Tripoint make a device");
    if (gpu->dawn.DeviceGetLimits(device, &limits) != WGPUStatus_Success)
        return trii_fail(err, TRI_ENGINE_UNAVAILABLE, "the given device does not tell its limits");
    return check_limits(gpu, &limits, err);
}

static tri_status make(struct trii_gpu *gpu, const struct tri_engine_params *params, struct tri_error *err) {
    tri_status status = TRI_NOT_FOUND;
    for (unsigned i = 0; status == TRI_NOT_FOUND; i++) {
        struct trii_gpu_driver driver;
        trii_gpu_close_device(gpu);
        status = trii_gpu_driver(params, i, &driver, err);
        if (status == TRI_OK)
            status = attempt(gpu, &driver, err);
        else if (err && gpu->warning[0]) { /* why none of them answered */
            const size_t used = strlen(err->message);
            snprintf(err->message + used, sizeof err->message - used, " (Dawn: %s)", gpu->warning);
            trii_text_clean(err->message);
        }
    }
    return status;
}

tri_status trii_gpu_open_device(struct trii_gpu *gpu, const struct tri_engine_params *params, struct tri_error *err) {
    tri_status status = params->device ? adopt(gpu, params->device, err) : make(gpu, params, err);
    if (status != TRI_OK)
        return status;
    gpu->queue = gpu->dawn.DeviceGetQueue(gpu->device);
    gpu->import_usage = WGPUBufferUsage_Storage | WGPUBufferUsage_CopySrc | WGPUBufferUsage_CopyDst;
    if (gpu->dawn.DeviceHasFeature(gpu->device, WGPUFeatureName_BufferMapExtendedUsages))
        gpu->import_usage |= WGPUBufferUsage_MapRead | WGPUBufferUsage_MapWrite; /* Dawn then adds the host's barrier */
    return TRI_OK;
}

/* Devices that were lost, for ever: releasing one may abort the process, when Dawn itself noticed the loss while it was
 * looking at events. A few megabytes each; they stay reachable, so that a leak checker looks for other things. */
static struct lost_device {
    struct lost_device *next;
    WGPUDevice device;
    WGPUQueue queue;
} *_Atomic lost_devices;

static void keep_lost_device(struct trii_gpu *gpu) {
    struct lost_device *kept = trii_calloc(1, sizeof *kept);
    if (!kept)
        return;
    kept->device = gpu->device;
    kept->queue = gpu->queue;
    kept->next = trii_load_acquire(&lost_devices);
    while (!trii_cas_acq_rel(&lost_devices, &kept->next, kept))
        ;
}

void trii_gpu_close_device(struct trii_gpu *gpu) {
    const bool lost = trii_load_acquire(&gpu->lost) && !gpu->foreign;
    trii_gpu_settle_loss(gpu);
    if (lost && gpu->device)
        keep_lost_device(gpu);
    if (gpu->instance)
        trii_sys_keep_libraries(); /* the instance closes the loader and drivers, in which threads may still run */
    if (gpu->queue && !lost)
        gpu->dawn.QueueRelease(gpu->queue);
    if (gpu->device && !gpu->foreign && !lost)
        gpu->dawn.DeviceDestroy(gpu->device);
    if (gpu->device && !lost)
        gpu->dawn.DeviceRelease(gpu->device);
    if (gpu->adapter)
        gpu->dawn.AdapterRelease(gpu->adapter);
    if (gpu->instance)
        gpu->dawn.InstanceRelease(gpu->instance);
    gpu->queue = NULL;
    gpu->device = NULL;
    gpu->adapter = NULL;
    gpu->instance = NULL;
    trii_store_release(&gpu->lost, 0);
    trii_store_release(&gpu->settled, 0);
}
