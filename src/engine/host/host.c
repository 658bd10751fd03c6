/*
 * The host engine: plain C on the CPU, first-class and always there. It is the reference that the
 * other engines are compared with, and what most tests of the rooms above run on.
 *
 * Synchronous: submit does the work and signals the fence. A prepared stage owns its kernels'
 * scratch, so running allocates nothing.
 */
#include "engine/host/host.h"
#include "engine/host/native.h"

#include "base/alloc.h"
#include "base/status.h"

struct host_engine {
    struct tri_engine head;
    const struct trii_kernels *kernels;
};

#define LINE ((size_t)64) /* bytes of a cache line */

struct trii_prepared {
    const struct trii_host_recipe *recipe;
    struct trii_host_job job;
    void *scratch_memory;
    struct trii_host_native *native; /* of a shared object: instead of all that */
};

static struct host_engine *self_of(const struct tri_engine *engine) {
    return (struct host_engine *)(uintptr_t)engine;
}

static tri_status host_open(struct tri_engine *engine, const struct tri_engine_params *params, struct tri_error *err) {
    (void)params;
    (void)err;
    self_of(engine)->kernels = trii_kernels_best();
    return TRI_OK;
}

static void host_close(struct tri_engine *engine) {
    (void)engine;
}

static void host_info(const struct tri_engine *engine, struct tri_engine_info *out) {
    *out = (struct tri_engine_info){
        .technology = TRI_TECHNOLOGY_HOST,
        .name = "host",
        .library = "Tripoint",
        .version = TRI_VERSION_STRING,
        .library_path = "",
        .device = "CPU",
        .driver = self_of(engine)->kernels->name,
        .shares_memory = true,
        .sharing = "works on the arena's pages",
        .precision = "f32, bytes in whole numbers: the reference",
        .permissions = "none: the library's own C",
    };
}

static bool host_has(const struct tri_engine *engine, const struct trii_op *op) {
    (void)engine;
    return trii_host_recipe_of(op) != NULL;
}

static tri_status host_view(struct tri_engine *engine, const struct trii_region *region,
                            const struct tri_layout *layout, void **native, struct tri_error *err) {
    (void)engine;
    (void)layout;
    (void)err;
    *native = region->bytes;
    return TRI_OK;
}

static void host_forget(struct tri_engine *engine, uint32_t index, uint32_t generation) {
    (void)engine;
    (void)index;
    (void)generation; /* nothing is cached, so nothing is pinned */
}

static void host_release(struct tri_engine *engine, struct trii_prepared *prepared) {
    (void)engine;
    trii_free(prepared->native);
    trii_free(prepared->scratch_memory);
    trii_free(prepared);
}

static tri_status fill(struct trii_prepared *p, struct tri_error *err) {
    const size_t bytes = p->recipe->scratch ? p->recipe->scratch(p->job.stage) : 0;
    p->scratch_memory = bytes <= SIZE_MAX - LINE ? trii_calloc(1, bytes + LINE) : NULL;
    if (!p->scratch_memory)
        return trii_fail(err, TRI_NO_MEMORY, "host: no memory for the tables of %s", p->job.stage->op->info.name);
    p->job.scratch = (void *)(((uintptr_t)p->scratch_memory + LINE - 1) & ~(uintptr_t)(LINE - 1));
    return p->recipe->prepare ? p->recipe->prepare(&p->job, err) : TRI_OK;
}

static tri_status host_prepare(struct tri_engine *engine, const struct trii_stage *stage, struct trii_prepared **out,
                               struct tri_error *err) {
    struct trii_prepared *p = trii_calloc(1, sizeof *p);
    if (!p)
        return trii_fail(err, TRI_NO_MEMORY, "host: no memory for a prepared %s", stage->op->info.name);
    p->recipe = trii_host_recipe_of(stage->op);
    p->job = (struct trii_host_job){.kernels = self_of(engine)->kernels, .stage = stage};
    tri_status status = stage->op->custom ? trii_host_native_make(stage, &p->native, err) : fill(p, err);
    if (status != TRI_OK) {
        host_release(engine, p);
        return status;
    }
    *out = p;
    return TRI_OK;
}

static tri_status host_submit(struct tri_engine *engine, struct trii_prepared *prepared, struct trii_fence *fence,
                              struct tri_error *err) {
    (void)engine;
    (void)err;
    struct tri_error told = {0};
    tri_status status = TRI_OK;
    if (prepared->native)
        status = trii_host_native_run(prepared->native, &told);
    else
        prepared->recipe->run(&prepared->job);
    trii_fence_signal(fence, status, status == TRI_OK ? NULL : &told);
    return TRI_OK;
}

static tri_status host_peek(struct tri_engine *engine, const struct trii_region *region, uint64_t offset, uint8_t *out,
                            struct tri_error *err) {
    (void)engine;
    (void)err;
    *out = region->bytes[offset];
    return TRI_OK;
}

static tri_status host_poke(struct tri_engine *engine, const struct trii_region *region, uint64_t offset, uint8_t value,
                            struct tri_error *err) {
    (void)engine;
    (void)err;
    region->bytes[offset] = value;
    return TRI_OK;
}

const struct trii_engine_vtable trii_host_engine = {
    .version = TRII_ENGINE_CONTRACT_VERSION,
    .technology = TRI_TECHNOLOGY_HOST,
    .name = "host",
    .engine_bytes = sizeof(struct host_engine),
    .open = host_open,
    .close = host_close,
    .info = host_info,
    .has = host_has,
    .view = host_view,
    .forget = host_forget,
    .prepare = host_prepare,
    .submit = host_submit,
    .wait = NULL,
    .release = host_release,
    .peek = host_peek,
    .poke = host_poke,
};
