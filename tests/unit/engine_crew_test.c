/* engine/host/crew: every row is worked on once, whoever calls, however many help. */
#include "kit.h"
#include "random.h"

#include "base/busy.h"
#include "base/fault.h"
#include "engine/host/crew.h"

#include <stdatomic.h>

enum { ROWS_MAX = 300, CALLERS = 3, RUNS = 400, SIZE = 3 };

struct count {
    uint32_t rows;
    uint8_t times[ROWS_MAX]; /* each row is one thread's: ThreadSanitizer says if not */
    _Atomic uint32_t parts, inside[SIZE];
};

static void count_rows(const void *job, struct trii_rows rows, uint32_t member) {
    struct count *c = (struct count *)(uintptr_t)job;
    atomic_fetch_add(&c->parts, 1);
    if (member >= SIZE || atomic_fetch_add(&c->inside[member], 1) != 0)
        fail_msg("member %u works twice at a time", member);
    for (uint32_t y = rows.begin; y < rows.end; y++)
        c->times[y]++;
    atomic_fetch_sub(&c->inside[member], 1);
}

static void run_and_check(struct trii_crew *crew, struct count *c, uint32_t least, uint32_t each) {
    trii_crew_run(crew, c->rows, least, each, count_rows, c);
    for (uint32_t y = 0; y < ROWS_MAX; y++)
        if (c->times[y] != (y < c->rows))
            fail_msg("row %u of %u was worked on %u times", y, c->rows, c->times[y]);
    assert_true(atomic_load(&c->parts) <= SIZE * each);
}

static void every_row_once(void **state) {
    struct trii_crew crew;
    (void)state;
    trii_crew_init(&crew, SIZE);
    trii_crew_start(&crew);
    trii_crew_start(&crew); /* they are there already */
    assert_int_equal(crew.started, SIZE - 1);
    for (int i = 0; i < RUNS; i++) {
        struct count c = {.rows = 1 + random_below(ROWS_MAX)};
        run_and_check(&crew, &c, 1 + random_below(20), 1 + random_below(9));
    }
    trii_crew_finish(&crew);
}

/* One of them has the crew, the others work alone. */
static void call_again_and_again(void *user) {
    for (int i = 0; i < RUNS; i++) {
        struct count c = {.rows = 1 + (uint32_t)i % ROWS_MAX};
        run_and_check(user, &c, 4, 8);
    }
}

static void callers_beside_each_other(void **state) {
    struct trii_thread *callers[CALLERS] = {0};
    struct trii_crew crew;
    (void)state;
    trii_crew_init(&crew, SIZE);
    trii_crew_start(&crew);
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(trii_sys_thread_start(&callers[i], "caller", call_again_and_again, &crew), 0);
    for (int i = 0; i < CALLERS; i++)
        trii_sys_thread_join(&callers[i]);
    trii_crew_finish(&crew);
}

/* Two parts, and none ends before both have begun: only another thread can have begun the second. */
static void meet(const void *job, struct trii_rows rows, uint32_t member) {
    _Atomic uint32_t *met = (_Atomic uint32_t *)(uintptr_t)job;
    (void)member;
    assert_int_equal(rows.end - rows.begin, 1);
    atomic_fetch_add(met, 1);
    while (atomic_load(met) < 2)
        ;
}

static void helpers_help(void **state) {
    struct trii_crew crew;
    (void)state;
    trii_crew_init(&crew, 2);
    trii_crew_start(&crew);
    for (int i = 0; i < 20; i++) {
        _Atomic uint32_t met = 0;
        trii_crew_run(&crew, 2, 1, 1, meet, (const void *)&met);
        assert_int_equal(atomic_load(&met), 2);
    }
    trii_crew_finish(&crew);
}

static void nobody_is_called_beside_others_that_compute(void **state) {
    struct count c = {.rows = ROWS_MAX};
    struct trii_crew crew;
    (void)state;
    trii_crew_init(&crew, SIZE);
    trii_crew_start(&crew);
    trii_busy_add(SIZE);
    run_and_check(&crew, &c, 1, 8);
    trii_busy_sub(SIZE);
    assert_int_equal(atomic_load(&c.parts), 1);
    trii_crew_finish(&crew);
}

static void threads_that_cannot_be_started_are_fewer(void **state) {
    (void)state;
    for (uint32_t nth = 0; nth < SIZE; nth++) {
        struct count c = {.rows = ROWS_MAX};
        struct trii_crew crew;
        trii_crew_init(&crew, SIZE);
        trii_fault_arm(TRII_FAULT_THREAD, nth);
        trii_crew_start(&crew);
        (void)trii_fault_disarm(TRII_FAULT_THREAD);
        assert_int_equal(crew.started, nth);
        trii_crew_start(&crew); /* stages have counted on that many */
        assert_int_equal(crew.started, nth);
        run_and_check(&crew, &c, 1, 8);
        trii_crew_finish(&crew);
    }
}

/* Sleepers that wake for no reason look again. */
static void spurious_wakes_do_no_harm(void **state) {
    struct trii_crew crew;
    (void)state;
    trii_crew_init(&crew, SIZE);
    trii_crew_start(&crew);
    for (int i = 0; i < 100; i++) {
        struct count c = {.rows = ROWS_MAX};
        trii_fault_arm(TRII_FAULT_FUTEX, random_below(3));
        run_and_check(&crew, &c, 1, 8);
    }
    (void)trii_fault_disarm(TRII_FAULT_FUTEX);
    trii_crew_finish(&crew);
}

static void finished_without_a_start(void **state) {
    struct trii_crew crew;
    (void)state;
    trii_crew_init(&crew, 0);
    assert_true(crew.size >= 1 && crew.size <= TRII_CREW_MAX);
    trii_crew_finish(&crew);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_once),
        cmocka_unit_test(callers_beside_each_other),
        cmocka_unit_test(helpers_help),
        cmocka_unit_test(nobody_is_called_beside_others_that_compute),
        cmocka_unit_test(threads_that_cannot_be_started_are_fewer),
        cmocka_unit_test(spurious_wakes_do_no_harm),
        cmocka_unit_test(finished_without_a_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
