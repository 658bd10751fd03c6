/* A pipeline as the command line wants it: the files that it lends, and what it changes of the stages. */
#include "cli.h"

int cli_take_file(const char *verb, struct cli_files *files, char *text) {
    const char *path = cli_value_of(text);
    if (!path)
        return cli_usage(verb, "--file is NAME=PATH, as in ./glow.wgsl=/home/me/glow.wgsl, not '%s'", text);
    if (files->count == CLI_FILES_MAX)
        return cli_usage(verb, "more than %d --file", CLI_FILES_MAX);
    files->list[files->count++] = (struct tri_file){.name = text, .path = path};
    return 0;
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
                                               .file_count = files->count};
    tri_status status = tri_pipeline_open(runtime, &params, out, err);
    for (size_t i = 0; status == TRI_OK && i < sets->count; i++)
        status = tri_pipeline_set(*out, sets->list[i], err);
    return status;
}
