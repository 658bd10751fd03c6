/*
 * The host engine: plain C on the CPU, first-class and always there. It is the reference that the
 * other engines are compared with, and what most tests of the rooms above run on.
 *
 * Synchronous: submit does the work and signals the fence. A prepared stage owns its kernels'
 * memory, so running allocates nothing. Submissions run beside each other and beside the engine's other calls: a stage
 * has all it needs, and the crew (crew.h) is taken by one of them at a time. Only functions of shared objects, who may not
 * expect it, are called one at a time.
 */
#include "engine/host/crew.h"
#include "engine/host/host.h"
#include "engine/host/native.h"

#include "base/alloc.h"
#include "base/busy.h"
#include "base/status.h"

#include <pthread.h>

struct host_engine {
    struct tri_engine head;
    const struct trii_kernels *kernels;
    struct trii_crew crew;
    pthread_mutex_t natives;
};

#define LINE ((size_t)64)          /* bytes of a cache line */
#define SMALL (UINT64_C(1) << 20)  /* bytes of all operands: below that, calling the crew costs more than it saves */
#define ROWS_LEAST 16u             /* of a part: tables that each part makes anew cost less than that */
#define PARTS_EACH 8u              /* a thread: so many, that the last one does not keep all waiting for long */

struct trii_prepared {
    const struct trii_host_recipe *recipe;
    struct trii_host_job job;
    uint32_t rows;
    bool is_divided; /* among the crew */
    void *memory;
    uint8_t *scratch; /* of the first who works; each has `scratch_bytes` */
    size_t scratch_bytes;
    struct trii_host_native *native; /* of a shared object: instead of all that */
};

static struct host_engine *self_of(const struct tri_engine *engine) {
    return (struct host_engine *)(uintptr_t)engine;
}

static tri_status host_open(struct tri_engine *engine, const struct tri_engine_params *params, struct tri_error *err) {
    struct host_engine *self = self_of(engine);
    (void)err;
    self->kernels = trii_kernels_best();
    trii_crew_init(&self->crew, params->threads);
    pthread_mutex_init(&self->natives, NULL);
    return TRI_OK;
}

static void host_close(struct tri_engine *engine) {
    struct host_engine *self = self_of(engine);
    trii_crew_finish(&self->crew);
    pthread_mutex_destroy(&self->natives);
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
    trii_free(prepared->memory);
    trii_free(prepared);
}

static bool is_small(const struct trii_stage *stage) {
    uint64_t all = 0;
    for (size_t i = 0; i < stage->operand_count; i++) {
        uint64_t bytes = 0;
        (void)!tri_layout_bytes_needed(&stage->operands[i].layout, &bytes, NULL); /* the front door has asked this */
        all += bytes;
    }
    return all < SMALL;
}

/* Rounded up to lines of the cache. */
static size_t bytes_of(trii_host_bytes *bytes, const struct trii_stage *stage) {
    const size_t exact = bytes ? bytes(stage) : 0;
    return exact <= SIZE_MAX - LINE ? (exact + LINE - 1) & ~(LINE - 1) : SIZE_MAX;
}

/* The shared part, then a scratch for each who may work. */
static tri_status fill(struct host_engine *self, struct trii_prepared *p, struct tri_error *err) {
    const struct trii_stage *stage = p->job.stage;
    const size_t shared = bytes_of(p->recipe->shared, stage);
    size_t all;
    p->scratch_bytes = bytes_of(p->recipe->scratch, stage);
    p->rows = p->recipe->rows ? p->recipe->rows(stage) : 0;
    p->is_divided = p->rows > 1 && !is_small(stage) && !(p->recipe->has_margins && stage->in_place);
    if (p->is_divided)
        trii_crew_start(&self->crew);
    if (!__builtin_mul_overflow(p->scratch_bytes, p->is_divided ? self->crew.started + 1 : 1, &all) &&
        !__builtin_add_overflow(all, shared, &all) && all <= SIZE_MAX - LINE)
        p->memory = trii_calloc(1, all + LINE);
    if (!p->memory)
        return trii_fail(err, TRI_NO_MEMORY, "host: no memory for the tables of %s", stage->op->info.name);
    p->job.shared = (void *)(((uintptr_t)p->memory + LINE - 1) & ~(uintptr_t)(LINE - 1));
    p->scratch = (uint8_t *)p->job.shared + shared;
    return p->recipe->prepare ? p->recipe->prepare(&p->job, err) : TRI_OK;
}

static tri_status host_prepare(struct tri_engine *engine, const struct trii_stage *stage, struct trii_prepared **out,
                               struct tri_error *err) {
    struct trii_prepared *p = trii_calloc(1, sizeof *p);
    if (!p)
        return trii_fail(err, TRI_NO_MEMORY, "host: no memory for a prepared %s", stage->op->info.name);
    p->recipe = trii_host_recipe_of(stage->op);
    p->job = (struct trii_host_job){.kernels = self_of(engine)->kernels, .stage = stage};
    tri_status status = stage->op->custom ? trii_host_native_make(stage, &p->native, err) : fill(self_of(engine), p, err);
    if (status != TRI_OK) {
        host_release(engine, p);
        return status;
    }
    *out = p;
    return TRI_OK;
}

static void run_rows(const void *job, struct trii_rows rows, uint32_t member) {
    const struct trii_prepared *p = job;
    p->recipe->run(&p->job, rows, p->scratch + p->scratch_bytes * member);
}

static void run(struct host_engine *self, const struct trii_prepared *p) {
    trii_busy_add(1);
    if (p->is_divided)
        trii_crew_run(&self->crew, p->rows, p->recipe->has_margins ? 1 : ROWS_LEAST,
                      p->recipe->has_margins ? 1 : PARTS_EACH, run_rows, p);
    else
        run_rows(p, (struct trii_rows){0, p->rows}, 0);
    trii_busy_sub(1);
}

static tri_status run_native(struct host_engine *self, struct trii_host_native *native, struct tri_error *err) {
    pthread_mutex_lock(&self->natives);
    tri_status status = trii_host_native_run(native, err);
    pthread_mutex_unlock(&self->natives);
    return status;
}

static tri_status host_submit(struct tri_engine *engine, struct trii_prepared *prepared, struct trii_fence *fence,
                              struct tri_error *err) {
    (void)err;
    struct tri_error told = {0};
    tri_status status = TRI_OK;
    if (prepared->native)
        status = run_native(self_of(engine), prepared->native, &told);
    else
        run(self_of(engine), prepared);
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
    .submits_freely = true,
    .wait = NULL,
    .release = host_release,
    .peek = host_peek,
    .poke = host_poke,
};
