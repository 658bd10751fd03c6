/*
 * An engine that fails, stalls and copies when the test says so. It calls itself wasm, takes the real one's place in a
 * test program, and knows vignette: it fills the output with 0xaa.
 */
#ifndef TRIPOINT_TESTS_FAKE_ENGINE_H
#define TRIPOINT_TESTS_FAKE_ENGINE_H

#include "kit.h"

#include "base/alloc.h"
#include "base/atomic.h"
#include "base/ledger.h"
#include "base/status.h"
#include "base/sys.h"
#include "engine/contract.h"

static struct {
    tri_status submit, fence;   /* what happens next; TRI_OK works */
    bool stall;                 /* the fence waits for fake_end_stalled() */
    bool copy;                  /* count a copy between stages */
    _Atomic uint32_t submitted; /* a futex word: stages begun */
    _Atomic(struct trii_fence *) stalled;
    tri_status open;
} fake;

struct trii_prepared {
    const struct trii_stage *stage;
};

static tri_status fake_open(struct tri_engine *engine, const struct tri_engine_params *params, struct tri_error *err) {
    (void)engine, (void)params;
    return fake.open == TRI_OK ? TRI_OK : trii_fail(err, fake.open, "the test said so");
}
static void fake_close(struct tri_engine *engine) {
    (void)engine;
}
static void fake_info(const struct tri_engine *engine, struct tri_engine_info *out) {
    (void)engine;
    *out = (struct tri_engine_info){.technology = TRI_TECHNOLOGY_WASM, .name = "wasm"};
}
static bool fake_has(const struct tri_engine *engine, const struct trii_op *op) {
    (void)engine;
    return op->id == TRII_OP_VIGNETTE;
}
static void fake_forget(struct tri_engine *engine, uint32_t index, uint32_t generation) {
    (void)engine, (void)index, (void)generation;
}
static tri_status fake_prepare(struct tri_engine *engine, const struct trii_stage *stage, struct trii_prepared **out,
                               struct tri_error *err) {
    (void)engine;
    struct trii_prepared *p = trii_calloc(1, sizeof *p);
    if (!p)
        return trii_fail(err, TRI_NO_MEMORY, "no memory");
    p->stage = stage;
    *out = p;
    return TRI_OK;
}
static tri_status fake_submit(struct tri_engine *engine, struct trii_prepared *prepared, struct trii_fence *fence,
                              struct tri_error *err) {
    const struct trii_operand *out = &prepared->stage->operands[1];
    uint64_t bytes = 0;
    struct tri_error cause = {0};
    if (fake.submit != TRI_OK)
        return trii_fail(err, fake.submit, "submit fails by order of the test");
    if (tri_layout_bytes_needed(&out->layout, &bytes, &cause) == TRI_OK)
        memset(out->region.bytes, 0xaa, (size_t)bytes);
    if (fake.copy) {
        const struct trii_copy copy = {TRI_LEDGER_BETWEEN, prepared->stage->name, out->region.label, "staging"};
        trii_ledger_count(trii_arena_ledger(engine->arena), &copy, bytes);
    }
    if (fake.stall)
        trii_store_release(&fake.stalled, fence);
    else
        trii_fence_signal(fence, fake.fence,
                          fake.fence == TRI_OK ? NULL : (trii_fail(&cause, fake.fence, "trapped at 42"), &cause));
    trii_add_acq_rel(&fake.submitted, 1);
    trii_sys_futex_wake(&fake.submitted, 1, false);
    return TRI_OK;
}
static inline void fake_end_stalled(void) {
    trii_fence_signal(trii_load_acquire(&fake.stalled), TRI_OK, NULL);
}
static void fake_release(struct tri_engine *engine, struct trii_prepared *prepared) {
    (void)engine;
    trii_free(prepared);
}

const struct trii_engine_vtable trii_wasm_engine = {
    .version = TRII_ENGINE_CONTRACT_VERSION,
    .technology = TRI_TECHNOLOGY_WASM,
    .name = "wasm",
    .engine_bytes = sizeof(struct tri_engine),
    .open = fake_open,
    .close = fake_close,
    .info = fake_info,
    .has = fake_has,
    .forget = fake_forget,
    .prepare = fake_prepare,
    .submit = fake_submit,
    .release = fake_release,
};

#endif
