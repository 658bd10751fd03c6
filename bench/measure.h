/*
 * What the benchmarks of this folder share: series of times, and how they are told to people and (as JSON) to programs.
 *
 * A report begins with the machine, the versions and the command, so that a table can be read without its author.
 */
#ifndef TRIPOINT_BENCH_MEASURE_H
#define TRIPOINT_BENCH_MEASURE_H

#include <tripoint/error.h>

#define BENCH_ROUNDS_MAX 4096

/* Milliseconds, in the order they were measured. Zero is an empty series. */
struct bench_series {
    double ms[BENCH_ROUNDS_MAX];
    size_t count;
};

struct bench_summary {
    double median, p5, p95;
};

double bench_now_ms(void);
void bench_add(struct bench_series *series, double ms);
struct bench_summary bench_summarise(const struct bench_series *series);
/* Of the quotients a[i] / b[i]: both were measured in the same round, so that what slows the machine slows both. */
double bench_ratio(const struct bench_series *a, const struct bench_series *b);

/* ---- reporting ---- */
void bench_report_begin(bool json, const char *name, int argc, char **argv);
/* A row of times; `group` and `what` name it. */
void bench_report_times(const char *group, const char *what, const struct bench_series *series);
/* A single number. `target` (may be NULL) is said beside it. */
void bench_report_value(const char *group, const char *what, double value, const char *unit, const char *target);
void bench_report_end(void);

/* Says who can't go on and ends the process. */
_Noreturn void bench_die(const char *what, const char *why);
/* Dies unless TRI_OK. */
void bench_check(tri_status status, const struct tri_error *err);

/* "--rounds N", "--input FILE", "--json"; anything else is answered with the usage. */
struct bench_options {
    size_t rounds;
    const char *input;
    bool json;
};
struct bench_options bench_options(int argc, char **argv, size_t rounds, const char *usage);

/* RGBA of an image file, enlarged or reduced to width x height (free()). The file has no alpha where the photo is meant. */
uint8_t *bench_photo(const char *path, uint32_t width, uint32_t height);

#endif
