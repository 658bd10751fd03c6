/*
 * One region, four views: each technology writes through its own view and every other one reads the bytes through its
 * own, with the ledger at zero. Engines that can't be opened here are skipped aloud.
 */
#include "kit.h"

#define REGION_BYTES ((uint64_t)5 * TRI_PAGE_BYTES + 123)

struct machine {
    struct tri_arena *arena;
    struct tri_engine *engine[TRI_TECHNOLOGY_COUNT];
    struct tri_error why[TRI_TECHNOLOGY_COUNT];
};

static int open_all(void **state) {
    static struct machine m;
    struct tri_error err = {0};
    const struct tri_engine_params params = {.struct_bytes = sizeof params, .may_set_environment = true};
    assert_ok(tri_arena_create(NULL, &m.arena, &err));
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++)
        if (tri_engine_open(m.arena, (enum tri_technology)t, &params, &m.engine[t], &m.why[t]) != TRI_OK)
            print_message("%s can't be opened: %s\n", tri_technology_name((enum tri_technology)t), m.why[t].message);
    *state = &m;
    return 0;
}

static int close_all(void **state) {
    struct machine *m = *state;
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++)
        tri_engine_close(&m->engine[t]);
    tri_arena_destroy(&m->arena);
    return 0;
}

static void pass(struct machine *m, enum tri_technology from, enum tri_technology to) {
    static const uint64_t places[] = {0, 1, 4095, 4096, 8191, REGION_BYTES - 1};
    struct tri_error err = {0};
    tri_handle region;
    if (!m->engine[from])
        skip_because("%s: %s", tri_technology_name(from), m->why[from].message);
    if (!m->engine[to])
        skip_because("%s: %s", tri_technology_name(to), m->why[to].message);
    tri_ledger_reset(m->arena);
    assert_ok(tri_arena_allocate_shared(m->arena, REGION_BYTES, &region, &err));
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        uint8_t seen = 0, value = (uint8_t)(1 + i + 16 * (unsigned)from + 64 * (unsigned)to);
        assert_ok(tri_engine_poke(m->engine[from], region, places[i], value, &err));
        assert_ok(tri_engine_peek(m->engine[to], region, places[i], &seen, &err));
        assert_int_equal(seen, value);
    }
    assert_ok(tri_arena_free_shared(m->arena, region, &err));
    assert_int_equal(tri_ledger_copies(m->arena, TRI_LEDGER_BETWEEN), 0);
    assert_int_equal(tri_ledger_copies(m->arena, TRI_LEDGER_BORDER), 0);
}

#define PAIR(from, to)                                                                           \
    static void from##_to_##to(void **state) {                                                   \
        pass(*state, TRI_TECHNOLOGY_##from, TRI_TECHNOLOGY_##to);                                \
    }
PAIR(HOST, HOST)
PAIR(HOST, WASM)
PAIR(HOST, WEBGPU)
PAIR(HOST, WEBNN)
PAIR(WASM, HOST)
PAIR(WASM, WEBGPU)
PAIR(WASM, WEBNN)
PAIR(WEBGPU, HOST)
PAIR(WEBGPU, WASM)
PAIR(WEBGPU, WEBNN)
PAIR(WEBNN, HOST)
PAIR(WEBNN, WASM)
PAIR(WEBNN, WEBGPU)

/* The native views exist, are made once, and are refused for another technology's engine and for a stale handle. */
static void views_are_made_once_and_checked(void **state) {
    struct machine *m = *state;
    struct tri_error err = {0};
    tri_handle region;
    assert_ok(tri_arena_allocate_shared(m->arena, REGION_BYTES, &region, &err));
    void *first = NULL, *second = NULL;
    if (m->engine[TRI_TECHNOLOGY_WEBGPU]) {
        assert_ok(tri_gpu_view(m->engine[TRI_TECHNOLOGY_WEBGPU], region, &first, &err));
        assert_ok(tri_gpu_view(m->engine[TRI_TECHNOLOGY_WEBGPU], region, &second, &err));
        assert_non_null(first);
        assert_ptr_equal(first, second);
    }
    if (m->engine[TRI_TECHNOLOGY_WEBNN]) {
        assert_ok(tri_npu_view(m->engine[TRI_TECHNOLOGY_WEBNN], region, &first, &err));
        assert_ok(tri_npu_view(m->engine[TRI_TECHNOLOGY_WEBNN], region, &second, &err));
        assert_non_null(first);
        assert_ptr_equal(first, second);
    }
    if (m->engine[TRI_TECHNOLOGY_WASM]) {
        uint32_t here = 0, there = 0;
        assert_ok(tri_wasm_view(m->engine[TRI_TECHNOLOGY_WASM], region, &here, &err));
        assert_ok(tri_wasm_view(m->engine[TRI_TECHNOLOGY_WASM], region, &there, &err));
        assert_true(here >= 0x80000000u); /* beyond the guest's own memory */
        assert_int_equal(here, there);
    }
    assert_status(tri_gpu_view(m->engine[TRI_TECHNOLOGY_HOST], region, &first, &err), TRI_INVALID_ARGUMENT);
    assert_ok(tri_arena_free_shared(m->arena, region, &err));
    for (int t = 0; t < TRI_TECHNOLOGY_COUNT; t++)
        if (m->engine[t]) {
            uint8_t value;
            assert_status(tri_engine_peek(m->engine[t], region, 0, &value, &err), TRI_BAD_HANDLE);
        }
    assert_int_equal(tri_ledger_bytes(m->arena, TRI_LEDGER_BETWEEN), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(HOST_to_HOST),     cmocka_unit_test(HOST_to_WASM),    cmocka_unit_test(HOST_to_WEBGPU),
        cmocka_unit_test(HOST_to_WEBNN),    cmocka_unit_test(WASM_to_HOST),    cmocka_unit_test(WASM_to_WEBGPU),
        cmocka_unit_test(WASM_to_WEBNN),    cmocka_unit_test(WEBGPU_to_HOST),  cmocka_unit_test(WEBGPU_to_WASM),
        cmocka_unit_test(WEBGPU_to_WEBNN),  cmocka_unit_test(WEBNN_to_HOST),   cmocka_unit_test(WEBNN_to_WASM),
        cmocka_unit_test(WEBNN_to_WEBGPU),  cmocka_unit_test(views_are_made_once_and_checked),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
