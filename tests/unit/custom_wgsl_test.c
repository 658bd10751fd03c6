/* What is read from a shader's text: operands, parameters, and every complaint with the user's line. No engine. */
#include "kit.h"

#include "engine/custom/wgsl.h"

#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static struct tri_error err;

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/tripoint-wgsl-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    char path[96];
    (void)state;
    snprintf(path, sizeof path, "%s/s.wgsl", folder);
    unlink(path);
    return rmdir(folder);
}

static tri_status open_text(const char *text, const char *entry, size_t inputs, struct trii_custom **out) {
    const struct trii_custom_place place = {.folder = TRII_CUSTOM_ANYWHERE};
    char path[128];
    snprintf(path, sizeof path, "%s/s.wgsl", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    snprintf(path, sizeof path, "%s/s.wgsl%s", folder, entry);
    tri_status status = trii_custom_open(&place, path, out, &err);
    if (status == TRI_OK) {
        status = trii_custom_given(*out, inputs, 1, &err);
        if (status != TRI_OK)
            trii_custom_close(out);
    }
    return status;
}

static const char all[] =
    "enable f16; // var<storage> @group(0) @binding(9) nothing: u32;\n"
    "/* nested /* comments */ @compute */\n"
    "alias Word = u32;\n"
    "const COUNT = 4u; const SAME = COUNT;\n"
    "struct Pair { a: f32, @size(16) b: vec2<u32>, }\n"
    "struct Settings { tint: vec3f, @align(16) gain: f32, steps: i32, mask_width: u32, width: u32, _pad: u32 }\n"
    "@id(7) override level: i32 = -3;\n"
    "override on: bool = true;\n"
    "override wide: f32;\n"
    "override half_level = level / 2;\n"
    "override wg = 8u;\n"
    "@group(0) @binding(3) var<storage, read_write> made: array<Word>;\n"
    "@binding(0) @group(0) var<storage> image: array<vec4<f32>, SAME>;\n"
    "@group(0) @binding(1) var<storage, read> mask: array<Pair>;\n"
    "@group(0) @binding(2) var<uniform> settings: Settings;\n"
    "@group(0) @binding(1) var<storage, read_write> other: array<atomic<u32>>;\n"
    "var<workgroup> shared_words: array<u32, 64>;\n"
    "fn helper(i: u32) -> f32 { return image[i].x + settings.gain; }\n"
    "@compute @workgroup_size(wg, COUNT) fn main(@builtin(global_invocation_id) at: vec3<u32>) {\n"
    "  made[at.x] = u32(helper(at.x) + mask[0].a); }\n"
    "@workgroup_size(1) @compute fn second() { other[0] = 1u; }\n";

static void reads_all(void **state) {
    struct trii_custom *c = NULL;
    (void)state;
    assert_ok(open_text(all, "#main", 2, &c));
    const struct trii_wgsl *w = c->inside;
    assert_int_equal(c->op.info.operand_count, 3);
    assert_string_equal(c->op.info.operands[0].name, "image");
    assert_string_equal(c->op.info.operands[1].name, "mask");
    assert_string_equal(c->op.info.operands[2].name, "made");
    assert_int_equal(c->op.info.operands[2].access, TRI_ACCESS_WRITE);
    assert_int_equal(w->bindings[0].type.size, 64);
    assert_int_equal(w->bindings[0].type.stride, 0);
    assert_int_equal(w->bindings[1].type.stride, 24); /* f32, then vec2u at 8 of size 16 */
    assert_string_equal(w->constants[0].key, "7");
    assert_true(w->constants[0].value == -3 && w->constants[0].base == 'i');
    assert_true(w->constants[1].base == 'b' && w->constants[1].value == 1);
    assert_false(w->constants[2].has_default);
    assert_true(w->constants[3].has_default && isnan(w->constants[3].value));
    assert_int_equal(w->member_count, 6);
    assert_int_equal(w->members[1].offset, 16);
    assert_int_equal(w->members[3].source, TRII_WGSL_LAYOUT);
    assert_int_equal(w->members[3].operand, 1);
    assert_int_equal(w->members[4].operand, 2); /* the first output's */
    assert_int_equal(w->members[5].source, TRII_WGSL_ZERO);
    assert_int_equal(w->uniform_bytes, 48);
    assert_int_equal(c->op.info.param_count, 5 + 3 + 1); /* overrides, members, grid */
    trii_custom_close(&c);
    assert_ok(open_text(all, "#second", 0, &c));
    assert_int_equal(c->op.info.operand_count, 1); /* only what it uses */
    trii_custom_close(&c);
}

static void values_reach_the_engine(void **state) {
    struct trii_custom *c = NULL;
    struct trii_args args;
    const struct tri_param params[] = {{"level", 5, NULL}, {"wide", 0.25, NULL}, {"tint", 0, "1 0.5 0"},
                                       {"gain", 2, NULL}, {"steps", -1, NULL}};
    const struct tri_layout layouts[] = {{.dtype = TRI_DTYPE_F32, .kind = TRI_KIND_TENSOR, .rank = 2, .shape = {4, 4}},
                                         {.dtype = TRI_DTYPE_U8, .kind = TRI_KIND_BYTES, .rank = 1, .shape = {48}},
                                         tri_layout_image(20, 33, 4, TRI_DTYPE_U8)};
    uint8_t uniform[64];
    uint32_t groups[3], word;
    float real;
    double number;
    (void)state;
    assert_ok(open_text(all, "#main", 2, &c));
    assert_ok(trii_args_resolve(&c->op, params, 5, &args, &err));
    assert_true(trii_wgsl_constant(c, 0, &args, layouts, &number) && number == 5);
    assert_false(trii_wgsl_constant(c, 3, &args, layouts, &number)); /* an expression: the shader's own */
    trii_wgsl_uniform(c, &args, layouts, uniform);
    memcpy(&real, uniform + 4, 4);
    assert_true(real == 0.5f);
    memcpy(&real, uniform + 16, 4);
    assert_true(real == 2);
    memcpy(&word, uniform + 20, 4);
    assert_int_equal((int32_t)word, -1);
    memcpy(&word, uniform + 24, 4);
    assert_int_equal(word, 48);
    memcpy(&word, uniform + 28, 4);
    assert_int_equal(word, 33);
    assert_ok(trii_wgsl_groups(c, &args, layouts, 65535, groups, &err));
    assert_true(groups[0] == 5 && groups[1] == 5 && groups[2] == 1);
    assert_status(trii_wgsl_groups(c, &args, layouts, 4, groups, &err), TRI_BAD_PIPELINE);
    trii_custom_close(&c);
}

static tri_status fit(const char *text, size_t inputs, const struct tri_param *params, size_t count,
                      const struct tri_layout *in, struct tri_layout *out) {
    struct trii_custom *c = NULL;
    struct trii_args args;
    tri_status status = open_text(text, "", inputs, &c);
    if (status == TRI_OK)
        status = trii_args_resolve(&c->op, params, count, &args, &err);
    if (status == TRI_OK)
        status = c->op.infer(&c->op, &args, in, out, &err);
    trii_custom_close(&c);
    return status;
}

#define HEAD "@group(0) @binding(0) var<storage, read> a: array<%s>;\n@group(0) @binding(1) var<storage, read_write> b: %s;\n" \
             "@compute @workgroup_size(64) fn main() { b[0] = a[0]; }\n"

static void layouts_are_held_against_types(void **state) {
    static const struct {
        const char *a, *b;
        struct tri_layout in;
        bool fits;
        const char *says;
    } cases[] = {
        {"u32", "array<u32>", {TRI_DTYPE_U8, TRI_KIND_IMAGE, 3, {8, 8, 4}, {0}}, true, ""},
        {"f32", "array<u32>", {TRI_DTYPE_U8, TRI_KIND_IMAGE, 3, {8, 8, 4}, {0}}, false, "'a' is array<f32>"},
        {"f32", "array<vec4f>", {TRI_DTYPE_F32, TRI_KIND_IMAGE, 3, {8, 8, 4}, {0}}, true, ""},
        {"u32", "array<f32>", {TRI_DTYPE_F32, TRI_KIND_MASK, 3, {8, 8, 1}, {0}}, false, "declare it of f32"},
        {"i32", "array<i32>", {TRI_DTYPE_I32, TRI_KIND_TENSOR, 1, {9}, {0}}, true, ""},
        {"i32", "array<i32>", {TRI_DTYPE_U32, TRI_KIND_TENSOR, 1, {9}, {0}}, false, "u32 [9]"},
        {"vec3f", "array<f32>", {TRI_DTYPE_F32, TRI_KIND_TENSOR, 1, {9}, {0}}, false, "elements of 16 bytes"},
        {"vec2f", "array<f32, 9>", {TRI_DTYPE_F32, TRI_KIND_TENSOR, 1, {8}, {0}}, false, "36 bytes"},
        {"mat4x4f", "array<f32>", {TRI_DTYPE_F32, TRI_KIND_TENSOR, 1, {32}, {0}}, true, ""},
        {"f16", "array<f16>", {TRI_DTYPE_F16, TRI_KIND_TENSOR, 1, {32}, {0}}, true, ""},
        {"Thing", "array<u32>", {TRI_DTYPE_F64, TRI_KIND_TENSOR, 1, {1}, {0}}, true, ""}, /* not understood: Dawn says */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        struct tri_layout out[8];
        snprintf(text, sizeof text, HEAD, cases[i].a, cases[i].b);
        tri_status status = fit(text, 1, NULL, 0, &cases[i].in, out);
        if ((status == TRI_OK) != cases[i].fits || (!cases[i].fits && !strstr(err.message, cases[i].says)))
            fail_msg("case %zu: %s", i, err.message);
    }
}

static void one_input_more_is_in_place(void **state) {
    struct trii_custom *c = NULL;
    (void)state;
    assert_ok(open_text("@group(0) @binding(0) var<storage, read_write> p: array<u32>;\n"
                        "@compute @workgroup_size(64) fn main() { p[0] = 1; }", "", 1, &c));
    assert_true(c->only_in_place);
    assert_int_equal(c->op.info.operand_count, 2);
    assert_string_equal(c->op.info.operands[0].name, "p");
    assert_string_equal(c->op.info.operands[1].name, "p");
    trii_custom_close(&c);
}

static void says_what_is_wrong_and_where(void **state) {
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"fn main() {}", "no entry point"},
        {"@compute fn main() { }", "@workgroup_size(...) is missing"},
        {"@compute @workgroup_size(1) fn a() {} @compute @workgroup_size(1) fn b() {}", "several entry points: a, b"},
        {"@compute @workgroup_size(1) fn a() {}", "writes nothing"},
        {"\n@compute @workgroup_size(2 * 4) fn a() {}", "s.wgsl:2: @workgroup_size must be made of"},
        {"@compute @workgroup_size(0) fn a() {}", "at least 1"},
        {"\n\n@group(1) @binding(0) var<storage, read_write> x: array<u32>; @compute @workgroup_size(1) fn a() {x[0]=1;}",
         "s.wgsl:3: the binding 'x' is in group 1"},
        {"@group(0) @binding(0) var t: texture_2d<f32>; @compute @workgroup_size(1) fn a() { _ = t; }",
         "'t' is texture_2d<f32>"},
        {"@group(0) @binding(1) var<storage,read_write> x: array<u32>;\n"
         "@group(0) @binding(0) var<uniform> u: vec4f; @compute @workgroup_size(1) fn a() { x[0] = u32(u.x); }",
         "a uniform must be a struct"},
        {"struct S { m: mat3x3f } @group(0) @binding(1) var<storage,read_write> x: array<u32>;\n"
         "@group(0) @binding(0) var<uniform> u: S; @compute @workgroup_size(1) fn a() { x[0] = u32(u.m[0][0]); }",
         "not the member m"},
        {"override grid: u32 = 1; @group(0) @binding(1) var<storage,read_write> x: array<u32>;\n"
         "@compute @workgroup_size(1) fn a() { x[0] = grid; }", "two parameters are called 'grid'"},
        {"@group(0) @binding(x) var<storage,read_write> x: array<u32>; @compute @workgroup_size(1) fn a() {x[0]=1;}",
         "the binding must be a number"},
        {"@", "no entry point"},
        {"struct", "no entry point"},
        {"@compute @workgroup_size(1", "no entry point"},
        {"fn f( { [ ( @compute @workgroup_size(", "no entry point"},
        {"/* never closed", "no entry point"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trii_custom *c = NULL;
        tri_status status = open_text(cases[i].text, "", 0, &c);
        if (status != TRI_BAD_SHADER && status != TRI_UNSUPPORTED)
            fail_msg("case %zu: %s", i, tri_status_name(status));
        if (!strstr(err.message, cases[i].says))
            fail_msg("case %zu says: %s", i, err.message);
    }
}

#define TWO_BINDINGS                                                                                                   \
    "@group(0) @binding(0) var<storage, read> a: array<u32>;\n"                                                      \
    "@group(0) @binding(1) var<storage, read_write> b: array<u32>;\n"
#define MAIN "@compute @workgroup_size(64) fn main() { b[0] = a[0] + u.last; }\n"

/* Texts that are made to keep a reader busy, or to lead it past its own arrays. */
static void hostile_texts_are_read_in_no_time(void **state) {
    enum { DEPTH = 100000 };
    struct trii_custom *custom = NULL;
    char *text = malloc(3 * DEPTH + 1000), *at = text;
    (void)state;
    assert_non_null(text);
    /* 50 members each of a struct of 50 members each of ...: 50^8 if each were looked at */
    for (int s = 0; s < 20; s++) {
        at += sprintf(at, "struct S%d {", s);
        for (int m = 0; m < 50; m++)
            at += sprintf(at, " m%d: S%d,", m, s + 1);
        at += sprintf(at, " }\n");
    }
    sprintf(at, "struct S20 { last: u32 }\n" TWO_BINDINGS "@group(0) @binding(2) var<storage, read> u: S0;\n" MAIN);
    assert_ok(open_text(text, "", 2, &custom));
    trii_custom_close(&custom);
    /* brackets in brackets, each of which would be looked for to the end */
    at = text + sprintf(text, TWO_BINDINGS "override o = ");
    memset(at, '(', DEPTH);
    at[DEPTH] = '1';
    memset(at + DEPTH + 1, ')', DEPTH);
    sprintf(at + 2 * DEPTH + 1, ";\n@compute @workgroup_size(64) fn main() { b[0] = a[0]; }\n");
    assert_ok(open_text(text, "", 1, &custom));
    trii_custom_close(&custom);
    free(text);
    assert_status(open_text("alias A = B; alias B = A;\n" TWO_BINDINGS
                            "@group(0) @binding(2) var<uniform> u: A;\n" MAIN, "", 1, &custom), TRI_BAD_SHADER);
    assert_non_null(strstr(err.message, "s.wgsl:4: a uniform must be a struct"));
    assert_status(open_text(TWO_BINDINGS MAIN "@group(0) @binding(2) var<uniform", "", 1, &custom), TRI_BAD_SHADER);
    assert_non_null(strstr(err.message, "s.wgsl:4: a binding without a name"));
    assert_status(open_text("struct U { @size(70000) a: u32, last: u32 }\n" TWO_BINDINGS
                            "@group(0) @binding(2) var<uniform> u: U;\n" MAIN, "", 1, &custom), TRI_BAD_SHADER);
    assert_non_null(strstr(err.message, "at most 65536 bytes"));
    assert_status(open_text("@group(nan) @binding(0) var<storage, read_write> b: array<u32>;\n"
                            "@compute @workgroup_size(64) fn main() { b[0] = 1; }\n", "", 1, &custom), TRI_BAD_SHADER);
}

/* The room for a uniform is that of the members that are written into it, by however many names its struct goes. */
static void a_uniform_has_room_for_its_members(void **state) {
    char text[2000], *at = text;
    struct trii_custom *custom = NULL;
    struct trii_args args;
    struct tri_layout layouts[2] = {{.dtype = TRI_DTYPE_U32, .rank = 1, .shape = {4}, .kind = TRI_KIND_TENSOR}};
    (void)state;
    at += sprintf(at, "struct U { c: f32, d: vec4f, e: vec4f, last: u32 }\nalias A0 = U;\n");
    for (int i = 1; i < 15; i++)
        at += sprintf(at, "alias A%d = A%d;\n", i, i - 1);
    sprintf(at, TWO_BINDINGS "@group(0) @binding(2) var<uniform> u: A14;\n" MAIN);
    assert_ok(open_text(text, "", 1, &custom));
    const struct trii_wgsl *w = custom->inside;
    assert_int_equal(w->uniform_bytes, 64);
    assert_ok(trii_args_resolve(&custom->op, NULL, 0, &args, &err));
    uint8_t *uniform = malloc((size_t)w->uniform_bytes); /* of the size: a sanitizer sees the first byte too far */
    assert_non_null(uniform);
    layouts[1] = layouts[0];
    trii_wgsl_uniform(custom, &args, layouts, uniform);
    free(uniform);
    trii_custom_close(&custom);
}

static void parameters_are_checked(void **state) {
    static const char text[] = "struct P { tint: vec3f } override r: f32; @group(0) @binding(0) var<uniform> p: P;\n"
                               "@group(0) @binding(1) var<storage, read_write> b: array<u32>;\n"
                               "@compute @workgroup_size(1) fn main() { b[0] = u32(p.tint.x * r); }";
    const struct tri_layout in = tri_layout_image(4, 4, 4, TRI_DTYPE_U8);
    struct tri_layout out[8];
    const struct tri_param good[] = {{"r", 1, NULL}, {"tint", 0, "1 0 0"}}, few[] = {{"r", 1, NULL}, {"tint", 0, "1 0"}};
    const struct tri_param grid[] = {{"r", 1, NULL}, {"tint", 0, "1 0 0"}, {"grid", 0, "often"}};
    (void)state;
    assert_ok(fit(text, 1, good, 2, &in, out));
    assert_status(fit(text, 1, NULL, 0, &in, out), TRI_BAD_PIPELINE);
    assert_non_null(strstr(err.message, "'r' has no default"));
    assert_status(fit(text, 1, good, 1, &in, out), TRI_BAD_PIPELINE);
    assert_non_null(strstr(err.message, "'tint' has no default"));
    assert_status(fit(text, 1, few, 2, &in, out), TRI_BAD_PIPELINE);
    assert_non_null(strstr(err.message, "takes 3 numbers, not '1 0'"));
    assert_status(fit(text, 1, grid, 3, &in, out), TRI_BAD_PIPELINE);
    assert_status(fit(text, 0, good, 2, &in, out), TRI_BAD_PIPELINE); /* nothing says what comes out */
    assert_non_null(strstr(err.message, "nothing says what its output"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all),
        cmocka_unit_test(values_reach_the_engine),
        cmocka_unit_test(layouts_are_held_against_types),
        cmocka_unit_test(one_input_more_is_in_place),
        cmocka_unit_test(says_what_is_wrong_and_where),
        cmocka_unit_test(hostile_texts_are_read_in_no_time),
        cmocka_unit_test(a_uniform_has_room_for_its_members),
        cmocka_unit_test(parameters_are_checked),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
