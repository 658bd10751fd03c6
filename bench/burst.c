/*
 * A pipeline that runs in bursts, as it is told on standard input: for the scripts in which several programs take turns
 * (bench/peers/images, bench/scaling).
 *
 *   bench/burst PIPELINE [--size WxH] [--slots N] [--threads N] [--input FILE]
 *
 *   photo FILE    the input's bytes (RGBA, rows tight) into FILE                          -> ok
 *   result FILE   one run; the output's bytes into FILE                                   -> ok
 *   frames N      N runs of the first slot, one after another                             -> N times in microseconds
 *   rate N        N frames through all slots, as tri_frames_run() has them in flight      -> microseconds for all of them
 *   memory        bytes: used in the arena, of it touched, planned for a slot, slots; copied between stages so far
 *
 * Where a pipeline leaves its engines open they are chosen for latency with one slot, for throughput with several.
 * `ready` is said once when everything is prepared. Input and output of every slot are regions; nothing is decoded. A
 * pipeline that writes over its input gets the photo again before each run, outside the time, as from a decoder.
 */
#include "measure.h"

#include "arena/arena.h"
#include "base/alloc.h"

#include <tripoint/frames.h>
#include <tripoint/pipeline.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MAX 16

struct slot {
    struct tri_pipeline *pipeline;
    uint8_t *input, *output;
};

struct burst {
    struct tri_runtime *runtime;
    struct slot slots[SLOTS_MAX];
    uint32_t slot_count;
    uint8_t *photo;
    uint32_t width, height;
    uint64_t frames_left;
};

static size_t photo_bytes(const struct burst *b) {
    return (size_t)b->width * b->height * 4;
}

/* ---- setting up ---- */

static uint8_t *region_bytes(struct burst *b, struct tri_pipeline *pipeline, const char *name) {
    struct tri_error err = {0};
    struct trii_region resolved;
    tri_handle handle;
    bench_check(tri_pipeline_region(pipeline, name, &handle, NULL, &err), &err);
    bench_check(trii_arena_resolve(tri_runtime_arena(b->runtime), handle, &resolved, &err), &err);
    return resolved.bytes;
}

static void open_slot(struct burst *b, struct slot *slot, const char *name) {
    struct tri_error err = {0};
    const struct tri_layout layout = tri_layout_image(b->height, b->width, 4, TRI_DTYPE_U8);
    const struct tri_placement_params placement = {.struct_bytes = sizeof placement,
                                                   .prefer = b->slot_count > 1 ? TRI_PREFER_THROUGHPUT : TRI_PREFER_LATENCY,
                                                   .slots = b->slot_count};
    bench_check(tri_pipeline_load(b->runtime, name, &slot->pipeline, &err), &err);
    bench_check(tri_pipeline_set_placement(slot->pipeline, &placement, &err), &err);
    bench_check(tri_pipeline_set_input(slot->pipeline, tri_pipeline_input(slot->pipeline), &layout, &err), &err);
    bench_check(tri_pipeline_prepare(slot->pipeline, &err), &err);
    slot->input = region_bytes(b, slot->pipeline, tri_pipeline_input(slot->pipeline));
    slot->output = region_bytes(b, slot->pipeline, tri_pipeline_output(slot->pipeline));
    memcpy(slot->input, b->photo, photo_bytes(b));
}

static void open_all(struct burst *b, const char *pipeline, const char *photo, uint32_t threads) {
    struct tri_error err = {0};
    const struct tri_engine_params engine = {.struct_bytes = sizeof engine, .threads = threads, .may_set_environment = true};
    struct tri_runtime_params params = {.struct_bytes = sizeof params};
    for (size_t i = 0; i < TRI_TECHNOLOGY_COUNT; i++)
        params.engines[i] = &engine;
    b->photo = bench_photo(photo, b->width, b->height);
    bench_check(tri_runtime_create(&params, &b->runtime, &err), &err);
    for (uint32_t i = 0; i < b->slot_count; i++)
        open_slot(b, &b->slots[i], pipeline);
}

static void close_all(struct burst *b) {
    for (uint32_t i = 0; i < b->slot_count; i++)
        tri_pipeline_destroy(&b->slots[i].pipeline);
    tri_runtime_destroy(&b->runtime);
    free(b->photo);
}

/* ---- what can be asked for ---- */

static double run_once(struct burst *b, struct slot *slot) {
    struct tri_error err = {0};
    if (slot->input == slot->output)
        memcpy(slot->input, b->photo, photo_bytes(b));
    const double began = bench_now_ms();
    bench_check(tri_pipeline_run(slot->pipeline, NULL, &err), &err);
    return bench_now_ms() - began;
}

static void save(const struct burst *b, const char *path, const uint8_t *bytes) {
    FILE *file = fopen(path, "wbe");
    if (!file || fwrite(bytes, 1, photo_bytes(b), file) != photo_bytes(b) || fclose(file) != 0)
        bench_die(path, "can't be written");
    puts("ok");
}

static void frames(struct burst *b, uint64_t count) {
    for (uint64_t i = 0; i < count; i++)
        printf("%.1f%c", run_once(b, &b->slots[0]) * 1e3, i + 1 < count ? ' ' : '\n');
}

static tri_status fill(void *user, uint32_t slot, uint64_t frame, bool *end, struct tri_error *err) {
    const struct burst *b = user;
    (void)slot;
    (void)err;
    *end = frame >= b->frames_left;
    return TRI_OK;
}

static tri_status work(void *user, uint32_t slot, uint64_t frame, struct tri_error *err) {
    struct burst *b = user;
    (void)frame;
    return tri_pipeline_run(b->slots[slot].pipeline, NULL, err);
}

static tri_status drain(void *user, uint32_t slot, uint64_t frame, const struct tri_error *failed, struct tri_error *err) {
    (void)user;
    (void)slot;
    (void)frame;
    (void)failed;
    (void)err;
    return TRI_OK;
}

static void rate(struct burst *b, uint64_t count) {
    static const struct tri_frames_calls calls = {.struct_bytes = sizeof calls, .fill = fill, .work = work, .drain = drain};
    const struct tri_frames_params params = {.struct_bytes = sizeof params, .slots = b->slot_count};
    struct tri_error err = {0};
    b->frames_left = count;
    const double began = bench_now_ms();
    bench_check(tri_frames_run(&params, &calls, b, NULL, &err), &err);
    printf("%.1f\n", (bench_now_ms() - began) * 1e3);
}

/* Pages of the arena that are there: touched by somebody. */
static uint64_t touched_bytes(void) {
    char line[512];
    uint64_t kilobytes = 0, sum = 0;
    bool inside = false;
    FILE *file = fopen("/proc/self/smaps", "re");
    while (file && fgets(line, sizeof line, file)) {
        if (strchr(line, '-') && strchr(line, '-') < strchr(line, ' '))
            inside = strstr(line, "memfd:") != NULL;
        else if (inside && sscanf(line, "Pss: %lu kB", &kilobytes) == 1)
            sum += kilobytes * 1024;
    }
    if (file)
        fclose(file);
    return sum;
}

static void memory(struct burst *b) {
    struct tri_arena_stats stats;
    struct tri_plan_info plan;
    tri_arena_stats(tri_runtime_arena(b->runtime), &stats);
    if (!tri_plan_info(tri_pipeline_planned(b->slots[0].pipeline), &plan))
        bench_die("memory", "the pipeline has no plan");
    printf("%lu %lu %lu %u %lu\n", (unsigned long)stats.used_bytes, (unsigned long)touched_bytes(),
           (unsigned long)plan.block_bytes, b->slot_count,
           (unsigned long)tri_ledger_bytes(tri_runtime_arena(b->runtime), TRI_LEDGER_BETWEEN));
}

static void answer(struct burst *b, char *line) {
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "photo ", 6) == 0)
        save(b, line + 6, b->photo);
    else if (strncmp(line, "result ", 7) == 0) {
        run_once(b, &b->slots[0]);
        save(b, line + 7, b->slots[0].output);
    } else if (strncmp(line, "frames ", 7) == 0)
        frames(b, strtoull(line + 7, NULL, 10));
    else if (strncmp(line, "rate ", 5) == 0)
        rate(b, strtoull(line + 5, NULL, 10));
    else if (strcmp(line, "memory") == 0)
        memory(b);
    else
        bench_die(line, "is not understood");
    fflush(stdout);
}

static bool read_option(struct burst *b, const char *name, const char *value, const char **photo, uint32_t *threads) {
    if (strcmp(name, "--size") == 0)
        return sscanf(value, "%ux%u", &b->width, &b->height) == 2 && b->width > 0 && b->height > 0;
    if (strcmp(name, "--slots") == 0)
        return (b->slot_count = (uint32_t)strtoul(value, NULL, 10)) >= 1 && b->slot_count <= SLOTS_MAX;
    if (strcmp(name, "--threads") == 0)
        return (*threads = (uint32_t)strtoul(value, NULL, 10)) <= 1024;
    *photo = value;
    return strcmp(name, "--input") == 0;
}

int main(int argc, char **argv) {
    struct burst b = {.slot_count = 1, .width = 1920, .height = 1080};
    const char *photo = "samples/astronaut.png";
    char line[4096];
    uint32_t threads = 0;
    for (int i = 2; i < argc; i += 2)
        if (i + 1 == argc || !read_option(&b, argv[i], argv[i + 1], &photo, &threads))
            bench_die("usage", "bench/burst PIPELINE [--size WxH] [--slots N] [--threads N] [--input FILE]");
    if (argc < 2)
        bench_die("usage", "bench/burst PIPELINE [--size WxH] [--slots N] [--threads N] [--input FILE]");
    open_all(&b, argv[1], photo, threads);
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin))
        answer(&b, line);
    close_all(&b);
    return 0;
}
