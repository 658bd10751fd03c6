/*
 * tripoint/pipeline.h - stages over regions: checked once, prepared once, run many times.
 *
 * A *runtime* is an arena with engines that are opened when a stage first needs them, side by
 * side. A *stage* is technology + operation + input handles + output handles + parameters. A
 * *plan* is a list of stages that has been checked (shapes, kinds, in-place, claims) and prepared
 * (shaders, tensors, guest windows); running it allocates nothing of ours and copies nothing.
 * A *pipeline* is a plan written down as JSON (docs/pipelines.md) with named regions.
 *
 * An operand that a stage leaves out is bound to the latest earlier output of the kind it needs:
 * that is how `apply_mask` receives the mask that `segment` made. Two candidates are an error
 * that names both. A stage whose input and output are one region works in place when its
 * operation can; otherwise a region of the pipeline's own gets fresh pages behind it, and a
 * caller's handle is an error that says so.
 *
 * An input may be given up ("keep": false): a stage that is the last to read it and works in place then replaces it, even
 * when its output has another name; input and output are one handle. Fill the input again before the next run. After a run
 * that failed there it may be poisoned: tri_sync_reset() before filling it.
 *
 * Memory that a pipeline makes for itself is shared by names whose values are never needed at the same time: one region
 * of the arena, with one word and one lock, holds one layout after another. Inputs are never shared, results never lost,
 * and a caller's handle is never shared at all. "alias": false in the text, or tri_pipeline_set_alias(), keeps names apart.
 *
 * A stage of a pipeline may leave open who runs it: "auto", or a list of engines. Planning then measures the engines that
 * are there on this machine, with these shapes, over the pipeline's own memory and before anything is put into it, and
 * keeps what it found in the user's cache: the next time nothing is measured. tri_pipeline_set_placement() says what is
 * wanted, tri_plan_placement() and tri_plan_candidate() tell what was found.
 *
 * Ownership: objects belong to who created them; destroy plans and pipelines before their runtime.
 * Threads:   a plan or pipeline runs one frame at a time; different plans may run at once.
 * Errors:    a failed stage poisons what it was writing, releases every claim, and the error names
 *            engine, stage, region and cause. TRI_BAD_PIPELINE when stages do not fit together;
 *            TRI_PARSE with line, column and key when JSON is wrong.
 *
 * Copyright the Tripoint authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef TRIPOINT_PIPELINE_H
#define TRIPOINT_PIPELINE_H

#include <tripoint/engine.h>
#include <tripoint/ledger.h>

TRI_BEGIN_DECLS

struct tri_runtime;
struct tri_plan;
struct tri_pipeline;
struct tri_image_pipeline;

struct tri_runtime_params {
    size_t struct_bytes;                   /**< sizeof(struct tri_runtime_params) */
    const struct tri_arena_params *arena;  /**< NULL: the defaults */
    const struct tri_engine_params *engines[TRI_TECHNOLOGY_COUNT]; /**< NULL entries: the defaults; copied */
    bool allow_native; /**< stages may name shared objects, which run with the rights of this process */
    /** Stages that name files run in a worker process over the same pages, which is killed when a stage does not end in
     * time. The arena is shared. docs/isolation.md */
    bool isolate;
    /** Some stages may be isolated, those that say so (`isolate` in struct tri_stage, "isolate" in a text): the arena is
     * shared, so that workers can map it. */
    bool workers;
    /** An isolated stage that takes longer to become ready, or to run once, is ended with its worker; 0: 60 s to become
     * ready, and what tri_run_params.timeout_ns says to run. */
    uint64_t isolate_timeout_ns;
};

TRI_API TRI_MUST_USE tri_status tri_runtime_create(const struct tri_runtime_params *params, struct tri_runtime **out,
                                                   struct tri_error *err);
TRI_API void tri_runtime_destroy(struct tri_runtime **runtime);
TRI_API struct tri_arena *tri_runtime_arena(struct tri_runtime *runtime);
/** The engine of a technology, opened by the first call (or by the first plan that needs it). */
TRI_API TRI_MUST_USE tri_status tri_runtime_engine(struct tri_runtime *runtime, enum tri_technology technology,
                                                   struct tri_engine **out, struct tri_error *err);
/** Begins opening an engine in the background; returns at once. A failure is told by the call that needs it. */
TRI_API void tri_runtime_warm(struct tri_runtime *runtime, enum tri_technology technology);

/** Returns when what the open engines compiled is in their caches: for a process that ends without destroying. Not beside
 * tri_runtime_destroy(). */
TRI_API void tri_runtime_settle(struct tri_runtime *runtime);

#define TRI_STAGE_OPERANDS_MAX 8
#define TRI_STAGES_MAX 256

/** One stage over handles. */
struct tri_stage {
    size_t struct_bytes; /**< sizeof(struct tri_stage) */
    enum tri_technology technology;
    const char *operation;     /**< "resize"; or a file, "./glow.wgsl", "fx.wasm#blur" (docs/your-operations.md) */
    const char *name;          /**< shown in errors and traces; NULL: the operation's name */
    tri_handle input;          /**< first input; TRI_HANDLE_NONE when `inputs` lists them or to bind by kind */
    tri_handle output;         /**< first output */
    const tri_handle *inputs;  /**< all inputs in order; NULL: just `input` */
    size_t input_count;
    const tri_handle *outputs; /**< all outputs in order; NULL: just `output` */
    size_t output_count;
    const struct tri_param *params;
    size_t param_count;
    bool isolate;              /**< the file runs in a worker process; the runtime has `workers` or `isolate` */
};

/** How one run went. */
struct tri_run_params {
    size_t struct_bytes;       /**< sizeof(struct tri_run_params) */
    uint64_t timeout_ns;       /**< waiting for claims and for engines, a stage; 0: 30 s */
    struct tri_cancel *cancel; /**< may be NULL */
    bool require_zero_copy;    /**< a copy between stages is TRI_COPY_REFUSED, naming stage, region and cause */
};

/** Checks and prepares. Strings and arrays are copied. Region layouts are read from the arena and, after each run,
 * the outputs' layouts are written there. */
TRI_API TRI_MUST_USE tri_status tri_plan_create(struct tri_runtime *runtime, const struct tri_stage *stages,
                                                size_t count, struct tri_plan **out, struct tri_error *err);
TRI_API TRI_MUST_USE tri_status tri_plan_run(struct tri_plan *plan, const struct tri_run_params *params,
                                             struct tri_error *err);
TRI_API void tri_plan_destroy(struct tri_plan **plan);

/** What stage `index` was and took in the last run; false past the last stage. */
struct tri_stage_report {
    const char *name;
    const char *operation;
    enum tri_technology technology;
    bool in_place;
    bool isolated;    /**< in a worker process */
    uint64_t wait_ns; /**< for its claims */
    uint64_t run_ns;  /**< in the engine */
};
TRI_API bool tri_plan_report(const struct tri_plan *plan, size_t index, struct tri_stage_report *out);

/* ---- looking at a plan: needs no engine, changes nothing -------------------------------------------------------- */

/** Instead of a stage's number: none. */
#define TRI_STAGE_NONE SIZE_MAX

/** What "fast" means where a stage's engine is chosen by measuring. */
enum tri_prefer {
    TRI_PREFER_LATENCY = 0,   /**< one frame, from its first stage to its last */
    TRI_PREFER_THROUGHPUT = 1 /**< frames a second, several in flight */
};

/** How engines were chosen. */
struct tri_plan_placement {
    enum tri_prefer prefer;
    uint32_t slots;          /**< frames in flight it was measured with; the fewest that are as fast when none were asked for */
    uint64_t frame_ns;       /**< what a frame takes as chosen (of several in flight: time a frame); 0: nothing to compare */
    uint32_t measured;       /**< assignments that were measured as whole frames */
    uint32_t possible;       /**< assignments there are of engines that are available */
    uint64_t measuring_ns;   /**< how long measuring took, engines' start included; in this process, or when it was cached */
    bool cached;             /**< an earlier process measured it */
};

/** An engine that might run a stage. */
struct tri_plan_candidate {
    enum tri_technology technology;
    uint32_t streams;        /**< webnn: so many inferences at once, a thread each; 0: as the engine is opened for all */
    bool chosen;
    uint64_t frame_ns;       /**< the best whole frame that was measured with it; 0: none was */
    uint64_t stage_ns;       /**< this stage's part of that frame */
    const char *dropped;     /**< why it can't be; NULL: it could */
};

/** How much of each there is. */
struct tri_plan_info {
    size_t stage_count, value_count, block_count;
    uint64_t block_bytes; /**< of all blocks */
    uint64_t apart_bytes; /**< what they would be if no two names shared one */
    bool alias;           /**< sharing is on */
};

/** A block of memory: one region of the arena. */
struct tri_plan_block {
    char label[TRI_LABEL_BYTES]; /**< the region's name; "a+b" when two share it */
    tri_handle handle;
    uint64_t size_bytes;         /**< what its largest value needs; a region has whole pages */
    bool callers;                /**< a handle that was given, not memory of the planner's */
};

/** What a region holds at one point: the bytes are needed from made_by to last_read_by. */
struct tri_plan_value {
    const char *region;      /**< by name */
    size_t block;            /**< where it lies */
    struct tri_layout layout;
    uint64_t size_bytes;
    size_t made_by;          /**< a stage; TRI_STAGE_NONE: it is there before the first */
    size_t last_read_by;     /**< a stage; TRI_STAGE_NONE: none reads it */
    bool is_input, is_result; /**< a pipeline's: filled before the first stage; read after the last */
    bool given_up;            /**< an input that may be overwritten ("keep": false) */
};

struct tri_plan_operand {
    const char *name;       /**< the operation's word for it */
    enum tri_access access; /**< READ: an input; WRITE: an output */
    size_t value;
    bool by_kind;           /**< the stage had left it out */
};

/** Each region that a stage touches is claimed once. */
struct tri_plan_claim {
    size_t block;
    enum tri_access access;
    bool overwrites; /**< the planner's own and only written: what was there, poison too, does not matter */
};

struct tri_plan_stage {
    const char *name;
    const char *operation;
    enum tri_technology technology;
    bool in_place; /**< its first output replaces its first input */
    bool isolated; /**< it runs in a worker process */
    size_t operand_count;
    struct tri_plan_operand operands[TRI_STAGE_OPERANDS_MAX];
    size_t claim_count;
    struct tri_plan_claim claims[TRI_STAGE_OPERANDS_MAX];
};

/** Each of these fills *out, or leaves it and returns false past the last one. Texts live as long as the plan. */
TRI_API bool tri_plan_info(const struct tri_plan *plan, struct tri_plan_info *out);
TRI_API bool tri_plan_stage(const struct tri_plan *plan, size_t index, struct tri_plan_stage *out);
TRI_API bool tri_plan_value(const struct tri_plan *plan, size_t index, struct tri_plan_value *out);
TRI_API bool tri_plan_block(const struct tri_plan *plan, size_t index, struct tri_plan_block *out);
/** False when the text names the engine of every stage. */
TRI_API bool tri_plan_placement(const struct tri_plan *plan, struct tri_plan_placement *out);
/** The candidates of a stage in their order; false past the last, and for a stage whose engine the text names. */
TRI_API bool tri_plan_candidate(const struct tri_plan *plan, size_t stage, size_t index, struct tri_plan_candidate *out);

/** Plan, run, destroy in one call (the `executeZeroCopy` of the asked interface). A copy between stages is
 * TRI_COPY_REFUSED. */
TRI_API TRI_MUST_USE tri_status tri_execute_zero_copy(struct tri_runtime *runtime, const struct tri_stage *stages,
                                                      size_t count, struct tri_error *err);

/* ---- pipelines: the JSON form ------------------------------------------------------------- */

/** `name_or_path`: a path when it contains '/' or ends in ".json", else the name of a shipped pipeline. Begins to
 * open the engines that it needs. */
TRI_API TRI_MUST_USE tri_status tri_pipeline_load(struct tri_runtime *runtime, const char *name_or_path,
                                                  struct tri_pipeline **out, struct tri_error *err);
/** The same from text; `origin` is what errors call it. Such a pipeline can't name files. */
TRI_API TRI_MUST_USE tri_status tri_pipeline_parse(struct tri_runtime *runtime, const char *text, size_t bytes,
                                                   const char *origin, struct tri_pipeline **out,
                                                   struct tri_error *err);

/** A pipeline with what its stages may name: files lie beside it or below, or where `files` says. */
struct tri_pipeline_params {
    size_t struct_bytes;          /**< sizeof(struct tri_pipeline_params) */
    const char *name_or_path;     /**< as for tri_pipeline_load(); NULL: `text` */
    const char *text;
    size_t text_bytes;
    const char *origin;           /**< what errors call the text */
    const char *folder;           /**< where a text's files lie; NULL: it can't name any but those in `files` */
    const struct tri_file *files; /**< names of the pipeline with places of yours, which may be anywhere */
    size_t file_count;
    const char *const *isolate;   /**< stages that run in a worker process, whatever the text says: by name, or by number
                                       from 0 */
    size_t isolate_count;
};
/** Whether a stage of the text says "isolate", or params->isolate names any: then the runtime must have `workers`. False
 * for what can't be read, which tri_pipeline_open() explains. */
TRI_API bool tri_pipeline_wants_workers(const struct tri_pipeline_params *params);
TRI_API TRI_MUST_USE tri_status tri_pipeline_open(struct tri_runtime *runtime,
                                                  const struct tri_pipeline_params *params, struct tri_pipeline **out,
                                                  struct tri_error *err);
TRI_API void tri_pipeline_destroy(struct tri_pipeline **pipeline);

/** Overrides a parameter: "resize.width=256"; the stage by name or by number from 0. Before tri_pipeline_plan(). */
TRI_API TRI_MUST_USE tri_status tri_pipeline_set(struct tri_pipeline *pipeline, const char *assignment,
                                                 struct tri_error *err);
/** Whether names may share memory (they may unless the text says "alias": false). Another answer than before unplans. */
TRI_API void tri_pipeline_set_alias(struct tri_pipeline *pipeline, bool alias);
/** What is told while placement is measured. */
struct tri_placement_progress {
    uint32_t done, of; /**< assignments measured; `of` may grow */
    double seconds;    /**< since it began */
};

/** How engines are chosen for stages that leave them open. */
struct tri_placement_params {
    size_t struct_bytes;       /**< sizeof(struct tri_placement_params) */
    enum tri_prefer prefer;
    uint32_t slots;            /**< throughput: frames in flight; 0: as tri_frames_slots() says */
    bool measure;              /**< don't look into the cache: measure (once in this process) and store anew */
    bool require_zero_copy;    /**< an engine that copies between stages is no candidate */
    uint64_t budget_ns;        /**< no further round of measurements begins after it; 0: 1 s */
    struct tri_cancel *cancel; /**< may be NULL; planning then fails with TRI_CANCELLED */
    void (*progress)(void *user, const struct tri_placement_progress *progress); /**< may be NULL */
    void *user;
};
/** Before tri_pipeline_plan(); later it unplans. NULL: the defaults. */
TRI_API TRI_MUST_USE tri_status tri_pipeline_set_placement(struct tri_pipeline *pipeline,
                                                           const struct tri_placement_params *params,
                                                           struct tri_error *err);
/** States what will be put into an input of the pipeline. Before tri_pipeline_plan(); later it unplans. */
TRI_API TRI_MUST_USE tri_status tri_pipeline_set_input(struct tri_pipeline *pipeline, const char *region,
                                                       const struct tri_layout *layout, struct tri_error *err);
/** Works out every layout and allocates the regions. Needs no engine, so decoding can begin meanwhile; only a model file
 * whose outputs nothing states makes it wait for webnn, and stages that leave their engine open are measured when the cache
 * does not know them. */
TRI_API TRI_MUST_USE tri_status tri_pipeline_plan(struct tri_pipeline *pipeline, struct tri_error *err);
/** Prepares every stage, engines side by side. tri_pipeline_run() does it when it has not been done. */
TRI_API TRI_MUST_USE tri_status tri_pipeline_prepare(struct tri_pipeline *pipeline, struct tri_error *err);
TRI_API TRI_MUST_USE tri_status tri_pipeline_run(struct tri_pipeline *pipeline, const struct tri_run_params *params,
                                                 struct tri_error *err);
/** The handle and final layout of a named region, after tri_pipeline_plan(). `layout` may be NULL. TRI_INVALID_ARGUMENT
 * for one whose memory another name overwrites before the end. */
TRI_API TRI_MUST_USE tri_status tri_pipeline_region(struct tri_pipeline *pipeline, const char *region,
                                                    tri_handle *out, struct tri_layout *layout,
                                                    struct tri_error *err);
/** The pipeline's only (or first) input and output by name. Never NULL. */
TRI_API const char *tri_pipeline_input(const struct tri_pipeline *pipeline);
TRI_API const char *tri_pipeline_output(const struct tri_pipeline *pipeline);
TRI_API const char *tri_pipeline_name(const struct tri_pipeline *pipeline);
/** The plan, for tri_plan_info() and its like; NULL before tri_pipeline_plan(). The pipeline's own: it goes when the
 * pipeline is unplanned. */
TRI_API const struct tri_plan *tri_pipeline_planned(const struct tri_pipeline *pipeline);
/** An input by number, in the text's order, and what may be put there; false past the last. */
struct tri_pipeline_input {
    const char *region;
    enum tri_kind kind;
    bool any_dtype;       /**< else only `dtype` will do */
    enum tri_dtype dtype;
    uint64_t channels;    /**< images; 0: any */
};
TRI_API bool tri_pipeline_input_at(const struct tri_pipeline *pipeline, size_t index, struct tri_pipeline_input *out);
TRI_API bool tri_pipeline_report(const struct tri_pipeline *pipeline, size_t index, struct tri_stage_report *out);

/* ---- ZeroCopyImagePipeline ---------------------------------------------------------------- */

/** RGBA bytes in, RGBA bytes out, over a pipeline of one image input and one image output. `runtime` may be NULL: one
 * is made and owned. `pipeline` NULL means "cutout". */
TRI_API TRI_MUST_USE tri_status tri_image_pipeline_create(struct tri_runtime *runtime, const char *pipeline,
                                                          struct tri_image_pipeline **out, struct tri_error *err);
/**
 * `pixels` and `result`: height × width × 4 bytes of RGBA, tight; they may be the same. Exactly two copies, both at
 * the border: in and out. The first call at a new size plans and prepares; later ones at that size only run.
 */
TRI_API TRI_MUST_USE tri_status tri_image_pipeline_process(struct tri_image_pipeline *image_pipeline,
                                                           const uint8_t *pixels, uint32_t width, uint32_t height,
                                                           uint8_t *result, struct tri_error *err);
/** The arena whose ledger tells the copies. */
TRI_API struct tri_arena *tri_image_pipeline_arena(struct tri_image_pipeline *image_pipeline);
TRI_API void tri_image_pipeline_destroy(struct tri_image_pipeline **image_pipeline);

TRI_END_DECLS

#endif
