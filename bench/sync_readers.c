/* How reading one region scales with threads, and how soon a cancelled wait ends. */
#include "base/sys.h"
#include "sync/sync.h"
#include "sync_lines.h"

#include <pthread.h>
#include <stdio.h>

#define THREADS_MAX 8u
#define ROUND_NS 3000000u
#define BATCH 200u
#define HOST TRI_TECHNOLOGY_HOST

static struct tri_sync *sync_;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static _Atomic uint32_t running;
static _Atomic uint64_t pairs;

static void claims(void) {
    tri_claim claim;
    sync_must(tri_sync_acquire_read(sync_, 1, HOST, NULL, &claim, NULL) == TRI_OK, "read");
    sync_must(tri_sync_release(sync_, claim, NULL) == TRI_OK, "release");
}

static void rwlocks(void) {
    pthread_rwlock_rdlock(&rwlock);
    pthread_rwlock_unlock(&rwlock);
}

static void *read_on(void *user) {
    void (*pair)(void) = user ? claims : rwlocks;
    uint64_t done = 0;
    while (!trii_load_acquire(&running))
        trii_cpu_relax();
    uint64_t until = trii_sys_now_ns() + ROUND_NS;
    do {
        for (uint32_t i = 0; i < BATCH; i++)
            pair();
        done += BATCH;
    } while (trii_sys_now_ns() < until);
    trii_add_relaxed(&pairs, done);
    return NULL;
}

/* Nanoseconds a pair, of all threads together. */
static void measure(struct sync_line *line) {
    pthread_t threads[THREADS_MAX];
    uint32_t count = (uint32_t)line->argument & 0xffu;
    trii_store_seq_cst(&running, 0);
    trii_store_seq_cst(&pairs, 0);
    for (uint32_t i = 0; i < count; i++)
        sync_must(pthread_create(&threads[i], NULL, read_on, line->argument & 0x100 ? &sync_ : NULL) == 0, "thread");
    uint64_t began = trii_sys_now_ns();
    trii_store_release(&running, 1);
    for (uint32_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    sync_lines_add(line, (double)(trii_sys_now_ns() - began) / (double)trii_load_acquire(&pairs));
}

void sync_bench_readers(size_t rounds) {
    static struct sync_line lines[8];
    static char names[8][48];
    size_t count = 0;
    sync_must(tri_sync_create(4, &sync_, NULL) == TRI_OK, "synchronizer");
    for (uint32_t threads = 1; threads <= THREADS_MAX && count < 8; threads *= 2)
        for (int ours = 0; ours < 2; ours++, count++) {
            snprintf(names[count], sizeof names[count], "%s, %u thread%s", ours ? "read claims" : "pthread_rwlock",
                     threads, threads > 1 ? "s" : "");
            lines[count] = (struct sync_line){.name = names[count],
                                              .run = measure,
                                              .baseline = ours ? (int)count - 1 : -1,
                                              .argument = (int)threads | (ours ? 0x100 : 0)};
        }
    sync_lines_measure("reading one region, a pair of all threads", lines, count, rounds);
    tri_sync_destroy(&sync_);
}

/* ---- cancellation ---- */

static _Atomic uint64_t ended_ns;
static struct tri_cancel *cancel;

static void *wait_for_it(void *user) {
    const struct tri_wait wait = {.timeout_ns = TRI_FOREVER, .cancel = cancel};
    tri_claim claim;
    (void)user;
    sync_must(tri_sync_acquire_write(sync_, 0, HOST, &wait, &claim, NULL) == TRI_CANCELLED, "a cancelled wait");
    trii_store_release(&ended_ns, trii_sys_now_ns());
    return NULL;
}

static void measure_cancel(struct sync_line *line) {
    pthread_t waiter;
    struct tri_sync_info info;
    sync_must(tri_cancel_create(&cancel, NULL) == TRI_OK, "cancellation");
    sync_must(pthread_create(&waiter, NULL, wait_for_it, NULL) == 0, "thread");
    do
        sync_must(tri_sync_inspect(sync_, 0, &info, NULL) == TRI_OK, "inspect");
    while (info.waiting_writers == 0);
    for (uint64_t end = trii_sys_now_ns() + 2000000; trii_sys_now_ns() < end;)
        trii_cpu_relax(); /* it is asleep by then */
    uint64_t began = trii_sys_now_ns();
    tri_cancel_set(cancel);
    pthread_join(waiter, NULL);
    sync_lines_add(line, (double)(trii_load_acquire(&ended_ns) - began));
    tri_cancel_destroy(&cancel);
}

void sync_bench_cancel(size_t rounds) {
    static struct sync_line line = {.name = "set until the wait has ended", .run = measure_cancel, .baseline = -1};
    tri_claim claim;
    sync_must(tri_sync_create(4, &sync_, NULL) == TRI_OK, "synchronizer");
    sync_must(tri_sync_acquire_read(sync_, 0, HOST, NULL, &claim, NULL) == TRI_OK, "read");
    sync_lines_measure("cancellation of a sleeping waiter", &line, 1, rounds);
    sync_must(tri_sync_release(sync_, claim, NULL) == TRI_OK, "release");
    tri_sync_destroy(&sync_);
}
