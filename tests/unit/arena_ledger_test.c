/* tripoint/ledger.h: what is copied through the one function that copies stands in the arena's account. */
#include "kit.h"

#include "arena/arena.h"
#include "base/ledger.h"

static struct tri_arena *make(void) {
    struct tri_arena *arena = NULL;
    struct tri_error err = {0};
    assert_ok(tri_arena_create(NULL, &arena, &err));
    return arena;
}

static void copy(struct tri_arena *arena, enum tri_ledger_place place, const char *stage, const char *cause,
                 uint64_t bytes) {
    static uint8_t from[256], to[256];
    const struct trii_copy what = {.place = place, .stage = stage, .region = "work", .cause = cause};
    memset(from, 7, sizeof from);
    memset(to, 0, sizeof to);
    trii_ledger_copy(trii_arena_ledger(arena), &what, to, from, bytes);
    assert_memory_equal(to, from, bytes);
}

static void copies_are_summed_by_place_stage_region_and_cause(void **state) {
    (void)state;
    struct tri_arena *arena = make();
    struct tri_ledger_line lines[4];
    assert_int_equal(tri_ledger_bytes(arena, TRI_LEDGER_BETWEEN), 0);
    copy(arena, TRI_LEDGER_BETWEEN, "segment", "staging", 100);
    copy(arena, TRI_LEDGER_BETWEEN, "segment", "staging", 20);
    copy(arena, TRI_LEDGER_BORDER, NULL, "pixels in", 3);
    assert_int_equal(tri_ledger_bytes(arena, TRI_LEDGER_BETWEEN), 120);
    assert_int_equal(tri_ledger_copies(arena, TRI_LEDGER_BETWEEN), 2);
    assert_int_equal(tri_ledger_bytes(arena, TRI_LEDGER_BORDER), 3);
    assert_int_equal(tri_ledger_bytes(arena, (enum tri_ledger_place)9), 0);
    assert_int_equal(tri_ledger_lines(arena, NULL, 0), 2);
    assert_int_equal(tri_ledger_lines(arena, lines, 1), 2);
    assert_string_equal(lines[0].stage, "segment");
    assert_string_equal(lines[0].cause, "staging");
    assert_int_equal(lines[0].bytes, 120);
    assert_int_equal(lines[0].copies, 2);
    assert_int_equal(tri_ledger_lines(arena, lines, 4), 2);
    assert_string_equal(lines[1].stage, "");
    tri_ledger_reset(arena);
    assert_int_equal(tri_ledger_bytes(arena, TRI_LEDGER_BETWEEN), 0);
    assert_int_equal(tri_ledger_lines(arena, lines, 4), 0);
    tri_arena_destroy(&arena);
}

static void a_full_table_sums_the_rest_as_other(void **state) {
    (void)state;
    static struct tri_ledger_line lines[2 * TRII_LEDGER_LINES];
    struct tri_arena *arena = make();
    uint64_t bytes = 0;
    for (int i = 0; i < 2 * TRII_LEDGER_LINES; i++) {
        char stage[16];
        snprintf(stage, sizeof stage, "stage %d", i);
        copy(arena, i % 2 ? TRI_LEDGER_BETWEEN : TRI_LEDGER_BORDER, stage, "test", 1);
    }
    size_t count = tri_ledger_lines(arena, lines, 2 * TRII_LEDGER_LINES);
    assert_int_equal(count, TRII_LEDGER_LINES);
    for (size_t i = 0; i < count; i++)
        bytes += lines[i].bytes;
    assert_int_equal(bytes, 2 * TRII_LEDGER_LINES); /* nothing is lost */
    assert_string_equal(lines[count - 1].cause, "other");
    assert_string_equal(lines[count - 2].cause, "other");
    assert_int_not_equal(lines[count - 1].place, lines[count - 2].place);
    tri_arena_destroy(&arena);
}

static void without_an_arena_there_is_no_account(void **state) {
    (void)state;
    assert_int_equal(tri_ledger_bytes(NULL, TRI_LEDGER_BORDER), 0);
    assert_int_equal(tri_ledger_copies(NULL, TRI_LEDGER_BORDER), 0);
    assert_int_equal(tri_ledger_lines(NULL, NULL, 0), 0);
    tri_ledger_reset(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_are_summed_by_place_stage_region_and_cause),
        cmocka_unit_test(a_full_table_sums_the_rest_as_other),
        cmocka_unit_test(without_an_arena_there_is_no_account),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
