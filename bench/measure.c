#include "measure.h"

#include "base/sys.h"
#include "kernels.h"

#include <tripoint/media.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

static bool as_json;

double bench_now_ms(void) {
    return (double)trii_sys_now_ns() / 1e6;
}

void bench_add(struct bench_series *series, double ms) {
    if (series->count < BENCH_ROUNDS_MAX)
        series->ms[series->count++] = ms;
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct bench_summary summarise(double *values, size_t count) {
    qsort(values, count, sizeof *values, by_value);
    return (struct bench_summary){values[count / 2], values[count * 5 / 100], values[count * 95 / 100]};
}

struct bench_summary bench_summarise(const struct bench_series *series) {
    struct bench_series sorted = *series;
    return sorted.count ? summarise(sorted.ms, sorted.count) : (struct bench_summary){0};
}

double bench_ratio(const struct bench_series *a, const struct bench_series *b) {
    struct bench_series quotients = {.count = a->count < b->count ? a->count : b->count};
    for (size_t i = 0; i < quotients.count; i++)
        quotients.ms[i] = a->ms[i] / b->ms[i];
    return bench_summarise(&quotients).median;
}

/* ---- reporting ---- */

static void processor(char *out, size_t bytes) {
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "re");
    snprintf(out, bytes, "unknown");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(out, bytes, "%s", strchr(line, ':') + 2);
            break;
        }
    if (file)
        fclose(file);
}

void bench_report_begin(bool json, const char *name, int argc, char **argv) {
    char cpu[128];
    struct utsname system;
    as_json = json;
    processor(cpu, sizeof cpu);
    uname(&system);
    printf(json ? "{\"bench\": \"%s\", \"tripoint\": \"%s\", \"cpu\": \"%s\", \"cores\": %u, \"kernel\": \"%s\", "
                  "\"command\": \"%s"
                : "# bench/%s, Tripoint %s, on %s, %u cores, Linux %s\n# %s",
           name, tri_version(), cpu, trii_sys_processors(), system.release, argv[0]);
    for (int i = 1; i < argc; i++)
        printf(" %s", argv[i]);
    printf(json ? "\", \"rows\": [" : "\n%-12s %-34s %10s %10s %10s\n", "", "", "median", "p5", "p95");
}

static const char *separator(void) {
    static bool later;
    const char *text = later ? ",\n" : "\n";
    later = true;
    return text;
}

void bench_report_times(const char *group, const char *what, const struct bench_series *series) {
    const struct bench_summary s = bench_summarise(series);
    if (as_json)
        printf("%s {\"group\": \"%s\", \"what\": \"%s\", \"median_ms\": %.4f, \"p5_ms\": %.4f, \"p95_ms\": %.4f, "
               "\"rounds\": %zu}",
               separator(), group, what, s.median, s.p5, s.p95, series->count);
    else
        printf("%-12s %-34s %7.3f ms %7.3f ms %7.3f ms\n", group, what, s.median, s.p5, s.p95);
}

void bench_report_value(const char *group, const char *what, double value, const char *unit, const char *target) {
    if (as_json)
        printf("%s {\"group\": \"%s\", \"what\": \"%s\", \"value\": %.4f, \"unit\": \"%s\"}", separator(), group, what,
               value, unit);
    else
        printf("%-12s %-34s %10.3f %s%s%s\n", group, what, value, unit, target ? "   target " : "",
               target ? target : "");
}

void bench_report_end(void) {
    if (as_json)
        printf("\n]}\n");
}

/* ---- odds and ends ---- */

void bench_die(const char *what, const char *why) {
    fprintf(stderr, "bench: %s: %s\n", what, why);
    exit(1);
}

void bench_check(tri_status status, const struct tri_error *err) {
    if (status != TRI_OK)
        bench_die(tri_status_name(status), err->message);
}

struct bench_options bench_options(int argc, char **argv, size_t rounds, const char *usage) {
    struct bench_options options = {.rounds = rounds, .input = "samples/astronaut.png"};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            options.json = true;
        else if (strcmp(argv[i], "--input") == 0 && i + 1 < argc)
            options.input = argv[++i];
        else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
            options.rounds = strtoul(argv[++i], NULL, 10);
        else
            bench_die("usage", usage);
    }
    if (options.rounds < 1 || options.rounds > BENCH_ROUNDS_MAX)
        bench_die("--rounds", "from 1 to 4096");
    return options;
}

/* Decodes through an arena of its own. */
static uint8_t *decode(const char *path, struct trii_size *size) {
    struct tri_error err = {0};
    struct tri_image *image;
    struct tri_image_info info;
    struct tri_arena *arena;
    struct tri_host_view view;
    tri_handle region;
    bench_check(tri_image_open_file(path, &image, &err), &err);
    tri_image_info(image, &info);
    const size_t bytes = (size_t)info.width * info.height * 4;
    uint8_t *pixels = malloc(bytes);
    if (!pixels)
        bench_die(path, "out of memory");
    bench_check(tri_arena_create(NULL, &arena, &err), &err);
    bench_check(tri_arena_allocate_shared(arena, bytes, &region, &err), &err);
    bench_check(tri_image_decode(image, arena, region, &err), &err);
    bench_check(tri_host_view_begin(arena, region, TRI_ACCESS_READ, NULL, &view, &err), &err);
    memcpy(pixels, view.read, bytes);
    bench_check(tri_host_view_end(arena, &view, &err), &err);
    tri_image_close(&image);
    tri_arena_destroy(&arena);
    *size = (struct trii_size){info.width, info.height};
    return pixels;
}

uint8_t *bench_photo(const char *path, uint32_t width, uint32_t height) {
    struct trii_size from, to = {width, height};
    uint8_t *small = decode(path, &from), *photo = malloc((size_t)width * height * 4);
    void *scratch = aligned_alloc(64, (trii_kernels_scratch(to, from) + 63) & ~(size_t)63);
    if (!photo || !scratch)
        bench_die(path, "out of memory");
    trii_kernels_plain.resize_bilinear(small, from, photo, to, (size_t)to.width * 4, trii_all_rows(to), scratch);
    free(scratch);
    free(small);
    return photo;
}
