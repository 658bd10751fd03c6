/*
 * Pipelines: made at first use, warmed by one dispatch that does nothing, kept until close.
 *
 * Sizes are uniforms, not constants of the pipeline: one pipeline serves every image, in this process and, through the
 * driver's cache, in the next. What chooses between ways to do the work is a variant: sections of the shader's text
 * that are kept or left out, because the driver takes four times longer over branches that it has to find dead itself.
 * The warm-up is there because the CPU driver compiles at the first dispatch, not when a pipeline is made.
 */
#include "engine/webgpu/webgpu.h"

#include "base/alloc.h"
#include "base/status.h"

#include <stdio.h>
#include <string.h>

#define SCRATCH_BYTES 256u

static void release_kernel(struct trii_gpu *gpu, struct trii_gpu_kernel *kernel) {
    if (kernel->layout)
        gpu->dawn.BindGroupLayoutRelease(kernel->layout);
    if (kernel->pipeline)
        gpu->dawn.ComputePipelineRelease(kernel->pipeline);
    *kernel = (struct trii_gpu_kernel){0};
}

/* ---- variants ---- */

static bool is(const char *section, const char *name, size_t length) {
    return section && strlen(section) == length && memcmp(section, name, length) == 0;
}

static bool is_chosen(const struct trii_gpu_source *source, const char *name, size_t length, uint32_t variant) {
    for (uint32_t i = 0; i < TRII_GPU_SECTIONS; i++)
        if (is(source->sections[i], name, length))
            return (variant >> i) & 1;
    return is("split", name, length) && (variant & TRII_GPU_SPLIT);
}

static bool starts(const char *line, const char *word) {
    return strncmp(line, word, strlen(word)) == 0;
}

/* Keeps the sections of a variant: `//if NAME`, `//elif NAME`, `//else`, `//end`, each a line of its own, not nested.
 * The other lines' numbers stay what they are in the file. */
static char *specialise(const struct trii_gpu_source *source, uint32_t variant) {
    const char *wgsl = source->wgsl;
    bool kept = true, taken = false;
    char *out = trii_calloc(strlen(wgsl) + 1, 1), *to = out;
    for (const char *line = wgsl; out && *line;) {
        const char *end = strchr(line, '\n');
        const size_t length = end ? (size_t)(end - line) : strlen(line);
        if (starts(line, "//if ")) {
            kept = taken = is_chosen(source, line + 5, length - 5, variant);
        } else if (starts(line, "//elif ")) {
            kept = !taken && is_chosen(source, line + 7, length - 7, variant);
            taken = taken || kept;
        } else if (starts(line, "//else")) {
            kept = !taken;
        } else if (starts(line, "//end")) {
            kept = true;
        } else if (kept) {
            memcpy(to, line, length); /* not payload: the text of a shader */
            to += length;
        }
        if (end)
            *to++ = '\n';
        line += length + (end != NULL);
    }
    return out;
}

/* ---- pipelines ---- */

static tri_status compile(struct trii_gpu *gpu, const struct trii_gpu_source *source, const char *wgsl,
                          struct trii_gpu_kernel *out, struct tri_error *err) {
    WGPUShaderSourceWGSL code = {.chain = {.sType = WGPUSType_ShaderSourceWGSL}, .code = trii_gpu_text(wgsl)};
    const WGPULabelled descriptor = {.nextInChain = &code.chain};
    struct trii_gpu_kernel kernel = {0};
    char doing[96];
    snprintf(doing, sizeof doing, "the shader of %s does not compile", source->name);
    trii_gpu_scope_begin(gpu);
    WGPUShaderModule module = gpu->dawn.DeviceCreateShaderModule(gpu->device, &descriptor);
    tri_status status = trii_gpu_scope_end(gpu, TRI_BAD_SHADER, doing, err);
    if (status == TRI_OK) {
        const WGPUComputePipelineDescriptor pipeline = {
            .compute = {.module = module, .entryPoint = trii_gpu_text(source->entry)}};
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
    const struct trii_gpu_source source = {.name = name, .wgsl = wgsl, .entry = entry};
    return compile(gpu, &source, wgsl, out, err);
}

/* What is read and what is written may not be one buffer. */
static tri_status make_scratch(struct trii_gpu *gpu, struct tri_error *err) {
    for (size_t i = 0; i < 2; i++) {
        if (gpu->scratch[i])
            continue;
        tri_status status = trii_gpu_buffer(gpu, "scratch", SCRATCH_BYTES * TRII_GPU_BINDINGS,
                                            WGPUBufferUsage_Storage | (i == 0 ? WGPUBufferUsage_Uniform : 0),
                                            &gpu->scratch[i], err);
        if (status != TRI_OK)
            return status;
    }
    return TRI_OK;
}

static bool is_written(char letter) {
    return letter == 'w' || letter == 'x';
}

/* Scratch for every binding of a kernel; returns how many there are. What is written may not overlap. */
static size_t bind_scratch(const struct trii_gpu *gpu, const struct trii_gpu_source *source, uint32_t variant,
                           WGPUBindGroupEntry entries[TRII_GPU_ENTRIES]) {
    size_t count = 0;
    uint32_t binding = 0;
    for (const char *letter = source->bindings; *letter; letter++) {
        const uint32_t room = *letter == 'W' ? TRII_GPU_WINDOWS : 1;
        const uint32_t bound = variant & TRII_GPU_SPLIT ? room : 1;
        for (uint32_t i = 0; i < bound; i++, count++)
            entries[count] = (WGPUBindGroupEntry){
                .binding = binding + i,
                .buffer = gpu->scratch[is_written(*letter)],
                .offset = (uint64_t)SCRATCH_BYTES * (is_written(*letter) ? (size_t)(letter - source->bindings) : 0),
                .size = SCRATCH_BYTES};
        binding += room;
    }
    return count;
}

/* One workgroup on zeroed scratch: every kernel sees an extent of zero and returns. */
static tri_status warm(struct trii_gpu *gpu, const struct trii_gpu_source *source, uint32_t variant,
                       const struct trii_gpu_kernel *kernel, struct tri_error *err) {
    WGPUBindGroupEntry entries[TRII_GPU_ENTRIES] = {0};
    char doing[96];
    tri_status status = make_scratch(gpu, err);
    if (status != TRI_OK)
        return status;
    const size_t count = bind_scratch(gpu, source, variant, entries);
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

static tri_status make_kernel(struct trii_gpu *gpu, const struct trii_gpu_source *source, uint32_t variant,
                              struct trii_gpu_kernel *out, struct tri_error *err) {
    char *wgsl = specialise(source, variant);
    if (!wgsl)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for the shader of %s", source->name);
    tri_status status = compile(gpu, source, wgsl, out, err);
    trii_free(wgsl);
    if (status != TRI_OK)
        return status;
    status = warm(gpu, source, variant, out, err);
    if (status != TRI_OK)
        release_kernel(gpu, out);
    return status;
}

tri_status trii_gpu_kernel(struct trii_gpu *gpu, const struct trii_gpu_source *source, uint32_t variant,
                           const struct trii_gpu_kernel **out, struct tri_error *err) {
    for (struct trii_gpu_kernel *kernel = gpu->kernels; kernel; kernel = kernel->next)
        if (kernel->source == source && kernel->variant == variant) {
            *out = kernel;
            return TRI_OK;
        }
    struct trii_gpu_kernel *kernel = trii_calloc(1, sizeof *kernel);
    if (!kernel)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for the shader of %s", source->name);
    tri_status status = make_kernel(gpu, source, variant, kernel, err);
    if (status != TRI_OK) {
        trii_free(kernel);
        return status;
    }
    kernel->source = source;
    kernel->variant = variant;
    kernel->next = gpu->kernels;
    gpu->kernels = kernel;
    *out = kernel;
    return TRI_OK;
}

void trii_gpu_drop_kernels(struct trii_gpu *gpu) {
    while (gpu->kernels) {
        struct trii_gpu_kernel *kernel = gpu->kernels;
        gpu->kernels = kernel->next;
        release_kernel(gpu, kernel);
        trii_free(kernel);
    }
    WGPUBuffer *buffers[] = {&gpu->scratch[0], &gpu->scratch[1], &gpu->byte_job, &gpu->byte_seen, &gpu->byte_readback};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) {
        if (*buffers[i])
            gpu->dawn.BufferRelease(*buffers[i]);
        *buffers[i] = NULL;
    }
}
