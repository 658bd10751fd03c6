/* Model files of a user's: two inputs, two outputs, dynamic sizes, channels first, all conversions in the graph. */
#include "kit.h"

#include "base/alloc.h"
#include "base/paths.h"
#include "engines_lock.h"

#include <math.h>

static char folder[64];
static struct tri_runtime *runtime;
static struct tri_error err;

/* scaled = image * gain, shifted = scaled + 10, channels first, of any size. */
#define SIZE "<dim>1</dim><dim>3</dim><dim>-1</dim><dim>-1</dim>"
static const char network[] =
    "<?xml version=\"1.0\"?><net name=\"t\" version=\"11\"><layers>"
    "<layer id=\"0\" name=\"image\" type=\"Parameter\" version=\"opset1\"><data shape=\"1,3,?,?\" element_type=\"f32\"/>"
    "<output><port id=\"0\" precision=\"FP32\" names=\"image\">" SIZE "</port></output></layer>"
    "<layer id=\"1\" name=\"gain\" type=\"Parameter\" version=\"opset1\"><data shape=\"\" element_type=\"f32\"/>"
    "<output><port id=\"0\" precision=\"FP32\" names=\"gain\"/></output></layer>"
    "<layer id=\"2\" name=\"bias\" type=\"Const\" version=\"opset1\"><data element_type=\"f32\" shape=\"1\" offset=\"0\" "
    "size=\"4\"/><output><port id=\"0\" precision=\"FP32\"><dim>1</dim></port></output></layer>"
    "<layer id=\"3\" name=\"mul\" type=\"Multiply\" version=\"opset1\"><data auto_broadcast=\"numpy\"/><input><port id=\"0\" "
    "precision=\"FP32\">" SIZE "</port><port id=\"1\" precision=\"FP32\"/></input><output><port id=\"2\" precision=\"FP32\" "
    "names=\"scaled\">" SIZE "</port></output></layer>"
    "<layer id=\"4\" name=\"add\" type=\"Add\" version=\"opset1\"><data auto_broadcast=\"numpy\"/><input><port id=\"0\" "
    "precision=\"FP32\">" SIZE "</port><port id=\"1\" precision=\"FP32\"><dim>1</dim></port></input><output><port id=\"2\" "
    "precision=\"FP32\" names=\"shifted\">" SIZE "</port></output></layer>"
    "<layer id=\"5\" name=\"r0\" type=\"Result\" version=\"opset1\"><input><port id=\"0\" precision=\"FP32\">" SIZE
    "</port></input></layer>"
    "<layer id=\"6\" name=\"r1\" type=\"Result\" version=\"opset1\"><input><port id=\"0\" precision=\"FP32\">" SIZE
    "</port></input></layer></layers><edges>"
    "<edge from-layer=\"0\" from-port=\"0\" to-layer=\"3\" to-port=\"0\"/>"
    "<edge from-layer=\"1\" from-port=\"0\" to-layer=\"3\" to-port=\"1\"/>"
    "<edge from-layer=\"3\" from-port=\"2\" to-layer=\"4\" to-port=\"0\"/>"
    "<edge from-layer=\"2\" from-port=\"0\" to-layer=\"4\" to-port=\"1\"/>"
    "<edge from-layer=\"3\" from-port=\"2\" to-layer=\"5\" to-port=\"0\"/>"
    "<edge from-layer=\"4\" from-port=\"2\" to-layer=\"6\" to-port=\"0\"/></edges></net>";

static void put(const char *name, const void *bytes, size_t size) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static int setup(void **state) {
    const float bias = 10;
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/tripoint-model-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    put("net.xml", network, sizeof network - 1);
    put("net.bin", &bias, sizeof bias);
    put("alone.xml", network, sizeof network - 1);
    put("broken.onnx", network, 40);
    return 0;
}

static int teardown(void **state) {
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static int open_runtime(void **state) {
    static struct tri_engine_params nn = {.struct_bytes = sizeof nn, .threads = 1, .cache_dir = ""};
    const struct tri_runtime_params params = {.struct_bytes = sizeof params, .engines = {[TRI_TECHNOLOGY_WEBNN] = &nn}};
    (void)state;
    runtime = NULL;
    return tri_runtime_create(&params, &runtime, &err) == TRI_OK ? 0 : -1;
}

static int close_runtime(void **state) {
    (void)state;
    tri_runtime_destroy(&runtime);
    return 0;
}

static void need_library(void) {
    char *library = NULL;
    if (trii_path_engine(TRII_OPENVINO_FOLDER "/libs/libopenvino_c.so", &library, &err) != TRI_OK &&
        trii_path_engine(TRII_OPENVINO_FOLDER "/libs", &library, &err) != TRI_OK)
        skip_because("%s", err.message);
    trii_free(library);
}

static tri_status load(const char *operation, const char *outputs, const char *params, uint64_t height, uint64_t width,
                       struct tri_pipeline **out) {
    char text[1024];
    const struct tri_layout frame = tri_layout_image(height, width, 4, TRI_DTYPE_U8);
    snprintf(text, sizeof text,
             "{\"inputs\": {\"photo\": {\"kind\": \"image\"}}, \"outputs\": [\"a\"], \"stages\": [{\"technology\": "
             "\"webnn\", \"name\": \"net\", \"operation\": \"%s\", \"input\": \"photo\", \"outputs\": %s, \"params\": %s}]}",
             operation, outputs, params);
    const struct tri_pipeline_params what = {.struct_bytes = sizeof what, .text = text, .text_bytes = strlen(text),
                                             .origin = "m.json", .folder = folder};
    tri_status status = tri_pipeline_open(runtime, &what, out, &err);
    if (status == TRI_OK)
        status = tri_pipeline_set_input(*out, "photo", &frame, &err);
    return status == TRI_OK ? tri_pipeline_plan(*out, &err) : status;
}

/* Channel first: B, G, R with their own mean and scale, times the gain. */
static float wanted(const uint8_t *photo, size_t pixels, size_t i) {
    static const float mean[] = {0.5f, 0, 1}, scale[] = {1, 2, 4};
    const size_t channel = i / pixels;
    return ((float)photo[i % pixels * 4 + 2 - channel] - mean[channel]) / scale[channel] * 3;
}

static void run_and_compare(struct tri_pipeline *p, size_t pixels) {
    uint8_t photo[4 * 64];
    float a[3 * 64], b[3 * 64];
    tri_handle region;
    struct tri_layout layout;
    struct tri_arena *arena = tri_runtime_arena(runtime);
    for (size_t i = 0; i < 4 * pixels; i++)
        photo[i] = (uint8_t)(i * 5 + 3);
    assert_ok(tri_pipeline_region(p, "photo", &region, NULL, &err));
    assert_ok(tri_region_write(arena, region, 0, photo, 4 * pixels, NULL, NULL, &err));
    assert_ok(tri_pipeline_run(p, NULL, &err));
    assert_ok(tri_pipeline_region(p, "a", &region, &layout, &err));
    assert_true(layout.kind == TRI_KIND_TENSOR && layout.rank == 4 && layout.shape[1] == 3);
    assert_ok(tri_region_read(arena, region, 0, a, 12 * pixels, NULL, NULL, &err));
    assert_ok(tri_pipeline_region(p, "b", &region, &layout, &err));
    assert_ok(tri_region_read(arena, region, 0, b, 12 * pixels, NULL, NULL, &err));
    for (size_t i = 0; i < 3 * pixels; i++) {
        assert_true(fabsf(a[i] - wanted(photo, pixels, i)) < 1e-3f);
        assert_true(fabsf(b[i] - wanted(photo, pixels, i) - 10) < 1e-3f);
    }
    assert_int_equal(tri_ledger_bytes(arena, TRI_LEDGER_BETWEEN), 0);
}

#define GOOD "{\"gain\": 3, \"range\": 255, \"color\": \"bgr\", \"mean\": [0.5, 0, 1], \"scale\": [1, 2, 4]}"

static void dynamic_sizes_two_outputs_and_conversions(void **state) {
    const struct tri_layout larger = tri_layout_image(5, 7, 4, TRI_DTYPE_U8);
    struct tri_pipeline *p = NULL;
    (void)state;
    need_library();
    assert_ok(load("net.xml", "[\"a\", \"b\"]", GOOD, 2, 3, &p));
    run_and_compare(p, 6);
    assert_ok(tri_pipeline_set_input(p, "photo", &larger, &err)); /* planned anew, for another size */
    assert_ok(tri_pipeline_plan(p, &err));
    run_and_compare(p, 35);
    tri_pipeline_destroy(&p);
    /* what is stated needs no engine for planning, and fits */
    assert_ok(load("net.xml", "[{\"region\": \"a\", \"shape\": [1, 3, 2, 3], \"dtype\": \"f32\", \"kind\": \"tensor\"}, "
                              "{\"region\": \"b\", \"shape\": [3, 2, 3], \"dtype\": \"f32\", \"kind\": \"tensor\"}]",
                   GOOD, 2, 3, &p));
    run_and_compare(p, 6);
    tri_pipeline_destroy(&p);
}

/* The second input may be a region instead of a parameter. */
static void two_regions_are_two_inputs(void **state) {
    static const char text[] =
        "{\"inputs\": {\"photo\": {\"kind\": \"image\"}, \"gain\": {\"kind\": \"tensor\"}}, \"outputs\": [\"a\", \"b\"], "
        "\"stages\": [{\"technology\": \"webnn\", \"name\": \"net\", \"operation\": \"net.xml\", \"inputs\": [\"photo\", "
        "\"gain\"], \"outputs\": [\"a\", \"b\"], \"params\": {\"range\": 255, \"color\": \"bgr\", \"mean\": [0.5, 0, 1], "
        "\"scale\": [1, 2, 4]}}]}";
    const struct tri_layout frame = tri_layout_image(2, 3, 4, TRI_DTYPE_U8),
                            number = {.dtype = TRI_DTYPE_F32, .rank = 0, .kind = TRI_KIND_TENSOR};
    const struct tri_pipeline_params what = {.struct_bytes = sizeof what, .text = text, .text_bytes = sizeof text - 1,
                                             .origin = "m.json", .folder = folder};
    struct tri_pipeline *p = NULL;
    tri_handle region;
    const float gain = 3;
    (void)state;
    need_library();
    assert_ok(tri_pipeline_open(runtime, &what, &p, &err));
    assert_ok(tri_pipeline_set_input(p, "photo", &frame, &err));
    assert_ok(tri_pipeline_set_input(p, "gain", &number, &err));
    assert_ok(tri_pipeline_plan(p, &err));
    assert_ok(tri_pipeline_region(p, "gain", &region, NULL, &err));
    assert_ok(tri_region_write(tri_runtime_arena(runtime), region, 0, &gain, sizeof gain, NULL, NULL, &err));
    run_and_compare(p, 6);
    tri_pipeline_destroy(&p);
}

static void what_is_refused(void **state) {
    static const struct {
        const char *operation, *outputs, *params, *says;
        tri_status status;
    } cases[] = {
        {"net.xml", "[\"a\", \"b\"]", "{}", "has 2 inputs (image, gain) and 2 outputs (scaled, shifted), and the stage "
                                            "names 1 and 2", TRI_BAD_PIPELINE},
        {"net.xml", "[\"a\"]", "{\"gain\": 1}", "names 1 and 1, besides what is a parameter", TRI_BAD_PIPELINE},
        {"net.xml", "[\"a\", \"b\"]", "{\"gane\": 1}", "has no input 'gane' that the parameter could be; it has: image, gain",
         TRI_BAD_PIPELINE},
        {"net.xml", "[\"a\", \"b\"]", "{\"gain\": [1, 2]}", "'gain' is f32 [], and the parameter of that name has 2 numbers",
         TRI_BAD_PIPELINE},
        {"net.xml", "[\"a\", \"b\"]", "{\"gain\": \"much\"}", "must be a number", TRI_BAD_PIPELINE},
        {"net.xml", "[\"a\", \"b\"]", "{\"gain\": 1, \"mean\": \"dark\"}", "mean is 'dark'", TRI_BAD_PIPELINE},
        {"net.xml", "[\"a\", \"b\"]", "{\"gain\": 1, \"scale\": [1, 0, 1]}", "none of them 0", TRI_BAD_PIPELINE},
        {"net.xml", "[\"a\", \"b\"]", "{\"gain\": 1, \"color\": \"red\"}", "one of rgb|bgr", TRI_PARSE},
        {"net.xml", "[{\"region\": \"a\", \"shape\": [7], \"dtype\": \"f32\", \"kind\": \"tensor\"}, \"b\"]", "{\"gain\": 1}",
         "'scaled' is f32 [1,3,2,3], and the stage's region is to hold tensor f32 [7]", TRI_BAD_PIPELINE},
        {"net.xml", "[{\"region\": \"a\", \"kind\": \"mask\"}, \"b\"]", "{\"gain\": 1}", "", TRI_OK},
        {"net.xml#x", "[\"a\", \"b\"]", "{}", "no parts to choose from", TRI_BAD_MODEL},
        {"alone.xml", "[\"a\", \"b\"]", "{}", "can't open the operation's file alone.bin", TRI_NOT_FOUND},
        {"broken.onnx", "[\"a\", \"b\"]", "{}", "OpenVINO can't read broken.onnx", TRI_BAD_MODEL},
    };
    (void)state;
    need_library();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tri_pipeline *p = NULL;
        tri_status status = load(cases[i].operation, cases[i].outputs, cases[i].params, 2, 3, &p);
        if (status != cases[i].status || (status != TRI_OK && !strstr(err.message, cases[i].says)) ||
            strchr(err.message, '\n'))
            fail_msg("case %zu: %s: %s", i, tri_status_name(status), err.message);
        tri_pipeline_destroy(&p);
    }
}

/* All outputs are stated, so planning asks nobody: preparing tells what does not fit. */
static void stated_outputs_are_held_against_the_model(void **state) {
    struct tri_pipeline *p = NULL;
    (void)state;
    need_library();
    assert_ok(load("net.xml", "[{\"region\": \"a\", \"shape\": [1, 3, 2, 4], \"dtype\": \"f32\", \"kind\": \"tensor\"}, "
                              "{\"region\": \"b\", \"shape\": [3, 2, 3], \"dtype\": \"f32\", \"kind\": \"tensor\"}]",
                   "{\"gain\": 1}", 2, 3, &p));
    assert_status(tri_pipeline_prepare(p, &err), TRI_BAD_PIPELINE);
    assert_non_null(strstr(err.message, "'scaled' is f32 [1,3,2,3], and the stage's region is to hold tensor f32 [1,3,2,4]"));
    assert_string_equal(err.stage, "net");
    tri_pipeline_destroy(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(dynamic_sizes_two_outputs_and_conversions, open_runtime, close_runtime),
        cmocka_unit_test_setup_teardown(two_regions_are_two_inputs, open_runtime, close_runtime),
        cmocka_unit_test_setup_teardown(what_is_refused, open_runtime, close_runtime),
        cmocka_unit_test_setup_teardown(stated_outputs_are_held_against_the_model, open_runtime, close_runtime),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
