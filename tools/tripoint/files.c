/* Which files a pipeline may name: those beside it, and those that the command line lends it. */
#include "cli.h"

#include <string.h>

int cli_take_file(const char *verb, struct cli_files *files, char *text) {
    char *equals = strchr(text, '=');
    if (!equals || equals == text || !equals[1])
        return cli_usage(verb, "--file is NAME=PATH, as in ./glow.wgsl=/home/me/glow.wgsl, not '%s'", text);
    if (files->count == CLI_FILES_MAX)
        return cli_usage(verb, "more than %d --file", CLI_FILES_MAX);
    *equals = '\0';
    files->list[files->count++] = (struct tri_file){.name = text, .path = equals + 1};
    return 0;
}

tri_status cli_open_pipeline(struct tri_runtime *runtime, const char *name_or_path, const struct cli_files *files,
                             struct tri_pipeline **out, struct tri_error *err) {
    const struct tri_pipeline_params params = {.struct_bytes = sizeof params,
                                               .name_or_path = name_or_path,
                                               .files = files->list,
                                               .file_count = files->count};
    return tri_pipeline_open(runtime, &params, out, err);
}
