#include "base/calls.h"

#include "base/atomic.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define NUMBERS_MAX 64

/* The one place from which the filter lets calls pass: `trii_calls_passed` is the address after it. Arguments: the
 * number, and where the six arguments are. */
#if defined(__x86_64__)

#define ARCHITECTURE AUDIT_ARCH_X86_64
long trii_calls_gate(long number, const uint64_t *args);
extern const char trii_calls_passed[];
__asm__(".pushsection .text\n"
        ".globl trii_calls_gate\n.hidden trii_calls_gate\n.type trii_calls_gate, @function\n"
        "trii_calls_gate:\n.cfi_startproc\n"
        "mov %rdi, %rax\n"
        "mov %rsi, %r11\n"
        "mov (%r11), %rdi\nmov 8(%r11), %rsi\nmov 16(%r11), %rdx\nmov 24(%r11), %r10\nmov 32(%r11), %r8\n"
        "mov 40(%r11), %r9\n"
        "syscall\n"
        ".globl trii_calls_passed\n.hidden trii_calls_passed\n"
        "trii_calls_passed:\n"
        "ret\n.cfi_endproc\n.size trii_calls_gate, . - trii_calls_gate\n"
        ".popsection\n");

static void read_call(const siginfo_t *info, const ucontext_t *context, struct trii_call *out) {
    const greg_t *r = context->uc_mcontext.gregs;
    *out = (struct trii_call){
        .number = (uint32_t)info->si_syscall,
        .args = {(uint64_t)r[REG_RDI], (uint64_t)r[REG_RSI], (uint64_t)r[REG_RDX], (uint64_t)r[REG_R10],
                 (uint64_t)r[REG_R8], (uint64_t)r[REG_R9]},
        .code = (uintptr_t)r[REG_RIP],
        .stack = (uintptr_t)r[REG_RSP],
    };
}

static void answer(ucontext_t *context, long result) {
    context->uc_mcontext.gregs[REG_RAX] = result;
}

#elif defined(__aarch64__)

#define ARCHITECTURE AUDIT_ARCH_AARCH64
long trii_calls_gate(long number, const uint64_t *args);
extern const char trii_calls_passed[];
__asm__(".pushsection .text\n"
        ".globl trii_calls_gate\n.hidden trii_calls_gate\n.type trii_calls_gate, %function\n"
        "trii_calls_gate:\n.cfi_startproc\n"
        "mov x8, x0\n"
        "mov x9, x1\n"
        "ldp x0, x1, [x9]\nldp x2, x3, [x9, #16]\nldp x4, x5, [x9, #32]\n"
        "svc #0\n"
        ".globl trii_calls_passed\n.hidden trii_calls_passed\n"
        "trii_calls_passed:\n"
        "ret\n.cfi_endproc\n.size trii_calls_gate, . - trii_calls_gate\n"
        ".popsection\n");

static void read_call(const siginfo_t *info, const ucontext_t *context, struct trii_call *out) {
    *out = (struct trii_call){.number = (uint32_t)info->si_syscall,
                              .code = (uintptr_t)context->uc_mcontext.pc,
                              .stack = (uintptr_t)context->uc_mcontext.sp};
    for (int i = 0; i < 6; i++)
        out->args[i] = context->uc_mcontext.regs[i];
}

static void answer(ucontext_t *context, long result) {
    context->uc_mcontext.regs[0] = (uint64_t)result;
}

#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED true
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

#ifdef ARCHITECTURE

static void (*_Atomic watcher)(const struct trii_call *call);

long trii_calls_pass(uint32_t number, const uint64_t args[6]) {
    return trii_calls_gate((long)number, args);
}

static void on_call(int number, siginfo_t *info, void *context) {
    int kept = errno;
    struct trii_call call;
    (void)number;
    read_call(info, context, &call);
    trii_load_acquire(&watcher)(&call);
    answer(context, trii_calls_pass(call.number, call.args));
    errno = kept;
}

#define OFFSET_LOW(field) ((uint32_t)offsetof(struct seccomp_data, field)) /* little-endian: the low half is first */

/* Calls from the gate pass; of all others, those of the list are trapped. */
static size_t write_filter(struct sock_filter *to, const uint32_t *numbers, size_t count) {
    const uint64_t gate = (uint64_t)(uintptr_t)trii_calls_passed;
    size_t n = 0;
    to[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, OFFSET_LOW(arch));
    to[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
    to[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    to[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, OFFSET_LOW(instruction_pointer));
    to[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)gate, 0, 3);
    to[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, OFFSET_LOW(instruction_pointer) + 4);
    to[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(gate >> 32), 0, 1);
    to[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    to[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, OFFSET_LOW(nr));
    for (size_t i = 0; i < count; i++) {
        to[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, numbers[i], 0, 1);
        to[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
    }
    to[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    return n;
}

static int install(const uint32_t *numbers, size_t count) {
    struct sock_filter filter[12 + 2 * NUMBERS_MAX];
    struct sock_fprog program = {.filter = filter};
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    program.len = (unsigned short)write_filter(filter, numbers, count);
    sigemptyset(&action.sa_mask);
    action.sa_sigaction = on_call;
    if (sigaction(SIGSYS, &action, NULL) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return errno;
    long failed = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
    return failed < 0 ? errno : failed > 0 ? EBUSY /* a thread has a filter of its own */ : 0;
}

int trii_calls_trap(const uint32_t *numbers, size_t count, void (*seen)(const struct trii_call *call)) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    int failed = IS_SANITIZED ? ENOTSUP : count > NUMBERS_MAX ? E2BIG : 0;
    pthread_mutex_lock(&lock);
    void (*now)(const struct trii_call *) = trii_load_relaxed(&watcher);
    if (!failed && now && now != seen)
        failed = EBUSY;
    if (!failed && !now) {
        trii_store_release(&watcher, seen);
        failed = install(numbers, count);
        if (failed)
            trii_store_release(&watcher, (void (*)(const struct trii_call *))NULL);
    }
    pthread_mutex_unlock(&lock);
    return failed;
}

#else

long trii_calls_pass(uint32_t number, const uint64_t args[6]) {
    (void)number, (void)args;
    return -ENOSYS;
}

int trii_calls_trap(const uint32_t *numbers, size_t count, void (*seen)(const struct trii_call *call)) {
    (void)numbers, (void)count, (void)seen;
    return ENOTSUP;
}

#endif
