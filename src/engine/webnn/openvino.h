/*
 * OpenVINO's C API, as much of it as is used, declared by hand: nothing of the library is needed to build.
 *
 * The declarations are those of the release in engines.lock; the API keeps them within a year's releases.
 * trii_openvino_open() finds every function, asks for the version, and probes what a wrong declaration would break
 * silently: the numbers of the element types and the passing of shapes. Where the library's own headers are at hand,
 * tests/unit/webnn_declarations_test.c compares every function with them.
 *
 * Ownership: what a *_create, *_get_ or *_build call gives is freed by the *_free of its type; texts by ov_free.
 * Threads:   the last error message is one for the process, handed out as a copy: under two failing threads it may be
 *            the other's. The number returned is always one's own.
 */
#ifndef TRIPOINT_ENGINE_WEBNN_OPENVINO_H
#define TRIPOINT_ENGINE_WEBNN_OPENVINO_H

#include <tripoint/error.h>
#include <tripoint/view.h>

struct ov_core;
struct ov_model;
struct ov_compiled_model;
struct ov_infer_request;
struct ov_tensor;
struct ov_layout;
struct ov_preprocess_prepostprocessor;
struct ov_preprocess_input_info;
struct ov_preprocess_input_tensor_info;
struct ov_preprocess_input_model_info;
struct ov_preprocess_preprocess_steps;
struct ov_preprocess_output_info;
struct ov_preprocess_output_tensor_info;
struct ov_output_const_port;

enum { TRII_OV_OK = 0 };

enum trii_ov_element {
    TRII_OV_BOOLEAN = 1,
    TRII_OV_BF16 = 2,
    TRII_OV_F16 = 3,
    TRII_OV_F32 = 4,
    TRII_OV_F64 = 5,
    TRII_OV_I8 = 7,
    TRII_OV_I16 = 8,
    TRII_OV_I32 = 9,
    TRII_OV_I64 = 10,
    TRII_OV_U8 = 16,
    TRII_OV_U16 = 17,
    TRII_OV_U32 = 18,
    TRII_OV_U64 = 19
};
enum trii_ov_color { TRII_OV_RGB = 5, TRII_OV_BGR = 6, TRII_OV_GRAY = 7, TRII_OV_RGBX = 8 };
enum trii_ov_resize { TRII_OV_RESIZE_LINEAR = 0, TRII_OV_RESIZE_CUBIC = 1, TRII_OV_RESIZE_NEAREST = 2 };

struct trii_ov_version {
    const char *build;
    const char *description;
};

struct trii_ov_shape {
    int64_t rank;
    int64_t *dims;
};

/* From min to max; max is -1 where there is no end. */
struct trii_ov_dimension {
    int64_t min, max;
};

struct trii_ov_partial_shape {
    struct trii_ov_dimension rank, *dims;
};

struct trii_ov_property {
    const char *key;
    const void *value; /* here always a text */
};

/*  X(name without ov_, result, parameters) */
#define TRII_OPENVINO_FUNCTIONS(X)                                                                                     \
    X(get_openvino_version, int, (struct trii_ov_version *))                                                           \
    X(version_free, void, (struct trii_ov_version *))                                                                  \
    X(get_last_err_msg, const char *, (void))                                                                          \
    X(get_error_info, const char *, (int))                                                                             \
    X(free, void, (const char *))                                                                                      \
    X(core_create, int, (struct ov_core **))                                                                           \
    X(core_free, void, (struct ov_core *))                                                                             \
    X(core_set_properties, int, (const struct ov_core *, const char *, size_t, const struct trii_ov_property *))       \
    X(core_get_property, int, (const struct ov_core *, const char *, const char *, char **))                           \
    X(core_read_model_from_memory_buffer, int,                                                                         \
      (const struct ov_core *, const char *, size_t, const struct ov_tensor *, struct ov_model **))                    \
    X(core_read_model, int, (const struct ov_core *, const char *, const char *, struct ov_model **))                  \
    X(core_compile_model_props, int,                                                                                   \
      (const struct ov_core *, const struct ov_model *, const char *, size_t, const struct trii_ov_property *,         \
       struct ov_compiled_model **))                                                                                   \
    X(core_import_model, int,                                                                                          \
      (const struct ov_core *, const char *, size_t, const char *, struct ov_compiled_model **))                       \
    X(model_free, void, (struct ov_model *))                                                                           \
    X(model_inputs_size, int, (const struct ov_model *, size_t *))                                                     \
    X(model_outputs_size, int, (const struct ov_model *, size_t *))                                                    \
    X(model_const_input_by_index, int, (const struct ov_model *, size_t, struct ov_output_const_port **))              \
    X(model_const_output_by_index, int, (const struct ov_model *, size_t, struct ov_output_const_port **))             \
    X(model_reshape_by_port_indexes, int,                                                                              \
      (const struct ov_model *, const size_t *, const struct trii_ov_partial_shape *, size_t))                         \
    X(port_get_any_name, int, (const struct ov_output_const_port *, char **))                                          \
    X(port_get_partial_shape, int, (const struct ov_output_const_port *, struct trii_ov_partial_shape *))              \
    X(port_get_element_type, int, (const struct ov_output_const_port *, unsigned *))                                   \
    X(output_const_port_free, void, (struct ov_output_const_port *))                                                   \
    X(partial_shape_free, void, (struct trii_ov_partial_shape *))                                                      \
    X(compiled_model_export_model, int, (const struct ov_compiled_model *, const char *))                              \
    X(compiled_model_create_infer_request, int, (const struct ov_compiled_model *, struct ov_infer_request **))        \
    X(compiled_model_free, void, (struct ov_compiled_model *))                                                         \
    X(infer_request_set_input_tensor, int, (struct ov_infer_request *, const struct ov_tensor *))                      \
    X(infer_request_set_input_tensor_by_index, int,                                                                    \
      (struct ov_infer_request *, size_t, const struct ov_tensor *))                                                   \
    X(infer_request_set_output_tensor, int, (struct ov_infer_request *, const struct ov_tensor *))                     \
    X(infer_request_set_output_tensor_by_index, int,                                                                   \
      (struct ov_infer_request *, size_t, const struct ov_tensor *))                                                   \
    X(infer_request_infer, int, (struct ov_infer_request *))                                                           \
    X(infer_request_free, void, (struct ov_infer_request *))                                                           \
    X(tensor_create_from_host_ptr, int, (unsigned, struct trii_ov_shape, void *, struct ov_tensor **))                 \
    X(tensor_get_shape, int, (const struct ov_tensor *, struct trii_ov_shape *))                                       \
    X(tensor_get_byte_size, int, (const struct ov_tensor *, size_t *))                                                 \
    X(tensor_data, int, (const struct ov_tensor *, void **))                                                           \
    X(tensor_free, void, (struct ov_tensor *))                                                                         \
    X(shape_free, int, (struct trii_ov_shape *))                                                                       \
    X(layout_create, int, (const char *, struct ov_layout **))                                                         \
    X(layout_free, void, (struct ov_layout *))                                                                         \
    X(preprocess_prepostprocessor_create, int, (const struct ov_model *, struct ov_preprocess_prepostprocessor **))    \
    X(preprocess_prepostprocessor_free, void, (struct ov_preprocess_prepostprocessor *))                               \
    X(preprocess_prepostprocessor_get_input_info_by_index, int,                                                        \
      (const struct ov_preprocess_prepostprocessor *, size_t, struct ov_preprocess_input_info **))                     \
    X(preprocess_prepostprocessor_build, int,                                                                          \
      (const struct ov_preprocess_prepostprocessor *, struct ov_model **))                                             \
    X(preprocess_input_info_free, void, (struct ov_preprocess_input_info *))                                           \
    X(preprocess_input_info_get_tensor_info, int,                                                                      \
      (const struct ov_preprocess_input_info *, struct ov_preprocess_input_tensor_info **))                            \
    X(preprocess_input_info_get_model_info, int,                                                                       \
      (const struct ov_preprocess_input_info *, struct ov_preprocess_input_model_info **))                             \
    X(preprocess_input_info_get_preprocess_steps, int,                                                                 \
      (const struct ov_preprocess_input_info *, struct ov_preprocess_preprocess_steps **))                             \
    X(preprocess_input_tensor_info_free, void, (struct ov_preprocess_input_tensor_info *))                             \
    X(preprocess_input_tensor_info_set_element_type, int, (struct ov_preprocess_input_tensor_info *, unsigned))        \
    X(preprocess_input_tensor_info_set_layout, int,                                                                    \
      (struct ov_preprocess_input_tensor_info *, struct ov_layout *))                                                  \
    X(preprocess_input_tensor_info_set_color_format, int, (struct ov_preprocess_input_tensor_info *, unsigned))        \
    X(preprocess_input_tensor_info_set_spatial_static_shape, int,                                                      \
      (struct ov_preprocess_input_tensor_info *, size_t, size_t))                                                      \
    X(preprocess_input_model_info_free, void, (struct ov_preprocess_input_model_info *))                               \
    X(preprocess_input_model_info_set_layout, int, (struct ov_preprocess_input_model_info *, struct ov_layout *))      \
    X(preprocess_preprocess_steps_free, void, (struct ov_preprocess_preprocess_steps *))                               \
    X(preprocess_preprocess_steps_convert_element_type, int, (struct ov_preprocess_preprocess_steps *, unsigned))      \
    X(preprocess_preprocess_steps_convert_color, int, (struct ov_preprocess_preprocess_steps *, unsigned))             \
    X(preprocess_preprocess_steps_resize, int, (struct ov_preprocess_preprocess_steps *, unsigned))                    \
    X(preprocess_preprocess_steps_mean, int, (struct ov_preprocess_preprocess_steps *, float))                         \
    X(preprocess_preprocess_steps_mean_multi_channels, int,                                                            \
      (struct ov_preprocess_preprocess_steps *, const float *, int32_t))                                               \
    X(preprocess_preprocess_steps_scale_multi_channels, int,                                                           \
      (struct ov_preprocess_preprocess_steps *, const float *, int32_t))                                               \
    X(preprocess_prepostprocessor_get_output_info_by_index, int,                                                       \
      (const struct ov_preprocess_prepostprocessor *, size_t, struct ov_preprocess_output_info **))                    \
    X(preprocess_output_info_get_tensor_info, int,                                                                     \
      (const struct ov_preprocess_output_info *, struct ov_preprocess_output_tensor_info **))                          \
    X(preprocess_output_set_element_type, int, (struct ov_preprocess_output_tensor_info *, unsigned))                  \
    X(preprocess_output_tensor_info_free, void, (struct ov_preprocess_output_tensor_info *))                           \
    X(preprocess_output_info_free, void, (struct ov_preprocess_output_info *))                                         \
    X(preprocess_preprocess_steps_scale, int, (struct ov_preprocess_preprocess_steps *, float))

struct trii_openvino {
#define TRII_OPENVINO_SLOT(name, result, parameters) result(*name) parameters;
    TRII_OPENVINO_FUNCTIONS(TRII_OPENVINO_SLOT)
#undef TRII_OPENVINO_SLOT
};

#define TRII_OPENVINO_VERSION_BYTES 64

/* Loads `path` and checks it. `version` receives the library's own words. */
tri_status trii_openvino_open(struct trii_openvino *ov, const char *path, char version[TRII_OPENVINO_VERSION_BYTES],
                              struct tri_error *err);
/* Fills `err` with "<words>: <the library's reason, in one line>" and the library's number; returns `status`. */
tri_status trii_openvino_fail(const struct trii_openvino *ov, int code, struct tri_error *err, tri_status status,
                              const char *words);
/* TRII_OV_U8 for TRI_DTYPE_U8, ... */
unsigned trii_openvino_element(enum tri_dtype dtype);
/* A tensor over `layout` at `bytes`, with `batch` a leading dimension of 1. The layout is tight. */
int trii_openvino_tensor(const struct trii_openvino *ov, const struct tri_layout *layout, bool batch, void *bytes,
                         struct ov_tensor **out);

#endif
