#include "engine/webnn/bind.h"

#include "base/checked.h"
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

bool trii_nn_is_real(unsigned element) {
    return element == TRII_OV_F32 || element == TRII_OV_F16 || element == TRII_OV_F64 || element == TRII_OV_BF16;
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

tri_status trii_nn_match(const struct trii_custom *custom, struct trii_nn_graph *g, struct tri_error *err) {
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

static bool are_channels(int64_t dim) {
    return dim == 1 || dim == 3 || dim == 4;
}

bool trii_nn_find_places(const struct trii_custom *custom, const struct trii_args *args,
                         const struct trii_model_port *port, struct trii_nn_places *out) {
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
    *out = chw ? (struct trii_nn_places){b + 1, b + 2, b, b == 1} : (struct trii_nn_places){b, b + 1, b + 2, b == 1};
    return true;
}

static tri_status wrong_input(const struct trii_custom *custom, const struct trii_model_port *port,
                              const struct tri_layout *layout, const char *why, struct tri_error *err) {
    char says[96], has[96];
    return trii_fail(err, TRI_BAD_PIPELINE, "%s: its input '%s' is %s, and the stage gives it %s%s", custom->name,
                     port->name, show(port, says, sizeof says), tri_layout_format(layout, has, sizeof has), why);
}

static tri_status image_dims(const struct trii_custom *custom, const struct trii_model_port *port,
                             const struct trii_nn_places *at, const struct tri_layout *layout,
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
    uint64_t total = 1;
    bool fits = port->rank != UINT32_MAX;
    for (uint32_t d = 0; fits && d < port->rank; d++) {
        fixed[d] = port->dims[d] >= 0 ? port->dims[d] : d + 1 == port->rank ? (int64_t)count : 1;
        fits = trii_mul_u64(total, (uint64_t)fixed[d], &total); /* the model says how large they are */
    }
    if (!fits || total != count)
        return trii_fail(err, TRI_BAD_PIPELINE, "%s: its input '%s' is %s, and the parameter of that name has %zu number%s",
                         custom->name, port->name, show(port, says, sizeof says), count, count == 1 ? "" : "s");
    return TRI_OK;
}

/* ---- constants ---- */

static void put(uint8_t *to, size_t i, const void *number, size_t bytes) {
    memcpy(to + i * bytes, number, bytes); /* not payload: a parameter */
}

/* False where the element can't hold the value, or no parameter is of that type. */
static bool put_number(unsigned element, uint8_t *to, size_t i, double value) {
    const bool in_32 = value >= INT32_MIN && value <= INT32_MAX;
    const bool in_64 = value >= -0x1p63 && value < 0x1p63;
    const bool in_8 = value >= 0 && value <= UINT8_MAX;
    switch (element) {
    case TRII_OV_F32:
        put(to, i, &(float){(float)value}, sizeof(float));
        return true;
    case TRII_OV_F64:
        put(to, i, &value, sizeof value);
        return true;
    case TRII_OV_I32:
        put(to, i, &(int32_t){in_32 ? (int32_t)value : 0}, sizeof(int32_t));
        return in_32;
    case TRII_OV_I64:
        put(to, i, &(int64_t){in_64 ? (int64_t)value : 0}, sizeof(int64_t));
        return in_64;
    case TRII_OV_U8:
    case TRII_OV_BOOLEAN:
        put(to, i, &(uint8_t){in_8 ? (uint8_t)value : 0}, 1);
        return in_8;
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
            return trii_fail(err, TRI_UNSUPPORTED, "%s: its input '%s' is of %s, which the parameter %g can't be", custom->name,
                             port->name, element_name(port->element), numbers[k]);
    g->inputs[i].rank = port->rank;
    g->inputs[i].element = port->element;
    return status;
}

/* ---- dimensions of the inputs ---- */

tri_status trii_nn_fix(const struct trii_custom *custom, const struct trii_args *args, const struct tri_layout *in,
                       struct trii_nn_graph *g, int64_t fixed[TRII_MODEL_INPUTS_MAX][TRII_MODEL_RANK_MAX],
                       uint32_t ranks[TRII_MODEL_INPUTS_MAX], struct tri_error *err) {
    for (size_t i = 0; i < g->ports.input_count; i++) {
        const struct trii_model_port *port = &g->ports.inputs[i];
        const uint32_t operand = g->inputs[i].operand;
        const struct tri_layout *layout = operand == UINT32_MAX ? NULL : &in[operand];
        struct trii_nn_places at;
        tri_status status;
        ranks[i] = port->rank;
        if (!layout) {
            status = take_constant(custom, args, g, i, err);
            memcpy(fixed[i], g->inputs[i].dims, sizeof fixed[i]); /* not payload: a shape */
        } else if (layout->kind == TRI_KIND_IMAGE && layout->rank == 3 && trii_nn_find_places(custom, args, port, &at)) {
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
    return TRI_OK;
}

/* ---- outputs ---- */

/* What an output's elements will be: what is asked for, or the model's own where a region can hold it. */
tri_status trii_nn_choose_elements(const struct trii_custom *custom, struct trii_nn_graph *g,
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

tri_status trii_nn_check_output(const struct trii_custom *custom, struct trii_nn_graph *g, size_t j,
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

/* ---- numbers ---- */

tri_status trii_nn_check_numbers(const struct trii_custom *custom, const struct trii_args *args, struct tri_error *err) {
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
