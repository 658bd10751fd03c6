/* Placement end to end, with an engine that does as the test says: what is a candidate, what is kept and believed, what
 * is refused; and inputs that are given up. Which of two engines that work is faster is never asserted. */
#include "fake_engine.h"

#include "base/cache.h"
#include "base/fault.h"
#include "pipeline/place.h"

#include <dirent.h>
#include <ftw.h>
#include <unistd.h>

static struct tri_runtime *runtime;
static struct tri_arena *arena;
static struct tri_error err;
static char cache_root[64];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where) {
    (void)st, (void)type, (void)where;
    return remove(path);
}

static int open_runtime(void) {
    struct tri_engine_params host = {.struct_bytes = sizeof host, .cache_dir = cache_root};
    struct tri_runtime_params params = {.struct_bytes = sizeof params};
    params.engines[TRI_TECHNOLOGY_HOST] = &host;
    if (tri_runtime_create(&params, &runtime, &err) != TRI_OK)
        return -1;
    arena = tri_runtime_arena(runtime);
    return 0;
}

static int set_up(void **state) {
    (void)state;
    memset(&fake, 0, sizeof fake);
    memset(&err, 0, sizeof err);
    snprintf(cache_root, sizeof cache_root, "/tmp/tripoint-place-XXXXXX");
    return mkdtemp(cache_root) ? open_runtime() : -1;
}

static int tear_down(void **state) {
    (void)state;
    tri_runtime_destroy(&runtime);
    return nftw(cache_root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Another process, as far as the cache is concerned. */
static void restart(void) {
    tri_runtime_destroy(&runtime);
    assert_int_equal(open_runtime(), 0);
}

#define VIGNETTE(technology, in, out) \
    "{\"technology\": " technology ", \"operation\": \"vignette\", \"input\": \"" in "\", \"output\": \"" out "\"}"
#define PIPELINE(stages) "{\"inputs\": {\"in\": {\"kind\": \"image\"}}, \"outputs\": [\"out\"], \"stages\": [" stages "]}"

static const char automatic[] = PIPELINE(VIGNETTE("\"auto\"", "in", "work") ", " VIGNETTE("\"auto\"", "work", "out"));
static const char listed[] = PIPELINE(VIGNETTE("[\"wasm\", \"host\"]", "in", "out"));
static const char only_wasm[] = PIPELINE(VIGNETTE("[\"wasm\"]", "in", "out"));

static struct tri_pipeline *opened(const char *text) {
    struct tri_pipeline *pipeline = NULL;
    const struct tri_layout layout = tri_layout_image(31, 37, 4, TRI_DTYPE_U8);
    assert_ok(tri_pipeline_parse(runtime, text, strlen(text), "test.json", &pipeline, &err));
    assert_ok(tri_pipeline_set_input(pipeline, tri_pipeline_input(pipeline), &layout, &err));
    return pipeline;
}

static struct tri_pipeline *planned(const char *text) {
    struct tri_pipeline *pipeline = opened(text);
    assert_ok(tri_pipeline_plan(pipeline, &err));
    return pipeline;
}

static struct tri_plan_placement placement_of(const struct tri_pipeline *pipeline) {
    struct tri_plan_placement placement;
    assert_true(tri_plan_placement(tri_pipeline_planned(pipeline), &placement));
    return placement;
}

static struct tri_plan_candidate candidate(const struct tri_pipeline *pipeline, size_t stage, size_t index) {
    struct tri_plan_candidate c;
    assert_true(tri_plan_candidate(tri_pipeline_planned(pipeline), stage, index, &c));
    return c;
}

static enum tri_technology technology_of(const struct tri_pipeline *pipeline, size_t stage) {
    struct tri_plan_stage s;
    assert_true(tri_plan_stage(tri_pipeline_planned(pipeline), stage, &s));
    return s.technology;
}

/* ---- candidates ---- */

static void every_engine_that_has_the_operation_is_measured(void **state) {
    (void)state;
    struct tri_pipeline *pipeline = planned(automatic);
    struct tri_plan_placement placement = placement_of(pipeline);
    struct tri_plan_candidate c;
    assert_int_equal(placement.measured, 4);
    assert_int_equal(placement.possible, 4);
    assert_int_equal(placement.slots, 1);
    assert_false(placement.cached);
    assert_true(placement.frame_ns > 0 && placement.measuring_ns > placement.frame_ns);
    for (size_t s = 0; s < 2; s++) {
        assert_int_equal(candidate(pipeline, s, 0).technology, TRI_TECHNOLOGY_HOST);
        assert_int_equal(candidate(pipeline, s, 1).technology, TRI_TECHNOLOGY_WASM);
        assert_int_equal(candidate(pipeline, s, 0).chosen + candidate(pipeline, s, 1).chosen, 1);
        assert_true(candidate(pipeline, s, 0).frame_ns > 0 && candidate(pipeline, s, 1).stage_ns > 0);
        assert_false(tri_plan_candidate(tri_pipeline_planned(pipeline), s, 2, &c));
        assert_int_equal(technology_of(pipeline, s),
                         candidate(pipeline, s, 0).chosen ? TRI_TECHNOLOGY_HOST : TRI_TECHNOLOGY_WASM);
    }
    assert_ok(tri_pipeline_run(pipeline, NULL, &err));
    tri_pipeline_destroy(&pipeline);
}

static void a_text_that_names_its_engines_has_no_placement(void **state) {
    (void)state;
    struct tri_pipeline *pipeline = planned(PIPELINE(VIGNETTE("\"host\"", "in", "out")));
    struct tri_plan_placement placement;
    struct tri_plan_candidate c;
    assert_false(tri_plan_placement(tri_pipeline_planned(pipeline), &placement));
    assert_false(tri_plan_candidate(tri_pipeline_planned(pipeline), 0, 0, &c));
    tri_pipeline_destroy(&pipeline);
}

static void nothing_is_left_in_the_input(void **state) {
    (void)state;
    struct tri_pipeline *pipeline = planned(automatic);
    struct tri_host_view view;
    tri_handle in;
    assert_ok(tri_pipeline_region(pipeline, "in", &in, NULL, &err));
    assert_ok(tri_host_view_begin(arena, in, TRI_ACCESS_READ, NULL, &view, &err));
    for (size_t i = 0; i < 31 * 37 * 4; i++)
        assert_int_equal(((const uint8_t *)view.read)[i], 0);
    assert_ok(tri_host_view_end(arena, &view, &err));
    tri_pipeline_destroy(&pipeline);
}

static void an_engine_that_does_not_open_is_no_candidate(void **state) {
    (void)state;
    fake.open = TRI_ENGINE_UNAVAILABLE;
    struct tri_pipeline *pipeline = planned(automatic);
    assert_int_equal(technology_of(pipeline, 0), TRI_TECHNOLOGY_HOST);
    assert_string_equal(candidate(pipeline, 0, 1).dropped, "the test said so");
    assert_int_equal(placement_of(pipeline).measured, 0); /* there was nothing to compare */
    assert_ok(tri_pipeline_run(pipeline, NULL, &err));
    tri_pipeline_destroy(&pipeline);
}

static void one_that_fails_while_it_is_measured_is_dropped(void **state) {
    (void)state;
    fake.fence = TRI_TRAP;
    struct tri_pipeline *pipeline = planned(automatic);
    assert_int_equal(technology_of(pipeline, 0), TRI_TECHNOLOGY_HOST);
    assert_int_equal(technology_of(pipeline, 1), TRI_TECHNOLOGY_HOST);
    assert_string_equal(candidate(pipeline, 0, 1).dropped, "trapped at 42");
    assert_ok(tri_pipeline_run(pipeline, NULL, &err)); /* no poison is left */
    tri_pipeline_destroy(&pipeline);
}

static void where_nobody_can_it_is_said_in_one_sentence(void **state) {
    (void)state;
    fake.open = TRI_ENGINE_UNAVAILABLE;
    struct tri_pipeline *pipeline = opened(PIPELINE(VIGNETTE("[\"wasm\"]", "in", "out")));
    assert_status(tri_pipeline_prepare(pipeline, &err), TRI_ENGINE_UNAVAILABLE);
    assert_string_equal(err.message, "the test said so");
    tri_pipeline_destroy(&pipeline);
    fake.open = TRI_OK;
    fake.submit = TRI_TRAP;
    pipeline = opened(PIPELINE(VIGNETTE("\"auto\"", "in", "work") ", " VIGNETTE("\"wasm\"", "work", "out")));
    assert_status(tri_pipeline_plan(pipeline, &err), TRI_TRAP);
    assert_string_equal(err.stage, "vignette-2");
    tri_pipeline_destroy(&pipeline);
}

static void one_candidate_needs_no_measuring(void **state) {
    (void)state;
    struct tri_pipeline *pipeline = planned(only_wasm);
    assert_int_equal(technology_of(pipeline, 0), TRI_TECHNOLOGY_WASM);
    assert_int_equal(placement_of(pipeline).measured, 0);
    assert_int_equal(trii_load_acquire(&fake.submitted), 0);
    tri_pipeline_destroy(&pipeline);
}

static void an_engine_that_copies_is_none_where_that_is_forbidden(void **state) {
    (void)state;
    const struct tri_placement_params params = {.struct_bytes = sizeof params, .require_zero_copy = true};
    fake.copy = true;
    struct tri_pipeline *pipeline = opened(listed);
    assert_ok(tri_pipeline_set_placement(pipeline, &params, &err));
    assert_ok(tri_pipeline_plan(pipeline, &err));
    assert_int_equal(technology_of(pipeline, 0), TRI_TECHNOLOGY_HOST);
    assert_non_null(strstr(candidate(pipeline, 0, 0).dropped, "were copied"));
    tri_pipeline_destroy(&pipeline);
}

static void several_in_flight_are_measured_together(void **state) {
    (void)state;
    const struct tri_placement_params params = {
        .struct_bytes = sizeof params, .prefer = TRI_PREFER_THROUGHPUT, .slots = 3};
    struct tri_arena_stats before, after;
    struct tri_pipeline *pipeline = opened(automatic);
    assert_ok(tri_pipeline_set_placement(pipeline, &params, &err));
    tri_arena_stats(arena, &before);
    assert_ok(tri_pipeline_plan(pipeline, &err));
    tri_arena_stats(arena, &after);
    assert_int_equal(placement_of(pipeline).slots, 3);
    assert_int_equal(placement_of(pipeline).prefer, TRI_PREFER_THROUGHPUT);
    struct tri_plan_info info;
    assert_true(tri_plan_info(tri_pipeline_planned(pipeline), &info));
    assert_int_equal(after.regions - before.regions, info.block_count); /* the others' memory is given back */
    tri_pipeline_destroy(&pipeline);
}

static void cancelling_and_wrong_wishes_are_told(void **state) {
    (void)state;
    struct tri_placement_params params = {.struct_bytes = sizeof params, .prefer = (enum tri_prefer)7};
    struct tri_pipeline *pipeline = opened(automatic);
    assert_status(tri_pipeline_set_placement(pipeline, &params, &err), TRI_INVALID_ARGUMENT);
    params.prefer = TRI_PREFER_LATENCY;
    params.slots = TRI_FRAMES_SLOTS_MAX + 1;
    assert_status(tri_pipeline_set_placement(pipeline, &params, &err), TRI_INVALID_ARGUMENT);
    params.slots = 0;
    assert_ok(tri_cancel_create(&params.cancel, &err));
    tri_cancel_set(params.cancel);
    assert_ok(tri_pipeline_set_placement(pipeline, &params, &err));
    assert_status(tri_pipeline_plan(pipeline, &err), TRI_CANCELLED);
    tri_cancel_destroy(&params.cancel);
    assert_ok(tri_pipeline_set_placement(pipeline, NULL, &err));
    assert_ok(tri_pipeline_plan(pipeline, &err));
    tri_pipeline_destroy(&pipeline);
}

static void a_list_is_checked(void **state) {
    (void)state;
    static const struct {
        const char *technology, *says;
    } wrong[] = {{"[]", "stages[0].technology: an empty list"},
                 {"[\"host\", \"host\"]", "stages[0].technology[1]: \"host\" is there twice"},
                 {"[\"host\", \"auto\"]", "stages[0].technology[1]: not a technology"},
                 {"[\"host\", \"webnn\"]", "webnn does not have the operation vignette"},
                 {"[3]", "stages[0].technology[0]: not a technology"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct tri_pipeline *pipeline = NULL;
        char text[512];
        snprintf(text, sizeof text,
                 "{\"inputs\": {\"in\": {\"kind\": \"image\"}}, \"outputs\": [\"out\"], \"stages\": [{\"technology\": %s, "
                 "\"operation\": \"vignette\", \"input\": \"in\", \"output\": \"out\"}]}", wrong[i].technology);
        assert_true(tri_pipeline_parse(runtime, text, strlen(text), "x", &pipeline, &err) != TRI_OK);
        if (!strstr(err.message, wrong[i].says))
            fail_msg("%s: %s", wrong[i].technology, err.message);
    }
}

/* ---- what is kept ---- */

static void what_was_measured_is_not_measured_again(void **state) {
    (void)state;
    struct tri_pipeline *first = planned(automatic), *second = planned(automatic);
    uint32_t submitted = trii_load_acquire(&fake.submitted);
    struct tri_plan_placement was = placement_of(first), is = placement_of(second);
    assert_memory_equal(&was.frame_ns, &is.frame_ns, sizeof is.frame_ns); /* the runtime knew */
    assert_false(is.cached);
    enum tri_technology chosen[2] = {technology_of(first, 0), technology_of(first, 1)};
    tri_pipeline_destroy(&first);
    tri_pipeline_destroy(&second);
    restart();
    second = planned(automatic);
    is = placement_of(second);
    assert_true(is.cached);
    assert_int_equal(is.frame_ns, was.frame_ns);
    assert_int_equal(is.measured, was.measured);
    assert_int_equal(is.measuring_ns, was.measuring_ns);
    for (size_t s = 0; s < 2; s++)
        assert_int_equal(technology_of(second, s), chosen[s]);
    assert_int_equal(trii_load_acquire(&fake.submitted), submitted);
    tri_pipeline_destroy(&second);
}

static bool is_known(struct tri_pipeline **pipeline) {
    bool cached = placement_of(*pipeline).cached;
    tri_pipeline_destroy(pipeline);
    return cached;
}

static void other_questions_are_measured(void **state) {
    (void)state;
    const struct tri_layout larger = tri_layout_image(64, 37, 4, TRI_DTYPE_U8);
    const struct tri_placement_params throughput = {.struct_bytes = sizeof throughput, .prefer = TRI_PREFER_THROUGHPUT},
                                      anew = {.struct_bytes = sizeof anew, .measure = true};
    struct tri_pipeline *pipeline = planned(automatic);
    tri_pipeline_destroy(&pipeline);
    restart();
    pipeline = opened(automatic); /* another shape */
    assert_ok(tri_pipeline_set_input(pipeline, "in", &larger, &err));
    assert_ok(tri_pipeline_plan(pipeline, &err));
    assert_false(is_known(&pipeline));
    pipeline = opened(automatic); /* another parameter */
    assert_ok(tri_pipeline_set(pipeline, "0.strength=0.25", &err));
    assert_ok(tri_pipeline_plan(pipeline, &err));
    assert_false(is_known(&pipeline));
    pipeline = opened(automatic); /* another wish */
    assert_ok(tri_pipeline_set_placement(pipeline, &throughput, &err));
    assert_ok(tri_pipeline_plan(pipeline, &err));
    assert_false(is_known(&pipeline));
    pipeline = opened(automatic); /* the same one, asked to measure */
    assert_ok(tri_pipeline_set_placement(pipeline, &anew, &err));
    assert_ok(tri_pipeline_plan(pipeline, &err));
    assert_false(is_known(&pipeline));
    restart();
    pipeline = planned(automatic);
    assert_true(is_known(&pipeline));
}

/* The only file in the cache's folder. */
static void entry_path(char *path, size_t bytes) {
    char folder[96];
    snprintf(folder, sizeof folder, "%s/placement", cache_root);
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    int found = 0;
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.') {
            snprintf(path, bytes, "%s/%.64s", folder, e->d_name);
            found++;
        }
    closedir(dir);
    assert_int_equal(found, 1);
}

static void a_damaged_entry_is_measured_again_and_mended(void **state) {
    (void)state;
    char path[256];
    struct tri_pipeline *pipeline = planned(automatic);
    tri_pipeline_destroy(&pipeline);
    entry_path(path, sizeof path);
    for (int damage = 0; damage < 3; damage++) {
        FILE *file = fopen(path, "r+");
        assert_non_null(file);
        assert_int_equal(fseek(file, damage == 0 ? 10 : 4096 + 20, SEEK_SET), 0);
        fputs("\xff\xfe rubbish", file);
        fclose(file);
        if (damage == 2)
            assert_int_equal(truncate(path, 5000 - 4096), 0);
        restart();
        pipeline = planned(automatic);
        assert_false(is_known(&pipeline));
        restart();
        pipeline = planned(automatic);
        assert_true(is_known(&pipeline));
    }
}

/* Whole and signed, and yet not what was asked. */
static void a_sound_entry_that_says_something_else_is_not_believed(void **state) {
    (void)state;
    struct trii_choice_stage stages[2] = {{.operation = "vignette", .count = 2}, {.operation = "resize", .count = 1}};
    struct trii_placement placement = {.info = {.slots = 1}, .choice = {.stages = stages, .stage_count = 2}};
    stages[0].list[1].technology = TRI_TECHNOLOGY_WASM;
    stages[0].list[0].dropped = TRI_TRAP;
    stages[0].chosen = 1;
    stages[0].list[1].frame_ns = 12345;
    char *text = trii_place_write(&placement);
    assert_non_null(text);
    struct trii_choice_stage *fresh = trii_calloc(2, sizeof *fresh);
    fresh[0] = (struct trii_choice_stage){.operation = "vignette", .count = 2};
    fresh[0].list[1].technology = TRI_TECHNOLOGY_WASM;
    fresh[1] = (struct trii_choice_stage){.operation = "resize", .count = 1};
    struct trii_placement read = {.choice = {.stages = fresh, .stage_count = 2}};
    assert_true(trii_place_read(text, strlen(text), &read));
    assert_int_equal(read.choice.stages[0].chosen, 1);
    assert_int_equal(read.choice.stages[0].list[0].dropped, TRI_TRAP);
    assert_int_equal(read.choice.stages[0].list[1].frame_ns, 12345);
    static const struct {
        const char *from, *to;
    } lies[] = {{"\"chosen\":1", "\"chosen\":0"}, /* it was dropped */
                {"\"chosen\":1", "\"chosen\":2"},
                {"\"chosen\":1", "\"chosen\":-1"},
                {"\"wasm\"", "\"webgpu\""},
                {"\"vignette\"", "\"blur\""},
                {"12345", "-12345"},
                {"12345", "1e9"},
                {"\"slots\":1", "\"slots\":0"},
                {"\"slots\":1", "\"slots\":65"},
                {"\"stages\"", "\"stage\""},
                {"}]}]}", "}]}"},
                {"{", "["}};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        char lie[1024];
        const char *at = strstr(text, lies[i].from);
        assert_non_null(at);
        snprintf(lie, sizeof lie, "%.*s%s%s", (int)(at - text), text, lies[i].to, at + strlen(lies[i].from));
        if (trii_place_read(lie, strlen(lie), &read))
            fail_msg("believed: %s", lie);
    }
    for (size_t cut = 0; cut < strlen(text); cut++)
        assert_false(trii_place_read(text, cut, &read));
    trii_free(text);
    trii_free(read.choice.stages);
}

static void a_choice_that_no_longer_works_is_forgotten(void **state) {
    (void)state;
    fake.submit = TRI_OK;
    struct tri_pipeline *pipeline = planned(PIPELINE(VIGNETTE("[\"wasm\", \"host\"]", "in", "out")));
    bool wasm = technology_of(pipeline, 0) == TRI_TECHNOLOGY_WASM;
    tri_pipeline_destroy(&pipeline);
    restart();
    fake.open = TRI_ENGINE_UNAVAILABLE;
    pipeline = planned(PIPELINE(VIGNETTE("[\"wasm\", \"host\"]", "in", "out")));
    assert_true(placement_of(pipeline).cached);
    if (wasm) /* else the host engine was faster, which works all the same */
        assert_status(tri_pipeline_prepare(pipeline, &err), TRI_ENGINE_UNAVAILABLE);
    tri_pipeline_destroy(&pipeline);
    if (!wasm)
        return;
    restart();
    pipeline = planned(PIPELINE(VIGNETTE("[\"wasm\", \"host\"]", "in", "out")));
    assert_int_equal(technology_of(pipeline, 0), TRI_TECHNOLOGY_HOST);
    assert_ok(tri_pipeline_run(pipeline, NULL, &err));
    tri_pipeline_destroy(&pipeline);
}

static void whatever_fails_fails_with_a_sentence(void **state) {
    (void)state;
    static const enum trii_fault kinds[] = {TRII_FAULT_ALLOC, TRII_FAULT_THREAD, TRII_FAULT_OPEN, TRII_FAULT_WRITE,
                                            TRII_FAULT_MEMFD};
    const struct tri_placement_params params = {
        .struct_bytes = sizeof params, .prefer = TRI_PREFER_THROUGHPUT, .slots = 2, .measure = true, .budget_ns = 1};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (uint64_t n = 0;; n++) {
            struct tri_pipeline *pipeline = opened(listed);
            assert_ok(tri_pipeline_set_placement(pipeline, &params, &err));
            trii_fault_arm(kinds[k], n);
            tri_status status = tri_pipeline_plan(pipeline, &err);
            bool fired = trii_fault_disarm(kinds[k]);
            if (status != TRI_OK)
                assert_true(err.message[0] != '\0' && fired);
            tri_pipeline_destroy(&pipeline);
            restart();
            if (!fired) {
                assert_int_equal(status, TRI_OK);
                break;
            }
        }
}

/* ---- inputs that are given up ---- */

#define APPLY(in, out) \
    "{\"technology\": \"host\", \"operation\": \"apply_mask\", \"inputs\": [\"" in "\", \"m\"], \"output\": \"" out "\"}"
#define GIVEN_UP(keep, stages)                                                                                          \
    "{\"inputs\": {\"in\": {\"kind\": \"image\", \"keep\": " keep "}, \"m\": {\"kind\": \"mask\"}}, \"outputs\": [\"out\"],"  \
    "\"stages\": [" stages "]}"

static struct tri_pipeline *planned_with_mask(const char *text, bool alias) {
    const struct tri_layout mask = tri_layout_mask(3, 3);
    struct tri_pipeline *pipeline = opened(text);
    assert_ok(tri_pipeline_set_input(pipeline, "m", &mask, &err));
    if (!alias)
        tri_pipeline_set_alias(pipeline, false);
    assert_ok(tri_pipeline_plan(pipeline, &err));
    return pipeline;
}

static bool is_one_region(struct tri_pipeline *pipeline) {
    tri_handle in, out;
    assert_ok(tri_pipeline_region(pipeline, "in", &in, NULL, &err));
    assert_ok(tri_pipeline_region(pipeline, "out", &out, NULL, &err));
    return in == out;
}

static void fill(struct tri_pipeline *pipeline, const char *name, bool mask) {
    struct tri_host_view view;
    tri_handle region;
    assert_ok(tri_pipeline_region(pipeline, name, &region, NULL, &err));
    assert_ok(tri_host_view_begin(arena, region, TRI_ACCESS_WRITE, NULL, &view, &err));
    for (size_t i = 0; mask && i < 9; i++)
        ((float *)view.write)[i] = (float)i / 8;
    for (size_t i = 0; !mask && i < 31 * 37 * 4; i++)
        ((uint8_t *)view.write)[i] = (uint8_t)(i * 7);
    assert_ok(tri_host_view_end(arena, &view, &err));
}

static void take_result(struct tri_pipeline *pipeline, uint8_t *out) {
    struct tri_host_view view;
    tri_handle region;
    fill(pipeline, "in", false);
    fill(pipeline, "m", true);
    assert_ok(tri_pipeline_run(pipeline, NULL, &err));
    assert_ok(tri_pipeline_region(pipeline, "out", &region, NULL, &err));
    assert_ok(tri_host_view_begin(arena, region, TRI_ACCESS_READ, NULL, &view, &err));
    memcpy(out, view.read, 31 * 37 * 4);
    assert_ok(tri_host_view_end(arena, &view, &err));
}

static void an_input_that_is_given_up_is_replaced_in_place(void **state) {
    (void)state;
    static uint8_t kept[31 * 37 * 4], given_up[31 * 37 * 4];
    struct tri_pipeline *a = planned_with_mask(GIVEN_UP("true", APPLY("in", "out")), true),
                        *b = planned_with_mask(GIVEN_UP("false", APPLY("in", "out")), true);
    struct tri_plan_stage stage;
    assert_false(is_one_region(a));
    assert_true(is_one_region(b));
    assert_true(tri_plan_stage(tri_pipeline_planned(b), 0, &stage));
    assert_true(stage.in_place);
    for (int frame = 0; frame < 3; frame++) {
        take_result(a, kept);
        take_result(b, given_up);
        assert_memory_equal(kept, given_up, sizeof kept);
    }
    tri_pipeline_destroy(&a);
    tri_pipeline_destroy(&b);
}

static void it_is_not_replaced_while_it_is_needed(void **state) {
    (void)state;
    struct tri_pipeline *again = planned_with_mask(
        GIVEN_UP("false", APPLY("in", "x") ", {\"technology\": \"host\", \"operation\": \"composite\", \"inputs\": [\"x\", "
                                           "\"in\"], \"output\": \"out\"}"), true);
    assert_false(is_one_region(again));
    tri_pipeline_destroy(&again);
    struct tri_pipeline *apart = planned_with_mask(GIVEN_UP("false", APPLY("in", "out")), false);
    assert_false(is_one_region(apart));
    tri_pipeline_set_alias(apart, true); /* and back */
    assert_ok(tri_pipeline_plan(apart, &err));
    assert_true(is_one_region(apart));
    tri_pipeline_set_alias(apart, false);
    assert_ok(tri_pipeline_plan(apart, &err));
    assert_false(is_one_region(apart));
    struct tri_plan_stage stage;
    assert_true(tri_plan_stage(tri_pipeline_planned(apart), 0, &stage));
    assert_false(stage.in_place);
    tri_pipeline_destroy(&apart);
}

static void what_replaces_it_must_have_its_layout(void **state) {
    (void)state;
    struct tri_pipeline *pipeline = planned(
        "{\"inputs\": {\"in\": {\"kind\": \"image\", \"keep\": false}}, \"outputs\": [\"out\"], \"stages\": ["
        "{\"technology\": \"host\", \"operation\": \"resize\", \"input\": \"in\", \"output\": \"out\"}]}");
    assert_false(is_one_region(pipeline));
    tri_pipeline_destroy(&pipeline);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(every_engine_that_has_the_operation_is_measured),
        CASE(a_text_that_names_its_engines_has_no_placement),
        CASE(nothing_is_left_in_the_input),
        CASE(an_engine_that_does_not_open_is_no_candidate),
        CASE(one_that_fails_while_it_is_measured_is_dropped),
        CASE(where_nobody_can_it_is_said_in_one_sentence),
        CASE(one_candidate_needs_no_measuring),
        CASE(an_engine_that_copies_is_none_where_that_is_forbidden),
        CASE(several_in_flight_are_measured_together),
        CASE(cancelling_and_wrong_wishes_are_told),
        CASE(a_list_is_checked),
        CASE(what_was_measured_is_not_measured_again),
        CASE(other_questions_are_measured),
        CASE(a_damaged_entry_is_measured_again_and_mended),
        CASE(a_sound_entry_that_says_something_else_is_not_believed),
        CASE(a_choice_that_no_longer_works_is_forgotten),
        CASE(whatever_fails_fails_with_a_sentence),
        CASE(an_input_that_is_given_up_is_replaced_in_place),
        CASE(it_is_not_replaced_while_it_is_needed),
        CASE(what_replaces_it_must_have_its_layout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
