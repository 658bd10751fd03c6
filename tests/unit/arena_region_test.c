/* tripoint/arena.h: handles, labels, layouts, sizes, backings, zero pages, exhaustion. */
#include "kit.h"

#include "arena/arena.h"

static struct tri_arena *make(uint64_t capacity, enum tri_backing backing) {
    struct tri_arena_params params = {
        .struct_bytes = sizeof params, .capacity_bytes = capacity, .backing = backing, .label = "test"};
    struct tri_arena *arena = NULL;
    struct tri_error err = {0};
    assert_ok(tri_arena_create(&params, &arena, &err));
    return arena;
}

static struct trii_region resolve(struct tri_arena *arena, tri_handle handle) {
    struct trii_region region = {.arena = NULL};
    struct tri_error err = {0};
    assert_ok(trii_arena_resolve(arena, handle, &region, &err));
    return region;
}

static void a_region_is_whole_pages_with_a_name(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *arena = make(0, TRI_BACKING_MEMFD);
    struct tri_region_params params = {.struct_bytes = sizeof params, .size_bytes = 4097, .label = "input"};
    struct tri_region_info info;
    tri_handle a = 0, b = 0;
    assert_ok(tri_region_allocate(arena, &params, &a, &err));
    assert_ok(tri_arena_allocate_shared(arena, 1, &b, &err));
    assert_ok(tri_region_info(arena, a, &info, &err));
    assert_int_equal(info.size_bytes, 4097);
    assert_int_equal(info.mapped_bytes, 8192);
    assert_int_equal(info.segment, 0);
    assert_int_equal(info.segment_offset_bytes, info.offset_bytes);
    assert_string_equal(info.label, "input");
    struct trii_region r = resolve(arena, a);
    assert_int_equal((uintptr_t)r.bytes % TRI_PAGE_BYTES, 0);
    assert_true(r.fd >= 0);
    assert_int_equal(r.index, info.index);
    assert_ok(tri_region_info(arena, b, &info, &err));
    assert_string_equal(info.label, "region 1");
    assert_ptr_not_equal(resolve(arena, b).bytes, r.bytes);
    tri_arena_destroy(&arena);
    assert_null(arena);
    tri_arena_destroy(&arena);
    tri_arena_destroy(NULL);
}

static void the_end_of_a_long_label_is_cut(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *arena = make(0, TRI_BACKING_MEMFD);
    struct tri_region_params params = {.struct_bytes = sizeof params,
                                       .size_bytes = 1,
                                       .label = "a label that is longer than the forty-seven bytes it may have"};
    struct tri_region_info info;
    tri_handle a = 0;
    assert_ok(tri_region_allocate(arena, &params, &a, &err));
    assert_ok(tri_region_info(arena, a, &info, &err));
    assert_int_equal(strlen(info.label), TRI_LABEL_BYTES - 1);
    tri_arena_destroy(&arena);
}

static void every_bad_handle_is_told_apart(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *arena = make(0, TRI_BACKING_MEMFD), *other = make(0, TRI_BACKING_MEMFD);
    struct tri_region_params params = {.struct_bytes = sizeof params, .size_bytes = 1, .label = "first"};
    struct tri_region_info info;
    tri_handle first = 0, second = 0, foreign = 0;
    assert_ok(tri_region_allocate(arena, &params, &first, &err));
    assert_ok(tri_arena_allocate_shared(other, 1, &foreign, &err));

    assert_ok(tri_arena_free_shared(arena, first, &err));
    assert_status(tri_arena_free_shared(arena, first, &err), TRI_BAD_HANDLE);
    assert_non_null(strstr(err.message, "\"first\" was freed already"));
    assert_ok(tri_arena_allocate_shared(arena, 1, &second, &err)); /* the same number, given out anew */
    assert_true(first != second);
    assert_status(tri_region_info(arena, first, &info, &err), TRI_BAD_HANDLE);
    assert_non_null(strstr(err.message, "stale"));
    assert_status(tri_arena_free_shared(arena, first, &err), TRI_BAD_HANDLE);
    assert_status(tri_arena_free_shared(arena, foreign, &err), TRI_BAD_HANDLE);
    assert_non_null(strstr(err.message, "a region of arena \"test\""));
    assert_status(tri_region_info(arena, TRI_HANDLE_NONE, &info, &err), TRI_BAD_HANDLE);
    assert_non_null(strstr(err.message, "TRI_HANDLE_NONE"));
    assert_status(tri_region_info(arena, second + 1, &info, &err), TRI_BAD_HANDLE);
    assert_non_null(strstr(err.message, "never given out"));
    assert_status(tri_region_info(arena, second | UINT64_C(0xFFFF) << 32, &info, &err), TRI_BAD_HANDLE);
    assert_non_null(strstr(err.message, "never given out"));
    assert_status(tri_region_info(arena, UINT64_C(0xFEED) << 48 | 1, &info, &err), TRI_BAD_HANDLE);
    assert_non_null(strstr(err.message, "no arena that lives"));
    tri_arena_destroy(&other);
    assert_status(tri_region_info(arena, foreign, &info, &err), TRI_BAD_HANDLE);
    assert_non_null(strstr(err.message, "its arena was destroyed"));
    assert_int_equal(tri_region_info(arena, first, &info, NULL), TRI_BAD_HANDLE);
    assert_ok(tri_arena_free_shared(arena, second, &err));
    tri_arena_destroy(&arena);
}

static void no_made_up_handle_reaches_a_region(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *arena = make(0, TRI_BACKING_MEMFD);
    struct trii_region region;
    tri_handle good = 0;
    assert_ok(tri_arena_allocate_shared(arena, 1, &good, &err));
    for (int bit = 0; bit < 64; bit++) {
        assert_status(trii_arena_resolve(arena, good ^ UINT64_C(1) << bit, &region, &err), TRI_BAD_HANDLE);
        assert_status(trii_arena_pin(arena, good ^ UINT64_C(1) << bit, &region, &err), TRI_BAD_HANDLE);
        assert_status(tri_arena_free_shared(arena, good ^ UINT64_C(1) << bit, &err), TRI_BAD_HANDLE);
    }
    assert_ok(tri_arena_free_shared(arena, good, &err));
    tri_arena_destroy(&arena);
}

static void a_layout_belongs_to_the_value_and_must_fit(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *arena = make(0, TRI_BACKING_MEMFD);
    struct tri_layout layout = tri_layout_image(16, 16, 4, TRI_DTYPE_U8), got;
    struct tri_layout big = tri_layout_image(16, 17, 4, TRI_DTYPE_U8);
    tri_handle a = 0;
    assert_ok(tri_arena_allocate_shared(arena, 1024, &a, &err));
    assert_ok(tri_region_layout(arena, a, &got, &err));
    assert_int_equal(got.kind, TRI_KIND_BYTES);
    assert_int_equal(got.shape[0], 1024);
    assert_ok(tri_region_set_layout(arena, a, &layout, &err));
    assert_status(tri_region_set_layout(arena, a, &big, &err), TRI_INVALID_ARGUMENT);
    assert_string_equal(err.region, "region 0");
    assert_ok(tri_region_layout(arena, a, &got, &err));
    assert_true(tri_layout_equal(&got, &layout));
    assert_ok(tri_arena_free_shared(arena, a, &err));
    assert_ok(tri_arena_allocate_shared(arena, 2048, &a, &err));
    assert_ok(tri_region_layout(arena, a, &got, &err));
    assert_int_equal(got.shape[0], 2048);
    tri_arena_destroy(&arena);
}

static void parameters_out_of_range_are_refused(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *arena = make(0, TRI_BACKING_MEMFD), *none = NULL;
    struct tri_region_params params = {.struct_bytes = sizeof params};
    tri_handle a = 17;
    assert_status(tri_region_allocate(arena, &params, &a, &err), TRI_INVALID_ARGUMENT);
    params.size_bytes = TRI_SEGMENT_MAX_BYTES + 1;
    assert_status(tri_region_allocate(arena, &params, &a, &err), TRI_LIMIT);
    params = (struct tri_region_params){.struct_bytes = 0, .size_bytes = 1};
    assert_status(tri_region_allocate(arena, &params, &a, &err), TRI_INVALID_ARGUMENT);
    params = (struct tri_region_params){.struct_bytes = sizeof params, .size_bytes = 1, .owner = TRI_OWNER_MAX + 1};
    assert_status(tri_region_allocate(arena, &params, &a, &err), TRI_INVALID_ARGUMENT);
    assert_int_equal(a, 17);
    struct tri_arena_params wrong = {.struct_bytes = sizeof wrong, .backing = (enum tri_backing)7};
    assert_status(tri_arena_create(&wrong, &none, &err), TRI_INVALID_ARGUMENT);
    wrong = (struct tri_arena_params){.struct_bytes = sizeof wrong, .capacity_bytes = UINT64_MAX};
    assert_status(tri_arena_create(&wrong, &none, &err), TRI_LIMIT);
    assert_null(none);
    tri_arena_destroy(&arena);
}

static void null_is_answered(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *arena = make(0, TRI_BACKING_MEMFD);
    struct tri_layout layout = tri_layout_bytes(1);
    struct tri_region_info info;
    struct tri_arena_stats stats = {.capacity_bytes = 9};
    struct tri_host_view view = {.read = NULL};
    tri_handle a = TRI_HANDLE_NONE;
    assert_status(tri_arena_create(NULL, NULL, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_arena_allocate_shared(NULL, 1, &a, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_arena_allocate_shared(arena, 1, NULL, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_region_allocate(arena, NULL, &a, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_arena_free_shared(NULL, a, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_region_info(NULL, a, &info, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_region_info(arena, a, NULL, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_region_set_layout(NULL, a, &layout, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_region_set_layout(arena, a, NULL, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_region_layout(NULL, a, &layout, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_region_layout(arena, a, NULL, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_arena_drain(NULL, 0, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_host_view_begin(NULL, a, TRI_ACCESS_READ, NULL, &view, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_host_view_begin(arena, a, TRI_ACCESS_READ, NULL, NULL, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_host_view_end(NULL, &view, &err), TRI_INVALID_ARGUMENT);
    assert_status(tri_host_view_end(arena, NULL, &err), TRI_INVALID_ARGUMENT);
    assert_int_equal(tri_arena_trim(NULL), 0);
    assert_null(tri_arena_sync(NULL));
    tri_region_prefault(NULL, a);
    tri_arena_stats(arena, NULL);
    tri_arena_stats(NULL, &stats);
    assert_int_equal(stats.capacity_bytes, 0);
    tri_arena_destroy(&arena);
}

static bool all_bytes_are(const uint8_t *bytes, uint64_t count, uint8_t value) {
    for (uint64_t i = 0; i < count; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

/* Fills a region, frees it, and looks at what the next holder of the same pages finds. */
static void check_reuse(enum tri_backing backing, uint64_t bytes, uint32_t owner, uint32_t next, uint8_t expected) {
    struct tri_error err = {0};
    struct tri_arena *arena = make(bytes, backing);
    struct tri_region_params params = {.struct_bytes = sizeof params, .size_bytes = bytes, .owner = owner};
    tri_handle a = 0;
    assert_ok(tri_region_allocate(arena, &params, &a, &err));
    struct trii_region before = resolve(arena, a);
    assert_true(all_bytes_are(before.bytes, before.mapped_bytes, 0));
    memset(before.bytes, 0xAB, before.mapped_bytes);
    assert_ok(tri_arena_free_shared(arena, a, &err));
    params.owner = next;
    assert_ok(tri_region_allocate(arena, &params, &a, &err));
    struct trii_region after = resolve(arena, a);
    assert_ptr_equal(after.bytes, before.bytes);
    assert_true(all_bytes_are(after.bytes, after.mapped_bytes, expected));
    tri_arena_destroy(&arena);
}

static void pages_are_zero_whoever_had_them(void **state) {
    (void)state;
    for (int backing = TRI_BACKING_MEMFD; backing <= TRI_BACKING_PRIVATE; backing++) {
        check_reuse((enum tri_backing)backing, 5000, 0, 0, 0);
        check_reuse((enum tri_backing)backing, 5000, 0, 7, 0);
        check_reuse((enum tri_backing)backing, 5000, 7, 0, 0);
        check_reuse((enum tri_backing)backing, 5000, 7, 8, 0);
        check_reuse((enum tri_backing)backing, 64 << 20, 7, 8, 0); /* so large that a hole is punched */
        check_reuse((enum tri_backing)backing, 5000, 7, 7, 0xAB);  /* its own bytes, as it asked */
    }
}

static void exhaustion_names_the_holders(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *arena = make(1 << 20, TRI_BACKING_MEMFD);
    struct tri_region_params params = {.struct_bytes = sizeof params, .size_bytes = 600 << 10, .label = "frames"};
    struct tri_arena_stats stats;
    struct trii_region held;
    tri_handle a = 0, b = 0, c = 0;
    assert_ok(tri_region_allocate(arena, &params, &a, &err));
    params.size_bytes = 300 << 10;
    params.label = "mask";
    assert_ok(tri_region_allocate(arena, &params, &b, &err));
    params.label = "more";
    assert_status(tri_region_allocate(arena, &params, &c, &err), TRI_NO_MEMORY);
    assert_non_null(strstr(err.message, "\"more\" of 300.0 KiB"));
    assert_non_null(strstr(err.message, "the largest: \"frames\" 600.0 KiB, \"mask\" 300.0 KiB"));
    assert_ok(trii_arena_pin(arena, a, &held, &err));
    assert_ok(tri_arena_free_shared(arena, a, &err));
    assert_status(tri_region_allocate(arena, &params, &c, &err), TRI_NO_MEMORY);
    assert_non_null(strstr(err.message, "\"frames\" 600.0 KiB (freed, still in use)"));
    tri_arena_stats(arena, &stats);
    assert_int_equal(stats.regions, 1);
    assert_int_equal(stats.doomed, 1);
    assert_int_equal(stats.used_bytes, 900 << 10);
    trii_arena_unpin(arena, held.index);
    assert_ok(tri_region_allocate(arena, &params, &c, &err));
    tri_arena_stats(arena, &stats);
    assert_int_equal(stats.doomed, 0);
    assert_int_equal(stats.used_bytes, 600 << 10);
    assert_int_equal(stats.high_water_bytes, 900 << 10);
    assert_int_equal(stats.capacity_bytes, 1 << 20);
    tri_arena_destroy(&arena);
}

static void segments_come_as_they_are_needed(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *arena = make(0, TRI_BACKING_MEMFD);
    struct tri_arena_stats stats;
    struct tri_region_info info;
    tri_handle small = 0, large = 0;
    tri_arena_stats(arena, &stats);
    assert_int_equal(stats.segments, 0);
    assert_ok(tri_arena_allocate_shared(arena, 1, &small, &err));
    assert_ok(tri_arena_allocate_shared(arena, TRI_SEGMENT_MAX_BYTES, &large, &err));
    tri_arena_stats(arena, &stats);
    assert_int_equal(stats.segments, 2);
    assert_int_equal(stats.segment_bytes, TRI_SEGMENT_MAX_BYTES + (64 << 20));
    assert_int_equal(stats.largest_free_bytes, (64 << 20) - TRI_PAGE_BYTES);
    assert_ok(tri_region_info(arena, large, &info, &err));
    assert_int_equal(info.segment, 1);
    assert_int_equal(info.segment_offset_bytes, 0);
    resolve(arena, large).bytes[TRI_SEGMENT_MAX_BYTES - 1] = 1;
    tri_arena_destroy(&arena);
}

static void prefault_keeps_the_bytes(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena *arena = make(0, TRI_BACKING_MEMFD);
    struct tri_region_params params = {
        .struct_bytes = sizeof params, .size_bytes = 1 << 20, .prefault = true, .owner = 3};
    tri_handle a = 0;
    assert_ok(tri_region_allocate(arena, &params, &a, &err));
    struct trii_region r = resolve(arena, a);
    assert_true(all_bytes_are(r.bytes, r.mapped_bytes, 0));
    memset(r.bytes, 5, r.mapped_bytes);
    assert_ok(tri_arena_free_shared(arena, a, &err));
    assert_ok(tri_region_allocate(arena, &params, &a, &err));
    assert_true(all_bytes_are(resolve(arena, a).bytes, r.mapped_bytes, 5));
    tri_arena_destroy(&arena);
}

static void huge_pages_are_asked_for_and_told(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct tri_arena_params params = {.struct_bytes = sizeof params, .huge_pages = true};
    struct tri_arena *arena = NULL;
    struct tri_arena_stats stats;
    tri_handle a = 0;
    assert_ok(tri_arena_create(&params, &arena, &err));
    assert_ok(tri_arena_allocate_shared(arena, 3 << 20, &a, &err));
    struct trii_region r = resolve(arena, a);
    memset(r.bytes, 1, r.mapped_bytes);
    tri_arena_stats(arena, &stats);
    print_message("huge pages %s\n", stats.huge_pages ? "granted" : "refused");
    assert_int_equal((uintptr_t)r.bytes % (2 << 20), 0); /* the first region of a segment */
    tri_arena_destroy(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_region_is_whole_pages_with_a_name),
        cmocka_unit_test(the_end_of_a_long_label_is_cut),
        cmocka_unit_test(every_bad_handle_is_told_apart),
        cmocka_unit_test(no_made_up_handle_reaches_a_region),
        cmocka_unit_test(a_layout_belongs_to_the_value_and_must_fit),
        cmocka_unit_test(parameters_out_of_range_are_refused),
        cmocka_unit_test(null_is_answered),
        cmocka_unit_test(pages_are_zero_whoever_had_them),
        cmocka_unit_test(exhaustion_names_the_holders),
        cmocka_unit_test(segments_come_as_they_are_needed),
        cmocka_unit_test(prefault_keeps_the_bytes),
        cmocka_unit_test(huge_pages_are_asked_for_and_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
