/* Further pictures: --input NAME=FILE, for pipelines with more than one input. */
#include "cli.h"

#include <stdio.h>
#include <string.h>

int cli_take_input(const char *verb, struct cli_inputs *inputs, char *text) {
    const char *file = cli_value_of(text);
    if (!file)
        return cli_usage(verb, "--input is '%s', it must be NAME=FILE, such as background=beach.jpg", text);
    if (inputs->count == CLI_INPUTS_MAX)
        return cli_usage(verb, "more than %d --input", CLI_INPUTS_MAX);
    for (size_t i = 0; i < inputs->count; i++)
        if (strcmp(inputs->list[i].region, text) == 0)
            return cli_usage(verb, "--input %s is given twice", text);
    inputs->list[inputs->count++] = (struct cli_input){.region = text, .file = file};
    return 0;
}

static bool is_given(const struct cli_inputs *inputs, const char *region) {
    for (size_t i = 0; i < inputs->count; i++)
        if (strcmp(inputs->list[i].region, region) == 0)
            return true;
    return false;
}

static tri_status refuse(struct tri_error *err, const char *message) {
    *err = (struct tri_error){.status = TRI_INVALID_ARGUMENT};
    snprintf(err->message, sizeof err->message, "%s", message);
    return TRI_INVALID_ARGUMENT;
}

/* " background, light": what may be given. */
static void names_of(const struct tri_pipeline *pipeline, char *text, size_t bytes) {
    struct tri_pipeline_input input;
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 1; tri_pipeline_input_at(pipeline, i, &input) && used < bytes; i++)
        used += (size_t)snprintf(text + used, bytes - used, "%s%s", i > 1 ? ", " : "", input.region);
}

static tri_status check_known(const struct tri_pipeline *pipeline, const struct cli_input *it, struct tri_error *err) {
    const char *name = tri_pipeline_name(pipeline);
    struct tri_pipeline_input input;
    char names[128], message[400];
    for (size_t i = 1; tri_pipeline_input_at(pipeline, i, &input); i++)
        if (strcmp(input.region, it->region) == 0)
            return TRI_OK;
    names_of(pipeline, names, sizeof names);
    if (strcmp(it->region, tri_pipeline_input(pipeline)) == 0)
        snprintf(message, sizeof message, "--input %.64s: this is what INPUT fills already", it->region);
    else if (!*names)
        snprintf(message, sizeof message, "--input %.64s: %.64s has one input only", it->region, name);
    else
        snprintf(message, sizeof message, "--input %.64s: %.64s has no such input; it has: %s", it->region, name,
                 names);
    return refuse(err, message);
}

static tri_status check_complete(const struct cli_inputs *inputs, const struct tri_pipeline *pipeline,
                                 struct tri_error *err) {
    struct tri_pipeline_input input;
    char message[400];
    for (size_t i = 1; tri_pipeline_input_at(pipeline, i, &input); i++)
        if (!is_given(inputs, input.region)) {
            snprintf(message, sizeof message, "%.64s has another input, \"%.64s\": add --input %.64s=FILE",
                     tri_pipeline_name(pipeline), input.region, input.region);
            return refuse(err, message);
        }
    return TRI_OK;
}

static tri_status check_standard_input(const struct cli_inputs *inputs, const char *first, struct tri_error *err) {
    size_t count = strcmp(first, "-") == 0;
    for (size_t i = 0; i < inputs->count; i++)
        count += strcmp(inputs->list[i].file, "-") == 0;
    return count > 1 ? refuse(err, "standard input ('-') holds one picture, and two are to come from it") : TRI_OK;
}

tri_status cli_open_inputs(struct cli_inputs *inputs, const struct tri_pipeline *pipeline, const char *first,
                           struct tri_error *err) {
    tri_status status = check_standard_input(inputs, first, err);
    for (size_t i = 0; status == TRI_OK && i < inputs->count; i++)
        status = check_known(pipeline, &inputs->list[i], err);
    if (status == TRI_OK)
        status = check_complete(inputs, pipeline, err);
    for (size_t i = 0; status == TRI_OK && i < inputs->count; i++)
        status = tri_image_open_file(inputs->list[i].file, &inputs->list[i].image, err);
    return status;
}

tri_status cli_state_inputs(const struct cli_inputs *inputs, struct tri_pipeline *pipeline, struct tri_error *err) {
    tri_status status = TRI_OK;
    for (size_t i = 0; status == TRI_OK && i < inputs->count; i++) {
        const struct cli_input *it = &inputs->list[i];
        struct tri_image_info info;
        tri_image_info(it->image, &info);
        const struct tri_layout layout = tri_layout_image(info.height, info.width, 4, TRI_DTYPE_U8);
        status = tri_pipeline_set_input(pipeline, it->region, &layout, err);
    }
    return status;
}

tri_status cli_decode_inputs(const struct cli_inputs *inputs, struct tri_pipeline *pipeline, struct tri_arena *arena,
                             struct tri_error *err) {
    tri_status status = TRI_OK;
    for (size_t i = 0; status == TRI_OK && i < inputs->count; i++) {
        tri_handle handle;
        status = tri_pipeline_region(pipeline, inputs->list[i].region, &handle, NULL, err);
        if (status == TRI_OK)
            status = tri_image_decode(inputs->list[i].image, arena, handle, err);
    }
    return status;
}

void cli_close_inputs(struct cli_inputs *inputs) {
    for (size_t i = 0; i < inputs->count; i++)
        tri_image_close(&inputs->list[i].image);
}
