/* base/status.h: one list makes names, texts and exit codes; messages are whole sentences that fit. */
#include "kit.h"

#include "base/params.h"
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

static void messages_are_one_line_of_utf8(void **state) {
    (void)state;
    struct tri_error err = {0};
    trii_fail(&err, TRI_IO, "%s", "a\nb\x1b[31m\x7f \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 \xff\xc0\xaf\xed\xa0\x80\xc2\x9b");
    assert_string_equal(err.message, "a b?[31m? \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 ????????");
    trii_fail_errno(&err, TRI_IO, ENOSPC, "cut \xe2\x82");
    assert_string_equal(err.message, "cut ??: No space left on device");
}

struct sample {
    size_t struct_bytes;
    uint64_t old, recent;
};

static void parameters_of_other_versions(void **state) {
    (void)state;
    struct tri_error err = {0};
    struct {
        struct sample known;
        uint64_t later;
    } given = {.known = {.struct_bytes = offsetof(struct sample, recent), .old = 1, .recent = 2}};
    struct sample read = {.recent = 7};
    assert_int_equal(trii_params_read(&read, sizeof read, NULL, "sample", &err), TRI_OK);
    assert_int_equal(read.recent, 7);
    assert_int_equal(trii_params_read(&read, sizeof read, &given, "sample", &err), TRI_OK); /* an older caller */
    assert_int_equal(read.old, 1);
    assert_int_equal(read.recent, 7);
    given.known.struct_bytes = sizeof given; /* a newer one, who does not use what is new */
    assert_int_equal(trii_params_read(&read, sizeof read, &given, "sample", &err), TRI_OK);
    assert_int_equal(read.recent, 2);
    assert_int_equal(read.struct_bytes, sizeof read);
    given.later = 1;
    given.known.old = 5;
    const size_t bad[] = {sizeof given, 0, sizeof(size_t), SIZE_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        given.known.struct_bytes = bad[i];
        assert_int_equal(trii_params_read(&read, sizeof read, &given, "sample", &err), TRI_INVALID_ARGUMENT);
        assert_non_null(strstr(err.message, "sample"));
        assert_int_equal(read.old, 1);
    }
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
        cmocka_unit_test(messages_are_one_line_of_utf8),
        cmocka_unit_test(parameters_of_other_versions),
        cmocka_unit_test(names_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
