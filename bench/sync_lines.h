/*
 * Lines of bench/sync: series of nanoseconds taken in turns, told with their spread and as a ratio to their baseline.
 */
#ifndef TRIPOINT_BENCH_SYNC_LINES_H
#define TRIPOINT_BENCH_SYNC_LINES_H

#include <stdbool.h>
#include <stddef.h>

#define SYNC_ROUNDS_MAX 401u

struct sync_line {
    const char *name;
    void (*run)(struct sync_line *line); /* adds one value */
    int baseline;                        /* index in the same table; -1 is none */
    double bound;                        /* of the ratio; 0 is none */
    int argument;
    size_t count;
    double ns[SYNC_ROUNDS_MAX];
};

/* Measures all lines in turns and prints them under `group`. */
void sync_lines_measure(const char *group, struct sync_line *lines, size_t count, size_t rounds);
void sync_lines_add(struct sync_line *line, double ns);
/* A single number that is no series. */
void sync_lines_tell(const char *group, const char *name, double value, const char *unit);
void sync_lines_begin(bool json);
void sync_lines_end(void);

/* Ends the process when something that must work does not. */
_Noreturn void sync_fail(const char *what);
static inline void sync_must(bool ok, const char *what) {
    if (!ok)
        sync_fail(what);
}

/* The groups. */
void sync_bench_pairs(size_t rounds);
void sync_bench_handover(size_t rounds);
void sync_bench_asleep(size_t rounds);
void sync_bench_readers(size_t rounds);
void sync_bench_cancel(size_t rounds);

#endif
