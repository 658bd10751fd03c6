/*
 * Pipelines: made at first use, warmed by one dispatch that does nothing, kept until close.
 *
 * Sizes are uniforms, not constants of the pipeline: one pipeline serves every image, in this process and, through the
 * driver's cache, in the next. The few override constants choose between variants. The warm-up is there because the CPU
 * driver compiles at the first dispatch, not when a pipeline is made.
 */
#include "engine/webgpu/webgpu.h"

#include "base/status.h"

#include <stdio.h>
#include <string.h>

/* From ops/wgsl, made by scripts/embed. */
extern const char trii_wgsl_resize[], trii_wgsl_apply_mask[], trii_wgsl_byte[];

#define SCRATCH_BYTES 256

static const char *const constants[] = {"split", "huge", "narrow4", "narrow8"}; /* by bit of the variant */
#define CONSTANTS (sizeof constants / sizeof *constants)

static const struct source {
    const char *name, *wgsl, *entry;
    const char *bindings;     /* one letter each: u uniform, r read, w written */
    uint32_t constant_count;  /* the first ones of the list */
} sources[TRII_GPU_KERNELS] = {
    [TRII_GPU_BILINEAR] = {"resize", trii_wgsl_resize, "bilinear", "urrrrw", 2},
    [TRII_GPU_AREA] = {"resize", trii_wgsl_resize, "area", "urrrrw", 2},
    [TRII_GPU_MASK_FOURS] = {"apply_mask", trii_wgsl_apply_mask, "fours", "urrrrwr", CONSTANTS},
    [TRII_GPU_MASK_FOURS_IN_PLACE] = {"apply_mask", trii_wgsl_apply_mask, "fours_in_place", "urrrrw", CONSTANTS},
    [TRII_GPU_MASK_SINGLES] = {"apply_mask", trii_wgsl_apply_mask, "singles", "urrrrwr", CONSTANTS},
    [TRII_GPU_MASK_SINGLES_IN_PLACE] = {"apply_mask", trii_wgsl_apply_mask, "singles_in_place", "urrrrw", CONSTANTS},
    [TRII_GPU_PEEK] = {"peek", trii_wgsl_byte, "peek", "urw", 0},
    [TRII_GPU_POKE] = {"poke", trii_wgsl_byte, "poke", "uw", 0},
};

static void release_kernel(struct trii_gpu *gpu, struct trii_gpu_kernel *kernel) {
    if (kernel->layout)
        gpu->dawn.BindGroupLayoutRelease(kernel->layout);
    if (kernel->pipeline)
        gpu->dawn.ComputePipelineRelease(kernel->pipeline);
    *kernel = (struct trii_gpu_kernel){0};
}

static tri_status compile(struct trii_gpu *gpu, const struct source *source, uint32_t variant,
                          struct trii_gpu_kernel *out, struct tri_error *err) {
    WGPUConstantEntry entries[CONSTANTS] = {0};
    WGPUShaderSourceWGSL code = {.chain = {.sType = WGPUSType_ShaderSourceWGSL}, .code = trii_gpu_text(source->wgsl)};
    const WGPULabelled descriptor = {.nextInChain = &code.chain};
    struct trii_gpu_kernel kernel = {0};
    char doing[96];
    for (uint32_t i = 0; i < source->constant_count; i++)
        entries[i] = (WGPUConstantEntry){.key = trii_gpu_text(constants[i]), .value = (variant >> i) & 1};
    snprintf(doing, sizeof doing, "the shader of %s does not compile", source->name);
    trii_gpu_scope_begin(gpu);
    WGPUShaderModule module = gpu->dawn.DeviceCreateShaderModule(gpu->device, &descriptor);
    tri_status status = trii_gpu_scope_end(gpu, TRI_BAD_SHADER, doing, err);
    if (status == TRI_OK) {
        const WGPUComputePipelineDescriptor pipeline = {.compute = {.module = module,
                                                                    .entryPoint = trii_gpu_text(source->entry),
                                                                    .constantCount = source->constant_count,
                                                                    .constants = entries}};
        trii_gpu_scope_begin(gpu);
        kernel.pipeline = gpu->dawn.DeviceCreateComputePipeline(gpu->device, &pipeline);
        kernel.layout = gpu->dawn.ComputePipelineGetBindGroupLayout(kernel.pipeline, 0);
        status = trii_gpu_scope_end(gpu, TRI_BAD_SHADER, doing, err);
    }
    if (module)
        gpu->dawn.ShaderModuleRelease(module);
    if (status != TRI_OK)
        release_kernel(gpu, &kernel);
    else
        *out = kernel;
    return status;
}

tri_status trii_gpu_compile(struct trii_gpu *gpu, const char *name, const char *wgsl, const char *entry,
                            struct trii_gpu_kernel *out, struct tri_error *err) {
    const struct source source = {.name = name, .wgsl = wgsl, .entry = entry};
    return compile(gpu, &source, 0, out, err);
}

/* What is read and what is written may not be one buffer. */
static tri_status make_scratch(struct trii_gpu *gpu, struct tri_error *err) {
    for (size_t i = 0; i < 2; i++) {
        if (gpu->scratch[i])
            continue;
        tri_status status = trii_gpu_buffer(gpu, "scratch", SCRATCH_BYTES,
                                            WGPUBufferUsage_Storage | (i == 0 ? WGPUBufferUsage_Uniform : 0),
                                            &gpu->scratch[i], err);
        if (status != TRI_OK)
            return status;
    }
    return TRI_OK;
}

/* One workgroup on zeroed scratch: every kernel sees an extent of zero and returns. */
static tri_status warm(struct trii_gpu *gpu, const struct source *source, const struct trii_gpu_kernel *kernel,
                       struct tri_error *err) {
    WGPUBindGroupEntry entries[8] = {0};
    const size_t count = strlen(source->bindings);
    char doing[96];
    tri_status status = make_scratch(gpu, err);
    if (status != TRI_OK)
        return status;
    for (uint32_t i = 0; i < count; i++)
        entries[i] = (WGPUBindGroupEntry){
            .binding = i, .buffer = gpu->scratch[source->bindings[i] == 'w'], .size = SCRATCH_BYTES};
    const WGPUBindGroupDescriptor descriptor = {.layout = kernel->layout, .entryCount = count, .entries = entries};
    snprintf(doing, sizeof doing, "warming %s", source->name);
    trii_gpu_scope_begin(gpu);
    WGPUBindGroup group = gpu->dawn.DeviceCreateBindGroup(gpu->device, &descriptor);
    WGPUCommandEncoder encoder = gpu->dawn.DeviceCreateCommandEncoder(gpu->device, NULL);
    WGPUComputePassEncoder pass = gpu->dawn.CommandEncoderBeginComputePass(encoder, NULL);
    gpu->dawn.ComputePassEncoderSetPipeline(pass, kernel->pipeline);
    gpu->dawn.ComputePassEncoderSetBindGroup(pass, 0, group, 0, NULL);
    gpu->dawn.ComputePassEncoderDispatchWorkgroups(pass, 1, 1, 1);
    gpu->dawn.ComputePassEncoderEnd(pass);
    gpu->dawn.ComputePassEncoderRelease(pass);
    WGPUCommandBuffer commands = gpu->dawn.CommandEncoderFinish(encoder, NULL);
    gpu->dawn.CommandEncoderRelease(encoder);
    gpu->dawn.QueueSubmit(gpu->queue, 1, &commands);
    gpu->dawn.CommandBufferRelease(commands);
    gpu->dawn.BindGroupRelease(group);
    (void)trii_gpu_idle(gpu, TRI_FOREVER);
    return trii_gpu_scope_end(gpu, TRI_ENGINE_FAILED, doing, err);
}

tri_status trii_gpu_kernel(struct trii_gpu *gpu, enum trii_gpu_kernel_id id, uint32_t variant,
                           const struct trii_gpu_kernel **out, struct tri_error *err) {
    struct trii_gpu_kernel *slot = &gpu->kernels[id][variant], kernel;
    if (!slot->pipeline) {
        tri_status status = compile(gpu, &sources[id], variant, &kernel, err);
        if (status != TRI_OK)
            return status;
        status = warm(gpu, &sources[id], &kernel, err);
        if (status != TRI_OK) {
            release_kernel(gpu, &kernel);
            return status;
        }
        *slot = kernel;
    }
    *out = slot;
    return TRI_OK;
}

void trii_gpu_drop_kernels(struct trii_gpu *gpu) {
    for (size_t id = 0; id < TRII_GPU_KERNELS; id++)
        for (size_t variant = 0; variant < TRII_GPU_VARIANTS; variant++)
            release_kernel(gpu, &gpu->kernels[id][variant]);
    WGPUBuffer *buffers[] = {&gpu->scratch[0], &gpu->scratch[1], &gpu->byte_job, &gpu->byte_seen, &gpu->byte_readback};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) {
        if (*buffers[i])
            gpu->dawn.BufferRelease(*buffers[i]);
        *buffers[i] = NULL;
    }
}
