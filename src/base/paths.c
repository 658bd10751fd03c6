#include "base/paths.h"

#include "base/alloc.h"
#include "base/status.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The folder that holds libtripoint, as the loader found it; "" when it can't be told. */
static void library_folder(char *out, size_t bytes) {
    Dl_info info;
    static const int inside = 0; /* any object of this library */
    out[0] = '\0';
    if (!dladdr(&inside, &info) || !info.dli_fname)
        return;
    char *real = realpath(info.dli_fname, NULL);
    if (!real)
        return;
    char *slash = strrchr(real, '/');
    if (slash) {
        *slash = '\0';
        snprintf(out, bytes, "%s", real);
    }
    free(real);
}

/* Tries root/relative; on failure appends root to the list of places searched. Takes `root` over. */
static char *try_root(char *root, const char *relative, char *searched, size_t searched_bytes) {
    if (!root)
        return NULL;
    char *path = trii_format("%s/%s", root, relative);
    if (path && access(path, R_OK) == 0) {
        trii_free(root);
        return path;
    }
    size_t used = strlen(searched);
    snprintf(searched + used, searched_bytes - used, "%s%s", used ? ", " : "", root);
    trii_free(path);
    trii_free(root);
    return NULL;
}

char *trii_path_cache(void) {
    const char *own = getenv("TRIPOINT_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (own && own[0])
        return trii_strdup(own);
    if (xdg && xdg[0] == '/')
        return trii_format("%s/tripoint", xdg);
    if (home && home[0] == '/')
        return trii_format("%s/.cache/tripoint", home);
    return NULL;
}

/* A fresh path of `relative` in the folder that `variable` names; where it names none, in `first` (taken over, may be NULL) or
 * in one of `beside`, which are found from the library's own folder. `searched` lists where was looked. */
static char *search(const char *variable, char *first, const char *const beside[2], const char *relative, char *searched,
                    size_t searched_bytes) {
    char folder[4096];
    const char *own = getenv(variable);
    if (own && own[0]) {
        trii_free(first);
        return try_root(trii_strdup(own), relative, searched, searched_bytes);
    }
    char *found = try_root(first, relative, searched, searched_bytes);
    library_folder(folder, sizeof folder);
    for (size_t i = 0; !found && folder[0] && i < 2 && beside[i]; i++)
        found = try_root(trii_format("%s/%s", folder, beside[i]), relative, searched, searched_bytes);
    return found;
}

static const char *places(const char *searched) {
    return searched[0] ? searched : "nowhere";
}

tri_status trii_path_data(const char *relative, char **out, struct tri_error *err) {
    static const char *const beside[2] = {"../share/tripoint", "../../share/tripoint"};
    char searched[320] = "";
    char *found = search("TRIPOINT_DATA", NULL, beside, relative, searched, sizeof searched);
    if (!found)
        return trii_fail(err, TRI_NOT_FOUND, "%s is not among Tripoint's data (searched: %s); set TRIPOINT_DATA to its folder",
                         relative, places(searched));
    *out = found;
    return TRI_OK;
}

tri_status trii_path_engine(const char *relative, char **out, struct tri_error *err) {
    static const char *const beside[2] = {"tripoint/engines"};
    char searched[320] = "", *cache = trii_path_cache();
    char *found = search("TRIPOINT_ENGINES", cache ? trii_format("%s/engines", cache) : NULL, beside, relative, searched,
                         sizeof searched);
    trii_free(cache);
    if (!found)
        return trii_fail(err, TRI_ENGINE_UNAVAILABLE, "%s is not installed (searched: %s); run scripts/setup, or set TRIPOINT_ENGINES",
                         relative, places(searched));
    *out = found;
    return TRI_OK;
}

tri_status trii_path_module(const char *name, char **out, struct tri_error *err) {
    static const char *const beside[2] = {"tripoint", "video"};
    char searched[320] = "";
    char *found = search("TRIPOINT_MODULES", NULL, beside, name, searched, sizeof searched);
    if (!found)
        return trii_fail(err, TRI_UNSUPPORTED, "video needs %s, which is not there (searched: %s); `scripts/setup video` installs "
                                               "what it is built from, then build again",
                         name, places(searched));
    *out = found;
    return TRI_OK;
}

char *trii_path_worker(void) {
    const char *named = getenv("TRIPOINT_WORKER");
    char own[4096], folder[4096];
    ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    if (named && named[0])
        return trii_strdup(named);
    own[length > 0 ? length : 0] = '\0';
    const char *slash = strrchr(own, '/');
    if (slash && strcmp(slash, "/tripoint") == 0)
        return trii_strdup(own);
    library_folder(folder, sizeof folder);
    for (const char *const *below = (const char *const[]){"/../bin/tripoint", "/../../bin/tripoint", NULL}; *below; below++) {
        char *path = folder[0] ? trii_format("%s%s", folder, *below) : NULL;
        if (path && access(path, X_OK) == 0)
            return path;
        trii_free(path);
    }
    return NULL;
}
