/*
 * Which Vulkan driver is used.
 *
 * Vulkan's loader reads its choice from the environment when an instance is made. A user's own choice (VK_ICD_FILENAMES
 * or VK_DRIVER_FILES) is never overruled. Otherwise a real GPU is looked for, where the machine shows any sign of one;
 * and the CPU driver of the set-up is chosen by setenv(), if the caller allows that.
 */
#include "engine/webgpu/webgpu.h"

#include "base/alloc.h"
#include "base/cache.h"
#include "base/params.h"
#include "base/paths.h"
#include "base/status.h"
#include "base/sys.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *user_choice(const char **name) {
    static const char *const names[] = {"VK_ICD_FILENAMES", "VK_DRIVER_FILES"};
    for (size_t i = 0; i < 2; i++) {
        const char *value = getenv(names[i]);
        *name = names[i];
        if (value && value[0])
            return value;
    }
    return NULL;
}

/* Where Linux shows GPUs: DRM, NVIDIA, WSL, Adreno, Mali. Asking Vulkan costs 6 ms and a warning on stderr. */
static bool gpu_in_sight(void) {
    static const char *const nodes[] = {"/dev/dri", "/dev/nvidiactl", "/dev/dxg", "/dev/kgsl-3d0", "/dev/mali0"};
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
        if (access(nodes[i], F_OK) == 0)
            return true;
    return false;
}

/* lavapipe needs a libdrm newer than Debian 12's: loaded by path, its SONAME then satisfies the driver. */
static tri_status preload_libdrm(struct tri_error *err) {
    char *path, why[256];
    tri_status status = trii_gpu_lavapipe("lib/libdrm.so.2", &path, err);
    if (status != TRI_OK)
        return status;
    void *library = trii_sys_library(path, why, sizeof why);
    trii_free(path);
    return library ? TRI_OK
                   : trii_fail(err, TRI_ENGINE_UNAVAILABLE, "the CPU driver's libdrm cannot be opened: %s", why);
}

/* Compiled shaders are native code: Mesa is pointed to our cache, whose folder is checked like the others'. */
static void choose_shader_cache(const char *cache_dir) {
    char *path = NULL;
    if (getenv("MESA_SHADER_CACHE_DIR") || getenv("MESA_SHADER_CACHE_DISABLE"))
        return;
    struct trii_cache *cache = trii_cache_open(cache_dir, "shaders", NULL, 0);
    if (cache) {
        char *root = cache_dir ? trii_strdup(cache_dir) : trii_path_cache();
        path = root ? trii_format("%s/shaders", root) : NULL;
        trii_free(root);
        trii_cache_close(&cache);
    }
    if (path) {
        setenv("MESA_SHADER_CACHE_DIR", path, 0);
        setenv("MESA_DISK_CACHE_DATABASE_NUM_PARTS", "1", 0); /* else 102 files are made and opened for a dozen shaders */
    } else {
        setenv("MESA_SHADER_CACHE_DISABLE", "true", 0);
    }
    trii_free(path);
}

static tri_status choose_cpu_driver(const struct tri_engine_params *params, const char *icd, struct tri_error *err) {
    tri_status status = preload_libdrm(err);
    if (status != TRI_OK)
        return status;
    choose_shader_cache(params->cache_dir);
    setenv("NODEVICE_SELECT", "1", 0); /* Mesa's layer that would ask a display server which GPU to use */
    if (setenv("VK_ICD_FILENAMES", icd, 1) != 0)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to choose the Vulkan driver");
    return TRI_OK;
}

/* The user's (or an earlier engine's) choice: one attempt. */
static tri_status as_chosen(const struct tri_engine_params *params, const char *choice, struct trii_gpu_driver *out,
                            struct tri_error *err) {
    char *icd = NULL;
    struct trii_gpu_driver driver = {.cpu_only = params->cpu_driver};
    tri_status status = TRI_OK;
    if (trii_gpu_lavapipe("lvp_icd.json", &icd, NULL) == TRI_OK && strcmp(choice, icd) == 0) {
        driver.from_setup = true;
        status = preload_libdrm(err);
    }
    trii_free(icd);
    if (status == TRI_OK)
        *out = driver;
    return status;
}

/* Whether tri_engine_choose_driver() has offered the CPU driver beside the machine's own. */
static bool is_offered(const char *icd) {
    const char *added = getenv("VK_ADD_DRIVER_FILES");
    return added && strcmp(added, icd) == 0;
}

static tri_status from_setup(const struct tri_engine_params *params, struct trii_gpu_driver *out,
                             struct tri_error *err) {
    char *icd;
    struct tri_error missing = {0};
    if (trii_gpu_lavapipe("lvp_icd.json", &icd, &missing) != TRI_OK)
        return trii_fail(err, TRI_ENGINE_UNAVAILABLE, "no GPU answers, and the CPU driver is missing: %s",
                         missing.message);
    tri_status status = is_offered(icd) ? TRI_OK : choose_cpu_driver(params, icd, err);
    trii_free(icd);
    if (status == TRI_OK)
        *out = (struct trii_gpu_driver){.from_setup = true, .cpu_only = true};
    return status;
}

static tri_status nothing_answers(const struct tri_engine_params *params, struct tri_error *err) {
    const char *name, *choice = user_choice(&name);
    char *icd = NULL;
    if (choice)
        return trii_fail(err, TRI_ENGINE_UNAVAILABLE,
                         "no usable %s answers through %s=%s; unset it, or name a driver of Vulkan 1.3",
                         params->cpu_driver ? "CPU driver" : "Vulkan device", name, choice);
    (void)trii_gpu_lavapipe("lvp_icd.json", &icd, NULL);
    trii_fail(err, TRI_ENGINE_UNAVAILABLE,
              "no GPU answers, and choosing the CPU driver was not allowed: start with VK_ICD_FILENAMES=%s, or open "
              "the engine with may_set_environment",
              icd ? icd : "(the driver that scripts/setup installs)");
    trii_free(icd);
    return TRI_ENGINE_UNAVAILABLE;
}

static tri_status choose(const struct tri_engine_params *params, unsigned attempt, struct trii_gpu_driver *out,
                         struct tri_error *err) {
    const char *name, *choice = user_choice(&name);
    const bool look = !params->cpu_driver && gpu_in_sight();
    if (choice && attempt == 0)
        return as_chosen(params, choice, out, err);
    if (choice)
        return nothing_answers(params, err);
    if (attempt == 0 && look) {
        *out = (struct trii_gpu_driver){.gpu_only = params->may_set_environment};
        return TRI_OK;
    }
    if (params->may_set_environment && attempt <= 1)
        return from_setup(params, out, err);
    if (attempt == 0) { /* the system's own CPU driver may do */
        *out = (struct trii_gpu_driver){.cpu_only = true};
        return TRI_OK;
    }
    return nothing_answers(params, err);
}

tri_status trii_gpu_driver(const struct tri_engine_params *params, unsigned attempt, struct trii_gpu_driver *out,
                           struct tri_error *err) {
    tri_status status = choose(params, attempt, out, err);
    if (status == TRI_OK)
        out->may_hush = params->may_set_environment;
    return status;
}

/* Beside a GPU the CPU driver is only offered: the loader then lists both, and no later attempt has to change the
 * environment while other threads read it. */
static tri_status offer_cpu_driver(const struct tri_engine_params *params, const char *icd, struct tri_error *err) {
    if (getenv("VK_ADD_DRIVER_FILES"))
        return TRI_OK;
    tri_status status = preload_libdrm(err);
    if (status != TRI_OK)
        return status;
    choose_shader_cache(params->cache_dir);
    if (setenv("VK_ADD_DRIVER_FILES", icd, 1) != 0)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to offer the Vulkan driver");
    return TRI_OK;
}

tri_status tri_engine_choose_driver(const struct tri_engine_params *given, struct tri_error *err) {
    struct tri_engine_params own = {.struct_bytes = sizeof own};
    const struct tri_engine_params *params = &own;
    const char *name;
    char *icd;
    tri_status status = trii_params_read(&own, sizeof own, given, "tri_engine_params", err);
    if (status != TRI_OK)
        return status;
    if (user_choice(&name))
        return TRI_OK;
    const bool beside = !params->cpu_driver && gpu_in_sight();
    status = trii_gpu_lavapipe("lvp_icd.json", &icd, beside ? NULL : err);
    if (status != TRI_OK)
        return beside ? TRI_OK : status;
    status = beside ? offer_cpu_driver(params, icd, err) : choose_cpu_driver(params, icd, err);
    trii_free(icd);
    return status;
}
