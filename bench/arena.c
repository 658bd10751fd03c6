/*
 * What a region costs: allocation and free among 10,000 live ones, scrubbing, and the looks at a known region.
 *
 *   bench/arena [--json]
 *
 * Every line is the median of interleaved rounds, in nanoseconds an operation. Baselines in the same run: the C
 * library's aligned_alloc and free of the same bytes, and the plain way to shared pages, a memfd a region.
 */
#include "arena/arena.h"
#include "base/sys.h"

#include <tripoint/tripoint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIVE 10000u
#define ROUNDS_MAX 31u

static struct tri_arena *arena;
static tri_handle live[LIVE];
static uint64_t live_bytes[LIVE];
static uint64_t random_state = 88172645463325252u;

static void must(bool ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "bench/arena: %s failed\n", what);
        exit(70);
    }
}

static uint32_t random_below(uint32_t below) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state % below);
}

static tri_handle allocate(uint64_t bytes, uint32_t owner) {
    struct tri_region_params params = {.struct_bytes = sizeof params, .size_bytes = bytes, .owner = owner};
    tri_handle handle = TRI_HANDLE_NONE;
    must(tri_region_allocate(arena, &params, &handle, NULL) == TRI_OK, "allocate");
    return handle;
}

static void release(tri_handle handle) {
    must(tri_arena_free_shared(arena, handle, NULL) == TRI_OK, "free");
}

/* ---- what is measured: one operation each ---- */

static void pair(uint64_t bytes) {
    release(allocate(bytes, 1));
}

static void pair_zeroed(uint64_t bytes) {
    release(allocate(bytes, 0));
}

/* A random one of the live regions goes and one of its size comes. */
static void churn(uint64_t bytes) {
    (void)bytes;
    uint32_t which = random_below(LIVE);
    release(live[which]);
    live[which] = allocate(live_bytes[which], 1);
}

/* Likewise, but what comes has a size of its own: holes are cut and joined. */
static void churn_mixed(uint64_t bytes) {
    (void)bytes;
    uint32_t which = random_below(LIVE);
    release(live[which]);
    live_bytes[which] = (1 + random_below(16)) * TRI_PAGE_BYTES;
    live[which] = allocate(live_bytes[which], 1);
}

static void libc_pair(uint64_t bytes) {
    void *memory = aligned_alloc(TRI_PAGE_BYTES, bytes);
    must(memory != NULL, "aligned_alloc");
    *(volatile uint8_t *)memory = 1;
    free(memory);
}

static void memfd_pair(uint64_t bytes) {
    void *at = NULL;
    int fd = -1;
    must(trii_sys_memfd("bench", bytes, false, &fd) == 0 && trii_sys_reserve(bytes, &at) == 0 &&
             trii_sys_map_fd(at, bytes, fd, 0, TRII_PROT_READ_WRITE, false) == 0,
         "memfd");
    *(volatile uint8_t *)at = 1;
    trii_sys_unmap(at, bytes);
    trii_sys_close(fd);
}

static tri_handle looked_at;

static void resolve(uint64_t bytes) {
    struct trii_region region;
    (void)bytes;
    must(trii_arena_resolve(arena, looked_at, &region, NULL) == TRI_OK, "resolve");
    __asm__ volatile("" : : "r"(region.bytes) : "memory");
}

static void pin(uint64_t bytes) {
    struct trii_region region;
    (void)bytes;
    must(trii_arena_pin(arena, looked_at, &region, NULL) == TRI_OK, "pin");
    trii_arena_unpin(arena, region.index);
}

static void host_view(uint64_t bytes) {
    struct tri_host_view view;
    (void)bytes;
    must(tri_host_view_begin(arena, looked_at, TRI_ACCESS_READ, NULL, &view, NULL) == TRI_OK, "begin");
    must(tri_host_view_end(arena, &view, NULL) == TRI_OK, "end");
}

/* ---- the table ---- */

struct line {
    const char *key, *text;
    void (*run)(uint64_t bytes);
    uint64_t bytes;
    uint32_t repeats;
    bool looks; /* at a region of `bytes` */
    tri_handle region;
    double samples[ROUNDS_MAX];
};

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)

static struct line lines[] = {
    {"pair_4k", "allocate + free 4 KiB, same owner", pair, 4 * KIB, 4000},
    {"pair_8m", "allocate + free 8 MiB, same owner", pair, 8 * MIB, 2000},
    {"pair_512m", "allocate + free 512 MiB, same owner", pair, 512 * MIB, 20},
    {"churn", "free + allocate a random live one, same owner", churn, 0, 60000},
    {"churn_mixed", "free a random live one, allocate 4 to 64 KiB", churn_mixed, 0, 60000},
    {"zeroed_4k", "allocate + free 4 KiB, zeroed", pair_zeroed, 4 * KIB, 4000},
    {"zeroed_64k", "allocate + free 64 KiB, zeroed", pair_zeroed, 64 * KIB, 1000},
    {"zeroed_1m", "allocate + free 1 MiB, zeroed", pair_zeroed, MIB, 200},
    {"zeroed_8m", "allocate + free 8 MiB, zeroed", pair_zeroed, 8 * MIB, 10},
    {"zeroed_64m", "allocate + free 64 MiB, zeroed", pair_zeroed, 64 * MIB, 2},
    {"libc_4k", "baseline: aligned_alloc + touch + free 4 KiB", libc_pair, 4 * KIB, 4000},
    {"libc_8m", "baseline: aligned_alloc + touch + free 8 MiB", libc_pair, 8 * MIB, 100},
    {"memfd_4k", "baseline: memfd + map + touch + unmap 4 KiB", memfd_pair, 4 * KIB, 100},
    {"memfd_8m", "baseline: memfd + map + touch + unmap 8 MiB", memfd_pair, 8 * MIB, 100},
    {"resolve_4k", "resolve a handle, 4 KiB", resolve, 4 * KIB, 20000, true},
    {"resolve_512m", "resolve a handle, 512 MiB", resolve, 512 * MIB, 20000, true},
    {"pin_4k", "pin + unpin, 4 KiB", pin, 4 * KIB, 20000, true},
    {"pin_512m", "pin + unpin, 512 MiB", pin, 512 * MIB, 20000, true},
    {"view_4k", "host view begin + end (a claim), 4 KiB", host_view, 4 * KIB, 20000, true},
    {"view_512m", "host view begin + end (a claim), 512 MiB", host_view, 512 * MIB, 20000, true},
};
#define LINES (sizeof lines / sizeof *lines)

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void prepare(void) {
    struct tri_arena_params params = {.struct_bytes = sizeof params, .label = "bench"};
    must(tri_arena_create(&params, &arena, NULL) == TRI_OK, "create");
    for (uint32_t i = 0; i < LIVE; i++) {
        live_bytes[i] = (1 + random_below(16)) * TRI_PAGE_BYTES;
        live[i] = allocate(live_bytes[i], 1);
    }
    for (size_t i = 0; i < LINES; i++)
        if (lines[i].looks)
            lines[i].region = allocate(lines[i].bytes, 1);
    /* Pages that were there before: what zeroing finds in a running system. */
    struct tri_region_params warm = {
        .struct_bytes = sizeof warm, .size_bytes = 64 * MIB, .label = "warm", .prefault = true};
    tri_handle handle = TRI_HANDLE_NONE;
    must(tri_region_allocate(arena, &warm, &handle, NULL) == TRI_OK, "warm");
    release(handle);
}

static void measure(uint32_t rounds) {
    for (uint32_t round = 0; round < rounds; round++)
        for (size_t i = 0; i < LINES; i++) {
            struct line *line = &lines[i];
            looked_at = line->region;
            for (uint32_t r = 0; r < line->repeats; r++) /* the steady state: the line before left other things cached */
                line->run(line->bytes);
            uint64_t start = trii_sys_now_ns();
            for (uint32_t r = 0; r < line->repeats; r++)
                line->run(line->bytes);
            line->samples[round] = (double)(trii_sys_now_ns() - start) / line->repeats;
        }
    for (size_t i = 0; i < LINES; i++)
        qsort(lines[i].samples, rounds, sizeof(double), by_value);
}

int main(int argc, char **argv) {
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    uint32_t rounds = ROUNDS_MAX;
    prepare();
    measure(rounds);
    if (json) {
        printf("{\"bench\": \"arena\", \"live_regions\": %u, \"rounds\": %u, \"nanoseconds\": {", LIVE, rounds);
        for (size_t i = 0; i < LINES; i++)
            printf("%s\"%s\": %.2f", i ? ", " : "", lines[i].key, lines[i].samples[rounds / 2]);
        printf("}}\n");
    } else {
        printf("%u live regions; medians of %u rounds, lowest beside them; ns an operation\n", LIVE, rounds);
        for (size_t i = 0; i < LINES; i++)
            printf("  %-50s %12.1f %12.1f\n", lines[i].text, lines[i].samples[rounds / 2], lines[i].samples[0]);
    }
    tri_arena_destroy(&arena);
    return 0;
}
