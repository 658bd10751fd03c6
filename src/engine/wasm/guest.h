/*
 * One guest: a compiled module and the instance that runs it.
 *
 * The instance is made when it is first needed and thrown away after a trap - the guest's stack pointer and heap are
 * then where the trap left them - to be made afresh for the next call. Compiling happens once, or never, when the cache
 * of compiled guests has the code (base/cache.h: nothing else is ever deserialized, for that is native code).
 *
 * Ownership: the engine's, or a test's. Threads: under the front door's lock. Errors: TRI_BAD_MODULE when the module
 * is refused, TRI_TRAP when it trapped.
 */
#ifndef TRIPOINT_ENGINE_WASM_GUEST_H
#define TRIPOINT_ENGINE_WASM_GUEST_H

#include "engine/wasm/watchdog.h"
#include "engine/wasm/window.h"

struct trii_cache;
struct tripoint_call;

/* What an engine's guests have in common. */
struct trii_wasm_host {
    struct trii_wasmtime w;
    wasm_engine_t *engine;
    struct trii_window window;
    struct trii_watchdog dog;
    struct trii_cache *cache; /* NULL: none */
    char settings[65];        /* hash of the compiler's version and settings, CPU features among them */
    uint64_t limit_ns;        /* of one call */
};

struct trii_wasm_guest {
    struct trii_wasm_host *host;
    char name[32]; /* for people: "vignette" */
    wasmtime_module_t *module;
    bool from_cache;

    /* The instance. store is NULL when there is none. */
    wasmtime_store_t *store;
    wasmtime_context_t *context;
    wasmtime_instance_t instance;
    wasmtime_memory_t memory;
    uint8_t *base;
    uint32_t number;         /* in the window */
    uint32_t buffer;         /* address of its struct tripoint_call; 0 for a guest without ABI */
    uint64_t born;           /* counts instances: functions of an earlier one are void */
};

#define TRII_WASM_MODULE_MAX ((size_t)16 << 20)

/* Compiles. The bytes are not kept. A module with imports is refused. */
tri_status trii_guest_load(struct trii_wasm_guest *guest, struct trii_wasm_host *host, const char *name,
                           const void *bytes, size_t size, struct tri_error *err);
/* The same from a file of at most TRII_WASM_MODULE_MAX bytes. */
tri_status trii_guest_load_file(struct trii_wasm_guest *guest, struct trii_wasm_host *host, const char *name,
                                const char *path, struct tri_error *err);
/* {0} may be closed. */
void trii_guest_close(struct trii_wasm_guest *guest);

/* Makes the instance, if there is none. */
tri_status trii_guest_start(struct trii_wasm_guest *guest, struct tri_error *err);
/* The same, and checks what tripoint_guest.h asks for. */
tri_status trii_guest_start_abi(struct trii_wasm_guest *guest, struct tri_error *err);
void trii_guest_stop(struct trii_wasm_guest *guest);

/* A function of the running instance that takes `params` i32 and gives `results` i32. */
tri_status trii_guest_function(struct trii_wasm_guest *guest, const char *name, size_t params, size_t results,
                               wasmtime_func_t *out, struct tri_error *err);
/* Calls it: arguments in values[0 ...], the result in values[0]; `count` covers both. After a trap the guest has no
 * instance. `err` (not NULL) then says what it did. */
tri_status trii_guest_call(struct trii_wasm_guest *guest, const char *name, const wasmtime_func_t *function,
                           wasmtime_val_raw_t *values, size_t count, const struct trii_grants *grants,
                           struct tri_error *err);

/* Tells what trapped, where, and at which address of whose; deletes the trap. */
tri_status trii_trap_fail(const struct trii_wasm_guest *guest, wasm_trap_t *trap, const char *function,
                          const struct trii_grants *grants, struct tri_error *err);

#endif
