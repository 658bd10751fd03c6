#include "pipeline.h"

#include "engine/webgpu/webgpu.h"
#include "measure.h"

#include <stdlib.h>
#include <string.h>

/* Buffers by what they hold. */
enum holds { HOLDS_PHOTO, HOLDS_WORK, HOLDS_MASK, HOLDS_RESULT, HOLDS };

struct dispatch {
    WGPUComputePipeline pipeline;
    WGPUBindGroup group;
    uint32_t groups[2];
};

struct bench_gpu {
    struct trii_gpu *engine;
    WGPUBuffer uniforms[2];                        /* resize, apply_mask */
    struct dispatch resize, apply;                 /* over the arena's pages */
    struct dispatch resize_own, apply_own;         /* over the device's buffers */
    WGPUBuffer own[HOLDS], read_work, read_result; /* the device's */
};

/* The engine's own kernel and uniform for an operation with these layouts, as its recipe writes them. */
static struct trii_gpu_pass pass_of(enum trii_op_id id, const struct tri_param *params, size_t param_count,
                                    const struct tri_layout *layouts) {
    struct trii_stage stage = {.name = "bare", .op = trii_op_get(id)};
    struct trii_gpu_work work = {0};
    struct tri_error err = {0};
    bench_check(trii_args_resolve(stage.op, params, param_count, &stage.args, &err), &err);
    stage.operand_count = stage.op->info.operand_count;
    for (size_t i = 0; i < stage.operand_count; i++) {
        stage.operands[i].layout = layouts[i];
        stage.operands[i].region.handle = i + 1; /* not in place */
    }
    bench_check(trii_gpu_recipe_of(stage.op)(&stage, &work, &err), &err);
    if (work.pass_count != 1)
        bench_die("webgpu", "the bare calls are written for operations of one pass");
    return work.passes[0];
}

static WGPUBuffer buffer(struct bench_gpu *gpu, uint64_t bytes, WGPUBufferUsage usage) {
    struct tri_error err = {0};
    WGPUBuffer out;
    bench_check(trii_gpu_buffer(gpu->engine, "a buffer", bytes, usage, &out, &err), &err);
    return out;
}

static struct dispatch make(struct bench_gpu *gpu, const struct trii_gpu_pass *pass, WGPUBuffer uniform,
                            WGPUBuffer written, uint64_t written_bytes, WGPUBuffer sampled, uint64_t sampled_bytes,
                            WGPUBuffer image) {
    const struct trii_gpu_kernel *kernel;
    struct tri_error err = {0};
    struct trii_gpu_tile tile = {.job = pass->job};
    struct trii_gpu_cut cut;
    bench_check(trii_gpu_kernel(gpu->engine, pass->source, pass->variant, &kernel, &err), &err);
    trii_gpu_cut(gpu->engine->binding_bytes, gpu->engine->groups_max, pass, &cut);
    if (cut.across * cut.down != 1)
        bench_die("webgpu", "this device needs more than one dispatch at 1080p, the bare calls are written for one");
    trii_gpu_tile(&cut, 0, &tile);
    gpu->engine->dawn.QueueWriteBuffer(gpu->engine->queue, uniform, 0, &tile.job, sizeof tile.job);
    const WGPUBindGroupEntry entries[] = {{.binding = 0, .buffer = uniform, .size = sizeof tile.job},
                                          {.binding = 1, .buffer = written, .size = written_bytes},
                                          {.binding = 2, .buffer = sampled, .size = sampled_bytes},
                                          {.binding = 6, .buffer = image, .size = PHOTO_BYTES}};
    const WGPUBindGroupDescriptor descriptor = {
        .layout = kernel->layout, .entryCount = image ? 4 : 3, .entries = entries};
    return (struct dispatch){.pipeline = kernel->pipeline,
                             .group = gpu->engine->dawn.DeviceCreateBindGroup(gpu->engine->device, &descriptor),
                             .groups = {tile.groups[0], tile.groups[1]}};
}

static WGPUBuffer view(struct tri_engine *engine, tri_handle region) {
    struct tri_error err = {0};
    void *out;
    bench_check(tri_gpu_view(engine, region, &out, &err), &err);
    return out;
}

struct bench_gpu *bench_gpu_open(struct tri_engine *engine, const struct bench_job *job) {
    static const size_t bytes[HOLDS] = {PHOTO_BYTES, WORK_BYTES, MASK_BYTES, PHOTO_BYTES};
    const struct tri_layout photo = tri_layout_image(PHOTO_HEIGHT, PHOTO_WIDTH, 4, TRI_DTYPE_U8);
    const struct tri_layout resize_layouts[] = {photo, tri_layout_image(WORK_SIDE, WORK_SIDE, 4, TRI_DTYPE_U8)};
    const struct tri_layout apply_layouts[] = {photo, tri_layout_mask(MASK_SIDE, MASK_SIDE), photo};
    const struct tri_param side[] = {{"width", WORK_SIDE, NULL}, {"height", WORK_SIDE, NULL}};
    const struct trii_gpu_pass resize = pass_of(TRII_OP_RESIZE, side, 2, resize_layouts);
    const struct trii_gpu_pass apply = pass_of(TRII_OP_APPLY_MASK, NULL, 0, apply_layouts);
    struct bench_gpu *gpu = calloc(1, sizeof *gpu);
    if (!gpu)
        bench_die("webgpu", "out of memory");
    gpu->engine = trii_gpu_of(engine);
    for (size_t i = 0; i < 2; i++)
        gpu->uniforms[i] = buffer(gpu, TRII_GPU_JOB_STRIDE, WGPUBufferUsage_Uniform | WGPUBufferUsage_CopyDst);
    for (size_t i = 0; i < HOLDS; i++)
        gpu->own[i] =
            buffer(gpu, bytes[i], WGPUBufferUsage_Storage | WGPUBufferUsage_CopySrc | WGPUBufferUsage_CopyDst);
    gpu->read_work = buffer(gpu, WORK_BYTES, WGPUBufferUsage_MapRead | WGPUBufferUsage_CopyDst);
    gpu->read_result = buffer(gpu, PHOTO_BYTES, WGPUBufferUsage_MapRead | WGPUBufferUsage_CopyDst);
    WGPUBuffer input = view(engine, job->input), work = view(engine, job->work), output = view(engine, job->output);
    gpu->resize = make(gpu, &resize, gpu->uniforms[0], work, WORK_BYTES, input, PHOTO_BYTES, NULL);
    gpu->apply = make(gpu, &apply, gpu->uniforms[1], output, PHOTO_BYTES, work, MASK_BYTES, input);
    gpu->resize_own = make(gpu, &resize, gpu->uniforms[0], gpu->own[HOLDS_WORK], WORK_BYTES,
                           gpu->own[HOLDS_PHOTO], PHOTO_BYTES, NULL);
    gpu->apply_own = make(gpu, &apply, gpu->uniforms[1], gpu->own[HOLDS_RESULT], PHOTO_BYTES,
                          gpu->own[HOLDS_MASK], MASK_BYTES, gpu->own[HOLDS_PHOTO]);
    return gpu;
}

void bench_gpu_close(struct bench_gpu **out) {
    struct bench_gpu *gpu = *out;
    if (!gpu)
        return;
    const struct trii_dawn *dawn = &gpu->engine->dawn;
    WGPUBindGroup groups[] = {gpu->resize.group, gpu->apply.group, gpu->resize_own.group, gpu->apply_own.group};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        dawn->BindGroupRelease(groups[i]);
    for (size_t i = 0; i < HOLDS; i++)
        dawn->BufferRelease(gpu->own[i]);
    for (size_t i = 0; i < 2; i++)
        dawn->BufferRelease(gpu->uniforms[i]);
    dawn->BufferRelease(gpu->read_work);
    dawn->BufferRelease(gpu->read_result);
    free(gpu);
    *out = NULL;
}

/* Encodes and submits; `from` (may be NULL) is copied into `to` after the work. */
static void submit(struct bench_gpu *gpu, const struct dispatch *d, WGPUBuffer from, WGPUBuffer to, uint64_t bytes) {
    const struct trii_dawn *dawn = &gpu->engine->dawn;
    WGPUCommandEncoder encoder = dawn->DeviceCreateCommandEncoder(gpu->engine->device, NULL);
    WGPUComputePassEncoder pass = dawn->CommandEncoderBeginComputePass(encoder, NULL);
    dawn->ComputePassEncoderSetPipeline(pass, d->pipeline);
    dawn->ComputePassEncoderSetBindGroup(pass, 0, d->group, 0, NULL);
    dawn->ComputePassEncoderDispatchWorkgroups(pass, d->groups[0], d->groups[1], 1);
    dawn->ComputePassEncoderEnd(pass);
    dawn->ComputePassEncoderRelease(pass);
    if (from)
        dawn->CommandEncoderCopyBufferToBuffer(encoder, from, 0, to, 0, bytes);
    WGPUCommandBuffer commands = dawn->CommandEncoderFinish(encoder, NULL);
    dawn->CommandEncoderRelease(encoder);
    dawn->QueueSubmit(gpu->engine->queue, 1, &commands);
    dawn->CommandBufferRelease(commands);
}

static void await(struct bench_gpu *gpu, WGPUFuture future) {
    WGPUFutureWaitInfo info = {.future = future};
    if (gpu->engine->dawn.InstanceWaitAny(gpu->engine->instance, 1, &info, UINT64_MAX) != WGPUWaitStatus_Success)
        bench_die("webgpu", "waiting for the queue failed");
}

static void on_done(WGPUQueueWorkDoneStatus status, WGPUStringView message, void *userdata1, void *userdata2) {
    (void)message;
    (void)userdata1;
    (void)userdata2;
    if (status != WGPUQueueWorkDoneStatus_Success)
        bench_die("webgpu", "the work failed");
}

static void on_mapped(WGPUMapAsyncStatus status, WGPUStringView message, void *userdata1, void *userdata2) {
    (void)message;
    (void)userdata1;
    (void)userdata2;
    if (status != WGPUMapAsyncStatus_Success)
        bench_die("webgpu", "mapping failed");
}

static void run(struct bench_gpu *gpu, const struct dispatch *dispatch) {
    submit(gpu, dispatch, NULL, NULL, 0);
    await(gpu, gpu->engine->dawn.QueueOnSubmittedWorkDone(
                   gpu->engine->queue, (WGPUQueueWorkDoneCallbackInfo){.mode = WGPUCallbackMode_AllowProcessEvents,
                                                                       .callback = on_done}));
}

static void run_and_read(struct bench_gpu *gpu, const struct dispatch *dispatch, WGPUBuffer from, WGPUBuffer to,
                         void *memory, size_t bytes) {
    const struct trii_dawn *dawn = &gpu->engine->dawn;
    submit(gpu, dispatch, from, to, bytes);
    await(gpu, dawn->BufferMapAsync(to, WGPUMapMode_Read, 0, bytes,
                                    (WGPUBufferMapCallbackInfo){.mode = WGPUCallbackMode_AllowProcessEvents,
                                                                .callback = on_mapped}));
    memcpy(memory, dawn->BufferGetConstMappedRange(to, 0, bytes), bytes);
    dawn->BufferUnmap(to);
}

static void upload(struct bench_gpu *gpu, enum holds what, const void *bytes, size_t size) {
    gpu->engine->dawn.QueueWriteBuffer(gpu->engine->queue, gpu->own[what], 0, bytes, size);
}

void bench_gpu_resize(struct bench_gpu *gpu) {
    run(gpu, &gpu->resize);
}

void bench_gpu_apply_mask(struct bench_gpu *gpu) {
    run(gpu, &gpu->apply);
}

void bench_gpu_resize_copying(struct bench_gpu *gpu, const uint8_t *photo, uint8_t *work) {
    upload(gpu, HOLDS_PHOTO, photo, PHOTO_BYTES);
    run_and_read(gpu, &gpu->resize_own, gpu->own[HOLDS_WORK], gpu->read_work, work, WORK_BYTES);
}

void bench_gpu_apply_mask_copying(struct bench_gpu *gpu, const uint8_t *photo, const float *mask, uint8_t *result,
                                  bool keep) {
    if (!keep)
        upload(gpu, HOLDS_PHOTO, photo, PHOTO_BYTES);
    upload(gpu, HOLDS_MASK, mask, MASK_BYTES);
    run_and_read(gpu, &gpu->apply_own, gpu->own[HOLDS_RESULT], gpu->read_result, result, PHOTO_BYTES);
}
