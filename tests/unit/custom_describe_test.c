/* How guests and shared objects describe themselves: statements into operands, parameters and shapes. No engine. */
#include "kit.h"

#include "base/alloc.h"
#include "engine/custom/describe.h"

static struct tri_error err;

static tri_status describe(const char *text, struct trii_custom *c, struct trii_description *out) {
    *c = (struct trii_custom){.name = "x.wasm", .entry = "act"};
    c->op = (struct trii_op){.id = TRII_OP_CUSTOM, .custom = c, .info = {.operands = c->operands, .params = c->params}};
    *out = (struct trii_description){.found = false};
    return trii_describe(c, text, strlen(text), out, &err);
}

static void forget(struct trii_custom *c) {
    while (c->text_count > 0)
        trii_free(c->texts[--c->text_count]);
}

static void reads(void **state) {
    struct trii_custom c;
    struct trii_description d;
    (void)state;
    assert_ok(describe("op other; in a any; out b any\n"
                       "# a comment; still one? no: ';' ends it\n"
                       "op act - does things - well;\n"
                       "  in image\timage u8 * * 4 - the picture;in table tensor f32 16 5; in rest any\n"
                       "out grey image f32 * * 1; out boxes boxes f32 16 5; out more any;inplace;"
                       "number gain 0.5 0 1 - how much; integer n 3 1 9; choice mode soft soft|hard; op third; in z any",
                       &c, &d));
    assert_true(d.found);
    assert_int_equal(c.op.info.operand_count, 6);
    assert_string_equal(c.op.info.summary, "does things - well");
    assert_string_equal(c.operands[0].help, "the picture");
    assert_int_equal(c.operands[0].kind, TRI_KIND_IMAGE);
    assert_int_equal(d.operands[0].rank, 3);
    assert_true(d.operands[2].any_kind && d.operands[2].any_dtype && d.operands[2].any_shape);
    assert_true(c.op.info.in_place);
    assert_int_equal(c.op.info.param_count, 3);
    assert_string_equal(c.params[2].choices, "soft|hard");
    const struct tri_layout in[] = {tri_layout_image(30, 20, 4, TRI_DTYPE_U8),
                                    {TRI_DTYPE_F32, TRI_KIND_TENSOR, 2, {16, 5}, {0}},
                                    tri_layout_bytes(7)};
    struct tri_layout out[3] = {in[0], in[0], in[0]};
    assert_ok(trii_description_fit(&c, &d, in, out, &err));
    assert_true(out[0].dtype == TRI_DTYPE_F32 && out[0].shape[0] == 30 && out[0].shape[2] == 1);
    assert_true(out[1].kind == TRI_KIND_BOXES && out[1].rank == 2 && out[1].shape[0] == 16);
    assert_true(tri_layout_equal(&out[2], &in[0]));
    const struct tri_layout wrong[] = {in[0], {TRI_DTYPE_F32, TRI_KIND_TENSOR, 2, {16, 4}, {0}}, in[2]};
    assert_status(trii_description_fit(&c, &d, wrong, out, &err), TRI_BAD_PIPELINE);
    assert_non_null(strstr(err.message, "'table' is described as tensor f32 [16,5], and its region holds tensor f32 [16,4]"));
    forget(&c);
}

static void absent_is_no_error(void **state) {
    static const char *const texts[] = {"", ";;;\n\n", "op other; in a any; nonsense here", "# op act", "in a any"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct trii_custom c;
        struct trii_description d;
        assert_ok(describe(texts[i], &c, &d));
        assert_false(d.found);
        forget(&c);
    }
}

static void says_what_is_wrong(void **state) {
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"op act", "without an output"},
        {"op act; op act", "a second time"},
        {"op act; in", "wants a name and a kind"},
        {"op act; in a picture", "\"in a picture\", whose third word is no kind"},
        {"op act; in a image u9", "no element type"},
        {"op act; in a image u8 x", "must be numbers or *"},
        {"op act; in a image u8 1.5", "must be numbers or *"},
        {"op act; in a image u8 0", "must be numbers or *"},
        {"op act; out b any; in a any", "inputs come first"},
        {"op act; number gain", "number strength 0.5 0 1"},
        {"op act; number gain 2 0 1", "number strength 0.5 0 1"},
        {"op act; number gain nan 0 1", "number strength 0.5 0 1"},
        {"op act; choice m a b|c", "choices that hold it"},
        {"op act; choice m a", "choices that hold it"},
        {"op act; inplace now", "none of op, in, out"},
        {"op act; text t", "none of op, in, out"},
        {"op act; in a any any 1 2 3 4 5 6 7", "too many or too long words"},
        {"op act; in aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa any", "too long"},
        {"op act; out a any; out b any; out c any; out d any; out e any; out f any; out g any; out h any; out i any",
         "more than 8 operands"},
        {"op act; number a 0 0 1; integer a 0 0 1; out b any", "two parameters are called 'a'"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trii_custom c;
        struct trii_description d;
        tri_status status = describe(cases[i].text, &c, &d);
        if (status == TRI_OK || !strstr(err.message, cases[i].says))
            fail_msg("\"%s\": %s: %s", cases[i].text, tri_status_name(status), err.message);
        forget(&c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),
        cmocka_unit_test(absent_is_no_error),
        cmocka_unit_test(says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
