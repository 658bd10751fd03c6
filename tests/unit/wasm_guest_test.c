/* Guests that misbehave: each trap becomes one sentence, nothing outside the operands changes, and the next call works. */
#include "wasm_kit.h"

#define OUT_OF_BOUNDS WASMTIME_TRAP_MEMORY_OUT_OF_BOUNDS

/* The engine is whole: an honest operation over the same regions gives the right bytes. */
static void works(struct wasm_world *world) {
    struct tri_error err = {0};
    for (size_t i = 0; i < world->in.size_bytes; i++)
        world->in.bytes[i] = (uint8_t)(i * 7 + 1);
    memset(world->out.bytes, 0, world->out.size_bytes);
    assert_ok(wasm_call(world, "copy", 0, &err));
    assert_memory_equal(world->in.bytes, world->out.bytes, world->in.size_bytes);
}

static void traps(struct wasm_world *world, const char *function, double number, int code, const char *words) {
    struct tri_error err = {0};
    assert_status(wasm_call(world, function, number, &err), TRI_TRAP);
    assert_int_equal(err.engine_code, code);
    assert_says("the guest mischief trapped in function '");
    assert_says(words);
    assert_null(world->guest.store); /* the instance is gone ... */
    works(world);                    /* ... and made anew */
}

static void setup_mischief(struct wasm_world *world) {
    struct tri_error err = {0};
    wasm_open(world);
    assert_ok(wasm_load(world, "mischief", &err));
    works(world);
}

static void stray_addresses_trap(void **state) {
    struct wasm_world world;
    struct tri_error err = {0};
    struct trii_region other;
    uint32_t secret;
    (void)state;
    setup_mischief(&world);
    other = wasm_region(&world, 4096, "somebody's");
    assert_ok(tri_wasm_view(world.engine, other.handle, &secret, &err));
    memset(other.bytes, 0x11, 4096);

    traps(&world, "load", secret + 9.0, OUT_OF_BOUNDS, "byte 9 of 'somebody's' (address 0x");
    traps(&world, "store", secret + 9.0, OUT_OF_BOUNDS, "which is no operand of its stage");
    traps(&world, "store", 0xfffffff0u, OUT_OF_BOUNDS, "address 0xfffffff0, outside its operands");
    traps(&world, "load", 0x70000000u, OUT_OF_BOUNDS, "its own memory of");
    traps(&world, "store_input", 0, OUT_OF_BOUNDS, "tried to store to byte 5 of 'the input'");
    traps(&world, "store_past_end", 0, OUT_OF_BOUNDS, "outside its operands");
    traps(&world, "load_before", 0, OUT_OF_BOUNDS, "outside its operands");
    for (size_t i = 0; i < 4096; i++)
        assert_int_equal(other.bytes[i], 0x11);
    assert_int_equal(tri_ledger_copies(world.arena, TRI_LEDGER_BETWEEN), 0);
    wasm_close(&world);
}

static void a_store_to_an_input_leaves_it_as_it_was(void **state) {
    struct wasm_world world;
    struct tri_error err = {0};
    (void)state;
    setup_mischief(&world);
    world.in.bytes[5] = 99;
    assert_status(wasm_call(&world, "store_input", 0, &err), TRI_TRAP);
    assert_int_equal(world.in.bytes[5], 99);
    assert_int_equal(world.out.bytes[0], 1); /* what came before the trap did happen */
    wasm_close(&world);
}

static void other_traps_are_told_apart(void **state) {
    struct wasm_world world;
    (void)state;
    setup_mischief(&world);
    traps(&world, "unreachable", 0, WASMTIME_TRAP_UNREACHABLE, "declares unreachable");
    traps(&world, "recurse", 4e9, WASMTIME_TRAP_STACK_OVERFLOW, "deeper than the stack allows");
    traps(&world, "divide", 0, 7, "integer divide by zero");
    wasm_close(&world);
}

static void an_endless_guest_is_ended(void **state) {
    struct wasm_world world;
    struct tri_error err = {0};
    (void)state;
    setup_mischief(&world);
    for (int i = 0; i < 2; i++) {
        assert_ok(wasm_prepare(&world, "forever", 0, &err));
        world.wasm->host.limit_ns = 20 * 1000000u; /* short for this call only: an honest one may have to wait its turn */
        assert_status(wasm_run(&world, &err), TRI_TRAP);
        world.wasm->host.limit_ns = TRII_WASM_LIMIT_NS;
        assert_int_equal(err.engine_code, WASMTIME_TRAP_INTERRUPT);
        assert_says("ran longer than the 0.02 s that a call may take");
        works(&world);
    }
    for (int i = 0; i < 200; i++) /* the watchdog never bites the call after */
        works(&world);
    wasm_close(&world);
}

static void memory_grows_to_its_limit_and_no_further(void **state) {
    struct wasm_world world;
    struct tri_error err = {0};
    uint32_t megabytes;
    (void)state;
    setup_mischief(&world);
    assert_ok(wasm_call(&world, "grow", 0, &err));
    memcpy(&megabytes, world.out.bytes, sizeof megabytes);
    assert_in_range(megabytes, 250, 256);
    works(&world); /* the window is where it was */
    wasm_close(&world);
}

static void large_immediate_offsets_reach_the_window(void **state) {
    struct wasm_world world;
    struct tri_error err = {0};
    (void)state;
    wasm_open_with(&world, TRI_BACKING_MEMFD, (uint64_t)49 << 20);
    assert_ok(wasm_load(&world, "mischief", &err));
    world.in.bytes[(40 << 20) + 1] = 123;
    assert_ok(wasm_call(&world, "far", 0, &err));
    assert_int_equal(world.out.bytes[(48 << 20) + 3], 123);
    wasm_close(&world);
}

static void a_refusal_is_a_failure_but_no_trap(void **state) {
    struct wasm_world world;
    struct tri_error err = {0};
    (void)state;
    setup_mischief(&world);
    assert_status(wasm_call(&world, "refuse", 17, &err), TRI_ENGINE_FAILED);
    assert_says("refused its operands with the number 17");
    assert_non_null(world.guest.store); /* a refusal costs nothing */
    assert_ok(wasm_call(&world, "refuse", 0, &err));
    wasm_close(&world);
}

static void the_description_is_fresh_at_every_call(void **state) {
    struct wasm_world world;
    struct tri_error err = {0};
    (void)state;
    setup_mischief(&world);
    assert_ok(wasm_prepare(&world, "scribble", 0, &err));
    for (int i = 0; i < 3; i++) {
        world.out.bytes[0] = 0;
        assert_ok(wasm_run(&world, &err));
        assert_int_equal(world.out.bytes[0], 1);
    }
    wasm_close(&world);
}

static void state_is_kept_between_calls_and_lost_with_a_trap(void **state) {
    struct wasm_world world;
    struct tri_error err = {0};
    (void)state;
    setup_mischief(&world);
    for (int i = 1; i <= 3; i++) {
        assert_ok(wasm_call(&world, "count", 0, &err));
        assert_int_equal(world.out.bytes[0], i);
    }
    assert_status(wasm_call(&world, "unreachable", 0, &err), TRI_TRAP);
    assert_ok(wasm_call(&world, "count", 0, &err));
    assert_int_equal(world.out.bytes[0], 1);
    wasm_close(&world);
}

/* A stage that was prepared before the trap of another one goes on with the new instance. */
static void prepared_stages_survive_a_trap(void **state) {
    struct wasm_world world;
    struct tri_error err = {0};
    (void)state;
    setup_mischief(&world);
    assert_ok(wasm_prepare(&world, "copy", 0, &err));
    struct trii_prepared *honest = world.prepared;
    struct trii_stage stage = world.stage; /* `honest` points to world.stage: it is the same but for the name */
    world.prepared = NULL;
    assert_status(wasm_call(&world, "unreachable", 0, &err), TRI_TRAP);
    wasm_unprepare(&world);
    world.stage = stage;
    world.prepared = honest;
    memset(world.in.bytes, 0x42, world.in.size_bytes);
    assert_ok(wasm_run(&world, &err));
    assert_memory_equal(world.in.bytes, world.out.bytes, world.in.size_bytes);
    wasm_close(&world);
}

static void bulk_instructions_trap_on_operands_only(void **state) {
    struct wasm_world world;
    struct tri_error err = {0};
    (void)state;
    wasm_open(&world);
    assert_ok(wasm_load(&world, "bulk", &err));
    memset(world.out.bytes, 3, world.out.size_bytes);
    world.in.bytes[0] = 0;
    assert_ok(wasm_call(&world, "fill_own", 0, &err));
    assert_int_equal(world.out.bytes[0], 7);
    world.out.bytes[0] = 3;
    assert_status(wasm_call(&world, "fill", 0, &err), TRI_TRAP);
    assert_int_equal(err.engine_code, OUT_OF_BOUNDS);
    assert_status(wasm_call(&world, "copy_constant", 0, &err), TRI_TRAP);
    assert_int_equal(err.engine_code, OUT_OF_BOUNDS);
    for (size_t i = 0; i < world.out.size_bytes; i++)
        assert_int_equal(world.out.bytes[i], 3);
    for (size_t i = 0; i < world.in.size_bytes; i++)
        assert_int_equal(world.in.bytes[i], 0);
    assert_ok(wasm_call(&world, "fill_own", 0, &err));
    wasm_close(&world);
}

static void initialize_runs_once_an_instance(void **state) {
    struct wasm_world world;
    struct tri_error err = {0};
    (void)state;
    wasm_open(&world);
    assert_ok(wasm_load(&world, "initialized", &err));
    for (int i = 0; i < 3; i++)
        assert_ok(wasm_call(&world, "tell", 0, &err));
    assert_int_equal(world.out.bytes[0], 1);
    wasm_close(&world);
}

static void modules_that_do_not_fit_are_refused(void **state) {
    static const struct {
        const char *file, *function, *words;
    } cases[] = {
        {"importing", "read", "imports env.open_file"},
        {"other_abi", "nothing", "was built for guest ABI 2, this Tripoint speaks 1"},
        {"far_buffer", "nothing", "has its call buffer at 0x80001000"},
        {"wide", "wide", "'op_wide' of the guest wide must take 1 and give 1 i32"},
        {"wide", "missing", "exports no function 'op_missing'"},
        {"greedy", "wide", "begins with more memory than the 256 MiB"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wasm_world world;
        struct tri_error err = {0};
        wasm_open(&world);
        tri_status status = wasm_load(&world, cases[i].file, &err);
        if (status == TRI_OK)
            status = wasm_prepare(&world, cases[i].function, 0, &err);
        assert_status(status, TRI_BAD_MODULE);
        assert_says(cases[i].words);
        wasm_close(&world);
    }
}

static void damaged_modules_are_refused(void **state) {
    /* (module (memory (export "memory") 1) (func unreachable) (start 0)), and the same with an endless loop */
    static const uint8_t start_traps[] = {0, 'a', 's', 'm', 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 5, 3, 1, 0, 1,
                                          7, 10, 1, 6, 'm', 'e', 'm', 'o', 'r', 'y', 2, 0, 8, 1, 0, 10, 5, 1, 3, 0, 0,
                                          0x0b};
    static const uint8_t start_loops[] = {0, 'a', 's', 'm', 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 5, 3, 1, 0, 1,
                                          7, 10, 1, 6, 'm', 'e', 'm', 'o', 'r', 'y', 2, 0, 8, 1, 0, 10, 9, 1, 7, 0,
                                          0x03, 0x40, 0x0c, 0, 0x0b, 0x0b};
    static const uint8_t empty[] = {0, 'a', 's', 'm', 1, 0, 0, 0};
    struct wasm_world world;
    struct trii_wasm_host *host;
    struct tri_error err = {0};
    (void)state;
    wasm_open(&world);
    host = &world.wasm->host;
    assert_status(trii_guest_load(&world.guest, host, "none", "", 0, &err), TRI_BAD_MODULE);
    assert_status(trii_guest_load(&world.guest, host, "text", "hello, world", 12, &err), TRI_BAD_MODULE);
    assert_status(trii_guest_load(&world.guest, host, "huge", empty, TRII_WASM_MODULE_MAX + 1, &err), TRI_BAD_MODULE);
    assert_says("more than the 16 MiB");

    assert_ok(trii_guest_load(&world.guest, host, "empty", empty, sizeof empty, &err));
    assert_status(trii_guest_start(&world.guest, &err), TRI_BAD_MODULE);
    assert_says("does not export its memory");
    trii_guest_close(&world.guest);

    assert_ok(trii_guest_load(&world.guest, host, "starter", start_traps, sizeof start_traps, &err));
    assert_status(trii_guest_start(&world.guest, &err), TRI_TRAP);
    trii_guest_close(&world.guest);
    host->limit_ns = 5 * 1000000u;
    assert_ok(trii_guest_load(&world.guest, host, "looper", start_loops, sizeof start_loops, &err));
    assert_status(trii_guest_start(&world.guest, &err), TRI_TRAP);
    assert_int_equal(err.engine_code, WASMTIME_TRAP_INTERRUPT);
    trii_guest_close(&world.guest);
    for (size_t cut = 1; cut < sizeof start_traps; cut++)
        if (trii_guest_load(&world.guest, host, "cut", start_traps, cut, &err) == TRI_OK)
            trii_guest_close(&world.guest);
    wasm_close(&world);
}

/* Every byte of a real guest flipped in turn: refused, or it runs and breaks nothing but its output. */
static void flipped_guests_break_nothing(void **state) {
    struct wasm_world world;
    struct tri_error err = {0};
    char path[512];
    static uint8_t bytes[1 << 16];
    (void)state;
    setup_mischief(&world);
    trii_guest_close(&world.guest);
    world.wasm->host.limit_ns = 20 * 1000000u;
    snprintf(path, sizeof path, "%s/mischief.wasm", TEST_GUESTS);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    memset(world.in.bytes, 0x33, world.in.size_bytes);
    size_t ran = 0, refused = 0;
    for (size_t at = 0; at < size; at += 13) {
        uint8_t bit = (uint8_t)(1u << (at % 8));
        bytes[at] ^= bit;
        tri_status status = trii_guest_load(&world.guest, &world.wasm->host, "flipped", bytes, size, &err);
        if (status == TRI_OK)
            status = wasm_call(&world, "copy", 0, &err);
        ran += status == TRI_OK;
        refused += status != TRI_OK;
        wasm_unprepare(&world);
        trii_guest_close(&world.guest);
        bytes[at] ^= bit;
        for (size_t i = 0; i < world.in.size_bytes; i++)
            assert_int_equal(world.in.bytes[i], 0x33);
    }
    assert_true(ran > 0);
    assert_true(refused > 0);
    wasm_close(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stray_addresses_trap),
        cmocka_unit_test(a_store_to_an_input_leaves_it_as_it_was),
        cmocka_unit_test(other_traps_are_told_apart),
        cmocka_unit_test(an_endless_guest_is_ended),
        cmocka_unit_test(memory_grows_to_its_limit_and_no_further),
        cmocka_unit_test(large_immediate_offsets_reach_the_window),
        cmocka_unit_test(a_refusal_is_a_failure_but_no_trap),
        cmocka_unit_test(the_description_is_fresh_at_every_call),
        cmocka_unit_test(state_is_kept_between_calls_and_lost_with_a_trap),
        cmocka_unit_test(prepared_stages_survive_a_trap),
        cmocka_unit_test(bulk_instructions_trap_on_operands_only),
        cmocka_unit_test(initialize_runs_once_an_instance),
        cmocka_unit_test(modules_that_do_not_fit_are_refused),
        cmocka_unit_test(damaged_modules_are_refused),
        cmocka_unit_test(flipped_guests_break_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
