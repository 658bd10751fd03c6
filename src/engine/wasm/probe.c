/*
 * The built-in guest: it loads or stores one byte at the address it is told. With it the engine checks the library when
 * it opens - the hidden window stands on the compiler leaving bounds checks out, which no interface promises - and
 * reads and writes single bytes for tri_engine_peek() and tri_engine_poke().
 */
#include "engine/wasm/wasm.h"

#include "base/cache.h"
#include "base/status.h"
#include "engine/wasm/memory.h"

#include <string.h>

/*
 * (module
 *   (memory (export "memory") 1)
 *   (func (export "peek") (param i32) (result i32)
 *     (i32.load8_u (local.get 0)))
 *   (func (export "poke") (param i32 i32)
 *     (i32.store8 (local.get 0) (local.get 1))))
 */
static const uint8_t probe_module[] = {
    0x00, 'a', 's', 'm', 0x01, 0x00, 0x00, 0x00,                                   /* magic, version */
    0x01, 0x0b, 0x02, 0x60, 0x01, 0x7f, 0x01, 0x7f, 0x60, 0x02, 0x7f, 0x7f, 0x00, /* types */
    0x03, 0x03, 0x02, 0x00, 0x01,                                                  /* two functions */
    0x05, 0x03, 0x01, 0x00, 0x01,                                                  /* a memory of one page */
    0x07, 0x18, 0x03, 0x06, 'm', 'e', 'm', 'o', 'r', 'y', 0x02, 0x00,              /* exports */
    0x04, 'p', 'e', 'e', 'k', 0x00, 0x00, 0x04, 'p', 'o', 'k', 'e', 0x00, 0x01,
    0x0a, 0x13, 0x02, 0x07, 0x00, 0x20, 0x00, 0x2d, 0x00, 0x00, 0x0b,              /* peek */
    0x09, 0x00, 0x20, 0x00, 0x20, 0x01, 0x3a, 0x00, 0x00, 0x0b,                    /* poke */
};

/* Any other release may lay its structs out differently: the only call that came before this one is module_new. */
static tri_status check_release(struct trii_wasm_host *host, wasmtime_module_t *module, struct tri_error *err) {
    wasm_byte_vec_t code;
    uint32_t release = 0;
    const uint8_t *settings;
    size_t settings_bytes;
    wasmtime_error_t *failure = host->w.wasmtime_module_serialize(module, &code);
    if (failure)
        return trii_wasmtime_fail(&host->w, failure, err, TRI_ENGINE_UNAVAILABLE,
                                  "the library can't tell its release");
    tri_status status = TRI_OK;
    if (!trii_wasmtime_settings((const uint8_t *)code.data, code.size, &release, &settings, &settings_bytes))
        status = trii_fail(err, TRI_ENGINE_UNAVAILABLE,
                           "the library does not tell its release the way Wasmtime %d does", TRII_WASMTIME_RELEASE);
    else if (release != TRII_WASMTIME_RELEASE)
        status = trii_fail(err, TRI_ENGINE_UNAVAILABLE, "the library is Wasmtime %u, this build speaks to Wasmtime %d",
                           release, TRII_WASMTIME_RELEASE);
    else
        trii_sha256_hex(settings, settings_bytes, host->settings);
    host->w.wasm_byte_vec_delete(&code);
    return status;
}

tri_status trii_probe_compile(struct trii_wasm_host *host, struct trii_wasm_guest *probe, struct tri_error *err) {
    tri_status status = trii_guest_load(probe, host, "probe", probe_module, sizeof probe_module, err);
    return status == TRI_OK ? check_release(host, probe->module, err) : status;
}

/* ---- one byte ---- */

tri_status trii_probe_peek(struct trii_wasm_guest *probe, uint64_t address, const struct trii_grants *grants,
                           uint8_t *out, struct tri_error *err) {
    wasmtime_func_t function;
    wasmtime_val_raw_t value = {.i64 = (int64_t)address};
    tri_status status = trii_guest_start(probe, err);
    if (status == TRI_OK)
        status = trii_guest_function(probe, "peek", 1, 1, &function, err);
    if (status == TRI_OK)
        status = trii_guest_call(probe, "peek", &function, &value, 1, grants, err);
    if (status == TRI_OK)
        *out = (uint8_t)value.i32;
    return status;
}

tri_status trii_probe_poke(struct trii_wasm_guest *probe, uint64_t address, const struct trii_grants *grants,
                           uint8_t value, struct tri_error *err) {
    wasmtime_func_t function;
    wasmtime_val_raw_t values[2] = {{.i64 = (int64_t)address}, {.i64 = value}};
    tri_status status = trii_guest_start(probe, err);
    if (status == TRI_OK)
        status = trii_guest_function(probe, "poke", 2, 0, &function, err);
    if (status == TRI_OK)
        status = trii_guest_call(probe, "poke", &function, values, 2, grants, err);
    return status;
}

/* ---- what is taken for granted ---- */

static tri_status refuse(struct tri_error *err, const char *what) {
    return trii_fail(err, TRI_ENGINE_UNAVAILABLE, "the library fails the self-test: %s", what);
}

/* The library fills an extern of ours: it must fill as much as we declare and not a byte more. */
static bool extern_fits(struct trii_wasm_guest *probe, const char *name, uint8_t kind, size_t inner_bytes) {
    struct {
        wasmtime_extern_t found;
        uint8_t beyond[64];
    } a, b;
    memset(&a, 0x5a, sizeof a);
    memset(&b, 0xa5, sizeof b);
    const struct trii_wasmtime *w = &probe->host->w;
    if (!w->wasmtime_instance_export_get(probe->context, &probe->instance, name, strlen(name), &a.found) ||
        !w->wasmtime_instance_export_get(probe->context, &probe->instance, name, strlen(name), &b.found) ||
        a.found.kind != kind || b.found.kind != kind)
        return false;
    const uint8_t *of_a = (const uint8_t *)&a.found.of, *of_b = (const uint8_t *)&b.found.of;
    if (memcmp(of_a, of_b, inner_bytes) != 0)
        return false;
    for (size_t i = 0; i < sizeof a.beyond; i++)
        if (a.beyond[i] != 0x5a || b.beyond[i] != 0xa5)
            return false;
    return true;
}

static bool protect(struct trii_wasm_guest *probe, enum trii_protection protection) {
    return trii_sys_protect(probe->base + TRII_WASM_WINDOW, TRI_PAGE_BYTES, protection) == 0;
}

/* A trap ends the instance and with it the page's protection: the page is looked at afresh each time. */
static bool traps(struct trii_wasm_guest *probe, enum trii_protection protection, bool store, struct tri_error *err) {
    struct tri_error trap = {0};
    uint8_t value;
    if (trii_guest_start(probe, err) != TRI_OK || !protect(probe, protection))
        return false;
    tri_status status = store ? trii_probe_poke(probe, TRII_WASM_WINDOW + 7, NULL, 1, &trap)
                              : trii_probe_peek(probe, TRII_WASM_WINDOW + 7, NULL, &value, &trap);
    return status == TRI_TRAP && trap.engine_code == WASMTIME_TRAP_MEMORY_OUT_OF_BOUNDS;
}

static tri_status check_open_page(struct trii_wasm_guest *probe, struct tri_error *err) {
    volatile uint8_t *page = probe->base + TRII_WASM_WINDOW;
    uint8_t value = 0;
    if (!protect(probe, TRII_PROT_READ_WRITE))
        return refuse(err, "the window's first page can't be opened");
    page[7] = 42;
    tri_status status = trii_probe_peek(probe, TRII_WASM_WINDOW + 7, NULL, &value, err);
    if (status == TRI_OK)
        status = trii_probe_poke(probe, TRII_WASM_WINDOW + 8, NULL, 43, err);
    if (status == TRI_TRAP)
        return refuse(err, "guests can't reach the window beyond their own memory: bounds checks are not left out");
    if (status != TRI_OK)
        return status;
    if (value != 42 || page[8] != 43)
        return refuse(err, "a guest does not see the bytes that the host put into the window");
    if (trii_sys_unreserve(probe->base + TRII_WASM_WINDOW, TRI_PAGE_BYTES) != 0)
        return refuse(err, "the window's first page can't be given back");
    return TRI_OK;
}

tri_status trii_probe_check(struct trii_wasm_guest *probe, struct tri_error *err) {
    tri_status status = trii_guest_start(probe, err);
    if (status != TRI_OK)
        return status;
    if (!extern_fits(probe, "memory", WASMTIME_EXTERN_MEMORY, sizeof(uint64_t) + sizeof(uint32_t)) ||
        !extern_fits(probe, "peek", WASMTIME_EXTERN_FUNC, sizeof(wasmtime_func_t)))
        return refuse(err, "it describes a module's exports in structs of another size");
    if (probe->host->w.wasmtime_memory_data_size(probe->context, &probe->memory) != 65536)
        return refuse(err, "it does not use the memory that it was given");
    status = check_open_page(probe, err);
    if (status != TRI_OK)
        return status;
    if (!traps(probe, TRII_PROT_NONE, false, err))
        return refuse(err, "a load from a closed page of the window does not trap");
    if (!traps(probe, TRII_PROT_READ, true, err))
        return refuse(err, "a store to a page of the window that is open for reading does not trap");
    return trii_guest_start(probe, err);
}
