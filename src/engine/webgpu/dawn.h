/*
 * What we use of Dawn's C API (webgpu.h), declared by hand and checked against the library at start.
 *
 * Nothing links Dawn: the functions are a table filled by dlsym. Names, values and layouts are those of webgpu.h as
 * Dawn publishes it under BSD-3-Clause; only what is used stands here. Structs of this API start with a chain pointer
 * and are zero-initialised by us; a zero or NULL field means default. That the library at hand agrees is not taken on
 * trust: library.c asks it for a function that only this generation has, device.c lets Dawn print the names behind
 * feature numbers, and probe.c imports a page and computes on it.
 */
#ifndef TRIPOINT_ENGINE_WEBGPU_DAWN_H
#define TRIPOINT_ENGINE_WEBGPU_DAWN_H

#include <stddef.h>
#include <stdint.h>

typedef uint32_t WGPUBool;
typedef uint64_t WGPUFlags;

typedef struct WGPUInstanceImpl *WGPUInstance;
typedef struct WGPUAdapterImpl *WGPUAdapter;
typedef struct WGPUDeviceImpl *WGPUDevice;
typedef struct WGPUQueueImpl *WGPUQueue;
typedef struct WGPUBufferImpl *WGPUBuffer;
typedef struct WGPUShaderModuleImpl *WGPUShaderModule;
typedef struct WGPUComputePipelineImpl *WGPUComputePipeline;
typedef struct WGPUPipelineLayoutImpl *WGPUPipelineLayout;
typedef struct WGPUBindGroupImpl *WGPUBindGroup;
typedef struct WGPUBindGroupLayoutImpl *WGPUBindGroupLayout;
typedef struct WGPUCommandEncoderImpl *WGPUCommandEncoder;
typedef struct WGPUComputePassEncoderImpl *WGPUComputePassEncoder;
typedef struct WGPUCommandBufferImpl *WGPUCommandBuffer;

/* ---- numbers ---- */

#define WGPU_WHOLE_SIZE UINT64_MAX

typedef enum {
    WGPUSType_ShaderSourceWGSL = 0x2,
    WGPUSType_DawnTogglesDescriptor = 0x5000A,
    WGPUSType_BufferHostMappedPointer = 0x50012
} WGPUSType;

typedef enum { WGPUInstanceFeatureName_TimedWaitAny = 1 } WGPUInstanceFeatureName;

/* The last three are never offered on Linux: asking for them makes Dawn print their names (device.c). */
typedef enum {
    WGPUFeatureName_ImplicitDeviceSynchronization = 0x50004,
    WGPUFeatureName_HostMappedPointer = 0x5000F,
    WGPUFeatureName_BufferMapExtendedUsages = 0x50013,
    WGPUFeatureName_D3D11MultithreadProtected = 0x50008,
    WGPUFeatureName_AdapterPropertiesD3D = 0x50015,
    WGPUFeatureName_SharedTextureMemoryIOSurface = 0x50024
} WGPUFeatureName;

typedef enum { WGPUStatus_Success = 1 } WGPUStatus;
typedef enum { WGPUWaitStatus_Success = 1, WGPUWaitStatus_TimedOut = 2, WGPUWaitStatus_Error = 3 } WGPUWaitStatus;
typedef enum { WGPURequestAdapterStatus_Success = 1 } WGPURequestAdapterStatus;
typedef enum { WGPURequestDeviceStatus_Success = 1 } WGPURequestDeviceStatus;
typedef enum { WGPUQueueWorkDoneStatus_Success = 1 } WGPUQueueWorkDoneStatus;
typedef enum { WGPUMapAsyncStatus_Success = 1 } WGPUMapAsyncStatus;
typedef enum { WGPUPopErrorScopeStatus_Success = 1 } WGPUPopErrorScopeStatus;
typedef enum { WGPUCallbackMode_AllowProcessEvents = 2, WGPUCallbackMode_AllowSpontaneous = 3 } WGPUCallbackMode;
typedef enum { WGPUFeatureLevel_Core = 2 } WGPUFeatureLevel;
typedef enum { WGPUPowerPreference_HighPerformance = 2 } WGPUPowerPreference;
typedef enum { WGPUBackendType_Vulkan = 6 } WGPUBackendType;
typedef enum {
    WGPUAdapterType_DiscreteGPU = 1,
    WGPUAdapterType_IntegratedGPU = 2,
    WGPUAdapterType_CPU = 3
} WGPUAdapterType;
typedef enum { WGPUDeviceLostReason_Unknown = 1 } WGPUDeviceLostReason;
typedef enum {
    WGPUErrorFilter_Validation = 1,
    WGPUErrorFilter_OutOfMemory = 2,
    WGPUErrorFilter_Internal = 3
} WGPUErrorFilter;
typedef enum { WGPUErrorType_NoError = 1, WGPUErrorType_Validation = 2, WGPUErrorType_OutOfMemory = 3 } WGPUErrorType;

typedef WGPUFlags WGPUBufferUsage;
#define WGPUBufferUsage_MapRead ((WGPUBufferUsage)0x1)
#define WGPUBufferUsage_MapWrite ((WGPUBufferUsage)0x2)
#define WGPUBufferUsage_CopySrc ((WGPUBufferUsage)0x4)
#define WGPUBufferUsage_CopyDst ((WGPUBufferUsage)0x8)
#define WGPUBufferUsage_Uniform ((WGPUBufferUsage)0x40)
#define WGPUBufferUsage_Storage ((WGPUBufferUsage)0x80)
typedef WGPUFlags WGPUShaderStage;
#define WGPUShaderStage_Compute ((WGPUShaderStage)0x4)
typedef enum {
    WGPUBufferBindingType_Uniform = 2,
    WGPUBufferBindingType_Storage = 3,
    WGPUBufferBindingType_ReadOnlyStorage = 4
} WGPUBufferBindingType;
typedef WGPUFlags WGPUMapMode;
#define WGPUMapMode_Read ((WGPUMapMode)0x1)

/* ---- structs ---- */

/* Not NUL-terminated. */
typedef struct {
    const char *data;
    size_t length;
} WGPUStringView;

typedef struct WGPUChainedStruct {
    struct WGPUChainedStruct *next;
    WGPUSType sType;
} WGPUChainedStruct;

typedef struct {
    uint64_t id;
} WGPUFuture;

typedef struct {
    WGPUFuture future;
    WGPUBool completed;
} WGPUFutureWaitInfo;

typedef struct {
    WGPUChainedStruct *nextInChain;
    size_t requiredFeatureCount;
    const WGPUInstanceFeatureName *requiredFeatures;
    const void *requiredLimits;
} WGPUInstanceDescriptor;

typedef struct {
    WGPUChainedStruct chain;
    size_t enabledToggleCount;
    const char *const *enabledToggles;
    size_t disabledToggleCount;
    const char *const *disabledToggles;
} WGPUDawnTogglesDescriptor;

typedef struct {
    WGPUChainedStruct *nextInChain;
    WGPUFeatureLevel featureLevel;
    WGPUPowerPreference powerPreference;
    WGPUBool forceFallbackAdapter;
    WGPUBackendType backendType;
    void *compatibleSurface;
} WGPURequestAdapterOptions;

typedef struct {
    WGPUChainedStruct *nextInChain;
    WGPUStringView vendor, architecture, device, description;
    WGPUBackendType backendType;
    WGPUAdapterType adapterType;
    uint32_t vendorID, deviceID, subgroupMinSize, subgroupMaxSize;
} WGPUAdapterInfo;

typedef struct {
    WGPUChainedStruct *nextInChain;
    uint32_t maxTextureDimension1D, maxTextureDimension2D, maxTextureDimension3D, maxTextureArrayLayers;
    uint32_t maxBindGroups, maxBindGroupsPlusVertexBuffers, maxBindingsPerBindGroup;
    uint32_t maxDynamicUniformBuffersPerPipelineLayout, maxDynamicStorageBuffersPerPipelineLayout;
    uint32_t maxSampledTexturesPerShaderStage, maxSamplersPerShaderStage, maxStorageBuffersPerShaderStage;
    uint32_t maxStorageTexturesPerShaderStage, maxUniformBuffersPerShaderStage;
    uint64_t maxUniformBufferBindingSize, maxStorageBufferBindingSize;
    uint32_t minUniformBufferOffsetAlignment, minStorageBufferOffsetAlignment, maxVertexBuffers;
    uint64_t maxBufferSize;
    uint32_t maxVertexAttributes, maxVertexBufferArrayStride, maxInterStageShaderVariables;
    uint32_t maxColorAttachments, maxColorAttachmentBytesPerSample, maxComputeWorkgroupStorageSize;
    uint32_t maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupSizeX, maxComputeWorkgroupSizeY;
    uint32_t maxComputeWorkgroupSizeZ, maxComputeWorkgroupsPerDimension, maxImmediateSize;
} WGPULimits;

typedef struct {
    WGPUChainedStruct *nextInChain;
    WGPUStringView label;
} WGPULabelled; /* the shape of WGPUQueueDescriptor, WGPUShaderModuleDescriptor and other descriptors without more */

typedef void (*WGPUDeviceLostCallback)(const WGPUDevice *device, WGPUDeviceLostReason reason, WGPUStringView message,
                                       void *userdata1, void *userdata2);
typedef void (*WGPUUncapturedErrorCallback)(const WGPUDevice *device, WGPUErrorType type, WGPUStringView message,
                                            void *userdata1, void *userdata2);

typedef struct {
    WGPUChainedStruct *nextInChain;
    WGPUCallbackMode mode;
    WGPUDeviceLostCallback callback;
    void *userdata1, *userdata2;
} WGPUDeviceLostCallbackInfo;

typedef struct {
    WGPUChainedStruct *nextInChain;
    WGPUUncapturedErrorCallback callback;
    void *userdata1, *userdata2;
} WGPUUncapturedErrorCallbackInfo;

typedef struct {
    WGPUChainedStruct *nextInChain;
    WGPUStringView label;
    size_t requiredFeatureCount;
    const WGPUFeatureName *requiredFeatures;
    const WGPULimits *requiredLimits;
    WGPULabelled defaultQueue;
    WGPUDeviceLostCallbackInfo deviceLostCallbackInfo;
    WGPUUncapturedErrorCallbackInfo uncapturedErrorCallbackInfo;
} WGPUDeviceDescriptor;

typedef struct {
    WGPUChainedStruct *nextInChain;
    WGPUStringView label;
    WGPUBufferUsage usage;
    uint64_t size;
    WGPUBool mappedAtCreation;
} WGPUBufferDescriptor;

/* pointer and size: multiples of 4096. disposeCallback: the driver has let go of the pages. */
typedef struct {
    WGPUChainedStruct chain;
    void *pointer;
    void (*disposeCallback)(void *userdata);
    void *userdata;
} WGPUBufferHostMappedPointer;

typedef struct {
    WGPUChainedStruct chain;
    WGPUStringView code;
} WGPUShaderSourceWGSL;

/* An override constant, by its name or the number of its @id. */
typedef struct {
    WGPUChainedStruct *nextInChain;
    WGPUStringView key;
    double value;
} WGPUConstantEntry;

typedef struct {
    WGPUChainedStruct *nextInChain;
    WGPUShaderModule module;
    WGPUStringView entryPoint;
    size_t constantCount;
    const WGPUConstantEntry *constants;
} WGPUComputeState;

typedef struct {
    WGPUChainedStruct *nextInChain;
    uint32_t binding;
    WGPUShaderStage visibility;
    uint32_t bindingArraySize;
    struct {
        WGPUChainedStruct *nextInChain;
        WGPUBufferBindingType type;
        WGPUBool hasDynamicOffset;
        uint64_t minBindingSize;
    } buffer;
    /* Of no use here, and zero: samplers and textures. */
    struct {
        WGPUChainedStruct *nextInChain;
        uint32_t type;
    } sampler;
    struct {
        WGPUChainedStruct *nextInChain;
        uint32_t sampleType, viewDimension;
        WGPUBool multisampled;
    } texture;
    struct {
        WGPUChainedStruct *nextInChain;
        uint32_t access, format, viewDimension;
    } storageTexture;
} WGPUBindGroupLayoutEntry;

typedef struct {
    WGPUChainedStruct *nextInChain;
    WGPUStringView label;
    size_t entryCount;
    const WGPUBindGroupLayoutEntry *entries;
} WGPUBindGroupLayoutDescriptor;

typedef struct {
    WGPUChainedStruct *nextInChain;
    WGPUStringView label;
    size_t bindGroupLayoutCount;
    const WGPUBindGroupLayout *bindGroupLayouts;
    uint32_t immediateSize;
} WGPUPipelineLayoutDescriptor;

typedef struct {
    WGPUChainedStruct *nextInChain;
    WGPUStringView label;
    WGPUPipelineLayout layout; /* NULL: made from the shader */
    WGPUComputeState compute;
} WGPUComputePipelineDescriptor;

typedef struct {
    WGPUChainedStruct *nextInChain;
    uint32_t binding;
    WGPUBuffer buffer;
    uint64_t offset, size;
    void *sampler, *textureView;
} WGPUBindGroupEntry;

typedef struct {
    WGPUChainedStruct *nextInChain;
    WGPUStringView label;
    WGPUBindGroupLayout layout;
    size_t entryCount;
    const WGPUBindGroupEntry *entries;
} WGPUBindGroupDescriptor;

/* ---- callbacks of one result; userdata2 is not used ---- */

typedef struct {
    WGPUChainedStruct *nextInChain;
    WGPUCallbackMode mode;
    void (*callback)(WGPURequestAdapterStatus status, WGPUAdapter adapter, WGPUStringView message, void *userdata1,
                     void *userdata2);
    void *userdata1, *userdata2;
} WGPURequestAdapterCallbackInfo;

typedef struct {
    WGPUChainedStruct *nextInChain;
    WGPUCallbackMode mode;
    void (*callback)(WGPURequestDeviceStatus status, WGPUDevice device, WGPUStringView message, void *userdata1,
                     void *userdata2);
    void *userdata1, *userdata2;
} WGPURequestDeviceCallbackInfo;

typedef struct {
    WGPUChainedStruct *nextInChain;
    WGPUCallbackMode mode;
    void (*callback)(WGPUPopErrorScopeStatus status, WGPUErrorType type, WGPUStringView message, void *userdata1,
                     void *userdata2);
    void *userdata1, *userdata2;
} WGPUPopErrorScopeCallbackInfo;

typedef struct {
    WGPUChainedStruct *nextInChain;
    WGPUCallbackMode mode;
    void (*callback)(WGPUQueueWorkDoneStatus status, WGPUStringView message, void *userdata1, void *userdata2);
    void *userdata1, *userdata2;
} WGPUQueueWorkDoneCallbackInfo;

typedef struct {
    WGPUChainedStruct *nextInChain;
    WGPUCallbackMode mode;
    void (*callback)(WGPUMapAsyncStatus status, WGPUStringView message, void *userdata1, void *userdata2);
    void *userdata1, *userdata2;
} WGPUBufferMapCallbackInfo;

/* ---- functions: X(result, name without "wgpu", parameters) ---- */

#define TRII_DAWN_FUNCTIONS(X)                                                                                       \
    X(WGPUBool, HasInstanceFeature, (WGPUInstanceFeatureName))                                                       \
    X(WGPUInstance, CreateInstance, (const WGPUInstanceDescriptor *))                                                \
    X(WGPUFuture, InstanceRequestAdapter,                                                                            \
      (WGPUInstance, const WGPURequestAdapterOptions *, WGPURequestAdapterCallbackInfo))                             \
    X(WGPUWaitStatus, InstanceWaitAny, (WGPUInstance, size_t, WGPUFutureWaitInfo *, uint64_t))                       \
    X(void, InstanceProcessEvents, (WGPUInstance))                                                                   \
    X(void, InstanceRelease, (WGPUInstance))                                                                         \
    X(WGPUStatus, AdapterGetLimits, (WGPUAdapter, WGPULimits *))                                                     \
    X(WGPUStatus, AdapterGetInfo, (WGPUAdapter, WGPUAdapterInfo *))                                                  \
    X(void, AdapterInfoFreeMembers, (WGPUAdapterInfo))                                                               \
    X(WGPUBool, AdapterHasFeature, (WGPUAdapter, WGPUFeatureName))                                                   \
    X(WGPUFuture, AdapterRequestDevice, (WGPUAdapter, const WGPUDeviceDescriptor *, WGPURequestDeviceCallbackInfo))  \
    X(WGPUInstance, AdapterGetInstance, (WGPUAdapter))                                                               \
    X(void, AdapterRelease, (WGPUAdapter))                                                                           \
    X(WGPUAdapter, DeviceGetAdapter, (WGPUDevice))                                                                   \
    X(WGPUStatus, DeviceGetLimits, (WGPUDevice, WGPULimits *))                                                       \
    X(WGPUBool, DeviceHasFeature, (WGPUDevice, WGPUFeatureName))                                                     \
    X(WGPUFuture, DeviceGetLostFuture, (WGPUDevice))                                                                 \
    X(WGPUQueue, DeviceGetQueue, (WGPUDevice))                                                                       \
    X(WGPUBuffer, DeviceCreateBuffer, (WGPUDevice, const WGPUBufferDescriptor *))                                    \
    X(WGPUShaderModule, DeviceCreateShaderModule, (WGPUDevice, const WGPULabelled *))                                \
    X(WGPUComputePipeline, DeviceCreateComputePipeline, (WGPUDevice, const WGPUComputePipelineDescriptor *))         \
    X(WGPUBindGroupLayout, DeviceCreateBindGroupLayout, (WGPUDevice, const WGPUBindGroupLayoutDescriptor *))         \
    X(WGPUPipelineLayout, DeviceCreatePipelineLayout, (WGPUDevice, const WGPUPipelineLayoutDescriptor *))            \
    X(WGPUBindGroup, DeviceCreateBindGroup, (WGPUDevice, const WGPUBindGroupDescriptor *))                           \
    X(WGPUCommandEncoder, DeviceCreateCommandEncoder, (WGPUDevice, const WGPULabelled *))                            \
    X(void, DevicePushErrorScope, (WGPUDevice, WGPUErrorFilter))                                                     \
    X(WGPUFuture, DevicePopErrorScope, (WGPUDevice, WGPUPopErrorScopeCallbackInfo))                                  \
    X(void, DeviceForceLoss, (WGPUDevice, WGPUDeviceLostReason, WGPUStringView))                                     \
    X(void, DeviceDestroy, (WGPUDevice))                                                                             \
    X(void, DeviceAddRef, (WGPUDevice))                                                                              \
    X(void, DeviceRelease, (WGPUDevice))                                                                             \
    X(void, QueueSubmit, (WGPUQueue, size_t, const WGPUCommandBuffer *))                                             \
    X(WGPUFuture, QueueOnSubmittedWorkDone, (WGPUQueue, WGPUQueueWorkDoneCallbackInfo))                              \
    X(void, QueueWriteBuffer, (WGPUQueue, WGPUBuffer, uint64_t, const void *, size_t))                               \
    X(void, QueueRelease, (WGPUQueue))                                                                               \
    X(WGPUFuture, BufferMapAsync, (WGPUBuffer, WGPUMapMode, size_t, size_t, WGPUBufferMapCallbackInfo))              \
    X(const void *, BufferGetConstMappedRange, (WGPUBuffer, size_t, size_t))                                         \
    X(void, BufferDestroy, (WGPUBuffer))                                                                             \
    X(void, BufferUnmap, (WGPUBuffer))                                                                               \
    X(void, BufferRelease, (WGPUBuffer))                                                                             \
    X(void, PipelineLayoutRelease, (WGPUPipelineLayout))                                                             \
    X(void, ShaderModuleRelease, (WGPUShaderModule))                                                                 \
    X(WGPUBindGroupLayout, ComputePipelineGetBindGroupLayout, (WGPUComputePipeline, uint32_t))                       \
    X(void, ComputePipelineRelease, (WGPUComputePipeline))                                                           \
    X(void, BindGroupLayoutRelease, (WGPUBindGroupLayout))                                                           \
    X(void, BindGroupRelease, (WGPUBindGroup))                                                                       \
    X(WGPUComputePassEncoder, CommandEncoderBeginComputePass, (WGPUCommandEncoder, const void *))                    \
    X(void, CommandEncoderCopyBufferToBuffer,                                                                        \
      (WGPUCommandEncoder, WGPUBuffer, uint64_t, WGPUBuffer, uint64_t, uint64_t))                                    \
    X(WGPUCommandBuffer, CommandEncoderFinish, (WGPUCommandEncoder, const WGPULabelled *))                           \
    X(void, CommandEncoderRelease, (WGPUCommandEncoder))                                                             \
    X(void, CommandBufferRelease, (WGPUCommandBuffer))                                                               \
    X(void, ComputePassEncoderSetPipeline, (WGPUComputePassEncoder, WGPUComputePipeline))                            \
    X(void, ComputePassEncoderSetBindGroup,                                                                          \
      (WGPUComputePassEncoder, uint32_t, WGPUBindGroup, size_t, const uint32_t *))                                   \
    X(void, ComputePassEncoderDispatchWorkgroups, (WGPUComputePassEncoder, uint32_t, uint32_t, uint32_t))            \
    X(void, ComputePassEncoderEnd, (WGPUComputePassEncoder))                                                         \
    X(void, ComputePassEncoderRelease, (WGPUComputePassEncoder))

/* The library's functions, without the prefix. */
struct trii_dawn {
#define TRII_DAWN_SLOT(result, name, parameters) result(*name) parameters;
    TRII_DAWN_FUNCTIONS(TRII_DAWN_SLOT)
#undef TRII_DAWN_SLOT
};

#endif
