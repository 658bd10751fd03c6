#include "base/sys.h"

#include "base/alloc.h"
#include "base/atomic.h"
#include "base/fault.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14; Debian 12's libc headers may lack it */
#endif

static int prot_bits(enum trii_protection protection) {
    switch (protection) {
    case TRII_PROT_READ:
        return PROT_READ;
    case TRII_PROT_READ_WRITE:
        return PROT_READ | PROT_WRITE;
    case TRII_PROT_NONE:
        break;
    }
    return PROT_NONE;
}

static int memfd(const char *name, uint64_t bytes, bool huge, int seals, int *out) {
    if (trii_fault_now(TRII_FAULT_MEMFD))
        return EMFILE;
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | (huge ? MFD_HUGETLB : 0u));
    if (fd < 0)
        return errno;
    int failed = trii_fault_now(TRII_FAULT_FTRUNCATE) ? ENOSPC : 0;
    if (!failed && ftruncate(fd, (off_t)bytes) != 0)
        failed = errno;
    if (!failed && fcntl(fd, F_ADD_SEALS, seals) != 0)
        failed = errno;
    if (failed) {
        close(fd);
        return failed;
    }
    *out = fd;
    return 0;
}

int trii_sys_memfd(const char *name, uint64_t bytes, bool huge, int *out) {
    return memfd(name, bytes, huge, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, out);
}

int trii_sys_memfd_unsealed(const char *name, uint64_t bytes, bool huge, int *out) {
    return memfd(name, bytes, huge, F_SEAL_SHRINK | F_SEAL_GROW, out);
}

int trii_sys_seal_writing(int fd) {
    if (trii_fault_now(TRII_FAULT_SEAL))
        return EINVAL;
    return fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) == 0 ? 0 : errno;
}

/* mmap over a reservation can fail when the kernel has already taken the reservation away (a pool of huge pages that
 * has too few left): the hole would be given to the next mmap of anybody, a library, say. It is reserved again unless
 * somebody is there already. */
static void mend(void *at, uint64_t bytes) {
    void *got = mmap(at, (size_t)bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
                     0);
    if (got != MAP_FAILED && got != at) /* before Linux 4.17 the address is only a wish */
        munmap(got, (size_t)bytes);
}

static int map(void *at, uint64_t bytes, int protection, int flags, int fd, uint64_t offset, void **out) {
    if (trii_fault_now(TRII_FAULT_MMAP))
        return ENOMEM;
    void *got = mmap(at, (size_t)bytes, protection, flags, fd, (off_t)offset);
    if (got == MAP_FAILED) {
        int failed = errno;
        if (flags & MAP_FIXED)
            mend(at, bytes);
        return failed;
    }
    if (out)
        *out = got;
    return 0;
}

int trii_sys_reserve(uint64_t bytes, void **out) {
    return map(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, out);
}

int trii_sys_map_fd(void *at, uint64_t bytes, int fd, uint64_t offset, enum trii_protection protection, bool populate) {
    return map(at, bytes, prot_bits(protection), MAP_SHARED | MAP_FIXED | (populate ? MAP_POPULATE : 0), fd, offset,
               NULL);
}

int trii_sys_map_private(void *at, uint64_t bytes, enum trii_protection protection) {
    return map(at, bytes, prot_bits(protection), MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0, NULL);
}

int trii_sys_unreserve(void *at, uint64_t bytes) {
    return map(at, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0, NULL);
}

int trii_sys_unmap(void *at, uint64_t bytes) {
    return munmap(at, (size_t)bytes) == 0 ? 0 : errno;
}

int trii_sys_protect(void *at, uint64_t bytes, enum trii_protection protection) {
    if (trii_fault_now(TRII_FAULT_MPROTECT))
        return ENOMEM;
    return mprotect(at, (size_t)bytes, prot_bits(protection)) == 0 ? 0 : errno;
}

int trii_sys_populate(void *at, uint64_t bytes) {
    if (trii_fault_now(TRII_FAULT_POPULATE))
        return ENOMEM;
    return madvise(at, (size_t)bytes, MADV_POPULATE_WRITE) == 0 ? 0 : errno;
}

int trii_sys_punch(int fd, uint64_t offset, uint64_t bytes) {
    return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)bytes) == 0 ? 0 : errno;
}

int trii_sys_present(void *at, uint64_t bytes, unsigned char *present) {
    return mincore(at, (size_t)bytes, present) == 0 ? 0 : errno;
}

int trii_sys_next_data(int fd, uint64_t from, uint64_t *out) {
    off_t found = lseek(fd, (off_t)from, SEEK_DATA);
    if (found < 0 && errno != ENXIO)
        return errno;
    *out = found < 0 ? UINT64_MAX : (uint64_t)found;
    return 0;
}

int trii_sys_discard(void *at, uint64_t bytes) {
    return madvise(at, (size_t)bytes, MADV_DONTNEED) == 0 ? 0 : errno;
}

int trii_sys_keep_from_child(void *at, uint64_t bytes) {
    return madvise(at, (size_t)bytes, MADV_DONTFORK) == 0 ? 0 : errno;
}

int trii_sys_zero_in_child(void *at, uint64_t bytes) {
    return madvise(at, (size_t)bytes, MADV_WIPEONFORK) == 0 ? 0 : errno;
}

int trii_sys_advise_huge(void *at, uint64_t bytes) {
    return madvise(at, (size_t)bytes, MADV_HUGEPAGE) == 0 ? 0 : errno;
}

bool trii_sys_huge_policy(bool shared) {
    const char *path = shared ? "/sys/kernel/mm/transparent_hugepage/shmem_enabled"
                              : "/sys/kernel/mm/transparent_hugepage/enabled";
    char text[128] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    return got > 0 && !strstr(text, "[never]") && !strstr(text, "[deny]");
}

void trii_sys_close(int fd) {
    if (fd >= 0)
        close(fd);
}

int trii_sys_open(int dir_fd, const char *path, int flags, uint32_t mode, int *out) {
    if (trii_fault_now(TRII_FAULT_OPEN))
        return EMFILE;
    int fd;
    do
        fd = openat(dir_fd, path, flags | O_CLOEXEC | O_NOCTTY, (mode_t)mode);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return errno;
    *out = fd;
    return 0;
}

static int write_all(int fd, const uint8_t *bytes, size_t size) {
    while (size > 0) {
        if (trii_fault_now(TRII_FAULT_WRITE))
            return ENOSPC;
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        bytes += n;
        size -= (size_t)n;
    }
    return 0;
}

/* SIGPIPE goes to the thread that wrote: it is held back meanwhile and taken off the queue, unless it was there
 * before. The process's handlers are left alone. */
int trii_sys_write(int fd, const void *bytes, size_t size) {
    sigset_t pipe_set, old, pending;
    sigemptyset(&pipe_set);
    sigaddset(&pipe_set, SIGPIPE);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_set, &old);
    int failed = write_all(fd, bytes, size);
    if (failed == EPIPE && !was_pending) {
        static const struct timespec now = {0};
        while (sigtimedwait(&pipe_set, NULL, &now) < 0 && errno == EINTR)
            ;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return failed;
}

int trii_sys_write_at(int fd, uint64_t at, const void *bytes, size_t size) {
    const char *from = bytes;
    if (trii_fault_now(TRII_FAULT_WRITE))
        return ENOSPC;
    while (size > 0) {
        ssize_t n = pwrite(fd, from, size, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        from += n;
        at += (uint64_t)n;
        size -= (size_t)n;
    }
    return 0;
}

int trii_sys_read(int fd, void *bytes, size_t size, size_t *got) {
    ssize_t n;
    do
        n = read(fd, bytes, size);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno;
    *got = (size_t)n;
    return 0;
}

int trii_sys_read_at(int fd, uint64_t at, void *bytes, size_t size, size_t *got) {
    ssize_t n;
    do
        n = pread(fd, bytes, size, (off_t)at);
    while (n < 0 && errno == EINTR);
    *got = n < 0 ? 0 : (size_t)n;
    return n < 0 ? errno : 0;
}

int trii_sys_sync(int fd) {
    if (trii_fault_now(TRII_FAULT_WRITE))
        return ENOSPC;
    return fsync(fd) == 0 ? 0 : errno;
}

int trii_sys_map_file(int fd, uint64_t bytes, void **out) {
    return map(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0, out);
}

int trii_sys_file_identity(int fd, uint64_t *device, uint64_t *inode) {
    struct stat st;
    if (fstat(fd, &st) != 0)
        return errno;
    *device = st.st_dev;
    *inode = st.st_ino;
    return 0;
}

int trii_sys_file_size(int fd, uint64_t *bytes) {
    struct stat st;
    if (fstat(fd, &st) != 0)
        return errno;
    if (!S_ISREG(st.st_mode))
        return EINVAL;
    *bytes = (uint64_t)st.st_size;
    return 0;
}

int trii_sys_scratch_file(const char *name, int *out) {
    if (trii_fault_now(TRII_FAULT_MEMFD))
        return EMFILE;
    int fd = memfd_create(name, MFD_CLOEXEC);
    if (fd < 0)
        return errno;
    *out = fd;
    return 0;
}

int trii_sys_futex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns, bool shared) {
    struct timespec limit = {.tv_sec = (time_t)(timeout_ns / 1000000000u), .tv_nsec = (long)(timeout_ns % 1000000000u)};
    struct timespec *until = timeout_ns == TRI_FOREVER ? NULL : &limit;
    if (trii_fault_now(TRII_FAULT_FUTEX))
        return 0;
    long r = syscall(SYS_futex, word, FUTEX_WAIT | (shared ? 0 : FUTEX_PRIVATE_FLAG), expected, until, NULL, 0);
    if (r == 0 || errno == EINTR)
        return 0;
    return errno;
}

#ifdef SYS_futex_waitv
static struct futex_waitv one_of_two(_Atomic uint32_t *word, uint32_t expected, bool shared) {
    return (struct futex_waitv){.uaddr = (uintptr_t)word,
                                .val = expected,
                                .flags = FUTEX_32 | (shared ? 0u : (uint32_t)FUTEX_PRIVATE_FLAG)};
}

int trii_sys_futex_wait_two(_Atomic uint32_t *word, uint32_t expected, bool shared, _Atomic uint32_t *other,
                            uint32_t other_expected, uint64_t timeout_ns) {
    uint64_t end = trii_sys_deadline(timeout_ns);
    struct timespec until = {.tv_sec = (time_t)(end / 1000000000u), .tv_nsec = (long)(end % 1000000000u)};
    struct futex_waitv both[2] = {one_of_two(word, expected, shared), one_of_two(other, other_expected, false)};
    if (trii_fault_now(TRII_FAULT_WAITV))
        return ENOSYS;
    if (trii_fault_now(TRII_FAULT_FUTEX))
        return 0;
    long r = syscall(SYS_futex_waitv, both, 2, 0, end == TRI_FOREVER ? NULL : &until, CLOCK_MONOTONIC);
    if (r >= 0 || errno == EINTR)
        return 0;
    return errno == EAGAIN || errno == ETIMEDOUT ? errno : ENOSYS;
}
#else
int trii_sys_futex_wait_two(_Atomic uint32_t *word, uint32_t expected, bool shared, _Atomic uint32_t *other,
                            uint32_t other_expected, uint64_t timeout_ns) {
    (void)word, (void)expected, (void)shared, (void)other, (void)other_expected, (void)timeout_ns;
    return ENOSYS;
}
#endif

void trii_sys_futex_wake(_Atomic uint32_t *word, int32_t count, bool shared) {
    int kept = errno; /* callable from a signal handler */
    syscall(SYS_futex, word, FUTEX_WAKE | (shared ? 0 : FUTEX_PRIVATE_FLAG), count, NULL, NULL, 0);
    errno = kept;
}

uint64_t trii_sys_now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t trii_sys_deadline(uint64_t timeout_ns) {
    uint64_t now = trii_sys_now_ns();
    return timeout_ns > TRI_FOREVER - now ? TRI_FOREVER : now + timeout_ns;
}

struct trii_thread {
    pthread_t id;
    void (*run)(void *);
    void *user;
    char name[16]; /* the kernel's limit */
};

static void *thread_main(void *user) {
    struct trii_thread *self = user;
    pthread_setname_np(pthread_self(), self->name);
    self->run(self->user);
    return NULL;
}

int trii_sys_thread_start(struct trii_thread **out, const char *name, void (*run)(void *), void *user) {
    struct trii_thread *thread = trii_calloc(1, sizeof *thread);
    if (!thread)
        return ENOMEM;
    thread->run = run;
    thread->user = user;
    snprintf(thread->name, sizeof thread->name, "%s", name);
    int failed = trii_fault_now(TRII_FAULT_THREAD) ? EAGAIN : pthread_create(&thread->id, NULL, thread_main, thread);
    if (failed) {
        trii_free(thread);
        return failed;
    }
    *out = thread;
    return 0;
}

void trii_sys_thread_join(struct trii_thread **thread) {
    if (!thread || !*thread)
        return;
    pthread_join((*thread)->id, NULL);
    trii_free(*thread);
    *thread = NULL;
}

uint32_t trii_sys_processors(void) {
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n > 0 ? (uint32_t)n : 1;
}

void *trii_sys_library(const char *path, char *why, size_t why_bytes) {
    void *library = trii_fault_now(TRII_FAULT_DLOPEN) ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library && why) {
        const char *words = dlerror();
        snprintf(why, why_bytes, "%s", words ? words : "the loader gave no reason");
    }
    return library;
}

struct nth_library {
    size_t left;
    char path[PATH_MAX];
};

static int take_nth(struct dl_phdr_info *info, size_t bytes, void *user) {
    struct nth_library *nth = user;
    (void)bytes;
    if (nth->left-- > 0)
        return 0;
    snprintf(nth->path, sizeof nth->path, "%s", info->dlpi_name);
    return 1;
}

/* One at a time, because the loader must not be called from within its own walk. What another thread loads or closes
 * meanwhile may be missed: that is its own affair. */
void trii_sys_keep_libraries(void) {
    struct nth_library nth = {0};
    for (size_t i = 0; nth.left = i, dl_iterate_phdr(take_nth, &nth) == 1; i++)
        if (nth.path[0] == '/') {
            void *again = dlopen(nth.path, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
            if (again)
                dlclose(again); /* the reference, not the library */
        }
}

bool trii_sys_symbol(void *library, const char *name, void *slot) {
    void *address = trii_fault_now(TRII_FAULT_DLSYM) ? NULL : dlsym(library, name);
    if (address)
        memcpy(slot, &address, sizeof address); /* not payload: ISO C has no cast from object to function pointer */
    return address != NULL;
}
