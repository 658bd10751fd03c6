/* The planner's rules: what a left-out operand is bound to, what works in place, where values lie, how large. */
#include "kit.h"

#include "pipeline/form.h"

static struct tri_error err;

/* "webnn segment photo > mask; host apply_mask photo > out" as the JSON form; `*` is an input left out, `+` joins. */
static void add_names(char *text, size_t bytes, const char *key, const char *names) {
    char copy[128], *save = NULL;
    snprintf(copy, sizeof copy, "%s", names);
    size_t used = strlen(text);
    used += (size_t)snprintf(text + used, bytes - used, ", \"%s\": [", key);
    bool first = true;
    for (char *name = strtok_r(copy, "+", &save); name; name = strtok_r(NULL, "+", &save), first = false)
        used += (size_t)snprintf(text + used, bytes - used, strcmp(name, "*") == 0 ? "%snull" : "%s\"%s\"",
                                 first ? "" : ", ", name);
    snprintf(text + used, bytes - used, "]");
}

static tri_status read_stages(const char *inputs, const char *output, const char *stages, struct trii_form *form) {
    char text[4096], copy[1024], *save = NULL;
    snprintf(text, sizeof text, "{\"inputs\": {%s}, \"outputs\": [\"%s\"], \"stages\": [", inputs, output);
    snprintf(copy, sizeof copy, "%s", stages);
    bool first = true;
    for (char *stage = strtok_r(copy, ";", &save); stage; stage = strtok_r(NULL, ";", &save), first = false) {
        char technology[32], operation[32], in[64] = "", out[64] = "";
        if (sscanf(stage, " %31s %31s %63s > %63s", technology, operation, in, out) != 4)
            fail_msg("the test's own stage is wrong: %s", stage);
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s{\"technology\": \"%s\", \"operation\": \"%s\"", first ? "" : ", ",
                 technology, operation);
        add_names(text, sizeof text, "inputs", in);
        add_names(text, sizeof text, "outputs", out);
        strncat(text, "}", sizeof text - strlen(text) - 1);
    }
    strncat(text, "]}", sizeof text - strlen(text) - 1);
    return trii_form_parse(text, strlen(text), "x", form, &err);
}

static const char photo[] = "\"photo\": {\"kind\": \"image\"}";
static const char photo_and_matte[] = "\"photo\": {\"kind\": \"image\"}, \"matte\": {\"kind\": \"mask\"}";

static void assert_bound(const char *inputs, const char *stages, size_t stage, size_t operand, const char *region,
                         const char *written_by) {
    struct trii_form form;
    assert_ok(read_stages(inputs, "out", stages, &form));
    const struct trii_flow_value *value = &form.flow.values[form.flow.stages[stage].in[operand]];
    assert_string_equal(form.flow.regions[value->region].name, region);
    if (written_by)
        assert_string_equal(form.flow.stages[value->stage].name, written_by);
    else
        assert_int_equal(value->stage, TRII_FLOW_NONE);
    trii_form_finish(&form);
}

static void a_left_out_operand_is_bound_to_the_latest_of_its_kind(void **state) {
    (void)state;
    assert_bound(photo, "webnn segment photo > m; host apply_mask photo > out", 1, 1, "m", "segment");
    /* in place: the region holds a mask by then */
    assert_bound(photo, "host resize photo > work; webnn segment work > work; host apply_mask photo > out", 2, 1, "work",
                 "segment");
    /* an input of the pipeline serves when no stage makes one */
    assert_bound(photo_and_matte, "host apply_mask photo > out", 0, 1, "matte", NULL);
    /* a stage's output comes before an input */
    assert_bound(photo_and_matte,
                 "webnn segment photo > m; host apply_mask photo > out; host apply_mask photo+matte > other", 1, 1, "m",
                 "segment");
    /* one that was computed from the other is later */
    assert_bound(photo,
                 "webnn segment photo > m1; host apply_mask photo+m1 > cut; webnn segment cut > m2; "
                 "host apply_mask photo > out",
                 3, 1, "m2", "segment-2");
    /* one that was overwritten is no candidate */
    assert_bound(photo, "webnn segment photo > m; host resize photo > p; webnn segment p > m; host apply_mask photo > out",
                 3, 1, "m", "segment-2");
    /* the first operand too */
    assert_bound(photo, "host resize photo > a; host vignette * > out", 1, 0, "a", "resize");
    /* what is given is not bound again */
    assert_bound(photo, "webnn segment photo > m; host apply_mask *+m > out", 1, 0, "photo", NULL);
}

static void assert_refused(const char *inputs, const char *stages, const char *words) {
    struct trii_form form;
    tri_status status = read_stages(inputs, "out", stages, &form);
    if (status == TRI_OK)
        fail_msg("planned: %s", stages);
    assert_int_equal(status, TRI_BAD_PIPELINE);
    if (!strstr(err.message, words))
        fail_msg("%s:\n  wanted \"%s\" in: %s", stages, words, err.message);
}

static void what_can_not_be_bound_is_said(void **state) {
    (void)state;
    assert_refused(photo,
                   "webnn segment photo > m1; host resize photo > p; webnn segment p > m2; host apply_mask photo > out",
                   "\"m1\" (written by stage \"segment\") and \"m2\" (written by stage \"segment-2\")");
    assert_refused("\"photo\": {\"kind\": \"image\"}, \"a\": {\"kind\": \"mask\"}, \"b\": {\"kind\": \"mask\"}",
                   "host apply_mask photo > out; host apply_mask photo+a > c; host apply_mask photo+b > d",
                   "the input \"a\" and the input \"b\"");
    assert_refused(photo, "host apply_mask photo > out", "no earlier stage makes a value of kind mask");
    assert_refused(photo, "host apply_mask photo+m > out; webnn segment photo > m", "which no earlier stage writes");
    assert_refused(photo, "host resize phto > out", "did you mean \"photo\"?");
    assert_refused(photo, "webnn segment photo > m; host resize m > out",
                   "region \"m\" holds a value of kind mask here, but the operand \"image\" of resize is of kind image");
    assert_refused(photo, "host resize photo+photo > out", "resize takes 1 input (image), 2 are given");
    assert_refused(photo, "host resize photo > out+more", "resize has 1 output (resized), 2 are given");
    assert_refused(photo, "host segment photo > out", "host does not have the operation segment");
    assert_refused(photo, "webgpu vignette photo > out", "technologies that do: host, wasm");
    assert_refused(photo, "host vignette photo > photo; host resize photo > out", "an input of the pipeline");
    assert_memory_equal(err.message, "x:1:", 4);
    assert_string_equal(err.stage, "vignette");
}

static void names_get_other_pages_only_when_they_must(void **state) {
    (void)state;
    struct trii_form form;
    /* vignette works in place, resize does not; the third resize goes back to the pages that the second left */
    assert_ok(read_stages(photo, "out",
                          "host resize photo > w; host vignette w > w; host resize w > w; host resize w > w; "
                          "host resize w > out",
                          &form));
    const struct trii_flow *flow = &form.flow;
    uint32_t slot[5];
    for (size_t i = 0; i < 5; i++)
        slot[i] = flow->values[flow->stages[i].out[0]].slot;
    assert_int_equal(slot[1], slot[0]);
    assert_true(flow->stages[1].in_place && !flow->stages[2].in_place);
    assert_int_not_equal(slot[2], slot[1]);
    assert_int_equal(slot[3], slot[1]);
    assert_int_equal(flow->slot_count, 4); /* photo, two of w, out */
    trii_form_finish(&form);
    /* an output that is another input than the first is never in place; nor is a first input that is read twice over */
    assert_ok(read_stages(photo, "out", "webnn segment photo > m; host apply_mask photo+m > m; host resize m > out",
                          &form));
    assert_false(form.flow.stages[1].in_place);
    assert_int_equal(form.flow.slot_count, 4);
    trii_form_finish(&form);
    /* overwriting what nobody reads in this stage needs no other pages */
    assert_ok(read_stages(photo, "out", "host resize photo > out; host vignette photo > out", &form));
    assert_int_equal(form.flow.slot_count, 2);
    trii_form_finish(&form);
}

static void a_slot_is_as_large_as_the_largest_value_in_it(void **state) {
    (void)state;
    struct trii_form form;
    const struct tri_layout small = tri_layout_image(7, 5, 4, TRI_DTYPE_U8), grey = tri_layout_image(7, 5, 1, TRI_DTYPE_U8);
    assert_ok(read_stages(photo, "out",
                          "host resize photo > w; webnn segment w > w; host apply_mask photo+w > out", &form));
    assert_ok(trii_form_set_input(&form, "photo", &small, &err));
    assert_ok(trii_form_set(&form, "resize.width=2", &err));
    assert_ok(trii_form_set(&form, "resize.height=3", &err));
    assert_ok(trii_flow_infer(&form.flow, &err));
    assert_int_equal(form.flow.slots[0].bytes, 7 * 5 * 4);
    assert_int_equal(form.flow.slots[1].bytes, 256 * 256 * 4);
    assert_int_equal(form.flow.slots[2].bytes, 7 * 5 * 4);
    assert_ok(trii_form_set(&form, "resize.width=1000", &err));
    assert_ok(trii_form_set(&form, "resize.height=1000", &err));
    assert_ok(trii_flow_infer(&form.flow, &err));
    assert_int_equal(form.flow.slots[1].bytes, 4000000);
    /* the operation says what it can't take, the planner which stage it was */
    assert_ok(trii_form_set_input(&form, "photo", &grey, &err));
    assert_status(trii_flow_infer(&form.flow, &err), TRI_BAD_PIPELINE);
    assert_non_null(strstr(err.message, "stage \"resize\": "));
    assert_non_null(strstr(err.message, "[7,5,1]"));
    assert_string_equal(err.stage, "resize");
    /* too large for a region */
    assert_ok(trii_form_set_input(&form, "photo", &small, &err));
    assert_ok(trii_form_set(&form, "resize.width=32768", &err));
    assert_ok(trii_form_set(&form, "resize.height=32768", &err));
    assert_status(trii_flow_infer(&form.flow, &err), TRI_LIMIT);
    assert_non_null(strstr(err.message, "region \"w\""));
    trii_form_finish(&form);
}

/* As many stages as there may be, each with many candidates: planning stays a matter of milliseconds, not of powers. */
static void the_largest_pipeline_is_planned(void **state) {
    (void)state;
    struct trii_form form;
    size_t bytes = 64 * 1024, used;
    char *text = calloc(bytes, 1);
    assert_non_null(text);
    used = (size_t)snprintf(text, bytes, "{\"inputs\": {%s}, \"outputs\": [\"r255\"], \"stages\": [", photo);
    for (int i = 0; i < TRI_STAGES_MAX; i++)
        used += (size_t)snprintf(text + used, bytes - used,
                                 "%s{\"technology\": \"host\", \"operation\": \"vignette\", \"output\": \"r%d\"}",
                                 i ? ", " : "", i);
    snprintf(text + used, bytes - used, "]}");
    assert_ok(trii_form_parse(text, strlen(text), "x", &form, &err));
    assert_int_equal(form.flow.slot_count, TRI_STAGES_MAX + 1);
    trii_form_finish(&form);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_left_out_operand_is_bound_to_the_latest_of_its_kind),
        cmocka_unit_test(what_can_not_be_bound_is_said),
        cmocka_unit_test(names_get_other_pages_only_when_they_must),
        cmocka_unit_test(a_slot_is_as_large_as_the_largest_value_in_it),
        cmocka_unit_test(the_largest_pipeline_is_planned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
