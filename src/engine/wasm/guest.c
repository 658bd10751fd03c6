#include "engine/wasm/guest.h"

#include "base/cache.h"
#include "base/checked.h"
#include "base/status.h"
#include "engine/wasm/memory.h"
#include "tripoint_guest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ---- loading ---- */

/* A module that wants something from outside is not for us: guests see their operands and nothing else. */
static tri_status refuse_imports(struct trii_wasm_guest *guest, struct tri_error *err) {
    const struct trii_wasmtime *w = &guest->host->w;
    wasm_importtype_vec_t imports = {0};
    tri_status status = TRI_OK;
    w->wasmtime_module_imports(guest->module, &imports);
    if (imports.size > 0) {
        const wasm_byte_vec_t *module = w->wasm_importtype_module(imports.data[0]);
        const wasm_byte_vec_t *name = w->wasm_importtype_name(imports.data[0]);
        status = trii_fail(err, TRI_BAD_MODULE,
                           "the guest %s imports %.*s.%.*s: guests get no imports, they see their operands and nothing "
                           "else (link without it, or with a definition of its own)",
                           guest->name, (int)trii_min_u64(module->size, 60), module->data,
                           (int)trii_min_u64(name->size, 60), name->data);
    }
    w->wasm_importtype_vec_delete(&imports);
    return status;
}

static bool load_cached(struct trii_wasm_guest *guest, const char *key) {
    const struct trii_wasmtime *w = &guest->host->w;
    struct trii_cached cached;
    if (!trii_cache_find(guest->host->cache, key, &cached))
        return false;
    wasmtime_error_t *failure =
        w->wasmtime_module_deserialize(guest->host->engine, cached.bytes, cached.size, &guest->module);
    trii_cached_release(&cached);
    if (failure) { /* Wasmtime doubts its own code of yesterday: compile anew */
        w->wasmtime_error_delete(failure);
        guest->module = NULL;
    }
    return guest->module != NULL;
}

static void store_cached(struct trii_wasm_guest *guest, const char *key) {
    const struct trii_wasmtime *w = &guest->host->w;
    wasm_byte_vec_t code;
    if (!guest->host->cache)
        return;
    wasmtime_error_t *failure = w->wasmtime_module_serialize(guest->module, &code);
    if (failure) {
        w->wasmtime_error_delete(failure);
        return;
    }
    trii_cache_store(guest->host->cache, key, code.data, code.size);
    w->wasm_byte_vec_delete(&code);
}

tri_status trii_guest_load(struct trii_wasm_guest *guest, struct trii_wasm_host *host, const char *name,
                           const void *bytes, size_t size, struct tri_error *err) {
    char hash[65], key[192], words[96];
    *guest = (struct trii_wasm_guest){.host = host};
    trii_name_copy(guest->name, sizeof guest->name, name);
    if (size > TRII_WASM_MODULE_MAX)
        return trii_fail(err, TRI_BAD_MODULE, "the guest %s has %zu bytes, more than the 16 MiB that are accepted",
                         guest->name, size);
    trii_sha256_hex(bytes, size, hash);
    snprintf(key, sizeof key, "wasm guest %s, compiler %s", hash, host->settings);
    guest->from_cache = load_cached(guest, key);
    if (!guest->from_cache) {
        wasmtime_error_t *failure = host->w.wasmtime_module_new(host->engine, bytes, size, &guest->module);
        if (failure) {
            guest->module = NULL;
            snprintf(words, sizeof words, "the guest %s is not a Wasm module that can be run here", guest->name);
            return trii_wasmtime_fail(&host->w, failure, err, TRI_BAD_MODULE, words);
        }
    }
    tri_status status = refuse_imports(guest, err);
    if (status != TRI_OK) {
        trii_guest_close(guest);
        return status;
    }
    if (!guest->from_cache)
        store_cached(guest, key);
    return TRI_OK;
}

tri_status trii_guest_load_file(struct trii_wasm_guest *guest, struct trii_wasm_host *host, const char *name,
                                const char *path, struct tri_error *err) {
    struct stat st;
    void *bytes;
    int fd, failed = trii_sys_open(AT_FDCWD, path, O_RDONLY, 0, &fd);
    if (failed)
        return trii_fail_errno(err, failed == ENOENT ? TRI_NOT_FOUND : TRI_IO, failed,
                               "the guest %s can't be opened (%s)", name, path);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 ||
        (uint64_t)st.st_size > TRII_WASM_MODULE_MAX) {
        trii_sys_close(fd);
        return trii_fail(err, TRI_BAD_MODULE, "the guest %s (%s) is not a file of 1 byte to 16 MiB", name, path);
    }
    failed = trii_sys_map_file(fd, (uint64_t)st.st_size, &bytes);
    trii_sys_close(fd);
    if (failed)
        return trii_fail_errno(err, TRI_IO, failed, "the guest %s can't be read (%s)", name, path);
    tri_status status = trii_guest_load(guest, host, name, bytes, (size_t)st.st_size, err);
    trii_sys_unmap(bytes, (uint64_t)st.st_size);
    return status;
}

void trii_guest_close(struct trii_wasm_guest *guest) {
    if (!guest->module)
        return;
    trii_guest_stop(guest);
    guest->host->w.wasmtime_module_delete(guest->module);
    guest->module = NULL;
}

/* ---- the instance ---- */

void trii_guest_stop(struct trii_wasm_guest *guest) {
    if (!guest->store)
        return;
    if (guest->base)
        trii_window_detach(&guest->host->window, guest->number);
    guest->host->w.wasmtime_store_delete(guest->store);
    guest->store = NULL;
    guest->base = NULL;
    guest->buffer = 0;
}

/* A start function, if the module has one, runs here: under the watchdog, like every call. */
static tri_status instantiate(struct trii_wasm_guest *guest, struct tri_error *err) {
    struct trii_wasm_host *host = guest->host;
    wasm_trap_t *trap = NULL;
    char words[96];
    host->w.wasmtime_store_limiter(guest->store, -1, 65536, 1, 4, 1);
    host->w.wasmtime_context_set_epoch_deadline(guest->context, 1);
    trii_watchdog_begin(&host->dog, host->limit_ns);
    wasmtime_error_t *failure =
        host->w.wasmtime_instance_new(guest->context, guest->module, NULL, 0, &guest->instance, &trap);
    trii_watchdog_end(&host->dog);
    if (trap)
        return trii_trap_fail(guest, trap, "start", NULL, err);
    if (failure) {
        snprintf(words, sizeof words, "the guest %s can't be started", guest->name);
        return trii_wasmtime_fail(&host->w, failure, err, TRI_BAD_MODULE, words);
    }
    return TRI_OK;
}

static tri_status find_memory(struct trii_wasm_guest *guest, struct tri_error *err) {
    const struct trii_wasmtime *w = &guest->host->w;
    wasmtime_extern_t found;
    if (!w->wasmtime_instance_export_get(guest->context, &guest->instance, "memory", 6, &found) ||
        found.kind != WASMTIME_EXTERN_MEMORY)
        return trii_fail(err, TRI_BAD_MODULE, "the guest %s does not export its memory under the name 'memory'",
                         guest->name);
    guest->memory = found.of.memory;
    uint8_t *base = w->wasmtime_memory_data(guest->context, &guest->memory);
    if (!trii_window_attach(&guest->host->window, base, &guest->number))
        return trii_fail(err, TRI_LIMIT, "no more than %d guests of an engine can run at once, %s would be one more",
                         TRII_WASM_GUESTS_MAX, guest->name);
    guest->base = base;
    return TRI_OK;
}

tri_status trii_guest_start(struct trii_wasm_guest *guest, struct tri_error *err) {
    const struct trii_wasmtime *w = &guest->host->w;
    if (guest->store)
        return TRI_OK;
    guest->store = w->wasmtime_store_new(guest->host->engine, NULL, NULL);
    if (!guest->store)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to start the guest %s", guest->name);
    guest->context = w->wasmtime_store_context(guest->store);
    guest->born++;
    tri_status status = instantiate(guest, err);
    if (status == TRI_OK)
        status = find_memory(guest, err);
    if (status != TRI_OK)
        trii_guest_stop(guest);
    return status;
}

static bool has_type(const struct trii_wasm_guest *guest, const wasmtime_func_t *function, size_t params,
                     size_t results) {
    const struct trii_wasmtime *w = &guest->host->w;
    wasm_functype_t *type = w->wasmtime_func_type(guest->context, function);
    const wasm_valtype_vec_t *in = w->wasm_functype_params(type), *out = w->wasm_functype_results(type);
    bool fits = in->size == params && out->size == results;
    for (size_t i = 0; fits && i < params; i++)
        fits = w->wasm_valtype_kind(in->data[i]) == WASM_I32;
    for (size_t i = 0; fits && i < results; i++)
        fits = w->wasm_valtype_kind(out->data[i]) == WASM_I32;
    w->wasm_functype_delete(type);
    return fits;
}

static bool find_export(const struct trii_wasm_guest *guest, const char *name, wasmtime_extern_t *found) {
    return guest->host->w.wasmtime_instance_export_get(guest->context, &guest->instance, name, strlen(name), found);
}

tri_status trii_guest_function(struct trii_wasm_guest *guest, const char *name, size_t params, size_t results,
                               wasmtime_func_t *out, struct tri_error *err) {
    wasmtime_extern_t found;
    if (!find_export(guest, name, &found) || found.kind != WASMTIME_EXTERN_FUNC)
        return trii_fail(err, TRI_BAD_MODULE, "the guest %s exports no function '%s'", guest->name, name);
    if (!has_type(guest, &found.of.func, params, results))
        return trii_fail(err, TRI_BAD_MODULE, "'%s' of the guest %s must take %zu and give %zu i32", name, guest->name,
                         params, results);
    *out = found.of.func;
    return TRI_OK;
}

tri_status trii_guest_call(struct trii_wasm_guest *guest, const char *name, const wasmtime_func_t *function,
                           wasmtime_val_raw_t *values, size_t count, const struct trii_grants *grants,
                           struct tri_error *err) {
    struct trii_wasm_host *host = guest->host;
    wasm_trap_t *trap = NULL;
    char words[96];
    tri_status status = TRI_OK;
    host->w.wasmtime_context_set_epoch_deadline(guest->context, 1);
    trii_watchdog_begin(&host->dog, host->limit_ns);
    wasmtime_error_t *failure = host->w.wasmtime_func_call_unchecked(guest->context, function, values, count, &trap);
    trii_watchdog_end(&host->dog);
    if (trap)
        status = trii_trap_fail(guest, trap, name, grants, err);
    else if (failure) {
        snprintf(words, sizeof words, "'%s' of the guest %s failed", name, guest->name);
        status = trii_wasmtime_fail(&host->w, failure, err, TRI_ENGINE_FAILED, words);
    }
    if (status != TRI_OK)
        trii_guest_stop(guest);
    return status;
}

/* ---- the ABI ---- */

static tri_status ask(struct trii_wasm_guest *guest, const char *name, uint32_t *answer, struct tri_error *err) {
    wasmtime_func_t function;
    wasmtime_val_raw_t value = {0};
    tri_status status = trii_guest_function(guest, name, 0, 1, &function, err);
    if (status == TRI_OK)
        status = trii_guest_call(guest, name, &function, &value, 1, NULL, err);
    *answer = (uint32_t)value.i32;
    return status;
}

static tri_status initialize(struct trii_wasm_guest *guest, struct tri_error *err) {
    wasmtime_func_t function;
    wasmtime_extern_t found;
    wasmtime_val_raw_t value = {0};
    if (!find_export(guest, "_initialize", &found))
        return TRI_OK;
    tri_status status = trii_guest_function(guest, "_initialize", 0, 0, &function, err);
    return status == TRI_OK ? trii_guest_call(guest, "_initialize", &function, &value, 1, NULL, err) : status;
}

static tri_status check_abi(struct trii_wasm_guest *guest, struct tri_error *err) {
    uint32_t abi, buffer;
    tri_status status = ask(guest, "tripoint_abi", &abi, err);
    if (status == TRI_OK && abi != TRIPOINT_GUEST_ABI)
        status = trii_fail(err, TRI_BAD_MODULE, "the guest %s was built for guest ABI %u, this Tripoint speaks %d",
                           guest->name, abi, TRIPOINT_GUEST_ABI);
    if (status == TRI_OK)
        status = initialize(guest, err);
    if (status == TRI_OK)
        status = ask(guest, "tripoint_call_buffer", &buffer, err);
    if (status != TRI_OK)
        return status;
    uint64_t bytes = guest->host->w.wasmtime_memory_data_size(guest->context, &guest->memory);
    if (buffer == 0 || buffer % 8 != 0 || !trii_range_fits(buffer, sizeof(struct tripoint_call), bytes))
        return trii_fail(err, TRI_BAD_MODULE,
                         "the guest %s has its call buffer at 0x%x, which is not %zu bytes, 8-byte aligned, of its own "
                         "memory", guest->name, buffer, sizeof(struct tripoint_call));
    guest->buffer = buffer;
    return TRI_OK;
}

tri_status trii_guest_start_abi(struct trii_wasm_guest *guest, struct tri_error *err) {
    if (guest->store)
        return TRI_OK;
    tri_status status = trii_guest_start(guest, err);
    if (status == TRI_OK)
        status = check_abi(guest, err);
    if (status != TRI_OK)
        trii_guest_stop(guest);
    return status;
}
