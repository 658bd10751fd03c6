/*
 * Is the placement that was chosen by measuring the best one? Each pipeline with all its engines left open, against the same
 * pipeline with fixed engines, all of them in turns in one loop.
 *
 *   bench/placement [--frame | --chain | --flow] [--rounds N] [--input FILE] [--json]
 *
 * --frame: the cut-out, one frame after the other; --chain: longer pipelines; --flow: the cut-out, several frames in flight.
 *
 * Fixed are all assignments of engines to stages where there are at most 36; of more, those with one engine for as many stages
 * as it can, those that differ from the chosen one in one stage, and some at random. `chosen / best` is the median of the
 * rounds' quotients by the fixed one with the lowest median; more than 1.10 is a bug of the chooser.
 */
#include "measure.h"

#include <tripoint/tripoint.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONTESTANTS_MAX = 48, ALL_MAX = 36, STAGES_MAX = 16, SLOTS_MAX = 4, FRAMES_A_SLOT = 4 };

/* An assignment: a technology a stage. */
struct placement {
    enum tri_technology technology[STAGES_MAX];
};

struct contestant {
    struct placement placement;
    bool chosen;
    uint32_t streams; /* of the network, where placement chose that */
    struct tri_pipeline *pipelines[SLOTS_MAX];
    struct bench_series series;
};

struct bench {
    const char *name;
    json_t *text;
    uint32_t width, height, slots; /* one: latency */
    const uint8_t *photo;
    struct tri_runtime *runtime;
    size_t stage_count;
    unsigned candidates[STAGES_MAX]; /* bits of technologies */
    struct contestant contestants[CONTESTANTS_MAX];
    size_t count;
};

static json_t *stages_of(const struct bench *b) {
    return json_object_get(b->text, "stages");
}

/* ---- contestants ---- */

static void fill(const struct bench *b, struct tri_pipeline *pipeline, const struct tri_pipeline_input *input) {
    struct tri_error err = {0};
    struct tri_host_view view;
    tri_handle region;
    bench_check(tri_pipeline_region(pipeline, input->region, &region, NULL, &err), &err);
    bench_check(tri_host_view_begin(tri_runtime_arena(b->runtime), region, TRI_ACCESS_WRITE, NULL, &view, &err), &err);
    memcpy(view.write, b->photo, (size_t)b->width * b->height * 4);
    bench_check(tri_host_view_end(tri_runtime_arena(b->runtime), &view, &err), &err);
}

/* One pipeline, prepared and with the photo in it. */
static struct tri_pipeline *open_pipeline(const struct bench *b, bool chosen) {
    struct tri_error err = {0};
    struct tri_pipeline *pipeline;
    struct tri_pipeline_input input;
    const struct tri_layout layout = tri_layout_image(b->height, b->width, 4, TRI_DTYPE_U8);
    const struct tri_placement_params placement = {.struct_bytes = sizeof placement,
                                                   .prefer = b->slots > 1 ? TRI_PREFER_THROUGHPUT : TRI_PREFER_LATENCY,
                                                   .slots = b->slots,
                                                   .measure = true};
    char *text = json_dumps(b->text, 0);
    bench_check(tri_pipeline_parse(b->runtime, text, strlen(text), b->name, &pipeline, &err), &err);
    free(text);
    for (size_t i = 0; tri_pipeline_input_at(pipeline, i, &input); i++)
        bench_check(tri_pipeline_set_input(pipeline, input.region, &layout, &err), &err);
    if (chosen)
        bench_check(tri_pipeline_set_placement(pipeline, &placement, &err), &err);
    bench_check(tri_pipeline_prepare(pipeline, &err), &err);
    for (size_t i = 0; tri_pipeline_input_at(pipeline, i, &input); i++)
        fill(b, pipeline, &input);
    return pipeline;
}

static bool is_there(const struct bench *b, const struct placement *placement) {
    for (size_t i = 0; i < b->count; i++)
        if (!b->contestants[i].chosen &&
            memcmp(b->contestants[i].placement.technology, placement->technology,
                   b->stage_count * sizeof *placement->technology) == 0)
            return true;
    return false;
}

static void add_fixed(struct bench *b, const struct placement *placement) {
    struct contestant *c = &b->contestants[b->count];
    if (b->count == CONTESTANTS_MAX || is_there(b, placement))
        return;
    for (size_t i = 0; i < b->stage_count; i++)
        json_object_set_new(json_array_get(stages_of(b), i), "technology",
                            json_string(tri_technology_name(placement->technology[i])));
    c->placement = *placement;
    for (uint32_t s = 0; s < b->slots; s++)
        c->pipelines[s] = open_pipeline(b, false);
    b->count++;
}

static void add_chosen(struct bench *b) {
    struct contestant *c = &b->contestants[b->count++];
    struct tri_plan_stage stage;
    for (size_t i = 0; i < b->stage_count; i++)
        json_object_set_new(json_array_get(stages_of(b), i), "technology", json_string("auto"));
    c->chosen = true;
    for (uint32_t s = 0; s < b->slots; s++)
        c->pipelines[s] = open_pipeline(b, true);
    for (size_t i = 0; tri_plan_stage(tri_pipeline_planned(c->pipelines[0]), i, &stage); i++)
        c->placement.technology[i] = stage.technology;
    for (size_t i = 0; i < b->stage_count; i++) {
        struct tri_plan_candidate candidate;
        for (size_t n = 0; tri_plan_candidate(tri_pipeline_planned(c->pipelines[0]), i, n, &candidate); n++)
            c->streams = candidate.chosen && candidate.streams ? candidate.streams : c->streams;
    }
}

/* ---- which are fixed ---- */

static size_t choices(const struct bench *b, size_t stage) {
    return (size_t)__builtin_popcount(b->candidates[stage]);
}

static enum tri_technology choice(const struct bench *b, size_t stage, size_t n) {
    for (unsigned t = 0; t < TRI_TECHNOLOGY_COUNT; t++)
        if ((b->candidates[stage] & (1u << t)) && n-- == 0)
            return (enum tri_technology)t;
    return TRI_TECHNOLOGY_HOST;
}

static void add_number(struct bench *b, size_t number) {
    struct placement placement;
    for (size_t i = 0; i < b->stage_count; i++) {
        placement.technology[i] = choice(b, i, number % choices(b, i));
        number /= choices(b, i);
    }
    add_fixed(b, &placement);
}

static void add_neighbours(struct bench *b, const struct placement *placement) {
    add_fixed(b, placement);
    for (size_t i = 0; i < b->stage_count; i++)
        for (size_t n = 0; n < choices(b, i); n++) {
            struct placement other = *placement;
            other.technology[i] = choice(b, i, n);
            add_fixed(b, &other);
        }
}

static void add_uniform(struct bench *b) {
    for (unsigned t = 0; t < TRI_TECHNOLOGY_COUNT; t++) {
        struct placement placement;
        for (size_t i = 0; i < b->stage_count; i++)
            placement.technology[i] = b->candidates[i] & (1u << t) ? (enum tri_technology)t : choice(b, i, 0);
        add_fixed(b, &placement);
    }
}

static size_t add_all(struct bench *b) {
    size_t possible = 1;
    uint32_t seed = 1;
    for (size_t i = 0; i < b->stage_count; i++)
        possible *= choices(b, i);
    if (possible <= ALL_MAX) {
        for (size_t n = 0; n < possible; n++)
            add_number(b, n);
        return possible;
    }
    add_uniform(b);
    add_neighbours(b, &b->contestants[0].placement);
    for (int i = 0; i < 200 && b->count < ALL_MAX; i++)
        add_number(b, (seed = seed * 1664525u + 1013904223u) % possible);
    return possible;
}

/* ---- measuring ---- */

static tri_status next(void *user, uint32_t slot, uint64_t frame, bool *end, struct tri_error *err) {
    const uint64_t *frames = ((void **)user)[1];
    (void)slot, (void)err;
    *end = frame == *frames;
    return TRI_OK;
}

static tri_status work(void *user, uint32_t slot, uint64_t frame, struct tri_error *err) {
    struct contestant *c = ((void **)user)[0];
    (void)frame;
    return tri_pipeline_run(c->pipelines[slot], NULL, err);
}

static tri_status done(void *user, uint32_t slot, uint64_t frame, const struct tri_error *failed, struct tri_error *err) {
    (void)user, (void)slot, (void)frame, (void)failed, (void)err;
    return TRI_OK;
}

/* Milliseconds a frame. */
static double timed(const struct bench *b, struct contestant *c) {
    static const struct tri_frames_calls calls = {.struct_bytes = sizeof calls, .fill = next, .work = work, .drain = done};
    const struct tri_frames_params params = {.struct_bytes = sizeof params, .slots = b->slots};
    struct tri_error err = {0};
    double best = 1e9;
    if (b->slots > 1) {
        uint64_t frames = (uint64_t)FRAMES_A_SLOT * b->slots;
        void *user[] = {c, &frames};
        double begin = bench_now_ms();
        bench_check(tri_frames_run(&params, &calls, user, NULL, &err), &err);
        return (bench_now_ms() - begin) / (double)frames;
    }
    for (int i = 0; i < 3; i++) { /* the first one comes after another contestant: what it left in the caches is not ours */
        double begin = bench_now_ms();
        bench_check(tri_pipeline_run(c->pipelines[0], NULL, &err), &err);
        double took = bench_now_ms() - begin;
        best = took < best ? took : best;
    }
    return best;
}

static const char *describe(const struct bench *b, const struct contestant *c, char *text, size_t bytes) {
    size_t used = (size_t)snprintf(text, bytes, "%s", c->chosen ? "chosen:" : "");
    for (size_t i = 0; i < b->stage_count && used < bytes; i++)
        used += (size_t)snprintf(text + used, bytes - used, "%s%.3s", i ? "-" : c->chosen ? " " : "",
                                 c->placement.technology[i] == TRI_TECHNOLOGY_WEBGPU ? "gpu"
                                                                                     : tri_technology_name(c->placement.technology[i]));
    if (c->streams && used < bytes)
        snprintf(text + used, bytes - used, " x%u", c->streams);
    return text;
}

static void report(const struct bench *b, const char *group, size_t possible) {
    char text[96];
    size_t best = 1, worst = 1;
    for (size_t i = 1; i < b->count; i++) {
        double median = bench_summarise(&b->contestants[i].series).median;
        best = median < bench_summarise(&b->contestants[best].series).median ? i : best;
        worst = median > bench_summarise(&b->contestants[worst].series).median ? i : worst;
    }
    const size_t told[] = {0, best, worst};
    static const char *const words[] = {"", "best fixed: ", "worst fixed: "};
    for (size_t i = 0; i < 3; i++) {
        char line[128];
        snprintf(line, sizeof line, "%s%s", words[i], describe(b, &b->contestants[told[i]], text, sizeof text));
        bench_report_times(group, line, &b->contestants[told[i]].series);
    }
    bench_report_value(group, "fixed placements measured", (double)(b->count - 1), "", NULL);
    bench_report_value(group, "placements there are", (double)possible, "", NULL);
    bench_report_value(group, "chosen / best", bench_ratio(&b->contestants[0].series, &b->contestants[best].series), "times",
                       "at most 1.10");
}

static json_t *shipped(const char *name) {
    char path[64];
    json_error_t why;
    snprintf(path, sizeof path, "pipelines/%s.json", name);
    json_t *text = json_load_file(path, 0, &why);
    if (!text)
        bench_die(path, why.text);
    return text;
}

static void open_bench(struct bench *b, const char *name, uint32_t width, uint32_t height, uint32_t slots,
                       const char *input) {
    static struct tri_engine_params engine = {.struct_bytes = sizeof engine, .may_set_environment = true};
    struct tri_runtime_params params = {.struct_bytes = sizeof params};
    struct tri_error err = {0};
    memset(b, 0, sizeof *b);
    b->name = name;
    b->text = shipped(name);
    b->width = width;
    b->height = height;
    b->slots = slots;
    b->photo = bench_photo(input, width, height);
    for (size_t t = 0; t < TRI_TECHNOLOGY_COUNT; t++)
        params.engines[t] = &engine;
    bench_check(tri_runtime_create(&params, &b->runtime, &err), &err);
    b->stage_count = json_array_size(stages_of(b));
    if (b->stage_count > STAGES_MAX)
        bench_die(name, "too many stages");
    for (size_t i = 0; i < b->stage_count; i++) {
        const char *operation = json_string_value(json_object_get(json_array_get(stages_of(b), i), "operation"));
        b->candidates[i] = tri_operation_find(operation)->technologies;
    }
}

static void close_bench(struct bench *b) {
    for (size_t i = 0; i < b->count; i++)
        for (uint32_t s = 0; s < b->slots; s++)
            tri_pipeline_destroy(&b->contestants[i].pipelines[s]);
    tri_runtime_destroy(&b->runtime);
    free((void *)(uintptr_t)b->photo);
    json_decref(b->text);
}

static void measure(const char *name, uint32_t width, uint32_t height, uint32_t slots, const struct bench_options *options) {
    static struct bench bench;
    char group[64];
    open_bench(&bench, name, width, height, slots, options->input);
    add_chosen(&bench);
    size_t possible = add_all(&bench);
    for (size_t round = 0; round < options->rounds + 1; round++) /* the first one warms up */
        for (size_t i = 0; i < bench.count; i++) {
            struct contestant *c = &bench.contestants[round % 2 ? bench.count - 1 - i : i];
            double ms = timed(&bench, c);
            if (round > 0)
                bench_add(&c->series, ms);
        }
    snprintf(group, sizeof group, "%s %ux%u%s", name, width, height, slots > 1 ? " flow" : "");
    report(&bench, group, possible);
    close_bench(&bench);
}

/* Is the case of the group that was asked for? NULL: all are. */
static bool is_asked(const char *group, size_t stages, uint32_t slots) {
    return !group || strcmp(group, slots > 1 ? "--flow" : stages > 3 ? "--chain" : "--frame") == 0;
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        size_t stages;
        uint32_t width, height, slots;
    } cases[] = {
        {"cutout-auto", 3, 320, 180, 1},   {"cutout-auto", 3, 1280, 720, 1},  {"cutout-auto", 3, 1920, 1080, 1},
        {"cutout-auto", 3, 3840, 2160, 1}, {"cutout", 3, 1920, 1080, 1},      {"blur-background", 6, 640, 360, 1},
        {"portrait", 7, 640, 360, 1},      {"replace-background", 10, 640, 360, 1}, {"anonymize", 4, 640, 360, 1},
        {"cutout-auto", 3, 320, 180, 3},   {"cutout-auto", 3, 1920, 1080, 3}, {"cutout", 3, 1920, 1080, 3},
    };
    const char *group = argc > 1 && (strcmp(argv[1], "--frame") == 0 || strcmp(argv[1], "--chain") == 0 ||
                                     strcmp(argv[1], "--flow") == 0)
                            ? argv[1]
                            : NULL;
    const int taken = group != NULL;
    const struct bench_options options = bench_options(
        argc - taken, argv + taken, 9, "bench/placement [--frame | --chain | --flow] [--rounds N] [--input FILE] [--json]");
    bench_report_begin(options.json, "placement", argc, argv);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (is_asked(group, cases[i].stages, cases[i].slots))
            measure(cases[i].name, cases[i].width, cases[i].height, cases[i].slots, &options);
    bench_report_end();
    return 0;
}
