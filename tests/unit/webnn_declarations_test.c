/*
 * webnn: our declarations of OpenVINO's C API against the library's own headers, which the set-up keeps beside it.
 */
#include "kit.h"

#ifdef TEST_OPENVINO_HEADERS
#include <openvino/c/openvino.h>

#include "engine/webnn/openvino.h"

/* Their structs make the functions that take them differ from ours: they are compared by layout. */
#define SAME(ours, our_field, theirs, their_field)                                                                     \
    _Static_assert(sizeof(ours) == sizeof(theirs) && offsetof(ours, our_field) == offsetof(theirs, their_field) &&     \
                   sizeof(((ours *)0)->our_field) == sizeof(((theirs *)0)->their_field), #theirs "." #their_field)
SAME(struct trii_ov_version, build, ov_version_t, buildNumber);
SAME(struct trii_ov_version, description, ov_version_t, description);
SAME(struct trii_ov_shape, rank, ov_shape_t, rank);
SAME(struct trii_ov_shape, dims, ov_shape_t, dims);
SAME(struct trii_ov_dimension, min, ov_dimension_t, min);
SAME(struct trii_ov_dimension, max, ov_dimension_t, max);
SAME(struct trii_ov_partial_shape, rank, ov_partial_shape_t, rank);
SAME(struct trii_ov_partial_shape, dims, ov_partial_shape_t, dims);
SAME(struct trii_ov_property, key, ov_property_t, key);
SAME(struct trii_ov_property, value, ov_property_t, value);

static bool takes_such_a_struct(const char *name) {
    return strcmp(name, "get_openvino_version") == 0 || strcmp(name, "version_free") == 0 ||
           strcmp(name, "core_set_properties") == 0 || strcmp(name, "core_compile_model_props") == 0 ||
           strcmp(name, "tensor_create_from_host_ptr") == 0 || strcmp(name, "tensor_get_shape") == 0 ||
           strcmp(name, "model_reshape_by_port_indexes") == 0 || strcmp(name, "port_get_partial_shape") == 0 ||
           strcmp(name, "partial_shape_free") == 0 || strcmp(name, "port_get_element_type") == 0 ||
           strcmp(name, "shape_free") == 0 || strcmp(name, "get_last_err_msg") == 0; /* the last has no prototype */
}

static void functions_have_the_types_of_the_headers(void **state) {
    (void)state;
#define COMPARE(name, result, parameters)                                                                              \
    if (!takes_such_a_struct(#name) && !_Generic(&ov_##name, result(*) parameters: true, default: false))              \
        fail_msg("ov_" #name " is declared differently");
    TRII_OPENVINO_FUNCTIONS(COMPARE)
#undef COMPARE
}

static void numbers_are_those_of_the_headers(void **state) {
    (void)state;
    static const int pairs[][2] = {
        {TRII_OV_OK, OK},       {TRII_OV_F16, F16},   {TRII_OV_F32, F32},   {TRII_OV_F64, F64},
        {TRII_OV_I8, I8},       {TRII_OV_I16, I16},   {TRII_OV_I32, I32},   {TRII_OV_I64, I64},
        {TRII_OV_U8, U8},       {TRII_OV_U16, U16},   {TRII_OV_U32, U32},   {TRII_OV_U64, U64},
        {TRII_OV_RGB, RGB},     {TRII_OV_RGBX, RGBX}, {TRII_OV_RESIZE_LINEAR, RESIZE_LINEAR},
        {TRII_OV_BOOLEAN, BOOLEAN}, {TRII_OV_BF16, BF16}, {TRII_OV_BGR, BGR}, {TRII_OV_GRAY, GRAY},
        {TRII_OV_RESIZE_CUBIC, RESIZE_CUBIC}, {TRII_OV_RESIZE_NEAREST, RESIZE_NEAREST},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_int_equal(pairs[i][0], pairs[i][1]);
}
#else
static void functions_have_the_types_of_the_headers(void **state) {
    (void)state;
    skip_because("OpenVINO's headers were not there when the build was configured");
}
#define numbers_are_those_of_the_headers functions_have_the_types_of_the_headers
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_have_the_types_of_the_headers),
        cmocka_unit_test(numbers_are_those_of_the_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
