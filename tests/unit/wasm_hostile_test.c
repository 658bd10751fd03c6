/*
 * The hostile suite: a pipeline names a stranger's module, and the module tries everything. Each time the frame fails with
 * one sentence that names the function, the output is poisoned, nobody else's bytes have changed, the process lives, and the
 * next, honest frame works.
 */
#include "wasm_kit.h"

#include <unistd.h>

#define SIDE 40 /* 6400 bytes: the last page of each region is partly padding */

static struct tri_error err;
static char folder[64];

struct stage {
    struct tri_runtime *runtime;
    struct tri_pipeline *pipeline;
    tri_handle in, out, neighbour;
};

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/tripoint-hostile-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void put(const char *name, const void *bytes, size_t size) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

/* The pipeline's own folder holds nothing but a link to the guest, and that may not leave it: the guest is lent. */
static tri_status load_beside(struct stage *s, struct tri_runtime *runtime, const char *operation, const char *guest,
                              const char *params) {
    char text[512], path[256];
    const struct tri_file lent = {"guest.wasm", path};
    const struct tri_layout frame = tri_layout_image(SIDE, SIDE, 4, TRI_DTYPE_U8);
    snprintf(path, sizeof path, "%s/%s", guest[0] == '/' ? "" : TEST_GUESTS, guest);
    snprintf(text, sizeof text,
             "{\"inputs\": {\"photo\": {\"kind\": \"image\"}}, \"outputs\": [\"out\"], \"stages\": [{\"name\": \"guest\", "
             "\"technology\": \"wasm\", \"operation\": \"guest.wasm%s\", \"input\": \"photo\", \"output\": \"out\"%s}]}",
             operation, params);
    const struct tri_pipeline_params what = {.struct_bytes = sizeof what, .text = text, .text_bytes = strlen(text),
                                             .origin = "hostile.json", .files = &lent, .file_count = 1};
    *s = (struct stage){.runtime = runtime};
    tri_status status = tri_pipeline_open(s->runtime, &what, &s->pipeline, &err);
    if (status == TRI_OK)
        status = tri_pipeline_set_input(s->pipeline, "photo", &frame, &err);
    if (status == TRI_OK)
        status = tri_pipeline_plan(s->pipeline, &err);
    if (status == TRI_OK)
        assert_ok(tri_pipeline_region(s->pipeline, "photo", &s->in, NULL, &err));
    if (status == TRI_OK)
        assert_ok(tri_pipeline_region(s->pipeline, "out", &s->out, NULL, &err));
    return status;
}

static tri_status load(struct stage *s, const char *operation, const char *guest, const char *params) {
    static struct tri_engine_params wasm = {.struct_bytes = sizeof wasm, .cache_dir = "",
                                            .guest_limit_ns = (uint64_t)2000000000};
    const struct tri_runtime_params with = {.struct_bytes = sizeof with, .engines = {[TRI_TECHNOLOGY_WASM] = &wasm}};
    struct tri_runtime *runtime = NULL;
    assert_ok(tri_runtime_create(&with, &runtime, &err));
    return load_beside(s, runtime, operation, guest, params);
}

static void unload(struct stage *s) {
    tri_pipeline_destroy(&s->pipeline);
    tri_runtime_destroy(&s->runtime);
}

static void fill_frame(struct stage *s, uint8_t act) {
    uint8_t frame[SIDE * SIDE * 4];
    for (size_t i = 0; i < sizeof frame; i++)
        frame[i] = (uint8_t)(i * 7);
    frame[0] = act;
    assert_ok(tri_region_write(tri_runtime_arena(s->runtime), s->in, 0, frame, sizeof frame, NULL, NULL, &err));
}

static void check_bytes(struct stage *s, tri_handle region, uint8_t first) {
    uint8_t frame[SIDE * SIDE * 4];
    assert_ok(tri_region_read(tri_runtime_arena(s->runtime), region, 0, frame, sizeof frame, NULL, NULL, &err));
    for (size_t i = 0; i < sizeof frame; i++)
        if (frame[i] != (i ? (uint8_t)(i * 7) : first))
            fail_msg("byte %zu is %u", i, frame[i]);
}

static tri_status read_output(struct stage *s) {
    uint8_t byte;
    return tri_region_read(tri_runtime_arena(s->runtime), s->out, 0, &byte, 1, NULL, NULL, &err);
}

/* A region that the stage does not name, with an address that the guest is told. */
static uint32_t make_neighbour(struct stage *s) {
    struct tri_engine *engine;
    uint32_t address = 0;
    assert_ok(tri_arena_allocate_shared(tri_runtime_arena(s->runtime), SIDE * SIDE * 4, &s->neighbour, &err));
    assert_ok(tri_runtime_engine(s->runtime, TRI_TECHNOLOGY_WASM, &engine, &err));
    assert_ok(tri_wasm_view(engine, s->neighbour, &address, &err));
    tri_handle in = s->in;
    s->in = s->neighbour;
    fill_frame(s, 200);
    s->in = in;
    return address;
}

static const struct {
    tri_status status;
    const char *says;
} acts[] = {
    [1] = {TRI_TRAP, "which is no operand of its stage"},
    [2] = {TRI_TRAP, "outside its operands"},
    [3] = {TRI_TRAP, "which is no operand of its stage"},
    [4] = {TRI_TRAP, "it tried to store to byte 7 of 'photo'"},
    [5] = {TRI_TRAP, "outside its operands"},
    [6] = {TRI_TRAP, ""},
    [7] = {TRI_TRAP, "it ran longer than the 2 s"},
    [8] = {TRI_TRAP, "deeper than the stack allows"},
    [9] = {TRI_ENGINE_FAILED, "refused its operands with the number 1"}, /* it had all its memory; that is bounded */
    [10] = {TRI_ENGINE_FAILED, "refused its operands with the number 2"},
    [11] = {0, ""}, /* a trap or a refusal: its own stack was in what it smashed */
    [12] = {0, ""},
    [13] = {TRI_TRAP, ""},
    [14] = {TRI_TRAP, "integer divide by zero"},
    [15] = {TRI_TRAP, "declares unreachable"},
    [16] = {TRI_TRAP, "outside its operands and its own memory"},
};

static void nothing_works(void **state) {
    struct stage s;
    char assignment[64];
    (void)state;
    if (!TEST_GUESTS[0])
        skip_because("the guests were not built: clang has no wasm32 target");
    wasm_need_library();
    assert_ok(load(&s, "", "hostile.wasm", ""));
    uint32_t address = make_neighbour(&s);
    tri_pipeline_destroy(&s.pipeline);
    snprintf(assignment, sizeof assignment, ", \"params\": {\"where\": %u}", address + 100);
    tri_runtime_destroy(&s.runtime);
    assert_ok(load(&s, "#act", "hostile.wasm", assignment));
    assert_int_equal(make_neighbour(&s), address); /* the same engine, the same order: the same address */
    for (size_t act = 1; act < sizeof acts / sizeof *acts; act++) {
        fill_frame(&s, (uint8_t)act);
        tri_status status = tri_pipeline_run(s.pipeline, NULL, &err);
        if (status == TRI_OK || (acts[act].status && status != acts[act].status) || !strstr(err.message, acts[act].says))
            fail_msg("act %zu: %s: %s", act, tri_status_name(status), err.message);
        if (status == TRI_TRAP) /* in act itself, or in a function that it calls */
            assert_true(strstr(err.message, "in function 'act'") || strstr(err.message, "in function '"));
        assert_string_equal(err.stage, "guest");
        assert_string_equal(err.engine, "wasm");
        assert_null(strchr(err.message, '\n'));
        assert_status(read_output(&s), TRI_POISONED);
        check_bytes(&s, s.in, (uint8_t)act);
        check_bytes(&s, s.neighbour, 200);
        fill_frame(&s, 0);
        assert_ok(tri_pipeline_run(s.pipeline, NULL, &err));
        check_bytes(&s, s.out, 0);
    }
    assert_ok(tri_arena_free_shared(tri_runtime_arena(s.runtime), s.neighbour, &err));
    unload(&s);
}

/* Two stages of one guest, which share its instance: what the first had open is closed when the second is called. */
static void another_stages_operands_are_closed(void **state) {
    struct stage first, second;
    struct tri_engine *engine;
    char assignment[64];
    (void)state;
    if (!TEST_GUESTS[0])
        skip_because("the guests were not built: clang has no wasm32 target");
    wasm_need_library();
    assert_ok(load(&first, "#act", "hostile.wasm", ""));
    assert_ok(tri_runtime_engine(first.runtime, TRI_TECHNOLOGY_WASM, &engine, &err));
    for (uint8_t act = 1; act <= 3; act += 2) { /* reads its input, writes its output */
        uint32_t address = 0;
        assert_ok(tri_wasm_view(engine, act == 1 ? first.in : first.out, &address, &err));
        snprintf(assignment, sizeof assignment, ", \"params\": {\"where\": %u}", address + 100);
        assert_ok(load_beside(&second, first.runtime, "#act", "hostile.wasm", assignment));
        fill_frame(&first, 0);
        fill_frame(&second, 0);
        assert_ok(tri_pipeline_run(second.pipeline, NULL, &err));
        assert_ok(tri_pipeline_run(first.pipeline, NULL, &err));
        fill_frame(&second, act);
        assert_status(tri_pipeline_run(second.pipeline, NULL, &err), TRI_TRAP);
        assert_non_null(strstr(err.message, "which is no operand of its stage"));
        check_bytes(&first, first.in, 0);
        check_bytes(&first, first.out, 0);
        fill_frame(&second, 0);
        assert_ok(tri_pipeline_run(second.pipeline, NULL, &err));
        assert_ok(tri_pipeline_run(first.pipeline, NULL, &err)); /* and once more, in the next instance */
        check_bytes(&second, second.out, 0);
        tri_pipeline_destroy(&second.pipeline);
    }
    unload(&first);
}

/* ---- modules that are refused ---- */

static void refuses(const char *operation, const char *guest, tri_status wanted, const char *says) {
    struct stage s;
    tri_status status = load(&s, operation, guest, "");
    if (status == TRI_OK)
        status = tri_pipeline_prepare(s.pipeline, &err);
    if (status == TRI_OK) { /* it may be loaded, and then fail */
        fill_frame(&s, 0);
        status = tri_pipeline_run(s.pipeline, NULL, &err);
        assert_status(read_output(&s), TRI_POISONED);
    }
    if (status != wanted || !strstr(err.message, says) || strchr(err.message, '\n'))
        fail_msg("%s: %s: %s", guest, tri_status_name(status), err.message);
    unload(&s);
}

static void refuses_bytes(const void *bytes, size_t size, tri_status wanted, const char *says) {
    char path[128];
    put("x.wasm", bytes, size);
    snprintf(path, sizeof path, "%s/x.wasm", folder);
    refuses("", path, wanted, says);
}

#define HEAD "\0asm\1\0\0\0"

static void bad_modules(void **state) {
    (void)state;
    if (!TEST_GUESTS[0])
        skip_because("the guests were not built: clang has no wasm32 target");
    wasm_need_library();
    refuses("", "bulk.wasm", TRI_BAD_MODULE, "several operations");
    refuses("#fill", "bulk.wasm", TRI_TRAP, "such as a bulk instruction");
    refuses("", "importing.wasm", TRI_BAD_MODULE, "guests get no imports");
    refuses("", "other_abi.wasm", TRI_BAD_MODULE, "was built for guest ABI");
    refuses("", "far_buffer.wasm", TRI_BAD_MODULE, "call buffer");
    refuses("#nothing", "hostile.wasm", TRI_BAD_MODULE, "no operation 'nothing'; it has: act");
    refuses("", "greedy.wasm", TRI_BAD_MODULE, "");
}

static void bad_bytes(void **state) {
    /* (type (func (param i32) (result i32))), (func 0), a memory, export "op_x" and the memory, and a body */
#define TYPES "\1\6\1\x60\1\x7f\1\x7f\3\2\1\0"
#define EXPORTS "\7\x11\2\4op_x\0\0\6memory\2\0"
    static const char shared_memory[] = HEAD TYPES "\5\4\1\3\1\2" EXPORTS "\12\6\1\4\0\x41\0\x0b";
    static const char memory64[] = HEAD TYPES "\5\3\1\4\1" EXPORTS "\12\6\1\4\0\x41\0\x0b";
    static const char starts_for_ever[] = HEAD "\1\x09\2\x60\1\x7f\1\x7f\x60\0\0\3\3\2\0\1\5\3\1\0\1" EXPORTS "\x08\1\1"
                                          "\12\x0e\2\4\0\x41\0\x0b\7\0\3\x40\x0c\0\x0b\x0b";
    static const char no_abi[] = HEAD TYPES "\5\3\1\0\1" EXPORTS "\12\6\1\4\0\x41\0\x0b";
    static const char no_memory[] = HEAD TYPES "\7\x08\1\4op_x\0\0\12\6\1\4\0\x41\0\x0b";
    static const char cut[] = HEAD "\7\x40\1";
    static const char cut_exports[] = HEAD "\7\2\5\1";
    static const char no_operation[] = HEAD;
    static const char component[] = "\0asm\x0d\0\1\0";
    static const char bad_description[] = HEAD "\7\x08\1\4op_x\0\0\0\x1b\x08tripointop x;in x picture;";
    (void)state;
    wasm_need_library();
    refuses_bytes("MZ", 2, TRI_BAD_MODULE, "it does not begin like one");
    refuses_bytes(component, sizeof component - 1, TRI_BAD_MODULE, "or a component");
    refuses_bytes(no_operation, sizeof no_operation - 1, TRI_BAD_MODULE, "exports no operation");
    refuses_bytes(cut, sizeof cut - 1, TRI_BAD_MODULE, "a section runs past its end");
    refuses_bytes(cut_exports, sizeof cut_exports - 1, TRI_BAD_MODULE, "its exports are cut off");
    refuses_bytes(bad_description, sizeof bad_description - 1, TRI_BAD_MODULE, "whose third word is no kind");
    refuses_bytes(no_memory, sizeof no_memory - 1, TRI_BAD_MODULE, "does not export its memory");
    refuses_bytes(no_abi, sizeof no_abi - 1, TRI_BAD_MODULE, "exports no function 'tripoint_abi'");
    refuses_bytes(shared_memory, sizeof shared_memory - 1, TRI_BAD_MODULE, "not a Wasm module that can be run here");
    refuses_bytes(memory64, sizeof memory64 - 1, TRI_BAD_MODULE, "not a Wasm module that can be run here");
    refuses_bytes(starts_for_ever, sizeof starts_for_ever - 1, TRI_TRAP, "it ran longer than the 2 s");
    char *huge = calloc(1, ((size_t)16 << 20) + 1);
    assert_non_null(huge);
    memcpy(huge, HEAD, 8);
    refuses_bytes(huge, ((size_t)16 << 20) + 1, TRI_LIMIT, "it must have 1 to 16777216");
    free(huge);
}

/* Operands are held against the description, with both sides. */
static void descriptions_are_kept(void **state) {
    struct stage s;
    (void)state;
    if (!TEST_GUESTS[0])
        skip_because("the guests were not built: clang has no wasm32 target");
    assert_status(load(&s, "", "hostile.wasm", ", \"params\": {\"wher\": 1}"), TRI_PARSE);
    assert_non_null(strstr(err.message, "did you mean \"where\"?"));
    unload(&s);
    assert_status(load(&s, "", "hostile.wasm", ", \"params\": {\"where\": -1}"), TRI_PARSE);
    assert_non_null(strstr(err.message, "from 0 to 4.29497e+09"));
    unload(&s);
    const struct tri_layout grey = tri_layout_image(8, 8, 1, TRI_DTYPE_U8);
    assert_ok(load(&s, "", "hostile.wasm", ""));
    assert_ok(tri_pipeline_set_input(s.pipeline, "photo", &grey, &err));
    assert_status(tri_pipeline_plan(s.pipeline, &err), TRI_BAD_PIPELINE);
    assert_non_null(strstr(err.message, "'in' is described as image u8 [*,*,4], and its region holds image u8 [8,8,1]"));
    unload(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_works),
        cmocka_unit_test(another_stages_operands_are_closed),
        cmocka_unit_test(bad_modules),
        cmocka_unit_test(bad_bytes),
        cmocka_unit_test(descriptions_are_kept),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
