/* base/status.h: one list makes names, texts and exit codes; messages are whole sentences that fit. */
#include "kit.h"

#include "base/status.h"

#include <errno.h>

static void every_status_has_a_name_a_text_and_an_exit_code(void **state) {
    (void)state;
    for (tri_status s = TRI_INTERNAL; s <= TRI_OK; s++) {
        assert_string_not_equal(tri_status_name(s), "UNKNOWN");
        assert_true(tri_status_text(s)[0] != '\0');
        assert_int_equal(tri_status_exit_code(s) == 0, s == TRI_OK);
    }
    assert_string_equal(tri_status_name(1), "UNKNOWN");
    assert_int_equal(tri_status_exit_code(-1000), 70);
}

static void a_failure_is_told_once_and_placed_from_inside_out(void **state) {
    (void)state;
    struct tri_error err = {0};
    assert_int_equal(trii_fail_errno(&err, TRI_IO, ENOSPC, "can't write %s", "x.png"), TRI_IO);
    assert_string_equal(err.message, "can't write x.png: No space left on device");
    assert_int_equal(err.engine_code, ENOSPC);
    trii_error_place(&err, TRI_IO, NULL, "encode", NULL);
    trii_error_place(&err, TRI_IO, "host", "outer", "output");
    assert_string_equal(err.stage, "encode");
    assert_string_equal(err.engine, "host");
    assert_string_equal(err.region, "output");
    assert_int_equal(trii_fail(NULL, TRI_BUSY, "nobody listens"), TRI_BUSY);
}

static void names_are_cut_between_characters(void **state) {
    (void)state;
    char name[4];
    trii_name_copy(name, sizeof name, "ab\xc3\xa9"); /* the two bytes of an e with acute would not both fit */
    assert_string_equal(name, "ab");
    trii_name_copy(name, sizeof name, "abcdef");
    assert_string_equal(name, "abc");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_a_name_a_text_and_an_exit_code),
        cmocka_unit_test(a_failure_is_told_once_and_placed_from_inside_out),
        cmocka_unit_test(names_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
