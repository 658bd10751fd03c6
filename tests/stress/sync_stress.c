/*
 * Threads and processes that read, write, time out, downgrade, take several regions and die, all at random.
 *
 *   sync_stress OPERATIONS PROCESSES THREADS KILLS SEED
 *
 * Each region has a page of numbers that are all equal whenever no writer is inside: writers count them up one by one,
 * readers compare them. A killed writer leaves them unequal, and the region poisoned: whoever finds that writes the page
 * anew. At the end nothing is held, nobody waits, and no flag is left over. With 1 process and no kills the synchronizer
 * is private to the process, which is what ThreadSanitizer can follow. Built as sync_stress_records it notes every change
 * of a word or slot (record.h) and prints which there were.
 */
#include "base/sys.h"
#include "recorded.h"
#include "sync/sync.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define REGIONS 5u
#define NUMBERS 24u

struct common {
    uint64_t numbers[REGIONS][64];
    _Atomic uint64_t done; /* operations, over all */
    _Atomic uint64_t torn;
    _Atomic uint64_t poisoned;
    _Atomic uint64_t outcomes[4]; /* got, busy or timed out, poisoned, else */
    struct recorded recorded;
};

struct worker {
    uint64_t random;
    pthread_t thread;
};

static struct common *common;
static struct tri_sync *syncs;
static void *memory;
static uint64_t operations;

static void die(const char *what, tri_status status) {
    fprintf(stderr, "sync_stress: %s: %s\n", what, tri_status_name(status));
    abort();
}

static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void write_numbers(uint32_t region) {
    uint64_t next = common->numbers[region][0] + 1;
    for (size_t i = 0; i < NUMBERS; i++)
        common->numbers[region][i] = next;
}

static void compare_numbers(uint32_t region) {
    for (size_t i = 1; i < NUMBERS; i++)
        if (common->numbers[region][i] != common->numbers[region][0])
            trii_add_relaxed(&common->torn, 1);
}

static void release(tri_claim claim) {
    tri_status status = tri_sync_release(syncs, claim, NULL);
    if (status != TRI_OK)
        die("a claim that is held can't be released", status);
    if (tri_sync_release(syncs, claim, NULL) != TRI_BAD_CLAIM)
        die("a claim was released twice", TRI_OK);
}

static void heal(uint32_t region) {
    tri_claim claim;
    const struct tri_wait wait = {.timeout_ns = 20000000};
    trii_add_relaxed(&common->poisoned, 1);
    if (tri_sync_acquire_poisoned(syncs, region, TRI_TECHNOLOGY_HOST, &wait, &claim, NULL) != TRI_OK)
        return;
    write_numbers(region);
    release(claim);
}

static void count(tri_status status, uint32_t region) {
    size_t kind = status == TRI_OK ? 0 : status == TRI_BUSY || status == TRI_TIMEOUT ? 1 : status == TRI_POISONED ? 2 : 3;
    trii_add_relaxed(&common->outcomes[kind], 1);
    if (kind == 3)
        die("an acquire answers", status);
    if (kind == 2)
        heal(region);
}

static void take_two(struct worker *worker, const struct tri_wait *wait) {
    uint32_t first = (uint32_t)(next_random(&worker->random) % REGIONS);
    uint32_t second = (first + 1 + (uint32_t)(next_random(&worker->random) % (REGIONS - 1))) % REGIONS;
    struct tri_claim_request wishes[2] = {{first, TRI_TECHNOLOGY_WEBGPU, TRI_ACCESS_READ_WRITE},
                                          {second, TRI_TECHNOLOGY_WASM, TRI_ACCESS_READ}};
    tri_claim claims[2];
    tri_status status = tri_sync_acquire_many(syncs, wishes, 2, wait, claims, NULL);
    if (status == TRI_POISONED) {
        count(status, first);
        count(status, second);
        return;
    }
    count(status, first);
    if (status != TRI_OK)
        return;
    compare_numbers(second);
    write_numbers(first);
    release(claims[1]);
    release(claims[0]);
}

static void operate(struct worker *worker) {
    static const uint64_t waits[4] = {0, 30000, 3000000, TRI_FOREVER};
    uint64_t choice = next_random(&worker->random);
    const struct tri_wait wait = {.timeout_ns = waits[choice >> 8 & 3]};
    uint32_t region = (uint32_t)(choice >> 16) % REGIONS;
    enum tri_technology technology = (enum tri_technology)(choice >> 12 & 3);
    tri_claim claim;
    tri_status status;
    switch (choice & 15) {
    case 0:
        take_two(worker, &wait);
        return;
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
        status = tri_sync_acquire_write(syncs, region, technology, &wait, &claim, NULL);
        count(status, region);
        if (status != TRI_OK)
            return;
        write_numbers(region);
        if ((choice & 15) == 1) {
            if (tri_sync_downgrade(syncs, claim, NULL) != TRI_OK)
                die("downgrade", TRI_BAD_CLAIM);
            compare_numbers(region);
        }
        release(claim);
        return;
    default:
        status = tri_sync_acquire_read(syncs, region, technology, &wait, &claim, NULL);
        count(status, region);
        if (status != TRI_OK)
            return;
        compare_numbers(region);
        release(claim);
    }
}

static void *work(void *user) {
    struct worker *worker = user;
    while (trii_load_relaxed(&common->done) < operations) {
        for (int i = 0; i < 32; i++)
            operate(worker);
        trii_add_relaxed(&common->done, 32);
    }
    return NULL;
}

static void run_threads(uint32_t threads, uint64_t seed) {
    struct worker workers[64];
    for (uint32_t i = 0; i < threads; i++) {
        workers[i].random = (seed + i + 1) * 0x9e3779b97f4a7c15u;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            die("pthread_create", TRI_NO_MEMORY);
    }
    for (uint32_t i = 0; i < threads; i++)
        pthread_join(workers[i].thread, NULL);
}

static pid_t start(uint32_t threads, uint64_t seed) {
    pid_t pid = fork();
    if (pid < 0)
        die("fork", TRI_NO_MEMORY);
    if (pid > 0)
        return pid;
    run_threads(threads, seed);
    tri_sync_destroy(&syncs);
    _exit(0);
}

static void run_processes(uint32_t processes, uint32_t threads, uint64_t kills, uint64_t seed) {
    pid_t pids[32];
    uint64_t random = seed * 0x9e3779b97f4a7c15u + 1;
    for (uint32_t i = 0; i < processes; i++)
        pids[i] = start(threads, seed + i * 100);
    while (kills > 0 && trii_load_relaxed(&common->done) < operations) {
        usleep((unsigned)(next_random(&random) % 4000));
        uint32_t victim = (uint32_t)(next_random(&random) % processes);
        kill(pids[victim], SIGKILL);
        waitpid(pids[victim], NULL, 0);
        pids[victim] = start(threads, seed + --kills * 1000);
    }
    for (uint32_t i = 0; i < processes; i++) {
        int status = 0;
        waitpid(pids[i], &status, 0);
        if (status != 0)
            die("a process failed", TRI_INTERNAL);
    }
}

static void check_the_end(void) {
    for (uint32_t region = 0; region < REGIONS; region++) {
        struct tri_sync_info info;
        tri_claim claim;
        const struct tri_wait wait = {.timeout_ns = 2000000000};
        tri_status status = tri_sync_acquire_poisoned(syncs, region, TRI_TECHNOLOGY_HOST, &wait, &claim, NULL);
        if (status != TRI_OK)
            die("a region at the end", status);
        release(claim);
        if (tri_sync_inspect(syncs, region, &info, NULL) != TRI_OK || info.state != TRI_SYNC_IDLE ||
            info.waiting_readers || info.waiting_writers || info.poisoned)
            die("something was left over", TRI_INTERNAL);
    }
    if (trii_load_relaxed(&common->torn) != 0)
        die("a reader saw a writer's half", TRI_INTERNAL);
}

int main(int argc, char **argv) {
    operations = argc > 1 ? strtoull(argv[1], NULL, 10) : 300000;
    uint32_t processes = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1;
    uint32_t threads = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 4;
    uint64_t kills = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;
    uint64_t seed = argc > 5 ? strtoull(argv[5], NULL, 10) : 1;
    bool several = processes > 1 || kills > 0;
    common = mmap(NULL, sizeof *common, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memory = mmap(NULL, trii_sync_bytes(REGIONS), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (common == MAP_FAILED || memory == MAP_FAILED || threads == 0 || threads > 64 || processes > 32)
        die("set-up", TRI_INVALID_ARGUMENT);
    struct tri_error err;
    tri_status status = several ? trii_sync_open_at(memory, REGIONS, true, true, &syncs, &err)
                                : tri_sync_create(REGIONS, &syncs, &err);
    if (status != TRI_OK)
        die(err.message, status);
#ifdef STRESS_RECORDS
    record_begin(&common->recorded, syncs, REGIONS);
#endif
    if (several)
        run_processes(processes, threads, kills, seed);
    else
        run_threads(threads, seed);
    check_the_end();
    tri_sync_destroy(&syncs);
    printf("%llu operations: %llu claims, %llu busy or late, %llu times poisoned\n",
           (unsigned long long)trii_load_relaxed(&common->done), (unsigned long long)trii_load_relaxed(&common->outcomes[0]),
           (unsigned long long)trii_load_relaxed(&common->outcomes[1]),
           (unsigned long long)trii_load_relaxed(&common->poisoned));
#ifdef STRESS_RECORDS
    record_print(&common->recorded);
#endif
    return 0;
}
