/*
 * The webgpu engine: bring-up, preparing, and both operations at 1080p beside the host's plain and fast kernels, in the
 * same run. Medians. One line of JSON a measurement.
 *
 *   bench/webgpu [ROUNDS]
 *
 * Bring-up is cold for the process; run it twice to see the driver's cache of compiled shaders at work, or with
 * TRIPOINT_CACHE on an empty folder to see it without.
 */
#include "base/sys.h"
#include "engine/contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_ROUNDS = 501 };

static void check(tri_status status, const struct tri_error *err) {
    if (status == TRI_OK)
        return;
    fprintf(stderr, "bench/webgpu: %s: %s\n", tri_status_name(status), err->message);
    exit(1);
}

static double now_ms(void) {
    return (double)trii_sys_now_ns() / 1e6;
}

/* Of all threads: on a busy machine it tells more than the clock on the wall. */
static double cpu_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const char *what, double *ms, double *cpu, int rounds) {
    qsort(ms, (size_t)rounds, sizeof *ms, by_value);
    qsort(cpu, (size_t)rounds, sizeof *cpu, by_value);
    printf("{\"bench\": \"webgpu\", \"what\": \"%s\", \"median_ms\": %.3f, \"p10_ms\": %.3f, \"p90_ms\": %.3f, "
           "\"cpu_ms\": %.3f}\n",
           what, ms[rounds / 2], ms[rounds / 10], ms[rounds * 9 / 10], cpu[rounds / 2]);
}

static void report_once(const char *what, double ms) {
    printf("{\"bench\": \"webgpu\", \"what\": \"%s\", \"ms\": %.3f}\n", what, ms);
}

static struct trii_operand operand(struct tri_arena *arena, const struct trii_op *op, size_t i,
                                   struct tri_layout layout) {
    struct tri_error err = {0};
    struct trii_operand out = {.info = &op->info.operands[i], .layout = layout};
    tri_handle handle;
    uint64_t bytes;
    check(tri_layout_bytes_needed(&layout, &bytes, &err), &err);
    check(tri_arena_allocate_shared(arena, bytes, &handle, &err), &err);
    check(trii_arena_resolve(arena, handle, &out.region, &err), &err);
    for (uint64_t b = 0; b < bytes; b++)
        out.region.bytes[b] = (uint8_t)(b * 2654435761u >> 13);
    return out;
}

struct lane {
    const char *name;
    struct tri_engine *engine;
    struct trii_task *task;
    double ms[MAX_ROUNDS], cpu[MAX_ROUNDS];
};

static void once(struct lane *lane, int round) {
    struct tri_error err = {0};
    struct trii_fence fence;
    const double start = now_ms(), busy = cpu_ms();
    trii_fence_init(&fence);
    check(trii_task_submit(lane->task, &fence, &err), &err);
    check(trii_task_wait(lane->task, &fence, TRI_FOREVER, &err), &err);
    lane->ms[round] = now_ms() - start;
    lane->cpu[round] = cpu_ms() - busy;
}

static void measure(const char *what, struct lane *lanes, size_t count, const struct trii_stage *stage, int rounds) {
    struct tri_error err = {0};
    char label[96];
    for (size_t i = 0; i < count; i++) {
        const double start = now_ms();
        check(trii_task_prepare(lanes[i].engine, stage, &lanes[i].task, &err), &err);
        snprintf(label, sizeof label, "prepare %s, %s", what, lanes[i].name);
        report_once(label, now_ms() - start);
    }
    for (int round = 0; round < rounds; round++) /* interleaved: a noisy moment hits all alike */
        for (size_t i = 0; i < count; i++)
            once(&lanes[i], round);
    for (size_t i = 0; i < count; i++) {
        snprintf(label, sizeof label, "%s, %s", what, lanes[i].name);
        report(label, lanes[i].ms, lanes[i].cpu, rounds);
        trii_task_release(&lanes[i].task);
    }
}

static struct trii_stage resize_stage(struct tri_arena *arena, struct trii_operand image, const char *filter,
                                      uint32_t side) {
    const struct trii_op *op = trii_op_get(TRII_OP_RESIZE);
    struct tri_error err = {0};
    const struct tri_param params[] = {{"width", side, NULL}, {"height", side, NULL}, {"filter", 0, filter}};
    struct trii_stage stage = {.name = "resize", .op = op, .operand_count = 2};
    check(trii_args_resolve(op, params, 3, &stage.args, &err), &err);
    stage.operands[0] = image;
    stage.operands[0].info = &op->info.operands[0];
    stage.operands[1] = operand(arena, op, 1, tri_layout_image(side, side, 4, TRI_DTYPE_U8));
    return stage;
}

int main(int argc, char **argv) {
    static struct lane lanes[3] = {{.name = "webgpu"}, {.name = "webgpu staged"}, {.name = "host"}};
    struct tri_error err = {0};
    struct tri_arena *arena;
    const struct tri_engine_params params = {.struct_bytes = sizeof params, .may_set_environment = true};
    const int rounds = argc > 1 && atoi(argv[1]) > 0 && atoi(argv[1]) <= MAX_ROUNDS ? atoi(argv[1]) : 101;
    check(tri_arena_create(NULL, &arena, &err), &err);
    double start = now_ms();
    check(tri_engine_open(arena, TRI_TECHNOLOGY_WEBGPU, &params, &lanes[0].engine, &err), &err);
    report_once("open webgpu", now_ms() - start);
    setenv("TRIPOINT_WEBGPU_STAGING", "1", 1);
    check(tri_engine_open(arena, TRI_TECHNOLOGY_WEBGPU, &params, &lanes[1].engine, &err), &err);
    check(tri_engine_open(arena, TRI_TECHNOLOGY_HOST, &params, &lanes[2].engine, &err), &err);

    const struct trii_op *mask_op = trii_op_get(TRII_OP_APPLY_MASK);
    const struct tri_layout photo = tri_layout_image(1080, 1920, 4, TRI_DTYPE_U8);
    struct trii_operand image = operand(arena, mask_op, 0, photo);
    struct trii_stage stage = resize_stage(arena, image, "bilinear", 512);
    measure("resize 1080p to 512, bilinear", lanes, 3, &stage, rounds);
    stage = resize_stage(arena, image, "bilinear", 256);
    measure("resize 1080p to 256, bilinear", lanes, 3, &stage, rounds);
    stage = resize_stage(arena, image, "area", 512);
    measure("resize 1080p to 512, area", lanes, 3, &stage, rounds);

    stage = (struct trii_stage){.name = "apply_mask", .op = mask_op, .operand_count = 3};
    check(trii_args_resolve(mask_op, NULL, 0, &stage.args, &err), &err);
    stage.operands[0] = image;
    stage.operands[1] = operand(arena, mask_op, 1, tri_layout_mask(256, 256));
    float *mask = (float *)(void *)stage.operands[1].region.bytes;
    for (size_t i = 0; i < 256 * 256; i++)
        mask[i] = (float)(i * 2654435761u >> 8 & 0xffff) / 65535.0f;
    stage.operands[2] = operand(arena, mask_op, 2, photo);
    measure("apply_mask 1080p", lanes, 3, &stage, rounds);
    struct trii_stage in_place = stage;
    in_place.operands[2].region = in_place.operands[0].region;
    in_place.in_place = true;
    measure("apply_mask 1080p in place", lanes, 3, &in_place, rounds);
    const struct tri_layout odd = tri_layout_image(1080, 1919, 4, TRI_DTYPE_U8);
    stage.operands[0].layout = odd;
    stage.operands[2].layout = odd;
    measure("apply_mask 1919x1080", lanes, 3, &stage, rounds);
    start = now_ms();
    tri_engine_close(&lanes[0].engine);
    report_once("close webgpu", now_ms() - start);
    tri_engine_close(&lanes[1].engine);
    tri_engine_close(&lanes[2].engine);
    tri_arena_destroy(&arena);
    return 0;
}
