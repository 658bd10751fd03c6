/*
 * What is done elsewhere: stages, plans, claims, native views. Arguments are read on the environment's thread and copied
 * into a job; regions are named by handles, so one that is freed meanwhile is an error and never somebody else's bytes.
 */
#include "addon.h"

#include <stdlib.h>
#include <string.h>

/* Stages as the library wants them, and everything that they point to. */
struct stages {
    uint32_t count;
    struct tri_stage *list;
    struct operands {
        tri_handle inputs[TRI_STAGE_OPERANDS_MAX], outputs[TRI_STAGE_OPERANDS_MAX];
        struct tri_param *params;
        char **texts;
        uint32_t params_count;
        char *operation, *name;
    } *operands;
};

void stages_free(struct stages *stages) {
    for (uint32_t i = 0; stages->operands && i < stages->count; i++) {
        struct operands *of = &stages->operands[i];
        for (uint32_t p = 0; p < of->params_count; p++) {
            free(of->texts[2 * p]);
            free(of->texts[2 * p + 1]);
        }
        free(of->params);
        free(of->texts);
        free(of->operation);
        free(of->name);
    }
    free(stages->operands);
    free(stages->list);
    free(stages);
}

static void work_unplan(struct job *job) {
    tri_plan_destroy(&job->out.plan);
}

/* Destroying waits for an engine that a cancelled run has left at work: elsewhere, when it can be. */
void plan_drop(struct plan *plan) {
    if (--plan->refs > 0)
        return;
    struct runtime *runtime = plan->runtime;
    struct job *job = plan->it && !runtime->addon->ending ? calloc(1, sizeof *job) : NULL;
    for (struct plan **link = &runtime->plans; *link; link = &(*link)->next)
        if (*link == plan) {
            *link = plan->next;
            break;
        }
    if (job) {
        *job = (struct job){.addon = runtime->addon, .runtime = runtime, .work = work_unplan, .out = {.plan = plan->it}};
        if (job_begin_alone(job)) {
            runtime_use(runtime);
            plan->it = NULL;
        } else {
            free(job);
        }
    }
    tri_plan_destroy(&plan->it);
    free(plan);
    runtime_unuse(runtime);
}

void cancel_drop(struct cancel *cancel) {
    if (--cancel->refs > 0)
        return;
    tri_cancel_destroy(&cancel->it);
    free(cancel);
}

/* An operand that is null is left out: to be bound by its kind. */
static bool get_handles(struct addon *addon, const struct runtime *runtime, napi_value stage, const char *what,
                        tri_handle *out, size_t *count) {
    napi_value list, item;
    uint32_t length;
    if (!get_property(addon, stage, what, &list) || !get_array(addon, list, what, TRI_STAGE_OPERANDS_MAX, &length))
        return false;
    for (uint32_t i = 0; i < length; i++) {
        struct region *region;
        out[i] = TRI_HANDLE_NONE;
        if (napi_get_element(addon->env, list, i, &item) != napi_ok)
            return false;
        if (is_nothing(addon->env, item))
            continue;
        if (!(region = region_of(addon, item)))
            return false;
        if (region->runtime != runtime) {
            throw_text(addon, TRI_BAD_HANDLE, "a region of a stage's %s belongs to another arena", what);
            return false;
        }
        out[i] = region->handle;
    }
    *count = length;
    return true;
}

/* params: [name, value, name, value, …] */
static bool get_params(struct addon *addon, napi_value stage, struct operands *of) {
    napi_value list, item;
    uint32_t length;
    if (!get_property(addon, stage, "params", &list) || !get_array(addon, list, "params", 64, &length))
        return false;
    of->params = calloc(length / 2 + 1, sizeof *of->params);
    of->texts = calloc(length + 2, sizeof *of->texts);
    if (!of->params || !of->texts) {
        throw_text(addon, TRI_NO_MEMORY, "no memory for parameters");
        return false;
    }
    of->params_count = length / 2;
    for (uint32_t i = 0; i < of->params_count; i++) {
        napi_valuetype type = napi_undefined;
        if (napi_get_element(addon->env, list, 2 * i, &item) != napi_ok ||
            !get_text(addon, item, "a parameter's name", &of->texts[2 * i]) ||
            napi_get_element(addon->env, list, 2 * i + 1, &item) != napi_ok ||
            napi_typeof(addon->env, item, &type) != napi_ok)
            return false;
        of->params[i].name = of->texts[2 * i];
        if (type == napi_number) {
            if (napi_get_value_double(addon->env, item, &of->params[i].number) != napi_ok)
                return false;
        } else if (type != napi_string) {
            throw_text(addon, TRI_INVALID_ARGUMENT, "parameter \"%s\" is neither a number nor a string",
                       of->texts[2 * i] ? of->texts[2 * i] : "");
            return false;
        } else if (!get_text(addon, item, "a parameter", &of->texts[2 * i + 1])) {
            return false;
        }
        of->params[i].text = of->texts[2 * i + 1];
    }
    return true;
}

/* {technology, operation, name, inputs, outputs, params} */
static bool get_stage(struct addon *addon, const struct runtime *runtime, napi_value value, struct tri_stage *stage,
                      struct operands *of) {
    napi_value technology, operation, name;
    uint64_t number;
    if (!get_property(addon, value, "technology", &technology) ||
        !get_integer(addon, technology, "technology", TRI_TECHNOLOGY_COUNT - 1, &number) ||
        !get_property(addon, value, "operation", &operation) ||
        !get_text(addon, operation, "operation", &of->operation) || !get_property(addon, value, "name", &name) ||
        !get_text(addon, name, "name", &of->name) ||
        !get_handles(addon, runtime, value, "inputs", of->inputs, &stage->input_count) ||
        !get_handles(addon, runtime, value, "outputs", of->outputs, &stage->output_count) ||
        !get_params(addon, value, of))
        return false;
    stage->struct_bytes = sizeof *stage;
    stage->technology = (enum tri_technology)number;
    stage->operation = of->operation;
    stage->name = of->name;
    stage->inputs = stage->input_count ? of->inputs : NULL;
    stage->outputs = stage->output_count ? of->outputs : NULL;
    stage->params = of->params;
    stage->param_count = of->params_count;
    return true;
}

static struct stages *get_stages(struct addon *addon, const struct runtime *runtime, napi_value list) {
    uint32_t count;
    napi_value item;
    if (!get_array(addon, list, "stages", TRI_STAGES_MAX, &count))
        return NULL;
    struct stages *stages = calloc(1, sizeof *stages);
    if (stages) {
        stages->count = count;
        stages->list = calloc(count + 1, sizeof *stages->list);
        stages->operands = calloc(count + 1, sizeof *stages->operands);
    }
    if (!stages || !stages->list || !stages->operands) {
        if (stages)
            stages_free(stages);
        throw_text(addon, TRI_NO_MEMORY, "no memory for stages");
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++)
        if (napi_get_element(addon->env, list, i, &item) != napi_ok ||
            !get_stage(addon, runtime, item, &stages->list[i], &stages->operands[i])) {
            stages_free(stages);
            return NULL;
        }
    return stages;
}

static void cancel_forgotten(napi_env env, void *data, void *hint) {
    (void)env;
    (void)hint;
    cancel_drop(data);
}

static struct cancel *cancel_make(struct addon *addon) {
    struct tri_error err = {.status = TRI_NO_MEMORY, .message = "no memory for a cancellation"};
    struct cancel *cancel = calloc(1, sizeof *cancel);
    if (cancel && tri_cancel_create(&cancel->it, &err) == TRI_OK) {
        cancel->refs = 1;
        return cancel;
    }
    free(cancel);
    throw_error(addon, &err);
    return NULL;
}

/* cancellation(): what may be given to a wait */
static napi_value cancellation(napi_env env, napi_callback_info info) {
    struct addon *addon;
    struct cancel *cancel;
    if (!take_args(env, info, 0, NULL, &addon) || !(cancel = cancel_make(addon)))
        return NULL;
    napi_value object = box(addon, cancel, BOX_CANCEL, cancel_forgotten);
    if (!object)
        cancel_drop(cancel);
    return object;
}

static napi_value cancel_it(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value arg;
    struct cancel *cancel;
    if (!take_args(env, info, 1, &arg, &addon) || !(cancel = unbox(addon, arg, BOX_CANCEL)))
        return NULL;
    tri_cancel_set(cancel->it);
    return undefined_value(env);
}

/* Every job that may wait can be cancelled: by its caller, or by the end of the environment. */
static bool take_cancel(struct job *job, napi_value value) {
    if (is_nothing(job->addon->env, value)) {
        job->cancel = cancel_make(job->addon);
    } else if ((job->cancel = unbox(job->addon, value, BOX_CANCEL))) {
        job->cancel->refs++;
    }
    return job->cancel;
}

napi_value begin_or_drop(struct job *job, bool ready) {
    if (ready)
        return job_begin(job);
    job_drop(job);
    return NULL;
}

bool take_run(struct job *job, napi_value timeout, napi_value cancel, napi_value zero_copy) {
    uint64_t wait = 0;
    job->run = (struct tri_run_params){.struct_bytes = sizeof job->run};
    if (!take_cancel(job, cancel) || !get_flag(job->addon, zero_copy, "requireZeroCopy", &job->run.require_zero_copy))
        return false;
    if (!is_nothing(job->addon->env, timeout) && !get_wait(job->addon, timeout, &wait))
        return false;
    job->run.timeout_ns = wait;
    job->run.cancel = job->cancel->it;
    return true;
}

static void work_execute(struct job *job) {
    struct tri_plan *plan = NULL;
    job->status = tri_plan_create(job->runtime->it, job->stages->list, job->stages->count, &plan, &job->err);
    if (job->status == TRI_OK)
        job->status = tri_plan_run(plan, &job->run, &job->err);
    tri_plan_destroy(&plan);
}

/* execute(runtime, stages, timeoutMs, cancel, requireZeroCopy) */
static napi_value execute(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value args[5];
    struct runtime *runtime;
    struct stages *stages;
    struct job *job;
    if (!take_args(env, info, 5, args, &addon) || !(runtime = runtime_of(addon, args[0])) ||
        !(stages = get_stages(addon, runtime, args[1])))
        return NULL;
    if (!(job = job_create(addon, runtime, work_execute))) {
        stages_free(stages);
        return NULL;
    }
    job->stages = stages;
    return begin_or_drop(job, take_run(job, args[2], args[3], args[4]));
}

static void work_plan(struct job *job) {
    job->status = tri_plan_create(job->runtime->it, job->stages->list, job->stages->count, &job->out.plan, &job->err);
}

static void plan_forgotten(napi_env env, void *data, void *hint) {
    (void)env;
    (void)hint;
    plan_drop(data);
}

static napi_value plan_made(napi_env env, struct job *job) {
    struct plan *plan = calloc(1, sizeof *plan);
    (void)env;
    if (!plan) {
        tri_plan_destroy(&job->out.plan);
        return throw_text(job->addon, TRI_NO_MEMORY, "no memory for a plan");
    }
    *plan = (struct plan){.runtime = job->runtime, .it = job->out.plan, .refs = 1};
    runtime_use(plan->runtime);
    plan->next = plan->runtime->plans;
    plan->runtime->plans = plan;
    napi_value object = box(job->addon, plan, BOX_PLAN, plan_forgotten);
    if (!object)
        plan_drop(plan);
    return object;
}

/* plan(runtime, stages) */
static napi_value make_plan(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value args[2];
    struct runtime *runtime;
    struct stages *stages;
    struct job *job;
    if (!take_args(env, info, 2, args, &addon) || !(runtime = runtime_of(addon, args[0])) ||
        !(stages = get_stages(addon, runtime, args[1])))
        return NULL;
    if (!(job = job_create(addon, runtime, work_plan))) {
        stages_free(stages);
        return NULL;
    }
    job->stages = stages;
    job->result = plan_made;
    return job_begin(job);
}

static void work_run(struct job *job) {
    job->status = tri_plan_run(job->plan->it, &job->run, &job->err);
    if (job->status == TRI_OK && job->region)
        work_empty(job);
}

/* run(plan, timeoutMs, cancel, requireZeroCopy, region, memory): then empties the region into the memory, if any */
static napi_value run_plan(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value args[6];
    struct plan *plan;
    struct job *job;
    if (!take_args(env, info, 6, args, &addon) || !(plan = unbox(addon, args[0], BOX_PLAN)))
        return NULL;
    if (plan->runtime->closed)
        return throw_text(addon, TRI_BAD_HANDLE, "the arena was destroyed");
    if (plan->running)
        return throw_text(addon, TRI_BUSY, "the plan is running; it runs one frame at a time");
    if (!(job = job_create(addon, plan->runtime, work_run)))
        return NULL;
    job->plan = plan;
    plan->running = true;
    plan->refs++;
    return begin_or_drop(job, take_run(job, args[1], args[2], args[3]) &&
                                  (is_nothing(env, args[4]) || take_memory(job, args[4], args[5])));
}

static void work_claim(struct job *job) {
    struct tri_sync *sync = tri_arena_sync(tri_runtime_arena(job->runtime->it));
    job->status = (job->access == TRI_ACCESS_READ ? tri_sync_acquire_read : tri_sync_acquire_write)(
        sync, job->region->index, job->technology, &job->wait, &job->out.claim, &job->err);
}

static napi_value claimed(napi_env env, struct job *job) {
    napi_value value = NULL;
    struct tri_error err;
    if (!job->region->freed && job->region->mapped == TRI_CLAIM_NONE &&
        napi_create_bigint_uint64(env, job->out.claim, &value) == napi_ok) {
        job->region->mapped = job->out.claim;
        return value;
    }
    (void)!tri_sync_release(tri_arena_sync(arena_of(job->runtime)), job->out.claim, &err);
    return throw_text(job->addon, TRI_BAD_HANDLE, "the region was freed, or mapped, while a claim on it was waited for");
}

/* claim(region, technology, writes, timeoutMs, cancel) */
static napi_value claim(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value args[5];
    struct region *region;
    struct job *job;
    uint64_t technology, timeout;
    bool writes;
    if (!take_args(env, info, 5, args, &addon) || !(region = region_of(addon, args[0])) ||
        !get_integer(addon, args[1], "technology", TRI_TECHNOLOGY_COUNT - 1, &technology) ||
        !get_flag(addon, args[2], "writes", &writes) || !get_wait(addon, args[3], &timeout) ||
        !(job = job_create(addon, region->runtime, work_claim)))
        return NULL;
    job->region = region;
    region->refs++;
    job->technology = (enum tri_technology)technology;
    job->access = writes ? TRI_ACCESS_WRITE : TRI_ACCESS_READ;
    job->result = claimed;
    const bool ready = take_cancel(job, args[4]);
    if (ready)
        job->wait = (struct tri_wait){.timeout_ns = timeout, .cancel = job->cancel->it};
    return begin_or_drop(job, ready);
}

/* release(region, claim): also after the region was freed */
static napi_value release(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value args[2];
    struct region *region;
    tri_claim held;
    struct tri_error err = {0};
    if (!take_args(env, info, 2, args, &addon) || !(region = unbox(addon, args[0], BOX_REGION)) ||
        !get_claim(addon, args[1], &held))
        return NULL;
    if (!region->runtime->it || region->returned)
        return undefined_value(env);
    if (held == region->mapped)
        region->mapped = TRI_CLAIM_NONE;
    if (tri_sync_release(tri_arena_sync(arena_of(region->runtime)), held, &err) != TRI_OK)
        return throw_error(addon, &err);
    return undefined_value(env);
}

static void work_engine(struct job *job) {
    struct tri_engine *engine;
    job->status = tri_runtime_engine(job->runtime->it, job->technology, &engine, &job->err);
    if (job->status == TRI_OK)
        tri_engine_info(engine, &job->out.engine);
}

static napi_value engine_told(napi_env env, struct job *job) {
    const struct tri_engine_info *engine = &job->out.engine;
    napi_value told = NULL;
    if (napi_create_object(env, &told) != napi_ok || !set_text(env, told, "technology", engine->name) ||
        !set_text(env, told, "library", engine->library) || !set_text(env, told, "version", engine->version) ||
        !set_text(env, told, "libraryPath", engine->library_path) || !set_text(env, told, "device", engine->device) ||
        !set_text(env, told, "driver", engine->driver) ||
        !set_flag(env, told, "sharesMemory", engine->shares_memory) ||
        !set_text(env, told, "sharing", engine->sharing))
        return NULL;
    return told;
}

/* engine(runtime, technology): opens it where it is not open */
static napi_value engine(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value args[2];
    struct runtime *runtime;
    struct job *job;
    uint64_t technology;
    if (!take_args(env, info, 2, args, &addon) || !(runtime = runtime_of(addon, args[0])) ||
        !get_integer(addon, args[1], "technology", TRI_TECHNOLOGY_COUNT - 1, &technology) ||
        !(job = job_create(addon, runtime, work_engine)))
        return NULL;
    job->technology = (enum tri_technology)technology;
    job->result = engine_told;
    return job_begin(job);
}

/* The native view is made, if it is not there, and one byte goes through it. */
static void work_touch(struct job *job) {
    struct tri_engine *of;
    const tri_handle handle = job->region->handle;
    job->status = tri_runtime_engine(job->runtime->it, job->technology, &of, &job->err);
    if (job->status == TRI_OK)
        job->status = job->access == TRI_ACCESS_READ
                          ? tri_engine_peek(of, handle, job->offset, &job->out.byte, &job->err)
                          : tri_engine_poke(of, handle, job->offset, job->value, &job->err);
}

static napi_value touched(napi_env env, struct job *job) {
    napi_value value = NULL;
    if (job->access != TRI_ACCESS_READ)
        return undefined_value(env);
    return napi_create_uint32(env, job->out.byte, &value) == napi_ok ? value : NULL;
}

/* touch(region, technology, offset, value): reads when `value` is undefined */
static napi_value touch(napi_env env, napi_callback_info info) {
    struct addon *addon;
    napi_value args[4];
    struct region *region;
    struct job *job;
    uint64_t technology, offset, value = 0;
    if (!take_args(env, info, 4, args, &addon) || !(region = region_of(addon, args[0])) ||
        !get_integer(addon, args[1], "technology", TRI_TECHNOLOGY_COUNT - 1, &technology) ||
        !get_integer(addon, args[2], "offset", region->size - 1, &offset))
        return NULL;
    const bool reads = is_nothing(env, args[3]);
    if ((!reads && !get_integer(addon, args[3], "value", 255, &value)) ||
        !(job = job_create(addon, region->runtime, work_touch)))
        return NULL;
    job->region = region;
    region->refs++;
    job->technology = (enum tri_technology)technology;
    job->access = reads ? TRI_ACCESS_READ : TRI_ACCESS_WRITE;
    job->offset = offset;
    job->value = (uint8_t)value;
    job->result = touched;
    return job_begin(job);
}

bool export_work(napi_env env, napi_value exports) {
    const napi_property_descriptor functions[] = {
        FUNCTION("cancellation", cancellation), FUNCTION("cancel", cancel_it), FUNCTION("execute", execute),
        FUNCTION("plan", make_plan),            FUNCTION("run", run_plan),     FUNCTION("claim", claim),
        FUNCTION("release", release),           FUNCTION("engine", engine),    FUNCTION("touch", touch),
    };
    return export_functions(env, exports, functions, sizeof functions / sizeof *functions);
}
