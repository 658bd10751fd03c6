/*
 * The worker: engines over the owner's arena, in a process that may be killed at any time.
 *
 * It takes no claims: the owner holds those of the stage while it runs. One thread does what is asked, another ends the
 * process when the owner is gone.
 */
#include "engine/isolated/message.h"

#include "base/alloc.h"
#include "base/status.h"
#include "base/sys.h"
#include "engine/custom/custom.h"

#include <tripoint/engine.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct slot {
    struct trii_custom *custom;
    struct trii_stage stage;
    struct trii_task *task;
    char name[TRI_ERROR_NAME_BYTES];
};

struct worker {
    int socket;
    struct tri_arena *arena;
    struct tri_engine *engines[TRI_TECHNOLOGY_COUNT];
    struct slot slots[TRII_WORKER_SLOTS];
};

static tri_status engine_of(struct worker *w, const struct trii_worker_ask *ask, struct tri_engine **out,
                            struct tri_error *err) {
    const enum tri_technology technology = (enum tri_technology)ask->technology;
    const struct trii_worker_engine *engine = &ask->engine;
    const struct tri_engine_params params = {.struct_bytes = sizeof params,
                                             .library_path = engine->has_library ? engine->library_path : NULL,
                                             .cache_dir = engine->has_cache ? engine->cache_dir : NULL,
                                             .threads = engine->threads,
                                             .cpu_driver = engine->cpu_driver,
                                             .guest_limit_ns = engine->guest_limit_ns,
                                             .may_set_environment = true}; /* it is ours */
    tri_status status = TRI_OK;
    if (!w->engines[technology])
        status = tri_engine_open(w->arena, technology, &params, &w->engines[technology], err);
    *out = w->engines[technology];
    return status;
}

static void empty(struct slot *slot) {
    trii_task_release(&slot->task);
    trii_custom_close(&slot->custom);
    *slot = (struct slot){.task = NULL};
}

/* The file's bytes came as a descriptor; its name says what is in them. */
static tri_status open_operation(const struct trii_worker_ask *ask, int file, struct trii_custom **out,
                                 struct tri_error *err) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    const struct tri_file lent = {.name = ask->path, .path = path};
    const struct trii_custom_place place = {
        .folder = TRII_CUSTOM_NO_FOLDER, .allow_native = true, .files = &lent, .file_count = 1}; /* the owner has allowed it */
    return trii_custom_open(&place, ask->operation, out, err);
}

static tri_status resolve(const struct trii_worker_ask *ask, struct slot *slot, struct tri_error *err) {
    struct tri_param params[TRII_OP_PARAMS_MAX];
    const struct tri_operation_info *info = &slot->custom->op.info;
    for (size_t i = 0; i < ask->param_count; i++) {
        const struct trii_worker_param *from = &ask->params[i];
        params[i] = (struct tri_param){from->name, from->number, from->has_text ? from->text : NULL};
        size_t k = 0;
        while (k < info->param_count && strcmp(info->params[k].name, from->name) != 0)
            k++;
        if (k == info->param_count && !trii_custom_open_param(slot->custom, from->name, !from->has_text))
            return trii_fail(err, TRI_INVALID_ARGUMENT, "%s has no parameter '%s'", info->name, from->name);
    }
    return trii_args_resolve(&slot->custom->op, params, ask->param_count, &slot->stage.args, err);
}

static tri_status take_operands(struct worker *w, const struct trii_worker_ask *ask, struct slot *slot,
                                struct tri_error *err) {
    struct trii_stage *stage = &slot->stage;
    if (slot->custom->op.info.operand_count != ask->operand_count)
        return trii_fail(err, TRI_BAD_PIPELINE, "%s has %zu operands, %u were given", slot->custom->name,
                         slot->custom->op.info.operand_count, ask->operand_count);
    for (size_t i = 0; i < ask->operand_count; i++) {
        struct trii_operand *operand = &stage->operands[i];
        operand->info = &slot->custom->op.info.operands[i];
        operand->layout = ask->layouts[i];
        tri_status status = trii_arena_resolve(w->arena, ask->handles[i], &operand->region, err);
        if (status != TRI_OK)
            return status;
    }
    stage->operand_count = ask->operand_count;
    return TRI_OK;
}

static tri_status prepare(struct worker *w, const struct trii_worker_ask *ask, int file, struct tri_error *err) {
    struct slot *slot = &w->slots[ask->head.slot];
    struct tri_engine *engine;
    empty(slot);
    snprintf(slot->name, sizeof slot->name, "%s", ask->stage);
    tri_status status = engine_of(w, ask, &engine, err);
    if (status == TRI_OK)
        status = open_operation(ask, file, &slot->custom, err);
    for (size_t j = 0; status == TRI_OK && j + ask->input_count < ask->operand_count; j++) {
        slot->custom->outputs[j].rule = TRII_OUTPUT_STATED;
        slot->custom->outputs[j].layout = ask->layouts[ask->input_count + j];
    }
    if (status == TRI_OK)
        status = trii_custom_given(slot->custom, ask->input_count, ask->operand_count - ask->input_count, err);
    if (status == TRI_OK && trii_custom_needs_engine(slot->custom))
        status = trii_engine_reflect(engine, slot->custom, err);
    slot->stage = (struct trii_stage){.name = slot->name, .in_place = ask->in_place};
    if (status == TRI_OK)
        status = resolve(ask, slot, err);
    if (status == TRI_OK)
        status = take_operands(w, ask, slot, err);
    if (status == TRI_OK) {
        slot->stage.op = &slot->custom->op;
        status = trii_task_prepare(engine, &slot->stage, &slot->task, err);
    }
    if (status != TRI_OK)
        empty(slot);
    return status;
}

static tri_status describe(const struct trii_worker_ask *ask, int file, struct trii_worker_description *told,
                           struct tri_error *err) {
    struct trii_custom *custom = NULL;
    tri_status status = open_operation(ask, file, &custom, err);
    if (status == TRI_OK)
        status = trii_custom_given(custom, TRII_CUSTOM_NATURAL, TRII_CUSTOM_NATURAL, err);
    if (status == TRI_OK) {
        const char *text = trii_custom_description(custom);
        snprintf(told->entry, sizeof told->entry, "%s", custom->entry);
        snprintf(told->text, sizeof told->text, "%s", text);
        if (strlen(text) >= sizeof told->text)
            status = trii_fail(err, TRI_LIMIT, "%s describes itself with %zu bytes, more than the %zu that a worker tells",
                               custom->name, strlen(text), sizeof told->text - 1);
    }
    trii_custom_close(&custom);
    return status;
}

static tri_status run(struct worker *w, uint32_t number, struct tri_error *err) {
    struct slot *slot = &w->slots[number];
    struct trii_fence fence;
    if (!slot->task)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "nothing is prepared there");
    trii_fence_init(&fence);
    tri_status status = trii_task_submit(slot->task, &fence, err);
    return status == TRI_OK ? trii_task_wait(slot->task, &fence, TRI_FOREVER, err) : status;
}

static bool is_sound(const struct trii_worker_ask *ask, size_t bytes) {
    if (bytes < sizeof ask->head || ask->head.slot >= TRII_WORKER_SLOTS)
        return false;
    if (ask->head.verb != TRII_WORKER_PREPARE && ask->head.verb != TRII_WORKER_DESCRIBE)
        return bytes == sizeof ask->head;
    return bytes == sizeof *ask && ask->technology < TRI_TECHNOLOGY_COUNT &&
           ask->operand_count <= TRII_OP_OPERANDS_MAX && ask->input_count <= ask->operand_count &&
           ask->param_count <= TRII_OP_PARAMS_MAX;
}

static tri_status obey(struct worker *w, const struct trii_worker_ask *ask, int file, struct trii_worker_description *told,
                       struct tri_error *err) {
    switch (ask->head.verb) {
    case TRII_WORKER_DESCRIBE:
        return describe(ask, file, told, err);
    case TRII_WORKER_PREPARE:
        return prepare(w, ask, file, err);
    default:
        return run(w, ask->head.slot, err);
    }
}

/* False when the owner is gone. */
static bool serve(struct worker *w) {
    static struct trii_worker_ask ask; /* large */
    static struct trii_worker_description told;
    struct tri_error err = {0};
    struct pollfd ready = {.fd = w->socket, .events = POLLIN};
    int file = -1;
    size_t got;
    int failed = trii_sys_poll(&ready, 1, TRI_FOREVER);
    if (failed)
        return failed == EINTR;
    if (trii_sys_receive(w->socket, &ask, sizeof ask, &got, &file) != 0 || !is_sound(&ask, got))
        return false;
    if (ask.head.verb == TRII_WORKER_RELEASE) {
        empty(&w->slots[ask.head.slot]);
        return true;
    }
    struct trii_worker_answer *answer = &told.head;
    answer->verb = ask.head.verb;
    answer->slot = ask.head.slot;
    answer->status = obey(w, &ask, file, &told, &err);
    if (file >= 0)
        trii_sys_close(file);
    snprintf(answer->message, sizeof answer->message, "%s", err.message);
    const size_t bytes = ask.head.verb == TRII_WORKER_DESCRIBE ? sizeof told : sizeof *answer;
    return trii_sys_send(w->socket, &told, bytes, -1) == 0;
}

/* Work that never ends would go on without anybody to stop it. */
static void end_with_owner(void *user) {
    trii_sys_wait_for_hangup(((struct worker *)user)->socket);
    _exit(0);
}

int tri_worker_main(int socket) {
    struct worker *w = trii_calloc(1, sizeof *w);
    struct tri_error err = {0};
    struct trii_thread *watch;
    if (!w)
        return 1;
    w->socket = socket;
    (void)!tri_engine_choose_driver(NULL, NULL); /* before there are threads; who needs it says what is missing */
    if (trii_sys_thread_start(&watch, "tri-owner", end_with_owner, w) != 0)
        return 1;
    if (tri_arena_import(socket, NULL, &w->arena, &err) != TRI_OK) {
        fprintf(stderr, "tripoint worker: %s\n", err.message);
        return 1;
    }
    while (serve(w))
        ;
    _exit(0); /* what is left is memory */
}
