/*
 * Recording what happens, for <tripoint/trace.h>. A place that has something to tell:
 *
 *     uint64_t began = trii_trace_now();                    0 while no trace is on
 *     ...
 *     if (began)
 *         trii_trace_add(&(struct trii_span){.track = TRII_TRACK_STAGE, .name = name, .begin_ns = began});
 *
 * Off, that is one relaxed load. On, an event is a slot of the ring: its number is taken with one addition, its texts
 * are copied. Nobody waits: a slot that another thread is still filling (the ring went round meanwhile) loses the event.
 */
#ifndef TRIPOINT_BASE_TRACE_H
#define TRIPOINT_BASE_TRACE_H

#include <tripoint/trace.h>

#include <stdatomic.h>

enum trii_track {
    TRII_TRACK_RUN,     /* a run of a plan */
    TRII_TRACK_STAGE,   /* a stage, claims and engine */
    TRII_TRACK_ENGINE,  /* a stage in its engine; one track a technology */
    TRII_TRACK_CLAIM,   /* a region is held; one track a region */
    TRII_TRACK_WAIT,    /* a stage waits for its claims */
    TRII_TRACK_COPY,    /* a line in the ledger */
    TRII_TRACK_MEDIA,   /* a picture is decoded or encoded */
    TRII_TRACK_PREPARE, /* an engine opens, a stage is prepared; one track a technology */
    TRII_TRACK_COUNT
};

#define TRII_TRACE_TEXT_BYTES 48

struct trii_span {
    enum trii_track track;
    enum tri_technology technology;
    enum tri_access access;    /* 0: says nothing */
    const char *name;          /* texts are copied, cut if long; NULL: none */
    const char *region;
    const char *cause;
    uint64_t bytes;
    uint64_t begin_ns, end_ns; /* end 0: now */
};

/* An event as it lies in the ring. */
struct trii_event {
    _Atomic uint64_t number; /* of the event, from 1; 0 while it is being filled and before */
    _Atomic uint32_t busy;
    uint8_t track, technology, access;
    uint64_t begin_ns, end_ns, bytes;
    char name[TRII_TRACE_TEXT_BYTES], region[TRII_TRACE_TEXT_BYTES], cause[TRII_TRACE_TEXT_BYTES];
};

extern _Atomic uint32_t trii_trace_switch;

static inline bool trii_trace_is_on(void) {
    return atomic_load_explicit(&trii_trace_switch, memory_order_relaxed) != 0;
}

uint64_t trii_trace_now_slowly(void);
static inline uint64_t trii_trace_now(void) {
    return trii_trace_is_on() ? trii_trace_now_slowly() : 0;
}

/* A span that began at 0 (before the trace did) is left out. */
void trii_trace_add(const struct trii_span *span);

/* TRIPOINT_TRACE: begins a trace if it is set and none is on; writes the file if that began one. Failures are told on
 * stderr once: nobody asked in code. */
void trii_trace_begin_by_environment(void);
void trii_trace_write_by_environment(void);

/* For writing: `count` events of the ring in order of their beginning, `lost` are not among them. */
tri_status trii_trace_format(struct trii_event *events, size_t count, uint64_t lost, const char *path,
                             struct tri_error *err);

#endif
