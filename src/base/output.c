#include "base/output.h"

#include "base/alloc.h"
#include "base/atomic.h"
#include "base/fault.h"
#include "base/status.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum how { DIRECT, UNNAMED, NAMED };

#define TEMP_BYTES 320 /* a name of 255 bytes at most is cut to fit beside pid and number */
#define NO_SLOT (-1)

struct trii_output {
    enum how how;
    int fd, dir_fd;
    bool owns_dir, owns_fd;
    unsigned flags;
    int slot;
    bool replaces;    /* something of that name was there */
    bool keeps_mode;  /* and the new file gets its permission bits */
    uint32_t old_mode;
    uint64_t bytes;
    char *path;       /* as the caller said it, for errors */
    char *name;       /* in dir_fd */
    char temp[TEMP_BYTES];
};

/* ---- names that a signal handler has to remove ---- */
enum { FREE, FILLING, ARMED };
static struct {
    _Atomic int state;
    int dir_fd;
    char name[TEMP_BYTES];
} slots[16];

static int slot_arm(int dir_fd, const char *name) {
    for (int i = 0; i < (int)(sizeof slots / sizeof *slots); i++) {
        int expected = FREE;
        if (!trii_cas_acquire(&slots[i].state, &expected, FILLING))
            continue;
        slots[i].dir_fd = dir_fd;
        snprintf(slots[i].name, sizeof slots[i].name, "%s", name);
        trii_store_release(&slots[i].state, ARMED); /* pairs with the load in abort_all */
        return i;
    }
    return NO_SLOT;
}

static void slot_disarm(struct trii_output *output) {
    if (output->slot != NO_SLOT)
        trii_store_release(&slots[output->slot].state, FREE);
    output->slot = NO_SLOT;
}

void trii_output_abort_all(void) {
    int kept = errno;
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++)
        if (trii_load_acquire(&slots[i].state) == ARMED)
            unlinkat(slots[i].dir_fd, slots[i].name, 0);
    errno = kept;
}

/* ---- life ---- */
static void make_temp_name(struct trii_output *output) {
    static _Atomic uint32_t number;
    snprintf(output->temp, sizeof output->temp, ".%.200s.%ld-%u.part", output->name, (long)getpid(),
             trii_add_relaxed(&number, 1));
}

static struct trii_output *fresh(const char *path, const char *name, unsigned flags) {
    struct trii_output *output = trii_calloc(1, sizeof *output);
    if (!output)
        return NULL;
    output->fd = output->dir_fd = -1;
    output->slot = NO_SLOT;
    output->flags = flags;
    output->path = trii_strdup(path);
    output->name = trii_strdup(name);
    if (!output->path || !output->name)
        trii_output_abandon(&output);
    return output;
}

static void destroy(struct trii_output **output) {
    struct trii_output *o = *output;
    if (o->owns_fd)
        trii_sys_close(o->fd);
    if (o->owns_dir)
        trii_sys_close(o->dir_fd);
    trii_free(o->path);
    trii_free(o->name);
    trii_free(o);
    *output = NULL;
}

void trii_output_abandon(struct trii_output **output) {
    if (!output || !*output)
        return;
    if ((*output)->how == NAMED)
        unlinkat((*output)->dir_fd, (*output)->temp, 0);
    slot_disarm(*output);
    destroy(output);
}

static tri_status no_memory(const char *path, struct tri_error *err) {
    return trii_fail(err, TRI_NO_MEMORY, "can't write %s: out of memory", path);
}

/* Opens the file that is written aside in output->dir_fd. */
static int open_aside(struct trii_output *output) {
    uint32_t mode = output->flags & TRII_OUTPUT_PRIVATE ? 0600 : 0666;
    /* A nameless file gets its name through /proc. */
    bool possible = access("/proc/self/fd", X_OK) == 0 && !trii_fault_now(TRII_FAULT_TMPFILE);
    int failed = possible ? 0 : EOPNOTSUPP;
    if (!failed)
        failed = trii_sys_open(output->dir_fd, ".", O_TMPFILE | O_WRONLY, mode, &output->fd);
    output->how = UNNAMED;
    if (failed == EOPNOTSUPP || failed == EISDIR || failed == EINVAL || failed == ENOENT) {
        make_temp_name(output);
        failed = trii_sys_open(output->dir_fd, output->temp, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, mode, &output->fd);
        output->how = failed ? DIRECT : NAMED;
        if (!failed)
            output->slot = slot_arm(output->dir_fd, output->temp);
    }
    output->owns_fd = !failed;
    return failed;
}

/* Looks at what is there under the name now. What is private to us is replaced whatever it is. */
static tri_status inspect(struct trii_output *output, struct tri_error *err) {
    struct stat st;
    if (fstatat(output->dir_fd, output->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? TRI_OK : trii_fail_errno(err, TRI_IO, errno, "can't write %s", output->path);
    if (S_ISDIR(st.st_mode))
        return trii_fail(err, TRI_IO, "can't write %s: it is a folder; name a file in it", output->path);
    if (output->flags & TRII_OUTPUT_KEEP)
        return trii_fail(err, TRI_IO, "%s is there already and was not to be overwritten", output->path);
    output->replaces = true;
    if (output->flags & TRII_OUTPUT_PRIVATE)
        return TRI_OK;
    if (faccessat(output->dir_fd, output->name, W_OK, AT_EACCESS) != 0)
        return trii_fail_errno(err, TRI_IO, errno, "can't replace %s: the file is write-protected", output->path);
    output->keeps_mode = true;
    output->old_mode = st.st_mode & 0777u;
    return TRI_OK;
}

static tri_status begin(struct trii_output *output, const char *folder, struct tri_error *err) {
    tri_status status = inspect(output, err);
    if (status != TRI_OK)
        return status;
    int failed = open_aside(output);
    if (failed)
        return trii_fail_errno(err, TRI_IO, failed, "can't write %s: no file can be made in %s", output->path, folder);
    return TRI_OK;
}

static tri_status create_at(int dir_fd, bool owns_dir, const char *path, const char *folder, const char *name,
                            unsigned flags, struct trii_output **out, struct tri_error *err) {
    struct trii_output *output = fresh(path, name, flags);
    if (!output) {
        if (owns_dir)
            trii_sys_close(dir_fd);
        return no_memory(path, err);
    }
    output->dir_fd = dir_fd;
    output->owns_dir = owns_dir;
    tri_status status = begin(output, folder, err);
    if (status != TRI_OK) {
        trii_output_abandon(&output);
        return status;
    }
    *out = output;
    return TRI_OK;
}

tri_status trii_output_create_at(int dir_fd, const char *name, unsigned flags, struct trii_output **out,
                                 struct tri_error *err) {
    return create_at(dir_fd, false, name, "its folder", name, flags, out, err);
}

static tri_status create_in(const char *path, char *real, unsigned flags, struct trii_output **out,
                            struct tri_error *err) {
    char *slash = strrchr(real, '/');
    const char *name = slash ? slash + 1 : real;
    const char *folder = !slash ? "." : slash == real ? "/" : real;
    if (!name[0])
        return trii_fail(err, TRI_IO, "can't write %s: it names a folder, not a file", path[0] ? path : "\"\"");
    if (slash)
        *slash = '\0';
    int dir_fd, failed = trii_sys_open(AT_FDCWD, slash == real ? "/" : folder, O_PATH | O_DIRECTORY, 0, &dir_fd);
    if (failed == ENOENT)
        return trii_fail(err, TRI_IO, "can't write %s: there is no folder %s", path, folder);
    if (failed)
        return trii_fail_errno(err, TRI_IO, failed, "can't write %s: %s can't be opened", path, folder);
    return create_at(dir_fd, true, path, slash == real ? "/" : folder, name, flags, out, err);
}

/* Standard output (fd), or what is no regular file (fd < 0: opened here). */
static tri_status create_direct(const char *path, int fd, unsigned flags, struct trii_output **out,
                                struct tri_error *err) {
    if (flags & TRII_OUTPUT_KEEP && fd < 0)
        return trii_fail(err, TRI_IO, "%s is there already and was not to be overwritten", path);
    struct trii_output *output = fresh(path, "", flags);
    if (!output)
        return no_memory(path, err);
    output->owns_fd = fd < 0;
    output->fd = fd;
    int failed = fd < 0 ? trii_sys_open(AT_FDCWD, path, O_WRONLY, 0, &output->fd) : 0;
    if (failed) {
        trii_output_abandon(&output);
        return trii_fail_errno(err, TRI_IO, failed, "can't write %s", path);
    }
    *out = output;
    return TRI_OK;
}

tri_status trii_output_create(const char *path, unsigned flags, struct trii_output **out, struct tri_error *err) {
    struct stat st;
    if (strcmp(path, "-") == 0)
        return create_direct("standard output", STDOUT_FILENO, flags, out, err);
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return create_direct(path, -1, flags, out, err);
    /* A link: its target is what is replaced. */
    bool link = lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
    char *resolved = link ? realpath(path, NULL) : NULL;
    if (link && !resolved)
        return trii_fail_errno(err, TRI_IO, errno, "can't write %s: it is a link that can't be followed", path);
    char *real = trii_strdup(resolved ? resolved : path);
    free(resolved);
    if (!real)
        return no_memory(path, err);
    tri_status status = create_in(path, real, flags, out, err);
    trii_free(real);
    return status;
}

tri_status trii_output_write(struct trii_output *output, const void *bytes, size_t size, struct tri_error *err) {
    int failed = trii_sys_write(output->fd, bytes, size);
    if (failed == EPIPE)
        return trii_fail_errno(err, TRI_IO, failed, "can't write %s: its reader went away", output->path);
    if (failed)
        return trii_fail_errno(err, TRI_IO, failed, "can't write %s", output->path);
    output->bytes += size;
    return TRI_OK;
}

bool trii_output_seeks(const struct trii_output *output) {
    return output->how != DIRECT;
}

int trii_output_write_at(struct trii_output *output, uint64_t at, const void *bytes, size_t size) {
    int failed = 0;
    if (output->how == DIRECT) {
        failed = at == output->bytes ? trii_sys_write(output->fd, bytes, size) : ESPIPE;
    } else {
        failed = trii_sys_write_at(output->fd, at, bytes, size);
    }
    if (!failed && at + size > output->bytes)
        output->bytes = at + size;
    return failed;
}

uint64_t trii_output_bytes(const struct trii_output *output) {
    return output->bytes;
}

/* ---- putting it in place ---- */
static int give_name(struct trii_output *output, const char *name) {
    char self[32];
    snprintf(self, sizeof self, "/proc/self/fd/%d", output->fd);
    return linkat(AT_FDCWD, self, output->dir_fd, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

/* From a temporary name to the final one. */
static int rename_over(struct trii_output *output) {
    if (renameat(output->dir_fd, output->temp, output->dir_fd, output->name) == 0)
        return 0;
    int failed = errno;
    unlinkat(output->dir_fd, output->temp, 0);
    return failed;
}

static int rename_new(struct trii_output *output) {
    if (renameat2(output->dir_fd, output->temp, output->dir_fd, output->name, RENAME_NOREPLACE) == 0)
        return 0;
    int failed = errno;
    if (failed == EINVAL && linkat(output->dir_fd, output->temp, output->dir_fd, output->name, 0) == 0)
        failed = 0; /* a file system without that flag */
    unlinkat(output->dir_fd, output->temp, 0);
    return failed;
}

static int place_unnamed(struct trii_output *output) {
    int failed = output->replaces ? EEXIST : give_name(output, output->name);
    if (failed != EEXIST || output->flags & TRII_OUTPUT_KEEP)
        return failed;
    make_temp_name(output);
    output->slot = slot_arm(output->dir_fd, output->temp);
    failed = give_name(output, output->temp);
    return failed ? failed : rename_over(output);
}

static int place(struct trii_output *output) {
    if (output->how == DIRECT)
        return 0;
    if (output->keeps_mode && fchmod(output->fd, output->old_mode) != 0)
        return errno;
    int failed = output->flags & TRII_OUTPUT_UNSYNCED ? 0 : trii_sys_sync(output->fd);
    if (failed)
        return failed;
    if (output->how == UNNAMED)
        return place_unnamed(output);
    failed = output->flags & TRII_OUTPUT_KEEP ? rename_new(output) : rename_over(output);
    output->how = UNNAMED; /* the temporary name is gone either way */
    return failed;
}

tri_status trii_output_commit(struct trii_output **out, struct tri_error *err) {
    struct trii_output *output = *out;
    int failed = place(output);
    tri_status status = TRI_OK;
    if (failed == EEXIST)
        status = trii_fail(err, TRI_IO, "%s appeared meanwhile and was not to be overwritten", output->path);
    else if (failed)
        status = trii_fail_errno(err, TRI_IO, failed, "can't finish %s", output->path);
    if (failed)
        trii_output_abandon(out);
    else {
        slot_disarm(output);
        destroy(out);
    }
    return status;
}
