/* tripoint run, over a stream of pictures: progress, the run, and what is told at the end. */
#include "cli_json.h"
#include "run.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TELL_EVERY_S 0.1

/* ---- options ---- */

static int take_number(const char *option, double minimum, double maximum, double *out) {
    char *end;
    errno = 0;
    *out = strtod(optarg, &end);
    if (!errno && !*end && end != optarg && *out >= minimum && *out <= maximum)
        return 0;
    return cli_usage("run", "--%s is '%s', it must be a number from %g to %g", option, optarg, minimum, maximum);
}

int run_stream_option(int c, struct run_options *o) {
    struct tri_video_params *stream = &o->stream;
    double number = 0;
    int wrong = 0;
    switch (c) {
    case RUN_OPT_SLOTS:
        wrong = take_number("slots", 1, TRI_FRAMES_SLOTS_MAX, &number);
        stream->slots = (uint32_t)number;
        return wrong;
    case RUN_OPT_FRAMES:
        wrong = take_number("frames", 1, 1e12, &number);
        stream->frame_limit = (uint64_t)number;
        return wrong;
    case RUN_OPT_FPS:
        return take_number("fps", 0.001, 1000, &stream->frames_per_second);
    case RUN_OPT_CODEC:
        stream->codec = optarg;
        return 0;
    case RUN_OPT_CODEC_OPTION:
        if (stream->codec_option_count == RUN_CODEC_OPTIONS_MAX)
            return cli_usage("run", "more than %d --codec-option", RUN_CODEC_OPTIONS_MAX);
        o->codec_options[stream->codec_option_count++] = optarg;
        return 0;
    case RUN_OPT_ALPHA:
        stream->alpha = true;
        return 0;
    case RUN_OPT_SKIP_FAILED:
        stream->skip_failed = true;
        return 0;
    case RUN_OPT_FORMAT:
        stream->format = optarg;
        return 0;
    case RUN_OPT_LIVE:
        stream->live = true;
        return 0;
    case RUN_OPT_REFUSE_DAMAGED:
        stream->refuse_damaged = true;
        return 0;
    default:
        return 0;
    }
}

/* ---- the run ---- */

struct telling {
    struct run *run;
    double last; /* when progress was shown, in seconds */
    bool opened; /* the pictures for other inputs */
};

/* Other inputs are the same pictures in every pipeline: opened with the first, decoded into each. `run->pipeline` is the one
 * at hand; the stream owns them all. */
static tri_status open_pipeline(void *user, struct tri_runtime *runtime, struct tri_pipeline **out,
                                struct tri_error *err) {
    struct telling *telling = user;
    struct run *run = telling->run;
    (void)runtime; /* the run's */
    tri_status status = run_open_pipeline(run, out, err);
    if (status == TRI_OK && !telling->opened)
        status = cli_open_inputs(&run->options.inputs, *out, run->options.input, err);
    telling->opened = true;
    return status == TRI_OK ? cli_state_inputs(&run->options.inputs, *out, err) : status;
}

static tri_status fill_inputs(void *user, struct tri_pipeline *pipeline, struct tri_error *err) {
    struct telling *telling = user;
    cli_placing_done(&telling->run->placing);
    if (telling->run->options.json && !telling->run->placement)
        telling->run->placement = cli_placement_json(tri_pipeline_planned(pipeline));
    return cli_decode_inputs(&telling->run->options.inputs, pipeline, tri_runtime_arena(telling->run->runtime), err);
}

/* One line that is written over; only on a terminal. */
static void show(void *user, const struct tri_video_progress *p) {
    struct telling *telling = user;
    char copied[32], left[48] = "";
    if (p->seconds - telling->last < TELL_EVERY_S)
        return;
    telling->last = p->seconds;
    double rate = p->seconds > 0 ? (double)p->frames / p->seconds : 0;
    if (p->expected > p->frames && rate > 0)
        snprintf(left, sizeof left, " of %llu, %.0f s left", (unsigned long long)p->expected,
                 (double)(p->expected - p->frames) / rate);
    fprintf(stderr, "\r\033[Kframe %llu%s, %.1f frames/s, %s copied between stages", (unsigned long long)p->frames, left,
            rate, cli_bytes(p->bytes_between, copied, sizeof copied));
    fflush(stderr);
}

tri_status run_stream(struct run *run, struct tri_error *err) {
    const bool terminal = isatty(STDERR_FILENO) && !run->options.quiet;
    struct telling telling = {.run = run};
    struct tri_video_params params = run->options.stream;
    params.struct_bytes = sizeof params;
    params.input = run->options.input;
    params.output = run->options.output;
    params.open = open_pipeline;
    params.planned = fill_inputs;
    params.user = &telling;
    params.codec_options = run->options.codec_options;
    params.no_overwrite = run->options.encode.no_overwrite;
    params.require_zero_copy = run->options.require_zero_copy;
    params.cancel = run->cancel;
    params.progress = terminal ? show : NULL;
    memcpy(params.background, run->options.encode.background, sizeof params.background);
    tri_status status = run_open_runtime(run, err);
    run_catch_signals(run->cancel);
    if (status == TRI_OK)
        status = tri_video_run(run->runtime, &params, &run->stream, err);
    if (terminal)
        fprintf(stderr, "\r\033[K");
    run->total_ms = cli_now_ms() - run->begin_ms;
    return status;
}

/* ---- what is told ---- */

static void tell_losses(const struct tri_video_report *r) {
    if (r->frames.failed)
        fprintf(stderr, "tripoint: %llu frames were left out: their stages failed\n", (unsigned long long)r->frames.failed);
    if (r->dropped)
        fprintf(stderr, "tripoint: %llu frames were dropped: they came faster than they could be worked on\n",
                (unsigned long long)r->dropped);
    if (r->lost)
        fprintf(stderr, "tripoint: %llu packets were missing or too damaged to give a frame\n", (unsigned long long)r->lost);
    if (r->damaged)
        fprintf(stderr, "tripoint: %llu frames are damaged\n", (unsigned long long)r->damaged);
    if (r->rescaled)
        fprintf(stderr, "tripoint: %llu frames had another size and were scaled to the first one's\n",
                (unsigned long long)r->rescaled);
    if (r->complaint[0])
        fprintf(stderr, "tripoint: libav complained, last: %s\n", r->complaint);
    if (r->cancelled)
        fprintf(stderr, "tripoint: interrupted; the frames until then are a whole file\n");
}

void run_stream_line(const struct run *run) {
    const struct tri_video_report *r = &run->stream;
    char between[32], path[PATH_MAX];
    tell_losses(r);
    fprintf(stderr, "%s: %ux%u, %llu frames in %.1f s (%.1f frames/s), %s copied between stages\n",
            strcmp(run->options.output, "-") == 0 ? "standard output" : cli_plain(run->options.output, path, sizeof path),
            r->output_width, r->output_height, (unsigned long long)r->written, run->total_ms * 1e-3,
            (double)r->written / (run->total_ms * 1e-3), cli_bytes(r->bytes_between, between, sizeof between));
}

int run_stream_json(const struct run *run) {
    const struct tri_video_report *r = &run->stream;
    char from[PATH_MAX], to_path[PATH_MAX];
    json_t *input = json_pack("{s:s,s:i,s:i,s:s,s:f,s:i}", "path", cli_plain(run->options.input, from, sizeof from),
                              "width", (int)r->width, "height", (int)r->height, "codec", r->input_codec,
                              "frames_per_second", r->input_frames_per_second, "rotation", (int)r->rotation);
    json_t *output = json_pack("{s:s,s:i,s:i,s:I,s:I}", "path", cli_plain(run->options.output, to_path, sizeof to_path),
                               "width", (int)r->output_width, "height", (int)r->output_height, "frames",
                               (json_int_t)r->written, "bytes", (json_int_t)r->bytes_written);
    json_t *frames = json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:s,s:i,s:b}", "read", (json_int_t)r->frames.frames, "failed",
                               (json_int_t)r->frames.failed, "damaged", (json_int_t)r->damaged, "rescaled",
                               (json_int_t)r->rescaled, "dropped", (json_int_t)r->dropped, "packets_lost", (json_int_t)r->lost, "complaint",
                               r->complaint, "slots", (int)r->slots,
                               "interrupted", (int)r->cancelled);
    json_t *times = json_pack("{s:f,s:f,s:f,s:f}", "decode", (double)r->frames.fill_ns * 1e-6, "stages",
                              (double)r->frames.work_ns * 1e-6, "encode", (double)r->frames.drain_ns * 1e-6, "total",
                              run->total_ms);
    json_t *ledger = json_pack("{s:I,s:I}", "bytes_between_stages", (json_int_t)r->bytes_between, "bytes_at_the_border",
                               (json_int_t)r->bytes_border);
    json_t *all = json_pack("{s:s,s:o,s:o,s:o,s:o,s:o}", "tripoint", tri_version(), "input", input, "output", output,
                            "frames", frames, "milliseconds", times, "ledger", ledger);
    if (run->placement)
        json_object_set(all, "placement", run->placement);
    return cli_print_json(all, strcmp(run->options.output, "-") == 0 ? stderr : stdout);
}
