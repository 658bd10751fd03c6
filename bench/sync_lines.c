#include "sync_lines.h"

#include <stdio.h>
#include <stdlib.h>

static bool as_json;
static bool later;

void sync_fail(const char *what) {
    fprintf(stderr, "bench/sync: %s failed\n", what);
    exit(70);
}

void sync_lines_add(struct sync_line *line, double ns) {
    if (line->count < SYNC_ROUNDS_MAX)
        line->ns[line->count++] = ns;
}

static int by_size(const void *a, const void *b) {
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

struct summary {
    double median, p5, p95;
};

static struct summary summarise(const double *values, size_t count) {
    static double sorted[SYNC_ROUNDS_MAX];
    for (size_t i = 0; i < count; i++)
        sorted[i] = values[i];
    qsort(sorted, count, sizeof *sorted, by_size);
    return (struct summary){sorted[count / 2], sorted[count * 5 / 100], sorted[count * 95 / 100]};
}

/* Of the rounds' quotients: what slows the machine for a moment slows both. */
static double ratio(const struct sync_line *line, const struct sync_line *base) {
    static double quotients[SYNC_ROUNDS_MAX];
    size_t count = line->count < base->count ? line->count : base->count;
    for (size_t i = 0; i < count; i++)
        quotients[i] = line->ns[i] / base->ns[i];
    return count ? summarise(quotients, count).median : 0;
}

static void tell(const char *group, const struct sync_line *lines, const struct sync_line *line) {
    struct summary s = summarise(line->ns, line->count);
    double times = line->baseline < 0 ? 0 : ratio(line, &lines[line->baseline]);
    const char *over = line->bound > 0 && times > line->bound ? "  OVER" : "";
    if (as_json) {
        printf("%s {\"group\": \"%s\", \"name\": \"%s\", \"median_ns\": %.2f, \"p5_ns\": %.2f, \"p95_ns\": %.2f",
               later ? ",\n" : "\n", group, line->name, s.median, s.p5, s.p95);
        if (line->baseline >= 0)
            printf(", \"baseline\": \"%s\", \"ratio\": %.3f, \"bound\": %.2f", lines[line->baseline].name, times,
                   line->bound);
        printf(", \"rounds\": %zu}", line->count);
        later = true;
        return;
    }
    printf("  %-44s %10.2f %10.2f %10.2f", line->name, s.median, s.p5, s.p95);
    if (line->baseline >= 0)
        printf("  x%.2f", times);
    if (line->bound > 0)
        printf(" (x%.2f%s)", line->bound, over);
    printf("\n");
}

void sync_lines_measure(const char *group, struct sync_line *lines, size_t count, size_t rounds) {
    for (size_t round = 0; round < rounds; round++)
        for (size_t i = 0; i < count; i++)
            lines[i].run(&lines[i]);
    if (!as_json)
        printf("%-46s %10s %10s %10s\n", group, "median ns", "p5", "p95");
    for (size_t i = 0; i < count; i++)
        tell(group, lines, &lines[i]);
}

void sync_lines_tell(const char *group, const char *name, double value, const char *unit) {
    if (as_json)
        printf("%s {\"group\": \"%s\", \"name\": \"%s\", \"value\": %.3f, \"unit\": \"%s\"}", later ? ",\n" : "\n",
               group, name, value, unit);
    else
        printf("  %-44s %10.2f %s\n", name, value, unit);
    later = true;
}

void sync_lines_begin(bool json) {
    as_json = json;
    if (json)
        printf("{\"bench\": \"sync\", \"rows\": [");
}

void sync_lines_end(void) {
    if (as_json)
        printf("\n]}\n");
}
