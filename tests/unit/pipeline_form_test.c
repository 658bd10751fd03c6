/* The JSON form: what is read, and what is said about what can't be. */
#include "kit.h"

#include "pipeline/form.h"

static const char good[] = "{\n"
                           "  \"name\": \"cutout\",\n"
                           "  \"inputs\": { \"input\": { \"kind\": \"image\", \"dtype\": \"u8\", \"channels\": 4 } },\n"
                           "  \"outputs\": [\"output\"],\n"
                           "  \"stages\": [\n"
                           "    { \"technology\": \"host\", \"operation\": \"resize\", \"input\": \"input\",\n"
                           "      \"output\": \"work\", \"params\": { \"width\": 64, \"height\": 32 } },\n"
                           "    { \"technology\": \"webnn\", \"operation\": \"segment\", \"input\": \"work\", "
                           "\"output\": \"work\" },\n"
                           "    { \"technology\": \"host\", \"operation\": \"apply_mask\", \"input\": \"input\", "
                           "\"output\": \"output\" }\n"
                           "  ]\n"
                           "}\n";

#define INPUTS "\"inputs\": {\"a\": {\"kind\": \"image\"}}, "
#define RESIZE "{\"technology\": \"host\", \"operation\": \"resize\", \"input\": \"a\", \"output\": \"b\""
#define ONE(stage) "{" INPUTS "\"outputs\": [\"b\"], \"stages\": [" stage "]}"

static void a_good_text_is_read_and_bound(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct trii_form form;
    assert_ok(trii_form_parse(good, sizeof good - 1, "cutout.json", &form, &err));
    assert_string_equal(form.name, "cutout");
    assert_int_equal(form.flow.stage_count, 3);
    assert_int_equal(form.flow.region_count, 3);
    assert_int_equal(form.flow.value_count, 4); /* the input, work twice, the output */
    assert_int_equal(form.flow.slot_count, 3);
    assert_true(form.flow.stages[1].in_place);
    assert_int_equal(form.flow.stages[2].in[1], form.flow.stages[1].out[0]); /* the mask, bound by kind */
    assert_int_equal(form.flow.stages[0].spot.line, 6);
    assert_int_equal(form.flow.stages[0].spot.column, 5);
    trii_form_finish(&form);
}

/* A broken text, where the complaint must point, and words that it must have. */
static const struct {
    const char *text, *place, *words[3];
} broken[] = {
    {"", "x:1:1: ", {"expected"}},
    {"{", "x:1:2: ", {"expected"}},
    {"[]", "x:1:1: ", {"expected a pipeline, an object, not an array"}},
    {"{\n  \"name\": \"x\",\n  \"name\": \"y\"\n}", "x:3:", {"duplicate"}},
    {"{\"name\": 3}", "x:1:10: ", {"name: ", "expected a name, not a number"}},
    {"{\"name\": \"a b\"}", "x:1:10: ", {"\"a b\" is not a name"}},
    {"{\"inptus\": {}}", "x:1:2: ", {"inptus: unknown key", "did you mean \"inputs\"?"}},
    {"{\"summary\": []}", "x:1:13: ", {"expected a text, not an array"}},
    {"{\"name\": \"x\"}", "x:1:1: ", {"the key \"inputs\" is missing"}},
    {"{\"inputs\": {}}", "x:1:12: ", {"inputs: ", "at least one input"}},
    {"{\"inputs\": {\"a\": 1}}", "x:1:18: ", {"inputs.a: ", "not a number"}},
    {"{\"inputs\": {\"a\": {}}}", "x:1:18: ", {"inputs.a: ", "the key \"kind\" is missing"}},
    {"{\"inputs\": {\"a b\": {}}}", "x:1:20: ", {"\"a b\" is not a name"}},
    {"{\"inputs\":\n {\"a\": {\"kind\": \"imgae\"}}}", "x:2:17: ", {"inputs.a.kind: not a kind", "\"image\"?"}},
    {"{\"inputs\": {\"a\": {\"kind\": \"mask\", \"channels\": 3}}}", "x:1:35: ", {"only an image has channels"}},
    {"{\"inputs\": {\"a\": {\"kind\": \"image\", \"channels\": 0}}}", "x:1:48: ", {"at least 1"}},
    {"{\"inputs\": {\"a\": {\"kind\": \"image\", \"dtype\": \"u9\"}}}", "x:1:45: ", {"not an element type", "u8"}},
    {"{\"inputs\": {\"a\": {\"kind\": \"image\", \"size\": 1}}}", "x:1:36: ", {"unknown key", "channels"}},
    {"{" INPUTS "\"stages\": 4}", "x:1:48: ", {"stages: ", "at least one stage"}},
    {"{" INPUTS "\"stages\": [4]}", "x:1:49: ", {"stages[0]: ", "not a number"}},
    {ONE("{}"), "x:1:", {"stages[0]: ", "the key \"technology\" is missing"}},
    {ONE("{\"technology\": \"gpu\"}"), "x:1:", {"stages[0].technology: not a technology", "host, wasm, webgpu, webnn, auto"}},
    {ONE("{\"technology\": \"host\", \"operation\": \"resise\"}"), "x:1:",
     {"stages[0].operation: not an operation", "did you mean \"resize\"?"}},
    {ONE(RESIZE ", \"parms\": {}}"), "x:1:", {"stages[0].parms: unknown key", "\"params\"?"}},
    {ONE(RESIZE ",\n\"params\": {\"widht\": 3}}"), "x:2:12: ",
     {"stages[0].params.widht: resize has no such parameter", "did you mean \"width\"?"}},
    {ONE(RESIZE ",\n\"params\": {\"width\": \"3\"}}"), "x:2:21: ", {"params.width: expected a number, not a text"}},
    {ONE(RESIZE ",\n\"params\": {\"width\": 0}}"), "x:2:21: ", {"params.width: ", "from 1 to 32768"}},
    {ONE(RESIZE ",\n\"params\": {\"filter\": \"cubic\"}}"), "x:2:22: ", {"params.filter: ", "bilinear|area"}},
    {ONE(RESIZE ", \"name\": \"1st\"}"), "x:1:", {"stages[0].name: ", "\"1st\" is not a name"}},
    {ONE(RESIZE ", \"name\": \"s\"}, " RESIZE ", \"name\": \"s\"}"), "x:1:", {"another stage is called \"s\" already"}},
    {ONE(RESIZE ", \"inputs\": [\"a\"]}"), "x:1:", {"stages[0].input: ", "not both"}},
    {ONE("{\"technology\": \"host\", \"operation\": \"resize\", \"input\": \"a\"}"), "x:1:",
     {"the key \"output\" is missing"}},
    {ONE("{\"technology\": \"host\", \"operation\": \"resize\", \"inputs\": [1], \"output\": \"b\"}"), "x:1:",
     {"stages[0].inputs[0]: expected a name"}},
    {ONE("{\"technology\": \"host\", \"operation\": \"resize\", \"input\": \"a\", \"outputs\": [null]}"), "x:1:",
     {"stages[0].outputs[0]: expected a name"}},
    {"{" INPUTS "\"outputs\": [\"c\"], \"stages\": [" RESIZE "}]}", "x:1:", {"outputs[0]: ", "no stage writes", "b"}},
    {"{" INPUTS "\"outputs\": [], \"stages\": [" RESIZE "}]}", "x:1:", {"outputs: ", "at least one region"}},
    {"{" INPUTS "\"outputs\": [\"b\"], \"regions\": {\"c\": {}}, \"stages\": [" RESIZE "}]}", "x:1:",
     {"regions.c: no stage writes a region of this name"}},
    {"{" INPUTS "\"outputs\": [\"b\"], \"regions\": {\"b\": {}}, \"stages\": [" RESIZE "}]}", "x:1:",
     {"regions.b: the key \"shape\" is missing"}},
    {"{" INPUTS "\"outputs\": [\"b\"], \"regions\": {\"b\": {\"shape\": [1, 0], \"dtype\": \"u8\", \"kind\": \"image\"}}, "
     "\"stages\": [" RESIZE "}]}", "x:1:", {"regions.b.shape[1]: ", "at least 1"}},
    {"{\"inputs\": {\"a\": {\"kind\": \"image\"}, \"m\": {\"kind\": \"mask\"}}, \"outputs\": [\"b\"], \"stages\": [" RESIZE
     "}]}", "x:1:37: ", {"inputs.m: no stage reads this input"}},
};

static void a_broken_text_is_told_with_line_column_and_key(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct tri_error err = {0};
        struct trii_form form = {.name = "untouched"};
        tri_status status = trii_form_parse(broken[i].text, strlen(broken[i].text), "x", &form, &err);
        if (status != TRI_PARSE)
            fail_msg("%s: got %s: %s", broken[i].text, tri_status_name(status), err.message);
        if (strncmp(err.message, broken[i].place, strlen(broken[i].place)) != 0)
            fail_msg("%s:\n  wanted it at %s, got: %s", broken[i].text, broken[i].place, err.message);
        for (size_t k = 0; k < 3 && broken[i].words[k]; k++)
            if (!strstr(err.message, broken[i].words[k]))
                fail_msg("%s:\n  wanted \"%s\" in: %s", broken[i].text, broken[i].words[k], err.message);
        assert_string_equal(form.name, "untouched");
    }
}

static void columns_count_characters_and_keys_may_be_escaped(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct trii_form form;
    const char accents[] = "{\"summary\": \"\xc3\xa9\xc3\xa9\xc3\xa9\", \"nmae\": 1}";
    assert_status(trii_form_parse(accents, sizeof accents - 1, "x", &form, &err), TRI_PARSE);
    assert_memory_equal(err.message, "x:1:20: nmae", 12);
    const char escaped[] = "{\"na\\u006de\": 1}";
    assert_status(trii_form_parse(escaped, sizeof escaped - 1, "x", &form, &err), TRI_PARSE);
    assert_memory_equal(err.message, "x:1:15: name", 12);
}

static void limits_are_errors(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct trii_form form;
    size_t bytes = TRII_FORM_BYTES_MAX + 1;
    char *text = calloc(bytes + 1, 1);
    assert_non_null(text);
    memset(text, ' ', bytes);
    assert_status(trii_form_parse(text, bytes, "x", &form, &err), TRI_LIMIT);
    /* one stage too many */
    size_t used = (size_t)sprintf(text, "{" INPUTS "\"outputs\": [\"b\"], \"stages\": [");
    for (int i = 0; i <= TRI_STAGES_MAX; i++)
        used += (size_t)sprintf(text + used, "%s" RESIZE "}", i ? "," : "");
    used += (size_t)sprintf(text + used, "]}");
    assert_status(trii_form_parse(text, used, "x", &form, &err), TRI_LIMIT);
    assert_non_null(strstr(err.message, "at most 256 stages"));
    free(text);
}

static void parameters_are_set_by_name_or_number(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct trii_form form;
    assert_ok(trii_form_parse(good, sizeof good - 1, "cutout.json", &form, &err));
    struct trii_flow_stage *resize = &form.flow.stages[0];
    assert_ok(trii_form_set(&form, "resize.width=128", &err));
    assert_int_equal((int)trii_args_number(resize->op, &resize->args, "width"), 128);
    assert_int_equal((int)trii_args_number(resize->op, &resize->args, "height"), 32);
    assert_ok(trii_form_set(&form, "0.filter=area", &err));
    assert_ok(trii_form_set(&form, "0.filter=bilinear", &err));
    assert_string_equal(trii_args_text(resize->op, &resize->args, "filter"), "bilinear");
    static const struct {
        const char *assignment, *words;
    } wrong[] = {
        {"resize", "stage.key=value"},
        {"resize=3", "stage.key=value"},
        {".width=3", "stage.key=value"},
        {"resize.=3", "stage.key=value"},
        {"resise.width=3", "did you mean \"resize\"?"},
        {"7.width=3", "no stage \"7\""},
        {"resize.widht=3", "did you mean \"width\"?"},
        {"resize.width=wide", "is a number"},
        {"resize.width=3.5", "whole number"},
        {"resize.width=99999", "from 1 to 32768"},
        {"resize.filter=cubic", "bilinear|area"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_status(trii_form_set(&form, wrong[i].assignment, &err), TRI_INVALID_ARGUMENT);
        if (!strstr(err.message, wrong[i].words))
            fail_msg("%s: wanted \"%s\" in: %s", wrong[i].assignment, wrong[i].words, err.message);
    }
    assert_int_equal((int)trii_args_number(resize->op, &resize->args, "width"), 128);
    trii_form_finish(&form);
}

static void an_input_must_be_what_the_text_says(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct trii_form form;
    assert_ok(trii_form_parse(good, sizeof good - 1, "cutout.json", &form, &err));
    struct tri_layout rgba = tri_layout_image(10, 20, 4, TRI_DTYPE_U8), rgb = tri_layout_image(10, 20, 3, TRI_DTYPE_U8);
    struct tri_layout floats = tri_layout_image(10, 20, 4, TRI_DTYPE_F32), mask = tri_layout_mask(10, 20);
    struct tri_layout loose = rgba, none = tri_layout_image(0, 20, 4, TRI_DTYPE_U8);
    loose.strides_bytes[0] = 96;
    loose.strides_bytes[1] = 4;
    loose.strides_bytes[2] = 1;
    assert_status(trii_form_set_input(&form, "inputt", &rgba, &err), TRI_NOT_FOUND);
    assert_status(trii_form_set_input(&form, "input", &rgb, &err), TRI_BAD_PIPELINE);
    assert_non_null(strstr(err.message, "image u8 with 4 channels, not image u8 [10,20,3]"));
    assert_status(trii_form_set_input(&form, "input", &floats, &err), TRI_BAD_PIPELINE);
    assert_status(trii_form_set_input(&form, "input", &mask, &err), TRI_BAD_PIPELINE);
    assert_status(trii_form_set_input(&form, "input", &loose, &err), TRI_BAD_PIPELINE);
    assert_status(trii_form_set_input(&form, "input", &none, &err), TRI_INVALID_ARGUMENT);
    assert_status(trii_flow_infer(&form.flow, &err), TRI_BAD_PIPELINE); /* nothing was taken over */
    assert_ok(trii_form_set_input(&form, "input", &rgba, &err));
    assert_ok(trii_flow_infer(&form.flow, &err));
    assert_int_equal(form.flow.slots[0].bytes, 10 * 20 * 4);
    assert_int_equal(form.flow.slots[1].bytes, 256 * 256 * 4); /* the mask is larger than 64 × 32 RGBA */
    trii_form_finish(&form);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_text_is_read_and_bound),
        cmocka_unit_test(a_broken_text_is_told_with_line_column_and_key),
        cmocka_unit_test(columns_count_characters_and_keys_may_be_escaped),
        cmocka_unit_test(limits_are_errors),
        cmocka_unit_test(parameters_are_set_by_name_or_number),
        cmocka_unit_test(an_input_must_be_what_the_text_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
