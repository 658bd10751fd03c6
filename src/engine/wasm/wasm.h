/*
 * The wasm engine's own struct, and what its files do for each other. Everything is called under the front door's lock.
 */
#ifndef TRIPOINT_ENGINE_WASM_WASM_H
#define TRIPOINT_ENGINE_WASM_WASM_H

#include "engine/contract.h"
#include "engine/wasm/guest.h"

struct trii_wasm {
    struct tri_engine head;
    struct trii_wasm_host host;
    struct trii_wasm_guest probe;                 /* peek and poke; see probe.c */
    struct trii_wasm_guest guests[TRII_OP_COUNT]; /* of the built-in operations; loaded when first prepared */
    struct trii_wasm_file *files;                 /* modules that stages name, one a content */
    char *library_path;
    char version[24];
    char device[64];
};

/* A module that a stage named, kept while prepared stages use it: stages with the same bytes share the instance. */
struct trii_wasm_file {
    struct trii_wasm_file *next;
    struct trii_wasm_guest guest;
    char hash[65];
    uint32_t users;
};

/* One call takes at most this long, unless the engine was opened with another limit. */
#define TRII_WASM_LIMIT_NS ((uint64_t)10 * 1000000000u)

/* ---- probe.c: the guest of a hundred bytes that is built in ---- */
/* Compiles the probe, checks the library's release, and fills host->settings. */
tri_status trii_probe_compile(struct trii_wasm_host *host, struct trii_wasm_guest *probe, struct tri_error *err);
/* Tries out everything that is taken for granted: struct sizes, the window's protection, traps. */
tri_status trii_probe_check(struct trii_wasm_guest *probe, struct tri_error *err);
tri_status trii_probe_peek(struct trii_wasm_guest *probe, uint64_t address, const struct trii_grants *grants,
                           uint8_t *out, struct tri_error *err);
tri_status trii_probe_poke(struct trii_wasm_guest *probe, uint64_t address, const struct trii_grants *grants,
                           uint8_t value, struct tri_error *err);

/* ---- wasm.c ---- */
/* A prepared stage less that uses it. */
void trii_wasm_put_file(struct trii_wasm *wasm, struct trii_wasm_file *file);

/* ---- stage.c: an operation of a guest over regions ---- */
/* Prepares the call of `function` ("op_vignette") of a loaded guest. */
tri_status trii_wasm_prepare(struct trii_wasm *wasm, struct trii_wasm_guest *guest, const char *function,
                             const struct trii_stage *stage, struct trii_prepared **out, struct tri_error *err);
/* The stage's guest is a file's: it is put back when the stage is released. */
void trii_wasm_keep_file(struct trii_prepared *prepared, struct trii_wasm_file *file);
tri_status trii_wasm_submit(struct tri_engine *engine, struct trii_prepared *prepared, struct trii_fence *fence,
                            struct tri_error *err);
void trii_wasm_release(struct tri_engine *engine, struct trii_prepared *prepared);
/* One byte of a region through the probe's window. */
tri_status trii_wasm_peek(struct tri_engine *engine, const struct trii_region *region, uint64_t offset, uint8_t *out,
                          struct tri_error *err);
tri_status trii_wasm_poke(struct tri_engine *engine, const struct trii_region *region, uint64_t offset, uint8_t value,
                          struct tri_error *err);

#endif
