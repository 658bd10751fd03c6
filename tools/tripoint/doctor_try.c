/*
 * Trying an engine over every kind of memory: bytes through its own view of a region to the host's and back, regions of
 * odd sizes to their last byte, the same byte over and over, and the largest region that it takes.
 */
#include "doctor.h"

#include <stdio.h>
#include <string.h>

#define PROBE_BYTES ((uint64_t)3 * TRI_PAGE_BYTES)
#define ROUNDS 32u
#define LARGEST_BYTES ((uint64_t)512 << 20) /* a region has no more */
#define SMALLEST_LARGE_BYTES ((uint64_t)1 << 20)

const char *const doctor_backing_names[DOCTOR_BACKINGS] = {"memfd", "private", "readers", "hugetlb"};
const char *const doctor_verdict_names[] = {"zero-copy", "copies", "broken", "missing", "absent"};

static tri_status wrong(struct tri_error *err, const char *who, unsigned wrote, unsigned sees) {
    *err = (struct tri_error){.status = TRI_ENGINE_FAILED};
    snprintf(err->message, sizeof err->message, "%s wrote %u, the other reads %u through its view", who, wrote, sees);
    return TRI_ENGINE_FAILED;
}

/* A byte from the engine to the host; *seen is what arrived. */
static tri_status outwards(struct tri_arena *arena, struct tri_engine *engine, tri_handle region, uint64_t at,
                           uint8_t value, uint8_t *seen, struct tri_error *err) {
    struct tri_host_view view;
    tri_status status = tri_engine_poke(engine, region, at, value, err);
    if (status == TRI_OK)
        status = tri_host_view_begin(arena, region, TRI_ACCESS_READ, NULL, &view, err);
    if (status != TRI_OK)
        return status;
    *seen = ((const uint8_t *)view.read)[at];
    return tri_host_view_end(arena, &view, err);
}

/* A byte from the host to the engine. */
static tri_status inwards(struct tri_arena *arena, struct tri_engine *engine, tri_handle region, uint64_t at,
                          uint8_t value, uint8_t *seen, struct tri_error *err) {
    struct tri_host_view view;
    tri_status status = tri_host_view_begin(arena, region, TRI_ACCESS_WRITE, NULL, &view, err);
    if (status != TRI_OK)
        return status;
    ((uint8_t *)view.write)[at] = value;
    status = tri_host_view_end(arena, &view, err);
    return status == TRI_OK ? tri_engine_peek(engine, region, at, seen, err) : status;
}

static tri_status both_ways(struct tri_arena *arena, struct tri_engine *engine, tri_handle region, uint64_t at,
                            struct tri_error *err) {
    uint8_t seen = 0;
    tri_status status = outwards(arena, engine, region, at, 17, &seen, err);
    if (status == TRI_OK && seen != 17)
        return wrong(err, "the engine", 17, seen);
    if (status == TRI_OK)
        status = inwards(arena, engine, region, at, 171, &seen, err);
    return status == TRI_OK && seen != 171 ? wrong(err, "the host", 171, seen) : status;
}

/* The pages of one region, at the borders between them. */
static tri_status pass_bytes(struct tri_arena *arena, struct tri_engine *engine, struct tri_error *err) {
    static const uint64_t places[] = {0, TRI_PAGE_BYTES - 1, TRI_PAGE_BYTES, PROBE_BYTES - 1};
    tri_handle region;
    tri_status status = tri_arena_allocate_shared(arena, PROBE_BYTES, &region, err);
    if (status != TRI_OK)
        return status;
    for (size_t i = 0; status == TRI_OK && i < sizeof places / sizeof *places; i++)
        status = both_ways(arena, engine, region, places[i], err);
    tri_status freed = tri_arena_free_shared(arena, region, status == TRI_OK ? err : NULL);
    return status == TRI_OK ? freed : status;
}

/* One view, neighbouring bytes, new values each time: an old one is a cache that nobody flushed. */
static tri_status alternate(struct tri_arena *arena, struct tri_engine *engine, struct doctor_path *path) {
    tri_handle region;
    struct tri_error *err = &path->error;
    tri_status status = tri_arena_allocate_shared(arena, PROBE_BYTES, &region, err);
    if (status != TRI_OK)
        return status;
    for (uint32_t n = 0; status == TRI_OK && n < ROUNDS; n++) {
        uint64_t at = n % 2 ? TRI_PAGE_BYTES + n : 100;
        uint8_t value = (uint8_t)(n * 7 + 1), seen = 0;
        status = n % 4 < 2 ? outwards(arena, engine, region, at, value, &seen, err)
                           : inwards(arena, engine, region, at, value, &seen, err);
        path->rounds += status == TRI_OK;
        path->stale += status == TRI_OK && seen != value;
    }
    tri_status freed = tri_arena_free_shared(arena, region, status == TRI_OK ? err : NULL);
    return status == TRI_OK ? freed : status;
}

/* Regions of odd sizes, first byte and last, and where they begin. */
static tri_status try_sizes(struct tri_arena *arena, struct tri_engine *engine, struct doctor_path *path) {
    static const uint64_t sizes[] = {1, 3, TRI_PAGE_BYTES - 1, TRI_PAGE_BYTES + 1, 100001};
    tri_status status = TRI_OK;
    path->alignment_bytes = UINT64_C(1) << 30;
    for (size_t i = 0; status == TRI_OK && i < sizeof sizes / sizeof *sizes; i++) {
        tri_handle region;
        struct tri_host_view view;
        status = tri_arena_allocate_shared(arena, sizes[i], &region, &path->error);
        if (status != TRI_OK)
            break;
        status = tri_host_view_begin(arena, region, TRI_ACCESS_READ, NULL, &view, &path->error);
        if (status == TRI_OK) {
            while ((uintptr_t)view.read % path->alignment_bytes)
                path->alignment_bytes /= 2;
            status = tri_host_view_end(arena, &view, &path->error);
        }
        if (status == TRI_OK)
            status = both_ways(arena, engine, region, 0, &path->error);
        if (status == TRI_OK)
            status = both_ways(arena, engine, region, sizes[i] - 1, &path->error);
        tri_status freed = tri_arena_free_shared(arena, region, status == TRI_OK ? &path->error : NULL);
        status = status == TRI_OK ? freed : status;
    }
    return status;
}

/* From the largest down. Each in an arena and an engine of its own: a refused import can cost the device. */
static void find_largest(enum tri_technology technology, const struct tri_arena_params *arena_params,
                         const struct tri_engine_params *params, struct doctor_path *path) {
    for (uint64_t bytes = LARGEST_BYTES; path->largest_bytes == 0 && bytes >= SMALLEST_LARGE_BYTES; bytes /= 2) {
        struct tri_arena *arena = NULL;
        struct tri_engine *engine = NULL;
        tri_handle region;
        if (tri_arena_create(arena_params, &arena, NULL) == TRI_OK &&
            tri_engine_open(arena, technology, params, &engine, NULL) == TRI_OK &&
            tri_arena_allocate_shared(arena, bytes, &region, NULL) == TRI_OK &&
            both_ways(arena, engine, region, bytes - 1, &(struct tri_error){0}) == TRI_OK &&
            tri_ledger_bytes(arena, TRI_LEDGER_BETWEEN) == 0)
            path->largest_bytes = bytes;
        tri_engine_close(&engine);
        tri_arena_destroy(&arena);
    }
}

static void keep(char *to, size_t bytes, const char *from) {
    if (to[0] == '\0')
        snprintf(to, bytes, "%s", from ? from : "");
}

static void keep_info(struct doctor_engine *found, struct doctor_path *path, struct tri_engine *engine) {
    struct tri_engine_info info;
    tri_engine_info(engine, &info);
    keep(found->library, sizeof found->library, info.library);
    keep(found->version, sizeof found->version, info.version);
    keep(found->device, sizeof found->device, info.device);
    keep(found->driver, sizeof found->driver, info.driver);
    keep(found->path, sizeof found->path, info.library_path);
    keep(found->precision, sizeof found->precision, info.precision);
    keep(found->permissions, sizeof found->permissions, info.permissions);
    keep(path->sharing, sizeof path->sharing, info.sharing);
}

/* Nothing is wrong where the system has no huge pages to give. */
static bool lacks_huge_pages(struct tri_arena *arena, struct doctor_path *path) {
    struct tri_arena_stats stats;
    tri_handle region;
    if (tri_arena_allocate_shared(arena, PROBE_BYTES, &region, &path->error) != TRI_OK)
        return false;
    tri_arena_stats(arena, &stats);
    (void)!tri_arena_free_shared(arena, region, NULL);
    if (stats.huge_pages)
        return false;
    path->verdict = DOCTOR_ABSENT;
    snprintf(path->error.message, sizeof path->error.message,
             "the system gives none; `sysctl vm.nr_hugepages=512` makes a pool of 1 GiB");
    return true;
}

static void try_path(struct doctor_engine *found, enum doctor_backing backing, const struct tri_engine_params *params,
                     bool large) {
    struct doctor_path *path = &found->paths[backing];
    const struct tri_arena_params arena_params = {
        .struct_bytes = sizeof arena_params,
        .backing = backing == DOCTOR_PRIVATE ? TRI_BACKING_PRIVATE : TRI_BACKING_MEMFD,
        .huge_pages = backing == DOCTOR_HUGETLB,
        .readers = backing == DOCTOR_READERS,
        .label = "doctor"};
    struct tri_arena *arena = NULL;
    struct tri_engine *engine = NULL;
    *path = (struct doctor_path){.verdict = DOCTOR_MISSING};
    if (tri_arena_create(&arena_params, &arena, &path->error) == TRI_OK &&
        !(backing == DOCTOR_HUGETLB && lacks_huge_pages(arena, path)) &&
        tri_engine_open(arena, found->technology, params, &engine, &path->error) == TRI_OK) {
        keep_info(found, path, engine);
        bool works = pass_bytes(arena, engine, &path->error) == TRI_OK && alternate(arena, engine, path) == TRI_OK &&
                     try_sizes(arena, engine, path) == TRI_OK;
        path->bytes_copied = tri_ledger_bytes(arena, TRI_LEDGER_BETWEEN);
        path->verdict = !works || path->stale ? DOCTOR_BROKEN : path->bytes_copied ? DOCTOR_COPIES : DOCTOR_ZERO_COPY;
        if (works && path->stale)
            snprintf(path->error.message, sizeof path->error.message, "%u of %u bytes were seen too late", path->stale,
                     path->rounds);
    }
    tri_engine_close(&engine);
    tri_arena_destroy(&arena);
    if (large && path->verdict == DOCTOR_ZERO_COPY)
        find_largest(found->technology, &arena_params, params, path);
}

void doctor_try(enum tri_technology technology, const struct tri_engine_params *params, bool large,
                struct doctor_engine *out) {
    *out = (struct doctor_engine){.technology = technology};
    for (int b = 0; b < DOCTOR_BACKINGS; b++)
        try_path(out, (enum doctor_backing)b, params, large);
}
