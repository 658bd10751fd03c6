#include "cli_json.h"
#include "run.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct tri_arena *arena_of(const struct run *run) {
    return tri_runtime_arena(run->runtime);
}

void run_report_line(const struct run *run) {
    char text[32], path[PATH_MAX];
    uint64_t between = tri_ledger_bytes(arena_of(run), TRI_LEDGER_BETWEEN);
    uint64_t border = tri_ledger_bytes(arena_of(run), TRI_LEDGER_BORDER);
    fprintf(stderr, "%s: %llux%llu, %.0f ms, %s copied between stages",
            strcmp(run->options.output, "-") == 0 ? "standard output" : cli_plain(run->options.output, path, sizeof path),
            (unsigned long long)run->output_layout.shape[1], (unsigned long long)run->output_layout.shape[0],
            run->total_ms, cli_bytes(between, text, sizeof text));
    if (border)
        fprintf(stderr, " (%s at the border)", cli_bytes(border, text, sizeof text));
    fprintf(stderr, "\n");
}

/* The ledger's lines; to be freed. */
static struct tri_ledger_line *ledger_lines(struct tri_arena *arena, size_t *count) {
    size_t all = tri_ledger_lines(arena, NULL, 0);
    struct tri_ledger_line *lines = calloc(all ? all : 1, sizeof *lines);
    size_t got = lines ? tri_ledger_lines(arena, lines, all) : 0;
    *count = got < all ? got : all;
    return lines;
}

/* What was copied between stages under a stage's name: a line a region and cause. */
static json_t *copies_json(const struct tri_ledger_line *lines, size_t count, const char *stage, uint64_t *bytes) {
    json_t *copies = json_array();
    *bytes = 0;
    for (size_t i = 0; i < count; i++) {
        if (lines[i].place != TRI_LEDGER_BETWEEN || strcmp(lines[i].stage, stage) != 0)
            continue;
        *bytes += lines[i].bytes;
        json_array_append_new(copies, json_pack("{s:s,s:s,s:I,s:I}", "region", lines[i].region, "cause", lines[i].cause,
                                                "bytes", (json_int_t)lines[i].bytes, "copies", (json_int_t)lines[i].copies));
    }
    return copies;
}

static json_t *stages_json(const struct run *run, bool used[TRI_TECHNOLOGY_COUNT]) {
    json_t *stages = json_array();
    size_t count;
    struct tri_ledger_line *lines = ledger_lines(arena_of(run), &count);
    struct tri_stage_report r;
    for (size_t i = 0; tri_pipeline_report(run->pipeline, i, &r); i++) {
        uint64_t bytes;
        json_t *copies = copies_json(lines, count, r.name, &bytes);
        used[r.technology] = true;
        json_array_append_new(stages, json_pack("{s:s,s:s,s:s,s:b,s:b,s:f,s:f,s:I,s:o}", "name", r.name, "technology",
                                                tri_technology_name(r.technology), "operation", r.operation, "in_place",
                                                (int)r.in_place, "isolated", (int)r.isolated, "wait_ms", (double)r.wait_ns * 1e-6, "run_ms",
                                                (double)r.run_ns * 1e-6, "bytes_copied", (json_int_t)bytes, "copies",
                                                copies));
    }
    free(lines);
    return stages;
}

static json_t *engines_json(const struct run *run, const bool used[TRI_TECHNOLOGY_COUNT]) {
    json_t *engines = json_array();
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++) {
        struct tri_engine *engine;
        struct tri_engine_info info;
        if (!used[t] || tri_runtime_engine(run->runtime, (enum tri_technology)t, &engine, NULL) != TRI_OK)
            continue;
        tri_engine_info(engine, &info);
        json_array_append_new(engines, json_pack("{s:s,s:s,s:s,s:s,s:s,s:b,s:s}", "technology", info.name, "library",
                                                 info.library, "version", info.version, "device", info.device, "driver",
                                                 info.driver, "shares_memory", (int)info.shares_memory, "sharing",
                                                 info.sharing));
    }
    return engines;
}

static json_t *ledger_json(struct tri_arena *arena) {
    json_t *array = json_array();
    size_t count;
    struct tri_ledger_line *lines = ledger_lines(arena, &count);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_pack("{s:s,s:s,s:s,s:s,s:I,s:I}", "place",
                                               lines[i].place == TRI_LEDGER_BORDER ? "border" : "between", "stage",
                                               lines[i].stage, "region", lines[i].region, "cause", lines[i].cause, "bytes",
                                               (json_int_t)lines[i].bytes, "copies", (json_int_t)lines[i].copies));
    free(lines);
    return json_pack("{s:I,s:I,s:o}", "bytes_between_stages", (json_int_t)tri_ledger_bytes(arena, TRI_LEDGER_BETWEEN),
                     "bytes_at_the_border", (json_int_t)tri_ledger_bytes(arena, TRI_LEDGER_BORDER), "lines", array);
}

int run_report_json(const struct run *run) {
    char from[PATH_MAX], to_path[PATH_MAX];
    bool used[TRI_TECHNOLOGY_COUNT] = {false};
    json_t *stages = stages_json(run, used);
    json_t *input = json_pack("{s:s,s:i,s:i,s:i}", "path",
                              cli_plain(run->options.input, from, sizeof from), "width", (int)run->image_info.width,
                              "height", (int)run->image_info.height, "orientation", (int)run->image_info.orientation);
    json_t *output = json_pack("{s:s,s:o,s:I}", "path",
                               cli_plain(run->options.output, to_path, sizeof to_path), "layout",
                               cli_layout_json(&run->output_layout), "bytes", (json_int_t)run->bytes_written);
    json_t *times = json_pack("{s:f,s:f,s:f,s:f,s:f,s:f}", "open", run->open_ms, "decode", run->decode_ms, "prepare",
                              run->prepare_ms, "run", run->run_ms, "encode", run->encode_ms, "total", run->total_ms);
    json_t *all = json_pack("{s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o}", "tripoint", tri_version(), "pipeline",
                            tri_pipeline_name(run->pipeline), "input", input, "output", output, "milliseconds", times,
                            "stages", stages, "engines", engines_json(run, used), "ledger",
                            ledger_json(arena_of(run)));
    json_t *placement = cli_placement_json(tri_pipeline_planned(run->pipeline));
    if (placement)
        json_object_set_new(all, "placement", placement);
    /* The report stays out of the way of pixels on standard output. */
    FILE *to = strcmp(run->options.output, "-") == 0 ? stderr : stdout;
    return cli_print_json(all, to);
}
