/*
 * addon.h - the inside of the Node-API addon: libtripoint's objects as JavaScript's, and its waits as promises.
 *
 * The addon is thin: it checks every argument, holds memory and threads, and calls <tripoint/...>. What people see is
 * written in JavaScript above it (../lib).
 *
 * Ownership: each environment (the main thread, each worker) has one `struct addon` with its own threads, arenas and
 *            regions; nothing is shared between environments. A JavaScript object holds a record by napi_wrap; records
 *            that others need are counted, on the environment's own thread only.
 * Threads:   a job's `work` runs on a thread of the pool and touches nothing but the job and libtripoint. Everything
 *            else runs on the environment's thread.
 * Errors:    struct tri_error becomes a TripointError: thrown by calls, or what a promise is rejected with.
 *
 * Copyright the Tripoint authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef TRIPOINT_NODE_ADDON_H
#define TRIPOINT_NODE_ADDON_H

#define NAPI_VERSION 8
#include <node_api.h>
#include <tripoint/tripoint.h>

#include <pthread.h>

struct pool;
struct job;

/* What a JavaScript object may hold. The number is the object's type tag. */
enum box_kind { BOX_RUNTIME = 1, BOX_REGION = 2, BOX_PLAN = 3, BOX_CANCEL = 4, BOX_PIPELINE = 5 };

struct addon {
    napi_env env;
    napi_ref make_error; /* (code, status, message, engine, stage, region, engineCode) => TripointError */
    struct pool *pool;
    struct runtime *runtimes; /* all that live */
    struct job *jobs;         /* all that were begun and have not been delivered */
    uint32_t running_most;    /* the most jobs that were at work at once */
    bool says;                /* NODE_DEBUG=tripoint */
    bool ending;              /* the environment is going away */
    bool forgotten;           /* it has gone */
};

/* An arena with its engines. Lives until it was closed or forgotten and no job and no moved buffer needs it. */
struct runtime {
    struct addon *addon;
    struct runtime *next;
    struct tri_runtime *it;
    struct region *regions;
    struct plan *plans;
    struct pipeline *pipelines;
    uint32_t refs; /* on this record: the JavaScript object, regions, and every use */
    uint32_t uses; /* of `it`: being open, regions that the arena has not got back, jobs, plans, pipelines */
    bool closed;
};

/* A region as JavaScript holds it. */
struct region {
    struct runtime *runtime;
    struct region *next;
    tri_handle handle;
    uint32_t index;
    uint64_t size;
    uint8_t *bytes;
    tri_claim mapped; /* what a GPUBuffer holds while it is mapped */
    struct buffer *buffers; /* ArrayBuffers over it that V8 has not let go of */
    uint32_t refs;          /* the JavaScript object, buffers, jobs */
    bool freed;             /* to JavaScript; the arena is told when no ArrayBuffer is left that could reach it */
    bool returned;          /* to the arena */
    bool lent;              /* a pipeline's: filled and emptied, nothing else */
};

struct plan {
    struct runtime *runtime;
    struct plan *next;
    struct tri_plan *it;
    uint32_t refs; /* the JavaScript object, jobs */
    bool running;
};

struct pipeline {
    struct runtime *runtime;
    struct pipeline *next;
    struct tri_pipeline *it;
    uint32_t refs; /* the JavaScript object, jobs */
    bool running;
};

struct cancel {
    struct tri_cancel *it;
    uint32_t refs;
};

/* Something that is done elsewhere. `work` runs on a thread of the pool, the others on the environment's. */
struct job {
    struct job *next, *prev; /* in addon.jobs */
    struct job *queued;      /* in the pool's queues */
    struct addon *addon;
    napi_deferred deferred; /* NULL: nobody waits */
    struct runtime *runtime;
    struct plan *plan;
    struct pipeline *pipeline;
    struct pipeline_ask *ask;
    struct cancel *cancel;
    struct region *region;
    napi_ref kept; /* what must not be collected meanwhile */
    void (*work)(struct job *job);
    napi_value (*result)(napi_env env, struct job *job); /* NULL: undefined */
    tri_status status;
    struct tri_error err;
    struct stages *stages;
    struct tri_run_params run;
    enum tri_technology technology;
    enum tri_access access;
    struct tri_wait wait;
    union {
        tri_claim claim;
        struct tri_engine_info engine;
        struct tri_plan *plan;
        struct tri_pipeline *pipeline;
        uint8_t byte;
    } out;
    uint64_t offset, bytes;
    uint8_t value;
    void *memory;
    struct tri_runtime *doomed;
};

/* value.c: JavaScript's values, checked. False or NULL: an exception is pending. */
bool take_args(napi_env env, napi_callback_info info, size_t count, napi_value *args, struct addon **addon);
napi_value throw_error(struct addon *addon, const struct tri_error *err);
napi_value throw_text(struct addon *addon, tri_status status, const char *format, ...) TRI_PRINTF(3, 4);
napi_value make_error(struct addon *addon, const struct tri_error *err);
bool is_nothing(napi_env env, napi_value value);
bool get_integer(struct addon *addon, napi_value value, const char *what, uint64_t most, uint64_t *out);
bool get_claim(struct addon *addon, napi_value value, tri_claim *out);
/* A copy of the string, to be freed; undefined and null give NULL. Strings with a NUL inside are refused. */
bool get_text(struct addon *addon, napi_value value, const char *what, char **out);
bool get_array(struct addon *addon, napi_value value, const char *what, uint32_t most, uint32_t *out_length);
bool get_layout(struct addon *addon, napi_value dtype, napi_value kind, napi_value shape, struct tri_layout *out);
bool get_flag(struct addon *addon, napi_value value, const char *what, bool *out);
bool get_property(struct addon *addon, napi_value object, const char *name, napi_value *out);
bool get_wait(struct addon *addon, napi_value value, uint64_t *out); /* milliseconds; undefined: for ever */
void *unbox(struct addon *addon, napi_value value, enum box_kind kind);
napi_value box(struct addon *addon, void *record, enum box_kind kind, napi_finalize finalize);
napi_value undefined_value(napi_env env);
bool set_number(napi_env env, napi_value object, const char *name, double number);
bool set_text(napi_env env, napi_value object, const char *name, const char *text);
bool set_flag(napi_env env, napi_value object, const char *name, bool flag);
bool set_value(napi_env env, napi_value object, const char *name, napi_value value);

/* pool.c */
bool pool_create(struct addon *addon);
void pool_join(struct addon *addon); /* cancels what can be cancelled, waits for all threads */
void pool_destroy(struct addon *addon);
struct job *job_create(struct addon *addon, struct runtime *runtime, void (*work)(struct job *job));
napi_value job_begin(struct job *job); /* its promise */
bool job_begin_alone(struct job *job); /* nobody waits for it */
void job_drop(struct job *job);        /* one that was not begun */

/* memory.c */
struct runtime *runtime_of(struct addon *addon, napi_value value); /* an open one */
struct region *region_of(struct addon *addon, napi_value value);   /* a live one */
struct region *any_region_of(struct addon *addon, napi_value value); /* a live one, or a pipeline's */
napi_value lend_region(struct addon *addon, struct runtime *runtime, tri_handle handle, uint64_t size);
struct tri_arena *arena_of(const struct runtime *runtime);
void runtime_use(struct runtime *runtime);
void runtime_unuse(struct runtime *runtime);
void region_drop(struct region *region);
void memory_end(struct addon *addon);

/* work.c */
void stages_free(struct stages *stages);
void plan_drop(struct plan *plan);
void cancel_drop(struct cancel *cancel);
bool take_run(struct job *job, napi_value timeout, napi_value cancel, napi_value zero_copy);
napi_value begin_or_drop(struct job *job, bool ready);

/* border.c */
bool take_memory(struct job *job, napi_value region, napi_value memory); /* for job->region */
void work_empty(struct job *job);                                        /* copies job->region into that memory */

/* pipeline.c */
void pipeline_ask_free(struct pipeline_ask *ask);
void pipeline_drop(struct pipeline *pipeline);

/* The tables of functions: exports, one file each. */
bool export_functions(napi_env env, napi_value exports, const napi_property_descriptor *functions, size_t count);
bool export_memory(napi_env env, napi_value exports);
bool export_border(napi_env env, napi_value exports);
bool export_work(napi_env env, napi_value exports);
bool export_pipeline(napi_env env, napi_value exports);
bool export_tell(napi_env env, napi_value exports);
#define FUNCTION(name, function) {name, NULL, function, NULL, NULL, NULL, napi_enumerable, NULL}

#endif
