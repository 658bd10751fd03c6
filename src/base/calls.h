/*
 * System calls of this process, seen before they are made.
 *
 * A filter in the kernel turns the chosen calls into SIGSYS; the handler shows each to the watcher, makes the call itself
 * from the one place that the filter lets pass, and puts the result where the caller looks for it.
 *
 * Ownership: the filter can't be taken back; it stays for the rest of the process's life, and children that are executed
 *            have it without the handler: a process that did this starts no others.
 * Threads:   all of them, also those that exist already. A thread that blocks SIGSYS is ended by the kernel at its first
 *            such call. `seen` runs in the signal handler of the thread that calls.
 * Errors:    0 or an errno value; ENOTSUP on processors other than x86-64 and arm64, and under sanitizers, whose leak
 *            checker has a thread that blocks SIGSYS.
 */
#ifndef TRIPOINT_BASE_CALLS_H
#define TRIPOINT_BASE_CALLS_H

#include <tripoint/common.h>

struct trii_call {
    uint32_t number;
    uint64_t args[6];
    uintptr_t code;  /* the instruction after the call */
    uintptr_t stack; /* the stack pointer then */
};

/* `numbers` and the watcher are those of the first call; `seen` is kept. EBUSY for a second one with another watcher. */
int trii_calls_trap(const uint32_t *numbers, size_t count, void (*seen)(const struct trii_call *call));
/* Makes a call past the filter: the kernel's own result, a negative errno. */
long trii_calls_pass(uint32_t number, const uint64_t args[6]);

#endif
