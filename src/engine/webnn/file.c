/* Stages that name a model file: what the engine tells of it for planning, and an inference of any inputs and outputs. */
#include "engine/webnn/graph.h"

#include "base/alloc.h"
#include "base/status.h"

#include <stdio.h>
#include <string.h>

#define GRAPH "file graph 1" /* changes with what graph.c folds */

/* ---- planning ---- */

/* Called by the front door's callers, without the engine's lock. */
static tri_status shapes(struct tri_engine *engine, const struct trii_custom *custom, const struct trii_args *args,
                         const struct tri_layout *in, struct tri_layout *out, struct tri_error *err) {
    struct trii_nn_graph *graph = trii_calloc(1, sizeof *graph);
    if (!graph)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to look at %s", custom->name);
    trii_engine_lock(engine);
    tri_status status = trii_nn_graph_make((struct trii_nn *)engine, custom, args, in, out, graph, err);
    trii_nn_graph_drop((struct trii_nn *)engine, graph);
    trii_engine_unlock(engine);
    trii_free(graph);
    return status;
}

tri_status trii_nn_reflect(struct tri_engine *engine, struct trii_custom *custom, struct tri_error *err) {
    struct trii_model_file *file = custom->inside;
    tri_status status = file->read ? TRI_OK : trii_nn_ports((struct trii_nn *)engine, custom, file, err);
    if (status == TRI_OK) {
        file->engine = engine;
        file->shapes = shapes;
    }
    return status;
}

/* ---- preparing ---- */

/* Everything that decides what the compiled model is. */
static char *key_of(const struct trii_nn *nn, const struct trii_stage *stage) {
    char *args = trii_model_args_text(stage->op->custom, &stage->args);
    char *key = args ? trii_format("%s; " GRAPH "; %s;%s", nn->machine, stage->op->custom->hash, args) : NULL;
    trii_free(args);
    for (size_t i = 0; key && i < stage->operand_count; i++) {
        char text[96];
        char *more = trii_format("%s %s", key, tri_layout_format(&stage->operands[i].layout, text, sizeof text));
        trii_free(key);
        key = more;
    }
    return key;
}

static int bind_input(struct trii_nn *nn, const struct trii_stage *stage, struct trii_nn_graph *g, size_t i,
                      uint8_t *constant, struct ov_infer_request *request) {
    struct ov_tensor *tensor = NULL;
    const uint32_t operand = g->inputs[i].operand;
    void *bytes = operand == UINT32_MAX ? (void *)constant : stage->operands[operand].region.bytes;
    memcpy(constant, g->inputs[i].constant, TRII_GRAPH_CONSTANT_BYTES); /* not payload: a parameter */
    int code = nn->ov.tensor_create_from_host_ptr(
        g->inputs[i].element, (struct trii_ov_shape){g->inputs[i].rank, g->inputs[i].dims}, bytes, &tensor);
    if (code == TRII_OV_OK)
        code = nn->ov.infer_request_set_input_tensor_by_index(request, i, tensor);
    if (tensor)
        nn->ov.tensor_free(tensor); /* the request holds its own reference */
    return code;
}

static int bind_output(struct trii_nn *nn, const struct trii_stage *stage, struct trii_nn_graph *g, size_t j,
                       struct ov_infer_request *request) {
    struct ov_tensor *tensor = NULL;
    int code = nn->ov.tensor_create_from_host_ptr(
        g->outputs[j].element, (struct trii_ov_shape){g->outputs[j].rank, g->outputs[j].dims},
        stage->operands[trii_op_inputs(stage->op) + j].region.bytes, &tensor);
    if (code == TRII_OV_OK)
        code = nn->ov.infer_request_set_output_tensor_by_index(request, j, tensor);
    if (tensor)
        nn->ov.tensor_free(tensor);
    return code;
}

static tri_status bind_all(struct trii_nn *nn, const struct trii_stage *stage, struct trii_nn_graph *g,
                           struct trii_prepared *prepared, struct tri_error *err) {
    prepared->constants = trii_calloc(g->ports.input_count + 1, TRII_GRAPH_CONSTANT_BYTES);
    if (!prepared->constants)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to bind %s", stage->op->info.name);
    int code = nn->ov.compiled_model_create_infer_request(prepared->model->compiled, &prepared->request);
    for (size_t i = 0; code == TRII_OV_OK && i < g->ports.input_count; i++)
        code = bind_input(nn, stage, g, i, prepared->constants + i * TRII_GRAPH_CONSTANT_BYTES, prepared->request);
    for (size_t j = 0; code == TRII_OV_OK && j < g->ports.output_count; j++)
        code = bind_output(nn, stage, g, j, prepared->request);
    return code == TRII_OV_OK ? TRI_OK
                              : trii_openvino_fail(&nn->ov, code, err, TRI_BAD_MODEL, "the model does not fit its operands");
}

static tri_status prepare(struct trii_nn *nn, const struct trii_stage *stage, struct trii_nn_graph *g,
                          struct trii_prepared *prepared, struct tri_error *err) {
    struct tri_layout in[TRII_OP_OPERANDS_MAX], out[TRII_OP_OPERANDS_MAX];
    const size_t inputs = trii_op_inputs(stage->op);
    for (size_t i = 0; i < stage->operand_count; i++)
        *(i < inputs ? &in[i] : &out[i - inputs]) = stage->operands[i].layout;
    tri_status status = trii_nn_graph_make(nn, stage->op->custom, &stage->args, in, out, g, err);
    if (status != TRI_OK)
        return status;
    char *key = key_of(nn, stage);
    if (!key)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to prepare %s", stage->op->info.name);
    status = trii_nn_model_by_key(nn, key, g->folded, &g->weights, &prepared->model, err);
    return status == TRI_OK ? bind_all(nn, stage, g, prepared, err) : status;
}

tri_status trii_nn_prepare_file(struct trii_nn *nn, const struct trii_stage *stage, struct trii_prepared *prepared,
                                struct tri_error *err) {
    struct trii_nn_graph *graph = trii_calloc(1, sizeof *graph);
    if (!graph)
        return trii_fail(err, TRI_NO_MEMORY, "no memory to prepare %s", stage->op->info.name);
    tri_status status = prepare(nn, stage, graph, prepared, err);
    trii_nn_graph_drop(nn, graph);
    trii_free(graph);
    return status;
}
