/* What `tripoint run` was asked and what it found: shared by the doing (cmd_run.c, run_stream.c) and the
 * telling (run_report.c). */
#ifndef TRIPOINT_CLI_RUN_H
#define TRIPOINT_CLI_RUN_H

#include "cli.h"
#include "cli_place.h"

#define RUN_CODEC_OPTIONS_MAX 64

struct run_options {
    const char *pipeline, *input, *output, *trace;
    struct cli_sets sets;
    struct cli_inputs inputs;
    struct cli_placement placement;
    bool is_stream, require_zero_copy, no_alias, json, quiet;
    struct cli_files files;
    double guest_limit_s; /* 0: the engine's own */
    struct tri_image_encode_params encode;
    struct tri_video_params stream; /* what concerns moving pictures alone */
    const char *codec_options[RUN_CODEC_OPTIONS_MAX];
};

struct run {
    struct run_options options;
    struct tri_runtime *runtime;
    struct tri_pipeline *pipeline;
    struct tri_image *image;
    struct tri_cancel *cancel;
    struct cli_placing placing;
    json_t *placement; /* of a stream's first pipeline, for the report; NULL: none */
    struct tri_image_info image_info;
    tri_handle input, output;
    struct tri_layout output_layout;
    struct tri_video_report stream;
    uint64_t bytes_written;
    double begin_ms; /* when the command began */
    double open_ms, decode_ms, prepare_ms, run_ms, encode_ms, total_ms; /* how long each took */
};

/* ---- run_stream.c ---- */
/* The options of moving pictures, as getopt_long() and --help want them. */
#define RUN_STREAM_OPTION 400
enum {
    RUN_OPT_SLOTS = RUN_STREAM_OPTION,
    RUN_OPT_FRAMES,
    RUN_OPT_FPS,
    RUN_OPT_CODEC,
    RUN_OPT_CODEC_OPTION,
    RUN_OPT_ALPHA,
    RUN_OPT_SKIP_FAILED,
    RUN_OPT_REFUSE_DAMAGED,
    RUN_OPT_LIVE,
    RUN_OPT_FORMAT
};
#define RUN_STREAM_OPTIONS                                                                       \
    {"slots", required_argument, NULL, RUN_OPT_SLOTS}, {"frames", required_argument, NULL, RUN_OPT_FRAMES},   \
        {"fps", required_argument, NULL, RUN_OPT_FPS}, {"codec", required_argument, NULL, RUN_OPT_CODEC},     \
        {"codec-option", required_argument, NULL, RUN_OPT_CODEC_OPTION},                         \
        {"alpha", no_argument, NULL, RUN_OPT_ALPHA},                                             \
        {"skip-failed", no_argument, NULL, RUN_OPT_SKIP_FAILED},                                 \
        {"refuse-damaged", no_argument, NULL, RUN_OPT_REFUSE_DAMAGED},                           \
        {"live", no_argument, NULL, RUN_OPT_LIVE}, {"format", required_argument, NULL, RUN_OPT_FORMAT},
#define RUN_STREAM_INTRO                                                                         \
    "INPUT and OUTPUT may be videos (.mp4, .mov, .mkv, .webm, .avi, .y4m, ...), and images with a number in their name\n" \
    "(frame-%04d.png) or, as INPUT, a pattern ('frames/*.jpg').\n"
#define RUN_STREAM_HELP                                                                          \
    "moving pictures:\n" \
    "      --slots N            frames worked on at once (default: one more than processors, at most 4)\n" \
    "      --frames N           stop after N frames\n" \
    "      --fps N              of a sequence of images (default 25)\n" \
    "      --alpha              keep transparency (.webm, .mov, .png); else it is flattened on --background\n" \
    "      --format NAME        y4m, raw or a format of libav like matroska (default: by OUTPUT's ending); -o - needs it\n" \
    "      --codec NAME         an encoder of libav, like libx265; --codec-option crf=20 for its own options\n" \
    "      --skip-failed        leave a frame out when its stages fail, and go on\n" \
    "      --live               INPUT, a pipe, does not wait: keep its newest frames, drop the oldest, count them\n" \
    "      --refuse-damaged     stop at a frame that the decoder saw errors in\n\n"
/* 0, or the exit code of a wrong one. */
int run_stream_option(int c, struct run_options *o);

/* A stream of pictures, from file to file: the rest of the command when input or output is one. */
tri_status run_stream(struct run *run, struct tri_error *err);
/* The runtime, and a pipeline of it as the options say. */
tri_status run_open_runtime(struct run *run, struct tri_error *err);
tri_status run_open_pipeline(struct run *run, struct tri_pipeline **out, struct tri_error *err);
/* From then on the first Ctrl-C sets `cancel`. */
void run_catch_signals(struct tri_cancel *cancel);

/* ---- run_report.c ---- */
/* The last line on stderr; the whole story as JSON on `to`. */
void run_report_line(const struct run *run);
int run_report_json(const struct run *run);
void run_stream_line(const struct run *run);
int run_stream_json(const struct run *run);

#endif
