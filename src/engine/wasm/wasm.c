/*
 * The wasm engine: Wasmtime, opened at run time, with a window of the arena's own pages in each guest's memory. See
 * README.md for the picture. Calls are synchronous: submit runs the guest on the caller's thread and signals the fence
 * before it returns; the watchdog bounds how long that takes.
 */
#include "engine/wasm/wasm.h"

#include "base/alloc.h"
#include "base/cache.h"
#include "base/paths.h"
#include "base/status.h"
#include "engine/custom/custom.h"
#include "engine/wasm/memory.h"
#include "engines_lock.h"

#include <stdio.h>
#include <string.h>

/* Enough for any image operation, and small enough for a thread with glibc's smallest usual stack. */
#define STACK_BYTES ((size_t)256 << 10)

static const struct {
    const char *file;     /* below the data folder */
    const char *function;
} built_in[TRII_OP_COUNT] = {
    [TRII_OP_VIGNETTE] = {"wasm/vignette.wasm", "op_vignette"},
    [TRII_OP_DECODE_FACES] = {"wasm/decode_faces.wasm", "op_decode_faces"},
};

static struct trii_wasm *of(struct tri_engine *engine) {
    return (struct trii_wasm *)engine;
}

/* ---- open and close ---- */

static wasm_engine_t *new_engine(struct trii_wasmtime *w) {
    wasmtime_memory_creator_t creator = trii_wasm_memory_creator(w);
    wasm_config_t *config = w->wasm_config_new();
    if (!config)
        return NULL;
    /* The window: no bounds checks, memories that stay where they are, and none that Wasmtime fills by mapping. */
    w->wasmtime_config_memory_reservation_set(config, TRII_WASM_SPACE);
    w->wasmtime_config_memory_guard_size_set(config, TRII_WASM_GUARD);
    w->wasmtime_config_memory_may_move_set(config, false);
    w->wasmtime_config_memory_init_cow_set(config, false);
    w->wasmtime_config_signals_based_traps_set(config, true);
    w->wasmtime_config_host_memory_creator_set(config, &creator);
    /* What guests don't get: shared, 64-bit or several memories, garbage collection. */
    w->wasmtime_config_wasm_threads_set(config, false);
    w->wasmtime_config_wasm_memory64_set(config, false);
    w->wasmtime_config_wasm_multi_memory_set(config, false);
    w->wasmtime_config_gc_support_set(config, false);
    /* Their bounds, and no thread pool of the library's. */
    w->wasmtime_config_epoch_interruption_set(config, true);
    w->wasmtime_config_max_wasm_stack_set(config, STACK_BYTES);
    w->wasmtime_config_parallel_compilation_set(config, false);
    return w->wasm_engine_new_with_config(config);
}

static tri_status find_library(struct trii_wasm *wasm, const struct tri_engine_params *params, struct tri_error *err) {
    if (params->library_path) {
        wasm->library_path = trii_strdup(params->library_path);
        snprintf(wasm->version, sizeof wasm->version, "%d", TRII_WASMTIME_RELEASE);
        return wasm->library_path ? TRI_OK : trii_fail(err, TRI_NO_MEMORY, "no memory for the library's path");
    }
    tri_status status = trii_path_engine(TRII_WASMTIME_FOLDER "/_libwasmtime.so", &wasm->library_path, err);
    snprintf(wasm->version, sizeof wasm->version, "%s", TRII_WASMTIME_VERSION);
    if (status == TRI_NOT_FOUND && err)
        err->status = TRI_ENGINE_UNAVAILABLE;
    return status == TRI_NOT_FOUND ? TRI_ENGINE_UNAVAILABLE : status;
}

static tri_status wasm_open(struct tri_engine *engine, const struct tri_engine_params *params, struct tri_error *err) {
    struct trii_wasm *wasm = of(engine);
    struct trii_wasm_host *host = &wasm->host;
    host->limit_ns = params->guest_limit_ns ? params->guest_limit_ns : TRII_WASM_LIMIT_NS;
    tri_status status = find_library(wasm, params, err);
    if (status == TRI_OK)
        status = trii_wasmtime_open(&host->w, wasm->library_path, err);
    if (status != TRI_OK)
        return status;
    host->engine = new_engine(&host->w);
    if (!host->engine)
        return trii_fail(err, TRI_ENGINE_UNAVAILABLE, "Wasmtime makes no engine with the settings that are needed");
    status = trii_window_open(&host->window, engine->arena, err);
    if (status == TRI_OK)
        status = trii_watchdog_open(&host->dog, &host->w, host->engine, err);
    if (status == TRI_OK)
        status = trii_probe_compile(host, &wasm->probe, err);
    if (status == TRI_OK)
        status = trii_probe_check(&wasm->probe, err);
    if (status == TRI_OK)
        host->cache = trii_cache_open(params->cache_dir, "wasm", NULL, 0);
    return status;
}

static void wasm_close(struct tri_engine *engine) {
    struct trii_wasm *wasm = of(engine);
    struct trii_wasm_host *host = &wasm->host;
    for (size_t i = 0; i < TRII_OP_COUNT; i++)
        trii_guest_close(&wasm->guests[i]);
    trii_guest_close(&wasm->probe);
    trii_watchdog_close(&host->dog);
    trii_window_close(&host->window);
    trii_cache_close(&host->cache);
    if (host->engine)
        host->w.wasm_engine_delete(host->engine);
    trii_free(wasm->library_path);
}

static void wasm_info(const struct tri_engine *engine, struct tri_engine_info *out) {
    const struct trii_wasm *wasm = (const struct trii_wasm *)engine;
    const bool staged = wasm->host.window.staged;
    *out = (struct tri_engine_info){
        .technology = TRI_TECHNOLOGY_WASM,
        .name = "wasm",
        .library = "Wasmtime",
        .version = wasm->version,
        .library_path = wasm->library_path,
        .device = "CPU",
        .driver = "Cranelift",
        .shares_memory = !staged,
        .sharing = staged ? "copies in and out: no second mapping can be written"
                          : "maps the arena's pages beyond the guest's own memory",
        .precision = "as Wasm defines it: f32 and f64 to the bit",
        .permissions = "page protection: at opening, a load from a closed page and a store to a read-only one trapped",
    };
}

static bool wasm_has(const struct tri_engine *engine, const struct trii_op *op) {
    (void)engine;
    return op->id < TRII_OP_COUNT && built_in[op->id].file != NULL;
}

/* ---- views ---- */

static tri_status wasm_view(struct tri_engine *engine, const struct trii_region *region,
                            const struct tri_layout *layout, void **native, struct tri_error *err) {
    struct trii_wasm_view *view;
    (void)layout;
    tri_status status = trii_window_view(&of(engine)->host.window, region, &view, err);
    if (status == TRI_OK) {
        view->promised = true;
        *native = (void *)(uintptr_t)view->address;
    }
    return status;
}

static void wasm_forget(struct tri_engine *engine, uint32_t index, uint32_t generation) {
    trii_window_forget(&of(engine)->host.window, index, generation);
}

/* ---- stages ---- */

static tri_status load_built_in(struct trii_wasm *wasm, const struct trii_op *op, struct tri_error *err) {
    struct trii_wasm_guest *guest = &wasm->guests[op->id];
    char *path;
    if (guest->module)
        return TRI_OK;
    tri_status status = trii_path_data(built_in[op->id].file, &path, err);
    if (status != TRI_OK)
        return status;
    status = trii_guest_load_file(guest, &wasm->host, op->info.name, path, err);
    trii_free(path);
    return status;
}

/* The guest of a file; `*file` has one user more. */
static tri_status load_file(struct trii_wasm *wasm, const struct trii_custom *custom, struct trii_wasm_file **out,
                            struct tri_error *err) {
    struct trii_wasm_file *file = wasm->files;
    while (file && strcmp(file->hash, custom->hash) != 0)
        file = file->next;
    if (!file) {
        file = trii_calloc(1, sizeof *file);
        if (!file)
            return trii_fail(err, TRI_NO_MEMORY, "no memory for the guest %s", custom->name);
        tri_status status = trii_guest_load(&file->guest, &wasm->host, custom->name, custom->bytes, custom->size, err);
        if (status != TRI_OK) {
            trii_free(file);
            return status;
        }
        trii_name_copy(file->hash, sizeof file->hash, custom->hash);
        file->next = wasm->files;
        wasm->files = file;
    }
    file->users++;
    *out = file;
    return TRI_OK;
}

void trii_wasm_put_file(struct trii_wasm *wasm, struct trii_wasm_file *file) {
    struct trii_wasm_file **at = &wasm->files;
    if (--file->users > 0)
        return;
    while (*at != file)
        at = &(*at)->next;
    *at = file->next;
    trii_guest_close(&file->guest);
    trii_free(file);
}

static tri_status prepare_file(struct trii_wasm *wasm, const struct trii_stage *stage, struct trii_prepared **out,
                               struct tri_error *err) {
    const struct trii_custom *custom = stage->op->custom;
    char function[TRII_CUSTOM_NAME_BYTES + 3];
    struct trii_wasm_file *file = NULL;
    tri_status status = load_file(wasm, custom, &file, err);
    if (status != TRI_OK)
        return status;
    snprintf(function, sizeof function, "op_%s", custom->entry);
    status = trii_wasm_prepare(wasm, &file->guest, function, stage, out, err);
    if (status == TRI_OK)
        trii_wasm_keep_file(*out, file);
    else
        trii_wasm_put_file(wasm, file);
    return status;
}

static tri_status wasm_prepare(struct tri_engine *engine, const struct trii_stage *stage, struct trii_prepared **out,
                               struct tri_error *err) {
    struct trii_wasm *wasm = of(engine);
    if (stage->op->custom)
        return prepare_file(wasm, stage, out, err);
    tri_status status = load_built_in(wasm, stage->op, err);
    if (status != TRI_OK)
        return status;
    return trii_wasm_prepare(wasm, &wasm->guests[stage->op->id], built_in[stage->op->id].function, stage, out, err);
}

const struct trii_engine_vtable trii_wasm_engine = {
    .version = TRII_ENGINE_CONTRACT_VERSION,
    .technology = TRI_TECHNOLOGY_WASM,
    .name = "wasm",
    .engine_bytes = sizeof(struct trii_wasm),
    .open = wasm_open,
    .close = wasm_close,
    .info = wasm_info,
    .has = wasm_has,
    .view = wasm_view,
    .forget = wasm_forget,
    .prepare = wasm_prepare,
    .submit = trii_wasm_submit,
    .release = trii_wasm_release,
    .peek = trii_wasm_peek,
    .poke = trii_wasm_poke,
};
