/* sync: a cancelled wait ends at once, also where the kernel can't wait for two words, and leaves nothing behind. */
#include "kit.h"

#include "base/fault.h"
#include "base/sys.h"
#include "sync/sync.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define HOST TRI_TECHNOLOGY_HOST
#define REGIONS 4u

static struct tri_error err;

struct waiter {
    struct tri_sync *sync;
    struct tri_cancel *cancel;
    bool write;
    tri_claim claim;
    tri_status status;
    pthread_t thread;
};

static void *wait_on(void *user) {
    struct waiter *w = user;
    const struct tri_wait wait = {.timeout_ns = TRI_FOREVER, .cancel = w->cancel};
    w->status = w->write ? tri_sync_acquire_write(w->sync, 1, HOST, &wait, &w->claim, NULL)
                         : tri_sync_acquire_read(w->sync, 1, HOST, &wait, &w->claim, NULL);
    return NULL;
}

static void begin_waiter(struct waiter *w) {
    struct tri_sync_info before, info;
    assert_ok(tri_sync_inspect(w->sync, 1, &before, &err));
    assert_int_equal(pthread_create(&w->thread, NULL, wait_on, w), 0);
    do
        assert_ok(tri_sync_inspect(w->sync, 1, &info, &err));
    while (info.waiting_readers + info.waiting_writers == before.waiting_readers + before.waiting_writers);
}

static void is_free(struct tri_sync *sync) {
    struct tri_sync_info info;
    tri_claim claim;
    assert_ok(tri_sync_inspect(sync, 1, &info, &err));
    assert_int_equal(info.waiting_readers + info.waiting_writers, 0);
    assert_ok(tri_sync_try_acquire_write(sync, 1, HOST, &claim, &err));
    assert_ok(tri_sync_release(sync, claim, &err));
}

/* Two waiters of each kind with one cancellation; `nth` wait for two words is refused. */
static void cancel_four(struct tri_sync *sync) {
    struct waiter waiters[4];
    struct tri_cancel *cancel;
    tri_claim held;
    assert_ok(tri_cancel_create(&cancel, &err));
    assert_ok(tri_sync_acquire_write(sync, 1, HOST, NULL, &held, &err));
    for (size_t i = 0; i < 4; i++) {
        waiters[i] = (struct waiter){.sync = sync, .cancel = cancel, .write = i % 2};
        begin_waiter(&waiters[i]);
    }
    tri_cancel_set(cancel);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(waiters[i].thread, NULL);
        assert_int_equal(waiters[i].status, TRI_CANCELLED);
        assert_int_equal(waiters[i].claim, TRI_CLAIM_NONE);
    }
    assert_ok(tri_sync_release(sync, held, &err));
    is_free(sync);
    tri_cancel_destroy(&cancel);
}

static void in_both_memories(void (*scenario)(struct tri_sync *sync)) {
    struct tri_sync *sync = NULL;
    void *memory = mmap(NULL, trii_sync_bytes(REGIONS), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    assert_ok(tri_sync_create(REGIONS, &sync, &err));
    scenario(sync);
    tri_sync_destroy(&sync);
    assert_ok(trii_sync_open_at(memory, REGIONS, true, true, &sync, &err));
    scenario(sync);
    tri_sync_destroy(&sync);
    munmap(memory, trii_sync_bytes(REGIONS));
}

static void all_who_wait_are_cancelled(void **state) {
    (void)state;
    in_both_memories(cancel_four);
}

static void a_kernel_without_waitv_does_as_well(void **state) {
    (void)state;
    bool fired = true;
    for (uint64_t nth = 0; fired && nth < 4; nth++) {
        trii_fault_arm(TRII_FAULT_WAITV, nth);
        in_both_memories(cancel_four);
        fired = trii_fault_disarm(TRII_FAULT_WAITV);
    }
}

static void hand_over(struct tri_sync *sync) {
    struct waiter waiter = {.sync = sync, .write = true};
    tri_claim held;
    assert_ok(tri_cancel_create(&waiter.cancel, &err));
    assert_ok(tri_sync_acquire_read(sync, 1, HOST, NULL, &held, &err));
    begin_waiter(&waiter);
    assert_ok(tri_sync_release(sync, held, &err));
    pthread_join(waiter.thread, NULL);
    assert_int_equal(waiter.status, TRI_OK);
    assert_ok(tri_sync_release(sync, waiter.claim, &err));
    is_free(sync);
    tri_cancel_destroy(&waiter.cancel);
}

static void who_may_be_cancelled_is_woken_by_a_release(void **state) {
    (void)state;
    in_both_memories(hand_over);
}

/* It sleeps on both words: looking each few milliseconds would show in the switches of this thread. */
static void a_waiter_that_may_be_cancelled_sleeps(void **state) {
    (void)state;
    _Atomic uint32_t one = 0, two = 0;
    struct tri_sync *sync = NULL;
    struct rusage before, after;
    tri_claim held, claim;
    if (trii_sys_futex_wait_two(&one, 1, false, &two, 0, 0) == ENOSYS)
        skip_because("the kernel can't wait for two futexes (before 5.16)");
    struct tri_wait wait = {.timeout_ns = 400000000};
    assert_ok(tri_cancel_create(&wait.cancel, &err));
    assert_ok(tri_sync_create(REGIONS, &sync, &err));
    assert_ok(tri_sync_acquire_write(sync, 1, HOST, NULL, &held, &err));
    getrusage(RUSAGE_THREAD, &before);
    assert_status(tri_sync_acquire_read(sync, 1, HOST, &wait, &claim, &err), TRI_TIMEOUT);
    getrusage(RUSAGE_THREAD, &after);
    assert_true(after.ru_nvcsw - before.ru_nvcsw < 20);
    assert_ok(tri_sync_release(sync, held, &err));
    tri_sync_destroy(&sync);
    tri_cancel_destroy(&wait.cancel);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_who_wait_are_cancelled),
        cmocka_unit_test(a_kernel_without_waitv_does_as_well),
        cmocka_unit_test(who_may_be_cancelled_is_woken_by_a_release),
        cmocka_unit_test(a_waiter_that_may_be_cancelled_sleeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
