/*
 * The command's common ground: verbs, how errors are told, and what a terminal is.
 *
 * Every verb is `int cmd_VERB(int argc, char **argv)` and returns the process's exit code, which is
 * tri_status_exit_code() of what went wrong (docs/errors.md).
 */
#ifndef TRIPOINT_CLI_H
#define TRIPOINT_CLI_H

#include <tripoint/tripoint.h>

/* Sanitizers look for leaks when a process ends: theirs tears everything down and exits. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CLI_IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define CLI_IS_SANITIZED 1
#endif
#endif

int cmd_run(int argc, char **argv);
int cmd_plan(int argc, char **argv);
int cmd_prove(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_ops(int argc, char **argv);
int cmd_guest(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_ls(int argc, char **argv);

/* Prints "tripoint: stage 'x' on webgpu, region 'y': message" to stderr; returns the exit code. */
int cli_fail(const struct tri_error *err);

/* A wrong command line: prints the sentence and where help is; returns 2. */
int cli_usage(const char *verb, const char *format, ...) TRI_PRINTF(2, 3);

/* What a terminal or a JSON parser would stumble over becomes '?': a copy of `from`, cut to fit; returns `text`. */
const char *cli_plain(const char *from, char *text, size_t text_bytes);

/* A whole number from 1 to `most`; false when the text is none. */
bool cli_read_whole(const char *text, uint32_t most, uint32_t *out);

/* Splits NAME=VALUE in place and gives the value; NULL, and nothing is split, when it isn't that. */
char *cli_value_of(char *text);

/* Flushes standard output. When anything written there was lost, says so and returns the exit code of TRI_IO, else 0. */
int cli_flush(void);

/* Milliseconds on the monotonic clock. */
double cli_now_ms(void);

/* "8.3 MB", "0 bytes". Writes into `text` and returns it. */
const char *cli_bytes(uint64_t bytes, char *text, size_t text_bytes);

/* Files that the command line lends to a pipeline, and where stages that name files run: --file NAME=PATH,
 * --allow-native, --isolate[=STAGE], --isolate-timeout S. */
#define CLI_FILES_MAX 32
#define CLI_ISOLATED_MAX 64
struct cli_files {
    struct tri_file list[CLI_FILES_MAX];
    size_t count;
    bool allow_native, isolate;
    const char *isolated[CLI_ISOLATED_MAX];
    size_t isolated_count;
    double isolate_timeout_s; /* 0: the library's own */
};
/* The numbers of these options for getopt_long(), and what it wants to know of them. */
#define CLI_FILES_OPTION 600
#define CLI_FILES_OPTIONS                                                                                              \
    {"file", required_argument, NULL, CLI_FILES_OPTION}, {"allow-native", no_argument, NULL, CLI_FILES_OPTION + 1},    \
        {"isolate", optional_argument, NULL, CLI_FILES_OPTION + 2},                                                    \
        {"isolate-timeout", required_argument, NULL, CLI_FILES_OPTION + 3},
/* Takes one of them; NAME=PATH is taken apart in place. 0, or the exit code of a wrong command line. */
int cli_take_files_option(const char *verb, int option, struct cli_files *files, char *text);
/* What the pipeline needs of its runtime: the parameters that come from these options, and workers when it asks for them. */
void cli_runtime_params(const char *name_or_path, const struct cli_files *files, struct tri_runtime_params *params);
/* Seconds, more than 0; false when the text is none. */
bool cli_read_seconds(const char *text, double *out);

/* Further pictures for a pipeline of several inputs: --input NAME=FILE. */
#define CLI_INPUTS_MAX 16
struct cli_input {
    const char *region, *file;
    struct tri_image *image;
};
struct cli_inputs {
    struct cli_input list[CLI_INPUTS_MAX];
    size_t count;
};
/* "NAME=FILE", which is cut in two. 0, or an exit code. */
int cli_take_input(const char *verb, struct cli_inputs *inputs, char *text);
/* Each is an input of the pipeline, and none is missing (the first input is the file `first`); opens the files. */
tri_status cli_open_inputs(struct cli_inputs *inputs, const struct tri_pipeline *pipeline, const char *first,
                           struct tri_error *err);
/* Tells the pipeline their sizes. */
tri_status cli_state_inputs(const struct cli_inputs *inputs, struct tri_pipeline *pipeline, struct tri_error *err);
tri_status cli_decode_inputs(const struct cli_inputs *inputs, struct tri_pipeline *pipeline, struct tri_arena *arena,
                             struct tri_error *err);
void cli_close_inputs(struct cli_inputs *inputs);

/* What the command line changes of the stages: --set STAGE.KEY=V. */
#define CLI_SETS_MAX 64
struct cli_sets {
    const char *list[CLI_SETS_MAX];
    size_t count;
};
/* 0, or the exit code of a wrong command line. */
int cli_take_set(const char *verb, struct cli_sets *sets, const char *text);

/* The pipeline with these files, and changed so. On failure *out may hold one: it is to be destroyed all the same. */
tri_status cli_open_pipeline(struct tri_runtime *runtime, const char *name_or_path, const struct cli_files *files,
                             const struct cli_sets *sets, struct tri_pipeline **out, struct tri_error *err);
#define CLI_FILES_HELP                                                                                                 \
    "      --file NAME=PATH     the file that the pipeline calls NAME is PATH, wherever that is; may be repeated\n"        \
    "      --allow-native       stages may name shared objects: their code runs with your rights\n"                        \
    "      --isolate[=STAGE]    stages that name files (or this one; may be repeated) run in a worker process, which is\n" \
    "                           killed when one does not end in time: a crash or an endless loop does no harm here\n"     \
    "      --isolate-timeout S  ... within S seconds (default 60 to become ready, 30 to run)\n"

/* How the engines of the command are opened. Chooses the Vulkan driver, so it must be called before there are threads. */
void cli_engine_params(struct tri_engine_params params[TRI_TECHNOLOGY_COUNT]);

#endif
