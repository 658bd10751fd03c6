#include "base/guard.h"

#include "base/atomic.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <ucontext.h>

#define GUARDS_MAX 8
#define LEVELS_MAX 4

static struct trii_guard *_Atomic guards[GUARDS_MAX];
static _Atomic uint32_t inside; /* threads that walk the guards */

/* ---- reading a fault ---- */

#if defined(__x86_64__)

#define CAN_READ 1

static bool read_fault(const siginfo_t *info, const ucontext_t *context, struct trii_touch *out) {
    const greg_t *registers = context->uc_mcontext.gregs;
    *out = (struct trii_touch){.address = (uintptr_t)info->si_addr,
                               .code = (uintptr_t)registers[REG_RIP],
                               .stack = (uintptr_t)registers[REG_RSP],
                               .writes = (registers[REG_ERR] & 2) != 0};
    return info->si_code == SEGV_ACCERR && (registers[REG_ERR] & 16) == 0; /* 16: the instruction itself */
}

#elif defined(__aarch64__)

#define CAN_READ 1
#define ESR_MAGIC_WORD 0x45535201u

/* The kernel appends records of | magic 32 | bytes 32 | …; that of the syndrome register says whether it was a store. */
static bool read_fault(const siginfo_t *info, const ucontext_t *context, struct trii_touch *out) {
    const unsigned char *at = (const unsigned char *)context->uc_mcontext.__reserved, *end = at + 4096;
    uint64_t syndrome = 0;
    while (at + 16 <= end) {
        uint32_t head[2];
        __builtin_memcpy(head, at, sizeof head); /* not payload: a record of the kernel's */
        if (head[0] == ESR_MAGIC_WORD)
            __builtin_memcpy(&syndrome, at + 8, sizeof syndrome); /* not payload: the same */
        if (head[0] == 0 || head[0] == ESR_MAGIC_WORD || head[1] == 0)
            break;
        at += head[1];
    }
    *out = (struct trii_touch){.address = (uintptr_t)info->si_addr,
                               .code = (uintptr_t)context->uc_mcontext.pc,
                               .stack = (uintptr_t)context->uc_mcontext.sp,
                               .link = (uintptr_t)context->uc_mcontext.regs[30],
                               .writes = (syndrome >> 6 & 1) != 0};
    return info->si_code == SEGV_ACCERR && syndrome >> 26 == 0x24; /* a data abort from user code */
}

#else

#define CAN_READ 0

static bool read_fault(const siginfo_t *info, const ucontext_t *context, struct trii_touch *out) {
    (void)info, (void)context, (void)out;
    return false;
}

#endif

static bool ask_guards(const siginfo_t *info, const ucontext_t *context) {
    struct trii_touch touch;
    bool handled = false;
    if (!read_fault(info, context, &touch))
        return false;
    trii_add_seq_cst(&inside, 1); /* before the look: whoever removes a guard stores first and looks here then */
    for (int i = 0; i < GUARDS_MAX && !handled; i++) {
        struct trii_guard *guard = trii_load_seq_cst(&guards[i]);
        handled = guard && guard->touched(guard->user, &touch);
    }
    trii_sub_release(&inside, 1);
    return handled;
}

/* ---- the handlers ---- */

/*
 * When ours goes in front of a handler that had itself gone in front of ours, that one will hand on to ours of before:
 * each level is a function of its own and remembers what was there when it was installed, so nothing goes round.
 */
static struct sigaction before[LEVELS_MAX];
static int levels; /* lock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void hand_on(int level, int number, siginfo_t *info, void *context) {
    const struct sigaction *next = &before[level];
    if (next->sa_flags & SA_SIGINFO) {
        next->sa_sigaction(number, info, context);
    } else if (next->sa_handler == SIG_DFL || next->sa_handler == SIG_IGN) {
        const struct sigaction fatal = {.sa_handler = SIG_DFL};
        sigaction(number, &fatal, NULL); /* the instruction is tried again and ends the process, as without us */
    } else {
        next->sa_handler(number);
    }
}

static void on_fault(int level, int number, siginfo_t *info, void *context) {
    int kept = errno;
    if (!ask_guards(info, context))
        hand_on(level, number, info, context);
    errno = kept;
}

static void on_fault_0(int number, siginfo_t *info, void *context) {
    on_fault(0, number, info, context);
}

static void on_fault_1(int number, siginfo_t *info, void *context) {
    on_fault(1, number, info, context);
}

static void on_fault_2(int number, siginfo_t *info, void *context) {
    on_fault(2, number, info, context);
}

static void on_fault_3(int number, siginfo_t *info, void *context) {
    on_fault(3, number, info, context);
}

static void (*const handlers[LEVELS_MAX])(int, siginfo_t *, void *) = {on_fault_0, on_fault_1, on_fault_2, on_fault_3};

static bool is_in_front(void) {
    struct sigaction now;
    return levels > 0 && sigaction(SIGSEGV, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) &&
           now.sa_sigaction == handlers[levels - 1];
}

static int go_to_front(void) {
    struct sigaction ours = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    if (is_in_front())
        return 0;
    if (levels == LEVELS_MAX)
        return EBUSY;
    sigemptyset(&ours.sa_mask);
    ours.sa_sigaction = handlers[levels];
    /* What was there is noted before ours can be called. */
    if (sigaction(SIGSEGV, NULL, &before[levels]) != 0 || sigaction(SIGSEGV, &ours, NULL) != 0)
        return errno;
    levels++;
    return 0;
}

int trii_guard_to_front(void) {
    pthread_mutex_lock(&lock);
    int failed = go_to_front();
    pthread_mutex_unlock(&lock);
    return failed;
}

int trii_guard_add(struct trii_guard *guard) {
    if (!CAN_READ)
        return ENOTSUP;
    int failed = trii_guard_to_front();
    for (int i = 0; !failed && i < GUARDS_MAX; i++) {
        struct trii_guard *none = NULL;
        if (trii_cas_seq_cst(&guards[i], &none, guard))
            return 0;
    }
    return failed ? failed : EBUSY;
}

void trii_guard_remove(struct trii_guard *guard) {
    for (int i = 0; i < GUARDS_MAX; i++) {
        struct trii_guard *this = guard;
        (void)trii_cas_seq_cst(&guards[i], &this, (struct trii_guard *)NULL);
    }
    while (trii_load_seq_cst(&inside) != 0)
        sched_yield();
}
