/* sync: who would wait for himself is told so, and nobody else is. */
#include "kit.h"

#include "sync/sync.h"

#include <pthread.h>
#include <sys/single_threaded.h>

#define HOST TRI_TECHNOLOGY_HOST
#define GPU TRI_TECHNOLOGY_WEBGPU

static struct tri_error err;
static const struct tri_wait for_ever = {.timeout_ns = TRI_FOREVER};

static int make(void **state) {
    struct tri_sync *sync = NULL;
    assert_ok(tri_sync_create(8, &sync, &err));
    *state = sync;
    return 0;
}

static int unmake(void **state) {
    struct tri_sync *sync = *state;
    tri_sync_destroy(&sync);
    return 0;
}

static void nothing_waits(struct tri_sync *sync, uint32_t region) {
    struct tri_sync_info info;
    assert_ok(tri_sync_inspect(sync, region, &info, &err));
    assert_int_equal(info.waiting_readers + info.waiting_writers, 0);
}

/* First, while the program has one thread: then even a wait with words can't end. */
static void one_thread_alone_is_told_always(void **state) {
    struct tri_sync *sync = *state;
    tri_claim held, claim = 77;
    if (!__libc_single_threaded)
        skip_because("a sanitizer has threads of its own");
    assert_ok(tri_sync_acquire_read(sync, 0, GPU, &for_ever, &held, &err));
    assert_status(tri_sync_acquire_write(sync, 0, GPU, &for_ever, &claim, &err), TRI_WOULD_DEADLOCK);
    assert_status(tri_sync_acquire_poisoned(sync, 0, GPU, &for_ever, &claim, &err), TRI_WOULD_DEADLOCK);
    assert_int_equal(claim, 77);
    assert_ok(tri_sync_release(sync, held, &err));
    nothing_waits(sync, 0);
}

static void a_thread_does_not_wait_for_itself(void **state) {
    struct tri_sync *sync = *state;
    const struct tri_wait soon = {.timeout_ns = 2000000};
    tri_claim held, more, claim = 77;
    assert_ok(tri_sync_acquire_read(sync, 1, HOST, NULL, &held, &err));
    assert_ok(tri_sync_acquire_read(sync, 1, HOST, NULL, &more, &err)); /* nobody waits: it need not */
    assert_status(tri_sync_acquire_write(sync, 1, HOST, NULL, &claim, &err), TRI_WOULD_DEADLOCK);
    assert_non_null(strstr(err.message, "region 1"));
    assert_status(tri_sync_acquire_write(sync, 1, HOST, &soon, &claim, &err), TRI_TIMEOUT);
    assert_status(tri_sync_try_acquire_write(sync, 1, HOST, &claim, &err), TRI_BUSY);
    assert_ok(tri_sync_release(sync, more, &err));
    assert_ok(tri_sync_release(sync, held, &err));
    assert_ok(tri_sync_acquire_write(sync, 1, HOST, NULL, &held, &err));
    assert_status(tri_sync_acquire_write(sync, 1, HOST, NULL, &claim, &err), TRI_WOULD_DEADLOCK);
    assert_status(tri_sync_acquire_read(sync, 1, HOST, NULL, &claim, &err), TRI_WOULD_DEADLOCK);
    assert_ok(tri_sync_downgrade(sync, held, &err));
    assert_ok(tri_sync_acquire_read(sync, 1, HOST, NULL, &more, &err));
    assert_status(tri_sync_acquire_write(sync, 1, HOST, NULL, &claim, &err), TRI_WOULD_DEADLOCK);
    assert_int_equal(claim, 77);
    assert_ok(tri_sync_release(sync, more, &err));
    assert_ok(tri_sync_release(sync, held, &err));
    nothing_waits(sync, 1);
    assert_ok(tri_sync_acquire_write(sync, 1, HOST, NULL, &held, &err));
    assert_ok(tri_sync_release(sync, held, &err));
}

/* Its numbers came from another block then. */
static void an_old_claim_is_known_again(void **state) {
    struct tri_sync *sync = *state;
    tri_claim held, claim;
    assert_ok(tri_sync_acquire_read(sync, 2, HOST, NULL, &held, &err));
    for (uint32_t i = 0; i < 200000; i++) {
        assert_int_equal(tri_sync_acquire_write(sync, 3, HOST, NULL, &claim, &err), TRI_OK);
        assert_int_equal(tri_sync_release(sync, claim, &err), TRI_OK);
    }
    assert_status(tri_sync_acquire_write(sync, 2, HOST, NULL, &claim, &err), TRI_WOULD_DEADLOCK);
    assert_ok(tri_sync_release(sync, held, &err));
}

static void several_regions_hold_nothing_then(void **state) {
    struct tri_sync *sync = *state;
    const struct tri_claim_request wishes[] = {{4, HOST, TRI_ACCESS_WRITE}, {5, HOST, TRI_ACCESS_WRITE}};
    tri_claim held, claims[2] = {1, 2};
    assert_ok(tri_sync_acquire_read(sync, 5, HOST, NULL, &held, &err));
    assert_status(tri_sync_acquire_many(sync, wishes, 2, NULL, claims, &err), TRI_WOULD_DEADLOCK);
    assert_int_equal(claims[0], 1);
    assert_int_equal(tri_sync_state(sync, 4), TRI_SYNC_IDLE);
    assert_ok(tri_sync_release(sync, held, &err));
    assert_ok(tri_sync_acquire_many(sync, wishes, 2, NULL, claims, &err));
    assert_ok(tri_sync_release(sync, claims[0], &err));
    assert_ok(tri_sync_release(sync, claims[1], &err));
}

/* ---- with a second thread ---- */

struct other {
    struct tri_sync *sync;
    tri_claim release; /* once somebody waits for `region`; 0: writes it itself */
    uint32_t region;
    pthread_t thread;
};

static uint32_t waiting(struct tri_sync *sync, uint32_t region) {
    struct tri_sync_info info;
    return tri_sync_inspect(sync, region, &info, NULL) == TRI_OK ? info.waiting_readers + info.waiting_writers : 0;
}

static void *act(void *user) {
    struct other *other = user;
    tri_claim claim = other->release;
    if (claim)
        while (!waiting(other->sync, other->region))
            ;
    else if (tri_sync_acquire_write(other->sync, other->region, HOST, NULL, &claim, NULL) != TRI_OK)
        abort();
    if (tri_sync_release(other->sync, claim, NULL) != TRI_OK)
        abort();
    return NULL;
}

static void begin(struct other *other) {
    assert_int_equal(pthread_create(&other->thread, NULL, act, other), 0);
}

static void reading_behind_a_writer_that_waits_for_us(void **state) {
    struct other writer = {.sync = *state, .region = 6};
    tri_claim held, more;
    assert_ok(tri_sync_acquire_read(writer.sync, 6, HOST, NULL, &held, &err));
    begin(&writer);
    while (!waiting(writer.sync, 6))
        ;
    assert_status(tri_sync_acquire_read(writer.sync, 6, HOST, NULL, &more, &err), TRI_WOULD_DEADLOCK);
    assert_int_equal(waiting(writer.sync, 6), 1);
    assert_ok(tri_sync_release(writer.sync, held, &err));
    pthread_join(writer.thread, NULL);
    assert_ok(tri_sync_acquire_read(writer.sync, 6, HOST, NULL, &more, &err));
    assert_ok(tri_sync_release(writer.sync, more, &err));
}

static void whose_claim_another_releases_says_how_long(void **state) {
    struct other other = {.sync = *state, .region = 7};
    tri_claim claim;
    assert_ok(tri_sync_acquire_write(other.sync, 7, GPU, NULL, &other.release, &err));
    begin(&other);
    assert_ok(tri_sync_acquire_write(other.sync, 7, GPU, &for_ever, &claim, &err));
    pthread_join(other.thread, NULL);
    assert_ok(tri_sync_release(other.sync, claim, &err));
}

static void a_stages_claims_are_not_the_threads_own(void **state) {
    struct other other = {.sync = *state, .region = 7};
    const struct tri_claim_request wish = {7, GPU, TRI_ACCESS_WRITE};
    tri_claim claim;
    for (int round = 0; round < 3; round++) {
        assert_ok(trii_sync_acquire_many(other.sync, &wish, 1, 0, &for_ever, &other.release, &err));
        begin(&other);
        assert_ok(tri_sync_acquire_read(other.sync, 7, HOST, NULL, &claim, &err));
        pthread_join(other.thread, NULL);
        assert_ok(tri_sync_release(other.sync, claim, &err));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread_alone_is_told_always),
        cmocka_unit_test(a_thread_does_not_wait_for_itself),
        cmocka_unit_test(an_old_claim_is_known_again),
        cmocka_unit_test(several_regions_hold_nothing_then),
        cmocka_unit_test(reading_behind_a_writer_that_waits_for_us),
        cmocka_unit_test(whose_claim_another_releases_says_how_long),
        cmocka_unit_test(a_stages_claims_are_not_the_threads_own),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
