/* A stranger's model that never ends: its worker is killed, and the next model works. */
#include "isolate_kit.h"

#include "engine/isolated/isolated.h"
#include "pipeline/plan.h"

/* ---- ONNX files, as far as these need it: fields of numbers and of bytes ---- */

struct message {
    uint8_t bytes[1024];
    size_t used;
};

static void put_number(struct message *m, uint64_t value) {
    for (; value > 127; value >>= 7)
        m->bytes[m->used++] = (uint8_t)(value | 128);
    m->bytes[m->used++] = (uint8_t)value;
}

static void number(struct message *m, unsigned field, uint64_t value) {
    put_number(m, field << 3);
    put_number(m, value);
}

static void bytes(struct message *m, unsigned field, const void *what, size_t size) {
    put_number(m, field << 3 | 2);
    put_number(m, size);
    memcpy(m->bytes + m->used, what, size);
    m->used += size;
}

static void text(struct message *m, unsigned field, const char *what) {
    bytes(m, field, what, strlen(what));
}

static void inside(struct message *m, unsigned field, const struct message *what) {
    bytes(m, field, what->bytes, what->used);
}

enum { FLOAT = 1, INT64 = 7, BOOL = 9 };

/* A value of a graph: [4] floats, or a single number. */
static void value(struct message *graph, unsigned field, const char *name, uint64_t type) {
    struct message info = {.used = 0}, types = {.used = 0}, tensor = {.used = 0}, shape = {.used = 0}, dim = {.used = 0};
    number(&dim, 1, 4);
    if (type == FLOAT)
        inside(&shape, 1, &dim);
    number(&tensor, 1, type);
    inside(&tensor, 2, &shape);
    inside(&types, 1, &tensor);
    text(&info, 1, name);
    inside(&info, 2, &types);
    inside(graph, field, &info);
}

static void constant(struct message *graph, const char *name, uint64_t type, uint64_t content) {
    struct message tensor = {.used = 0};
    number(&tensor, 2, type);
    number(&tensor, type == BOOL ? 5 : 7, content);
    text(&tensor, 8, name);
    inside(graph, 5, &tensor);
}

static void node(struct message *graph, const char *type, const char *const *in, size_t count, const char *out,
                 const struct message *attribute) {
    struct message n = {.used = 0};
    for (size_t i = 0; i < count; i++)
        text(&n, 1, in[i]);
    text(&n, 2, out);
    text(&n, 3, out);
    text(&n, 4, type);
    if (attribute)
        inside(&n, 5, attribute);
    inside(graph, 1, &n);
}

/* result = sin(sin(... x)), so many times. */
static struct message sine_model(uint64_t times) {
    static const char *const v[] = {"v"}, *const go_on[] = {"go_on"}, *const loop[] = {"times", "true", "x"};
    struct message body = {.used = 0}, attribute = {.used = 0}, graph = {.used = 0}, opset = {.used = 0}, model = {.used = 0};
    node(&body, "Identity", go_on, 1, "go_on_out", NULL);
    node(&body, "Sin", v, 1, "v_out", NULL);
    text(&body, 2, "body");
    value(&body, 11, "i", INT64);
    value(&body, 11, "go_on", BOOL);
    value(&body, 11, "v", FLOAT);
    value(&body, 12, "go_on_out", BOOL);
    value(&body, 12, "v_out", FLOAT);
    text(&attribute, 1, "body");
    inside(&attribute, 6, &body);
    number(&attribute, 20, 5);
    node(&graph, "Loop", loop, 3, "result", &attribute);
    text(&graph, 2, "sine");
    constant(&graph, "times", INT64, times);
    constant(&graph, "true", BOOL, 1);
    value(&graph, 11, "x", FLOAT);
    value(&graph, 12, "result", FLOAT);
    number(&opset, 2, 13);
    number(&model, 1, 8);
    inside(&model, 7, &graph);
    inside(&model, 8, &opset);
    return model;
}

/* ---- the test ---- */

static struct tri_error err;

static struct tri_plan *plan(struct tri_runtime *runtime, const char *path, tri_handle in, tri_handle out) {
    const struct tri_stage stage = {.struct_bytes = sizeof stage, .technology = TRI_TECHNOLOGY_WEBNN, .operation = path,
                                    .name = "sine", .input = in, .output = out, .isolate = true};
    struct tri_plan *made = NULL;
    tri_status status = tri_plan_create(runtime, &stage, 1, &made, &err);
    if (status == TRI_ENGINE_UNAVAILABLE)
        skip_because("webnn in a worker: %s", err.message);
    assert_ok(status);
    return made;
}

static void put(char path[64], const struct message *model) {
    snprintf(path, 64, "/tmp/tripoint-model-XXXXXX.onnx");
    int fd = mkstemps(path, 5);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, model->bytes, model->used), (ssize_t)model->used);
    close(fd);
}

static float first_of(struct tri_arena *arena, tri_handle out) {
    float x[4];
    assert_ok(tri_region_read(arena, out, 0, x, sizeof x, NULL, NULL, &err));
    return x[0];
}

static void a_model_that_never_ends_is_killed_and_the_next_works(void **state) {
    const struct tri_engine_params nn = {.struct_bytes = sizeof nn, .threads = 1, .cache_dir = ""};
    const struct tri_runtime_params params = {.struct_bytes = sizeof params, .workers = true,
                                              .engines = {[TRI_TECHNOLOGY_WEBNN] = &nn}};
    const struct tri_layout layout = {.dtype = TRI_DTYPE_F32, .rank = 1, .shape = {4}, .kind = TRI_KIND_TENSOR};
    const struct message short_model = sine_model(2), long_model = sine_model(UINT64_C(1) << 40);
    const float x[4] = {1, 2, 3, 4};
    char short_path[64], long_path[64];
    struct tri_runtime *runtime = NULL;
    struct tri_engine *engine;
    struct tri_region_info info;
    tri_handle in, out;
    (void)state;
    assert_ok(tri_runtime_create(&params, &runtime, &err));
    struct tri_arena *arena = tri_runtime_arena(runtime);
    assert_ok(tri_arena_allocate_shared(arena, sizeof x, &in, &err));
    assert_ok(tri_arena_allocate_shared(arena, sizeof x, &out, &err));
    assert_ok(tri_region_write(arena, in, 0, x, sizeof x, NULL, NULL, &err));
    assert_ok(tri_region_set_layout(arena, in, &layout, &err));
    assert_ok(tri_region_set_layout(arena, out, &layout, &err));
    assert_ok(tri_region_info(arena, out, &info, &err));
    put(short_path, &short_model);
    put(long_path, &long_model);
    struct tri_plan *good = plan(runtime, short_path, in, out), *bad = plan(runtime, long_path, in, out);
    assert_ok(tri_plan_run(good, NULL, &err));
    assert_float_equal(first_of(arena, out), 0.745624f, 1e-4f);
    pid_t first = isolate_worker();
    assert_ok(trii_runtime_isolated(runtime, TRI_TECHNOLOGY_WEBNN, &engine, &err));
    trii_isolated_limit(engine, UINT64_C(500) * 1000000u);
    assert_status(tri_plan_run(bad, NULL, &err), TRI_TIMEOUT);
    assert_non_null(strstr(err.message, "the worker process of 'sine' was killed: it did not end within 0.5 s"));
    assert_int_equal(kill(first, 0), -1);
    trii_isolated_limit(engine, 0);
    assert_status(tri_plan_run(good, NULL, &err), TRI_POISONED);
    assert_ok(tri_sync_reset(tri_arena_sync(arena), info.index, &err));
    assert_ok(tri_plan_run(good, NULL, &err));
    assert_float_equal(first_of(arena, out), 0.745624f, 1e-4f);
    assert_int_equal(tri_ledger_bytes(arena, TRI_LEDGER_BETWEEN), 0);
    tri_plan_destroy(&good);
    tri_plan_destroy(&bad);
    tri_runtime_destroy(&runtime);
    unlink(short_path);
    unlink(long_path);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_model_that_never_ends_is_killed_and_the_next_works)};
    if (!getenv("TRIPOINT_WORKER")) {
        print_message("TRIPOINT_WORKER must name the command tripoint\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
