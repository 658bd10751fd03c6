/* sync between processes: the dead are noticed, the stopped are not dead, a child owns nothing, a scribbler harms
 * nobody's memory. Children tell where they are through pipes; nothing sleeps to be in time. */
#include "sync_kit.h"

static const struct tri_wait long_wait = {.timeout_ns = 10000000000u};
static const struct tri_wait soon = {.timeout_ns = 120000000};

static bool write_in_stage(struct tri_sync *sync, uint32_t region) {
    tri_claim claim;
    if (tri_sync_acquire_write(sync, region, GPU, &long_wait, &claim, NULL) != TRI_OK)
        return false;
    trii_sync_note_stage(sync, claim, "apply_mask");
    return true;
}

static bool read_it(struct tri_sync *sync, uint32_t region) {
    tri_claim claim;
    return tri_sync_acquire_read(sync, region, GPU, &long_wait, &claim, NULL) == TRI_OK;
}

static bool read_twenty(struct tri_sync *sync, uint32_t region) {
    for (int i = 0; i < 20; i++)
        if (!read_it(sync, region))
            return false;
    return true;
}

static bool write_and_downgrade(struct tri_sync *sync, uint32_t region) {
    tri_claim claim;
    return tri_sync_acquire_write(sync, region, GPU, &long_wait, &claim, NULL) == TRI_OK &&
           tri_sync_downgrade(sync, claim, NULL) == TRI_OK;
}

static void a_dead_writers_region_is_poisoned_with_pid_and_stage(void **state) {
    struct tri_sync *sync = *state;
    struct tri_error told;
    char pid[16];
    tri_claim claim;
    struct child child = begin_child(sync, write_in_stage, 0);
    assert_status(tri_sync_acquire_read(sync, 0, HOST, &soon, &claim, &err), TRI_TIMEOUT);
    kill_child(&child);
    assert_status(tri_sync_acquire_read(sync, 0, HOST, &long_wait, &claim, &err), TRI_POISONED);
    snprintf(pid, sizeof pid, "%d", (int)child.pid);
    assert_true(tri_sync_poison_cause(sync, 0, &told));
    assert_non_null(strstr(told.message, pid));
    assert_string_equal(told.stage, "apply_mask");
    assert_string_equal(told.engine, "webgpu");
    bury(&child);
    assert_ok(tri_sync_reset(sync, 0, &err));
    assert_ok(tri_sync_acquire_read(sync, 0, HOST, NULL, &claim, &err));
    assert_ok(tri_sync_release(sync, claim, &err));
}

static void a_dead_reader_is_no_reader(void **state) {
    struct tri_sync *sync = *state;
    bool (*const acts[])(struct tri_sync *, uint32_t) = {read_it, read_twenty, write_and_downgrade};
    for (size_t i = 0; i < 3; i++) {
        tri_claim claim;
        struct child child = begin_child(sync, acts[i], 1);
        assert_int_equal(tri_sync_state(sync, 1), TRI_SYNC_GPU_READING);
        assert_status(tri_sync_acquire_write(sync, 1, HOST, &soon, &claim, &err), TRI_TIMEOUT);
        kill_child(&child);
        assert_ok(tri_sync_acquire_write(sync, 1, HOST, &long_wait, &claim, &err));
        assert_ok(tri_sync_release(sync, claim, &err));
        assert_int_equal(tri_sync_state(sync, 1), TRI_SYNC_IDLE);
        bury(&child);
    }
}

static void trying_notices_the_dead_as_well(void **state) {
    struct tri_sync *sync = *state;
    tri_claim claim;
    struct child child = begin_child(sync, read_it, 2);
    kill_child(&child);
    tri_status status = TRI_BUSY;
    for (uint64_t i = 0; i < 100000000u && status == TRI_BUSY; i++)
        status = tri_sync_try_acquire_write(sync, 2, HOST, &claim, &err);
    assert_int_equal(status, TRI_OK);
    assert_ok(tri_sync_release(sync, claim, &err));
    bury(&child);
}

/* Several at once, never waiting: the one who asks so is told of the dead, too. */
static void trying_many_notices_the_dead_as_well(void **state) {
    struct tri_sync *sync = *state;
    const struct tri_claim_request both[] = {{1, HOST, TRI_ACCESS_READ}, {2, HOST, TRI_ACCESS_WRITE}};
    const struct tri_wait once = {.timeout_ns = 0};
    tri_claim claims[2];
    struct child child = begin_child(sync, read_it, 2);
    assert_status(tri_sync_acquire_many(sync, both, 2, &once, claims, &err), TRI_BUSY);
    kill_child(&child);
    tri_status status = TRI_BUSY;
    for (uint64_t i = 0; i < 100000000u && status == TRI_BUSY; i++)
        status = tri_sync_acquire_many(sync, both, 2, &once, claims, &err);
    assert_int_equal(status, TRI_OK);
    assert_ok(tri_sync_release(sync, claims[0], &err));
    assert_ok(tri_sync_release(sync, claims[1], &err));
    bury(&child);
}

static void a_dead_waiter_leaves_nothing(void **state) {
    struct tri_sync *sync = *state;
    struct tri_sync_info info;
    tri_claim held, claim;
    assert_ok(tri_sync_acquire_read(sync, 3, HOST, NULL, &held, &err));
    pid_t pid = fork();
    if (pid == 0) {
        tri_status ignored = tri_sync_acquire_write(sync, 3, GPU, NULL, &claim, NULL);
        _exit(ignored == TRI_OK ? 0 : 1);
    }
    do
        assert_ok(tri_sync_inspect(sync, 3, &info, &err));
    while (info.waiting_writers == 0);
    /* It is waiting: later readers queue behind it. */
    assert_status(tri_sync_try_acquire_read(sync, 3, HOST, &claim, &err), TRI_BUSY);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_ok(tri_sync_acquire_read(sync, 3, HOST, &long_wait, &claim, &err));
    assert_ok(tri_sync_inspect(sync, 3, &info, &err));
    assert_int_equal(info.waiting_writers, 0);
    assert_int_equal(info.waiting_readers, 0);
    assert_int_equal(info.readers[HOST], 2);
    assert_ok(tri_sync_release(sync, claim, &err));
    assert_ok(tri_sync_release(sync, held, &err));
    assert_ok(tri_sync_try_acquire_write(sync, 3, HOST, &claim, &err));
    assert_ok(tri_sync_release(sync, claim, &err));
}

static void stopped_is_not_dead(void **state) {
    struct tri_sync *sync = *state;
    tri_claim claim;
    struct child child = begin_child(sync, write_in_stage, 4);
    kill(child.pid, SIGSTOP);
    siginfo_t info;
    waitid(P_PID, (id_t)child.pid, &info, WSTOPPED);
    assert_status(tri_sync_acquire_write(sync, 4, HOST, &soon, &claim, &err), TRI_TIMEOUT);
    assert_int_equal(tri_sync_state(sync, 4), TRI_SYNC_GPU_WRITING);
    kill_child(&child);
    bury(&child);
    assert_ok(tri_sync_acquire_poisoned(sync, 4, HOST, &long_wait, &claim, &err));
    assert_ok(tri_sync_release(sync, claim, &err));
}

static void a_forked_child_owns_nothing(void **state) {
    struct tri_sync *sync = *state;
    tri_claim writer, reader;
    int status = 0;
    assert_ok(tri_sync_acquire_write(sync, 5, HOST, NULL, &writer, &err));
    assert_ok(tri_sync_acquire_read(sync, 6, HOST, NULL, &reader, &err));
    pid_t pid = fork();
    if (pid == 0) {
        tri_claim own;
        bool good = tri_sync_release(sync, writer, NULL) == TRI_BAD_CLAIM &&
                    tri_sync_release(sync, reader, NULL) == TRI_BAD_CLAIM &&
                    tri_sync_release_region(sync, 5, NULL) == TRI_BAD_CLAIM &&
                    tri_sync_downgrade(sync, writer, NULL) == TRI_BAD_CLAIM &&
                    tri_sync_try_acquire_write(sync, 5, HOST, &own, NULL) == TRI_BUSY &&
                    tri_sync_acquire_read(sync, 6, HOST, NULL, &own, NULL) == TRI_OK &&
                    tri_sync_release(sync, own, NULL) == TRI_OK &&
                    tri_sync_release(sync, reader, NULL) == TRI_BAD_CLAIM;
        tri_sync_destroy(&sync);
        _exit(good ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    assert_int_equal(tri_sync_state(sync, 5), TRI_SYNC_HOST_WRITING);
    assert_ok(tri_sync_release(sync, writer, &err));
    assert_ok(tri_sync_release(sync, reader, &err));
}

/* In private memory the child has a copy of its own, in which the parent will never release anything. */
static void a_childs_private_copy_recovers(void **state) {
    (void)state;
    struct tri_sync *own = NULL;
    tri_claim writer, reader;
    int status = 0;
    assert_ok(tri_sync_create(4, &own, &err));
    assert_ok(tri_sync_acquire_write(own, 0, HOST, NULL, &writer, &err));
    assert_ok(tri_sync_acquire_read(own, 1, HOST, NULL, &reader, &err));
    pid_t pid = fork();
    if (pid == 0) {
        tri_claim mine;
        bool good = tri_sync_release(own, writer, NULL) == TRI_BAD_CLAIM &&
                    tri_sync_acquire_write(own, 0, HOST, &long_wait, &mine, NULL) == TRI_POISONED &&
                    tri_sync_acquire_write(own, 1, HOST, &long_wait, &mine, NULL) == TRI_OK &&
                    tri_sync_release(own, mine, NULL) == TRI_OK;
        tri_sync_destroy(&own);
        _exit(good ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    assert_ok(tri_sync_release(own, writer, &err));
    assert_ok(tri_sync_release(own, reader, &err));
    tri_sync_destroy(&own);
}

static void a_reused_pid_inherits_nothing(void **state) {
    struct tri_sync *sync = *state;
    tri_claim claim;
    struct child child = begin_child(sync, read_it, 7);
    /* As if the child had died and another process now had its pid: same pid, other start. */
    uint32_t index = 0;
    for (uint32_t i = 1; i < TRII_MEMBERS; i++)
        if ((pid_t)(trii_load_relaxed(&sync->head->members[i]) & 0x3fffff) == child.pid)
            index = i;
    assert_int_not_equal(index, 0);
    trii_add_relaxed(&sync->head->members[index], (uint64_t)1 << 22);
    assert_ok(tri_sync_acquire_write(sync, 7, HOST, &long_wait, &claim, &err));
    assert_ok(tri_sync_release(sync, claim, &err));
    kill_child(&child);
    bury(&child);
}

/* Nobody waits for any of them; one look takes all their traces away. */
static void many_dead_go_at_one_look(void **state) {
    struct tri_sync *sync = *state;
    tri_claim claim;
    for (uint32_t i = 0; i < 100; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(read_it(sync, i % (REGIONS - 1)) && (i > 0 || write_in_stage(sync, REGIONS - 1)) ? 0 : 1);
        int status = 1;
        waitpid(pid, &status, 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(tri_sync_state(sync, 6), TRI_SYNC_GPU_READING);
    assert_true(trii_sync_look_for_dead(sync));
    for (uint32_t region = 0; region < REGIONS - 1; region++) {
        assert_int_equal(tri_sync_state(sync, region), TRI_SYNC_IDLE);
        assert_ok(tri_sync_try_acquire_write(sync, region, HOST, &claim, &err));
        assert_ok(tri_sync_release(sync, claim, &err));
    }
    assert_true(tri_sync_poison_cause(sync, REGIONS - 1, NULL));
    uint32_t members = 0;
    for (uint32_t i = 1; i < TRII_MEMBERS; i++)
        members += trii_load_relaxed(&sync->head->members[i]) != 0;
    assert_int_equal(members, 1);
}

/* A peer may write anything into the shared part: whatever we answer, we stay within our memory and come back. */
static void a_scribbling_peer_harms_no_memory(void **state) {
    struct tri_sync *sync = *state;
    const struct tri_wait short_wait = {.timeout_ns = 1000000};
    uint64_t random = 88172645463325252u;
    for (int round = 0; round < 300; round++) {
        for (uint32_t region = 0; region < REGIONS; region++) {
            _Atomic uint64_t *places[] = {&trii_cell(sync, region)->word, &sync->causes[region].writing,
                                          &sync->colds[region].arrivals, &sync->head->members[round % 1024]};
            for (size_t i = 0; i < 4; i++) {
                random ^= random << 13, random ^= random >> 7, random ^= random << 17;
                trii_store_relaxed(places[i], random);
            }
            for (uint32_t slot = 1; slot <= TRII_SLOTS; slot++) {
                random ^= random << 13, random ^= random >> 7, random ^= random << 17;
                trii_store_relaxed(trii_slot_at(sync, region, slot), random);
                trii_store_relaxed(&sync->colds[region].ticket[slot - 1], random >> 3);
            }
            for (size_t i = 0; i < TRII_CAUSE_WORDS; i++)
                trii_store_relaxed(&sync->causes[region].words[i], random * i);
        }
        uint32_t region = (uint32_t)round % REGIONS;
        tri_claim claim = TRI_CLAIM_NONE;
        struct tri_sync_info info;
        tri_status status = round % 2 ? tri_sync_acquire_read(sync, region, GPU, &short_wait, &claim, &err)
                                      : tri_sync_acquire_write(sync, region, GPU, &short_wait, &claim, &err);
        if (status == TRI_OK)
            status = tri_sync_release(sync, claim, &err);
        status = tri_sync_release(sync, random, &err);
        status = tri_sync_inspect(sync, region, &info, &err);
        status = tri_sync_reset(sync, region, &err);
        (void)status;
        assert_true((unsigned)tri_sync_state(sync, region) <= 8);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_dead_writers_region_is_poisoned_with_pid_and_stage, make, unmake),
        cmocka_unit_test_setup_teardown(a_dead_reader_is_no_reader, make, unmake),
        cmocka_unit_test_setup_teardown(trying_notices_the_dead_as_well, make, unmake),
        cmocka_unit_test_setup_teardown(trying_many_notices_the_dead_as_well, make, unmake),
        cmocka_unit_test_setup_teardown(a_dead_waiter_leaves_nothing, make, unmake),
        cmocka_unit_test_setup_teardown(stopped_is_not_dead, make, unmake),
        cmocka_unit_test_setup_teardown(a_forked_child_owns_nothing, make, unmake),
        cmocka_unit_test(a_childs_private_copy_recovers),
        cmocka_unit_test_setup_teardown(a_reused_pid_inherits_nothing, make, unmake),
        cmocka_unit_test_setup_teardown(many_dead_go_at_one_look, make, unmake),
        cmocka_unit_test_setup_teardown(a_scribbling_peer_harms_no_memory, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
