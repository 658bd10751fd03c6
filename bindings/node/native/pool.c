/*
 * Threads for what waits. A job may wait for a claim that only JavaScript can give back, so jobs never queue behind
 * jobs that wait while a thread more may be had: one is started whenever none is idle, up to THREADS_MAX; up to
 * IDLE_MAX idle ones stay. (libuv's own four threads would be blocked by four waiters, and files with them.)
 *
 * A finished job is put on `done`, and the environment is woken once for all that are there.
 *
 * Waking two sleepers takes longer than many a job: 60 to 80 us on an idle machine. So a thread that has finished a
 * job looks for the next one for LINGER_NS before it sleeps, one thread of the pool at most; and where one lingers, who
 * begins a job after a short one looks for its end for WATCH_NS, in which the event loop does nothing else. Calls that
 * follow each other closely then meet no sleeper; others cost what they did, and an idle pool sleeps. A promise settled so
 * needs no turn of the event loop: TURN_NS after the first one calls go the long way round, until the loop has turned. On
 * one processor the two would keep each other from running: there nobody looks for anything.
 */
#include "addon.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { THREADS_MAX = 160, IDLE_MAX = 4, LINGER_NS = 100000, WATCH_NS = 20000, TURN_NS = 200000 };

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work_or_stop, thread_ended;
    struct job *todo, **todo_end;
    struct job *done, **done_end;
    uint32_t threads, idle, running, running_most;
    atomic_uint waiting;       /* jobs that no thread has taken; changed under the lock, looked at without */
    atomic_bool lingers;       /* a thread looks for work; changed under the lock, looked at without */
    const struct job *watched; /* the environment's thread looks for its end and need not be woken */
    atomic_bool watched_ended; /* told without the lock */
    bool last_was_short;       /* the job that ended last took less than WATCH_NS */
    int called_from, lingers_on; /* processors: of the last call, of the thread that lingers */
    int64_t turn;                /* the environment's thread: its first look since the loop turned; 0: none yet */
    bool stop;
    napi_threadsafe_function wake;
};

static void append(struct job ***end, struct job *job) {
    job->queued = NULL;
    **end = job;
    *end = &job->queued;
}

static struct job *first(struct job **head, struct job ***end) {
    struct job *job = *head;
    *head = job->queued;
    if (!*head)
        *end = head;
    return job;
}

static void finish(struct pool *pool, struct job *job) {
    const bool was_empty = !pool->done;
    append(&pool->done_end, job);
    if (job == pool->watched)
        atomic_store_explicit(&pool->watched_ended, true, memory_order_release);
    else if (was_empty)
        (void)napi_call_threadsafe_function(pool->wake, NULL, napi_tsfn_nonblocking);
}

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Under the lock, which it gives up meanwhile. The thread counts as idle: a job that comes needs no other. */
static void linger(struct pool *pool) {
    pool->idle++;
    pool->lingers_on = sched_getcpu();
    atomic_store_explicit(&pool->lingers, true, memory_order_relaxed);
    pthread_mutex_unlock(&pool->lock);
    const int64_t end = now() + LINGER_NS;
    while (atomic_load_explicit(&pool->waiting, memory_order_relaxed) == 0 && now() < end)
        __builtin_ia32_pause();
    pthread_mutex_lock(&pool->lock);
    atomic_store_explicit(&pool->lingers, false, memory_order_relaxed);
    pool->idle--;
}

static void *serve(void *argument) {
    struct pool *pool = argument;
    bool worked = false;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        if (worked && !pool->todo && !pool->stop && pool->idle < IDLE_MAX && !pool->lingers &&
            sched_getcpu() != pool->called_from)
            linger(pool);
        while (!pool->todo && !pool->stop && pool->idle < IDLE_MAX) {
            pool->idle++;
            pthread_cond_wait(&pool->work_or_stop, &pool->lock);
            pool->idle--;
        }
        if (!pool->todo)
            break;
        struct job *job = first(&pool->todo, &pool->todo_end);
        pool->waiting--;
        if (++pool->running > pool->running_most)
            pool->running_most = pool->running;
        pthread_mutex_unlock(&pool->lock);
        const int64_t begun = now();
        job->work(job);
        const bool was_short = now() - begun < WATCH_NS;
        pthread_mutex_lock(&pool->lock);
        pool->last_was_short = was_short;
        pool->running--;
        finish(pool, job);
        worked = true;
    }
    pool->threads--;
    pthread_cond_broadcast(&pool->thread_ended);
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static bool start_thread(struct pool *pool) {
    pthread_t thread;
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    const bool started = pthread_create(&thread, &detached, serve, pool) == 0;
    pthread_attr_destroy(&detached);
    if (started)
        pool->threads++;
    return started;
}

static void unlink_job(struct job *job) {
    struct addon *addon = job->addon;
    if (job->prev)
        job->prev->next = job->next;
    else
        addon->jobs = job->next;
    if (job->next)
        job->next->prev = job->prev;
}

/* Gives back what the job holds. */
void job_drop(struct job *job) {
    if (job->kept)
        napi_delete_reference(job->addon->env, job->kept);
    if (job->region)
        region_drop(job->region);
    if (job->plan) {
        job->plan->running = false;
        plan_drop(job->plan);
    }
    if (job->pipeline) {
        job->pipeline->running = false;
        pipeline_drop(job->pipeline);
    }
    if (job->ask)
        pipeline_ask_free(job->ask);
    if (job->cancel)
        cancel_drop(job->cancel);
    if (job->stages)
        stages_free(job->stages);
    if (job->runtime)
        runtime_unuse(job->runtime);
    free(job);
}

static void settle(napi_env env, struct job *job) {
    napi_value value = undefined_value(env);
    if (job->status == TRI_OK && job->result)
        value = job->result(env, job);
    if (job->status != TRI_OK || !value) {
        bool pending = false;
        napi_value thrown = NULL;
        if (napi_is_exception_pending(env, &pending) == napi_ok && pending)
            napi_get_and_clear_last_exception(env, &thrown);
        napi_reject_deferred(env, job->deferred, thrown ? thrown : make_error(job->addon, &job->err));
        return;
    }
    napi_resolve_deferred(env, job->deferred, value);
}

static void deliver(napi_env env, struct addon *addon) {
    struct pool *pool = addon->pool;
    pthread_mutex_lock(&pool->lock);
    struct job *job = pool->done;
    pool->done = NULL;
    pool->done_end = &pool->done;
    addon->running_most = pool->running_most;
    pthread_mutex_unlock(&pool->lock);
    while (job) {
        struct job *next = job->queued;
        napi_handle_scope scope;
        const bool scoped = env && napi_open_handle_scope(env, &scope) == napi_ok;
        unlink_job(job);
        if (scoped && job->deferred && !addon->ending)
            settle(env, job);
        job_drop(job);
        if (scoped)
            napi_close_handle_scope(env, scope);
        job = next;
    }
    if (env && !addon->jobs && !addon->ending)
        (void)napi_unref_threadsafe_function(env, pool->wake);
}

static void woken(napi_env env, napi_value function, void *context, void *data) {
    struct addon *addon = context;
    (void)function;
    (void)data;
    if (!env || addon->ending)
        return;
    addon->pool->turn = 0;
    deliver(env, addon);
}

bool pool_create(struct addon *addon) {
    struct pool *pool = calloc(1, sizeof *pool);
    napi_value name = NULL;
    if (!pool)
        return false;
    pool->todo_end = &pool->todo;
    pool->done_end = &pool->done;
    if (napi_create_string_utf8(addon->env, "tripoint", NAPI_AUTO_LENGTH, &name) != napi_ok ||
        napi_create_threadsafe_function(addon->env, NULL, NULL, name, 0, 1, NULL, NULL, addon, woken, &pool->wake) !=
            napi_ok ||
        napi_unref_threadsafe_function(addon->env, pool->wake) != napi_ok) {
        free(pool);
        return false;
    }
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work_or_stop, NULL);
    pthread_cond_init(&pool->thread_ended, NULL);
    addon->pool = pool;
    return true;
}

void pool_join(struct addon *addon) {
    struct pool *pool = addon->pool;
    for (struct job *job = addon->jobs; job; job = job->next)
        if (job->cancel)
            tri_cancel_set(job->cancel->it);
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->work_or_stop);
    while (pool->threads > 0)
        pthread_cond_wait(&pool->thread_ended, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    deliver(addon->env, addon);
}

void pool_destroy(struct addon *addon) {
    struct pool *pool = addon->pool;
    (void)napi_release_threadsafe_function(pool->wake, napi_tsfn_abort);
    pthread_cond_destroy(&pool->thread_ended);
    pthread_cond_destroy(&pool->work_or_stop);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
    addon->pool = NULL;
}

struct job *job_create(struct addon *addon, struct runtime *runtime, void (*work)(struct job *job)) {
    struct job *job = calloc(1, sizeof *job);
    if (!job) {
        throw_text(addon, TRI_NO_MEMORY, "no memory for a job");
        return NULL;
    }
    job->addon = addon;
    job->work = work;
    job->runtime = runtime;
    if (runtime)
        runtime_use(runtime);
    return job;
}

/* Under the lock. */
static bool may_watch(struct pool *pool, const struct job *job) {
    if (!pool->lingers || pool->lingers_on == pool->called_from || pool->waiting != 1 || !pool->last_was_short ||
        !job->deferred)
        return false;
    const int64_t begun = now();
    if (pool->turn == 0)
        pool->turn = begun;
    return begun - pool->turn < TURN_NS;
}

static bool begin(struct job *job, bool *watched) {
    struct addon *addon = job->addon;
    struct pool *pool = addon->pool;
    pthread_mutex_lock(&pool->lock);
    /* A thread that was woken counts as idle until it runs: compare with all that wait. */
    if (pool->idle <= pool->waiting && pool->threads < THREADS_MAX && !start_thread(pool) && pool->threads == 0) {
        pthread_mutex_unlock(&pool->lock);
        return false;
    }
    if (!addon->jobs)
        (void)napi_ref_threadsafe_function(addon->env, pool->wake);
    job->next = addon->jobs;
    if (job->next)
        job->next->prev = job;
    addon->jobs = job;
    append(&pool->todo_end, job);
    pool->waiting++;
    /* The one that lingers sees the only job there is without being woken. */
    if (!pool->lingers || pool->waiting > 1)
        pthread_cond_signal(&pool->work_or_stop);
    pool->called_from = sched_getcpu();
    *watched = may_watch(pool, job);
    if (*watched)
        pool->watched = job;
    pthread_mutex_unlock(&pool->lock);
    return true;
}

bool job_begin_alone(struct job *job) {
    bool watched;
    return begin(job, &watched);
}

/* Looks for the job's end for a moment, and settles what has ended. Where every thread sleeps that would be in vain. */
static void watch(struct job *job) {
    struct addon *addon = job->addon;
    struct pool *pool = addon->pool;
    const int64_t end = now() + WATCH_NS;
    while (!atomic_load_explicit(&pool->watched_ended, memory_order_acquire) && now() < end)
        __builtin_ia32_pause();
    pthread_mutex_lock(&pool->lock);
    pool->watched = NULL;
    const bool ended = pool->watched_ended;
    pool->watched_ended = false;
    pthread_mutex_unlock(&pool->lock);
    if (ended)
        deliver(addon->env, addon);
}

napi_value job_begin(struct job *job) {
    struct addon *addon = job->addon;
    napi_value promise = NULL;
    if (addon->ending || napi_create_promise(addon->env, &job->deferred, &promise) != napi_ok) {
        job_drop(job);
        return throw_text(addon, TRI_CANCELLED, "the environment is ending");
    }
    bool watched = false;
    if (!begin(job, &watched)) {
        struct tri_error err = {.status = TRI_NO_MEMORY, .message = "no thread could be started"};
        napi_reject_deferred(addon->env, job->deferred, make_error(addon, &err));
        job_drop(job);
    } else if (watched) {
        watch(job);
    }
    return promise;
}
