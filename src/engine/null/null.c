/*
 * The null engine: the skeleton to clone when you write an engine. It is complete - views, one operation, fences from a
 * thread of its own, every way out - and it keeps every promise of contract.h, which tests/conformance/engine_kit_test.c
 * checks. It is part of that test only, not of the library.
 *
 * It stands in webgpu's place and does `threshold`, with the host's arithmetic, so that its results can be compared. Where
 * your library comes in is marked "yours:".
 *
 * Who calls what: one call at a time (the front door's lock), except wait and settle; `work` is this engine's own thread.
 */
#include "engine/null/null.h"

#include "base/alloc.h"
#include "base/status.h"
#include "base/sys.h"
#include "engine/ops/colour.h"

#include <pthread.h>

/* yours: what your library needs to reach the region's pages: a buffer over imported memory, a tensor over a pointer. */
struct view {
    bool made;
    uint32_t generation; /* a region's number is used again: another generation is another region */
    uint8_t *bytes;
};

/* The engine's struct begins with the head, which the front door fills; the rest is zeroed. */
struct null_engine {
    struct tri_engine head;
    struct view *views; /* one a region's number */
    struct trii_thread *thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    bool has_lock, closing;
    struct trii_prepared *first, *last; /* submitted, not begun */
};

/* What one stage needs, made once: running it allocates nothing. */
struct trii_prepared {
    const float *in;
    float *out;
    uint64_t count;
    struct trii_ramp ramp;
    struct trii_fence *fence;   /* of the submission in flight; there is at most one a stage */
    struct trii_prepared *next; /* so the queue needs no memory either */
};

static struct null_engine *self_of(struct tri_engine *engine) {
    return (struct null_engine *)(void *)engine; /* head is its first member */
}

/* ---- the engine's own thread: where the work is done and fences are signalled ---- */

/* yours: start your library's asynchronous work in submit, and signal the fence from its callback. */
static void compute(const struct trii_prepared *p) {
    for (uint64_t i = 0; i < p->count; i++) {
        float m = p->in[i];
        float ramp = p->ramp.gain > 0 ? (m - p->ramp.level) * p->ramp.gain + 0.5f : m >= p->ramp.level ? 1.0f : 0.0f;
        p->out[i] = ramp >= 1 ? 1.0f : ramp > 0 ? ramp : 0.0f; /* what is not a number is 0 */
    }
}

static struct trii_prepared *take(struct null_engine *self) {
    pthread_mutex_lock(&self->lock);
    while (!self->first && !self->closing)
        pthread_cond_wait(&self->changed, &self->lock);
    struct trii_prepared *p = self->first;
    if (p)
        self->first = p->next;
    pthread_mutex_unlock(&self->lock);
    return p;
}

static void work(void *user) {
    for (struct trii_prepared *p; (p = take(user)) != NULL;) {
        compute(p);
        /* Once, and last: from here on the stage may be submitted again, or released. */
        trii_fence_signal(p->fence, TRI_OK, NULL);
    }
}

/* ---- opening and closing ---- */

/* yours: open your library with trii_sys_library(), look its symbols up with trii_sys_symbol(), check that it is the one
 * you know, and on any failure return trii_fail() with what is missing and where it was looked for. What was done so far
 * is undone by close, which is called after a failed open too. */
static tri_status null_open(struct tri_engine *engine, const struct tri_engine_params *params, struct tri_error *err) {
    struct null_engine *self = self_of(engine);
    (void)params;
    self->views = trii_calloc(TRI_REGION_MAX, sizeof *self->views);
    if (!self->views)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for the table of views");
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    self->has_lock = true;
    int failed = trii_sys_thread_start(&self->thread, "tri-null", work, self);
    return failed ? trii_fail_errno(err, TRI_NO_MEMORY, failed, "the engine's thread can't be started") : TRI_OK;
}

/* A view holds a pin on its region (the pages stay as long as it lives) and is counted. */
static void drop(struct null_engine *self, uint32_t index) {
    struct view *view = &self->views[index];
    if (!view->made)
        return;
    *view = (struct view){0}; /* yours: give the native view back, and wait until the library has let go of the pages */
    trii_arena_count_views(self->head.arena, -1);
    trii_arena_unpin(self->head.arena, index);
}

/* Nothing is in flight. Every view goes back; a library stays loaded. */
static void null_close(struct tri_engine *engine) {
    struct null_engine *self = self_of(engine);
    if (self->has_lock) {
        pthread_mutex_lock(&self->lock);
        self->closing = true;
        pthread_cond_signal(&self->changed);
        pthread_mutex_unlock(&self->lock);
        trii_sys_thread_join(&self->thread);
        pthread_cond_destroy(&self->changed);
        pthread_mutex_destroy(&self->lock);
    }
    for (uint32_t index = 0; self->views && index < TRI_REGION_MAX; index++)
        drop(self, index);
    trii_free(self->views);
}

static void null_info(const struct tri_engine *engine, struct tri_engine_info *out) {
    (void)engine;
    *out = (struct tri_engine_info){.technology = TRI_TECHNOLOGY_WEBGPU,
                                    .name = "null",
                                    .library = "Tripoint",
                                    .version = TRI_VERSION_STRING,
                                    .library_path = "",
                                    .device = "a thread",
                                    .driver = "",
                                    .shares_memory = true,
                                    .sharing = "works on the arena's pages",
                                    .precision = "f32",
                                    .permissions = "none"};
}

/* Asked without an engine, too: then for what an open one does. */
static bool null_has(const struct tri_engine *engine, const struct trii_op *op) {
    (void)engine;
    return !op->custom && op->id == TRII_OP_THRESHOLD;
}

/* ---- views ---- */

/* Made once and kept until the region is freed: the second call finds the first one's. */
static tri_status null_view(struct tri_engine *engine, const struct trii_region *region, const struct tri_layout *layout,
                            void **native, struct tri_error *err) {
    struct null_engine *self = self_of(engine);
    struct view *view = &self->views[region->index];
    struct trii_region pinned;
    (void)layout; /* yours: shapes matter to tensors, not to buffers */
    if (!view->made || view->generation != region->generation) {
        tri_status status = trii_arena_pin(engine->arena, region->handle, &pinned, err);
        if (status != TRI_OK)
            return status;
        *view = (struct view){.made = true, .generation = region->generation, .bytes = pinned.bytes};
        trii_arena_count_views(engine->arena, 1);
    }
    *native = view->bytes;
    return TRI_OK;
}

/* The region was freed. Its pages are used again once the last pin is gone. */
static void null_forget(struct tri_engine *engine, uint32_t index, uint32_t generation) {
    struct null_engine *self = self_of(engine);
    if (self->views[index].made && self->views[index].generation == generation)
        drop(self, index);
}

/* ---- stages ---- */

/* Everything that allocates happens here. Operands were checked and are pinned for the stage's life. */
static tri_status null_prepare(struct tri_engine *engine, const struct trii_stage *stage, struct trii_prepared **out,
                               struct tri_error *err) {
    const struct trii_operand *mask = &stage->operands[0], *decided = &stage->operands[1];
    void *in, *result;
    tri_status status = null_view(engine, &mask->region, &mask->layout, &in, err);
    if (status == TRI_OK)
        status = null_view(engine, &decided->region, &decided->layout, &result, err);
    if (status != TRI_OK)
        return status;
    struct trii_prepared *p = trii_calloc(1, sizeof *p);
    if (!p)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for a prepared %s", stage->op->info.name);
    *p = (struct trii_prepared){.in = in,
                                .out = result,
                                .count = mask->layout.shape[0] * mask->layout.shape[1],
                                .ramp = trii_ramp_of(stage)};
    *out = p;
    return TRI_OK;
}

/* Starts the work and returns. On failure nothing is in flight and the fence stays as it was. */
static tri_status null_submit(struct tri_engine *engine, struct trii_prepared *p, struct trii_fence *fence,
                              struct tri_error *err) {
    struct null_engine *self = self_of(engine);
    (void)err;
    p->fence = fence;
    p->next = NULL;
    pthread_mutex_lock(&self->lock);
    if (self->first)
        self->last->next = p;
    else
        self->first = p;
    self->last = p;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
    return TRI_OK;
}

static void null_release(struct tri_engine *engine, struct trii_prepared *p) {
    (void)engine;
    trii_free(p);
}

/* ---- one byte through the view: how tests and `tripoint doctor` see that the bytes are the same ones ---- */

static tri_status null_peek(struct tri_engine *engine, const struct trii_region *region, uint64_t offset, uint8_t *out,
                            struct tri_error *err) {
    void *native;
    tri_status status = null_view(engine, region, NULL, &native, err);
    if (status == TRI_OK)
        *out = ((const uint8_t *)native)[offset];
    return status;
}

static tri_status null_poke(struct tri_engine *engine, const struct trii_region *region, uint64_t offset, uint8_t value,
                            struct tri_error *err) {
    void *native;
    tri_status status = null_view(engine, region, NULL, &native, err);
    if (status == TRI_OK)
        ((uint8_t *)native)[offset] = value;
    return status;
}

const struct trii_engine_vtable trii_null_engine = {
    .version = TRII_ENGINE_CONTRACT_VERSION,
    .technology = TRI_TECHNOLOGY_WEBGPU,
    .name = "null",
    .engine_bytes = sizeof(struct null_engine),
    .open = null_open,
    .close = null_close,
    .info = null_info,
    .has = null_has,
    .view = null_view,
    .forget = null_forget,
    .prepare = null_prepare,
    .submit = null_submit,
    .wait = NULL, /* yours: pump the library here, if it does not signal by itself */
    .release = null_release,
    .peek = null_peek,
    .poke = null_poke,
};
