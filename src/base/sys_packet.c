/* System calls about sockets: packets between processes of this machine, and the descriptors they bring. */
#include "base/fault.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int packet_socket(int *out) {
    if (trii_fault_now(TRII_FAULT_SOCKET))
        return EMFILE;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    *out = fd;
    return 0;
}

/* By the folder's descriptor: the path may be longer than a socket's name can be, and names what was looked at. */
static bool address_of(int dir_fd, const char *name, struct sockaddr_un *out) {
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(out->sun_path, sizeof out->sun_path, "/proc/self/fd/%d/%s", dir_fd, name);
    return n > 0 && (size_t)n < sizeof out->sun_path;
}

int trii_sys_listen(int dir_fd, const char *name, int *out) {
    struct sockaddr_un address;
    int fd = -1, failed = address_of(dir_fd, name, &address) ? packet_socket(&fd) : ENAMETOOLONG;
    if (failed)
        return failed;
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        failed = errno;
    } else if (listen(fd, 16) != 0) {
        failed = errno;
        unlinkat(dir_fd, name, 0);
    }
    if (failed) {
        close(fd);
        return failed;
    }
    *out = fd;
    return 0;
}

int trii_sys_connect(int dir_fd, const char *name, int *out) {
    struct sockaddr_un address;
    int fd = -1, failed = address_of(dir_fd, name, &address) ? packet_socket(&fd) : ENAMETOOLONG;
    if (failed)
        return failed;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        failed = errno;
        close(fd);
        return failed;
    }
    *out = fd;
    return 0;
}

int trii_sys_accept(int fd, int *out) {
    if (trii_fault_now(TRII_FAULT_SOCKET))
        return EMFILE;
    int got = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (got < 0)
        return errno;
    *out = got;
    return 0;
}

int trii_sys_socket_peer(int fd, int32_t *pid, uint32_t *uid) {
    struct ucred who;
    socklen_t bytes = sizeof who;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &bytes) != 0)
        return errno;
    *pid = (int32_t)who.pid;
    *uid = (uint32_t)who.uid;
    return 0;
}

int trii_sys_send(int fd, const void *bytes, size_t size, int pass) {
    union {
        char room[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {.room = {0}};
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (trii_fault_now(TRII_FAULT_SEND))
        return ENOBUFS;
    if (pass >= 0) {
        message.msg_control = control.room;
        message.msg_controllen = sizeof control.room;
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof pass);
        memcpy(CMSG_DATA(head), &pass, sizeof pass); /* not payload: a descriptor */
    }
    ssize_t n;
    do
        n = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? errno : (size_t)n == size ? 0 : EMSGSIZE;
}

/* Takes the first descriptor of a message, closes all others. */
static int take_descriptor(struct msghdr *message) {
    int taken = -1;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(head) + i * sizeof fd, sizeof fd); /* not payload: a descriptor */
            if (taken < 0)
                taken = fd;
            else
                close(fd);
        }
    }
    return taken;
}

int trii_sys_receive(int fd, void *bytes, size_t size, size_t *got, int *passed) {
    union {
        char room[CMSG_SPACE(4 * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = {.iov_base = bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (passed) { /* without room for them the kernel closes what is sent */
        message.msg_control = control.room;
        message.msg_controllen = sizeof control.room;
    }
    ssize_t n;
    bool again = true; /* a reset is told before the packet that was sent before it */
    do
        n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && (errno == EINTR || (errno == ECONNRESET && again && !(again = false))));
    if (n < 0)
        return errno;
    if (passed)
        *passed = take_descriptor(&message);
    *got = message.msg_flags & MSG_TRUNC ? size + 1 : (size_t)n;
    return 0;
}

int trii_sys_poll(struct pollfd *fds, size_t count, uint64_t timeout_ns) {
    struct timespec limit = {.tv_sec = (time_t)(timeout_ns / 1000000000u), .tv_nsec = (long)(timeout_ns % 1000000000u)};
    int n = ppoll(fds, (nfds_t)count, timeout_ns == TRI_FOREVER ? NULL : &limit, NULL);
    return n > 0 ? 0 : n == 0 ? ETIMEDOUT : errno;
}

int trii_sys_bell(int *out) {
    if (trii_fault_now(TRII_FAULT_SOCKET))
        return EMFILE;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return errno;
    *out = fd;
    return 0;
}

void trii_sys_ring(int fd) {
    uint64_t one = 1;
    ssize_t n = write(fd, &one, sizeof one);
    (void)n; /* full is rung, too */
}

int trii_sys_lock_folder(int fd) {
    return flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
}

void trii_sys_unlock_folder(int fd) {
    flock(fd, LOCK_UN);
}

int trii_sys_file_number(int dir_fd, const char *name, uint64_t *out) {
    struct stat st;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno;
    *out = (uint64_t)st.st_ino;
    return 0;
}

void trii_sys_remove(int dir_fd, const char *name) {
    unlinkat(dir_fd, name, 0);
}
