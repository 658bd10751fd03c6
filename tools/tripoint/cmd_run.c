/*
 * tripoint run - a pipeline on an image, from file to file.
 *
 * Engines come up in the background from the moment the pipeline is known; the picture is decoded
 * straight into the arena on a second thread while this one prepares the stages.
 */
#include "run.h"

#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help_text[] =
    "usage: tripoint run PIPELINE INPUT -o OUTPUT [OPTIONS]\n\n"
    "Decodes INPUT (JPEG, PNG, WebP, AVIF or HEIC, '-' is standard input) into the arena, runs PIPELINE (the name of a shipped one, or a\n"
    "JSON file) over it, and encodes the result into OUTPUT (.png, .webp or .jpg, '-' writes PNG to standard output).\n"
    "OUTPUT appears whole or not at all.\n"
    RUN_STREAM_INTRO "\n"
    "  -o, --output FILE        where the result goes; required\n"
    "      --input NAME=FILE    a picture for another input of the pipeline; may be repeated\n"
    "      --set STAGE.KEY=V    change a parameter of a stage, e.g. --set resize.width=256; may be repeated\n"
    "      --no-alias           every region gets memory of its own (see `tripoint plan`)\n"
    CLI_PLACEMENT_HELP
    CLI_FILES_HELP
    "      --guest-limit S      a call of a Wasm guest is ended after S seconds (default 10)\n"
    "      --require-zero-copy  fail when anything is copied between stages\n"
    "      --background RRGGBB  what shows through transparent pixels in a JPEG (default 000000)\n"
    "      --quality N          quality of JPEG and WebP, 1 to 100 (default 90)\n"
    "      --lossless           WebP: every bit as it was\n"
    "      --png-depth N        PNG: 8 or 16 bits a sample (default: 8 for u8 regions, 16 for others)\n"
    "      --no-overwrite       fail when OUTPUT exists\n"
    "      --trace FILE         what happened when, for Perfetto (ui.perfetto.dev) or Chrome's about:tracing\n"
    "      --json               the report as JSON on standard output (on stderr when OUTPUT is '-')\n"
    "      --quiet              no closing line\n"
    "      --help               this\n\n"
    RUN_STREAM_HELP
    "examples:\n"
    "  tripoint run cutout photo.jpg -o cutout.png\n"
    "  tripoint run cutout photo.jpg -o white.jpg --background ffffff\n"
    "  tripoint run replace-background photo.jpg --input background=beach.jpg -o beach.png\n"
    "  tripoint run anonymize group.jpg -o group.jpg\n"
    "  tripoint run cutout talk.mp4 -o talk.webm --alpha\n"
    "  cat photo.jpg | tripoint run cutout-host - -o - > cutout.png\n\n"
    "exit: 0 done; 2 command line; 6 interrupted; 8 not found; 9 pipeline; 10 image; 12 engine missing; 13 engine failed;\n"
    "      14 copy refused; 15 file; all codes are in tripoint(1).\n";

/* ---- the command line ---- */

static bool parse_background(const char *text, uint8_t rgb[3]) {
    char *end;
    if (strlen(text) != 6 || strspn(text, "0123456789abcdefABCDEF") != 6)
        return false;
    unsigned long value = strtoul(text, &end, 16);
    rgb[0] = (uint8_t)(value >> 16);
    rgb[1] = (uint8_t)(value >> 8);
    rgb[2] = (uint8_t)value;
    return true;
}

enum {
    OPT_SET = 256,
    OPT_INPUT,
    OPT_GUEST_LIMIT,
    OPT_NO_ALIAS, OPT_PREFER, OPT_MEASURE,
    OPT_LOSSLESS,
    OPT_PNG_DEPTH,
    OPT_TRACE,
    OPT_ZERO_COPY,
    OPT_BACKGROUND,
    OPT_QUALITY,
    OPT_NO_OVERWRITE,
    OPT_JSON,
    OPT_QUIET
};

/* 0 go on, -1 help was asked, else an exit code. */
static int take_option(int c, struct run_options *o) {
    switch (c) {
    case 'o':
        o->output = optarg;
        return 0;
    case OPT_SET:
        return cli_take_set("run", &o->sets, optarg);
    case OPT_INPUT:
        return cli_take_input("run", &o->inputs, optarg);
    case OPT_NO_ALIAS:
        o->no_alias = true;
        return 0;
    case OPT_PREFER:
        return cli_take_prefer("run", &o->placement, optarg);
    case OPT_MEASURE:
        o->placement.measure = true;
        return 0;
    case OPT_TRACE:
        o->trace = optarg;
        return 0;
    case OPT_GUEST_LIMIT:
        return cli_read_seconds(optarg, &o->guest_limit_s)
                   ? 0
                   : cli_usage("run", "--guest-limit is '%s', it must be a number of seconds, more than 0", optarg);
    case OPT_ZERO_COPY:
        o->require_zero_copy = true;
        return 0;
    case OPT_BACKGROUND:
        return parse_background(optarg, o->encode.background)
                   ? 0
                   : cli_usage("run", "--background is '%s', it must be six hexadecimal digits like ffffff", optarg);
    case OPT_QUALITY:
        return cli_read_whole(optarg, 100, &o->encode.quality)
                   ? 0
                   : cli_usage("run", "--quality is '%s', it must be a whole number from 1 to 100", optarg);
    case OPT_LOSSLESS:
        o->encode.lossless = true;
        return 0;
    case OPT_PNG_DEPTH:
        o->encode.png_depth = strcmp(optarg, "8") == 0 ? 8 : strcmp(optarg, "16") == 0 ? 16 : 0;
        return o->encode.png_depth ? 0 : cli_usage("run", "--png-depth is '%s', it must be 8 or 16", optarg);
    case OPT_NO_OVERWRITE:
        o->encode.no_overwrite = true;
        return 0;
    case OPT_JSON:
        o->json = true;
        return 0;
    case OPT_QUIET:
        o->quiet = true;
        return 0;
    case 'h':
        fputs(help_text, stdout);
        return -1;
    default:
        if (c >= CLI_FILES_OPTION)
            return cli_take_files_option("run", c, &o->files, optarg);
        return c >= RUN_STREAM_OPTION ? run_stream_option(c, o) : cli_usage("run", "see the message above");
    }
}

static int parse(int argc, char **argv, struct run_options *o) {
    static const struct option options[] = {
        {"output", required_argument, NULL, 'o'},
        {"set", required_argument, NULL, OPT_SET},
        {"input", required_argument, NULL, OPT_INPUT},
        {"no-alias", no_argument, NULL, OPT_NO_ALIAS},
        {"prefer", required_argument, NULL, OPT_PREFER},
        {"measure", no_argument, NULL, OPT_MEASURE},
        {"trace", required_argument, NULL, OPT_TRACE},
        CLI_FILES_OPTIONS
        {"guest-limit", required_argument, NULL, OPT_GUEST_LIMIT},
        {"require-zero-copy", no_argument, NULL, OPT_ZERO_COPY},
        {"background", required_argument, NULL, OPT_BACKGROUND},
        {"quality", required_argument, NULL, OPT_QUALITY},
        {"lossless", no_argument, NULL, OPT_LOSSLESS},
        {"png-depth", required_argument, NULL, OPT_PNG_DEPTH},
        {"no-overwrite", no_argument, NULL, OPT_NO_OVERWRITE},
        {"json", no_argument, NULL, OPT_JSON},
        {"quiet", no_argument, NULL, OPT_QUIET},
        RUN_STREAM_OPTIONS
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    for (int c; (c = getopt_long(argc, argv, "o:h", options, NULL)) != -1;) {
        int r = take_option(c, o);
        if (r != 0)
            return r;
    }
    if (argc - optind < 2)
        return cli_usage("run", "%s is missing", argc - optind < 1 ? "the pipeline" : "the input image");
    if (argc - optind > 2)
        return cli_usage("run", "'%s' is one argument too many", argv[optind + 2]);
    if (!o->output)
        return cli_usage("run", "where should the result go? Add -o FILE");
    o->is_stream = tri_video_is_stream(argv[optind + 1]) || tri_video_is_stream(o->output) ||
                   o->stream.format;
    if (!o->is_stream && tri_image_format_of_path(o->output) == TRI_IMAGE_UNKNOWN) {
        char name[512];
        fprintf(stderr, "tripoint: can't tell the format of '%s': end it in .png, .webp or .jpg\n",
                cli_plain(o->output, name, sizeof name));
        return tri_status_exit_code(TRI_INVALID_ARGUMENT);
    }
    o->pipeline = argv[optind];
    o->input = argv[optind + 1];
    return 0;
}

/* ---- interruption ---- */

static struct tri_cancel *volatile interrupted;

static void on_signal(int number) {
    (void)number;
    tri_cancel_set(interrupted);
}

/* The first Ctrl-C ends the run cleanly; the second one is the system's. */
void run_catch_signals(struct tri_cancel *cancel) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    interrupted = cancel;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static tri_status check_interrupted(const struct run *run, struct tri_error *err) {
    if (!tri_cancel_is_set(run->cancel))
        return TRI_OK;
    *err = (struct tri_error){.status = TRI_CANCELLED};
    snprintf(err->message, sizeof err->message, "interrupted; %s was not written", run->options.output);
    return TRI_CANCELLED;
}

/* ---- the work ---- */

struct decoding {
    struct run *run;
    tri_status status;
    struct tri_error error;
};

static void *decode(void *user) {
    struct decoding *d = user;
    double begin = cli_now_ms();
    struct tri_arena *arena = tri_runtime_arena(d->run->runtime);
    d->status = tri_image_decode(d->run->image, arena, d->run->input, &d->error);
    if (d->status == TRI_OK)
        d->status = cli_decode_inputs(&d->run->options.inputs, d->run->pipeline, arena, &d->error);
    d->run->decode_ms = cli_now_ms() - begin;
    if (d->status == TRI_OK && d->run->output != d->run->input)
        tri_region_prefault(arena, d->run->output); /* while the engines are still coming up: the first stage that
                                                        writes it then takes no page faults */
    return NULL;
}

tri_status run_open_runtime(struct run *run, struct tri_error *err) {
    static struct tri_engine_params engines[TRI_TECHNOLOGY_COUNT];
    struct tri_runtime_params params = {.struct_bytes = sizeof params};
    cli_engine_params(engines);
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++)
        params.engines[t] = &engines[t];
    engines[TRI_TECHNOLOGY_WASM].guest_limit_ns = (uint64_t)(run->options.guest_limit_s * 1e9);
    cli_runtime_params(run->options.pipeline, &run->options.files, &params);
    return tri_runtime_create(&params, &run->runtime, err);
}

tri_status run_open_pipeline(struct run *run, struct tri_pipeline **out, struct tri_error *err) {
    tri_status status = cli_open_pipeline(run->runtime, run->options.pipeline, &run->options.files,
                                          &run->options.sets, out, err);
    if (status == TRI_OK && run->options.no_alias)
        tri_pipeline_set_alias(*out, false);
    run->placing.terminal = isatty(STDERR_FILENO) && !run->options.quiet;
    if (status == TRI_OK)
        status = cli_set_placement(*out, &run->options.placement,
                                   run->options.is_stream ? TRI_PREFER_THROUGHPUT : TRI_PREFER_LATENCY,
                                   run->options.stream.slots, run->options.require_zero_copy, run->cancel, &run->placing,
                                   err);
    return status;
}

static tri_status open_all(struct run *run, struct tri_error *err) {
    tri_status status = run_open_runtime(run, err);
    if (status == TRI_OK)
        status = run_open_pipeline(run, &run->pipeline, err);
    if (status == TRI_OK)
        status = cli_open_inputs(&run->options.inputs, run->pipeline, run->options.input, err);
    if (status == TRI_OK)
        status = tri_image_open_file(run->options.input, &run->image, err);
    if (status == TRI_OK) {
        tri_image_info(run->image, &run->image_info);
        run_catch_signals(run->cancel); /* not before: a read of standard input may take for ever, and nothing is at risk */
    }
    return status;
}

static tri_status plan(struct run *run, struct tri_error *err) {
    const char *input = tri_pipeline_input(run->pipeline), *output = tri_pipeline_output(run->pipeline);
    struct tri_layout layout =
        tri_layout_image(run->image_info.height, run->image_info.width, 4, TRI_DTYPE_U8);
    tri_status status = tri_pipeline_set_input(run->pipeline, input, &layout, err);
    if (status == TRI_OK)
        status = cli_state_inputs(&run->options.inputs, run->pipeline, err);
    if (status == TRI_OK)
        status = tri_pipeline_plan(run->pipeline, err);
    cli_placing_done(&run->placing);
    if (status == TRI_OK)
        status = tri_pipeline_region(run->pipeline, input, &run->input, NULL, err);
    if (status == TRI_OK)
        status = tri_pipeline_region(run->pipeline, output, &run->output, &run->output_layout, err);
    return status;
}

/* Decoding and preparing, side by side. Where no thread is to be had, one after the other. */
static tri_status decode_and_prepare(struct run *run, struct tri_error *err) {
    struct decoding decoding = {.run = run};
    pthread_t thread;
    double begin = cli_now_ms();
    bool beside = pthread_create(&thread, NULL, decode, &decoding) == 0;
    tri_status status = tri_pipeline_prepare(run->pipeline, err);
    run->prepare_ms = cli_now_ms() - begin;
    if (beside)
        pthread_join(thread, NULL);
    else
        decode(&decoding);
    if (decoding.status != TRI_OK) { /* the picture's fault is told before an engine's */
        *err = decoding.error;
        return decoding.status;
    }
    return status;
}

static tri_status work(struct run *run, struct tri_error *err) {
    const struct tri_run_params params = {.struct_bytes = sizeof params,
                                          .cancel = run->cancel,
                                          .require_zero_copy = run->options.require_zero_copy};
    tri_status status = open_all(run, err);
    if (status == TRI_OK)
        status = plan(run, err);
    run->open_ms = cli_now_ms() - run->begin_ms;
    if (status == TRI_OK)
        status = decode_and_prepare(run, err);
    if (status == TRI_OK)
        status = check_interrupted(run, err);
    double begin = cli_now_ms();
    if (status == TRI_OK)
        status = tri_pipeline_run(run->pipeline, &params, err);
    run->run_ms = cli_now_ms() - begin;
    if (status == TRI_OK)
        status = check_interrupted(run, err);
    begin = cli_now_ms();
    if (status == TRI_OK)
        status = tri_image_encode_file(tri_runtime_arena(run->runtime), run->output, run->options.output,
                                       &run->options.encode, &run->bytes_written, err);
    run->encode_ms = cli_now_ms() - begin;
    run->total_ms = cli_now_ms() - run->begin_ms;
    return status;
}

static void tear_down(struct run *run) {
    json_decref(run->placement);
    tri_image_close(&run->image);
    cli_close_inputs(&run->options.inputs);
    tri_pipeline_destroy(&run->pipeline);
    tri_runtime_destroy(&run->runtime);
    tri_cancel_destroy(&run->cancel);
}

/* The output is in place: what is left is memory and threads, which the kernel takes back sooner than the engines give
 * them back (docs/decisions/0003-leaving-without-tearing-down.md). */
static void leave(const struct run *run, int code) {
#ifndef CLI_IS_SANITIZED
    tri_runtime_settle(run->runtime);
    if (fflush(NULL) == 0)
        _exit(code);
#endif
    (void)run;
    (void)code;
}

int cmd_run(int argc, char **argv) {
    struct run run = {.begin_ms = cli_now_ms(), .options.encode.struct_bytes = sizeof run.options.encode};
    struct tri_error err = {0};
    int code = parse(argc, argv, &run.options);
    if (code != 0)
        return code < 0 ? 0 : code;
    tri_status status = tri_cancel_create(&run.cancel, &err);
    if (status == TRI_OK && run.options.trace)
        status = tri_trace_begin(NULL, &err);
    if (status == TRI_OK && run.options.is_stream)
        status = run_stream(&run, &err);
    else if (status == TRI_OK)
        status = work(&run, &err);
    if (status != TRI_OK)
        code = cli_fail(&err);
    else if (run.options.json)
        code = run.options.is_stream ? run_stream_json(&run) : run_report_json(&run);
    if (status == TRI_OK && !run.options.quiet)
        run.options.is_stream ? run_stream_line(&run) : run_report_line(&run);
    if (tri_trace_is_on() && run.options.trace) { /* of a run that failed, too */
        tri_status written = tri_trace_write(run.options.trace, &err);
        if (written != TRI_OK)
            code = cli_fail(&err);
    }
    if (status == TRI_OK && run.stream.cancelled && code == 0)
        code = tri_status_exit_code(TRI_CANCELLED);
    if (status == TRI_OK)
        leave(&run, code);
    tear_down(&run);
    return code;
}
