/*
 * Ends guest calls that run too long. Compiled guests look at the engine's epoch in every loop and at every function's
 * entry; the watchdog's thread moves the epoch on when the call in flight is past its deadline, and the guest traps.
 *
 * The thread sleeps until the earliest moment at which a call could be late, not until a tick: a call costs a clock
 * reading and two uncontended locks, and a process that calls guests all day wakes the thread once a time limit. With
 * no call in flight it sleeps until one begins.
 *
 * Ownership: the engine's. Threads: begin and end from one thread at a time (the front door's lock). Errors: open.
 */
#ifndef TRIPOINT_ENGINE_WASM_WATCHDOG_H
#define TRIPOINT_ENGINE_WASM_WATCHDOG_H

#include "engine/wasm/wasmtime.h"

#include <pthread.h>
#include <stdatomic.h>

struct trii_thread;

struct trii_watchdog {
    pthread_mutex_t lock;
    void (*bite)(wasm_engine_t *engine); /* moves the epoch on */
    wasm_engine_t *engine;
    struct trii_thread *thread;
    _Atomic uint32_t bell; /* changes when the thread has to look before it meant to; a futex word */
    uint64_t deadline;     /* of the call in flight; TRI_FOREVER without one */
    uint64_t looks_at;     /* when the thread looks next; 0 while it is awake */
    bool stop;
};

tri_status trii_watchdog_open(struct trii_watchdog *dog, const struct trii_wasmtime *w, wasm_engine_t *engine,
                              struct tri_error *err);
/* {0} may be closed. */
void trii_watchdog_close(struct trii_watchdog *dog);
/* The call's own epoch deadline must be set before: one beyond the current epoch. */
void trii_watchdog_begin(struct trii_watchdog *dog, uint64_t limit_ns);
void trii_watchdog_end(struct trii_watchdog *dog);

#endif
