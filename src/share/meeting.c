#include "share/meeting.h"

#include "base/alloc.h"
#include "base/folder.h"
#include "base/paths.h"
#include "base/status.h"
#include "base/sys.h"
#include "share/protocol.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOCK_TRIES 200 /* of 10 ms: the lock is held for a few system calls */
#define LOCK_PAUSE_NS 10000000u

/* The folder's path (trii_free), NULL when there is no memory or no place. */
static char *folder_path(void) {
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (runtime && runtime[0] == '/')
        return trii_format("%s/tripoint", runtime);
    char user[32];
    snprintf(user, sizeof user, "/run/user/%u", trii_sys_uid());
    if (access(user, W_OK | X_OK) == 0)
        return trii_format("%s/tripoint", user);
    char *cache = trii_path_cache();
    char *path = cache ? trii_format("%s/run", cache) : NULL;
    trii_free(cache);
    return path;
}

static tri_status check_name(const char *name, struct tri_error *err) {
    if (trii_serve_name_is_sound(name))
        return TRI_OK;
    return trii_fail(err, TRI_INVALID_ARGUMENT,
                     "share: \"%.80s\" is no name to serve: 1 … %d letters, digits, '.', '-' or '_', not beginning "
                     "with '.'",
                     name ? name : "(NULL)", TRI_SERVE_NAME_BYTES - 1);
}

/* A folder that is not there is TRI_NOT_FOUND without words. */
static tri_status open_folder(const char *name, bool make, int *out, struct tri_error *err) {
    char reason[128] = "";
    char *path = folder_path();
    if (!path)
        return trii_fail(err, TRI_NO_MEMORY, "share \"%s\": no folder for its socket: set XDG_RUNTIME_DIR", name);
    int failed = trii_folder_open(path, make, out, reason, sizeof reason);
    tri_status status = TRI_OK;
    if (failed == ENOENT && !make)
        status = TRI_NOT_FOUND;
    else if (failed)
        status = trii_fail(err, failed == EPERM ? TRI_PERMISSION : TRI_IO,
                           "share \"%s\": the folder of sockets %s can't be used: %s", name, path, reason);
    trii_free(path);
    return status;
}

static int lock(int folder) {
    int failed = trii_sys_lock_folder(folder);
    for (int i = 0; failed == EWOULDBLOCK && i < LOCK_TRIES; i++) {
        (void)trii_sys_poll(NULL, 0, LOCK_PAUSE_NS);
        failed = trii_sys_lock_folder(folder);
    }
    return failed;
}

/* Under the folder's lock. */
static int listen_at(int folder, const char *name, int *out) {
    int failed = trii_sys_listen(folder, name, out), probe;
    if (failed != EADDRINUSE)
        return failed;
    int answer = trii_sys_connect(folder, name, &probe);
    if (answer == 0)
        trii_sys_close(probe);
    if (answer != ECONNREFUSED)
        return EADDRINUSE;
    trii_sys_remove(folder, name); /* its owner has died */
    return trii_sys_listen(folder, name, out);
}

tri_status trii_meeting_open(const char *name, struct trii_meeting *out, struct tri_error *err) {
    struct trii_meeting meeting = {.folder = -1, .listening = -1};
    tri_status status = check_name(name, err);
    if (status == TRI_OK)
        status = open_folder(name, true, &meeting.folder, err);
    if (status != TRI_OK)
        return status;
    int failed = lock(meeting.folder);
    if (!failed) {
        failed = listen_at(meeting.folder, name, &meeting.listening);
        if (!failed)
            failed = trii_sys_file_number(meeting.folder, name, &meeting.number);
        trii_sys_unlock_folder(meeting.folder);
    }
    if (failed) {
        trii_sys_close(meeting.listening);
        trii_sys_close(meeting.folder);
        if (failed == EADDRINUSE)
            return trii_fail(err, TRI_BUSY, "share \"%s\": that name is being served already; choose another", name);
        return trii_fail_errno(err, TRI_IO, failed, "share \"%s\": can't listen", name);
    }
    trii_name_copy(meeting.name, sizeof meeting.name, name);
    *out = meeting;
    return TRI_OK;
}

void trii_meeting_close(struct trii_meeting *meeting, bool inherited) {
    uint64_t number;
    if (!inherited && lock(meeting->folder) == 0) {
        if (trii_sys_file_number(meeting->folder, meeting->name, &number) == 0 && number == meeting->number)
            trii_sys_remove(meeting->folder, meeting->name);
        trii_sys_unlock_folder(meeting->folder);
    }
    trii_sys_close(meeting->listening);
    trii_sys_close(meeting->folder);
    *meeting = (struct trii_meeting){.folder = -1, .listening = -1};
}

tri_status trii_meeting_join(const char *name, int *out, struct tri_error *err) {
    int folder, fd = -1;
    int32_t pid;
    uint32_t uid;
    tri_status status = check_name(name, err);
    if (status == TRI_OK)
        status = open_folder(name, false, &folder, err);
    if (status == TRI_NOT_FOUND)
        return trii_fail(err, TRI_NOT_FOUND, "share \"%s\": nobody serves that name (nothing is served yet)", name);
    if (status != TRI_OK)
        return status;
    int failed = trii_sys_connect(folder, name, &fd);
    trii_sys_close(folder);
    if (failed == ENOENT || failed == ECONNREFUSED)
        return trii_fail(err, TRI_NOT_FOUND, "share \"%s\": nobody serves that name%s", name,
                         failed == ECONNREFUSED ? " any more" : "");
    if (failed == EAGAIN)
        return trii_fail(err, TRI_BUSY, "share \"%s\": its owner has more callers than it can answer; try again", name);
    if (failed)
        return trii_fail_errno(err, TRI_IO, failed, "share \"%s\": can't connect", name);
    if (trii_sys_socket_peer(fd, &pid, &uid) != 0 || uid != trii_sys_uid()) {
        trii_sys_close(fd);
        return trii_fail(err, TRI_PERMISSION, "share \"%s\": it is served by another user", name);
    }
    *out = fd;
    return TRI_OK;
}
