/*
 * tripoint doctor - what works on this machine, tried and not assumed.
 *
 * For every backing of the arena and every engine: open it, write a byte through its native view and read it through
 * the host's, then the other way round, and look into the ledger whether anything was copied on the way.
 */
#include "cli.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const char help_text[] =
    "usage: tripoint doctor [--json]\n\n"
    "Opens every engine over an arena of each backing, passes bytes through each engine's own view of a region in both\n"
    "directions, and tells which path is really zero-copy here, with versions, devices and reasons.\n\n"
    "  --json   the same as JSON\n"
    "  --help   this\n\n"
    "exit: 0 when every engine works without copies on the default backing (memfd); 12 when an engine is missing;\n"
    "      14 when one works, but copies.\n";

#define PROBE_BYTES ((uint64_t)3 * TRI_PAGE_BYTES)

static const struct {
    enum tri_backing backing;
    const char *name;
} backings[] = {{TRI_BACKING_MEMFD, "memfd"}, {TRI_BACKING_PRIVATE, "private"}};
#define BACKING_COUNT (sizeof backings / sizeof *backings)

enum verdict { ZERO_COPY, COPIES, BROKEN, MISSING };
static const char *const verdict_names[] = {"zero-copy", "copies", "broken", "missing"};

struct finding {
    enum verdict verdict;
    struct tri_error error; /* of BROKEN and MISSING */
    uint64_t bytes_copied;  /* of COPIES */
    char library[64], version[64], device[128], driver[128], sharing[160], path[256];
};

static void keep(char *to, size_t bytes, const char *from) {
    snprintf(to, bytes, "%s", from ? from : "");
}

static void keep_info(struct finding *f, struct tri_engine *engine) {
    struct tri_engine_info info;
    tri_engine_info(engine, &info);
    keep(f->library, sizeof f->library, info.library);
    keep(f->version, sizeof f->version, info.version);
    keep(f->device, sizeof f->device, info.device);
    keep(f->driver, sizeof f->driver, info.driver);
    keep(f->sharing, sizeof f->sharing, info.sharing);
    keep(f->path, sizeof f->path, info.library_path);
}

/* A byte from the engine to the host. */
static tri_status outwards(struct tri_arena *arena, struct tri_engine *engine, tri_handle region, uint64_t at,
                           uint8_t value, struct tri_error *err) {
    struct tri_host_view view;
    uint8_t seen;
    tri_status status = tri_engine_poke(engine, region, at, value, err);
    if (status == TRI_OK)
        status = tri_host_view_begin(arena, region, TRI_ACCESS_READ, NULL, &view, err);
    if (status != TRI_OK)
        return status;
    seen = ((const uint8_t *)view.read)[at];
    status = tri_host_view_end(arena, &view, err);
    if (status == TRI_OK && seen != value) {
        *err = (struct tri_error){.status = TRI_ENGINE_FAILED};
        snprintf(err->message, sizeof err->message, "wrote %u through its view, the host reads %u", value, seen);
        return TRI_ENGINE_FAILED;
    }
    return status;
}

/* A byte from the host to the engine. */
static tri_status inwards(struct tri_arena *arena, struct tri_engine *engine, tri_handle region, uint64_t at,
                          uint8_t value, struct tri_error *err) {
    struct tri_host_view view;
    uint8_t seen = 0;
    tri_status status = tri_host_view_begin(arena, region, TRI_ACCESS_WRITE, NULL, &view, err);
    if (status != TRI_OK)
        return status;
    ((uint8_t *)view.write)[at] = value;
    status = tri_host_view_end(arena, &view, err);
    if (status == TRI_OK)
        status = tri_engine_peek(engine, region, at, &seen, err);
    if (status == TRI_OK && seen != value) {
        *err = (struct tri_error){.status = TRI_ENGINE_FAILED};
        snprintf(err->message, sizeof err->message, "the host wrote %u, it reads %u through its view", value, seen);
        return TRI_ENGINE_FAILED;
    }
    return status;
}

static tri_status pass_bytes(struct tri_arena *arena, struct tri_engine *engine, struct tri_error *err) {
    static const uint64_t places[] = {0, TRI_PAGE_BYTES - 1, TRI_PAGE_BYTES, PROBE_BYTES - 1};
    tri_handle region;
    tri_status status = tri_arena_allocate_shared(arena, PROBE_BYTES, &region, err);
    if (status != TRI_OK)
        return status;
    for (size_t i = 0; status == TRI_OK && i < sizeof places / sizeof *places; i++) {
        status = outwards(arena, engine, region, places[i], (uint8_t)(17 + i), err);
        if (status == TRI_OK)
            status = inwards(arena, engine, region, places[i], (uint8_t)(171 + i), err);
    }
    tri_status freed = tri_arena_free_shared(arena, region, status == TRI_OK ? err : NULL);
    return status == TRI_OK ? freed : status;
}

static struct finding examine(enum tri_backing backing, enum tri_technology technology,
                              const struct tri_engine_params *params) {
    struct finding f = {.verdict = MISSING};
    const struct tri_arena_params arena_params = {
        .struct_bytes = sizeof arena_params, .backing = backing, .label = "doctor"};
    struct tri_arena *arena = NULL;
    struct tri_engine *engine = NULL;
    if (tri_arena_create(&arena_params, &arena, &f.error) != TRI_OK)
        return f;
    if (tri_engine_open(arena, technology, params, &engine, &f.error) == TRI_OK) {
        keep_info(&f, engine);
        f.verdict = pass_bytes(arena, engine, &f.error) == TRI_OK ? ZERO_COPY : BROKEN;
        f.bytes_copied = tri_ledger_bytes(arena, TRI_LEDGER_BETWEEN);
        if (f.verdict == ZERO_COPY && f.bytes_copied)
            f.verdict = COPIES;
    }
    tri_engine_close(&engine);
    tri_arena_destroy(&arena);
    return f;
}

static void print_engine(enum tri_technology technology, const struct finding f[BACKING_COUNT]) {
    const struct finding *first = &f[0];
    if (first->verdict == MISSING) {
        printf("%-7s missing: %s\n", tri_technology_name(technology), first->error.message);
        return;
    }
    printf("%-7s %s %s on %s\n", tri_technology_name(technology), first->library, first->version, first->device);
    if (first->driver[0])
        printf("        driver:  %s\n", first->driver);
    if (first->path[0])
        printf("        library: %s\n", first->path);
    for (size_t b = 0; b < BACKING_COUNT; b++) {
        printf("        %-8s %s", backings[b].name, verdict_names[f[b].verdict]);
        if (f[b].verdict == COPIES || f[b].verdict == ZERO_COPY)
            printf(" (%s)\n", f[b].sharing);
        else
            printf(": %s\n", f[b].error.message);
    }
}

static json_t *finding_json(const struct finding *f) {
    json_t *j = json_pack("{s:s,s:I,s:s}", "verdict", verdict_names[f->verdict], "bytes_copied",
                          (json_int_t)f->bytes_copied, "sharing", f->sharing);
    if (f->verdict == MISSING || f->verdict == BROKEN)
        json_object_set_new(j, "reason", json_string(f->error.message));
    return j;
}

static int print_json(struct finding f[TRI_TECHNOLOGY_COUNT][BACKING_COUNT]) {
    json_t *engines = json_array();
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++) {
        const struct finding *first = &f[t][0];
        json_t *paths = json_object();
        for (size_t b = 0; b < BACKING_COUNT; b++)
            json_object_set_new(paths, backings[b].name, finding_json(&f[t][b]));
        json_array_append_new(engines, json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:o}", "technology",
                                                 tri_technology_name((enum tri_technology)t), "library", first->library,
                                                 "version", first->version, "device", first->device, "driver",
                                                 first->driver, "library_path", first->path, "backings", paths));
    }
    json_t *all = json_pack("{s:s,s:o}", "tripoint", tri_version(), "engines", engines);
    int failed = json_dumpf(all, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(all);
    return failed;
}

int cmd_doctor(int argc, char **argv) {
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
    struct finding found[TRI_TECHNOLOGY_COUNT][BACKING_COUNT];
    struct tri_engine_params params[TRI_TECHNOLOGY_COUNT];
    bool json = false;
    int code = 0;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(help_text, stdout);
            return 0;
        }
        if (c != 'j')
            return cli_usage("doctor", "see the message above");
        json = true;
    }
    if (optind < argc)
        return cli_usage("doctor", "'%s' is one argument too many", argv[optind]);
    cli_engine_params(params);
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++)
        for (size_t b = 0; b < BACKING_COUNT; b++)
            found[t][b] = examine(backings[b].backing, (enum tri_technology)t, &params[t]);
    if (json && print_json(found))
        return tri_status_exit_code(TRI_IO);
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++) {
        if (!json)
            print_engine((enum tri_technology)t, found[t]);
        if (found[t][0].verdict == COPIES && code == 0)
            code = tri_status_exit_code(TRI_COPY_REFUSED);
        if (found[t][0].verdict == BROKEN || found[t][0].verdict == MISSING)
            code = tri_status_exit_code(TRI_ENGINE_UNAVAILABLE);
    }
    return code;
}
