/*
 * A stage that is a WGSL file: the bindings that its text declares, on whole regions; constants and a uniform from
 * parameters and layouts. The CPU driver compiles at the first dispatch, and nobody knows what a stranger's shader would do
 * to scratch: it is warmed by a dispatch of no workgroups.
 */
#include "engine/webgpu/webgpu.h"

#include "base/status.h"
#include "engine/custom/wgsl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Dawn points at ":12:5 error: ..." in its own words: the user's file, line and column come first. */
static void place_words(const char *name, char *message, size_t bytes) {
    char words[TRII_GPU_TEXT_BYTES];
    unsigned line, column;
    int used = 0;
    char *at = strstr(message, ": error: ");
    if (!at)
        at = strstr(message, " error: ");
    char *colon = at;
    while (colon && colon > message && (strchr("0123456789:", colon[-1])))
        colon--;
    if (!at || sscanf(colon, ":%u:%u%n", &line, &column, &used) != 2)
        return;
    snprintf(words, sizeof words, "%s:%u:%u: %s", name, line, column, strstr(at, "error: ") + 7);
    snprintf(message, bytes, "%s", words);
}

static tri_status compile(struct trii_gpu *gpu, const struct trii_stage *stage, const struct tri_layout *layouts,
                          WGPUPipelineLayout layout, WGPUComputePipeline *out, struct tri_error *err) {
    const struct trii_custom *custom = stage->op->custom;
    const struct trii_wgsl *w = custom->inside;
    WGPUConstantEntry constants[TRII_WGSL_VALUES_MAX] = {{0}};
    size_t count = 0;
    struct tri_error told = {0};
    for (size_t i = 0; i < w->constant_count; i++) {
        constants[count].key = trii_gpu_text(w->constants[i].key);
        count += trii_wgsl_constant(custom, i, &stage->args, layouts, &constants[count].value);
    }
    WGPUShaderSourceWGSL code = {.chain = {.sType = WGPUSType_ShaderSourceWGSL},
                                 .code = trii_gpu_text((const char *)custom->bytes)};
    const WGPULabelled descriptor = {.nextInChain = &code.chain};
    trii_gpu_scope_begin(gpu);
    WGPUShaderModule module = gpu->dawn.DeviceCreateShaderModule(gpu->device, &descriptor);
    tri_status status = trii_gpu_scope_end(gpu, TRI_BAD_SHADER, custom->name, &told);
    if (status == TRI_OK) {
        const WGPUComputePipelineDescriptor pipeline = {.layout = layout,
                                                        .compute = {.module = module,
                                                                    .entryPoint = trii_gpu_text(custom->entry),
                                                                    .constantCount = count,
                                                                    .constants = constants}};
        trii_gpu_scope_begin(gpu);
        *out = gpu->dawn.DeviceCreateComputePipeline(gpu->device, &pipeline);
        status = trii_gpu_scope_end(gpu, TRI_BAD_SHADER, custom->name, &told);
    }
    if (module)
        gpu->dawn.ShaderModuleRelease(module);
    if (status == TRI_BAD_SHADER)
        place_words(custom->name, told.message, sizeof told.message);
    if (status != TRI_OK)
        trii_error_copy(err, &told);
    return status;
}

static tri_status make_uniform(struct trii_gpu *gpu, const struct trii_stage *stage, const struct tri_layout *layouts,
                               WGPUBuffer *out, struct tri_error *err) {
    const struct trii_wgsl *w = stage->op->custom->inside;
    uint8_t bytes[16 * TRII_WGSL_VALUES_MAX + 4096];
    if (w->uniform_bytes == 0)
        return TRI_OK;
    if (w->uniform_bytes > sizeof bytes)
        return trii_fail(err, TRI_BAD_SHADER, "%s: a uniform of %llu bytes is larger than the %zu that are taken",
                         stage->op->info.name, (unsigned long long)w->uniform_bytes, sizeof bytes);
    trii_wgsl_uniform(stage->op->custom, &stage->args, layouts, bytes);
    tri_status status = trii_gpu_buffer(gpu, "a uniform", w->uniform_bytes,
                                        WGPUBufferUsage_Uniform | WGPUBufferUsage_CopyDst, out, err);
    if (status == TRI_OK)
        gpu->dawn.QueueWriteBuffer(gpu->queue, *out, 0, bytes, (size_t)w->uniform_bytes);
    return status;
}

/* One entry a used binding, in the layout and in the group. */
static size_t bind(const struct trii_stage *stage, struct trii_gpu_view *const *views, const uint64_t *bytes,
                   WGPUBuffer uniform, WGPUBindGroupLayoutEntry *layout, WGPUBindGroupEntry *group) {
    const struct trii_wgsl *w = stage->op->custom->inside;
    size_t n = 0;
    for (size_t i = 0; i < w->binding_count; i++) {
        const struct trii_wgsl_binding *b = &w->bindings[i];
        if (!b->used)
            continue;
        layout[n] = (WGPUBindGroupLayoutEntry){.binding = b->binding, .visibility = WGPUShaderStage_Compute};
        group[n] = (WGPUBindGroupEntry){.binding = b->binding};
        if (b->space == TRII_WGSL_UNIFORM) {
            layout[n].buffer.type = WGPUBufferBindingType_Uniform;
            group[n].buffer = uniform;
            group[n].size = w->uniform_bytes;
        } else {
            layout[n].buffer.type = b->space == TRII_WGSL_READ ? WGPUBufferBindingType_ReadOnlyStorage
                                                               : WGPUBufferBindingType_Storage;
            group[n].buffer = views[b->operand]->buffer;
            group[n].size = bytes[b->operand];
        }
        n++;
    }
    return n;
}

static tri_status check_sizes(const struct trii_gpu *gpu, const struct trii_stage *stage, const uint64_t *bytes,
                              struct tri_error *err) {
    for (size_t i = 0; i < stage->operand_count; i++)
        if (bytes[i] > gpu->binding_bytes) {
            trii_fail(err, TRI_LIMIT, "%s: '%s' has %llu bytes, one binding of this device shows at most %llu",
                      stage->op->info.name, stage->operands[i].info->name, (unsigned long long)bytes[i],
                      (unsigned long long)gpu->binding_bytes);
            return trii_error_place(err, TRI_LIMIT, NULL, NULL, stage->operands[i].region.label);
        }
    return TRI_OK;
}

/* The objects in between are needed only until the pipeline and the group are made. */
static tri_status make(struct trii_gpu *gpu, const struct trii_stage *stage, struct trii_gpu_view *const *views,
                       const uint64_t *bytes, const struct tri_layout *layouts, struct trii_gpu_shader *out,
                       struct tri_error *err) {
    WGPUBindGroupLayoutEntry layout_entries[TRII_WGSL_BINDINGS_MAX];
    WGPUBindGroupEntry group_entries[TRII_WGSL_BINDINGS_MAX];
    const size_t count = bind(stage, views, bytes, out->uniform, layout_entries, group_entries);
    const WGPUBindGroupLayoutDescriptor group_layout = {.entryCount = count, .entries = layout_entries};
    trii_gpu_scope_begin(gpu);
    WGPUBindGroupLayout bindings = gpu->dawn.DeviceCreateBindGroupLayout(gpu->device, &group_layout);
    const WGPUPipelineLayoutDescriptor pipeline_layout = {.bindGroupLayoutCount = 1, .bindGroupLayouts = &bindings};
    WGPUPipelineLayout layout = gpu->dawn.DeviceCreatePipelineLayout(gpu->device, &pipeline_layout);
    tri_status status = trii_gpu_scope_end(gpu, TRI_BAD_SHADER, stage->op->info.name, err);
    if (status == TRI_OK)
        status = compile(gpu, stage, layouts, layout, &out->pipeline, err);
    if (status == TRI_OK) {
        const WGPUBindGroupDescriptor group = {.layout = bindings, .entryCount = count, .entries = group_entries};
        trii_gpu_scope_begin(gpu);
        out->group = gpu->dawn.DeviceCreateBindGroup(gpu->device, &group);
        status = trii_gpu_scope_end(gpu, TRI_BAD_SHADER, stage->op->info.name, err);
    }
    if (layout)
        gpu->dawn.PipelineLayoutRelease(layout);
    if (bindings)
        gpu->dawn.BindGroupLayoutRelease(bindings);
    return status;
}

static tri_status warm(struct trii_gpu *gpu, const struct trii_stage *stage, const struct trii_gpu_shader *shader,
                       struct tri_error *err) {
    trii_gpu_scope_begin(gpu);
    WGPUCommandEncoder encoder = gpu->dawn.DeviceCreateCommandEncoder(gpu->device, NULL);
    WGPUComputePassEncoder pass = gpu->dawn.CommandEncoderBeginComputePass(encoder, NULL);
    gpu->dawn.ComputePassEncoderSetPipeline(pass, shader->pipeline);
    gpu->dawn.ComputePassEncoderSetBindGroup(pass, 0, shader->group, 0, NULL);
    gpu->dawn.ComputePassEncoderDispatchWorkgroups(pass, 0, 0, 0);
    gpu->dawn.ComputePassEncoderEnd(pass);
    gpu->dawn.ComputePassEncoderRelease(pass);
    WGPUCommandBuffer commands = gpu->dawn.CommandEncoderFinish(encoder, NULL);
    gpu->dawn.CommandEncoderRelease(encoder);
    gpu->dawn.QueueSubmit(gpu->queue, 1, &commands);
    gpu->dawn.CommandBufferRelease(commands);
    (void)trii_gpu_idle(gpu, TRI_FOREVER);
    return trii_gpu_scope_end(gpu, TRI_BAD_SHADER, stage->op->info.name, err);
}

tri_status trii_gpu_shader_make(struct trii_gpu *gpu, const struct trii_stage *stage,
                                struct trii_gpu_view *const *views, const uint64_t *bytes, struct trii_gpu_shader *out,
                                struct tri_error *err) {
    struct tri_layout layouts[TRII_OP_OPERANDS_MAX];
    for (size_t i = 0; i < stage->operand_count; i++)
        layouts[i] = stage->operands[i].layout;
    tri_status status = check_sizes(gpu, stage, bytes, err);
    if (status == TRI_OK)
        status = trii_wgsl_groups(stage->op->custom, &stage->args, layouts, gpu->groups_max, out->groups, err);
    if (status == TRI_OK)
        status = make_uniform(gpu, stage, layouts, &out->uniform, err);
    if (status == TRI_OK)
        status = make(gpu, stage, views, bytes, layouts, out, err);
    if (status == TRI_OK)
        status = warm(gpu, stage, out, err);
    if (status != TRI_OK)
        trii_gpu_shader_drop(gpu, out);
    return status;
}

void trii_gpu_shader_drop(struct trii_gpu *gpu, struct trii_gpu_shader *shader) {
    if (shader->group)
        gpu->dawn.BindGroupRelease(shader->group);
    if (shader->pipeline)
        gpu->dawn.ComputePipelineRelease(shader->pipeline);
    if (shader->uniform)
        gpu->dawn.BufferRelease(shader->uniform);
    *shader = (struct trii_gpu_shader){0};
}
