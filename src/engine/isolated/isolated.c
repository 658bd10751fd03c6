/*
 * An engine whose work is done by a worker process over the same pages: see README.md.
 *
 *   no worker --first prepare--> alive --killed, crashed--> no worker --next submit--> alive, prepared anew
 *
 * Locks: `lock` guards everything; it is taken inside the front door's. Who waits for a fence holds it only to look at the
 * socket, a few milliseconds at a time.
 */
#include "engine/isolated/isolated.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/paths.h"
#include "base/status.h"
#include "base/sys.h"
#include "base/text.h"
#include "engine/custom/custom.h"
#include "engine/isolated/message.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREPARE_NS (UINT64_C(60) * 1000000000u) /* bring-up and compilation; a file that takes longer is ended */
#define LOOK_NS (UINT64_C(5) * 1000000u)

struct trii_prepared {
    struct trii_prepared *next;
    const struct trii_stage *stage;
    uint32_t slot;
    uint64_t born;            /* the worker that has it */
    struct trii_fence *fence; /* while it runs */
    uint64_t asked_ns;        /* when it was told to */
};

struct isolated {
    struct tri_engine head;
    pthread_mutex_t lock;
    char *program;
    int32_t pid; /* 0: there is no worker */
    int socket;
    uint64_t born; /* counts workers */
    uint64_t turn_ns; /* when the worker last answered: it does one thing after another */
    uint64_t limit_ns;
    char how[64];  /* the last one ended */
    struct tri_engine_params params; /* of the worker's engine; what they point to is the runtime's */
    struct trii_prepared *all;
    bool used[TRII_WORKER_SLOTS];
};

static struct isolated *of(struct tri_engine *engine) {
    return (struct isolated *)engine;
}

/* ---- the worker's life ---- */

/* Ends it, and with it what it was doing: fences tell why. What it had mapped is gone when this returns. */
static void bury(struct isolated *self, tri_status status, const char *what) {
    struct tri_error error;
    if (!self->pid)
        return;
    trii_sys_end_process(self->pid, self->how, sizeof self->how);
    trii_sys_close(self->socket);
    self->pid = 0;
    for (struct trii_prepared *p = self->all; p; p = p->next)
        if (p->fence) {
            struct trii_fence *fence = p->fence;
            p->fence = NULL;
            trii_fail(&error, status, "the worker process of '%s' %s%s", p->stage->name, what, what[0] ? "" : self->how);
            trii_fence_signal(fence, status, &error);
        }
}

static tri_status start(struct isolated *self, struct tri_error *err) {
    char *const arguments[] = {self->program, (char *)(uintptr_t) "isolate-worker", NULL};
    int ends[2];
    int failed = trii_sys_socket_pair(ends);
    if (failed)
        return trii_fail_errno(err, TRI_ENGINE_UNAVAILABLE, failed, "no sockets for a worker process");
    failed = trii_sys_spawn(self->program, arguments, ends[1], TRII_WORKER_SOCKET, &self->pid);
    trii_sys_close(ends[1]);
    if (failed) {
        self->pid = 0;
        trii_sys_close(ends[0]);
        return trii_fail_errno(err, TRI_ENGINE_UNAVAILABLE, failed, "the worker %s can't be started", self->program);
    }
    self->socket = ends[0];
    self->born++;
    tri_status status = tri_arena_export(self->head.arena, self->socket, err);
    if (status != TRI_OK)
        bury(self, status, "got no arena");
    return status;
}

/* ---- talking ---- */

static void finish(struct isolated *self, const struct trii_worker_answer *answer) {
    struct tri_error error = {0};
    for (struct trii_prepared *p = self->all; p; p = p->next) {
        if (p->slot != answer->slot || !p->fence)
            continue;
        struct trii_fence *fence = p->fence;
        p->fence = NULL;
        if (answer->status != TRI_OK)
            trii_fail(&error, (tri_status)answer->status, "%s", answer->message);
        trii_fence_signal(fence, (tri_status)answer->status, &error);
        return;
    }
}

/* One packet, if there is one within the time. 0, ETIMEDOUT, EINTR, or what ended the worker. */
static int receive(struct isolated *self, uint64_t timeout_ns, struct trii_worker_description *told) {
    struct trii_worker_answer *answer = &told->head;
    struct pollfd ready = {.fd = self->socket, .events = POLLIN};
    size_t got = 0;
    int failed = trii_sys_poll(&ready, 1, timeout_ns);
    if (!failed)
        failed = trii_sys_receive(self->socket, told, sizeof *told, &got, NULL);
    if (failed)
        return failed;
    if (got < sizeof *answer || answer->slot >= TRII_WORKER_SLOTS ||
        got != (answer->verb == TRII_WORKER_DESCRIBE ? sizeof *told : sizeof *answer))
        return got == 0 ? ECONNRESET : EPROTO;
    self->turn_ns = trii_sys_now_ns();
    answer->message[sizeof answer->message - 1] = '\0';
    trii_text_clean(answer->message);
    if (answer->status > 0 || answer->status < -100)
        answer->status = TRI_ENGINE_FAILED;
    return 0;
}

static bool goes_on(int failed) {
    return failed == 0 || failed == ETIMEDOUT || failed == EINTR || failed == EAGAIN;
}

/* When what was asked at `asked_ns` is late: what waits its turn in the worker is not. */
static uint64_t late_at(const struct isolated *self, uint64_t asked_ns, uint64_t limit_ns) {
    return (asked_ns > self->turn_ns ? asked_ns : self->turn_ns) + limit_ns;
}

/* Waits for the answer to PREPARE or DESCRIBE; what else comes meanwhile is done. */
static tri_status wait_answer(struct isolated *self, const struct trii_worker_head *asked, const char *name,
                              struct trii_worker_description *told, struct tri_error *err) {
    const uint64_t began = trii_sys_now_ns(), limit_ns = self->limit_ns ? self->limit_ns : PREPARE_NS;
    for (;;) {
        uint64_t now = trii_sys_now_ns(), deadline = late_at(self, began, limit_ns);
        int failed = now < deadline ? receive(self, deadline - now, told) : ETIMEDOUT;
        if (failed == EINTR || failed == EAGAIN)
            continue;
        if (failed == ETIMEDOUT) {
            bury(self, TRI_ENGINE_FAILED, "was killed: another file of it never became ready");
            return trii_fail(err, TRI_TIMEOUT, "%s did not become ready within %.3g s in its worker process, which was killed",
                             name, (double)limit_ns * 1e-9);
        }
        if (failed) {
            bury(self, TRI_ENGINE_FAILED, "");
            return trii_fail(err, TRI_ENGINE_FAILED, "the worker process %s while it prepared %s (worker %llu)", self->how,
                             name, (unsigned long long)self->born);
        }
        const struct trii_worker_answer *answer = &told->head;
        if (answer->verb == TRII_WORKER_RUN)
            finish(self, answer);
        else if (answer->slot == asked->slot && answer->verb == asked->verb)
            return answer->status == TRI_OK ? TRI_OK : trii_fail(err, (tri_status)answer->status, "%s", answer->message);
    }
}

static tri_status fill_params(struct trii_worker_ask *ask, const struct trii_stage *stage, struct tri_error *err) {
    const struct tri_operation_info *info = &stage->op->info;
    for (size_t i = 0; i < info->param_count; i++) {
        const char *text = stage->args.value[i].text;
        const double number = stage->args.value[i].number;
        if (!text && isnan(number))
            continue; /* the file's own default */
        struct trii_worker_param *to = &ask->params[ask->param_count++];
        if (strlen(info->params[i].name) >= sizeof to->name || (text && strlen(text) >= sizeof to->text))
            return trii_fail(err, TRI_LIMIT, "the parameter '%.60s' is too long for a worker process", info->params[i].name);
        snprintf(to->name, sizeof to->name, "%s", info->params[i].name);
        snprintf(to->text, sizeof to->text, "%s", text ? text : "");
        to->has_text = text != NULL;
        to->number = text ? 0 : number;
    }
    return TRI_OK;
}

static tri_status too_long(const char *what, const char *name, struct tri_error *err) {
    return trii_fail(err, TRI_LIMIT, "the %s of %.120s is too long for a worker process", what, name);
}

/* What every ask that brings a file says. */
static tri_status fill_file(struct trii_worker_ask *ask, const struct isolated *self, const struct trii_custom *custom,
                            struct tri_error *err) {
    struct trii_worker_engine *engine = &ask->engine;
    const char *library = self->params.library_path, *cache = self->params.cache_dir;
    ask->technology = (uint32_t)self->head.vtable->technology;
    if (strlen(custom->path) + strlen(custom->entry) + 2 > sizeof ask->operation)
        return too_long("name", custom->name, err);
    snprintf(ask->path, sizeof ask->path, "%s", custom->path);
    snprintf(ask->operation, sizeof ask->operation, "%s%s%s", custom->path, custom->entry[0] ? "#" : "", custom->entry);
    *engine = (struct trii_worker_engine){.threads = self->params.threads,
                                          .cpu_driver = self->params.cpu_driver,
                                          .has_library = library != NULL,
                                          .has_cache = cache != NULL,
                                          .guest_limit_ns = self->params.guest_limit_ns};
    if ((library && strlen(library) >= sizeof engine->library_path) || (cache && strlen(cache) >= sizeof engine->cache_dir))
        return too_long("engine's library or cache", custom->name, err);
    snprintf(engine->library_path, sizeof engine->library_path, "%s", library ? library : "");
    snprintf(engine->cache_dir, sizeof engine->cache_dir, "%s", cache ? cache : "");
    return TRI_OK;
}

static tri_status fill_ask(struct trii_worker_ask *ask, const struct isolated *self, const struct trii_prepared *p,
                           struct tri_error *err) {
    const struct trii_stage *stage = p->stage;
    *ask = (struct trii_worker_ask){.head = {TRII_WORKER_PREPARE, p->slot},
                                    .input_count = (uint32_t)trii_op_inputs(stage->op),
                                    .operand_count = (uint32_t)stage->operand_count,
                                    .in_place = stage->in_place};
    snprintf(ask->stage, sizeof ask->stage, "%s", stage->name);
    for (size_t i = 0; i < stage->operand_count; i++) {
        ask->handles[i] = stage->operands[i].region.handle;
        ask->layouts[i] = stage->operands[i].layout;
    }
    tri_status status = fill_file(ask, self, stage->op->custom, err);
    return status == TRI_OK ? fill_params(ask, stage, err) : status;
}

/* The bytes that were read and hashed here, not the file as it may be by now. */
static tri_status lend_bytes(const struct trii_custom *custom, int *fd, struct tri_error *err) {
    int failed = trii_sys_scratch_file("stranger", fd);
    if (failed)
        return trii_fail_errno(err, TRI_NO_MEMORY, failed, "no memory to hand %s to its worker", custom->name);
    failed = trii_sys_write(*fd, custom->bytes, custom->size);
    if (failed) {
        trii_sys_close(*fd);
        return trii_fail_errno(err, TRI_NO_MEMORY, failed, "no memory to hand %s to its worker", custom->name);
    }
    return TRI_OK;
}

/* Under the lock: sends an ask with the file's bytes, and waits for its answer. */
static tri_status ask_with_file(struct isolated *self, const struct trii_worker_ask *ask, const struct trii_custom *custom,
                                struct trii_worker_description *told, struct tri_error *err) {
    int file;
    tri_status status = lend_bytes(custom, &file, err);
    if (status != TRI_OK)
        return status;
    int failed = trii_sys_send(self->socket, ask, sizeof *ask, file);
    trii_sys_close(file);
    if (failed && failed != EPIPE && failed != ECONNRESET)
        return trii_fail_errno(err, TRI_ENGINE_FAILED, failed, "the worker process can't be asked");
    return wait_answer(self, &ask->head, custom->name, told, err);
}

/* An ask and room for its answer: large, so on the heap. */
struct talk {
    struct trii_worker_ask ask;
    struct trii_worker_description told;
};

/* Under the lock: the worker lives and has the stage. */
static tri_status ready(struct isolated *self, struct trii_prepared *p, struct tri_error *err) {
    tri_status status = self->pid ? TRI_OK : start(self, err);
    if (status != TRI_OK || p->born == self->born)
        return status;
    struct talk *talk = trii_calloc(1, sizeof *talk);
    if (!talk)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to prepare %s in a worker", p->stage->name);
    status = fill_ask(&talk->ask, self, p, err);
    if (status == TRI_OK)
        status = ask_with_file(self, &talk->ask, p->stage->op->custom, &talk->told, err);
    trii_free(talk);
    if (status == TRI_OK)
        p->born = self->born;
    return status;
}

/* ---- the contract ---- */

static tri_status isolated_open(struct tri_engine *engine, const struct tri_engine_params *params, struct tri_error *err) {
    struct isolated *self = of(engine);
    pthread_mutex_init(&self->lock, NULL);
    self->params = *params;
    if (!trii_arena_is_shared(engine->arena))
        return trii_fail(err, TRI_INVALID_ARGUMENT, "workers need an arena that is shared: make the runtime with `isolate`");
    self->program = trii_path_worker();
    return self->program ? TRI_OK
                         : trii_fail(err, TRI_NOT_FOUND, "no program for workers was found: set TRIPOINT_WORKER to the "
                                                         "command tripoint");
}

static void isolated_close(struct tri_engine *engine) {
    struct isolated *self = of(engine);
    bury(self, TRI_CANCELLED, "was ended");
    trii_free(self->program);
    pthread_mutex_destroy(&self->lock);
}

static void isolated_info(const struct tri_engine *engine, struct tri_engine_info *out) {
    *out = (struct tri_engine_info){.technology = engine->vtable->technology,
                                    .name = engine->vtable->name,
                                    .library = "a worker process",
                                    .version = "",
                                    .library_path = ((const struct isolated *)engine)->program,
                                    .device = "",
                                    .driver = "",
                                    .shares_memory = true,
                                    .sharing = "maps the arena's pages in the worker"};
}

static bool isolated_has(const struct tri_engine *engine, const struct trii_op *op) {
    (void)engine;
    return op->custom != NULL;
}

static tri_status isolated_view(struct tri_engine *engine, const struct trii_region *region,
                                const struct tri_layout *layout, void **native, struct tri_error *err) {
    (void)engine, (void)layout, (void)native;
    return trii_fail(err, TRI_UNSUPPORTED, "a view of '%s' would be in another process", region->label);
}

static void isolated_forget(struct tri_engine *engine, uint32_t index, uint32_t generation) {
    (void)engine, (void)index, (void)generation; /* a worker lets go of regions with the stages that have them */
}

static tri_status take_slot(struct isolated *self, uint32_t *out, struct tri_error *err) {
    for (uint32_t i = 0; i < TRII_WORKER_SLOTS; i++)
        if (!self->used[i]) {
            self->used[i] = true;
            *out = i;
            return TRI_OK;
        }
    return trii_fail(err, TRI_LIMIT, "a worker process has at most %d stages", TRII_WORKER_SLOTS);
}

static tri_status isolated_prepare(struct tri_engine *engine, const struct trii_stage *stage, struct trii_prepared **out,
                                   struct tri_error *err) {
    struct isolated *self = of(engine);
    if (stage->op->custom->weights)
        return trii_fail(err, TRI_UNSUPPORTED, "%s can't be isolated: a model of two files is not handed to workers",
                         stage->op->info.name);
    struct trii_prepared *p = trii_calloc(1, sizeof *p);
    if (!p)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to prepare %s", stage->name);
    p->stage = stage;
    pthread_mutex_lock(&self->lock);
    tri_status status = take_slot(self, &p->slot, err);
    if (status == TRI_OK) {
        p->next = self->all;
        self->all = p;
        status = ready(self, p, err);
    }
    pthread_mutex_unlock(&self->lock);
    if (status != TRI_OK) {
        engine->vtable->release(engine, p);
        return status;
    }
    *out = p;
    return TRI_OK;
}

static tri_status isolated_submit(struct tri_engine *engine, struct trii_prepared *p, struct trii_fence *fence,
                                  struct tri_error *err) {
    struct isolated *self = of(engine);
    const struct trii_worker_head ask = {TRII_WORKER_RUN, p->slot};
    pthread_mutex_lock(&self->lock);
    tri_status status = ready(self, p, err);
    if (status == TRI_OK) {
        int failed = trii_sys_send(self->socket, &ask, sizeof ask, -1);
        if (failed && failed != EPIPE && failed != ECONNRESET) /* that it has ended is told by the fence */
            status = trii_fail_errno(err, TRI_ENGINE_FAILED, failed, "the worker process can't be asked");
    }
    if (status == TRI_OK) {
        p->fence = fence;
        p->asked_ns = trii_sys_now_ns();
    }
    pthread_mutex_unlock(&self->lock);
    return status;
}

/* Under the lock: ends a worker that takes too long over the fence. */
static void end_late(struct isolated *self, const struct trii_fence *fence) {
    char what[64];
    if (self->limit_ns)
        for (const struct trii_prepared *p = self->all; p; p = p->next)
            if (p->fence == fence && trii_sys_now_ns() >= late_at(self, p->asked_ns, self->limit_ns)) {
                snprintf(what, sizeof what, "was killed: it did not end within %.3g s", (double)self->limit_ns * 1e-9);
                bury(self, TRI_TIMEOUT, what);
                return;
            }
}

static tri_status isolated_wait(struct tri_engine *engine, struct trii_fence *fence, uint64_t timeout_ns) {
    struct isolated *self = of(engine);
    const uint64_t deadline = trii_sys_deadline(timeout_ns);
    struct trii_worker_description told;
    while (!trii_fence_is_done(fence)) {
        uint64_t now = trii_sys_now_ns();
        if (now >= deadline)
            return TRI_TIMEOUT;
        pthread_mutex_lock(&self->lock);
        int failed = self->pid ? receive(self, trii_min_u64(LOOK_NS, deadline - now), &told) : 0;
        if (self->pid && !failed && told.head.verb == TRII_WORKER_RUN)
            finish(self, &told.head);
        if (!goes_on(failed))
            bury(self, TRI_ENGINE_FAILED, "");
        end_late(self, fence);
        pthread_mutex_unlock(&self->lock);
    }
    return TRI_OK;
}

static void isolated_abandon(struct tri_engine *engine, struct trii_fence *fence) {
    struct isolated *self = of(engine);
    pthread_mutex_lock(&self->lock);
    if (!trii_fence_is_done(fence))
        bury(self, TRI_TIMEOUT, "was killed: it did not end in time");
    pthread_mutex_unlock(&self->lock);
}

static void isolated_release(struct tri_engine *engine, struct trii_prepared *p) {
    struct isolated *self = of(engine);
    pthread_mutex_lock(&self->lock);
    for (struct trii_prepared **at = &self->all; *at; at = &(*at)->next)
        if (*at == p) {
            *at = p->next;
            self->used[p->slot] = false;
            break;
        }
    const struct trii_worker_head ask = {TRII_WORKER_RELEASE, p->slot};
    if (self->pid && p->born == self->born)
        (void)trii_sys_send(self->socket, &ask, sizeof ask, -1); /* else the slot is emptied when it is used again */
    pthread_mutex_unlock(&self->lock);
    trii_free(p);
}

static tri_status isolated_byte(const struct trii_region *region, struct tri_error *err) {
    return trii_fail(err, TRI_UNSUPPORTED, "'%s' is not looked at through a worker process", region->label);
}

static tri_status isolated_peek(struct tri_engine *engine, const struct trii_region *region, uint64_t offset, uint8_t *out,
                                struct tri_error *err) {
    (void)engine, (void)offset, (void)out;
    return isolated_byte(region, err);
}

static tri_status isolated_poke(struct tri_engine *engine, const struct trii_region *region, uint64_t offset,
                                uint8_t value, struct tri_error *err) {
    (void)engine, (void)offset, (void)value;
    return isolated_byte(region, err);
}

/* ---- from the runtime ---- */

void trii_isolated_limit(struct tri_engine *engine, uint64_t limit_ns) {
    of(engine)->limit_ns = limit_ns;
}

/* Under the lock: `slot` is free. */
static tri_status describe(struct isolated *self, struct trii_custom *custom, uint32_t slot, struct talk *talk,
                           struct tri_error *err) {
    struct trii_worker_description *told = &talk->told;
    talk->ask.head = (struct trii_worker_head){TRII_WORKER_DESCRIBE, slot};
    tri_status status = self->pid ? TRI_OK : start(self, err);
    if (status == TRI_OK)
        status = fill_file(&talk->ask, self, custom, err);
    if (status == TRI_OK)
        status = ask_with_file(self, &talk->ask, custom, told, err);
    if (status != TRI_OK)
        return status;
    told->entry[sizeof told->entry - 1] = '\0';
    told->text[sizeof told->text - 1] = '\0';
    trii_text_clean(told->entry);
    return trii_custom_described(custom, told->entry, told->text, err);
}

tri_status trii_isolated_describe(struct tri_engine *engine, struct trii_custom *custom, struct tri_error *err) {
    struct isolated *self = of(engine);
    struct talk *talk = trii_calloc(1, sizeof *talk);
    uint32_t slot = 0;
    if (!talk)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to ask what %s offers", custom->name);
    pthread_mutex_lock(&self->lock);
    tri_status status = take_slot(self, &slot, err);
    if (status == TRI_OK) {
        status = describe(self, custom, slot, talk, err);
        self->used[slot] = false;
    }
    pthread_mutex_unlock(&self->lock);
    trii_free(talk);
    return status;
}

/* ---- one for each technology ---- */

#define ISOLATED(number, words)                                                                                        \
    [number] = {.version = TRII_ENGINE_CONTRACT_VERSION,                                                               \
                .technology = number,                                                                                  \
                .name = words,                                                                                         \
                .engine_bytes = sizeof(struct isolated),                                                               \
                .open = isolated_open,                                                                                 \
                .close = isolated_close,                                                                               \
                .info = isolated_info,                                                                                 \
                .has = isolated_has,                                                                                   \
                .view = isolated_view,                                                                                 \
                .forget = isolated_forget,                                                                             \
                .prepare = isolated_prepare,                                                                           \
                .submit = isolated_submit,                                                                             \
                .wait = isolated_wait,                                                                                 \
                .abandon = isolated_abandon,                                                                           \
                .release = isolated_release,                                                                           \
                .peek = isolated_peek,                                                                                 \
                .poke = isolated_poke}

const struct trii_engine_vtable trii_isolated_engines[TRI_TECHNOLOGY_COUNT] = {
    ISOLATED(TRI_TECHNOLOGY_HOST, "host"),
    ISOLATED(TRI_TECHNOLOGY_WASM, "wasm"),
    ISOLATED(TRI_TECHNOLOGY_WEBGPU, "webgpu"),
    ISOLATED(TRI_TECHNOLOGY_WEBNN, "webnn"),
};
