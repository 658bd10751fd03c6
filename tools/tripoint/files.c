/* A pipeline as the command line wants it: the files that it lends, and what it changes of the stages. */
#include "cli.h"

#include <stdlib.h>

static int take_file(const char *verb, struct cli_files *files, char *text) {
    const char *path = cli_value_of(text);
    if (!path)
        return cli_usage(verb, "--file is NAME=PATH, as in ./glow.wgsl=/home/me/glow.wgsl, not '%s'", text);
    if (files->count == CLI_FILES_MAX)
        return cli_usage(verb, "more than %d --file", CLI_FILES_MAX);
    files->list[files->count++] = (struct tri_file){.name = text, .path = path};
    return 0;
}

static int take_isolate(const char *verb, struct cli_files *files, const char *stage) {
    if (!stage) {
        files->isolate = true;
        return 0;
    }
    if (files->isolated_count == CLI_ISOLATED_MAX)
        return cli_usage(verb, "more than %d --isolate=STAGE", CLI_ISOLATED_MAX);
    files->isolated[files->isolated_count++] = stage;
    return 0;
}

bool cli_read_seconds(const char *text, double *out) {
    char *end;
    *out = strtod(text, &end);
    return end != text && !*end && *out > 0 && *out < 1e6;
}

int cli_take_files_option(const char *verb, int option, struct cli_files *files, char *text) {
    switch (option - CLI_FILES_OPTION) {
    case 0:
        return take_file(verb, files, text);
    case 1:
        files->allow_native = true;
        return 0;
    case 2:
        return take_isolate(verb, files, text);
    default:
        return cli_read_seconds(text, &files->isolate_timeout_s)
                   ? 0
                   : cli_usage(verb, "--isolate-timeout is '%s', it must be a number of seconds, more than 0", text);
    }
}

void cli_runtime_params(const char *name_or_path, const struct cli_files *files, struct tri_runtime_params *params) {
    const struct tri_pipeline_params pipeline = {.struct_bytes = sizeof pipeline,
                                                 .name_or_path = name_or_path,
                                                 .isolate = files->isolated,
                                                 .isolate_count = files->isolated_count};
    params->allow_native = files->allow_native;
    params->isolate = files->isolate;
    params->workers = tri_pipeline_wants_workers(&pipeline);
    params->isolate_timeout_ns = (uint64_t)(files->isolate_timeout_s * 1e9);
}

int cli_take_set(const char *verb, struct cli_sets *sets, const char *text) {
    if (sets->count == CLI_SETS_MAX)
        return cli_usage(verb, "more than %d --set", CLI_SETS_MAX);
    sets->list[sets->count++] = text;
    return 0;
}

tri_status cli_open_pipeline(struct tri_runtime *runtime, const char *name_or_path, const struct cli_files *files,
                             const struct cli_sets *sets, struct tri_pipeline **out, struct tri_error *err) {
    const struct tri_pipeline_params params = {.struct_bytes = sizeof params,
                                               .name_or_path = name_or_path,
                                               .files = files->list,
                                               .file_count = files->count,
                                               .isolate = files->isolated,
                                               .isolate_count = files->isolated_count};
    tri_status status = tri_pipeline_open(runtime, &params, out, err);
    for (size_t i = 0; status == TRI_OK && i < sets->count; i++)
        status = tri_pipeline_set(*out, sets->list[i], err);
    return status;
}
