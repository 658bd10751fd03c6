/*
 * sync: every system call and allocation of the synchronizer fails once, the nth for every n, until the scenario survives
 * without the fault. Making one either works or says what it was and leaves nothing; waits that wake up for no reason
 * change nothing that anybody can see.
 */
#include "kit.h"

#include "base/atomic.h"
#include "base/fault.h"

#include <pthread.h>

#define HOST TRI_TECHNOLOGY_HOST
#define GPU TRI_TECHNOLOGY_WEBGPU

static long mapped_pages(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld", &pages), 1);
    fclose(file);
    return pages;
}

static void making_one_works_or_leaves_nothing(void **state) {
    (void)state;
    enum { REGIONS = 65536, PAGES = 20000 }; /* it is many more pages than that */
    struct tri_sync *sync = NULL;
    struct tri_error err = {0};
    uint64_t nth = 0;
    assert_ok(tri_sync_create(REGIONS, &sync, &err));
    tri_sync_destroy(&sync);
    long pages = mapped_pages();
    for (bool fired = true; fired; nth++) {
        trii_fault_arm(TRII_FAULT_MMAP, nth);
        tri_status status = tri_sync_create(REGIONS, &sync, &err);
        fired = trii_fault_disarm(TRII_FAULT_MMAP);
        assert_int_equal(status, fired ? TRI_NO_MEMORY : TRI_OK);
        if (fired) {
            assert_null(sync);
            assert_true(strlen(err.message) > 20 && strstr(err.message, "synchronizer"));
        }
        tri_sync_destroy(&sync);
        assert_true(mapped_pages() < pages + PAGES);
    }
    assert_true(nth > 3);
}

static void a_cancellation_works_or_is_an_error(void **state) {
    (void)state;
    struct tri_cancel *cancel = NULL;
    struct tri_error err = {0};
    trii_fault_arm(TRII_FAULT_ALLOC, 0);
    assert_status(tri_cancel_create(&cancel, &err), TRI_NO_MEMORY);
    assert_true(trii_fault_disarm(TRII_FAULT_ALLOC));
    assert_null(cancel);
    assert_ok(tri_cancel_create(&cancel, &err));
    tri_cancel_destroy(&cancel);
}

/* ---- waking up for no reason ---- */

static struct tri_sync *sync_;
static _Atomic uint32_t inside; /* a writer adds 1000, a reader 1 */
static _Atomic uint32_t wrong;

enum { READ, WRITE, MANY };

static void *take(void *user) {
    const int *how = user;
    const struct tri_claim_request both[] = {{0, GPU, TRI_ACCESS_WRITE}, {1, GPU, TRI_ACCESS_READ}};
    tri_claim claims[2];
    tri_status status = *how == READ    ? tri_sync_acquire_read(sync_, 0, HOST, NULL, claims, NULL)
                        : *how == WRITE ? tri_sync_acquire_write(sync_, 0, HOST, NULL, claims, NULL)
                                        : tri_sync_acquire_many(sync_, both, 2, NULL, claims, NULL);
    uint32_t mine = *how == READ ? 1 : 1000;
    uint32_t others = trii_add_seq_cst(&inside, mine);
    if (status != TRI_OK || others >= 1000 || (*how != READ && others != 0))
        trii_add_relaxed(&wrong, 1);
    (void)atomic_fetch_sub(&inside, mine);
    for (int i = 0; i < (*how == MANY ? 2 : 1); i++)
        if (tri_sync_release(sync_, claims[i], NULL) != TRI_OK)
            trii_add_relaxed(&wrong, 1);
    return NULL;
}

/* All wait behind the test's claim; then it goes. */
static void play(void) {
    static const int how[] = {WRITE, READ, MANY, READ, WRITE};
    enum { COUNT = sizeof how / sizeof *how };
    struct tri_error err = {0};
    struct tri_sync_info info = {.state = TRI_SYNC_IDLE};
    pthread_t threads[COUNT];
    tri_claim held;
    assert_ok(tri_sync_acquire_write(sync_, 0, HOST, NULL, &held, &err));
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take, (void *)(uintptr_t)&how[i]), 0);
    while (info.waiting_readers + info.waiting_writers < COUNT)
        assert_ok(tri_sync_inspect(sync_, 0, &info, &err));
    assert_ok(tri_sync_release(sync_, held, &err));
    for (int i = 0; i < COUNT; i++)
        pthread_join(threads[i], NULL);
    for (uint32_t region = 0; region < 2; region++) {
        assert_ok(tri_sync_inspect(sync_, region, &info, &err));
        assert_int_equal(info.state, TRI_SYNC_IDLE);
        assert_int_equal(info.waiting_readers + info.waiting_writers, 0);
    }
    assert_int_equal(trii_load_relaxed(&wrong), 0);
}

static void a_wait_that_wakes_for_no_reason_goes_on(void **state) {
    (void)state;
    struct tri_error err = {0};
    assert_ok(tri_sync_create(2, &sync_, &err));
    for (uint64_t nth = 0; nth < 40; nth++) { /* how often it comes to sleep is chance; 40 is more than it ever does */
        trii_fault_arm(TRII_FAULT_FUTEX, nth);
        play();
        (void)trii_fault_disarm(TRII_FAULT_FUTEX);
    }
    tri_sync_destroy(&sync_);
}

static void a_timeout_is_one_whatever_wakes_it(void **state) {
    (void)state;
    const struct tri_wait brief = {.timeout_ns = 2000000};
    struct tri_error err = {0};
    tri_claim held, claim;
    assert_ok(tri_sync_create(2, &sync_, &err));
    assert_ok(tri_sync_acquire_write(sync_, 0, HOST, NULL, &held, &err));
    for (uint64_t nth = 0, fired = 1; fired; nth++) {
        trii_fault_arm(TRII_FAULT_FUTEX, nth);
        assert_status(tri_sync_acquire_write(sync_, 0, HOST, &brief, &claim, &err), TRI_TIMEOUT);
        assert_status(tri_sync_acquire_read(sync_, 0, HOST, &brief, &claim, &err), TRI_TIMEOUT);
        fired = trii_fault_disarm(TRII_FAULT_FUTEX) && nth < 20;
    }
    assert_ok(tri_sync_release(sync_, held, &err));
    tri_sync_destroy(&sync_);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(making_one_works_or_leaves_nothing),
        cmocka_unit_test(a_cancellation_works_or_is_an_error),
        cmocka_unit_test(a_wait_that_wakes_for_no_reason_goes_on),
        cmocka_unit_test(a_timeout_is_one_whatever_wakes_it),
    };
    return cmocka_run_group_tests_name("sync_faults", tests, NULL, NULL);
}
