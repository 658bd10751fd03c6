/*
 * The contract between the front door (engine.c) and an engine. The front door validates - bounds, alignment, kinds,
 * access, lifetimes - so an engine trusts what it is given and checks only what its own library says.
 *
 * Life:  open -> { view | prepare -> submit* -> release }* -> close
 *
 *  1. open brings the library up (dlopen, device, self-checks of the declared ABI) or says why it can't.
 *  2. view makes or finds the native view of a region, cached until `forget`. Every cached view holds a pin on its
 *     region (trii_arena_pin) and is counted (trii_arena_count_views).
 *  3. prepare does everything that allocates: shaders, bind groups, requests, guest windows, warm-up.
 *  4. submit starts the work and returns; it allocates nothing of ours. The fence is signalled exactly once, on any
 *     thread, also on failure. A synchronous engine signals it before returning. One prepared stage has at most one
 *     submission in flight.
 *  5. wait helps a fence along where the library has to be pumped; NULL where the fence is signalled by itself.
 *  6. forget drops the view of a freed region and unpins it once the library has let go of the pages.
 *  7. close: nothing is in flight; gives every view back. Libraries stay loaded (never dlclose).
 *
 * Errors carry the engine's own words and code; the front door and the executor add engine, stage and region. Engines
 * open concurrently in different threads; one engine's calls are serialised by the front door,
 * except wait and settle, which may run beside them, submit where the engine says so, and whatever signals fences.
 */
#ifndef TRIPOINT_ENGINE_CONTRACT_H
#define TRIPOINT_ENGINE_CONTRACT_H

#include <tripoint/engine.h>

#include "arena/arena.h"
#include "engine/op.h"

#include <stdatomic.h>

/* Signalled once when submitted work has ended. Caller-owned; must stay where it is while in flight. */
struct trii_fence {
    _Atomic uint32_t state; /* fence.c's: in flight or done; a futex word */
    tri_status status;      /* valid once done */
    struct tri_error error; /* filled when status is not TRI_OK */
};
void trii_fence_init(struct trii_fence *fence);
/* `error` may be NULL when status is TRI_OK. Wakes the waiter. */
void trii_fence_signal(struct trii_fence *fence, tri_status status, const struct tri_error *error);
bool trii_fence_is_done(struct trii_fence *fence);
/* TRI_TIMEOUT or TRI_OK (then look at fence->status). Spins briefly, then sleeps. */
tri_status trii_fence_wait(struct trii_fence *fence, uint64_t timeout_ns);

/* One operand of a stage: what it is, where it is, and what it holds (before the stage for inputs, after it for
 * outputs). When a stage works in place an input and an output name the same region. Layouts are tight, at offset 0. */
struct trii_operand {
    const struct tri_operand_info *info;
    struct trii_region region;
    struct tri_layout layout;
};

/* A checked stage. Lives as long as what was prepared from it. Operands stand in the operation's order. */
struct trii_stage {
    const char *name;
    const struct trii_op *op;
    struct trii_args args;
    struct trii_operand operands[TRII_OP_OPERANDS_MAX];
    size_t operand_count;
    bool in_place; /* operand of output 0 is the region of input 0 */
};

struct trii_engine_vtable;
struct trii_engine_lock;

/* The head of every engine's own struct. */
struct tri_engine {
    const struct trii_engine_vtable *vtable;
    struct tri_arena *arena;
    struct trii_region_watch watch; /* the front door's */
    struct trii_engine_lock *lock;  /* the front door's */
};

struct trii_prepared; /* an engine's own */

#define TRII_ENGINE_CONTRACT_VERSION 1

struct trii_engine_vtable {
    uint32_t version; /* TRII_ENGINE_CONTRACT_VERSION */
    enum tri_technology technology;
    const char *name;
    size_t engine_bytes; /* the engine's struct, allocated zeroed by the front door with the head filled */

    tri_status (*open)(struct tri_engine *engine, const struct tri_engine_params *params, struct tri_error *err);
    void (*close)(struct tri_engine *engine); /* also after a failed open: undo what was done */
    void (*info)(const struct tri_engine *engine, struct tri_engine_info *out);
    /* Whether it does the operation, built in or custom. `engine` may be NULL: what it does once it is open. */
    bool (*has)(const struct tri_engine *engine, const struct trii_op *op);

    /* `layout` is what the region holds now (webnn shapes its tensor by it). The native view is stored as the
     * technology's own type: WGPUBuffer, ov_tensor_t *, or a guest address cast to a pointer-sized number. */
    tri_status (*view)(struct tri_engine *engine, const struct trii_region *region, const struct tri_layout *layout,
                       void **native, struct tri_error *err);
    void (*forget)(struct tri_engine *engine, uint32_t index, uint32_t generation);

    tri_status (*prepare)(struct tri_engine *engine, const struct trii_stage *stage, struct trii_prepared **out,
                          struct tri_error *err);
    tri_status (*submit)(struct tri_engine *engine, struct trii_prepared *prepared, struct trii_fence *fence,
                         struct tri_error *err);
    /* Submissions may run beside each other and beside the engine's other calls: the front door does not hold them up.
     * For engines that work in submit, else frames in flight would wait for each other there. */
    bool submits_freely;
    tri_status (*wait)(struct tri_engine *engine, struct trii_fence *fence, uint64_t timeout_ns);
    /* Ends the work behind a fence by force, so that the fence is done when this returns; NULL where that can't be. */
    void (*abandon)(struct tri_engine *engine, struct trii_fence *fence);
    void (*release)(struct tri_engine *engine, struct trii_prepared *prepared);
    /* Returns when what this process compiled is in the cache; NULL where nothing is stored in the background. */
    void (*settle)(struct tri_engine *engine);

    /* One byte as the technology sees it: a dispatch, an inference, a guest call. Claims are held by the front door. */
    tri_status (*peek)(struct tri_engine *engine, const struct trii_region *region, uint64_t offset, uint8_t *out,
                       struct tri_error *err);
    tri_status (*poke)(struct tri_engine *engine, const struct trii_region *region, uint64_t offset, uint8_t value,
                       struct tri_error *err);

    /* What only the library can tell about a file that a stage names, such as a model's inputs: completes `custom`
     * before layouts are inferred. NULL where files tell all themselves. An engine that has operations from files
     * finds them in prepare by stage->op->custom (engine/custom/custom.h). */
    tri_status (*reflect)(struct tri_engine *engine, struct trii_custom *custom, struct tri_error *err);
};

extern const struct trii_engine_vtable trii_host_engine, trii_wasm_engine, trii_webgpu_engine, trii_webnn_engine;

/* For tests: engines of a technology that are opened from now on are this one; NULL: the built-in one again. */
void trii_engine_replace(enum tri_technology technology, const struct trii_engine_vtable *vtable);

/* ---- the front door, for the rooms above ---- */

/* A prepared stage with the pins on its regions: what an executor holds. */
struct trii_task;

bool trii_engine_has(const struct tri_engine *engine, const struct trii_op *op);
/* For what is asked of an engine between its calls (a model's shapes). */
void trii_engine_lock(struct tri_engine *engine);
void trii_engine_unlock(struct tri_engine *engine);
tri_status trii_engine_reflect(struct tri_engine *engine, struct trii_custom *custom, struct tri_error *err);
/* Checks the stage against its operation and pins its regions for the life of the task. `stage` must outlive it. */
tri_status trii_task_prepare(struct tri_engine *engine, const struct trii_stage *stage, struct trii_task **out,
                             struct tri_error *err);
/* Starts the work. On failure nothing is in flight and the fence stays as it was. */
tri_status trii_task_submit(struct trii_task *task, struct trii_fence *fence, struct tri_error *err);
/* Ends by force what did not end in time, where the engine can: then the fence is done. */
void trii_task_abandon(struct trii_task *task, struct trii_fence *fence);
/* tri_engine_open() with a vtable that no technology's number leads to. */
tri_status trii_engine_open_as(struct tri_arena *arena, const struct trii_engine_vtable *vtable,
                               const struct tri_engine_params *params, struct tri_engine **out, struct tri_error *err);
/* Waits for the fence, pumping the engine where it must be: the fence's own status and error once it is done, else
 * TRI_TIMEOUT (the work goes on; the task must not be released before the fence is done). */
tri_status trii_task_wait(struct trii_task *task, struct trii_fence *fence, uint64_t timeout_ns, struct tri_error *err);
void trii_task_release(struct trii_task **task);
void trii_engine_settle(struct tri_engine *engine);
enum tri_technology trii_engine_technology(const struct tri_engine *engine);

#endif
