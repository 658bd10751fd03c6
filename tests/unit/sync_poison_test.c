/* sync: poison is never lost and never passed by, whoever meets whom. Interleavings that take luck are made likely by
 * many rounds; those that take a death at one instruction are set up in the words. */
#include "sync_kit.h"

#include <pthread.h>
#include <sched.h>

static struct tri_error cause_of(const char *text) {
    struct tri_error cause = {.status = TRI_POISONED};
    snprintf(cause.message, sizeof cause.message, "%s", text);
    return cause;
}

static void poison_region(struct tri_sync *sync, uint32_t region, const char *text) {
    struct tri_error cause = cause_of(text);
    tri_claim claim;
    assert_ok(tri_sync_acquire_write(sync, region, HOST, NULL, &claim, &err));
    assert_ok(tri_sync_poison(sync, claim, &cause, &err));
    assert_ok(tri_sync_release(sync, claim, &err));
}

/* Nothing was overwritten when the others could not be had. */
static void a_rollback_keeps_the_poison(void **state) {
    struct tri_sync *sync = *state;
    const struct tri_wait at_once = {.timeout_ns = 0}, soon = {.timeout_ns = 20000000};
    const struct tri_claim_request requests[] = {{0, HOST, TRI_ACCESS_WRITE}, {1, HOST, TRI_ACCESS_WRITE}};
    struct tri_error told;
    tri_claim held, claims[2];
    poison_region(sync, 0, "first cause");
    assert_ok(tri_sync_acquire_read(sync, 1, GPU, NULL, &held, &err));
    assert_status(trii_sync_acquire_many(sync, requests, 2, 1, &at_once, claims, &err), TRI_BUSY);
    assert_true(tri_sync_poison_cause(sync, 0, &told));
    assert_string_equal(told.message, "first cause");
    assert_status(trii_sync_acquire_many(sync, requests, 2, 1, &soon, claims, &err), TRI_TIMEOUT);
    assert_true(tri_sync_poison_cause(sync, 0, &told));
    assert_ok(tri_sync_release(sync, held, &err));
    assert_ok(trii_sync_acquire_many(sync, requests, 2, 1, &soon, claims, &err));
    assert_ok(tri_sync_release(sync, claims[1], &err));
    assert_ok(tri_sync_release(sync, claims[0], &err));
    assert_false(tri_sync_poison_cause(sync, 0, &told));
}

/* Who tells the previous writer's cause may be slow, or dead: the next writer's poison counts all the same. */
static void a_slow_teller_does_not_lose_the_next_poison(void **state) {
    struct tri_sync *sync = *state;
    struct tri_error cause = cause_of("second cause");
    tri_claim claim;
    poison_region(sync, 0, "first cause");
    assert_ok(tri_sync_acquire_poisoned(sync, 0, HOST, NULL, &claim, &err));
    /* As a thread of this process leaves it between raising the flag and letting the next teller tell. */
    trii_store_seq_cst(&sync->causes[0].writing, trii_load_relaxed(&sync->me));
    assert_ok(tri_sync_poison(sync, claim, &cause, &err));
    assert_ok(tri_sync_release(sync, claim, &err));
    assert_true(tri_sync_poison_cause(sync, 0, NULL));
    trii_store_seq_cst(&sync->causes[0].writing, 0);
}

static bool write_it(struct tri_sync *sync, uint32_t region) {
    tri_claim claim;
    return tri_sync_acquire_write(sync, region, GPU, NULL, &claim, NULL) == TRI_OK;
}

static void end(struct child child) {
    kill_child(&child);
    bury(&child);
}

/* A process dies while it recovers: after the word was poisoned, before it let others tell. Its place among the members
 * is then another process's, which lives and will never tell. */
static void a_recoverer_that_dies_blocks_nobody(void **state) {
    struct tri_sync *sync = *state;
    const struct tri_wait soon = {.timeout_ns = 2000000000u};
    struct tri_error told;
    tri_claim claim;
    poison_region(sync, 1, "a cause");
    assert_ok(tri_sync_reset(sync, 1, &err));
    struct child first = begin_child(sync, write_it, 0);
    uint64_t place = trii_member_bits(trii_load_relaxed(&trii_cell(sync, 0)->word));
    trii_store_seq_cst(&sync->causes[1].writing, place); /* the one who dies was telling region 1's cause */
    end(first);
    assert_status(tri_sync_acquire_write(sync, 0, HOST, &soon, &claim, &err), TRI_POISONED);

    struct child second = begin_child(sync, write_it, 2); /* gets the same place */
    assert_int_equal(trii_member_bits(trii_load_relaxed(&trii_cell(sync, 2)->word)), place);
    struct child third = begin_child(sync, write_it, 1);
    end(third);
    assert_status(tri_sync_acquire_write(sync, 1, HOST, &soon, &claim, &err), TRI_POISONED);
    assert_true(tri_sync_poison_cause(sync, 1, &told));
    assert_non_null(strstr(told.message, "died"));
    end(second);
}

/* A reader dies in a wide slot just when a writer has taken the flag down that says there are some. */
static void a_dead_reader_in_an_unflagged_slot_goes(void **state) {
    struct tri_sync *sync = *state;
    const struct tri_wait soon = {.timeout_ns = 2000000000u};
    uint32_t last = TRII_NEAR_SLOTS + 1;
    tri_claim claims[TRII_NEAR_SLOTS], claim;
    for (uint32_t i = 0; i < TRII_NEAR_SLOTS; i++)
        assert_ok(tri_sync_acquire_read(sync, 4, HOST, NULL, &claims[i], &err));
    struct child child = begin_child(sync, write_it, 5);
    uint64_t place = trii_member_bits(trii_load_relaxed(&trii_cell(sync, 5)->word));
    trii_sync_touch(sync, 4); /* as whoever takes a wide slot does first */
    trii_store_seq_cst(trii_slot_at(sync, 4, last), trii_slot_bits(place, TRII_SLOT_READING, GPU));
    for (uint32_t i = 0; i < TRII_NEAR_SLOTS; i++)
        assert_ok(tri_sync_release(sync, claims[i], &err));
    assert_false(trii_load_relaxed(&trii_cell(sync, 4)->word) & TRII_WORD_WIDE);
    end(child);
    assert_status(tri_sync_acquire_write(sync, 5, HOST, &soon, &claim, &err), TRI_POISONED);
    assert_int_equal(trii_slot_state(trii_load_relaxed(trii_slot_at(sync, 4, last))), TRII_SLOT_FREE);
}

/* Dead, and nobody waits: resetting the region is reason enough to look. */
static void a_reset_notices_the_dead(void **state) {
    struct tri_sync *sync = *state;
    tri_status status = TRI_BUSY;
    end(begin_child(sync, write_it, 3));
    for (uint32_t i = 0; i < 20000000u && status == TRI_BUSY; i++)
        status = tri_sync_reset(sync, 3, &err);
    assert_int_equal(status, TRI_OK);
}

/* ---- a waiting writer and one that poisons ---- */

#define ROUNDS 5000
static _Atomic uint32_t stop;
static _Atomic uint64_t entered_poisoned;

static void *enter_again_and_again(void *user) {
    struct tri_sync *sync = user;
    while (!trii_load_relaxed(&stop)) {
        struct tri_sync_info info;
        tri_claim claim;
        struct tri_error mine;
        if (tri_sync_acquire_write(sync, 0, GPU, NULL, &claim, &mine) == TRI_OK) {
            if (tri_sync_inspect(sync, 0, &info, &mine) == TRI_OK && info.poisoned)
                trii_add_relaxed(&entered_poisoned, 1);
            sched_yield();
            if (tri_sync_release(sync, claim, &mine) != TRI_OK)
                abort();
        }
        sched_yield();
    }
    return NULL;
}

static void no_writer_enters_past_a_poison(void **state) {
    struct tri_sync *sync = *state;
    struct tri_error cause = cause_of("a cause");
    pthread_t threads[3];
    trii_store_relaxed(&stop, 0);
    trii_store_relaxed(&entered_poisoned, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, enter_again_and_again, sync), 0);
    for (int i = 0; i < ROUNDS; i++) {
        tri_claim claim;
        assert_ok(tri_sync_acquire_poisoned(sync, 0, HOST, NULL, &claim, &err));
        sched_yield();
        assert_ok(tri_sync_poison(sync, claim, &cause, &err));
        assert_ok(tri_sync_release(sync, claim, &err));
        assert_ok(tri_sync_acquire_poisoned(sync, 0, HOST, NULL, &claim, &err));
        assert_ok(tri_sync_release(sync, claim, &err));
    }
    trii_store_relaxed(&stop, 1);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(trii_load_relaxed(&entered_poisoned), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_rollback_keeps_the_poison, make, unmake),
        cmocka_unit_test_setup_teardown(a_slow_teller_does_not_lose_the_next_poison, make, unmake),
        cmocka_unit_test_setup_teardown(a_recoverer_that_dies_blocks_nobody, make, unmake),
        cmocka_unit_test_setup_teardown(a_dead_reader_in_an_unflagged_slot_goes, make, unmake),
        cmocka_unit_test_setup_teardown(a_reset_notices_the_dead, make, unmake),
        cmocka_unit_test_setup_teardown(no_writer_enters_past_a_poison, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
