/* System calls about Unix sockets that carry file descriptors. */
#include "base/fault.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Room for the descriptors of one message, aligned as the kernel wants it. */
union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(TRII_SOCKET_FDS_MAX * sizeof(int))];
};

int trii_sys_socket_peer_uid(int socket, uint32_t *out) {
    struct ucred peer = {.uid = 0};
    struct sockaddr_storage name = {.ss_family = AF_UNSPEC};
    socklen_t bytes = sizeof peer, name_bytes = sizeof name;
    if (getsockname(socket, (struct sockaddr *)&name, &name_bytes) != 0)
        return errno;
    if (name.ss_family != AF_UNIX)
        return EPROTOTYPE;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0)
        return errno;
    *out = peer.uid;
    return 0;
}

int trii_sys_socket_send(int socket, const void *message, size_t bytes, const int *fds, size_t count) {
    union control control = {.bytes = {0}};
    struct iovec part = {.iov_base = (void *)message, .iov_len = bytes};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > TRII_SOCKET_FDS_MAX)
        return EINVAL;
    if (count > 0) {
        header.msg_control = control.bytes;
        header.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *first = CMSG_FIRSTHDR(&header);
        first->cmsg_level = SOL_SOCKET;
        first->cmsg_type = SCM_RIGHTS;
        first->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(first), fds, count * sizeof(int)); /* not payload: descriptors */
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &header, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? errno : (size_t)sent == bytes ? 0 : EMSGSIZE;
}

static void take_fds(struct msghdr *header, int *fds, size_t *count) {
    *count = 0;
    for (struct cmsghdr *at = CMSG_FIRSTHDR(header); at; at = CMSG_NXTHDR(header, at)) {
        if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS)
            continue;
        size_t here = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds + *count, CMSG_DATA(at), here * sizeof(int)); /* not payload: descriptors */
        *count += here;
    }
}

int trii_sys_socket_receive(int socket, void *message, size_t bytes, int fds[TRII_SOCKET_FDS_MAX], size_t *count) {
    union control control;
    struct iovec part = {.iov_base = message, .iov_len = bytes};
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t got;
    do
        got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC | MSG_WAITALL);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno;
    take_fds(&header, fds, count);
    if ((size_t)got == bytes && !(header.msg_flags & (MSG_CTRUNC | MSG_TRUNC)))
        return 0;
    while (*count > 0)
        trii_sys_close(fds[--*count]);
    return got == 0 ? ECONNRESET : EPROTO;
}

int trii_sys_memfd_inspect(int fd, uint64_t *bytes, bool *is_fixed) {
    struct stat status;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0)
        return errno;
    if (fstat(fd, &status) != 0)
        return errno;
    *bytes = (uint64_t)status.st_size;
    *is_fixed = (seals & F_SEAL_SHRINK) && (seals & F_SEAL_GROW);
    return 0;
}
