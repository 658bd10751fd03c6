/*
 * The part of Wasmtime's C interface that is used, declared by hand: nothing links the library, and its own headers
 * are not needed to build. The declarations are those of release 50. trii_wasmtime_open() refuses a library that
 * lacks a symbol or is of another release; what it can't see in a symbol table - the sizes of the structs that the
 * library fills, the order of the trap codes, the hidden window itself - selftest.c tries out before anything trusts it.
 */
#ifndef TRIPOINT_ENGINE_WASM_WASMTIME_H
#define TRIPOINT_ENGINE_WASM_WASMTIME_H

#include <tripoint/error.h>

/* The release whose interface this is. It is also the number at the head of every module that it serializes. */
#define TRII_WASMTIME_RELEASE 50

typedef struct wasm_config_t wasm_config_t;
typedef struct wasm_engine_t wasm_engine_t;
typedef struct wasm_trap_t wasm_trap_t;
typedef struct wasm_frame_t wasm_frame_t;
typedef struct wasm_memorytype_t wasm_memorytype_t;
typedef struct wasm_functype_t wasm_functype_t;
typedef struct wasm_valtype_t wasm_valtype_t;
typedef struct wasm_importtype_t wasm_importtype_t;
typedef struct wasmtime_module wasmtime_module_t;
typedef struct wasmtime_store wasmtime_store_t;
typedef struct wasmtime_context wasmtime_context_t;
typedef struct wasmtime_error wasmtime_error_t;

/* A vector of bytes: names, messages, serialized modules. Texts carry no NUL. */
typedef struct {
    size_t size;
    char *data;
} wasm_byte_vec_t;

typedef struct {
    size_t size;
    wasm_valtype_t **data;
} wasm_valtype_vec_t;

typedef struct {
    size_t size;
    wasm_importtype_t **data;
} wasm_importtype_vec_t;

/* What a store hands out: numbers that mean something to that store only. */
typedef struct {
    uint64_t store_id;
    void *inner;
} wasmtime_func_t;

typedef struct {
    struct {
        uint64_t store_id;
        uint32_t inner1;
    } head;
    uint32_t inner2;
} wasmtime_memory_t;

typedef struct {
    uint64_t store_id;
    size_t inner;
} wasmtime_instance_t;

enum { WASMTIME_EXTERN_FUNC = 0, WASMTIME_EXTERN_MEMORY = 3 };

typedef struct {
    uint8_t kind;
    union {
        wasmtime_func_t func;
        wasmtime_memory_t memory;
    } of;
} wasmtime_extern_t;

/* One argument or result of an unchecked call: 16 bytes, whatever its type. */
typedef union {
    int32_t i32;
    int64_t i64;
    double f64;
    uint8_t v128[16];
} wasmtime_val_raw_t;

enum { WASM_I32 = 0 }; /* wasm_valtype_kind() */

/* The trap codes that are told apart; others are told in the library's words. */
enum {
    WASMTIME_TRAP_STACK_OVERFLOW = 0,
    WASMTIME_TRAP_MEMORY_OUT_OF_BOUNDS = 1,
    WASMTIME_TRAP_UNREACHABLE = 9,
    WASMTIME_TRAP_INTERRUPT = 10
};

/* A linear memory of the host's making. */
typedef struct {
    void *env;
    uint8_t *(*get_memory)(void *env, size_t *bytes, size_t *capacity);
    wasmtime_error_t *(*grow_memory)(void *env, size_t bytes);
    void (*finalizer)(void *env);
} wasmtime_linear_memory_t;

typedef struct {
    void *env;
    wasmtime_error_t *(*new_memory)(void *env, const wasm_memorytype_t *type, size_t minimum, size_t maximum,
                                    size_t reserved, size_t guard, wasmtime_linear_memory_t *out);
    void (*finalizer)(void *env);
} wasmtime_memory_creator_t;

/* X(result, name, parameters): every function that is used. */
#define TRII_WASMTIME_FUNCTIONS(X)                                                                                  \
    X(wasm_config_t *, wasm_config_new, (void))                                                                     \
    X(void, wasmtime_config_memory_may_move_set, (wasm_config_t *, bool))                                           \
    X(void, wasmtime_config_memory_reservation_set, (wasm_config_t *, uint64_t))                                    \
    X(void, wasmtime_config_memory_guard_size_set, (wasm_config_t *, uint64_t))                                     \
    X(void, wasmtime_config_memory_init_cow_set, (wasm_config_t *, bool))                                           \
    X(void, wasmtime_config_host_memory_creator_set, (wasm_config_t *, wasmtime_memory_creator_t *))                \
    X(void, wasmtime_config_parallel_compilation_set, (wasm_config_t *, bool))                                      \
    X(void, wasmtime_config_signals_based_traps_set, (wasm_config_t *, bool))                                       \
    X(void, wasmtime_config_epoch_interruption_set, (wasm_config_t *, bool))                                        \
    X(void, wasmtime_config_max_wasm_stack_set, (wasm_config_t *, size_t))                                          \
    X(void, wasmtime_config_wasm_threads_set, (wasm_config_t *, bool))                                              \
    X(void, wasmtime_config_wasm_memory64_set, (wasm_config_t *, bool))                                             \
    X(void, wasmtime_config_wasm_multi_memory_set, (wasm_config_t *, bool))                                         \
    X(void, wasmtime_config_gc_support_set, (wasm_config_t *, bool))                                                \
    X(wasm_engine_t *, wasm_engine_new_with_config, (wasm_config_t *))                                              \
    X(void, wasm_engine_delete, (wasm_engine_t *))                                                                  \
    X(void, wasmtime_engine_increment_epoch, (wasm_engine_t *))                                                     \
    X(wasmtime_error_t *, wasmtime_module_new, (wasm_engine_t *, const uint8_t *, size_t, wasmtime_module_t **))    \
    X(wasmtime_error_t *, wasmtime_module_serialize, (wasmtime_module_t *, wasm_byte_vec_t *))                      \
    X(wasmtime_error_t *, wasmtime_module_deserialize,                                                              \
      (wasm_engine_t *, const uint8_t *, size_t, wasmtime_module_t **))                                             \
    X(void, wasmtime_module_imports, (const wasmtime_module_t *, wasm_importtype_vec_t *))                          \
    X(void, wasmtime_module_delete, (wasmtime_module_t *))                                                          \
    X(const wasm_byte_vec_t *, wasm_importtype_module, (const wasm_importtype_t *))                                 \
    X(const wasm_byte_vec_t *, wasm_importtype_name, (const wasm_importtype_t *))                                   \
    X(void, wasm_importtype_vec_delete, (wasm_importtype_vec_t *))                                                  \
    X(wasmtime_store_t *, wasmtime_store_new, (wasm_engine_t *, void *, void (*)(void *)))                          \
    X(wasmtime_context_t *, wasmtime_store_context, (wasmtime_store_t *))                                           \
    X(void, wasmtime_store_limiter, (wasmtime_store_t *, int64_t, int64_t, int64_t, int64_t, int64_t))              \
    X(void, wasmtime_context_set_epoch_deadline, (wasmtime_context_t *, uint64_t))                                  \
    X(void, wasmtime_store_delete, (wasmtime_store_t *))                                                            \
    X(wasmtime_error_t *, wasmtime_instance_new,                                                                    \
      (wasmtime_context_t *, const wasmtime_module_t *, const wasmtime_extern_t *, size_t, wasmtime_instance_t *,   \
       wasm_trap_t **))                                                                                             \
    X(bool, wasmtime_instance_export_get,                                                                           \
      (wasmtime_context_t *, const wasmtime_instance_t *, const char *, size_t, wasmtime_extern_t *))               \
    X(uint8_t *, wasmtime_memory_data, (const wasmtime_context_t *, const wasmtime_memory_t *))                     \
    X(size_t, wasmtime_memory_data_size, (const wasmtime_context_t *, const wasmtime_memory_t *))                   \
    X(wasm_functype_t *, wasmtime_func_type, (const wasmtime_context_t *, const wasmtime_func_t *))                 \
    X(const wasm_valtype_vec_t *, wasm_functype_params, (const wasm_functype_t *))                                  \
    X(const wasm_valtype_vec_t *, wasm_functype_results, (const wasm_functype_t *))                                 \
    X(uint8_t, wasm_valtype_kind, (const wasm_valtype_t *))                                                         \
    X(void, wasm_functype_delete, (wasm_functype_t *))                                                              \
    X(wasmtime_error_t *, wasmtime_func_call_unchecked,                                                             \
      (wasmtime_context_t *, const wasmtime_func_t *, wasmtime_val_raw_t *, size_t, wasm_trap_t **))                \
    X(wasmtime_error_t *, wasmtime_error_new, (const char *))                                                       \
    X(void, wasmtime_error_message, (const wasmtime_error_t *, wasm_byte_vec_t *))                                  \
    X(void, wasmtime_error_delete, (wasmtime_error_t *))                                                            \
    X(bool, wasmtime_trap_code, (const wasm_trap_t *, uint8_t *))                                                   \
    X(void, wasm_trap_message, (const wasm_trap_t *, wasm_byte_vec_t *))                                            \
    X(wasm_frame_t *, wasm_trap_origin, (const wasm_trap_t *))                                                      \
    X(void, wasm_trap_delete, (wasm_trap_t *))                                                                      \
    X(const wasm_byte_vec_t *, wasmtime_frame_func_name, (const wasm_frame_t *))                                    \
    X(uint32_t, wasm_frame_func_index, (const wasm_frame_t *))                                                      \
    X(void, wasm_frame_delete, (wasm_frame_t *))                                                                    \
    X(void, wasm_byte_vec_delete, (wasm_byte_vec_t *))

/* The library: one pointer a function. Plain data, valid for the rest of the process. */
struct trii_wasmtime {
#define TRII_WASMTIME_SLOT(result, name, parameters) result(*name) parameters;
    TRII_WASMTIME_FUNCTIONS(TRII_WASMTIME_SLOT)
#undef TRII_WASMTIME_SLOT
};

/* Opens the file and finds every function. */
tri_status trii_wasmtime_open(struct trii_wasmtime *w, const char *path, struct tri_error *err);

/* Turns the library's error into ours and deletes it: "WORDS: the library's own words", on one line. `failure` must
 * not be NULL. */
tri_status trii_wasmtime_fail(const struct trii_wasmtime *w, wasmtime_error_t *failure, struct tri_error *err,
                              tri_status status, const char *words);

/* The release number and the text of the compiler settings (target, CPU features, tunables) at the head of a
 * serialized module; false when `bytes` are not such a module. `settings` points into `bytes`. */
bool trii_wasmtime_settings(const uint8_t *bytes, size_t size, uint32_t *release, const uint8_t **settings,
                            size_t *settings_bytes);

#endif
