/*
 * tripoint/engine.h - the modules that give one technology its views and operations.
 *
 * An engine is opened over one arena. Its library is opened at run time (nothing links it); when
 * it is missing, the error says which file, why, and every place that was searched. Engines:
 *
 *   host    plain C: the reference that the others are compared with
 *   wasm    Wasmtime; guests see regions through a window beyond their own memory
 *   webgpu  Dawn on Vulkan: a real GPU where one answers, else the CPU driver from the set-up
 *   webnn   OpenVINO on the CPU
 *
 * Bring your own: `device` and `library_path` in the parameters hand over what the application
 * already has; the engine then never destroys it.
 *
 * Ownership: an engine belongs to who opened it and must be closed before its arena is destroyed.
 *            Native views belong to the engine and live until their region is freed.
 * Threads:   an engine may be used from several threads; calls that submit work are serialised
 *            inside. tri_engine_close() must be the last call.
 * Errors:    TRI_ENGINE_UNAVAILABLE when it can't be opened; TRI_ENGINE_FAILED, TRI_DEVICE_LOST,
 *            TRI_TRAP while working, with the engine's own words in the message.
 *
 * Copyright the Tripoint authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef TRIPOINT_ENGINE_H
#define TRIPOINT_ENGINE_H

#include <tripoint/view.h>

TRI_BEGIN_DECLS

struct tri_engine;

struct tri_engine_params {
    size_t struct_bytes;      /**< sizeof(struct tri_engine_params) */
    const char *library_path; /**< a file to open instead of searching; NULL searches */
    void *device;             /**< webgpu: a WGPUDevice of yours made by library_path; NULL makes one */
    uint32_t threads;         /**< webnn: of an inference; host: that share a stage; 0: as many as processors */
    const char *cache_dir;    /**< compiled models and guests; NULL is the user's cache, "" is none */
    bool may_set_environment; /**< webgpu: allowed to choose the Vulkan driver by setenv() (single-threaded callers only) */
    bool cpu_driver;          /**< webgpu: use the CPU driver even when a GPU answers */
    uint64_t guest_limit_ns;  /**< wasm: one call of a guest is ended after this long; 0: 10 s */
};

/** What was opened. Strings belong to the engine. */
struct tri_engine_info {
    enum tri_technology technology;
    const char *name;         /**< "webgpu" */
    const char *library;      /**< "Dawn" */
    const char *version;      /**< "0.1.3" */
    const char *library_path; /**< the file that is loaded; "" for host */
    const char *device;       /**< "llvmpipe (LLVM 15.0.6, 256 bits)" */
    const char *driver;       /**< "lavapipe, the CPU driver of the set-up" */
    bool shares_memory;       /**< views are the arena's own pages */
    const char *sharing;      /**< why (not): "imports host memory" */
    const char *precision;    /**< in what it computes: "f32" */
    const char *permissions;  /**< who keeps it to the access that a stage declares, and whether that was tried */
};

/**
 * Chooses the Vulkan driver for this process, for a program that has no threads yet: setenv() beside other threads is
 * a race. Where no GPU is in sight the CPU driver of the set-up becomes the choice, beside a GPU it is offered too;
 * the user's own VK_ICD_FILENAMES or VK_DRIVER_FILES is never overruled. Opening a webgpu engine later then changes
 * nothing. `webgpu` are the parameters it will be opened with; NULL: the defaults. TRI_ENGINE_UNAVAILABLE when there is
 * neither a GPU in sight nor a CPU driver, which matters only to who will open a webgpu engine.
 */
TRI_API TRI_MUST_USE tri_status tri_engine_choose_driver(const struct tri_engine_params *webgpu, struct tri_error *err);

TRI_API TRI_MUST_USE tri_status tri_engine_open(struct tri_arena *arena, enum tri_technology technology,
                                                const struct tri_engine_params *params, struct tri_engine **out,
                                                struct tri_error *err);
/** Waits for what is in flight, gives every view back and sets *engine to NULL. */
TRI_API void tri_engine_close(struct tri_engine **engine);
TRI_API void tri_engine_info(const struct tri_engine *engine, struct tri_engine_info *out);

/** The WGPUBuffer over the region's pages (`getGPUView`), of the region's mapped size. */
TRI_API TRI_MUST_USE tri_status tri_gpu_view(struct tri_engine *webgpu, tri_handle region, void **out,
                                             struct tri_error *err);
/** The ov_tensor_t over the region's pages (`getNPUView`), shaped by the region's layout of now. */
TRI_API TRI_MUST_USE tri_status tri_npu_view(struct tri_engine *webnn, tri_handle region, void **out,
                                             struct tri_error *err);
/** The guest's address of the region (`getWasmView`). A guest may touch it only during a call whose
 * stage names the region, with the access that the stage declares. */
TRI_API TRI_MUST_USE tri_status tri_wasm_view(struct tri_engine *wasm, tri_handle region, uint32_t *out,
                                              struct tri_error *err);

/** Reads or writes one byte of the region *as the technology sees it*: a dispatch, an inference or a guest call
 * over its native view. It is how the tests and `tripoint doctor` prove that the bytes are the same ones.
 * offset < the region's size. Takes and releases the claim it needs. */
TRI_API TRI_MUST_USE tri_status tri_engine_peek(struct tri_engine *engine, tri_handle region, uint64_t offset,
                                                uint8_t *out, struct tri_error *err);
TRI_API TRI_MUST_USE tri_status tri_engine_poke(struct tri_engine *engine, tri_handle region, uint64_t offset,
                                                uint8_t value, struct tri_error *err);

/** A file by the name that a pipeline gives it, and where it really is. */
struct tri_file {
    const char *name; /**< "./glow.wgsl", as the pipeline says */
    const char *path;
};

/** A parameter of an operation by name: `text` when not NULL, else `number`. */
struct tri_param {
    const char *name;
    double number;
    const char *text;
};

/** What a stage does with one operand of an operation. */
struct tri_operand_info {
    const char *name;       /**< "image" */
    enum tri_access access; /**< READ: an input; WRITE: an output */
    enum tri_kind kind;
    const char *help;
};

struct tri_param_info {
    const char *name;
    const char *type;          /**< "integer", "number", "choice", "text" */
    double default_number;     /**< integer and number */
    double minimum, maximum;   /**< integer and number */
    const char *default_text;  /**< choice and text */
    const char *choices;       /**< choice: "bilinear|area" */
    const char *help;
};

/** One built-in operation. */
struct tri_operation_info {
    const char *name;
    const char *summary;    /**< one line */
    const char *definition; /**< the arithmetic that every engine follows */
    uint32_t technologies;  /**< bit (1 << enum tri_technology) for each engine that has it */
    bool remembers;         /**< what it gives depends on what it was given before: frames in order, one at a time */
    bool in_place;          /**< its first output may be its first input */
    size_t operand_count;
    const struct tri_operand_info *operands;
    size_t param_count;
    const struct tri_param_info *params;
    double tolerance;       /**< how far any engine's output may be from the host's, in the output's own units (steps of
                                 u8, or the number of a float); 0: not a bit. A GPU that fuses a multiplication with an
                                 addition may be one step of u8 further off */
};

/** The built-in operations; they need no open engine. `index` counts from 0; NULL past the last. */
TRI_API const struct tri_operation_info *tri_operation_at(size_t index);
TRI_API const struct tri_operation_info *tri_operation_find(const char *name);

/** An operation that is a file, looked at outside of a pipeline: what it takes, gives and can be told. */
struct tri_operation;
struct tri_operation_params {
    size_t struct_bytes;      /**< sizeof(struct tri_operation_params) */
    const char *file;         /**< "./glow.wgsl", "fx.wasm#blur": from the current folder, anywhere */
    bool allow_native;        /**< a shared object is loaded, and its code runs with the rights of this process */
    struct tri_engine *webnn; /**< models: the engine that reads them; else may be NULL */
};
TRI_API TRI_MUST_USE tri_status tri_operation_open(const struct tri_operation_params *params,
                                                   struct tri_operation **out, struct tri_error *err);
TRI_API const struct tri_operation_info *tri_operation_info(const struct tri_operation *operation);
TRI_API void tri_operation_close(struct tri_operation **operation);

/** What the program of worker processes does with descriptor 3: for programs that are their own (TRIPOINT_WORKER names
 * them); the command tripoint is one. Ends the process when the owner is
 * gone; returns an exit code when it can't begin. */
TRI_API int tri_worker_main(int socket);

TRI_END_DECLS

#endif
