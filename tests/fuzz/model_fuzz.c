/*
 * How a stranger's model fits a stage: the bytes make up its ports (names, element types, dimensions of any size) and a stage
 * with operands and parameters. It fits, or is refused with a sentence; and what fits has room: tensors are as large as the
 * regions and constants that they are made over.
 */
#include "custom.h"

#include "engine/webnn/bind.h"

#include "base/checked.h"

struct stream {
    const uint8_t *at, *end;
};

static uint8_t byte(struct stream *s) {
    return s->at < s->end ? *s->at++ : 0;
}

/* Mostly likely ones; else eight bytes. */
static int64_t dimension(struct stream *s) {
    static const int64_t likely[] = {-1, -1, 0, 1, 1, 2, 3, 4, 5, 7, 32, 274177, INT64_C(67280421310721), INT64_C(1) << 32,
                                     INT64_MAX};
    const uint8_t which = byte(s);
    uint64_t value = 0;
    if (which < sizeof likely / sizeof *likely)
        return likely[which];
    for (int i = 0; i < 8; i++)
        value = value << 8 | byte(s);
    return (int64_t)(value & INT64_MAX);
}

static const char *const names[] = {"a", "b", "gain", "mean", "", "grid", "output", "\xc3\xa9"};

static void port(struct stream *s, struct trii_model_port *out) {
    const uint8_t rank = byte(s);
    snprintf(out->name, sizeof out->name, "%s", names[byte(s) % 8]);
    out->element = byte(s) % 24;
    out->rank = rank < 9 ? rank : UINT32_MAX;
    for (uint32_t d = 0; d < TRII_MODEL_RANK_MAX; d++)
        out->dims[d] = d < rank && rank < 9 ? dimension(s) : 0;
}

static struct tri_layout layout(struct stream *s) {
    struct tri_layout out = fuzz_layouts[byte(s) % FUZZ_LAYOUTS];
    const uint8_t change = byte(s);
    if (change & 1)
        out.kind = (enum tri_kind)(change / 2 % 5);
    if (change & 16)
        out.shape[change % 3] = 1 + byte(s) % 5;
    return out;
}

/* How many elements; SIZE_MAX when there are more than can be counted. */
static uint64_t elements_of(const int64_t *dims, uint32_t rank) {
    uint64_t n = 1;
    for (uint32_t d = 0; d < rank; d++)
        if (dims[d] < 0 || !trii_mul_u64(n, (uint64_t)dims[d], &n))
            return UINT64_MAX;
    return n;
}

static uint64_t elements_in(const struct tri_layout *in) {
    uint64_t n = 1;
    for (uint32_t d = 0; d < in->rank; d++)
        n *= in->shape[d];
    return n;
}

static void check_inputs(const struct trii_nn_graph *g, const struct tri_layout *in) {
    for (size_t i = 0; i < g->ports.input_count; i++) {
        const uint64_t n = elements_of(g->inputs[i].dims, g->inputs[i].rank);
        if (g->inputs[i].operand == UINT32_MAX ? n > TRII_GRAPH_CONSTANT_BYTES / 8
                                               : n != elements_in(&in[g->inputs[i].operand]))
            fuzz_fail("a tensor is larger than what it is made over", g->ports.inputs[i].name);
    }
}

static void fit(struct stream *s, const struct trii_custom *custom, const struct trii_args *args, struct trii_nn_graph *g) {
    static int64_t fixed[TRII_MODEL_INPUTS_MAX][TRII_MODEL_RANK_MAX];
    struct tri_layout in[TRII_OP_OPERANDS_MAX], out[TRII_OP_OPERANDS_MAX];
    uint32_t ranks[TRII_MODEL_INPUTS_MAX];
    struct tri_error err = {0};
    for (size_t i = 0; i < TRII_OP_OPERANDS_MAX; i++) {
        in[i] = layout(s);
        out[i] = byte(s) % 2 ? layout(s) : (struct tri_layout){.rank = UINT32_MAX};
    }
    tri_status status = trii_nn_check_numbers(custom, args, &err);
    if (status == TRI_OK)
        status = trii_nn_match(custom, g, &err);
    if (status == TRI_OK)
        status = trii_nn_fix(custom, args, in, g, fixed, ranks, &err);
    if (status == TRI_OK)
        check_inputs(g, in);
    if (status == TRI_OK)
        status = trii_nn_choose_elements(custom, g, out, &err);
    for (size_t j = 0; status == TRI_OK && j < g->ports.output_count; j++) {
        struct trii_model_port made = g->ports.outputs[j];
        for (uint32_t d = 0; made.rank != UINT32_MAX && d < made.rank; d++)
            made.dims[d] = made.dims[d] < 0 ? byte(s) : made.dims[d];
        status = trii_nn_check_output(custom, g, j, &made, &out[j], &err);
        if (status == TRI_OK && out[j].rank > TRI_LAYOUT_MAX_RANK)
            fuzz_fail("a layout with a rank that is none", made.name);
        if (status == TRI_OK && elements_of(made.dims, made.rank) < UINT32_MAX &&
            elements_in(&out[j]) != elements_of(made.dims, made.rank))
            fuzz_fail("an output is larger than its region", made.name);
    }
    fuzz_refused(status, &err, custom->name);
}

/* Parameters beside those that every model has: inputs of the model that get a number. */
static void more_params(struct stream *s, struct trii_custom *custom, struct tri_param *params, size_t *count) {
    static const double numbers[] = {0, 1, -1, 3.5, 1e30, -1e300, 255, 256};
    static const char *const texts[] = {"1 2 3", "", "0", "1,2,3,4", "nan", "x", "1e400", "7 7"};
    for (uint8_t n = byte(s) % 4; n > 0; n--) {
        const char *name = names[byte(s) % 8];
        const uint8_t value = byte(s);
        const char *text = value & 8 ? texts[value % 8] : NULL;
        for (size_t i = 0; name && i < *count; i++)
            name = strcmp(params[i].name, name) == 0 ? NULL : name;
        if (name && (strcmp(name, "mean") == 0 ? text != NULL : trii_custom_open_param(custom, name, !text) != NULL))
            params[(*count)++] = (struct tri_param){name, numbers[value % 8], text};
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static struct trii_nn_graph g;
    struct stream s = {bytes, bytes + size};
    struct tri_param params[4];
    struct trii_args args;
    struct tri_error err = {0};
    size_t count = 0;
    const char *name = byte(&s) % 2 ? "x.onnx" : "x.tflite";
    struct trii_custom *custom = fuzz_open((const uint8_t *)"x", 1, name, name);
    if (!custom)
        fuzz_fail("a model is not opened", name);
    memset(&g, 0, sizeof g);
    g.ports.input_count = byte(&s) % (TRII_MODEL_INPUTS_MAX + 1);
    g.ports.output_count = byte(&s) % (TRII_OP_OPERANDS_MAX + 1);
    for (size_t i = 0; i < g.ports.input_count; i++)
        port(&s, &g.ports.inputs[i]);
    for (size_t j = 0; j < g.ports.output_count; j++)
        port(&s, &g.ports.outputs[j]);
    *(struct trii_model_file *)custom->inside = g.ports;
    const size_t inputs = byte(&s) % 4, outputs = 1 + byte(&s) % 4;
    tri_status status = trii_custom_given(custom, inputs, outputs, &err);
    if (status == TRI_OK)
        more_params(&s, custom, params, &count);
    if (status == TRI_OK)
        status = trii_args_resolve(&custom->op, params, count, &args, &err);
    fuzz_refused(status, &err, name);
    if (status == TRI_OK)
        fit(&s, custom, &args, &g);
    trii_custom_close(&custom);
    return 0;
}

#ifndef TRIPOINT_LIBFUZZER
int main(int argc, char **argv) {
    static const char likely[] = "\0\1\2\3\4\5\6\7\x0b\x0c\x0e\xff";
    return replay_files(argc, argv, 400, 20000, likely, sizeof likely - 1);
}
#endif
