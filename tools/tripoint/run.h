/* What `tripoint run` was asked and what it found: shared by the doing (cmd_run.c, run_inputs.c) and the
 * telling (run_report.c). */
#ifndef TRIPOINT_CLI_RUN_H
#define TRIPOINT_CLI_RUN_H

#include "cli.h"

#define RUN_SETS_MAX 64
#define RUN_INPUTS_MAX 16

/* A further picture: --input NAME=FILE. */
struct run_input {
    const char *region, *file;
    struct tri_image *image;
};

struct run_options {
    const char *pipeline, *input, *output, *trace;
    const char *sets[RUN_SETS_MAX];
    size_t set_count;
    struct run_input inputs[RUN_INPUTS_MAX];
    size_t input_count;
    bool require_zero_copy, no_alias, json, quiet;
    struct cli_files files;
    double guest_limit_s; /* 0: the engine's own */
    struct tri_image_encode_params encode;
};

struct run {
    struct run_options options;
    struct tri_runtime *runtime;
    struct tri_pipeline *pipeline;
    struct tri_image *image;
    struct tri_cancel *cancel;
    struct tri_image_info image_info;
    tri_handle input, output;
    struct tri_layout output_layout;
    uint64_t bytes_written;
    double begin_ms; /* when the command began */
    double open_ms, decode_ms, prepare_ms, run_ms, encode_ms, total_ms; /* how long each took */
};

/* ---- run_inputs.c ---- */
/* "NAME=FILE", which is cut in two. 0, or an exit code. */
int run_take_input(struct run_options *options, char *text);
/* Each is an input of the pipeline, and no input is missing; opens the files. */
tri_status run_open_inputs(struct run *run, struct tri_error *err);
/* Tells the pipeline their sizes. */
tri_status run_state_inputs(struct run *run, struct tri_error *err);
tri_status run_decode_inputs(struct run *run, struct tri_error *err);
void run_close_inputs(struct run *run);

/* ---- run_report.c ---- */
/* The last line on stderr; the whole story as JSON on `to`. */
void run_report_line(const struct run *run);
int run_report_json(const struct run *run);

#endif
