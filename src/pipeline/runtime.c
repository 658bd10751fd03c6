/*
 * An arena, and engines that are opened when somebody first needs them.
 *
 *   CLOSED --(engine | warm)--> OPENING --> OPEN
 *      ^                           |
 *      +------- (told) --------- FAILED
 *
 * One thread opens; who needs the engine meanwhile waits for it. A failure is kept until a call that needs the engine
 * has been told; the next one tries anew. Each engine has its own lock, so engines open side by side.
 */
#include <tripoint/pipeline.h>

#include "base/alloc.h"
#include "base/params.h"
#include "base/status.h"
#include "base/sys.h"
#include "base/trace.h"
#include "engine/contract.h"
#include "engine/isolated/isolated.h"
#include "pipeline/place.h"
#include "pipeline/plan.h"

#include <tripoint/frames.h>

#include <pthread.h>
#include <string.h>

enum slot_state { CLOSED, OPENING, OPEN, FAILED };

struct slot {
    struct tri_runtime *runtime;
    enum tri_technology technology;
    struct tri_engine_params params;
    char *library_path, *cache_dir; /* what params points to; owned */
    pthread_mutex_t lock;
    pthread_cond_t settled;
    enum slot_state state;
    struct tri_engine *engine;
    struct tri_error error; /* FAILED */
    struct trii_thread *thread;
};

#define STREAMS_MAX TRI_FRAMES_SLOTS_MAX

/* What was found about a placement. */
struct placed {
    struct placed *next;
    char *key, *record;
};

struct tri_runtime {
    struct tri_arena *arena;
    pthread_mutex_t placing;
    struct placed *placed; /* placing */
    bool allow_native, isolate, workers;
    uint64_t isolate_timeout_ns;
    pthread_mutex_t streams_lock;
    struct tri_engine *streams[STREAMS_MAX]; /* streams_lock; by how many, less one */
    pthread_mutex_t isolated_lock;
    struct tri_engine *isolated[TRI_TECHNOLOGY_COUNT]; /* isolated_lock */
    struct slot slots[TRI_TECHNOLOGY_COUNT];
};

static tri_status copy_params(struct slot *slot, const struct tri_engine_params *params, struct tri_error *err) {
    slot->params = (struct tri_engine_params){.struct_bytes = sizeof slot->params};
    if (!params)
        return TRI_OK;
    struct tri_engine_params own = slot->params;
    tri_status status = trii_params_read(&own, sizeof own, params, "tri_engine_params", err);
    if (status != TRI_OK)
        return trii_error_place(err, status, tri_technology_name(slot->technology), NULL, NULL);
    slot->params = own;
    slot->params.library_path = slot->library_path = trii_strdup(own.library_path);
    slot->params.cache_dir = slot->cache_dir = trii_strdup(own.cache_dir);
    if ((own.library_path && !slot->library_path) || (own.cache_dir && !slot->cache_dir))
        return trii_fail(err, TRI_NO_MEMORY, "no memory for the parameters of %s",
                         tri_technology_name(slot->technology));
    return TRI_OK;
}

/* Workers import the arena. */
static tri_status make_arena(struct tri_runtime *runtime, const struct tri_arena_params *given, struct tri_error *err) {
    struct tri_arena_params params = {.struct_bytes = sizeof params};
    if (!runtime->workers)
        return tri_arena_create(given, &runtime->arena, err);
    tri_status status = trii_params_read(&params, sizeof params, given, "tri_arena_params", err);
    params.shared = true;
    return status == TRI_OK ? tri_arena_create(&params, &runtime->arena, err) : status;
}

tri_status tri_runtime_create(const struct tri_runtime_params *given, struct tri_runtime **out,
                              struct tri_error *err) {
    if (!out)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_runtime_create: out is NULL");
    struct tri_runtime_params params = {.struct_bytes = sizeof params};
    tri_status status = trii_params_read(&params, sizeof params, given, "tri_runtime_params", err);
    if (status != TRI_OK)
        return status;
    struct tri_runtime *runtime = trii_calloc(1, sizeof *runtime);
    if (!runtime)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for a runtime");
    trii_trace_begin_by_environment();
    runtime->allow_native = params.allow_native;
    runtime->isolate = params.isolate;
    runtime->workers = params.workers || params.isolate;
    runtime->isolate_timeout_ns = params.isolate_timeout_ns;
    pthread_mutex_init(&runtime->isolated_lock, NULL);
    pthread_mutex_init(&runtime->streams_lock, NULL);
    pthread_mutex_init(&runtime->placing, NULL);
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++) {
        struct slot *slot = &runtime->slots[t];
        slot->runtime = runtime;
        slot->technology = (enum tri_technology)t;
        pthread_mutex_init(&slot->lock, NULL);
        pthread_cond_init(&slot->settled, NULL);
        if (status == TRI_OK)
            status = copy_params(slot, params.engines[t], err);
    }
    if (status == TRI_OK)
        status = make_arena(runtime, params.arena, err);
    if (status != TRI_OK) {
        tri_runtime_destroy(&runtime);
        return status;
    }
    *out = runtime;
    return TRI_OK;
}

void tri_runtime_destroy(struct tri_runtime **runtime) {
    if (!runtime || !*runtime)
        return;
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++)
        trii_sys_thread_join(&(*runtime)->slots[t].thread);
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++) {
        struct slot *slot = &(*runtime)->slots[t];
        tri_engine_close(&(*runtime)->isolated[t]);
        tri_engine_close(&slot->engine);
        pthread_cond_destroy(&slot->settled);
        pthread_mutex_destroy(&slot->lock);
        trii_free(slot->library_path);
        trii_free(slot->cache_dir);
    }
    for (struct placed *placed = (*runtime)->placed, *next; placed; placed = next) {
        next = placed->next;
        trii_free(placed->key);
        trii_free(placed->record);
        trii_free(placed);
    }
    for (size_t s = 0; s < STREAMS_MAX; s++)
        tri_engine_close(&(*runtime)->streams[s]);
    pthread_mutex_destroy(&(*runtime)->streams_lock);
    pthread_mutex_destroy(&(*runtime)->placing);
    pthread_mutex_destroy(&(*runtime)->isolated_lock);
    trii_trace_write_by_environment();
    tri_arena_destroy(&(*runtime)->arena);
    trii_free(*runtime);
    *runtime = NULL;
}

struct tri_arena *tri_runtime_arena(struct tri_runtime *runtime) {
    return runtime ? runtime->arena : NULL;
}

bool trii_runtime_allows_native(const struct tri_runtime *runtime) {
    return runtime->allow_native;
}

bool trii_runtime_isolates(const struct tri_runtime *runtime) {
    return runtime->isolate;
}

bool trii_runtime_has_workers(const struct tri_runtime *runtime) {
    return runtime->workers;
}

/* Opened as the technology's own engine would be. */
tri_status trii_runtime_isolated(struct tri_runtime *runtime, enum tri_technology technology, struct tri_engine **out,
                                 struct tri_error *err) {
    struct tri_engine **engine = &runtime->isolated[technology];
    tri_status status = TRI_OK;
    pthread_mutex_lock(&runtime->isolated_lock);
    if (!*engine) {
        status = trii_engine_open_as(runtime->arena, &trii_isolated_engines[technology], &runtime->slots[technology].params,
                                     engine, err);
        if (status == TRI_OK)
            trii_isolated_limit(*engine, runtime->isolate_timeout_ns);
    }
    *out = *engine;
    pthread_mutex_unlock(&runtime->isolated_lock);
    return status;
}

/* Who opens it holds the lock: others that want one of these wait for it, which is what they would do anyway. */
tri_status trii_runtime_streams(struct tri_runtime *runtime, uint32_t streams, struct tri_engine **out,
                                struct tri_error *err) {
    struct tri_engine_params params = runtime->slots[TRI_TECHNOLOGY_WEBNN].params;
    tri_status status = TRI_OK;
    if (streams < 1 || streams > STREAMS_MAX)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "%u inferences at once; there may be 1 to %u", streams, STREAMS_MAX);
    params.threads = trii_sys_processors() > streams ? trii_sys_processors() / streams : 1; /* what is left idle infers too */
    pthread_mutex_lock(&runtime->streams_lock);
    if (!runtime->streams[streams - 1])
        status = tri_engine_open(runtime->arena, TRI_TECHNOLOGY_WEBNN, &params, &runtime->streams[streams - 1], err);
    if (status == TRI_OK)
        *out = runtime->streams[streams - 1];
    pthread_mutex_unlock(&runtime->streams_lock);
    return status;
}

/* ---- what was found about placement ---- */

const struct tri_engine_params *trii_runtime_engine_params(const struct tri_runtime *runtime,
                                                           enum tri_technology technology) {
    return &runtime->slots[technology].params;
}

void trii_runtime_lock_placing(struct tri_runtime *runtime) {
    pthread_mutex_lock(&runtime->placing);
}

void trii_runtime_unlock_placing(struct tri_runtime *runtime) {
    pthread_mutex_unlock(&runtime->placing);
}

const char *trii_runtime_placed(struct tri_runtime *runtime, const char *key) {
    for (const struct placed *placed = runtime->placed; placed; placed = placed->next)
        if (strcmp(placed->key, key) == 0)
            return placed->record;
    return NULL;
}

/* Where there is no memory for it, the next pipeline looks into the cache, or measures. */
void trii_runtime_place(struct tri_runtime *runtime, const char *key, const char *record) {
    struct placed *placed = trii_calloc(1, sizeof *placed);
    if (!placed)
        return;
    *placed = (struct placed){.key = trii_strdup(key), .record = trii_strdup(record), .next = runtime->placed};
    if (placed->key && placed->record) {
        runtime->placed = placed;
        return;
    }
    trii_free(placed->key);
    trii_free(placed->record);
    trii_free(placed);
}

/* ---- engines ---- */

/* The slot is OPENING and this thread is the one that opens: nobody else touches its engine. */
static void open_slot(struct slot *slot) {
    struct tri_engine *engine = NULL;
    struct tri_error error = {0};
    uint64_t began = trii_trace_now();
    tri_status status = tri_engine_open(slot->runtime->arena, slot->technology, &slot->params, &engine, &error);
    if (began)
        trii_trace_add(&(struct trii_span){
            .track = TRII_TRACK_PREPARE, .technology = slot->technology, .name = "open", .begin_ns = began});
    trii_error_place(&error, status, tri_technology_name(slot->technology), NULL, NULL);
    pthread_mutex_lock(&slot->lock);
    slot->engine = engine;
    slot->error = error;
    slot->error.status = status;
    slot->state = status == TRI_OK ? OPEN : FAILED;
    pthread_cond_broadcast(&slot->settled);
    pthread_mutex_unlock(&slot->lock);
}

static void open_in_background(void *user) {
    open_slot(user);
}

tri_status tri_runtime_engine(struct tri_runtime *runtime, enum tri_technology technology, struct tri_engine **out,
                              struct tri_error *err) {
    if (!runtime || !out || (unsigned)technology >= TRI_TECHNOLOGY_COUNT)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_runtime_engine: no runtime, no place for the engine, or %d is "
                                                    "no technology", (int)technology);
    struct slot *slot = &runtime->slots[technology];
    tri_status status = TRI_OK;
    pthread_mutex_lock(&slot->lock);
    if (slot->state == CLOSED) {
        slot->state = OPENING;
        pthread_mutex_unlock(&slot->lock);
        open_slot(slot);
        pthread_mutex_lock(&slot->lock);
    }
    while (slot->state == OPENING)
        pthread_cond_wait(&slot->settled, &slot->lock);
    if (slot->state == OPEN) {
        *out = slot->engine;
    } else { /* FAILED, or told already to another who waited for the same attempt */
        status = slot->error.status;
        trii_error_copy(err, &slot->error);
        slot->state = CLOSED;
    }
    pthread_mutex_unlock(&slot->lock);
    return status;
}

void tri_runtime_settle(struct tri_runtime *runtime) {
    for (int t = 0; runtime && t < TRI_TECHNOLOGY_COUNT; t++) {
        struct slot *slot = &runtime->slots[t];
        pthread_mutex_lock(&slot->lock);
        struct tri_engine *engine = slot->state == OPEN ? slot->engine : NULL;
        pthread_mutex_unlock(&slot->lock);
        if (engine)
            trii_engine_settle(engine);
    }
    for (size_t s = 0; runtime && s < STREAMS_MAX; s++) {
        pthread_mutex_lock(&runtime->streams_lock);
        struct tri_engine *engine = runtime->streams[s];
        pthread_mutex_unlock(&runtime->streams_lock);
        if (engine)
            trii_engine_settle(engine);
    }
    trii_trace_write_by_environment();
}

void tri_runtime_warm(struct tri_runtime *runtime, enum tri_technology technology) {
    if (!runtime || (unsigned)technology >= TRI_TECHNOLOGY_COUNT)
        return;
    struct slot *slot = &runtime->slots[technology];
    pthread_mutex_lock(&slot->lock);
    /* A thread of an earlier warm that failed still stands here: then the next call that needs the engine opens it. */
    if (slot->state == CLOSED && !slot->thread &&
        trii_sys_thread_start(&slot->thread, "tri-open", open_in_background, slot) == 0)
        slot->state = OPENING;
    pthread_mutex_unlock(&slot->lock);
}
