/*
 * Where a named file may lie. A pipeline may come from a stranger: what it names is opened beneath its own folder by the
 * kernel (openat2, RESOLVE_BENEATH), which follows links only as long as they stay inside. What the caller of the library
 * names is the caller's business.
 */
#include "engine/custom/file.h"

#include "base/alloc.h"
#include "base/cache.h"
#include "base/status.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* The caller's own place for a name in the pipeline, or NULL. */
static const char *granted(const struct trii_custom_place *place, const char *name) {
    for (size_t i = 0; i < place->file_count; i++)
        if (strcmp(place->files[i].name, name) == 0)
            return place->files[i].path;
    return NULL;
}

static tri_status open_named(const struct trii_custom_place *place, const char *path, int *fd, struct tri_error *err) {
    const char *own = granted(place, path);
    const bool free = own || place->folder == TRII_CUSTOM_ANYWHERE;
    const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK; /* a fifo or device is opened without waiting, then refused */
    if (!free && place->folder == TRII_CUSTOM_NO_FOLDER)
        return trii_fail(err, TRI_PERMISSION, "%.200s is not among the files that were given with the pipeline's text, which "
                                              "has no folder", path);
    int failed = free ? trii_sys_open(AT_FDCWD, own ? own : path, flags, 0, fd)
                      : trii_sys_open_beneath(place->folder, path, flags, fd);
    if (failed == EXDEV)
        return trii_fail(err, TRI_PERMISSION,
                         "%.200s leads out of the pipeline's folder, which the files that it names may not leave; put it "
                         "there, or give its place on the command line: --file NAME=PATH",
                         path);
    if (failed)
        return trii_fail_errno(err, failed == ENOENT ? TRI_NOT_FOUND : TRI_IO, failed, "can't open the operation's file %.200s",
                               own ? own : path);
    return TRI_OK;
}

static tri_status read_whole(int fd, const char *path, size_t bytes_max, uint8_t **out, size_t *size,
                             struct tri_error *err) {
    uint64_t bytes;
    size_t used = 0, got = 1;
    int failed = trii_sys_file_size(fd, &bytes);
    if (failed)
        return trii_fail_errno(err, TRI_IO, failed, "%.200s is no file that can be read", path);
    if (bytes == 0 || bytes > bytes_max)
        return trii_fail(err, bytes ? TRI_LIMIT : TRI_IO, "%.200s has %llu bytes, it must have 1 to %zu", path,
                         (unsigned long long)bytes, bytes_max);
    uint8_t *buffer = trii_calloc((size_t)bytes + 1, 1);
    if (!buffer)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for the %llu bytes of %.200s", (unsigned long long)bytes, path);
    while (!failed && got > 0 && used < bytes) {
        failed = trii_sys_read(fd, buffer + used, (size_t)bytes - used, &got);
        used += failed ? 0 : got;
    }
    if (failed || used < bytes) {
        trii_free(buffer);
        return trii_fail_errno(err, TRI_IO, failed ? failed : EIO, "can't read %.200s", path);
    }
    *out = buffer;
    *size = (size_t)bytes;
    return TRI_OK;
}

static bool ends_in_xml(const char *path) {
    const size_t n = strlen(path);
    return n > 4 && strcmp(path + n - 4, ".xml") == 0;
}

/* The weights of a model in two files lie beside the first, under its name with .bin; where the first was lent, beside that. */
static tri_status read_weights(const struct trii_custom_place *place, struct trii_custom *custom, struct tri_error *err) {
    const char *own = granted(place, custom->path);
    char *path = trii_strdup(own ? own : custom->path);
    int fd;
    if (!path)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for the path of the weights of %s", custom->name);
    if (!ends_in_xml(path)) {
        trii_free(path);
        return trii_fail(err, TRI_UNSUPPORTED, "%s was lent under another ending: its weights can't be found", custom->name);
    }
    memcpy(path + strlen(path) - 4, ".bin", 4); /* not payload: a name */
    const struct trii_custom_place lent = {.folder = TRII_CUSTOM_ANYWHERE};
    tri_status status = open_named(own ? &lent : place, path, &fd, err);
    if (status == TRI_OK) {
        status = read_whole(fd, path, (size_t)1 << 30, &custom->weights, &custom->weights_size, err);
        trii_sys_close(fd);
    }
    trii_free(path);
    return status;
}

static tri_status hash(struct trii_custom *custom, struct tri_error *err) {
    char second[65];
    trii_sha256_hex(custom->bytes, custom->size, custom->hash);
    if (!custom->weights)
        return TRI_OK;
    trii_sha256_hex(custom->weights, custom->weights_size, second);
    char *both = trii_format("%s %s", custom->hash, second);
    if (!both)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to hash %s", custom->name);
    trii_sha256_hex(both, strlen(both), custom->hash);
    trii_free(both);
    return TRI_OK;
}

tri_status trii_custom_file_read(const struct trii_custom_place *place, const struct trii_custom_kind *kind,
                                 struct trii_custom *custom, struct tri_error *err) {
    if (kind->format == TRII_CUSTOM_NATIVE && !place->allow_native)
        return trii_fail(err, TRI_PERMISSION,
                         "%.200s is a shared object, whose code would run with your rights: it is loaded only with "
                         "--allow-native (allow_native in the parameters of the runtime)",
                         custom->path);
    tri_status status = open_named(place, custom->path, &custom->file, err);
    if (status == TRI_OK)
        status = read_whole(custom->file, custom->path, kind->bytes_max, &custom->bytes, &custom->size, err);
    if (status == TRI_OK && kind->format == TRII_CUSTOM_MODEL && ends_in_xml(custom->path))
        status = read_weights(place, custom, err);
    return status == TRI_OK ? hash(custom, err) : status;
}
