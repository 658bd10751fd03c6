/* The further pictures of a run: --input NAME=FILE, for pipelines with more than one input. */
#include "run.h"

#include <stdio.h>
#include <string.h>

int run_take_input(struct run_options *o, char *text) {
    const char *file = cli_value_of(text);
    if (!file)
        return cli_usage("run", "--input is '%s', it must be NAME=FILE, such as background=beach.jpg", text);
    if (o->input_count == RUN_INPUTS_MAX)
        return cli_usage("run", "more than %d --input", RUN_INPUTS_MAX);
    for (size_t i = 0; i < o->input_count; i++)
        if (strcmp(o->inputs[i].region, text) == 0)
            return cli_usage("run", "--input %s is given twice", text);
    o->inputs[o->input_count++] = (struct run_input){.region = text, .file = file};
    return 0;
}

static struct run_input *given(struct run *run, const char *region) {
    for (size_t i = 0; i < run->options.input_count; i++)
        if (strcmp(run->options.inputs[i].region, region) == 0)
            return &run->options.inputs[i];
    return NULL;
}

static tri_status refuse(struct tri_error *err, const char *message) {
    *err = (struct tri_error){.status = TRI_INVALID_ARGUMENT};
    snprintf(err->message, sizeof err->message, "%s", message);
    return TRI_INVALID_ARGUMENT;
}

/* " background, light": what may be given. */
static void names_of(const struct run *run, char *text, size_t bytes) {
    struct tri_pipeline_input input;
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 1; tri_pipeline_input_at(run->pipeline, i, &input) && used < bytes; i++)
        used += (size_t)snprintf(text + used, bytes - used, "%s%s", i > 1 ? ", " : "", input.region);
}

static tri_status check_known(struct run *run, const struct run_input *it, struct tri_error *err) {
    const char *pipeline = tri_pipeline_name(run->pipeline);
    struct tri_pipeline_input input;
    char names[128], message[400];
    for (size_t i = 1; tri_pipeline_input_at(run->pipeline, i, &input); i++)
        if (strcmp(input.region, it->region) == 0)
            return TRI_OK;
    names_of(run, names, sizeof names);
    if (strcmp(it->region, tri_pipeline_input(run->pipeline)) == 0)
        snprintf(message, sizeof message, "--input %.64s: this is what INPUT fills already", it->region);
    else if (!*names)
        snprintf(message, sizeof message, "--input %.64s: %.64s has one input only", it->region, pipeline);
    else
        snprintf(message, sizeof message, "--input %.64s: %.64s has no such input; it has: %s", it->region, pipeline,
                 names);
    return refuse(err, message);
}

static tri_status check_complete(struct run *run, struct tri_error *err) {
    struct tri_pipeline_input input;
    char message[400];
    for (size_t i = 1; tri_pipeline_input_at(run->pipeline, i, &input); i++)
        if (!given(run, input.region)) {
            snprintf(message, sizeof message, "%.64s has another input, \"%.64s\": add --input %.64s=FILE",
                     tri_pipeline_name(run->pipeline), input.region, input.region);
            return refuse(err, message);
        }
    return TRI_OK;
}

static tri_status check_standard_input(const struct run *run, struct tri_error *err) {
    size_t count = strcmp(run->options.input, "-") == 0;
    for (size_t i = 0; i < run->options.input_count; i++)
        count += strcmp(run->options.inputs[i].file, "-") == 0;
    return count > 1 ? refuse(err, "standard input ('-') holds one picture, and two are to come from it") : TRI_OK;
}

tri_status run_open_inputs(struct run *run, struct tri_error *err) {
    tri_status status = check_standard_input(run, err);
    for (size_t i = 0; status == TRI_OK && i < run->options.input_count; i++)
        status = check_known(run, &run->options.inputs[i], err);
    if (status == TRI_OK)
        status = check_complete(run, err);
    for (size_t i = 0; status == TRI_OK && i < run->options.input_count; i++)
        status = tri_image_open_file(run->options.inputs[i].file, &run->options.inputs[i].image, err);
    return status;
}

tri_status run_state_inputs(struct run *run, struct tri_error *err) {
    tri_status status = TRI_OK;
    for (size_t i = 0; status == TRI_OK && i < run->options.input_count; i++) {
        const struct run_input *it = &run->options.inputs[i];
        struct tri_image_info info;
        tri_image_info(it->image, &info);
        const struct tri_layout layout = tri_layout_image(info.height, info.width, 4, TRI_DTYPE_U8);
        status = tri_pipeline_set_input(run->pipeline, it->region, &layout, err);
    }
    return status;
}

tri_status run_decode_inputs(struct run *run, struct tri_error *err) {
    tri_status status = TRI_OK;
    for (size_t i = 0; status == TRI_OK && i < run->options.input_count; i++) {
        tri_handle handle;
        status = tri_pipeline_region(run->pipeline, run->options.inputs[i].region, &handle, NULL, err);
        if (status == TRI_OK)
            status = tri_image_decode(run->options.inputs[i].image, tri_runtime_arena(run->runtime), handle, err);
    }
    return status;
}

void run_close_inputs(struct run *run) {
    for (size_t i = 0; i < run->options.input_count; i++)
        tri_image_close(&run->options.inputs[i].image);
}
