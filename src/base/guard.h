/*
 * Touches of closed pages. Who closes pages on purpose (PROT_NONE, or PROT_READ) is asked here what to do when somebody
 * touches them: open them and let the instruction be tried again, or leave it to whoever would have been asked without us.
 *
 * One SIGSEGV handler a process, in front of the handlers that were there before, which get what no guard wants: Wasmtime
 * makes guests' traps of it, the system a crash. A library that installs its own handler later stands in front of ours
 * until trii_guard_to_front(); it must hand on what it does not know, as Wasmtime does.
 *
 * Ownership: a guard is its caller's and stays where it is until it was removed.
 * Threads:   any. `touched` runs in the signal handler of the thread that touched: it may call mprotect and use atomics,
 *            and nothing else.
 * Errors:    0 or an errno value; ENOTSUP where a processor's faults can't be read yet (all but x86-64 and arm64).
 */
#ifndef TRIPOINT_BASE_GUARD_H
#define TRIPOINT_BASE_GUARD_H

#include <tripoint/common.h>

struct trii_touch {
    uintptr_t address;
    uintptr_t code;  /* the instruction that touched it */
    uintptr_t stack; /* the stack pointer then */
    uintptr_t link;  /* the link register then; 0 on processors without one */
    bool writes;
};

struct trii_guard {
    bool (*touched)(void *user, const struct trii_touch *touch); /* true: try the instruction again */
    void *user;
};

/* Puts the handler in front if it is not there. EBUSY beyond eight guards. */
int trii_guard_add(struct trii_guard *guard);
/* Returns when no thread is in `touched` any more; not to be called from there. */
void trii_guard_remove(struct trii_guard *guard);
/* After a library came up that may have installed a handler. EBUSY when that has happened too often. */
int trii_guard_to_front(void);

#endif
