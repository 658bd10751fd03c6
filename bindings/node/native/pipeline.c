/*
 * Pipelines in their JSON form. Their regions belong to the library, which replaces them when another input is stated:
 * they are lent as records that can be filled and emptied, and that no ArrayBuffer is ever made over.
 */
#include "addon.h"

#include <stdlib.h>
#include <string.h>

/* What a job over a pipeline was given, copied. */
struct pipeline_ask {
    char *name, *text; /* to load, or the JSON itself */
    uint32_t count;
    struct {
        char *text; /* an assignment, or an input's name */
        struct tri_layout layout;
    } list[];
};

static struct pipeline_ask *ask_create(struct addon *addon, uint32_t count) {
    struct pipeline_ask *ask = calloc(1, sizeof *ask + count * sizeof *ask->list);
    if (ask)
        ask->count = count;
    else
        throw_text(addon, TRI_NO_MEMORY, "no memory for a pipeline");
    return ask;
}

void pipeline_ask_free(struct pipeline_ask *ask) {
    for (uint32_t i = 0; i < ask->count; i++)
        free(ask->list[i].text);
    free(ask->name);
    free(ask->text);
    free(ask);
}

static void work_destroy(struct job *job) {
    tri_pipeline_destroy(&job->out.pipeline);
}

/* As with plans: waits for engines, so elsewhere when it can be. */
void pipeline_drop(struct pipeline *pipeline) {
    if (--pipeline->refs > 0)
        return;
    struct runtime *runtime = pipeline->runtime;
    struct job *job = pipeline->it && !runtime->addon->ending ? calloc(1, sizeof *job) : NULL;
    for (struct pipeline **link = &runtime->pipelines; *link; link = &(*link)->next)
        if (*link == pipeline) {
            *link = pipeline->next;
            break;
        }
    if (job) {
        *job = (struct job){
            .addon = runtime->addon, .runtime = runtime, .work = work_destroy, .out = {.pipeline = pipeline->it}};
        if (job_begin_alone(job)) {
            runtime_use(runtime);
            pipeline->it = NULL;
        } else {
            free(job);
        }
    }
    tri_pipeline_destroy(&pipeline->it);
    free(pipeline);
    runtime_unuse(runtime);
}

static void forgotten(napi_env env, void *data, void *hint) {
    (void)env;
    (void)hint;
    pipeline_drop(data);
}

/* One that no thread is at work on. */
static struct pipeline *idle_pipeline_of(struct addon *addon, napi_value value) {
    struct pipeline *pipeline = unbox(addon, value, BOX_PIPELINE);
    if (pipeline && pipeline->runtime->closed) {
        throw_text(addon, TRI_BAD_HANDLE, "the arena was destroyed");
        return NULL;
    }
    if (pipeline && pipeline->running) {
        throw_text(addon, TRI_BUSY, "the pipeline is running; it runs one frame at a time");
        return NULL;
    }
    return pipeline;
}

static struct job *begin_on(struct addon *addon, struct pipeline *pipeline, void (*work)(struct job *job)) {
    struct job *job = job_create(addon, pipeline->runtime, work);
    if (job) {
        job->pipeline = pipeline;
        pipeline->running = true;
        pipeline->refs++;
    }
    return job;
}

static void work_load(struct job *job) {
    const struct pipeline_ask *ask = job->ask;
    struct tri_pipeline **out = &job->out.pipeline;
    job->status = ask->text ? tri_pipeline_parse(job->runtime->it, ask->text, strlen(ask->text), "the pipeline", out,
                                                 &job->err)
                            : tri_pipeline_load(job->runtime->it, ask->name, out, &job->err);
    if (job->status != TRI_OK)
        return;
    for (uint32_t i = 0; i < ask->count && job->status == TRI_OK; i++)
        job->status = tri_pipeline_set(*out, ask->list[i].text, &job->err);
    if (job->status != TRI_OK)
        tri_pipeline_destroy(out);
}

static napi_value loaded(napi_env env, struct job *job) {
    struct pipeline *pipeline = calloc(1, sizeof *pipeline);
    napi_value told = NULL;
    if (!pipeline) {
        tri_pipeline_destroy(&job->out.pipeline);
        return throw_text(job->addon, TRI_NO_MEMORY, "no memory for a pipeline");
    }
    *pipeline = (struct pipeline){.runtime = job->runtime, .it = job->out.pipeline, .refs = 1};
    runtime_use(pipeline->runtime);
    pipeline->next = pipeline->runtime->pipelines;
    pipeline->runtime->pipelines = pipeline;
    const bool named = napi_create_object(env, &told) == napi_ok &&
                       set_text(env, told, "name", tri_pipeline_name(pipeline->it)) &&
                       set_text(env, told, "input", tri_pipeline_input(pipeline->it)) &&
                       set_text(env, told, "output", tri_pipeline_output(pipeline->it));
    napi_value object = named ? box(job->addon, pipeline, BOX_PIPELINE, forgotten) : NULL;
    if (!object) {
        pipeline_drop(pipeline);
        return NULL;
    }
    return set_value(env, told, "box", object) ? told : NULL;
}

/* load(runtime, name, json, assignments): {box, name, input, output}. A name, or the JSON itself. */
static napi_value load(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value args[4], item;
    struct runtime *runtime;
    struct job *job;
    uint32_t count;
    if (!take_args(env, info, 4, args, &addon) || !(runtime = runtime_of(addon, args[0])) ||
        !get_array(addon, args[3], "assignments", TRI_STAGES_MAX, &count) ||
        !(job = job_create(addon, runtime, work_load)))
        return NULL;
    job->result = loaded;
    struct pipeline_ask *ask = job->ask = ask_create(addon, count);
    bool ready = ask && get_text(addon, args[1], "a pipeline's name", &ask->name) &&
                 get_text(addon, args[2], "a pipeline's JSON", &ask->text);
    if (ready && !ask->name == !ask->text) {
        throw_text(addon, TRI_INVALID_ARGUMENT, "a pipeline is loaded by its name, or from its JSON");
        ready = false;
    }
    for (uint32_t i = 0; ready && i < count; i++) {
        ready = napi_get_element(env, args[3], i, &item) == napi_ok &&
                get_text(addon, item, "an assignment", &ask->list[i].text);
        if (ready && !ask->list[i].text) {
            throw_text(addon, TRI_INVALID_ARGUMENT, "an assignment reads \"resize.width=256\"");
            ready = false;
        }
    }
    return begin_or_drop(job, ready);
}

static void work_plan(struct job *job) {
    struct tri_pipeline *it = job->pipeline->it;
    const struct pipeline_ask *ask = job->ask;
    for (uint32_t i = 0; i < ask->count && job->status == TRI_OK; i++)
        job->status = tri_pipeline_set_input(it, ask->list[i].text, &ask->list[i].layout, &job->err);
    if (job->status == TRI_OK)
        job->status = tri_pipeline_plan(it, &job->err);
    if (job->status == TRI_OK)
        job->status = tri_pipeline_prepare(it, &job->err);
}

/* planPipeline(pipeline, [name, dtype, kind, shape, …]): what its inputs will be */
static napi_value plan(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value args[2], item[4];
    struct pipeline *pipeline;
    struct job *job;
    uint32_t length;
    if (!take_args(env, info, 2, args, &addon) || !(pipeline = idle_pipeline_of(addon, args[0])) ||
        !get_array(addon, args[1], "inputs", 4 * TRI_STAGE_OPERANDS_MAX, &length) ||
        !(job = begin_on(addon, pipeline, work_plan)))
        return NULL;
    struct pipeline_ask *ask = job->ask = ask_create(addon, length / 4);
    bool ready = ask;
    for (uint32_t i = 0; ready && i < length / 4; i++) {
        for (uint32_t k = 0; ready && k < 4; k++)
            ready = napi_get_element(env, args[1], 4 * i + k, &item[k]) == napi_ok;
        ready = ready && get_text(addon, item[0], "an input's name", &ask->list[i].text) &&
                get_layout(addon, item[1], item[2], item[3], &ask->list[i].layout);
        if (ready && !ask->list[i].text) {
            throw_text(addon, TRI_INVALID_ARGUMENT, "an input wants a name");
            ready = false;
        }
    }
    return begin_or_drop(job, ready);
}

/* pipelineRegion(pipeline, name): its region of that name, lent */
static napi_value region(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value args[2];
    struct pipeline *pipeline;
    char *name;
    tri_handle handle;
    uint64_t bytes;
    struct tri_layout layout;
    struct tri_error err = {0};
    if (!take_args(env, info, 2, args, &addon) || !(pipeline = idle_pipeline_of(addon, args[0])) ||
        !get_text(addon, args[1], "a region's name", &name))
        return NULL;
    tri_status status = tri_pipeline_region(pipeline->it, name ? name : "", &handle, &layout, &err);
    if (status == TRI_OK)
        status = tri_layout_bytes_needed(&layout, &bytes, &err);
    free(name);
    return status == TRI_OK ? lend_region(addon, pipeline->runtime, handle, bytes) : throw_error(addon, &err);
}

static void work_run(struct job *job) {
    job->status = tri_pipeline_run(job->pipeline->it, &job->run, &job->err);
    if (job->status == TRI_OK && job->region)
        work_empty(job);
}

/* runPipeline(pipeline, timeoutMs, cancel, requireZeroCopy, region, memory): then empties the region, if any */
static napi_value run(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value args[6];
    struct pipeline *pipeline;
    struct job *job;
    if (!take_args(env, info, 6, args, &addon) || !(pipeline = idle_pipeline_of(addon, args[0])) ||
        !(job = begin_on(addon, pipeline, work_run)))
        return NULL;
    return begin_or_drop(job, take_run(job, args[1], args[2], args[3]) &&
                                  (is_nothing(env, args[4]) || take_memory(job, args[4], args[5])));
}

bool export_pipeline(napi_env env, napi_value exports) {
    const napi_property_descriptor functions[] = {FUNCTION("load", load), FUNCTION("planPipeline", plan),
                                                  FUNCTION("pipelineRegion", region), FUNCTION("runPipeline", run)};
    return export_functions(env, exports, functions, sizeof functions / sizeof *functions);
}
