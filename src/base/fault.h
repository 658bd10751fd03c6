/*
 * Failures on demand: "make the nth allocation (mmap, dlsym, thread, ...) fail".
 *
 * A test calls trii_fault_arm(kind, n): the nth later call of that kind fails once, as the real
 * one would. n counts from 0. A scenario is run for n = 0, 1, 2 ... until it survives without the
 * fault having fired. Costs one relaxed load a call when nothing is armed.
 */
#ifndef TRIPOINT_BASE_FAULT_H
#define TRIPOINT_BASE_FAULT_H

#include <tripoint/common.h>

enum trii_fault {
    TRII_FAULT_ALLOC,   /* trii_alloc and friends return NULL */
    TRII_FAULT_MMAP,    /* mmap fails with ENOMEM */
    TRII_FAULT_MPROTECT,/* mprotect fails with ENOMEM */
    TRII_FAULT_POPULATE,/* bringing pages in fails with ENOMEM */
    TRII_FAULT_MEMFD,   /* memfd_create fails with EMFILE */
    TRII_FAULT_FTRUNCATE,/* ftruncate fails with ENOSPC */
    TRII_FAULT_FUTEX,   /* futex waits return at once, as on a spurious wake-up */
    TRII_FAULT_WAITV,   /* the kernel can't wait for two futexes at once */
    TRII_FAULT_THREAD,  /* thread creation fails with EAGAIN */
    TRII_FAULT_DLOPEN,  /* dlopen fails */
    TRII_FAULT_DLSYM,   /* dlsym finds nothing */
    TRII_FAULT_OPEN,    /* open fails with EMFILE */
    TRII_FAULT_WRITE,   /* write fails with ENOSPC */
    TRII_FAULT_TMPFILE, /* the file system has no nameless files */
    TRII_FAULT_SEAL,    /* sealing a memfd against writers fails with EINVAL */
    TRII_FAULT_SOCKET,  /* making, connecting or accepting a socket, or an eventfd, fails with EMFILE */
    TRII_FAULT_SEND,    /* a packet is not sent: ENOBUFS */
    TRII_FAULT_OPENAT2, /* the kernel does not know openat2 */
    TRII_FAULT_COUNT
};

void trii_fault_arm(enum trii_fault kind, uint64_t nth);
/* True when it fired; disarms. */
bool trii_fault_disarm(enum trii_fault kind);
/* For the callers of the real thing. */
bool trii_fault_now(enum trii_fault kind);

#endif
