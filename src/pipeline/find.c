#include "pipeline/find.h"

#include "base/alloc.h"
#include "base/paths.h"
#include "base/status.h"
#include "base/sys.h"
#include "pipeline/form.h"
#include "pipeline/words.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define SHIPPED_MAX 64
static const char ending[] = ".json";

static bool ends_in_json(const char *name) {
    size_t n = strlen(name), e = sizeof ending - 1;
    return n > e && strcmp(name + n - e, ending) == 0;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names of the shipped pipelines, sorted; to be freed one by one. */
static size_t list_shipped(char *names[SHIPPED_MAX]) {
    char *folder;
    size_t count = 0;
    struct dirent *entry;
    if (trii_path_data("pipelines", &folder, NULL) != TRI_OK)
        return 0;
    DIR *dir = opendir(folder);
    while (dir && count < SHIPPED_MAX && (entry = readdir(dir)) != NULL)
        if (ends_in_json(entry->d_name) && (names[count] = trii_strdup(entry->d_name)) != NULL) {
            names[count][strlen(names[count]) - (sizeof ending - 1)] = '\0';
            count++;
        }
    if (dir)
        closedir(dir);
    trii_free(folder);
    qsort(names, count, sizeof *names, by_name);
    return count;
}

static tri_status unknown(const char *name, struct tri_error *err) {
    char *names[SHIPPED_MAX], list[TRII_WORDS_BYTES];
    size_t count = list_shipped(names);
    trii_words_known(list, name, (const char *const *)names, count);
    while (count > 0)
        trii_free(names[--count]);
    return trii_fail(err, TRI_NOT_FOUND, "there is no pipeline \"%.64s\"; %s; a file is given by a path with / or .json",
                     name, list);
}

/* A shipped pipeline's path; a name is never a path in disguise. */
static tri_status shipped_path(const char *name, char **out, struct tri_error *err) {
    char *relative = trii_format("pipelines/%s%s", name, ending);
    if (!relative)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to look for the pipeline \"%.64s\"", name);
    tri_status status = name[0] == '\0' ? TRI_NOT_FOUND : trii_path_data(relative, out, NULL);
    trii_free(relative);
    return status == TRI_OK ? TRI_OK : unknown(name, err);
}

static tri_status read_all(int fd, const char *path, char **text, size_t *bytes, struct tri_error *err) {
    size_t used = 0, room = 0, got = 1;
    char *buffer = NULL;
    while (got > 0) {
        if (used == room) {
            room = room ? 2 * room : 16384;
            char *more = trii_realloc(buffer, room, 1);
            if (!more) {
                trii_free(buffer);
                return trii_fail(err, TRI_NO_MEMORY, "no memory to read %s", path);
            }
            buffer = more;
        }
        int failed = trii_sys_read(fd, buffer + used, room - used, &got);
        if (failed || used + got > TRII_FORM_BYTES_MAX) {
            trii_free(buffer);
            return failed ? trii_fail_errno(err, TRI_IO, failed, "can't read %s", path)
                          : trii_fail(err, TRI_LIMIT, "%s is longer than %zu bytes, the most a pipeline may be", path,
                                      TRII_FORM_BYTES_MAX);
        }
        used += got;
    }
    *text = buffer;
    *bytes = used;
    return TRI_OK;
}

static tri_status read_file(const char *path, char **text, size_t *bytes, struct tri_error *err) {
    int fd, failed = trii_sys_open(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0, &fd);
    if (failed)
        return trii_fail_errno(err, failed == ENOENT ? TRI_NOT_FOUND : TRI_IO, failed, "can't open the pipeline %s",
                               path);
    tri_status status = read_all(fd, path, text, bytes, err);
    trii_sys_close(fd);
    return status;
}

/* The folder of a path: what the pipeline names is looked for there, whatever happens to the path meanwhile. */
static tri_status open_folder(char *path, int *out, struct tri_error *err) {
    char *slash = strrchr(path, '/');
    if (slash)
        slash[slash == path] = '\0'; /* "/x.json" lies in "/" */
    int failed = trii_sys_open(AT_FDCWD, slash ? path : ".", O_PATH | O_DIRECTORY, 0, out);
    return failed ? trii_fail_errno(err, TRI_IO, failed, "can't open the pipeline's folder %s", slash ? path : ".")
                  : TRI_OK;
}

tri_status trii_find_pipeline(const char *name_or_path, char **text, size_t *bytes, char **origin, int *folder,
                              struct tri_error *err) {
    char *path;
    tri_status status;
    if (strchr(name_or_path, '/') || ends_in_json(name_or_path)) {
        path = trii_strdup(name_or_path);
        status = path ? TRI_OK : trii_fail(err, TRI_NO_MEMORY, "no memory for the path %s", name_or_path);
    } else {
        status = shipped_path(name_or_path, &path, err);
    }
    if (status != TRI_OK)
        return status;
    const char *slash = strrchr(path, '/');
    char *name = trii_strdup(slash ? slash + 1 : path);
    status = name ? read_file(path, text, bytes, err)
                  : trii_fail(err, TRI_NO_MEMORY, "no memory for the name of %s", path);
    if (status == TRI_OK) {
        status = open_folder(path, folder, err);
        if (status != TRI_OK)
            trii_free(*text);
    }
    trii_free(path);
    if (status != TRI_OK)
        trii_free(name);
    else
        *origin = name;
    return status;
}
