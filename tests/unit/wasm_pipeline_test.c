/* A guest's trap seen from a plan: one sentence, a poisoned output, released claims; and signals that are not guests'. */
#include "wasm_kit.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct tri_runtime *runtime;
static struct tri_arena *arena;
static tri_handle in, out;
static char data[] = "/tmp/tripoint-wasm-data-XXXXXX";

/* A data folder in which the guest `moody` is what ships as vignette. */
static int make_data(void **state) {
    char command[1024];
    (void)state;
    if (!TEST_GUESTS[0])
        return 0;
    if (!mkdtemp(data))
        return -1;
    snprintf(command, sizeof command, "mkdir '%s/wasm' && cp '%s/moody.wasm' '%s/wasm/vignette.wasm'", data,
             TEST_GUESTS, data);
    return system(command) == 0 && setenv("TRIPOINT_DATA", data, 1) == 0 ? 0 : -1;
}

static int drop_data(void **state) {
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", data);
    return TEST_GUESTS[0] ? system(command) : 0;
}

static tri_handle image(const char *label) {
    struct tri_error err = {0};
    const struct tri_layout layout = tri_layout_image(16, 16, 4, TRI_DTYPE_U8);
    const struct tri_region_params params = {.struct_bytes = sizeof params, .size_bytes = 1024, .label = label};
    tri_handle handle;
    assert_ok(tri_region_allocate(arena, &params, &handle, &err));
    assert_ok(tri_region_set_layout(arena, handle, &layout, &err));
    return handle;
}

static void begin(void) {
    struct tri_error err = {0};
    const struct tri_engine_params wasm = {.struct_bytes = sizeof wasm, .cache_dir = ""};
    const struct tri_runtime_params params = {.struct_bytes = sizeof params,
                                              .engines = {[TRI_TECHNOLOGY_WASM] = &wasm}};
    struct tri_engine *engine;
    if (!TEST_GUESTS[0])
        skip_because("clang can't build Wasm guests here");
    wasm_need_library();
    assert_ok(tri_runtime_create(&params, &runtime, &err));
    assert_ok(tri_runtime_engine(runtime, TRI_TECHNOLOGY_WASM, &engine, &err));
    arena = tri_runtime_arena(runtime);
    in = image("photo");
    out = image("darker");
}

static struct tri_plan *plan(double strength) {
    struct tri_error err = {0};
    const struct tri_param param = {.name = "strength", .number = strength};
    const struct tri_stage stage = {.struct_bytes = sizeof stage,
                                    .technology = TRI_TECHNOLOGY_WASM,
                                    .operation = "vignette",
                                    .name = "darken",
                                    .input = in,
                                    .output = out,
                                    .params = &param,
                                    .param_count = 1};
    struct tri_plan *made = NULL;
    assert_ok(tri_plan_create(runtime, &stage, 1, &made, &err));
    return made;
}

static void fill(int value) {
    struct tri_error err = {0};
    struct tri_host_view view;
    assert_ok(tri_host_view_begin(arena, in, TRI_ACCESS_WRITE, NULL, &view, &err));
    memset(view.write, value, 1024);
    assert_ok(tri_host_view_end(arena, &view, &err));
}

static void expect(int value) {
    struct tri_error err = {0};
    struct tri_host_view view;
    assert_ok(tri_host_view_begin(arena, out, TRI_ACCESS_READ, NULL, &view, &err));
    for (size_t i = 0; i < 1024; i++)
        assert_int_equal(((const uint8_t *)view.read)[i], value);
    assert_ok(tri_host_view_end(arena, &view, &err));
}

static void a_trap_poisons_the_output_and_the_next_frame_works(void **state) {
    struct tri_error err = {0};
    struct tri_host_view view;
    struct tri_region_info info;
    (void)state;
    begin();
    struct tri_plan *good = plan(0.5), *bad = plan(1);
    fill(100);
    assert_ok(tri_plan_run(good, NULL, &err));
    expect(50);
    assert_status(tri_plan_run(bad, NULL, &err), TRI_TRAP);
    assert_says("the guest vignette trapped in function 'vignette'");
    assert_string_equal(err.engine, "wasm");
    assert_string_equal(err.stage, "darken");
    assert_int_equal(err.engine_code, WASMTIME_TRAP_UNREACHABLE);
    assert_status(tri_host_view_begin(arena, out, TRI_ACCESS_READ, NULL, &view, &err), TRI_POISONED);
    assert_ok(tri_region_info(arena, out, &info, &err));
    assert_true(tri_sync_poison_cause(tri_arena_sync(arena), info.index, &err));
    assert_says("trapped");
    assert_ok(tri_sync_reset(tri_arena_sync(arena), info.index, &err));
    fill(40);
    assert_ok(tri_plan_run(good, NULL, &err));
    expect(20);
    assert_int_equal(tri_ledger_copies(arena, TRI_LEDGER_BETWEEN), 0);
    tri_plan_destroy(&good);
    tri_plan_destroy(&bad);
    tri_runtime_destroy(&runtime);
}

/* ---- signals ---- */

static void the_applications_own(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    (void)context;
    _exit(42);
}

/* In a child: 42 when a fault that is nobody's guest reached the handler which was there before Wasmtime's. */
static int child(void) {
    struct sigaction action = {.sa_sigaction = the_applications_own, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    struct tri_error err = {0};
    if (sigaction(SIGSEGV, &action, NULL) != 0)
        return 1;
    begin();
    struct tri_plan *bad = plan(1);
    fill(1);
    if (tri_plan_run(bad, NULL, &err) != TRI_TRAP)
        return 2;
    raise(SIGSEGV);
    return 3;
}

static void a_fault_that_is_no_guests_goes_to_the_application(void **state) {
    int status = 0;
    (void)state;
    if (!TEST_GUESTS[0])
        skip_because("clang can't build Wasm guests here");
    wasm_need_library(); /* here, for a child must not skip */
#if defined(__SANITIZE_THREAD__)
    skip_because("ThreadSanitizer starts no threads after a fork");
#endif
    pid_t pid = fork();
    if (pid == 0)
        _exit(child());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 42);
}

int main(void) {
    /* Wasmtime's handlers are installed once a process, so the child has to come before any engine. */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_that_is_no_guests_goes_to_the_application),
        cmocka_unit_test(a_trap_poisons_the_output_and_the_next_frame_works),
    };
    return cmocka_run_group_tests(tests, make_data, drop_data);
}
