#include "engine/webnn/bind.h"

#include "base/alloc.h"
#include "base/status.h"
#include "base/sys.h"

#include <stdio.h>
#include <string.h>

/* ---- ports ---- */

static int read_shape(const struct trii_openvino *ov, const struct ov_output_const_port *port,
                      struct trii_model_port *out) {
    struct trii_ov_partial_shape shape = {.dims = NULL};
    int code = ov->port_get_partial_shape(port, &shape);
    if (code != TRII_OV_OK)
        return code;
    out->rank = shape.rank.min == shape.rank.max && shape.rank.min >= 0 && shape.rank.min <= TRII_MODEL_RANK_MAX
                    ? (uint32_t)shape.rank.min
                    : UINT32_MAX;
    for (uint32_t d = 0; out->rank != UINT32_MAX && d < out->rank; d++)
        out->dims[d] = shape.dims[d].min == shape.dims[d].max ? shape.dims[d].min : -1;
    ov->partial_shape_free(&shape);
    return TRII_OV_OK;
}

static int read_port(const struct trii_openvino *ov, struct ov_output_const_port *port, const char *what, size_t i,
                     struct trii_model_port *out) {
    char *name = NULL;
    snprintf(out->name, sizeof out->name, "%s%zu", what, i);
    if (ov->port_get_any_name(port, &name) == TRII_OV_OK && name) {
        trii_name_copy(out->name, sizeof out->name, name);
        ov->free(name);
    }
    int code = ov->port_get_element_type(port, &out->element);
    if (code == TRII_OV_OK)
        code = read_shape(ov, port, out);
    ov->output_const_port_free(port);
    return code;
}

static int read_ports(const struct trii_openvino *ov, const struct ov_model *model, struct trii_model_file *out) {
    struct ov_output_const_port *port = NULL;
    int code = ov->model_inputs_size(model, &out->input_count);
    if (code == TRII_OV_OK)
        code = ov->model_outputs_size(model, &out->output_count);
    for (size_t i = 0; code == TRII_OV_OK && i < out->input_count && i < TRII_MODEL_INPUTS_MAX; i++) {
        code = ov->model_const_input_by_index(model, i, &port);
        if (code == TRII_OV_OK)
            code = read_port(ov, port, "input", i, &out->inputs[i]);
    }
    for (size_t i = 0; code == TRII_OV_OK && i < out->output_count && i < TRII_OP_OPERANDS_MAX; i++) {
        code = ov->model_const_output_by_index(model, i, &port);
        if (code == TRII_OV_OK)
            code = read_port(ov, port, "output", i, &out->outputs[i]);
    }
    return code;
}

static bool is_tflite(const struct trii_custom *custom) {
    const size_t n = strlen(custom->path);
    return n > 7 && strcmp(custom->path + n - 7, ".tflite") == 0;
}

/* OpenVINO's reader of these takes a path that ends so, and no memory. What it gets are the bytes that were hashed, not the
 * file as it may be by now. */
static tri_status read_tflite(struct trii_nn *nn, const struct trii_custom *custom, struct ov_model **out, int *code,
                              struct tri_error *err) {
    char path[TRII_SYS_LINK_BYTES];
    int file;
    int failed = trii_sys_scratch_file("model", &file);
    if (failed)
        return trii_fail_errno(err, TRI_NO_MEMORY, failed, "no memory to hand %s to OpenVINO", custom->name);
    failed = trii_sys_write(file, custom->bytes, custom->size);
    if (!failed)
        failed = trii_sys_name_file(file, "model.tflite", path, sizeof path);
    if (!failed) {
        *code = nn->ov.core_read_model(nn->core, path, NULL, out);
        trii_sys_unname_file(path);
    }
    trii_sys_close(file);
    return failed ? trii_fail_errno(err, TRI_IO, failed, "OpenVINO reads %s by a name only, which it can't be given in $TMPDIR "
                                                         "or /tmp", custom->name)
                  : TRI_OK;
}

static tri_status read_model(struct trii_nn *nn, const struct trii_custom *custom, struct trii_nn_graph *g,
                             struct tri_error *err) {
    struct ov_tensor *tensor = NULL;
    int64_t bytes = (int64_t)custom->weights_size;
    char words[128];
    int code = TRII_OV_OK;
    if (custom->weights) { /* the graph's constants stay where they are: as long as the compiled model, which may outlive us */
        g->weights = trii_calloc(custom->weights_size, 1);
        if (!g->weights)
            return trii_fail(err, TRI_NO_MEMORY, "no memory for the weights of %s", custom->name);
        memcpy(g->weights, custom->weights, custom->weights_size); /* not payload: a model's weights */
        code = nn->ov.tensor_create_from_host_ptr(TRII_OV_U8, (struct trii_ov_shape){1, &bytes}, g->weights, &tensor);
    }
    if (is_tflite(custom)) {
        tri_status status = read_tflite(nn, custom, &g->model, &code, err);
        if (status != TRI_OK)
            return status;
    } else if (code == TRII_OV_OK) {
        code = nn->ov.core_read_model_from_memory_buffer(nn->core, (const char *)custom->bytes, custom->size, tensor,
                                                         &g->model);
    }
    if (tensor)
        nn->ov.tensor_free(tensor);
    if (code == TRII_OV_OK)
        code = read_ports(&nn->ov, g->model, &g->ports);
    snprintf(words, sizeof words, "OpenVINO can't read %s", custom->name);
    if (code != TRII_OV_OK)
        return trii_openvino_fail(&nn->ov, code, err, TRI_BAD_MODEL, words);
    if (g->ports.input_count > TRII_MODEL_INPUTS_MAX || g->ports.output_count > TRII_OP_OPERANDS_MAX)
        return trii_fail(err, TRI_LIMIT, "%s has %zu inputs and %zu outputs, a stage can bind %d and %d", custom->name,
                         g->ports.input_count, g->ports.output_count, TRII_OP_OPERANDS_MAX, TRII_OP_OPERANDS_MAX);
    return TRI_OK;
}

tri_status trii_nn_ports(struct trii_nn *nn, const struct trii_custom *custom, struct trii_model_file *out,
                         struct tri_error *err) {
    struct trii_nn_graph *g = trii_calloc(1, sizeof *g);
    if (!g)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to read %s", custom->name);
    tri_status status = read_model(nn, custom, g, err);
    if (status == TRI_OK) {
        memcpy(out->inputs, g->ports.inputs, sizeof out->inputs);    /* not payload: names and shapes */
        memcpy(out->outputs, g->ports.outputs, sizeof out->outputs); /* not payload: names and shapes */
        out->input_count = g->ports.input_count;
        out->output_count = g->ports.output_count;
        out->read = true;
    }
    trii_nn_graph_drop(nn, g);
    trii_free(g);
    return status;
}

/* ---- fixing dynamic dimensions ---- */

static int reshape(const struct trii_openvino *ov, struct trii_nn_graph *g,
                   int64_t fixed[TRII_MODEL_INPUTS_MAX][TRII_MODEL_RANK_MAX], const uint32_t *ranks) {
    struct trii_ov_dimension dims[TRII_MODEL_INPUTS_MAX][TRII_MODEL_RANK_MAX];
    struct trii_ov_partial_shape shapes[TRII_MODEL_INPUTS_MAX];
    size_t indexes[TRII_MODEL_INPUTS_MAX], count = 0;
    for (size_t i = 0; i < g->ports.input_count; i++) {
        const struct trii_model_port *port = &g->ports.inputs[i];
        bool open = port->rank == UINT32_MAX;
        for (uint32_t d = 0; d < ranks[i]; d++) {
            dims[count][d] = (struct trii_ov_dimension){fixed[i][d], fixed[i][d]};
            open = open || port->dims[d] < 0;
        }
        if (!open)
            continue;
        shapes[count] = (struct trii_ov_partial_shape){{ranks[i], ranks[i]}, dims[count]};
        indexes[count++] = i;
    }
    return count ? ov->model_reshape_by_port_indexes(g->model, indexes, shapes, count) : TRII_OV_OK;
}

/* ---- folding ---- */

/* The parts of one input's preprocessing; freed together. */
struct input_parts {
    struct ov_preprocess_input_info *input;
    struct ov_preprocess_input_tensor_info *tensor;
    struct ov_preprocess_input_model_info *model;
    struct ov_preprocess_preprocess_steps *steps;
    struct ov_layout *theirs, *ours;
};

static void free_parts(const struct trii_openvino *ov, struct input_parts *p) {
    if (p->ours)
        ov->layout_free(p->ours);
    if (p->theirs)
        ov->layout_free(p->theirs);
    if (p->steps)
        ov->preprocess_preprocess_steps_free(p->steps);
    if (p->model)
        ov->preprocess_input_model_info_free(p->model);
    if (p->tensor)
        ov->preprocess_input_tensor_info_free(p->tensor);
    if (p->input)
        ov->preprocess_input_info_free(p->input);
}

#define STEP(call)                                                                                                     \
    do {                                                                                                               \
        const int failed = ov->call;                                                                                   \
        if (failed != TRII_OV_OK)                                                                                      \
            return failed;                                                                                             \
    } while (0)

/* X goes first, on bytes: cheaper there. */
static int fold_color(const struct trii_openvino *ov, struct input_parts *p, uint64_t has, int64_t wants, bool bgr) {
    if (has == (uint64_t)wants && !(has == 3 && bgr))
        return TRII_OV_OK;
    STEP(preprocess_input_tensor_info_set_color_format(p->tensor, has == 4 ? TRII_OV_RGBX : TRII_OV_RGB));
    if (wants == 3 && bgr)
        STEP(preprocess_preprocess_steps_convert_color(p->steps, TRII_OV_BGR));
    else if (has == 4)
        STEP(preprocess_preprocess_steps_convert_color(p->steps, TRII_OV_RGB));
    if (wants == 1)
        STEP(preprocess_preprocess_steps_convert_color(p->steps, TRII_OV_GRAY));
    return TRII_OV_OK;
}

static int fold_numbers(const struct trii_openvino *ov, struct input_parts *p, const char *text, bool scale) {
    double numbers[4];
    float values[4];
    const size_t n = trii_custom_numbers(text, numbers, 4);
    bool idle = true;
    for (size_t i = 0; i < n && i < 4; i++) {
        values[i] = (float)numbers[i];
        idle = idle && numbers[i] == (scale ? 1 : 0);
    }
    if (idle || n == 0 || n == SIZE_MAX)
        return TRII_OV_OK;
    if (n == 1 && scale)
        STEP(preprocess_preprocess_steps_scale(p->steps, values[0]));
    else if (n == 1)
        STEP(preprocess_preprocess_steps_mean(p->steps, values[0]));
    else if (scale)
        STEP(preprocess_preprocess_steps_scale_multi_channels(p->steps, values, (int32_t)n));
    else
        STEP(preprocess_preprocess_steps_mean_multi_channels(p->steps, values, (int32_t)n));
    return TRII_OV_OK;
}

static int fold_image(const struct trii_openvino *ov, struct input_parts *p, const struct trii_args *args,
                      const struct trii_nn_places *at, const struct tri_layout *layout, const int64_t *fixed, unsigned element) {
    static const unsigned algorithms[] = {['l'] = TRII_OV_RESIZE_LINEAR, ['n'] = TRII_OV_RESIZE_NEAREST,
                                          ['c'] = TRII_OV_RESIZE_CUBIC};
    const bool resize = (uint64_t)fixed[at->h] != layout->shape[0] || (uint64_t)fixed[at->w] != layout->shape[1];
    const double white = layout->dtype == TRI_DTYPE_U8 ? 255 : layout->dtype == TRI_DTYPE_U16 ? 65535 : 1;
    const double divisor = white / args->value[TRII_MODEL_RANGE].number;
    const bool chw = at->c < at->h;
    STEP(layout_create(at->batch ? "NHWC" : "HWC", &p->ours));
    STEP(layout_create(at->batch ? (chw ? "NCHW" : "NHWC") : (chw ? "CHW" : "HWC"), &p->theirs));
    STEP(preprocess_input_tensor_info_set_layout(p->tensor, p->ours));
    STEP(preprocess_input_model_info_set_layout(p->model, p->theirs));
    if (resize)
        STEP(preprocess_input_tensor_info_set_spatial_static_shape(p->tensor, (size_t)layout->shape[0],
                                                                   (size_t)layout->shape[1]));
    const int colored = fold_color(ov, p, layout->shape[2], fixed[at->c],
                                   strcmp(args->value[TRII_MODEL_COLOR].text, "bgr") == 0);
    if (colored != TRII_OV_OK)
        return colored;
    if (trii_nn_is_real(element))
        STEP(preprocess_preprocess_steps_convert_element_type(p->steps, TRII_OV_F32));
    if (resize)
        STEP(preprocess_preprocess_steps_resize(
            p->steps, algorithms[(unsigned char)args->value[TRII_MODEL_RESIZE].text[0]]));
    if (!trii_nn_is_real(element))
        return TRII_OV_OK; /* a quantized model takes bytes as they are */
    if (divisor != 1)
        STEP(preprocess_preprocess_steps_scale(p->steps, (float)divisor));
    const int code = fold_numbers(ov, p, args->value[TRII_MODEL_MEAN].text, false);
    return code == TRII_OV_OK ? fold_numbers(ov, p, args->value[TRII_MODEL_SCALE].text, true) : code;
}

static int fold_input(const struct trii_openvino *ov, struct ov_preprocess_prepostprocessor *whole,
                      struct input_parts *p, size_t i, const struct trii_custom *custom, const struct trii_args *args,
                      const struct trii_model_port *port, const struct tri_layout *layout, const int64_t *fixed) {
    struct trii_nn_places at;
    STEP(preprocess_prepostprocessor_get_input_info_by_index(whole, i, &p->input));
    STEP(preprocess_input_info_get_tensor_info(p->input, &p->tensor));
    STEP(preprocess_input_info_get_model_info(p->input, &p->model));
    STEP(preprocess_input_info_get_preprocess_steps(p->input, &p->steps));
    STEP(preprocess_input_tensor_info_set_element_type(p->tensor, trii_openvino_element(layout->dtype)));
    if (layout->kind == TRI_KIND_IMAGE && layout->rank == 3 && trii_nn_find_places(custom, args, port, &at))
        return fold_image(ov, p, args, &at, layout, fixed, port->element);
    return TRII_OV_OK;
}

static int fold_output(const struct trii_openvino *ov, struct ov_preprocess_prepostprocessor *whole, size_t j,
                       unsigned element) {
    struct ov_preprocess_output_info *output = NULL;
    struct ov_preprocess_output_tensor_info *tensor = NULL;
    int code = ov->preprocess_prepostprocessor_get_output_info_by_index(whole, j, &output);
    if (code == TRII_OV_OK)
        code = ov->preprocess_output_info_get_tensor_info(output, &tensor);
    if (code == TRII_OV_OK)
        code = ov->preprocess_output_set_element_type(tensor, element);
    if (tensor)
        ov->preprocess_output_tensor_info_free(tensor);
    if (output)
        ov->preprocess_output_info_free(output);
    return code;
}

/* ---- the whole ---- */

static tri_status fix_inputs(struct trii_nn *nn, const struct trii_custom *custom, const struct trii_args *args,
                             const struct tri_layout *in, struct trii_nn_graph *g,
                             int64_t fixed[TRII_MODEL_INPUTS_MAX][TRII_MODEL_RANK_MAX], struct tri_error *err) {
    uint32_t ranks[TRII_MODEL_INPUTS_MAX];
    char words[128];
    tri_status status = trii_nn_fix(custom, args, in, g, fixed, ranks, err);
    if (status != TRI_OK)
        return status;
    int code = reshape(&nn->ov, g, fixed, ranks);
    snprintf(words, sizeof words, "%s can't take inputs of these shapes", custom->name);
    return code == TRII_OV_OK ? TRI_OK : trii_openvino_fail(&nn->ov, code, err, TRI_BAD_PIPELINE, words);
}

static tri_status fold(struct trii_nn *nn, const struct trii_custom *custom, const struct trii_args *args,
                       const struct tri_layout *in, struct trii_nn_graph *g,
                       int64_t fixed[TRII_MODEL_INPUTS_MAX][TRII_MODEL_RANK_MAX], struct tri_error *err) {
    const struct trii_openvino *ov = &nn->ov;
    struct ov_preprocess_prepostprocessor *whole = NULL;
    char words[128];
    int code = ov->preprocess_prepostprocessor_create(g->model, &whole);
    for (size_t i = 0; code == TRII_OV_OK && i < g->ports.input_count; i++) {
        struct input_parts parts = {0};
        if (g->inputs[i].operand == UINT32_MAX)
            continue;
        code = fold_input(ov, whole, &parts, i, custom, args, &g->ports.inputs[i], &in[g->inputs[i].operand], fixed[i]);
        free_parts(ov, &parts);
    }
    for (size_t j = 0; code == TRII_OV_OK && j < g->ports.output_count; j++)
        if (g->outputs[j].element != g->ports.outputs[j].element)
            code = fold_output(ov, whole, j, g->outputs[j].element);
    if (code == TRII_OV_OK)
        code = ov->preprocess_prepostprocessor_build(whole, &g->folded);
    if (whole)
        ov->preprocess_prepostprocessor_free(whole);
    snprintf(words, sizeof words, "the operands can't be folded into %s", custom->name);
    return code == TRII_OV_OK ? TRI_OK : trii_openvino_fail(ov, code, err, TRI_BAD_MODEL, words);
}

tri_status trii_nn_graph_make(struct trii_nn *nn, const struct trii_custom *custom, const struct trii_args *args,
                              const struct tri_layout *in, struct tri_layout *out, struct trii_nn_graph *g,
                              struct tri_error *err) {
    int64_t fixed[TRII_MODEL_INPUTS_MAX][TRII_MODEL_RANK_MAX] = {{0}};
    struct trii_model_file *made = NULL;
    tri_status status = trii_nn_check_numbers(custom, args, err);
    if (status == TRI_OK)
        status = read_model(nn, custom, g, err);
    if (status == TRI_OK)
        status = trii_nn_match(custom, g, err);
    if (status == TRI_OK)
        status = fix_inputs(nn, custom, args, in, g, fixed, err);
    if (status == TRI_OK)
        status = trii_nn_choose_elements(custom, g, out, err);
    if (status == TRI_OK)
        status = fold(nn, custom, args, in, g, fixed, err);
    if (status == TRI_OK && !(made = trii_calloc(1, sizeof *made)))
        status = trii_fail(err, TRI_NO_MEMORY, "no memory to fit %s", custom->name);
    if (status == TRI_OK) {
        int code = read_ports(&nn->ov, g->folded, made);
        if (code != TRII_OV_OK)
            status = trii_openvino_fail(&nn->ov, code, err, TRI_BAD_MODEL, "the folded model can't be looked at");
    }
    for (size_t j = 0; status == TRI_OK && j < g->ports.output_count; j++) {
        trii_name_copy(made->outputs[j].name, sizeof made->outputs[j].name, g->ports.outputs[j].name);
        status = trii_nn_check_output(custom, g, j, &made->outputs[j], &out[j], err);
    }
    trii_free(made);
    return status;
}

void trii_nn_graph_drop(struct trii_nn *nn, struct trii_nn_graph *g) {
    if (g->folded)
        nn->ov.model_free(g->folded);
    if (g->model)
        nn->ov.model_free(g->model);
    trii_free(g->weights);
    g->folded = g->model = NULL;
    g->weights = NULL;
}
