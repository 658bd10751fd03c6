/*
 * tripoint prove - who touches the pages of each region first, stage by stage.
 *
 * Everything that allocates is done before the first page is closed; then the picture is decoded and the stages run, with
 * every page closed before each.
 */
#include "prove.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char help_text[] =
    "usage: tripoint prove PIPELINE INPUT [OPTIONS]\n\n"
    "Runs PIPELINE on INPUT (as tripoint run does, without an output) with every page of the arena closed before each\n"
    "stage, on every mapping of it. The first load and the first store to a page then are faults that tell whose they\n"
    "were: an engine's generated code, a library's function, or copying (memcpy and its kin, rep movs, system calls).\n"
    "Shows a table of steps and regions, and fails when a copy sits between stages.\n\n"
    "      --input NAME=FILE    a picture for another input of the pipeline; may be repeated\n"
    "      --set STAGE.KEY=V    change a parameter of a stage; may be repeated\n"
    "      --file NAME=PATH     the file that the pipeline calls NAME is PATH, wherever that is; may be repeated\n"
    "      --allow-native       stages may name shared objects: their code runs with your rights\n"
    "      --json               one JSON object\n"
    "      --no-limits          don't print what the method can't see\n"
    "      --no-system-calls    don't watch system calls (they are filtered by seccomp)\n"
    "      --mappings N         the process may have so many mappings (default: vm.max_map_count)\n"
    "      --help               this\n\n"
    "examples:\n"
    "  tripoint prove cutout photo.jpg\n"
    "  tripoint prove replace-background photo.jpg --input background=beach.jpg\n"
    "  tripoint prove cutout photo.jpg --json | jq .verdict\n\n"
    "exit: 0 no copy was seen between stages; 1 one was, and is named; 2 command line; other codes are in tripoint(1).\n";

#define EXIT_COPIED 1

/* ---- the command line ---- */

enum { OPT_SET = 256, OPT_INPUT, OPT_JSON, OPT_NO_LIMITS, OPT_NO_SYSTEM_CALLS, OPT_MAPPINGS };

/* 0 go on, -1 help was asked, else an exit code. */
static int take_option(int c, struct prove_options *o) {
    switch (c) {
    case OPT_SET:
        return cli_take_set("prove", &o->sets, optarg);
    case OPT_INPUT:
        return cli_take_input("prove", &o->inputs, optarg);
    case OPT_JSON:
        o->json = true;
        return 0;
    case OPT_NO_LIMITS:
        o->no_limits = true;
        return 0;
    case OPT_NO_SYSTEM_CALLS:
        o->no_system_calls = true;
        return 0;
    case OPT_MAPPINGS:
        return cli_read_whole(optarg, INT32_MAX, &o->mappings_max)
                   ? 0
                   : cli_usage("prove", "--mappings is '%s', it must be a whole number from 1", optarg);
    case 'h':
        fputs(help_text, stdout);
        return -1;
    default:
        return c >= CLI_FILES_OPTION ? cli_take_files_option("prove", c, &o->files, optarg)
                                     : cli_usage("prove", "see the message above");
    }
}

static int parse(int argc, char **argv, struct prove_options *o) {
    static const struct option options[] = {
        {"set", required_argument, NULL, OPT_SET},
        {"input", required_argument, NULL, OPT_INPUT},
        CLI_FILES_OPTIONS
        {"json", no_argument, NULL, OPT_JSON},
        {"no-limits", no_argument, NULL, OPT_NO_LIMITS},
        {"no-system-calls", no_argument, NULL, OPT_NO_SYSTEM_CALLS},
        {"mappings", required_argument, NULL, OPT_MAPPINGS},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        int r = take_option(c, o);
        if (r != 0)
            return r;
    }
    if (argc - optind < 2)
        return cli_usage("prove", "%s is missing", argc - optind < 1 ? "the pipeline" : "the input image");
    if (argc - optind > 2)
        return cli_usage("prove", "'%s' is one argument too many", argv[optind + 2]);
    if (o->files.isolate || o->files.isolated_count > 0)
        return cli_usage("prove", "what a worker process touches is not seen here: leave --isolate out");
    o->pipeline = argv[optind];
    o->input = argv[optind + 1];
    return 0;
}

/* ---- the work ---- */

static tri_status open_all(struct prove *prove, struct tri_error *err) {
    static struct tri_engine_params engines[TRI_TECHNOLOGY_COUNT];
    struct tri_runtime_params params = {.struct_bytes = sizeof params};
    cli_engine_params(engines);
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++)
        params.engines[t] = &engines[t];
    cli_runtime_params(prove->options.pipeline, &prove->options.files, &params);
    tri_status status = tri_runtime_create(&params, &prove->runtime, err);
    if (status == TRI_OK)
        status = cli_open_pipeline(prove->runtime, prove->options.pipeline, &prove->options.files, &prove->options.sets,
                                   &prove->pipeline, err);
    if (status == TRI_OK)
        status = cli_open_inputs(&prove->options.inputs, prove->pipeline, prove->options.input, err);
    if (status == TRI_OK)
        status = tri_image_open_file(prove->options.input, &prove->image, err);
    if (status == TRI_OK)
        tri_image_info(prove->image, &prove->image_info);
    return status;
}

static tri_status prepare(struct prove *prove, struct tri_error *err) {
    const char *input = tri_pipeline_input(prove->pipeline);
    const struct tri_layout layout =
        tri_layout_image(prove->image_info.height, prove->image_info.width, 4, TRI_DTYPE_U8);
    tri_status status = tri_pipeline_set_input(prove->pipeline, input, &layout, err);
    if (status == TRI_OK)
        status = cli_state_inputs(&prove->options.inputs, prove->pipeline, err);
    if (status == TRI_OK)
        status = tri_pipeline_plan(prove->pipeline, err);
    if (status == TRI_OK)
        status = tri_pipeline_region(prove->pipeline, input, &prove->input, NULL, err);
    if (status == TRI_OK)
        status = tri_pipeline_prepare(prove->pipeline, err);
    if (status == TRI_OK)
        tri_runtime_settle(prove->runtime); /* nobody is to write caches while system calls are watched */
    return status;
}

static tri_status work(struct prove *prove, struct tri_error *err) {
    struct tri_arena *arena = tri_runtime_arena(prove->runtime);
    const struct tri_proof_params params = {.struct_bytes = sizeof params,
                                            .mappings_max = prove->options.mappings_max,
                                            .watch_system_calls = !prove->options.no_system_calls};
    tri_ledger_reset(arena);
    tri_status status = tri_proof_begin(arena, &params, &prove->proof, err);
    if (status == TRI_OK)
        status = tri_proof_step(prove->proof, "decode", TRI_PROOF_BORDER, err);
    double begin = cli_now_ms();
    if (status == TRI_OK)
        status = tri_image_decode(prove->image, arena, prove->input, err);
    if (status == TRI_OK)
        status = cli_decode_inputs(&prove->options.inputs, prove->pipeline, arena, err);
    prove->decode_ms = cli_now_ms() - begin;
    begin = cli_now_ms();
    if (status == TRI_OK)
        status = tri_pipeline_run(prove->pipeline, NULL, err);
    prove->run_ms = cli_now_ms() - begin;
    tri_status ended = tri_proof_end(prove->proof, status == TRI_OK ? err : NULL);
    prove->bytes_between = tri_ledger_bytes(arena, TRI_LEDGER_BETWEEN);
    return status == TRI_OK ? ended : status;
}

/* The pages say it first, since they know who; the ledger knows of copies that the pages don't show. */
static tri_status judge(struct prove *prove, struct tri_error *err) {
    tri_status status = tri_proof_verdict(prove->proof, err);
    if (status != TRI_OK && status != TRI_COPY_REFUSED)
        return status;
    if (status == TRI_OK && prove->bytes_between > 0) {
        *err = (struct tri_error){.status = TRI_COPY_REFUSED};
        snprintf(err->message, sizeof err->message, "the ledger counts %llu bytes that were copied between stages",
                 (unsigned long long)prove->bytes_between);
        status = TRI_COPY_REFUSED;
    }
    prove->copied = status == TRI_COPY_REFUSED;
    prove->culprit = *err;
    return TRI_OK;
}

static void tear_down(struct prove *prove) {
    tri_proof_destroy(&prove->proof);
    tri_image_close(&prove->image);
    cli_close_inputs(&prove->options.inputs);
    tri_pipeline_destroy(&prove->pipeline);
    tri_runtime_destroy(&prove->runtime);
}

/* As tripoint run: what is left is memory and threads. */
static void leave(int code) {
#ifndef CLI_IS_SANITIZED
    if (fflush(NULL) == 0)
        _exit(code);
#endif
    (void)code;
}

int cmd_prove(int argc, char **argv) {
    struct prove prove = {.proof = NULL};
    struct tri_error err = {0};
    int code = parse(argc, argv, &prove.options);
    if (code != 0)
        return code < 0 ? 0 : code;
    tri_status status = open_all(&prove, &err);
    if (status == TRI_OK)
        status = prepare(&prove, &err);
    if (status == TRI_OK)
        status = work(&prove, &err);
    if (status == TRI_OK)
        status = judge(&prove, &err);
    if (status != TRI_OK)
        code = cli_fail(&err);
    else if (prove.options.json)
        code = prove_report_json(&prove);
    else
        prove_report_text(&prove);
    if (status == TRI_OK && code == 0) {
        int lost = cli_flush();
        code = lost ? lost : prove.copied ? EXIT_COPIED : 0;
        if (prove.copied && prove.options.json)
            (void)cli_fail(&prove.culprit); /* the table has said it already */
        leave(code);
    }
    tear_down(&prove);
    return code;
}
