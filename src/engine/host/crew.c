#include "engine/host/crew.h"

#include "base/atomic.h"
#include "base/busy.h"

#define TILES_MAX 0xffffu
#define CALL_SPINS 200u  /* pauses, some microseconds in all: a stage that follows at once finds its crew awake */
#define DONE_SPINS 4000u /* a tile takes some tens of microseconds */

/* ---- tiles ---- */

/* False: all are taken. A tile that is taken belongs to the run that stands in the crew now, whichever that was when
 * this began. */
static bool take(struct trii_crew *crew, uint32_t *tile) {
    uint32_t now = trii_load_relaxed(&crew->tiles.value);
    while ((now & TILES_MAX) < now >> 16)
        if (trii_cas_weak_acquire(&crew->tiles.value, &now, now + 1)) { /* pairs with publish(): the run is seen */
            *tile = now & TILES_MAX;
            return true;
        }
    return false;
}

static void publish(struct trii_crew *crew, uint32_t count) {
    trii_store_relaxed(&crew->done.value, 0);
    trii_store_release(&crew->tiles.value, count << 16);
}

static struct trii_rows rows_of(const struct trii_crew *crew, uint32_t tile) {
    return (struct trii_rows){(uint32_t)((uint64_t)crew->rows * tile / crew->count),
                              (uint32_t)((uint64_t)crew->rows * (tile + 1) / crew->count)};
}

static void work_off(struct trii_crew *crew, uint32_t member) {
    uint32_t tile;
    while (take(crew, &tile)) {
        const uint32_t count = crew->count; /* once the last tile is done the next run may write its own */
        crew->work(crew->job, rows_of(crew, tile), member);
        /* Both sides store and then look at the other's word: one of them sees it. */
        if (trii_add_seq_cst(&crew->done.value, 1) + 1 == count && trii_load_seq_cst(&crew->is_awaited.value))
            trii_sys_futex_wake(&crew->done.value, 1, false);
    }
}

/* ---- the threads ---- */

static void wait_for_call(struct trii_crew *crew, uint32_t *seen) {
    for (uint32_t i = 0;; i++) {
        const uint32_t now = trii_load_acquire(&crew->calls.value);
        if (now != *seen) {
            *seen = now;
            return;
        }
        if (i < CALL_SPINS) {
            trii_cpu_relax();
            continue;
        }
        (void)trii_add_seq_cst(&crew->sleepers.value, 1); /* as above: either the caller sees a sleeper or the futex the call */
        (void)trii_sys_futex_wait(&crew->calls.value, *seen, TRI_FOREVER, false);
        (void)trii_sub_relaxed(&crew->sleepers.value, 1);
    }
}

static void serve(void *user) {
    const struct trii_crew_member *member = user;
    struct trii_crew *crew = member->crew;
    uint32_t seen = 0;
    while (!trii_load_acquire(&crew->closing.value)) {
        work_off(crew, member->number);
        wait_for_call(crew, &seen);
    }
}

static void call(struct trii_crew *crew, uint32_t helpers) {
    (void)trii_add_seq_cst(&crew->calls.value, 1);
    if (trii_load_seq_cst(&crew->sleepers.value) > 0)
        trii_sys_futex_wake(&crew->calls.value, (int32_t)helpers, false);
}

void trii_crew_init(struct trii_crew *crew, uint32_t size) {
    const uint32_t wanted = size ? size : trii_sys_processors();
    *crew = (struct trii_crew){.size = wanted < TRII_CREW_MAX ? wanted : TRII_CREW_MAX};
}

void trii_crew_start(struct trii_crew *crew) {
    if (crew->is_started)
        return;
    crew->is_started = true;
    while (crew->started + 1 < crew->size) {
        struct trii_crew_member *member = &crew->members[crew->started + 1];
        *member = (struct trii_crew_member){.crew = crew, .number = crew->started + 1};
        if (trii_sys_thread_start(&member->thread, "tri-crew", serve, member) != 0)
            return;
        crew->started++;
    }
}

void trii_crew_finish(struct trii_crew *crew) {
    trii_store_release(&crew->closing.value, 1);
    call(crew, TRII_CREW_MAX);
    for (uint32_t i = 1; i <= crew->started; i++)
        trii_sys_thread_join(&crew->members[i].thread);
}

/* ---- a run ---- */

static void wait_until_done(struct trii_crew *crew) {
    for (uint32_t i = 0;; i++) {
        const uint32_t now = trii_load_acquire(&crew->done.value); /* pairs with the addition: what was written is seen */
        if (now == crew->count)
            return;
        if (i < DONE_SPINS) {
            trii_cpu_relax();
            continue;
        }
        trii_store_seq_cst(&crew->is_awaited.value, 1);
        const uint32_t again = trii_load_seq_cst(&crew->done.value);
        if (again != crew->count)
            (void)trii_sys_futex_wait(&crew->done.value, again, TRI_FOREVER, false);
        trii_store_relaxed(&crew->is_awaited.value, 0);
    }
}

/* How many threads may help: those whose processors nobody computes on. */
static uint32_t helpers(const struct trii_crew *crew) {
    const uint32_t busy = trii_busy(); /* the caller is one of them */
    const uint32_t idle = crew->size > busy ? crew->size - busy : 0;
    return idle < crew->started ? idle : crew->started;
}

static uint32_t tiles_for(uint32_t rows, uint32_t least, uint32_t most) {
    const uint32_t tiles = rows / least < most ? rows / least : most;
    return tiles < TILES_MAX ? tiles : TILES_MAX;
}

void trii_crew_run(struct trii_crew *crew, uint32_t rows, uint32_t least, uint32_t each, trii_crew_work *work,
                   const void *job) {
    const uint32_t help = helpers(crew), count = help ? tiles_for(rows, least, (help + 1) * each) : 1;
    uint32_t no = 0;
    if (count < 2 || !trii_cas_acquire(&crew->taken.value, &no, 1)) {
        work(job, (struct trii_rows){0, rows}, 0);
        return;
    }
    crew->work = work;
    crew->job = job;
    crew->rows = rows;
    crew->count = count;
    publish(crew, count);
    call(crew, help < count ? help : count - 1);
    work_off(crew, 0);
    wait_until_done(crew);
    trii_store_release(&crew->taken.value, 0); /* pairs with the taking: the next run writes after all of this */
}
