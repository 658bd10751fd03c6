/*
 * The host engine: plain C on the CPU, first-class and always there. It is the reference that the
 * other engines are compared with, and what most tests of the rooms above run on.
 *
 * Synchronous: submit does the work and signals the fence. A prepared stage owns its kernels'
 * scratch, so running allocates nothing.
 */
#include "engine/contract.h"

#include "base/alloc.h"
#include "base/status.h"

#include "kernels.h"

#include <stdlib.h>
#include <string.h>

struct host_engine {
    struct tri_engine head;
    const struct trii_kernels *kernels;
};

struct trii_prepared {
    const struct trii_kernels *kernels;
    const struct trii_stage *stage;
    void (*run)(const struct trii_prepared *prepared);
    void *scratch_memory;
    void *scratch; /* aligned to a cache line */
    bool area;     /* resize */
    float strength; /* vignette */
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
    };
}

static bool host_has(const struct tri_engine *engine, enum trii_op_id op) {
    (void)engine;
    return op == TRII_OP_RESIZE || op == TRII_OP_APPLY_MASK || op == TRII_OP_VIGNETTE;
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

static struct trii_size size_of(const struct trii_operand *operand) {
    return (struct trii_size){.width = (uint32_t)operand->layout.shape[1],
                              .height = (uint32_t)operand->layout.shape[0]};
}

static void run_resize(const struct trii_prepared *p) {
    const struct trii_operand *in = &p->stage->operands[0], *out = &p->stage->operands[1];
    (p->area ? p->kernels->resize_area : p->kernels->resize_bilinear)(in->region.bytes, size_of(in), out->region.bytes,
                                                                      size_of(out), p->scratch);
}

static void run_apply_mask(const struct trii_prepared *p) {
    const struct trii_operand *image = &p->stage->operands[0], *mask = &p->stage->operands[1];
    p->kernels->apply_mask(image->region.bytes, size_of(image), (const float *)(const void *)mask->region.bytes,
                           size_of(mask), p->stage->operands[2].region.bytes, p->scratch);
}

static void run_vignette(const struct trii_prepared *p) {
    const struct trii_operand *image = &p->stage->operands[0];
    p->kernels->vignette(image->region.bytes, size_of(image), p->strength, p->stage->operands[1].region.bytes);
}

/* What is sampled and what is written, for the size of the scratch. */
static size_t scratch_bytes(const struct trii_stage *stage) {
    switch (stage->op->id) {
    case TRII_OP_RESIZE:
        return trii_kernels_scratch(size_of(&stage->operands[1]), size_of(&stage->operands[0]));
    case TRII_OP_APPLY_MASK:
        return trii_kernels_scratch(size_of(&stage->operands[2]), size_of(&stage->operands[1]));
    default:
        return 0;
    }
}

static void host_release(struct tri_engine *engine, struct trii_prepared *prepared) {
    (void)engine;
    trii_free(prepared->scratch_memory);
    trii_free(prepared);
}

static tri_status host_prepare(struct tri_engine *engine, const struct trii_stage *stage, struct trii_prepared **out,
                               struct tri_error *err) {
    static void (*const run[TRII_OP_COUNT])(const struct trii_prepared *) = {
        [TRII_OP_RESIZE] = run_resize, [TRII_OP_APPLY_MASK] = run_apply_mask, [TRII_OP_VIGNETTE] = run_vignette};
    struct trii_prepared *p = trii_calloc(1, sizeof *p);
    if (!p)
        return trii_fail(err, TRI_NO_MEMORY, "host: no memory for a prepared %s", stage->op->info.name);
    p->kernels = self_of(engine)->kernels;
    p->stage = stage;
    p->run = run[stage->op->id];
    p->scratch_memory = trii_calloc(1, scratch_bytes(stage) + 63);
    if (!p->scratch_memory) {
        host_release(engine, p);
        return trii_fail(err, TRI_NO_MEMORY, "host: no memory for the tables of %s", stage->op->info.name);
    }
    p->scratch = (void *)(((uintptr_t)p->scratch_memory + 63) & ~(uintptr_t)63);
    if (stage->op->id == TRII_OP_RESIZE)
        p->area = strcmp(trii_args_text(stage->op, &stage->args, "filter"), "area") == 0;
    if (stage->op->id == TRII_OP_VIGNETTE)
        p->strength = (float)trii_args_number(stage->op, &stage->args, "strength");
    *out = p;
    return TRI_OK;
}

static tri_status host_submit(struct tri_engine *engine, struct trii_prepared *prepared, struct trii_fence *fence,
                              struct tri_error *err) {
    (void)engine;
    (void)err;
    prepared->run(prepared);
    trii_fence_signal(fence, TRI_OK, NULL);
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
