/*
 * The webgpu engine's inside: one struct, shared by the files of this folder.
 *
 *   library.c  opens Dawn and fills the table of functions
 *   quiet.c    keeps Dawn's warnings off stderr
 *   driver.c   which Vulkan driver: a real GPU, or the CPU driver of the set-up
 *   device.c   instance, adapter, device; errors; loss
 *   probe.c    tries whether this device takes pages of this arena
 *   views.c    WGPUBuffers over regions, and when the pages may go
 *   kernels.c  pipelines, made and warmed once
 *   recipe.h   what an operation asks of the GPU; recipes/ has one file an operation
 *   plan.c     a pass as tiles that fit bindings and dispatches
 *   shader.c   a stage that is a WGSL file
 *   prepare.c  a stage made ready, and released
 *   stage.c    submit and wait
 *   byte.c     peek and poke
 *   webgpu.c   the table of the contract
 *
 * Ownership: everything hangs from struct trii_gpu, which the front door allocates and frees.
 * Threads:   the front door serialises calls. Dawn's callbacks come on whichever thread waits: what they touch is
 *            atomic or behind `callback_lock`.
 */
#ifndef TRIPOINT_ENGINE_WEBGPU_WEBGPU_H
#define TRIPOINT_ENGINE_WEBGPU_WEBGPU_H

#include "engine/contract.h"
#include "engine/webgpu/dawn.h"
#include "engine/webgpu/recipe.h"

#include <tripoint/ledger.h>

#include <pthread.h>

#define TRII_GPU_TEXT_BYTES 320

/* A region's native view. Alive from the first use of the region until Dawn has let go of its pages. */
struct trii_gpu_view {
    struct trii_region region;
    WGPUBuffer buffer;
    bool imported;             /* the buffer is the region's pages; false: a staged copy */
    uint32_t users;            /* prepared stages */
    bool freed;                /* the region is; the view goes with its last user */
    _Atomic uint32_t disposed; /* set by Dawn, on any thread */
    struct trii_gpu_view *next; /* in `dying` or `buried` */
};

struct trii_gpu_kernel {
    WGPUComputePipeline pipeline;
    WGPUBindGroupLayout layout;
    const struct trii_gpu_source *source; /* of which this is */
    uint32_t variant;
    struct trii_gpu_kernel *next;
};

struct trii_gpu {
    struct tri_engine head;
    struct trii_dawn dawn;
    char *library_path;
    const char *version;
    char device_name[128], driver_name[TRII_GPU_TEXT_BYTES];

    WGPUInstance instance;
    WGPUAdapter adapter;
    WGPUDevice device;
    WGPUQueue queue;
    bool foreign;              /* the device is the application's */
    WGPUFuture foreign_lost;
    uint64_t binding_bytes;    /* most of a buffer that one binding shows */
    uint32_t groups_max;       /* workgroups in one dimension */

    char warning[TRII_GPU_TEXT_BYTES]; /* Dawn's last, while it looked for devices */

    bool imports;              /* regions become buffers as they are; false: staged */
    char sharing[TRII_GPU_TEXT_BYTES];
    char staging_cause[TRI_LEDGER_NAME_BYTES];
    WGPUBufferUsage import_usage;
    struct {
        uint8_t *pages; /* what the probe tries with; NULL once given back */
        uint32_t imported;
        _Atomic uint32_t disposed;
    } probe;

    pthread_mutex_t callback_lock; /* the texts below, and `flying` */
    _Atomic uint32_t lost, settled;
    char lost_text[TRII_GPU_TEXT_BYTES];
    bool failed;                   /* an error that no scope caught */
    char failed_text[TRII_GPU_TEXT_BYTES];
    struct trii_prepared *flying;

    struct trii_gpu_view **views; /* by region index; NULL where there is none */
    struct trii_gpu_view *dying;  /* given back, pages perhaps still in use by the driver */
    struct trii_gpu_view *buried; /* unpinned without the driver's word, on a lost device: kept for a late callback */

    struct trii_gpu_kernel *kernels; /* made so far */
    WGPUBuffer scratch[2];        /* what warm-ups read and write */
    WGPUBuffer byte_job, byte_seen, byte_readback;
};

/* ---- library.c ---- */
tri_status trii_gpu_load(struct trii_gpu *gpu, const char *library_path, struct tri_error *err);
/* A fresh path (trii_free) of a file of the CPU driver. */
tri_status trii_gpu_lavapipe(const char *file, char **out, struct tri_error *err);

/* ---- quiet.c ---- */
struct trii_gpu_quiet {
    int original, capture; /* stderr as it was, and what stands in for it; -1: nothing was changed */
};
void trii_gpu_quiet_begin(struct trii_gpu_quiet *quiet, bool allowed);
/* Puts stderr back; the first line of the last warning goes into `warning` (may be NULL). */
void trii_gpu_quiet_end(struct trii_gpu_quiet *quiet, char *warning, size_t warning_bytes);

/* ---- driver.c ---- */
struct trii_gpu_driver {
    bool from_setup; /* the CPU driver that set-up installed */
    bool cpu_only;   /* a GPU is not what is looked for */
    bool gpu_only;   /* nor is a CPU driver */
    bool may_hush;   /* stderr may be borrowed */
};
/* Attempts in order: attempt 0, 1, ... until TRI_NOT_FOUND says there are no more (the sentence tells why). */
tri_status trii_gpu_driver(const struct tri_engine_params *params, unsigned attempt, struct trii_gpu_driver *out,
                           struct tri_error *err);

/* ---- device.c ---- */
tri_status trii_gpu_open_device(struct trii_gpu *gpu, const struct tri_engine_params *params, struct tri_error *err);
void trii_gpu_close_device(struct trii_gpu *gpu);
/* TRI_DEVICE_LOST with the reason once the device is lost. */
tri_status trii_gpu_alive(struct trii_gpu *gpu, struct tri_error *err);
/* Before Dawn is asked to run callbacks: a lost device of ours is destroyed first. */
void trii_gpu_settle_loss(struct trii_gpu *gpu);
/* As if the device went away (tests). */
void trii_webgpu_lose(struct tri_engine *engine);
/* An error that no scope caught since the last call; false when there was none. */
bool trii_gpu_take_failure(struct trii_gpu *gpu, char *text, size_t text_bytes);

/* ---- wait.c ---- */
/* Waits for a future, running callbacks of others meanwhile. False: the time is over. */
bool trii_gpu_await(struct trii_gpu *gpu, WGPUFuture future, uint64_t timeout_ns);
/* Everything submitted so far has ended; false when that took longer. */
bool trii_gpu_idle(struct trii_gpu *gpu, uint64_t timeout_ns);
/* Lets Dawn free what was released, and run callbacks. */
void trii_gpu_pump(struct trii_gpu *gpu);
/* The same, and a short sleep: between two looks at something that Dawn's or the driver's threads do. */
void trii_gpu_breathe(struct trii_gpu *gpu);
/* Errors between begin and end belong to the caller: TRI_OK, or `status` with what was being done and Dawn's words.
 * Out of memory is TRI_NO_MEMORY, loss TRI_DEVICE_LOST. */
void trii_gpu_scope_begin(struct trii_gpu *gpu);
tri_status trii_gpu_scope_end(struct trii_gpu *gpu, tri_status status, const char *doing, struct tri_error *err);
/* Dawn's message without its trailers, on one line. */
void trii_gpu_words(WGPUStringView message, char *out, size_t out_bytes);
WGPUStringView trii_gpu_text(const char *text);

/* ---- probe.c ---- */
/* Whether the device reads and writes pages like the arena's; sets imports, sharing and staging_cause. A refusal is no
 * error (regions are staged then); TRI_DEVICE_LOST: trying cost the device. */
tri_status trii_gpu_probe(struct trii_gpu *gpu, struct tri_error *err);
/* From now on regions are copied in and out; `why` goes into info and ledger. */
void trii_gpu_stage_copies(struct trii_gpu *gpu, const char *why);
/* After the device is closed. */
void trii_gpu_probe_finish(struct trii_gpu *gpu);

/* ---- views.c ---- */
tri_status trii_gpu_import(struct trii_gpu *gpu, void *bytes, uint64_t size, void (*disposed)(void *), void *user,
                           WGPUBuffer *out, struct tri_error *err);
tri_status trii_gpu_buffer(struct trii_gpu *gpu, const char *what, uint64_t size, WGPUBufferUsage usage,
                           WGPUBuffer *out, struct tri_error *err);
tri_status trii_gpu_view(struct trii_gpu *gpu, const struct trii_region *region, struct trii_gpu_view **out,
                         struct tri_error *err);
void trii_gpu_view_use(struct trii_gpu_view *view);
void trii_gpu_view_unuse(struct trii_gpu *gpu, struct trii_gpu_view *view);
void trii_gpu_forget(struct trii_gpu *gpu, uint32_t index, uint32_t generation);
/* Unpins the regions whose pages the driver has let go, waiting at most that long for it. */
void trii_gpu_sweep(struct trii_gpu *gpu, uint64_t timeout_ns);
/* Gives every buffer back; the pages stay pinned until trii_gpu_unpin_views(). */
void trii_gpu_drop_views(struct trii_gpu *gpu);
void trii_gpu_unpin_views(struct trii_gpu *gpu);

/* ---- kernels.c ---- */
/* A pipeline of any WGSL: TRI_BAD_SHADER with Dawn's words when it does not compile. */
tri_status trii_gpu_compile(struct trii_gpu *gpu, const char *name, const char *wgsl, const char *entry,
                            struct trii_gpu_kernel *out, struct tri_error *err);
/* Made at first use and kept; warmed, so that its first real dispatch costs what the others do. */
tri_status trii_gpu_kernel(struct trii_gpu *gpu, const struct trii_gpu_source *source, uint32_t variant,
                           const struct trii_gpu_kernel **out, struct tri_error *err);
/* Pipelines and the engine's small buffers. */
void trii_gpu_drop_kernels(struct trii_gpu *gpu);

/* ---- plan.c ---- */
#define TRII_GPU_JOB_STRIDE 256 /* the largest uniform alignment that WebGPU allows a device to ask for */

/* Pixels of the output that one dispatch does, and the part of the output's region that it binds. */
struct trii_gpu_tile {
    struct trii_gpu_job job;
    uint64_t offset, bytes;
    uint32_t groups[2];
};
/* How an output of `width` x `height` pixels is cut. */
struct trii_gpu_cut {
    uint64_t width, height;
    uint32_t pixels;        /* one invocation does so many */
    uint32_t words;         /* of a pixel */
    uint64_t columns, rows; /* of a full tile */
    uint64_t across, down;  /* tiles */
};
void trii_gpu_cut(uint64_t binding_bytes, uint32_t groups_max, const struct trii_gpu_pass *pass,
                  struct trii_gpu_cut *out);
/* Tile `i` of across * down: origin, extent, base, pitch, offset, bytes and groups; the job's values are kept. */
void trii_gpu_tile(const struct trii_gpu_cut *cut, uint64_t i, struct trii_gpu_tile *out);

/* ---- prepare.c ---- */
struct trii_gpu_dispatch {
    WGPUComputePipeline pipeline; /* the engine's */
    WGPUBindGroup group;
    uint32_t groups[3];
};

/* What a stage that is a WGSL file needs; shader.c. */
struct trii_gpu_shader {
    WGPUComputePipeline pipeline;
    WGPUBindGroup group;
    WGPUBuffer uniform; /* NULL: it has none */
    uint32_t groups[3];
};

/* An operand whose region is staged and that the stage writes: read back after the work. */
struct trii_gpu_result {
    const struct trii_gpu_view *view;
    uint64_t offset, bytes; /* in the readback buffer */
    uint64_t payload;       /* bytes of those that are the operand's: the last word may have others behind it */
};

struct trii_prepared {
    struct trii_gpu *gpu;
    const struct trii_stage *stage;
    struct trii_gpu_view *views[TRII_OP_OPERANDS_MAX];
    uint64_t bytes[TRII_OP_OPERANDS_MAX]; /* of the operand's layout, in whole words */
    WGPUBuffer scratch[TRII_GPU_SCRATCHES];
    uint64_t scratch_bytes[TRII_GPU_SCRATCHES];
    WGPUBuffer uniforms;
    struct trii_gpu_dispatch *dispatches;
    size_t dispatch_count;
    struct trii_gpu_shader shader; /* of a file: its own pipeline and uniform */
    WGPUBuffer readback; /* NULL: nothing is staged */
    uint64_t readback_bytes;
    struct trii_gpu_result results[TRII_OP_OPERANDS_MAX];
    size_t result_count;

    struct trii_fence *fence; /* of the submission in flight */
    WGPUFuture future;
    struct trii_prepared *next; /* in gpu->flying */
};
tri_status trii_gpu_prepare(struct tri_engine *engine, const struct trii_stage *stage, struct trii_prepared **out,
                            struct tri_error *err);
void trii_gpu_release(struct tri_engine *engine, struct trii_prepared *prepared);

/* ---- shader.c ---- */
/* Compiles the stage's file and binds its operands' buffers; `bytes` says how much of each is shown. */
tri_status trii_gpu_shader_make(struct trii_gpu *gpu, const struct trii_stage *stage,
                                struct trii_gpu_view *const *views, const uint64_t *bytes, struct trii_gpu_shader *out,
                                struct tri_error *err);
/* {0} may be dropped. */
void trii_gpu_shader_drop(struct trii_gpu *gpu, struct trii_gpu_shader *shader);

/* ---- stage.c ---- */
tri_status trii_gpu_submit(struct tri_engine *engine, struct trii_prepared *prepared, struct trii_fence *fence,
                           struct tri_error *err);
tri_status trii_gpu_wait(struct tri_engine *engine, struct trii_fence *fence, uint64_t timeout_ns);

/* ---- byte.c ---- */
tri_status trii_gpu_peek(struct tri_engine *engine, const struct trii_region *region, uint64_t offset, uint8_t *out,
                         struct tri_error *err);
tri_status trii_gpu_poke(struct tri_engine *engine, const struct trii_region *region, uint64_t offset, uint8_t value,
                         struct tri_error *err);

static inline struct trii_gpu *trii_gpu_of(struct tri_engine *engine) {
    return (struct trii_gpu *)engine;
}

#endif
