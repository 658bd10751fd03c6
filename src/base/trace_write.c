/*
 * A trace as Chrome's JSON: complete events ("ph": "X") on named tracks, which the format calls threads.
 *
 * Events of one track must not overlap half-way: one that begins before the last has ended gets another track of the
 * same name. Times are microseconds from the first event.
 */
#include "base/trace.h"

#include "base/alloc.h"
#include "base/output.h"
#include "base/status.h"
#include "base/sys.h"
#include "base/text.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define BUFFER_BYTES 65536u
#define TITLE_BYTES (TRII_TRACE_TEXT_BYTES + 24)

struct lane {
    char title[TITLE_BYTES];
    uint8_t track;
    uint64_t end_ns; /* of its last event */
};

struct writer {
    struct trii_output *output;
    struct lane *lanes;
    size_t lane_count;
    char *buffer;
    size_t used;
    bool first; /* nothing has been written into the array */
    tri_status status;
    struct tri_error *err;
};

static const char *const categories[TRII_TRACK_COUNT] = {"run",  "stage", "engine", "claim",
                                                         "wait", "copy",  "media",  "prepare"};

/* Tracks that are one each; the others are named after an engine or a region. */
static const char *const titles[TRII_TRACK_COUNT] = {[TRII_TRACK_RUN] = "runs",
                                                     [TRII_TRACK_STAGE] = "stages",
                                                     [TRII_TRACK_WAIT] = "waits",
                                                     [TRII_TRACK_COPY] = "copies",
                                                     [TRII_TRACK_MEDIA] = "pictures"};

static void put(struct writer *w, const char *text, size_t bytes) {
    if (w->status == TRI_OK && bytes > BUFFER_BYTES - w->used) {
        w->status = trii_output_write(w->output, w->buffer, w->used, w->err);
        w->used = 0;
    }
    if (w->status != TRI_OK)
        return;
    if (bytes > BUFFER_BYTES) {
        w->status = trii_output_write(w->output, text, bytes, w->err);
        return;
    }
    memcpy(w->buffer + w->used, text, bytes); /* not payload: text of the trace */
    w->used += bytes;
}

static tri_status no_memory(struct tri_error *err) {
    return trii_fail(err, TRI_NO_MEMORY, "no memory to write the trace");
}

/* Takes the object over. */
static void put_object(struct writer *w, json_t *object) {
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
    if (!text && w->status == TRI_OK)
        w->status = no_memory(w->err);
    if (text) {
        put(w, w->first ? "\n" : ",\n", w->first ? 1 : 2);
        put(w, text, strlen(text));
        w->first = false;
    }
    free(text);
    json_decref(object);
}

static void title_of(const struct trii_event *event, char title[TITLE_BYTES]) {
    const char *technology = tri_technology_name((enum tri_technology)event->technology);
    switch ((enum trii_track)event->track) {
    case TRII_TRACK_ENGINE:
        snprintf(title, TITLE_BYTES, "engine: %s", technology);
        break;
    case TRII_TRACK_PREPARE:
        snprintf(title, TITLE_BYTES, "preparing: %s", technology);
        break;
    case TRII_TRACK_CLAIM:
        snprintf(title, TITLE_BYTES, "claims: %s", event->region);
        break;
    default:
        snprintf(title, TITLE_BYTES, "%s", titles[event->track]);
        break;
    }
}

/* The track's number, or -1. */
static int lane_for(struct writer *w, const struct trii_event *event) {
    char title[TITLE_BYTES];
    title_of(event, title);
    for (size_t i = 0; i < w->lane_count; i++)
        if (w->lanes[i].end_ns <= event->begin_ns && strcmp(w->lanes[i].title, title) == 0) {
            w->lanes[i].end_ns = event->end_ns;
            return (int)i;
        }
    struct lane *more = trii_realloc(w->lanes, w->lane_count + 1, sizeof *more);
    if (!more)
        return -1;
    w->lanes = more;
    more[w->lane_count] = (struct lane){.track = event->track, .end_ns = event->end_ns};
    snprintf(more[w->lane_count].title, TITLE_BYTES, "%s", title);
    return (int)w->lane_count++;
}

static json_t *arguments(const struct trii_event *event) {
    static const char *const accesses[] = {"", "read", "write", "read-write"};
    json_t *args = json_object();
    if (event->region[0])
        json_object_set_new(args, "region", json_string(event->region));
    if (event->access)
        json_object_set_new(args, "access", json_string(accesses[event->access & 3]));
    if (event->cause[0])
        json_object_set_new(args, "cause", json_string(event->cause));
    if (event->bytes)
        json_object_set_new(args, "bytes", json_integer((json_int_t)event->bytes));
    return args;
}

static double microseconds(uint64_t from, uint64_t to) {
    return to > from ? (double)(to - from) * 1e-3 : 0;
}

static void put_event(struct writer *w, const struct trii_event *event, uint64_t origin) {
    int lane = lane_for(w, event);
    if (lane < 0) {
        w->status = w->status == TRI_OK ? no_memory(w->err) : w->status;
        return;
    }
    put_object(w, json_pack("{s:s,s:s,s:s,s:f,s:f,s:i,s:i,s:o}", "name", event->name, "cat", categories[event->track],
                            "ph", "X", "ts", microseconds(origin, event->begin_ns), "dur",
                            microseconds(event->begin_ns, event->end_ns), "pid", (int)trii_sys_pid(), "tid", lane + 1,
                            "args", arguments(event)));
}

static void put_name(struct writer *w, const char *what, int lane, json_t *name, const char *key) {
    put_object(w, json_pack("{s:s,s:s,s:i,s:i,s:{s:o}}", "name", what, "ph", "M", "pid", (int)trii_sys_pid(), "tid", lane,
                            "args", key, name));
}

/* Tracks stand in the order of enum trii_track, those of one kind in the order of their first events. */
static void put_lanes(struct writer *w) {
    put_name(w, "process_name", 0, json_string("tripoint"), "name");
    for (size_t i = 0; i < w->lane_count; i++) {
        put_name(w, "thread_name", (int)i + 1, json_string(w->lanes[i].title), "name");
        put_name(w, "thread_sort_index", (int)i + 1,
                 json_integer((json_int_t)(w->lanes[i].track * 1000u + i)), "sort_index");
    }
}

static void put_all(struct writer *w, struct trii_event *events, size_t count, uint64_t lost) {
    char end[160];
    put(w, "{\"traceEvents\":[", 16);
    for (size_t i = 0; w->status == TRI_OK && i < count; i++) {
        trii_text_clean(events[i].name); /* labels may be anything */
        trii_text_clean(events[i].region);
        trii_text_clean(events[i].cause);
        put_event(w, &events[i], events[0].begin_ns);
    }
    put_lanes(w);
    int n = snprintf(end, sizeof end,
                     "\n],\"displayTimeUnit\":\"ns\",\"otherData\":{\"tripoint\":\"%s\",\"events_lost\":%llu}}\n",
                     tri_version(), (unsigned long long)lost);
    put(w, end, (size_t)n);
    if (w->status == TRI_OK)
        w->status = trii_output_write(w->output, w->buffer, w->used, w->err);
}

tri_status trii_trace_format(struct trii_event *events, size_t count, uint64_t lost, const char *path,
                             struct tri_error *err) {
    struct writer w = {.first = true, .err = err, .buffer = trii_calloc(BUFFER_BYTES, 1)};
    if (!w.buffer)
        return no_memory(err);
    w.status = trii_output_create(path, TRII_OUTPUT_UNSYNCED, &w.output, err);
    if (w.status == TRI_OK) {
        put_all(&w, events, count, lost);
        if (w.status == TRI_OK)
            w.status = trii_output_commit(&w.output, err);
        else
            trii_output_abandon(&w.output);
    }
    trii_free(w.buffer);
    trii_free(w.lanes);
    return w.status;
}
