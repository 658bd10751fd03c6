/* Traces: nothing while none is on, the last events when there were too many, and a file that readers understand. */
#include "kit.h"

#include "base/alloc.h"
#include "base/fault.h"
#include "base/sys.h"
#include "base/trace.h"

#include <jansson.h>
#include <pthread.h>
#include <unistd.h>

static struct tri_error err;
static char path[64];

static int begin(void **state) {
    (void)state;
    memset(&err, 0, sizeof err);
    snprintf(path, sizeof path, "trace-test-%d.json", (int)getpid());
    return 0;
}
static int end(void **state) {
    (void)state;
    tri_trace_end();
    unlink(path);
    return 0;
}

static void tell(enum trii_track track, const char *name, const char *region, uint64_t begin_ns, uint64_t end_ns) {
    trii_trace_add(&(struct trii_span){
        .track = track, .name = name, .region = region, .begin_ns = begin_ns, .end_ns = end_ns});
}

/* What is in the file; the caller gives it back. Checks what every reader relies on. */
static json_t *written(void) {
    json_error_t why;
    json_t *event, *root;
    size_t i;
    char names[64] = {0};
    assert_ok(tri_trace_write(path, &err));
    root = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    if (!root)
        fail_msg("line %d: %s", why.line, why.text);
    json_array_foreach(json_object_get(root, "traceEvents"), i, event) {
        const char *phase = json_string_value(json_object_get(event, "ph"));
        json_int_t lane = json_integer_value(json_object_get(event, "tid"));
        assert_true(json_is_string(json_object_get(event, "name")));
        assert_int_equal(json_integer_value(json_object_get(event, "pid")), getpid());
        assert_true(lane >= 0 && lane < 64);
        if (strcmp(phase, "M") == 0) {
            names[lane] = 1;
            continue;
        }
        assert_string_equal(phase, "X");
        assert_true(json_number_value(json_object_get(event, "ts")) >= 0);
        assert_true(json_number_value(json_object_get(event, "dur")) >= 0);
        assert_true(json_is_string(json_object_get(event, "cat")));
    }
    json_array_foreach(json_object_get(root, "traceEvents"), i, event)
        assert_true(names[json_integer_value(json_object_get(event, "tid"))]); /* every track has a name */
    return root;
}

static size_t count_events(const json_t *root) {
    size_t count = 0, i;
    json_t *event;
    json_array_foreach(json_object_get(root, "traceEvents"), i, event)
        count += strcmp(json_string_value(json_object_get(event, "ph")), "X") == 0;
    return count;
}

static json_int_t lost(const json_t *root) {
    return json_integer_value(json_object_get(json_object_get(root, "otherData"), "events_lost"));
}

static void without_a_trace_nothing_is_recorded(void **state) {
    (void)state;
    assert_false(tri_trace_is_on());
    assert_int_equal(trii_trace_now(), 0);
    uint64_t before = trii_alloc_count();
    tell(TRII_TRACK_STAGE, "early", NULL, 5, 6);
    assert_int_equal(trii_alloc_count(), before);
    assert_status(tri_trace_write(path, &err), TRI_INVALID_ARGUMENT);
    assert_int_equal(access(path, F_OK), -1);
    tri_trace_end();
    assert_ok(tri_trace_begin(NULL, &err));
    assert_true(tri_trace_is_on());
    assert_true(trii_trace_now() > 0);
    assert_status(tri_trace_begin(NULL, &err), TRI_BUSY);
    json_t *root = written();
    assert_int_equal(count_events(root), 0);
    json_decref(root);
}

static void wrong_parameters_are_refused(void **state) {
    (void)state;
    struct tri_trace_params params = {.struct_bytes = sizeof params, .event_count = UINT32_MAX};
    assert_status(tri_trace_begin(&params, &err), TRI_LIMIT);
    params.struct_bytes = 0;
    assert_status(tri_trace_begin(&params, &err), TRI_INVALID_ARGUMENT);
    assert_false(tri_trace_is_on());
    assert_ok(tri_trace_begin(NULL, &err));
    assert_status(tri_trace_write(NULL, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_trace_write("/nowhere/at/all.json", &err), TRI_IO);
    assert_true(tri_trace_is_on());
}

static const char *track_of(const json_t *root, const char *name) {
    json_t *event;
    size_t i;
    json_int_t lane = -1;
    json_array_foreach(json_object_get(root, "traceEvents"), i, event)
        if (strcmp(json_string_value(json_object_get(event, "name")), name) == 0)
            lane = json_integer_value(json_object_get(event, "tid"));
    json_array_foreach(json_object_get(root, "traceEvents"), i, event)
        if (strcmp(json_string_value(json_object_get(event, "name")), "thread_name") == 0 &&
            json_integer_value(json_object_get(event, "tid")) == lane)
            return json_string_value(json_object_get(json_object_get(event, "args"), "name"));
    fail_msg("no event %s", name);
    return NULL;
}

static void events_stand_on_tracks(void **state) {
    (void)state;
    assert_ok(tri_trace_begin(NULL, &err));
    tell(TRII_TRACK_STAGE, "resize", NULL, 1000, 5000);
    tell(TRII_TRACK_CLAIM, "holder", "work", 1100, 4900);
    trii_trace_add(&(struct trii_span){.track = TRII_TRACK_ENGINE,
                                       .technology = TRI_TECHNOLOGY_WEBGPU,
                                       .name = "dispatch",
                                       .begin_ns = 1200,
                                       .end_ns = 4000});
    trii_trace_add(&(struct trii_span){.track = TRII_TRACK_COPY,
                                       .name = "copier",
                                       .region = "a \"quoted\"\n\xff label",
                                       .cause = "staging",
                                       .bytes = 77,
                                       .begin_ns = 1300,
                                       .end_ns = 1300});
    json_t *root = written(), *event, *args;
    size_t i;
    assert_int_equal(count_events(root), 4);
    assert_string_equal(track_of(root, "resize"), "stages");
    assert_string_equal(track_of(root, "holder"), "claims: work");
    assert_string_equal(track_of(root, "dispatch"), "engine: webgpu");
    assert_string_equal(track_of(root, "copier"), "copies");
    json_array_foreach(json_object_get(root, "traceEvents"), i, event) {
        if (strcmp(json_string_value(json_object_get(event, "name")), "copier") != 0)
            continue;
        args = json_object_get(event, "args");
        assert_int_equal(json_integer_value(json_object_get(args, "bytes")), 77);
        assert_string_equal(json_string_value(json_object_get(args, "region")), "a \"quoted\" ? label");
        assert_true(json_number_value(json_object_get(event, "ts")) == 0.3); /* µs from the first event */
    }
    json_decref(root);
}

/* Half-way overlapping spans on one track are drawn wrongly: they get tracks of their own. */
static void spans_of_one_track_do_not_overlap(void **state) {
    (void)state;
    struct {
        double end;
    } lanes[64] = {{0}};
    json_t *event;
    size_t i;
    assert_ok(tri_trace_begin(NULL, &err));
    for (uint64_t n = 0; n < 200; n++)
        tell(TRII_TRACK_CLAIM, "reader", "photo", 1000 + n * 10, 1000 + n * 10 + (n * 7919) % 60);
    json_t *root = written();
    assert_int_equal(count_events(root), 200);
    json_array_foreach(json_object_get(root, "traceEvents"), i, event) {
        if (strcmp(json_string_value(json_object_get(event, "ph")), "X") != 0)
            continue;
        json_int_t lane = json_integer_value(json_object_get(event, "tid"));
        double ts = json_number_value(json_object_get(event, "ts"));
        assert_true(ts >= lanes[lane].end - 1e-6);
        lanes[lane].end = ts + json_number_value(json_object_get(event, "dur"));
    }
    json_decref(root);
}

static void a_full_ring_keeps_the_latest(void **state) {
    (void)state;
    const struct tri_trace_params params = {.struct_bytes = sizeof params, .event_count = 10};
    assert_ok(tri_trace_begin(&params, &err));
    uint64_t before = trii_alloc_count();
    for (uint64_t n = 1; n <= 25; n++)
        tell(TRII_TRACK_STAGE, n <= 15 ? "old" : "late", NULL, n * 100, n * 100 + 1);
    assert_int_equal(trii_alloc_count(), before);
    for (int times = 0; times < 2; times++) { /* writing takes nothing away */
        json_t *root = written();
        assert_int_equal(count_events(root), 10);
        assert_int_equal(lost(root), 15);
        assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(root, "traceEvents"), 0), "name")),
                            "late");
        json_decref(root);
    }
}

#define THREADS 4
#define EACH 2000u

static void *tell_many(void *user) {
    for (unsigned n = 0; n < EACH; n++)
        tell(TRII_TRACK_STAGE, user, NULL, trii_sys_now_ns(), 0);
    return NULL;
}

static void many_threads_tell_while_it_is_written(void **state) {
    (void)state;
    const struct tri_trace_params params = {.struct_bytes = sizeof params, .event_count = 64};
    static char names[THREADS][8];
    pthread_t threads[THREADS];
    assert_ok(tri_trace_begin(&params, &err));
    for (int i = 0; i < THREADS; i++) {
        snprintf(names[i], sizeof names[i], "t%d", i);
        assert_int_equal(pthread_create(&threads[i], NULL, tell_many, names[i]), 0);
    }
    for (int i = 0; i < 5; i++)
        json_decref(written());
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    json_t *root = written(), *event;
    size_t i;
    assert_true(count_events(root) <= 64);
    json_array_foreach(json_object_get(root, "traceEvents"), i, event) {
        const char *name = json_string_value(json_object_get(event, "name"));
        if (strcmp(json_string_value(json_object_get(event, "ph")), "X") == 0)
            assert_true(name[0] == 't' && name[1] >= '0' && name[1] < '0' + THREADS && name[2] == '\0');
    }
    json_decref(root);
}

static void failures_leave_no_file_and_the_trace_on(void **state) {
    (void)state;
    bool fired = true;
    for (int kind = 0; kind < 3; kind++) {
        static const enum trii_fault kinds[] = {TRII_FAULT_ALLOC, TRII_FAULT_WRITE, TRII_FAULT_OPEN};
        for (uint64_t n = 0; n == 0 || fired; n++) {
            trii_fault_arm(kinds[kind], n);
            tri_status status = tri_trace_begin(NULL, &err);
            if (status == TRI_OK) {
                tell(TRII_TRACK_STAGE, "one", NULL, 1, 2);
                status = tri_trace_write(path, &err);
            }
            fired = trii_fault_disarm(kinds[kind]);
            if (status != TRI_OK) {
                assert_true(fired && err.message[0]);
                assert_int_equal(access(path, F_OK), -1);
            }
            tri_trace_end();
            unlink(path);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_a_trace_nothing_is_recorded, begin, end),
        cmocka_unit_test_setup_teardown(wrong_parameters_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(events_stand_on_tracks, begin, end),
        cmocka_unit_test_setup_teardown(spans_of_one_track_do_not_overlap, begin, end),
        cmocka_unit_test_setup_teardown(a_full_ring_keeps_the_latest, begin, end),
        cmocka_unit_test_setup_teardown(many_threads_tell_while_it_is_written, begin, end),
        cmocka_unit_test_setup_teardown(failures_leave_no_file_and_the_trace_on, begin, end),
    };
    return cmocka_run_group_tests_name("base_trace", tests, NULL, NULL);
}
