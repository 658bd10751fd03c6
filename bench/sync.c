/*
 * What a claim costs, beside the floor and the neighbours.
 *
 *   bench/sync [--json] [--rounds N] [pairs|handover|asleep|readers|cancel ...]
 *
 * Each line is the median of many short rounds; the rounds of all lines are taken in turns, so that a slow moment of the
 * machine meets all of them, and a ratio is the median of the rounds' quotients.
 */
#include "base/sys.h"
#include "sync/sync.h"
#include "sync_lines.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAIRS 2000u
#define HOST TRI_TECHNOLOGY_HOST
#define APART __attribute__((noinline))

static _Alignas(64) _Atomic uint64_t bare;
static struct tri_sync *within, *shared;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_mutex_t *robust;

/* ---- one pair each ---- */

static void blind(void) {
    (void)trii_add_acq_rel(&bare, 1);
    (void)trii_sub_acq_rel(&bare, 1);
}

static void looked_at(void) {
    sync_must(trii_add_acq_rel(&bare, 1) == 0, "the first of two");
    sync_must(trii_sub_acq_rel(&bare, 1) == 1, "the second of two");
}

static APART uint64_t add_one(_Atomic uint64_t *word) {
    return trii_add_acq_rel(word, 1);
}

static APART uint64_t take_one(_Atomic uint64_t *word) {
    return trii_sub_acq_rel(word, 1);
}

static void behind_calls(void) {
    sync_must(add_one(&bare) == 0, "the first of two");
    sync_must(take_one(&bare) == 1, "the second of two");
}

static void sketch(void) {
    uint64_t idle = 0;
    (void)trii_cas_acquire(&bare, &idle, 2);
    trii_store_release(&bare, 0);
}

static void read_pair(struct tri_sync *sync) {
    tri_claim claim = 0;
    sync_must(tri_sync_acquire_read(sync, 3, HOST, NULL, &claim, NULL) == TRI_OK, "read");
    sync_must(tri_sync_release(sync, claim, NULL) == TRI_OK, "release");
}

static void write_pair(struct tri_sync *sync) {
    tri_claim claim = 0;
    sync_must(tri_sync_acquire_write(sync, 3, HOST, NULL, &claim, NULL) == TRI_OK, "write");
    sync_must(tri_sync_release(sync, claim, NULL) == TRI_OK, "release");
}

static void read_within(void) {
    read_pair(within);
}

static void write_within(void) {
    write_pair(within);
}

static void read_shared(void) {
    read_pair(shared);
}

static void write_shared(void) {
    write_pair(shared);
}

static void rwlock_read(void) {
    pthread_rwlock_rdlock(&rwlock);
    pthread_rwlock_unlock(&rwlock);
}

static void rwlock_write(void) {
    pthread_rwlock_wrlock(&rwlock);
    pthread_rwlock_unlock(&rwlock);
}

static void robust_mutex(void) {
    pthread_mutex_lock(robust);
    pthread_mutex_unlock(robust);
}

static void (*const pairs[])(void) = {blind,        looked_at,   behind_calls, sketch,       read_within, write_within,
                                      read_shared,  write_shared, rwlock_read, rwlock_write, robust_mutex};

static void measure_pair(struct sync_line *line) {
    void (*pair)(void) = pairs[line->argument];
    uint64_t start = trii_sys_now_ns();
    for (uint32_t i = 0; i < PAIRS; i++)
        pair();
    sync_lines_add(line, (double)(trii_sys_now_ns() - start) / PAIRS);
}

#define LINE(text, of, limit, which) {.name = text, .run = measure_pair, .baseline = of, .bound = limit, .argument = which}

static void *sleep_beside(void *user) {
    (void)user;
    pause();
    return NULL;
}

static void prepare(void) {
    pthread_t beside;
    pthread_mutexattr_t kind;
    uint64_t bytes = trii_sync_bytes(16);
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    sync_must(memory != MAP_FAILED, "mmap");
    sync_must(trii_sync_open_at(memory, 16, true, true, &shared, NULL) == TRI_OK, "shared synchronizer");
    sync_must(tri_sync_create(16, &within, NULL) == TRI_OK, "synchronizer");
    robust = mmap(NULL, sizeof *robust, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    sync_must(robust != MAP_FAILED, "mmap");
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(robust, &kind);
    sync_must(pthread_create(&beside, NULL, sleep_beside, NULL) == 0, "thread");
}

void sync_bench_pairs(size_t rounds) {
    static struct sync_line lines[] = {
        LINE("two read-modify-writes, blind", -1, 0, 0),
        LINE("two read-modify-writes, looked at", -1, 0, 1),
        LINE("the same, behind two calls", 1, 0, 2),
        LINE("uncounted sketch: swap, store", 1, 0, 3),
        LINE("read claim, within a process", 1, 1.35, 4),
        LINE("write claim, within a process", 1, 1.35, 5),
        LINE("read claim, shared arena", 1, 2, 6),
        LINE("write claim, shared arena", 1, 2, 7),
        LINE("pthread_rwlock read", 1, 0, 8),
        LINE("pthread_rwlock write", 1, 0, 9),
        LINE("robust process-shared mutex", 1, 0, 10),
    };
    prepare();
    sync_lines_measure("an uncontended pair, a second thread alive", lines, sizeof lines / sizeof *lines, rounds);
}

static const struct group {
    const char *name;
    void (*run)(size_t rounds);
    size_t rounds;
} groups[] = {
    {"pairs", sync_bench_pairs, 301},
    {"handover", sync_bench_handover, 101},
    {"asleep", sync_bench_asleep, 31},
    {"readers", sync_bench_readers, 31},
    {"cancel", sync_bench_cancel, 51},
};
#define GROUPS (sizeof groups / sizeof *groups)

static bool is_named(int argc, char **argv, const char *name) {
    bool any = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], name) == 0)
            return true;
        any = any || (argv[i][0] >= 'a' && argv[i][0] <= 'z');
    }
    return !any;
}

int main(int argc, char **argv) {
    size_t rounds = 0;
    bool json = false;
    for (int i = 1; i < argc; i++) {
        json = json || strcmp(argv[i], "--json") == 0;
        if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
            rounds = strtoul(argv[i + 1], NULL, 10);
    }
    sync_must(rounds <= SYNC_ROUNDS_MAX, "--rounds: at most 401");
    sync_lines_begin(json);
    for (size_t i = 0; i < GROUPS; i++)
        if (is_named(argc, argv, groups[i].name))
            groups[i].run(rounds ? rounds : groups[i].rounds);
    sync_lines_end();
    return 0;
}
