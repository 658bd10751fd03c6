/*
 * What a claim costs, beside the floor and the neighbours, in one run with a second thread alive.
 *
 *   bench/sync [--json]
 *
 * Each line is the median of many rounds; rounds of all lines are interleaved, so that a slow moment of the machine
 * meets all of them. The floor of counting is two bare atomic read-modify-writes on one word.
 */
#include "base/sys.h"
#include "sync/sync.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROUNDS 61u
#define PAIRS 20000u
#define HOST TRI_TECHNOLOGY_HOST

static _Alignas(64) _Atomic uint64_t bare;
static struct tri_sync *within, *shared;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_mutex_t *robust;

static void must(bool ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "bench/sync: %s failed\n", what);
        exit(70);
    }
}

static void two_bare(void) {
    (void)trii_add_acq_rel(&bare, 1);
    (void)trii_sub_acq_rel(&bare, 1);
}

static void sketch(void) {
    uint64_t idle = 0;
    (void)trii_cas_acquire(&bare, &idle, 2);
    trii_store_release(&bare, 0);
}

static void read_within(void) {
    tri_claim claim = 0;
    must(tri_sync_acquire_read(within, 3, HOST, NULL, &claim, NULL) == TRI_OK, "read");
    must(tri_sync_release(within, claim, NULL) == TRI_OK, "release");
}

static void write_within(void) {
    tri_claim claim = 0;
    must(tri_sync_acquire_write(within, 3, HOST, NULL, &claim, NULL) == TRI_OK, "write");
    must(tri_sync_release(within, claim, NULL) == TRI_OK, "release");
}

static void read_shared(void) {
    tri_claim claim = 0;
    must(tri_sync_acquire_read(shared, 3, HOST, NULL, &claim, NULL) == TRI_OK, "read");
    must(tri_sync_release(shared, claim, NULL) == TRI_OK, "release");
}

static void write_shared(void) {
    tri_claim claim = 0;
    must(tri_sync_acquire_write(shared, 3, HOST, NULL, &claim, NULL) == TRI_OK, "write");
    must(tri_sync_release(shared, claim, NULL) == TRI_OK, "release");
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

static struct line {
    const char *name;
    void (*pair)(void);
    double limit; /* of the floor; 0 is none */
    double ns[ROUNDS];
} lines[] = {
    {"two bare read-modify-writes", two_bare, 0, {0}},
    {"uncounted sketch: swap, store", sketch, 0, {0}},
    {"read claim, within a process", read_within, 1.35, {0}},
    {"write claim, within a process", write_within, 1.35, {0}},
    {"read claim, shared arena", read_shared, 2, {0}},
    {"write claim, shared arena", write_shared, 2, {0}},
    {"pthread_rwlock read", rwlock_read, 0, {0}},
    {"pthread_rwlock write", rwlock_write, 0, {0}},
    {"robust process-shared mutex", robust_mutex, 0, {0}},
};
#define LINES (sizeof lines / sizeof *lines)

static int by_size(const void *a, const void *b) {
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static double median(double *values, size_t count) {
    qsort(values, count, sizeof *values, by_size);
    return values[count / 2];
}

static void measure(struct line *line, size_t round) {
    uint64_t start = trii_sys_now_ns();
    for (uint32_t i = 0; i < PAIRS; i++)
        line->pair();
    line->ns[round] = (double)(trii_sys_now_ns() - start) / PAIRS;
}

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
    must(memory != MAP_FAILED, "mmap");
    must(trii_sync_open_at(memory, 16, true, true, &shared, NULL) == TRI_OK, "shared synchronizer");
    must(tri_sync_create(16, &within, NULL) == TRI_OK, "synchronizer");
    robust = mmap(NULL, sizeof *robust, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(robust != MAP_FAILED, "mmap");
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(robust, &kind);
    must(pthread_create(&beside, NULL, sleep_beside, NULL) == 0, "thread");
}

int main(int argc, char **argv) {
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    prepare();
    for (size_t round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < LINES; i++)
            measure(&lines[i], round);
    double floor_ns = median(lines[0].ns, ROUNDS);
    for (size_t i = 0; i < LINES; i++) {
        double ns = median(lines[i].ns, ROUNDS);
        if (json)
            printf("{\"name\": \"%s\", \"ns\": %.2f, \"ratio\": %.3f, \"limit\": %.2f}\n", lines[i].name, ns,
                   ns / floor_ns, lines[i].limit);
        else
            printf("%-32s %7.2f ns  x%.2f%s\n", lines[i].name, ns, ns / floor_ns,
                   lines[i].limit > 0 && ns / floor_ns > lines[i].limit ? "  OVER" : "");
    }
    return 0;
}
