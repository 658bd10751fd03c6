/* sync: who may enter, in one thread. */
#include "kit.h"

#define HOST TRI_TECHNOLOGY_HOST
#define WASM TRI_TECHNOLOGY_WASM
#define GPU TRI_TECHNOLOGY_WEBGPU
#define NPU TRI_TECHNOLOGY_WEBNN

static struct tri_error err;
static const struct tri_wait soon = {.timeout_ns = 2000000};

static int make(void **state) {
    struct tri_sync *sync = NULL;
    assert_ok(tri_sync_create(16, &sync, &err));
    *state = sync;
    return 0;
}

static int unmake(void **state) {
    struct tri_sync *sync = *state;
    tri_sync_destroy(&sync);
    assert_null(sync);
    tri_sync_destroy(&sync);
    tri_sync_destroy(NULL);
    return 0;
}

static void states_have_the_asked_numbers(void **state) {
    struct tri_sync *sync = *state;
    static const struct {
        enum tri_technology technology;
        int reading, writing;
    } asked[] = {{WASM, 6, 1}, {GPU, 2, 3}, {NPU, 4, 5}, {HOST, 7, 8}};
    assert_int_equal(tri_sync_state(sync, 0), 0);
    for (size_t i = 0; i < 4; i++) {
        tri_claim claim;
        assert_ok(tri_sync_acquire_write(sync, 0, asked[i].technology, NULL, &claim, &err));
        assert_int_equal(tri_sync_state(sync, 0), asked[i].writing);
        assert_ok(tri_sync_release(sync, claim, &err));
        assert_ok(tri_sync_acquire_read(sync, 0, asked[i].technology, NULL, &claim, &err));
        assert_int_equal(tri_sync_state(sync, 0), asked[i].reading);
        assert_ok(tri_sync_release(sync, claim, &err));
        assert_int_equal(tri_sync_state(sync, 0), TRI_SYNC_IDLE);
    }
    assert_string_equal(tri_sync_state_name(TRI_SYNC_IDLE), "IDLE");
    assert_string_equal(tri_sync_state_name(TRI_SYNC_GPU_READING), "GPU_READING");
    assert_string_equal(tri_sync_state_name(TRI_SYNC_HOST_WRITING), "HOST_WRITING");
    assert_string_equal(tri_sync_state_name((enum tri_sync_state)9), "?");
    assert_int_equal(tri_sync_state(sync, 16), TRI_SYNC_IDLE);
}

static void every_reader_is_counted(void **state) {
    struct tri_sync *sync = *state;
    tri_claim host, gpu, npu, gpu2, writer;
    struct tri_sync_info info;
    assert_ok(tri_sync_acquire_read(sync, 1, HOST, NULL, &host, &err));
    assert_ok(tri_sync_acquire_read(sync, 1, NPU, NULL, &npu, &err));
    assert_int_equal(tri_sync_state(sync, 1), TRI_SYNC_NPU_READING);
    assert_ok(tri_sync_acquire_read(sync, 1, GPU, NULL, &gpu, &err));
    assert_ok(tri_sync_acquire_read(sync, 1, GPU, NULL, &gpu2, &err));
    assert_int_equal(tri_sync_state(sync, 1), TRI_SYNC_GPU_READING);
    assert_ok(tri_sync_inspect(sync, 1, &info, &err));
    assert_int_equal(info.readers[HOST], 1);
    assert_int_equal(info.readers[GPU], 2);
    assert_int_equal(info.readers[NPU], 1);
    assert_int_equal(info.readers[WASM], 0);
    assert_false(info.poisoned);
    assert_ok(tri_sync_release(sync, gpu, &err));
    assert_status(tri_sync_try_acquire_write(sync, 1, WASM, &writer, &err), TRI_BUSY);
    assert_status(tri_sync_acquire_write(sync, 1, WASM, &soon, &writer, &err), TRI_TIMEOUT);
    assert_non_null(strstr(err.message, "GPU_READING"));
    assert_ok(tri_sync_release(sync, gpu2, &err));
    assert_int_equal(tri_sync_state(sync, 1), TRI_SYNC_NPU_READING);
    assert_ok(tri_sync_release(sync, host, &err));
    assert_status(tri_sync_try_acquire_write(sync, 1, WASM, &writer, &err), TRI_BUSY);
    assert_ok(tri_sync_release(sync, npu, &err));
    assert_ok(tri_sync_try_acquire_write(sync, 1, WASM, &writer, &err));
    assert_ok(tri_sync_release(sync, writer, &err));
}

/* Wherever the last reader has its place, and whether or not there was a crowd. */
static void a_writer_sees_the_last_reader(void **state) {
    struct tri_sync *sync = *state;
    tri_claim readers[12], writer;
    for (int count = 1; count <= 12; count++) {
        for (int i = 0; i < count; i++)
            assert_ok(tri_sync_acquire_read(sync, 1, HOST, NULL, &readers[i], &err));
        for (int i = 0; i < count - 1; i++)
            assert_ok(tri_sync_release(sync, readers[i], &err));
        assert_status(tri_sync_try_acquire_write(sync, 1, HOST, &writer, &err), TRI_BUSY);
        assert_ok(tri_sync_release(sync, readers[count - 1], &err));
        assert_ok(tri_sync_try_acquire_write(sync, 1, HOST, &writer, &err)); /* and takes down what a crowd raised */
        assert_ok(tri_sync_release(sync, writer, &err));
    }
}

static void a_writer_is_alone(void **state) {
    struct tri_sync *sync = *state;
    tri_claim writer, other = 77;
    assert_ok(tri_sync_acquire_write(sync, 2, GPU, NULL, &writer, &err));
    assert_status(tri_sync_try_acquire_read(sync, 2, GPU, &other, &err), TRI_BUSY);
    assert_status(tri_sync_try_acquire_write(sync, 2, GPU, &other, &err), TRI_BUSY);
    assert_status(tri_sync_acquire_read(sync, 2, GPU, &soon, &other, &err), TRI_TIMEOUT);
    assert_status(tri_sync_acquire_write(sync, 2, GPU, &soon, &other, &err), TRI_TIMEOUT);
    assert_int_equal(other, 77);
    assert_ok(tri_sync_release(sync, writer, &err));
    assert_ok(tri_sync_acquire_read(sync, 2, GPU, NULL, &other, &err));
    assert_ok(tri_sync_release(sync, other, &err));
}

static void a_token_is_good_once(void **state) {
    struct tri_sync *sync = *state;
    struct tri_sync *stranger = NULL;
    tri_claim claim, again;
    for (int write = 0; write < 2; write++) {
        if (write)
            assert_ok(tri_sync_acquire_write(sync, 3, GPU, NULL, &claim, &err));
        else
            assert_ok(tri_sync_acquire_read(sync, 3, GPU, NULL, &claim, &err));
        assert_int_not_equal(claim, TRI_CLAIM_NONE);
        assert_ok(tri_sync_release(sync, claim, &err));
        assert_status(tri_sync_release(sync, claim, &err), TRI_BAD_CLAIM);
        /* Not even when somebody holds the same place again. */
        if (write)
            assert_ok(tri_sync_acquire_write(sync, 3, GPU, NULL, &again, &err));
        else
            assert_ok(tri_sync_acquire_read(sync, 3, GPU, NULL, &again, &err));
        assert_status(tri_sync_release(sync, claim, &err), TRI_BAD_CLAIM);
        assert_status(tri_sync_downgrade(sync, claim, &err), TRI_BAD_CLAIM);
        assert_ok(tri_sync_create(16, &stranger, &err));
        assert_status(tri_sync_release(stranger, again, &err), TRI_BAD_CLAIM);
        tri_sync_destroy(&stranger);
        assert_ok(tri_sync_release(sync, again, &err));
    }
    assert_status(tri_sync_release(sync, TRI_CLAIM_NONE, &err), TRI_BAD_CLAIM);
    assert_status(tri_sync_release(sync, UINT64_MAX, &err), TRI_BAD_CLAIM);
    assert_status(tri_sync_release(NULL, claim, &err), TRI_INVALID_ARGUMENT);
}

static void release_by_region_wants_exactly_one(void **state) {
    struct tri_sync *sync = *state;
    tri_claim a, b;
    assert_status(tri_sync_release_region(sync, 4, &err), TRI_BAD_CLAIM);
    assert_ok(tri_sync_acquire_read(sync, 4, GPU, NULL, &a, &err));
    assert_ok(tri_sync_acquire_read(sync, 4, HOST, NULL, &b, &err));
    assert_status(tri_sync_release_region(sync, 4, &err), TRI_BAD_CLAIM);
    assert_ok(tri_sync_release(sync, a, &err));
    assert_ok(tri_sync_release_region(sync, 4, &err));
    assert_status(tri_sync_release(sync, b, &err), TRI_BAD_CLAIM);
    assert_ok(tri_sync_acquire_write(sync, 4, HOST, NULL, &a, &err));
    assert_ok(tri_sync_release_region(sync, 4, &err));
    assert_status(tri_sync_release_region(sync, 99, &err), TRI_INVALID_ARGUMENT);
}

static void misuse_is_answered(void **state) {
    struct tri_sync *sync = *state;
    struct tri_sync *none = NULL;
    tri_claim claim;
    assert_status(tri_sync_acquire_read(sync, 16, HOST, NULL, &claim, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_sync_acquire_write(sync, UINT32_MAX, HOST, NULL, &claim, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_sync_acquire_write(sync, 0, (enum tri_technology)4, NULL, &claim, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_sync_acquire_write(sync, 0, HOST, NULL, NULL, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_sync_acquire_read(NULL, 0, HOST, NULL, &claim, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_sync_create(0, &none, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_sync_create(65537, &none, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_sync_reset(sync, 16, &err), TRI_INVALID_ARGUMENT);
    assert_null(none);
}

static void downgrade_lets_readers_in_and_no_writer(void **state) {
    struct tri_sync *sync = *state;
    tri_claim claim, reader, writer;
    assert_ok(tri_sync_acquire_write(sync, 5, GPU, NULL, &claim, &err));
    assert_ok(tri_sync_downgrade(sync, claim, &err));
    assert_int_equal(tri_sync_state(sync, 5), TRI_SYNC_GPU_READING);
    assert_status(tri_sync_downgrade(sync, claim, &err), TRI_BAD_CLAIM);
    assert_ok(tri_sync_acquire_read(sync, 5, HOST, NULL, &reader, &err));
    assert_status(tri_sync_try_acquire_write(sync, 5, HOST, &writer, &err), TRI_BUSY);
    assert_ok(tri_sync_release(sync, claim, &err));
    assert_status(tri_sync_try_acquire_write(sync, 5, HOST, &writer, &err), TRI_BUSY);
    assert_int_equal(tri_sync_state(sync, 5), TRI_SYNC_HOST_READING);
    assert_ok(tri_sync_release(sync, reader, &err));
    assert_ok(tri_sync_try_acquire_write(sync, 5, HOST, &writer, &err));
    assert_ok(tri_sync_release(sync, writer, &err));
}

/* A writer that gave up has left its flag in a word that is held. */
static void who_gave_up_shuts_nobody_out(void **state) {
    struct tri_sync *sync = *state;
    tri_claim claim, reader, none;
    assert_ok(tri_sync_acquire_write(sync, 10, GPU, NULL, &claim, &err));
    assert_ok(tri_sync_downgrade(sync, claim, &err));
    assert_status(tri_sync_acquire_write(sync, 10, HOST, &soon, &none, &err), TRI_TIMEOUT);
    assert_ok(tri_sync_try_acquire_read(sync, 10, HOST, &reader, &err));
    assert_ok(tri_sync_release(sync, reader, &err));
    assert_ok(tri_sync_release(sync, claim, &err));
    assert_ok(tri_sync_try_acquire_write(sync, 10, HOST, &claim, &err));
    assert_ok(tri_sync_release(sync, claim, &err));
}

static void poison_keeps_the_first_cause_until_reset(void **state) {
    struct tri_sync *sync = *state;
    struct tri_error cause = {.status = TRI_TRAP, .message = "the guest trapped", .stage = "vignette"};
    struct tri_error later = {.status = TRI_DEVICE_LOST, .message = "the device went away"};
    struct tri_error told;
    tri_claim claim;
    assert_false(tri_sync_poison_cause(sync, 6, &told));
    assert_ok(tri_sync_acquire_write(sync, 6, WASM, NULL, &claim, &err));
    assert_ok(tri_sync_poison(sync, claim, &cause, &err));
    assert_ok(tri_sync_poison(sync, claim, &later, &err));
    assert_status(tri_sync_reset(sync, 6, &err), TRI_BUSY);
    assert_ok(tri_sync_release(sync, claim, &err));
    assert_status(tri_sync_poison(sync, claim, &cause, &err), TRI_BAD_CLAIM);
    assert_status(tri_sync_acquire_read(sync, 6, GPU, NULL, &claim, &err), TRI_POISONED);
    assert_non_null(strstr(err.message, "the guest trapped"));
    assert_string_equal(err.stage, "vignette");
    assert_status(tri_sync_try_acquire_write(sync, 6, GPU, &claim, &err), TRI_POISONED);
    assert_true(tri_sync_poison_cause(sync, 6, &told));
    assert_int_equal(told.status, TRI_TRAP);
    assert_ok(tri_sync_reset(sync, 6, &err));
    assert_false(tri_sync_poison_cause(sync, 6, NULL));
    assert_ok(tri_sync_acquire_read(sync, 6, GPU, NULL, &claim, &err));
    assert_status(tri_sync_reset(sync, 6, &err), TRI_BUSY);
    assert_status(tri_sync_poison(sync, claim, &cause, &err), TRI_BAD_CLAIM);
    assert_ok(tri_sync_release(sync, claim, &err));
}

static void a_poisoned_region_is_cured_by_overwriting_it(void **state) {
    struct tri_sync *sync = *state;
    struct tri_error cause = {.status = TRI_TRAP, .message = "first"};
    struct tri_error second = {.status = TRI_DEVICE_LOST, .message = "second"};
    struct tri_error told;
    tri_claim claim;
    assert_ok(tri_sync_acquire_write(sync, 7, WASM, NULL, &claim, &err));
    assert_ok(tri_sync_poison(sync, claim, &cause, &err));
    assert_ok(tri_sync_release(sync, claim, &err));
    /* Failing again leaves the new cause. */
    assert_ok(tri_sync_acquire_poisoned(sync, 7, WASM, NULL, &claim, &err));
    assert_ok(tri_sync_poison(sync, claim, &second, &err));
    assert_ok(tri_sync_release(sync, claim, &err));
    assert_true(tri_sync_poison_cause(sync, 7, &told));
    assert_string_equal(told.message, "second");
    assert_ok(tri_sync_acquire_poisoned(sync, 7, WASM, NULL, &claim, &err));
    assert_ok(tri_sync_release(sync, claim, &err));
    assert_ok(tri_sync_acquire_read(sync, 7, GPU, NULL, &claim, &err));
    assert_ok(tri_sync_release(sync, claim, &err));
    assert_ok(tri_sync_acquire_poisoned(sync, 7, WASM, NULL, &claim, &err)); /* sound regions too */
    assert_ok(tri_sync_release(sync, claim, &err));
}

static void the_limit_of_readers_is_an_error(void **state) {
    struct tri_sync *sync = *state;
    tri_claim claims[TRI_SYNC_CLAIMS_MAX], more;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < TRI_SYNC_CLAIMS_MAX; i++)
            assert_ok(tri_sync_acquire_read(sync, 8, GPU, NULL, &claims[i], &err));
        assert_status(tri_sync_acquire_read(sync, 8, GPU, NULL, &more, &err), TRI_LIMIT);
        assert_status(tri_sync_acquire_write(sync, 8, GPU, &soon, &more, &err), TRI_LIMIT);
        for (size_t i = 0; i < TRI_SYNC_CLAIMS_MAX; i++) {
            assert_status(tri_sync_try_acquire_write(sync, 8, GPU, &more, &err), TRI_BUSY);
            assert_ok(tri_sync_release(sync, claims[i], &err));
        }
        assert_ok(tri_sync_try_acquire_write(sync, 8, GPU, &more, &err));
        assert_ok(tri_sync_release(sync, more, &err));
    }
}

static void many_are_all_or_none(void **state) {
    struct tri_sync *sync = *state;
    struct tri_claim_request wishes[] = {
        {12, GPU, TRI_ACCESS_WRITE}, {10, NPU, TRI_ACCESS_READ}, {11, HOST, TRI_ACCESS_READ_WRITE}};
    tri_claim claims[3] = {1, 2, 3}, one;
    assert_ok(tri_sync_acquire_read(sync, 11, HOST, NULL, &one, &err));
    assert_status(tri_sync_acquire_many(sync, wishes, 3, &soon, claims, &err), TRI_TIMEOUT);
    assert_int_equal(claims[0], 1);
    assert_int_equal(tri_sync_state(sync, 10), TRI_SYNC_IDLE);
    assert_int_equal(tri_sync_state(sync, 12), TRI_SYNC_IDLE);
    assert_ok(tri_sync_release(sync, one, &err));
    assert_ok(tri_sync_acquire_many(sync, wishes, 3, NULL, claims, &err));
    assert_int_equal(tri_sync_state(sync, 12), TRI_SYNC_GPU_WRITING);
    assert_int_equal(tri_sync_state(sync, 10), TRI_SYNC_NPU_READING);
    assert_int_equal(tri_sync_state(sync, 11), TRI_SYNC_HOST_WRITING);
    assert_ok(tri_sync_release(sync, claims[0], &err));
    assert_int_equal(tri_sync_state(sync, 12), TRI_SYNC_IDLE);
    assert_ok(tri_sync_release(sync, claims[1], &err));
    assert_ok(tri_sync_release(sync, claims[2], &err));
    wishes[0].region = 10;
    assert_status(tri_sync_acquire_many(sync, wishes, 3, NULL, claims, &err), TRI_INVALID_ARGUMENT);
    wishes[0].region = 16;
    assert_status(tri_sync_acquire_many(sync, wishes, 3, NULL, claims, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_sync_acquire_many(sync, wishes, 0, NULL, claims, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_sync_acquire_many(sync, wishes, 17, NULL, claims, &err), TRI_INVALID_ARGUMENT);
    wishes[0] = (struct tri_claim_request){1, GPU, (enum tri_access)0};
    assert_status(tri_sync_acquire_many(sync, wishes, 3, NULL, claims, &err), TRI_INVALID_ARGUMENT);
}

static void a_cancelled_wait_ends(void **state) {
    struct tri_sync *sync = *state;
    struct tri_cancel *cancel = NULL;
    tri_claim claim, other;
    assert_ok(tri_cancel_create(&cancel, &err));
    assert_false(tri_cancel_is_set(cancel));
    assert_ok(tri_sync_acquire_write(sync, 9, GPU, NULL, &claim, &err));
    tri_cancel_set(cancel);
    const struct tri_wait wait = {.timeout_ns = TRI_FOREVER, .cancel = cancel};
    assert_status(tri_sync_acquire_read(sync, 9, GPU, &wait, &other, &err), TRI_CANCELLED);
    assert_ok(tri_sync_release(sync, claim, &err));
    tri_cancel_destroy(&cancel);
    assert_null(cancel);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_have_the_asked_numbers),
        cmocka_unit_test(every_reader_is_counted),
        cmocka_unit_test(a_writer_sees_the_last_reader),
        cmocka_unit_test(a_writer_is_alone),
        cmocka_unit_test(a_token_is_good_once),
        cmocka_unit_test(release_by_region_wants_exactly_one),
        cmocka_unit_test(misuse_is_answered),
        cmocka_unit_test(downgrade_lets_readers_in_and_no_writer),
        cmocka_unit_test(who_gave_up_shuts_nobody_out),
        cmocka_unit_test(poison_keeps_the_first_cause_until_reset),
        cmocka_unit_test(a_poisoned_region_is_cured_by_overwriting_it),
        cmocka_unit_test(the_limit_of_readers_is_an_error),
        cmocka_unit_test(many_are_all_or_none),
        cmocka_unit_test(a_cancelled_wait_ends),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
