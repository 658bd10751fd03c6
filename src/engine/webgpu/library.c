/* Finds Dawn, opens it, and fills the table of functions. Never closed again. */
#include "engine/webgpu/webgpu.h"

#include "base/alloc.h"
#include "base/paths.h"
#include "base/status.h"
#include "base/sys.h"

#include "engines_lock.h"

tri_status trii_gpu_lavapipe(const char *file, char **out, struct tri_error *err) {
    char *relative = trii_format("%s/%s", TRII_LAVAPIPE_FOLDER, file);
    if (!relative)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for a path");
    tri_status status = trii_path_engine(relative, out, err);
    trii_free(relative);
    return status;
}

/* The name of the first function that is missing, NULL when all are there. */
static const char *fill(void *library, struct trii_dawn *dawn) {
#define FILL(result, name, parameters)                                                                               \
    if (!trii_sys_symbol(library, "wgpu" #name, &dawn->name))                                                        \
        return "wgpu" #name;
    TRII_DAWN_FUNCTIONS(FILL)
#undef FILL
    return NULL;
}

tri_status trii_gpu_load(struct trii_gpu *gpu, const char *library_path, struct tri_error *err) {
    char why[256];
    const char *missing;
    if (library_path)
        gpu->library_path = trii_strdup(library_path);
    else {
        tri_status status = trii_path_engine(TRII_DAWN_FOLDER "/libwebgpu_dawn.so", &gpu->library_path, err);
        if (status != TRI_OK)
            return status;
    }
    if (!gpu->library_path)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for the path of Dawn's library");
    gpu->version = library_path ? "given by path" : TRII_DAWN_VERSION;
    void *library = trii_sys_library(gpu->library_path, why, sizeof why);
    if (!library)
        return trii_fail(err, TRI_ENGINE_UNAVAILABLE, "Dawn's library cannot be opened: %s", why);
    missing = fill(library, &gpu->dawn);
    if (missing)
        return trii_fail(err, TRI_ENGINE_UNAVAILABLE,
                         "%s has no function %s, so it is not a Dawn of the generation that Tripoint speaks; "
                         "scripts/setup installs one",
                         gpu->library_path, missing);
    return TRI_OK;
}
