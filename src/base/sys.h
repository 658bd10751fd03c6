/*
 * Every system call that the library makes, behind one header: it can be made to fail (fault.h),
 * it is retried on EINTR where that is right, and a reader sees at a glance what we ask of Linux.
 * Functions that return int give 0 or an errno value (positive); they never set errno for the caller.
 */
#ifndef TRIPOINT_BASE_SYS_H
#define TRIPOINT_BASE_SYS_H

#include <tripoint/common.h>

#include <stdatomic.h>

/* ---- memory ---- */
enum trii_protection { TRII_PROT_NONE = 0, TRII_PROT_READ = 1, TRII_PROT_READ_WRITE = 3 };

/* A memfd of `bytes`, close-on-exec, sealed SHRINK, GROW and SEAL. `name` is seen in /proc/PID/maps. */
int trii_sys_memfd(const char *name, uint64_t bytes, bool huge, int *fd);
/* The same without SEAL, for trii_sys_seal_writing(): from then on nobody can map it for writing or write to it; writable
 * mappings that exist stay. EINVAL before Linux 5.1. */
int trii_sys_memfd_unsealed(const char *name, uint64_t bytes, bool huge, int *fd);
int trii_sys_seal_writing(int fd);
/* Address space that nothing backs: PROT_NONE, no swap reservation. */
int trii_sys_reserve(uint64_t bytes, void **out);
/* Puts `bytes` of the fd at `offset` over reserved addresses (MAP_SHARED | MAP_FIXED). */
int trii_sys_map_fd(void *at, uint64_t bytes, int fd, uint64_t offset, enum trii_protection protection, bool populate);
/* Puts fresh zeroed private pages over reserved addresses. */
int trii_sys_map_private(void *at, uint64_t bytes, enum trii_protection protection);
/* Back to reserved. */
int trii_sys_unreserve(void *at, uint64_t bytes);
int trii_sys_unmap(void *at, uint64_t bytes);
int trii_sys_protect(void *at, uint64_t bytes, enum trii_protection protection);
/* Touches pages for writing without changing them (MADV_POPULATE_WRITE, Linux 5.14); EINVAL on older kernels. */
int trii_sys_populate(void *at, uint64_t bytes);
/* Gives the pages of a memfd range back; they read as zero afterwards. */
int trii_sys_punch(int fd, uint64_t offset, uint64_t bytes);
/* The lowest bit of present[i] says whether page i is in memory (a page that was swapped out is not). */
int trii_sys_present(void *at, uint64_t bytes, unsigned char *present);
/* The next byte of a memfd at or after `from` that was ever written (in memory or swapped out); UINT64_MAX: none. */
int trii_sys_next_data(int fd, uint64_t from, uint64_t *out);
/* trii_sys_punch() for private pages. */
int trii_sys_discard(void *at, uint64_t bytes);
/* What a forked child finds there: nothing (private or shared pages); zeroed pages (private ones only). */
int trii_sys_keep_from_child(void *at, uint64_t bytes);
int trii_sys_zero_in_child(void *at, uint64_t bytes);
int trii_sys_advise_huge(void *at, uint64_t bytes);
/* True when the system's policy lets advice have an effect on memfd pages (shared) or private ones. */
bool trii_sys_huge_policy(bool shared);
void trii_sys_close(int fd);
/* A forked child finds these private pages zeroed. */
int trii_sys_wipe_on_fork(void *at, uint64_t bytes);

/* ---- files ---- */
/* openat(2), close-on-exec, never a controlling terminal. */
int trii_sys_open(int dir_fd, const char *path, int flags, uint32_t mode, int *fd);
/* What `path` names below an opened folder: EXDEV when the path, or a link on the way, leads out of it. Before Linux 5.6
 * no link is followed. */
int trii_sys_open_beneath(int folder, const char *path, int flags, int *fd);
/* Where an opened file lies: an absolute path. ENAMETOOLONG. */
int trii_sys_path_of(int fd, char *out, size_t bytes);
/* All of it, or an errno; a reader that went away is EPIPE and never the signal. */
int trii_sys_write(int fd, const void *bytes, size_t size);
/* All of it at a place in the file, or an errno. */
int trii_sys_write_at(int fd, uint64_t at, const void *bytes, size_t size);
/* At most `size` bytes; *got is 0 at the end. */
int trii_sys_read(int fd, void *bytes, size_t size, size_t *got);
int trii_sys_read_at(int fd, uint64_t at, void *bytes, size_t size, size_t *got);
int trii_sys_sync(int fd);
/* A private, read-only mapping of the first `bytes` (not 0) of a file; undone by trii_sys_unmap. */
int trii_sys_map_file(int fd, uint64_t bytes, void **out);
/* Which file it is: no two have both numbers alike. */
int trii_sys_file_identity(int fd, uint64_t *device, uint64_t *inode);
/* Of a regular file; EINVAL for anything else. */
int trii_sys_file_size(int fd, uint64_t *bytes);
/* An empty file in memory that may grow, for libraries that write to a path: it is /proc/self/fd/<fd>. */
int trii_sys_scratch_file(const char *name, int *fd);
/* The same for those that go by a file's ending: a folder of our own in $TMPDIR or /tmp, and in it a link `name` to the open
 * file. `path` (at least TRII_SYS_LINK_BYTES) receives the link's. */
#define TRII_SYS_LINK_BYTES 512
int trii_sys_name_file(int fd, const char *name, char *path, size_t bytes);
/* Takes the link and its folder away; `path` is cut. */
void trii_sys_unname_file(char *path);

/* ---- waiting ---- */
/* Sleeps while *word == expected, at most timeout_ns. 0 on wake-up (maybe spurious), EAGAIN when the word differed,
 * ETIMEDOUT. `shared` for words in memory that other processes map. */
int trii_sys_futex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns, bool shared);
/* The same while also *other == other_expected, a word of this process. ENOSYS where the kernel can't (before 5.16) or
 * may not: then nothing was waited for. */
int trii_sys_futex_wait_two(_Atomic uint32_t *word, uint32_t expected, bool shared, _Atomic uint32_t *other,
                            uint32_t other_expected, uint64_t timeout_ns);
/* Wakes up to `count` sleepers (INT32_MAX for all). Async-signal-safe. */
void trii_sys_futex_wake(_Atomic uint32_t *word, int32_t count, bool shared);
uint64_t trii_sys_now_ns(void);      /* CLOCK_MONOTONIC */
/* now + timeout, saturating; TRI_FOREVER stays for ever. */
uint64_t trii_sys_deadline(uint64_t timeout_ns);

/* ---- processes ---- */
int32_t trii_sys_pid(void);
uint32_t trii_sys_uid(void); /* the effective user */
/* When a process began, in clock ticks since boot; 0 when there is none or /proc does not tell. */
uint64_t trii_sys_process_start(int32_t pid);
/* False when the process that had this pid and began then has ended, zombies included. Stopped is alive, and so is one
 * of which nothing can be learnt. */
bool trii_sys_process_lives(int32_t pid, uint64_t start);

/* Starts a program with one descriptor of ours, as number `as`; all others are closed by their flags. */
int trii_sys_spawn(const char *program, char *const arguments[], int fd, int as, int32_t *pid);
/* Kills a child if it has not ended and waits until it is gone: `how` says "was killed by signal 11 (Segmentation fault)",
 * "ended with status 1". */
void trii_sys_end_process(int32_t pid, char *how, size_t how_bytes);
/* Waits until the other end of a socket is closed. */
void trii_sys_wait_for_hangup(int socket);

/* ---- sockets ---- */
/* Two ends that carry packets. */
int trii_sys_socket_pair(int fds[2]);
#define TRII_SOCKET_FDS_MAX 253 /* the kernel's limit for one message */
/* The user at the other end of a connected Unix socket. EPROTOTYPE for another kind of socket. */
int trii_sys_socket_peer_uid(int socket, uint32_t *out);
/* One message with descriptors; no SIGPIPE. */
int trii_sys_socket_send(int socket, const void *message, size_t bytes, const int *fds, size_t count);
/* Waits for a message of exactly so many bytes; its descriptors are the caller's, close-on-exec. EPROTO for another
 * size, ECONNRESET when the other end is closed; then there are no descriptors. */
int trii_sys_socket_receive(int socket, void *message, size_t bytes, int fds[TRII_SOCKET_FDS_MAX], size_t *count);
/* How large a memfd is, and whether seals keep it so. EINVAL for a descriptor that can't be sealed. */
int trii_sys_memfd_inspect(int fd, uint64_t *bytes, bool *is_fixed);

/* ---- packets over sockets that have names; nothing here waits but poll ---- */
struct pollfd;
/* A socket named `name` in an opened folder. EADDRINUSE: the name is there, used or left over. */
int trii_sys_listen(int dir_fd, const char *name, int *fd);
/* ECONNREFUSED: the name is left over, nobody listens. EAGAIN: somebody does, and is busy. */
int trii_sys_connect(int dir_fd, const char *name, int *fd);
int trii_sys_accept(int listening, int *fd);
/* Who was at the other end when it connected (of whoever listened: when it began to). */
int trii_sys_socket_peer(int fd, int32_t *pid, uint32_t *uid);
/* One packet, with a descriptor unless `pass` is -1. EAGAIN when the other end does not read. */
int trii_sys_send(int fd, const void *bytes, size_t size, int pass);
/* One packet; *got is 0 at the end and size + 1 for one that was longer. `passed` takes a descriptor that came with it,
 * or -1; further ones, and all where it is NULL, are closed. */
int trii_sys_receive(int fd, void *bytes, size_t size, size_t *got, int *passed);
/* 0 when something happened; ETIMEDOUT, EINTR. */
int trii_sys_poll(struct pollfd *fds, size_t count, uint64_t timeout_ns);
/* What wakes a poll: readable once it was rung. */
int trii_sys_bell(int *fd);
void trii_sys_ring(int fd);
/* Whoever changes names in a folder of ours holds its lock meanwhile. EWOULDBLOCK when somebody else does. */
int trii_sys_lock_folder(int fd);
void trii_sys_unlock_folder(int fd);
/* A number that tells two files of a folder apart. */
int trii_sys_file_number(int dir_fd, const char *name, uint64_t *out);
void trii_sys_remove(int dir_fd, const char *name);

/* Who called whom, from the frame of the instruction at `code` on, a line a frame. In a signal handler only after a first
 * call outside of one; to -1 it writes nothing. */
void trii_sys_backtrace(int fd, uintptr_t code);

/* ---- threads ---- */
struct trii_thread;
int trii_sys_thread_start(struct trii_thread **out, const char *name, void (*run)(void *), void *user);
void trii_sys_thread_join(struct trii_thread **thread);
uint32_t trii_sys_processors(void);

/* ---- libraries ---- */
/* dlopen(RTLD_NOW | RTLD_LOCAL); never closed again. On failure `why` holds the loader's words. */
void *trii_sys_library(const char *path, char *why, size_t why_bytes);
/* Every library that is loaded now stays until the process ends, whoever closes it: threads that an engine's library
 * started may still run its plugins' code, or be about to close them, when the engine has been closed. */
void trii_sys_keep_libraries(void);
/* Stores the address of `name` into the function pointer at `slot`; false when there is none. */
bool trii_sys_symbol(void *library, const char *name, void *slot);

#endif
