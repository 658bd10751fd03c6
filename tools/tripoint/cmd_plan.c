/* tripoint plan - what a pipeline will do: its stages, its memory, who needs what and how long. No engine is opened. */
#include "cli_place.h"
#include "plan.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help_text[] =
    "usage: tripoint plan PIPELINE [INPUT] [OPTIONS]\n\n"
    "Shows what PIPELINE (the name of a shipped one, or a JSON file) would do with a picture of INPUT's size: the stages,\n"
    "what each reads, writes and claims, and the memory: which values lie in which block, how long each is needed, which\n"
    "are replaced in place, and which regions take turns in one block. Nothing is run, and no engine is opened but webnn\n"
    "for a model file that alone knows what comes out of it (and a worker, for an isolated shared object); and where a\n"
    "stage leaves its engine open (\"auto\"), the engines that may run it, when the cache does not know yet which is\n"
    "fastest here: then they are measured.\n\n"
    "      --size WxH            the pictures are so large, when there is no INPUT (default 1920x1080)\n"
    "      --size NAME=WxH       the input NAME is\n"
    "      --size NAME=TYPE[N,M] the input NAME, which is no picture, has this element type and shape\n"
    "      --set STAGE.KEY=V     change a parameter of a stage; may be repeated\n"
    CLI_FILES_HELP
    "      --no-alias            every region gets memory of its own\n"
    CLI_PLACEMENT_HELP
    "      --slots N            throughput with so many frames in flight (default: one more than processors, at most 4)\n"
    "      --dot                 for Graphviz: tripoint plan cutout --dot | dot -Tsvg > cutout.svg\n"
    "      --json                one JSON object\n"
    "      --help                this\n\n"
    "exit: 0 done; 2 command line; 8 not found; 9 pipeline; 10 image; all codes are in tripoint(1).\n";

#define SIZES_MAX 64
#define SIDE_MAX 1000000u

enum form { FORM_TEXT, FORM_DOT, FORM_JSON };

struct size {
    const char *name; /* NULL: every picture */
    size_t name_bytes;
    struct tri_layout layout; /* pictures: kind IMAGE, height and width */
};

struct options {
    const char *pipeline, *input;
    struct size sizes[SIZES_MAX];
    size_t size_count;
    struct cli_sets sets;
    struct cli_files files;
    bool apart;
    struct cli_placement placement;
    uint32_t slots;
    enum form form;
};

/* ---- the command line ---- */

static bool parse_count(const char **text, uint64_t most, uint64_t *out) {
    char *end;
    errno = 0;
    unsigned long long value = strtoull(*text, &end, 10);
    bool good = **text >= '0' && **text <= '9' && errno == 0 && value >= 1 && value <= most;
    *text = end;
    *out = value;
    return good;
}

/* "1920x1080" */
static bool parse_picture(const char *text, struct tri_layout *out) {
    uint64_t width, height;
    if (!parse_count(&text, SIDE_MAX, &width) || (*text != 'x' && *text != 'X'))
        return false;
    text++;
    if (!parse_count(&text, SIDE_MAX, &height) || *text)
        return false;
    *out = tri_layout_image(height, width, 4, TRI_DTYPE_U8);
    return true;
}

/* "f32[1,896,16]" */
static bool parse_shape(const char *text, struct tri_layout *out) {
    const char *bracket = strchr(text, '[');
    char dtype[16];
    struct tri_layout layout = {.kind = TRI_KIND_TENSOR};
    if (!bracket || (size_t)(bracket - text) >= sizeof dtype)
        return false;
    snprintf(dtype, sizeof dtype, "%.*s", (int)(bracket - text), text);
    if (!tri_dtype_from_name(dtype, &layout.dtype))
        return false;
    do {
        bracket++;
        if (layout.rank == TRI_LAYOUT_MAX_RANK || !parse_count(&bracket, UINT32_MAX, &layout.shape[layout.rank]))
            return false;
        layout.rank++;
    } while (*bracket == ',');
    *out = layout;
    return strcmp(bracket, "]") == 0;
}

static int take_size(const char *text, struct options *o) {
    const char *equals = strchr(text, '=');
    if (o->size_count == SIZES_MAX)
        return cli_usage("plan", "more than %d --size", SIZES_MAX);
    struct size *size = &o->sizes[o->size_count++];
    *size = (struct size){.name = equals ? text : NULL, .name_bytes = equals ? (size_t)(equals - text) : 0};
    const char *value = equals ? equals + 1 : text;
    if (parse_picture(value, &size->layout) || (equals && parse_shape(value, &size->layout)))
        return 0;
    return cli_usage("plan", "--size is '%s', it must be WIDTHxHEIGHT, NAME=WIDTHxHEIGHT or NAME=f32[1,896,16]", text);
}

enum { OPT_SIZE = 256, OPT_SET, OPT_NO_ALIAS, OPT_DOT, OPT_JSON, OPT_PREFER, OPT_MEASURE, OPT_SLOTS };

/* 0 go on, -1 help was asked, else an exit code. */
static int take_option(int c, struct options *o) {
    switch (c) {
    case OPT_SIZE:
        return take_size(optarg, o);
    case OPT_SET:
        return cli_take_set("plan", &o->sets, optarg);
    case OPT_NO_ALIAS:
        o->apart = true;
        return 0;
    case OPT_PREFER:
        return cli_take_prefer("plan", &o->placement, optarg);
    case OPT_MEASURE:
        o->placement.measure = true;
        return 0;
    case OPT_SLOTS:
        return cli_read_whole(optarg, TRI_FRAMES_SLOTS_MAX, &o->slots)
                   ? 0
                   : cli_usage("plan", "--slots is '%s', it must be a whole number from 1 to %u", optarg,
                               TRI_FRAMES_SLOTS_MAX);
    case OPT_DOT:
        o->form = FORM_DOT;
        return 0;
    case OPT_JSON:
        o->form = FORM_JSON;
        return 0;
    case 'h':
        fputs(help_text, stdout);
        return -1;
    default:
        return c >= CLI_FILES_OPTION ? cli_take_files_option("plan", c, &o->files, optarg)
                                     : cli_usage("plan", "see the message above");
    }
}

static int parse(int argc, char **argv, struct options *o) {
    static const struct option options[] = {
        {"size", required_argument, NULL, OPT_SIZE}, {"set", required_argument, NULL, OPT_SET},
        CLI_FILES_OPTIONS
        {"no-alias", no_argument, NULL, OPT_NO_ALIAS}, {"dot", no_argument, NULL, OPT_DOT},
        {"prefer", required_argument, NULL, OPT_PREFER}, {"measure", no_argument, NULL, OPT_MEASURE},
        {"slots", required_argument, NULL, OPT_SLOTS},
        {"json", no_argument, NULL, OPT_JSON}, {"help", no_argument, NULL, 'h'}, {0}};
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        int r = take_option(c, o);
        if (r != 0)
            return r;
    }
    if (optind == argc)
        return cli_usage("plan", "the pipeline is missing");
    if (argc - optind > 2)
        return cli_usage("plan", "'%s' is one argument too many", argv[optind + 2]);
    o->pipeline = argv[optind];
    o->input = argv[optind + 1];
    return 0;
}

/* ---- what the inputs hold ---- */

/* The size that was said for an input, else the picture that was said for all. */
static const struct size *said_for(const struct options *o, const char *name) {
    const struct size *all = NULL;
    for (size_t i = 0; i < o->size_count; i++) {
        const struct size *size = &o->sizes[i];
        if (!size->name)
            all = size;
        else if (strlen(name) == size->name_bytes && strncmp(name, size->name, size->name_bytes) == 0)
            return size;
    }
    return all;
}

/* A picture, or a mask of the picture's size, as the input wants it. */
static struct tri_layout fitting(const struct tri_pipeline_input *input, const struct tri_layout *picture) {
    if (input->kind == TRI_KIND_MASK) {
        struct tri_layout mask = tri_layout_mask(picture->shape[0], picture->shape[1]);
        mask.dtype = input->any_dtype ? mask.dtype : input->dtype;
        return mask;
    }
    return tri_layout_image(picture->shape[0], picture->shape[1], input->channels ? input->channels : 4,
                            input->any_dtype ? TRI_DTYPE_U8 : input->dtype);
}

static tri_status no_shape(const struct tri_pipeline_input *input, struct tri_error *err) {
    *err = (struct tri_error){.status = TRI_INVALID_ARGUMENT};
    snprintf(err->message, sizeof err->message,
             "the input \"%s\" is of kind %s: say its shape, such as --size %s=f32[1,896,16]", input->region,
             tri_kind_name(input->kind), input->region);
    return err->status;
}

static tri_status state_inputs(struct tri_pipeline *pipeline, const struct options *o, const struct tri_layout *picture,
                               struct tri_error *err) {
    struct tri_pipeline_input input;
    tri_status status = TRI_OK;
    for (size_t i = 0; status == TRI_OK && tri_pipeline_input_at(pipeline, i, &input); i++) {
        const struct size *said = said_for(o, input.region);
        struct tri_layout layout = said ? said->layout : *picture;
        if (layout.kind == TRI_KIND_TENSOR) /* a shape that was written out */
            layout.kind = input.kind;
        else if (input.kind == TRI_KIND_IMAGE || input.kind == TRI_KIND_MASK)
            layout = fitting(&input, &layout);
        else
            return no_shape(&input, err);
        status = tri_pipeline_set_input(pipeline, input.region, &layout, err);
    }
    return status;
}

static tri_status size_of_file(const char *path, struct tri_layout *picture, struct tri_error *err) {
    struct tri_image *image;
    struct tri_image_info info;
    tri_status status = tri_image_open_file(path, &image, err);
    if (status != TRI_OK)
        return status;
    tri_image_info(image, &info);
    tri_image_close(&image);
    *picture = tri_layout_image(info.height, info.width, 4, TRI_DTYPE_U8);
    return TRI_OK;
}

/* ---- the work ---- */

static tri_status check_names(const struct tri_pipeline *pipeline, const struct options *o, struct tri_error *err) {
    for (size_t i = 0; i < o->size_count; i++) {
        struct tri_pipeline_input input;
        bool found = !o->sizes[i].name;
        for (size_t k = 0; !found && tri_pipeline_input_at(pipeline, k, &input); k++)
            found = said_for(&(struct options){.sizes = {o->sizes[i]}, .size_count = 1}, input.region) != NULL;
        if (found)
            continue;
        *err = (struct tri_error){.status = TRI_INVALID_ARGUMENT};
        snprintf(err->message, sizeof err->message, "--size %.80s: %s has no such input", o->sizes[i].name,
                 tri_pipeline_name(pipeline));
        return err->status;
    }
    return TRI_OK;
}

static tri_status make_plan(struct tri_runtime *runtime, const struct options *o, struct tri_pipeline **out,
                            struct tri_error *err) {
    struct tri_layout picture = tri_layout_image(1080, 1920, 4, TRI_DTYPE_U8);
    tri_status status = cli_open_pipeline(runtime, o->pipeline, &o->files, &o->sets, out, err);
    if (status == TRI_OK && o->input)
        status = size_of_file(o->input, &picture, err);
    if (status == TRI_OK)
        status = check_names(*out, o, err);
    if (status == TRI_OK)
        status = state_inputs(*out, o, &picture, err);
    if (status != TRI_OK)
        return status;
    struct cli_placing placing = {.terminal = isatty(STDERR_FILENO) != 0};
    if (o->apart)
        tri_pipeline_set_alias(*out, false);
    status = cli_set_placement(*out, &o->placement, TRI_PREFER_LATENCY, o->slots, false, NULL, &placing, err);
    if (status == TRI_OK)
        status = tri_pipeline_plan(*out, err);
    cli_placing_done(&placing);
    return status;
}

static int show(const struct tri_pipeline *pipeline, enum form form) {
    struct plan_view view = {.name = tri_pipeline_name(pipeline), .plan = tri_pipeline_planned(pipeline)};
    (void)tri_plan_info(view.plan, &view.info);
    if (form == FORM_JSON)
        return plan_print_json(&view, stdout);
    if (form == FORM_DOT)
        plan_print_dot(&view, stdout);
    else
        plan_print_text(&view, stdout);
    return 0;
}

int cmd_plan(int argc, char **argv) {
    static struct options options;
    struct tri_runtime *runtime = NULL;
    struct tri_pipeline *pipeline = NULL;
    struct tri_runtime_params params = {.struct_bytes = sizeof params};
    static struct tri_engine_params engines[TRI_TECHNOLOGY_COUNT];
    struct tri_error err = {0};
    int code = parse(argc, argv, &options);
    if (code != 0)
        return code < 0 ? 0 : code;
    cli_runtime_params(options.pipeline, &options.files, &params);
    setenv("TRIPOINT_WARM", "0", 1); /* no engine is opened that is not measured; nothing else runs yet */
    cli_engine_params(engines); /* as `tripoint run` opens them */
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++)
        params.engines[t] = &engines[t];
    tri_status status = tri_runtime_create(&params, &runtime, &err);
    if (status == TRI_OK)
        status = make_plan(runtime, &options, &pipeline, &err);
    code = status == TRI_OK ? show(pipeline, options.form) : cli_fail(&err);
    tri_pipeline_destroy(&pipeline);
    tri_runtime_destroy(&runtime);
    return code;
}
