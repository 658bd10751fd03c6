/*
 * What it costs to hand a region over, between two threads and between two processes.
 *
 * Three regions go round between two sides: a side holds one, waits for the next, which the other holds, and releases
 * its own only then. So each step is one hand-over, both ends of it are claims for writing, and nobody can get ahead.
 * The bare hand-over is one word that says whose turn it is: the other side spins on it, or sleeps on it.
 *
 * Asleep: a side works for a while before it hands on, so that the other has long gone to sleep; the while is taken off.
 */
#include "arena/arena.h"
#include "base/sys.h"
#include "sync/sync.h"
#include "sync_lines.h"

#include <tripoint/arena.h>

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define RING 3u
#define AWAKE_STEPS 4000u
#define ASLEEP_STEPS 60u
#define WORK_NS 60000u
#define HOST TRI_TECHNOLOGY_HOST

/* What both sides see. */
struct table {
    _Alignas(64) _Atomic uint32_t turn;
    _Alignas(64) _Atomic uint32_t ready;
    _Alignas(64) _Atomic uint64_t took_ns;
    _Alignas(64) _Atomic uint64_t lines[RING][8];
};

struct play {
    void (*side)(const struct play *play, uint32_t which);
    struct tri_sync *sync;
    uint32_t regions[RING];
    uint64_t *payload[RING]; /* NULL: nothing but the word moves */
    uint32_t steps;
    uint64_t work_ns;
};

static struct table *table;
static struct tri_sync *within, *shared;
static struct tri_arena *arena;

static void work(uint64_t ns) {
    if (!ns)
        return;
    uint64_t end = trii_sys_now_ns() + ns;
    while (trii_sys_now_ns() < end)
        ;
}

/* To the first or second processor that this program may use. */
static void stay_on(uint32_t which) {
    static cpu_set_t all;
    cpu_set_t one;
    uint32_t seen = 0;
    CPU_ZERO(&one);
    if (CPU_COUNT(&all) == 0 && sched_getaffinity(0, sizeof all, &all) != 0)
        return;
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &all) && seen++ == which) {
            CPU_SET(cpu, &one);
            (void)sched_setaffinity(0, sizeof one, &one);
            return;
        }
}

static uint64_t begin_together(void) {
    trii_add_acq_rel(&table->ready, 1);
    while (trii_load_acquire(&table->ready) < 2)
        trii_cpu_relax();
    return trii_sys_now_ns();
}

static void end(uint32_t which, uint64_t began) {
    if (which == 0)
        trii_store_release(&table->took_ns, trii_sys_now_ns() - began);
}

/* ---- the sides ---- */

static void bare_spin(const struct play *play, uint32_t which) {
    uint64_t began = begin_together();
    for (uint32_t i = 0; i < play->steps; i++) {
        while (trii_load_acquire(&table->turn) != which)
            ;
        trii_store_release(&table->turn, 1 - which);
    }
    end(which, began);
}

static void bare_spin_line(const struct play *play, uint32_t which) {
    uint64_t began = begin_together();
    for (uint32_t i = 0; i < play->steps; i++) {
        while (trii_load_acquire(&table->turn) != which)
            ;
        trii_store_relaxed(&table->lines[0][0], trii_load_relaxed(&table->lines[0][0]) + 1);
        trii_store_release(&table->turn, 1 - which);
    }
    end(which, began);
}

static void bare_futex(const struct play *play, uint32_t which) {
    uint64_t began = begin_together();
    for (uint32_t i = 0; i < play->steps; i++) {
        while (trii_load_acquire(&table->turn) != which)
            (void)trii_sys_futex_wait(&table->turn, 1 - which, TRI_FOREVER, true);
        work(play->work_ns);
        trii_store_release(&table->turn, 1 - which);
        trii_sys_futex_wake(&table->turn, 1, true);
    }
    end(which, began);
}

static void claims(const struct play *play, uint32_t which) {
    tri_claim held, next;
    uint32_t at = which;
    uint64_t moved = 0;
    sync_must(tri_sync_acquire_write(play->sync, play->regions[at], HOST, NULL, &held, NULL) == TRI_OK, "first claim");
    uint64_t began = begin_together();
    for (uint32_t i = 0; i < play->steps; i++) {
        uint32_t to = (at + 1) % RING;
        sync_must(tri_sync_acquire_write(play->sync, play->regions[to], HOST, NULL, &next, NULL) == TRI_OK, "claim");
        if (play->payload[to]) {
            moved += *(volatile uint64_t *)play->payload[to];
            *(volatile uint64_t *)play->payload[at] = moved;
        }
        work(play->work_ns);
        sync_must(tri_sync_release(play->sync, held, NULL) == TRI_OK, "release");
        held = next;
        at = to;
    }
    sync_must(tri_sync_release(play->sync, held, NULL) == TRI_OK, "last release");
    end(which, began);
}

/* ---- two threads, two processes ---- */

static void *thread(void *user) {
    const struct play *play = user;
    play->side(play, 1);
    return NULL;
}

static void reset(void) {
    trii_store_seq_cst(&table->ready, 0);
    trii_store_seq_cst(&table->turn, 0);
}

static double of_a_step(const struct play *play) {
    return (double)trii_load_acquire(&table->took_ns) / (2.0 * play->steps) - (double)play->work_ns;
}

static double two_threads(struct play *play) {
    pthread_t other;
    reset();
    stay_on(1); /* where the other is born, so that it need not get away from under a spinning first */
    sync_must(pthread_create(&other, NULL, thread, play) == 0, "thread");
    stay_on(0);
    play->side(play, 0);
    pthread_join(other, NULL);
    return of_a_step(play);
}

static double two_processes(struct play *play) {
    int status = 1;
    reset();
    stay_on(1);
    pid_t child = fork();
    sync_must(child >= 0, "fork");
    if (child == 0) {
        play->side(play, 1);
        tri_sync_destroy(&shared);
        _exit(0);
    }
    stay_on(0);
    play->side(play, 0);
    sync_must(waitpid(child, &status, 0) == child && status == 0, "the other process");
    return of_a_step(play);
}

/* ---- lines ---- */

enum subject { SPIN, SPIN_LINE, WORD, LINE_4K, LINE_8M, FUTEX, SLEEP };

static tri_handle ring[2][RING]; /* regions of 4 KiB and of 8 MiB */

static struct play make(enum subject subject, bool processes) {
    struct play play = {.sync = processes ? shared : within, .regions = {0, 1, 2}, .steps = AWAKE_STEPS};
    switch (subject) {
    case SPIN:
        play.side = bare_spin;
        break;
    case SPIN_LINE:
        play.side = bare_spin_line;
        break;
    case FUTEX:
        play.side = bare_futex;
        break;
    default:
        play.side = claims;
    }
    if (subject == FUTEX || subject == SLEEP) {
        play.steps = ASLEEP_STEPS;
        play.work_ns = WORK_NS;
    }
    for (uint32_t i = 0; (subject == LINE_4K || subject == LINE_8M) && i < RING; i++) {
        struct trii_region region;
        sync_must(trii_arena_resolve(arena, ring[subject == LINE_8M][i], &region, NULL) == TRI_OK, "region");
        play.sync = tri_arena_sync(arena);
        play.regions[i] = region.index;
        play.payload[i] = (uint64_t *)(void *)region.bytes;
    }
    return play;
}

#define BY_PROCESSES 16

static void measure(struct sync_line *line) {
    bool processes = line->argument & BY_PROCESSES;
    struct play play = make((enum subject)(line->argument & ~BY_PROCESSES), processes);
    sync_lines_add(line, processes ? two_processes(&play) : two_threads(&play));
}

static void prepare(void) {
    static bool done;
    if (done)
        return;
    done = true;
    void *memory =
        mmap(NULL, trii_sync_bytes(RING), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    table = mmap(NULL, sizeof *table, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    sync_must(memory != MAP_FAILED && table != MAP_FAILED, "mmap");
    sync_must(trii_sync_open_at(memory, RING, true, true, &shared, NULL) == TRI_OK, "shared synchronizer");
    sync_must(tri_sync_create(RING, &within, NULL) == TRI_OK, "synchronizer");
    sync_must(tri_arena_create(NULL, &arena, NULL) == TRI_OK, "arena");
    for (uint32_t i = 0; i < 2 * RING; i++)
        sync_must(tri_arena_allocate_shared(arena, i < RING ? 4096 : 8u << 20, &ring[i / RING][i % RING], NULL) ==
                      TRI_OK,
                  "region");
    stay_on(0);
}

#define ROW(text, of, limit, what) {.name = text, .run = measure, .baseline = of, .bound = limit, .argument = what}

void sync_bench_handover(size_t rounds) {
    static struct sync_line threads[] = {
        ROW("bare spin", -1, 0, SPIN),
        ROW("bare spin, one line of payload", 0, 0, SPIN_LINE),
        ROW("claims, only the word", 0, 1.5, WORD),
        ROW("claims, one line of a 4 KiB region", 0, 3.5, LINE_4K),
        ROW("claims, one line of an 8 MiB region", 0, 3.5, LINE_8M),
    };
    static struct sync_line processes[] = {
        ROW("bare spin", -1, 0, SPIN | BY_PROCESSES),
        ROW("claims, only the word", 0, 1.5, WORD | BY_PROCESSES),
    };
    prepare();
    sync_lines_measure("hand-over between two threads, awake", threads, sizeof threads / sizeof *threads, rounds);
    sync_lines_measure("hand-over between two processes, awake", processes, sizeof processes / sizeof *processes,
                       rounds / 2 + 1);
}

/* ---- asleep ---- */

static void *wait_long(void *user) {
    struct rusage before, after;
    const struct tri_wait wait = {.timeout_ns = 500000000};
    tri_claim claim;
    getrusage(RUSAGE_THREAD, &before);
    sync_must(tri_sync_acquire_write(user, 0, HOST, &wait, &claim, NULL) == TRI_TIMEOUT, "a wait of half a second");
    getrusage(RUSAGE_THREAD, &after);
    double us = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_stime.tv_sec) *
                    1e6 +
                (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec -
                         before.ru_stime.tv_usec);
    sync_lines_tell("asleep", user == within ? "CPU time of a wait of 0.5 s, within" : "CPU time of a wait of 0.5 s, shared",
                    us, "us");
    return NULL;
}

static void sleeper(struct tri_sync *sync) {
    pthread_t waiter;
    tri_claim claim;
    sync_must(tri_sync_acquire_write(sync, 0, HOST, NULL, &claim, NULL) == TRI_OK, "claim");
    sync_must(pthread_create(&waiter, NULL, wait_long, sync) == 0, "thread");
    pthread_join(waiter, NULL);
    sync_must(tri_sync_release(sync, claim, NULL) == TRI_OK, "release");
}

void sync_bench_asleep(size_t rounds) {
    static struct sync_line lines[] = {
        ROW("bare futex, two threads", -1, 0, FUTEX),
        ROW("claims, two threads", 0, 1.15, SLEEP),
        ROW("bare futex, two processes", -1, 0, FUTEX | BY_PROCESSES),
        ROW("claims, two processes", 2, 1.15, SLEEP | BY_PROCESSES),
    };
    prepare();
    sync_lines_measure("hand-over to a sleeper", lines, sizeof lines / sizeof *lines, rounds);
    sleeper(within);
    sleeper(shared);
}
