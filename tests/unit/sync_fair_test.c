/*
 * sync: nobody waits for more than the claims ahead of it. Some wait already, in a known order, when a crowd comes that
 * acquires again and again: the waiting readers are passed by no writer; the waiting writers go in their order, passed
 * by no other writer, and by each reader of the crowd once a phase at most. Counts, not times.
 */
#include "kit.h"

#include "base/atomic.h"

#include <pthread.h>
#include <sched.h>

#define HOST TRI_TECHNOLOGY_HOST
#define GPU TRI_TECHNOLOGY_WEBGPU

enum { WRITERS = 3, READERS = 2, CROWD = 4, ROUNDS = 60 };

static struct tri_error err;
static struct tri_sync *sync_;
static _Atomic uint32_t writers_in, readers_in; /* entries since the one who held let go */
static _Atomic uint32_t crowd_ready;
static _Atomic bool over;

struct waiter {
    pthread_t thread;
    bool writes;
    uint32_t writers_before, readers_before; /* it entered */
};

static void acquire(bool write, tri_claim *claim) {
    tri_status status = write ? tri_sync_acquire_write(sync_, 0, HOST, NULL, claim, NULL)
                              : tri_sync_acquire_read(sync_, 0, GPU, NULL, claim, NULL);
    if (status != TRI_OK)
        abort();
}

static void release(tri_claim claim) {
    if (tri_sync_release(sync_, claim, NULL) != TRI_OK)
        abort();
}

static void *wait_once(void *user) {
    struct waiter *waiter = user;
    tri_claim claim;
    acquire(waiter->writes, &claim);
    waiter->writers_before = waiter->writes ? trii_add_seq_cst(&writers_in, 1) : trii_load_seq_cst(&writers_in);
    waiter->readers_before = waiter->writes ? trii_load_seq_cst(&readers_in) : trii_add_seq_cst(&readers_in, 1);
    sched_yield();
    release(claim);
    return NULL;
}

static void *crowd(void *user) {
    const struct waiter *self = user;
    trii_add_seq_cst(&crowd_ready, 1);
    while (!trii_load_seq_cst(&over)) {
        tri_claim claim;
        acquire(self->writes, &claim);
        trii_add_seq_cst(self->writes ? &writers_in : &readers_in, 1);
        sched_yield();
        release(claim);
    }
    return NULL;
}

static uint32_t waiting(void) {
    struct tri_sync_info info;
    assert_ok(tri_sync_inspect(sync_, 0, &info, &err));
    return info.waiting_readers + info.waiting_writers;
}

static void start(struct waiter *waiter, bool writes, void *(*run)(void *)) {
    waiter->writes = writes;
    assert_int_equal(pthread_create(&waiter->thread, NULL, run, waiter), 0);
}

/* One round; readers and writers queue in the order that `seed` says. */
static void play(uint32_t seed) {
    struct waiter waiters[WRITERS + READERS], others[CROWD];
    uint32_t writers = 0, readers = 0;
    tri_claim held;
    trii_store_seq_cst(&over, false);
    trii_store_seq_cst(&writers_in, 0);
    trii_store_seq_cst(&readers_in, 0);
    trii_store_seq_cst(&crowd_ready, 0);
    acquire(true, &held);
    for (uint32_t i = 0; i < WRITERS + READERS; i++) {
        bool writes = readers == READERS || (writers < WRITERS && (seed >> i & 1u));
        writers += writes;
        readers += !writes;
        start(&waiters[i], writes, wait_once);
        while (waiting() <= i)
            sched_yield();
    }
    for (uint32_t i = 0; i < CROWD; i++)
        start(&others[i], i % 2 == 0, crowd);
    while (trii_load_seq_cst(&crowd_ready) < CROWD)
        sched_yield();
    release(held);
    for (uint32_t i = 0; i < WRITERS + READERS; i++)
        pthread_join(waiters[i].thread, NULL);
    trii_store_seq_cst(&over, true);
    for (uint32_t i = 0; i < CROWD; i++)
        pthread_join(others[i].thread, NULL);
    uint32_t place = 0;
    for (uint32_t i = 0; i < WRITERS + READERS; i++)
        if (waiters[i].writes) {
            assert_int_equal(waiters[i].writers_before, place);
            place++;
            assert_true(waiters[i].readers_before <= READERS + place * CROWD / 2);
        } else {
            assert_int_equal(waiters[i].writers_before, 0);
        }
}

static void nobody_waits_for_more_than_what_is_ahead(void **state) {
    (void)state;
    for (uint32_t round = 0; round < ROUNDS; round++)
        play(round);
}

/* A writer that waits is passed by no reader that comes later, as long as those before it read. */
static void readers_do_not_starve_a_writer(void **state) {
    (void)state;
    struct waiter writer, others[CROWD];
    tri_claim held;
    trii_store_seq_cst(&over, false);
    trii_store_seq_cst(&writers_in, 0);
    trii_store_seq_cst(&readers_in, 0);
    trii_store_seq_cst(&crowd_ready, 0);
    acquire(false, &held);
    start(&writer, true, wait_once);
    while (waiting() == 0)
        sched_yield();
    for (uint32_t i = 0; i < CROWD; i++)
        start(&others[i], false, crowd);
    while (waiting() <= CROWD)
        sched_yield();
    assert_int_equal(trii_load_seq_cst(&readers_in), 0);
    release(held);
    pthread_join(writer.thread, NULL);
    assert_int_equal(writer.readers_before, 0);
    trii_store_seq_cst(&over, true);
    for (uint32_t i = 0; i < CROWD; i++)
        pthread_join(others[i].thread, NULL);
}

static int make(void **state) {
    (void)state;
    return tri_sync_create(1, &sync_, &err) == TRI_OK ? 0 : -1;
}

static int unmake(void **state) {
    (void)state;
    tri_sync_destroy(&sync_);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_waits_for_more_than_what_is_ahead, make, unmake),
        cmocka_unit_test_setup_teardown(readers_do_not_starve_a_writer, make, unmake),
    };
    return cmocka_run_group_tests_name("sync_fair", tests, NULL, NULL);
}
