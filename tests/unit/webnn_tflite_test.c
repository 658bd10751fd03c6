/* A stage that names a TFLite file: channels last, two outputs, a conversion in the graph; and one that is damaged. */
#include "kit.h"

#include "base/alloc.h"
#include "base/paths.h"
#include "engines_lock.h"

#include <math.h>
#include <unistd.h>

#define HEIGHT 4
#define WIDTH 6
#define VALUES (HEIGHT * WIDTH * 3)

/* ---- TFLite files are FlatBuffers: parents first, each field of a table four bytes ---- */

struct file {
    uint8_t bytes[4096];
    size_t used;
};

static void set(struct file *f, size_t at, uint32_t value) {
    memcpy(f->bytes + at, &value, sizeof value);
}

/* What stands at `ref` points to what comes next. */
static size_t refer(struct file *f, size_t ref, size_t to) {
    set(f, ref, (uint32_t)(to - ref));
    return to;
}

static size_t field(size_t table, unsigned number) {
    return table + 4 + 4 * number;
}

/* A table whose fields in the mask `present` are there; the others have no place in it. */
static size_t table(struct file *f, size_t ref, unsigned fields, unsigned present) {
    uint16_t vtable[16] = {(uint16_t)(4 + 2 * fields), (uint16_t)(4 + 4 * fields)};
    const size_t at = f->used;
    for (unsigned i = 0; i < fields; i++)
        vtable[2 + i] = present & 1u << i ? (uint16_t)(4 + 4 * i) : 0;
    memcpy(f->bytes + at, vtable, vtable[0]);
    f->used = (at + vtable[0] + 3) & ~(size_t)3;
    const size_t out = refer(f, ref, f->used);
    set(f, out, (uint32_t)(out - at));
    f->used += vtable[1];
    return out;
}

/* Numbers, or as many places for references; where the first one is. */
static size_t vector(struct file *f, size_t ref, const int32_t *values, uint32_t count) {
    set(f, refer(f, ref, f->used), count);
    const size_t out = f->used + 4;
    if (values)
        memcpy(f->bytes + out, values, count * sizeof *values);
    f->used = out + 4 * (size_t)count;
    return out;
}

static void bytes(struct file *f, size_t ref, const void *what, uint32_t count) {
    f->used = ((f->used + 4 + 15) & ~(size_t)15) - 4; /* a buffer's data is aligned */
    set(f, refer(f, ref, f->used), count);
    memcpy(f->bytes + f->used + 4, what, count);
    f->used = (f->used + 4 + count + 4) & ~(size_t)3; /* a NUL after texts */
}

static void tensor(struct file *f, size_t ref, const char *name, uint32_t buffer, const int32_t *shape, uint32_t rank) {
    const size_t t = table(f, ref, 4, 0xf);
    set(f, field(t, 2), buffer);
    vector(f, field(t, 0), shape, rank);
    bytes(f, field(t, 3), name, (uint32_t)strlen(name));
}

static void operator_of(struct file *f, size_t ref, uint32_t code, uint32_t options, int32_t a, int32_t b, int32_t out) {
    const int32_t in[] = {a, b};
    const size_t o = table(f, ref, 5, 0x1f);
    set(f, field(o, 0), code);
    set(f, field(o, 3), options);
    vector(f, field(o, 1), in, 2);
    vector(f, field(o, 2), &out, 1);
    table(f, field(o, 4), 1, 0);
}

enum { ADD = 0, MUL = 18, ADD_OPTIONS = 11, MUL_OPTIONS = 21 };

/* scaled = image * gain, shifted = scaled + bias; gain and bias have a number a channel. */
static struct file model(const float gain[3], const float bias[3]) {
    static const int32_t shape[] = {1, HEIGHT, WIDTH, 3}, three[] = {3}, input[] = {0}, outputs[] = {3, 4};
    struct file f = {.used = 8};
    memcpy(f.bytes + 4, "TFL3", 4);
    const size_t m = table(&f, 0, 5, 0x17);
    set(&f, field(m, 0), 3);
    const size_t codes = vector(&f, field(m, 1), NULL, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const size_t code = table(&f, codes + 4 * i, 4, 0xd);
        set(&f, field(code, 0), i ? ADD : MUL);
        set(&f, field(code, 2), 1);
        set(&f, field(code, 3), i ? ADD : MUL);
    }
    const size_t graph = table(&f, vector(&f, field(m, 2), NULL, 1), 4, 0xf);
    const size_t tensors = vector(&f, field(graph, 0), NULL, 5);
    tensor(&f, tensors, "image", 0, shape, 4);
    tensor(&f, tensors + 4, "gain", 1, three, 1);
    tensor(&f, tensors + 8, "bias", 2, three, 1);
    tensor(&f, tensors + 12, "scaled", 0, shape, 4);
    tensor(&f, tensors + 16, "shifted", 0, shape, 4);
    vector(&f, field(graph, 1), input, 1);
    vector(&f, field(graph, 2), outputs, 2);
    const size_t operators = vector(&f, field(graph, 3), NULL, 2);
    operator_of(&f, operators, 0, MUL_OPTIONS, 0, 1, 3);
    operator_of(&f, operators + 4, 1, ADD_OPTIONS, 3, 2, 4);
    const size_t buffers = vector(&f, field(m, 4), NULL, 3);
    table(&f, buffers, 1, 0);
    bytes(&f, field(table(&f, buffers + 4, 1, 1), 0), gain, 12);
    bytes(&f, field(table(&f, buffers + 8, 1, 1), 0), bias, 12);
    return f;
}

/* ---- the tests ---- */

static struct tri_error err;
static char path[64];

static void need_library(void) {
    char *library = NULL;
    if (trii_path_engine(TRII_OPENVINO_FOLDER "/libs", &library, &err) != TRI_OK)
        skip_because("%s", err.message);
    trii_free(library);
}

static void write_file(const struct file *f, size_t size) {
    snprintf(path, sizeof path, "/tmp/tripoint-model-XXXXXX.tflite");
    int fd = mkstemps(path, 7);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, f->bytes, size), (ssize_t)size);
    close(fd);
}

static tri_status load(struct tri_runtime *runtime, uint64_t height, uint64_t width, struct tri_pipeline **out) {
    static const char text[] =
        "{\"inputs\": {\"photo\": {\"kind\": \"image\"}}, \"outputs\": [\"scaled\", \"shifted\"], \"stages\": [{\"technology\": "
        "\"webnn\", \"operation\": \"./m.tflite\", \"input\": \"photo\", \"outputs\": [\"scaled\", {\"region\": \"shifted\", "
        "\"kind\": \"image\"}], \"params\": {\"range\": 255, \"mean\": [10, 20, 30]}}]}";
    const struct tri_file lent = {"./m.tflite", path};
    const struct tri_layout frame = tri_layout_image(height, width, 4, TRI_DTYPE_U8);
    const struct tri_pipeline_params what = {.struct_bytes = sizeof what, .text = text, .text_bytes = sizeof text - 1,
                                             .origin = "t.json", .files = &lent, .file_count = 1};
    tri_status status = tri_pipeline_open(runtime, &what, out, &err);
    if (status == TRI_OK)
        status = tri_pipeline_set_input(*out, "photo", &frame, &err);
    return status == TRI_OK ? tri_pipeline_plan(*out, &err) : status;
}

static struct tri_runtime *open_runtime(void) {
    static const struct tri_engine_params nn = {.struct_bytes = sizeof nn, .threads = 1, .cache_dir = ""};
    const struct tri_runtime_params params = {.struct_bytes = sizeof params, .engines = {[TRI_TECHNOLOGY_WEBNN] = &nn}};
    struct tri_runtime *runtime = NULL;
    assert_ok(tri_runtime_create(&params, &runtime, &err));
    return runtime;
}

static void read_values(struct tri_runtime *runtime, struct tri_pipeline *p, const char *name, enum tri_kind kind,
                        uint32_t rank, float out[VALUES]) {
    struct tri_layout layout;
    tri_handle region;
    assert_ok(tri_pipeline_region(p, name, &region, &layout, &err));
    assert_true(layout.kind == kind && layout.rank == rank && layout.dtype == TRI_DTYPE_F32);
    assert_ok(tri_region_read(tri_runtime_arena(runtime), region, 0, out, VALUES * sizeof *out, NULL, NULL, &err));
}

static void a_stage_names_a_tflite_file(void **state) {
    const float gain[] = {2, -3, 0.5f}, bias[] = {100, 200, 300}, mean[] = {10, 20, 30};
    const struct file f = model(gain, bias);
    uint8_t photo[HEIGHT * WIDTH * 4];
    float scaled[VALUES], shifted[VALUES];
    struct tri_pipeline *p = NULL;
    tri_handle region;
    (void)state;
    need_library();
    write_file(&f, f.used);
    struct tri_runtime *runtime = open_runtime();
    assert_ok(load(runtime, HEIGHT, WIDTH, &p));
    for (size_t i = 0; i < sizeof photo; i++)
        photo[i] = (uint8_t)(i * 7 + 1);
    assert_ok(tri_pipeline_region(p, "photo", &region, NULL, &err));
    assert_ok(tri_region_write(tri_runtime_arena(runtime), region, 0, photo, sizeof photo, NULL, NULL, &err));
    const struct tri_run_params strict = {.struct_bytes = sizeof strict, .require_zero_copy = true};
    assert_ok(tri_pipeline_run(p, &strict, &err));
    read_values(runtime, p, "scaled", TRI_KIND_TENSOR, 4, scaled);
    read_values(runtime, p, "shifted", TRI_KIND_IMAGE, 3, shifted);
    for (size_t i = 0; i < VALUES; i++) {
        const size_t c = i % 3;
        const float wanted = ((float)photo[i / 3 * 4 + c] - mean[c]) * gain[c];
        assert_true(fabsf(scaled[i] - wanted) < 1e-3f);
        assert_true(fabsf(shifted[i] - wanted - bias[c]) < 1e-3f);
    }
    tri_pipeline_destroy(&p);
    tri_runtime_destroy(&runtime);
    unlink(path);
}

/* A photo of another size is scaled in the graph, to what the model's fixed shape asks. */
static void a_larger_photo_is_scaled_in_the_graph(void **state) {
    const float one[] = {1, 1, 1}, none[] = {0, 0, 0}, mean[] = {10, 20, 30};
    const struct file f = model(one, none);
    uint8_t photo[4 * HEIGHT * WIDTH * 4];
    float scaled[VALUES];
    struct tri_pipeline *p = NULL;
    tri_handle region;
    (void)state;
    need_library();
    write_file(&f, f.used);
    struct tri_runtime *runtime = open_runtime();
    assert_ok(load(runtime, 2 * HEIGHT, 2 * WIDTH, &p));
    memset(photo, 77, sizeof photo);
    assert_ok(tri_pipeline_region(p, "photo", &region, NULL, &err));
    assert_ok(tri_region_write(tri_runtime_arena(runtime), region, 0, photo, sizeof photo, NULL, NULL, &err));
    assert_ok(tri_pipeline_run(p, NULL, &err));
    read_values(runtime, p, "scaled", TRI_KIND_TENSOR, 4, scaled);
    for (size_t i = 0; i < VALUES; i++)
        assert_true(fabsf(scaled[i] - (77 - mean[i % 3])) < 1e-3f);
    tri_pipeline_destroy(&p);
    tri_runtime_destroy(&runtime);
    unlink(path);
}

static void a_damaged_one_is_refused(void **state) {
    const float gain[] = {1, 1, 1};
    const struct file f = model(gain, gain);
    struct tri_pipeline *p = NULL;
    (void)state;
    need_library();
    write_file(&f, 40);
    struct tri_runtime *runtime = open_runtime();
    assert_status(load(runtime, HEIGHT, WIDTH, &p), TRI_BAD_MODEL);
    assert_non_null(strstr(err.message, "OpenVINO can't read m.tflite"));
    assert_null(strchr(err.message, '\n'));
    tri_pipeline_destroy(&p);
    tri_runtime_destroy(&runtime);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stage_names_a_tflite_file),
        cmocka_unit_test(a_larger_photo_is_scaled_in_the_graph),
        cmocka_unit_test(a_damaged_one_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
