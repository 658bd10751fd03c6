/*
 * The ring, and who may touch it when.
 *
 *   off --begin--> on --write--> paused --written--> on --end--> paused --freed--> off
 *
 * Whoever adds an event says so first (`adding`) and then looks at the switch; whoever pauses turns the switch first and
 * then waits until nobody is adding. Both sides use the one order that all threads agree on, so a paused ring is nobody
 * else's. `lock` is held by begin, write and end only.
 */
#include "base/trace.h"

#include "base/alloc.h"
#include "base/atomic.h"
#include "base/params.h"
#include "base/status.h"
#include "base/sys.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_EVENTS 32768u
#define EVENTS_MAX (1u << 24)

_Atomic uint32_t trii_trace_switch;

static struct {
    pthread_mutex_t lock;
    struct trii_event *ring; /* NULL: no trace is on */
    uint32_t capacity;
    _Atomic uint32_t by_environment;
    _Atomic uint64_t next;   /* events so far */
    _Atomic uint32_t adding; /* threads in trii_trace_add */
} trace = {.lock = PTHREAD_MUTEX_INITIALIZER};

uint64_t trii_trace_now_slowly(void) {
    return trii_sys_now_ns();
}

static void fill(struct trii_event *event, const struct trii_span *span) {
    event->track = (uint8_t)span->track;
    event->technology = (uint8_t)span->technology;
    event->access = (uint8_t)span->access;
    event->begin_ns = span->begin_ns;
    event->end_ns = span->end_ns ? span->end_ns : trii_sys_now_ns();
    event->bytes = span->bytes;
    trii_name_copy(event->name, sizeof event->name, span->name ? span->name : "");
    trii_name_copy(event->region, sizeof event->region, span->region ? span->region : "");
    trii_name_copy(event->cause, sizeof event->cause, span->cause ? span->cause : "");
}

static void add(const struct trii_span *span) {
    uint64_t number = trii_add_relaxed(&trace.next, 1);
    struct trii_event *event = &trace.ring[number % trace.capacity];
    uint32_t idle = 0;
    if (!trii_cas_acquire(&event->busy, &idle, 1)) /* pairs with the release below: its last filler is done */
        return;
    trii_store_relaxed(&event->number, 0);
    fill(event, span);
    trii_store_relaxed(&event->number, number + 1);
    trii_store_release(&event->busy, 0);
}

void trii_trace_add(const struct trii_span *span) {
    if (!trii_trace_is_on() || span->begin_ns == 0)
        return;
    trii_add_seq_cst(&trace.adding, 1);
    if (trii_load_seq_cst(&trii_trace_switch))
        add(span);
    trii_sub_release(&trace.adding, 1); /* pairs with the acquire in pause(): the event is there */
}

static void pause_adding(void) {
    trii_store_seq_cst(&trii_trace_switch, 0);
    while (trii_load_seq_cst(&trace.adding)) /* for as long as copying a few names takes */
        trii_cpu_relax();
}

static tri_status begin(const struct tri_trace_params *given, bool by_environment, struct tri_error *err) {
    struct tri_trace_params params = {.struct_bytes = sizeof params};
    tri_status status = trii_params_read(&params, sizeof params, given, "tri_trace_params", err);
    if (status != TRI_OK)
        return status;
    if (params.event_count == 0)
        params.event_count = DEFAULT_EVENTS;
    if (params.event_count > EVENTS_MAX)
        return trii_fail(err, TRI_LIMIT, "a trace of %u events is more than %u, the most", params.event_count, EVENTS_MAX);
    pthread_mutex_lock(&trace.lock);
    if (trace.ring) {
        status = trii_fail(err, TRI_BUSY, "a trace is on already");
    } else if (!(trace.ring = trii_calloc(params.event_count, sizeof *trace.ring))) {
        status = trii_fail(err, TRI_NO_MEMORY, "no memory for a trace of %u events", params.event_count);
    } else {
        trace.capacity = params.event_count;
        trii_store_relaxed(&trace.by_environment, by_environment);
        trii_store_relaxed(&trace.next, 0);
        trii_store_seq_cst(&trii_trace_switch, 1);
    }
    pthread_mutex_unlock(&trace.lock);
    return status;
}

tri_status tri_trace_begin(const struct tri_trace_params *params, struct tri_error *err) {
    return begin(params, false, err);
}

static int by_beginning(const void *a, const void *b) {
    const struct trii_event *x = a, *y = b;
    if (x->begin_ns != y->begin_ns)
        return x->begin_ns < y->begin_ns ? -1 : 1;
    if (x->end_ns != y->end_ns) /* the longer one is around the shorter one */
        return x->end_ns > y->end_ns ? -1 : 1;
    return x->track < y->track ? -1 : x->track > y->track;
}

/* The ring is paused. What is written is a copy, in order. */
static tri_status write_paused(const char *path, struct tri_error *err) {
    size_t count = 0;
    struct trii_event *events = trii_calloc(trace.capacity, sizeof *events);
    if (!events)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to write a trace of %u events", trace.capacity);
    for (size_t i = 0; i < trace.capacity; i++)
        if (trii_load_relaxed(&trace.ring[i].number))
            events[count++] = trace.ring[i];
    qsort(events, count, sizeof *events, by_beginning);
    tri_status status = trii_trace_format(events, count, trii_load_relaxed(&trace.next) - count, path, err);
    trii_free(events);
    return status;
}

tri_status tri_trace_write(const char *path, struct tri_error *err) {
    tri_status status;
    if (!path)
        return trii_fail(err, TRI_INVALID_ARGUMENT, "tri_trace_write: path is NULL");
    pthread_mutex_lock(&trace.lock);
    if (!trace.ring) {
        status = trii_fail(err, TRI_INVALID_ARGUMENT, "tri_trace_write: no trace is on; tri_trace_begin() begins one");
    } else {
        pause_adding();
        status = write_paused(path, err);
        trii_store_seq_cst(&trii_trace_switch, 1);
    }
    pthread_mutex_unlock(&trace.lock);
    return status;
}

void tri_trace_end(void) {
    pthread_mutex_lock(&trace.lock);
    if (trace.ring) {
        pause_adding();
        trii_free(trace.ring);
        trace.ring = NULL;
        trii_store_relaxed(&trace.by_environment, 0);
    }
    pthread_mutex_unlock(&trace.lock);
}

bool tri_trace_is_on(void) {
    return trii_trace_is_on();
}

static const char *environment(void) {
    const char *path = getenv("TRIPOINT_TRACE");
    return path && path[0] ? path : NULL;
}

static void tell(const struct tri_error *err) {
    fprintf(stderr, "tripoint: TRIPOINT_TRACE: %s\n", err->message);
}

void trii_trace_begin_by_environment(void) {
    struct tri_error err;
    if (!environment() || trii_trace_is_on())
        return;
    tri_status status = begin(NULL, true, &err);
    if (status != TRI_OK && status != TRI_BUSY)
        tell(&err);
}

void trii_trace_write_by_environment(void) {
    struct tri_error err;
    const char *path = environment();
    if (path && trii_load_relaxed(&trace.by_environment) && tri_trace_write(path, &err) != TRI_OK)
        tell(&err);
}
