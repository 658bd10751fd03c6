/* Frames in flight: order, back-pressure, failures, the end and cancellation. */
#include "kit.h"

#include <stdatomic.h>

#define SLOTS 4u

/* A stream of numbers: frame i is i * 7; work doubles it; drain checks it. */
struct stream {
    uint64_t frames;                 /* that the source has */
    uint64_t value[SLOTS];
    uint64_t filled, drained;        /* changed in their turns only: ThreadSanitizer says if not */
    _Atomic uint32_t in_flight, most_in_flight;
    uint64_t fails_to_fill, fails_to_work, fails_to_drain; /* frame numbers; UINT64_MAX: none */
    uint64_t failed_seen;
    struct tri_cancel *cancel;
    uint64_t cancels_at;
    _Atomic uint32_t meeting; /* how many workers must meet before any goes on; 0: none */
    _Atomic uint32_t met;
    bool in_order;
    uint64_t worked; /* changed in its turn only */
};

static const struct stream no_trouble = {
    .fails_to_fill = UINT64_MAX, .fails_to_work = UINT64_MAX, .fails_to_drain = UINT64_MAX, .cancels_at = UINT64_MAX};

static tri_status trouble(struct tri_error *err, const char *words) {
    *err = (struct tri_error){.status = TRI_ENGINE_FAILED};
    snprintf(err->message, sizeof err->message, "%s", words);
    return TRI_ENGINE_FAILED;
}

static tri_status fill(void *user, uint32_t slot, uint64_t frame, bool *end, struct tri_error *err) {
    struct stream *s = user;
    assert_true(slot < SLOTS);
    assert_int_equal(frame, s->filled);
    if (frame == s->fails_to_fill)
        return trouble(err, "fill");
    if (frame == s->cancels_at)
        tri_cancel_set(s->cancel);
    if (frame == s->frames) {
        *end = true;
        return TRI_OK;
    }
    s->filled++;
    s->value[slot] = frame * 7;
    uint32_t now = atomic_fetch_add(&s->in_flight, 1) + 1, most = atomic_load(&s->most_in_flight);
    while (now > most && !atomic_compare_exchange_weak(&s->most_in_flight, &most, now))
        ;
    return TRI_OK;
}

static tri_status work(void *user, uint32_t slot, uint64_t frame, struct tri_error *err) {
    struct stream *s = user;
    if (atomic_load(&s->meeting)) { /* only frames that are worked on side by side get past this */
        atomic_fetch_add(&s->met, 1);
        while (atomic_load(&s->met) < atomic_load(&s->meeting))
            ;
    }
    if (s->in_order)
        assert_int_equal(frame, s->worked++);
    if (frame == s->fails_to_work)
        return trouble(err, "work");
    s->value[slot] *= 2;
    return TRI_OK;
}

static tri_status drain(void *user, uint32_t slot, uint64_t frame, const struct tri_error *failed,
                        struct tri_error *err) {
    struct stream *s = user;
    assert_int_equal(frame, s->drained);
    atomic_fetch_sub(&s->in_flight, 1);
    if (frame == s->fails_to_drain)
        return trouble(err, "drain");
    s->drained++;
    if (failed) {
        assert_string_equal(failed->message, "work");
        s->failed_seen++;
    } else {
        assert_int_equal(s->value[slot], frame * 14);
    }
    return TRI_OK;
}

static const struct tri_frames_calls calls = {
    .struct_bytes = sizeof calls, .fill = fill, .work = work, .drain = drain};

static tri_status run(struct stream *s, struct tri_frames_params *params, struct tri_frames_report *report,
                      struct tri_error *err) {
    params->struct_bytes = sizeof *params;
    params->slots = params->slots ? params->slots : SLOTS;
    return tri_frames_run(params, &calls, s, report, err);
}

static void frames_come_out_in_order(void **state) {
    (void)state;
    for (uint32_t slots = 1; slots <= SLOTS; slots++) {
        struct stream s = no_trouble;
        struct tri_frames_params params = {.slots = slots};
        struct tri_frames_report report;
        struct tri_error err = {0};
        s.frames = 2000;
        assert_ok(run(&s, &params, &report, &err));
        assert_int_equal(report.frames, 2000);
        assert_int_equal(report.drained, 2000);
        assert_int_equal(report.failed, 0);
        assert_int_equal(s.drained, 2000);
        assert_true(atomic_load(&s.most_in_flight) <= slots); /* a slow sink holds the source back */
    }
}

static void frames_are_worked_on_side_by_side(void **state) {
    (void)state;
    struct stream s = no_trouble;
    struct tri_frames_params params = {0};
    struct tri_error err = {0};
    s.frames = 5 * SLOTS;
    atomic_store(&s.meeting, SLOTS); /* would never end with fewer at once */
    assert_ok(run(&s, &params, NULL, &err));
    assert_int_equal(s.drained, 5 * SLOTS);
}

static void work_can_be_in_order(void **state) {
    (void)state;
    struct stream s = no_trouble;
    struct tri_frames_params params = {.in_order = true};
    struct tri_error err = {0};
    s.frames = 2000;
    s.in_order = true;
    assert_ok(run(&s, &params, NULL, &err));
    assert_int_equal(s.worked, 2000);
}

static void an_empty_stream_ends(void **state) {
    (void)state;
    struct stream s = no_trouble;
    struct tri_frames_params params = {0};
    struct tri_frames_report report;
    struct tri_error err = {0};
    assert_ok(run(&s, &params, &report, &err));
    assert_int_equal(report.frames, 0);
    assert_int_equal(s.drained, 0);
}

static void a_failure_ends_the_stream_after_the_frames_before_it(void **state) {
    (void)state;
    const char *const words[] = {"fill", "work", "drain"};
    for (int which = 0; which < 3; which++)
        for (uint64_t at = 0; at < 40; at += 13) {
            struct stream s = no_trouble;
            struct tri_frames_params params = {0};
            struct tri_frames_report report;
            struct tri_error err = {0};
            s.frames = 100;
            *(which == 0 ? &s.fails_to_fill : which == 1 ? &s.fails_to_work : &s.fails_to_drain) = at;
            assert_status(run(&s, &params, &report, &err), TRI_ENGINE_FAILED);
            assert_string_equal(err.message, words[which]);
            assert_int_equal(s.drained, at);
            assert_int_equal(report.drained, at);
            assert_true(report.frames <= at + SLOTS);
        }
}

static void a_failed_frame_can_be_left_out(void **state) {
    (void)state;
    struct stream s = no_trouble;
    struct tri_frames_params params = {.skip_failed = true};
    struct tri_frames_report report;
    struct tri_error err = {0};
    s.frames = 50;
    s.fails_to_work = 17;
    assert_ok(run(&s, &params, &report, &err));
    assert_int_equal(s.drained, 50);
    assert_int_equal(s.failed_seen, 1);
    assert_int_equal(report.failed, 1);
}

static void cancelling_ends_it_with_whole_frames(void **state) {
    (void)state;
    struct stream s = no_trouble;
    struct tri_frames_params params = {0};
    struct tri_frames_report report;
    struct tri_error err = {0};
    assert_ok(tri_cancel_create(&s.cancel, &err));
    params.cancel = s.cancel;
    s.frames = UINT64_MAX;
    s.cancels_at = 200;
    assert_status(run(&s, &params, &report, &err), TRI_CANCELLED);
    assert_int_equal(report.frames, report.drained); /* what was begun was finished */
    assert_int_equal(report.frames, 201);
    tri_cancel_destroy(&s.cancel);
}

static void senseless_arguments_are_refused(void **state) {
    (void)state;
    struct stream s = no_trouble;
    struct tri_error err = {0};
    struct tri_frames_params params = {.struct_bytes = sizeof params, .slots = TRI_FRAMES_SLOTS_MAX + 1};
    struct tri_frames_calls half = calls;
    assert_status(tri_frames_run(&params, &calls, &s, NULL, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_frames_run(NULL, NULL, &s, NULL, &err), TRI_INVALID_ARGUMENT);
    half.drain = NULL;
    assert_status(tri_frames_run(NULL, &half, &s, NULL, &err), TRI_INVALID_ARGUMENT);
    assert_true(tri_frames_slots(NULL) >= 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_out_in_order),
        cmocka_unit_test(frames_are_worked_on_side_by_side),
        cmocka_unit_test(work_can_be_in_order),
        cmocka_unit_test(an_empty_stream_ends),
        cmocka_unit_test(a_failure_ends_the_stream_after_the_frames_before_it),
        cmocka_unit_test(a_failed_frame_can_be_left_out),
        cmocka_unit_test(cancelling_ends_it_with_whole_frames),
        cmocka_unit_test(senseless_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
