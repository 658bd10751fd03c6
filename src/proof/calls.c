/*
 * System calls that move bytes. They don't fault: one that reads or writes closed pages fails with EFAULT, and one that
 * goes through the arena's file never sees the pages' protection. So they are trapped before they are made: pages among
 * their operands are noted and opened, and so are the file's.
 */
#include "proof/report.h"

#include "base/atomic.h"
#include "base/calls.h"
#include "base/checked.h"
#include "base/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define PAGE ((uint64_t)TRI_PAGE_BYTES)
#define VECTORS_MAX 1024u
#define FILES_MAX 64u

/* Where a call has its bytes. `other` is the file at the other end where the call copies between two. */
enum form { BUFFER, VECTOR, MESSAGE, PROCESS, FILES };

static const struct known {
    uint32_t number;
    const char *name;
    enum form form;
    bool writes;        /* to memory */
    int offset;         /* the argument that holds the place in the file; 0: the file's own */
} known[] = {
    {SYS_read, "read", BUFFER, true, 0},
    {SYS_pread64, "pread", BUFFER, true, 3},
    {SYS_write, "write", BUFFER, false, 0},
    {SYS_pwrite64, "pwrite", BUFFER, false, 3},
    {SYS_recvfrom, "recvfrom", BUFFER, true, 0},
    {SYS_sendto, "sendto", BUFFER, false, 0},
    {SYS_readv, "readv", VECTOR, true, 0},
    {SYS_preadv, "preadv", VECTOR, true, 3},
    {SYS_preadv2, "preadv2", VECTOR, true, 3},
    {SYS_writev, "writev", VECTOR, false, 0},
    {SYS_pwritev, "pwritev", VECTOR, false, 3},
    {SYS_pwritev2, "pwritev2", VECTOR, false, 3},
    {SYS_vmsplice, "vmsplice", VECTOR, false, 0},
    {SYS_recvmsg, "recvmsg", MESSAGE, true, 0},
    {SYS_sendmsg, "sendmsg", MESSAGE, false, 0},
    {SYS_process_vm_readv, "process_vm_readv", PROCESS, true, 0},
    {SYS_process_vm_writev, "process_vm_writev", PROCESS, false, 0},
    {SYS_copy_file_range, "copy_file_range", FILES, false, 0},
    {SYS_sendfile, "sendfile", FILES, false, 0},
    {SYS_splice, "splice", FILES, false, 0},
};
#define KNOWN_COUNT (sizeof known / sizeof *known)

/* Of the arena whose proof goes on; written before `watched` is. */
static struct {
    uint64_t device, inode, first_page, pages;
} files[FILES_MAX];
static uint32_t file_count;
static struct trii_probe *_Atomic watched;
static _Atomic uint32_t inside; /* threads that look at it */

const char *trii_calls_name(uint32_t number) {
    for (size_t i = 0; i < KNOWN_COUNT; i++)
        if (known[i].number == number)
            return known[i].name;
    return "a system call";
}

/* ---- in the signal handler ---- */

static long pass(uint32_t number, uint64_t a, uint64_t b, uint64_t c) {
    const uint64_t args[6] = {a, b, c};
    return trii_calls_pass(number, args);
}

static void buffer(struct trii_probe *probe, uint64_t at, uint64_t bytes, struct trii_seen how, bool writes) {
    how.writes = writes;
    if (bytes > 0 && bytes <= UINTPTR_MAX - at)
        (void)trii_probe_touch(probe, (uintptr_t)at, bytes, &how); /* false at once for memory that is not the arena's */
}

/* The list itself is the caller's memory; one that is not there would be EFAULT, so it is asked for by a call. */
static void vector(struct trii_probe *probe, uint64_t at, uint64_t count, const struct trii_seen *how, bool writes) {
    const struct iovec *item = (const struct iovec *)(uintptr_t)at; /* the caller's, as the kernel would read it */
    for (uint64_t i = 0; item && i < count && i < VECTORS_MAX; i++)
        buffer(probe, (uint64_t)(uintptr_t)item[i].iov_base, item[i].iov_len, *how, writes);
}

static uint64_t vector_bytes(uint64_t at, uint64_t count) {
    const struct iovec *item = (const struct iovec *)(uintptr_t)at;
    uint64_t bytes = 0;
    for (uint64_t i = 0; item && i < count && i < VECTORS_MAX; i++)
        bytes += item[i].iov_len;
    return bytes;
}

/* Notes the pages of the arena's file, if it is one. */
static void file(struct trii_probe *probe, uint64_t fd, uint64_t offset, uint64_t bytes, struct trii_seen how,
                 bool writes) {
    struct stat st;
    if (bytes == 0 || pass(SYS_fstat, fd, (uint64_t)(uintptr_t)&st, 0) != 0)
        return;
    for (uint32_t i = 0; i < file_count; i++) {
        if (files[i].device != st.st_dev || files[i].inode != st.st_ino)
            continue;
        if (offset == UINT64_MAX)
            offset = (uint64_t)pass(SYS_lseek, fd, 0, SEEK_CUR);
        uint64_t first = offset / PAGE;
        how.writes = writes;
        if (first < files[i].pages)
            trii_probe_note(probe, files[i].first_page + first,
                            trii_min_u64((offset % PAGE + bytes + PAGE - 1) / PAGE, files[i].pages - first), &how);
    }
}

static uint64_t place_at(uint64_t pointer) {
    return pointer ? *(const uint64_t *)(uintptr_t)pointer : UINT64_MAX;
}

static void look(struct trii_probe *probe, const struct known *kind, const struct trii_call *call) {
    const uint64_t *a = call->args;
    const struct trii_seen how = {.code = call->code, .call = call->number + 1};
    const uint64_t offset = kind->offset ? a[kind->offset] : UINT64_MAX;
    switch (kind->form) {
    case BUFFER:
        buffer(probe, a[1], a[2], how, kind->writes);
        file(probe, a[0], offset, a[2], how, !kind->writes);
        return;
    case VECTOR:
        vector(probe, a[1], a[2], &how, kind->writes);
        file(probe, a[0], offset, vector_bytes(a[1], a[2]), how, !kind->writes);
        return;
    case MESSAGE: {
        const struct msghdr *message = (const struct msghdr *)(uintptr_t)a[1];
        if (message)
            vector(probe, (uint64_t)(uintptr_t)message->msg_iov, message->msg_iovlen, &how, kind->writes);
        return;
    }
    case PROCESS:
        vector(probe, a[1], a[2], &how, kind->writes);
        if ((long)a[0] == pass(SYS_getpid, 0, 0, 0))
            vector(probe, a[3], a[4], &how, !kind->writes);
        return;
    case FILES:
        if (kind->number == SYS_sendfile) { /* out, in, place, bytes */
            file(probe, a[1], place_at(a[2]), a[3], how, false);
            file(probe, a[0], UINT64_MAX, a[3], how, true);
        } else { /* in, place, out, place, bytes */
            file(probe, a[0], place_at(a[1]), a[4], how, false);
            file(probe, a[2], place_at(a[3]), a[4], how, true);
        }
        return;
    }
}

static void seen(const struct trii_call *call) {
    trii_add_seq_cst(&inside, 1u); /* before the look: unwatch stores first and looks here then */
    struct trii_probe *probe = trii_load_seq_cst(&watched);
    for (size_t i = 0; probe && i < KNOWN_COUNT; i++)
        if (known[i].number == call->number)
            look(probe, &known[i], call);
    trii_sub_release(&inside, 1u);
}

/* ---- watching ---- */

tri_status trii_calls_watch(struct trii_probe *probe, char *why, size_t why_bytes) {
    uint32_t numbers[KNOWN_COUNT];
    struct trii_arena_segment segment;
    file_count = 0;
    for (uint32_t i = 0; trii_arena_segment_at(probe->arena, i, &segment) && file_count < FILES_MAX; i++) {
        if (segment.fd < 0 || trii_sys_file_identity(segment.fd, &files[file_count].device, &files[file_count].inode) != 0)
            continue;
        files[file_count].first_page = segment.first_page;
        files[file_count++].pages = segment.size_bytes / PAGE;
    }
    for (size_t i = 0; i < KNOWN_COUNT; i++)
        numbers[i] = known[i].number;
    trii_store_seq_cst(&watched, probe);
    int failed = trii_calls_trap(numbers, KNOWN_COUNT, seen);
    if (!failed)
        return TRI_OK;
    trii_calls_unwatch();
    snprintf(why, why_bytes, "the kernel does not let them be filtered here (%s)", strerror(failed));
    return TRI_UNSUPPORTED;
}

void trii_calls_unwatch(void) {
    trii_store_seq_cst(&watched, (struct trii_probe *)NULL);
    while (trii_load_seq_cst(&inside) != 0)
        trii_cpu_relax();
}
