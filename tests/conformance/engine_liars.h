/*
 * The null engine with one promise broken each: what the kit must catch (liars_test.py runs it on them).
 */
#ifndef TRIPOINT_TESTS_ENGINE_LIARS_H
#define TRIPOINT_TESTS_ENGINE_LIARS_H

#include "base/alloc.h"
#include "engine/null/null.h"

static tri_status liar_allocates(struct tri_engine *engine, struct trii_prepared *p, struct trii_fence *fence,
                                 struct tri_error *err) {
    trii_free(trii_calloc(1, 64));
    return trii_null_engine.submit(engine, p, fence, err);
}

static struct trii_fence *liar_signalled;
static tri_status liar_remembers(struct tri_engine *engine, struct trii_prepared *p, struct trii_fence *fence,
                                 struct tri_error *err) {
    liar_signalled = fence;
    return trii_null_engine.submit(engine, p, fence, err);
}
static void liar_signals_again(struct tri_engine *engine) {
    if (liar_signalled)
        trii_fence_signal(liar_signalled, TRI_OK, NULL);
    liar_signalled = NULL;
    trii_null_engine.close(engine);
}

static tri_status liar_writes_beside(struct tri_engine *engine, const struct trii_region *region, uint64_t offset,
                                     uint8_t value, struct tri_error *err) {
    return trii_null_engine.poke(engine, region, offset, (uint8_t)(value + 1), err);
}

static void liar_pins_for_ever(struct tri_engine *engine) {
    trii_arena_count_views(engine->arena, 1);
    trii_null_engine.close(engine);
}

static tri_status liar_says_nothing(struct tri_engine *engine, const struct tri_engine_params *params,
                                         struct tri_error *err) {
    tri_status status = trii_null_engine.open(engine, params, err);
    if (status != TRI_OK && err)
        err->message[0] = '\0';
    return status;
}

/* The null engine with something of it replaced; false for another name. */
static bool liar(const char *name, struct trii_engine_vtable *out) {
    *out = trii_null_engine;
    if (strcmp(name, "liar-allocates") == 0)
        out->submit = liar_allocates;
    else if (strcmp(name, "liar-signals-twice") == 0) {
        out->submit = liar_remembers;
        out->close = liar_signals_again;
    } else if (strcmp(name, "liar-other-bytes") == 0)
        out->poke = liar_writes_beside;
    else if (strcmp(name, "liar-keeps-views") == 0)
        out->close = liar_pins_for_ever;
    else if (strcmp(name, "liar-fails-silently") == 0)
        out->open = liar_says_nothing;
    else
        return false;
    return true;
}

#endif
