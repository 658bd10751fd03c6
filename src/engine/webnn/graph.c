#include "engine/webnn/graph.h"

#include "base/alloc.h"
#include "base/status.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- element types ---- */

static const struct {
    unsigned element;
    enum tri_dtype dtype;
    const char *name;
} elements[] = {{TRII_OV_F32, TRI_DTYPE_F32, "f32"}, {TRII_OV_F16, TRI_DTYPE_F16, "f16"},
                {TRII_OV_F64, TRI_DTYPE_F64, "f64"}, {TRII_OV_U8, TRI_DTYPE_U8, "u8"},
                {TRII_OV_I8, TRI_DTYPE_I8, "i8"},    {TRII_OV_U16, TRI_DTYPE_U16, "u16"},
                {TRII_OV_I16, TRI_DTYPE_I16, "i16"}, {TRII_OV_U32, TRI_DTYPE_U32, "u32"},
                {TRII_OV_I32, TRI_DTYPE_I32, "i32"}, {TRII_OV_U64, TRI_DTYPE_U64, "u64"},
                {TRII_OV_I64, TRI_DTYPE_I64, "i64"}, {TRII_OV_BOOLEAN, TRI_DTYPE_U8, "boolean"},
                {TRII_OV_BF16, TRI_DTYPE_F32, "bf16"}};

static size_t find_element(unsigned element) {
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++)
        if (elements[i].element == element)
            return i;
    return SIZE_MAX;
}

static const char *element_name(unsigned element) {
    const size_t i = find_element(element);
    return i == SIZE_MAX ? "?" : elements[i].name;
}

static char *show(const struct trii_model_port *port, char *text, size_t bytes) {
    return trii_model_port_format(port, element_name(port->element), text, bytes);
}

static bool is_real(unsigned element) {
    return element == TRII_OV_F32 || element == TRII_OV_F16 || element == TRII_OV_F64 || element == TRII_OV_BF16;
}

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
    if (code == TRII_OV_OK)
        code = nn->ov.core_read_model_from_memory_buffer(nn->core, (const char *)custom->bytes, custom->size, tensor,
                                                         &g->model);
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

/* ---- which input is what ---- */

static size_t list_names(const struct trii_model_port *ports, size_t count, char *text, size_t bytes) {
    size_t used = 0;
    for (size_t i = 0; i < count && used < bytes; i++)
        used += (size_t)snprintf(text + used, bytes - used, "%s%s", i ? ", " : "", ports[i].name);
    return used;
}

static tri_status unknown_param(const struct trii_custom *custom, const struct trii_nn_graph *g, size_t param,
                                struct tri_error *err) {
    char names[160] = "";
    list_names(g->ports.inputs, g->ports.input_count, names, sizeof names);
    return trii_fail(err, TRI_BAD_PIPELINE, "%s has no input '%s' that the parameter could be; it has: %s", custom->name,
                     custom->params[param].name, names);
}

static tri_status wrong_count(const struct trii_custom *custom, const struct trii_nn_graph *g, size_t constants,
                              struct tri_error *err) {
    char in[120] = "", out[120] = "";
    list_names(g->ports.inputs, g->ports.input_count, in, sizeof in);
    list_names(g->ports.outputs, g->ports.output_count, out, sizeof out);
    return trii_fail(err, TRI_BAD_PIPELINE,
                     "%s has %zu input%s (%s) and %zu output%s (%s), and the stage names %zu and %zu%s", custom->name,
                     g->ports.input_count, g->ports.input_count == 1 ? "" : "s", in, g->ports.output_count,
                     g->ports.output_count == 1 ? "" : "s", out, trii_op_inputs(&custom->op),
                     trii_op_outputs(&custom->op), constants ? ", besides what is a parameter" : "");
}

static tri_status match(const struct trii_custom *custom, struct trii_nn_graph *g, struct tri_error *err) {
    const size_t params = custom->op.info.param_count;
    size_t operands = 0, constants = 0;
    for (size_t i = 0; i < g->ports.input_count; i++) {
        size_t p = TRII_MODEL_PARAMS;
        while (p < params && strcmp(custom->params[p].name, g->ports.inputs[i].name) != 0)
            p++;
        g->inputs[i].param = (uint32_t)p;
        g->inputs[i].operand = p < params ? UINT32_MAX : (uint32_t)operands++;
        constants += p < params;
    }
    for (size_t p = TRII_MODEL_PARAMS; p < params; p++) {
        size_t i = 0;
        while (i < g->ports.input_count && g->inputs[i].param != p)
            i++;
        if (i == g->ports.input_count)
            return unknown_param(custom, g, p, err);
    }
    if (operands != trii_op_inputs(&custom->op) || g->ports.output_count != trii_op_outputs(&custom->op))
        return wrong_count(custom, g, constants, err);
    return TRI_OK;
}

/* ---- shapes ---- */

/* Where an image's height, width and channels stand in a port; false: it is none. */
struct places {
    uint32_t h, w, c;
    bool batch;
};

static bool are_channels(int64_t dim) {
    return dim == 1 || dim == 3 || dim == 4;
}

static bool find_places(const struct trii_custom *custom, const struct trii_args *args,
                        const struct trii_model_port *port, struct places *out) {
    const char *layout = args->value[TRII_MODEL_LAYOUT].text;
    if (port->rank != 3 && port->rank != 4)
        return false;
    const uint32_t b = port->rank == 4;
    const bool last = are_channels(port->dims[b + 2]), first = are_channels(port->dims[b]);
    const size_t n = strlen(custom->path);
    bool chw = first && !last;
    if (first == last) /* nothing tells: as the format has it */
        chw = !(n > 7 && strcmp(custom->path + n - 7, ".tflite") == 0);
    if (strcmp(layout, "auto") != 0)
        chw = strcmp(layout, "nchw") == 0;
    *out = chw ? (struct places){b + 1, b + 2, b, b == 1} : (struct places){b, b + 1, b + 2, b == 1};
    return true;
}

static tri_status wrong_input(const struct trii_custom *custom, const struct trii_model_port *port,
                              const struct tri_layout *layout, const char *why, struct tri_error *err) {
    char says[96], has[96];
    return trii_fail(err, TRI_BAD_PIPELINE, "%s: its input '%s' is %s, and the stage gives it %s%s", custom->name,
                     port->name, show(port, says, sizeof says), tri_layout_format(layout, has, sizeof has), why);
}

static tri_status image_dims(const struct trii_custom *custom, const struct trii_model_port *port,
                             const struct places *at, const struct tri_layout *layout,
                             int64_t fixed[TRII_MODEL_RANK_MAX], struct tri_error *err) {
    for (uint32_t d = 0; d < port->rank; d++)
        fixed[d] = port->dims[d];
    if (at->batch && fixed[0] < 0)
        fixed[0] = 1;
    if (at->batch && fixed[0] != 1)
        return wrong_input(custom, port, layout, ": one image is no batch", err);
    if (fixed[at->h] < 0)
        fixed[at->h] = (int64_t)layout->shape[0];
    if (fixed[at->w] < 0)
        fixed[at->w] = (int64_t)layout->shape[1];
    if (fixed[at->c] < 0)
        fixed[at->c] = layout->shape[2] == 4 ? 3 : (int64_t)layout->shape[2];
    const int64_t wants = fixed[at->c], has = (int64_t)layout->shape[2];
    if (wants != has && !(has == 4 && (wants == 3 || wants == 1)) && !(has == 3 && wants == 1))
        return wrong_input(custom, port, layout, ": the channels can't be made to fit", err);
    return TRI_OK;
}

/* Anything else: the region's dimensions, perhaps with ones before them. */
static tri_status plain_dims(const struct trii_custom *custom, const struct trii_model_port *port,
                             const struct tri_layout *layout, int64_t fixed[TRII_MODEL_RANK_MAX], uint32_t *rank,
                             struct tri_error *err) {
    uint64_t shape[TRI_LAYOUT_MAX_RANK];
    uint32_t r = layout->rank;
    memcpy(shape, layout->shape, sizeof shape); /* not payload: a shape */
    *rank = port->rank == UINT32_MAX ? r : port->rank;
    if (layout->kind == TRI_KIND_MASK && r == 3 && *rank < 3 && shape[2] == 1)
        r = 2; /* a mask's last dimension is 1 */
    if (r > *rank)
        return wrong_input(custom, port, layout, ", which has more dimensions", err);
    for (uint32_t d = 0; d < *rank; d++) {
        const uint64_t has = d < *rank - r ? 1 : shape[d - (*rank - r)];
        const int64_t wants = port->rank == UINT32_MAX ? -1 : port->dims[d];
        if (wants >= 0 && (uint64_t)wants != has)
            return wrong_input(custom, port, layout, "", err);
        fixed[d] = (int64_t)has;
    }
    return TRI_OK;
}

static tri_status constant_dims(const struct trii_custom *custom, const struct trii_model_port *port, size_t count,
                                int64_t fixed[TRII_MODEL_RANK_MAX], struct tri_error *err) {
    char says[96];
    int64_t total = 1;
    for (uint32_t d = 0; port->rank != UINT32_MAX && d < port->rank; d++) {
        fixed[d] = port->dims[d] >= 0 ? port->dims[d] : d + 1 == port->rank ? (int64_t)count : 1;
        total *= fixed[d];
    }
    if (port->rank == UINT32_MAX || total != (int64_t)count)
        return trii_fail(err, TRI_BAD_PIPELINE, "%s: its input '%s' is %s, and the parameter of that name has %zu number%s",
                         custom->name, port->name, show(port, says, sizeof says), count, count == 1 ? "" : "s");
    return TRI_OK;
}

/* ---- constants ---- */

static void put(uint8_t *to, size_t i, const void *number, size_t bytes) {
    memcpy(to + i * bytes, number, bytes); /* not payload: a parameter */
}

static bool put_number(unsigned element, uint8_t *to, size_t i, double value) {
    switch (element) {
    case TRII_OV_F32:
        put(to, i, &(float){(float)value}, sizeof(float));
        return true;
    case TRII_OV_F64:
        put(to, i, &value, sizeof value);
        return true;
    case TRII_OV_I32:
        put(to, i, &(int32_t){(int32_t)value}, sizeof(int32_t));
        return true;
    case TRII_OV_I64:
        put(to, i, &(int64_t){(int64_t)value}, sizeof(int64_t));
        return true;
    case TRII_OV_U8:
    case TRII_OV_BOOLEAN:
        put(to, i, &(uint8_t){(uint8_t)value}, 1);
        return true;
    default:
        return false;
    }
}

static tri_status take_constant(const struct trii_custom *custom, const struct trii_args *args,
                                struct trii_nn_graph *g, size_t i, struct tri_error *err) {
    const struct trii_model_port *port = &g->ports.inputs[i];
    const uint32_t param = g->inputs[i].param;
    double numbers[TRII_GRAPH_CONSTANT_BYTES / 8] = {args->value[param].number};
    size_t count = 1;
    if (args->value[param].text)
        count = trii_custom_numbers(args->value[param].text, numbers, TRII_GRAPH_CONSTANT_BYTES / 8);
    if (count == SIZE_MAX || (!args->value[param].text && isnan(numbers[0])))
        return trii_fail(err, TRI_BAD_PIPELINE, "%s: the parameter '%s' must be a number, or at most %d of them",
                         custom->name, port->name, TRII_GRAPH_CONSTANT_BYTES / 8);
    tri_status status = constant_dims(custom, port, count, g->inputs[i].dims, err);
    for (size_t k = 0; status == TRI_OK && k < count; k++)
        if (!put_number(port->element, g->inputs[i].constant, k, numbers[k]))
            return trii_fail(err, TRI_UNSUPPORTED, "%s: its input '%s' is of %s, which no parameter can be", custom->name,
                             port->name, element_name(port->element));
    g->inputs[i].rank = port->rank;
    g->inputs[i].element = port->element;
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
                      const struct places *at, const struct tri_layout *layout, const int64_t *fixed, unsigned element) {
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
    if (is_real(element))
        STEP(preprocess_preprocess_steps_convert_element_type(p->steps, TRII_OV_F32));
    if (resize)
        STEP(preprocess_preprocess_steps_resize(
            p->steps, algorithms[(unsigned char)args->value[TRII_MODEL_RESIZE].text[0]]));
    if (!is_real(element))
        return TRII_OV_OK; /* a quantized model takes bytes as they are */
    if (divisor != 1)
        STEP(preprocess_preprocess_steps_scale(p->steps, (float)divisor));
    const int code = fold_numbers(ov, p, args->value[TRII_MODEL_MEAN].text, false);
    return code == TRII_OV_OK ? fold_numbers(ov, p, args->value[TRII_MODEL_SCALE].text, true) : code;
}

static int fold_input(const struct trii_openvino *ov, struct ov_preprocess_prepostprocessor *whole,
                      struct input_parts *p, size_t i, const struct trii_custom *custom, const struct trii_args *args,
                      const struct trii_model_port *port, const struct tri_layout *layout, const int64_t *fixed) {
    struct places at;
    STEP(preprocess_prepostprocessor_get_input_info_by_index(whole, i, &p->input));
    STEP(preprocess_input_info_get_tensor_info(p->input, &p->tensor));
    STEP(preprocess_input_info_get_model_info(p->input, &p->model));
    STEP(preprocess_input_info_get_preprocess_steps(p->input, &p->steps));
    STEP(preprocess_input_tensor_info_set_element_type(p->tensor, trii_openvino_element(layout->dtype)));
    if (layout->kind == TRI_KIND_IMAGE && layout->rank == 3 && find_places(custom, args, port, &at))
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

/* ---- outputs ---- */

/* What an output's elements will be: what is asked for, or the model's own where a region can hold it. */
static tri_status choose_elements(const struct trii_custom *custom, struct trii_nn_graph *g,
                                  const struct tri_layout *out, struct tri_error *err) {
    for (size_t j = 0; j < g->ports.output_count; j++) {
        const size_t known = find_element(g->ports.outputs[j].element);
        if (known == SIZE_MAX)
            return trii_fail(err, TRI_UNSUPPORTED, "%s: its output '%s' is of an element type that no region holds",
                             custom->name, g->ports.outputs[j].name);
        enum tri_dtype dtype = elements[known].dtype;
        if (out[j].rank != UINT32_MAX || custom->outputs[j].has_dtype)
            dtype = out[j].rank != UINT32_MAX ? out[j].dtype : custom->outputs[j].layout.dtype;
        g->outputs[j].element = trii_openvino_element(dtype);
    }
    return TRI_OK;
}

static uint32_t without_ones(const uint64_t *shape, uint32_t rank, uint64_t *out) {
    uint32_t n = 0;
    for (uint32_t d = 0; d < rank; d++)
        if (shape[d] != 1)
            out[n++] = shape[d];
    return n;
}

/* The layout of an output that is the file's own: the model's shape, or an image's or mask's where that is the kind. */
static tri_status own_layout(const struct trii_custom *custom, size_t j, const uint64_t *shape, uint32_t rank,
                             unsigned element, struct tri_layout *out, struct tri_error *err) {
    const enum tri_kind kind = custom->outputs[j].has_kind ? custom->outputs[j].layout.kind : TRI_KIND_TENSOR;
    uint64_t kept[TRII_MODEL_RANK_MAX];
    uint32_t n = rank;
    memcpy(kept, shape, sizeof kept); /* not payload: a shape */
    if (kind == TRI_KIND_IMAGE || kind == TRI_KIND_MASK) {
        const uint32_t skip = rank == 4 && shape[0] == 1; /* the batch */
        const bool plane = rank == 2 || (rank - skip == 3 && shape[skip] == 1 && shape[skip + 2] != 1) ||
                           (rank == 3 && shape[0] == 1 && shape[2] != 1);
        if (plane) { /* [1,]H,W: one channel, wherever the ones stand */
            kept[0] = shape[rank - 2];
            kept[1] = shape[rank - 1];
            kept[2] = 1;
        } else {
            for (uint32_t d = 0; d + skip < rank && d < 3; d++)
                kept[d] = shape[d + skip];
        }
        n = plane || rank - skip == 3 ? 3 : UINT32_MAX;
    }
    if (n > TRI_LAYOUT_MAX_RANK)
        return trii_fail(err, TRI_BAD_PIPELINE, "%s: its output '%s' has %u dimensions, which make no %s", custom->name,
                         ((const struct trii_model_file *)custom->inside)->outputs[j].name, rank, tri_kind_name(kind));
    *out = (struct tri_layout){.dtype = elements[find_element(element)].dtype, .kind = kind, .rank = n};
    for (uint32_t d = 0; d < n; d++)
        out->shape[d] = kept[d];
    return TRI_OK;
}

static tri_status check_output(const struct trii_custom *custom, struct trii_nn_graph *g, size_t j,
                               const struct trii_model_port *port, struct tri_layout *out, struct tri_error *err) {
    uint64_t shape[TRII_MODEL_RANK_MAX], a[TRII_MODEL_RANK_MAX], b[TRII_MODEL_RANK_MAX];
    char says[96], has[96];
    bool fixed = port->rank != UINT32_MAX;
    for (uint32_t d = 0; fixed && d < port->rank; d++) {
        fixed = port->dims[d] > 0;
        shape[d] = (uint64_t)port->dims[d];
        g->outputs[j].dims[d] = port->dims[d];
    }
    if (!fixed)
        return trii_fail(err, TRI_BAD_PIPELINE,
                         "%s: its output '%s' is %s even with its inputs fixed; such a model can't be planned for",
                         custom->name, port->name, show(port, says, sizeof says));
    g->outputs[j].rank = port->rank;
    if (out->rank == UINT32_MAX)
        return own_layout(custom, j, shape, port->rank, g->outputs[j].element, out, err);
    const uint32_t n = without_ones(shape, port->rank, a);
    if (n == without_ones(out->shape, out->rank, b) && memcmp(a, b, n * sizeof *a) == 0)
        return TRI_OK;
    return trii_fail(err, TRI_BAD_PIPELINE, "%s: its output '%s' is %s, and the stage's region is to hold %s",
                     custom->name, port->name, show(port, says, sizeof says), tri_layout_format(out, has, sizeof has));
}

/* ---- the whole ---- */

static tri_status fix_inputs(struct trii_nn *nn, const struct trii_custom *custom, const struct trii_args *args,
                             const struct tri_layout *in, struct trii_nn_graph *g,
                             int64_t fixed[TRII_MODEL_INPUTS_MAX][TRII_MODEL_RANK_MAX], struct tri_error *err) {
    uint32_t ranks[TRII_MODEL_INPUTS_MAX];
    char words[128];
    for (size_t i = 0; i < g->ports.input_count; i++) {
        const struct trii_model_port *port = &g->ports.inputs[i];
        const struct tri_layout *layout = &in[g->inputs[i].operand];
        struct places at;
        tri_status status;
        ranks[i] = port->rank;
        if (g->inputs[i].operand == UINT32_MAX) {
            status = take_constant(custom, args, g, i, err);
            memcpy(fixed[i], g->inputs[i].dims, sizeof fixed[i]); /* not payload: a shape */
        } else if (layout->kind == TRI_KIND_IMAGE && layout->rank == 3 && find_places(custom, args, port, &at)) {
            status = image_dims(custom, port, &at, layout, fixed[i], err);
            g->inputs[i].rank = 3 + at.batch;
            g->inputs[i].dims[0] = 1;
            for (uint32_t d = 0; d < 3; d++)
                g->inputs[i].dims[d + at.batch] = (int64_t)layout->shape[d];
            g->inputs[i].element = trii_openvino_element(layout->dtype);
        } else {
            status = plain_dims(custom, port, layout, fixed[i], &ranks[i], err);
            g->inputs[i].rank = ranks[i];
            memcpy(g->inputs[i].dims, fixed[i], sizeof fixed[i]); /* not payload: a shape */
            g->inputs[i].element = trii_openvino_element(layout->dtype);
        }
        if (status != TRI_OK)
            return status;
    }
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

static tri_status check_numbers(const struct trii_custom *custom, const struct trii_args *args, struct tri_error *err) {
    static const char *const names[] = {[TRII_MODEL_MEAN] = "mean", [TRII_MODEL_SCALE] = "scale"};
    for (size_t p = TRII_MODEL_MEAN; p <= TRII_MODEL_SCALE; p++) {
        double numbers[4];
        const size_t n = trii_custom_numbers(args->value[p].text, numbers, 4);
        bool good = n >= 1 && n <= 4;
        for (size_t i = 0; good && i < n; i++)
            good = p == TRII_MODEL_MEAN || numbers[i] != 0;
        if (!good)
            return trii_fail(err, TRI_BAD_PIPELINE, "%s: %s is '%.60s', it must be one number, or one a channel%s",
                             custom->name, names[p], args->value[p].text, p == TRII_MODEL_SCALE ? ", none of them 0" : "");
    }
    return TRI_OK;
}

tri_status trii_nn_graph_make(struct trii_nn *nn, const struct trii_custom *custom, const struct trii_args *args,
                              const struct tri_layout *in, struct tri_layout *out, struct trii_nn_graph *g,
                              struct tri_error *err) {
    int64_t fixed[TRII_MODEL_INPUTS_MAX][TRII_MODEL_RANK_MAX] = {{0}};
    struct trii_model_file *made = NULL;
    tri_status status = check_numbers(custom, args, err);
    if (status == TRI_OK)
        status = read_model(nn, custom, g, err);
    if (status == TRI_OK)
        status = match(custom, g, err);
    if (status == TRI_OK)
        status = fix_inputs(nn, custom, args, in, g, fixed, err);
    if (status == TRI_OK)
        status = choose_elements(custom, g, out, err);
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
        status = check_output(custom, g, j, &made->outputs[j], &out[j], err);
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
